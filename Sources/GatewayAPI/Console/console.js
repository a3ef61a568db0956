// The console: a live list of deliveries, and why each is as it is. Everything from the server is set as text, never as markup.

const $ = (id) => document.getElementById(id);
const state = { token: null, organization: "", rows: new Map(), next: null, stream: null };

function address(path, query = {}) {
  const url = new URL(path, location.origin);
  for (const [key, value] of Object.entries(query)) if (value) url.searchParams.set(key, value);
  if (state.organization) url.searchParams.set("organization", state.organization);
  return url;
}

async function call(path, query, options = {}) {
  const response = await fetch(address(path, query), { ...options, headers: { Authorization: `Bearer ${state.token}` } });
  if (response.ok) return response;
  const body = await response.json().catch(() => ({ error: response.statusText }));
  const error = new Error(body.error);
  error.status = response.status;
  throw error;
}

const read = async (path, query) => (await call(path, query)).json();

// MARK: coming and going

$("enter").addEventListener("submit", async (event) => {
  event.preventDefault();
  state.token = $("token").value.trim();
  state.organization = $("organization").value.trim();
  await connect();
});

$("leave").addEventListener("click", () => {
  sessionStorage.clear();
  location.reload();
});

async function connect() {
  $("refusal").textContent = "";
  try {
    await load();
  } catch (error) {
    sessionStorage.clear();
    $("refusal").textContent = error.message;
    return;
  }
  sessionStorage.setItem("token", state.token);
  sessionStorage.setItem("organization", state.organization);
  $("enter").hidden = true;
  $("board").hidden = false;
  $("leave").hidden = false;
  follow();
  count();
}

// MARK: the list

async function load(cursor = null) {
  const page = await read("/api/v1/deliveries", { status: $("status").value, channel: $("channel").value, cursor });
  if (!cursor) {
    state.rows.clear();
    $("rows").replaceChildren();
  }
  for (const delivery of page.deliveries) show(delivery, false);
  state.next = page.nextCursor;
  $("more").hidden = !state.next;
  $("empty").hidden = state.rows.size > 0;
}

$("more").addEventListener("click", () => load(state.next).catch(report));
for (const id of ["status", "channel"]) $(id).addEventListener("change", () => load().catch(report));

const waiting = new Set(["pending", "scheduled", "processing"]);
function fits(delivery) {
  const status = $("status").value;
  const channel = $("channel").value;
  return (!status || status === delivery.status || (status === "pending" && waiting.has(delivery.status))) && (!channel || channel === delivery.channel);
}

function show(delivery, isNew) {
  if (![...$("channel").options].some((option) => option.value === delivery.channel)) {
    $("channel").add(new Option(delivery.channel, delivery.channel));
  }
  let row = state.rows.get(delivery.id);
  if (!fits(delivery)) {
    row?.remove();
    state.rows.delete(delivery.id);
    return;
  }
  if (!row) {
    row = document.createElement("tr");
    row.tabIndex = 0;
    row.dataset.id = delivery.id;
    state.rows.set(delivery.id, row);
    if (isNew) $("rows").prepend(row);
    else $("rows").append(row);
  }
  const status = cell(delivery.confirmation ? `${delivery.status}, ${delivery.confirmation}` : delivery.status);
  status.className = `state ${delivery.status}`;
  const why = delivery.trigger ?? delivery.origin;
  row.replaceChildren(
    status, cell(delivery.channel), cell(delivery.recipient), cell(delivery.quoteId ? `${why}, ${delivery.quoteId}` : why),
    cell(`${delivery.attemptCount} of ${delivery.maxAttempts}`), cell(new Date(delivery.updatedAt).toLocaleString()));
  $("empty").hidden = true;
}

function cell(text) {
  const cell = document.createElement("td");
  cell.textContent = text;
  return cell;
}

$("rows").addEventListener("click", (event) => open(event.target.closest("tr")));
$("rows").addEventListener("keydown", (event) => {
  const row = event.target.closest("tr");
  if (event.key === "Enter" || event.key === " ") open(row);
  else if (event.key === "ArrowDown") row?.nextElementSibling?.focus();
  else if (event.key === "ArrowUp") row?.previousElementSibling?.focus();
  else return;
  event.preventDefault();
});

// MARK: one delivery

async function open(row) {
  if (!row) return;
  try {
    const path = `/api/v1/deliveries/${row.dataset.id}`;
    const [delivery, why] = await Promise.all([read(path), read(`${path}/explain`)]);
    $("title").textContent = `${delivery.channel} to ${delivery.recipient}`;
    $("summary").textContent = why.summary;
    $("counterfactuals").replaceChildren(...why.counterfactuals.map((other) => item(`If ${other.change}: ${other.outcome}.`)));
    $("timeline").replaceChildren(...delivery.timeline.map((entry) => item(entry.text, entry.at)));
    $("content").textContent = JSON.stringify(delivery.content, null, 2);
    $("detail").showModal();
  } catch (error) {
    report(error);
  }
}

$("detail").addEventListener("close", () => $("deliveries").focus());

function item(text, at) {
  const item = document.createElement("li");
  if (at) {
    const time = document.createElement("time");
    time.dateTime = at;
    time.textContent = new Date(at).toLocaleTimeString();
    item.append(time);
  }
  item.append(text);
  return item;
}

// MARK: live

function report(error) {
  $("connection").textContent = error.message;
}

/** Follows the stream of changes, and comes back after a loss with what was missed. */
async function follow() {
  let wait = 1000;
  for (;;) {
    try {
      const response = await call("/api/v1/stream", {});
      $("connection").textContent = "live";
      wait = 1000;
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        text += value;
        const frames = text.split("\n\n");
        text = frames.pop();
        for (const frame of frames) receive(frame);
      }
    } catch (error) {
      if (error.status === 401 || error.status === 403) return report(error);
    }
    $("connection").textContent = "connection lost, trying again";
    await new Promise((resolve) => setTimeout(resolve, wait));
    wait = Math.min(wait * 2, 30000);
    await load().catch(report);
  }
}

function receive(frame) {
  const data = frame.split("\n").filter((line) => line.startsWith("data:")).map((line) => line.slice(5)).join("\n");
  if (data && frame.includes("event: delivery")) show(JSON.parse(data), true);
}

async function count() {
  try {
    const health = await read("/api/v1/outbox/health");
    $("states").replaceChildren(...Object.entries(health.states).map(([name, number]) => {
      const entry = document.createElement("li");
      const figure = document.createElement("b");
      figure.textContent = number;
      entry.append(figure, ` ${name}`);
      return entry;
    }));
  } catch (error) {
    // Keys that only see their own deliveries are not shown the whole outbox.
    if (error.status === 403) return;
  }
  setTimeout(count, 5000);
}

state.token = sessionStorage.getItem("token");
state.organization = sessionStorage.getItem("organization") ?? "";
if (state.token) connect();

// The console: a live list of deliveries, and why each is as it is. Everything from the server is set as text, never as markup.

const $ = (id) => document.getElementById(id);
const state = { token: null, organization: "", rows: new Map(), next: null };

/** No more rows are kept than anybody looks through. */
const mostRows = 500;

/** A path with its query. A plus stands for itself there, as in a telephone number, so blanks are written as %20. */
function address(path, query = {}) {
  const pairs = Object.entries({ ...query, organization: state.organization || query.organization }).filter(([, value]) => value);
  return pairs.length === 0 ? path : `${path}?${pairs.map((pair) => pair.map(encodeURIComponent).join("=")).join("&")}`;
}

async function call(path, query, options = {}) {
  const headers = { Authorization: `Bearer ${state.token}` };
  if (options.body) headers["Content-Type"] = "application/json";
  const response = await fetch(address(path, query), { ...options, headers });
  if (response.ok) return response;
  const body = await response.json().catch(() => ({ error: response.statusText }));
  const error = new Error(body.details ? `${body.error} ${body.details.map((fault) => `${fault.path} ${fault.message}`).join("; ")}` : body.error);
  error.status = response.status;
  throw error;
}

const read = async (path, query) => (await call(path, query)).json();

/** An element with text, or with other elements. */
function make(name, ...content) {
  const element = document.createElement(name);
  element.append(...content);
  return element;
}

function time(text, show) {
  const element = make("time", show.format(new Date(text)));
  element.dateTime = text;
  return element;
}

const moment = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" });

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
    $("token").select();
    return;
  }
  sessionStorage.setItem("token", state.token);
  sessionStorage.setItem("organization", state.organization);
  $("token").value = "";
  $("enter").hidden = true;
  $("board").hidden = false;
  $("leave").hidden = false;
  $("status").focus();
  follow();
  count();
}

// MARK: the list

const filters = ["status", "channel", "recipient"];

async function load(cursor = null) {
  const query = Object.fromEntries(filters.map((name) => [name, $(name).value.trim()]));
  const page = await read("/api/v1/deliveries", { ...query, cursor });
  if (!cursor) {
    state.rows.clear();
    $("rows").replaceChildren();
  }
  state.next = page.nextCursor;
  for (const delivery of page.deliveries) show(delivery, true);
  $("more").hidden = !state.next;
  $("empty").hidden = state.rows.size > 0;
}

$("more").addEventListener("click", () => load(state.next).catch(report));
for (const name of filters) $(name).addEventListener("change", () => load().catch(report));
$("filter").addEventListener("submit", (event) => event.preventDefault());

const waiting = new Set(["pending", "scheduled", "processing"]);

/** Whether a delivery is one of those asked for. Of what is in the list, the gateway said that its recipient is the one, however spelled. */
function fits(delivery) {
  const [status, channel, recipient] = filters.map((name) => $(name).value.trim());
  return (!status || status === delivery.status || (status === "pending" && waiting.has(delivery.status)))
    && (!channel || channel === delivery.channel)
    && (!recipient || state.rows.has(delivery.id) || recipient.toLowerCase() === delivery.recipient.toLowerCase());
}

/** Shows a delivery as it now is, one of the list that was asked for or another. Ids rise with time, so that their order is the list's. */
function show(delivery, isListed = false) {
  if (![...$("channel").options].some((option) => option.value === delivery.channel)) {
    $("channel").add(new Option(delivery.channel, delivery.channel));
  }
  let row = state.rows.get(delivery.id);
  if (!isListed && !fits(delivery)) {
    row?.remove();
    state.rows.delete(delivery.id);
    return;
  }
  if (!row) {
    const after = [...$("rows").children].find((other) => other.dataset.id < delivery.id);
    row = newRow(delivery);
    state.rows.set(delivery.id, row);
    $("rows").insertBefore(row, after ?? null);
    if (state.rows.size > mostRows) {
      const last = $("rows").lastElementChild;
      state.rows.delete(last.dataset.id);
      last.remove();
      $("more").hidden = true;
    }
  }
  const [status, , , , tries, changed] = row.children;
  status.textContent = delivery.confirmation ? `${delivery.status}, ${delivery.confirmation}` : delivery.status;
  status.className = `state ${delivery.status}`;
  if (delivery.flags.length > 0) status.append(make("small", delivery.flags.join(", ")));
  tries.textContent = `${delivery.attemptCount} of ${delivery.maxAttempts}`;
  changed.replaceChildren(time(delivery.updatedAt, moment));
  $("empty").hidden = true;
}

function newRow(delivery) {
  const open = make("button", delivery.recipient);
  open.type = "button";
  const purpose = make("td", delivery.trigger ?? delivery.origin);
  if (delivery.quoteId) purpose.append(make("small", delivery.quoteId));
  const row = make("tr", make("td"), make("td", delivery.channel), make("td", open), purpose, make("td"), make("td"));
  row.dataset.id = delivery.id;
  return row;
}

$("rows").addEventListener("click", (event) => open(event.target.closest("tr")));
$("rows").addEventListener("keydown", (event) => {
  const row = event.target.closest("tr");
  const other = event.key === "ArrowDown" ? row?.nextElementSibling : event.key === "ArrowUp" ? row?.previousElementSibling : null;
  if (!other) return;
  event.preventDefault();
  other.querySelector("button").focus();
});

// MARK: one delivery

let opened = null;

async function open(row) {
  if (!row) return;
  opened = row.dataset.id;
  try {
    await fill(opened);
    $("detail").showModal();
    $("detail").scrollTop = 0;
  } catch (error) {
    report(error);
  }
}

async function fill(id) {
  const path = `/api/v1/deliveries/${id}`;
  const [delivery, why] = await Promise.all([read(path), read(`${path}/explain`)]);
  $("title").textContent = `${delivery.channel} to ${delivery.recipient}`;
  $("summary").textContent = why.summary;
  $("counterfactuals").replaceChildren(...why.counterfactuals.map((other) => make("li", `If ${other.change}, ${other.outcome}.`)));
  $("trouble").textContent = "";
  $("actions").replaceChildren(...actions(delivery));
  $("timeline").replaceChildren(...delivery.timeline.map((entry) => make("li", time(entry.at, moment), entry.text)));
  $("content").textContent = words(delivery.content);
}

/** What can be done with a delivery; whether the token may do it, the gateway says. */
function actions(delivery) {
  const offers = {
    failed: [["Try again", "retry"]],
    unknown: [["It was delivered", "resolve", { as: "delivered" }], ["It was not: send again", "resolve", { as: "not_delivered" }]],
  };
  const offered = waiting.has(delivery.status) ? [["Cancel", "cancel"]] : offers[delivery.status] ?? [];
  return offered.map(([label, action, body]) => {
    const button = make("button", label);
    button.type = "button";
    button.addEventListener("click", async () => {
      try {
        const options = { method: "POST", body: body && JSON.stringify(body) };
        show(await (await call(`/api/v1/deliveries/${delivery.id}/${action}`, { organization: delivery.organizationId }, options)).json());
        await fill(delivery.id);
        $("detail").querySelector("button").focus();
      } catch (error) {
        $("trouble").textContent = error.message;
      }
    });
    return button;
  });
}

/** Content as its recipient reads it, where it is text; else as it is. */
function words(content) {
  if (!content) return "It cannot be read.";
  const files = (content.attachments ?? []).map((file) => `\n\n[${file.filename}, ${file.contentType}]`).join("");
  if (content.subject !== undefined && content.text) return `${content.subject}\n\n${content.text}${files}`;
  return content.text ?? JSON.stringify(content, null, 2);
}

$("detail").addEventListener("close", () => (state.rows.get(opened)?.querySelector("button") ?? $("deliveries")).focus());

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
  if (data && frame.includes("event: delivery")) show(JSON.parse(data));
}

const shown = ["pending", "scheduled", "processing", "succeeded", "failed", "suppressed", "cancelled", "unknown"];

async function count() {
  try {
    if (!document.hidden) {
      const { states } = await read("/api/v1/outbox/health");
      $("states").replaceChildren(...shown.map((name) => {
        const entry = make("li", make("b", String(states[name])), ` ${name}`);
        if (states[name] === 0) entry.className = "none";
        return entry;
      }));
    }
  } catch (error) {
    // Keys that only see their own deliveries are not shown the whole outbox.
    if (error.status === 403) return;
  }
  setTimeout(count, 5000);
}

state.token = sessionStorage.getItem("token");
state.organization = sessionStorage.getItem("organization") ?? "";
if (state.token) connect();

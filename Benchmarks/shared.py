"""What is measured on PostgreSQL alone: backlogs, two nodes, growth; each beside what the server does with the same by itself."""
import json
import statistics
import subprocess
import time

from daemon import enqueue, single_calls
from postgres import Backlog, Limit

SMALL = 10_000
SLICE = 50_000
ROUNDS = 3


def measure(server, daemon, other, tidy, store_bench, message, largest):
    intake(server, daemon, message)
    p50, p99 = wake(server, daemon, other, message, 250)
    print(f"wake     commit at one node to attempt at another, 50/s: p50 {p50:.1f} ms, p99 {p99:.1f} ms", flush=True)
    backlog = Backlog(server, daemon, message)
    limit = Limit(server, store_bench, backlog)
    rates = {SMALL: small(server, daemon, backlog, limit, store_bench)}
    size = 1_000_000
    while size <= largest:
        backlog.clear()
        backlog.fill(size)
        rates[size] = large(server, daemon, limit, store_bench)
        size *= 10
    report(rates)
    growth(server, tidy, backlog)


def intake(server, daemon, message):
    """Single calls and batches, beside as many bare rows of the same size."""
    server.sql("CREATE TABLE public.single (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), body text)")
    body = "x" * 1000
    single = server.pgbench(f"INSERT INTO public.single (body) VALUES ('{body}');\n", 32, seconds=5)
    batch = server.pgbench(f"INSERT INTO public.single (body) SELECT '{body}' FROM generate_series(1, 1000);\n", 1, seconds=3) * 1000
    server.sql("DROP TABLE public.single")
    calls = single_calls(daemon, message, 5)
    daemon.start("api")
    batches = enqueue(daemon, message, 20_000)
    daemon.stop()
    print(
        f"intake   single calls, 32 connections {calls:6.0f}/s ({calls / single:.2f} of pgbench's one row a commit from 32 sessions, {single:.0f}/s)"
        f"   batches of 1000 {batches:6.0f}/s ({batches / batch:.2f} of pgbench's 1000 rows a commit, {batch:.0f}/s)", flush=True)


def wake(server, daemon, other, message, count):
    """From the commit of a message that one node took in to the beginning of its attempt at another, by the server's clock."""
    Backlog.clear_all(server)
    daemon.start("api")
    other.start("dispatcher")
    time.sleep(2)
    for _ in range(count):
        begin = time.perf_counter()
        daemon.call("POST", "/api/v1/messages", message)
        time.sleep(max(0, 0.02 - (time.perf_counter() - begin)))
    while int(server.value("SELECT count(*) FROM gateway.outbox")):
        time.sleep(0.1)
    daemon.stop()
    other.stop()
    rows = server.sql(
        """
        SELECT a.started_at / 1000.0 - extract(epoch FROM pg_xact_commit_timestamp(m.xmin)) * 1000
        FROM gateway.messages m JOIN gateway.attempts a ON a.delivery_id = m.delivery_ids[1] ORDER BY 1
        """)
    times = [float(row[0]) for row in rows]
    return times[len(times) // 2], times[int(len(times) * 0.99)]


def drained(server, store_bench, way, count):
    """A drain by the store or by the engine: what it printed, its rate, and the bytes of WAL a delivery."""
    wal = server.wal_bytes()
    result = json.loads(subprocess.run([store_bench, way, server.url, str(count)], check=True, capture_output=True, text=True).stdout)
    return dict(result, rate=result["rows"] / result["seconds"], wal=(server.wal_bytes() - wal) / result["rows"])


def webhooks(server, daemon, count):
    """Deliveries a second end to end, by the journal, from the thousandth to the last of `count`."""
    begin = server.value("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
    daemon.start("dispatcher")
    while daemon.attempts() < count:
        time.sleep(0.1)
    daemon.stop()
    first, last = server.sql(
        f"""
        SELECT min(ended_at), max(ended_at) FROM (
            SELECT ended_at FROM gateway.attempts WHERE ended_at >= {begin} ORDER BY ended_at OFFSET 1000 LIMIT {count - 1000}
        ) a
        """)[0]
    return {"rate": (count - 1000) / (int(last) - int(first)) * 1_000_000}


def ways(server, daemon, limit, store_bench, count):
    return {
        "pgbench": lambda: {"rate": limit.rows_a_second(count)},
        "claims": lambda: drained(server, store_bench, "claims", count),
        "dispatcher": lambda: drained(server, store_bench, "dispatcher", count),
        "webhooks": lambda: webhooks(server, daemon, min(count, 20_000)),
    }


def small(server, daemon, backlog, limit, store_bench):
    """Backlogs of ten thousand, each drained wholly; the ways take turns, so that what disturbs one disturbs all."""
    rounds = []
    for _ in range(ROUNDS):
        rounds.append({})
        for name, run in ways(server, daemon, limit, store_bench, SMALL).items():
            backlog.clear()
            backlog.fill(SMALL)
            rounds[-1][name] = run()
    return rounds


def large(server, daemon, limit, store_bench):
    """Slices of a large backlog, which stays large meanwhile."""
    return [{name: run() for name, run in ways(server, daemon, limit, store_bench, SLICE).items()} for _ in range(ROUNDS)]


def report(rates):
    def median(rounds, way, of="rate", per=None):
        return statistics.median(one[way][of] / (one[way][per] if per else 1) for one in rounds)

    base = rates[SMALL]
    titles = {"pgbench": "pgbench with the same statements", "claims": "store", "dispatcher": "engine, no-op", "webhooks": "webhooks"}
    for size, rounds in rates.items():
        limit = median(rounds, "pgbench")
        parts = [
            f"{title} {median(rounds, way):6.0f}/s (" + (f"{median(rounds, way) / limit:.2f} of pgbench, " if way != "pgbench" else "")
            + f"{median(rounds, way) / median(base, way):.2f} of its own at {SMALL:,})" for way, title in titles.items()]
        claim, settle = (median(rounds, "claims", part, "rows") * 500_000 for part in ("claiming", "settling"))
        print(
            f"backlog {size:10,}   " + "   ".join(parts) + f"   500 claimed in {claim:.1f} ms and settled in {settle:.1f} ms   engine: "
            f"{median(rounds, 'dispatcher', 'statements', 'rows') * 500:.1f} statements a 500, "
            f"{median(rounds, 'dispatcher', 'wal'):.0f} bytes of WAL a delivery", flush=True)


def growth(server, tidy, backlog):
    """What the queue and what is settled take, and what retention leaves of ten days of which it keeps one."""
    settled = int(server.value("SELECT count(*) FROM gateway.attempts"))
    pending = int(server.value("SELECT count(*) FROM gateway.outbox"))
    print(f"size     queue {megabytes(server, 'outbox'):.0f} MB with {pending:,} pending after {settled:,} were settled", flush=True)
    each, days = 20_000, 10
    backlog.clear()
    for day in range(days):
        backlog.fill(each, days_ago=day + 2 if day else 0, settled=True)
    before = megabytes(server)
    begin = time.perf_counter()
    tidy.start("maintenance")
    while int(server.value("SELECT count(DISTINCT day) FROM gateway.deliveries")) > 1:
        time.sleep(0.2)
    took = time.perf_counter() - begin
    tidy.stop()
    left = int(server.value("SELECT count(*) FROM gateway.deliveries"))
    print(
        f"size     {each * days:,} settled on {days} days {before:.0f} MB ({before / each / days * 1_048_576:.0f} bytes each); "
        f"after retention {megabytes(server):.0f} MB with {left:,} left, within {took:.1f} s of the node's start", flush=True)


def megabytes(server, prefix=""):
    return int(
        server.value(
            "SELECT COALESCE(sum(pg_total_relation_size(oid)), 0) FROM pg_class WHERE relnamespace = 'gateway'::regnamespace "
            f"AND relkind = 'r' AND relname LIKE '{prefix}%'")) / 1_048_576

"""A private PostgreSQL server, a backlog in it as large as wished, and what the server does by itself with the store's own statements."""
import os
import pathlib
import pwd
import re
import signal
import subprocess
import sys
import time
from urllib.parse import quote

from daemon import ORGANIZATION

BINARIES = [pathlib.Path("/usr/lib/postgresql/15/bin"), pathlib.Path(__file__).resolve().parent.parent / ".build-tools/postgresql/usr/lib/postgresql/15/bin"]
# As the store sets them for the connections that claim and settle.
WORKER_SETTINGS = {
    "jit": "off", "max_parallel_workers_per_gather": "0", "plan_cache_mode": "force_custom_plan", "enable_seqscan": "off",
    "enable_hashjoin": "off", "enable_mergejoin": "off",
}


class Server:
    """PostgreSQL with the settings it comes with, durable, on a Unix socket in a folder of its own."""

    def __init__(self, folder):
        self.bin = next((path for path in BINARIES if (path / "postgres").exists()), None) or sys.exit("PostgreSQL 15 is not here")
        self.folder = folder / "postgres"
        self.folder.mkdir(mode=0o700)
        self.as_user = []
        # It refuses to run as root.
        if os.getuid() == 0:
            user = pwd.getpwnam("postgres" if any(entry.pw_name == "postgres" for entry in pwd.getpwall()) else "nobody")
            self.as_user = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            for path in [folder, *folder.parents]:
                if not path.stat().st_mode & 0o001:
                    path.chmod(path.stat().st_mode | 0o011)
        data = self.folder / "data"
        self.tool("initdb", "--pgdata", data, "--username=gateway", "--encoding=UTF8", "--locale=C", "--auth=trust")
        self.log = folder / "postgres.log"
        settings = {"listen_addresses": "", "track_commit_timestamp": "on", "timezone": "UTC", "log_timezone": "UTC"}
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with open(self.log, "wb") as log:
            command = [*self.as_user, self.bin / "postgres", "-D", data, "-k", self.folder, *words]
            self.process = subprocess.Popen(command, stderr=log, stdout=log, cwd="/")
        for _ in range(600):
            if subprocess.run([self.bin / "pg_isready", "-h", self.folder], stdout=subprocess.DEVNULL).returncode == 0:
                break
            time.sleep(0.05)
        self.sql("CREATE DATABASE bench", database="postgres")
        self.url = f"postgres:///bench?host={quote(str(self.folder), safe='')}&user=gateway"

    def tool(self, name, *words, options=None):
        environment = dict(os.environ, PGHOST=str(self.folder), PGUSER="gateway", LC_ALL="C")
        if options:
            environment["PGOPTIONS"] = " ".join(f"-c {name}={value}" for name, value in options.items())
        done = subprocess.run([*self.as_user, self.bin / name, *words], capture_output=True, text=True, env=environment, cwd="/")
        if done.returncode != 0:
            sys.exit(f"{name} failed: {done.stderr}")
        return done.stdout

    def sql(self, text, database="bench"):
        """Runs statements; answers the rows of the last one as lists of text."""
        output = self.tool("psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", text)
        return [line.split("|") for line in output.splitlines()]

    def value(self, text):
        return self.sql(text)[0][0]

    def pgbench(self, script, clients, seconds=None, transactions=None, options=None, variables={}):
        """Transactions a second."""
        path = self.folder / "script.sql"
        path.write_text(script)
        path.chmod(0o644)
        length = ["-T", str(seconds)] if seconds else ["-t", str(transactions)]
        defined = [word for name, value in variables.items() for word in ("-D", f"{name}={value}")]
        output = self.tool(
            "pgbench", "-n", "-M", "prepared", "-c", str(clients), "-j", str(min(clients, 2)), *length, *defined, "-f", path, "bench",
            options=options)
        return float(re.search(r"tps = ([\d.]+)", output).group(1))

    def wal_bytes(self):
        return int(self.value("SELECT pg_current_wal_lsn() - '0/0'"))

    def stop(self):
        # Sessions that are still open are ended.
        self.process.send_signal(signal.SIGINT)
        self.process.wait()


class Backlog:
    """Copies of one delivery, as many as wished, written as the store would have written them."""

    # What differs from copy to copy, by column; `n.i` counts, `n.delivery` and `n.message` are its ids.
    TABLES = {
        "messages": {"id": "n.message", "delivery_ids": "ARRAY[n.delivery]"},
        "deliveries": {"id": "n.delivery", "message_id": "n.message"},
        "contents": {"delivery_id": "n.delivery"},
        "outbox": {"delivery_id": "n.delivery"},
    }
    TIMES = {"created_at", "planned_at", "updated_at", "due_at", "accepted_at", "order_at"}
    EVERYTHING = [
        "messages", "deliveries", "contents", "attempts", "outbox", "delivery_days", "provider_ids", "message_keys", "accounting",
        "accounting_entries", "state_counts", "state_changes",
    ]

    def __init__(self, server, daemon, message):
        self.server, self.made = server, 0
        self.clear()
        daemon.start("api")
        daemon.call("POST", "/api/v1/messages", message)
        daemon.stop()
        self.columns = {}
        server.sql("CREATE SCHEMA bench")
        for table in self.TABLES:
            server.sql(f"CREATE TABLE bench.{table} AS SELECT * FROM gateway.{table} LIMIT 1")
            names = server.sql(
                f"SELECT column_name FROM information_schema.columns WHERE table_schema = 'bench' AND table_name = '{table}' ORDER BY ordinal_position")
            self.columns[table] = [row[0] for row in names]
        # Ids that rise with time, as those of the daemon do.
        server.sql(
            """
            CREATE FUNCTION bench.id(start bigint, kind text, i bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
                SELECT (lpad(to_hex(start / 1000 + i / 1000), 12, '0') || '7' || lpad(to_hex(i % 1000), 3, '0') || kind || lpad(to_hex(i), 15, '0'))::uuid
            $$
            """)
        self.clear()

    def clear(self):
        self.clear_all(self.server)

    @classmethod
    def clear_all(cls, server):
        server.sql("TRUNCATE " + ", ".join(f"gateway.{name}" for name in cls.EVERYTHING))

    def fill(self, count, days_ago=0, settled=False):
        """Adds `count` deliveries that are due; or such as were delivered on a day in the past."""
        first, step = self.made, 100_000
        self.made += count
        if settled:
            self.server.sql(f"SELECT gateway.make_partitions(ARRAY[current_date - {days_ago}])")
        start = f"((extract(epoch FROM now())::bigint - {days_ago} * 86400) * 1000000 - 3600000000)"
        for begin in range(first, first + count, step):
            end = min(begin + step, first + count)
            self.server.sql("BEGIN;" + ";".join(self.copy(table, start, begin, end, days_ago, settled) for table in self.TABLES if not (settled and table == "outbox")) + ";COMMIT")
            if settled:
                self.server.sql(
                    f"""
                    INSERT INTO gateway.attempts (delivery_id, organization_id, started_at, ended_at, day, number, counted, outcome, code)
                    SELECT id, organization_id, created_at, created_at, day, 1, true, 'accepted', 'HTTP 200'
                    FROM gateway.deliveries WHERE day = current_date - {days_ago}
                    ON CONFLICT DO NOTHING
                    """)
        state = "succeeded" if settled else "pending"
        self.server.sql(
            f"""
            INSERT INTO gateway.accounting_entries (organization_id, accepted) VALUES ('{ORGANIZATION}', {count});
            INSERT INTO gateway.state_changes (organization_id, channel, "trigger", entered_state, deliveries)
            SELECT '{ORGANIZATION}', channel, '', '{state}', {count} FROM bench.deliveries
            """)
        for table in ("outbox", "deliveries", "contents"):
            self.server.sql(f"VACUUM (ANALYZE) gateway.{table}")
        self.server.sql("CHECKPOINT")

    def copy(self, table, start, begin, end, days_ago, settled):
        def value(column):
            if column in self.TABLES[table]:
                return self.TABLES[table][column]
            if column in self.TIMES:
                return f"{start} + n.i"
            if column == "deadline":
                return "(extract(epoch FROM now())::bigint + 86400) * 1000000"
            if column == "day":
                return f"current_date - {days_ago}"
            if column == "ready":
                return "true"
            if settled and column == "state":
                return "'succeeded'"
            if settled and column == "settled_at":
                return f"{start} + n.i"
            return f't."{column}"'

        names = ", ".join(f'"{column}"' for column in self.columns[table])
        return f"""
            INSERT INTO gateway.{table} ({names}) SELECT {", ".join(map(value, self.columns[table]))}
            FROM bench.{table} t, (
                SELECT i, bench.id({start}, '8', i) AS delivery, bench.id({start}, '9', i) AS message FROM generate_series({begin}, {end} - 1) i
            ) n"""


class Limit:
    """The store's own statements for a claim and a settlement, as the server's log shows them, for pgbench in one session.

    They are changed in two places: the claim answers its ids and how much it read instead of the rows, so that pgbench can hand them to the
    settlement, and goes on from where the claim before it ended, as the store does. Fewer bytes go to the client than in the daemon.
    """

    BATCH = 500

    def __init__(self, server, store_bench, backlog):
        backlog.fill(3 * self.BATCH)
        server.sql("ALTER SYSTEM SET log_statement = 'all'")
        server.sql("SELECT pg_reload_conf()")
        size = server.log.stat().st_size
        subprocess.run([store_bench, "claims", server.url, str(2 * self.BATCH)], check=True, capture_output=True)
        server.sql("ALTER SYSTEM RESET log_statement")
        server.sql("SELECT pg_reload_conf()")
        statements = self.logged(server.log.read_bytes()[size:].decode())
        self.server = server
        self.script = self.claim(*self.last(statements, "WITH RECURSIVE fresh")) + self.settlement(*self.last(statements, "WITH held AS"))

    @staticmethod
    def logged(text):
        """Every executed statement with its parameters."""
        entries = re.split(r"^\S+ \S+ \S+ \[\d+\] (\w+):  ", text, flags=re.M)[1:]
        pairs = list(zip(entries[::2], entries[1::2]))
        found = []
        for (kind, body), (next_kind, detail) in zip(pairs, pairs[1:]):
            if kind == "LOG" and body.startswith("execute ") and next_kind == "DETAIL":
                values = dict(re.findall(r"\$(\d+) = (NULL|'(?:[^']|'')*')", detail))
                statement = body.split(": ", 1)[1].replace("\n\t", "\n").strip()
                found.append((statement, {int(number): value for number, value in values.items()}))
        return found

    @staticmethod
    def last(statements, mark):
        found = [one for one in statements if mark in one[0]]
        return found[-1] if found else sys.exit(f"the server's log does not have the store's statement {mark!r}")

    @staticmethod
    def put(statement, values):
        return re.sub(r"\$(\d+)", lambda match: values[int(match.group(1))], statement)

    def claim(self, statement, values):
        now = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
        types = {1: "text", 5: "uuid", 6: "uuid[]", 7: "uuid[]", 8: "bigint[]", 9: "uuid[]", 10: "uuid[]", 11: "uuid[]", 13: "date[]"}
        values = {number: f"{value}::{types[number]}" if number in types else value.strip("'") for number, value in values.items()}
        values |= {2: now, 3: f"{now} + 60000000", 8: "ARRAY[:due::bigint]", 9: "ARRAY[:last::uuid]"}
        head, tail = statement.rsplit("SELECT (SELECT max(lanes) FROM first),", 1)
        tables = tail[tail.index("FROM l "):tail.rindex("ORDER BY")]
        answers = (
            "SELECT array_agg(l.delivery_id) AS ids, array_agg(l.lease_token) AS tokens, max(l.due_at) AS due, "
            "(array_agg(l.delivery_id ORDER BY l.due_at, l.delivery_id))[count(*)] AS last, "
            "sum(octet_length(c.bytes) + octet_length(d.address)) AS read ")
        return self.put(head + answers + tables, values) + "\n\\gset\n"

    def settlement(self, statement, values):
        # Each array holds the same value for every row; its type is that of the column that it is written to.
        rows = self.server.sql(
            "SELECT column_name, format_type(atttypid, NULL) FROM information_schema.columns c JOIN pg_attribute a ON a.attname = c.column_name "
            "AND a.attrelid = ('gateway.' || c.table_name)::regclass WHERE table_schema = 'gateway' AND table_name IN ('deliveries', 'attempts') "
            "ORDER BY table_name")
        types = dict(rows) | {"token": "uuid", "has_effect": "boolean", "delivery_id": "uuid"}
        names = re.search(r"AS s \(([^)]*)\)", statement).group(1).replace("\n", " ").split(",")
        written = {1: f"{values[1]}::date[]", 2: "false", 3: ":ids::uuid[]", 4: ":tokens::uuid[]"}
        for number, name in enumerate((name.strip() for name in names), 3):
            if number < 5:
                continue
            kind = types.get(name) or types[name.removeprefix("attempt_")]
            first = re.match(r"'\{(\"(?:[^\"])*\"|[^,}]*)", values[number]).group(1).strip('"')
            value = "NULL" if first == "NULL" else f"'{first}'"
            written[number] = f"array_fill({value}::{kind}, ARRAY[{self.BATCH}])"
        return self.put(statement, written) + ";\n"

    def rows_a_second(self, count):
        """Claims and settles `count` of the backlog."""
        before = int(self.server.value("SELECT count(*) FROM gateway.attempts"))
        rate = self.server.pgbench(
            self.script, 1, transactions=count // self.BATCH, options=WORKER_SETTINGS,
            variables={"due": -9223372036854775807, "last": "00000000-0000-0000-0000-000000000000"}) * self.BATCH
        if int(self.server.value("SELECT count(*) FROM gateway.attempts")) - before != count:
            sys.exit("pgbench did not settle what it claimed")
        return rate

"""Measures the daemon on its stores beside the raw rate of the same sinks and servers, in one run, and prints ratios.

Sinks are nginx (answers 200 to every POST) and Postfix's smtp-sink; raw rates come from wrk, smtp-source and pgbench. All of them share the
machine with the daemon, so read every figure beside its neighbours, and every durable one beside the disk's sync time. With
GATEWAYD_BENCH_LARGE=1 the backlogs on PostgreSQL go up to ten million.
"""
import argparse
import contextlib
import os
import pathlib
import shutil
import tempfile

import shared
from daemon import Daemon, drain, enqueue, idle, latency, single_calls
from peers import MailSink, Nginx, raw_http, raw_mail, sync_milliseconds
from postgres import Server


def measure(daemon, messages, raw, count, sink, server=None):
    """What is measured alike on every store."""
    for name, message in messages.items():
        intake, rate, cpu, peak, statements, wal = drain(daemon, name, message, count, server)
        print(
            f"{name:8} raw sink {raw[name]:8.0f}/s   end to end {rate:7.0f}/s ({rate / raw[name]:.2f} of raw)   "
            f"intake {intake:7.0f}/s in batches   CPU {cpu:.3f} s a 1000   peak {peak:.0f} MB   {statements:.4f} statements"
            + (f", {wal:.0f} bytes of WAL" if server else "") + " a delivery", flush=True)
    if not server:
        print(f"intake   {single_calls(daemon, messages['webhook'], 5):7.0f} calls/s of one message, 32 connections", flush=True)
    p50, p99 = latency(daemon, messages["webhook"], 250)
    print(f"latency  call to answered, 50/s: p50 {p50:.1f} ms, p99 {p99:.1f} ms", flush=True)

    @contextlib.contextmanager
    def hung_mail():
        with sink.hanging():
            enqueue(daemon, messages["email"], 500)
            yield

    hung50, hung99 = latency(daemon, messages["webhook"], 250, beside=hung_mail)
    print(f"         the same beside 500 mails to a server that hangs: p50 {hung50:.1f} ms ({hung50 / p50:.2f}), p99 {hung99:.1f} ms", flush=True)
    print(f"idle     with 10,000 messages scheduled: {idle(daemon, messages['webhook']):.2f} % of a core", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gatewayd", required=True, help="the daemon's binary")
    parser.add_argument("--store-bench", required=True, help="the binary that drains a store")
    parser.add_argument("--count", type=int, default=20_000, help="messages a channel")
    parser.add_argument("--store", choices=["sqlite", "postgres"], help="one store alone")
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="gatewayd-bench-"))
    nginx, sink = Nginx(folder), MailSink()
    endings = [nginx.process.terminate, sink.process.terminate]
    try:
        messages = {
            "webhook": {"channel": "webhook", "to": f"http://127.0.0.1:{nginx.port}/", "content": {"type": "t", "data": {"text": "x" * 900}}},
            "email": {"channel": "email", "to": "a@example.nl", "content": {"subject": "s", "text": "x" * 900}},
        }
        print(f"disk: {sync_milliseconds(folder):.2f} ms a 4 KiB fdatasync; {os.cpu_count()} cores; {options.count} messages a channel")
        raw = {"webhook": raw_http(nginx.port, 5), "email": raw_mail(sink.port, options.count)}
        if options.store != "postgres":
            print("\nSQLite", flush=True)
            daemon = Daemon(options.gatewayd, folder, f"sqlite:{folder}/bench.db", sink.port)
            endings.append(daemon.end)
            measure(daemon, messages, raw, options.count, sink)
        if options.store != "sqlite":
            print("\nPostgreSQL", flush=True)
            server = Server(folder)
            endings.append(server.stop)
            daemon = Daemon(options.gatewayd, folder, server.url, sink.port)
            other = Daemon(options.gatewayd, folder, server.url, sink.port, beside=daemon)
            tidy = Daemon(options.gatewayd, folder, server.url, sink.port, beside=daemon, retention="1d")
            endings += [daemon.end, other.end, tidy.end]
            measure(daemon, messages, raw, options.count, sink, server)
            largest = 10_000_000 if os.environ.get("GATEWAYD_BENCH_LARGE") == "1" else 1_000_000
            shared.measure(server, daemon, other, tidy, options.store_bench, messages["webhook"], largest)
    finally:
        for end in reversed(endings):
            end()
        shutil.rmtree(folder, ignore_errors=True)


main()

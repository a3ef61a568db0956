"""The daemon as a process, and what is measured of it on any store."""
import contextlib
import json
import os
import pathlib
import subprocess
import tempfile
import time
import urllib.request

from peers import free_port, posts, wait_for

ORGANIZATION = "0195b1f0-0000-7000-8000-0000000000be"


class Daemon:
    def __init__(self, binary, folder, store, mail_port, beside=None, retention="90d"):
        """`beside` is a daemon on the same store, whose organization and key this one uses."""
        self.binary = binary
        self.config = pathlib.Path(tempfile.mkdtemp(dir=folder)) / "gatewayd.yaml"
        self.port = free_port()
        self.config.write_text(
            f"http: {{ port: {self.port} }}\nstore: {{ url: '{store}' }}\n"
            f"retention: {{ settled: {retention} }}\n"
            "secrets: { keyring: 'b AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=' }\nnetwork: { allow: ['127.0.0.0/8'] }\n"
            "channels:\n"
            f"  email: {{ host: 127.0.0.1, port: {mail_port}, security: none, from: 'bench@example.nl', connections: 10 }}\n"
            "  webhook: { secret: 'whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=', perEndpoint: 64 }\n"
        )
        self.process = None
        if beside:
            self.token = beside.token
            return
        self.run("organizations", "create", "--id", ORGANIZATION, "--name", "Bench", "--no-seed")
        self.token = self.run("keys", "create", "--organization", ORGANIZATION, "--name", "bench", "--role", "admin")

    def run(self, *words):
        command = [self.binary, *words[:2], "--config", self.config, *words[2:]]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def start(self, roles="api,dispatcher,maintenance"):
        self.process = subprocess.Popen([self.binary, "serve", "--config", self.config, "--roles", roles], stderr=subprocess.DEVNULL)
        wait_for(self.port)

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def end(self):
        """For when something went wrong."""
        if self.process and self.process.poll() is None:
            self.stop()

    def call(self, method, path, body=None):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_megabytes(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
        return 0.0

    def metric(self, name):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics") as answer:
            return next(float(line.split()[1]) for line in answer.read().decode().splitlines() if line.startswith(name + " "))

    def attempts(self):
        """How many tries this process has made."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics") as answer:
            lines = answer.read().decode().splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith("gateway_attempts_total{"))

    def succeeded(self, channel):
        states = self.call("GET", "/api/v1/outbox/health")["channels"].get(channel, {}).get("states", {})
        return states.get("succeeded", 0)


def enqueue(daemon, message, count):
    begin = time.perf_counter()
    for start in range(0, count, 1000):
        daemon.call("POST", "/api/v1/messages/batch", {"messages": [message] * min(1000, count - start)})
    return count / (time.perf_counter() - begin)


def single_calls(daemon, message, seconds):
    """How many calls with one message each are accepted a second, from 32 connections."""
    headers = {"Authorization": f"Bearer {daemon.token}", "Content-Type": "application/json"}
    daemon.start("api")
    rate = posts(f"http://127.0.0.1:{daemon.port}/api/v1/messages", json.dumps(json.dumps(message)), headers, 32, seconds)
    daemon.stop()
    # What was taken in is no part of what is measured next.
    daemon.start()
    while daemon.call("GET", "/api/v1/outbox/health")["channels"][message["channel"]]["states"].get("pending", 0):
        time.sleep(0.2)
    daemon.stop()
    return rate


def drain(daemon, channel, message, count, server=None):
    """Takes `count` in, and delivers them; `server` tells how much of a log it wrote meanwhile."""
    daemon.start("api")
    intake = enqueue(daemon, message, count)
    before = daemon.succeeded(channel)
    daemon.stop()
    wal = server.wal_bytes() if server else 0
    daemon.start()
    begin, cpu, statements = time.perf_counter(), daemon.cpu_seconds(), daemon.metric("gateway_store_statements_total")
    while daemon.succeeded(channel) - before < count:
        time.sleep(0.1)
    took, cpu, peak = time.perf_counter() - begin, daemon.cpu_seconds() - cpu, daemon.peak_megabytes()
    statements = daemon.metric("gateway_store_statements_total") - statements
    daemon.stop()
    wal = (server.wal_bytes() - wal) / count if server else 0
    return intake, count / took, cpu / count * 1000, peak, statements / count, wal


def latency(daemon, message, count, beside=contextlib.nullcontext):
    """Milliseconds from acceptance to the provider's answer; `beside` is what else goes on meanwhile, once the daemon serves."""
    daemon.start()
    with beside():
        times = answer_times(daemon, message, count)
    daemon.stop()
    times.sort()
    return times[len(times) // 2], times[int(len(times) * 0.99)]


def answer_times(daemon, message, count):
    ids = []
    for _ in range(count):
        begin = time.perf_counter()
        ids.append(daemon.call("POST", "/api/v1/messages", message)["deliveries"][0]["id"])
        time.sleep(max(0, 0.02 - (time.perf_counter() - begin)))
    times = []
    for delivery in ids:
        while not (detail := daemon.call("GET", f"/api/v1/deliveries/{delivery}"))["attempts"]:
            pass
        stamps = [detail["createdAt"], detail["attempts"][0]["endedAt"]]
        seconds = [time.mktime(time.strptime(stamp[:19], "%Y-%m-%dT%H:%M:%S")) + float(stamp[19:23]) for stamp in stamps]
        times.append((seconds[1] - seconds[0]) * 1000)
    return times


def idle(daemon, message):
    daemon.start()
    later = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 86_400))
    enqueue(daemon, dict(message, notBefore=later), 10_000)
    time.sleep(2)
    cpu = daemon.cpu_seconds()
    time.sleep(10)
    share = (daemon.cpu_seconds() - cpu) / 10 * 100
    daemon.stop()
    return share

"""Measures the daemon on its embedded store beside the raw rate of the same sinks, in one run, and prints ratios.

Sinks are nginx (answers 200 to every POST) and Postfix's smtp-sink; raw rates come from wrk and smtp-source. All of them share the
machine with the daemon, so read every figure beside its neighbours, and every durable one beside the disk's sync time.
"""
import argparse
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".build-tools" / "bin"
ORGANIZATION = "0195b1f0-0000-7000-8000-0000000000be"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port):
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    sys.exit(f"nothing listens on port {port}")


def sync_milliseconds(folder):
    path = folder / "sync"
    with open(path, "wb", buffering=0) as file:
        begin = time.perf_counter()
        for _ in range(200):
            file.write(b"x" * 4096)
            os.fdatasync(file.fileno())
        return (time.perf_counter() - begin) / 200 * 1000


class Nginx:
    def __init__(self, folder):
        self.port = free_port()
        conf = folder / "nginx.conf"
        conf.write_text(
            f"worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log; "
            "events { worker_connections 1024; } "
            f"http {{ access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; "
            f"uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; keepalive_requests 100000000; "
            f"server {{ listen 127.0.0.1:{self.port}; location / {{ return 200; }} }} }}"
        )
        self.process = subprocess.Popen([TOOLS / "nginx", "-c", conf, "-p", folder], stderr=subprocess.DEVNULL)
        wait_for(self.port)


class MailSink:
    def __init__(self):
        self.port = free_port()
        user = ["-u", "nobody"] if os.getuid() == 0 else []
        self.process = subprocess.Popen([TOOLS / "smtp-sink", *user, f"127.0.0.1:{self.port}", "1000"], stderr=subprocess.DEVNULL)
        wait_for(self.port)


class Daemon:
    def __init__(self, binary, folder, mail_port):
        self.binary = binary
        self.config = folder / "gatewayd.yaml"
        self.port = free_port()
        self.config.write_text(
            f"http: {{ port: {self.port} }}\nstore: {{ url: 'sqlite:{folder}/bench.db' }}\n"
            "secrets: { keyring: 'b AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=' }\nnetwork: { allow: ['127.0.0.0/8'] }\n"
            "channels:\n"
            f"  email: {{ host: 127.0.0.1, port: {mail_port}, security: none, from: 'bench@example.nl', connections: 10 }}\n"
            "  webhook: { secret: 'whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=', perEndpoint: 64 }\n"
        )
        self.run("organizations", "create", "--id", ORGANIZATION, "--name", "Bench", "--no-seed")
        self.token = self.run("keys", "create", "--organization", ORGANIZATION, "--name", "bench", "--role", "admin")
        self.process = None

    def run(self, *words):
        command = [self.binary, *words[:2], "--config", self.config, *words[2:]]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def start(self, roles="api,dispatcher,maintenance"):
        self.process = subprocess.Popen([self.binary, "serve", "--config", self.config, "--roles", roles], stderr=subprocess.DEVNULL)
        wait_for(self.port)

    def stop(self):
        self.process.terminate()
        self.process.wait()

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

    def succeeded(self, channel):
        states = self.call("GET", "/api/v1/outbox/health")["channels"].get(channel, {}).get("states", {})
        return states.get("succeeded", 0)


def enqueue(daemon, message, count):
    begin = time.perf_counter()
    for start in range(0, count, 1000):
        daemon.call("POST", "/api/v1/messages/batch", {"messages": [message] * min(1000, count - start)})
    return count / (time.perf_counter() - begin)


def drain(daemon, channel, message, count):
    daemon.start("api")
    intake = enqueue(daemon, message, count)
    before = daemon.succeeded(channel)
    daemon.stop()
    daemon.start()
    begin, cpu, statements = time.perf_counter(), daemon.cpu_seconds(), daemon.metric("gateway_store_statements_total")
    while daemon.succeeded(channel) - before < count:
        time.sleep(0.1)
    took, cpu, peak = time.perf_counter() - begin, daemon.cpu_seconds() - cpu, daemon.peak_megabytes()
    statements = daemon.metric("gateway_store_statements_total") - statements
    daemon.stop()
    return intake, count / took, cpu / count * 1000, peak, statements / count


def latency(daemon, message, count):
    daemon.start()
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
    daemon.stop()
    times.sort()
    return times[len(times) // 2], times[int(len(times) * 0.99)]


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


def raw_http(port, seconds):
    script = tempfile.NamedTemporaryFile("w", suffix=".lua")
    script.write(f'wrk.method = "POST"\nwrk.body = string.rep("x", 1024)\n')
    script.flush()
    output = subprocess.run(
        [TOOLS / "wrk", "-t", "1", "-c", "64", "-d", str(seconds), "-s", script.name, f"http://127.0.0.1:{port}/"],
        capture_output=True, text=True, check=True,
    ).stdout
    return float(next(line.split()[1] for line in output.splitlines() if line.startswith("Requests/sec")))


def raw_mail(port, count):
    begin = time.perf_counter()
    subprocess.run([TOOLS / "smtp-source", "-d", "-s", "10", "-m", str(count), "-l", "1024", f"127.0.0.1:{port}"], check=True)
    return count / (time.perf_counter() - begin)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gatewayd", required=True, help="the daemon's binary")
    parser.add_argument("--count", type=int, default=20_000, help="messages a channel")
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="gatewayd-bench-"))
    nginx, sink = Nginx(folder), MailSink()
    try:
        daemon = Daemon(options.gatewayd, folder, sink.port)
        print(f"disk: {sync_milliseconds(folder):.2f} ms a 4 KiB fdatasync; {os.cpu_count()} cores; {options.count} messages a channel")
        webhook = {"channel": "webhook", "to": f"http://127.0.0.1:{nginx.port}/", "content": {"type": "t", "data": {"text": "x" * 900}}}
        mail = {"channel": "email", "to": "a@example.nl", "content": {"subject": "s", "text": "x" * 900}}
        for name, message, raw in [
            ("webhook", webhook, raw_http(nginx.port, 5)),
            ("email", mail, raw_mail(sink.port, options.count)),
        ]:
            intake, rate, cpu, peak, statements = drain(daemon, name, message, options.count)
            print(
                f"{name:8} raw sink {raw:8.0f}/s   end to end {rate:7.0f}/s ({rate / raw:.2f} of raw)   intake {intake:7.0f}/s in batches"
                f"   CPU {cpu:.3f} s a 1000   peak {peak:.0f} MB   {statements:.1f} statements a delivery"
            )
        p50, p99 = latency(daemon, webhook, 250)
        print(f"latency  call to answered, 50/s: p50 {p50:.1f} ms, p99 {p99:.1f} ms")
        print(f"idle     with 10,000 messages scheduled: {idle(daemon, webhook):.2f} % of a core")
    finally:
        for process in [nginx.process, sink.process]:
            process.terminate()
        shutil.rmtree(folder, ignore_errors=True)


main()

"""What the daemon is measured beside: sinks that take what it sends, and what they bear by themselves."""
import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".build-tools" / "bin"


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
    @contextlib.contextmanager
    def hanging(self):
        """Keeps its connections, and answers nothing."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def __init__(self):
        self.port = free_port()
        user = ["-u", "nobody"] if os.getuid() == 0 else []
        self.process = subprocess.Popen([TOOLS / "smtp-sink", *user, f"127.0.0.1:{self.port}", "1000"], stderr=subprocess.DEVNULL)
        wait_for(self.port)


def raw_http(port, seconds):
    return posts(f"http://127.0.0.1:{port}/", 'string.rep("x", 1024)', {}, connections=64, seconds=seconds)


def posts(url, body, headers, connections, seconds):
    """How often a second wrk gets an answer to a POST; `body` is an expression of Lua."""
    lines = ['wrk.method = "POST"', f"wrk.body = {body}", *(f"wrk.headers[{json.dumps(k)}] = {json.dumps(v)}" for k, v in headers.items())]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write("\n".join(lines) + "\n")
        script.flush()
        command = [TOOLS / "wrk", "-t", "1", "-c", str(connections), "-d", str(seconds), "-s", script.name, url]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in output:
        sys.exit(f"{url} refused: {output}")
    return float(next(line.split()[1] for line in output.splitlines() if line.startswith("Requests/sec")))


def raw_mail(port, count):
    begin = time.perf_counter()
    subprocess.run([TOOLS / "smtp-source", "-d", "-s", "10", "-m", str(count), "-l", "1024", f"127.0.0.1:{port}"], check=True)
    return count / (time.perf_counter() - begin)

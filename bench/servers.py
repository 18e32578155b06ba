# SPDX-License-Identifier: MIT
"""What is compared: how each server is started, and what it used of the processor and of memory."""

import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

import identities

HERE = pathlib.Path(__file__).resolve().parent
START_S = 10
STOP_S = 10


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def descendants(pid):
    """<pid> and the processes below it."""
    found = [pid]
    for process in found:
        for children in pathlib.Path(f"/proc/{process}/task").glob("*/children"):
            found += [int(child) for child in children.read_text().split()]
    return found


class Server:
    """One server under test. <command> gets its port, and a directory of its own for files."""

    def __init__(self, bench, name, algorithm=None):
        self.bench = bench
        self.name = name
        self.algorithm = algorithm
        self.directory = bench.directory / name
        self.directory.mkdir(exist_ok=True)
        self.port = free_port()
        self.stream_port = self.port
        self.environment = {}
        self.process = None

    def configuration(self, template, **values):
        text = (HERE / "configurations" / template).read_text()
        values |= {"PORT": self.port, "ENGINE": self.bench.engine_port, "DIRECTORY": self.directory}
        for name, value in values.items():
            text = text.replace(f"@{name}@", str(value))
        path = self.directory / template
        path.write_text(text)
        return str(path)

    def start(self):
        log = open(self.directory / "output.log", "wb")
        self.process = subprocess.Popen(
            self.command(),
            env=os.environ | self.environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=lambda: os.sched_setaffinity(0, {self.bench.server_cpu}),
        )
        log.close()
        self.await_answer()
        return self

    def await_answer(self):
        """One whole request with a token must succeed."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/tags",
            headers={"Authorization": f"Bearer {self.bench.token(self.algorithm or 'RS256')}"},
        )
        last = None
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                with urllib.request.urlopen(request, timeout=2):
                    return
            except (urllib.error.URLError, OSError) as error:
                last = error
            time.sleep(0.01)
        output = (self.directory / "output.log").read_text(errors="replace")[-2000:]
        self.stop()
        raise SystemExit(f"{self.name} did not start: {last}\n{output}")

    def stop(self):
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def threads(self):
        for pid in descendants(self.process.pid):
            for thread in os.listdir(f"/proc/{pid}/task"):
                yield pid, int(thread)

    def move(self, cpu):
        for _, thread in self.threads():
            os.sched_setaffinity(thread, {cpu})

    def cpu_us(self):
        """Microseconds of processor time of all its threads so far."""
        total_ns = 0
        for pid, thread in self.threads():
            text = pathlib.Path(f"/proc/{pid}/task/{thread}/schedstat").read_text()
            total_ns += int(text.split()[0])
        return total_ns / 1000

    def resident_kib(self):
        total = 0
        for pid in descendants(self.process.pid):
            for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Rss:"):
                    total += int(line.split()[1])
        return total


class Relay(Server):
    check = None

    def command(self):
        command = [self.bench.program("bench-relay"), "--port", str(self.port)]
        command += ["--engine", str(self.bench.engine_port)]
        if self.check is not None:
            command += ["--check", self.check, "--algorithm", self.algorithm]
            command += ["--key", str(self.bench.key_file(self.algorithm))]
        return command


class RelayCached(Relay):
    check = "cached"


class RelayVerifying(Relay):
    check = "always"


class Nginx(Server):
    def __init__(self, bench, name, algorithm=None):
        super().__init__(bench, name, algorithm)
        self.stream_port = free_port()

    def command(self):
        path = self.configuration("nginx.conf", STREAM_PORT=self.stream_port)
        return [find_program("nginx"), "-p", str(self.directory), "-c", path]


class Haproxy(Server):
    def command(self):
        check = ""
        if self.algorithm is not None:
            key = self.bench.key_file(self.algorithm)
            check = (
                "http-request deny deny_status 401 unless "
                f'{{ http_auth_bearer,jwt_verify("{self.algorithm}","{key}") -m int 1 }}'
            )
        path = self.configuration("haproxy.cfg", CHECK=check)
        return [find_program("haproxy"), "-db", "-f", path]


class Gateway(Server):
    def __init__(self, bench, name, algorithm=None):
        super().__init__(bench, name, algorithm)
        self.environment = {
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "ADMIN_PORT": "0",
            "WORKERS": "1",
            "OIDC_ISSUER": bench.issuer.url,
            "OIDC_AUD": identities.AUDIENCE,
            "ENGINE_URL": f"http://127.0.0.1:{bench.engine_port}",
            "ATTACH_DATA_DIR": tempfile.mkdtemp(prefix="data-", dir=self.directory),
            "MEM_BACKEND": "none",  # the others remember nothing either; bench/memory.py measures what it costs
        }

    def command(self):
        return [str(self.bench.build / "attach-gateway"), "serve"]


def find_program(name):
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        raise SystemExit(f"{name} is not installed")
    return found


# Name, kind, algorithm of the token that it checks.
KINDS = {
    "relay": (Relay, None),
    "relay-cached": (RelayCached, "RS256"),
    "relay-rs256": (RelayVerifying, "RS256"),
    "relay-es256": (RelayVerifying, "ES256"),
    "nginx": (Nginx, None),
    "haproxy": (Haproxy, None),
    "haproxy-rs256": (Haproxy, "RS256"),
    "haproxy-es256": (Haproxy, "ES256"),
    "gateway": (Gateway, None),
}

TITLES = {
    "direct": "the engine itself",
    "relay": "bare relay",
    "relay-cached": "bare relay, token cached",
    "relay-rs256": "bare relay, RS256 each time",
    "relay-es256": "bare relay, ES256 each time",
    "nginx": "nginx, plain",
    "haproxy": "HAProxy, plain",
    "haproxy-rs256": "HAProxy, jwt_verify RS256",
    "haproxy-es256": "HAProxy, jwt_verify ES256",
    "gateway": "**gateway**",
    "gateway-rs256": "**gateway**, RS256 tokens never seen",
    "gateway-es256": "**gateway**, ES256 tokens never seen",
}


def make(bench, name):
    kind, algorithm = KINDS[name]
    return kind(bench, name, algorithm)

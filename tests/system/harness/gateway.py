# SPDX-License-Identifier: MIT
"""The process under test: started with a clean environment on free ports, stopped with SIGTERM."""
import functools
import json
import os
import pathlib
import re
import resource
import signal
import subprocess
import threading
import time

from .client import Client
from .wait import PATIENCE, wait_until

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
BINARY = os.environ.get("GATEWAY_BINARY", str(REPOSITORY / "build" / "attach-gateway"))

SANITIZER_WORDS = ("Sanitizer", "runtime error:")


@functools.lru_cache(maxsize=None)
def sanitizer():
    """"address", "thread" or None: how the binary was built."""
    data = pathlib.Path(BINARY).read_bytes()
    return "address" if b"__asan_init" in data else "thread" if b"__tsan_init" in data else None


def environment(directory, options):
    """Nothing of ours but what the options say and what sanitizers read."""
    kept = {name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")}
    return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(directory), "LANG": "C.UTF-8",
            **kept, **{name: str(value) for name, value in options.items()}}


def run_command(directory, arguments, options=None, stdin="", seconds=PATIENCE):
    """Runs a command that ends by itself: (exit code, stdout, stderr)."""
    done = subprocess.run([BINARY, *arguments], cwd=directory, input=stdin, text=True,
                          env=environment(directory, options or {}), capture_output=True,
                          timeout=seconds, check=False)
    assert not any(word in done.stderr for word in SANITIZER_WORDS), done.stderr
    return done.returncode, done.stdout, done.stderr


class Gateway:
    """<options> are environment variables; a value of None leaves one unset. <wrapper> is a command that
    runs the gateway as its own process, as strace -D does."""

    def __init__(self, directory, options, arguments=(), descriptors=None, tls=None, wrapper=()):
        settings = {"HOST": "127.0.0.1", "PORT": "0", "ADMIN_PORT": "0", "WORKERS": "2",
                    "DRAIN_TIMEOUT": "5s", **options}
        settings = {name: value for name, value in settings.items() if value is not None}
        self.tls = tls
        self.clients = []
        self.log = []  # lines that are JSON
        self.stray = []  # lines that are not
        self.lock = threading.Lock()
        self.is_json = settings.get("LOG_FORMAT", "json") == "json"
        self.expected_code = 0
        limit = None
        if descriptors is not None:
            def limit():
                resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
        self.process = subprocess.Popen([*wrapper, BINARY, "serve", *arguments], cwd=directory,
                                        env=environment(directory, settings),
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, preexec_fn=limit)
        self.collector = threading.Thread(target=self._collect, daemon=True)
        self.collector.start()
        try:
            self.address = self._learn_address("listening on ")
            self.admin_address = self._learn_address("admin on ")
        except BaseException:
            self.process.kill()
            raise

    # ---- the log ----

    def _collect(self):
        for raw in self.process.stderr:
            text = raw.decode("utf-8", "replace").rstrip("\n")
            try:
                line = json.loads(text)
                assert isinstance(line, dict)
            except (ValueError, AssertionError):
                line = None
            with self.lock:
                if line is None:
                    self.stray.append(text)
                else:
                    self.log.append(line)

    def lines(self, **members):
        """The log lines that have all these members."""
        with self.lock:
            return [line for line in self.log
                    if all(line.get(name) == value for name, value in members.items())]

    def text(self):
        """Everything that was logged."""
        with self.lock:
            return "\n".join([json.dumps(line) for line in self.log] + self.stray)

    def wait_for_line(self, **members):
        def found():
            self._check_alive()
            return self.lines(**members)
        return wait_until(found, f"a log line with {members}")[0]

    def wait_for_message(self, pattern):
        """The first line whose message matches <pattern>."""
        def found():
            self._check_alive()
            with self.lock:
                messages = [line.get("message", "") for line in self.log]
                if not self.is_json:
                    messages += self.stray
            return [match for match in map(re.compile(pattern).search, messages) if match]
        return wait_until(found, f"a log message like {pattern!r}")[0]

    def access_line(self, reply):
        """The access line of the request that <reply> answered."""
        return self.wait_for_line(message="request", request_id=reply.request_id)

    def reason_of(self, reply):
        return self.access_line(reply).get("reason")

    def _check_alive(self):
        if self.process.poll() is not None:
            time.sleep(0.1)
            raise AssertionError(f"the gateway ended, code {self.process.returncode}:\n{self.text()}")

    def _learn_address(self, words):
        match = self.wait_for_message(re.escape(words) + r"(https?)://(\[[^]]*\]|[^:]+):([0-9]+)$")
        return match[2].strip("[]"), int(match[3])

    # ---- talking to it ----

    def connect(self, **arguments):
        client = Client(self.address, tls=self.tls, **arguments)
        self.clients.append(client)
        return client

    def connect_admin(self):
        client = Client(self.admin_address)
        self.clients.append(client)
        return client

    def ask(self, method, target, fields=(), **arguments):
        """One request on a connection of its own."""
        with self.connect() as client:
            return client.ask(method, target, fields, **arguments)

    def wait_ready(self):
        wait_until(lambda: self.ask("GET", "/readyz").status == 200, "the gateway to be ready")
        return self

    def metrics(self):
        """/metrics as {name with labels: value}."""
        with self.connect_admin() as client:
            reply = client.ask("GET", "/metrics")
        assert reply.status == 200
        lines = reply.body.decode().splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))
        return {name: float(value) for name, value in pairs}

    # ---- the process ----

    def resident_bytes(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            for line in file:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) * 1024
        raise AssertionError("no VmRSS")

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            values = file.read().rpartition(")")[2].split()
        return (int(values[11]) + int(values[12])) / os.sysconf("SC_CLK_TCK")

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def wait_ended(self):
        code = self.process.wait(timeout=PATIENCE)
        self.collector.join(PATIENCE)
        return code

    def stop(self):
        """SIGTERM, exit 0, and nothing in the log that should not be there."""
        for client in self.clients:
            client.close()
        if self.process.poll() is None:
            self.terminate()
        try:
            code = self.wait_ended()
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"the gateway did not end after SIGTERM:\n{self.text()}") from None
        self.check_log()
        assert code == self.expected_code, f"exit code {code}\n{self.text()}"

    def check_log(self):
        with self.lock:
            reports = [line for line in self.stray if any(word in line for word in SANITIZER_WORDS)]
            assert not reports, "\n".join(self.stray)
            assert not (self.is_json and self.stray), "\n".join(self.stray)

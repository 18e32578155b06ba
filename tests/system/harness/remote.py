# SPDX-License-Identifier: MIT
"""The servers behind remote backends of memory: each a program of tests/ that ends with its standard input."""
import http.client
import json
import pathlib
import socket
import subprocess
import sys

from .wait import PATIENCE

TESTS = pathlib.Path(__file__).resolve().parents[2]


class Program:
    """One that says on its first lines where it is: "port 1234", "url postgresql://..."."""

    def __init__(self, script, arguments=(), words=1):
        self.process = subprocess.Popen([sys.executable, "-B", str(TESTS / script), *map(str, arguments)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.said = {}
        for _ in range(words):
            name, _, value = self.process.stdout.readline().strip().partition(" ")
            self.said[name] = value

    def close(self):
        """It cleans up behind itself when its input ends."""
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(timeout=60)
        self.process.stdout.close()


class Postgres(Program):
    def __init__(self):
        super().__init__("postgres.py", words=3)
        self.url = self.said["url"]

    def restart(self):
        """As a crash and a quick restart; returns when it serves again."""
        self.process.stdin.write("restart\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline().strip() == "restarted"


OBJECTS_MAX = 1_000_000


def free_port():
    """A port where nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Weaviate(Program):
    """The stand-in of tests/weaviate/server.py."""

    def __init__(self, port=0, api_key=None):
        # A test asks for everything at once, however much a quick machine has made of it.
        super().__init__("weaviate/server.py", ["--port", port, "--maximum-results", str(OBJECTS_MAX),
                                                *(["--api-key", api_key] if api_key else [])])
        self.port = int(self.said["port"])
        self.api_key = api_key

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def call(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        fields = {"Content-Type": "application/json"}
        if self.api_key:
            fields["Authorization"] = f"Bearer {self.api_key}"
        connection.request(method, path, None if body is None else json.dumps(body), fields)
        reply = connection.getresponse()
        text = reply.read()
        connection.close()
        assert reply.status < 300, (reply.status, text)
        return json.loads(text) if text else None

    def misbehave(self, **faults):
        """See tests/weaviate/server.py; without any it behaves again."""
        self.call("PUT", "/stand-in/faults", faults)

    def calls(self):
        return self.call("GET", "/stand-in/calls")

    def objects(self, *properties):
        """Every object of class MemoryEvent in the order in which they came."""
        query = "{Get{MemoryEvent(limit:%s){%s _additional{id}}}}" % (OBJECTS_MAX, " ".join(properties))
        return self.call("POST", "/v1/graphql", {"query": query})["data"]["Get"]["MemoryEvent"]

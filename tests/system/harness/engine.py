# SPDX-License-Identifier: MIT
"""A scripted engine on a raw socket.

It reads requests strictly and records their exact bytes; a script answers each with exact bytes at
the moments the script chooses. One thread per connection.

    engine.answer(http.reply(200, b"hello"))      # the same bytes every time
    engine.run(script)                            # script(call) for every request
    request = engine.take_request()               # the next one that came, complete
"""
import json
import queue
import select
import socket
import struct
import threading
import time

from . import http
from .wait import PATIENCE, wait_until

DEFAULT_BODY = b'{"engine":"hello"}'


class Request:
    """One request as the engine got it, byte for byte."""

    def __init__(self, head, connection):
        line, self.fields = http.parse_head(head)
        self.method, self.target, version = line.split(" ")
        if version != "HTTP/1.1":
            raise http.ProtocolFault(f"request line {line!r}")
        self.head = head
        self.connection = connection
        self.framing = http.framing(self.fields)
        self.body = None

    def field(self, name):
        return self.fields.one(name)

    def names(self):
        return [name.lower() for name, _ in self.fields]

    def json(self):
        return json.loads(self.body)


class Call:
    """What a script has in hand: one request, and the connection to answer on."""

    def __init__(self, request, connection):
        self.request = request
        self.connection = connection

    def send(self, data):
        self.connection.socket.sendall(data)

    def read_body(self):
        """Reads the body, when the engine was told not to do that first."""
        self.connection.read_body(self.request)

    def close(self):
        self.connection.close()

    def reset(self):
        sock = self.connection.socket
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def wait_gone(self, seconds=PATIENCE):
        """Waits until the gateway ends the connection; returns when (time.monotonic)."""
        sock = self.connection.socket
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            readable, _, _ = select.select([sock], [], [], 0.05)
            if not readable:
                continue
            try:
                data = sock.recv(65536)
            except OSError:
                data = b""
            if not data:
                self.connection.gone_at = time.monotonic()
                return self.connection.gone_at
        return None


class Connection(threading.Thread):
    """One connection from the gateway."""

    def __init__(self, engine, sock):
        super().__init__(daemon=True)
        self.engine = engine
        self.socket = sock
        self.gone_at = None
        self.reader = http.Reader(self._receive)
        self.requests = 0

    def _receive(self):
        return self.socket.recv(65536)

    def run(self):
        try:
            if self.engine.tls is not None:
                self.socket = self.engine.tls.wrap_socket(self.socket, server_side=True)
            while self._serve_one():
                pass
        except http.ProtocolFault as fault:
            self.engine.faults.append(str(fault))
        except (OSError, http.Truncated):
            pass
        finally:
            self.gone_at = self.gone_at or time.monotonic()
            self.close()

    def _serve_one(self):
        text = self.reader.head()
        if text is None:
            return False
        request = Request(text, self)
        self.requests += 1
        self.engine.heads.append(request)
        call = Call(request, self)
        if self.engine.reads_body:
            self.read_body(request)
        self.engine.script(call)
        if request.body is None and self.socket.fileno() >= 0:
            self.read_body(request)
        return self.socket.fileno() >= 0

    def read_body(self, request):
        if request.body is not None:
            return
        if request.framing == "chunked":
            pieces = []
            while True:
                piece = self.reader.chunk()
                if piece is None:
                    break
                pieces.append(piece)
            request.body = b"".join(pieces)
        else:
            request.body = self.reader.exactly(request.framing or 0)
        self.engine.requests.append(request)
        self.engine.queue.put(request)

    def close(self):
        try:
            self.socket.close()
        except OSError:
            pass


class Engine:
    def __init__(self, tls=None):
        self.tls = tls
        self.connections = []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.listener.getsockname()[1]
        self.reset()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self):
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def authority(self):
        return f"127.0.0.1:{self.port}"

    def reset(self):
        """Forgets what came and answers plainly again; kept connections stay."""
        self.requests = []  # complete ones
        self.heads = []  # complete heads, whatever came of their bodies
        self.queue = queue.Queue()
        self.faults = []
        self.accepted = 0
        self.reads_body = True
        self.answer(http.reply(200, DEFAULT_BODY, {"Content-Type": "application/json"}))

    def run(self, script):
        self.script = script

    def answer(self, data):
        self.script = lambda call: call.send(data)

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.accepted += 1
            connection = Connection(self, sock)
            self.connections.append(connection)
            connection.start()

    def take_request(self):
        """The next complete request."""
        try:
            return self.queue.get(timeout=PATIENCE)
        except queue.Empty:
            raise AssertionError("the engine got no request") from None

    def expect_targets(self, *targets):
        """Exactly these complete requests came, in this order."""
        assert [request.target for request in self.requests] == list(targets)

    def open_connections(self):
        return [one for one in self.connections if one.gone_at is None]

    def close_idle(self):
        """Drops every connection, as an engine does with ones that idle too long."""
        for connection in self.open_connections():
            try:
                connection.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        wait_until(lambda: not self.open_connections(), "the engine's connections to be closed")

    def stop_listening(self):
        """From now on connections are refused; running ones stay."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def close(self):
        try:
            self.listener.close()
        except OSError:
            pass
        for connection in self.connections:
            try:
                connection.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def silent_port():
    """A bound port where nobody listens: connections are refused. Keep the socket while it counts."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.bind(("127.0.0.1", 0))
    return sock, sock.getsockname()[1]

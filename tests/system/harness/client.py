# SPDX-License-Identifier: MIT
"""A raw HTTP/1.1 client: sends exactly the bytes it is given and reads replies strictly."""
import json
import socket
import struct
import time

from . import http
from .wait import PATIENCE


class Reply:
    """The head of a reply, and its body once it has been read."""

    def __init__(self, first_line, fields, interim):
        version, _, rest = first_line.partition(" ")
        status, _, self.reason = rest.partition(" ")
        if version != "HTTP/1.1" or not status.isdigit() or len(status) != 3:
            raise http.ProtocolFault(f"status line {first_line!r}")
        self.status = int(status)
        self.fields = fields
        self.interim = interim  # statuses of the 1xx replies before this one
        self.body = None
        self.framing = None

    def field(self, name):
        return self.fields.one(name)

    def json(self):
        return json.loads(self.body)

    @property
    def detail(self):
        """The sentence of one of the gateway's own refusals, whose form is checked in passing."""
        assert self.field("Content-Type") == "application/json"
        document = self.json()
        assert list(document) == ["detail"] and isinstance(document["detail"], str), document
        return document["detail"]

    @property
    def says_close(self):
        return "close" in self.fields.tokens("Connection")

    @property
    def request_id(self):
        return self.field("X-Request-Id")


class Client:
    """One connection to the gateway."""

    def __init__(self, address, tls=None, host=None, receive_buffer=None, patience=PATIENCE):
        self.address = address
        self.host = host or f"{address[0]}:{address[1]}"
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.settimeout(patience)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            # An end without close_notify is an error then, as it is to careful clients.
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost",
                                          suppress_ragged_eofs=False)
        self.reader = http.Reader(self._receive)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _receive(self):
        return self.socket.recv(65536)

    # ---- sending ----

    def send(self, data):
        self.socket.sendall(http.latin(data))

    def send_in_two(self, data, at):
        """Two writes that the gateway most likely reads separately."""
        self.send(data[:at])
        time.sleep(0.0005)
        self.send(data[at:])

    def send_byte_by_byte(self, data):
        for at in range(len(data)):
            self.send(data[at:at + 1])

    def request(self, method, target, fields=(), body=None, token=None, is_chunked=False):
        """The bytes of a well-formed request."""
        pairs = list(fields.items() if isinstance(fields, dict) else fields)
        if not any(name.lower() == "host" for name, _ in pairs):
            pairs.insert(0, ("Host", self.host))
        if token is not None:
            pairs.append(("Authorization", f"Bearer {token}"))
        if is_chunked:
            pairs.append(("Transfer-Encoding", "chunked"))
            return http.head(f"{method} {target} HTTP/1.1", pairs) + http.chunked(body or b"")
        if body is not None:
            pairs.append(("Content-Length", str(len(body))))
        return http.head(f"{method} {target} HTTP/1.1", pairs) + (body or b"")

    def ask(self, method, target, fields=(), body=None, token=None, is_chunked=False):
        """Sends a request and reads its whole reply."""
        self.send(self.request(method, target, fields, body, token, is_chunked))
        return self.read_reply(method)

    # ---- reading ----

    def read_head(self, method="GET"):
        """The next final reply's head; interim ones are counted."""
        interim = []
        while True:
            text = self.reader.head()
            if text is None:
                raise http.Truncated("closed before a reply began")
            reply = Reply(*http.parse_head(text), interim)
            if reply.status >= 200:
                break
            assert reply.status != 101, "the gateway switched protocols"
            interim.append(reply.status)
        if method == "HEAD" or reply.status in (204, 304):
            reply.framing = 0
            http.framing(reply.fields)
        else:
            reply.framing = http.framing(reply.fields)
            if reply.framing is None:
                assert reply.says_close, "a reply without an end on a kept connection"
        self.reading = reply
        self.left = reply.framing if isinstance(reply.framing, int) else None
        self.decoded = bytearray()
        return reply

    def _read_more(self):
        """Decodes some more of the body. False at its end."""
        if self.left is not None:
            if self.left == 0:
                return False
            if not self.reader.buffer and not self.reader.fill():
                raise http.Truncated(f"{self.left} bytes of the body are missing")
            data = self.reader.take(min(self.left, len(self.reader.buffer)))
            self.left -= len(data)
            self.decoded += data
            return True
        if self.reading.framing == "chunked":
            data = self.reader.chunk()
            if data is None:
                self.left = 0
                return False
            self.decoded += data
            return True
        if not self.reader.buffer and not self.reader.fill():
            self.left = 0
            return False
        self.decoded += self.reader.take(len(self.reader.buffer))
        return True

    def read_body(self, count):
        """Exactly <count> decoded bytes of the body."""
        while len(self.decoded) < count:
            if not self._read_more():
                raise http.Truncated(f"the body ended after {len(self.decoded)} bytes")
        data = bytes(self.decoded[:count])
        del self.decoded[:count]
        return data

    def read_rest(self):
        """What is left of the body, to its end."""
        while self._read_more():
            pass
        data = bytes(self.decoded)
        self.decoded.clear()
        return data

    def read_reply(self, method="GET"):
        reply = self.read_head(method)
        reply.body = self.read_rest()
        return reply

    def expect_closed(self):
        """The gateway ends the connection, and nothing else comes before."""
        try:
            rest = self.reader.rest()
        except ConnectionResetError:
            rest = b""
        assert rest == b"", f"bytes after the last reply: {rest[:200]!r}"

    def expect_reset_or_closed(self):
        """The gateway ends the connection, whatever comes before."""
        try:
            self.reader.rest()
        except ConnectionResetError:
            pass

    def expect_open(self):
        """The connection still serves: the gateway answers on it."""
        assert self.ask("GET", "/healthz").status == 200

    # ---- leaving ----

    def finish_sending(self):
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self):
        """Leaves with a reset instead of a FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self):
        self.socket.close()

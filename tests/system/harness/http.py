# SPDX-License-Identifier: MIT
"""HTTP/1.1 as text: heads and chunks, written exactly and read strictly.

The reader accepts only what RFC 9112 says a careful sender writes. Whatever it refuses is a fault of
the gateway, so every test checks the gateway's framing in passing.
"""
import re

TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
FIELD_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")

LAST_CHUNK = b"0\r\n\r\n"


class ProtocolFault(AssertionError):
    """The peer wrote something that is not HTTP/1.1."""


class Truncated(AssertionError):
    """The connection ended before the message was whole."""


class Fields(list):
    """Header fields in order, as (name, value) pairs of text (latin-1)."""

    def all(self, name):
        return [value for key, value in self if key.lower() == name.lower()]

    def one(self, name):
        """The value of the field, None when absent; a repeated one is a fault."""
        values = self.all(name)
        if len(values) > 1:
            raise ProtocolFault(f"{name} is repeated: {values}")
        return values[0] if values else None

    def has(self, name):
        return bool(self.all(name))

    def tokens(self, name):
        """The items of a comma list, over all fields of that name, in lower case."""
        return [item.strip().lower() for value in self.all(name) for item in value.split(",")]


def latin(text):
    return text if isinstance(text, bytes) else text.encode("latin-1")


def head(first_line, fields):
    """The bytes of a head; <fields> are (name, value) pairs or a dict."""
    pairs = fields.items() if isinstance(fields, dict) else fields
    lines = [latin(first_line)] + [latin(name) + b": " + latin(value) for name, value in pairs]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def chunk(data, extension=b""):
    return b"%x%s\r\n%s\r\n" % (len(data), extension, data)


def chunked(data, size=None):
    """A whole chunked body, in chunks of <size> bytes."""
    size = size or max(1, len(data))
    pieces = [data[at:at + size] for at in range(0, len(data), size)]
    return b"".join(chunk(piece) for piece in pieces) + LAST_CHUNK


def reply_head(status=200, fields=(), reason="Scripted", length=None, is_chunked=False):
    pairs = list(fields.items() if isinstance(fields, dict) else fields)
    if length is not None:
        pairs.append(("Content-Length", str(length)))
    if is_chunked:
        pairs.append(("Transfer-Encoding", "chunked"))
    return head(f"HTTP/1.1 {status} {reason}", pairs)


def reply(status=200, body=b"", fields=(), reason="Scripted", is_chunked=False):
    """A whole reply, with a length or chunked."""
    if is_chunked:
        return reply_head(status, fields, reason, is_chunked=True) + chunked(body, 4096)
    return reply_head(status, fields, reason, length=len(body)) + body


def parse_head(text):
    """(first line, Fields) of a head with its final empty line; strict."""
    if not text.endswith(b"\r\n\r\n"):
        raise ProtocolFault("head without an end")
    lines = text[:-4].split(b"\r\n")
    if any(b"\r" in line or b"\n" in line for line in lines):
        raise ProtocolFault("CR or LF on its own in a head")
    fields = Fields()
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        if not colon or not TOKEN.fullmatch(name) or not FIELD_VALUE.fullmatch(value):
            raise ProtocolFault(f"malformed field line {line!r}")
        fields.append((name.decode("latin-1"), value.strip(b" \t").decode("latin-1")))
    return lines[0].decode("latin-1"), fields


def content_length(fields):
    """The one Content-Length as a number, or None."""
    text = fields.one("Content-Length")
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,19}", text):
        raise ProtocolFault(f"Content-Length {text!r}")
    return int(text)


def framing(fields):
    """"chunked", a number of bytes, or None; both at once are a fault."""
    length = content_length(fields)
    coding = fields.one("Transfer-Encoding")
    if coding is None:
        return length
    if coding != "chunked" or length is not None:
        raise ProtocolFault(f"Transfer-Encoding {coding!r} with Content-Length {length}")
    return "chunked"


class Reader:
    """Takes messages apart from a source of bytes; <receive>() returns b"" at the end."""

    def __init__(self, receive):
        self.receive = receive
        self.buffer = bytearray()
        self.taken = bytearray()  # every byte that was read, for the record
        self.records = False
        self.ended = False

    def fill(self):
        """Reads once more. False at the end of the input."""
        if not self.ended:
            data = self.receive()
            self.ended = not data
            self.buffer += data
        return not self.ended

    def take(self, count):
        data = bytes(self.buffer[:count])
        del self.buffer[:count]
        if self.records:
            self.taken += data
        return data

    def exactly(self, count):
        while len(self.buffer) < count:
            if not self.fill():
                raise Truncated(f"{len(self.buffer)} of {count} bytes came")
        return self.take(count)

    def until(self, mark, limit=1024 * 1024):
        searched = 0
        while True:
            at = self.buffer.find(mark, searched)
            if at >= 0:
                return self.take(at + len(mark))
            searched = max(0, len(self.buffer) - len(mark))
            if len(self.buffer) > limit:
                raise ProtocolFault(f"no {mark!r} within {limit} bytes")
            if not self.fill():
                raise Truncated(f"ended within a head or size line: {bytes(self.buffer[:200])!r}")

    def head(self):
        """One head, or None when the input ends before its first byte."""
        if not self.buffer and not self.fill():
            return None
        return self.until(b"\r\n\r\n")

    def chunk(self):
        """The data of one chunk; None after the last one."""
        line = self.until(b"\r\n")
        if not re.fullmatch(rb"[0-9a-fA-F]{1,16}\r\n", line):
            raise ProtocolFault(f"chunk size line {line!r}")
        size = int(line, 16)
        if size == 0:
            if self.exactly(2) != b"\r\n":
                raise ProtocolFault("trailers, though the gateway drops them")
            return None
        data = self.exactly(size)
        if self.exactly(2) != b"\r\n":
            raise ProtocolFault("chunk data not followed by CRLF")
        return data

    def rest(self):
        while self.fill():
            pass
        return self.take(len(self.buffer))

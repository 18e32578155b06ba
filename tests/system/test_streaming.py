# SPDX-License-Identifier: MIT
"""Streams: every piece passes before the next one is made, whoever is slow slows the other side,
bodies arrive byte for byte however they are cut, and what is cut off is seen to be cut off."""
import hashlib
import queue
import random
import threading
import time

import pytest

from harness import gateway as harness
from harness import http
from harness.http import Truncated
from harness.wait import PATIENCE

MIB = 1024 * 1024
SSE = {"Content-Type": "text/event-stream", "Cache-Control": "no-cache"}
NDJSON = {"Content-Type": "application/x-ndjson"}
PLAIN = {"Content-Type": "application/octet-stream"}


def noise(size, seed=7):
    return random.Random(seed * 1009 + size).randbytes(size)


def digest(data):
    return len(data), hashlib.sha256(data).hexdigest()


def post_head(client, token, *fields):
    return http.head("POST /api/show HTTP/1.1", [
        ("Host", client.host), ("Authorization", f"Bearer {token}"), *fields])


# ---- nothing is held back ----

STREAMS = {
    "SSE": (SSE, [b"data: {\"n\": %d}\n\n" % number for number in range(20)]),
    "SSE in halves of an event": (SSE, [b"data: {\"n\"", b": 1}\n", b"\n", b": comment\n\n"] * 4),
    "NDJSON": (NDJSON, [b"{\"n\": %d}\n" % number for number in range(20)]),
    "plain bytes": (PLAIN, [bytes([number]) for number in range(20)]),
    "large pieces": (PLAIN, [noise(size) for size in (1, 70_000, 200_000, 3, 65_536, 16_384)]),
}
FRAMINGS = ("chunked", "length", "until close")


def reply_in_step(engine, fields, pieces, framing):
    """The engine sends its head, and a piece each time the client has seen the one before."""
    turns = queue.Queue()
    length = sum(map(len, pieces)) if framing == "length" else None
    fields = {**fields, "Connection": "close"} if framing == "until close" else fields

    def script(call):
        call.send(http.reply_head(200, fields, length=length, is_chunked=framing == "chunked"))
        for piece in pieces:
            turns.get(timeout=PATIENCE)
            call.send(http.chunk(piece) if framing == "chunked" else piece)
        turns.get(timeout=PATIENCE)
        if framing == "chunked":
            call.send(http.LAST_CHUNK)
        elif framing == "until close":
            call.close()
    engine.run(script)
    return turns


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("name", STREAMS)
def test_each_piece_arrives_before_the_next_is_sent(gateway, engine, token, name, framing):
    fields, pieces = STREAMS[name]
    turns = reply_in_step(engine, fields, pieces, framing)
    client = gateway.connect()
    client.send(client.request("GET", "/api/tags", token=token))
    reply = client.read_head()  # before the first piece
    assert reply.field("Content-Type") == fields["Content-Type"]
    assert reply.framing == (sum(map(len, pieces)) if framing == "length" else "chunked")
    for piece in pieces:
        turns.put("next")
        assert client.read_body(len(piece)) == piece
    turns.put("end")
    assert client.read_rest() == b""
    client.expect_open()


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_client_of_http_1_0_gets_its_stream_too(gateway, engine, token, framing):
    fields, pieces = STREAMS["SSE"]
    turns = reply_in_step(engine, fields, pieces, framing)
    client = gateway.connect()
    client.send(http.head("GET /api/tags HTTP/1.0", [("Authorization", f"Bearer {token}")]))
    reply = client.read_head()
    assert reply.field("Transfer-Encoding") is None and reply.says_close
    for piece in pieces:
        turns.put("next")
        assert client.read_body(len(piece)) == piece
    turns.put("end")
    assert client.read_rest() == b""
    client.expect_closed()


@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
def test_each_piece_of_an_upload_arrives_before_the_next_is_sent(gateway, engine, token, is_chunked):
    """/api/show streams past; only /api/chat is looked at first."""
    pieces = [b"a", b"bc", noise(1000), noise(70_000), b"z"]
    seen = queue.Queue()
    engine.reads_body = False

    def script(call):
        reader = call.connection.reader
        body = b""
        for piece in pieces:
            came = b""
            while len(came) < len(piece):
                came += reader.chunk() if is_chunked else reader.exactly(len(piece) - len(came))
            seen.put(came)
            body += came
        if is_chunked:
            assert reader.chunk() is None
        call.request.body = body
        call.send(http.reply(200, b"all of it"))
    engine.run(script)
    client = gateway.connect()
    length = str(sum(map(len, pieces)))
    client.send(post_head(client, token, ("Transfer-Encoding", "chunked") if is_chunked
                          else ("Content-Length", length)))
    for piece in pieces:
        client.send(http.chunk(piece) if is_chunked else piece)
        assert seen.get(timeout=PATIENCE) == piece
    if is_chunked:
        client.send(http.LAST_CHUNK)
    assert client.read_reply().body == b"all of it"


def test_both_ways_at_once(gateway, engine, token):
    """An engine that answers while it is still being asked."""
    engine.reads_body = False

    def script(call):
        call.send(http.reply_head(200, is_chunked=True))
        while (piece := call.connection.reader.chunk()) is not None:
            call.send(http.chunk(piece.upper()))
        call.send(http.LAST_CHUNK)
        call.request.body = b""
    engine.run(script)
    client = gateway.connect()
    client.send(post_head(client, token, ("Transfer-Encoding", "chunked")))
    assert client.read_head().status == 200
    for word in (b"one", b"two", b"three" * 10_000):
        client.send(http.chunk(word))
        assert client.read_body(len(word)) == word.upper()
    client.send(http.LAST_CHUNK)
    assert client.read_rest() == b""
    client.expect_open()


def test_many_streams_keep_to_themselves(gateway, engine, token):
    """64 clients at once, each gets what its own call makes and nothing else."""
    turn = threading.Barrier(64)

    def script(call):
        name = call.request.target.rpartition("/")[2].encode()
        call.send(http.reply_head(200, SSE, is_chunked=True))
        for number in range(10):
            turn.wait(PATIENCE)
            call.send(http.chunk(b"data: %s %d\n\n" % (name, number)))
        call.send(http.LAST_CHUNK)
    engine.run(script)
    clients = [gateway.connect() for _ in range(64)]
    for number, client in enumerate(clients):
        client.send(client.request("GET", f"/v1/models/{number}", token=token))
    for number, client in enumerate(clients):
        expected = b"".join(b"data: %d %d\n\n" % (number, piece) for piece in range(10))
        assert client.read_reply().body == expected


def test_what_the_engine_sends_at_once_is_not_taken_apart(gateway, engine, token):
    """Pieces that arrive together travel together; none is lost between two chunks."""
    events = [b"data: %d\n\n" % number for number in range(5000)]
    engine.answer(http.reply_head(200, SSE, is_chunked=True)
                  + b"".join(map(http.chunk, events)) + http.LAST_CHUNK)
    assert gateway.ask("GET", "/api/tags", token=token).body == b"".join(events)


# ---- byte for byte ----

@pytest.mark.parametrize("size", [1, 2, 3, 255, 4096, 16_385, 65_536, 65_537, 1_000_003, 16 * MIB])
def test_a_body_that_ends_with_the_connection(gateway, engine, token, size):
    body = noise(size)

    def script(call):
        call.send(http.reply_head(200, {"Connection": "close"}) + body)
        call.close()
    engine.run(script)
    client = gateway.connect()
    assert digest(client.ask("GET", "/api/tags", token=token).body) == digest(body)
    client.expect_open()


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 17])
def test_a_small_reply_split_at_every_position(gateway, engine, token, size, framing):
    body = noise(size)
    if framing == "until close":
        reply = http.reply_head(200, {"Connection": "close"}) + body
    else:
        reply = http.reply(200, body, is_chunked=framing == "chunked")
    client = gateway.connect()
    ask = client.request("GET", "/api/tags", token=token)
    for at in range(reply.index(b"\r\n\r\n") + 1, len(reply) + 1):
        def script(call, at=at):
            call.send(reply[:at])
            time.sleep(0.0005)
            call.send(reply[at:])
            if framing == "until close":
                call.close()
        engine.run(script)
        client.send(ask)
        assert client.read_reply().body == body, f"split at {at}"


@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 17])
def test_a_small_upload_split_at_every_position(gateway, engine, token, size, is_chunked):
    body = noise(size)
    client = gateway.connect()
    text = client.request("POST", "/api/show", body=body, token=token, is_chunked=is_chunked)
    for at in range(text.index(b"\r\n\r\n") + 1, len(text)):
        client.send_in_two(text, at)
        assert client.read_reply().status == 200, f"split at {at}"
        assert engine.take_request().body == body, f"split at {at}"


def pieces_of(data, source):
    at = 0
    while at < len(data):
        size = source.choice([1, 1000, 4096, 16_384, 16_385, 65_536, 65_537, 300_000])
        yield data[at:at + size]
        at += size


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_large_body_at_random_splits_both_ways(gateway, engine, token, framing, seed):
    """16 MiB each way at once; sizes of writes and of chunks are drawn anew each time."""
    source = random.Random(seed)
    up, down = noise(16 * MIB, seed), noise(16 * MIB, seed + 100)
    if framing == "chunked":
        wire = http.reply_head(200, is_chunked=True) + b"".join(
            map(http.chunk, pieces_of(down, random.Random(seed + 1)))) + http.LAST_CHUNK
    elif framing == "length":
        wire = http.reply(200, down)
    else:
        wire = http.reply_head(200, {"Connection": "close"}) + down

    def script(call):
        for piece in pieces_of(wire, random.Random(seed + 2)):
            call.send(piece)
        if framing == "until close":
            call.close()
    engine.run(script)
    client = gateway.connect()
    if framing == "chunked":
        client.send(post_head(client, token, ("Transfer-Encoding", "chunked")))
        text = b"".join(map(http.chunk, pieces_of(up, source))) + http.LAST_CHUNK
    else:
        client.send(post_head(client, token, ("Content-Length", str(len(up)))))
        text = up
    for piece in pieces_of(text, source):
        client.send(piece)
    assert digest(client.read_reply().body) == digest(down)
    assert digest(engine.take_request().body) == digest(up)


# ---- the slower side sets the pace ----

class Progress:
    """How many bytes somebody has got rid of."""

    def __init__(self):
        self.bytes = 0

    def wait_stopped(self):
        """Waits until no more is taken; returns how much was."""
        last, since = self.bytes, time.monotonic()
        deadline = since + 30
        while time.monotonic() < deadline:
            time.sleep(0.02)
            if self.bytes != last:
                last, since = self.bytes, time.monotonic()
            elif last > 0 and time.monotonic() - since > 0.5:
                return last
        raise AssertionError("the sender was never stopped")


# What two sockets may hold on the way is the kernel's business (tcp_rmem may let one alone hold 32 MiB), as long as it
# is not all of it; the gateway's own share is small, and that is looked at beside it.
KERNEL_BYTES_MAX = 60 * MIB
PIECE = noise(64 * 1024)
PIECES = 1024  # 64 MiB


def memory_allowed():
    """A sanitizer keeps freed memory for a while."""
    return (8 if harness.sanitizer() is None else 320) * MIB


def read_and_digest(take):
    sha = hashlib.sha256()
    total = 0
    while True:
        data = take()
        if not data:
            return total, sha.hexdigest()
        sha.update(data)
        total += len(data)


def expected_digest():
    sha = hashlib.sha256()
    for _ in range(PIECES):
        sha.update(PIECE)
    return PIECES * len(PIECE), sha.hexdigest()


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_slow_reader_slows_the_engine(gateway, engine, token, framing):
    progress = Progress()

    def script(call):
        is_chunked = framing == "chunked"
        call.send(http.reply_head(200, length=None if is_chunked else PIECES * len(PIECE),
                                  is_chunked=is_chunked))
        for _ in range(PIECES):
            call.send(http.chunk(PIECE) if is_chunked else PIECE)
            progress.bytes += len(PIECE)
        if is_chunked:
            call.send(http.LAST_CHUNK)
    engine.run(script)
    gateway.ask("GET", "/healthz")
    before = gateway.resident_bytes()
    client = gateway.connect(receive_buffer=4096)
    client.send(client.request("GET", "/api/tags", token=token))
    assert progress.wait_stopped() < KERNEL_BYTES_MAX
    assert gateway.resident_bytes() - before < memory_allowed()
    assert gateway.ask("GET", "/healthz").status == 200  # nobody else waits
    client.read_head()

    def take():
        if not client._read_more():
            return b""
        data = bytes(client.decoded)
        client.decoded.clear()
        return data
    assert read_and_digest(take) == expected_digest()


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_slow_engine_slows_an_upload(start_gateway, engine, token, framing):
    gateway = start_gateway(MAX_REQUEST_BYTES="64m")
    is_chunked = framing == "chunked"
    progress = Progress()
    go_on = threading.Event()
    came = []
    engine.reads_body = False

    def script(call):
        reader = call.connection.reader
        left = [PIECES * len(PIECE)]

        def take():
            if is_chunked:
                return reader.chunk()
            data = reader.exactly(min(left[0], 65_536))
            left[0] -= len(data)
            return data
        go_on.wait(30)
        came.append(read_and_digest(take))
        call.request.body = b""
        call.send(http.reply(200, b"got it"))
    engine.run(script)
    client = gateway.connect()
    client.socket.settimeout(30)
    client.send(post_head(client, token, ("Transfer-Encoding", "chunked") if is_chunked
                          else ("Content-Length", str(PIECES * len(PIECE)))))
    before = gateway.resident_bytes()

    def send():
        for _ in range(PIECES):
            client.send(http.chunk(PIECE) if is_chunked else PIECE)
            progress.bytes += len(PIECE)
        if is_chunked:
            client.send(http.LAST_CHUNK)
    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    assert progress.wait_stopped() < KERNEL_BYTES_MAX
    assert gateway.resident_bytes() - before < memory_allowed()
    assert gateway.ask("GET", "/healthz").status == 200
    go_on.set()
    assert client.read_reply().body == b"got it"
    sender.join(PATIENCE)
    assert came == [expected_digest()]


# ---- what is cut off is seen to be ----

CUTS = {
    "within a size line": b"5",
    "after a size line": b"5\r\n",
    "within a chunk": b"5\r\nhel",
    "behind a chunk's data": b"5\r\nhello",
    "between two chunks": b"5\r\nhello\r\n",
    "within the last chunk": b"5\r\nhello\r\n0\r\n",
    "within the trailers": b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n",
}


@pytest.mark.parametrize("where", CUTS)
def test_a_chunked_reply_that_is_cut(gateway, engine, token, where):
    def script(call):
        call.send(http.reply_head(200, is_chunked=True) + CUTS[where])
        call.close()
    engine.run(script)
    client = gateway.connect()
    client.send(client.request("GET", "/api/tags", token=token))
    client.read_head()
    with pytest.raises((Truncated, ConnectionResetError)):
        client.read_rest()
    assert gateway.wait_for_line(message="request", path="/api/tags", reason="engine_closed")


def test_a_reply_without_an_end_that_is_reset(gateway, engine, token):
    """A plain close is its end, a reset is not."""
    def script(call):
        call.send(http.reply_head(200, {"Connection": "close"}) + b"half")
        call.reset()
    engine.run(script)
    client = gateway.connect()
    client.send(client.request("GET", "/api/tags", token=token))
    try:
        status = client.read_reply().status
    except (Truncated, ConnectionResetError):
        status = None
    assert status in (None, 502), "half a reply looked whole"


@pytest.mark.parametrize("missing", [1, 100_000])
def test_a_length_that_is_not_reached(gateway, engine, token, missing):
    def script(call):
        call.send(http.reply_head(200, length=200_000) + b"x" * (200_000 - missing))
        call.close()
    engine.run(script)
    client = gateway.connect()
    client.send(client.request("GET", "/api/tags", token=token))
    client.read_head()
    with pytest.raises((Truncated, ConnectionResetError)):
        client.read_rest()


def test_the_pipelined_request_behind_a_cut_reply_is_not_answered(gateway, engine, token):
    """Its answer would be taken for the rest of the first one."""
    def script(call):
        call.send(http.reply_head(200, length=100) + b"half")
        call.close()
    engine.run(script)
    client = gateway.connect()
    client.send(client.request("GET", "/api/tags", token=token) * 2)
    client.read_head()
    with pytest.raises((Truncated, ConnectionResetError)):
        client.read_rest()
    engine.expect_targets("/api/tags")


def test_an_upload_that_is_cut_does_not_look_whole_to_the_engine(gateway, engine, token):
    for is_chunked in (False, True):
        client = gateway.connect()
        client.send(post_head(client, token, ("Transfer-Encoding", "chunked") if is_chunked
                              else ("Content-Length", "100")))
        client.send(http.chunk(b"half") if is_chunked else b"half")
        client.finish_sending()
        client.expect_reset_or_closed()
    engine.expect_targets()


# ---- trailers ----

def test_trailers_of_the_engine_are_dropped(gateway, engine, token):
    engine.answer(http.reply_head(200, {"Trailer": "X-Attach-User, X-Sum"}, is_chunked=True)
                  + http.chunk(b"hello") + b"0\r\nX-Attach-User: eve\r\nX-Sum: 1\r\n\r\n")
    client = gateway.connect()
    for _ in range(2):
        reply = client.ask("GET", "/api/tags", token=token)  # the reader refuses trailers
        assert reply.body == b"hello"
        assert reply.field("Trailer") is None and reply.field("X-Attach-User") == "alice"
    assert len({request.connection for request in engine.requests}) == 1  # and it is used again


def test_endless_trailers_end_the_reply(gateway, engine, token):
    def script(call):
        call.send(http.reply_head(200, is_chunked=True) + http.chunk(b"hello") + b"0\r\n")
        while True:
            call.send(b"X-Filler: " + b"x" * 1000 + b"\r\n")
    engine.run(script)
    client = gateway.connect()
    client.send(client.request("GET", "/api/tags", token=token))
    client.read_head()
    with pytest.raises((Truncated, ConnectionResetError)):
        client.read_rest()


def test_a_chunked_reply_after_one_with_a_length_on_one_connection(gateway, engine, token):
    """The first reply's bytes must not count in the second one's chunk sizes."""
    with gateway.connect() as client:
        for framing in ("length", "chunked", "length", "length", "chunked", "chunked"):
            body = f"{framing} reply".encode()
            head = {"Content-Type": "text/plain"}
            engine.answer(http.reply(200, body, head) if framing == "length" else
                          http.head("HTTP/1.1 200 OK", [("Transfer-Encoding", "chunked")]) + http.chunked(body))
            reply = client.ask("GET", "/api/tags", token=token)
            assert (reply.status, reply.body) == (200, body)

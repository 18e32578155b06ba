# SPDX-License-Identifier: MIT
"""Clients that leave: the engine's time is worth more than theirs, so its connection is closed at
once; and the one option that answers clients which only stopped sending.

How long the engine went on is recorded with each test (--junit-xml shows it); the goal is 200 ms, the
assertion only says that it is a matter of moments and not of a timeout.
"""
import queue
import socket
import threading
import time

import pytest

from harness import gateway as harness
from harness import http
from harness.http import Truncated
from harness.wait import PATIENCE, wait_until

MOMENTS_S = 2.0  # every timeout that could end a call is longer: 5 min, 60 s, 10 s
MIB = 1024 * 1024

LEAVE = {
    "FIN": lambda client: client.finish_sending(),
    "close": lambda client: client.close(),
    "RST": lambda client: client.reset(),
}


@pytest.fixture(scope="module")
def half_close_gateway(issuer, module_engine, tmp_path_factory):
    from conftest import options_for
    gateway = harness.Gateway(tmp_path_factory.mktemp("half-close"), options_for(
        issuer, module_engine, CLIENT_HALF_CLOSE="true"))
    gateway.wait_ready()
    yield gateway
    gateway.stop()


@pytest.fixture
def patient(half_close_gateway, engine):
    """A gateway that answers clients which have closed their sending side."""
    yield half_close_gateway
    for client in half_close_gateway.clients:
        client.close()
    half_close_gateway.clients.clear()
    half_close_gateway.check_log()


class Watched:
    """Calls of the engine that wait until the gateway lets go of them."""

    def __init__(self, engine, before=lambda call: None):
        self.begun = queue.Queue()
        self.gone = queue.Queue()

        def script(call):
            before(call)
            self.begun.put(call.request)
            self.gone.put(call.wait_gone())
        engine.run(script)

    def wait_begun(self):
        return self.begun.get(timeout=PATIENCE)

    def expect_released(self, left_at, record):
        gone_at = self.gone.get(timeout=PATIENCE + 1)
        assert gone_at is not None, "the engine was kept at work for nobody"
        seconds = gone_at - left_at
        record("released_ms", round(seconds * 1000, 1))
        assert seconds < MOMENTS_S


def post_head(client, token, *fields):
    return http.head("POST /api/show HTTP/1.1", [
        ("Host", client.host), ("Authorization", f"Bearer {token}"), *fields])


def expect_cancelled(gateway, cancelled_before):
    line = gateway.wait_for_line(message="request", reason="client_gone")
    assert line["user"] == "alice"
    wait_until(lambda: gateway.metrics()["attach_requests_cancelled_total"] > cancelled_before,
               "the cancelled request to be counted")
    wait_until(lambda: gateway.ask("GET", "/healthz").status == 200, "the gateway to serve on")


# ---- the client leaves ----

@pytest.mark.parametrize("way", LEAVE)
def test_before_the_first_byte(gateway, engine, token, way, record_property):
    watched = Watched(engine)
    before = gateway.metrics()["attach_requests_cancelled_total"]
    client = gateway.connect()
    client.send(client.request("GET", "/api/tags", token=token))
    watched.wait_begun()
    left_at = time.monotonic()
    LEAVE[way](client)
    watched.expect_released(left_at, record_property)
    expect_cancelled(gateway, before)


@pytest.mark.parametrize("way", LEAVE)
def test_during_a_stream(gateway, engine, token, way, record_property):
    watched = Watched(engine, lambda call: call.send(
        http.reply_head(200, {"Content-Type": "text/event-stream"}, is_chunked=True)
        + http.chunk(b"data: 1\n\n")))
    before = gateway.metrics()["attach_requests_cancelled_total"]
    client = gateway.connect()
    client.send(client.request("GET", "/api/tags", token=token))
    client.read_head()
    assert client.read_body(9) == b"data: 1\n\n"
    left_at = time.monotonic()
    LEAVE[way](client)
    watched.expect_released(left_at, record_property)
    expect_cancelled(gateway, before)


@pytest.mark.parametrize("way", LEAVE)
@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
def test_during_an_upload(gateway, engine, token, way, is_chunked, record_property):
    engine.reads_body = False
    watched = Watched(engine)
    client = gateway.connect()
    client.send(post_head(client, token, ("Transfer-Encoding", "chunked") if is_chunked
                          else ("Content-Length", "100000")))
    client.send(http.chunk(b"x" * 1000) if is_chunked else b"x" * 1000)
    watched.wait_begun()
    left_at = time.monotonic()
    LEAVE[way](client)
    watched.expect_released(left_at, record_property)
    engine.expect_targets()  # it never was a whole request


@pytest.mark.parametrize("way", LEAVE)
def test_during_a_stream_that_is_not_read(gateway, engine, token, way, record_property):
    """The engine is blocked behind a client that then leaves without having read."""
    begun, gone = threading.Event(), queue.Queue()

    def script(call):
        call.send(http.reply_head(200, is_chunked=True))
        call.connection.socket.settimeout(0.3)
        try:
            while True:
                call.send(http.chunk(b"x" * 65_536))
        except TimeoutError:
            pass
        begun.set()
        call.connection.socket.settimeout(None)
        gone.put(call.wait_gone())
    engine.run(script)
    client = gateway.connect(receive_buffer=4096)
    client.send(client.request("GET", "/api/tags", token=token))
    assert begun.wait(PATIENCE)
    left_at = time.monotonic()
    LEAVE[way](client)
    gone_at = gone.get(timeout=PATIENCE + 1)
    record_property("released_ms", round((gone_at - left_at) * 1000, 1))
    assert gone_at - left_at < MOMENTS_S


def test_reset_during_an_upload_that_the_engine_does_not_take(gateway, engine, token, record_property):
    """Nothing is read from the client then, and still its reset is noticed. What the engine has not
    read is in the way of its own notice, so it reads on."""
    engine.reads_body = False
    go_on = threading.Event()
    watched = Watched(engine, lambda call: go_on.wait(PATIENCE))
    client = gateway.connect()
    client.send(post_head(client, token, ("Content-Length", str(32 * MIB))))
    client.socket.settimeout(0.3)
    with pytest.raises(TimeoutError):
        client.send(b"x" * 32 * MIB)
    left_at = time.monotonic()
    client.reset()
    gateway.wait_for_line(message="request", path="/api/show", reason="client_gone")
    go_on.set()
    watched.expect_released(left_at, record_property)


def test_while_the_engine_is_being_reached(start_gateway, token):
    """The backlog is full: the connection is not there yet, and is given up with its client."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    fillers = []
    for _ in range(8):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(listener.getsockname())
        fillers.append(filler)
    gateway = start_gateway(ENGINE_URL=f"http://127.0.0.1:{listener.getsockname()[1]}")
    for leave in LEAVE.values():
        client = gateway.connect()
        client.send(client.request("GET", "/api/tags", token=token))
        wait_until(lambda: gateway.metrics()["attach_engine_connections"] == 1, "the call to begin")
        leave(client)
        wait_until(lambda: gateway.metrics()["attach_engine_connections"] == 0, "the call to end",
                   MOMENTS_S)
    wait_until(lambda: len(gateway.lines(message="request", reason="client_gone")) == 3, "the log")
    for one in [listener, *fillers]:
        one.close()


def test_a_cancelled_connection_serves_nobody_else(start_gateway, engine, token):
    """Its reply would come to the wrong client."""
    gateway = start_gateway(WORKERS="1")
    client = gateway.connect()
    client.ask("GET", "/api/tags", token=token)
    watched = Watched(engine)
    client.send(client.request("GET", "/api/tags?secret", token=token))
    first = watched.wait_begun()
    client.reset()
    assert watched.gone.get(timeout=PATIENCE + 1) is not None
    engine.run(lambda call: call.send(http.reply(200, call.request.target.encode())))
    assert gateway.ask("GET", "/api/version", token=token).body == b"/api/version"
    assert engine.requests[-1].connection is not first.connection


def test_a_hundred_that_leave_leave_nothing_behind(start_gateway, engine, token):
    gateway = start_gateway(WORKERS="1")
    watched = Watched(engine)
    for number in range(100):
        with gateway.connect() as client:
            client.send(client.request("GET", f"/v1/models/{number}", token=token))
            watched.wait_begun()
    for _ in range(100):
        assert watched.gone.get(timeout=PATIENCE + 1) is not None
    wait_until(lambda: gateway.metrics()["attach_engine_connections"] == 0, "all calls to be over")
    # The one that asks is open itself.
    wait_until(lambda: gateway.metrics()["attach_connections"] == 1, "all connections to be gone")
    assert gateway.metrics()["attach_requests_cancelled_total"] == 100


def test_what_was_pipelined_is_given_up_as_well(gateway, engine, token, record_property):
    watched = Watched(engine)
    client = gateway.connect()
    client.send(client.request("GET", "/v1/models/first", token=token)
                + client.request("GET", "/v1/models/second", token=token))
    watched.wait_begun()
    left_at = time.monotonic()
    client.finish_sending()
    watched.expect_released(left_at, record_property)
    client.expect_reset_or_closed()
    engine.expect_targets("/v1/models/first")


def test_a_full_pipeline_does_not_hide_the_end(gateway, engine, token, record_property):
    """More is sent ahead than the gateway reads, and still it sees its client leave. (A FIN behind more
    than the socket holds as well cannot be seen by anybody.)"""
    watched = Watched(engine)
    client = gateway.connect()
    client.send(client.request("GET", "/v1/models/first", token=token))
    watched.wait_begun()
    client.send(client.request("GET", "/v1/models/more", {"X-Filler": "x" * 4000}, token=token) * 20)
    left_at = time.monotonic()
    client.finish_sending()
    watched.expect_released(left_at, record_property)
    engine.expect_targets("/v1/models/first")


# ---- CLIENT_HALF_CLOSE ----

def test_a_half_closed_client_is_answered(patient, engine, token):
    def script(call):
        time.sleep(0.1)  # the FIN is there before the reply
        call.send(http.reply(200, call.request.body or b"nothing"))
    engine.run(script)
    for body in (None, b"x" * 100_000):
        client = patient.connect()
        client.send(client.request("POST", "/api/show", body=body, token=token))
        client.finish_sending()
        reply = client.read_reply()
        assert (reply.status, reply.body) == (200, body or b"nothing")
        assert reply.says_close
        client.expect_closed()


def test_a_half_closed_client_gets_its_whole_stream(patient, engine, token):
    turns = queue.Queue()

    def script(call):
        call.send(http.reply_head(200, is_chunked=True))
        while (piece := turns.get(timeout=PATIENCE)) is not None:
            call.send(http.chunk(piece))
        call.send(http.LAST_CHUNK)
    engine.run(script)
    client = patient.connect()
    client.send(client.request("GET", "/api/tags", token=token))
    client.read_head()
    client.finish_sending()
    for piece in (b"one", b"x" * 200_000, b"three"):
        turns.put(piece)
        assert client.read_body(len(piece)) == piece
    turns.put(None)
    assert client.read_rest() == b""
    client.expect_closed()


def test_a_half_closed_client_gets_all_it_asked_for(patient, engine, token):
    """Requests that were pipelined before the FIN, own answers among them."""
    def script(call):
        time.sleep(0.02)
        call.send(http.reply(200, call.request.target.encode()))
    engine.run(script)
    client = patient.connect()
    client.send(client.request("GET", "/v1/models/1", token=token) + client.request("GET", "/healthz")
                + client.request("GET", "/v1/models/2", token=token))
    client.finish_sending()
    assert client.read_reply().body == b"/v1/models/1"
    assert client.read_reply().json() == {"status": "ok"}
    assert client.read_reply().body == b"/v1/models/2"
    client.expect_closed()


def test_a_half_closed_client_with_half_a_request_is_not_waited_for(patient, engine, token):
    client = patient.connect()
    client.send(client.request("GET", "/api/tags", token=token) + b"GET /api/tags HT")
    client.finish_sending()
    assert client.read_reply().status == 200
    client.expect_reset_or_closed()
    engine.expect_targets("/api/tags")


def test_a_half_closed_client_with_half_a_body_is_gone(patient, engine, token, record_property):
    engine.reads_body = False
    watched = Watched(engine)
    client = patient.connect()
    client.send(post_head(client, token, ("Content-Length", "100")) + b"half")
    watched.wait_begun()
    left_at = time.monotonic()
    client.finish_sending()
    watched.expect_released(left_at, record_property)


@pytest.mark.parametrize("half_closed", [False, True], ids=["open", "half closed"])
@pytest.mark.parametrize("begun", [False, True], ids=["before the first byte", "during the stream"])
def test_reset_counts_all_the_same(patient, engine, token, half_closed, begun, record_property):
    watched = Watched(engine, (lambda call: call.send(
        http.reply_head(200, is_chunked=True) + http.chunk(b"1"))) if begun else lambda call: None)
    client = patient.connect()
    client.send(client.request("GET", "/api/tags", token=token))
    watched.wait_begun()
    if begun:
        client.read_head()
        client.read_body(1)
    if half_closed:
        client.finish_sending()
        time.sleep(0.05)  # the two are seen apart
    left_at = time.monotonic()
    client.reset()
    watched.expect_released(left_at, record_property)


def test_the_rest_of_a_stream_for_a_client_that_closed(patient, engine, token, record_property):
    """A close looks like a half close until the next piece is refused."""
    gone = queue.Queue()

    def script(call):
        call.send(http.reply_head(200, is_chunked=True) + http.chunk(b"1"))
        left_at.wait(PATIENCE)
        began = time.monotonic()
        try:
            while time.monotonic() - began < PATIENCE:
                call.send(http.chunk(b"2"))
                time.sleep(0.01)
        except OSError:
            pass
        gone.put(time.monotonic() - began)
    left_at = threading.Event()
    engine.run(script)
    client = patient.connect()
    client.send(client.request("GET", "/api/tags", token=token))
    client.read_head()
    client.read_body(1)
    client.close()
    left_at.set()
    seconds = gone.get(timeout=PATIENCE + 1)
    record_property("released_ms", round(seconds * 1000, 1))
    assert seconds < MOMENTS_S


# ---- the client that does not read ----

def test_a_client_that_asks_and_never_reads(start_gateway):
    """Thousands of own answers for nobody: the gateway stops reading, and ends it in time."""
    gateway = start_gateway(WRITE_TIMEOUT="500ms", WORKERS="1")
    before = gateway.resident_bytes()
    client = gateway.connect(receive_buffer=4096)
    asks = client.request("GET", "/auth/config") * 1000
    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        while True:
            client.send(asks)
    allowed = (8 if harness.sanitizer() is None else 320) * MIB  # those keep freed memory for a while
    assert gateway.resident_bytes() - before < allowed
    wait_until(lambda: gateway.metrics()["attach_connections"] == 1, "the connection to be gone")


def test_a_client_that_does_not_read_the_tail(start_gateway, engine, token):
    """The engine is done long before: only the client is waited for, and not for ever."""
    gateway = start_gateway(WRITE_TIMEOUT="500ms", WORKERS="1")
    client = gateway.connect(receive_buffer=4096)
    fill = http.reply(200, b"x" * 16_000)
    engine.answer(fill)
    # Small replies, each whole at once, until the socket takes no more.
    client.send(client.request("GET", "/api/tags", token=token) * 1000)
    wait_until(lambda: gateway.metrics()["attach_connections"] == 1, "the connection to be gone")
    assert gateway.metrics()["attach_engine_connections"] <= 1
    with pytest.raises((Truncated, ConnectionResetError)):
        while True:
            client.read_reply()

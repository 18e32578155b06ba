# SPDX-License-Identifier: MIT
"""Every cap and every deadline of the client's side, each hit once from both sides."""
import threading
import time

import pytest

from harness import http
from harness.wait import wait_until


def post_head(client, token, *fields):
    return http.head("POST /api/show HTTP/1.1", [
        ("Host", client.host), ("Authorization", f"Bearer {token}"), *fields])


# ---- sizes ----

@pytest.fixture
def small(start_gateway):
    return start_gateway(MAX_REQUEST_LINE="256", MAX_HEAD_BYTES="4k", MAX_HEAD_FIELDS="10",
                         MAX_REQUEST_BYTES="1000")


def test_request_line(small, engine, token):
    """The line may have 256 bytes, its end not counted."""
    fits = "/api/tags?" + "x" * (256 - len("GET /api/tags? HTTP/1.1"))
    assert small.ask("GET", fits, token=token).status == 200
    client = small.connect()
    reply = client.ask("GET", fits + "x", token=token)
    assert reply.status == 414 and reply.says_close and reply.detail
    client.expect_closed()
    engine.expect_targets(fits)


def test_request_line_that_never_ends(small):
    client = small.connect()
    client.send("GET /" + "x" * 300)
    assert client.read_reply().status == 414
    client.expect_closed()


def test_head_bytes(small, engine, token):
    client = small.connect()
    reply = client.ask("GET", "/api/tags", {"X-Long": "x" * 5000}, token=token)
    assert reply.status == 431 and reply.says_close and reply.detail
    client.expect_closed()
    engine.expect_targets()


def test_head_that_never_ends(small):
    client = small.connect()
    client.send("GET / HTTP/1.1\r\nX-Long: " + "x" * 5000)
    assert client.read_reply().status == 431
    client.expect_closed()


def test_head_fields(small, engine, token):
    """Host and Authorization are two of ten."""
    fields = [(f"X-{number}", "1") for number in range(8)]
    assert small.ask("GET", "/api/tags", fields, token=token).status == 200
    client = small.connect()
    reply = client.ask("GET", "/api/tags", fields + [("X-9", "1")], token=token)
    assert reply.status == 431 and reply.says_close
    client.expect_closed()
    engine.expect_targets("/api/tags")


def test_the_defaults_take_8k_lines_and_64k_heads(gateway, token):
    target = "/api/tags?" + "x" * (8192 - len("GET /api/tags? HTTP/1.1"))
    assert gateway.ask("GET", target, token=token).status == 200
    assert gateway.ask("GET", target + "x", token=token).status == 414
    assert gateway.ask("GET", "/api/tags", {"X": "x" * 60_000}, token=token).status == 200
    assert gateway.ask("GET", "/api/tags", {"X": "x" * 66_000}, token=token).status == 431
    fields = [(f"X-{number}", "1") for number in range(98)]
    assert gateway.ask("GET", "/api/tags", fields, token=token).status == 200
    assert gateway.ask("GET", "/api/tags", fields + [("X-a", "1")], token=token).status == 431


def test_body_with_a_length(small, engine, token):
    assert small.ask("POST", "/api/show", body=b"x" * 1000, token=token).status == 200
    client = small.connect()
    client.send(post_head(client, token, ("Content-Length", "1001")))
    reply = client.read_reply()  # before the first byte of the body
    assert reply.status == 413 and reply.says_close and reply.detail
    client.expect_closed()
    engine.expect_targets("/api/show")


def test_body_with_a_length_is_refused_instead_of_asked_for(small, token):
    client = small.connect()
    client.send(post_head(client, token, ("Content-Length", "1001"), ("Expect", "100-continue")))
    reply = client.read_reply()
    assert (reply.status, reply.interim) == (413, [])


@pytest.mark.parametrize("target", ["/api/show", "/api/chat"])
def test_body_in_chunks(small, engine, token, target):
    body = b'"' + b"x" * 998 + b'"'
    assert small.ask("POST", target, body=body, token=token, is_chunked=True).status == 200
    client = small.connect()
    reply = client.ask("POST", target, body=body + b" ", token=token, is_chunked=True)
    assert reply.status == 413 and reply.says_close and reply.detail
    client.expect_closed()
    engine.expect_targets(target)


def test_body_in_chunks_that_never_ends(small, engine, token):
    client = small.connect()
    client.send(post_head(client, token, ("Transfer-Encoding", "chunked")))
    try:
        for _ in range(200):
            client.send(http.chunk(b"x" * 100))
    except (BrokenPipeError, ConnectionResetError):
        pass
    assert client.read_reply().status == 413
    engine.expect_targets()


def test_a_body_of_no_bytes_may_be_all_that_is_allowed(start_gateway, token):
    gateway = start_gateway(MAX_REQUEST_BYTES="0")
    assert gateway.ask("POST", "/api/show", body=b"", token=token).status == 200
    assert gateway.ask("POST", "/api/show", body=b"x", token=token).status == 413


# ---- deadlines ----

def test_header_deadline_is_for_the_whole_head(start_gateway):
    """A byte now and then does not buy more time."""
    gateway = start_gateway(HEADER_TIMEOUT="300ms")
    client = gateway.connect()
    client.send("GET /healthz HTTP/1.1\r\nX: ")
    try:
        for _ in range(200):
            client.send("x")
            time.sleep(0.02)
    except (BrokenPipeError, ConnectionResetError):
        pass
    reply = client.read_reply()
    assert reply.status == 408 and reply.says_close and reply.detail
    client.expect_reset_or_closed()


def test_header_deadline_of_a_later_request(start_gateway):
    gateway = start_gateway(HEADER_TIMEOUT="200ms")
    client = gateway.connect()
    client.expect_open()
    client.send("GET /healthz HTTP/1.1\r\n")
    assert client.read_reply().status == 408
    client.expect_closed()


def test_a_connection_that_says_nothing_is_closed_without_a_word(start_gateway):
    gateway = start_gateway(HEADER_TIMEOUT="200ms")
    gateway.connect().expect_closed()


def test_idle_connection_is_closed_without_a_word(start_gateway):
    gateway = start_gateway(IDLE_TIMEOUT="200ms")
    client = gateway.connect()
    client.expect_open()
    client.expect_closed()


@pytest.mark.parametrize("target", ["/api/show", "/api/chat"])
def test_a_body_that_stops_coming(start_gateway, engine, token, target):
    gateway = start_gateway(IDLE_TIMEOUT="200ms")
    client = gateway.connect()
    client.send(http.head(f"POST {target} HTTP/1.1", [
        ("Host", client.host), ("Authorization", f"Bearer {token}"), ("Content-Length", "10")]))
    client.send("{")
    reply = client.read_reply()
    assert reply.status == 408 and reply.says_close and reply.detail
    client.expect_closed()
    engine.expect_targets()
    wait_until(lambda: not any(one.reader.buffer for one in engine.open_connections()),
               "the engine's half request to be given up")


def test_a_body_that_comes_slowly_is_taken(start_gateway, engine, token):
    """Longer than IDLE_TIMEOUT in all, never silent for as long."""
    gateway = start_gateway(IDLE_TIMEOUT="400ms")
    client = gateway.connect()
    client.send(post_head(client, token, ("Content-Length", "30")))
    for _ in range(30):
        client.send("x")
        time.sleep(0.02)
    assert client.read_reply().status == 200
    assert engine.take_request().body == b"x" * 30


def test_a_running_request_is_not_idle(start_gateway, engine, token):
    """The engine may think for longer than a client may be silent."""
    gateway = start_gateway(IDLE_TIMEOUT="100ms", HEADER_TIMEOUT="100ms", WRITE_TIMEOUT="100ms")

    def script(call):
        time.sleep(0.4)
        call.send(http.reply(200, b"thought"))
    engine.run(script)
    client = gateway.connect()
    assert client.ask("GET", "/api/tags", token=token).body == b"thought"


def test_a_client_that_stops_reading_is_dropped(start_gateway, engine, token):
    gateway = start_gateway(WRITE_TIMEOUT="300ms")

    def script(call):
        call.send(http.reply_head(200, is_chunked=True))
        while True:
            call.send(http.chunk(b"x" * 65536))
    engine.run(script)
    client = gateway.connect(receive_buffer=4096)
    client.send(client.request("GET", "/api/tags", token=token))
    request = engine.take_request()
    wait_until(lambda: request.connection.gone_at, "the engine to be released")
    with pytest.raises((http.Truncated, ConnectionResetError)):
        client.read_reply()
    line = gateway.wait_for_line(message="request", path="/api/tags")
    assert line["reason"]


def test_a_client_that_reads_slowly_is_not_dropped(start_gateway, engine, token):
    gateway = start_gateway(WRITE_TIMEOUT="300ms")
    body = b"x" * 3_000_000
    engine.answer(http.reply(200, body))
    client = gateway.connect(receive_buffer=65536)
    client.send(client.request("GET", "/api/tags", token=token))
    client.read_head()
    taken = 0
    for _ in range(15):
        taken += len(client.read_body(100_000))
        time.sleep(0.05)
    assert taken + len(client.read_rest()) == len(body)


# ---- counts ----

def test_requests_per_connection(start_gateway, token):
    gateway = start_gateway(MAX_REQUESTS_PER_CONNECTION="3")
    client = gateway.connect()
    replies = [client.ask("GET", "/api/tags", token=token) for _ in range(3)]
    assert [reply.says_close for reply in replies] == [False, False, True]
    client.expect_closed()


def test_requests_per_connection_of_a_pipeline(start_gateway, engine, token):
    gateway = start_gateway(MAX_REQUESTS_PER_CONNECTION="2")
    client = gateway.connect()
    client.send(client.request("GET", "/api/tags", token=token) * 4)
    assert [client.read_reply().says_close for _ in range(2)] == [False, True]
    client.expect_closed()
    engine.expect_targets("/api/tags", "/api/tags")


@pytest.mark.parametrize("workers", [1, 2])
def test_connections(start_gateway, workers):
    """Over the cap nobody is served until somebody leaves; those inside do not notice."""
    gateway = start_gateway(ready=False, MAX_CONNECTIONS="3", WORKERS=workers)
    inside = [gateway.connect() for _ in range(3)]
    for client in inside:
        client.expect_open()
    outside = gateway.connect()
    outside.send(outside.request("GET", "/healthz"))
    for client in inside:
        client.expect_open()
    assert gateway.metrics()["attach_connections"] <= 4  # the three and the operator's own
    outside.socket.settimeout(0.1)
    with pytest.raises(TimeoutError):
        outside.socket.recv(1)
    outside.socket.settimeout(10)
    inside[0].close()
    assert outside.read_reply().status == 200


def test_engine_connections(start_gateway, engine, token):
    """One request more than engine connections: 503, and the connection serves on."""
    gateway = start_gateway(ENGINE_CONNECTIONS_MAX="2", WORKERS="1")
    release = threading.Event()

    def script(call):
        release.wait(10)
        call.send(http.reply(200, b"late"))
    engine.run(script)
    inside = [gateway.connect() for _ in range(2)]
    for client in inside:
        client.send(client.request("GET", "/api/tags", token=token))
        engine.take_request()
    outside = gateway.connect()
    reply = outside.ask("GET", "/api/tags", token=token)
    assert reply.status == 503 and reply.detail
    release.set()
    assert [client.read_reply().body for client in inside] == [b"late", b"late"]
    assert outside.ask("GET", "/api/tags", token=token).body == b"late"


def test_values_are_read_with_their_units(start_gateway, token):
    gateway = start_gateway(MAX_REQUEST_BYTES="1k", IDLE_TIMEOUT="1h", HEADER_TIMEOUT="5m",
                            WRITE_TIMEOUT="10", ENGINE_IDLE_TIMEOUT="500ms")
    assert gateway.ask("POST", "/api/show", body=b"x" * 1024, token=token).status == 200
    assert gateway.ask("POST", "/api/show", body=b"x" * 1025, token=token).status == 413

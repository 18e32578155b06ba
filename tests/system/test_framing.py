# SPDX-License-Identifier: MIT
"""HTTP/1.1 as it should be: kept connections, pipelining, chunks, 100-continue, HEAD, HTTP/1.0, and
bodies that arrive byte for byte whatever their size, framing and splits."""
import hashlib
import random
import threading

import pytest

from harness import http

SIZES = [1, 2, 3, 7, 255, 256, 1023, 4095, 4096, 4097, 16383, 16384, 16385, 65535, 65536, 65537,
         131072, 1000003, 1 << 20]
EVERY_BYTE = bytes(range(256))


def noise(size, seed=1):
    return random.Random(seed * 31 + size).randbytes(size)


def digest(data):
    return len(data), hashlib.sha256(data).hexdigest()


# ---- connections ----

def test_a_connection_is_kept(gateway, engine, token):
    client = gateway.connect()
    for number in range(3):
        reply = client.ask("GET", f"/v1/models/{number}", token=token)
        assert reply.status == 200 and not reply.says_close
    engine.expect_targets("/v1/models/0", "/v1/models/1", "/v1/models/2")


def test_close_is_honoured(gateway, token):
    client = gateway.connect()
    reply = client.ask("GET", "/api/tags", {"Connection": "close"}, token=token)
    assert reply.status == 200 and reply.says_close
    client.expect_closed()


def test_pipelined_requests_are_answered_in_order(gateway, engine, token):
    engine.run(lambda call: call.send(http.reply(200, call.request.target.encode())))
    client = gateway.connect()
    targets = [f"/v1/models/{number}" for number in range(20)]
    client.send(b"".join(client.request("GET", target, token=token) for target in targets))
    assert [client.read_reply().body.decode() for _ in targets] == targets
    engine.expect_targets(*targets)


def test_pipelined_requests_with_bodies(gateway, engine, token):
    engine.run(lambda call: call.send(http.reply(200, call.request.body)))
    client = gateway.connect()
    bodies = [noise(size) for size in (1, 0, 5000, 70000, 3)]
    client.send(b"".join(
        client.request("POST", "/api/show", body=body, token=token, is_chunked=at % 2 == 1)
        for at, body in enumerate(bodies)))
    assert [client.read_reply().body for _ in bodies] == bodies


def test_own_answers_and_relayed_ones_keep_their_order(gateway, engine, token):
    client = gateway.connect()
    client.send(client.request("GET", "/healthz") + client.request("GET", "/api/tags", token=token)
                + client.request("GET", "/healthz") + client.request("GET", "/api/tags"))
    assert [client.read_reply().status for _ in range(4)] == [200, 200, 200, 401]
    client.expect_open()


def test_pipelined_requests_of_a_client_that_reads_late(gateway, engine, token):
    """given replies larger than every buffer, all asked for at once"""
    engine.answer(http.reply(200, noise(400_000)))
    client = gateway.connect(receive_buffer=4096)
    client.send(client.request("GET", "/api/tags", token=token) * 5)
    for _ in range(5):
        assert digest(client.read_reply().body) == digest(noise(400_000))


def test_an_empty_line_before_a_request_is_skipped(gateway, token):
    """RFC 9112 2.2: some clients end a body with a CRLF too many."""
    client = gateway.connect()
    for _ in range(2):
        client.send(b"\r\n" + client.request("GET", "/api/tags", token=token))
        assert client.read_reply().status == 200


def test_a_request_split_at_every_byte(gateway, engine, token):
    engine.run(lambda call: call.send(http.reply(200, call.request.body)))
    client = gateway.connect()
    text = client.request("POST", "/api/show", {"X-Test": "a"}, body=b"0123456789", token="T")
    text = text.replace(b"Bearer T", b"Bearer " + token.encode())
    head_size = text.index(b"\r\n\r\n") + 4
    token_at = text.index(token.encode())
    inside_token = range(token_at + 8, token_at + len(token) - 8)
    for at in (at for at in range(1, len(text)) if at not in inside_token):
        client.send_in_two(text, at)
        assert client.read_reply().body == b"0123456789", f"split at {at} of {head_size}"


def test_a_chunked_request_split_at_every_byte(gateway, engine, token):
    engine.run(lambda call: call.send(http.reply(200, call.request.body)))
    client = gateway.connect()
    head = http.head("POST /api/show HTTP/1.1", [("Host", client.host), ("Authorization", "Bearer " + token),
                                                 ("Transfer-Encoding", "chunked")])
    body = b"3\r\nabc\r\n0A;x=1\r\n0123456789\r\n1;y\r\n!\r\n000\r\nX-Trailer: t\r\n\r\n"
    for at in range(len(body)):
        client.send_in_two(head + body, len(head) + at)
        assert client.read_reply().body == b"abc0123456789!", f"split at {at}"


def test_a_request_byte_by_byte(gateway, engine, token):
    client = gateway.connect()
    client.send_byte_by_byte(client.request("POST", "/api/show", body=b"hello", token=token))
    assert client.read_reply().status == 200
    assert engine.take_request().body == b"hello"


@pytest.mark.parametrize("reply", [
    http.reply(200, b"0123456789", {"X-Test": "a"}),
    http.reply_head(200, is_chunked=True) + b"3\r\n012\r\n07;x\r\n3456789\r\n0\r\nX-T: t\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + http.reply(200, b"0123456789"),
], ids=["length", "chunked", "interim"])
def test_a_reply_split_at_every_byte(gateway, engine, token, reply):
    client = gateway.connect()
    ask = client.request("GET", "/api/tags", token=token)
    for at in range(1, len(reply)):
        sent = threading.Event()

        def script(call, at=at, sent=sent):
            call.send(reply[:at])
            sent.wait(0.0005)
            call.send(reply[at:])
        engine.run(script)
        client.send(ask)
        assert client.read_reply().body == b"0123456789", f"split at {at}"


# ---- bodies ----

@pytest.mark.parametrize("is_chunked_in", [False, True], ids=["length in", "chunked in"])
@pytest.mark.parametrize("is_chunked_out", [False, True], ids=["length out", "chunked out"])
def test_bodies_are_relayed_byte_for_byte(gateway, engine, token, is_chunked_in, is_chunked_out):
    engine.run(lambda call: call.send(
        http.reply(200, call.request.body[::-1], is_chunked=is_chunked_out)))
    client = gateway.connect()
    for size in SIZES:
        body = noise(size)
        reply = client.ask("POST", "/api/show", body=body, token=token, is_chunked=is_chunked_in)
        assert digest(engine.take_request().body) == digest(body), f"{size} bytes in"
        assert digest(reply.body) == digest(body[::-1]), f"{size} bytes out"


@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
def test_sixteen_mebibytes_both_ways(gateway, engine, token, is_chunked):
    body = noise(16 << 20)
    engine.answer(http.reply(200, body[::-1], is_chunked=is_chunked))
    client = gateway.connect()
    reply = client.ask("POST", "/api/show", body=body, token=token, is_chunked=is_chunked)
    assert digest(engine.take_request().body) == digest(body)
    assert digest(reply.body) == digest(body[::-1])


@pytest.mark.parametrize("chunk_size", [1, 2, 15, 16, 255, 4095, 65537])
def test_chunks_of_any_size(gateway, engine, token, chunk_size):
    body = noise(min(200_000, chunk_size * 3000))
    engine.answer(http.reply_head(200, is_chunked=True) + http.chunked(body, chunk_size))
    client = gateway.connect()
    head = http.head("POST /api/show HTTP/1.1", [
        ("Host", client.host), ("Authorization", f"Bearer {token}"), ("Transfer-Encoding", "chunked")])
    client.send(head + http.chunked(body, chunk_size))
    assert digest(client.read_reply().body) == digest(body)
    assert digest(engine.take_request().body) == digest(body)


def test_random_splits_of_a_large_body(gateway, engine, token):
    source = random.Random(5)
    body = noise(300_000)

    def pieces(data):
        at = 0
        while at < len(data):
            size = source.choice([1, 2, 17, 1000, 4096, 16384, 16385, 40000])
            yield data[at:at + size]
            at += size

    def script(call):
        for piece in pieces(http.reply(200, body, is_chunked=True)):
            call.send(piece)
    engine.run(script)
    client = gateway.connect()
    for is_chunked in (False, True):
        for piece in pieces(client.request("POST", "/api/show", body=body, token=token,
                                           is_chunked=is_chunked)):
            client.send(piece)
        assert digest(client.read_reply().body) == digest(body)
        assert digest(engine.take_request().body) == digest(body)


def test_every_byte_value_passes(gateway, engine, token):
    engine.answer(http.reply(200, EVERY_BYTE * 3))
    reply = gateway.ask("POST", "/api/show", body=EVERY_BYTE * 2, token=token)
    assert engine.take_request().body == EVERY_BYTE * 2
    assert reply.body == EVERY_BYTE * 3


def test_eight_bit_field_values_pass(gateway, engine, token):
    value = bytes(range(0xa0, 0x100)).decode("latin-1")
    engine.answer(http.reply(200, b"", {"X-Out": value}))
    reply = gateway.ask("GET", "/api/tags", {"X-In": value}, token=token)
    assert engine.take_request().field("X-In") == value
    assert reply.field("X-Out") == value


def test_empty_bodies(gateway, engine, token):
    client = gateway.connect()
    for is_chunked in (False, True):
        engine.answer(http.reply(200, b"", is_chunked=is_chunked))
        reply = client.ask("POST", "/api/show", body=b"", token=token, is_chunked=is_chunked)
        assert (reply.status, reply.body) == (200, b"")
        assert engine.take_request().body == b""


def test_extensions_and_trailers_are_dropped(gateway, engine, token):
    client = gateway.connect()
    head = http.head("POST /api/show HTTP/1.1", [
        ("Host", client.host), ("Authorization", f"Bearer {token}"), ("Transfer-Encoding", "chunked"),
        ("Trailer", "X-Attach-User, X-Sum")])
    client.send(head + b"5;name=value;x=\"y\"\r\nhello\r\n0;last\r\nX-Attach-User: eve\r\nX-Sum: 1\r\n\r\n")
    assert client.read_reply().status == 200
    request = engine.take_request()  # the engine's reader refuses trailers and extensions
    assert request.body == b"hello"
    assert request.field("Trailer") is None


def test_a_reply_that_ends_with_the_connection(gateway, engine, token):
    def script(call):
        call.send(http.reply_head(200, {"Connection": "close"}) + b"until the end")
        call.close()
    engine.run(script)
    client = gateway.connect()
    reply = client.ask("GET", "/api/tags", token=token)
    assert reply.body == b"until the end"
    assert reply.framing == "chunked" and not reply.says_close
    client.expect_open()


def test_an_engine_that_speaks_http_1_0(gateway, engine, token):
    def script(call):
        call.send(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nold times")
        call.close()
    engine.run(script)
    client = gateway.connect()
    assert client.ask("GET", "/api/tags", token=token).body == b"old times"
    client.expect_open()


@pytest.mark.parametrize("status", [204, 304])
def test_replies_without_a_body(gateway, engine, token, status):
    fields = {"ETag": '"x"', "Content-Length": "77"} if status == 304 else {"ETag": '"x"'}
    engine.answer(http.reply_head(status, fields))
    client = gateway.connect()
    reply = client.ask("GET", "/api/tags", token=token)
    assert (reply.status, reply.body, reply.field("ETag")) == (status, b"", '"x"')
    client.expect_open()


def test_interim_replies_do_not_disturb(gateway, engine, token):
    engine.answer(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + http.reply(200, b"final"))
    client = gateway.connect()
    assert client.ask("GET", "/api/tags", token=token).body == b"final"


# ---- HEAD and OPTIONS ----

@pytest.mark.parametrize("head", [
    http.reply_head(200, length=12345), http.reply_head(200, is_chunked=True), http.reply_head(200),
], ids=["length", "chunked", "neither"])
def test_head_has_no_body(gateway, engine, token, head):
    engine.answer(head)
    client = gateway.connect()
    reply = client.ask("HEAD", "/api/tags", token=token)
    assert (reply.status, reply.body) == (200, b"")
    assert engine.take_request().method == "HEAD"
    client.expect_open()


def test_head_keeps_the_length(gateway, engine, token):
    engine.answer(http.reply_head(200, length=12345))
    assert gateway.ask("HEAD", "/api/tags", token=token).field("Content-Length") == "12345"


def test_head_of_own_answers(gateway):
    client = gateway.connect()
    full = client.ask("GET", "/healthz")
    reply = client.ask("HEAD", "/healthz")
    assert (reply.status, reply.body) == (200, b"")
    assert reply.field("Content-Length") == full.field("Content-Length")
    assert client.ask("HEAD", "/api/tags").status == 401
    client.expect_open()


def test_options_that_is_no_preflight_goes_to_the_engine(start_gateway, engine, token):
    gateway = start_gateway(ENGINE_PATHS="*")
    assert gateway.ask("OPTIONS", "/api/tags", token=token).status == 200
    assert gateway.ask("OPTIONS", "*", token=token).status in (200, 403)
    assert engine.requests[0].method == "OPTIONS"


# ---- Expect: 100-continue ----

def test_the_body_is_asked_for_before_it_is_sent(gateway, engine, token):
    client = gateway.connect()
    client.send(http.head("POST /api/show HTTP/1.1", [
        ("Host", client.host), ("Authorization", f"Bearer {token}"), ("Expect", "100-continue"),
        ("Content-Length", "5")]))
    assert client.reader.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.send(b"hello")
    reply = client.read_reply()
    assert (reply.status, reply.interim) == (200, [])
    request = engine.take_request()
    assert request.body == b"hello" and request.field("Expect") is None


def test_the_quick_start_call_is_asked_for_its_body_too(gateway, engine, token):
    """/api/chat is read whole before it is relayed."""
    client = gateway.connect()
    client.send(http.head("POST /api/chat HTTP/1.1", [
        ("Host", client.host), ("Authorization", f"Bearer {token}"), ("Expect", "100-Continue"),
        ("Content-Length", "2")]))
    assert client.reader.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.send(b"{}")
    assert client.read_reply().status == 200


def test_a_body_that_will_not_be_read_is_not_asked_for(gateway, engine):
    client = gateway.connect()
    client.send(http.head("POST /api/show HTTP/1.1", [
        ("Host", client.host), ("Expect", "100-continue"), ("Content-Length", "5")]))
    reply = client.read_reply()
    assert (reply.status, reply.interim, reply.says_close) == (401, [], True)
    client.expect_closed()
    engine.expect_targets()


def test_a_body_that_comes_anyway_needs_no_100(gateway, engine, token):
    client = gateway.connect()
    client.send(client.request("POST", "/api/show", {"Expect": "100-continue"}, body=b"hello",
                               token=token))
    assert client.read_reply().status == 200
    assert engine.take_request().body == b"hello"
    client.expect_open()


def test_http_1_0_gets_no_100(gateway, engine, token):
    client = gateway.connect()
    client.send(http.head("POST /api/show HTTP/1.0", [
        ("Host", client.host), ("Authorization", f"Bearer {token}"), ("Expect", "100-continue"),
        ("Content-Length", "5")]) + b"hello")
    reply = client.read_reply()
    assert (reply.status, reply.interim) == (200, [])


# ---- HTTP/1.0 ----

def old_request(client, token, fields=()):
    return http.head("GET /api/tags HTTP/1.0", [("Host", client.host),
                                                ("Authorization", f"Bearer {token}"), *fields])


def test_http_1_0_is_closed_after_its_reply(gateway, token):
    client = gateway.connect()
    client.send(old_request(client, token))
    reply = client.read_reply()
    assert reply.status == 200 and reply.says_close
    client.expect_closed()


def test_http_1_0_may_ask_to_be_kept(gateway, token):
    client = gateway.connect()
    for _ in range(2):
        client.send(old_request(client, token, [("Connection", "keep-alive")]))
        reply = client.read_reply()
        assert reply.status == 200 and "keep-alive" in reply.fields.tokens("Connection")
    client.expect_open()


def test_http_1_0_gets_no_chunks(gateway, engine, token):
    engine.answer(http.reply(200, b"x" * 50_000, is_chunked=True))
    client = gateway.connect()
    client.send(old_request(client, token, [("Connection", "keep-alive")]))
    reply = client.read_reply()
    assert reply.field("Transfer-Encoding") is None and reply.says_close
    assert reply.body == b"x" * 50_000


def test_http_1_0_needs_no_host(gateway, token):
    client = gateway.connect()
    client.send(http.head("GET /api/tags HTTP/1.0", [("Authorization", f"Bearer {token}")]))
    assert client.read_reply().status == 200


# ---- targets and Host ----

def test_the_absolute_form_is_served(gateway, engine, token):
    client = gateway.connect()
    assert client.ask("GET", f"http://{client.host}/api/tags?a=b", token=token).status == 200
    request = engine.take_request()
    assert request.target == "/api/tags?a=b"
    assert request.field("Host") == engine.authority


def test_the_engine_is_called_by_its_own_name(gateway, engine, token):
    gateway.ask("GET", "/api/tags", token=token)
    assert engine.take_request().field("Host") == engine.authority


# ---- what is not read ----

def test_a_refused_request_with_its_body_on_the_way_still_gets_its_reply(gateway, engine):
    """A reset must not eat the 401 while the client is still sending."""
    client = gateway.connect()
    client.send(client.request("POST", "/api/show", body=b"x" * 500_000))
    reply = client.read_reply()
    assert reply.status == 401 and reply.says_close
    client.expect_closed()
    engine.expect_targets()


def test_an_engine_that_answers_before_it_has_the_body(gateway, engine, token):
    engine.reads_body = False

    def script(call):
        call.send(http.reply(400, b"no", {"Connection": "close"}))
        call.wait_gone()
    engine.run(script)
    client = gateway.connect()
    client.send(client.request("POST", "/api/show", body=None, token=token)[:-2] +
                b"Content-Length: 1000000\r\n\r\n" + b"x" * 1000)
    reply = client.read_reply()
    assert (reply.status, reply.body) == (400, b"no")
    assert client.socket.recv(1) == b""

# SPDX-License-Identifier: MIT
"""The engine's side: what it is told, how its connections are lent, and what its failures become."""
import json
import socket
import threading
import time

import pytest

from harness import http
from harness.certificates import Authority
from harness.engine import Engine, silent_port
from harness.http import Truncated
from harness.wait import wait_until


# ---- credentials ----

def test_the_token_is_not_sent(gateway, engine, token):
    gateway.ask("POST", "/api/show", body=b"{}", token=token)
    request = engine.take_request()
    assert "authorization" not in request.names()
    assert token.encode() not in request.head


def test_the_engines_own_key_is_sent(start_gateway, engine, token):
    gateway = start_gateway(ENGINE_API_KEY="sk-engine")
    reply = gateway.ask("GET", "/api/tags", token=token)
    request = engine.take_request()
    assert request.field("Authorization") == "Bearer sk-engine"
    gateway.access_line(reply)
    assert "sk-engine" not in gateway.text()


def test_the_token_is_sent_when_asked_for(start_gateway, engine, token):
    gateway = start_gateway(ENGINE_FORWARD_AUTH="true")
    gateway.ask("GET", "/api/tags", token=token)
    assert engine.take_request().field("Authorization") == f"Bearer {token}"


def test_the_engines_key_wins_over_forwarding(start_gateway, engine, token):
    gateway = start_gateway(ENGINE_FORWARD_AUTH="true", ENGINE_API_KEY="sk-engine")
    gateway.ask("GET", "/api/tags", token=token)
    assert engine.take_request().field("Authorization") == "Bearer sk-engine"


# ---- replies ----

@pytest.mark.parametrize("status", [200, 201, 206, 301, 400, 401, 403, 404, 405, 409, 422, 429, 500, 503])
def test_statuses_pass_unchanged(gateway, engine, token, status):
    engine.answer(http.reply(status, b'{"error":"x"}', {"Content-Type": "application/json", "X-E": "1"},
                             reason="As The Engine Said"))
    reply = gateway.ask("GET", "/api/tags", token=token)
    assert (reply.status, reply.reason, reply.body) == (status, "As The Engine Said", b'{"error":"x"}')
    assert reply.field("X-E") == "1"


def test_a_reply_of_another_reason(gateway, engine, token):
    engine.answer(b"HTTP/1.1 200\r\nContent-Length: 1\r\n\r\nx")
    assert gateway.ask("GET", "/api/tags", token=token).body == b"x"


# ---- lent connections ----

def test_connections_are_used_again(gateway, engine, token):
    client = gateway.connect()
    client.ask("GET", "/api/tags", token=token)
    accepted = engine.accepted
    for _ in range(10):
        client.ask("GET", "/api/tags", token=token)
    assert engine.accepted == accepted
    assert len({request.connection for request in engine.requests[1:]}) == 1


def test_clients_of_one_worker_share_connections(start_gateway, engine, token):
    gateway = start_gateway(WORKERS="1")
    for _ in range(10):
        gateway.ask("GET", "/api/tags", token=token)
    assert engine.accepted == 1


def test_two_at_once_need_two(start_gateway, engine, token):
    gateway = start_gateway(WORKERS="1")
    both = threading.Barrier(2)

    def script(call):
        both.wait(10)
        call.send(http.reply(200, b"x"))
    engine.run(script)
    clients = [gateway.connect() for _ in range(2)]
    for client in clients:
        client.send(client.request("GET", "/api/tags", token=token))
    assert [client.read_reply().status for client in clients] == [200, 200]
    assert engine.accepted == 2


def test_an_engine_that_closes_after_each_reply(gateway, engine, token):
    def script(call):
        call.send(http.reply(200, b"x", {"Connection": "close"}))
        call.close()
    engine.run(script)
    client = gateway.connect()
    for _ in range(5):
        assert client.ask("GET", "/api/tags", token=token).body == b"x"


def test_connections_closed_while_idle_are_replaced(start_gateway, engine, token):
    gateway = start_gateway(WORKERS="1")
    client = gateway.connect()
    for _ in range(5):
        assert client.ask("GET", "/api/tags", token=token).status == 200
        engine.close_idle()
    assert len(engine.requests) == 5


def dies_once(engine, when):
    """A script that answers the first request, and drops the connection at the second."""
    seen = []

    def script(call):
        seen.append(call.request.target)
        if len(seen) == 2:
            if when == "after a byte":
                call.send(b"H")
            call.close()
            return
        call.send(http.reply(200, b"fine"))
    engine.run(script)
    return seen


@pytest.mark.parametrize("method,body", [("GET", None), ("POST", b'{"model":"x"}')])
def test_a_used_connection_that_dies_is_retried_once(start_gateway, engine, token, method, body):
    """No byte was answered on a reused connection: the same request goes out once more."""
    gateway = start_gateway(WORKERS="1", ENGINE_PATHS="*")
    seen = dies_once(engine, "before any byte")
    client = gateway.connect()
    client.ask(method, "/first", body=body, token=token)
    reply = client.ask(method, "/second", body=body, token=token)
    assert (reply.status, reply.body) == (200, b"fine")
    assert seen == ["/first", "/second", "/second"]
    again = engine.requests[1:]
    assert again[0].head == again[1].head and again[0].body == again[1].body == (body or b"")


def test_no_retry_after_a_byte(start_gateway, engine, token):
    gateway = start_gateway(WORKERS="1")
    seen = dies_once(engine, "after a byte")
    client = gateway.connect()
    client.ask("GET", "/api/tags", token=token)
    assert client.ask("GET", "/api/version", token=token).status == 502
    assert seen == ["/api/tags", "/api/version"]


def test_no_retry_on_a_fresh_connection(start_gateway, engine, token):
    gateway = start_gateway(WORKERS="1")
    engine.run(lambda call: call.close())
    reply = gateway.ask("GET", "/api/tags", token=token)
    assert reply.status == 502 and reply.detail
    assert len(engine.requests) == 1


def test_no_second_retry(start_gateway, engine, token):
    gateway = start_gateway(WORKERS="1")
    gateway.ask("GET", "/api/tags", token=token)
    engine.run(lambda call: call.close())
    assert gateway.ask("GET", "/api/version", token=token).status == 502
    assert len(engine.requests) == 3


def test_no_retry_of_a_body_that_is_gone(start_gateway, engine, token):
    """A body too large to keep cannot be sent twice."""
    gateway = start_gateway(WORKERS="1")
    client = gateway.connect()
    client.ask("GET", "/api/tags", token=token)
    engine.run(lambda call: call.close())
    reply = client.ask("POST", "/api/show", body=b"x" * 3_000_000, token=token)
    assert reply.status == 502
    assert [request.target for request in engine.requests].count("/api/show") == 1


# ---- failures ----

def test_an_engine_that_is_not_there(start_gateway, token):
    sock, port = silent_port()
    gateway = start_gateway(ENGINE_URL=f"http://127.0.0.1:{port}")
    client = gateway.connect()
    reply = client.ask("POST", "/api/show", body=b"{}", token=token)
    assert reply.status == 502 and reply.detail
    assert gateway.reason_of(reply) == "engine_unreachable"
    gateway.wait_for_line(level="warn", request_id=reply.request_id)
    client.expect_open()
    sock.close()


def test_an_engine_whose_name_does_not_exist(start_gateway, token):
    gateway = start_gateway(ENGINE_URL="http://engine.invalid:1234", ENGINE_CONNECT_TIMEOUT="3s")
    reply = gateway.ask("GET", "/api/tags", token=token)
    assert reply.status in (502, 504) and reply.detail
    assert gateway.ask("GET", "/readyz").status == 200  # the engine's state does not count


def test_an_engine_by_name(start_gateway, engine, token):
    gateway = start_gateway(ENGINE_URL=f"http://localhost:{engine.port}")
    assert gateway.ask("GET", "/api/tags", token=token).status == 200
    assert engine.take_request().field("Host") == f"localhost:{engine.port}"


def test_an_engine_that_comes_back(start_gateway, engine, token):
    gone = Engine()
    gateway = start_gateway(ENGINE_URL=gone.url)
    gone.stop_listening()
    wait_until(lambda: gateway.ask("GET", "/api/tags", token=token).status == 502, "the engine to be gone")
    gone.listener = socket.create_server(("127.0.0.1", gone.port))
    threading.Thread(target=gone._accept, daemon=True).start()
    wait_until(lambda: gateway.ask("GET", "/api/tags", token=token).status == 200, "the engine")
    gone.close()


def test_an_engine_that_does_not_take_the_connection(start_gateway, token):
    """A full backlog: nothing answers the SYN."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    fillers = []
    for _ in range(8):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(listener.getsockname())
        fillers.append(filler)
    gateway = start_gateway(ENGINE_URL=f"http://127.0.0.1:{listener.getsockname()[1]}",
                            ENGINE_CONNECT_TIMEOUT="300ms")
    reply = gateway.ask("GET", "/api/tags", token=token)
    assert reply.status == 504 and reply.detail
    assert gateway.reason_of(reply) == "engine_connect_timeout"
    for one in [listener, *fillers]:
        one.close()


def test_an_engine_that_does_not_answer(start_gateway, engine, token):
    gateway = start_gateway(ENGINE_FIRST_BYTE_TIMEOUT="200ms")
    engine.run(lambda call: call.wait_gone())
    client = gateway.connect()
    reply = client.ask("GET", "/api/tags", token=token)
    assert reply.status == 504 and reply.detail
    assert gateway.reason_of(reply) == "engine_silent"
    client.expect_open()


def test_an_engine_that_stops_within_its_head(start_gateway, engine, token):
    gateway = start_gateway(ENGINE_FIRST_BYTE_TIMEOUT="200ms", ENGINE_IDLE_TIMEOUT="200ms")

    def script(call):
        call.send(b"HTTP/1.1 200 OK\r\nContent-")
        call.wait_gone()
    engine.run(script)
    assert gateway.ask("GET", "/api/tags", token=token).status in (502, 504)


@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("end", ["close", "reset", "silence"])
def test_a_truncated_reply_is_seen_to_be_truncated(start_gateway, engine, token, is_chunked, end):
    gateway = start_gateway(ENGINE_IDLE_TIMEOUT="300ms")

    def script(call):
        call.send(http.reply_head(200, length=None if is_chunked else 100, is_chunked=is_chunked))
        call.send(http.chunk(b"half") if is_chunked else b"half")
        {"close": call.close, "reset": call.reset, "silence": call.wait_gone}[end]()
    engine.run(script)
    client = gateway.connect()
    client.send(client.request("GET", "/api/tags", token=token))
    reply = client.read_head()
    assert reply.status == 200
    if end != "reset":
        assert client.read_body(4) == b"half"
    with pytest.raises((Truncated, ConnectionResetError)):
        client.read_rest()
    assert gateway.wait_for_line(message="request", path="/api/tags")["reason"].startswith("engine_")


def test_a_truncated_reply_to_http_1_0_is_reset(gateway, engine, token):
    """Without a length a plain end would look complete."""
    def script(call):
        call.send(http.reply_head(200, is_chunked=True) + http.chunk(b"half"))
        call.close()
    engine.run(script)
    client = gateway.connect()
    client.send(http.head("GET /api/tags HTTP/1.0", [("Authorization", f"Bearer {token}")]))
    with pytest.raises(ConnectionResetError):
        client.read_reply()


def test_a_bad_chunk_of_the_engine_truncates(gateway, engine, token):
    engine.answer(http.reply_head(200, is_chunked=True) + http.chunk(b"good") + b"xyz\r\n")
    client = gateway.connect()
    client.send(client.request("GET", "/api/tags", token=token))
    client.read_head()
    with pytest.raises((Truncated, ConnectionResetError)):
        client.read_rest()


def test_an_endless_head_of_the_engine(gateway, engine, token):
    def script(call):
        call.send(b"HTTP/1.1 200 OK\r\n")
        while True:
            call.send(b"X-Filler: " + b"x" * 1000 + b"\r\n")
    engine.run(script)
    assert gateway.ask("GET", "/api/tags", token=token).status == 502


def test_endless_interim_replies(gateway, engine, token):
    def script(call):
        while True:
            call.send(b"HTTP/1.1 102 Processing\r\n\r\n")
    engine.run(script)
    assert gateway.ask("GET", "/api/tags", token=token).status == 502


# ---- the quick-start call ----

def chat(gateway, body, token, fields=(), target="/api/chat"):
    return gateway.ask("POST", target, fields, body=body, token=token)


def test_a_prompt_becomes_a_chat(gateway, engine, token):
    """The original's own quick start: prompt, no messages, curl's form content type."""
    reply = chat(gateway, b'{"model":"tinyllama","prompt":"hello"}', token,
                 {"Content-Type": "application/x-www-form-urlencoded"})
    assert reply.status == 200
    request = engine.take_request()
    assert request.target == "/api/chat"
    assert request.field("Content-Type") == "application/json"
    assert request.json() == {"model": "tinyllama", "messages": [{"role": "user", "content": "hello"}]}


@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
def test_a_prompt_with_anything_in_it(gateway, engine, token, is_chunked):
    prompt = 'quote " backslash \\ line\nend \x00 é 日本 \U0001f600 }{,"messages":1'
    body = json.dumps({"stream": True, "prompt": prompt, "options": {"prompt": "x", "messages": []}})
    gateway.ask("POST", "/api/chat", body=body.encode(), token=token, is_chunked=is_chunked)
    document = engine.take_request().json()
    assert document == {"stream": True, "messages": [{"role": "user", "content": prompt}],
                        "options": {"prompt": "x", "messages": []}}


def test_a_prompt_spelled_with_white_space(gateway, engine, token):
    chat(gateway, b' {\n "prompt" :\t"hi" ,\r\n "model": "m" } ', token)
    assert engine.take_request().json() == {"messages": [{"role": "user", "content": "hi"}], "model": "m"}


@pytest.mark.parametrize("body", [
    b'{"model":"m","messages":[{"role":"user","content":"hi"}]}',
    b'{ "messages" : [] , "prompt":"both" }',
    b'{"prompt":5}', b'{"prompt":null}', b'{"prompt":["a"]}', b'{"model":"m"}', b"{}",
    b'{"messages":null}', b'[1,2,3]', b'"text"', b"  {}\n",
])
def test_other_bodies_pass_byte_for_byte(gateway, engine, token, body):
    chat(gateway, body, token, {"Content-Type": "application/json"})
    assert engine.take_request().body == body


def test_a_body_without_content_type_gets_one(gateway, engine, token):
    chat(gateway, b'{"messages":[]}', token)
    assert engine.take_request().field("Content-Type") == "application/json"


@pytest.mark.parametrize("body", [b"", b"not json", b'{"a":1', b'{"a":1} x', b'{"a":"\xff"}'])
def test_a_body_that_is_no_json(gateway, engine, token, body):
    client = gateway.connect()
    reply = client.ask("POST", "/api/chat", body=body, token=token)
    assert reply.status == 400
    assert reply.detail == "Body must be valid JSON"
    client.expect_open()
    engine.expect_targets()


def test_a_long_chat_passes_byte_for_byte(gateway, engine, token):
    body = json.dumps({"messages": [{"role": "user", "content": "x" * 2_000_000}]}).encode()
    for is_chunked in (False, True):
        reply = gateway.ask("POST", "/api/chat", {"Content-Type": "application/json"}, body=body,
                            token=token, is_chunked=is_chunked)
        assert reply.status == 200
        assert engine.take_request().body == body


def test_other_paths_are_not_rewritten(gateway, engine, token):
    body = b'{"model":"m","prompt":"hi"}'
    for target in ("/api/generate", "/v1/completions", "/v1/chat/completions"):
        gateway.ask("POST", target, {"Content-Type": "text/plain"}, body=body, token=token)
        request = engine.take_request()
        assert (request.body, request.field("Content-Type")) == (body, "text/plain")


def test_an_engine_without_api_chat(start_gateway, engine, token):
    """ENGINE_API=openai: as the original did, with the same help."""
    gateway = start_gateway(ENGINE_API="openai")
    chat(gateway, b'{"model":"m","prompt":"hello"}', token)
    request = engine.take_request()
    assert request.target == "/v1/chat/completions"
    assert request.json()["messages"] == [{"role": "user", "content": "hello"}]
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "x" * 300_000}]}).encode()
    chat(gateway, body, token)
    request = engine.take_request()
    assert (request.target, request.body) == ("/v1/chat/completions", body)
    gateway.ask("POST", "/api/generate", body=b"{}", token=token)
    assert engine.take_request().target == "/api/generate"


# ---- an https engine ----

@pytest.fixture
def tls_engine(authority):
    engine = Engine(tls=authority.server_context(name="engine"))
    yield engine
    engine.close()
    assert engine.faults == []


def test_an_https_engine(start_gateway, authority, tls_engine, token):
    gateway = start_gateway(ENGINE_URL=tls_engine.url, ENGINE_CA_FILE=authority.file, WORKERS="1")
    body = bytes(range(256)) * 4096
    tls_engine.run(lambda call: call.send(http.reply(200, call.request.body, is_chunked=True)))
    client = gateway.connect()
    for _ in range(3):
        assert client.ask("POST", "/api/show", body=body, token=token).body == body
    assert tls_engine.accepted == 1
    assert tls_engine.requests[0].field("Host") == tls_engine.authority


def test_an_https_engine_of_an_unknown_authority(start_gateway, tls_engine, token):
    gateway = start_gateway(ENGINE_URL=tls_engine.url)
    reply = gateway.ask("GET", "/api/tags", token=token)
    assert reply.status == 502 and gateway.reason_of(reply) == "engine_unreachable"
    assert tls_engine.heads == []


def test_an_https_engine_of_another_authority(start_gateway, tls_engine, token, tmp_path):
    other = Authority(tmp_path, "Another Authority")
    gateway = start_gateway(ENGINE_URL=tls_engine.url, ENGINE_CA_FILE=other.file)
    assert gateway.ask("GET", "/api/tags", token=token).status == 502
    assert tls_engine.heads == []


def test_an_https_engine_of_another_name(start_gateway, authority, token):
    engine = Engine(tls=authority.server_context(hosts=("other.example",), name="other"))
    gateway = start_gateway(ENGINE_URL=engine.url, ENGINE_CA_FILE=authority.file)
    assert gateway.ask("GET", "/api/tags", token=token).status == 502
    assert engine.heads == []
    engine.close()


def test_an_https_engine_by_name(start_gateway, authority, tls_engine, token):
    gateway = start_gateway(ENGINE_URL=f"https://localhost:{tls_engine.port}",
                            ENGINE_CA_FILE=authority.file)
    assert gateway.ask("GET", "/api/tags", token=token).status == 200


def test_an_engine_that_speaks_no_tls(start_gateway, authority, engine, token):
    gateway = start_gateway(ENGINE_URL=engine.url.replace("http:", "https:"), ENGINE_CA_FILE=authority.file,
                            ENGINE_CONNECT_TIMEOUT="1s")
    assert gateway.ask("GET", "/api/tags", token=token).status in (502, 504)
    engine.faults.clear()


def test_a_tls_engine_that_dies_truncates(start_gateway, authority, tls_engine, token):
    gateway = start_gateway(ENGINE_URL=tls_engine.url, ENGINE_CA_FILE=authority.file)

    def script(call):
        call.send(http.reply_head(200, length=100) + b"half")
        call.close()
    tls_engine.run(script)
    with pytest.raises((Truncated, ConnectionResetError)):
        gateway.ask("GET", "/api/tags", token=token)


def test_a_reply_that_ends_with_the_connection_needs_close_notify(start_gateway, authority, tls_engine, token):
    """Anybody on the way can cut a TCP connection; only TLS says that this was the end."""
    gateway = start_gateway(ENGINE_URL=tls_engine.url, ENGINE_CA_FILE=authority.file)

    def cut(call):
        call.send(http.reply_head(200, {"Connection": "close"}) + b"not all")
        call.connection.socket.shutdown(2)
    tls_engine.run(cut)
    with pytest.raises((Truncated, ConnectionResetError)):
        gateway.ask("GET", "/api/tags", token=token)

    def end(call):
        call.send(http.reply_head(200, {"Connection": "close"}) + b"all")
        call.connection.socket.unwrap()
    tls_engine.run(end)
    assert gateway.ask("GET", "/api/tags", token=token).body == b"all"


def test_time_is_measured(gateway, engine, token):
    """engine_ms tells how long the engine took to begin."""
    def script(call):
        time.sleep(0.1)
        call.send(http.reply(200, b"x"))
    engine.run(script)
    line = gateway.access_line(gateway.ask("GET", "/api/tags", token=token))
    assert 90 <= line["engine_ms"] <= line["duration_ms"]

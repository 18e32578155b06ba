# SPDX-License-Identifier: MIT
"""POST /api/chat as the quick start calls it: `prompt` where the engine wants `messages`, no content
type. The one place where a body is looked at, and changed as little as can be.
(The plain cases are in test_engine.py.)"""
import gzip
import json
import subprocess

import pytest

from harness import http
from test_stand_in_engine import StandIn

HELP_BYTES_MAX = 64 * 1024  # a longer body was not typed by hand
CHAT = b'{"message":{"role":"assistant","content":"hello"}}'


def helped(prompt):
    """What becomes of the member with this prompt, given as it stands in the body."""
    return b'"messages":[{"role":"user","content":' + prompt + b"}]"


def expect_body(gateway, engine, token, body, expected, **arguments):
    """The engine gets exactly these bytes."""
    reply = gateway.ask("POST", "/api/chat", body=body, token=token, **arguments)
    assert reply.status == 200, reply.body
    request = engine.take_request()
    assert request.body == expected
    assert request.field("Content-Type") == "application/json"
    return request


# ---- what is changed ----

@pytest.mark.parametrize("prompt", [
    b'"hello"', b'""', b'"\\"quoted\\" \\\\ \\/ \\b\\f\\n\\r\\t"', b'"\\u00e9 \\ud83d\\ude00 \\u0000"',
    '"é 日本 \U0001f600"'.encode(), b'"}{,\\"messages\\":[]"', b'"' + b"x" * 60_000 + b'"',
], ids=["plain", "empty", "escapes", "escaped code points", "UTF-8", "looks like JSON", "long"])
def test_the_prompt_keeps_its_bytes(gateway, engine, token, prompt):
    expect_body(gateway, engine, token, b'{"model":"m","prompt":' + prompt + b"}",
                b'{"model":"m",' + helped(prompt) + b"}")


@pytest.mark.parametrize("before,after", [
    (b"{", b"}"), (b"  {\n\t", b"\r\n}  \n"), (b'{"model" : "m" , ', b' , "stream":false}'),
    (b'{"a":{"prompt":"inner","messages":[1]},', b',"z":[{"prompt":"x"}]}'),
    (b'{"n":1.0e+05,"t":true,"e":"\\u0041",', b',"big":12345678901234567890}'),
    ('{"é":"日",'.encode(), ',"\U0001f600":"é"}'.encode()),
])
def test_all_else_keeps_its_bytes(gateway, engine, token, before, after):
    """No number is rounded, no escape resolved, no space moved."""
    for space in (b"", b" ", b"\n\t"):
        expect_body(gateway, engine, token, before + b'"prompt"' + space + b":" + space + b'"hi"' + after,
                    before + helped(b'"hi"') + after)


def test_the_first_of_two_prompts_is_taken(gateway, engine, token):
    expect_body(gateway, engine, token, b'{"prompt":"one","prompt":"two"}',
                b"{" + helped(b'"one"') + b',"prompt":"two"}')


# ---- what is not ----

@pytest.mark.parametrize("body", [
    b'{"prompt":"x","messages":[]}', b'{"messages":[{"role":"user","content":"x"}],"prompt":"x"}',
    b'{"messages":"text","prompt":"x"}', b'{"Prompt":"x"}', b'{"prompts":"x"}', b'{"promp":"x"}',
    b'{"prompt":["x"]}', b'{"prompt":{"a":1}}', b'{"prompt":1.50}', b'{"prompt":true}', b'{"prompt":null}',
    b'{"":"x"}', b" { } ", b'{"options":{"prompt":"x"}}',
])
def test_other_objects_pass_as_they_are(gateway, engine, token, body):
    expect_body(gateway, engine, token, body, body)


@pytest.mark.parametrize("body", [b"[]", b'["prompt","x"]', b'"prompt"', b"1.50", b"true", b" null "])
def test_json_that_is_no_object_passes_as_it_is(gateway, engine, token, body):
    gateway.ask("POST", "/api/chat", body=body, token=token)
    assert engine.take_request().body == body


@pytest.mark.parametrize("body", [
    b"", b" ", b"hello", b"model=m&prompt=hello", b"{'prompt':'x'}", b'{"prompt":"x"', b'{"prompt":"x"}}',
    b'{"prompt":"x",}', b'{"prompt":"x"} {"prompt":"y"}', b'{"prompt":"\xe9"}', b'{"prompt":"a\nb"}',
    b'{"prompt":"\\x"}', b'{"prompt":"\\ud800"}', b'{prompt:"x"}', b"\xef\xbb\xbf{}", b"\0", b"[" * 5000,
    b'{"prompt":NaN}', b'{"prompt":01}', gzip.compress(b'{"prompt":"x"}', mtime=0),
], ids=lambda body: ascii(body[:24]))
@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
def test_what_is_no_json_is_refused(gateway, engine, token, body, is_chunked):
    """In the words of the original; the connection goes on."""
    client = gateway.connect()
    reply = client.ask("POST", "/api/chat", body=body, token=token, is_chunked=is_chunked)
    assert (reply.status, reply.detail) == (400, "Body must be valid JSON")
    assert gateway.reason_of(reply) == "body_not_json"
    client.expect_open()
    engine.expect_targets()


def test_other_methods_and_paths_are_left_alone(start_gateway, engine, token):
    gateway = start_gateway(ENGINE_PATHS="*")
    body = b'{"prompt":"x"}'
    for method, target in (("PUT", "/api/chat"), ("POST", "/api/chat/"), ("POST", "/api/chats"),
                           ("POST", "/v1/api/chat"), ("POST", "/api/generate"), ("POST", "/API/CHAT")):
        gateway.ask(method, target, {"Content-Type": "text/x"}, body=body, token=token)
        request = engine.take_request()
        assert (request.target, request.body, request.field("Content-Type")) == (target, body, "text/x")


def test_nobody_is_helped_without_a_token(gateway, engine):
    """And what they sent is not read: it might be anything."""
    assert gateway.ask("POST", "/api/chat", body=b"not json").status == 401
    engine.expect_targets()


# ---- sizes and pieces ----

def body_of(size):
    """A body of exactly <size> bytes, and what becomes of it."""
    prompt = b'"' + b"x" * (size - len(b'{"prompt":""}')) + b'"'
    return b'{"prompt":' + prompt + b"}", b"{" + helped(prompt) + b"}"


@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
def test_up_to_64_kib(gateway, engine, token, is_chunked):
    """Longer ones pass as they are, whatever they are, and their type is the client's."""
    for size in (HELP_BYTES_MAX - 1, HELP_BYTES_MAX):
        body, expected = body_of(size)
        expect_body(gateway, engine, token, body, expected, is_chunked=is_chunked)
    for body in (body_of(HELP_BYTES_MAX + 1)[0], body_of(10 * HELP_BYTES_MAX)[0], b"no json " * 10_000):
        reply = gateway.ask("POST", "/api/chat", {"Content-Type": "text/x"}, body=body, token=token,
                            is_chunked=is_chunked)
        assert reply.status == 200
        request = engine.take_request()
        assert (request.body, request.field("Content-Type")) == (body, "text/x")


def test_above_64_kib_nothing_is_held_back(gateway, engine, token):
    """Once it is too long to be helped, the rest of it streams."""
    engine.reads_body = False
    came = []

    def script(call):
        while (piece := call.connection.reader.chunk()) is not None:
            came.append(piece)
            if sum(map(len, came)) == 100_000:
                call.send(http.reply_head(200, is_chunked=True) + http.chunk(b"so far"))
        call.request.body = b"".join(came)
        call.send(http.LAST_CHUNK)
    engine.run(script)
    client = gateway.connect()
    client.send(http.head("POST /api/chat HTTP/1.1", [
        ("Host", client.host), ("Authorization", f"Bearer {token}"), ("Transfer-Encoding", "chunked")]))
    client.send(http.chunk(b"x" * 100_000))
    assert client.read_head().status == 200
    assert client.read_body(6) == b"so far"
    client.send(http.chunk(b"y" * 10) + http.LAST_CHUNK)
    assert client.read_rest() == b""
    assert b"".join(came) == b"x" * 100_000 + b"y" * 10


@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
def test_however_it_is_split(gateway, engine, token, is_chunked):
    client = gateway.connect()
    body = b'{"prompt":"hi","a":1}'
    text = client.request("POST", "/api/chat", body=body, token=token, is_chunked=is_chunked)
    for at in range(text.index(b"\r\n\r\n"), len(text)):
        client.send_in_two(text, at)
        assert client.read_reply().status == 200, f"split at {at}"
        assert engine.take_request().body == b"{" + helped(b'"hi"') + b',"a":1}', f"split at {at}"
    client.send_byte_by_byte(text)
    assert client.read_reply().status == 200


def test_in_chunks_of_one_byte(gateway, engine, token):
    body, expected = body_of(3000)
    client = gateway.connect()
    client.send(http.head("POST /api/chat HTTP/1.1", [
        ("Host", client.host), ("Authorization", f"Bearer {token}"), ("Transfer-Encoding", "chunked")])
        + http.chunked(body, 1))
    assert client.read_reply().status == 200
    request = engine.take_request()
    assert request.body == expected and request.framing == len(expected)


def test_pipelined(gateway, engine, token):
    """The end of one body is the beginning of the next request, helped or refused."""
    engine.run(lambda call: call.send(http.reply(200, call.request.body)))
    client = gateway.connect()
    bodies = [b'{"prompt":"%d"}' % number for number in range(10)]
    client.send(b"".join(client.request("POST", "/api/chat", body=body, token=token)
                         + client.request("POST", "/api/chat", body=b"no", token=token) for body in bodies))
    for number in range(10):
        assert client.read_reply().body == b"{" + helped(b'"%d"' % number) + b"}"
        assert client.read_reply().status == 400


# ---- ENGINE_API=openai ----

def test_an_openai_engine(start_gateway, engine, token):
    """Only the path changes, and only that of POST /api/chat."""
    gateway = start_gateway(ENGINE_API="openai", ENGINE_PATHS="*")
    request = expect_body(gateway, engine, token, b'{"prompt":"hi"}', b"{" + helped(b'"hi"') + b"}")
    assert request.target == "/v1/chat/completions"
    gateway.ask("POST", "/api/chat?x=1", body=b'{"messages":[]}', token=token)
    assert engine.take_request().target == "/v1/chat/completions"
    for method, target in (("GET", "/api/chat"), ("POST", "/api/chat/x"), ("POST", "/v1/chat/completions")):
        gateway.ask(method, target, token=token, body=b"{}" if method == "POST" else None)
        assert engine.take_request().target == target


def test_an_openai_engine_is_allowed_by_the_path_that_was_called(start_gateway, engine, token):
    """ENGINE_PATHS speaks of what clients call."""
    gateway = start_gateway(ENGINE_API="openai", ENGINE_PATHS="POST /api/chat")
    assert gateway.ask("POST", "/api/chat", body=b'{"prompt":"x"}', token=token).status == 200
    assert gateway.ask("POST", "/v1/chat/completions", body=b"{}", token=token).status == 403
    engine.expect_targets("/v1/chat/completions")


# ---- the real curl, as the README has it ----

def curl(gateway, token, *arguments):
    done = subprocess.run(
        ["/usr/bin/curl", "-sS", "--max-time", "20", "-H", f"Authorization: Bearer {token}", *arguments,
         "http://%s:%d/api/chat" % gateway.address], capture_output=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_curl(gateway, engine, token):
    engine.answer(http.reply(200, CHAT, {"Content-Type": "application/json"}))
    assert curl(gateway, token, "-d", '{"model":"tinyllama","prompt":"hello"}') == CHAT
    request = engine.take_request()
    assert (request.method, request.target) == ("POST", "/api/chat")
    assert request.body == b'{"model":"tinyllama",' + helped(b'"hello"') + b"}"
    assert request.field("Content-Type") == "application/json"
    assert request.field("User-Agent").startswith("curl/")


def test_curl_with_a_body_it_asks_for_first(gateway, engine, token, tmp_path):
    """Above a size curl sends Expect: 100-continue, and waits."""
    body = json.dumps({"messages": [{"role": "user", "content": "x" * 3_000_000}]}).encode()
    (tmp_path / "body").write_bytes(body)
    engine.answer(http.reply(200, CHAT))
    assert curl(gateway, token, "-H", "Expect: 100-continue", "--expect100-timeout", "15",
                "--data-binary", f"@{tmp_path}/body") == CHAT
    assert engine.take_request().body == body


def test_curl_in_chunks(gateway, engine, token):
    engine.answer(http.reply(200, CHAT, is_chunked=True))
    assert curl(gateway, token, "-H", "Transfer-Encoding: chunked", "-d", '{"prompt":"hello"}') == CHAT
    assert engine.take_request().body == b"{" + helped(b'"hello"') + b"}"


def test_curl_reaches_an_engine_that_answers(start_gateway, token):
    """Quick start against the stand-in engine: a chat answer, streamed line by line."""
    stand_in = StandIn("--delay", "1")
    try:
        gateway = start_gateway(ENGINE_URL="http://%s:%d" % stand_in.address)
        lines = curl(gateway, token, "-N", "-d", '{"model":"tinyllama","prompt":"hello"}').splitlines()
        answer = "".join(json.loads(line)["message"]["content"] for line in lines)
        assert json.loads(lines[-1])["done"] is True
        assert "You are alice" in answer and "hello" in answer
    finally:
        stand_in.stop()


def test_an_encoded_body_is_not_looked_at(gateway, engine, token):
    body = gzip.compress(b'{"prompt":"hello"}', mtime=0)
    fields = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    assert gateway.ask("POST", "/api/chat", fields, body=body, token=token).status == 200
    request = engine.take_request()
    assert (request.body, request.field("Content-Encoding")) == (body, "gzip")

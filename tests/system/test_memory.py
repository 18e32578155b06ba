# SPDX-License-Identifier: MIT
"""What passes the gateway is remembered, belongs to who spoke, and is read back by nobody else."""
import hashlib
import json
import os
import re
import signal
import urllib.parse

import pytest

from harness import http
from harness.wait import wait_until

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")

CHAT = {"model": "tinyllama", "messages": [{"role": "user", "content": "why is the sky blue?"}]}
OLLAMA_LINES = [
    {"model": "tinyllama", "message": {"role": "assistant", "content": "Because "}, "done": False},
    {"model": "tinyllama", "message": {"role": "assistant", "content": "of Rayleigh."}, "done": False},
    {"model": "tinyllama", "message": {"role": "assistant", "content": ""}, "done": True,
     "done_reason": "stop", "prompt_eval_count": 11, "eval_count": 22},
]


def session_of(user, name):
    return hashlib.sha256(f"{user}:{name}".encode()).hexdigest()[:16]


def ndjson(lines):
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def events(gateway, token, **parameters):
    query = "?" + urllib.parse.urlencode(parameters) if parameters else ""
    reply = gateway.ask("GET", "/mem/events" + query, token=token)
    assert reply.status == 200, reply.body
    page = reply.json()
    assert set(page) == {"data", "cursor"}
    return page["data"]["Get"]["MemoryEvent"]


def exchanges(gateway, token, count=1):
    def found():
        rows = events(gateway, token, event="exchange", limit=100)
        return rows if len(rows) >= count else None
    return wait_until(found, f"{count} exchanges in memory")


def write(gateway, token, document, status=201, fields=()):
    reply = gateway.ask("POST", "/mem/events", fields, body=json.dumps(document).encode(), token=token)
    assert reply.status == status, reply.body
    return reply.json().get("mem_id") if status == 201 else reply.detail


@pytest.fixture
def alice(issuer):
    return issuer.token(f"alice-{os.urandom(4).hex()}")


@pytest.fixture
def bob(issuer):
    return issuer.token(f"bob-{os.urandom(4).hex()}")


# ---- exchanges ----

def test_a_chat_is_remembered(gateway, engine, issuer):
    user = f"carol-{os.urandom(4).hex()}"
    token = issuer.token(user)
    engine.answer(http.reply(200, ndjson(OLLAMA_LINES), {"Content-Type": "application/x-ndjson"},
                             is_chunked=True))
    reply = gateway.ask("POST", "/api/chat", {"User-Agent": "agent/1"}, body=json.dumps(CHAT).encode(), token=token)
    assert reply.status == 200 and reply.body == ndjson(OLLAMA_LINES)
    row = exchanges(gateway, token)[0]
    assert row["event"] == "exchange" and row["user"] == user
    assert row["model"] == "tinyllama" and "why is the sky blue?" in row["prompt"]
    assert row["completion"] == "Because of Rayleigh."
    assert (row["tokens_in"], row["tokens_out"]) == (11, 22)
    assert row["finish_reason"] == "stop" and row["status"] == 200 and row["complete"] is True
    assert row["session_id"] == session_of(user, "agent/1") == reply.field("X-Attach-Session")
    assert row["request_id"] == reply.request_id
    assert UUID.fullmatch(row["_additional"]["id"]) and TIME.fullmatch(row["timestamp"])


def test_a_stream_in_openai_form_is_remembered(gateway, engine, alice):
    pieces = [{"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}], "model": "m"},
              {"choices": [{"index": 0, "delta": {"content": "42"}}], "model": "m"},
              {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "model": "m"},
              {"choices": [], "model": "m", "usage": {"prompt_tokens": 5, "completion_tokens": 1}}]
    stream = b"".join(b"data: " + json.dumps(piece).encode() + b"\n\n" for piece in pieces) + b"data: [DONE]\n\n"

    def script(call):
        call.send(http.reply_head(200, {"Content-Type": "text/event-stream"}, is_chunked=True))
        for at in range(0, len(stream), 7):
            call.send(http.chunk(stream[at:at + 7]))
        call.send(http.LAST_CHUNK)
    engine.run(script)
    body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "answer?"}]}
    assert gateway.ask("POST", "/v1/chat/completions", {}, body=json.dumps(body).encode(), token=alice).body == stream
    row = exchanges(gateway, alice)[0]
    assert (row["completion"], row["finish_reason"], row["tokens_in"], row["tokens_out"]) == ("42", "stop", 5, 1)


def test_what_infers_nothing_makes_no_event(gateway, engine, alice):
    for path in ("/api/tags", "/v1/models"):
        assert gateway.ask("GET", path, token=alice).status == 200
    write(gateway, alice, {"payload": 1})
    assert [row["event"] for row in events(gateway, alice, limit=100)] == ["document"]


@pytest.mark.parametrize("fields", [{"Cache-Control": "no-store"}, {"Cache-Control": "max-age=0, No-Store"},
                                    {"X-Attach-Memory": "off"}], ids=["no-store", "list", "header"])
def test_a_caller_can_keep_its_text_out(gateway, engine, alice, fields):
    engine.answer(http.reply(200, ndjson(OLLAMA_LINES), {"Content-Type": "application/x-ndjson"}))
    gateway.ask("POST", "/api/chat", fields, body=json.dumps(CHAT).encode(), token=alice)
    row = exchanges(gateway, alice)[0]
    assert not row.get("prompt") and not row.get("completion")
    assert row["status"] == 200 and row["tokens_out"] == 22


def test_an_engine_that_breaks_off_and_a_client_that_leaves_are_told_apart(gateway, engine, alice):
    def breaks_off(call):
        call.send(http.reply_head(200, {"Content-Type": "application/x-ndjson"}, is_chunked=True))
        call.send(http.chunk(ndjson(OLLAMA_LINES[:1])))
        call.close()
    engine.run(breaks_off)
    with gateway.connect() as client:
        client.send(client.request("POST", "/api/chat", {}, body=json.dumps(CHAT).encode(), token=alice))
        with pytest.raises(http.Truncated):
            client.read_reply("POST")
    row = exchanges(gateway, alice)[0]
    assert row["complete"] is False and row["completion"] == "Because "

    def goes_on(call):
        call.send(http.reply_head(200, {"Content-Type": "application/x-ndjson"}, is_chunked=True))
        call.send(http.chunk(ndjson(OLLAMA_LINES[:1])))
        call.wait_gone()
    engine.run(goes_on)
    client = gateway.connect()
    client.send(client.request("POST", "/api/chat", {}, body=json.dumps(CHAT).encode(), token=alice))
    client.read_head()
    client.reset()
    row = exchanges(gateway, alice, 2)[0]
    assert row["complete"] is False and row["aborted"] is True


def test_an_engine_that_cannot_be_reached_leaves_its_trace(start_gateway, engine, alice):
    gateway = start_gateway(ENGINE_URL="http://127.0.0.1:1")
    assert gateway.ask("POST", "/api/chat", {}, body=json.dumps(CHAT).encode(), token=alice).status == 502
    row = exchanges(gateway, alice)[0]
    assert row["status"] == 502 and row["complete"] is False and "sky" in row["prompt"]


def test_secrets_are_blacked_out_before_they_are_stored(gateway, engine, alice):
    secret = "sk-abcdefghijklmnopqrstuvwxyz0123456789ABCD"
    body = {"model": "m", "messages": [{"role": "user", "content": f"key {secret} mail a.b@example.com"}]}
    engine.answer(http.reply(200, ndjson(OLLAMA_LINES), {"Content-Type": "application/x-ndjson"}))
    gateway.ask("POST", "/api/chat", {}, body=json.dumps(body).encode(), token=alice)
    assert secret in engine.take_request().body.decode()  # what is relayed stays as it is
    prompt = exchanges(gateway, alice)[0]["prompt"]
    assert secret not in prompt and "example.com" not in prompt and "[redacted" in prompt
    identifier = write(gateway, alice, {"payload": {"mail": "a.b@example.com"}})
    reply = gateway.ask("GET", f"/mem/events/{identifier}", token=alice)
    assert b"example.com" not in reply.body


# ---- whose it is ----

def test_another_user_sees_none_of_it(gateway, alice, bob):
    identifier = write(gateway, alice, {"event": "plan", "payload": {"secret": "of alice"}})
    assert events(gateway, bob, limit=1000) == []
    assert events(gateway, bob, q="alice") == []
    for method in ("GET", "DELETE"):
        reply = gateway.ask(method, f"/mem/events/{identifier}", token=bob)
        assert reply.status == 404 and reply.detail == "unknown event"
    reply = gateway.ask("DELETE", "/mem/events?all=true", token=bob)
    assert reply.json() == {"erased": 0}
    assert gateway.ask("GET", "/mem/export", token=bob).body == b""
    assert gateway.ask("GET", f"/mem/events/{identifier}", token=alice).status == 200


def test_without_a_token_there_is_nothing(gateway):
    for method, path in (("GET", "/mem/events"), ("POST", "/mem/events"), ("GET", "/mem/export"),
                         ("DELETE", "/mem/events?all=true"), ("POST", "/v1/logs")):
        assert gateway.ask(method, path).status == 401


# ---- documents ----

def test_a_document_is_read_back_by_its_id(gateway, alice):
    identifier = write(gateway, alice, {"event": "plan", "session": "work", "task": "t1",
                                        "payload": {"steps": ["a", "b"], "n": 0.1}})
    assert UUID.fullmatch(identifier)
    reply = gateway.ask("GET", f"/mem/events/{identifier}", token=alice)
    row = reply.json()
    assert row["_additional"]["id"] == identifier and row["payload"] == {"steps": ["a", "b"], "n": 0.1}
    assert b"0.1" in reply.body and row["event"] == "plan" and row["task_id"] == "t1"
    assert row["user"] == reply.field("X-Attach-User")
    assert row["session_id"] == session_of(row["user"], "work")


@pytest.mark.parametrize("document, complaint", [
    ({}, "payload"), ({"payload": 1, "event": 5}, "event"), ({"payload": 1, "event": ""}, "event"),
    ({"payload": 1, "task": ["x"]}, "task"), ({"payload": 1, "session": "s" * 300}, "session"),
    ({"payload": 1, "user": "eve"}, "unknown member"), ({"payload": 1, "event": "exchange"}, "event"),
    ({"payload": 1, "event": "log"}, "event")], ids=str)
def test_a_bad_document_is_told_what_is_wrong(gateway, alice, document, complaint):
    assert complaint in write(gateway, alice, document, status=422)


def test_a_body_that_is_no_object_is_refused(gateway, alice):
    for body in (b"", b"[]", b"{", b"1", b'{"a":1}{"b":2}'):
        assert gateway.ask("POST", "/mem/events", {}, body=body, token=alice).status == 400
    reply = gateway.ask("POST", "/mem/events", {"Content-Encoding": "gzip"}, body=b"{}", token=alice)
    assert reply.status == 415


def test_hostile_text_stays_text(gateway, alice):
    texts = ["'; DROP TABLE events; --", '"} } }', "a\u0000b", "\U0001f600 é", "%00", "x" * 100000,
             "\\", "<script>alert(1)</script>", "NEAR(a b)", "a AND NOT b*", '"']
    for text in texts:
        identifier = write(gateway, alice, {"payload": {"text": text}})
        assert gateway.ask("GET", f"/mem/events/{identifier}", token=alice).json()["payload"]["text"] == text
        for name in ("q", "session", "task", "event"):
            if "\u0000" not in text and len(text) < 1000:
                events(gateway, alice, **{name: text})
    assert len(events(gateway, alice, limit=100)) == len(texts)


# ---- lists ----

def test_lists_are_newest_first_and_have_a_cursor(gateway, alice):
    identifiers = [write(gateway, alice, {"payload": number}) for number in range(7)]
    seen = []
    cursor = None
    for _ in range(4):
        query = "?limit=2" + (f"&before={urllib.parse.quote(cursor)}" if cursor else "")
        page = gateway.ask("GET", "/mem/events" + query, token=alice).json()
        seen += [row["_additional"]["id"] for row in page["data"]["Get"]["MemoryEvent"]]
        cursor = page["cursor"]
    assert seen == identifiers[::-1] and cursor is None


def test_lists_are_filtered(gateway, alice):
    write(gateway, alice, {"event": "plan", "session": "one", "payload": "apples and pears"})
    write(gateway, alice, {"event": "note", "session": "two", "task": "t9", "payload": "pears"})
    user = events(gateway, alice)[0]["user"]
    assert [row["event"] for row in events(gateway, alice, event="plan")] == ["plan"]
    assert [row["event"] for row in events(gateway, alice, session="two")] == ["note"]
    assert [row["event"] for row in events(gateway, alice, session=session_of(user, "two"))] == ["note"]
    assert [row["event"] for row in events(gateway, alice, task="t9")] == ["note"]
    assert [row["event"] for row in events(gateway, alice, q="pears")] == ["note", "plan"]
    assert [row["event"] for row in events(gateway, alice, q="pears APPLES")] == ["plan"]
    assert events(gateway, alice, q="bananas") == []


@pytest.mark.parametrize("query, complaint", [
    ("limit=0", "limit"), ("limit=x", "limit"), ("limit=-1", "limit"), ("before=nonsense", "before"),
    ("colour=red", "unknown parameter"), ("q=%zz", "percent-encoded")])
def test_a_bad_parameter_is_named(gateway, alice, query, complaint):
    reply = gateway.ask("GET", "/mem/events?" + query, token=alice)
    if complaint == "percent-encoded":
        assert reply.status in (400, 422)
        return
    assert reply.status == 422 and complaint in reply.detail


def test_a_limit_is_capped(gateway, alice):
    write(gateway, alice, {"payload": 1})
    assert len(events(gateway, alice, limit=10**9)) == 1


# ---- erasing, export ----

def test_one_event_and_all_events_can_be_erased(gateway, alice):
    first, second, third = (write(gateway, alice, {"payload": f"word{number}"}) for number in range(3))
    assert gateway.ask("DELETE", f"/mem/events/{second}", token=alice).json() == {"erased": 1}
    assert gateway.ask("GET", f"/mem/events/{second}", token=alice).status == 404
    assert gateway.ask("DELETE", f"/mem/events/{second}", token=alice).status == 404
    assert gateway.ask("DELETE", "/mem/events", token=alice).status == 422
    assert gateway.ask("DELETE", "/mem/events?all=true", token=alice).json() == {"erased": 2}
    assert events(gateway, alice) == [] and events(gateway, alice, q="word0") == []
    assert gateway.ask("GET", f"/mem/events/{first}", token=alice).status == 404


def test_the_export_is_whole_and_can_be_resumed(gateway, alice):
    count = 450  # more than two pages
    with gateway.connect() as client:
        for number in range(count):
            body = json.dumps({"payload": {"number": number, "text": "x" * 2000}}).encode()
            assert client.ask("POST", "/mem/events", {}, body=body, token=alice).status == 201
    lines = [json.loads(line) for line in gateway.ask("GET", "/mem/export", token=alice).body.splitlines()]
    assert [line["payload"]["number"] for line in lines] == list(range(count))[::-1]
    rest = gateway.ask("GET", f"/mem/export?before={lines[99]['cursor']}", token=alice).body.splitlines()
    assert [json.loads(line)["payload"]["number"] for line in rest] == list(range(count - 100))[::-1]


# ---- logs ----

LINE = {"run_id": "abc", "level": "info", "message": "hi"}


def post_logs(gateway, token, body, **fields):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return gateway.ask("POST", "/v1/logs", fields, body=data, token=token)


def test_a_log_line_is_kept(gateway, alice):
    reply = post_logs(gateway, alice, {**LINE, "agent": "planner", "timestamp": 1700000000.5, "user": "eve"})
    assert reply.status == 202 and reply.body == b""
    row = events(gateway, alice)[0]
    assert row["event"] == "log" and row["run_id"] == "abc" and row["level"] == "info"
    assert row["message"] == "hi" and row["agent"] == "planner"
    assert row["user"] == reply.field("X-Attach-User") and row["session_id"] == reply.field("X-Attach-Session")
    assert row["timestamp"] == "2023-11-14T22:13:20.500Z"


def test_arrays_and_ndjson_are_kept_whole_or_not_at_all(gateway, alice):
    assert post_logs(gateway, alice, [LINE, {**LINE, "level": "fatal"}]).status == 202
    assert post_logs(gateway, alice, ndjson([LINE, LINE, LINE]) + b"\r\n\n").status == 202
    assert len(events(gateway, alice, limit=100)) == 5
    reply = post_logs(gateway, alice, [LINE, {**LINE, "level": "loud"}])
    assert reply.status == 422 and "entry 2" in reply.detail and "level" in reply.detail
    assert post_logs(gateway, alice, ndjson([LINE]) + b"{broken\n").status == 422
    assert len(events(gateway, alice, limit=100)) == 5


@pytest.mark.parametrize("change, name", [
    ({"run_id": None}, "run_id"), ({"run_id": 7}, "run_id"), ({"level": "INFO"}, "level"),
    ({"level": None}, "level"), ({"message": 1}, "message"), ({"message": None}, "message"),
    ({"timestamp": "now"}, "timestamp"), ({"timestamp": -5}, "timestamp"), ({"agent": []}, "agent")], ids=str)
def test_a_bad_log_line_names_its_field(gateway, alice, change, name):
    reply = post_logs(gateway, alice, {**LINE, **change})
    assert reply.status == 422 and name in reply.detail


def test_otlp_is_sent_elsewhere(gateway, alice):
    assert post_logs(gateway, alice, {"resourceLogs": []}).status == 415
    reply = gateway.ask("POST", "/v1/logs", {"Content-Type": "application/x-protobuf"}, body=b"\x0a\x00", token=alice)
    assert reply.status == 415 and "OTLP" in reply.detail


# ---- keeping ----

def test_what_was_acknowledged_survives_kill_9(start_gateway, tmp_path, alice):
    data = tmp_path / "data"
    gateway = start_gateway(ATTACH_DATA_DIR=data)
    identifiers = [write(gateway, alice, {"payload": number}) for number in range(20)]
    gateway.process.send_signal(signal.SIGKILL)
    gateway.expected_code = -signal.SIGKILL
    gateway.wait_ended()
    again = start_gateway(ATTACH_DATA_DIR=data)
    assert [row["_additional"]["id"] for row in events(again, alice, limit=100)] == identifiers[::-1]


def test_mem_ack_stored_holds_the_end_until_it_is_kept(start_gateway, engine, alice):
    gateway = start_gateway(MEM_ACK="stored")
    body = ndjson(OLLAMA_LINES)
    for is_chunked in (True, False):
        engine.answer(http.reply(200, body, {"Content-Type": "application/x-ndjson"}, is_chunked=is_chunked))
        with gateway.connect() as client:
            for _ in range(5):
                before = len(events(gateway, alice, limit=1000))
                reply = client.ask("POST", "/api/chat", {}, body=json.dumps(CHAT).encode(), token=alice)
                assert reply.body == body
                assert len(events(gateway, alice, limit=1000)) == before + 1  # at once, no waiting


def test_memory_can_be_off(start_gateway, engine, alice):
    gateway = start_gateway(MEM_BACKEND="none")
    engine.answer(http.reply(200, ndjson(OLLAMA_LINES)))
    assert gateway.ask("POST", "/api/chat", {}, body=json.dumps(CHAT).encode(), token=alice).status == 200
    assert events(gateway, alice) == []
    assert gateway.ask("GET", "/mem/export", token=alice).body == b""
    assert "MEM_BACKEND" in write(gateway, alice, {"payload": 1}, status=503)
    assert post_logs(gateway, alice, LINE).status == 503


def test_a_capture_is_cut_and_marked(start_gateway, engine, alice):
    gateway = start_gateway(MEM_CAPTURE_MAX="1k")
    long = {"model": "m", "messages": [{"role": "user", "content": "é" * 5000}]}
    engine.answer(http.reply(200, ndjson([{**OLLAMA_LINES[0], "message": {"content": "y" * 5000}}, OLLAMA_LINES[2]]),
                             {"Content-Type": "application/x-ndjson"}))
    gateway.ask("POST", "/api/chat", {}, body=json.dumps(long).encode(), token=alice)
    row = exchanges(gateway, alice)[0]
    assert row["truncated"] is True and row["tokens_out"] == 22
    assert len(row["prompt"].encode()) <= 1024 and len(row["completion"]) <= 1024


def blocked(tmp_path):
    """A data directory in whose store nothing can be opened, and how to clear the way."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    (data / "store.db").mkdir()
    return data, (data / "store.db").rmdir


def wait_degraded(gateway):
    wait_until(lambda: gateway.ask("GET", "/readyz").json() == {"status": "degraded"}, "a degraded gateway")


def test_a_store_that_cannot_be_opened_degrades_and_comes_back(start_gateway, engine, tmp_path, alice):
    data, clear = blocked(tmp_path)
    gateway = start_gateway(ready=False, ATTACH_DATA_DIR=data)
    wait_degraded(gateway)
    assert gateway.ask("GET", "/readyz").status == 503 and gateway.ask("GET", "/healthz").status == 200
    assert gateway.ask("GET", "/api/tags", token=alice).status == 200  # relaying goes on
    assert write(gateway, alice, {"payload": 1}, status=503)
    gateway.wait_for_message("nothing can be stored")
    clear()
    gateway.wait_ready()
    write(gateway, alice, {"payload": 1})
    gateway.wait_for_message("takes writes again")


def test_memory_required_refuses_instead(start_gateway, engine, tmp_path, alice):
    data, clear = blocked(tmp_path)
    gateway = start_gateway(ready=False, ATTACH_DATA_DIR=data, MEM_REQUIRED="true")
    wait_degraded(gateway)
    reply = gateway.ask("POST", "/api/chat", {}, body=json.dumps(CHAT).encode(), token=alice)
    assert reply.status == 503 and "kept" in reply.detail
    assert gateway.ask("GET", "/api/tags", token=alice).status == 200
    clear()
    gateway.wait_ready()
    engine.answer(http.reply(200, ndjson(OLLAMA_LINES)))
    assert gateway.ask("POST", "/api/chat", {}, body=json.dumps(CHAT).encode(), token=alice).status == 200


def test_a_data_directory_has_one_gateway(start_gateway, tmp_path):
    data = tmp_path / "data"
    start_gateway(ATTACH_DATA_DIR=data)
    with pytest.raises(AssertionError, match="uses the data directory"):
        start_gateway(ready=False, ATTACH_DATA_DIR=data)

# SPDX-License-Identifier: MIT
"""What memory may take: the largest that can be written can be read, what is larger is refused, what waits
for an engine or a silent remote is bounded, and options that cannot be are told at the start."""
import json
import re
import socket
import threading
import time

import pytest

from harness import http, memory
from harness.gateway import run_command, sanitizer
from harness.remote import Postgres, Weaviate, free_port
from harness.wait import PATIENCE, wait_until

MIB = 1024 * 1024
DOCUMENT_BYTES_MAX = 8 * MIB
LOGS_BYTES_MAX = 8 * MIB


def counted(gateway, outcome):
    return gateway.metrics()[f'attach_memory_events_total{{outcome="{outcome}"}}']


# ---- the largest ----

def document_of(size):
    """The bytes of a document of exactly <size>."""
    body = b'{"payload":""}'
    return body[:-2] + b"x" * (size - len(body)) + body[-2:]


def logs_of(size, unit):
    """One log line of exactly <size> bytes, whose message repeats <unit>."""
    start, end = b'{"run_id":"r","level":"info","message":"', b'"}'
    room = size - len(start) - len(end)
    return start + unit * (room // len(unit)) + b"x" * (room % len(unit)) + end


@pytest.fixture(scope="module")
def servers():
    running = []

    def options(name):
        if name == "sqlite":
            return {}
        server = Postgres() if name == "postgres" else Weaviate()
        running.append(server)
        return {"POSTGRES_URL" if name == "postgres" else "WEAVIATE_URL": server.url}
    yield options
    for server in running:
        server.close()


@pytest.mark.parametrize("backend", ["sqlite", "postgres", "weaviate"])
def test_what_could_be_written_can_be_read(start_gateway, servers, token, backend):
    gateway = start_gateway(MEM_BACKEND=backend, MEM_REDACT="off", **servers(backend))
    bodies = [document_of(DOCUMENT_BYTES_MAX), document_of(DOCUMENT_BYTES_MAX - 1)]
    for body in bodies:
        reply = gateway.ask("POST", "/mem/events", body=body, token=token)
        assert reply.status == 201, reply.body
    # control characters take six bytes where they are shown, as they did when they came
    lines = [logs_of(LOGS_BYTES_MAX, b"\\u0001"), logs_of(LOGS_BYTES_MAX, b"\\b"), logs_of(1000, b"y")]
    for line in lines:
        assert gateway.ask("POST", "/v1/logs", body=line, token=token).status == 202
    if backend != "sqlite":
        wait_until(lambda: gateway.metrics()["attach_memory_outbox_events"] == 0, "the outbox to be empty")
    expected = [json.loads(line)["message"] for line in reversed(lines)]
    expected += [json.loads(body)["payload"] for body in reversed(bodies)]
    rows = memory.rows(gateway, token)
    assert [row.get("message") or row["payload"] for row in rows] == expected
    listed = []
    query = "?limit=10"
    while query:
        reply = gateway.ask("GET", "/mem/events" + query, token=token)
        assert reply.status == 200, reply.body
        page = reply.json()
        assert page["data"]["Get"]["MemoryEvent"]  # a page with more behind it is never empty
        listed += page["data"]["Get"]["MemoryEvent"]
        query = f"?limit=10&before={page['cursor']}" if page["cursor"] else None
    assert [row.get("message") or row["payload"] for row in listed] == expected
    for row in listed:
        one = gateway.ask("GET", f"/mem/events/{row['_additional']['id']}", token=token)
        assert one.status == 200 and one.json() == row


def test_redaction_may_make_it_longer(start_gateway, token):
    gateway = start_gateway()
    unit = b"a@b.de "
    count = (DOCUMENT_BYTES_MAX - 20) // len(unit)
    assert gateway.ask("POST", "/mem/events", body=b'{"payload":"' + unit * count + b'"}', token=token).status == 201
    expected = "[redacted:email] " * count
    (row,) = memory.listed(gateway, token)
    assert row["payload"] == expected
    (row,) = memory.rows(gateway, token)
    assert row["payload"] == expected


def test_what_is_larger_is_refused(gateway, token):
    reply = gateway.ask("POST", "/mem/events", body=document_of(DOCUMENT_BYTES_MAX + 1), token=token)
    assert reply.status == 413 and str(DOCUMENT_BYTES_MAX) in reply.detail
    assert gateway.reason_of(reply) == "body_too_large"
    reply = gateway.ask("POST", "/v1/logs", body=logs_of(LOGS_BYTES_MAX + 1, b"x"), token=token)
    assert reply.status == 413 and str(LOGS_BYTES_MAX) in reply.detail
    assert gateway.reason_of(reply) == "body_too_large"
    assert memory.listed(gateway, token) == []


def test_names_are_redacted(gateway, issuer):
    token = issuer.token("carol")
    document = {"event": "mail to x@y.example", "task": "x@y.example", "payload": 1}
    assert gateway.ask("POST", "/mem/events", body=json.dumps(document).encode(), token=token).status == 201
    (row,) = memory.listed(gateway, token)
    assert (row["event"], row["task_id"]) == ("mail to [redacted:email]", "[redacted:email]")


# ---- long requests that wait for the engine ----

def test_long_requests_that_wait_take_little_memory(start_gateway, engine, token):
    """Their raw bytes are not kept until the engine answers: what is kept is MEM_CAPTURE_MAX of text, 1 MiB."""
    count, size = 40, 5 * MIB - 1000
    answer = threading.Event()
    waiting = threading.Semaphore(0)

    def script(call):
        waiting.release()
        assert answer.wait(PATIENCE)
        call.send(http.reply(200, b'{"message":{"role":"assistant","content":"well"},"done":true}',
                             {"Content-Type": "application/json"}))
    engine.run(script)
    gateway = start_gateway(MEM_QUEUE_MAX="16m")
    before = gateway.resident_bytes()
    body = json.dumps({"model": "m", "stream": False, "messages": [{"role": "user", "content": "word " * (size // 5)}]})
    body = body.encode()
    clients = [gateway.connect() for _ in range(count)]
    for client in clients:
        client.send(client.request("POST", "/api/chat", body=body, token=token))
        assert waiting.acquire(timeout=PATIENCE)
    grown = gateway.resident_bytes() - before
    answer.set()
    for client in clients:
        assert client.read_reply().status == 200
    wait_until(lambda: counted(gateway, "stored") == count, "all of them to be kept")
    assert counted(gateway, "dropped") == counted(gateway, "refused") == 0
    allowed = (120 if sanitizer() is None else 512) * MIB  # a sanitizer keeps freed memory for a while
    assert grown < allowed, grown


# ---- a remote that is silent, away or wrong ----

@pytest.fixture
def silence():
    """The address of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("method, target", [("GET", "/mem/events"), ("DELETE", "/mem/events?all=true")],
                         ids=["lists", "erasures"])
def test_what_waits_for_a_silent_remote_does_not_keep_the_gateway_from_ending(start_gateway, silence, token, method,
                                                                             target):
    timeout_s, count = 3, 12
    gateway = start_gateway(MEM_BACKEND="weaviate", WEAVIATE_URL=silence, MEM_TIMEOUT=f"{timeout_s}s",
                            DRAIN_TIMEOUT="500ms")
    clients = [gateway.connect() for _ in range(count)]
    for client in clients:
        client.send(client.request(method, target, token=token))
    time.sleep(0.5)  # until they are there; fewer would be answered at the start, and ask less of it
    began = time.monotonic()
    gateway.terminate()
    assert gateway.wait_ended() == 0
    # what runs is waited for, what waits is not: 12 times the timeout would be 36 s
    assert time.monotonic() - began < 5 * timeout_s


def test_a_remote_that_is_away_is_said_once_and_so_is_its_return(start_gateway, token):
    port = free_port()
    gateway = start_gateway(MEM_BACKEND="weaviate", WEAVIATE_URL=f"http://127.0.0.1:{port}", MEM_TIMEOUT="1s")
    assert gateway.ask("POST", "/mem/events", body=b'{"payload":1}', token=token).status == 201
    gateway.wait_for_message("the remote backend of memory fails, events wait in the outbox: Weaviate: ")
    failures = "attach_memory_delivery_failures_total"
    wait_until(lambda: gateway.metrics()[failures] >= 2, "a second attempt")
    server = Weaviate(port=port)
    try:
        gateway.wait_for_message("the remote backend of memory answers again")
        assert len(re.findall("the remote backend of memory fails", gateway.text())) == 1
    finally:
        server.close()


def test_a_wrong_key_is_said_and_not_shown(start_gateway, token):
    server = Weaviate(api_key="right")
    try:
        gateway = start_gateway(MEM_BACKEND="weaviate", WEAVIATE_URL=server.url, WEAVIATE_API_KEY="wrongkey",
                                MEM_TIMEOUT="1s")
        assert gateway.ask("POST", "/mem/events", body=b'{"payload":1}', token=token).status == 201
        gateway.wait_for_message("the remote backend of memory fails.*check WEAVIATE_API_KEY")
        assert "wrongkey" not in gateway.text()
    finally:
        server.close()


# ---- options ----

@pytest.mark.parametrize("option, options", [
    ("MEM_REDACT", {"MEM_REDACT": "("}),
    ("POSTGRES_URL", {"MEM_BACKEND": "postgres", "POSTGRES_URL": "postgres ql:pw@@"}),
    ("POSTGRES_URL", {"MEM_BACKEND": "postgres"}),
    ("WEAVIATE_URL", {"MEM_BACKEND": "weaviate", "WEAVIATE_URL": "nonsense"}),
    ("WEAVIATE_URL", {"MEM_BACKEND": "sakana", "WEAVIATE_URL": "ftp://pw@host/"}),
], ids=["redact", "postgres", "postgres-absent", "weaviate", "sakana"])
def test_options_that_cannot_be_are_told(start_gateway, issuer, engine, tmp_path, option, options):
    ours = {"OIDC_ISSUER": issuer.url, "OIDC_AUD": "a", "ENGINE_URL": engine.url, "ATTACH_DATA_DIR": str(tmp_path)}
    code, _, said = run_command(tmp_path, ["serve", "--check"], {**ours, **options})
    assert code != 0 and option in said and "pw" not in said, said
    code, _, said = run_command(tmp_path, ["serve", "--check"], ours)
    assert code == 0, said
    with pytest.raises(AssertionError, match=option):
        start_gateway(ready=False, **options)

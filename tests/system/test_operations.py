# SPDX-License-Identifier: MIT
"""What the operator has: health, readiness, metrics, one access line per request, and a process that
neither spins nor tells secrets nor falls over, whatever is thrown at it."""
import os
import random
import re
import socket
import string
import subprocess
import time

import pytest

from harness import http
from harness.engine import silent_port
from harness.gateway import REPOSITORY
from harness.issuer import AUDIENCE, Issuer
from harness.keys import Key
from harness.wait import wait_until

OWN_ROUTES = ("/healthz", "/readyz", "/auth/config")


def idle_cpu_share(gateway, seconds=1.0):
    """The share of one core the gateway uses while nothing happens."""
    before, began = gateway.cpu_seconds(), time.monotonic()
    time.sleep(seconds)
    return (gateway.cpu_seconds() - before) / (time.monotonic() - began)


# ---- health and readiness ----

def test_healthz_says_one_word(gateway, engine, token):
    for given in (None, token, "nonsense"):
        reply = gateway.ask("GET", "/healthz", token=given)
        assert (reply.status, reply.json()) == (200, {"status": "ok"})
        assert reply.field("Content-Type") == "application/json"
        assert reply.field("Cache-Control") == "no-store"
        assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", reply.field("Date"))
        assert not reply.fields.has("X-Attach-User")
    engine.expect_targets()


def test_readyz_waits_for_the_keys(start_gateway, engine):
    issuer = Issuer(is_down=True)
    gateway = start_gateway(ready=False, OIDC_ISSUER=issuer.url)
    reply = gateway.ask("GET", "/readyz")
    assert (reply.status, reply.json()) == (503, {"status": "not ready"})
    assert reply.field("Cache-Control") == "no-store"
    assert gateway.ask("GET", "/healthz").status == 200
    issuer.come_up()
    wait_until(lambda: gateway.ask("GET", "/readyz").status == 200, "the keys")
    assert gateway.ask("GET", "/readyz").json() == {"status": "ready"}
    issuer.close()


def test_readyz_waits_for_the_keys_of_every_issuer(start_gateway, issuer):
    second = Issuer(is_down=True)
    gateway = start_gateway(ready=False, OIDC_ISSUER=f"{issuer.url},{second.url}")
    gateway.wait_for_message(f"got 1 keys of issuer {issuer.url}")
    assert gateway.ask("GET", "/readyz").status == 503
    second.come_up()
    wait_until(lambda: gateway.ask("GET", "/readyz").status == 200, "the second issuer's keys")
    second.close()


def test_the_engine_does_not_count(start_gateway, token):
    """Whether it is there is the engine's own health check's business."""
    sock, port = silent_port()
    gateway = start_gateway(ENGINE_URL=f"http://127.0.0.1:{port}")
    assert gateway.ask("GET", "/api/tags", token=token).status == 502
    assert gateway.ask("GET", "/readyz").status == 200
    sock.close()


# ---- /auth/config and the manners of own routes ----

def test_auth_config_of_nothing(gateway):
    assert gateway.ask("GET", "/auth/config").json() == {
        "domain": None, "client_id": None, "audience": AUDIENCE}


def test_auth_config(start_gateway):
    gateway = start_gateway(AUTH0_DOMAIN='tenant "é".example', AUTH0_CLIENT="abc\\def",
                            OIDC_AUD="https://first.example,second")
    reply = gateway.ask("GET", "/auth/config")
    assert reply.field("Content-Type") == "application/json"
    assert reply.json() == {"domain": 'tenant "é".example', "client_id": "abc\\def",
                            "audience": "https://first.example"}


@pytest.mark.parametrize("path", OWN_ROUTES)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "get", "PROPFIND"])
def test_another_method(gateway, engine, token, path, method):
    client = gateway.connect()
    for given in (None, token):
        reply = client.ask(method, path, token=given, body=b"x" if method == "POST" else None)
        assert reply.status == 405
        assert reply.fields.tokens("Allow") == ["get", "head"]
        assert reply.detail == "Method Not Allowed"
        if reply.says_close:
            client = gateway.connect()
    engine.expect_targets()


@pytest.mark.parametrize("path", OWN_ROUTES)
def test_head(gateway, path):
    client = gateway.connect()
    full, bare = client.ask("GET", path), client.ask("HEAD", path)

    def settled(reply):
        return [field for field in reply.fields if field[0] not in ("Date", "X-Request-Id")]
    assert (bare.status, settled(bare), bare.body) == (full.status, settled(full), b"")
    client.expect_open()


# ---- metrics ----

def metrics_text(gateway):
    with gateway.connect_admin() as client:
        return client.ask("GET", "/metrics")


def changes(gateway, before):
    return {name: value - before[name] for name, value in gateway.metrics().items()
            if value != before[name]}


def test_metrics_are_prometheus_text(gateway, token):
    gateway.ask("GET", "/api/tags", token=token)
    reply = metrics_text(gateway)
    assert reply.field("Content-Type") == "text/plain; version=0.0.4; charset=utf-8"
    done = subprocess.run(["/usr/bin/promtool", "check", "metrics"], input=reply.body,
                          capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_every_metric_is_there(gateway):
    rows = (REPOSITORY / "src" / "gateway" / "metrics.def").read_text(encoding="utf-8")
    names = set(re.findall(r'^METRIC\(\w+, \w+, "(\w+)"', rows, re.MULTILINE))
    text = metrics_text(gateway).body.decode()
    for name in names | {"attach_tokens_denied_total"}:
        assert re.search(rf"^# HELP {name} \S", text, re.MULTILINE)
        assert re.search(rf"^# TYPE {name} (counter|gauge)$", text, re.MULTILINE)
        assert re.search(rf"^{name}(\{{|\s)", text, re.MULTILINE)


def test_no_name_of_anybody_is_a_label(start_gateway, issuer):
    """What clients choose would grow without end."""
    gateway = start_gateway()
    before = set(gateway.metrics())
    for number in range(20):
        gateway.ask("GET", f"/v1/models/{number}", token=issuer.token(f"user-{number}"))
    assert set(gateway.metrics()) == before


def test_counters_move_as_they_should(start_gateway, engine, issuer, token):
    gateway = start_gateway(WORKERS="1")
    gateway.metrics()
    before = gateway.metrics()
    engine.run(lambda call: call.send(http.reply(int(call.request.target.rpartition("/")[2]), b"12345")))
    client = gateway.connect()
    for status in (200, 201, 302, 404, 500):
        client.ask("GET", f"/v1/models/{status}", token=token)
    client.ask("GET", "/api/tags")
    client.ask("GET", "/healthz")
    client.ask("POST", "/v1/audio/200", body=b"x" * 1000, token=issuer.token("bob"))
    moved = changes(gateway, before)
    # Each reading of the metrics is a connection and, once it is counted, a request of its own.
    assert moved.pop("attach_connections_accepted_total") == 2
    assert moved.pop('attach_requests_total{class="2xx"}') == 2 + 1 + 1 + 1
    assert moved.pop("attach_connections") == 1
    bytes_out = moved.pop("attach_reply_body_bytes_total")
    assert bytes_out > 6 * 5
    assert moved.pop("attach_engine_connections") == 1
    assert moved == {
        'attach_requests_total{class="3xx"}': 1,
        'attach_requests_total{class="4xx"}': 2,
        'attach_requests_total{class="5xx"}': 1,
        "attach_request_body_bytes_total": 1000,
        'attach_tokens_total{outcome="verified"}': 2,
        'attach_tokens_total{outcome="cached"}': 4,
        'attach_tokens_total{outcome="denied"}': 1,
        'attach_tokens_denied_total{reason="no_credentials"}': 1,
        "attach_engine_calls_total": 6,
    }


def test_failures_are_counted(start_gateway, engine, token):
    gateway = start_gateway(WORKERS="1")
    gateway.metrics()
    before = gateway.metrics()
    engine.run(lambda call: call.close())
    assert gateway.ask("POST", "/api/show", body=b"{}", token=token).status == 502

    def cut(call):
        call.send(http.reply_head(200, length=10) + b"half")
        call.close()
    engine.run(cut)
    with pytest.raises((http.Truncated, ConnectionResetError)):
        gateway.ask("POST", "/api/show", body=b"{}", token=token)
    moved = changes(gateway, before)
    assert moved["attach_engine_failures_total"] == 2
    assert moved["attach_replies_truncated_total"] == 1
    assert moved["attach_engine_calls_total"] == 2


def test_fetches_of_keys_are_counted(start_gateway):
    issuer = Issuer(is_down=True)
    gateway = start_gateway(ready=False, OIDC_ISSUER=issuer.url, JWKS_COOLDOWN="100ms")
    wait_until(lambda: gateway.metrics()['attach_key_fetches_total{outcome="failed"}'] >= 1, "a failure")
    issuer.come_up()
    wait_until(lambda: gateway.metrics()['attach_key_fetches_total{outcome="fresh"}'] == 1, "the keys")
    issuer.close()


def test_reasons_are_counted(start_gateway, engine, issuer):
    gateway = start_gateway(WORKERS="2")
    before = gateway.metrics()
    foreign = Key("ES256", "k1", 90)
    expected = {}
    for token, reason in (("x", "not_compact_jws"), (issuer.token(exp=1), "expired"),
                          (issuer.token(aud="x"), "audience_mismatch"),
                          (issuer.token(key=foreign), "signature_invalid"),
                          (issuer.token(key=foreign), "signature_invalid"),
                          (issuer.token(iss="https://x.example"), "issuer_untrusted"),
                          (None, "no_credentials")):
        reply = gateway.ask("GET", "/api/tags", token=token)
        assert gateway.reason_of(reply) == reason
        name = f'attach_tokens_denied_total{{reason="{reason}"}}'
        expected[name] = expected.get(name, 0) + 1
    moved = changes(gateway, before)
    assert {name: value for name, value in moved.items() if "denied_total" in name} == expected
    assert moved['attach_tokens_total{outcome="denied"}'] == 7
    engine.expect_targets()


# ---- the access line ----

ALWAYS = {"time", "level", "request_id", "message", "method", "path", "status", "bytes_in", "bytes_out",
          "duration_ms", "engine_ms", "client"}


def test_line_of_a_relayed_request(gateway, engine, token):
    engine.answer(http.reply(201, b"x" * 50))
    reply = gateway.ask("POST", "/api/show?secret=1", body=b"x" * 20, token=token)
    line = gateway.access_line(reply)
    assert set(line) == ALWAYS | {"user", "session"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
    assert line["level"] == "info" and line["client"] == "127.0.0.1"
    assert (line["method"], line["path"], line["status"]) == ("POST", "/api/show", 201)
    assert (line["user"], line["session"]) == ("alice", reply.field("X-Attach-Session"))
    assert (line["bytes_in"], line["bytes_out"]) == (20, 50)
    assert 0 < line["engine_ms"] <= line["duration_ms"]


def test_line_of_a_denied_request(gateway, engine):
    line = gateway.access_line(gateway.ask("GET", "/api/tags?secret=1"))
    assert set(line) == ALWAYS | {"reason"}
    assert (line["path"], line["status"], line["reason"]) == ("/api/tags", 401, "no_credentials")
    assert line["engine_ms"] == 0


def test_line_of_an_own_answer(gateway):
    line = gateway.access_line(gateway.ask("GET", "/healthz"))
    assert set(line) == ALWAYS
    assert (line["path"], line["status"], line["bytes_out"]) == ("/healthz", 200, len('{"status":"ok"}'))


def test_one_line_for_each_request(gateway, token):
    client = gateway.connect()
    replies = [client.ask("GET", "/api/tags", token=token if number % 2 else None) for number in range(50)]
    for reply in replies:
        gateway.access_line(reply)
        assert len(gateway.lines(message="request", request_id=reply.request_id)) == 1
    assert len({reply.request_id for reply in replies}) == 50


def test_line_of_a_request_that_is_none(gateway):
    reply = gateway.ask("GET", "/\x80")
    line = gateway.access_line(reply)
    assert (line["status"], line["reason"]) == (400, "bad_request")


TEXT_LINE = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (DEBUG|INFO|WARN|ERROR) (\[[\w.:/=+@-]+\] )?[^\x00-\x1f\x7f]+")
TEXT_ACCESS_LINE = re.compile(
    r"\S+ INFO \[([\w.:/=+@-]+)\] request (\S+) (\S+) (\S+) (\S+) (\S+) (\d+) (\d+) (\d+) "
    r"(\d+\.\d{3}) (\d+\.\d{3})( \"\w+\")?")


def access_lines_of_text(gateway):
    with gateway.lock:
        return [match for match in map(TEXT_ACCESS_LINE.fullmatch, gateway.stray) if match]


def test_lines_as_text(start_gateway, engine, token):
    gateway = start_gateway(LOG_FORMAT="text")
    reply = gateway.ask("POST", "/api/show?secret=1", body=b"x" * 20, token=token)
    denied = gateway.ask("GET", "/api/tags")

    def line_of(reply):
        return wait_until(lambda: [line for line in access_lines_of_text(gateway)
                                   if line[1] == reply.request_id], "its line")[0]
    assert line_of(reply).groups()[1:9] == ("127.0.0.1", "alice", reply.field("X-Attach-Session"), "POST",
                                            "/api/show", "200", "20", str(len(reply.body)))
    assert line_of(denied).groups()[1:9] == ("127.0.0.1", "-", "-", "GET", "/api/tags", "401", "0",
                                             str(len(denied.body)))
    assert line_of(denied)[12] == ' "no_credentials"'
    gateway.stop()
    assert all(TEXT_LINE.fullmatch(line) for line in gateway.stray)


# ---- request ids ----

def test_a_sane_id_is_kept_everywhere(gateway, engine, token):
    for number, sane in enumerate(["a", "trace-1.2:3/4=5+6@7_8", "x" * 128,
                                   "4bf92f3577b34da6a3ce929d0e0e4736"]):
        sane = f"{number}{sane}"[:128]
        reply = gateway.ask("GET", "/api/tags", {"X-Request-Id": sane}, token=token)
        assert reply.request_id == sane
        assert engine.take_request().field("X-Request-Id") == sane
        assert gateway.access_line(reply)["request_id"] == sane


@pytest.mark.parametrize("odd", ["", "x" * 129, "a b", 'a"b', "a\\b", "a\tb", "a\x80b", "a,b", "{}", "%0a",
                                 "<script>"])
def test_an_odd_id_is_replaced(gateway, engine, token, odd):
    reply = gateway.ask("GET", "/api/tags", {"X-Request-Id": odd}, token=token)
    assert re.fullmatch(r"[0-9a-f]{32}", reply.request_id)
    assert engine.take_request().field("X-Request-Id") == reply.request_id


def test_the_engines_id_does_not_count(gateway, engine, token):
    engine.answer(http.reply(200, b"", {"X-Request-Id": "engine"}))
    reply = gateway.ask("GET", "/api/tags", {"X-Request-Id": "client"}, token=token)
    assert reply.request_id == "client"


def test_every_line_about_a_request_has_its_id(start_gateway, engine, token):
    gateway = start_gateway(LOG_LEVEL="debug")
    gateway.wait_for_message(r"got \d+ keys")
    time.sleep(0.3)  # what the start itself has to say comes with the log's own delay
    process_lines = len(gateway.log)
    engine.run(lambda call: call.close())
    reply = gateway.ask("POST", "/api/show", body=b"{}", token=token)
    gateway.access_line(reply)
    with gateway.lock:
        about = [line for line in gateway.log[process_lines:] if line.get("path") != "/readyz"]
    assert len(about) >= 2
    assert {line.get("request_id") for line in about} == {reply.request_id}


# ---- what must not be in the log ----

def mixed_run(gateway, engine, issuer):
    """Everything that can happen to a secret; returns the secrets."""
    secrets = {"engine key": "sk-engine-secret", "prompt": "the prompt nobody may read",
               "query": "query-secret-value", "cookie": "cookie-secret-value",
               "answer": "the answer nobody may read", "agent": "agent-secret-value"}
    tokens = {"good": issuer.token("carol"), "expired": issuer.token(exp=1), "foreign aud": issuer.token(aud="x"),
              "broken": issuer.token() + "AAAA", "cut": issuer.token()[:-30], "no jwt": "opaque-bearer-token"}
    body = ('{"prompt":"%s"}' % secrets["prompt"]).encode()
    fields = {"Cookie": f"id={secrets['cookie']}", "User-Agent": secrets["agent"]}
    for token in tokens.values():
        for target in ("/api/chat", "/api/generate"):
            gateway.ask("POST", f"{target}?key={secrets['query']}", fields, body=body, token=token)
    good = tokens["good"]
    gateway.ask("GET", f"/api/tags?token={good}", fields, token=good)
    gateway.ask("GET", f"/not/open?token={good}", fields, token=good)
    gateway.ask("POST", "/api/chat", fields, body=body[:-1], token=good)  # no JSON
    gateway.ask("GET", "/api/tags", [("Authorization", f"Bearer {good}"), ("Authorization", f"Bearer {good}")])
    with gateway.connect() as client:
        client.send(f"GET /api/tags HTTP/1.1\r\nAuthorization: Bearer {good}\r\nbroken header\r\n\r\n")
        assert client.read_reply().status == 400
    engine.answer(http.reply(200, secrets["answer"].encode(), {"Set-Cookie": secrets["cookie"]}))
    gateway.ask("POST", "/api/generate", fields, body=body, token=good)
    for script in (lambda call: call.close(),
                   lambda call: (call.send(secrets["answer"].encode() + b"\r\n\r\n"), call.close()),
                   lambda call: (call.send(f"HTTP/1.1 200 OK\r\n{secrets['answer']}\r\n\r\n".encode()),
                                 call.close())):
        engine.run(script)
        assert gateway.ask("POST", "/api/generate", fields, body=body, token=good).status == 502

    def bad_chunk(call):
        call.send(http.reply_head(200, is_chunked=True) + secrets["answer"].encode() + b"\r\n")
        call.close()
    engine.run(bad_chunk)
    with pytest.raises((http.Truncated, ConnectionResetError)):
        gateway.ask("POST", "/api/generate", fields, body=body, token=good)
    for name, token in tokens.items():
        for number, segment in enumerate(token.split(".")):
            if len(segment) > 20 or "." not in token:
                secrets[f"segment {number} of the {name} token"] = segment
    return secrets


@pytest.mark.parametrize("log_format", ["json", "text"])
@pytest.mark.parametrize("level", ["info", "debug"])
@pytest.mark.parametrize("options", [{}, {"ENGINE_FORWARD_AUTH": "true"}, {"ENGINE_API_KEY": "sk-engine-secret"}],
                         ids=["plain", "forwarding", "engine key"])
def test_no_secret_is_in_the_log(start_gateway, engine, issuer, log_format, level, options):
    gateway = start_gateway(LOG_FORMAT=log_format, LOG_LEVEL=level, **options)
    secrets = mixed_run(gateway, engine, issuer)
    gateway.stop()
    text = gateway.text()
    assert "/api/generate" in text and "carol" in text  # it is the log of that run
    for name, secret in secrets.items():
        assert secret not in text, f"{name} is in the log"


# ---- a log that clients cannot write ----

INJECTIONS = ["\n{\"level\":\"error\"}", "\r\n2026-01-01T00:00:00.000Z ERROR fake", "\x1b[31mred", '","level":"error',
              "\\", "\u2028", "\x00", "\x7f", "' OR 1=1", "${jndi:ldap://x}", "é\U0001f600", "a b"]


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_the_log_cannot_be_forged(start_gateway, engine, issuer, log_format):
    gateway = start_gateway(LOG_FORMAT=log_format, ENGINE_PATHS="*")
    count = 0
    for text in INJECTIONS:
        raw = text.encode("utf-8").decode("latin-1")
        escaped = "".join(f"%{byte:02X}" for byte in text.encode())
        for user in (f"eve{text}", text):
            gateway.ask("GET", "/api/tags", token=issuer.token(user))
        gateway.ask("GET", f"/x/{escaped}?{escaped}", token=issuer.token())
        for fields in ({"X-Request-Id": raw}, {"User-Agent": raw}, {"X-Attach-Session": raw},
                       {"X-Attach-User": raw}, {"Origin": raw}, {"Host": raw}):
            with gateway.connect() as client:
                client.send(client.request("GET", "/api/tags", fields, token=issuer.token()))
                client.read_head()
        for line in (f"GET /{raw} HTTP/1.1", f"{raw} / HTTP/1.1", f"GET / HTTP/1.1{raw}"):
            with gateway.connect() as client:
                client.send(f"{line}\r\nHost: {client.host}\r\n\r\n")
                client.read_head()
        count += 12
    gateway.ask("GET", "/healthz", {"X-Request-Id": "the-last-one"})
    if log_format == "json":
        gateway.wait_for_line(message="request", request_id="the-last-one")
        gateway.stop()
        assert gateway.stray == []
        lines = gateway.lines(message="request")
        assert all(set(line) <= ALWAYS | {"user", "session", "reason"} for line in lines)
        assert not gateway.lines(level="error")
        assert "\x1b" not in "".join(str(line) for line in gateway.log)
    else:
        gateway.stop()
        lines = access_lines_of_text(gateway)
        assert all(TEXT_LINE.fullmatch(line) for line in gateway.stray)
        assert not any(" ERROR " in line for line in gateway.stray)
        others = [line for line in gateway.stray if " request " in line and not TEXT_ACCESS_LINE.fullmatch(line)]
        assert others == []
    assert len(lines) >= count


# ---- descriptors and connections ----

def descriptors_of(gateway):
    return os.listdir(f"/proc/{gateway.process.pid}/fd")


@pytest.mark.parametrize("workers", [1, 2])
def test_descriptors_that_run_out_do_not_spin(start_gateway, engine, token, workers):
    """Every descriptor is a connection of somebody who says nothing; more knock at the door."""
    gateway = start_gateway(descriptors=100, WORKERS=workers)
    assert any("descriptors may be open" in line["message"] for line in gateway.lines(level="warn"))
    crowd = [socket.create_connection(gateway.address) for _ in range(200)]
    wait_until(lambda: len(descriptors_of(gateway)) >= 100, "no descriptor to be left")
    assert idle_cpu_share(gateway) < 0.3
    for sock in crowd:
        sock.close()
    reply = wait_until(lambda: gateway.ask("GET", "/api/tags", token=token), "the gateway to recover")
    assert reply.status == 200
    assert idle_cpu_share(gateway, 0.5) < 0.3


def test_a_call_without_a_descriptor_for_its_engine(start_gateway, engine, token):
    """The client is told, the connection goes on, and once there is room so does the work."""
    gateway = start_gateway(descriptors=100, WORKERS="1")
    client = gateway.connect()
    client.expect_open()
    crowd = [socket.create_connection(gateway.address) for _ in range(200)]
    wait_until(lambda: len(descriptors_of(gateway)) >= 100, "no descriptor to be left")
    reply = client.ask("GET", "/api/tags", token=token)
    assert reply.status in (502, 503) and reply.detail
    for sock in crowd:
        sock.close()
    wait_until(lambda: client.ask("GET", "/api/tags", token=token).status == 200, "the gateway to recover")


def test_a_full_house_does_not_spin(start_gateway):
    gateway = start_gateway(ready=False, MAX_CONNECTIONS="5", WORKERS="2")
    crowd = [socket.create_connection(gateway.address) for _ in range(50)]
    wait_until(lambda: gateway.metrics()["attach_connections"] >= 6, "the house to be full")
    assert idle_cpu_share(gateway) < 0.3
    for sock in crowd:
        sock.close()
    wait_until(lambda: gateway.ask("GET", "/healthz").status == 200, "room")


@pytest.mark.long
@pytest.mark.parametrize("backend", ["sqlite", "none"])
def test_an_idle_gateway_sleeps(start_gateway, engine, token, backend):
    """Also after half a minute, when everything that is done from time to time was done."""
    gateway = start_gateway(MEM_BACKEND=backend)
    clients = [gateway.connect() for _ in range(20)]
    for client in clients:
        client.ask("GET", "/api/tags", token=token)
    assert idle_cpu_share(gateway) < 0.1
    time.sleep(20)
    assert idle_cpu_share(gateway, 9) < 0.05


# ---- whatever comes ----

def scramble(source, text):
    """One or a few accidents."""
    data = bytearray(text)
    for _ in range(source.choice([1, 1, 1, 3, 10])):
        at = source.randrange(len(data))
        match source.randrange(5):
            case 0:
                data[at] = source.randrange(256)
            case 1:
                del data[at:at + source.randrange(1, 20)]
            case 2:
                data[at:at] = source.randbytes(source.randrange(1, 20))
            case 3:
                data[at:at] = data[source.randrange(len(data)):][:50]
            case 4:
                data[at:at] = source.choice([b"\r\n", b"\0", b"%", b":", b" ", b"Content-Length: 5\r\n",
                                             b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n"])
        if not data:
            return b"\r\n"
    return bytes(data)


@pytest.mark.parametrize("seed", range(4))
def test_requests_with_accidents(gateway, engine, token, seed):
    """Answered, refused or given up, and the next client is served all the same."""
    source = random.Random(seed)
    template = gateway.connect()
    texts = [template.request("POST", "/api/chat", body=b'{"prompt":"hi"}', token=token),
             template.request("POST", "/api/show", body=b"x" * 200, token=token, is_chunked=True),
             template.request("GET", "/api/tags?a=%20", {"X-Test": "1", "Connection": "close, x"}, token=token),
             template.request("OPTIONS", "/api/chat", {"Origin": "http://localhost:9000",
                                                       "Access-Control-Request-Method": "POST"})]
    for _ in range(150):
        with gateway.connect() as client:
            client.socket.settimeout(5)
            try:
                client.send(scramble(source, source.choice(texts)))
                client.finish_sending()
                client.expect_reset_or_closed()
            except OSError:
                pass
        assert gateway.process.poll() is None
    gateway.clients.clear()
    gateway.connect().expect_open()


@pytest.mark.parametrize("seed", range(2))
def test_noise(gateway, engine, seed):
    source = random.Random(seed)
    for _ in range(100):
        with gateway.connect() as client:
            try:
                client.send(source.randbytes(source.choice([1, 10, 1000, 70_000])))
                client.finish_sending()
                client.expect_reset_or_closed()
            except OSError:
                pass
    gateway.clients.clear()
    gateway.connect().expect_open()
    engine.expect_targets()


def test_tokens_with_accidents(gateway, engine, issuer):
    source = random.Random(3)
    token = issuer.token()
    client = gateway.connect()
    for _ in range(500):
        data = list(token)
        for _ in range(source.choice([1, 2, 30])):
            data[source.randrange(len(data))] = source.choice(string.ascii_letters + string.digits + "-_.")
        text = "".join(data)
        if text != token:
            assert client.ask("GET", "/api/tags", token=text).status == 401, text
    engine.expect_targets()

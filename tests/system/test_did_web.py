# SPDX-License-Identifier: MIT
"""did:web: tokens whose keys are in a document on somebody's host, and hosts that do not behave."""
import base64
import http.server
import json
import threading
import time

import pytest

from harness import keys
from harness.keys import Key
from harness.wait import wait_until

AUDIENCE = "https://gateway.test"
K1, K2 = Key("ES256", "k1", 61), Key("EdDSA", "k2", 62)
UNAVAILABLE = 503


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.host.serve(self)

    def log_message(self, *_):
        pass

    def reply(self, status, body, fields=(), content_type="application/did+json"):
        self.send_response(status)
        if content_type is not None:
            self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        for name, value in fields:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_):
        pass  # a gateway that gives up on us is part of the tests


class DidHost:
    """Serves the document of did:web:localhost%3A<port> over TLS; <answer>(handler) may change it."""

    def __init__(self, authority, name="did-host"):
        self.targets = []
        self.answer = self.give
        self.authentication = [K1]
        self.other_methods = []  # listed, but under no relationship
        self.changes = {}
        self.go = threading.Event()
        self.go.set()
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.host = self
        context = authority.server_context(hosts=("localhost",), name=name)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                 do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01},
                         daemon=True).start()

    @property
    def did(self):
        return f"did:web:localhost%3A{self.port}"

    @property
    def fetches(self):
        return len(self.targets)

    def serve(self, handler):
        self.targets.append(handler.path)
        self.go.wait(60)
        self.answer(handler)

    def give(self, handler):
        handler.reply(200, json.dumps(self.document()).encode())

    def method(self, key):
        jwk = {name: value for name, value in key.jwk().items() if name != "kid"}
        return {"id": f"{self.did}#{key.kid}", "type": "JsonWebKey2020", "controller": self.did,
                "publicKeyJwk": jwk}

    def document(self):
        return {"@context": "https://www.w3.org/ns/did/v1", "id": self.did,
                "verificationMethod": [self.method(key)
                                       for key in self.authentication + self.other_methods],
                "authentication": [f"{self.did}#{key.kid}" for key in self.authentication],
                **self.changes}

    def token(self, key=K1, did=None, kid=True, **changes):
        did = did or self.did
        now = int(time.time())
        claims = {"iss": did, "aud": AUDIENCE, "iat": now, "exp": now + 300, **changes}
        claims = {name: value for name, value in claims.items() if value is not None}
        header = {"alg": key.alg, "typ": "JWT"}
        if kid:
            header["kid"] = f"{did}#{key.kid}"
        return keys.compact(header, claims, key.sign)

    def close(self):
        self.go.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def host(authority):
    host = DidHost(authority)
    yield host
    host.close()


@pytest.fixture
def start(start_gateway, authority, host):
    def start(**options):
        return start_gateway(**{"OIDC_ISSUER": None, "OIDC_AUD": None, "DID_ALLOW": "did:web:*",
                                "DID_AUD": AUDIENCE, "DID_WEB_CA_FILE": authority.file,
                                "DID_WEB_HOSTS": "localhost", "JWKS_COOLDOWN": "100ms",
                                **options})
    return start


def ask(gateway, token):
    return gateway.ask("GET", "/api/tags", token=token)


def wait_cooldown(gateway, host, token):
    """Asks until the gateway asks the host again."""
    before = host.fetches

    def asked():
        ask(gateway, token)
        return host.fetches > before
    wait_until(asked, "the cooldown to be over")


def test_a_document_is_fetched_once_and_its_key_is_the_user(start, host, engine):
    gateway = start(WORKERS=4, JWKS_COOLDOWN="1h")
    for number in range(20):
        reply = ask(gateway, host.token(jti=f"n{number}"))
        assert reply.status == 200
    assert host.targets == ["/.well-known/did.json"]
    assert engine.take_request().field("X-Attach-User") == host.did


def test_those_who_come_together_share_one_fetch(start, host):
    gateway = start(WORKERS=1)
    host.go.clear()
    clients = [gateway.connect() for _ in range(8)]
    for number, client in enumerate(clients):
        client.send(client.request("GET", "/api/tags", token=host.token(jti=f"n{number}")))
    wait_until(lambda: host.fetches, "the fetch")
    host.go.set()
    assert [client.read_reply().status for client in clients] == [200] * 8
    assert host.fetches == 1


def test_a_path_of_the_did_is_a_path_of_the_url(start, host):
    gateway = start()
    did = host.did + ":users:alice"
    host.changes = {"id": did, "authentication": [{**host.method(K1), "id": "#k1"}]}
    assert ask(gateway, host.token(did=did)).status == 200
    assert host.targets == ["/users/alice/did.json"]


@pytest.mark.parametrize("material", ["multibase", "base58"])
def test_other_forms_of_a_key(start, host, material):
    raw = base64.urlsafe_b64decode(K2.jwk()["x"] + "==")
    method = {"id": "#k2", "controller": host.did}
    if material == "multibase":
        method.update(type="Multikey", publicKeyMultibase="z" + base58(b"\xed\x01" + raw))
    else:
        method.update(type="Ed25519VerificationKey2018", publicKeyBase58=base58(raw))
    host.changes = {"verificationMethod": [method], "authentication": [],
                    "assertionMethod": ["#k2"]}
    gateway = start()
    assert ask(gateway, host.token(K2)).status == 200
    assert ask(gateway, host.token(K2, kid=False)).status == 200


def base58(data):
    alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = alphabet[digit] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


def misbehaving(kind):
    def answer(handler):
        host = handler.server.host
        good = json.dumps(host.document()).encode()
        if kind == "wrong id":
            document = {**host.document(), "id": "did:web:localhost"}
            handler.reply(200, json.dumps(document).encode())
        elif kind == "redirect":
            handler.reply(302, good, [("Location", f"https://localhost:{host.port}/elsewhere")])
        elif kind == "not found":
            handler.reply(404, good)
        elif kind == "huge":
            document = {**host.document(), "padding": "x" * 70000}
            handler.reply(200, json.dumps(document).encode())
        elif kind == "web page":
            handler.reply(200, good, content_type="text/html")
        elif kind == "no type":
            handler.reply(200, good, content_type=None)
        elif kind == "not JSON":
            handler.reply(200, b"{" + good)
        elif kind == "id twice":
            handler.reply(200, good[:-1] + b',"id":"' + host.did.encode() + b'"}')
        elif kind == "no keys":
            handler.reply(200, json.dumps({"id": host.did}).encode())
    return answer


@pytest.mark.parametrize("kind", ["wrong id", "redirect", "not found", "huge", "web page",
                                  "no type", "not JSON", "id twice", "no keys"])
def test_a_host_that_gives_no_document_proves_nobody(start, host, kind):
    gateway = start(JWKS_COOLDOWN="1h")
    host.answer = misbehaving(kind)
    for _ in range(5):
        reply = ask(gateway, host.token())
        assert reply.status == UNAVAILABLE
        assert gateway.reason_of(reply) == "keys_unavailable"
    assert host.targets == ["/.well-known/did.json"]
    gateway.wait_for_message("cannot use the document of did:web:localhost")


def test_a_slow_host_costs_its_time_and_no_more(start, host):
    gateway = start(JWKS_TIMEOUT="200ms", JWKS_COOLDOWN="1h")
    host.go.clear()
    assert ask(gateway, host.token()).status == UNAVAILABLE
    host.go.set()
    assert ask(gateway, host.token()).status == UNAVAILABLE
    assert host.fetches == 1


def test_a_failure_is_remembered_shortly(start, host):
    gateway = start()
    host.answer = misbehaving("not found")
    assert ask(gateway, host.token()).status == UNAVAILABLE
    host.answer = host.give
    wait_until(lambda: ask(gateway, host.token()).status == 200, "the document to be asked again")


def test_a_key_under_no_relationship_proves_nobody(start, host):
    gateway = start()
    host.other_methods = [K2]
    assert ask(gateway, host.token(K1)).status == 200
    reply = ask(gateway, host.token(K2))
    assert reply.status == 401
    assert gateway.reason_of(reply) == "key_unknown"


def test_a_key_that_was_rotated(start, host):
    gateway = start(WORKERS=1)
    old, new = host.token(K1), host.token(K2)
    assert ask(gateway, old).status == 200
    host.authentication = [K2]
    wait_cooldown(gateway, host, new)
    assert ask(gateway, new).status == 200
    reply = ask(gateway, old)  # no longer, though it was accepted before
    assert reply.status == 401


def test_a_document_is_forgotten_with_its_tokens(start, host):
    gateway = start(WORKERS=1, DID_WEB_MAX_AGE="1s")
    token = host.token()
    assert ask(gateway, token).status == 200
    host.answer = misbehaving("not found")
    wait_until(lambda: ask(gateway, token).status == UNAVAILABLE, "the document to be too old")


def test_a_near_address_is_refused_unless_the_host_is_named(start, host):
    gateway = start(DID_WEB_HOSTS="elsewhere.test,localhost:1")
    reply = ask(gateway, host.token())
    assert reply.status == UNAVAILABLE
    gateway.wait_for_message("refused to call .*, a loopback address")
    assert host.fetches == 0
    gateway = start(DID_WEB_HOSTS=f"localhost:{host.port}")
    assert ask(gateway, host.token()).status == 200


def test_a_certificate_of_somebody_else(start, host):
    gateway = start(DID_WEB_CA_FILE="")
    assert ask(gateway, host.token()).status == UNAVAILABLE
    assert host.fetches == 0


def test_no_document_is_fetched_for_a_did_that_may_not_call(start, host):
    gateway = start(DID_ALLOW="did:web:elsewhere.test")
    reply = ask(gateway, host.token())
    assert reply.status == 403
    assert json.loads(reply.body)["detail"]
    assert "insufficient_scope" in reply.field("WWW-Authenticate")
    assert gateway.reason_of(reply) == "did_not_allowed"
    assert host.fetches == 0


@pytest.mark.parametrize("did", ["did:web:127.0.0.1", "did:web:2130706433", "did:web:0x7f.1",
                                 "did:web:[::1]", "did:web:localhost%2F", "did:web:a..b",
                                 "did:web:localhost:..:x", "did:web:user@localhost",
                                 "did:web:localhost%3A0", "did:web:localhost%3a1", "did:web:"])
def test_hosts_that_no_did_may_have(start, host, did):
    gateway = start()
    reply = ask(gateway, host.token(did=did))
    assert reply.status == 401
    assert gateway.reason_of(reply) == "did_malformed"


@pytest.mark.parametrize("replay, jti, cached", [("deny", "once", 0), ("deny", None, 1),
                                                 ("allow", "once", 1)])
def test_a_token_for_one_use_is_not_kept(start, host, replay, jti, cached):
    gateway = start(WORKERS=1, DID_REPLAY=replay)
    token = host.token(jti=jti)
    assert ask(gateway, token).status == 200
    ask(gateway, token)
    assert gateway.metrics()['attach_tokens_total{outcome="cached"}'] == cached


def test_waiting_ends_with_the_process(start, host):
    gateway = start(DRAIN_TIMEOUT="5s")
    host.go.clear()
    client = gateway.connect()
    client.send(client.request("GET", "/api/tags", token=host.token()))
    wait_until(lambda: host.fetches, "the fetch")
    gateway.terminate()
    assert client.read_reply().status == UNAVAILABLE
    gateway.wait_ended()

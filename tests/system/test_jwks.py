# SPDX-License-Identifier: MIT
"""The issuer's keys: rotation, floods, outages, hangs, and documents that must not be believed."""
import json
import threading

import pytest

from harness import http
from harness.issuer import Issuer
from harness.keys import Key
from harness.wait import wait_until

K1, K2, K9 = Key("ES256", "k1", 41), Key("ES256", "k2", 42), Key("ES256", "k9", 49)


@pytest.fixture
def issuer():
    issuer = Issuer(keys=[K1])
    yield issuer
    issuer.close()


def status(gateway, token, target="/api/tags"):
    return gateway.ask("GET", target, token=token).status


def wait_cooldown(gateway, issuer, token):
    """Asks with an unknown key until the gateway asks the issuer again."""
    before = issuer.fetches["jwks"]

    def asked():
        status(gateway, token)
        return issuer.fetches["jwks"] > before
    wait_until(asked, "the cooldown to be over")


def test_keys_are_fetched_at_the_start_and_kept(start_gateway, issuer):
    gateway = start_gateway()
    for _ in range(20):
        assert status(gateway, issuer.token(key=K1)) == 200
    assert issuer.fetches["jwks"] == 1
    assert issuer.fetches["discovery"] == 1


@pytest.mark.parametrize("workers", [1, 4])
def test_rotation_is_one_refetch(start_gateway, issuer, workers):
    """given   keys k1, known
    client  a token signed with k2
    expect  exactly one fetch, and the token is accepted with it"""
    gateway = start_gateway(JWKS_COOLDOWN="100ms", WORKERS=workers)
    issuer.keys = [K1, K2]
    wait_cooldown(gateway, issuer, issuer.token(key=K2))
    fetches = issuer.fetches["jwks"]
    for _ in range(10):
        assert status(gateway, issuer.token(key=K2)) == 200
        assert status(gateway, issuer.token(key=K1)) == 200
    assert issuer.fetches["jwks"] == fetches == 2


def test_the_request_that_brings_the_new_key_is_answered_with_it(start_gateway, issuer, engine):
    gateway = start_gateway(JWKS_COOLDOWN="100ms", WORKERS=1)
    # After the cooldown, seen from the log: the fetch at the start was long enough ago.
    wait_cooldown(gateway, issuer, issuer.token(key=K9))
    issuer.keys = [K1, K2]
    wait_cooldown(gateway, issuer, issuer.token("bob", key=K2))
    assert status(gateway, issuer.token("bob", key=K2)) == 200
    users = {request.field("X-Attach-User") for request in engine.requests}
    assert users == {"bob"}


def test_many_waiting_requests_share_one_fetch(start_gateway, issuer, engine):
    """given   the issuer hangs, the cooldown is over
    client  many connections with tokens of k2
    expect  one fetch; all are answered once it comes back"""
    gateway = start_gateway(JWKS_COOLDOWN="100ms", WORKERS=2, JWKS_TIMEOUT="20s")
    issuer.keys = [K1, K2]
    issuer.hang()
    before = issuer.fetches["jwks"]
    clients = [gateway.connect() for _ in range(20)]

    def asked():
        # Refused at once while the cooldown runs, waiting once it is over.
        probe = gateway.connect()
        probe.socket.settimeout(0.05)
        try:
            probe.ask("GET", "/api/tags", token=issuer.token("probe", key=K2))
        except TimeoutError:
            pass
        probe.close()
        return issuer.fetches["jwks"] > before
    wait_until(asked, "a fetch that hangs")
    for client in clients:
        client.send(client.request("GET", "/api/tags", token=issuer.token("bob", key=K2)))
    # Known keys are not delayed by the hanging fetch.
    for _ in range(4):
        assert status(gateway, issuer.token("alice", key=K1)) == 200
    assert issuer.fetches["jwks"] == before + 1
    issuer.release()
    for client in clients:
        assert client.read_reply().status == 200
    assert issuer.fetches["jwks"] == before + 1


def test_a_flood_of_unknown_keys_asks_once_per_cooldown(start_gateway, issuer, engine):
    gateway = start_gateway(JWKS_COOLDOWN="1h", WORKERS=2)
    replies = [gateway.ask("GET", "/api/tags", token=issuer.token(key=Key("ES256", f"kid-{at}", 49)))
               for at in range(50)]
    assert {reply.status for reply in replies} == {401}
    assert gateway.reason_of(replies[-1]) == "key_unknown"
    assert issuer.fetches["jwks"] == 1  # the one at the start: it counts too
    assert status(gateway, issuer.token(key=K1)) == 200
    engine.expect_targets("/api/tags")


def test_the_cooldown_counts_from_the_start_of_the_process(start_gateway, issuer):
    gateway = start_gateway(JWKS_COOLDOWN="1h")
    issuer.keys = [K2]
    assert status(gateway, issuer.token(key=K2)) == 401
    assert issuer.fetches["jwks"] == 1


def test_a_withdrawn_key_is_gone_with_the_next_fetch(start_gateway, issuer):
    """Also for tokens that were verified and remembered."""
    gateway = start_gateway(JWKS_COOLDOWN="100ms")
    old = issuer.token(key=K1)
    assert status(gateway, old) == 200
    issuer.keys = [K2]
    wait_cooldown(gateway, issuer, issuer.token(key=K2))
    wait_until(lambda: status(gateway, issuer.token(key=K2)) == 200, "the new key")
    wait_until(lambda: status(gateway, old) == 401, "the old key to be forgotten")


def test_keys_are_fetched_again_when_they_are_old(start_gateway, issuer):
    gateway = start_gateway(JWKS_MAX_AGE="1s")
    issuer.keys = [K1, K2]
    wait_until(lambda: issuer.fetches["jwks"] > 1, "a fetch that nobody asked for")
    wait_until(lambda: status(gateway, issuer.token(key=K2)) == 200, "the new key")


@pytest.mark.parametrize("outage", ["down", "500", "garbage", "empty set"])
def test_an_outage_keeps_the_keys(start_gateway, issuer, outage):
    gateway = start_gateway(JWKS_COOLDOWN="100ms", JWKS_MAX_AGE="1s", JWKS_TIMEOUT="300ms")
    good = issuer.token(key=K1)
    assert status(gateway, good) == 200
    before = dict(issuer.fetches)
    if outage == "down":
        issuer.go_down()
        gateway.wait_for_message("cannot get the keys")
    else:
        code, body = {"500": (500, b"{}"), "garbage": (200, b"<html>maintenance</html>"),
                      "empty set": (200, b'{"keys":"none"}')}[outage]
        issuer.override("jwks", code, body)
        wait_until(lambda: issuer.fetches["jwks"] > before["jwks"], "a fetch that fails")
        gateway.wait_for_message("cannot get the keys")
    for _ in range(10):
        assert status(gateway, good) == 200
        assert status(gateway, issuer.token("bob", key=K1)) == 200
        assert status(gateway, issuer.token(key=K9)) == 401
    assert gateway.ask("GET", "/readyz").status == 200
    if outage == "down":
        issuer.come_up()
    issuer.overrides.clear()
    issuer.keys = [K2]
    wait_until(lambda: status(gateway, issuer.token(key=K2)) == 200, "the keys after the outage")


def test_an_issuer_that_is_down_at_the_start(start_gateway, engine):
    issuer = Issuer(keys=[K1], is_down=True)
    gateway = start_gateway(ready=False, OIDC_ISSUER=issuer.url, JWKS_COOLDOWN="100ms")
    assert gateway.ask("GET", "/healthz").status == 200
    assert gateway.ask("GET", "/readyz").status == 503
    reply = gateway.ask("GET", "/api/tags", token=issuer.token())
    assert reply.status == 503 and reply.detail  # nothing can be said of the token
    assert gateway.reason_of(reply) == "keys_unavailable"
    assert gateway.ask("GET", "/api/tags").status == 401
    engine.expect_targets()
    gateway.wait_for_message("cannot get the keys of issuer .*OIDC_ISSUER")
    issuer.come_up()
    gateway.wait_ready()
    assert status(gateway, issuer.token()) == 200
    issuer.close()


def test_an_issuer_that_hangs_at_the_start(start_gateway, engine):
    issuer = Issuer(keys=[K1])
    issuer.hang()
    gateway = start_gateway(ready=False, OIDC_ISSUER=issuer.url, JWKS_TIMEOUT="20s")
    wait_until(lambda: issuer.fetches["discovery"], "the first fetch")
    assert gateway.ask("GET", "/readyz").status == 503
    waiting = gateway.connect()
    waiting.send(waiting.request("GET", "/api/tags", token=issuer.token()))
    assert gateway.ask("GET", "/healthz").status == 200  # nobody else waits
    issuer.release()
    assert waiting.read_reply().status == 200
    assert gateway.ask("GET", "/readyz").status == 200
    issuer.close()


def test_a_client_that_leaves_while_keys_are_awaited(start_gateway, engine):
    issuer = Issuer(keys=[K1])
    issuer.hang()
    gateway = start_gateway(ready=False, OIDC_ISSUER=issuer.url, JWKS_TIMEOUT="20s", WORKERS="1")
    clients = [gateway.connect() for _ in range(5)]
    for client in clients:
        client.send(client.request("GET", "/api/tags", token=issuer.token()))
    for client in clients[::2]:
        client.close()
    gateway.wait_for_line(message="request", reason="client_gone")
    issuer.release()
    assert [client.read_reply().status for client in clients[1::2]] == [200, 200]
    engine.expect_targets("/api/tags", "/api/tags")
    issuer.close()


def test_a_hang_ends_with_the_timeout(start_gateway, issuer):
    issuer.hang()
    gateway = start_gateway(ready=False, JWKS_TIMEOUT="200ms")
    reply = gateway.ask("GET", "/api/tags", token=issuer.token())
    assert reply.status == 503
    assert gateway.ask("GET", "/readyz").status == 503
    issuer.release()
    gateway.wait_ready()


def test_two_issuers_and_one_is_down(start_gateway, issuer):
    other = Issuer(keys=[K2], is_down=True)
    gateway = start_gateway(ready=False, OIDC_ISSUER=f"{issuer.url},{other.url}")
    wait_until(lambda: status(gateway, issuer.token()) == 200, "the keys of the one that is up")
    assert gateway.ask("GET", "/readyz").status == 503
    assert status(gateway, other.token()) == 503
    other.come_up()
    gateway.wait_ready()
    assert status(gateway, other.token()) == 200
    other.close()


# ---- documents that must not be believed ----

def expect_never_ready(gateway, issuer, pattern):
    gateway.wait_for_message(pattern)
    assert gateway.ask("GET", "/readyz").status == 503
    assert status(gateway, issuer.token()) == 503


def test_a_document_of_another_issuer(start_gateway, issuer):
    issuer.document_extra = {"issuer": "https://evil.example"}
    gateway = start_gateway(ready=False, JWKS_COOLDOWN="1h")
    expect_never_ready(gateway, issuer, "names another issuer")
    assert issuer.fetches["jwks"] == 0


def test_a_document_without_issuer(start_gateway, issuer):
    issuer.override("discovery", 200, json.dumps({"jwks_uri": issuer.url + "/the-keys"}).encode())
    gateway = start_gateway(ready=False, JWKS_COOLDOWN="1h")
    expect_never_ready(gateway, issuer, "cannot get the keys")
    assert issuer.fetches["jwks"] == 0


@pytest.mark.parametrize("uri", ["http://issuer.example/keys", "file:///etc/passwd", "ftp://127.0.0.1/x",
                                 "/the-keys", "", None, 5])
def test_a_jwks_uri_that_is_no_https(start_gateway, issuer, uri):
    issuer.document_extra = {"jwks_uri": uri}
    gateway = start_gateway(ready=False, JWKS_COOLDOWN="1h")
    expect_never_ready(gateway, issuer, "cannot get the keys")


@pytest.mark.parametrize("kind", ["discovery", "jwks"])
def test_redirects_are_not_followed(start_gateway, issuer, kind):
    other = Issuer(keys=[K9])
    issuer.override(kind, 302, b"", [("Location", other.url + "/the-keys")])
    if kind == "discovery":
        issuer.override("oauth", 404)
    gateway = start_gateway(ready=False, JWKS_COOLDOWN="1h")
    expect_never_ready(gateway, issuer, "cannot get the keys")
    assert sum(other.fetches.values()) == 0
    other.close()


@pytest.mark.parametrize("kind", ["discovery", "jwks"])
def test_replies_have_a_size_cap(start_gateway, issuer, kind):
    body = json.dumps({**issuer.document(), **issuer.key_set(), "pad": "x" * 5_000_000}).encode()
    issuer.override(kind, 200, body)
    issuer.override("oauth", 404)
    gateway = start_gateway(ready=False, JWKS_COOLDOWN="1h")
    expect_never_ready(gateway, issuer, "cannot get the keys")


def test_an_endless_reply_ends(start_gateway, issuer):
    def endless(handler):
        handler.send_response(200)
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(b" " * 65536)
        except OSError:
            handler.close_connection = True
    issuer.overrides["jwks"] = endless
    gateway = start_gateway(ready=False, JWKS_COOLDOWN="1h")
    expect_never_ready(gateway, issuer, "cannot get the keys")


def test_a_set_with_too_many_keys(start_gateway, issuer):
    issuer.keys = [Key("ES256", f"k{number}", 49) for number in range(1000)]
    gateway = start_gateway(ready=False, JWKS_COOLDOWN="1h")
    expect_never_ready(gateway, issuer, "cannot get the keys")


def test_bad_keys_are_skipped(start_gateway, issuer):
    issuer.keys = [{"kty": "RSA"}, {"kty": 5}, {"kid": "k1"}, {"kty": "EC", "crv": "P-256", "x": "!"},
                   {"kty": "OKP", "crv": "X25519", "x": "AAAA"}, {}, K2]
    gateway = start_gateway()
    assert status(gateway, issuer.token(key=K2)) == 200


def test_only_public_documents_are_fetched(start_gateway, issuer):
    """No token and no cookie goes to the issuer, and nothing else is asked of it."""
    seen = []

    def record(handler):
        seen.append(dict(handler.headers))
        handler.reply(200, json.dumps(issuer.key_set()).encode())
    issuer.overrides["jwks"] = record
    gateway = start_gateway(JWKS_COOLDOWN="100ms")
    wait_cooldown(gateway, issuer, issuer.token(key=K9))
    assert all("Authorization" not in fields and "Cookie" not in fields for fields in seen)
    assert issuer.fetches["other"] == 0 and issuer.fetches["oauth"] == 0


def test_streams_go_on_while_the_issuer_hangs(start_gateway, issuer, engine):
    gateway = start_gateway(JWKS_COOLDOWN="100ms", WORKERS="1", JWKS_TIMEOUT="20s")
    steps = [threading.Event() for _ in range(3)]

    def script(call):
        call.send(http.reply_head(200, is_chunked=True))
        for step in steps:
            step.wait(10)
            call.send(http.chunk(b"piece"))
        call.send(http.LAST_CHUNK)
    engine.run(script)
    client = gateway.connect()
    client.send(client.request("GET", "/api/tags", token=issuer.token(key=K1)))
    client.read_head()
    issuer.hang()
    stranger = gateway.connect()
    stranger.send(stranger.request("GET", "/api/tags", token=issuer.token(key=K9)))
    for step in steps:
        step.set()
        assert client.read_body(5) == b"piece"
    assert client.read_rest() == b""
    issuer.release()

# SPDX-License-Identifier: MIT
"""The Authorization field and the shapes of a refusal (RFC 6750)."""
import pytest

from harness import http

CHALLENGE = 'Bearer realm="attach-gateway"'


def ask(gateway, *values):
    return gateway.ask("GET", "/api/tags", [("Authorization", value) for value in values])


def expect_missing(gateway, reply):
    assert reply.status == 401
    assert reply.field("WWW-Authenticate") == CHALLENGE  # no error code: nothing was tried
    assert reply.detail == "Missing Bearer token"


def expect_invalid(reply):
    assert reply.status == 401
    challenge = reply.field("WWW-Authenticate")
    assert challenge.startswith(CHALLENGE + ', error="invalid_token"')
    assert reply.detail


def test_no_authorization(gateway, engine):
    reply = ask(gateway)
    expect_missing(gateway, reply)
    assert gateway.reason_of(reply) == "no_credentials"
    engine.expect_targets()


def test_another_scheme(gateway, engine, token):
    for value in ("Basic YWxpY2U6c2VjcmV0", "DPoP " + token, "Bearers " + token, "Token " + token, token):
        reply = ask(gateway, value)
        expect_missing(gateway, reply)
    assert gateway.reason_of(reply) == "scheme_not_bearer"
    engine.expect_targets()


@pytest.mark.parametrize("value", ["Bearer", "Bearer ", "Bearer    "])
def test_no_token(gateway, value):
    reply = ask(gateway, value)
    expect_missing(gateway, reply)
    assert gateway.reason_of(reply) == "token_absent"


def test_empty_authorization(gateway):
    expect_missing(gateway, ask(gateway, ""))


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_the_scheme_has_no_case(gateway, token, scheme):
    assert ask(gateway, f"{scheme} {token}").status == 200


def test_spaces_around_the_token(gateway, token):
    for value in (f"Bearer   {token}", f"  Bearer {token}  ", f"Bearer {token}\t"):
        assert ask(gateway, value).status == 200, value


@pytest.mark.parametrize("change", [
    lambda token: token + " x", lambda token: token + ",Bearer x", lambda token: f'"{token}"',
    lambda token: token + "\xe9", lambda token: "=" + token, lambda token: token + "%20",
    lambda token: "\t" + token, lambda token: token.replace(".", ". ", 1),
], ids=["rest", "list", "quotes", "8-bit", "equals", "percent", "tab", "space inside"])
def test_bytes_that_no_token_has(gateway, engine, token, change):
    reply = ask(gateway, "Bearer " + change(token))
    assert reply.status == 401 and reply.detail
    engine.expect_targets()


def test_a_token_longer_than_any(gateway):
    reply = ask(gateway, "Bearer " + "a" * 50_000)
    expect_invalid(reply)
    assert gateway.reason_of(reply) == "token_too_long"


@pytest.mark.parametrize("second", ["the same", "another", "basic"])
def test_two_authorization_fields(gateway, engine, issuer, token, second):
    other = {"the same": f"Bearer {token}", "another": f"Bearer {issuer.token('eve')}",
             "basic": "Basic YWxpY2U6c2VjcmV0"}[second]
    for values in ((f"Bearer {token}", other), (other, f"Bearer {token}")):
        reply = ask(gateway, *values)
        assert reply.status == 400
        assert reply.field("WWW-Authenticate") == CHALLENGE + ', error="invalid_request"'
        assert reply.detail
    assert gateway.reason_of(reply) == "authorization_repeated"
    engine.expect_targets()


def test_two_authorization_fields_of_two_spellings(gateway, engine, token):
    """A server that folds case or '_' would see two."""
    reply = gateway.ask("GET", "/api/tags", [("Authorization", f"Bearer {token}"),
                                             ("AUTHORIZATION", f"Bearer {token}")])
    assert reply.status == 400
    engine.expect_targets()


def test_a_token_in_the_query_or_body_does_not_count(gateway, engine, token):
    assert gateway.ask("GET", f"/api/tags?access_token={token}").status == 401
    assert gateway.ask("POST", "/api/show", {"Content-Type": "application/x-www-form-urlencoded"},
                       body=f"access_token={token}".encode()).status == 401
    engine.expect_targets()


def test_an_invalid_token_tells_its_class_alone(gateway, engine, token):
    """The client learns that it is invalid, the log why."""
    header, payload, _ = token.split(".")
    reply = ask(gateway, f"Bearer {header}.{payload}.{'A' * 86}")
    expect_invalid(reply)
    assert "signature" not in reply.detail.lower()
    assert gateway.reason_of(reply) == "signature_invalid"
    engine.expect_targets()


def test_an_expired_token_says_so(gateway, issuer):
    reply = ask(gateway, f"Bearer {issuer.token(exp=1000, iat=900)}")
    expect_invalid(reply)
    assert "expired" in reply.field("WWW-Authenticate") and "expired" in reply.detail
    assert gateway.reason_of(reply) == "expired"


def test_refusals_are_not_cached_and_keep_the_connection(gateway, token):
    client = gateway.connect()
    reply = client.ask("GET", "/api/tags")
    assert "no-store" in reply.field("Cache-Control")
    assert client.ask("GET", "/api/tags", token=token).status == 200


def test_the_challenge_is_not_the_engines(gateway, engine, token):
    """An engine's own 401 passes unchanged, it is about the engine."""

    engine.answer(http.reply(401, b"engine says no", {"WWW-Authenticate": "Basic realm=\"engine\""}))
    reply = ask(gateway, f"Bearer {token}")
    assert (reply.status, reply.body) == (401, b"engine says no")
    assert reply.field("WWW-Authenticate") == 'Basic realm="engine"'


def test_tokens_never_reach_the_log(gateway, token, issuer):
    bad = token[:-6] + "AAAAAA"
    for value in (token, bad, issuer.token(exp=1000)):
        reply = ask(gateway, f"Bearer {value}")
    gateway.access_line(reply)
    for secret in (token, bad, token.split(".")[1], token.split(".")[2]):
        assert secret not in gateway.text()

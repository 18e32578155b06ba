# SPDX-License-Identifier: MIT
"""Tokens end to end: every algorithm that is accepted, every rule that denies, several issuers."""
import json
import time

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from harness import keys
from harness.issuer import AUDIENCE, Issuer
from harness.keys import Key, b64, b64_json, compact, hmac_sign

ALGORITHM_KEYS = {alg: Key(alg, f"key-{alg}", jwk={"alg": alg, "use": "sig"})
                  for alg in keys.ALGORITHMS}
PLAIN = Key("ES256", "plain", 1)
RSA = Key("RS256", "rsa", 2)
OTHER_CURVE = Key("ES384", "p384", 1)
ED = Key("Ed25519", "ed", 1)
FOREIGN = Key("ES256", "plain", 99)  # the kid of PLAIN, another key

RESTRICTED = {
    "for encryption": Key("RS256", "enc", 3, jwk={"use": "enc"}),
    "for another alg": Key("RS256", "rs512", 4, jwk={"alg": "RS512"}),
    "for signing only": Key("RS256", "ops", 5, jwk={"key_ops": ["sign"]}),
    "for wrapping": Key("RS256", "wrap", 6, jwk={"key_ops": ["wrapKey", "encrypt"]}),
    "too short": Key("RS256", "short", 7, bits=1024),
}

TWINS = [Key("ES256", "twin", 11), Key("ES256", "twin", 12)]

BROKEN_KEYS = [
    {"kty": "RSA", "kid": "broken-1", "n": "AQAB"},
    {"kty": "EC", "kid": "broken-2", "crv": "P-256", "x": "AA", "y": "AA"},
    {"kty": "oct", "kid": "shared", "k": b64(b"a shared secret")},
    {"kty": "EC", "kid": "secp256k1", "crv": "secp256k1", "x": b64(b"x" * 32), "y": b64(b"y" * 32)},
    {"kid": "nothing"},
]


@pytest.fixture(scope="module")
def issuer():
    """One issuer with every kind of key, broken ones among them."""
    issuer = Issuer(keys=[PLAIN, *BROKEN_KEYS, *ALGORITHM_KEYS.values(), RSA, OTHER_CURVE, ED,
                          *RESTRICTED.values(), *TWINS])
    yield issuer
    issuer.close()


def expect_accepted(gateway, engine, token, user="alice"):
    reply = gateway.ask("GET", "/api/tags", token=token)
    assert reply.status == 200, gateway.reason_of(reply)
    assert engine.take_request().field("X-Attach-User") == user


def expect_denied(gateway, engine, token, reason):
    reply = gateway.ask("GET", "/api/tags", token=token)
    assert gateway.reason_of(reply) == reason
    assert reply.status == 401
    assert 'error="invalid_token"' in reply.field("WWW-Authenticate")
    engine.expect_targets()


# ---- algorithms ----

@pytest.mark.parametrize("alg", keys.ALGORITHMS)
def test_algorithm(gateway, engine, issuer, alg):
    expect_accepted(gateway, engine, issuer.token(key=ALGORITHM_KEYS[alg]))


@pytest.mark.parametrize("alg", keys.ALGORITHMS)
def test_algorithm_with_a_broken_signature(gateway, engine, issuer, alg):
    token = issuer.token(key=ALGORITHM_KEYS[alg])
    message, _, signature = token.rpartition(".")
    flipped = ("B" if signature[20] == "A" else "A")
    expect_denied(gateway, engine, f"{message}.{signature[:20]}{flipped}{signature[21:]}",
                  "signature_invalid")


def test_a_key_without_alg_serves_every_alg_of_its_kind(gateway, engine, issuer):
    for alg in ("RS256", "RS512", "PS256", "PS384"):
        expect_accepted(gateway, engine, issuer.token(key=RSA, alg=alg))
    for alg in ("EdDSA", "Ed25519"):
        expect_accepted(gateway, engine, issuer.token(key=ED, alg=alg))


@pytest.mark.parametrize("key,alg,reason", [
    (ALGORITHM_KEYS["RS256"], "PS256", "key_unfit"),
    (ALGORITHM_KEYS["PS512"], "RS512", "key_unfit"),
    (OTHER_CURVE, "ES384", None),
    (OTHER_CURVE, "ES256", "key_unfit"),
    (PLAIN, "ES384", "key_unfit"),
    (PLAIN, "RS256", "key_unfit"),
    (RSA, "ES256", "key_unfit"),
    (ED, "ES256", "key_unfit"),
], ids=lambda value: value.kid if isinstance(value, Key) else str(value))
def test_alg_is_bound_to_the_key(gateway, engine, issuer, key, alg, reason):
    if reason is None:
        expect_accepted(gateway, engine, issuer.token(key=key, alg=alg))
        return
    header = {"alg": alg, "kid": key.kid}
    token = compact(header, issuer.claims(), lambda message: key.sign(message))
    expect_denied(gateway, engine, token, reason)


@pytest.mark.parametrize("what", RESTRICTED)
def test_a_key_that_may_not_verify(gateway, engine, issuer, what):
    expect_denied(gateway, engine, issuer.token(key=RESTRICTED[what]), "key_unfit")


def test_two_keys_of_one_kid_and_kind(gateway, engine, issuer):
    expect_denied(gateway, engine, issuer.token(key=TWINS[0]), "key_ambiguous")


def secret_tokens(issuer):
    """HMAC with whatever an attacker may know: the public key in every form, or nothing."""
    claims = issuer.claims()
    secrets = {"empty": b"", "PEM": RSA.public_pem(), "JWK": json.dumps(RSA.jwk()).encode(),
               "shared": b"a shared secret"}
    for name, secret in secrets.items():
        kid = "shared" if name == "shared" else RSA.kid
        for alg in ("HS256", "HS384", "HS512", "hs256"):
            yield name, compact({"alg": alg, "kid": kid}, claims, hmac_sign(secret))


def test_hmac_is_never_accepted(gateway, engine, issuer):
    for name, token in secret_tokens(issuer):
        reply = gateway.ask("GET", "/api/tags", token=token)
        assert reply.status == 401, name
    assert gateway.reason_of(reply) == "alg_not_allowed"
    engine.expect_targets()


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", "RS1", "ES256K", "rs256", "RS256 ",
                                 "RSA-OAEP", "dir", "A128KW", "Ed448"])
def test_algorithms_that_are_not_ours(gateway, engine, issuer, alg):
    expect_denied(gateway, engine, compact({"alg": alg, "kid": "plain"}, issuer.claims(),
                                           lambda message: PLAIN.sign(message)), "alg_not_allowed")


def test_none_without_a_signature(gateway, engine, issuer):
    for header in ({"alg": "none"}, {"alg": "ES256", "kid": "plain"}):
        token = compact(header, issuer.claims(), lambda _: b"")
        assert gateway.ask("GET", "/api/tags", token=token).status == 401
    engine.expect_targets()


# ---- header ----

HEADERS = {
    "no alg": ({"alg": None}, "alg_missing"),
    "alg that is a number": ({"alg": 5}, "alg_missing"),
    "crit": ({"crit": ["exp"]}, "header_crit"),
    "crit that is empty": ({"crit": []}, "header_crit"),
    "crit with b64": ({"crit": ["b64"], "b64": True}, "header_crit"),
    "b64": ({"b64": True}, "header_b64"),
    "b64 false": ({"b64": False}, "header_b64"),
    "jwk": ({"jwk": FOREIGN.jwk()}, "header_jwk"),
    "jku": ({"jku": "https://evil.example/keys"}, "header_jku"),
    "x5u": ({"x5u": "https://evil.example/cert"}, "header_x5u"),
    "x5c": ({"x5c": ["MIIB"]}, "header_x5c"),
    "kid that is a number": ({"kid": 1}, "kid_malformed"),
    "kid that is too long": ({"kid": "k" * 5000}, "kid_malformed"),
    "typ of a proof": ({"typ": "dpop+jwt"}, "typ_not_accepted"),
    "typ of a logout": ({"typ": "logout+jwt"}, "typ_not_accepted"),
    "typ of a JWE": ({"typ": "JOSE"}, "typ_not_accepted"),
    "typ that is no string": ({"typ": 1}, "typ_not_accepted"),
}


@pytest.mark.parametrize("name", HEADERS)
def test_header(gateway, engine, issuer, name):
    changes, reason = HEADERS[name]
    header = {"alg": "ES256", "kid": "plain", "typ": "at+jwt", **changes}
    header = {key: value for key, value in header.items() if value is not None}
    token = compact(header, issuer.claims(), lambda message: PLAIN.sign(message))
    reply = gateway.ask("GET", "/api/tags", token=token)
    assert reply.status == 401
    if reason == "alg_missing":
        assert gateway.reason_of(reply) in ("alg_missing", "alg_not_allowed")
    else:
        assert gateway.reason_of(reply) == reason
    engine.expect_targets()


@pytest.mark.parametrize("typ", ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", None])
def test_typ_of_an_access_token(gateway, engine, issuer, typ):
    expect_accepted(gateway, engine, issuer.token(header={"typ": typ}))


def test_a_key_brought_along_is_not_used(gateway, engine, issuer):
    """Signed with the attacker's own key, which the header offers."""
    for offer in ({"jwk": FOREIGN.jwk()}, {"jwk": FOREIGN.jwk(), "kid": None}):
        token = issuer.token("eve", key=FOREIGN, header=offer)
        assert gateway.ask("GET", "/api/tags", token=token).status == 401
    engine.expect_targets()


def test_a_foreign_key_of_a_known_kid(gateway, engine, issuer):
    expect_denied(gateway, engine, issuer.token("eve", key=FOREIGN), "signature_invalid")


def test_no_kid_with_one_fitting_key(start_gateway, engine):
    lonely = Issuer(keys=[Key("ES256", "one", 21), Key("RS256", "two", 2)])
    gateway = start_gateway(OIDC_ISSUER=lonely.url)
    expect_accepted(gateway, engine, lonely.token(header={"kid": None}))
    lonely.close()


def test_no_kid_with_many_fitting_keys(gateway, engine, issuer):
    expect_denied(gateway, engine, issuer.token(header={"kid": None}), "key_ambiguous")


# ---- form ----

def test_duplicate_names(gateway, engine, issuer):
    claims = json.dumps(issuer.claims())
    header = '{"alg":"ES256","kid":"plain"}'
    cases = {
        '{"alg":"ES256","alg":"none","kid":"plain"}': (claims, "header_not_json"),
        '{"alg":"ES256","kid":"plain","\\u0061lg":"none"}': (claims, "header_not_json"),
    }
    for bad_header, (payload, reason) in cases.items():
        expect_denied(gateway, engine, compact(bad_header, payload, PLAIN.sign), reason)
    for extra in ('"sub":"eve"', '"s\\u0075b":"eve"', '"x":{"a":1,"a":2}'):
        payload = claims[:-1] + "," + extra + "}"
        expect_denied(gateway, engine, compact(header, payload, PLAIN.sign), "claims_not_json")


@pytest.mark.parametrize("payload", [
    "[]", '"text"', "", "{", '{"sub":"alice"} x', '{"sub":"alice",}', "{'sub':'alice'}", "null",
    '{"sub":"\\ud800"}', '{"sub":"a\x01b"}', "[" * 200 + "]" * 200,
], ids=["array", "string", "empty", "open", "rest", "comma", "quotes", "null", "surrogate", "control", "deep"])
def test_payload_that_is_no_object(gateway, engine, payload):
    token = compact('{"alg":"ES256","kid":"plain"}', payload, PLAIN.sign)
    reply = gateway.ask("GET", "/api/tags", token=token)
    assert reply.status == 401
    assert gateway.reason_of(reply) in ("claims_not_json", "segment_empty", "issuer_missing")
    engine.expect_targets()


def test_payload_that_is_no_utf_8(gateway, engine, issuer):
    claims = json.dumps(issuer.claims()).encode().replace(b"alice", b"al\xffce")
    message = f"{b64_json({'alg': 'ES256', 'kid': 'plain'})}.{b64(claims)}"
    expect_denied(gateway, engine, f"{message}.{b64(PLAIN.sign(message.encode()))}", "claims_not_json")


def mangle_last(text):
    """The same bytes in another, non-canonical spelling, if the last character has spare bits."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return text[:-1] + alphabet[alphabet.index(text[-1]) ^ 1]


def test_base64url_that_is_not_canonical(gateway, engine, issuer):
    token = issuer.token(key=PLAIN)
    header, payload, signature = token.split(".")
    assert len(signature) % 4 == 2  # four spare bits
    expect_denied(gateway, engine, f"{header}.{payload}.{mangle_last(signature)}",
                  "signature_not_base64url")
    for bad in (f"{header}=.{payload}.{signature}", f"{header}.{payload}.{signature}==",
                f"{header}.{payload}.{signature[:-3]}+/A", f"{header}.{payload}.{signature}A"):
        assert gateway.ask("GET", "/api/tags", token=bad).status == 401
    engine.requests.clear()


@pytest.mark.parametrize("change,reason", [
    (lambda h, p, s: f"{h}.{p}", "not_compact_jws"),
    (lambda h, p, s: f"{h}.{p}.{s}.{s}", "not_compact_jws"),
    (lambda h, p, s: f"{h}.{p}.{s}.{s}.{s}", "encrypted"),
    (lambda h, p, s: h, "not_compact_jws"),
    (lambda h, p, s: f"{h}.{p}.", "segment_empty"),
    (lambda h, p, s: f".{p}.{s}", "segment_empty"),
    (lambda h, p, s: f"{h}..{s}", "segment_empty"),
    (lambda h, p, s: "..", "segment_empty"),
    (lambda h, p, s: f"{h}.{p}.{s}.", "not_compact_jws"),
], ids=["two", "four", "five", "one", "no signature", "no header", "no payload", "dots", "trailing dot"])
def test_segments(gateway, engine, issuer, change, reason):
    expect_denied(gateway, engine, change(*issuer.token().split(".")), reason)


def test_ecdsa_signatures_of_other_forms(gateway, engine, issuer):
    message = issuer.token(key=PLAIN).rpartition(".")[0].encode()
    der = PLAIN.private.sign(message, ec.ECDSA(hashes.SHA256()))
    for signature in (der, b"\0" * 64, b"\0" * 32 + PLAIN.sign(message)[32:], PLAIN.sign(message)[:63],
                      PLAIN.sign(message) + b"\0", b"\xff" * 64):
        expect_denied(gateway, engine, f"{message.decode()}.{b64(signature)}", "signature_invalid")


# ---- claims ----

def now():
    return int(time.time())


class FromNow:
    """A time counted from the moment of the test, not from the one the tests were collected at."""

    def __init__(self, seconds, form=int):
        self.seconds = seconds
        self.form = form

    def __repr__(self):
        return f"now{self.seconds:+}"


def at_this_moment(changes):
    return {name: value.form(now() + value.seconds) if isinstance(value, FromNow) else value
            for name, value in changes.items()}


CLAIMS = {
    "no exp": ({"exp": None}, "exp_missing"),
    "exp that is text": ({"exp": FromNow(600, str)}, "exp_malformed"),
    "exp that is true": ({"exp": True}, "exp_malformed"),
    "exp that is an object": ({"exp": {}}, "exp_malformed"),
    "exp long ago": ({"exp": FromNow(-3600)}, "expired"),
    "exp of zero": ({"exp": 0}, "expired"),
    "exp below zero": ({"exp": -1}, "expired"),
    "nbf in the future": ({"nbf": FromNow(3600)}, "not_yet_valid"),
    "nbf that is text": ({"nbf": "0"}, "nbf_malformed"),
    "iat in the future": ({"iat": FromNow(3600)}, "issued_in_future"),
    "iat that is text": ({"iat": "0"}, "iat_malformed"),
    "no aud": ({"aud": None}, "audience_missing"),
    "aud of another": ({"aud": "https://other.example"}, "audience_mismatch"),
    "aud in another case": ({"aud": AUDIENCE.upper()}, "audience_mismatch"),
    "aud with a slash": ({"aud": AUDIENCE + "/"}, "audience_mismatch"),
    "aud that begins like ours": ({"aud": AUDIENCE[:-1]}, "audience_mismatch"),
    "aud that is empty": ({"aud": ""}, "audience_mismatch"),
    "aud of nobody": ({"aud": []}, "audience_mismatch"),
    "aud of others": ({"aud": ["a", "b"]}, "audience_mismatch"),
    "aud that is a number": ({"aud": 5}, "audience_malformed"),
    "aud with a number": ({"aud": [AUDIENCE, 5]}, "audience_malformed"),
    "no sub": ({"sub": None}, "subject_missing"),
    "sub that is empty": ({"sub": ""}, "subject_malformed"),
    "sub that is a number": ({"sub": 5}, "subject_malformed"),
    "sub that is a list": ({"sub": ["alice"]}, "subject_malformed"),
    "sub that is too long": ({"sub": "x" * 1025}, "subject_too_long"),
    "no iss": ({"iss": None}, "issuer_missing"),
    "iss that is a number": ({"iss": 5}, "issuer_missing"),
    "iss of another": ({"iss": "https://evil.example"}, "issuer_untrusted"),
    "iss that is empty": ({"iss": ""}, "issuer_untrusted"),
    "bound to a key": ({"cnf": {"jkt": "x"}}, "sender_constrained"),
    "a logout": ({"events": {}}, "not_access_token"),
}


@pytest.mark.parametrize("name", CLAIMS)
def test_claim(gateway, engine, issuer, name):
    changes, reason = CLAIMS[name]
    claims = {**issuer.claims(), **at_this_moment(changes)}
    claims = {key: value for key, value in claims.items() if value is not None}
    token = compact({"alg": "ES256", "kid": "plain"}, claims, PLAIN.sign)
    reply = gateway.ask("GET", "/api/tags", token=token)
    assert reply.status == 401
    assert gateway.reason_of(reply) == reason
    engine.expect_targets()


def test_what_is_forged_learns_nothing_of_its_claims(gateway, engine, issuer):
    """A bad signature is found before a claim is looked at."""
    token = issuer.token(key=FOREIGN, exp=1, aud="other", iat=1)
    expect_denied(gateway, engine, token, "signature_invalid")


@pytest.mark.parametrize("changes", [
    {"exp": FromNow(-30)}, {"nbf": FromNow(30)}, {"iat": FromNow(30)}, {"iat": None, "nbf": None},
    {"exp": FromNow(600.5, float)}, {"exp": 4.1e9}, {"nbf": 0},
    {"aud": [AUDIENCE]}, {"aud": ["a", AUDIENCE, "b"]},
    {"scope": "chat:run", "client_id": "c", "jti": "1", "act": {"sub": "agent"}},
], ids=str)
def test_claims_that_are_fine(gateway, engine, issuer, changes):
    """Leeway is 60 s each way; iat and nbf may be absent; numbers may have fractions."""
    expect_accepted(gateway, engine, issuer.token(**at_this_moment(changes)))


def test_leeway_ends(gateway, engine, issuer):
    expect_denied(gateway, engine, issuer.token(exp=now() - 62), "expired")
    expect_denied(gateway, engine, issuer.token(nbf=now() + 65), "not_yet_valid")


def test_several_audiences(start_gateway, engine, issuer):
    gateway = start_gateway(OIDC_AUD="one, two")
    expect_accepted(gateway, engine, issuer.token(aud="one"))
    expect_accepted(gateway, engine, issuer.token(aud=["x", "two"]))
    reply = gateway.ask("GET", "/api/tags", token=issuer.token())
    assert reply.status == 401


# ---- the cache ----

def test_a_token_ends_although_it_is_remembered(gateway, engine, issuer):
    """Verified, remembered, and denied once exp and leeway are over."""
    exp = now() - 58
    token = issuer.token(exp=exp)
    client = gateway.connect()
    assert client.ask("GET", "/api/tags", token=token).status == 200
    deadline = time.monotonic() + 10
    while client.ask("GET", "/api/tags", token=token).status == 200:
        assert time.monotonic() < deadline, "an expired token was accepted from the cache"
        time.sleep(0.05)
    assert time.time() >= exp + 60


def test_remembered_tokens_do_not_meet(gateway, engine, issuer):
    """Tokens that differ in one character only, over and over on one connection."""
    client = gateway.connect()
    tokens = {f"user-{number}": issuer.token(f"user-{number}") for number in range(50)}
    for _ in range(3):
        for user, token in tokens.items():
            assert client.ask("GET", "/api/tags", token=token).field("X-Attach-User") == user
            broken = token[:-20] + ("A" if token[-20] != "A" else "B") + token[-19:]
            assert client.ask("GET", "/api/tags", token=broken).status == 401


def test_without_the_cache_the_answers_are_the_same(start_gateway, engine, issuer):
    gateway = start_gateway(TOKEN_CACHE_ENTRIES="0")
    token = issuer.token()
    for _ in range(3):
        expect_accepted(gateway, engine, token)


def test_a_cache_that_is_full(start_gateway, engine, issuer):
    gateway = start_gateway(TOKEN_CACHE_ENTRIES="4", WORKERS="1")
    tokens = {f"user-{number}": issuer.token(f"user-{number}") for number in range(20)}
    client = gateway.connect()
    for _ in range(2):
        for user, token in tokens.items():
            assert client.ask("GET", "/api/tags", token=token).field("X-Attach-User") == user


# ---- issuers ----

@pytest.fixture
def two_issuers():
    first, second = Issuer(keys=[Key("ES256", "a", 31)]), Issuer(keys=[Key("ES256", "b", 32)])
    yield first, second
    first.close()
    second.close()


def test_users_of_further_issuers_carry_their_issuer(start_gateway, engine, two_issuers):
    first, second = two_issuers
    gateway = start_gateway(OIDC_ISSUER=f"{first.url},{second.url}")
    expect_accepted(gateway, engine, first.token("alice"))
    expect_accepted(gateway, engine, second.token("alice"), f"{second.url}|alice")


def test_a_key_serves_its_own_issuer_alone(start_gateway, engine, two_issuers):
    first, second = two_issuers
    gateway = start_gateway(OIDC_ISSUER=f"{first.url},{second.url}", JWKS_COOLDOWN="100ms")
    token = second.token("alice", iss=first.url)
    reply = gateway.ask("GET", "/api/tags", token=token)
    assert reply.status == 401 and gateway.reason_of(reply) == "key_unknown"
    engine.expect_targets()


def test_the_same_kid_at_two_issuers(start_gateway, engine):
    first, second = Issuer(keys=[Key("ES256", "k", 33)]), Issuer(keys=[Key("ES256", "k", 34)])
    gateway = start_gateway(OIDC_ISSUER=f"{first.url},{second.url}")
    expect_accepted(gateway, engine, first.token("alice"))
    expect_accepted(gateway, engine, second.token("alice"), f"{second.url}|alice")
    reply = gateway.ask("GET", "/api/tags", token=second.token("alice", iss=first.url))
    assert reply.status == 401
    first.close()
    second.close()


def test_a_subject_that_imitates_another_issuers_user(start_gateway, engine, two_issuers):
    first, second = two_issuers
    gateway = start_gateway(OIDC_ISSUER=f"{first.url},{second.url}")
    expect_denied(gateway, engine, first.token(f"{second.url}|alice"), "user_ambiguous")


@pytest.mark.parametrize("configured,claimed,document", [
    ("", "", ""), ("/", "", ""), ("", "/", "/"), ("/", "/", "/"), ("", "/", ""), ("/", "", "/"),
    ("/realms/x", "/realms/x/", "/realms/x"),
])
def test_one_trailing_slash_is_forgiven(start_gateway, engine, configured, claimed, document):
    issuer = Issuer(path=configured.rstrip("/"))
    issuer.document_extra = {"issuer": issuer.origin + document}
    gateway = start_gateway(OIDC_ISSUER=issuer.origin + configured)
    expect_accepted(gateway, engine, issuer.token(iss=issuer.origin + claimed))
    for wrong in ("//", "/x", "?", "#"):
        token = issuer.token(iss=issuer.origin + claimed + wrong)
        assert gateway.ask("GET", "/api/tags", token=token).status == 401, wrong
    issuer.close()


def test_the_issuer_is_compared_exactly(gateway, engine, issuer):
    for iss in (issuer.url.replace("http", "HTTP"), issuer.url.replace("127.0.0.1", "localhost"),
                " " + issuer.url, issuer.url + "\0", issuer.url[:-1]):
        expect_denied(gateway, engine, issuer.token(iss=iss), "issuer_untrusted")


def test_discovery_of_rfc_8414(start_gateway, engine):
    issuer = Issuer(path="/tenant")
    issuer.override("discovery", 404)
    gateway = start_gateway(OIDC_ISSUER=issuer.url)
    expect_accepted(gateway, engine, issuer.token())
    assert issuer.targets[:3] == ["/tenant/.well-known/openid-configuration",
                                  "/.well-known/oauth-authorization-server/tenant",
                                  "/tenant/the-keys"]
    issuer.close()

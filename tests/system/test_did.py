# SPDX-License-Identifier: MIT
"""Callers that prove themselves with a DID: who is let in and as whom, and everything that is refused, each for a
reason of its own that the log has and the client does not learn."""
import hashlib
import json
import threading
import time

import pytest

from harness import dids, keys
from harness.dids import AUDIENCE, ORDER, base58, did_key, moment, raw, sign_hash
from harness.gateway import Gateway, run_command
from harness.keys import Key, b64, b64_json
from test_did_web import DidHost

DOMAIN = "llm.test"
TARGET = "/api/tags"
L = 2**252 + 27742317777372353535851937790883648493  # the order of Ed25519's base point

ED, ED2 = dids.Ed25519("one"), dids.Ed25519("two")
P256, P384, P521 = (dids.Curve(alg, alg) for alg in ("ES256", "ES384", "ES512"))
K256 = dids.Secp256k1("key")
WALLET, OTHER_WALLET = dids.Wallet("wallet"), dids.Wallet("other")
SOLANA = dids.Solana("solana")
JWK_ED, JWK_P256 = dids.JwkEd25519("jwk"), dids.JwkP256("jwk")

CALLERS = {"did:key Ed25519": ED, "did:key P-256": P256, "did:key P-384": P384, "did:key P-521": P521,
           "did:key secp256k1": K256, "did:pkh eip155": WALLET, "did:pkh solana": SOLANA,
           "did:jwk Ed25519": JWK_ED, "did:jwk P-256": JWK_P256}


def options(**changes):
    return {"OIDC_ISSUER": None, "OIDC_AUD": None, "DID_ALLOW": "*", "DID_AUD": AUDIENCE, **changes}


@pytest.fixture(scope="module")
def module_gateway(module_engine, tmp_path_factory):
    """The one of `gateway`: every DID may call, and no provider is needed."""
    gateway = Gateway(tmp_path_factory.mktemp("gateway"),
                      options(ENGINE_URL=module_engine.url, PUBLIC_URL=f"https://{DOMAIN}"))
    gateway.wait_ready()
    yield gateway
    gateway.stop()


@pytest.fixture
def start(start_gateway):
    return lambda **changes: start_gateway(**options(**changes))


def ask(gateway, token, **arguments):
    return gateway.ask("GET", TARGET, token=token, **arguments)


def expect_user(gateway, engine, token, user):
    reply = ask(gateway, token)
    assert reply.status == 200, gateway.reason_of(reply)
    request = engine.take_request()
    assert request.field("X-Attach-User") == reply.field("X-Attach-User") == user
    assert not request.fields.has("Authorization")


def told(reply):
    """All that a client sees but what is another each time."""
    pairs = [pair for pair in reply.fields if pair[0] not in ("Date", "X-Request-Id")]
    return reply.status, pairs, reply.body


def expect_denied(gateway, engine, token, reason, status=401):
    before = len(engine.requests)
    reply = ask(gateway, token)
    assert gateway.reason_of(reply) == reason
    assert reply.status == status
    assert len(engine.requests) == before
    return reply


# ---- who is let in, and as whom ----

@pytest.mark.parametrize("name", CALLERS)
def test_a_jwt_of_a_did_is_that_did(gateway, engine, name):
    caller = CALLERS[name]
    expect_user(gateway, engine, caller.jwt(), caller.did)


@pytest.mark.parametrize("name", CALLERS)
def test_a_token_that_begins_with_the_did_is_that_did(gateway, engine, name):
    caller = CALLERS[name]
    expect_user(gateway, engine, caller.prefixed(), caller.did)
    expect_user(gateway, engine, caller.prefixed(payload=b64_json(caller.claims())), caller.did)


def test_a_sign_in_message_is_its_wallet(gateway, engine):
    expect_user(gateway, engine, WALLET.sign_in(DOMAIN), WALLET.did)
    elsewhere = dids.Wallet("wallet", chain=137)
    expect_user(gateway, engine, elsewhere.sign_in(DOMAIN), elsewhere.did)
    expect_user(gateway, engine, WALLET.sign_in(DOMAIN, URI=f"https://{DOMAIN}/api?x=y"), WALLET.did)


@pytest.mark.parametrize("alg", ["ES256K", "ES256K-R"])
def test_both_algorithms_of_a_wallet(gateway, engine, alg):
    def sign(message):
        r, s, recovery = WALLET.numbers(message)
        return raw(r, s) if alg == "ES256K" else raw(r, s, recovery)
    expect_user(gateway, engine, WALLET.jwt({"alg": alg}, sign), WALLET.did)


def test_ed25519_has_two_names(gateway, engine):
    expect_user(gateway, engine, ED.jwt({"alg": "Ed25519"}), ED.did)


@pytest.mark.parametrize("with_27", [False, True])
def test_both_ways_to_write_a_recovery_id(gateway, engine, with_27):
    def sign(message):
        r, s, recovery = WALLET.personal(message)
        return raw(r, s, recovery + (27 if with_27 else 0))
    expect_user(gateway, engine, WALLET.prefixed(sign=sign), WALLET.did)


def test_p_curves_have_no_rule_about_s(gateway, engine):
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

    def sign(message, larger):
        r, s = P256.numbers(message)
        s = max(s, order - s) if larger else min(s, order - s)
        return raw(r, s)
    for larger in (False, True):
        token = P256.jwt(sign=lambda message, larger=larger: sign(message, larger))
        expect_user(gateway, engine, token, P256.did)


SPELLINGS = {
    "u form": (ED, ED.did_u, ED.did),
    "version": (ED, ED.did.replace("did:key:", "did:key:1:"), ED.did),
    "lower case address": (WALLET, WALLET.did.lower(), WALLET.did),
    "upper case address": (WALLET, f"did:pkh:eip155:1:0x{WALLET.address[2:].upper()}", WALLET.did),
    "old name of solana": (SOLANA, SOLANA.did_old, SOLANA.did),
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_one_caller_is_one_user_however_spelled(gateway, engine, name):
    caller, written, user = SPELLINGS[name]
    expect_user(gateway, engine, caller.jwt(iss=written), user)
    expect_user(gateway, engine, caller.prefixed(did=written), user)
    expect_user(gateway, engine, caller.prefixed(did=written, payload=b64_json(caller.claims())), user)


def fragment_of(caller):
    return (caller.did.removeprefix("did:key:") if caller.did.startswith("did:key:") else
            "blockchainAccountId" if caller.did.startswith("did:pkh:") else "0")


@pytest.mark.parametrize("name", CALLERS)
def test_iss_and_kid_may_name_the_key(gateway, engine, name):
    caller = CALLERS[name]
    url = f"{caller.did}#{fragment_of(caller)}"
    for token in (caller.jwt(iss=url), caller.jwt({"kid": url}), caller.jwt({"kid": url}, iss=url),
                  caller.jwt({"kid": "#" + fragment_of(caller)})):
        expect_user(gateway, engine, token, caller.did)


def test_the_session_is_that_of_the_user(gateway, engine):
    def expected(agent):
        return hashlib.sha256(f"{WALLET.did}:{agent}".encode()).hexdigest()[:16]
    for token in (WALLET.jwt(), WALLET.jwt(iss=WALLET.did.lower()), WALLET.sign_in(DOMAIN)):
        reply = ask(gateway, token, fields=[("User-Agent", "agent/1")])
        assert reply.field("X-Attach-Session") == expected("agent/1")
        assert engine.take_request().field("X-Attach-Session") == expected("agent/1")
        reply = ask(gateway, token, fields=[("User-Agent", "agent/1"), ("X-Attach-Session", "mine")])
        assert reply.field("X-Attach-Session") == expected("mine")
        engine.take_request()


def test_callers_on_one_connection_stay_apart(gateway, engine):
    """Accepted, denied and remembered tokens in turn: each answer is about its own request."""
    tokens = [(ED.jwt(), 200, ED.did), (ED2.did, 401, None), (WALLET.jwt(), 200, WALLET.did),
              (K256.jwt(aud="x"), 401, None), (P256.prefixed(), 200, P256.did)]
    with gateway.connect() as client:
        for token, status, user in tokens * 3:
            reply = client.ask("GET", TARGET, token=token)
            assert reply.status == status
            if status == 200:
                assert reply.field("X-Attach-User") == user
            else:
                assert not reply.fields.has("X-Attach-User")
    users = [request.field("X-Attach-User") for request in engine.requests]
    assert users == [user for _, _, user in tokens * 3 if user]


# ---- what is refused, and why: the DID ----

X25519_KEY = b"\xec\x01" + ED.public
WEAK_KEY = b"\xed\x01\x01" + bytes(31)  # the identity: anybody can sign with it
NOT_CANONICAL_KEY = b"\xed\x01\xee" + b"\xff" * 30 + b"\x7f"  # the same in its second form
MIXED = WALLET.address[2:].swapcase()
PRIVATE_JWK = {**ED.jwk(), "d": b64(bytes(32))}

BAD_DIDS = {
    "did_malformed": ["did:", "did:key", "did:key:", "did::z6Mk", "did:web:127.0.0.1",
                      "did:web:example.com%2F"],
    "did_too_long": ["did:key:z" + "1" * 2048, "did:example:" + "x" * 4000],
    "did_method_unsupported": ["did:example:123", "did:ethr:0x1", "did:KEY:" + ED.did[8:]],
    "did_key_version": [ED.did.replace("did:key:", "did:key:2:")],
    "did_key_multibase": ["did:key:z6Mk0OIl", "did:key:z6Mk+/", "did:key:mAAAA", "did:key:z",
                          ED.did + "!", ED.did_u + "="],
    "did_key_multicodec": [did_key(b"\x55\x01" + ED.public), did_key(b"\xed\x81\x00" + ED.public),
                           did_key(ED.public[:1])],
    "did_key_length": [did_key(b"\xed\x01" + ED.public[1:]), did_key(b"\xed\x01" + ED.public + b"\0"),
                       did_key(b"\xed\x01" + bytes(400)), did_key(b"\xe7\x01" + b"\x02" + bytes(31))],
    "did_key_agreement": [did_key(X25519_KEY)],
    "did_key_rsa": [did_key(b"\x85\x24" + bytes(270))],
    "did_key_bls": [did_key(b"\xeb\x01" + bytes(96))],
    "did_key_weak": [did_key(WEAK_KEY)],
    "did_key_not_a_point": [did_key(NOT_CANONICAL_KEY), did_key(b"\xe7\x01\x04" + bytes(32))],
    "did_pkh_alias": [f"did:pkh:eth:{WALLET.address}"],
    "did_pkh_namespace": ["did:pkh:bip122:000000000019d6689c085ae165831e93:128Lkh3S7CkDTBZ8W7BbpsN3YYizJMp8p6",
                          "did:pkh:tezos:NetXdQprcVkpaWU:tz1TzrmTBSuiVHV2VfMnGRMYvTEPCP42oSM8"],
    "did_pkh_chain": [f"did:pkh:eip155:01:{WALLET.address}", f"did:pkh:eip155:x:{WALLET.address}",
                      f"did:pkh:solana:devnet:{base58(SOLANA.public)}"],
    "did_pkh_address": ["did:pkh:eip155:1:0x123", f"did:pkh:eip155:1:{WALLET.address[2:]}",
                        f"did:pkh:solana:{dids.SOLANA}:{base58(SOLANA.public[1:])}"],
    "did_pkh_checksum": [f"did:pkh:eip155:1:0x{MIXED}"],
    "did_jwk_malformed": ["did:jwk:e30=", "did:jwk:W10", "did:jwk:!"],
    "did_jwk_private": ["did:jwk:" + b64_json(PRIVATE_JWK)],
}


@pytest.mark.parametrize("reason,did", [(reason, did) for reason, texts in BAD_DIDS.items()
                                        for did in texts], ids=lambda value: value[:60])
def test_dids_that_prove_nobody(gateway, engine, reason, did):
    reply = expect_denied(gateway, engine, ED.jwt(iss=did), reason)
    assert told(reply) == told(ask(gateway, ED.jwt(sign=ED2.sign)))
    if "+" not in did and "!" not in did and "%" not in did and "=" not in did:  # no bearer token has those
        expect_denied(gateway, engine, ED.prefixed(did=did), reason)


def test_unusable_points_and_keys(gateway, engine):
    """Known to be none only when a signature is to be verified."""
    not_on_the_curve = did_key(b"\xe7\x01\x02" + (5).to_bytes(32, "big"))
    expect_denied(gateway, engine, K256.jwt(iss=not_on_the_curve), "did_key_not_a_point")
    jwk = {"kty": "EC", "crv": "P-256", "x": b64(bytes(32)), "y": b64(bytes(32))}
    expect_denied(gateway, engine, P256.jwt(iss="did:jwk:" + b64_json(jwk)), "did_jwk_unfit")
    for more in ({"use": "enc"}, {"key_ops": ["sign"]}):
        jwk = {**JWK_ED.jwk(), **more}
        expect_denied(gateway, engine, JWK_ED.jwt(iss="did:jwk:" + b64_json(jwk)), "did_jwk_unfit")


# ---- what is refused, and why: the token ----

def flipped(signature, bit=0):
    return bytes([signature[0] ^ 1]) + signature[1:] if bit == 0 else signature[:-1] + bytes([signature[-1] ^ 1])


def k256_numbers(change):
    """Signs as K256 does, with (r, s) changed."""
    return lambda message: raw(*change(*K256.numbers(message)[:2]))


def wallet_numbers(change):
    """Signs a JWT as WALLET does, with (r, s, v) changed."""
    return lambda message: raw(*change(*WALLET.numbers(message)))


def personal_numbers(change):
    return lambda message: raw(*change(*WALLET.personal(message)))


def s_not_reduced(message):
    signature = ED.sign(message)
    return signature[:32] + (int.from_bytes(signature[32:], "little") + L).to_bytes(32, "little")


def der_of(caller):
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
    return lambda message: encode_dss_signature(*caller.numbers(message)[:2])


def raw_hash(message):
    r, s, recovery = sign_hash(WALLET.secret, dids.keccak(message))
    return raw(r, s, 27 + recovery)


BAD_SIGNATURES = {
    "signature_invalid": {
        "another's key": lambda: ED.jwt(sign=ED2.sign),
        "another wallet": lambda: WALLET.jwt(sign=OTHER_WALLET.sign),
        "another wallet's personal_sign": lambda: WALLET.prefixed(sign=OTHER_WALLET.sign_bare),
        "the other recovery id": lambda: WALLET.jwt(sign=wallet_numbers(lambda r, s, v: (r, s, 1 - v))),
        "another message": lambda: ED.jwt(sign=lambda message: ED.sign(message + b".")),
        "SHA-256 for personal_sign": lambda: WALLET.prefixed(sign=WALLET.sign),
        "personal_sign for SHA-256": lambda: WALLET.jwt(sign=personal_numbers(lambda r, s, v: (r, s, v))),
        "the payload of another": lambda: ".".join([*ED.jwt().split(".")[:1], ED.jwt(sub="x").split(".")[1],
                                                    ED.jwt().split(".")[2]]),
    },
    "signature_raw_hash": {"no EIP-191": lambda: WALLET.prefixed(sign=raw_hash)},
    "signature_high_s": {
        "ES256K": lambda: K256.jwt(sign=k256_numbers(lambda r, s: (r, ORDER - s))),
        "ES256K-R": lambda: WALLET.jwt(sign=wallet_numbers(lambda r, s, v: (r, ORDER - s, 1 - v))),
        "EIP-191": lambda: WALLET.prefixed(sign=personal_numbers(lambda r, s, v: (r, ORDER - s, 28 - v))),
    },
    "signature_range": {
        "r 0": lambda: K256.jwt(sign=k256_numbers(lambda r, s: (0, s))),
        "s 0": lambda: K256.jwt(sign=k256_numbers(lambda r, s: (r, 0))),
        "r the order": lambda: K256.jwt(sign=k256_numbers(lambda r, s: (ORDER, s))),
        "s beyond": lambda: WALLET.jwt(sign=wallet_numbers(lambda r, s, v: (r, 2**256 - 1, v))),
        "P-256 r 0": lambda: P256.jwt(sign=lambda message: bytes(32) + P256.sign(message)[32:]),
        "P-521 s beyond": lambda: P521.jwt(sign=lambda message: P521.sign(message)[:66] + b"\xff" * 66),
        "EIP-191 r the order": lambda: WALLET.prefixed(sign=personal_numbers(lambda r, s, v: (ORDER, s, v))),
    },
    "signature_length": {
        "ES256K 63": lambda: K256.jwt(sign=lambda message: K256.sign(message)[:63]),
        "ES256K 65": lambda: K256.jwt(sign=lambda message: K256.sign(message) + b"\0"),
        "ES256K-R 64": lambda: WALLET.jwt(sign=lambda message: WALLET.sign(message)[:64]),
        "ES256K-R 66": lambda: WALLET.jwt(sign=lambda message: WALLET.sign(message) + b"\0"),
        "EIP-191 64": lambda: WALLET.prefixed(sign=lambda message: WALLET.sign_bare(message)[:64]),
        "EIP-191 66": lambda: WALLET.prefixed(sign=lambda message: WALLET.sign_bare(message) + b"\0"),
        "EdDSA 63": lambda: ED.jwt(sign=lambda message: ED.sign(message)[:63]),
        "EdDSA 128": lambda: ED.jwt(sign=lambda message: ED.sign(message) * 2),
        "ES256 63": lambda: P256.jwt(sign=lambda message: P256.sign(message)[:63]),
    },
    "signature_der": {
        "ES256": lambda: P256.jwt(sign=P256.der),
        "ES512": lambda: P521.jwt(sign=P521.der),
        "ES256K": lambda: K256.jwt(sign=der_of(K256)),
        "ES256K-R": lambda: WALLET.jwt(sign=der_of(WALLET)),
    },
    "signature_recovery_id": {
        **{f"v {v}": lambda v=v: WALLET.prefixed(sign=personal_numbers(lambda r, s, _: (r, s, v)))
           for v in (2, 3, 26, 29, 35, 36, 37, 255)},
        "ES256K-R 2": lambda: WALLET.jwt(sign=wallet_numbers(lambda r, s, v: (r, s, 2))),
    },
    "signature_s_not_reduced": {"EdDSA": lambda: ED.jwt(sign=s_not_reduced),
                                "prefixed": lambda: ED.prefixed(sign=s_not_reduced)},
    "signature_not_base64url": {"padded": lambda: ED.jwt() + "=", "of no length": lambda: ED.jwt() + "AAA"},
    "segment_empty": {"no signature": lambda: ED.prefixed(sign=lambda _: b""),
                      "no payload": lambda: ED.prefixed(payload="")},
    "alg_unfit": {
        "ES256 for Ed25519": lambda: ED.jwt({"alg": "ES256"}),
        "EdDSA for P-256": lambda: P256.jwt({"alg": "EdDSA"}),
        "ES384 for P-256": lambda: P256.jwt({"alg": "ES384"}),
        "ES256K for P-256": lambda: P256.jwt({"alg": "ES256K"}),
        "ES256K-R for did:key": lambda: K256.jwt({"alg": "ES256K-R"},
                                                 lambda message: raw(*K256.numbers(message))),
        "ES256 for a wallet": lambda: WALLET.jwt({"alg": "ES256"}),
        "RS256": lambda: ED.jwt({"alg": "RS256"}),
    },
    "alg_not_allowed": {alg: lambda alg=alg: ED.jwt({"alg": alg}) for alg in ("none", "HS256", "es256k", "Ed448")},
    "alg_missing": {"no alg": lambda: ED.jwt({"alg": None})},
    "header_jwk": {"its own key": lambda: ED.jwt({"jwk": ED.jwk()})},
    "header_jku": {"a place": lambda: ED.jwt({"jku": "https://id.test/keys"})},
    "header_crit": {"crit": lambda: ED.jwt({"crit": ["exp"], "exp": 1})},
    "typ_not_accepted": {typ: lambda typ=typ: ED.jwt({"typ": typ})
                         for typ in ("at+jwt", "dpop+jwt", "openid4vci-proof+jwt", "")},
    "kid_of_another": {
        "another DID": lambda: ED.jwt({"kid": f"{ED2.did}#{fragment_of(ED2)}"}),
        "another key": lambda: ED.jwt({"kid": f"{ED.did}#key-1"}),
        "no fragment": lambda: ED.jwt({"kid": ED.did}),
        "no DID": lambda: ED.jwt({"kid": "k1"}),
        "not that of iss": lambda: ED.jwt({"kid": f"{ED.did}#{fragment_of(ED)}"}, iss=ED.did + "#x"),
        "fragment of iss": lambda: ED.jwt(iss=f"{ED.did}#{fragment_of(ED2)}"),
        "the wallet on another chain": lambda: WALLET.jwt(
            {"kid": f"did:pkh:eip155:137:{WALLET.address}#blockchainAccountId"}),
    },
    "issuer_not_the_did": {
        "another DID": lambda: ED.prefixed(payload=b64_json(ED.claims(iss=ED2.did))),
        "no DID": lambda: ED.prefixed(payload=b64_json(ED.claims(iss="https://id.test"))),
        "the wallet on another chain": lambda: WALLET.prefixed(
            payload=b64_json(WALLET.claims(iss=f"did:pkh:eip155:137:{WALLET.address}"))),
    },
    "claims_not_json": {"a text": lambda: ED.prefixed(payload=b64(b"hello")),
                        "twice": lambda: ED.prefixed(payload=b64(b'{"exp":1,"exp":2}')),
                        "an array": lambda: ED.prefixed(payload=b64(b"[]"))},
    "did_without_signature": {"bare key": lambda: ED.did, "bare wallet": lambda: WALLET.did,
                              "two parts": lambda: f"{ED.did}.{b64_json(ED.claims())}",
                              "the original's example": lambda: "did:key:zabc"},
}


@pytest.mark.parametrize("reason,name", [(reason, name) for reason, cases in BAD_SIGNATURES.items()
                                         for name in cases])
def test_tokens_that_prove_nobody(gateway, engine, reason, name):
    reply = expect_denied(gateway, engine, BAD_SIGNATURES[reason][name](), reason)
    assert told(reply) == told(ask(gateway, ED.jwt(sign=ED2.sign)))
    assert reply.detail == "Invalid token"


@pytest.mark.parametrize("name", CALLERS)
def test_one_bit_of_a_signature(gateway, name):
    caller = CALLERS[name]
    for make, sign in ((caller.jwt, caller.sign), (caller.prefixed, caller.sign_bare)):
        for bit in (0, 1):
            token = make(sign=lambda message, sign=sign, bit=bit: flipped(sign(message), bit))
            assert ask(gateway, token).status == 401


# ---- claims ----

def now(offset=0):
    return int(time.time()) + offset


BAD_CLAIMS = {
    "exp_missing": lambda: {"exp": None},
    "exp_malformed": lambda: {"exp": "tomorrow"},
    "nbf_malformed": lambda: {"nbf": "now"},
    "iat_malformed": lambda: {"iat": "now"},
    "not_yet_valid": lambda: {"nbf": now(250)},
    "issued_in_future": lambda: {"iat": now(250)},
    "lifetime_too_long": lambda: {"iat": now(), "exp": now(3700)},
    "times_unordered": lambda: {"iat": now(), "exp": now()},
    "audience_missing": lambda: {"aud": None},
    "audience_malformed": lambda: {"aud": 1},
    "audience_mismatch": lambda: {"aud": ["somebody", "else"]},
    "sender_constrained": lambda: {"cnf": {"jkt": "x"}},
    "not_access_token": lambda: {"events": {}},
    "credential_not_token": lambda: {"vc": {}},
    "replay_id_malformed": lambda: {"jti": ""},
}


@pytest.mark.parametrize("reason", BAD_CLAIMS)
def test_claims_that_are_refused(gateway, engine, reason):
    for caller in (ED, WALLET):
        for token in (caller.jwt(**BAD_CLAIMS[reason]()), caller.prefixed(**BAD_CLAIMS[reason]())):
            reply = expect_denied(gateway, engine, token, reason)
            assert reply.detail == "Invalid token"


def test_an_expired_token_is_told_so(gateway, engine):
    for token in (ED.jwt(iat=now(-600), exp=now(-120)), ED.prefixed(iat=now(-600), exp=now(-120)),
                  WALLET.sign_in(DOMAIN, Issued_At=moment(now(-600)), Expiration_Time=moment(now(-120)))):
        assert expect_denied(gateway, engine, token, "expired").detail == "Token has expired"


def test_claims_of_a_forged_token_are_not_told(gateway, engine):
    token = ED.jwt(sign=ED2.sign, iat=now(-600), exp=now(-120))
    assert expect_denied(gateway, engine, token, "signature_invalid").detail == "Invalid token"


def test_the_longest_lifetime_is_an_option(start, engine):
    gateway = start(DID_MAX_TTL="2h")
    expect_user(gateway, engine, ED.jwt(iat=now(), exp=now(7200)), ED.did)
    expect_denied(gateway, engine, ED.jwt(iat=now(), exp=now(7201)), "lifetime_too_long")
    gateway = start(DID_MAX_TTL="1m")
    expect_user(gateway, engine, ED.jwt(iat=now(), exp=now(60)), ED.did)
    expect_denied(gateway, engine, ED.jwt(iat=now(), exp=now(61)), "lifetime_too_long")
    expect_denied(gateway, engine, ED.jwt(iat=None, exp=now(600)), "lifetime_too_long")


@pytest.mark.parametrize("own,others,good,bad", [
    ("a,b", None, ["a", "b", ["x", "b"]], ["x", AUDIENCE, "A", ""]),
    ("a", "b", ["a"], ["b"]),
    (None, "b,c", ["b", "c"], ["a", "attach-gateway"]),
])
def test_audiences(start, engine, own, others, good, bad):
    gateway = start(DID_AUD=own, OIDC_AUD=others)
    for audience in good:
        expect_user(gateway, engine, ED.jwt(aud=audience), ED.did)
    for audience in bad:
        expect_denied(gateway, engine, ED.jwt(aud=audience), "audience_mismatch")


# ---- sign-in messages ----

def of_other(text):
    """<text>, signed by WALLET."""
    return f"{WALLET.did}.{b64(text)}.{b64(WALLET.sign_bare(text))}"


BAD_SIGN_INS = {
    "siwe_domain": {"another domain": lambda: WALLET.sign_in("evil.test"),
                    "a port": lambda: WALLET.sign_in(DOMAIN + ":8443"),
                    "its end": lambda: WALLET.sign_in("evil." + DOMAIN),
                    "a scheme": lambda: of_other(b"http://" + WALLET.sign_in_text(DOMAIN))},
    "siwe_uri": {"another host": lambda: WALLET.sign_in(DOMAIN, URI="https://evil.test"),
                 "its beginning": lambda: WALLET.sign_in(DOMAIN, URI=f"https://{DOMAIN}.evil.test"),
                 "http": lambda: WALLET.sign_in(DOMAIN, URI=f"http://{DOMAIN}")},
    "siwe_chain": {"another chain": lambda: WALLET.sign_in(DOMAIN, Chain_ID=137),
                   "the DID's": lambda: dids.Wallet("wallet", 137).sign_in(DOMAIN, Chain_ID=1)},
    "siwe_address": {"another's": lambda: of_other(WALLET.sign_in_text(DOMAIN, OTHER_WALLET.address))},
    "siwe_expiration_missing": {"for ever": lambda: WALLET.sign_in(DOMAIN, Expiration_Time=None)},
    "not_yet_valid": {"begins later": lambda: WALLET.sign_in(DOMAIN, Not_Before=moment(now(250)))},
    "issued_in_future": {"later": lambda: WALLET.sign_in(DOMAIN, Issued_At=moment(now(250)))},
    "lifetime_too_long": {"a day": lambda: WALLET.sign_in(DOMAIN, Expiration_Time=moment(now(86400)))},
    "siwe_malformed": {
        "version 2": lambda: WALLET.sign_in(DOMAIN, Version="2"),
        "short nonce": lambda: WALLET.sign_in(DOMAIN, Nonce="abc"),
        "no nonce": lambda: WALLET.sign_in(DOMAIN, Nonce=None),
        "no time": lambda: WALLET.sign_in(DOMAIN, Issued_At="yesterday"),
        "no such day": lambda: WALLET.sign_in(DOMAIN, Issued_At="2026-02-30T00:00:00Z"),
        "lower case address": lambda: of_other(WALLET.sign_in_text(DOMAIN, WALLET.address.lower())),
        "a line too many": lambda: of_other(WALLET.sign_in_text(DOMAIN) + b"\nX: y"),
        "a line end": lambda: of_other(WALLET.sign_in_text(DOMAIN) + b"\n"),
        "CR LF": lambda: of_other(WALLET.sign_in_text(DOMAIN).replace(b"\n", b"\r\n")),
        "any text": lambda: of_other(b"I like this picture"),
        "two statements": lambda: of_other(WALLET.sign_in_text(DOMAIN, statement="a\nb")),
    },
    "signature_invalid": {
        "one letter": lambda: ".".join([WALLET.did, b64(WALLET.sign_in_text(DOMAIN, statement="let me in.")),
                                        WALLET.sign_in(DOMAIN).split(".")[2]]),
        "signed with the DID before it": lambda: WALLET.prefixed(payload=b64(WALLET.sign_in_text(DOMAIN))),
    },
    "claims_not_json": {"a did:key": lambda: ED.prefixed(payload=b64(WALLET.sign_in_text(DOMAIN)))},
}


@pytest.mark.parametrize("reason,name", [(reason, name) for reason, cases in BAD_SIGN_INS.items()
                                         for name in cases])
def test_sign_in_messages_that_are_refused(gateway, engine, reason, name):
    reply = expect_denied(gateway, engine, BAD_SIGN_INS[reason][name](), reason)
    assert told(reply) == told(ask(gateway, ED.jwt(sign=ED2.sign)))


def test_sign_in_messages_need_a_name_of_the_gateway(start, engine):
    gateway = start()
    expect_denied(gateway, engine, WALLET.sign_in(DOMAIN), "siwe_without_public_url")
    gateway = start(PUBLIC_URL=f"https://{DOMAIN}:8443/gateway")
    expect_user(gateway, engine, WALLET.sign_in(f"{DOMAIN}:8443"), WALLET.did)
    expect_denied(gateway, engine, WALLET.sign_in(DOMAIN), "siwe_domain")


# ---- who may ----

def test_nobody_may_unless_somebody_is_named(start_gateway, engine, token):
    gateway = start_gateway()  # of an OIDC issuer alone
    assert ask(gateway, token).status == 200
    engine.take_request()
    for good in (ED.jwt(), WALLET.prefixed(), WALLET.sign_in(DOMAIN)):
        expect_denied(gateway, engine, good, "did_off")
    expect_denied(gateway, engine, ED.did, "did_without_signature")


@pytest.mark.parametrize("allow,callers,others", [
    (ED.did, [ED], [ED2, WALLET, K256, JWK_ED]),
    (f"{ED.did},{WALLET.did}", [ED, WALLET], [ED2, OTHER_WALLET, SOLANA]),
    (WALLET.did.lower(), [WALLET], [OTHER_WALLET, ED]),
    (ED.did_u, [ED], [ED2]),
    (SOLANA.did_old, [SOLANA], [WALLET]),
    ("did:key:*", [ED, ED2, P256, K256], [WALLET, SOLANA, JWK_ED]),
    ("did:pkh:*", [WALLET, SOLANA], [ED, JWK_ED]),
    ("did:pkh:eip155:*", [WALLET], [SOLANA, ED]),
    ("did:pkh:eip155:137:*", [dids.Wallet("wallet", 137)], [WALLET, dids.Wallet("wallet", 1370)]),
    ("did:jwk:*,did:pkh:solana:*", [JWK_ED, JWK_P256, SOLANA], [ED, WALLET]),
    ("did:web:*", [], [ED, WALLET, JWK_ED]),
], ids=lambda value: value[:40] if isinstance(value, str) else "")
def test_who_may_call(start, engine, allow, callers, others):
    gateway = start(DID_ALLOW=allow)
    for caller in callers:
        expect_user(gateway, engine, caller.jwt(), caller.did)
        expect_user(gateway, engine, caller.prefixed(), caller.did)
    for caller in others:
        for token in (caller.jwt(), caller.prefixed()):
            reply = expect_denied(gateway, engine, token, "did_not_allowed", status=403)
            assert reply.field("WWW-Authenticate") == 'Bearer realm="attach-gateway", error="insufficient_scope"'
            assert caller.did not in reply.body.decode()


def test_who_is_not_proved_does_not_learn_who_may(start, engine):
    gateway = start(DID_ALLOW=ED.did)
    replies = [expect_denied(gateway, engine, caller.jwt(sign=SOLANA.sign, **changes), "signature_invalid")
               for caller in (ED, ED2) for changes in ({}, {"exp": 1}, {"aud": "x"})]
    assert all(told(reply) == told(replies[0]) for reply in replies)


@pytest.mark.parametrize("entry", ["alice", "did:key:z6Mk0", "did:ethr:*", "did:*", "did:key:z6*",
                                   "did:pkh:eip155:*:0x1", "*.example.com", "**"])
def test_an_entry_that_names_nobody_ends_the_start(tmp_path, entry):
    code, _, errors = run_command(tmp_path, ["serve", "--check"], {"DID_ALLOW": entry, "DID_AUD": "a"})
    assert code == 2 and "DID_ALLOW" in errors and entry in errors


def test_dids_beside_an_issuer(start_gateway, engine, token):
    gateway = start_gateway(DID_ALLOW="did:key:*", DID_AUD=AUDIENCE)
    expect_user(gateway, engine, token, "alice")
    expect_user(gateway, engine, ED.jwt(), ED.did)
    with gateway.connect() as client:
        for _ in range(3):
            assert client.ask("GET", TARGET, token=token).field("X-Attach-User") == "alice"
            assert client.ask("GET", TARGET, token=ED.jwt()).field("X-Attach-User") == ED.did


def test_no_user_of_an_issuer_looks_like_a_did(start_gateway, issuer, engine):
    """Users of the first issuer go by their bare subject."""
    gateway = start_gateway(DID_ALLOW="*", DID_AUD=AUDIENCE)
    for subject in (ED.did, WALLET.did, "did:", "did:web:example.com"):
        expect_denied(gateway, engine, issuer.token(subject), "user_ambiguous")
    expect_user(gateway, engine, issuer.token("didi"), "didi")


def test_a_did_is_no_issuer_of_others(gateway, engine):
    """sub may be anything: the user is who has signed."""
    expect_user(gateway, engine, ED.jwt(sub="alice"), ED.did)
    expect_user(gateway, engine, ED.jwt(sub=WALLET.did), ED.did)


# ---- tokens that may be used once ----

def test_a_token_with_a_jti_may_be_used_once(start, engine):
    gateway = start(DID_REPLAY="deny", PUBLIC_URL=f"https://{DOMAIN}")
    for token, user in ((ED.jwt(jti="one"), ED.did), (ED.prefixed(jti="two"), ED.did),
                        (ED.jwt(nonce="one"), ED.did), (WALLET.sign_in(DOMAIN), WALLET.did),
                        (ED2.jwt(jti="one"), ED2.did)):
        expect_user(gateway, engine, token, user)
        reply = expect_denied(gateway, engine, token, "token_replayed")
        assert reply.detail == "Invalid token"
    expect_denied(gateway, engine, ED.jwt(jti="one", exp=now(200)), "token_replayed")
    plain = ED.jwt()
    for _ in range(3):
        expect_user(gateway, engine, plain, ED.did)


def test_of_many_at_once_one_is_let_in(start, engine):
    gateway = start(DID_REPLAY="deny", WORKERS=4)
    token = ED.jwt(jti="once")
    statuses = []
    start_line = threading.Barrier(12)

    def call():
        with gateway.connect() as client:
            start_line.wait()
            statuses.append(client.ask("GET", TARGET, token=token).status)
    threads = [threading.Thread(target=call) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] + [401] * 11


def test_without_the_option_a_token_serves_until_it_expires(gateway, engine):
    for token in (ED.jwt(jti="one"), WALLET.sign_in(DOMAIN)):
        for _ in range(3):
            assert ask(gateway, token).status == 200


# ---- the command line ----

TYPES = {"ed25519": "did:key:z6Mk", "p256": "did:key:zDn", "secp256k1": "did:key:zQ3s"}


@pytest.fixture
def run(tmp_path):
    def command(*arguments, stdin="", **variables):
        return run_command(tmp_path, [str(one) for one in arguments], variables, stdin)
    return command


def expect_done(result):
    code, output, errors = result
    assert (code, errors) == (0, "")
    return output.strip()


@pytest.mark.parametrize("kind", TYPES)
def test_tokens_of_the_command_line(gateway, engine, run, tmp_path, kind):
    did = expect_done(run("did", "new", "--type", kind, "--out", "me.pem"))
    assert did.startswith(TYPES[kind])
    assert (tmp_path / "me.pem").stat().st_mode & 0o777 == 0o600
    token = expect_done(run("token", "--did", "me.pem", "--aud", AUDIENCE))
    expect_user(gateway, engine, token, did)
    expect_denied(gateway, engine, expect_done(run("token", "--did", "me.pem", "--aud", "x")), "audience_mismatch")
    long = expect_done(run("token", "--did", "me.pem", "--aud", AUDIENCE, "--ttl", "2h"))
    expect_denied(gateway, engine, long, "lifetime_too_long")
    told_by = expect_done(run("verify", stdin=token, DID_ALLOW="did:key:*")).splitlines()
    assert told_by[0] == "accepted" and f"  user: {did}" in told_by


def claims_of(token):
    return json.loads(keys.base64.urlsafe_b64decode(token.split(".")[1] + "=="))


def test_the_audience_is_the_gateways(run):
    expect_done(run("did", "new", "--out", "me.pem"))
    for variables, audience in (({}, "attach-gateway"), ({"OIDC_AUD": "a,b"}, "a"),
                                ({"OIDC_AUD": "a", "DID_AUD": "c,d"}, "c")):
        claims = claims_of(expect_done(run("token", "--did", "me.pem", **variables)))
        assert claims["aud"] == audience and claims["exp"] - claims["iat"] == 600
        assert claims["iss"] == claims["sub"] and claims["jti"]


def test_two_tokens_are_two(run):
    expect_done(run("did", "new", "--out", "me.pem"))
    tokens = {claims_of(expect_done(run("token", "--did", "me.pem")))["jti"] for _ in range(3)}
    assert len(tokens) == 3


def test_a_key_file_is_never_replaced(run, tmp_path):
    expect_done(run("did", "new", "--out", "me.pem"))
    before = (tmp_path / "me.pem").read_bytes()
    code, output, errors = run("did", "new", "--out", "me.pem")
    assert (code, output) == (1, "") and "me.pem" in errors and "exists" in errors
    assert (tmp_path / "me.pem").read_bytes() == before


@pytest.mark.parametrize("arguments,code,words", [
    (["did"], 2, ["new", "resolve"]),
    (["did", "old"], 2, ["new", "resolve"]),
    (["did", "new"], 2, ["--out"]),
    (["did", "new", "--out", ""], 2, ["--out"]),
    (["did", "new", "--type", "rsa", "--out", "x"], 2, ["--type", "rsa", "ed25519"]),
    (["did", "new", "--out", "x", "y"], 2, ["y"]),
    (["did", "new", "--out", "missing/x"], 1, ["missing/x", "No such file"]),
    (["did", "resolve"], 2, ["did:web:example.com"]),
    (["did", "resolve", "did:key:z6Mk0"], 1, ["did:key:z6Mk0", "base58"]),
    (["did", "resolve", "did:ethr:0x1"], 1, ["method"]),
    (["did", "resolve", ED.did, "--frobnicate"], 2, ["--frobnicate"]),
    (["token", "--did", "missing.pem"], 1, ["missing.pem", "No such file"]),
    (["token", "--did", "x", "--user", "alice"], 2, ["--user", "--did"]),
    (["token", "--did", "x", "--ttl", "0"], 2, ["--ttl"]),
    (["token", "--did", "."], 1, ["."]),
], ids=lambda value: " ".join(value)[:60] if isinstance(value, list) else "")
def test_commands_used_wrongly(run, arguments, code, words):
    result, output, errors = run(*arguments)
    assert (result, output) == (code, ""), errors
    assert errors.startswith("attach-gateway: ") and errors.count("\n") == 1
    for word in words:
        assert word in errors


def test_a_key_that_others_can_read_is_refused(run, tmp_path):
    expect_done(run("did", "new", "--out", "me.pem"))
    (tmp_path / "me.pem").chmod(0o644)
    code, output, errors = run("token", "--did", "me.pem")
    assert (code, output) == (1, "") and "chmod 600" in errors


@pytest.mark.parametrize("name", CALLERS)
def test_resolve(run, name):
    caller = CALLERS[name]
    document = json.loads(expect_done(run("did", "resolve", caller.did)))
    url = f"{caller.did}#{fragment_of(caller)}"
    [method] = document["verificationMethod"]
    assert document["id"] == method["controller"] == caller.did
    assert method["id"] == url and document["authentication"] == document["assertionMethod"] == [url]
    if caller.did.startswith("did:key:"):
        assert method["publicKeyMultibase"] == caller.did.removeprefix("did:key:")
    elif caller.did.startswith("did:jwk:"):
        assert method["publicKeyJwk"]["kty"] in ("OKP", "EC")
    else:
        assert method["blockchainAccountId"] == caller.did.removeprefix("did:pkh:")


def test_resolve_writes_the_normal_form(run):
    for caller, written, user in SPELLINGS.values():
        assert json.loads(expect_done(run("did", "resolve", written)))["id"] == user


@pytest.mark.parametrize("did", [did_key(WEAK_KEY), did_key(b"\xe7\x01\x02" + (5).to_bytes(32, "big")),
                                 did_key(b"\xed\x01\x02" + bytes(31)), did_key(X25519_KEY)])
def test_no_document_of_a_key_that_cannot_verify(run, did):
    code, output, errors = run("did", "resolve", did)
    assert (code, output) == (1, "") and errors.startswith("attach-gateway: cannot resolve")


def verdict(result):
    code, output, errors = result
    assert errors == ""
    return code, output.splitlines()[0]


def test_verify_explains_tokens_of_dids(run):
    token = WALLET.jwt()
    assert verdict(run("verify", "--did", "*", stdin=token)) == (0, "accepted")
    assert verdict(run("verify", "--did", f"{ED.did}, {WALLET.did.lower()}", stdin=token)) == (0, "accepted")
    assert verdict(run("verify", "--did", "did:key:*", stdin=token)) == (1, "denied: did_not_allowed")
    assert verdict(run("verify", stdin=token, DID_ALLOW="*")) == (0, "accepted")
    assert verdict(run("verify", "--did", "*", "--aud", "x", stdin=token)) == (1, "denied: audience_mismatch")
    assert verdict(run("verify", "--did", "*", stdin=token, DID_AUD="x")) == (1, "denied: audience_mismatch")
    assert verdict(run("verify", "--did", "*", stdin=token, DID_AUD=AUDIENCE, OIDC_AUD="x")) == (0, "accepted")
    assert verdict(run("verify", "--local", stdin=token)) == (1, "denied: did_off")
    assert verdict(run("verify", "--did", "*", "--now", now(4000), stdin=token)) == (1, "denied: expired")
    assert verdict(run("verify", "--did", "*", stdin=WALLET.did)) == (1, "denied: did_without_signature")
    long = WALLET.jwt(exp=now(7200), iat=now())
    assert verdict(run("verify", "--did", "*", stdin=long)) == (1, "denied: lifetime_too_long")
    assert verdict(run("verify", "--did", "*", stdin=long, DID_MAX_TTL="2h")) == (0, "accepted")


def test_verify_explains_sign_in_messages(run):
    token = WALLET.sign_in(DOMAIN)
    assert verdict(run("verify", "--did", "*", stdin=token)) == (1, "denied: siwe_without_public_url")
    assert verdict(run("verify", "--did", "*", stdin=token, PUBLIC_URL=f"https://{DOMAIN}")) == (0, "accepted")
    assert verdict(run("verify", "--did", "*", stdin=token,
                       PUBLIC_URL="https://other.test")) == (1, "denied: siwe_domain")


def test_verify_of_an_entry_that_names_nobody(run):
    code, output, errors = run("verify", "--did", "did:ethr:*", stdin=ED.jwt())
    assert (code, output) == (2, "") and "--did" in errors and "did:ethr:*" in errors


def test_verify_with_dids_and_jws_only(run):
    """--jws-only is about a key set, and there is none."""
    code, output, errors = run("verify", "--did", "*", "--jws-only", stdin=ED.jwt())
    assert (code, output) == (2, "") and "--jwks" in errors


# ---- no secret leaves ----

def test_no_token_and_no_message_is_logged(start, engine):
    gateway = start(LOG_LEVEL="debug", PUBLIC_URL=f"https://{DOMAIN}")
    for token in (ED.jwt(), WALLET.sign_in(DOMAIN, statement="swordfish"), ED.jwt(sign=ED2.sign)):
        gateway.access_line(ask(gateway, token))
        for part in token.split(".")[1:]:
            assert part not in gateway.text()
    assert "swordfish" not in gateway.text()


# ---- did:web on the command line; test_did_web.py has the gateway's side ----

@pytest.fixture
def host(authority):
    host = DidHost(authority)
    yield host
    host.close()


def near(authority, **more):
    return {"DID_WEB_HOSTS": "localhost", "DID_WEB_CA_FILE": authority.file, **more}


def test_resolve_fetches_a_document(run, authority, host):
    assert json.loads(expect_done(run("did", "resolve", host.did, **near(authority)))) == host.document()
    assert host.targets == ["/.well-known/did.json"]


@pytest.mark.parametrize("changes,words", [
    ({"DID_WEB_HOSTS": "elsewhere.test"}, ["refused to call", "loopback"]),
    ({"DID_WEB_CA_FILE": ""}, ["certificate"]),
], ids=["near", "not signed"])
def test_resolve_keeps_the_rules_of_the_gateway(run, authority, host, changes, words):
    code, output, errors = run("did", "resolve", host.did, **near(authority, **changes))
    assert (code, output) == (1, "") and host.fetches == 0
    assert all(word in errors for word in [host.did, *words]), errors


@pytest.mark.parametrize("changes,words", [
    ({"id": "did:web:localhost"}, "id"), ({"authentication": []}, "no usable key"),
    ({"verificationMethod": []}, "no usable key"), ({"padding": "x" * 70000}, "65536"),
], ids=["of another", "no keys listed", "no keys", "huge"])
def test_resolve_of_a_document_that_is_none(run, authority, host, changes, words):
    host.changes = changes
    code, output, errors = run("did", "resolve", host.did, **near(authority))
    assert (code, output) == (1, "") and errors.count("\n") == 1
    assert words in errors


def test_verify_fetches_a_document(run, authority, host):
    token = host.token()
    assert verdict(run("verify", "--did", "did:web:*", stdin=token, **near(authority))) == (0, "accepted")
    assert host.fetches == 1
    forged = host.token(key=Key("ES256", "k1", 63))
    assert verdict(run("verify", "--did", "*", stdin=forged, **near(authority))) == (1, "denied: signature_invalid")
    others = run("verify", "--did", "did:key:*", stdin=token, **near(authority))
    assert verdict(others) == (1, "denied: did_not_allowed")
    assert host.fetches == 2
    code, output, errors = run("verify", "--did", "*", stdin=token)
    assert code == 1 and output.startswith("denied: keys_unavailable") and host.did in errors

#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes the tokens of corpus/jws, signed with the fixed keys of fixed_trust.c.

The keys come from seeds that stand here, so that they are the same whenever this runs and protect
nothing. `make_tokens.py --keys` prints what fixed_trust.c says of them.
"""
import base64
import json
import pathlib
import random
import sys

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

HERE = pathlib.Path(__file__).parent
NOW = 1_700_000_000  # fixed_now_s
CURVES = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}
HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number_bytes(number, size=None):
    return number.to_bytes(size or (number.bit_length() + 7) // 8, "big")


def is_prime(candidate, source):
    for small in (3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47):
        if candidate % small == 0:
            return False
    odd, twos = candidate - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for _ in range(24):
        power = pow(source.randrange(2, candidate - 1), odd, candidate)
        if power in (1, candidate - 1):
            continue
        for _ in range(twos - 1):
            power = power * power % candidate
            if power == candidate - 1:
                break
        else:
            return False
    return True


def rsa_key(seed):
    source = random.Random(seed)
    primes = []
    while len(primes) < 2:
        candidate = source.getrandbits(1024) | 3 << 1022 | 1
        if (candidate - 1) % 65537 and is_prime(candidate, source):
            primes.append(candidate)
    p, q = primes
    d = pow(65537, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(65537, p * q)
    numbers = rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public)
    return numbers.private_key()


def keys_make():
    ed25519_key = ed25519.Ed25519PrivateKey.from_private_bytes
    secret = int.from_bytes(b"fuzzing needs no secrets", "big")
    return {
        "rsa": rsa_key("attach-gateway fuzz"),
        "p256": ec.derive_private_key(secret, CURVES["ES256"]),
        "p384": ec.derive_private_key(secret, CURVES["ES384"]),
        "p521": ec.derive_private_key(secret, CURVES["ES512"]),
        "ed25519": ed25519_key(b"first fixed key, known to anyone"),
        "second": ed25519_key(b"second fixed key, for all to see"),
    }


def ecdsa_raw(der, size):
    r, s = utils.decode_dss_signature(der)
    return number_bytes(r, size) + number_bytes(s, size)


def sign(key, alg, message):
    if alg in ("EdDSA", "Ed25519"):
        return key.sign(message)
    chosen = HASHES[alg[2:]]
    if alg.startswith("ES"):
        return ecdsa_raw(key.sign(message, ec.ECDSA(chosen)), (key.curve.key_size + 7) // 8)
    if alg.startswith("PS"):
        scheme = padding.PSS(padding.MGF1(chosen), chosen.digest_size)
    else:
        scheme = padding.PKCS1v15()
    return key.sign(message, scheme, chosen)


CLAIMS = {"iss": "https://issuer.test", "aud": "gateway", "sub": "alice", "exp": NOW + 600}


def text_of(value):
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def token_make(key, header, claims=None, alg=None):
    """Header and claims as JSON text, or as what is to become it."""
    message = ".".join(base64url(text_of(part).encode()) for part in (header, claims or CLAIMS))
    signature = sign(key, alg or header["alg"], message.encode())
    return message + "." + base64url(signature)


def accepted(keys):
    holders = {"R": "rsa", "P": "rsa", "E": "ed25519",
               "ES256": "p256", "ES384": "p384", "ES512": "p521"}
    for alg in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512",
                "EdDSA", "Ed25519"):
        kid = holders.get(alg) or holders[alg[0]]
        yield alg.lower(), token_make(keys[kid], {"alg": alg, "kid": kid, "typ": "at+jwt"})
    ed = keys["ed25519"]
    header = {"alg": "EdDSA", "kid": "ed25519"}
    yield "no-kid", token_make(keys["p256"], {"alg": "ES256"})
    yield "bound-to-alg", token_make(keys["rsa"], {"alg": "PS256", "kid": "ps256-only"})
    yield "escaped-names", token_make(
        ed, '{"\\u0061lg":"EdDSA","k\\u0069d":"ed25519"}',
        '{"iss":"https:\\/\\/issuer.test","aud":["other","gate\\u0077ay"],'
        '"s\\u0075b":"\\ud83d\\ude00 %",'
        '"exp":1.7000006e9,"nbf":1699999999.5,"iat":1700000060}', "EdDSA")
    yield "slash", token_make(ed, header, CLAIMS | {"iss": "https://issuer.test/"})
    yield "second", token_make(keys["second"], {"alg": "EdDSA"},
                               CLAIMS | {"iss": "https://second.test", "aud": ["other"]})


def refused_headers(keys):
    ed = keys["ed25519"]
    for name, more in {
        "crit": {"crit": ["b64"]}, "b64": {"b64": False}, "jwk": {"jwk": {"kty": "OKP"}},
        "jku": {"jku": "https://issuer.test/jwks"}, "x5u": {"x5u": "https://issuer.test/x"},
        "x5c": {"x5c": ["MIIB"]}, "typ": {"typ": "dpop+jwt"}, "kid-number": {"kid": 1},
        "kid-unknown": {"kid": "elsewhere"}, "kid-long": {"kid": "k" * 257},
        "kid-of-unfit": {"kid": "sealed"}, "kid-of-other-type": {"kid": "rsa"},
    }.items():
        yield "header-" + name, token_make(ed, {"alg": "EdDSA", "kid": "ed25519"} | more)
    yield "header-kid-of-other-alg", token_make(keys["rsa"], {"alg": "RS256", "kid": "ps256-only"})
    yield "header-kid-sealed", token_make(keys["rsa"], {"alg": "RS256", "kid": "sealed"})
    yield "header-twice", token_make(ed, '{"alg":"EdDSA","\\u0061lg":"none"}', alg="EdDSA")
    yield "header-array", token_make(ed, '["EdDSA"]', alg="EdDSA")
    yield "alg-missing", token_make(ed, '{"kid":"ed25519"}', alg="EdDSA")
    for alg in ("none", "HS256", "eddsa", "ES256K"):
        yield "alg-" + alg, token_make(ed, '{"alg":"%s","kid":"ed25519"}' % alg, alg="EdDSA")


def refused_claims(keys):
    ed = keys["ed25519"]
    for name, more in {
        "expired": {"exp": NOW - 60}, "exp-text": {"exp": "1700000600"}, "early": {"nbf": NOW + 61},
        "future": {"iat": NOW + 61}, "audience": {"aud": ["other"]}, "subject-empty": {"sub": ""},
        "subject-long": {"sub": "s" * 1025}, "bound": {"cnf": {"jkt": "x"}},
        "events": {"events": {}}, "issuer": {"iss": "https://other.test"},
        "issuer-two-slashes": {"iss": "https://issuer.test//"}, "issuer-number": {"iss": 5},
        "keys-not-there": {"iss": "https://dark.test"},
        "ambiguous": {"sub": "https://second.test/|a"},
    }.items():
        yield "claims-" + name, token_make(ed, {"alg": "EdDSA", "kid": "ed25519"}, CLAIMS | more)
    yield "claims-twice", token_make(ed, {"alg": "EdDSA"}, '{"sub":"a","s\\u0075b":"b"}')
    yield "claims-text", token_make(ed, {"alg": "EdDSA"}, "plain text")


def refused_forms(keys):
    good = token_make(keys["ed25519"], {"alg": "EdDSA", "kid": "ed25519"})
    header, payload, signature = good.split(".")
    message = (header + "." + payload).encode()
    ecdsa_message = ".".join([base64url(b'{"alg":"ES256","kid":"p256"}'), payload])
    der = keys["p256"].sign(ecdsa_message.encode(), ec.ECDSA(hashes.SHA256()))
    raw = ecdsa_raw(der, 32)
    yield "form-empty", ""
    yield "form-dots", ".."
    yield "form-one", header
    yield "form-encrypted", "a.b.c.d.e"
    yield "form-no-signature", header + "." + payload + "."
    yield "form-padded", header + "=." + payload + "." + signature
    yield "form-trailing-bits", good[:-1] + chr(ord(good[-1]) + 1)
    yield "signature-flipped", message.decode() + "." + base64url(
        bytes([keys["ed25519"].sign(message)[0] ^ 1]) + keys["ed25519"].sign(message)[1:])
    yield "signature-der", ecdsa_message + "." + base64url(der)
    yield "signature-zeros", ecdsa_message + "." + base64url(bytes(64))
    yield "signature-one-coordinate", ecdsa_message + "." + base64url(raw[:32])
    yield "signature-of-other-hash", token_make(keys["p256"], {"alg": "ES384", "kid": "p256"})


def print_keys(keys):
    for kid, key in keys.items():
        numbers = None if kid in ("ed25519", "second") else key.public_key().public_numbers()
        pem = key.public_key().public_bytes(serialization.Encoding.PEM,
                                            serialization.PublicFormat.SubjectPublicKeyInfo)
        print(kid)
        if numbers is None:
            raw = key.public_key().public_bytes(serialization.Encoding.Raw,
                                                serialization.PublicFormat.Raw)
            print("x", base64url(raw))
        elif kid == "rsa":
            print("n", base64url(number_bytes(numbers.n)))
        else:
            size = (key.curve.key_size + 7) // 8
            print("x", base64url(number_bytes(numbers.x, size)))
            print("y", base64url(number_bytes(numbers.y, size)))
        print(pem.decode())


def main():
    keys = keys_make()
    if sys.argv[1:] == ["--keys"]:
        print_keys(keys)
        return
    folder = HERE / "corpus" / "jws"
    folder.mkdir(parents=True, exist_ok=True)
    for name, token in accepted(keys):
        (folder / ("accepted-" + name)).write_text(token)
    for part in (refused_headers, refused_claims, refused_forms):
        for name, token in part(keys):
            (folder / name.lower()).write_text(token)


main()

# SPDX-License-Identifier: MIT
"""Callers that prove themselves with a DID, and everything that can be wrong with what they show.

Ed25519 and the P-curves are signed by python3-cryptography. secp256k1 is written out here, slowly: recovery ids are
needed, and the power to make signatures that no library makes.
"""
import hashlib
import json
import time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .keys import b64, b64_int, b64_json

AUDIENCE = "attach-gateway-test"
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
SOLANA = "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"
SOLANA_OLD = "4sGjMW1sUnHzSxGspuhpqLDx6wiyjNtZ"


def base58(data):
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = BASE58[digit] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


def did_key(data):
    """did:key of multicodec and key."""
    return "did:key:z" + base58(data)


# ---- Keccak-256 ----

ROUNDS = (0x0000000000000001, 0x0000000000008082, 0x800000000000808A, 0x8000000080008000,
          0x000000000000808B, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009,
          0x000000000000008A, 0x0000000000000088, 0x0000000080008009, 0x000000008000000A,
          0x000000008000808B, 0x800000000000008B, 0x8000000000008089, 0x8000000000008003,
          0x8000000000008002, 0x8000000000000080, 0x000000000000800A, 0x800000008000000A,
          0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008)
MASK = (1 << 64) - 1


def rotate(word, count):
    return ((word << count) | (word >> (64 - count))) & MASK if count else word


def permute(state):
    for constant in ROUNDS:
        parity = [state[x] ^ state[x + 5] ^ state[x + 10] ^ state[x + 15] ^ state[x + 20]
                  for x in range(5)]
        state = [word ^ parity[(i + 4) % 5] ^ rotate(parity[(i + 1) % 5], 1)
                 for i, word in enumerate(state)]
        x, y, current = 1, 0, state[1]
        for step in range(24):
            x, y = y, (2 * x + 3 * y) % 5
            current, state[x + 5 * y] = state[x + 5 * y], rotate(current, (step + 1) * (step + 2) // 2 % 64)
        state = [state[5 * y + x] ^ (~state[5 * y + (x + 1) % 5] & MASK & state[5 * y + (x + 2) % 5])
                 for y in range(5) for x in range(5)]
        state[0] ^= constant
    return state


def keccak(data):
    rate = 136
    padded = bytearray(data) + b"\x01" + bytes(-(len(data) + 1) % rate)
    padded[-1] |= 0x80
    state = [0] * 25
    for at in range(0, len(padded), rate):
        for i in range(rate // 8):
            state[i] ^= int.from_bytes(padded[at + 8 * i:at + 8 * i + 8], "little")
        state = permute(state)
    return b"".join(word.to_bytes(8, "little") for word in state[:4])


# ---- secp256k1 ----

PRIME = 2**256 - 2**32 - 977
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
BASE = (0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
        0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8)


def add(a, b):
    if a is None or b is None:
        return a or b
    if a[0] == b[0] and (a[1] + b[1]) % PRIME == 0:
        return None
    slope = (3 * a[0] * a[0] * pow(2 * a[1], -1, PRIME) if a == b
             else (b[1] - a[1]) * pow(b[0] - a[0], -1, PRIME))
    x = (slope * slope - a[0] - b[0]) % PRIME
    return x, (slope * (a[0] - x) - a[1]) % PRIME


def multiply(number, point=BASE):
    result = None
    while number:
        if number & 1:
            result = add(result, point)
        point = add(point, point)
        number >>= 1
    return result


def sign_hash(secret, digest):
    """(r, s, recovery id), s the smaller of two."""
    number = int.from_bytes(hashlib.sha256(secret.to_bytes(32, "big") + digest).digest(), "big") % ORDER
    x, y = multiply(number)
    r = x % ORDER
    s = pow(number, -1, ORDER) * (int.from_bytes(digest, "big") + r * secret) % ORDER
    assert r == x and s, "one in 2^127"
    return (r, s, y & 1) if 2 * s < ORDER else (r, ORDER - s, 1 - (y & 1))


def raw(r, s, *last):
    return r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes(last)


def checksummed(address):
    """EIP-55: a digit of the hash of 8 or more makes a letter a capital."""
    digits = address.hex()
    wanted = keccak(digits.encode()).hex()
    return "0x" + "".join(d.upper() if int(w, 16) >= 8 else d for d, w in zip(digits, wanted))


# ---- callers ----

class Caller:
    """<did>, <alg> of its JWTs, sign(message) for those and sign_bare(message) for DID-prefixed tokens."""

    aud = AUDIENCE

    def sign_bare(self, message):
        return self.sign(message)

    def claims(self, **changes):
        """A value of None removes a claim."""
        now = int(time.time())
        claims = {"iss": self.did, "aud": self.aud, "iat": now, "exp": now + 300, **changes}
        return {name: value for name, value in claims.items() if value is not None}

    def jwt(self, header=None, sign=None, **changes):
        head = {"alg": self.alg, "typ": "JWT", **(header or {})}
        head = {name: value for name, value in head.items() if value is not None}
        text = f"{b64_json(head)}.{b64_json(self.claims(**changes))}"
        return f"{text}.{b64((sign or self.sign)(text.encode()))}"

    def prefixed(self, did=None, sign=None, payload=None, **changes):
        """<did>.<payload>.<signature>"""
        payload = b64_json(self.claims(iss=None, **changes)) if payload is None else payload
        text = f"{did or self.did}.{payload}"
        return f"{text}.{b64((sign or self.sign_bare)(text.encode()))}"


def secret_of(seed):
    """The same key each time: tests are named by what is made of it."""
    return hashlib.sha256(seed.encode()).digest()


class Ed25519(Caller):
    alg = "EdDSA"

    def __init__(self, seed):
        self.private = ed25519.Ed25519PrivateKey.from_private_bytes(secret_of(seed))
        self.public = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.did = did_key(b"\xed\x01" + self.public)
        self.did_u = "did:key:u" + b64(b"\xed\x01" + self.public)

    def jwk(self):
        return {"kty": "OKP", "crv": "Ed25519", "x": b64(self.public)}

    def sign(self, message):
        return self.private.sign(message)


class Curve(Caller):
    KINDS = {"ES256": (ec.SECP256R1, b"\x80\x24", 32, hashes.SHA256),
             "ES384": (ec.SECP384R1, b"\x81\x24", 48, hashes.SHA384),
             "ES512": (ec.SECP521R1, b"\x82\x24", 66, hashes.SHA512)}

    def __init__(self, seed, alg):
        self.alg = alg
        curve, codec, self.size, self.hash = self.KINDS[alg]
        self.private = ec.derive_private_key(int.from_bytes(secret_of(seed)[1:], "big"), curve())
        point = self.private.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
        self.did = did_key(codec + point)

    def der(self, message):
        return self.private.sign(message, ec.ECDSA(self.hash()))

    def numbers(self, message):
        return decode_dss_signature(self.der(message))

    def sign(self, message):
        return b"".join(number.to_bytes(self.size, "big") for number in self.numbers(message))


class Secp256k1(Caller):
    alg = "ES256K"

    def __init__(self, seed):
        self.secret = int.from_bytes(secret_of(seed), "big") % ORDER
        self.point = multiply(self.secret)
        compressed = bytes([2 + (self.point[1] & 1)]) + self.point[0].to_bytes(32, "big")
        self.did = did_key(b"\xe7\x01" + compressed)

    def numbers(self, message):
        return sign_hash(self.secret, hashlib.sha256(message).digest())

    def sign(self, message):
        r, s, _ = self.numbers(message)
        return raw(r, s)


class Wallet(Secp256k1):
    alg = "ES256K-R"

    def __init__(self, seed, chain=1):
        super().__init__(seed)
        self.chain = chain
        public = b"".join(number.to_bytes(32, "big") for number in self.point)
        self.address = checksummed(keccak(public)[12:])
        self.did = f"did:pkh:eip155:{chain}:{self.address}"

    def sign(self, message):
        return raw(*self.numbers(message))

    def personal(self, message):
        """(r, s, recovery id) of personal_sign, EIP-191."""
        head = b"\x19Ethereum Signed Message:\n" + str(len(message)).encode()
        return sign_hash(self.secret, keccak(head + message))

    def sign_bare(self, message):
        r, s, recovery = self.personal(message)
        return raw(r, s, 27 + recovery)

    def sign_in(self, domain, **changes):
        """A token whose payload is a sign-in message, EIP-4361. A value of None leaves a line out."""
        text = self.sign_in_text(domain, **changes)
        return f"{self.did}.{b64(text)}.{b64(self.sign_bare(text))}"

    def sign_in_text(self, domain, address=None, statement="Let me in.", **changes):
        now = int(time.time())
        lines = {"URI": f"https://{domain}", "Version": "1", "Chain ID": self.chain,
                 "Nonce": "abcdefgh12345678", "Issued At": moment(now),
                 "Expiration Time": moment(now + 300),
                 **{name.replace("_", " "): value for name, value in changes.items()}}
        text = (f"{domain} wants you to sign in with your Ethereum account:\n"
                f"{address or self.address}\n\n{statement}\n\n")
        return (text + "\n".join(f"{name}: {value}" for name, value in lines.items()
                                 if value is not None)).encode()


class Solana(Ed25519):
    def __init__(self, seed):
        super().__init__(seed)
        self.did = f"did:pkh:solana:{SOLANA}:{base58(self.public)}"
        self.did_old = f"did:pkh:solana:{SOLANA_OLD}:{base58(self.public)}"


class JwkEd25519(Ed25519):
    def __init__(self, seed):
        super().__init__(seed)
        self.did = "did:jwk:" + b64(json.dumps(self.jwk()).encode())


class JwkP256(Curve):
    def __init__(self, seed):
        super().__init__(seed, "ES256")
        numbers = self.private.public_key().public_numbers()
        jwk = {"kty": "EC", "crv": "P-256", "x": b64_int(numbers.x, 32), "y": b64_int(numbers.y, 32)}
        self.did = "did:jwk:" + b64(json.dumps(jwk).encode())


def moment(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))

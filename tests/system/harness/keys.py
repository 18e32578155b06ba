# SPDX-License-Identifier: MIT
"""Signing keys and compact JWS of every algorithm, as an honest issuer or as an attacker makes them."""
import base64
import functools
import hashlib
import hmac
import json

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

HASHES = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}
CURVES = {"ES256": ("P-256", ec.SECP256R1, 32), "ES384": ("P-384", ec.SECP384R1, 48),
          "ES512": ("P-521", ec.SECP521R1, 66)}
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512",
              "EdDSA", "Ed25519")


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def b64_json(value):
    return b64(json.dumps(value, separators=(",", ":")).encode())


def b64_int(number, length=None):
    return b64(number.to_bytes(length or (number.bit_length() + 7) // 8, "big"))


@functools.lru_cache(maxsize=None)
def private_key(kind, number=0, bits=2048):
    """A private key, made once per test run. <kind>: RSA, ES256, ES384, ES512 or Ed25519."""
    if kind == "RSA":
        return rsa.generate_private_key(public_exponent=65537, key_size=bits)
    if kind == "Ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(CURVES[kind][1]())


class Key:
    """A key of an issuer: what signs, its kid, and extra members of its JWK."""

    def __init__(self, alg, kid, number=0, bits=2048, jwk=None):
        self.alg = alg
        self.kid = kid
        self.extra = jwk or {}
        kind = "RSA" if alg[:2] in ("RS", "PS") else "Ed25519" if alg[:2] == "Ed" else alg
        self.private = private_key(kind, number, bits)

    def jwk(self):
        public = self.private.public_key()
        if isinstance(public, rsa.RSAPublicKey):
            numbers = public.public_numbers()
            members = {"kty": "RSA", "n": b64_int(numbers.n), "e": b64_int(numbers.e)}
        elif isinstance(public, ed25519.Ed25519PublicKey):
            raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
            members = {"kty": "OKP", "crv": "Ed25519", "x": b64(raw)}
        else:
            name, _, size = CURVES[self.alg]
            numbers = public.public_numbers()
            members = {"kty": "EC", "crv": name, "x": b64_int(numbers.x, size),
                       "y": b64_int(numbers.y, size)}
        if self.kid is not None:
            members["kid"] = self.kid
        members.update(self.extra)
        return {name: value for name, value in members.items() if value is not None}

    def sign(self, message, alg=None):
        alg = alg or self.alg
        if alg[:2] == "RS":
            return self.private.sign(message, padding.PKCS1v15(), HASHES[alg[2:]]())
        if alg[:2] == "PS":
            kind = HASHES[alg[2:]]
            salted = padding.PSS(mgf=padding.MGF1(kind()), salt_length=kind.digest_size)
            return self.private.sign(message, salted, kind())
        if alg[:2] == "ES":
            size = CURVES[alg][2]
            der = self.private.sign(message, ec.ECDSA(HASHES["256" if alg == "ES256" else alg[2:]]()))
            r, s = decode_dss_signature(der)
            return r.to_bytes(size, "big") + s.to_bytes(size, "big")
        return self.private.sign(message)

    def public_pem(self):
        return self.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def compact(header, payload, sign):
    """header.payload.signature; header and payload are objects, or text to be encoded as it is."""
    parts = [b64(part.encode()) if isinstance(part, str) else b64_json(part)
             for part in (header, payload)]
    message = ".".join(parts)
    return f"{message}.{b64(sign(message.encode()))}"


def hmac_sign(secret):
    return lambda message: hmac.new(secret, message, hashlib.sha256).digest()

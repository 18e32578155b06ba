# SPDX-License-Identifier: MIT
"""Keys, tokens and the issuer that publishes the keys, on loopback."""

import http.server
import json
import threading
import time
import uuid

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from jwcrypto import jwk
from jwcrypto.common import base64url_encode

AUDIENCE = "attach-gateway"
VALID_S = 3600


class Signer:
    """One key of the issuer."""

    def __init__(self, algorithm):
        self.algorithm = algorithm
        self.key_id = f"bench-{algorithm}"
        if algorithm == "RS256":
            self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        else:
            self.key = ec.generate_private_key(ec.SECP256R1())

    def public_pem(self):
        return self.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def public_jwk(self):
        members = jwk.JWK.from_pem(self.public_pem()).export_public(as_dict=True)
        return members | {"kid": self.key_id, "use": "sig", "alg": self.algorithm}

    def sign(self, message):
        if self.algorithm == "RS256":
            return self.key.sign(message, padding.PKCS1v15(), hashes.SHA256())
        r, s = decode_dss_signature(self.key.sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def token(self, issuer):
        """A token as issuers make them, for a user of its own."""
        now_s = int(time.time())
        header = {"alg": self.algorithm, "typ": "JWT", "kid": self.key_id}
        claims = {
            "iss": issuer,
            "sub": f"auth0|{uuid.uuid4().hex[:24]}",
            "aud": [AUDIENCE, f"{issuer}/userinfo"],
            "iat": now_s,
            "exp": now_s + VALID_S,
            "azp": "5Ykq1QF3sYwVvD6mO2nWm0aJ8bE7cRtX",
            "scope": "openid profile email",
            "jti": uuid.uuid4().hex,
        }
        parts = [base64url_encode(json.dumps(part, separators=(",", ":"))) for part in (header, claims)]
        message = ".".join(parts)
        return f"{message}.{base64url_encode(self.sign(message.encode()))}"


class Issuer:
    """Serves discovery and keys until it is closed."""

    def __init__(self, signers):
        answers = {}

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = answers.get(self.path)
                self.send_response(404 if body is None else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        configuration = {
            "issuer": self.url,
            "jwks_uri": f"{self.url}/keys",
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [signer.algorithm for signer in signers],
        }
        answers["/.well-known/openid-configuration"] = json.dumps(configuration).encode()
        answers["/keys"] = json.dumps({"keys": [signer.public_jwk() for signer in signers]}).encode()
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def write_tokens(path, signer, issuer, count):
    """<count> tokens of different users, one a line."""
    with open(path, "w") as file:
        for _ in range(count):
            file.write(signer.token(issuer) + "\n")
    return path

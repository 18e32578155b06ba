# SPDX-License-Identifier: MIT
"""A scripted OIDC issuer: discovery, keys, tokens, and every way to misbehave.

    issuer.keys = [k2]            rotate
    issuer.go_down() / come_up()  connections refused, and back on the same port
    issuer.hang() / release()     takes requests and answers none, then all of them
    issuer.fetches["jwks"]        how often the keys were asked for
"""
import http.server
import json
import socket
import threading
import time

from . import keys
from .keys import Key

AUDIENCE = "attach-gateway-test"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.issuer.serve(self)

    def log_message(self, *_):
        pass

    def reply(self, status, body, fields=()):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")  # an issuer that is down keeps no connection
        for name, value in fields:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def handle_error(self, *_):
        pass  # a gateway that gives up on us is part of the tests


class Issuer:
    def __init__(self, path="", keys=None, is_down=False):
        self.keys = keys if keys is not None else [Key("ES256", "k1")]
        self.path = path
        self.answers = threading.Event()
        self.answers.set()
        self.overrides = {}  # kind -> function(handler): "discovery", "oauth", "jwks"
        self.document_extra = {}
        self.fetches = {"discovery": 0, "oauth": 0, "jwks": 0, "other": 0}
        self.targets = []
        self.lock = threading.Lock()
        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.held = None  # keeps the port while it is down: bound, not listening
        if is_down:
            self._close_server()
        else:
            self._serve()

    @property
    def origin(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self):
        """The issuer's name, as tokens and the discovery document have it."""
        return self.origin + self.path

    # ---- serving ----

    def _serve(self):
        self.server.issuer = self
        arguments = {"poll_interval": 0.01}
        threading.Thread(target=self.server.serve_forever, kwargs=arguments, daemon=True).start()

    def kind_of(self, target):
        base = self.path.rstrip("/")
        return {f"{base}/.well-known/openid-configuration": "discovery",
                f"/.well-known/oauth-authorization-server{base}": "oauth",
                f"{base}/the-keys": "jwks"}.get(target, "other")

    def serve(self, handler):
        kind = self.kind_of(handler.path)
        with self.lock:
            self.fetches[kind] += 1
            self.targets.append(handler.path)
        self.answers.wait(60)
        if kind in self.overrides:
            self.overrides[kind](handler)
        elif kind in ("discovery", "oauth"):
            handler.reply(200, json.dumps(self.document()).encode())
        elif kind == "jwks":
            handler.reply(200, json.dumps(self.key_set()).encode())
        else:
            handler.reply(404, b"{}")

    def document(self):
        base = self.url.rstrip("/")
        return {"issuer": self.url, "jwks_uri": f"{base}/the-keys", **self.document_extra}

    def key_set(self):
        return {"keys": [key if isinstance(key, dict) else key.jwk() for key in self.keys]}

    # ---- misbehaving ----

    def override(self, kind, status=200, body=b"{}", fields=()):
        self.overrides[kind] = lambda handler: handler.reply(status, body, fields)

    def go_down(self):
        self.server.shutdown()
        self._close_server()

    def come_up(self):
        self.server = Server(("127.0.0.1", self.port), Handler)
        self._let_go()
        self._serve()

    def _close_server(self):
        self.server.server_close()
        self.server = None
        self.held = socket.socket()
        self.held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # so that come_up can bind beside it
        self.held.bind(("127.0.0.1", self.port))

    def _let_go(self):
        if self.held is not None:
            self.held.close()
            self.held = None

    def hang(self):
        self.answers.clear()

    def release(self):
        self.answers.set()

    def close(self):
        self.release()
        self._let_go()
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()

    # ---- tokens ----

    def claims(self, sub="alice", **changes):
        """Claims of a good access token; a value of None removes one."""
        now = int(time.time())
        claims = {"iss": self.url, "sub": sub, "aud": AUDIENCE, "iat": now, "exp": now + 600}
        claims.update(changes)
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, sub="alice", key=None, header=None, alg=None, **changes):
        key = key or self.keys[0]
        full = {"alg": alg or key.alg, "kid": key.kid, "typ": "at+jwt", **(header or {})}
        full = {name: value for name, value in full.items() if value is not None}
        return keys.compact(full, self.claims(sub, **changes),
                            lambda message: key.sign(message, alg or key.alg))

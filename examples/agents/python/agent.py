# SPDX-License-Identifier: MIT
#
# agent.py - what planner.py and coder.py share: take a task, believe only the gateway's token, call the gateway back.
# Needs Debian's python3-jwcrypto (or jwcrypto from pip).
import argparse
import json
import select
import socket
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from jwcrypto import jwk, jwt


class Refusal(Exception):
    """Ends a task with an HTTP status and a sentence."""

    def __init__(self, status, sentence):
        super().__init__(sentence)
        self.status = status


class Call:
    """One task: who it is for, what is wanted, and the gateway, called in that user's name."""

    def __init__(self, agent, headers, body, connection):
        self.agent, self.input, self.connection = agent, body, connection
        scheme, _, self.token = headers.get("Authorization", "").partition(" ")
        claims = agent.verify(self.token) if scheme.lower() == "bearer" else agent.refuse("no token")
        self.user = claims["sub"]
        self.chain, act = [], claims.get("act")
        while act:  # the outermost is this agent, then who called it, and so on (RFC 8693 4.1)
            self.chain, act = self.chain + [act["sub"]], act.get("act")
        self.request_id = headers.get("X-Request-Id", "none")

    def ask(self, method, path, body=None):
        request = urllib.request.Request(self.agent.gateway + path, method=method)
        request.add_header("Authorization", "Bearer " + self.token)
        request.add_header("X-Request-Id", f"{self.request_id[:100]}/{self.agent.name}")
        data = None if body is None else json.dumps(body).encode()
        try:
            with urllib.request.urlopen(request, data, timeout=55) as reply:
                return json.loads(reply.read() or "null")
        except urllib.error.HTTPError as error:
            raise Refusal(502, f"{method} {path}: HTTP {error.code} {error.read(300).decode(errors='replace')}")
        except OSError as error:
            raise Refusal(502, f"{method} {path}: {error}")

    def log(self, level, message):
        line = {"run_id": self.request_id, "level": level, "message": message, "agent": self.agent.name}
        self.ask("POST", "/v1/logs", line)

    def is_abandoned(self):
        """The gateway hangs up when the task is canceled."""
        return bool(select.select([self.connection], [], [], 0)[0]) and not self.connection.recv(1, socket.MSG_PEEK)

    def model(self):
        return self.input.get("model") or "tinyllama"

    def text(self):
        messages = self.input.get("messages") or [{"content": self.input.get("prompt")}]
        return messages[-1].get("content") or self.agent.refuse("there is neither a prompt nor messages", 400)

    def chat(self, system, text, model):
        messages = [{"role": "system", "content": system}, {"role": "user", "content": text}]
        reply = self.ask("POST", "/api/chat", {"model": model, "messages": messages, "stream": False})
        message = reply["choices"][0]["message"] if "choices" in reply else reply["message"]
        return message["content"]

    def reply(self, model, text, **more):
        return {"model": model, "message": {"role": "assistant", "content": text}, "done": True, **more}


class Agent:
    def __init__(self, name, port, answer):
        parser = argparse.ArgumentParser(description=f"The {name} of the Attach Gateway examples.")
        parser.add_argument("--port", type=int, default=port)
        parser.add_argument("--gateway", default="http://127.0.0.1:8080", help="where the gateway is")
        parser.add_argument("--issuer", help="who signs the tokens: its PUBLIC_URL (default: --gateway)")
        options = parser.parse_args()
        self.name, self.answer, self.gateway = name, answer, options.gateway.rstrip("/")
        self.issuer, self.port = (options.issuer or self.gateway).rstrip("/"), options.port
        self.keys = None

    def refuse(self, sentence, status=401):
        raise Refusal(status, sentence)

    def verify(self, token):
        for fresh in (False, True):  # once more with fresh keys: the gateway may have a new one
            if fresh or self.keys is None:
                try:
                    with urllib.request.urlopen(self.gateway + "/.well-known/jwks.json", timeout=5) as reply:
                        self.keys = jwk.JWKSet.from_json(reply.read())
                except OSError as error:
                    self.refuse(f"the gateway's keys are not to be had: {error}", 503)
            try:
                return json.loads(jwt.JWT(jwt=token, key=self.keys, algs=["EdDSA"], check_claims={
                    "iss": self.issuer, "aud": self.issuer, "sub": None, "exp": None}).claims)
            except jwt.JWTMissingKey:
                continue
            except (ValueError, jwt.JWException) as error:
                self.refuse(f"the token is not good: {error}")
        self.refuse("the token is signed with a key that the gateway does not have")

    def handler(agent):  # noqa: N805 - <self> is the handler's below
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                call = None
                try:
                    body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
                    call = Call(agent, self.headers, body if isinstance(body, dict) else {}, self.connection)
                    call.log("info", f"token verified: acting for {call.user}, act chain {' <- '.join(call.chain)}")
                    status, answer = 200, agent.answer(call)
                except (Refusal, ValueError, KeyError) as error:
                    status, answer = getattr(error, "status", 400), {"detail": str(error)}
                    agent.explain(call, answer["detail"])
                data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *arguments):
                pass  # what happens is in the gateway's memory, for the user to read

        return Handler

    def explain(self, call, sentence):
        """The user reads in memory why a task has failed: the gateway passes only the status on."""
        try:
            if call:
                call.log("error", sentence)
        except Refusal:
            print(f"{self.name}: {sentence}", flush=True)

    def run(self):
        server = ThreadingHTTPServer(("127.0.0.1", self.port), self.handler())
        server.daemon_threads = True
        print(f"{self.name} on http://127.0.0.1:{server.server_address[1]}/api/chat", flush=True)
        server.serve_forever()

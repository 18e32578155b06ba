# SPDX-License-Identifier: MIT
"""A scripted agent: an HTTP server that remembers what it was asked and answers as the test says.

    agent = Agent(lambda call: call.reply({"ok": 1}))
    agent.calls[-1].headers, .body, .token
"""
import http.server
import json
import threading


class Call:
    def __init__(self, handler, body):
        self.handler = handler
        self.path = handler.path
        self.headers = dict(handler.headers.items())
        self.raw = body
        self.body = json.loads(body) if body else None

    def header(self, name):
        values = [value for key, value in self.headers.items() if key.lower() == name.lower()]
        return values[0] if values else None

    @property
    def token(self):
        return self.header("Authorization").removeprefix("Bearer ")

    def reply(self, value, status=200, fields=(), content_type="application/json"):
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.handler.send_response(status)
        self.handler.send_header("Content-Type", content_type)
        self.handler.send_header("Content-Length", str(len(body)))
        for name, text in fields:
            self.handler.send_header(name, text)
        self.handler.end_headers()
        self.handler.wfile.write(body)

    def write(self, data):
        self.handler.wfile.write(data)
        self.handler.wfile.flush()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        call = Call(self, self.rfile.read(int(self.headers.get("Content-Length", 0))))
        self.server.agent.calls.append(call)
        self.server.agent.script(call)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, *_):
        pass  # a gateway that gives up is part of the tests


class Agent:
    def __init__(self, script=lambda call: call.reply({"ok": True})):
        self.script = script
        self.calls = []
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.agent = self
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_address[1]}/api/chat"

    def close(self):
        self.server.shutdown()
        self.server.server_close()

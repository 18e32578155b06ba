# SPDX-License-Identifier: MIT
#
# app.py - a web application whose users have tokens: it passes the token of whoever asks on to the gateway, which proves
# it. The application itself needs no keys, and what its users say is kept apart in memory by user.
import os

import requests
from flask import Flask, Response, abort, request

url = os.environ.get("ATTACH_URL", "http://localhost:8080")
model = os.environ.get("MODEL", "tinyllama")
app = Flask(__name__)


def gateway(method, path, **arguments):
    token = request.headers.get("Authorization", "")
    reply = requests.request(method, url + path, headers={"Authorization": token}, timeout=120, **arguments)
    if reply.status_code >= 400:  # the gateway's words are meant for the user: "Missing Bearer token", ...
        abort(Response(reply.content, reply.status_code, content_type=reply.headers.get("Content-Type")))
    return reply


@app.get("/ask")
def ask():
    messages = [{"role": "user", "content": request.args.get("q", "hello")}]
    body = {"model": model, "messages": messages, "stream": True}
    reply = gateway("POST", "/api/chat", json=body, stream=True)
    return Response(reply.iter_content(None), content_type=reply.headers["Content-Type"],
                    headers={"X-Asked-By": reply.headers["X-Attach-User"]})


@app.get("/history")
def history():
    return gateway("GET", "/mem/events", params={"event": "exchange", "limit": 10}).json()


if __name__ == "__main__":
    app.run(port=int(os.environ.get("FLASK_PORT", "5000")))

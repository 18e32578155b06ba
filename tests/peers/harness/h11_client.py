# SPDX-License-Identifier: MIT
"""h11 as a client. Standard input: {"host", "port", "requests": [{"method", "target", "headers", "pieces", "pattern_bytes",
"expects_continue"}, ...]}, all sent over one connection. Standard output: what h11 made of the replies, as a list."""
import hashlib
import json
import socket
import sys

import h11

SECONDS_MAX = 30


def pattern(count):
    """<count> bytes that are no text: the same as pattern() of http_clients.test.mjs."""
    return bytes((i * 31 + (i >> 8) * 17) & 255 for i in range(65536)) * (count // 65536) + \
        bytes((i * 31 + (i >> 8) * 17) & 255 for i in range(count % 65536))


class Exchange:
    def __init__(self, sock, connection):
        self.sock = sock
        self.connection = connection

    def send(self, event):
        self.sock.sendall(self.connection.send(event))

    def next_event(self):
        while True:
            event = self.connection.next_event()
            if event is not h11.NEED_DATA:
                return event
            self.connection.receive_data(self.sock.recv(65536))

    def run(self, request):
        pieces = [piece.encode() for piece in request.get("pieces", [])]
        if "pattern_bytes" in request:
            whole = pattern(request["pattern_bytes"])
            pieces = [whole[i:i + 100_000] for i in range(0, len(whole), 100_000)]
        self.send(h11.Request(method=request["method"], target=request["target"],
                              headers=request["headers"]))
        interim = []
        if request.get("expects_continue"):
            event = self.next_event()
            assert isinstance(event, h11.InformationalResponse), event
            interim.append(event.status_code)
        for piece in pieces:
            self.send(h11.Data(data=piece))
        self.send(h11.EndOfMessage())
        return self.reply(interim)

    def reply(self, interim):
        event = self.next_event()
        while isinstance(event, h11.InformationalResponse):
            interim.append(event.status_code)
            event = self.next_event()
        assert isinstance(event, h11.Response), event
        digest, length = hashlib.sha256(), 0
        head, event = event, self.next_event()
        while isinstance(event, h11.Data):
            digest.update(event.data)
            length += len(event.data)
            event = self.next_event()
        assert isinstance(event, h11.EndOfMessage), event
        return {
            "status": head.status_code,
            "headers": {name.decode(): value.decode("latin-1") for name, value in head.headers},
            "interim": interim,
            "length": length,
            "sha256": digest.hexdigest(),
            "stays_open": self.connection.our_state is h11.DONE and self.connection.their_state is h11.DONE,
        }


def main():
    order = json.load(sys.stdin)
    results = []
    with socket.create_connection((order["host"], order["port"]), timeout=SECONDS_MAX) as sock:
        exchange = Exchange(sock, h11.Connection(h11.CLIENT))
        for request in order["requests"]:
            results.append(exchange.run(request))
            if results[-1]["stays_open"]:
                exchange.connection.start_next_cycle()
    json.dump(results, sys.stdout)


main()

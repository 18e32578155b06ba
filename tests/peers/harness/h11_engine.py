# SPDX-License-Identifier: MIT
"""h11 as an engine: says in JSON what it was sent. What h11 refuses is written to standard error as "fault: ..."."""
import hashlib
import json
import signal
import socket
import sys
import threading

import h11


def serve(sock, number):
    connection = h11.Connection(h11.SERVER)
    request, digest, length = None, None, 0
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError as error:
            print(f"fault: {error}", file=sys.stderr, flush=True)
            return
        if event is h11.NEED_DATA:
            if connection.they_are_waiting_for_100_continue:
                sock.sendall(connection.send(h11.InformationalResponse(status_code=100, headers=[])))
            connection.receive_data(sock.recv(65536))
        elif isinstance(event, h11.Request):
            request, digest, length = event, hashlib.sha256(), 0
        elif isinstance(event, h11.Data):
            digest.update(event.data)
            length += len(event.data)
        elif isinstance(event, h11.EndOfMessage):
            body = json.dumps({
                "method": request.method.decode(), "target": request.target.decode(),
                "headers": [[name.decode(), value.decode("latin-1")] for name, value in request.headers],
                "length": length, "sha256": digest.hexdigest(), "connection": number,
            }).encode()
            # Without a length: chunked.
            sock.sendall(connection.send(h11.Response(status_code=200, headers=[("Content-Type", "application/json")])))
            sock.sendall(connection.send(h11.Data(data=body)))
            sock.sendall(connection.send(h11.EndOfMessage()))
            connection.start_next_cycle()
        else:
            return  # closed


def serve_and_close(sock, number):
    with sock:
        try:
            serve(sock, number)
        except (OSError, h11.LocalProtocolError) as error:
            print(f"fault: {error}", file=sys.stderr, flush=True)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"engine on http://127.0.0.1:{listener.getsockname()[1]}", file=sys.stderr, flush=True)
    number = 0
    while True:
        sock, _ = listener.accept()
        number += 1
        threading.Thread(target=serve_and_close, args=(sock, number), daemon=True).start()


main()

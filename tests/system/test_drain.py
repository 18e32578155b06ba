# SPDX-License-Identifier: MIT
"""SIGTERM: nothing new is taken, what runs is finished, and the process ends with 0; DRAIN_TIMEOUT and
a second signal end what does not end by itself."""
import queue
import signal
import socket
import time

import pytest

from harness import http
from harness.http import Truncated
from harness.issuer import Issuer
from harness.wait import PATIENCE, wait_until

# Long enough that a gateway which only ends because of it fails the test.
NEVER = "1h"


@pytest.fixture
def draining(start_gateway):
    """A gateway with one worker whose DRAIN_TIMEOUT helps nobody."""
    return start_gateway(DRAIN_TIMEOUT=NEVER, WORKERS="1")


class Stream:
    """A streamed reply whose pieces the test sends one by one."""

    def __init__(self, engine, **head):
        self.turns = queue.Queue()
        self.gone = queue.Queue()

        def script(call):
            call.send(http.reply_head(200, is_chunked=True, **head))
            while (piece := self.turns.get(timeout=30)) is not None:
                call.send(http.chunk(piece))
                if piece == b"the last one":
                    self.gone.put(call.wait_gone())
                    return
            call.send(http.LAST_CHUNK)
        engine.run(script)

    def send(self, piece):
        self.turns.put(piece)

    def end(self):
        self.turns.put(None)


def begin_stream(gateway, token):
    client = gateway.connect()
    client.send(client.request("GET", "/api/tags", token=token))
    assert client.read_head().status == 200
    return client


def terminate(gateway):
    gateway.terminate()
    gateway.wait_for_message("^SIGTERM: finishing what runs")


def expect_ended(gateway):
    for client in gateway.clients:
        client.close()  # a reply is given time to be read before its connection goes
    assert gateway.wait_ended() == 0
    assert gateway.lines(message="ended"), gateway.text()


# ---- what idles ----

def test_with_nothing_to_do_it_ends_at_once(draining):
    draining.terminate()
    expect_ended(draining)


def test_idle_connections_are_closed(draining, token):
    fresh, used = draining.connect(), draining.connect()
    used.ask("GET", "/api/tags", token=token)
    wait_until(lambda: draining.metrics()["attach_connections"] == 3, "both to be accepted")
    draining.terminate()
    used.expect_closed()
    fresh.expect_closed()
    expect_ended(draining)


def test_an_idle_operator_does_not_hold_it(draining):
    admin = draining.connect_admin()
    assert admin.ask("GET", "/metrics").status == 200
    draining.terminate()
    admin.expect_closed()
    expect_ended(draining)


def test_a_tls_handshake_that_does_not_come_does_not_hold_it(start_gateway, authority):
    certificate, key = authority.server(name="drain")
    gateway = start_gateway(DRAIN_TIMEOUT=NEVER, TLS_CERT=certificate, TLS_KEY=key,
                            tls=authority.client_context())
    silent = socket.create_connection(gateway.address)
    with gateway.connect() as client:
        client.expect_open()
    gateway.terminate()
    expect_ended(gateway)
    silent.close()


def test_nothing_new_is_taken(draining, engine, token):
    stream = Stream(engine)
    client = begin_stream(draining, token)
    terminate(draining)

    def is_refused():
        try:
            socket.create_connection(draining.address, timeout=1).close()
        except ConnectionRefusedError:
            return True
        return False
    wait_until(is_refused, "new connections to be refused")
    stream.end()
    client.read_rest()
    expect_ended(draining)


# ---- what runs ----

def test_a_stream_is_finished(draining, engine, token):
    """On a kept connection, which then ends without being told in the head that it would."""
    stream = Stream(engine)
    client = begin_stream(draining, token)
    stream.send(b"before")
    assert client.read_body(6) == b"before"
    terminate(draining)
    for piece in (b"one", b"x" * 100_000, b"two"):
        stream.send(piece)
        assert client.read_body(len(piece)) == piece
    stream.end()
    assert client.read_rest() == b""
    client.expect_closed()
    expect_ended(draining)
    assert draining.lines(message="request", path="/api/tags", status=200)


def test_a_reply_that_begins_later_says_that_it_is_the_last(draining, engine, token):
    go_on = queue.Queue()

    def script(call):
        go_on.get(timeout=PATIENCE)
        call.send(http.reply(200, b"late"))
    engine.run(script)
    client = draining.connect()
    client.send(client.request("GET", "/api/tags", token=token))
    engine.take_request()
    terminate(draining)
    go_on.put("now")
    reply = client.read_reply()
    assert (reply.body, reply.says_close) == (b"late", True)
    client.expect_closed()
    expect_ended(draining)


def test_an_upload_is_finished(draining, engine, token):
    client = draining.connect()
    text = client.request("POST", "/api/show", body=b"x" * 50_000, token=token)
    client.send(text[:-20_000])
    wait_until(lambda: engine.heads, "the engine to have the head")
    terminate(draining)
    client.send(text[-20_000:])
    reply = client.read_reply()
    assert reply.status == 200 and reply.says_close
    assert engine.take_request().body == b"x" * 50_000
    expect_ended(draining)


def test_a_client_that_reads_slowly_gets_the_rest(draining, engine, token):
    body = b"x" * 32_000_000  # more than sockets hold
    engine.answer(http.reply(200, body))
    client = draining.connect(receive_buffer=65_536)
    client.send(client.request("GET", "/api/tags", token=token))
    client.read_head()
    terminate(draining)
    time.sleep(0.1)
    assert client.read_rest() == body
    expect_ended(draining)


def test_streams_of_every_worker_are_finished(start_gateway, engine, token):
    gateway = start_gateway(DRAIN_TIMEOUT=NEVER, WORKERS="4")
    stream = Stream(engine)
    clients = [begin_stream(gateway, token) for _ in range(12)]
    terminate(gateway)
    for _ in clients:
        stream.end()
    for client in clients:
        assert client.read_rest() == b""
    expect_ended(gateway)


# ---- requests on connections that were open ----

def test_half_a_head_may_still_become_a_request(draining, engine, token):
    client = draining.connect()
    text = client.request("GET", "/api/tags", token=token)
    client.send(text[:20])
    wait_until(lambda: draining.metrics()["attach_connections"] == 2, "the connection")
    time.sleep(0.05)  # the bytes are read, too
    terminate(draining)
    client.send(text[20:])
    reply = client.read_reply()
    assert reply.status == 200 and reply.says_close
    client.expect_closed()
    expect_ended(draining)


def test_half_a_head_is_not_waited_for_longer_than_ever(start_gateway):
    gateway = start_gateway(DRAIN_TIMEOUT=NEVER, HEADER_TIMEOUT="300ms")
    client = gateway.connect()
    client.send(b"GET /healthz HTTP/1.1\r\n")
    time.sleep(0.05)
    gateway.terminate()
    assert client.read_reply().status == 408
    expect_ended(gateway)


def test_readyz_says_no_while_draining(draining):
    """Seen by whoever has a connection: a load balancer must not send more."""
    client = draining.connect()
    text = client.request("GET", "/readyz")
    assert client.ask("GET", "/readyz").status == 200
    client.send(text[:20])
    time.sleep(0.05)
    terminate(draining)
    client.send(text[20:])
    reply = client.read_reply()
    assert (reply.status, reply.says_close) == (503, True)
    expect_ended(draining)


def test_what_was_pipelined_behind_a_stream_is_answered_as_the_last(draining, engine, token):
    """The head of the stream promised to go on; the next reply takes that back."""
    stream = Stream(engine)
    client = draining.connect()
    client.send(client.request("GET", "/api/tags", token=token) + client.request("GET", "/readyz")
                + client.request("GET", "/healthz"))
    assert client.read_head().status == 200
    terminate(draining)
    stream.end()
    assert client.read_rest() == b""
    reply = client.read_reply()
    assert (reply.status, reply.says_close) == (503, True)
    client.expect_closed()
    expect_ended(draining)


def test_a_request_that_waits_for_keys_is_answered(start_gateway, engine):
    issuer = Issuer()
    issuer.hang()
    gateway = start_gateway(ready=False, OIDC_ISSUER=issuer.url, DRAIN_TIMEOUT=NEVER, JWKS_TIMEOUT="60s")
    client = gateway.connect()
    client.send(client.request("GET", "/api/tags", token=issuer.token()))
    wait_until(lambda: issuer.fetches["discovery"], "the issuer to be asked")
    time.sleep(0.05)
    gateway.terminate()
    reply = client.read_reply()
    assert reply.status == 503 and reply.says_close
    expect_ended(gateway)
    engine.expect_targets()
    issuer.close()


# ---- what does not end by itself ----

def expect_cut(client, stream):
    with pytest.raises((Truncated, ConnectionResetError)):
        client.read_rest()
    assert stream.gone.get(timeout=PATIENCE + 1) is not None


def begin_endless(gateway, engine, token):
    stream = Stream(engine)
    client = begin_stream(gateway, token)
    stream.send(b"the last one")
    client.read_body(12)
    return client, stream


def test_drain_timeout_ends_what_runs(start_gateway, engine, token):
    gateway = start_gateway(DRAIN_TIMEOUT="300ms")
    client, stream = begin_endless(gateway, engine, token)
    terminate(gateway)
    expect_cut(client, stream)
    expect_ended(gateway)
    assert gateway.lines(level="warn", message="DRAIN_TIMEOUT is over: ending the requests that still run")


def test_drain_timeout_of_zero(start_gateway, engine, token):
    gateway = start_gateway(DRAIN_TIMEOUT="0")
    client, stream = begin_endless(gateway, engine, token)
    gateway.terminate()
    expect_cut(client, stream)
    expect_ended(gateway)


@pytest.mark.parametrize("first,second", [(signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGINT),
                                          (signal.SIGTERM, signal.SIGINT)], ids=str)
def test_a_second_signal_ends_at_once(draining, engine, token, first, second):
    client, stream = begin_endless(draining, engine, token)
    draining.process.send_signal(first)
    draining.wait_for_message("finishing what runs")
    client.socket.settimeout(0.1)
    with pytest.raises(TimeoutError):
        client.socket.recv(1)
    client.socket.settimeout(PATIENCE)
    draining.process.send_signal(second)
    expect_cut(client, stream)
    expect_ended(draining)


def test_sigint_drains_too(draining, engine, token):
    stream = Stream(engine)
    client = begin_stream(draining, token)
    draining.process.send_signal(signal.SIGINT)
    draining.wait_for_message("^SIGINT: finishing what runs")
    stream.send(b"whole")
    stream.end()
    assert client.read_rest() == b"whole"
    expect_ended(draining)


def test_a_client_that_stopped_reading_does_not_hold_it_past_its_timeout(start_gateway, engine, token):
    gateway = start_gateway(DRAIN_TIMEOUT=NEVER, WRITE_TIMEOUT="400ms")

    def script(call):
        call.send(http.reply_head(200, is_chunked=True))
        while True:
            call.send(http.chunk(b"x" * 65_536))
    engine.run(script)
    client = gateway.connect(receive_buffer=4096)
    client.send(client.request("GET", "/api/tags", token=token))
    engine.take_request()
    gateway.terminate()
    wait_until(lambda: gateway.process.poll() is not None, "the gateway to end")
    expect_ended(gateway)

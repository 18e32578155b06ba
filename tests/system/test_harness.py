# SPDX-License-Identifier: MIT
"""The harness itself: client and engine talk to each other with no gateway between."""
import pytest

from harness import http
from harness.client import Client
from harness.engine import Engine
from harness.http import ProtocolFault, Truncated


@pytest.fixture
def peer():
    engine = Engine()
    with Client(("127.0.0.1", engine.port)) as client:
        yield engine, client
    engine.close()


def test_a_request_arrives_byte_for_byte_and_is_answered(peer):
    engine, client = peer
    reply = client.ask("POST", "/a?b", {"X-One": "1"}, body=b"\0\xff")
    request = engine.take_request()
    assert (request.method, request.target, request.body) == ("POST", "/a?b", b"\0\xff")
    assert request.field("x-one") == "1"
    assert (reply.status, reply.body) == (200, b'{"engine":"hello"}')


def test_chunks_are_read_both_ways(peer):
    engine, client = peer
    engine.answer(http.reply(200, b"x" * 10000, is_chunked=True))
    assert client.ask("POST", "/", body=b"hello", is_chunked=True).body == b"x" * 10000
    assert engine.take_request().body == b"hello"


@pytest.mark.parametrize("reply", [
    b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
    b"HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX : y\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n\r\nbody without an end on a kept connection",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxx\r\n0\r\n\r\n",
])
def test_the_client_refuses_what_is_ambiguous(peer, reply):
    engine, client = peer
    engine.answer(reply)
    with pytest.raises(AssertionError):
        client.ask("GET", "/")


def test_a_truncated_reply_is_seen(peer):
    engine, client = peer

    def script(call):
        call.send(http.reply_head(200, length=10) + b"half")
        call.close()
    engine.run(script)
    with pytest.raises(Truncated):
        client.ask("GET", "/")


def test_the_engine_records_ambiguous_requests_as_faults(peer):
    engine, client = peer
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx")
    client.expect_closed()
    assert len(engine.faults) == 1


def test_the_engine_sees_a_client_leave(peer):
    engine, client = peer
    gone = []
    engine.run(lambda call: gone.append(call.wait_gone()))
    client.send(client.request("GET", "/"))
    engine.take_request()
    client.close()
    engine.connections[0].join(5)
    assert gone[0] is not None


def test_a_malformed_head_is_a_fault():
    with pytest.raises(ProtocolFault):
        http.parse_head(b"HTTP/1.1 200 OK\r\n folded: x\r\n\r\n")

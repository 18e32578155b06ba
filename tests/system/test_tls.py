# SPDX-License-Identifier: MIT
"""TLS on both sides: the listener with TLS_CERT and TLS_KEY, and an engine whose certificate counts.
(What an https engine's replies become is in test_engine.py.)"""
import hashlib
import queue
import random
import re
import socket
import ssl
import time

import pytest

from conftest import options_for
from harness import gateway as harness
from harness import http
from harness.certificates import Authority
from harness.client import Client
from harness.engine import Engine
from harness.http import Truncated
from harness.wait import PATIENCE

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def certificate(authority):
    return authority.server(name="listener")


@pytest.fixture(scope="module")
def module_gateway(issuer, module_engine, authority, certificate, tmp_path_factory):
    """Every test of this file that asks for `gateway` gets one that speaks TLS."""
    gateway = harness.Gateway(tmp_path_factory.mktemp("tls"), options_for(
        issuer, module_engine, TLS_CERT=certificate[0], TLS_KEY=certificate[1]),
        tls=authority.client_context())
    gateway.wait_ready()
    yield gateway
    gateway.stop()


def noise(size):
    return random.Random(size).randbytes(size)


def digest(data):
    return len(data), hashlib.sha256(data).hexdigest()


def context_of(authority, version):
    context = authority.client_context()
    context.set_ciphers("ALL:@SECLEVEL=0")  # so that it is the gateway who refuses
    context.minimum_version = context.maximum_version = version
    return context


# ---- versions ----

@pytest.mark.parametrize("version,name", [(ssl.TLSVersion.TLSv1_2, "TLSv1.2"),
                                          (ssl.TLSVersion.TLSv1_3, "TLSv1.3")], ids=str)
def test_version(gateway, authority, engine, token, version, name):
    with Client(gateway.address, tls=context_of(authority, version)) as client:
        assert client.socket.version() == name
        for _ in range(3):
            assert client.ask("GET", "/api/tags", token=token).status == 200
    engine.expect_targets("/api/tags", "/api/tags", "/api/tags")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1], ids=str)
def test_an_old_version_is_refused(gateway, authority, version):
    with pytest.raises(ssl.SSLError) as failure:
        Client(gateway.address, tls=context_of(authority, version))
    assert failure.value.reason == "TLSV1_ALERT_PROTOCOL_VERSION"
    gateway.connect().expect_open()


def test_the_certificate_is_the_one_that_was_given(gateway, certificate):
    with gateway.connect() as client:
        served = ssl.DER_cert_to_PEM_cert(client.socket.getpeercert(binary_form=True))
    with open(certificate[0], encoding="ascii") as file:
        assert served.strip() == file.read().strip()


# ---- what is no handshake ----

@pytest.mark.parametrize("text", [
    b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\r\n\r\n", b"\0" * 100, b"\x16\x03\x01\xff\xff",
    b"\x80\x2e\x01\x03\x01" + b"x" * 41, noise(5000),
], ids=["http", "empty lines", "zeros", "endless record", "SSLv2", "noise"])
def test_something_else_than_tls_is_closed(gateway, engine, text):
    sock = socket.create_connection(gateway.address, timeout=PATIENCE)
    answer = b""
    try:
        sock.sendall(text)
        sock.shutdown(socket.SHUT_WR)
        answer = sock.recv(1000)
    except OSError:
        pass  # it was closed before we were done
    assert b"HTTP" not in answer
    sock.close()
    gateway.connect().expect_open()
    engine.expect_targets()


@pytest.fixture
def hasty(start_gateway, authority, certificate):
    return start_gateway(TLS_CERT=certificate[0], TLS_KEY=certificate[1], HEADER_TIMEOUT="1s",
                         tls=authority.client_context())


def test_a_handshake_that_does_not_come(hasty, authority):
    """HEADER_TIMEOUT is its limit as well, whether nothing came or half of it."""
    hello = client_hello(authority)
    silent = []
    for count in (0, 1, len(hello) // 2, len(hello)):
        sock = socket.create_connection(hasty.address, timeout=PATIENCE)
        sock.sendall(hello[:count])
        silent.append(sock)
    for sock in silent:
        try:
            while sock.recv(10_000):
                pass
        except ConnectionResetError:
            pass
        sock.close()


def test_a_head_that_does_not_come_after_the_handshake(hasty):
    client = hasty.connect()
    client.send("GET /healthz HTTP/1.1\r\n")
    assert client.read_reply().status == 408
    client.expect_closed()


# ---- bytes that arrive in pieces ----

class Tunnel:
    """TLS by hand, so that a test decides which bytes travel when."""

    def __init__(self, context, address):
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")
        self.socket = socket.create_connection(address, timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def pump(self, call, send):
        """Calls until OpenSSL is content; what it wants to send goes out through <send>."""
        while True:
            try:
                result = call()
            except ssl.SSLWantReadError:
                result = None
            if self.outgoing.pending:
                send(self.outgoing.read())
            if result is not None:
                return result
            data = self.socket.recv(65_536)
            if not data:
                raise Truncated("closed by the gateway")
            self.incoming.write(data)

    def shake_hands(self, send=None):
        self.pump(lambda: self.tls.do_handshake() or True, send or self.socket.sendall)

    def record(self, data):
        """<data> as the bytes of one record, not sent."""
        self.tls.write(data)
        return self.outgoing.read()

    def read(self):
        return self.pump(lambda: self.tls.read(65_536), self.socket.sendall)

    def read_until(self, mark):
        text = b""
        while mark not in text:
            text += self.read()
        return text

    def close(self):
        self.socket.close()


def client_hello(authority):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = authority.client_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


@pytest.fixture
def tunnel(gateway, authority):
    tunnel = Tunnel(authority.client_context(), gateway.address)
    yield tunnel
    tunnel.close()


ASK = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


def test_a_handshake_byte_by_byte(tunnel):
    def send(data):
        for at in range(len(data)):
            tunnel.socket.sendall(data[at:at + 1])
    tunnel.shake_hands(send)
    tunnel.socket.sendall(tunnel.record(ASK))
    assert tunnel.read_until(b"}").startswith(b"HTTP/1.1 200 ")


def test_a_record_split_at_every_byte(tunnel):
    tunnel.shake_hands()
    at = 0
    while True:
        record = tunnel.record(ASK)
        at += 1
        if at == len(record):
            break
        tunnel.socket.sendall(record[:at])
        time.sleep(0.0005)
        tunnel.socket.sendall(record[at:])
        assert tunnel.read_until(b"}").startswith(b"HTTP/1.1 200 "), f"split at {at}"


def test_one_request_in_many_records(tunnel):
    tunnel.shake_hands()
    tunnel.socket.sendall(b"".join(tunnel.record(ASK[at:at + 1]) for at in range(len(ASK))))
    assert tunnel.read_until(b"}").startswith(b"HTTP/1.1 200 ")


def test_many_requests_in_one_record(tunnel):
    tunnel.shake_hands()
    tunnel.socket.sendall(tunnel.record(ASK * 50))
    text = b""
    while text.count(b"}") < 50:
        text += tunnel.read()
    assert text.count(b"HTTP/1.1 200 ") == 50


def test_half_a_record_and_then_nothing(gateway, tunnel):
    """Half a head in another form."""
    tunnel.shake_hands()
    tunnel.socket.sendall(tunnel.record(ASK)[:30])
    tunnel.socket.shutdown(socket.SHUT_WR)
    with pytest.raises((Truncated, ConnectionResetError, ssl.SSLError)):
        tunnel.read()
    gateway.connect().expect_open()


def test_a_record_that_was_tampered_with(gateway, engine, tunnel):
    tunnel.shake_hands()
    record = bytearray(tunnel.record(ASK))
    record[-1] ^= 1
    tunnel.socket.sendall(record)
    with pytest.raises((Truncated, ConnectionResetError, ssl.SSLError)):
        tunnel.read()
    gateway.connect().expect_open()


# ---- HTTP through it ----

def test_a_connection_is_kept_and_closed_with_a_word(gateway, token):
    """close_notify tells the end from a cut."""
    client = gateway.connect()
    for _ in range(5):
        assert not client.ask("GET", "/api/tags", token=token).says_close
    assert client.ask("GET", "/api/tags", {"Connection": "close"}, token=token).says_close
    client.expect_closed()  # an end without close_notify would be an ssl.SSLError


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=str)
@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
def test_large_bodies_both_ways(gateway, authority, engine, token, version, is_chunked):
    body = noise(16 * MIB)
    engine.answer(http.reply(200, body[::-1], is_chunked=is_chunked))
    with Client(gateway.address, tls=context_of(authority, version)) as client:
        for size in (1, 16_383, 16_384, 16_385, 16 * MIB):
            reply = client.ask("POST", "/api/show", body=body[:size], token=token, is_chunked=is_chunked)
            assert digest(engine.take_request().body) == digest(body[:size])
            assert digest(reply.body) == digest(body[::-1])


def test_an_upload_to_a_slow_engine(gateway, engine, token):
    """What waits inside the TLS layer is not forgotten when the engine takes bytes again."""
    body = noise(24 * MIB)
    engine.reads_body = False

    def script(call):
        reader = call.connection.reader
        came = []
        for at in range(0, len(body), 256 * 1024):
            came.append(reader.exactly(256 * 1024))
            if at % (4 * MIB) == 0:
                time.sleep(0.05)
        call.request.body = b"".join(came)
        call.send(http.reply(200, hashlib.sha256(call.request.body).hexdigest().encode()))
    engine.run(script)
    reply = gateway.ask("POST", "/api/show", body=body, token=token)
    assert reply.body.decode() == digest(body)[1]


def test_a_reply_to_a_slow_client(gateway, engine, token):
    body = noise(8 * MIB)
    engine.answer(http.reply(200, body))
    client = gateway.connect(receive_buffer=4096)
    client.send(client.request("GET", "/api/tags", token=token))
    client.read_head()
    time.sleep(0.2)
    first = client.read_body(100_000)
    time.sleep(0.2)
    assert digest(first + client.read_rest()) == digest(body)


def test_each_piece_arrives_before_the_next_is_sent(gateway, engine, token):
    turns = queue.Queue()

    def script(call):
        call.send(http.reply_head(200, is_chunked=True))
        while (piece := turns.get(timeout=PATIENCE)) is not None:
            call.send(http.chunk(piece))
        call.send(http.LAST_CHUNK)
    engine.run(script)
    client = gateway.connect()
    client.send(client.request("GET", "/api/tags", token=token))
    client.read_head()
    for piece in [b"1", b"data: 2\n\n", noise(50_000), b"4"] * 5:
        turns.put(piece)
        assert client.read_body(len(piece)) == piece
    turns.put(None)
    assert client.read_rest() == b""
    client.expect_open()


def test_a_cut_reply_is_cut_without_a_word(gateway, engine, token):
    """To HTTP/1.0 the end of the connection is the end of the reply: no close_notify may say so."""
    def script(call):
        call.send(http.reply_head(200, is_chunked=True) + http.chunk(b"half"))
        call.close()
    engine.run(script)
    client = gateway.connect()
    client.send(http.head("GET /api/tags HTTP/1.0", [("Authorization", f"Bearer {token}")]))
    with pytest.raises((ConnectionResetError, ssl.SSLEOFError)):
        client.read_reply()


@pytest.mark.parametrize("way", ["close_notify", "FIN", "RST"])
def test_a_client_that_leaves_releases_the_engine(gateway, engine, token, way):
    gone = queue.Queue()

    def script(call):
        call.send(http.reply_head(200, is_chunked=True) + http.chunk(b"1"))
        gone.put(call.wait_gone())
    engine.run(script)
    client = gateway.connect()
    client.send(client.request("GET", "/api/tags", token=token))
    client.read_head()
    client.read_body(1)
    left_at = time.monotonic()
    if way == "close_notify":
        client.socket.unwrap()  # says it, and waits for the answer
    elif way == "FIN":
        socket.socket.shutdown(client.socket, socket.SHUT_WR)  # without the word
    else:
        client.reset()
    gone_at = gone.get(timeout=PATIENCE + 1)
    assert gone_at is not None and gone_at - left_at < 2


def test_the_admin_listener_stays_plain(gateway):
    with gateway.connect_admin() as client:
        assert client.ask("GET", "/metrics").status == 200


def test_a_tls_client_at_a_plain_listener(start_gateway, authority, engine):
    gateway = start_gateway()
    with socket.create_connection(gateway.address, timeout=PATIENCE) as sock:
        sock.sendall(client_hello(authority))
        assert sock.recv(1000).startswith(b"HTTP/1.1 400 ")
    engine.expect_targets()


# ---- files that are no good ----

def expect_refused(tmp_path, pattern, **options):
    settings = {"OIDC_ISSUER": "https://id.example", "OIDC_AUD": "a", "PORT": "0", "ADMIN_PORT": "0"}
    code, _, stderr = harness.run_command(tmp_path, ["serve"], {**settings, **options})
    assert code == 2, stderr
    assert re.search(pattern, stderr), stderr


def test_files_that_are_no_good(tmp_path, authority, certificate):
    other = authority.server(name="other")
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    missing = str(tmp_path / "missing.pem")
    expect_refused(tmp_path, "TLS_CERT.*TLS_KEY.*both", TLS_CERT=certificate[0])
    expect_refused(tmp_path, "TLS_CERT.*TLS_KEY.*both", TLS_KEY=certificate[1])
    expect_refused(tmp_path, f"TLS_CERT {missing}", TLS_CERT=missing, TLS_KEY=certificate[1])
    expect_refused(tmp_path, f"TLS_CERT {empty}", TLS_CERT=empty, TLS_KEY=certificate[1])
    expect_refused(tmp_path, f"TLS_CERT {certificate[1]}", TLS_CERT=certificate[1], TLS_KEY=certificate[1])
    expect_refused(tmp_path, f"TLS_KEY {missing}", TLS_CERT=certificate[0], TLS_KEY=missing)
    expect_refused(tmp_path, f"TLS_KEY {empty}", TLS_CERT=certificate[0], TLS_KEY=empty)
    expect_refused(tmp_path, f"TLS_KEY {other[1]}", TLS_CERT=certificate[0], TLS_KEY=other[1])
    expect_refused(tmp_path, f"ENGINE_CA_FILE {missing}", ENGINE_URL="https://e.example",
                   ENGINE_CA_FILE=missing)
    expect_refused(tmp_path, f"ENGINE_CA_FILE {empty}", ENGINE_URL="https://e.example", ENGINE_CA_FILE=empty)


# ---- the engine's certificate ----

def expect_engine_refused(start_gateway, engine, token, authorities, said):
    gateway = start_gateway(ENGINE_URL=engine.url, ENGINE_CA_FILE=authorities)
    reply = gateway.ask("POST", "/api/show", body=b"{}", token=token)
    assert reply.status == 502
    assert gateway.reason_of(reply) == "engine_unreachable"
    assert said not in reply.detail  # that is for the operator
    assert said in gateway.wait_for_line(level="warn", request_id=reply.request_id)["message"]
    assert engine.heads == []
    engine.close()


def test_an_expired_engine(start_gateway, authority, token):
    engine = Engine(tls=authority.server_context(name="expired", ends_in_days=-1))
    expect_engine_refused(start_gateway, engine, token, authority.file, "expired")


def test_a_self_signed_engine(start_gateway, authority, token):
    engine = Engine(tls=authority.server_context(name="selfmade", is_self_signed=True))
    expect_engine_refused(start_gateway, engine, token, authority.file, "self-signed")


def test_an_engine_of_another_host(start_gateway, authority, token):
    engine = Engine(tls=authority.server_context(hosts=("other.example", "127.0.0.2"), name="elsewhere"))
    expect_engine_refused(start_gateway, engine, token, authority.file, "IP address mismatch")


def test_an_engine_that_somebody_else_vouches_for(start_gateway, authority, token, tmp_path):
    other = Authority(tmp_path, "Another Authority")
    engine = Engine(tls=other.server_context(name="other"))
    expect_engine_refused(start_gateway, engine, token, authority.file, "local issuer")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_engine_that_is_too_old(start_gateway, authority, token):
    context = authority.server_context(name="old")
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    engine = Engine(tls=context)
    expect_engine_refused(start_gateway, engine, token, authority.file, "protocol version")


def test_tls_from_end_to_end(start_gateway, authority, certificate, token):
    engine = Engine(tls=authority.server_context(name="end"))
    gateway = start_gateway(ENGINE_URL=engine.url, ENGINE_CA_FILE=authority.file, WORKERS="1",
                            TLS_CERT=certificate[0], TLS_KEY=certificate[1],
                            tls=authority.client_context())
    body = noise(2 * MIB)
    engine.run(lambda call: call.send(http.reply(200, call.request.body[::-1], is_chunked=True)))
    client = gateway.connect()
    for _ in range(3):
        reply = client.ask("POST", "/api/show", body=body, token=token)
        assert digest(reply.body) == digest(body[::-1])
    assert engine.accepted == 1 and engine.faults == []
    engine.close()

# SPDX-License-Identifier: MIT
"""Whatever two servers could read differently is refused: 400, Connection: close, and no complete
request reaches the engine (RFC 9112 2.2, 3, 5, 6, 7 and 11.2).

Every request carries a good token and a second request behind it, so that a mistake would show as a
request the engine got.
"""
import pytest

from harness import http

SMUGGLED = "GET /api/tags?smuggled=1 HTTP/1.1\r\nHost: {host}\r\nAuthorization: {token}\r\n\r\n"


def line(text):
    """A request line (and whatever belongs to it) before sound fields."""
    return text + "\r\nHost: {host}\r\nAuthorization: {token}\r\n\r\n"


def field(text):
    """One field of a POST that else is sound."""
    return ("POST /api/show HTTP/1.1\r\nHost: {host}\r\nAuthorization: {token}\r\n" + text +
            "\r\n\r\nhello")


def fields(*texts):
    return field("\r\n".join(texts))


def version_1_0(text):
    return ("POST /api/show HTTP/1.0\r\nHost: {host}\r\nAuthorization: {token}\r\n" + text +
            "\r\n\r\n0\r\n\r\n")


def body(text):
    """A chunked body."""
    return ("POST /api/show HTTP/1.1\r\nHost: {host}\r\nAuthorization: {token}\r\n"
            "Transfer-Encoding: chunked\r\n\r\n" + text)


REQUEST_LINES = {
    "two spaces after the method": line("GET  /api/tags HTTP/1.1"),
    "two spaces before the version": line("GET /api/tags  HTTP/1.1"),
    "tab after the method": line("GET\t/api/tags HTTP/1.1"),
    "tab before the version": line("GET /api/tags\tHTTP/1.1"),
    "space before the method": line(" GET /api/tags HTTP/1.1"),
    "space after the version": line("GET /api/tags HTTP/1.1 "),
    "no version (HTTP/0.9)": line("GET /api/tags"),
    "no target": line("GET HTTP/1.1"),
    "empty target": line("GET  HTTP/1.1"),
    "lower-case protocol": line("GET /api/tags http/1.1"),
    "another protocol": line("GET /api/tags HTCPCP/1.1"),
    "version of three digits": line("GET /api/tags HTTP/1.10"),
    "version with a leading zero": line("GET /api/tags HTTP/01.1"),
    "version without a minor": line("GET /api/tags HTTP/1"),
    "bytes behind the version": line("GET /api/tags HTTP/1.1 x"),
    "space in the target": line("GET /api/ tags HTTP/1.1"),
    "method that is no token": line("GE(T /api/tags HTTP/1.1"),
    "method with a colon": line("GET: /api/tags HTTP/1.1"),
    "method with an 8-bit byte": line("G\xc9T /api/tags HTTP/1.1"),
    "NUL in the method": line("GE\0T /api/tags HTTP/1.1"),
    "NUL in the target": line("GET /api/\0tags HTTP/1.1"),
    "control byte in the target": line("GET /api/\x01tags HTTP/1.1"),
    "8-bit byte in the target": line("GET /api/t\xe4gs HTTP/1.1"),
    "fragment in the target": line("GET /api/tags#x HTTP/1.1"),
    "relative target": line("GET api/tags HTTP/1.1"),
    "target of another scheme": line("GET ftp://{host}/api/tags HTTP/1.1"),
    "user info in the target": line("GET http://user@{host}/api/tags HTTP/1.1"),
    "CONNECT": line("CONNECT {host} HTTP/1.1"),
    "asterisk of another method": line("GET * HTTP/1.1"),
    "line end LF alone": "GET /api/tags HTTP/1.1\nHost: {host}\r\nAuthorization: {token}\r\n\r\n",
    "line end CR alone": "GET /api/tags HTTP/1.1\rHost: {host}\r\nAuthorization: {token}\r\n\r\n",
    "CR in the target": line("GET /api/\rtags HTTP/1.1"),
    "CR CR LF": line("GET /api/tags HTTP/1.1\r"),
    "LF before the line": "\n" + line("GET /api/tags HTTP/1.1"),
}

FIELDS = {
    "space before the colon": field("X-Test : 1"),
    "tab before the colon": field("X-Test\t: 1"),
    "space in the name": field("X Test: 1"),
    "empty name": field(": 1"),
    "no colon": field("X-Test"),
    "name that is no token": field("X(Test): 1"),
    "name with an 8-bit byte": field("X-T\xe9st: 1"),
    "name with a NUL": field("X-Te\0st: 1"),
    "name with a control byte": field("X-Te\x02st: 1"),
    "name in quotes": field('"X-Test": 1'),
    "obs-fold with a space": field("X-Test: 1\r\n and more"),
    "obs-fold with a tab": field("X-Test: 1\r\n\tand more"),
    "obs-fold of the framing": field("Content-Length:\r\n 5"),
    "first field begins with a space":
        "GET /api/tags HTTP/1.1\r\n X: 1\r\nHost: {host}\r\nAuthorization: {token}\r\n\r\n",
    "NUL in a value": field("X-Test: a\0b"),
    "control byte in a value": field("X-Test: a\x01b"),
    "DEL in a value": field("X-Test: a\x7fb"),
    "CR in a value": field("X-Test: a\rContent-Length: 5"),
    "LF as line end": field("X-Test: a\nContent-Length: 5"),
    "LF as the last line end":
        "GET /api/tags HTTP/1.1\r\nHost: {host}\r\nAuthorization: {token}\r\n\n",
    "CR CR LF as line end": field("X-Test: a\r"),
}

HOSTS = {
    "no Host": "GET /api/tags HTTP/1.1\r\nAuthorization: {token}\r\n\r\n",
    "Host twice, the same": field("Host: {host}"),
    "Host twice, another": field("Host: example.com"),
    "Host twice in another case": field("HOST: example.com"),
    "Host with user info": "GET /api/tags HTTP/1.1\r\nHost: a@{host}\r\nAuthorization: {token}\r\n\r\n",
    "Host with a path": "GET /api/tags HTTP/1.1\r\nHost: {host}/x\r\nAuthorization: {token}\r\n\r\n",
    "Host with a space": "GET /api/tags HTTP/1.1\r\nHost: {host} x\r\nAuthorization: {token}\r\n\r\n",
    "Host that is a list": "GET /api/tags HTTP/1.1\r\nHost: {host}, x\r\nAuthorization: {token}\r\n\r\n",
    "Host with a bad port": "GET /api/tags HTTP/1.1\r\nHost: 127.0.0.1:x\r\nAuthorization: {token}\r\n\r\n",
    "Host with a port too large":
        "GET /api/tags HTTP/1.1\r\nHost: 127.0.0.1:65536\r\nAuthorization: {token}\r\n\r\n",
    "Host with half a bracket":
        "GET /api/tags HTTP/1.1\r\nHost: [::1\r\nAuthorization: {token}\r\n\r\n",
}

LENGTHS = {
    "Content-Length twice, the same": fields("Content-Length: 5", "Content-Length: 5"),
    "Content-Length twice, another": fields("Content-Length: 5", "Content-Length: 0"),
    "Content-Length twice in another case": fields("Content-Length: 5", "content-length: 0"),
    "Content-Length that is a list": field("Content-Length: 5, 5"),
    "Content-Length that is a list without a space": field("Content-Length: 5,5"),
    "Content-Length with a plus": field("Content-Length: +5"),
    "Content-Length with a minus": field("Content-Length: -5"),
    "Content-Length of minus zero": field("Content-Length: -0"),
    "Content-Length that is empty": field("Content-Length:"),
    "Content-Length that is blank": field("Content-Length:  "),
    "Content-Length in hex": field("Content-Length: 0x5"),
    "Content-Length with a fraction": field("Content-Length: 5.0"),
    "Content-Length with an exponent": field("Content-Length: 5e0"),
    "Content-Length with a space inside": field("Content-Length: 5 5"),
    "Content-Length with a parameter": field("Content-Length: 5;x"),
    "Content-Length in quotes": field('Content-Length: "5"'),
    "Content-Length with an underscore": field("Content-Length: 1_0"),
    "Content-Length of 2^63": field("Content-Length: 9223372036854775808"),
    "Content-Length of 2^64 and 5": field("Content-Length: 18446744073709551621"),
    "Content-Length of many digits": field("Content-Length: " + "9" * 40),
    "Content-Length with letters": field("Content-Length: five"),
    "Content-Length with an 8-bit digit": field("Content-Length: \xb2"),
    "Content_Length": field("Content_Length: 5"),
}

CODINGS = {
    "Content-Length before Transfer-Encoding":
        fields("Content-Length: 5", "Transfer-Encoding: chunked"),
    "Transfer-Encoding before Content-Length":
        fields("Transfer-Encoding: chunked", "Content-Length: 5"),
    "Content-Length of zero with Transfer-Encoding":
        fields("Content-Length: 0", "Transfer-Encoding: chunked"),
    "Transfer-Encoding identity": field("Transfer-Encoding: identity"),
    "Transfer-Encoding gzip": field("Transfer-Encoding: gzip"),
    "Transfer-Encoding xchunked": field("Transfer-Encoding: xchunked"),
    "Transfer-Encoding chunked x": field("Transfer-Encoding: chunked x"),
    "Transfer-Encoding chunked with a parameter": field("Transfer-Encoding: chunked;q=1"),
    "Transfer-Encoding in quotes": field('Transfer-Encoding: "chunked"'),
    "Transfer-Encoding chunked twice in a list": field("Transfer-Encoding: chunked, chunked"),
    "Transfer-Encoding chunked, identity": field("Transfer-Encoding: chunked, identity"),
    "Transfer-Encoding chunked and a comma": field("Transfer-Encoding: chunked,"),
    "Transfer-Encoding that is empty": field("Transfer-Encoding:"),
    "Transfer-Encoding with a vertical tab": field("Transfer-Encoding: \x0bchunked"),
    "Transfer-Encoding twice": fields("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
    "Transfer-Encoding twice, identity":
        fields("Transfer-Encoding: chunked", "Transfer-Encoding: identity"),
    "Transfer-Encoding with a space before the colon": field("Transfer-Encoding : chunked"),
    "Transfer_Encoding": field("Transfer_Encoding: chunked"),
    "Transfer-Encoding in HTTP/1.0": version_1_0("Transfer-Encoding: chunked"),
    "both in HTTP/1.0": version_1_0("Content-Length: 5\r\nTransfer-Encoding: chunked"),
    "Connection that is no list of tokens": field("Connection: keep alive"),
}

CHUNKS = {
    "size that is empty": body("\r\nhello\r\n0\r\n\r\n"),
    "size with 0x": body("0x5\r\nhello\r\n0\r\n\r\n"),
    "size with a plus": body("+5\r\nhello\r\n0\r\n\r\n"),
    "size with a minus": body("-5\r\nhello\r\n0\r\n\r\n"),
    "space before the size": body(" 5\r\nhello\r\n0\r\n\r\n"),
    "space after the size": body("5 \r\nhello\r\n0\r\n\r\n"),
    "tab after the size": body("5\t\r\nhello\r\n0\r\n\r\n"),
    "size that is no hex": body("g\r\nhello\r\n0\r\n\r\n"),
    "size with an underscore": body("1_0\r\nhello\r\n0\r\n\r\n"),
    "size of 17 digits": body("00000000000000005\r\nhello\r\n0\r\n\r\n"),
    "size of 2^64 and 5": body("10000000000000005\r\nhello\r\n0\r\n\r\n"),
    "size of 2^64 - 1": body("ffffffffffffffff\r\nhello\r\n0\r\n\r\n"),
    "size of 2^63": body("8000000000000000\r\nhello\r\n0\r\n\r\n"),
    "LF after the size": body("5\nhello\r\n0\r\n\r\n"),
    "CR after the size": body("5\rhello\r\n0\r\n\r\n"),
    "CR CR LF after the size": body("5\r\r\nhello\r\n0\r\n\r\n"),
    "NUL after the size": body("5\0\r\nhello\r\n0\r\n\r\n"),
    "data longer than the size": body("4\r\nhello\r\n0\r\n\r\n"),
    "data shorter than the size": body("6\r\nhello\r\n0\r\n\r\n"),
    "LF after the data": body("5\r\nhello\n0\r\n\r\n"),
    "CR after the data": body("5\r\nhello\r0\r\n\r\n"),
    "nothing after the data": body("5\r\nhello0\r\n\r\n"),
    "LF after the last size": body("5\r\nhello\r\n0\n\r\n"),
    "LF as the end": body("5\r\nhello\r\n0\r\n\n"),
    "LF in an extension": body("5;a\n\r\nhello\r\n0\r\n\r\n"),
    "CR in an extension": body("5;a\rb\r\nhello\r\n0\r\n\r\n"),
    "NUL in an extension": body("5;a\0b\r\nhello\r\n0\r\n\r\n"),
    "extension over the cap": body("5;" + "a" * 5000 + "\r\nhello\r\n0\r\n\r\n"),
    "trailer without a colon": body("5\r\nhello\r\n0\r\ntrailer\r\n\r\n"),
    "trailer with a space before the colon": body("5\r\nhello\r\n0\r\na : b\r\n\r\n"),
    "trailer that is folded": body("5\r\nhello\r\n0\r\na: b\r\n c\r\n\r\n"),
    "trailer that ends with LF": body("5\r\nhello\r\n0\r\na: b\n\r\n"),
    "trailer with a NUL": body("5\r\nhello\r\n0\r\na: b\0\r\n\r\n"),
    "trailers over the cap": body("5\r\nhello\r\n0\r\n" + "a: b\r\n" * 20000 + "\r\n"),
}

AMBIGUOUS = {**REQUEST_LINES, **FIELDS, **HOSTS, **LENGTHS, **CODINGS, **CHUNKS}

# Well-formed, but more than we speak: refused just as firmly, with the status that says so.
BEYOND_US = {
    "HTTP/2.0": (line("GET /api/tags HTTP/2.0"), 505),
    "HTTP/1.2": (line("GET /api/tags HTTP/1.2"), 505),
    "the preface of HTTP/2": ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "gzip, chunked": (field("Transfer-Encoding: gzip, chunked"), 501),
    "an expectation we do not know": (fields("Expect: 200-ok", "Content-Length: 5"), 417),
}


def expect_refused(gateway, engine, token, text, status):
    client = gateway.connect()
    text = (text + SMUGGLED).replace("{host}", client.host).replace("{token}", f"Bearer {token}")
    try:
        client.send(text.encode("latin-1"))
    except (BrokenPipeError, ConnectionResetError):
        pass  # refused before the last byte was sent
    reply = client.read_reply()
    assert reply.status == status, reply.body
    assert reply.says_close
    assert reply.detail
    client.expect_closed()
    # Had anything been let through, the engine would have it before this one.
    assert gateway.ask("GET", "/api/version", token=token).status == 200
    engine.expect_targets("/api/version")
    assert engine.faults == []


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_ambiguous_request_is_refused(gateway, engine, token, name):
    expect_refused(gateway, engine, token, AMBIGUOUS[name], 400)


@pytest.mark.parametrize("name", BEYOND_US)
def test_unsupported_request_is_refused(gateway, engine, token, name):
    text, status = BEYOND_US[name]
    expect_refused(gateway, engine, token, text, status)


@pytest.mark.parametrize("name", ["Content-Length twice, another", "size with 0x", "obs-fold with a tab"])
def test_refused_however_it_is_split(gateway, engine, token, name):
    text = AMBIGUOUS[name]
    client = gateway.connect()
    text = text.replace("{host}", client.host).replace("{token}", f"Bearer {token}")
    try:
        client.send_byte_by_byte(text.encode("latin-1"))
    except (BrokenPipeError, ConnectionResetError):
        pass
    reply = client.read_reply()
    assert (reply.status, reply.says_close) == (400, True)
    client.expect_closed()
    engine.expect_targets()


def test_nothing_after_a_refusal_is_read(gateway, engine, token):
    """given a sound request, an ambiguous one and a sound one in one packet"""
    client = gateway.connect()
    sound = client.request("GET", "/api/tags", token=token)
    client.send(sound + b"GET /api/tags HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" + sound)
    assert client.read_reply().status == 200
    assert client.read_reply().status == 400
    client.expect_closed()
    engine.expect_targets("/api/tags")


def test_a_body_that_looks_like_a_request_is_a_body(gateway, engine, token):
    client = gateway.connect()
    body_bytes = client.request("GET", "/api/version", token=token)
    for is_chunked in (False, True):
        assert client.ask("POST", "/api/show", body=body_bytes, token=token,
                          is_chunked=is_chunked).status == 200
        assert engine.take_request().body == body_bytes
    engine.expect_targets("/api/show", "/api/show")


def test_what_the_engine_gets_has_one_framing(gateway, engine, token):
    """Length stays length, chunked stays chunked; never both, never neither with a body."""
    client = gateway.connect()
    client.ask("POST", "/api/show", body=b"12345", token=token)
    assert engine.take_request().framing == 5
    client.ask("POST", "/api/show", body=b"12345", token=token, is_chunked=True)
    assert engine.take_request().framing == "chunked"
    client.ask("GET", "/api/tags", token=token)
    assert engine.take_request().framing is None


RESPONSES = {
    "both framings": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
    "length that is a list": b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nab",
    "length with a sign": b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nab",
    "coding we do not know": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nab",
    "obs-fold": b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nab",
    "space before the colon": b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nab",
    "LF as line end": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nab",
    "NUL in a value": b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 2\r\n\r\nab",
    "no status": b"HTTP/1.1 OK\r\nContent-Length: 2\r\n\r\nab",
    "status of two digits": b"HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nab",
    "another protocol": b"ICY 200 OK\r\nContent-Length: 2\r\n\r\nab",
    "HTTP/2": b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nab",
    "switching protocols": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "body with a 204": b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nab",
    "garbage": b"\x16\x03\x01 this is not HTTP\r\n\r\n",
}


@pytest.mark.parametrize("name", RESPONSES)
def test_ambiguous_reply_of_the_engine_is_a_502(gateway, engine, token, name):
    engine.answer(RESPONSES[name])
    client = gateway.connect()
    reply = client.ask("GET", "/api/tags", token=token)
    assert reply.status == 502
    assert reply.detail
    engine.answer(http.reply(200, b"next"))
    assert client.ask("GET", "/api/tags", token=token).body == b"next"


def test_bytes_behind_a_reply_do_not_become_the_next_one(gateway, engine, token):
    """The connection an engine wrote too much on is not used again."""
    engine.answer(http.reply(200, b"first") + http.reply(200, b"of somebody else"))
    client = gateway.connect()
    assert client.ask("GET", "/api/tags", token=token).body == b"first"
    engine.answer(http.reply(200, b"second"))
    assert client.ask("GET", "/api/tags", token=token).body == b"second"

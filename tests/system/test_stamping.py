# SPDX-License-Identifier: MIT
"""Who is calling, told to the engine and to the client, and never told by the client."""
import hashlib
import re

import pytest

from harness import http

SPELLINGS = ["X-Attach-User", "x-attach-user", "X-ATTACH-USER", "x-AtTaCh-uSeR", "X_Attach_User",
             "X-Attach_User", "x_attach_user", "X_ATTACH-USER", "X-Attach-Anything", "X_Attach_Anything",
             "X-Attach-", "X-Attach-User-Extra", "X-Attach_Session", "X_Attach_Session",
             "X-Attach-Request-Id", "X-Attach-Project"]


def session_of(user, name):
    text = name if isinstance(name, bytes) else name.encode()
    return hashlib.sha256(user.encode() + b":" + text).hexdigest()[:16]


def stamped(engine):
    """The request as the engine got it, with each stamp exactly once and no other X-Attach-*."""
    request = engine.take_request()
    folded = [name.replace("_", "-") for name in request.names()]
    names = [name for name in folded if name.startswith("x-attach-")]
    assert sorted(names) == ["x-attach-session", "x-attach-user"], request.fields
    assert folded.count("x-request-id") == 1
    return request


# ---- the stamps ----

def test_the_engine_learns_who_is_calling(gateway, engine, issuer):
    gateway.ask("GET", "/api/tags", {"User-Agent": "agent/1"}, token=issuer.token("alice"))
    request = stamped(engine)
    assert request.field("X-Attach-User") == "alice"
    assert request.field("X-Attach-Session") == session_of("alice", "agent/1")
    assert re.fullmatch(r"[0-9a-f]{32}", request.field("X-Request-Id"))


def test_the_client_learns_the_same(gateway, engine, token):
    reply = gateway.ask("GET", "/api/tags", token=token)
    request = stamped(engine)
    for name in ("X-Attach-User", "X-Attach-Session", "X-Request-Id"):
        assert reply.field(name) == request.field(name)


def test_the_client_learns_it_from_streams_and_errors_too(gateway, engine, token):
    engine.answer(http.reply(500, b"broken", is_chunked=True))
    assert gateway.ask("GET", "/api/tags", token=token).field("X-Attach-User") == "alice"
    engine.run(lambda call: call.close())
    reply = gateway.ask("GET", "/api/tags", token=token)
    assert reply.status == 502 and reply.field("X-Attach-User") == "alice"
    assert gateway.ask("GET", "/api/pull", token=token).field("X-Attach-User") == "alice"


def test_strangers_get_a_request_id_alone(gateway):
    for path in ("/api/tags", "/healthz"):
        reply = gateway.ask("GET", path)
        assert reply.request_id
        assert not reply.fields.has("X-Attach-User") and not reply.fields.has("X-Attach-Session")


@pytest.mark.parametrize("subject,user", [
    ("auth0|123", "auth0|123"),
    ("did:pkh:eip155:1:0xAbC", "did:pkh:eip155:1:0xAbC"),
    ("a b", "a%20b"),
    ("100%", "100%25"),
    ("a%20b", "a%2520b"),
    ("héllo", "h%C3%A9llo"),
    ("日本", "%E6%97%A5%E6%9C%AC"),
    ("a\r\nX-Evil: 1", "a%0D%0AX-Evil:%201"),
    ("a\x00b", "a%00b"),
    ("\x7f\t", "%7F%09"),
    ("!\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~", "!\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~"),
    (" alice", "%20alice"),
    ("x" * 1024, "x" * 1024),
    ("\u00e9" * 512, "%C3%A9" * 512),
])
def test_the_whole_subject_arrives_escaped(gateway, engine, issuer, subject, user):
    reply = gateway.ask("GET", "/api/tags", token=issuer.token(subject))
    assert stamped(engine).field("X-Attach-User") == user
    assert reply.field("X-Attach-User") == user
    assert not reply.fields.has("X-Evil")


def test_long_subjects_stay_apart(gateway, engine, issuer):
    for last in "ab":
        gateway.ask("GET", "/api/tags", token=issuer.token("u" * 400 + last))
        assert stamped(engine).field("X-Attach-User") == "u" * 400 + last


# ---- sessions ----

def test_session_without_an_agent(gateway, engine, token):
    gateway.ask("GET", "/api/tags", token=token)
    assert stamped(engine).field("X-Attach-Session") == session_of("alice", "")


def test_session_with_an_empty_agent(gateway, engine, token):
    gateway.ask("GET", "/api/tags", {"User-Agent": ""}, token=token)
    assert stamped(engine).field("X-Attach-Session") == session_of("alice", "")


def test_session_takes_the_agents_raw_bytes(gateway, engine, token):
    agent = bytes(range(0xa1, 0x100)) + b" (x; y) \t z"
    gateway.ask("GET", "/api/tags", {"User-Agent": agent.decode("latin-1")}, token=token)
    request = stamped(engine)
    assert request.field("X-Attach-Session") == session_of("alice", agent)
    assert request.field("User-Agent").encode("latin-1") == agent


def test_session_uses_the_user_as_stamped(gateway, engine, issuer):
    gateway.ask("GET", "/api/tags", {"User-Agent": "x"}, token=issuer.token("a b%"))
    assert stamped(engine).field("X-Attach-Session") == session_of("a%20b%25", "x")


def test_sessions_follow_user_and_agent(gateway, engine, issuer):
    """Also when the token is remembered and agents take turns."""
    client = gateway.connect()
    for _ in range(3):
        for user in ("alice", "bob"):
            for agent in ("one", "two", "a" * 3000):
                client.ask("GET", "/api/tags", {"User-Agent": agent}, token=issuer.token(user, iat=None))
                assert stamped(engine).field("X-Attach-Session") == session_of(user, agent)


@pytest.mark.parametrize("name", ["X-Attach-Session", "x-attach-session", "X-ATTACH-SESSION"])
def test_a_client_names_a_session_inside_its_user(gateway, engine, issuer, name):
    for user in ("alice", "bob"):
        reply = gateway.ask("GET", "/api/tags", {"User-Agent": "x", name: "my talk"},
                            token=issuer.token(user))
        request = stamped(engine)
        assert request.field("X-Attach-Session") == session_of(user, "my talk")
        assert reply.field("X-Attach-Session") == session_of(user, "my talk")


def test_a_session_cannot_be_taken_over(gateway, engine, issuer):
    """Sending somebody's session gives another one."""
    alices = session_of("alice", "x")
    gateway.ask("GET", "/api/tags", {"X-Attach-Session": alices}, token=issuer.token("eve"))
    assert stamped(engine).field("X-Attach-Session") not in (alices, "x")


# ---- what the client says ----

@pytest.mark.parametrize("name", SPELLINGS)
def test_client_sent_stamps_never_survive(gateway, engine, token, name):
    gateway.ask("GET", "/api/tags", [(name, "eve")], token=token)
    assert stamped(engine).field("X-Attach-User") == "alice"
    assert b"eve" not in engine.requests[0].head


def test_many_stamps_at_once(gateway, engine, token):
    gateway.ask("GET", "/api/tags", [(name, "eve") for name in SPELLINGS * 3], token=token)
    request = stamped(engine)
    assert request.field("X-Attach-User") == "alice"
    assert b"eve" not in request.head


def test_two_named_sessions_count_as_none(gateway, engine, token):
    gateway.ask("GET", "/api/tags", [("User-Agent", "x"), ("X-Attach-Session", "a"),
                                     ("X-Attach-Session", "b")], token=token)
    assert stamped(engine).field("X-Attach-Session") in (session_of("alice", "x"),)


def test_stamps_in_trailers_never_survive(gateway, engine, token):
    client = gateway.connect()
    client.send(http.head("POST /api/show HTTP/1.1", [
        ("Host", client.host), ("Authorization", f"Bearer {token}"), ("Trailer", "X-Attach-User"),
        ("Transfer-Encoding", "chunked")]) + b"1\r\nx\r\n0\r\nX-Attach-User: eve\r\nx_attach_user: eve\r\n\r\n")
    assert client.read_reply().status == 200
    request = stamped(engine)
    assert request.field("X-Attach-User") == "alice" and request.body == b"x"


def test_stamps_cannot_be_taken_off_by_connection(gateway, engine, token):
    """Fields that Connection names go first; stamping comes after."""
    gateway.ask("GET", "/api/tags", {
        "Connection": "X-Attach-User, X-Attach-Session, X-Request-Id, close, X-Mine, Authorization",
        "X-Mine": "1", "X-Request-Id": "mine"}, token=token)
    request = stamped(engine)
    assert request.field("X-Attach-User") == "alice"
    assert request.field("X-Attach-Session")
    assert "x-mine" not in request.names()


def test_the_engine_cannot_say_who_is_calling(gateway, engine, token):
    engine.answer(http.reply(200, b"", [("X-Attach-User", "eve"), ("x_attach_user", "eve"),
                                        ("X-Attach-Other", "eve"), ("X-Request-Id", "eve")]))
    reply = gateway.ask("GET", "/api/tags", token=token)
    assert reply.field("X-Attach-User") == "alice"
    assert reply.request_id != "eve"
    assert not any(value == "eve" for _, value in reply.fields)


# ---- request ids ----

@pytest.mark.parametrize("name", ["1", "a-b_c.d:e", "x" * 100, "01HZXW8Q7N"])
def test_a_sane_request_id_is_kept(gateway, engine, token, name):
    reply = gateway.ask("GET", "/api/tags", {"X-Request-Id": name}, token=token)
    assert stamped(engine).field("X-Request-Id") == name == reply.request_id


@pytest.mark.parametrize("name", ["", "a b", "x" * 1000, 'a"b', "a\xe9", "{}", "a,b", "<script>", "a\\b"])
def test_another_request_id_is_replaced(gateway, engine, token, name):
    reply = gateway.ask("GET", "/api/tags", {"X-Request-Id": name}, token=token)
    made = stamped(engine).field("X-Request-Id")
    assert re.fullmatch(r"[0-9a-f]{32}", made) and reply.request_id == made


def test_two_request_ids_are_replaced(gateway, engine, token):
    reply = gateway.ask("GET", "/api/tags", [("X-Request-Id", "a"), ("X-Request-Id", "b")], token=token)
    assert re.fullmatch(r"[0-9a-f]{32}", stamped(engine).field("X-Request-Id"))
    assert reply.request_id not in ("a", "b")


def test_request_ids_differ(gateway):
    client = gateway.connect()
    assert len({client.ask("GET", "/healthz").request_id for _ in range(200)}) == 200


# ---- hop by hop ----

def test_hop_by_hop_fields_stay_here(gateway, engine, token):
    fields = {"Keep-Alive": "timeout=5", "TE": "trailers", "Trailer": "X-Sum", "Upgrade": "h2c",
              "Proxy-Connection": "keep-alive", "Proxy-Authorization": "Basic eve",
              "Connection": "keep-alive, X-Hop", "X-Hop": "1", "x_hop": "kept or not"}
    gateway.ask("GET", "/api/tags", fields, token=token)
    names = stamped(engine).names()
    for name in ("keep-alive", "te", "trailer", "upgrade", "proxy-connection", "proxy-authorization",
                 "x-hop", "connection"):
        assert name not in names or name == "connection", name


def test_hop_by_hop_fields_of_the_engine_stay_there(gateway, engine, token):
    engine.answer(http.reply(200, b"x", [
        ("Connection", "X-Hop, keep-alive"), ("X-Hop", "1"), ("Keep-Alive", "timeout=5"),
        ("Proxy-Authenticate", "Basic"), ("Trailer", "X"), ("Upgrade", "h2c")]))
    reply = gateway.ask("GET", "/api/tags", token=token)
    for name in ("X-Hop", "Keep-Alive", "Proxy-Authenticate", "Trailer", "Upgrade"):
        assert not reply.fields.has(name), name


def test_other_fields_pass_in_order_and_spelling(gateway, engine, token):
    fields = [("X-One", "1"), ("accept", "a"), ("X-Two", ""), ("X-One", "2"), ("COOKIE", "a=b"),
              ("Content-Type", "text/weird; x=\"y\""), ("X_Under", "u"), ("Accept-Encoding", "gzip")]
    gateway.ask("POST", "/api/show", fields, body=b"x", token=token)
    request = stamped(engine)
    kept = [field for field in request.fields if field in fields]
    assert kept == fields


def test_fields_of_the_engine_pass_in_order_and_spelling(gateway, engine, token):
    fields = [("Set-Cookie", "a=b"), ("X-One", "1"), ("set-cookie", "c=d"), ("SERVER", "scripted"),
              ("Date", "Thu, 01 Jan 1970 00:00:00 GMT"), ("Content-Encoding", "gzip"), ("X-Empty", "")]
    engine.answer(http.reply(200, b"x", fields))
    reply = gateway.ask("GET", "/api/tags", token=token)
    assert [field for field in reply.fields if field in fields] == fields

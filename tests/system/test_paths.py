# SPDX-License-Identifier: MIT
"""One canonical path, used by routing, authentication and forwarding alike; ENGINE_PATHS; own routes."""
import pytest

from harness import http

ALLOWED = [
    ("POST", "/api/chat"), ("POST", "/api/generate"), ("POST", "/api/embed"),
    ("POST", "/api/embeddings"), ("POST", "/api/show"), ("GET", "/api/tags"), ("GET", "/api/ps"),
    ("GET", "/api/version"), ("POST", "/v1/chat/completions"), ("POST", "/v1/completions"),
    ("POST", "/v1/responses"), ("GET", "/v1/responses/r1"), ("POST", "/v1/messages"),
    ("POST", "/v1/embeddings"), ("GET", "/v1/models"), ("GET", "/v1/models/llama"),
    ("POST", "/v1/audio/speech"), ("POST", "/v1/audio/transcriptions"),
    ("POST", "/v1/images/generations"), ("POST", "/v1/rerank"), ("POST", "/v1/moderations"),
    ("HEAD", "/api/tags"),
]

NOT_ALLOWED = [
    ("POST", "/api/pull"), ("POST", "/api/push"), ("POST", "/api/create"), ("POST", "/api/copy"),
    ("DELETE", "/api/delete"), ("POST", "/api/blobs/sha256:00"), ("HEAD", "/api/blobs/sha256:00"),
    ("DELETE", "/api/tags"), ("GET", "/api/chat"), ("GET", "/api"), ("GET", "/api/tags/"),
    ("POST", "/v1/load_lora_adapter"), ("POST", "/v1/unload_lora_adapter"), ("POST", "/sleep"),
    ("POST", "/wake_up"), ("POST", "/reset_prefix_cache"), ("POST", "/start_profile"),
    ("GET", "/server_info"), ("GET", "/metrics"), ("POST", "/collective_rpc"), ("GET", "/"),
    ("GET", "/docs"), ("GET", "/mem/event"), ("POST", "/api/chatter"), ("POST", "/API/CHAT"),
    ("DELETE", "/v1/models/llama"), ("GET", "/v1/modelsx"), ("PUT", "/api/show"),
    ("OPTIONS", "/api/tags"), ("GET", "/healthz/"), ("GET", "/healthz/x"), ("GET", "/HEALTHZ"),
    ("GET", "/readyzz"), ("GET", "/auth/config/"), ("GET", "/auth"), ("GET", "/healthz;a=b"),
]

CANONICAL = [
    "/v1/models/a%20b", "/v1/models/llama:7b", "/v1/models/a/b/", "/v1/models/%C3%A9",
    "/v1/models/a?", "/v1/models/a?b=c&d=%2F%2e%2e/../;", "/v1/models/a;b=c", "/v1/models/a...b",
    "/v1/models/...", "/v1/models/.hidden", "/v1/models/%25", "/v1/models/!$&'()*+,=@-._~",
    "/v1/models/a?http://other/", "/v1/models/a??",
]

NOT_CANONICAL = [
    "//api/tags", "/api//tags", "/api/./tags", "/api/../api/tags", "/./api/tags", "/../api/tags",
    "/api/tags/..", "/api/tags/.", "/api/x/../tags", "/api/%2e%2e/api/tags", "/api/%2E/tags",
    "/api/.%2e/tags", "/api%2ftags", "/api%2Ftags", "/api%5ctags", "/api/..%2f", "/%61pi/tags",
    "/api/%74ags", "/api/tag%73", "/%68ealthz", "/healthz/../api/tags", "/healthz/..",
    "/healthz/%2e%2e/api/tags", "/api/..;/tags", "/api/.;x/tags", "/api/..;x=y/tags", "\\api\\tags",
    "/api\\tags", "/api/tags%", "/api/tags%4", "/api/tags%zz", "/api/tags%00", "/api/tags%0a",
    "/api/tags%0d%0a", "/api/tags%7f", "/api/<tags>", "/api/tags\"", "/api/{tags}", "/api/ta|gs",
    "/api/ta^gs", "/api/ta`gs", "/api/tags?a\\b", "/api/tags?%", "/api/tags?%zz", "/api/tags?a#b",
    "/api/%7etags", "/api/%2dtags", "/api/%5ftags",
]


@pytest.mark.parametrize("method,path", ALLOWED)
def test_open_by_default(gateway, engine, token, method, path):
    body = b"{}" if method == "POST" else None
    assert gateway.ask(method, path, body=body, token=token).status == 200
    request = engine.take_request()
    assert (request.method, request.target) == (method, path)


@pytest.mark.parametrize("method,path", NOT_ALLOWED)
def test_closed_by_default(gateway, engine, token, method, path):
    client = gateway.connect()
    reply = client.ask(method, path, body=b"" if method == "POST" else None, token=token)
    assert reply.status == 403
    if method != "HEAD":
        assert "ENGINE_PATHS" in reply.detail
    client.expect_open()
    engine.expect_targets()


@pytest.mark.parametrize("method,path", NOT_ALLOWED)
def test_closed_paths_do_not_tell_strangers_that_they_are(gateway, method, path):
    assert gateway.ask(method, path, body=b"" if method == "POST" else None).status == 401


@pytest.mark.parametrize("target", CANONICAL)
def test_the_engine_gets_the_same_bytes(gateway, engine, token, target):
    assert gateway.ask("GET", target, token=token).status == 200
    engine.expect_targets(target)


@pytest.mark.parametrize("target", NOT_CANONICAL)
def test_another_spelling_is_refused(gateway, engine, token, target):
    client = gateway.connect()
    reply = client.ask("GET", target, token=token)
    assert reply.status == 400 and reply.says_close and reply.detail
    client.expect_closed()
    engine.expect_targets()


@pytest.mark.parametrize("target", ["//healthz", "/healthz/../healthz", "/%68ealthz", "/x/../readyz"])
def test_another_spelling_of_a_public_route_is_refused_without_a_token(gateway, target):
    assert gateway.ask("GET", target).status == 400


def test_the_query_decides_nothing(gateway, engine, token):
    assert gateway.ask("GET", "/healthz?x=/api/tags").status == 200
    assert gateway.ask("GET", "/api/pull?/api/tags", token=token).status == 403
    engine.expect_targets()


def test_engine_paths_is_a_list_of_methods_and_paths(start_gateway, engine, token):
    gateway = start_gateway(ENGINE_PATHS="GET /a, /b , POST /c/*,/d*")
    opened = [("GET", "/a"), ("HEAD", "/a"), ("GET", "/b"), ("DELETE", "/b"), ("POST", "/c/x/y"),
              ("POST", "/c/"), ("PUT", "/d"), ("GET", "/dd")]
    closed = [("POST", "/a"), ("GET", "/a/"), ("GET", "/bb"), ("GET", "/c/x"), ("POST", "/c"),
              ("POST", "/api/chat"), ("GET", "/api/tags"), ("get", "/a")]
    for method, path in opened:
        assert gateway.ask(method, path, token=token).status == 200, (method, path)
    for method, path in closed:
        assert gateway.ask(method, path, token=token).status == 403, (method, path)
    assert len(engine.requests) == len(opened)


def test_a_star_opens_all(start_gateway, engine, token):
    gateway = start_gateway(ENGINE_PATHS="*")
    for method, path in [("DELETE", "/api/delete"), ("PATCH", "/x"), ("FROBNICATE", "/y"), ("GET", "/")]:
        assert gateway.ask(method, path, token=token).status == 200
    assert [request.method for request in engine.requests] == ["DELETE", "PATCH", "FROBNICATE", "GET"]
    assert gateway.ask("GET", "/", ()).status == 401


def test_own_routes_are_never_the_engines(start_gateway, engine, token):
    gateway = start_gateway(ENGINE_PATHS="*")
    for path in ("/healthz", "/readyz", "/auth/config"):
        assert gateway.ask("GET", path, token=token).status == 200
    engine.expect_targets()


def test_another_method_of_an_own_route(gateway, engine, token):
    reply = gateway.ask("POST", "/healthz", body=b"x", token=token)
    assert reply.status == 405 and reply.field("Allow") and reply.detail
    engine.expect_targets()


def test_metrics_are_not_on_the_public_listener(gateway, token):
    assert gateway.ask("GET", "/metrics").status == 401
    assert gateway.ask("GET", "/metrics", token=token).status == 403


def test_the_admin_listener_serves_metrics_alone(gateway, engine, token):
    with gateway.connect_admin() as client:
        assert client.ask("GET", "/metrics").status == 200
        assert client.ask("GET", "/api/tags", token=token).status == 404
        assert client.ask("GET", "/readyz").status in (200, 404)
    engine.expect_targets()


def test_upgrade_is_not_forwarded(gateway, engine, token):
    client = gateway.connect()
    reply = client.ask("GET", "/api/tags", {
        "Connection": "Upgrade, HTTP2-Settings", "Upgrade": "websocket, h2c",
        "HTTP2-Settings": "AAMAAABkAAQAAP__", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="},
                       token=token)
    assert reply.status == 200
    request = engine.take_request()
    assert "upgrade" not in request.names() and "http2-settings" not in request.names()
    assert "upgrade" not in request.fields.tokens("Connection")
    client.expect_open()


def test_an_engine_that_switches_protocols_is_refused(gateway, engine, token):
    engine.answer(http.head("HTTP/1.1 101 Switching Protocols", {
        "Connection": "upgrade", "Upgrade": "websocket"}) + b"\x81\x05hello")
    assert gateway.ask("GET", "/api/tags", {"Connection": "upgrade", "Upgrade": "websocket"},
                       token=token).status == 502


def test_trace_does_not_show_what_we_add(start_gateway, engine, token):
    gateway = start_gateway(ENGINE_PATHS="*", ENGINE_API_KEY="engine-secret")
    reply = gateway.ask("TRACE", "/", token=token)
    assert reply.status >= 400 and b"engine-secret" not in reply.body
    engine.expect_targets()

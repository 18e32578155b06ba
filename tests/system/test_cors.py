# SPDX-License-Identifier: MIT
"""Pages in browsers: preflights, CORS fields also on errors, and DNS rebinding (421)."""
import pytest

from harness import http

PAGE = "http://localhost:9000"
OTHER_PAGE = "https://evil.example"


def preflight(gateway, origin, path="/api/chat", **fields):
    return gateway.ask("OPTIONS", path, {
        "Origin": origin, "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type", **fields})


@pytest.mark.parametrize("origin", [PAGE, "http://127.0.0.1:9000"])
def test_preflight_needs_no_token_and_reaches_nothing(gateway, engine, origin):
    reply = preflight(gateway, origin)
    assert reply.status == 200
    assert reply.field("Access-Control-Allow-Origin") == origin
    assert reply.field("Access-Control-Allow-Credentials") == "true"
    assert "POST" in reply.field("Access-Control-Allow-Methods")
    allowed = reply.fields.tokens("Access-Control-Allow-Headers")
    assert "authorization" in allowed and "content-type" in allowed
    assert "origin" in reply.fields.tokens("Vary")
    engine.expect_targets()


def test_preflight_of_a_closed_path_tells_nothing(gateway, engine):
    assert preflight(gateway, PAGE, "/api/pull").status == 200
    engine.expect_targets()


@pytest.mark.parametrize("origin", [
    OTHER_PAGE, "http://localhost:9001", "https://localhost:9000", "http://localhost:9000.evil.example",
    "http://LOCALHOST:9000", "null", "http://localhost:9000/", "http://localhost"])
def test_preflight_of_another_page_is_refused(gateway, engine, origin):
    reply = preflight(gateway, origin)
    assert reply.status == 400
    assert not reply.fields.has("Access-Control-Allow-Origin")
    engine.expect_targets()


def test_replies_carry_the_fields(gateway, token):
    reply = gateway.ask("GET", "/api/tags", {"Origin": PAGE}, token=token)
    assert reply.status == 200
    assert reply.field("Access-Control-Allow-Origin") == PAGE
    assert reply.field("Access-Control-Allow-Credentials") == "true"
    assert "x-attach-session" in reply.fields.tokens("Access-Control-Expose-Headers")
    assert "origin" in reply.fields.tokens("Vary")


@pytest.mark.parametrize("target,status", [("/api/tags", 401), ("/api/pull", 403), ("/healthz", 200)])
def test_errors_carry_the_fields_too(gateway, token, target, status):
    reply = gateway.ask("GET", target, {"Origin": PAGE}, token=token if status == 403 else None)
    assert reply.status == status
    assert reply.field("Access-Control-Allow-Origin") == PAGE


def test_errors_of_the_engine_carry_the_fields(gateway, engine, token):
    engine.run(lambda call: call.close())
    reply = gateway.ask("GET", "/api/tags", {"Origin": PAGE}, token=token)
    assert reply.status == 502
    assert reply.field("Access-Control-Allow-Origin") == PAGE


def test_too_large_bodies_tell_the_page(start_gateway, token):
    gateway = start_gateway(MAX_REQUEST_BYTES="10")
    reply = gateway.ask("POST", "/api/show", {"Origin": PAGE}, body=b"x" * 11, token=token)
    assert reply.status == 413
    assert reply.field("Access-Control-Allow-Origin") == PAGE


def test_other_pages_get_no_fields(gateway, token):
    for origin in (OTHER_PAGE, "null"):
        reply = gateway.ask("GET", "/api/tags", {"Origin": origin}, token=token)
        assert not reply.fields.has("Access-Control-Allow-Origin")
        assert not reply.fields.has("Access-Control-Allow-Credentials")


def test_no_page_no_fields(gateway, token):
    reply = gateway.ask("GET", "/api/tags", token=token)
    assert not any(name.lower().startswith("access-control-") for name, _ in reply.fields)


def test_the_engine_has_no_say(gateway, engine, token):
    engine.answer(http.reply(200, b"", {"Access-Control-Allow-Origin": "*",
                                        "Access-Control-Allow-Headers": "*"}))
    reply = gateway.ask("GET", "/api/tags", {"Origin": OTHER_PAGE}, token=token)
    assert not any(name.lower().startswith("access-control-") for name, _ in reply.fields)
    reply = gateway.ask("GET", "/api/tags", {"Origin": PAGE}, token=token)
    assert reply.field("Access-Control-Allow-Origin") == PAGE


def test_vary_of_the_engine_is_kept(gateway, engine, token):
    engine.answer(http.reply(200, b"", {"Vary": "Accept-Encoding"}))
    reply = gateway.ask("GET", "/api/tags", {"Origin": PAGE}, token=token)
    assert {"accept-encoding", "origin"} <= set(reply.fields.tokens("Vary"))


def test_cors_origins_names_the_pages(start_gateway, token):
    gateway = start_gateway(CORS_ORIGINS="https://a.example, https://b.example:444")
    for origin in ("https://a.example", "https://b.example:444"):
        assert preflight(gateway, origin).field("Access-Control-Allow-Origin") == origin
    assert preflight(gateway, PAGE).status == 400


def test_options_without_a_wish_is_no_preflight(gateway):
    assert gateway.ask("OPTIONS", "/api/chat", {"Origin": PAGE}).status == 401


# ---- Host ----

def test_loopback_names_are_served(gateway, token):
    port = gateway.address[1]
    for host in ("localhost", f"localhost:{port}", "LocalHost", "127.0.0.1", f"127.0.0.1:{port}",
                 "127.1.2.3", "[::1]", f"[::1]:{port}", "a.localhost"):
        assert gateway.ask("GET", "/api/tags", {"Host": host}, token=token).status == 200, host


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example",
                                  "localhost.evil.example", "192.168.0.1", "0.0.0.0", "[::]", "local"])
def test_a_foreign_host_is_refused(gateway, engine, token, host):
    reply = gateway.ask("GET", "/api/tags", {"Host": host}, token=token)
    assert reply.status == 421 and "ALLOWED_HOSTS" in reply.detail
    engine.expect_targets()


@pytest.mark.parametrize("path", ["/healthz", "/auth/config"])
def test_a_foreign_host_gets_no_public_route_either(gateway, path):
    assert gateway.ask("GET", path, {"Host": "evil.example"}).status == 421


def test_a_foreign_host_gets_no_preflight(gateway):
    reply = gateway.ask("OPTIONS", "/api/chat", {
        "Host": "evil.example", "Origin": PAGE, "Access-Control-Request-Method": "POST"})
    assert reply.status == 421


def test_a_foreign_host_in_the_target_is_refused(gateway, engine, token):
    assert gateway.ask("GET", "http://evil.example/api/tags", token=token).status == 421
    engine.expect_targets()


def test_a_foreign_host_gets_no_metrics(gateway):
    with gateway.connect_admin() as client:
        assert client.ask("GET", "/metrics", {"Host": "evil.example"}).status == 421


def test_allowed_hosts_and_public_url_are_served(start_gateway, token):
    gateway = start_gateway(ALLOWED_HOSTS="llm.example, two.example:8443",
                            PUBLIC_URL="https://public.example")
    for host in ("llm.example", "LLM.example:99", "two.example:8443", "public.example",
                 "public.example:443", "localhost"):
        assert gateway.ask("GET", "/api/tags", {"Host": host}, token=token).status == 200, host
    for host in ("x.llm.example", "example"):
        assert gateway.ask("GET", "/api/tags", {"Host": host}, token=token).status == 421, host


def test_bound_to_all_addresses_any_host_is_served(start_gateway, token):
    gateway = start_gateway(ready=False, HOST="0.0.0.0")
    gateway.address = ("127.0.0.1", gateway.address[1])
    gateway.wait_ready()
    assert gateway.ask("GET", "/api/tags", {"Host": "llm.example"}, token=token).status == 200

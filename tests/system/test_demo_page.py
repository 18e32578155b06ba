# SPDX-License-Identifier: MIT
"""GET /demo/: files of one folder, read at the start, under a policy; nothing else of the disk."""
import os
import re

import pytest

from harness.gateway import REPOSITORY, run_command
from harness.wait import wait_until

PAGE = REPOSITORY / "examples" / "static"


def test_the_page_is_served_to_anybody_under_a_strict_policy(start_gateway, issuer):
    gateway = start_gateway(ATTACH_DEMO_DIR=PAGE, AUTH0_DOMAIN="login.example.com",
                            OIDC_ISSUER=f"{issuer.url},http://127.0.0.1:9/realms/x", ready=False)
    reply = gateway.ask("GET", "/demo/")
    assert reply.status == 200
    assert reply.body == (PAGE / "index.html").read_bytes()
    assert reply.field("Content-Type") == "text/html; charset=utf-8"
    assert reply.field("X-Content-Type-Options") == "nosniff"
    assert reply.field("Referrer-Policy") == "no-referrer"
    assert reply.field("Content-Security-Policy") == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        f"connect-src 'self' https://login.example.com {issuer.url} http://127.0.0.1:9; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'")


@pytest.mark.parametrize("name, kind", [
    ("index.html", "text/html; charset=utf-8"), ("style.css", "text/css; charset=utf-8"),
    ("app.js", "text/javascript; charset=utf-8"), ("icon.svg", "image/svg+xml"),
])
def test_every_file_of_the_page_has_its_type(start_gateway, name, kind):
    gateway = start_gateway(ATTACH_DEMO_DIR=PAGE)
    reply = gateway.ask("GET", f"/demo/{name}")
    assert (reply.status, reply.field("Content-Type")) == (200, kind)
    assert reply.body == (PAGE / name).read_bytes()
    head = gateway.ask("HEAD", f"/demo/{name}")
    assert (head.status, head.body) == (200, b"")
    assert head.field("Content-Length") == str(len(reply.body))
    assert head.field("Content-Security-Policy") == reply.field("Content-Security-Policy")


def test_the_folder_itself_leads_to_the_page(start_gateway):
    gateway = start_gateway(ATTACH_DEMO_DIR=PAGE)
    reply = gateway.ask("GET", "/demo")
    assert (reply.status, reply.field("Location"), reply.body) == (308, "/demo/", b"")


def test_nothing_else_of_the_disk_is_served(start_gateway, engine, tmp_path):
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "index.html").write_text("page")
    (tmp_path / "page" / "secret.key").write_text("secret")
    (tmp_path / "page" / ".secret.html").write_text("secret")
    (tmp_path / "page" / "link.html").symlink_to("../outside.html")
    (tmp_path / "page" / "inner").mkdir()
    (tmp_path / "page" / "inner" / "deep.html").write_text("secret")
    (tmp_path / "outside.html").write_text("secret")
    gateway = start_gateway(ATTACH_DEMO_DIR=tmp_path / "page")
    assert gateway.ask("GET", "/demo/").body == b"page"
    for target in ("secret.key", ".secret.html", "link.html", "inner", "inner/", "inner/deep.html",
                   "INDEX.HTML", "index.html/", "index.htm"):
        reply = gateway.ask("GET", f"/demo/{target}")
        assert reply.status == 404, target
        assert b"secret" not in reply.body
    for target in ("../outside.html", "%2e%2e/outside.html", "..%2foutside.html", "inner/../../outside.html",
                   "/outside.html", "index.html%00.js", "..\\outside.html", "i%6Edex.html"):
        reply = gateway.ask("GET", f"/demo/{target}")
        assert reply.status == 400, target
        assert b"secret" not in reply.body
    for method in ("POST", "PUT", "DELETE"):
        assert gateway.ask(method, "/demo/index.html").status == 405
    (tmp_path / "page" / "late.html").write_text("late")
    assert gateway.ask("GET", "/demo/late.html").status == 404
    engine.expect_targets()


def test_without_a_folder_there_is_no_page(gateway, token, engine):
    for target in ("/demo", "/demo/", "/demo/index.html"):
        for given in (None, token):
            reply = gateway.ask("GET", target, token=given)
            assert reply.status == 404
            assert "ATTACH_DEMO_DIR" in reply.json()["detail"]
    engine.expect_targets()


def test_a_folder_that_cannot_be_served_stops_the_start(tmp_path, issuer):
    settings = {"OIDC_ISSUER": issuer.url, "OIDC_AUD": "x"}
    code, _, stderr = run_command(tmp_path, ["--check"], {**settings, "ATTACH_DEMO_DIR": tmp_path / "none"})
    assert code != 0 and "ATTACH_DEMO_DIR" in stderr and "none" in stderr
    (tmp_path / "big.js").write_bytes(b"x" * (256 * 1024 + 1))
    code, _, stderr = run_command(tmp_path, ["--check"], {**settings, "ATTACH_DEMO_DIR": tmp_path})
    assert code != 0 and "big.js" in stderr


def test_a_slow_reader_gets_the_largest_file_whole(start_gateway, tmp_path):
    content = os.urandom(128 * 1024).hex().encode()
    (tmp_path / "large.js").write_bytes(content)
    gateway = start_gateway(ATTACH_DEMO_DIR=tmp_path)
    with gateway.connect() as client:
        for _ in range(3):
            assert client.ask("GET", "/demo/large.js").body == content
    wait_until(lambda: len(gateway.lines(message="request", status=200)) >= 3, "three access lines")


def test_the_page_speaks_of_no_other_place():
    """No address of another host, no markup made of text, no inline script or style."""
    for file in PAGE.iterdir():
        text = file.read_text()
        for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(",
                     "localStorage", "document.cookie", "style=", "onclick"):
            assert word not in text, f"{word} in {file.name}"
        for host in re.findall(r"https?://([^\s\"'`/>]+)", text):
            assert host in ("localhost:8080", "www.w3.org", "${domain}"), (file.name, host)

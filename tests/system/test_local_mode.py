# SPDX-License-Identifier: MIT
"""Local mode: the gateway makes its own key and trusts tokens signed with it; `attach-gateway token`
makes such tokens, whoever can read the key file can be anybody, so nobody else may read it."""
import concurrent.futures
import json
import os
import re
import stat

import pytest

from harness import gateway as harness
from harness import keys
from harness.keys import Key

KEY_NAME = "local-key.pem"
LOCAL = {"OIDC_ISSUER": None, "OIDC_AUD": None, "ATTACH_LOCAL": "true"}
ISSUER = "urn:attach-gateway:local"


def run(directory, *arguments, **options):
    return harness.run_command(directory, list(arguments), options)


def local_token(data, user="alice", *arguments, **options):
    """A token as the command makes it."""
    code, stdout, stderr = run(data.parent, "token", "--user", user, *arguments,
                               ATTACH_DATA_DIR=data, **options)
    assert (code, stderr) == (0, "")
    assert re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]+\n", stdout)
    return stdout.strip()


def parts_of(token):
    return [json.loads(keys.base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
            for part in token.split(".")[:2]]


def mode_of(path):
    return stat.S_IMODE(os.stat(path).st_mode)


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def local(start_gateway, data):
    return start_gateway(**LOCAL, ATTACH_DATA_DIR=data)


def expect_accepted(gateway, engine, token, user="alice"):
    reply = gateway.ask("GET", "/api/tags", token=token)
    assert reply.status == 200, gateway.reason_of(reply)
    assert engine.take_request().field("X-Attach-User") == user


def expect_denied(gateway, engine, token, reason):
    reply = gateway.ask("GET", "/api/tags", token=token)
    assert (reply.status, gateway.reason_of(reply)) == (401, reason)
    engine.expect_targets()


# ---- the key ----

def test_the_key_is_for_its_owner_alone(local, data):
    assert mode_of(data) == 0o700
    assert mode_of(data / KEY_NAME) == 0o600
    assert {name for name in os.listdir(data) if not name.startswith("store.")} == {KEY_NAME}
    assert (data / KEY_NAME).read_text().startswith("-----BEGIN PRIVATE KEY-----")


def test_a_loose_umask_changes_nothing(tmp_path):
    before = os.umask(0)
    try:
        code, _, _ = run(tmp_path, "token", "--user", "alice",
                         ATTACH_DATA_DIR=tmp_path / "deep" / "er" / "data")
    finally:
        os.umask(before)
    assert code == 0
    assert mode_of(tmp_path / "deep") == mode_of(tmp_path / "deep" / "er" / "data") == 0o700
    assert mode_of(tmp_path / "deep" / "er" / "data" / KEY_NAME) == 0o600


def test_it_is_made_once(start_gateway, engine, data):
    """A token lives on over a restart."""
    token = local_token(data)
    before = (data / KEY_NAME).read_bytes()
    for _ in range(2):
        gateway = start_gateway(**LOCAL, ATTACH_DATA_DIR=data)
        expect_accepted(gateway, engine, token)
        gateway.stop()
    assert (data / KEY_NAME).read_bytes() == before


def test_those_that_start_together_agree_on_one(start_gateway, engine, data):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        tokens = list(pool.map(lambda number: local_token(data, f"user-{number}"), range(6)))
    assert os.listdir(data) == [KEY_NAME]
    gateway = start_gateway(**LOCAL, ATTACH_DATA_DIR=data)
    for number, token in enumerate(tokens):
        expect_accepted(gateway, engine, token, f"user-{number}")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610])
@pytest.mark.parametrize("command", [["serve"], ["serve", "--check"], ["token", "--user", "alice"]],
                         ids=" ".join)
def test_a_key_that_others_may_read_is_refused(data, mode, command):
    local_token(data)
    os.chmod(data / KEY_NAME, mode)
    code, stdout, stderr = run(data.parent, *command, ATTACH_LOCAL="true", ATTACH_DATA_DIR=data)
    assert code != 0 and stdout == ""
    assert KEY_NAME in stderr and "chmod 600" in stderr and str(data) in stderr


@pytest.mark.parametrize("text", ["", "garbage", "-----BEGIN PRIVATE KEY-----\nMC4C\n-----END PRIVATE KEY-----\n",
                                  Key("ES256", "x").public_pem().decode()],
                         ids=["empty", "garbage", "truncated", "public"])
def test_a_file_that_is_no_key_is_refused_and_kept(data, text):
    data.mkdir(mode=0o700)
    (data / KEY_NAME).write_text(text)
    os.chmod(data / KEY_NAME, 0o600)
    code, _, stderr = run(data.parent, "serve", ATTACH_LOCAL="true", ATTACH_DATA_DIR=data)
    assert code != 0 and KEY_NAME in stderr
    assert (data / KEY_NAME).read_text() == text


def test_a_link_in_the_place_of_the_key_is_refused(data, tmp_path):
    local_token(tmp_path / "other")
    data.mkdir(mode=0o700)
    (data / KEY_NAME).symlink_to(tmp_path / "other" / KEY_NAME)
    code, _, stderr = run(tmp_path, "token", "--user", "alice", ATTACH_DATA_DIR=data)
    assert code != 0 and KEY_NAME in stderr


def test_a_directory_that_cannot_be(tmp_path):
    (tmp_path / "file").write_text("")
    code, _, stderr = run(tmp_path, "serve", ATTACH_LOCAL="true", ATTACH_DATA_DIR=tmp_path / "file" / "data")
    assert code != 0 and "make directory" in stderr


# ---- where it is ----

def test_the_default_is_below_the_state_home(start_gateway, engine, tmp_path):
    state = tmp_path / "state"
    gateway = start_gateway(**LOCAL, XDG_STATE_HOME=state)
    assert mode_of(state / "attach-gateway" / KEY_NAME) == 0o600
    expect_accepted(gateway, engine, local_token(state / "attach-gateway"))


@pytest.mark.parametrize("state", [None, "", "relative/state"])
def test_without_one_it_is_below_home(tmp_path, state):
    """The specification ignores a relative one."""
    options = {} if state is None else {"XDG_STATE_HOME": state}
    code, _, _ = run(tmp_path, "token", "--user", "alice", **options)
    assert code == 0
    assert mode_of(tmp_path / ".local" / "state" / "attach-gateway" / KEY_NAME) == 0o600
    assert not (tmp_path / "relative").exists()


def test_without_any_home_it_asks_for_one(tmp_path):
    for home in ("", "relative"):
        code, _, stderr = run(tmp_path, "token", "--user", "alice", HOME=home)
        assert code != 0 and "ATTACH_DATA_DIR" in stderr


# ---- tokens ----

def test_a_token_reaches_the_engine(local, engine, data):
    expect_accepted(local, engine, local_token(data))


def test_the_flag_does_what_the_variable_does(start_gateway, engine, data):
    gateway = start_gateway(**{**LOCAL, "ATTACH_LOCAL": None}, ATTACH_DATA_DIR=data,
                            arguments=["--local"])
    expect_accepted(gateway, engine, local_token(data))


def test_what_a_token_says(data):
    first, second = local_token(data), local_token(data)
    header, claims = parts_of(first)
    assert header["alg"] == "EdDSA" and header["kid"]
    assert {name: claims[name] for name in ("iss", "sub", "aud")} == {
        "iss": ISSUER, "sub": "alice", "aud": "attach-gateway"}
    assert claims["exp"] - claims["iat"] == 600
    assert claims["jti"] != parts_of(second)[1]["jti"]


@pytest.mark.parametrize("user,stamped", [
    ("alice@example.com", "alice@example.com"), ("Jörg", "J%C3%B6rg"), ("two words", "two%20words"),
    ("100%", "100%25"), ('a"b\\c', 'a"b\\c'), ("x" * 1024, "x" * 1024), ("a|b", "a|b"),
])
def test_any_user(local, engine, data, user, stamped):
    expect_accepted(local, engine, local_token(data, user), stamped)


@pytest.mark.parametrize("user", ["", "x" * 1025])
def test_no_such_user(data, user):
    code, stdout, stderr = run(data.parent, "token", "--user", user, ATTACH_DATA_DIR=data)
    assert code != 0 and stdout == "" and "user" in stderr


def test_audiences(start_gateway, engine, local, data):
    expect_denied(local, engine, local_token(data, "alice", "--aud", "other"), "audience_mismatch")
    local.stop()
    gateway = start_gateway(**{**LOCAL, "OIDC_AUD": "first, second"}, ATTACH_DATA_DIR=data)
    expect_accepted(gateway, engine, local_token(data, "alice", OIDC_AUD="first, second"))
    expect_accepted(gateway, engine, local_token(data, "alice", "--aud", "second"))
    engine.requests.clear()
    expect_denied(gateway, engine, local_token(data), "audience_mismatch")


def test_a_second_gateway_of_one_directory_is_refused(local, engine, data):
    code, _, stderr = run(data.parent, "serve", ATTACH_LOCAL="true", ATTACH_DATA_DIR=data, PORT=0, ADMIN_PORT=0)
    assert code != 0 and str(data) in stderr and str(local.process.pid) in stderr
    expect_accepted(local, engine, local_token(data))


def test_two_gateways_with_the_same_key_share_their_tokens(start_gateway, engine, local, data, tmp_path):
    other = tmp_path / "other"
    other.mkdir(mode=0o700)
    (other / KEY_NAME).write_bytes((data / KEY_NAME).read_bytes())
    os.chmod(other / KEY_NAME, 0o600)
    gateway = start_gateway(**LOCAL, ATTACH_DATA_DIR=other)
    token = local_token(data)
    expect_accepted(local, engine, token)
    expect_accepted(gateway, engine, token)


def test_a_token_of_another_directory_is_denied(local, engine, tmp_path):
    expect_denied(local, engine, local_token(tmp_path / "other"), "key_unknown")


def test_what_is_signed_with_another_key_is_denied(local, engine, data):
    """The kid of ours, the key of somebody else."""
    header, claims = parts_of(local_token(data))
    forger = Key("Ed25519", header["kid"], 77)
    expect_denied(local, engine, keys.compact(header, {**claims, "sub": "root"}, forger.sign),
                  "signature_invalid")


def test_without_local_mode_its_tokens_are_denied(start_gateway, engine, data):
    gateway = start_gateway(ATTACH_DATA_DIR=data)
    expect_denied(gateway, engine, local_token(data), "issuer_untrusted")


def test_it_needs_nobody_else(local):
    assert local.ask("GET", "/readyz").status == 200
    assert local.ask("GET", "/auth/config").json() == {"domain": None, "client_id": None, "audience": None}


def test_the_key_is_not_told(local, engine, data):
    token = local_token(data)
    expect_accepted(local, engine, token)
    local.stop()
    private = "".join((data / KEY_NAME).read_text().splitlines()[1:-1])
    assert private not in local.text() and token not in local.text()


def test_beyond_loopback_it_warns(start_gateway, data):
    gateway = start_gateway(**LOCAL, ATTACH_DATA_DIR=data, HOST="0.0.0.0")
    assert any("local mode beyond loopback" in line["message"] for line in gateway.lines(level="warn"))


# ---- beside an OIDC issuer ----

def test_local_users_carry_their_issuer_beside_others(start_gateway, engine, issuer, data):
    """The first issuer's users go by their bare subject; nobody else's may look like one of them."""
    gateway = start_gateway(ATTACH_LOCAL="true", ATTACH_DATA_DIR=data)
    audience = ["--aud", issuer.claims()["aud"]]
    expect_accepted(gateway, engine, issuer.token("alice"))
    expect_accepted(gateway, engine, local_token(data, "alice", *audience), f"{ISSUER}|alice")
    engine.requests.clear()
    expect_denied(gateway, engine, issuer.token(f"{ISSUER}|alice"), "user_ambiguous")


def test_neither_can_speak_for_the_other(start_gateway, engine, issuer, data):
    gateway = start_gateway(ATTACH_LOCAL="true", ATTACH_DATA_DIR=data, JWKS_COOLDOWN="1h")
    expect_denied(gateway, engine, issuer.token("alice", iss=ISSUER), "key_unknown")
    header, claims = parts_of(local_token(data, "alice", "--aud", issuer.claims()["aud"]))
    forged = keys.compact({**header, "kid": issuer.keys[0].kid}, {**claims, "iss": issuer.url},
                          Key("Ed25519", "local", 78).sign)
    expect_denied(gateway, engine, forged, "key_unfit")


def test_local_tokens_need_no_issuer_that_is_up(start_gateway, engine, data):
    from harness.issuer import AUDIENCE, Issuer
    down = Issuer(is_down=True)
    gateway = start_gateway(ready=False, OIDC_ISSUER=down.url, ATTACH_LOCAL="true", ATTACH_DATA_DIR=data)
    expect_accepted(gateway, engine, local_token(data, "alice", "--aud", AUDIENCE), f"{ISSUER}|alice")
    assert gateway.ask("GET", "/readyz").status == 503

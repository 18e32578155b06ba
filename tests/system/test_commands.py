# SPDX-License-Identifier: MIT
"""The command line: what each command prints and how it ends, where options come from and which one
wins, and what is said about a value that is no good."""
import json
import re
import time

import pytest

from harness import gateway as harness
from harness import keys
from harness.gateway import REPOSITORY
from harness.issuer import AUDIENCE, Issuer
from harness.keys import Key

DONE, DENIED, USAGE = 0, 1, 2
TRUST = {"OIDC_ISSUER": "https://id.example", "OIDC_AUD": "a"}
GOLDEN = REPOSITORY / "tests" / "golden" / "jws"


def option_rows():
    """(variable, type) of every row of options.def."""
    text = (REPOSITORY / "src" / "config" / "options.def").read_text(encoding="utf-8")
    return re.findall(r"^OPTION\(\w+, \w+, (\w+), (\w+),", text, re.MULTILINE)


def flag_of(variable):
    return "--" + variable.lower().replace("_", "-")


@pytest.fixture
def run(tmp_path):
    """run("verify", "--jws-only", stdin=..., OIDC_AUD=...) -> (code, stdout, stderr)"""
    def command(*arguments, stdin="", **options):
        return harness.run_command(tmp_path, [str(one) for one in arguments], options, stdin)
    return command


def expect_usage(result, *words):
    """Refused before anything was done, with one line that says what is wrong."""
    code, stdout, stderr = result
    assert (code, stdout) == (USAGE, ""), stderr
    assert stderr.startswith("attach-gateway: ") and stderr.count("\n") == 1, stderr
    for word in words:
        assert word in stderr, f"{word!r} is not in {stderr!r}"


# ---- --version and --help ----

def test_version(run):
    code, stdout, stderr = run("--version")
    assert (code, stderr) == (DONE, "")
    assert re.fullmatch(r"attach-gateway \d+\.\d+\.\d+\n", stdout)


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["serve", "--help"], ["verify", "-h"],
                                       ["token", "--help"]], ids=" ".join)
def test_help_names_every_option_and_command(run, arguments):
    code, stdout, stderr = run(*arguments)
    assert (code, stderr) == (DONE, "")
    rows = option_rows()
    assert len(rows) > 40
    for variable, kind in rows:
        flag = r"\(no flag\)" if kind == "SECRET" else flag_of(variable)
        assert re.search(rf"^  {flag}  {variable}(  |$)", stdout, re.MULTILINE), variable
    for command in ("serve", "token", "verify", "generate"):
        assert f"attach-gateway {command} " in stdout
    assert "   " not in re.sub(r"(?m)^ +", "", stdout)  # wrapped, not padded
    assert max(map(len, stdout.partition("Options of serve")[2].splitlines())) <= 100


# ---- what is no command, flag or value ----

def test_unknown_command(run):
    expect_usage(run("frobnicate"), '"frobnicate"', "--help")


@pytest.mark.parametrize("arguments,word", [
    (["--frobnicate"], "--frobnicate"), (["serve", "--frobnicate"], "--frobnicate"),
    (["serve", "-p", "80"], "-p"), (["serve", "something"], "something"), (["--portt", "80"], "--portt"),
    (["serve", "--PORT", "80"], "--PORT"), (["serve", "--tls_cert", "x"], "--tls_cert"),
    (["token", "--user", "a", "--frobnicate"], "--frobnicate"),
    (["verify", "--frobnicate"], "--frobnicate"),
], ids=" ".join)
def test_unknown_flag(run, arguments, word):
    expect_usage(run(*arguments, **TRUST), word, "unknown option")


@pytest.mark.parametrize("arguments,word", [
    (["serve", "--port"], "--port needs a value"), (["serve", "--env-file"], "--env-file needs a value"),
    (["serve", "--check=yes"], "--check takes no value"), (["serve", "--local=1"], "--local takes no value"),
    (["token", "--user"], "--user needs a value"), (["verify", "--jwks"], "--jwks needs a value"),
    (["verify", "--jws-only=1"], "--jws-only takes no value"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_values_where_they_belong(run, arguments, word):
    expect_usage(run(*arguments, **TRUST), word)


BAD_VALUES = [
    ("PORT", "70000", "a whole number from 0 to 65535"),
    ("PORT", "http", "a whole number"),
    ("PORT", "-1", "a whole number"),
    ("PORT", "80 ", "a whole number"),
    ("WORKERS", "1.5", "a whole number from 0 to 256"),
    ("MAX_CONNECTIONS", "0", "a whole number from 1"),
    ("MAX_CONNECTIONS", "99999999999999999999999", "a whole number"),
    ("IDLE_TIMEOUT", "10 s", "a duration such as"),
    ("IDLE_TIMEOUT", "1d", "a duration such as"),
    ("IDLE_TIMEOUT", "1ms", "from 10ms"),
    ("HEADER_TIMEOUT", "5h", "a duration such as"),
    ("MAX_REQUEST_BYTES", "32mb", "a size such as 64k"),
    ("MAX_REQUEST_BYTES", "99999999999g", "a size such as 64k"),
    ("ATTACH_LOCAL", "perhaps", "true or false"),
    ("CLIENT_HALF_CLOSE", "2", "true or false"),
    ("LOG_LEVEL", "loud", "debug or info or warn or error"),
    ("LOG_FORMAT", "xml", "json or text"),
    ("ENGINE_API", "vllm", "ollama or openai"),
    ("HOST", "127.0.0.1\n", "a text without control characters"),
    ("OIDC_AUD", "a,b\x01", "a text without control characters"),
    ("OIDC_AUD", "a," * 300, "a list of at most 256 items"),
]


@pytest.mark.parametrize("variable,value,expected", BAD_VALUES, ids=repr)
def test_bad_value(run, variable, value, expected):
    """The message names the option, where the value came from, and what would be right."""
    expect_usage(run("serve", "--check", **{**TRUST, variable: value}), variable, expected, "environment")
    expect_usage(run("serve", "--check", f"{flag_of(variable)}={value}", **TRUST),
                 variable, expected, "command line")


@pytest.mark.parametrize("options,words", [
    ({"ENGINE_URL": "ftp://engine"}, ["ENGINE_URL", "http or https"]),
    ({"ENGINE_URL": "localhost:11434"}, ["ENGINE_URL"]),
    ({"ENGINE_URL": "http://"}, ["ENGINE_URL"]),
    ({"ENGINE_URL": "http://engine:99999"}, ["ENGINE_URL"]),
    ({"ENGINE_URL": "http://engine/v1"}, ["ENGINE_URL", "host and port"]),
    ({"PUBLIC_URL": "llm.example.com"}, ["PUBLIC_URL"]),
    ({"CORS_ORIGINS": "*"}, ["CORS_ORIGINS"]),
    ({"CORS_ORIGINS": "https://app.example.com/page"}, ["CORS_ORIGINS"]),
    ({"OIDC_ISSUER": "http://id.example"}, ["OIDC_ISSUER", "https"]),
    ({"OIDC_ISSUER": "id.example"}, ["OIDC_ISSUER"]),
    ({"OIDC_ISSUER": "https://a.example,https://b.example,https://a.example"}, ["OIDC_ISSUER", "twice"]),
    ({"ENGINE_API_KEY": "sk-with space"}, ["ENGINE_API_KEY"]),
    ({"ENGINE_PATHS": "api/chat"}, ["ENGINE_PATHS"]),
], ids=lambda value: str(value) if isinstance(value, dict) else "")
def test_bad_value_of_a_kind_of_its_own(run, options, words):
    expect_usage(run("serve", "--check", **{**TRUST, **options}), *words)


def test_nobody_could_log_in(run):
    for arguments in ([], ["serve"], ["serve", "--check"]):
        expect_usage(run(*arguments), "OIDC_ISSUER", "OIDC_AUD", "ATTACH_LOCAL")


def test_an_issuer_needs_an_audience(run):
    expect_usage(run("serve", OIDC_ISSUER="https://id.example"), "OIDC_ISSUER", "OIDC_AUD")


@pytest.mark.parametrize("arguments,options", [
    (["serve", "--check"], {"ENGINE_API_KEY": "sk-secret value"}),
    (["serve", "--check"], {"ENGINE_API_KEY": "sk-secret\x01"}),
    (["serve", "--check", "--engine-api-key=sk-secret"], {}),
    (["serve", "--check", "--engine-api-key", "sk-secret"], {}),
    (["serve", "--check"], {"ENGINE_URL": "http://user:sk-secret@engine"}),
    (["serve", "--check"], {"PUBLIC_URL": "http://user:sk-secret@engine"}),
], ids=str)
def test_a_secret_is_never_shown(run, arguments, options):
    code, stdout, stderr = run(*arguments, **{**TRUST, **options})
    assert code == USAGE
    assert "sk-secret" not in stdout + stderr


# ---- --check ----

def test_check_prints_what_would_be_exposed(run):
    code, stdout, stderr = run("serve", "--check", ENGINE_URL="http://engine.example:1",
                               ENGINE_API_KEY="sk-secret", **{**TRUST, "OIDC_AUD": "first,second"})
    assert (code, stderr) == (DONE, "")
    for method, path, needs in (("GET", "/healthz", "no token"), ("GET", "/readyz", "no token"),
                                ("GET", "/auth/config", "no token"), ("GET", "/metrics", "no token"),
                                ("POST", "/api/chat", "bearer token"), ("GET", "/v1/models", "bearer token")):
        assert re.search(rf"^  \w+ +{method} +{path} +{needs}", stdout, re.MULTILINE), path
    assert re.search(r"^  admin +GET +/metrics", stdout, re.MULTILINE)
    assert "/api/pull" not in stdout
    for line in ("https://id.example", "first", "second", "http://engine.example:1"):
        assert line in stdout
    assert "sk-secret" not in stdout


def test_check_is_the_same_without_the_word_serve(run):
    assert run("--check", **TRUST) == run("serve", "--check", **TRUST)


def test_check_shows_engine_paths(run):
    _, stdout, _ = run("--check", ENGINE_PATHS="GET /only/this,/that/*", **TRUST)
    assert re.search(r"GET +/only/this +bearer token", stdout)
    assert re.search(r"/that/\* +bearer token", stdout)
    assert "/api/chat" not in stdout


def test_check_asks_nobody_and_takes_no_port(run):
    """Neither the issuer nor the engine is there, and the port is somebody else's."""
    issuer = Issuer()
    code, stdout, _ = run("--check", OIDC_ISSUER=issuer.url, OIDC_AUD="a", PORT=issuer.port)
    assert code == DONE and "listening" not in stdout
    assert sum(issuer.fetches.values()) == 0
    issuer.close()


# ---- where options come from ----

def engine_of(result):
    code, stdout, stderr = result
    assert code == DONE, stderr
    return re.search(r"^engine: (.*)$", stdout, re.MULTILINE)[1]


def audiences_of(result):
    code, stdout, stderr = result
    assert code == DONE, stderr
    return re.findall(r"^  (.*)$", stdout.partition("for any of the audiences:\n")[2], re.MULTILINE)


def test_default_then_file_then_environment_then_flag(run, tmp_path):
    assert engine_of(run("--check", **TRUST)) == "http://localhost:11434"
    (tmp_path / ".env").write_text("ENGINE_URL=http://file\n")
    assert engine_of(run("--check", **TRUST)) == "http://file"
    assert engine_of(run("--check", ENGINE_URL="http://environment", **TRUST)) == "http://environment"
    for flag in (["--engine-url=http://flag"], ["--engine-url", "http://flag"]):
        assert engine_of(run("--check", *flag, ENGINE_URL="http://environment", **TRUST)) == "http://flag"


def test_an_empty_value_means_not_set(run, tmp_path):
    (tmp_path / ".env").write_text("ENGINE_URL=http://file\n")
    assert engine_of(run("--check", ENGINE_URL="", **TRUST)) == "http://file"
    assert engine_of(run("--check", "--engine-url=", **TRUST)) == "http://localhost:11434"
    (tmp_path / ".env").write_text("ENGINE_URL=\n")
    assert engine_of(run("--check", **TRUST)) == "http://localhost:11434"


def test_a_switch_needs_no_value(run, tmp_path):
    """--attach-local alone, before another flag, with a value, and taken back."""
    data = f"--attach-data-dir={tmp_path}/data"
    for flags in (["--attach-local"], ["--attach-local", "--port=0"], ["--attach-local", "yes"],
                  ["--attach-local=on"], ["--local"]):
        code, stdout, stderr = run("--check", data, *flags)
        assert code == DONE, stderr
        assert "urn:attach-gateway:local" in stdout
    expect_usage(run("--check", "--attach-local=no", ATTACH_LOCAL="true"), "ATTACH_LOCAL")


ENV_LINES = {
    "plain": ("OIDC_AUD=value", ["value"]),
    "export": ("export OIDC_AUD=value", ["value"]),
    "spaces": ("  OIDC_AUD = value  ", ["value"]),
    "double quotes": ('OIDC_AUD="one value"', ["one value"]),
    "single quotes": ("OIDC_AUD='one value'", ["one value"]),
    "escapes in double quotes": ('OIDC_AUD="a \\"b\\" \\\\ c"', ['a "b" \\ c']),
    "no escapes in single quotes": ("OIDC_AUD='a\\nb'", ["a\\nb"]),
    "comment behind": ("OIDC_AUD=value # not this", ["value"]),
    "comment behind quotes": ('OIDC_AUD="value # this" # not this', ["value # this"]),
    "hash inside": ("OIDC_AUD=a#b", ["a#b"]),
    "equals inside": ("OIDC_AUD=a=b==", ["a=b=="]),
    "quotes inside": ("OIDC_AUD=it's", ["it's"]),
    "a list": ("OIDC_AUD=a, b ,c", ["a", "b", "c"]),
    "dollar": ("OIDC_AUD=$HOME", ["$HOME"]),
    "CRLF": ("OIDC_AUD=value\r", ["value"]),
    "twice": ("OIDC_AUD=first\nOIDC_AUD=second", ["second"]),
    "no line end": ("#x\nOIDC_AUD=value", ["value"]),
    "among others": ("\n# OIDC_AUD=no\nSOMEBODY=else's\n\nOIDC_AUD=value\nX='open", ["value"]),
}


@pytest.mark.parametrize("name", ENV_LINES)
def test_env_file(run, tmp_path, name):
    text, expected = ENV_LINES[name]
    (tmp_path / ".env").write_bytes(text.encode() + (b"" if name == "no line end" else b"\n"))
    assert audiences_of(run("--check", OIDC_ISSUER="https://id.example")) == expected


@pytest.mark.parametrize("line,words", [
    ('OIDC_AUD="open', ["OIDC_AUD", ".env line 3", "quotes"]),
    ("OIDC_AUD='open", ["OIDC_AUD", ".env line 3", "quotes"]),
    ('OIDC_AUD="a" b', ["OIDC_AUD", ".env line 3", "quotes"]),
    ("just words", [".env line 3", "NAME=value"]),
    ("PORT=eighty", ["PORT", ".env line 3", "a whole number"]),
    ('OIDC_AUD="a\\nb"', ["OIDC_AUD", ".env line 3"]),
])
def test_env_file_that_is_no_good(run, tmp_path, line, words):
    (tmp_path / ".env").write_text(f"# first\n\n{line}\n")
    expect_usage(run("--check", OIDC_ISSUER="https://id.example"), *words)


def test_env_file_of_another_name(run, tmp_path):
    """Instead of .env, not beside it."""
    (tmp_path / ".env").write_text("ENGINE_URL=http://default\nOIDC_AUD=from-default\n")
    other = tmp_path / "other.env"
    other.write_text("ENGINE_URL=http://other\n")
    assert engine_of(run("--check", "--env-file", other, **TRUST)) == "http://other"
    assert engine_of(run("--check", f"--env-file={other}", **TRUST)) == "http://other"
    expect_usage(run("--check", "--env-file", other, OIDC_ISSUER="https://id.example"), "OIDC_AUD")


def test_env_file_that_is_missing(run, tmp_path):
    expect_usage(run("--check", "--env-file", tmp_path / "none.env", **TRUST), "none.env", "No such file")
    expect_usage(run("--check", "--env-file", tmp_path, **TRUST), str(tmp_path))


def test_env_file_that_is_far_too_long(run, tmp_path):
    (tmp_path / ".env").write_text("# long\n" * 100_000)
    expect_usage(run("--check", **TRUST), ".env", "longer than")


# ---- serve that cannot ----

@pytest.mark.parametrize("variable", ["PORT", "ADMIN_PORT"])
def test_port_in_use(start_gateway, run, variable):
    gateway = start_gateway()
    port = (gateway.address if variable == "PORT" else gateway.admin_address)[1]
    code, _, stderr = run("serve", **{"PORT": "0", "ADMIN_PORT": "0", **TRUST, variable: port})
    assert code == DENIED
    assert variable in stderr and str(port) in stderr and "in use" in stderr
    assert gateway.ask("GET", "/healthz").status == 200  # and it does not share the port


def test_host_that_is_not_ours(run):
    code, _, stderr = run("serve", HOST="192.0.2.1", PORT="0", ADMIN_PORT="0", **TRUST)
    assert code == DENIED and "HOST" in stderr and "192.0.2.1" in stderr


def test_variables_of_the_original_that_do_nothing_are_told(start_gateway):
    gateway = start_gateway(USAGE_METERING="prometheus", REDIS_URL="redis://x", USAGE_BACKEND="null")
    told = [line["message"] for line in gateway.lines(level="warn") if "has no effect" in line["message"]]
    assert [message.split()[0] for message in told] == ["REDIS_URL", "USAGE_METERING"]


# ---- token ----

@pytest.mark.parametrize("ttl,seconds", [(None, 600), ("1s", 1), ("30s", 30), ("10m", 600), ("2h", 7200),
                                         ("90", 90), ("1500ms", 1), ("8760h", 31_536_000)])
def test_ttl(run, ttl, seconds):
    code, stdout, _ = run("token", "--user", "alice", *([] if ttl is None else ["--ttl", ttl]))
    assert code == DONE
    payload = stdout.split(".")[1]
    claims = json.loads(keys.base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert claims["exp"] - claims["iat"] == seconds
    assert abs(claims["iat"] - time.time()) < 60


@pytest.mark.parametrize("ttl", ["0", "999ms", "abc", "-5", "", "1d", "10 m", "99999999999h", "1e3"])
def test_ttl_that_is_none(run, ttl):
    expect_usage(run("token", "--user", "alice", "--ttl", ttl), "--ttl", "10m")


def test_a_token_is_for_somebody(run):
    expect_usage(run("token"), "--user")


# ---- verify ----

GOOD = Key("ES256", "good", 51)
OTHER = Key("ES256", "good", 52)
NOW = 1_700_000_000
CLAIMS = {"iss": "https://id.example", "sub": "alice", "aud": "ours", "iat": NOW, "exp": NOW + 100}


def signed(key=GOOD, header=None, **changes):
    claims = {name: value for name, value in {**CLAIMS, **changes}.items() if value is not None}
    return keys.compact({"alg": "ES256", "kid": "good", **(header or {})}, claims, key.sign)


@pytest.fixture
def jwks(tmp_path):
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": [GOOD.jwk()]}))
    return path


def expect_accepted(result, user="alice"):
    code, stdout, stderr = result
    assert (code, stderr) == (DONE, ""), stdout
    lines = stdout.splitlines()
    assert lines[0] == "accepted"
    assert f"  user: {user}" in lines
    return stdout


def expect_denied(result, reason):
    code, stdout, _ = result
    assert stdout.splitlines()[0] == f"denied: {reason}"
    assert len(stdout.splitlines()) == 2  # and a sentence
    assert code == DENIED


def test_verify_offline(run, jwks):
    stdout = expect_accepted(run("verify", "--jwks", jwks, "--now", NOW, stdin=signed()))
    assert '  issuer: "https://id.example"' in stdout and '  subject: "alice"' in stdout
    assert "  expires: 2023-11-14T22:15:00" in stdout


def test_verify_offline_checks_iss_only_when_told_to(run, jwks):
    expect_accepted(run("verify", "--jwks", jwks, "--now", NOW, stdin=signed(iss="https://x.example")))
    expect_accepted(run("verify", "--jwks", jwks, "--now", NOW, "--issuer", "https://id.example",
                        stdin=signed()))
    expect_denied(run("verify", "--jwks", jwks, "--now", NOW, "--issuer", "https://x.example",
                      stdin=signed()), "issuer_untrusted")


def test_verify_checks_aud_when_told_to(run, jwks):
    arguments = ["verify", "--jwks", jwks, "--now", NOW]
    expect_accepted(run(*arguments, "--aud", "ours", stdin=signed()))
    expect_denied(run(*arguments, "--aud", "theirs", stdin=signed()), "audience_mismatch")
    expect_denied(run(*arguments, OIDC_AUD="theirs", stdin=signed()), "audience_mismatch")
    expect_accepted(run(*arguments, "--aud", "ours", OIDC_AUD="theirs", stdin=signed()))
    expect_accepted(run(*arguments, stdin=signed(aud=["x", "y"])))


def test_verify_at_another_time(run, jwks):
    """Leeway is 60 s."""
    def at(moment):
        return run("verify", "--jwks", jwks, "--now", moment, stdin=signed(nbf=NOW))
    expect_accepted(at(NOW + 159))
    expect_denied(at(NOW + 161), "expired")
    expect_accepted(at(NOW - 60))
    expect_denied(at(NOW - 61), "not_yet_valid")
    expect_denied(run("verify", "--jwks", jwks, stdin=signed()), "expired")  # now


@pytest.mark.parametrize("token,reason", [
    (lambda: signed(key=OTHER), "signature_invalid"),
    (lambda: signed(header={"kid": "unknown"}), "key_unknown"),
    (lambda: signed(sub=None), "subject_missing"),
    (lambda: signed(exp=None), "exp_missing"),
    (lambda: signed(header={"alg": "none"}), "alg_not_allowed"),
    (lambda: signed() + "x", "signature_not_base64url"),
    (lambda: "a.b", "not_compact_jws"),
    (lambda: signed() + " ", "signature_not_base64url"),
    (lambda: "x" * 1_000_000, "token_too_long"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_verify_denies(run, jwks, token, reason):
    expect_denied(run("verify", "--jwks", jwks, "--now", NOW, stdin=token()), reason)


def test_verify_takes_a_line(run, jwks):
    for end in ("", "\n", "\r\n"):
        expect_accepted(run("verify", "--jwks", jwks, "--now", NOW, stdin=signed() + end))
    code, _, _ = run("verify", "--jwks", jwks, "--now", NOW, stdin=signed() + "\n\n")
    assert code == DENIED


def test_verify_shows_no_token(run, jwks):
    token = signed(key=OTHER)
    _, stdout, stderr = run("verify", "--jwks", jwks, "--now", NOW, stdin=token)
    assert not any(part in stdout + stderr for part in token.split("."))


@pytest.mark.parametrize("arguments,words", [
    ([], ["--jwks", "--issuer", "OIDC_ISSUER"]),
    (["--jwks", "missing.json"], ["--jwks", "missing.json", "No such file"]),
    (["--jwks", "keys.json", "--now", "today"], ["--now", '"today"']),
    (["--jwks", "keys.json", "--now", "-1"], ["--now"]),
    (["--jwks", "keys.json", "token"], ["token"]),
], ids=" ".join)
def test_verify_used_wrongly(run, jwks, arguments, words):
    expect_usage(run("verify", *arguments, stdin="x.y.z"), *words)


def test_verify_without_a_token(run, jwks):
    for nothing in ("", "\n"):
        expect_usage(run("verify", "--jwks", jwks, stdin=nothing), "standard input")


@pytest.mark.parametrize("text", ["", "{", "[]", '"keys"', "{}", '{"keys":{}}',
                                  '{"keys":[' + " " * 2_000_000 + "]}"], ids=lambda text: text[:40])
def test_verify_with_a_file_of_no_keys(run, tmp_path, text):
    path = tmp_path / "broken.json"
    path.write_text(text)
    expect_usage(run("verify", "--jwks", path, stdin=signed()), "--jwks", "broken.json")


@pytest.mark.parametrize("text", ['{"keys":[]}', '{"keys":[1]}', '{"keys":[{"kty":"oct","k":"AAAA"}]}',
                                  '{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}'])
def test_verify_with_keys_that_verify_nothing(run, tmp_path, text):
    """Keys that cannot be used are skipped, as the gateway skips them."""
    path = tmp_path / "useless.json"
    path.write_text(text)
    expect_denied(run("verify", "--jwks", path, stdin=signed()), "key_unknown")


# ---- verify --jws-only, and the examples of the RFCs ----

def golden():
    return sorted(path.stem for path in GOLDEN.glob("*.json"))


def load(name):
    """A vector is a JWKS file by itself; the members `source` and `token` come on top."""
    return json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))


def judge(run, name, token):
    return run("verify", "--jwks", GOLDEN / f"{name}.json", "--jws-only", stdin=token)


def test_there_are_vectors():
    assert len(golden()) >= 6
    for name in golden():
        assert re.match(r"RFC \d{4}, ", load(name)["source"])


@pytest.mark.parametrize("name", golden())
def test_example(run, name):
    code, stdout, stderr = judge(run, name, load(name)["token"])
    assert (code, stderr) == (DONE, "")
    assert stdout.startswith("accepted: the signature holds")


@pytest.mark.parametrize("name", golden())
def test_example_that_was_tampered_with(run, name):
    header, payload, signature = load(name)["token"].split(".")

    def changed(text, at):
        return text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1:]
    for at in (0, len(payload) // 2):
        code, stdout, _ = judge(run, name, f"{header}.{changed(payload, at)}.{signature}")
        assert code == DENIED and stdout.startswith("denied: signature_invalid")
    for at in (0, len(signature) // 2, len(signature) - 3):
        code, stdout, _ = judge(run, name, f"{header}.{payload}.{changed(signature, at)}")
        assert code == DENIED and stdout.startswith("denied: signature_invalid")
    for token in (f"{changed(header, 5)}.{payload}.{signature}", f"{header}.{payload}.",
                  f"{header}.{payload}.{signature[:-4]}", f"{header}.{payload}.{signature}AAAA",
                  f"{keys.b64_json({'alg': 'none'})}.{payload}.{signature}",
                  f"{header}.{signature}.{payload}"):
        assert judge(run, name, token)[0] == DENIED


@pytest.mark.parametrize("name", golden())
def test_example_with_the_key_of_another(run, name):
    token = load(name)["token"]
    mine = json.dumps(load(name)["keys"])
    others = [other for other in golden() if json.dumps(load(other)["keys"]) != mine]
    assert len(others) >= 4
    for other in others:
        assert judge(run, other, token)[0] == DENIED


def test_without_jws_only_a_payload_must_be_claims(run):
    name = "rfc8037-a4"  # "Example of Ed25519 signing"
    expect_denied(run("verify", "--jwks", GOLDEN / f"{name}.json", stdin=load(name)["token"]),
                  "claims_not_json")


# ---- verify online ----

def test_verify_asks_the_issuer(run, issuer):
    expect_accepted(run("verify", "--issuer", issuer.url, stdin=issuer.token()))
    expect_accepted(run("verify", "--issuer", issuer.url, "--aud", AUDIENCE, stdin=issuer.token()))
    expect_denied(run("verify", "--issuer", issuer.url, "--aud", "x", stdin=issuer.token()),
                  "audience_mismatch")
    expect_denied(run("verify", "--issuer", issuer.url, stdin=issuer.token(exp=1)), "expired")
    expect_denied(run("verify", "--issuer", issuer.url, stdin=issuer.token(iss="https://x.example")),
                  "issuer_untrusted")


def test_verify_with_the_gateways_own_options(run, issuer):
    second = Issuer(keys=[Key("ES256", "k2", 53)])
    options = {"OIDC_ISSUER": f"{issuer.url},{second.url}", "OIDC_AUD": AUDIENCE}
    expect_accepted(run("verify", stdin=issuer.token(), **options))
    expect_accepted(run("verify", stdin=second.token(), **options), f"{second.url}|alice")
    second.close()


def test_verify_in_local_mode(run):
    _, token, _ = run("token", "--user", "alice")
    expect_accepted(run("verify", "--attach-local", stdin=token))
    expect_accepted(run("verify", stdin=token, ATTACH_LOCAL="true"))


def test_verify_when_the_issuer_is_down(run):
    down = Issuer(is_down=True)
    code, stdout, stderr = run("verify", "--issuer", down.url, stdin=down.token())
    assert code == DENIED and stdout.startswith("denied: keys_unavailable")
    assert down.url in stderr


# ---- generate ----

def generate(run, name):
    code, stdout, stderr = run("generate", name)
    assert (code, stderr) == (DONE, "")
    return stdout


def test_generate_env_example(run, tmp_path):
    """Every option once, commented out, and the whole of it is a .env file that changes nothing."""
    text = generate(run, "env-example")
    for variable, _ in option_rows():
        assert len(re.findall(rf"^#{variable}=", text, re.MULTILINE)) == 1, variable
    (tmp_path / ".env").write_text(text)
    assert engine_of(run("--check", **TRUST)) == "http://localhost:11434"
    (tmp_path / ".env").write_text(re.sub(r"(?m)^#(\w+=)", r"\1", text))
    assert engine_of(run("--check", **TRUST)) == "http://localhost:11434"


def test_generate_configuration(run):
    text = generate(run, "configuration")
    for variable, kind in option_rows():
        flag = "" if kind == "SECRET" else f"`{flag_of(variable)}`"
        assert f"| `{variable}` | {flag} |" in text, variable
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {6}


def test_generate_man(run):
    text = generate(run, "man")
    assert re.search(r"^\.TH ATTACH-GATEWAY 1 ", text, re.MULTILINE)
    for variable, _ in option_rows():
        assert variable.replace("-", "\\-") in text, variable


def test_generate_metrics(run):
    text = generate(run, "metrics")
    rows = (REPOSITORY / "src" / "gateway" / "metrics.def").read_text(encoding="utf-8")
    names = set(re.findall(r'^METRIC\(\w+, \w+, "(\w+)"', rows, re.MULTILINE))
    assert len(names) > 10
    for name in names | {"attach_tokens_denied_total"}:
        assert f"| `{name}` |" in text


def test_generate_routes(run):
    text = generate(run, "routes")
    _, check, _ = run("--check", **TRUST)
    routes = [line for line in check.splitlines() if re.match(r"  (public|admin|engine) ", line)]
    assert len(routes) > 15
    assert all(route in text for route in routes)


def test_generate_deny_reasons(run):
    text = generate(run, "deny-reasons")
    rows = (REPOSITORY / "src" / "auth" / "deny_reasons.def").read_text(encoding="utf-8")
    names = re.findall(r"^DENY\((\w+),", rows, re.MULTILINE)
    assert len(names) > 30
    for name in names:
        assert f"| `{name.lower()}` |" in text


def test_generate_nothing_else(run):
    for arguments in ([], ["everything"], ["man", "routes"]):
        expect_usage(run("generate", *arguments), "generate needs one of", "env-example", "deny-reasons")


def test_output_that_cannot_be_written(tmp_path):
    """A full disk is not silence."""
    import subprocess
    with open("/dev/full", "wb") as full:
        for arguments in (["--version"], ["--help"], ["generate", "man"], ["token", "--user", "a"]):
            done = subprocess.run([harness.BINARY, *arguments], stdout=full, stderr=subprocess.PIPE, check=False,
                                  cwd=tmp_path, env=harness.environment(tmp_path, {}), timeout=30)
            assert done.returncode != DONE, arguments
            assert done.stderr, arguments

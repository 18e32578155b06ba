# SPDX-License-Identifier: MIT
"""The documents are true: their commands run, and what they name exists.

Fenced blocks say by their info words what they are:

    ```sh            run here, in order, in one folder for each document, against a gateway in local
                     mode with the stand-in engine behind it; must end with 0
    ```text output   right behind one of those: exactly what it prints; ... stands for anything
    ```sh not-run    not run here; only commands of NOT_RUN may stand in it
    ```text          pictures, and files of other programs

Blocks speak to the addresses a reader would use; they are replaced by those of the test. An HTTP
status of 400 and more is a failure, unless curl was asked to show it (-i).

The binaries are $GATEWAY_BINARY and $STAND_IN_ENGINE, or those of build/.
"""
import ast
import configparser
import functools
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import tomllib

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "tests" / "system"))

from harness.engine import Engine  # noqa: E402
from harness.gateway import BINARY, Gateway, run_command  # noqa: E402
from harness.wait import PATIENCE  # noqa: E402

STAND_IN_ENGINE = os.environ.get(
    "STAND_IN_ENGINE", str(REPOSITORY / "build" / "examples" / "engine" / "stand-in-engine"))

GUIDES = ["README.md", *sorted(str(path.relative_to(REPOSITORY))
                               for path in (REPOSITORY / "docs").rglob("*.md"))]
DOCUMENTS = [*GUIDES, "ARCHITECTURE.md", "CHANGES.md", "CONTRIBUTING.md", "SECURITY.md"]

BLOCK_KINDS = {"sh", "sh not-run", "text", "text output"}

# First words of commands that documents may show without their being run here, and why.
NOT_RUN = {
    "script/server": "runs until it is interrupted; tests/examples_test.py runs it",
    "script/dev-login": "needs an issuer; tests/browser runs it",
    "script/test": "runs this",
    "script/build": "builds the program that is tested here",
    "script/lint": "a stage of script/test of its own",
    "script/fuzz": "takes minutes",
    "script/bench": "needs servers that are not installed for tests",
    "/usr/bin/python3": "runs other tests",
    "meson": "installs, or runs other tests",
    "install": "writes to the system",
    "systemctl": "there may be no systemd here",
    "journalctl": "there may be no systemd here",
}

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"}

# Words in capitals that are no option and no variable of the original. To add one: here.
OTHER_WORDS = METHODS | {
    "JWT",  # the token, and the typ
    "NAME",  # a place for a word
    "GATEWAY_BINARY", "STAND_IN_ENGINE",  # read by the tests
    "SIGTERM", "SIGINT",
}

SKIPPED_FOLDERS = {".git", "node_modules", "__pycache__", ".pytest_cache", ".hypothesis"}


# ---- reading documents ----

@functools.lru_cache(maxsize=None)
def text_of(document):
    return (REPOSITORY / document).read_text(encoding="utf-8")


FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block:
    def __init__(self, document, match):
        self.place = f"{document}:{text_of(document).count(chr(10), 0, match.start()) + 1}"
        self.kind = match.group(1).strip()
        self.text = match.group(2)
        self.start, self.end = match.span()
        self.output = None  # of a sh block: what it must print


@functools.lru_cache(maxsize=None)
def blocks_of(document):
    blocks = [Block(document, match) for match in FENCE.finditer(text_of(document))]
    for before, block in zip([None, *blocks], blocks):
        if block.kind == "text output":
            assert before is not None and before.kind == "sh", f"{block.place}: output of what?"
            between = text_of(document)[before.end:block.start]
            assert not between.strip(), f"{block.place}: stands not right behind its commands"
            before.output = block.text
    return blocks


def prose_of(document):
    """Without the fenced blocks."""
    return FENCE.sub("", text_of(document))


def quoted_in(document):
    """Everything in backticks, outside of blocks."""
    return [text.replace("\\|", "|") for text in re.findall(r"`([^`\n]+)`", prose_of(document))]


def rows_of(document, heading):
    """The cells of the tables below <heading>, up to the next heading of its rank."""
    rank = heading.split(" ")[0]
    after = text_of(document).split(f"\n{heading}\n", 1)[1]
    section = re.split(rf"^#{{1,{len(rank)}}} ", after, maxsplit=1, flags=re.MULTILINE)[0]
    lines = [line for line in section.split("\n") if line.startswith("|")]
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return [row for row in rows if not set(row[0]) <= set("-")][1:]


def quoted(cell):
    return [text.replace("\\|", "|") for text in re.findall(r"`([^`]+)`", cell)]


# ---- what there is ----

@functools.lru_cache(maxsize=None)
def tree():
    """Every file and folder, and the files that script/lint compares with what makes them."""
    found = set(tomllib.loads((REPOSITORY / "script" / "lint.toml").read_text())["generated"])
    for folder, folders, files in os.walk(REPOSITORY):
        folders[:] = [name for name in folders
                      if name not in SKIPPED_FOLDERS and not re.match(r"build(-|$)", name)]
        inside = os.path.relpath(folder, REPOSITORY)
        found |= {os.path.normpath(os.path.join(inside, name)) for name in folders + files}
    return found


@functools.lru_cache(maxsize=None)
def options():
    rows = (REPOSITORY / "src" / "config" / "options.def").read_text()
    found = re.findall(r'^OPTION\(\w+, \w+, (\w+), \w+, "([^"]*)"', rows, re.MULTILINE)
    assert found
    return dict(found)


@functools.lru_cache(maxsize=None)
def originals_variables():
    rows = rows_of("docs/compatibility.md", "## Environment variables")
    return {quoted(row[0])[0]: row for row in rows}


def printed(*arguments):
    with tempfile.TemporaryDirectory() as directory:
        code, output, errors = run_command(pathlib.Path(directory), arguments)
    assert code == 0, errors
    return output


@functools.lru_cache(maxsize=None)
def routes():
    """[(method, path)], a path may end in *."""
    found = re.findall(r"^ +(?:public|admin|engine) +(\S+) +(\S+)", printed("generate", "routes"),
                       re.MULTILINE)
    assert ("GET", "/healthz") in found
    return found


@functools.lru_cache(maxsize=None)
def originals_routes():
    """[(method, path, what became of it)]"""
    found = []
    for row in rows_of("docs/compatibility.md", "## Routes"):
        for text in quoted(row[0]):
            method, _, path = text.partition(" ")
            if path.startswith("/"):
                found.append((method, path, row[1]))
    return found


@functools.lru_cache(maxsize=None)
def sources():
    files = sorted((REPOSITORY / "src").rglob("*.[ch]")) + sorted(
        (REPOSITORY / "src").rglob("*.def"))
    return "\n".join(path.read_text() for path in files)


# ---- a gateway to speak to ----

@pytest.fixture(scope="module")
def stand_in_engine():
    process = subprocess.Popen([STAND_IN_ENGINE, "--port", "0", "--delay", "0"], text=True,
                               stderr=subprocess.PIPE)
    line = process.stderr.readline()
    assert line.startswith("stand-in engine on "), line
    yield line.split()[-1]
    process.terminate()
    assert process.wait(PATIENCE) == 0


@pytest.fixture(scope="module")
def gateway(stand_in_engine, tmp_path_factory):
    directory = tmp_path_factory.mktemp("gateway")
    gateway = Gateway(directory, {"ENGINE_URL": stand_in_engine, "LOG_LEVEL": "debug"}, ["--local"])
    gateway.directory = directory
    gateway.wait_ready()
    yield gateway
    gateway.stop()


@pytest.fixture
def start_gateway(tmp_path):
    """start_gateway(ENGINE_URL=...) -> one in local mode, stopped and checked after the test."""
    running = []

    def start(**settings):
        running.append(Gateway(tmp_path, settings, ["--local"]))
        return running[-1].wait_ready()

    yield start
    for gateway in running:
        gateway.stop()


@pytest.fixture(scope="module")
def token(gateway):
    code, output, errors = run_command(gateway.directory, ["token", "--user", "alice"])
    assert code == 0, errors
    return output.strip()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# ---- commands ----

@pytest.fixture
def folder(tmp_path):
    """Where commands run: as in a fresh clone that was built and installed."""
    programs = tmp_path / "programs"
    (tmp_path / "build").mkdir()
    programs.mkdir()
    for place in (programs, tmp_path / "build"):
        (place / "attach-gateway").symlink_to(pathlib.Path(BINARY).resolve())
    curl = shutil.which("curl")
    assert curl, "curl is missing"
    (programs / "curl").write_text(
        f'#!/bin/sh\ncase " $* " in *" -i "*) exec {curl} -sS "$@" ;; esac\n'
        f'exec {curl} -sS --fail-with-body "$@"\n')
    (programs / "curl").chmod(0o755)
    return tmp_path


def run_block(block, folder, gateway, token):
    text = block.text
    replaced = {"localhost:8080": f"localhost:{gateway.address[1]}",
                "127.0.0.1:9090": f"127.0.0.1:{gateway.admin_address[1]}",
                "8443": str(free_port())}
    for address, instead in replaced.items():
        text = text.replace(address, instead)
    environment = {"PATH": f"{folder}/programs:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8",
                   "HOME": str(gateway.directory), "JWT": token}
    process = subprocess.Popen(["bash", "-euo", "pipefail", "-c", text], cwd=folder, text=True,
                               env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, start_new_session=True)
    try:
        output, errors = process.communicate(timeout=PATIENCE * 3)
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)  # what the block left behind
        except ProcessLookupError:
            pass
    return process.returncode, output, errors


def output_fault(expected, output):
    """What is other than expected, or None."""
    wanted = expected.rstrip("\n").split("\n")
    got = [line.rstrip("\r") for line in output.rstrip("\n").split("\n")]
    for number, (want, line) in enumerate(zip(wanted, got), 1):
        pattern = ".*".join(re.escape(piece) for piece in want.split("..."))
        if not re.fullmatch(pattern, line):
            return f"line {number} is {line!r}, not {want!r}"
    if len(wanted) != len(got):
        return f"{len(got)} lines, not {len(wanted)}"
    return None


WITH_COMMANDS = [name for name in DOCUMENTS if any(b.kind == "sh" for b in blocks_of(name))]


@pytest.mark.parametrize("document", WITH_COMMANDS)
def test_commands_run(document, folder, gateway, token):
    for block in blocks_of(document):
        if block.kind != "sh":
            continue
        code, output, errors = run_block(block, folder, gateway, token)
        assert code == 0, f"{block.place}: code {code}\n{output}{errors}"
        if block.output is not None:
            fault = output_fault(block.output, output)
            assert fault is None, f"{block.place}: {fault}\n{output}{errors}"


def test_the_readme_and_most_guides_have_commands():
    """So that the test above cannot run dry."""
    assert {"README.md", "docs/http-api.md", "docs/identity.md",
            "docs/operations.md"} <= set(WITH_COMMANDS)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_blocks_say_what_they_are(document):
    for block in blocks_of(document):
        if document not in GENERATED:
            assert block.kind in BLOCK_KINDS, f"{block.place}: a block of no kind"
        if block.kind == "sh" and re.search(r"\bcurl\b[^|]* -i ", block.text):
            assert block.output is not None, f"{block.place}: -i shows a status, but which?"
        if block.kind == "sh not-run":
            for line in re.sub(r"\\\n", " ", block.text).splitlines():
                words = [word for word in line.split("#")[0].split() if word != "sudo"]
                assert not words or words[0] in NOT_RUN, f"{block.place}: why is {words} not run?"


def test_output_faults_are_seen():
    assert output_fault("a\nb ... c\n", "a\r\nb 1 2 c") is None
    assert output_fault("a\n", "b") and output_fault("a\n", "a\nb") and output_fault("a\nb\n", "a")


# ---- names ----

GENERATED = set(tomllib.loads((REPOSITORY / "script" / "lint.toml").read_text())["generated"])
MARKDOWN = sorted(path for path in tree() if path.endswith(".md"))


@functools.lru_cache(maxsize=None)
def anchors_of(document):
    """As GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", FENCE.sub("", text_of(document)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", MARKDOWN)
def test_links_lead_somewhere(document):
    if not (REPOSITORY / document).exists():
        assert document in GENERATED
        return
    for target in re.findall(r"\]\(([^)\s]+)\)", prose_of(document)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        inside = document
        if path:
            inside = os.path.normpath(os.path.join(os.path.dirname(document), path))
        assert inside in tree(), f"{document}: there is no {target}"
        if anchor:
            assert anchor in anchors_of(inside), f"{document}: there is no {target}"


SUFFIXES = (".c", ".h", ".def", ".py", ".md", ".toml", ".build", ".service", ".mjs", ".1")


def named_file(text):
    """The file or folder that <text> names, as a pattern; None when it names none."""
    name = text.split("::")[0]
    if not re.fullmatch(r"[\w.<>*-]+(/[\w.<>*-]+)*/?", name) or not re.search("[a-z]", name):
        return None
    if re.fullmatch(r"\.\w+", name):  # .env, .def
        return None
    top = {path for path in tree() if "/" not in path}
    if not ("/" in name and name.split("/")[0] in top) and not name.endswith(SUFFIXES):
        return None
    return re.sub(r"<\w+>", "*", name.rstrip("/"))


def file_exists(pattern):
    expression = re.escape(pattern).replace(r"\*", "[^/]*")
    anywhere = "" if "/" in pattern else "(.*/)?"
    return any(re.fullmatch(anywhere + expression, path) for path in tree())


# Files that are still to be written, whose names say how.
TO_BE_WRITTEN = {"answer_<name>.c", "command_<name>.c", "step_<name>.c", "verify_<kind>.c",
                 "connection_<codec>.c", "<name>_test.c"}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_files_exist(document):
    for text in quoted_in(document):
        pattern = named_file(text)
        if pattern is not None:
            assert file_exists(pattern), f"{document}: there is no {text}"


def test_files_to_be_written_are_like_those_there_are():
    for name in TO_BE_WRITTEN:
        assert file_exists(named_file(name)), name


def test_missing_files_are_seen():
    assert named_file("src/nowhere.c") and not file_exists("src/nowhere.c")
    assert named_file("nowhere.def") and not file_exists("nowhere.def")
    assert file_exists("connection.c") and file_exists("step_*.c")
    assert named_file("/api/chat") is None and named_file("alice") is None


def words_of(document):
    for text in quoted_in(document):
        match = re.fullmatch(r"([A-Z][A-Z0-9_]{2,})(=.*)?", text)
        if match:
            yield match.group(1)
    for block in blocks_of(document):
        if block.kind.startswith("sh"):
            yield from re.findall(r"(?:^|\s)([A-Z][A-Z0-9_]{2,})=", block.text)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_variables_exist(document):
    known = set(options()) | OTHER_WORDS | set(originals_variables())
    for word in words_of(document):
        in_source = document not in GUIDES and re.search(rf"\b{word}\b", sources())
        assert word in known or in_source, f"{document}: there is no {word}"


def test_variables_of_the_original_are_what_the_table_says():
    for name, row in originals_variables().items():
        is_here = row[1] in ("same", "different")
        assert is_here == (name in options()), f"{name} is said to be {row[1]}"


def route_exists(method, path):
    path = path.split("?")[0]
    for known_method, known_path in routes() + [route[:2] for route in originals_routes()]:
        pattern = re.sub(r"\\{\w+\\}", r"[^/]+", re.escape(known_path))
        if known_path.endswith("*"):
            pattern = pattern.removesuffix(r"\*") + ".*"
        fits = re.fullmatch(pattern, path) or path == known_path
        if fits and method in ("", known_method):
            return True
    return False


def routes_in(document):
    methods = "|".join(METHODS)
    for text in quoted_in(document):
        match = re.fullmatch(rf"(?:({methods}) )?(/[^\s]*)", text)
        if match is None or re.match(r"/(etc|usr|proc|var|\.well-known)\b", match.group(2)):
            continue
        if re.search(r"//|\.\.|%|^/$|\\", match.group(2)):  # examples of what is refused
            continue
        yield match.group(1) or "", match.group(2)
    for block in blocks_of(document):
        if block.kind == "sh":
            for path in re.findall(r"(?:localhost|127\.0\.0\.1):\d+(/[^\s'\"]*)", block.text):
                yield "", path


@pytest.mark.parametrize("document", DOCUMENTS)
def test_routes_exist(document):
    for method, path in routes_in(document):
        assert route_exists(method, path), f"{document}: there is no {method} {path}"


def test_missing_routes_are_seen():
    assert route_exists("", "/healthz") and route_exists("GET", "/v1/models/x")
    assert not route_exists("POST", "/healthz") and not route_exists("", "/health")


def test_the_readme_is_short():
    assert text_of("README.md").count("\n") <= 150


# ---- tests that documents name ----

@functools.lru_cache(maxsize=None)
def functions_of(path):
    text = (REPOSITORY / path).read_text()
    if path.endswith(".py"):
        return {node.name for node in ast.walk(ast.parse(text))
                if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}
    return set(re.findall(r"cmocka_unit_test\w*\((\w+)", text))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_tests_exist(document):
    for text in quoted_in(document):
        path, mark, name = text.partition("::")
        if mark:
            assert path in tree() and name in functions_of(path), f"{document}: there is no {text}"


def test_every_fault_of_the_original_has_a_test():
    rows = rows_of("docs/compatibility.md", "## The faults of the original")
    assert [row[0] for row in rows] == [str(number) for number in range(1, 21)]
    for row in rows:
        named = [text.partition("::") for text in quoted(row[3])]
        assert named and all(mark for _, mark, _ in named), row
        assert all(name in functions_of(path) for path, _, name in named), row


# ---- what documents say of answers and logs ----

@functools.lru_cache(maxsize=None)
def deny_reasons():
    found = re.findall(r"^\| `(\w+)` \|", printed("generate", "deny-reasons"), re.MULTILINE)
    assert "expired" in found
    return set(found)


@functools.lru_cache(maxsize=None)
def answers():
    """{(status, reason)} that the sources give with both of them written down."""
    found = set(re.findall(r'(?:answer_detail|request_refuse)\([^,;]+,\s*(\d{3}),\s*"(\w+)"',
                           sources()))
    heads = "".join((REPOSITORY / "src" / "http" / name).read_text()
                    for name in ("head_scan.c", "head_section.c", "request_head.c"))
    refusals = re.findall(r"(?:head_refuse\(|status = |scan_refuse\()(\d{3})\b", heads)
    found |= {(status, "bad_request") for status in refusals}
    found |= {(status, "bad_request") for status in
              re.findall(r"request_create_refused\(connection, (\d{3}),", sources())}
    assert ("403", "path_not_allowed") in found and ("505", "bad_request") in found
    return found


def test_every_error_is_in_the_table():
    rows = rows_of("docs/http-api.md", "## Errors")
    documented = {(row[0], reason) for row in rows for reason in quoted(row[2])}
    for status, reason in sorted(answers()):
        assert (status, reason) in documented, f"docs/http-api.md: {status} {reason} is missing"
    known = sources()
    for status, reason in documented:
        assert f'"{reason}"' in known or reason in deny_reasons(), reason
        assert re.search(rf"\b{status}\b", known), status


def test_every_reason_is_explained():
    rows = rows_of("docs/operations.md", "## When something is wrong")
    explained = {reason for row in rows for reason in quoted(row[0])}
    written = {reason for _, reason in answers()}
    written |= set(re.findall(r'reason = "(\w+)"', sources()))
    written |= set(re.findall(r'request_cancel\([^,;]+, "(\w+)"', sources()))
    written |= set(re.findall(r'return "(engine_\w+)"', sources()))
    assert written <= explained, f"not explained: {written - explained}"
    assert explained <= written | deny_reasons(), f"of nothing: {explained - written}"


def test_log_members_are_those_of_the_table(gateway, token):
    documented = {name for row in rows_of("docs/operations.md", "## Logs")
                  for name in quoted(row[0])}
    good = gateway.access_line(gateway.ask("GET", "/v1/models", token=token))
    denied = gateway.access_line(gateway.ask("GET", "/v1/models"))
    assert set(good) == documented - {"reason"}
    assert set(denied) == documented - {"user", "session"}


def test_text_lines_are_in_the_order_that_is_documented(stand_in_engine, start_gateway):
    gateway = start_gateway(ENGINE_URL=stand_in_engine, LOG_FORMAT="text")
    reply = gateway.ask("GET", "/v1/models?x=y")
    gateway.wait_for_message(
        rf"^\S+Z INFO \[{reply.request_id}\] request 127\.0\.0\.1 - - GET /v1/models 401 0 \d+ "
        rf'\d+\.\d{{3}} 0\.000 "no_credentials"$')


def test_metrics_that_are_named_exist(gateway):
    there = {name.split("{")[0] for name in gateway.metrics()}
    for document in DOCUMENTS:
        for name in re.findall(r"\battach_[a-z_]+\b", text_of(document)):
            if name not in ("attach_gateway", "attach_memory_events") and not name.startswith("attach_local"):
                assert name in there, f"{document}: there is no {name}"


# ---- what is not there yet, and faults that have no other test ----

@pytest.fixture
def scripted_engine():
    engine = Engine()
    yield engine
    engine.close()


def test_what_is_not_there_yet_is_closed(scripted_engine, start_gateway, tmp_path):
    closed = [(method, path) for method, path, state in originals_routes()
              if state in ("not yet", "gone")]
    assert ("GET", "/docs") in closed and ("GET", "/openapi.json") in closed
    gateway = start_gateway(ENGINE_URL=scripted_engine.url)
    token = run_command(tmp_path, ["token", "--user", "alice"])[1].strip()
    body = b'{"input":{},"target_url":"http://169.254.169.254/"}'
    for method, path in closed:
        path = path.replace("{task_id}", "0123456789ab")
        more = {"body": body} if method == "POST" else {}
        assert gateway.ask(method, path, **more).status == 401, path
        assert gateway.ask(method, path, token=token, **more).status == 403, path
    assert scripted_engine.requests == []


def test_variables_without_effect_are_named(stand_in_engine, start_gateway):
    named = [name for name, row in originals_variables().items() if "warned of" in row[2]]
    assert {"REDIS_URL", "MAX_TOKENS_PER_MIN"} <= set(named)
    gateway = start_gateway(ENGINE_URL=stand_in_engine, **{name: "something" for name in named})
    for name in named:
        gateway.wait_for_message(rf"^{name} is set but has no effect .*docs/compatibility\.md")


def test_a_did_alone_proves_nobody(gateway, start_gateway, stand_in_engine):
    """The original took these, and anything behind them. Not even if every DID may call."""
    open_to_all = start_gateway(ENGINE_URL=stand_in_engine, DID_ALLOW="*")
    for did in ("did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK",
                "did:pkh:eip155:1:0xab16a96D359eC26a11e2C2b3d8f8B8942d5Bfcdb", "did:key:zabc",
                "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK.e30.AAAA"):
        for asked in (gateway, open_to_all):
            reply = asked.ask("GET", "/v1/models", token=did)
            assert reply.status == 401 and not reply.fields.has("X-Attach-User")


def test_prompts_and_answers_are_not_logged(gateway, token):
    """At LOG_LEVEL=debug; the stand-in engine repeats what was said."""
    words = "swordfish-in-the-prompt"
    body = b'{"model":"m","stream":false,"prompt":"%s"}' % words.encode()
    reply = gateway.ask("POST", "/api/chat", body=body, token=token)
    assert reply.status == 200 and words.encode() in reply.body
    asked = gateway.ask("GET", f"/v1/models?q={words}", token=token)
    for one in (reply, asked):
        gateway.access_line(one)
    assert words not in gateway.text()


def test_no_html_is_served(gateway, token):
    for path in ("/", "/index.html", "/demo", "/healthz", "/readyz", "/auth/config", "/%2e"):
        for more in ({}, {"token": token}):
            reply = gateway.ask("GET", path, **more)
            assert reply.field("Content-Type") == "application/json", path


# ---- packaging ----

def test_the_unit_fits_the_program():
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
    parser.optionxform = str
    text = (REPOSITORY / "packaging" / "attach-gateway.service").read_text()
    parser.read_string(text)
    service = parser["Service"]
    for line in re.findall(r"^#?Environment=(.*)$", text, re.MULTILINE):
        for assignment in line.split():
            assert assignment.split("=")[0] in options(), assignment
    program, *arguments = service["ExecStart"].split()
    assert program.endswith("/attach-gateway")
    printed(*arguments, "--check", "--local")
    drain = int(options()["DRAIN_TIMEOUT"].removesuffix("s"))
    assert int(service["TimeoutStopSec"].removesuffix("s")) > drain
    assert int(service["LimitNOFILE"]) >= (
        int(options()["MAX_CONNECTIONS"]) + int(options()["ENGINE_CONNECTIONS_MAX"]) + 256)

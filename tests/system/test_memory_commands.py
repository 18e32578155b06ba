# SPDX-License-Identifier: MIT
"""attach-gateway mem: what the embedded store holds, beside a running gateway and without one."""
import json
import os
import signal
import subprocess
import threading

import pytest

from harness import gateway as harness_gateway
from harness import memory
from harness.gateway import run_command
from harness.wait import PATIENCE, wait_until


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def mem(tmp_path, data):
    """mem("tail", ...) -> (exit code, stdout, stderr)."""
    def run(*arguments, directory=data):
        return run_command(tmp_path, ["mem", *arguments], {"ATTACH_DATA_DIR": directory})
    return run


def rows_of(outcome):
    code, text, complaint = outcome
    assert code == 0 and complaint == "", (code, complaint)
    return [json.loads(line) for line in text.splitlines()]


def statistics_of(outcome):
    code, text, _ = outcome
    assert code == 0
    return {name.strip(): value for name, _, value in (line.partition(": ") for line in text.splitlines())}


def keys_of(rows):
    return [memory.key_of(row) for row in rows]


@pytest.fixture
def filled(start_gateway, engine, issuer, data):
    """Of ann 12 documents, of ben one exchange and one request of log lines."""
    engine.run(memory.engine_script())
    gateway = start_gateway(ATTACH_DATA_DIR=data, MEM_ACK="stored")
    ann, ben = issuer.token("ann"), issuer.token("ben")
    for number in range(12):
        assert memory.write(gateway, ann, f"ann-{number}") == 201
    assert memory.chat(gateway, ben, "ben-0")
    assert memory.log(gateway, ben, "ben-1") == 202
    return gateway


@pytest.fixture(params=["beside a gateway", "without one", "after kill -9"])
def place(request, filled):
    if request.param == "without one":
        filled.stop()
    elif request.param == "after kill -9":
        filled.expected_code = -signal.SIGKILL
        filled.process.send_signal(signal.SIGKILL)
        filled.wait_ended()
    return filled


def test_tail_shows_the_newest_in_their_order(place, mem):
    rows = rows_of(mem("tail"))
    assert keys_of(rows) == [f"ann-{number}" for number in range(6, 12)] + ["ben-0"] + 3 * ["ben-1"]
    assert [row["user"] for row in rows] == 6 * ["ann"] + 4 * ["ben"]
    assert keys_of(rows_of(mem("tail", "--lines", "1"))) == ["ben-1"]
    assert len(rows_of(mem("tail", "--lines", "1000"))) == 16


def test_search_finds_words_of_everybody(place, mem):
    assert sorted(keys_of(rows_of(mem("search", memory.digest("ann-3"))))) == ["ann-3"]
    assert keys_of(rows_of(mem("search", memory.digest("ben-0")))) == ["ben-0"]
    assert rows_of(mem("search", "nowhere")) == []
    assert len(rows_of(mem("search", "filler", "--lines", "1000"))) == 12
    # Words, and no query language.
    for text in ("'", '"', "*", "NEAR(ann ben)", "ann OR ben", "a\\b", "%"):
        rows_of(mem("search", text))


def test_export_is_everything_once(place, mem):
    rows = rows_of(mem("export"))
    assert keys_of(rows) == [f"ann-{number}" for number in range(12)] + ["ben-0"] + 3 * ["ben-1"]
    assert len({row["_additional"]["id"] for row in rows}) == 16
    for user in ("ann", "ben"):
        memory.check([row for row in rows if row["user"] == user], user)


def test_stats_count(place, mem):
    statistics = statistics_of(mem("stats"))
    assert (statistics["events"], statistics["exchanges"], statistics["log lines"], statistics["owners"]) == (
        "16", "1", "3", "2")
    assert statistics["waiting for a remote backend"] == "0"
    assert statistics["oldest"] < statistics["newest"]


def test_the_gateway_is_not_disturbed(filled, mem, token):
    """Readers come and go while it writes; it loses nothing and is never told to wait for ever."""
    over = threading.Event()
    outcomes = []

    def read():
        while not over.is_set():
            outcomes.append(mem("export")[0])
    reader = threading.Thread(target=read)
    reader.start()
    try:
        with filled.connect() as client:
            for number in range(200):
                assert memory.write(client, token, f"alice-{number}", size=3000) == 201
    finally:
        over.set()
        reader.join(PATIENCE)
    assert outcomes and set(outcomes) == {0}
    assert sum(memory.check(memory.rows(filled, token), "alice").values()) == 200
    assert len(rows_of(mem("export"))) == 216


def test_tail_follows(filled, mem, data, tmp_path, token):
    process = subprocess.Popen([harness_gateway.BINARY, "mem", "tail", "--follow", "--lines", "1"], cwd=tmp_path,
                               env=harness_gateway.environment(tmp_path, {"ATTACH_DATA_DIR": data}),
                               stdout=subprocess.PIPE, text=True)
    lines = []

    def collect():
        for line in process.stdout:
            lines.append(line)
    threading.Thread(target=collect, daemon=True).start()
    try:
        wait_until(lambda: lines, "the last one that was there")
        assert memory.write(filled, token, "alice-0") == 201
        assert memory.write(filled, token, "alice-1") == 201
        wait_until(lambda: keys_of([json.loads(line) for line in list(lines)]) == ["ben-1", "alice-0", "alice-1"],
                   "the new ones to be shown")
    finally:
        process.kill()
        process.wait(PATIENCE)


def test_what_waits_for_a_remote_is_counted(start_gateway, mem, data, token):
    gateway = start_gateway(ATTACH_DATA_DIR=data, MEM_BACKEND="weaviate", WEAVIATE_URL="http://127.0.0.1:1")
    for number in range(3):
        assert memory.write(gateway, token, f"alice-{number}") == 201
    statistics = statistics_of(mem("stats"))
    assert statistics["waiting for a remote backend"] == "3" and int(statistics["bytes"]) > 0
    assert statistics["events"] == "0"


def test_an_export_of_large_rows_is_whole(start_gateway, mem, data, token):
    """More than what a page of rows may take of memory."""
    gateway = start_gateway(ATTACH_DATA_DIR=data)
    with gateway.connect() as client:
        for number in range(80):
            body = json.dumps({"event": str(number), "payload": "word " * 200000}).encode()
            assert client.ask("POST", "/mem/events", body=body, token=token).status == 201
    assert [row["event"] for row in rows_of(mem("export"))] == [str(number) for number in range(80)]
    assert [row["event"] for row in rows_of(mem("tail", "--lines", "75"))] == [str(number) for number in range(5, 80)]


def test_a_closed_pipe_ends_it(filled, data, tmp_path, token):
    for number in range(300):
        assert memory.write(filled, token, f"alice-{number}", size=2000) == 201
    with subprocess.Popen([harness_gateway.BINARY, "mem", "export"], cwd=tmp_path, stdout=subprocess.PIPE,
                          env=harness_gateway.environment(tmp_path, {"ATTACH_DATA_DIR": data})) as process:
        assert process.stdout.readline()
        process.stdout.close()
        assert process.wait(PATIENCE) != 0


@pytest.mark.parametrize("arguments, complaint", [
    ([], "tail search export stats"), (["list"], "tail search export stats"), (["search"], "word"),
    (["search", "--lines"], "word"), (["tail", "--lines", "0"], "--lines"), (["tail", "--lines", "x"], "--lines"),
    (["tail", "--lines", "1001"], "--lines"), (["tail", "--loud"], "--loud")], ids=str)
def test_wrong_arguments_are_told(mem, arguments, complaint):
    code, text, error = mem(*arguments)
    assert code == 2 and text == "" and complaint in error


def test_where_nothing_is_that_is_said(mem, tmp_path):
    code, text, complaint = mem("stats", directory=tmp_path / "nowhere")
    assert code == 1 and text == "" and complaint
    assert not os.path.exists(tmp_path / "nowhere")
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "store.db").write_bytes(b"not a database, but as long as one" * 1000)
    code, text, complaint = mem("export", directory=empty)
    assert code == 1 and text == "" and complaint

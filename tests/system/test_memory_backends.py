# SPDX-License-Identifier: MIT
"""The same questions through the gateway over each backend: what is kept, who may read it, what erasing
leaves. PostgreSQL is real; for Weaviate stands tests/weaviate/server.py, or a real one at WEAVIATE_URL."""
import json
import os
import uuid

import pytest

from harness import memory
from harness.remote import Postgres, Weaviate
from harness.wait import wait_until

BACKENDS = ["sqlite", "postgres", "weaviate", "sakana"]


@pytest.fixture(scope="module")
def servers():
    """Started when first asked for; name -> options of the gateway."""
    running = {}

    def options(name):
        if name == "sqlite":
            return {}
        kind = "postgres" if name == "postgres" else "weaviate"
        if kind == "weaviate" and "WEAVIATE_URL" in os.environ:
            return {"WEAVIATE_URL": os.environ["WEAVIATE_URL"],
                    "WEAVIATE_API_KEY": os.environ.get("WEAVIATE_API_KEY")}
        if kind not in running:
            running[kind] = Postgres() if kind == "postgres" else Weaviate(api_key="key-of-tests")
        if kind == "postgres":
            return {"POSTGRES_URL": running[kind].url}
        return {"WEAVIATE_URL": running[kind].url, "WEAVIATE_API_KEY": running[kind].api_key}
    yield options
    for server in running.values():
        server.close()


@pytest.fixture(params=BACKENDS)
def kept(request, servers, start_gateway):
    """A gateway over one backend."""
    gateway = start_gateway(MEM_BACKEND=request.param, **servers(request.param))
    gateway.is_remote = request.param != "sqlite"
    return gateway


def some_user(issuer, name):
    user = f"{name}{uuid.uuid4().hex[:8]}"
    return user, issuer.token(user)


@pytest.fixture
def alice(issuer):
    return some_user(issuer, "alice")


@pytest.fixture
def bob(issuer):
    return some_user(issuer, "bob")


def write(gateway, token, document):
    reply = gateway.ask("POST", "/mem/events", body=json.dumps(document).encode(), token=token)
    assert reply.status == 201, reply.body
    return reply.json()["mem_id"]


def settle(gateway):
    """Until what was written is where lists look."""
    if gateway.is_remote:
        wait_until(lambda: gateway.metrics()["attach_memory_outbox_events"] == 0, "the outbox to be empty")


def words_of(rows):
    return [row["payload"] for row in rows]


# ---- writing and reading ----

def test_an_event_can_be_read_by_its_id_at_once_and_listed_later(kept, alice):
    user, token = alice
    document = {"event": "plan", "session": "work", "task": "t1",
                "payload": {"steps": ["a", "b"], "n": 0.10, "text": "grüße \U0001f600 <&> \\ \" '"}}
    identifier = write(kept, token, document)
    first = kept.ask("GET", f"/mem/events/{identifier}", token=token)
    assert first.status == 200
    settle(kept)
    again = kept.ask("GET", f"/mem/events/{identifier}", token=token)
    for row in (first.json(), again.json(), memory.listed(kept, token)[0]):
        assert row["_additional"]["id"] == identifier and row["user"] == user
        assert row["event"] == "plan" and row["task_id"] == "t1" and row["payload"] == document["payload"]
    assert first.json() == again.json()
    assert b'"n": 0.1' in again.body or b'"n":0.1' in again.body


def test_an_exchange_keeps_all_that_is_known_of_it(kept, engine, alice):
    user, token = alice
    engine.run(memory.engine_script())
    assert memory.chat(kept, token, f"{user}-1")
    wait_until(lambda: kept.metrics()['attach_memory_events_total{outcome="stored"}'] == 1, "the exchange")
    settle(kept)
    (row,) = memory.listed(kept, token, event="exchange")
    assert memory.check([row], user) == {("exchange", f"{user}-1"): 1}
    assert row["model"] == "m" and row["status"] == 200 and row["complete"] is True
    assert row["aborted"] is False and row["truncated"] is False and row["withheld"] is False
    assert row["started"] <= row["first_token"] <= row["ended"] and row["request_id"]


def test_log_lines_keep_their_fields(kept, alice):
    user, token = alice
    line = {"run_id": "r-1", "level": "warn", "message": "low on ink", "agent": "printer",
            "timestamp": 1700000000.25}
    reply = kept.ask("POST", "/v1/logs", body=json.dumps(line).encode(), token=token)
    assert reply.status == 202
    settle(kept)
    (row,) = memory.listed(kept, token)
    assert (row["event"], row["run_id"], row["level"], row["message"], row["agent"], row["timestamp"]) == (
        "log", "r-1", "warn", "low on ink", "printer", "2023-11-14T22:13:20.250Z")
    assert row["user"] == user


def test_lists_go_from_the_newest_by_pages(kept, alice):
    _, token = alice
    identifiers = [write(kept, token, {"payload": number}) for number in range(9)]
    settle(kept)
    seen = []
    query = "?limit=4"
    while True:
        page = kept.ask("GET", "/mem/events" + query, token=token).json()
        seen += [row["_additional"]["id"] for row in page["data"]["Get"]["MemoryEvent"]]
        if page["cursor"] is None:
            break
        query = f"?limit=4&before={page['cursor']}"
    assert seen == identifiers[::-1]


def test_lists_are_filtered_and_searched(kept, alice):
    _, token = alice
    write(kept, token, {"event": "plan", "session": "one", "payload": "apples and pears"})
    write(kept, token, {"event": "note", "session": "two", "task": "t9", "payload": "pears"})
    write(kept, token, {"event": "note", "session": "two", "payload": "PLUMS, quinces"})
    settle(kept)
    for parameters, expected in (({"event": "plan"}, ["apples and pears"]), ({"task": "t9"}, ["pears"]),
                                 ({"session": "two"}, ["PLUMS, quinces", "pears"]),
                                 ({"q": "pears"}, ["pears", "apples and pears"]),
                                 ({"q": "PEARS apples"}, ["apples and pears"]), ({"q": "plums"}, ["PLUMS, quinces"]),
                                 ({"q": "pears", "event": "note"}, ["pears"]), ({"q": "bananas"}, []),
                                 ({"q": "pear"}, [])):
        assert words_of(memory.listed(kept, token, **parameters)) == expected, parameters


HOSTILE = ["'; DROP TABLE attach_memory_events; --", '"}) { id } }', "$1", "a\\u0000b", "NEAR(a, b)", "x OR y", "*",
           "\\", "{}", "]]", "%", "_", "a\"b", "a'b", "${x}", "\u2028", "pears) OR (1=1"]


def test_hostile_words_find_nothing_and_break_nothing(kept, alice, bob):
    _, token = alice
    _, other = bob
    write(kept, other, {"payload": "pears of bob"})
    write(kept, token, {"payload": "of alice"})
    settle(kept)
    for text in HOSTILE:
        for name in ("q", "session", "task", "event"):
            assert "pears of bob" not in words_of(memory.listed(kept, token, **{name: text}))
        identifier = write(kept, token, {"payload": text, "event": text[:200], "task": text})
        settle(kept)
        row = kept.ask("GET", f"/mem/events/{identifier}", token=token).json()
        assert (row["payload"], row["event"], row["task_id"]) == (text, text[:200], text)
        assert identifier in [row["_additional"]["id"] for row in memory.listed(kept, token, task=text, event=text)]
    assert words_of(memory.listed(kept, other)) == ["pears of bob"]


# ---- whose it is, and erasing ----

def test_another_user_sees_and_erases_nothing(kept, alice, bob):
    _, token = alice
    _, other = bob
    identifier = write(kept, token, {"payload": "secret"})
    for is_settled in (False, True):
        if is_settled:
            settle(kept)
        assert kept.ask("GET", f"/mem/events/{identifier}", token=other).status == 404
        assert kept.ask("DELETE", f"/mem/events/{identifier}", token=other).status == 404
        assert memory.listed(kept, other) == [] and memory.listed(kept, other, q="secret") == []
        assert memory.rows(kept, other) == []
        assert kept.ask("DELETE", "/mem/events?all=true", token=other).json() == {"erased": 0}
    assert kept.ask("GET", f"/mem/events/{identifier}", token=token).status == 200


def test_users_whose_names_are_alike_are_told_apart(kept, issuer):
    base = uuid.uuid4().hex[:8]
    names = [f"{base}", f"{base} ", f"{base.upper()}x", f"{base}X", f"{base}x", f"{base}%", f"{base}_", f"{base}-é"]
    tokens = {name: issuer.token(name) for name in names}
    accepted = {}
    for name, token in tokens.items():
        reply = kept.ask("POST", "/mem/events", body=json.dumps({"payload": name}).encode(), token=token)
        if reply.status == 201:
            accepted[name] = token
        else:
            assert reply.status in (401, 403), reply.body  # a name that no field may carry
    assert len(accepted) >= 5
    settle(kept)
    for name, token in accepted.items():
        assert words_of(memory.listed(kept, token)) == [name]


def test_one_event_is_erased_everywhere(kept, alice):
    _, token = alice
    for is_settled in (False, True):
        identifier = write(kept, token, {"payload": "to be forgotten"})
        left = write(kept, token, {"payload": "to be kept"})
        if is_settled:
            settle(kept)
        assert kept.ask("DELETE", f"/mem/events/{identifier}", token=token).json() == {"erased": 1}
        assert kept.ask("GET", f"/mem/events/{identifier}", token=token).status == 404
        assert kept.ask("DELETE", f"/mem/events/{identifier}", token=token).status == 404
        settle(kept)
        assert identifier not in [row["_additional"]["id"] for row in memory.listed(kept, token, limit=100)]
        assert memory.listed(kept, token, q="forgotten") == []
        assert kept.ask("GET", f"/mem/events/{left}", token=token).status == 200


def test_everything_of_one_user_is_erased_everywhere(kept, alice, bob):
    _, token = alice
    _, other = bob
    write(kept, other, {"payload": "of bob"})
    for number in range(30):
        write(kept, token, {"payload": f"word{number}"})
    settle(kept)
    late = [write(kept, token, {"payload": f"late{number}"}) for number in range(5)]
    erased = kept.ask("DELETE", "/mem/events?all=true", token=token).json()["erased"]
    assert 35 <= erased <= (40 if kept.is_remote else 35)  # one that is on its way may be in both places
    settle(kept)
    assert memory.listed(kept, token) == [] and memory.rows(kept, token) == []
    for identifier in late:
        assert kept.ask("GET", f"/mem/events/{identifier}", token=token).status == 404
    assert words_of(memory.listed(kept, other)) == ["of bob"]
    write(kept, token, {"payload": "a new life"})
    settle(kept)
    assert words_of(memory.listed(kept, token)) == ["a new life"]


def test_the_export_has_all_of_it(kept, alice):
    _, token = alice
    count = 230  # more than a page
    with kept.connect() as client:
        for number in range(count):
            body = json.dumps({"payload": number}).encode()
            assert client.ask("POST", "/mem/events", body=body, token=token).status == 201
    settle(kept)
    rows = memory.rows(kept, token)
    assert words_of(rows) == list(range(count))[::-1]
    rest = memory.rows(kept, token, before=rows[99]["cursor"])
    assert words_of(rest) == list(range(count - 100))[::-1]


# ---- several gateways, other gateways ----

def test_gateways_share_a_remote(start_gateway, servers, issuer):
    _, token = some_user(issuer, "alice")
    gateways = [start_gateway(MEM_BACKEND="postgres", **servers("postgres")) for _ in range(2)]
    identifiers = []
    for number in range(20):
        identifiers.append(write(gateways[number % 2], token, {"payload": number}))
    for gateway in gateways:
        gateway.is_remote = True
        settle(gateway)
    for gateway in gateways:
        assert {row["_additional"]["id"] for row in memory.listed(gateway, token, limit=100)} == set(identifiers)
    assert gateways[1].ask("DELETE", "/mem/events?all=true", token=token).json() == {"erased": 20}
    assert memory.listed(gateways[0], token) == []


def test_postgres_may_restart_meanwhile(start_gateway, issuer):
    _, token = some_user(issuer, "alice")
    server = Postgres()
    try:
        gateway = start_gateway(MEM_BACKEND="postgres", POSTGRES_URL=server.url)
        gateway.is_remote = True
        write(gateway, token, {"payload": "before"})
        settle(gateway)
        assert words_of(memory.listed(gateway, token)) == ["before"]
        server.restart()
        write(gateway, token, {"payload": "after"})
        settle(gateway)
        wait_until(lambda: gateway.ask("GET", "/mem/events", token=token).status == 200, "lists to be read again")
        assert words_of(memory.listed(gateway, token)) == ["after", "before"]
    finally:
        server.close()


def test_events_move_with_the_outbox_to_another_backend(start_gateway, servers, issuer, tmp_path):
    """What waited for one backend is delivered to the next."""
    user, token = some_user(issuer, "alice")
    data = tmp_path / "data"
    gateway = start_gateway(ATTACH_DATA_DIR=data, MEM_BACKEND="weaviate", WEAVIATE_URL="http://127.0.0.1:1")
    identifier = write(gateway, token, {"payload": "on the way"})
    gateway.stop()
    again = start_gateway(ATTACH_DATA_DIR=data, MEM_BACKEND="postgres", **servers("postgres"))
    again.is_remote = True
    wait_until(lambda: memory.listed(again, token), "the event to arrive")
    assert [row["_additional"]["id"] for row in memory.listed(again, token)] == [identifier]


@pytest.mark.parametrize("options, complaint", [
    ({"MEM_BACKEND": "postgres"}, "POSTGRES_URL"), ({"MEM_BACKEND": "mongo"}, "MEM_BACKEND")], ids=str)
def test_a_backend_that_cannot_be_is_told_at_the_start(start_gateway, options, complaint):
    with pytest.raises(AssertionError, match=complaint):
        start_gateway(ready=False, **options)

# SPDX-License-Identifier: MIT
"""Rows of memory that can be told whole from half: each carries a key, its owner's name and a digest.

    key = "alice-3-17"
    memory.write(client, token, key)         POST /mem/events     -> status
    memory.log(client, token, key)           POST /v1/logs        -> status, lines_of_log lines
    memory.chat(client, token, key)          POST /api/chat       -> True when its end was seen
    memory.check(rows, user)                 every row is whole and <user>'s; -> how often each key is there
"""
import collections
import hashlib
import json
import urllib.parse

from . import http

LINES_OF_LOG = 3
LETTERS = str.maketrans("0123456789abcdef", "ghijklmnopabcdef")  # no run of digits, which might be a card's


def digest(key):
    return hashlib.sha256(key.encode()).hexdigest().translate(LETTERS)


def filler(key, size):
    """Text of a length and content that only this key has."""
    return (digest(key) + " ") * (size // 65 + 1)


def body_of(document):
    return json.dumps(document).encode()


def owner_of(key):
    return key.partition("-")[0]


# ---- writing ----

def write(client, token, key, size=200):
    document = {"payload": {"key": key, "digest": digest(key), "filler": filler(key, size)}}
    return client.ask("POST", "/mem/events", body=body_of(document), token=token).status


def log(client, token, key):
    lines = [{"run_id": key, "level": "info", "message": f"{number} {filler(key, 100)}"}
             for number in range(LINES_OF_LOG)]
    return client.ask("POST", "/v1/logs", body=body_of(lines), token=token).status


def chat_body(key, size=200):
    return body_of({"model": "m", "messages": [{"role": "user", "content": f"{key} {filler(key, size)}"}]})


def answer_of(key):
    return f"answer {key} {filler(key, 100)}"


def engine_script(size=0, is_chunked=True):
    """An engine that answers each chat with text made of its key."""
    def script(call):
        if call.request.method != "POST":
            call.send(http.reply(200, b"{}", {"Content-Type": "application/json"}))
            return
        key = call.request.json()["messages"][0]["content"].partition(" ")[0]
        text = answer_of(key)
        lines = [{"model": "m", "message": {"role": "assistant", "content": text[:50]}, "done": False},
                 {"model": "m", "message": {"role": "assistant", "content": text[50:]}, "done": False,
                  "padding": "x" * size},
                 {"model": "m", "message": {"role": "assistant", "content": ""}, "done": True,
                  "done_reason": "stop", "prompt_eval_count": 3, "eval_count": 4}]
        data = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        call.send(http.reply(200, data, {"Content-Type": "application/x-ndjson"}, is_chunked=is_chunked))
    return script


def chat(client, token, key, size=200):
    """True when the whole answer came; it was 200 and right."""
    reply = client.ask("POST", "/api/chat", {"User-Agent": "u/1"}, body=chat_body(key, size), token=token)
    assert reply.status == 200, (reply.status, reply.body)
    text = "".join(json.loads(line)["message"]["content"] for line in reply.body.splitlines())
    assert text == answer_of(key)
    return True


# ---- reading ----

def rows(gateway, token, **parameters):
    """All rows of one owner, by /mem/export."""
    query = "?" + urllib.parse.urlencode(parameters) if parameters else ""
    reply = gateway.ask("GET", "/mem/export" + query, token=token)
    assert reply.status == 200, reply.body
    return [json.loads(line) for line in reply.body.splitlines()]


def listed(gateway, token, **parameters):
    """One page of GET /mem/events."""
    query = "?" + urllib.parse.urlencode(parameters) if parameters else ""
    reply = gateway.ask("GET", "/mem/events" + query, token=token)
    assert reply.status == 200, reply.body
    return reply.json()["data"]["Get"]["MemoryEvent"]


def key_of(row):
    """The key of a row, which must be whole."""
    kind = row["event"]
    if kind == "document":
        key = row["payload"]["key"]
        size = len(row["payload"]["filler"])
        assert row["payload"]["digest"] == digest(key) and row["payload"]["filler"] == filler(key, size - 65)[:size]
    elif kind == "log":
        key = row["run_id"]
        assert row["message"][2:] == filler(key, 100) and int(row["message"][0]) < LINES_OF_LOG
    else:
        assert kind == "exchange", row
        key, _, rest = row["prompt"].removeprefix("user: ").partition(" ")
        assert rest.startswith(digest(key)), row
        if row["complete"]:
            assert row["completion"] == answer_of(key), row
            assert (row["tokens_in"], row["tokens_out"], row["finish_reason"]) == (3, 4, "stop")
    return key


def check(found, user):
    """A counter of (kind, key); fails for a row that is half, another's, or there twice."""
    identifiers = [row["_additional"]["id"] for row in found]
    assert len(set(identifiers)) == len(identifiers), "a row is there twice"
    counts = collections.Counter()
    for row in found:
        key = key_of(row)
        assert owner_of(key) == user == row["user"], f"a row of {owner_of(key)} is {row['user']}'s"
        counts[row["event"], key] += 1
    for (kind, key), count in counts.items():
        assert count == (LINES_OF_LOG if kind == "log" else 1), f"{kind} {key} is there {count} times"
    return counts

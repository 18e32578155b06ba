# SPDX-License-Identifier: MIT
"""The stand-in engine (examples/engine) itself: its routes, its forms, its manners on the wire.

No gateway takes part. The binary is $STAND_IN_ENGINE, or build/examples/engine/stand-in-engine of this
repository.
"""
import base64
import functools
import json
import math
import os
import re
import signal
import socket
import struct
import subprocess
import threading
import time

import pytest

from harness import http
from harness.client import Client
from harness.gateway import REPOSITORY, SANITIZER_WORDS
from harness.http import Truncated
from harness.wait import PATIENCE, wait_until

BINARY = os.environ.get("STAND_IN_ENGINE",
                        str(REPOSITORY / "build" / "examples" / "engine" / "stand-in-engine"))
HOUR_MS = 60 * 60 * 1000
MIB = 1024 * 1024
BODY_BYTES_MAX = 32 * MIB
WORDS = ("This is the stand-in engine of Attach Gateway, not a language model. You are alice, "
         "session 5f2a. You said: good morning")
STAMPS = {"X-Attach-User": "alice", "X-Attach-Session": "5f2a"}
CHAT = {"model": "any:7b", "messages": [{"role": "system", "content": "Be brief."},
                                        {"role": "user", "content": "good\nevening"},
                                        {"role": "assistant", "content": "Hi."},
                                        {"role": "user", "content": "good morning"}]}
CHAT_WORDS = 7


class StandIn:
    """The process under test, on a free port."""

    def __init__(self, *arguments):
        # Freed memory is given back under ASan too, so that memory can be measured.
        sanitizing = {"ASAN_OPTIONS": "quarantine_size_mb=1:" + os.environ.get("ASAN_OPTIONS", "")}
        self.process = subprocess.Popen([BINARY, "--port", "0", *arguments], text=True,
                                        env={**os.environ, **sanitizing},
                                        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        line = self.process.stderr.readline()
        match = re.fullmatch(r"stand-in engine on http://127\.0\.0\.1:([0-9]+)\n", line)
        if match is None:
            self.process.kill()
            raise AssertionError(line + self.process.stderr.read())
        self.address = ("127.0.0.1", int(match[1]))
        self.sockets_at_rest = self.sockets()

    def connect(self, **arguments):
        return Client(self.address, **arguments)

    def ask(self, method, target, body=None, fields=()):
        """One request on a connection of its own; a body that is not bytes becomes JSON."""
        with self.connect() as client:
            return client.ask(method, target, fields, encode(body))

    def sockets(self):
        """How many sockets the process holds."""
        directory = f"/proc/{self.process.pid}/fd"
        count = 0
        for name in os.listdir(directory):
            try:
                count += os.readlink(f"{directory}/{name}").startswith("socket:")
            except FileNotFoundError:
                pass  # closed meanwhile
        return count

    def wait_left(self):
        wait_until(lambda: self.sockets() == self.sockets_at_rest, "every connection to be closed")

    def resident_bytes(self):
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def wakings(self):
        """How often its threads have gone to sleep so far."""
        count = 0
        for task in os.listdir(f"/proc/{self.process.pid}/task"):
            with open(f"/proc/{self.process.pid}/task/{task}/status", encoding="ascii") as file:
                count += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)$", file.read(), re.M)[1])
        return count

    def stop(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            _, errors = self.process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError("it did not end after the signal") from None
        assert not any(word in errors for word in SANITIZER_WORDS), errors
        assert (self.process.returncode, errors) == (0, "")


def encode(body):
    return body if body is None or isinstance(body, bytes) else json.dumps(body).encode()


@pytest.fixture(scope="module")
def stand_in():
    stand_in = StandIn("--delay", "1")
    yield stand_in
    stand_in.wait_left()
    stand_in.stop()


@pytest.fixture
def start_stand_in():
    running = []

    def start(*arguments):
        running.append(StandIn(*arguments))
        return running[-1]

    yield start
    for stand_in in running:
        stand_in.stop()


@pytest.fixture
def client(stand_in):
    with stand_in.connect() as client:
        yield client


def chunks_of(client):
    """The chunks of a streamed reply, as they come."""
    while (data := client.reader.chunk()) is not None:
        yield data


def lines_of(reply):
    assert reply.field("Content-Type") == "application/x-ndjson"
    assert reply.framing == "chunked" and reply.body.endswith(b"\n")
    return [json.loads(line) for line in reply.body.splitlines()]


def events_of(reply):
    """The objects of an event stream that ends with [DONE]."""
    assert reply.field("Content-Type") == "text/event-stream; charset=utf-8"
    *events, last, nothing = reply.body.decode().split("\n\n")
    assert (last, nothing) == ("data: [DONE]", "")
    assert all(event.startswith("data: {") and "\n" not in event for event in events)
    return [json.loads(event[len("data: "):]) for event in events]


def json_of(reply, status=200):
    assert (reply.status, reply.field("Content-Type")) == (status, "application/json; charset=utf-8")
    assert reply.framing == len(reply.body)
    return reply.json()


def answer_to(stand_in, message, fields=None):
    """What it says to one user's message."""
    body = {"model": "m", "stream": False, "messages": [{"role": "user", "content": message}]}
    reply = stand_in.ask("POST", "/api/chat", body, STAMPS if fields is None else fields)
    return json_of(reply)["message"]["content"]


# ---- what it says ----

def test_it_says_what_it_is_and_who_asks(stand_in):
    assert answer_to(stand_in, "good morning") == WORDS


def test_it_says_that_no_gateway_was_there(stand_in):
    assert "You are unknown to me: no gateway stamped this request." in answer_to(stand_in, "x", {})


def test_a_user_without_a_session(stand_in):
    assert " You are alice. You said: x" in answer_to(stand_in, "x", {"x-attach-USER": "alice"})


@pytest.mark.parametrize("message", ["", " \n\t "])
def test_a_user_who_said_nothing(stand_in, message):
    assert answer_to(stand_in, message).endswith("You said nothing.")


@pytest.mark.parametrize("message", ['"quotes" \\ and \x01 control \x7f', "é ü 漢字 \U0001F600", "a\n  b\tc",
                                     "nul \0 within"])
def test_what_was_said_comes_back_as_it_was(stand_in, message):
    assert answer_to(stand_in, message).endswith("You said: " + message)


def test_a_long_message_is_quoted_in_part(stand_in):
    assert answer_to(stand_in, "é" * 40000).endswith("You said: " + "é" * 32768 + " [...]")


def test_the_quote_is_never_cut_within_a_character(stand_in):
    assert answer_to(stand_in, "x" + "é" * 40000).endswith("You said: x" + "é" * 32767 + " [...]")


# ---- Ollama ----

def test_root(stand_in):
    reply = stand_in.ask("GET", "/")
    assert (reply.status, reply.body) == (200, b"Ollama is running")
    assert reply.field("Content-Type") == "text/plain; charset=utf-8"
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", reply.field("Date"))


@pytest.mark.parametrize("path", ["/", "/api/version", "/api/tags", "/api/ps", "/v1/models",
                                  "/v1/models/stand-in"])
def test_head_is_get_without_a_body(client, path):
    whole = client.ask("GET", path)
    alone = client.ask("HEAD", path)
    assert (alone.status, alone.body) == (200, b"")
    assert alone.field("Content-Length") == str(len(whole.body))
    assert alone.field("Content-Type") == whole.field("Content-Type")


def test_version(stand_in):
    version = json_of(stand_in.ask("GET", "/api/version"))
    assert list(version) == ["version"] and re.fullmatch(r"\d+\.\d+\.\d+", version["version"])


@pytest.mark.parametrize("path, time_name", [("/api/tags", "modified_at"), ("/api/ps", "expires_at")])
def test_the_model_is_listed(stand_in, path, time_name):
    models = json_of(stand_in.ask("GET", path))["models"]
    assert [(model["name"], model["model"]) for model in models] == [("stand-in", "stand-in")]
    assert re.fullmatch(r"[0-9a-f]{64}", models[0]["digest"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", models[0][time_name])
    assert models[0]["details"]["family"] == "stand-in"


def test_show(stand_in):
    shown = json_of(stand_in.ask("POST", "/api/show", {"model": "stand-in"}))
    assert shown["capabilities"] == ["completion", "embedding"]
    assert {"modelfile", "parameters", "template", "details", "model_info", "modified_at"} <= set(shown)


def test_show_of_another_model(stand_in):
    reply = stand_in.ask("POST", "/api/show", {"model": "llama"})
    assert json_of(reply, 404) == {"error": "model 'llama' not found"}


ENDING = {"total_duration", "load_duration", "prompt_eval_duration", "eval_duration"}


def check_ollama_ending(last, words, prompt_words, reason="stop"):
    assert (last["done"], last["done_reason"]) == (True, reason)
    assert (last["eval_count"], last["prompt_eval_count"]) == (words, prompt_words)
    assert all(isinstance(last[name], int) and last[name] > 0 for name in ENDING)


@pytest.mark.parametrize("extra", [{}, {"stream": True}, {"stream": None}])
def test_chat_streams_word_by_word(stand_in, extra):
    *lines, last = lines_of(stand_in.ask("POST", "/api/chat", {**CHAT, **extra}, STAMPS))
    assert [line["message"]["content"] for line in lines] == re.findall(r"\s*\S+", WORDS)
    for line in lines:
        assert list(line) == ["model", "created_at", "message", "done"]
        assert (line["model"], line["message"]["role"], line["done"]) == ("any:7b", "assistant", False)
    assert last["message"] == {"role": "assistant", "content": ""}
    check_ollama_ending(last, len(lines), CHAT_WORDS)


def test_chat_at_once(stand_in):
    answer = json_of(stand_in.ask("POST", "/api/chat", {**CHAT, "stream": False}, STAMPS))
    assert answer["message"] == {"role": "assistant", "content": WORDS}
    check_ollama_ending(answer, len(WORDS.split()), CHAT_WORDS)


def test_generate_streams_word_by_word(stand_in):
    body = {"model": "m", "prompt": "good morning", "system": "Be brief."}
    *lines, last = lines_of(stand_in.ask("POST", "/api/generate", body, STAMPS))
    assert "".join(line["response"] for line in lines) == WORDS
    assert len(lines) == len(WORDS.split()) and not any(line["done"] for line in lines)
    assert last["response"] == ""
    check_ollama_ending(last, len(lines), 4)


def test_generate_at_once(stand_in):
    body = {"model": "m", "prompt": "good morning", "stream": False}
    answer = json_of(stand_in.ask("POST", "/api/generate", body, STAMPS))
    assert answer["response"] == WORDS
    check_ollama_ending(answer, len(WORDS.split()), 2)


@pytest.mark.parametrize("streams", [True, False])
@pytest.mark.parametrize("limit, words", [(1, 1), (5, 5), (len(WORDS.split()), None), (10000, None),
                                          (0, None), (-1, None)])
def test_num_predict(stand_in, streams, limit, words):
    body = {**CHAT, "stream": streams, "options": {"num_predict": limit}}
    reply = stand_in.ask("POST", "/api/chat", body, STAMPS)
    lines = lines_of(reply) if streams else [json_of(reply)]
    said = "".join(line["message"]["content"] for line in lines)
    assert said.split() == WORDS.split()[:words]
    check_ollama_ending(lines[-1], words or len(WORDS.split()), CHAT_WORDS,
                        "length" if words else "stop")


def test_counts_of_nothing_are_left_out(stand_in):
    body = {"model": "m", "messages": [{"role": "user", "content": ""}], "stream": False}
    assert "prompt_eval_count" not in json_of(stand_in.ask("POST", "/api/chat", body))


@pytest.mark.parametrize("path, member", [("/api/chat", {"messages": []}), ("/api/chat", {}),
                                          ("/api/generate", {"prompt": ""}), ("/api/generate", {})])
@pytest.mark.parametrize("keep_alive, reason", [({}, "load"), ({"keep_alive": "5m"}, "load"),
                                                ({"keep_alive": 0}, "unload")])
def test_loading_and_unloading(stand_in, path, member, keep_alive, reason):
    answer = json_of(stand_in.ask("POST", path, {"model": "m", **member, **keep_alive}))
    assert (answer["model"], answer["done"], answer["done_reason"]) == ("m", True, reason)
    if path == "/api/chat":
        assert answer["message"] == {"role": "assistant", "content": ""}
    else:
        assert answer["response"] == ""


def test_messages_without_content(stand_in):
    messages = [{"role": "user", "content": "hello"}, {"role": "assistant", "tool_calls": []},
                {"role": "tool", "content": None}]
    reply = stand_in.ask("POST", "/api/chat", {"model": "m", "messages": messages, "stream": False})
    assert json_of(reply)["message"]["content"].endswith("You said: hello")


def length_of(vector):
    return math.sqrt(sum(value * value for value in vector))


def test_embed(stand_in):
    body = {"model": "m", "input": ["one two", "three", "one two", "one three", "  "]}
    answer = json_of(stand_in.ask("POST", "/api/embed", body))
    one_two, three, again, one_three, blank = answer["embeddings"]
    assert (answer["model"], answer["prompt_eval_count"]) == ("m", 7)
    assert answer["total_duration"] > 0 and answer["load_duration"] > 0
    assert one_two == again and len({tuple(one_two), tuple(three), tuple(one_three)}) == 3
    assert [len(vector) for vector in answer["embeddings"]] == [64] * 5
    assert [round(length_of(vector), 5) for vector in (one_two, three, one_three)] == [1, 1, 1]
    assert blank == [0] * 64


def test_embed_is_the_same_in_every_process_and_form(stand_in, start_stand_in):
    def vectors(engine):
        by_embed = json_of(engine.ask("POST", "/api/embed", {"model": "m", "input": "one two"}))
        by_prompt = json_of(engine.ask("POST", "/api/embeddings", {"model": "m", "prompt": "one two"}))
        by_openai = json_of(engine.ask("POST", "/v1/embeddings", {"model": "m", "input": "one two"}))
        return [by_embed["embeddings"][0], by_prompt["embedding"], by_openai["data"][0]["embedding"]]
    first, *others = vectors(stand_in) + vectors(start_stand_in())
    assert all(other == first for other in others)


def test_embed_dimensions(stand_in):
    body = {"model": "m", "input": "one", "dimensions": 1024}
    assert len(json_of(stand_in.ask("POST", "/api/embed", body))["embeddings"][0]) == 1024


def test_embed_most_texts(stand_in):
    body = {"model": "m", "input": ["x"] * 2048, "dimensions": 1}
    assert len(json_of(stand_in.ask("POST", "/api/embed", body))["embeddings"]) == 2048


# ---- OpenAI ----

MODEL = {"id": "stand-in", "object": "model", "owned_by": "attach-gateway"}


def test_models(stand_in):
    listed = json_of(stand_in.ask("GET", "/v1/models"))
    assert listed["object"] == "list" and len(listed["data"]) == 1
    assert listed["data"][0].pop("created") > 1_700_000_000
    assert listed["data"] == [MODEL]


def test_model(stand_in):
    model = json_of(stand_in.ask("GET", "/v1/models/stand-in"))
    del model["created"]
    assert model == MODEL


def test_another_model(stand_in):
    error = json_of(stand_in.ask("GET", "/v1/models/org/other"), 404)["error"]
    assert error == {"message": "The model 'org/other' does not exist", "type": "invalid_request_error",
                     "param": "model", "code": "model_not_found"}


def check_chunks(events, object_name, prefix):
    first = events[0]
    assert re.fullmatch(prefix + r"-[0-9a-f]{24}", first["id"]) and first["created"] > 1_700_000_000
    for event in events:
        assert (event["object"], event["model"]) == (object_name, "any:7b")
        assert (event["id"], event["created"]) == (first["id"], first["created"])


def test_openai_chat_streams(stand_in):
    events = events_of(stand_in.ask("POST", "/v1/chat/completions", {**CHAT, "stream": True}, STAMPS))
    check_chunks(events, "chat.completion.chunk", "chatcmpl")
    assert all("usage" not in event for event in events)
    choices = [event["choices"][0] for event in events]
    assert all(choice["index"] == 0 for choice in choices)
    assert choices[0]["delta"] == {"role": "assistant", "content": ""}
    assert [choice["delta"] for choice in choices[1:-1]] == [
        {"content": word} for word in re.findall(r"\s*\S+", WORDS)]
    assert choices[-1]["delta"] == {}
    assert [choice["finish_reason"] for choice in choices] == [None] * (len(choices) - 1) + ["stop"]


@pytest.mark.parametrize("path, prompt", [("/v1/chat/completions", CHAT),
                                          ("/v1/completions", {"model": "any:7b", "prompt": "one two"})])
def test_openai_usage_of_a_stream(stand_in, path, prompt):
    body = {**prompt, "stream": True, "max_tokens": 4, "stream_options": {"include_usage": True}}
    *events, finish, usage = events_of(stand_in.ask("POST", path, body, STAMPS))
    before = CHAT_WORDS if prompt is CHAT else 2
    assert usage["choices"] == []
    assert usage["usage"] == {"prompt_tokens": before, "completion_tokens": 4, "total_tokens": before + 4}
    assert finish["choices"][0]["finish_reason"] == "length"
    assert all(event["usage"] is None for event in [*events, finish])


@pytest.mark.parametrize("limit, words", [({}, None), ({"max_tokens": 3}, 3), ({"max_completion_tokens": 2}, 2),
                                          ({"max_tokens": 9, "max_completion_tokens": 1}, 1),
                                          ({"max_tokens": len(WORDS.split())}, None)])
def test_openai_chat_at_once(stand_in, limit, words):
    answer = json_of(stand_in.ask("POST", "/v1/chat/completions", {**CHAT, **limit, "n": 1}, STAMPS))
    said = WORDS.split()[:words]
    check_chunks([answer], "chat.completion", "chatcmpl")
    assert answer["choices"] == [{"index": 0, "logprobs": None, "finish_reason": "length" if words else "stop",
                                  "message": {"role": "assistant", "content": " ".join(said), "refusal": None}}]
    assert answer["usage"] == {"prompt_tokens": CHAT_WORDS, "completion_tokens": len(said),
                               "total_tokens": CHAT_WORDS + len(said)}


def test_openai_content_in_parts(stand_in):
    parts = [{"type": "text", "text": "good"}, {"type": "image_url", "image_url": {"url": "data:,"}},
             {"type": "text", "text": "morn\u0069ng"}]
    messages = [{"role": "user", "content": parts}, {"role": "assistant", "content": None}]
    body = {"model": "m", "messages": messages}
    answer = json_of(stand_in.ask("POST", "/v1/chat/completions", body, STAMPS))
    assert answer["choices"][0]["message"]["content"] == WORDS
    assert answer["usage"]["prompt_tokens"] == 2


def test_openai_completions_stream(stand_in):
    body = {"model": "any:7b", "prompt": ["good morning"], "stream": True}
    events = events_of(stand_in.ask("POST", "/v1/completions", body, STAMPS))
    check_chunks(events, "text_completion", "cmpl")
    assert "".join(event["choices"][0]["text"] for event in events) == WORDS
    assert [event["choices"][0]["finish_reason"] for event in events[-2:]] == [None, "stop"]


def test_openai_completions_at_once(stand_in):
    body = {"model": "any:7b", "prompt": "good morning"}
    answer = json_of(stand_in.ask("POST", "/v1/completions", body, STAMPS))
    check_chunks([answer], "text_completion", "cmpl")
    assert answer["choices"] == [{"text": WORDS, "index": 0, "logprobs": None, "finish_reason": "stop"}]
    assert answer["usage"]["prompt_tokens"] == 2


@pytest.mark.parametrize("dimensions", [1, 2, 3, 64, 1000])
def test_openai_embeddings_in_both_encodings(stand_in, dimensions):
    def embed(encoding):
        body = {"model": "m", "input": ["one two", "three"], "dimensions": dimensions,
                "encoding_format": encoding}
        return json_of(stand_in.ask("POST", "/v1/embeddings", body))
    numbers, texts = embed("float"), embed("base64")
    assert numbers["usage"] == texts["usage"] == {"prompt_tokens": 3, "total_tokens": 3}
    assert [(item["object"], item["index"]) for item in numbers["data"]] == [("embedding", 0), ("embedding", 1)]
    for number, text in zip(numbers["data"], texts["data"]):
        decoded = struct.unpack(f"<{dimensions}f", base64.b64decode(text["embedding"], validate=True))
        assert list(decoded) == pytest.approx(number["embedding"], abs=1e-6)


# ---- what is refused ----

def chat_of(**message):
    return {"model": "m", "messages": [{"role": "user", "content": "x"}, message]}


BOTH_CHATS = [  # body, what the message says, the member it is about
    (b"", "missing request body", None),
    (b"{", "the body is not JSON: ", None),
    (b'{"model":"\xff"}', "the body is not JSON: ", None),
    (b"[" * 100, "the body is not JSON: ", None),
    ([], "the body must be a JSON object", None),
    ({}, "model is required", "model"),
    ({"model": None}, "model is required", "model"),
    ({"model": ""}, "model is required", "model"),
    ({"model": 1}, "model must be a string", "model"),
    ({"model": "m" * 257}, "model must not be longer than 256 bytes", "model"),
    ({**CHAT, "stream": "yes"}, "stream must be true or false", "stream"),
    ({"model": "m", "messages": "hello"}, "messages must be an array", "messages"),
    ({"model": "m", "messages": ["hello"]}, "messages[0] must be an object", "messages[0]"),
    (chat_of(content="x"), "messages[1].role is required", "messages[1].role"),
    (chat_of(role="king"), "messages[1].role is no known role", "messages[1].role"),
    (chat_of(role=7), "messages[1].role is no known role", "messages[1].role"),
    (chat_of(role="user", content=7), "messages[1].content must be a string", "messages[1].content"),
]

OLLAMA_ERRORS = [("/api/chat", *row[:2]) for row in BOTH_CHATS] + [
    ("/api/chat", chat_of(role="user", content=[]), "messages[1].content must be a string"),
    ("/api/chat", {**CHAT, "options": 1}, "options must be an object"),
    ("/api/chat", {**CHAT, "options": {"num_predict": 1.5}}, "num_predict must be a whole number"),
    ("/api/generate", b"", "missing request body"),
    ("/api/generate", {"prompt": "x"}, "model is required"),
    ("/api/generate", {"model": "m", "prompt": []}, "prompt must be a string"),
    ("/api/generate", {"model": "m", "prompt": "x", "system": 1}, "system must be a string"),
    ("/api/generate", {"model": "m", "prompt": "x", "stream": 1}, "stream must be true or false"),
    ("/api/embed", {"model": "m"}, "input is required"),
    ("/api/embed", {"model": "m", "input": []}, "input must not be empty"),
    ("/api/embed", {"model": "m", "input": 1}, "input must be a string"),
    ("/api/embed", {"model": "m", "input": ["x", 1]}, "input must be a string or an array of strings"),
    ("/api/embed", {"model": "m", "input": ["x"] * 2049}, "input must not have more than 2048 elements"),
    ("/api/embed", {"model": "m", "input": "x", "dimensions": 1025},
     "dimensions must be a whole number from 1 to 1024"),
    ("/api/embeddings", {"model": "m"}, "prompt is required"),
    ("/api/show", {}, "model is required"),
]

OPENAI_ERRORS = [("/v1/chat/completions", *row) for row in BOTH_CHATS] + [
    ("/v1/chat/completions", {"model": "m"}, "messages must hold at least one message", "messages"),
    ("/v1/chat/completions", {"model": "m", "messages": []},
     "messages must hold at least one message", "messages"),
    ("/v1/chat/completions", {**CHAT, "max_tokens": 0},
     "max_tokens must be a whole number from 1", "max_tokens"),
    ("/v1/chat/completions", {**CHAT, "max_completion_tokens": "9"},
     "max_completion_tokens must be", "max_completion_tokens"),
    ("/v1/chat/completions", {**CHAT, "n": 2}, "n must be a whole number from 1 to 1", "n"),
    ("/v1/chat/completions", {**CHAT, "stream_options": {}},
     "stream_options is only allowed when", "stream_options"),
    ("/v1/chat/completions", {**CHAT, "stream": True, "stream_options": 1},
     "stream_options must be an object", "stream_options"),
    ("/v1/chat/completions", {**CHAT, "stream": True, "stream_options": {"include_usage": 1}},
     "include_usage must be true or false", "include_usage"),
    ("/v1/chat/completions", chat_of(role="user", content=[{"text": "x"}]),
     "has a part without a type", "messages[1].content"),
    ("/v1/chat/completions", chat_of(role="user", content=[{"type": "text"}]),
     "has a text part without text", "messages[1].content"),
    ("/v1/completions", {"model": "m"}, "prompt is required", "prompt"),
    ("/v1/completions", {"model": "m", "prompt": ["a", "b"]}, "prompt must be one text", "prompt"),
    ("/v1/completions", {"model": "m", "prompt": [1, 2]},
     "prompt must be a string or an array of strings", "prompt"),
    ("/v1/embeddings", {"input": "x"}, "model is required", "model"),
    ("/v1/embeddings", {"model": "m"}, "input is required", "input"),
    ("/v1/embeddings", {"model": "m", "input": "x", "dimensions": 0}, "dimensions must be", "dimensions"),
    ("/v1/embeddings", {"model": "m", "input": "x", "encoding_format": "hex"},
     'encoding_format must be "float"', "encoding_format"),
]


def about(value):
    """A short name for a test's body."""
    return json.dumps(value)[:40] if isinstance(value, (dict, list)) else None


@pytest.mark.parametrize("path, body, message", OLLAMA_ERRORS, ids=about)
def test_ollama_errors(client, path, body, message):
    error = json_of(client.ask("POST", path, body=encode(body)), 400)
    assert list(error) == ["error"] and message in error["error"]
    assert client.ask("GET", "/").status == 200, "the connection goes on"


@pytest.mark.parametrize("path, body, message, param", OPENAI_ERRORS, ids=about)
def test_openai_errors(client, path, body, message, param):
    error = json_of(client.ask("POST", path, body=encode(body)), 400)
    assert list(error) == ["error"] and message in error["error"].pop("message")
    assert error["error"] == {"type": "invalid_request_error", "param": param, "code": None}
    assert client.ask("GET", "/").status == 200, "the connection goes on"


@pytest.mark.parametrize("method, path", [("GET", "/nothing"), ("POST", "/api/pull"), ("GET", "/api/"),
                                          ("DELETE", "/api/delete"), ("GET", "/api/tagsx"), ("OPTIONS", "*")])
def test_unknown_paths(stand_in, method, path):
    assert json_of(stand_in.ask(method, path), 404) == {"error": f"there is no {path} here"}


@pytest.mark.parametrize("path", ["/v1/responses", "/v1/models/", "/v1/chat"])
def test_unknown_openai_paths(stand_in, path):
    assert json_of(stand_in.ask("POST", path, {}), 404) == {
        "error": {"message": f"there is no {path} here", "type": "invalid_request_error", "param": None,
                  "code": None}}


@pytest.mark.parametrize("method, path, allow", [("PUT", "/api/chat", "POST"), ("GET", "/v1/embeddings", "POST"),
                                                 ("HEAD", "/api/chat", "POST"), ("POST", "/api/tags", "GET, HEAD"),
                                                 ("DELETE", "/v1/models/stand-in", "GET, HEAD")])
def test_other_methods(client, method, path, allow):
    reply = client.ask(method, path)
    assert (reply.status, reply.field("Allow")) == (405, allow)
    if method != "HEAD":
        assert "method is not allowed" in json.dumps(reply.json()["error"])
    assert client.ask("GET", "/").status == 200


HOST = b"Host: h\r\n"

MALFORMED = {
    "no version": (b"GET /\r\n\r\n", 400),
    "version": (b"GET / HTTP/2.0\r\n" + HOST + b"\r\n", 505),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "two hosts": (b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n", 400),
    "bare LF": (b"GET / HTTP/1.1\n" + HOST + b"\n", 400),
    "NUL": (b"GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n", 400),
    "space before the colon": (b"GET / HTTP/1.1\r\nHost : h\r\n\r\n", 400),
    "obs-fold": (b"GET / HTTP/1.1\r\n" + HOST + b"A: b\r\n c\r\n\r\n", 400),
    "both framings": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    "two lengths": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\n", 400),
    "signed length": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: +1\r\n\r\n", 400),
    "coding": (b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 501),
    "expectation": (b"POST / HTTP/1.1\r\n" + HOST + b"Expect: tea\r\nContent-Length: 1\r\n\r\n", 417),
    "dots": (b"GET /api/../ HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "CONNECT": (b"CONNECT h:1 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "line too long": (b"GET /" + b"a" * 9000, 414),
    "head too long": (b"GET / HTTP/1.1\r\n" + HOST + b"A: " + b"a" * 70000, 431),
    "too many fields": (b"GET / HTTP/1.1\r\n" + HOST + b"A: b\r\n" * 101 + b"\r\n", 431),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\r\n" * 4, 400),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_heads(client, name):
    text, status = MALFORMED[name]
    client.send(text)
    reply = client.read_reply()
    assert reply.says_close
    error = json_of(reply, status)
    assert list(error) == ["error"] and len(error["error"]) > 5
    client.expect_closed()


def test_nothing_behind_a_malformed_head_is_answered(client):
    client.send(b"GET / HTTP/1.1\r\n\r\n" + client.request("GET", "/"))
    assert client.read_reply().status == 400
    client.expect_closed()


@pytest.mark.parametrize("body", [b"x\r\n", b"1\nx\r\n0\r\n\r\n", b" 1\r\nx\r\n0\r\n\r\n", b"1\r\nxy\r\n0\r\n\r\n",
                                  b"-1\r\n", b"11111111111111111\r\n", b"1;" + b"a" * 300 + b"\r\n",
                                  b"0\r\nA b: c\r\n\r\n"])
def test_malformed_chunks(client, body):
    client.send(http.head("POST /v1/chat/completions HTTP/1.1",
                          {"Host": "h", "Transfer-Encoding": "chunked"}) + body)
    reply = client.read_reply()
    error = json_of(reply, 400)["error"]
    assert reply.says_close and error["type"] == "invalid_request_error"
    client.expect_closed()


def test_a_body_announced_as_too_long(client):
    client.send(http.head("POST /api/chat HTTP/1.1", {"Host": "h", "Content-Length": str(BODY_BYTES_MAX + 1)}))
    reply = client.read_reply()
    assert json_of(reply, 413) == {"error": "the body is longer than 32 MiB"} and reply.says_close
    client.expect_closed()


def test_a_chunked_body_that_becomes_too_long(client):
    client.send(http.head("POST /v1/completions HTTP/1.1", {"Host": "h", "Transfer-Encoding": "chunked"}))
    for _ in range(BODY_BYTES_MAX // MIB):
        client.send(http.chunk(b" " * MIB))
    client.send(http.chunk(b" ") + http.LAST_CHUNK)
    reply = client.read_reply()
    assert json_of(reply, 413)["error"]["message"] == "the body is longer than 32 MiB"
    client.expect_closed()


@pytest.mark.parametrize("is_chunked", [False, True])
def test_the_longest_body(client, is_chunked):
    start, end = b'{"model":"m","stream":false,"prompt":"', b'"}'
    body = start + b"\\u0061" * ((BODY_BYTES_MAX - len(start) - len(end)) // 6)
    body += b"b" * (BODY_BYTES_MAX - len(body) - len(end)) + end
    assert len(body) == BODY_BYTES_MAX
    answer = json_of(client.ask("POST", "/api/generate", body=body, is_chunked=is_chunked))
    assert answer["response"].endswith("You said: " + "a" * 65536 + " [...]")
    assert client.ask("GET", "/").status == 200


def test_heads_and_bodies_that_do_not_come(stand_in):
    """The one test that waits for a time-out of the engine, for all of them at once."""
    with stand_in.connect(patience=30) as head, stand_in.connect(patience=30) as body:
        head.send(b"GET / HTTP/1.1\r\n")
        body.send(http.head("POST /v1/completions HTTP/1.1", {"Host": "h", "Content-Length": "9"}) + b"{")
        late_head, late_body = head.read_reply(), body.read_reply()
        assert json_of(late_head, 408) == {"error": "the request head did not arrive in time"}
        assert json_of(late_body, 408)["error"]["message"] == "the request body did not arrive in time"
        head.expect_closed()
        body.expect_closed()


# ---- manners on the wire ----

def test_one_connection_serves_all(client):
    for _ in range(3):
        assert client.ask("GET", "/").body == b"Ollama is running"
        assert lines_of(client.ask("POST", "/api/chat", body=encode(CHAT)))[-1]["done"]
        assert events_of(client.ask("POST", "/v1/chat/completions", body=encode({**CHAT, "stream": True})))
        assert client.ask("GET", "/nothing").status == 404


def test_pipelining(client):
    client.send(client.request("GET", "/api/version")
                + client.request("POST", "/api/chat", body=encode(CHAT))
                + client.request("GET", "/nothing")
                + client.request("POST", "/api/generate", body=encode({"model": "m", "prompt": "x"}), is_chunked=True)
                + client.request("HEAD", "/")
                + client.request("POST", "/v1/completions", body=b"")
                + client.request("GET", "/", {"Connection": "close"})
                + client.request("GET", "/"))
    assert "version" in client.read_reply().json()
    assert "".join(line["message"]["content"] for line in lines_of(client.read_reply())).endswith("good morning")
    assert client.read_reply().status == 404
    assert lines_of(client.read_reply())[-1]["done"]
    assert client.read_reply("HEAD").status == 200
    assert client.read_reply().status == 400
    last = client.read_reply()
    assert last.body == b"Ollama is running" and last.says_close
    client.expect_closed()


def test_many_pipelined_behind_a_stream(client):
    """More than it reads ahead waits in the kernel and is answered in its turn."""
    count = 2000
    sender = threading.Thread(target=client.send, args=[
        client.request("POST", "/api/chat", body=encode(CHAT)) + client.request("GET", "/") * count])
    sender.start()
    assert lines_of(client.read_reply())[-1]["done"]
    for _ in range(count):
        assert client.read_reply().body == b"Ollama is running"
    sender.join()


def test_byte_by_byte(client):
    body = encode({**CHAT, "stream": False})
    for is_chunked in (False, True):
        client.send_byte_by_byte(client.request("POST", "/api/chat", STAMPS, body, is_chunked=is_chunked))
        assert json_of(client.read_reply())["message"]["content"] == WORDS


def test_every_split_in_two(client):
    text = client.request("POST", "/api/generate", body=encode({"model": "m", "stream": False, "prompt": "x"}),
                          is_chunked=True)
    for at in range(1, len(text)):
        client.send_in_two(text, at)
        assert json_of(client.read_reply())["response"].endswith("You said: x")


def test_expect_continue(client):
    body = encode({**CHAT, "stream": False})
    client.send(http.head("POST /api/chat HTTP/1.1", {"Host": "h", "Content-Length": str(len(body)),
                                                      "Expect": "100-continue"}))
    assert client.reader.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.send(body)
    assert json_of(client.read_reply())["done"]


def test_http_1_0(stand_in):
    with stand_in.connect() as client:
        client.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        reply = client.read_reply()
        assert reply.body == b"Ollama is running" and "keep-alive" in reply.fields.tokens("Connection")
        client.send(http.head("POST /api/chat HTTP/1.0", {"Content-Length": str(len(encode(CHAT)))}) + encode(CHAT))
        reply = client.read_reply()
        assert reply.framing is None and reply.says_close and reply.field("Transfer-Encoding") is None
        assert json.loads(reply.body.splitlines()[-1])["done"]
        client.expect_closed()
    with stand_in.connect() as client:
        client.send(b"GET / HTTP/1.0\r\n\r\n")
        assert client.read_reply().says_close
        client.expect_closed()


# ---- streams ----

def test_a_stream_comes_piece_by_piece(start_stand_in):
    """At the usual pace: a chunk a word, and not in one read."""
    stand_in = start_stand_in()
    with stand_in.connect() as client:
        reads = []
        receive = client.reader.receive

        def count():
            reads.append(receive())
            return reads[-1]
        client.reader.receive = count
        client.send(client.request("POST", "/api/chat", STAMPS, encode(CHAT)))
        client.read_head()
        lines = [json.loads(chunk) for chunk in chunks_of(client)]
    assert "".join(line["message"]["content"] for line in lines) == WORDS
    assert len(lines) == len(WORDS.split()) + 1
    assert len(reads) > 3


def test_the_first_word_does_not_wait_and_the_second_does(start_stand_in):
    stand_in = start_stand_in("--delay", str(HOUR_MS))
    with stand_in.connect() as client:
        client.send(client.request("POST", "/api/chat", STAMPS, encode(CHAT)))
        client.read_head()
        assert json.loads(client.reader.chunk())["message"]["content"] == "This"
        client.socket.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.reader.chunk()
    stand_in.wait_left()


def test_streams_run_side_by_side(stand_in):
    clients = [stand_in.connect() for _ in range(20)]
    for at, client in enumerate(clients):
        body = {"model": "m", "messages": [{"role": "user", "content": f"number {at}"}]}
        client.send(client.request("POST", "/api/chat", body=encode(body)))
    for at, client in enumerate(clients):
        said = "".join(line["message"]["content"] for line in lines_of(client.read_reply()))
        assert said.endswith(f"You said: number {at}")
        client.close()


@pytest.mark.parametrize("count", [1, 5, 100])
def test_chunks_decides_how_much_is_said(start_stand_in, count):
    stand_in = start_stand_in("--delay", "0", "--chunks", str(count))
    expected = (WORDS.split() * 10)[:count]
    *lines, last = lines_of(stand_in.ask("POST", "/api/chat", CHAT, STAMPS))
    assert "".join(line["message"]["content"] for line in lines) == " ".join(expected)
    check_ollama_ending(last, count, CHAT_WORDS)
    whole = json_of(stand_in.ask("POST", "/api/chat", {**CHAT, "stream": False}, STAMPS))
    assert whole["message"]["content"] == " ".join(expected)


@pytest.mark.parametrize("leave", ["close", "finish_sending", "reset"])
@pytest.mark.parametrize("path", ["/api/chat", "/v1/chat/completions"])
def test_a_client_that_leaves_stops_the_stream(start_stand_in, leave, path):
    """The next word would come in an hour: only the leaving itself can be what ends it."""
    stand_in = start_stand_in("--delay", str(HOUR_MS))
    client = stand_in.connect()
    client.send(client.request("POST", path, body=encode({**CHAT, "stream": True})))
    client.read_head()
    client.reader.chunk()
    assert stand_in.sockets() == stand_in.sockets_at_rest + 1
    getattr(client, leave)()
    stand_in.wait_left()
    client.close()


def test_a_client_that_leaves_with_more_sent_than_is_read(start_stand_in):
    """More than it reads ahead, less than the kernel takes, which would keep the end to itself."""
    stand_in = start_stand_in("--delay", str(HOUR_MS))
    client = stand_in.connect()
    client.send(client.request("POST", "/api/chat", body=encode(CHAT)))
    client.read_head()
    client.send(client.request("GET", "/") * 2500)
    client.finish_sending()
    stand_in.wait_left()
    client.close()


@pytest.mark.parametrize("sent", [b"GET / HT", b"POST /api/chat HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n{",
                                  b"POST /api/chat HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"])
def test_a_client_that_leaves_within_a_request(stand_in, sent):
    with stand_in.connect() as client:
        client.send(sent)
        client.finish_sending()
        client.expect_closed()
    assert stand_in.ask("GET", "/").status == 200


def stands_still(stand_in):
    """True when hardly a thread woke for a moment, though a word without a pause would come each ms.
    (TSan has a thread of its own that wakes now and then.)"""
    before = stand_in.wakings()
    time.sleep(0.25)
    return stand_in.wakings() - before < 10


def test_a_slow_reader_slows_the_stream(start_stand_in):
    """Nothing is made while nobody reads, so memory stays small; and then all of it comes."""
    words = 200_000
    stand_in = start_stand_in("--delay", "0", "--chunks", str(words))
    before = stand_in.resident_bytes()
    with stand_in.connect(receive_buffer=8192) as client:
        client.send(client.request("POST", "/api/generate", body=encode({"model": "m", "prompt": "x"})))
        client.read_head()
        wait_until(functools.partial(stands_still, stand_in), "the stream to stand still")
        assert stand_in.resident_bytes() - before < 8 * MIB
        assert stand_in.ask("GET", "/").status == 200, "others are served meanwhile"
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, MIB)
        count = sum(chunk.count(b'"done":false') for chunk in chunks_of(client))
        assert count == words
    assert stand_in.resident_bytes() - before < 8 * MIB


def test_a_client_that_leaves_unread_words_behind(start_stand_in):
    stand_in = start_stand_in("--delay", "0", "--chunks", "100000000")
    client = stand_in.connect(receive_buffer=8192)
    client.send(client.request("POST", "/api/generate", body=encode({"model": "m", "prompt": "x"})))
    client.read_head()
    wait_until(functools.partial(stands_still, stand_in), "the stream to stand still")
    client.reset()
    stand_in.wait_left()


def test_an_answer_too_long_to_give_at_once(start_stand_in):
    stand_in = start_stand_in("--chunks", "100000000")
    reply = stand_in.ask("POST", "/v1/completions", {"model": "m", "prompt": "x"})
    assert json_of(reply, 500)["error"] == {"message": "the answer would be longer than 33554432 bytes",
                                            "type": "server_error", "param": None, "code": None}


# ---- the process ----

@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_whatever_it_does(start_stand_in, how):
    stand_in = start_stand_in("--delay", str(HOUR_MS))
    with stand_in.connect() as streaming, stand_in.connect() as sending, stand_in.connect() as idle:
        streaming.send(streaming.request("POST", "/api/chat", body=encode(CHAT)))
        streaming.read_head()
        streaming.reader.chunk()
        sending.send(http.head("POST /api/chat HTTP/1.1", {"Host": "h", "Content-Length": "9"}) + b"{")
        assert idle.ask("GET", "/").status == 200
        stand_in.stop(how)
        with pytest.raises(Truncated):
            streaming.reader.chunk()
        sending.expect_reset_or_closed()
        idle.expect_closed()


def run(*arguments):
    return subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=PATIENCE, check=False)


def test_a_port_that_is_taken(stand_in):
    done = run("--port", str(stand_in.address[1]))
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1 port {stand_in.address[1]}" in done.stderr


@pytest.mark.parametrize("arguments, message", [
    (["--port", "65536"], "--port must be a whole number from 0 to 65535"),
    (["--port", "x"], "--port must be"), (["--delay", "-1"], "--delay must be"),
    (["--chunks", ""], "--chunks must be"), (["--what"], "see --help"), (["here"], "unexpected 'here'")])
def test_wrong_arguments(arguments, message):
    done = run(*arguments)
    assert done.returncode == 2 and message in done.stderr


def test_help():
    done = run("--help")
    assert done.returncode == 0 and done.stderr == ""
    assert all(option in done.stdout for option in ("--host", "--port", "--delay", "--chunks"))

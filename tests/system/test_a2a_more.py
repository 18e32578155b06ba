# SPDX-License-Identifier: MIT
"""Tasks in numbers and under blows: many at once, killed in every state, swept, drained; streams that nobody reads;
and what a delegated token is not good for."""
import asyncio
import base64
import collections
import concurrent.futures
import json
import pathlib
import shutil
import signal
import socket
import threading
import time

import pytest
from jwcrypto import jwk, jwt

from harness import http
from harness.agent import Agent
from harness.gateway import sanitizer
from harness.wait import PATIENCE, wait_until

ENDED = ("done", "error")


# ---- helpers ----

class Tasks:
    """One user's tasks, on one connection that is kept."""

    def __init__(self, gateway, token):
        self.gateway = gateway
        self.token = token
        self.client = gateway.connect()

    def ask(self, method, path, body=None, fields=()):
        data = None if body is None else json.dumps(body).encode()
        return self.client.ask(method, path, fields, body=data, token=self.token)

    def send(self, status=200, **members):
        reply = self.ask("POST", "/a2a/tasks/send", {"input": {}, **members})
        assert reply.status == status, reply.body
        return reply.json()["task_id"] if status == 200 else reply.detail

    def status(self, task):
        reply = self.ask("GET", f"/a2a/tasks/status/{task}")
        assert reply.status == 200, reply.body
        return reply.json()

    def state(self, task):
        return self.status(task)["state"]

    def wait(self, task, state=ENDED, seconds=20):
        states = (state,) if isinstance(state, str) else state

        def there():
            status = self.status(task)
            return status if status["state"] in states else None
        return wait_until(there, f"task {task} to be {state}", seconds)

    def cancel(self, task):
        return self.ask("POST", f"/a2a/tasks/cancel/{task}").status

    def rpc(self, method, params, path="/a2a"):
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return self.ask("POST", path, body, {"A2A-Version": "1.0"}).json()

    def total(self, **query):
        return self.rpc("ListTasks", {"pageSize": 1, **query})["result"]["totalSize"]


def message(identifier, text="hi", **members):
    return {"message": {"role": "ROLE_USER", "messageId": identifier, "parts": [{"text": text}], **members}}


@pytest.fixture
def make_agent():
    agents = []

    def make(*arguments):
        agents.append(Agent(*arguments))
        return agents[-1]
    yield make
    for agent in agents:
        agent.close()


@pytest.fixture
def alice(issuer):
    return issuer.token("alice")


@pytest.fixture
def bob(issuer):
    return issuer.token("bob")


@pytest.fixture
def gate():
    """What agents wait at; open at the end, so that none is left behind."""
    event = threading.Event()
    yield event
    event.set()


def kill(gateway):
    gateway.expected_code = -signal.SIGKILL
    gateway.process.kill()
    gateway.wait_ended()
    gateway.clients.clear()


class FastAgent:
    """Answers {"n": N} with {"n": N}; one thread, thousands of calls a second."""

    class Protocol(asyncio.Protocol):
        def __init__(self, agent):
            self.agent = agent
            self.data = b""

        def connection_made(self, transport):
            self.transport = transport

        def data_received(self, data):
            self.data += data
            while b"\r\n\r\n" in self.data:
                head, _, rest = self.data.partition(b"\r\n\r\n")
                lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
                length = int(lengths[0].split(b":")[1])
                if len(rest) < length:
                    return
                body, self.data = rest[:length], rest[length:]
                self.agent.numbers[json.loads(body)["n"]] += 1
                self.transport.write(http.reply(200, body, {"Content-Type": "application/json"}))

    def __init__(self):
        self.numbers = collections.Counter()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        start = self.loop.create_server(lambda: self.Protocol(self), "127.0.0.1", 0, backlog=512)
        self.server = asyncio.run_coroutine_threadsafe(start, self.loop).result(PATIENCE)
        self.url = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}/api/chat"

    def close(self):
        self.loop.call_soon_threadsafe(self.server.close)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(PATIENCE)


@pytest.fixture
def fast_agent():
    agent = FastAgent()
    yield agent
    agent.close()


# ---- numbers ----

def test_ten_thousand_tasks(start_gateway, fast_agent, alice):
    """Every one acknowledged, run once and with its own result; the counters agree."""
    count = 2_000 if sanitizer() else 10_000
    gateway = start_gateway(A2A_AGENTS=f"quick={fast_agent.url}", A2A_TASKS_PER_USER_MAX=str(count))

    def send(worker):
        tasks = Tasks(gateway, alice)
        return {tasks.send(input={"n": number}, target="quick"): number
                for number in range(worker, count, 4)}
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        sent = {task: number for part in pool.map(send, range(4)) for task, number in part.items()}
    assert len(sent) == count
    tasks = Tasks(gateway, alice)
    wait_until(lambda: len(fast_agent.numbers) == count, "all to be run", 40)
    wait_until(lambda: tasks.total(status="TASK_STATE_COMPLETED") == count, "all to be done")
    assert tasks.total() == count
    assert len(fast_agent.numbers) == count and set(fast_agent.numbers.values()) == {1}
    for task in list(sent)[::97]:
        status = tasks.status(task)
        assert status["state"] == "done" and status["result"] == {"n": sent[task]}
    found = set()
    page = {"pageSize": 100, "includeArtifacts": False}
    while True:
        result = tasks.rpc("ListTasks", page)["result"]
        found |= {task["id"] for task in result["tasks"]}
        if not result["nextPageToken"]:
            break
        page["pageToken"] = result["nextPageToken"]
    assert found == set(sent)


def test_two_users_tasks_do_not_mix(start_gateway, make_agent, issuer):
    users = {name: issuer.token(name) for name in ("ann", "ben", "cleo")}
    agent = make_agent(lambda call: call.reply({"user": call.header("X-Attach-User"), "n": call.body["n"]}))
    gateway = start_gateway(A2A_AGENTS=f"who={agent.url}", A2A_CONCURRENT_MAX="8")

    def one(name):
        tasks = Tasks(gateway, users[name])
        sent = {tasks.send(input={"n": f"{name}-{number}"}, target="who"): number for number in range(40)}
        for task, number in sent.items():
            assert tasks.wait(task)["result"] == {"user": name, "n": f"{name}-{number}"}
        return set(sent)
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        sent = dict(zip(users, pool.map(one, users)))
    assert len(set().union(*sent.values())) == 120
    for name, token in users.items():
        tasks = Tasks(gateway, token)
        assert tasks.total() == 40
        listed = tasks.rpc("ListTasks", {"pageSize": 100})["result"]["tasks"]
        assert {task["id"] for task in listed} == sent[name]
        for other in users.keys() - {name}:
            task = next(iter(sent[other]))
            assert tasks.ask("GET", f"/a2a/tasks/status/{task}").status == 404


# ---- kill -9 ----

def test_kill_9_in_every_state(start_gateway, make_agent, gate, tmp_path, alice):
    """One task or many of each state; after the restart each is where it must be, and the sum is exact."""
    phase = {"killed": False}
    counts = collections.Counter()

    def answer(call):
        kind = call.body.get("kind")
        counts[(kind, call.body.get("n"))] += 1
        if kind == "fails":
            call.reply({}, status=500)
        elif kind == "quick" or phase["killed"]:
            call.reply(call.body)
        else:
            gate.wait(30)
    plain, resumed = make_agent(answer), make_agent(answer)
    options = {"A2A_AGENTS": f"plain={plain.url},resumed={resumed.url};idempotent",
               "A2A_CONCURRENT_MAX": "6", "ATTACH_DATA_DIR": tmp_path / "data"}
    gateway = start_gateway(**options)
    tasks = Tasks(gateway, alice)
    sent = collections.defaultdict(list)

    def send(kind, target, count):
        for number in range(count):
            input_ = {"kind": kind, "n": number}
            sent[kind].append(tasks.send(input=input_, target=target))
    send("quick", "plain", 5)
    send("fails", "plain", 4)
    for task in sent["quick"] + sent["fails"]:
        tasks.wait(task)
    send("canceled", "plain", 3)
    wait_until(lambda: sum(kind == "canceled" for kind, _ in counts) == 3, "them to run")
    for task in sent["canceled"]:
        assert tasks.cancel(task) == 200
    send("running", "plain", 3)
    send("resumed", "resumed", 3)
    wait_until(lambda: sum(kind in ("running", "resumed") for kind, _ in counts) == 6, "six to run")
    for task in sent["running"] + sent["resumed"]:
        tasks.wait(task, "in_progress")
    send("queued", "plain", 20)
    assert {tasks.state(task) for task in sent["queued"]} == {"queued"}
    kill(gateway)
    phase["killed"] = True
    again = Tasks(start_gateway(**options), alice)
    assert again.total() == sum(len(part) for part in sent.values()) == 38
    ends = {kind: [again.wait(task) for task in part] for kind, part in sent.items()}
    assert {kind: {end["state"] for end in part} for kind, part in ends.items()} == {
        "quick": {"done"}, "fails": {"error"}, "canceled": {"error"}, "running": {"error"},
        "resumed": {"done"}, "queued": {"done"}}
    for kind in ("quick", "resumed", "queued"):
        assert [end["result"] for end in ends[kind]] == [{"kind": kind, "n": number}
                                                        for number in range(len(sent[kind]))]
    assert all("interrupted" in end["result"]["detail"] for end in ends["running"])
    assert all("500" in end["result"]["detail"] for end in ends["fails"])
    assert all("cancel" in end["result"]["detail"] for end in ends["canceled"])
    calls = collections.Counter()
    for (kind, _), count in counts.items():
        calls[kind] += count
    assert calls == {"quick": 5, "fails": 4, "canceled": 3, "running": 3, "resumed": 6, "queued": 20}
    assert again.total(status="TASK_STATE_COMPLETED") == 28
    assert again.total(status="TASK_STATE_FAILED") == 7
    assert again.total(status="TASK_STATE_CANCELED") == 3


def test_kill_9_again_and_again(start_gateway, fast_agent, tmp_path, alice):
    """Killed in the middle of the rush, five times: what was acknowledged is there and ends, once."""
    options = {"A2A_AGENTS": f"quick={fast_agent.url}", "ATTACH_DATA_DIR": tmp_path / "data",
               "A2A_TASKS_PER_USER_MAX": "100000"}
    sent = {}
    number = iter(range(1_000_000))
    for blow in range(5):
        gateway = start_gateway(**options)
        tasks = Tasks(gateway, alice)
        timer = threading.Timer(0.15 + 0.05 * blow, gateway.process.kill)
        timer.start()
        try:
            while True:
                value = next(number)
                sent[tasks.send(input={"n": value}, target="quick")] = value
        except (OSError, http.Truncated, http.ProtocolFault):
            pass
        timer.join()
        kill(gateway)
    again = Tasks(start_gateway(**options), alice)
    ends = {task: again.wait(task) for task in sent}
    assert len(sent) > 20
    for task, end in ends.items():
        if end["state"] == "done":
            assert end["result"] == {"n": sent[task]}
        else:
            assert "interrupted" in end["result"]["detail"]
    assert max(fast_agent.numbers.values()) == 1, "a target that is not idempotent was called twice"
    open_ones = [again.total(status=f"TASK_STATE_{state}") for state in ("SUBMITTED", "WORKING")]
    assert open_ones == [0, 0]
    assert again.total() - len(sent) <= 5  # stored, and the answer cut off by the blow


def test_kill_9_while_an_agent_asks_back(start_gateway, make_agent, tmp_path, alice):
    """A task that waits for its user waits on after the restart, and goes on."""
    def answer(call):
        said = call.body["params"]["message"]
        state = "TASK_STATE_COMPLETED" if said.get("taskId") else "TASK_STATE_INPUT_REQUIRED"
        call.reply({"jsonrpc": "2.0", "id": call.body["id"], "result": {"task": {
            "id": "theirs", "contextId": "their-context", "status": {"state": state},
            "artifacts": [{"artifactId": "a", "parts": [{"text": "done with it"}]}]}}})
    agent = make_agent(answer)
    options = {"A2A_AGENTS": f"asks={agent.url};a2a=1.0", "ATTACH_DATA_DIR": tmp_path / "data"}
    gateway = start_gateway(**options)
    tasks = Tasks(gateway, alice)
    task = tasks.rpc("SendMessage", message("m-1"), "/a2a/agents/asks")["result"]["task"]
    assert task["status"]["state"] == "TASK_STATE_INPUT_REQUIRED"
    kill(gateway)
    again = Tasks(start_gateway(**options), alice)
    kept = again.rpc("GetTask", {"id": task["id"]})["result"]
    assert kept["status"]["state"] == "TASK_STATE_INPUT_REQUIRED"
    answer = again.rpc("SendMessage", message("m-2", "the blue one", taskId=task["id"]), "/a2a/agents/asks")
    assert answer["result"]["task"]["status"]["state"] == "TASK_STATE_COMPLETED", answer
    assert agent.calls[-1].body["params"]["message"]["taskId"] == "theirs"


# ---- limits ----

def test_ended_tasks_go_after_their_time(start_gateway, make_agent, gate, alice):
    agent = make_agent(lambda call: gate.wait(20) if call.body.get("waits") else call.reply({}))
    gateway = start_gateway(A2A_AGENTS=f"quick={agent.url}", A2A_TASK_TTL="1s")
    tasks = Tasks(gateway, alice)
    waiting = tasks.send(input={"waits": True}, target="quick")
    ended = [tasks.send(target="quick") for _ in range(30)]
    wait_until(lambda: tasks.total() == 1, "the ended ones to be swept")
    for task in ended:
        reply = tasks.ask("GET", f"/a2a/tasks/status/{task}")
        assert (reply.status, reply.detail) == (404, "unknown task")
    assert tasks.state(waiting) == "in_progress"


@pytest.mark.parametrize("more, state", [(0, "done"), (1, "error")], ids=["as large as may be", "one byte more"])
def test_the_largest_result(start_gateway, make_agent, alice, more, state):
    limit = 64 * 1024
    body = json.dumps({"text": "x" * (limit + more - len('{"text": ""}'))}).encode()
    assert len(body) == limit + more
    agent = make_agent(lambda call: call.reply(body))
    tasks = Tasks(start_gateway(A2A_AGENTS=f"large={agent.url}", A2A_RESULT_MAX="64k"), alice)
    status = tasks.wait(tasks.send(target="large"))
    assert status["state"] == state
    if state == "error":
        assert "A2A_RESULT_MAX" in status["result"]["detail"]


def test_hops_are_counted(start_gateway, make_agent, alice):
    """With two hops allowed the third hand-off is refused, whoever is named."""
    refusals = []

    def passes_on(call):
        other = {"one": "two", "two": "one"}[call.body["at"]]
        body = json.dumps({"input": {"at": other}, "target": other}).encode()
        reply = gateway.ask("POST", "/a2a/tasks/send", body=body, token=call.token,
                            fields={"X-Attach-User": "mallory", "X-Attach-Session": "0" * 16})
        refusals.append((reply.status, reply.json()))
        call.reply({"at": call.body["at"]})
    agent = make_agent(passes_on)
    gateway = start_gateway(A2A_AGENTS=f"one={agent.url},two={agent.url}?2", A2A_HOPS_MAX="2")
    tasks = Tasks(gateway, alice)
    tasks.wait(tasks.send(input={"at": "one"}, target="one"))
    wait_until(lambda: len(refusals) == 2, "the second to hand on")
    assert sorted(status for status, _ in refusals) == [200, 508]
    assert [call.body["at"] for call in agent.calls] == ["one", "two"]
    over_rpc = {"jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": message("deep")}
    reply = gateway.ask("POST", "/a2a/agents/one", {"A2A-Version": "1.0"},
                        body=json.dumps(over_rpc).encode(), token=agent.calls[1].token)
    assert reply.json()["error"]["code"] == -32602 and "hand-off" in reply.json()["error"]["message"]


# ---- the hand-off by mem_id ----

def test_a_document_is_handed_on_by_its_id(start_gateway, make_agent, alice, bob):
    """The agent reads it with the user's delegated token; a task of another user cannot."""
    def reads(call):
        reply = gateway.ask("GET", f"/mem/events/{call.body['mem_id']}", token=call.token)
        call.reply({"status": reply.status, "payload": reply.json().get("payload")})
    agent = make_agent(reads)
    gateway = start_gateway(A2A_AGENTS=f"coder={agent.url}")
    document = {"event": "plan", "payload": {"steps": ["one", "two"]}}
    kept = gateway.ask("POST", "/mem/events", body=json.dumps(document).encode(), token=alice).json()["mem_id"]
    ends = [tasks.wait(tasks.send(input={"mem_id": kept}, target="coder"))
            for tasks in (Tasks(gateway, alice), Tasks(gateway, bob))]
    assert ends[0]["result"] == {"status": 200, "payload": {"steps": ["one", "two"]}}
    assert ends[1]["result"] == {"status": 404, "payload": None}


# ---- streams ----

def open_stream(gateway, token, identifier, agent="slow", **arguments):
    client = gateway.connect(**arguments)
    body = {"jsonrpc": "2.0", "id": 1, "method": "SendStreamingMessage", "params": message(identifier)}
    client.send(client.request("POST", f"/a2a/agents/{agent}", {"A2A-Version": "1.0"},
                               body=json.dumps(body).encode(), token=token))
    head = client.read_head("POST")
    assert head.status == 200 and head.field("Content-Type") == "text/event-stream"
    return client


def test_a_stream_that_nobody_reads_stops_nobody(start_gateway, make_agent, alice):
    large = {"message": {"role": "assistant", "content": "x" * (6 * 1024 * 1024)}}
    agent = make_agent(lambda call: call.reply(large if "messages" in call.body else {}))
    gateway = start_gateway(A2A_AGENTS=f"slow={agent.url}", WORKERS="1")
    streams = [open_stream(gateway, alice, f"unread-{number}", receive_buffer=32768) for number in range(4)]
    tasks = Tasks(gateway, alice)
    for _ in range(10):
        assert tasks.wait(tasks.send(target="slow"))["state"] == "done"
    body = streams[0].read_rest()
    assert b"TASK_STATE_COMPLETED" in body and len(body) > 6 * 1024 * 1024
    assert tasks.total(status="TASK_STATE_COMPLETED") == 14


@pytest.mark.parametrize("kind", ["stream", "waiting call"])
def test_draining_does_not_wait_for_streams(start_gateway, make_agent, gate, tmp_path, alice, kind):
    """SIGTERM: streams of tasks that run end within DRAIN_TIMEOUT, the exit code is 0, the task is accounted for."""
    agent = make_agent(lambda call: gate.wait(30))
    options = {"A2A_AGENTS": f"slow={agent.url}", "ATTACH_DATA_DIR": tmp_path / "data",
               "A2A_TASK_TIMEOUT": "1h"}
    gateway = start_gateway(DRAIN_TIMEOUT="1s", **options)
    if kind == "stream":
        open_stream(gateway, alice, "drained")
    else:
        client = gateway.connect()
        body = {"jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": message("drained")}
        client.send(client.request("POST", "/a2a/agents/slow", {"A2A-Version": "1.0"},
                                   body=json.dumps(body).encode(), token=alice))
    wait_until(lambda: agent.calls, "the agent to be called")
    gateway.terminate()
    assert gateway.wait_ended() == 0
    again = Tasks(start_gateway(**options), alice)
    assert again.total() == 1
    wait_until(lambda: again.total(status="TASK_STATE_FAILED") == 1, "the task to be given up")


def test_a_task_that_ends_while_draining_ends_its_stream(start_gateway, make_agent, gate, alice):
    def answers_late(call):
        gate.wait(30)
        call.reply({"message": {"role": "assistant", "content": "in time"}})
    agent = make_agent(answers_late)
    gateway = start_gateway(A2A_AGENTS=f"slow={agent.url}", DRAIN_TIMEOUT="30s")
    client = open_stream(gateway, alice, "late")
    wait_until(lambda: agent.calls, "the agent to be called")
    gateway.terminate()
    gateway.wait_for_message("^SIGTERM: finishing what runs")
    gate.set()
    body = client.read_rest()
    assert b"in time" in body and b"TASK_STATE_COMPLETED" in body
    assert gateway.wait_ended() == 0


# ---- the delegated token ----

def part_of(token, index):
    text = token.split(".")[index]
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def delegated_claims(token):
    return part_of(token, 1)


@pytest.fixture
def delegated(start_gateway, make_agent, tmp_path, alice):
    """(gateway, a token it gave an agent, resign(changes) -> the same with other claims and its signature)"""
    agent = make_agent()
    data = tmp_path / "data"
    gateway = start_gateway(A2A_AGENTS=f"agent={agent.url}", ATTACH_DATA_DIR=data)
    tasks = Tasks(gateway, alice)
    tasks.wait(tasks.send(target="agent"))
    token = agent.calls[0].token
    key = jwk.JWK.from_pem((data / "local-key.pem").read_bytes())

    def resign(changes):
        claims = {**delegated_claims(token), **changes}
        signed = jwt.JWT(header=part_of(token, 0), claims={name: value for name, value in claims.items() if value is not None})
        signed.make_signed_token(key)
        return signed.serialize()
    return gateway, token, resign


def test_what_a_delegated_token_may(delegated):
    """It is the user, for what users may do here; its claims say through whom."""
    gateway, token, resign = delegated
    claims = delegated_claims(token)
    assert claims["sub"] == "alice" and claims["act"] == {"sub": "agent"} and claims["jti"]
    for one in (token, resign({})):
        reply = gateway.ask("GET", "/mem/events", token=one)
        assert reply.status == 200, reply.body
    owned = Tasks(gateway, token)
    assert owned.total() == 1


@pytest.mark.parametrize("changes", [
    {"exp": 1_000_000_000}, {"exp": None}, {"aud": "https://elsewhere.example"}, {"aud": None},
    {"iss": "https://elsewhere.example"}, {"act": None}, {"act": "agent"}, {"act": {}}, {"attach": None},
    {"nbf": 32_000_000_000}, {"sub": None}], ids=str)
def test_what_it_may_not(delegated, changes):
    gateway, _, resign = delegated
    reply = gateway.ask("GET", "/mem/events", token=resign(changes))
    assert reply.status == 401, changes


def test_it_is_of_no_use_elsewhere(start_gateway, make_agent, tmp_path, alice):
    """A gateway with the same key under another name does not take it: aud and iss say where it is for."""
    agent = make_agent()
    first = start_gateway(A2A_AGENTS=f"agent={agent.url}", ATTACH_DATA_DIR=tmp_path / "one",
                          PUBLIC_URL="https://one.example")
    tasks = Tasks(first, alice)
    tasks.wait(tasks.send(target="agent"))
    token = agent.calls[0].token
    claims = delegated_claims(token)
    assert claims["iss"] == claims["aud"] == "https://one.example"
    pathlib.Path(tmp_path / "two").mkdir(mode=0o700)
    shutil.copy2(tmp_path / "one" / "local-key.pem", tmp_path / "two" / "local-key.pem")
    second = start_gateway(ATTACH_DATA_DIR=tmp_path / "two", PUBLIC_URL="https://two.example")
    assert first.ask("GET", "/mem/events", token=token).status == 200
    reply = second.ask("GET", "/mem/events", token=token)
    assert reply.status == 401


def test_a_delegation_ends(start_gateway, make_agent, alice):
    agent = make_agent()
    gateway = start_gateway(A2A_AGENTS=f"agent={agent.url}", A2A_DELEGATION_TTL="7s")
    tasks = Tasks(gateway, alice)
    tasks.wait(tasks.send(target="agent"))
    claims = delegated_claims(agent.calls[0].token)
    assert claims["exp"] - claims["iat"] == 7 and abs(claims["iat"] - time.time()) < 60


def test_the_keys_private_half_stays_at_home(start_gateway, tmp_path):
    gateway = start_gateway(ATTACH_DATA_DIR=tmp_path / "data")
    document = gateway.ask("GET", "/.well-known/jwks.json").json()
    assert [set(key) & {"d", "p", "q", "k"} for key in document["keys"]] == [set()] * len(document["keys"])
    assert len(document["keys"]) == 1
    assert (tmp_path / "data" / "local-key.pem").stat().st_mode & 0o077 == 0


def test_a_client_may_hang_up_at_any_point(start_gateway, make_agent, alice):
    """Streams and waiting calls that are left, at once or in the middle, take nothing with them."""
    agent = make_agent(lambda call: (time.sleep(0.05), call.reply({"message": {"content": "there"}})))
    gateway = start_gateway(A2A_AGENTS=f"slow={agent.url}")
    method = {"jsonrpc": "2.0", "id": 1}
    for number in range(30):
        client = gateway.connect()
        name = "SendStreamingMessage" if number % 2 else "SendMessage"
        body = {**method, "method": name, "params": message(f"left-{number}")}
        client.send(client.request("POST", "/a2a/agents/slow", {"A2A-Version": "1.0"},
                                   body=json.dumps(body).encode(), token=alice))
        if number % 3 == 0:
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            time.sleep(0.01 * (number % 5))
        client.close()
    tasks = Tasks(gateway, alice)
    wait_until(lambda: tasks.total() == tasks.total(status="TASK_STATE_COMPLETED") > 0, "all to end")


# ---- what A2A's own test suite asks for ----

def rpc_error(tasks, method, params, path="/a2a", version="1.0"):
    body = {"jsonrpc": "2.0", "id": "x", "method": method, "params": params}
    reply = tasks.ask("POST", path, body, {} if version is None else {"A2A-Version": version})
    assert reply.status == 200 and reply.field("Content-Type") == "application/json"
    document = reply.json()
    assert set(document) == {"jsonrpc", "id", "error"} and document["id"] == "x", document
    return document["error"]


@pytest.mark.parametrize("body, code, identifier", [
    (b"{", -32700, None), (b"", -32700, None), (b"[]", -32600, None), (b'"x"', -32600, None), (b"{}", -32600, None),
    (b'{"jsonrpc":"1.0","id":1,"method":"GetTask"}', -32600, 1),
    (b'{"jsonrpc":"2.0","id":{},"method":"GetTask"}', -32600, None),
    (b'{"jsonrpc":"2.0","id":"a","method":5}', -32600, "a"),
    (b'{"jsonrpc":"2.0","id":7,"method":"Nothing","params":{}}', -32601, 7),
    (b'{"jsonrpc":"2.0","id":7,"method":"GetTask","params":[]}', -32602, 7),
    (b'{"jsonrpc":"2.0","id":7,"method":"GetTask","params":{}}', -32602, 7),
    (b'{"jsonrpc":"2.0","id":7,"method":"SendMessage","params":{}}', -32602, 7),
    (b'{"jsonrpc":"2.0","id":7,"method":"SendMessage","params":{"message":{"messageId":"m","role":"ROLE_USER",'
     b'"parts":[]}}}', -32602, 7),
    (b'{"jsonrpc":"2.0","id":7,"method":"message/send","params":{"message":{"kind":"message","role":"user",'
     b'"parts":[{"kind":"text","text":"no id"}]}}}', -32602, 7)])
def test_calls_that_are_none(gateway, alice, body, code, identifier):
    reply = gateway.ask("POST", "/a2a", {"A2A-Version": "1.0" if b"SendMessage" in body else "0.3"}, body=body,
                        token=alice)
    assert reply.status == 200
    document = reply.json()
    assert (document["error"]["code"], document["id"]) == (code, identifier), document
    assert document["jsonrpc"] == "2.0" and document["error"]["message"]


def test_versions(gateway, alice):
    tasks = Tasks(gateway, alice)
    unknown = rpc_error(tasks, "GetTask", {"id": "0" * 32}, version="2.0")
    assert unknown["code"] == -32009
    assert unknown["data"][0]["reason"] == "VERSION_NOT_SUPPORTED"
    assert tasks.ask("GET", "/a2a/rest/tasks", fields={"A2A-Version": "7.1"}).status == 400
    by_query = rpc_error(tasks, "GetTask", {"id": "0" * 32}, "/a2a?A2A-Version=2.0", None)
    assert by_query["code"] == -32009
    for name in ("tasks/get", "GetTask"):
        assert rpc_error(tasks, name, {"id": "0" * 32}, version=None)["code"] == -32001


def test_errors_carry_their_reason(gateway, alice):
    tasks = Tasks(gateway, alice)
    error = rpc_error(tasks, "GetTask", {"id": "0" * 32})
    assert error["code"] == -32001
    info = error["data"][0]
    assert info["@type"] == "type.googleapis.com/google.rpc.ErrorInfo"
    assert (info["reason"], info["domain"]) == ("TASK_NOT_FOUND", "a2a-protocol.org")
    reply = tasks.ask("GET", f"/a2a/rest/tasks/{'0' * 32}")
    assert reply.status == 404 and reply.field("Content-Type") == "application/a2a+json"
    body = reply.json()["error"]
    assert (body["code"], body["status"]) == (404, "NOT_FOUND") and body["details"][0]["reason"] == "TASK_NOT_FOUND"


@pytest.fixture
def talk(gateway, engine, alice):
    """A task that has ended, of alice."""
    answer = json.dumps({"message": {"role": "assistant", "content": "well"}}).encode()
    engine.answer(http.reply(200, answer, {"Content-Type": "application/json"}))
    tasks = Tasks(gateway, alice)
    number = len(gateway.lines(message="request"))
    return tasks, tasks.rpc("SendMessage", message(f"talk-{number}"))["result"]["task"]


def test_a_task_is_whole(talk):
    tasks, task = talk
    assert task["status"]["timestamp"].endswith("Z") and len(task["status"]["timestamp"]) == 24
    assert task["contextId"] and task["artifacts"][0]["artifactId"] and task["artifacts"][0]["parts"]
    for length, expected in ((None, True), (1, True), (0, False)):
        params = {"id": task["id"]} if length is None else {"id": task["id"], "historyLength": length}
        got = tasks.rpc("GetTask", params)["result"]
        assert bool(got.get("history")) == expected, length
    entry = got["status"]
    assert entry == task["status"]


def test_an_ended_task_takes_nothing(talk):
    tasks, task = talk
    for method, params, code in (
            ("SendMessage", message("more", taskId=task["id"]), -32004),
            ("SendStreamingMessage", message("more", taskId=task["id"]), -32004),
            ("SubscribeToTask", {"id": task["id"]}, -32004), ("CancelTask", {"id": task["id"]}, -32002)):
        assert rpc_error(tasks, method, params)["code"] == code, method
    assert tasks.ask("POST", f"/a2a/rest/tasks/{task['id']}:subscribe").status == 400
    mixed = message("mixed", taskId=task["id"], contextId="another")
    assert rpc_error(tasks, "SendMessage", mixed)["code"] in (-32602, -32004)


@pytest.mark.parametrize("query", [
    {"pageSize": 0}, {"pageSize": 101}, {"pageSize": -1}, {"pageSize": "x"}, {"pageToken": "nonsense"},
    {"status": "TASK_STATE_NONSENSE"}, {"statusTimestampAfter": "yesterday"}, {"historyLength": -1}], ids=str)
def test_lists_refuse_what_they_cannot_read(gateway, alice, query):
    assert rpc_error(Tasks(gateway, alice), "ListTasks", query)["code"] == -32602
    text = "&".join(f"{name}={value}" for name, value in query.items())
    assert gateway.ask("GET", f"/a2a/rest/tasks?{text}", token=alice).status == 400


def test_lists(gateway, engine, issuer):
    answer = json.dumps({"message": {"role": "assistant", "content": "well"}}).encode()
    engine.answer(http.reply(200, answer, {"Content-Type": "application/json"}))
    tasks = Tasks(gateway, issuer.token("lister"))
    empty = tasks.rpc("ListTasks", {})["result"]
    assert empty == {"tasks": [], "nextPageToken": "", "pageSize": empty["pageSize"], "totalSize": 0}
    sent = [tasks.rpc("SendMessage", message(f"list-{number}"))["result"]["task"] for number in range(3)]
    listed = tasks.rpc("ListTasks", {})["result"]
    assert [task["id"] for task in listed["tasks"]] == [task["id"] for task in reversed(sent)]
    assert all("artifacts" not in task for task in listed["tasks"])
    later = tasks.rpc("ListTasks", {"statusTimestampAfter": sent[0]["status"]["timestamp"]})["result"]
    assert sent[2]["id"] in [task["id"] for task in later["tasks"]]
    future = tasks.rpc("ListTasks", {"statusTimestampAfter": "2100-01-01T00:00:00.000Z"})["result"]
    assert future["tasks"] == []
    one = tasks.rpc("ListTasks", {"contextId": sent[1]["contextId"], "includeArtifacts": True})["result"]
    assert [task["id"] for task in one["tasks"]] == [sent[1]["id"]] and one["tasks"][0]["artifacts"]


def events_of(body):
    lines = [line[5:] for line in body.decode().split("\n") if line.startswith("data:")]
    return [json.loads(line)["result"] for line in lines]


def test_all_who_listen_hear_the_same(start_gateway, make_agent, gate, alice):
    """A stream begins with the task; streams of one task agree; one that is closed disturbs no other."""
    def answers(call):
        gate.wait(30)
        call.reply({"message": {"role": "assistant", "content": "at last"}})
    agent = make_agent(answers)
    gateway = start_gateway(A2A_AGENTS=f"slow={agent.url}")
    first = open_stream(gateway, alice, "heard")
    wait_until(lambda: agent.calls, "the agent to be called")
    tasks = Tasks(gateway, alice)
    task = tasks.rpc("ListTasks", {})["result"]["tasks"][0]["id"]
    wait_until(lambda: tasks.state(task) == "in_progress", "the task to run")
    others = []
    for _ in range(3):
        client = gateway.connect()
        client.send(client.request("GET", f"/a2a/rest/tasks/{task}:subscribe", token=alice))
        assert client.read_head().status == 200
        others.append(client)
    others.pop().close()
    gate.set()
    heard = [events_of_rest(client.read_rest()) for client in others]
    assert heard[0] == heard[1] and [next(iter(event)) for event in heard[0]] == [
        "task", "artifactUpdate", "statusUpdate"]
    whole = events_of(first.read_rest())
    assert "task" in whole[0] and whole[-2:] == heard[0][-2:]
    assert whole[-1]["statusUpdate"]["status"]["state"] == "TASK_STATE_COMPLETED"


def events_of_rest(body):
    return [json.loads(line[5:]) for line in body.decode().split("\n") if line.startswith("data:")]


def test_webhooks_may_be_deleted_twice(start_gateway, make_agent, gate, alice):
    agent = make_agent(lambda call: gate.wait(30))
    gateway = start_gateway(A2A_AGENTS=f"slow={agent.url}", A2A_TARGETS="http://127.0.0.1:9/hooks/*")
    tasks = Tasks(gateway, alice)
    params = message("hooked")
    params["configuration"] = {"returnImmediately": True}
    task = tasks.rpc("SendMessage", params, "/a2a/agents/slow")["result"]["task"]["id"]
    made = tasks.rpc("CreateTaskPushNotificationConfig", {"taskId": task, "url": "http://127.0.0.1:9/hooks/1"})
    name = {"taskId": task, "id": made["result"]["id"]}
    for _ in range(2):
        assert tasks.rpc("DeleteTaskPushNotificationConfig", name)["result"] == {}
    assert rpc_error(tasks, "GetTaskPushNotificationConfig", name)["code"] == -32001
    for url in ("http://127.0.0.1:9/other", "http://169.254.169.254/", "ftp://127.0.0.1/hooks/1", "", "http://"):
        error = rpc_error(tasks, "CreateTaskPushNotificationConfig", {"taskId": task, "url": url})
        assert error["code"] == -32602, url


def test_without_targets_there_are_no_webhooks(gateway, alice):
    card = gateway.ask("GET", "/.well-known/agent-card.json").json()
    assert card["capabilities"]["pushNotifications"] is False
    tasks = Tasks(gateway, alice)
    error = rpc_error(tasks, "CreateTaskPushNotificationConfig", {"taskId": "0" * 32, "url": "http://127.0.0.1:9/"})
    assert error["code"] in (-32003, -32001)
    params = message("no hooks")
    params["configuration"] = {"taskPushNotificationConfig": {"url": "http://127.0.0.1:9/"}}
    assert rpc_error(tasks, "SendMessage", params)["code"] == -32003


def test_the_card_has_what_it_must(gateway):
    card = gateway.ask("GET", "/.well-known/agent-card.json").json()
    for name in ("name", "description", "version", "capabilities", "defaultInputModes", "defaultOutputModes", "skills",
                 "supportedInterfaces", "url", "protocolVersion", "preferredTransport", "additionalInterfaces"):
        assert card[name], name
    for interface in card["supportedInterfaces"]:
        assert set(interface) >= {"url", "protocolBinding", "protocolVersion"}
    assert all(skill[name] for skill in card["skills"] for name in ("id", "name", "description", "tags"))
    assert card["capabilities"]["streaming"] is True
    error = gateway.ask("GET", "/a2a/rest/extendedAgentCard").status
    assert error == 401

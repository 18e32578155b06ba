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

from harness import dids, http
from harness.agent import Agent
from harness.gateway import run_command, sanitizer
from harness.issuer import AUDIENCE
from harness.tasks import Tasks, message, open_stream
from harness.wait import PATIENCE, wait_until

# ---- helpers ----

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
        kept = {name: value for name, value in claims.items() if value is not None}
        signed = jwt.JWT(header=part_of(token, 0), claims=kept)
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


# ---- whoever may call may hand on ----

@pytest.mark.parametrize("kind", ["an issuer's user", "a DID", "local mode"])
def test_every_kind_of_user_can_be_acted_for(start_gateway, make_agent, issuer, tmp_path, kind):
    """The agent sees the same user, and what it sends and leaves is the user's."""
    def hands_on(call):
        kept = gateway.ask("POST", "/mem/events", body=b'{"payload":{"by":"agent"}}', token=call.token)
        task = Tasks(gateway, call.token).send(target="second")
        call.reply({"mem_id": kept.json()["mem_id"], "task": task})
    first, second = make_agent(hands_on), make_agent()
    caller = dids.Ed25519("caller")
    options = {"A2A_AGENTS": f"first={first.url},second={second.url}", "ATTACH_DATA_DIR": tmp_path / "data",
               "DID_ALLOW": caller.did, "DID_AUD": dids.AUDIENCE, "ATTACH_LOCAL": "true"}
    gateway = start_gateway(**options)
    if kind == "local mode":
        code, text, errors = run_command(tmp_path, ["token", "--user", "alice"],
                                         {"ATTACH_DATA_DIR": tmp_path / "data", "OIDC_AUD": AUDIENCE})
        assert code == 0, errors
        token = text.strip()
    else:
        token = caller.jwt() if kind == "a DID" else issuer.token("alice")
    tasks = Tasks(gateway, token)
    reply = tasks.ask("POST", "/a2a/tasks/send", {"input": {}, "target": "first"})
    user = reply.field("X-Attach-User")
    result = tasks.wait(reply.json()["task_id"])["result"]
    assert tasks.wait(result["task"])["state"] == "done"
    assert tasks.ask("GET", f"/mem/events/{result['mem_id']}").json()["user"] == user
    assert {call.header("X-Attach-User") for call in first.calls + second.calls} == {user}
    claims = delegated_claims(second.calls[0].token)
    assert claims["sub"] == user and claims["act"] == {"sub": "second", "act": {"sub": "first"}}
    assert tasks.total() == 2
    assert Tasks(gateway, issuer.token("mallory")).total() == 0


# ---- agents that take their time ----

class SlowA2aAgent:
    """Speaks A2A in either wire form; a task works until it is let go, and can be canceled."""

    def __init__(self, make_agent, is_current):
        self.names = ("SendMessage", "GetTask", "CancelTask") if is_current else (
            "message/send", "tasks/get", "tasks/cancel")
        self.is_current = is_current
        self.state = "working"
        self.agent = make_agent(self.answer)

    def methods(self):
        return [call.body["method"] for call in self.agent.calls]

    def task(self):
        states = {"working": "TASK_STATE_WORKING", "completed": "TASK_STATE_COMPLETED"}
        artifact = {"artifactId": "a", "parts": [{"text": "slow but sure"}]}
        if not self.is_current:
            artifact["parts"][0]["kind"] = "text"
        return {"kind": "task", "id": "theirs", "contextId": "context",
                "status": {"state": states[self.state] if self.is_current else self.state},
                **({"artifacts": [artifact]} if self.state == "completed" else {})}

    def answer(self, call):
        result = self.task()
        if self.is_current and call.body["method"] == "SendMessage":
            result = {"task": result}
        call.reply({"jsonrpc": "2.0", "id": call.body["id"], "result": result})


@pytest.fixture(params=["a2a", "a2a=1.0"])
def slow_a2a_agent(request, make_agent):
    agent = SlowA2aAgent(make_agent, request.param == "a2a=1.0")
    agent.entry = f"slow={agent.agent.url};{request.param}"
    return agent


def test_an_agent_that_works_on_is_asked_again(start_gateway, slow_a2a_agent, alice):
    send, get, _ = slow_a2a_agent.names
    tasks = Tasks(start_gateway(A2A_AGENTS=slow_a2a_agent.entry), alice)
    task = tasks.send(input={"messages": [{"role": "user", "content": "hello"}]}, target="slow")
    wait_until(lambda: slow_a2a_agent.methods().count(get) >= 2, "the agent to be asked again")
    assert tasks.state(task) == "in_progress"
    slow_a2a_agent.state = "completed"
    assert "slow but sure" in json.dumps(tasks.wait(task)["result"])
    assert slow_a2a_agent.methods().count(send) == 1
    assert slow_a2a_agent.agent.calls[1].body["params"]["id"] == "theirs"


def test_an_agent_that_works_on_is_told_of_the_cancel(start_gateway, slow_a2a_agent, alice):
    _, get, cancel = slow_a2a_agent.names
    tasks = Tasks(start_gateway(A2A_AGENTS=slow_a2a_agent.entry), alice)
    task = tasks.send(input={"messages": []}, target="slow")
    wait_until(lambda: get in slow_a2a_agent.methods(), "the agent to be asked again")
    assert tasks.cancel(task) == 200
    wait_until(lambda: cancel in slow_a2a_agent.methods(), "the agent to be told")
    assert tasks.status(task)["result"] == {"detail": "canceled"}


def test_an_agent_that_works_for_ever_is_given_up(start_gateway, slow_a2a_agent, alice):
    cancel = slow_a2a_agent.names[2]
    tasks = Tasks(start_gateway(A2A_AGENTS=slow_a2a_agent.entry, A2A_TASK_TIMEOUT="1s"), alice)
    assert "in time" in tasks.wait(tasks.send(target="slow"))["result"]["detail"]
    wait_until(lambda: cancel in slow_a2a_agent.methods(), "the agent to be told")


# ---- nonsense from targets ----

@pytest.mark.parametrize("body, state", [
    (b'{"a":"\xff"}', "error"), (b'"\\ud800"', "error"), (b"NaN", "error"), (b"{} x", "error"),
    (b"\xef\xbb\xbf{}", "error"), (b"[" * 5000 + b"]" * 5000, "error"), (b'{"a":"\x00"}', "error"),
    (b"5", "done"), (b"null", "done"), (b'{"message":{"content":5}}', "done"),
    (b'{"choices":[{"message":{"content":null}}]}', "done")], ids=range(11))
def test_answers_of_every_kind(start_gateway, make_agent, alice, body, state):
    """A good JSON value is the result as it is, anything else an error; either way what we say is JSON, on every face."""
    agent = make_agent(lambda call: call.reply(body))
    tasks = Tasks(start_gateway(A2A_AGENTS=f"odd={agent.url}"), alice)
    status = tasks.wait(tasks.send(target="odd"))
    assert status["state"] == state
    if state == "done":
        assert status["result"] == json.loads(body)
    task = tasks.rpc("SendMessage", message("odd"), "/a2a/agents/odd")["result"]["task"]
    assert task["status"]["state"] == ("TASK_STATE_COMPLETED" if state == "done" else "TASK_STATE_FAILED")
    assert bool(task.get("artifacts")) == (state == "done")


def test_a_page_of_large_results_is_cut_short(start_gateway, make_agent, alice):
    """What does not fit comes with the next page, and none is left out."""
    agent = make_agent(lambda call: call.reply({"n": call.body["n"], "text": "x" * (3 * 1024 * 1024)}))
    tasks = Tasks(start_gateway(A2A_AGENTS=f"large={agent.url}"), alice)
    sent = [tasks.send(input={"n": number}, target="large") for number in range(15)]
    wait_until(lambda: tasks.total(status="TASK_STATE_COMPLETED") == 15, "all to be done", 20)
    found, sizes, query = [], [], {"pageSize": 20, "includeArtifacts": True}
    while True:
        reply = tasks.ask("POST", "/a2a", {"jsonrpc": "2.0", "id": 1, "method": "ListTasks", "params": query},
                          {"A2A-Version": "1.0"})
        result = reply.json()["result"]
        sizes.append(len(reply.body))
        found += [task["id"] for task in result["tasks"]]
        assert all(task["artifacts"] for task in result["tasks"])
        if not result["nextPageToken"]:
            break
        query["pageToken"] = result["nextPageToken"]
    assert sorted(found) == sorted(sent) and len(sizes) > 1 and max(sizes) < 48 * 1024 * 1024


def test_one_cancel_counts(start_gateway, make_agent, gate, alice):
    """Many cancel the same tasks, running and queued: each is canceled once, and the places are free again."""
    agent = make_agent(lambda call: call.reply({}) if call.body.get("quick") else gate.wait(30))
    gateway = start_gateway(A2A_AGENTS=f"slow={agent.url}", A2A_CONCURRENT_MAX="4")
    tasks = Tasks(gateway, alice)
    sent = [tasks.send(target="slow") for _ in range(30)]
    wait_until(lambda: len(agent.calls) == 4, "four to run")

    def cancel(_):
        client = Tasks(gateway, alice)
        return [client.cancel(task) for task in sent]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = list(zip(*pool.map(cancel, range(4))))
    assert all(sorted(statuses) == [200, 409, 409, 409] for statuses in answers)
    assert tasks.wait(tasks.send(input={"quick": True}, target="slow"))["state"] == "done"
    assert tasks.total(status="TASK_STATE_CANCELED") == 30

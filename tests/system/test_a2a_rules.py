# SPDX-License-Identifier: MIT
"""The rules of A2A 1.0 that its own test suite looks at: versions, errors, lists, streams, webhooks, cards."""
import json
import threading

import pytest

from harness import http
from harness.agent import Agent
from harness.tasks import Tasks, message, open_stream
from harness.wait import wait_until


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
def gate():
    """What agents wait at; open at the end, so that none is left behind."""
    event = threading.Event()
    yield event
    event.set()


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

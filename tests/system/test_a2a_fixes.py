# SPDX-License-Identifier: MIT
"""What must not happen to tasks again: inner texts that get out, names that are too long, messages and events that
are lost."""
import base64
import json
import sqlite3
import time

import pytest

from harness import http
from harness.agent import Agent
from harness.tasks import Tasks, message
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


def store(data):
    return sqlite3.connect(data / "store.db", timeout=20, isolation_level=None)


def message_error(tasks, params, path="/a2a"):
    return tasks.rpc("SendMessage", params, path)["error"]["message"]


def test_what_the_store_says_stays_inside(start_gateway, make_agent, tmp_path, alice):
    agent = make_agent(lambda call: call.reply({"ok": 1}))
    data = tmp_path / "data"
    gateway = start_gateway(A2A_AGENTS=f"coder={agent.url}", ATTACH_DATA_DIR=data)
    tasks = Tasks(gateway, alice)
    tasks.wait(tasks.send(target="coder"))
    with store(data) as other:
        other.execute("DROP TABLE task_total")  # the next new task fails inside
        detail = tasks.send(503, target="coder")
        told = message_error(tasks, message("m-1"), "/a2a/agents/coder")
        reply = tasks.ask("POST", "/a2a/rest/message:send", message("m-2"), {"A2A-Version": "1.0"})
    assert detail == told == reply.json()["error"]["message"] == "the store is not available"
    assert reply.status == 503
    gateway.wait_for_message("a question about tasks was refused: .*task_total")  # the operator hears it


@pytest.mark.parametrize("option, value", [
    ("A2A_AGENTS", "coder=http://user:hunter2@agent.test/"), ("A2A_AGENTS", "user:hunter2@agent.test"),
    ("A2A_TARGETS", "http://user:hunter2@agent.test/*")])
def test_a_password_in_a_setting_is_not_shown(start_gateway, option, value):
    with pytest.raises(AssertionError) as failure:
        start_gateway(**{option: value})
    assert option in str(failure.value) and "(not shown)" in str(failure.value)
    assert "hunter2" not in str(failure.value)


def claims_of(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def test_a_long_url_is_called_and_named_by_its_origin(start_gateway, make_agent, alice):
    agent = make_agent(lambda call: call.reply({"path": call.path}))
    origin = "/".join(agent.url.split("/")[:3])
    gateway = start_gateway(A2A_TARGETS=f"{origin}/team/*")
    tasks = Tasks(gateway, alice)
    path = "/team/" + "x" * 500
    status = tasks.wait(tasks.send(target_url=origin + path))
    assert status["state"] == "done" and status["result"] == {"path": path}, status
    claims = claims_of(agent.calls[0].token)
    assert claims["sub"] == "alice" and claims["act"] == {"sub": origin}


def test_one_message_goes_one_way(start_gateway, make_agent, alice):
    coder, planner = make_agent(lambda call: call.reply({"ok": 1})), make_agent(lambda call: call.reply({"ok": 2}))
    tasks = Tasks(start_gateway(A2A_AGENTS=f"coder={coder.url},planner={planner.url}"), alice)
    first = tasks.rpc("SendMessage", message("m-1"), "/a2a/agents/coder")["result"]["task"]["id"]
    assert tasks.rpc("SendMessage", message("m-1"), "/a2a/agents/coder")["result"]["task"]["id"] == first
    error = tasks.rpc("SendMessage", message("m-1"), "/a2a/agents/planner")["error"]
    assert (error["code"], error["message"]) == (-32602, "messageId: it was used for another target")
    assert len(coder.calls) == 1 and planner.calls == []


def test_the_first_message_of_a_conversation_makes_no_second_task(start_gateway, make_agent, alice):
    def script(call):
        state = "TASK_STATE_INPUT_REQUIRED" if len(agent.calls) == 1 else "TASK_STATE_COMPLETED"
        task = {"id": "r", "contextId": "c", "status": {"state": state}}
        call.reply({"jsonrpc": "2.0", "id": call.body["id"], "result": {"task": task}})
    agent = make_agent(script)
    tasks = Tasks(start_gateway(A2A_AGENTS=f"coder={agent.url};a2a=1.0"), alice)
    path = "/a2a/agents/coder"
    task = tasks.rpc("SendMessage", message("m-1"), path)["result"]["task"]
    assert task["status"]["state"] == "TASK_STATE_INPUT_REQUIRED"
    tasks.rpc("SendMessage", message("m-2", taskId=task["id"]), path)
    for identifier in ("m-1", "m-2"):
        assert tasks.rpc("SendMessage", message(identifier), path)["result"]["task"]["id"] == task["id"]
    assert tasks.total() == 1 and len(agent.calls) == 2


@pytest.mark.parametrize("text, passes", [
    ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", True),
    ("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", False),
    ("00-00000000000000000000000000000000-b7ad6b7169203331-01", False),
    ("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", False),
    ("00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01", False),
    ("00-0af7651916cd43dd8448eb211c8031zz-b7ad6b7169203331-01", False)])
def test_only_a_sound_trace_context_reaches_an_agent(start_gateway, make_agent, alice, text, passes):
    agent = make_agent(lambda call: call.reply({"ok": 1}))
    tasks = Tasks(start_gateway(A2A_AGENTS=f"coder={agent.url}"), alice)
    reply = tasks.ask("POST", "/a2a/tasks/send", {"input": {}, "target": "coder"}, {"traceparent": text})
    tasks.wait(reply.json()["task_id"])
    assert agent.calls[0].header("traceparent") == (text if passes else None)


def test_an_event_that_memory_does_not_have_is_told_at_the_next_start(start_gateway, engine, tmp_path, alice):
    data = tmp_path / "data"
    engine.answer(http.reply(200, b'{"ok":1}', {"Content-Type": "application/json"}))
    gateway = start_gateway(ATTACH_DATA_DIR=data)
    tasks = Tasks(gateway, alice)
    task = tasks.send()
    tasks.wait(task)

    def rows(tasks):
        found = tasks.ask("GET", f"/mem/events?task={task}").json()["data"]["Get"]["MemoryEvent"]
        return sorted(row["event"] for row in found)
    wait_until(lambda: rows(tasks) == ["task_result", "task_sent"], "both events")

    def waiting():
        with store(data) as other:
            return other.execute("SELECT count(*) FROM task_events").fetchone()[0]
    wait_until(lambda: waiting() == 0, "memory to have acknowledged both")
    tasks.client.close()
    gateway.stop()
    identifier = "01890a5d-ac96-774b-bcce-b302099a8057"
    with store(data) as other:  # as if the gateway had been killed before memory had it
        other.execute("INSERT INTO task_events(id,task_id,at_us,is_result) VALUES(?,?,?,1)",
                      (identifier, task, int(time.time() * 1e6)))
    tasks = Tasks(start_gateway(ATTACH_DATA_DIR=data), alice)
    wait_until(lambda: rows(tasks) == ["task_result", "task_result", "task_sent"], "the event to be told")
    assert tasks.ask("GET", f"/mem/events/{identifier}").json()["result"] == {"ok": 1}
    wait_until(lambda: waiting() == 0, "memory to have acknowledged it")

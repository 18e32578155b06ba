# SPDX-License-Identifier: MIT
"""Tasks: handed over, kept, owned, and never left hanging; on the original's routes and over A2A."""
import base64
import concurrent.futures
import json
import signal
import threading
import time

import pytest

from jwcrypto import jwk, jwt

from harness import http
from harness.agent import Agent
from harness.wait import wait_until

CHAT = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
ANSWER = {"message": {"role": "assistant", "content": "hello there"}, "done": True}


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


def send(gateway, token, status=200, **members):
    body = {"input": CHAT, **members}
    reply = gateway.ask("POST", "/a2a/tasks/send", body=json.dumps(body).encode(), token=token)
    assert reply.status == status, reply.body
    if status != 200:
        return reply.detail
    assert set(reply.json()) == {"task_id", "state"} and reply.json()["state"] == "queued"
    return reply.json()["task_id"]


def status_of(gateway, token, task):
    reply = gateway.ask("GET", f"/a2a/tasks/status/{task}", token=token)
    assert reply.status == 200, reply.body
    return reply.json()


def wait_end(gateway, token, task, seconds=20):
    def ended():
        status = status_of(gateway, token, task)
        return status if status["state"] in ("done", "error") else None
    return wait_until(ended, f"task {task} to end", seconds)


def rpc(gateway, token, method, params=None, version=None, path="/a2a", identifier=7):
    body = {"jsonrpc": "2.0", "id": identifier, "method": method, "params": params or {}}
    fields = {} if version is None else {"A2A-Version": version}
    reply = gateway.ask("POST", path, fields, body=json.dumps(body).encode(), token=token)
    assert reply.status == 200, reply.body
    return reply


def message(text="hi", identifier="m-1", **members):
    return {"message": {"kind": "message", "role": "user", "messageId": identifier,
                        "parts": [{"kind": "text", "text": text}], **members}}


def message_v1(text="hi", identifier="m-1", **members):
    return {"message": {"role": "ROLE_USER", "messageId": identifier, "parts": [{"text": text}], **members}}


def sse(body):
    events = []
    for block in body.decode().split("\n\n"):
        lines = [line for line in block.split("\n") if line.startswith("data:")]
        if lines:
            events.append(json.loads("\n".join(line[5:].strip() for line in lines)))
    return events


# ---- the original's routes ----

def test_a_task_for_the_engine(gateway, engine, alice):
    engine.answer(http.reply(200, json.dumps(ANSWER).encode(), {"Content-Type": "application/json"}))
    task = send(gateway, alice)
    status = wait_end(gateway, alice, task)
    assert status["state"] == "done" and status["result"] == ANSWER
    assert isinstance(status["created"], float) and abs(status["created"] - time.time()) < 60
    request = engine.take_request()
    assert (request.method, request.target) == ("POST", "/api/chat")
    assert request.field("X-Attach-User") == "alice" and request.field("X-Attach-Session")
    assert request.json() == {**CHAT, "stream": False}
    assert request.field("Authorization") is None


def test_a_stream_is_folded_into_one_answer(gateway, engine, alice):
    lines = [{"message": {"role": "assistant", "content": "hel"}, "done": False},
             {"message": {"role": "assistant", "content": "lo"}, "done": False},
             {"message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop"}]
    engine.answer(http.reply(200, b"".join(json.dumps(line).encode() + b"\n" for line in lines),
                             {"Content-Type": "application/x-ndjson"}))
    status = wait_end(gateway, alice, send(gateway, alice, input={**CHAT, "stream": True}))
    assert status["state"] == "done" and status["result"]["message"]["content"] == "hello"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"1", b'"x"', b"null"])
def test_a_body_that_is_no_object_is_400(gateway, alice, body):
    reply = gateway.ask("POST", "/a2a/tasks/send", body=body, token=alice)
    assert reply.status == 400


def test_a_body_without_input_is_told_so(gateway, alice):
    reply = gateway.ask("POST", "/a2a/tasks/send", body=b"{}", token=alice)
    assert (reply.status, reply.detail) == (400, "payload must contain an 'input' field")


@pytest.mark.parametrize("members", [{"input": 5}, {"input": []}, {"target": 5}, {"target_url": {}}], ids=str)
def test_wrong_members_are_named(gateway, alice, members):
    detail = send(gateway, alice, status=400, **members)
    assert next(iter(members)) in detail


@pytest.mark.parametrize("answer, word", [
    (http.reply(500, b'{"error":"boom"}', {"Content-Type": "application/json"}), "500"),
    (http.reply(404, b"{}", {"Content-Type": "application/json"}), "404"),
    (http.reply(307, b"", {"Location": "http://127.0.0.1:1/"}), "redirect"),
    (http.reply(200, b"hello", {"Content-Type": "text/plain"}), "JSON"),
    (http.reply(200, b"", {"Content-Type": "application/json"}), "JSON"),
    (http.reply(200, b'{"a":', {"Content-Type": "application/json"}), "JSON")],
    ids=["500", "404", "307", "text", "empty", "cut"])
def test_what_is_no_answer_is_an_error(gateway, engine, alice, answer, word):
    engine.answer(answer)
    status = wait_end(gateway, alice, send(gateway, alice))
    assert status["state"] == "error", status
    assert word.lower() in json.dumps(status["result"]).lower()


def test_an_engine_that_is_away_is_an_error(start_gateway, alice):
    gateway = start_gateway(ENGINE_URL="http://127.0.0.1:1")
    status = wait_end(gateway, alice, send(gateway, alice))
    assert status["state"] == "error" and status["result"]["detail"]


def test_another_users_task_is_unknown(gateway, engine, alice, bob):
    engine.answer(http.reply(200, json.dumps(ANSWER).encode(), {"Content-Type": "application/json"}))
    task = send(gateway, alice)
    wait_end(gateway, alice, task)
    for token, name in ((bob, task), (alice, "0" * 32), (alice, "nonsense"), (alice, task.upper() + "x")):
        reply = gateway.ask("GET", f"/a2a/tasks/status/{name}", token=token)
        assert (reply.status, reply.detail) == (404, "unknown task")
        assert gateway.ask("POST", f"/a2a/tasks/cancel/{name}", token=token).status == 404
    assert rpc(gateway, bob, "tasks/get", {"id": task}).json()["error"]["code"] == -32001
    assert rpc(gateway, bob, "ListTasks", {}, "1.0").json()["result"]["tasks"] == []
    assert gateway.ask("GET", f"/a2a/rest/tasks/{task}", token=bob).status == 404


def test_tasks_leave_their_trace_in_memory(gateway, engine, issuer):
    token = issuer.token("tracer")
    engine.answer(http.reply(200, json.dumps(ANSWER).encode(), {"Content-Type": "application/json"}))
    task = send(gateway, token)
    wait_end(gateway, token, task)

    def both():
        rows = gateway.ask("GET", f"/mem/events?task={task}", token=token).json()["data"]["Get"]["MemoryEvent"]
        return rows if len(rows) == 2 else None
    rows = wait_until(both, "task_sent and task_result")
    assert [row["event"] for row in rows] == ["task_result", "task_sent"]
    assert rows[0]["state"] == "done" and rows[0]["result"] == ANSWER and rows[1]["payload"] == CHAT
    assert {row["user"] for row in rows} == {"tracer"} and len({row["session_id"] for row in rows}) == 1


def test_a_task_can_be_canceled(start_gateway, make_agent, alice):
    gone = threading.Event()

    def hangs(call):
        gone.wait(20)
    agent = make_agent(hangs)
    gateway = start_gateway(A2A_AGENTS=f"slow={agent.url}")
    task = send(gateway, alice, target="slow")
    wait_until(lambda: agent.calls, "the agent to be called")
    assert status_of(gateway, alice, task)["state"] == "in_progress"
    reply = gateway.ask("POST", f"/a2a/tasks/cancel/{task}", token=alice)
    assert reply.status == 200, reply.body
    status = status_of(gateway, alice, task)
    assert status["state"] == "error" and "canceled" in status["result"]["detail"]
    assert gateway.ask("POST", f"/a2a/tasks/cancel/{task}", token=alice).status == 409
    gone.set()


# ---- who may be called ----

def test_targets(start_gateway, make_agent, engine, alice):
    agent = make_agent()
    other = make_agent()
    gateway = start_gateway(A2A_AGENTS=f"planner={agent.url}")
    assert wait_end(gateway, alice, send(gateway, alice, target="planner"))["result"] == {"ok": True}
    assert wait_end(gateway, alice, send(gateway, alice, target_url=agent.url))["state"] == "done"
    assert len(agent.calls) == 2
    assert send(gateway, alice, status=404, target="nobody")
    for url in (other.url, "http://169.254.169.254/latest/meta-data", "http://127.0.0.1:22/", "file:///etc/passwd",
                agent.url + "?x=1", agent.url.replace("/api/chat", "/other"), "gopher://x", "temporal://Anything",
                agent.url.replace("127.0.0.1", "0177.0.0.1"), agent.url.replace("127.0.0.1", "localhost"),
                "http://[::ffff:169.254.169.254]/"):
        assert send(gateway, alice, status=403, target_url=url), url
    assert other.calls == []
    engine.answer(http.reply(200, json.dumps(ANSWER).encode(), {"Content-Type": "application/json"}))
    for url in (engine.url, engine.url + "/api/chat"):
        assert wait_end(gateway, alice, send(gateway, alice, target_url=url))["state"] == "done"


def test_the_users_token_never_leaves(start_gateway, make_agent, alice):
    agent = make_agent()
    gateway = start_gateway(A2A_AGENTS=f"planner={agent.url}")
    wait_end(gateway, alice, send(gateway, alice, target="planner"))
    call = agent.calls[0]
    assert alice not in json.dumps(call.headers) and call.token != alice
    keys = jwk.JWKSet.from_json(gateway.ask("GET", "/.well-known/jwks.json").body)
    host, port = gateway.address
    url = f"http://{host}:{port}"
    token = jwt.JWT(jwt=call.token, key=keys, check_claims={"iss": url, "aud": url, "sub": "alice"})
    claims = json.loads(token.claims)
    assert claims["act"] == {"sub": "planner"} and 0 < claims["exp"] - claims["iat"] <= 900
    assert call.header("X-Attach-User") == "alice" and call.header("X-Request-Id")
    assert call.body == {**CHAT, "stream": False} or call.body == CHAT


def test_planner_hands_to_coder_hands_to_engine(start_gateway, make_agent, engine, alice):
    """The demo's flow: the agents act for the user, in the user's session, and the chain is known."""
    gateways = []
    engine.answer(http.reply(200, json.dumps(ANSWER).encode(), {"Content-Type": "application/json"}))

    def planner(call):
        gateway, token = gateways[0], call.token
        document = {"event": "plan", "payload": {"plan": "do it"}}
        kept = gateway.ask("POST", "/mem/events", body=json.dumps(document).encode(), token=token)
        task = send(gateway, token, target="coder", input={"mem_id": kept.json()["mem_id"]})
        call.reply(wait_end(gateway, token, task))

    def coder(call):
        gateway, token = gateways[0], call.token
        plan = gateway.ask("GET", f"/mem/events/{call.body['mem_id']}", token=token).json()
        said = gateway.ask("POST", "/api/chat", body=json.dumps(CHAT).encode(), token=token)
        call.reply({"plan": plan["payload"], "code": said.json()})
    first, second = make_agent(planner), make_agent(coder)
    gateways.append(start_gateway(A2A_AGENTS=f"planner={first.url},coder={second.url}"))
    gateway = gateways[0]
    status = wait_end(gateway, alice, send(gateway, alice, target="planner"))
    assert status["state"] == "done", status
    assert status["result"]["result"] == {"plan": {"plan": "do it"}, "code": ANSWER}

    def claims(call):
        payload = call.token.split(".")[1]
        return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert claims(first.calls[0])["act"] == {"sub": "planner"}
    assert claims(second.calls[0])["act"] == {"sub": "coder", "act": {"sub": "planner"}}
    assert engine.take_request().field("X-Attach-User") == "alice"
    sessions = {call.header("X-Attach-Session") for call in first.calls + second.calls}
    assert len(sessions) == 1
    rows = gateway.ask("GET", "/mem/events?limit=100", token=alice).json()["data"]["Get"]["MemoryEvent"]
    assert {row["user"] for row in rows} == {"alice"} and {row["session_id"] for row in rows} == sessions
    assert {"plan", "task_sent", "task_result"} <= {row["event"] for row in rows}
    assert [row["agent"] for row in rows if row["event"] == "plan"] == ["planner"]

    def spoken():
        found = gateway.ask("GET", "/mem/events?event=exchange", token=alice).json()["data"]["Get"]["MemoryEvent"]
        return [row["agent"] for row in found]
    assert wait_until(spoken, "what the coder asked the engine") == ["coder"]


def test_a_circle_of_agents_ends(start_gateway, make_agent, alice):
    gateways = []

    def calls_itself(call):
        body = json.dumps({"input": {}, "target": "loop"}).encode()
        reply = gateways[0].ask("POST", "/a2a/tasks/send", body=body, token=call.token)
        call.reply({"status": reply.status})
    agent = make_agent(calls_itself)
    gateways.append(start_gateway(A2A_AGENTS=f"loop={agent.url}", A2A_HOPS_MAX="4"))
    wait_end(gateways[0], alice, send(gateways[0], alice, target="loop"))
    wait_until(lambda: len(agent.calls) >= 4, "the chain")
    time.sleep(0.3)
    assert len(agent.calls) <= 5


# ---- what goes wrong ----

def test_a_target_that_hangs_runs_into_its_timeout(start_gateway, make_agent, alice):
    ends = threading.Event()
    agent = make_agent(lambda call: ends.wait(20))
    gateway = start_gateway(A2A_AGENTS=f"slow={agent.url}", A2A_TASK_TIMEOUT="300ms")
    status = wait_end(gateway, alice, send(gateway, alice, target="slow"))
    assert status["state"] == "error" and status["result"]["detail"]
    ends.set()


def test_a_reply_that_drips_runs_into_it_too(start_gateway, make_agent, alice):
    def drips(call):
        call.handler.send_response(200)
        call.handler.send_header("Content-Length", "1000000")
        call.handler.end_headers()
        try:
            for _ in range(1000):
                call.write(b" ")
                time.sleep(0.02)
        except OSError:
            pass
    gateway = start_gateway(A2A_AGENTS=f"slow={make_agent(drips).url}", A2A_TASK_TIMEOUT="500ms")
    assert wait_end(gateway, alice, send(gateway, alice, target="slow"))["state"] == "error"


def test_a_reply_without_end_is_cut_off(start_gateway, make_agent, alice):
    sent = []

    def floods(call):
        call.handler.send_response(200)
        call.handler.send_header("Content-Length", str(10 * 1024 ** 3))
        call.handler.end_headers()
        try:
            while True:
                call.write(b"x" * 65536)
                sent.append(65536)
        except OSError:
            pass
    gateway = start_gateway(A2A_AGENTS=f"flood={make_agent(floods).url}", A2A_RESULT_MAX="1m")
    status = wait_end(gateway, alice, send(gateway, alice, target="flood"))
    assert status["state"] == "error"
    assert sum(sent) < 256 * 1024 * 1024


@pytest.mark.parametrize("option, resumes", [("", False), (";idempotent", True)], ids=["plain", "idempotent"])
def test_kill_9_leaves_no_task_in_progress(start_gateway, make_agent, tmp_path, alice, option, resumes):
    ends = threading.Event()

    def waits(call):
        if len(agent.calls) == 1:
            ends.wait(20)
            return
        call.reply({"again": True})
    agent = make_agent(waits)
    options = {"A2A_AGENTS": f"slow={agent.url}{option}", "ATTACH_DATA_DIR": tmp_path / "data"}
    gateway = start_gateway(**options)
    task = send(gateway, alice, target="slow")
    wait_until(lambda: agent.calls, "the agent to be called")
    wait_until(lambda: status_of(gateway, alice, task)["state"] == "in_progress", "the task to run")
    gateway.expected_code = -signal.SIGKILL
    gateway.process.kill()
    gateway.wait_ended()
    ends.set()
    again = start_gateway(**options)
    status = wait_end(again, alice, task)
    if resumes:
        assert status["state"] == "done" and status["result"] == {"again": True}
    else:
        assert status["state"] == "error" and "interrupted" in status["result"]["detail"]
        assert len(agent.calls) == 1


def test_a_user_has_so_many_tasks(start_gateway, make_agent, alice, bob):
    ends = threading.Event()
    agent = make_agent(lambda call: (ends.wait(20), call.reply({})))
    gateway = start_gateway(A2A_AGENTS=f"slow={agent.url}", A2A_TASKS_PER_USER_MAX="3", A2A_TASKS_MAX="5")
    for _ in range(3):
        send(gateway, alice, target="slow")
    assert send(gateway, alice, status=429, target="slow")
    for _ in range(2):
        send(gateway, bob, target="slow")
    assert send(gateway, bob, status=429, target="slow")
    ends.set()


def test_many_tasks(start_gateway, make_agent, alice):
    agent = make_agent(lambda call: call.reply({"n": call.body["n"]}))
    gateway = start_gateway(A2A_AGENTS=f"quick={agent.url}", A2A_CONCURRENT_MAX="16")
    count = 300

    def one(worker):
        tasks = {}
        with gateway.connect() as client:
            for number in range(worker, count, 4):
                body = json.dumps({"input": {"n": number}, "target": "quick"}).encode()
                reply = client.ask("POST", "/a2a/tasks/send", body=body, token=alice)
                assert reply.status == 200, reply.body
                tasks[reply.json()["task_id"]] = number
        return tasks
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        tasks = {task: number for part in pool.map(one, range(4)) for task, number in part.items()}
    assert len(tasks) == count
    for task, number in tasks.items():
        status = wait_end(gateway, alice, task, 40)
        assert status["state"] == "done" and status["result"] == {"n": number}


# ---- the A2A protocol ----

def test_send_and_get_in_both_wire_forms(gateway, engine, alice):
    engine.answer(http.reply(200, json.dumps(ANSWER).encode(), {"Content-Type": "application/json"}))
    old = rpc(gateway, alice, "message/send", message(identifier="old-1")).json()["result"]
    assert old["kind"] == "task" and old["status"]["state"] == "completed"
    assert old["artifacts"][0]["parts"] == [{"kind": "text", "text": "hello there"}]
    new = rpc(gateway, alice, "SendMessage", message_v1(identifier="new-1"), "1.0").json()["result"]["task"]
    assert new["status"]["state"] == "TASK_STATE_COMPLETED"
    assert new["artifacts"][0]["parts"] == [{"text": "hello there"}]
    got = rpc(gateway, alice, "GetTask", {"id": old["id"]}, "1.0").json()["result"]
    assert got["id"] == old["id"] and got["status"]["state"] == "TASK_STATE_COMPLETED"
    got = rpc(gateway, alice, "tasks/get", {"id": new["id"], "historyLength": 0}).json()["result"]
    assert got["kind"] == "task" and not got.get("history")


def test_a_message_is_sent_once(gateway, engine, alice):
    engine.answer(http.reply(200, json.dumps(ANSWER).encode(), {"Content-Type": "application/json"}))
    first = rpc(gateway, alice, "message/send", message(identifier="twice")).json()["result"]
    second = rpc(gateway, alice, "message/send", message(identifier="twice")).json()["result"]
    assert first["id"] == second["id"]
    engine.expect_targets("/api/chat")


@pytest.mark.parametrize("method, params, version", [
    ("message/stream", message(identifier="s-1"), None),
    ("SendStreamingMessage", message_v1(identifier="s-2"), "1.0")], ids=["0.3", "1.0"])
def test_a_stream_tells_every_change(gateway, engine, alice, method, params, version):
    engine.answer(http.reply(200, json.dumps(ANSWER).encode(), {"Content-Type": "application/json"}))
    reply = rpc(gateway, alice, method, params, version)
    assert reply.field("Content-Type") == "text/event-stream"
    results = [event["result"] for event in sse(reply.body)]
    if version is None:
        kinds = [result["kind"] for result in results]
        assert kinds[0] == "task" and kinds[-1] == "status-update" and "artifact-update" in kinds
        assert results[-1]["final"] is True and results[-1]["status"]["state"] == "completed"
    else:
        assert "task" in results[0] and "artifactUpdate" in results[-2]
        assert results[-1]["statusUpdate"]["status"]["state"] == "TASK_STATE_COMPLETED"


def test_a_stream_can_be_joined_and_left(start_gateway, make_agent, alice):
    ends = threading.Event()
    agent = make_agent(lambda call: (ends.wait(20), call.reply(ANSWER)))
    gateway = start_gateway(A2A_AGENTS=f"slow={agent.url}")
    body = {"jsonrpc": "2.0", "id": 1, "method": "message/stream", "params": message(identifier="j-1")}
    first = gateway.connect()
    first.send(first.request("POST", "/a2a/agents/slow", body=json.dumps(body).encode(), token=alice))
    first.read_head()
    task = wait_until(lambda: rpc(gateway, alice, "ListTasks", {}, "1.0").json()["result"]["tasks"], "the task")[0]["id"]
    wait_until(lambda: agent.calls, "the agent to be called")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        joined = pool.submit(rpc, gateway, alice, "tasks/resubscribe", {"id": task})
        time.sleep(0.2)
        first.reset()  # one that leaves takes nobody along
        ends.set()
        results = [event["result"] for event in sse(joined.result().body)]
    assert results[0]["kind"] == "task" and results[-1]["final"] is True
    error = rpc(gateway, alice, "tasks/resubscribe", {"id": task}).json()["error"]
    assert error["code"] == -32004


@pytest.mark.parametrize("body, code", [
    (b"{", -32700), (b"[]", -32600), (b'{"jsonrpc":"2.0","id":1}', -32600), (b"5", -32600),
    (b'{"jsonrpc":"2.0","id":1,"method":"no/such"}', -32601),
    (b'{"jsonrpc":"2.0","id":1,"method":"message/send","params":{}}', -32602),
    (b'{"jsonrpc":"2.0","id":1,"method":"tasks/get","params":{"id":"x"}}', -32001),
    (b'{"jsonrpc":"2.0","id":1,"method":"agent/getAuthenticatedExtendedCard"}', -32007)], ids=range(8))
def test_errors_have_their_codes(gateway, alice, body, code):
    reply = gateway.ask("POST", "/a2a", body=body, token=alice)
    assert reply.status == 200 and reply.json()["error"]["code"] == code, reply.body


def test_an_unknown_version_is_told(gateway, alice):
    assert rpc(gateway, alice, "SendMessage", message_v1(), "9.9").json()["error"]["code"] == -32009


def test_the_http_json_binding(gateway, engine, alice):
    engine.answer(http.reply(200, json.dumps(ANSWER).encode(), {"Content-Type": "application/json"}))
    fields = {"A2A-Version": "1.0", "Content-Type": "application/a2a+json"}
    reply = gateway.ask("POST", "/a2a/rest/message:send", fields,
                        body=json.dumps(message_v1(identifier="r-1")).encode(), token=alice)
    task = reply.json()["task"]
    assert reply.status == 200 and task["status"]["state"] == "TASK_STATE_COMPLETED"
    reply = gateway.ask("GET", f"/a2a/rest/tasks/{task['id']}?historyLength=0", fields, token=alice)
    assert reply.json()["id"] == task["id"]
    assert gateway.ask("GET", f"/a2a/rest/v1/tasks/{task['id']}", token=alice).json()["id"] == task["id"]
    page = gateway.ask("GET", "/a2a/rest/tasks?pageSize=1", fields, token=alice).json()
    assert len(page["tasks"]) == 1 and "nextPageToken" in page
    reply = gateway.ask("POST", f"/a2a/rest/tasks/{task['id']}:cancel", fields, body=b"{}", token=alice)
    assert reply.status == 400 and reply.json()["error"]["details"][0]["reason"] == "TASK_NOT_CANCELABLE"
    assert gateway.ask("GET", "/a2a/rest/tasks/" + "0" * 32, fields, token=alice).status == 404
    assert gateway.ask("GET", "/a2a/rest/no/such", fields, token=alice).status == 404


def test_a_webhook_hears_of_the_end(start_gateway, make_agent, engine, alice):
    hook = make_agent(lambda call: call.reply({}))
    gateway = start_gateway(A2A_TARGETS=hook.url)
    engine.answer(http.reply(200, json.dumps(ANSWER).encode(), {"Content-Type": "application/json"}))
    params = message(identifier="w-1")
    params["configuration"] = {"pushNotificationConfig": {"url": hook.url, "token": "secret-1"}}
    rpc(gateway, alice, "message/send", params)
    wait_until(lambda: hook.calls, "the webhook to be called")
    assert hook.calls[-1].header("X-A2A-Notification-Token") == "secret-1"
    assert alice not in json.dumps(hook.calls[-1].headers)
    params = message(identifier="w-2")
    params["configuration"] = {"pushNotificationConfig": {"url": "http://169.254.169.254/x"}}
    assert "error" in rpc(gateway, alice, "message/send", params).json()


def test_the_cards_are_public_and_have_an_etag(start_gateway, make_agent):
    gateway = start_gateway(A2A_AGENTS=f"planner={make_agent().url}", PUBLIC_URL="https://llm.example.com")
    for path in ("/.well-known/agent-card.json", "/.well-known/agent.json",
                 "/a2a/agents/planner/.well-known/agent-card.json"):
        reply = gateway.ask("GET", path)
        assert reply.status == 200 and reply.json()["url"].startswith("https://llm.example.com/a2a")
        assert "max-age" in reply.field("Cache-Control")
        again = gateway.ask("GET", path, {"If-None-Match": reply.field("ETag")})
        assert again.status == 304 and again.body == b""
    assert "planner" in json.dumps(gateway.ask("GET", "/.well-known/agent-card.json").json()["skills"])
    assert gateway.ask("GET", "/a2a/agents/nobody/.well-known/agent-card.json").status == 404


def test_tasks_need_a_token(gateway):
    for method, path in (("POST", "/a2a/tasks/send"), ("GET", "/a2a/tasks/status/x"), ("POST", "/a2a"),
                         ("GET", "/a2a/rest/tasks"), ("POST", "/a2a/agents/x")):
        assert gateway.ask(method, path).status == 401

# SPDX-License-Identifier: MIT
"""One user's tasks, as a test asks for them.

    tasks = Tasks(gateway, token)
    tasks.wait(tasks.send(target="planner"))["result"]
    tasks.rpc("GetTask", {"id": ...})["result"]
"""
import json

from .wait import wait_until

ENDED = ("done", "error")


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


def open_stream(gateway, token, identifier, agent="slow", **arguments):
    client = gateway.connect(**arguments)
    body = {"jsonrpc": "2.0", "id": 1, "method": "SendStreamingMessage", "params": message(identifier)}
    client.send(client.request("POST", f"/a2a/agents/{agent}", {"A2A-Version": "1.0"},
                               body=json.dumps(body).encode(), token=token))
    head = client.read_head("POST")
    assert head.status == 200 and head.field("Content-Type") == "text/event-stream"
    return client

# SPDX-License-Identifier: MIT
#
# planner.py - turns a request into a plan, leaves the plan in memory, and hands its id to the coder.
import time

from agent import Agent, Refusal

system = "You are a planner. Write a short numbered plan for the request. Write no code: a coder follows your plan."


def answer(call):
    request, model = call.text(), call.model()
    plan = call.chat(system, request, model)
    document = {"request": request, "plan": plan, "by": "planner", "for": call.user, "run_id": call.request_id}
    mem_id = call.ask("POST", "/mem/events", {"event": "plan", "payload": document})["mem_id"]
    call.log("info", f"plan {mem_id} is in memory, handing it to the coder")
    task = call.ask("POST", "/a2a/tasks/send", {"target": "coder", "input": {"mem_id": mem_id, "model": model}})
    return call.reply(model, wait_for(call, task["task_id"]), plan=plan, mem_id=mem_id, coder_task=task["task_id"])


def wait_for(call, task_id):
    end = time.monotonic() + 55  # the gateway gives this agent 60 s
    while time.monotonic() < end and not call.is_abandoned():
        task = call.ask("GET", f"/a2a/tasks/status/{task_id}")
        if task["state"] == "done":
            return task["result"]["message"]["content"]
        if task["state"] == "error":
            raise Refusal(502, f"the coder failed: {(task['result'] or {}).get('detail')}")
        time.sleep(0.1)
    call.ask("POST", f"/a2a/tasks/cancel/{task_id}")
    raise Refusal(504, "the coder's task was canceled: it took too long, or this one was canceled")


if __name__ == "__main__":
    Agent("planner", 8100, answer).run()

# SPDX-License-Identifier: MIT
#
# graph.py - a LangGraph graph whose nodes go through the gateway: both ask the engine as the same user, the plan goes
# from one to the other by its id in memory, and all of it can be read back there.
import json
import os
import sys
import urllib.request
from typing import TypedDict

from langgraph.graph import END, START, StateGraph

url = os.environ.get("ATTACH_URL", "http://localhost:8080")
model = os.environ.get("MODEL", "tinyllama")


class State(TypedDict, total=False):
    request: str
    mem_id: str
    answer: str


def call(method, path, body=None):
    request = urllib.request.Request(url + path, method=method)
    request.add_header("Authorization", f"Bearer {os.environ['JWT']}")
    request.add_header("X-Attach-Session", "langgraph-example")  # one session for the whole graph
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(request, data, timeout=120) as reply:
        return json.load(reply)


def ask(system, text):
    messages = [{"role": "system", "content": system}, {"role": "user", "content": text}]
    reply = call("POST", "/api/chat", {"model": model, "messages": messages, "stream": False})
    return reply["message"]["content"]


def planner(state: State) -> State:
    plan = ask("Write a short plan.", state["request"])
    document = {"event": "plan", "payload": {"request": state["request"], "plan": plan}}
    return {"mem_id": call("POST", "/mem/events", document)["mem_id"]}


def coder(state: State) -> State:
    document = call("GET", f"/mem/events/{state['mem_id']}")["payload"]
    return {"answer": ask("Follow the plan.", f"{document['request']}\n\n{document['plan']}")}


graph = StateGraph(State)
graph.add_node("planner", planner)
graph.add_node("coder", coder)
graph.add_edge(START, "planner")
graph.add_edge("planner", "coder")
graph.add_edge("coder", END)

if __name__ == "__main__":
    request = " ".join(sys.argv[1:]) or "Reverse a linked list."
    print(graph.compile().invoke({"request": request})["answer"])

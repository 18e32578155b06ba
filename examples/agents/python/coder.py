# SPDX-License-Identifier: MIT
#
# coder.py - reads a plan by its id in memory and answers what it asks for; also takes plain chat bodies.
import re

from agent import Agent

system = "You are a coder. Follow the plan and answer the request with code and at most a few sentences."


def answer(call):
    model, mem_id = call.model(), call.input.get("mem_id")
    if mem_id is None:
        return call.reply(model, call.chat(system, call.text(), model))
    if not re.fullmatch("[0-9a-f-]{36}", str(mem_id)):
        call.agent.refuse("mem_id is no id of a document", 400)
    document = call.ask("GET", f"/mem/events/{mem_id}")["payload"]
    text = f"Request: {document['request']}\n\nPlan:\n{document['plan']}"
    return call.reply(model, call.chat(system, text, model), mem_id=mem_id)


if __name__ == "__main__":
    Agent("coder", 8101, answer).run()

/* SPDX-License-Identifier: MIT
 *
 * coder.c - reads a plan by its id in memory and answers what it asks for; also takes plain chat
 * bodies. */
#include "agent.h"
#include "exchange/event.h"

#include <stdio.h>

static const char coder_system[] =
    "You are a coder. Follow the plan and answer the request with code and at most a few "
    "sentences.";

/* Ids are UUIDs; whatever else is sent as one must not become part of a path. */
static bool coder_is_id(struct slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        if (strchr("0123456789abcdef-", text.data[i]) == NULL || text.data[i] == '\0') {
            return false;
        }
    }
    return text.length <= event_id_length;
}

/* GET /mem/events/{id}: the user's document, since the token is the user's too. */
static bool coder_read_plan(struct agent_task *task, struct slice mem_id, struct buffer *text)
{
    char path[256];
    struct json_value event;
    if (!coder_is_id(mem_id)) {
        agent_fail(task, 400, "mem_id is no id of a document");
        return false;
    }
    snprintf(path, sizeof(path), "/mem/events/%.*s", SLICE_ARGS(mem_id));
    if (!agent_ask(task, "GET", path, SLICE(""), &event)) {
        return false;
    }
    struct json_value document = json_member(event, "payload");
    struct slice request = agent_member(task, document, "request", "");
    struct slice plan = agent_member(task, document, "plan", "");
    buffer_append_string(text, "Request: ");
    buffer_append(text, request);
    buffer_append_string(text, "\n\nPlan:\n");
    buffer_append(text, plan);
    if (plan.length == 0 || text->failed) {
        agent_fail(task, 400, "the document has no plan, or is too long");
        return false;
    }
    return true;
}

static void coder_answer(struct agent_task *task)
{
    struct slice model = agent_member(task, task->input, "model", "tinyllama");
    struct slice mem_id = agent_member(task, task->input, "mem_id", "");
    struct slice text, answer;
    struct buffer plan, more;
    buffer_init(&plan, agent_reply_bytes_max);
    buffer_init(&more, 4096);
    bool has_text =
        mem_id.length > 0 ? coder_read_plan(task, mem_id, &plan) : agent_text(task, &text);
    if (mem_id.length > 0) {
        text = buffer_slice(&plan);
        buffer_append_string(&more, "\"mem_id\":");
        buffer_append_json_string(&more, mem_id);
    }
    if (has_text && agent_chat(task, model, coder_system, text, &answer)) {
        agent_reply(task, model, answer, more.failed ? SLICE("") : buffer_slice(&more));
    }
    buffer_clear(&more);
    buffer_clear(&plan);
}

int main(int count, char **arguments)
{
    return agent_main(count, arguments, "coder", "8101", coder_answer);
}

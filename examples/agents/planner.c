/* SPDX-License-Identifier: MIT
 *
 * planner.c - turns a request into a plan, leaves the plan in memory, and hands its id to the
 * coder. */
#include "agent.h"
#include "base/clock.h"

#include <stdio.h>
#include <unistd.h>

static const char planner_system[] =
    "You are a planner. Write a short numbered plan for the request. Write no code: a coder "
    "follows your plan.";

/* POST /mem/events: the plan becomes a document of the user's. */
static bool planner_remember(struct agent_task *task, struct slice request, struct slice plan,
                             struct slice *ret_mem_id)
{
    struct json_value reply;
    struct buffer body;
    buffer_init(&body, agent_reply_bytes_max);
    buffer_append_string(&body, "{\"event\":\"plan\",\"payload\":{\"request\":");
    buffer_append_json_string(&body, request);
    buffer_append_string(&body, ",\"plan\":");
    buffer_append_json_string(&body, plan);
    buffer_append_string(&body, ",\"by\":\"planner\",\"for\":");
    buffer_append_json_string(&body, task->identity.user);
    buffer_append_string(&body, ",\"run_id\":");
    buffer_append_json_string(&body, task->request_id);
    buffer_append_string(&body, "}}");
    if (body.failed) {
        agent_fail(task, 503, "the plan is too long");
    }
    bool kept = !body.failed && agent_ask(task, "POST", "/mem/events", buffer_slice(&body), &reply);
    buffer_clear(&body);
    if (kept) {
        *ret_mem_id = agent_member(task, reply, "mem_id", "");
    }
    return kept;
}

/* POST /a2a/tasks/send: the coder gets the id alone, and a token of its own from the gateway. */
static bool planner_hand_over(struct agent_task *task, struct slice model, struct slice mem_id,
                              struct slice *ret_task_id)
{
    struct json_value reply;
    struct buffer body;
    buffer_init(&body, 4096);
    buffer_append_string(&body, "{\"target\":\"coder\",\"input\":{\"mem_id\":");
    buffer_append_json_string(&body, mem_id);
    buffer_append_string(&body, ",\"model\":");
    buffer_append_json_string(&body, model);
    buffer_append_string(&body, "}}");
    if (body.failed) {
        agent_fail(task, 400, "the model's name is too long");
    }
    bool sent =
        !body.failed && agent_ask(task, "POST", "/a2a/tasks/send", buffer_slice(&body), &reply);
    buffer_clear(&body);
    if (sent) {
        *ret_task_id = agent_member(task, reply, "task_id", "");
    }
    return sent;
}

static void planner_cancel(struct agent_task *task, struct slice task_id)
{
    char path[128];
    snprintf(path, sizeof(path), "/a2a/tasks/cancel/%.*s", SLICE_ARGS(task_id));
    task->goes_on = true;
    if (agent_ask(task, "POST", path, SLICE(""), NULL)) {
        agent_fail(task, 504, "%s",
                   agent_is_abandoned(task) ? "the task was canceled, and the coder's with it"
                                            : "the coder takes too long");
    }
}

/* Asks for the coder's task until it has ended. */
static bool planner_wait(struct agent_task *task, struct slice task_id, struct slice *ret_text)
{
    char path[128];
    struct json_value status;
    snprintf(path, sizeof(path), "/a2a/tasks/status/%.*s", SLICE_ARGS(task_id));
    while (clock_monotonic_ms() + 1000 < task->ends_ms && !agent_is_abandoned(task)) {
        if (!agent_ask(task, "GET", path, SLICE(""), &status)) {
            return false;
        }
        struct json_value result = json_member(status, "result");
        if (json_string_is(json_member(status, "state"), "done")) {
            *ret_text = agent_member(task, json_member(result, "message"), "content", "");
            return true;
        }
        if (json_string_is(json_member(status, "state"), "error")) {
            agent_fail(task, 502, "the coder failed: %.*s",
                       SLICE_ARGS(agent_member(task, result, "detail", "it did not say why")));
            return false;
        }
        usleep(100 * 1000);
    }
    planner_cancel(task, task_id);
    return false;
}

static void planner_answer(struct agent_task *task)
{
    struct slice model = agent_member(task, task->input, "model", "tinyllama");
    struct slice request, plan, mem_id, task_id, text;
    if (!agent_text(task, &request) || !agent_chat(task, model, planner_system, request, &plan) ||
        !planner_remember(task, request, plan, &mem_id)) {
        return;
    }
    agent_log(task, "info", "plan %.*s is in memory, handing it to the coder", SLICE_ARGS(mem_id));
    if (!planner_hand_over(task, model, mem_id, &task_id) || !planner_wait(task, task_id, &text)) {
        return;
    }
    struct buffer more;
    buffer_init(&more, agent_reply_bytes_max);
    buffer_append_string(&more, "\"plan\":");
    buffer_append_json_string(&more, plan);
    buffer_append_string(&more, ",\"mem_id\":");
    buffer_append_json_string(&more, mem_id);
    buffer_append_string(&more, ",\"coder_task\":");
    buffer_append_json_string(&more, task_id);
    agent_reply(task, model, text, more.failed ? SLICE("") : buffer_slice(&more));
    buffer_clear(&more);
}

int main(int count, char **arguments)
{
    return agent_main(count, arguments, "planner", "8100", planner_answer);
}

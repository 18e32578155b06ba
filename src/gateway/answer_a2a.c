/* SPDX-License-Identifier: MIT
 *
 * answer_a2a.c - the original's two routes, /a2a/tasks/send and /a2a/tasks/status/{id}, and one to
 * cancel. The A2A protocol is answer_a2a_rpc.c and answer_a2a_rest.c; the tasks are the same.
 * Owning worker only. */
#include "a2a/wire.h"
#include "base/json.h"
#include "gateway/a2a_errand.h"
#include "gateway/answer.h"

static const struct slice a2a_json = SLICE("application/json");

static enum step_result a2a_refuse(struct request *request, const struct a2a_call *call)
{
    const struct a2a_outcome_row *row = a2a_outcome_row(call->job.outcome);
    a2a_errand_log(request, call);
    answer_detail(request, row->status, "task_refused", "%s",
                  a2a_outcome_text(call->job.outcome, call->job.failure.text));
    return STEP_ANSWER;
}

static enum step_result a2a_sent(struct request *request, struct a2a_call *call)
{
    struct buffer text;
    if (call->job.outcome != A2A_OK) {
        return a2a_refuse(request, call);
    }
    buffer_init(&text, 4096);
    wire_append_plain_sent(&text, &call->job.tasks[0]);
    return answer_buffer(request, 200, a2a_json, &text);
}

static enum step_result a2a_status(struct request *request, struct a2a_call *call)
{
    struct buffer text;
    if (call->job.outcome != A2A_OK) {
        return a2a_refuse(request, call);
    }
    buffer_init(&text, wire_bytes_max);
    wire_append_plain_status(&text, &call->job.tasks[0]);
    return answer_buffer(request, 200, a2a_json, &text);
}

/* A target as the caller named it. False: answered. */
static bool a2a_member(struct request *request, struct arena *arena, const char *name,
                       struct json_value value, struct slice *ret)
{
    struct slice text;
    if (value.kind == JSON_ABSENT || value.kind == JSON_NULL) {
        return true;
    }
    if (json_string(value, &request->arena, &text) != STATUS_OK) {
        answer_detail(request, 400, "bad_task", "%s: a string was expected", name);
        return false;
    }
    if (!arena_copy(arena, text, ret)) {
        answer_detail(request, 503, "out_of_memory", "out of memory");
        return false;
    }
    return true;
}

static bool a2a_read(struct request *request, struct a2a_call *call)
{
    struct task *task = &call->job.task;
    struct arena *arena = &call->job.arena;
    struct json_value body;
    if (json_parse(buffer_slice(&request->body), JSON_DUPLICATES_UNCHECKED, &body, NULL) !=
            STATUS_OK ||
        body.kind != JSON_OBJECT) {
        answer_detail(request, 400, "body_not_json", "the body must be a JSON object");
        return false;
    }
    struct json_value input = json_member(body, "input");
    if (input.kind == JSON_ABSENT) {
        answer_detail(request, 400, "bad_task", "payload must contain an 'input' field");
        return false;
    }
    if (input.kind != JSON_OBJECT) {
        answer_detail(request, 400, "bad_task", "input: an object was expected");
        return false;
    }
    if (input.text.length > a2a_input_bytes_max) {
        answer_detail(request, 413, "body_too_large", "input: at most %d bytes",
                      a2a_input_bytes_max);
        return false;
    }
    if (!arena_copy(arena, input.text, &task->input)) {
        answer_detail(request, 503, "out_of_memory", "out of memory");
        return false;
    }
    task->form = TASK_CHAT;
    return a2a_member(request, arena, "target", json_member(body, "target"), &task->target_name) &&
           a2a_member(request, arena, "target_url", json_member(body, "target_url"),
                      &task->target_url);
}

enum step_result answer_a2a_send(struct request *request)
{
    struct a2a_call *call = a2a_errand_create(request, A2A_SEND, a2a_sent);
    if (call == NULL) {
        return STEP_ANSWER;
    }
    return a2a_read(request, call) ? a2a_errand_send(request, call) : a2a_errand_drop(call);
}

static enum step_result a2a_by_id(struct request *request, enum a2a_action action)
{
    if (!task_id_is_sound(request->route_segment)) {
        answer_detail(request, 404, "unknown_task", "unknown task");
        return STEP_ANSWER;
    }
    struct a2a_call *call = a2a_errand_create(request, action, a2a_status);
    if (call == NULL) {
        return STEP_ANSWER;
    }
    memcpy(call->job.task.id, request->route_segment.data, task_id_length);
    return a2a_errand_send(request, call);
}

enum step_result answer_a2a_status(struct request *request)
{
    return a2a_by_id(request, A2A_GET);
}

enum step_result answer_a2a_cancel(struct request *request)
{
    return a2a_by_id(request, A2A_CANCEL);
}

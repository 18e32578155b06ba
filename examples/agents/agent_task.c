/* SPDX-License-Identifier: MIT
 *
 * agent_task.c - what an agent does within one task: reads its input, asks the gateway, replies.
 * The task's thread. */
#include "agent.h"
#include "base/clock.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

enum {
    task_log_bytes_max = 16 * 1024,
    task_request_id_bytes = 100, /* of the caller's; our name is added, 128 is the gateway's most */
    task_log_timeout_ms = 5000,
};

/* ---- input ---- */

struct slice agent_member(struct agent_task *task, struct json_value object, const char *name,
                          const char *otherwise)
{
    struct slice text;
    if (json_string(json_member(object, name), &task->arena, &text) != STATUS_OK ||
        text.length == 0) {
        return slice_from_string(otherwise);
    }
    return text;
}

bool agent_text(struct agent_task *task, struct slice *ret)
{
    struct json_walk walk = json_walk_begin(json_member(task->input, "messages"));
    struct json_value message = task->input;
    const char *name = "prompt";
    while (json_walk_next(&walk, NULL, &message)) {
        name = "content";
    }
    *ret = agent_member(task, message, name, "");
    if (ret->length == 0) {
        agent_fail(task, 400, "there is neither a prompt nor messages with text");
    }
    return ret->length > 0;
}

bool agent_is_abandoned(const struct agent_task *task)
{
    struct pollfd poll_one = {.fd = task->descriptor, .events = POLLRDHUP};
    return poll(&poll_one, 1, 0) > 0 && (poll_one.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

/* ---- replies ---- */

void agent_reply(struct agent_task *task, struct slice model, struct slice text, struct slice more)
{
    task->status = 200;
    buffer_append_string(&task->reply, "{\"model\":");
    buffer_append_json_string(&task->reply, model);
    buffer_append_string(&task->reply, ",\"message\":{\"role\":\"assistant\",\"content\":");
    buffer_append_json_string(&task->reply, text);
    buffer_append_string(&task->reply, "},\"done\":true");
    buffer_append_string(&task->reply, more.length > 0 ? "," : "");
    buffer_append(&task->reply, more);
    buffer_append_byte(&task->reply, '}');
}

void agent_fail(struct agent_task *task, unsigned status, const char *format, ...)
{
    struct failure failure;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(failure.text, sizeof(failure.text), format, arguments);
    va_end(arguments);
    task->status = status;
    buffer_reset(&task->reply);
    buffer_append_string(&task->reply, "{\"detail\":");
    buffer_append_json_string(&task->reply, slice_from_string(failure.text));
    buffer_append_byte(&task->reply, '}');
    if (task->identity.proof != IDENTITY_UNPROVEN) {
        agent_log(task, "error", "%s", failure.text);
    }
}

/* ---- the gateway ---- */

/* The caller's request id with our name behind it, so that every row in memory tells by which way
 * it came. */
static struct slice task_request_id(struct agent_task *task)
{
    struct slice id = task->request_id;
    struct buffer text;
    struct slice kept = id;
    id.length = id.length < task_request_id_bytes ? id.length : task_request_id_bytes;
    buffer_init(&text, 256);
    buffer_append_format(&text, "%.*s/%s", SLICE_ARGS(id), task->agent->name);
    if (!arena_copy(&task->arena, buffer_slice(&text), &kept)) {
        kept = id;
    }
    buffer_clear(&text);
    return kept;
}

/* What a reply of the gateway says is wrong. */
static struct slice task_detail(struct agent_task *task, struct slice reply)
{
    struct json_value value;
    struct slice text = reply;
    if (json_parse(reply, JSON_DUPLICATES_UNCHECKED, &value, NULL) == STATUS_OK) {
        text = agent_member(task, value, "detail", "");
        text = text.length > 0 ? text : agent_member(task, value, "error", "no reason given");
    }
    text.length = text.length < 120 ? text.length : 120;
    return text;
}

bool agent_ask(struct agent_task *task, const char *method, const char *path, struct slice body,
               struct json_value *ret)
{
    uint64_t now = clock_monotonic_ms();
    const struct agent_call call = {.method = method,
                                    .path = path,
                                    .token = task->token,
                                    .request_id = task_request_id(task),
                                    .body = body,
                                    .timeout_ms = now < task->ends_ms ? task->ends_ms - now : 1,
                                    .task = task->goes_on ? NULL : task};
    struct failure failure;
    struct buffer reply;
    struct slice kept;
    unsigned code = 0;
    bool is_good = false;
    buffer_init(&reply, agent_reply_bytes_max);
    if (agent_call(task->agent, &call, &reply, &code, &failure) != STATUS_OK) {
        agent_fail(task, 502, "%s %.60s: %.150s", method, path, failure.text);
    } else if (!arena_copy(&task->arena, buffer_slice(&reply), &kept)) {
        agent_fail(task, 503, "out of memory");
    } else if (code < 200 || code > 299) {
        agent_fail(task, 502, "%s %.60s: HTTP %u: %.*s", method, path, code,
                   SLICE_ARGS(task_detail(task, kept)));
    } else if (ret != NULL &&
               json_parse(kept, JSON_DUPLICATES_UNCHECKED, ret, &failure) != STATUS_OK) {
        agent_fail(task, 502, "%s %.60s: the answer is not JSON", method, path);
    } else {
        is_good = true;
    }
    buffer_clear(&reply);
    return is_good;
}

void agent_log(struct agent_task *task, const char *level, const char *format, ...)
{
    char message[1024];
    struct failure failure;
    struct buffer line, reply;
    unsigned code = 0;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    buffer_init(&line, task_log_bytes_max);
    buffer_init(&reply, task_log_bytes_max);
    buffer_append_string(&line, "{\"run_id\":");
    buffer_append_json_string(&line, task->request_id);
    buffer_append_format(&line, ",\"level\":\"%s\",\"message\":", level);
    buffer_append_json_string(&line, slice_from_string(message));
    buffer_append_format(&line, ",\"agent\":\"%s\"}", task->agent->name);
    const struct agent_call call = {.method = "POST",
                                    .path = "/v1/logs",
                                    .token = task->token,
                                    .request_id = task_request_id(task),
                                    .body = buffer_slice(&line),
                                    .timeout_ms = task_log_timeout_ms};
    if (line.failed) {
        failure_set(&failure, "out of memory");
    } else if (agent_call(task->agent, &call, &reply, &code, &failure) == STATUS_OK) {
        failure_set(&failure, "HTTP %u", code);
    }
    if (code != 202) {
        fprintf(stderr, "%s: a log line was not kept: %s\n", task->agent->name, failure.text);
    }
    buffer_clear(&line);
    buffer_clear(&reply);
}

bool agent_chat(struct agent_task *task, struct slice model, const char *system, struct slice text,
                struct slice *ret)
{
    struct json_value reply, choice;
    struct buffer body;
    buffer_init(&body, 2 * agent_reply_bytes_max);
    buffer_append_string(&body, "{\"model\":");
    buffer_append_json_string(&body, model);
    buffer_append_string(&body,
                         ",\"stream\":false,\"messages\":[{\"role\":\"system\",\"content\":");
    buffer_append_json_string(&body, slice_from_string(system));
    buffer_append_string(&body, "},{\"role\":\"user\",\"content\":");
    buffer_append_json_string(&body, text);
    buffer_append_string(&body, "}]}");
    if (body.failed) {
        agent_fail(task, 503, "out of memory");
    }
    bool answered =
        !body.failed && agent_ask(task, "POST", "/api/chat", buffer_slice(&body), &reply);
    buffer_clear(&body);
    if (!answered) {
        return false;
    }
    struct json_walk walk = json_walk_begin(json_member(reply, "choices")); /* OpenAI's form */
    if (json_walk_next(&walk, NULL, &choice)) {
        reply = choice;
    }
    *ret = agent_member(task, json_member(reply, "message"), "content", "");
    if (ret->length == 0) {
        agent_fail(task, 502, "the engine's answer has no text");
    }
    return ret->length > 0;
}

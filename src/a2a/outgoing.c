/* SPDX-License-Identifier: MIT
 *
 * outgoing.c - bodies to targets, and replies of targets. Any thread. */
#include "a2a/outgoing.h"

#include "a2a/chat.h"
#include "a2a/wire.h"

#include <stdio.h>

enum { agent_text_bytes_max = 300 }; /* of an agent's own words in a detail */

/* ---- requests ---- */

static void append_call_begin(enum task_target_protocol protocol, const char *legacy,
                              const char *current, struct buffer *buffer)
{
    buffer_append_string(buffer, "{\"jsonrpc\":\"2.0\",\"id\":\"1\",\"method\":\"");
    buffer_append_string(buffer, protocol == PROTOCOL_A2A_CURRENT ? current : legacy);
    buffer_append_string(buffer, "\",\"params\":");
}

static void append_id_call(enum task_target_protocol protocol, const char *legacy,
                           const char *current, struct slice id, struct buffer *buffer)
{
    append_call_begin(protocol, legacy, current, buffer);
    buffer_append_string(buffer, "{\"id\":");
    buffer_append_json_string(buffer, id);
    buffer_append_string(buffer, "}}");
}

void outgoing_append_get(enum task_target_protocol protocol, struct slice remote_id,
                         struct buffer *buffer)
{
    append_id_call(protocol, "tasks/get", "GetTask", remote_id, buffer);
}

void outgoing_append_cancel(enum task_target_protocol protocol, struct slice remote_id,
                            struct buffer *buffer)
{
    append_id_call(protocol, "tasks/cancel", "CancelTask", remote_id, buffer);
}

/* A chat body as one text part when it asks one plain question, else as data. */
static void append_chat_part(enum wire_form form, struct json_value input, struct buffer *buffer)
{
    struct json_value messages = json_member(input, "messages");
    struct json_value text = json_member(input, "prompt");
    struct json_walk walk = json_walk_begin(messages);
    struct json_value one, more;
    if (messages.kind == JSON_ARRAY && json_walk_next(&walk, NULL, &one) &&
        !json_walk_next(&walk, NULL, &more)) {
        text = json_member(one, "content");
    } else if (messages.kind != JSON_ABSENT) {
        text = (struct json_value){0};
    }
    struct part part = {.kind = PART_TEXT, .value = text};
    if (text.kind != JSON_STRING) {
        part.kind = PART_DATA;
        part.value = input;
    }
    wire_append_part(buffer, form, &part);
}

static enum status append_message_call(const struct task *task, enum task_target_protocol protocol,
                                       struct buffer *buffer, struct failure *reterr)
{
    enum wire_form form = protocol == PROTOCOL_A2A_CURRENT ? WIRE_CURRENT : WIRE_LEGACY;
    struct json_value input;
    struct message message;
    enum status status = json_parse(task->input, JSON_DUPLICATES_UNCHECKED, &input, reterr);
    if (status == STATUS_OK && task->form == TASK_MESSAGE) {
        status = message_read(input, &message, reterr);
    }
    if (status != STATUS_OK) {
        return status;
    }
    append_call_begin(protocol, "message/send", "SendMessage", buffer);
    buffer_append_string(buffer, form == WIRE_LEGACY ? "{\"message\":{\"kind\":\"message\","
                                                       "\"role\":\"user\",\"messageId\":\""
                                                     : "{\"message\":{\"role\":\"ROLE_USER\","
                                                       "\"messageId\":\"");
    /* the same after a restart: the agent may know it already */
    buffer_append_string(buffer, task->id);
    buffer_append_format(buffer, "-%lld\"", (long long)task->history.length);
    if (task->remote_id.length > 0) {
        buffer_append_string(buffer, ",\"taskId\":");
        buffer_append_json_string(buffer, task->remote_id);
        buffer_append_string(buffer, ",\"contextId\":");
        buffer_append_json_string(buffer, task->remote_context_id);
    }
    buffer_append_string(buffer, ",\"parts\":");
    if (task->form == TASK_MESSAGE) {
        wire_append_parts(buffer, form, message.parts);
        if (message.metadata.kind == JSON_OBJECT) {
            buffer_append_string(buffer, ",\"metadata\":");
            buffer_append(buffer, message.metadata.text);
        }
    } else {
        buffer_append_byte(buffer, '[');
        append_chat_part(form, input, buffer);
        buffer_append_byte(buffer, ']');
    }
    buffer_append_string(buffer, "},\"configuration\":{");
    buffer_append_string(buffer, form == WIRE_LEGACY ? "\"blocking\":true}}}" : "}}}");
    return STATUS_OK;
}

enum status outgoing_append_body(const struct task *task, const struct task_target *target,
                                 struct slice model, struct buffer *buffer, struct failure *reterr)
{
    bool is_engine = target->kind == TASK_TARGET_ENGINE;
    enum status status = STATUS_OK;
    if (target->protocol != PROTOCOL_CHAT) {
        status = append_message_call(task, target->protocol, buffer, reterr);
    } else if (task->form == TASK_MESSAGE) {
        status = chat_append_message(task->input, task->history,
                                     is_engine ? model : (struct slice){NULL, 0}, is_engine, buffer,
                                     reterr);
    } else if (is_engine) {
        status = chat_append_body(task->input, model, buffer, reterr);
    } else {
        buffer_append(buffer, task->input);
    }
    if (status == STATUS_OK && buffer->failed) {
        failure_set(reterr, "no memory for the body");
        return STATUS_NO_MEMORY;
    }
    return status;
}

enum status outgoing_append_argument(const struct task *task, struct buffer *buffer,
                                     struct failure *reterr)
{
    struct buffer body;
    struct json_value input;
    enum status status = STATUS_OK;
    buffer_init(&body, buffer->maximum);
    if (task->form == TASK_MESSAGE) {
        status = chat_append_message(task->input, task->history, (struct slice){NULL, 0}, false,
                                     &body, reterr);
    } else {
        buffer_append(&body, task->input);
    }
    if (status == STATUS_OK && !body.failed) {
        status = json_parse(buffer_slice(&body), JSON_DUPLICATES_UNCHECKED, &input, reterr);
    }
    if (status == STATUS_OK && !body.failed) {
        struct json_value messages = json_member(input, "messages");
        buffer_append(buffer, messages.kind == JSON_ABSENT ? input.text : messages.text);
    }
    bool is_short = body.failed || buffer->failed;
    buffer_clear(&body);
    if (status == STATUS_OK && is_short) {
        failure_set(reterr, "no memory for the workflow's argument");
        return STATUS_NO_MEMORY;
    }
    return status;
}

void outgoing_append_actors(const struct task *task, const struct task_target *target,
                            struct buffer *buffer)
{
    bool has_more = task->actors.length > 2; /* more than [] */
    buffer_append_byte(buffer, '[');
    buffer_append_json_string(buffer, target->name);
    if (has_more) {
        buffer_append_byte(buffer, ',');
        buffer_append(buffer, slice_after(task->actors, 1));
    } else {
        buffer_append_byte(buffer, ']');
    }
}

/* ---- replies ---- */

static void fail(struct outgoing_reply *reply, struct slice detail)
{
    *reply = (struct outgoing_reply){.state = TASK_FAILED, .detail = detail};
}

/* "<what>: <an agent's words>", cut. */
static struct slice detail_with(struct arena *arena, const char *what, struct json_value words)
{
    struct slice text = {NULL, 0};
    size_t what_length = strlen(what);
    if (json_string(words, arena, &text) != STATUS_OK || text.length == 0) {
        return slice_make(what, what_length);
    }
    size_t length = text.length < agent_text_bytes_max ? text.length : agent_text_bytes_max;
    char *joined = arena_allocate(arena, what_length + 2 + length);
    if (joined == NULL) {
        return slice_make(what, what_length);
    }
    memcpy(joined, what, what_length);
    memcpy(joined + what_length, ": ", 2);
    memcpy(joined + what_length + 2, text.data, length);
    return slice_make(joined, what_length + 2 + length);
}

static void read_chat(struct slice body, size_t bytes_max, struct arena *arena,
                      struct outgoing_reply *ret)
{
    struct buffer folded;
    struct json_value value;
    bool is_whole = json_parse(body, JSON_DUPLICATES_UNCHECKED, &value, NULL) == STATUS_OK;
    if (is_whole) {
        *ret = (struct outgoing_reply){.state = TASK_COMPLETED, .result = value.text};
        return;
    }
    buffer_init(&folded, bytes_max);
    enum status status = chat_fold(body, bytes_max, &folded, NULL);
    struct slice result = {NULL, 0};
    if (status == STATUS_OK && !arena_copy(arena, buffer_slice(&folded), &result)) {
        status = STATUS_NO_MEMORY;
    }
    buffer_clear(&folded);
    if (status != STATUS_OK) {
        fail(ret, status == STATUS_INVALID ? SLICE("the target's answer is not JSON")
                                           : SLICE("no memory for the target's answer"));
        return;
    }
    *ret = (struct outgoing_reply){.state = TASK_COMPLETED, .result = result};
    if (json_parse(result, JSON_DUPLICATES_UNCHECKED, &value, NULL) == STATUS_OK &&
        json_member(value, "error").kind > JSON_NULL) { /* it broke off */
        fail(ret, detail_with(arena, "the target broke off", json_member(value, "error")));
    }
}

static void read_task(struct json_value task, struct arena *arena, struct outgoing_reply *ret)
{
    struct json_value status = json_given(task, "status");
    struct slice name = {NULL, 0};
    enum task_state state;
    if (json_string(json_given(status, "state"), arena, &name) != STATUS_OK ||
        !task_state_find(name, &state)) {
        fail(ret, SLICE("the agent's task has no state that A2A knows"));
        return;
    }
    *ret = (struct outgoing_reply){.state = state, .result_is_a2a = true, .result = task.text};
    if (json_string(json_given(task, "id"), arena, &ret->remote_id) != STATUS_OK ||
        json_string(json_given(task, "contextId"), arena, &ret->remote_context_id) != STATUS_OK) {
        ret->remote_context_id = (struct slice){NULL, 0};
    }
    if (!task_is_over(state) && ret->remote_id.length == 0) {
        fail(ret, SLICE("the agent's task has no id"));
    } else if (state == TASK_FAILED || state == TASK_REJECTED) {
        ret->detail = state == TASK_FAILED ? SLICE("the agent's task has failed")
                                           : SLICE("the agent rejected the task");
    } else if (state == TASK_CANCELED) {
        ret->detail = SLICE("the agent canceled the task");
    }
}

/* The result of message/send or tasks/get: a Task or a Message, bare or wrapped. */
static void read_a2a(struct slice body, struct arena *arena, struct outgoing_reply *ret)
{
    struct json_value value;
    struct message message;
    if (json_parse(body, JSON_DUPLICATES_UNCHECKED, &value, NULL) != STATUS_OK ||
        value.kind != JSON_OBJECT) {
        fail(ret, SLICE("the agent's answer is not JSON"));
        return;
    }
    struct json_value error = json_given(value, "error");
    struct json_value result = json_given(value, "result");
    if (error.kind != JSON_ABSENT) {
        fail(ret, detail_with(arena, "the agent refused", json_given(error, "message")));
        return;
    }
    struct json_value task = json_given(result, "task");
    struct json_value inner = json_given(result, "message");
    task = task.kind == JSON_ABSENT && json_given(result, "status").kind == JSON_OBJECT ? result
                                                                                        : task;
    inner = inner.kind == JSON_ABSENT && task.kind == JSON_ABSENT ? result : inner;
    if (task.kind == JSON_OBJECT) {
        read_task(task, arena, ret);
    } else if (message_read(inner, &message, NULL) == STATUS_OK) {
        *ret = (struct outgoing_reply){
            .state = TASK_COMPLETED, .result_is_a2a = true, .result = inner.text};
    } else {
        fail(ret, SLICE("the agent's answer is neither a task nor a message"));
    }
}

void outgoing_read(enum task_target_protocol protocol, unsigned code, struct slice body,
                   size_t result_bytes_max, struct arena *arena, struct outgoing_reply *ret)
{
    char text[64];
    struct slice copy = {NULL, 0};
    if (code >= 200 && code <= 299) {
        if (protocol == PROTOCOL_CHAT) {
            read_chat(body, result_bytes_max, arena, ret);
        } else {
            read_a2a(body, arena, ret);
        }
        return;
    }
    snprintf(text, sizeof(text),
             code >= 300 && code <= 399 ? "the target redirects (HTTP %u), which is not followed"
                                        : "the target answered HTTP %u",
             code);
    if (!arena_copy(arena, slice_from_string(text), &copy)) {
        copy = SLICE("the target answered with an error");
    }
    fail(ret, copy);
}

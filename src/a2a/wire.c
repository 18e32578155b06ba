/* SPDX-License-Identifier: MIT
 *
 * wire.c - tasks and everything around them as JSON, in each wire form. Any thread. */
#include "a2a/wire.h"

#include "a2a/chat.h"
#include "base/log.h"

/* ---- small pieces ---- */

static void append_name(struct buffer *buffer, const char *name)
{
    char last = buffer->length > 0 ? buffer->data[buffer->length - 1] : '{';
    if (last != '{' && last != '[') {
        buffer_append_byte(buffer, ',');
    }
    buffer_append_byte(buffer, '"');
    buffer_append_string(buffer, name);
    buffer_append_string(buffer, "\":");
}

static void append_text(struct buffer *buffer, const char *name, struct slice text)
{
    append_name(buffer, name);
    buffer_append_json_string(buffer, text);
}

static void append_string(struct buffer *buffer, const char *name, const char *text)
{
    append_text(buffer, name, slice_from_string(text));
}

/* A value that is given goes as it was written. */
static void append_value(struct buffer *buffer, const char *name, struct json_value value)
{
    if (value.kind != JSON_ABSENT && value.kind != JSON_NULL) {
        append_name(buffer, name);
        buffer_append(buffer, value.text);
    }
}

static void append_id(struct buffer *buffer, const char *name, const struct task *task)
{
    append_string(buffer, name, task->id);
}

static void append_context(struct buffer *buffer, const struct task *task)
{
    append_text(buffer, "contextId", task->context_id);
}

static void append_time(struct buffer *buffer, int64_t us)
{
    append_name(buffer, "timestamp");
    buffer_append_byte(buffer, '"');
    log_append_time(buffer, us);
    buffer_append_byte(buffer, '"');
}

static bool is_tagged(enum wire_form form)
{
    return form == WIRE_LEGACY;
}

static void append_kind(struct buffer *buffer, enum wire_form form, const char *kind)
{
    if (is_tagged(form)) {
        append_string(buffer, "kind", kind);
    }
}

static const char *state_name(enum wire_form form, enum task_state state)
{
    if (form == WIRE_LEGACY_REST && state == TASK_CANCELED) {
        return "TASK_STATE_CANCELLED"; /* so a2a.proto spelled it before 1.0 */
    }
    return is_tagged(form) ? task_state_legacy(state) : task_state_current(state);
}

static const char *role_name(enum wire_form form, bool is_agents)
{
    if (is_tagged(form)) {
        return is_agents ? "agent" : "user";
    }
    return is_agents ? "ROLE_AGENT" : "ROLE_USER";
}

/* ---- parts ---- */

/* 0.x wants an object where 1.0 takes anything. */
static void append_data(struct buffer *buffer, enum wire_form form, struct json_value value)
{
    append_name(buffer, "data");
    if (form == WIRE_CURRENT) {
        buffer_append(buffer, value.text);
        return;
    }
    buffer_append_string(buffer, form == WIRE_LEGACY_REST ? "{\"data\":" : "");
    if (value.kind == JSON_OBJECT) {
        buffer_append(buffer, value.text);
    } else {
        buffer_append_string(buffer, "{\"value\":");
        buffer_append(buffer, value.text);
        buffer_append_byte(buffer, '}');
    }
    buffer_append_string(buffer, form == WIRE_LEGACY_REST ? "}" : "");
}

static void append_file(struct buffer *buffer, enum wire_form form, const struct part *part)
{
    bool is_bytes = part->kind == PART_BYTES;
    if (form == WIRE_CURRENT) {
        append_value(buffer, is_bytes ? "raw" : "url", part->value);
        append_value(buffer, "filename", part->filename);
        append_value(buffer, "mediaType", part->media_type);
        return;
    }
    append_name(buffer, "file");
    buffer_append_byte(buffer, '{');
    if (form == WIRE_LEGACY_REST) {
        append_value(buffer, is_bytes ? "fileWithBytes" : "fileWithUri", part->value);
    } else {
        append_value(buffer, is_bytes ? "bytes" : "uri", part->value);
        append_value(buffer, "name", part->filename);
    }
    append_value(buffer, "mimeType", part->media_type);
    buffer_append_byte(buffer, '}');
}

void wire_append_part(struct buffer *buffer, enum wire_form form, const struct part *part)
{
    buffer_append_byte(buffer, '{');
    switch (part->kind) {
    case PART_TEXT:
        append_kind(buffer, form, "text");
        append_value(buffer, "text", part->value);
        break;
    case PART_DATA:
        append_kind(buffer, form, "data");
        append_data(buffer, form, part->value);
        break;
    case PART_BYTES:
    case PART_URL:
        append_kind(buffer, form, "file");
        append_file(buffer, form, part);
        break;
    }
    if (form == WIRE_CURRENT && part->kind != PART_BYTES && part->kind != PART_URL) {
        append_value(buffer, "filename", part->filename);
        append_value(buffer, "mediaType", part->media_type);
    }
    if (form != WIRE_LEGACY_REST) { /* it has no such member there */
        append_value(buffer, "metadata", part->metadata);
    }
    buffer_append_byte(buffer, '}');
}

void wire_append_parts(struct buffer *buffer, enum wire_form form, struct json_value parts)
{
    struct json_walk walk = json_walk_begin(parts);
    struct json_value value;
    struct part part;
    bool is_first = true;
    buffer_append_byte(buffer, '[');
    while (json_walk_next(&walk, NULL, &value)) {
        if (part_read(value, &part)) {
            buffer_append_string(buffer, is_first ? "" : ",");
            wire_append_part(buffer, form, &part);
            is_first = false;
        }
    }
    buffer_append_byte(buffer, ']');
}

/* ---- messages ---- */

static const char *parts_name(enum wire_form form)
{
    return form == WIRE_LEGACY_REST ? "content" : "parts";
}

/* Ids are ours: the client knows the task by no other. */
static void append_message(struct buffer *buffer, enum wire_form form,
                           const struct message *message, const struct task *task)
{
    buffer_append_byte(buffer, '{');
    append_kind(buffer, form, "message");
    append_value(buffer, "messageId", message->id);
    append_context(buffer, task);
    append_id(buffer, "taskId", task);
    append_string(buffer, "role", role_name(form, message->is_agents));
    append_name(buffer, parts_name(form));
    wire_append_parts(buffer, form, message->parts);
    append_value(buffer, "metadata", message->metadata);
    append_value(buffer, "extensions", message->extensions);
    if (form != WIRE_LEGACY_REST) {
        append_value(buffer, "referenceTaskIds", message->reference_task_ids);
    }
    buffer_append_byte(buffer, '}');
}

/* A message of one part that the gateway words itself. */
static void append_own_message(struct buffer *buffer, enum wire_form form, const struct task *task,
                               const char *suffix, bool is_agents, const struct part *part)
{
    buffer_append_byte(buffer, '{');
    append_kind(buffer, form, "message");
    append_name(buffer, "messageId");
    buffer_append_format(buffer, "\"%s-%s\"", task->id, suffix);
    append_context(buffer, task);
    append_id(buffer, "taskId", task);
    append_string(buffer, "role", role_name(form, is_agents));
    append_name(buffer, parts_name(form));
    buffer_append_byte(buffer, '[');
    wire_append_part(buffer, form, part);
    buffer_append_string(buffer, "]}");
}

/* ---- results ---- */

/* A result that an A2A agent gave: a Task, bare or in {"task": ...}, or a Message. */
static bool result_of_agent(const struct task *task, struct json_value *ret_task,
                            struct message *ret_message, bool *ret_is_message)
{
    struct json_value result;
    *ret_is_message = false;
    if (!task->result_is_a2a || task->result.length == 0 ||
        json_parse(task->result, JSON_DUPLICATES_UNCHECKED, &result, NULL) != STATUS_OK) {
        return false;
    }
    struct json_value inner = json_given(result, "task");
    struct json_value message = json_given(result, "message");
    if (inner.kind == JSON_OBJECT) {
        *ret_task = inner;
        return true;
    }
    if (message.kind != JSON_OBJECT && json_given(result, "messageId").kind == JSON_STRING) {
        message = result;
    }
    if (message.kind == JSON_OBJECT) {
        *ret_is_message = true;
        return message_read(message, ret_message, NULL) == STATUS_OK;
    }
    *ret_task = result;
    return true;
}

static void append_artifact(struct buffer *buffer, enum wire_form form,
                            const struct artifact *artifact, size_t index)
{
    buffer_append_byte(buffer, '{');
    if (artifact->id.kind == JSON_STRING) {
        append_value(buffer, "artifactId", artifact->id);
    } else {
        append_name(buffer, "artifactId");
        buffer_append_format(buffer, "\"artifact-%zu\"", index);
    }
    append_value(buffer, "name", artifact->name);
    append_value(buffer, "description", artifact->description);
    append_name(buffer, "parts");
    wire_append_parts(buffer, form, artifact->parts);
    append_value(buffer, "metadata", artifact->metadata);
    append_value(buffer, "extensions", artifact->extensions);
    buffer_append_byte(buffer, '}');
}

/* The reply of a chat agent: its text, else all of it. */
static void append_reply_artifact(struct buffer *buffer, enum wire_form form,
                                  struct json_value reply)
{
    struct part part = {.kind = PART_TEXT, .value = chat_reply_text(reply)};
    if (part.value.kind != JSON_STRING) {
        part.kind = PART_DATA;
        part.value = reply;
    }
    buffer_append_byte(buffer, '{');
    append_string(buffer, "artifactId", "result");
    append_string(buffer, "name", "result");
    append_name(buffer, "parts");
    buffer_append_byte(buffer, '[');
    wire_append_part(buffer, form, &part);
    buffer_append_string(buffer, "]}");
}

/* The artifact at <index>; false when there are no more. */
static bool append_artifact_at(struct buffer *buffer, enum wire_form form, const struct task *task,
                               size_t index)
{
    struct json_value agents_task, value;
    struct message message;
    struct artifact artifact;
    bool is_message;
    if (result_of_agent(task, &agents_task, &message, &is_message)) {
        if (is_message) {
            if (index == 0) {
                artifact = (struct artifact){.parts = message.parts, .metadata = message.metadata};
                append_artifact(buffer, form, &artifact, index);
            }
            return index == 0;
        }
        struct json_walk walk = json_walk_begin(json_given(agents_task, "artifacts"));
        size_t at = 0;
        while (json_walk_next(&walk, NULL, &value)) {
            if (artifact_read(value, &artifact, NULL) == STATUS_OK && at++ == index) {
                append_artifact(buffer, form, &artifact, index);
                return true;
            }
        }
        return false;
    }
    if (index > 0 || task->state != TASK_COMPLETED || task->result.length == 0 ||
        json_parse(task->result, JSON_DUPLICATES_UNCHECKED, &value, NULL) != STATUS_OK) {
        return false;
    }
    append_reply_artifact(buffer, form, value);
    return true;
}

static void append_artifacts(struct buffer *buffer, enum wire_form form, const struct task *task)
{
    size_t start = buffer->length;
    size_t index = 0;
    append_name(buffer, "artifacts");
    buffer_append_byte(buffer, '[');
    for (;; index++) {
        size_t before = buffer->length;
        buffer_append_string(buffer, index > 0 ? "," : "");
        if (!append_artifact_at(buffer, form, task, index) || buffer->failed) {
            buffer->length = before;
            break;
        }
    }
    buffer_append_byte(buffer, ']');
    if (index == 0 && !buffer->failed) {
        buffer->length = start; /* an array that is there holds at least one */
    }
}

/* ---- status and history ---- */

static void append_status(struct buffer *buffer, enum wire_form form, const struct task *task)
{
    struct json_value agents_task;
    struct message message;
    bool is_message;
    append_name(buffer, "status");
    buffer_append_byte(buffer, '{');
    append_string(buffer, "state", state_name(form, task->state));
    if (result_of_agent(task, &agents_task, &message, &is_message) && !is_message &&
        message_read(json_given(json_given(agents_task, "status"), "message"), &message, NULL) ==
            STATUS_OK) {
        append_name(buffer, "message");
        append_message(buffer, form, &message, task);
    } else if (task->detail.length > 0) {
        struct buffer quoted;
        buffer_init(&quoted, task->detail.length * 6 + 2);
        buffer_append_json_string(&quoted, task->detail);
        struct part part = {.kind = PART_TEXT, .value = {JSON_STRING, buffer_slice(&quoted)}};
        buffer->failed = buffer->failed || quoted.failed;
        append_name(buffer, "message");
        append_own_message(buffer, form, task, "status", true, &part);
        buffer_clear(&quoted);
    }
    append_time(buffer, task->updated_us);
    buffer_append_byte(buffer, '}');
}

static void append_history_message(struct buffer *buffer, enum wire_form form,
                                   const struct task *task, struct json_value value)
{
    struct message message;
    char last = buffer->length > 0 ? buffer->data[buffer->length - 1] : '[';
    buffer_append_string(buffer, last == '[' ? "" : ",");
    if (message_read(value, &message, NULL) == STATUS_OK) {
        append_message(buffer, form, &message, task);
    } else {
        struct part part = {.kind = PART_DATA, .value = value};
        append_own_message(buffer, form, task, "input", false, &part);
    }
}

static void append_history(struct buffer *buffer, enum wire_form form, const struct task *task,
                           int64_t length)
{
    struct json_value input, list = {0}, value;
    uint64_t count = 1;
    if (length == 0 || task->input.length == 0 ||
        json_parse(task->input, JSON_DUPLICATES_UNCHECKED, &input, NULL) != STATUS_OK) {
        return;
    }
    if (task->history.length > 0 &&
        json_parse(task->history, JSON_DUPLICATES_UNCHECKED, &list, NULL) != STATUS_OK) {
        list = (struct json_value){0};
    }
    struct json_walk walk = json_walk_begin(list);
    while (json_walk_next(&walk, NULL, &value)) {
        count++;
    }
    uint64_t skipped = length > 0 && count > (uint64_t)length ? count - (uint64_t)length : 0;
    append_name(buffer, "history");
    buffer_append_byte(buffer, '[');
    walk = json_walk_begin(list);
    for (uint64_t at = 0; json_walk_next(&walk, NULL, &value); at++) {
        if (at >= skipped) {
            append_history_message(buffer, form, task, value);
        }
    }
    append_history_message(buffer, form, task, input);
    buffer_append_byte(buffer, ']');
}

/* ---- tasks ---- */

void wire_append_task(struct buffer *buffer, enum wire_form form, const struct task *task,
                      struct wire_task_options options)
{
    buffer_append_byte(buffer, '{');
    append_kind(buffer, form, "task");
    append_id(buffer, "id", task);
    append_context(buffer, task);
    append_status(buffer, form, task);
    if (options.with_artifacts) {
        append_artifacts(buffer, form, task);
    }
    append_history(buffer, form, task, options.history_length);
    buffer_append_byte(buffer, '}');
}

void wire_append_sent(struct buffer *buffer, enum wire_form form, const struct task *task,
                      struct wire_task_options options)
{
    buffer_append_string(buffer, is_tagged(form) ? "" : "{\"task\":");
    wire_append_task(buffer, form, task, options);
    buffer_append_string(buffer, is_tagged(form) ? "" : "}");
}

void wire_append_task_event(struct buffer *buffer, enum wire_form form, const struct task *task,
                            struct wire_task_options options)
{
    wire_append_sent(buffer, form, task, options);
}

void wire_append_status_event(struct buffer *buffer, enum wire_form form, const struct task *task,
                              bool is_final)
{
    buffer_append_string(buffer, is_tagged(form) ? "{" : "{\"statusUpdate\":{");
    append_kind(buffer, form, "status-update");
    append_id(buffer, "taskId", task);
    append_context(buffer, task);
    append_status(buffer, form, task);
    if (form != WIRE_CURRENT) {
        append_name(buffer, "final");
        buffer_append_string(buffer, is_final ? "true" : "false");
    }
    buffer_append_string(buffer, is_tagged(form) ? "}" : "}}");
}

bool wire_append_artifact_event(struct buffer *buffer, enum wire_form form, const struct task *task,
                                size_t index)
{
    size_t start = buffer->length;
    buffer_append_string(buffer, is_tagged(form) ? "{" : "{\"artifactUpdate\":{");
    append_kind(buffer, form, "artifact-update");
    append_id(buffer, "taskId", task);
    append_context(buffer, task);
    append_name(buffer, "artifact");
    if (!append_artifact_at(buffer, form, task, index)) {
        buffer->length = start;
        return false;
    }
    buffer_append_string(buffer, ",\"lastChunk\":true");
    buffer_append_string(buffer, is_tagged(form) ? "}" : "}}");
    return true;
}

void wire_append_page(struct buffer *buffer, enum wire_form form, const struct task_job *list,
                      struct wire_task_options options)
{
    buffer_append_string(buffer, "{\"tasks\":[");
    for (size_t i = 0; i < list->tasks_count; i++) {
        buffer_append_string(buffer, i > 0 ? "," : "");
        wire_append_task(buffer, form, &list->tasks[i], options);
    }
    buffer_append_string(buffer, "],\"nextPageToken\":");
    buffer_append_json_string(buffer, slice_from_string(list->token));
    buffer_append_format(buffer, ",\"pageSize\":%zu,\"totalSize\":%llu}", list->query.limit,
                         (unsigned long long)list->total);
}

/* ---- webhooks ---- */

static void append_push_members(struct buffer *buffer, enum wire_form form,
                                const struct task_push *push)
{
    append_text(buffer, "id", push->id);
    append_text(buffer, "url", push->url);
    if (push->token.length > 0) {
        append_text(buffer, "token", push->token);
    }
    if (push->scheme.length > 0) {
        append_name(buffer, "authentication");
        buffer_append_string(buffer, form == WIRE_CURRENT ? "{\"scheme\":" : "{\"schemes\":[");
        buffer_append_json_string(buffer, push->scheme);
        buffer_append_string(buffer, form == WIRE_CURRENT ? "" : "]");
        if (push->credentials.length > 0) {
            append_text(buffer, "credentials", push->credentials);
        }
        buffer_append_byte(buffer, '}');
    }
}

void wire_append_push(struct buffer *buffer, enum wire_form form, const struct task_push *push)
{
    buffer_append_byte(buffer, '{');
    if (form == WIRE_LEGACY_REST) {
        append_name(buffer, "name");
        buffer_append_format(buffer, "\"tasks/%s/pushNotificationConfigs/", push->task_id);
        struct buffer quoted;
        buffer_init(&quoted, push->id.length * 6 + 2);
        buffer_append_json_string(&quoted, push->id);
        if (!quoted.failed) {
            buffer_append(buffer, slice_after(buffer_slice(&quoted), 1));
        }
        buffer->failed = buffer->failed || quoted.failed;
        buffer_clear(&quoted);
    } else {
        append_string(buffer, "taskId", push->task_id);
    }
    if (form == WIRE_CURRENT) {
        append_push_members(buffer, form, push);
    } else {
        append_name(buffer, "pushNotificationConfig");
        buffer_append_byte(buffer, '{');
        append_push_members(buffer, form, push);
        buffer_append_byte(buffer, '}');
    }
    buffer_append_byte(buffer, '}');
}

void wire_append_pushes(struct buffer *buffer, enum wire_form form, const struct task_push *pushes,
                        size_t count)
{
    buffer_append_string(buffer, is_tagged(form) ? "[" : "{\"configs\":[");
    for (size_t i = 0; i < count; i++) {
        buffer_append_string(buffer, i > 0 ? "," : "");
        wire_append_push(buffer, form, &pushes[i]);
    }
    buffer_append_string(buffer, is_tagged(form) ? "]" : "],\"nextPageToken\":\"\"}");
}

/* ---- envelopes and errors ---- */

void wire_append_result_begin(struct buffer *buffer, struct slice id)
{
    buffer_append_string(buffer, "{\"jsonrpc\":\"2.0\",\"id\":");
    buffer_append(buffer, id);
    buffer_append_string(buffer, ",\"result\":");
}

void wire_append_result_end(struct buffer *buffer)
{
    buffer_append_byte(buffer, '}');
}

static void append_error_details(struct buffer *buffer, const struct a2a_outcome_row *row,
                                 const char *text)
{
    buffer_append_byte(buffer, '[');
    if (row->reason[0] != '\0') {
        buffer_append_string(buffer, "{\"@type\":\"type.googleapis.com/google.rpc.ErrorInfo\","
                                     "\"reason\":\"");
        buffer_append_string(buffer, row->reason);
        buffer_append_string(buffer, "\",\"domain\":\"a2a-protocol.org\",\"metadata\":{}}");
    } else if (row->rpc_code == -32602) {
        buffer_append_string(buffer, "{\"@type\":\"type.googleapis.com/google.rpc.BadRequest\","
                                     "\"fieldViolations\":[{\"field\":\"\",\"description\":");
        buffer_append_json_string(buffer, slice_from_string(text));
        buffer_append_string(buffer, "}]}");
    }
    buffer_append_byte(buffer, ']');
}

static const char *text_or_own(const struct a2a_outcome_row *row, const char *text)
{
    return text != NULL && text[0] != '\0' ? text : row->text;
}

void wire_append_error(struct buffer *buffer, struct slice id, enum a2a_outcome outcome,
                       const char *text)
{
    const struct a2a_outcome_row *row = a2a_outcome_row(outcome);
    const char *message = text_or_own(row, text);
    buffer_append_string(buffer, "{\"jsonrpc\":\"2.0\",\"id\":");
    buffer_append(buffer, id.length > 0 ? id : SLICE("null"));
    buffer_append_format(buffer, ",\"error\":{\"code\":%d,\"message\":", row->rpc_code);
    buffer_append_json_string(buffer, slice_from_string(message));
    buffer_append_string(buffer, ",\"data\":");
    append_error_details(buffer, row, message);
    buffer_append_string(buffer, "}}");
}

void wire_append_rest_error(struct buffer *buffer, enum wire_form form, enum a2a_outcome outcome,
                            const char *text)
{
    const struct a2a_outcome_row *row = a2a_outcome_row(outcome);
    const char *message = text_or_own(row, text);
    if (form != WIRE_CURRENT) {
        buffer_append_format(buffer, "{\"code\":%d,\"message\":", row->rpc_code);
        buffer_append_json_string(buffer, slice_from_string(message));
        buffer_append_byte(buffer, '}');
        return;
    }
    buffer_append_format(buffer,
                         "{\"error\":{\"code\":%u,\"status\":\"%s\",\"message\":", row->rest_status,
                         row->state);
    buffer_append_json_string(buffer, slice_from_string(message));
    buffer_append_string(buffer, ",\"details\":");
    append_error_details(buffer, row, message);
    buffer_append_string(buffer, "}}");
}

/* ---- the original's routes ---- */

void wire_append_plain_status(struct buffer *buffer, const struct task *task)
{
    buffer_append_string(buffer, "{\"state\":\"");
    buffer_append_string(buffer, task_state_plain(task->state));
    buffer_append_string(buffer, "\",\"result\":");
    if (task_is_over(task->state) && task->state != TASK_COMPLETED) {
        buffer_append_string(buffer, "{\"detail\":");
        buffer_append_json_string(buffer, task->detail.length > 0
                                              ? task->detail
                                              : slice_from_string(task_state_legacy(task->state)));
        buffer_append_byte(buffer, '}');
    } else {
        buffer_append(buffer, task->result.length > 0 ? task->result : SLICE("null"));
    }
    buffer_append_format(buffer, ",\"created\":%lld.%06lld",
                         (long long)(task->created_us / 1000000),
                         (long long)(task->created_us % 1000000));
    append_string(buffer, "task_id", task->id);
    append_text(buffer, "target", task->target_name);
    append_text(buffer, "context_id", task->context_id);
    buffer_append_byte(buffer, '}');
}

void wire_append_plain_sent(struct buffer *buffer, const struct task *task)
{
    buffer_append_string(buffer, "{\"task_id\":");
    buffer_append_json_string(buffer, slice_from_string(task->id));
    buffer_append_string(buffer, ",\"state\":\"queued\"}");
}

/* SPDX-License-Identifier: MIT
 *
 * temporal_messages.c - Temporal's messages, field by field. Any thread. */
#include "a2a/temporal_messages.h"

#include "a2a/protobuf.h"
#include "base/json.h"

static const struct slice identity = SLICE("attach-gateway");

enum {
    reuse_reject_duplicate = 3, /* WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE */
    conflict_fail = 1,          /* WORKFLOW_ID_CONFLICT_POLICY_FAIL */
    queue_normal = 1,           /* TASK_QUEUE_KIND_NORMAL */
    filter_close_event = 2,     /* HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT */
    blob_proto3 = 1,            /* ENCODING_TYPE_PROTO3 */
};

/* --- requests --- */

static void write_payload_fields(struct buffer *buffer, struct slice data)
{
    size_t entry = protobuf_begin(buffer, 1); /* Payload.metadata */
    protobuf_write_bytes(buffer, 1, SLICE("encoding"));
    protobuf_write_bytes(buffer, 2, SLICE("json/plain"));
    protobuf_end(buffer, entry);
    protobuf_write_bytes(buffer, 2, data); /* Payload.data */
}

/* One entry of map<string, Payload>: a JSON string. */
static void write_named_text(struct buffer *buffer, struct slice name, struct slice text)
{
    size_t entry = protobuf_begin(buffer, 1);
    protobuf_write_bytes(buffer, 1, name);
    size_t payload = protobuf_begin(buffer, 2);
    size_t metadata = protobuf_begin(buffer, 1);
    protobuf_write_bytes(buffer, 1, SLICE("encoding"));
    protobuf_write_bytes(buffer, 2, SLICE("json/plain"));
    protobuf_end(buffer, metadata);
    size_t data = protobuf_begin(buffer, 2);
    buffer_append_json_string(buffer, text);
    protobuf_end(buffer, data);
    protobuf_end(buffer, payload);
    protobuf_end(buffer, entry);
}

/* Memo and Header look alike; the memo is what an operator sees, the header what the workflow's
 * code and its interceptors see. */
static void write_names(struct buffer *buffer, uint32_t field, const struct temporal_call *call)
{
    size_t mark = protobuf_begin(buffer, field);
    write_named_text(buffer, SLICE("attach-user"), call->user);
    write_named_text(buffer, SLICE("attach-session"), call->session);
    write_named_text(buffer, SLICE("attach-task"), call->task_id);
    protobuf_end(buffer, mark);
}

static void write_duration(struct buffer *buffer, uint32_t field, uint64_t milliseconds)
{
    size_t mark = protobuf_begin(buffer, field);
    protobuf_write_uint(buffer, 1, milliseconds / 1000);
    protobuf_write_uint(buffer, 2, milliseconds % 1000 * 1000000);
    protobuf_end(buffer, mark);
}

static void write_named(struct buffer *buffer, uint32_t field, struct slice name)
{
    size_t mark = protobuf_begin(buffer, field);
    protobuf_write_bytes(buffer, 1, name);
    protobuf_end(buffer, mark);
}

void temporal_write_start(struct buffer *buffer, const struct temporal_settings *settings,
                          const struct temporal_call *call)
{
    protobuf_write_bytes(buffer, 1, slice_from_string(settings->name_space));
    protobuf_write_bytes(buffer, 2, call->task_id);
    write_named(buffer, 3, call->workflow_type);
    size_t queue = protobuf_begin(buffer, 4);
    protobuf_write_bytes(buffer, 1, slice_from_string(settings->task_queue));
    protobuf_write_uint(buffer, 2, queue_normal);
    protobuf_end(buffer, queue);
    size_t input = protobuf_begin(buffer, 5);
    size_t payload = protobuf_begin(buffer, 1);
    write_payload_fields(buffer, call->input);
    protobuf_end(buffer, payload);
    protobuf_end(buffer, input);
    write_duration(buffer, 6, call->timeout_ms); /* workflow_execution_timeout */
    protobuf_write_bytes(buffer, 9, identity);
    protobuf_write_bytes(buffer, 10, call->task_id); /* request_id */
    protobuf_write_uint(buffer, 11, reuse_reject_duplicate);
    write_names(buffer, 14, call);
    write_names(buffer, 16, call);
    protobuf_write_uint(buffer, 22, conflict_fail);
}

static void write_execution(struct buffer *buffer, struct slice workflow_id, struct slice run_id)
{
    size_t execution = protobuf_begin(buffer, 2);
    protobuf_write_bytes(buffer, 1, workflow_id);
    if (run_id.length > 0) {
        protobuf_write_bytes(buffer, 2, run_id);
    }
    protobuf_end(buffer, execution);
}

void temporal_write_history(struct buffer *buffer, struct slice name_space,
                            struct slice workflow_id, struct slice run_id, struct slice page_token)
{
    protobuf_write_bytes(buffer, 1, name_space);
    write_execution(buffer, workflow_id, run_id);
    if (page_token.length > 0) {
        protobuf_write_bytes(buffer, 4, page_token);
    }
    protobuf_write_uint(buffer, 5, 1); /* wait_new_event */
    protobuf_write_uint(buffer, 6, filter_close_event);
    protobuf_write_uint(buffer, 7, 1); /* skip_archival */
}

void temporal_write_cancel(struct buffer *buffer, struct slice name_space, struct slice workflow_id)
{
    protobuf_write_bytes(buffer, 1, name_space);
    write_execution(buffer, workflow_id, SLICE(""));
    protobuf_write_bytes(buffer, 3, identity);
    protobuf_write_bytes(buffer, 4, workflow_id); /* request_id */
    protobuf_write_bytes(buffer, 6, SLICE("task canceled"));
}

/* --- replies --- */

static struct slice find_bytes(struct slice message, uint32_t number)
{
    struct slice bytes = {0};
    (void)protobuf_find_bytes(message, number, &bytes);
    return bytes;
}

enum status temporal_read_start(struct slice message, struct slice *ret_run_id)
{
    if (!protobuf_is_sound(message)) {
        return STATUS_INVALID;
    }
    *ret_run_id = find_bytes(message, 1);
    return STATUS_OK;
}

/* What an event type says, where its attributes stand, and which of them names the next run. */
static const struct close_event {
    uint64_t type;
    uint32_t attributes;
    uint32_t next_run; /* 0: there is never one */
    enum temporal_end end;
} close_events[] = {
    {2, 7, 3, TEMPORAL_COMPLETED},  {3, 8, 4, TEMPORAL_FAILED},       {4, 9, 2, TEMPORAL_TIMED_OUT},
    {21, 29, 0, TEMPORAL_CANCELED}, {27, 27, 0, TEMPORAL_TERMINATED}, {28, 33, 1, TEMPORAL_FAILED},
};

enum { event_continued_as_new = 28 };

static bool read_event(struct slice event, struct temporal_history *history)
{
    uint64_t type = 0;
    if (!protobuf_is_sound(event)) {
        return false;
    }
    (void)protobuf_find_uint(event, 3, &type);
    for (size_t i = 0; i < sizeof(close_events) / sizeof(close_events[0]); i++) {
        const struct close_event *close = &close_events[i];
        if (close->type != type) {
            continue;
        }
        history->closed = true;
        history->end = close->end;
        history->attributes = find_bytes(event, close->attributes);
        if (!protobuf_is_sound(history->attributes)) {
            return false;
        }
        if (close->next_run != 0) {
            history->next_run = find_bytes(history->attributes, close->next_run);
        }
        return type != event_continued_as_new || history->next_run.length > 0;
    }
    return true;
}

/* The last event decides: with the filter there is only one, but a server that sends more is not
 * wrong. */
static bool read_events(struct slice events, struct temporal_history *history)
{
    struct slice event;
    if (!protobuf_is_sound(events)) {
        return false;
    }
    return !protobuf_find_bytes(events, 1, &event) || read_event(event, history);
}

enum status temporal_read_history(struct slice message, struct temporal_history *ret)
{
    struct temporal_history history = {0};
    struct slice events;
    struct slice blob;
    if (!protobuf_is_sound(message)) {
        return STATUS_INVALID;
    }
    history.page_token = find_bytes(message, 3);
    /* a server may be set to send histories as they are stored: the same message in a blob */
    if (protobuf_find_bytes(message, 2, &blob)) {
        uint64_t encoding = 0;
        (void)protobuf_find_uint(blob, 1, &encoding);
        if (!protobuf_is_sound(blob) || encoding != blob_proto3 ||
            !read_events(find_bytes(blob, 2), &history)) {
            return STATUS_INVALID;
        }
    }
    if (protobuf_find_bytes(message, 1, &events) && !read_events(events, &history)) {
        return STATUS_INVALID;
    }
    *ret = history;
    return STATUS_OK;
}

/* --- the end, in words --- */

static struct slice payload_encoding(struct slice payload)
{
    struct protobuf_walk walk = protobuf_walk_begin(payload);
    struct protobuf_field field;
    while (protobuf_walk_next(&walk, &field)) {
        if (field.number == 1 && field.wire == PROTOBUF_BYTES &&
            slice_equals(find_bytes(field.bytes, 1), SLICE("encoding"))) {
            return find_bytes(field.bytes, 2);
        }
    }
    return SLICE("");
}

static void append_cut(struct buffer *message, struct slice text)
{
    if (text.length > temporal_text_bytes_max) {
        text.length = temporal_text_bytes_max;
    }
    buffer_append(message, text);
}

/* A workflow returns one payload, or none at all. */
static enum temporal_end describe_result(struct slice payloads, struct buffer *result,
                                         struct buffer *message)
{
    struct slice payload = {0};
    struct json_value value;
    struct failure failure;
    bool has_payload = protobuf_find_bytes(payloads, 1, &payload);
    if (!protobuf_is_sound(payloads) || !protobuf_is_sound(payload)) {
        buffer_append_string(message, "the workflow's result cannot be read");
        return TEMPORAL_FAILED;
    }
    if (!has_payload) {
        buffer_append_string(result, "null");
        return TEMPORAL_COMPLETED;
    }
    struct slice encoding = payload_encoding(payload);
    struct slice data = find_bytes(payload, 2);
    if (slice_equals(encoding, SLICE("binary/null"))) {
        buffer_append_string(result, "null");
    } else if (slice_equals(encoding, SLICE("json/plain")) ||
               slice_equals(encoding, SLICE("json/protobuf"))) {
        if (json_parse(data, JSON_DUPLICATES_UNCHECKED, &value, &failure) != STATUS_OK) {
            buffer_append_format(message, "the workflow's result is not JSON: %s", failure.text);
            return TEMPORAL_FAILED;
        }
        buffer_append(result, value.text);
    } else {
        buffer_append_string(result, "{\"encoding\":");
        buffer_append_json_string(result, encoding);
        buffer_append_string(result, ",\"bytes\":");
        buffer_append_uint(result, data.length);
        buffer_append_byte(result, '}');
    }
    return TEMPORAL_COMPLETED;
}

/* An activity's failure is the cause of its workflow's: the outer message alone says little. */
static void describe_failure(struct slice failure, struct buffer *message)
{
    buffer_append_string(message, "workflow failed");
    for (unsigned depth = 0; depth < temporal_causes_max; depth++) {
        struct slice text = find_bytes(failure, 1);
        if (text.length > 0) {
            buffer_append_string(message, ": ");
            append_cut(message, text);
        }
        if (!protobuf_find_bytes(failure, 4, &failure)) {
            return;
        }
    }
}

enum temporal_end temporal_describe(const struct temporal_history *history, struct buffer *result,
                                    struct buffer *message)
{
    struct slice reason;
    switch (history->end) {
    case TEMPORAL_COMPLETED:
        return describe_result(find_bytes(history->attributes, 1), result, message);
    case TEMPORAL_FAILED:
        describe_failure(find_bytes(history->attributes, 1), message);
        break;
    case TEMPORAL_TIMED_OUT:
        buffer_append_string(message, "workflow timed out");
        break;
    case TEMPORAL_CANCELED:
        buffer_append_string(message, "workflow was canceled");
        break;
    case TEMPORAL_TERMINATED:
        reason = find_bytes(history->attributes, 1);
        buffer_append_string(message, "workflow was terminated");
        if (reason.length > 0) {
            buffer_append_string(message, ": ");
            append_cut(message, reason);
        }
        break;
    case TEMPORAL_REFUSED:
    case TEMPORAL_UNREACHABLE:
        break; /* no event says so */
    }
    return history->end;
}

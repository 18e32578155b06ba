/* SPDX-License-Identifier: MIT
 *
 * event_json.c - events as JSON: first the original's members, which are always there, then what
 * the row has. */
#include "mem/event_json.h"

#include "base/base64url.h"
#include "base/json.h"
#include "base/log.h"
#include "mem/event_columns.h"

enum {
    place_bytes = 8 + event_blob_length,
    cursor_characters = BASE64URL_ENCODED_SIZE(place_bytes),
};

static void append_name(struct buffer *buffer, const char *name)
{
    buffer_append_string(buffer, ",\"");
    buffer_append_string(buffer, name);
    buffer_append_string(buffer, "\":");
}

static void append_text(struct buffer *buffer, const char *name, struct slice text)
{
    if (text.data != NULL) {
        append_name(buffer, name);
        buffer_append_json_string(buffer, text);
    }
}

/* Stored JSON as it is; what is none, as a string, so that the whole stays JSON. */
static void append_json(struct buffer *buffer, const char *name, struct slice text)
{
    struct json_value value;
    struct failure failure;
    if (text.data == NULL) {
        return;
    }
    append_name(buffer, name);
    if (json_parse(text, JSON_DUPLICATES_UNCHECKED, &value, &failure) == STATUS_OK) {
        buffer_append(buffer, value.text);
    } else {
        buffer_append_json_string(buffer, text);
    }
}

static void append_time(struct buffer *buffer, const char *name, int64_t wall_us)
{
    if (wall_us != 0) {
        append_name(buffer, name);
        buffer_append_byte(buffer, '"');
        log_append_time(buffer, wall_us);
        buffer_append_byte(buffer, '"');
    }
}

static void append_count(struct buffer *buffer, const char *name, int64_t count)
{
    if (count >= 0) {
        append_name(buffer, name);
        buffer_append_uint(buffer, (uint64_t)count);
    }
}

static void append_switch(struct buffer *buffer, const char *name, bool value)
{
    append_name(buffer, name);
    buffer_append_string(buffer, value ? "true" : "false");
}

static void append_exchange(struct buffer *buffer, const struct event *event)
{
    append_text(buffer, "model", event->model);
    append_text(buffer, "prompt", event->prompt);
    append_text(buffer, "completion", event->completion);
    append_count(buffer, "tokens_in", event->tokens_in);
    append_count(buffer, "tokens_out", event->tokens_out);
    append_text(buffer, "finish_reason", event->finish_reason);
    append_count(buffer, "status", event->status == 0 ? -1 : (int64_t)event->status);
    append_switch(buffer, "complete", event->complete);
    append_switch(buffer, "aborted", event->aborted);
    append_switch(buffer, "truncated", event->truncated);
    append_switch(buffer, "withheld", event->withheld);
    append_time(buffer, "started", event->started_us);
    append_time(buffer, "first_token", event->first_token_us);
    append_time(buffer, "ended", event->ended_us);
}

void event_append_json(struct buffer *buffer, const struct event *event)
{
    buffer_append_string(buffer, "{\"timestamp\":\"");
    log_append_time(buffer, event->timestamp_us);
    buffer_append_string(buffer, "\",\"event\":");
    buffer_append_json_string(buffer, event->event);
    buffer_append_string(buffer, ",\"user\":");
    buffer_append_json_string(buffer, event->user);
    buffer_append_string(buffer, ",\"state\":");
    if (event->state.data == NULL) {
        buffer_append_string(buffer, "null");
    } else {
        buffer_append_json_string(buffer, event->state);
    }
    buffer_append_string(buffer, ",\"_additional\":{\"id\":\"");
    buffer_append_string(buffer, event->id);
    buffer_append_string(buffer, "\"}");
    append_text(buffer, "session_id", event->session);
    append_text(buffer, "task_id", event->task);
    append_json(buffer, "result", event->result);
    append_json(buffer, "payload", event->payload);
    append_text(buffer, "run_id", event->run_id);
    append_text(buffer, "level", event->level);
    append_text(buffer, "message", event->message);
    append_text(buffer, "agent", event->agent);
    append_text(buffer, "request_id", event->request_id);
    if (event->is_exchange) {
        append_exchange(buffer, event);
    }
    buffer_append_byte(buffer, '}');
}

void event_append_page(struct buffer *buffer, const struct event_page *page)
{
    buffer_append_string(buffer, "{\"data\":{\"Get\":{\"MemoryEvent\":[");
    for (size_t i = 0; i < page->count; i++) {
        if (i > 0) {
            buffer_append_byte(buffer, ',');
        }
        event_append_json(buffer, &page->events[i]);
    }
    buffer_append_string(buffer, "]}},\"cursor\":");
    if (page->has_more && page->count > 0) {
        buffer_append_byte(buffer, '"');
        event_append_cursor(buffer, &page->events[page->count - 1]);
        buffer_append_byte(buffer, '"');
    } else {
        buffer_append_string(buffer, "null");
    }
    buffer_append_byte(buffer, '}');
}

void event_append_cursor(struct buffer *buffer, const struct event *event)
{
    unsigned char place[place_bytes] = {0};
    char text[cursor_characters];
    for (size_t i = 0; i < 8; i++) {
        place[i] = (unsigned char)((uint64_t)event->timestamp_us >> (56 - 8 * i));
    }
    if (!event_id_to_blob(event->id, place + 8)) {
        buffer->failed = true; /* no event has such an id */
        return;
    }
    buffer_append(buffer, slice_make(text, base64url_encode(place, sizeof(place), text)));
}

bool event_cursor_parse(struct slice text, struct backend_query *query)
{
    unsigned char place[BASE64URL_DECODED_SIZE(cursor_characters)];
    size_t length = 0;
    if (text.length != cursor_characters || !base64url_decode(text, place, &length) ||
        length != place_bytes) {
        return false;
    }
    uint64_t timestamp = 0;
    for (size_t i = 0; i < 8; i++) {
        timestamp = timestamp << 8 | place[i];
    }
    query->has_before = true;
    query->before_us = (int64_t)timestamp;
    event_id_from_blob(slice_make((const char *)place + 8, event_blob_length), query->before_id);
    return true;
}

bool event_id_is_sound(struct slice text)
{
    return event_id_is_text(text);
}

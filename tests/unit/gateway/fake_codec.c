/* SPDX-License-Identifier: MIT
 *
 * fake_codec.c - see fake_codec.h. */
#include "fake_codec.h"

#include <assert.h>

enum { fake_codec_bytes_max = 64 * 1024 * 1024 };

struct fake_codec_seen fake_codec_seen;

void fake_codec_forget(void)
{
    struct fake_codec_seen *seen = &fake_codec_seen;
    buffer_clear(&seen->calls);
    buffer_clear(&seen->fields);
    buffer_clear(&seen->body);
    *seen = (struct fake_codec_seen){0};
    buffer_init(&seen->calls, fake_codec_bytes_max);
    buffer_init(&seen->fields, fake_codec_bytes_max);
    buffer_init(&seen->body, fake_codec_bytes_max);
}

static const char *fake_codec_string(struct buffer *buffer)
{
    char *end = buffer_reserve(buffer, 1);
    assert(end != NULL);
    *end = '\0';
    return buffer->data;
}

const char *fake_codec_calls(void)
{
    return fake_codec_string(&fake_codec_seen.calls);
}

const char *fake_codec_fields(void)
{
    return fake_codec_string(&fake_codec_seen.fields);
}

/* Without a socket: what waits to be flushed counts as flushed. */
const char *fake_codec_body(void)
{
    struct fake_codec_seen *seen = &fake_codec_seen;
    for (size_t i = 0; i < seen->pending_count; i++) {
        buffer_append(&seen->body, seen->pending[i]);
    }
    seen->pending_count = 0;
    assert(!seen->body.failed);
    return fake_codec_string(&fake_codec_seen.body);
}

size_t fake_codec_count(const char *line)
{
    struct slice rest = buffer_slice(&fake_codec_seen.fields);
    size_t count = 0;
    while (rest.length > 0) {
        size_t end = slice_find(rest, '\n');
        count += slice_equals(slice_make(rest.data, end), slice_from_string(line)) ? 1 : 0;
        rest = slice_after(rest, end + 1);
    }
    return count;
}

static void fake_codec_note(const char *call)
{
    buffer_append_string(&fake_codec_seen.calls, call);
    buffer_append_byte(&fake_codec_seen.calls, ' ');
}

/* ---- the connection's side ---- */

static void fake_begin_request(struct connection *connection, struct slice line)
{
    struct buffer head;
    buffer_init(&head, fake_codec_bytes_max);
    for (size_t i = 0; i < line.length; i++) {
        if (line.data[i] == '|') {
            buffer_append_string(&head, "\r\n");
        } else {
            buffer_append_byte(&head, line.data[i]);
        }
    }
    assert(!head.failed);
    connection_enter(connection, CONNECTION_REQUEST);
    connection->requests++;
    connection->request = request_create(connection, buffer_slice(&head));
    buffer_clear(&head);
    assert(connection->request != NULL);
    connection->body_expected = false;
    connection->request->body_ended = true;
    request_run(connection->request);
}

static size_t fake_received(struct connection *connection, struct slice bytes)
{
    size_t used = 0;
    fake_codec_note("received");
    while (used < bytes.length &&
           (connection->state == CONNECTION_IDLE || connection->state == CONNECTION_HEAD)) {
        struct slice rest = slice_after(bytes, used);
        size_t end = slice_find(rest, '\n');
        if (connection->state == CONNECTION_IDLE) {
            connection_enter(connection, CONNECTION_HEAD);
        }
        if (end == rest.length) {
            break;
        }
        fake_begin_request(connection, slice_make(rest.data, end));
        used += end + 1;
    }
    return used;
}

static void fake_timed_out(struct connection *connection)
{
    fake_codec_note("timed_out");
    if (connection->request != NULL) {
        request_refuse(connection->request, 408, "body_timeout", "too slow");
    } else {
        connection_close(connection, false);
    }
}

static void fake_written(struct connection *connection)
{
    fake_codec_note("written");
    connection_enter(connection, CONNECTION_IDLE);
    connection_process(connection);
}

static void fake_request_over(struct connection *connection)
{
    fake_codec_note("over");
    if (connection->state != CONNECTION_REQUEST) {
        return;
    }
    if (connection->broken) {
        connection_close(connection, true);
    } else if (connection->output.length > 0) {
        connection_enter(connection, CONNECTION_FLUSH);
        connection_update(connection);
    } else {
        connection_enter(connection, CONNECTION_IDLE);
        connection_process(connection);
    }
}

/* ---- the request's side ---- */

static void fake_body_start(struct request *request)
{
    fake_codec_note("body_start");
}

static void fake_body_pause(struct request *request)
{
    fake_codec_note("body_pause");
}

static void fake_body_resume(struct request *request)
{
    fake_codec_note("body_resume");
}

static void fake_reply_head(struct request *request, const struct reply_head *head)
{
    struct fake_codec_seen *seen = &fake_codec_seen;
    fake_codec_note("head");
    seen->status = head->status;
    seen->has_length = head->has_length;
    seen->length = head->length;
    seen->has_body = head->has_body;
    buffer_reset(&seen->fields);
    for (size_t i = 0; i < head->fields_count; i++) {
        buffer_append(&seen->fields, head->fields[i].name);
        buffer_append_string(&seen->fields, ": ");
        buffer_append(&seen->fields, head->fields[i].value);
        buffer_append_byte(&seen->fields, '\n');
    }
}

static void fake_reply_body(struct request *request, struct slice bytes)
{
    fake_codec_note("body");
    assert(fake_codec_seen.pending_count < fake_codec_pieces_max);
    fake_codec_seen.pending[fake_codec_seen.pending_count++] = bytes;
}

static void fake_reply_end(struct request *request)
{
    fake_codec_note("end");
}

static void fake_reply_abort(struct request *request)
{
    fake_codec_note("abort");
}

static void fake_flush(struct request *request)
{
    struct connection *connection = request->connection;
    struct fake_codec_seen *seen = &fake_codec_seen;
    fake_codec_note("flush");
    for (size_t i = 0; i < seen->pending_count; i++) {
        buffer_append(&seen->body, seen->pending[i]);
        if (connection->state == CONNECTION_REQUEST) {
            gather_add(connection->gateway->worker.gather, connection, seen->pending[i]);
            connection_send(connection);
        }
    }
    assert(!seen->body.failed);
    seen->pending_count = 0;
}

const struct codec fake_codec = {
    .name = "fake",
    .received = fake_received,
    .timed_out = fake_timed_out,
    .written = fake_written,
    .body_start = fake_body_start,
    .body_pause = fake_body_pause,
    .body_resume = fake_body_resume,
    .reply_head = fake_reply_head,
    .reply_body = fake_reply_body,
    .reply_end = fake_reply_end,
    .reply_abort = fake_reply_abort,
    .flush = fake_flush,
    .request_over = fake_request_over,
};

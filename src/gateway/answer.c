/* SPDX-License-Identifier: MIT
 *
 * answer.c - see answer.h. */
#include "gateway/answer.h"

#include "gateway/cors.h"

#include <stdarg.h>
#include <stdio.h>

enum {
    answer_fields_max = 16, /* the caller's and our own */
    answer_own_fields_max = 6 + cors_fields_max,
    answer_piece_bytes = 64 * 1024, /* at once to the socket */
    answer_bytes_held_max = 128 * 1024 * 1024,
};

static bool answer_says_age(const struct field *fields, size_t fields_count)
{
    for (size_t i = 0; i < fields_count; i++) {
        if (slice_equals(fields[i].name, SLICE("Cache-Control"))) {
            return true;
        }
    }
    return false;
}

/* The head, with what every reply of ours carries. */
static bool answer_head(struct request *request, struct reply_head *head, struct slice content_type,
                        const struct field *fields, size_t fields_count)
{
    struct field all[answer_fields_max];
    size_t count = 0;
    assert(fields_count + answer_own_fields_max <= answer_fields_max);
    for (size_t i = 0; i < fields_count; i++) {
        all[count++] = fields[i];
    }
    all[count++] = (struct field){.name = SLICE("Date"), .value = gateway_date(request->gateway)};
    if (content_type.length > 0) {
        all[count++] = (struct field){.name = SLICE("Content-Type"), .value = content_type};
    }
    if (!answer_says_age(fields, fields_count)) {
        all[count++] = (struct field){.name = SLICE("Cache-Control"), .value = SLICE("no-store")};
    }
    all[count++] = (struct field){.name = SLICE("X-Request-Id"), .value = request->request_id};
    if (request->session.length > 0) {
        all[count++] =
            (struct field){.name = SLICE("X-Attach-User"), .value = request->identity.user};
        all[count++] = (struct field){.name = SLICE("X-Attach-Session"), .value = request->session};
    }
    count += cors_reply_fields(request, all + count);
    head->fields = all;
    head->fields_count = count;
    head->has_body = head->status != 204 && head->status != 304 &&
                     !slice_equals(request->head.method, SLICE("HEAD"));
    request->status = head->status;
    request->replied = true;
    request->codec->reply_head(request, head);
    return head->has_body;
}

static void answer_piece(struct request *request, struct slice bytes)
{
    request->bytes_out += bytes.length;
    request->codec->reply_body(request, bytes);
}

void answer(struct request *request, unsigned status, struct slice content_type, struct slice body,
            const struct field *fields, size_t fields_count)
{
    struct reply_head head = {
        .status = status, .has_length = status != 204 && status != 304, .length = body.length};
    if (answer_head(request, &head, content_type, fields, fields_count) && body.length > 0) {
        answer_piece(request, body);
    }
    request->codec->reply_end(request);
}

void answer_detail(struct request *request, unsigned status, const char *reason, const char *format,
                   ...)
{
    char detail[sizeof(struct failure) + 64];
    struct buffer body;
    struct slice stable;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(detail, sizeof(detail), format, arguments);
    va_end(arguments);
    request->reason = reason;
    buffer_init(&body, 8 * sizeof(detail));
    buffer_append_string(&body, "{\"detail\":");
    buffer_append_json_string(&body, slice_from_string(detail));
    buffer_append_byte(&body, '}');
    if (body.failed || !arena_copy(&request->arena, buffer_slice(&body), &stable)) {
        stable = SLICE("{\"detail\":\"out of memory\"}");
    }
    buffer_clear(&body);
    answer(request, status, SLICE("application/json"), stable, NULL, 0);
}

/* ---- longer replies ---- */

enum step_result answer_pour(struct request *request)
{
    struct connection *connection = request->connection;
    while (!connection->broken && !connection_is_full(connection)) {
        struct slice bytes = {0};
        switch (request->reply_source(request, &bytes)) {
        case SOURCE_BYTES:
            answer_piece(request, bytes);
            request->codec->flush(request);
            break;
        case SOURCE_WAITS:
            return STEP_WAIT;
        case SOURCE_END:
            request->codec->reply_end(request);
            return STEP_ANSWER;
        case SOURCE_BROKEN:
            request->codec->reply_abort(request);
            return STEP_ANSWER;
        }
    }
    return STEP_WAIT; /* until the client has read, or is seen to be gone */
}

static enum source_result answer_buffer_source(struct request *request, struct slice *ret_bytes)
{
    struct slice rest = slice_after(buffer_slice(&request->reply_text), request->reply_text_sent);
    if (rest.length == 0) {
        return SOURCE_END;
    }
    if (rest.length > answer_piece_bytes) {
        rest.length = answer_piece_bytes;
    }
    request->reply_text_sent += rest.length;
    *ret_bytes = rest;
    return SOURCE_BYTES;
}

/* Long answers of one worker that their clients have not read are bounded together; a single one is
 * always let through. Given back in answer_let_go. */
static bool answer_hold(struct request *request, size_t bytes)
{
    struct gateway *gateway = request->gateway;
    if (gateway->answers_bytes > 0 && gateway->answers_bytes + bytes > answer_bytes_held_max) {
        return false;
    }
    gateway->answers_bytes += bytes;
    request->reply_text_held = bytes;
    return true;
}

void answer_let_go(struct request *request)
{
    request->gateway->answers_bytes -= request->reply_text_held;
    request->reply_text_held = 0;
    buffer_clear(&request->reply_text);
}

enum step_result answer_buffer(struct request *request, unsigned status, struct slice content_type,
                               struct buffer *take_text)
{
    if (take_text->failed) {
        buffer_clear(take_text);
        answer_detail(request, 503, "out_of_memory", "out of memory");
        return STEP_ANSWER;
    }
    if (take_text->length > answer_piece_bytes && !answer_hold(request, take_text->length)) {
        buffer_clear(take_text);
        answer_detail(request, 503, "answers_busy",
                      "too many long answers wait for their readers: try again");
        return STEP_ANSWER;
    }
    request->reply_text = *take_text;
    if (take_text->length <= answer_piece_bytes) {
        answer(request, status, content_type, buffer_slice(&request->reply_text), NULL, 0);
        return STEP_ANSWER;
    }
    struct reply_head head = {.status = status, .has_length = true, .length = take_text->length};
    if (!answer_head(request, &head, content_type, NULL, 0)) {
        request->codec->reply_end(request);
        return STEP_ANSWER;
    }
    request->reply_source = answer_buffer_source;
    return STEP_WAIT;
}

enum step_result answer_stream(struct request *request, unsigned status, struct slice content_type,
                               reply_source *source)
{
    struct reply_head head = {.status = status};
    if (!answer_head(request, &head, content_type, NULL, 0)) {
        request->codec->reply_end(request);
        return STEP_ANSWER;
    }
    request->reply_source = source;
    return STEP_WAIT;
}

/* SPDX-License-Identifier: MIT
 *
 * request.c - a request's life, and the loop that takes it through the steps. */
#include "gateway/request.h"

#include "base/clock.h"
#include "gateway/answer.h"
#include "gateway/mirror.h"
#include "gateway/steps.h"

#include <stdlib.h>

static const struct step steps[STEP_COUNT] = {
#define STEP_CANCEL_GOES(name) NULL
#define STEP_CANCEL_WAITS(name) step_##name##_cancel
#define STEP(name_, waits)                                                                         \
    [STEP_##name_] = {.name = #name_, .run = step_##name_, .cancel = STEP_CANCEL_##waits(name_)},
#include "gateway/steps.def"
#undef STEP
#undef STEP_CANCEL_GOES
#undef STEP_CANCEL_WAITS
};

/* ---- beginning ---- */

static struct request *request_allocate(struct connection *connection)
{
    struct request *request = calloc(1, sizeof(*request));
    if (request == NULL) {
        return NULL;
    }
    request->gateway = connection->gateway;
    request->connection = connection;
    request->codec = connection->codec;
    request->started_us = clock_monotonic_us();
    arena_init(&request->arena, request_arena_bytes_max);
    buffer_init(&request->body, connection->gateway->config->max_request_bytes);
    return request;
}

/* The client's request id is kept when no reader of a log could be misled by it. */
static bool request_id_is_sane(struct slice text)
{
    if (text.length == 0 || text.length > request_id_bytes_max) {
        return false;
    }
    for (size_t i = 0; i < text.length; i++) {
        char byte = text.data[i];
        bool fine = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                    (byte >= '0' && byte <= '9') || byte == '-' || byte == '_' || byte == '.' ||
                    byte == ':' || byte == '/' || byte == '=' || byte == '+' || byte == '@';
        if (!fine) {
            return false;
        }
    }
    return true;
}

static bool request_identify(struct request *request)
{
    const struct field *field =
        fields_find(request->head.fields, request->head.fields_count, FIELD_X_REQUEST_ID, NULL);
    if (field != NULL && request_id_is_sane(field->value)) {
        request->request_id = field->value;
        return true;
    }
    enum { made_bytes = 16 };
    char *digits = arena_allocate(&request->arena, (size_t)made_bytes * 2);
    if (digits == NULL) {
        return false;
    }
    random_hex(&request->gateway->random, made_bytes, digits);
    request->request_id = slice_make(digits, (size_t)made_bytes * 2);
    return true;
}

struct request *request_create_refused(struct connection *connection, unsigned status,
                                       const struct failure *failure)
{
    struct request *request = request_allocate(connection);
    if (request == NULL) {
        return NULL;
    }
    request->head_status = status;
    request->head_failure = *failure;
    request->head.minor_version = 1;
    if (!request_identify(request)) {
        arena_clear(&request->arena);
        free(request);
        return NULL;
    }
    return request;
}

struct request *request_create(struct connection *connection, struct slice head_text)
{
    struct request *request = request_allocate(connection);
    struct slice text;
    if (request == NULL) {
        return NULL;
    }
    if (!arena_copy(&request->arena, head_text, &text)) {
        arena_clear(&request->arena);
        free(request);
        return NULL;
    }
    if (request_head_parse(text, &request->arena, &request->head, &request->head_status,
                           &request->head_failure) != STATUS_OK) {
        request->head = (struct request_head){.minor_version = 1};
    } else {
        request->head_status = 0;
    }
    if (!request_identify(request)) {
        arena_clear(&request->arena);
        free(request);
        return NULL;
    }
    return request;
}

/* ---- the steps ---- */

static void request_free(struct request *request)
{
    if (request->answer_over != NULL) {
        request->answer_over(request);
    }
    engine_call_end(&request->call);
    buffer_clear(&request->body);
    answer_let_go(request);
    arena_clear(&request->arena);
    free(request);
}

static void request_finish(struct request *request)
{
    struct connection *connection = request->connection;
    const struct codec *codec = request->codec;
    codec->flush(request);
    connection->request = NULL;
    request_free(request);
    codec->request_over(connection);
}

void request_run(struct request *request)
{
    if (request->running) {
        return; /* woken from inside a step, which sees for itself */
    }
    request->running = true;
    for (;;) {
        switch (steps[request->step].run(request)) {
        case STEP_NEXT:
            request->step++;
            break;
        case STEP_WAIT:
            request->running = false;
            return;
        case STEP_ANSWER:
        case STEP_DROP:
            request->step = STEP_record;
            break;
        }
        if (request->step == STEP_COUNT) {
            request_finish(request);
            return;
        }
    }
}

static void request_undo_wait(struct request *request)
{
    if (steps[request->step].cancel != NULL) {
        steps[request->step].cancel(request);
    }
    engine_call_end(&request->call);
    request->call_began = false; /* what is left of the body goes nowhere */
}

/* ---- what the codec and the connection tell ---- */

void request_body(struct request *request, struct slice bytes)
{
    request->bytes_in += bytes.length;
    if (request->bytes_in > request->gateway->config->max_request_bytes) {
        request_refuse(request, 413, "body_too_large",
                       "request body is longer than MAX_REQUEST_BYTES");
        return;
    }
    if (request->body_collects) {
        buffer_append(&request->body, bytes);
        request_run(request); /* perhaps enough to go on */
        return;
    }
    mirror_request(request, bytes);
    if (!engine_call_body(&request->call, bytes)) {
        request->codec->body_pause(request);
    }
}

void request_body_end(struct request *request)
{
    request->body_ended = true;
    if (request->body_collects) {
        request_run(request);
        return;
    }
    mirror_request_end(request);
    engine_call_body_end(&request->call);
}

void request_wake(struct request *request)
{
    struct connection *connection = request->connection;
    request_run(request);
    if (connection->request != NULL) {
        request_settle(connection->request);
    }
    connection_process(connection);
}

void request_settle(struct request *request)
{
    struct connection *connection = request->connection;
    if (connection->broken) {
        connection_close(connection, true);
        return;
    }
    if (request->call_began) {
        engine_call_flush(&request->call);
    }
    request->codec->flush(request);
}

void request_drained(struct request *request)
{
    struct connection *connection = request->connection;
    if (request->reply_source == NULL) {
        if (!request->awaits_room) {
            engine_call_resume(&request->call);
        }
        return;
    }
    request_run(request);
    if (connection->request != NULL && connection->broken) {
        connection_close(connection, true);
    }
}

void request_refuse(struct request *request, unsigned status, const char *reason,
                    const char *detail)
{
    request_undo_wait(request);
    request->reason = reason;
    if (request->replied) {
        request->codec->reply_abort(request);
    } else {
        answer_detail(request, status, reason, "%s", detail);
    }
    request->step = STEP_record;
    request_run(request);
}

void request_cancel(struct request *request, const char *reason)
{
    struct connection *connection = request->connection;
    request_undo_wait(request);
    request->cancelled = true;
    request->reason = reason;
    (void)step_record(request);
    connection->request = NULL;
    request_free(request);
}

/* SPDX-License-Identifier: MIT
 *
 * step_relay_reply.c - the engine's reply passes to the client as it arrives; when there is none,
 * the client learns that much. Owning worker only. */
#include "base/clock.h"
#include "gateway/answer.h"
#include "gateway/cors.h"
#include "gateway/mirror.h"
#include "gateway/steps.h"

#define REQUEST_OF(call_pointer)                                                                   \
    ((struct request *)((char *)(call_pointer)-offsetof(struct request, call)))

enum { relay_own_fields_max = 3 + cors_fields_max };

/* The engine does not get to say who the caller is, nor which pages may read. */
static bool relay_field_passes(const struct field *field)
{
    if (field->id == FIELD_OTHER) {
        return !cors_is_cors_field(field->name);
    }
    return field->id != FIELD_X_ATTACH && field_treatment(field->id) == FIELD_FORWARD;
}

static void relay_reply_head(struct engine_call *call, const struct response_head *head)
{
    struct request *request = REQUEST_OF(call);
    struct field *fields = arena_allocate(
        &request->arena, (head->fields_count + relay_own_fields_max) * sizeof(*fields));
    bool names_fields =
        fields_find(head->fields, head->fields_count, FIELD_CONNECTION, NULL) != NULL;
    bool has_length = head->framing == BODY_LENGTH;
    size_t count = 0;
    request->engine_us = clock_monotonic_us() - request->started_us;
    mirror_reply_head(request, head);
    if (fields == NULL) {
        request->engine_failure = ENGINE_GARBLED;
        return;
    }
    for (size_t i = 0; i < head->fields_count; i++) {
        const struct field *field = &head->fields[i];
        if (field->id == FIELD_CONTENT_LENGTH && head->framing == BODY_NONE) {
            /* Says how long the body would be (HEAD, 304). */
            fields[count++] = *field;
        } else if (relay_field_passes(field) &&
                   !(names_fields &&
                     fields_connection_names(head->fields, head->fields_count, field->name))) {
            fields[count++] = *field;
        }
    }
    fields[count++] =
        (struct field){.name = SLICE("X-Attach-User"), .value = request->identity.user};
    fields[count++] = (struct field){.name = SLICE("X-Attach-Session"), .value = request->session};
    fields[count++] = (struct field){.name = SLICE("X-Request-Id"), .value = request->request_id};
    count += cors_reply_fields(request, fields + count);
    const struct reply_head reply = {
        .status = head->status,
        .reason = head->reason,
        .fields = fields,
        .fields_count = count,
        .has_length = has_length,
        .length = head->content_length,
        .has_body = head->framing != BODY_NONE,
    };
    request->status = head->status;
    request->replied = true;
    request->codec->reply_head(request, &reply);
}

static void relay_reply_body(struct engine_call *call, struct slice bytes)
{
    struct request *request = REQUEST_OF(call);
    mirror_reply(request, bytes);
    request->bytes_out += bytes.length;
    if (call->framing == BODY_LENGTH && call->body_left == 0 && bytes.length > 0 &&
        mirror_keeps_last_byte(request)) {
        bytes.length--;
        request->last_byte = bytes.data[bytes.length];
        request->last_byte_kept = true;
    }
    if (bytes.length > 0) {
        request->codec->reply_body(request, bytes);
    }
}

static void relay_reply_ended(struct engine_call *call)
{
    REQUEST_OF(call)->reply_complete = true;
}

static void relay_reply_failed(struct engine_call *call, enum engine_failure failure,
                               const char *detail)
{
    struct request *request = REQUEST_OF(call);
    request->engine_failure = failure;
    log_line(LOG_WARN, request->request_id, "%s (%s); check ENGINE_URL %.*s",
             engine_failure_text(failure), detail,
             SLICE_ARGS(request->gateway->config->engine_url));
}

static void relay_reply_writable(struct engine_call *call)
{
    REQUEST_OF(call)->body_resumes = true;
}

/* The end of one event of the engine's connection: here, and only here, may the request end. */
static void relay_reply_settled(struct engine_call *call)
{
    struct request *request = REQUEST_OF(call);
    struct connection *connection = request->connection;
    if (request->reply_complete || request->engine_failure != ENGINE_FAILURE_NONE) {
        request_run(request);
        if (connection->request != NULL) {
            connection->request->codec->flush(connection->request); /* it waits for memory */
        }
        if (connection->state != CONNECTION_CLOSED) {
            connection_update(connection);
        }
        return;
    }
    request->codec->flush(request);
    mirror_flush(request);
    if (connection->broken) {
        connection_close(connection, true);
        return;
    }
    if (connection_is_full(connection) || mirror_holds(request)) {
        engine_call_pause(call);
    }
    if (request->body_resumes) {
        request->body_resumes = false;
        request->codec->body_resume(request);
        return;
    }
    connection_update(connection);
}

const struct engine_call_events relay_reply_events = {
    .head = relay_reply_head,
    .body = relay_reply_body,
    .ended = relay_reply_ended,
    .failed = relay_reply_failed,
    .writable = relay_reply_writable,
    .settled = relay_reply_settled,
};

static unsigned relay_reply_status(enum engine_failure failure)
{
    switch (failure) {
    case ENGINE_BUSY:
        return 503;
    case ENGINE_CONNECT_TIMEOUT:
    case ENGINE_SILENT:
        return 504;
    case ENGINE_FAILURE_NONE:
    case ENGINE_UNREACHABLE:
    case ENGINE_CLOSED:
    case ENGINE_GARBLED:
        return 502;
    }
    return 502;
}

static const char *relay_reply_reason(enum engine_failure failure)
{
    switch (failure) {
    case ENGINE_FAILURE_NONE:
        return NULL;
    case ENGINE_UNREACHABLE:
        return "engine_unreachable";
    case ENGINE_CONNECT_TIMEOUT:
        return "engine_connect_timeout";
    case ENGINE_BUSY:
        return "engine_busy";
    case ENGINE_SILENT:
        return "engine_silent";
    case ENGINE_CLOSED:
        return "engine_closed";
    case ENGINE_GARBLED:
        return "engine_garbled";
    }
    return NULL;
}

void step_relay_reply_cancel(struct request *request)
{
    mirror_flush(request);
    engine_call_end(&request->call);
}

enum step_result step_relay_reply(struct request *request)
{
    if (request->engine_failure != ENGINE_FAILURE_NONE) {
        request->reason = relay_reply_reason(request->engine_failure);
        metric_add(&request->gateway->metrics, METRIC_engine_failures, 1);
        if (!request->replied) {
            answer_detail(request, relay_reply_status(request->engine_failure), request->reason,
                          "%s", engine_failure_text(request->engine_failure));
            return STEP_ANSWER;
        }
        metric_add(&request->gateway->metrics, METRIC_requests_truncated, 1);
        request->codec->reply_abort(request);
        return STEP_NEXT;
    }
    if (!request->reply_complete) {
        return STEP_WAIT;
    }
    if (!mirror_finish(request)) {
        return STEP_WAIT;
    }
    if (request->memory_lost) { /* nobody may take it for answered */
        request->reason = "memory_lost";
        request->codec->reply_abort(request);
        return STEP_NEXT;
    }
    if (request->last_byte_kept) {
        request->codec->reply_body(request, slice_make(&request->last_byte, 1));
    }
    request->codec->reply_end(request);
    return STEP_NEXT;
}

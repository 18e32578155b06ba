/* SPDX-License-Identifier: MIT
 *
 * relay.c - see relay.h. Reads top to bottom in the order of a call: start, send, receive, end. */
#include "proxy/relay.h"

#include <assert.h>

static const struct engine_lease_events relay_lease_events;

#define CALL_OF(lease_pointer)                                                                     \
    ((struct engine_call *)((char *)(lease_pointer)-offsetof(struct engine_call, lease)))

/* ---- start ---- */

static void relay_append_field(struct buffer *buffer, struct slice name, struct slice value)
{
    char *room = buffer_reserve(buffer, name.length + value.length + 4);
    if (room == NULL) {
        return;
    }
    memcpy(room, name.data, name.length);
    room += name.length;
    *room++ = ':';
    *room++ = ' ';
    if (value.length > 0) {
        memcpy(room, value.data, value.length);
        room += value.length;
    }
    *room++ = '\r';
    *room = '\n';
    buffer->length += name.length + value.length + 4;
}

static void relay_append_head(struct buffer *buffer, const struct engine *engine,
                              const struct engine_request *request)
{
    buffer_append(buffer, request->method);
    buffer_append_byte(buffer, ' ');
    buffer_append(buffer, request->target);
    buffer_append(buffer, SLICE(" HTTP/1.1\r\n"));
    relay_append_field(buffer, SLICE("Host"), engine->url.authority);
    for (size_t i = 0; i < request->fields_count; i++) {
        relay_append_field(buffer, request->fields[i].name, request->fields[i].value);
    }
    if (request->framing == BODY_LENGTH) {
        buffer_append(buffer, SLICE("Content-Length: "));
        buffer_append_uint(buffer, request->content_length);
        buffer_append(buffer, SLICE("\r\n\r\n"));
    } else if (request->framing == BODY_CHUNKED) {
        buffer_append(buffer, SLICE("Transfer-Encoding: chunked\r\n\r\n"));
    } else {
        buffer_append(buffer, SLICE("\r\n"));
    }
}

/* What the pool said, as a state; a refusal stays a status. */
static enum status relay_lend(struct engine_call *call, bool fresh)
{
    enum status status = engine_pool_lend(call->pool, &call->lease, fresh);
    if (status == STATUS_OK || status == STATUS_AGAIN) {
        call->state = status == STATUS_OK ? ENGINE_CALL_WAITING : ENGINE_CALL_CONNECTING;
        return STATUS_OK;
    }
    return status;
}

enum status engine_call_start(struct engine_call *call, struct engine_pool *pool,
                              struct arena *arena, const struct engine_request *request,
                              const struct engine_call_events *events)
{
    call->pool = pool;
    call->arena = arena;
    call->events = events;
    call->lease.events = &relay_lease_events;
    call->request_chunked = request->framing == BODY_CHUNKED;
    call->to_head = slice_equals(request->method, SLICE("HEAD"));
    call->replayable = true;
    /* A head that is not complete yet, and one read more, which may hold much of the body. */
    buffer_init(&call->input, engine_reply_head_max + worker_scratch_bytes);
    buffer_init(&call->request, engine_request_bytes_max);
    if (buffer_reserve(&call->request, engine_request_bytes_usual) != NULL) {
        relay_append_head(&call->request, pool->engine, request);
    }
    enum status status = call->request.failed ? STATUS_NO_MEMORY : relay_lend(call, false);
    if (status != STATUS_OK) {
        buffer_clear(&call->request);
    }
    return status;
}

/* ---- send ---- */

/* The engine is waited for when it has something to do for us: take the request, or begin its
 * reply. While the client is the one who is slow, its own limits apply. */
static void relay_set_deadline(struct engine_call *call)
{
    struct deadline *deadline = &call->lease.connection->deadline;
    const struct engine *engine = call->pool->engine;
    if (call->paused) {
        deadline_clear(deadline);
    } else if (call->request_sent < call->request.length || call->state == ENGINE_CALL_REPLY) {
        deadline_set(deadline, engine->idle_timeout_ms);
    } else if (call->request_complete) {
        deadline_set(deadline, engine->first_byte_timeout_ms);
    } else {
        deadline_clear(deadline);
    }
}

static void relay_set_watch(struct engine_call *call)
{
    bool sending = call->request_sent < call->request.length;
    watch_for(&call->lease.connection->watch,
              (call->paused ? 0 : UV_READABLE) | (sending ? UV_WRITABLE : 0));
}

static size_t relay_unsent(const struct engine_call *call)
{
    return call->request.length - call->request_sent;
}

/* Sent bytes are kept only as long as they may be needed again. */
static void relay_forget_sent(struct engine_call *call)
{
    if (call->replayable && call->request.length <= engine_replay_bytes_max) {
        return;
    }
    call->replayable = false;
    if (call->request_sent == call->request.length) {
        buffer_clear(&call->request);
        call->request_sent = 0;
    } else if (call->request_sent >= engine_replay_bytes_max) {
        buffer_consume(&call->request, call->request_sent);
        call->request_sent = 0;
    }
}

static enum status relay_write(struct engine_call *call)
{
    while (call->request_sent < call->request.length) {
        struct iovec piece = {.iov_base = call->request.data + call->request_sent,
                              .iov_len = call->request.length - call->request_sent};
        size_t count = 0;
        enum status status = transport_write(&call->lease.connection->transport, &piece, 1, &count);
        if (status != STATUS_OK) {
            return status;
        }
        call->request_sent += count;
        if (count < piece.iov_len) {
            return STATUS_AGAIN;
        }
    }
    return STATUS_OK;
}

void engine_call_flush(struct engine_call *call)
{
    if (call->state != ENGINE_CALL_WAITING && call->state != ENGINE_CALL_REPLY) {
        return;
    }
    /* A failed write is not the end: the engine may have answered before it closed, and reading
     * tells. */
    if (relay_write(call) == STATUS_IO) {
        call->request_sent = call->request.length;
        call->replayable = call->replayable && call->request.length <= engine_replay_bytes_max;
    }
    relay_forget_sent(call);
    relay_set_watch(call);
    relay_set_deadline(call);
}

/* With nothing pending, a large piece goes straight from the client's buffer to the engine. */
static struct slice relay_write_through(struct engine_call *call, struct slice bytes)
{
    struct iovec piece = {.iov_base = (void *)(uintptr_t)bytes.data, .iov_len = bytes.length};
    size_t count = 0;
    if (call->request_chunked || call->replayable || relay_unsent(call) > 0 ||
        (call->state != ENGINE_CALL_WAITING && call->state != ENGINE_CALL_REPLY)) {
        return bytes;
    }
    if (transport_write(&call->lease.connection->transport, &piece, 1, &count) != STATUS_OK) {
        return bytes;
    }
    return slice_after(bytes, count);
}

bool engine_call_body(struct engine_call *call, struct slice bytes)
{
    char line[chunk_size_line_max];
    if (call->state == ENGINE_CALL_OVER || call->state == ENGINE_CALL_UNUSED) {
        return true; /* nobody listens any more; the bytes are read and dropped */
    }
    if (call->request_chunked) {
        buffer_append(&call->request, slice_make(line, chunked_size_line(bytes.length, line)));
        buffer_append(&call->request, bytes);
        buffer_append(&call->request, SLICE("\r\n"));
    } else {
        buffer_append(&call->request, relay_write_through(call, bytes));
    }
    if (relay_unsent(call) < engine_request_pending_max) {
        return true;
    }
    engine_call_flush(call);
    call->request_blocked = relay_unsent(call) >= engine_request_pending_max;
    return !call->request_blocked;
}

void engine_call_body_end(struct engine_call *call)
{
    if (call->request_chunked && !call->request_complete) {
        buffer_append(&call->request, SLICE("0\r\n\r\n"));
    }
    call->request_complete = true;
}

/* ---- receive ---- */

static void relay_finish(struct engine_call *call, bool reusable)
{
    call->state = ENGINE_CALL_OVER;
    engine_lease_return(call->pool, &call->lease, reusable);
    buffer_clear(&call->request);
    call->request_sent = 0;
}

static void relay_fail(struct engine_call *call, enum engine_failure failure, const char *detail)
{
    relay_finish(call, false);
    call->events->failed(call, failure, detail);
}

static void relay_end_of_reply(struct engine_call *call, bool nothing_left)
{
    bool reusable = nothing_left && call->reply_keeps_alive && call->request_complete &&
                    relay_unsent(call) == 0;
    relay_finish(call, reusable);
    call->events->ended(call);
}

static void relay_body_run(struct engine_call *call, struct slice bytes)
{
    call->reply_bytes += bytes.length;
    call->events->body(call, bytes);
}

/* A body read by chunks; stops being the call's business at its end. */
static void relay_receive_chunked(struct engine_call *call, struct slice bytes)
{
    struct failure failure;
    while (bytes.length > 0 && call->chunked.state != CHUNKED_DONE) {
        struct slice run = {0};
        if (chunked_read(&call->chunked, &bytes, &run, &failure) != STATUS_OK) {
            relay_fail(call, ENGINE_GARBLED, failure.text);
            return;
        }
        if (run.length > 0) {
            relay_body_run(call, run);
        }
    }
    if (call->chunked.state == CHUNKED_DONE) {
        relay_end_of_reply(call, bytes.length == 0);
    }
}

static void relay_receive_body(struct engine_call *call, struct slice bytes)
{
    switch (call->framing) {
    case BODY_NONE:
        relay_end_of_reply(call, bytes.length == 0);
        return;
    case BODY_LENGTH: {
        size_t take = bytes.length < call->body_left ? bytes.length : (size_t)call->body_left;
        call->body_left -= take;
        if (take > 0) {
            relay_body_run(call, slice_make(bytes.data, take));
        }
        if (call->body_left == 0) {
            relay_end_of_reply(call, bytes.length == take);
        }
        return;
    }
    case BODY_CHUNKED:
        relay_receive_chunked(call, bytes);
        return;
    case BODY_UNTIL_CLOSE:
        if (bytes.length > 0) {
            relay_body_run(call, bytes);
        }
        return;
    }
}

/* One complete head. Returns false when the call has failed. An interim reply (1xx) is skipped:
 * <ret_interim>. */
static bool relay_receive_head(struct engine_call *call, struct slice text, bool *ret_interim)
{
    struct response_head head;
    struct failure failure;
    struct slice stable;
    if (!arena_copy(call->arena, text, &stable)) {
        relay_fail(call, ENGINE_GARBLED, "out of memory for the reply's head");
        return false;
    }
    if (response_head_parse(stable, call->to_head, call->arena, &head, &failure) != STATUS_OK) {
        relay_fail(call, ENGINE_GARBLED, failure.text);
        return false;
    }
    *ret_interim = head.status < 200;
    if (*ret_interim) {
        call->scan = (struct head_scan){0};
        if (++call->interim_replies > engine_interim_replies_max) {
            relay_fail(call, ENGINE_GARBLED, "too many interim replies");
            return false;
        }
        return true;
    }
    call->framing = head.framing;
    call->body_left = head.content_length;
    call->reply_keeps_alive = head.keep_alive;
    call->state = ENGINE_CALL_REPLY;
    call->events->head(call, &head);
    return true;
}

/* Collects heads until the final one, then passes the rest on as body. */
static void relay_receive_heads(struct engine_call *call, struct slice bytes)
{
    const struct head_limits limits = {.first_line_bytes_max = 8192,
                                       .head_bytes_max = engine_reply_head_max,
                                       .fields_max = engine_reply_fields_max};
    bool collected = call->input.length > 0;
    if (collected) {
        buffer_append(&call->input, bytes);
        if (call->input.failed) {
            relay_fail(call, ENGINE_GARBLED, "reply head too large");
            return;
        }
        bytes = buffer_slice(&call->input);
    }
    for (;;) {
        size_t end = 0;
        unsigned status = 0;
        bool interim = false;
        struct failure failure;
        switch (head_scan(&call->scan, bytes, &limits, &end, &status, &failure)) {
        case HEAD_REFUSED:
            relay_fail(call, ENGINE_GARBLED, failure.text);
            return;
        case HEAD_INCOMPLETE:
            if (collected) {
                buffer_consume(&call->input, call->input.length - bytes.length);
            } else {
                buffer_append(&call->input, bytes);
            }
            return;
        case HEAD_COMPLETE:
            break;
        }
        struct slice head = slice_make(bytes.data + call->scan.skipped, end - call->scan.skipped);
        if (!relay_receive_head(call, head, &interim)) {
            return;
        }
        bytes = slice_after(bytes, end);
        if (!interim) {
            /* May point into <input>, and is not sent before this event is settled: <input> lives
             * until the next one, or until the end. */
            relay_receive_body(call, bytes);
            return;
        }
    }
}

static void relay_received(struct engine_call *call, struct slice bytes)
{
    if (call->state == ENGINE_CALL_WAITING) {
        /* From the first byte on the request will not be sent again. */
        if (call->replayable) {
            call->replayable = false;
            relay_forget_sent(call);
        }
        relay_receive_heads(call, bytes);
    } else {
        relay_receive_body(call, bytes);
    }
}

/* A kept connection may have been closed by the engine while our request was on its way. */
static bool relay_retry(struct engine_call *call)
{
    struct engine_connection *connection = call->lease.connection;
    bool untouched = call->state == ENGINE_CALL_WAITING && call->input.length == 0;
    if (!connection->reused || !untouched || !call->replayable || call->retried) {
        return false;
    }
    call->retried = true;
    engine_lease_return(call->pool, &call->lease, false);
    call->request_sent = 0;
    return relay_lend(call, true) == STATUS_OK;
}

static void relay_connection_ended(struct engine_call *call, enum status status)
{
    if (status == STATUS_CLOSED && call->state == ENGINE_CALL_REPLY &&
        call->framing == BODY_UNTIL_CLOSE) {
        relay_end_of_reply(call, false);
        return;
    }
    if (relay_retry(call)) {
        return;
    }
    relay_fail(call, ENGINE_CLOSED,
               status == STATUS_CLOSED ? "connection closed" : "connection reset");
}

static void relay_read(struct engine_call *call)
{
    struct worker *worker = call->pool->worker;
    if (call->state == ENGINE_CALL_REPLY) {
        buffer_clear(&call->input);
    }
    /* What TLS still holds goes behind what was read before it, which is not sent until this event
     * is settled. It holds a record at most, and that fits. */
    size_t used = 0;
    do {
        size_t count = 0;
        enum status status =
            transport_read(&call->lease.connection->transport, worker->scratch + used,
                           worker_scratch_bytes - used, &count);
        if (status == STATUS_AGAIN) {
            break;
        }
        if (status != STATUS_OK) {
            relay_connection_ended(call, status);
            return;
        }
        relay_received(call, slice_make(worker->scratch + used, count));
        used += count;
    } while (call->state != ENGINE_CALL_OVER && used < worker_scratch_bytes &&
             transport_has_pending(&call->lease.connection->transport));
    if (call->state != ENGINE_CALL_OVER) {
        relay_set_watch(call);
        relay_set_deadline(call);
    }
}

static void relay_lent(struct engine_lease *lease)
{
    struct engine_call *call = CALL_OF(lease);
    call->state = ENGINE_CALL_WAITING;
    engine_call_flush(call);
    if (call->request_blocked && relay_unsent(call) < engine_request_pending_max) {
        call->request_blocked = false;
        call->events->writable(call);
    }
    call->events->settled(call);
}

static void relay_refused(struct engine_lease *lease, enum engine_failure failure,
                          const char *detail)
{
    struct engine_call *call = CALL_OF(lease);
    relay_fail(call, failure, detail);
    call->events->settled(call);
}

static void relay_timed_out(struct engine_lease *lease)
{
    struct engine_call *call = CALL_OF(lease);
    relay_fail(call, ENGINE_SILENT, "timed out");
    call->events->settled(call);
}

static void relay_ready(struct engine_lease *lease, int events, bool failed)
{
    struct engine_call *call = CALL_OF(lease);
    if ((events & UV_WRITABLE) != 0) {
        engine_call_flush(call);
        if (call->request_blocked && relay_unsent(call) < engine_request_pending_max) {
            call->request_blocked = false;
            call->events->writable(call);
        }
    }
    if ((events & UV_READABLE) != 0 || failed) {
        call->paused = call->paused && !failed;
        relay_read(call);
    }
    call->events->settled(call);
}

void engine_call_pause(struct engine_call *call)
{
    if (call->state != ENGINE_CALL_REPLY || call->paused) {
        return;
    }
    call->paused = true;
    relay_set_watch(call);
    relay_set_deadline(call);
}

void engine_call_resume(struct engine_call *call)
{
    if (!call->paused) {
        return;
    }
    call->paused = false;
    if (call->state != ENGINE_CALL_REPLY) {
        return;
    }
    if (transport_has_pending(&call->lease.connection->transport)) {
        relay_read(call);
        call->events->settled(call);
        return;
    }
    relay_set_watch(call);
    relay_set_deadline(call);
}

/* ---- end ---- */

void engine_call_end(struct engine_call *call)
{
    if (call->state == ENGINE_CALL_UNUSED) {
        return;
    }
    if (call->state != ENGINE_CALL_OVER) {
        relay_finish(call, false);
    }
    buffer_clear(&call->input);
}

static const struct engine_lease_events relay_lease_events = {
    .lent = relay_lent,
    .refused = relay_refused,
    .ready = relay_ready,
    .timed_out = relay_timed_out,
};

/* SPDX-License-Identifier: MIT
 *
 * client.c - see client.h. */
#include "client.h"

#include "base/clock.h"
#include "reply.h"
#include "routes.h"
#include "server.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

#define CLIENT_OF(pointer, member)                                                                 \
    ((struct client *)((char *)(pointer)-offsetof(struct client, member)))

enum {
    client_idle_ms = 75 * 1000,
    client_head_ms = 10 * 1000,
    client_body_ms = 10 * 1000,
    client_stall_ms = 60 * 1000,
    client_linger_ms = 2 * 1000,
    client_linger_bytes_max = 1024 * 1024,
    client_read_ahead_bytes_max = 64 * 1024, /* of calls that wait behind the one that runs */
    client_input_bytes_max = client_read_ahead_bytes_max + 2 * worker_scratch_bytes,
    client_output_bytes_max = reply_body_bytes_max + reply_head_bytes_max,
    client_output_bytes_kept = 16 * 1024, /* between two words of a stream */
};

static const struct head_limits client_head_limits = {
    .first_line_bytes_max = 8 * 1024, .head_bytes_max = 64 * 1024, .fields_max = 100};

/* ---- states and time ---- */

static bool client_may_enter(enum client_state from, enum client_state to)
{
    switch (to) {
    case CLIENT_HEAD:
        return from == CLIENT_FLUSH;
    case CLIENT_BODY:
        return from == CLIENT_HEAD;
    case CLIENT_STREAM:
        return from == CLIENT_HEAD || from == CLIENT_BODY;
    case CLIENT_FLUSH:
        return from == CLIENT_HEAD || from == CLIENT_BODY || from == CLIENT_STREAM;
    case CLIENT_LINGER:
        return from == CLIENT_FLUSH;
    case CLIENT_CLOSED:
        return from != CLIENT_CLOSED;
    }
    return false;
}

static void client_enter(struct client *client, enum client_state state)
{
    assert(client_may_enter(client->state, state));
    client->state = state;
    switch (state) {
    case CLIENT_HEAD:
        client->scan = (struct head_scan){0};
        client->head_began = false;
        client->close_after = false;
        deadline_set(&client->deadline, client_idle_ms);
        return;
    case CLIENT_BODY:
        deadline_set(&client->deadline, client_body_ms);
        return;
    case CLIENT_STREAM:
    case CLIENT_FLUSH:
        deadline_set(&client->deadline, client_stall_ms);
        return;
    case CLIENT_LINGER:
        deadline_set(&client->deadline, client_linger_ms);
        return;
    case CLIENT_CLOSED:
        deadline_clear(&client->deadline);
        return;
    }
}

/* Sets what the socket is polled for, from the state of things. */
static void client_update(struct client *client)
{
    int events = 0;
    switch (client->state) {
    case CLIENT_HEAD:
    case CLIENT_BODY:
    case CLIENT_LINGER:
        events = UV_READABLE;
        break;
    case CLIENT_STREAM:
        /* A client that leaves is noticed also when no more is read from it. */
        events = client->input.length < client_read_ahead_bytes_max ? UV_READABLE : UV_DISCONNECT;
        break;
    case CLIENT_FLUSH:
        break;
    case CLIENT_CLOSED:
        return;
    }
    if (client->output.length > 0) {
        events |= UV_WRITABLE;
    }
    watch_for(&client->watch, events);
}

/* ---- writing ---- */

/* Everything that was written for the client is sent. */
static void client_sent(struct client *client)
{
    if (client->state == CLIENT_STREAM && client->output.capacity <= client_output_bytes_kept) {
        buffer_reset(&client->output);
    } else {
        buffer_clear(&client->output);
    }
    client->output_sent = 0;
    if (client->state == CLIENT_STREAM) {
        deadline_set(&client->deadline, client->server->options.delay_ms);
    } else if (client->state == CLIENT_FLUSH && client->close_after) {
        transport_shutdown(&client->transport);
        client_enter(client, CLIENT_LINGER);
    } else if (client->state == CLIENT_FLUSH) {
        client_enter(client, CLIENT_HEAD);
    }
}

/* Sends what the socket takes. */
static void client_send(struct client *client)
{
    bool progress = false;
    if (client->output.failed) {
        client_close(client, true);
        return;
    }
    while (client->output_sent < client->output.length) {
        struct iovec piece = {.iov_base = client->output.data + client->output_sent,
                              .iov_len = client->output.length - client->output_sent};
        size_t count = 0;
        enum status status = transport_write(&client->transport, &piece, 1, &count);
        if (status == STATUS_AGAIN) {
            break;
        }
        if (status != STATUS_OK) {
            client_close(client, true);
            return;
        }
        client->output_sent += count;
        progress = true;
    }
    if (client->output_sent == client->output.length) {
        client_sent(client);
    } else if (progress) {
        deadline_set(&client->deadline, client_stall_ms);
    }
}

/* ---- answers ---- */

/* The reply to the call, or its beginning, has been written into <output>. */
static void client_replied(struct client *client)
{
    client_enter(client, completion_is_running(&client->completion) ? CLIENT_STREAM : CLIENT_FLUSH);
    call_clear(&client->call);
    client_send(client);
}

static void client_answer(struct client *client)
{
    routes_answer(client);
    client_replied(client);
}

/* What follows cannot be told from another call, so this one is the last. */
static void client_refuse(struct client *client, unsigned status, const char *why)
{
    client->close_after = true;
    reply_error(client, status, NULL, "%s", why);
    client_replied(client);
}

/* ---- reading calls ---- */

static void client_begin_body(struct client *client)
{
    struct call *call = &client->call;
    client->chunked = (struct chunked_reader){0};
    client->body_left = call->head.framing == BODY_LENGTH ? call->head.content_length : 0;
    if (client->body_left > call_body_bytes_max) {
        client_refuse(client, 413, "the body is longer than 32 MiB");
    } else if (call->head.framing == BODY_CHUNKED || client->body_left > 0) {
        client_enter(client, CLIENT_BODY);
        if (call->head.expect_continue) {
            buffer_append_string(&client->output, "HTTP/1.1 100 Continue\r\n\r\n");
            client_send(client);
        }
    } else {
        client_answer(client);
    }
}

static void client_take_head(struct client *client, struct slice text)
{
    struct call *call = &client->call;
    struct slice copy;
    struct failure failure;
    unsigned status = 500;
    client->dialect = routes_dialect((struct slice){0});
    call->began_us = clock_monotonic_us();
    if (!arena_copy(&call->arena, text, &copy)) {
        client_refuse(client, 500, "out of memory");
        return;
    }
    if (request_head_parse(copy, &call->arena, &call->head, &status, &failure) != STATUS_OK) {
        client_refuse(client, status, failure.text);
        return;
    }
    client->dialect = routes_dialect(call->head.target.path);
    client->close_after = !call->head.keep_alive;
    client_begin_body(client);
}

/* Returns how many bytes of the input it took. */
static size_t client_read_head(struct client *client)
{
    struct slice input = buffer_slice(&client->input);
    struct failure failure;
    size_t end = 0;
    unsigned status = 0;
    if (!client->head_began) {
        client->head_began = true;
        deadline_set(&client->deadline, client_head_ms);
    }
    switch (head_scan(&client->scan, input, &client_head_limits, &end, &status, &failure)) {
    case HEAD_INCOMPLETE:
        return 0;
    case HEAD_REFUSED:
        client->dialect = routes_dialect((struct slice){0});
        client_refuse(client, status, failure.text);
        return input.length;
    case HEAD_COMPLETE:
        break;
    }
    size_t skipped = client->scan.skipped;
    client_take_head(client, slice_make(input.data + skipped, end - skipped));
    return end;
}

static size_t client_read_body_of_length(struct client *client, struct slice input)
{
    size_t take = input.length < client->body_left ? input.length : (size_t)client->body_left;
    buffer_append(&client->call.body, slice_make(input.data, take));
    client->body_left -= take;
    if (client->call.body.failed) {
        client_refuse(client, 500, "out of memory");
    } else if (client->body_left == 0) {
        client_answer(client);
    }
    return take;
}

static size_t client_read_body_of_chunks(struct client *client, struct slice input)
{
    struct slice rest = input;
    while (rest.length > 0 && client->chunked.state != CHUNKED_DONE) {
        struct slice run = {0};
        struct failure failure;
        if (chunked_read(&client->chunked, &rest, &run, &failure) != STATUS_OK) {
            client_refuse(client, 400, failure.text);
            return input.length;
        }
        buffer_append(&client->call.body, run);
        if (client->call.body.failed) {
            client_refuse(client, 413, "the body is longer than 32 MiB");
            return input.length;
        }
    }
    if (client->chunked.state == CHUNKED_DONE) {
        client_answer(client);
    }
    return input.length - rest.length;
}

static size_t client_read_body(struct client *client)
{
    struct slice input = buffer_slice(&client->input);
    deadline_set(&client->deadline, client_body_ms);
    return client->call.head.framing == BODY_CHUNKED ? client_read_body_of_chunks(client, input)
                                                     : client_read_body_of_length(client, input);
}

static size_t client_linger(struct client *client)
{
    client->lingered += client->input.length;
    if (client->lingered > client_linger_bytes_max) {
        client_close(client, true);
    }
    return client->input.length;
}

/* Uses up what is here, as far as the state lets it. */
static void client_process(struct client *client)
{
    size_t used = 1;
    while (client->input.length > 0 && used > 0) {
        used = 0;
        switch (client->state) {
        case CLIENT_HEAD:
            used = client_read_head(client);
            break;
        case CLIENT_BODY:
            used = client_read_body(client);
            break;
        case CLIENT_LINGER:
            used = client_linger(client);
            break;
        case CLIENT_STREAM:
        case CLIENT_FLUSH:
        case CLIENT_CLOSED:
            break;
        }
        buffer_consume(&client->input, used);
    }
    if (client->input.length == 0) {
        buffer_clear(&client->input); /* an idle client holds no buffer */
    }
    client_update(client);
}

static void client_read(struct client *client)
{
    char *scratch = client->server->worker.scratch;
    size_t count = 0;
    switch (transport_read(&client->transport, scratch, worker_scratch_bytes, &count)) {
    case STATUS_OK:
        break;
    case STATUS_AGAIN:
        return;
    case STATUS_CLOSED:
        client_close(client, false);
        return;
    default:
        client_close(client, true);
        return;
    }
    buffer_append(&client->input, slice_make(scratch, count));
    if (client->input.failed) {
        client_close(client, true);
        return;
    }
    client_process(client);
}

/* ---- what the loop tells ---- */

static void client_ready(struct watch *watch, int events, bool failed)
{
    struct client *client = CLIENT_OF(watch, watch);
    if (failed) {
        client_close(client, true);
        return;
    }
    if ((events & UV_WRITABLE) != 0 && client->output.length > 0) {
        client_send(client);
        client_process(client);
    }
    if (client->state == CLIENT_CLOSED) {
        return;
    }
    if ((events & UV_READABLE) != 0) {
        client_read(client);
    } else if ((events & UV_DISCONNECT) != 0) {
        client_close(client, false);
    }
}

static void client_timed_out(struct deadline *deadline)
{
    struct client *client = CLIENT_OF(deadline, deadline);
    switch (client->state) {
    case CLIENT_HEAD:
        if (!client->head_began) {
            client_close(client, false);
            return;
        }
        client->dialect = routes_dialect((struct slice){0});
        client_refuse(client, 408, "the request head did not arrive in time");
        break;
    case CLIENT_BODY:
        client_refuse(client, 408, "the request body did not arrive in time");
        break;
    case CLIENT_STREAM:
        if (client->output.length > 0) {
            client_close(client, true); /* it does not read */
            return;
        }
        deadline_set(&client->deadline, client_stall_ms); /* unless all of it is sent at once */
        completion_turn(client);
        if (!completion_is_running(&client->completion)) {
            client_enter(client, CLIENT_FLUSH);
        }
        client_send(client);
        break;
    case CLIENT_FLUSH:
        client_close(client, true);
        return;
    case CLIENT_LINGER:
        client_close(client, false);
        return;
    case CLIENT_CLOSED:
        return;
    }
    client_process(client);
}

/* ---- beginning and end ---- */

void client_accept(struct server *server, int take_descriptor)
{
    struct client *client = calloc(1, sizeof(*client));
    if (client == NULL) {
        close(take_descriptor);
        server_client_gone(server, NULL);
        return;
    }
    if (watch_open(&client->watch, &server->worker.loop, take_descriptor, client_ready) != 0) {
        close(take_descriptor);
        free(client);
        server_client_gone(server, NULL);
        return;
    }
    client->server = server;
    client->handles_open = 2;
    transport_open_plain(&client->transport, take_descriptor);
    deadline_init(&client->deadline, &server->worker.loop, client_timed_out);
    buffer_init(&client->input, client_input_bytes_max);
    buffer_init(&client->output, client_output_bytes_max);
    call_init(&client->call);
    completion_init(&client->completion);
    server_client_came(server, client);
    client->state = CLIENT_HEAD;
    deadline_set(&client->deadline, client_idle_ms);
    client_update(client);
}

static void client_handle_closed(uv_handle_t *handle)
{
    struct client *client = handle->type == UV_TIMER ? CLIENT_OF(handle, deadline.timer)
                                                     : CLIENT_OF(handle, watch.poll);
    if (--client->handles_open == 0) {
        free(client);
    }
}

void client_close(struct client *client, bool abort)
{
    if (client->state == CLIENT_CLOSED) {
        return;
    }
    client_enter(client, CLIENT_CLOSED);
    watch_close(&client->watch, client_handle_closed);
    uv_close((uv_handle_t *)&client->deadline.timer, client_handle_closed);
    transport_close(&client->transport, abort);
    call_clear(&client->call);
    completion_clear(&client->completion);
    buffer_clear(&client->input);
    buffer_clear(&client->output);
    server_client_gone(client->server, client);
}

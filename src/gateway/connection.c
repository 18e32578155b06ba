/* SPDX-License-Identifier: MIT
 *
 * connection.c - see connection.h. */
#include "gateway/connection.h"

#include "gateway/request.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

#define CONNECTION_OF(pointer, member)                                                             \
    ((struct connection *)((char *)(pointer)-offsetof(struct connection, member)))

/* ---- states and time ---- */

static bool connection_may_enter(enum connection_state from, enum connection_state to)
{
    switch (to) {
    case CONNECTION_IDLE:
        return from == CONNECTION_REQUEST || from == CONNECTION_FLUSH;
    case CONNECTION_HEAD:
        return from == CONNECTION_IDLE;
    case CONNECTION_REQUEST:
        return from == CONNECTION_HEAD;
    case CONNECTION_FLUSH:
        return from == CONNECTION_REQUEST;
    case CONNECTION_LINGER:
        return from == CONNECTION_REQUEST || from == CONNECTION_FLUSH;
    case CONNECTION_CLOSED:
        return from != CONNECTION_CLOSED;
    }
    return false;
}

void connection_enter(struct connection *connection, enum connection_state state)
{
    const struct config *config = connection->gateway->config;
    assert(connection_may_enter(connection->state, state));
    connection->state = state;
    connection->wait = CONNECTION_WAITS_FOR_NOTHING;
    switch (state) {
    case CONNECTION_IDLE:
        deadline_set(&connection->deadline, config->idle_timeout_ms);
        return;
    case CONNECTION_HEAD:
        deadline_set(&connection->deadline, config->header_timeout_ms);
        return;
    case CONNECTION_REQUEST:
        deadline_clear(&connection->deadline);
        return;
    case CONNECTION_FLUSH:
        deadline_set(&connection->deadline, config->write_timeout_ms);
        return;
    case CONNECTION_LINGER:
        deadline_set(&connection->deadline, connection_linger_ms);
        transport_shutdown(&connection->transport);
        return;
    case CONNECTION_CLOSED:
        deadline_clear(&connection->deadline);
        return;
    }
}

/* While a request runs, the client is waited for in two ways, and its not reading counts before its
 * not sending. */
static void connection_wait_for(struct connection *connection, bool progress)
{
    const struct config *config = connection->gateway->config;
    if (connection->state != CONNECTION_REQUEST) {
        return;
    }
    enum connection_wait wait = connection->output.length > 0 ? CONNECTION_WAITS_FOR_WRITE
                                : connection->body_flows      ? CONNECTION_WAITS_FOR_BODY
                                                              : CONNECTION_WAITS_FOR_NOTHING;
    if (wait == connection->wait && !progress) {
        return;
    }
    connection->wait = wait;
    switch (wait) {
    case CONNECTION_WAITS_FOR_NOTHING:
        deadline_clear(&connection->deadline);
        return;
    case CONNECTION_WAITS_FOR_BODY:
        deadline_set(&connection->deadline, config->idle_timeout_ms);
        return;
    case CONNECTION_WAITS_FOR_WRITE:
        deadline_set(&connection->deadline, config->write_timeout_ms);
        return;
    }
}

static void connection_timed_out(struct deadline *deadline)
{
    struct connection *connection = CONNECTION_OF(deadline, deadline);
    switch (connection->state) {
    case CONNECTION_IDLE:
    case CONNECTION_LINGER:
        connection_close(connection, false);
        return;
    case CONNECTION_FLUSH:
        connection_close(connection, true);
        return;
    case CONNECTION_HEAD:
        connection->codec->timed_out(connection);
        connection_update(connection);
        return;
    case CONNECTION_REQUEST:
        if (connection->wait == CONNECTION_WAITS_FOR_WRITE) {
            request_cancel(connection->request, "client_stalled");
            connection_close(connection, true);
            return;
        }
        connection->codec->timed_out(connection);
        connection_update(connection);
        return;
    case CONNECTION_CLOSED:
        return;
    }
}

/* ---- what the socket is polled for ---- */

static bool connection_wants_input(const struct connection *connection)
{
    if (connection->input_ended) {
        return false;
    }
    switch (connection->state) {
    case CONNECTION_IDLE:
    case CONNECTION_HEAD:
    case CONNECTION_LINGER:
        return true;
    case CONNECTION_REQUEST:
        if (connection->body_expected) {
            return connection->body_flows;
        }
        return connection->input.length < connection_pipelined_bytes_max;
    case CONNECTION_FLUSH:
    case CONNECTION_CLOSED:
        return false;
    }
    return false;
}

void connection_update(struct connection *connection)
{
    if (connection->state == CONNECTION_CLOSED) {
        return;
    }
    if (connection->input_ended &&
        (connection->state == CONNECTION_IDLE || connection->state == CONNECTION_HEAD)) {
        connection_close(connection, false); /* all that came is answered; half a head stays one */
        return;
    }
    int events = 0;
    if (connection_wants_input(connection)) {
        events = UV_READABLE;
    } else if (!connection->input_ended && !connection->gateway->config->client_half_close) {
        events = UV_DISCONNECT; /* a client that leaves is noticed although nothing is read */
    }
    if (connection->output.length > 0 || connection->transport.wants_write) {
        events |= UV_WRITABLE;
    }
    watch_for(&connection->watch, events);
    connection_wait_for(connection, false);
}

/* ---- writing ---- */

/* Keeps what the socket did not take: everything of the gather after its first <sent> bytes. */
static void connection_keep(struct connection *connection, const struct gather *gather, size_t sent)
{
    for (size_t i = 0; i < gather->count; i++) {
        struct slice piece = slice_make(gather->pieces[i].iov_base, gather->pieces[i].iov_len);
        if (sent >= piece.length) {
            sent -= piece.length;
            continue;
        }
        buffer_append(&connection->output, slice_after(piece, sent));
        sent = 0;
    }
    if (connection->output.failed) {
        connection->broken = true;
    }
}

void connection_send(struct connection *connection)
{
    struct gather *gather = connection->gateway->worker.gather;
    size_t sent = 0;
    if (gather->count == 0) {
        return;
    }
    assert(gather->owner == connection);
    if (connection->output.length == 0 && !connection->broken) {
        enum status status =
            transport_write(&connection->transport, gather->pieces, gather->count, &sent);
        if (status != STATUS_OK && status != STATUS_AGAIN) {
            connection->broken = true;
        }
    }
    if (!connection->broken) {
        connection_keep(connection, gather, sent);
    }
    gather_reset(gather);
}

/* Writes what was kept. */
static void connection_drain(struct connection *connection)
{
    size_t total = 0;
    while (total < connection->output.length) {
        struct iovec piece = {.iov_base = connection->output.data + total,
                              .iov_len = connection->output.length - total};
        size_t sent = 0;
        enum status status = transport_write(&connection->transport, &piece, 1, &sent);
        if (status == STATUS_AGAIN) {
            break;
        }
        if (status != STATUS_OK) {
            connection_close(connection, true);
            return;
        }
        total += sent;
    }
    if (total < connection->output.length) {
        buffer_consume(&connection->output, total);
        connection_wait_for(connection, total > 0);
        if (total > 0 && connection->state == CONNECTION_FLUSH) {
            deadline_set(&connection->deadline, connection->gateway->config->write_timeout_ms);
        }
        return;
    }
    buffer_clear(&connection->output);
    if (connection->state == CONNECTION_FLUSH) {
        connection->codec->written(connection);
    } else if (connection->request != NULL) {
        request_drained(connection->request);
    }
}

/* ---- reading ---- */

static void connection_feed(struct connection *connection, struct slice bytes, bool from_input)
{
    connection->processing = true;
    size_t used = connection->codec->received(connection, bytes);
    connection->processing = false;
    if (connection->state == CONNECTION_CLOSED) {
        return;
    }
    if (!from_input) {
        buffer_append(&connection->input, slice_after(bytes, used));
    } else if (used == bytes.length) {
        buffer_clear(&connection->input);
    } else {
        buffer_consume(&connection->input, used);
    }
    if (connection->input.failed) {
        connection_close(connection, true);
        return;
    }
    if (connection->request != NULL) {
        request_settle(connection->request);
    }
}

void connection_process(struct connection *connection)
{
    if (connection->processing || connection->state == CONNECTION_CLOSED) {
        return;
    }
    if (connection->input.length > 0) {
        connection_feed(connection, buffer_slice(&connection->input), true);
    }
    connection_update(connection);
}

/* The client sends nothing more. Unless CLIENT_HALF_CLOSE says otherwise that means it is gone, and
 * what it asked for is not worth the engine's time. */
static void connection_input_ended(struct connection *connection)
{
    bool in_request =
        connection->state == CONNECTION_REQUEST || connection->state == CONNECTION_FLUSH;
    bool waits_for_body = connection->request != NULL && connection->body_expected;
    if (!connection->gateway->config->client_half_close || !in_request || waits_for_body) {
        connection_close(connection, false);
        return;
    }
    connection->input_ended = true;
    connection_update(connection);
}

/* Reads once. False when there is no more to be had now. */
static bool connection_read_once(struct connection *connection)
{
    struct worker *worker = &connection->gateway->worker;
    bool collects = connection->input.length > 0;
    char *room =
        collects ? buffer_reserve(&connection->input, worker_scratch_bytes / 4) : worker->scratch;
    size_t size = collects ? worker_scratch_bytes / 4 : worker_scratch_bytes;
    size_t count = 0;
    if (room == NULL) {
        connection_close(connection, true);
        return false;
    }
    switch (transport_read(&connection->transport, room, size, &count)) {
    case STATUS_OK:
        break;
    case STATUS_AGAIN:
        return false;
    case STATUS_CLOSED:
        connection_input_ended(connection);
        return false;
    default:
        connection_close(connection, true);
        return false;
    }
    if (connection->wait == CONNECTION_WAITS_FOR_BODY) {
        connection_wait_for(connection, true);
    }
    if (collects) {
        connection->input.length += count;
        connection_feed(connection, buffer_slice(&connection->input), true);
    } else {
        connection_feed(connection, slice_make(room, count), false);
    }
    return connection->state != CONNECTION_CLOSED;
}

static void connection_ready(struct watch *watch, int events, bool failed)
{
    struct connection *connection = CONNECTION_OF(watch, watch);
    if (failed) {
        connection_close(connection, true);
        return;
    }
    if ((events & UV_WRITABLE) != 0 && connection->output.length > 0) {
        connection_drain(connection);
    }
    if (connection->state == CONNECTION_CLOSED) {
        return;
    }
    if ((events & UV_READABLE) != 0 || connection->transport.wants_write) {
        while (connection_wants_input(connection) && connection_read_once(connection) &&
               transport_has_pending(&connection->transport)) {
        }
    } else if ((events & UV_DISCONNECT) != 0) {
        connection_close(connection, false);
        return;
    }
    connection_update(connection);
}

/* ---- beginning and end ---- */

static void connection_link(struct connection *connection)
{
    struct gateway *gateway = connection->gateway;
    connection->next = gateway->connections;
    if (connection->next != NULL) {
        connection->next->previous = connection;
    }
    gateway->connections = connection;
    gateway->connections_count++;
    metric_set(&gateway->metrics, METRIC_connections, gateway->connections_count);
}

static void connection_unlink(struct connection *connection)
{
    struct gateway *gateway = connection->gateway;
    if (connection->previous != NULL) {
        connection->previous->next = connection->next;
    } else {
        gateway->connections = connection->next;
    }
    if (connection->next != NULL) {
        connection->next->previous = connection->previous;
    }
    gateway->connections_count--;
    metric_set(&gateway->metrics, METRIC_connections, gateway->connections_count);
    atomic_fetch_sub(&gateway->process->connections_open, 1);
}

static void connection_name_client(struct connection *connection,
                                   const struct sockaddr_storage *peer)
{
    const void *address = peer->ss_family == AF_INET6
                              ? (const void *)&((const struct sockaddr_in6 *)peer)->sin6_addr
                              : (const void *)&((const struct sockaddr_in *)peer)->sin_addr;
    if (inet_ntop(peer->ss_family, address, connection->client, sizeof(connection->client)) ==
        NULL) {
        connection->client[0] = '\0';
    }
}

static enum status connection_open_transport(struct connection *connection, int take_descriptor)
{
    SSL_CTX *tls_context = connection->gateway->process->tls_context;
    if (tls_context == NULL || connection->is_admin) {
        transport_open_plain(&connection->transport, take_descriptor);
        return STATUS_OK;
    }
    return transport_open_tls_server(&connection->transport, take_descriptor, tls_context);
}

void connection_accept(struct gateway *gateway, int take_descriptor,
                       const struct sockaddr_storage *peer, bool is_admin)
{
    struct connection *connection = calloc(1, sizeof(*connection));
    if (connection == NULL) {
        close(take_descriptor);
        atomic_fetch_sub(&gateway->process->connections_open, 1);
        return;
    }
    connection->gateway = gateway;
    connection->codec = &codec_h1;
    connection->is_admin = is_admin;
    connection->state = CONNECTION_IDLE;
    connection_name_client(connection, peer);
    buffer_init(&connection->input, gateway->config->max_head_bytes + 2 * worker_scratch_bytes);
    buffer_init(&connection->output, connection_output_bytes_max);
    if (connection_open_transport(connection, take_descriptor) != STATUS_OK) {
        atomic_fetch_sub(&gateway->process->connections_open, 1);
        free(connection);
        return;
    }
    if (watch_open(&connection->watch, &gateway->worker.loop, take_descriptor, connection_ready) !=
        0) {
        transport_close(&connection->transport, true);
        atomic_fetch_sub(&gateway->process->connections_open, 1);
        free(connection);
        return;
    }
    deadline_init(&connection->deadline, &gateway->worker.loop, connection_timed_out);
    connection->handles_open = 2;
    connection_link(connection);
    metric_add(&gateway->metrics, METRIC_connections_accepted, 1);
    /* A new connection owes us a head, and before that perhaps a handshake. */
    connection_enter(connection, CONNECTION_HEAD);
    connection_update(connection);
}

static void connection_handle_closed(uv_handle_t *handle)
{
    struct connection *connection = handle->type == UV_TIMER ? CONNECTION_OF(handle, deadline.timer)
                                                             : CONNECTION_OF(handle, watch.poll);
    if (--connection->handles_open == 0) {
        free(connection);
    }
}

void connection_close(struct connection *connection, bool abort)
{
    struct gateway *gateway = connection->gateway;
    if (connection->state == CONNECTION_CLOSED) {
        return;
    }
    connection_enter(connection, CONNECTION_CLOSED);
    if (connection->request != NULL) {
        request_cancel(connection->request, "client_gone");
        connection->request = NULL;
    }
    if (gateway->worker.gather->owner == connection) {
        gather_reset(gateway->worker.gather);
    }
    watch_close(&connection->watch, connection_handle_closed);
    uv_close((uv_handle_t *)&connection->deadline.timer, connection_handle_closed);
    transport_close(&connection->transport, abort);
    buffer_clear(&connection->input);
    buffer_clear(&connection->output);
    connection_unlink(connection);
    gateway_connection_gone(gateway);
}

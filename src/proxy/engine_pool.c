/* SPDX-License-Identifier: MIT
 *
 * engine_pool.c - see engine_pool.h. */
#include "proxy/engine_pool.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void engine_pool_looked_up(void *context, int error);
static void engine_pool_lookup_timed_out(struct deadline *deadline);

#define CONTAINER(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

enum status engine_pool_init(struct engine_pool *pool, const struct engine *engine,
                             struct worker *worker)
{
    pool->engine = engine; /* the rest is zero, as the caller made it */
    pool->worker = worker;
    deadline_init(&pool->lookup_deadline, &worker->loop, engine_pool_lookup_timed_out);
    return resolve_init(&pool->resolve, &worker->loop, engine->url.host, engine->url.port,
                        engine_pool_looked_up, pool);
}

/* ---- the list of idle connections ---- */

static void engine_pool_unlink_idle(struct engine_connection *connection)
{
    struct engine_pool *pool = connection->pool;
    if (connection->previous != NULL) {
        connection->previous->next = connection->next;
    } else {
        pool->idle = connection->next;
    }
    if (connection->next != NULL) {
        connection->next->previous = connection->previous;
    }
    connection->next = connection->previous = NULL;
    pool->idle_count--;
}

static void engine_pool_link_idle(struct engine_connection *connection)
{
    struct engine_pool *pool = connection->pool;
    connection->previous = NULL;
    connection->next = pool->idle;
    if (pool->idle != NULL) {
        pool->idle->previous = connection;
    }
    pool->idle = connection;
    pool->idle_count++;
}

/* ---- the life of one connection ---- */

/* The only place that changes a state: leaves the old one's list, enters the new one's, sets the
 * timer. */
static void engine_connection_enter(struct engine_connection *connection,
                                    enum engine_connection_state state)
{
    struct engine_pool *pool = connection->pool;
    if (connection->state == ENGINE_CONNECTION_IDLE) {
        engine_pool_unlink_idle(connection);
    }
    connection->state = state;
    switch (state) {
    case ENGINE_CONNECTION_CONNECTING:
        deadline_set(&connection->deadline, pool->engine->connect_timeout_ms);
        return;
    case ENGINE_CONNECTION_HANDSHAKE:
        return; /* the time to connect includes it */
    case ENGINE_CONNECTION_LENT:
        deadline_clear(&connection->deadline);
        return;
    case ENGINE_CONNECTION_IDLE:
        connection->lease = NULL;
        connection->reused = true;
        deadline_set(&connection->deadline, engine_idle_ms);
        engine_pool_link_idle(connection);
        return;
    case ENGINE_CONNECTION_CLOSING:
        connection->lease = NULL;
        deadline_clear(&connection->deadline);
        return;
    }
}

static void engine_connection_handle_closed(uv_handle_t *handle)
{
    struct engine_connection *connection =
        handle->type == UV_TIMER ? CONTAINER(handle, struct engine_connection, deadline.timer)
                                 : CONTAINER(handle, struct engine_connection, watch.poll);
    if (--connection->handles_open == 0) {
        free(connection);
    }
}

static void engine_connection_close(struct engine_connection *connection)
{
    engine_connection_enter(connection, ENGINE_CONNECTION_CLOSING);
    atomic_fetch_sub_explicit(&connection->pool->open_count, 1, memory_order_relaxed);
    watch_close(&connection->watch, engine_connection_handle_closed);
    uv_close((uv_handle_t *)&connection->deadline.timer, engine_connection_handle_closed);
    transport_close(&connection->transport, false);
}

static void engine_connection_refuse(struct engine_connection *connection,
                                     enum engine_failure failure, const char *detail)
{
    struct engine_lease *lease = connection->lease;
    engine_connection_close(connection);
    lease->connection = NULL;
    lease->events->refused(lease, failure, detail);
}

static void engine_connection_timed_out(struct deadline *deadline)
{
    struct engine_connection *connection = CONTAINER(deadline, struct engine_connection, deadline);
    switch (connection->state) {
    case ENGINE_CONNECTION_CONNECTING:
    case ENGINE_CONNECTION_HANDSHAKE:
        resolve_doubt(&connection->pool->resolve);
        engine_connection_refuse(connection, ENGINE_CONNECT_TIMEOUT, "connect timed out");
        return;
    case ENGINE_CONNECTION_LENT:
        connection->lease->events->timed_out(connection->lease);
        return;
    case ENGINE_CONNECTION_IDLE:
        engine_connection_close(connection);
        return;
    case ENGINE_CONNECTION_CLOSING:
        return;
    }
}

/* ---- connecting ---- */

static enum status engine_connection_dial(struct engine_connection *connection,
                                          struct failure *reterr);
static void engine_connection_ready(struct watch *watch, int events, bool failed);

static void engine_connection_shake_hands(struct engine_connection *connection)
{
    struct failure failure;
    enum status status = transport_handshake(&connection->transport, &failure);
    if (status == STATUS_AGAIN) {
        watch_for(&connection->watch,
                  connection->transport.wants_write ? UV_WRITABLE : UV_READABLE);
        return;
    }
    if (status != STATUS_OK) {
        engine_connection_refuse(connection, ENGINE_UNREACHABLE, failure.text);
        return;
    }
    watch_for(&connection->watch, UV_READABLE);
    engine_connection_enter(connection, ENGINE_CONNECTION_LENT);
    connection->lease->events->lent(connection->lease);
}

static void engine_connection_connected(struct engine_connection *connection)
{
    if (connection->transport.tls != NULL) {
        engine_connection_enter(connection, ENGINE_CONNECTION_HANDSHAKE);
        engine_connection_shake_hands(connection);
        return;
    }
    watch_for(&connection->watch, UV_READABLE);
    engine_connection_enter(connection, ENGINE_CONNECTION_LENT);
    connection->lease->events->lent(connection->lease);
}

/* One address did not answer: the next one gets a connection of its own, since a descriptor cannot
 * be dialled twice. */
static void engine_connection_try_next(struct engine_connection *connection, int error)
{
    struct engine_pool *pool = connection->pool;
    struct engine_lease *lease = connection->lease;
    size_t next = connection->address + 1;
    resolve_doubt(&pool->resolve);
    if (next >= pool->resolve.addresses_count) {
        engine_connection_refuse(connection, ENGINE_UNREACHABLE, strerror(error));
        return;
    }
    struct engine_connection *successor = calloc(1, sizeof(*successor));
    uint64_t now_ms = uv_now(&pool->worker->loop);
    uint64_t due_ms = connection->deadline.due_ms;
    uint64_t left_ms = due_ms > now_ms ? due_ms - now_ms : 0; /* sockets may come before timers */
    engine_connection_close(connection);
    lease->connection = NULL;
    struct failure failure = {"out of memory"};
    if (successor != NULL) {
        *successor = (struct engine_connection){.pool = pool, .lease = lease, .address = next};
        if (engine_connection_dial(successor, &failure) == STATUS_OK) {
            deadline_set(&successor->deadline, left_ms); /* all addresses share one time limit */
            return;
        }
    }
    lease->events->refused(lease, ENGINE_UNREACHABLE, failure.text);
}

static void engine_connection_ready(struct watch *watch, int events, bool failed)
{
    struct engine_connection *connection = CONTAINER(watch, struct engine_connection, watch);
    switch (connection->state) {
    case ENGINE_CONNECTION_CONNECTING: {
        int error = 0;
        socklen_t length = sizeof(error);
        if (getsockopt(connection->transport.descriptor, SOL_SOCKET, SO_ERROR, &error, &length) !=
                0 ||
            error != 0 || failed) {
            engine_connection_try_next(connection, error != 0 ? error : ECONNREFUSED);
            return;
        }
        engine_connection_connected(connection);
        return;
    }
    case ENGINE_CONNECTION_HANDSHAKE:
        engine_connection_shake_hands(connection);
        return;
    case ENGINE_CONNECTION_LENT:
        connection->lease->events->ready(connection->lease, events, failed);
        return;
    case ENGINE_CONNECTION_IDLE:
        /* The engine closed it, or speaks without being asked: either way it is of no more use. */
        engine_connection_close(connection);
        return;
    case ENGINE_CONNECTION_CLOSING:
        return;
    }
}

static enum status engine_connection_open_transport(struct engine_connection *connection,
                                                    int descriptor)
{
    const struct engine *engine = connection->pool->engine;
    if (engine->tls_context == NULL) {
        transport_open_plain(&connection->transport, descriptor);
        return STATUS_OK;
    }
    return transport_open_tls_client(&connection->transport, descriptor, engine->tls_context,
                                     engine->host);
}

/* Begins to connect to connection->address. On failure the connection is freed. */
static enum status engine_connection_dial(struct engine_connection *connection,
                                          struct failure *reterr)
{
    struct engine_pool *pool = connection->pool;
    const struct sockaddr *address =
        (const struct sockaddr *)&pool->resolve.addresses[connection->address];
    socklen_t length =
        address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    int descriptor = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0 || engine_connection_open_transport(connection, descriptor) != STATUS_OK) {
        failure_set(reterr, "cannot make a socket: %s", strerror(errno));
        free(connection);
        return STATUS_IO;
    }
    int error =
        watch_open(&connection->watch, &pool->worker->loop, descriptor, engine_connection_ready);
    if (error != 0) {
        failure_set(reterr, "cannot wait for the engine: %s", uv_strerror(error));
        transport_close(&connection->transport, true);
        free(connection);
        return STATUS_IO;
    }
    deadline_init(&connection->deadline, &pool->worker->loop, engine_connection_timed_out);
    connection->handles_open = 2;
    atomic_fetch_add_explicit(&pool->open_count, 1, memory_order_relaxed);
    connection->lease->connection = connection;
    engine_connection_enter(connection, ENGINE_CONNECTION_CONNECTING);
    /* An error other than "in progress" shows as readiness, too, and is read from the socket then.
     */
    (void)connect(descriptor, address, length);
    watch_for(&connection->watch, UV_WRITABLE);
    return STATUS_OK;
}

/* ---- waiting for the address ---- */

static void engine_pool_unlink_waiting(struct engine_pool *pool, struct engine_lease *lease)
{
    if (lease->previous != NULL) {
        lease->previous->next = lease->next;
    } else {
        pool->waiting = lease->next;
    }
    if (lease->next != NULL) {
        lease->next->previous = lease->previous;
    }
    lease->next = lease->previous = NULL;
    lease->waiting = false;
    pool->waiting_count--;
}

static void engine_pool_link_waiting(struct engine_pool *pool, struct engine_lease *lease)
{
    lease->next = pool->waiting;
    lease->previous = NULL;
    if (lease->next != NULL) {
        lease->next->previous = lease;
    }
    pool->waiting = lease;
    pool->waiting_count++;
    lease->waiting = true;
    lease->wait_ends_ms = uv_now(&pool->worker->loop) + pool->engine->connect_timeout_ms;
    if (pool->lookup_deadline.due_ms == 0) {
        deadline_set(&pool->lookup_deadline, pool->engine->connect_timeout_ms);
    }
}

static enum status engine_pool_connect(struct engine_pool *pool, struct engine_lease *lease,
                                       struct failure *reterr)
{
    struct engine_connection *connection = calloc(1, sizeof(*connection));
    if (connection == NULL) {
        failure_set(reterr, "out of memory");
        return STATUS_NO_MEMORY;
    }
    connection->pool = pool;
    connection->lease = lease;
    return engine_connection_dial(connection, reterr);
}

static void engine_pool_looked_up(void *context, int error)
{
    struct engine_pool *pool = context;
    struct engine_lease *lease;
    while ((lease = pool->waiting) != NULL) {
        struct failure failure;
        engine_pool_unlink_waiting(pool, lease);
        if (pool->resolve.addresses_count == 0) {
            failure_set(&failure, "cannot find %s: %s", pool->resolve.host, uv_strerror(error));
            lease->events->refused(lease, ENGINE_UNREACHABLE, failure.text);
        } else if (engine_pool_connect(pool, lease, &failure) != STATUS_OK) {
            lease->events->refused(lease, ENGINE_UNREACHABLE, failure.text);
        }
    }
}

/* A name server that hangs is no better than one that is down. */
static void engine_pool_lookup_timed_out(struct deadline *deadline)
{
    struct engine_pool *pool = CONTAINER(deadline, struct engine_pool, lookup_deadline);
    uint64_t now_ms = uv_now(&pool->worker->loop);
    uint64_t next_ms = 0;
    struct engine_lease *lease = pool->waiting;
    while (lease != NULL) {
        struct engine_lease *next = lease->next;
        if (lease->wait_ends_ms <= now_ms) {
            engine_pool_unlink_waiting(pool, lease);
            lease->events->refused(lease, ENGINE_CONNECT_TIMEOUT, "name look-up timed out");
        } else if (next_ms == 0 || lease->wait_ends_ms < next_ms) {
            next_ms = lease->wait_ends_ms;
        }
        lease = next;
    }
    if (next_ms != 0) {
        deadline_set(&pool->lookup_deadline, next_ms - now_ms);
    }
}

/* ---- lending ---- */

enum status engine_pool_lend(struct engine_pool *pool, struct engine_lease *lease, bool fresh)
{
    struct failure failure;
    if (pool->idle != NULL && !fresh) {
        struct engine_connection *connection = pool->idle;
        engine_connection_enter(connection, ENGINE_CONNECTION_LENT);
        connection->lease = lease;
        lease->connection = connection;
        return STATUS_OK;
    }
    size_t taken = atomic_load_explicit(&pool->open_count, memory_order_relaxed);
    if (pool->closed || taken + pool->waiting_count >= pool->engine->connections_max) {
        return STATUS_LIMIT;
    }
    if (!resolve_ready(&pool->resolve)) {
        engine_pool_link_waiting(pool, lease);
        return STATUS_AGAIN;
    }
    return engine_pool_connect(pool, lease, &failure) == STATUS_OK ? STATUS_AGAIN : STATUS_LIMIT;
}

void engine_lease_return(struct engine_pool *pool, struct engine_lease *lease, bool reusable)
{
    struct engine_connection *connection = lease->connection;
    if (lease->waiting) {
        engine_pool_unlink_waiting(pool, lease);
    }
    if (connection == NULL) {
        return;
    }
    lease->connection = NULL;
    if (!reusable || pool->closed || pool->idle_count >= engine_idle_max ||
        connection->state != ENGINE_CONNECTION_LENT ||
        transport_has_pending(&connection->transport)) {
        engine_connection_close(connection);
        return;
    }
    watch_for(&connection->watch, UV_READABLE);
    engine_connection_enter(connection, ENGINE_CONNECTION_IDLE);
}

void engine_pool_close(struct engine_pool *pool)
{
    pool->closed = true;
    while (pool->idle != NULL) {
        engine_connection_close(pool->idle);
    }
    resolve_clear(&pool->resolve);
    uv_close((uv_handle_t *)&pool->lookup_deadline.timer, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * engine_pool.h - connections to the engine, lent to one call at a time.
 *
 * A connection is connecting, lent, idle or closing. Idle ones are kept readable, so that the
 * engine's closing one of them is seen before the next call would use it; the youngest is lent
 * first. Owning worker only. */
#ifndef AG_PROXY_ENGINE_POOL_H
#define AG_PROXY_ENGINE_POOL_H

#include "net/deadline.h"
#include "net/resolve.h"
#include "net/transport.h"
#include "net/watch.h"
#include "net/worker.h"
#include "proxy/engine.h"

#include <stdatomic.h>

enum {
    engine_idle_max = 256,  /* idle connections kept by one worker */
    engine_idle_ms = 60000, /* how long one is kept */
};

struct engine_lease;

enum engine_connection_state {
    ENGINE_CONNECTION_CONNECTING,
    ENGINE_CONNECTION_HANDSHAKE,
    ENGINE_CONNECTION_LENT,
    ENGINE_CONNECTION_IDLE,
    ENGINE_CONNECTION_CLOSING,
};

struct engine_connection {
    struct watch watch;
    struct deadline deadline;
    struct transport transport;
    struct engine_pool *pool;
    struct engine_lease *lease; /* who has it, or waits for it to connect; NULL when idle */
    struct engine_connection *next, *previous; /* idle list */
    enum engine_connection_state state;
    size_t address; /* which one of the resolved is being tried */
    unsigned handles_open;
    bool reused;
};

/* What the holder of a lease hears. Each may end the lease, and the memory around it. */
struct engine_lease_events {
    void (*lent)(struct engine_lease *lease); /* the connection is ready to be written to */
    void (*refused)(struct engine_lease *lease, enum engine_failure failure, const char *detail);
    void (*ready)(struct engine_lease *lease, int events, bool failed);
    void (*timed_out)(struct engine_lease *lease);
};

/* Embedded in whatever needs the engine. Zero-initialise, set <events>. */
struct engine_lease {
    const struct engine_lease_events *events;
    struct engine_connection *connection; /* NULL while none is lent or connecting */
    struct engine_lease *next, *previous; /* waiting for the engine's address */
    bool waiting;
    uint64_t wait_ends_ms;
};

struct engine_pool {
    const struct engine *engine;
    struct worker *worker;
    struct resolve resolve;
    struct deadline lookup_deadline;
    struct engine_lease *waiting;
    size_t waiting_count; /* each will be a connection, so they count for connections_max */
    struct engine_connection *idle;
    size_t idle_count;
    atomic_size_t open_count; /* all but closing ones; any thread may read it */
    bool closed;
};

enum status engine_pool_init(struct engine_pool *pool, const struct engine *engine,
                             struct worker *worker) MUST_CHECK;

/* Closes what is idle and lends nothing more; the loop must run until the handles are closed. */
void engine_pool_close(struct engine_pool *pool);

/* STATUS_OK: lease->connection can be written to now. STATUS_AGAIN: <lent> or <refused> follows.
 * STATUS_LIMIT: no more connections. With <fresh> no idle connection is taken. */
enum status engine_pool_lend(struct engine_pool *pool, struct engine_lease *lease,
                             bool fresh) MUST_CHECK;

/* Gives the connection back, or gives up waiting for one. Only a connection with nothing left to
 * read or write is <reusable>. */
void engine_lease_return(struct engine_pool *pool, struct engine_lease *lease, bool reusable);

#endif

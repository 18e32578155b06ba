/* SPDX-License-Identifier: MIT
 *
 * engine_pool_test.c - connections that are lent, kept, found dead, refused and waited for, plain
 * and through TLS. */
#include "proxy/engine_pool.h"

#include "stage.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define NO_NAME "a..b" /* an empty label: refused before anybody is asked */

/* A lease, and what its holder heard. */
struct holder {
    struct engine_lease lease;
    unsigned lent;
    unsigned refused;
    unsigned ready;
    unsigned timed_out;
    enum engine_failure failure;
    char detail[240];
};

static struct holder *holder_of(struct engine_lease *lease)
{
    return (struct holder *)((char *)lease - offsetof(struct holder, lease));
}

static void holder_lent(struct engine_lease *lease)
{
    holder_of(lease)->lent++;
}

static void holder_refused(struct engine_lease *lease, enum engine_failure failure,
                           const char *detail)
{
    struct holder *holder = holder_of(lease);
    holder->refused++;
    holder->failure = failure;
    snprintf(holder->detail, sizeof(holder->detail), "%s", detail);
    assert_null(lease->connection);
}

static void holder_ready(struct engine_lease *lease, int events, bool failed)
{
    struct holder *holder = holder_of(lease);
    holder->ready++;
    watch_for(&lease->connection->watch, 0); /* heard */
}

static void holder_timed_out(struct engine_lease *lease)
{
    holder_of(lease)->timed_out++;
}

static const struct engine_lease_events holder_events = {.lent = holder_lent,
                                                         .refused = holder_refused,
                                                         .ready = holder_ready,
                                                         .timed_out = holder_timed_out};

static enum status lend(struct stage *stage, struct holder *holder, bool fresh)
{
    *holder = (struct holder){.lease = {.events = &holder_events}};
    return engine_pool_lend(&stage->pool, &holder->lease, fresh);
}

static void give_back(struct stage *stage, struct holder *holder, bool reusable)
{
    engine_lease_return(&stage->pool, &holder->lease, reusable);
    assert_null(holder->lease.connection);
}

static size_t open_count(struct stage *stage)
{
    return atomic_load(&stage->pool.open_count);
}

/* Lends a new connection and gives the engine's end of it. */
static int lend_fresh(struct stage *stage, struct holder *holder)
{
    assert_int_equal(lend(stage, holder, true), STATUS_AGAIN);
    int connection = stage_accept(stage);
    stage_wait(stage, &holder->lent);
    assert_int_equal(holder->refused, 0);
    assert_non_null(holder->lease.connection);
    return connection;
}

static void holder_wait_refused(struct stage *stage, struct holder *holder)
{
    stage_wait(stage, &holder->refused);
    assert_int_equal(holder->lent, 0);
    assert_int_equal(holder->refused, 1);
    assert_true(holder->detail[0] != '\0');
}

/* A listener that nobody accepts from, its queue full: who connects to it waits. */
struct tarpit {
    int listener;
    int fillers[16];
    size_t fillers_count;
    uint16_t port;
};

static void tarpit_open(struct tarpit *tarpit)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof(address);
    *tarpit = (struct tarpit){.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    assert_int_equal(bind(tarpit->listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(getsockname(tarpit->listener, (struct sockaddr *)&address, &length), 0);
    assert_int_equal(listen(tarpit->listener, 0), 0);
    tarpit->port = ntohs(address.sin_port);
    for (bool is_full = false; !is_full;) {
        int filler = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        struct sockaddr_in name;
        assert_true(filler >= 0 && tarpit->fillers_count < 16);
        tarpit->fillers[tarpit->fillers_count++] = filler;
        (void)!connect(filler, (struct sockaddr *)&address, sizeof(address));
        nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL);
        length = sizeof(name);
        is_full = getpeername(filler, (struct sockaddr *)&name, &length) != 0;
    }
}

static void tarpit_close(struct tarpit *tarpit)
{
    for (size_t i = 0; i < tarpit->fillers_count; i++) {
        close(tarpit->fillers[i]);
    }
    close(tarpit->listener);
}

static struct sockaddr_storage address_of(uint16_t port)
{
    struct sockaddr_storage storage = {0};
    struct sockaddr_in four = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    memcpy(&storage, &four, sizeof(four));
    return storage;
}

/* A port that refuses: bound, so that nobody else gets it, and not listening. */
static int closed_port(uint16_t *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof(address);
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(descriptor, (struct sockaddr *)&address, length), 0);
    assert_int_equal(getsockname(descriptor, (struct sockaddr *)&address, &length), 0);
    *ret_port = ntohs(address.sin_port);
    return descriptor;
}

/* ---- lending ---- */

static void a_connection_is_made_lent_and_lent_again(void **state)
{
    struct stage stage;
    struct holder holder;
    stage_start(&stage);
    assert_int_equal(lend(&stage, &holder, false), STATUS_AGAIN);
    assert_int_equal(holder.lent, 0);
    assert_int_equal(open_count(&stage), 1);
    int connection = stage_accept(&stage);
    stage_wait(&stage, &holder.lent);
    struct engine_connection *lent = holder.lease.connection;
    assert_false(lent->reused);
    struct iovec piece = {(void *)(uintptr_t) "hello", 5};
    size_t count = 0;
    assert_int_equal(transport_write(&lent->transport, &piece, 1, &count), STATUS_OK);
    stage_expect(&stage, connection, SLICE("hello"));
    stage_send(&stage, connection, SLICE("x"));
    stage_wait(&stage, &holder.ready);
    char byte = 0;
    assert_int_equal(transport_read(&lent->transport, &byte, 1, &count), STATUS_OK);
    give_back(&stage, &holder, true);
    assert_int_equal(stage.pool.idle_count, 1);
    assert_int_equal(lend(&stage, &holder, false), STATUS_OK); /* at once */
    assert_ptr_equal(holder.lease.connection, lent);
    assert_true(lent->reused);
    assert_int_equal(stage.pool.idle_count, 0);
    give_back(&stage, &holder, false);
    assert_int_equal(stage_expect_end(&stage, connection), 0);
    assert_int_equal(open_count(&stage), 0);
    close(connection);
    stage_end(&stage);
}

static void a_fresh_connection_leaves_idle_ones_alone(void **state)
{
    struct stage stage;
    struct holder holders[2];
    int connections[2];
    stage_start(&stage);
    connections[0] = lend_fresh(&stage, &holders[0]);
    struct engine_connection *kept = holders[0].lease.connection;
    give_back(&stage, &holders[0], true);
    connections[1] = lend_fresh(&stage, &holders[1]);
    assert_ptr_not_equal(holders[1].lease.connection, kept);
    assert_int_equal(stage.pool.idle_count, 1);
    give_back(&stage, &holders[1], false);
    stage_end(&stage);
    close(connections[0]);
    close(connections[1]);
}

static void the_youngest_is_lent_first(void **state)
{
    struct stage stage;
    struct holder holders[3];
    struct engine_connection *lent[3];
    int connections[3];
    stage_start(&stage);
    for (size_t i = 0; i < 3; i++) {
        connections[i] = lend_fresh(&stage, &holders[i]);
        lent[i] = holders[i].lease.connection;
    }
    static const size_t order[] = {1, 2, 0};
    for (size_t i = 0; i < 3; i++) {
        give_back(&stage, &holders[order[i]], true);
    }
    for (size_t i = 3; i-- > 0;) {
        assert_int_equal(lend(&stage, &holders[i], false), STATUS_OK);
        assert_ptr_equal(holders[i].lease.connection, lent[order[i]]);
    }
    for (size_t i = 0; i < 3; i++) {
        give_back(&stage, &holders[i], true);
    }
    stage_end(&stage);
    for (size_t i = 0; i < 3; i++) {
        close(connections[i]);
    }
}

static void connections_that_the_engine_ends_are_not_kept(void **state)
{
    for (int how = 0; how < 3; how++) {
        struct stage stage;
        struct holder holders[3];
        int connections[3];
        stage_start(&stage);
        for (size_t i = 0; i < 3; i++) {
            connections[i] = lend_fresh(&stage, &holders[i]);
        }
        for (size_t i = 0; i < 3; i++) {
            give_back(&stage, &holders[i], true);
        }
        if (how == 0) {
            close(connections[1]);
        } else if (how == 1) {
            stage_reset(connections[1]);
        } else { /* speaks without being asked */
            stage_send(&stage, connections[1], SLICE("HTTP/1.1 408 Request Timeout\r\n\r\n"));
        }
        while (stage.pool.idle_count == 3) {
            stage_turn(&stage, -1);
        }
        assert_int_equal(stage.pool.idle_count, 2); /* out of the middle of the list */
        assert_int_equal(open_count(&stage), 2);
        for (size_t i = 0; i < 2; i++) {
            assert_int_equal(lend(&stage, &holders[i], false), STATUS_OK);
        }
        for (size_t i = 0; i < 2; i++) {
            give_back(&stage, &holders[i], true);
        }
        stage_end(&stage);
        close(connections[0]);
        close(connections[2]);
        if (how == 2) {
            close(connections[1]);
        }
    }
}

static void an_idle_connection_does_not_live_forever(void **state)
{
    struct stage stage;
    struct holder holder;
    stage_start(&stage);
    int connection = lend_fresh(&stage, &holder);
    give_back(&stage, &holder, true);
    struct deadline *deadline = &stage.pool.idle->deadline;
    assert_true(deadline->due_ms - uv_now(&stage.worker.loop) <= engine_idle_ms);
    assert_true(deadline->due_ms > uv_now(&stage.worker.loop));
    deadline_set(deadline, 1); /* the minute is over */
    assert_int_equal(stage_expect_end(&stage, connection), 0);
    assert_int_equal(stage.pool.idle_count, 0);
    close(connection);
    stage_end(&stage);
}

static void a_deadline_of_the_holder_is_told_to_it(void **state)
{
    struct stage stage;
    struct holder holder;
    stage_start(&stage);
    int connection = lend_fresh(&stage, &holder);
    deadline_set(&holder.lease.connection->deadline, 5);
    stage_wait(&stage, &holder.timed_out);
    assert_non_null(holder.lease.connection); /* what to do about it is the holder's business */
    give_back(&stage, &holder, false);
    stage_end(&stage);
    close(connection);
}

/* ---- caps ---- */

static void connections_are_capped(void **state)
{
    struct stage stage;
    struct holder holders[3];
    int connections[3];
    stage_begin(&stage, "127.0.0.1");
    stage.engine.connections_max = 2;
    stage_open(&stage);
    connections[0] = lend_fresh(&stage, &holders[0]);
    connections[1] = lend_fresh(&stage, &holders[1]);
    assert_int_equal(lend(&stage, &holders[2], false), STATUS_LIMIT);
    assert_int_equal(lend(&stage, &holders[2], true), STATUS_LIMIT);
    give_back(&stage, &holders[2], false); /* nothing to give */
    give_back(&stage, &holders[0], true);
    assert_int_equal(lend(&stage, &holders[2], true), STATUS_LIMIT); /* idle ones count */
    assert_int_equal(lend(&stage, &holders[2], false), STATUS_OK);
    give_back(&stage, &holders[2], false);
    connections[2] = lend_fresh(&stage, &holders[2]);
    assert_int_equal(open_count(&stage), 2);
    give_back(&stage, &holders[1], true);
    give_back(&stage, &holders[2], true);
    stage_end(&stage);
    for (size_t i = 0; i < 3; i++) {
        close(connections[i]);
    }
}

/* Those who wait for the engine's address will all want a connection once it is there. */
static void waiting_for_the_address_counts_as_well(void **state)
{
    struct stage stage;
    struct holder holders[5];
    stage_begin(&stage, "localhost");
    stage.engine.connections_max = 2;
    stage_open(&stage);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(lend(&stage, &holders[i], false), i < 2 ? STATUS_AGAIN : STATUS_LIMIT);
    }
    give_back(&stage, &holders[1], false); /* leaves the queue, and its place */
    assert_int_equal(lend(&stage, &holders[2], false), STATUS_AGAIN);
    int connections[2] = {stage_accept(&stage), stage_accept(&stage)};
    stage_wait(&stage, &holders[0].lent);
    stage_wait(&stage, &holders[2].lent);
    assert_int_equal(open_count(&stage), 2);
    assert_int_equal(lend(&stage, &holders[3], false), STATUS_LIMIT);
    give_back(&stage, &holders[0], false);
    give_back(&stage, &holders[2], false);
    stage_end(&stage);
    close(connections[0]);
    close(connections[1]);
}

static void idle_connections_are_capped(void **state)
{
    enum { count = engine_idle_max + 2 };
    struct stage stage;
    struct holder *holders = calloc(count, sizeof(*holders));
    int *connections = calloc(count, sizeof(*connections));
    assert_non_null(holders);
    assert_non_null(connections);
    stage_begin(&stage, "127.0.0.1");
    stage.engine.connections_max = count;
    stage_open(&stage);
    for (size_t i = 0; i < count; i++) {
        connections[i] = lend_fresh(&stage, &holders[i]);
    }
    for (size_t i = 0; i < count; i++) {
        give_back(&stage, &holders[i], true);
    }
    assert_int_equal(stage.pool.idle_count, engine_idle_max);
    assert_int_equal(open_count(&stage), engine_idle_max);
    stage_end(&stage);
    for (size_t i = 0; i < count; i++) {
        close(connections[i]);
    }
    free(holders);
    free(connections);
}

/* ---- not reached ---- */

static void a_refusal_is_told(void **state)
{
    struct stage stage;
    struct holder holder;
    uint16_t port = 0;
    int closed = closed_port(&port);
    stage_begin(&stage, "127.0.0.1");
    stage.engine.url.port = port;
    stage_open(&stage);
    assert_int_equal(lend(&stage, &holder, false), STATUS_AGAIN);
    holder_wait_refused(&stage, &holder);
    assert_int_equal(holder.failure, ENGINE_UNREACHABLE);
    assert_int_equal(open_count(&stage), 0);
    stage_end(&stage);
    close(closed);
}

/* The name may mean another address by now. */
static void a_name_whose_address_fails_is_looked_up_again(void **state)
{
    struct stage stage;
    struct holder holder;
    uint16_t port = 0;
    int closed = closed_port(&port);
    stage_begin(&stage, "localhost");
    stage.engine.url.port = port;
    stage_open(&stage);
    assert_int_equal(lend(&stage, &holder, false), STATUS_AGAIN);
    holder_wait_refused(&stage, &holder);
    assert_true(stage.pool.resolve.addresses_count > 0);
    assert_int_equal(lend(&stage, &holder, false), STATUS_AGAIN);
    assert_false(holder.lease.waiting); /* the old one serves meanwhile */
    assert_true(stage.pool.resolve.running);
    holder_wait_refused(&stage, &holder);
    stage_end(&stage);
    close(closed);
}

static void the_next_address_is_tried(void **state)
{
    struct stage stage;
    struct holder holder;
    uint16_t port = 0;
    int closed = closed_port(&port);
    stage_start(&stage);
    struct resolve *resolve = &stage.pool.resolve;
    resolve->addresses[0] = address_of(port);
    resolve->addresses[1] = address_of(port);
    resolve->addresses[2] = address_of(stage.port);
    resolve->addresses_count = 3;
    assert_int_equal(lend(&stage, &holder, false), STATUS_AGAIN);
    int connection = stage_accept(&stage);
    stage_wait(&stage, &holder.lent);
    assert_int_equal(open_count(&stage), 1);
    assert_int_equal(holder.lease.connection->address, 2);
    give_back(&stage, &holder, true);
    resolve->addresses_count = 2; /* and if all refuse, that is told once */
    assert_int_equal(lend(&stage, &holder, true), STATUS_AGAIN);
    holder_wait_refused(&stage, &holder);
    assert_int_equal(holder.failure, ENGINE_UNREACHABLE);
    stage_end(&stage);
    close(connection);
    close(closed);
}

static void connecting_takes_its_time_and_no_longer(void **state)
{
    struct stage stage;
    struct tarpit tarpit;
    struct holder holder;
    tarpit_open(&tarpit);
    stage_begin(&stage, "127.0.0.1");
    stage.engine.url.port = tarpit.port;
    stage.engine.connect_timeout_ms = 50;
    stage_open(&stage);
    assert_int_equal(lend(&stage, &holder, false), STATUS_AGAIN);
    holder_wait_refused(&stage, &holder);
    assert_int_equal(holder.failure, ENGINE_CONNECT_TIMEOUT);
    assert_int_equal(open_count(&stage), 0);
    stage_end(&stage);
    tarpit_close(&tarpit);
}

static void prepared(uv_prepare_t *prepare)
{
    nanosleep(&(struct timespec){.tv_nsec = 60 * 1000 * 1000}, NULL);
}

/* The first address refuses when the time is already over, in the same turn of the loop: the second
 * one gets no new hour. */
static void all_addresses_share_one_time(void **state)
{
    struct stage stage;
    struct tarpit tarpit;
    struct holder holder;
    uv_prepare_t slow; /* between the loop's look at its timers and its wait for sockets */
    uint16_t port = 0;
    int closed = closed_port(&port);
    tarpit_open(&tarpit);
    stage_begin(&stage, "127.0.0.1");
    stage.engine.connect_timeout_ms = 30;
    stage_open(&stage);
    stage.pool.resolve.addresses[0] = address_of(port);
    stage.pool.resolve.addresses[1] = address_of(tarpit.port);
    stage.pool.resolve.addresses_count = 2;
    uv_prepare_init(&stage.worker.loop, &slow);
    uv_prepare_start(&slow, prepared);
    uv_update_time(&stage.worker.loop);
    assert_int_equal(lend(&stage, &holder, false), STATUS_AGAIN);
    uv_run(&stage.worker.loop, UV_RUN_NOWAIT);
    uv_close((uv_handle_t *)&slow, NULL);
    holder_wait_refused(&stage, &holder);
    assert_int_equal(holder.failure, ENGINE_CONNECT_TIMEOUT);
    stage_end(&stage);
    tarpit_close(&tarpit);
    close(closed);
}

static void giving_up_while_connecting_is_silent(void **state)
{
    struct stage stage;
    struct tarpit tarpit;
    struct holder holder;
    tarpit_open(&tarpit);
    stage_begin(&stage, "127.0.0.1");
    stage.engine.url.port = tarpit.port;
    stage.engine.connect_timeout_ms = 30;
    stage_open(&stage);
    assert_int_equal(lend(&stage, &holder, false), STATUS_AGAIN);
    give_back(&stage, &holder, true); /* reusable it is not, whoever says so */
    assert_int_equal(stage.pool.idle_count, 0);
    assert_int_equal(open_count(&stage), 0);
    stage_pause(&stage, 60);
    assert_int_equal(holder.lent + holder.refused + holder.timed_out, 0);
    stage_end(&stage);
    tarpit_close(&tarpit);
}

/* ---- the address ---- */

static void a_name_is_looked_up_once_for_all(void **state)
{
    struct stage stage;
    struct holder holders[3];
    stage_begin(&stage, "localhost");
    stage_open(&stage);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(lend(&stage, &holders[i], false), STATUS_AGAIN);
        assert_true(holders[i].lease.waiting);
    }
    assert_int_equal(open_count(&stage), 0);
    give_back(&stage, &holders[1], false); /* out of the middle of the queue */
    assert_false(holders[1].lease.waiting);
    int connections[2] = {stage_accept(&stage), stage_accept(&stage)};
    stage_wait(&stage, &holders[0].lent);
    stage_wait(&stage, &holders[2].lent);
    assert_int_equal(holders[1].lent + holders[1].refused, 0);
    give_back(&stage, &holders[0], true);
    give_back(&stage, &holders[2], true);
    stage_end(&stage);
    close(connections[0]);
    close(connections[1]);
}

static void a_name_that_nobody_knows_is_told(void **state)
{
    struct stage stage;
    struct holder holder;
    stage_begin(&stage, NO_NAME);
    stage_open(&stage);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(lend(&stage, &holder, false), STATUS_AGAIN);
        holder_wait_refused(&stage, &holder);
        assert_int_equal(holder.failure, ENGINE_UNREACHABLE);
        assert_non_null(strstr(holder.detail, NO_NAME));
    }
    stage_end(&stage);
}

/* Look-ups run on libuv's threads. With all of them busy, one hangs as long as we like. */
enum { thread_pool_size = 4 };

static uv_sem_t thread_pool_gate;

static void thread_pool_busy(uv_work_t *work)
{
    uv_sem_wait(&thread_pool_gate);
}

static void thread_pool_done(uv_work_t *work, int status)
{
}

static void a_look_up_that_hangs_is_not_waited_for(void **state)
{
    struct stage stage;
    struct holder holders[3];
    uv_work_t works[thread_pool_size];
    assert_int_equal(uv_sem_init(&thread_pool_gate, 0), 0);
    stage_begin(&stage, "localhost");
    stage.engine.connect_timeout_ms = 60;
    stage_open(&stage);
    for (size_t i = 0; i < thread_pool_size; i++) {
        assert_int_equal(
            uv_queue_work(&stage.worker.loop, &works[i], thread_pool_busy, thread_pool_done), 0);
    }
    assert_int_equal(lend(&stage, &holders[0], false), STATUS_AGAIN);
    stage_pause(&stage, 30);
    assert_int_equal(lend(&stage, &holders[1], false), STATUS_AGAIN);
    assert_int_equal(lend(&stage, &holders[2], false), STATUS_AGAIN);
    give_back(&stage, &holders[2], false);
    holder_wait_refused(&stage, &holders[0]);
    assert_int_equal(holders[0].failure, ENGINE_CONNECT_TIMEOUT);
    holder_wait_refused(&stage, &holders[1]); /* each has its own time */
    assert_int_equal(holders[1].failure, ENGINE_CONNECT_TIMEOUT);
    assert_int_equal(holders[2].refused, 0);
    for (size_t i = 0; i < thread_pool_size; i++) {
        uv_sem_post(&thread_pool_gate);
    }
    assert_int_equal(lend(&stage, &holders[0], false), STATUS_AGAIN); /* joins the old look-up */
    int connection = stage_accept(&stage);
    stage_wait(&stage, &holders[0].lent);
    give_back(&stage, &holders[0], true);
    stage_end(&stage);
    uv_sem_destroy(&thread_pool_gate);
    close(connection);
}

/* ---- the end ---- */

static void a_closed_pool_lends_nothing_more(void **state)
{
    struct stage stage;
    struct holder holders[3];
    int connections[2];
    stage_start(&stage);
    connections[0] = lend_fresh(&stage, &holders[0]);
    connections[1] = lend_fresh(&stage, &holders[1]);
    give_back(&stage, &holders[1], true);
    engine_pool_close(&stage.pool);
    assert_int_equal(stage_expect_end(&stage, connections[1]), 0); /* idle: closed */
    assert_int_equal(lend(&stage, &holders[2], false), STATUS_LIMIT);
    assert_int_equal(lend(&stage, &holders[2], true), STATUS_LIMIT);
    assert_int_equal(open_count(&stage), 1); /* lent: still the holder's */
    give_back(&stage, &holders[0], true);
    assert_int_equal(stage_expect_end(&stage, connections[0]), 0);
    close(connections[0]);
    close(connections[1]);
    stage_end(&stage);
}

/* ---- TLS ---- */

static void tls_begin(struct stage *stage, const char *host, const char *name)
{
    stage_begin(stage, host);
    snprintf(stage->engine.host, sizeof(stage->engine.host), "%s", name);
    stage->engine.tls_context = stage_tls_client;
}

/* The engine's end of a TLS connection. */
static struct transport tls_accept(struct stage *stage)
{
    struct transport transport;
    int connection = stage_accept(stage);
    assert_int_equal(fcntl(connection, F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(transport_open_tls_server(&transport, connection, stage_tls_server),
                     STATUS_OK);
    return transport;
}

static void tls_connections_are_lent_after_the_handshake(void **state)
{
    static const char *const names[] = {"127.0.0.1", "localhost"};
    for (size_t i = 0; i < 2; i++) {
        struct stage stage;
        struct holder holder;
        char bytes[8];
        size_t count = 0;
        enum status status = STATUS_AGAIN;
        tls_begin(&stage, names[i], names[i]);
        stage_open(&stage);
        assert_int_equal(lend(&stage, &holder, false), STATUS_AGAIN);
        struct transport transport = tls_accept(&stage);
        assert_int_equal(holder.lent, 0); /* not before it is agreed */
        while (holder.lent == 0) {
            assert_int_equal(transport_read(&transport, bytes, sizeof(bytes), &count),
                             STATUS_AGAIN);
            stage_turn(&stage, transport.descriptor);
        }
        struct iovec piece = {(void *)(uintptr_t) "hello", 5};
        assert_int_equal(transport_write(&holder.lease.connection->transport, &piece, 1, &count),
                         STATUS_OK);
        while (status == STATUS_AGAIN) {
            status = transport_read(&transport, bytes, sizeof(bytes), &count);
            stage_turn(&stage, transport.descriptor);
        }
        assert_int_equal(status, STATUS_OK);
        assert_memory_equal(bytes, "hello", 5);
        give_back(&stage, &holder, true);
        assert_int_equal(stage.pool.idle_count, 1);
        transport_close(&transport, false); /* an idle one that ends is noticed here, too */
        while (stage.pool.idle_count == 1) {
            stage_turn(&stage, -1);
        }
        stage_end(&stage);
    }
}

static void an_engine_with_another_name_is_not_believed(void **state)
{
    struct stage stage;
    struct holder holder;
    char byte;
    size_t count = 0;
    tls_begin(&stage, "127.0.0.1", "engine.test");
    stage_open(&stage);
    assert_int_equal(lend(&stage, &holder, false), STATUS_AGAIN);
    struct transport transport = tls_accept(&stage);
    while (holder.lent + holder.refused == 0) {
        (void)!transport_read(&transport, &byte, 1, &count);
        stage_turn(&stage, transport.descriptor);
    }
    assert_int_equal(holder.refused, 1);
    assert_int_equal(holder.failure, ENGINE_UNREACHABLE);
    assert_non_null(strstr(holder.detail, "mismatch"));
    transport_close(&transport, true);
    stage_end(&stage);
}

static void an_engine_that_does_not_speak_tls_is_refused(void **state)
{
    struct stage stage;
    struct holder holder;
    tls_begin(&stage, "127.0.0.1", "127.0.0.1");
    stage_open(&stage);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(lend(&stage, &holder, false), STATUS_AGAIN);
        int connection = stage_accept(&stage);
        if (i == 0) {
            stage_send(&stage, connection, SLICE("HTTP/1.1 400 Bad Request\r\n\r\n"));
            holder_wait_refused(&stage, &holder);
            close(connection);
        } else {
            stage_reset(connection);
            holder_wait_refused(&stage, &holder);
        }
        assert_int_equal(holder.failure, ENGINE_UNREACHABLE);
        assert_int_equal(open_count(&stage), 0);
    }
    stage_end(&stage);
}

static void the_time_to_connect_includes_the_handshake(void **state)
{
    struct stage stage;
    struct holder holder;
    tls_begin(&stage, "127.0.0.1", "127.0.0.1");
    stage.engine.connect_timeout_ms = 60;
    stage_open(&stage);
    assert_int_equal(lend(&stage, &holder, false), STATUS_AGAIN);
    int connection = stage_accept(&stage); /* and then says nothing */
    holder_wait_refused(&stage, &holder);
    assert_int_equal(holder.failure, ENGINE_CONNECT_TIMEOUT);
    close(connection);
    stage_end(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_is_made_lent_and_lent_again),
        cmocka_unit_test(a_fresh_connection_leaves_idle_ones_alone),
        cmocka_unit_test(the_youngest_is_lent_first),
        cmocka_unit_test(connections_that_the_engine_ends_are_not_kept),
        cmocka_unit_test(an_idle_connection_does_not_live_forever),
        cmocka_unit_test(a_deadline_of_the_holder_is_told_to_it),
        cmocka_unit_test(connections_are_capped),
        cmocka_unit_test(waiting_for_the_address_counts_as_well),
        cmocka_unit_test(idle_connections_are_capped),
        cmocka_unit_test(a_refusal_is_told),
        cmocka_unit_test(a_name_whose_address_fails_is_looked_up_again),
        cmocka_unit_test(the_next_address_is_tried),
        cmocka_unit_test(connecting_takes_its_time_and_no_longer),
        cmocka_unit_test(all_addresses_share_one_time),
        cmocka_unit_test(giving_up_while_connecting_is_silent),
        cmocka_unit_test(a_name_is_looked_up_once_for_all),
        cmocka_unit_test(a_name_that_nobody_knows_is_told),
        cmocka_unit_test(a_look_up_that_hangs_is_not_waited_for),
        cmocka_unit_test(a_closed_pool_lends_nothing_more),
        cmocka_unit_test(tls_connections_are_lent_after_the_handshake),
        cmocka_unit_test(an_engine_with_another_name_is_not_believed),
        cmocka_unit_test(an_engine_that_does_not_speak_tls_is_refused),
        cmocka_unit_test(the_time_to_connect_includes_the_handshake),
    };
    return cmocka_run_group_tests(tests, stage_tls_begin, stage_tls_end);
}

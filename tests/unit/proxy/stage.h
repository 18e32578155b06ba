/* SPDX-License-Identifier: MIT
 *
 * stage.h - a worker's loop on the test's own thread, a pool of connections, and an engine on a
 * loopback socket that the test plays itself, step by step: each step turns the loop until it is
 * done. Any failure, and any step that never ends, fails the test. */
#ifndef AG_TESTS_UNIT_PROXY_STAGE_H
#define AG_TESTS_UNIT_PROXY_STAGE_H

#include "proxy/engine_pool.h"

struct stage {
    struct worker worker; /* not started */
    struct engine engine;
    struct engine_pool pool;
    int listener;
    uint16_t port;
};

/* The engine's address is <host>, "127.0.0.1" or "localhost", and the port that is listened on;
 * every wait is a minute, 16 connections are allowed, and there is no TLS. What should differ is
 * set before stage_open. */
void stage_begin(struct stage *stage, const char *host);
void stage_open(struct stage *stage);

/* Both, with 127.0.0.1 and nothing different. */
void stage_start(struct stage *stage);

/* Closes the pool and makes sure that nothing of it is left. */
void stage_end(struct stage *stage);

/* One turn of the loop; sleeps until it has something to do or <descriptor> (-1: none) is readable.
 */
void stage_turn(struct stage *stage, int descriptor);
/* Turns until *<count> is not zero. */
void stage_wait(struct stage *stage, const unsigned *count);
void stage_pause(struct stage *stage, uint64_t pause_ms);

/* The engine's end of the next connection, which blocks; the loop turns until it comes. */
int stage_accept(struct stage *stage);
/* Whether a connection waits to be accepted. */
bool stage_is_called(struct stage *stage);

/* Reads exactly <bytes> from the engine's end. */
void stage_expect(struct stage *stage, int connection, struct slice bytes);
/* Reads everything up to the end or a reset. Returns how much came. */
size_t stage_expect_end(struct stage *stage, int connection);
void stage_send(struct stage *stage, int connection, struct slice bytes);

/* Closes the engine's end so that the other side sees a reset. */
void stage_reset(int connection);

/* Set-up and tear-down of a test group that wants TLS: contexts of an engine that is 127.0.0.1 and
 * localhost, and of a client that trusts it. */
extern SSL_CTX *stage_tls_server;
extern SSL_CTX *stage_tls_client;
int stage_tls_begin(void **state);
int stage_tls_end(void **state);

#endif

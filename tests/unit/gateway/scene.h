/* SPDX-License-Identifier: MIT
 *
 * scene.h - one worker of a gateway on the test's own thread, with its listener, and an engine on a
 * loopback socket that the test plays itself. Whatever waits turns the worker's loop; what never
 * comes fails the test. Memory and agents are there when they are asked for: scene_open_*. */
#ifndef AG_TESTS_UNIT_GATEWAY_SCENE_H
#define AG_TESTS_UNIT_GATEWAY_SCENE_H

#include "gateway/process.h"
#include "gateway/request.h"

#include "../store/place.h"

#define SCENE_ISSUER "https://issuer.test"
/* Of "alice", remembered by the worker as verified; SCENE_TOKEN_BOB is bob's. */
#define SCENE_TOKEN "alices.remembered.token"
#define SCENE_TOKEN_BOB "bobs.remembered.token"

enum { scene_store_bytes_max = 64 * 1024 * 1024 }; /* of jobs that wait, see scene_open_memory */

struct scene {
    struct config config;
    struct process process;
    struct gateway *gateway;
    struct gateway *gateways[1];
    uint16_t port;                /* the gateway's */
    int engine;                   /* listens; ENGINE_URL names it */
    struct connection connection; /* of the fake codec, without a socket: see scene_request */
    struct place place;           /* of scene_open_memory; empty: none */
    struct gate recalled;
    struct sql_job held; /* of scene_hold_store, with its gates */
    struct gate entered, hold, released;
    struct fetcher *fetcher; /* of scene_open_agents */
};

/* Loads <flags> (ends with NULL; NULL: none) over a configuration that trusts SCENE_ISSUER, whose
 * keys are not there, for the audience "api". */
void scene_begin(struct scene *scene, const char *const *flags);
/* Ends every connection, lets the errands come back, and checks that nothing keeps the loop alive.
 */
void scene_end(struct scene *scene);

/* ---- what some need ---- */

/* A store in a directory of its own, and memory as the flags say. */
void scene_open_memory(struct scene *scene);
/* Agents as the flags say, on the worker's own loop. After scene_open_memory. */
void scene_open_agents(struct scene *scene);

/* The store's writing thread stands still until it is released. */
void scene_hold_store(struct scene *scene);
void scene_release_store(struct scene *scene);

/* Until memory has read all that it was given so far; it need not be on disk. */
void scene_await_bus(struct scene *scene);
/* The newest events of <user>, at least <count> of them: waits until they are there. Ended by
 * memory_job_free. */
struct memory_job *scene_recall(struct scene *scene, const char *user, size_t count);

/* ---- without sockets ---- */

/* A request on <scene>'s own connection, as the codec makes one: "GET /x HTTP/1.1\r\n..." with the
 * empty line. Ended by request_run, or by scene_drop. */
struct request *scene_request(struct scene *scene, const char *head);
/* Cancels it. */
void scene_drop(struct request *request);
/* Sets what step_authenticate finds out. */
void scene_prove(struct request *request, const char *user);

/* ---- with sockets; these all turn the loop ---- */

/* Sleeps until the loop has something to do or <descriptor> (-1: none) is readable. */
void scene_turn(struct scene *scene, int descriptor);
/* Turns until nothing more happens at once. */
void scene_settle(struct scene *scene);
/* Until the gateway waits for <count> letters. */
void scene_await_errands(struct scene *scene, size_t count);
/* Until the request on <scene>'s own connection has ended. */
void scene_await_end(struct scene *scene);
/* A client's end of a new connection to the gateway. */
int scene_connect(struct scene *scene);
/* The same, and the connection speaks the fake codec. */
int scene_connect_fake(struct scene *scene);
/* The engine's end of the next connection. */
int scene_engine_accept(struct scene *scene);
bool scene_engine_is_called(struct scene *scene);
void scene_send(struct scene *scene, int descriptor, struct slice bytes);
/* Adds to <buffer> until it ends with <suffix>. */
void scene_receive_until(struct scene *scene, int descriptor, struct buffer *buffer,
                         struct slice suffix);
/* Adds to <buffer> until it holds <count> bytes. */
void scene_receive_count(struct scene *scene, int descriptor, struct buffer *buffer, size_t count);
/* Adds to <buffer> until the other side ends. True: in order; false: by a reset. */
bool scene_receive_end(struct scene *scene, int descriptor, struct buffer *buffer);
/* Until the gateway has <count> connections. */
void scene_await_connections(struct scene *scene, size_t count);
/* Makes sure that the newest connection waits <timeout_ms> at most, and lets them be over. */
void scene_time_out(struct scene *scene, uint64_t timeout_ms);
/* Whether <text> is in <buffer>; NUL bytes are bytes. */
bool scene_contains(const struct buffer *buffer, const char *text);

#endif

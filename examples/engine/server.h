/* SPDX-License-Identifier: MIT
 *
 * server.h - the stand-in engine as a whole: one worker that listens and serves its clients.
 *
 * Functions say which thread may call them; everything else belongs to the worker. */
#ifndef AG_ENGINE_SERVER_H
#define AG_ENGINE_SERVER_H

#include "base/random.h"
#include "net/listener.h"
#include "net/worker.h"

struct client;

enum { server_clients_max = 4096 };

struct server_options {
    struct slice host;
    uint16_t port;     /* 0: a free one */
    uint64_t delay_ms; /* between two words of a stream; 0: as fast as the client reads */
    uint64_t chunks;   /* words of every answer; 0: as many as there are to say */
};

struct server {
    struct worker worker;
    struct listener listener;
    struct letter stop;
    struct server_options options;
    struct random_source random;
    struct client *clients;
    size_t clients_count; /* those and the place reserved for the next one */
    int64_t started_us;   /* wall clock */
};

/* Main thread. Listens, then serves on a thread of its own. *ret_port is the port in use. */
enum status server_start(struct server *server, const struct server_options *options,
                         uint16_t *ret_port, struct failure *reterr) MUST_CHECK;

/* Main thread. Ends every connection at once, waits for the worker, gives everything back. */
void server_stop(struct server *server);

/* Worker: a client's place is taken, and given back; with NULL it never came to be one. */
void server_client_came(struct server *server, struct client *client);
void server_client_gone(struct server *server, struct client *client);

#endif

/* SPDX-License-Identifier: MIT
 *
 * client.h - one connection of a client: its socket, its state, its one timer, what is still to be
 * written.
 *
 * States, and what ends each of them:
 *   HEAD    waits for the head of a call   idle_ms; head_ms once its first byte is here: 408
 *   BODY    reads the call's body          body_ms without a byte: 408
 *   STREAM  an answer goes out by words    each delay_ms one; stall_ms without the client reading
 *   FLUSH   the rest of a reply goes out   stall_ms
 *   LINGER  reads and drops, so that no reset eats the reply    linger_ms
 *   CLOSED  handles are closing; the memory goes when they are
 *
 * A client that sends no more counts as gone, also during a stream. Owning worker only. */
#ifndef AG_ENGINE_CLIENT_H
#define AG_ENGINE_CLIENT_H

#include "call.h"
#include "completion.h"
#include "http/chunked.h"
#include "net/deadline.h"
#include "net/transport.h"
#include "net/watch.h"

struct dialect;
struct server;

enum client_state {
    CLIENT_HEAD,
    CLIENT_BODY,
    CLIENT_STREAM,
    CLIENT_FLUSH,
    CLIENT_LINGER,
    CLIENT_CLOSED,
};

struct client {
    struct watch watch;
    struct deadline deadline;
    struct transport transport;
    struct server *server;
    struct client *next, *previous;
    enum client_state state;

    struct buffer input; /* read, not used yet */
    struct head_scan scan;
    bool head_began; /* the first byte of a head is here */
    struct chunked_reader chunked;
    uint64_t body_left; /* of a body with a length */
    size_t lingered;

    struct call call;
    const struct dialect *dialect; /* of the call, for errors */
    struct completion completion;  /* runs in CLIENT_STREAM */

    struct buffer output; /* written by reply.c */
    size_t output_sent;   /* of its bytes */
    bool reply_is_chunked;
    bool close_after; /* this call is the last one */

    unsigned handles_open;
};

/* Begins to serve a connection. When that fails it is closed and server_client_gone is told. */
void client_accept(struct server *server, int take_descriptor);

/* Ends it now, whatever it does; with <abort> by a reset. */
void client_close(struct client *client, bool abort);

#endif

/* SPDX-License-Identifier: MIT
 *
 * connection.h - one client connection: its socket, its state, its one timer, what is still to be
 * written.
 *
 * States, and what ends each of them:
 *   IDLE     between requests, nothing of the next one read   idle_timeout: closed without a word
 *   HEAD     part of a head, or of the handshake, is here     header_timeout for all of it: 408
 *   REQUEST  a request runs, its body or its reply moves      silence of the side waited for
 *   FLUSH    the last reply is written out                    write_timeout
 *   LINGER   reads and drops, so that no reset eats the reply linger_ms
 *   CLOSED   handles are closing, memory goes when they are   -
 *
 * An idle connection holds this struct and nothing else. It knows no HTTP: the codec does. Owning
 * worker only. */
#ifndef AG_GATEWAY_CONNECTION_H
#define AG_GATEWAY_CONNECTION_H

#include "base/buffer.h"
#include "gateway/codec.h"
#include "gateway/gateway.h"
#include "http/chunked.h"
#include "net/transport.h"

enum {
    connection_linger_ms = 2000,
    connection_linger_bytes_max = 1024 * 1024,
    connection_pipelined_bytes_max = 64 * 1024, /* read ahead while a request runs */
    connection_output_bytes_max = 1024 * 1024,  /* never reached: the engine is paused before */
};

/* What the timer of a connection in CONNECTION_REQUEST stands for. */
enum connection_wait {
    CONNECTION_WAITS_FOR_NOTHING,
    CONNECTION_WAITS_FOR_BODY,
    CONNECTION_WAITS_FOR_WRITE
};

enum connection_state {
    CONNECTION_IDLE,
    CONNECTION_HEAD,
    CONNECTION_REQUEST,
    CONNECTION_FLUSH,
    CONNECTION_LINGER,
    CONNECTION_CLOSED,
};

/* What connection_h1.c keeps between events. */
struct connection_h1 {
    struct head_scan scan;
    struct chunked_reader chunked;
    uint64_t body_left; /* of a body with a length */
    size_t chunk_line;  /* 1 + index in the gather of the open chunk's size line; 0: none is open */
    uint64_t chunk_bytes;
    enum body_framing framing; /* of the request's body; BODY_NONE once it has been read */
    bool reply_chunked;
    bool reply_has_length;
    bool reply_has_body;
    bool close_after; /* this request is the last one */
    bool abort_after; /* only a reset can show that the reply is not whole */
};

struct connection {
    struct watch watch;
    struct deadline deadline;
    struct transport transport;
    struct gateway *gateway;
    struct connection *next, *previous;
    const struct codec *codec;
    struct request *request; /* the one that runs; NULL: none */
    struct buffer input;     /* read, not used yet */
    struct buffer output;    /* not written yet */
    struct connection_h1 h1;
    uint64_t requests;
    enum connection_state state;
    enum connection_wait wait;
    unsigned handles_open;
    bool is_admin;
    bool body_flows;    /* bytes of the request's body are wanted now */
    bool body_expected; /* the request's body has not ended */
    bool processing;    /* inside codec->received; a request that ends then is followed up there */
    bool input_ended;   /* the client sends no more (CLIENT_HALF_CLOSE) */
    bool broken;        /* a write failed */
    size_t lingered;
    char client[48]; /* address, for the log */
};

void connection_accept(struct gateway *gateway, int take_descriptor,
                       const struct sockaddr_storage *peer, bool is_admin);

/* The one place where a state changes: checks the move, sets the timer. */
void connection_enter(struct connection *connection, enum connection_state state);

/* Sends the worker's gather, which this connection owns, as far as the socket takes it, and keeps
 * the rest. */
void connection_send(struct connection *connection);

/* True while bytes are kept for the client: the source must wait. */
static inline bool connection_is_full(const struct connection *connection)
{
    return connection->output.length > 0;
}

/* Sets what the socket is polled for, from the state of things. */
void connection_update(struct connection *connection);

/* Lets the codec look at what is here; called when a request has ended or its body may flow. Not
 * from inside codec->received. */
void connection_process(struct connection *connection);

/* Ends it now; a running request is cancelled. With <abort> by a reset. */
void connection_close(struct connection *connection, bool abort);

#endif

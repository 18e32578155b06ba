/* SPDX-License-Identifier: MIT
 *
 * relay.h - one call to the engine: the request goes out as it comes in, the reply comes back as it
 * arrives.
 *
 * Nothing is collected. Bytes of the reply are handed on as slices of the worker's scratch; when
 * the receiver says that it is full, the engine is no longer read, so that a slow client slows the
 * engine. Owning worker only. */
#ifndef AG_PROXY_RELAY_H
#define AG_PROXY_RELAY_H

#include "base/buffer.h"
#include "http/chunked.h"
#include "http/head.h"
#include "proxy/engine_pool.h"

enum {
    engine_request_pending_max =
        128 * 1024, /* unsent request bytes at which the client is asked to wait */
    engine_request_bytes_max = 1024 * 1024, /* head, collected body and what is pending */
    engine_request_bytes_usual = 2048,      /* taken at once: an ordinary head and body */
    engine_replay_bytes_max = 64 * 1024,    /* requests up to this size can be sent a second time */
    engine_reply_head_max = 64 * 1024,
    engine_reply_fields_max = 200,
    engine_interim_replies_max = 8, /* 1xx replies before the real one */
};

/* What is asked. Everything is read during engine_call_start and not kept. */
struct engine_request {
    struct slice method;
    struct slice target;        /* path and query */
    const struct field *fields; /* without Host and framing, which the call writes itself */
    size_t fields_count;
    enum body_framing framing; /* BODY_NONE, BODY_LENGTH or BODY_CHUNKED */
    uint64_t content_length;
};

struct engine_call;

/* What the caller hears, in this order: head, body any number of times, then ended or failed - and
 * after all that one event brought, settled. Only settled may end the call or free the memory
 * around it. */
struct engine_call_events {
    void (*head)(struct engine_call *call, const struct response_head *head);
    void (*body)(struct engine_call *call, struct slice bytes);
    void (*ended)(struct engine_call *call);
    void (*failed)(struct engine_call *call, enum engine_failure failure, const char *detail);
    /* The request's body may go on after engine_call_body said false. */
    void (*writable)(struct engine_call *call);
    void (*settled)(struct engine_call *call);
};

enum engine_call_state {
    ENGINE_CALL_UNUSED = 0,
    ENGINE_CALL_CONNECTING, /* no connection yet; the request collects */
    ENGINE_CALL_WAITING,    /* connected; no byte of the reply yet */
    ENGINE_CALL_REPLY,      /* the reply has begun */
    ENGINE_CALL_OVER,       /* ended or failed */
};

struct engine_call {
    struct engine_lease lease;
    struct engine_pool *pool;
    const struct engine_call_events *events;
    enum engine_call_state state;
    /* the request */
    struct buffer request; /* what was not sent, or, while it can be replayed, everything */
    size_t request_sent;   /* bytes at the front of <request> that are on their way */
    bool request_chunked;
    bool request_complete;
    bool request_blocked; /* the client was asked to wait */
    bool to_head;
    bool replayable;
    bool retried;
    /* the reply */
    struct arena *arena;
    struct buffer input; /* a head that is not complete yet */
    struct head_scan scan;
    enum body_framing framing;
    bool reply_keeps_alive;
    bool paused;
    uint64_t body_left;
    struct chunked_reader chunked;
    unsigned interim_replies;
    uint64_t reply_bytes; /* of the body, decoded */
};

/* <call> is zeroed memory that stays until engine_call_end; <arena> holds the reply's head.
 * STATUS_LIMIT: no connection to be had. Nothing is written before engine_call_flush, so that head
 * and body leave together. */
enum status engine_call_start(struct engine_call *call, struct engine_pool *pool,
                              struct arena *arena, const struct engine_request *request,
                              const struct engine_call_events *events) MUST_CHECK;

/* Adds to the body, framed as announced. False: enough is pending, wait for <writable>. */
bool engine_call_body(struct engine_call *call, struct slice bytes);
void engine_call_body_end(struct engine_call *call);

/* Writes what is pending. A failure is told through the events, from the loop, never from inside.
 */
void engine_call_flush(struct engine_call *call);

/* The receiver is full: the engine is not read until engine_call_resume. Not from inside an event
 * but settled. */
void engine_call_pause(struct engine_call *call);

/* The receiver has room again. May call the events. */
void engine_call_resume(struct engine_call *call);

/* Ends the call: the connection goes back to the pool when the whole reply was read, and is closed
 * otherwise. Any state, any number of times. */
void engine_call_end(struct engine_call *call);

#endif

/* SPDX-License-Identifier: MIT
 *
 * codec.h - what a client connection speaks, seen from both sides.
 *
 * A request and its steps know only these functions, so a second codec fits beside the first: one
 * connection_<codec>.c with a const struct codec. Owning worker only. */
#ifndef AG_GATEWAY_CODEC_H
#define AG_GATEWAY_CODEC_H

#include "http/head.h"

struct connection;
struct request;

/* The head of a reply. Framing and Connection fields are the codec's own business. */
struct reply_head {
    unsigned status;
    struct slice reason; /* empty: the usual one */
    const struct field *fields;
    size_t fields_count;
    bool has_length;
    uint64_t length;
    bool has_body; /* false for HEAD, 204 and 304, whatever the length says */
};

struct codec {
    const char *name;

    /* Connection side. Bytes have arrived, or may be looked at again: takes what it can use from
     * the front and says how much. */
    size_t (*received)(struct connection *connection, struct slice bytes);
    /* The time for a head, or for more of a body, is over. */
    void (*timed_out)(struct connection *connection);
    /* Everything kept for the client has been written; only told in CONNECTION_FLUSH. */
    void (*written)(struct connection *connection);

    /* Request side. The request's body may flow now, to request_body(); asks for it if the client
     * waits to be asked. */
    void (*body_start)(struct request *request);
    void (*body_pause)(struct request *request);
    void (*body_resume)(struct request *request);
    /* The reply. The bytes must stay valid until the next flush. */
    void (*reply_head)(struct request *request, const struct reply_head *head);
    void (*reply_body)(struct request *request, struct slice bytes);
    void (*reply_end)(struct request *request);
    /* The reply stays unfinished, visibly. */
    void (*reply_abort)(struct request *request);
    /* Sends what was collected since the last time. */
    void (*flush)(struct request *request);
    /* The request is over and freed; the connection may begin the next one. */
    void (*request_over)(struct connection *connection);
};

extern const struct codec codec_h1;

#endif

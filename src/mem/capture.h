/* SPDX-License-Identifier: MIT
 *
 * capture.h - watches one call to an engine and makes an event of it.
 *
 * The worker's part is a copy into a block of bytes and now and then a letter; reading the dialect,
 * redacting and storing happen on the bus's threads. The worker that began a capture, only. */
#ifndef AG_MEM_CAPTURE_H
#define AG_MEM_CAPTURE_H

#include "exchange/identity.h"
#include "mem/memory.h"

struct capture;
struct dialect;

struct capture_start {
    const struct dialect *dialect;   /* borrowed for ever */
    const struct identity *identity; /* copied, as all that follows */
    struct slice session;
    struct slice request_id;
    bool withheld;      /* keep the fact, not the text */
    int64_t started_us; /* wall clock */
};

enum capture_outcome {
    CAPTURE_COMPLETE,  /* the whole reply was passed on */
    CAPTURE_TRUNCATED, /* the engine did not finish */
    CAPTURE_ABORTED,   /* the client left */
};

/* NULL without memory, or when the queue is full and MEM_WHEN_FULL=drop: counted, nothing is kept
 * of the exchange. */
struct capture *capture_begin(struct memory *memory, const struct capture_start *start);

/* Bytes of the request's body, in order, before any of the reply. */
void capture_request(struct capture *capture, struct slice bytes);
/* The body is whole: what is long of it is read now and not kept until the reply comes. */
void capture_request_end(struct capture *capture);

/* <content_encoding> empty or "identity": readable. */
void capture_reply_head(struct capture *capture, unsigned status, struct slice content_type,
                        struct slice content_encoding);
void capture_reply(struct capture *capture, struct slice bytes);

/* Ends it. <done>, when not NULL, is called once on another thread when the event is on disk, or
 * will never be (MEM_ACK=stored). */
void capture_end(struct capture *take_capture, enum capture_outcome outcome,
                 void (*done)(void *context, enum status status), void *context);

#endif

/* SPDX-License-Identifier: MIT
 *
 * event.h - one row of memory (MemoryEvent). Data only; what the slices point into belongs to
 * whoever filled it. A slice whose data is NULL is absent. */
#ifndef AG_EXCHANGE_EVENT_H
#define AG_EXCHANGE_EVENT_H

#include "base/slice.h"

enum {
    event_id_length = 36, /* a UUID, version 7, in lower case */
};

struct event {
    char id[event_id_length + 1];
    int64_t timestamp_us; /* wall clock */
    /* who it belongs to: reads are filtered by (issuer, subject) */
    struct slice issuer;
    struct slice subject;
    struct slice user; /* as X-Attach-User said */
    struct slice session;
    /* the original's fields */
    struct slice event; /* "exchange", "task_sent", "task_result", "log", or an agent's own word */
    struct slice task;
    struct slice payload; /* JSON text */
    struct slice state;
    struct slice result; /* JSON text */
    /* of log rows */
    struct slice run_id;
    struct slice level;
    struct slice message;
    struct slice agent;
    /* of exchanges */
    struct slice request_id;
    struct slice model;
    struct slice prompt;
    struct slice completion;
    struct slice finish_reason;
    int64_t tokens_in;  /* -1: not known */
    int64_t tokens_out; /* -1: not known */
    unsigned status;    /* HTTP; 0: none */
    int64_t started_us; /* wall clock; 0: none */
    int64_t first_token_us;
    int64_t ended_us;
    bool is_exchange; /* the fields above mean something */
    bool complete;    /* the reply reached the client whole */
    bool aborted;     /* the client left before */
    bool truncated;   /* a text is cut at MEM_CAPTURE_MAX */
    bool withheld;    /* the caller asked that no text be kept */
};

#endif

/* SPDX-License-Identifier: MIT
 *
 * exchange.h - one call to an engine, as a dialect understood it. Data only; what the slices point
 * into belongs to whoever filled it. */
#ifndef AG_EXCHANGE_EXCHANGE_H
#define AG_EXCHANGE_EXCHANGE_H

#include "base/slice.h"

struct exchange {
    struct slice model;         /* the reply's, else the request's; empty: not said */
    struct slice prompt;        /* plain text; see dialect.h for how turns are written */
    struct slice completion;    /* plain text; tool calls as JSON lines */
    struct slice finish_reason; /* in the dialect's own words */
    int64_t tokens_in;          /* -1: not said */
    int64_t tokens_out;         /* -1: not said */
    bool reply_complete; /* the reply reached the end that its dialect has ([DONE], done:true, ...)
                          */
    bool reply_failed;   /* the engine said error in its dialect */
    bool truncated;      /* a text was longer than the cap and is cut, at a whole character */
    bool opaque;         /* something was not readable; what was read until then is there */
};

#endif

/* SPDX-License-Identifier: MIT
 *
 * outcome.h - how a question about tasks ended: outcomes.def as an enum and a table. Any thread. */
#ifndef AG_A2A_OUTCOME_H
#define AG_A2A_OUTCOME_H

#include <stdbool.h>

enum a2a_outcome {
#define OUTCOME(name, status, code, rest, state, reason, text) A2A_##name,
#include "a2a/outcomes.def"
#undef OUTCOME
    A2A_OUTCOME_COUNT,
};

struct a2a_outcome_row {
    unsigned status;      /* HTTP, of the original's routes */
    int rpc_code;         /* JSON-RPC */
    unsigned rest_status; /* HTTP, of the HTTP+JSON binding */
    const char *state;    /* google.rpc.Code */
    const char *reason;   /* google.rpc.ErrorInfo; empty: no error of A2A's own */
    const char *text;
};

const struct a2a_outcome_row *a2a_outcome_row(enum a2a_outcome outcome);

/* What a client is told: <precise>, but for outcomes whose precise text is about the inside of the
 * gateway (the store, its files), and where there is none: the row's text. */
const char *a2a_outcome_text(enum a2a_outcome outcome, const char *precise);
/* <precise> is for the log alone. */
bool a2a_outcome_is_inner(enum a2a_outcome outcome);

#endif

/* SPDX-License-Identifier: MIT
 *
 * outcome.h - how a question about tasks ended: outcomes.def as an enum and a table. Any thread. */
#ifndef AG_A2A_OUTCOME_H
#define AG_A2A_OUTCOME_H

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

#endif

/* SPDX-License-Identifier: MIT
 *
 * outcome.c - the table of outcomes.def. Any thread. */
#include "a2a/outcome.h"

#include <assert.h>

static const struct a2a_outcome_row rows[] = {
#define OUTCOME(name, status, code, rest, state, reason, text)                                     \
    {status, code, rest, state, reason, text},
#include "a2a/outcomes.def"
#undef OUTCOME
};

const struct a2a_outcome_row *a2a_outcome_row(enum a2a_outcome outcome)
{
    assert(outcome < A2A_OUTCOME_COUNT);
    return &rows[outcome];
}

/* SPDX-License-Identifier: MIT
 *
 * outcome.c - the table of outcomes.def. Any thread. */
#include "a2a/outcome.h"

#include <assert.h>
#include <stddef.h>

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

bool a2a_outcome_is_inner(enum a2a_outcome outcome)
{
    return outcome == A2A_BUSY || outcome == A2A_UNAVAILABLE || outcome == A2A_DISK_FULL ||
           outcome == A2A_INTERNAL;
}

const char *a2a_outcome_text(enum a2a_outcome outcome, const char *precise)
{
    bool is_shown = precise != NULL && precise[0] != '\0' && !a2a_outcome_is_inner(outcome);
    return is_shown ? precise : a2a_outcome_row(outcome)->text;
}

/* SPDX-License-Identifier: MIT
 *
 * push.h - tells webhooks how a task has changed: through the same target guard as tasks, with the
 * client's own token, again after a while when it fails.
 *
 * Deliveries live in memory: a stop of the gateway loses those that are under way. Thread: the
 * loop's. */
#ifndef AG_A2A_PUSH_H
#define AG_A2A_PUSH_H

#include "a2a/a2a.h"

enum {
    dispatch_pushes_max = 32, /* webhooks called at once */
    push_waiting_max = 10000, /* deliveries that wait; further ones are given up */
    push_attempts_max = 5,
    push_timeout_ms = 15000,
    push_pause_first_ms = 500, /* doubled after each failure */
};

struct pushes;

struct pushes_settings {
    uv_loop_t *loop;
    struct fetcher *fetcher;
    const struct targets *targets;
    struct a2a_counters *counters;
};

enum status pushes_create(const struct pushes_settings *settings, struct pushes **ret,
                          struct failure *reterr) MUST_CHECK;
/* Gives up what waits; freed when the loop has closed the handles. */
void pushes_free(struct pushes *pushes);

/* Where a webhook may be: what A2A_TARGETS or A2A_AGENTS allow. */
enum status push_check(const struct targets *targets, struct slice url, struct arena *arena,
                       struct task_target *ret, struct failure *reterr) MUST_CHECK;

/* Copies what it needs. */
void push_send(struct pushes *pushes, const struct task *task, const struct task_push *list,
               size_t count);

#endif

/* SPDX-License-Identifier: MIT
 *
 * errand.h - sends a job to the store and comes back with the answer on the loop that asked; for
 * the files of this folder only. Thread: the loop's. */
#ifndef AG_A2A_ERRAND_H
#define AG_A2A_ERRAND_H

#include "a2a/task_store.h"
#include "net/mailbox.h"

struct errands {
    struct store *store;
    struct mailbox *mailbox; /* of the loop */
    size_t under_way;
    void (*idle)(void *context); /* none is under way any more; may be NULL */
    void *context;
};

/* Made with errand_create; freed by errand_free, or by nobody when it is embedded. */
struct errand {
    struct task_job job; /* first: the store hands it back */
    struct letter letter;
    struct errands *errands;
    void (*back)(struct errand *errand);
    void *context;
};

struct errand *errand_create(enum task_action action, size_t bytes_max);
void errand_free(struct errand *errand); /* takes NULL */

/* <back> is called once, from the loop, never from inside errand_run: also when the store takes
 * nothing (A2A_BUSY). */
void errand_run(struct errands *errands, struct errand *take_errand,
                void (*back)(struct errand *errand), void *context);

/* For jobs that are embedded in something else: one more is under way; it has come back. The second
 * is the last thing its letter does. */
void errands_begin(struct errands *errands);
void errands_end(struct errands *errands);

#endif

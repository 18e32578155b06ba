/* SPDX-License-Identifier: MIT
 *
 * dispatch.h - runs tasks: calls the engine, agents and workflows, waits for them and writes what
 * came of it.
 *
 * At most A2A_CONCURRENT_MAX tasks run, and as many as their bodies fit dispatch_bytes_max; the
 * others wait in order, by id alone. A task is WORKING on disk before its target is called, and its
 * end is on disk before anybody hears of it. It decides nothing about who may see a task.
 *
 * Thread: the loop's, for everything. */
#ifndef AG_A2A_DISPATCH_H
#define AG_A2A_DISPATCH_H

#include "a2a/a2a.h"
#include "a2a/errand.h"
#include "a2a/temporal.h"

enum {
    dispatch_bytes_max = 256 * 1024 * 1024, /* bodies of the tasks that run, and answers that wait
                                               to be stored: over it no further task starts */
    dispatch_replies_bytes_max =
        512 * 1024 * 1024,          /* answers that wait to be stored: over it a task
                                       fails. Those on their way from a target are
                                       A2A_CONCURRENT_MAX of A2A_RESULT_MAX at most */
    dispatch_store_retry_ms = 1000, /* the store refused an end: again, until it is there */
};

struct dispatch;

struct dispatch_settings {
    const struct a2a_settings *a2a;
    const struct targets *targets;
    struct errands *errands;
    struct temporal *temporal; /* NULL: no workflow can be started */
    struct a2a_counters *counters;
    /* A task is on disk in a new state, with its webhooks when that is an end or a wait. <job> is
     * valid during the call only. */
    void (*changed)(void *context, const struct task_job *job);
    void *context;
};

enum status dispatch_create(const struct dispatch_settings *settings, struct dispatch **ret,
                            struct failure *reterr) MUST_CHECK;

/* True: a place is taken for a task that is about to be stored as WORKING. Then either
 * dispatch_start or dispatch_release follows. */
bool dispatch_reserve(struct dispatch *dispatch, size_t bytes);
void dispatch_release(struct dispatch *dispatch, size_t bytes);
/* <task> is stored as WORKING; copied. <bytes> as reserved. */
void dispatch_start(struct dispatch *dispatch, const struct task *task, size_t bytes);

/* <id> is stored as SUBMITTED. Without memory it waits for the next start of the gateway. */
void dispatch_enqueue(struct dispatch *dispatch, const char *id);

/* <id> is stored as CANCELED: stops what runs, and tells the target where there is a way to. */
void dispatch_cancel(struct dispatch *dispatch, const char *id);

/* Stops all calls without telling anybody: their tasks stay as they are on disk. Errands that are
 * under way come back first; afterwards, when the loop has closed the handles, everything is freed.
 */
void dispatch_free(struct dispatch *dispatch);

#endif

/* SPDX-License-Identifier: MIT
 *
 * remember.h - tells memory what was sent and what came of it, each event until memory has it; for
 * the files of this folder only.
 *
 * The event's id is on disk with the change that it tells of (task_events), and goes when memory
 * has acknowledged it: whatever a stop or a refusal lost is told again, under the same id. Thread:
 * the loop's. */
#ifndef AG_A2A_REMEMBER_H
#define AG_A2A_REMEMBER_H

#include "a2a/a2a.h"
#include "a2a/errand.h"

enum {
    remember_kept_max = 256, /* acknowledged ones whose rows are still there; further ones are told
                                again */
    remember_grace_ms = 30000, /* what is younger may be under way */
    remember_round_events_max = 200,
};

struct rememberer {
    const struct a2a_settings *settings;
    struct errands *errands;
    struct task_event kept[remember_kept_max];
    size_t kept_count;
    bool is_clearing; /* an errand removes the rows of acknowledged ones */
    bool is_closing;
    /* the round: one event at a time */
    bool was_round;
    char told_to[event_id_length + 1];
    unsigned told_count;
    void (*rounded)(void *context, bool has_more);
    void *context;
};

/* Gives a change that is about to be written its event; an empty one when nobody remembers. */
void remember_stamp(const struct a2a_settings *settings, struct task_event *ret);

/* <task> is on disk with <event>. */
void remember_tell(struct rememberer *rememberer, const struct task *task,
                   const struct task_event *event);

/* Tells again what memory has not acknowledged: the first time since the start everything, later
 * what is older than remember_grace_ms. <rounded> comes from the loop, unless it closes before. */
void remember_round(struct rememberer *rememberer, void (*rounded)(void *context, bool has_more),
                    void *context);

#endif

/* SPDX-License-Identifier: MIT
 *
 * followers.h - who waits for a task to change: calls that want its end, and watches; for the files
 * of this folder only. Thread: the loop's. */
#ifndef AG_A2A_FOLLOWERS_H
#define AG_A2A_FOLLOWERS_H

#include "a2a/a2a.h"

enum { followers_buckets = 1024 };

/* Of one call with <waits>, or of one watch, or of both. */
struct follower {
    struct follower *next; /* of the same bucket */
    char task_id[task_id_length + 1];
    struct a2a_call *call;        /* answered when the task is at rest; NULL: not waited for */
    struct a2a_watch *watch;      /* NULL: none */
    bool is_ready;                /* its question was answered: from now on it hears of changes */
    bool has_missed;              /* a change came before */
    bool is_gone;                 /* its client left */
    struct a2a_event *last_words; /* the end of a watch, for when there is no memory */
};

struct followers {
    struct follower *buckets[followers_buckets];
    size_t count;
};

/* NULL without memory or when a2a_watches_max are there. */
struct follower *follower_add(struct followers *followers, const char *task_id,
                              struct a2a_call *call, struct a2a_watch *watch);
/* Under another id: the task turned out to be that one. */
void follower_move(struct followers *followers, struct follower *follower, const char *task_id);
void follower_remove(struct followers *followers, struct follower *follower);

/* Tells all that follow <task>: calls get their answer when it is at rest, watches an event. */
void followers_tell(struct followers *followers, const struct task *task);
/* An event with a copy of <task>, or with <task> NULL the last one. NULL without memory. */
struct a2a_event *follower_event(const struct follower *follower, const struct task *task,
                                 bool is_snapshot, bool is_over);
/* Makes an event and hands it over. Afterwards, if it was the last, <follower> is gone. */
void follower_tell(struct followers *followers, struct follower *follower, const struct task *task,
                   bool is_over);

/* The follower that a2a_run gave that number; NULL when it is over already. */
struct follower *followers_find(struct followers *followers, uint64_t id);

/* At the end: calls are answered A2A_UNAVAILABLE, watches get their last event. */
void followers_clear(struct followers *followers);

#endif

/* SPDX-License-Identifier: MIT
 *
 * pace.h - long work in short pieces, for threads in the background.
 *
 * A thread that computes for a millisecond keeps its CPU for that long, even when the worker, or
 * the engine, has just been woken on it: schedulers let a running thread finish its slice. Priority
 * does not change that. So a thread whose work nobody waits for says where it could pause, and
 * pauses there when it has worked for a while; as cond_resched() does inside Linux. */
#ifndef AG_BASE_PACE_H
#define AG_BASE_PACE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    pace_work_us = 30,
    pace_rest_us = 50, /* the kernel makes it 100 or so */
};

struct pace {
    bool (*may_rest)(void *context); /* nobody waits for this thread's work */
    void *context;
};

/* The calling thread keeps this pace from now on. <pace> is borrowed until the thread ends. */
void pace_keep(const struct pace *pace);

/* Work begins: it was waiting until now. */
void pace_begin(void);

/* A point at which this thread can rest: nothing is locked that anybody else needs. Does nothing in
 * a thread that keeps no pace. */
void pace_point(void);

#endif

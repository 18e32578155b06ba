/* SPDX-License-Identifier: MIT
 *
 * worker.h - one thread with one event loop, and the scratch memory that its connections share.
 *
 * Scratch bytes are valid during one event only: what must last longer is copied by whoever needs
 * it, so that an idle connection holds no buffer at all. */
#ifndef AG_NET_WORKER_H
#define AG_NET_WORKER_H

#include "net/gather.h"
#include "net/mailbox.h"

enum { worker_scratch_bytes = 64 * 1024 };

struct worker {
    unsigned index;
    uv_loop_t loop;
    uv_thread_t thread;
    struct mailbox mailbox;
    struct gather *gather;
    char *scratch; /* worker_scratch_bytes, for one read */
};

/* Main thread, before worker_start: makes loop and memory, opens the mailbox, whose letters get
 * <receiver>. */
enum status worker_init(struct worker *worker, unsigned index, void *receiver,
                        struct failure *reterr) MUST_CHECK;

/* Runs the loop on a thread of its own until every handle is closed. */
enum status worker_start(struct worker *worker, struct failure *reterr) MUST_CHECK;

/* Main thread: waits until the loop has ended, then gives everything back. */
void worker_join(struct worker *worker);

#endif

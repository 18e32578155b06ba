/* SPDX-License-Identifier: MIT
 *
 * worker.c - see worker.h. */
#include "net/worker.h"

#include <signal.h>
#include <stdlib.h>

enum status worker_init(struct worker *worker, unsigned index, void *receiver,
                        struct failure *reterr)
{
    *worker = (struct worker){.index = index};
    worker->gather = calloc(1, sizeof(*worker->gather));
    worker->scratch = malloc(worker_scratch_bytes);
    int error = uv_loop_init(&worker->loop);
    if (worker->gather == NULL || worker->scratch == NULL || error != 0) {
        failure_set(reterr, "cannot make worker %u: out of memory or descriptors", index);
        return STATUS_NO_MEMORY;
    }
    return mailbox_open(&worker->mailbox, &worker->loop, receiver, reterr);
}

static void worker_run(void *argument)
{
    struct worker *worker = argument;
    sigset_t all;
    sigfillset(&all); /* signals are the main thread's */
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    uv_run(&worker->loop, UV_RUN_DEFAULT);
}

enum status worker_start(struct worker *worker, struct failure *reterr)
{
    int error = uv_thread_create(&worker->thread, worker_run, worker);
    if (error != 0) {
        failure_set(reterr, "cannot start worker %u: %s", worker->index, uv_strerror(error));
        return STATUS_IO;
    }
    return STATUS_OK;
}

void worker_join(struct worker *worker)
{
    uv_thread_join(&worker->thread);
    mailbox_clear(&worker->mailbox);
    uv_loop_close(&worker->loop);
    free(worker->gather);
    free(worker->scratch);
}

/* SPDX-License-Identifier: MIT
 *
 * job_queue.h - jobs that wait for a thread of the store: first in, first out, capped by count and
 * by bytes. Any thread; nothing here blocks but job_queue_take. */
#ifndef AG_STORE_JOB_QUEUE_H
#define AG_STORE_JOB_QUEUE_H

#include "base/status.h"
#include "store/store.h"

#include <pthread.h>

enum { job_queue_jobs_max = 65536 };

struct job_queue {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    struct store_job *first;
    struct store_job **last;
    size_t awaited;      /* waiting to be taken, and not patient */
    size_t jobs;         /* waiting, or taken and not yet released */
    atomic_size_t bytes; /* of those; written under the lock */
    size_t bytes_max;
    bool is_ending;
};

enum status job_queue_init(struct job_queue *queue, size_t bytes_max,
                           struct failure *reterr) MUST_CHECK;
void job_queue_clear(struct job_queue *queue); /* empty, and nobody waits */

/* STATUS_LIMIT: at a cap. STATUS_CLOSED: after job_queue_end. Otherwise the job is taken. */
enum status job_queue_put(struct job_queue *queue, struct store_job *take_job) MUST_CHECK;

/* Takes up to <jobs_max> jobs into <ret_jobs>, ending after the one with which they exceed
 * <bytes_max>. Waits for the first one, <wait_ms> at most. 0: none came, or the queue ends and is
 * empty. */
size_t job_queue_take(struct job_queue *queue, struct store_job **ret_jobs, size_t jobs_max,
                      size_t bytes_max, uint64_t wait_ms);

/* What was taken no longer counts. */
void job_queue_release(struct job_queue *queue, size_t jobs, size_t bytes);

/* Somebody waits for one of those that wait to be taken, or the queue ends. */
bool job_queue_is_hurried(struct job_queue *queue);

/* Nothing more may be put; what waits can still be taken. Wakes all takers. */
void job_queue_end(struct job_queue *queue);

/* Ended, and nothing waits. */
bool job_queue_is_over(struct job_queue *queue);

#endif

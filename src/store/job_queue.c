/* SPDX-License-Identifier: MIT
 *
 * job_queue.c - a locked list. The lock is held for a few pointers, never during a job. */
#include "store/job_queue.h"

#include <time.h>

enum status job_queue_init(struct job_queue *queue, size_t bytes_max, struct failure *reterr)
{
    pthread_condattr_t attributes;
    *queue = (struct job_queue){.bytes_max = bytes_max};
    queue->last = &queue->first;
    if (pthread_condattr_init(&attributes) != 0) {
        failure_set(reterr, "no memory for a queue");
        return STATUS_NO_MEMORY;
    }
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    bool is_made = pthread_mutex_init(&queue->lock, NULL) == 0;
    if (is_made && pthread_cond_init(&queue->filled, &attributes) != 0) {
        pthread_mutex_destroy(&queue->lock);
        is_made = false;
    }
    pthread_condattr_destroy(&attributes);
    if (!is_made) {
        failure_set(reterr, "no memory for a queue");
        return STATUS_NO_MEMORY;
    }
    return STATUS_OK;
}

void job_queue_clear(struct job_queue *queue)
{
    pthread_cond_destroy(&queue->filled);
    pthread_mutex_destroy(&queue->lock);
}

enum status job_queue_put(struct job_queue *queue, struct store_job *take_job)
{
    enum status status = STATUS_OK;
    pthread_mutex_lock(&queue->lock);
    size_t bytes = atomic_load(&queue->bytes);
    bool fits = bytes <= queue->bytes_max && take_job->bytes <= queue->bytes_max - bytes;
    if (queue->is_ending) {
        status = STATUS_CLOSED;
    } else if (queue->jobs > 0 && (queue->jobs >= job_queue_jobs_max || !fits)) {
        status = STATUS_LIMIT;
    } else {
        take_job->next = NULL;
        *queue->last = take_job;
        queue->last = &take_job->next;
        queue->jobs++;
        queue->awaited += take_job->is_patient ? 0 : 1;
        atomic_store(&queue->bytes, bytes + take_job->bytes);
        pthread_cond_signal(&queue->filled);
    }
    pthread_mutex_unlock(&queue->lock);
    return status;
}

static struct timespec deadline_after(uint64_t wait_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(wait_ms / 1000);
    until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    return until;
}

size_t job_queue_take(struct job_queue *queue, struct store_job **ret_jobs, size_t jobs_max,
                      size_t bytes_max, uint64_t wait_ms)
{
    struct timespec until = deadline_after(wait_ms);
    size_t count = 0;
    size_t bytes = 0;
    int error = 0;
    pthread_mutex_lock(&queue->lock);
    while (queue->first == NULL && !queue->is_ending && error == 0) {
        error = pthread_cond_timedwait(&queue->filled, &queue->lock, &until);
    }
    while (queue->first != NULL && count < jobs_max && bytes < bytes_max) {
        struct store_job *job = queue->first;
        queue->first = job->next;
        if (queue->first == NULL) {
            queue->last = &queue->first;
        }
        bytes += job->bytes;
        queue->awaited -= job->is_patient ? 0 : 1;
        ret_jobs[count++] = job;
    }
    pthread_mutex_unlock(&queue->lock);
    return count;
}

void job_queue_release(struct job_queue *queue, size_t jobs, size_t bytes)
{
    pthread_mutex_lock(&queue->lock);
    queue->jobs -= jobs;
    atomic_store(&queue->bytes, atomic_load(&queue->bytes) - bytes);
    pthread_mutex_unlock(&queue->lock);
}

bool job_queue_is_hurried(struct job_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    bool is_hurried = queue->awaited > 0 || queue->is_ending;
    pthread_mutex_unlock(&queue->lock);
    return is_hurried;
}

void job_queue_end(struct job_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->is_ending = true;
    pthread_cond_broadcast(&queue->filled);
    pthread_mutex_unlock(&queue->lock);
}

bool job_queue_is_over(struct job_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    bool is_over = queue->is_ending && queue->first == NULL;
    pthread_mutex_unlock(&queue->lock);
    return is_over;
}

/* SPDX-License-Identifier: MIT
 *
 * errand.c - a job to the store and back by letter. Thread: the loop's, but for errand_returned. */
#include "a2a/errand.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

struct errand *errand_create(enum task_action action, size_t bytes_max)
{
    struct errand *errand = calloc(1, sizeof(*errand));
    if (errand != NULL) {
        task_job_init(&errand->job, action, bytes_max);
    }
    return errand;
}

void errand_free(struct errand *errand)
{
    if (errand != NULL) {
        task_job_clear(&errand->job);
        free(errand);
    }
}

void errands_begin(struct errands *errands)
{
    errands->under_way++;
}

void errands_end(struct errands *errands)
{
    errands->under_way--;
    if (errands->under_way == 0 && errands->idle != NULL) {
        errands->idle(errands->context);
    }
}

static void errand_delivered(void *receiver, struct letter *letter)
{
    struct errand *errand =
        (struct errand *)(void *)((char *)letter - offsetof(struct errand, letter));
    struct errands *errands = errand->errands;
    errand->back(errand);
    errands_end(errands);
}

/* A thread of the store. The box is open for as long as an errand is under way. */
static void errand_returned(struct task_job *job)
{
    struct errand *errand = (struct errand *)job;
    errand->letter.deliver = errand_delivered;
    bool is_posted = mailbox_post(errand->errands->mailbox, &errand->letter);
    assert(is_posted);
    (void)is_posted;
}

void errand_run(struct errands *errands, struct errand *take_errand,
                void (*back)(struct errand *errand), void *context)
{
    struct errand *errand = take_errand;
    errand->errands = errands;
    errand->back = back;
    errand->context = context;
    errand->job.done = errand_returned;
    errands_begin(errands);
    if (!task_store_run(errands->store, &errand->job)) {
        errand_returned(&errand->job);
    }
}

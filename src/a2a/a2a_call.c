/* SPDX-License-Identifier: MIT
 *
 * a2a_call.c - makes and frees the questions to a2a.c. Any thread. */
#include "a2a/a2a.h"

#include <stdlib.h>

struct a2a_call *a2a_call_create(enum a2a_action action, void (*done)(struct a2a_call *call),
                                 void *context)
{
    struct a2a_call *call = calloc(1, sizeof(*call));
    if (call != NULL) {
        task_job_init(&call->job, TASK_LOAD, a2a_call_bytes_max);
        call->action = action;
        call->done = done;
        call->context = context;
    }
    return call;
}

void a2a_call_free(struct a2a_call *call)
{
    if (call != NULL) {
        task_job_clear(&call->job);
        free(call);
    }
}

void a2a_call_set_task(struct a2a_call *call, struct slice id)
{
    if (task_id_is_sound(id)) {
        memcpy(call->job.task.id, id.data, task_id_length);
        call->job.task.id[task_id_length] = '\0';
    } else { /* nobody has it */
        memcpy(call->job.task.id, "-", 2);
    }
}

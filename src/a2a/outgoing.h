/* SPDX-License-Identifier: MIT
 *
 * outgoing.h - what is sent to a target for a task, and what its answer means for the task. Bodies
 * only; who calls is dispatch.h. Any thread. */
#ifndef AG_A2A_OUTGOING_H
#define AG_A2A_OUTGOING_H

#include "a2a/targets.h"
#include "a2a/task.h"
#include "base/buffer.h"

/* The body of the first call: a chat body, or an A2A request with the message. <model> goes to the
 * engine when nothing else is named. STATUS_UNSUPPORTED, STATUS_INVALID: the task's input does not
 * fit the target, and the text may be told to the client. */
enum status outgoing_append_body(const struct task *task, const struct task_target *target,
                                 struct slice model, struct buffer *buffer,
                                 struct failure *reterr) MUST_CHECK;

/* A2A agents: asks how its task stands, or to cancel it. */
void outgoing_append_get(enum task_target_protocol protocol, struct slice remote_id,
                         struct buffer *buffer);
void outgoing_append_cancel(enum task_target_protocol protocol, struct slice remote_id,
                            struct buffer *buffer);

/* A workflow's one argument: the messages of the input, else the input itself. */
enum status outgoing_append_argument(const struct task *task, struct buffer *buffer,
                                     struct failure *reterr) MUST_CHECK;

/* What a reply makes of a task. Slices point into the reply or into <arena>. */
struct outgoing_reply {
    enum task_state
        state; /* TASK_SUBMITTED or TASK_WORKING: an A2A agent is not ready, ask again */
    bool result_is_a2a;
    struct slice result;
    struct slice detail;
    struct slice remote_id;
    struct slice remote_context_id;
};

/* An HTTP reply of <code>. Never fails: whatever cannot be used is TASK_FAILED with its detail. */
void outgoing_read(enum task_target_protocol protocol, unsigned code, struct slice body,
                   size_t result_bytes_max, struct arena *arena, struct outgoing_reply *ret);

/* The names behind a delegated token, the receiving agent first: [name, those of the task...]. */
void outgoing_append_actors(const struct task *task, const struct task_target *target,
                            struct buffer *buffer);

#endif

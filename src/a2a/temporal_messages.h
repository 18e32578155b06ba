/* SPDX-License-Identifier: MIT
 *
 * temporal_messages.h - the few messages of temporal.api.workflowservice.v1 that temporal.c sends
 * and reads, and what a workflow's last event means to a person.
 *
 * Field numbers are those of the definitions in npm's @temporalio/proto 1.24. Nothing here talks to
 * a server. Any thread. */
#ifndef AG_A2A_TEMPORAL_MESSAGES_H
#define AG_A2A_TEMPORAL_MESSAGES_H

#include "a2a/temporal.h"
#include "base/buffer.h"

enum {
    temporal_causes_max = 8, /* failures within failures that are told */
    temporal_text_bytes_max = 2048,
};

void temporal_write_start(struct buffer *buffer, const struct temporal_settings *settings,
                          const struct temporal_call *call);

/* Waits for the close event. Empty <run_id>: the latest run. */
void temporal_write_history(struct buffer *buffer, struct slice name_space,
                            struct slice workflow_id, struct slice run_id, struct slice page_token);

void temporal_write_cancel(struct buffer *buffer, struct slice name_space,
                           struct slice workflow_id);

/* The run's id; empty when the server gave none. STATUS_INVALID for a broken message. */
enum status temporal_read_start(struct slice message, struct slice *ret_run_id) MUST_CHECK;

struct temporal_history {
    struct slice page_token; /* go on from here when not closed */
    bool closed;             /* the run has ended: */
    struct slice next_run;   /* not empty: another run goes on in its place */
    enum temporal_end end;
    struct slice attributes; /* of the close event */
};

/* Slices point into <message>. STATUS_INVALID for a broken message; an event that does not close
 * the workflow is passed over. */
enum status temporal_read_history(struct slice message, struct temporal_history *ret) MUST_CHECK;

/* Writes the result's JSON when the workflow completed, a sentence otherwise; the end turns into
 * TEMPORAL_FAILED when the result cannot be read. */
enum temporal_end temporal_describe(const struct temporal_history *history, struct buffer *result,
                                    struct buffer *message);

#endif

/* SPDX-License-Identifier: MIT
 *
 * task_events.h - the rows that say what memory has not acknowledged yet; for task_store.c only.
 * Thread: the store's. */
#ifndef AG_A2A_TASK_EVENTS_H
#define AG_A2A_TASK_EVENTS_H

#include "a2a/task_store.h"

/* Notes job->event for a change of the task <task_id>. */
enum status task_event_add(struct task_job *job, struct database *database, const char *task_id,
                           bool is_result) MUST_CHECK;
/* Before the task job->task.id gets another input. */
enum status task_events_keep_payload(struct task_job *job, struct database *database) MUST_CHECK;

enum status task_event_next(struct task_job *job, struct database *database) MUST_CHECK;
enum status task_events_kept(struct task_job *job, struct database *database) MUST_CHECK;

#endif

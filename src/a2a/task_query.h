/* SPDX-License-Identifier: MIT
 *
 * task_query.h - what the jobs of task_store.c have in common: refusing, reading rows, finding one
 * task; for the files of this folder only. Thread: the store's. */
#ifndef AG_A2A_TASK_QUERY_H
#define AG_A2A_TASK_QUERY_H

#include "a2a/task_store.h"

/* <text> NULL: that of the outcome. */
enum status task_job_refuse(struct task_job *job, enum a2a_outcome outcome, const char *text);
/* What SQLite said is for the log alone (a2a_outcome_text). */
enum status task_job_refuse_database(struct task_job *job, struct database *database);
enum status task_job_refuse_memory(struct task_job *job);

/* Runs <statement>, which gives whole rows, into job->tasks; <count_max> of them at most. */
enum status task_job_read_rows(struct task_job *job, struct database *database,
                               sqlite3_stmt *statement, size_t count_max) MUST_CHECK;
/* The task job->task.id into job->tasks; for its owner alone unless <for_anybody>. */
enum status task_job_find(struct task_job *job, struct database *database,
                          bool for_anybody) MUST_CHECK;

#endif

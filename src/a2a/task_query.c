/* SPDX-License-Identifier: MIT
 *
 * task_query.c - see task_query.h. Thread: the store's. */
#include "a2a/task_query.h"

#include "a2a/task_rows.h"

enum status task_job_refuse(struct task_job *job, enum a2a_outcome outcome, const char *text)
{
    job->outcome = outcome;
    failure_set(&job->failure, "%s", text != NULL ? text : a2a_outcome_row(outcome)->text);
    return outcome == A2A_OK ? STATUS_OK : STATUS_INVALID;
}

enum status task_job_refuse_database(struct task_job *job, struct database *database)
{
    enum status status = database_status(database, &job->failure);
    job->outcome = status == STATUS_LIMIT ? A2A_DISK_FULL : A2A_UNAVAILABLE;
    return status;
}

enum status task_job_refuse_memory(struct task_job *job)
{
    (void)task_job_refuse(job, A2A_UNAVAILABLE, "no memory");
    return STATUS_NO_MEMORY;
}

enum status task_job_read_rows(struct task_job *job, struct database *database,
                               sqlite3_stmt *statement, size_t count_max)
{
    size_t bytes = 0;
    int step = SQLITE_DONE;
    job->tasks = arena_allocate_zeroed(&job->arena, count_max, sizeof(struct task));
    job->tasks_count = 0;
    if (job->tasks == NULL) {
        return task_job_refuse_memory(job);
    }
    while (job->tasks_count < count_max && (step = sqlite3_step(statement)) == SQLITE_ROW) {
        struct task *task = &job->tasks[job->tasks_count];
        size_t row_bytes = task_row_bytes(statement);
        if (job->tasks_count > 0 && row_bytes > task_page_bytes_max - bytes) {
            job->has_more = true;
            break;
        }
        if (!task_row_read(statement, &job->arena, task)) {
            sqlite3_reset(statement);
            return task_job_refuse_memory(job);
        }
        bytes += row_bytes < task_page_bytes_max - bytes ? row_bytes : task_page_bytes_max - bytes;
        job->tasks_count++;
    }
    bool is_well = step == SQLITE_DONE || step == SQLITE_ROW;
    enum status status = is_well ? STATUS_OK : task_job_refuse_database(job, database);
    sqlite3_reset(statement);
    return status;
}

enum status task_job_find(struct task_job *job, struct database *database, bool for_anybody)
{
    sqlite3_stmt *statement = database_statement(database, task_sql_load);
    if (statement == NULL) {
        return task_job_refuse_database(job, database);
    }
    database_bind_text(statement, 1, slice_make(job->task.id, task_id_length));
    enum status status = task_job_read_rows(job, database, statement, 1);
    if (status != STATUS_OK) {
        return status;
    }
    const struct task_owner *owner = &job->task.owner;
    if (job->tasks_count == 0 ||
        (!for_anybody &&
         (owner->subject.length == 0 || !slice_equals(job->tasks[0].owner.issuer, owner->issuer) ||
          !slice_equals(job->tasks[0].owner.subject, owner->subject)))) {
        job->tasks_count = 0;
        return task_job_refuse(job, A2A_UNKNOWN_TASK, NULL);
    }
    return STATUS_OK;
}

/* SPDX-License-Identifier: MIT
 *
 * task_events.c - see task_events.h. Thread: the store's. */
#include "a2a/task_events.h"

#include "a2a/task_query.h"
#include "a2a/task_rows.h"

enum status task_event_add(struct task_job *job, struct database *database, const char *task_id,
                           bool is_result)
{
    job->event.is_result = is_result;
    if (job->event.id[0] == '\0') {
        return STATUS_OK;
    }
    sqlite3_stmt *statement = database_statement(database, task_sql_event_add);
    if (statement == NULL) {
        return task_job_refuse_database(job, database);
    }
    database_bind_text(statement, 1, slice_from_string(job->event.id));
    database_bind_text(statement, 2, slice_make(task_id, task_id_length));
    sqlite3_bind_int64(statement, 3, job->event.at_us);
    sqlite3_bind_int(statement, 4, is_result);
    return database_run(database, statement, NULL) == STATUS_OK
               ? STATUS_OK
               : task_job_refuse_database(job, database);
}

enum status task_events_keep_payload(struct task_job *job, struct database *database)
{
    sqlite3_stmt *statement = database_statement(database, task_sql_events_keep_payload);
    if (statement == NULL) {
        return task_job_refuse_database(job, database);
    }
    database_bind_text(statement, 1, slice_make(job->task.id, task_id_length));
    return database_run(database, statement, NULL) == STATUS_OK
               ? STATUS_OK
               : task_job_refuse_database(job, database);
}

enum status task_event_next(struct task_job *job, struct database *database)
{
    struct slice payload = {NULL, 0};
    bool has_payload = false;
    sqlite3_stmt *statement = database_statement(database, task_sql_event_next);
    if (statement == NULL) {
        return task_job_refuse_database(job, database);
    }
    database_bind_text(statement, 1, slice_from_string(job->event.id));
    sqlite3_bind_int64(statement, 2, job->before_us);
    int step = sqlite3_step(statement);
    if (step != SQLITE_ROW) {
        sqlite3_reset(statement);
        return step == SQLITE_DONE ? STATUS_OK : task_job_refuse_database(job, database);
    }
    struct slice id = database_column_text(statement, 0);
    struct slice task_id = database_column_text(statement, 1);
    bool is_sound = id.length == event_id_length && task_id.length == task_id_length;
    if (is_sound) {
        memcpy(job->event.id, id.data, event_id_length);
        memcpy(job->task.id, task_id.data, task_id_length);
    }
    job->event.at_us = sqlite3_column_int64(statement, 2);
    job->event.is_result = sqlite3_column_int(statement, 3) != 0;
    has_payload = sqlite3_column_type(statement, 4) != SQLITE_NULL;
    bool is_copied =
        !has_payload || arena_copy(&job->arena, database_column_text(statement, 4), &payload);
    sqlite3_reset(statement);
    if (!is_sound) { /* only a foreign hand writes such a row */
        return task_job_refuse(job, A2A_INTERNAL, NULL);
    }
    enum status status =
        is_copied ? task_job_find(job, database, true) : task_job_refuse_memory(job);
    if (status == STATUS_OK) {
        job->tasks[0].input = has_payload ? payload : job->tasks[0].input;
        job->has_more = true;
    }
    return status;
}

enum status task_events_kept(struct task_job *job, struct database *database)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < job->kept_count && status == STATUS_OK; i++) {
        sqlite3_stmt *statement = database_statement(database, task_sql_event_delete);
        if (statement != NULL) {
            database_bind_text(statement, 1, slice_from_string(job->kept[i].id));
        }
        if (statement == NULL || database_run(database, statement, NULL) != STATUS_OK) {
            status = task_job_refuse_database(job, database);
        }
    }
    return status;
}

/* SPDX-License-Identifier: MIT
 *
 * task_store.c - the SQL of tasks: one function for each action.
 *
 * A job may run more than once before it is done, so each sets its answer afresh. Thread: the
 * store's, but for the making and posting of jobs. */
#include "a2a/task_store.h"

#include "a2a/task_events.h"
#include "a2a/task_query.h"
#include "a2a/task_rows.h"
#include "base/buffer.h"
#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>

/* A number that one statement gives. */
static enum status number_read(struct task_job *job, struct database *database,
                               sqlite3_stmt *statement, int64_t *ret)
{
    if (statement == NULL || sqlite3_step(statement) != SQLITE_ROW) {
        return task_job_refuse_database(job, database);
    }
    *ret = sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    return STATUS_OK;
}

/* ---- making ---- */

/* A message that was sent before: its task, else nothing. */
static enum status message_find(struct task_job *job, struct database *database)
{
    sqlite3_stmt *statement = database_statement(database, task_sql_by_message);
    if (statement == NULL) {
        return task_job_refuse_database(job, database);
    }
    database_bind_text(statement, 1, job->task.owner.issuer);
    database_bind_text(statement, 2, job->task.owner.subject);
    database_bind_text(statement, 3, job->task.message_id);
    return task_job_read_rows(job, database, statement, 1);
}

static enum status message_add(struct task_job *job, struct database *database)
{
    if (job->task.message_id.length == 0) {
        return STATUS_OK;
    }
    sqlite3_stmt *statement = database_statement(database, task_sql_message_add);
    if (statement == NULL) {
        return task_job_refuse_database(job, database);
    }
    database_bind_text(statement, 1, job->task.owner.issuer);
    database_bind_text(statement, 2, job->task.owner.subject);
    database_bind_text(statement, 3, job->task.message_id);
    database_bind_text(statement, 4, slice_make(job->task.id, task_id_length));
    return database_run(database, statement, NULL) == STATUS_OK
               ? STATUS_OK
               : task_job_refuse_database(job, database);
}

static enum status limits_check(struct task_job *job, struct database *database)
{
    int64_t count = 0;
    sqlite3_stmt *statement = database_statement(database, task_sql_count_open);
    if (statement != NULL) {
        database_bind_text(statement, 1, job->task.owner.issuer);
        database_bind_text(statement, 2, job->task.owner.subject);
        sqlite3_bind_int64(statement, 3, (int64_t)job->limits.per_user_max);
    }
    enum status status = number_read(job, database, statement, &count);
    if (status != STATUS_OK) {
        return status;
    }
    if ((uint64_t)count >= job->limits.per_user_max) {
        return task_job_refuse(job, A2A_TOO_MANY, "too many tasks of yours have not ended");
    }
    status = number_read(job, database, database_statement(database, task_sql_count_all), &count);
    if (status == STATUS_OK && (uint64_t)count >= job->limits.tasks_max) {
        return task_job_refuse(job, A2A_TOO_MANY, "too many tasks are kept");
    }
    return status;
}

static enum status push_write(struct task_job *job, struct database *database)
{
    sqlite3_stmt *statement = database_statement(database, task_sql_push_set);
    if (statement == NULL) {
        return task_job_refuse_database(job, database);
    }
    database_bind_text(statement, 1, slice_make(job->task.id, task_id_length));
    database_bind_text(statement, 2, job->push.id);
    database_bind_text(statement, 3, job->push.url);
    database_bind_text(statement, 4, job->push.token);
    database_bind_text(statement, 5, job->push.scheme);
    database_bind_text(statement, 6, job->push.credentials);
    sqlite3_bind_int(statement, 7, job->push.is_legacy);
    return database_run(database, statement, NULL) == STATUS_OK
               ? STATUS_OK
               : task_job_refuse_database(job, database);
}

/* This message was sent before: a new task of it is the old one, when it goes the same way. */
static enum status message_known(struct task_job *job)
{
    const struct task *old = &job->tasks[0];
    job->was_there = slice_equals(old->target_name, job->task.target_name) &&
                     slice_equals(old->target_url, job->task.target_url);
    if (!job->was_there) {
        job->tasks_count = 0;
        return task_job_refuse(job, A2A_INVALID, "messageId: it was used for another target");
    }
    return STATUS_OK;
}

static enum status task_create(struct task_job *job, struct database *database)
{
    struct task *task = &job->task;
    if (task->message_id.length > 0) {
        enum status status = message_find(job, database);
        if (status == STATUS_OK && job->tasks_count > 0) {
            return message_known(job);
        }
        if (status != STATUS_OK) {
            return status;
        }
    }
    enum status status = limits_check(job, database);
    if (status != STATUS_OK) {
        return status;
    }
    task->created_us = task->updated_us = job->now_us;
    task->ended_us = task_is_over(task->state) ? job->now_us : 0;
    sqlite3_stmt *statement = database_statement(database, task_sql_insert);
    if (statement == NULL) {
        return task_job_refuse_database(job, database);
    }
    task_row_bind(statement, task);
    if (database_run(database, statement, NULL) != STATUS_OK) {
        return task_job_refuse_database(job, database);
    }
    job->tasks = task;
    job->tasks_count = 1;
    status = message_add(job, database);
    status = status == STATUS_OK ? task_event_add(job, database, task->id, false) : status;
    return status == STATUS_OK && job->has_push ? push_write(job, database) : status;
}

/* ---- a further message ---- */

/* The agent's own words, that the client answers to. */
static struct slice question_of(const struct task *task)
{
    struct json_value result;
    if (!task->result_is_a2a || task->result.length == 0 ||
        json_parse(task->result, JSON_DUPLICATES_UNCHECKED, &result, NULL) != STATUS_OK) {
        return (struct slice){NULL, 0};
    }
    struct json_value inner = json_member(result, "task");
    struct json_value status = json_member(inner.kind == JSON_OBJECT ? inner : result, "status");
    struct json_value message = json_member(status, "message");
    return message.kind == JSON_OBJECT ? message.text : (struct slice){NULL, 0};
}

/* [old..., input, question] */
static bool history_grow(const struct task *task, struct buffer *buffer)
{
    struct slice question = question_of(task);
    struct slice old = task->history;
    bool has_old = old.length > 2;
    buffer_append(buffer, has_old ? slice_make(old.data, old.length - 1) : SLICE("["));
    buffer_append_string(buffer, has_old ? "," : "");
    buffer_append(buffer, task->input);
    buffer_append_string(buffer, question.length > 0 ? "," : "");
    buffer_append(buffer, question);
    buffer_append_byte(buffer, ']');
    return !buffer->failed;
}

static enum status task_continue_write(struct task_job *job, struct database *database)
{
    struct task *task = &job->tasks[0];
    struct buffer history;
    buffer_init(&history, task_history_bytes_max);
    if (!history_grow(task, &history) ||
        !arena_copy(&job->arena, buffer_slice(&history), &task->history)) {
        buffer_clear(&history);
        return task_job_refuse(job, A2A_TOO_MANY, "the conversation has become too long");
    }
    buffer_clear(&history);
    task->input = job->task.input;
    task->message_id = job->task.message_id;
    task->state = job->task.state;
    task->updated_us = job->now_us;
    enum status status = task_events_keep_payload(job, database);
    status = status == STATUS_OK ? message_add(job, database) : status;
    status = status == STATUS_OK ? task_event_add(job, database, task->id, false) : status;
    if (status != STATUS_OK) {
        return status;
    }
    sqlite3_stmt *statement = database_statement(database, task_sql_continue);
    if (statement == NULL) {
        return task_job_refuse_database(job, database);
    }
    database_bind_text(statement, 1, slice_make(task->id, task_id_length));
    database_bind_text(statement, 2, task->history);
    database_bind_text(statement, 3, task->input);
    database_bind_text(statement, 4, task->message_id);
    sqlite3_bind_int(statement, 5, (int)task->state);
    sqlite3_bind_int64(statement, 6, task->updated_us);
    if (database_run(database, statement, NULL) != STATUS_OK) {
        return task_job_refuse_database(job, database);
    }
    return job->has_push ? push_write(job, database) : STATUS_OK;
}

static enum status task_continue(struct task_job *job, struct database *database)
{
    enum status status = STATUS_OK;
    if (job->task.message_id.length > 0) {
        status = message_find(job, database);
        if (status == STATUS_OK && job->tasks_count > 0) {
            job->was_there = strcmp(job->tasks[0].id, job->task.id) == 0;
            return job->was_there ? STATUS_OK
                                  : task_job_refuse(job, A2A_INVALID,
                                                    "messageId: it was used for another task");
        }
    }
    status = status == STATUS_OK ? task_job_find(job, database, false) : status;
    if (status != STATUS_OK) {
        return status;
    }
    const struct task *task = &job->tasks[0];
    if (job->task.context_id.length > 0 && !slice_equals(task->context_id, job->task.context_id)) {
        return task_job_refuse(job, A2A_INVALID, "the task belongs to another context");
    }
    if (task_is_over(task->state)) {
        return task_job_refuse(job, A2A_UNSUPPORTED,
                               "the task has ended: send a message without its id");
    }
    if (!task_is_at_rest(task->state)) {
        return task_job_refuse(job, A2A_UNSUPPORTED, "the task does not wait for a message");
    }
    return task_continue_write(job, database);
}

/* ---- moving ---- */

static enum status task_write_state(struct task_job *job, struct database *database)
{
    struct task *task = &job->tasks[0];
    task->updated_us = job->now_us;
    task->ended_us = task_is_over(task->state) ? job->now_us : 0;
    sqlite3_stmt *statement = database_statement(database, task_sql_move);
    if (statement == NULL) {
        return task_job_refuse_database(job, database);
    }
    database_bind_text(statement, 1, slice_make(task->id, task_id_length));
    sqlite3_bind_int(statement, 2, (int)task->state);
    database_bind_text(statement, 3, task->result);
    sqlite3_bind_int(statement, 4, task->result_is_a2a);
    database_bind_text(statement, 5, task->detail);
    database_bind_text(statement, 6, task->remote_id);
    database_bind_text(statement, 7, task->remote_context_id);
    sqlite3_bind_int64(statement, 8, task->updated_us);
    sqlite3_bind_int64(statement, 9, task->ended_us);
    if (database_run(database, statement, NULL) != STATUS_OK) {
        return task_job_refuse_database(job, database);
    }
    return task->ended_us > 0 ? task_event_add(job, database, task->id, true) : STATUS_OK;
}

static enum status pushes_read(struct task_job *job, struct database *database, struct slice id)
{
    sqlite3_stmt *statement = database_statement(database, task_sql_pushes);
    int step = SQLITE_DONE;
    job->pushes_count = 0;
    job->pushes = arena_allocate_zeroed(&job->arena, task_pushes_max, sizeof(struct task_push));
    if (job->pushes == NULL) {
        return task_job_refuse_memory(job);
    }
    if (statement == NULL) {
        return task_job_refuse_database(job, database);
    }
    database_bind_text(statement, 1, slice_make(job->task.id, task_id_length));
    database_bind_text(statement, 2, id.length > 0 ? id : (struct slice){NULL, 0});
    while (job->pushes_count < task_pushes_max && (step = sqlite3_step(statement)) == SQLITE_ROW) {
        if (!task_push_row_read(statement, &job->arena, &job->pushes[job->pushes_count])) {
            sqlite3_reset(statement);
            return task_job_refuse_memory(job);
        }
        job->pushes_count++;
    }
    bool is_well = step == SQLITE_DONE || step == SQLITE_ROW;
    enum status status = is_well ? STATUS_OK : task_job_refuse_database(job, database);
    sqlite3_reset(statement);
    return status;
}

static enum status task_move(struct task_job *job, struct database *database)
{
    enum status status = task_job_find(job, database, true);
    if (status != STATUS_OK) {
        return status;
    }
    struct task *task = &job->tasks[0];
    if (!task_may_move(task->state, job->task.state)) {
        return task_job_refuse(job, A2A_NOT_CANCELABLE, NULL);
    }
    task->state = job->task.state;
    task->result = job->task.result;
    task->result_is_a2a = job->task.result_is_a2a;
    task->detail = job->task.detail;
    if (job->task.remote_id.length > 0) {
        task->remote_id = job->task.remote_id;
        task->remote_context_id = job->task.remote_context_id;
    }
    status = task_write_state(job, database);
    if (status == STATUS_OK && job->with_pushes) {
        status = pushes_read(job, database, (struct slice){NULL, 0});
    }
    return status;
}

static enum status task_cancel(struct task_job *job, struct database *database)
{
    enum status status = task_job_find(job, database, false);
    if (status != STATUS_OK) {
        return status;
    }
    if (task_is_over(job->tasks[0].state)) {
        return task_job_refuse(job, A2A_NOT_CANCELABLE, NULL);
    }
    job->tasks[0].state = TASK_CANCELED;
    job->tasks[0].detail = SLICE("canceled");
    job->tasks[0].result = (struct slice){NULL, 0};
    status = task_write_state(job, database);
    return status == STATUS_OK ? pushes_read(job, database, (struct slice){NULL, 0}) : status;
}

/* ---- lists ---- */

static bool token_read(struct slice token, int64_t *ret_us, struct slice *ret_id)
{
    uint64_t us = 0;
    size_t dot = slice_find(token, '.');
    if (dot == token.length || !slice_parse_uint(slice_make(token.data, dot), INT64_MAX, &us) ||
        !task_id_is_sound(slice_after(token, dot + 1))) {
        return false;
    }
    *ret_us = (int64_t)us;
    *ret_id = slice_after(token, dot + 1);
    return true;
}

static void list_bind(sqlite3_stmt *statement, const struct task_job *job)
{
    const struct task_query *query = &job->query;
    database_bind_text(statement, 1, job->task.owner.issuer);
    database_bind_text(statement, 2, job->task.owner.subject);
    database_bind_text(statement, 3,
                       query->context_id.length > 0 ? query->context_id : (struct slice){NULL, 0});
    sqlite3_bind_int(statement, 4, query->has_state ? (int)query->state : -1);
    sqlite3_bind_int64(statement, 5, query->after_us);
}

static enum status task_list(struct task_job *job, struct database *database)
{
    int64_t total = 0;
    int64_t before_us = INT64_MAX;
    struct slice before_id = SLICE("");
    const struct task_query *query = &job->query;
    if (query->limit == 0 || query->limit > task_page_rows_max) {
        return task_job_refuse(job, A2A_INVALID, "a page has 1 to 100 tasks");
    }
    if (query->token.length > 0 && !token_read(query->token, &before_us, &before_id)) {
        return task_job_refuse(job, A2A_INVALID, "not a page token of ours");
    }
    sqlite3_stmt *statement = database_statement(database, task_sql_list_count);
    if (statement != NULL) {
        list_bind(statement, job);
    }
    enum status status = number_read(job, database, statement, &total);
    statement = status == STATUS_OK ? database_statement(database, task_sql_list) : NULL;
    if (statement == NULL) {
        return status != STATUS_OK ? status : task_job_refuse_database(job, database);
    }
    list_bind(statement, job);
    sqlite3_bind_int64(statement, 6, before_us);
    database_bind_text(statement, 7, before_id);
    sqlite3_bind_int64(statement, 8, (int64_t)query->limit + 1);
    sqlite3_bind_int(statement, 9, query->with_results);
    sqlite3_bind_int(statement, 10, query->with_inputs);
    status = task_job_read_rows(job, database, statement, query->limit + 1);
    if (status != STATUS_OK) {
        return status;
    }
    job->total = (uint64_t)total;
    if (job->tasks_count > query->limit) {
        job->tasks_count = query->limit;
        job->has_more = true;
    }
    if (job->has_more) {
        const struct task *last = &job->tasks[job->tasks_count - 1];
        snprintf(job->token, sizeof(job->token), "%lld.%s", (long long)last->updated_us, last->id);
    }
    return STATUS_OK;
}

/* ---- webhooks ---- */

static enum status push_set(struct task_job *job, struct database *database)
{
    enum status status = task_job_find(job, database, false);
    if (status == STATUS_OK) {
        status = pushes_read(job, database, (struct slice){NULL, 0});
    }
    if (status != STATUS_OK) {
        return status;
    }
    bool is_there = false;
    for (size_t i = 0; i < job->pushes_count; i++) {
        is_there = is_there || slice_equals(job->pushes[i].id, job->push.id);
    }
    if (!is_there && job->pushes_count == task_pushes_max) {
        return task_job_refuse(job, A2A_TOO_MANY, "too many webhooks of one task");
    }
    memcpy(job->push.task_id, job->task.id, sizeof(job->push.task_id));
    job->pushes = &job->push;
    job->pushes_count = 1;
    return push_write(job, database);
}

static enum status push_read(struct task_job *job, struct database *database, bool wants_all)
{
    enum status status = task_job_find(job, database, false);
    if (status == STATUS_OK) {
        status = pushes_read(job, database, wants_all ? (struct slice){NULL, 0} : job->push.id);
    }
    if (status == STATUS_OK && !wants_all) {
        if (job->pushes_count == 0) {
            return task_job_refuse(job, A2A_UNKNOWN_TASK, "the task has no such webhook");
        }
        job->pushes_count = 1;
    }
    return status;
}

static enum status push_delete(struct task_job *job, struct database *database)
{
    enum status status = task_job_find(job, database, false);
    if (status != STATUS_OK) {
        return status;
    }
    sqlite3_stmt *statement = database_statement(database, task_sql_push_delete);
    if (statement == NULL) {
        return task_job_refuse_database(job, database);
    }
    database_bind_text(statement, 1, slice_make(job->task.id, task_id_length));
    database_bind_text(statement, 2, job->push.id);
    return database_run(database, statement, NULL) == STATUS_OK
               ? STATUS_OK
               : task_job_refuse_database(job, database);
}

/* ---- clearing up ---- */

/* Ends the task job->task.id, as any other end: whole and with its webhooks. */
static enum status task_end(struct task_job *job, struct database *database, struct slice detail)
{
    enum status status = task_job_find(job, database, true);
    if (status != STATUS_OK) {
        return status;
    }
    job->tasks[0].state = TASK_FAILED;
    job->tasks[0].detail = detail;
    status = task_write_state(job, database);
    return status == STATUS_OK ? pushes_read(job, database, (struct slice){NULL, 0}) : status;
}

/* One task that was open when the gateway stopped, and need not end. */
static enum status recover_one(struct task_job *job, struct database *database, struct task *task)
{
    if (task->state != TASK_WORKING) {
        return STATUS_OK;
    }
    struct task *tasks = job->tasks;
    task->state = TASK_SUBMITTED;
    job->tasks = task;
    enum status status = task_write_state(job, database);
    job->tasks = tasks;
    return status;
}

static bool is_interrupted(const struct task *task)
{
    return task->state == TASK_WORKING && !task->is_idempotent;
}

static enum status task_recover(struct task_job *job, struct database *database)
{
    char behind[task_id_length + 1]; /* a job may run twice: its question stays */
    sqlite3_stmt *statement = database_statement(database, task_sql_open);
    if (statement == NULL) {
        return task_job_refuse_database(job, database);
    }
    database_bind_text(statement, 1, slice_make(job->task.id, strlen(job->task.id)));
    sqlite3_bind_int(statement, 2, task_steps_max);
    enum status status = task_job_read_rows(job, database, statement, task_steps_max);
    job->has_more = job->tasks_count == task_steps_max || job->has_more;
    if (status == STATUS_OK && job->tasks_count > 0 && is_interrupted(&job->tasks[0])) {
        memcpy(behind, job->task.id, sizeof(behind));
        memcpy(job->task.id, job->tasks[0].id, sizeof(job->task.id));
        status = task_end(job, database, SLICE("interrupted"));
        memcpy(job->task.id, behind, sizeof(behind));
        job->has_more = true;
        return status;
    }
    for (size_t i = 0; i < job->tasks_count && status == STATUS_OK; i++) {
        if (is_interrupted(&job->tasks[i])) {
            job->tasks_count = i;
            job->has_more = true;
        } else {
            status = recover_one(job, database, &job->tasks[i]);
        }
    }
    return status;
}

static enum status task_give_up(struct task_job *job, struct database *database)
{
    sqlite3_stmt *statement = database_statement(database, task_sql_give_up);
    if (statement == NULL) {
        return task_job_refuse_database(job, database);
    }
    sqlite3_bind_int64(statement, 1, job->before_us);
    enum status status = task_job_read_rows(job, database, statement, 1);
    if (status != STATUS_OK || job->tasks_count == 0) {
        return status;
    }
    memcpy(job->task.id, job->tasks[0].id, sizeof(job->task.id));
    job->has_more = true;
    return task_end(job, database, SLICE("no answer came"));
}

static enum status sweep_step(struct task_job *job, struct database *database, const char *sql)
{
    sqlite3_stmt *statement = database_statement(database, sql);
    if (statement == NULL) {
        return task_job_refuse_database(job, database);
    }
    sqlite3_bind_int64(statement, 1, job->before_us);
    sqlite3_bind_int(statement, 2, task_steps_max);
    sqlite3_bind_int64(statement, 3, job->now_us);
    if (database_run(database, statement, NULL) != STATUS_OK) {
        return task_job_refuse_database(job, database);
    }
    int changes = sqlite3_changes(database_handle(database));
    job->has_more = job->has_more || changes >= task_steps_max;
    return STATUS_OK;
}

static enum status task_sweep(struct task_job *job, struct database *database)
{
    enum status status = sweep_step(job, database, task_sql_sweep);
    return status == STATUS_OK ? task_give_up(job, database) : status;
}

/* ---- jobs ---- */

enum status task_job_execute(struct task_job *job, struct database *database)
{
    job->outcome = A2A_OK;
    job->tasks_count = 0;
    job->pushes_count = 0;
    job->was_there = job->has_more = false;
    job->token[0] = '\0';
    switch (job->action) {
    case TASK_CREATE:
        return task_create(job, database);
    case TASK_CONTINUE:
        return task_continue(job, database);
    case TASK_LOAD:
    case TASK_LOAD_TO_RUN:
        return task_job_find(job, database, job->action == TASK_LOAD_TO_RUN);
    case TASK_LIST:
        return task_list(job, database);
    case TASK_CANCEL:
        return task_cancel(job, database);
    case TASK_MOVE:
        return task_move(job, database);
    case TASK_PUSH_SET:
        return push_set(job, database);
    case TASK_PUSH_GET:
    case TASK_PUSH_LIST:
        return push_read(job, database, job->action == TASK_PUSH_LIST);
    case TASK_PUSH_DELETE:
        return push_delete(job, database);
    case TASK_RECOVER:
        return task_recover(job, database);
    case TASK_SWEEP:
        return task_sweep(job, database);
    case TASK_EVENT_NEXT:
        return task_event_next(job, database);
    case TASK_EVENTS_KEPT:
        return task_events_kept(job, database);
    }
    return task_job_refuse(job, A2A_INTERNAL, NULL);
}

static enum status job_run(struct store_job *store_job, struct database *database,
                           struct failure *reterr)
{
    struct task_job *job = (struct task_job *)store_job;
    enum status status = task_job_execute(job, database);
    if (status != STATUS_OK) {
        failure_set(reterr, "%s", job->failure.text);
    }
    return status;
}

static void job_done(struct store_job *store_job, enum status status, const struct failure *failure)
{
    struct task_job *job = (struct task_job *)store_job;
    if (status != STATUS_OK && job->outcome == A2A_OK) { /* it was fine, the commit was not */
        job->outcome = status == STATUS_LIMIT ? A2A_DISK_FULL : A2A_UNAVAILABLE;
        job->failure = failure != NULL ? *failure : (struct failure){""};
    }
    job->done(job);
}

void task_job_init(struct task_job *job, enum task_action action, size_t bytes_max)
{
    *job = (struct task_job){.action = action, .job = {.run = job_run, .done = job_done}};
    arena_init(&job->arena, bytes_max);
}

void task_job_clear(struct task_job *job)
{
    arena_clear(&job->arena);
}

struct task_job *task_job_create(enum task_action action, size_t bytes_max)
{
    struct task_job *job = malloc(sizeof(*job));
    if (job != NULL) {
        task_job_init(job, action, bytes_max);
    }
    return job;
}

void task_job_free(struct task_job *job)
{
    if (job != NULL) {
        task_job_clear(job);
        free(job);
    }
}

static bool action_writes(enum task_action action)
{
    return action != TASK_LOAD && action != TASK_LOAD_TO_RUN && action != TASK_LIST &&
           action != TASK_PUSH_GET && action != TASK_PUSH_LIST && action != TASK_EVENT_NEXT;
}

bool task_store_run(struct store *store, struct task_job *take_job)
{
    struct task_job *job = take_job;
    job->job.bytes = sizeof(*job) + job->arena.total;
    enum status status =
        action_writes(job->action) ? store_write(store, &job->job) : store_read(store, &job->job);
    if (status != STATUS_OK) {
        (void)task_job_refuse(job, A2A_BUSY, NULL);
        return false;
    }
    return true;
}

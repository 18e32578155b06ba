/* SPDX-License-Identifier: MIT
 *
 * place.c - what place.h says. */
#include "place.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

void place_make(struct place *place)
{
    snprintf(place->directory, sizeof(place->directory), "/tmp/store-test-XXXXXX");
    assert_non_null(mkdtemp(place->directory));
    snprintf(place->path, sizeof(place->path), "%s/store.db", place->directory);
}

void place_remove(struct place *place)
{
    DIR *listing = opendir(place->directory);
    assert_non_null(listing);
    for (struct dirent *entry = readdir(listing); entry != NULL; entry = readdir(listing)) {
        char path[512];
        snprintf(path, sizeof(path), "%s/%s", place->directory, entry->d_name);
        (void)unlink(path); /* "." and ".." refuse */
    }
    closedir(listing);
    assert_int_equal(rmdir(place->directory), 0);
}

void gate_init(struct gate *gate)
{
    *gate = (struct gate){.count = 0};
    pthread_mutex_init(&gate->lock, NULL);
    pthread_cond_init(&gate->changed, NULL);
}

void gate_pass(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->count++;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

void gate_await(struct gate *gate, unsigned count)
{
    struct timespec until;
    int error = 0;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 60;
    pthread_mutex_lock(&gate->lock);
    while (gate->count < count && error == 0) {
        error = pthread_cond_timedwait(&gate->changed, &gate->lock, &until);
    }
    if (gate->count < count) {
        fprintf(stderr, "waited 60 s for %u, got %u\n", count, gate->count);
        abort(); /* also right on a thread that is not the test's */
    }
    gate->count -= count;
    pthread_mutex_unlock(&gate->lock);
}

static enum status sql_job_run(struct store_job *base, struct database *database,
                               struct failure *reterr)
{
    struct sql_job *job = (struct sql_job *)base;
    job->runs++;
    if (job->entered != NULL) {
        gate_pass(job->entered);
        job->entered = NULL;
    }
    if (job->hold != NULL) {
        gate_await(job->hold, 1);
        job->hold = NULL;
    }
    sqlite3_stmt *statement = database_statement(database, job->sql);
    if (statement == NULL) {
        return database_status(database, reterr);
    }
    if (sqlite3_bind_parameter_count(statement) > 0) {
        sqlite3_bind_int64(statement, 1, job->number);
    }
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        job->value = sqlite3_column_int64(statement, 0);
    } else if (code != SQLITE_DONE) {
        return database_status(database, reterr);
    }
    if (job->own_status != STATUS_OK) {
        failure_set(reterr, "my own fault");
    }
    return job->own_status;
}

static void sql_job_done(struct store_job *base, enum status status, const struct failure *failure)
{
    struct sql_job *job = (struct sql_job *)base;
    job->status = status;
    job->done_count++;
    if (failure != NULL) {
        job->failure = *failure;
    }
    gate_pass(job->gate);
}

void sql_job_init(struct sql_job *job, const char *sql, int64_t number, struct gate *gate)
{
    *job = (struct sql_job){
        .job = {.run = sql_job_run, .done = sql_job_done, .bytes = 100},
        .sql = sql,
        .number = number,
        .gate = gate,
        .status = STATUS_AGAIN,
    };
}

enum status write_now(struct store *store, const char *sql, int64_t number)
{
    struct gate gate;
    struct sql_job job;
    gate_init(&gate);
    sql_job_init(&job, sql, number, &gate);
    assert_int_equal(store_write(store, &job.job), STATUS_OK);
    gate_await(&gate, 1);
    assert_int_equal(job.done_count, 1);
    return job.status;
}

enum status read_now(struct store *store, const char *sql, int64_t *ret)
{
    struct gate gate;
    struct sql_job job;
    gate_init(&gate);
    sql_job_init(&job, sql, 0, &gate);
    assert_int_equal(store_read(store, &job.job), STATUS_OK);
    gate_await(&gate, 1);
    assert_int_equal(job.done_count, 1);
    if (job.status == STATUS_OK) {
        *ret = job.value;
    } else {
        print_message("read: %s\n", job.failure.text);
    }
    return job.status;
}

struct store *store_at(const struct place *place)
{
    struct store_settings settings = {
        .directory = place->directory, .queue_bytes_max = 1024 * 1024, .readers_count = 2};
    struct store *store = NULL;
    struct failure failure = {""};
    enum status status = store_open(&settings, &store, &failure);
    if (status != STATUS_OK) {
        print_message("store_open: %s\n", failure.text);
    }
    assert_int_equal(status, STATUS_OK);
    return store;
}

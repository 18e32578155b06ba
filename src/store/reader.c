/* SPDX-License-Identifier: MIT
 *
 * reader.c - opens the database when the first job comes, and again when another file stands in its
 * place. */
#include "store/reader.h"

#include <signal.h>
#include <string.h>

enum { wait_ms = 60 * 1000 }; /* any time: job_queue_end wakes it */

static enum status reader_open(struct reader *reader, struct failure *reterr)
{
    if (reader->database != NULL && database_is_moved(reader->database)) {
        database_close(reader->database);
        reader->database = NULL;
    }
    if (reader->database != NULL) {
        return STATUS_OK;
    }
    if (!writer_was_open(reader->writer)) {
        if (reterr != NULL) {
            writer_last_failure(reader->writer, reterr);
        }
        return writer_health(reader->writer) == STORE_FULL ? STATUS_LIMIT : STATUS_IO;
    }
    return database_open(reader->path, DATABASE_READER, &reader->database, reterr);
}

static enum status job_run(struct reader *reader, struct store_job *job, struct failure *reterr)
{
    enum status status = reader_open(reader, reterr);
    if (status != STATUS_OK) {
        return status;
    }
    struct database *database = reader->database;
    status = database_execute(database, "BEGIN", reterr);
    if (status == STATUS_OK) {
        status = job->run(job, database, reterr);
    }
    bool is_broken = status != STATUS_OK && database_is_refused(database);
    database_settle(database);
    if (!sqlite3_get_autocommit(database_handle(database)) &&
        database_execute(database, "COMMIT", NULL) != STATUS_OK) {
        is_broken = true;
    }
    if (is_broken) { /* the next job gets a fresh connection */
        database_close(database);
        reader->database = NULL;
    }
    return status;
}

static void *reader_run(void *argument)
{
    struct reader *reader = argument;
    while (!job_queue_is_over(reader->queue)) {
        struct store_job *job = NULL;
        struct failure failure = {""};
        if (job_queue_take(reader->queue, &job, 1, SIZE_MAX, wait_ms) == 0) {
            continue;
        }
        enum status status = job_run(reader, job, &failure);
        job_queue_release(reader->queue, 1, job->bytes);
        job->done(job, status, status == STATUS_OK ? NULL : &failure);
    }
    database_close(reader->database);
    reader->database = NULL;
    return NULL;
}

enum status reader_start(struct reader *reader, struct failure *reterr)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all); /* signals are the main thread's */
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int error = pthread_create(&reader->thread, NULL, reader_run, reader);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error != 0) {
        failure_set(reterr, "cannot start a reading thread of the store: %s", strerror(error));
        return STATUS_IO;
    }
    return STATUS_OK;
}

void reader_stop(struct reader *reader)
{
    pthread_join(reader->thread, NULL);
}

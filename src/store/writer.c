/* SPDX-License-Identifier: MIT
 *
 * writer.c - takes what waits, runs it in one transaction, commits, and tells everybody.
 *
 * When a commit fails, nothing of the group was acknowledged, and all of it is told so. After an
 * I/O error the connection is closed and opened again: whether the kernel kept what fsync refused
 * is unknown, and a second fsync of the same pages may claim success. So before the store is fine
 * again, all of the log is written to the database file anew and synced there, and a small commit
 * must succeed. */
#include "store/writer.h"

#include "base/clock.h"
#include "base/pace.h"
#include "store/directory.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    retry_ms = 1000,           /* between attempts to open, and between probes */
    idle_ms = 10 * 1000,       /* without jobs: the log is emptied */
    log_pages_soft = 16 * 256, /* 16 MiB of pages of 4 KiB: written back */
    log_pages_step = 4 * 256,  /* and again after that much more, while readers use it */
    log_pages_hard = 64 * 256, /* readers are waited for */
    log_wait_ms = 1000,
    probe_bytes_max = 64 * 1024,
};

struct outcome {
    struct store_job *job;
    enum status status;
    struct failure failure;
};

struct writer {
    const char *directory;
    struct job_queue *queue;
    struct store_counters *counters;
    struct database *database; /* NULL while it cannot be opened */
    int lock;                  /* of the directory; -1: not taken yet */
    uint64_t retry_at_ms;      /* not before: open, probe */
    uint64_t idle_since_ms;
    size_t log_pages_next; /* checkpoint when the log has so many */
    size_t probe_bytes;    /* as large as what failed */
    bool distrusts_log;    /* an fsync failed */
    bool is_corrupt;       /* a job of this group met a damaged page */
    struct failure corruption;
    bool is_hurried; /* somebody waits for a job of this group */
    struct pace pace;
    pthread_t thread;
    atomic_int health;
    atomic_bool was_open;
    pthread_mutex_t failure_lock;
    struct failure failure; /* under failure_lock */
    /* the first attempt to open, for writer_start; under failure_lock */
    pthread_cond_t first_tried;
    bool has_tried;
    enum status first_status;
    struct store_job *taken[writer_group_jobs_max];
    struct outcome outcomes[writer_group_jobs_max];
};

static void health_set(struct writer *writer, enum status status, const struct failure *failure)
{
    enum store_health health = STORE_FAILING;
    if (status == STATUS_OK) {
        health = STORE_FINE;
        writer->probe_bytes = 1;
    } else {
        if (status == STATUS_LIMIT) {
            health = STORE_FULL;
        }
        pthread_mutex_lock(&writer->failure_lock);
        writer->failure = *failure;
        pthread_mutex_unlock(&writer->failure_lock);
    }
    atomic_store(&writer->health, (int)health);
}

static void database_drop(struct writer *writer)
{
    database_close(writer->database);
    writer->database = NULL;
}

/* The store's own trouble, as opposed to a job's. */
static void trouble(struct writer *writer, enum status status, const struct failure *failure)
{
    health_set(writer, status, failure);
    writer->retry_at_ms = clock_monotonic_ms() + retry_ms;
    if (writer->database == NULL) {
        return;
    }
    sqlite3 *handle = database_handle(writer->database);
    bool is_over = sqlite3_get_autocommit(handle) != 0 ||
                   database_execute(writer->database, "ROLLBACK", NULL) == STATUS_OK;
    if (!is_over || (status != STATUS_LIMIT && status != STATUS_NO_MEMORY)) {
        writer->distrusts_log = true;
        database_drop(writer);
        writer->retry_at_ms = 0; /* at once; after that, each second */
    }
}

/* ---- opening ---- */

static enum status probe_write(struct writer *writer, struct failure *reterr)
{
    struct database *database = writer->database;
    sqlite3_stmt *statement = database_statement(
        database, "INSERT OR REPLACE INTO probe(id, filler) VALUES (1, randomblob(?1))");
    if (statement == NULL) {
        return database_status(database, reterr);
    }
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)writer->probe_bytes);
    return database_run(database, statement, reterr); /* commits by itself */
}

/* True: the store is fine. */
static bool probe(struct writer *writer)
{
    struct failure failure = {""};
    enum status status = probe_write(writer, &failure);
    if (status != STATUS_OK) {
        trouble(writer, status, &failure);
        return false;
    }
    health_set(writer, STATUS_OK, NULL);
    return true;
}

static enum status open_steps(struct writer *writer, struct failure *reterr)
{
    char path[store_path_bytes_max];
    enum status status = store_path(writer->directory, path, reterr);
    if (status == STATUS_OK && writer->lock < 0) {
        status = directory_hold(writer->directory, &writer->lock, reterr);
    }
    if (status == STATUS_OK) {
        status = database_open(path, DATABASE_WRITER, &writer->database, reterr);
    }
    if (status == STATUS_OK && writer->distrusts_log) {
        status = database_checkpoint(writer->database, true, log_wait_ms, reterr);
        if (status == STATUS_AGAIN) {
            status = STATUS_OK; /* a reader's snapshot: what could be written back is */
        }
    }
    return status;
}

static enum status writer_open(struct writer *writer)
{
    struct failure failure = {""};
    enum status status = open_steps(writer, &failure);
    writer->log_pages_next = log_pages_soft;
    writer->retry_at_ms = clock_monotonic_ms() + retry_ms;
    if (status != STATUS_OK) {
        health_set(writer, status, &failure);
        database_drop(writer);
        return status;
    }
    writer->distrusts_log = false;
    atomic_store(&writer->was_open, true);
    if (!probe(writer) && writer->database == NULL) {
        writer->retry_at_ms = clock_monotonic_ms() + retry_ms; /* no second attempt at once */
    }
    return STATUS_OK;
}

/* True: jobs can be tried. */
static bool writer_is_ready(struct writer *writer)
{
    if (writer->database != NULL && database_is_moved(writer->database)) {
        database_drop(writer);
        writer->retry_at_ms = 0;
    }
    if (writer->database == NULL && clock_monotonic_ms() >= writer->retry_at_ms) {
        (void)writer_open(writer);
    }
    return writer->database != NULL;
}

/* ---- a group ---- */

enum attempt {
    ATTEMPT_COMMITTED, /* or there was nothing to commit */
    ATTEMPT_TORN,      /* a job failed after it wrote; rolled back: again, with savepoints */
    ATTEMPT_REFUSED,   /* by the disk */
};

/* Why the disk refused a group. */
struct refusal {
    enum status status;
    struct failure failure;
};

static void group_finish(struct writer *writer, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        struct outcome *outcome = &writer->outcomes[i];
        job_queue_release(writer->queue, 1, outcome->job->bytes);
        outcome->job->done(outcome->job, outcome->status,
                           outcome->status == STATUS_OK ? NULL : &outcome->failure);
    }
}

/* Nothing of the group was written: all get the refusal, but for those that failed by themselves.
 */
static void group_refuse(struct writer *writer, size_t from, size_t to,
                         const struct refusal *refusal)
{
    for (size_t i = from; i < to; i++) {
        struct outcome *outcome = &writer->outcomes[i];
        if (outcome->status != STATUS_OK) {
            continue;
        }
        outcome->status = refusal->status;
        outcome->failure = refusal->failure;
        atomic_fetch_add(&writer->counters->jobs_failed, 1);
        size_t bytes = outcome->job->bytes;
        if (bytes > writer->probe_bytes) {
            writer->probe_bytes = bytes < probe_bytes_max ? bytes : probe_bytes_max;
        }
    }
}

/* False: the disk refuses, or SQLite has ended the transaction. */
static bool job_run(struct writer *writer, struct outcome *outcome, struct refusal *refusal)
{
    struct database *database = writer->database;
    outcome->failure.text[0] = '\0';
    outcome->status = outcome->job->run(outcome->job, database, &outcome->failure);
    bool is_over = sqlite3_get_autocommit(database_handle(database)) != 0;
    if (outcome->status != STATUS_OK && (is_over || database_is_refused(database))) {
        refusal->status = database_status(database, &refusal->failure);
        outcome->status = STATUS_OK; /* the refusal takes its place */
        is_over = true;
    } else if (is_over) {
        refusal->status = STATUS_IO;
        failure_set(&refusal->failure, "a job did not notice that its transaction was gone");
    } else if (outcome->status != STATUS_OK && database_is_corrupt(database)) {
        writer->is_corrupt = true;
        writer->corruption = outcome->failure;
    }
    database_settle(database);
    return !is_over;
}

/* Runs the jobs from <from> to *to; *to becomes smaller when they take long. */
static enum attempt group_run(struct writer *writer, size_t from, size_t *to,
                              struct refusal *refusal)
{
    sqlite3 *handle = database_handle(writer->database);
    uint64_t began_us = clock_monotonic_us();
    for (size_t i = from; i < *to; i++) {
        struct outcome *outcome = &writer->outcomes[i];
        sqlite3_int64 changes = sqlite3_total_changes64(handle);
        if (!job_run(writer, outcome, refusal)) {
            *to = i + 1;
            return ATTEMPT_REFUSED;
        }
        if (outcome->status != STATUS_OK && changes != sqlite3_total_changes64(handle)) {
            *to = i + 1;
            return ATTEMPT_TORN;
        }
        if (clock_monotonic_us() - began_us >= writer_group_work_us) {
            *to = i + 1;
        }
    }
    return ATTEMPT_COMMITTED;
}

static enum attempt group_run_guarded(struct writer *writer, size_t from, size_t to,
                                      struct refusal *refusal)
{
    struct database *database = writer->database;
    for (size_t i = from; i < to; i++) {
        struct outcome *outcome = &writer->outcomes[i];
        outcome->status = STATUS_OK;
        refusal->status = database_execute(database, "SAVEPOINT job", &refusal->failure);
        if (refusal->status != STATUS_OK || !job_run(writer, outcome, refusal)) {
            return ATTEMPT_REFUSED;
        }
        if (outcome->status != STATUS_OK) {
            refusal->status = database_execute(database, "ROLLBACK TO job", &refusal->failure);
        }
        if (refusal->status == STATUS_OK) {
            refusal->status = database_execute(database, "RELEASE job", &refusal->failure);
        }
        if (refusal->status != STATUS_OK) {
            return ATTEMPT_REFUSED;
        }
    }
    return ATTEMPT_COMMITTED;
}

static enum attempt group_attempt(struct writer *writer, size_t from, size_t *to, bool is_guarded,
                                  struct refusal *refusal)
{
    struct database *database = writer->database;
    refusal->status = database_execute(database, "BEGIN IMMEDIATE", &refusal->failure);
    if (refusal->status != STATUS_OK) {
        return ATTEMPT_REFUSED;
    }
    enum attempt attempt = is_guarded ? group_run_guarded(writer, from, *to, refusal)
                                      : group_run(writer, from, to, refusal);
    if (attempt == ATTEMPT_REFUSED) {
        return attempt;
    }
    refusal->status = database_execute(database, attempt == ATTEMPT_TORN ? "ROLLBACK" : "COMMIT",
                                       &refusal->failure);
    return refusal->status == STATUS_OK ? attempt : ATTEMPT_REFUSED;
}

static void group_committed(struct writer *writer, size_t from, size_t to, bool has_written)
{
    uint_fast64_t committed = 0;
    for (size_t i = from; i < to; i++) {
        committed += writer->outcomes[i].status == STATUS_OK ? 1 : 0;
    }
    atomic_fetch_add(&writer->counters->jobs_committed, committed);
    atomic_fetch_add(&writer->counters->commits, 1);
    if (writer->is_corrupt) {
        health_set(writer, STATUS_IO, &writer->corruption);
        writer->retry_at_ms = clock_monotonic_ms() + retry_ms;
        writer->is_corrupt = false;
    } else if (has_written) {
        health_set(writer, STATUS_OK, NULL);
    }
}

/* Runs jobs from <from> on, as many of those until <to> as make a group. Returns where it ended. */
static size_t group(struct writer *writer, size_t from, size_t to)
{
    struct refusal refusal = {.status = STATUS_OK};
    sqlite3_int64 changes = sqlite3_total_changes64(database_handle(writer->database));
    enum attempt attempt = group_attempt(writer, from, &to, false, &refusal);
    if (attempt == ATTEMPT_TORN && to - from > 1) {
        attempt = group_attempt(writer, from, &to, true, &refusal);
    }
    if (attempt == ATTEMPT_REFUSED) {
        trouble(writer, refusal.status, &refusal.failure);
        group_refuse(writer, from, to, &refusal);
    } else {
        bool has_written = attempt == ATTEMPT_COMMITTED &&
                           changes != sqlite3_total_changes64(database_handle(writer->database));
        group_committed(writer, from, to, has_written);
    }
    group_finish(writer, from, to);
    return to;
}

/* ---- the log ---- */

static void log_checkpoint(struct writer *writer, bool truncates, int wait_ms)
{
    struct failure failure = {""};
    enum status status = database_checkpoint(writer->database, truncates, wait_ms, &failure);
    if (status != STATUS_OK && status != STATUS_AGAIN) {
        trouble(writer, status, &failure);
    }
}

/* After a group. The log starts anew with the next commit that finds all of it written back and no
 * reader in it. */
static void log_tend(struct writer *writer)
{
    size_t pages = database_log_pages(writer->database);
    if (pages < log_pages_soft) {
        writer->log_pages_next = log_pages_soft;
    } else if (pages >= writer->log_pages_next) {
        writer->log_pages_next = pages + log_pages_step;
        bool is_huge = pages >= log_pages_hard;
        log_checkpoint(writer, is_huge, is_huge ? log_wait_ms : 0);
    }
}

/* ---- the thread ---- */

static bool is_awaited(struct store_job *const *jobs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!jobs[i]->is_patient) {
            return true;
        }
    }
    return false;
}

static bool may_rest(void *context)
{
    struct writer *writer = context;
    return !writer->is_hurried && !job_queue_is_hurried(writer->queue);
}

static void jobs_run(struct writer *writer, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        writer->outcomes[i].job = writer->taken[i];
        writer->outcomes[i].status = STATUS_OK;
    }
    size_t from = 0;
    writer->is_hurried = is_awaited(writer->taken, count);
    while (from < count) {
        if (writer_is_ready(writer)) {
            from = group(writer, from, count);
            continue;
        }
        struct refusal refusal = {.status = STATUS_IO};
        if (writer_health(writer) == STORE_FULL) {
            refusal.status = STATUS_LIMIT;
        }
        writer_last_failure(writer, &refusal.failure);
        group_refuse(writer, from, count, &refusal);
        group_finish(writer, from, count);
        from = count;
    }
    writer->idle_since_ms = clock_monotonic_ms();
    writer->is_hurried = false;
    if (writer->database != NULL) {
        log_tend(writer);
    }
}

/* Nothing came for a while. */
static void idle(struct writer *writer)
{
    uint64_t now_ms = clock_monotonic_ms();
    if (writer->database == NULL || writer_health(writer) != STORE_FINE) {
        if (now_ms >= writer->retry_at_ms && writer_is_ready(writer) &&
            writer_health(writer) != STORE_FINE && now_ms >= writer->retry_at_ms) {
            (void)probe(writer);
        }
    } else if (now_ms >= writer->idle_since_ms + idle_ms) {
        writer->idle_since_ms = now_ms; /* whether there is a log or not: or the thread spins */
        if (database_log_pages(writer->database) > 0) {
            log_checkpoint(writer, true, 0);
        }
    }
}

static uint64_t idle_wait_ms(const struct writer *writer)
{
    uint64_t now_ms = clock_monotonic_ms();
    uint64_t until_ms = writer->idle_since_ms + idle_ms;
    if (writer->database == NULL || writer_health(writer) != STORE_FINE) {
        until_ms = writer->retry_at_ms;
    }
    return until_ms > now_ms ? until_ms - now_ms : 0;
}

static bool first_attempt(struct writer *writer)
{
    enum status status = writer_open(writer);
    pthread_mutex_lock(&writer->failure_lock);
    writer->first_status = status;
    writer->has_tried = true;
    pthread_cond_signal(&writer->first_tried);
    pthread_mutex_unlock(&writer->failure_lock);
    return status != STATUS_UNSUPPORTED && status != STATUS_DENIED && status != STATUS_INVALID;
}

static void *writer_run(void *argument)
{
    struct writer *writer = argument;
    pace_keep(&writer->pace);
    if (first_attempt(writer)) {
        while (!job_queue_is_over(writer->queue)) {
            size_t count = job_queue_take(writer->queue, writer->taken, writer_group_jobs_max,
                                          writer_group_bytes_max, idle_wait_ms(writer));
            pace_begin();
            if (count > 0) {
                jobs_run(writer, count);
            } else {
                idle(writer);
            }
        }
    }
    database_drop(writer);
    return NULL;
}

static void writer_free(struct writer *writer)
{
    if (writer->lock >= 0) {
        close(writer->lock);
    }
    pthread_cond_destroy(&writer->first_tried);
    pthread_mutex_destroy(&writer->failure_lock);
    free(writer);
}

static enum status thread_start(struct writer *writer, struct failure *reterr)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all); /* signals are the main thread's */
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int error = pthread_create(&writer->thread, NULL, writer_run, writer);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error != 0) {
        failure_set(reterr, "cannot start the store's thread: %s", strerror(error));
        return STATUS_IO;
    }
    return STATUS_OK;
}

enum status writer_start(const char *directory, struct job_queue *queue,
                         struct store_counters *counters, struct writer **ret,
                         struct failure *reterr)
{
    struct writer *writer = calloc(1, sizeof(*writer));
    if (writer == NULL) {
        failure_set(reterr, "no memory for the store");
        return STATUS_NO_MEMORY;
    }
    writer->directory = directory;
    writer->queue = queue;
    writer->counters = counters;
    writer->lock = -1;
    writer->pace = (struct pace){.may_rest = may_rest, .context = writer};
    writer->probe_bytes = 1;
    writer->idle_since_ms = clock_monotonic_ms();
    atomic_init(&writer->health, STORE_FAILING);
    pthread_mutex_init(&writer->failure_lock, NULL);
    pthread_cond_init(&writer->first_tried, NULL);
    enum status status = thread_start(writer, reterr);
    if (status != STATUS_OK) {
        writer_free(writer);
        return status;
    }
    pthread_mutex_lock(&writer->failure_lock);
    while (!writer->has_tried) {
        pthread_cond_wait(&writer->first_tried, &writer->failure_lock);
    }
    status = writer->first_status;
    pthread_mutex_unlock(&writer->failure_lock);
    if (status == STATUS_UNSUPPORTED || status == STATUS_DENIED || status == STATUS_INVALID) {
        if (reterr != NULL) {
            *reterr = writer->failure;
        }
        writer_stop(writer);
        return status;
    }
    *ret = writer;
    return STATUS_OK;
}

void writer_stop(struct writer *writer)
{
    if (writer == NULL) {
        return;
    }
    pthread_join(writer->thread, NULL);
    writer_free(writer);
}

enum store_health writer_health(const struct writer *writer)
{
    return (enum store_health)atomic_load(&writer->health);
}

void writer_last_failure(struct writer *writer, struct failure *ret)
{
    pthread_mutex_lock(&writer->failure_lock);
    *ret = writer->failure;
    pthread_mutex_unlock(&writer->failure_lock);
}

bool writer_was_open(const struct writer *writer)
{
    return atomic_load(&writer->was_open);
}

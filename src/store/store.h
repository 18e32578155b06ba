/* SPDX-License-Identifier: MIT
 *
 * store.h - the embedded database: one SQLite file in the data directory, written by one thread.
 *
 * Work comes as jobs. Writing jobs that wait together share one transaction and one fsync (group
 * commit); one that fails takes nobody with it. Reading jobs run on reader threads, each on a
 * snapshot. It knows tables (schema.c) and no meanings: the SQL of an event or a task stands where
 * events and tasks are understood.
 *
 * "Failed" means "not acknowledged", not "absent": after an I/O error during the commit itself, or
 * a crash, what SQLite's recovery finds complete in the log may still appear. Writers of what must
 * not appear twice give it an id of their own.
 *
 * Any thread may call what is declared here, but for store_open and store_close. */
#ifndef AG_STORE_STORE_H
#define AG_STORE_STORE_H

#include "base/status.h"
#include "store/database.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

/* In the directory of the settings. */
#define STORE_FILE_NAME "store.db"

/* One piece of work. Embed it; it is owned by the store from store_write or store_read until done.
 */
struct store_job {
    struct store_job *next; /* the store's */
    /* On the store's thread. May look at nothing but the job and <database>. For a failure that
     * belongs to the job alone (not found, invalid) any status; what SQLite said goes through
     * database_status. Whatever a failed job wrote is undone.
     *
     * May run more than once before done: when a job of the group fails after it wrote something,
     * the group is rolled back and run again, each job in a savepoint. (Savepoints are not the rule
     * because each one costs time.) So it sets its results afresh, and
     * frees nothing it needs again. No CREATE (that is for migrations), no BEGIN, no deferred
     * constraints. Reading jobs must be short: a snapshot keeps the log from being reused. */
    enum status (*run)(struct store_job *job, struct database *database, struct failure *reterr);
    /* On the store's thread, exactly once: for a writing job after the commit is on disk, or when
     * it failed (see above). STATUS_LIMIT: the disk is full. STATUS_IO: the disk
     * or the database refuses. Takes the job. Must not block; it posts a letter, as a rule. */
    void (*done)(struct store_job *job, enum status status, const struct failure *failure);
    bool is_patient; /* nobody waits for it: the thread may rest meanwhile (base/pace.h) */
    size_t bytes; /* what it holds, counted against the queue's cap until done; must not change */
};

struct store_settings {
    const char *directory;  /* made with 0700 when missing */
    size_t queue_bytes_max; /* of jobs that wait to be written, and of those that wait to be read */
    unsigned readers_count; /* 1 to store_readers_max */
};

enum store_health {
    STORE_FINE = 0,
    STORE_FULL,    /* the last commit failed: no room on the disk */
    STORE_FAILING, /* the last commit failed otherwise, or the file cannot be opened */
};

enum {
    store_path_bytes_max = 4096,
    store_readers_max = 16,
};

/* The database file in <directory>, for programs that read beside a gateway (DATABASE_READER).
 * STATUS_INVALID when the name is empty or too long. */
enum status store_path(const char *directory, char ret_path[store_path_bytes_max],
                       struct failure *reterr) MUST_CHECK;

/* Main thread. Starts the threads. A file that cannot be opened is no failure: the store is
 * STORE_FAILING (or STORE_FULL), refuses every job with that, and tries again each second.
 * STATUS_NO_MEMORY or STATUS_IO when threads cannot be started; STATUS_UNSUPPORTED when the file
 * was written by a newer version; STATUS_DENIED when another process writes to this directory. */
enum status store_open(const struct store_settings *settings, struct store **ret,
                       struct failure *reterr) MUST_CHECK;

/* Main thread, when nobody posts jobs any more, but for done of a reading job, which may still post
 * writing ones: runs what waits, then ends the threads. Takes NULL. */
void store_close(struct store *store);

/* STATUS_OK: taken, and done will be called, never from inside this call. STATUS_LIMIT: the queue
 * is at its cap, nothing was taken. STATUS_CLOSED: the store is ending, nothing was taken. A job
 * that alone is larger than the cap is taken when nothing else waits. */
enum status store_write(struct store *store, struct store_job *take_job) MUST_CHECK;
enum status store_read(struct store *store, struct store_job *take_job) MUST_CHECK;

/* Becomes STORE_FINE by a successful commit only; while no jobs come, the store tries a small one
 * each second. */
enum store_health store_health(const struct store *store);

/* What the disk or SQLite said last; empty when it never failed. For the log. */
void store_last_failure(struct store *store, struct failure *ret);

/* Bytes of jobs that wait to be written, or are being written. */
size_t store_queue_bytes(const struct store *store);

struct store_counters {
    atomic_uint_fast64_t jobs_committed;
    atomic_uint_fast64_t jobs_failed; /* for the store's fault, not their own */
    atomic_uint_fast64_t commits;     /* of groups */
};

const struct store_counters *store_counters(const struct store *store);

#endif

/* SPDX-License-Identifier: MIT
 *
 * writer.h - the one thread that writes to the database: group commit, checkpoints, and getting
 * over a disk that is full or fails. */
#ifndef AG_STORE_WRITER_H
#define AG_STORE_WRITER_H

#include "store/job_queue.h"

struct writer;

enum {
    writer_group_jobs_max = 1024,
    writer_group_bytes_max = 8 * 1024 * 1024, /* the job that exceeds it is the last */
    writer_group_work_us = 50 * 1000,         /* then what is done is committed */
};

/* Main thread. Starts the thread and waits for its first attempt to open the database, which need
 * not succeed; STATUS_UNSUPPORTED and STATUS_DENIED as store_open says. <directory> and <queue> are
 * borrowed. */
enum status writer_start(const char *directory, struct job_queue *queue,
                         struct store_counters *counters, struct writer **ret,
                         struct failure *reterr) MUST_CHECK;

/* Main thread, after job_queue_end: the thread runs what waits. Takes NULL. */
void writer_stop(struct writer *writer);

/* ---- any thread ---- */

enum store_health writer_health(const struct writer *writer);
void writer_last_failure(struct writer *writer, struct failure *ret);

/* The database was open once, so that readers may try. */
bool writer_was_open(const struct writer *writer);

#endif

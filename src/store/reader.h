/* SPDX-License-Identifier: MIT
 *
 * reader.h - one thread that reads from the database, each job on a snapshot of its own. */
#ifndef AG_STORE_READER_H
#define AG_STORE_READER_H

#include "store/job_queue.h"
#include "store/writer.h"

#include <pthread.h>

struct reader {
    const char *path;        /* of the database; borrowed */
    struct job_queue *queue; /* borrowed; shared with other readers */
    struct writer *writer;   /* borrowed; asked whether there is a database, and why not */
    struct database *database;
    pthread_t thread;
};

/* Main thread. <reader> has its borrowed members set and stays where it is. */
enum status reader_start(struct reader *reader, struct failure *reterr) MUST_CHECK;

/* Main thread, after job_queue_end: the thread runs what waits. */
void reader_stop(struct reader *reader);

#endif

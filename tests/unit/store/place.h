/* SPDX-License-Identifier: MIT
 *
 * place.h - a directory for the files of one test, and jobs that are waited for. */
#ifndef AG_TESTS_STORE_PLACE_H
#define AG_TESTS_STORE_PLACE_H

#include "store/store.h"

#include <pthread.h>

struct place {
    char directory[96]; /* ends without a slash */
    char path[128];     /* of the database */
};

void place_make(struct place *place);
void place_remove(struct place *place); /* and all files in it */

/* Waits for <count> jobs at once. */
struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned count;
};

void gate_init(struct gate *gate);
void gate_pass(struct gate *gate);
void gate_await(struct gate *gate, unsigned count); /* takes them off the count; fails after 60 s */

/* Executes <sql> with one integer bound as ?1 where it has a parameter, and may then fail by
 * itself.
 */
struct sql_job {
    struct store_job job;
    const char *sql; /* lives for ever */
    int64_t number;
    enum status own_status; /* returned after the statement ran */
    struct gate *gate;      /* passed when done */
    struct gate *entered;   /* not NULL: passed when run */
    struct gate *hold;      /* not NULL: run waits for it */
    /* the outcome */
    unsigned runs;
    enum status status;
    struct failure failure;
    int64_t value; /* first column of the first row */
    unsigned done_count;
};

void sql_job_init(struct sql_job *job, const char *sql, int64_t number, struct gate *gate);

/* One job, waited for. */
enum status write_now(struct store *store, const char *sql, int64_t number);
enum status read_now(struct store *store, const char *sql, int64_t *ret);

struct store *store_at(const struct place *place);

#endif

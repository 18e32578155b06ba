/* SPDX-License-Identifier: MIT
 *
 * rest_test.c - the store's thread leaves the CPU to others in work that nobody waits for. The C
 * library's sleep is replaced by one that counts. */
#include "place.h"

#include <time.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { rows_count = 2000 };

static atomic_uint rests;

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *wanted,
                    struct timespec *ret_left)
{
    atomic_fetch_add(&rests, 1);
    return 0;
}

/* Writes some megabytes, in statements that are short. */
struct long_job {
    struct store_job job;
    struct gate *entered; /* not NULL: passed, and then <hold> is waited for */
    struct gate *hold;
    struct gate done;
    unsigned rests_in_run;
    unsigned rests_in_commit;
    enum status status;
};

static enum status long_run(struct store_job *job, struct database *database,
                            struct failure *reterr)
{
    static const char sql[] = "INSERT INTO rows(filler) VALUES (randomblob(2000))";
    struct long_job *long_job = (struct long_job *)job;
    enum status status = STATUS_OK;
    if (long_job->entered != NULL) {
        gate_pass(long_job->entered);
        gate_await(long_job->hold, 1);
    }
    atomic_store(&rests, 0);
    for (unsigned i = 0; i < rows_count && status == STATUS_OK; i++) {
        status = database_run(database, database_statement(database, sql), reterr);
    }
    long_job->rests_in_run = atomic_exchange(&rests, 0);
    return status;
}

static void long_done(struct store_job *job, enum status status, const struct failure *failure)
{
    struct long_job *long_job = (struct long_job *)job;
    long_job->status = status;
    long_job->rests_in_commit = atomic_exchange(&rests, 0);
    gate_pass(&long_job->done);
}

static void long_write(struct long_job *job, struct store *store)
{
    job->job.run = long_run;
    job->job.done = long_done;
    gate_init(&job->done);
    assert_int_equal(store_write(store, &job->job), STATUS_OK);
}

static struct store *store_with_rows(struct place *place)
{
    place_make(place);
    struct store *store = store_at(place);
    assert_int_equal(write_now(store, "CREATE TABLE rows(filler BLOB)", 0), STATUS_OK);
    return store;
}

/* Runs one such job in a store of its own. */
static struct long_job long_job_alone(bool is_patient)
{
    struct place place;
    struct store *store = store_with_rows(&place);
    struct long_job job = {.job.is_patient = is_patient};
    long_write(&job, store);
    gate_await(&job.done, 1);
    assert_int_equal(job.status, STATUS_OK);
    store_close(store);
    place_remove(&place);
    return job;
}

static void it_rests_in_statements_and_in_the_commit(void **state)
{
    struct long_job job = long_job_alone(true);
    assert_true(job.rests_in_run > 0);
    assert_true(job.rests_in_commit > 0);
}

static void it_does_not_when_somebody_waits_for_the_job(void **state)
{
    struct long_job job = long_job_alone(false);
    assert_int_equal(job.rests_in_run, 0);
    assert_int_equal(job.rests_in_commit, 0);
}

static void it_does_not_when_somebody_waits_for_the_next_one(void **state)
{
    struct place place;
    struct gate entered;
    struct gate hold;
    struct store *store = store_with_rows(&place);
    struct long_job job = {.job.is_patient = true, .entered = &entered, .hold = &hold};
    struct long_job next = {.job.is_patient = false};
    gate_init(&entered);
    gate_init(&hold);
    long_write(&job, store);
    gate_await(&entered, 1);
    long_write(&next, store);
    gate_pass(&hold);
    gate_await(&job.done, 1);
    gate_await(&next.done, 1);
    assert_int_equal(job.status, STATUS_OK);
    assert_int_equal(job.rests_in_run, 0);
    assert_int_equal(job.rests_in_commit, 0);
    store_close(store);
    place_remove(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_rests_in_statements_and_in_the_commit),
        cmocka_unit_test(it_does_not_when_somebody_waits_for_the_job),
        cmocka_unit_test(it_does_not_when_somebody_waits_for_the_next_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

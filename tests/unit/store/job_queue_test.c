/* SPDX-License-Identifier: MIT
 *
 * job_queue_test.c - order, caps, waiting and ending. */
#include "store/job_queue.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void jobs_come_in_order_up_to_the_caps_of_the_taker(void **state)
{
    struct job_queue queue;
    struct store_job jobs[5] = {{.bytes = 10}, {.bytes = 20}, {.bytes = 30}, {.bytes = 1}};
    struct store_job *taken[5];
    assert_int_equal(job_queue_init(&queue, 100, NULL), STATUS_OK);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(job_queue_put(&queue, &jobs[i]), STATUS_OK);
    }
    assert_int_equal(atomic_load(&queue.bytes), 61);
    assert_int_equal(job_queue_take(&queue, taken, 5, 25, 0), 2); /* the second exceeds 25 */
    assert_ptr_equal(taken[0], &jobs[0]);
    assert_ptr_equal(taken[1], &jobs[1]);
    assert_int_equal(atomic_load(&queue.bytes), 61); /* they count until released */
    assert_int_equal(job_queue_take(&queue, taken, 2, 1000, 0), 2);
    assert_ptr_equal(taken[0], &jobs[2]);
    assert_ptr_equal(taken[1], &jobs[3]);
    assert_int_equal(job_queue_take(&queue, taken, 5, 1000, 0), 1);
    assert_ptr_equal(taken[0], &jobs[4]);
    job_queue_release(&queue, 5, 61);
    assert_int_equal(atomic_load(&queue.bytes), 0);
    job_queue_clear(&queue);
}

static void the_cap_counts_what_is_taken_and_not_released(void **state)
{
    struct job_queue queue;
    struct store_job jobs[3] = {{.bytes = 60}, {.bytes = 41}, {.bytes = 1000}};
    struct store_job *taken[1];
    assert_int_equal(job_queue_init(&queue, 100, NULL), STATUS_OK);
    assert_int_equal(job_queue_put(&queue, &jobs[0]), STATUS_OK);
    assert_int_equal(job_queue_take(&queue, taken, 1, 1000, 0), 1);
    assert_int_equal(job_queue_put(&queue, &jobs[1]), STATUS_LIMIT);
    job_queue_release(&queue, 1, 60);
    assert_int_equal(job_queue_put(&queue, &jobs[1]), STATUS_OK);
    assert_int_equal(job_queue_put(&queue, &jobs[2]), STATUS_LIMIT);
    assert_int_equal(job_queue_take(&queue, taken, 1, 1000, 0), 1);
    job_queue_release(&queue, 1, 41);
    assert_int_equal(job_queue_put(&queue, &jobs[2]), STATUS_OK); /* larger than the cap, alone */
    assert_int_equal(job_queue_take(&queue, taken, 1, 1000, 0), 1);
    job_queue_release(&queue, 1, 1000);
    job_queue_clear(&queue);
}

static void it_says_whether_somebody_waits(void **state)
{
    struct job_queue queue;
    struct store_job jobs[3] = {{.is_patient = true}, {.is_patient = false}, {.is_patient = true}};
    struct store_job *taken[1];
    assert_int_equal(job_queue_init(&queue, 100, NULL), STATUS_OK);
    assert_int_equal(job_queue_put(&queue, &jobs[0]), STATUS_OK);
    assert_false(job_queue_is_hurried(&queue));
    assert_int_equal(job_queue_put(&queue, &jobs[1]), STATUS_OK);
    assert_true(job_queue_is_hurried(&queue));
    assert_int_equal(job_queue_take(&queue, taken, 1, 1000, 0), 1);
    assert_true(job_queue_is_hurried(&queue));
    assert_int_equal(job_queue_take(&queue, taken, 1, 1000, 0), 1);
    assert_false(job_queue_is_hurried(&queue)); /* what was taken waits no longer */
    assert_int_equal(job_queue_put(&queue, &jobs[2]), STATUS_OK);
    assert_false(job_queue_is_hurried(&queue));
    job_queue_end(&queue);
    assert_true(job_queue_is_hurried(&queue));
    assert_int_equal(job_queue_take(&queue, taken, 1, 1000, 0), 1);
    job_queue_release(&queue, 3, 0);
    job_queue_clear(&queue);
}

static void jobs_without_bytes_have_a_cap_too(void **state)
{
    struct job_queue queue;
    struct store_job *jobs = calloc(job_queue_jobs_max + 1, sizeof(*jobs));
    assert_non_null(jobs);
    assert_int_equal(job_queue_init(&queue, 100, NULL), STATUS_OK);
    for (size_t i = 0; i < job_queue_jobs_max; i++) {
        assert_int_equal(job_queue_put(&queue, &jobs[i]), STATUS_OK);
    }
    assert_int_equal(job_queue_put(&queue, &jobs[job_queue_jobs_max]), STATUS_LIMIT);
    job_queue_clear(&queue);
    free(jobs);
}

static void a_taker_waits_for_so_long_and_no_longer(void **state)
{
    struct job_queue queue;
    struct store_job *taken[1];
    assert_int_equal(job_queue_init(&queue, 100, NULL), STATUS_OK);
    uint64_t began_ms = clock_monotonic_ms();
    assert_int_equal(job_queue_take(&queue, taken, 1, 1, 30), 0);
    assert_true(clock_monotonic_ms() - began_ms >= 29);
    job_queue_clear(&queue);
}

static void *taker_run(void *argument)
{
    struct job_queue *queue = argument;
    struct store_job *taken[1];
    return job_queue_take(queue, taken, 1, 1, 60 * 1000) == 1 ? taken[0] : NULL;
}

static void a_job_and_the_end_wake_who_waits(void **state)
{
    struct job_queue queue;
    struct store_job job = {.bytes = 1};
    struct store_job late = {.bytes = 1};
    pthread_t thread;
    void *got = NULL;
    assert_int_equal(job_queue_init(&queue, 100, NULL), STATUS_OK);
    assert_int_equal(pthread_create(&thread, NULL, taker_run, &queue), 0);
    assert_int_equal(job_queue_put(&queue, &job), STATUS_OK);
    assert_int_equal(pthread_join(thread, &got), 0);
    assert_ptr_equal(got, &job);
    job_queue_release(&queue, 1, 1);

    assert_int_equal(pthread_create(&thread, NULL, taker_run, &queue), 0);
    assert_false(job_queue_is_over(&queue));
    job_queue_end(&queue);
    assert_int_equal(pthread_join(thread, &got), 0);
    assert_null(got);
    assert_true(job_queue_is_over(&queue));
    assert_int_equal(job_queue_put(&queue, &late), STATUS_CLOSED);
    job_queue_clear(&queue);
}

static void what_waits_at_the_end_can_be_taken(void **state)
{
    struct job_queue queue;
    struct store_job job = {.bytes = 1};
    struct store_job *taken[1];
    assert_int_equal(job_queue_init(&queue, 100, NULL), STATUS_OK);
    assert_int_equal(job_queue_put(&queue, &job), STATUS_OK);
    job_queue_end(&queue);
    assert_false(job_queue_is_over(&queue));
    assert_int_equal(job_queue_take(&queue, taken, 1, 1, 0), 1);
    assert_true(job_queue_is_over(&queue));
    job_queue_clear(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_come_in_order_up_to_the_caps_of_the_taker),
        cmocka_unit_test(the_cap_counts_what_is_taken_and_not_released),
        cmocka_unit_test(it_says_whether_somebody_waits),
        cmocka_unit_test(jobs_without_bytes_have_a_cap_too),
        cmocka_unit_test(a_taker_waits_for_so_long_and_no_longer),
        cmocka_unit_test(a_job_and_the_end_wake_who_waits),
        cmocka_unit_test(what_waits_at_the_end_can_be_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

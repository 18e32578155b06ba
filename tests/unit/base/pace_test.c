/* SPDX-License-Identifier: MIT
 *
 * pace_test.c - who rests, and when. The C library's sleep is replaced by one that counts. */
#include "base/pace.h"

#include "base/clock.h"

#include <pthread.h>
#include <time.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { points = 1000 };

static unsigned rests;

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *wanted,
                    struct timespec *ret_left)
{
    assert_int_equal(wanted->tv_sec, 0);
    assert_int_equal(wanted->tv_nsec, pace_rest_us * 1000);
    rests++;
    return 0;
}

struct worker {
    bool may;
    unsigned asked;
};

static bool may_rest(void *context)
{
    struct worker *worker = context;
    worker->asked++;
    return worker->may;
}

static void work_a_while(void)
{
    uint64_t began_us = clock_monotonic_us();
    while (clock_monotonic_us() - began_us < pace_work_us) {
    }
}

static void *without_pace(void *argument)
{
    for (unsigned i = 0; i < 10; i++) {
        work_a_while();
        pace_point();
    }
    return NULL;
}

static void a_thread_rests_when_it_has_worked_a_while(void **state)
{
    struct worker worker = {.may = true};
    struct pace pace = {.may_rest = may_rest, .context = &worker};
    pace_keep(&pace);
    rests = 0;
    for (unsigned i = 0; i < 10; i++) {
        work_a_while();
        pace_point();
        assert_int_equal(rests, i + 1);
    }
    for (unsigned i = 0; i < points; i++) {
        pace_point();
    }
    assert_true(worker.asked < 10 + points); /* not at each point */
    pace_keep(NULL);
}

static void it_goes_on_while_somebody_waits(void **state)
{
    struct worker worker = {.may = false};
    struct pace pace = {.may_rest = may_rest, .context = &worker};
    pace_keep(&pace);
    rests = 0;
    work_a_while();
    pace_point();
    assert_int_equal(worker.asked, 1);
    assert_int_equal(rests, 0);
    worker.may = true;
    work_a_while();
    pace_point();
    assert_int_equal(rests, 1);
    pace_keep(NULL);
}

static void another_thread_is_not_concerned(void **state)
{
    pthread_t thread;
    struct worker worker = {.may = true};
    struct pace pace = {.may_rest = may_rest, .context = &worker};
    pace_keep(&pace);
    rests = 0;
    assert_int_equal(pthread_create(&thread, NULL, without_pace, NULL), 0);
    pthread_join(thread, NULL);
    assert_int_equal(rests, 0);
    pace_keep(NULL);
    without_pace(NULL);
    assert_int_equal(rests, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_rests_when_it_has_worked_a_while),
        cmocka_unit_test(it_goes_on_while_somebody_waits),
        cmocka_unit_test(another_thread_is_not_concerned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

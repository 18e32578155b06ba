/* SPDX-License-Identifier: MIT
 *
 * clock_test.c - the two clocks agree with the kernel's and never go back. */
#include "base/clock.h"

#include <time.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void the_monotonic_clock_never_goes_back(void **state)
{
    uint64_t last_us = clock_monotonic_us();
    for (size_t i = 0; i < 100000; i++) {
        uint64_t now_us = clock_monotonic_us();
        assert_true(now_us >= last_us);
        last_us = now_us;
    }
}

static void its_two_units_are_one_clock(void **state)
{
    uint64_t before_us = clock_monotonic_us();
    uint64_t now_ms = clock_monotonic_ms();
    uint64_t after_us = clock_monotonic_us();
    assert_true(now_ms >= before_us / 1000 && now_ms <= after_us / 1000);
}

static void it_moves_with_time(void **state)
{
    const struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};
    uint64_t before_us = clock_monotonic_us();
    nanosleep(&pause, NULL);
    assert_true(clock_monotonic_us() - before_us >= 19000);
}

static void the_wall_clock_is_the_kernels(void **state)
{
    int64_t before_s = (int64_t)time(NULL) - 1; /* time() may read a coarser clock */
    int64_t now_s = clock_wall_s();
    int64_t now_us = clock_wall_us();
    int64_t after_s = (int64_t)time(NULL) + 1;
    assert_true(now_s >= before_s && now_s <= after_s);
    assert_true(now_us / 1000000 >= now_s && now_us / 1000000 <= after_s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_monotonic_clock_never_goes_back),
        cmocka_unit_test(its_two_units_are_one_clock),
        cmocka_unit_test(it_moves_with_time),
        cmocka_unit_test(the_wall_clock_is_the_kernels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

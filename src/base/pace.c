/* SPDX-License-Identifier: MIT
 *
 * pace.c - counts a thread's time since its last rest. */
#include "base/pace.h"

#include "base/clock.h"

#include <stddef.h>
#include <time.h>

static _Thread_local const struct pace *kept;
static _Thread_local uint64_t began_us;

void pace_keep(const struct pace *pace)
{
    kept = pace;
    pace_begin();
}

void pace_begin(void)
{
    began_us = clock_monotonic_us();
}

void pace_point(void)
{
    static const struct timespec rest = {.tv_nsec = pace_rest_us * 1000};
    if (kept == NULL || clock_monotonic_us() - began_us < pace_work_us) {
        return;
    }
    if (kept->may_rest(kept->context)) {
        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &rest, NULL);
    }
    pace_begin();
}

/* SPDX-License-Identifier: MIT
 *
 * clock.c - the kernel's clocks. */
#include "base/clock.h"

#include <time.h>

static uint64_t clock_read_us(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now); /* cannot fail for these clocks */
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t clock_monotonic_ms(void)
{
    return clock_read_us(CLOCK_MONOTONIC) / 1000;
}

uint64_t clock_monotonic_us(void)
{
    return clock_read_us(CLOCK_MONOTONIC);
}

int64_t clock_wall_s(void)
{
    return clock_wall_us() / 1000000;
}

int64_t clock_wall_us(void)
{
    return (int64_t)clock_read_us(CLOCK_REALTIME);
}

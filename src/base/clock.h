/* SPDX-License-Identifier: MIT
 *
 * clock.h - the two clocks, kept apart: monotonic for every timeout, wall only for token times,
 * dates and log lines. Any thread. */
#ifndef AG_BASE_CLOCK_H
#define AG_BASE_CLOCK_H

#include <stdint.h>

/* Milliseconds since some fixed point; never goes back. */
uint64_t clock_monotonic_ms(void);
uint64_t clock_monotonic_us(void);

/* Seconds, and microseconds, since 1970-01-01 UTC. */
int64_t clock_wall_s(void);
int64_t clock_wall_us(void);

#endif

/* SPDX-License-Identifier: MIT
 *
 * arena.h - memory that lives as long as one request and goes at once.
 *
 * Nothing taken from an arena is freed singly. Over its maximum an allocation gives NULL. Owner's
 * thread only. */
#ifndef AG_BASE_ARENA_H
#define AG_BASE_ARENA_H

#include "base/slice.h"
#include "base/status.h"

struct arena_block;

struct arena {
    struct arena_block *blocks; /* newest first */
    size_t used;                /* bytes handed out of the newest block */
    size_t total;               /* bytes taken from the allocator */
    size_t maximum;             /* <total> never exceeds this */
};

/* No memory is taken before the first allocation. */
void arena_init(struct arena *arena, size_t maximum);

/* Frees everything; the arena is as after arena_init. */
void arena_clear(struct arena *arena);

/* <size> bytes, aligned for any type, not zeroed; NULL over the maximum or without memory. */
void *arena_allocate(struct arena *arena, size_t size) MUST_CHECK;

/* As arena_allocate for <count> zeroed elements; NULL when the product overflows. */
void *arena_allocate_zeroed(struct arena *arena, size_t count, size_t size) MUST_CHECK;

/* A copy of <text>, with a NUL behind it that its length does not count. False without memory. */
bool arena_copy(struct arena *arena, struct slice text, struct slice *ret) MUST_CHECK;

#endif

/* SPDX-License-Identifier: MIT
 *
 * arena.c - a list of blocks, each twice the size of the one before, and a mark in the newest. */
#include "base/arena.h"

#include <stdlib.h>

enum {
    arena_first_block_bytes = 4096, /* an ordinary request fits; an open stream holds no more */
    arena_block_bytes_max = 65536,
};

struct arena_block {
    struct arena_block *next;
    size_t size; /* of <bytes> */
    _Alignas(max_align_t) char bytes[];
};

void arena_init(struct arena *arena, size_t maximum)
{
    *arena = (struct arena){.maximum = maximum};
}

void arena_clear(struct arena *arena)
{
    struct arena_block *block = arena->blocks;
    while (block != NULL) {
        struct arena_block *next = block->next;
        free(block);
        block = next;
    }
    arena_init(arena, arena->maximum);
}

static bool arena_grow(struct arena *arena, size_t size)
{
    size_t room = arena->blocks == NULL ? arena_first_block_bytes - sizeof(struct arena_block)
                                        : arena->blocks->size * 2;
    if (room > arena_block_bytes_max) {
        room = arena_block_bytes_max;
    }
    if (room < size) {
        room = size;
    }
    if (room > SIZE_MAX - sizeof(struct arena_block) || arena->total > arena->maximum) {
        return false;
    }
    size_t left = arena->maximum - arena->total;
    if (room > left) {
        room = left; /* the last block is as large as the maximum lets it be */
    }
    if (room < size) {
        return false;
    }
    struct arena_block *block = malloc(sizeof(*block) + room);
    if (block == NULL) {
        return false;
    }
    block->next = arena->blocks;
    block->size = room;
    arena->blocks = block;
    arena->used = 0;
    arena->total += room;
    return true;
}

void *arena_allocate(struct arena *arena, size_t size)
{
    const size_t alignment = _Alignof(max_align_t);
    if (size > SIZE_MAX - alignment) {
        return NULL;
    }
    size_t rounded = (size + alignment - 1) / alignment * alignment;
    if (arena->blocks == NULL || arena->blocks->size - arena->used < rounded) {
        if (!arena_grow(arena, rounded)) {
            return NULL;
        }
    }
    void *memory = arena->blocks->bytes + arena->used;
    arena->used += rounded;
    return memory;
}

void *arena_allocate_zeroed(struct arena *arena, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total)) {
        return NULL;
    }
    void *memory = arena_allocate(arena, total);
    if (memory != NULL) {
        memset(memory, 0, total);
    }
    return memory;
}

bool arena_copy(struct arena *arena, struct slice text, struct slice *ret)
{
    if (text.length == SIZE_MAX) {
        return false;
    }
    char *copy = arena_allocate(arena, text.length + 1);
    if (copy == NULL) {
        return false;
    }
    if (text.length > 0) {
        memcpy(copy, text.data, text.length);
    }
    copy[text.length] = '\0';
    *ret = slice_make(copy, text.length);
    return true;
}

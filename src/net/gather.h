/* SPDX-License-Identifier: MIT
 *
 * gather.h - the pieces of one write, collected during one event and sent with one system call.
 *
 * Each worker has one. It belongs to one connection from the first piece until that connection
 * takes the pieces, which happens before the event's handler returns; the pieces point into bytes
 * that are valid until then. Owning worker only. */
#ifndef AG_NET_GATHER_H
#define AG_NET_GATHER_H

#include "base/slice.h"

#include <assert.h>
#include <sys/uio.h>

enum {
    gather_pieces_max = 64,
    gather_text_max = 512 * 1024, /* heads and chunk lines written by us */
};

struct gather {
    const void *owner; /* NULL while empty */
    size_t count;
    size_t text_used;
    struct iovec pieces[gather_pieces_max];
    char text[gather_text_max];
};

static inline bool gather_is_full(const struct gather *gather)
{
    return gather->count + 4 > gather_pieces_max;
}

static inline void gather_add(struct gather *gather, const void *owner, struct slice bytes)
{
    assert(gather->owner == NULL || gather->owner == owner);
    assert(gather->count < gather_pieces_max);
    gather->owner = owner;
    gather->pieces[gather->count++] =
        (struct iovec){.iov_base = (void *)(uintptr_t)bytes.data, .iov_len = bytes.length};
}

static inline void gather_reset(struct gather *gather)
{
    gather->owner = NULL;
    gather->count = 0;
    gather->text_used = 0;
}

#endif

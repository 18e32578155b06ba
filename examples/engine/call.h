/* SPDX-License-Identifier: MIT
 *
 * call.h - what a client asks for: the head and the body of one request, until it is answered.
 *
 * All slices taken from it live as long as the call: they point into its arena or its body. Owning
 * worker only. */
#ifndef AG_ENGINE_CALL_H
#define AG_ENGINE_CALL_H

#include "base/buffer.h"
#include "http/head.h"

enum {
    call_body_bytes_max = 32 * 1024 * 1024,
    /* The head, its fields, and the texts of the body twice: without their escapes, and joined. */
    call_arena_bytes_max = 2 * call_body_bytes_max + 1024 * 1024,
};

struct call {
    struct arena arena;
    struct request_head head;
    struct buffer body;
    uint64_t began_us; /* when the head was complete */
};

void call_init(struct call *call);

/* Gives everything back; the call is as after call_init. */
void call_clear(struct call *call);

/* The value of the first field called <name>, case ignored; empty when there is none. */
struct slice call_field(const struct call *call, struct slice name);

#endif

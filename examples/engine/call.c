/* SPDX-License-Identifier: MIT
 *
 * call.c - see call.h. */
#include "call.h"

void call_init(struct call *call)
{
    *call = (struct call){0};
    arena_init(&call->arena, call_arena_bytes_max);
    buffer_init(&call->body, call_body_bytes_max);
}

void call_clear(struct call *call)
{
    arena_clear(&call->arena);
    buffer_clear(&call->body);
    call_init(call);
}

struct slice call_field(const struct call *call, struct slice name)
{
    for (size_t i = 0; i < call->head.fields_count; i++) {
        if (slice_equals_ignoring_case(call->head.fields[i].name, name)) {
            return call->head.fields[i].value;
        }
    }
    return (struct slice){0};
}

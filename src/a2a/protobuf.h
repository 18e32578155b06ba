/* SPDX-License-Identifier: MIT
 *
 * protobuf.h - the wire format of Protocol Buffers, as far as unary calls need it.
 *
 * Writes fields into a struct buffer and walks the fields of a message that came from outside. It
 * knows no schema: callers name fields by number. Groups (wire types 3 and 4) are refused, and
 * nothing here recurses: a nested message is a new walk. Any thread. */
#ifndef AG_A2A_PROTOBUF_H
#define AG_A2A_PROTOBUF_H

#include "base/buffer.h"

enum {
    protobuf_field_number_max = 536870911, /* 2^29 - 1 */
    protobuf_varint_bytes_max = 10,
};

enum protobuf_wire {
    PROTOBUF_VARINT = 0,
    PROTOBUF_FIXED64 = 1,
    PROTOBUF_BYTES = 2, /* strings, bytes, nested messages, map entries */
    PROTOBUF_FIXED32 = 5,
};

/* Zero and false are written too; leave the call out for proto3's "not set". */
void protobuf_write_uint(struct buffer *buffer, uint32_t field, uint64_t value);
void protobuf_write_bytes(struct buffer *buffer, uint32_t field, struct slice bytes);

/* What is written between the two is the nested message <field>. <mark> is what begin returned. */
size_t protobuf_begin(struct buffer *buffer, uint32_t field) MUST_CHECK;
void protobuf_end(struct buffer *buffer, size_t mark);

struct protobuf_field {
    uint32_t number; /* 1 .. protobuf_field_number_max */
    enum protobuf_wire wire;
    uint64_t value;     /* of all but PROTOBUF_BYTES */
    struct slice bytes; /* of PROTOBUF_BYTES; points into the message */
};

/* A walk over the fields of a message. <failed> says that the walk ended before the message did. */
struct protobuf_walk {
    struct slice rest;
    bool failed;
};

struct protobuf_walk protobuf_walk_begin(struct slice message);

/* False at the end and at the first byte that is not right: check <failed> after the loop. */
bool protobuf_walk_next(struct protobuf_walk *walk, struct protobuf_field *ret);

/* The last field <number> of that wire type; fields of other types are as unknown as other numbers.
 * False when there is none, or when the message is broken anywhere. */
bool protobuf_find_bytes(struct slice message, uint32_t number, struct slice *ret);
bool protobuf_find_uint(struct slice message, uint32_t number, uint64_t *ret);

/* True when the whole message can be walked. Nested messages are not looked into. */
bool protobuf_is_sound(struct slice message);

#endif

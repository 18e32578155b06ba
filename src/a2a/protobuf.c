/* SPDX-License-Identifier: MIT
 *
 * protobuf.c - varints, tags and lengths, written and read. Any thread. */
#include "a2a/protobuf.h"

#include <assert.h>

enum { tag_varint_bytes_max = 5 };

/* --- writing --- */

static size_t varint_encode(uint64_t value, char *ret_bytes)
{
    size_t count = 0;
    while (value >= 0x80) {
        ret_bytes[count++] = (char)((value & 0x7f) | 0x80);
        value >>= 7;
    }
    ret_bytes[count++] = (char)value;
    return count;
}

static void write_varint(struct buffer *buffer, uint64_t value)
{
    char bytes[protobuf_varint_bytes_max];
    buffer_append(buffer, slice_make(bytes, varint_encode(value, bytes)));
}

static void write_tag(struct buffer *buffer, uint32_t field, enum protobuf_wire wire)
{
    assert(field >= 1 && field <= protobuf_field_number_max);
    write_varint(buffer, (uint64_t)field << 3 | (uint64_t)wire);
}

void protobuf_write_uint(struct buffer *buffer, uint32_t field, uint64_t value)
{
    write_tag(buffer, field, PROTOBUF_VARINT);
    write_varint(buffer, value);
}

void protobuf_write_bytes(struct buffer *buffer, uint32_t field, struct slice bytes)
{
    write_tag(buffer, field, PROTOBUF_BYTES);
    write_varint(buffer, bytes.length);
    buffer_append(buffer, bytes);
}

size_t protobuf_begin(struct buffer *buffer, uint32_t field)
{
    write_tag(buffer, field, PROTOBUF_BYTES);
    return buffer->length;
}

/* The length has to stand before bytes that are there already: they move. Lengths have one spelling
 * that way, the shortest, and nobody has to know sizes beforehand. */
void protobuf_end(struct buffer *buffer, size_t mark)
{
    char bytes[protobuf_varint_bytes_max];
    if (buffer->failed) {
        return;
    }
    assert(mark <= buffer->length);
    size_t length = buffer->length - mark;
    size_t count = varint_encode(length, bytes);
    if (buffer_reserve(buffer, count) == NULL) {
        return;
    }
    memmove(buffer->data + mark + count, buffer->data + mark, length);
    memcpy(buffer->data + mark, bytes, count);
    buffer->length += count;
}

/* --- reading --- */

/* Refused: more than <bytes_max> bytes, or bits beyond the 64th. Longer spellings than needed are
 * not: other writers pad lengths. */
static bool read_varint(struct slice *rest, size_t bytes_max, uint64_t *ret)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes_max && i < rest->length; i++) {
        unsigned char byte = (unsigned char)rest->data[i];
        if (i == protobuf_varint_bytes_max - 1 && byte > 1) {
            return false;
        }
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            *rest = slice_after(*rest, i + 1);
            *ret = value;
            return true;
        }
    }
    return false;
}

static bool read_fixed(struct slice *rest, size_t count, uint64_t *ret)
{
    uint64_t value = 0;
    if (rest->length < count) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        value |= (uint64_t)(unsigned char)rest->data[i] << (8 * i);
    }
    *rest = slice_after(*rest, count);
    *ret = value;
    return true;
}

static bool read_bytes(struct slice *rest, struct slice *ret)
{
    uint64_t length;
    if (!read_varint(rest, protobuf_varint_bytes_max, &length) || length > rest->length) {
        return false;
    }
    *ret = slice_make(rest->data, (size_t)length);
    *rest = slice_after(*rest, (size_t)length);
    return true;
}

static bool read_field(struct slice *rest, struct protobuf_field *ret)
{
    struct protobuf_field field = {0};
    uint64_t tag;
    if (!read_varint(rest, tag_varint_bytes_max, &tag) || tag > UINT32_MAX || tag >> 3 == 0) {
        return false;
    }
    field.number = (uint32_t)(tag >> 3);
    bool read = false;
    switch (tag & 7) {
    case PROTOBUF_VARINT:
        field.wire = PROTOBUF_VARINT;
        read = read_varint(rest, protobuf_varint_bytes_max, &field.value);
        break;
    case PROTOBUF_FIXED64:
        field.wire = PROTOBUF_FIXED64;
        read = read_fixed(rest, 8, &field.value);
        break;
    case PROTOBUF_BYTES:
        field.wire = PROTOBUF_BYTES;
        read = read_bytes(rest, &field.bytes);
        break;
    case PROTOBUF_FIXED32:
        field.wire = PROTOBUF_FIXED32;
        read = read_fixed(rest, 4, &field.value);
        break;
    }
    if (read) {
        *ret = field;
    }
    return read;
}

struct protobuf_walk protobuf_walk_begin(struct slice message)
{
    return (struct protobuf_walk){.rest = message};
}

bool protobuf_walk_next(struct protobuf_walk *walk, struct protobuf_field *ret)
{
    if (walk->failed || walk->rest.length == 0) {
        return false;
    }
    walk->failed = !read_field(&walk->rest, ret);
    return !walk->failed;
}

static bool find_field(struct slice message, uint32_t number, enum protobuf_wire wire,
                       struct protobuf_field *ret)
{
    struct protobuf_walk walk = protobuf_walk_begin(message);
    struct protobuf_field field;
    struct protobuf_field last = {0};
    while (protobuf_walk_next(&walk, &field)) {
        if (field.number == number && field.wire == wire) {
            last = field;
        }
    }
    if (walk.failed || last.number == 0) {
        return false;
    }
    *ret = last;
    return true;
}

bool protobuf_find_bytes(struct slice message, uint32_t number, struct slice *ret)
{
    struct protobuf_field field;
    if (!find_field(message, number, PROTOBUF_BYTES, &field)) {
        return false;
    }
    *ret = field.bytes;
    return true;
}

bool protobuf_find_uint(struct slice message, uint32_t number, uint64_t *ret)
{
    struct protobuf_field field;
    if (!find_field(message, number, PROTOBUF_VARINT, &field)) {
        return false;
    }
    *ret = field.value;
    return true;
}

bool protobuf_is_sound(struct slice message)
{
    struct protobuf_walk walk = protobuf_walk_begin(message);
    struct protobuf_field field;
    while (protobuf_walk_next(&walk, &field)) {
    }
    return !walk.failed;
}

/* SPDX-License-Identifier: MIT
 *
 * buffer.h - bytes that grow up to a stated maximum.
 *
 * Appending never returns an error: the first one that does not fit, or for which there is no
 * memory, sets <failed>, and all later ones do nothing. Check <failed> once, before the bytes are
 * used. Owner's thread only. */
#ifndef AG_BASE_BUFFER_H
#define AG_BASE_BUFFER_H

#include "base/slice.h"
#include "base/status.h"

struct buffer {
    char *data;      /* NULL while empty */
    size_t length;   /* bytes in use */
    size_t capacity; /* bytes allocated */
    size_t maximum;  /* capacity never exceeds this */
    bool failed;     /* sticky */
};

/* No memory is taken before the first append. */
void buffer_init(struct buffer *buffer, size_t maximum);

/* Gives the memory back; the buffer is as after buffer_init. */
void buffer_clear(struct buffer *buffer);

/* Forgets the content and <failed>, keeps the memory. */
void buffer_reset(struct buffer *buffer);

/* Makes room for <count> more bytes and returns where they go, or NULL (then <failed> is set). The
 * caller writes there and adds what it wrote to <length>. */
char *buffer_reserve(struct buffer *buffer, size_t count) MUST_CHECK;

void buffer_append(struct buffer *buffer, struct slice bytes);
void buffer_append_string(struct buffer *buffer, const char *text);
void buffer_append_byte(struct buffer *buffer, char byte);
void buffer_append_uint(struct buffer *buffer, uint64_t number);
void buffer_append_format(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Appends <text> as a JSON string with its quotes (RFC 8259 7). Control bytes are escaped; bytes
 * that are not UTF-8 become U+FFFD, so that the result is always valid JSON. */
void buffer_append_json_string(struct buffer *buffer, struct slice text);

/* Drops the first <count> bytes. */
void buffer_consume(struct buffer *buffer, size_t count);

static inline struct slice buffer_slice(const struct buffer *buffer)
{
    return (struct slice){buffer->data, buffer->length};
}

#endif

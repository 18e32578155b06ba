/* SPDX-License-Identifier: MIT
 *
 * framing.h - where a request's head ends and where a reply ends.
 *
 * Just enough HTTP/1.1 for traffic that is known to be well-formed: a length or chunks, nothing
 * else. It is no parser to stand in front of strangers; the gateway has one of its own. */
#ifndef AG_BENCH_FRAMING_H
#define AG_BENCH_FRAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { framing_head_bytes_max = 8192 };

/* Bytes up to and including the empty line; 0 while that has not come. */
size_t framing_head_length(const char *bytes, size_t length);

/* The value of the field <name> (lower case) of a head; NULL when it has none. */
const char *framing_field(const char *head, size_t head_length, const char *name,
                          size_t *ret_length);

/* What Content-Length says; 0 when the head has none. */
uint64_t framing_content_length(const char *head, size_t head_length);

enum reply_state {
    REPLY_HEAD,
    REPLY_BODY_LENGTH,
    REPLY_CHUNK_SIZE, /* up to the end of the size line */
    REPLY_CHUNK_DATA,
    REPLY_CHUNK_END, /* the line end after the data */
    REPLY_LAST_LINE, /* the empty line after the last chunk */
    REPLY_OVER,
};

/* Zero it before each reply. */
struct reply {
    enum reply_state state;
    unsigned status;
    uint64_t left;       /* of the body, or of the chunk */
    uint64_t body_bytes; /* seen so far */
    size_t head_used;
    char head[framing_head_bytes_max];
};

/* Begins anew, without touching the head's room. */
void reply_reset(struct reply *reply);

/* Takes bytes of a reply in any pieces. Returns how many belonged to it; all of them until
 * state is REPLY_OVER. */
size_t reply_feed(struct reply *reply, const char *bytes, size_t length);

#endif

/* SPDX-License-Identifier: MIT
 *
 * splitter_ndjson.h - cuts a stream into lines, as in newline-delimited JSON.
 *
 * Fed any split of the input it gives the same lines. A line that lies whole in one input is a
 * slice of it; only what is begun and not ended is kept, up to the cap. It does not look at what a
 * line says. Owner's thread only. */
#ifndef AG_HTTP_SPLITTER_NDJSON_H
#define AG_HTTP_SPLITTER_NDJSON_H

#include "base/buffer.h"

enum splitter_result {
    SPLITTER_MORE,     /* the input is used up */
    SPLITTER_PIECE,    /* a line, or an event */
    SPLITTER_TOO_LONG, /* one went by that was longer than the cap, or found no memory */
};

struct splitter_ndjson {
    struct buffer line; /* begun in earlier inputs; its maximum is the cap */
    bool is_too_long;   /* the line being read: its rest is dropped */
    bool is_given;      /* <line> is with the caller until the next call */
};

void splitter_ndjson_init(struct splitter_ndjson *splitter, size_t line_bytes_max);
void splitter_ndjson_clear(struct splitter_ndjson *splitter);

/* Reads from the front of *input and advances it, to the end of the first line that is not empty.
 * *ret_line is that line without LF or CRLF, valid until the next call and as long as the input. */
enum splitter_result splitter_ndjson_next(struct splitter_ndjson *splitter, struct slice *input,
                                          struct slice *ret_line) MUST_CHECK;

/* At the end of the stream: the last line, when no LF ended it. */
enum splitter_result splitter_ndjson_end(struct splitter_ndjson *splitter,
                                         struct slice *ret_line) MUST_CHECK;

/* Forgets what <buffer> holds, and gives memory back that only an exceptional piece needed. */
void splitter_buffer_reset(struct buffer *buffer);

#endif

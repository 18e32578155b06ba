/* SPDX-License-Identifier: MIT
 *
 * splitter_sse.h - cuts a text/event-stream into the data of its events (WHATWG HTML 9.2.6).
 *
 * Fed any split of the input it gives the same events. Lines end with LF, CRLF or CR; data lines of
 * one event are joined with LF; comments, names, ids and retry times are passed over. An event of
 * one data line that lies whole in one input is a slice of it. Owner's thread only. */
#ifndef AG_HTTP_SPLITTER_SSE_H
#define AG_HTTP_SPLITTER_SSE_H

#include "http/splitter_ndjson.h"

struct splitter_sse {
    struct buffer line;   /* begun in earlier inputs; its maximum is the cap */
    struct buffer data;   /* of the event being read */
    bool has_data;        /* a data line was seen, if only an empty one */
    bool is_too_long;     /* a line of this event, or its data, is over the cap */
    bool is_line_dropped; /* the line being read is over the cap: its rest is passed over */
    bool is_given;        /* <data> is with the caller until the next call */
    bool is_after_cr;     /* a LF now belongs to the line end before */
    bool is_begun;        /* the first line is over, where a byte order mark may stand */
};

/* <event_bytes_max> caps each line, and the data of an event. */
void splitter_sse_init(struct splitter_sse *splitter, size_t event_bytes_max);
void splitter_sse_clear(struct splitter_sse *splitter);

/* Reads from the front of *input and advances it, to the end of the first event that has data.
 * *ret_data is valid until the next call and as long as the input. SPLITTER_TOO_LONG stands in the
 * place of an event that was longer than the cap. */
enum splitter_result splitter_sse_next(struct splitter_sse *splitter, struct slice *input,
                                       struct slice *ret_data) MUST_CHECK;

/* At the end of the stream: the last event, when no empty line ended it. A browser drops that one;
 * whoever must know whether it is whole has to look at its data. */
enum splitter_result splitter_sse_end(struct splitter_sse *splitter,
                                      struct slice *ret_data) MUST_CHECK;

#endif

/* SPDX-License-Identifier: MIT
 *
 * fake_codec.h - a second codec, which is no HTTP and writes down what it is told.
 *
 * Whatever runs with it knows nothing of HTTP/1.1 on the wire. It works with and without a socket:
 * a connection without one is in CONNECTION_CLOSED, and nothing is sent. On a real
 * one a request is a head on one line, with '|' where a head has CRLF; the reply is its bare body.
 *
 * The bytes of a reply are looked at when they are flushed, not before, so that a piece that does
 * not live that long shows under AddressSanitizer. One test thread only. */
#ifndef AG_TESTS_UNIT_GATEWAY_FAKE_CODEC_H
#define AG_TESTS_UNIT_GATEWAY_FAKE_CODEC_H

#include "gateway/request.h"

enum { fake_codec_pieces_max = 256 };

/* Since fake_codec_forget. Both texts are NUL-terminated once something is in them. */
struct fake_codec_seen {
    struct buffer calls;  /* "head body end flush over ", in their order */
    struct buffer fields; /* of the last reply head, a line "name: value" each */
    struct buffer body;   /* of all replies, as far as it was flushed */
    unsigned status;
    bool has_length;
    uint64_t length;
    bool has_body;
    struct slice pending[fake_codec_pieces_max];
    size_t pending_count;
};

extern const struct codec fake_codec;
extern struct fake_codec_seen fake_codec_seen;

/* Before a test, and after it: gives the memory back. */
void fake_codec_forget(void);

/* The calls so far, the fields, the body, as strings. */
const char *fake_codec_calls(void);
const char *fake_codec_fields(void);
const char *fake_codec_body(void);

/* How often "name: value" is among the fields; <line> as one of them. */
size_t fake_codec_count(const char *line);

#endif

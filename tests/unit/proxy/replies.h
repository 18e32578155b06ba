/* SPDX-License-Identifier: MIT
 *
 * replies.h - what engines answer, good and bad, and what a call's caller then hears. */
#ifndef AG_TESTS_UNIT_PROXY_REPLIES_H
#define AG_TESTS_UNIT_PROXY_REPLIES_H

#include "base/buffer.h"

#define H "HTTP/1.1 200 OK\r\n"
#define OK_REPLY H "Content-Length: 2\r\n\r\nok"

enum reply_end { REPLY_STAYS, REPLY_CLOSES };

struct reply {
    const char *method;
    enum reply_end end;
    bool is_kept; /* the connection, afterwards */
    struct slice text;
    const char *log; /* for a failure: how it begins */
    struct slice body;
};

extern const struct reply replies[];
extern const size_t replies_count;

/* A head of <fields> fields of <size> bytes each and a body of <body_bytes>. */
struct buffer large_reply(size_t fields, size_t size, size_t body_bytes);

#endif

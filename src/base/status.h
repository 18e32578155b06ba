/* SPDX-License-Identifier: MIT
 *
 * status.h - how functions say that something went wrong.
 *
 * A function with more than one way to fail returns enum status and writes one sentence for a
 * person into <reterr>. On success <reterr> is untouched, on failure every ret_ parameter is. Any
 * thread. */
#ifndef AG_BASE_STATUS_H
#define AG_BASE_STATUS_H

enum status {
    STATUS_OK = 0,
    STATUS_INVALID = -1,   /* the input breaks its own rules */
    STATUS_LIMIT = -2,     /* a cap named in options.def or by a constant is reached */
    STATUS_NO_MEMORY = -3, /* the allocator refused */
    STATUS_IO = -4,        /* the operating system or the network refused */
    STATUS_AGAIN = -5,     /* not now: wait for readiness */
    STATUS_CLOSED = -6,    /* the other side is gone */
    STATUS_TIMEOUT = -7,
    STATUS_NOT_FOUND = -8,
    STATUS_DENIED = -9,
    STATUS_UNSUPPORTED = -10,
};

struct failure {
    char text[240];
};

#define MUST_CHECK __attribute__((warn_unused_result))

/* Writes the sentence; NULL <failure> is allowed and ignored. Cuts at the size of the text. */
void failure_set(struct failure *failure, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* "invalid", "limit", ... for logs. */
const char *status_name(enum status status);

#endif

/* SPDX-License-Identifier: MIT
 *
 * head_scan.c - finds the end of a message head that arrives in pieces.
 *
 * It looks for line ends and nothing else: what the lines say is request_head.c's and
 * response_head.c's business. What it answers depends on the bytes alone, never on how they were
 * split. Any thread. */
#include "http/head.h"

static enum head_progress head_scan_refuse(unsigned status, const char *why, unsigned *ret_status,
                                           struct failure *reterr)
{
    *ret_status = status;
    failure_set(reterr, "%s", why);
    return HEAD_REFUSED;
}

static size_t add_saturating(size_t a, size_t b)
{
    size_t sum;
    return __builtin_add_overflow(a, b, &sum) ? SIZE_MAX : sum;
}

/* One past the last byte that the line being looked at may have, its CRLF included; <ret_status> is
 * the answer to one that goes further. Bytes behind it are not looked at, so a NUL there cannot
 * change the answer. */
static size_t head_scan_line_limit(const struct head_scan *scan, const struct head_limits *limits,
                                   unsigned *ret_status)
{
    size_t head_limit = add_saturating(scan->skipped, limits->head_bytes_max);
    size_t line_limit = add_saturating(scan->line_start + 2, limits->first_line_bytes_max);
    if (scan->lines == 0 && line_limit <= head_limit) {
        *ret_status = 414;
        return line_limit;
    }
    *ret_status = 431;
    return head_limit;
}

enum head_progress head_scan(struct head_scan *scan, struct slice bytes,
                             const struct head_limits *limits, size_t *ret_end,
                             unsigned *ret_status, struct failure *reterr)
{
    for (;;) {
        unsigned limit_status;
        size_t limit = head_scan_line_limit(scan, limits, &limit_status);
        size_t end = bytes.length < limit ? bytes.length : limit;
        size_t fresh = end > scan->scanned ? end - scan->scanned : 0;
        const char *line_feed = fresh == 0 ? NULL : memchr(bytes.data + scan->scanned, '\n', fresh);
        if (line_feed != NULL) {
            fresh = (size_t)(line_feed - bytes.data) - scan->scanned;
        }
        if (fresh > 0 && memchr(bytes.data + scan->scanned, '\0', fresh) != NULL) {
            return head_scan_refuse(400, "NUL in the head", ret_status, reterr);
        }
        scan->scanned += fresh;
        if (line_feed == NULL && end < limit) {
            return HEAD_INCOMPLETE;
        }
        if (line_feed == NULL) {
            const char *why = limit_status == 414 ? "first line too long" : "head too large";
            return head_scan_refuse(limit_status, why, ret_status, reterr);
        }

        size_t line_bytes = scan->scanned - scan->line_start; /* CR included, LF not */
        if (line_bytes == 0 || bytes.data[scan->scanned - 1] != '\r') {
            return head_scan_refuse(400, "LF without CR in the head", ret_status, reterr);
        }
        scan->scanned++;
        scan->line_start = scan->scanned;
        if (line_bytes > 1) {
            scan->lines++;
            if (scan->lines - 1 > limits->fields_max) {
                return head_scan_refuse(431, "too many fields", ret_status, reterr);
            }
        } else if (scan->lines > 0) {
            *ret_end = scan->scanned;
            return HEAD_COMPLETE;
        } else if (scan->skipped == 0) {
            scan->skipped = scan->scanned; /* some clients end a body with a CRLF too many */
        } else {
            return head_scan_refuse(400, "more than one empty line before the head", ret_status,
                                    reterr);
        }
    }
}

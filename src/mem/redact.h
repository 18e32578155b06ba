/* SPDX-License-Identifier: MIT
 *
 * redact.h - blacks out secrets and personal data in texts that are about to be stored.
 *
 * The built-in patterns are found by one pass without going back; what MEM_REDACT adds are POSIX
 * extended regular expressions, matched line by line. A find becomes [redacted:<kind>]. Any thread:
 * a redactor never changes. */
#ifndef AG_MEM_REDACT_H
#define AG_MEM_REDACT_H

#include "base/buffer.h"

struct redactor;

enum {
    redact_expressions_max = 64,
    redact_expression_bytes_max = 1000,
    redact_line_bytes_max = 64 * 1024, /* a longer line is matched in pieces */
};

/* <setting>: "on", "off", or expressions on lines of their own, which mean "on" and those.
 * STATUS_INVALID names the line and column of an expression that cannot be read. */
enum status redactor_create(struct slice setting, struct redactor **ret,
                            struct failure *reterr) MUST_CHECK;
void redactor_free(struct redactor *redactor); /* takes NULL */

/* False: nothing to black out, <buffer> is as it was. True: the text without it was appended. */
bool redact_text(const struct redactor *redactor, struct slice text, struct buffer *buffer);

/* As redact_text for a JSON text, which stays one: strings are looked at without their escapes, and
 * a number that goes becomes a string. */
bool redact_json(const struct redactor *redactor, struct slice text, struct buffer *buffer);

#endif

/* SPDX-License-Identifier: MIT
 *
 * redact_scan.h - the built-in patterns: tokens, keys, emails, card numbers. Any thread. */
#ifndef AG_MEM_REDACT_SCAN_H
#define AG_MEM_REDACT_SCAN_H

#include "base/buffer.h"

/* False: nothing was found, <buffer> is as it was. True: <text> with [redacted:<kind>] for what was
 * found was appended. Time is linear in the length of any text. */
bool redact_scan(struct slice text, struct buffer *buffer);

#endif

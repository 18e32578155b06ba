/* SPDX-License-Identifier: MIT
 *
 * issuer_name.h - when two spellings name the same issuer. Any thread. */
#ifndef AG_AUTH_ISSUER_NAME_H
#define AG_AUTH_ISSUER_NAME_H

#include "base/slice.h"

/* Equal, or equal but for one '/' at the end of either: the one difference that configurations get
 * wrong all the time and that cannot lead to somebody else. Nothing else is normalised (RFC 8414
 * 4). */
static inline bool issuer_name_equals(struct slice a, struct slice b)
{
    struct slice longer = a.length > b.length ? a : b;
    struct slice shorter = a.length > b.length ? b : a;
    return slice_equals(a, b) ||
           (shorter.length > 0 && shorter.data[shorter.length - 1] != '/' &&
            longer.length == shorter.length + 1 && longer.data[longer.length - 1] == '/' &&
            slice_starts_with(longer, shorter));
}

#endif

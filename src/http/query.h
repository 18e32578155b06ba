/* SPDX-License-Identifier: MIT
 *
 * query.h - the parameters of a query, as forms write them (application/x-www-form-urlencoded).
 * Any thread. */
#ifndef AG_HTTP_QUERY_H
#define AG_HTTP_QUERY_H

#include "base/arena.h"

/* Takes the next name=value off <rest>, '+' and percent-encodings resolved; without anything to
 * resolve they are the original bytes. STATUS_NOT_FOUND at the end, STATUS_INVALID for a percent
 * sign that is none or an encoded NUL, STATUS_NO_MEMORY. */
enum status query_next(struct slice *rest, struct arena *arena, struct slice *ret_name,
                       struct slice *ret_value) MUST_CHECK;

#endif

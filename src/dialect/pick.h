/* SPDX-License-Identifier: MIT
 *
 * pick.h - several members of a JSON object in one walk, so that a long object is read once and
 * not once for each name. Any thread. */
#ifndef AG_DIALECT_PICK_H
#define AG_DIALECT_PICK_H

#include "base/json.h"

/* The members called <names>, in their order, JSON_ABSENT where there is none. Of a name that
 * stands twice the last counts, as it does for most engines. */
void pick_members(struct json_value object, const struct slice *names, size_t count,
                  struct json_value *ret_values);

/* A count of tokens: a number, not negative. False leaves *ret alone. */
bool pick_count(struct json_value value, int64_t *ret);

#endif

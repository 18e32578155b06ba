/* SPDX-License-Identifier: MIT
 *
 * golden.h - the published vectors of tests/golden/did. Any failure ends the test program. */
#ifndef AG_TESTS_UNIT_AUTH_GOLDEN_H
#define AG_TESTS_UNIT_AUTH_GOLDEN_H

#include "base/json.h"

/* The JSON of tests/golden/did/<name>, in <arena>. */
struct json_value golden_open(const char *name, struct arena *arena);

/* The string <member> of <object>. */
struct slice golden_text(struct json_value object, const char *member, struct arena *arena);

/* The string that <value> is. */
struct slice golden_string(struct json_value value, struct arena *arena);

#endif

/* SPDX-License-Identifier: MIT
 *
 * members.h - picks the members one wants out of a JSON object in a single walk. Any thread. */
#ifndef AG_AUTH_MEMBERS_H
#define AG_AUTH_MEMBERS_H

#include "base/json.h"

/* Fills <ret_values>[i] with the member called <names>[i] (string literals) of <object>, which
 * json_parse has checked with duplicates refused; kind JSON_ABSENT for those it does not have.
 * Names are compared after their escapes are resolved: "\u0061lg" is alg. */
void members_pick(struct json_value object, const struct slice *names, size_t count,
                  struct json_value *ret_values);

/* The decoded bytes of a base64url string member, at most <bytes_max>, into <ret_bytes>, which has
 * room for BASE64URL_DECODED_SIZE of their encoding. False for anything else. */
bool member_bytes(struct json_value value, size_t bytes_max, unsigned char *ret_bytes,
                  size_t *ret_length) MUST_CHECK;

#endif

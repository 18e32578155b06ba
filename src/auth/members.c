/* SPDX-License-Identifier: MIT
 *
 * members.c - one walk over a JSON object. Any thread. */
#include "auth/members.h"

#include "base/base64url.h"

static bool name_is(struct slice raw, struct slice name)
{
    if (slice_equals(raw, name)) {
        return true;
    }
    if (raw.length <= name.length || memchr(raw.data, '\\', raw.length) == NULL) {
        return false;
    }
    /* The raw text lies between its quotes, so that widening it by them gives the string back. */
    struct json_value quoted = {JSON_STRING, {raw.data - 1, raw.length + 2}};
    return json_string_is(quoted, name.data);
}

void members_pick(struct json_value object, const struct slice *names, size_t count,
                  struct json_value *ret_values)
{
    memset(ret_values, 0, count * sizeof(*ret_values));
    if (object.kind != JSON_OBJECT) {
        return;
    }
    struct json_walk walk = json_walk_begin(object);
    struct slice name;
    struct json_value value;
    while (json_walk_next(&walk, &name, &value)) {
        for (size_t i = 0; i < count; i++) {
            if (name_is(name, names[i])) {
                ret_values[i] = value;
                break;
            }
        }
    }
}

bool member_bytes(struct json_value value, size_t bytes_max, unsigned char *ret_bytes,
                  size_t *ret_length)
{
    if (value.kind != JSON_STRING || value.text.length < 2) {
        return false;
    }
    struct slice encoded = {value.text.data + 1, value.text.length - 2};
    if (encoded.length > BASE64URL_ENCODED_SIZE(bytes_max)) {
        return false;
    }
    size_t length = 0;
    if (!base64url_decode(encoded, ret_bytes, &length) || length > bytes_max) {
        return false;
    }
    *ret_length = length;
    return true;
}

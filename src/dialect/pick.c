/* SPDX-License-Identifier: MIT
 *
 * pick.c - members of a JSON object by their names. Any thread. */
#include "dialect/pick.h"

/* Names in our tables have no escapes; one in the text may spell the same name with some. */
static bool pick_is(struct slice name, bool has_escape, struct slice wanted)
{
    if (!has_escape) {
        return slice_equals(name, wanted);
    }
    struct json_value quoted = {JSON_STRING, {name.data - 1, name.length + 2}};
    return json_string_is(quoted, wanted.data);
}

void pick_members(struct json_value object, const struct slice *names, size_t count,
                  struct json_value *ret_values)
{
    struct json_value value;
    struct slice name;
    memset(ret_values, 0, count * sizeof(*ret_values));
    if (object.kind != JSON_OBJECT) {
        return;
    }
    struct json_walk walk = json_walk_begin(object);
    while (json_walk_next(&walk, &name, &value)) {
        bool has_escape = slice_find(name, '\\') < name.length;
        for (size_t i = 0; i < count; i++) {
            if (pick_is(name, has_escape, names[i])) {
                ret_values[i] = value;
                break;
            }
        }
    }
}

bool pick_count(struct json_value value, int64_t *ret)
{
    int64_t count;
    if (!json_numeric_date(value, &count) || count < 0) {
        return false;
    }
    *ret = count;
    return true;
}

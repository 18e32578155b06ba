/* SPDX-License-Identifier: MIT
 *
 * body.c - see body.h. */
#include "body.h"

#include "client.h"
#include "reply.h"

#include <inttypes.h>

bool body_object(struct client *client, struct json_value *ret)
{
    struct slice text = buffer_slice(&client->call.body);
    struct json_value value;
    struct failure failure;
    if (text.length == 0) {
        reply_error(client, 400, NULL, "missing request body");
        return false;
    }
    if (json_parse(text, JSON_DUPLICATES_UNCHECKED, &value, &failure) != STATUS_OK) {
        reply_error(client, 400, NULL, "the body is not JSON: %s", failure.text);
        return false;
    }
    if (value.kind != JSON_OBJECT) {
        reply_error(client, 400, NULL, "the body must be a JSON object");
        return false;
    }
    *ret = value;
    return true;
}

struct json_value body_member(struct json_value object, const char *name)
{
    struct json_value value = json_member(object, name);
    return value.kind == JSON_NULL ? (struct json_value){0} : value;
}

static bool body_string(struct client *client, struct json_value value, const char *name,
                        struct slice *ret)
{
    switch (json_string(value, &client->call.arena, ret)) {
    case STATUS_OK:
        return true;
    case STATUS_INVALID:
        reply_error(client, 400, name, "%s must be a string", name);
        return false;
    default:
        reply_error(client, 500, name, "out of memory");
        return false;
    }
}

bool body_text(struct client *client, struct json_value object, const char *name, bool is_required,
               struct slice *ret)
{
    struct json_value value = body_member(object, name);
    if (value.kind != JSON_ABSENT) {
        return body_string(client, value, name, ret);
    }
    if (is_required) {
        reply_error(client, 400, name, "%s is required", name);
        return false;
    }
    *ret = (struct slice){0};
    return true;
}

bool body_model(struct client *client, struct json_value object, struct slice *ret)
{
    if (!body_text(client, object, "model", true, ret)) {
        return false;
    }
    if (ret->length == 0) {
        reply_error(client, 400, "model", "model is required");
        return false;
    }
    if (ret->length > body_model_bytes_max) {
        reply_error(client, 400, "model", "model must not be longer than %d bytes",
                    body_model_bytes_max);
        return false;
    }
    return true;
}

bool body_texts(struct client *client, struct json_value object, const char *name,
                struct slice **ret, size_t *ret_count)
{
    struct json_value value = body_member(object, name);
    struct json_value element;
    if (value.kind == JSON_ABSENT) {
        reply_error(client, 400, name, "%s is required", name);
        return false;
    }
    size_t room = value.kind == JSON_ARRAY ? body_texts_max : 1;
    struct slice *texts = arena_allocate_zeroed(&client->call.arena, room, sizeof(*texts));
    if (texts == NULL) {
        reply_error(client, 500, name, "out of memory");
        return false;
    }
    *ret = texts;
    *ret_count = 1;
    if (value.kind != JSON_ARRAY) {
        return body_string(client, value, name, &texts[0]);
    }
    struct json_walk walk = json_walk_begin(value);
    size_t count = 0;
    while (json_walk_next(&walk, NULL, &element)) {
        if (element.kind != JSON_STRING) {
            reply_error(client, 400, name, "%s must be a string or an array of strings", name);
            return false;
        }
        if (count == room) {
            reply_error(client, 400, name, "%s must not have more than %d elements", name,
                        body_texts_max);
            return false;
        }
        if (!body_string(client, element, name, &texts[count++])) {
            return false;
        }
    }
    if (count == 0) {
        reply_error(client, 400, name, "%s must not be empty", name);
        return false;
    }
    *ret_count = count;
    return true;
}

bool body_flag(struct client *client, struct json_value object, const char *name, bool *ret)
{
    struct json_value value = body_member(object, name);
    if (value.kind == JSON_ABSENT) {
        return true;
    }
    if (value.kind != JSON_TRUE && value.kind != JSON_FALSE) {
        reply_error(client, 400, name, "%s must be true or false", name);
        return false;
    }
    *ret = value.kind == JSON_TRUE;
    return true;
}

bool body_number(struct client *client, struct json_value object, const char *name, uint64_t least,
                 uint64_t most, uint64_t *ret)
{
    struct json_value value = body_member(object, name);
    uint64_t number = 0;
    if (value.kind == JSON_ABSENT) {
        return true;
    }
    if (value.kind != JSON_NUMBER || !slice_parse_uint(value.text, most, &number) ||
        number < least) {
        reply_error(client, 400, name, "%s must be a whole number from %" PRIu64 " to %" PRIu64,
                    name, least, most);
        return false;
    }
    *ret = number;
    return true;
}

bool body_inner_object(struct client *client, struct json_value object, const char *name,
                       struct json_value *ret)
{
    *ret = body_member(object, name);
    if (ret->kind == JSON_ABSENT || ret->kind == JSON_OBJECT) {
        return true;
    }
    reply_error(client, 400, name, "%s must be an object", name);
    return false;
}

/* SPDX-License-Identifier: MIT
 *
 * body.h - reads members out of a call's JSON body.
 *
 * What is not as the dialect wants it is answered with 400 at once, in a sentence that names the
 * member; the function then returns false and its caller has nothing left to do. A member that is
 * null counts as absent. Owning worker only. */
#ifndef AG_ENGINE_BODY_H
#define AG_ENGINE_BODY_H

#include "base/json.h"

struct client;

enum {
    body_model_bytes_max = 256,
    body_texts_max = 2048,
};

/* The whole body, which must be one JSON object. */
bool body_object(struct client *client, struct json_value *ret) MUST_CHECK;

/* Its "model": required, not empty, at most body_model_bytes_max. */
bool body_model(struct client *client, struct json_value object, struct slice *ret) MUST_CHECK;

/* A string; absent, it is empty or, when <is_required>, an error. */
bool body_text(struct client *client, struct json_value object, const char *name, bool is_required,
               struct slice *ret) MUST_CHECK;

/* A string or an array of at most body_texts_max strings, not empty; required. */
bool body_texts(struct client *client, struct json_value object, const char *name,
                struct slice **ret, size_t *ret_count) MUST_CHECK;

/* true or false; absent, *ret stays as it is. */
bool body_flag(struct client *client, struct json_value object, const char *name,
               bool *ret) MUST_CHECK;

/* A whole number from <least> to <most>; absent, *ret stays as it is. */
bool body_number(struct client *client, struct json_value object, const char *name, uint64_t least,
                 uint64_t most, uint64_t *ret) MUST_CHECK;

/* An object; absent, the value's kind is JSON_ABSENT. */
bool body_inner_object(struct client *client, struct json_value object, const char *name,
                       struct json_value *ret) MUST_CHECK;

/* A member whose form is not fixed: kind JSON_ABSENT also for null. */
struct json_value body_member(struct json_value object, const char *name);

#endif

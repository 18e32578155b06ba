/* SPDX-License-Identifier: MIT
 *
 * message.h - messages, parts and artifacts of A2A, read from any of its wire forms: 0.2/0.3 JSON
 * ("kind"), the HTTP+JSON binding of 0.3 ("content", "ROLE_USER") and 1.0 ("text" | "raw" | "url" |
 * "data").
 *
 * It looks, it copies nothing: values point into the text that was parsed. Writing is wire.h. Any
 * thread. */
#ifndef AG_A2A_MESSAGE_H
#define AG_A2A_MESSAGE_H

#include "base/json.h"

enum {
    message_parts_max = 256,
};

enum part_kind {
    PART_TEXT,  /* <value> is a JSON string */
    PART_DATA,  /* any JSON */
    PART_BYTES, /* a JSON string, base64 */
    PART_URL,   /* a JSON string */
};

/* Absent members have kind JSON_ABSENT. */
struct part {
    enum part_kind kind;
    struct json_value value;
    struct json_value media_type;
    struct json_value filename;
    struct json_value metadata;
};

struct message {
    struct json_value whole;
    struct json_value id;
    struct json_value context_id;
    struct json_value task_id;
    bool is_agents;
    struct json_value parts;
    struct json_value metadata;
    struct json_value extensions;
    struct json_value reference_task_ids;
};

struct artifact {
    struct json_value id;
    struct json_value name;
    struct json_value description;
    struct json_value parts;
    struct json_value metadata;
    struct json_value extensions;
};

/* STATUS_INVALID says which member is wrong: no id, no role, no parts, a part of no known kind, a
 * text that is none. STATUS_LIMIT: too many parts. */
enum status message_read(struct json_value value, struct message *ret,
                         struct failure *reterr) MUST_CHECK;
enum status artifact_read(struct json_value value, struct artifact *ret,
                          struct failure *reterr) MUST_CHECK;
bool part_read(struct json_value value, struct part *ret) MUST_CHECK;

/* null counts as absent. */
struct json_value json_given(struct json_value object, const char *name);

#endif

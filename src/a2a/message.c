/* SPDX-License-Identifier: MIT
 *
 * message.c - finds the members of messages, whichever version of A2A wrote them. Any thread. */
#include "a2a/message.h"

struct json_value json_given(struct json_value object, const char *name)
{
    struct json_value value = json_member(object, name);
    return value.kind == JSON_NULL ? (struct json_value){0} : value;
}

static bool is_text_or_absent(struct json_value value)
{
    return value.kind == JSON_STRING || value.kind == JSON_ABSENT;
}

/* {"file": {...}} of 0.x: bytes and uri in 0.2/0.3, fileWithBytes and fileWithUri in its binding.
 */
static bool part_read_file(struct json_value file, struct part *ret)
{
    struct json_value bytes = json_given(file, "bytes");
    struct json_value uri = json_given(file, "uri");
    bytes = bytes.kind == JSON_ABSENT ? json_given(file, "fileWithBytes") : bytes;
    uri = uri.kind == JSON_ABSENT ? json_given(file, "fileWithUri") : uri;
    if ((bytes.kind == JSON_STRING) == (uri.kind == JSON_STRING)) {
        return false;
    }
    ret->kind = bytes.kind == JSON_STRING ? PART_BYTES : PART_URL;
    ret->value = bytes.kind == JSON_STRING ? bytes : uri;
    ret->media_type = json_given(file, "mimeType");
    ret->filename = json_given(file, "name");
    return true;
}

/* The proto form of 0.3 wraps data once more: {"data": {"data": {...}}}. */
static struct json_value data_unwrap(struct json_value data, bool is_tagged)
{
    struct json_value inner = json_member(data, "data");
    struct json_walk walk = json_walk_begin(data);
    struct json_value value;
    size_t count = 0;
    while (json_walk_next(&walk, NULL, &value)) {
        count++;
    }
    return !is_tagged && inner.kind == JSON_OBJECT && count == 1 ? inner : data;
}

static bool part_read_content(struct json_value value, struct part *ret)
{
    static const struct {
        const char *name;
        enum part_kind kind;
    } strings[] = {{"text", PART_TEXT}, {"raw", PART_BYTES}, {"url", PART_URL}};
    size_t found = 0;
    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
        struct json_value one = json_given(value, strings[i].name);
        if (one.kind == JSON_STRING) {
            ret->kind = strings[i].kind;
            ret->value = one;
            found++;
        } else if (one.kind != JSON_ABSENT) {
            return false;
        }
    }
    struct json_value file = json_given(value, "file");
    if (file.kind != JSON_ABSENT) {
        found += part_read_file(file, ret) ? 1 : 2;
    }
    struct json_value data = json_member(value, "data");
    if (data.kind != JSON_ABSENT) {
        bool is_tagged = json_member(value, "kind").kind != JSON_ABSENT ||
                         json_member(value, "mediaType").kind != JSON_ABSENT;
        ret->kind = PART_DATA;
        ret->value = data_unwrap(data, is_tagged);
        found++;
    }
    return found == 1;
}

bool part_read(struct json_value value, struct part *ret)
{
    struct part part = {0};
    if (value.kind != JSON_OBJECT) {
        return false;
    }
    part.media_type = json_given(value, "mediaType");
    part.filename = json_given(value, "filename");
    part.metadata = json_given(value, "metadata");
    if (!part_read_content(value, &part) || !is_text_or_absent(part.media_type) ||
        !is_text_or_absent(part.filename) ||
        (part.metadata.kind != JSON_OBJECT && part.metadata.kind != JSON_ABSENT)) {
        return false;
    }
    struct json_value kind = json_given(value, "kind");
    bool agrees =
        kind.kind == JSON_ABSENT || (json_string_is(kind, "text") && part.kind == PART_TEXT) ||
        (json_string_is(kind, "data") && part.kind == PART_DATA) ||
        (json_string_is(kind, "file") && (part.kind == PART_BYTES || part.kind == PART_URL));
    if (agrees) {
        *ret = part;
    }
    return agrees;
}

static enum status refuse(struct failure *reterr, const char *text)
{
    failure_set(reterr, "%s", text);
    return STATUS_INVALID;
}

static enum status parts_read(struct json_value holder, struct json_value *ret,
                              struct failure *reterr)
{
    struct json_value parts = json_given(holder, "parts");
    struct json_value value;
    struct part part;
    size_t count = 0;
    if (parts.kind == JSON_ABSENT) {
        parts = json_given(holder, "content");
    }
    if (parts.kind != JSON_ARRAY) {
        return refuse(reterr, "parts: an array is expected");
    }
    struct json_walk walk = json_walk_begin(parts);
    while (json_walk_next(&walk, NULL, &value)) {
        if (++count > message_parts_max) {
            failure_set(reterr, "parts: more than %d", (int)message_parts_max);
            return STATUS_LIMIT;
        }
        if (!part_read(value, &part)) {
            return refuse(reterr, "parts: each holds one of text, data and a file");
        }
    }
    if (count == 0) {
        return refuse(reterr, "parts: at least one is expected");
    }
    *ret = parts;
    return STATUS_OK;
}

enum status message_read(struct json_value value, struct message *ret, struct failure *reterr)
{
    struct message message = {.whole = value};
    if (value.kind != JSON_OBJECT) {
        return refuse(reterr, "message: an object is expected");
    }
    message.id = json_given(value, "messageId");
    message.context_id = json_given(value, "contextId");
    message.task_id = json_given(value, "taskId");
    message.metadata = json_given(value, "metadata");
    message.extensions = json_given(value, "extensions");
    message.reference_task_ids = json_given(value, "referenceTaskIds");
    struct json_value role = json_given(value, "role");
    message.is_agents = json_string_is(role, "agent") || json_string_is(role, "ROLE_AGENT");
    if (!message.is_agents && !json_string_is(role, "user") && !json_string_is(role, "ROLE_USER")) {
        return refuse(reterr, "message.role: user or agent is expected");
    }
    if (message.id.kind != JSON_STRING || message.id.text.length <= 2) {
        return refuse(reterr, "message.messageId: a text is expected");
    }
    if (!is_text_or_absent(message.context_id) || !is_text_or_absent(message.task_id)) {
        return refuse(reterr, "message: contextId and taskId are texts");
    }
    if ((message.metadata.kind != JSON_OBJECT && message.metadata.kind != JSON_ABSENT) ||
        (message.extensions.kind != JSON_ARRAY && message.extensions.kind != JSON_ABSENT) ||
        (message.reference_task_ids.kind != JSON_ARRAY &&
         message.reference_task_ids.kind != JSON_ABSENT)) {
        return refuse(reterr, "message: metadata is an object, extensions and referenceTaskIds "
                              "are arrays");
    }
    enum status status = parts_read(value, &message.parts, reterr);
    if (status == STATUS_OK) {
        *ret = message;
    }
    return status;
}

enum status artifact_read(struct json_value value, struct artifact *ret, struct failure *reterr)
{
    struct artifact artifact = {
        .id = json_given(value, "artifactId"),
        .name = json_given(value, "name"),
        .description = json_given(value, "description"),
        .metadata = json_given(value, "metadata"),
        .extensions = json_given(value, "extensions"),
    };
    if (value.kind != JSON_OBJECT || !is_text_or_absent(artifact.id) ||
        !is_text_or_absent(artifact.name) || !is_text_or_absent(artifact.description)) {
        return refuse(reterr, "artifact: an object with texts is expected");
    }
    enum status status = parts_read(value, &artifact.parts, reterr);
    if (status == STATUS_OK) {
        *ret = artifact;
    }
    return status;
}

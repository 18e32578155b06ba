/* SPDX-License-Identifier: MIT
 *
 * backend_weaviate_schema.c - class MemoryEvent: read, made, completed. */
#include "mem/backend_weaviate_schema.h"

#include "base/json.h"

#include <stdio.h>

enum {
    schema_bytes_max = 1024 * 1024,
    /* Looks at the class before giving up: another gateway may be making it at the same time. */
    looks_max = 4 + weaviate_properties_count,
};

enum property_kind {
    PROPERTY_FIELD,
    PROPERTY_WORDS,
    PROPERTY_NUMBER,
    PROPERTY_FLAG,
    PROPERTY_DATE
};

static const struct {
    const char *type;
    const char *rest; /* of the definition */
} kinds[] = {
    /* A name is compared whole and never searched. */
    [PROPERTY_FIELD] = {"text", ",\"tokenization\":\"field\",\"indexSearchable\":false"},
    [PROPERTY_WORDS] = {"text", ",\"tokenization\":\"word\""},
    [PROPERTY_NUMBER] = {"number", ""},
    [PROPERTY_FLAG] = {"boolean", ""},
    [PROPERTY_DATE] = {"date", ""},
};

static const struct slice class_path = SLICE("/v1/schema/MemoryEvent");

static enum property_kind property_kind_of(size_t property)
{
    static const enum property_kind of_fields[] = {
        [FIELD_SHORT] = PROPERTY_FIELD,
        [FIELD_LONG] = PROPERTY_WORDS,
        [FIELD_NUMBER] = PROPERTY_NUMBER,
        [FIELD_FLAG] = PROPERTY_FLAG,
    };
    if (property < event_fields_count) {
        return of_fields[event_fields[property].kind];
    }
    if (property == PROPERTY_TIMESTAMP) {
        return PROPERTY_DATE;
    }
    return property == PROPERTY_TIMESTAMP_US || property == PROPERTY_STATUS ? PROPERTY_NUMBER
                                                                            : PROPERTY_FIELD;
}

static const char *property_name(size_t property)
{
    static const char *const others[] = {
        [PROPERTY_OWNER - event_fields_count] = "owner",
        [PROPERTY_ID - event_fields_count] = "mem_id",
        [PROPERTY_TIMESTAMP - event_fields_count] = "timestamp",
        [PROPERTY_TIMESTAMP_US - event_fields_count] = "timestamp_us",
        [PROPERTY_STATUS - event_fields_count] = "status",
    };
    return property < event_fields_count ? event_fields[property].name
                                         : others[property - event_fields_count];
}

static void append_property(struct buffer *body, const char *name, enum property_kind kind)
{
    buffer_append_format(body, "{\"name\":\"%s\",\"dataType\":[\"%s\"]%s}", name, kinds[kind].type,
                         kinds[kind].rest);
}

/* Without stop words: they would be left out of names and searches alike. */
static void append_class(struct buffer *body)
{
    buffer_append_string(body, "{\"class\":\"MemoryEvent\",\"vectorizer\":\"none\","
                               "\"invertedIndexConfig\":{\"stopwords\":{\"preset\":\"none\"}},"
                               "\"properties\":[");
    for (size_t i = 0; i < weaviate_properties_count; i++) {
        buffer_append_string(body, i == 0 ? "" : ",");
        append_property(body, property_name(i), property_kind_of(i));
    }
    buffer_append_string(body, "]}");
}

static enum status schema_post(struct weaviate_client *client, struct slice path,
                               struct buffer *body, struct failure *reterr)
{
    if (body->failed) {
        failure_set(reterr, "no memory for the class of Weaviate");
        return STATUS_NO_MEMORY;
    }
    unsigned code = 0;
    enum status status = weaviate_client_call(client, "POST", path, buffer_slice(body),
                                              schema_bytes_max, &code, reterr);
    /* 422: it is there by now; what is wrong otherwise shows at the next look. */
    if (status == STATUS_OK && code != 200 && code != 422) {
        status = weaviate_code_status(code, "the schema", reterr);
        status = status == STATUS_INVALID ? STATUS_IO : status;
    }
    return status;
}

static enum status class_create(struct weaviate_client *client, struct failure *reterr)
{
    struct buffer body;
    buffer_init(&body, schema_bytes_max);
    append_class(&body);
    enum status status = schema_post(client, SLICE("/v1/schema"), &body, reterr);
    buffer_clear(&body);
    return status;
}

static enum status property_create(struct weaviate_client *client, const char *name,
                                   enum property_kind kind, struct failure *reterr)
{
    struct buffer body;
    buffer_init(&body, schema_bytes_max);
    append_property(&body, name, kind);
    enum status status =
        schema_post(client, SLICE("/v1/schema/MemoryEvent/properties"), &body, reterr);
    buffer_clear(&body);
    return status;
}

/* The type of the property called <name>; kind JSON_ABSENT when the class has none. Weaviate
 * compares names without regard to the case of their first letter; ours begin with small ones. */
static struct json_value class_property_type(struct json_value properties, const char *name)
{
    struct json_walk walk = json_walk_begin(properties);
    struct json_value property;
    while (json_walk_next(&walk, NULL, &property)) {
        if (json_string_is(json_member(property, "name"), name)) {
            struct json_walk types = json_walk_begin(json_member(property, "dataType"));
            struct json_value type = {.kind = JSON_NULL};
            (void)json_walk_next(&types, NULL, &type);
            return type;
        }
    }
    return (struct json_value){.kind = JSON_ABSENT};
}

/* Chooses the name of <property>. False: the class lacks it, under the name that is set. */
static bool property_choose(struct json_value properties, size_t property, char *ret_name)
{
    const char *type = kinds[property_kind_of(property)].type;
    const char *name = property_name(property);
    snprintf(ret_name, weaviate_name_size, "%s", name);
    struct json_value found = class_property_type(properties, name);
    if (found.kind != JSON_ABSENT && !json_string_is(found, type)) {
        snprintf(ret_name, weaviate_name_size, "%s_%s", name, type);
        found = class_property_type(properties, ret_name);
    }
    return found.kind != JSON_ABSENT;
}

/* *ret_is_whole: nothing had to be made; else look again. */
static enum status class_complete(struct weaviate_client *client, struct weaviate_schema *ret,
                                  bool *ret_is_whole, struct failure *reterr)
{
    struct json_value class;
    struct failure reason;
    if (json_parse(buffer_slice(&client->reply), JSON_DUPLICATES_UNCHECKED, &class, &reason) !=
            STATUS_OK ||
        class.kind != JSON_OBJECT) {
        failure_set(reterr, "Weaviate: the class MemoryEvent cannot be read");
        return STATUS_IO;
    }
    struct json_value properties = json_member(class, "properties");
    bool is_missing[weaviate_properties_count];
    *ret_is_whole = true;
    for (size_t i = 0; i < weaviate_properties_count; i++) {
        is_missing[i] = !property_choose(properties, i, ret->names[i]);
    }
    for (size_t i = 0; i < weaviate_properties_count; i++) {
        if (is_missing[i]) {
            *ret_is_whole = false;
            enum status status =
                property_create(client, ret->names[i], property_kind_of(i), reterr);
            if (status != STATUS_OK) {
                return status;
            }
        }
    }
    return STATUS_OK;
}

enum status weaviate_schema_ensure(struct weaviate_client *client, struct weaviate_schema *ret,
                                   struct failure *reterr)
{
    for (int look = 0; look < looks_max; look++) {
        unsigned code = 0;
        struct slice nothing = {NULL, 0};
        enum status status = weaviate_client_call(client, "GET", class_path, nothing,
                                                  weaviate_reply_bytes_max, &code, reterr);
        bool is_whole = false;
        if (status == STATUS_OK && code == 200) {
            status = class_complete(client, ret, &is_whole, reterr);
        } else if (status == STATUS_OK && code == 404) {
            status = class_create(client, reterr);
        } else if (status == STATUS_OK) {
            status = weaviate_code_status(code, "the schema", reterr);
            status = status == STATUS_INVALID ? STATUS_IO : status;
        }
        if (status != STATUS_OK || is_whole) {
            return status;
        }
    }
    failure_set(reterr, "Weaviate: the class MemoryEvent cannot be made");
    return STATUS_IO;
}

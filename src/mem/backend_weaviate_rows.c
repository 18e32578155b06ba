/* SPDX-License-Identifier: MIT
 *
 * backend_weaviate_rows.c - events as objects of Weaviate. */
#include "mem/backend_weaviate_rows.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

void weaviate_append_literal(struct buffer *buffer, struct slice text)
{
    buffer_append_json_string(buffer, text);
}

/* ---- writing ---- */

static void append_text(struct buffer *buffer, const char *name, struct slice text)
{
    if (text.data != NULL) {
        buffer_append_format(buffer, ",\"%s\":", name);
        buffer_append_json_string(buffer, text);
    }
}

static void append_number(struct buffer *buffer, const char *name, int64_t number)
{
    buffer_append_format(buffer, ",\"%s\":%" PRId64, name, number);
}

/* RFC 3339 with milliseconds and the offset that the original wrote. */
static void append_timestamp(struct buffer *buffer, const char *name, int64_t timestamp_us)
{
    time_t seconds = (time_t)(timestamp_us / 1000000);
    struct tm parts;
    char date[32];
    if (timestamp_us >= 0 && gmtime_r(&seconds, &parts) != NULL && parts.tm_year <= 9999 - 1900 &&
        strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &parts) > 0) {
        buffer_append_format(buffer, ",\"%s\":\"%s.%03d+00:00\"", name, date,
                             (int)(timestamp_us % 1000000 / 1000));
    }
}

static void append_field(struct buffer *buffer, const char *name, const struct event_field *field,
                         const struct event *event)
{
    switch (field->kind) {
    case FIELD_SHORT:
    case FIELD_LONG:
        append_text(buffer, name, event_field_text(event, field));
        break;
    case FIELD_NUMBER:
        if (event->is_exchange) {
            append_number(buffer, name, event_field_number(event, field));
        }
        break;
    case FIELD_FLAG:
        buffer_append_format(buffer, ",\"%s\":%s", name,
                             event_field_flag(event, field) ? "true" : "false");
        break;
    }
}

bool weaviate_append_object(struct buffer *buffer, const struct weaviate_schema *schema,
                            const struct event *event)
{
    char key[owner_key_length + 1];
    if (!owner_key(event->issuer, event->subject, key)) {
        return false;
    }
    buffer_append_format(buffer,
                         "{\"class\":\"MemoryEvent\",\"id\":\"%s\",\"properties\":{\"%s\":\"%s\"",
                         event->id, schema->names[PROPERTY_OWNER], key);
    buffer_append_format(buffer, ",\"%s\":\"%s\"", schema->names[PROPERTY_ID], event->id);
    append_timestamp(buffer, schema->names[PROPERTY_TIMESTAMP], event->timestamp_us);
    append_number(buffer, schema->names[PROPERTY_TIMESTAMP_US], event->timestamp_us);
    append_number(buffer, schema->names[PROPERTY_STATUS], event->status);
    for (size_t i = 0; i < event_fields_count; i++) {
        append_field(buffer, schema->names[i], &event_fields[i], event);
    }
    buffer_append_string(buffer, "}}");
    return !buffer->failed;
}

/* ---- reading ---- */

void weaviate_append_selection(struct buffer *buffer, const struct weaviate_schema *schema)
{
    for (size_t i = 0; i < weaviate_properties_count; i++) {
        buffer_append_format(buffer, "%s%s", i == 0 ? "" : " ", schema->names[i]);
    }
}

static bool errors_are_no_words(struct json_value errors)
{
    struct json_walk walk = json_walk_begin(errors);
    struct json_value error;
    while (json_walk_next(&walk, NULL, &error)) {
        struct slice text = json_member(error, "message").text;
        if (memmem(text.data, text.length, "only stopwords", 14) == NULL) {
            return false;
        }
    }
    return true;
}

enum status weaviate_reply_rows(struct slice reply, struct json_value *ret_rows, bool *ret_no_words,
                                struct failure *reterr)
{
    struct json_value answer;
    struct failure reason;
    *ret_no_words = false;
    if (json_parse(reply, JSON_DUPLICATES_UNCHECKED, &answer, &reason) != STATUS_OK) {
        failure_set(reterr, "Weaviate: the reply to a query is no JSON");
        return STATUS_IO;
    }
    struct json_value errors = json_member(answer, "errors");
    if (errors.kind == JSON_ARRAY) {
        struct json_walk walk = json_walk_begin(errors);
        struct json_value error;
        if (json_walk_next(&walk, NULL, &error)) {
            *ret_no_words = errors_are_no_words(errors);
            failure_set(reterr, "Weaviate: the query failed");
            return STATUS_IO;
        }
    }
    struct json_value rows =
        json_member(json_member(json_member(answer, "data"), "Get"), "MemoryEvent");
    if (rows.kind != JSON_ARRAY) {
        failure_set(reterr, "Weaviate: the reply to a query holds no rows");
        return STATUS_IO;
    }
    *ret_rows = rows;
    return STATUS_OK;
}

/* A whole number; Weaviate keeps doubles and may print one as 1.5e+15. */
static bool read_number(struct json_value value, int64_t *ret)
{
    char text[40];
    if (value.kind != JSON_NUMBER || value.text.length >= sizeof(text)) {
        return false;
    }
    memcpy(text, value.text.data, value.text.length);
    text[value.text.length] = '\0';
    double number = strtod(text, NULL);
    if (!(number >= -9.2e18 && number <= 9.2e18)) {
        return false;
    }
    *ret = (int64_t)number;
    return true;
}

/* Absent (and null) leaves *ret alone. */
static enum status read_text(struct json_value value, struct arena *arena, struct slice *ret)
{
    if (value.kind != JSON_STRING) {
        return STATUS_OK;
    }
    struct slice text;
    enum status status = json_string(value, arena, &text);
    bool is_borrowed = status == STATUS_OK && text.data >= value.text.data &&
                       text.data <= value.text.data + value.text.length;
    if (is_borrowed && !arena_copy(arena, text, &text)) {
        return STATUS_NO_MEMORY;
    }
    if (status == STATUS_OK) {
        *ret = text;
    }
    return status;
}

static enum status read_field(struct json_value value, const struct event_field *field,
                              struct arena *arena, struct event *event)
{
    struct slice text = {NULL, 0};
    int64_t number = field->unknown;
    enum status status = STATUS_OK;
    switch (field->kind) {
    case FIELD_SHORT:
    case FIELD_LONG:
        status = read_text(value, arena, &text);
        event_field_set_text(event, field, text);
        break;
    case FIELD_NUMBER:
        (void)read_number(value, &number);
        event_field_set_number(event, field, number);
        break;
    case FIELD_FLAG:
        event_field_set_flag(event, field, value.kind == JSON_TRUE);
        break;
    }
    return status;
}

static bool read_place(struct json_value properties, const struct weaviate_schema *schema,
                       struct arena *arena, struct event *event)
{
    struct slice id = {NULL, 0};
    if (read_text(json_member(properties, schema->names[PROPERTY_ID]), arena, &id) != STATUS_OK ||
        !event_id_is_canonical(id)) {
        return false;
    }
    memcpy(event->id, id.data, event_id_length);
    return read_number(json_member(properties, schema->names[PROPERTY_TIMESTAMP_US]),
                       &event->timestamp_us);
}

enum status weaviate_read_event(struct json_value properties, const struct weaviate_schema *schema,
                                const struct backend_query *query, const char *key,
                                struct arena *arena, struct event *ret, struct failure *reterr)
{
    struct event event;
    event_fields_clear(&event);
    if (!json_string_is(json_member(properties, schema->names[PROPERTY_OWNER]), key)) {
        failure_set(reterr, "Weaviate: a row of another owner");
        return STATUS_DENIED;
    }
    if (!read_place(properties, schema, arena, &event)) {
        failure_set(reterr, "Weaviate: a row without id or time");
        return STATUS_IO;
    }
    int64_t status_code = 0;
    (void)read_number(json_member(properties, schema->names[PROPERTY_STATUS]), &status_code);
    event.status = status_code > 0 && status_code < 1000 ? (unsigned)status_code : 0;
    for (size_t i = 0; i < event_fields_count; i++) {
        enum status status =
            read_field(json_member(properties, schema->names[i]), &event_fields[i], arena, &event);
        if (status != STATUS_OK) {
            failure_set(reterr, "no memory to read events");
            return STATUS_NO_MEMORY;
        }
    }
    if (!slice_equals(event.issuer, query->issuer) ||
        !slice_equals(event.subject, query->subject)) {
        failure_set(reterr, "Weaviate: a row of another owner");
        return STATUS_DENIED;
    }
    *ret = event;
    return STATUS_OK;
}

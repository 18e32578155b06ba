/* SPDX-License-Identifier: MIT
 *
 * backend_weaviate.c - MEM_BACKEND=weaviate: objects of class MemoryEvent.
 *
 * What Weaviate's filters find is narrowed down here once more - owner, names and place in the
 * order are compared byte by byte - because its indexes fold case and trim spaces as the class
 * tells them to. Words are a filter on its inverted index rather than BM25, which takes any of the
 * words and orders by score, where a page of memory takes all of them and orders by time. Thread:
 * that of the handle. */
#include "mem/backend_weaviate_rows.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
    batch_bytes_max = 8 * 1024 * 1024, /* of one request; a single event may be longer */
    batch_rows_max = 500,
    query_bytes_max = 4 * 1024 * 1024,
    chunk_rows_max = 64, /* of one query of a page */
    /* A reply repeats the objects, and Go escapes '<', '>' and '&' with six bytes each. */
    echo_factor = 6,
    expire_rows_max = 500,
};

struct weaviate {
    struct weaviate_client client;
    struct weaviate_schema schema;
    bool is_ready; /* the schema is known */
};

static const struct slice graphql_path = SLICE("/v1/graphql");
static const struct slice batch_path = SLICE("/v1/batch/objects");

static enum status weaviate_ensure(struct weaviate *weaviate, struct failure *reterr)
{
    if (weaviate->is_ready) {
        return STATUS_OK;
    }
    enum status status = weaviate_schema_ensure(&weaviate->client, &weaviate->schema, reterr);
    weaviate->is_ready = status == STATUS_OK;
    return status;
}

static enum status no_memory(struct failure *reterr)
{
    failure_set(reterr, "no memory for a call to Weaviate");
    return STATUS_NO_MEMORY;
}

/* ---- writing ---- */

/* Weaviate's words for an object that breaks the rules of its class begin with "invalid". Anything
 * else - a full disk, a missing replica, a time-out - may pass. */
static enum status status_of_object(struct json_value object)
{
    struct json_value result = json_member(object, "result");
    struct json_value status = json_member(result, "status");
    struct json_value errors = json_member(json_member(result, "errors"), "error");
    struct json_walk walk = json_walk_begin(errors);
    struct json_value error;
    bool has_errors = errors.kind == JSON_ARRAY && json_walk_next(&walk, NULL, &error);
    /* The document gives <status> the default SUCCESS. */
    if (result.kind == JSON_OBJECT && !has_errors &&
        (status.kind == JSON_ABSENT || json_string_is(status, "SUCCESS"))) {
        return STATUS_OK;
    }
    struct slice message = has_errors ? json_member(error, "message").text : SLICE("");
    return slice_starts_with(message, SLICE("\"invalid ")) ? STATUS_INVALID : STATUS_IO;
}

static bool batch_has_id(const struct event *events, size_t count, size_t likely_place,
                         struct json_value id)
{
    if (likely_place < count && json_string_is(id, events[likely_place].id)) {
        return true; /* replies come in the order of the batch */
    }
    for (size_t i = 0; i < count; i++) {
        if (json_string_is(id, events[i].id)) {
            return true;
        }
    }
    return false;
}

/* A 200 says nothing: every object has an outcome of its own. */
static enum status batch_check(struct weaviate *weaviate, const struct event *events, size_t count,
                               struct failure *reterr)
{
    struct json_value answer;
    struct failure reason;
    if (json_parse(buffer_slice(&weaviate->client.reply), JSON_DUPLICATES_UNCHECKED, &answer,
                   &reason) != STATUS_OK ||
        answer.kind != JSON_ARRAY) {
        failure_set(reterr, "Weaviate: the reply to a batch is no list");
        return STATUS_IO;
    }
    struct json_walk walk = json_walk_begin(answer);
    struct json_value object;
    size_t stored = 0;
    size_t invalid = 0;
    size_t seen = 0;
    while (json_walk_next(&walk, NULL, &object)) {
        enum status status = batch_has_id(events, count, seen, json_member(object, "id"))
                                 ? status_of_object(object)
                                 : STATUS_IO;
        stored += status == STATUS_OK;
        invalid += status == STATUS_INVALID;
        seen++;
    }
    if (stored == count && seen == count) {
        return STATUS_OK;
    }
    failure_set(reterr, "Weaviate: %zu of %zu objects are not stored", count - stored, count);
    weaviate->is_ready = false; /* the class may have been changed */
    return seen == count && stored + invalid == count ? STATUS_INVALID : STATUS_IO;
}

static enum status batch_post(struct weaviate *weaviate, const struct buffer *body,
                              const struct event *events, size_t count, struct failure *reterr)
{
    size_t reply_max = weaviate_reply_bytes_max;
    if (body->length > reply_max / echo_factor) {
        reply_max = body->length * echo_factor + reply_max;
    }
    unsigned code = 0;
    enum status status = weaviate_client_call(&weaviate->client, "POST", batch_path,
                                              buffer_slice(body), reply_max, &code, reterr);
    if (status != STATUS_OK) {
        return status;
    }
    if (code != 200) {
        weaviate->is_ready = false;
        status = weaviate_code_status(code, "a batch", reterr);
        return status == STATUS_NOT_FOUND ? STATUS_IO : status;
    }
    return batch_check(weaviate, events, count, reterr);
}

static enum status write_some(struct weaviate *weaviate, const struct event *events, size_t count,
                              size_t *ret_written, struct failure *reterr)
{
    struct buffer body;
    buffer_init(&body, SIZE_MAX / (2 * echo_factor));
    buffer_append_string(&body, "{\"objects\":[");
    size_t rows = 0;
    bool is_made = true;
    while (is_made && rows < count && rows < batch_rows_max &&
           (rows == 0 || body.length + event_text_bytes(&events[rows]) < batch_bytes_max)) {
        if (!event_id_is_canonical(slice_make(events[rows].id, event_id_length))) {
            failure_set(reterr, "an event without an id");
            buffer_clear(&body);
            return STATUS_INVALID;
        }
        buffer_append_string(&body, rows == 0 ? "" : ",");
        is_made = weaviate_append_object(&body, &weaviate->schema, &events[rows]);
        rows++;
    }
    buffer_append_string(&body, "]}");
    enum status status = is_made && !body.failed ? batch_post(weaviate, &body, events, rows, reterr)
                                                 : no_memory(reterr);
    buffer_clear(&body);
    *ret_written = rows;
    return status;
}

static enum status weaviate_write(void *handle, const struct event *events, size_t count,
                                  struct failure *reterr)
{
    enum status status = weaviate_ensure(handle, reterr);
    size_t at = 0;
    while (at < count && status == STATUS_OK) {
        size_t rows = 0;
        status = write_some(handle, events + at, count - at, &rows, reterr);
        at += rows;
    }
    return status;
}

/* ---- queries ---- */

static void append_condition(struct buffer *query, const char *name, const char *operator,
                             struct slice text)
{
    buffer_append_format(query, ",{path:[\"%s\"],operator:%s,valueText:", name, operator);
    weaviate_append_literal(query, text);
    buffer_append_byte(query, '}');
}

/* An index has no empty names, nor any of spaces alone: those are compared here only. */
static void append_name_condition(struct buffer *query, const char *name, struct slice text)
{
    bool has_ink = false;
    for (size_t i = 0; i < text.length; i++) {
        has_ink = has_ink || (text.data[i] > ' ' && text.data[i] < 0x7F);
    }
    if (has_ink) {
        append_condition(query, name, "Equal", text);
    }
}

static void append_time_condition(struct buffer *query, const struct weaviate_schema *schema,
                                  const char *operator, int64_t timestamp_us)
{
    buffer_append_format(query, ",{path:[\"%s\"],operator:%s,valueNumber:%" PRId64 "}",
                         schema->names[PROPERTY_TIMESTAMP_US], operator, timestamp_us);
}

/* Each word in any of the long texts. */
static void append_words(struct buffer *query, const struct weaviate_schema *schema,
                         const struct search_words *words)
{
    for (size_t i = 0; i < words->count; i++) {
        const char *before = ",{operator:Or,operands:[";
        for (size_t field = 0; field < event_fields_count; field++) {
            if (event_fields[field].kind == FIELD_LONG) {
                buffer_append_format(query, "%s{path:[\"%s\"],operator:Equal,valueText:", before,
                                     schema->names[field]);
                weaviate_append_literal(query, words->words[i]);
                buffer_append_byte(query, '}');
                before = ",";
            }
        }
        buffer_append_string(query, "]}");
    }
}

static enum status graphql_call(struct weaviate *weaviate, const struct buffer *query,
                                size_t reply_bytes_max, struct json_value *ret_rows,
                                bool *ret_no_words, struct failure *reterr)
{
    struct buffer body;
    buffer_init(&body, 2 * query_bytes_max);
    buffer_append_string(&body, "{\"query\":");
    buffer_append_json_string(&body, buffer_slice(query));
    buffer_append_byte(&body, '}');
    unsigned code = 0;
    enum status status =
        query->failed || body.failed
            ? no_memory(reterr)
            : weaviate_client_call(&weaviate->client, "POST", graphql_path, buffer_slice(&body),
                                   reply_bytes_max, &code, reterr);
    buffer_clear(&body);
    *ret_no_words = false;
    if (status != STATUS_OK) {
        return status;
    }
    if (code == 200) {
        status = weaviate_reply_rows(buffer_slice(&weaviate->client.reply), ret_rows, ret_no_words,
                                     reterr);
    } else {
        status = weaviate_code_status(code, "a query", reterr);
        status = status == STATUS_DENIED ? status : STATUS_IO;
    }
    weaviate->is_ready = status == STATUS_OK || *ret_no_words;
    return status;
}

/* ---- reading a page ---- */

/* One page under way. Weaviate knows no cursor in an order of ours, so each query asks for what is
 * no younger than the last row seen, and leaves out what of that very microsecond was seen. */
struct walk {
    struct weaviate *weaviate;
    const struct backend_query *query;
    const struct search_words *words;
    struct arena *arena;
    char key[owner_key_length + 1];
    bool has_bound;
    int64_t bound_us;
    size_t offset;
    size_t chunk;
    bool has_last; /* the place behind which rows are wanted */
    int64_t last_us;
    char last_id[event_id_length + 1];
    struct event *events; /* of <limit> */
    size_t limit;
    size_t count;
    size_t bytes;
    bool is_full; /* and there is more */
};

static void walk_compose(const struct walk *walk, struct buffer *query)
{
    const struct weaviate_schema *schema = &walk->weaviate->schema;
    buffer_append_format(query,
                         "{Get{MemoryEvent(limit:%zu,offset:%zu,sort:[{path:[\"%s\"],order:desc},"
                         "{path:[\"%s\"],order:desc}],where:{operator:And,operands:[{path:[\"%s\"],"
                         "operator:Equal,valueText:\"%s\"}",
                         walk->chunk, walk->offset, schema->names[PROPERTY_TIMESTAMP_US],
                         schema->names[PROPERTY_ID], schema->names[PROPERTY_OWNER], walk->key);
    append_name_condition(query, schema->names[event_field_session], walk->query->session);
    append_name_condition(query, schema->names[event_field_task], walk->query->task);
    append_name_condition(query, schema->names[event_field_event], walk->query->event);
    if (walk->has_bound) {
        append_time_condition(query, schema, "LessThanEqual", walk->bound_us);
    }
    append_words(query, schema, walk->words);
    buffer_append_string(query, "]}){");
    weaviate_append_selection(query, schema);
    buffer_append_string(query, "}}}");
}

static bool is_wanted_name(struct slice wanted, struct slice name)
{
    return wanted.data == NULL || (name.data != NULL && slice_equals(wanted, name));
}

static bool walk_wants(const struct walk *walk, const struct event *event)
{
    bool is_behind = !walk->has_last || event->timestamp_us < walk->last_us ||
                     (event->timestamp_us == walk->last_us &&
                      memcmp(event->id, walk->last_id, event_id_length) < 0);
    return is_behind && is_wanted_name(walk->query->session, event->session) &&
           is_wanted_name(walk->query->task, event->task) &&
           is_wanted_name(walk->query->event, event->event);
}

static void walk_take(struct walk *walk, const struct event *event)
{
    if (!walk_wants(walk, event)) {
        return;
    }
    size_t bytes = event_text_bytes(event);
    bool is_long = walk->count > 0 && walk->bytes + bytes > backend_text_bytes_max;
    if (walk->count == walk->limit || is_long) {
        walk->is_full = true;
        return;
    }
    walk->events[walk->count++] = *event;
    walk->bytes += bytes;
    walk->has_last = true;
    walk->last_us = event->timestamp_us;
    memcpy(walk->last_id, event->id, sizeof(walk->last_id));
}

/* Where the next query begins, after <rows> rows of which the last <ties> are of <last_us>. */
static void walk_advance(struct walk *walk, size_t rows, size_t ties, int64_t last_us)
{
    if (walk->has_bound && walk->bound_us == last_us) {
        walk->offset += rows;
        return;
    }
    walk->has_bound = true;
    walk->bound_us = last_us;
    walk->offset = ties;
}

/* *ret_seen: rows in the reply. */
static enum status walk_read_rows(struct walk *walk, struct json_value list, size_t *ret_seen,
                                  struct failure *reterr)
{
    struct json_walk rows = json_walk_begin(list);
    struct json_value row;
    size_t seen = 0;
    size_t ties = 0;
    int64_t last_us = 0;
    while (!walk->is_full && json_walk_next(&rows, NULL, &row)) {
        struct event event;
        enum status status = weaviate_read_event(row, &walk->weaviate->schema, walk->query,
                                                 walk->key, walk->arena, &event, reterr);
        if (status != STATUS_OK) {
            return status == STATUS_NO_MEMORY ? status : STATUS_IO;
        }
        ties = seen > 0 && event.timestamp_us == last_us ? ties + 1 : 1;
        last_us = event.timestamp_us;
        seen++;
        walk_take(walk, &event);
    }
    if (seen > 0) {
        walk_advance(walk, seen, ties, last_us);
    }
    *ret_seen = seen;
    return STATUS_OK;
}

/* *ret_ended: there are no more rows. */
static enum status walk_step(struct walk *walk, bool *ret_ended, struct failure *reterr)
{
    struct buffer query;
    buffer_init(&query, query_bytes_max);
    walk_compose(walk, &query);
    struct json_value rows;
    bool no_words = false;
    size_t reply_max = walk->chunk == 1 ? weaviate_row_bytes_max : weaviate_reply_bytes_max;
    enum status status = graphql_call(walk->weaviate, &query, reply_max, &rows, &no_words, reterr);
    buffer_clear(&query);
    *ret_ended = no_words;
    if (no_words) {
        return STATUS_OK;
    }
    if (status == STATUS_LIMIT && walk->chunk > 1) {
        walk->chunk = (walk->chunk + 3) / 4; /* long rows: fewer of them at once */
        return STATUS_OK;
    }
    size_t seen = 0;
    if (status == STATUS_OK) {
        status = walk_read_rows(walk, rows, &seen, reterr);
        *ret_ended = seen < walk->chunk;
    }
    return status;
}

static enum status read_page(struct weaviate *weaviate, const struct backend_query *query,
                             const struct search_words *words, struct arena *arena,
                             struct event_page *ret, struct failure *reterr)
{
    size_t limit = query->limit > backend_page_rows_max ? backend_page_rows_max : query->limit;
    struct walk walk = {
        .weaviate = weaviate,
        .query = query,
        .words = words,
        .arena = arena,
        .has_bound = query->has_before,
        .bound_us = query->before_us,
        .has_last = query->has_before,
        .last_us = query->before_us,
        .limit = limit == 0 ? 1 : limit,
    };
    memcpy(walk.last_id, query->before_id, event_id_length);
    walk.chunk = walk.limit < chunk_rows_max ? walk.limit + 1 : chunk_rows_max;
    walk.events = arena_allocate_zeroed(arena, walk.limit, sizeof(*walk.events));
    if (walk.events == NULL || !owner_key(query->issuer, query->subject, walk.key)) {
        return no_memory(reterr);
    }
    bool has_ended = false;
    while (!walk.is_full && !has_ended) {
        enum status status = walk_step(&walk, &has_ended, reterr);
        if (status != STATUS_OK) {
            return status;
        }
    }
    *ret = (struct event_page){walk.events, walk.count, walk.is_full};
    return STATUS_OK;
}

/* ---- reading one row ---- */

static enum status read_one(struct weaviate *weaviate, const struct backend_query *query,
                            struct arena *arena, struct event_page *ret, struct failure *reterr)
{
    char key[owner_key_length + 1];
    struct event *event = arena_allocate_zeroed(arena, 1, sizeof(*event));
    if (event == NULL || !owner_key(query->issuer, query->subject, key)) {
        return no_memory(reterr);
    }
    struct buffer path;
    buffer_init(&path, 256);
    buffer_append_string(&path, "/v1/objects/MemoryEvent/");
    buffer_append(&path, query->id);
    unsigned code = 0;
    struct slice nothing = {NULL, 0};
    enum status status = path.failed
                             ? no_memory(reterr)
                             : weaviate_client_call(&weaviate->client, "GET", buffer_slice(&path),
                                                    nothing, weaviate_row_bytes_max, &code, reterr);
    buffer_clear(&path);
    if (status != STATUS_OK) {
        return status;
    }
    if (code == 404) {
        *ret = (struct event_page){.events = event};
        return STATUS_OK;
    }
    if (code != 200) {
        status = weaviate_code_status(code, "a look-up", reterr);
        return status == STATUS_DENIED ? status : STATUS_IO;
    }
    struct json_value object;
    struct failure reason;
    if (json_parse(buffer_slice(&weaviate->client.reply), JSON_DUPLICATES_UNCHECKED, &object,
                   &reason) != STATUS_OK) {
        failure_set(reterr, "Weaviate: the reply to a look-up is no JSON");
        return STATUS_IO;
    }
    status = weaviate_read_event(json_member(object, "properties"), &weaviate->schema, query, key,
                                 arena, event, reterr);
    if (status == STATUS_NO_MEMORY) {
        return status;
    }
    /* Another owner's row, or one that is no event of ours, is as good as none. */
    bool is_found =
        status == STATUS_OK && slice_equals(slice_make(event->id, event_id_length), query->id);
    *ret = (struct event_page){.events = event, .count = is_found ? 1 : 0};
    return STATUS_OK;
}

static enum status weaviate_read(void *handle, const struct backend_query *query,
                                 struct arena *arena, struct event_page *ret,
                                 struct failure *reterr)
{
    struct search_words words;
    bool can_match = false;
    enum status asked = remote_query_read(query, &words, &can_match, reterr);
    if (asked != STATUS_OK) {
        return asked;
    }
    if (!can_match) {
        *ret = (struct event_page){.events = NULL};
        return STATUS_OK;
    }
    enum status status = weaviate_ensure(handle, reterr);
    if (status != STATUS_OK) {
        return status;
    }
    return query->id.data != NULL ? read_one(handle, query, arena, ret, reterr)
                                  : read_page(handle, query, &words, arena, ret, reterr);
}

/* ---- erasing ---- */

static void append_rest_condition(struct buffer *body, const char *name, struct slice text)
{
    buffer_append_format(body, "{\"path\":[\"%s\"],\"operator\":\"Equal\",\"valueText\":", name);
    buffer_append_json_string(body, text);
    buffer_append_byte(body, '}');
}

static bool number_of(struct json_value value, uint64_t *ret)
{
    return value.kind == JSON_NUMBER && slice_parse_uint(value.text, INT64_MAX, ret);
}

/* One DELETE of what <where> matches, as far as Weaviate's limit goes. */
static enum status batch_delete(struct weaviate *weaviate, const struct buffer *where,
                                uint64_t *ret_matches, uint64_t *ret_deleted,
                                struct failure *reterr)
{
    struct buffer body;
    buffer_init(&body, query_bytes_max);
    buffer_append_string(&body, "{\"match\":{\"class\":\"MemoryEvent\",\"where\":");
    buffer_append(&body, buffer_slice(where));
    buffer_append_string(&body, "},\"output\":\"minimal\"}");
    unsigned code = 0;
    enum status status =
        where->failed || body.failed
            ? no_memory(reterr)
            : weaviate_client_call(&weaviate->client, "DELETE", batch_path, buffer_slice(&body),
                                   weaviate_reply_bytes_max, &code, reterr);
    buffer_clear(&body);
    if (status != STATUS_OK) {
        return status;
    }
    if (code != 200) {
        weaviate->is_ready = false;
        status = weaviate_code_status(code, "an erasure", reterr);
        return status == STATUS_DENIED ? status : STATUS_IO;
    }
    struct json_value answer;
    struct failure reason;
    uint64_t failed = 0;
    bool is_read = json_parse(buffer_slice(&weaviate->client.reply), JSON_DUPLICATES_UNCHECKED,
                              &answer, &reason) == STATUS_OK;
    struct json_value results = is_read ? json_member(answer, "results") : (struct json_value){0};
    struct json_value failures = json_member(results, "failed");
    if (!number_of(json_member(results, "matches"), ret_matches) ||
        !number_of(json_member(results, "successful"), ret_deleted) ||
        (failures.kind != JSON_ABSENT && !number_of(failures, &failed))) {
        failure_set(reterr, "Weaviate: the reply to an erasure cannot be read");
        return STATUS_IO;
    }
    if (failed > 0 || (*ret_matches > 0 && *ret_deleted == 0)) {
        failure_set(reterr, "Weaviate: %" PRIu64 " of %" PRIu64 " objects could not be erased",
                    *ret_matches - *ret_deleted, *ret_matches);
        return STATUS_IO;
    }
    return STATUS_OK;
}

/* Until a look finds none left: one call erases no more than QUERY_MAXIMUM_RESULTS. */
static enum status weaviate_erase(void *handle, const struct backend_query *query,
                                  uint64_t *ret_erased, struct failure *reterr)
{
    struct weaviate *weaviate = handle;
    char key[owner_key_length + 1];
    if (query->id.data != NULL && !event_id_is_canonical(query->id)) {
        *ret_erased = 0;
        return STATUS_OK;
    }
    enum status status = weaviate_ensure(weaviate, reterr);
    if (status != STATUS_OK) {
        return status;
    }
    if (!owner_key(query->issuer, query->subject, key)) {
        return no_memory(reterr);
    }
    struct buffer where;
    buffer_init(&where, query_bytes_max);
    buffer_append_string(&where, "{\"operator\":\"And\",\"operands\":[");
    append_rest_condition(&where, weaviate->schema.names[PROPERTY_OWNER], slice_from_string(key));
    if (query->id.data != NULL) {
        buffer_append_byte(&where, ',');
        append_rest_condition(&where, "id", query->id);
    }
    buffer_append_string(&where, "]}");
    uint64_t total = 0;
    uint64_t matches = 1;
    while (status == STATUS_OK && matches > 0) {
        uint64_t deleted = 0;
        status = batch_delete(weaviate, &where, &matches, &deleted, reterr);
        total += status == STATUS_OK ? deleted : 0;
    }
    buffer_clear(&where);
    if (status == STATUS_OK) {
        *ret_erased = total;
    }
    return status;
}

/* ---- expiring ---- */

/* The oldest rows' ids as a condition; *ret_count of them. */
static enum status expire_find(struct weaviate *weaviate, int64_t before_us, size_t limit,
                               struct buffer *where, size_t *ret_count, struct failure *reterr)
{
    const struct weaviate_schema *schema = &weaviate->schema;
    struct buffer query;
    buffer_init(&query, query_bytes_max);
    buffer_append_format(
        &query,
        "{Get{MemoryEvent(limit:%zu,sort:[{path:[\"%s\"],order:asc}],where:{path:[\"%s\"],"
        "operator:LessThan,valueNumber:%" PRId64 "}){_additional{id}}}}",
        limit, schema->names[PROPERTY_TIMESTAMP_US], schema->names[PROPERTY_TIMESTAMP_US],
        before_us);
    struct json_value rows;
    bool no_words = false;
    enum status status =
        graphql_call(weaviate, &query, weaviate_reply_bytes_max, &rows, &no_words, reterr);
    buffer_clear(&query);
    if (status != STATUS_OK) {
        return status;
    }
    struct json_walk walk = json_walk_begin(rows);
    struct json_value row;
    size_t count = 0;
    buffer_append_string(where, "{\"path\":[\"id\"],\"operator\":\"ContainsAny\","
                                "\"valueTextArray\":[");
    while (json_walk_next(&walk, NULL, &row)) {
        struct json_value id = json_member(json_member(row, "_additional"), "id");
        if (id.kind != JSON_STRING) {
            failure_set(reterr, "Weaviate: a row without an id");
            return STATUS_IO;
        }
        buffer_append_string(where, count++ == 0 ? "" : ",");
        buffer_append(where, id.text);
    }
    buffer_append_string(where, "]}");
    *ret_count = count;
    return STATUS_OK;
}

static enum status weaviate_expire(void *handle, int64_t before_us, size_t limit,
                                   uint64_t *ret_erased, struct failure *reterr)
{
    struct weaviate *weaviate = handle;
    enum status status = weaviate_ensure(weaviate, reterr);
    uint64_t total = 0;
    size_t found = 1;
    while (status == STATUS_OK && found > 0 && total < limit) {
        size_t wanted = limit - (size_t)total;
        struct buffer where;
        buffer_init(&where, query_bytes_max);
        status =
            expire_find(weaviate, before_us, wanted < expire_rows_max ? wanted : expire_rows_max,
                        &where, &found, reterr);
        uint64_t matches = 0;
        uint64_t deleted = 0;
        if (status == STATUS_OK && found > 0) {
            status = batch_delete(weaviate, &where, &matches, &deleted, reterr);
        }
        buffer_clear(&where);
        found = matches == 0 ? 0 : found; /* another gateway was faster */
        total += status == STATUS_OK ? deleted : 0;
    }
    if (status == STATUS_OK) {
        *ret_erased = total;
    }
    return status;
}

/* ---- the handle ---- */

static void weaviate_close(void *handle)
{
    struct weaviate *weaviate = handle;
    if (weaviate != NULL) {
        weaviate_client_clear(&weaviate->client);
        free(weaviate);
    }
}

static enum status weaviate_open(const struct backend_settings *settings, void **ret_handle,
                                 struct failure *reterr)
{
    struct weaviate *weaviate = calloc(1, sizeof(*weaviate));
    if (weaviate == NULL) {
        return no_memory(reterr);
    }
    enum status status = weaviate_client_init(&weaviate->client, settings->url, settings->api_key,
                                              settings->timeout_ms, reterr);
    if (status != STATUS_OK) {
        weaviate_close(weaviate);
        return status;
    }
    *ret_handle = weaviate;
    return STATUS_OK;
}

const struct backend backend_weaviate = {
    .name = "weaviate",
    .is_embedded = false,
    .open = weaviate_open,
    .write = weaviate_write,
    .read = weaviate_read,
    .erase = weaviate_erase,
    .expire = weaviate_expire,
    .close = weaviate_close,
};

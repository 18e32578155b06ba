/* SPDX-License-Identifier: MIT
 *
 * answer_memory.c - /mem/events and /mem/export: a caller's own memory, and nobody else's. Every
 * question carries the owner of the token it came with; there is no way to name another. Owning
 * worker only; the work itself is an errand to the memory bus. */
#include "base/json.h"
#include "gateway/answer.h"
#include "gateway/memory_errand.h"
#include "http/query.h"
#include "mem/event_json.h"
#include "mem/event_rows.h"

enum {
    memory_list_rows_usual = 10,                 /* as the original's */
    memory_export_rows = 200,                    /* fetched at once */
    memory_document_bytes_max = 8 * 1024 * 1024, /* with its names; a worker reads it in one go */
    memory_escape_bytes_max = 6,                 /* of one byte in JSON: \u0000 */
    memory_row_bytes_extra = 4096,               /* names of members, numbers */
    memory_name_bytes_max = 256,                 /* of event, session and task */
};

static const struct slice memory_json = SLICE("application/json");

/* ---- what is asked ---- */

static bool memory_number(struct request *request, struct slice value, size_t *ret_limit)
{
    uint64_t number = 0;
    if (!slice_parse_uint(value, UINT64_MAX, &number) || number == 0) {
        answer_detail(request, 422, "bad_limit", "limit: a whole number from 1 to %d was expected",
                      backend_page_rows_max);
        return false;
    }
    *ret_limit = number > backend_page_rows_max ? backend_page_rows_max : (size_t)number;
    return true;
}

/* One parameter of a list or an export. False: answered. */
static bool memory_parameter(struct request *request, struct memory_job *job, struct slice name,
                             struct slice value)
{
    struct backend_query *query = &job->query;
    struct slice *field = NULL;
    if (slice_equals(name, SLICE("limit"))) {
        return memory_number(request, value, &query->limit);
    }
    if (slice_equals(name, SLICE("before"))) {
        if (value.length > 0 && !event_cursor_parse(value, query)) {
            answer_detail(request, 422, "bad_cursor",
                          "before: the cursor of an earlier answer was expected");
            return false;
        }
        return true;
    }
    if (slice_equals(name, SLICE("session"))) {
        return memory_errand_session(request, &job->arena, value, &query->session);
    }
    if (slice_equals(name, SLICE("task"))) {
        field = &query->task;
    } else if (slice_equals(name, SLICE("event"))) {
        field = &query->event;
    } else if (slice_equals(name, SLICE("q"))) {
        field = &query->words;
    }
    if (field == NULL) {
        answer_detail(request, 422, "unknown_parameter",
                      "unknown parameter: limit, before, session, task, event and q are known");
        return false;
    }
    if (value.length > 0 && !arena_copy(&job->arena, value, field)) {
        answer_detail(request, 503, "out_of_memory", "out of memory");
        return false;
    }
    return true;
}

static bool memory_parameters(struct request *request, struct memory_job *job)
{
    struct slice rest = request->head.target.query;
    struct slice name;
    struct slice value;
    for (;;) {
        switch (query_next(&rest, &request->arena, &name, &value)) {
        case STATUS_OK:
            if (!memory_parameter(request, job, name, value)) {
                return false;
            }
            break;
        case STATUS_NOT_FOUND:
            return true;
        default:
            answer_detail(request, 422, "bad_query",
                          "the query is not percent-encoded as it must be");
            return false;
        }
    }
}

/* ---- lists ---- */

/* What the rows can take at most: whatever could be stored can be read. How much that is, the
 * backend bounds: some rows of backend_text_bytes_max, or one. */
static size_t memory_text_bytes_max(const struct event *events, size_t count)
{
    size_t bytes = memory_row_bytes_extra;
    for (size_t i = 0; i < count; i++) {
        bytes += memory_escape_bytes_max * event_bytes(&events[i]) + memory_row_bytes_extra;
    }
    return bytes;
}

static enum step_result memory_listed(struct request *request, const struct memory_job *job)
{
    struct buffer text;
    if (job->status != STATUS_OK) {
        return memory_errand_refuse(request, job);
    }
    buffer_init(&text, memory_text_bytes_max(job->page.events, job->page.count));
    event_append_page(&text, &job->page);
    return answer_buffer(request, 200, memory_json, &text);
}

enum step_result answer_memory_list(struct request *request)
{
    struct memory_job *job =
        memory_errand_create(request, MEMORY_READ, memory_list_rows_usual, memory_listed);
    if (job == NULL) {
        return STEP_ANSWER;
    }
    if (!memory_parameters(request, job)) {
        return memory_errand_drop(job);
    }
    return memory_errand_send(request, job);
}

/* ---- one row ---- */

static bool memory_id(struct request *request, struct memory_job *job)
{
    if (!event_id_is_sound(request->route_segment)) {
        answer_detail(request, 404, "unknown_event", "unknown event");
        return false;
    }
    if (!arena_copy(&job->arena, request->route_segment, &job->query.id)) {
        answer_detail(request, 503, "out_of_memory", "out of memory");
        return false;
    }
    return true;
}

static enum step_result memory_was_read(struct request *request, const struct memory_job *job)
{
    struct buffer text;
    if (job->status != STATUS_OK) {
        return memory_errand_refuse(request, job);
    }
    if (job->page.count == 0) {
        answer_detail(request, 404, "unknown_event", "unknown event");
        return STEP_ANSWER;
    }
    buffer_init(&text, memory_text_bytes_max(job->page.events, 1));
    event_append_json(&text, &job->page.events[0]);
    return answer_buffer(request, 200, memory_json, &text);
}

enum step_result answer_memory_read(struct request *request)
{
    struct memory_job *job = memory_errand_create(request, MEMORY_READ, 1, memory_was_read);
    if (job == NULL) {
        return STEP_ANSWER;
    }
    return memory_id(request, job) ? memory_errand_send(request, job) : memory_errand_drop(job);
}

/* ---- erasing ---- */

static enum step_result memory_erased(struct request *request, const struct memory_job *job)
{
    struct buffer text;
    if (job->status != STATUS_OK) {
        return memory_errand_refuse(request, job);
    }
    if (job->query.id.length > 0 && job->erased == 0) {
        answer_detail(request, 404, "unknown_event", "unknown event");
        return STEP_ANSWER;
    }
    buffer_init(&text, 64);
    buffer_append_format(&text, "{\"erased\":%llu}", (unsigned long long)job->erased);
    return answer_buffer(request, 200, memory_json, &text);
}

enum step_result answer_memory_erase(struct request *request)
{
    struct memory_job *job = memory_errand_create(request, MEMORY_ERASE, 1, memory_erased);
    if (job == NULL) {
        return STEP_ANSWER;
    }
    return memory_id(request, job) ? memory_errand_send(request, job) : memory_errand_drop(job);
}

enum step_result answer_memory_erase_all(struct request *request)
{
    if (!slice_equals(request->head.target.query, SLICE("all=true"))) {
        answer_detail(request, 422, "erase_what",
                      "all=true was expected: it erases every event of yours");
        return STEP_ANSWER;
    }
    struct memory_job *job = memory_errand_create(request, MEMORY_ERASE, 1, memory_erased);
    return job == NULL ? STEP_ANSWER : memory_errand_send(request, job);
}

/* ---- a document ---- */

static enum step_result memory_written(struct request *request, const struct memory_job *job)
{
    struct buffer text;
    if (job->status != STATUS_OK) {
        return memory_errand_refuse(request, job);
    }
    buffer_init(&text, 128);
    buffer_append_format(&text, "{\"mem_id\":\"%s\"}", job->events[0].id);
    return answer_buffer(request, 201, memory_json, &text);
}

/* A short name of the document. False: answered. */
static bool memory_name(struct request *request, struct arena *arena, const char *member,
                        struct json_value value, struct slice *ret)
{
    struct slice text;
    if (value.kind == JSON_NULL) {
        return true;
    }
    if (json_string(value, &request->arena, &text) != STATUS_OK || text.length == 0 ||
        text.length > memory_name_bytes_max) {
        answer_detail(request, 422, "bad_document", "%s: a string of 1 to %d bytes was expected",
                      member, memory_name_bytes_max);
        return false;
    }
    if (!arena_copy(arena, text, ret)) {
        answer_detail(request, 503, "out_of_memory", "out of memory");
        return false;
    }
    return true;
}

/* Words that say what the gateway itself has seen. */
static bool memory_word_is_ours(struct slice event)
{
    return slice_equals(event, SLICE("exchange")) || slice_equals(event, SLICE("task_sent")) ||
           slice_equals(event, SLICE("task_result")) || slice_equals(event, SLICE("log"));
}

static bool memory_member(struct request *request, struct memory_job *job, struct slice name,
                          struct json_value value)
{
    struct event *event = &job->events[0];
    struct slice session = {0};
    if (slice_equals(name, SLICE("payload"))) {
        if (!arena_copy(&job->arena, value.text, &event->payload)) {
            answer_detail(request, 503, "out_of_memory", "out of memory");
            return false;
        }
        return true;
    }
    if (slice_equals(name, SLICE("task"))) {
        return memory_name(request, &job->arena, "task", value, &event->task);
    }
    if (slice_equals(name, SLICE("session"))) {
        return memory_name(request, &job->arena, "session", value, &session) &&
               (session.length == 0 ||
                memory_errand_session(request, &job->arena, session, &event->session));
    }
    if (!slice_equals(name, SLICE("event"))) {
        answer_detail(request, 422, "bad_document",
                      "unknown member: event, session, task and payload are known");
        return false;
    }
    if (!memory_name(request, &job->arena, "event", value, &event->event)) {
        return false;
    }
    if (memory_word_is_ours(event->event)) {
        answer_detail(
            request, 422, "bad_document",
            "event: exchange, log, task_sent and task_result are the gateway's own words");
        return false;
    }
    return true;
}

static bool memory_document(struct request *request, struct memory_job *job)
{
    struct json_value document;
    struct json_walk walk;
    struct slice name;
    struct json_value value;
    if (json_parse(buffer_slice(&request->body), JSON_DUPLICATES_UNCHECKED, &document, NULL) !=
            STATUS_OK ||
        document.kind != JSON_OBJECT) {
        answer_detail(request, 400, "body_not_json", "the body must be a JSON object");
        return false;
    }
    walk = json_walk_begin(document);
    while (json_walk_next(&walk, &name, &value)) {
        if (!memory_member(request, job, name, value)) {
            return false;
        }
    }
    if (job->events[0].payload.data == NULL) {
        answer_detail(request, 422, "bad_document", "payload: any JSON value was expected");
        return false;
    }
    return true;
}

enum step_result answer_memory_write(struct request *request)
{
    if (request->body.length > memory_document_bytes_max) {
        answer_detail(request, 413, "body_too_large", "a document: at most %d bytes",
                      memory_document_bytes_max);
        return STEP_ANSWER;
    }
    struct memory_job *job = memory_errand_create(request, MEMORY_WRITE, 1, memory_written);
    if (job == NULL) {
        return STEP_ANSWER;
    }
    job->events[0].event = SLICE("document");
    return memory_document(request, job) ? memory_errand_send(request, job)
                                         : memory_errand_drop(job);
}

/* ---- everything, as NDJSON ---- */

struct memory_export {
    struct backend_query query; /* of the next page; its text in the request's arena */
    struct buffer page;
    bool has_more;
    bool broken;
};

static enum step_result memory_export_page(struct request *request, const struct memory_job *job);

static bool memory_export_keep(struct arena *arena, struct slice *text)
{
    return text->data == NULL || arena_copy(arena, *text, text);
}

/* Asks for the page after the last one. */
static void memory_export_ask(struct request *request, struct memory_export *export)
{
    struct memory_job *job = memory_errand_create(request, MEMORY_READ, 1, memory_export_page);
    if (job == NULL) {
        export->broken = true;
        return;
    }
    struct backend_query *query = &job->query;
    struct slice issuer = query->issuer;
    struct slice subject = query->subject;
    *query = export->query;
    query->issuer = issuer;
    query->subject = subject;
    query->limit = memory_export_rows;
    bool kept = memory_export_keep(&job->arena, &query->session) &&
                memory_export_keep(&job->arena, &query->task) &&
                memory_export_keep(&job->arena, &query->event) &&
                memory_export_keep(&job->arena, &query->words);
    if (!kept) {
        export->broken = true;
        (void)memory_errand_drop(job);
        return;
    }
    (void)memory_errand_send(request, job);
}

static enum source_result memory_export_source(struct request *request, struct slice *ret_bytes)
{
    struct memory_export *export = request->answer_state;
    if (export->broken || export->page.failed) {
        return SOURCE_BROKEN;
    }
    if (request->reply_text_sent < export->page.length) {
        struct slice rest = slice_after(buffer_slice(&export->page), request->reply_text_sent);
        rest.length = rest.length > 64 * 1024 ? 64 * 1024 : rest.length;
        request->reply_text_sent += rest.length;
        *ret_bytes = rest;
        return SOURCE_BYTES;
    }
    if (!export->has_more) {
        return SOURCE_END;
    }
    memory_export_ask(request, export);
    return export->broken ? SOURCE_BROKEN : SOURCE_WAITS;
}

/* A row with the cursor to go on after it. */
static void memory_export_row(struct buffer *text, const struct event *event)
{
    struct buffer row;
    buffer_init(&row, memory_text_bytes_max(event, 1));
    event_append_json(&row, event);
    buffer_append_string(text, "{\"cursor\":\"");
    event_append_cursor(text, event);
    buffer_append_string(text, "\",");
    if (row.failed || row.length < 2) {
        text->failed = true;
    } else {
        buffer_append(text, slice_after(buffer_slice(&row), 1));
    }
    buffer_append_byte(text, '\n');
    buffer_clear(&row);
}

static void memory_export_take(struct request *request, struct memory_export *export,
                               const struct event_page *page)
{
    buffer_clear(&export->page);
    buffer_init(&export->page, memory_text_bytes_max(page->events, page->count));
    request->reply_text_sent = 0;
    for (size_t i = 0; i < page->count; i++) {
        memory_export_row(&export->page, &page->events[i]);
    }
    export->has_more = page->has_more && page->count > 0;
    if (page->count > 0) {
        const struct event *last = &page->events[page->count - 1];
        export->query.has_before = true;
        export->query.before_us = last->timestamp_us;
        memcpy(export->query.before_id, last->id, sizeof(last->id));
    }
}

static enum step_result memory_export_page(struct request *request, const struct memory_job *job)
{
    struct memory_export *export = request->answer_state;
    if (job->status != STATUS_OK && !request->replied) {
        return memory_errand_refuse(request, job);
    }
    if (job->status != STATUS_OK) {
        export->broken = true;
        return STEP_WAIT;
    }
    memory_export_take(request, export, &job->page);
    if (request->replied) {
        return STEP_WAIT;
    }
    return answer_stream(request, 200, SLICE("application/x-ndjson"), memory_export_source);
}

static void memory_export_over(struct request *request)
{
    struct memory_export *export = request->answer_state;
    buffer_clear(&export->page);
}

enum step_result answer_memory_export(struct request *request)
{
    struct memory_export *export =
        arena_allocate_zeroed(&request->arena, 1, sizeof(struct memory_export));
    struct memory_job *job =
        memory_errand_create(request, MEMORY_READ, memory_export_rows, memory_export_page);
    if (job == NULL) {
        return STEP_ANSWER;
    }
    if (export == NULL) {
        answer_detail(request, 503, "out_of_memory", "out of memory");
        return memory_errand_drop(job);
    }
    if (!memory_parameters(request, job)) {
        return memory_errand_drop(job);
    }
    buffer_init(&export->page, 0);
    export->query = job->query; /* the texts are copied into the request's arena */
    if (!memory_export_keep(&request->arena, &export->query.session) ||
        !memory_export_keep(&request->arena, &export->query.task) ||
        !memory_export_keep(&request->arena, &export->query.event) ||
        !memory_export_keep(&request->arena, &export->query.words)) {
        answer_detail(request, 503, "out_of_memory", "out of memory");
        return memory_errand_drop(job);
    }
    request->answer_state = export;
    request->answer_over = memory_export_over;
    job->query.limit = memory_export_rows;
    return memory_errand_send(request, job);
}

/* SPDX-License-Identifier: MIT
 *
 * answer_logs.c - POST /v1/logs: agents' log lines in Sakana's form, one object, an array or
 * NDJSON. All of them are kept or none; user and session are the caller's, whatever the lines say.
 * Owning worker only. */
#include "base/json.h"
#include "gateway/answer.h"
#include "gateway/memory_errand.h"

enum {
    logs_lines_max = 10000, /* of one request */
    logs_bytes_max = 8 * 1024 * 1024,
    logs_name_bytes_max = 1024,
};

struct logs_fault {
    size_t line; /* counted from 1; 0: there is only one */
    const char *text;
};

static enum step_result logs_written(struct request *request, const struct memory_job *job)
{
    if (job->status != STATUS_OK) {
        return memory_errand_refuse(request, job);
    }
    answer(request, 202, SLICE(""), SLICE(""), NULL, 0);
    return STEP_ANSWER;
}

/* ---- the lines of a body ---- */

/* Walks over the lines, whichever of the three forms they have. */
struct logs_walk {
    bool is_array;
    struct json_walk array;
    struct slice rest; /* of NDJSON */
};

static bool logs_walk_begin(struct slice body, struct logs_walk *walk)
{
    struct json_value whole;
    *walk = (struct logs_walk){.rest = body};
    if (json_parse(body, JSON_DUPLICATES_UNCHECKED, &whole, NULL) == STATUS_OK) {
        walk->is_array = whole.kind == JSON_ARRAY;
        if (walk->is_array) {
            walk->array = json_walk_begin(whole);
        }
        return true;
    }
    return slice_find(body, '\n') < body.length;
}

/* STATUS_OK and a value; STATUS_NOT_FOUND at the end; STATUS_INVALID for a line that is not JSON.
 */
static enum status logs_walk_next(struct logs_walk *walk, struct json_value *ret)
{
    if (walk->is_array) {
        return json_walk_next(&walk->array, NULL, ret) ? STATUS_OK : STATUS_NOT_FOUND;
    }
    struct json_value whole;
    if (walk->rest.length > 0 &&
        json_parse(walk->rest, JSON_DUPLICATES_UNCHECKED, &whole, NULL) == STATUS_OK) {
        walk->rest.length = 0; /* one object, however many lines it is written over */
        *ret = whole;
        return STATUS_OK;
    }
    while (walk->rest.length > 0) {
        size_t end = slice_find(walk->rest, '\n');
        struct slice line = slice_trim(slice_make(walk->rest.data, end));
        walk->rest = slice_after(walk->rest, end < walk->rest.length ? end + 1 : end);
        if (line.length > 0 && line.data[line.length - 1] == '\r') {
            line.length--;
        }
        if (line.length > 0) {
            return json_parse(line, JSON_DUPLICATES_UNCHECKED, ret, NULL);
        }
    }
    return STATUS_NOT_FOUND;
}

/* ---- one line ---- */

static bool logs_level_is_known(struct slice level)
{
    static const struct slice levels[] = {SLICE("debug"), SLICE("info"), SLICE("warn"),
                                          SLICE("error"), SLICE("fatal")};
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        if (slice_equals(level, levels[i])) {
            return true;
        }
    }
    return false;
}

/* NULL: fine. */
static const char *logs_text(struct json_value value, struct arena *arena, size_t bytes_max,
                             const char *fault, struct slice *ret)
{
    struct slice text;
    if (json_string(value, arena, &text) != STATUS_OK || text.length > bytes_max) {
        return fault;
    }
    return arena_copy(arena, text, ret) ? NULL : "out of memory";
}

static const char *logs_time(struct json_value value, struct event *event)
{
    int64_t seconds = 0;
    if (value.kind == JSON_ABSENT || value.kind == JSON_NULL) {
        return NULL;
    }
    if (!json_numeric_date(value, &seconds) || seconds < 0 || seconds > 253402300799) {
        return "timestamp: seconds since 1970 were expected, as a number";
    }
    int64_t micros = 0;
    size_t dot = slice_find(value.text, '.');
    int64_t unit = 100000;
    bool has_exponent = slice_find(value.text, 'e') < value.text.length ||
                        slice_find(value.text, 'E') < value.text.length;
    for (size_t i = dot + 1; !has_exponent && i < value.text.length && unit > 0; i++) {
        micros += (value.text.data[i] - '0') * unit;
        unit /= 10;
    }
    event->timestamp_us = seconds * 1000000 + micros;
    return NULL;
}

static const char *logs_line(struct json_value line, struct arena *arena, struct event *event)
{
    struct json_value agent;
    const char *fault = NULL;
    if (line.kind != JSON_OBJECT) {
        return "an object was expected";
    }
    event->event = SLICE("log");
    fault = logs_text(json_member(line, "run_id"), arena, logs_name_bytes_max,
                      "run_id: a string of at most 1024 bytes was expected", &event->run_id);
    if (fault == NULL) {
        fault =
            logs_text(json_member(line, "level"), arena, logs_name_bytes_max,
                      "level: one of debug, info, warn, error, fatal was expected", &event->level);
    }
    if (fault == NULL && !logs_level_is_known(event->level)) {
        fault = "level: one of debug, info, warn, error, fatal was expected";
    }
    if (fault == NULL) {
        fault = logs_text(json_member(line, "message"), arena, SIZE_MAX,
                          "message: a string was expected", &event->message);
    }
    agent = json_member(line, "agent");
    if (fault == NULL && agent.kind != JSON_ABSENT && agent.kind != JSON_NULL) {
        fault = logs_text(agent, arena, logs_name_bytes_max,
                          "agent: a string of at most 1024 bytes was expected", &event->agent);
    }
    return fault == NULL ? logs_time(json_member(line, "timestamp"), event) : fault;
}

/* ---- the request ---- */

static enum step_result logs_refuse(struct request *request, size_t line, size_t lines_count,
                                    const char *fault)
{
    if (lines_count > 1) {
        answer_detail(request, 422, "bad_log_line", "entry %zu: %s", line, fault);
    } else {
        answer_detail(request, 422, "bad_log_line", "%s", fault);
    }
    return STEP_ANSWER;
}

static bool logs_are_otlp(struct request *request)
{
    const struct field *type =
        fields_find(request->head.fields, request->head.fields_count, FIELD_CONTENT_TYPE, NULL);
    struct json_value whole;
    if (type != NULL &&
        slice_starts_with_ignoring_case(type->value, SLICE("application/x-protobuf"))) {
        return true;
    }
    return json_parse(buffer_slice(&request->body), JSON_DUPLICATES_UNCHECKED, &whole, NULL) ==
               STATUS_OK &&
           json_member(whole, "resourceLogs").kind != JSON_ABSENT;
}

/* How many lines there are. False: answered. */
static bool logs_count(struct request *request, size_t *ret_count)
{
    struct logs_walk walk;
    struct json_value line;
    enum status status = STATUS_OK;
    size_t count = 0;
    if (!logs_walk_begin(buffer_slice(&request->body), &walk)) {
        answer_detail(request, 400, "body_not_json",
                      "the body must be a JSON object, an array of them, or one on each line");
        return false;
    }
    while ((status = logs_walk_next(&walk, &line)) == STATUS_OK && count < logs_lines_max) {
        count++;
    }
    if (status == STATUS_INVALID) {
        answer_detail(request, 422, "bad_log_line", "entry %zu: not JSON", count + 1);
        return false;
    }
    if (status == STATUS_OK) {
        answer_detail(request, 413, "too_many_log_lines", "at most %d entries in one request",
                      logs_lines_max);
        return false;
    }
    if (count == 0) {
        answer_detail(request, 422, "bad_log_line", "at least one entry was expected");
        return false;
    }
    *ret_count = count;
    return true;
}

enum step_result answer_logs(struct request *request)
{
    struct logs_walk walk;
    struct json_value line;
    size_t count = 0;
    if (request->body.length > logs_bytes_max) { /* before it is looked at: it takes too long */
        answer_detail(request, 413, "body_too_large", "log lines: at most %d bytes in one request",
                      logs_bytes_max);
        return STEP_ANSWER;
    }
    if (logs_are_otlp(request)) {
        answer_detail(request, 415, "logs_are_otlp",
                      "OTLP is not taken here: send {\"run_id\", \"level\", \"message\"} objects, "
                      "and OTLP to a collector");
        return STEP_ANSWER;
    }
    if (!logs_count(request, &count)) {
        return STEP_ANSWER;
    }
    struct memory_job *job = memory_errand_create(request, MEMORY_WRITE, count, logs_written);
    if (job == NULL) {
        return STEP_ANSWER;
    }
    (void)logs_walk_begin(buffer_slice(&request->body), &walk);
    for (size_t i = 0; i < count; i++) {
        (void)logs_walk_next(&walk, &line);
        const char *fault = logs_line(line, &job->arena, &job->events[i]);
        if (fault != NULL) {
            (void)memory_errand_drop(job);
            return logs_refuse(request, i + 1, count, fault);
        }
    }
    return memory_errand_send(request, job);
}

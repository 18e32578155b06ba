/* SPDX-License-Identifier: MIT
 *
 * answer_a2a_rest.c - A2A over HTTP and JSON under /a2a/rest: the paths of 1.0, and those of 0.3
 * under /a2a/rest/v1. Owning worker only. */
#include "gateway/a2a_face.h"
#include "gateway/answer.h"
#include "http/query.h"

enum { target_bytes_max = 64 * 1024 }; /* MAX_REQUEST_LINE cannot be longer */

/* Which operation a path is. {id} and {config} stand for one segment. */
static const struct a2a_rest_row {
    const char *method;
    const char *path;
    enum a2a_operation operation;
} a2a_rest_rows[] = {
    {"POST", "message:send", OPERATION_SEND},
    {"POST", "message:stream", OPERATION_STREAM},
    {"GET", "tasks", OPERATION_LIST},
    {"GET", "tasks/{id}", OPERATION_GET},
    {"POST", "tasks/{id}:cancel", OPERATION_CANCEL},
    {"POST", "tasks/{id}:subscribe", OPERATION_SUBSCRIBE},
    {"GET", "tasks/{id}:subscribe", OPERATION_SUBSCRIBE},
    {"POST", "tasks/{id}/pushNotificationConfigs", OPERATION_PUSH_SET},
    {"GET", "tasks/{id}/pushNotificationConfigs", OPERATION_PUSH_LIST},
    {"GET", "tasks/{id}/pushNotificationConfigs/{config}", OPERATION_PUSH_GET},
    {"DELETE", "tasks/{id}/pushNotificationConfigs/{config}", OPERATION_PUSH_DELETE},
    {"GET", "extendedAgentCard", OPERATION_EXTENDED_CARD},
    {"GET", "card", OPERATION_EXTENDED_CARD},
};

/* Compares piece by piece; a brace takes what stands before the next fixed text. */
static bool a2a_rest_matches(const char *pattern, struct slice path, struct slice *ret_id,
                             struct slice *ret_config)
{
    struct slice *const places[] = {ret_id, ret_config};
    size_t place = 0;
    while (*pattern != '\0') {
        if (*pattern != '{') {
            if (path.length == 0 || path.data[0] != *pattern) {
                return false;
            }
            path = slice_after(path, 1);
            pattern++;
            continue;
        }
        pattern = strchr(pattern, '}') + 1;
        size_t end = slice_find(path, '/');
        size_t colon = slice_find(path, ':');
        end = *pattern == ':' && colon < end ? colon : end;
        if (end == 0 || (*pattern != ':' && colon < end)) {
            return false;
        }
        *places[place++] = slice_make(path.data, end);
        path = slice_after(path, end);
    }
    return path.length == 0;
}

static const struct a2a_rest_row *a2a_rest_find(struct slice method, struct slice path,
                                                struct slice *ret_id, struct slice *ret_config)
{
    for (size_t i = 0; i < sizeof(a2a_rest_rows) / sizeof(a2a_rest_rows[0]); i++) {
        *ret_id = *ret_config = slice_make(NULL, 0);
        if (slice_equals(method, slice_from_string(a2a_rest_rows[i].method)) &&
            a2a_rest_matches(a2a_rest_rows[i].path, path, ret_id, ret_config)) {
            return &a2a_rest_rows[i];
        }
    }
    return NULL;
}

/* The parameters as JSON-RPC has them: what the path says in front of what the body says. The ids
 * come out of a canonical path and hold nothing that JSON would escape. */
static bool a2a_rest_params(const struct a2a_rest_row *row, struct slice id, struct slice config,
                            struct slice body, struct buffer *text)
{
    bool by_id = row->operation == OPERATION_GET || row->operation == OPERATION_CANCEL ||
                 row->operation == OPERATION_SUBSCRIBE;
    struct slice inner = slice_trim(body);
    buffer_append_string(text, by_id ? "{\"id\":\"" : "{\"taskId\":\"");
    buffer_append(text, id);
    buffer_append_byte(text, '"');
    if (config.length > 0) {
        buffer_append_string(text, ",\"id\":\"");
        buffer_append(text, config);
        buffer_append_byte(text, '"');
    }
    if (inner.length > 2 && inner.data[0] == '{') {
        buffer_append_byte(text, ',');
        buffer_append(text, slice_after(inner, 1));
    } else {
        buffer_append_byte(text, '}');
    }
    return !text->failed;
}

/* The bodies of 0.3 are protocol buffers as JSON, which leave a false out: a configuration that
 * does not say "blocking" does not ask to wait. */
static bool a2a_rest_waits(enum a2a_version version, struct json_value params)
{
    struct json_value configuration = json_member(params, "configuration");
    return version != A2A_LEGACY || configuration.kind != JSON_OBJECT ||
           json_member(configuration, "blocking").kind == JSON_TRUE;
}

static enum a2a_outcome a2a_rest_body(struct request *request, const struct a2a_rest_row *row,
                                      struct slice id, struct slice config,
                                      enum a2a_version version, struct a2a_face *face,
                                      struct failure *failure)
{
    struct json_value params = {.kind = JSON_ABSENT};
    struct buffer text;
    struct slice kept = buffer_slice(&request->body); /* without an id, read where it lies */
    buffer_init(&text, request->body.length + 2 * target_bytes_max);
    bool made = id.length == 0 || (a2a_rest_params(row, id, config, kept, &text) &&
                                   arena_copy(&request->arena, buffer_slice(&text), &kept));
    buffer_clear(&text);
    if (!made) {
        failure_set(failure, "the request is too long");
        return A2A_INVALID;
    }
    if (kept.length > 0 &&
        json_parse(kept, JSON_DUPLICATES_UNCHECKED, &params, failure) != STATUS_OK) {
        return A2A_NOT_JSON;
    }
    enum a2a_outcome outcome =
        question_read(row->operation, version, params, &request->arena, &face->question, failure);
    face->question.returns_at_once |= !a2a_rest_waits(version, params);
    return outcome;
}

static enum a2a_outcome a2a_rest_query(struct request *request, struct a2a_face *face,
                                       struct failure *failure)
{
    struct slice rest = request->head.target.query;
    struct slice name;
    struct slice value;
    for (;;) {
        enum status status = query_next(&rest, &request->arena, &name, &value);
        if (status == STATUS_NOT_FOUND) {
            return A2A_OK;
        }
        if (status != STATUS_OK) {
            failure_set(failure, "the query is not percent-encoded as it must be");
            return A2A_INVALID;
        }
        enum a2a_outcome outcome = question_read_parameter(&face->question, name, value, failure);
        if (outcome != A2A_OK) {
            return outcome;
        }
    }
}

static enum step_result a2a_rest_answer(struct request *request, struct slice agent)
{
    struct slice path = request->route_rest;
    struct slice id;
    struct slice config;
    struct failure failure = {{0}};
    struct a2a_face *face = arena_allocate_zeroed(&request->arena, 1, sizeof(*face));
    if (face == NULL) {
        answer_detail(request, 503, "out_of_memory", "out of memory");
        return STEP_ANSWER;
    }
    bool is_legacy = slice_starts_with(path, SLICE("v1/"));
    face->agent = agent;
    face->form = is_legacy ? WIRE_LEGACY_REST : WIRE_CURRENT;
    if (is_legacy) {
        path = slice_after(path, 3);
    }
    struct slice version = a2a_face_version(request);
    if (version.length > 0 && !a2a_version_is_known(version)) {
        return a2a_face_refuse(request, face, A2A_UNKNOWN_VERSION, "");
    }
    const struct a2a_rest_row *row = a2a_rest_find(request->head.method, path, &id, &config);
    if (row == NULL) {
        return a2a_face_refuse(request, face, A2A_UNKNOWN_METHOD, "");
    }
    enum a2a_outcome outcome = a2a_rest_body(request, row, id, config,
                                             is_legacy ? A2A_LEGACY : A2A_CURRENT, face, &failure);
    if (outcome == A2A_OK) {
        outcome = a2a_rest_query(request, face, &failure);
    }
    if (outcome != A2A_OK) {
        return a2a_face_refuse(request, face, outcome, failure.text);
    }
    return a2a_face_ask(request, face);
}

enum step_result answer_a2a_rest(struct request *request)
{
    return a2a_rest_answer(request, slice_make(NULL, 0));
}

enum step_result answer_a2a_agent_rest(struct request *request)
{
    return a2a_rest_answer(request, request->route_segment);
}

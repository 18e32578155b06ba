/* SPDX-License-Identifier: MIT
 *
 * jsonrpc.c - the envelope, the table of methods, and one reader for each kind of parameters. Any
 * thread. */
#include "a2a/jsonrpc.h"

#include "http/characters.h"

#include <time.h>

struct method {
    enum a2a_operation operation;
    enum a2a_version version;
    const char *name;
};

static const struct method methods[] = {
#define METHOD(operation, version, name) {OPERATION_##operation, A2A_##version, name},
#include "a2a/methods.def"
#undef METHOD
};

enum { text_bytes_max = 8 * 1024 };

static enum a2a_outcome refuse(struct failure *reterr, const char *text)
{
    failure_set(reterr, "%s", text);
    return A2A_INVALID;
}

bool a2a_version_is_known(struct slice version)
{
    static const char *const known[] = {"", "0.2", "0.2.5", "0.2.6", "0.3", "0.3.0", "1.0"};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (slice_equals(version, slice_from_string(known[i]))) {
            return true;
        }
    }
    return false;
}

/* ---- values ---- */

/* A text that may be absent; at most <bytes_max> bytes without control characters. */
static bool text_read(struct json_value value, size_t bytes_max, struct arena *arena,
                      struct slice *ret)
{
    struct slice text = {NULL, 0};
    if (value.kind == JSON_ABSENT) {
        *ret = text;
        return true;
    }
    if (json_string(value, arena, &text) != STATUS_OK || text.length > bytes_max) {
        return false;
    }
    for (size_t i = 0; i < text.length; i++) {
        if ((unsigned char)text.data[i] < 0x20 || text.data[i] == 0x7f) {
            return false;
        }
    }
    *ret = text;
    return true;
}

/* What becomes a part of a header field: %x21-7E, spaces within. */
static bool is_field_text(struct slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] < 0x20 || text.data[i] > 0x7e) {
            return false;
        }
    }
    return slice_trim(text).length == text.length;
}

static bool count_parse(struct slice text, int64_t *ret)
{
    uint64_t number;
    if (!slice_parse_uint(text, INT32_MAX, &number)) {
        return false;
    }
    *ret = (int64_t)number;
    return true;
}

static bool count_read(struct json_value value, int64_t *ret)
{
    if (value.kind == JSON_ABSENT) {
        return true;
    }
    return value.kind == JSON_NUMBER && count_parse(value.text, ret);
}

static bool digits_read(struct slice *text, size_t count, int *ret)
{
    uint64_t number;
    if (text->length < count || !slice_parse_uint(slice_make(text->data, count), 9999, &number)) {
        return false;
    }
    *ret = (int)number;
    *text = slice_after(*text, count);
    return true;
}

static bool byte_take(struct slice *text, const char *any_of)
{
    if (text->length == 0 || text->data[0] == '\0' || strchr(any_of, text->data[0]) == NULL) {
        return false;
    }
    *text = slice_after(*text, 1);
    return true;
}

/* "Z", "+01:30": seconds east. */
static bool zone_read(struct slice *text, int *ret_s)
{
    int hours, minutes;
    bool is_west = text->length > 0 && text->data[0] == '-';
    if (byte_take(text, "Zz")) {
        *ret_s = 0;
        return true;
    }
    if (!byte_take(text, "+-") || !digits_read(text, 2, &hours) || !byte_take(text, ":") ||
        !digits_read(text, 2, &minutes) || hours > 23 || minutes > 59) {
        return false;
    }
    *ret_s = (hours * 3600 + minutes * 60) * (is_west ? -1 : 1);
    return true;
}

/* RFC 3339 5.6, in microseconds since 1970. */
static bool time_read(struct slice text, int64_t *ret_us)
{
    struct tm tm = {0};
    int64_t fraction_us = 0;
    int zone_s;
    if (!digits_read(&text, 4, &tm.tm_year) || !byte_take(&text, "-") ||
        !digits_read(&text, 2, &tm.tm_mon) || !byte_take(&text, "-") ||
        !digits_read(&text, 2, &tm.tm_mday) || !byte_take(&text, "Tt ") ||
        !digits_read(&text, 2, &tm.tm_hour) || !byte_take(&text, ":") ||
        !digits_read(&text, 2, &tm.tm_min) || !byte_take(&text, ":") ||
        !digits_read(&text, 2, &tm.tm_sec)) {
        return false;
    }
    if (byte_take(&text, ".")) {
        int64_t unit_us = 100000;
        size_t digits = 0;
        int digit;
        for (; digits_read(&text, 1, &digit); digits++, unit_us /= 10) {
            fraction_us += digit * unit_us;
        }
        if (digits == 0) {
            return false;
        }
    }
    if (!zone_read(&text, &zone_s) || text.length > 0 || tm.tm_year < 1970 || tm.tm_mon < 1 ||
        tm.tm_mon > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour > 23 || tm.tm_min > 59 ||
        tm.tm_sec > 60) {
        return false;
    }
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    *ret_us = ((int64_t)timegm(&tm) - zone_s) * 1000000 + fraction_us;
    return true;
}

/* ---- parameters ---- */

/* {id?, url, token?, authentication?}: schemes is 0.x, scheme 1.0. */
static enum a2a_outcome push_read(struct json_value value, struct arena *arena,
                                  struct task_push *ret, struct failure *reterr)
{
    struct json_value authentication = json_given(value, "authentication");
    struct json_value scheme = json_given(authentication, "scheme");
    struct json_value schemes = json_given(authentication, "schemes");
    if (value.kind != JSON_OBJECT) {
        return refuse(reterr, "pushNotificationConfig: an object is expected");
    }
    if (scheme.kind == JSON_ABSENT && schemes.kind == JSON_ARRAY) {
        struct json_walk walk = json_walk_begin(schemes);
        if (!json_walk_next(&walk, NULL, &scheme)) {
            scheme = (struct json_value){0};
        }
    }
    if (!text_read(json_given(value, "id"), task_name_bytes_max, arena, &ret->id) ||
        !text_read(json_given(value, "url"), text_bytes_max, arena, &ret->url) ||
        !text_read(json_given(value, "token"), text_bytes_max, arena, &ret->token) ||
        !text_read(scheme, task_name_bytes_max, arena, &ret->scheme) ||
        !text_read(json_given(authentication, "credentials"), text_bytes_max, arena,
                   &ret->credentials)) {
        return refuse(reterr, "pushNotificationConfig: id, url, token, scheme and credentials are "
                              "texts");
    }
    if (ret->url.length == 0) {
        return refuse(reterr, "pushNotificationConfig.url: a URL is expected");
    }
    if (!is_field_text(ret->token) || !is_field_text(ret->credentials) ||
        (ret->scheme.length > 0 && !character_is_token(ret->scheme))) {
        return refuse(reterr, "pushNotificationConfig: token and credentials become header fields");
    }
    return A2A_OK;
}

static enum a2a_outcome configuration_read(struct json_value value, struct arena *arena,
                                           struct a2a_question *ret, struct failure *reterr)
{
    static const char *const push_names[] = {"pushNotificationConfig", "pushNotification",
                                             "taskPushNotificationConfig"};
    struct json_value blocking = json_given(value, "blocking");
    struct json_value at_once = json_given(value, "returnImmediately");
    if (value.kind == JSON_ABSENT) {
        return A2A_OK;
    }
    if (value.kind != JSON_OBJECT) {
        return refuse(reterr, "configuration: an object is expected");
    }
    ret->returns_at_once = blocking.kind == JSON_FALSE || at_once.kind == JSON_TRUE;
    if (!count_read(json_given(value, "historyLength"), &ret->history_length)) {
        return refuse(reterr, "configuration.historyLength: a whole number is expected");
    }
    for (size_t i = 0; i < sizeof(push_names) / sizeof(push_names[0]); i++) {
        struct json_value push = json_given(value, push_names[i]);
        if (push.kind != JSON_ABSENT) {
            ret->has_push = true;
            return push_read(push, arena, &ret->push, reterr);
        }
    }
    return A2A_OK;
}

static enum a2a_outcome send_read(struct json_value params, struct arena *arena,
                                  struct a2a_question *ret, struct failure *reterr)
{
    struct json_value message = json_given(params, "message");
    if (message_read(message, &ret->message, reterr) != STATUS_OK) {
        return A2A_INVALID;
    }
    if (ret->message.is_agents) {
        return refuse(reterr, "message.role: messages of a user are expected");
    }
    if (!text_read(ret->message.id, task_name_bytes_max, arena, &ret->message_id) ||
        !text_read(ret->message.context_id, task_name_bytes_max, arena, &ret->context_id) ||
        !text_read(ret->message.task_id, task_name_bytes_max, arena, &ret->task_id)) {
        return refuse(reterr, "message: ids have at most 256 bytes");
    }
    struct json_value model = json_given(ret->message.metadata, "model");
    if (model.kind == JSON_ABSENT) {
        model = json_given(json_given(params, "metadata"), "model");
    }
    if (!text_read(model, task_name_bytes_max, arena, &ret->model)) {
        return refuse(reterr, "metadata.model: a text is expected");
    }
    return configuration_read(json_given(params, "configuration"), arena, ret, reterr);
}

static enum a2a_outcome get_read(struct json_value params, struct arena *arena,
                                 struct a2a_question *ret, struct failure *reterr)
{
    if (!text_read(json_given(params, "id"), task_name_bytes_max, arena, &ret->task_id) ||
        ret->task_id.length == 0) {
        return refuse(reterr, "id: a task's id is expected");
    }
    if (!count_read(json_given(params, "historyLength"), &ret->history_length)) {
        return refuse(reterr, "historyLength: a whole number is expected");
    }
    return A2A_OK;
}

static enum a2a_outcome page_size_set(struct a2a_question *question, int64_t size,
                                      struct failure *reterr)
{
    if (size < 1 || size > task_page_rows_max) {
        return refuse(reterr, "pageSize: 1 to 100");
    }
    question->query.limit = (size_t)size;
    return A2A_OK;
}

static enum a2a_outcome state_set(struct a2a_question *question, struct slice name,
                                  struct failure *reterr)
{
    if (slice_equals(name, SLICE("TASK_STATE_UNSPECIFIED"))) {
        return A2A_OK;
    }
    if (!task_state_find(name, &question->query.state)) {
        return refuse(reterr, "status: not a state of a task");
    }
    question->query.has_state = true;
    return A2A_OK;
}

static enum a2a_outcome after_set(struct a2a_question *question, struct slice text,
                                  struct failure *reterr)
{
    return time_read(text, &question->query.after_us)
               ? A2A_OK
               : refuse(reterr, "statusTimestampAfter: a time as in RFC 3339 is expected");
}

static enum a2a_outcome list_read(struct json_value params, struct arena *arena,
                                  struct a2a_question *ret, struct failure *reterr)
{
    int64_t page_size = jsonrpc_page_default;
    struct slice state = {NULL, 0};
    struct slice after = {NULL, 0};
    if (!count_read(json_given(params, "pageSize"), &page_size) ||
        !count_read(json_given(params, "historyLength"), &ret->history_length) ||
        !text_read(json_given(params, "contextId"), task_name_bytes_max, arena,
                   &ret->query.context_id) ||
        !text_read(json_given(params, "pageToken"), task_name_bytes_max, arena,
                   &ret->query.token) ||
        !text_read(json_given(params, "status"), task_name_bytes_max, arena, &state) ||
        !text_read(json_given(params, "statusTimestampAfter"), task_name_bytes_max, arena,
                   &after)) {
        return refuse(reterr, "pageSize and historyLength are whole numbers, contextId, pageToken, "
                              "status and statusTimestampAfter texts");
    }
    ret->query.with_results = json_given(params, "includeArtifacts").kind == JSON_TRUE;
    enum a2a_outcome outcome = page_size_set(ret, page_size, reterr);
    if (outcome == A2A_OK && state.length > 0) {
        outcome = state_set(ret, state, reterr);
    }
    if (outcome == A2A_OK && after.length > 0) {
        outcome = after_set(ret, after, reterr);
    }
    return outcome;
}

/* 0.x: {id or taskId, pushNotificationConfigId?} and {taskId, pushNotificationConfig}; 1.0:
 * {taskId, id?} and {taskId, id?, url, ...}. */
static enum a2a_outcome push_question_read(struct json_value params, struct arena *arena,
                                           struct a2a_question *ret, struct failure *reterr)
{
    struct json_value task_id = json_given(params, "taskId");
    struct json_value push_id = json_given(params, "pushNotificationConfigId");
    struct json_value push = json_given(params, "pushNotificationConfig");
    enum a2a_outcome outcome = A2A_OK;
    if (push.kind == JSON_ABSENT) {
        push = params;
    }
    if (ret->operation == OPERATION_PUSH_SET) {
        ret->has_push = true;
        outcome = push_read(push, arena, &ret->push, reterr);
    } else if (task_id.kind == JSON_ABSENT) {
        task_id = json_given(params, "id");
    } else if (push_id.kind == JSON_ABSENT) {
        push_id = json_given(params, "id");
    }
    if (outcome == A2A_OK && ret->operation != OPERATION_PUSH_SET &&
        !text_read(push_id, task_name_bytes_max, arena, &ret->push.id)) {
        outcome = refuse(reterr, "the webhook's id is a text");
    }
    if (outcome == A2A_OK && (!text_read(task_id, task_name_bytes_max, arena, &ret->task_id) ||
                              ret->task_id.length == 0)) {
        outcome = refuse(reterr, "taskId: a task's id is expected");
    }
    if (outcome == A2A_OK && ret->operation == OPERATION_PUSH_DELETE && ret->push.id.length == 0) {
        outcome = refuse(reterr, "the webhook's id is expected");
    }
    return outcome;
}

enum a2a_outcome question_read(enum a2a_operation operation, enum a2a_version version,
                               struct json_value params, struct arena *arena,
                               struct a2a_question *ret, struct failure *reterr)
{
    struct a2a_question question = {
        .version = version,
        .operation = operation,
        .history_length = -1,
        .query = {.limit = jsonrpc_page_default, .with_inputs = true},
    };
    enum a2a_outcome outcome = A2A_OK;
    if (params.kind != JSON_OBJECT && params.kind != JSON_ABSENT) {
        return refuse(reterr, "params: an object is expected");
    }
    switch (operation) {
    case OPERATION_SEND:
    case OPERATION_STREAM:
        outcome = send_read(params, arena, &question, reterr);
        break;
    case OPERATION_GET:
    case OPERATION_CANCEL:
    case OPERATION_SUBSCRIBE:
        outcome = get_read(params, arena, &question, reterr);
        break;
    case OPERATION_LIST:
        outcome = list_read(params, arena, &question, reterr);
        break;
    case OPERATION_PUSH_SET:
    case OPERATION_PUSH_GET:
    case OPERATION_PUSH_LIST:
    case OPERATION_PUSH_DELETE:
        outcome = push_question_read(params, arena, &question, reterr);
        break;
    case OPERATION_EXTENDED_CARD:
        break;
    case OPERATION_NONE:
        return A2A_UNKNOWN_METHOD;
    }
    question.query.with_inputs = question.history_length != 0;
    question.push.is_legacy = version == A2A_LEGACY;
    if (outcome == A2A_OK) {
        *ret = question;
    }
    return outcome;
}

enum a2a_outcome question_read_parameter(struct a2a_question *question, struct slice name,
                                         struct slice value, struct failure *reterr)
{
    int64_t number = 0;
    if (slice_equals(name, SLICE("historyLength"))) {
        if (!count_parse(value, &question->history_length)) {
            return refuse(reterr, "historyLength: a whole number is expected");
        }
        question->query.with_inputs = question->history_length != 0;
    } else if (slice_equals(name, SLICE("pageSize"))) {
        return count_parse(value, &number) ? page_size_set(question, number, reterr)
                                           : refuse(reterr, "pageSize: 1 to 100");
    } else if (slice_equals(name, SLICE("pageToken"))) {
        question->query.token = value;
    } else if (slice_equals(name, SLICE("contextId"))) {
        question->query.context_id = value;
    } else if (slice_equals(name, SLICE("status"))) {
        return value.length > 0 ? state_set(question, value, reterr) : A2A_OK;
    } else if (slice_equals(name, SLICE("statusTimestampAfter"))) {
        return value.length > 0 ? after_set(question, value, reterr) : A2A_OK;
    } else if (slice_equals(name, SLICE("includeArtifacts"))) {
        question->query.with_results = slice_equals(value, SLICE("true"));
    }
    return A2A_OK;
}

/* ---- the envelope ---- */

static const struct method *method_find(struct json_value name)
{
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (json_string_is(name, methods[i].name)) {
            return &methods[i];
        }
    }
    return NULL;
}

static enum a2a_outcome refuse_request(struct failure *reterr, const char *text)
{
    failure_set(reterr, "%s", text);
    return A2A_NOT_A_REQUEST;
}

enum a2a_outcome jsonrpc_read(struct slice body, struct slice version, struct arena *arena,
                              struct jsonrpc_request *ret, struct failure *reterr)
{
    struct json_value value;
    ret->id = SLICE("null");
    if (json_parse(body, JSON_DUPLICATES_UNCHECKED, &value, reterr) != STATUS_OK) {
        return A2A_NOT_JSON;
    }
    if (value.kind != JSON_OBJECT) {
        return refuse_request(reterr, value.kind == JSON_ARRAY
                                          ? "A2A has no batches: send one request at a time"
                                          : "an object is expected");
    }
    struct json_value id = json_member(value, "id");
    if ((id.kind != JSON_STRING && id.kind != JSON_NUMBER && id.kind != JSON_NULL) ||
        id.text.length > jsonrpc_id_bytes_max) {
        return refuse_request(reterr, "id: a short text or a number is expected");
    }
    ret->id = id.text;
    if (!json_string_is(json_member(value, "jsonrpc"), "2.0")) {
        return refuse_request(reterr, "jsonrpc: \"2.0\" is expected");
    }
    struct json_value name = json_member(value, "method");
    if (name.kind != JSON_STRING) {
        return refuse_request(reterr, "method: a text is expected");
    }
    if (!a2a_version_is_known(version)) {
        failure_set(reterr, "%s", a2a_outcome_row(A2A_UNKNOWN_VERSION)->text);
        return A2A_UNKNOWN_VERSION;
    }
    const struct method *method = method_find(name);
    if (method == NULL) {
        failure_set(reterr, "no method of that name");
        return A2A_UNKNOWN_METHOD;
    }
    /* so that an error answers in the right form, too */
    ret->question =
        (struct a2a_question){.version = method->version, .operation = method->operation};
    return question_read(method->operation, method->version, json_given(value, "params"), arena,
                         &ret->question, reterr);
}

/* SPDX-License-Identifier: MIT
 *
 * step_read_body.c - collects a body where it is looked at before the request goes on: for own
 * routes that take one, and for POST /api/chat, whose callers may send `prompt` where the engine
 * wants `messages`. Everything else streams past. Owning worker only. */
#include "base/json.h"
#include "gateway/answer.h"
#include "gateway/routes.h"
#include "gateway/steps.h"

enum {
    prompt_help_bytes_max = 64 * 1024
}; /* a longer body was not typed by hand and passes as it is */

static bool read_body_is_needed(const struct request *request)
{
    const struct request_head *head = &request->head;
    if (request->route->answer != NULL) {
        return request->route->body == ROUTE_BODY;
    }
    return slice_equals(head->method, SLICE("POST")) &&
           slice_equals(head->target.path, SLICE("/api/chat")) &&
           fields_find(head->fields, head->fields_count, FIELD_CONTENT_ENCODING, NULL) == NULL;
}

/* {"prompt": "x"} becomes {"messages":[{"role":"user","content":"x"}]}; every other byte stays
 * where it is. */
static void read_body_rewrite(struct request *request, struct slice name_with_value,
                              struct json_value prompt)
{
    struct buffer rewritten;
    struct slice whole = buffer_slice(&request->body);
    size_t before = (size_t)(name_with_value.data - whole.data);
    buffer_init(&rewritten, request->body.length + 64);
    buffer_append(&rewritten, slice_make(whole.data, before));
    buffer_append(&rewritten, SLICE("\"messages\":[{\"role\":\"user\",\"content\":"));
    buffer_append(&rewritten, prompt.text);
    buffer_append(&rewritten, SLICE("}]"));
    buffer_append(&rewritten, slice_after(whole, before + name_with_value.length));
    if (rewritten.failed) {
        buffer_clear(&rewritten);
        return; /* as it came is better than not at all: the engine will say what it misses */
    }
    buffer_clear(&request->body);
    request->body = rewritten;
    request->head.framing = BODY_LENGTH;
    request->head.content_length = request->body.length;
}

static void read_body_help_prompt(struct request *request, struct json_value object)
{
    struct json_walk walk = json_walk_begin(object);
    struct slice name;
    struct json_value value;
    if (json_member(object, "messages").kind != JSON_ABSENT) {
        return;
    }
    while (json_walk_next(&walk, &name, &value)) {
        if (slice_equals(name, SLICE("prompt")) && value.kind == JSON_STRING) {
            /* From the quote before the name to the end of the value. */
            const char *start = name.data - 1;
            size_t length = (size_t)(value.text.data + value.text.length - start);
            read_body_rewrite(request, slice_make(start, length), value);
            return;
        }
    }
}

/* The body is here, whole. */
static enum step_result read_body_inspect(struct request *request)
{
    struct json_value value;
    struct failure failure;
    if (json_parse(buffer_slice(&request->body), JSON_DUPLICATES_UNCHECKED, &value, &failure) !=
        STATUS_OK) {
        answer_detail(request, 400, "body_not_json", "Body must be valid JSON");
        return STEP_ANSWER;
    }
    if (value.kind == JSON_OBJECT) {
        request->content_type_json = true;
        read_body_help_prompt(request, value);
    }
    return STEP_NEXT;
}

void step_read_body_cancel(struct request *request)
{
    request->body_collects = false;
}

enum step_result step_read_body(struct request *request)
{
    if (!read_body_is_needed(request)) {
        return STEP_NEXT;
    }
    bool is_own = request->route->answer != NULL;
    if (is_own && fields_find(request->head.fields, request->head.fields_count,
                              FIELD_CONTENT_ENCODING, NULL) != NULL) {
        answer_detail(request, 415, "body_encoded",
                      "the body must be sent as it is, without Content-Encoding");
        return STEP_ANSWER;
    }
    bool too_long = request->head.framing == BODY_LENGTH
                        ? request->head.content_length > prompt_help_bytes_max
                        : request->body.length > prompt_help_bytes_max;
    if (request->body.failed) { /* what was collected has a hole */
        request->body_collects = false;
        answer_detail(request, 503, "out_of_memory", "out of memory");
        return STEP_ANSWER;
    }
    if (too_long && !is_own) {
        request->body_collects = false;
        return STEP_NEXT;
    }
    if (!request->body_ended) {
        if (!request->body_collects) {
            request->body_collects = true;
            request->codec->body_start(request);
        }
        return STEP_WAIT;
    }
    request->body_collects = false;
    return is_own ? STEP_NEXT : read_body_inspect(request);
}

/* SPDX-License-Identifier: MIT
 *
 * step_forward.c - the request leaves for the engine: hop-by-hop fields are taken off first, then
 * ours are put on. Owning worker only. */
#include "gateway/answer.h"
#include "gateway/cors.h"
#include "gateway/mirror.h"
#include "gateway/steps.h"

enum { forward_own_fields_max = 5 };

/* Whether Connection names anything but the usual; only then are names compared one by one. */
static bool forward_connection_names_fields(const struct request_head *head)
{
    for (size_t i = 0; i < head->fields_count; i++) {
        if (head->fields[i].id == FIELD_CONNECTION &&
            !slice_equals_ignoring_case(head->fields[i].value, SLICE("keep-alive")) &&
            !slice_equals_ignoring_case(head->fields[i].value, SLICE("close"))) {
            return true;
        }
    }
    return false;
}

static bool forward_passes(const struct request *request, const struct field *field)
{
    const struct config *config = request->gateway->config;
    if (field->id == FIELD_OTHER) {
        return true;
    }
    if (field->id == FIELD_X_ATTACH) {
        return false;
    }
    if (field->id == FIELD_AUTHORIZATION) {
        return config->engine_forward_auth && config->engine_api_key.length == 0;
    }
    if (field->id == FIELD_CONTENT_TYPE) {
        return !request->content_type_json;
    }
    return field_treatment(field->id) == FIELD_FORWARD;
}

/* The key as a field value; it never meets a log. */
static bool forward_add_key(struct request *request, struct field *ret_field)
{
    struct slice key = request->gateway->config->engine_api_key;
    struct slice scheme = SLICE("Bearer ");
    char *value = arena_allocate(&request->arena, scheme.length + key.length);
    if (value == NULL) {
        return false;
    }
    memcpy(value, scheme.data, scheme.length);
    memcpy(value + scheme.length, key.data, key.length);
    *ret_field = (struct field){.name = SLICE("Authorization"),
                                .value = slice_make(value, scheme.length + key.length)};
    return true;
}

/* The fields the engine gets. NULL without memory. */
static struct field *forward_fields(struct request *request, size_t *ret_count)
{
    const struct request_head *head = &request->head;
    struct field *fields = arena_allocate(
        &request->arena, (head->fields_count + forward_own_fields_max) * sizeof(*fields));
    bool names_fields = forward_connection_names_fields(head);
    size_t count = 0;
    if (fields == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < head->fields_count; i++) {
        const struct field *field = &head->fields[i];
        if (forward_passes(request, field) &&
            !(names_fields &&
              fields_connection_names(head->fields, head->fields_count, field->name))) {
            fields[count++] = *field;
        }
    }
    if (request->content_type_json) {
        fields[count++] =
            (struct field){.name = SLICE("Content-Type"), .value = SLICE("application/json")};
    }
    fields[count++] =
        (struct field){.name = SLICE("X-Attach-User"), .value = request->identity.user};
    fields[count++] = (struct field){.name = SLICE("X-Attach-Session"), .value = request->session};
    fields[count++] = (struct field){.name = SLICE("X-Request-Id"), .value = request->request_id};
    if (request->gateway->config->engine_api_key.length > 0 &&
        !forward_add_key(request, &fields[count++])) {
        return NULL;
    }
    *ret_count = count;
    return fields;
}

/* What was collected goes first, the rest follows as it comes. */
static void forward_body(struct request *request)
{
    if (request->body.length > 0) {
        mirror_request(request, buffer_slice(&request->body));
        (void)engine_call_body(&request->call, buffer_slice(&request->body));
        buffer_clear(&request->body);
    }
    if (request->body_ended) {
        mirror_request_end(request);
        engine_call_body_end(&request->call);
    } else {
        request->codec->body_start(request);
    }
}

enum step_result step_forward(struct request *request)
{
    struct gateway *gateway = request->gateway;
    size_t fields_count = 0;
    struct field *fields = forward_fields(request, &fields_count);
    if (fields == NULL) {
        answer_detail(request, 503, "out_of_memory", "out of memory");
        return STEP_ANSWER;
    }
    const struct engine_request engine_request = {
        .method = request->head.method,
        .target = request->engine_target,
        .fields = fields,
        .fields_count = fields_count,
        .framing = request->head.framing,
        .content_length = request->head.content_length,
    };
    if (!mirror_begin(request)) {
        answer_detail(request, 503, "memory_required",
                      "what is said here must be kept, and memory cannot keep it now");
        return STEP_ANSWER;
    }
    metric_add(&gateway->metrics, METRIC_engine_calls, 1);
    enum status status = engine_call_start(&request->call, &gateway->engine_pool, &request->arena,
                                           &engine_request, &relay_reply_events);
    if (status != STATUS_OK) {
        answer_detail(request, 503, "engine_busy", "%s", engine_failure_text(ENGINE_BUSY));
        return STEP_ANSWER;
    }
    request->call_began = true;
    forward_body(request);
    return STEP_NEXT;
}

/* SPDX-License-Identifier: MIT
 *
 * cors.c - see cors.h. */
#include "gateway/cors.h"

#include "gateway/answer.h"

static const struct field *cors_find(const struct request *request, enum field_id id)
{
    return fields_find(request->head.fields, request->head.fields_count, id, NULL);
}

struct slice cors_allowed_origin(const struct request *request)
{
    const struct slice_list *origins = &request->gateway->config->cors_origins;
    const struct field *origin = cors_find(request, FIELD_ORIGIN);
    if (origin == NULL) {
        return (struct slice){0};
    }
    for (size_t i = 0; i < origins->count; i++) {
        if (slice_equals(origins->items[i], origin->value)) {
            return origin->value;
        }
    }
    return (struct slice){0};
}

bool cors_is_preflight(const struct request *request)
{
    return slice_equals(request->head.method, SLICE("OPTIONS")) &&
           cors_find(request, FIELD_ORIGIN) != NULL &&
           cors_find(request, FIELD_ACCESS_CONTROL_REQUEST_METHOD) != NULL;
}

void cors_answer_preflight(struct request *request)
{
    const struct field *asked = cors_find(request, FIELD_ACCESS_CONTROL_REQUEST_HEADERS);
    struct field fields[] = {
        {.name = SLICE("Access-Control-Allow-Methods"),
         .value = SLICE("DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT")},
        {.name = SLICE("Access-Control-Max-Age"), .value = SLICE("600")},
        {.name = SLICE("Access-Control-Allow-Headers")},
    };
    size_t count = 2;
    if (request->origin.length == 0) {
        answer_detail(request, 400, "origin_not_allowed",
                      "Disallowed CORS origin; the operator can name it in CORS_ORIGINS");
        return;
    }
    if (asked != NULL) {
        fields[count++].value = asked->value;
    }
    answer(request, 200, SLICE("text/plain; charset=utf-8"), SLICE("OK"), fields, count);
}

size_t cors_reply_fields(const struct request *request, struct field *ret_fields)
{
    size_t count = 0;
    if (request->gateway->config->cors_origins.count == 0) {
        return 0;
    }
    if (request->origin.length > 0) {
        ret_fields[count++] =
            (struct field){.name = SLICE("Access-Control-Allow-Origin"), .value = request->origin};
        ret_fields[count++] = (struct field){.name = SLICE("Access-Control-Allow-Credentials"),
                                             .value = SLICE("true")};
        ret_fields[count++] = (struct field){
            .name = SLICE("Access-Control-Expose-Headers"),
            .value = SLICE("X-Attach-User, X-Attach-Session, X-Request-Id, WWW-Authenticate")};
    }
    if (cors_find(request, FIELD_ORIGIN) != NULL) {
        /* The reply depends on who asked, for any cache between. */
        ret_fields[count++] = (struct field){.name = SLICE("Vary"), .value = SLICE("Origin")};
    }
    return count;
}

bool cors_is_cors_field(struct slice name)
{
    return slice_starts_with_ignoring_case(name, SLICE("access-control-"));
}

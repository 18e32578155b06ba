/* SPDX-License-Identifier: MIT
 *
 * answer.c - see answer.h. */
#include "gateway/answer.h"

#include "gateway/cors.h"

#include <stdarg.h>
#include <stdio.h>

enum {
    answer_fields_max = 16, /* the caller's and our own */
    answer_own_fields_max = 6 + cors_fields_max,
};

void answer(struct request *request, unsigned status, struct slice content_type, struct slice body,
            const struct field *fields, size_t fields_count)
{
    struct field all[answer_fields_max];
    size_t count = 0;
    assert(fields_count + answer_own_fields_max <= answer_fields_max);
    for (size_t i = 0; i < fields_count; i++) {
        all[count++] = fields[i];
    }
    all[count++] = (struct field){.name = SLICE("Date"), .value = gateway_date(request->gateway)};
    all[count++] = (struct field){.name = SLICE("Content-Type"), .value = content_type};
    all[count++] = (struct field){.name = SLICE("Cache-Control"), .value = SLICE("no-store")};
    all[count++] = (struct field){.name = SLICE("X-Request-Id"), .value = request->request_id};
    if (request->session.length > 0) {
        all[count++] =
            (struct field){.name = SLICE("X-Attach-User"), .value = request->identity.user};
        all[count++] = (struct field){.name = SLICE("X-Attach-Session"), .value = request->session};
    }
    count += cors_reply_fields(request, all + count);
    const struct reply_head head = {
        .status = status,
        .fields = all,
        .fields_count = count,
        .has_length = true,
        .length = body.length,
        .has_body = !slice_equals(request->head.method, SLICE("HEAD")),
    };
    request->status = status;
    request->replied = true;
    request->codec->reply_head(request, &head);
    if (head.has_body && body.length > 0) {
        request->bytes_out += body.length;
        request->codec->reply_body(request, body);
    }
    request->codec->reply_end(request);
}

void answer_detail(struct request *request, unsigned status, const char *reason, const char *format,
                   ...)
{
    char detail[sizeof(struct failure) + 64];
    struct buffer body;
    struct slice stable;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(detail, sizeof(detail), format, arguments);
    va_end(arguments);
    request->reason = reason;
    buffer_init(&body, 8 * sizeof(detail));
    buffer_append_string(&body, "{\"detail\":");
    buffer_append_json_string(&body, slice_from_string(detail));
    buffer_append_byte(&body, '}');
    if (body.failed || !arena_copy(&request->arena, buffer_slice(&body), &stable)) {
        stable = SLICE("{\"detail\":\"out of memory\"}");
    }
    buffer_clear(&body);
    answer(request, status, SLICE("application/json"), stable, NULL, 0);
}

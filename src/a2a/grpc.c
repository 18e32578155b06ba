/* SPDX-License-Identifier: MIT
 *
 * grpc.c - frames, fields and status of unary gRPC calls. See grpc.h for threads. */
#include "a2a/grpc.h"

#include "http/fetch.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    timeout_digits_max = 99999999, /* "at most eight digits" */
};

struct grpc_handle {
    struct fetch *fetch;
    grpc_done *done;
    void *context;
};

static const char *const code_names[] = {
    [GRPC_OK] = "OK",
    [GRPC_CANCELLED] = "CANCELLED",
    [GRPC_UNKNOWN] = "UNKNOWN",
    [GRPC_INVALID_ARGUMENT] = "INVALID_ARGUMENT",
    [GRPC_DEADLINE_EXCEEDED] = "DEADLINE_EXCEEDED",
    [GRPC_NOT_FOUND] = "NOT_FOUND",
    [GRPC_ALREADY_EXISTS] = "ALREADY_EXISTS",
    [GRPC_PERMISSION_DENIED] = "PERMISSION_DENIED",
    [GRPC_RESOURCE_EXHAUSTED] = "RESOURCE_EXHAUSTED",
    [GRPC_FAILED_PRECONDITION] = "FAILED_PRECONDITION",
    [GRPC_ABORTED] = "ABORTED",
    [GRPC_OUT_OF_RANGE] = "OUT_OF_RANGE",
    [GRPC_UNIMPLEMENTED] = "UNIMPLEMENTED",
    [GRPC_INTERNAL] = "INTERNAL",
    [GRPC_UNAVAILABLE] = "UNAVAILABLE",
    [GRPC_DATA_LOSS] = "DATA_LOSS",
    [GRPC_UNAUTHENTICATED] = "UNAUTHENTICATED",
};

const char *grpc_code_name(enum grpc_code code)
{
    return (unsigned)code < sizeof(code_names) / sizeof(code_names[0]) ? code_names[code]
                                                                       : code_names[GRPC_UNKNOWN];
}

/* --- frames --- */

void grpc_frame_write(struct buffer *buffer, struct slice message)
{
    if (message.length > UINT32_MAX) {
        buffer->failed = true;
        return;
    }
    uint32_t length = (uint32_t)message.length;
    char head[grpc_frame_head_bytes] = {0, (char)(length >> 24), (char)(length >> 16),
                                        (char)(length >> 8), (char)length};
    buffer_append(buffer, slice_make(head, sizeof(head)));
    buffer_append(buffer, message);
}

enum status grpc_frame_read(struct slice body, struct slice *ret_message, struct failure *reterr)
{
    if (body.length < grpc_frame_head_bytes) {
        failure_set(reterr, "reply of %zu bytes is no gRPC frame", body.length);
        return STATUS_INVALID;
    }
    const unsigned char *head = (const unsigned char *)body.data;
    if (head[0] != 0) {
        failure_set(reterr, head[0] == 1 ? "reply is compressed, which was not offered"
                                         : "reply is no gRPC frame");
        return head[0] == 1 ? STATUS_UNSUPPORTED : STATUS_INVALID;
    }
    uint64_t length = (uint64_t)head[1] << 24 | (uint64_t)head[2] << 16 | (uint64_t)head[3] << 8 |
                      (uint64_t)head[4];
    if (length != body.length - grpc_frame_head_bytes) {
        failure_set(reterr, "gRPC frame of %llu bytes in a reply of %zu",
                    (unsigned long long)length, body.length);
        return STATUS_INVALID;
    }
    *ret_message = slice_after(body, grpc_frame_head_bytes);
    return STATUS_OK;
}

/* --- texts --- */

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    char letter = (char)(digit | 0x20);
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

size_t grpc_text_decode(struct slice text, char *ret_text, size_t size)
{
    size_t count = 0;
    for (size_t i = 0; i < text.length && count < size; i++) {
        char byte = text.data[i];
        if (byte == '%' && text.length - i > 2 && hex_value(text.data[i + 1]) >= 0 &&
            hex_value(text.data[i + 2]) >= 0) {
            byte = (char)(hex_value(text.data[i + 1]) << 4 | hex_value(text.data[i + 2]));
            i += 2;
        }
        unsigned char plain = (unsigned char)byte;
        ret_text[count++] = plain < 0x20 || plain == 0x7f ? ' ' : byte;
    }
    return count;
}

void grpc_timeout_write(uint64_t timeout_ms, char ret_text[grpc_timeout_text_size])
{
    bool is_long = timeout_ms > timeout_digits_max;
    uint64_t count = is_long ? timeout_ms / 1000 : timeout_ms;
    if (count > timeout_digits_max) {
        count = timeout_digits_max;
    }
    snprintf(ret_text, grpc_timeout_text_size, "%u%c", (unsigned)count, is_long ? 'S' : 'm');
}

/* --- replies --- */

static void reply_set(struct grpc_reply *reply, enum grpc_code code, const char *text)
{
    reply->code = code;
    reply->text_length =
        grpc_text_decode(slice_from_string(text), reply->text, grpc_text_bytes_max);
    reply->text[reply->text_length] = '\0';
}

/* What a reply without grpc-status stands for (gRPC's "HTTP to gRPC Status Code Mapping"). */
static enum grpc_code code_of_http(unsigned code)
{
    switch (code) {
    case 400:
        return GRPC_INTERNAL;
    case 401:
        return GRPC_UNAUTHENTICATED;
    case 403:
        return GRPC_PERMISSION_DENIED;
    case 404:
        return GRPC_UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
        return GRPC_UNAVAILABLE;
    default:
        return GRPC_UNKNOWN;
    }
}

static enum grpc_code code_of_fetch(enum status status)
{
    switch (status) {
    case STATUS_TIMEOUT:
        return GRPC_DEADLINE_EXCEEDED;
    case STATUS_LIMIT:
        return GRPC_RESOURCE_EXHAUSTED;
    case STATUS_DENIED:
        return GRPC_PERMISSION_DENIED;
    default:
        return GRPC_UNAVAILABLE;
    }
}

/* The last field <name>: what the trailers say counts more than the head. */
static bool reply_field(const struct fetch_reply *fetched, struct slice name, struct slice *ret)
{
    for (size_t i = fetched->fields_count; i > 0; i--) {
        if (slice_equals_ignoring_case(fetched->fields[i - 1].name, name)) {
            *ret = slice_trim(fetched->fields[i - 1].value);
            return true;
        }
    }
    return false;
}

static void reply_read_message(const struct fetch_reply *fetched, struct grpc_reply *reply)
{
    struct failure failure;
    enum status status = grpc_frame_read(fetched->body, &reply->message, &failure);
    if (status != STATUS_OK) {
        reply_set(reply, status == STATUS_UNSUPPORTED ? GRPC_UNIMPLEMENTED : GRPC_INTERNAL,
                  failure.text);
    }
}

void grpc_reply_read(const struct fetch_reply *fetched, struct grpc_reply *ret)
{
    static const struct slice content_type = SLICE("application/grpc");
    struct slice value;
    uint64_t code;
    memset(ret, 0, sizeof(*ret));
    if (fetched->status != STATUS_OK) {
        reply_set(ret, code_of_fetch(fetched->status), fetched->failure.text);
        return;
    }
    if (fetched->code != 200 || !reply_field(fetched, SLICE("content-type"), &value) ||
        !slice_starts_with_ignoring_case(value, content_type)) {
        struct failure failure;
        failure_set(&failure, "not a gRPC server: it answered HTTP %u", fetched->code);
        reply_set(ret, code_of_http(fetched->code), failure.text);
        return;
    }
    if (!reply_field(fetched, SLICE("grpc-status"), &value)) {
        reply_set(ret, GRPC_UNAVAILABLE, "reply cut off before its status");
        return;
    }
    ret->answered = true;
    if (!slice_parse_uint(value, UINT32_MAX, &code)) {
        reply_set(ret, GRPC_UNKNOWN, "grpc-status is no number");
        return;
    }
    ret->code = code <= GRPC_UNAUTHENTICATED ? (enum grpc_code)code : GRPC_UNKNOWN;
    if (ret->code == GRPC_OK) {
        reply_read_message(fetched, ret);
        return;
    }
    if (reply_field(fetched, SLICE("grpc-message"), &value)) {
        ret->text_length = grpc_text_decode(value, ret->text, grpc_text_bytes_max);
        ret->text[ret->text_length] = '\0';
    }
    (void)reply_field(fetched, SLICE("grpc-status-details-bin"), &ret->status_details);
}

/* --- calls --- */

static void call_fetched(void *context, const struct fetch_reply *fetched)
{
    struct grpc_handle *handle = context;
    struct grpc_reply reply;
    grpc_reply_read(fetched, &reply);
    grpc_done *done = handle->done;
    void *done_context = handle->context;
    free(handle);
    done(done_context, &reply);
}

static enum status call_fetch(struct fetcher *fetcher, const struct grpc_call *call,
                              struct slice body, struct grpc_handle *handle, struct failure *reterr)
{
    char timeout_digits[grpc_timeout_text_size];
    char timeout[sizeof("grpc-timeout: ") + grpc_timeout_text_size];
    const char *fields[grpc_fields_max + 4] = {"Content-Type: application/grpc", "TE: trailers",
                                               timeout};
    size_t count = 3;
    grpc_timeout_write(call->timeout_ms, timeout_digits);
    snprintf(timeout, sizeof(timeout), "grpc-timeout: %s", timeout_digits);
    for (size_t i = 0; call->fields != NULL && call->fields[i] != NULL; i++) {
        assert(i < grpc_fields_max);
        fields[count++] = call->fields[i];
    }
    struct fetch_request request = {
        .method = "POST",
        .url = call->url,
        .fields = fields,
        .body = body,
        .timeout_ms = call->timeout_ms,
        .reply_bytes_max = call->reply_bytes_max + grpc_frame_head_bytes,
        .ca_file = call->ca_file,
        .http2 = true,
        .keep_fields = true,
    };
    return fetch_start(fetcher, &request, call_fetched, handle, &handle->fetch, reterr);
}

enum status grpc_start(struct fetcher *fetcher, const struct grpc_call *call, grpc_done *done,
                       void *context, struct grpc_handle **ret, struct failure *reterr)
{
    struct buffer body;
    buffer_init(&body, call->message.length + grpc_frame_head_bytes);
    grpc_frame_write(&body, call->message);
    struct grpc_handle *handle = calloc(1, sizeof(*handle));
    if (handle == NULL || body.failed) {
        free(handle);
        buffer_clear(&body);
        failure_set(reterr, "no memory for a gRPC call");
        return STATUS_NO_MEMORY;
    }
    handle->done = done;
    handle->context = context;
    enum status status = call_fetch(fetcher, call, buffer_slice(&body), handle, reterr);
    buffer_clear(&body);
    if (status != STATUS_OK) {
        free(handle);
        return status;
    }
    *ret = handle;
    return STATUS_OK;
}

void grpc_cancel(struct grpc_handle *handle)
{
    if (handle == NULL) {
        return;
    }
    fetch_cancel(handle->fetch);
    free(handle);
}

/* SPDX-License-Identifier: MIT
 *
 * fuzz_head.c - any bytes as the head of a request and of a reply.
 *
 * Beyond memory errors: splits change nothing, what is accepted keeps every promise of head.h, and
 * written out again it is read as the same. */
#include "base/buffer.h"
#include "http/head.h"
#include "target.h"

#include <assert.h>

enum { input_bytes_max = 4096 };

size_t inputs_accepted;

static const struct head_limits limits = {
    .first_line_bytes_max = 512, .head_bytes_max = 2048, .fields_max = 20};

static void check_slice(struct slice whole, struct slice part)
{
    assert(part.length == 0 ||
           (part.data >= whole.data && part.data + part.length <= whole.data + whole.length));
    assert(part.length == 0 || memchr(part.data, '\r', part.length) == NULL);
    assert(part.length == 0 || memchr(part.data, '\n', part.length) == NULL);
    assert(part.length == 0 || memchr(part.data, '\0', part.length) == NULL);
}

static size_t check_fields(struct slice text, const struct field *fields, size_t count,
                           enum field_id wanted)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        check_slice(text, fields[i].name);
        check_slice(text, fields[i].value);
        assert(fields[i].name.length > 0);
        assert(slice_find(fields[i].name, ' ') == fields[i].name.length);
        assert(slice_find(fields[i].name, ':') == fields[i].name.length);
        assert(slice_trim(fields[i].value).length == fields[i].value.length);
        assert(fields[i].id == field_identify(fields[i].name));
        found += fields[i].id == wanted;
    }
    return found;
}

/* Whatever the body's length, there was one way to say it. */
static void check_framing(struct slice text, enum body_framing framing, const struct field *fields,
                          size_t count)
{
    size_t lengths = check_fields(text, fields, count, FIELD_CONTENT_LENGTH);
    size_t codings = check_fields(text, fields, count, FIELD_TRANSFER_ENCODING);
    assert(lengths + codings <= 1);
    assert(framing != BODY_LENGTH || lengths == 1);
    assert(framing != BODY_CHUNKED || codings == 1);
}

static void append_fields(struct buffer *buffer, const struct field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buffer_append(buffer, fields[i].name);
        buffer_append_string(buffer, ": ");
        buffer_append(buffer, fields[i].value);
        buffer_append_string(buffer, "\r\n");
    }
    buffer_append_string(buffer, "\r\n");
}

static void check_request_again(const struct request_head *head)
{
    struct buffer buffer;
    struct arena arena;
    struct request_head again;
    unsigned status;
    buffer_init(&buffer, 4 * input_bytes_max);
    arena_init(&arena, 65536);
    buffer_append(&buffer, head->method);
    buffer_append_string(&buffer, " ");
    buffer_append(&buffer, head->target.origin);
    buffer_append_string(&buffer, head->minor_version == 1 ? " HTTP/1.1\r\n" : " HTTP/1.0\r\n");
    append_fields(&buffer, head->fields, head->fields_count);
    assert(!buffer.failed);
    assert(request_head_parse(buffer_slice(&buffer), &arena, &again, &status, NULL) == STATUS_OK);
    assert(slice_equals(again.target.path, head->target.path));
    assert(slice_equals(again.target.query, head->target.query));
    assert(again.framing == head->framing && again.content_length == head->content_length);
    assert(again.keep_alive == head->keep_alive);
    assert(again.fields_count == head->fields_count);
    arena_clear(&arena);
    buffer_clear(&buffer);
}

static void fuzz_request(struct slice text)
{
    struct arena arena;
    struct request_head head;
    unsigned status = 0;
    arena_init(&arena, 65536);
    if (request_head_parse(text, &arena, &head, &status, NULL) == STATUS_OK) {
        check_slice(text, head.method);
        check_slice(text, head.host);
        check_framing(text, head.framing, head.fields, head.fields_count);
        assert(head.framing != BODY_UNTIL_CLOSE);
        assert(head.framing != BODY_CHUNKED || head.minor_version == 1);
        assert(head.minor_version == 0 || head.host.length > 0);
        assert(check_fields(text, head.fields, head.fields_count, FIELD_HOST) <= 1);
        check_request_again(&head);
        inputs_accepted++;
    } else {
        assert(status == 400 || status == 417 || status == 431 || status == 501 || status == 505);
    }
    arena_clear(&arena);
}

static void fuzz_response(struct slice text, bool to_head)
{
    struct arena arena;
    struct response_head head;
    arena_init(&arena, 65536);
    if (response_head_parse(text, to_head, &arena, &head, NULL) == STATUS_OK) {
        check_slice(text, head.reason);
        check_framing(text, head.framing, head.fields, head.fields_count);
        assert(head.status >= 100 && head.status <= 599 && head.status != 101);
        assert(!to_head || head.framing == BODY_NONE);
        assert(head.framing != BODY_UNTIL_CLOSE || !head.keep_alive);
    }
    arena_clear(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_make((const char *)data, size);
    if (size > input_bytes_max) {
        return 0;
    }
    struct head_scan whole = {0};
    struct head_scan steps = {0};
    size_t end = 0;
    size_t steps_end = 0;
    unsigned status = 0;
    unsigned steps_status = 0;
    enum head_progress progress = head_scan(&whole, text, &limits, &end, &status, NULL);
    enum head_progress steps_progress = HEAD_INCOMPLETE;
    for (size_t length = 0; length <= size && steps_progress == HEAD_INCOMPLETE; length++) {
        steps_progress = head_scan(&steps, slice_make(text.data, length), &limits, &steps_end,
                                   &steps_status, NULL);
    }
    assert(progress == steps_progress && end == steps_end && status == steps_status);
    if (progress == HEAD_COMPLETE) {
        assert(end <= size && end - whole.skipped <= limits.head_bytes_max);
        struct slice head = slice_make(text.data + whole.skipped, end - whole.skipped);
        fuzz_request(head);
        fuzz_response(head, false);
        fuzz_response(head, true);
    }
    fuzz_request(text); /* the parsers must not lean on the scan */
    fuzz_response(text, false);
    return 0;
}

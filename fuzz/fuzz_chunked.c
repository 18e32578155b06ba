/* SPDX-License-Identifier: MIT
 *
 * fuzz_chunked.c - any bytes as a chunked body: splits change nothing, and what was read can be
 * written and read again. */
#include "base/buffer.h"
#include "http/chunked.h"
#include "target.h"

#include <assert.h>

enum { input_bytes_max = 16384 };

size_t inputs_accepted;

/* Appends the data of <text>, fed in pieces of <piece> bytes, to <body>; returns how many bytes the
 * body took. */
static size_t read_body(struct slice text, size_t piece, struct buffer *body,
                        struct chunked_reader *reader, enum status *ret_status)
{
    size_t at = 0;
    *ret_status = STATUS_OK;
    while (at < text.length && reader->state != CHUNKED_DONE && *ret_status == STATUS_OK) {
        size_t count = piece < text.length - at ? piece : text.length - at;
        struct slice input = slice_make(text.data + at, count);
        while (input.length > 0 && reader->state != CHUNKED_DONE && *ret_status == STATUS_OK) {
            struct slice data = {NULL, 0};
            *ret_status = chunked_read(reader, &input, &data, NULL);
            assert((*ret_status == STATUS_OK) == (reader->state != CHUNKED_REFUSED));
            buffer_append(body, data);
        }
        at += count - input.length;
    }
    return at;
}

static void check_again(struct slice body)
{
    struct buffer coded;
    struct buffer again;
    struct chunked_reader reader = {0};
    enum status status;
    char line[chunk_size_line_max];
    buffer_init(&coded, 2 * input_bytes_max);
    buffer_init(&again, input_bytes_max);
    if (body.length > 0) {
        buffer_append(&coded, slice_make(line, chunked_size_line(body.length, line)));
        buffer_append(&coded, body);
        buffer_append_string(&coded, "\r\n");
    }
    buffer_append_string(&coded, "0\r\n\r\n");
    assert(read_body(buffer_slice(&coded), SIZE_MAX, &again, &reader, &status) == coded.length);
    assert(status == STATUS_OK && reader.state == CHUNKED_DONE);
    assert(slice_equals(buffer_slice(&again), body));
    buffer_clear(&coded);
    buffer_clear(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t pieces[] = {1, 2, 3, 7};
    struct slice text = slice_make((const char *)data, size);
    struct chunked_reader reader = {0};
    struct buffer body;
    enum status status;
    if (size > input_bytes_max) {
        return 0;
    }
    buffer_init(&body, input_bytes_max);
    size_t taken = read_body(text, SIZE_MAX, &body, &reader, &status);
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        struct chunked_reader piecewise = {0};
        struct buffer piecewise_body;
        enum status piecewise_status;
        buffer_init(&piecewise_body, input_bytes_max);
        assert(read_body(text, pieces[i], &piecewise_body, &piecewise, &piecewise_status) == taken);
        assert(piecewise_status == status && piecewise.state == reader.state);
        assert(slice_equals(buffer_slice(&piecewise_body), buffer_slice(&body)));
        buffer_clear(&piecewise_body);
    }
    if (reader.state == CHUNKED_DONE) {
        check_again(buffer_slice(&body));
        inputs_accepted++;
    }
    buffer_clear(&body);
    return 0;
}

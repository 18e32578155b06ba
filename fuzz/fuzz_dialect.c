/* SPDX-License-Identifier: MIT
 *
 * fuzz_dialect.c - any bytes as a request and a reply, in any dialect: splits change nothing, and
 * what is kept is UTF-8 within its cap.
 *
 * The input: one character for the dialect ('0' to '5'), one for the content type and the status
 * ('0' to '7'), the request's body, a byte 0x1E, the reply. */
#include "base/json.h"
#include "dialect/reader.h"
#include "target.h"

#include <assert.h>
#include <stdlib.h>

enum { input_bytes_max = 8192, text_bytes_max = 64, separator = 0x1E };

size_t inputs_accepted;

static const char *const paths[] = {
#define DIALECT(symbol, path) path,
#include "dialect/dialects.def"
#undef DIALECT
};

static const char *const types[] = {"text/event-stream", "application/x-ndjson", "application/json",
                                    ""};

/* A text is UTF-8 when, as a JSON string, nothing in it had to be replaced. */
static void check_text(struct slice text, size_t bytes_max)
{
    struct buffer quoted;
    struct json_value value;
    buffer_init(&quoted, 4096);
    assert(text.length <= bytes_max);
    assert(slice_find(text, '\0') == text.length);
    buffer_append_json_string(&quoted, text);
    assert(!quoted.failed && memmem(quoted.data, quoted.length, "\\ufffd", 6) == NULL);
    enum status status = json_parse(buffer_slice(&quoted), JSON_DUPLICATES_REFUSED, &value, NULL);
    assert(status == STATUS_OK);
    buffer_clear(&quoted);
}

static struct dialect_reader *read_call(const struct dialect *dialect, unsigned kind,
                                        struct slice request, struct slice reply, size_t piece)
{
    struct dialect_reader *reader = dialect_reader_create(dialect, text_bytes_max);
    bool has_begun = false;
    assert(reader != NULL);
    dialect_read_request(reader, request, (kind & 1) != 0);
    dialect_reply_head(reader, (kind & 4) != 0 ? 500 : 200, slice_from_string(types[kind & 3]));
    while (reply.length > 0) {
        size_t length = piece < reply.length ? piece : reply.length;
        char *block = malloc(length);
        assert(block != NULL);
        memcpy(block, reply.data, length);
        bool begins = dialect_reply_feed(reader, slice_make(block, length));
        assert(begins || !has_begun);
        has_begun = begins;
        free(block);
        reply = slice_after(reply, length);
    }
    dialect_reply_end(reader);
    return reader;
}

static void check_same(const struct exchange *a, const struct exchange *b)
{
    assert(slice_equals(a->model, b->model) && slice_equals(a->prompt, b->prompt));
    assert(slice_equals(a->completion, b->completion));
    assert(slice_equals(a->finish_reason, b->finish_reason));
    assert(a->tokens_in == b->tokens_in && a->tokens_out == b->tokens_out);
    assert(a->reply_complete == b->reply_complete && a->reply_failed == b->reply_failed);
    assert(a->truncated == b->truncated && a->opaque == b->opaque);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t pieces[] = {1, 2, 7, 61};
    struct slice text = slice_make((const char *)data, size);
    if (size < 2 || size > input_bytes_max) {
        return 0;
    }
    size_t which = data[0] % (sizeof(paths) / sizeof(paths[0]));
    const struct dialect *dialect = dialect_find(SLICE("POST"), slice_from_string(paths[which]));
    assert(dialect != NULL);
    text = slice_after(text, 2);
    size_t end = slice_find(text, separator);
    struct slice request = slice_make(text.data, end);
    struct slice reply = slice_after(text, end < text.length ? end + 1 : end);
    struct dialect_reader *whole = read_call(dialect, data[1], request, reply, SIZE_MAX);
    const struct exchange *exchange = dialect_exchange(whole);
    check_text(exchange->model, 256);
    check_text(exchange->finish_reason, 256);
    check_text(exchange->prompt, text_bytes_max);
    check_text(exchange->completion, text_bytes_max);
    assert(exchange->tokens_in >= -1 && exchange->tokens_out >= -1);
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        struct dialect_reader *split = read_call(dialect, data[1], request, reply, pieces[i]);
        check_same(dialect_exchange(split), exchange);
        dialect_reader_free(split);
    }
    if (exchange->completion.length > 0 && exchange->prompt.length > 0 && !exchange->opaque) {
        inputs_accepted++;
    }
    dialect_reader_free(whole);
    return 0;
}

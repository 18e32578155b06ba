/* SPDX-License-Identifier: MIT
 *
 * reader_test.c - what engines should not send, and clients neither: broken JSON, foreign bytes,
 * too much of everything. What is kept is UTF-8 and within its cap, in every split. */
#include "dialect/reader.h"

#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct dialect *chat(void)
{
    return dialect_find(SLICE("POST"), SLICE("/v1/chat/completions"));
}

static struct dialect_reader *read_reply(size_t text_bytes_max, struct slice type,
                                         struct slice reply, size_t piece)
{
    struct dialect_reader *reader = dialect_reader_create(chat(), text_bytes_max);
    assert_non_null(reader);
    dialect_reply_head(reader, 200, type);
    while (reply.length > 0) {
        size_t count = piece < reply.length ? piece : reply.length;
        dialect_reply_feed(reader, slice_make(reply.data, count));
        reply = slice_after(reply, count);
    }
    dialect_reply_end(reader);
    return reader;
}

#define DELTA(text) "data: {\"choices\":[{\"delta\":{\"content\":\"" text "\"}}]}\n\n"
#define DONE "data: [DONE]\n\n"

static const struct {
    struct slice reply;
    const char *completion;
    bool opaque;
    bool truncated;
    bool complete;
} rows[] = {
    {SLICE(DELTA("a") "data: {nonsense\n\n" DELTA("b") DONE), "ab", true, false, true},
    {SLICE(DELTA("a") "data: 17\n\n" DONE), "a", true, false, true},
    {SLICE(DELTA("x\xff\xc3y") DONE), "x\xEF\xBF\xBD\xEF\xBF\xBDy", false, false, true},
    {SLICE(DELTA("x\\ud83dy\\udc99") DONE), "x\xEF\xBF\xBDy\xEF\xBF\xBD", false, false, true},
    {SLICE(DELTA("a\\u0000b\x01"
                 "c") DONE),
     "a\xEF\xBF\xBD"
     "b\x01"
     "c",
     false, false, true},
    {SLICE(DELTA("12345678") DELTA("90abcdef") DELTA("g") DONE), "1234567890abcdef", false, true,
     true},
    {SLICE(DELTA("1234567890abcde\xC3\xA9") DONE), "1234567890abcde", false, true, true},
    {SLICE(DELTA("1234567890ab\\ud83d\\ude00") DONE), "1234567890ab\xF0\x9F\x98\x80", false, false,
     true},
    {SLICE(DELTA("1234567890abc\\ud83d\\ude00") DELTA("x") DONE), "1234567890abc", false, true,
     true},
    {SLICE("data: {\"choices\":[{\"delta\":{\"content\":\"a\",\"content\":\"b\"}}]}\n\n"), "b",
     false, false, false},
    {SLICE("data: {\"choices\":[{\"delta\":{\"c\\u006fntent\":\"a\"}}]}\n\n"), "a", false, false,
     false},
    {SLICE("data: {\"choices\":{\"delta\":1},\"usage\":[],\"error\":null,\"model\":{}}\n\n"), "",
     false, false, false},
    {SLICE("data: {\"choices\":[7,null,[],{\"delta\":[]},{\"index\":-3,\"delta\":{}}]}\n\n"), "",
     false, false, false},
    {SLICE("{\"a\":1}\n[1]\n{\"choices\":[{\"message\":{\"content\":\"a\"}}]}"), "a", true, false,
     true},
    {SLICE("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["), "", true, false, false},
    {SLICE("data: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\n\n" DELTA("a")), "a", true, false,
     false},
    {SLICE("\xEF\xBB\xBF \r\n" DELTA("a")), "a", false, false, false},
    {SLICE("nothing"), "", true, false, false},
    {SLICE(""), "", false, false, false},
};

static void odd_replies_are_read_as_far_as_possible(void **state)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (size_t piece = 1; piece <= rows[i].reply.length + 1; piece++) {
            struct dialect_reader *reader = read_reply(16, SLICE(""), rows[i].reply, piece);
            const struct exchange *exchange = dialect_exchange(reader);
            struct slice expected = slice_from_string(rows[i].completion);
            if (!slice_equals(exchange->completion, expected) ||
                exchange->opaque != rows[i].opaque || exchange->truncated != rows[i].truncated ||
                exchange->reply_complete != rows[i].complete) {
                fail_msg("row %zu in pieces of %zu: \"%.*s\" opaque %d truncated %d complete %d", i,
                         piece, SLICE_ARGS(exchange->completion), exchange->opaque,
                         exchange->truncated, exchange->reply_complete);
            }
            dialect_reader_free(reader);
        }
    }
}

static void counts_are_counts(void **state)
{
    static const struct slice reply = SLICE(
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1e99,\"completion_tokens\":-1}}\n\n"
        "data: "
        "{\"choices\":[],\"usage\":{\"prompt_tokens\":\"5\",\"completion_tokens\":null}}\n\n");
    struct dialect_reader *reader = read_reply(16, SLICE("text/event-stream"), reply, SIZE_MAX);
    assert_int_equal(dialect_exchange(reader)->tokens_in, -1);
    assert_int_equal(dialect_exchange(reader)->tokens_out, -1);
    dialect_reader_free(reader);
}

static void the_first_text_is_told_even_when_none_is_kept(void **state)
{
    struct dialect_reader *reader = dialect_reader_create(chat(), 0);
    assert_non_null(reader);
    dialect_reply_head(reader, 200, SLICE("text/event-stream"));
    assert_false(dialect_reply_feed(reader, SLICE(DELTA(""))));
    assert_true(dialect_reply_feed(reader, SLICE(DELTA("a"))));
    assert_true(dialect_reply_feed(reader, SLICE(DONE)));
    dialect_reply_end(reader);
    assert_int_equal(dialect_exchange(reader)->completion.length, 0);
    assert_true(dialect_exchange(reader)->truncated);
    dialect_reader_free(reader);
}

static void choices_and_calls_have_caps(void **state)
{
    struct dialect_reader *reader = dialect_reader_create(chat(), 1024 * 1024);
    struct buffer event;
    assert_non_null(reader);
    buffer_init(&event, 4096);
    dialect_reply_head(reader, 200, SLICE("text/event-stream"));
    for (int i = 0; i < 1000; i++) {
        buffer_reset(&event);
        buffer_append_format(
            &event,
            "data: {\"choices\":[{\"index\":%d,\"delta\":{\"content\":\"x\","
            "\"tool_calls\":[{\"index\":%d,\"function\":{\"name\":\"f\"}}]}}]}\n\n",
            i % 40, i);
        dialect_reply_feed(reader, buffer_slice(&event));
    }
    dialect_reply_end(reader);
    assert_int_equal(reader->answer.choices_count, answer_choices_max);
    assert_true(reader->answer.calls_count <= answer_calls_max);
    assert_true(dialect_exchange(reader)->truncated);
    buffer_clear(&event);
    dialect_reader_free(reader);
}

/* One document, one event over the cap: passed over, without memory for more than the cap. */
static void pieces_have_a_cap(void **state)
{
    enum { block_bytes = 1024 * 1024, blocks = 9 };
    static const struct {
        struct slice before;
        struct slice after;
        const char *completion;
    } kinds[] = {
        {SLICE("data: {\"a\":\""), SLICE("\"}\n\n" DELTA("b")), "b"},
        {SLICE("{\"a\":\""), SLICE("\"}\n{\"choices\":[{\"message\":{\"content\":\"b\"}}]}\n"),
         "b"},
        {SLICE("{\n\"a\":\""), SLICE("\"\n}"), ""},
    };
    char *block = malloc(block_bytes);
    assert_non_null(block);
    memset(block, 'x', block_bytes);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct dialect_reader *reader = dialect_reader_create(chat(), 100);
        assert_non_null(reader);
        dialect_reply_feed(reader, kinds[i].before);
        for (int b = 0; b < blocks; b++) {
            dialect_reply_feed(reader, slice_make(block, block_bytes));
            assert_true(reader->document.capacity <= reader_piece_bytes_max);
            assert_true(reader->lines.line.capacity <= reader_piece_bytes_max);
            assert_true(reader->events.line.capacity <= reader_piece_bytes_max);
        }
        dialect_reply_feed(reader, kinds[i].after);
        dialect_reply_end(reader);
        assert_true(dialect_exchange(reader)->opaque);
        assert_true(slice_equals(dialect_exchange(reader)->completion,
                                 slice_from_string(kinds[i].completion)));
        dialect_reader_free(reader);
    }
    free(block);
}

static const struct {
    struct slice body;
    bool is_whole;
    const char *prompt;
    bool opaque;
    bool truncated;
} requests[] = {
    {SLICE("{\"messages\":[{\"role\":\"user\",\"content\":\"hello wor"), false, "user: hello wor",
     false, true},
    {SLICE("{\"messages\":[{\"role\":\"user\",\"content\":\"hello wor"), true, "user: hello wor",
     true, true},
    {SLICE("{\"messages\":[{\"role\":\"user\",\"content\":\"a\\u00"), false, "user: a", false,
     true},
    {SLICE("{\"messages\":[{\"content\":\"a\"},{\"con"), false, "user: a\n\nuser: ", false, true},
    {SLICE("{\"messages\":[{\"role\":\"user\",\"content\":\"\xff\xfe\"}]}"), true,
     "user: \xEF\xBF\xBD\xEF\xBF\xBD", false, false},
    {SLICE("{\"messages\":[{\"role\":\"user\",\"content\":\"123456789012345678901234567890\"}]}"),
     true, "user: 123456789012345678901234", false, true},
    {SLICE("{\"messages\":\"hello\"}"), true, "", false, false},
    {SLICE("[]"), true, "", true, false},
    {SLICE(""), true, "", true, false},
    {SLICE("{}}"), true, "", true, false},
};

static void requests_are_read_as_far_as_possible(void **state)
{
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        struct dialect_reader *reader = dialect_reader_create(chat(), 30);
        assert_non_null(reader);
        dialect_read_request(reader, requests[i].body, requests[i].is_whole);
        dialect_reply_end(reader);
        const struct exchange *exchange = dialect_exchange(reader);
        if (!slice_equals(exchange->prompt, slice_from_string(requests[i].prompt)) ||
            exchange->opaque != requests[i].opaque ||
            exchange->truncated != requests[i].truncated) {
            fail_msg("request %zu: \"%.*s\" opaque %d truncated %d", i,
                     SLICE_ARGS(exchange->prompt), exchange->opaque, exchange->truncated);
        }
        dialect_reader_free(reader);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(odd_replies_are_read_as_far_as_possible),
        cmocka_unit_test(counts_are_counts),
        cmocka_unit_test(the_first_text_is_told_even_when_none_is_kept),
        cmocka_unit_test(choices_and_calls_have_caps),
        cmocka_unit_test(pieces_have_a_cap),
        cmocka_unit_test(requests_are_read_as_far_as_possible),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

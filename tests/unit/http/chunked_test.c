/* SPDX-License-Identifier: MIT
 *
 * chunked_test.c - golden tables of chunked bodies, each also in every split. */
#include "http/chunked.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct outcome {
    enum status status;
    enum chunked_state state;
    size_t consumed;
    size_t data_length;
    char data[256];
};

/* Feeds [0, first) and then pieces of <step> bytes. Each piece is a block of its own, so that a
 * reader looking past its end is caught by the address sanitizer. */
static void read_in_pieces(struct slice text, size_t first, size_t step, struct outcome *ret)
{
    struct chunked_reader reader = {0};
    *ret = (struct outcome){.status = STATUS_OK};
    size_t at = 0;
    size_t size = first;
    while (at < text.length && ret->status == STATUS_OK && reader.state != CHUNKED_DONE) {
        size = size < text.length - at ? size : text.length - at;
        char *piece = malloc(size + 1);
        assert_non_null(piece);
        memcpy(piece, text.data + at, size);
        struct slice input = slice_make(piece, size);
        while (input.length > 0 && reader.state != CHUNKED_DONE && ret->status == STATUS_OK) {
            struct slice data = {NULL, 0};
            struct failure failure = {""};
            ret->status = chunked_read(&reader, &input, &data, &failure);
            assert_true((ret->status != STATUS_OK) == (failure.text[0] != '\0'));
            assert_true(ret->data_length + data.length <= sizeof(ret->data));
            if (data.length > 0) {
                memcpy(ret->data + ret->data_length, data.data, data.length);
            }
            ret->data_length += data.length;
        }
        at += size - input.length;
        size = step;
        free(piece);
    }
    ret->state = reader.state;
    ret->consumed = at;
}

static void assert_same(const struct outcome *a, const struct outcome *b)
{
    assert_int_equal(a->status, b->status);
    assert_int_equal(a->state, b->state);
    assert_int_equal(a->consumed, b->consumed);
    assert_int_equal(a->data_length, b->data_length);
    assert_memory_equal(a->data, b->data, a->data_length);
}

static void check_every_split(struct slice text, const struct outcome *whole)
{
    struct outcome outcome;
    read_in_pieces(text, 1, 1, &outcome);
    assert_same(&outcome, whole);
    for (size_t split = 0; split < text.length; split++) {
        read_in_pieces(text, split, SIZE_MAX, &outcome);
        assert_same(&outcome, whole);
    }
}

static void whole_bodies_are_read(void **state)
{
    static const struct {
        struct slice text;
        struct slice data;
        size_t left; /* bytes behind the end */
    } cases[] = {
        {SLICE("0\r\n\r\n"), SLICE(""), 0},
        {SLICE("5\r\nhello\r\n0\r\n\r\n"), SLICE("hello"), 0},
        {SLICE("5\r\nhello\r\n1\r\n!\r\n0\r\n\r\nGET / HTTP"), SLICE("hello!"), 10},
        {SLICE("A\r\n0123456789\r\n0\r\n\r\n"), SLICE("0123456789"), 0},
        {SLICE("a\r\n0123456789\r\n000\r\n\r\n"), SLICE("0123456789"), 0},
        {SLICE("0000000000000001\r\nx\r\n0000000000000000\r\n\r\n"), SLICE("x"), 0},
        {SLICE("2\r\n\r\n\r\n0\r\n\r\n"), SLICE("\r\n"), 0},
        {SLICE("3\r\n\0\xff\n\r\n0\r\n\r\n"), SLICE("\0\xff\n"), 0},
        {SLICE("1;a\r\nx\r\n0\r\n\r\n"), SLICE("x"), 0},
        {SLICE("1;a=\"b c\"; d\t\r\nx\r\n0;e\r\n\r\n"), SLICE("x"), 0},
        {SLICE("1\r\nx\r\n0\r\nA: b\r\n\r\n"), SLICE("x"), 0},
        {SLICE("0\r\nX-Attach-User: \troot \xff\r\nB:\r\n\r\n\r\n"), SLICE(""), 2},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct outcome outcome;
        read_in_pieces(cases[i].text, SIZE_MAX, 0, &outcome);
        assert_int_equal(outcome.status, STATUS_OK);
        assert_int_equal(outcome.state, CHUNKED_DONE);
        assert_int_equal(outcome.consumed, cases[i].text.length - cases[i].left);
        assert_int_equal(outcome.data_length, cases[i].data.length);
        assert_memory_equal(outcome.data, cases[i].data.data, outcome.data_length);
        check_every_split(cases[i].text, &outcome);
    }
}

static void malformed_bodies_are_refused(void **state)
{
    static const struct {
        enum status status;
        struct slice text;
    } cases[] = {
        {STATUS_INVALID, SLICE("\r\n")},
        {STATUS_INVALID, SLICE(";a\r\n")},
        {STATUS_INVALID, SLICE("g\r\n")},
        {STATUS_INVALID, SLICE("0x5\r\nhello\r\n")},
        {STATUS_INVALID, SLICE("+5\r\nhello\r\n")},
        {STATUS_INVALID, SLICE("-5\r\nhello\r\n")},
        {STATUS_INVALID, SLICE(" 5\r\nhello\r\n")},
        {STATUS_INVALID, SLICE("5 \r\nhello\r\n")},
        {STATUS_INVALID, SLICE("5\t\r\nhello\r\n")},
        {STATUS_INVALID, SLICE("5 ;a\r\nhello\r\n")},
        {STATUS_INVALID, SLICE("5,5\r\nhello\r\n")},
        {STATUS_INVALID, SLICE("5\nhello\r\n")},
        {STATUS_INVALID, SLICE("5\rhello\r\n")},
        {STATUS_INVALID, SLICE("5\r\r\nhello\r\n")},
        {STATUS_INVALID, SLICE("5\0\r\nhello\r\n")},
        {STATUS_INVALID, SLICE("5;\0\r\nhello\r\n")},
        {STATUS_INVALID, SLICE("5;a\nhello\r\n")},
        {STATUS_INVALID, SLICE("5;a\rb\r\nhello\r\n")},
        {STATUS_INVALID, SLICE("5;\x80\r\nhello\r\n")},
        {STATUS_INVALID, SLICE("5;\x7f\r\nhello\r\n")},
        {STATUS_INVALID, SLICE("5\r\nhello0\r\n\r\n")},
        {STATUS_INVALID, SLICE("5\r\nhello\n0\r\n\r\n")},
        {STATUS_INVALID, SLICE("5\r\nhello\r0\r\n\r\n")},
        {STATUS_INVALID, SLICE("5\r\nhello!\r\n0\r\n\r\n")},
        {STATUS_INVALID, SLICE("5\r\nhello\r\n\r\n")},
        {STATUS_INVALID, SLICE("0\r\n\n")},
        {STATUS_INVALID, SLICE("0\r\n\rx")},
        {STATUS_INVALID, SLICE("0\r\nA\r\n\r\n")},
        {STATUS_INVALID, SLICE("0\r\n: b\r\n\r\n")},
        {STATUS_INVALID, SLICE("0\r\nA : b\r\n\r\n")},
        {STATUS_INVALID, SLICE("0\r\n A: b\r\n\r\n")},
        {STATUS_INVALID, SLICE("0\r\nA: b\r\n c\r\n\r\n")},
        {STATUS_INVALID, SLICE("0\r\nA: b\n\r\n")},
        {STATUS_INVALID, SLICE("0\r\nA: b\rc\r\n\r\n")},
        {STATUS_INVALID, SLICE("0\r\nA: \0\r\n\r\n")},
        {STATUS_INVALID, SLICE("0\r\nA: \x7f\r\n\r\n")},
        {STATUS_INVALID, SLICE("0\r\nGET / HTTP/1.1\r\n")},
        {STATUS_LIMIT, SLICE("00000000000000001\r\nx\r\n")},
        {STATUS_LIMIT, SLICE("8000000000000000\r\n")},
        {STATUS_LIMIT, SLICE("FFFFFFFFFFFFFFFF\r\n")},
        {STATUS_LIMIT, SLICE("10000000000000005\r\n")},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct outcome outcome;
        read_in_pieces(cases[i].text, SIZE_MAX, 0, &outcome);
        if (outcome.status != cases[i].status) {
            fail_msg("%d for: %s", outcome.status, cases[i].text.data);
        }
        assert_int_equal(outcome.state, CHUNKED_REFUSED);
        check_every_split(cases[i].text, &outcome);
    }
}

static void a_refused_reader_stays_refused(void **state)
{
    struct chunked_reader reader = {0};
    struct slice data;
    struct slice bad = SLICE("x");
    struct slice good = SLICE("0\r\n\r\n");
    assert_int_equal(chunked_read(&reader, &bad, &data, NULL), STATUS_INVALID);
    assert_int_equal(chunked_read(&reader, &good, &data, NULL), STATUS_INVALID);
    assert_int_equal(reader.state, CHUNKED_REFUSED);
}

static enum status read_repeated(const char *head, char byte, size_t count, const char *tail)
{
    size_t length = strlen(head) + count + strlen(tail);
    char *text = malloc(length);
    assert_non_null(text);
    memcpy(text, head, strlen(head));
    memset(text + strlen(head), byte, count);
    memcpy(text + strlen(head) + count, tail, strlen(tail));
    struct chunked_reader reader = {0};
    struct slice input = slice_make(text, length);
    struct slice data;
    enum status status = chunked_read(&reader, &input, &data, NULL);
    free(text);
    return status;
}

static void extensions_and_trailers_are_capped(void **state)
{
    assert_int_equal(read_repeated("0;", 'a', chunk_extension_bytes_max, "\r\n\r\n"), STATUS_OK);
    assert_int_equal(read_repeated("0;", 'a', chunk_extension_bytes_max + 1, "\r\n\r\n"),
                     STATUS_LIMIT);
    /* "A:", the value and its CR count */
    assert_int_equal(read_repeated("0\r\nA:", 'a', chunk_trailer_bytes_max - 3, "\r\n\r\n"),
                     STATUS_OK);
    assert_int_equal(read_repeated("0\r\nA:", 'a', chunk_trailer_bytes_max - 2, "\r\n\r\n"),
                     STATUS_LIMIT);
}

static void the_extension_cap_is_for_each_chunk(void **state)
{
    struct chunked_reader reader = {0};
    for (int i = 0; i < 10; i++) {
        char chunk[chunk_extension_bytes_max + 16];
        struct slice data;
        memcpy(chunk, "1;", 2);
        memset(chunk + 2, 'a', chunk_extension_bytes_max);
        memcpy(chunk + 2 + chunk_extension_bytes_max, "\r\nx\r\n", 5);
        struct slice input = slice_make(chunk, 2 + chunk_extension_bytes_max + 5);
        assert_int_equal(chunked_read(&reader, &input, &data, NULL), STATUS_OK);
        assert_int_equal(data.length, 1);
        assert_int_equal(chunked_read(&reader, &input, &data, NULL), STATUS_OK);
        assert_int_equal(data.length, 0);
    }
}

static void data_is_not_copied(void **state)
{
    static const char text[] = "400\r\n0123456789";
    struct chunked_reader reader = {0};
    struct slice input = slice_make(text, sizeof(text) - 1);
    struct slice data;
    assert_int_equal(chunked_read(&reader, &input, &data, NULL), STATUS_OK);
    assert_ptr_equal(data.data, text + 5);
    assert_int_equal(data.length, 10);
    assert_int_equal(input.length, 0);
    assert_int_equal(reader.left, 0x400 - 10);
}

static void size_lines_are_written(void **state)
{
    static const struct {
        uint64_t size;
        const char *line;
    } cases[] = {
        {1, "1\r\n"},
        {9, "9\r\n"},
        {15, "f\r\n"},
        {16, "10\r\n"},
        {0x1a2b, "1a2b\r\n"},
        {0x100000000, "100000000\r\n"},
        {UINT64_MAX, "ffffffffffffffff\r\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char line[chunk_size_line_max];
        size_t length = chunked_size_line(cases[i].size, line);
        assert_int_equal(length, strlen(cases[i].line));
        assert_memory_equal(line, cases[i].line, length);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_bodies_are_read),
        cmocka_unit_test(malformed_bodies_are_refused),
        cmocka_unit_test(a_refused_reader_stays_refused),
        cmocka_unit_test(extensions_and_trailers_are_capped),
        cmocka_unit_test(the_extension_cap_is_for_each_chunk),
        cmocka_unit_test(data_is_not_copied),
        cmocka_unit_test(size_lines_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * splitter_ndjson_test.c - streams and the lines in them, in every split. */
#include "http/splitter_ndjson.h"

#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { line_bytes_max = 8 };

/* Lines as "<line>" each, one too long as "!", what the end gives behind "|". */
static const struct {
    struct slice stream;
    const char *events;
} rows[] = {
    {SLICE(""), "|"},
    {SLICE("a\n"), "<a>|"},
    {SLICE("a\nb\r\nc"), "<a><b>|<c>"},
    {SLICE("\n\r\n\na\n\n"), "<a>|"},
    {SLICE("a\rb\n\r\r\n"), "<a\rb><\r>|"},
    {SLICE("12345678\n123456789\nx\n"), "<12345678>!<x>|"},
    {SLICE("1234567\r\n12345678\r\nx\n"), "<1234567>!<x>|"},
    {SLICE("12345678"), "|<12345678>"},
    {SLICE("123456789"), "|!"},
    {SLICE("a\xff\x01\n"), "<a\xff\x01>|"},
};

static void note(struct buffer *out, enum splitter_result result, struct slice piece)
{
    if (result == SPLITTER_PIECE) {
        buffer_append_byte(out, '<');
        buffer_append(out, piece);
        buffer_append_byte(out, '>');
    } else if (result == SPLITTER_TOO_LONG) {
        buffer_append_byte(out, '!');
    }
}

/* Each piece lies in a block of its own, so that a look behind it, or at it later, is caught. */
static void feed(struct splitter_ndjson *splitter, struct slice piece, struct buffer *out)
{
    char *block = malloc(piece.length > 0 ? piece.length : 1);
    struct slice input = slice_make(block, piece.length);
    struct slice found;
    enum splitter_result result;
    assert_non_null(block);
    memcpy(block, piece.data, piece.length);
    while ((result = splitter_ndjson_next(splitter, &input, &found)) != SPLITTER_MORE) {
        note(out, result, found);
    }
    assert_int_equal(input.length, 0);
    free(block);
}

static void check(struct slice stream, const char *expected, size_t first, size_t piece)
{
    struct splitter_ndjson splitter;
    struct buffer out;
    struct slice rest = stream;
    struct slice found;
    buffer_init(&out, 4096);
    splitter_ndjson_init(&splitter, line_bytes_max);
    for (size_t count = first; rest.length > 0; count = piece) {
        count = count < rest.length ? count : rest.length;
        feed(&splitter, slice_make(rest.data, count), &out);
        rest = slice_after(rest, count);
    }
    buffer_append_byte(&out, '|');
    enum splitter_result result = splitter_ndjson_end(&splitter, &found);
    note(&out, result, found);
    assert_false(out.failed);
    if (!slice_equals(buffer_slice(&out), slice_from_string(expected))) {
        fail_msg("\"%.*s\" (first %zu) gives %.*s", SLICE_ARGS(stream), first,
                 SLICE_ARGS(buffer_slice(&out)));
    }
    splitter_ndjson_clear(&splitter);
    buffer_clear(&out);
}

static void every_split_gives_the_same(void **state)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct slice stream = rows[i].stream;
        check(stream, rows[i].events, SIZE_MAX, SIZE_MAX);
        check(stream, rows[i].events, 1, 1);
        for (size_t first = 1; first < stream.length; first++) {
            check(stream, rows[i].events, first, SIZE_MAX);
        }
    }
}

/* A piece without end takes no more memory than the cap, and one that was large gives it back. */
static void memory_stays_within_the_cap(void **state)
{
    enum { large = 1024 * 1024 };
    struct splitter_ndjson splitter;
    struct slice found;
    struct buffer out;
    char *block = malloc(large);
    assert_non_null(block);
    memset(block, 'x', large);
    memcpy(block, "data:", 5);
    buffer_init(&out, 2 * large);
    splitter_ndjson_init(&splitter, large);
    feed(&splitter, slice_make(block, large), &out);
    feed(&splitter, SLICE("\n\n"), &out);
    assert_int_equal(out.length, large + 2);
    feed(&splitter, SLICE("data"), &out);
    assert_true(splitter.line.capacity < large / 4);
    for (int i = 0; i < 8; i++) {
        feed(&splitter, slice_make(block, large), &out);
        assert_true(splitter.line.capacity <= large);
    }
    assert_int_equal(splitter_ndjson_end(&splitter, &found), SPLITTER_TOO_LONG);
    splitter_ndjson_clear(&splitter);
    buffer_clear(&out);
    free(block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_split_gives_the_same),
        cmocka_unit_test(memory_stays_within_the_cap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

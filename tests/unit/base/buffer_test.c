/* SPDX-License-Identifier: MIT
 *
 * buffer_test.c - growing bytes: the cap, the sticky failure, and JSON strings that always are
 * JSON. */
#include "base/buffer.h"

#include "base/json.h"

#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void expect(const struct buffer *buffer, struct slice bytes)
{
    assert_false(buffer->failed);
    if (!slice_equals(buffer_slice(buffer), bytes)) {
        fail_msg("%.*s instead of %.*s", SLICE_ARGS(buffer_slice(buffer)), SLICE_ARGS(bytes));
    }
}

static void pieces_are_joined(void **state)
{
    struct buffer buffer;
    buffer_init(&buffer, 4096);
    assert_null(buffer.data); /* nothing before it is needed */
    buffer_append(&buffer, SLICE(""));
    buffer_append(&buffer, (struct slice){NULL, 0});
    assert_null(buffer.data);
    buffer_append(&buffer, SLICE("a\0b"));
    buffer_append_string(&buffer, "cd");
    buffer_append_byte(&buffer, '\xff');
    buffer_append_uint(&buffer, 0);
    buffer_append_uint(&buffer, UINT64_MAX);
    buffer_append_format(&buffer, "<%s %d>", "x", -7);
    expect(&buffer, SLICE("a\0bcd\xff"
                          "018446744073709551615<x -7>"));
    buffer_reset(&buffer);
    expect(&buffer, SLICE(""));
    assert_non_null(buffer.data); /* kept for the next time */
    buffer_append_string(&buffer, "again");
    expect(&buffer, SLICE("again"));
    buffer_clear(&buffer);
    assert_null(buffer.data);
    assert_int_equal(buffer.maximum, 4096);
    buffer_clear(&buffer);
}

static void bytes_survive_growth(void **state)
{
    struct buffer buffer;
    buffer_init(&buffer, 100000);
    for (size_t i = 0; i < 100000; i++) {
        buffer_append_byte(&buffer, (char)(i % 251));
        assert_true(buffer.capacity <= 100000);
    }
    assert_int_equal(buffer.length, 100000);
    for (size_t i = 0; i < 100000; i++) {
        assert_int_equal((unsigned char)buffer.data[i], i % 251);
    }
    assert_false(buffer.failed);
    buffer_append_byte(&buffer, 'x');
    assert_true(buffer.failed);
    assert_int_equal(buffer.length, 100000);
    buffer_clear(&buffer);
}

static void a_failure_sticks(void **state)
{
    struct buffer buffer;
    buffer_init(&buffer, 10);
    buffer_append_string(&buffer, "12345678");
    assert_null(buffer_reserve(&buffer, 3));
    assert_true(buffer.failed);
    buffer_append_string(&buffer, "9"); /* would fit, but something is missing before it */
    buffer_append_byte(&buffer, '9');
    buffer_append_uint(&buffer, 9);
    buffer_append_format(&buffer, "%d", 9);
    assert_null(buffer_reserve(&buffer, 0));
    assert_int_equal(buffer.length, 8);
    buffer_reset(&buffer);
    assert_false(buffer.failed);
    buffer_append_string(&buffer, "1234567890");
    expect(&buffer, SLICE("1234567890"));
    buffer_clear(&buffer);
}

static void the_maximum_may_be_small_or_huge(void **state)
{
    struct buffer buffer;
    buffer_init(&buffer, 0);
    assert_non_null(buffer_reserve(&buffer, 0));
    buffer_append_byte(&buffer, 'x');
    assert_true(buffer.failed);
    buffer_clear(&buffer);
    buffer_init(&buffer, SIZE_MAX);
    buffer_append_string(&buffer, "x");
    assert_null(buffer_reserve(&buffer, SIZE_MAX)); /* the sum would overflow */
    assert_true(buffer.failed);
    buffer_clear(&buffer);
}

static void reserved_bytes_count_once_they_are_added(void **state)
{
    struct buffer buffer;
    buffer_init(&buffer, 4096);
    char *room = buffer_reserve(&buffer, 600);
    assert_non_null(room);
    memset(room, 'r', 600);
    expect(&buffer, SLICE(""));
    buffer.length += 2;
    expect(&buffer, SLICE("rr"));
    room = buffer_reserve(&buffer, 3);
    assert_ptr_equal(room, buffer.data + 2);
    buffer_clear(&buffer);
}

static void the_front_can_be_dropped(void **state)
{
    struct buffer buffer;
    buffer_init(&buffer, 4096);
    buffer_append_string(&buffer, "0123456789");
    buffer_consume(&buffer, 0);
    expect(&buffer, SLICE("0123456789"));
    buffer_consume(&buffer, 3);
    expect(&buffer, SLICE("3456789"));
    buffer_append_string(&buffer, "x");
    expect(&buffer, SLICE("3456789x"));
    buffer_consume(&buffer, 8);
    expect(&buffer, SLICE(""));
    buffer_append_string(&buffer, "y");
    buffer_consume(&buffer, 2); /* more than there is */
    expect(&buffer, SLICE(""));
    buffer_clear(&buffer);
}

static void formats_may_be_empty_or_long(void **state)
{
    struct buffer buffer;
    char *text = malloc(5001);
    assert_non_null(text);
    memset(text, 't', 5000);
    text[5000] = '\0';
    buffer_init(&buffer, 5001);
    buffer_append_format(&buffer, "%s", "");
    buffer_append_format(&buffer, "%s", text);
    assert_int_equal(buffer.length, 5000);
    assert_false(buffer.failed);
    buffer_append_format(&buffer, "%s", "xx");
    assert_true(buffer.failed);
    assert_int_equal(buffer.length, 5000);
    buffer_clear(&buffer);
    free(text);
}

static void json_strings_are_escaped(void **state)
{
    static const struct {
        struct slice text;
        struct slice json;
    } cases[] = {
        {SLICE(""), SLICE("\"\"")},
        {SLICE("plain /text/"), SLICE("\"plain /text/\"")},
        {SLICE("\"\\"), SLICE("\"\\\"\\\\\"")},
        {SLICE("a\nb\rc\td"), SLICE("\"a\\nb\\rc\\td\"")},
        {SLICE("\0\x01\x1f\x7f"), SLICE("\"\\u0000\\u0001\\u001f\\u007f\"")},
        {SLICE("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
         SLICE("\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"")},
        {SLICE("\xf4\x8f\xbf\xbf"), SLICE("\"\xf4\x8f\xbf\xbf\"")},
        /* a lone byte, a long form, a surrogate, beyond U+10FFFF, cut off */
        {SLICE("\x80"), SLICE("\"\\ufffd\"")},
        {SLICE("\xc0\xaf"), SLICE("\"\\ufffd\\ufffd\"")},
        {SLICE("\xe0\x80\xaf"), SLICE("\"\\ufffd\\ufffd\\ufffd\"")},
        {SLICE("\xed\xa0\x80"), SLICE("\"\\ufffd\\ufffd\\ufffd\"")},
        {SLICE("\xf0\x80\x80\x80"), SLICE("\"\\ufffd\\ufffd\\ufffd\\ufffd\"")},
        {SLICE("\xf4\x90\x80\x80"), SLICE("\"\\ufffd\\ufffd\\ufffd\\ufffd\"")},
        {SLICE("\xf5\x80\x80\x80"), SLICE("\"\\ufffd\\ufffd\\ufffd\\ufffd\"")},
        {SLICE("\xff"), SLICE("\"\\ufffd\"")},
        {SLICE("\xc3"), SLICE("\"\\ufffd\"")},
        {SLICE("\xe2\x82"), SLICE("\"\\ufffd\\ufffd\"")},
        {SLICE("\xf0\x9f\x98x"), SLICE("\"\\ufffd\\ufffd\\ufffdx\"")},
        {SLICE("\xc3\""), SLICE("\"\\ufffd\\\"\"")},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buffer buffer;
        buffer_init(&buffer, 4096);
        buffer_append_json_string(&buffer, cases[i].text);
        expect(&buffer, cases[i].json);
        buffer_clear(&buffer);
    }
}

/* All texts of one and two bytes, and many of three. */
static void json_strings_are_json_whatever_the_bytes(void **state)
{
    struct buffer buffer;
    buffer_init(&buffer, 4096);
    for (unsigned number = 0; number < 1U << 24; number += number < 65536 ? 1 : 257) {
        char bytes[3] = {(char)number, (char)(number >> 8), (char)(number >> 16)};
        /* a block of its own, so that a look behind its end is caught */
        size_t length = number < 256 ? 1 : number < 65536 ? 2 : 3;
        struct json_value value;
        buffer_reset(&buffer);
        buffer_append_json_string(&buffer, slice_make(bytes, length));
        assert_int_equal(json_parse(buffer_slice(&buffer), JSON_DUPLICATES_REFUSED, &value, NULL),
                         STATUS_OK);
        assert_int_equal(value.kind, JSON_STRING);
        assert_int_equal(value.text.length, buffer.length);
    }
    buffer_clear(&buffer);
}

static void a_json_string_that_does_not_fit_fails(void **state)
{
    for (size_t maximum = 0; maximum < 12; maximum++) {
        struct buffer buffer;
        buffer_init(&buffer, maximum);
        buffer_append_json_string(&buffer, SLICE("ab\x01"));
        assert_true(buffer.failed == (maximum < 10));
        assert_true(buffer.length <= maximum);
        buffer_clear(&buffer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_joined),
        cmocka_unit_test(bytes_survive_growth),
        cmocka_unit_test(a_failure_sticks),
        cmocka_unit_test(the_maximum_may_be_small_or_huge),
        cmocka_unit_test(reserved_bytes_count_once_they_are_added),
        cmocka_unit_test(the_front_can_be_dropped),
        cmocka_unit_test(formats_may_be_empty_or_long),
        cmocka_unit_test(json_strings_are_escaped),
        cmocka_unit_test(json_strings_are_json_whatever_the_bytes),
        cmocka_unit_test(a_json_string_that_does_not_fit_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

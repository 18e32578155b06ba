/* SPDX-License-Identifier: MIT
 *
 * slice_test.c - borrowed text: comparing, cutting, lists and numbers, on empty and on odd input.
 */
#include "base/slice.h"

#include "base/buffer.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct slice nothing = {NULL, 0};

static void texts_are_compared_byte_by_byte(void **state)
{
    assert_true(slice_equals(SLICE("abc"), SLICE("abc")));
    assert_true(slice_equals(SLICE(""), nothing));
    assert_true(slice_equals(nothing, nothing));
    assert_true(slice_equals(SLICE("a\0b"), slice_make("a\0bc", 3)));
    assert_false(slice_equals(SLICE("a\0b"), SLICE("a\0c")));
    assert_false(slice_equals(SLICE("abc"), SLICE("ab")));
    assert_false(slice_equals(SLICE("abc"), SLICE("abC")));
    assert_false(slice_equals(SLICE("abc"), nothing));
    assert_int_equal(slice_from_string(NULL).length, 0);
    assert_int_equal(slice_from_string("abc").length, 3);
}

static void case_is_ignored_in_ascii_alone(void **state)
{
    for (unsigned a = 0; a < 256; a++) {
        for (unsigned b = 0; b < 256; b++) {
            char one = (char)a;
            char other = (char)b;
            bool letters = (a | 0x20) >= 'a' && (a | 0x20) <= 'z';
            bool same = a == b || (letters && (a | 0x20) == (b | 0x20) && a < 128 && b < 128);
            assert_true(slice_equals_ignoring_case(slice_make(&one, 1), slice_make(&other, 1)) ==
                        same);
        }
    }
    assert_true(slice_equals_ignoring_case(SLICE("Content-TYPE"), SLICE("cONTENT-type")));
    assert_false(slice_equals_ignoring_case(SLICE("abc"), SLICE("ab")));
    assert_true(slice_equals_ignoring_case(nothing, SLICE("")));
}

static void fronts_and_ends_are_found(void **state)
{
    assert_true(slice_starts_with(SLICE("abc"), SLICE("ab")));
    assert_true(slice_starts_with(SLICE("abc"), SLICE("abc")));
    assert_true(slice_starts_with(SLICE("abc"), nothing));
    assert_true(slice_starts_with(nothing, nothing));
    assert_false(slice_starts_with(SLICE("abc"), SLICE("abcd")));
    assert_false(slice_starts_with(SLICE("abc"), SLICE("bc")));
    assert_false(slice_starts_with(SLICE("abc"), SLICE("AB")));
    assert_true(slice_starts_with_ignoring_case(SLICE("abc"), SLICE("AB")));
    assert_false(slice_starts_with_ignoring_case(SLICE("a"), SLICE("AB")));
    assert_true(slice_ends_with(SLICE("abc"), SLICE("bc")));
    assert_true(slice_ends_with(SLICE("abc"), SLICE("abc")));
    assert_true(slice_ends_with(SLICE("abc"), SLICE("")));
    assert_false(slice_ends_with(SLICE("abc"), SLICE("ab")));
    assert_false(slice_ends_with(SLICE("bc"), SLICE("abc")));
}

static void a_byte_is_found_or_the_end(void **state)
{
    assert_int_equal(slice_find(SLICE("a,b,c"), ','), 1);
    assert_int_equal(slice_find(SLICE("abc"), ','), 3);
    assert_int_equal(slice_find(slice_make("abc,", 3), ','), 3);
    assert_int_equal(slice_find(SLICE("a\0b"), 'b'), 2);
    assert_int_equal(slice_find(SLICE("a\0b"), '\0'), 1);
    assert_int_equal(slice_find(SLICE("\xff"), '\xff'), 0);
    assert_int_equal(slice_find(nothing, ','), 0);
    assert_true(slice_equals(slice_after(SLICE("abc"), 1), SLICE("bc")));
    assert_true(slice_equals(slice_after(SLICE("abc"), 3), SLICE("")));
}

static void space_and_tab_are_trimmed_and_nothing_else(void **state)
{
    static const struct {
        const char *text;
        const char *trimmed;
    } cases[] = {{"", ""},
                 {" ", ""},
                 {" \t ", ""},
                 {"a", "a"},
                 {" a", "a"},
                 {"a\t", "a"},
                 {" \ta b\t ", "a b"},
                 {"\na\r", "\na\r"},
                 {"\xa0 a", "\xa0 a"},
                 {"\x0b"
                  "a",
                  "\x0b"
                  "a"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_true(slice_equals(slice_trim(slice_from_string(cases[i].text)),
                                 slice_from_string(cases[i].trimmed)));
    }
    assert_int_equal(slice_trim(nothing).length, 0);
}

static void lists_are_taken_apart(void **state)
{
    static const struct {
        const char *text;
        const char *items; /* joined by '|' */
    } cases[] = {
        {"", ""},     {",", ""},    {" , ,\t, ", ""},          {"a", "a|"},        {"a,b", "a|b|"},
        {"a,", "a|"}, {",a", "a|"}, {" a b ,, c\t", "a b|c|"}, {"a , ,b", "a|b|"}, {"a;b", "a;b|"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buffer joined;
        struct slice rest = slice_from_string(cases[i].text);
        struct slice item = SLICE("kept");
        buffer_init(&joined, 64);
        while (slice_next_item(&rest, &item)) {
            buffer_append(&joined, item);
            buffer_append_byte(&joined, '|');
        }
        assert_true(slice_equals(buffer_slice(&joined), slice_from_string(cases[i].items)));
        buffer_clear(&joined);
        assert_int_equal(rest.length, 0);
    }
}

static void numbers_are_digits_within_their_maximum(void **state)
{
    static const struct {
        struct slice text;
        uint64_t maximum;
        bool is_number;
        uint64_t number;
    } cases[] = {
        {SLICE("0"), 0, true, 0},
        {SLICE("00000000000000000000000000000017"), 17, true, 17},
        {SLICE("65535"), 65535, true, 65535},
        {SLICE("65536"), 65535, false, 0},
        {SLICE("1"), 0, false, 0},
        {SLICE("10"), 9, false, 0},
        {SLICE("18446744073709551615"), UINT64_MAX, true, UINT64_MAX},
        {SLICE("18446744073709551616"), UINT64_MAX, false, 0},
        {SLICE("99999999999999999999"), UINT64_MAX, false, 0},
        {SLICE("184467440737095516150"), UINT64_MAX, false, 0},
        {SLICE("9223372036854775807"), INT64_MAX, true, INT64_MAX},
        {SLICE("9223372036854775808"), INT64_MAX, false, 0},
        {SLICE(""), UINT64_MAX, false, 0},
        {SLICE("+1"), UINT64_MAX, false, 0},
        {SLICE("-1"), UINT64_MAX, false, 0},
        {SLICE(" 1"), UINT64_MAX, false, 0},
        {SLICE("1 "), UINT64_MAX, false, 0},
        {SLICE("1,1"), UINT64_MAX, false, 0},
        {SLICE("0x1"), UINT64_MAX, false, 0},
        {SLICE("1e1"), UINT64_MAX, false, 0},
        {SLICE("1\0"), UINT64_MAX, false, 0},
        {SLICE("/"), UINT64_MAX, false, 0},
        {SLICE(":"), UINT64_MAX, false, 0},
        {SLICE("\xb1"), UINT64_MAX, false, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t number = 777;
        bool is_number = slice_parse_uint(cases[i].text, cases[i].maximum, &number);
        if (is_number != cases[i].is_number || number != (is_number ? cases[i].number : 777)) {
            fail_msg("row %zu: %.*s", i, SLICE_ARGS(cases[i].text));
        }
    }
}

static void secrets_are_compared_whole(void **state)
{
    assert_true(slice_equals_secret(SLICE("secret"), SLICE("secret")));
    assert_true(slice_equals_secret(SLICE("s\0t"), SLICE("s\0t")));
    assert_true(slice_equals_secret(nothing, SLICE("")));
    for (size_t i = 0; i < 6; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            char other[] = "secret";
            other[i] = (char)((unsigned char)other[i] ^ 1U << bit);
            assert_false(slice_equals_secret(SLICE("secret"), slice_make(other, 6)));
        }
    }
    assert_false(slice_equals_secret(SLICE("secret"), SLICE("secre")));
    assert_false(slice_equals_secret(SLICE("secret"), nothing));
    assert_false(slice_equals_secret(SLICE("sec\0et"), SLICE("sec\0ex")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_compared_byte_by_byte),
        cmocka_unit_test(case_is_ignored_in_ascii_alone),
        cmocka_unit_test(fronts_and_ends_are_found),
        cmocka_unit_test(a_byte_is_found_or_the_end),
        cmocka_unit_test(space_and_tab_are_trimmed_and_nothing_else),
        cmocka_unit_test(lists_are_taken_apart),
        cmocka_unit_test(numbers_are_digits_within_their_maximum),
        cmocka_unit_test(secrets_are_compared_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

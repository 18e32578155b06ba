/* SPDX-License-Identifier: MIT
 *
 * characters_test.c - the tables against the grammars they come from, written out. */
#include "http/characters.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

static void classes_are_their_grammars(void **state)
{
    static const struct {
        enum character_class class;
        const char *members;
    } grammars[] = {
        {CHARACTER_TOKEN, DIGITS LETTERS "!#$%&'*+-.^_`|~"},
        {CHARACTER_UNRESERVED, DIGITS LETTERS "-._~"},
        {CHARACTER_PATH, DIGITS LETTERS "-._~"
                                        "!$&'()*+,;="
                                        ":@"},
        {CHARACTER_QUERY, DIGITS LETTERS "!\"$&'()*+,-./:;<=>?@[]^_`{|}~"},
        {CHARACTER_HOST, DIGITS LETTERS "-._"},
        {CHARACTER_B64TOKEN, DIGITS LETTERS "-._~+/"},
    };
    for (size_t i = 0; i < sizeof(grammars) / sizeof(grammars[0]); i++) {
        for (int byte = 0; byte < 256; byte++) {
            bool member = byte != 0 && strchr(grammars[i].members, byte) != NULL;
            assert_int_equal(character_is((char)byte, grammars[i].class), member);
        }
    }
}

static void folding_changes_letters_and_underscores(void **state)
{
    for (int byte = 0; byte < 256; byte++) {
        int expected = byte >= 'A' && byte <= 'Z' ? byte - 'A' + 'a' : byte == '_' ? '-' : byte;
        assert_int_equal(character_folded[byte], expected);
    }
}

static void hex_digits_have_values(void **state)
{
    for (int byte = 0; byte < 256; byte++) {
        int expected = byte >= '0' && byte <= '9'   ? byte - '0' + 1
                       : byte >= 'a' && byte <= 'f' ? byte - 'a' + 11
                       : byte >= 'A' && byte <= 'F' ? byte - 'A' + 11
                                                    : 0;
        assert_int_equal(character_hex[byte], expected);
    }
}

static void spans_and_tokens_are_measured(void **state)
{
    assert_int_equal(character_span(SLICE("abc def"), CHARACTER_TOKEN), 3);
    assert_int_equal(character_span(SLICE(""), CHARACTER_TOKEN), 0);
    assert_true(character_is_token(SLICE("x-a")));
    assert_false(character_is_token(SLICE("")));
    assert_false(character_is_token(SLICE("a b")));
    assert_false(character_is_token(SLICE("a\0")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_are_their_grammars),
        cmocka_unit_test(folding_changes_letters_and_underscores),
        cmocka_unit_test(hex_digits_have_values),
        cmocka_unit_test(spans_and_tokens_are_measured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

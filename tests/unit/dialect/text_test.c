/* SPDX-License-Identifier: MIT
 *
 * text_test.c - escapes, the cap, and where a text is cut. */
#include "dialect/text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct json_value parse(struct slice text)
{
    struct json_value value = {0};
    assert_int_equal(json_parse(text, JSON_DUPLICATES_UNCHECKED, &value, NULL), STATUS_OK);
    return value;
}

static const struct {
    struct slice json;
    size_t room;
    const char *kept;
    bool was_short;
} rows[] = {
    {SLICE("\"plain\""), 5, "plain", false},
    {SLICE("\"plain\""), 4, "plai", true},
    {SLICE("\"plain\""), 0, "", true},
    {SLICE("\"\""), 0, "", false},
    {SLICE("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), 8, "\"\\/\b\f\n\r\t", false},
    {SLICE("\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\""), 10, "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80",
     false},
    {SLICE("\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00z\""), 9, "A\xC3\xA9\xE2\x82\xAC", true},
    {SLICE("\"a\xE2\x82\xAC\""), 3, "a", true},
    {SLICE("\"a\xE2\x82\xAC\""), 4, "a\xE2\x82\xAC", false},
    {SLICE("\"\\u0000\""), 3, "\xEF\xBF\xBD", false},
    {SLICE("17"), 9, "", false},
    {SLICE("null"), 9, "", false},
};

static void strings_are_kept_up_to_the_cap(void **state)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct text_room room = {.left = rows[i].room};
        struct text text;
        text_init(&text, &room);
        text_append_json(&text, parse(rows[i].json));
        assert_true(slice_equals(buffer_slice(&text.bytes), slice_from_string(rows[i].kept)));
        assert_int_equal(room.was_short, rows[i].was_short);
        text_append(&text, SLICE("zzzzzzzzzz"));
        assert_true(text.bytes.length <= rows[i].room);
        text_clear(&text);
    }
}

/* Nothing comes behind what was cut, or the text would have a hole. */
static void texts_share_a_room(void **state)
{
    struct text_room room = {.left = 6};
    struct text a;
    struct text b;
    text_init(&a, &room);
    text_init(&b, &room);
    text_append(&a, SLICE("abc"));
    text_append(&b, SLICE("de\xE2\x82\xAC"));
    text_append(&a, SLICE("f"));
    assert_true(slice_equals(buffer_slice(&a.bytes), SLICE("abc")));
    assert_true(slice_equals(buffer_slice(&b.bytes), SLICE("de")));
    assert_true(room.was_short);
    text_clear(&a);
    text_clear(&b);
}

static void a_word_is_replaced_by_what_says_something(void **state)
{
    struct text_word word;
    text_word_init(&word);
    text_word_set(&word, parse(SLICE("\"one\"")));
    text_word_set(&word, parse(SLICE("\"\"")));
    text_word_set(&word, parse(SLICE("7")));
    assert_true(slice_equals(buffer_slice(&word.text.bytes), SLICE("one")));
    text_word_set(&word, parse(SLICE("\"tw\\u006f\"")));
    assert_true(slice_equals(buffer_slice(&word.text.bytes), SLICE("two")));
    text_clear(&word.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_are_kept_up_to_the_cap),
        cmocka_unit_test(texts_share_a_room),
        cmocka_unit_test(a_word_is_replaced_by_what_says_something),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

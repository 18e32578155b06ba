/* SPDX-License-Identifier: MIT
 *
 * mend_test.c - broken texts and what becomes of them. */
#include "base/json.h"
#include "dialect/mend.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct {
    struct slice text;
    const char *mended; /* NULL: nothing can be done */
    bool was_cut;
} rows[] = {
    {SLICE("{\"a\":[1,\"b\"]}"), "{\"a\":[1,\"b\"]}", false},
    {SLICE("{\"a\":\"\xff\xc3(\xe2\x82\"}"),
     "{\"a\":\"\xEF\xBF\xBD\xEF\xBF\xBD(\xEF\xBF\xBD\xEF\xBF\xBD\"}", false},
    {SLICE("[\"\xED\xA0\x80\"]"), "[\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"]", false},
    {SLICE("[\"\\ud83d\",\"\\ude00x\",\"\\ud83d\\ude00\"]"),
     "[\"\xEF\xBF\xBD\",\"\xEF\xBF\xBDx\",\"\\ud83d\\ude00\"]", false},
    {SLICE("[\"\\x\\uzzzz\"]"), "[\"\xEF\xBF\xBDx\xEF\xBF\xBDzzzz\"]", false},
    {SLICE("[\"a\nb\"]"), "[\"a\\u000ab\"]", false},
    {SLICE("{\"a\":{\"b\":[\"text"), "{\"a\":{\"b\":[\"text\"]}}", true},
    {SLICE("{\"a\":\"b\\"), "{\"a\":\"b\"}", true},
    {SLICE("{\"a\":\"b\\u00"), "{\"a\":\"b\"}", true},
    {SLICE("{\"a\":1,\"b\":12"), "{\"a\":1}", true},
    {SLICE("{\"a\":1,\"b"), "{\"a\":1}", true},
    {SLICE("{\"a\":1,\"b\":"), "{\"a\":1}", true},
    {SLICE("{\"a\":[tru"), "{\"a\":[]}", true},
    {SLICE("{\"a\":{},"), "{\"a\":{}}", true},
    {SLICE("\"te"), "\"te\"", true},
    {SLICE("[}"), NULL, false},
    {SLICE("]"), NULL, false},
    {SLICE("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["), NULL, false},
};

static void texts_are_mended(void **state)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buffer out;
        struct json_value value;
        bool was_cut = false;
        buffer_init(&out, 4096);
        bool is_mended = mend_json(rows[i].text, &out, &was_cut);
        assert_int_equal(is_mended, rows[i].mended != NULL);
        if (is_mended) {
            if (!slice_equals(buffer_slice(&out), slice_from_string(rows[i].mended))) {
                fail_msg("row %zu becomes %.*s", i, SLICE_ARGS(buffer_slice(&out)));
            }
            assert_int_equal(was_cut, rows[i].was_cut);
            assert_int_equal(
                json_parse(buffer_slice(&out), JSON_DUPLICATES_UNCHECKED, &value, NULL), STATUS_OK);
        }
        buffer_clear(&out);
    }
}

/* Every beginning of a sound object can be read. */
static void every_cut_can_be_read(void **state)
{
    static const struct slice text = SLICE("{\"a\": [1, {\"b\\n\": \"\xC3\xA9\\ud83d\\ude00\"}, "
                                           "null], \"c\": {\"d\": \"}]\"}, \"e\": -1.5e3}");
    for (size_t length = 1; length <= text.length; length++) {
        struct buffer out;
        struct json_value value;
        bool was_cut = false;
        buffer_init(&out, 4096);
        assert_true(mend_json(slice_make(text.data, length), &out, &was_cut));
        assert_int_equal(was_cut, length < text.length);
        assert_int_equal(json_parse(buffer_slice(&out), JSON_DUPLICATES_REFUSED, &value, NULL),
                         STATUS_OK);
        buffer_clear(&out);
    }
}

static void too_little_memory_is_told(void **state)
{
    struct buffer out;
    bool was_cut = false;
    buffer_init(&out, 4);
    assert_false(mend_json(SLICE("[\"text\"]"), &out, &was_cut));
    buffer_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_mended),
        cmocka_unit_test(every_cut_can_be_read),
        cmocka_unit_test(too_little_memory_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

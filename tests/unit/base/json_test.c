/* SPDX-License-Identifier: MIT
 *
 * json_test.c - texts that are JSON and the many that are not, in the manner of JSONTestSuite;
 * duplicate names in every spelling; walks, strings and dates. Every text lies in a block of its
 * exact size, so that a look behind its end is caught. */
#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* The value's slices point into the block that *ret_block gets; the caller frees it. */
static enum status parse(struct slice text, enum json_duplicates duplicates, char **ret_block,
                         struct json_value *ret)
{
    char *block = malloc(text.length > 0 ? text.length : 1);
    struct failure failure = {""};
    assert_non_null(block);
    memcpy(block, text.data, text.length);
    enum status status = json_parse(slice_make(block, text.length), duplicates, ret, &failure);
    assert_true((status == STATUS_OK) == (failure.text[0] == '\0'));
    *ret_block = block;
    return status;
}

static enum status status_of(struct slice text, enum json_duplicates duplicates)
{
    char *block = NULL;
    struct json_value value = {.kind = JSON_ABSENT};
    enum status status = parse(text, duplicates, &block, &value);
    assert_true((status == STATUS_OK) == (value.kind != JSON_ABSENT));
    free(block);
    return status;
}

/* The kind of a sound text, and JSON_ABSENT for any other. */
static enum json_kind kind_of(struct slice text)
{
    char *block = NULL;
    struct json_value value = {.kind = JSON_ABSENT};
    (void)!parse(text, JSON_DUPLICATES_REFUSED, &block, &value);
    free(block);
    return value.kind;
}

static const struct {
    struct slice text;
    enum json_kind kind;
} sound[] = {
    {SLICE("null"), JSON_NULL},
    {SLICE("true"), JSON_TRUE},
    {SLICE("false"), JSON_FALSE},
    {SLICE(" \t\r\n null \n"), JSON_NULL},
    {SLICE("0"), JSON_NUMBER},
    {SLICE("-0"), JSON_NUMBER},
    {SLICE("-1"), JSON_NUMBER},
    {SLICE("10"), JSON_NUMBER},
    {SLICE("0.1"), JSON_NUMBER},
    {SLICE("-0.000000000000000000000000000000000000000001"), JSON_NUMBER},
    {SLICE("1e5"), JSON_NUMBER},
    {SLICE("1E+5"), JSON_NUMBER},
    {SLICE("1e-5"), JSON_NUMBER},
    {SLICE("0e1"), JSON_NUMBER},
    {SLICE("123.456e78"), JSON_NUMBER},
    {SLICE("1e99999999999999999999"), JSON_NUMBER},
    {SLICE("100000000000000000000000000000000000000000"), JSON_NUMBER},
    {SLICE("\"\""), JSON_STRING},
    {SLICE("\" \""), JSON_STRING},
    {SLICE("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), JSON_STRING},
    {SLICE("\"\\u0000\\u0012\\uABCD\\uabcd\""), JSON_STRING},
    {SLICE("\"\\ud83d\\uDE00\""), JSON_STRING},
    {SLICE("\"\\u005C\""), JSON_STRING},
    {SLICE("\"\\\\u005C\""), JSON_STRING},
    {SLICE("\"\x7f\""), JSON_STRING},
    {SLICE("\"\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\""), JSON_STRING},
    {SLICE("\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\""), JSON_STRING},
    {SLICE("\"0123456\\\"\""), JSON_STRING},
    {SLICE("\"01234567\\\"\""), JSON_STRING},
    {SLICE("\"012345678 0123456789 0123456789 \xc3\xa9\""), JSON_STRING},
    {SLICE("[]"), JSON_ARRAY},
    {SLICE("[ ]"), JSON_ARRAY},
    {SLICE("[1,\"a\",null,true,false,[],{}]"), JSON_ARRAY},
    {SLICE("[\n1\t,\r2 ]"), JSON_ARRAY},
    {SLICE("[[],[[]]]"), JSON_ARRAY},
    {SLICE("{}"), JSON_OBJECT},
    {SLICE("{ }"), JSON_OBJECT},
    {SLICE("{\"\":0}"), JSON_OBJECT},
    {SLICE("{\"a\":{\"a\":{\"a\":1}},\"b\":[{\"a\":1},{\"a\":2}]}"), JSON_OBJECT},
    {SLICE("{ \"a\" : 1 , \"b\" : [ ] }"), JSON_OBJECT},
    {SLICE("{\"a\":[{}],\"\\u0062\":1,\"c\":\"}\"}"), JSON_OBJECT},
};

static void sound_texts_are_read(void **state)
{
    for (size_t i = 0; i < COUNT(sound); i++) {
        if (kind_of(sound[i].text) != sound[i].kind) {
            fail_msg("refused: %.*s", SLICE_ARGS(sound[i].text));
        }
    }
}

static const struct slice unsound[] = {
    /* nothing, too little, too much */
    SLICE(""),
    SLICE(" "),
    SLICE("\n"),
    SLICE("1 2"),
    SLICE("null null"),
    SLICE("{}{}"),
    SLICE("[]]"),
    SLICE("{}}"),
    SLICE("1]"),
    SLICE("\"a\"b"),
    SLICE("nullx"),
    SLICE("[1]x"),
    SLICE("1\0"),
    SLICE("\0"),
    SLICE("[\0]"),
    SLICE("[1\0]"),
    SLICE("{\"a\":1}\0"),
    /* words */
    SLICE("nul"),
    SLICE("n"),
    SLICE("Null"),
    SLICE("TRUE"),
    SLICE("tru"),
    SLICE("fals"),
    SLICE("undefined"),
    SLICE("NaN"),
    SLICE("-NaN"),
    SLICE("Infinity"),
    SLICE("-Infinity"),
    SLICE("a"),
    SLICE("'a'"),
    SLICE("#"),
    SLICE("[a]"),
    /* numbers */
    SLICE("-"),
    SLICE("+1"),
    SLICE("+"),
    SLICE(".5"),
    SLICE("-.5"),
    SLICE("1."),
    SLICE("1.e1"),
    SLICE("01"),
    SLICE("-01"),
    SLICE("00"),
    SLICE("-00"),
    SLICE("1e"),
    SLICE("1e+"),
    SLICE("1E-"),
    SLICE("1e1.5"),
    SLICE("1.2.3"),
    SLICE("0x1"),
    SLICE("1_000"),
    SLICE("1 000"),
    SLICE("--1"),
    SLICE("1+1"),
    SLICE("2.e3"),
    SLICE("0e"),
    SLICE("1f"),
    SLICE("\xef\xbc\x91"),
    SLICE("[-]"),
    SLICE("[1.]"),
    SLICE("-a"),
    SLICE("1ee1"),
    /* strings */
    SLICE("\""),
    SLICE("\"a"),
    SLICE("\"\\\""),
    SLICE("\"\\"),
    SLICE("\"\\a\""),
    SLICE("\"\\x41\""),
    SLICE("\"\\U0041\""),
    SLICE("\"\\u\""),
    SLICE("\"\\u0\""),
    SLICE("\"\\u00\""),
    SLICE("\"\\u004\""),
    SLICE("\"\\u00g0\""),
    SLICE("\"\\u-041\""),
    SLICE("\"\\u+041\""),
    SLICE("\"\\u004"),
    SLICE("\"\\'\""),
    SLICE("\"\\0\""),
    SLICE("\"\\\n\""),
    SLICE("\"a\nb\""),
    SLICE("\"a\tb\""),
    SLICE("\"a\0b\""),
    SLICE("\"\x1f\""),
    SLICE("\"0123456789abcdef\x01\""),
    SLICE("\"01234567\n\""),
    SLICE("\"0123456789abcdef"),
    /* half a surrogate pair, or a pair the wrong way round */
    SLICE("\"\\ud800\""),
    SLICE("\"\\udc00\""),
    SLICE("\"\\udc00\\ud800\""),
    SLICE("\"\\ud800\\ud800\""),
    SLICE("\"\\ud800x\""),
    SLICE("\"\\ud800\\n\""),
    SLICE("\"\\ud800\\u0041\""),
    SLICE("\"\\ud800\\\""),
    SLICE("\"\\ud800\\u\""),
    SLICE("\"\\ud800\\udc0\""),
    SLICE("\"\\uD800\\uD"),
    SLICE("\"\\udfff\""),
    SLICE("{\"\\ud800\":1}"),
    SLICE("\"\\ud83d\\\\uDE00\""),
    /* not UTF-8 */
    SLICE("\"\x80\""),
    SLICE("\"\xbf\""),
    SLICE("\"\xc0\x80\""),
    SLICE("\"\xc1\xbf\""),
    SLICE("\"\xc2\""),
    SLICE("\"\xc2"),
    SLICE("\"\xc3\x28\""),
    SLICE("\"\xe0\x9f\xbf\""),
    SLICE("\"\xe2\x82\""),
    SLICE("\"\xe2\x82"),
    SLICE("\"\xe2\x28\xa1\""),
    SLICE("\"\xed\xa0\x80\""),
    SLICE("\"\xed\xbf\xbf\""),
    SLICE("\"\xf0\x8f\xbf\xbf\""),
    SLICE("\"\xf0\x9f\x98\""),
    SLICE("\"\xf4\x90\x80\x80\""),
    SLICE("\"\xf5\x80\x80\x80\""),
    SLICE("\"\xf8\x88\x80\x80\x80\""),
    SLICE("\"\xfe\""),
    SLICE("\"\xff\""),
    SLICE("\xff"),
    SLICE("\"01234567\xff\""),
    SLICE("\xef\xbb\xbf{}"),
    SLICE("[\xc2\xa0]"),
    SLICE("\xff\xfe{\0}\0"),
    SLICE("{\"\xff\":1}"),
    /* arrays */
    SLICE("["),
    SLICE("[1"),
    SLICE("[1,"),
    SLICE("[1,]"),
    SLICE("[,1]"),
    SLICE("[,]"),
    SLICE("[1,,2]"),
    SLICE("[1 2]"),
    SLICE("[1:2]"),
    SLICE("[1;2]"),
    SLICE("[1}"),
    SLICE("]"),
    SLICE("[[]"),
    SLICE("[[1,2]"),
    SLICE("[\"a\" \"b\"]"),
    SLICE("[\"a\""),
    SLICE("[\"a\",\n"),
    SLICE("[\x0c]"),
    SLICE("[\x0b]"),
    SLICE("[1//a\n]"),
    SLICE("[1/*a*/]"),
    SLICE("[*]"),
    SLICE("[\"\":1]"),
    SLICE("[...]"),
    SLICE("[}"),
    SLICE("[1,\n]"),
    /* objects */
    SLICE("{"),
    SLICE("}"),
    SLICE("{]"),
    SLICE("{1:1}"),
    SLICE("{a:1}"),
    SLICE("{'a':1}"),
    SLICE("{\"a\"}"),
    SLICE("{\"a\":}"),
    SLICE("{\"a\":1"),
    SLICE("{\"a\":1,"),
    SLICE("{\"a\":1,}"),
    SLICE("{\"a\":1,,\"b\":2}"),
    SLICE("{,\"a\":1}"),
    SLICE("{\"a\" 1}"),
    SLICE("{\"a\",1}"),
    SLICE("{\"a\"::1}"),
    SLICE("{\"a\":1 \"b\":2}"),
    SLICE("{\"a\":1]"),
    SLICE("{null:1}"),
    SLICE("{\"a\":1,\"b\"}"),
    SLICE("{\"a\":1,2}"),
    SLICE("{\"a\":\"b}"),
    SLICE("{{}:1}"),
    SLICE("{[]:1}"),
    SLICE("{\"a\":1;}"),
    SLICE("{\"a\":1}#"),
    SLICE("{\"a\":1}//"),
    SLICE("{\"a"),
    SLICE("{\""),
    SLICE("{\"a\":"),
    SLICE("{\"a\"="),
    SLICE("{:1}"),
    SLICE("{\"a\":1,null}"),
};

static void unsound_texts_are_refused(void **state)
{
    for (size_t i = 0; i < COUNT(unsound); i++) {
        enum status checked = status_of(unsound[i], JSON_DUPLICATES_REFUSED);
        enum status unchecked = status_of(unsound[i], JSON_DUPLICATES_UNCHECKED);
        if (checked != STATUS_INVALID || unchecked != STATUS_INVALID) {
            fail_msg("row %zu: %d and %d for %.*s", i, checked, unchecked, SLICE_ARGS(unsound[i]));
        }
    }
}

/* No front part of a text that ends with a bracket or a quote is a text itself. */
static void every_text_cut_short_is_refused(void **state)
{
    static const struct slice whole =
        SLICE("{\"a\":[1,-2.5e+3,\"x\\u00e9\\\\\\ud83d\\ude00\xf0\x9f\x98\x80\"],"
              "\"b\":{\"c\":null,\"d\":[true,false,{}]},\"e\":\"0123456789abcdef\"}");
    assert_int_equal(kind_of(whole), JSON_OBJECT);
    for (size_t length = 0; length < whole.length; length++) {
        assert_int_equal(kind_of(slice_make(whole.data, length)), JSON_ABSENT);
    }
}

static void depth_is_capped(void **state)
{
    for (size_t kind = 0; kind < 2; kind++) {
        for (size_t depth = json_depth_max - 1; depth <= json_depth_max + 1; depth++) {
            char text[8 * (json_depth_max + 2)];
            size_t length = 0;
            for (size_t i = 0; i < depth; i++) {
                length += (size_t)snprintf(text + length, 8, kind == 0 ? "[" : "{\"a\":");
            }
            text[length++] = '1';
            for (size_t i = 0; i < depth; i++) {
                text[length++] = kind == 0 ? ']' : '}';
            }
            assert_int_equal(status_of(slice_make(text, length), JSON_DUPLICATES_REFUSED),
                             depth <= json_depth_max ? STATUS_OK : STATUS_LIMIT);
        }
    }
    char *brackets = malloc(1000000);
    assert_non_null(brackets);
    memset(brackets, '[', 1000000);
    assert_int_equal(status_of(slice_make(brackets, 1000000), JSON_DUPLICATES_UNCHECKED),
                     STATUS_LIMIT);
    free(brackets);
}

static void a_name_twice_is_refused_in_every_spelling(void **state)
{
    static const struct {
        const char *text;
        enum status status;
    } cases[] = {
        {"{\"a\":1,\"a\":1}", STATUS_INVALID},
        {"{\"a\":1,\"b\":2,\"a\":3}", STATUS_INVALID},
        {"{\"\":1,\"\":1}", STATUS_INVALID},
        {"{\"a\":1,\"\\u0061\":1}", STATUS_INVALID},
        {"{\"\\u0061\":1,\"a\":1}", STATUS_INVALID},
        {"{\"\\u0061\":1,\"\\u0061\":1}", STATUS_INVALID},
        {"{\"\\u006a\":1,\"\\u006A\":1}", STATUS_INVALID},
        {"{\"a/b\":1,\"a\\/b\":1}", STATUS_INVALID},
        {"{\"a\\/b\":1,\"a\\u002fb\":1}", STATUS_INVALID},
        {"{\"\\n\":1,\"\\u000a\":1}", STATUS_INVALID},
        {"{\"\\\\\":1,\"\\u005c\":1}", STATUS_INVALID},
        {"{\"\\\"\":1,\"\\u0022\":1}", STATUS_INVALID},
        {"{\"\xc3\xa9\":1,\"\\u00e9\":1}", STATUS_INVALID},
        {"{\"x\\u00e9\":1,\"\\u0078\xc3\xa9\":1}", STATUS_INVALID},
        {"{\"\xe2\x82\xac\":1,\"\\u20aC\":1}", STATUS_INVALID},
        {"{\"\xf0\x9f\x98\x80\":1,\"\\ud83d\\ude00\":1}", STATUS_INVALID},
        {"{\"o\":{\"a\":1,\"a\":1}}", STATUS_INVALID},
        {"[{\"a\":1},{\"a\":1,\"b\":1,\"a\":1}]", STATUS_INVALID},
        {"{\"a\":{\"b\":1},\"c\":{\"b\":1},\"a\":1}", STATUS_INVALID},
        {"{\"a\":[{\"a\":1},{\"a\":1}],\"b\":{\"a\":1}}", STATUS_OK},
        {"{\"a\":1,\"A\":1,\"aa\":1,\"\\u0061\\u0000\":1,\"\":1}", STATUS_OK},
        {"{\"\\u0061b\":1,\"a\\u0062c\":1,\"\\u0061\":1}", STATUS_OK},
        {"{\"\\\\u0061\":1,\"a\":1}", STATUS_OK},
        {"{\"\\u00e9\":1,\"e\\u0301\":1}", STATUS_OK}, /* nothing is normalised */
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct slice text = slice_from_string(cases[i].text);
        if (status_of(text, JSON_DUPLICATES_REFUSED) != cases[i].status) {
            fail_msg("not %d: %s", cases[i].status, cases[i].text);
        }
        assert_int_equal(status_of(text, JSON_DUPLICATES_UNCHECKED), STATUS_OK);
    }
}

static struct slice members_text(char *text, size_t count)
{
    size_t length = (size_t)snprintf(text, 2, "{");
    for (size_t i = 0; i < count; i++) {
        length += (size_t)snprintf(text + length, 32, "%s\"%zu\":{\"a\":1}", i > 0 ? "," : "", i);
    }
    length += (size_t)snprintf(text + length, 2, "}");
    return slice_make(text, length);
}

/* Those of closed objects do not count. */
static void members_are_capped_where_names_are_compared(void **state)
{
    char *text = malloc(32 * (json_members_max + 2));
    assert_non_null(text);
    struct slice most = members_text(text, json_members_max - 1);
    assert_int_equal(status_of(most, JSON_DUPLICATES_REFUSED), STATUS_OK);
    struct slice one_more = members_text(text, json_members_max);
    assert_int_equal(status_of(one_more, JSON_DUPLICATES_REFUSED), STATUS_LIMIT);
    assert_int_equal(status_of(one_more, JSON_DUPLICATES_UNCHECKED), STATUS_OK);
    free(text);
}

static void white_space_around_a_value_is_not_part_of_it(void **state)
{
    static const char *const texts[] = {"[1, 2]", "{}", "\" a \"", "-1.5", "true"};
    for (size_t i = 0; i < COUNT(texts); i++) {
        char text[64];
        char *block = NULL;
        struct json_value value;
        snprintf(text, sizeof(text), "\n\t \r%s \r\n\t", texts[i]);
        assert_int_equal(parse(slice_from_string(text), JSON_DUPLICATES_REFUSED, &block, &value),
                         STATUS_OK);
        assert_true(slice_equals(value.text, slice_from_string(texts[i])));
        free(block);
    }
}

static void walks_meet_everything_once(void **state)
{
    static const struct {
        const char *name;
        enum json_kind kind;
        const char *text;
    } members[] = {
        {"a", JSON_NUMBER, "-1e5"},       {"b\\\"", JSON_STRING, "\"}],{\\\"\""},
        {"c", JSON_ARRAY, "[ 1, [2] ]"},  {"", JSON_OBJECT, "{\"x\" : {}}"},
        {"d", JSON_NULL, "null"},         {"e", JSON_TRUE, "true"},
        {"\\u0066", JSON_FALSE, "false"},
    };
    char *block = NULL;
    struct json_value object;
    assert_int_equal(parse(SLICE("{ \"a\" : -1e5 ,\"b\\\"\":\"}],{\\\"\",\"c\":[ 1, [2] ] , "
                                 "\"\":{\"x\" : {}},\"d\":null\n,\"e\":true,\"\\u0066\":false}"),
                           JSON_DUPLICATES_REFUSED, &block, &object),
                     STATUS_OK);
    struct json_walk walk = json_walk_begin(object);
    struct slice name;
    struct json_value value;
    for (size_t i = 0; i < COUNT(members); i++) {
        assert_true(json_walk_next(&walk, &name, &value));
        assert_true(slice_equals(name, slice_from_string(members[i].name)));
        assert_int_equal(value.kind, members[i].kind);
        assert_true(slice_equals(value.text, slice_from_string(members[i].text)));
    }
    assert_false(json_walk_next(&walk, &name, &value));
    assert_false(json_walk_next(&walk, &name, &value));
    walk = json_walk_begin(json_member(object, "c"));
    assert_true(json_walk_next(&walk, NULL, &value));
    assert_true(slice_equals(value.text, SLICE("1")));
    assert_true(json_walk_next(&walk, &name, &value));
    assert_int_equal(name.length, 0);
    assert_true(slice_equals(value.text, SLICE("[2]")));
    assert_false(json_walk_next(&walk, NULL, &value));
    free(block);
}

static void there_is_nothing_to_walk_in_a_scalar(void **state)
{
    static const char *const texts[] = {"[]", "{}", "[ ]", "{\n}", "1", "\"[1]\"", "null"};
    for (size_t i = 0; i < COUNT(texts); i++) {
        char *block = NULL;
        struct json_value value;
        assert_int_equal(
            parse(slice_from_string(texts[i]), JSON_DUPLICATES_REFUSED, &block, &value), STATUS_OK);
        struct json_walk walk = json_walk_begin(value);
        assert_false(json_walk_next(&walk, NULL, &value));
        free(block);
    }
    struct json_walk walk = json_walk_begin((struct json_value){0});
    struct json_value value;
    assert_false(json_walk_next(&walk, NULL, &value));
}

static void members_are_found_by_their_resolved_name(void **state)
{
    char *block = NULL;
    struct json_value object;
    assert_int_equal(parse(SLICE("{\"\\u0061lg\":1,\"x\":{\"kid\":2},\"ki\":3,\"kidd\":4,"
                                 "\"\xc3\xa9\":5,\"a\\u0000b\":6}"),
                           JSON_DUPLICATES_REFUSED, &block, &object),
                     STATUS_OK);
    assert_true(slice_equals(json_member(object, "alg").text, SLICE("1")));
    assert_true(slice_equals(json_member(object, "\xc3\xa9").text, SLICE("5")));
    assert_int_equal(json_member(object, "kid").kind, JSON_ABSENT);
    assert_int_equal(json_member(object, "a").kind, JSON_ABSENT);
    assert_int_equal(json_member(object, "").kind, JSON_ABSENT);
    assert_int_equal(json_member(json_member(object, "alg"), "x").kind, JSON_ABSENT);
    assert_int_equal(json_member((struct json_value){0}, "x").kind, JSON_ABSENT);
    free(block);
}

static void strings_are_resolved(void **state)
{
    static const struct {
        struct slice json;
        struct slice text;
        bool is_copied;
    } cases[] = {
        {SLICE("\"\""), SLICE(""), false},
        {SLICE("\"plain \xc3\xa9\""), SLICE("plain \xc3\xa9"), false},
        {SLICE("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), SLICE("\"\\/\b\f\n\r\t"), true},
        {SLICE("\"a\\u0000b\""), SLICE("a\0b"), true},
        {SLICE("\"\\u007f\\u0080\\u07ff\\u0800\\uffff\""),
         SLICE("\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf"), true},
        {SLICE("\"\\ud800\\udc00\\uDBFF\\uDFFF\""), SLICE("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"),
         true},
        {SLICE("\"\\\\u0041\""), SLICE("\\u0041"), true},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *block = NULL;
        struct json_value value;
        struct arena arena;
        struct slice text;
        arena_init(&arena, 4096);
        assert_int_equal(parse(cases[i].json, JSON_DUPLICATES_REFUSED, &block, &value), STATUS_OK);
        assert_int_equal(json_string(value, &arena, &text), STATUS_OK);
        assert_true(slice_equals(text, cases[i].text));
        bool is_inside = text.data >= block && text.data < block + cases[i].json.length;
        assert_true(is_inside != cases[i].is_copied);
        arena_clear(&arena);
        free(block);
    }
}

static void what_is_no_string_gives_none(void **state)
{
    struct arena arena;
    struct slice text = SLICE("kept");
    struct json_value value;
    arena_init(&arena, 16);
    assert_int_equal(json_string((struct json_value){0}, &arena, &text), STATUS_INVALID);
    assert_int_equal(json_parse(SLICE("17"), JSON_DUPLICATES_REFUSED, &value, NULL), STATUS_OK);
    assert_int_equal(json_string(value, &arena, &text), STATUS_INVALID);
    assert_false(json_string_is(value, "17"));
    struct slice long_text = SLICE("\"\\n0123456789abcdef\"");
    assert_int_equal(json_parse(long_text, JSON_DUPLICATES_REFUSED, &value, NULL), STATUS_OK);
    assert_int_equal(json_string(value, &arena, &text), STATUS_NO_MEMORY);
    assert_true(slice_equals(text, SLICE("kept")));
    arena_clear(&arena);
}

static void strings_are_compared_by_their_resolved_text(void **state)
{
    static const struct {
        const char *json;
        const char *text;
        bool same;
    } cases[] = {
        {"\"RSA\"", "RSA", true},          {"\"\\u0052SA\"", "RSA", true},
        {"\"RS\\u0041\"", "RSA", true},    {"\"\"", "", true},
        {"\"rsa\"", "RSA", false},         {"\"RS\"", "RSA", false},
        {"\"RSAA\"", "RSA", false},        {"\"RSA\\u0000\"", "RSA", false},
        {"\"\\u0052\"", "RSA", false},     {"\"\\u0052SAA\"", "RSA", false},
        {"\"\\u00e9\"", "\xc3\xa9", true}, {"\"\\u00e9\"", "\xc3", false},
        {"null", "null", false},           {"[\"RSA\"]", "RSA", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct json_value value;
        assert_int_equal(
            json_parse(slice_from_string(cases[i].json), JSON_DUPLICATES_REFUSED, &value, NULL),
            STATUS_OK);
        if (json_string_is(value, cases[i].text) != cases[i].same) {
            fail_msg("%s and %s", cases[i].json, cases[i].text);
        }
    }
}

static void dates_are_the_floor_of_any_number(void **state)
{
    static const struct {
        const char *json;
        bool is_date;
        int64_t seconds;
    } cases[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"0.0", true, 0},
        {"1700000000", true, 1700000000},
        {"1700000000.999999", true, 1700000000},
        {"1.7e9", true, 1700000000},
        {"17E+8", true, 1700000000},
        {"17000000000e-1", true, 1700000000},
        {"17000000009e-1", true, 1700000000},
        {"0.0000017e15", true, 1700000000},
        {"1700000000.000000000000000000000000000000000000000000000000", true, 1700000000},
        {"1.70000000000000000000000000000000000000000000000e9", true, 1700000000},
        {"-1", true, -1},
        {"-1.0", true, -1},
        {"-1.5", true, -2},
        {"-0.5", true, -1},
        {"-0.00000000000000000000000000000000000000000000001", true, -1},
        {"-1e-400", true, -1},
        {"1e-400", true, 0},
        {"0e400", true, 0},
        {"0.000e99999999999999999999", true, 0},
        {"9007199254740992", true, INT64_C(9007199254740992)},
        {"9007199254740992.5", true, INT64_C(9007199254740992)},
        {"9007199254740993", false, 0},
        {"-9007199254740992", true, -INT64_C(9007199254740992)},
        {"-9007199254740991.5", true, -INT64_C(9007199254740992)},
        {"-9007199254740992.5", false, 0},
        {"9007199254740993e-1", true, INT64_C(900719925474099)},
        {"9.007199254740992e15", true, INT64_C(9007199254740992)},
        {"18446744073709551615", false, 0},
        {"18446744073709551616", false, 0},
        {"-18446744073709551617", false, 0},
        {"99999999999999999999999999999999999999999999999", false, 0},
        {"99999999999999999999999999999e-20", true, 999999999},
        {"1e16", false, 0},
        {"1e308", false, 0},
        {"1e309", false, 0},
        {"-1e309", false, 0},
        {"1e99999999999999999999", false, 0},
        {"1e-99999999999999999999", true, 0},
        {"\"1700000000\"", false, 0},
        {"null", false, 0},
        {"true", false, 0},
        {"[1700000000]", false, 0},
        {"{}", false, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *block = NULL;
        struct json_value value;
        int64_t seconds = 77;
        assert_int_equal(
            parse(slice_from_string(cases[i].json), JSON_DUPLICATES_REFUSED, &block, &value),
            STATUS_OK);
        bool is_date = json_numeric_date(value, &seconds);
        if (is_date != cases[i].is_date || seconds != (is_date ? cases[i].seconds : 77)) {
            fail_msg("%d and %lld for %s", is_date, (long long)seconds, cases[i].json);
        }
        free(block);
    }
    int64_t seconds = 0;
    assert_false(json_numeric_date((struct json_value){0}, &seconds));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_texts_are_read),
        cmocka_unit_test(unsound_texts_are_refused),
        cmocka_unit_test(every_text_cut_short_is_refused),
        cmocka_unit_test(depth_is_capped),
        cmocka_unit_test(a_name_twice_is_refused_in_every_spelling),
        cmocka_unit_test(members_are_capped_where_names_are_compared),
        cmocka_unit_test(white_space_around_a_value_is_not_part_of_it),
        cmocka_unit_test(walks_meet_everything_once),
        cmocka_unit_test(there_is_nothing_to_walk_in_a_scalar),
        cmocka_unit_test(members_are_found_by_their_resolved_name),
        cmocka_unit_test(strings_are_resolved),
        cmocka_unit_test(what_is_no_string_gives_none),
        cmocka_unit_test(strings_are_compared_by_their_resolved_text),
        cmocka_unit_test(dates_are_the_floor_of_any_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * members_test.c - picking members out of an object, however their names are spelled. */
#include "auth/members.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
// clang-format on

static struct json_value parse(const char *text)
{
    struct json_value value;
    assert_int_equal(json_parse(slice_from_string(text), JSON_DUPLICATES_REFUSED, &value, NULL),
                     STATUS_OK);
    return value;
}

static void members_are_found_in_any_order(void **state)
{
    const struct slice names[] = {SLICE("alg"), SLICE("kid"), SLICE("typ")};
    struct json_value values[3];
    members_pick(parse("{\"kid\":\"k\", \"x\":{\"alg\":1}, \"alg\" : \"ES256\"}"), names, 3,
                 values);
    assert_true(slice_equals(values[0].text, SLICE("\"ES256\"")));
    assert_true(slice_equals(values[1].text, SLICE("\"k\"")));
    assert_int_equal(values[2].kind, JSON_ABSENT);
}

static void escaped_names_are_the_same_names(void **state)
{
    const struct slice names[] = {SLICE("alg"), SLICE("crit")};
    struct json_value values[2];
    members_pick(parse("{\"\\u0061lg\":1,\"cri\\u0074\":[]}"), names, 2, values);
    assert_int_equal(values[0].kind, JSON_NUMBER);
    assert_int_equal(values[1].kind, JSON_ARRAY);
}

static void names_are_compared_whole(void **state)
{
    const struct slice names[] = {SLICE("alg")};
    struct json_value value;
    members_pick(parse("{\"algo\":1,\"al\":2,\"ALG\":3,\"alg\\u0000\":4,\"\":5}"), names, 1,
                 &value);
    assert_int_equal(value.kind, JSON_ABSENT);
}

static void what_is_no_object_has_no_members(void **state)
{
    const struct slice names[] = {SLICE("alg")};
    struct json_value value = {JSON_STRING, SLICE("x")};
    members_pick(parse("[\"alg\"]"), names, 1, &value);
    assert_int_equal(value.kind, JSON_ABSENT);
}

static void bytes_are_decoded_within_their_limit(void **state)
{
    unsigned char bytes[8];
    size_t length = 99;
    assert_true(member_bytes(parse("\"AQAB\""), 3, bytes, &length));
    assert_int_equal(length, 3);
    assert_memory_equal(bytes, "\x01\x00\x01", 3);
    assert_true(member_bytes(parse("\"\""), 3, bytes, &length));
    assert_int_equal(length, 0);
    assert_false(member_bytes(parse("\"AQABAQ\""), 3, bytes, &length));
    assert_false(member_bytes(parse("\"AQAB\""), 2, bytes, &length));
    assert_false(member_bytes(parse("\"AQ=\""), 3, bytes, &length));
    assert_false(member_bytes(parse("\"A\\u0051AB\""), 3, bytes, &length));
    assert_false(member_bytes(parse("17"), 3, bytes, &length));
    assert_false(member_bytes((struct json_value){0}, 3, bytes, &length));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_found_in_any_order),
        cmocka_unit_test(escaped_names_are_the_same_names),
        cmocka_unit_test(names_are_compared_whole),
        cmocka_unit_test(what_is_no_object_has_no_members),
        cmocka_unit_test(bytes_are_decoded_within_their_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

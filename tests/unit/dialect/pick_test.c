/* SPDX-License-Identifier: MIT
 *
 * pick_test.c - members by name, and counts of tokens. */
#include "dialect/pick.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct json_value parse(struct slice text)
{
    struct json_value value = {0};
    assert_int_equal(json_parse(text, JSON_DUPLICATES_UNCHECKED, &value, NULL), STATUS_OK);
    return value;
}

static void members_are_found_in_one_walk(void **state)
{
    static const struct slice names[] = {SLICE("a"), SLICE("b"), SLICE("c"), SLICE("d")};
    struct json_value of[4];
    pick_members(parse(SLICE("{\"x\":0,\"b\":[1],\"\\u0061\":2,\"c\":3,\"c\":4,\"aa\":5}")), names,
                 4, of);
    assert_true(slice_equals(of[0].text, SLICE("2")));
    assert_int_equal(of[1].kind, JSON_ARRAY);
    assert_true(slice_equals(of[2].text, SLICE("4")));
    assert_int_equal(of[3].kind, JSON_ABSENT);
    pick_members(parse(SLICE("[1]")), names, 4, of);
    assert_int_equal(of[0].kind, JSON_ABSENT);
}

static void counts_are_not_negative(void **state)
{
    int64_t count = -1;
    assert_false(pick_count(parse(SLICE("-1")), &count));
    assert_false(pick_count(parse(SLICE("1e40")), &count));
    assert_false(pick_count(parse(SLICE("\"1\"")), &count));
    assert_false(pick_count(parse(SLICE("null")), &count));
    assert_int_equal(count, -1);
    assert_true(pick_count(parse(SLICE("12")), &count));
    assert_int_equal(count, 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_found_in_one_walk),
        cmocka_unit_test(counts_are_not_negative),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

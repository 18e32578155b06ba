/* SPDX-License-Identifier: MIT
 *
 * query_test.c - query parameters as forms and URL libraries write them. */
#include "http/query.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void expect(struct slice *rest, struct arena *arena, const char *name, const char *value)
{
    struct slice got_name;
    struct slice got_value;
    assert_int_equal(query_next(rest, arena, &got_name, &got_value), STATUS_OK);
    assert_true(slice_equals(got_name, slice_from_string(name)));
    assert_true(slice_equals(got_value, slice_from_string(value)));
}

static void expect_end(struct slice *rest, struct arena *arena, enum status status)
{
    struct slice name;
    struct slice value;
    assert_int_equal(query_next(rest, arena, &name, &value), status);
}

static void pairs_come_in_order(void **state)
{
    struct arena arena;
    struct slice rest = SLICE("limit=10&&q=two+words&session=a%20b%2Bc&bare&empty=&x=1=2&");
    arena_init(&arena, 4096);
    expect(&rest, &arena, "limit", "10");
    expect(&rest, &arena, "q", "two words");
    expect(&rest, &arena, "session", "a b+c");
    expect(&rest, &arena, "bare", "");
    expect(&rest, &arena, "empty", "");
    expect(&rest, &arena, "x", "1=2");
    expect_end(&rest, &arena, STATUS_NOT_FOUND);
    arena_clear(&arena);
}

static void what_is_no_encoding_is_refused(void **state)
{
    const char *const bad[] = {"a=%", "a=%2", "a=%zz", "a=%00", "%g1=b", "a=1%2"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct arena arena;
        struct slice rest = slice_from_string(bad[i]);
        arena_init(&arena, 4096);
        expect_end(&rest, &arena, STATUS_INVALID);
        arena_clear(&arena);
    }
}

static void an_empty_query_has_no_pairs(void **state)
{
    struct arena arena;
    struct slice rest = {0};
    arena_init(&arena, 16);
    expect_end(&rest, &arena, STATUS_NOT_FOUND);
    rest = SLICE("&&&");
    expect_end(&rest, &arena, STATUS_NOT_FOUND);
    arena_clear(&arena);
}

static void a_full_arena_is_said(void **state)
{
    struct arena arena;
    struct slice rest = SLICE("a=+++++++++++++++++++++");
    arena_init(&arena, 0);
    expect_end(&rest, &arena, STATUS_NO_MEMORY);
    arena_clear(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_come_in_order),
        cmocka_unit_test(what_is_no_encoding_is_refused),
        cmocka_unit_test(an_empty_query_has_no_pairs),
        cmocka_unit_test(a_full_arena_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

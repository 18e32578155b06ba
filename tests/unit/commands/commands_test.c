/* SPDX-License-Identifier: MIT
 *
 * commands_test.c - a command takes its own arguments and leaves the rest for the options. */
#include "commands/commands.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { arguments_max = 8 };

struct taken {
    const char *user;
    bool check;
    int left;
    char *arguments[arguments_max];
};

static struct taken take(const char *const *given)
{
    struct taken taken = {0};
    const struct argument own[] = {{.flag = "--user", .ret = &taken.user},
                                   {.flag = "--check", .ret_is_there = &taken.check}};
    int count = 0;
    while (given[count] != NULL) {
        taken.arguments[count] = (char *)(uintptr_t)given[count]; /* moved about, never written */
        count++;
    }
    taken.left = arguments_take(count, taken.arguments, own, 2);
    return taken;
}

static void its_own_are_taken_and_the_rest_keeps_its_order(void **state)
{
    const char *const given[] = {"--port", "1", "--user", "a", "--check", "--host=x", NULL};
    struct taken taken = take(given);
    assert_int_equal(taken.left, 3);
    assert_string_equal(taken.user, "a");
    assert_true(taken.check);
    assert_string_equal(taken.arguments[0], "--port");
    assert_string_equal(taken.arguments[1], "1");
    assert_string_equal(taken.arguments[2], "--host=x");
}

static void a_value_may_be_joined_and_may_be_empty(void **state)
{
    const char *const joined[] = {"--user=a=b", NULL};
    const char *const empty[] = {"--user=", NULL};
    assert_string_equal(take(joined).user, "a=b");
    assert_string_equal(take(empty).user, "");
}

static void nothing_is_taken_from_nothing(void **state)
{
    const char *const none[] = {NULL};
    const char *const others[] = {"--users", "--User", "user", "--checks", NULL};
    assert_int_equal(take(none).left, 0);
    assert_int_equal(take(others).left, 4);
    assert_null(take(others).user);
    assert_false(take(others).check);
}

static void a_missing_value_and_one_too_many_are_refused(void **state)
{
    const char *const missing[] = {"--check", "--user", NULL};
    const char *const extra[] = {"--check=yes", NULL};
    assert_int_equal(take(missing).left, -1);
    assert_int_equal(take(extra).left, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_own_are_taken_and_the_rest_keeps_its_order),
        cmocka_unit_test(a_value_may_be_joined_and_may_be_empty),
        cmocka_unit_test(nothing_is_taken_from_nothing),
        cmocka_unit_test(a_missing_value_and_one_too_many_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

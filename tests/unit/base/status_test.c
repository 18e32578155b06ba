/* SPDX-License-Identifier: MIT
 *
 * status_test.c - every status has a name of its own; a failure's sentence is cut, never overrun.
 */
#include "base/status.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const enum status statuses[] = {STATUS_OK,        STATUS_INVALID,    STATUS_LIMIT,
                                       STATUS_NO_MEMORY, STATUS_IO,         STATUS_AGAIN,
                                       STATUS_CLOSED,    STATUS_TIMEOUT,    STATUS_NOT_FOUND,
                                       STATUS_DENIED,    STATUS_UNSUPPORTED};

static void every_status_has_a_name_of_its_own(void **state)
{
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        const char *name = status_name(statuses[i]);
        assert_string_not_equal(name, "unknown");
        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz_"), strlen(name));
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(name, status_name(statuses[j]));
            assert_int_not_equal(statuses[i], statuses[j]);
        }
        assert_true(statuses[i] <= STATUS_OK);
    }
    assert_string_equal(status_name((enum status)77), "unknown");
    assert_string_equal(status_name(STATUS_NO_MEMORY), "no_memory");
}

static void a_sentence_is_cut_at_its_size(void **state)
{
    char text[1000];
    struct {
        struct failure failure;
        char behind;
    } room = {{""}, '!'};
    memset(text, 't', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    failure_set(&room.failure, "%d %s", 7, text);
    assert_int_equal(strlen(room.failure.text), sizeof(room.failure.text) - 1);
    assert_memory_equal(room.failure.text, "7 tttt", 6);
    assert_int_equal(room.behind, '!');
    failure_set(&room.failure, "short");
    assert_string_equal(room.failure.text, "short");
    failure_set(NULL, "%s", text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_a_name_of_its_own),
        cmocka_unit_test(a_sentence_is_cut_at_its_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

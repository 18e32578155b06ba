/* SPDX-License-Identifier: MIT
 *
 * engine_test.c - every failure of an engine has a sentence of its own. */
#include "proxy/engine.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void every_failure_has_a_sentence_of_its_own(void **state)
{
    for (int i = ENGINE_FAILURE_NONE; i <= ENGINE_GARBLED; i++) {
        const char *text = engine_failure_text((enum engine_failure)i);
        assert_string_not_equal(text, "unknown");
        for (int j = ENGINE_FAILURE_NONE; j < i; j++) {
            assert_string_not_equal(text, engine_failure_text((enum engine_failure)j));
        }
    }
    assert_string_equal(engine_failure_text((enum engine_failure)(ENGINE_GARBLED + 1)), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_failure_has_a_sentence_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

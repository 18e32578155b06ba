/* SPDX-License-Identifier: MIT
 *
 * status_reason_test.c - known codes have their words, all others none. */
#include "http/head.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void codes_have_their_words(void **state)
{
    assert_string_equal(status_reason(200), "OK");
    assert_string_equal(status_reason(404), "Not Found");
    assert_string_equal(status_reason(421), "Misdirected Request");
    assert_string_equal(status_reason(505), "HTTP Version Not Supported");
    assert_string_equal(status_reason(0), "");
    assert_string_equal(status_reason(299), "");
    assert_string_equal(status_reason(506), "");
    assert_string_equal(status_reason(UINT_MAX), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_have_their_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

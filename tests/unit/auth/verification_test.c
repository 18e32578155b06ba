/* SPDX-License-Identifier: MIT
 *
 * verification_test.c - the zero value denies, and every reason has a name, a sentence and a class.
 */
#include "auth/verification.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>
// clang-format on

static void the_zero_value_denies(void **state)
{
    struct verification verification = {0};
    assert_int_equal(verification.verdict, VERDICT_DENIED);
    assert_int_equal(verification.reason, DENY_UNDECIDED);
    assert_int_equal(deny_reason_class(verification.reason), DENY_CLASS_INVALID);
    assert_int_equal(verification.identity.proof, IDENTITY_UNPROVEN);
}

static void every_reason_has_a_name_of_its_own_and_a_sentence(void **state)
{
    for (int i = 0; i < DENY_COUNT; i++) {
        const char *name = deny_reason_name((enum deny_reason)i);
        assert_true(strlen(name) > 0);
        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz_0123456789"), strlen(name));
        assert_true(strlen(deny_reason_text((enum deny_reason)i)) > 10);
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(name, deny_reason_name((enum deny_reason)j));
        }
    }
    assert_string_equal(deny_reason_name(DENY_EXPIRED), "expired");
    assert_string_equal(deny_reason_name(DENY_HEADER_X5C), "header_x5c");
}

static void the_class_says_what_a_client_may_know(void **state)
{
    assert_int_equal(deny_reason_class(DENY_NO_CREDENTIALS), DENY_CLASS_MISSING);
    assert_int_equal(deny_reason_class(DENY_SCHEME_NOT_BEARER), DENY_CLASS_MISSING);
    assert_int_equal(deny_reason_class(DENY_AUTHORIZATION_REPEATED), DENY_CLASS_REQUEST);
    assert_int_equal(deny_reason_class(DENY_EXPIRED), DENY_CLASS_EXPIRED);
    assert_int_equal(deny_reason_class(DENY_KEYS_UNAVAILABLE), DENY_CLASS_UNAVAILABLE);
    assert_int_equal(deny_reason_class(DENY_SIGNATURE_INVALID), DENY_CLASS_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_zero_value_denies),
        cmocka_unit_test(every_reason_has_a_name_of_its_own_and_a_sentence),
        cmocka_unit_test(the_class_says_what_a_client_may_know),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

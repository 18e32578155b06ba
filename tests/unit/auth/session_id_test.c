/* SPDX-License-Identifier: MIT
 *
 * session_id_test.c - session ids against sha256sum's answers. */
#include "auth/session_id.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
// clang-format on

static void expect(struct slice user, struct slice agent, const char *digits)
{
    char session[session_id_length];
    assert_true(session_id_make(user, agent, session));
    assert_memory_equal(session, digits, session_id_length);
}

static void sessions_are_those_of_sha256sum(void **state)
{
    /* printf 'auth0|123:curl/8.5.0' | sha256sum | cut -c1-16, and so on */
    expect(SLICE("auth0|123"), SLICE("curl/8.5.0"), "f92306794d307f24");
    expect(SLICE("auth0|123"), SLICE(""), "b5aadf106dade45b");
    expect(SLICE("auth0|123"), (struct slice){NULL, 0}, "b5aadf106dade45b");
    expect(SLICE("u"), SLICE("\xff\x00:"), "ccd75b913f9cbf9b");
}

static void user_and_agent_both_count(void **state)
{
    char a[session_id_length];
    char b[session_id_length];
    assert_true(session_id_make(SLICE("u1"), SLICE("agent"), a));
    assert_true(session_id_make(SLICE("u2"), SLICE("agent"), b));
    assert_memory_not_equal(a, b, session_id_length);
    assert_true(session_id_make(SLICE("u1"), SLICE("agent2"), b));
    assert_memory_not_equal(a, b, session_id_length);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sessions_are_those_of_sha256sum),
        cmocka_unit_test(user_and_agent_both_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

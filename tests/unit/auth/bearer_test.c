/* SPDX-License-Identifier: MIT
 *
 * bearer_test.c - the Authorization field: one, Bearer, and nothing but a token in it. */
#include "auth/bearer.h"

#include "auth/verify.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
// clang-format on

static struct field field_of(enum field_id id, struct slice value)
{
    return (struct field){.name = SLICE("x"), .value = value, .id = id};
}

/* The reason for one Authorization field, DENY_COUNT when a token is found. */
static enum deny_reason reason_of(struct slice value, struct slice *ret_token)
{
    struct field fields[] = {field_of(FIELD_HOST, SLICE("h")),
                             field_of(FIELD_AUTHORIZATION, value)};
    enum deny_reason reason = DENY_UNDECIDED;
    struct slice token = {NULL, 0};
    if (!bearer_find(fields, 2, &token, &reason)) {
        return reason;
    }
    *ret_token = token;
    return bearer_is_sound(token) ? DENY_COUNT : DENY_TOKEN_MALFORMED;
}

static void a_did_may_have_what_no_other_token_may(void **state)
{
    static const struct {
        const char *token;
        bool sound;
    } cases[] = {
        {"did:key:z6Mk.e30.AAAA", true},
        {"did:web:a.b%3A1.e30.AAAA", true},
        {"did:key:z6Mk", true},
        {"did:key:z6Mk#k.e30.AAAA", false},
        {"did:key: z6Mk", false},
        {"did:key:z6Mk=.e30", false},
        {"did:a?b.e30.AAAA", false},
        {"xdid:key:z6Mk.e30.AAAA", false},
        {"DID:key:z6Mk.e30.AAAA", false},
        {"a:b.c.d", false},
        {"did", true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (bearer_is_sound(slice_from_string(cases[i].token)) != cases[i].sound) {
            fail_msg("%s", cases[i].token);
        }
    }
}

static void a_token_is_found_whatever_the_case_of_the_scheme(void **state)
{
    static const char *const values[] = {"Bearer a.b.c",   "bearer a.b.c",   "BEARER a.b.c",
                                         "bEaReR a.b.c",   "Bearer   a.b.c", "Bearer a.b.c ",
                                         " Bearer a.b.c\t"};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        struct slice token = {NULL, 0};
        assert_int_equal(reason_of(slice_from_string(values[i]), &token), DENY_COUNT);
        assert_true(slice_equals(token, SLICE("a.b.c")));
    }
}

static void every_character_of_the_grammar_is_let_through(void **state)
{
    struct slice token = {NULL, 0};
    struct slice value = SLICE("Bearer AZaz09-._~+/==");
    assert_int_equal(reason_of(value, &token), DENY_COUNT);
    assert_true(slice_equals(token, SLICE("AZaz09-._~+/==")));
}

static void other_bytes_are_refused(void **state)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        char text[] = "Bearer aXb";
        text[8] = (char)byte;
        bool is_allowed = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
                          (byte >= 'A' && byte <= 'Z') ||
                          (byte != 0 && strchr("-._~+/", (int)byte) != NULL);
        struct slice token = {NULL, 0};
        enum deny_reason reason = reason_of(slice_make(text, 10), &token);
        assert_int_equal(reason, is_allowed ? DENY_COUNT : DENY_TOKEN_MALFORMED);
    }
    struct slice token = {NULL, 0};
    assert_int_equal(reason_of(SLICE("Bearer ==="), &token), DENY_TOKEN_MALFORMED);
    assert_int_equal(reason_of(SLICE("Bearer a=b"), &token), DENY_TOKEN_MALFORMED);
    assert_int_equal(reason_of(SLICE("Bearer a.b.c, Bearer d.e.f"), &token), DENY_TOKEN_MALFORMED);
    assert_int_equal(reason_of(SLICE("Bearer \ta"), &token), DENY_TOKEN_MALFORMED);
}

static void what_is_missing_is_said(void **state)
{
    struct slice token = {NULL, 0};
    enum deny_reason reason = DENY_UNDECIDED;
    struct field other = field_of(FIELD_HOST, SLICE("Bearer a.b.c"));
    assert_false(bearer_find(NULL, 0, &token, &reason));
    assert_int_equal(reason, DENY_NO_CREDENTIALS);
    assert_false(bearer_find(&other, 1, &token, &reason));
    assert_int_equal(reason, DENY_NO_CREDENTIALS);
    assert_int_equal(reason_of(SLICE(""), &token), DENY_SCHEME_NOT_BEARER);
    assert_int_equal(reason_of(SLICE("Basic YTpi"), &token), DENY_SCHEME_NOT_BEARER);
    assert_int_equal(reason_of(SLICE("DPoP a.b.c"), &token), DENY_SCHEME_NOT_BEARER);
    assert_int_equal(reason_of(SLICE("a.b.c"), &token), DENY_SCHEME_NOT_BEARER);
    assert_int_equal(reason_of(SLICE("Bearera.b.c"), &token), DENY_SCHEME_NOT_BEARER);
    assert_int_equal(reason_of(SLICE("Bearer\ta.b.c"), &token), DENY_SCHEME_NOT_BEARER);
    assert_int_equal(reason_of(SLICE("Bearer"), &token), DENY_TOKEN_ABSENT);
    assert_int_equal(reason_of(SLICE("Bearer  "), &token), DENY_TOKEN_ABSENT);
}

static void two_fields_are_refused_even_when_equal(void **state)
{
    struct field fields[] = {field_of(FIELD_AUTHORIZATION, SLICE("Bearer a.b.c")),
                             field_of(FIELD_HOST, SLICE("h")),
                             field_of(FIELD_AUTHORIZATION, SLICE("Bearer a.b.c"))};
    struct slice token = {NULL, 0};
    enum deny_reason reason = DENY_UNDECIDED;
    assert_false(bearer_find(fields, 3, &token, &reason));
    assert_int_equal(reason, DENY_AUTHORIZATION_REPEATED);
    assert_int_equal(deny_reason_class(reason), DENY_CLASS_REQUEST);
}

static void the_longest_token_is_read_and_no_longer_one(void **state)
{
    static char text[7 + token_bytes_max + 1];
    struct slice token = {NULL, 0};
    memset(text, 'a', sizeof(text));
    memcpy(text, "Bearer ", 7);
    assert_int_equal(reason_of(slice_make(text, sizeof(text) - 1), &token), DENY_COUNT);
    assert_int_equal(token.length, token_bytes_max);
    assert_int_equal(reason_of(slice_make(text, sizeof(text)), &token), DENY_TOKEN_TOO_LONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_did_may_have_what_no_other_token_may),
        cmocka_unit_test(a_token_is_found_whatever_the_case_of_the_scheme),
        cmocka_unit_test(every_character_of_the_grammar_is_let_through),
        cmocka_unit_test(other_bytes_are_refused),
        cmocka_unit_test(what_is_missing_is_said),
        cmocka_unit_test(two_fields_are_refused_even_when_equal),
        cmocka_unit_test(the_longest_token_is_read_and_no_longer_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * algorithm_test.c - the table of algorithms: what is in it, and what never may be. */
#include "auth/algorithm.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
// clang-format on

static const struct algorithm *find(const char *name)
{
    return algorithm_find(slice_from_string(name));
}

static void names_of_ours_are_found(void **state)
{
    static const char *const names[] = {"RS256", "RS384", "RS512", "PS256", "PS384",  "PS512",
                                        "ES256", "ES384", "ES512", "EdDSA", "Ed25519"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const struct algorithm *algorithm = find(names[i]);
        assert_non_null(algorithm);
        assert_true(slice_equals(algorithm->name, slice_from_string(names[i])));
    }
}

static void every_other_name_is_not(void **state)
{
    static const char *const names[] = {"",       "none",  "None",     "nOnE",   "NONE",  "HS256",
                                        "HS384",  "HS512", "hs256",    "rs256",  "Rs256", "RS256 ",
                                        " RS256", "RS1",   "ES256K",   "ES3840", "EDDSA", "ed25519",
                                        "Ed448",  "dir",   "RSA-OAEP", "RS25",   "RS2567"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_null(find(names[i]));
    }
    assert_null(algorithm_find(slice_make("RS256", 6))); /* the NUL counts */
}

static void only_the_two_names_of_ed25519_are_the_same(void **state)
{
    assert_true(algorithm_same(find("EdDSA"), find("Ed25519")));
    assert_true(algorithm_same(find("RS256"), find("RS256")));
    assert_false(algorithm_same(find("RS256"), find("PS256")));
    assert_false(algorithm_same(find("RS256"), find("RS384")));
    assert_false(algorithm_same(find("ES256"), find("RS256")));
}

static void those_of_dids_are_found_when_asked_for(void **state)
{
    static const char *const names[] = {"ES256K", "ES256K-R"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_null(find(names[i]));
        const struct algorithm *algorithm = algorithm_find_any(slice_from_string(names[i]));
        assert_non_null(algorithm);
        assert_int_equal(algorithm->whose, ALGORITHM_DIDS);
    }
    assert_ptr_equal(algorithm_find_any(SLICE("RS256")), find("RS256"));
    assert_null(algorithm_find_any(SLICE("es256k")));
    assert_null(algorithm_find_any(SLICE("none")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_ours_are_found),
        cmocka_unit_test(every_other_name_is_not),
        cmocka_unit_test(only_the_two_names_of_ed25519_are_the_same),
        cmocka_unit_test(those_of_dids_are_found_when_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

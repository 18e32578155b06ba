/* SPDX-License-Identifier: MIT
 *
 * ed25519_key_test.c - the small orders in every spelling, and which numbers are points. */
#include "auth/ed25519_key.h"

#include <openssl/evp.h>
#include <string.h>

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on

static void keys_that_were_made_are_sound(void **state)
{
    for (int i = 0; i < 64; i++) {
        unsigned char bytes[ed25519_key_bytes];
        size_t length = sizeof(bytes);
        EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
        assert_int_equal(EVP_PKEY_get_raw_public_key(key, bytes, &length), 1);
        assert_int_equal(ed25519_key_form(bytes), ED25519_SOUND);
        assert_true(ed25519_key_is_point(bytes));
        EVP_PKEY_free(key);
    }
}

static void small_orders_and_second_spellings_are_told(void **state)
{
    for (unsigned sign = 0; sign < 2; sign++) {
        for (unsigned low = 0; low < 256;
             low++) { /* from the prime on, every spelling is a second */
            unsigned char bytes[ed25519_key_bytes];
            memset(bytes, 0xff, sizeof(bytes));
            bytes[0] = (unsigned char)low;
            bytes[31] = (unsigned char)(0x7f | sign << 7);
            enum ed25519_form form = ed25519_key_form(bytes);
            assert_int_equal(form, low >= 0xed   ? ED25519_NOT_CANONICAL
                                   : low == 0xec ? ED25519_SMALL_ORDER
                                                 : ED25519_SOUND);
        }
        for (unsigned low = 0; low < 3; low++) {
            unsigned char bytes[ed25519_key_bytes] = {(unsigned char)low};
            bytes[31] = (unsigned char)(sign << 7);
            assert_int_equal(ed25519_key_form(bytes),
                             low < 2 ? ED25519_SMALL_ORDER : ED25519_SOUND);
        }
    }
}

/* y = 2 is no point, y = 3 is one; about half of all are. */
static void half_of_all_numbers_are_points(void **state)
{
    size_t points = 0;
    unsigned char bytes[ed25519_key_bytes] = {2};
    assert_false(ed25519_key_is_point(bytes));
    bytes[0] = 3;
    assert_true(ed25519_key_is_point(bytes));
    for (unsigned i = 4; i < 204; i++) {
        bytes[0] = (unsigned char)i;
        points += ed25519_key_is_point(bytes) ? 1 : 0;
    }
    assert_in_range(points, 60, 140);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_that_were_made_are_sound),
        cmocka_unit_test(small_orders_and_second_spellings_are_told),
        cmocka_unit_test(half_of_all_numbers_are_points),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

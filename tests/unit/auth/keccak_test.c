/* SPDX-License-Identifier: MIT
 *
 * keccak_test.c - known hashes, and agreement with OpenSSL's SHA3-256 under the other padding. */
#include "auth/keccak.h"

#include "base/random.h"

#include <openssl/evp.h>

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
// clang-format on

static void known_hashes_hold(void **state)
{
    static const struct {
        const char *text;
        const char *hash;
    } cases[] = {
        {"", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"},
        {"abc", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"},
        {"The quick brown fox jumps over the lazy dog",
         "4d741b6f1eb29cb2a9b9911c82f56fa8d73b04959d3d9d222895df6c0b28aa15"},
        {"transfer(address,uint256)",
         "a9059cbb2ab09eb219583f4a59a5d0623ade346d962bcd4e46b11da047c9049b"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unsigned char hash[keccak_bytes];
        char digits[2 * keccak_bytes + 1];
        keccak_256(slice_from_string(cases[i].text), hash);
        for (size_t j = 0; j < keccak_bytes; j++) {
            snprintf(digits + 2 * j, 3, "%02x", hash[j]);
        }
        assert_string_equal(digits, cases[i].hash);
    }
}

static void with_the_other_padding_it_is_sha3(void **state)
{
    for (size_t length = 0; length < 1200; length++) {
        unsigned char bytes[1200];
        unsigned char hash[keccak_bytes];
        unsigned char expected[EVP_MAX_MD_SIZE];
        struct keccak keccak = {.padding = keccak_padding_sha3};
        random_fill(bytes, sizeof(bytes));
        size_t first = length > 0 ? bytes[0] % length : 0; /* in two pieces */
        keccak_update(&keccak, slice_make((const char *)bytes, first));
        keccak_update(&keccak, slice_make((const char *)bytes + first, length - first));
        keccak_finish(&keccak, hash);
        assert_int_equal(EVP_Q_digest(NULL, "SHA3-256", NULL, bytes, length, expected, NULL), 1);
        assert_memory_equal(hash, expected, keccak_bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_hashes_hold),
        cmocka_unit_test(with_the_other_padding_it_is_sha3),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

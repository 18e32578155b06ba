/* SPDX-License-Identifier: MIT
 *
 * ethereum_test.c - the vectors of EIP-55, and a signature of ethers' own test key; with it k256.c.
 */
#include "auth/ethereum.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
// clang-format on

static void bytes_of(const char *digits, size_t count, unsigned char *ret)
{
    for (size_t i = 0; i < count; i++) {
        unsigned value = 0;
        assert_int_equal(sscanf(digits + 2 * i, "%2x", &value), 1);
        ret[i] = (unsigned char)value;
    }
}

/* The test cases that EIP-55 lists: all capitals, all small, normal. */
static void addresses_have_the_form_of_eip_55(void **state)
{
    static const char *const addresses[] = {
        "0x52908400098527886E0F7030069857D2E4169EE7", "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
        "0xde709f2102306220921060314715629080e2fb77", "0x27b1fdb04752bbc536007a920d24acb045561c26",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB", "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb"};
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        unsigned char address[ethereum_address_bytes];
        unsigned char expected[ethereum_address_bytes];
        char text[ethereum_address_length];
        char normal[ethereum_address_length];
        struct slice sound = slice_from_string(addresses[i]);
        assert_int_equal(ethereum_address_parse(sound, address, normal), ETHEREUM_CHECKSUM_RIGHT);
        bytes_of(addresses[i] + 2, sizeof(expected), expected);
        assert_memory_equal(address, expected, sizeof(expected));
        ethereum_address_text(address, text);
        assert_true(slice_equals(slice_make(text, sizeof(text)), sound));
        for (size_t j = 2; j < sizeof(text); j++) { /* any one letter in the other case */
            if (text[j] <= '9') {
                continue;
            }
            text[j] ^= 0x20;
            assert_int_not_equal(
                ethereum_address_parse(slice_make(text, sizeof(text)), address, normal),
                ETHEREUM_CHECKSUM_RIGHT);
            text[j] ^= 0x20;
        }
    }
}

static void strange_addresses_are_refused(void **state)
{
    static const struct {
        const char *text;
        enum ethereum_address_form form;
    } cases[] = {
        {"", ETHEREUM_MALFORMED},
        {"0x", ETHEREUM_MALFORMED},
        {"0X5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", ETHEREUM_MALFORMED},
        {"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe", ETHEREUM_MALFORMED},
        {"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed0", ETHEREUM_MALFORMED},
        {"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeg", ETHEREUM_MALFORMED},
        {"5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed00", ETHEREUM_MALFORMED},
        {"0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", ETHEREUM_CHECKSUM_WRONG},
        {"0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed", ETHEREUM_ONE_CASE},
        {"0x5AAEB6053F3E94C9B9A09F33669435E7EF1BEAED", ETHEREUM_ONE_CASE},
        {"0x0000000000000000000000000000000000000000", ETHEREUM_CHECKSUM_RIGHT},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unsigned char address[ethereum_address_bytes];
        char normal[ethereum_address_length];
        assert_int_equal(ethereum_address_parse(slice_from_string(cases[i].text), address, normal),
                         cases[i].form);
    }
}

/* "Hello World" signed by ethers 6 with 0x0123...0123. */
static void a_signed_message_gives_the_signer_away(void **state)
{
    unsigned char expected[keccak_bytes];
    unsigned char digest[keccak_bytes];
    unsigned char signature[65];
    unsigned char address[ethereum_address_bytes];
    char text[ethereum_address_length];
    struct k256_key key;
    bytes_of("a1de988600a42c4b4ab089b619297c17d53cffae5d5120d82d8a92d0bb3b78f2", 32, expected);
    ethereum_message_digest(SLICE("Hello World"), digest);
    assert_memory_equal(digest, expected, sizeof(digest));
    bytes_of("e0ed34fbbe927a58267ce2e8067a611c69869e20e731bc99187a8bc97058664c"
             "16de07f7660f06ce0985d1d8e063726783033fda59b307897f26a21392d62b3a1c",
             65, signature);
    assert_true(k256_recover(digest, signature, signature[64] - 27U, &key));
    ethereum_key_address(&key, address);
    ethereum_address_text(address, text);
    assert_true(slice_equals(slice_make(text, sizeof(text)),
                             SLICE("0x14791697260E4c9A71f18484C9f997B308e59325")));
    assert_true(k256_verify(&key, digest, signature));
    assert_false(k256_recover(digest, signature, 2, &key));
    signature[31] ^= 1;
    assert_false(k256_verify(&key, digest, signature));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_have_the_form_of_eip_55),
        cmocka_unit_test(strange_addresses_are_refused),
        cmocka_unit_test(a_signed_message_gives_the_signer_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

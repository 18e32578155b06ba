/* SPDX-License-Identifier: MIT
 *
 * ethereum.c - see ethereum.h. */
#include "auth/ethereum.h"

#include "http/characters.h"

#include <stdio.h>

/* The letters of an address in EIP-55 form are large where the hash of the small ones has a high
 * digit. <ret_digits> has 40 characters. */
static void digits_make(const unsigned char address[ethereum_address_bytes], char *ret_digits)
{
    static const char small[] = "0123456789abcdef";
    unsigned char hash[keccak_bytes];
    for (size_t i = 0; i < ethereum_address_bytes; i++) {
        ret_digits[2 * i] = small[address[i] >> 4];
        ret_digits[2 * i + 1] = small[address[i] & 15];
    }
    keccak_256(slice_make(ret_digits, (size_t)2 * ethereum_address_bytes), hash);
    for (size_t i = 0; i < (size_t)2 * ethereum_address_bytes; i++) {
        unsigned digit = i % 2 == 0 ? hash[i / 2] >> 4 : hash[i / 2] & 15;
        if (digit >= 8 && ret_digits[i] >= 'a') {
            ret_digits[i] = (char)(ret_digits[i] - 'a' + 'A');
        }
    }
}

void ethereum_address_text(const unsigned char address[ethereum_address_bytes],
                           char ret_text[ethereum_address_length])
{
    ret_text[0] = '0';
    ret_text[1] = 'x';
    digits_make(address, ret_text + 2);
}

enum ethereum_address_form ethereum_address_parse(struct slice text,
                                                  unsigned char ret_address[ethereum_address_bytes],
                                                  char ret_text[ethereum_address_length])
{
    unsigned char address[ethereum_address_bytes];
    bool has_small = false;
    bool has_large = false;
    if (text.length != ethereum_address_length || !slice_starts_with(text, SLICE("0x"))) {
        return ETHEREUM_MALFORMED;
    }
    for (size_t i = 0; i < (size_t)2 * ethereum_address_bytes; i++) {
        char digit = text.data[2 + i];
        unsigned value = character_hex[(unsigned char)digit];
        if (value == 0) {
            return ETHEREUM_MALFORMED;
        }
        has_small = has_small || digit >= 'a';
        has_large = has_large || (digit >= 'A' && digit <= 'F');
        address[i / 2] =
            (unsigned char)(i % 2 == 0 ? (value - 1) << 4 : address[i / 2] | (value - 1));
    }
    memcpy(ret_address, address, sizeof(address));
    ethereum_address_text(address, ret_text);
    if (slice_equals(text, slice_make(ret_text, ethereum_address_length))) {
        return ETHEREUM_CHECKSUM_RIGHT;
    }
    return has_small && has_large ? ETHEREUM_CHECKSUM_WRONG : ETHEREUM_ONE_CASE;
}

void ethereum_key_address(const struct k256_key *key,
                          unsigned char ret_address[ethereum_address_bytes])
{
    unsigned char point[k256_uncompressed_bytes];
    unsigned char hash[keccak_bytes];
    k256_key_uncompressed(key, point);
    keccak_256(slice_make((const char *)point + 1, sizeof(point) - 1), hash);
    memcpy(ret_address, hash + keccak_bytes - ethereum_address_bytes, ethereum_address_bytes);
}

void ethereum_message_digest(struct slice message, unsigned char ret_digest[keccak_bytes])
{
    struct keccak keccak = {{0}, 0, 0};
    char length[24];
    int count = snprintf(length, sizeof(length), "%zu", message.length);
    keccak_update(&keccak, SLICE("\x19"
                                 "Ethereum Signed Message:\n"));
    keccak_update(&keccak, slice_make(length, (size_t)count));
    keccak_update(&keccak, message);
    keccak_finish(&keccak, ret_digest);
}

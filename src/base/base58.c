/* SPDX-License-Identifier: MIT
 *
 * base58.c - a change of base on 32-bit words, five characters at a time: two kilobytes take well
 * under a tenth of a millisecond. Any thread. */
#include "base/base58.h"

#include <assert.h>

static const char base58_alphabet[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

enum {
    base58_chunk = 5, /* characters whose values together fit into 32 bits: 58^5 */
    base58_words_max = (base58_text_max * 3 / 4 + 3) / 4 + 1, /* a character holds under 6 bits */
};

static const uint32_t base58_powers[base58_chunk + 1] = {1, 58, 3364, 195112, 11316496, 656356768};

/* The value of each character plus one, so that the many foreign ones are zero. */
static const unsigned char base58_values[256] = {
    ['1'] = 1,  ['2'] = 2,  ['3'] = 3,  ['4'] = 4,  ['5'] = 5,  ['6'] = 6,  ['7'] = 7,  ['8'] = 8,
    ['9'] = 9,  ['A'] = 10, ['B'] = 11, ['C'] = 12, ['D'] = 13, ['E'] = 14, ['F'] = 15, ['G'] = 16,
    ['H'] = 17, ['J'] = 18, ['K'] = 19, ['L'] = 20, ['M'] = 21, ['N'] = 22, ['P'] = 23, ['Q'] = 24,
    ['R'] = 25, ['S'] = 26, ['T'] = 27, ['U'] = 28, ['V'] = 29, ['W'] = 30, ['X'] = 31, ['Y'] = 32,
    ['Z'] = 33, ['a'] = 34, ['b'] = 35, ['c'] = 36, ['d'] = 37, ['e'] = 38, ['f'] = 39, ['g'] = 40,
    ['h'] = 41, ['i'] = 42, ['j'] = 43, ['k'] = 44, ['m'] = 45, ['n'] = 46, ['o'] = 47, ['p'] = 48,
    ['q'] = 49, ['r'] = 50, ['s'] = 51, ['t'] = 52, ['u'] = 53, ['v'] = 54, ['w'] = 55, ['x'] = 56,
    ['y'] = 57, ['z'] = 58,
};

/* words = words * factor + addend; least significant first. Returns the new count of words. */
static size_t words_multiply_add(uint32_t *words, size_t count, uint32_t factor, uint32_t addend)
{
    uint64_t carry = addend;
    for (size_t i = 0; i < count; i++) {
        carry += (uint64_t)words[i] * factor;
        words[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry != 0) {
        assert(count < base58_words_max);
        words[count++] = (uint32_t)carry;
    }
    return count;
}

static unsigned char words_byte(const uint32_t *words, size_t index)
{
    return (unsigned char)(words[index / 4] >> (8 * (index % 4)));
}

bool base58_decode(struct slice text, unsigned char *ret_bytes, size_t capacity, size_t *ret_length)
{
    uint32_t words[base58_words_max];
    size_t words_count = 0;
    size_t zeros = 0;
    if (text.length == 0 || text.length > base58_text_max) {
        return false;
    }
    while (zeros < text.length && text.data[zeros] == '1') {
        zeros++;
    }
    for (size_t at = zeros; at < text.length;) {
        uint32_t value = 0;
        size_t taken = 0;
        for (; taken < base58_chunk && at < text.length; taken++, at++) {
            unsigned digit = base58_values[(unsigned char)text.data[at]];
            if (digit == 0) {
                return false;
            }
            value = value * 58 + (digit - 1);
        }
        words_count = words_multiply_add(words, words_count, base58_powers[taken], value);
    }
    size_t length = words_count * 4;
    while (length > 0 && words_byte(words, length - 1) == 0) {
        length--;
    }
    if (zeros + length > capacity) {
        return false;
    }
    memset(ret_bytes, 0, zeros);
    for (size_t i = 0; i < length; i++) {
        ret_bytes[zeros + i] = words_byte(words, length - 1 - i);
    }
    *ret_length = zeros + length;
    return true;
}

size_t base58_encode(const unsigned char *bytes, size_t count, char *ret_text)
{
    /* Digits of base 58^5, least significant first. */
    uint32_t digits[BASE58_ENCODED_SIZE(base58_bytes_max) / base58_chunk + 1];
    size_t digits_count = 0;
    size_t zeros = 0;
    size_t length = 0;
    assert(count <= base58_bytes_max);
    while (zeros < count && bytes[zeros] == 0) {
        zeros++;
        ret_text[length++] = '1';
    }
    for (size_t at = zeros; at < count; at++) {
        uint64_t carry = bytes[at];
        for (size_t i = 0; i < digits_count; i++) {
            carry += (uint64_t)digits[i] << 8;
            digits[i] = (uint32_t)(carry % base58_powers[base58_chunk]);
            carry /= base58_powers[base58_chunk];
        }
        if (carry != 0) {
            digits[digits_count++] = (uint32_t)carry;
        }
    }
    bool is_started = false;
    for (size_t i = digits_count * base58_chunk; i-- > 0;) {
        unsigned digit = digits[i / base58_chunk] / base58_powers[i % base58_chunk] % 58;
        is_started = is_started || digit != 0;
        if (is_started) {
            ret_text[length++] = base58_alphabet[digit];
        }
    }
    return length;
}

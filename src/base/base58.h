/* SPDX-License-Identifier: MIT
 *
 * base58.h - the Bitcoin alphabet, as multibase "z" and wallet addresses use it. Any thread.
 *
 * Both ways cost time with the square of the length, so both refuse more than a fixed size. */
#ifndef AG_BASE_BASE58_H
#define AG_BASE_BASE58_H

#include "base/slice.h"

enum {
    base58_text_max = 2048,  /* characters that are decoded */
    base58_bytes_max = 1504, /* bytes that are encoded: what so many characters can hold */
};

/* Room for the text of <count> bytes: log(256) / log(58) is a little under 1.37. */
#define BASE58_ENCODED_SIZE(count) ((count)*137 / 100 + 2)

/* Decodes into <ret_bytes> of <capacity> bytes. False for an empty text, one over base58_text_max,
 * any foreign character, and what does not fit. Each byte string has one spelling. */
bool base58_decode(struct slice text, unsigned char *ret_bytes, size_t capacity,
                   size_t *ret_length);

/* Writes at most BASE58_ENCODED_SIZE(count) characters, no NUL; returns how many. <count> is at
 * most base58_bytes_max. */
size_t base58_encode(const unsigned char *bytes, size_t count, char *ret_text);

#endif

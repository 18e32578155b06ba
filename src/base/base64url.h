/* SPDX-License-Identifier: MIT
 *
 * base64url.h - RFC 4648 section 5 without padding, the only form JOSE allows (RFC 7515 2). Any
 * thread. */
#ifndef AG_BASE_BASE64URL_H
#define AG_BASE_BASE64URL_H

#include "base/slice.h"

/* Decoded size of <length> characters; an upper bound for any input. */
#define BASE64URL_DECODED_SIZE(length) ((length) / 4 * 3 + 2)
#define BASE64URL_ENCODED_SIZE(length) (((length) + 2) / 3 * 4)

/* Decodes into <ret_bytes>, which has room for BASE64URL_DECODED_SIZE(text.length). False for
 * padding, white space, any foreign character, a length of 4n+1 and non-zero trailing bits: one
 * byte string has one spelling. */
bool base64url_decode(struct slice text, unsigned char *ret_bytes, size_t *ret_length);

/* Writes BASE64URL_ENCODED_SIZE(count) characters at most, no NUL; returns how many. */
size_t base64url_encode(const unsigned char *bytes, size_t count, char *ret_text);

#endif

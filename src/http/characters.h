/* SPDX-License-Identifier: MIT
 *
 * characters.h - which bytes may stand where in HTTP and URIs: one table, one look-up per byte. Any
 * thread. */
#ifndef AG_HTTP_CHARACTERS_H
#define AG_HTTP_CHARACTERS_H

#include "base/slice.h"

enum character_class {
    CHARACTER_TOKEN = 1 << 0,      /* tchar, RFC 9110 5.6.2 */
    CHARACTER_UNRESERVED = 1 << 1, /* RFC 3986 2.3 */
    CHARACTER_PATH = 1 << 2,       /* pchar without '%', RFC 3986 3.3 */
    CHARACTER_QUERY = 1 << 3,      /* %x21-7E but '%', '#' and '\' */
    CHARACTER_HOST = 1 << 4,       /* what we accept in a name: letters, digits, '-', '.', '_' */
    CHARACTER_B64TOKEN = 1 << 5,   /* b64token without its '=', RFC 6750 2.1 */
};

extern const uint8_t character_classes[256];

/* Lower case for letters, '-' for '_', itself for the rest: how servers that fold field names see
 * them. */
extern const uint8_t character_folded[256];

/* The value of a hex digit plus one; 0 for every other byte. */
extern const uint8_t character_hex[256];

static inline bool character_is(char byte, enum character_class wanted)
{
    return (character_classes[(unsigned char)byte] & wanted) != 0;
}

/* Length of the longest beginning of <text> made of <wanted> alone. */
static inline size_t character_span(struct slice text, enum character_class wanted)
{
    size_t count = 0;
    while (count < text.length && character_is(text.data[count], wanted)) {
        count++;
    }
    return count;
}

/* At least one byte, and all of them tchar. */
static inline bool character_is_token(struct slice text)
{
    return text.length > 0 && character_span(text, CHARACTER_TOKEN) == text.length;
}

#endif

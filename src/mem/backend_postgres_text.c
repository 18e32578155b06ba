/* SPDX-License-Identifier: MIT
 *
 * backend_postgres_text.c - any bytes as text that PostgreSQL takes, and back. */
#include "mem/backend_postgres_text.h"

#include "base/utf8.h"

static const char nul_mark[] = "\xEF\xB7\x90";  /* U+FDD0 */
static const char byte_mark[] = "\xEF\xB7\x91"; /* U+FDD1 */

enum { mark_length = 3 };

static bool is_at(struct slice text, size_t at, const char *mark)
{
    return text.length - at >= mark_length && memcmp(text.data + at, mark, mark_length) == 0;
}

/* Bytes at <at> that can stay; 0: the one there cannot. */
static size_t plain_length(struct slice text, size_t at)
{
    const unsigned char *bytes = (const unsigned char *)text.data + at;
    if (*bytes == '\0' || is_at(text, at, nul_mark) || is_at(text, at, byte_mark)) {
        return 0;
    }
    return utf8_length(bytes, text.length - at);
}

static size_t encode(struct slice text, char *ret)
{
    static const char hex[] = "0123456789abcdef";
    size_t length = 0;
    size_t at = 0;
    while (at < text.length) {
        size_t plain = plain_length(text, at);
        if (plain > 0) {
            memcpy(ret + length, text.data + at, plain);
            length += plain;
            at += plain;
            continue;
        }
        unsigned char byte = (unsigned char)text.data[at++];
        memcpy(ret + length, byte == '\0' ? nul_mark : byte_mark, mark_length);
        length += mark_length;
        if (byte != '\0') {
            ret[length++] = hex[byte >> 4];
            ret[length++] = hex[byte & 15];
        }
    }
    return length;
}

bool postgres_text_encode(struct slice text, struct arena *arena, struct slice *ret)
{
    size_t at = 0;
    size_t marked = 0;
    while (at < text.length) {
        size_t plain = plain_length(text, at);
        marked += plain == 0;
        at += plain == 0 ? 1 : plain;
    }
    if (marked == 0) {
        *ret = text;
        return true;
    }
    if (marked > (SIZE_MAX - text.length) / (mark_length + 2)) {
        return false;
    }
    char *bytes = arena_allocate(arena, text.length + marked * (mark_length + 2));
    if (bytes == NULL) {
        return false;
    }
    *ret = slice_make(bytes, encode(text, bytes));
    return true;
}

static int digit_of(char character)
{
    if (character >= '0' && character <= '9') {
        return character - '0';
    }
    return character >= 'a' && character <= 'f' ? character - 'a' + 10 : -1;
}

bool postgres_text_decode(struct slice text, struct arena *arena, struct slice *ret)
{
    if (memmem(text.data, text.length, nul_mark, 2) == NULL) {
        return arena_copy(arena, text, ret);
    }
    char *bytes = arena_allocate(arena, text.length + 1);
    if (bytes == NULL) {
        return false;
    }
    size_t length = 0;
    size_t at = 0;
    while (at < text.length) {
        if (is_at(text, at, nul_mark)) {
            bytes[length++] = '\0';
            at += mark_length;
        } else if (is_at(text, at, byte_mark) && text.length - at >= mark_length + 2 &&
                   digit_of(text.data[at + 3]) >= 0 && digit_of(text.data[at + 4]) >= 0) {
            bytes[length++] =
                (char)(digit_of(text.data[at + 3]) << 4 | digit_of(text.data[at + 4]));
            at += mark_length + 2;
        } else {
            bytes[length++] = text.data[at++];
        }
    }
    bytes[length] = '\0';
    *ret = slice_make(bytes, length);
    return true;
}

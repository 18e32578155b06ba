/* SPDX-License-Identifier: MIT
 *
 * base64url.c - one byte string, one spelling. */
#include "base/base64url.h"

enum { base64url_foreign = 255 };

/* The value of each character plus one, so that the many foreign ones are zero. */
static const unsigned char base64url_values[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
    ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
    ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['-'] = 63, ['_'] = 64,
};

/* 0 to 63, or base64url_foreign, which alone has a bit above those six. */
static unsigned base64url_value(char character)
{
    return (unsigned char)(base64url_values[(unsigned char)character] - 1);
}

/* The last one or two bytes. Bits that no byte needs must be zero, or two texts would mean the
 * same. */
static bool base64url_decode_tail(const char *text, size_t left, unsigned char *ret_bytes,
                                  size_t *ret_count)
{
    if (left == 0) {
        *ret_count = 0;
        return true;
    }
    if (left == 1) {
        return false;
    }
    unsigned a = base64url_value(text[0]);
    unsigned b = base64url_value(text[1]);
    unsigned c = left == 3 ? base64url_value(text[2]) : 0;
    if (a == base64url_foreign || b == base64url_foreign || c == base64url_foreign) {
        return false;
    }
    if (left == 2 ? (b & 15) != 0 : (c & 3) != 0) {
        return false;
    }
    ret_bytes[0] = (unsigned char)(a << 2 | b >> 4);
    if (left == 3) {
        ret_bytes[1] = (unsigned char)(b << 4 | c >> 2);
    }
    *ret_count = left - 1;
    return true;
}

bool base64url_decode(struct slice text, unsigned char *ret_bytes, size_t *ret_length)
{
    size_t whole = text.length / 4;
    size_t tail = 0;
    unsigned foreign = 0;
    for (size_t i = 0; i < whole; i++) {
        const char *from = text.data + i * 4;
        unsigned a = base64url_value(from[0]);
        unsigned b = base64url_value(from[1]);
        unsigned c = base64url_value(from[2]);
        unsigned d = base64url_value(from[3]);
        foreign |= a | b | c | d;
        ret_bytes[i * 3] = (unsigned char)(a << 2 | b >> 4);
        ret_bytes[i * 3 + 1] = (unsigned char)(b << 4 | c >> 2);
        ret_bytes[i * 3 + 2] = (unsigned char)(c << 6 | d);
    }
    if (foreign > 63 || !base64url_decode_tail(text.data + whole * 4, text.length % 4,
                                               ret_bytes + whole * 3, &tail)) {
        return false;
    }
    *ret_length = whole * 3 + tail;
    return true;
}

size_t base64url_encode(const unsigned char *bytes, size_t count, char *ret_text)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t length = 0;
    size_t i = 0;
    for (; i + 3 <= count; i += 3) {
        ret_text[length++] = alphabet[bytes[i] >> 2];
        ret_text[length++] = alphabet[(bytes[i] & 3) << 4 | bytes[i + 1] >> 4];
        ret_text[length++] = alphabet[(bytes[i + 1] & 15) << 2 | bytes[i + 2] >> 6];
        ret_text[length++] = alphabet[bytes[i + 2] & 63];
    }
    if (count - i == 1) {
        ret_text[length++] = alphabet[bytes[i] >> 2];
        ret_text[length++] = alphabet[(bytes[i] & 3) << 4];
    } else if (count - i == 2) {
        ret_text[length++] = alphabet[bytes[i] >> 2];
        ret_text[length++] = alphabet[(bytes[i] & 3) << 4 | bytes[i + 1] >> 4];
        ret_text[length++] = alphabet[(bytes[i + 1] & 15) << 2];
    }
    return length;
}

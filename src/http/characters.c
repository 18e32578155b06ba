/* SPDX-License-Identifier: MIT
 *
 * characters.c - the tables behind characters.h. Data only. Any thread. */
#include "http/characters.h"

#define TOKEN CHARACTER_TOKEN
#define QUERY CHARACTER_QUERY
#define PATH (CHARACTER_PATH | CHARACTER_QUERY)
#define B64TOKEN CHARACTER_B64TOKEN
#define NAME (TOKEN | PATH | CHARACTER_UNRESERVED | CHARACTER_HOST | B64TOKEN)

const uint8_t character_classes[256] = {
    ['0' ... '9'] = NAME,
    ['A' ... 'Z'] = NAME,
    ['a' ... 'z'] = NAME,
    ['-'] = NAME,
    ['.'] = NAME,
    ['_'] = NAME,
    ['~'] = TOKEN | PATH | CHARACTER_UNRESERVED | B64TOKEN,

    ['!'] = TOKEN | PATH,
    ['$'] = TOKEN | PATH,
    ['&'] = TOKEN | PATH,
    ['\''] = TOKEN | PATH,
    ['*'] = TOKEN | PATH,
    ['+'] = TOKEN | PATH | B64TOKEN,

    ['('] = PATH,
    [')'] = PATH,
    [','] = PATH,
    [':'] = PATH,
    [';'] = PATH,
    ['='] = PATH,
    ['@'] = PATH,

    ['^'] = TOKEN | QUERY,
    ['`'] = TOKEN | QUERY,
    ['|'] = TOKEN | QUERY,

    ['"'] = QUERY,
    ['/'] = QUERY | B64TOKEN,
    ['<'] = QUERY,
    ['>'] = QUERY,
    ['?'] = QUERY,
    ['['] = QUERY,
    [']'] = QUERY,
    ['{'] = QUERY,
    ['}'] = QUERY,

    ['#'] = TOKEN,
    ['%'] = TOKEN,
};

#define SELF(byte) [byte] = byte
#define SELF_4(byte) SELF(byte), SELF((byte) + 1), SELF((byte) + 2), SELF((byte) + 3)
#define SELF_16(byte) SELF_4(byte), SELF_4((byte) + 4), SELF_4((byte) + 8), SELF_4((byte) + 12)
#define LOWER(byte) [byte] = (byte) + ('a' - 'A')
#define LOWER_4(byte) LOWER(byte), LOWER((byte) + 1), LOWER((byte) + 2), LOWER((byte) + 3)

const uint8_t character_folded[256] = {
    SELF_16(0x00), SELF_16(0x10), SELF_16(0x20), SELF_16(0x30), SELF('@'),
    LOWER_4('A'),  LOWER_4('E'),  LOWER_4('I'),  LOWER_4('M'),  LOWER_4('Q'),
    LOWER_4('U'),  LOWER('Y'),    LOWER('Z'),    SELF_4('['),   ['_'] = '-',
    SELF_16(0x60), SELF_16(0x70), SELF_16(0x80), SELF_16(0x90), SELF_16(0xa0),
    SELF_16(0xb0), SELF_16(0xc0), SELF_16(0xd0), SELF_16(0xe0), SELF_16(0xf0),
};

const uint8_t character_hex[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
    ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
};

/* SPDX-License-Identifier: MIT
 *
 * utf8_test.c - every sequence of RFC 3629, and what only looks like one. */
#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static size_t encode(uint32_t point, unsigned char out[4])
{
    if (point < 0x80) {
        out[0] = (unsigned char)point;
        return 1;
    }
    size_t length = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    static const unsigned char marks[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = length - 1; i > 0; i--) {
        out[i] = (unsigned char)(0x80 | (point & 0x3F));
        point >>= 6;
    }
    out[0] = (unsigned char)(marks[length] | point);
    return length;
}

static void every_code_point_has_its_length(void **state)
{
    for (uint32_t point = 0; point < 0x110000; point++) {
        unsigned char bytes[4];
        size_t length = encode(point, bytes);
        size_t expected = point >= 0xD800 && point <= 0xDFFF ? 0 : length;
        if (utf8_length(bytes, length) != expected ||
            (length > 1 && utf8_length(bytes, length - 1) != 0)) {
            fail_msg("U+%04X", point);
        }
    }
}

static void what_is_no_sequence_has_none(void **state)
{
    static const struct {
        unsigned char bytes[4];
        size_t length;
    } cases[] = {{{0x80}, 1},
                 {{0xC0, 0x80}, 2},
                 {{0xC1, 0xBF}, 2},
                 {{0xE0, 0x80, 0x80}, 3},
                 {{0xF0, 0x80, 0x80, 0x80}, 4},
                 {{0xF4, 0x90, 0x80, 0x80}, 4},
                 {{0xF5, 0x80, 0x80, 0x80}, 4},
                 {{0xFF}, 1},
                 {{0xC2, 0x41}, 2},
                 {{0xE2, 0x82, 0x41}, 3}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(utf8_length(cases[i].bytes, cases[i].length), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point_has_its_length),
        cmocka_unit_test(what_is_no_sequence_has_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

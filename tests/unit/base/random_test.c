/* SPDX-License-Identifier: MIT
 *
 * random_test.c - every byte is filled, none beyond, and no two draws are the same. */
#include "base/random.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void every_byte_is_filled_and_none_beyond(void **state)
{
    static const size_t counts[] = {0, 1, 7, 255, 256, 257, 5000};
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        size_t count = counts[i];
        unsigned char *bytes = malloc(count + 1); /* no room behind it */
        unsigned char *seen = calloc(1, count + 1);
        assert_non_null(bytes);
        assert_non_null(seen);
        for (size_t round = 0; round < 16; round++) {
            memset(bytes, 0, count + 1);
            random_fill(bytes, count);
            assert_int_equal(bytes[count], 0);
            for (size_t j = 0; j < count; j++) {
                seen[j] |= bytes[j];
            }
        }
        for (size_t j = 0; j < count; j++) {
            assert_int_not_equal(seen[j], 0);
        }
        free(bytes);
        free(seen);
    }
}

static void digits_are_lower_case_hex(void **state)
{
    struct random_source source = {0};
    unsigned seen[256] = {0};
    for (size_t i = 0; i < 2000; i++) {
        char digits[33];
        digits[32] = '!';
        random_hex(&source, 16, digits);
        assert_int_equal(digits[32], '!');
        for (size_t j = 0; j < 32; j++) {
            seen[(unsigned char)digits[j]]++;
        }
    }
    for (size_t byte = 0; byte < 256; byte++) {
        bool is_hex = byte != 0 && strchr("0123456789abcdef", (int)byte) != NULL;
        assert_true((seen[byte] > 0) == is_hex);
    }
}

/* Across several refills of the store, and whatever the sizes are. */
static void no_digits_come_twice(void **state)
{
    enum { draws = 400 };
    static char all[draws][17];
    struct random_source source = {0};
    for (size_t i = 0; i < draws; i++) {
        char other[128];
        random_hex(&source, 8, all[i]);
        random_hex(&source, i % 64 + 1, other); /* so that the store ends in odd places */
        for (size_t j = 0; j < i; j++) {
            assert_memory_not_equal(all[i], all[j], 16);
        }
    }
}

static void two_sources_differ(void **state)
{
    struct random_source sources[2] = {{.left = 0}, {.left = 0}};
    char digits[2][128];
    random_hex(&sources[0], 64, digits[0]);
    random_hex(&sources[1], 64, digits[1]);
    assert_memory_not_equal(digits[0], digits[1], 128);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_is_filled_and_none_beyond),
        cmocka_unit_test(digits_are_lower_case_hex),
        cmocka_unit_test(no_digits_come_twice),
        cmocka_unit_test(two_sources_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * word_postings_test.c - sorting, packing into parts, finding, renaming rows, damaged bytes. */
#include "mem/word_postings.h"

#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { number_mask = (int)((UINT32_C(1) << postings_number_bits) - 1) };

static uint32_t number_next(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t)(*state >> 33) & number_mask;
}

/* 200 rows; number n is in each row that n % 7 + 1 divides. */
static void fill(struct postings *postings, const uint32_t *numbers, size_t count)
{
    for (uint32_t row = 0; row < 200; row++) {
        for (size_t i = 0; i < count; i++) {
            if (row % (numbers[i] % 7 + 1) == 0) {
                postings_add(postings, numbers[i], row);
                postings_add(postings, numbers[i], row); /* said twice */
            }
        }
    }
    postings_sort(postings);
    assert_false(postings->failed);
}

static size_t parts_pack(const struct postings *postings, unsigned bits, struct buffer *parts)
{
    size_t at = 0;
    size_t count = 0;
    while (at < postings->count) {
        uint32_t part = postings_part_of((uint32_t)(postings->items[at] >> 32), bits);
        buffer_init(&parts[part], 1 << 20);
        postings_pack(postings, &at, bits, &parts[part]);
        assert_false(parts[part].failed);
        count++;
    }
    return count;
}

static void parts_clear(struct buffer *parts, unsigned bits)
{
    for (size_t i = 0; i < (size_t)1 << bits; i++) {
        buffer_clear(&parts[i]);
    }
}

static void sorting_leaves_each_once(void **state)
{
    struct postings postings = {.items = NULL};
    postings_sort(&postings); /* nothing is no trouble */
    assert_int_equal(postings.count, 0);
    postings_add(&postings, 9, 0);
    postings_add(&postings, number_mask, 0);
    postings_add(&postings, 9, 0);
    postings_add(&postings, 0x010000, 1);
    postings_add(&postings, 9, 1);
    postings_add(&postings, 0x000100, 1);
    postings_sort(&postings);
    assert_int_equal(postings.count, 5);
    assert_true(postings.items[0] == (UINT64_C(9) << 32 | 0));
    assert_true(postings.items[1] == (UINT64_C(9) << 32 | 1));
    assert_true(postings.items[2] == (UINT64_C(0x100) << 32 | 1));
    assert_true(postings.items[3] == (UINT64_C(0x10000) << 32 | 1));
    assert_true(postings.items[4] == ((uint64_t)number_mask << 32 | 0));
    postings_clear(&postings);
}

static void every_word_is_found_where_it_is(void **state)
{
    static const unsigned bits_of[] = {0, 1, 5, postings_part_bits_max};
    enum { count = 900 };
    static uint32_t numbers[count];
    static struct buffer parts[1 << postings_part_bits_max];
    uint64_t random = 1;
    numbers[0] = 0;
    numbers[1] = number_mask;
    for (size_t i = 2; i < count; i++) {
        numbers[i] = number_next(&random);
    }
    for (size_t k = 0; k < sizeof(bits_of) / sizeof(*bits_of); k++) {
        struct postings postings = {.items = NULL};
        unsigned bits = bits_of[k];
        fill(&postings, numbers, count);
        assert_true(parts_pack(&postings, bits, parts) <= (size_t)1 << bits);
        for (size_t i = 0; i < count; i++) {
            uint32_t rows[200];
            size_t found = 0;
            struct slice part = buffer_slice(&parts[postings_part_of(numbers[i], bits)]);
            assert_true(postings_find(part, numbers[i], bits, 200, rows, &found));
            uint32_t step = numbers[i] % 7 + 1;
            assert_int_equal(found, (200 + step - 1) / step);
            for (size_t j = 0; j < found; j++) {
                assert_int_equal(rows[j], j * step);
            }
            assert_true(postings_find(part, numbers[i] ^ 1, bits, 200, rows, &found));
            assert_int_equal(found, 0); /* the numbers are far from each other */
        }
        parts_clear(parts, bits);
        postings_clear(&postings);
    }
}

static void parts_grow_in_number_not_in_size(void **state)
{
    struct postings postings = {.items = NULL};
    assert_int_equal(postings_part_bits(&postings), 0);
    postings.count = 1000;
    assert_int_equal(postings_part_bits(&postings), 0);
    postings.count = 1000 * 1000;
    assert_in_range(postings_part_bits(&postings), 9, 11);
    postings.count = SIZE_MAX;
    assert_int_equal(postings_part_bits(&postings), postings_part_bits_max);
}

static void unpacking_renames_rows_and_leaves_some_out(void **state)
{
    static const uint32_t numbers[] = {5, 70000, 70001, 2000000000};
    struct postings postings = {.items = NULL};
    struct postings again = {.items = NULL};
    struct buffer parts[2] = {{0}};
    uint32_t rows[200];
    fill(&postings, numbers, 4);
    parts_pack(&postings, 1, parts);
    for (uint32_t i = 0; i < 200; i++) {
        rows[i] = i % 2 == 0 ? POSTINGS_ROW_GONE : 1000 + i;
    }
    for (uint32_t part = 0; part < 2; part++) {
        assert_true(postings_unpack(buffer_slice(&parts[part]), part, 1, rows, 200, &again));
    }
    size_t expected = 0;
    for (size_t i = 0; i < postings.count; i++) {
        uint32_t row = (uint32_t)postings.items[i];
        if (row % 2 == 1) {
            assert_true(again.items[expected++] == postings.items[i] + 1000);
        }
    }
    assert_int_equal(again.count, expected);
    parts_clear(parts, 1);
    postings_clear(&postings);
    postings_clear(&again);
}

static void damaged_bytes_are_told_or_harmless(void **state)
{
    static const uint32_t numbers[] = {5, 300, 70000, 70001, 9000000, 2000000000};
    struct postings postings = {.items = NULL};
    struct buffer part[1] = {{0}};
    uint32_t rows[200];
    uint32_t names[200];
    for (uint32_t i = 0; i < 200; i++) {
        names[i] = i;
    }
    fill(&postings, numbers, 6);
    parts_pack(&postings, 0, part);
    size_t told = 0;
    for (size_t i = 0; i < part->length; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            struct postings again = {.items = NULL};
            size_t found = 0;
            part->data[i] = (char)(part->data[i] ^ 1 << bit);
            told += postings_unpack(buffer_slice(part), 0, 0, names, 200, &again) ? 0 : 1;
            for (size_t j = 0; j < again.count; j++) {
                assert_true((uint32_t)again.items[j] < 200);
            }
            if (postings_find(buffer_slice(part), 70001, 0, 200, rows, &found)) {
                assert_true(found <= 200);
            }
            part->data[i] = (char)(part->data[i] ^ 1 << bit);
            postings_clear(&again);
        }
        size_t found = 0; /* and cut short, in memory of its own */
        char *cut = malloc(i + 1);
        assert_non_null(cut);
        memcpy(cut, part->data, i);
        (void)!postings_find(slice_make(cut, i), 2000000000, 0, 200, rows, &found);
        free(cut);
    }
    assert_true(told > 0);
    parts_clear(part, 0);
    postings_clear(&postings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sorting_leaves_each_once),
        cmocka_unit_test(every_word_is_found_where_it_is),
        cmocka_unit_test(parts_grow_in_number_not_in_size),
        cmocka_unit_test(unpacking_renames_rows_and_leaves_some_out),
        cmocka_unit_test(damaged_bytes_are_told_or_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

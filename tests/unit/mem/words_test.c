/* SPDX-License-Identifier: MIT
 *
 * words_test.c - words as numbers, and questions compared with texts. */
#include "mem/words.h"

#include "rows.h"

#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct words_cutter cutter_open(struct rows *rows)
{
    struct words_cutter cutter;
    struct failure failure = {""};
    rows_begin(rows);
    if (words_cutter_open(rows->database, &cutter, &failure) != STATUS_OK) {
        fail_msg("%s", failure.text);
    }
    return cutter;
}

static void equal_words_have_equal_numbers(void **state)
{
    struct rows rows;
    struct words_cutter cutter = cutter_open(&rows);
    struct postings postings = {.items = NULL};
    words_number(&cutter, SLICE("Quick, quick! sch\xc3\xb6n SCH\xc3\x96N schon"), 3, &postings);
    words_number(&cutter, SLICE(""), 3, &postings);
    words_number(&cutter, slice_make(NULL, 0), 3, &postings);
    words_number(&cutter, SLICE("... ?"), 3, &postings);
    assert_false(postings.failed);
    assert_int_equal(postings.count, 5);
    assert_true(postings.items[0] == postings.items[1]);
    assert_true(postings.items[2] == postings.items[3]);
    assert_true(postings.items[2] == postings.items[4]); /* accents do not count */
    assert_true(postings.items[0] != postings.items[2]);
    assert_int_equal((uint32_t)postings.items[0], 3);
    assert_true(postings.items[0] >> 32 < UINT64_C(1) << postings_number_bits);
    postings_clear(&postings);
    words_cutter_close(&cutter);
    words_cutter_close(&cutter); /* no harm */
    rows_end(&rows);
}

static void all_words_must_be_there_in_any_text(void **state)
{
    static const struct {
        const char *words;
        size_t count;
        bool matches;
    } cases[] = {
        {"fox", 1, true},  {"dog FOX", 2, true}, {"fox cat", 2, false},
        {"fo", 1, false},  {"foxes", 1, false},  {"fox fox", 2, true},
        {"-*\"", 0, true}, {"", 0, true},        {"\xc3\xa9t\xc3\xa9", 1, true},
    };
    struct rows rows;
    struct words_cutter cutter = cutter_open(&rows);
    const struct slice texts[] = {SLICE("the Fox"), slice_make(NULL, 0), SLICE("a dog; ete")};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct words_wanted wanted;
        struct failure failure;
        assert_int_equal(
            words_wanted_make(&cutter, slice_from_string(cases[i].words), &wanted, &failure),
            STATUS_OK);
        assert_int_equal(wanted.count, cases[i].count);
        if (words_wanted_match(&cutter, &wanted, texts, 3) != cases[i].matches) {
            fail_msg("words: %s", cases[i].words);
        }
        words_wanted_clear(&wanted);
    }
    words_cutter_close(&cutter);
    rows_end(&rows);
}

static void questions_have_an_end(void **state)
{
    static const char most[] = "a b c d e f g h i j k l m n o p q r s t u v w x y z 1 2 3 4 5 6";
    struct rows rows;
    struct words_cutter cutter = cutter_open(&rows);
    struct words_wanted wanted;
    struct failure failure = {""};
    assert_int_equal(words_wanted_make(&cutter, SLICE(most), &wanted, &failure), STATUS_OK);
    assert_int_equal(wanted.count, words_wanted_max);
    const struct slice text = SLICE(most);
    assert_true(words_wanted_match(&cutter, &wanted, &text, 1));
    const struct slice less = slice_make(most, sizeof(most) - 2);
    assert_false(words_wanted_match(&cutter, &wanted, &less, 1));
    words_wanted_clear(&wanted);
    char *long_text = malloc(words_wanted_bytes_max + 1);
    assert_non_null(long_text);
    memset(long_text, ' ', words_wanted_bytes_max + 1);
    struct slice spaces = slice_make(long_text, words_wanted_bytes_max + 1);
    assert_int_equal(words_wanted_make(&cutter, spaces, &wanted, &failure), STATUS_INVALID);
    words_wanted_clear(&wanted);
    spaces.length--;
    assert_int_equal(words_wanted_make(&cutter, spaces, &wanted, &failure), STATUS_OK);
    assert_int_equal(wanted.count, 0);
    words_wanted_clear(&wanted);
    free(long_text);
    words_cutter_close(&cutter);
    rows_end(&rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_words_have_equal_numbers),
        cmocka_unit_test(all_words_must_be_there_in_any_text),
        cmocka_unit_test(questions_have_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

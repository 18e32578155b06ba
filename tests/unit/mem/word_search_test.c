/* SPDX-License-Identifier: MIT
 *
 * word_search_test.c - the order and the bounds of candidates; what searches find is
 * word_index_test.c's. */
#include "mem/word_index.h"

#include "rows.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct index {
    struct rows rows;
    struct words_cutter cutter;
    struct words_wanted wanted;
};

/* 300 rows in segments and 10 pending ones, each with the words "all" and "odd" or "even"; the
 * last segment has the oldest rows. */
static void index_begin(struct index *index, const char *words)
{
    struct failure failure = {""};
    rows_begin(&index->rows);
    for (uint64_t n = 0; n < 310; n++) {
        uint64_t number = n < 200 ? 1000 + n : n < 300 ? n - 200 : 500 + n;
        struct event event = rows_event(number, "alice", n % 2 == 0 ? "all even" : "all odd");
        if (event_rows_insert(index->rows.database, &event, 1, &failure) != STATUS_OK) {
            fail_msg("%s", failure.text);
        }
    }
    assert_int_equal(words_cutter_open(index->rows.database, &index->cutter, &failure), STATUS_OK);
    assert_int_equal(
        words_wanted_make(&index->cutter, slice_from_string(words), &index->wanted, &failure),
        STATUS_OK);
}

static void index_end(struct index *index)
{
    words_wanted_clear(&index->wanted);
    words_cutter_close(&index->cutter);
    rows_end(&index->rows);
}

/* The candidates of owner 1 up to <most>; they must fall. */
static size_t count_candidates(struct index *index, int64_t most)
{
    struct word_search *search = NULL;
    struct failure failure = {""};
    assert_int_equal(
        word_search_begin(index->rows.database, 1, &index->wanted, most, &search, &failure),
        STATUS_OK);
    int64_t last = INT64_MAX;
    int64_t seq = 0;
    size_t count = 0;
    enum status status;
    while ((status = word_search_next(search, &seq, &failure)) == STATUS_OK) {
        assert_true(seq < last && seq <= most);
        last = seq;
        count++;
    }
    assert_int_equal(status, STATUS_NOT_FOUND);
    assert_int_equal(word_search_next(search, &seq, &failure), STATUS_NOT_FOUND);
    word_search_end(search);
    return count;
}

static int64_t seq_of_time(uint64_t number)
{
    return rows_event(number, "alice", "").timestamp_us * 1024;
}

static void candidates_fall_across_segments(void **state)
{
    struct index index;
    index_begin(&index, "all");
    static const char sql[] = "SELECT count(*) FROM events_pending";
    sqlite3_stmt *statement = database_statement(index.rows.database, sql);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_in_range(sqlite3_column_int(statement, 0), 1, word_index_pending_rows - 1);
    sqlite3_reset(statement);
    assert_int_equal(count_candidates(&index, INT64_MAX), 310);
    index_end(&index);
}

static void segments_are_asked_for_all_words(void **state)
{
    struct index index;
    index_begin(&index, "even ALL");
    size_t count = count_candidates(&index, INT64_MAX);
    assert_in_range(count, 155, 155 + word_index_pending_rows / 2); /* pending rows are not asked */
    index_end(&index);
    index_begin(&index, "odd even");
    assert_in_range(count_candidates(&index, INT64_MAX), 0, word_index_pending_rows);
    index_end(&index);
}

static void candidates_have_a_bound(void **state)
{
    struct index index;
    index_begin(&index, "all");
    assert_int_equal(count_candidates(&index, seq_of_time(100) - 1), 100);
    assert_int_equal(count_candidates(&index, seq_of_time(1000) - 1), 110);
    assert_int_equal(count_candidates(&index, seq_of_time(0) - 1), 0);
    index_end(&index);
}

static void others_have_nothing(void **state)
{
    struct index index;
    struct word_search *search = NULL;
    struct failure failure;
    int64_t seq = 0;
    index_begin(&index, "all");
    assert_int_equal(
        word_search_begin(index.rows.database, 2, &index.wanted, INT64_MAX, &search, &failure),
        STATUS_OK);
    assert_int_equal(word_search_next(search, &seq, &failure), STATUS_NOT_FOUND);
    word_search_end(search);
    word_search_end(NULL);
    index_end(&index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(candidates_fall_across_segments),
        cmocka_unit_test(segments_are_asked_for_all_words),
        cmocka_unit_test(candidates_have_a_bound),
        cmocka_unit_test(others_have_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

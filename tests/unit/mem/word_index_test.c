/* SPDX-License-Identifier: MIT
 *
 * word_index_test.c - pending rows, segments and merges, seen through the rows they find: whatever
 * an owner's rows are in, a search finds what is there and nothing else. */
#include "mem/word_index.h"

#include "rows.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static int64_t number_of(struct rows *rows, const char *sql)
{
    sqlite3_stmt *statement = database_statement(rows->database, sql);
    assert_non_null(statement);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t number = sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    return number;
}

static int64_t pending(struct rows *rows)
{
    static const char sql[] = "SELECT count(*) FROM events_pending";
    return number_of(rows, sql);
}

static int64_t segments(struct rows *rows)
{
    static const char sql[] = "SELECT count(*) FROM words_segments";
    return number_of(rows, sql);
}

static int64_t parts(struct rows *rows)
{
    static const char sql[] = "SELECT count(*) FROM words_parts";
    return number_of(rows, sql);
}

static int64_t parts_without_segment(struct rows *rows)
{
    static const char sql[] = "SELECT count(*) FROM words_parts"
                              " WHERE id / 4096 NOT IN (SELECT id FROM words_segments)";
    return number_of(rows, sql);
}

static int64_t postings_bytes(struct rows *rows)
{
    static const char sql[] = "SELECT total(length(postings)) FROM words_parts";
    return number_of(rows, sql);
}

/* How many rows of <subject> have <words>, page by page; they must come newest first. */
static size_t found(struct rows *rows, const char *subject, const char *words)
{
    struct backend_query query = rows_query(subject, 100);
    query.words = slice_from_string(words);
    size_t count = 0;
    bool has_more = true;
    int64_t last_us = INT64_MAX;
    while (has_more) {
        struct arena arena;
        struct event_page page = {0};
        struct failure failure = {""};
        arena_init(&arena, 64 * 1024 * 1024);
        if (event_rows_read(rows->database, &query, &arena, &page, &failure) != STATUS_OK) {
            fail_msg("%s", failure.text);
        }
        for (size_t i = 0; i < page.count; i++) {
            assert_true(page.events[i].timestamp_us <= last_us);
            assert_true(slice_equals(page.events[i].user, slice_from_string(subject)));
            last_us = page.events[i].timestamp_us;
            query.has_before = true;
            query.before_us = last_us;
            memcpy(query.before_id, page.events[i].id, sizeof(query.before_id));
        }
        count += page.count;
        has_more = page.has_more;
        arena_clear(&arena);
    }
    assert_true(sqlite3_get_autocommit(database_handle(rows->database)) != 0);
    return count;
}

static void insert(struct rows *rows, const struct event *events, size_t count)
{
    struct failure failure = {""};
    if (event_rows_insert(rows->database, events, count, &failure) != STATUS_OK) {
        fail_msg("%s", failure.text);
    }
}

static void begin(struct rows *rows)
{
    struct failure failure;
    assert_int_equal(database_execute(rows->database, "BEGIN", &failure), STATUS_OK);
}

static void commit(struct rows *rows)
{
    struct failure failure;
    assert_int_equal(database_execute(rows->database, "COMMIT", &failure), STATUS_OK);
}

/* Rows <from> up to <to> of <subject>, <step> microseconds apart, in jobs of <job> rows. Row n has
 * the words "common", "n<n>", "m<n % 10>" and some of its own. */
static void insert_many(struct rows *rows, const char *subject, uint64_t from, uint64_t to,
                        int64_t step, size_t job)
{
    struct event events[256];
    static char texts[256][256];
    assert_true(job <= 256);
    size_t count = 0;
    begin(rows);
    for (uint64_t n = from; n < to; n++) {
        snprintf(texts[count], sizeof(texts[count]), "Common n%llu, m%llu; a%llu b%llu c%llu",
                 (unsigned long long)n, (unsigned long long)n % 10, (unsigned long long)n % 97,
                 (unsigned long long)n % 89, (unsigned long long)n % 83);
        events[count] = rows_event(n, subject, texts[count]);
        events[count].timestamp_us += (int64_t)n * (step - 1);
        count++;
        if (count == job || n + 1 == to) {
            insert(rows, events, count);
            count = 0;
        }
    }
    commit(rows);
}

static uint64_t erase(struct rows *rows, const char *subject, const char *id, size_t limit)
{
    struct backend_query query = rows_query(subject, limit);
    struct failure failure = {""};
    uint64_t erased = 99;
    if (id != NULL) {
        query.id = slice_from_string(id);
    }
    begin(rows);
    if (event_rows_erase(rows->database, &query, &erased, &failure) != STATUS_OK) {
        fail_msg("%s", failure.text);
    }
    commit(rows);
    return erased;
}

static void rows_are_found_before_and_after_they_are_indexed(void **state)
{
    struct rows rows;
    rows_begin(&rows);
    for (uint64_t n = 0; n < word_index_pending_rows + 5; n++) {
        insert_many(&rows, "alice", n, n + 1, 1, 1);
        char word[32];
        snprintf(word, sizeof(word), "N%llu", (unsigned long long)n);
        assert_int_equal(found(&rows, "alice", word), 1);
        assert_int_equal(found(&rows, "alice", "n0 common"), 1);
        assert_int_equal(found(&rows, "alice", "common"), n + 1);
        bool is_settled = n + 1 >= word_index_pending_rows;
        assert_int_equal(segments(&rows), is_settled ? 1 : 0);
        assert_int_equal(pending(&rows), is_settled ? n + 1 - word_index_pending_rows : n + 1);
    }
    assert_int_equal(found(&rows, "bob", "common"), 0);
    rows_end(&rows);
}

static void large_texts_do_not_stay_pending(void **state)
{
    struct rows rows;
    rows_begin(&rows);
    char *text = malloc(word_index_pending_bytes + 1);
    assert_non_null(text);
    memset(text, 'x', word_index_pending_bytes + 1);
    struct event event = rows_event(1, "alice", "");
    event.payload = slice_make(text, word_index_pending_bytes - 1);
    insert(&rows, &event, 1);
    assert_int_equal(pending(&rows), 1);
    event = rows_event(2, "alice", "needle");
    insert(&rows, &event, 1);
    assert_int_equal(pending(&rows), 0);
    assert_int_equal(found(&rows, "alice", "needle"), 1);
    event = rows_event(3, "alice", ""); /* no words, but a row */
    insert(&rows, &event, 1);
    assert_int_equal(pending(&rows), 1);
    free(text);
    rows_end(&rows);
}

static void merges_lose_nothing(void **state)
{
    enum { count = 24000 };
    struct rows rows;
    rows_begin(&rows);
    insert_many(&rows, "bob", 100000, 100200, 1, 50);
    insert_many(&rows, "alice", 0, count, 1, 250);
    assert_true(segments(&rows) < 60);
    static const char sql[] = "SELECT max(level) FROM words_segments";
    assert_int_equal(number_of(&rows, sql), word_index_levels);
    assert_int_equal(parts_without_segment(&rows), 0);
    assert_int_equal(found(&rows, "alice", "common m3"), count / 10);
    for (uint64_t n = 0; n < count; n += 997) {
        char word[32];
        snprintf(word, sizeof(word), "n%llu", (unsigned long long)n);
        assert_int_equal(found(&rows, "alice", word), 1);
        assert_int_equal(found(&rows, "bob", word), 0);
    }
    assert_int_equal(found(&rows, "bob", "common"), 200);
    assert_int_equal(found(&rows, "alice", "m3 m4"), 0);
    rows_end(&rows);
}

/* Log lines may come with the times of another day. */
static void late_rows_are_found_in_their_place(void **state)
{
    struct rows rows;
    rows_begin(&rows);
    insert_many(&rows, "alice", 5000, 5300, 1000, 100); /* segments of new rows first */
    insert_many(&rows, "alice", 1000, 1300, 1000, 100);
    insert_many(&rows, "alice", 3000, 3010, 1000, 1);  /* pending, in between */
    insert_many(&rows, "alice", 4000, 8000, 500, 200); /* and across all */
    assert_true(segments(&rows) > 1);
    assert_int_equal(found(&rows, "alice", "common"), 300 + 300 + 10 + 4000 - 300);
    assert_int_equal(found(&rows, "alice", "n1007"), 1);
    assert_int_equal(found(&rows, "alice", "n3007 m7"), 1);
    assert_int_equal(found(&rows, "alice", "n5007 m7"), 1);
    rows_end(&rows);
}

static void an_erased_row_leaves_nothing(void **state)
{
    struct rows rows;
    rows_begin(&rows);
    insert_many(&rows, "alice", 0, 2000, 1, 200);
    insert_many(&rows, "alice", 2000, 2003, 1, 1);
    int64_t pending_before = pending(&rows);
    assert_true(pending_before > 0);
    struct event late = rows_event(2002, "alice", "");
    assert_int_equal(erase(&rows, "alice", late.id, 1), 1);
    assert_int_equal(pending(&rows), pending_before - 1); /* a pending one */
    assert_int_equal(found(&rows, "alice", "n2002"), 0);
    int64_t bytes = postings_bytes(&rows);
    for (uint64_t n = 500; n < 520; n++) {
        struct event event = rows_event(n, "alice", "");
        assert_int_equal(erase(&rows, "alice", event.id, 1), 1);
        assert_int_equal(erase(&rows, "alice", event.id, 1), 0);
    }
    int64_t less = bytes - postings_bytes(&rows);
    assert_in_range(less, 20 * 6, 20 * 40); /* six words in each */
    assert_int_equal(found(&rows, "alice", "common"), 1982);
    assert_int_equal(found(&rows, "alice", "n510"), 0);
    assert_int_equal(found(&rows, "alice", "n520"), 1);
    rows_end(&rows);
}

static void the_last_row_takes_its_segment_along(void **state)
{
    struct rows rows;
    rows_begin(&rows);
    insert_many(&rows, "alice", 0, word_index_pending_rows, 1, 10);
    assert_int_equal(segments(&rows), 1);
    for (uint64_t n = 0; n < word_index_pending_rows; n++) {
        struct event event = rows_event(n, "alice", "");
        assert_int_equal(erase(&rows, "alice", event.id, 1), 1);
    }
    assert_int_equal(segments(&rows), 0);
    assert_int_equal(parts(&rows), 0);
    rows_end(&rows);
}

static void erasing_all_in_steps_leaves_nothing(void **state)
{
    struct rows rows;
    rows_begin(&rows);
    insert_many(&rows, "alice", 0, 3000, 1, 200);
    insert_many(&rows, "bob", 10000, 10100, 1, 10);
    int64_t bobs = 1;
    assert_int_equal(erase(&rows, "alice", NULL, 500), 500);
    assert_int_equal(found(&rows, "alice", "common"), 2500); /* what is left is found */
    assert_int_equal(found(&rows, "alice", "n10"), 0);
    insert_many(&rows, "alice", 5000, 5010, 1, 10); /* meanwhile */
    while (erase(&rows, "alice", NULL, 500) == 500) {
    }
    assert_int_equal(found(&rows, "alice", "common"), 0);
    assert_int_equal(segments(&rows), bobs);
    assert_int_equal(parts_without_segment(&rows), 0);
    assert_int_equal(found(&rows, "bob", "common"), 100);
    assert_int_equal(erase(&rows, "bob", NULL, 0), 100);
    assert_int_equal(segments(&rows) + parts(&rows) + pending(&rows), 0);
    rows_end(&rows);
}

static uint64_t expire(struct rows *rows, int64_t before_us)
{
    struct failure failure = {""};
    uint64_t sum = 0;
    uint64_t erased = 0;
    do {
        begin(rows);
        if (event_rows_expire(rows->database, before_us, 100, &erased, &failure) != STATUS_OK) {
            fail_msg("%s", failure.text);
        }
        commit(rows);
        sum += erased;
    } while (erased == 100);
    return sum;
}

static void words_expire_an_hour_after_their_rows(void **state)
{
    static const int64_t minute = 60 * 1000000;
    struct rows rows;
    rows_begin(&rows);
    insert_many(&rows, "alice", 0, 512, minute, 64); /* eight hours and a half */
    insert_many(&rows, "bob", 512, 515, minute, 3);  /* pending */
    int64_t start_us = rows_event(0, "alice", "").timestamp_us;
    int64_t bytes = postings_bytes(&rows);
    assert_int_equal(expire(&rows, start_us + 30 * minute), 30);
    assert_int_equal(found(&rows, "alice", "common"), 482);
    assert_int_equal(postings_bytes(&rows), bytes); /* not for half an hour */
    assert_int_equal(expire(&rows, start_us + 100 * minute), 70);
    assert_true(postings_bytes(&rows) < bytes - 64 * 6);
    assert_int_equal(found(&rows, "alice", "common"), 412);
    assert_int_equal(found(&rows, "alice", "n99"), 0);
    assert_int_equal(found(&rows, "alice", "n100"), 1);
    assert_int_equal(expire(&rows, start_us + 514 * minute), 414);
    assert_int_equal(found(&rows, "bob", "common"), 1);
    assert_int_equal(pending(&rows), 1);
    (void)expire(&rows, start_us + 1000 * minute);
    assert_int_equal(segments(&rows) + parts(&rows) + pending(&rows), 0);
    rows_end(&rows);
}

/* A crash at any moment is a transaction that never was: nothing is caught up afterwards. */
static void an_interrupted_job_leaves_all_or_nothing(void **state)
{
    struct rows rows;
    struct failure failure;
    rows_begin(&rows);
    insert_many(&rows, "alice", 0, word_index_pending_rows - 1, 1, 10);
    begin(&rows);
    struct event last = rows_event(500, "alice", "common last");
    insert(&rows, &last, 1);
    assert_int_equal(segments(&rows), 1);
    assert_int_equal(database_execute(rows.database, "ROLLBACK", &failure), STATUS_OK);
    assert_int_equal(segments(&rows), 0);
    assert_int_equal(found(&rows, "alice", "common"), word_index_pending_rows - 1);
    char path[128];
    snprintf(path, sizeof(path), "%s/test.db", rows.directory);
    database_close(rows.database); /* a new life */
    assert_int_equal(database_open(path, DATABASE_WRITER, &rows.database, &failure), STATUS_OK);
    assert_int_equal(found(&rows, "alice", "common"), word_index_pending_rows - 1);
    insert(&rows, &last, 1);
    assert_int_equal(segments(&rows), 1);
    assert_int_equal(found(&rows, "alice", "common"), word_index_pending_rows);
    rows_end(&rows);
}

static void a_damaged_index_is_told(void **state)
{
    static const char sql[] = "UPDATE words_parts SET postings = x'ffffffffffff'";
    struct rows rows;
    struct arena arena;
    struct event_page page;
    struct failure failure = {""};
    rows_begin(&rows);
    insert_many(&rows, "alice", 0, word_index_pending_rows, 1, 64);
    assert_int_equal(database_execute(rows.database, sql, &failure), STATUS_OK);
    struct backend_query query = rows_query("alice", 10);
    query.words = SLICE("common");
    arena_init(&arena, 65536);
    assert_int_equal(event_rows_read(rows.database, &query, &arena, &page, &failure), STATUS_IO);
    assert_string_equal(failure.text, "the index of words is damaged");
    arena_clear(&arena);
    rows_end(&rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_found_before_and_after_they_are_indexed),
        cmocka_unit_test(large_texts_do_not_stay_pending),
        cmocka_unit_test(merges_lose_nothing),
        cmocka_unit_test(late_rows_are_found_in_their_place),
        cmocka_unit_test(an_erased_row_leaves_nothing),
        cmocka_unit_test(the_last_row_takes_its_segment_along),
        cmocka_unit_test(erasing_all_in_steps_leaves_nothing),
        cmocka_unit_test(words_expire_an_hour_after_their_rows),
        cmocka_unit_test(an_interrupted_job_leaves_all_or_nothing),
        cmocka_unit_test(a_damaged_index_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

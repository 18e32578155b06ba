/* SPDX-License-Identifier: MIT
 *
 * event_rows_test.c - the events table: order, pages, owners, filters, full text, erasure, age. */
#include "mem/event_rows.h"

#include "rows.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void insert(struct rows *rows, const struct event *events, size_t count)
{
    struct failure failure = {""};
    if (event_rows_insert(rows->database, events, count, &failure) != STATUS_OK) {
        fail_msg("%s", failure.text);
    }
}

static struct event_page read_page(struct rows *rows, const struct backend_query *query,
                                   struct arena *arena)
{
    struct event_page page = {0};
    struct failure failure = {""};
    if (event_rows_read(rows->database, query, arena, &page, &failure) != STATUS_OK) {
        fail_msg("%s", failure.text);
    }
    return page;
}

static size_t count_found(struct rows *rows, const struct backend_query *query)
{
    struct arena arena;
    arena_init(&arena, 64 * 1024 * 1024);
    size_t count = read_page(rows, query, &arena).count;
    arena_clear(&arena);
    return count;
}

static void events_come_back_whole(void **state)
{
    struct rows rows;
    struct arena arena;
    rows_begin(&rows);
    arena_init(&arena, 1024 * 1024);
    struct event event = rows_event(1, "alice", "hello");
    event.completion = SLICE("there");
    event.session = SLICE("s1");
    event.task = SLICE("t1");
    event.state = SLICE("done");
    event.payload = SLICE("{\"a\":1}");
    event.result = SLICE("");
    event.run_id = SLICE("run");
    event.level = SLICE("info");
    event.message = SLICE("message");
    event.agent = SLICE("coder");
    event.request_id = SLICE("r1");
    event.model = SLICE("tiny");
    event.finish_reason = SLICE("stop");
    event.started_us = 5;
    event.first_token_us = 6;
    event.ended_us = 7;
    event.truncated = true;
    insert(&rows, &event, 1);
    struct backend_query query = rows_query("alice", 10);
    struct event_page page = read_page(&rows, &query, &arena);
    assert_int_equal(page.count, 1);
    assert_false(page.has_more);
    const struct event *read = &page.events[0];
    assert_string_equal(read->id, event.id);
    assert_true(read->timestamp_us == event.timestamp_us);
#define SAME(field) assert_true(slice_equals(read->field, event.field))
    SAME(issuer);
    SAME(subject);
    SAME(user);
    SAME(session);
    SAME(event);
    SAME(task);
    SAME(payload);
    SAME(state);
    SAME(result);
    SAME(run_id);
    SAME(level);
    SAME(message);
    SAME(agent);
    SAME(request_id);
    SAME(model);
    SAME(prompt);
    SAME(completion);
    SAME(finish_reason);
#undef SAME
    assert_non_null(read->result.data); /* empty is not absent */
    assert_int_equal(read->tokens_in, -1);
    assert_int_equal(read->tokens_out, 7);
    assert_int_equal(read->status, 200);
    assert_int_equal(read->started_us, 5);
    assert_int_equal(read->first_token_us, 6);
    assert_int_equal(read->ended_us, 7);
    assert_true(read->is_exchange && read->complete && read->truncated);
    assert_false(read->aborted || read->withheld);
    arena_clear(&arena);
    rows_end(&rows);
}

static void the_same_id_is_one_row(void **state)
{
    struct rows rows;
    rows_begin(&rows);
    struct event events[2] = {rows_event(1, "alice", "first"), rows_event(1, "alice", "second")};
    insert(&rows, events, 2);
    insert(&rows, events, 2);
    struct backend_query query = rows_query("alice", 10);
    assert_int_equal(count_found(&rows, &query), 1);
    query.words = SLICE("first");
    assert_int_equal(count_found(&rows, &query), 1);
    query.words = SLICE("second");
    assert_int_equal(count_found(&rows, &query), 0);
    rows_end(&rows);
}

/* Reads all rows of alice in pages of <limit>, and checks that they fall and are <count>. */
static void walk(struct rows *rows, struct slice words, size_t limit, size_t count)
{
    struct backend_query query = rows_query("alice", limit);
    query.words = words;
    struct event last = {.timestamp_us = INT64_MAX};
    size_t seen = 0;
    bool has_more = true;
    while (has_more) {
        struct arena arena;
        arena_init(&arena, 64 * 1024 * 1024);
        struct event_page page = read_page(rows, &query, &arena);
        for (size_t i = 0; i < page.count; i++) {
            const struct event *event = &page.events[i];
            assert_true(event->timestamp_us < last.timestamp_us ||
                        (event->timestamp_us == last.timestamp_us &&
                         memcmp(event->id, last.id, event_id_length) < 0));
            last = *event;
        }
        seen += page.count;
        has_more = page.has_more;
        assert_true(!has_more || page.count == limit);
        query.has_before = true;
        query.before_us = last.timestamp_us;
        memcpy(query.before_id, last.id, sizeof(last.id));
        arena_clear(&arena);
    }
    assert_int_equal(seen, count);
}

static void pages_are_in_order_whatever_came_when(void **state)
{
    enum { count = 300 };
    struct rows rows;
    rows_begin(&rows);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t number = i * 7919 % count; /* out of order */
        struct event events[2] = {rows_event(number, "alice", "common word"),
                                  rows_event(1000 + number, "bob", "common word")};
        events[0].timestamp_us -= (int64_t)(number % 3); /* and some at the same time */
        insert(&rows, events, 2);
    }
    walk(&rows, slice_make(NULL, 0), 7, count);
    walk(&rows, slice_make(NULL, 0), 1000, count);
    walk(&rows, SLICE("word common"), 11, count);
    rows_end(&rows);
}

static void many_rows_of_one_microsecond_have_places(void **state)
{
    enum { count = 3000 };
    struct rows rows;
    rows_begin(&rows);
    struct event *events = calloc(count, sizeof(*events));
    assert_non_null(events);
    for (uint64_t i = 0; i < count; i++) {
        events[i] = rows_event(i, "alice", "tie");
        events[i].timestamp_us = 1700000000000000;
    }
    insert(&rows, events, count);
    walk(&rows, slice_make(NULL, 0), 100, count);
    free(events);
    rows_end(&rows);
}

static void times_out_of_range_are_kept(void **state)
{
    struct rows rows;
    rows_begin(&rows);
    struct event events[3] = {rows_event(1, "alice", "a"), rows_event(2, "alice", "b"),
                              rows_event(3, "alice", "c")};
    events[0].timestamp_us = -5;
    events[1].timestamp_us = INT64_MAX - 1;
    insert(&rows, events, 3);
    walk(&rows, slice_make(NULL, 0), 1, 3);
    rows_end(&rows);
}

static void filters_choose(void **state)
{
    struct rows rows;
    rows_begin(&rows);
    struct event events[4] = {rows_event(1, "alice", "one"), rows_event(2, "alice", "two"),
                              rows_event(3, "alice", "three"), rows_event(4, "alice", "four")};
    events[0].session = SLICE("s");
    events[1].task = SLICE("t");
    events[2].event = SLICE("task_sent");
    events[2].task = SLICE("t");
    events[3].event = SLICE("it's \"\\ a kind");
    insert(&rows, events, 4);
    struct backend_query query = rows_query("alice", 10);
    query.session = SLICE("s");
    assert_int_equal(count_found(&rows, &query), 1);
    query = rows_query("alice", 10);
    query.task = SLICE("t");
    assert_int_equal(count_found(&rows, &query), 2);
    query.event = SLICE("task_sent");
    assert_int_equal(count_found(&rows, &query), 1);
    query.session = SLICE("s");
    assert_int_equal(count_found(&rows, &query), 0);
    query = rows_query("alice", 10);
    query.event = SLICE("exchange");
    assert_int_equal(count_found(&rows, &query), 2);
    query.event = SLICE("it's \"\\ a kind");
    assert_int_equal(count_found(&rows, &query), 1);
    query.event = SLICE("' OR 1=1 --");
    assert_int_equal(count_found(&rows, &query), 0);
    query = rows_query("alice", 10);
    query.id = slice_from_string(events[2].id);
    assert_int_equal(count_found(&rows, &query), 1);
    query.id = SLICE("01900000-0000-7000-8000-0000000000ff");
    assert_int_equal(count_found(&rows, &query), 0);
    query.id = SLICE("' OR 1=1 --");
    assert_int_equal(count_found(&rows, &query), 0);
    rows_end(&rows);
}

/* Most rows of an owner are listed in tables of their own, the newest ones are not yet: both are
 * one list, and a row that goes leaves none behind. */
static void old_and_new_rows_are_one_list(void **state)
{
    enum { count = 300 };
    static const char sql_left[] = "SELECT (SELECT count(*) FROM events_of_owner)"
                                   " + (SELECT count(*) FROM events_of_session)"
                                   " + (SELECT count(*) FROM events_of_task)"
                                   " + (SELECT count(*) FROM events_of_kind)"
                                   " + (SELECT count(*) FROM events_pending)";
    struct rows rows;
    struct backend_query query = rows_query("alice", 1000);
    rows_begin(&rows);
    for (uint64_t i = 0; i < count; i++) {
        struct event event = rows_event(i * 7919 % count, "alice", "word");
        event.session = i % 3 == 0 ? SLICE("s") : SLICE("another");
        event.task = i % 5 == 0 ? SLICE("t") : slice_make(NULL, 0);
        event.event = i % 2 == 0 ? SLICE("exchange") : SLICE("log");
        insert(&rows, &event, 1);
        assert_int_equal(count_found(&rows, &query), i + 1);
    }
    walk(&rows, slice_make(NULL, 0), 7, count);
    query.session = SLICE("s");
    assert_int_equal(count_found(&rows, &query), 100);
    query.event = SLICE("log");
    assert_int_equal(count_found(&rows, &query), 50);
    query.task = SLICE("t");
    assert_int_equal(count_found(&rows, &query), 10);
    query.words = SLICE("word");
    assert_int_equal(count_found(&rows, &query), 10);
    query = rows_query("alice", 1000);
    query.event = SLICE("log");
    assert_int_equal(count_found(&rows, &query), 150);
    query.event = SLICE("exchange");
    assert_int_equal(count_found(&rows, &query), 150);
    query = rows_query("alice", 1000);
    query.task = SLICE("t");
    assert_int_equal(count_found(&rows, &query), 60);
    struct failure failure;
    uint64_t erased = 0;
    query = rows_query("alice", 0);
    assert_int_equal(event_rows_erase(rows.database, &query, &erased, &failure), STATUS_OK);
    assert_int_equal(erased, count);
    sqlite3_stmt *statement = database_statement(rows.database, sql_left);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(statement, 0), 0);
    sqlite3_reset(statement);
    rows_end(&rows);
}

static void nobody_reads_or_erases_anothers_rows(void **state)
{
    struct rows rows;
    rows_begin(&rows);
    struct event events[3] = {rows_event(1, "alice", "secret plan"),
                              rows_event(2, "bob", "secret plan"),
                              rows_event(3, "alice",
                                         "\xee\x80\x80"
                                         "1 \xee\x80\x80"
                                         "2 secret")};
    events[1].issuer = SLICE("https://issuer.test/");
    insert(&rows, events, 3);
    struct backend_query query = rows_query("bob", 10);
    assert_int_equal(count_found(&rows, &query), 1);
    query.words = SLICE("secret");
    assert_int_equal(count_found(&rows, &query), 1); /* also when a text forges owners' tokens */
    query = rows_query("bob", 10);
    query.id = slice_from_string(events[0].id);
    assert_int_equal(count_found(&rows, &query), 0);
    uint64_t erased = 99;
    struct failure failure;
    assert_int_equal(event_rows_erase(rows.database, &query, &erased, &failure), STATUS_OK);
    assert_int_equal(erased, 0);
    query = rows_query("alice", 10);
    query.issuer = SLICE("https://other.test/");
    assert_int_equal(count_found(&rows, &query), 0);
    assert_int_equal(event_rows_erase(rows.database, &query, &erased, &failure), STATUS_OK);
    assert_int_equal(erased, 0);
    query = rows_query("alice", 10);
    assert_int_equal(count_found(&rows, &query), 2);
    rows_end(&rows);
}

static void words_are_words(void **state)
{
    static const struct {
        const char *words;
        size_t found;
    } cases[] = {
        {"quick", 1},
        {"QUICK", 1},
        {"brown quick", 1},
        {"quick-brown", 1},
        {"quick missing", 0},
        {"qui*", 0},
        {"quick OR zebra", 0},
        {"NOT quick", 0},
        {"text:quick", 0},
        {"\"quick\"", 1},
        {"quick\" OR \"fox", 0},
        {"NEAR(quick fox)", 0},
        {"!!!", 0},
        {"", 0},
        {"^quick", 1},
        {"schöne", 1},
        {"SCHÖNE", 1},
        {"fox\xe2\x80\x93jumps", 1},
        {"payloadword", 1},
        {"resultword", 1},
        {"answerword", 1},
        {"messageword", 1},
        {"quick AND fox", 0},
        {"{quick}", 1},
        {"alice", 0},
        {"exchange", 0},
    };
    struct rows rows;
    rows_begin(&rows);
    struct event event = rows_event(1, "alice",
                                    "The quick brown fox jumps; sch\xc3\xb6ne Gr\xc3\xbc\xc3\x9f"
                                    "e");
    event.completion = SLICE("answerword");
    event.message = SLICE("messageword");
    event.payload = SLICE("{\"k\":\"payloadword\"}");
    event.result = SLICE("[\"resultword\"]");
    insert(&rows, &event, 1);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct backend_query query = rows_query("alice", 10);
        query.words = slice_from_string(cases[i].words);
        if (count_found(&rows, &query) != cases[i].found) {
            fail_msg("words: %s", cases[i].words);
        }
    }
    rows_end(&rows);
}

static void too_many_words_are_refused(void **state)
{
    struct rows rows;
    rows_begin(&rows);
    struct event event = rows_event(1, "alice", "a");
    insert(&rows, &event, 1);
    struct backend_query query = rows_query("alice", 10);
    query.words = SLICE("a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a");
    struct arena arena;
    struct event_page page;
    struct failure failure = {""};
    arena_init(&arena, 65536);
    assert_int_equal(event_rows_read(rows.database, &query, &arena, &page, &failure),
                     STATUS_INVALID);
    assert_string_equal(failure.text, "too many words: at most 32");
    arena_clear(&arena);
    rows_end(&rows);
}

static void erased_rows_are_gone_from_words_too(void **state)
{
    struct rows rows;
    rows_begin(&rows);
    struct event events[4] = {rows_event(1, "alice", "gone one"),
                              rows_event(2, "alice", "gone two"),
                              rows_event(3, "alice", "gone three"), rows_event(4, "bob", "gone")};
    insert(&rows, events, 4);
    struct backend_query query = rows_query("alice", 10);
    struct failure failure;
    uint64_t erased = 0;
    query.id = slice_from_string(events[1].id);
    assert_int_equal(event_rows_erase(rows.database, &query, &erased, &failure), STATUS_OK);
    assert_int_equal(erased, 1);
    query = rows_query("alice", 10);
    query.words = SLICE("gone");
    assert_int_equal(count_found(&rows, &query), 2);
    query = rows_query("alice", 1);
    assert_int_equal(event_rows_erase(rows.database, &query, &erased, &failure), STATUS_OK);
    assert_int_equal(erased, 1); /* the limit */
    query.limit = 0;
    assert_int_equal(event_rows_erase(rows.database, &query, &erased, &failure), STATUS_OK);
    assert_int_equal(erased, 1);
    query = rows_query("alice", 10);
    assert_int_equal(count_found(&rows, &query), 0);
    query = rows_query("bob", 10);
    query.words = SLICE("gone");
    assert_int_equal(count_found(&rows, &query), 1);
    static const char sql[] = "SELECT count(*) FROM owners";
    sqlite3_stmt *statement = database_statement(rows.database, sql);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(statement, 0), 1); /* alice's name is gone */
    sqlite3_reset(statement);
    static const char sql_words[] = "SELECT count(*) FROM events_pending";
    statement = database_statement(rows.database, sql_words);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(statement, 0), 1); /* bob's */
    sqlite3_reset(statement);
    rows_end(&rows);
}

static void old_rows_expire_oldest_first(void **state)
{
    struct rows rows;
    rows_begin(&rows);
    struct event events[4] = {rows_event(10, "alice", "a"), rows_event(20, "bob", "b"),
                              rows_event(30, "alice", "c"), rows_event(40, "alice", "d")};
    insert(&rows, events, 4);
    struct failure failure;
    uint64_t erased = 0;
    int64_t before_us = events[3].timestamp_us;
    assert_int_equal(event_rows_expire(rows.database, before_us, 2, &erased, &failure), STATUS_OK);
    assert_int_equal(erased, 2);
    struct backend_query query = rows_query("alice", 10);
    assert_int_equal(count_found(&rows, &query), 2);
    assert_int_equal(event_rows_expire(rows.database, before_us, 2, &erased, &failure), STATUS_OK);
    assert_int_equal(erased, 1);
    assert_int_equal(count_found(&rows, &query), 1);
    rows_end(&rows);
}

static void large_texts_end_a_page(void **state)
{
    enum { size = backend_text_bytes_max / 3, count = 5 };
    struct rows rows;
    rows_begin(&rows);
    char *text = malloc(size);
    assert_non_null(text);
    memset(text, ' ', size);
    for (uint64_t i = 0; i < count; i++) {
        struct event event = rows_event(i, "alice", "");
        event.prompt = slice_make(text, size);
        insert(&rows, &event, 1);
    }
    struct arena arena;
    arena_init(&arena, 64 * 1024 * 1024);
    struct backend_query query = rows_query("alice", 100);
    struct event_page page = read_page(&rows, &query, &arena);
    assert_int_equal(page.count, 2); /* the third would be too much, with what is around it */
    assert_true(page.has_more);
    arena_clear(&arena);
    query.words = SLICE("word");
    assert_int_equal(count_found(&rows, &query), 0);
    free(text);
    text = malloc(backend_text_bytes_max + 1);
    assert_non_null(text);
    memset(text, 'x', backend_text_bytes_max + 1);
    struct event large = rows_event(count, "alice", "");
    large.prompt = slice_make(text, backend_text_bytes_max + 1);
    insert(&rows, &large, 1);
    query.words = slice_make(NULL, 0);
    assert_int_equal(count_found(&rows, &query), 1); /* however large, one row is a page */
    free(text);
    rows_end(&rows);
}

static void unsound_events_are_refused(void **state)
{
    struct rows rows;
    rows_begin(&rows);
    struct failure failure = {""};
    struct event event = rows_event(1, "alice", "a");
    event.id[3] = 'X';
    assert_int_equal(event_rows_insert(rows.database, &event, 1, &failure), STATUS_INVALID);
    event = rows_event(1, "alice", "a");
    event.issuer = slice_make(NULL, 0);
    assert_int_equal(event_rows_insert(rows.database, &event, 1, &failure), STATUS_INVALID);
    rows_end(&rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_come_back_whole),
        cmocka_unit_test(the_same_id_is_one_row),
        cmocka_unit_test(pages_are_in_order_whatever_came_when),
        cmocka_unit_test(many_rows_of_one_microsecond_have_places),
        cmocka_unit_test(times_out_of_range_are_kept),
        cmocka_unit_test(filters_choose),
        cmocka_unit_test(old_and_new_rows_are_one_list),
        cmocka_unit_test(nobody_reads_or_erases_anothers_rows),
        cmocka_unit_test(words_are_words),
        cmocka_unit_test(too_many_words_are_refused),
        cmocka_unit_test(erased_rows_are_gone_from_words_too),
        cmocka_unit_test(old_rows_expire_oldest_first),
        cmocka_unit_test(large_texts_end_a_page),
        cmocka_unit_test(unsound_events_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

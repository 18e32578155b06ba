/* SPDX-License-Identifier: MIT
 *
 * event_walk_test.c - the operator's walk over everybody's events: order, places, owners, numbers.
 */
#include "mem/event_walk.h"

#include "rows.h"

#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { arena_bytes = 8 * 1024 * 1024 };

static void insert(struct rows *rows, uint64_t number, const char *subject, const char *prompt)
{
    struct failure failure = {""};
    struct event event = rows_event(number, subject, prompt);
    if (event_rows_insert(rows->database, &event, 1, &failure) != STATUS_OK) {
        fail_msg("%s", failure.text);
    }
}

/* One step of a walk; how many rows it gave. Their prompts must be the numbers from <first> on. */
static size_t step(struct rows *rows, int64_t *seq, size_t limit, size_t arena_room, unsigned first,
                   bool *ret_has_more)
{
    struct arena arena;
    struct event_page page = {0};
    struct failure failure = {""};
    arena_init(&arena, arena_room);
    if (event_walk(rows->database, seq, limit, &arena, &page, &failure) != STATUS_OK) {
        fail_msg("%s", failure.text);
    }
    for (size_t i = 0; i < page.count; i++) {
        char number[16];
        snprintf(number, sizeof(number), "%u", first + (unsigned)i);
        assert_true(slice_equals(page.events[i].prompt, slice_from_string(number)));
    }
    size_t count = page.count;
    *ret_has_more = page.has_more;
    arena_clear(&arena);
    return count;
}

static void insert_numbers(struct rows *rows, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char number[16];
        snprintf(number, sizeof(number), "%u", i);
        insert(rows, i + 1, i % 2 == 0 ? "alice" : "bob", number);
    }
}

static void a_walk_meets_everybodys_events_oldest_first(void **state)
{
    struct rows rows;
    bool has_more = false;
    int64_t seq = 0;
    rows_begin(&rows);
    assert_int_equal(step(&rows, &seq, 4, arena_bytes, 0, &has_more), 0);
    assert_false(has_more);
    assert_int_equal(seq, 0);
    insert_numbers(&rows, 10);
    assert_int_equal(step(&rows, &seq, 4, arena_bytes, 0, &has_more), 4);
    assert_true(has_more);
    assert_int_equal(step(&rows, &seq, 4, arena_bytes, 4, &has_more), 4);
    assert_true(has_more);
    assert_int_equal(step(&rows, &seq, 4, arena_bytes, 8, &has_more), 2);
    assert_false(has_more);
    int64_t end = seq;
    assert_int_equal(step(&rows, &seq, 4, arena_bytes, 0, &has_more), 0);
    assert_true(seq == end); /* and goes on there when more come */
    insert(&rows, 11, "carol", "10");
    assert_int_equal(step(&rows, &seq, 4, arena_bytes, 10, &has_more), 1);
    rows_end(&rows);
}

static void the_tail_is_the_place_before_the_newest(void **state)
{
    struct rows rows;
    struct failure failure = {""};
    bool has_more = false;
    int64_t seq = -1;
    rows_begin(&rows);
    assert_int_equal(event_walk_tail(rows.database, 3, &seq, &failure), STATUS_OK);
    assert_int_equal(seq, 0);
    insert_numbers(&rows, 10);
    assert_int_equal(event_walk_tail(rows.database, 3, &seq, &failure), STATUS_OK);
    assert_int_equal(step(&rows, &seq, 10, arena_bytes, 7, &has_more), 3);
    assert_int_equal(event_walk_tail(rows.database, 10, &seq, &failure), STATUS_OK);
    assert_int_equal(seq, 0);
    assert_int_equal(event_walk_tail(rows.database, 1000, &seq, &failure), STATUS_OK);
    assert_int_equal(seq, 0);
    rows_end(&rows);
}

/* What one call has no room for is for the next; a single row that has none is a failure. */
static void a_full_arena_ends_a_step_and_not_the_walk(void **state)
{
    static char text[64 * 1024];
    struct rows rows;
    struct failure failure = {""};
    int64_t seq = 0;
    size_t seen = 0;
    bool has_more = true;
    memset(text, 'x', sizeof(text) - 1);
    rows_begin(&rows);
    for (uint64_t number = 1; number <= 8; number++) {
        insert(&rows, number, "alice", text);
    }
    for (unsigned turn = 0; seen < 8 && turn < 8; turn++) {
        struct arena arena;
        struct event_page page = {0};
        arena_init(&arena, 4 * sizeof(text));
        assert_int_equal(event_walk(rows.database, &seq, 8, &arena, &page, &failure), STATUS_OK);
        assert_true(page.count > 0 && page.count < 8);
        seen += page.count;
        has_more = page.has_more;
        if (seen < 8) {
            assert_true(has_more);
        }
        arena_clear(&arena);
    }
    assert_int_equal(seen, 8);
    struct arena tiny;
    struct event_page page = {0};
    arena_init(&tiny, sizeof(text) / 2);
    seq = 0;
    assert_int_equal(event_walk(rows.database, &seq, 1, &tiny, &page, &failure), STATUS_NO_MEMORY);
    assert_int_equal(seq, 0);
    arena_clear(&tiny);
    rows_end(&rows);
}

static void owners_are_met_once_each(void **state)
{
    struct rows rows;
    struct arena arena;
    struct failure failure = {""};
    struct slice issuer;
    struct slice subject;
    int64_t id = 0;
    unsigned alices = 0;
    unsigned bobs = 0;
    rows_begin(&rows);
    arena_init(&arena, arena_bytes);
    assert_int_equal(event_walk_owner(rows.database, &id, &arena, &issuer, &subject, &failure),
                     STATUS_NOT_FOUND);
    insert_numbers(&rows, 6);
    while (event_walk_owner(rows.database, &id, &arena, &issuer, &subject, &failure) == STATUS_OK) {
        assert_true(slice_equals(issuer, SLICE("https://issuer.test/")));
        alices += slice_equals(subject, SLICE("alice"));
        bobs += slice_equals(subject, SLICE("bob"));
    }
    assert_int_equal(alices, 1);
    assert_int_equal(bobs, 1);
    arena_clear(&arena);
    rows_end(&rows);
}

static void statistics_count(void **state)
{
    struct rows rows;
    struct event_statistics statistics;
    struct failure failure = {""};
    rows_begin(&rows);
    assert_int_equal(event_walk_statistics(rows.database, &statistics, &failure), STATUS_OK);
    assert_int_equal(statistics.events, 0);
    assert_int_equal(statistics.oldest_us, 0);
    assert_int_equal(statistics.newest_us, 0);
    insert_numbers(&rows, 5);
    struct event events[2] = {rows_event(6, "bob", "a line"), rows_event(7, "bob", "waits")};
    events[0].event = SLICE("log");
    assert_int_equal(event_rows_insert(rows.database, events, 1, &failure), STATUS_OK);
    assert_int_equal(outbox_insert(rows.database, events + 1, 1, &failure), STATUS_OK);
    assert_int_equal(event_walk_statistics(rows.database, &statistics, &failure), STATUS_OK);
    assert_int_equal(statistics.events, 6);
    assert_int_equal(statistics.exchanges, 5);
    assert_int_equal(statistics.logs, 1);
    assert_int_equal(statistics.owners, 2);
    assert_int_equal(statistics.outbox_events, 1);
    assert_true(statistics.outbox_bytes > 0);
    assert_int_equal(statistics.rejected, 0);
    assert_true(statistics.oldest_us == rows_event(1, "alice", "").timestamp_us);
    assert_true(statistics.newest_us == events[0].timestamp_us);
    rows_end(&rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_walk_meets_everybodys_events_oldest_first),
        cmocka_unit_test(the_tail_is_the_place_before_the_newest),
        cmocka_unit_test(a_full_arena_ends_a_step_and_not_the_walk),
        cmocka_unit_test(owners_are_met_once_each),
        cmocka_unit_test(statistics_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

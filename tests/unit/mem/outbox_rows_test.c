/* SPDX-License-Identifier: MIT
 *
 * outbox_rows_test.c - the outbox: order of arrival, totals, rejected rows, erasure, age. */
#include "rows.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void expect_total(struct rows *rows, uint64_t events, uint64_t bytes)
{
    struct failure failure;
    uint64_t events_now = 99;
    uint64_t bytes_now = 99;
    assert_int_equal(outbox_total(rows->database, &events_now, &bytes_now, &failure), STATUS_OK);
    assert_int_equal(events_now, events);
    assert_int_equal(bytes_now, bytes);
}

static void rows_leave_in_order_of_arrival(void **state)
{
    struct rows rows;
    struct arena arena;
    struct failure failure;
    struct outbox_batch batch;
    rows_begin(&rows);
    arena_init(&arena, 1 << 20);
    struct event events[3] = {rows_event(3, "alice", "a"), rows_event(1, "bob", "b"),
                              rows_event(2, "alice", "c")};
    expect_total(&rows, 0, 0);
    assert_int_equal(outbox_insert(rows.database, events, 3, &failure), STATUS_OK);
    assert_int_equal(outbox_insert(rows.database, events, 1, &failure), STATUS_OK); /* again */
    expect_total(&rows, 3,
                 event_bytes(&events[0]) + event_bytes(&events[1]) + event_bytes(&events[2]));
    assert_int_equal(outbox_read(rows.database, 10, 1 << 20, &arena, &batch, &failure), STATUS_OK);
    assert_int_equal(batch.count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(batch.events[i].id, events[i].id);
        assert_true(slice_equals(batch.events[i].subject, events[i].subject));
        assert_true(slice_equals(batch.events[i].issuer, events[i].issuer));
        assert_true(slice_equals(batch.events[i].prompt, events[i].prompt));
    }
    assert_int_equal(outbox_remove(rows.database, batch.seqs, 2, &failure), STATUS_OK);
    expect_total(&rows, 1, event_bytes(&events[2]));
    assert_int_equal(outbox_read(rows.database, 10, 1, &arena, &batch, &failure), STATUS_OK);
    assert_int_equal(batch.count, 1);
    assert_string_equal(batch.events[0].id, events[2].id);
    arena_clear(&arena);
    rows_end(&rows);
}

static void batches_have_a_size(void **state)
{
    struct rows rows;
    struct arena arena;
    struct failure failure;
    struct outbox_batch batch;
    rows_begin(&rows);
    arena_init(&arena, 1 << 20);
    for (uint64_t i = 0; i < 10; i++) {
        struct event event = rows_event(i, "alice", "0123456789");
        assert_int_equal(outbox_insert(rows.database, &event, 1, &failure), STATUS_OK);
    }
    assert_int_equal(outbox_read(rows.database, 4, 1 << 20, &arena, &batch, &failure), STATUS_OK);
    assert_int_equal(batch.count, 4);
    assert_int_equal(outbox_read(rows.database, 10, 300, &arena, &batch, &failure), STATUS_OK);
    assert_int_equal(batch.count, 2);
    arena_clear(&arena);
    rows_end(&rows);
}

static void rejected_rows_are_kept_up_to_a_cap(void **state)
{
    enum { count = event_rows_rejected_max + 5 };
    struct rows rows;
    struct failure failure;
    rows_begin(&rows);
    assert_int_equal(database_execute(rows.database, "BEGIN", &failure), STATUS_OK);
    for (uint64_t i = 0; i < count; i++) {
        struct event event = rows_event(i, "alice", "bad");
        assert_int_equal(outbox_insert(rows.database, &event, 1, &failure), STATUS_OK);
        assert_int_equal(outbox_reject(rows.database, (int64_t)i + 1, &failure), STATUS_OK);
    }
    assert_int_equal(database_execute(rows.database, "COMMIT", &failure), STATUS_OK);
    expect_total(&rows, 0, 0);
    struct backend_query query = rows_query("alice", 0);
    uint64_t erased = 0;
    assert_int_equal(outbox_erase(rows.database, &query, &erased, &failure), STATUS_OK);
    assert_int_equal(erased, event_rows_rejected_max);
    rows_end(&rows);
}

static void erasing_takes_only_the_owners(void **state)
{
    struct rows rows;
    struct arena arena;
    struct failure failure;
    struct event_page page;
    rows_begin(&rows);
    arena_init(&arena, 1 << 20);
    struct event events[3] = {rows_event(1, "alice", "a"), rows_event(2, "bob", "b"),
                              rows_event(3, "alice", "c")};
    assert_int_equal(outbox_insert(rows.database, events, 3, &failure), STATUS_OK);
    struct backend_query query = rows_query("bob", 1);
    query.id = slice_from_string(events[0].id);
    assert_int_equal(outbox_find(rows.database, &query, &arena, &page, &failure), STATUS_NOT_FOUND);
    uint64_t erased = 99;
    assert_int_equal(outbox_erase(rows.database, &query, &erased, &failure), STATUS_OK);
    assert_int_equal(erased, 0);
    query = rows_query("alice", 1);
    query.id = slice_from_string(events[0].id);
    assert_int_equal(outbox_find(rows.database, &query, &arena, &page, &failure), STATUS_OK);
    assert_int_equal(page.count, 1);
    assert_int_equal(outbox_erase(rows.database, &query, &erased, &failure), STATUS_OK);
    assert_int_equal(erased, 1);
    query = rows_query("nobody", 1);
    assert_int_equal(outbox_erase(rows.database, &query, &erased, &failure), STATUS_OK);
    assert_int_equal(erased, 0);
    expect_total(&rows, 2, event_bytes(&events[1]) + event_bytes(&events[2]));
    assert_int_equal(outbox_expire(rows.database, events[2].timestamp_us, 10, &erased, &failure),
                     STATUS_OK);
    assert_int_equal(erased, 1);
    expect_total(&rows, 1, event_bytes(&events[2]));
    arena_clear(&arena);
    rows_end(&rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_leave_in_order_of_arrival),
        cmocka_unit_test(batches_have_a_size),
        cmocka_unit_test(rejected_rows_are_kept_up_to_a_cap),
        cmocka_unit_test(erasing_takes_only_the_owners),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

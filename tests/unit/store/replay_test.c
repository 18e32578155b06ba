/* SPDX-License-Identifier: MIT
 *
 * replay_test.c - a token is used once, also by two at the same moment and after a restart. */
#include "store/replay.h"

#include "place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

struct use {
    struct replay_job replay;
    struct gate *gate;
    enum status status;
};

static void use_done(struct store_job *job, enum status status, const struct failure *failure)
{
    struct use *use = (struct use *)job;
    use->status = status;
    gate_pass(use->gate);
}

static enum status use_once(struct store *store, const char *id, int64_t now_s,
                            int64_t expires_at_s, uint64_t entries_max)
{
    struct gate gate;
    struct use use = {.gate = &gate};
    gate_init(&gate);
    replay_job_init(&use.replay, slice_from_string(id), now_s, expires_at_s, entries_max, use_done);
    assert_int_equal(store_write(store, &use.replay.job), STATUS_OK);
    gate_await(&gate, 1);
    return use.status;
}

static int64_t total(struct store *store)
{
    int64_t rows = -1;
    int64_t counted = -1;
    assert_int_equal(read_now(store, "SELECT count(*) FROM replay", &rows), STATUS_OK);
    assert_int_equal(read_now(store, "SELECT entries FROM replay_total", &counted), STATUS_OK);
    assert_int_equal(rows, counted);
    return rows;
}

static void a_token_is_used_once(void **state)
{
    struct place place;
    place_make(&place);
    struct store *store = store_at(&place);
    assert_int_equal(use_once(store, "a", 100, 200, 10), STATUS_OK);
    assert_int_equal(use_once(store, "a", 100, 200, 10), STATUS_DENIED);
    assert_int_equal(use_once(store, "b", 100, 200, 10), STATUS_OK);
    assert_int_equal(use_once(store, "a", 199, 300, 10), STATUS_DENIED);
    store_close(store);

    store = store_at(&place);
    assert_int_equal(use_once(store, "a", 150, 200, 10), STATUS_DENIED);
    assert_int_equal(use_once(store, "a", 200, 300, 10), STATUS_OK); /* expired; taken up anew */
    assert_int_equal(use_once(store, "a", 201, 300, 10), STATUS_DENIED);
    assert_int_equal(total(store), 2);
    store_close(store);
    place_remove(&place);
}

static void of_many_at_once_one_is_the_first(void **state)
{
    enum { uses = 100 };
    struct place place;
    struct gate gate;
    struct use list[uses];
    unsigned firsts = 0;
    place_make(&place);
    struct store *store = store_at(&place);
    gate_init(&gate);
    for (int i = 0; i < uses; i++) {
        list[i] = (struct use){.gate = &gate};
        replay_job_init(&list[i].replay, SLICE("the same"), 100, 200, 10, use_done);
        assert_int_equal(store_write(store, &list[i].replay.job), STATUS_OK);
    }
    gate_await(&gate, uses);
    for (int i = 0; i < uses; i++) {
        assert_true(list[i].status == STATUS_OK || list[i].status == STATUS_DENIED);
        firsts += list[i].status == STATUS_OK ? 1 : 0;
    }
    assert_int_equal(firsts, 1);
    assert_int_equal(total(store), 1);
    store_close(store);
    place_remove(&place);
}

static void a_full_table_refuses_until_some_expire(void **state)
{
    struct place place;
    char id[8];
    place_make(&place);
    struct store *store = store_at(&place);
    for (int i = 0; i < 50; i++) {
        snprintf(id, sizeof(id), "%d", i);
        assert_int_equal(use_once(store, id, 100, 200 + i, 50), STATUS_OK);
    }
    assert_int_equal(use_once(store, "new", 100, 300, 50), STATUS_LIMIT);
    assert_int_equal(use_once(store, "7", 100, 300, 50), STATUS_DENIED); /* still known */
    assert_int_equal(use_once(store, "new", 199, 300, 50), STATUS_LIMIT);
    assert_int_equal(store_health(store), STORE_FINE); /* the table is full, not the disk */
    assert_int_equal(use_once(store, "new", 200, 300, 50), STATUS_OK);
    assert_int_equal(use_once(store, "newer", 200, 300, 50), STATUS_LIMIT);
    assert_int_equal(total(store), 50);
    store_close(store);
    place_remove(&place);
}

static void expired_ones_go_in_small_steps(void **state)
{
    struct place place;
    char id[8];
    place_make(&place);
    struct store *store = store_at(&place);
    for (int i = 0; i < 100; i++) {
        snprintf(id, sizeof(id), "%d", i);
        assert_int_equal(use_once(store, id, 100, 200, 1000), STATUS_OK);
    }
    assert_int_equal(use_once(store, "a", 300, 400, 1000), STATUS_OK);
    assert_int_equal(total(store), 100 - 16 + 1);
    for (int i = 0; i < 10; i++) {
        snprintf(id, sizeof(id), "b%d", i);
        assert_int_equal(use_once(store, id, 300, 400, 1000), STATUS_OK);
    }
    assert_int_equal(total(store), 11);
    store_close(store);
    place_remove(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_is_used_once),
        cmocka_unit_test(of_many_at_once_one_is_the_first),
        cmocka_unit_test(a_full_table_refuses_until_some_expire),
        cmocka_unit_test(expired_ones_go_in_small_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

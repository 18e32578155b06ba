/* SPDX-License-Identifier: MIT
 *
 * task_test.c - the names of states, which moves there are, ids and copies. */
#include "a2a/task.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void an_ended_task_never_moves_again(void **state)
{
    for (unsigned from = 0; from < TASK_STATE_COUNT; from++) {
        for (unsigned to = 0; to < TASK_STATE_COUNT; to++) {
            bool may = task_may_move((enum task_state)from, (enum task_state)to);
            if (task_is_over((enum task_state)from)) {
                assert_false(may);
            } else if (task_is_over((enum task_state)to)) {
                assert_true(may);
            }
            assert_false(from == to && may);
        }
    }
    assert_true(task_may_move(TASK_SUBMITTED, TASK_WORKING));
    assert_true(task_may_move(TASK_WORKING, TASK_INPUT_REQUIRED));
    assert_true(task_may_move(TASK_WORKING, TASK_SUBMITTED));
    assert_true(task_may_move(TASK_INPUT_REQUIRED, TASK_WORKING));
    assert_false(task_may_move(TASK_INPUT_REQUIRED, TASK_AUTH_REQUIRED));
    assert_false(task_may_move(TASK_STATE_COUNT, TASK_WORKING));
}

static void each_state_has_its_names(void **state)
{
    static const char *const plain[] = {"queued", "in_progress", "in_progress", "in_progress",
                                        "done",   "error",       "error",       "error"};
    for (unsigned i = 0; i < TASK_STATE_COUNT; i++) {
        enum task_state one = (enum task_state)i;
        enum task_state found = TASK_STATE_COUNT;
        assert_string_equal(task_state_plain(one), plain[i]);
        assert_true(task_state_find(slice_from_string(task_state_legacy(one)), &found));
        assert_int_equal(found, one);
        assert_true(task_state_find(slice_from_string(task_state_current(one)), &found));
        assert_int_equal(found, one);
    }
    enum task_state untouched = TASK_WORKING;
    assert_false(task_state_find(SLICE("queued"), &untouched));
    assert_false(task_state_find(SLICE("Working"), &untouched));
    assert_int_equal(untouched, TASK_WORKING);
    assert_true(task_is_at_rest(TASK_INPUT_REQUIRED));
    assert_true(task_is_at_rest(TASK_FAILED));
    assert_false(task_is_at_rest(TASK_SUBMITTED));
}

static void ids_are_128_bits(void **state)
{
    struct random_source random = {0};
    char first[task_id_length + 1], second[task_id_length + 1];
    task_id_fill(&random, first);
    task_id_fill(&random, second);
    assert_string_not_equal(first, second);
    assert_true(task_id_is_sound(slice_from_string(first)));
    assert_false(task_id_is_sound(slice_make(first, task_id_length - 1)));
    assert_false(task_id_is_sound(SLICE("0123456789ABCDEF0123456789abcdef")));
    assert_false(task_id_is_sound(SLICE("0123456789abcdef0123456789abcde'")));
    assert_false(task_id_is_sound((struct slice){0}));
}

static void a_copy_owns_every_byte(void **state)
{
    struct arena arena;
    struct task copy;
    char text[] = "some text that changes";
    struct slice one = slice_make(text, sizeof(text) - 1);
    struct task task = {.owner = {one, one, one},
                        .session = one,
                        .request_id = one,
                        .traceparent = one,
                        .context_id = one,
                        .message_id = one,
                        .target_name = one,
                        .target_url = one,
                        .input = one,
                        .history = one,
                        .actors = one,
                        .result = one,
                        .detail = one,
                        .remote_id = one,
                        .remote_context_id = one};
    arena_init(&arena, 64 * 1024);
    assert_int_equal(task_copy(&task, &arena, &copy), STATUS_OK);
    assert_int_equal(task_bytes(&task), 17 * one.length);
    memset(text, 'x', sizeof(text) - 1);
    assert_true(slice_equals(copy.remote_context_id, SLICE("some text that changes")));
    assert_true(slice_equals(copy.owner.issuer, SLICE("some text that changes")));
    assert_true(slice_equals(copy.result, SLICE("some text that changes")));
    struct task_push push = {.id = one, .credentials = one}, push_copy;
    assert_int_equal(task_push_copy(&push, &arena, &push_copy), STATUS_OK);
    assert_true(push_copy.id.data != text && push_copy.url.data == NULL);
    arena_clear(&arena);
    arena_init(&arena, 8);
    struct task untouched = {.hops = 7};
    assert_int_equal(task_copy(&task, &arena, &untouched), STATUS_NO_MEMORY);
    assert_int_equal(untouched.hops, 7);
    arena_clear(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ended_task_never_moves_again),
        cmocka_unit_test(each_state_has_its_names),
        cmocka_unit_test(ids_are_128_bits),
        cmocka_unit_test(a_copy_owns_every_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

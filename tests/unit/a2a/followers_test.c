/* SPDX-License-Identifier: MIT
 *
 * followers_test.c - who hears of which change, and that everybody hears of the end once. */
#include "a2a/followers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct scene {
    struct followers followers;
    unsigned answers;
    enum a2a_outcome outcome;
    enum task_state answered_state;
    unsigned events;
    unsigned ends;
    enum task_state heard_state;
    struct a2a_watch watch; /* outlives the test: the teardown still tells those that are left */
};

static int scene_open(void **state)
{
    *state = calloc(1, sizeof(struct scene));
    return 0;
}

static int scene_close(void **state)
{
    struct scene *scene = *state;
    followers_clear(&scene->followers);
    assert_int_equal(scene->followers.count, 0);
    free(scene);
    return 0;
}

static void answered(struct a2a_call *call)
{
    struct scene *scene = call->context;
    scene->answers++;
    scene->outcome = call->job.outcome;
    scene->answered_state = call->job.tasks_count > 0 ? call->job.tasks[0].state : TASK_STATE_COUNT;
    a2a_call_free(call);
}

static void heard(struct a2a_watch *watch, struct a2a_event *event)
{
    struct scene *scene = watch->context;
    scene->events++;
    scene->ends += event->is_over;
    scene->heard_state = event->has_task ? event->task.state : TASK_STATE_COUNT;
    a2a_event_free(event);
}

static struct task task_of(unsigned number, enum task_state task_state)
{
    struct task task = {.state = task_state, .input = SLICE("{}")};
    snprintf(task.id, sizeof(task.id), "%032x", number);
    return task;
}

static struct follower *follow(struct scene *scene, unsigned number, struct a2a_watch *watch)
{
    struct task task = task_of(number, TASK_WORKING);
    struct a2a_call *call = watch == NULL ? a2a_call_create(A2A_SEND, answered, scene) : NULL;
    struct follower *follower = follower_add(&scene->followers, task.id, call, watch);
    assert_non_null(follower);
    follower->is_ready = true;
    return follower;
}

static void tell(struct scene *scene, unsigned number, enum task_state task_state)
{
    struct task task = task_of(number, task_state);
    followers_tell(&scene->followers, &task);
}

static void calls_wait_for_rest_and_watches_hear_everything(void **state)
{
    struct scene *scene = *state;
    scene->watch = (struct a2a_watch){.changed = heard, .context = scene, .id = 5};
    follow(scene, 1, NULL);
    follow(scene, 1, &scene->watch);
    tell(scene, 2, TASK_COMPLETED);
    assert_int_equal(scene->events + scene->answers, 0);
    tell(scene, 1, TASK_WORKING);
    assert_int_equal(scene->events, 1);
    assert_int_equal(scene->answers, 0);
    tell(scene, 1, TASK_COMPLETED);
    assert_int_equal(scene->events, 2);
    assert_int_equal(scene->ends, 1);
    assert_int_equal(scene->answers, 1);
    assert_int_equal(scene->answered_state, TASK_COMPLETED);
    assert_int_equal(scene->heard_state, TASK_COMPLETED);
    assert_int_equal(scene->followers.count, 0);
    tell(scene, 1, TASK_COMPLETED);
    assert_int_equal(scene->events + scene->answers, 3);
}

static void who_is_not_ready_learns_that_he_missed_something(void **state)
{
    struct scene *scene = *state;
    scene->watch = (struct a2a_watch){.changed = heard, .context = scene, .id = 7};
    struct follower *follower = follow(scene, 1, &scene->watch);
    follower->is_ready = false;
    tell(scene, 1, TASK_COMPLETED);
    assert_true(follower->has_missed);
    assert_int_equal(scene->events, 0);
    assert_ptr_equal(followers_find(&scene->followers, 7), follower);
    assert_null(followers_find(&scene->followers, 8));
    char other[task_id_length + 1];
    snprintf(other, sizeof(other), "%032x", 9U);
    follower_move(&scene->followers, follower, other);
    follower->is_ready = true;
    tell(scene, 9, TASK_INPUT_REQUIRED);
    assert_int_equal(scene->ends, 1);
}

static void at_the_end_nobody_is_forgotten(void **state)
{
    struct scene *scene = *state;
    scene->watch = (struct a2a_watch){.changed = heard, .context = scene};
    for (unsigned i = 0; i < 100; i++) {
        follow(scene, i, i % 2 == 0 ? NULL : &scene->watch);
    }
    followers_clear(&scene->followers);
    assert_int_equal(scene->answers, 50);
    assert_int_equal(scene->outcome, A2A_UNAVAILABLE);
    assert_int_equal(scene->ends, 50);
    assert_int_equal(scene->followers.count, 0);
}

static void there_is_a_cap(void **state)
{
    struct scene *scene = *state;
    scene->watch = (struct a2a_watch){.changed = heard, .context = scene};
    struct task task = task_of(1, TASK_WORKING);
    for (unsigned i = 0; i < a2a_watches_max; i++) {
        follow(scene, i, &scene->watch);
    }
    assert_null(follower_add(&scene->followers, task.id, NULL, &scene->watch));
}

int main(void)
{
#define WITH_SCENE(test) cmocka_unit_test_setup_teardown(test, scene_open, scene_close)
    const struct CMUnitTest tests[] = {
        WITH_SCENE(calls_wait_for_rest_and_watches_hear_everything),
        WITH_SCENE(who_is_not_ready_learns_that_he_missed_something),
        WITH_SCENE(at_the_end_nobody_is_forgotten),
        WITH_SCENE(there_is_a_cap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

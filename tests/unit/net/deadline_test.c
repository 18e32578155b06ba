/* SPDX-License-Identifier: MIT
 *
 * deadline_test.c - fires once, never early, for the last time it was set to. */
#include "net/deadline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct scene {
    uv_loop_t loop;
    struct deadline deadline;
    unsigned fired;
    uint64_t fired_ms; /* on the loop's clock */
    uint64_t set_again_ms;
};

static void scene_fired(struct deadline *deadline)
{
    struct scene *scene = (struct scene *)((char *)deadline - offsetof(struct scene, deadline));
    scene->fired++;
    scene->fired_ms = uv_now(&scene->loop);
    if (scene->set_again_ms > 0) {
        deadline_set(deadline, scene->set_again_ms);
        scene->set_again_ms = 0;
    }
}

static void scene_begin(struct scene *scene)
{
    *scene = (struct scene){.fired = 0};
    assert_int_equal(uv_loop_init(&scene->loop), 0);
    deadline_init(&scene->deadline, &scene->loop, scene_fired);
}

/* Until nothing is armed any more. */
static void scene_run(struct scene *scene)
{
    assert_int_equal(uv_run(&scene->loop, UV_RUN_DEFAULT), 0);
}

static void scene_end(struct scene *scene)
{
    uv_close((uv_handle_t *)&scene->deadline.timer, NULL);
    scene_run(scene);
    assert_int_equal(uv_loop_close(&scene->loop), 0);
}

static void it_fires_once_and_not_early(void **state)
{
    struct scene scene;
    scene_begin(&scene);
    scene_run(&scene);
    assert_int_equal(scene.fired, 0); /* unset */
    uint64_t began_ms = uv_now(&scene.loop);
    deadline_set(&scene.deadline, 20);
    assert_int_equal(scene.fired, 0);
    scene_run(&scene);
    assert_int_equal(scene.fired, 1);
    assert_true(scene.fired_ms - began_ms >= 20);
    scene_run(&scene);
    assert_int_equal(scene.fired, 1);
    scene_end(&scene);
}

static void no_time_at_all_fires_from_the_loop(void **state)
{
    struct scene scene;
    scene_begin(&scene);
    deadline_set(&scene.deadline, 0);
    assert_int_equal(scene.fired, 0);
    scene_run(&scene);
    assert_int_equal(scene.fired, 1);
    scene_end(&scene);
}

static void moved_back_it_waits_longer(void **state)
{
    struct scene scene;
    scene_begin(&scene);
    uint64_t began_ms = uv_now(&scene.loop);
    deadline_set(&scene.deadline, 5);
    uint64_t armed_ms = scene.deadline.armed_ms;
    for (uint64_t after_ms = 6; after_ms <= 40; after_ms++) {
        deadline_set(&scene.deadline, after_ms);
        assert_int_equal(scene.deadline.armed_ms, armed_ms); /* the timer is left alone */
    }
    scene_run(&scene);
    assert_int_equal(scene.fired, 1);
    assert_true(scene.fired_ms - began_ms >= 40);
    scene_end(&scene);
}

static void moved_forward_it_does_not_wait(void **state)
{
    struct scene scene;
    scene_begin(&scene);
    deadline_set(&scene.deadline, 3600 * 1000);
    deadline_set(&scene.deadline, 5);
    scene_run(&scene); /* an hour would be told by the test's time limit */
    assert_int_equal(scene.fired, 1);
    assert_int_equal(scene.deadline.armed_ms, 0);
    scene_end(&scene);
}

static void cleared_it_does_not_fire(void **state)
{
    struct scene scene;
    scene_begin(&scene);
    deadline_clear(&scene.deadline);
    deadline_set(&scene.deadline, 5);
    deadline_clear(&scene.deadline);
    scene_run(&scene);
    assert_int_equal(scene.fired, 0);
    deadline_set(&scene.deadline, 5);
    deadline_clear(&scene.deadline);
    uint64_t began_ms = uv_now(&scene.loop);
    deadline_set(&scene.deadline, 15);
    scene_run(&scene);
    assert_int_equal(scene.fired, 1);
    assert_true(scene.fired_ms - began_ms >= 15);
    scene_end(&scene);
}

static void it_can_be_set_again_as_it_fires(void **state)
{
    struct scene scene;
    scene_begin(&scene);
    uint64_t began_ms = uv_now(&scene.loop);
    scene.set_again_ms = 10;
    deadline_set(&scene.deadline, 10);
    scene_run(&scene);
    assert_int_equal(scene.fired, 2);
    assert_true(scene.fired_ms - began_ms >= 20);
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_fires_once_and_not_early),
        cmocka_unit_test(no_time_at_all_fires_from_the_loop),
        cmocka_unit_test(moved_back_it_waits_longer),
        cmocka_unit_test(moved_forward_it_does_not_wait),
        cmocka_unit_test(cleared_it_does_not_fire),
        cmocka_unit_test(it_can_be_set_again_as_it_fires),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

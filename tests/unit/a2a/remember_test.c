/* SPDX-License-Identifier: MIT
 *
 * remember_test.c - what memory refused is told again, also after a restart and under the same id;
 * and every end of a task is told to all, also the ends that a restart or mere time brings. */
#include "a2a_scene.h"

#include "agents.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static bool has_two(struct scene *scene)
{
    return scene->told_count >= 2;
}

static bool has_call(struct scene *scene)
{
    return test_agent_request(scene->stage.agent, 0)[0] != '\0';
}

static bool has_hook(struct scene *scene)
{
    return test_agent_request(scene->stage.agent, 1)[0] != '\0';
}

static bool has_two_hooks(struct scene *scene)
{
    return test_agent_request(scene->stage.agent, 2)[0] != '\0';
}

static void again(struct scene *scene)
{
    scene_end(scene);
    scene_begin(scene);
}

/* ---- tests ---- */

static void what_memory_has_is_not_told_again(void **state)
{
    struct scene *scene = *state;
    scene_begin(scene);
    test_agent_reply_json(scene->stage.agent, 0, ANSWER);
    scene_send(scene, true);
    scene_run_until(scene, has_two);
    assert_string_equal(scene->told[0].text, "task_sent {\"messages\":[]}");
    assert_ptr_equal(strstr(scene->told[1].text, "task_result {\"kind\":\"message\""),
                     scene->told[1].text);
    scene_run_until(scene, scene_has_no_rows);
    again(scene);
    scene_send(scene, false); /* after the recovery */
    assert_int_equal(scene->told_count, 3);
    assert_true(strcmp(scene->told[2].id, scene->told[1].id) > 0);
}

static void what_memory_refused_is_told_after_a_restart(void **state)
{
    struct scene *scene = *state;
    struct told first[2];
    scene->refuses = true;
    scene_begin(scene);
    test_agent_reply_json(scene->stage.agent, 0, ANSWER);
    scene_send(scene, true);
    scene_run_until(scene, has_two);
    memcpy(first, scene->told, sizeof(first));
    assert_int_equal(scene_rows_count(scene), 2);
    scene_end(scene);
    scene->told_count = 0;
    scene->refuses = false;
    scene_begin(scene);
    scene_run_until(scene, has_two);
    assert_memory_equal(scene->told, first, sizeof(first)); /* the same ids, texts and times */
    scene_run_until(scene, scene_has_no_rows);
}

static void an_interrupted_task_is_told_to_all(void **state)
{
    struct scene *scene = *state;
    scene_begin(scene);
    test_agent_reply(scene->stage.agent, NULL); /* silence */
    scene_send(scene, false);
    scene_run_until(scene, has_call);
    scene_end(scene);
    test_agent_reply(scene->stage.agent, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    scene_begin(scene);
    scene_run_until(scene, has_hook);
    assert_non_null(strstr(test_agent_request(scene->stage.agent, 1), "POST /hook HTTP/1.1\r\n"));
    assert_non_null(strstr(test_agent_request(scene->stage.agent, 1), "interrupted"));
    scene_run_until(scene, has_two);
    assert_string_equal(scene->told[1].text, "task_result {\"detail\":\"interrupted\"}");
}

static void a_task_that_nobody_answers_ends_for_all(void **state)
{
    struct scene *scene = *state;
    scene->stage.config.a2a_task_ttl_ms = 1;
    scene_begin(scene);
    test_agent_reply_json(scene->stage.agent, 0, QUESTION);
    test_agent_reply_json(scene->stage.agent, 1, "{}");
    test_agent_reply_json(scene->stage.agent, 2, "{}");
    scene_send(scene, true);
    scene_run_until(scene, has_two_hooks); /* it waits; it has ended */
    assert_non_null(strstr(test_agent_request(scene->stage.agent, 1), "TASK_STATE_INPUT_REQUIRED"));
    assert_non_null(strstr(test_agent_request(scene->stage.agent, 2), "TASK_STATE_FAILED"));
    scene_run_until(scene, has_two);
    assert_ptr_equal(strstr(scene->told[1].text, "task_result "), scene->told[1].text);
    assert_int_equal(a2a_counters(scene->a2a)->tasks_failed, 1);
}

static void heard(struct a2a_watch *watch, struct a2a_event *event)
{
    struct scene *scene = watch->context;
    scene->events_count++;
    a2a_event_free(event);
}

/* Before what a stop interrupted is looked at, calls are held: whoever leaves then is let go. */
static void a_client_may_leave_before_the_recovery(void **state)
{
    struct scene *scene = *state;
    struct a2a_watch watch = {.changed = heard, .context = scene};
    scene_begin(scene);
    test_agent_reply(scene->stage.agent, NULL);
    for (int i = 0; i < 2; i++) { /* watching, and waiting */
        struct a2a_call *call = scene_send_make(scene);
        call->watch = i == 0 ? &watch : NULL;
        call->waits = i == 1;
        uint64_t id = a2a_run(scene->a2a, call);
        a2a_unwatch(scene->a2a, id, a2a_leave_create());
        scene_run_until(scene, scene_is_answered);
        assert_ptr_equal(scene->answer, call);
        assert_int_equal(call->job.outcome, A2A_UNAVAILABLE);
        a2a_call_free(call);
        scene->answer = NULL;
        again(scene);
    }
    assert_int_equal(scene->events_count, 0);
    assert_int_equal(scene->told_count, 0);
}

int main(void)
{
#define WITH_SCENE(test) cmocka_unit_test_setup_teardown(test, scene_open, scene_close)
    const struct CMUnitTest tests[] = {
        WITH_SCENE(what_memory_has_is_not_told_again),
        WITH_SCENE(what_memory_refused_is_told_after_a_restart),
        WITH_SCENE(an_interrupted_task_is_told_to_all),
        WITH_SCENE(a_task_that_nobody_answers_ends_for_all),
        WITH_SCENE(a_client_may_leave_before_the_recovery),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

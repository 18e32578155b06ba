/* SPDX-License-Identifier: MIT
 *
 * dispatch_test.c - what answers may hold while they wait for the disk. How tasks run and end is in
 * a2a_test.c. */
#include "a2a/dispatch.h"

#include "a2a_scene.h"
#include "agents.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define WORKING                                                                                    \
    "{\"jsonrpc\":\"2.0\",\"id\":\"1\",\"result\":{\"kind\":\"task\",\"id\":\"r\",\"contextId\":"  \
    "\"c\","                                                                                       \
    "\"status\":{\"state\":\"working\"}}}"

/* ---- a writer of the store that waits ---- */

struct hold {
    struct store_job job;
    uv_sem_t entered, released, over;
};

static enum status hold_run(struct store_job *job, struct database *database,
                            struct failure *reterr)
{
    struct hold *hold = (struct hold *)job;
    uv_sem_post(&hold->entered);
    uv_sem_wait(&hold->released);
    return STATUS_OK;
}

static void hold_done(struct store_job *job, enum status status, const struct failure *failure)
{
    uv_sem_post(&((struct hold *)job)->over);
}

static void hold_begin(struct hold *hold, struct store *store)
{
    *hold = (struct hold){.job = {.run = hold_run, .done = hold_done, .bytes = sizeof(*hold)}};
    uv_sem_init(&hold->entered, 0);
    uv_sem_init(&hold->released, 0);
    uv_sem_init(&hold->over, 0);
    assert_int_equal(store_write(store, &hold->job), STATUS_OK);
    uv_sem_wait(&hold->entered);
}

static void hold_end(struct hold *hold)
{
    uv_sem_post(&hold->released);
    uv_sem_wait(&hold->over);
    uv_sem_destroy(&hold->entered);
    uv_sem_destroy(&hold->released);
    uv_sem_destroy(&hold->over);
}

/* ---- what is waited for ---- */

static void reply(struct scene *scene, const char *json)
{
    static char text[1024];
    snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(json),
             json);
    test_agent_reply(scene->stage.agent, text);
}

/* The recovery and the first sweep: the next one is far away. */
static bool is_quiet(struct scene *scene)
{
    return atomic_load(&store_counters(scene->stage.store)->jobs_committed) >= 2;
}

static bool has_called_both(struct scene *scene)
{
    return test_agent_request(scene->stage.agent, 1)[0] != '\0' && scene_has_no_rows(scene);
}

static bool both_wait(struct scene *scene)
{
    return store_queue_bytes(scene->stage.store) >=
           sizeof(struct hold) + 2 * sizeof(struct task_job);
}

static bool has_four(struct scene *scene)
{
    return scene->told_count >= 4;
}

/* How many of the ends that memory was told of begin so. */
static size_t told_as(const struct scene *scene, const char *beginning)
{
    size_t count = 0;
    for (size_t i = 2; i < scene->told_count; i++) {
        count += strncmp(scene->told[i].text, beginning, strlen(beginning)) == 0;
    }
    return count;
}

/* ---- tests ---- */

static void answers_that_wait_for_the_disk_have_a_limit(void **state)
{
    struct scene *scene = *state;
    struct hold hold;
    scene->replies_bytes_max = strlen(ANSWER);
    scene->stage.config.a2a_targets.count = 0;
    scene_begin(scene);
    scene_run_until(scene, is_quiet);
    reply(scene, WORKING);
    for (int i = 0; i < 2; i++) {
        struct a2a_call *call = scene_send_make(scene);
        call->job.has_push = false;
        a2a_run(scene->a2a, call);
        scene_run_until(scene, scene_is_answered);
        a2a_call_free(call);
        scene->answer = NULL;
    }
    scene_run_until(scene, has_called_both);
    hold_begin(&hold, scene->stage.store);
    reply(scene, ANSWER);
    scene_run_until(scene, both_wait);
    hold_end(&hold);
    scene_run_until(scene, has_four);
    /* Whichever answer came first is kept; memory hears of the two in either order. */
    assert_int_equal(told_as(scene, "task_result {\"kind\":\"message\""), 1);
    assert_int_equal(told_as(scene, "task_result {\"detail\":\"too many answers"), 1);
    assert_int_equal(a2a_counters(scene->a2a)->tasks_done, 1);
    assert_int_equal(a2a_counters(scene->a2a)->tasks_failed, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers_that_wait_for_the_disk_have_a_limit, scene_open,
                                        scene_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

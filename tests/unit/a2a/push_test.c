/* SPDX-License-Identifier: MIT
 *
 * push_test.c - deliveries to a webhook that refuses, fails and takes; where webhooks may be. */
#include "a2a/push.h"

#include "agents.h"
#include "http/fetch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { patience_ms = 20000 };

struct scene {
    uv_loop_t loop;
    struct fetcher *fetcher;
    struct config config;
    struct slice items[1];
    char hook[64];
    struct targets *targets;
    struct a2a_counters counters;
    struct pushes *pushes;
    struct test_agent *agent;
    struct task task;
};

static int scene_open(void **state)
{
    struct scene *scene = calloc(1, sizeof(*scene));
    scene->agent = test_agent_start();
    snprintf(scene->hook, sizeof(scene->hook), "%s/hook", test_agent_base(scene->agent));
    scene->items[0] = slice_from_string(scene->hook);
    scene->config.engine_url = SLICE("http://127.0.0.1:9");
    scene->config.a2a_targets = (struct slice_list){scene->items, 1};
    assert_int_equal(targets_create(&scene->config, &scene->targets, NULL), STATUS_OK);
    uv_loop_init(&scene->loop);
    assert_int_equal(fetcher_create(&scene->loop, 64, &scene->fetcher, NULL), STATUS_OK);
    struct pushes_settings settings = {.loop = &scene->loop,
                                       .fetcher = scene->fetcher,
                                       .targets = scene->targets,
                                       .counters = &scene->counters};
    assert_int_equal(pushes_create(&settings, &scene->pushes, NULL), STATUS_OK);
    scene->task = (struct task){.id = "00000000000000000000000000000001",
                                .context_id = SLICE("c"),
                                .state = TASK_COMPLETED,
                                .result = SLICE("{\"text\":\"x\"}")};
    *state = scene;
    return 0;
}

static int scene_close(void **state)
{
    struct scene *scene = *state;
    pushes_free(scene->pushes);
    fetcher_free(scene->fetcher);
    uv_run(&scene->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&scene->loop), 0);
    targets_free(scene->targets);
    test_agent_stop(scene->agent);
    free(scene);
    return 0;
}

static void tick(uv_timer_t *timer)
{
}

static void run_until(struct scene *scene, atomic_uint_fast64_t *counter, unsigned wanted)
{
    uv_timer_t ticker;
    uint64_t start = uv_now(&scene->loop);
    uv_timer_init(&scene->loop, &ticker);
    uv_timer_start(&ticker, tick, 50, 50);
    while (atomic_load(counter) < wanted) {
        uv_run(&scene->loop, UV_RUN_ONCE);
        if (uv_now(&scene->loop) - start > patience_ms) {
            fail_msg("it does not come");
        }
    }
    uv_close((uv_handle_t *)&ticker, NULL);
    uv_run(&scene->loop, UV_RUN_NOWAIT);
}

static struct task_push hook_of(struct scene *scene)
{
    return (struct task_push){.id = SLICE("p"), .url = slice_from_string(scene->hook)};
}

static void trouble_is_tried_again(void **state)
{
    struct scene *scene = *state;
    struct task_push push = hook_of(scene);
    push.is_legacy = true;
    push.scheme = SLICE("Bearer"); /* without credentials it says nothing */
    test_agent_reply(scene->agent, "HTTP/1.1 503 Later\r\nContent-Length: 0\r\n\r\n");
    push_send(scene->pushes, &scene->task, &push, 1);
    while (test_agent_request(scene->agent, 0)[0] == '\0') {
        uv_run(&scene->loop, UV_RUN_NOWAIT);
    }
    test_agent_reply(scene->agent, "HTTP/1.1 204 Taken\r\n\r\n");
    run_until(scene, &scene->counters.pushes_sent, 1);
    assert_non_null(strstr(test_agent_request(scene->agent, 1), "{\"kind\":\"task\",\"id\":"));
    assert_null(strstr(test_agent_request(scene->agent, 1), "Authorization"));
    assert_string_equal(test_agent_request(scene->agent, 2), "");
    assert_int_equal(scene->counters.pushes_failed, 0);
}

static void a_refusal_is_final(void **state)
{
    static const char *const replies[] = {
        "HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 307 Elsewhere\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"};
    struct scene *scene = *state;
    for (unsigned i = 0; i < 2; i++) {
        struct task_push push = hook_of(scene);
        test_agent_reply(scene->agent, replies[i]);
        push_send(scene->pushes, &scene->task, &push, 1);
        run_until(scene, &scene->counters.pushes_failed, i + 1);
        assert_string_equal(test_agent_request(scene->agent, i + 1), "");
    }
}

static void what_is_not_listed_is_never_called(void **state)
{
    static const char *const urls[] = {"http://127.0.0.1:1/",
                                       "http://169.254.169.254/",
                                       "https://example.com/",
                                       "http://127.0.0.1:9/api/chat",
                                       "temporal://X",
                                       "",
                                       "hook"};
    struct scene *scene = *state;
    struct arena arena;
    struct task_target target;
    arena_init(&arena, 16 * 1024);
    for (unsigned i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        struct task_push push = {.id = SLICE("p"), .url = slice_from_string(urls[i])};
        struct failure failure = {""};
        assert_int_equal(push_check(scene->targets, push.url, &arena, &target, &failure),
                         STATUS_DENIED);
        assert_non_null(strstr(failure.text, "A2A_TARGETS"));
        push_send(scene->pushes, &scene->task, &push, 1);
        assert_int_equal(scene->counters.pushes_failed, i + 1);
    }
    arena_clear(&arena);
}

static void what_waits_has_an_end(void **state)
{
    struct scene *scene = *state;
    struct task_push push = hook_of(scene);
    test_agent_reply(scene->agent, NULL);
    for (int i = 0; i < push_waiting_max; i++) {
        push_send(scene->pushes, &scene->task, &push, 1);
    }
    assert_int_equal(scene->counters.pushes_failed, 0);
    push_send(scene->pushes, &scene->task, &push, 1);
    assert_int_equal(scene->counters.pushes_failed, 1);
}

int main(void)
{
#define WITH_SCENE(test) cmocka_unit_test_setup_teardown(test, scene_open, scene_close)
    const struct CMUnitTest tests[] = {
        WITH_SCENE(trouble_is_tried_again),
        WITH_SCENE(a_refusal_is_final),
        WITH_SCENE(what_is_not_listed_is_never_called),
        WITH_SCENE(what_waits_has_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * a2a_scene.c - see a2a_scene.h. */
#include "a2a_scene.h"

#include "agents.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static const struct task_owner ann = {SLICE("https://id.test"), SLICE("ann"), SLICE("ann")};

static enum status mint(void *context, const struct a2a_delegation *delegation,
                        struct buffer *token, struct failure *reterr)
{
    buffer_append_string(token, "delegated");
    return STATUS_OK;
}

static void stamp(void *context, struct event *event)
{
    struct scene *scene = context;
    snprintf(event->id, sizeof(event->id), "%036u", ++scene->stamps);
    event->timestamp_us = scene->stamps;
}

static void remember(void *context, const struct event *event, struct a2a_remembering *remembering)
{
    struct scene *scene = context;
    if (scene->told_count < told_max) {
        struct told *told = &scene->told[scene->told_count++];
        memcpy(told->id, event->id, sizeof(told->id));
        struct slice text = event->result.length > 0 ? event->result : event->payload;
        uint64_t number = 0;
        assert_true(slice_parse_uint(slice_from_string(event->id), 1000, &number));
        assert_int_equal(event->timestamp_us, number);
        snprintf(told->text, sizeof(told->text), "%.*s %.*s", SLICE_ARGS(event->event),
                 text.length < 60 ? (int)text.length : 60, text.data);
    }
    a2a_remembered(remembering, !scene->refuses);
}

/* ---- the scene ---- */

static void tick(uv_timer_t *timer)
{
}

void scene_run_until(struct scene *scene, bool (*is_done)(struct scene *scene))
{
    uv_timer_t ticker; /* the agent's thread does not wake this loop */
    uv_timer_init(&scene->loop, &ticker);
    uv_timer_start(&ticker, tick, 5, 5);
    uint64_t end_ms = uv_now(&scene->loop) + patience_ms;
    while (!is_done(scene)) {
        if (uv_now(&scene->loop) > end_ms) {
            fail_msg("it does not come");
        }
        uv_run(&scene->loop, UV_RUN_ONCE);
    }
    uv_close((uv_handle_t *)&ticker, NULL);
    uv_run(&scene->loop, UV_RUN_NOWAIT);
}

void scene_begin(struct scene *scene)
{
    struct a2a_settings settings = {
        .config = &scene->config,
        .loop = &scene->loop,
        .store = scene->store,
        .fetcher = scene->fetcher,
        .replies_bytes_max = scene->replies_bytes_max,
        .mint = mint,
        .remember = remember,
        .stamp = stamp,
        .context = scene,
    };
    struct failure failure = {""};
    scene->is_closed = false;
    if (a2a_open(&settings, &scene->a2a, &failure) != STATUS_OK) {
        fail_msg("%s", failure.text);
    }
}

static void closed(void *context)
{
    struct scene *scene = context;
    scene->is_closed = true;
}

static bool is_closed(struct scene *scene)
{
    return scene->is_closed;
}

void scene_end(struct scene *scene)
{
    a2a_close(scene->a2a, closed, scene);
    scene_run_until(scene, is_closed);
    for (int i = 0; i < 3; i++) {
        uv_run(&scene->loop, UV_RUN_NOWAIT);
    }
    a2a_free(scene->a2a);
    scene->a2a = NULL;
}

int scene_open(void **state)
{
    struct scene *scene = calloc(1, sizeof(*scene));
    snprintf(scene->directory, sizeof(scene->directory), "/tmp/remember-test-XXXXXX");
    assert_non_null(mkdtemp(scene->directory));
    scene->agent = test_agent_start();
    snprintf(scene->entry, sizeof(scene->entry), "coder=%s;a2a", test_agent_url(scene->agent));
    snprintf(scene->hooks, sizeof(scene->hooks), "%s/hook", test_agent_base(scene->agent));
    scene->items[0] = slice_from_string(scene->entry);
    scene->items[1] = slice_from_string(scene->hooks);
    scene->config = (struct config){
        .engine_url = SLICE("http://127.0.0.1:9"),
        .a2a_agents = {&scene->items[0], 1},
        .a2a_targets = {&scene->items[1], 1},
        .a2a_tasks_per_user_max = 100,
        .a2a_tasks_max = 1000,
        .a2a_concurrent_max = 8,
        .a2a_task_ttl_ms = 3600 * 1000,
        .a2a_task_timeout_ms = patience_ms,
        .a2a_result_max_bytes = 4096,
        .a2a_hops_max = 3,
        .a2a_delegation_ttl_ms = 300 * 1000,
    };
    struct store_settings settings = {
        .directory = scene->directory, .queue_bytes_max = 64 * 1024 * 1024, .readers_count = 1};
    uv_loop_init(&scene->loop);
    assert_int_equal(store_open(&settings, &scene->store, NULL), STATUS_OK);
    assert_int_equal(fetcher_create(&scene->loop, 64, &scene->fetcher, NULL), STATUS_OK);
    *state = scene;
    return 0;
}

int scene_close(void **state)
{
    struct scene *scene = *state;
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    char path[store_path_bytes_max];
    if (scene->a2a != NULL) {
        scene_end(scene);
    }
    fetcher_free(scene->fetcher);
    uv_run(&scene->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&scene->loop), 0);
    store_close(scene->store);
    test_agent_stop(scene->agent);
    assert_int_equal(store_path(scene->directory, path, NULL), STATUS_OK);
    for (size_t i = 0; i < 3; i++) {
        char file[store_path_bytes_max + 8];
        snprintf(file, sizeof(file), "%s%s", path, suffixes[i]);
        unlink(file);
    }
    snprintf(path, sizeof(path), "%s/store.lock", scene->directory);
    unlink(path);
    assert_int_equal(rmdir(scene->directory), 0);
    free(scene);
    return 0;
}

/* ---- what is asked and waited for ---- */

static void answered(struct a2a_call *call)
{
    struct scene *scene = call->context;
    scene->answer = call;
}

bool scene_is_answered(struct scene *scene)
{
    return scene->answer != NULL;
}

struct a2a_call *scene_send_make(struct scene *scene)
{
    struct a2a_call *call = a2a_call_create(A2A_SEND, answered, scene);
    assert_non_null(call);
    call->job.task.owner = ann;
    call->job.task.target_name = SLICE("coder");
    call->job.task.input = SLICE("{\"messages\":[]}");
    call->job.has_push = true;
    call->job.push.url = slice_from_string(scene->hooks);
    return call;
}

void scene_send(struct scene *scene, bool waits)
{
    struct a2a_call *call = scene_send_make(scene);
    call->waits = waits;
    a2a_run(scene->a2a, call);
    scene_run_until(scene, scene_is_answered);
    assert_int_equal(call->job.outcome, A2A_OK);
    a2a_call_free(call);
    scene->answer = NULL;
}

size_t scene_rows_count(struct scene *scene)
{
    struct database *database = NULL;
    char path[store_path_bytes_max];
    assert_int_equal(store_path(scene->directory, path, NULL), STATUS_OK);
    assert_int_equal(database_open(path, DATABASE_READER, &database, NULL), STATUS_OK);
    sqlite3_stmt *statement = database_statement(database, "SELECT count(*) FROM task_events");
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    size_t count = (size_t)sqlite3_column_int(statement, 0);
    sqlite3_reset(statement);
    database_close(database);
    return count;
}

bool scene_has_no_rows(struct scene *scene)
{
    return scene_rows_count(scene) == 0;
}

/* SPDX-License-Identifier: MIT
 *
 * a2a_scene.c - see a2a_scene.h. */
#include "a2a_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

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
    uv_timer_init(&scene->stage.loop, &ticker);
    uv_timer_start(&ticker, tick, 5, 5);
    uint64_t end_ms = uv_now(&scene->stage.loop) + stage_patience_ms;
    while (!is_done(scene)) {
        if (uv_now(&scene->stage.loop) > end_ms) {
            fail_msg("it does not come");
        }
        uv_run(&scene->stage.loop, UV_RUN_ONCE);
    }
    uv_close((uv_handle_t *)&ticker, NULL);
    uv_run(&scene->stage.loop, UV_RUN_NOWAIT);
}

void scene_begin(struct scene *scene)
{
    struct a2a_settings settings = {
        .config = &scene->stage.config,
        .loop = &scene->stage.loop,
        .store = scene->stage.store,
        .fetcher = scene->stage.fetcher,
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
        uv_run(&scene->stage.loop, UV_RUN_NOWAIT);
    }
    a2a_free(scene->a2a);
    scene->a2a = NULL;
}

int scene_open(void **state)
{
    struct scene *scene = calloc(1, sizeof(*scene));
    stage_open(&scene->stage, ";a2a");
    *state = scene;
    return 0;
}

int scene_close(void **state)
{
    struct scene *scene = *state;
    if (scene->a2a != NULL) {
        scene_end(scene);
    }
    stage_close(&scene->stage);
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
    call->job.push.url = slice_from_string(scene->stage.hooks);
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
    assert_int_equal(store_path(scene->stage.directory, path, NULL), STATUS_OK);
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

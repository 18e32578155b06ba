/* SPDX-License-Identifier: MIT
 *
 * task_events_test.c - what memory is to hear is on disk with the change that it tells of, and
 * stays until it is acknowledged. */
#include "a2a/task_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define TASK_ID "00000000000000000000000000000001"

static const struct task_owner ann = {SLICE("https://id.test"), SLICE("ann"), SLICE("ann")};

struct scene {
    char path[64];
    struct database *database;
};

static void event_set(struct task_event *event, unsigned number)
{
    snprintf(event->id, sizeof(event->id), "%036u", number);
    event->at_us = (int64_t)number * 1000;
}

static struct task_job *job_make(enum task_action action, unsigned event)
{
    struct task_job *job = task_job_create(action, 1024 * 1024);
    assert_non_null(job);
    job->task.owner = ann;
    job->limits = (struct task_limits){.per_user_max = 100, .tasks_max = 1000};
    job->now_us = 1;
    job->before_us = INT64_MAX;
    memcpy(job->task.id, TASK_ID, task_id_length);
    if (event > 0) {
        event_set(&job->event, event);
    }
    return job;
}

static void run(struct scene *scene, struct task_job *job)
{
    if (task_job_execute(job, scene->database) != STATUS_OK) {
        fail_msg("%s", job->failure.text);
    }
}

static void move(struct scene *scene, enum task_state state, unsigned event)
{
    struct task_job *job = job_make(TASK_MOVE, event);
    job->task.state = state;
    run(scene, job);
    task_job_free(job);
}

/* The event that comes after <number>, as "number is_result input"; "" when there is none. */
static const char *next_after(struct scene *scene, unsigned number)
{
    static char text[128];
    struct task_job *job = job_make(TASK_EVENT_NEXT, number);
    run(scene, job);
    text[0] = '\0';
    if (job->has_more) {
        uint64_t at = 0;
        assert_true(slice_parse_uint(slice_from_string(job->event.id), 1000, &at));
        assert_int_equal(job->event.at_us, at * 1000);
        snprintf(text, sizeof(text), "%d %d %.*s", (int)at, job->event.is_result,
                 SLICE_ARGS(job->tasks[0].input));
    }
    task_job_free(job);
    return text;
}

static int scene_open(void **state)
{
    struct scene *scene = calloc(1, sizeof(*scene));
    snprintf(scene->path, sizeof(scene->path), "/tmp/task-events-XXXXXX");
    close(mkstemp(scene->path));
    assert_int_equal(database_open(scene->path, DATABASE_WRITER, &scene->database, NULL),
                     STATUS_OK);
    struct task_job *job = job_make(TASK_CREATE, 1);
    job->task.input = SLICE("{\"n\":1}");
    job->task.message_id = SLICE("m1");
    run(scene, job);
    task_job_free(job);
    *state = scene;
    return 0;
}

static int scene_close(void **state)
{
    struct scene *scene = *state;
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    database_close(scene->database);
    for (size_t i = 0; i < 3; i++) {
        char path[80];
        snprintf(path, sizeof(path), "%s%s", scene->path, suffixes[i]);
        unlink(path);
    }
    free(scene);
    return 0;
}

static void every_change_that_memory_hears_of_is_noted(void **state)
{
    struct scene *scene = *state;
    assert_string_equal(next_after(scene, 0), "1 0 {\"n\":1}");
    move(scene, TASK_WORKING, 2); /* memory does not hear of it */
    move(scene, TASK_INPUT_REQUIRED, 3);
    assert_string_equal(next_after(scene, 1), "");
    struct task_job *job = job_make(TASK_CONTINUE, 4);
    job->task.input = SLICE("{\"n\":2}");
    job->task.state = TASK_WORKING;
    run(scene, job);
    task_job_free(job);
    move(scene, TASK_COMPLETED, 5);
    assert_string_equal(next_after(scene, 0), "1 0 {\"n\":1}"); /* as it was then */
    assert_string_equal(next_after(scene, 1), "4 0 {\"n\":2}");
    assert_string_equal(next_after(scene, 4), "5 1 {\"n\":2}");
    assert_string_equal(next_after(scene, 5), "");
}

static void a_message_that_was_there_is_not_noted_again(void **state)
{
    struct scene *scene = *state;
    struct task_job *job = job_make(TASK_CREATE, 2);
    job->task.message_id = SLICE("m1");
    run(scene, job);
    assert_true(job->was_there);
    task_job_free(job);
    assert_string_equal(next_after(scene, 1), "");
}

static void what_is_young_waits(void **state)
{
    struct scene *scene = *state;
    struct task_job *job = job_make(TASK_EVENT_NEXT, 0);
    job->before_us = 1000;
    run(scene, job);
    assert_false(job->has_more);
    task_job_free(job);
}

static void what_is_acknowledged_goes(void **state)
{
    struct scene *scene = *state;
    struct task_event kept[2] = {{{0}, 0, false}};
    move(scene, TASK_FAILED, 2);
    event_set(&kept[0], 1);
    event_set(&kept[1], 7); /* not there any more */
    struct task_job *job = job_make(TASK_EVENTS_KEPT, 0);
    job->kept = kept;
    job->kept_count = 2;
    run(scene, job);
    task_job_free(job);
    assert_string_equal(next_after(scene, 0), "2 1 {\"n\":1}");
}

static void they_go_with_their_task(void **state)
{
    struct scene *scene = *state;
    move(scene, TASK_FAILED, 2);
    struct task_job *job = job_make(TASK_SWEEP, 3);
    run(scene, job);
    task_job_free(job);
    assert_string_equal(next_after(scene, 0), "");
}

int main(void)
{
#define WITH_SCENE(test) cmocka_unit_test_setup_teardown(test, scene_open, scene_close)
    const struct CMUnitTest tests[] = {
        WITH_SCENE(every_change_that_memory_hears_of_is_noted),
        WITH_SCENE(a_message_that_was_there_is_not_noted_again),
        WITH_SCENE(what_is_young_waits),
        WITH_SCENE(what_is_acknowledged_goes),
        WITH_SCENE(they_go_with_their_task),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

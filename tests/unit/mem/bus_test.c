/* SPDX-License-Identifier: MIT
 *
 * bus_test.c - for whom the bus and the store take their time, and for whom not. The C library's
 * sleep is replaced by one that counts. */
#include "mem/bus.h"

#include "mem/capture.h"
#include "rows.h"
#include "scene.h"

#include <time.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { events_count = 100 };

static const struct bus_settings embedded = {.backend = &backend_sqlite};

static atomic_uint rests;
static atomic_uint_fast64_t ends;

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *wanted,
                    struct timespec *ret_left)
{
    atomic_fetch_add(&rests, 1);
    return 0;
}

static void begin(struct scene *scene, struct bus_settings settings)
{
    scene_begin(scene, settings, "on");
    atomic_store(&rests, 0);
    atomic_store(&ends, 0);
}

static void ended(void *context, enum status status)
{
    atomic_fetch_add(&ends, 1);
}

static void exchange(struct scene *scene, void (*done)(void *context, enum status status))
{
    struct identity identity = {.proof = IDENTITY_OIDC,
                                .issuer = SLICE("https://issuer.test/"),
                                .subject = SLICE("alice"),
                                .user = SLICE("alice")};
    struct capture_start start = {
        .identity = &identity, .session = SLICE("session"), .request_id = SLICE("request")};
    struct capture *capture = capture_begin(scene->memory, &start);
    assert_non_null(capture);
    capture_request(capture, SLICE("a question of some words"));
    capture_reply_head(capture, 200, SLICE("text/plain"), SLICE(""));
    capture_reply(capture, SLICE("an answer of some more words [end]"));
    capture_end(capture, CAPTURE_COMPLETE, done, NULL);
}

static void await_stored(struct scene *scene)
{
    scene_await(&memory_counters(scene->memory)->events_stored, events_count);
}

static void exchanges_that_nobody_waits_for_have_time(void **state)
{
    struct scene scene;
    begin(&scene, embedded);
    for (unsigned i = 0; i < events_count; i++) {
        exchange(&scene, NULL);
    }
    await_stored(&scene);
    assert_true(atomic_load(&rests) > 0);
    scene_end(&scene);
}

static void those_whose_answer_waits_have_not(void **state)
{
    struct scene scene;
    begin(&scene, embedded);
    for (unsigned i = 0; i < events_count; i++) {
        exchange(&scene, ended);
        scene_await(&ends, i + 1);
    }
    assert_int_equal(atomic_load(&rests), 0);
    scene_end(&scene);
}

static void neither_have_documents(void **state)
{
    struct scene scene;
    begin(&scene, embedded);
    for (unsigned i = 0; i < events_count; i++) {
        assert_int_equal(scene_write(&scene, "alice", "a thought", NULL), STATUS_OK);
    }
    assert_int_equal(atomic_load(&rests), 0);
    scene_end(&scene);
}

static void nothing_has_time_when_the_queue_fills(void **state)
{
    struct scene scene;
    begin(&scene, embedded);
    size_t much = scene.memory->settings.queue_bytes_max / 4;
    bus_hold(scene.memory, much);
    for (unsigned i = 0; i < events_count; i++) {
        exchange(&scene, NULL);
    }
    await_stored(&scene);
    assert_int_equal(atomic_load(&rests), 0);
    bus_release(scene.memory, much);
    scene_end(&scene);
}

static void deleting_by_age_has_time(void **state)
{
    struct scene scene;
    struct bus_settings settings = embedded;
    settings.retention_ms = 3600 * 1000;
    begin(&scene, settings);
    struct memory_job *job = memory_job_create(MEMORY_WRITE, NULL, NULL);
    job->events = arena_allocate_zeroed(&job->arena, events_count, sizeof(*job->events));
    job->events_count = events_count;
    for (uint64_t i = 0; i < events_count; i++) {
        job->events[i] = rows_event(i, "alice", "old"); /* of 2023 */
    }
    scene_run(&scene, job);
    memory_job_free(job);
    atomic_store(&scene.memory->has_more_to_expire, true); /* it looked before there was any */
    for (unsigned i = 0; i < 300 && scene_count(&scene, "alice", NULL) > 0; i++) {
        usleep(100 * 1000);
    }
    assert_int_equal(scene_count(&scene, "alice", NULL), 0);
    assert_true(atomic_load(&rests) > 0);
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exchanges_that_nobody_waits_for_have_time),
        cmocka_unit_test(those_whose_answer_waits_have_not),
        cmocka_unit_test(neither_have_documents),
        cmocka_unit_test(nothing_has_time_when_the_queue_fills),
        cmocka_unit_test(deleting_by_age_has_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

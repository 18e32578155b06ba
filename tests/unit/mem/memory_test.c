/* SPDX-License-Identifier: MIT
 *
 * memory_test.c - jobs that write, read and erase, with the embedded backend and a real store. */
#include "mem/memory.h"

#include "mem/event_json.h"
#include "rows.h"
#include "scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct bus_settings embedded = {.backend = &backend_sqlite};

static void ids_are_sound_and_rise(void **state)
{
    struct event last;
    memory_event_init(&last);
    for (size_t i = 0; i < 20000; i++) {
        struct event event;
        memory_event_init(&event);
        assert_true(event_id_is_sound(slice_from_string(event.id)));
        assert_int_equal(event.id[14], '7');
        assert_true(event.id[19] >= '8' && strchr("89ab", event.id[19]) != NULL);
        assert_string_not_equal(event.id, last.id);
        if (event.timestamp_us > last.timestamp_us) {
            assert_true(strcmp(event.id, last.id) > 0);
        }
        assert_int_equal(event.tokens_in, -1);
        last = event;
    }
}

static void what_was_acknowledged_is_there(void **state)
{
    struct scene scene;
    char id[event_id_length + 1];
    scene_begin(&scene, embedded, "on");
    assert_true(memory_keeps(scene.memory));
    assert_true(memory_is_healthy(scene.memory));
    assert_int_equal(scene_write(&scene, "alice", "first thought", id), STATUS_OK);
    assert_int_equal(scene_write(&scene, "alice", "second thought", NULL), STATUS_OK);
    assert_int_equal(scene_write(&scene, "bob", "third thought", NULL), STATUS_OK);
    assert_int_equal(scene_count(&scene, "alice", NULL), 2);
    assert_int_equal(scene_count(&scene, "alice", "thought first"), 1);
    assert_int_equal(atomic_load(&memory_counters(scene.memory)->events_stored), 3);
    scene_close(&scene);
    scene_reopen(&scene, embedded, "on");
    assert_int_equal(scene_count(&scene, "alice", NULL), 2);
    scene_end(&scene);
}

static void one_row_is_found_or_not_found(void **state)
{
    struct scene scene;
    char id[event_id_length + 1];
    scene_begin(&scene, embedded, "on");
    assert_int_equal(scene_write(&scene, "alice", "mine", id), STATUS_OK);
    for (size_t i = 0; i < 2; i++) {
        struct memory_job *job = memory_job_create(MEMORY_READ, NULL, NULL);
        job->query = rows_query(i == 0 ? "alice" : "bob", 5);
        job->query.id = slice_from_string(id);
        scene_run(&scene, job);
        assert_int_equal(job->status, i == 0 ? STATUS_OK : STATUS_NOT_FOUND);
        memory_job_free(job);
    }
    uint64_t erased = 0;
    assert_int_equal(scene_erase(&scene, "bob", id, &erased), STATUS_NOT_FOUND);
    assert_int_equal(scene_erase(&scene, "alice", id, &erased), STATUS_OK);
    assert_int_equal(erased, 1);
    assert_int_equal(scene_erase(&scene, "alice", id, &erased), STATUS_NOT_FOUND);
    scene_end(&scene);
}

static void secrets_are_not_stored(void **state)
{
    struct scene scene;
    scene_begin(&scene, embedded, "codeword");
    assert_int_equal(scene_write(&scene, "alice", "my mail x@y.example, codeword", NULL),
                     STATUS_OK);
    struct memory_job *job = memory_job_create(MEMORY_READ, NULL, NULL);
    job->query = rows_query("alice", 5);
    scene_run(&scene, job);
    assert_int_equal(job->page.count, 1);
    assert_true(slice_equals(job->page.events[0].prompt,
                             SLICE("my mail [redacted:email], [redacted:pattern]")));
    memory_job_free(job);
    assert_int_equal(scene_count(&scene, "alice", "codeword"), 0);
    scene_end(&scene);
}

static void names_are_redacted_too(void **state)
{
    struct scene scene;
    scene_begin(&scene, embedded, "on");
    struct memory_job *job = memory_job_create(MEMORY_WRITE, NULL, NULL);
    struct event event = rows_event(1, "alice", "text");
    event.task = SLICE("write to x@y.example");
    event.event = SLICE("mail x@y.example");
    event.agent = SLICE("x@y.example");
    event.run_id = SLICE("run of x@y.example");
    job->events = &event;
    job->events_count = 1;
    scene_run(&scene, job);
    assert_int_equal(job->status, STATUS_OK);
    memory_job_free(job);
    job = memory_job_create(MEMORY_READ, NULL, NULL);
    job->query = rows_query("alice", 5);
    scene_run(&scene, job);
    assert_int_equal(job->page.count, 1);
    const struct event *row = &job->page.events[0];
    assert_true(slice_equals(row->task, SLICE("write to [redacted:email]")));
    assert_true(slice_equals(row->event, SLICE("mail [redacted:email]")));
    assert_true(slice_equals(row->agent, SLICE("[redacted:email]")));
    assert_true(slice_equals(row->run_id, SLICE("run of [redacted:email]")));
    memory_job_free(job);
    scene_end(&scene);
}

/* A page has as many rows as its bytes allow, and one in any case. */
static void pages_are_cut_before_they_are_too_long(void **state)
{
    static const size_t sizes[] = {1000, 3 * (size_t)backend_text_bytes_max,
                                   backend_text_bytes_max / 2 + 1000,
                                   backend_text_bytes_max / 2 + 1000, 1000};
    static const size_t counts[] = {2, 1, 1, 1}; /* of the pages, from the newest row */
    struct scene scene;
    scene_begin(&scene, embedded, "off");
    char *text = malloc(sizes[1] + 1);
    assert_non_null(text);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        memset(text, 'x', sizes[i]);
        text[sizes[i]] = '\0';
        assert_int_equal(scene_write(&scene, "alice", text, NULL), STATUS_OK);
    }
    struct backend_query query = rows_query("alice", 10);
    for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
        struct memory_job *job = memory_job_create(MEMORY_READ, NULL, NULL);
        job->query = query;
        scene_run(&scene, job);
        assert_int_equal(job->status, STATUS_OK);
        assert_int_equal(job->page.count, counts[i]);
        assert_int_equal(job->page.has_more, i + 1 < sizeof(counts) / sizeof(*counts));
        const struct event *last = &job->page.events[job->page.count - 1];
        query.has_before = true;
        query.before_us = last->timestamp_us;
        memcpy(query.before_id, last->id, sizeof(last->id));
        memory_job_free(job);
    }
    free(text);
    scene_end(&scene);
}

static void all_of_an_owner_is_erased_in_steps(void **state)
{
    enum { count = 3 * bus_erase_rows + 7 };
    struct scene scene;
    scene_begin(&scene, embedded, "off");
    struct memory_job *job = memory_job_create(MEMORY_WRITE, NULL, NULL);
    job->events = arena_allocate_zeroed(&job->arena, count, sizeof(*job->events));
    job->events_count = count;
    for (uint64_t i = 0; i < count; i++) {
        job->events[i] = rows_event(i, "alice", "some words");
    }
    scene_run(&scene, job);
    assert_int_equal(job->status, STATUS_OK);
    memory_job_free(job);
    assert_int_equal(scene_write(&scene, "bob", "stays", NULL), STATUS_OK);
    uint64_t erased = 0;
    assert_int_equal(scene_erase(&scene, "alice", NULL, &erased), STATUS_OK);
    assert_int_equal(erased, count);
    assert_int_equal(scene_count(&scene, "alice", NULL), 0);
    assert_int_equal(scene_count(&scene, "bob", NULL), 1);
    assert_int_equal(scene_erase(&scene, "alice", NULL, &erased), STATUS_OK);
    assert_int_equal(erased, 0);
    scene_end(&scene);
}

static void old_events_are_deleted_by_age(void **state)
{
    enum { count = bus_expire_rows * 2 + 100 };
    struct scene scene;
    struct bus_settings settings = embedded;
    settings.retention_ms = 3600 * 1000;
    scene_begin(&scene, settings, "off");
    struct memory_job *job = memory_job_create(MEMORY_WRITE, NULL, NULL);
    job->events = arena_allocate_zeroed(&job->arena, count, sizeof(*job->events));
    job->events_count = count;
    for (uint64_t i = 0; i < count; i++) {
        job->events[i] = rows_event(i, "alice", "old"); /* of 2023 */
    }
    scene_run(&scene, job);
    memory_job_free(job);
    assert_int_equal(scene_write(&scene, "alice", "new", NULL), STATUS_OK);
    for (unsigned i = 0; i < 300 && scene_count(&scene, "alice", NULL) != 1; i++) {
        usleep(100 * 1000);
    }
    assert_int_equal(scene_count(&scene, "alice", NULL), 1);
    scene_end(&scene);
}

static void writes_are_all_or_nothing(void **state)
{
    struct scene scene;
    scene_begin(&scene, embedded, "on");
    struct memory_job *job = memory_job_create(MEMORY_WRITE, NULL, NULL);
    job->events = arena_allocate_zeroed(&job->arena, 2, sizeof(*job->events));
    job->events_count = 2;
    job->events[0] = rows_event(1, "alice", "good");
    job->events[1] = rows_event(2, "alice", "bad");
    job->events[1].id[0] = '?';
    scene_run(&scene, job);
    assert_int_equal(job->status, STATUS_INVALID);
    memory_job_free(job);
    assert_int_equal(scene_count(&scene, "alice", NULL), 0);
    assert_int_equal(atomic_load(&memory_counters(scene.memory)->events_refused), 2);
    scene_end(&scene);
}

static void questions_need_an_owner(void **state)
{
    struct scene scene;
    scene_begin(&scene, embedded, "on");
    for (size_t i = 0; i < 2; i++) {
        struct memory_job *job = memory_job_create(i == 0 ? MEMORY_READ : MEMORY_ERASE, NULL, NULL);
        job->query.limit = 5;
        scene_run(&scene, job);
        assert_int_equal(job->status, STATUS_INVALID);
        memory_job_free(job);
    }
    scene_end(&scene);
}

static void without_a_backend_nothing_is_kept(void **state)
{
    struct scene scene = {.store = NULL};
    struct failure failure = {""};
    struct bus_settings settings = {.queue_bytes_max = 65536};
    assert_int_equal(bus_open(&settings, SLICE("on"), NULL, &plain_reader, &scene.memory, &failure),
                     STATUS_OK);
    assert_false(memory_keeps(scene.memory));
    assert_true(memory_is_healthy(scene.memory));
    assert_int_equal(scene_write(&scene, "alice", "x", NULL), STATUS_UNSUPPORTED);
    assert_int_equal(scene_count(&scene, "alice", NULL), 0);
    uint64_t erased = 0;
    assert_int_equal(scene_erase(&scene, "alice", NULL, &erased), STATUS_OK);
    memory_close(scene.memory);
}

static void bad_settings_are_named(void **state)
{
    struct memory *memory = NULL;
    struct failure failure = {""};
    struct bus_settings settings = {.queue_bytes_max = 65536};
    assert_int_equal(bus_open(&settings, SLICE("("), NULL, &plain_reader, &memory, &failure),
                     STATUS_INVALID);
    assert_non_null(strstr(failure.text, "MEM_REDACT, line 1"));
    struct config config = {.mem_backend = MEM_BACKEND_SQLITE};
    assert_int_equal(memory_open(&config, NULL, &plain_reader, &memory, &failure), STATUS_INVALID);
    assert_null(memory);
    memory_close(NULL);
}

static void assert_refused(const struct config *config, const char *names, const char *hides)
{
    struct failure failure = {""};
    assert_int_equal(memory_check(config, &failure), STATUS_INVALID);
    if (strstr(failure.text, names) == NULL && strstr(failure.text, "build has no") == NULL) {
        fail_msg("%s is not named: %s", names, failure.text);
    }
    assert_true(hides == NULL || strstr(failure.text, hides) == NULL);
}

static void options_are_checked(void **state)
{
    static const char *const urls[] = {"postgres ql:pw@@",
                                       "http://pw@host/",
                                       "host=h pw@@",
                                       "postgresql://u:x@pw@host/y",
                                       "postgresql://u:pw/x@host/y",
                                       "postgresql://u:5/pw@host/y"};
    struct failure failure = {""};
    struct config config = {.mem_backend = MEM_BACKEND_SQLITE, .mem_redact = SLICE("on")};
    assert_int_equal(memory_check(&config, &failure), STATUS_OK);
    config.mem_redact = SLICE("(");
    assert_refused(&config, "MEM_REDACT", NULL);
    config.mem_redact = SLICE("off");
    config.mem_backend = MEM_BACKEND_POSTGRES;
    assert_refused(&config, "POSTGRES_URL", NULL);
    for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
        config.postgres_url = slice_from_string(urls[i]);
        assert_refused(&config, "POSTGRES_URL", "pw");
    }
    config.mem_backend = MEM_BACKEND_WEAVIATE;
    config.weaviate_url = SLICE("nonsense");
    assert_refused(&config, "WEAVIATE_URL", "nonsense");
    config.weaviate_url = SLICE("http://localhost:6666");
    assert_int_equal(memory_check(&config, &failure), STATUS_OK);
    config.mem_backend = MEM_BACKEND_NONE;
    config.weaviate_url = SLICE("");
    assert_int_equal(memory_check(&config, &failure), STATUS_OK);
}

static atomic_uint_fast64_t notified;

static void notify(struct memory_waiter *waiter)
{
    atomic_fetch_add(&notified, 1);
}

static void room_comes_back_and_wakes(void **state)
{
    struct scene scene;
    struct bus_settings settings = embedded;
    struct memory_waiter waiters[2] = {{.notify = notify}, {.notify = notify}};
    settings.queue_bytes_max = 65536;
    scene_begin(&scene, settings, "on");
    atomic_store(&notified, 0);
    assert_true(memory_has_room(scene.memory));
    assert_false(memory_await_room(scene.memory, &waiters[0]));
    bus_hold(scene.memory, 70000);
    assert_false(memory_has_room(scene.memory));
    assert_true(memory_await_room(scene.memory, &waiters[0]));
    assert_true(memory_await_room(scene.memory, &waiters[1]));
    assert_int_equal(scene_write(&scene, "alice", "x", NULL), STATUS_AGAIN);
    bus_release(scene.memory, 1000);
    assert_int_equal(atomic_load(&notified), 0);
    bus_release(scene.memory, 69000);
    assert_int_equal(atomic_load(&notified), 2);
    assert_false(memory_await_room(scene.memory, &waiters[0]));
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_sound_and_rise),
        cmocka_unit_test(what_was_acknowledged_is_there),
        cmocka_unit_test(one_row_is_found_or_not_found),
        cmocka_unit_test(secrets_are_not_stored),
        cmocka_unit_test(names_are_redacted_too),
        cmocka_unit_test(pages_are_cut_before_they_are_too_long),
        cmocka_unit_test(all_of_an_owner_is_erased_in_steps),
        cmocka_unit_test(old_events_are_deleted_by_age),
        cmocka_unit_test(writes_are_all_or_nothing),
        cmocka_unit_test(questions_need_an_owner),
        cmocka_unit_test(without_a_backend_nothing_is_kept),
        cmocka_unit_test(bad_settings_are_named),
        cmocka_unit_test(options_are_checked),
        cmocka_unit_test(room_comes_back_and_wakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * delivery_test.c - the outbox and a remote that is slow, away, refuses, or says no and keeps. */
#include "mem/delivery.h"

#include "rows.h"
#include "scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct bus_settings far = {.backend = &backend_fake};

static int reset(void **state)
{
    remote_reset();
    return 0;
}

static void set_status(enum status status)
{
    pthread_mutex_lock(&remote.lock);
    remote.write_status = status;
    pthread_mutex_unlock(&remote.lock);
}

static void set_held(bool is_held)
{
    pthread_mutex_lock(&remote.lock);
    remote.is_held = is_held;
    pthread_cond_broadcast(&remote.changed);
    pthread_mutex_unlock(&remote.lock);
}

/* Waits until a call of write is held. */
static void await_writing(void)
{
    pthread_mutex_lock(&remote.lock);
    while (remote.writing == 0) {
        pthread_cond_wait(&remote.changed, &remote.lock);
    }
    pthread_mutex_unlock(&remote.lock);
}

static void await_writes(unsigned least)
{
    pthread_mutex_lock(&remote.lock);
    while (remote.writes < least) {
        pthread_cond_wait(&remote.changed, &remote.lock);
    }
    pthread_mutex_unlock(&remote.lock);
}

static void events_are_delivered_in_order(void **state)
{
    enum { count = 600 };
    struct scene scene;
    scene_begin(&scene, far, "on");
    for (unsigned i = 0; i < count; i++) {
        char prompt[32];
        snprintf(prompt, sizeof(prompt), "%u", i);
        assert_int_equal(scene_write(&scene, "alice", prompt, NULL), STATUS_OK);
    }
    const struct memory_counters *counters = memory_counters(scene.memory);
    scene_await(&counters->events_delivered, count);
    scene_await(&counters->outbox_events, 0);
    assert_int_equal(remote.count, count);
    for (unsigned i = 0; i < count; i++) {
        char prompt[32];
        snprintf(prompt, sizeof(prompt), "%u", i);
        assert_string_equal(remote.rows[i].prompt, prompt);
    }
    assert_int_equal(scene_count(&scene, "alice", NULL), count);
    scene_end(&scene);
}

static void a_remote_that_is_away_costs_nothing(void **state)
{
    struct scene scene;
    char id[event_id_length + 1];
    pthread_mutex_lock(&remote.lock);
    remote.open_status = STATUS_IO;
    pthread_mutex_unlock(&remote.lock);
    scene_begin(&scene, far, "on");
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(scene_write(&scene, "alice", "x", id), STATUS_OK);
    }
    const struct memory_counters *counters = memory_counters(scene.memory);
    while (atomic_load(&counters->delivery_failures) < 3) {
        usleep(1000);
    }
    assert_int_equal(atomic_load(&counters->outbox_events), 20);
    assert_true(memory_is_healthy(scene.memory));
    /* what is in the outbox can be read by its id */
    struct memory_job *job = memory_job_create(MEMORY_READ, NULL, NULL);
    job->query = rows_query("alice", 1);
    job->query.id = slice_from_string(id);
    scene_run(&scene, job);
    assert_int_equal(job->status, STATUS_OK);
    assert_true(slice_equals(job->page.events[0].prompt, SLICE("x")));
    memory_job_free(job);
    scene_close(&scene); /* the outbox keeps them */
    remote_reset();
    scene_reopen(&scene, far, "on");
    scene_await(&memory_counters(scene.memory)->events_delivered, 20);
    assert_int_equal(remote_count("alice"), 20);
    scene_end(&scene);
}

static void written_twice_is_kept_once(void **state)
{
    struct scene scene;
    pthread_mutex_lock(&remote.lock);
    remote.lies = true;
    pthread_mutex_unlock(&remote.lock);
    scene_begin(&scene, far, "on");
    assert_int_equal(scene_write(&scene, "alice", "x", NULL), STATUS_OK);
    const struct memory_counters *counters = memory_counters(scene.memory);
    scene_await(&counters->events_delivered, 1);
    assert_int_equal(atomic_load(&counters->delivery_failures), 1);
    assert_int_equal(remote_count("alice"), 1);
    scene_end(&scene);
}

static void the_poisoned_event_is_put_aside(void **state)
{
    enum { count = 100 };
    struct scene scene;
    set_status(STATUS_IO);
    pthread_mutex_lock(&remote.lock);
    remote.poison = "poison";
    pthread_mutex_unlock(&remote.lock);
    scene_begin(&scene, far, "on");
    for (unsigned i = 0; i < count; i++) {
        bool is_poison = i == 0 || i == 41 || i == count - 1;
        assert_int_equal(scene_write(&scene, "alice", is_poison ? "poison" : "good", NULL),
                         STATUS_OK);
    }
    set_status(STATUS_OK);
    const struct memory_counters *counters = memory_counters(scene.memory);
    scene_await(&counters->events_rejected, 3);
    scene_await(&counters->events_delivered, count - 3);
    scene_await(&counters->outbox_events, 0);
    assert_int_equal(remote_count("alice"), count - 3);
    /* and an erasure finds those put aside */
    uint64_t erased = 0;
    assert_int_equal(scene_erase(&scene, "alice", NULL, &erased), STATUS_OK);
    assert_int_equal(erased, count);
    scene_end(&scene);
}

static atomic_uint_fast64_t erasures;

static void erasure_done(struct memory_job *job)
{
    assert_int_equal(job->status, STATUS_OK);
    atomic_fetch_add(&erasures, 1);
    memory_job_free(job);
}

static void an_erasure_wins_against_a_delivery(void **state)
{
    struct scene scene;
    scene_begin(&scene, far, "on");
    atomic_store(&erasures, 0);
    set_held(true);
    assert_int_equal(scene_write(&scene, "alice", "first", NULL), STATUS_OK);
    await_writing(); /* its batch was read from the outbox */
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(scene_write(&scene, "alice", "later", NULL), STATUS_OK);
    }
    assert_int_equal(scene_write(&scene, "bob", "stays", NULL), STATUS_OK);
    struct memory_job *job = memory_job_create(MEMORY_ERASE, erasure_done, NULL);
    job->query = rows_query("alice", 0);
    memory_run(scene.memory, job);
    usleep(50000);
    assert_int_equal(atomic_load(&erasures), 0); /* not before it is gone */
    set_held(false);
    scene_await(&erasures, 1);
    scene_await(&memory_counters(scene.memory)->outbox_events, 0);
    assert_int_equal(remote_count("alice"), 0);
    for (unsigned i = 0; i < 5000 && remote_count("bob") == 0; i++) {
        usleep(1000);
    }
    assert_int_equal(remote_count("bob"), 1);
    assert_int_equal(remote_count("alice"), 0);
    scene_end(&scene);
}

static void an_erasure_that_fails_says_so(void **state)
{
    struct scene scene;
    uint64_t erased = 0;
    scene_begin(&scene, far, "on");
    assert_int_equal(scene_write(&scene, "alice", "x", NULL), STATUS_OK);
    scene_await(&memory_counters(scene.memory)->events_delivered, 1);
    set_status(STATUS_TIMEOUT);
    assert_int_equal(scene_erase(&scene, "alice", NULL, &erased), STATUS_IO);
    set_status(STATUS_OK);
    assert_int_equal(scene_erase(&scene, "alice", NULL, &erased), STATUS_OK);
    assert_int_equal(erased, 1);
    assert_int_equal(scene_erase(&scene, "alice", "01900000-0000-7000-8000-000000000001", &erased),
                     STATUS_NOT_FOUND);
    scene_end(&scene);
}

static void the_outbox_has_a_cap(void **state)
{
    struct scene scene;
    struct bus_settings settings = far;
    char text[5000];
    settings.outbox_bytes_max = 65536;
    set_status(STATUS_IO);
    scene_begin(&scene, settings, "on");
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    unsigned stored = 0;
    enum status status;
    while ((status = scene_write(&scene, "alice", text, NULL)) == STATUS_OK) {
        stored++;
        assert_true(stored < 20);
    }
    assert_int_equal(status, STATUS_LIMIT);
    assert_true(stored >= 10);
    assert_false(memory_is_healthy(scene.memory));
    const struct memory_counters *counters = memory_counters(scene.memory);
    assert_int_equal(atomic_load(&counters->events_refused), 1);
    set_status(STATUS_OK);
    scene_await(&counters->events_delivered, stored);
    assert_true(memory_is_healthy(scene.memory));
    assert_int_equal(scene_write(&scene, "alice", text, NULL), STATUS_OK);
    scene_end(&scene);
}

static void closing_does_not_wait_for_the_remote(void **state)
{
    struct scene scene;
    struct bus_settings settings = far;
    settings.pause_least_ms = 3600 * 1000;
    settings.pause_max_ms = 3600 * 1000;
    set_status(STATUS_IO);
    scene_begin(&scene, settings, "on");
    assert_int_equal(scene_write(&scene, "alice", "x", NULL), STATUS_OK);
    await_writes(1);
    scene_end(&scene);
}

/* ---- questions and erasures that wait ---- */

/* As the fake one, but that reading waits. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_held;
    unsigned reads;
} reading = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static enum status held_read(void *handle, const struct backend_query *query, struct arena *arena,
                             struct event_page *ret, struct failure *reterr)
{
    pthread_mutex_lock(&reading.lock);
    reading.reads++;
    pthread_cond_broadcast(&reading.changed);
    while (reading.is_held) {
        pthread_cond_wait(&reading.changed, &reading.lock);
    }
    pthread_mutex_unlock(&reading.lock);
    return backend_fake.read(handle, query, arena, ret, reterr);
}

static void reading_set(bool is_held)
{
    pthread_mutex_lock(&reading.lock);
    reading.is_held = is_held;
    reading.reads = is_held ? 0 : reading.reads;
    pthread_cond_broadcast(&reading.changed);
    pthread_mutex_unlock(&reading.lock);
}

static void await_reading(void)
{
    pthread_mutex_lock(&reading.lock);
    while (reading.reads == 0) {
        pthread_cond_wait(&reading.changed, &reading.lock);
    }
    pthread_mutex_unlock(&reading.lock);
}

static void scene_begin_held(struct scene *scene)
{
    static struct backend backend;
    struct bus_settings settings = far;
    backend = backend_fake;
    backend.read = held_read;
    settings.backend = &backend;
    scene_begin(scene, settings, "on");
    reading_set(true);
}

static atomic_uint_fast64_t answers[3];  /* OK, IO, AGAIN */
static atomic_uint_fast64_t writes_seen; /* by the last of them */

static void answer_counted(struct memory_job *job)
{
    size_t kind = job->status == STATUS_OK ? 0 : job->status == STATUS_IO ? 1 : 2;
    assert_true(kind < 2 || job->status == STATUS_AGAIN);
    pthread_mutex_lock(&remote.lock);
    atomic_store(&writes_seen, remote.writes);
    pthread_mutex_unlock(&remote.lock);
    memory_job_free(job);
    atomic_fetch_add(&answers[kind], 1);
}

static struct memory_job *ask(struct scene *scene, enum memory_action action)
{
    struct memory_job *job = memory_job_create(action, answer_counted, NULL);
    assert_non_null(job);
    job->query = rows_query("carol", 5);
    memory_run(scene->memory, job);
    return job;
}

static void answers_forget(void)
{
    for (size_t i = 0; i < 3; i++) {
        atomic_store(&answers[i], 0);
    }
}

static void what_waits_is_answered_when_it_must_hurry(void **state)
{
    struct scene scene;
    scene_begin_held(&scene);
    answers_forget();
    set_held(true);
    assert_int_equal(scene_write(&scene, "alice", "x", NULL), STATUS_OK);
    await_writing();
    for (unsigned i = 0; i < 5; i++) {
        (void)ask(&scene, MEMORY_READ);
        (void)ask(&scene, MEMORY_ERASE);
    }
    await_reading();
    assert_int_equal(atomic_load(&answers[1]), 0);
    memory_hurry(scene.memory); /* all but the one that is asked already */
    scene_await(&answers[1], 9);
    (void)ask(&scene, MEMORY_READ); /* and whoever comes later */
    scene_await(&answers[1], 10);
    assert_int_equal(atomic_load(&answers[0]), 0);
    reading_set(false);
    set_held(false);
    scene_await(&answers[0], 1);
    scene_end(&scene);
}

static void abandoned_questions_are_not_asked(void **state)
{
    struct scene scene;
    scene_begin_held(&scene);
    answers_forget();
    (void)ask(&scene, MEMORY_READ);
    await_reading();
    for (unsigned i = 0; i < 5; i++) {
        memory_job_abandon(ask(&scene, MEMORY_READ));
    }
    (void)ask(&scene, MEMORY_READ);
    reading_set(false);
    scene_await(&answers[0], 2);
    scene_await(&answers[1], 5);
    assert_int_equal(reading.reads, 2);
    scene_end(&scene);
}

static void erasures_that_wait_have_a_cap(void **state)
{
    enum { more = 7 };
    struct scene scene;
    scene_begin(&scene, far, "on");
    answers_forget();
    set_held(true);
    assert_int_equal(scene_write(&scene, "alice", "x", NULL), STATUS_OK);
    await_writing();
    for (unsigned i = 0; i < bus_remote_erasures_max + more; i++) {
        (void)ask(&scene, MEMORY_ERASE);
    }
    scene_await(&answers[2], more);
    set_held(false);
    scene_await(&answers[0], bus_remote_erasures_max);
    scene_end(&scene);
}

static void erasures_do_not_starve_the_outbox(void **state)
{
    enum { count = 50 };
    struct scene scene;
    scene_begin(&scene, far, "on");
    answers_forget();
    set_held(true);
    assert_int_equal(scene_write(&scene, "alice", "x", NULL), STATUS_OK);
    await_writing();
    for (unsigned i = 0; i < count; i++) {
        (void)ask(&scene, MEMORY_ERASE);
    }
    /* behind the erasures in the store, so that all of them wait at the remote by then */
    assert_int_equal(scene_write(&scene, "alice", "y", NULL), STATUS_OK);
    set_held(false);
    scene_await(&answers[0], count);
    assert_int_equal(atomic_load(&writes_seen), 2);
    scene_end(&scene);
}

static void await_failing(struct scene *scene, bool is_failing, struct failure *ret)
{
    for (unsigned i = 0; i < 30000 && memory_delivery_failure(scene->memory, ret) != is_failing;
         i++) {
        usleep(1000);
    }
    assert_int_equal(memory_delivery_failure(scene->memory, ret), is_failing);
}

static void it_is_told_why_the_remote_fails(void **state)
{
    struct scene scene;
    struct failure failure = {""};
    scene_begin(&scene, far, "on");
    assert_false(memory_delivery_failure(scene.memory, &failure));
    set_status(STATUS_IO);
    assert_int_equal(scene_write(&scene, "alice", "x", NULL), STATUS_OK);
    await_failing(&scene, true, &failure);
    assert_string_equal(failure.text, "the remote refuses");
    set_status(STATUS_OK);
    await_failing(&scene, false, &failure);
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(events_are_delivered_in_order, reset),
        cmocka_unit_test_setup(a_remote_that_is_away_costs_nothing, reset),
        cmocka_unit_test_setup(written_twice_is_kept_once, reset),
        cmocka_unit_test_setup(the_poisoned_event_is_put_aside, reset),
        cmocka_unit_test_setup(an_erasure_wins_against_a_delivery, reset),
        cmocka_unit_test_setup(an_erasure_that_fails_says_so, reset),
        cmocka_unit_test_setup(the_outbox_has_a_cap, reset),
        cmocka_unit_test_setup(closing_does_not_wait_for_the_remote, reset),
        cmocka_unit_test_setup(what_waits_is_answered_when_it_must_hurry, reset),
        cmocka_unit_test_setup(abandoned_questions_are_not_asked, reset),
        cmocka_unit_test_setup(erasures_that_wait_have_a_cap, reset),
        cmocka_unit_test_setup(erasures_do_not_starve_the_outbox, reset),
        cmocka_unit_test_setup(it_is_told_why_the_remote_fails, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

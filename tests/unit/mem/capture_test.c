/* SPDX-License-Identifier: MIT
 *
 * capture_test.c - captured calls become events, however they are split; caps, losses and sums. */
#include "mem/capture.h"

#include "base/clock.h"
#include "rows.h"
#include "scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct bus_settings embedded = {.backend = &backend_sqlite};

static struct capture *begin(struct scene *scene, bool withheld)
{
    struct identity identity = {.proof = IDENTITY_OIDC,
                                .issuer = SLICE("https://issuer.test/"),
                                .subject = SLICE("alice"),
                                .user = SLICE("alice")};
    struct capture_start start = {.identity = &identity,
                                  .session = SLICE("session"),
                                  .request_id = SLICE("request"),
                                  .withheld = withheld,
                                  .started_us = 17};
    return capture_begin(scene->memory, &start);
}

/* Feeds <text> in pieces of <piece> bytes. */
static void feed(struct capture *capture, void (*give)(struct capture *capture, struct slice bytes),
                 struct slice text, size_t piece)
{
    while (text.length > 0) {
        size_t count = text.length < piece ? text.length : piece;
        give(capture, slice_make(text.data, count));
        text = slice_after(text, count);
    }
}

static atomic_uint_fast64_t ends;
static atomic_int last_status;

static void ended(void *context, enum status status)
{
    atomic_store(&last_status, (int)status);
    atomic_fetch_add(&ends, 1);
}

/* The newest event of alice, in <job>. */
static const struct event *newest(struct scene *scene, struct memory_job **ret_job)
{
    struct memory_job *job = memory_job_create(MEMORY_READ, NULL, NULL);
    job->query = rows_query("alice", 1);
    scene_run(scene, job);
    assert_int_equal(job->status, STATUS_OK);
    assert_int_equal(job->page.count, 1);
    *ret_job = job;
    return &job->page.events[0];
}

/* The queue is left after the answer. */
static void await_empty_queue(struct scene *scene)
{
    for (unsigned i = 0; i < 30000 && atomic_load(&scene->memory->queue_bytes) != 0; i++) {
        usleep(1000);
    }
    assert_int_equal(atomic_load(&scene->memory->queue_bytes), 0);
}

static void exchange(struct scene *scene, struct slice prompt, struct slice completion,
                     size_t piece)
{
    uint64_t before = atomic_load(&ends);
    struct capture *capture = begin(scene, false);
    assert_non_null(capture);
    feed(capture, capture_request, prompt, piece);
    capture_reply_head(capture, 200, SLICE("text/plain"), SLICE(""));
    feed(capture, capture_reply, completion, piece);
    capture_end(capture, CAPTURE_COMPLETE, ended, NULL);
    scene_await(&ends, before + 1);
}

static void an_exchange_becomes_an_event(void **state)
{
    struct scene scene;
    struct memory_job *job;
    scene_begin(&scene, embedded, "on");
    int64_t before_us = clock_wall_us();
    exchange(&scene, SLICE("my prompt"), SLICE("the Token [end]"), 1000);
    assert_int_equal(atomic_load(&last_status), STATUS_OK);
    const struct event *event = newest(&scene, &job);
    assert_true(slice_equals(event->event, SLICE("exchange")));
    assert_true(slice_equals(event->user, SLICE("alice")));
    assert_true(slice_equals(event->session, SLICE("session")));
    assert_true(slice_equals(event->request_id, SLICE("request")));
    assert_true(slice_equals(event->model, SLICE("plain")));
    assert_true(slice_equals(event->prompt, SLICE("my prompt")));
    assert_true(slice_equals(event->completion, SLICE("the Token [end]")));
    assert_int_equal(event->tokens_in, 9);
    assert_int_equal(event->tokens_out, 15);
    assert_int_equal(event->status, 200);
    assert_int_equal(event->started_us, 17);
    assert_true(event->first_token_us >= before_us);
    assert_true(event->ended_us >= event->first_token_us);
    assert_true(event->is_exchange && event->complete);
    assert_false(event->aborted || event->truncated || event->withheld);
    memory_job_free(job);
    assert_int_equal(scene_count(&scene, "alice", "prompt token"), 1);
    scene_end(&scene);
}

static void any_split_gives_the_same(void **state)
{
    static const size_t pieces[] = {1, 2, 7, 100, 4095, 4096, 4097, 65536, 1000000};
    enum { prompt_size = 20000, completion_size = 60000 };
    struct scene scene;
    struct memory_job *job;
    scene_begin(&scene, embedded, "off");
    char *text = malloc(completion_size);
    assert_non_null(text);
    for (size_t i = 0; i < completion_size; i++) {
        text[i] = (char)('a' + (i * 7 + i / 251) % 26);
    }
    for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
        exchange(&scene, slice_make(text, prompt_size), slice_make(text, completion_size),
                 pieces[i]);
        const struct event *event = newest(&scene, &job);
        assert_true(slice_equals(event->prompt, slice_make(text, prompt_size)));
        assert_true(slice_equals(event->completion, slice_make(text, completion_size)));
        memory_job_free(job);
    }
    await_empty_queue(&scene);
    free(text);
    scene_end(&scene);
}

static void the_first_token_has_its_own_time(void **state)
{
    struct scene scene;
    struct memory_job *job;
    scene_begin(&scene, embedded, "off");
    uint64_t before = atomic_load(&ends);
    struct capture *capture = begin(&scene, false);
    capture_request(capture, SLICE("p"));
    capture_reply_head(capture, 200, SLICE("text/plain"), SLICE("identity"));
    capture_reply(capture, SLICE("nothing yet"));
    usleep(20000);
    int64_t least_us = clock_wall_us();
    capture_reply(capture, SLICE("T"));
    int64_t most_us = clock_wall_us();
    usleep(20000);
    capture_reply(capture, SLICE("more"));
    capture_end(capture, CAPTURE_COMPLETE, ended, NULL);
    scene_await(&ends, before + 1);
    const struct event *event = newest(&scene, &job);
    assert_true(event->first_token_us >= least_us && event->first_token_us <= most_us);
    memory_job_free(job);
    scene_end(&scene);
}

static void withheld_text_is_not_kept(void **state)
{
    struct scene scene;
    struct memory_job *job;
    scene_begin(&scene, embedded, "off");
    uint64_t before = atomic_load(&ends);
    struct capture *capture = begin(&scene, true);
    capture_request(capture, SLICE("private"));
    capture_reply_head(capture, 200, SLICE("text/plain"), SLICE(""));
    capture_reply(capture, SLICE("answer"));
    capture_end(capture, CAPTURE_ABORTED, ended, NULL);
    scene_await(&ends, before + 1);
    const struct event *event = newest(&scene, &job);
    assert_null(event->prompt.data);
    assert_null(event->completion.data);
    assert_int_equal(event->tokens_in, 7);
    assert_true(event->withheld && event->aborted);
    assert_false(event->complete);
    memory_job_free(job);
    scene_end(&scene);
}

static void unreadable_replies_leave_the_fact(void **state)
{
    struct scene scene;
    struct memory_job *job;
    scene_begin(&scene, embedded, "off");
    uint64_t before = atomic_load(&ends);
    struct capture *capture = begin(&scene, false);
    capture_request(capture, SLICE("p"));
    capture_reply_head(capture, 200, SLICE("text/plain"), SLICE("gzip"));
    capture_reply(capture, SLICE("\x1f\x8b\x08"));
    capture_end(capture, CAPTURE_TRUNCATED, ended, NULL);
    scene_await(&ends, before + 1);
    const struct event *event = newest(&scene, &job);
    assert_true(slice_equals(event->prompt, SLICE("p")));
    assert_int_equal(event->completion.length, 0);
    assert_false(event->complete || event->aborted);
    memory_job_free(job);
    /* nothing but an end */
    capture = begin(&scene, false);
    capture_end(capture, CAPTURE_ABORTED, NULL, NULL);
    scene_await(&memory_counters(scene.memory)->events_stored, 2);
    scene_end(&scene);
}

static void requests_over_the_cap_are_cut(void **state)
{
    enum { size = 4 * 65536 + 1024 * 1024 + 5 };
    struct scene scene;
    struct memory_job *job;
    scene_begin(&scene, embedded, "off");
    char *text = malloc(size);
    assert_non_null(text);
    memset(text, 'x', size);
    exchange(&scene, slice_make(text, size), SLICE("[end]"), 300000);
    const struct event *event = newest(&scene, &job);
    assert_int_equal(event->prompt.length, 65536);
    assert_true(event->truncated);
    memory_job_free(job);
    free(text);
    scene_end(&scene);
}

static void secrets_are_not_captured(void **state)
{
    struct scene scene;
    struct memory_job *job;
    scene_begin(&scene, embedded, "on");
    exchange(&scene, SLICE("I am x@y.example"), SLICE("Bearer abcdefghijklmnopqrst"), 3);
    const struct event *event = newest(&scene, &job);
    assert_true(slice_equals(event->prompt, SLICE("I am [redacted:email]")));
    assert_true(slice_equals(event->completion, SLICE("Bearer [redacted:token]")));
    memory_job_free(job);
    scene_end(&scene);
}

/* While the queue is full, drop loses whole exchanges, and each is counted. */
static void drop_counts_what_it_drops(void **state)
{
    struct scene scene;
    struct bus_settings settings = embedded;
    settings.when_full = MEM_WHEN_FULL_DROP;
    settings.queue_bytes_max = 65536;
    scene_begin(&scene, settings, "off");
    const struct memory_counters *counters = memory_counters(scene.memory);
    uint64_t before = atomic_load(&ends);
    struct capture *running = begin(&scene, false);
    assert_non_null(running);
    bus_hold(scene.memory, 65536);
    assert_null(begin(&scene, false));
    assert_int_equal(atomic_load(&counters->events_dropped), 1);
    char text[10000];
    memset(text, 'x', sizeof(text));
    capture_request(running, slice_make(text, sizeof(text))); /* more than its block holds */
    capture_end(running, CAPTURE_COMPLETE, ended, NULL);
    scene_await(&ends, before + 1);
    assert_int_equal(atomic_load(&last_status), STATUS_LIMIT);
    assert_int_equal(atomic_load(&counters->events_dropped), 2);
    bus_release(scene.memory, 65536);
    exchange(&scene, SLICE("p"), SLICE("c"), 1);
    assert_int_equal(atomic_load(&counters->events_stored), 1);
    await_empty_queue(&scene);
    scene_end(&scene);
}

static void refused_exchanges_are_counted(void **state)
{
    struct scene scene;
    struct bus_settings settings = {.backend = &backend_refusing};
    scene_begin(&scene, settings, "off");
    exchange(&scene, SLICE("p"), SLICE("c"), 1);
    assert_int_equal(atomic_load(&last_status), STATUS_INVALID);
    assert_int_equal(atomic_load(&memory_counters(scene.memory)->events_refused), 1);
    scene_end(&scene);
}

static void without_memory_nothing_is_captured(void **state)
{
    struct scene scene;
    struct failure failure;
    struct bus_settings settings = {.queue_bytes_max = 65536};
    assert_int_equal(bus_open(&settings, SLICE("on"), NULL, &plain_reader, &scene.memory, &failure),
                     STATUS_OK);
    assert_null(begin(&scene, false));
    memory_close(scene.memory);
}

/* ---- requests that are long or come slowly ---- */

static atomic_uint_fast64_t requests_read;

static void counted_read_request(struct dialect_reader *reader, struct slice body, bool is_whole)
{
    plain_reader.read_request(reader, body, is_whole);
    atomic_fetch_add(&requests_read, 1);
}

static void scene_begin_counting(struct scene *scene, uint64_t queue_bytes_max)
{
    static struct exchange_reader reader;
    struct bus_settings settings = embedded;
    reader = plain_reader;
    reader.read_request = counted_read_request;
    settings.queue_bytes_max = queue_bytes_max;
    scene_begin(scene, settings, "off");
    scene->memory->reader = &reader;
    atomic_store(&requests_read, 0);
}

/* What the reading thread holds of requests, when it has read what it was given. */
static size_t requests_held(struct scene *scene)
{
    await_empty_queue(scene);
    assert_int_equal(scene_write(scene, "bob", "a letter behind all others", NULL), STATUS_OK);
    await_empty_queue(scene);
    return scene->memory->requests_bytes;
}

static void a_long_request_is_read_before_the_reply(void **state)
{
    enum { size = 300 * 1024 };
    struct scene scene;
    struct memory_job *job;
    scene_begin_counting(&scene, 0);
    char *text = malloc(size);
    assert_non_null(text);
    memset(text, 'x', size);
    uint64_t before = atomic_load(&ends);
    struct capture *capture = begin(&scene, false);
    feed(capture, capture_request, slice_make(text, size), 10000);
    capture_request_end(capture);
    scene_await(&requests_read, 1);
    assert_int_equal(requests_held(&scene), 0);
    capture_reply_head(capture, 200, SLICE("text/plain"), SLICE(""));
    capture_reply(capture, SLICE("T"));
    capture_end(capture, CAPTURE_COMPLETE, ended, NULL);
    scene_await(&ends, before + 1);
    assert_int_equal(atomic_load(&requests_read), 1);
    const struct event *event = newest(&scene, &job);
    assert_int_equal(event->prompt.length, 65536);
    assert_true(slice_equals(event->completion, SLICE("T")));
    memory_job_free(job);
    free(text);
    scene_end(&scene);
}

static void requests_that_are_not_whole_share_their_room(void **state)
{
    enum { size = 500 * 1024, count = 12, share = 4 * 65536 + 1024 * 1024 };
    struct scene scene;
    struct capture *captures[count];
    scene_begin_counting(&scene, 2 * share);
    char *text = malloc(size);
    assert_non_null(text);
    memset(text, 'x', size);
    uint64_t before = atomic_load(&ends);
    for (size_t i = 0; i < count; i++) {
        captures[i] = begin(&scene, false);
        feed(captures[i], capture_request, slice_make(text, size), 10000);
        assert_true(requests_held(&scene) <= 2 * share);
    }
    assert_true(atomic_load(&requests_read) > 0 && atomic_load(&requests_read) < count);
    for (size_t i = 0; i < count; i++) {
        capture_reply_head(captures[i], 200, SLICE("text/plain"), SLICE(""));
        capture_end(captures[i], CAPTURE_COMPLETE, ended, NULL);
    }
    scene_await(&ends, before + count);
    assert_int_equal(requests_held(&scene), 0);
    assert_int_equal(scene_count(&scene, "alice", NULL), count);
    free(text);
    scene_end(&scene);
}

static void a_queue_that_is_overfull_cuts_requests(void **state)
{
    enum { size = 200 * 1024, held = 64 * 1024 * 1024 };
    struct scene scene;
    struct memory_job *job;
    scene_begin(&scene, embedded, "off");
    char *text = malloc(size);
    assert_non_null(text);
    memset(text, 'x', size);
    uint64_t before = atomic_load(&ends);
    struct capture *capture = begin(&scene, false);
    bus_hold(scene.memory, 2 * (size_t)held);
    feed(capture, capture_request, slice_make(text, size), 10000);
    bus_release(scene.memory, 2 * (size_t)held);
    capture_end(capture, CAPTURE_COMPLETE, ended, NULL);
    scene_await(&ends, before + 1);
    const struct event *event = newest(&scene, &job);
    assert_true(event->truncated && event->prompt.length > 0);
    memory_job_free(job);
    free(text);
    scene_end(&scene);
}

static void redacted_text_is_not_longer_than_the_cap(void **state)
{
    enum { size = 65536 };
    struct scene scene;
    struct memory_job *job;
    scene_begin(&scene, embedded, "on");
    char *text = malloc(size);
    assert_non_null(text);
    for (size_t i = 0; i < size; i++) {
        text[i] = "a@b.de "[i % 7];
    }
    exchange(&scene, slice_make(text, size), SLICE("c"), size);
    const struct event *event = newest(&scene, &job);
    assert_true(event->prompt.length <= size && event->prompt.length > size - 4);
    assert_true(event->truncated);
    memory_job_free(job);
    free(text);
    scene_end(&scene);
}

/* ---- many at once ---- */

enum { threads_count = 4, exchanges_each = 300 };

static void *capture_many(void *scene_pointer)
{
    struct scene *scene = scene_pointer;
    for (size_t i = 0; i < exchanges_each; i++) {
        struct capture *capture = begin(scene, false);
        if (capture == NULL) {
            continue; /* counted as dropped */
        }
        feed(capture, capture_request, SLICE("a prompt of some words"), 1 + i % 9);
        capture_reply_head(capture, 200, SLICE("text/plain"), SLICE(""));
        for (size_t k = 0; k < i % 40; k++) {
            capture_reply(capture, SLICE("a piece of The answer, again and again and again. "));
        }
        capture_end(capture, i % 3 == 0 ? CAPTURE_ABORTED : CAPTURE_COMPLETE, ended, NULL);
    }
    return NULL;
}

static void sums_are_exact(enum mem_when_full when_full, uint64_t queue_bytes_max)
{
    struct scene scene;
    struct bus_settings settings = embedded;
    pthread_t threads[threads_count];
    settings.when_full = when_full;
    settings.queue_bytes_max = queue_bytes_max;
    scene_begin(&scene, settings, "on");
    for (size_t i = 0; i < threads_count; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, capture_many, &scene), 0);
    }
    for (size_t i = 0; i < threads_count; i++) {
        pthread_join(threads[i], NULL);
    }
    const struct memory_counters *counters = memory_counters(scene.memory);
    while (atomic_load(&scene.memory->queue_bytes) != 0) {
        usleep(1000); /* in drop mode a direct write finds no room before */
    }
    assert_int_equal(scene_write(&scene, "alice", "last", NULL), STATUS_OK);
    uint64_t stored = atomic_load(&counters->events_stored);
    uint64_t dropped = atomic_load(&counters->events_dropped);
    assert_int_equal(stored + dropped, threads_count * exchanges_each + 1);
    assert_int_equal(atomic_load(&counters->events_refused), 0);
    await_empty_queue(&scene);
    if (when_full == MEM_WHEN_FULL_SLOW) {
        assert_int_equal(dropped, 0);
    }
    size_t rows = 0;
    struct backend_query query = rows_query("alice", 1000);
    bool has_more = true;
    while (has_more) {
        struct memory_job *job = memory_job_create(MEMORY_READ, NULL, NULL);
        job->query = query;
        scene_run(&scene, job);
        rows += job->page.count;
        has_more = job->page.has_more;
        if (has_more) {
            const struct event *last = &job->page.events[job->page.count - 1];
            query.has_before = true;
            query.before_us = last->timestamp_us;
            memcpy(query.before_id, last->id, sizeof(last->id));
        }
        memory_job_free(job);
    }
    assert_int_equal(rows, stored);
    scene_end(&scene);
}

static void nothing_is_lost_in_slow_mode(void **state)
{
    sums_are_exact(MEM_WHEN_FULL_SLOW, 64 * 1024 * 1024);
}

static void sums_are_exact_in_drop_mode(void **state)
{
    sums_are_exact(MEM_WHEN_FULL_DROP, 1024 * 1024);
}

static void end_unawaited(struct scene *scene)
{
    struct capture *capture = begin(scene, false);
    assert_non_null(capture);
    feed(capture, capture_request, SLICE("nobody waits"), 1000);
    capture_end(capture, CAPTURE_COMPLETE, NULL, NULL);
}

/* An exchange that nobody waits for may wait for company, but never behind what somebody waits for,
 * and not when memory is closed. */
static void what_nobody_waits_for_goes_along(void **state)
{
    struct scene scene;
    scene_begin(&scene, embedded, "on");
    end_unawaited(&scene);
    assert_int_equal(scene_write(&scene, "bob", "a document", NULL), STATUS_OK);
    assert_int_equal(scene_count(&scene, "alice", NULL), 1);
    end_unawaited(&scene);
    exchange(&scene, SLICE("awaited"), SLICE("T"), 1000);
    assert_int_equal(scene_count(&scene, "alice", NULL), 3);
    end_unawaited(&scene); /* by itself */
    scene_await(&scene.memory->counters.events_stored, 5);
    end_unawaited(&scene);
    scene_close(&scene);
    scene_reopen(&scene, embedded, "on");
    assert_int_equal(scene_count(&scene, "alice", NULL), 5);
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_exchange_becomes_an_event),
        cmocka_unit_test(any_split_gives_the_same),
        cmocka_unit_test(the_first_token_has_its_own_time),
        cmocka_unit_test(withheld_text_is_not_kept),
        cmocka_unit_test(unreadable_replies_leave_the_fact),
        cmocka_unit_test(requests_over_the_cap_are_cut),
        cmocka_unit_test(secrets_are_not_captured),
        cmocka_unit_test(drop_counts_what_it_drops),
        cmocka_unit_test(refused_exchanges_are_counted),
        cmocka_unit_test(without_memory_nothing_is_captured),
        cmocka_unit_test(a_long_request_is_read_before_the_reply),
        cmocka_unit_test(requests_that_are_not_whole_share_their_room),
        cmocka_unit_test(a_queue_that_is_overfull_cuts_requests),
        cmocka_unit_test(redacted_text_is_not_longer_than_the_cap),
        cmocka_unit_test(nothing_is_lost_in_slow_mode),
        cmocka_unit_test(sums_are_exact_in_drop_mode),
        cmocka_unit_test(what_nobody_waits_for_goes_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

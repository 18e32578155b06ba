/* SPDX-License-Identifier: MIT
 *
 * mirror_test.c - what memory sees of a call, when it sees it, and who waits for whom. */
#include "gateway/mirror.h"

#include "dialect/dialect.h"
#include "gateway/steps.h"
#include "mem/capture.h"

#include "fake_codec.h"
#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define CALLER "Host: localhost\r\nAuthorization: Bearer " SCENE_TOKEN "\r\n"
#define REPLY_FIELDS "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
#define REPLY_BODY                                                                                 \
    "{\"model\":\"m1\",\"response\":\"the answer\",\"done\":true,\"done_reason\":\"stop\","        \
    "\"prompt_eval_count\":3,\"eval_count\":2}"

enum { prompt_bytes_large = 100 * 1000 };

static const char *const slow_flags[] = {"--mem-queue-max=64k", "--mem-when-full=slow", NULL};
static const char *const stored_flags[] = {"--mem-ack=stored", NULL};

static void begin(struct scene *scene, const char *const *flags)
{
    scene_begin(scene, flags);
    scene_open_memory(scene);
}

/* A prompt that the engine has read; its end of the connection. */
static int call(struct scene *scene, size_t prompt_bytes)
{
    char head[256];
    struct buffer body;
    struct buffer seen;
    buffer_init(&body, 2 * prompt_bytes_large);
    buffer_init(&seen, 2 * prompt_bytes_large);
    buffer_append_string(&body, "{\"model\":\"m1\",\"prompt\":\"");
    for (size_t i = 0; i < prompt_bytes; i++) {
        buffer_append_byte(&body, i % 8 == 7 ? ' ' : 'p');
    }
    buffer_append_string(&body, "\"}");
    assert_false(body.failed);
    snprintf(head, sizeof(head),
             "POST /api/generate HTTP/1.1\r\n" CALLER "Content-Length: %zu\r\n\r\n", body.length);
    struct request *request = scene_request(scene, head);
    request_run(request);
    assert_ptr_equal(scene->connection.request, request);
    request_body(request, buffer_slice(&body));
    request_body_end(request);
    request_settle(request);
    int engine = scene_engine_accept(scene);
    scene_receive_until(scene, engine, &seen, SLICE("\"}"));
    buffer_clear(&body);
    buffer_clear(&seen);
    return engine;
}

static void reply(struct scene *scene, int engine)
{
    char text[512];
    snprintf(text, sizeof(text), REPLY_FIELDS "Content-Length: %zu\r\n\r\n" REPLY_BODY,
             strlen(REPLY_BODY));
    scene_send(scene, engine, slice_from_string(text));
}

/* Until <count> bytes of the reply were flushed. */
static void await_body(struct scene *scene, size_t count)
{
    while (fake_codec_seen.body.length < count) {
        scene_turn(scene, -1);
    }
}

static bool holds(struct slice text, const char *part)
{
    return text.length > 0 && memmem(text.data, text.length, part, strlen(part)) != NULL;
}

/* ---- what is kept ---- */

static void a_call_is_kept_whole(void **state)
{
    struct scene scene;
    begin(&scene, NULL);
    int engine = call(&scene, 20);
    reply(&scene, engine);
    scene_await_end(&scene);
    assert_string_equal(fake_codec_body(), REPLY_BODY);
    struct memory_job *job = scene_recall(&scene, "alice", 1);
    const struct event *event = &job->page.events[0];
    assert_int_equal(job->page.count, 1);
    assert_true(slice_equals(event->event, SLICE("exchange")));
    assert_true(slice_equals(event->user, SLICE("alice")));
    assert_int_equal(event->session.length, session_id_length);
    assert_int_equal(event->request_id.length, 32);
    assert_true(slice_equals(event->model, SLICE("m1")));
    assert_true(holds(event->prompt, "ppppppp ppppppp pppp"));
    assert_true(slice_equals(event->completion, SLICE("the answer")));
    assert_true(slice_equals(event->finish_reason, SLICE("stop")));
    assert_int_equal(event->tokens_in, 3);
    assert_int_equal(event->tokens_out, 2);
    assert_int_equal(event->status, 200);
    assert_true(event->complete && !event->aborted && !event->withheld);
    assert_true(event->started_us > 0 && event->started_us <= event->ended_us);
    memory_job_free(job);
    job = scene_recall(&scene, "bob", 0);
    assert_int_equal(job->page.count, 0);
    memory_job_free(job);
    close(engine);
    scene_end(&scene);
}

static void what_no_dialect_serves_is_not_watched(void **state)
{
    static const char *const none[] = {"--mem-backend=none", NULL};
    static const char chat[] =
        "POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n";
    struct scene scene;
    scene_begin(&scene, NULL);
    struct request *request = scene_request(&scene, chat);
    assert_true(mirror_begin(request)); /* no memory at all */
    assert_null(request->capture);
    scene_drop(request);
    scene_open_memory(&scene);
    request = scene_request(&scene, "GET /api/tags HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_true(mirror_begin(request));
    assert_null(request->capture);
    mirror_request(request, SLICE("nobody"));
    mirror_reply(request, SLICE("looks"));
    assert_int_equal(request->mirror_pieces_count, 0);
    assert_false(mirror_holds(request));
    assert_true(mirror_finish(request));
    scene_drop(request);
    scene_end(&scene);
    begin(&scene, none);
    request = scene_request(&scene, chat);
    assert_true(mirror_begin(request));
    assert_null(request->capture);
    scene_drop(request);
    scene_end(&scene);
}

static void callers_may_withhold_their_text(void **state)
{
    static const struct {
        const char *fields;
        bool is_withheld;
    } cases[] = {
        {"", false},
        {"Cache-Control: no-store\r\n", true},
        {"cache-control: max-age=0, No-Store\r\n", true},
        {"X-Attach-Memory: off\r\n", true},
        {"x_attach_memory: OFF\r\n", false}, /* another name; it does not reach the engine */
        {"x-attach-memory: OFF\r\n", true},
        {"X-Attach-Memory: on\r\n", false},
        {"X-Attach-User: off\r\n", false},
        {"Cache-Control: no-cache\r\n", false},
        {"Cache-Control: no-storeroom\r\n", false},
        {"Pragma: no-store\r\n", false},
    };
    struct scene scene;
    begin(&scene, NULL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char head[512];
        snprintf(head, sizeof(head),
                 "POST /api/generate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 30\r\n%s\r\n",
                 cases[i].fields);
        struct request *request = scene_request(&scene, head);
        scene_prove(request, "alice");
        assert_true(mirror_begin(request));
        mirror_request(request, SLICE("{\"model\":\"m\",\"prompt\":\"secret\"}"));
        assert_true(mirror_finish(request));
        scene_drop(request);
        struct memory_job *job = scene_recall(&scene, "alice", i + 1);
        const struct event *event = &job->page.events[0];
        if (event->withheld != cases[i].is_withheld ||
            holds(event->prompt, "secret") == cases[i].is_withheld) {
            fail_msg("%s: %swithheld, prompt \"%.*s\"", cases[i].fields,
                     event->withheld ? "" : "not ", SLICE_ARGS(event->prompt));
        }
        assert_true(slice_equals(event->model, SLICE("m")));
        memory_job_free(job);
    }
    scene_end(&scene);
}

static const struct response_head plain_head = {.status = 200};

/* A request whose call is watched, without an engine. */
static struct request *watched(struct scene *scene)
{
    struct request *request = scene_request(
        scene, "POST /api/generate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 26\r\n\r\n");
    scene_prove(request, "alice");
    assert_true(mirror_begin(request));
    assert_non_null(request->capture);
    mirror_request(request, SLICE("{\"model\":\"m\",\"prompt\":\"p\"}"));
    return request;
}

/* Bytes that change before the flush are seen changed: they were not copied earlier. */
static void pieces_are_shown_when_they_have_left(void **state)
{
    struct scene scene;
    char piece[] = "{\"response\":\"one\"}\n";
    begin(&scene, NULL);
    struct request *request = watched(&scene);
    mirror_reply_head(request, &plain_head);
    mirror_reply(request, slice_from_string(piece));
    assert_int_equal(request->mirror_pieces_count, 1);
    memcpy(strstr(piece, "one"), "two", 3);
    mirror_flush(request);
    assert_int_equal(request->mirror_pieces_count, 0);
    memcpy(strstr(piece, "two"), "bad", 3);
    mirror_flush(request); /* nothing is shown twice */
    assert_true(mirror_finish(request));
    scene_drop(request);
    struct memory_job *job = scene_recall(&scene, "alice", 1);
    assert_true(slice_equals(job->page.events[0].completion, SLICE("two")));
    memory_job_free(job);
    scene_end(&scene);
}

static void many_pieces_in_one_event_are_all_shown(void **state)
{
    static const char *const letters[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i",
                                          "j", "k", "l", "m", "n", "o", "p", "q", "r"};
    struct scene scene;
    begin(&scene, NULL);
    struct request *request = watched(&scene);
    mirror_reply_head(request, &plain_head);
    mirror_reply(request, SLICE("{\"response\":\""));
    for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++) {
        mirror_reply(request, slice_from_string(letters[i]));
        assert_true(request->mirror_pieces_count <= mirror_pieces_max);
    }
    mirror_reply(request, SLICE("\"}\n"));
    assert_true(mirror_finish(request));
    scene_drop(request);
    struct memory_job *job = scene_recall(&scene, "alice", 1);
    assert_true(slice_equals(job->page.events[0].completion, SLICE("abcdefghijklmnopqr")));
    memory_job_free(job);
    scene_end(&scene);
}

static void expect_outcome(struct scene *scene, unsigned status, bool aborted,
                           const char *completion)
{
    struct memory_job *job = scene_recall(scene, "alice", 1);
    const struct event *event = &job->page.events[0];
    assert_int_equal(job->page.count, 1);
    assert_int_equal(event->status, status);
    assert_false(event->complete);
    assert_int_equal(event->aborted, aborted);
    assert_true(holds(event->prompt, "p"));
    assert_true(slice_equals(event->completion, slice_from_string(completion)));
    memory_job_free(job);
}

static void a_call_that_breaks_off_is_kept_as_such(void **state)
{
    struct scene scene;
    begin(&scene, NULL); /* no reply at all */
    int engine = call(&scene, 20);
    close(engine);
    scene_await_end(&scene);
    assert_int_equal(fake_codec_seen.status, 502);
    expect_outcome(&scene, 502, false, "");
    scene_end(&scene);

    begin(&scene, NULL); /* half a reply */
    engine = call(&scene, 20);
    scene_send(&scene, engine,
               SLICE("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"response\":\"half\"}\n"));
    await_body(&scene, 20);
    close(engine);
    scene_await_end(&scene);
    expect_outcome(&scene, 200, false, "half");
    scene_end(&scene);

    begin(&scene, NULL); /* the client leaves */
    engine = call(&scene, 20);
    scene_send(&scene, engine,
               SLICE("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"response\":\"half\"}\n"));
    await_body(&scene, 20);
    scene_drop(scene.connection.request);
    expect_outcome(&scene, 200, true, "half");
    close(engine);
    scene_end(&scene);
}

/* ---- MEM_REQUIRED ---- */

/* Memory whose store cannot write anywhere. */
static void open_broken_memory(struct scene *scene)
{
    static const struct store_settings nowhere = {
        .directory = "/dev/null/nowhere", .queue_bytes_max = 64 * 1024, .readers_count = 1};
    struct failure failure = {""};
    assert_int_equal(store_open(&nowhere, &scene->process.store, &failure), STATUS_OK);
    assert_int_equal(memory_open(&scene->config, scene->process.store, &dialect_exchange_reader,
                                 &scene->process.memory, &failure),
                     STATUS_OK);
}

static void memory_that_is_required_and_broken_stops_the_call(void **state)
{
    static const char *const required[] = {"--mem-required=true", NULL};
    for (unsigned is_required = 0; is_required < 2; is_required++) {
        struct scene scene;
        scene_begin(&scene, is_required == 1 ? required : NULL);
        open_broken_memory(&scene);
        struct request *request = scene_request(&scene, "POST /api/generate HTTP/1.1\r\n" CALLER
                                                        "Content-Length: 2\r\n\r\n");
        if (is_required == 1) {
            request_run(request);
            assert_null(scene.connection.request);
            assert_int_equal(fake_codec_seen.status, 503);
            assert_non_null(strstr(fake_codec_body(), "must be kept"));
            assert_false(scene_engine_is_called(&scene));
        } else {
            scene_prove(request, "alice");
            assert_true(mirror_begin(request));
            capture_end(request->capture, CAPTURE_ABORTED, NULL, NULL);
            request->capture = NULL;
            scene_drop(request);
        }
        scene_end(&scene);
    }
}

/* ---- MEM_ACK=stored ---- */

static void the_last_byte_waits_for_the_disk(void **state)
{
    struct scene scene;
    begin(&scene, stored_flags);
    int engine = call(&scene, 20);
    scene_hold_store(&scene);
    reply(&scene, engine);
    await_body(&scene, strlen(REPLY_BODY) - 1);
    scene_await_errands(&scene, 1);
    scene_settle(&scene);
    assert_int_equal(fake_codec_seen.body.length, strlen(REPLY_BODY) - 1);
    assert_int_equal(fake_codec_seen.length, strlen(REPLY_BODY));
    assert_null(strstr(fake_codec_calls(), "end"));
    scene_release_store(&scene);
    scene_await_end(&scene);
    assert_string_equal(fake_codec_body(), REPLY_BODY);
    struct memory_job *job = scene_recall(&scene, "alice", 1);
    assert_true(job->page.events[0].complete);
    memory_job_free(job);
    close(engine);
    scene_end(&scene);
}

/* Without a length it is the end itself that waits. */
static void the_last_chunk_waits_for_the_disk(void **state)
{
    struct scene scene;
    begin(&scene, stored_flags);
    int engine = call(&scene, 20);
    scene_hold_store(&scene);
    scene_send(&scene, engine,
               SLICE(REPLY_FIELDS "Transfer-Encoding: chunked\r\n\r\n"
                                  "14\r\n{\"response\":\"chunk\"}\r\n0\r\n\r\n"));
    scene_await_errands(&scene, 1);
    scene_settle(&scene);
    assert_string_equal(fake_codec_body(), "{\"response\":\"chunk\"}");
    assert_null(strstr(fake_codec_calls(), "end"));
    scene_release_store(&scene);
    scene_await_end(&scene);
    assert_non_null(strstr(fake_codec_calls(), "end"));
    assert_string_equal(fake_codec_body(), "{\"response\":\"chunk\"}");
    close(engine);
    scene_end(&scene);
}

static void a_client_that_leaves_while_the_disk_is_awaited(void **state)
{
    struct scene scene;
    begin(&scene, stored_flags);
    int engine = call(&scene, 20);
    scene_hold_store(&scene);
    reply(&scene, engine);
    scene_await_errands(&scene, 1);
    scene_drop(scene.connection.request);
    assert_int_equal(scene.gateway->errands_out, 1);
    scene_release_store(&scene);
    scene_await_errands(&scene, 0);
    struct memory_job *job = scene_recall(&scene, "alice", 1);
    assert_int_equal(job->page.count, 1);
    assert_true(slice_equals(job->page.events[0].completion, SLICE("the answer")));
    memory_job_free(job);
    close(engine);
    scene_end(&scene);
}

/* A store that refuses must not hold an answer for ever. */
static void an_answer_does_not_wait_for_a_disk_that_refuses(void **state)
{
    struct scene scene;
    scene_begin(&scene, stored_flags);
    open_broken_memory(&scene);
    int engine = call(&scene, 20);
    reply(&scene, engine);
    scene_await_end(&scene);
    assert_string_equal(fake_codec_body(), REPLY_BODY);
    assert_true(atomic_load(&memory_counters(scene.process.memory)->events_refused) > 0);
    close(engine);
    scene_end(&scene);
}

/* ---- MEM_WHEN_FULL=slow ---- */

/* Fills the queue: an exchange that waits for the store. */
static void fill_queue(struct scene *scene)
{
    scene_hold_store(scene);
    int engine = call(scene, prompt_bytes_large);
    reply(scene, engine);
    scene_await_end(scene);
    close(engine);
    fake_codec_forget();
    scene_await_bus(scene);
    assert_false(memory_has_room(scene->process.memory));
}

static void the_engine_is_read_as_fast_as_memory_takes_it(void **state)
{
    struct scene scene;
    begin(&scene, slow_flags);
    fill_queue(&scene);
    int engine = call(&scene, 20);
    scene_send(&scene, engine, SLICE("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\none"));
    await_body(&scene, 3);
    struct request *request = scene.connection.request;
    scene_settle(&scene);
    assert_true(request->awaits_room);
    assert_true(request->call.paused);
    assert_int_equal(scene.gateway->errands_out, 1);
    assert_true(mirror_holds(request)); /* asked once only */
    assert_int_equal(scene.gateway->errands_out, 1);
    request_drained(request); /* the client has room, memory has not */
    assert_true(request->call.paused);
    scene_send(&scene, engine, SLICE("twosix"));
    scene_settle(&scene);
    assert_string_equal(fake_codec_body(), "one");
    scene_release_store(&scene);
    scene_await_end(&scene);
    assert_string_equal(fake_codec_body(), "onetwosix");
    struct memory_job *job = scene_recall(&scene, "alice", 2);
    assert_int_equal(job->page.count, 2);
    memory_job_free(job);
    close(engine);
    scene_end(&scene);
}

static void the_end_waits_for_room_too(void **state)
{
    struct scene scene;
    begin(&scene, slow_flags);
    fill_queue(&scene);
    int engine = call(&scene, 20);
    reply(&scene, engine);
    await_body(&scene, strlen(REPLY_BODY));
    scene_settle(&scene);
    assert_non_null(scene.connection.request);
    assert_true(scene.connection.request->awaits_room);
    assert_null(strstr(fake_codec_calls(), "end"));
    scene_release_store(&scene);
    scene_await_end(&scene);
    assert_non_null(strstr(fake_codec_calls(), "end"));
    close(engine);
    scene_end(&scene);
}

static void a_client_that_leaves_while_room_is_awaited(void **state)
{
    struct scene scene;
    begin(&scene, slow_flags);
    fill_queue(&scene);
    int engine = call(&scene, 20);
    scene_send(&scene, engine, SLICE("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\none"));
    await_body(&scene, 3);
    scene_settle(&scene);
    assert_true(scene.connection.request->awaits_room);
    scene_drop(scene.connection.request);
    assert_null(scene.gateway->room_wait.first);
    scene_release_store(&scene);
    scene_await_errands(&scene, 0);
    struct memory_job *job = scene_recall(&scene, "alice", 2);
    assert_true(job->page.events[0].aborted);
    memory_job_free(job);
    close(engine);
    scene_end(&scene);
}

/* The list of those that wait loses its middle, its first, and is then served. */
static void several_wait_for_room(void **state)
{
    struct scene scene;
    struct request *requests[4];
    begin(&scene, slow_flags);
    fill_queue(&scene);
    for (size_t i = 0; i < 4; i++) {
        requests[i] = watched(&scene);
        assert_true(mirror_holds(requests[i]));
    }
    assert_int_equal(scene.gateway->errands_out, 1); /* one letter for all of them */
    scene_drop(requests[1]);
    scene_drop(requests[3]);
    assert_ptr_equal(scene.gateway->room_wait.first, requests[2]);
    assert_ptr_equal(requests[2]->room_next, requests[0]);
    assert_ptr_equal(requests[0]->room_previous, requests[2]);
    assert_null(requests[0]->room_next);
    scene_release_store(&scene);
    scene_await_errands(&scene, 0);
    assert_null(scene.gateway->room_wait.first);
    assert_false(requests[0]->awaits_room || requests[2]->awaits_room);
    assert_false(mirror_holds(requests[0]));
    scene_drop(requests[0]);
    scene_drop(requests[2]);
    scene_end(&scene);
}

static void without_slow_nobody_waits(void **state)
{
    static const char *const flags[] = {"--mem-queue-max=64k", "--mem-when-full=drop", NULL};
    struct scene scene;
    begin(&scene, flags);
    scene_hold_store(&scene);
    for (unsigned i = 0; memory_has_room(scene.process.memory); i++) {
        assert_true(i < 3);
        int filling = call(&scene, 30 * 1000);
        reply(&scene, filling);
        scene_await_end(&scene);
        close(filling);
        fake_codec_forget();
        scene_await_bus(&scene);
    }
    const struct memory_counters *counters = memory_counters(scene.process.memory);
    assert_int_equal(atomic_load(&counters->events_dropped), 0);
    int engine = call(&scene, 20);
    reply(&scene, engine);
    scene_await_end(&scene);
    assert_string_equal(fake_codec_body(), REPLY_BODY);
    assert_int_equal(atomic_load(&counters->events_dropped), 1);
    scene_release_store(&scene);
    close(engine);
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_is_kept_whole),
        cmocka_unit_test(what_no_dialect_serves_is_not_watched),
        cmocka_unit_test(callers_may_withhold_their_text),
        cmocka_unit_test(pieces_are_shown_when_they_have_left),
        cmocka_unit_test(many_pieces_in_one_event_are_all_shown),
        cmocka_unit_test(a_call_that_breaks_off_is_kept_as_such),
        cmocka_unit_test(memory_that_is_required_and_broken_stops_the_call),
        cmocka_unit_test(the_last_byte_waits_for_the_disk),
        cmocka_unit_test(the_last_chunk_waits_for_the_disk),
        cmocka_unit_test(a_client_that_leaves_while_the_disk_is_awaited),
        cmocka_unit_test(an_answer_does_not_wait_for_a_disk_that_refuses),
        cmocka_unit_test(the_engine_is_read_as_fast_as_memory_takes_it),
        cmocka_unit_test(the_end_waits_for_room_too),
        cmocka_unit_test(a_client_that_leaves_while_room_is_awaited),
        cmocka_unit_test(several_wait_for_room),
        cmocka_unit_test(without_slow_nobody_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

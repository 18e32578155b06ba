/* SPDX-License-Identifier: MIT
 *
 * answer_memory_test.c - documents in, lists, single events and exports out, erasures; each caller
 * their own. Requests pass through all steps; memory is real. */
#include "gateway/request.h"

#include "fake_codec.h"
#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { export_page_rows = 200 }; /* as the answer fetches them */

/* Asks as the bearer of <token>; returns the status, what was said is with the fake codec. */
static unsigned ask_as(struct scene *scene, const char *token, const char *method,
                       const char *target, const char *body)
{
    char head[1024];
    fake_codec_forget();
    int length = snprintf(head, sizeof(head),
                          "%s %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n"
                          "Content-Length: %zu\r\n\r\n",
                          method, target, token, strlen(body));
    assert_true(length > 0 && (size_t)length < sizeof(head));
    request_run(scene_request(scene, head));
    if (body[0] != '\0' && scene->connection.request != NULL) {
        request_body(scene->connection.request, slice_from_string(body));
    }
    if (scene->connection.request != NULL) {
        request_body_end(scene->connection.request);
    }
    scene_await_end(scene);
    return fake_codec_seen.status;
}

static unsigned ask(struct scene *scene, const char *method, const char *target, const char *body)
{
    return ask_as(scene, SCENE_TOKEN, method, target, body);
}

/* Leaves a document of alice's; its id, until the next one. */
static const char *leave(struct scene *scene, const char *document)
{
    static char id[event_id_length + 1];
    if (ask(scene, "POST", "/mem/events", document) != 201) {
        fail_msg("%s: %u %s", document, fake_codec_seen.status, fake_codec_body());
    }
    const char *text = strstr(fake_codec_body(), "{\"mem_id\":\"");
    assert_non_null(text);
    memcpy(id, text + strlen("{\"mem_id\":\""), event_id_length);
    id[event_id_length] = '\0';
    return id;
}

static const char *target_of(const char *id)
{
    static char target[128];
    snprintf(target, sizeof(target), "/mem/events/%s", id);
    return target;
}

static void begin(struct scene *scene)
{
    scene_begin(scene, NULL);
    scene_open_memory(scene);
}

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;
    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part)) {
        count++;
    }
    return count;
}

static void a_document_comes_back_to_who_left_it(void **state)
{
    struct scene scene;
    char id[event_id_length + 1];
    begin(&scene);
    memcpy(id,
           leave(&scene, "{\"event\":\"plan\",\"session\":\"work\",\"task\":\"t1\","
                         "\"payload\":{\"n\":0.10}}"),
           sizeof(id));
    assert_int_equal(ask(&scene, "GET", target_of(id), ""), 200);
    const char *const parts[] = {"\"payload\":{\"n\":0.10}", "\"plan\"", "\"t1\"", "\"alice\"", id};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (strstr(fake_codec_body(), parts[i]) == NULL) {
            fail_msg("%s is not in %s", parts[i], fake_codec_body());
        }
    }
    assert_int_equal(ask_as(&scene, SCENE_TOKEN_BOB, "GET", target_of(id), ""), 404);
    assert_int_equal(ask_as(&scene, SCENE_TOKEN_BOB, "DELETE", target_of(id), ""), 404);
    assert_int_equal(ask(&scene, "GET", target_of("00000000-0000-7000-8000-000000000000"), ""),
                     404);
    assert_int_equal(ask(&scene, "GET", "/mem/events/x'--", ""), 404);
    assert_int_equal(ask(&scene, "DELETE", "/mem/events/x'--", ""), 404);
    assert_int_equal(ask(&scene, "DELETE", target_of(id), ""), 200);
    assert_string_equal(fake_codec_body(), "{\"erased\":1}");
    assert_int_equal(ask(&scene, "DELETE", target_of(id), ""), 404);
    scene_end(&scene);
}

static void other_documents_are_told_what_is_wrong(void **state)
{
#define LONG                                                                                       \
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890"  \
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890"  \
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890"
    static const struct {
        const char *body;
        unsigned status;
        const char *detail;
    } cases[] = {
        {"", 400, "must be a JSON object"},
        {"[]", 400, "must be a JSON object"},
        {"{\"payload\":1", 400, "must be a JSON object"},
        {"{}", 422, "payload: any JSON value"},
        {"{\"event\":\"x\"}", 422, "payload: any JSON value"},
        {"{\"payload\":1,\"user\":\"eve\"}", 422, "unknown member"},
        {"{\"payload\":1,\"event\":7}", 422, "event: a string"},
        {"{\"payload\":1,\"event\":\"\"}", 422, "event: a string"},
        {"{\"payload\":1,\"event\":\"" LONG "\"}", 422, "event: a string"},
        {"{\"payload\":1,\"task\":[]}", 422, "task: a string"},
        {"{\"payload\":1,\"session\":true}", 422, "session: a string"},
        {"{\"payload\":1,\"event\":\"exchange\"}", 422, "own words"},
        {"{\"payload\":1,\"event\":\"l\\u006fg\"}", 422, "own words"},
        {"{\"payload\":1,\"event\":\"task_sent\"}", 422, "own words"},
        {"{\"payload\":1,\"event\":\"task_result\"}", 422, "own words"},
        {"{\"payload\":1,\"event\":\"note\",\"event\":\"log\"}", 422, "own words"},
    };
    static const char *const fine[] = {
        "{\"payload\":null}", "{\"payload\":1,\"event\":null,\"task\":null,\"session\":null}",
        "{\"payload\":[\"'; DROP TABLE events; --\"]}", "{\"payload\":1,\"event\":\"Exchange\"}"};
    struct scene scene;
    begin(&scene);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (ask(&scene, "POST", "/mem/events", cases[i].body) != cases[i].status ||
            strstr(fake_codec_body(), cases[i].detail) == NULL) {
            fail_msg("%s: %u %s", cases[i].body, fake_codec_seen.status, fake_codec_body());
        }
    }
    for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
        (void)leave(&scene, fine[i]);
    }
    memory_job_free(scene_recall(&scene, "alice", sizeof(fine) / sizeof(fine[0])));
    scene_end(&scene);
}

static void lists_are_filtered(void **state)
{
    static const struct {
        const char *query;
        size_t rows;
    } cases[] = {
        {"", 3},
        {"?", 3},
        {"?limit=2", 2},
        {"?limit=1000000000000", 3},
        {"?event=plan", 1},
        {"?event=", 3},
        {"?event=pl%61n", 1},
        {"?event=pla", 0},
        {"?session=one", 1},
        {"?session=two", 2},
        {"?task=t9", 1},
        {"?task=t9&session=one", 0},
        {"?q=pears", 2},
        {"?q=pears+apples", 1},
        {"?q=%22pears%20OR%20apples%22", 0},
        {"?q=bananas", 0},
        {"?before=", 3},
    };
    struct scene scene;
    begin(&scene);
    (void)leave(&scene, "{\"event\":\"plan\",\"session\":\"one\",\"payload\":\"apples, pears\"}");
    (void)leave(&scene, "{\"event\":\"note\",\"session\":\"two\",\"payload\":\"pears\"}");
    (void)leave(&scene, "{\"session\":\"two\",\"task\":\"t9\",\"payload\":\"plums\"}");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char target[256];
        snprintf(target, sizeof(target), "/mem/events%s", cases[i].query);
        if (ask(&scene, "GET", target, "") != 200 ||
            count_of(fake_codec_body(), "\"_additional\"") != cases[i].rows) {
            fail_msg("%s: %u %s", target, fake_codec_seen.status, fake_codec_body());
        }
    }
    assert_int_equal(ask_as(&scene, SCENE_TOKEN_BOB, "GET", "/mem/events", ""), 200);
    assert_int_equal(count_of(fake_codec_body(), "\"_additional\""), 0);
    scene_end(&scene);
}

static void bad_parameters_are_named(void **state)
{
    static const char *const cases[][2] = {
        {"?limit=0", "limit:"},
        {"?limit=", "limit:"},
        {"?limit=ten", "limit:"},
        {"?limit=-1", "limit:"},
        {"?limit=99999999999999999999", "limit:"},
        {"?before=x", "before:"},
        {"?user=bob", "unknown parameter"},
        {"?subject=bob", "unknown parameter"},
        {"?Limit=1", "unknown parameter"},
        {"?limit=1&colour=red", "unknown parameter"},
    };
    static const char *const paths[] = {"/mem/events", "/mem/export"};
    struct scene scene;
    begin(&scene);
    for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
        const char *const *row = cases[i / 2];
        char target[256];
        snprintf(target, sizeof(target), "%s%s", paths[i % 2], row[0]);
        if (ask(&scene, "GET", target, "") != 422 || strstr(fake_codec_body(), row[1]) == NULL) {
            fail_msg("%s: %u %s", target, fake_codec_seen.status, fake_codec_body());
        }
    }
    scene_end(&scene);
}

/* Walks through a list by its cursors. */
static void a_cursor_leads_to_the_next_page(void **state)
{
    struct scene scene;
    char target[256] = "/mem/events?limit=2";
    size_t seen = 0;
    begin(&scene);
    for (unsigned i = 0; i < 5; i++) {
        (void)leave(&scene, "{\"payload\":1}");
    }
    for (unsigned page = 0; target[0] != '\0'; page++) {
        assert_true(page < 3);
        assert_int_equal(ask(&scene, "GET", target, ""), 200);
        seen += count_of(fake_codec_body(), "\"_additional\"");
        const char *cursor = strstr(fake_codec_body(), "\"cursor\":\"");
        target[0] = '\0';
        if (cursor != NULL) {
            cursor += strlen("\"cursor\":\"");
            snprintf(target, sizeof(target), "/mem/events?limit=2&before=%.*s",
                     (int)strcspn(cursor, "\""), cursor);
        }
    }
    assert_int_equal(seen, 5);
    scene_end(&scene);
}

static void everything_is_erased_when_that_is_said(void **state)
{
    static const char *const unclear[] = {"", "?all", "?all=1", "?all=TRUE", "?all=true&x=1"};
    struct scene scene;
    begin(&scene);
    (void)leave(&scene, "{\"payload\":1}");
    (void)leave(&scene, "{\"payload\":2}");
    for (size_t i = 0; i < sizeof(unclear) / sizeof(unclear[0]); i++) {
        char target[64];
        snprintf(target, sizeof(target), "/mem/events%s", unclear[i]);
        assert_int_equal(ask(&scene, "DELETE", target, ""), 422);
        assert_non_null(strstr(fake_codec_body(), "all=true"));
    }
    assert_int_equal(ask_as(&scene, SCENE_TOKEN_BOB, "DELETE", "/mem/events?all=true", ""), 200);
    assert_string_equal(fake_codec_body(), "{\"erased\":0}");
    assert_int_equal(ask(&scene, "DELETE", "/mem/events?all=true", ""), 200);
    assert_string_equal(fake_codec_body(), "{\"erased\":2}");
    scene_end(&scene);
}

/* ---- export ---- */

static void write_done(struct memory_job *job)
{
    gate_pass(job->context);
}

/* <count> documents of alice's at once. */
static void leave_many(struct scene *scene, size_t count)
{
    struct memory_job *job = memory_job_create(MEMORY_WRITE, write_done, &scene->recalled);
    assert_non_null(job);
    gate_init(&scene->recalled);
    job->events = arena_allocate_zeroed(&job->arena, count, sizeof(job->events[0]));
    assert_non_null(job->events);
    job->events_count = count;
    for (size_t i = 0; i < count; i++) {
        struct event *event = &job->events[i];
        memory_event_init(event);
        event->issuer = SLICE(SCENE_ISSUER);
        event->subject = event->user = SLICE("alice");
        event->event = i % 2 == 0 ? SLICE("even") : SLICE("odd");
        event->payload = SLICE("{\"a\":1}");
    }
    memory_run(scene->process.memory, job);
    gate_await(&scene->recalled, 1);
    assert_int_equal(job->status, STATUS_OK);
    memory_job_free(job);
}

static void an_export_has_all_pages(void **state)
{
    struct scene scene;
    begin(&scene);
    assert_int_equal(ask(&scene, "GET", "/mem/export", ""), 200);
    assert_string_equal(fake_codec_body(), ""); /* nothing is an answer, too */
    assert_non_null(strstr(fake_codec_calls(), "end"));
    leave_many(&scene, 2 * export_page_rows + 3);
    assert_int_equal(ask(&scene, "GET", "/mem/export", ""), 200);
    assert_int_equal(fake_codec_count("Content-Type: application/x-ndjson"), 1);
    assert_int_equal(count_of(fake_codec_body(), "{\"cursor\":\""), 2 * export_page_rows + 3);
    assert_int_equal(count_of(fake_codec_body(), "\n"), 2 * export_page_rows + 3);
    assert_int_equal(ask(&scene, "GET", "/mem/export?event=odd&limit=1", ""), 200);
    assert_int_equal(count_of(fake_codec_body(), "\n"), export_page_rows + 1);
    assert_null(strstr(fake_codec_body(), "\"even\"")); /* on no page */
    assert_int_equal(ask_as(&scene, SCENE_TOKEN_BOB, "GET", "/mem/export", ""), 200);
    assert_string_equal(fake_codec_body(), "");
    scene_end(&scene);
}

/* Somewhere between its pages: what was asked comes back to nobody. */
static void a_client_may_leave_an_export(void **state)
{
    static const char head[] = "GET /mem/export HTTP/1.1\r\nHost: localhost\r\n"
                               "Authorization: Bearer " SCENE_TOKEN "\r\n\r\n";
    struct scene scene;
    begin(&scene);
    leave_many(&scene, 2 * export_page_rows + 3);
    struct request *request = scene_request(&scene, head);
    request_run(request);
    scene_drop(request); /* before the first page */
    scene_await_errands(&scene, 0);
    buffer_append_byte(&scene.connection.output, 'x'); /* the client does not read */
    request = scene_request(&scene, head);
    request_run(request);
    scene_await_errands(&scene, 0);
    assert_ptr_equal(scene.connection.request, request);
    assert_true(request->replied);
    assert_int_equal(request->bytes_out, 0);
    buffer_clear(&scene.connection.output);
    request_drained(request); /* one page goes out, the next one is asked for */
    assert_true(request->bytes_out > 0);
    assert_int_equal(scene.gateway->errands_out, 1);
    scene_drop(request);
    scene_await_errands(&scene, 0);
    scene_end(&scene);
}

static void memory_that_is_off_answers(void **state)
{
    static const char *const flags[] = {"--mem-backend=none", NULL};
    struct scene scene;
    scene_begin(&scene, flags);
    scene_open_memory(&scene);
    assert_int_equal(ask(&scene, "POST", "/mem/events", "{\"payload\":1}"), 503);
    assert_int_equal(ask(&scene, "GET", "/mem/events", ""), 200);
    assert_int_equal(ask(&scene, "GET", "/mem/export", ""), 200);
    assert_int_equal(ask(&scene, "GET", target_of("00000000-0000-7000-8000-000000000000"), ""),
                     404);
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_comes_back_to_who_left_it),
        cmocka_unit_test(other_documents_are_told_what_is_wrong),
        cmocka_unit_test(lists_are_filtered),
        cmocka_unit_test(bad_parameters_are_named),
        cmocka_unit_test(a_cursor_leads_to_the_next_page),
        cmocka_unit_test(everything_is_erased_when_that_is_said),
        cmocka_unit_test(an_export_has_all_pages),
        cmocka_unit_test(a_client_may_leave_an_export),
        cmocka_unit_test(memory_that_is_off_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * step_read_body_test.c - `prompt` becomes `messages`, whatever the pieces the body comes in, and
 * every other byte passes as it came. */
#include "gateway/routes.h"
#include "gateway/steps.h"

#include "fake_codec.h"
#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { help_bytes_max = 64 * 1024 };

/* A request before its body, whose length is announced, or with <length> 0 comes in chunks. */
static struct request *post(struct scene *scene, const char *path, const char *fields,
                            size_t length)
{
    char head[512];
    char framing[64] = "Transfer-Encoding: chunked";
    if (length > 0) {
        snprintf(framing, sizeof(framing), "Content-Length: %zu", length);
    }
    snprintf(head, sizeof(head), "POST %s HTTP/1.1\r\nHost: localhost\r\n%s%s\r\n\r\n", path,
             fields, framing);
    struct request *request = scene_request(scene, head);
    request->route = &route_engine;
    request->step = STEP_read_body;
    return request;
}

/* What the codec would tell, but for the steps that follow: <text> in two pieces, then the end. The
 * result of the step at the end. */
static enum step_result feed(struct request *request, struct slice text, size_t split)
{
    const struct slice pieces[2] = {slice_make(text.data, split), slice_after(text, split)};
    assert_int_equal(step_read_body(request), STEP_WAIT);
    for (size_t i = 0; i < 2; i++) {
        assert_true(request->body_collects);
        buffer_append(&request->body, pieces[i]);
        assert_int_equal(step_read_body(request), STEP_WAIT);
    }
    request->body_ended = true;
    return step_read_body(request);
}

static void prompts_become_messages(void **state)
{
#define MESSAGES(text) "\"messages\":[{\"role\":\"user\",\"content\":" text "}]"
    static const struct {
        const char *body;
        const char *expected;
    } cases[] = {
        {"{\"prompt\":\"hi\"}", "{" MESSAGES("\"hi\"") "}"},
        {" { \"model\" : \"m\" ,\n\"prompt\" : \"a\\\"b\\u00e4\" , \"stream\":false } ",
         " { \"model\" : \"m\" ,\n" MESSAGES("\"a\\\"b\\u00e4\"") " , \"stream\":false } "},
        {"{\"prompt\":\"\",\"x\":{\"prompt\":\"inner\"}}",
         "{" MESSAGES("\"\"") ",\"x\":{\"prompt\":\"inner\"}}"},
        /* These pass as they are. */
        {"{\"messages\":[],\"prompt\":\"hi\"}", NULL},
        {"{\"prompt\":\"hi\",\"messages\":null}", NULL},
        {"{\"prompt\":[\"hi\"]}", NULL},
        {"{\"prompt\":7}", NULL},
        {"{\"prompt\":null}", NULL},
        {"{\"Prompt\":\"hi\"}", NULL},
        {"{\"x\":{\"prompt\":\"inner\"}}", NULL},
        {"{}", NULL},
        {"[{\"prompt\":\"hi\"}]", NULL},
        {"\"prompt\"", NULL},
    };
#undef MESSAGES
    struct scene scene;
    scene_begin(&scene, NULL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct slice body = slice_from_string(cases[i].body);
        const char *expected = cases[i].expected != NULL ? cases[i].expected : cases[i].body;
        for (size_t split = 0; split <= body.length; split++) {
            struct request *request = post(&scene, "/api/chat", "", body.length);
            assert_int_equal(feed(request, body, split), STEP_NEXT);
            if (!slice_equals(buffer_slice(&request->body), slice_from_string(expected))) {
                fail_msg("%s became %.*s", cases[i].body, (int)request->body.length,
                         request->body.data);
            }
            assert_int_equal(request->head.framing, BODY_LENGTH);
            assert_int_equal(request->head.content_length, strlen(expected));
            assert_int_equal(request->content_type_json,
                             cases[i].body[0] != '[' && cases[i].body[0] != '"');
            assert_false(request->body_collects);
            assert_string_equal(fake_codec_calls(), "body_start ");
            scene_drop(request);
        }
    }
    scene_end(&scene);
}

static void a_body_in_chunks_gets_a_length_when_it_was_rewritten(void **state)
{
    struct scene scene;
    scene_begin(&scene, NULL);
    struct request *request = post(&scene, "/api/chat", "", 0);
    assert_int_equal(feed(request, SLICE("{\"prompt\":\"hi\"}"), 3), STEP_NEXT);
    assert_int_equal(request->head.framing, BODY_LENGTH);
    assert_int_equal(request->head.content_length, request->body.length);
    scene_drop(request);
    request = post(&scene, "/api/chat", "", 0);
    assert_int_equal(feed(request, SLICE("{\"messages\":[]}"), 3), STEP_NEXT);
    assert_int_equal(request->head.framing, BODY_CHUNKED);
    scene_drop(request);
    scene_end(&scene);
}

static void what_is_no_json_is_refused(void **state)
{
    static const char *const bad[] = {"{\"prompt\":\"hi\"",   "{'prompt':'hi'}",       "prompt=hi",
                                      "{\"prompt\":\"hi\"}x", "{\"prompt\":\"\xff\"}", " "};
    struct scene scene;
    scene_begin(&scene, NULL);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct slice body = slice_from_string(bad[i]);
        struct request *request = post(&scene, "/api/chat", "", body.length);
        if (feed(request, body, 1) != STEP_ANSWER) {
            fail_msg("%s passed", bad[i]);
        }
        assert_int_equal(fake_codec_seen.status, 400);
        assert_string_equal(fake_codec_body(), "{\"detail\":\"Body must be valid JSON\"}");
        scene_drop(request);
    }
    struct request *request = scene_request(&scene, "POST /api/chat HTTP/1.1\r\n"
                                                    "Host: localhost\r\n\r\n");
    request->route = &route_engine;
    assert_int_equal(step_read_body(request), STEP_ANSWER); /* no body at all */
    assert_int_equal(fake_codec_seen.status, 400);
    scene_drop(request);
    scene_end(&scene);
}

static void other_bodies_are_not_looked_at(void **state)
{
    static const char *const others[][2] = {{"/api/generate", ""},
                                            {"/v1/chat/completions", ""},
                                            {"/api/chat/", ""},
                                            {"/api/chat", "Content-Encoding: gzip\r\n"}};
    struct scene scene;
    scene_begin(&scene, NULL);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        struct request *request = post(&scene, others[i][0], others[i][1], 10);
        assert_int_equal(step_read_body(request), STEP_NEXT);
        assert_string_equal(fake_codec_calls(), "");
        assert_false(request->body_collects);
        scene_drop(request);
    }
    struct request *request = scene_request(&scene, "GET /api/chat HTTP/1.1\r\n"
                                                    "Host: localhost\r\n\r\n");
    request->route = &route_engine;
    assert_int_equal(step_read_body(request), STEP_NEXT);
    scene_drop(request);
    scene_end(&scene);
}

static enum step_result never_asked(struct request *request)
{
    fail_msg("this step answers nothing");
    return STEP_ANSWER;
}

/* Whatever its path: all of it, and as it came. */
static void own_routes_get_their_body_whole(void **state)
{
    static const struct route takes = {.body = ROUTE_BODY, .answer = never_asked};
    static const struct route takes_none = {.body = ROUTE_NO_BODY, .answer = never_asked};
    struct scene scene;
    scene_begin(&scene, NULL);
    struct request *request = post(&scene, "/api/chat", "", help_bytes_max + 1);
    request->route = &takes;
    assert_int_equal(feed(request, SLICE("{\"prompt\":no JSON"), 4), STEP_NEXT);
    assert_true(slice_equals(buffer_slice(&request->body), SLICE("{\"prompt\":no JSON")));
    assert_false(request->content_type_json);
    scene_drop(request);
    request = post(&scene, "/api/chat", "", 10);
    request->route = &takes_none;
    assert_int_equal(step_read_body(request), STEP_NEXT);
    assert_string_equal(fake_codec_calls(), "");
    scene_drop(request);
    request = post(&scene, "/mem/events", "Content-Encoding: gzip\r\n", 10);
    request->route = &takes;
    assert_int_equal(step_read_body(request), STEP_ANSWER);
    assert_int_equal(fake_codec_seen.status, 415);
    scene_drop(request);
    scene_end(&scene);
}

static void a_long_body_streams_past(void **state)
{
    char *text = malloc(help_bytes_max + 1);
    struct scene scene;
    assert_non_null(text);
    scene_begin(&scene, NULL);
    struct request *request = post(&scene, "/api/chat", "", help_bytes_max + 1);
    assert_int_equal(step_read_body(request), STEP_NEXT);
    assert_string_equal(fake_codec_calls(), "");
    scene_drop(request);
    request = post(&scene, "/api/chat", "", help_bytes_max);
    assert_int_equal(step_read_body(request), STEP_WAIT);
    scene_drop(request);
    /* In chunks it shows late: what was collected is kept for the engine. */
    memset(text, ' ', help_bytes_max + 1);
    request = post(&scene, "/api/chat", "", 0);
    assert_int_equal(step_read_body(request), STEP_WAIT);
    buffer_append(&request->body, slice_make(text, help_bytes_max));
    assert_int_equal(step_read_body(request), STEP_WAIT);
    buffer_append(&request->body, slice_make(text, 1));
    assert_int_equal(step_read_body(request), STEP_NEXT);
    assert_int_equal(request->body.length, help_bytes_max + 1);
    assert_false(request->body_collects);
    scene_drop(request);
    free(text);
    scene_end(&scene);
}

static void a_cancelled_wait_collects_nothing_more(void **state)
{
    struct scene scene;
    scene_begin(&scene, NULL);
    struct request *request = post(&scene, "/api/chat", "", 10);
    assert_int_equal(step_read_body(request), STEP_WAIT);
    step_read_body_cancel(request);
    assert_false(request->body_collects);
    scene_drop(request);
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prompts_become_messages),
        cmocka_unit_test(a_body_in_chunks_gets_a_length_when_it_was_rewritten),
        cmocka_unit_test(what_is_no_json_is_refused),
        cmocka_unit_test(other_bodies_are_not_looked_at),
        cmocka_unit_test(own_routes_get_their_body_whole),
        cmocka_unit_test(a_long_body_streams_past),
        cmocka_unit_test(a_cancelled_wait_collects_nothing_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

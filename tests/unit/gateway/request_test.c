/* SPDX-License-Identifier: MIT
 *
 * request_test.c - the way of a request through all its steps, with a codec that is no HTTP: its
 * id, its end, and the ends that come too early. */
#include "gateway/request.h"

#include "fake_codec.h"
#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define CALLER "Host: localhost\r\nAuthorization: Bearer " SCENE_TOKEN "\r\n"

static uint64_t counted(const struct scene *scene, enum metric metric)
{
    return atomic_load(&scene->gateway->metrics.values[metric]);
}

static void an_own_answer_takes_one_pass(void **state)
{
    static const struct {
        const char *head;
        unsigned status;
        enum metric metric;
    } cases[] = {
        {"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 200, METRIC_requests_2xx},
        {"GET /healthz HTTP/9.9\r\nHost: localhost\r\n\r\n", 505, METRIC_requests_5xx},
        {"nonsense\r\n\r\n", 400, METRIC_requests_4xx},
        {"POST /api/chat HTTP/1.1\r\nHost: localhost\r\n\r\n", 401, METRIC_requests_4xx},
        {"POST /api/pull HTTP/1.1\r\n" CALLER "\r\n", 403, METRIC_requests_4xx},
        {"POST /api/chat HTTP/1.1\r\n" CALLER "\r\n", 400, METRIC_requests_4xx},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct scene scene;
        scene_begin(&scene, NULL);
        request_run(scene_request(&scene, cases[i].head));
        assert_string_equal(fake_codec_calls(), "head body end flush over ");
        assert_int_equal(fake_codec_seen.status, cases[i].status);
        assert_null(scene.connection.request);
        assert_int_equal(counted(&scene, cases[i].metric), 1);
        assert_int_equal(counted(&scene, METRIC_engine_calls), 0);
        assert_false(scene_engine_is_called(&scene));
        scene_end(&scene);
    }
}

static void sane_request_ids_are_kept(void **state)
{
    char longest[129] = "";
    char too_long[130] = "";
    memset(longest, 'a', 128);
    memset(too_long, 'a', 129);
    const char *const kept[] = {"a", "A-Z_09.:/=+@", longest};
    const char *const replaced[] = {"",    "a b", "a\"b",     "a\\b", "a,b",
                                    "a;b", "{a}", "\xc3\xa4", "<a>",  too_long};
    struct scene scene;
    char seen[64] = "";
    scene_begin(&scene, NULL);
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        char head[512];
        snprintf(head, sizeof(head), "GET /x HTTP/1.1\r\nHost: a\r\nX-Request-Id: %s\r\n\r\n",
                 kept[i]);
        struct request *request = scene_request(&scene, head);
        assert_true(slice_equals(request->request_id, slice_from_string(kept[i])));
        scene_drop(request);
    }
    for (size_t i = 0; i < sizeof(replaced) / sizeof(replaced[0]); i++) {
        char head[512];
        snprintf(head, sizeof(head), "GET /x HTTP/1.1\r\nHost: a\r\nX-Request-Id: %s\r\n\r\n",
                 replaced[i]);
        struct request *request = scene_request(&scene, head);
        assert_int_equal(request->request_id.length, 32);
        for (size_t at = 0; at < 32; at++) {
            assert_non_null(memchr("0123456789abcdef", request->request_id.data[at], 16));
        }
        assert_memory_not_equal(request->request_id.data, seen, 32); /* another one each time */
        memcpy(seen, request->request_id.data, 32);
        scene_drop(request);
    }
    struct request *request = scene_request(&scene, "GET /x HTTP/1.1\r\nHost: a\r\n"
                                                    "X-Request-Id: a\r\nX-Request-Id: a\r\n\r\n");
    assert_int_equal(request->request_id.length, 32); /* two are none */
    scene_drop(request);
    scene_end(&scene);
}

static void the_head_is_copied(void **state)
{
    struct scene scene;
    char head[] = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: r-1\r\n\r\n";
    scene_begin(&scene, NULL);
    struct request *request = scene_request(&scene, head);
    memset(head, 'x', sizeof(head) - 1);
    request_run(request);
    assert_int_equal(fake_codec_seen.status, 200);
    assert_int_equal(fake_codec_count("X-Request-Id: r-1"), 1);
    scene_end(&scene);
}

static void a_body_over_the_limit_ends_the_request(void **state)
{
    static const char *const flags[] = {"--max-request-bytes=10", NULL};
    struct scene scene;
    scene_begin(&scene, flags);
    struct request *request = scene_request(&scene, "POST /api/chat HTTP/1.1\r\n" CALLER
                                                    "Transfer-Encoding: chunked\r\n\r\n");
    request_run(request);
    assert_string_equal(fake_codec_calls(), "body_start ");
    request_body(request, SLICE("0123456789"));
    assert_ptr_equal(scene.connection.request, request);
    request_body(request, SLICE("x"));
    assert_null(scene.connection.request);
    assert_int_equal(fake_codec_seen.status, 413);
    assert_string_equal(fake_codec_calls(), "body_start head body end flush over ");
    assert_int_equal(counted(&scene, METRIC_bytes_in), 11);
    scene_end(&scene);
}

static void a_body_that_does_not_come_is_refused(void **state)
{
    struct scene scene;
    scene_begin(&scene, NULL);
    struct request *request =
        scene_request(&scene, "POST /api/chat HTTP/1.1\r\n" CALLER "Content-Length: 5\r\n\r\n");
    request_run(request);
    request_body(request, SLICE("{"));
    request_refuse(request, 408, "body_timeout", "too \"slow\"");
    assert_null(scene.connection.request);
    assert_int_equal(fake_codec_seen.status, 408);
    assert_string_equal(fake_codec_body(), "{\"detail\":\"too \\\"slow\\\"\"}");
    assert_string_equal(fake_codec_calls(), "body_start head body end flush over ");
    scene_end(&scene);
}

/* Wherever it waits, a client that leaves ends it without a word, and it is counted. */
static void a_client_may_leave_at_any_wait(void **state)
{
    struct scene scene;
    scene_begin(&scene, NULL);
    struct request *request =
        scene_request(&scene, "POST /api/chat HTTP/1.1\r\n" CALLER "Content-Length: 5\r\n\r\n");
    request_run(request); /* waits for its body */
    request_cancel(request, "client_gone");
    assert_null(scene.connection.request);
    assert_string_equal(fake_codec_calls(), "body_start ");
    request = scene_request(&scene, "POST /api/generate HTTP/1.1\r\n" CALLER "\r\n");
    request_run(request); /* waits for the engine */
    assert_ptr_equal(scene.connection.request, request);
    int engine = scene_engine_accept(&scene);
    request_cancel(request, "client_gone");
    struct buffer seen;
    buffer_init(&seen, 4096);
    (void)scene_receive_end(&scene, engine, &seen);
    close(engine);
    buffer_clear(&seen);
    assert_string_equal(fake_codec_calls(), "body_start ");
    assert_int_equal(counted(&scene, METRIC_requests_cancelled), 2);
    assert_int_equal(counted(&scene, METRIC_requests_5xx), 0);
    scene_end(&scene);
}

/* From the token to the engine and back, by a codec that never saw HTTP. */
static void a_call_goes_all_the_way(void **state)
{
    struct scene scene;
    struct buffer seen;
    scene_begin(&scene, NULL);
    buffer_init(&seen, 65536);
    struct request *request =
        scene_request(&scene, "POST /api/chat HTTP/1.1\r\n" CALLER "Content-Type: text/plain\r\n"
                              "Transfer-Encoding: chunked\r\n\r\n");
    request_run(request);
    request_body(request, SLICE("{\"pro"));
    request_body(request, SLICE("mpt\":\"hi\"}"));
    request_body_end(request);
    request_settle(request);
    int engine = scene_engine_accept(&scene);
    scene_receive_until(&scene, engine, &seen, SLICE("\"content\":\"hi\"}]}"));
    assert_true(scene_contains(&seen, "POST /api/chat HTTP/1.1\r\n"));
    assert_true(scene_contains(&seen, "\r\nContent-Length: 45\r\n"));
    assert_true(scene_contains(&seen, "\r\nContent-Type: application/json\r\n"));
    assert_false(scene_contains(&seen, "text/plain"));
    scene_send(&scene, engine,
               SLICE("HTTP/1.1 200 Fine\r\nX-A: b\r\n"
                     "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"));
    while (strcmp(fake_codec_body(), "abc") != 0) { /* it is passed on before it is whole */
        scene_turn(&scene, -1);
    }
    assert_ptr_equal(scene.connection.request, request);
    scene_send(&scene, engine, SLICE("2\r\nde\r\n0\r\n\r\n"));
    while (scene.connection.request != NULL) {
        scene_turn(&scene, -1);
    }
    assert_int_equal(fake_codec_seen.status, 200);
    assert_false(fake_codec_seen.has_length);
    assert_string_equal(fake_codec_body(), "abcde");
    assert_int_equal(fake_codec_count("X-A: b"), 1);
    assert_int_equal(fake_codec_count("X-Attach-User: alice"), 1);
    const char *calls = fake_codec_calls();
    assert_string_equal(calls + strlen(calls) - strlen("end flush over "), "end flush over ");
    assert_int_equal(counted(&scene, METRIC_bytes_in), 15);
    assert_int_equal(counted(&scene, METRIC_bytes_out), 5);
    close(engine);
    buffer_clear(&seen);
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_own_answer_takes_one_pass),
        cmocka_unit_test(sane_request_ids_are_kept),
        cmocka_unit_test(the_head_is_copied),
        cmocka_unit_test(a_body_over_the_limit_ends_the_request),
        cmocka_unit_test(a_body_that_does_not_come_is_refused),
        cmocka_unit_test(a_client_may_leave_at_any_wait),
        cmocka_unit_test(a_call_goes_all_the_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

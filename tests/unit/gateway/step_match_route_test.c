/* SPDX-License-Identifier: MIT
 *
 * step_match_route_test.c - what is answered before anybody's token is looked at, and which route a
 * request takes. */
#include "gateway/routes.h"
#include "gateway/steps.h"

#include "fake_codec.h"
#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define LOCAL "Host: localhost\r\n"

static void expect_answer(struct request *request, unsigned status, const char *reason)
{
    assert_int_equal(step_match_route(request), STEP_ANSWER);
    assert_int_equal(fake_codec_seen.status, status);
    assert_int_equal(request->status, status);
    assert_string_equal(request->reason, reason);
    assert_int_equal(strncmp(fake_codec_calls(), "head ", 5), 0);
    assert_true(request->replied);
}

static void heads_that_are_no_heads_are_answered(void **state)
{
    struct scene scene;
    scene_begin(&scene, NULL);
    struct request *request = scene_request(&scene, "GET /a/../b HTTP/1.1\r\n" LOCAL "\r\n");
    expect_answer(request, 400, "bad_request");
    assert_string_equal(fake_codec_calls(), "head body end ");
    assert_non_null(strstr(fake_codec_body(), "{\"detail\":\""));
    scene_drop(request);

    const struct failure failure = {"too \"many\" fields"};
    request = request_create_refused(&scene.connection, 431, &failure);
    assert_non_null(request);
    expect_answer(request, 431, "bad_request");
    assert_string_equal(fake_codec_body(), "{\"detail\":\"too \\\"many\\\" fields\"}");
    assert_int_equal(request->request_id.length, 32);
    scene_drop(request);
    scene_end(&scene);
}

static void only_hosts_of_this_machine_are_served_on_loopback(void **state)
{
    static const char *const flags[] = {"--public-url=https://LLM.example.com/",
                                        "--allowed-hosts=gpu.lan, box:8080", NULL};
    static const char *const fine[] = {"localhost",
                                       "LOCALHOST:8080",
                                       "127.0.0.1",
                                       "127.9.9.9:1",
                                       "[::1]",
                                       "[::1]:8080",
                                       "x.localhost",
                                       "gpu.lan",
                                       "GPU.LAN:9999",
                                       "box:8080",
                                       "BOX:8080",
                                       "llm.example.com",
                                       "llm.example.com:443",
                                       "[::ffff:127.0.0.1]"};
    static const char *const foreign[] = {"evil.example",
                                          "localhost.evil.example",
                                          "127.0.0.1.evil.example",
                                          "128.0.0.1",
                                          "[::2]",
                                          "box",
                                          "box:8081",
                                          "gpu.lan.x",
                                          "example.com",
                                          "xlocalhost"};
    struct scene scene;
    scene_begin(&scene, flags);
    for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
        char head[256];
        snprintf(head, sizeof(head), "GET /x HTTP/1.1\r\nHost: %s\r\n\r\n", fine[i]);
        struct request *request = scene_request(&scene, head);
        if (step_match_route(request) != STEP_NEXT) {
            fail_msg("%s is refused: %s", fine[i], fake_codec_body());
        }
        scene_drop(request);
    }
    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
        char head[256];
        snprintf(head, sizeof(head),
                 "GET /healthz HTTP/1.1\r\nHost: %s\r\nOrigin: http://localhost:9000\r\n\r\n",
                 foreign[i]);
        struct request *request = scene_request(&scene, head);
        if (step_match_route(request) != STEP_ANSWER || fake_codec_seen.status != 421) {
            fail_msg("%s is served", foreign[i]);
        }
        assert_string_equal(request->reason, "foreign_host");
        assert_null(strstr(fake_codec_fields(), "Access-Control-Allow-Origin"));
        scene_drop(request);
    }
    scene.process.listens_on_loopback = false;
    struct request *request =
        scene_request(&scene, "GET /x HTTP/1.1\r\nHost: evil.example\r\n\r\n");
    assert_int_equal(step_match_route(request), STEP_NEXT);
    scene_drop(request);
    scene_end(&scene);
}

static void an_absent_host_is_for_http_1_0_alone(void **state)
{
    struct scene scene;
    scene_begin(&scene, NULL);
    struct request *request = scene_request(&scene, "GET /x HTTP/1.0\r\n\r\n");
    assert_int_equal(step_match_route(request), STEP_NEXT);
    scene_drop(request);
    request = scene_request(&scene, "GET /x HTTP/1.0\r\nHost: evil.example\r\n\r\n");
    expect_answer(request, 421, "foreign_host");
    scene_drop(request);
    request = scene_request(&scene, "GET /x HTTP/1.1\r\nHost:\r\n\r\n");
    expect_answer(request, 400, "bad_request");
    scene_drop(request);
    scene_end(&scene);
}

static void preflights_need_no_token_and_go_nowhere(void **state)
{
    static const char *const cases[][2] = {{"http://localhost:9000", "200"},
                                           {"http://evil.example", "400"}};
    struct scene scene;
    scene_begin(&scene, NULL);
    for (size_t i = 0; i < 2; i++) {
        char head[256];
        snprintf(head, sizeof(head),
                 "OPTIONS /api/chat HTTP/1.1\r\n" LOCAL
                 "Origin: %s\r\nAccess-Control-Request-Method: POST\r\n\r\n",
                 cases[i][0]);
        struct request *request = scene_request(&scene, head);
        assert_int_equal(step_match_route(request), STEP_ANSWER);
        assert_int_equal(fake_codec_seen.status, i == 0 ? 200 : 400);
        assert_null(request->route);
        scene_drop(request);
    }
    /* What only looks like one goes on, and needs a token. */
    struct request *request = scene_request(&scene, "OPTIONS /api/chat HTTP/1.1\r\n" LOCAL
                                                    "Origin: http://localhost:9000\r\n\r\n");
    assert_int_equal(step_match_route(request), STEP_NEXT);
    assert_ptr_equal(request->route, &route_engine);
    scene_drop(request);
    scene_end(&scene);
}

static void trace_is_refused(void **state)
{
    struct scene scene;
    scene_begin(&scene, NULL);
    struct request *request = scene_request(&scene, "TRACE /x HTTP/1.1\r\n" LOCAL "\r\n");
    expect_answer(request, 501, "trace_refused");
    scene_drop(request);
    scene_end(&scene);
}

static void a_body_that_says_it_is_too_long_is_refused_unread(void **state)
{
    static const char *const flags[] = {"--max-request-bytes=100", NULL};
    struct scene scene;
    scene_begin(&scene, flags);
    struct request *request = scene_request(&scene, "POST /api/generate HTTP/1.1\r\n" LOCAL
                                                    "Content-Length: 101\r\n\r\n");
    expect_answer(request, 413, "body_too_large");
    assert_non_null(strstr(fake_codec_body(), "MAX_REQUEST_BYTES (100)"));
    assert_null(strstr(fake_codec_calls(), "body_start"));
    scene_drop(request);
    request = scene_request(&scene,
                            "POST /api/generate HTTP/1.1\r\n" LOCAL "Content-Length: 100\r\n\r\n");
    assert_int_equal(step_match_route(request), STEP_NEXT);
    scene_drop(request);
    scene_end(&scene);
}

static void each_listener_has_its_routes(void **state)
{
    static const struct {
        const char *line;
        bool is_admin;
        unsigned status;  /* 0: goes on */
        const char *path; /* of the route, when it goes on */
    } cases[] = {
        {"GET /healthz", false, 0, "/healthz"}, {"HEAD /healthz?x=1", false, 0, "/healthz"},
        {"POST /healthz", false, 405, NULL},    {"DELETE /auth/config", false, 405, NULL},
        {"GET /metrics", false, 0, "*"}, /* the engine's, where ENGINE_PATHS refuses it */
        {"GET /metrics", true, 0, "/metrics"},  {"POST /metrics", true, 405, NULL},
        {"GET /healthz", true, 404, NULL},      {"POST /api/chat", true, 404, NULL},
        {"POST /api/chat", false, 0, "*"},      {"OPTIONS *", false, 0, "*"},
        {"OPTIONS *", true, 404, NULL},
    };
    struct scene scene;
    scene_begin(&scene, NULL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char head[256];
        snprintf(head, sizeof(head), "%s HTTP/1.1\r\n" LOCAL "\r\n", cases[i].line);
        scene.connection.is_admin = cases[i].is_admin;
        struct request *request = scene_request(&scene, head);
        enum step_result result = step_match_route(request);
        assert_int_equal(result, cases[i].status == 0 ? STEP_NEXT : STEP_ANSWER);
        assert_int_equal(fake_codec_seen.status, cases[i].status);
        if (cases[i].path != NULL) {
            assert_string_equal(request->route->path, cases[i].path);
            assert_string_equal(fake_codec_calls(), "");
        }
        assert_int_equal(fake_codec_count("Allow: GET, HEAD"), cases[i].status == 405 ? 1 : 0);
        scene_drop(request);
    }
    scene_end(&scene);
}

static void the_admin_listener_has_its_own_hosts(void **state)
{
    struct scene scene;
    scene_begin(&scene, NULL);
    scene.connection.is_admin = true;
    scene.process.listens_on_loopback = false;
    const char *head = "GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n";
    struct request *request = scene_request(&scene, head);
    expect_answer(request, 421, "foreign_host");
    scene_drop(request);
    scene.process.admin_on_loopback = false;
    request = scene_request(&scene, head);
    assert_int_equal(step_match_route(request), STEP_NEXT);
    scene_drop(request);
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_that_are_no_heads_are_answered),
        cmocka_unit_test(only_hosts_of_this_machine_are_served_on_loopback),
        cmocka_unit_test(an_absent_host_is_for_http_1_0_alone),
        cmocka_unit_test(preflights_need_no_token_and_go_nowhere),
        cmocka_unit_test(trace_is_refused),
        cmocka_unit_test(a_body_that_says_it_is_too_long_is_refused_unread),
        cmocka_unit_test(each_listener_has_its_routes),
        cmocka_unit_test(the_admin_listener_has_its_own_hosts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

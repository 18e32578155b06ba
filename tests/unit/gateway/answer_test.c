/* SPDX-License-Identifier: MIT
 *
 * answer_test.c - the replies the gateway gives itself: their fields, their bodies, and the answers
 * behind routes.def. */
#include "gateway/answer.h"

#include "base/json.h"
#include "gateway/steps.h"

#include "fake_codec.h"
#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct request *ask(struct scene *scene, const char *line)
{
    char head[512];
    snprintf(head, sizeof(head), "%s HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: r-1\r\n\r\n",
             line);
    return scene_request(scene, head);
}

static void an_answer_has_its_fields(void **state)
{
    struct scene scene;
    scene_begin(&scene, NULL);
    struct request *request = ask(&scene, "GET /x");
    const struct field more[] = {{.name = SLICE("Allow"), .value = SLICE("GET")},
                                 {.name = SLICE("X"), .value = SLICE("y")}};
    answer(request, 405, SLICE("text/plain"), SLICE("abc"), more, 2);
    assert_string_equal(fake_codec_calls(), "head body end ");
    assert_int_equal(fake_codec_seen.status, 405);
    assert_true(fake_codec_seen.has_length);
    assert_int_equal(fake_codec_seen.length, 3);
    assert_true(fake_codec_seen.has_body);
    assert_string_equal(fake_codec_body(), "abc");
    static const char *const once[] = {"Allow: GET", "X: y", "Content-Type: text/plain",
                                       "Cache-Control: no-store", "X-Request-Id: r-1"};
    for (size_t i = 0; i < sizeof(once) / sizeof(once[0]); i++) {
        assert_int_equal(fake_codec_count(once[i]), 1);
    }
    const char *date = strstr(fake_codec_fields(), "Date: ");
    assert_non_null(date);
    assert_int_equal(strchr(date, '\n') - date, strlen("Date: Sun, 06 Nov 1994 08:49:37 GMT"));
    /* Framing and the connection are the codec's business; nobody has proved who this is. */
    static const char *const never[] = {"Content-Length", "Connection",     "Transfer-Encoding",
                                        "X-Attach-",      "Access-Control", "Vary"};
    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
        assert_null(strstr(fake_codec_fields(), never[i]));
    }
    assert_int_equal(request->bytes_out, 3);
    assert_int_equal(request->status, 405);
    assert_true(request->replied);
    scene_drop(request);
    scene_end(&scene);
}

static void head_gets_the_length_but_no_body(void **state)
{
    struct scene scene;
    scene_begin(&scene, NULL);
    struct request *request = ask(&scene, "HEAD /x");
    answer(request, 200, SLICE("text/plain"), SLICE("abc"), NULL, 0);
    assert_string_equal(fake_codec_calls(), "head end ");
    assert_int_equal(fake_codec_seen.length, 3);
    assert_false(fake_codec_seen.has_body);
    assert_int_equal(request->bytes_out, 0);
    scene_drop(request);
    scene_end(&scene);
}

static void a_proven_caller_is_named(void **state)
{
    struct scene scene;
    scene_begin(&scene, NULL);
    struct request *request = ask(&scene, "GET /x");
    scene_prove(request, "alice");
    assert_int_equal(step_stamp_identity(request), STEP_NEXT);
    answer(request, 200, SLICE("text/plain"), SLICE(""), NULL, 0);
    assert_string_equal(fake_codec_calls(), "head end ");
    assert_int_equal(fake_codec_count("X-Attach-User: alice"), 1);
    assert_int_equal(fake_codec_count("X-Attach-Session: a343e93196f9e943"), 1);
    scene_drop(request);
    scene_end(&scene);
}

/* The most fields an answer can have, so that its own room for them is shown to be enough. */
static void the_fullest_answer_fits(void **state)
{
    struct scene scene;
    scene_begin(&scene, NULL);
    struct request *request = scene_request(&scene, "GET /x HTTP/1.1\r\nHost: localhost\r\n"
                                                    "Origin: http://localhost:9000\r\n\r\n");
    struct field more[6];
    for (size_t i = 0; i < 6; i++) {
        more[i] = (struct field){.name = SLICE("More"), .value = SLICE("1")};
    }
    assert_int_equal(step_match_route(request), STEP_NEXT);
    scene_prove(request, "alice");
    assert_int_equal(step_stamp_identity(request), STEP_NEXT);
    answer(request, 200, SLICE("text/plain"), SLICE(""), more, 6);
    assert_int_equal(fake_codec_count("More: 1"), 6);
    assert_int_equal(fake_codec_count("Access-Control-Allow-Origin: http://localhost:9000"), 1);
    assert_int_equal(fake_codec_count("Vary: Origin"), 1);
    scene_drop(request);
    scene_end(&scene);
}

static void details_are_json_whatever_they_hold(void **state)
{
    struct scene scene;
    char text[400];
    scene_begin(&scene, NULL);
    memset(text, '"', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    static const char *const odd = "a\"b\\c\n\x01\xff";
    const char *const details[] = {"plain", "", odd, text};
    for (size_t i = 0; i < sizeof(details) / sizeof(details[0]); i++) {
        struct json_value body;
        struct failure failure = {""};
        struct request *request = ask(&scene, "GET /x");
        answer_detail(request, 503, "reason", "%s", details[i]);
        assert_string_equal(request->reason, "reason");
        struct slice sent = slice_from_string(fake_codec_body());
        if (json_parse(sent, JSON_DUPLICATES_REFUSED, &body, &failure) != STATUS_OK) {
            fail_msg("%s: %.*s", failure.text, SLICE_ARGS(sent));
        }
        assert_int_equal(json_member(body, "detail").kind, JSON_STRING);
        assert_int_equal(sent.length, fake_codec_seen.length);
        assert_int_equal(fake_codec_count("Content-Type: application/json"), 1);
        scene_drop(request);
    }
    scene_end(&scene);
}

static void health_and_readiness(void **state)
{
    struct scene scene;
    scene_begin(&scene, NULL);
    struct request *request = ask(&scene, "GET /healthz");
    answer_healthz(request);
    assert_int_equal(fake_codec_seen.status, 200);
    assert_string_equal(fake_codec_body(), "{\"status\":\"ok\"}");
    scene_drop(request);
    request = ask(&scene, "GET /readyz");
    answer_readyz(request); /* the issuer's keys are not here */
    assert_int_equal(fake_codec_seen.status, 503);
    assert_string_equal(fake_codec_body(), "{\"status\":\"not ready\"}");
    assert_string_equal(request->reason, "not_ready");
    scene_drop(request);
    size_t issuers_count = scene.gateway->trust.issuers_count;
    scene.gateway->trust.issuers_count = 0; /* all keys of no issuer are here */
    request = ask(&scene, "GET /readyz");
    answer_readyz(request);
    assert_int_equal(fake_codec_seen.status, 200);
    scene_drop(request);
    scene.gateway->draining = true;
    request = ask(&scene, "GET /readyz");
    answer_readyz(request);
    assert_int_equal(fake_codec_seen.status, 503);
    scene_drop(request);
    scene.gateway->draining = false;
    scene.gateway->trust.issuers_count = issuers_count;
    scene_end(&scene);
}

static void login_pages_are_told_the_settings(void **state)
{
    static const char *const flags[] = {"--auth0-domain=a\"b", "--auth0-client=c",
                                        "--oidc-aud=first,second", NULL};
    struct scene scene;
    scene_begin(&scene, NULL);
    struct request *request = ask(&scene, "GET /auth/config");
    answer_auth_config(request);
    assert_string_equal(fake_codec_body(),
                        "{\"domain\":null,\"client_id\":null,\"audience\":\"api\"}");
    scene_drop(request);
    scene_end(&scene);
    scene_begin(&scene, flags);
    request = ask(&scene, "GET /auth/config");
    answer_auth_config(request);
    assert_string_equal(fake_codec_body(),
                        "{\"domain\":\"a\\\"b\",\"client_id\":\"c\",\"audience\":\"first\"}");
    scene_drop(request);
    scene_end(&scene);
}

static void metrics_are_those_of_all_workers(void **state)
{
    struct scene scene;
    static struct gateway other;
    scene_begin(&scene, NULL);
    struct gateway *both[2] = {scene.gateway, &other};
    scene.process.gateways = both;
    scene.process.gateways_count = 2;
    other = (struct gateway){0};
    atomic_store(&other.engine_pool.open_count, 3);
    metric_add(&other.metrics, METRIC_requests_2xx, 40);
    metric_add(&scene.gateway->metrics, METRIC_requests_2xx, 2);
    struct request *request = ask(&scene, "GET /metrics");
    answer_metrics(request);
    assert_int_equal(fake_codec_seen.status, 200);
    assert_int_equal(fake_codec_count("Content-Type: text/plain; version=0.0.4; charset=utf-8"), 1);
    assert_non_null(strstr(fake_codec_body(), "attach_requests_total{class=\"2xx\"} 42\n"));
    assert_non_null(strstr(fake_codec_body(), "attach_engine_connections 3\n"));
    scene_drop(request);
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_has_its_fields),
        cmocka_unit_test(head_gets_the_length_but_no_body),
        cmocka_unit_test(a_proven_caller_is_named),
        cmocka_unit_test(the_fullest_answer_fits),
        cmocka_unit_test(details_are_json_whatever_they_hold),
        cmocka_unit_test(health_and_readiness),
        cmocka_unit_test(login_pages_are_told_the_settings),
        cmocka_unit_test(metrics_are_those_of_all_workers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

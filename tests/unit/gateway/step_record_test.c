/* SPDX-License-Identifier: MIT
 *
 * step_record_test.c - every request is counted once and leaves one line that shows no secret. */
#include "base/json.h"
#include "gateway/steps.h"

#include "fake_codec.h"
#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static uint64_t counted(const struct scene *scene, enum metric metric)
{
    return atomic_load(&scene->gateway->metrics.values[metric]);
}

static void requests_are_counted_by_class(void **state)
{
    static const struct {
        unsigned status;
        enum metric metric;
    } cases[] = {{100, METRIC_requests_1xx}, {199, METRIC_requests_1xx}, {200, METRIC_requests_2xx},
                 {304, METRIC_requests_3xx}, {404, METRIC_requests_4xx}, {499, METRIC_requests_4xx},
                 {500, METRIC_requests_5xx}, {599, METRIC_requests_5xx}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct scene scene;
        scene_begin(&scene, NULL);
        struct request *request =
            scene_request(&scene, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        request->status = cases[i].status;
        request->bytes_in = 5;
        request->bytes_out = 7;
        assert_int_equal(step_record(request), STEP_NEXT);
        assert_int_equal(counted(&scene, cases[i].metric), 1);
        uint64_t all = 0;
        for (unsigned metric = METRIC_requests_1xx; metric <= METRIC_requests_5xx; metric++) {
            all += counted(&scene, (enum metric)metric);
        }
        assert_int_equal(all, 1);
        assert_int_equal(counted(&scene, METRIC_bytes_in), 5);
        assert_int_equal(counted(&scene, METRIC_bytes_out), 7);
        assert_int_equal(counted(&scene, METRIC_requests_cancelled), 0);
        request->status = 0; /* dropped below; not to be counted twice */
        scene_drop(request);
        assert_int_equal(counted(&scene, METRIC_requests_cancelled), 1);
        scene_end(&scene);
    }
}

static void the_line_says_who_and_what_but_no_secret(void **state)
{
    struct scene scene;
    struct json_value line;
    struct failure failure = {""};
    scene_begin(&scene, NULL);
    scene.gateway->access_log.enabled = true;
    struct request *request =
        scene_request(&scene, "GET /v1/models?key=hush HTTP/1.1\r\nHost: localhost\r\n"
                              "Authorization: Bearer " SCENE_TOKEN "\r\nX-Request-Id: r-1\r\n\r\n");
    scene_prove(request, "alice");
    assert_int_equal(step_stamp_identity(request), STEP_NEXT);
    request->status = 403;
    request->reason = "path_not_allowed";
    request->engine_us = 1500;
    assert_int_equal(step_record(request), STEP_NEXT);
    struct buffer *lines = &scene.gateway->access_log.lines;
    assert_int_equal(json_parse(buffer_slice(lines), JSON_DUPLICATES_REFUSED, &line, &failure),
                     STATUS_OK);
    static const char *const members[][2] = {
        {"request_id", "\"r-1\""},   {"method", "\"GET\""},      {"path", "\"/v1/models\""},
        {"status", "403"},           {"user", "\"alice\""},      {"reason", "\"path_not_allowed\""},
        {"client", "\"192.0.2.1\""}, {"message", "\"request\""}, {"engine_ms", "1.500"},
        {"bytes_in", "0"},           {"level", "\"info\""},
    };
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        struct json_value value = json_member(line, members[i][0]);
        if (!slice_equals(value.text, slice_from_string(members[i][1]))) {
            fail_msg("%s is %.*s", members[i][0], SLICE_ARGS(value.text));
        }
    }
    assert_false(scene_contains(lines, "hush"));
    assert_false(scene_contains(lines, SCENE_TOKEN));
    buffer_reset(lines); /* not to be written out */
    scene.gateway->access_log.enabled = false;
    scene_drop(request);
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_counted_by_class),
        cmocka_unit_test(the_line_says_who_and_what_but_no_secret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

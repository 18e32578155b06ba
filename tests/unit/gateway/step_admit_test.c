/* SPDX-License-Identifier: MIT
 *
 * step_admit_test.c - own routes answer, the engine's open paths go on, all others are refused with
 * the name of the option that would open them. */
#include "gateway/routes.h"
#include "gateway/steps.h"

#include "fake_codec.h"
#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct request *matched(struct scene *scene, const char *line)
{
    char head[256];
    snprintf(head, sizeof(head), "%s HTTP/1.1\r\nHost: localhost\r\n\r\n", line);
    struct request *request = scene_request(scene, head);
    assert_int_equal(step_match_route(request), STEP_NEXT);
    return request;
}

static void own_routes_are_open(void **state)
{
    struct scene scene;
    scene_begin(&scene, NULL);
    struct request *request = matched(&scene, "GET /healthz");
    assert_int_equal(step_admit(request), STEP_NEXT);
    scene_drop(request);
    scene_end(&scene);
}

static void open_paths_go_on_and_the_others_are_refused(void **state)
{
    static const struct {
        const char *line;
        bool is_open;
    } cases[] = {{"POST /api/chat", true},      {"GET /api/tags?x=/api/pull", true},
                 {"HEAD /api/tags", true},      {"POST /api/pull", false},
                 {"DELETE /api/delete", false}, {"GET /api/chat", false},
                 {"GET /metrics", false},       {"OPTIONS *", false},
                 {"POST /api/chat/", false},    {"GET /x?y=/api/tags", false},
                 {"GET /v1/models/a", true},    {"GET /v1/models/", true},
                 {"GET /v1/modelsx", false}};
    struct scene scene;
    scene_begin(&scene, NULL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct request *request = matched(&scene, cases[i].line);
        if (step_admit(request) != (cases[i].is_open ? STEP_NEXT : STEP_ANSWER)) {
            fail_msg("%s", cases[i].line);
        }
        if (!cases[i].is_open) {
            assert_int_equal(fake_codec_seen.status, 403);
            assert_string_equal(request->reason, "path_not_allowed");
            assert_non_null(strstr(fake_codec_body(), "ENGINE_PATHS"));
        }
        scene_drop(request);
    }
    scene_end(&scene);
}

static void the_operator_decides(void **state)
{
    static const char *const flags[] = {"--engine-paths=POST /api/pull, /sleep*", NULL};
    struct scene scene;
    scene_begin(&scene, flags);
    static const char *const lines[] = {"POST /api/pull", "GET /sleep", "PUT /sleep/x",
                                        "POST /api/chat"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct request *request = matched(&scene, lines[i]);
        assert_int_equal(step_admit(request), i < 3 ? STEP_NEXT : STEP_ANSWER);
        scene_drop(request);
    }
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_routes_are_open),
        cmocka_unit_test(open_paths_go_on_and_the_others_are_refused),
        cmocka_unit_test(the_operator_decides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

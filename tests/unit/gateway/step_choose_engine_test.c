/* SPDX-License-Identifier: MIT
 *
 * step_choose_engine_test.c - the path by which the engine knows the call. */
#include "gateway/steps.h"

#include "fake_codec.h"
#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void the_target_stays_or_is_translated(void **state)
{
    static const struct {
        const char *line;
        const char *ollama;
        const char *openai;
    } cases[] = {
        {"GET /api/tags?x=%2F&y", "/api/tags?x=%2F&y", "/api/tags?x=%2F&y"},
        {"POST /api/chat", "/api/chat", "/v1/chat/completions"},
        {"GET /api/chat", "/api/chat", "/api/chat"},
        {"POST /api/chatx", "/api/chatx", "/api/chatx"},
        {"POST /api/generate", "/api/generate", "/api/generate"},
        {"GET http://localhost/api/ps?q", "/api/ps?q", "/api/ps?q"},
        {"POST http://localhost/api/chat", "/api/chat", "/v1/chat/completions"},
        {"OPTIONS *", "*", "*"},
    };
    for (unsigned api = 0; api < 2; api++) {
        const char *const flags[] = {api == 0 ? "--engine-api=ollama" : "--engine-api=openai",
                                     NULL};
        struct scene scene;
        scene_begin(&scene, flags);
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            char head[256];
            const char *expected = api == 0 ? cases[i].ollama : cases[i].openai;
            snprintf(head, sizeof(head), "%s HTTP/1.1\r\nHost: localhost\r\n\r\n", cases[i].line);
            struct request *request = scene_request(&scene, head);
            assert_int_equal(request->head_status, 0);
            assert_int_equal(step_choose_engine(request), STEP_NEXT);
            if (!slice_equals(request->engine_target, slice_from_string(expected))) {
                fail_msg("%s became %.*s", cases[i].line, SLICE_ARGS(request->engine_target));
            }
            scene_drop(request);
        }
        scene_end(&scene);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_target_stays_or_is_translated)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

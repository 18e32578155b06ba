/* SPDX-License-Identifier: MIT
 *
 * cors_test.c - which pages may ask, what they are told, and that nobody else is told so. */
#include "gateway/cors.h"

#include "fake_codec.h"
#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define HOST_FIELD "Host: localhost\r\n"
#define ORIGIN "http://localhost:9000"

static struct request *from(struct scene *scene, const char *method, const char *fields)
{
    char head[1024];
    snprintf(head, sizeof(head), "%s /api/chat HTTP/1.1\r\n" HOST_FIELD "%s\r\n", method, fields);
    return scene_request(scene, head);
}

static void origins_are_compared_whole(void **state)
{
    static const struct {
        const char *fields;
        bool is_allowed;
    } cases[] = {
        {"", false},
        {"Origin: http://localhost:9000\r\n", true},
        {"origin: http://127.0.0.1:9000\r\n", true},
        {"Origin: https://localhost:9000\r\n", false},
        {"Origin: http://localhost:90000\r\n", false},
        {"Origin: http://localhost:900\r\n", false},
        {"Origin: http://localhost\r\n", false},
        {"Origin: http://LOCALHOST:9000\r\n", false},
        {"Origin: http://localhost:9000/\r\n", false},
        {"Origin: http://localhost:9000.evil.example\r\n", false},
        {"Origin: null\r\n", false},
        {"Origin: *\r\n", false},
        {"Origin:\r\n", false},
        {"Origin: http://localhost:9000 http://localhost:9000\r\n", false},
        {"Origin: http://localhost:9000\r\nOrigin: http://localhost:9000\r\n", false},
        {"Origin: http://evil.example\r\nOrigin: http://localhost:9000\r\n", false},
    };
    struct scene scene;
    scene_begin(&scene, NULL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct request *request = from(&scene, "GET", cases[i].fields);
        if ((cors_allowed_origin(request).length > 0) != cases[i].is_allowed) {
            fail_msg("%s", cases[i].fields);
        }
        scene_drop(request);
    }
    scene_end(&scene);
}

static void a_preflight_has_a_method_an_origin_and_asks_for_a_method(void **state)
{
#define ASKS "Access-Control-Request-Method: POST\r\n"
    static const struct {
        const char *method;
        const char *fields;
        bool is_preflight;
    } cases[] = {
        {"OPTIONS", "Origin: " ORIGIN "\r\n" ASKS, true},
        {"OPTIONS", "Origin: http://evil.example\r\n" ASKS, true},
        {"OPTIONS", "Origin: " ORIGIN "\r\n", false},
        {"OPTIONS", ASKS, false},
        {"OPTIONS", "", false},
        {"POST", "Origin: " ORIGIN "\r\n" ASKS, false},
        {"options", "Origin: " ORIGIN "\r\n" ASKS, false},
    };
#undef ASKS
    struct scene scene;
    scene_begin(&scene, NULL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct request *request = from(&scene, cases[i].method, cases[i].fields);
        assert_int_equal(cors_is_preflight(request), cases[i].is_preflight);
        scene_drop(request);
    }
    scene_end(&scene);
}

static void an_allowed_preflight_is_answered(void **state)
{
    struct scene scene;
    scene_begin(&scene, NULL);
    struct request *request = from(&scene, "OPTIONS",
                                   "Origin: " ORIGIN "\r\nAccess-Control-Request-Method: POST\r\n"
                                   "Access-Control-Request-Headers: authorization, x-a\r\n");
    request->origin = cors_allowed_origin(request);
    cors_answer_preflight(request);
    assert_int_equal(fake_codec_seen.status, 200);
    assert_int_equal(fake_codec_count("Access-Control-Allow-Origin: " ORIGIN), 1);
    assert_int_equal(fake_codec_count("Access-Control-Allow-Credentials: true"), 1);
    assert_int_equal(fake_codec_count("Access-Control-Allow-Headers: authorization, x-a"), 1);
    assert_int_equal(fake_codec_count("Access-Control-Allow-Methods: DELETE, GET, HEAD, OPTIONS, "
                                      "PATCH, POST, PUT"),
                     1);
    assert_int_equal(fake_codec_count("Access-Control-Max-Age: 600"), 1);
    assert_int_equal(fake_codec_count("Vary: Origin"), 1);
    assert_string_equal(fake_codec_body(), "OK");
    scene_drop(request);
    request =
        from(&scene, "OPTIONS", "Origin: " ORIGIN "\r\nAccess-Control-Request-Method: POST\r\n");
    request->origin = cors_allowed_origin(request);
    cors_answer_preflight(request);
    assert_null(strstr(fake_codec_fields(), "Access-Control-Allow-Headers"));
    scene_drop(request);
    scene_end(&scene);
}

static void a_foreign_preflight_is_told_nothing(void **state)
{
    struct scene scene;
    scene_begin(&scene, NULL);
    struct request *request = from(&scene, "OPTIONS",
                                   "Origin: http://evil.example\r\n"
                                   "Access-Control-Request-Method: POST\r\n"
                                   "Access-Control-Request-Headers: x-a\r\n");
    request->origin = cors_allowed_origin(request);
    cors_answer_preflight(request);
    assert_int_equal(fake_codec_seen.status, 400);
    assert_string_equal(request->reason, "origin_not_allowed");
    assert_null(strstr(fake_codec_fields(), "Access-Control"));
    assert_int_equal(fake_codec_count("Vary: Origin"), 1);
    scene_drop(request);
    scene_end(&scene);
}

static void replies_say_who_may_read_them(void **state)
{
    static const struct {
        const char *fields;
        size_t count;
        bool names_origin;
        bool varies;
    } cases[] = {{"", 0, false, false},
                 {"Origin: " ORIGIN "\r\n", 4, true, true},
                 {"Origin: http://evil.example\r\n", 1, false, true}};
    struct scene scene;
    scene_begin(&scene, NULL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct request *request = from(&scene, "GET", cases[i].fields);
        struct field fields[cors_fields_max];
        request->origin = cors_allowed_origin(request);
        size_t count = cors_reply_fields(request, fields);
        bool names_origin = false;
        bool varies = false;
        for (size_t j = 0; j < count; j++) {
            assert_false(slice_equals(fields[j].value, SLICE("*")));
            names_origin =
                names_origin || slice_equals(fields[j].name, SLICE("Access-Control-Allow-Origin"));
            varies = varies || slice_equals(fields[j].name, SLICE("Vary"));
        }
        assert_int_equal(count, cases[i].count);
        assert_int_equal(names_origin, cases[i].names_origin);
        assert_int_equal(varies, cases[i].varies);
        scene_drop(request);
    }
    scene_end(&scene);
}

static void without_origins_there_is_no_cors(void **state)
{
    static const char *const flags[] = {"--cors-origins=,", NULL};
    struct scene scene;
    struct field fields[cors_fields_max];
    scene_begin(&scene, flags);
    assert_int_equal(scene.config.cors_origins.count, 0);
    struct request *request = from(&scene, "GET", "Origin: " ORIGIN "\r\n");
    assert_int_equal(cors_allowed_origin(request).length, 0);
    assert_int_equal(cors_reply_fields(request, fields), 0);
    scene_drop(request);
    scene_end(&scene);
}

static void the_engines_cors_fields_are_known(void **state)
{
    assert_true(cors_is_cors_field(SLICE("Access-Control-Allow-Origin")));
    assert_true(cors_is_cors_field(SLICE("ACCESS-CONTROL-ALLOW-CREDENTIALS")));
    assert_true(cors_is_cors_field(SLICE("access-control-anything")));
    assert_false(cors_is_cors_field(SLICE("access-control")));
    assert_false(cors_is_cors_field(SLICE("x-access-control-allow-origin")));
    assert_false(cors_is_cors_field((struct slice){0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(origins_are_compared_whole),
        cmocka_unit_test(a_preflight_has_a_method_an_origin_and_asks_for_a_method),
        cmocka_unit_test(an_allowed_preflight_is_answered),
        cmocka_unit_test(a_foreign_preflight_is_told_nothing),
        cmocka_unit_test(replies_say_who_may_read_them),
        cmocka_unit_test(without_origins_there_is_no_cors),
        cmocka_unit_test(the_engines_cors_fields_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

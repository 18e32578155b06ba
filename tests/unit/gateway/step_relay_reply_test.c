/* SPDX-License-Identifier: MIT
 *
 * step_relay_reply_test.c - what the client gets of the engine's reply, and what it gets when there
 * is none, or not all of it. */
#include "gateway/steps.h"

#include "fake_codec.h"
#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define CALLER "Host: localhost\r\nAuthorization: Bearer " SCENE_TOKEN "\r\n"
#define ORIGIN "http://localhost:9000"

static uint64_t counted(const struct scene *scene, enum metric metric)
{
    return atomic_load(&scene->gateway->metrics.values[metric]);
}

/* A call of <method> at the engine, which has read its head. */
static int call(struct scene *scene, const char *method)
{
    char head[512];
    struct buffer seen;
    buffer_init(&seen, 4096);
    snprintf(head, sizeof(head), "%s /api/tags HTTP/1.1\r\n" CALLER "Origin: " ORIGIN "\r\n\r\n",
             method);
    struct request *request = scene_request(scene, head);
    request_run(request);
    assert_ptr_equal(scene->connection.request, request);
    request_settle(request);
    int engine = scene_engine_accept(scene);
    scene_receive_until(scene, engine, &seen, SLICE("\r\n\r\n"));
    buffer_clear(&seen);
    return engine;
}

static void await_end(struct scene *scene)
{
    while (scene->connection.request != NULL) {
        scene_turn(scene, -1);
    }
}

static void replies_pass_as_they_are(void **state)
{
    static const struct {
        const char *method;
        const char *reply;
        unsigned status;
        bool has_length;
        uint64_t length;
        bool has_body;
        const char *body;
    } cases[] = {
        {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", 200, true, 3, true, "abc"},
        {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, true, 0, true, ""},
        {"GET", "HTTP/1.1 404 Nope\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", 404,
         false, 0, true, "ab"},
        {"GET", "HTTP/1.1 204 No\r\n\r\n", 204, false, 0, false, ""},
        {"GET", "HTTP/1.1 304 Same\r\nContent-Length: 9\r\n\r\n", 304, false, 0, false, ""},
        {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", 200, false, 0, false, ""},
        {"GET", "HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 500 Bad\r\nContent-Length: 1\r\n\r\nx", 500, true,
         1, true, "x"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct scene scene;
        scene_begin(&scene, NULL);
        int engine = call(&scene, cases[i].method);
        scene_send(&scene, engine, slice_from_string(cases[i].reply));
        await_end(&scene);
        assert_int_equal(fake_codec_seen.status, cases[i].status);
        assert_int_equal(fake_codec_seen.has_length, cases[i].has_length);
        assert_int_equal(fake_codec_seen.has_body, cases[i].has_body);
        if (cases[i].has_length) {
            assert_int_equal(fake_codec_seen.length, cases[i].length);
        } else if (!cases[i].has_body && cases[i].status != 204) {
            assert_int_equal(fake_codec_count("Content-Length: 9"), 1);
        }
        assert_string_equal(fake_codec_body(), cases[i].body);
        assert_non_null(strstr(fake_codec_calls(), "end flush over "));
        assert_int_equal(counted(&scene, METRIC_engine_failures), 0);
        close(engine);
        scene_end(&scene);
    }
}

static void a_reply_that_ends_with_its_connection_is_whole(void **state)
{
    struct scene scene;
    scene_begin(&scene, NULL);
    int engine = call(&scene, "GET");
    scene_send(&scene, engine, SLICE("HTTP/1.1 200 OK\r\n\r\nabc"));
    close(engine);
    await_end(&scene);
    assert_string_equal(fake_codec_body(), "abc");
    assert_null(strstr(fake_codec_calls(), "abort"));
    scene_end(&scene);
}

static void the_engine_does_not_speak_for_us(void **state)
{
    struct scene scene;
    scene_begin(&scene, NULL);
    int engine = call(&scene, "GET");
    scene_send(&scene, engine,
               SLICE("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Attach-User: root\r\n"
                     "X_ATTACH_SESSION: root\r\nX-Request-Id: root\r\n"
                     "Access-Control-Allow-Origin: *\r\naccess-control-anything: root\r\n"
                     "Connection: X-Mine\r\nX-Mine: root\r\nKeep-Alive: root\r\nUpgrade: root\r\n"
                     "Proxy-Authenticate: root\r\nDate: then\r\nServer: s\r\nSet-Cookie: a\r\n"
                     "Set-Cookie: b\r\n\r\n"));
    await_end(&scene);
    assert_null(strstr(fake_codec_fields(), "root"));
    assert_null(strstr(fake_codec_fields(), "*"));
    static const char *const once[] = {"X-Attach-User: alice",
                                       "Access-Control-Allow-Origin: " ORIGIN,
                                       "Vary: Origin",
                                       "Date: then",
                                       "Server: s",
                                       "Set-Cookie: a",
                                       "Set-Cookie: b"};
    for (size_t i = 0; i < sizeof(once) / sizeof(once[0]); i++) {
        if (fake_codec_count(once[i]) != 1) {
            fail_msg("%s is not once in %s", once[i], fake_codec_fields());
        }
    }
    assert_null(strstr(fake_codec_fields(), "Connection"));
    assert_null(strstr(fake_codec_fields(), "Content-Length"));
    close(engine);
    scene_end(&scene);
}

static void no_reply_has_its_own_status(void **state)
{
    static const struct {
        const char *reply; /* then the engine closes; NULL: it says nothing and stays */
        unsigned status;
    } cases[] = {{"", 502},
                 {"garbage\r\n\r\n", 502},
                 {"HTTP/1.1 200 OK\r\nContent-Len", 502},
                 {"HTTP/1.1 101 Switching Protocols\r\n\r\n", 502},
                 {NULL, 504}};
    static const char *const flags[] = {"--engine-first-byte-timeout=50ms", NULL};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct scene scene;
        scene_begin(&scene, cases[i].reply == NULL ? flags : NULL);
        int engine = call(&scene, "GET");
        if (cases[i].reply != NULL) {
            scene_send(&scene, engine, slice_from_string(cases[i].reply));
            close(engine);
        }
        await_end(&scene);
        assert_int_equal(fake_codec_seen.status, cases[i].status);
        assert_non_null(strstr(fake_codec_body(), "{\"detail\":\""));
        assert_null(strstr(fake_codec_calls(), "abort"));
        assert_int_equal(fake_codec_count("X-Attach-User: alice"), 1);
        assert_int_equal(counted(&scene, METRIC_engine_failures), 1);
        assert_int_equal(counted(&scene, METRIC_requests_truncated), 0);
        if (cases[i].reply == NULL) {
            close(engine);
        }
        scene_end(&scene);
    }
}

static void an_engine_that_is_not_there_is_a_502(void **state)
{
    struct scene scene;
    scene_begin(&scene, NULL);
    close(scene.engine);
    scene.engine = -1;
    struct request *request = scene_request(&scene, "GET /api/tags HTTP/1.1\r\n" CALLER "\r\n");
    request_run(request);
    request_settle(request);
    await_end(&scene);
    assert_int_equal(fake_codec_seen.status, 502);
    scene_end(&scene);
}

static void half_a_reply_is_visibly_half(void **state)
{
    static const char *const replies[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nbad",
    };
    for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
        struct scene scene;
        scene_begin(&scene, NULL);
        int engine = call(&scene, "GET");
        scene_send(&scene, engine, slice_from_string(replies[i]));
        while (fake_codec_seen.status == 0) {
            scene_turn(&scene, -1);
        }
        close(engine);
        await_end(&scene);
        assert_int_equal(fake_codec_seen.status, 200);
        assert_string_equal(fake_codec_body(), "abc");
        const char *calls = fake_codec_calls();
        assert_non_null(strstr(calls, "abort flush over "));
        assert_null(strstr(calls, "end "));
        assert_int_equal(counted(&scene, METRIC_requests_truncated), 1);
        scene_end(&scene);
    }
}

static void silence_within_a_reply_ends_it(void **state)
{
    static const char *const flags[] = {"--engine-idle-timeout=50ms", NULL};
    struct scene scene;
    scene_begin(&scene, flags);
    int engine = call(&scene, "GET");
    scene_send(&scene, engine, SLICE("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"));
    await_end(&scene);
    assert_non_null(strstr(fake_codec_calls(), "abort flush over "));
    close(engine);
    scene_end(&scene);
}

/* Each piece goes out before the next one comes. */
static void a_stream_is_not_collected(void **state)
{
    struct scene scene;
    char expected[64] = "";
    scene_begin(&scene, NULL);
    int engine = call(&scene, "GET");
    scene_send(&scene, engine,
               SLICE("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                     "Transfer-Encoding: chunked\r\n\r\n"));
    for (unsigned i = 0; i < 20; i++) {
        char piece[] = "1\r\n?\r\n";
        piece[3] = (char)('a' + i);
        expected[i] = piece[3];
        scene_send(&scene, engine, slice_from_string(piece));
        while (fake_codec_seen.body.length < i + 1) { /* flushed, not only handed over */
            scene_turn(&scene, -1);
        }
        assert_string_equal(fake_codec_body(), expected);
        assert_non_null(scene.connection.request);
    }
    scene_send(&scene, engine, SLICE("0\r\n\r\n"));
    await_end(&scene);
    close(engine);
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_pass_as_they_are),
        cmocka_unit_test(a_reply_that_ends_with_its_connection_is_whole),
        cmocka_unit_test(the_engine_does_not_speak_for_us),
        cmocka_unit_test(no_reply_has_its_own_status),
        cmocka_unit_test(an_engine_that_is_not_there_is_a_502),
        cmocka_unit_test(half_a_reply_is_visibly_half),
        cmocka_unit_test(silence_within_a_reply_ends_it),
        cmocka_unit_test(a_stream_is_not_collected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

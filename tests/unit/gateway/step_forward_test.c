/* SPDX-License-Identifier: MIT
 *
 * step_forward_test.c - what the engine gets of a request, and what it never gets. */
#include "gateway/steps.h"

#include "fake_codec.h"
#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { seen_bytes_max = 1024 * 1024 };

#define CALLER "Host: localhost\r\nAuthorization: Bearer " SCENE_TOKEN "\r\n"

/* Runs "POST /api/generate" with <fields> up to the engine; adds the head it got to <head>. The
 * engine's end. */
static int forward(struct scene *scene, const char *fields, struct buffer *head)
{
    char text[2048];
    int length =
        snprintf(text, sizeof(text), "POST /api/generate?a=b HTTP/1.1\r\n" CALLER "%s\r\n", fields);
    assert_true(length > 0 && (size_t)length < sizeof(text));
    struct request *request = scene_request(scene, text);
    request_run(request);
    if (scene->connection.request != request) {
        fail_msg("answered %u: %s", fake_codec_seen.status, fake_codec_body());
    }
    request_settle(request);
    int engine = scene_engine_accept(scene);
    buffer_reset(head);
    scene_receive_until(scene, engine, head, SLICE("\r\n\r\n"));
    return engine;
}

static void finish(struct scene *scene, int engine)
{
    request_cancel(scene->connection.request, "test_over");
    close(engine);
    fake_codec_forget();
}

static size_t count_of(const struct buffer *head, const char *text)
{
    struct slice rest = buffer_slice(head);
    size_t count = 0;
    for (; rest.length >= strlen(text); rest = slice_after(rest, 1)) {
        count += slice_starts_with_ignoring_case(rest, slice_from_string(text)) ? 1 : 0;
    }
    return count;
}

static void our_fields_replace_whatever_the_client_claims(void **state)
{
    struct scene scene;
    struct buffer head;
    scene_begin(&scene, NULL);
    buffer_init(&head, seen_bytes_max);
    int engine = forward(&scene,
                         "X-Attach-User: root\r\nx-attach-user: root\r\nX_Attach_User: root\r\n"
                         "X-ATTACH_user: root\r\nX-Attach-Admin: root\r\nX-Request-Id: r-1\r\n"
                         "User-Agent: curl/8.5.0\r\n",
                         &head);
    assert_true(scene_contains(&head, "POST /api/generate?a=b HTTP/1.1\r\n"));
    assert_false(scene_contains(&head, "root"));
    assert_int_equal(count_of(&head, "\r\nX-Attach-User: alice\r\n"), 1);
    assert_int_equal(count_of(&head, "\r\nX-Attach-Session: 3fe7886f9fc7ea8a\r\n"), 1);
    assert_int_equal(count_of(&head, "\r\nX-Request-Id: r-1\r\n"), 1);
    assert_int_equal(count_of(&head, "attach"), 2);
    assert_int_equal(count_of(&head, "\r\nHost: "), 1);
    assert_false(scene_contains(&head, "localhost\r\n")); /* the engine's own name goes there */
    finish(&scene, engine);
    buffer_clear(&head);
    scene_end(&scene);
}

static void fields_of_one_hop_stay_here(void **state)
{
    struct scene scene;
    struct buffer head;
    scene_begin(&scene, NULL);
    buffer_init(&head, seen_bytes_max);
    int engine = forward(&scene,
                         "Connection: keep-alive, X-Mine , x-request-id\r\nX-Mine: 1\r\n"
                         "X-Yours: 2\r\nKeep-Alive: timeout=5\r\nProxy-Connection: close\r\n"
                         "Proxy-Authorization: Basic eA==\r\nTE: trailers\r\nTrailer: X\r\n"
                         "Upgrade: websocket\r\nHTTP2-Settings: x\r\nAccept: a\r\nAccept: b\r\n",
                         &head);
    static const char *const gone[] = {
        "X-Mine", "Keep-Alive:", "Proxy-", "TE:", "Trailer", "Upgrade", "HTTP2", "Expect"};
    for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++) {
        if (count_of(&head, gone[i]) != 0) {
            fail_msg("%s in %.*s", gone[i], (int)head.length, head.data);
        }
    }
    assert_int_equal(count_of(&head, "\r\nX-Yours: 2\r\n"), 1);
    assert_int_equal(count_of(&head, "\r\nAccept: a\r\nAccept: b\r\n"), 1);
    assert_int_equal(count_of(&head, "\r\nX-Request-Id: "), 1); /* ours, named or not */
    finish(&scene, engine);
    buffer_clear(&head);
    scene_end(&scene);
}

static void the_callers_token_stays_here_unless_told_otherwise(void **state)
{
    static const struct {
        const char *flags[3];
        const char *environment;
        const char *expected; /* NULL: no Authorization at all */
    } cases[] = {
        {{NULL}, NULL, NULL},
        {{"--engine-forward-auth", NULL}, NULL, "\r\nAuthorization: Bearer " SCENE_TOKEN "\r\n"},
        {{NULL}, "hush", "\r\nAuthorization: Bearer hush\r\n"},
        {{"--engine-forward-auth", NULL}, "hush", "\r\nAuthorization: Bearer hush\r\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct scene scene;
        struct buffer head;
        scene_begin(&scene, cases[i].flags);
        if (cases[i].environment != NULL) { /* a secret has no flag */
            scene.config.engine_api_key = slice_from_string(cases[i].environment);
        }
        buffer_init(&head, seen_bytes_max);
        int engine = forward(&scene, "", &head);
        assert_int_equal(count_of(&head, "\r\nAuthorization: "), cases[i].expected == NULL ? 0 : 1);
        if (cases[i].expected != NULL) {
            assert_true(scene_contains(&head, cases[i].expected));
        }
        finish(&scene, engine);
        buffer_clear(&head);
        scene_end(&scene);
    }
}

static void the_framing_is_our_own(void **state)
{
    struct scene scene;
    struct buffer head;
    scene_begin(&scene, NULL);
    buffer_init(&head, seen_bytes_max);
    int engine = forward(&scene, "", &head);
    assert_int_equal(count_of(&head, "Transfer-Encoding"), 0);
    finish(&scene, engine);
    engine = forward(&scene, "Content-Length: 5\r\nExpect: 100-continue\r\n", &head);
    assert_int_equal(count_of(&head, "\r\nContent-Length: 5\r\n"), 1);
    assert_int_equal(strncmp(fake_codec_calls(), "body_start flush ", 17), 0);
    request_body(scene.connection.request, SLICE("he"));
    request_body(scene.connection.request, SLICE("llo"));
    request_body_end(scene.connection.request);
    request_settle(scene.connection.request);
    scene_receive_until(&scene, engine, &head, SLICE("\r\n\r\nhello"));
    finish(&scene, engine);
    engine = forward(&scene, "Transfer-Encoding: chunked\r\n", &head);
    assert_int_equal(count_of(&head, "\r\nTransfer-Encoding: chunked\r\n"), 1);
    assert_int_equal(count_of(&head, "Content-Length"), 0);
    request_body(scene.connection.request, SLICE("he"));
    request_body(scene.connection.request, SLICE("llo"));
    request_body_end(scene.connection.request);
    request_settle(scene.connection.request);
    scene_receive_until(&scene, engine, &head, SLICE("\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"));
    finish(&scene, engine);
    buffer_clear(&head);
    scene_end(&scene);
}

/* An engine that does not read slows the client, and goes on when it reads again. */
static void a_slow_engine_pauses_the_body(void **state)
{
    enum { piece_bytes = 16 * 1024, pieces_max = 4096 };
    static char piece[piece_bytes];
    struct scene scene;
    struct buffer seen;
    size_t sent = 0;
    scene_begin(&scene, NULL);
    buffer_init(&seen, (size_t)piece_bytes * pieces_max * 2);
    int engine = forward(&scene, "Content-Length: 30000000\r\n", &seen);
    struct request *request = scene.connection.request;
    while (strstr(fake_codec_calls(), "body_pause") == NULL && sent < pieces_max) {
        request_body(request, slice_make(piece, piece_bytes));
        request_settle(request);
        sent++;
        scene_settle(&scene);
    }
    assert_true(sent < 30000000 / piece_bytes);
    assert_true(request->call.request.length < 2 * engine_request_pending_max);
    assert_null(strstr(fake_codec_calls(), "body_resume"));
    size_t head_bytes = seen.length;
    scene_receive_count(&scene, engine, &seen, head_bytes + sent * piece_bytes);
    while (strstr(fake_codec_calls(), "body_resume") == NULL) {
        scene_turn(&scene, -1);
    }
    finish(&scene, engine);
    buffer_clear(&seen);
    scene_end(&scene);
}

static void more_calls_than_engine_connections_are_refused(void **state)
{
    static const char *const flags[] = {"--engine-connections-max=1", NULL};
    struct scene scene;
    struct buffer head;
    scene_begin(&scene, flags);
    buffer_init(&head, seen_bytes_max);
    int engine = forward(&scene, "", &head);
    struct request *first = scene.connection.request;
    request_run(scene_request(&scene, "POST /api/generate HTTP/1.1\r\n" CALLER "\r\n"));
    assert_int_equal(fake_codec_seen.status, 503);
    scene.connection.request = first;
    finish(&scene, engine);
    buffer_clear(&head);
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_fields_replace_whatever_the_client_claims),
        cmocka_unit_test(fields_of_one_hop_stay_here),
        cmocka_unit_test(the_callers_token_stays_here_unless_told_otherwise),
        cmocka_unit_test(the_framing_is_our_own),
        cmocka_unit_test(a_slow_engine_pauses_the_body),
        cmocka_unit_test(more_calls_than_engine_connections_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

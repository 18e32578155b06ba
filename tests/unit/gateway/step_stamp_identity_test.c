/* SPDX-License-Identifier: MIT
 *
 * step_stamp_identity_test.c - the session of a proven caller, and that nobody else gets one. */
#include "auth/session_id.h"
#include "gateway/routes.h"
#include "gateway/steps.h"

#include "fake_codec.h"
#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* sha256("alice:curl/8.5.0"), sha256("alice:"), sha256("alice:my session"), as sha256sum says. */
#define SESSION_CURL "3fe7886f9fc7ea8a"
#define SESSION_NO_AGENT "a343e93196f9e943"
#define SESSION_NAMED "285169b3f0802727"

static struct request *caller(struct scene *scene, const char *fields)
{
    char head[1024];
    snprintf(head, sizeof(head), "POST /api/generate HTTP/1.1\r\nHost: localhost\r\n%s\r\n",
             fields);
    struct request *request = scene_request(scene, head);
    assert_int_equal(step_match_route(request), STEP_NEXT);
    return request;
}

static void sessions_are_the_documented_digests(void **state)
{
    static const struct {
        const char *fields;
        const char *session;
    } cases[] = {
        {"User-Agent: curl/8.5.0\r\n", SESSION_CURL},
        {"", SESSION_NO_AGENT},
        {"User-Agent:\r\n", SESSION_NO_AGENT},
        {"User-Agent: curl/8.5.0\r\nX-Attach-Session: my session\r\n", SESSION_NAMED},
        {"x-attach-SESSION: my session\r\n", SESSION_NAMED},
        /* None of these names a session. */
        {"User-Agent: curl/8.5.0\r\nX_Attach_Session: my session\r\n", SESSION_CURL},
        {"User-Agent: curl/8.5.0\r\nX-Attach-Session:\r\n", SESSION_CURL},
        {"User-Agent: curl/8.5.0\r\nX-Attach-Session: a\r\nX-Attach-Session: a\r\n", SESSION_CURL},
        {"User-Agent: curl/8.5.0\r\nX-Attach-User: bob\r\n", SESSION_CURL},
        {"User-Agent: curl/8.5.0\r\nX-Attach-Sessions: a\r\n", SESSION_CURL},
    };
    struct scene scene;
    scene_begin(&scene, NULL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct request *request = caller(&scene, cases[i].fields);
        scene_prove(request, "alice");
        assert_int_equal(step_stamp_identity(request), STEP_NEXT);
        if (!slice_equals(request->session, slice_from_string(cases[i].session))) {
            fail_msg("%s gave %.*s", cases[i].fields, SLICE_ARGS(request->session));
        }
        scene_drop(request);
    }
    scene_end(&scene);
}

static void a_named_session_is_inside_its_user(void **state)
{
    struct scene scene;
    scene_begin(&scene, NULL);
    struct request *request = caller(&scene, "X-Attach-Session: my session\r\n");
    scene_prove(request, "bob");
    assert_int_equal(step_stamp_identity(request), STEP_NEXT);
    assert_false(slice_equals(request->session, SLICE(SESSION_NAMED)));
    scene_drop(request);
    scene_end(&scene);
}

static void nobody_gets_no_session_and_goes_no_further(void **state)
{
    struct scene scene;
    scene_begin(&scene, NULL);
    struct request *request = caller(&scene, "User-Agent: curl/8.5.0\r\n");
    assert_int_equal(step_stamp_identity(request), STEP_ANSWER);
    assert_int_equal(fake_codec_seen.status, 500);
    assert_int_equal(request->session.length, 0);
    scene_drop(request);
    request = scene_request(&scene, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_int_equal(step_match_route(request), STEP_NEXT);
    assert_int_equal(step_stamp_identity(request), STEP_NEXT);
    assert_int_equal(request->session.length, 0);
    scene_drop(request);
    scene_end(&scene);
}

static void the_remembered_session_is_used_for_the_same_agent_alone(void **state)
{
    struct scene scene;
    struct cached_session remembered = {
        .user_agent = "curl/8.5.0", .user_agent_length = 10, .session = {"0123456789abcdef"}};
    scene_begin(&scene, NULL);
    struct request *request = caller(&scene, "User-Agent: curl/8.5.0\r\n");
    scene_prove(request, "alice");
    request->remembered_session = &remembered;
    assert_int_equal(step_stamp_identity(request), STEP_NEXT);
    assert_true(slice_equals(request->session, SLICE("0123456789abcdef")));
    assert_null(request->remembered_session);
    scene_drop(request);
    /* A longer agent that begins alike is another one, and takes its place. */
    request = caller(&scene, "User-Agent: curl/8.5.00\r\n");
    scene_prove(request, "alice");
    request->remembered_session = &remembered;
    assert_int_equal(step_stamp_identity(request), STEP_NEXT);
    assert_false(slice_equals(request->session, SLICE("0123456789abcdef")));
    assert_int_equal(remembered.user_agent_length, 11);
    assert_memory_equal(remembered.session, request->session.data, session_id_length);
    scene_drop(request);
    scene_end(&scene);
}

static void agents_of_any_length_have_a_session(void **state)
{
    static const size_t lengths[] = {1, 127, 128, 129, 255, 256, 800};
    struct scene scene;
    struct cached_session remembered = {0};
    scene_begin(&scene, NULL);
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        char agent[801] = "";
        char fields[900];
        char expected[session_id_length];
        memset(agent, 'a', lengths[i]);
        snprintf(fields, sizeof(fields), "User-Agent: %s\r\n", agent);
        assert_true(session_id_make(SLICE("alice"), slice_from_string(agent), expected));
        remembered.user_agent_length = 0;
        struct request *request = caller(&scene, fields);
        scene_prove(request, "alice");
        request->remembered_session = &remembered;
        assert_int_equal(step_stamp_identity(request), STEP_NEXT);
        assert_memory_equal(request->session.data, expected, session_id_length);
        assert_int_equal(remembered.user_agent_length, lengths[i] <= 128 ? lengths[i] : 0);
        scene_drop(request);
    }
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sessions_are_the_documented_digests),
        cmocka_unit_test(a_named_session_is_inside_its_user),
        cmocka_unit_test(nobody_gets_no_session_and_goes_no_further),
        cmocka_unit_test(the_remembered_session_is_used_for_the_same_agent_alone),
        cmocka_unit_test(agents_of_any_length_have_a_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

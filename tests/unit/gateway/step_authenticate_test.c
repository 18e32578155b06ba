/* SPDX-License-Identifier: MIT
 *
 * step_authenticate_test.c - who is let in, what the others are told, and how those wait whose
 * issuer's keys are not here. */
#include "auth/mint.h"
#include "base/clock.h"
#include "gateway/routes.h"
#include "gateway/steps.h"

#include "fake_codec.h"
#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define BEARER "WWW-Authenticate: Bearer realm=\"attach-gateway\""
/* {"alg":"RS256"} . {"iss":"https://issuer.test"} . some signature: only its keys can tell. */
#define UNDECIDED_TOKEN "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci50ZXN0In0.AAAA"

static struct request *caller(struct scene *scene, const char *fields)
{
    char head[2048];
    int length = snprintf(head, sizeof(head),
                          "POST /api/generate HTTP/1.1\r\nHost: localhost\r\n%s\r\n", fields);
    assert_true(length > 0 && (size_t)length < sizeof(head));
    struct request *request = scene_request(scene, head);
    assert_int_equal(step_match_route(request), STEP_NEXT);
    request->step = STEP_authenticate;
    return request;
}

static uint64_t counted(const struct scene *scene, enum metric metric)
{
    return atomic_load(&scene->gateway->metrics.values[metric]);
}

static void each_denial_has_its_status_challenge_and_reason(void **state)
{
    static const struct {
        const char *fields;
        unsigned status;
        enum deny_reason reason;
        const char *challenge;
        const char *detail;
    } cases[] = {
        {"", 401, DENY_NO_CREDENTIALS, BEARER, "Missing Bearer token"},
        {"Authorization: Basic abc\r\n", 401, DENY_SCHEME_NOT_BEARER, BEARER,
         "Missing Bearer token"},
        {"Authorization: Bearer\r\n", 401, DENY_TOKEN_ABSENT, BEARER, "Missing Bearer token"},
        {"Authorization: Bearer " SCENE_TOKEN "\r\nauthorization: Bearer " SCENE_TOKEN "\r\n", 400,
         DENY_AUTHORIZATION_REPEATED, BEARER ", error=\"invalid_request\"",
         "Malformed Authorization"},
        {"Authorization: Bearer a b\r\n", 401, DENY_TOKEN_MALFORMED,
         BEARER ", error=\"invalid_token\", error_description=\"The access token is not valid\"",
         "Invalid token"},
        {"Authorization: Bearer abc\r\n", 401, DENY_NOT_COMPACT_JWS,
         BEARER ", error=\"invalid_token\", error_description=\"The access token is not valid\"",
         "Invalid token"},
        {"Authorization: Bearer " SCENE_TOKEN "x\r\n", 401, DENY_HEADER_NOT_BASE64URL,
         BEARER ", error=\"invalid_token\", error_description=\"The access token is not valid\"",
         "Invalid token"},
    };
    struct scene scene;
    scene_begin(&scene, NULL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct request *request = caller(&scene, cases[i].fields);
        atomic_uint_fast64_t *denied = &scene.gateway->metrics.denied[cases[i].reason];
        uint64_t before = atomic_load(denied);
        assert_int_equal(step_authenticate(request), STEP_ANSWER);
        assert_int_equal(fake_codec_seen.status, cases[i].status);
        assert_string_equal(request->reason, deny_reason_name(cases[i].reason));
        assert_int_equal(fake_codec_count(cases[i].challenge), 1);
        assert_non_null(strstr(fake_codec_body(), cases[i].detail));
        assert_int_equal(atomic_load(denied), before + 1);
        assert_int_equal(counted(&scene, METRIC_tokens_denied), i + 1);
        assert_int_equal(request->identity.proof, IDENTITY_UNPROVEN);
        scene_drop(request);
    }
    scene_end(&scene);
}

/* {"alg":"EdDSA"} . {"iss":"did:web:b.example"} . 64 zero bytes */
#define DID_TOKEN                                                                                  \
    "eyJhbGciOiJFZERTQSJ9.eyJpc3MiOiJkaWQ6d2ViOmIuZXhhbXBsZSJ9."                                   \
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static void a_did_that_may_not_call_is_forbidden(void **state)
{
    static const char *const flags[] = {"--did-allow=did:web:a.example", NULL};
    struct scene scene;
    scene_begin(&scene, flags);
    struct request *request = caller(&scene, "Authorization: Bearer " DID_TOKEN "\r\n");
    assert_int_equal(step_authenticate(request), STEP_ANSWER);
    assert_int_equal(fake_codec_seen.status, 403);
    assert_int_equal(fake_codec_count(BEARER ", error=\"insufficient_scope\""), 1);
    assert_string_equal(request->reason, "did_not_allowed");
    scene_drop(request);
    scene_end(&scene);
}

static void public_routes_look_at_no_token(void **state)
{
    struct scene scene;
    scene_begin(&scene, NULL);
    struct request *request =
        scene_request(&scene, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
                              "Authorization: Bearer " SCENE_TOKEN "\r\n\r\n");
    assert_int_equal(step_match_route(request), STEP_NEXT);
    assert_int_equal(step_authenticate(request), STEP_NEXT);
    assert_int_equal(request->identity.proof, IDENTITY_UNPROVEN);
    assert_int_equal(counted(&scene, METRIC_tokens_cached), 0);
    scene_drop(request);
    scene_end(&scene);
}

/* The identity must outlive the cache's entry; AddressSanitizer would see a borrowed one. */
static void a_remembered_token_gives_an_identity_of_its_own(void **state)
{
    struct scene scene;
    scene_begin(&scene, NULL);
    struct request *request = caller(&scene, "Authorization: bEaReR " SCENE_TOKEN "\r\n");
    assert_int_equal(step_authenticate(request), STEP_NEXT);
    assert_non_null(request->remembered_session);
    assert_int_equal(step_stamp_identity(request), STEP_NEXT);
    token_cache_forget_issuer(scene.gateway->token_cache, 0);
    assert_true(slice_equals(request->identity.user, SLICE("alice")));
    assert_true(slice_equals(request->identity.subject, SLICE("alice")));
    assert_true(slice_equals(request->identity.issuer, SLICE(SCENE_ISSUER)));
    assert_int_equal(request->identity.proof, IDENTITY_OIDC);
    assert_int_equal(counted(&scene, METRIC_tokens_cached), 1);
    assert_string_equal(fake_codec_calls(), "");
    scene_drop(request);
    request = caller(&scene, "Authorization: Bearer " SCENE_TOKEN "\r\n");
    assert_int_equal(step_authenticate(request), STEP_ANSWER); /* forgotten, and no real token */
    scene_drop(request);
    scene_end(&scene);
}

static void a_signature_is_checked_once(void **state)
{
    char directory[] = "/tmp/attach-gateway-authenticate-test-XXXXXX";
    char option[128];
    char fields[1024];
    char key[128];
    struct scene scene;
    struct mint *mint = NULL;
    struct buffer token;
    struct failure failure = {""};
    assert_non_null(mkdtemp(directory));
    snprintf(option, sizeof(option), "--attach-data-dir=%s", directory);
    const char *const flags[] = {"--attach-local", option, NULL};
    scene_begin(&scene, flags);
    buffer_init(&token, 4096);
    assert_int_equal(mint_open(directory, &mint, &failure), STATUS_OK);
    assert_int_equal(mint_append_token(mint, SLICE("carol"), SLICE("api"), clock_wall_s(), 600,
                                       &token, &failure),
                     STATUS_OK);
    snprintf(fields, sizeof(fields), "Authorization: Bearer %.*s\r\n", (int)token.length,
             token.data);
    for (unsigned i = 0; i < 3; i++) {
        struct request *request = caller(&scene, fields);
        assert_int_equal(step_authenticate(request), STEP_NEXT);
        assert_true(slice_equals(request->identity.subject, SLICE("carol")));
        assert_int_equal(request->identity.proof, IDENTITY_LOCAL);
        assert_int_equal(counted(&scene, METRIC_tokens_verified), 1);
        assert_int_equal(counted(&scene, METRIC_tokens_cached), i);
        scene_drop(request);
    }
    mint_free(mint);
    buffer_clear(&token);
    scene_end(&scene);
    snprintf(key, sizeof(key), "%s/local-key.pem", directory);
    assert_int_equal(unlink(key), 0);
    assert_int_equal(rmdir(directory), 0);
}

/* Several wait for the same keys; whichever of them leaves, the others are woken. */
static void those_who_wait_are_woken_and_may_leave(void **state)
{
    enum { waiting = 3 };
    for (unsigned leaves = 0; leaves <= waiting; leaves++) {
        struct scene scene;
        struct request *requests[waiting];
        scene_begin(&scene, NULL);
        struct key_wait *wait = &scene.gateway->key_waits[0];
        wait->asked = true; /* as if the control thread had been asked */
        for (unsigned i = 0; i < waiting; i++) {
            requests[i] = caller(&scene, "Authorization: Bearer " UNDECIDED_TOKEN "\r\n");
            assert_int_equal(step_authenticate(requests[i]), STEP_WAIT);
            assert_string_equal(fake_codec_calls(), "");
        }
        if (leaves < waiting) {
            request_cancel(requests[leaves], "client_gone");
        }
        step_authenticate_wake(scene.gateway, 0);
        assert_null(wait->first);
        assert_false(wait->asked);
        assert_int_equal(fake_codec_seen.status, 503);
        assert_int_equal(fake_codec_count("Retry-After: 5"), 1);
        assert_int_equal(counted(&scene, METRIC_tokens_denied),
                         leaves < waiting ? waiting - 1 : waiting);
        assert_int_equal(counted(&scene, METRIC_requests_5xx),
                         leaves < waiting ? waiting - 1 : waiting);
        scene_end(&scene);
    }
}

/* Whoever comes within the cooldown after an answer is not made to wait for another one. */
static void keys_that_were_just_answered_are_not_waited_for(void **state)
{
    struct scene scene;
    scene_begin(&scene, NULL);
    struct key_wait *wait = &scene.gateway->key_waits[0];
    uv_update_time(&scene.gateway->worker.loop);
    wait->answered_ms = uv_now(&scene.gateway->worker.loop);
    struct request *request = caller(&scene, "Authorization: Bearer " UNDECIDED_TOKEN "\r\n");
    assert_int_equal(step_authenticate(request), STEP_ANSWER);
    assert_int_equal(fake_codec_seen.status, 503);
    assert_string_equal(request->reason, "keys_unavailable");
    assert_null(wait->first);
    scene_drop(request);
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_denial_has_its_status_challenge_and_reason),
        cmocka_unit_test(a_did_that_may_not_call_is_forbidden),
        cmocka_unit_test(public_routes_look_at_no_token),
        cmocka_unit_test(a_remembered_token_gives_an_identity_of_its_own),
        cmocka_unit_test(a_signature_is_checked_once),
        cmocka_unit_test(those_who_wait_are_woken_and_may_leave),
        cmocka_unit_test(keys_that_were_just_answered_are_not_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * did_documents_test.c - requests that wait for the document of a did:web, what wakes them, and how
 * long a document and its tokens are remembered. The control thread's part is played by the test;
 * tests/system/test_did_web.py has the real one. */
#include "gateway/did_documents.h"

#include "auth/did_web_cache.h"
#include "gateway/steps.h"

#include "fake_codec.h"
#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define DID "did:web:a.example"
/* {"alg":"EdDSA"} . {"iss":"did:web:a.example"} . 64 zero bytes: only a document can tell. */
#define SIGNATURE                                                                                  \
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define TOKEN "eyJhbGciOiJFZERTQSJ9.eyJpc3MiOiJkaWQ6d2ViOmEuZXhhbXBsZSJ9." SIGNATURE
#define KEYS                                                                                       \
    "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"" DID "#k\","                       \
    "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}"

static void begin(struct scene *scene)
{
    static const char *const flags[] = {"--did-allow=did:web:*", NULL};
    scene_begin(scene, flags);
    assert_ptr_equal(scene->gateway->trust.dids, &scene->gateway->dids);
    assert_non_null(scene->gateway->dids.web);
}

static struct jwks *keys(void)
{
    struct jwks *jwks = NULL;
    assert_int_equal(jwks_parse(SLICE(KEYS), &jwks, NULL), STATUS_OK);
    return jwks;
}

/* As if <did> had been asked for. */
static struct key_wait *asked_for(struct scene *scene, const char *did)
{
    struct did_wait *wait = calloc(1, sizeof(*wait) + strlen(did));
    assert_non_null(wait);
    wait->length = strlen(did);
    memcpy(wait->did, did, wait->length);
    wait->wait.asked = true;
    wait->next = scene->gateway->did_waits;
    scene->gateway->did_waits = wait;
    return &wait->wait;
}

static struct request *caller(struct scene *scene)
{
    struct request *request =
        scene_request(scene, "POST /api/generate HTTP/1.1\r\nHost: localhost\r\n"
                             "Authorization: Bearer " TOKEN "\r\n\r\n");
    assert_int_equal(step_match_route(request), STEP_NEXT);
    request->step = STEP_authenticate;
    return request;
}

static uint64_t counted(const struct scene *scene, enum metric metric)
{
    return atomic_load(&scene->gateway->metrics.values[metric]);
}

static void await_answer(struct scene *scene)
{
    while (scene->gateway->did_waits != NULL) {
        scene_turn(scene, -1);
    }
}

static void an_answer_wakes_those_who_wait_for_it(void **state)
{
    struct scene scene;
    begin(&scene);
    asked_for(&scene, "did:web:b.example");
    struct key_wait *wait = asked_for(&scene, DID);
    for (unsigned i = 0; i < 3; i++) {
        struct request *request = caller(&scene);
        assert_int_equal(step_authenticate(request), STEP_WAIT);
        assert_ptr_equal(wait->first, request);
    }
    assert_string_equal(fake_codec_calls(), "");
    request_cancel(wait->first, "client_gone");
    did_documents_post(scene.gateway, SLICE(DID), NULL, 0, true);
    while (scene.gateway->did_waits->next != NULL) {
        scene_turn(&scene, -1);
    }
    assert_int_equal(counted(&scene, METRIC_requests_5xx), 2);
    assert_int_equal(fake_codec_seen.status, 503);
    assert_int_equal(counted(&scene, METRIC_keys_failed), 1);
    did_documents_post(scene.gateway, SLICE("did:web:b.example"), NULL, 0, false);
    await_answer(&scene);
    assert_int_equal(counted(&scene, METRIC_keys_failed), 1);
    scene_end(&scene);
}

/* The token is looked at again with the keys: then its signature is known to be wrong. */
static void keys_decide_in_the_second_look(void **state)
{
    struct scene scene;
    begin(&scene);
    asked_for(&scene, DID);
    assert_int_equal(step_authenticate(caller(&scene)), STEP_WAIT);
    did_documents_post(scene.gateway, SLICE(DID), keys(), 60000, true);
    await_answer(&scene);
    assert_int_equal(fake_codec_seen.status, 401);
    assert_int_equal(counted(&scene, METRIC_keys_fetched), 1);
    assert_non_null(did_web_cache_find(scene.gateway->dids.web, SLICE(DID)));
    scene_end(&scene);
}

static void an_answer_just_given_is_not_waited_for(void **state)
{
    struct scene scene;
    begin(&scene);
    asked_for(&scene, DID);
    did_documents_post(scene.gateway, SLICE(DID), NULL, 0, true);
    await_answer(&scene);
    struct request *request = caller(&scene);
    assert_int_equal(step_authenticate(request), STEP_ANSWER);
    assert_int_equal(fake_codec_seen.status, 503);
    assert_string_equal(request->reason, "keys_unavailable");
    scene_drop(request);
    scene_end(&scene);
}

static void waits_are_capped(void **state)
{
    struct scene scene;
    char did[64];
    begin(&scene);
    for (unsigned i = 0; i < did_waits_max; i++) {
        snprintf(did, sizeof(did), "did:web:%u.example", i);
        asked_for(&scene, did);
    }
    assert_null(did_documents_wait(scene.gateway, SLICE(DID)));
    assert_non_null(did_documents_wait(scene.gateway, SLICE("did:web:7.example")));
    struct request *request = caller(&scene);
    assert_int_equal(step_authenticate(request), STEP_ANSWER);
    assert_int_equal(fake_codec_seen.status, 503);
    scene_drop(request);
    did_documents_wake_all(scene.gateway);
    assert_null(scene.gateway->did_waits);
    scene_end(&scene);
}

static void nobody_waits_for_a_worker_that_ends(void **state)
{
    struct scene scene;
    begin(&scene);
    asked_for(&scene, DID);
    assert_int_equal(step_authenticate(caller(&scene)), STEP_WAIT);
    scene.gateway->draining = true;
    did_documents_wake_all(scene.gateway);
    assert_int_equal(fake_codec_seen.status, 503);
    assert_null(did_documents_wait(scene.gateway, SLICE(DID)));
    scene.gateway->draining = false;
    scene_end(&scene);
}

/* A letter that comes too late is taken apart, not lost. */
static void a_document_for_a_worker_that_ended_is_freed(void **state)
{
    struct scene scene;
    begin(&scene);
    scene.gateway->worker.mailbox.closed = true;
    did_documents_post(scene.gateway, SLICE(DID), keys(), 60000, true);
    scene.gateway->worker.mailbox.closed = false;
    scene_end(&scene);
}

static void remember(struct scene *scene, const char *token, const char *did)
{
    struct slice text = slice_from_string(did);
    const struct verification verification = {
        .verdict = VERDICT_ACCEPTED,
        .issuer_index = SIZE_MAX,
        .did = text,
        .identity = {.proof = IDENTITY_DID, .issuer = text, .subject = text, .user = text},
        .expires_at_s = INT64_MAX / 2};
    token_cache_insert(scene->gateway->token_cache, slice_from_string(token), &verification);
}

static bool remembers(struct scene *scene, const char *token)
{
    struct cached_session *session;
    return token_cache_find(scene->gateway->token_cache, slice_from_string(token), 0, &session) !=
           NULL;
}

/* Neither an older document nor none at all vouches for tokens that an earlier one proved. */
static void tokens_go_with_their_document(void **state)
{
    struct scene scene;
    begin(&scene);
    struct gateway *gateway = scene.gateway;
    uint64_t now_ms = uv_now(&gateway->worker.loop);
    remember(&scene, "a.a.a", DID);
    remember(&scene, "b.b.b", "did:web:b.example");
    did_web_cache_insert(gateway->dids.web, SLICE(DID), keys(), now_ms, now_ms);
    did_web_cache_insert(gateway->dids.web, SLICE("did:web:b.example"), keys(), now_ms,
                         now_ms + 3600 * 1000);
    did_documents_expire(gateway);
    assert_false(remembers(&scene, "a.a.a"));
    assert_true(remembers(&scene, "b.b.b"));
    assert_null(did_web_cache_find(gateway->dids.web, SLICE(DID)));
    asked_for(&scene, "did:web:b.example");
    did_documents_post(gateway, SLICE("did:web:b.example"), keys(), 60000, true);
    await_answer(&scene);
    assert_false(remembers(&scene, "b.b.b"));
    assert_true(remembers(&scene, SCENE_TOKEN));
    scene_end(&scene);
}

static void without_dids_nothing_is_there_to_expire(void **state)
{
    struct scene scene;
    scene_begin(&scene, NULL);
    assert_null(scene.gateway->trust.dids);
    did_documents_expire(scene.gateway);
    did_documents_wake_all(scene.gateway);
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_wakes_those_who_wait_for_it),
        cmocka_unit_test(keys_decide_in_the_second_look),
        cmocka_unit_test(an_answer_just_given_is_not_waited_for),
        cmocka_unit_test(waits_are_capped),
        cmocka_unit_test(nobody_waits_for_a_worker_that_ends),
        cmocka_unit_test(a_document_for_a_worker_that_ended_is_freed),
        cmocka_unit_test(tokens_go_with_their_document),
        cmocka_unit_test(without_dids_nothing_is_there_to_expire),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

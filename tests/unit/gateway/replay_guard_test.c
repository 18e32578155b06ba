/* SPDX-License-Identifier: MIT
 *
 * replay_guard_test.c - a token of use once is let in once, and not at all when nobody can say. */
#include "gateway/replay_guard.h"

#include "base/clock.h"
#include "gateway/errand.h"
#include "gateway/routes.h"
#include "gateway/steps.h"

#include "fake_codec.h"
#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const char *const deny_flags[] = {"--did-replay=deny", NULL};

static struct verification used(unsigned char id)
{
    struct verification verification = {
        .verdict = VERDICT_ACCEPTED, .expires_at_s = clock_wall_s() + 3600, .has_replay_id = true};
    memset(verification.replay_id, id, sizeof(verification.replay_id));
    return verification;
}

/* At the step that asks, with a route that wants a token. */
static struct request *caller(struct scene *scene)
{
    struct request *request =
        scene_request(scene, "GET /api/tags HTTP/1.1\r\nHost: localhost\r\n\r\n");
    request->route = &route_engine;
    request->step = STEP_authenticate;
    return request;
}

/* Waits for the errand without letting the request run on: the test takes it. */
static enum deny_reason answer_of(struct scene *scene, unsigned char id)
{
    struct request *request = caller(scene);
    const struct verification verification = used(id);
    assert_true(replay_guard_ask(request, &verification));
    assert_non_null(request->errand);
    assert_int_equal(scene->gateway->errands_out, 1);
    request->running = true;
    scene_await_errands(scene, 0);
    request->running = false;
    assert_null(request->errand);
    assert_non_null(request->errand_returned);
    enum deny_reason reason = replay_guard_take(request);
    assert_null(request->errand_returned);
    scene_drop(request);
    return reason;
}

static void only_some_tokens_must_pass(void **state)
{
    struct scene scene;
    struct verification verification = used(1);
    scene_begin(&scene, NULL);
    struct request *request = caller(&scene);
    assert_false(replay_guard_applies(request, &verification)); /* DID_REPLAY=allow */
    scene_drop(request);
    scene_end(&scene);
    scene_begin(&scene, deny_flags);
    request = caller(&scene);
    assert_true(replay_guard_applies(request, &verification));
    verification.has_replay_id = false;
    assert_false(replay_guard_applies(request, &verification));
    scene_drop(request);
    scene_end(&scene);
}

static void the_first_use_is_the_only_one(void **state)
{
    struct scene scene;
    scene_begin(&scene, deny_flags);
    scene_open_memory(&scene);
    assert_int_equal(answer_of(&scene, 1), DENY_UNDECIDED);
    assert_int_equal(answer_of(&scene, 1), DENY_TOKEN_REPLAYED);
    assert_int_equal(answer_of(&scene, 2), DENY_UNDECIDED);
    assert_int_equal(answer_of(&scene, 1), DENY_TOKEN_REPLAYED);
    assert_int_equal(answer_of(&scene, 2), DENY_TOKEN_REPLAYED);
    scene_end(&scene);
}

/* The step: the denial reaches the client, and no identity is left behind. */
static void a_replayed_token_is_answered(void **state)
{
    struct scene scene;
    scene_begin(&scene, deny_flags);
    scene_open_memory(&scene);
    assert_int_equal(answer_of(&scene, 7), DENY_UNDECIDED);
    struct request *request = caller(&scene);
    const struct verification again = used(7);
    scene_prove(request, "alice");
    assert_true(replay_guard_ask(request, &again));
    assert_int_equal(step_authenticate(request), STEP_WAIT); /* nothing else is looked at */
    scene_await_end(&scene);
    assert_int_equal(fake_codec_seen.status, 401);
    assert_int_equal(atomic_load(&scene.gateway->metrics.denied[DENY_TOKEN_REPLAYED]), 1);
    assert_int_equal(fake_codec_count("X-Attach-User: alice"), 0);
    scene_end(&scene);
}

static void a_full_table_lets_nobody_in(void **state)
{
    static const char *const flags[] = {"--did-replay=deny", "--did-replay-entries=2", NULL};
    struct scene scene;
    scene_begin(&scene, flags);
    scene_open_memory(&scene);
    assert_int_equal(answer_of(&scene, 1), DENY_UNDECIDED);
    assert_int_equal(answer_of(&scene, 2), DENY_UNDECIDED);
    assert_int_equal(answer_of(&scene, 3), DENY_REPLAY_UNAVAILABLE);
    assert_int_equal(answer_of(&scene, 1), DENY_TOKEN_REPLAYED);
    scene_end(&scene);
}

static void without_a_store_nobody_is_let_in(void **state)
{
    struct scene scene;
    const struct verification verification = used(1);
    scene_begin(&scene, deny_flags);
    struct request *request = caller(&scene);
    assert_false(replay_guard_ask(request, &verification));
    assert_null(request->errand);
    assert_int_equal(scene.gateway->errands_out, 0);
    scene_drop(request);
    scene_end(&scene);
}

static void a_store_that_takes_no_more_lets_nobody_in(void **state)
{
    struct scene scene;
    struct gate done;
    struct sql_job large;
    scene_begin(&scene, deny_flags);
    scene_open_memory(&scene);
    scene_hold_store(&scene);
    gate_init(&done);
    sql_job_init(&large, "SELECT 1", 0, &done);
    large.job.bytes = scene_store_bytes_max - 200; /* beside the one that is held */
    assert_int_equal(store_write(scene.process.store, &large.job), STATUS_OK);
    assert_int_equal(answer_of(&scene, 1), DENY_REPLAY_UNAVAILABLE);
    scene_release_store(&scene);
    gate_await(&done, 1);
    assert_int_equal(answer_of(&scene, 1), DENY_UNDECIDED); /* that was no use of it */
    scene_end(&scene);
}

static void a_store_that_refuses_lets_nobody_in(void **state)
{
    static const struct store_settings nowhere = {
        .directory = "/dev/null/nowhere", .queue_bytes_max = 64 * 1024, .readers_count = 1};
    struct scene scene;
    struct failure failure = {""};
    scene_begin(&scene, deny_flags);
    assert_int_equal(store_open(&nowhere, &scene.process.store, &failure), STATUS_OK);
    assert_int_equal(answer_of(&scene, 1), DENY_REPLAY_UNAVAILABLE);
    scene_end(&scene);
}

/* The client's use counts all the same: what is on its way cannot be called back. */
static void a_client_that_leaves_has_used_its_token(void **state)
{
    struct scene scene;
    const struct verification verification = used(9);
    scene_begin(&scene, deny_flags);
    scene_open_memory(&scene);
    scene_hold_store(&scene);
    struct request *request = caller(&scene);
    assert_true(replay_guard_ask(request, &verification));
    scene_drop(request);
    assert_int_equal(scene.gateway->errands_out, 1);
    scene_release_store(&scene);
    scene_await_errands(&scene, 0);
    assert_int_equal(answer_of(&scene, 9), DENY_TOKEN_REPLAYED);
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_some_tokens_must_pass),
        cmocka_unit_test(the_first_use_is_the_only_one),
        cmocka_unit_test(a_replayed_token_is_answered),
        cmocka_unit_test(a_full_table_lets_nobody_in),
        cmocka_unit_test(without_a_store_nobody_is_let_in),
        cmocka_unit_test(a_store_that_takes_no_more_lets_nobody_in),
        cmocka_unit_test(a_store_that_refuses_lets_nobody_in),
        cmocka_unit_test(a_client_that_leaves_has_used_its_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

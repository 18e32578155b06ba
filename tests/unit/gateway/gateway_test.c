/* SPDX-License-Identifier: MIT
 *
 * gateway_test.c - what one worker knows: the date, whether it is ready, how many clients may come,
 * and the letters that bring it keys. */
#include "gateway/gateway.h"

#include "base/clock.h"

#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define KEY                                                                                        \
    "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"k\","                               \
    "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}"

static void the_date_is_that_of_the_protocol(void **state)
{
    struct scene scene;
    struct tm parts;
    scene_begin(&scene, NULL);
    int64_t before_s = clock_wall_s();
    struct slice date = gateway_date(scene.gateway);
    int64_t after_s = clock_wall_s();
    assert_int_equal(date.length, strlen("Sun, 06 Nov 1994 08:49:37 GMT"));
    memset(&parts, 0, sizeof(parts));
    const char *end = strptime(date.data, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    assert_non_null(end);
    assert_int_equal(*end, '\0');
    int64_t shown_s = (int64_t)timegm(&parts);
    assert_true(shown_s >= before_s && shown_s <= after_s);
    scene.gateway->date_s = 0; /* whenever it was made, it is made again for another second */
    scene.gateway->date[0] = '?';
    assert_int_not_equal(gateway_date(scene.gateway).data[0], '?');
    scene_end(&scene);
}

static struct jwks *keys(void)
{
    struct jwks *jwks = NULL;
    struct failure failure = {""};
    if (jwks_parse(SLICE(KEY), &jwks, &failure) != STATUS_OK) {
        fail_msg("%s", failure.text);
    }
    return jwks;
}

/* The cache of the worker: 1 when it still knows alice. */
static unsigned remembers(struct scene *scene)
{
    struct cached_session *session;
    return token_cache_find(scene->gateway->token_cache, SLICE(SCENE_TOKEN), 0, &session) != NULL;
}

static void keys_come_by_letter(void **state)
{
    struct scene scene;
    scene_begin(&scene, NULL);
    struct gateway *gateway = scene.gateway;
    assert_false(gateway_is_ready(gateway));
    gateway->key_waits[0].asked = true;
    gateway_post_keys(gateway, 0, KEYS_FAILED, NULL);
    while (gateway->key_waits[0].asked) {
        scene_turn(&scene, -1);
    }
    assert_false(gateway_is_ready(gateway));
    assert_int_equal(remembers(&scene), 1);
    struct jwks *first = keys();
    struct jwks *second = keys();
    gateway_post_keys(gateway, 0, KEYS_FRESH, first);
    while (!gateway_is_ready(gateway)) {
        scene_turn(&scene, -1);
    }
    assert_ptr_equal(gateway->trust.issuers[0].jwks, first);
    assert_int_equal(remembers(&scene), 0); /* a token outlives no change of keys */
    gateway_post_keys(gateway, 0, KEYS_FAILED, NULL);
    gateway_post_keys(gateway, 0, KEYS_FRESH, second);
    while (gateway->trust.issuers[0].jwks != second) {
        scene_turn(&scene, -1);
    }
    assert_true(gateway_is_ready(gateway));
    assert_int_equal(atomic_load(&gateway->metrics.values[METRIC_keys_fetched]), 2);
    assert_int_equal(atomic_load(&gateway->metrics.values[METRIC_keys_failed]), 2);
    gateway->draining = true;
    assert_false(gateway_is_ready(gateway));
    gateway->draining = false;
    scene_end(&scene);
}

/* A letter that comes too late is taken apart, not lost. */
static void keys_for_a_worker_that_ended_are_freed(void **state)
{
    struct scene scene;
    scene_begin(&scene, NULL);
    scene.gateway->worker.mailbox.closed = true;
    gateway_post_keys(scene.gateway, 0, KEYS_FRESH, keys());
    scene.gateway->worker.mailbox.closed = false;
    scene_end(&scene);
}

static void the_process_takes_no_more_clients_than_it_may(void **state)
{
    static const char *const flags[] = {"--max-connections=2", NULL};
    struct scene scene;
    scene_begin(&scene, flags);
    struct gateway *gateway = scene.gateway;
    int first = scene_connect(&scene);
    int second = scene_connect(&scene);
    assert_int_equal(atomic_load(&scene.process.connections_open), 2);
    assert_false(gateway->listener.admits(&gateway->listener));
    assert_int_equal(atomic_load(&scene.process.connections_open), 2);
    close(first);
    scene_await_connections(&scene, 1);
    assert_int_equal(atomic_load(&scene.process.connections_open), 1);
    assert_true(gateway->listener.admits(&gateway->listener));
    gateway->listener.not_accepted(&gateway->listener);
    int third = scene_connect(&scene);
    close(second);
    close(third);
    scene_await_connections(&scene, 0);
    assert_int_equal(atomic_load(&gateway->metrics.values[METRIC_connections]), 0);
    assert_int_equal(atomic_load(&gateway->metrics.values[METRIC_connections_accepted]), 3);
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_date_is_that_of_the_protocol),
        cmocka_unit_test(keys_come_by_letter),
        cmocka_unit_test(keys_for_a_worker_that_ended_are_freed),
        cmocka_unit_test(the_process_takes_no_more_clients_than_it_may),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

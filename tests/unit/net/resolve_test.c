/* SPDX-License-Identifier: MIT
 *
 * resolve_test.c - addresses that need no look-up, those that do, and old answers that are kept
 * while no new one can be had. Asks for localhost and for a name that no resolver accepts. */
#include "net/resolve.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define NO_NAME "a..b" /* an empty label: refused before anybody is asked */

struct scene {
    uv_loop_t loop;
    struct resolve resolve;
    unsigned done;
    int error;
};

static void scene_done(void *context, int error)
{
    struct scene *scene = context;
    scene->done++;
    scene->error = error;
}

static void scene_begin(struct scene *scene, const char *host)
{
    *scene = (struct scene){.done = 0};
    assert_int_equal(uv_loop_init(&scene->loop), 0);
    assert_int_equal(resolve_init(&scene->resolve, &scene->loop, slice_from_string(host), 11434,
                                  scene_done, scene),
                     STATUS_OK);
}

static void scene_run(struct scene *scene)
{
    assert_int_equal(uv_run(&scene->loop, UV_RUN_DEFAULT), 0);
}

static void scene_end(struct scene *scene)
{
    resolve_clear(&scene->resolve);
    scene_run(scene);
    assert_int_equal(uv_loop_close(&scene->loop), 0);
}

static void assert_loopback(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *four = (const struct sockaddr_in *)address;
        assert_int_equal(ntohl(four->sin_addr.s_addr) >> 24, 127);
        assert_int_equal(ntohs(four->sin_port), 11434);
        return;
    }
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)address;
    assert_int_equal(address->ss_family, AF_INET6);
    assert_true(IN6_IS_ADDR_LOOPBACK(&six->sin6_addr));
    assert_int_equal(ntohs(six->sin6_port), 11434);
}

static void addresses_need_no_look_up(void **state)
{
    static const char *const hosts[] = {"127.0.0.1", "::1", "127.255.255.254"};
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        struct scene scene;
        scene_begin(&scene, hosts[i]);
        assert_true(resolve_ready(&scene.resolve));
        assert_int_equal(scene.resolve.addresses_count, 1);
        assert_loopback(&scene.resolve.addresses[0]);
        resolve_doubt(&scene.resolve); /* there is nothing to doubt */
        assert_true(resolve_ready(&scene.resolve));
        assert_false(scene.resolve.running);
        scene_end(&scene);
        assert_int_equal(scene.done, 0);
    }
}

static void names_are_looked_up_once_for_all_who_wait(void **state)
{
    struct scene scene;
    scene_begin(&scene, "localhost");
    assert_false(scene.resolve.running); /* not before it is asked for */
    assert_false(resolve_ready(&scene.resolve));
    assert_false(resolve_ready(&scene.resolve));
    assert_int_equal(scene.done, 0);
    scene_run(&scene);
    assert_int_equal(scene.done, 1);
    assert_int_equal(scene.error, 0);
    assert_true(scene.resolve.addresses_count > 0);
    for (size_t i = 0; i < scene.resolve.addresses_count; i++) {
        assert_loopback(&scene.resolve.addresses[i]);
    }
    assert_true(resolve_ready(&scene.resolve));
    assert_false(scene.resolve.running); /* still fresh */
    scene_end(&scene);
    assert_int_equal(scene.done, 1);
}

static void a_name_that_is_not_found_is_told_and_asked_again(void **state)
{
    struct scene scene;
    scene_begin(&scene, NO_NAME);
    for (unsigned round = 1; round <= 2; round++) {
        assert_false(resolve_ready(&scene.resolve));
        assert_true(scene.resolve.running);
        scene_run(&scene);
        assert_int_equal(scene.done, round);
        assert_true(scene.error != 0);
        assert_int_equal(scene.resolve.addresses_count, 0);
    }
    scene_end(&scene);
}

static void an_old_answer_serves_until_there_is_a_new_one(void **state)
{
    for (int is_doubt = 0; is_doubt < 2; is_doubt++) {
        struct scene scene;
        scene_begin(&scene, "localhost");
        (void)resolve_ready(&scene.resolve);
        scene_run(&scene);
        size_t count = scene.resolve.addresses_count;
        if (is_doubt) {
            resolve_doubt(&scene.resolve);
        } else {
            scene.resolve.looked_up_ms = uv_now(&scene.loop) - resolve_fresh_ms;
        }
        assert_true(resolve_ready(&scene.resolve));
        assert_true(scene.resolve.running); /* in the background */
        scene_run(&scene);
        assert_int_equal(scene.done, 2);
        assert_int_equal(scene.resolve.addresses_count, count);
        assert_true(resolve_ready(&scene.resolve));
        assert_false(scene.resolve.running);
        scene_end(&scene);
    }
}

static void a_name_server_that_fails_takes_nothing_away(void **state)
{
    struct scene scene;
    scene_begin(&scene, "localhost");
    (void)resolve_ready(&scene.resolve);
    scene_run(&scene);
    memcpy(scene.resolve.host, NO_NAME, sizeof(NO_NAME)); /* from now on nobody knows it */
    resolve_doubt(&scene.resolve);
    assert_true(resolve_ready(&scene.resolve));
    scene_run(&scene);
    assert_int_equal(scene.done, 2);
    assert_true(scene.error != 0);
    assert_true(resolve_ready(&scene.resolve));
    assert_loopback(&scene.resolve.addresses[0]);
    assert_true(scene.resolve.running); /* and it is tried again */
    scene_end(&scene);
}

static void a_cleared_look_up_is_not_told(void **state)
{
    struct scene scene;
    scene_begin(&scene, "localhost");
    (void)resolve_ready(&scene.resolve);
    scene_end(&scene);
    assert_int_equal(scene.done, 0);
}

static void long_names_are_refused(void **state)
{
    struct resolve resolve;
    uv_loop_t loop;
    char name[256];
    memset(name, 'a', sizeof(name));
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(resolve_init(&resolve, &loop, slice_make(name, 256), 1, scene_done, NULL),
                     STATUS_LIMIT);
    assert_int_equal(resolve_init(&resolve, &loop, slice_make(name, 255), 1, scene_done, NULL),
                     STATUS_OK);
    assert_int_equal(strlen(resolve.host), 255);
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_need_no_look_up),
        cmocka_unit_test(names_are_looked_up_once_for_all_who_wait),
        cmocka_unit_test(a_name_that_is_not_found_is_told_and_asked_again),
        cmocka_unit_test(an_old_answer_serves_until_there_is_a_new_one),
        cmocka_unit_test(a_name_server_that_fails_takes_nothing_away),
        cmocka_unit_test(a_cleared_look_up_is_not_told),
        cmocka_unit_test(long_names_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

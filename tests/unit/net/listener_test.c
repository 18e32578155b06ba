/* SPDX-License-Identifier: MIT
 *
 * listener_test.c - sockets that listen, alone or side by side; connections that are taken, wait
 * in the kernel's queue, or are taken once there are descriptors again. */
#include "net/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { connections_max = 100 };

struct scene {
    uv_loop_t loop;
    uv_timer_t timer;
    struct listener listener;
    uint16_t port;
    bool admits;
    unsigned asked; /* calls of admits that said yes */
    unsigned refused;
    unsigned gave_up;
    unsigned close_after; /* accepted connections; 0: never */
    int accepted[connections_max];
    unsigned accepted_count;
    int clients[connections_max];
    unsigned clients_count;
    bool is_over; /* the pause */
};

static bool scene_admits(struct listener *listener)
{
    struct scene *scene = listener->owner;
    scene->asked += scene->admits;
    scene->refused += !scene->admits;
    return scene->admits;
}

static void scene_not_accepted(struct listener *listener)
{
    ((struct scene *)listener->owner)->gave_up++;
}

static void scene_accepted(struct listener *listener, int take_descriptor,
                           const struct sockaddr_storage *peer)
{
    struct scene *scene = listener->owner;
    assert_int_equal(peer->ss_family, AF_INET);
    assert_true((fcntl(take_descriptor, F_GETFL) & O_NONBLOCK) != 0);
    assert_true((fcntl(take_descriptor, F_GETFD) & FD_CLOEXEC) != 0);
    assert_true(scene->accepted_count < connections_max);
    scene->accepted[scene->accepted_count++] = take_descriptor;
    if (scene->accepted_count == scene->close_after) {
        listener_close(listener);
    }
}

static void scene_begin(struct scene *scene)
{
    int descriptor = -1;
    *scene = (struct scene){.admits = true};
    assert_int_equal(uv_loop_init(&scene->loop), 0);
    uv_timer_init(&scene->loop, &scene->timer);
    scene->timer.data = scene;
    assert_int_equal(listener_socket(SLICE("127.0.0.1"), 0, true, &descriptor, &scene->port, NULL),
                     STATUS_OK);
    assert_int_equal(listener_open(&scene->listener, &scene->loop, descriptor, scene_admits,
                                   scene_not_accepted, scene_accepted, scene, NULL),
                     STATUS_OK);
}

static int connect_to(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(descriptor >= 0);
    assert_int_equal(connect(descriptor, (struct sockaddr *)&address, sizeof(address)), 0);
    return descriptor;
}

static void scene_connect(struct scene *scene, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        scene->clients[scene->clients_count++] = connect_to(scene->port);
    }
}

static void scene_run_until_accepted(struct scene *scene, unsigned count)
{
    while (scene->accepted_count < count) {
        uv_run(&scene->loop, UV_RUN_ONCE);
    }
    assert_int_equal(scene->accepted_count, count);
}

static void pause_over(uv_timer_t *timer)
{
    ((struct scene *)timer->data)->is_over = true;
}

static void scene_pause(struct scene *scene, uint64_t pause_ms)
{
    scene->is_over = false;
    uv_timer_start(&scene->timer, pause_over, pause_ms, 0);
    while (!scene->is_over) {
        uv_run(&scene->loop, UV_RUN_ONCE);
    }
}

static void scene_end(struct scene *scene)
{
    /* every reserved place was used or given back */
    assert_int_equal(scene->asked, scene->accepted_count + scene->gave_up);
    listener_close(&scene->listener);
    listener_close(&scene->listener);
    uv_close((uv_handle_t *)&scene->timer, NULL);
    assert_int_equal(uv_run(&scene->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&scene->loop), 0);
    for (unsigned i = 0; i < scene->accepted_count; i++) {
        close(scene->accepted[i]);
    }
    for (unsigned i = 0; i < scene->clients_count; i++) {
        close(scene->clients[i]);
    }
}

static void connections_are_accepted(void **state)
{
    struct scene scene;
    scene_begin(&scene);
    scene_connect(&scene, 3);
    scene_run_until_accepted(&scene, 3);
    for (unsigned i = 0; i < 3; i++) {
        char byte = 0;
        assert_int_equal(write(scene.clients[i], "x", 1), 1);
        while (read(scene.accepted[i], &byte, 1) < 0 && errno == EAGAIN) {
        }
        assert_int_equal(byte, 'x');
    }
    assert_int_equal(scene.listener.last_error, 0);
    scene_end(&scene);
}

static void more_than_one_turn_takes_them_all(void **state)
{
    struct scene scene;
    scene_begin(&scene);
    scene_connect(&scene, 90);
    scene_run_until_accepted(&scene, 90);
    scene_end(&scene);
}

static void a_full_process_leaves_them_in_the_queue(void **state)
{
    struct scene scene;
    scene_begin(&scene);
    scene.admits = false;
    scene_connect(&scene, 2);
    scene_pause(&scene, 300);
    assert_int_equal(scene.accepted_count, 0);
    assert_true(scene.refused >= 1);
    assert_true(scene.refused <= 30); /* it asks now and then, it does not spin */
    scene.admits = true;
    scene_run_until_accepted(&scene, 2);
    scene_end(&scene);
}

static void without_descriptors_it_waits_for_better_times(void **state)
{
    struct scene scene;
    struct rlimit before;
    scene_begin(&scene);
    scene_connect(&scene, 2);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    int lowest_free = dup(STDIN_FILENO);
    assert_true(lowest_free >= 0);
    close(lowest_free);
    struct rlimit none = {.rlim_cur = (rlim_t)lowest_free, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    scene_pause(&scene, 300);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(scene.accepted_count, 0);
    assert_int_equal(scene.listener.last_error, EMFILE);
    assert_true(scene.asked >= 1 && scene.asked <= 30);
    scene_run_until_accepted(&scene, 2);
    assert_int_equal(scene.listener.last_error, 0);
    scene_end(&scene);
}

static void it_may_be_closed_as_it_accepts(void **state)
{
    struct scene scene;
    scene_begin(&scene);
    scene.close_after = 2;
    scene_connect(&scene, 5);
    scene_run_until_accepted(&scene, 2);
    scene_pause(&scene, 100);
    assert_int_equal(scene.accepted_count, 2);
    assert_int_equal(scene.listener.descriptor, -1);
    scene_end(&scene);
}

static void it_may_be_closed_while_it_rests(void **state)
{
    struct scene scene;
    scene_begin(&scene);
    scene.admits = false;
    scene_connect(&scene, 1);
    while (scene.refused == 0) {
        uv_run(&scene.loop, UV_RUN_ONCE);
    }
    scene_end(&scene);
}

/* ---- sockets ---- */

static void sockets_of_one_process_listen_side_by_side(void **state)
{
    int descriptors[3] = {-1, -1, -1};
    uint16_t port = 0;
    uint16_t same = 0;
    assert_int_equal(listener_socket(SLICE("127.0.0.1"), 0, true, &descriptors[0], &port, NULL),
                     STATUS_OK);
    assert_true(port != 0);
    for (size_t i = 1; i < 3; i++) {
        assert_int_equal(
            listener_socket(SLICE("127.0.0.1"), port, false, &descriptors[i], &same, NULL),
            STATUS_OK);
        assert_int_equal(same, port);
    }
    int client = connect_to(port);
    close(client);
    for (size_t i = 0; i < 3; i++) {
        close(descriptors[i]);
    }
}

static void an_address_in_use_is_told_to_the_first(void **state)
{
    struct failure failure = {""};
    char port_text[8];
    int taken = -1;
    int descriptor = -7;
    uint16_t port = 0;
    uint16_t other = 77;
    assert_int_equal(listener_socket(SLICE("127.0.0.1"), 0, true, &taken, &port, NULL), STATUS_OK);
    assert_int_equal(listener_socket(SLICE("127.0.0.1"), port, true, &descriptor, &other, &failure),
                     STATUS_IO);
    snprintf(port_text, sizeof(port_text), "%u", port);
    assert_non_null(strstr(failure.text, "127.0.0.1"));
    assert_non_null(strstr(failure.text, port_text));
    assert_int_equal(descriptor, -7);
    assert_int_equal(other, 77);
    close(taken);
    /* free again at once, connections in their last minutes or not */
    assert_int_equal(listener_socket(SLICE("127.0.0.1"), port, true, &taken, &other, NULL),
                     STATUS_OK);
    close(taken);
}

static void names_and_addresses_are_understood(void **state)
{
    static const struct {
        const char *host;
        enum status status;
    } cases[] = {{"localhost", STATUS_OK},
                 {"127.0.0.1", STATUS_OK},
                 {"0.0.0.0", STATUS_OK},
                 {"a..b", STATUS_INVALID},
                 {"192.0.2.1", STATUS_IO}}; /* nobody's address (RFC 5737), so not ours */
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct failure failure = {""};
        int descriptor = -1;
        uint16_t port = 0;
        enum status status = listener_socket(slice_from_string(cases[i].host), 0, true, &descriptor,
                                             &port, &failure);
        if (status != cases[i].status) {
            fail_msg("%s: %d, %s", cases[i].host, status, failure.text);
        }
        assert_true((status == STATUS_OK) == (failure.text[0] == '\0'));
        if (status == STATUS_OK) {
            close(descriptor);
        }
    }
    char name[300];
    struct failure failure = {""};
    int descriptor = -1;
    uint16_t port = 0;
    memset(name, 'a', sizeof(name));
    assert_int_equal(
        listener_socket(slice_make(name, sizeof(name)), 0, true, &descriptor, &port, &failure),
        STATUS_INVALID);
    assert_true(failure.text[0] != '\0');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connections_are_accepted),
        cmocka_unit_test(more_than_one_turn_takes_them_all),
        cmocka_unit_test(a_full_process_leaves_them_in_the_queue),
        cmocka_unit_test(without_descriptors_it_waits_for_better_times),
        cmocka_unit_test(it_may_be_closed_as_it_accepts),
        cmocka_unit_test(it_may_be_closed_while_it_rests),
        cmocka_unit_test(sockets_of_one_process_listen_side_by_side),
        cmocka_unit_test(an_address_in_use_is_told_to_the_first),
        cmocka_unit_test(names_and_addresses_are_understood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * watch_test.c - what a descriptor is waited for: exactly that, and always an error of the socket.
 */
#include "net/watch.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct scene {
    uv_loop_t loop;
    uv_timer_t timer;
    struct watch watch;
    int descriptor; /* the watched end */
    int peer;
    unsigned calls;
    int events;
    bool failed;
    bool closed;
    bool closes_in_call;
    bool is_over; /* the pause */
};

static void scene_watch_closed(uv_handle_t *handle)
{
    struct watch *watch = handle->data;
    ((struct scene *)((char *)watch - offsetof(struct scene, watch)))->closed = true;
}

static void scene_ready(struct watch *watch, int events, bool failed)
{
    struct scene *scene = (struct scene *)((char *)watch - offsetof(struct scene, watch));
    scene->calls++;
    scene->events = events;
    scene->failed = failed;
    if (scene->closes_in_call) {
        watch_close(watch, scene_watch_closed);
    }
}

/* Two ends of a TCP connection over loopback: a reset is only known there. */
static void tcp_pair(int ends[2])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(listener >= 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    ends[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(ends[0], (struct sockaddr *)&address, length), 0);
    ends[1] = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(ends[1] >= 0);
    close(listener);
}

static void scene_begin(struct scene *scene)
{
    int ends[2];
    *scene = (struct scene){.calls = 0};
    tcp_pair(ends);
    scene->peer = ends[0];
    scene->descriptor = ends[1];
    assert_int_equal(uv_loop_init(&scene->loop), 0);
    uv_timer_init(&scene->loop, &scene->timer);
    scene->timer.data = scene;
    assert_int_equal(watch_open(&scene->watch, &scene->loop, scene->descriptor, scene_ready), 0);
}

static void pause_over(uv_timer_t *timer)
{
    ((struct scene *)timer->data)->is_over = true;
}

/* Turns the loop for a while, in which nothing is expected, or everything has long come. */
static void scene_pause(struct scene *scene)
{
    scene->is_over = false;
    uv_timer_start(&scene->timer, pause_over, 50, 0);
    while (!scene->is_over) {
        uv_run(&scene->loop, UV_RUN_ONCE);
    }
}

static void scene_turn_until_called(struct scene *scene)
{
    unsigned before = scene->calls;
    while (scene->calls == before) {
        uv_run(&scene->loop, UV_RUN_ONCE);
    }
}

static void scene_end(struct scene *scene)
{
    if (!scene->closed) {
        watch_close(&scene->watch, scene_watch_closed);
    }
    uv_close((uv_handle_t *)&scene->timer, NULL);
    assert_int_equal(uv_run(&scene->loop, UV_RUN_DEFAULT), 0);
    assert_true(scene->closed);
    assert_int_equal(uv_loop_close(&scene->loop), 0);
    close(scene->descriptor);
    if (scene->peer >= 0) {
        close(scene->peer);
    }
}

static void peer_write(struct scene *scene, const char *text)
{
    assert_int_equal(write(scene->peer, text, strlen(text)), strlen(text));
}

static void peer_reset(struct scene *scene)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    assert_int_equal(setsockopt(scene->peer, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
    close(scene->peer);
    scene->peer = -1;
}

static void exactly_what_is_waited_for_is_told(void **state)
{
    struct scene scene;
    scene_begin(&scene);
    peer_write(&scene, "x");
    scene_pause(&scene);
    assert_int_equal(scene.calls, 0); /* for nothing yet */
    watch_for(&scene.watch, UV_READABLE);
    scene_turn_until_called(&scene);
    assert_int_equal(scene.events, UV_READABLE);
    assert_false(scene.failed);
    watch_for(&scene.watch, UV_WRITABLE);
    scene_turn_until_called(&scene);
    assert_int_equal(scene.events, UV_WRITABLE);
    watch_for(&scene.watch, UV_READABLE | UV_WRITABLE);
    scene_turn_until_called(&scene);
    assert_int_equal(scene.events, UV_READABLE | UV_WRITABLE);
    scene_end(&scene);
}

static void nothing_is_told_while_nothing_is_waited_for(void **state)
{
    struct scene scene;
    scene_begin(&scene);
    watch_for(&scene.watch, UV_READABLE);
    watch_for(&scene.watch, 0);
    peer_write(&scene, "x");
    scene_pause(&scene);
    assert_int_equal(scene.calls, 0);
    assert_int_equal(shutdown(scene.peer, SHUT_WR), 0); /* an end is not an error */
    scene_pause(&scene);
    assert_int_equal(scene.calls, 0);
    watch_for(&scene.watch, UV_READABLE);
    scene_turn_until_called(&scene);
    assert_int_equal(scene.events, UV_READABLE);
    scene_end(&scene);
}

static void a_reset_is_told_whatever_is_waited_for(void **state)
{
    static const int wishes[] = {0, UV_READABLE, UV_WRITABLE, UV_READABLE | UV_WRITABLE,
                                 UV_READABLE | UV_DISCONNECT};
    for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++) {
        struct scene scene;
        scene_begin(&scene);
        watch_for(&scene.watch, wishes[i]);
        scene_pause(&scene); /* a writable socket tells all the time */
        peer_reset(&scene);
        while (!scene.failed) {
            scene_turn_until_called(&scene);
        }
        assert_true((scene.events & UV_DISCONNECT) != 0);
        unsigned calls = scene.calls;
        scene_pause(&scene);
        assert_int_equal(scene.calls, calls); /* once */
        scene_end(&scene);
    }
}

static void the_end_of_the_other_side_can_be_waited_for(void **state)
{
    struct scene scene;
    scene_begin(&scene);
    watch_for(&scene.watch, UV_DISCONNECT);
    peer_write(&scene, "x");
    scene_pause(&scene);
    assert_int_equal(scene.calls, 0); /* bytes are not the end */
    assert_int_equal(shutdown(scene.peer, SHUT_WR), 0);
    scene_turn_until_called(&scene);
    assert_int_equal(scene.events, UV_DISCONNECT);
    assert_false(scene.failed);
    scene_end(&scene);
}

static void a_closed_watch_is_silent(void **state)
{
    struct scene scene;
    scene_begin(&scene);
    watch_for(&scene.watch, UV_READABLE);
    scene.closes_in_call = true;
    peer_write(&scene, "x");
    scene_turn_until_called(&scene);
    scene_pause(&scene);
    assert_int_equal(scene.calls, 1);
    assert_true(scene.closed);
    scene_end(&scene);
}

static void a_descriptor_that_is_none_is_refused(void **state)
{
    struct watch watch;
    uv_loop_t loop;
    int ends[2];
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    close(ends[1]);
    assert_int_not_equal(watch_open(&watch, &loop, ends[0], scene_ready), 0);
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exactly_what_is_waited_for_is_told),
        cmocka_unit_test(nothing_is_told_while_nothing_is_waited_for),
        cmocka_unit_test(a_reset_is_told_whatever_is_waited_for),
        cmocka_unit_test(the_end_of_the_other_side_can_be_waited_for),
        cmocka_unit_test(a_closed_watch_is_silent),
        cmocka_unit_test(a_descriptor_that_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

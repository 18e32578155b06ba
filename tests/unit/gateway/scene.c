/* SPDX-License-Identifier: MIT
 *
 * scene.c - see scene.h. */
#include "scene.h"

#include "fake_codec.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum {
    scene_turn_ms = 2,
    scene_patience = 15000, /* turns in which nothing happens before a wait is given up */
    scene_flags_max = 16,
};

/* ---- begin and end ---- */

static uint16_t scene_listen(int *ret_descriptor)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof(address);
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(descriptor >= 0);
    assert_int_equal(bind(descriptor, (struct sockaddr *)&address, length), 0);
    assert_int_equal(getsockname(descriptor, (struct sockaddr *)&address, &length), 0);
    assert_int_equal(listen(descriptor, 64), 0);
    *ret_descriptor = descriptor;
    return ntohs(address.sin_port);
}

static void scene_configure(struct scene *scene, uint16_t engine_port, const char *const *flags)
{
    char engine_url[64];
    const char *all[scene_flags_max] = {"--oidc-issuer=" SCENE_ISSUER, "--oidc-aud=api",
                                        "--workers=1", engine_url};
    struct config_sources sources = {.env_file = "/dev/null",
                                     .environment = (char *[]){"HOME=/nonexistent", NULL},
                                     .flags = (char *const *)(uintptr_t)all,
                                     .flags_count = 4};
    struct failure failure = {""};
    snprintf(engine_url, sizeof(engine_url), "--engine-url=http://127.0.0.1:%u", engine_port);
    for (size_t i = 0; flags != NULL && flags[i] != NULL; i++) {
        assert_true(sources.flags_count < scene_flags_max);
        all[sources.flags_count++] = flags[i];
    }
    if (config_load(&scene->config, &sources, &failure) != STATUS_OK ||
        config_check(&scene->config, &failure) != STATUS_OK ||
        process_prepare(&scene->process, &scene->config, &failure) != STATUS_OK) {
        fail_msg("%s", failure.text);
    }
}

static void scene_remember(struct scene *scene, struct slice token, struct slice user)
{
    const struct verification verification = {.verdict = VERDICT_ACCEPTED,
                                              .identity = {.proof = IDENTITY_OIDC,
                                                           .issuer = SLICE(SCENE_ISSUER),
                                                           .subject = user,
                                                           .user = user},
                                              .expires_at_s = INT64_MAX / 2};
    token_cache_insert(scene->gateway->token_cache, token, &verification);
}

void scene_begin(struct scene *scene, const char *const *flags)
{
    int listener = -1;
    struct failure failure = {""};
    *scene = (struct scene){0};
    log_configure(LOG_ERROR, LOG_JSON);
    fake_codec_forget();
    scene_configure(scene, scene_listen(&scene->engine), flags);
    if (listener_socket(SLICE("127.0.0.1"), 0, true, &listener, &scene->port, &failure) !=
            STATUS_OK ||
        gateway_create(&scene->process, 0, listener, -1, &scene->gateway, &failure) != STATUS_OK) {
        fail_msg("%s", failure.text);
    }
    scene->gateways[0] = scene->gateway;
    scene->process.gateways = scene->gateways;
    scene->connection.gateway = scene->gateway;
    scene->connection.codec = &fake_codec;
    scene->connection.state = CONNECTION_CLOSED; /* nothing is asked of a socket */
    memcpy(scene->connection.client, "192.0.2.1", sizeof("192.0.2.1"));
    scene_remember(scene, SLICE(SCENE_TOKEN), SLICE("alice"));
    scene_remember(scene, SLICE(SCENE_TOKEN_BOB), SLICE("bob"));
}

void scene_end(struct scene *scene)
{
    struct gateway *gateway = scene->gateway;
    while (gateway->connections != NULL) {
        connection_close(gateway->connections, true);
    }
    listener_close(&gateway->listener);
    engine_pool_close(&gateway->engine_pool);
    access_log_close(&gateway->access_log);
    mailbox_close(&gateway->worker.mailbox);
    assert_int_equal(uv_run(&gateway->worker.loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(atomic_load(&gateway->engine_pool.open_count), 0);
    assert_int_equal(atomic_load(&scene->process.connections_open), 0);
    mailbox_clear(&gateway->worker.mailbox);
    assert_int_equal(uv_loop_close(&gateway->worker.loop), 0);
    free(gateway->worker.gather);
    free(gateway->worker.scratch);
    gateway_free(gateway);
    scene->process.gateways = NULL;
    process_clear(&scene->process);
    config_clear(&scene->config);
    if (scene->engine >= 0) {
        close(scene->engine);
    }
    fake_codec_forget();
}

/* ---- without sockets ---- */

struct request *scene_request(struct scene *scene, const char *head)
{
    struct request *request = request_create(&scene->connection, slice_from_string(head));
    assert_non_null(request);
    scene->connection.request = request;
    scene->connection.body_expected = request->head.framing != BODY_NONE;
    request->body_ended = !scene->connection.body_expected;
    return request;
}

void scene_drop(struct request *request)
{
    request->codec->flush(request);
    request_cancel(request, "test_over");
    fake_codec_forget();
}

void scene_prove(struct request *request, const char *user)
{
    request->identity = (struct identity){.proof = IDENTITY_OIDC,
                                          .issuer = SLICE(SCENE_ISSUER),
                                          .subject = slice_from_string(user),
                                          .user = slice_from_string(user)};
}

/* ---- with sockets ---- */

void scene_turn(struct scene *scene, int descriptor)
{
    uv_loop_t *loop = &scene->gateway->worker.loop;
    struct pollfd ready[2] = {{.fd = uv_backend_fd(loop), .events = POLLIN},
                              {.fd = descriptor, .events = POLLIN}};
    uv_run(loop, UV_RUN_NOWAIT);
    int timeout_ms = uv_backend_timeout(loop);
    if (timeout_ms < 0 || timeout_ms > scene_turn_ms) {
        timeout_ms = scene_turn_ms;
    }
    (void)poll(ready, 2, timeout_ms);
    uv_run(loop, UV_RUN_NOWAIT);
}

void scene_settle(struct scene *scene)
{
    uv_loop_t *loop = &scene->gateway->worker.loop;
    struct pollfd ready = {.fd = uv_backend_fd(loop), .events = POLLIN};
    do {
        uv_run(loop, UV_RUN_NOWAIT);
    } while (poll(&ready, 1, 0) == 1);
}

int scene_connect(struct scene *scene)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {htonl(INADDR_LOOPBACK)},
                                  .sin_port = htons(scene->port)};
    int on = 1;
    size_t before = scene->gateway->connections_count;
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(descriptor >= 0);
    assert_int_equal(connect(descriptor, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
    scene_await_connections(scene, before + 1);
    return descriptor;
}

int scene_connect_fake(struct scene *scene)
{
    int descriptor = scene_connect(scene);
    scene->gateway->connections->codec = &fake_codec; /* the newest is the first */
    return descriptor;
}

void scene_await_connections(struct scene *scene, size_t count)
{
    for (unsigned idle = 0; scene->gateway->connections_count != count; idle++) {
        if (idle == scene_patience) {
            fail_msg("%zu connections, not %zu", scene->gateway->connections_count, count);
        }
        scene_turn(scene, -1);
    }
}

int scene_engine_accept(struct scene *scene)
{
    for (unsigned idle = 0; idle < scene_patience; idle++) {
        int descriptor = accept4(scene->engine, NULL, NULL, SOCK_CLOEXEC);
        if (descriptor >= 0) {
            return descriptor;
        }
        scene_turn(scene, scene->engine);
    }
    fail_msg("the engine is not called");
    return -1;
}

bool scene_engine_is_called(struct scene *scene)
{
    struct pollfd ready = {.fd = scene->engine, .events = POLLIN};
    return poll(&ready, 1, 0) == 1;
}

void scene_send(struct scene *scene, int descriptor, struct slice bytes)
{
    for (unsigned idle = 0; bytes.length > 0;) {
        ssize_t count = send(descriptor, bytes.data, bytes.length, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (count < 0 && errno == EAGAIN) {
            assert_true(idle++ < scene_patience);
            scene_turn(scene, -1);
        } else if (count < 0) {
            return; /* the other side has left; what it saw is the test's to tell */
        } else {
            idle = 0;
            bytes = slice_after(bytes, (size_t)count);
        }
    }
}

/* Adds at most <most> bytes to <buffer>; 0: the other side ended, -1: it did so by a reset. */
static ssize_t scene_receive(struct scene *scene, int descriptor, struct buffer *buffer,
                             size_t most)
{
    char *room = buffer_reserve(buffer, most);
    assert_non_null(room);
    for (unsigned idle = 0; idle < scene_patience; idle++) {
        ssize_t count = recv(descriptor, room, most, MSG_DONTWAIT);
        if (count >= 0 || errno != EAGAIN) {
            buffer->length += count > 0 ? (size_t)count : 0;
            return count;
        }
        scene_turn(scene, descriptor);
    }
    fail_msg("nothing comes after: %.*s", (int)buffer->length, buffer->data);
    return -1;
}

void scene_receive_until(struct scene *scene, int descriptor, struct buffer *buffer,
                         struct slice suffix)
{
    while (!slice_ends_with(buffer_slice(buffer), suffix)) {
        if (scene_receive(scene, descriptor, buffer, 1) <= 0) {
            fail_msg("it ended after: %.*s", (int)buffer->length, buffer->data);
        }
    }
}

void scene_receive_count(struct scene *scene, int descriptor, struct buffer *buffer, size_t count)
{
    while (buffer->length < count) {
        if (scene_receive(scene, descriptor, buffer, count - buffer->length) <= 0) {
            fail_msg("it ended after: %.*s", (int)buffer->length, buffer->data);
        }
    }
}

bool scene_receive_end(struct scene *scene, int descriptor, struct buffer *buffer)
{
    ssize_t count = 1;
    while (count > 0) {
        count = scene_receive(scene, descriptor, buffer, 4096);
    }
    return count == 0;
}

void scene_time_out(struct scene *scene, uint64_t timeout_ms)
{
    enum { slack_ms = 30000 }; /* for what has passed since the deadline was set */
    struct connection *connection = scene->gateway->connections;
    assert_non_null(connection);
    uint64_t due_ms = connection->deadline.due_ms;
    uint64_t now_ms = uv_now(&scene->gateway->worker.loop);
    assert_true(timeout_ms > slack_ms);
    if (due_ms > now_ms + timeout_ms || due_ms + slack_ms < now_ms + timeout_ms) {
        fail_msg("due in %lld ms, not in %llu", (long long)due_ms - (long long)now_ms,
                 (unsigned long long)timeout_ms);
    }
    deadline_set(&connection->deadline, 1);
}

bool scene_contains(const struct buffer *buffer, const char *text)
{
    return buffer->length > 0 && memmem(buffer->data, buffer->length, text, strlen(text)) != NULL;
}

/* SPDX-License-Identifier: MIT
 *
 * scene.c - see scene.h. */
#include "scene.h"

#include "a2a/a2a.h"
#include "dialect/dialect.h"
#include "fake_codec.h"
#include "http/fetch.h"

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
    scene_flags_max = 24,
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
    char home[] = "HOME=/nonexistent";
    struct config_sources sources = {.env_file = "/dev/null",
                                     .environment = (char *[]){home, NULL},
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
    buffer_init(&scene->connection.output, connection_output_bytes_max);
    memcpy(scene->connection.client, "192.0.2.1", sizeof("192.0.2.1"));
    scene_remember(scene, SLICE(SCENE_TOKEN), SLICE("alice"));
    scene_remember(scene, SLICE(SCENE_TOKEN_BOB), SLICE("bob"));
}

static void scene_agents_closed(void *context)
{
    *(bool *)context = true;
}

static void scene_close_agents(struct scene *scene)
{
    bool is_closed = false;
    if (scene->process.a2a == NULL) {
        return;
    }
    a2a_close(scene->process.a2a, scene_agents_closed, &is_closed);
    for (unsigned idle = 0; !is_closed; idle++) {
        assert_true(idle < scene_patience);
        scene_turn(scene, -1);
    }
    fetcher_free(scene->fetcher);
}

static void scene_close_memory(struct scene *scene)
{
    if (scene->process.store == NULL) {
        return;
    }
    memory_close(scene->process.memory);
    store_close(scene->process.store);
    if (scene->place.directory[0] != '\0') {
        place_remove(&scene->place);
    }
}

void scene_end(struct scene *scene)
{
    struct gateway *gateway = scene->gateway;
    while (gateway->connections != NULL) {
        connection_close(gateway->connections, true);
    }
    scene_await_errands(scene, 0);
    scene_close_agents(scene);
    listener_close(&gateway->listener);
    engine_pool_close(&gateway->engine_pool);
    access_log_close(&gateway->access_log);
    mailbox_close(&gateway->worker.mailbox);
    assert_int_equal(uv_run(&gateway->worker.loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(atomic_load(&gateway->engine_pool.open_count), 0);
    assert_int_equal(atomic_load(&scene->process.connections_open), 0);
    mailbox_clear(&gateway->worker.mailbox);
    assert_int_equal(uv_loop_close(&gateway->worker.loop), 0);
    a2a_free(scene->process.a2a);
    free(gateway->worker.gather);
    free(gateway->worker.scratch);
    gateway_free(gateway);
    scene_close_memory(scene);
    buffer_clear(&scene->connection.output);
    scene->process.gateways = NULL;
    process_clear(&scene->process);
    config_clear(&scene->config);
    if (scene->engine >= 0) {
        close(scene->engine);
    }
    fake_codec_forget();
}

/* ---- memory and agents ---- */

void scene_open_memory(struct scene *scene)
{
    const struct store_settings settings = {
        .directory = scene->place.directory,
        .queue_bytes_max = scene_store_bytes_max,
        .readers_count = 1,
    };
    struct failure failure = {""};
    place_make(&scene->place);
    if (store_open(&settings, &scene->process.store, &failure) != STATUS_OK ||
        memory_open(&scene->config, scene->process.store, &dialect_exchange_reader,
                    &scene->process.memory, &failure) != STATUS_OK) {
        fail_msg("%s", failure.text);
    }
}

static enum status scene_mint(void *context, const struct a2a_delegation *delegation,
                              struct buffer *token, struct failure *reterr)
{
    buffer_append_string(token, "delegated");
    return STATUS_OK;
}

void scene_open_agents(struct scene *scene)
{
    struct failure failure = {""};
    uv_loop_t *loop = &scene->gateway->worker.loop;
    if (fetcher_create(loop, 1024, &scene->fetcher, &failure) != STATUS_OK) {
        fail_msg("%s", failure.text);
    }
    const struct a2a_settings settings = {.config = &scene->config,
                                          .loop = loop,
                                          .store = scene->process.store,
                                          .fetcher = scene->fetcher,
                                          .mint = scene_mint};
    if (a2a_open(&settings, &scene->process.a2a, &failure) != STATUS_OK) {
        fail_msg("%s", failure.text);
    }
}

void scene_hold_store(struct scene *scene)
{
    gate_init(&scene->released);
    gate_init(&scene->entered);
    gate_init(&scene->hold);
    sql_job_init(&scene->held, "SELECT 1", 0, &scene->released);
    scene->held.entered = &scene->entered;
    scene->held.hold = &scene->hold;
    assert_int_equal(store_write(scene->process.store, &scene->held.job), STATUS_OK);
    gate_await(&scene->entered, 1);
}

void scene_release_store(struct scene *scene)
{
    gate_pass(&scene->hold);
    gate_await(&scene->released, 1);
}

static void scene_recalled(struct memory_job *job)
{
    gate_pass(job->context);
}

void scene_await_bus(struct scene *scene)
{
    struct memory_job *job = memory_job_create(MEMORY_WRITE, scene_recalled, &scene->recalled);
    assert_non_null(job);
    gate_init(&scene->recalled);
    job->events = arena_allocate_zeroed(&job->arena, 1, sizeof(job->events[0]));
    assert_non_null(job->events);
    job->events_count = 1; /* without an owner: refused, but in its turn */
    memory_run(scene->process.memory, job);
    gate_await(&scene->recalled, 1);
    assert_int_not_equal(job->status, STATUS_OK);
    memory_job_free(job);
}

struct memory_job *scene_recall(struct scene *scene, const char *user, size_t count)
{
    for (unsigned idle = 0; idle < scene_patience; idle++) {
        struct memory_job *job = memory_job_create(MEMORY_READ, scene_recalled, &scene->recalled);
        assert_non_null(job);
        gate_init(&scene->recalled);
        job->query.issuer = SLICE(SCENE_ISSUER);
        job->query.subject = slice_from_string(user);
        job->query.limit = 100;
        memory_run(scene->process.memory, job);
        gate_await(&scene->recalled, 1);
        assert_int_equal(job->status, STATUS_OK);
        if (job->page.count >= count) {
            return job;
        }
        memory_job_free(job);
        scene_turn(scene, -1);
    }
    fail_msg("memory does not have %zu events of %s", count, user);
    return NULL;
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

void scene_await_errands(struct scene *scene, size_t count)
{
    for (unsigned idle = 0; scene->gateway->errands_out != count; idle++) {
        if (idle == scene_patience) {
            fail_msg("%zu errands, not %zu", scene->gateway->errands_out, count);
        }
        scene_turn(scene, -1);
    }
}

void scene_await_end(struct scene *scene)
{
    for (unsigned idle = 0; scene->connection.request != NULL; idle++) {
        assert_true(idle < scene_patience);
        scene_turn(scene, -1);
    }
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

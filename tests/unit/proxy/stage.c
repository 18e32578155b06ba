/* SPDX-License-Identifier: MIT
 *
 * stage.c - see stage.h. */
#include "stage.h"

#include "../net/certificate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum {
    stage_wait_ms = 60000,
    stage_turn_ms = 20,     /* at most, when nothing happens */
    stage_patience = 1500,  /* turns in which nothing happens before a step is given up */
    stage_connections = 16, /* of the engine, unless a test says otherwise */
};

void stage_begin(struct stage *stage, const char *host)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof(address);
    memset(stage, 0, sizeof(*stage));
    assert_int_equal(worker_init(&stage->worker, 0, stage, NULL), STATUS_OK);
    stage->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(stage->listener >= 0);
    assert_int_equal(bind(stage->listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(getsockname(stage->listener, (struct sockaddr *)&address, &length), 0);
    assert_int_equal(listen(stage->listener, 512), 0);
    stage->port = ntohs(address.sin_port);
    stage->engine = (struct engine){.url = {.host = slice_from_string(host),
                                            .authority = SLICE("engine.test:1"),
                                            .port = stage->port},
                                    .connect_timeout_ms = stage_wait_ms,
                                    .first_byte_timeout_ms = stage_wait_ms,
                                    .idle_timeout_ms = stage_wait_ms,
                                    .connections_max = stage_connections};
    snprintf(stage->engine.host, sizeof(stage->engine.host), "%s", host);
}

void stage_open(struct stage *stage)
{
    assert_int_equal(engine_pool_init(&stage->pool, &stage->engine, &stage->worker), STATUS_OK);
}

void stage_start(struct stage *stage)
{
    stage_begin(stage, "127.0.0.1");
    stage_open(stage);
}

void stage_end(struct stage *stage)
{
    if (!stage->pool.closed) {
        engine_pool_close(&stage->pool);
    }
    mailbox_close(&stage->worker.mailbox);
    assert_int_equal(uv_run(&stage->worker.loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(atomic_load(&stage->pool.open_count), 0);
    assert_null(stage->pool.waiting);
    mailbox_clear(&stage->worker.mailbox);
    assert_int_equal(uv_loop_close(&stage->worker.loop), 0);
    free(stage->worker.gather);
    free(stage->worker.scratch);
    if (stage->listener >= 0) {
        close(stage->listener);
    }
}

void stage_turn(struct stage *stage, int descriptor)
{
    struct pollfd ready[2] = {{.fd = uv_backend_fd(&stage->worker.loop), .events = POLLIN},
                              {.fd = descriptor, .events = POLLIN}};
    uv_update_time(&stage->worker.loop); /* which its time-out is counted from */
    int timeout_ms = uv_backend_timeout(&stage->worker.loop);
    if (timeout_ms < 0 || timeout_ms > stage_turn_ms) {
        timeout_ms = stage_turn_ms;
    }
    (void)poll(ready, 2, timeout_ms);
    uv_run(&stage->worker.loop, UV_RUN_NOWAIT);
}

void stage_wait(struct stage *stage, const unsigned *count)
{
    for (unsigned i = 0; *count == 0; i++) {
        if (i == stage_patience) {
            fail_msg("what is waited for does not come");
        }
        stage_turn(stage, -1);
    }
}

void stage_pause(struct stage *stage, uint64_t pause_ms)
{
    uint64_t until_ms = uv_hrtime() / 1000000 + pause_ms;
    while (uv_hrtime() / 1000000 < until_ms) {
        stage_turn(stage, -1);
    }
}

int stage_accept(struct stage *stage)
{
    for (unsigned i = 0; i < stage_patience; i++) {
        int connection = accept4(stage->listener, NULL, NULL, SOCK_CLOEXEC);
        if (connection >= 0) {
            int on = 1; /* what is sent in two parts comes in two, and at once */
            (void)setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
            return connection;
        }
        stage_turn(stage, stage->listener);
    }
    fail_msg("nobody calls");
    return -1;
}

bool stage_is_called(struct stage *stage)
{
    struct pollfd ready = {.fd = stage->listener, .events = POLLIN};
    return poll(&ready, 1, 0) == 1;
}

void stage_expect(struct stage *stage, int connection, struct slice bytes)
{
    static char received[65536];
    unsigned idle = 0;
    while (bytes.length > 0) {
        size_t wanted = bytes.length < sizeof(received) ? bytes.length : sizeof(received);
        ssize_t count = recv(connection, received, wanted, MSG_DONTWAIT);
        if (count < 0 && errno == EAGAIN) {
            assert_true(idle++ < stage_patience);
            stage_turn(stage, connection);
            continue;
        }
        idle = 0;
        if (count <= 0) {
            fail_msg("the connection ended before: %.*s",
                     bytes.length < 100 ? (int)bytes.length : 100, bytes.data);
        }
        if (memcmp(received, bytes.data, (size_t)count) != 0) {
            fail_msg("came: %.*s\nexpected: %.*s", (int)count, received, (int)count, bytes.data);
        }
        bytes = slice_after(bytes, (size_t)count);
    }
}

size_t stage_expect_end(struct stage *stage, int connection)
{
    static char received[65536];
    size_t total = 0;
    for (unsigned idle = 0; idle < stage_patience;) {
        ssize_t count = recv(connection, received, sizeof(received), MSG_DONTWAIT);
        if (count == 0 || (count < 0 && errno != EAGAIN)) {
            return total;
        }
        if (count > 0) {
            total += (size_t)count;
        } else {
            idle++;
            stage_turn(stage, connection);
        }
    }
    fail_msg("the connection does not end");
    return total;
}

void stage_send(struct stage *stage, int connection, struct slice bytes)
{
    unsigned idle = 0;
    while (bytes.length > 0) {
        ssize_t count = send(connection, bytes.data, bytes.length, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (count < 0 && errno == EAGAIN) {
            assert_true(idle++ < stage_patience);
            stage_turn(stage, -1);
            continue;
        }
        if (count < 0) {
            return; /* the other side has left; what it saw is the test's to tell */
        }
        idle = 0;
        bytes = slice_after(bytes, (size_t)count);
    }
}

void stage_reset(int connection)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    assert_int_equal(setsockopt(connection, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
    close(connection);
}

SSL_CTX *stage_tls_server;
SSL_CTX *stage_tls_client;
static struct certificate stage_certificate;

int stage_tls_begin(void **state)
{
    const struct certificate *certificate = &stage_certificate;
    signal(SIGPIPE, SIG_IGN); /* as main does: OpenSSL writes with write(2) */
    certificate_create(&stage_certificate, "DNS:localhost,IP:127.0.0.1");
    bool is_made =
        transport_tls_server_context(certificate->certificate_file, certificate->key_file,
                                     &stage_tls_server, NULL) == STATUS_OK &&
        transport_tls_client_context(certificate->certificate_file, &stage_tls_client, NULL) ==
            STATUS_OK;
    return is_made ? 0 : -1;
}

int stage_tls_end(void **state)
{
    SSL_CTX_free(stage_tls_server);
    SSL_CTX_free(stage_tls_client);
    certificate_remove(&stage_certificate);
    return 0;
}

/* SPDX-License-Identifier: MIT
 *
 * connection_test.c - the socket, the states and the timer of a connection, with a codec that is no
 * HTTP: what is here holds for every codec. */
#include "gateway/connection.h"

#include "fake_codec.h"
#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define HEALTH "GET /healthz HTTP/1.1|Host: localhost||\n"
#define HEALTHY "{\"status\":\"ok\"}"
#define CALL "GET /api/tags HTTP/1.1|Host: localhost|Authorization: Bearer " SCENE_TOKEN "||\n"

static uint64_t counted(const struct scene *scene, enum metric metric)
{
    return atomic_load(&scene->gateway->metrics.values[metric]);
}

static void a_request_in_any_two_pieces(void **state)
{
    struct slice pair = SLICE(HEALTH HEALTH);
    struct scene scene;
    struct buffer seen;
    scene_begin(&scene, NULL);
    buffer_init(&seen, 65536);
    int client = scene_connect_fake(&scene);
    struct connection *connection = scene.gateway->connections;
    assert_int_equal(connection->state, CONNECTION_HEAD); /* a new one owes us a head */
    for (size_t split = 0; split <= pair.length; split++) {
        buffer_reset(&seen);
        scene_send(&scene, client, slice_make(pair.data, split));
        scene_settle(&scene);
        scene_send(&scene, client, slice_after(pair, split));
        scene_receive_count(&scene, client, &seen, 2 * strlen(HEALTHY));
        assert_true(slice_equals(buffer_slice(&seen), SLICE(HEALTHY HEALTHY)));
        assert_int_equal(connection->state, CONNECTION_IDLE);
        assert_null(connection->input.data); /* an idle one holds no memory */
        assert_null(connection->output.data);
    }
    assert_int_equal(connection->requests, 2 * (pair.length + 1));
    close(client);
    scene_await_connections(&scene, 0);
    buffer_clear(&seen);
    scene_end(&scene);
}

static void a_request_byte_by_byte(void **state)
{
    struct slice pair = SLICE(HEALTH HEALTH);
    struct scene scene;
    struct buffer seen;
    scene_begin(&scene, NULL);
    buffer_init(&seen, 65536);
    int client = scene_connect_fake(&scene);
    for (size_t i = 0; i < pair.length; i++) {
        scene_send(&scene, client, slice_make(pair.data + i, 1));
        scene_settle(&scene);
    }
    scene_receive_count(&scene, client, &seen, 2 * strlen(HEALTHY));
    assert_true(slice_equals(buffer_slice(&seen), SLICE(HEALTHY HEALTHY)));
    close(client);
    buffer_clear(&seen);
    scene_end(&scene);
}

static void silence_is_met_with_its_own_timeout(void **state)
{
    static const char *const flags[] = {"--header-timeout=5m", "--idle-timeout=50m", NULL};
    struct scene scene;
    struct buffer seen;
    buffer_init(&seen, 65536);
    scene_begin(&scene, flags);
    int client = scene_connect_fake(&scene);
    scene_send(&scene, client, SLICE("GET"));
    scene_settle(&scene);
    scene_time_out(&scene, 5 * 60 * 1000);
    assert_true(scene_receive_end(&scene, client, &seen));
    assert_non_null(strstr(fake_codec_calls(), "timed_out ")); /* the codec is asked what to say */
    assert_int_equal(scene.gateway->connections_count, 0);
    close(client);
    fake_codec_forget();
    client = scene_connect_fake(&scene);
    scene_send(&scene, client, SLICE(HEALTH));
    scene_receive_until(&scene, client, &seen, SLICE(HEALTHY));
    scene_time_out(&scene, 50 * 60 * 1000);
    assert_true(scene_receive_end(&scene, client, &seen));
    assert_true(slice_equals(buffer_slice(&seen), SLICE(HEALTHY)));
    assert_null(strstr(fake_codec_calls(), "timed_out ")); /* closed without a word */
    close(client);
    buffer_clear(&seen);
    scene_end(&scene);
}

enum { flood_period = 251 }; /* no power of two: nothing that is lost or doubled fits by chance */

/* Starts a call and answers it with endless bytes, until the engine is read no further. How much it
 * could send. */
static size_t flood(struct scene *scene, int client, int *ret_engine)
{
    enum { flood_bytes_max = 256 * 1024 * 1024 };
    static char piece[flood_period + 64 * 1024];
    struct buffer seen;
    size_t sent = 0;
    for (size_t i = 0; i < sizeof(piece); i++) {
        piece[i] = (char)(i % flood_period);
    }
    buffer_init(&seen, 65536);
    scene_send(scene, client, SLICE(CALL));
    *ret_engine = scene_engine_accept(scene);
    scene_receive_until(scene, *ret_engine, &seen, SLICE("\r\n\r\n"));
    buffer_clear(&seen);
    scene_send(scene, *ret_engine,
               SLICE("HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n"));
    for (unsigned refused = 0; refused < 5 && sent < flood_bytes_max;) {
        ssize_t count = send(*ret_engine, piece + sent % flood_period, sizeof(piece) - flood_period,
                             MSG_DONTWAIT | MSG_NOSIGNAL);
        if (count > 0) {
            sent += (size_t)count;
            refused = 0;
            /* What was seen is not kept here, or this would be the flood's lake. */
            buffer_clear(&fake_codec_seen.body);
            buffer_clear(&fake_codec_seen.calls);
        } else {
            refused++;
        }
        scene_settle(scene);
    }
    assert_true(sent < flood_bytes_max);
    return sent;
}

static void a_slow_client_slows_the_engine(void **state)
{
    struct scene scene;
    struct buffer seen;
    int engine;
    scene_begin(&scene, NULL);
    int client = scene_connect_fake(&scene);
    size_t sent = flood(&scene, client, &engine);
    struct connection *connection = scene.gateway->connections;
    assert_true(connection_is_full(connection));
    assert_true(connection->output.length <= 2 * worker_scratch_bytes);
    assert_true(connection->request->call.paused);
    assert_int_equal(connection->wait, CONNECTION_WAITS_FOR_WRITE);
    buffer_init(&seen, 256 * 1024 * 1024);
    scene_receive_count(&scene, client, &seen, sent); /* every byte comes once the client reads */
    for (size_t i = 0; i < seen.length; i++) {
        assert_true((unsigned char)seen.data[i] == i % flood_period);
    }
    while (connection->request->call.paused) {
        scene_turn(&scene, -1);
    }
    assert_false(connection_is_full(connection));
    close(engine);
    close(client);
    scene_await_connections(&scene, 0);
    buffer_clear(&seen);
    scene_end(&scene);
}

static void a_client_that_takes_nothing_is_cut_off(void **state)
{
    static const char *const flags[] = {"--write-timeout=7m", NULL};
    struct scene scene;
    struct buffer seen;
    int engine;
    scene_begin(&scene, flags);
    int client = scene_connect_fake(&scene);
    (void)flood(&scene, client, &engine);
    scene_time_out(&scene, 7 * 60 * 1000);
    scene_await_connections(&scene, 0);
    assert_int_equal(counted(&scene, METRIC_requests_cancelled), 1);
    buffer_init(&seen, 256 * 1024 * 1024);
    assert_false(scene_receive_end(&scene, client, &seen)); /* a reset */
    close(engine);
    close(client);
    buffer_clear(&seen);
    scene_end(&scene);
}

static void a_client_that_leaves_frees_the_engine(void **state)
{
    for (unsigned by_reset = 0; by_reset < 2; by_reset++) {
        struct scene scene;
        struct buffer seen;
        scene_begin(&scene, NULL);
        buffer_init(&seen, 65536);
        int client = scene_connect_fake(&scene);
        scene_send(&scene, client, SLICE(CALL));
        int engine = scene_engine_accept(&scene);
        scene_receive_until(&scene, engine, &seen, SLICE("\r\n\r\n"));
        const struct linger now = {.l_onoff = (int)by_reset, .l_linger = 0};
        assert_int_equal(setsockopt(client, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
        close(client);
        scene_await_connections(&scene, 0);
        (void)scene_receive_end(&scene, engine, &seen);
        assert_int_equal(counted(&scene, METRIC_requests_cancelled), 1);
        assert_int_equal(atomic_load(&scene.gateway->engine_pool.open_count), 0);
        close(engine);
        buffer_clear(&seen);
        scene_end(&scene);
    }
}

static void half_closed_clients_are_answered_when_the_operator_says_so(void **state)
{
    static const char *const flags[] = {"--client-half-close", NULL};
    for (unsigned allowed = 0; allowed < 2; allowed++) {
        struct scene scene;
        struct buffer seen;
        scene_begin(&scene, allowed ? flags : NULL);
        buffer_init(&seen, 65536);
        int client = scene_connect_fake(&scene);
        scene_send(&scene, client, SLICE(CALL));
        int engine = scene_engine_accept(&scene);
        scene_receive_until(&scene, engine, &seen, SLICE("\r\n\r\n"));
        buffer_reset(&seen);
        assert_int_equal(shutdown(client, SHUT_WR), 0);
        scene_settle(&scene);
        scene_send(&scene, engine, SLICE("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"));
        (void)scene_receive_end(&scene, client, &seen);
        assert_true(slice_equals(buffer_slice(&seen), allowed ? SLICE("abc") : SLICE("")));
        assert_int_equal(counted(&scene, METRIC_requests_cancelled), allowed ? 0 : 1);
        scene_await_connections(&scene, 0);
        close(engine);
        close(client);
        buffer_clear(&seen);
        scene_end(&scene);
    }
}

/* A client that asks and asks while it is being answered is not read without end. */
static void reading_ahead_has_a_limit(void **state)
{
    static char piece[32 * 1024];
    struct scene scene;
    struct buffer seen;
    size_t sent = 0;
    scene_begin(&scene, NULL);
    buffer_init(&seen, 65536);
    memset(piece, '\n', sizeof(piece));
    int client = scene_connect_fake(&scene);
    scene_send(&scene, client, SLICE(CALL));
    int engine = scene_engine_accept(&scene);
    scene_receive_until(&scene, engine, &seen, SLICE("\r\n\r\n"));
    struct connection *connection = scene.gateway->connections;
    for (unsigned refused = 0; refused < 5 && sent < 256 * 1024 * 1024;) {
        ssize_t count = send(client, piece, sizeof(piece), MSG_DONTWAIT | MSG_NOSIGNAL);
        sent += count > 0 ? (size_t)count : 0;
        refused = count > 0 ? 0 : refused + 1;
        scene_settle(&scene);
    }
    assert_true(sent < 256 * 1024 * 1024);
    assert_true(connection->input.length >= connection_pipelined_bytes_max);
    assert_true(connection->input.length <
                connection_pipelined_bytes_max + 2 * worker_scratch_bytes);
    assert_non_null(connection->request);
    /* Its leaving is seen although nothing is read; a FIN would wait behind what is not read. */
    const struct linger now = {.l_onoff = 1, .l_linger = 0};
    assert_int_equal(setsockopt(client, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
    close(client);
    scene_await_connections(&scene, 0);
    close(engine);
    buffer_clear(&seen);
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_in_any_two_pieces),
        cmocka_unit_test(a_request_byte_by_byte),
        cmocka_unit_test(silence_is_met_with_its_own_timeout),
        cmocka_unit_test(a_slow_client_slows_the_engine),
        cmocka_unit_test(a_client_that_takes_nothing_is_cut_off),
        cmocka_unit_test(a_client_that_leaves_frees_the_engine),
        cmocka_unit_test(half_closed_clients_are_answered_when_the_operator_says_so),
        cmocka_unit_test(reading_ahead_has_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

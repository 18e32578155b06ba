/* SPDX-License-Identifier: MIT
 *
 * connection_h1_test.c - HTTP/1.1 on a real socket: the same reply however the bytes are split, and
 * the framing, refusals and ends of RFC 9112. */
#include "gateway/connection.h"
#include "http/chunked.h"

#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { seen_bytes_max = 4 * 1024 * 1024 };

#define HOST_FIELD "Host: localhost\r\n"
#define CALLER HOST_FIELD "Authorization: Bearer " SCENE_TOKEN "\r\n"
#define HEALTH "GET /healthz HTTP/1.1\r\n" HOST_FIELD "\r\n"
#define HEALTHY "{\"status\":\"ok\"}"

/* A Date of the clock becomes one that never changes. */
static void mask_dates(struct buffer *seen)
{
    static const char date[] = "\r\nDate: ";
    for (size_t i = 0; i + 64 < seen->length; i++) {
        if (memcmp(seen->data + i, date, sizeof(date) - 1) == 0) {
            memset(seen->data + i + sizeof(date) - 1, '*', 29);
        }
    }
}

static void assert_same(const struct buffer *seen, const struct buffer *expected, size_t split)
{
    if (!slice_equals(buffer_slice(seen), buffer_slice(expected))) {
        fail_msg("split at %zu:\n%.*s\ninstead of\n%.*s", split, (int)seen->length, seen->data,
                 (int)expected->length, expected->data);
    }
}

/* ---- splits, answered here ---- */

#define OWN_PAIR                                                                                   \
    "GET /healthz HTTP/1.1\r\n" HOST_FIELD "X-Request-Id: r-1\r\n\r\n"                             \
    "GET /auth/config HTTP/1.1\r\nX-Request-Id: r-2\r\n" HOST_FIELD "Connection: close\r\n\r\n"

/* The reply to OWN_PAIR sent with a pause after each <step> bytes, or after the first <split>. */
static void own_pair(struct scene *scene, size_t split, size_t step, struct buffer *ret)
{
    struct slice rest = SLICE(OWN_PAIR);
    int client = scene_connect(scene);
    buffer_reset(ret);
    while (rest.length > 0) {
        size_t take = step > 0 ? step : split;
        take = take < rest.length ? take : rest.length;
        scene_send(scene, client, slice_make(rest.data, take));
        scene_settle(scene);
        rest = slice_after(rest, take);
        split = rest.length;
    }
    assert_true(scene_receive_end(scene, client, ret));
    close(client);
    scene_await_connections(scene, 0);
    mask_dates(ret);
}

static void a_pair_answered_here_in_any_pieces(void **state)
{
    struct scene scene;
    struct buffer expected;
    struct buffer seen;
    scene_begin(&scene, NULL);
    buffer_init(&expected, seen_bytes_max);
    buffer_init(&seen, seen_bytes_max);
    own_pair(&scene, strlen(OWN_PAIR), 0, &expected);
    assert_true(scene_contains(&expected, "HTTP/1.1 200 OK\r\n"));
    assert_true(scene_contains(&expected, "\r\nX-Request-Id: r-1\r\n"));
    assert_true(scene_contains(&expected, "\r\n\r\n" HEALTHY "HTTP/1.1 200 OK\r\n"));
    assert_true(scene_contains(&expected, "\r\nConnection: close\r\n\r\n{\"domain\":null,"));
    for (size_t split = 1; split < strlen(OWN_PAIR); split++) {
        own_pair(&scene, split, 0, &seen);
        assert_same(&seen, &expected, split);
    }
    own_pair(&scene, 0, 1, &seen);
    assert_same(&seen, &expected, 0);
    buffer_clear(&expected);
    buffer_clear(&seen);
    scene_end(&scene);
}

/* ---- splits, relayed ---- */

#define BODY_TEXT "{\"model\":\"m\",\"input\":\"hello\"}"
#define RELAYED_PAIR                                                                               \
    "POST /v1/embeddings HTTP/1.1\r\n" CALLER "X-Request-Id: r-1\r\n"                              \
    "Transfer-Encoding: chunked\r\n\r\n"                                                           \
    "a;x=\"y\"\r\n{\"model\":\"\r\n011\r\nm\",\"input\":\"hello\r\n2\r\n\"}\r\n0\r\nT: v\r\n\r\n"  \
    "POST /api/chat HTTP/1.1\r\nX-Request-Id: r-2\r\n" CALLER "Content-Length: 15\r\n"             \
    "Connection: close\r\n\r\n{\"prompt\":\"hi\"}"
#define FIRST_REPLY "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
#define SECOND_REPLY "HTTP/1.1 201 Made\r\nContent-Length: 2\r\n\r\nde"

/* Reads a request at the engine: its head into <head>, its body, unframed, into <body>. */
static void engine_read(struct scene *scene, int engine, struct buffer *head, struct buffer *body)
{
    buffer_reset(head);
    buffer_reset(body);
    scene_receive_until(scene, engine, head, SLICE("\r\n\r\n"));
    if (!scene_contains(head, "\r\nTransfer-Encoding: chunked\r\n")) {
        scene_receive_count(scene, engine, body, 45); /* of the rewritten prompt */
        return;
    }
    struct chunked_reader reader = {0};
    struct buffer raw;
    struct failure failure;
    size_t used = 0;
    buffer_init(&raw, seen_bytes_max);
    while (reader.state != CHUNKED_DONE) {
        scene_receive_count(scene, engine, &raw, used + 1);
        struct slice rest = slice_after(buffer_slice(&raw), used);
        struct slice run = {0};
        assert_int_equal(chunked_read(&reader, &rest, &run, &failure), STATUS_OK);
        buffer_append(body, run);
        used = raw.length - rest.length;
    }
    buffer_clear(&raw);
}

static void relayed_pair(struct scene *scene, size_t split, size_t step, struct buffer *ret)
{
    struct slice rest = SLICE(RELAYED_PAIR);
    struct buffer head;
    struct buffer body;
    int client = scene_connect(scene);
    buffer_init(&head, seen_bytes_max);
    buffer_init(&body, seen_bytes_max);
    buffer_reset(ret);
    while (rest.length > 0) {
        size_t take = step > 0 ? step : split;
        take = take < rest.length ? take : rest.length;
        scene_send(scene, client, slice_make(rest.data, take));
        scene_settle(scene);
        rest = slice_after(rest, take);
        split = rest.length;
    }
    int engine = scene_engine_accept(scene);
    engine_read(scene, engine, &head, &body);
    assert_true(slice_starts_with(buffer_slice(&head), SLICE("POST /v1/embeddings HTTP/1.1\r\n")));
    assert_true(slice_equals(buffer_slice(&body), SLICE(BODY_TEXT)));
    scene_send(scene, engine, SLICE(FIRST_REPLY));
    engine_read(scene, engine, &head, &body); /* on the same connection */
    assert_true(slice_starts_with(buffer_slice(&head), SLICE("POST /api/chat HTTP/1.1\r\n")));
    assert_true(slice_equals(buffer_slice(&body),
                             SLICE("{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}")));
    scene_send(scene, engine, SLICE(SECOND_REPLY));
    assert_true(scene_receive_end(scene, client, ret));
    close(client);
    close(engine);
    scene_await_connections(scene, 0);
    while (scene->gateway->engine_pool.idle_count > 0) { /* the next one is to find none */
        scene_turn(scene, -1);
    }
    mask_dates(ret);
    buffer_clear(&head);
    buffer_clear(&body);
}

static void a_relayed_pair_in_any_pieces(void **state)
{
    struct scene scene;
    struct buffer expected;
    struct buffer seen;
    scene_begin(&scene, NULL);
    buffer_init(&expected, seen_bytes_max);
    buffer_init(&seen, seen_bytes_max);
    relayed_pair(&scene, strlen(RELAYED_PAIR), 0, &expected);
    assert_true(scene_contains(&expected, "\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n"
                                          "\r\nHTTP/1.1 201 Made\r\n"));
    assert_true(scene_contains(&expected, "\r\nContent-Length: 2\r\nConnection: close\r\n\r\nde"));
    for (size_t split = 1; split < strlen(RELAYED_PAIR); split++) {
        relayed_pair(&scene, split, 0, &seen);
        assert_same(&seen, &expected, split);
    }
    relayed_pair(&scene, 0, 1, &seen);
    assert_same(&seen, &expected, 0);
    buffer_clear(&expected);
    buffer_clear(&seen);
    scene_end(&scene);
}

/* ---- one exchange at a time ---- */

/* What comes back for <text> when the gateway ends the connection of itself. */
static void exchange(struct scene *scene, const char *text, struct buffer *ret)
{
    int client = scene_connect(scene);
    buffer_reset(ret);
    scene_send(scene, client, slice_from_string(text));
    assert_true(scene_receive_end(scene, client, ret));
    close(client);
    scene_await_connections(scene, 0);
}

static void what_is_ambiguous_is_refused_and_ends_the_connection(void **state)
{
    static const struct {
        const char *text;
        const char *status;
    } cases[] = {
        {"GET /healthz HTTP/1.1\nHost: localhost\n\n", "400"},
        {"GET /healthz HTTP/1.1\r\n" HOST_FIELD "A : b\r\n\r\n", "400"},
        {"GET /healthz HTTP/1.1\r\n" HOST_FIELD HOST_FIELD "\r\n", "400"},
        {"GET /healthz HTTP/1.1\r\n\r\n", "400"},
        {"GET  /healthz HTTP/1.1\r\n" HOST_FIELD "\r\n", "400"},
        {"GET /healthz HTTP/2.0\r\n" HOST_FIELD "\r\n", "505"},
        {"\r\n\r\n" HEALTH, "400"},
        {"POST /api/chat HTTP/1.1\r\n" CALLER "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
         "400"},
        {"POST /api/chat HTTP/1.1\r\n" CALLER
         "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         "400"},
        {"POST /api/chat HTTP/1.1\r\n" CALLER "Transfer-Encoding: gzip, chunked\r\n\r\n", "501"},
        {"POST /api/chat HTTP/1.1\r\n" CALLER "Transfer-Encoding: chunked\r\n\r\nx\r\n", "400"},
        {"POST /api/chat HTTP/1.1\r\n" CALLER "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
         "400"},
        {"POST /api/generate HTTP/1.1\r\n" CALLER "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
         "400"},
        {"GET /healthz HTTP/1.1\r\n" HOST_FIELD "Expect: more\r\n\r\n", "417"},
    };
    struct scene scene;
    struct buffer seen;
    scene_begin(&scene, NULL);
    buffer_init(&seen, seen_bytes_max);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[2048];
        char begin[32];
        /* Whatever follows is not answered: it may be a smuggled body. */
        snprintf(text, sizeof(text), "%s" HEALTH, cases[i].text);
        exchange(&scene, text, &seen);
        snprintf(begin, sizeof(begin), "HTTP/1.1 %s ", cases[i].status);
        if (!slice_starts_with(buffer_slice(&seen), slice_from_string(begin))) {
            fail_msg("%s\nis answered\n%.*s", cases[i].text, (int)seen.length, seen.data);
        }
        assert_true(scene_contains(&seen, "\r\nConnection: close\r\n"));
        assert_false(scene_contains(&seen, HEALTHY));
    }
    assert_int_equal(atomic_load(&scene.gateway->metrics.values[METRIC_requests_2xx]), 0);
    buffer_clear(&seen);
    scene_end(&scene);
}

static void heads_over_a_limit_are_refused_before_they_end(void **state)
{
    static const char *const flags[] = {"--max-request-line=100", "--max-head-bytes=1k",
                                        "--max-head-fields=8", NULL};
    struct scene scene;
    struct buffer seen;
    char line[128] = "GET /";
    char head[2048] = "GET /healthz HTTP/1.1\r\n" HOST_FIELD "A: ";
    char fields[512] = "GET /healthz HTTP/1.1\r\n" HOST_FIELD;
    memset(line + strlen(line), 'a', 110); /* and no end of the line */
    memset(head + strlen(head), 'a', 1100);
    for (unsigned i = 0; i < 8; i++) {
        strncat(fields, "A: b\r\n", sizeof(fields) - strlen(fields) - 1);
    }
    scene_begin(&scene, flags);
    buffer_init(&seen, seen_bytes_max);
    exchange(&scene, line, &seen);
    assert_true(slice_starts_with(buffer_slice(&seen), SLICE("HTTP/1.1 414 ")));
    exchange(&scene, head, &seen);
    assert_true(slice_starts_with(buffer_slice(&seen), SLICE("HTTP/1.1 431 ")));
    exchange(&scene, fields, &seen);
    assert_true(slice_starts_with(buffer_slice(&seen), SLICE("HTTP/1.1 431 ")));
    buffer_clear(&seen);
    scene_end(&scene);
}

static void a_connection_lives_as_long_as_both_want(void **state)
{
    static const struct {
        const char *text;
        const char *has;
        bool stays;
    } cases[] = {
        {HEALTH, NULL, true},
        {"GET /healthz HTTP/1.1\r\n" HOST_FIELD "Connection: close\r\n\r\n",
         "\r\nConnection: close\r\n", false},
        {"GET /healthz HTTP/1.0\r\n\r\n", "\r\nConnection: close\r\n", false},
        {"GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
         "\r\nConnection: keep-alive\r\n", true},
        {"\r\n" HEALTH, NULL, true}, /* one empty line before is forgiven */
        /* A body that nobody reads cannot be told from the next request. */
        {"POST /healthz HTTP/1.1\r\n" HOST_FIELD "Content-Length: 5\r\n\r\n",
         "\r\nConnection: close\r\n", false},
        {"POST /healthz HTTP/1.1\r\n" HOST_FIELD "Content-Length: 0\r\n\r\n", NULL, true},
    };
    struct scene scene;
    struct buffer seen;
    scene_begin(&scene, NULL);
    buffer_init(&seen, seen_bytes_max);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int client = scene_connect(&scene);
        buffer_reset(&seen);
        scene_send(&scene, client, slice_from_string(cases[i].text));
        scene_receive_until(&scene, client, &seen, SLICE("}"));
        assert_int_equal(scene_contains(&seen, "\r\nConnection: "), cases[i].has != NULL);
        if (cases[i].has != NULL) {
            assert_true(scene_contains(&seen, cases[i].has));
        }
        if (cases[i].stays) {
            buffer_reset(&seen);
            scene_send(&scene, client, SLICE(HEALTH));
            scene_receive_until(&scene, client, &seen, SLICE("}"));
        } else {
            assert_true(scene_receive_end(&scene, client, &seen));
        }
        close(client);
        scene_await_connections(&scene, 0);
    }
    buffer_clear(&seen);
    scene_end(&scene);
}

static void a_connection_has_a_last_request(void **state)
{
    static const char *const flags[] = {"--max-requests-per-connection=2", NULL};
    struct scene scene;
    struct buffer seen;
    scene_begin(&scene, flags);
    buffer_init(&seen, seen_bytes_max);
    exchange(&scene, HEALTH HEALTH HEALTH, &seen);
    assert_int_equal(atomic_load(&scene.gateway->metrics.values[METRIC_requests_2xx]), 2);
    assert_true(scene_contains(&seen, "\r\nConnection: close\r\n\r\n" HEALTHY));
    assert_true(slice_ends_with(buffer_slice(&seen), SLICE(HEALTHY)));
    buffer_clear(&seen);
    scene_end(&scene);
}

static void replies_to_head_have_no_body(void **state)
{
    struct scene scene;
    struct buffer seen;
    scene_begin(&scene, NULL);
    buffer_init(&seen, seen_bytes_max);
    exchange(&scene,
             "HEAD /healthz HTTP/1.1\r\n" HOST_FIELD "\r\n"
             "HEAD /healthz HTTP/1.1\r\n" HOST_FIELD "Connection: close\r\n\r\n",
             &seen);
    assert_true(scene_contains(&seen, "\r\nContent-Length: 15\r\n\r\nHTTP/1.1 200 OK\r\n"));
    assert_true(slice_ends_with(buffer_slice(&seen), SLICE("\r\nConnection: close\r\n\r\n")));
    buffer_clear(&seen);
    scene_end(&scene);
}

static void a_client_that_waits_for_100_gets_it_before_it_sends(void **state)
{
    struct scene scene;
    struct buffer seen;
    struct buffer head;
    struct buffer body;
    scene_begin(&scene, NULL);
    buffer_init(&seen, seen_bytes_max);
    buffer_init(&head, seen_bytes_max);
    buffer_init(&body, seen_bytes_max);
    int client = scene_connect(&scene);
    scene_send(&scene, client,
               SLICE("POST /api/chat HTTP/1.1\r\n" CALLER "Content-Length: 15\r\n"
                     "Expect: 100-continue\r\nConnection: close\r\n\r\n"));
    scene_receive_until(&scene, client, &seen, SLICE("\r\n\r\n"));
    assert_true(slice_equals(buffer_slice(&seen), SLICE("HTTP/1.1 100 Continue\r\n\r\n")));
    scene_send(&scene, client, SLICE("{\"prompt\":\"hi\"}"));
    int engine = scene_engine_accept(&scene);
    engine_read(&scene, engine, &head, &body);
    scene_send(&scene, engine, SLICE(SECOND_REPLY));
    assert_true(scene_receive_end(&scene, client, &seen));
    assert_true(slice_ends_with(buffer_slice(&seen), SLICE("\r\n\r\nde")));
    close(engine);
    close(client);
    scene_await_connections(&scene, 0);
    /* One that is refused is not asked for its body. */
    exchange(&scene,
             "POST /api/chat HTTP/1.1\r\n" HOST_FIELD "Content-Length: 15\r\n"
             "Expect: 100-continue\r\n\r\n",
             &seen);
    assert_true(slice_starts_with(buffer_slice(&seen), SLICE("HTTP/1.1 401 ")));
    buffer_clear(&seen);
    buffer_clear(&head);
    buffer_clear(&body);
    scene_end(&scene);
}

/* Sends a call of HTTP/1.<minor>; the engine gets <reply> to answer and then closes. True when the
 * client saw an orderly end. */
static bool relay(struct scene *scene, unsigned minor, const char *reply, struct buffer *ret)
{
    char text[256];
    struct buffer head;
    int client = scene_connect(scene);
    buffer_init(&head, seen_bytes_max);
    buffer_reset(ret);
    snprintf(text, sizeof(text), "GET /api/tags HTTP/1.%u\r\n" CALLER "Connection: close\r\n\r\n",
             minor);
    scene_send(scene, client, slice_from_string(text));
    int engine = scene_engine_accept(scene);
    scene_receive_until(scene, engine, &head, SLICE("\r\n\r\n"));
    scene_send(scene, engine, slice_from_string(reply));
    scene_settle(scene);
    close(engine);
    bool in_order = scene_receive_end(scene, client, ret);
    close(client);
    buffer_clear(&head);
    scene_await_connections(scene, 0);
    return in_order;
}

static void replies_are_framed_for_the_clients_version(void **state)
{
#define CHUNKS "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
    struct scene scene;
    struct buffer seen;
    scene_begin(&scene, NULL);
    buffer_init(&seen, seen_bytes_max);
    assert_true(relay(&scene, 1, CHUNKS "0\r\n\r\n", &seen));
    assert_true(slice_ends_with(buffer_slice(&seen), SLICE("\r\n\r\n3\r\nabc\r\n0\r\n\r\n")));
    assert_true(relay(&scene, 0, CHUNKS "0\r\n\r\n", &seen));
    assert_true(slice_ends_with(buffer_slice(&seen), SLICE("\r\n\r\nabc")));
    assert_false(scene_contains(&seen, "Transfer-Encoding"));
    assert_true(relay(&scene, 1, "HTTP/1.1 200 OK\r\n\r\nabc", &seen));
    assert_true(slice_ends_with(buffer_slice(&seen), SLICE("0\r\n\r\n")));
    /* What the engine did not finish must not look finished. */
    (void)relay(&scene, 1, CHUNKS, &seen);
    assert_true(slice_ends_with(buffer_slice(&seen), SLICE("3\r\nabc\r\n")));
    (void)relay(&scene, 1, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", &seen);
    assert_true(slice_ends_with(buffer_slice(&seen), SLICE("\r\n\r\nabc")));
    assert_false(relay(&scene, 0, CHUNKS, &seen)); /* only a reset can say so */
#undef CHUNKS
    buffer_clear(&seen);
    scene_end(&scene);
}

/* Whatever the framings that follow each other on one connection, each reply is its own. */
static void replies_of_every_framing_follow_each_other(void **state)
{
    static const char *const replies[][2] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "\r\n\r\nhello"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
         "\r\n\r\n3\r\nabc\r\n0\r\n\r\n"},
        {"HTTP/1.1 204 No Content\r\n\r\n", "\r\n\r\n"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "\r\n\r\n0\r\n\r\n"},
    };
    enum { count = sizeof(replies) / sizeof(replies[0]) };
    struct scene scene;
    struct buffer seen;
    scene_begin(&scene, NULL);
    buffer_init(&seen, seen_bytes_max);
    int client = scene_connect(&scene);
    int engine = -1;
    for (size_t i = 0; i < (size_t)count * count * 2; i++) {
        /* Each after each: first the one, then the other. */
        size_t pair = i / 2;
        size_t which = i % 2 == 0 ? pair / count : pair % count;
        scene_send(&scene, client,
                   SLICE("POST /api/generate HTTP/1.1\r\n" CALLER
                         "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"));
        engine = engine < 0 ? scene_engine_accept(&scene) : engine;
        buffer_reset(&seen);
        scene_receive_until(&scene, engine, &seen, SLICE("\r\n\r\n1\r\nx\r\n0\r\n\r\n"));
        scene_send(&scene, engine, slice_from_string(replies[which][0]));
        buffer_reset(&seen);
        scene_receive_until(&scene, client, &seen, SLICE("\r\n\r\n"));
        size_t body_bytes = strlen(replies[which][1]) - 4;
        scene_receive_count(&scene, client, &seen, seen.length + body_bytes);
        assert_true(slice_ends_with(buffer_slice(&seen), slice_from_string(replies[which][1])));
        while (scene.gateway->connections->state != CONNECTION_IDLE) {
            scene_turn(&scene, -1);
        }
    }
    close(client);
    close(engine);
    buffer_clear(&seen);
    scene_end(&scene);
}

static void slow_clients_are_told_so(void **state)
{
    static const char *const flags[] = {"--header-timeout=5m", "--idle-timeout=50m", NULL};
    static const struct {
        const char *text;
        const char *reply; /* its beginning; NULL: none */
        uint64_t timeout_ms;
    } cases[] = {
        {"", NULL, 5 * 60 * 1000}, /* who says nothing is told nothing */
        {"GET /heal", "HTTP/1.1 408 ", 5 * 60 * 1000},
        {HEALTH "GET /heal", HEALTHY "HTTP/1.1 408 ", 5 * 60 * 1000},
        {HEALTH, HEALTHY, 50 * 60 * 1000},
        {"POST /api/chat HTTP/1.1\r\n" CALLER "Content-Length: 9\r\n\r\n{", "HTTP/1.1 408 ",
         50 * 60 * 1000},
    };
    struct scene scene;
    struct buffer seen;
    scene_begin(&scene, flags);
    buffer_init(&seen, seen_bytes_max);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int client = scene_connect(&scene);
        buffer_reset(&seen);
        scene_send(&scene, client, slice_from_string(cases[i].text));
        scene_settle(&scene);
        scene_time_out(&scene, cases[i].timeout_ms);
        assert_true(scene_receive_end(&scene, client, &seen));
        if (cases[i].reply == NULL) {
            assert_int_equal(seen.length, 0);
        } else {
            assert_true(scene_contains(&seen, cases[i].reply));
        }
        close(client);
        scene_await_connections(&scene, 0);
    }
    buffer_clear(&seen);
    scene_end(&scene);
}

/* Nobody reads from a client whose body is not wanted yet; its leaving is seen all the same. */
static void a_client_that_leaves_before_its_body_is_wanted_is_noticed(void **state)
{
    struct scene scene;
    scene_begin(&scene, NULL);
    scene.gateway->key_waits[0].asked = true; /* the keys are on their way for ever */
    for (unsigned has_sent = 0; has_sent < 2; has_sent++) {
        int client = scene_connect(&scene);
        /* {"alg":"RS256"} . {"iss":"https://issuer.test"} . a signature that waits for keys */
        scene_send(&scene, client,
                   SLICE("POST /api/generate HTTP/1.1\r\n" HOST_FIELD
                         "Authorization: Bearer eyJhbGciOiJSUzI1NiJ9."
                         "eyJpc3MiOiJodHRwczovL2lzc3Vlci50ZXN0In0.AAAA\r\n"
                         "Content-Length: 5\r\n\r\n"));
        if (has_sent == 1) {
            scene_send(&scene, client, SLICE("hello"));
        }
        while (scene.gateway->key_waits[0].first == NULL) {
            scene_turn(&scene, -1);
        }
        close(client);
        scene_await_connections(&scene, 0);
        assert_null(scene.gateway->key_waits[0].first);
    }
    scene_end(&scene);
}

/* After the last reply what still comes is read and dropped, but not for ever. */
static void a_client_that_talks_on_still_gets_its_reply(void **state)
{
    static char more[64 * 1024];
    struct scene scene;
    struct buffer seen;
    scene_begin(&scene, NULL);
    buffer_init(&seen, seen_bytes_max);
    int client = scene_connect(&scene);
    scene_send(&scene, client, SLICE("nonsense\r\n\r\n"));
    for (unsigned i = 0; i < 8; i++) {
        scene_send(&scene, client, slice_make(more, sizeof(more)));
    }
    scene_receive_until(&scene, client, &seen, SLICE("}"));
    assert_true(slice_starts_with(buffer_slice(&seen), SLICE("HTTP/1.1 400 ")));
    assert_int_equal(scene.gateway->connections_count, 1);
    for (unsigned i = 0; i < 64 && scene.gateway->connections_count > 0; i++) {
        scene_send(&scene, client, slice_make(more, sizeof(more)));
        scene_settle(&scene);
    }
    assert_int_equal(scene.gateway->connections_count, 0);
    close(client);
    buffer_clear(&seen);
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pair_answered_here_in_any_pieces),
        cmocka_unit_test(a_relayed_pair_in_any_pieces),
        cmocka_unit_test(what_is_ambiguous_is_refused_and_ends_the_connection),
        cmocka_unit_test(heads_over_a_limit_are_refused_before_they_end),
        cmocka_unit_test(a_connection_lives_as_long_as_both_want),
        cmocka_unit_test(a_connection_has_a_last_request),
        cmocka_unit_test(replies_to_head_have_no_body),
        cmocka_unit_test(a_client_that_waits_for_100_gets_it_before_it_sends),
        cmocka_unit_test(replies_are_framed_for_the_clients_version),
        cmocka_unit_test(replies_of_every_framing_follow_each_other),
        cmocka_unit_test(slow_clients_are_told_so),
        cmocka_unit_test(a_client_that_leaves_before_its_body_is_wanted_is_noticed),
        cmocka_unit_test(a_client_that_talks_on_still_gets_its_reply),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

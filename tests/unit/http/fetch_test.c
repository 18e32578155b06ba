/* SPDX-License-Identifier: MIT
 *
 * fetch_test.c - fetches from a real server on a loopback socket, which runs in a thread of its own
 * and gives every connection the same reply. */
#include "http/fetch.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { connections_max = 8, request_bytes_max = 8192 };

/* A reply that never comes: the connection is held until the server stops. */
static const char silence[] = "";

struct server {
    int listener;
    char url[64];
    pthread_t thread;
    const char *reply;
    size_t reply_length; /* 0: up to its NUL */
    bool keeps_open;     /* the connection, after the reply, until the server stops */
    char requests[connections_max][request_bytes_max]; /* to be read once the server has stopped */
    size_t requests_count;
    int held[connections_max];
    size_t held_count;
};

/* Reads a head, and a body when Content-Length announces one. */
static void server_read_request(int connection, char *request)
{
    size_t length = 0;
    size_t wanted = SIZE_MAX;
    while (length < wanted && length < request_bytes_max - 1) {
        ssize_t count = read(connection, request + length, request_bytes_max - 1 - length);
        if (count <= 0) {
            break;
        }
        length += (size_t)count;
        request[length] = '\0';
        const char *end = strstr(request, "\r\n\r\n");
        if (request[0] == 0x16) {
            return; /* TLS */
        }
        if (end != NULL) {
            unsigned body = 0;
            const char *field = strcasestr(request, "\r\nContent-Length: ");
            if (field != NULL && field < end) {
                assert_int_equal(sscanf(field + 18, "%u", &body), 1);
            }
            wanted = (size_t)(end - request) + 4 + body;
        }
    }
}

static void *server_run(void *argument)
{
    struct server *server = argument;
    for (;;) {
        int connection = accept(server->listener, NULL, NULL);
        if (connection < 0) {
            return NULL;
        }
        assert_true(server->requests_count < connections_max);
        server_read_request(connection, server->requests[server->requests_count++]);
        if (server->reply == silence) {
            server->held[server->held_count++] = connection;
            continue;
        }
        size_t length = server->reply_length > 0 ? server->reply_length : strlen(server->reply);
        (void)!send(connection, server->reply, length, MSG_NOSIGNAL);
        if (server->keeps_open) {
            server->held[server->held_count++] = connection;
            continue;
        }
        close(connection);
    }
}

static void server_start(struct server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof(address);
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(server->listener >= 0);
    assert_int_equal(bind(server->listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(getsockname(server->listener, (struct sockaddr *)&address, &length), 0);
    assert_int_equal(listen(server->listener, 16), 0);
    snprintf(server->url, sizeof(server->url), "http://127.0.0.1:%u/keys?x=1",
             ntohs(address.sin_port));
    assert_int_equal(pthread_create(&server->thread, NULL, server_run, server), 0);
}

static void server_stop(struct server *server)
{
    shutdown(server->listener, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->listener);
    for (size_t i = 0; i < server->held_count; i++) {
        close(server->held[i]);
    }
}

/* What a callback saw, and what it shall do. */
struct result {
    unsigned calls;
    enum status status;
    unsigned code;
    int64_t max_age_s;
    char body[256];
    char content_type[64];
    char fields[256]; /* "name=value;", "name=value (trailer);" */
    size_t fields_count;
    struct failure failure;
    struct fetcher *fetcher_to_free;
    struct fetch **fetch_to_cancel;
    struct fetcher *fetcher_to_use;
    const struct fetch_request *request_to_start;
    struct result *result_to_fill;
};

static void result_take(void *context, const struct fetch_reply *reply)
{
    struct result *result = context;
    result->calls++;
    result->status = reply->status;
    result->code = reply->code;
    result->max_age_s = reply->max_age_s;
    result->failure = reply->failure;
    assert_true(reply->body.length < sizeof(result->body));
    memset(result->body, 0, sizeof(result->body));
    if (reply->body.length > 0) {
        memcpy(result->body, reply->body.data, reply->body.length);
    }
    snprintf(result->content_type, sizeof(result->content_type), "%.*s",
             (int)reply->content_type.length,
             reply->content_type.length > 0 ? reply->content_type.data : "");
    result->fields_count = reply->fields_count;
    size_t length = 0;
    for (size_t i = 0; i < reply->fields_count; i++) {
        const struct fetch_field *field = &reply->fields[i];
        length += (size_t)snprintf(result->fields + length, sizeof(result->fields) - length,
                                   "%.*s=%.*s%s;", (int)field->name.length, field->name.data,
                                   (int)field->value.length, field->value.data,
                                   field->is_trailer ? " (trailer)" : "");
        assert_true(length < sizeof(result->fields));
    }
    if (result->fetch_to_cancel != NULL) {
        fetch_cancel(*result->fetch_to_cancel);
    }
    if (result->request_to_start != NULL) {
        assert_int_equal(fetch_start(result->fetcher_to_use, result->request_to_start, result_take,
                                     result->result_to_fill, NULL, NULL),
                         STATUS_OK);
    }
    fetcher_free(result->fetcher_to_free);
}

struct scene {
    uv_loop_t loop;
    struct fetcher *fetcher;
    struct server server;
    struct fetch_request request; /* a GET from the server */
};

/* The server gives <reply> to every connection. */
static void scene_begin(struct scene *scene, const char *reply)
{
    memset(scene, 0, sizeof(*scene));
    assert_int_equal(uv_loop_init(&scene->loop), 0);
    assert_int_equal(fetcher_create(&scene->loop, 4, &scene->fetcher, NULL), STATUS_OK);
    scene->server.reply = reply;
    server_start(&scene->server);
    scene->request = (struct fetch_request){
        .method = "GET", .url = scene->server.url, .timeout_ms = 10000, .reply_bytes_max = 200};
}

static void scene_start(struct scene *scene, struct result *result)
{
    assert_int_equal(fetch_start(scene->fetcher, &scene->request, result_take, result, NULL, NULL),
                     STATUS_OK);
}

/* The loop ends by itself once no fetch is left. */
static void scene_run(struct scene *scene)
{
    assert_int_equal(uv_run(&scene->loop, UV_RUN_DEFAULT), 0);
}

static void scene_end(struct scene *scene)
{
    fetcher_free(scene->fetcher);
    assert_int_equal(uv_run(&scene->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&scene->loop), 0);
    server_stop(&scene->server);
}

#define CLOSE "Connection: close\r\n"

static void a_document_is_fetched(void **state)
{
    struct scene scene;
    struct result result = {0};
    scene_begin(&scene, "HTTP/1.1 200 OK\r\n" CLOSE "Cache-Control: public, max-age=600\r\n"
                        "Content-Length: 11\r\n\r\n{\"keys\":[]}");
    scene_start(&scene, &result);
    assert_int_equal(result.calls, 0);
    scene_run(&scene);
    assert_int_equal(result.calls, 1);
    assert_int_equal(result.status, STATUS_OK);
    assert_int_equal(result.code, 200);
    assert_int_equal(result.max_age_s, 600);
    assert_string_equal(result.body, "{\"keys\":[]}");
    scene_end(&scene);
    const char *request = scene.server.requests[0];
    assert_ptr_equal(strstr(request, "GET /keys?x=1 HTTP/1.1\r\n"), request);
    assert_non_null(strstr(request, "\r\nUser-Agent: attach-gateway/" AG_VERSION "\r\n"));
}

static void a_body_and_fields_are_sent(void **state)
{
    static const char *const fields[] = {"Content-Type: application/json", "X-A: b", NULL};
    struct scene scene;
    struct result result = {0};
    scene_begin(&scene, "HTTP/1.1 201 Created\r\n" CLOSE "Content-Length: 0\r\n\r\n");
    scene.request.method = "POST";
    scene.request.fields = fields;
    scene.request.body = SLICE("{\"a\":1}");
    scene_start(&scene, &result);
    scene_run(&scene);
    assert_int_equal(result.status, STATUS_OK);
    assert_int_equal(result.code, 201);
    assert_int_equal(result.max_age_s, -1);
    scene_end(&scene);
    const char *request = scene.server.requests[0];
    assert_ptr_equal(strstr(request, "POST /keys?x=1 HTTP/1.1\r\n"), request);
    assert_non_null(strstr(request, "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(request, "\r\nX-A: b\r\n"));
    assert_non_null(strstr(request, "\r\nContent-Length: 7\r\n"));
    assert_null(strstr(request, "Expect"));
    assert_non_null(strstr(request, "\r\n\r\n{\"a\":1}"));
}

static void freshness_is_read(void **state)
{
    static const struct {
        const char *field;
        int64_t max_age_s;
    } cases[] = {
        {"", -1},
        {"Cache-Control: public\r\n", -1},
        {"cache-control:max-age=0\r\n", 0},
        {"CACHE-CONTROL: Max-Age=60 \r\n", 60},
        {"Cache-Control: max-age=60, max-age=30\r\n", 30},
        {"Cache-Control: max-age=60\r\nCache-Control: no-store\r\n", 0},
        {"Cache-Control: No-Cache\r\n", 0},
        {"Cache-Control: max-age=99999999999999999999999\r\n", INT32_MAX},
        {"Cache-Control: max-age=-1\r\n", 0},
        {"Cache-Control: s-maxage=9\r\n", -1},
        {"X-Cache-Control: max-age=9\r\n", -1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char reply[256];
        struct scene scene;
        struct result result = {0};
        snprintf(reply, sizeof(reply),
                 "HTTP/1.1 100 Continue\r\nCache-Control: max-age=5\r\n\r\n"
                 "HTTP/1.1 200 OK\r\n" CLOSE "%sContent-Length: 0\r\n\r\n",
                 cases[i].field);
        scene_begin(&scene, reply);
        scene_start(&scene, &result);
        scene_run(&scene);
        assert_int_equal(result.status, STATUS_OK);
        assert_int_equal(result.max_age_s, cases[i].max_age_s);
        scene_end(&scene);
    }
}

static void a_redirect_is_an_answer_like_any_other(void **state)
{
    struct scene scene;
    struct result result = {0};
    scene_begin(&scene, "HTTP/1.1 302 Found\r\n" CLOSE "Location: /elsewhere\r\n"
                        "Content-Length: 0\r\n\r\n");
    scene_start(&scene, &result);
    scene_run(&scene);
    assert_int_equal(result.status, STATUS_OK);
    assert_int_equal(result.code, 302);
    scene_end(&scene);
    assert_int_equal(scene.server.requests_count, 1);
}

static void what_goes_wrong_is_told(void **state)
{
    static char large_field[80000];
    memset(large_field, 'a', sizeof(large_field) - 1);
    memcpy(large_field, "HTTP/1.1 200 OK\r\nA: ", 20);
    memcpy(large_field + sizeof(large_field) - 5, "\r\n\r\n", 4);
    const struct {
        const char *reply;
        enum status status;
        size_t reply_bytes_max;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789", STATUS_OK, 10},
        {"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n0123456789", STATUS_LIMIT, 10},
        {"HTTP/1.1 200 OK\r\n\r\n0123456789", STATUS_OK, 10},
        {"HTTP/1.1 200 OK\r\n\r\n01234567890", STATUS_LIMIT, 10},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
         "8\r\n01234567\r\n8\r\n01234567\r\n0\r\n\r\n",
         STATUS_LIMIT, 10},
        {"HTTP/1.1 200 OK\r\n\r\nx", STATUS_LIMIT, 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n012345678", STATUS_IO, 10},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", STATUS_IO, 10},
        {"HTTP/1.1 200 OK\r\nA: b", STATUS_IO, 10},
        {"HTTP/1.1 200 OK\r\nA: b\r\n", STATUS_IO, 10},
        {"not HTTP at all\r\n\r\n", STATUS_IO, 10},
        {"\r\n", STATUS_IO, 10},
        {large_field, STATUS_LIMIT, 10},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct scene scene;
        struct result result = {0};
        scene_begin(&scene, cases[i].reply);
        scene.request.reply_bytes_max = cases[i].reply_bytes_max;
        scene_start(&scene, &result);
        scene_run(&scene);
        assert_int_equal(result.calls, 1);
        if (result.status != cases[i].status) {
            fail_msg("%d and %u, for: %.60s", result.status, result.code, cases[i].reply);
        }
        assert_true((result.status == STATUS_OK) == (result.failure.text[0] == '\0'));
        scene_end(&scene);
    }
}

static void a_silent_server_costs_only_the_deadline(void **state)
{
    struct scene scene;
    struct result result = {0};
    scene_begin(&scene, silence);
    scene.request.timeout_ms = 50;
    uint64_t began = uv_hrtime();
    scene_start(&scene, &result);
    scene_run(&scene);
    assert_int_equal(result.status, STATUS_TIMEOUT);
    assert_true(uv_hrtime() - began >= 45 * UINT64_C(1000000));
    assert_true(result.failure.text[0] != '\0');
    scene_end(&scene);
}

static void a_closed_port_is_told(void **state)
{
    struct scene scene;
    struct result result = {0};
    scene_begin(&scene, silence);
    server_stop(&scene.server);
    scene_start(&scene, &result);
    scene_run(&scene);
    assert_int_equal(result.status, STATUS_IO);
    fetcher_free(scene.fetcher);
    scene_run(&scene);
    assert_int_equal(uv_loop_close(&scene.loop), 0);
}

static void plain_http_does_not_pass_for_https(void **state)
{
    struct scene scene;
    struct result result = {0};
    char url[sizeof(scene.server.url) + 1];
    scene_begin(&scene, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    snprintf(url, sizeof(url), "https%.59s", scene.server.url + strlen("http"));
    scene.request.url = url;
    scene_start(&scene, &result);
    scene_run(&scene);
    assert_int_equal(result.status, STATUS_IO);
    scene_end(&scene);
}

static void unsound_requests_are_refused_at_once(void **state)
{
    static const char *const split_fields[] = {"A: b\r\nC: d", NULL};
    static const char *const urls[] = {"",
                                       "a",
                                       "ftp://127.0.0.1/",
                                       "file:///etc/passwd",
                                       "http://",
                                       "http://u@a/",
                                       "http://a/ b",
                                       "http://a/#b",
                                       "http://2130706433/",
                                       "http://127.1/",
                                       "http://0x7f000001/",
                                       "http://017700000001/"};
    struct scene scene;
    struct result result = {0};
    struct failure failure = {""};
    scene_begin(&scene, silence);
    struct fetch_request good = scene.request;
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        scene.request.url = urls[i];
        assert_int_equal(
            fetch_start(scene.fetcher, &scene.request, result_take, &result, NULL, &failure),
            STATUS_INVALID);
        assert_true(failure.text[0] != '\0');
    }
    scene.request = good;
    scene.request.fields = split_fields;
    assert_int_equal(fetch_start(scene.fetcher, &scene.request, result_take, &result, NULL, NULL),
                     STATUS_INVALID);
    scene.request = good;
    scene.request.timeout_ms = 0;
    assert_int_equal(fetch_start(scene.fetcher, &scene.request, result_take, &result, NULL, NULL),
                     STATUS_INVALID);
    scene.request = good;
    scene.request.method = "GET /";
    assert_int_equal(fetch_start(scene.fetcher, &scene.request, result_take, &result, NULL, NULL),
                     STATUS_INVALID);
    scene_run(&scene);
    assert_int_equal(result.calls, 0);
    scene_end(&scene);
}

static void fetches_at_once_are_capped(void **state)
{
    struct scene scene;
    struct result results[4] = {0};
    struct failure failure = {""};
    scene_begin(&scene, "HTTP/1.1 200 OK\r\n" CLOSE "Content-Length: 2\r\n\r\nok");
    for (size_t i = 0; i < 4; i++) {
        scene_start(&scene, &results[i]);
    }
    assert_int_equal(
        fetch_start(scene.fetcher, &scene.request, result_take, &results[0], NULL, &failure),
        STATUS_LIMIT);
    assert_true(failure.text[0] != '\0');
    scene_run(&scene);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(results[i].calls, 1);
        assert_string_equal(results[i].body, "ok");
    }
    scene_start(&scene, &results[0]);
    scene_run(&scene);
    assert_int_equal(results[0].calls, 2);
    scene_end(&scene);
}

static void a_cancelled_fetch_never_calls_back(void **state)
{
    struct scene scene;
    struct result result = {0};
    struct fetch *fetch;
    scene_begin(&scene, silence);
    assert_int_equal(fetch_start(scene.fetcher, &scene.request, result_take, &result, &fetch, NULL),
                     STATUS_OK);
    fetch_cancel(fetch);
    assert_int_equal(fetch_start(scene.fetcher, &scene.request, result_take, &result, &fetch, NULL),
                     STATUS_OK);
    for (int i = 0; i < 3; i++) {
        uv_run(&scene.loop, UV_RUN_NOWAIT);
    }
    fetch_cancel(fetch);
    fetch_cancel(NULL);
    scene_run(&scene);
    assert_int_equal(result.calls, 0);
    scene_end(&scene);
}

static void a_callback_may_start_another_fetch(void **state)
{
    struct scene scene;
    struct result first = {0};
    struct result second = {0};
    scene_begin(&scene, "HTTP/1.1 200 OK\r\n" CLOSE "Content-Length: 2\r\n\r\nok");
    first.fetcher_to_use = scene.fetcher;
    first.request_to_start = &scene.request;
    first.result_to_fill = &second;
    scene_start(&scene, &first);
    scene_run(&scene);
    assert_int_equal(first.calls, 1);
    assert_int_equal(second.calls, 1);
    assert_string_equal(second.body, "ok");
    scene_end(&scene);
}

static void a_callback_may_cancel_any_fetch(void **state)
{
    struct scene scene;
    struct result results[2] = {0};
    struct fetch *fetches[2];
    scene_begin(&scene, "HTTP/1.1 200 OK\r\n" CLOSE "Content-Length: 2\r\n\r\nok");
    for (size_t i = 0; i < 2; i++) {
        results[i].fetch_to_cancel = &fetches[1 - i];
        assert_int_equal(
            fetch_start(scene.fetcher, &scene.request, result_take, &results[i], &fetches[i], NULL),
            STATUS_OK);
    }
    scene_run(&scene);
    assert_int_equal(results[0].calls + results[1].calls, 1);
    /* its own is over: cancelling it does nothing */
    struct result own = {.fetch_to_cancel = &fetches[0]};
    assert_int_equal(
        fetch_start(scene.fetcher, &scene.request, result_take, &own, &fetches[0], NULL),
        STATUS_OK);
    scene_run(&scene);
    assert_int_equal(own.calls, 1);
    scene_end(&scene);
}

static void a_callback_may_free_the_fetcher(void **state)
{
    struct scene scene;
    struct result results[2] = {0};
    scene_begin(&scene, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    for (size_t i = 0; i < 2; i++) {
        results[i].fetcher_to_free = scene.fetcher;
        scene_start(&scene, &results[i]);
    }
    scene_run(&scene);
    assert_int_equal(results[0].calls + results[1].calls, 1);
    scene.fetcher = NULL;
    scene_end(&scene);
}

static void freeing_cancels_what_still_runs(void **state)
{
    struct scene scene;
    struct result result = {0};
    scene_begin(&scene, silence);
    scene_start(&scene, &result);
    scene_start(&scene, &result);
    for (int i = 0; i < 3; i++) {
        uv_run(&scene.loop, UV_RUN_NOWAIT);
    }
    scene_end(&scene);
    assert_int_equal(result.calls, 0);
    fetcher_free(NULL);
}

static void any_method_and_any_bytes_are_sent(void **state)
{
    struct scene scene;
    struct result result = {0};
    scene_begin(&scene, "HTTP/1.1 200 OK\r\n" CLOSE "Content-Length: 3\r\n\r\na\0b");
    scene.server.reply_length = sizeof("HTTP/1.1 200 OK\r\n" CLOSE "Content-Length: 3\r\n\r\n") + 2;
    scene.request.method = "PATCH";
    scene.request.body = slice_make("x\0\xff\r\n\0y", 7);
    scene_start(&scene, &result);
    scene_run(&scene);
    assert_int_equal(result.status, STATUS_OK);
    assert_memory_equal(result.body, "a\0b", 4);
    scene_end(&scene);
    const char *request = scene.server.requests[0];
    assert_ptr_equal(strstr(request, "PATCH /keys?x=1 HTTP/1.1\r\n"), request);
    const char *end = strstr(request, "\r\n\r\n");
    assert_non_null(end);
    assert_memory_equal(end + 4, "x\0\xff\r\n\0y", 8);
}

static void the_media_type_is_told(void **state)
{
    static const struct {
        const char *fields;
        const char *content_type;
    } cases[] = {
        {"", ""},
        {"Content-Type: application/json; charset=utf-8 \r\n", "application/json; charset=utf-8"},
        {"content-type:a/b\r\nX-Content-Type: c/d\r\n", "a/b"},
        {"Content-Type: a/b\r\nContent-Type: a/b\r\n", ""},
        {"Content-Type: a/b\r\nContent-Type: a/b\r\nContent-Type: a/b\r\n", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char reply[300];
        struct scene scene;
        struct result result = {0};
        snprintf(reply, sizeof(reply),
                 "HTTP/1.1 100 Continue\r\nContent-Type: x/y\r\n\r\n"
                 "HTTP/1.1 200 OK\r\n" CLOSE "%sContent-Length: 0\r\n\r\n",
                 cases[i].fields);
        scene_begin(&scene, reply);
        scene_start(&scene, &result);
        scene_run(&scene);
        assert_int_equal(result.status, STATUS_OK);
        assert_string_equal(result.content_type, cases[i].content_type);
        assert_int_equal(result.fields_count, 0);
        scene_end(&scene);
    }
}

static void fields_and_trailers_are_kept(void **state)
{
    struct scene scene;
    struct result result = {0};
    scene_begin(&scene, "HTTP/1.1 200 OK\r\n" CLOSE
                        "Transfer-Encoding: chunked\r\nA:  b c \r\nempty:\r\n\r\n"
                        "2\r\nok\r\n0\r\ngrpc-status: 0\r\nContent-Type: x/y\r\n\r\n");
    scene.request.keep_fields = true;
    scene_start(&scene, &result);
    scene_run(&scene);
    assert_int_equal(result.status, STATUS_OK);
    assert_string_equal(result.body, "ok");
    assert_string_equal(result.fields, "Connection=close;Transfer-Encoding=chunked;A=b c;empty=;"
                                       "grpc-status=0 (trailer);Content-Type=x/y (trailer);");
    assert_string_equal(result.content_type, "");
    scene_end(&scene);
}

static void addresses_out_of_policy_are_not_called(void **state)
{
    static const struct {
        enum address_policy policy;
        enum status status;
    } cases[] = {{ADDRESS_ANY, STATUS_OK},
                 {ADDRESS_PRIVATE_ALLOWED, STATUS_OK},
                 {ADDRESS_PUBLIC_ONLY, STATUS_DENIED}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct scene scene;
        struct result result = {0};
        scene_begin(&scene, "HTTP/1.1 200 OK\r\n" CLOSE "Content-Length: 0\r\n\r\n");
        scene.request.address_policy = cases[i].policy;
        scene_start(&scene, &result);
        scene_run(&scene);
        assert_int_equal(result.calls, 1);
        assert_int_equal(result.status, cases[i].status);
        scene_end(&scene);
        assert_int_equal(scene.server.requests_count, cases[i].status == STATUS_OK ? 1 : 0);
        if (cases[i].status == STATUS_DENIED) {
            assert_string_equal(result.failure.text,
                                "refused to call 127.0.0.1, a loopback address");
        }
    }
}

/* Names and addresses alike, before a packet leaves. */
static void addresses_are_judged_after_look_up(void **state)
{
    static const char *const urls[] = {
        "http://localhost:9/",     "http://[::ffff:127.0.0.1]:9/",
        "http://169.254.169.254/", "http://[fd00:ec2::254]:80/",
        "http://0.0.0.0:9/",       "http://[::]:9/",
    };
    struct scene scene;
    scene_begin(&scene, silence);
    scene.request.address_policy = ADDRESS_PUBLIC_ONLY;
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        struct result result = {0};
        scene.request.url = urls[i];
        scene_start(&scene, &result);
        scene_run(&scene);
        if (result.status != STATUS_DENIED) {
            fail_msg("%s: %d %s", urls[i], result.status, result.failure.text);
        }
        assert_non_null(strstr(result.failure.text, "refused to call "));
    }
    scene_end(&scene);
}

/* A connection that a freer fetch left behind does not get around the policy. */
static void a_connection_left_open_is_judged_as_well(void **state)
{
    struct scene scene;
    struct result first = {0};
    struct result second = {0};
    scene_begin(&scene, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    scene.server.keeps_open = true;
    scene_start(&scene, &first);
    scene_run(&scene);
    assert_int_equal(first.status, STATUS_OK);
    scene.request.address_policy = ADDRESS_PUBLIC_ONLY;
    scene_start(&scene, &second);
    scene_run(&scene);
    assert_int_equal(second.status, STATUS_DENIED);
    assert_non_null(strstr(second.failure.text, "loopback"));
    scene_end(&scene);
    assert_int_equal(scene.server.requests_count, 1);
}

static void a_connection_has_its_own_deadline(void **state)
{
    struct scene scene;
    struct result result = {0};
    char url[sizeof(scene.server.url) + 1];
    scene_begin(&scene, silence);
    snprintf(url, sizeof(url), "https%.59s", scene.server.url + strlen("http"));
    scene.request.url = url;
    scene.request.timeout_ms = 3600 * 1000; /* the test would not end by it */
    scene.request.connect_timeout_ms = 50;
    scene_start(&scene, &result);
    scene_run(&scene);
    assert_int_equal(result.status, STATUS_TIMEOUT);
    scene_end(&scene);
}

/* SETTINGS, its acknowledgement, and on stream 1 ":status: 200" with a content type, five bytes of
 * DATA, and trailers that end the stream (RFC 9113 6, RFC 7541 6). */
static const char http2_reply[] = "\0\0\0\x04\0\0\0\0\0"
                                  "\0\0\0\x04\x01\0\0\0\0"
                                  "\0\0\x20\x01\x04\0\0\0\x01"
                                  "\x88"
                                  "\0\x0c"
                                  "content-type"
                                  "\x10"
                                  "application/grpc"
                                  "\0\0\x05\0\0\0\0\0\x01"
                                  "\0\0\0\0\0"
                                  "\0\0\x0f\x01\x05\0\0\0\x01"
                                  "\0\x0b"
                                  "grpc-status"
                                  "\x01"
                                  "0";

static void http2_is_spoken_from_the_first_byte(void **state)
{
    struct scene scene;
    struct result result = {0};
    scene_begin(&scene, http2_reply);
    scene.server.reply_length = sizeof(http2_reply) - 1;
    scene.server.keeps_open = true;
    scene.request.method = "POST";
    scene.request.body = slice_make("\0\0\0\0\0", 5);
    scene.request.http2 = true;
    scene.request.keep_fields = true;
    scene_start(&scene, &result);
    scene_run(&scene);
    assert_string_equal(result.failure.text, "");
    assert_int_equal(result.status, STATUS_OK);
    assert_int_equal(result.code, 200);
    assert_string_equal(result.content_type, "application/grpc");
    assert_string_equal(result.fields, "content-type=application/grpc;grpc-status=0 (trailer);");
    assert_memory_equal(result.body, "\0\0\0\0\0", 6);
    scene_end(&scene);
    assert_ptr_equal(strstr(scene.server.requests[0], "PRI * HTTP/2.0\r\n"),
                     scene.server.requests[0]);
}

static int begin_all(void **state)
{
    /* nothing may go through a proxy of the environment: nobody listens there */
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    unsetenv("NO_PROXY");
    unsetenv("no_proxy");
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? 0 : -1;
}

static int end_all(void **state)
{
    curl_global_cleanup();
    return 0;
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN); /* as main.c does: TLS writes to those that have left */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_is_fetched),
        cmocka_unit_test(a_body_and_fields_are_sent),
        cmocka_unit_test(freshness_is_read),
        cmocka_unit_test(a_redirect_is_an_answer_like_any_other),
        cmocka_unit_test(what_goes_wrong_is_told),
        cmocka_unit_test(a_silent_server_costs_only_the_deadline),
        cmocka_unit_test(a_closed_port_is_told),
        cmocka_unit_test(plain_http_does_not_pass_for_https),
        cmocka_unit_test(unsound_requests_are_refused_at_once),
        cmocka_unit_test(fetches_at_once_are_capped),
        cmocka_unit_test(a_cancelled_fetch_never_calls_back),
        cmocka_unit_test(a_callback_may_start_another_fetch),
        cmocka_unit_test(a_callback_may_cancel_any_fetch),
        cmocka_unit_test(a_callback_may_free_the_fetcher),
        cmocka_unit_test(freeing_cancels_what_still_runs),
        cmocka_unit_test(any_method_and_any_bytes_are_sent),
        cmocka_unit_test(the_media_type_is_told),
        cmocka_unit_test(fields_and_trailers_are_kept),
        cmocka_unit_test(addresses_out_of_policy_are_not_called),
        cmocka_unit_test(addresses_are_judged_after_look_up),
        cmocka_unit_test(a_connection_left_open_is_judged_as_well),
        cmocka_unit_test(a_connection_has_its_own_deadline),
        cmocka_unit_test(http2_is_spoken_from_the_first_byte),
    };
    return cmocka_run_group_tests(tests, begin_all, end_all);
}

/* SPDX-License-Identifier: MIT
 *
 * issuer_test.c - discovery and key sets from a real server on a loopback socket: it runs in a
 * thread of its own and answers by path. The issuers run on the test's loop. */
#include "auth/issuer.h"

#include "base/buffer.h"

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

enum {
    routes_max = 8,
    requests_max = 64,
    path_max = 128,
    held_max = 8,
    outcomes_max = 64,
    workers_max = 4,
    watchdog_ms = 30000, /* far beyond anything that happens here */
};

#define OIDC "/.well-known/openid-configuration"
#define OAUTH "/.well-known/oauth-authorization-server"
#define ED_KEY                                                                                     \
    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"k\","                                          \
    "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}"

/* ---- the server ---- */

struct route {
    char path[path_max];
    unsigned status; /* 0: no answer ever comes */
    char *body;
};

struct server {
    int listener;
    char origin[64];
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows */
    struct route routes[routes_max];
    size_t routes_count;
    char requests[requests_max][path_max];
    size_t requests_count;
    int held[held_max];
    size_t held_count;
};

/* <body> may name the server's origin as "%s", once or twice. */
static void server_route(struct server *server, const char *path, unsigned status, const char *body)
{
    char *text = NULL;
    const char *origin = server->origin;
    if (strstr(body, "%s") != NULL) {
        size_t size = strlen(body) + 2 * strlen(origin) + 1;
        text = malloc(size);
        assert_non_null(text);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
        snprintf(text, size, body, origin, origin);
#pragma GCC diagnostic pop
    } else {
        text = strdup(body);
    }
    assert_non_null(text);
    pthread_mutex_lock(&server->lock);
    size_t i = 0;
    while (i < server->routes_count && strcmp(server->routes[i].path, path) != 0) {
        i++;
    }
    assert_true(i < routes_max);
    struct route *route = &server->routes[i];
    if (i == server->routes_count) {
        snprintf(route->path, sizeof(route->path), "%s", path);
        server->routes_count++;
    } else {
        free(route->body);
    }
    route->status = status;
    route->body = text;
    pthread_mutex_unlock(&server->lock);
}

static void server_read_path(int connection, char *ret_path)
{
    char head[4096];
    size_t length = 0;
    while (length < sizeof(head) - 1) {
        ssize_t count = read(connection, head + length, sizeof(head) - 1 - length);
        if (count <= 0) {
            break;
        }
        length += (size_t)count;
        head[length] = '\0';
        if (strstr(head, "\r\n\r\n") != NULL) {
            break;
        }
    }
    head[length] = '\0';
    ret_path[0] = '\0';
    (void)sscanf(head, "GET %127s HTTP/1.1", ret_path);
}

static void send_all(int connection, const char *bytes, size_t count)
{
    while (count > 0) {
        ssize_t sent = send(connection, bytes, count, MSG_NOSIGNAL);
        if (sent <= 0) {
            return;
        }
        bytes += sent;
        count -= (size_t)sent;
    }
}

/* With the lock held. */
static void server_answer(struct server *server, int connection, const char *path)
{
    char head[200];
    const struct route *route = NULL;
    for (size_t i = 0; i < server->routes_count; i++) {
        if (strcmp(server->routes[i].path, path) == 0) {
            route = &server->routes[i];
        }
    }
    if (route != NULL && route->status == 0) {
        assert_true(server->held_count < held_max);
        server->held[server->held_count++] = connection;
        return;
    }
    unsigned status = route != NULL ? route->status : 404;
    const char *body = route != NULL ? route->body : "not found";
    int length = snprintf(head, sizeof(head),
                          "HTTP/1.1 %u X\r\nConnection: close\r\nLocation: /moved\r\n"
                          "Content-Length: %zu\r\n\r\n",
                          status, strlen(body));
    send_all(connection, head, (size_t)length);
    send_all(connection, body, strlen(body));
    close(connection);
}

static void *server_run(void *argument)
{
    struct server *server = argument;
    for (;;) {
        int connection = accept(server->listener, NULL, NULL);
        if (connection < 0) {
            return NULL;
        }
        char path[path_max];
        server_read_path(connection, path);
        pthread_mutex_lock(&server->lock);
        assert_true(server->requests_count < requests_max);
        memcpy(server->requests[server->requests_count++], path, path_max);
        server_answer(server, connection, path);
        pthread_mutex_unlock(&server->lock);
    }
}

static void server_start(struct server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof(address);
    pthread_mutex_init(&server->lock, NULL);
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(server->listener >= 0);
    assert_int_equal(bind(server->listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(getsockname(server->listener, (struct sockaddr *)&address, &length), 0);
    assert_int_equal(listen(server->listener, 16), 0);
    snprintf(server->origin, sizeof(server->origin), "http://127.0.0.1:%u",
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
    for (size_t i = 0; i < server->routes_count; i++) {
        free(server->routes[i].body);
    }
    pthread_mutex_destroy(&server->lock);
}

static size_t server_count(struct server *server, const char *path)
{
    size_t count = 0;
    pthread_mutex_lock(&server->lock);
    for (size_t i = 0; i < server->requests_count; i++) {
        count += strcmp(server->requests[i], path) == 0 ? 1 : 0;
    }
    pthread_mutex_unlock(&server->lock);
    return count;
}

static size_t server_total(struct server *server)
{
    pthread_mutex_lock(&server->lock);
    size_t count = server->requests_count;
    pthread_mutex_unlock(&server->lock);
    return count;
}

/* ---- the scene ---- */

struct outcome {
    size_t worker;
    size_t issuer;
    enum keys_outcome outcome;
    struct jwks *jwks;
    char reason[240];
};

struct scene {
    uv_loop_t loop;
    uv_timer_t watchdog;
    struct fetcher *fetcher;
    struct issuers *issuers;
    struct issuers_settings settings;
    struct slice names[2];
    char name_texts[2][128];
    struct server server;
    struct outcome outcomes[outcomes_max];
    size_t outcomes_count;
};

static void outcome_published(void *context, size_t worker, size_t issuer,
                              enum keys_outcome outcome, struct jwks *take_jwks, const char *reason)
{
    struct scene *scene = context;
    assert_true(scene->outcomes_count < outcomes_max);
    struct outcome *out = &scene->outcomes[scene->outcomes_count++];
    *out = (struct outcome){worker, issuer, outcome, take_jwks, ""};
    snprintf(out->reason, sizeof(out->reason), "%s", reason);
    assert_true((take_jwks != NULL) == (outcome == KEYS_FRESH));
    assert_true((reason[0] == '\0') == (outcome == KEYS_FRESH));
}

static void watchdog_fired(uv_timer_t *timer)
{
    fail_msg("nothing happened");
}

/* One issuer at the server's origin and <path>, which answers with a good document and one key. */
static struct scene *scene_create(const char *path)
{
    struct scene *scene = calloc(1, sizeof(*scene));
    assert_non_null(scene);
    assert_int_equal(uv_loop_init(&scene->loop), 0);
    uv_timer_init(&scene->loop, &scene->watchdog);
    assert_int_equal(fetcher_create(&scene->loop, 8, &scene->fetcher, NULL), STATUS_OK);
    server_start(&scene->server);
    snprintf(scene->name_texts[0], sizeof(scene->name_texts[0]), "%s%s", scene->server.origin,
             path);
    scene->names[0] = slice_from_string(scene->name_texts[0]);
    scene->settings = (struct issuers_settings){.issuers = scene->names,
                                                .issuers_count = 1,
                                                .workers_count = 2,
                                                .cooldown_ms = 60000,
                                                .max_age_ms = 3600000,
                                                .retry_ms = 60000,
                                                .timeout_ms = 20000,
                                                .publish = outcome_published,
                                                .context = scene};
    server_route(&scene->server, "/keys", 200, "{\"keys\":[" ED_KEY "]}");
    return scene;
}

static void scene_start(struct scene *scene)
{
    struct failure failure = {""};
    if (issuers_create(&scene->loop, scene->fetcher, &scene->settings, &scene->issuers, &failure) !=
        STATUS_OK) {
        fail_msg("%s", failure.text);
    }
    assert_int_equal(scene->outcomes_count, 0); /* nothing is published from inside */
}

/* Until <count> outcomes have been published in all. */
static void scene_run(struct scene *scene, size_t count)
{
    uv_timer_start(&scene->watchdog, watchdog_fired, watchdog_ms, 0);
    while (scene->outcomes_count < count) {
        uv_run(&scene->loop, UV_RUN_ONCE);
    }
    uv_timer_stop(&scene->watchdog);
    assert_int_equal(scene->outcomes_count, count);
}

static void pause_over(uv_timer_t *timer)
{
    timer->data = NULL;
}

static void scene_pause(struct scene *scene, uint64_t pause_ms)
{
    scene->watchdog.data = scene;
    uv_timer_start(&scene->watchdog, pause_over, pause_ms, 0);
    while (scene->watchdog.data != NULL) {
        uv_run(&scene->loop, UV_RUN_ONCE);
    }
}

static void scene_end(struct scene *scene)
{
    issuers_free(scene->issuers);
    fetcher_free(scene->fetcher);
    uv_close((uv_handle_t *)&scene->watchdog, NULL);
    assert_int_equal(uv_run(&scene->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&scene->loop), 0);
    server_stop(&scene->server);
    for (size_t i = 0; i < scene->outcomes_count; i++) {
        jwks_free(scene->outcomes[i].jwks);
    }
    free(scene);
}

/* The outcomes from <first> on are one for each worker, in order, all the same. */
static void assert_everybody(const struct scene *scene, size_t first, enum keys_outcome outcome)
{
    for (size_t i = 0; i < scene->settings.workers_count; i++) {
        const struct outcome *one = &scene->outcomes[first + i];
        if (one->outcome != outcome) {
            fail_msg("outcome %d: %s", one->outcome, one->reason);
        }
        assert_int_equal(one->worker, i);
        assert_int_equal(one->issuer, 0);
    }
}

#define DOCUMENT "{\"issuer\":\"%s\",\"jwks_uri\":\"%s/keys\"}"

/* ---- where the keys are ---- */

static void keys_are_found_by_discovery(void **state)
{
    struct scene *scene = scene_create("");
    scene->settings.workers_count = workers_max;
    server_route(&scene->server, OIDC, 200, DOCUMENT);
    scene_start(scene);
    scene_run(scene, workers_max);
    assert_everybody(scene, 0, KEYS_FRESH);
    for (size_t i = 0; i < workers_max; i++) {
        assert_int_equal(jwks_count(scene->outcomes[i].jwks), 1);
        for (size_t j = 0; j < i; j++) { /* each its own */
            assert_ptr_not_equal(scene->outcomes[i].jwks, scene->outcomes[j].jwks);
        }
    }
    assert_string_equal(scene->server.requests[0], OIDC);
    assert_string_equal(scene->server.requests[1], "/keys");
    assert_int_equal(scene->server.requests_count, 2);
    scene_end(scene);
}

static void the_other_form_of_discovery_is_tried(void **state)
{
    static const struct {
        unsigned status;
        const char *body;
    } cases[] = {{404, "not here"},
                 {401, "who are you?"},
                 {302, ""},
                 {200, "<html>"},
                 {200, "[]"},
                 {200, ""},
                 {200, "{\"issuer\":\"%s\",\"issuer\":\"%s\"}"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct scene *scene = scene_create("");
        server_route(&scene->server, OIDC, cases[i].status, cases[i].body);
        server_route(&scene->server, OAUTH, 200, DOCUMENT);
        scene_start(scene);
        scene_run(scene, 2);
        assert_everybody(scene, 0, KEYS_FRESH);
        assert_int_equal(server_count(&scene->server, OIDC), 1);
        assert_int_equal(server_count(&scene->server, OAUTH), 1);
        scene_end(scene);
    }
}

static void an_issuer_may_have_a_path(void **state)
{
    static const struct {
        const char *path;
        const char *document_path;
        const char *document;
    } cases[] = {
        {"/t/a", "/t/a" OIDC, "{\"issuer\":\"%s/t/a\",\"jwks_uri\":\"%s/keys\"}"},
        {"/t/a", OAUTH "/t/a", "{\"issuer\":\"%s/t/a\",\"jwks_uri\":\"%s/keys\"}"},
        /* one slash at the end is forgiven, on either side */
        {"/t/a", "/t/a" OIDC, "{\"issuer\":\"%s/t/a/\",\"jwks_uri\":\"%s/keys\"}"},
        {"/t/a/", "/t/a" OIDC, "{\"issuer\":\"%s/t/a\",\"jwks_uri\":\"%s/keys\"}"},
        {"/t/a/", OAUTH "/t/a", "{\"issuer\":\"%s/t/a\",\"jwks_uri\":\"%s/keys\"}"},
        {"/", OIDC, DOCUMENT},
        {"/", OAUTH, DOCUMENT},
        {"", OIDC, "{\"issuer\":\"%s/\",\"jwks_uri\":\"%s/keys\"}"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct scene *scene = scene_create(cases[i].path);
        server_route(&scene->server, cases[i].document_path, 200, cases[i].document);
        scene_start(scene);
        scene_run(scene, 2);
        assert_everybody(scene, 0, KEYS_FRESH);
        scene_end(scene);
    }
}

static void a_document_that_will_not_do_is_the_end(void **state)
{
    static const struct {
        unsigned status;
        const char *body;
        const char *reason;
    } cases[] = {
        {500, "", "500"},
        {503, DOCUMENT, "503"},
        {200, "{\"issuer\":\"https://evil.example\",\"jwks_uri\":\"%s/keys\"}", "another issuer"},
        {200, "{\"issuer\":\"%s//\",\"jwks_uri\":\"%s/keys\"}", "another issuer"},
        {200, "{\"issuer\":\"%sX\",\"jwks_uri\":\"%s/keys\"}", "another issuer"},
        {200, "{\"issuer\":\"\",\"jwks_uri\":\"%s/keys\"}", "another issuer"},
        {200, "{\"issuer\":7,\"jwks_uri\":\"%s/keys\"}", "another issuer"},
        {200, "{\"jwks_uri\":\"%s/keys\"}", "another issuer"},
        {200, "{\"issuer\":\"%s\"}", "jwks_uri"},
        {200, "{\"issuer\":\"%s\",\"jwks_uri\":[\"%s/keys\"]}", "jwks_uri"},
        {200, "{\"issuer\":\"%s\",\"jwks_uri\":\"http://keys.example/keys\"}", "jwks_uri"},
        {200, "{\"issuer\":\"%s\",\"jwks_uri\":\"ftp://127.0.0.1/keys\"}", "jwks_uri"},
        {200, "{\"issuer\":\"%s\",\"jwks_uri\":\"file:///etc/passwd\"}", "jwks_uri"},
        {200, "{\"issuer\":\"%s\",\"jwks_uri\":\"/keys\"}", "jwks_uri"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct scene *scene = scene_create("");
        server_route(&scene->server, OIDC, cases[i].status, cases[i].body);
        server_route(&scene->server, OAUTH, 200, DOCUMENT);
        scene_start(scene);
        scene_run(scene, 2);
        assert_everybody(scene, 0, KEYS_FAILED);
        if (strstr(scene->outcomes[0].reason, cases[i].reason) == NULL) {
            fail_msg("%s, for: %s", scene->outcomes[0].reason, cases[i].body);
        }
        assert_int_equal(server_total(&scene->server), 1); /* nobody else was asked */
        scene_end(scene);
    }
}

static void keys_that_will_not_do_are_told(void **state)
{
    static const struct {
        unsigned status;
        const char *body;
        const char *reason;
    } cases[] = {
        {404, "{\"keys\":[]}", "status 404"},
        {302, "{\"keys\":[]}", "status 302"},
        {204, "", "status 204"},
        {200, "", "not JSON"},
        {200, "{\"keys\":7}", "no key set"},
        {200, "<html>", "not JSON"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct scene *scene = scene_create("");
        server_route(&scene->server, OIDC, 200, DOCUMENT);
        server_route(&scene->server, "/keys", cases[i].status, cases[i].body);
        scene_start(scene);
        scene_run(scene, 2);
        assert_everybody(scene, 0, KEYS_FAILED);
        const char *reason = scene->outcomes[1].reason;
        if (strstr(reason, cases[i].reason) == NULL || strstr(reason, "/keys") == NULL) {
            fail_msg("%s, for: %s", reason, cases[i].body);
        }
        assert_int_equal(server_count(&scene->server, "/moved"), 0);
        scene_end(scene);
    }
}

static void an_empty_set_is_a_set(void **state)
{
    struct scene *scene = scene_create("");
    server_route(&scene->server, OIDC, 200, DOCUMENT);
    server_route(&scene->server, "/keys", 200, "{\"keys\":[]}");
    scene_start(scene);
    scene_run(scene, 2);
    assert_everybody(scene, 0, KEYS_FRESH);
    assert_int_equal(jwks_count(scene->outcomes[0].jwks), 0);
    scene_end(scene);
}

static char *padded(const char *json, size_t length)
{
    char *text = malloc(length + 1);
    assert_non_null(text);
    memset(text, ' ', length);
    memcpy(text, json, strlen(json));
    text[length] = '\0';
    return text;
}

static void sizes_are_capped(void **state)
{
    for (size_t over = 0; over < 2; over++) {
        struct scene *scene = scene_create("");
        char *keys = padded("{\"keys\":[]}", jwks_bytes_max + over);
        server_route(&scene->server, OIDC, 200, DOCUMENT);
        server_route(&scene->server, "/keys", 200, keys);
        scene_start(scene);
        scene_run(scene, 2);
        assert_everybody(scene, 0, over == 0 ? KEYS_FRESH : KEYS_FAILED);
        scene_end(scene);
        free(keys);
    }
    struct scene *scene = scene_create("");
    char *document = padded(DOCUMENT, 128 * 1024 + 1);
    server_route(&scene->server, OIDC, 200, document);
    server_route(&scene->server, OAUTH, 200, DOCUMENT);
    scene_start(scene);
    scene_run(scene, 2);
    assert_everybody(scene, 0, KEYS_FAILED);
    assert_int_equal(server_total(&scene->server), 1);
    scene_end(scene);
    free(document);
}

/* ---- who may be an issuer ---- */

static void urls_that_are_not_safe_are_refused(void **state)
{
    static const struct {
        const char *name;
        bool is_allowed;
    } cases[] = {
        {"https://issuer.example", true},
        {"https://issuer.example:8443/t/a/", true},
        {"http://127.0.0.1:1", true},
        {"http://localhost:1/t", true},
        {"http://[::1]:1", true},
        {"http://issuer.example", false},
        {"http://127.0.0.1.example", false},
        {"http://localhost.example", false},
        {"http://10.0.0.1", false},
        {"http://0.0.0.0", false},
        {"ftp://127.0.0.1", false},
        {"urn:attach-gateway:local", false},
        {"issuer.example", false},
        {"", false},
        {"https://", false},
        {"https://user@issuer.example", false},
        {"https://issuer.example?x=1", false},
        {"https://issuer.example/#x", false},
        {"https://issuer.example/a b", false},
    };
    uv_loop_t loop;
    struct fetcher *fetcher = NULL;
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(fetcher_create(&loop, 8, &fetcher, NULL), STATUS_OK);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct slice names[2] = {SLICE("https://good.example"), slice_from_string(cases[i].name)};
        struct issuers_settings settings = {.issuers = names,
                                            .issuers_count = 2,
                                            .workers_count = 1,
                                            .timeout_ms = 1000,
                                            .publish = outcome_published};
        struct issuers *issuers = NULL;
        struct failure failure = {""};
        enum status status = issuers_create(&loop, fetcher, &settings, &issuers, &failure);
        if (status != (cases[i].is_allowed ? STATUS_OK : STATUS_INVALID)) {
            fail_msg("%d for %s: %s", status, cases[i].name, failure.text);
        }
        assert_true((failure.text[0] == '\0') == cases[i].is_allowed);
        issuers_free(issuers); /* before the loop ran: nobody was asked anything */
    }
    issuers_free(NULL);
    fetcher_free(fetcher);
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&loop), 0);
}

/* ---- when they are asked again ---- */

static void an_unknown_key_soon_after_a_fetch_is_refused(void **state)
{
    struct scene *scene = scene_create("");
    server_route(&scene->server, OIDC, 200, DOCUMENT);
    scene_start(scene);
    scene_run(scene, 2);
    for (size_t i = 0; i < 5; i++) {
        issuers_refresh(scene->issuers, 1, 0);
        assert_int_equal(scene->outcomes_count, 3 + i); /* at once, and to the asker alone */
        assert_int_equal(scene->outcomes[2 + i].outcome, KEYS_COOLDOWN);
        assert_int_equal(scene->outcomes[2 + i].worker, 1);
    }
    assert_int_equal(server_total(&scene->server), 2);
    scene_end(scene);
}

static void a_failed_fetch_cools_down_as_well(void **state)
{
    struct scene *scene = scene_create("");
    server_route(&scene->server, OIDC, 500, "");
    scene_start(scene);
    scene_run(scene, 2);
    issuers_refresh(scene->issuers, 0, 0);
    assert_int_equal(scene->outcomes[2].outcome, KEYS_COOLDOWN);
    assert_int_equal(server_total(&scene->server), 1);
    scene_end(scene);
}

static void after_the_cooldown_the_keys_alone_are_fetched(void **state)
{
    struct scene *scene = scene_create("");
    scene->settings.cooldown_ms = 20;
    server_route(&scene->server, OIDC, 200, DOCUMENT);
    scene_start(scene);
    scene_run(scene, 2);
    server_route(&scene->server, "/keys", 200, "{\"keys\":[]}");
    scene_pause(scene, 40);
    issuers_refresh(scene->issuers, 1, 0);
    scene_run(scene, 4);
    assert_everybody(scene, 2, KEYS_FRESH);
    assert_int_equal(jwks_count(scene->outcomes[3].jwks), 0); /* what is there now */
    assert_int_equal(server_count(&scene->server, OIDC), 1);
    assert_int_equal(server_count(&scene->server, "/keys"), 2);
    scene_end(scene);
}

static void one_fetch_at_a_time_serves_all_who_ask(void **state)
{
    struct scene *scene = scene_create("");
    scene->settings.cooldown_ms = 0;
    server_route(&scene->server, OIDC, 200, DOCUMENT);
    scene_start(scene);
    for (size_t i = 0; i < 10; i++) {
        issuers_refresh(scene->issuers, i % 2, 0);
    }
    assert_int_equal(scene->outcomes_count, 0);
    scene_run(scene, 2);
    assert_everybody(scene, 0, KEYS_FRESH);
    for (size_t i = 0; i < 10; i++) {
        issuers_refresh(scene->issuers, i % 2, 0);
    }
    scene_run(scene, 4);
    assert_everybody(scene, 2, KEYS_FRESH);
    scene_pause(scene, 30);
    assert_int_equal(scene->outcomes_count, 4);
    assert_int_equal(server_count(&scene->server, OIDC), 1);
    assert_int_equal(server_count(&scene->server, "/keys"), 2);
    scene_end(scene);
}

static void a_failed_start_is_tried_again(void **state)
{
    struct scene *scene = scene_create("");
    scene->settings.retry_ms = 20;
    scene_start(scene); /* 404 in both places */
    scene_run(scene, 4);
    assert_everybody(scene, 0, KEYS_FAILED);
    assert_everybody(scene, 2, KEYS_FAILED);
    server_route(&scene->server, OIDC, 200, DOCUMENT);
    while (scene->outcomes[scene->outcomes_count - 1].outcome == KEYS_FAILED) {
        scene_run(scene, scene->outcomes_count + 2);
    }
    assert_everybody(scene, scene->outcomes_count - 2, KEYS_FRESH);
    size_t total = server_total(&scene->server);
    scene_pause(scene, 100); /* and then it is quiet */
    assert_int_equal(server_total(&scene->server), total);
    scene_end(scene);
}

static void keys_that_failed_to_come_are_discovered_anew(void **state)
{
    struct scene *scene = scene_create("");
    scene->settings.cooldown_ms = 0;
    server_route(&scene->server, OIDC, 200, DOCUMENT);
    scene_start(scene);
    scene_run(scene, 2);
    server_route(&scene->server, "/keys", 404, "moved away");
    issuers_refresh(scene->issuers, 0, 0);
    scene_run(scene, 4);
    assert_everybody(scene, 2, KEYS_FAILED);
    server_route(&scene->server, OIDC, 200, "{\"issuer\":\"%s\",\"jwks_uri\":\"%s/new\"}");
    server_route(&scene->server, "/new", 200, "{\"keys\":[]}");
    issuers_refresh(scene->issuers, 0, 0);
    scene_run(scene, 6);
    assert_everybody(scene, 4, KEYS_FRESH);
    assert_int_equal(server_count(&scene->server, "/new"), 1);
    scene_end(scene);
}

static void old_keys_are_fetched_without_being_asked_for(void **state)
{
    struct scene *scene = scene_create("");
    scene->settings.max_age_ms = 30;
    server_route(&scene->server, OIDC, 200, DOCUMENT);
    scene_start(scene);
    scene_run(scene, 6);
    for (size_t i = 0; i < 6; i += 2) {
        assert_everybody(scene, i, KEYS_FRESH);
    }
    assert_true(server_count(&scene->server, OIDC) >= 3); /* with discovery: it may have moved */
    scene_end(scene);
}

static void a_hung_issuer_costs_its_timeout_and_delays_no_other(void **state)
{
    struct scene *scene = scene_create("");
    snprintf(scene->name_texts[1], sizeof(scene->name_texts[1]), "%s/hung", scene->server.origin);
    scene->names[1] = slice_from_string(scene->name_texts[1]);
    scene->settings.issuers_count = 2;
    scene->settings.timeout_ms = 400;
    server_route(&scene->server, OIDC, 200, DOCUMENT);
    server_route(&scene->server, "/hung" OIDC, 0, "");
    server_route(&scene->server, OAUTH "/hung", 200, DOCUMENT);
    scene_start(scene);
    scene_run(scene, 2);
    assert_everybody(scene, 0, KEYS_FRESH);
    scene_run(scene, 4);
    for (size_t i = 2; i < 4; i++) {
        assert_int_equal(scene->outcomes[i].issuer, 1);
        assert_int_equal(scene->outcomes[i].worker, i - 2);
        assert_int_equal(scene->outcomes[i].outcome, KEYS_FAILED);
    }
    assert_int_equal(server_count(&scene->server, OAUTH "/hung"), 0); /* not asked twice */
    scene_end(scene);
}

static void freeing_stops_what_is_under_way(void **state)
{
    struct scene *scene = scene_create("");
    server_route(&scene->server, OIDC, 0, "");
    scene_start(scene);
    scene_pause(scene, 30);
    assert_int_equal(server_total(&scene->server), 1);
    scene_end(scene);
    scene = scene_create("");
    scene->settings.issuers_count = 0;
    scene_start(scene);
    scene_end(scene);
}

static int begin_all(void **state)
{
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
        cmocka_unit_test(keys_are_found_by_discovery),
        cmocka_unit_test(the_other_form_of_discovery_is_tried),
        cmocka_unit_test(an_issuer_may_have_a_path),
        cmocka_unit_test(a_document_that_will_not_do_is_the_end),
        cmocka_unit_test(keys_that_will_not_do_are_told),
        cmocka_unit_test(an_empty_set_is_a_set),
        cmocka_unit_test(sizes_are_capped),
        cmocka_unit_test(urls_that_are_not_safe_are_refused),
        cmocka_unit_test(an_unknown_key_soon_after_a_fetch_is_refused),
        cmocka_unit_test(a_failed_fetch_cools_down_as_well),
        cmocka_unit_test(after_the_cooldown_the_keys_alone_are_fetched),
        cmocka_unit_test(one_fetch_at_a_time_serves_all_who_ask),
        cmocka_unit_test(a_failed_start_is_tried_again),
        cmocka_unit_test(keys_that_failed_to_come_are_discovered_anew),
        cmocka_unit_test(old_keys_are_fetched_without_being_asked_for),
        cmocka_unit_test(a_hung_issuer_costs_its_timeout_and_delays_no_other),
        cmocka_unit_test(freeing_stops_what_is_under_way),
    };
    return cmocka_run_group_tests(tests, begin_all, end_all);
}

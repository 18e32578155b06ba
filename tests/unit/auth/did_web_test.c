/* SPDX-License-Identifier: MIT
 *
 * did_web_test.c - documents from a real TLS server on a loopback socket: it runs in a thread of
 * its own and gives every connection the same reply. The documents live on the test's loop. */
#include "auth/did_web.h"

#include "../net/certificate.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>

#include <cmocka.h>

enum {
    reply_bytes_max = 100 * 1024,
    held_max = 64,
    outcomes_max = 512,
    workers = 4,
    max_age_ms = 3600 * 1000,
    watchdog_ms = 30000, /* far beyond anything that happens here */
};

#define KEY                                                                                        \
    "{\"id\":\"#k\",\"publicKeyMultibase\":\"z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw\"}"

/* ---- the server ---- */

struct server {
    int listener;
    unsigned port;
    SSL_CTX *context;
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows */
    char *reply;          /* empty: none ever comes */
    unsigned requests;
    char path[64]; /* of the last request */
    int held[held_max];
    size_t held_count;
};

static void server_reply_with(struct server *server, unsigned status, const char *type,
                              const char *body)
{
    pthread_mutex_lock(&server->lock);
    snprintf(server->reply, reply_bytes_max,
             "HTTP/1.1 %u X\r\nConnection: close\r\nLocation: /moved\r\n%s%s%s"
             "Content-Length: %zu\r\n\r\n%s",
             status, type[0] == '\0' ? "" : "Content-Type: ", type, type[0] == '\0' ? "" : "\r\n",
             strlen(body), body);
    pthread_mutex_unlock(&server->lock);
}

static void server_hang(struct server *server)
{
    pthread_mutex_lock(&server->lock);
    server->reply[0] = '\0';
    pthread_mutex_unlock(&server->lock);
}

static unsigned server_requests(struct server *server)
{
    pthread_mutex_lock(&server->lock);
    unsigned requests = server->requests;
    pthread_mutex_unlock(&server->lock);
    return requests;
}

/* Reads a head and answers it. */
static void server_talk(struct server *server, SSL *tls)
{
    char head[4096];
    size_t length = 0;
    int count = 0;
    do {
        length += (size_t)count;
        head[length] = '\0';
        count = SSL_read(tls, head + length, (int)(sizeof(head) - 1 - length));
    } while (count > 0 && strstr(head, "\r\n\r\n") == NULL);
    pthread_mutex_lock(&server->lock);
    server->requests++;
    (void)sscanf(head, "GET %63s HTTP/1.1", server->path);
    size_t size = strlen(server->reply);
    if (SSL_write(tls, server->reply, (int)size) > 0) {
        SSL_shutdown(tls);
    }
    pthread_mutex_unlock(&server->lock);
}

static void server_serve(struct server *server, int connection)
{
    pthread_mutex_lock(&server->lock);
    bool hangs = server->reply[0] == '\0';
    if (hangs) {
        assert_true(server->held_count < held_max);
        server->held[server->held_count++] = connection;
        server->requests++;
    }
    pthread_mutex_unlock(&server->lock);
    if (hangs) {
        return;
    }
    SSL *tls = SSL_new(server->context);
    assert_non_null(tls);
    SSL_set_fd(tls, connection);
    if (SSL_accept(tls) == 1) {
        server_talk(server, tls);
    }
    SSL_free(tls);
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
        server_serve(server, connection);
    }
}

static void server_start(struct server *server, const struct certificate *certificate)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof(address);
    pthread_mutex_init(&server->lock, NULL);
    server->reply = calloc(1, reply_bytes_max);
    server->context = SSL_CTX_new(TLS_server_method());
    assert_non_null(server->reply);
    assert_non_null(server->context);
    assert_int_equal(SSL_CTX_use_certificate_file(server->context, certificate->certificate_file,
                                                  SSL_FILETYPE_PEM),
                     1);
    assert_int_equal(
        SSL_CTX_use_PrivateKey_file(server->context, certificate->key_file, SSL_FILETYPE_PEM), 1);
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(server->listener >= 0);
    assert_int_equal(bind(server->listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(getsockname(server->listener, (struct sockaddr *)&address, &length), 0);
    assert_int_equal(listen(server->listener, 64), 0);
    server->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&server->thread, NULL, server_run, server), 0);
}

static void server_stop(struct server *server)
{
    if (server->listener < 0) {
        return;
    }
    shutdown(server->listener, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->listener);
    server->listener = -1;
    for (size_t i = 0; i < server->held_count; i++) {
        close(server->held[i]);
    }
    SSL_CTX_free(server->context);
    free(server->reply);
    pthread_mutex_destroy(&server->lock);
}

/* ---- the scene ---- */

struct outcome {
    size_t worker;
    char did[64];
    bool has_keys;
    size_t keys;
    uint64_t left_ms;
    bool fetch_ended;
    char reason[240];
};

struct scene {
    uv_loop_t loop;
    uv_timer_t watchdog;
    struct fetcher *fetcher;
    struct did_webs *webs;
    struct did_webs_settings settings;
    struct slice hosts[1];
    char did[64]; /* of the server's root */
    struct certificate certificate;
    struct server server;
    struct outcome outcomes[outcomes_max];
    size_t outcomes_count;
};

static void outcome_published(void *context, size_t worker, struct slice did,
                              struct jwks *take_jwks, uint64_t left_ms, bool fetch_ended,
                              const char *reason)
{
    struct scene *scene = context;
    assert_true(scene->outcomes_count < outcomes_max);
    struct outcome *out = &scene->outcomes[scene->outcomes_count++];
    *out = (struct outcome){.worker = worker,
                            .has_keys = take_jwks != NULL,
                            .keys = take_jwks != NULL ? jwks_count(take_jwks) : 0,
                            .left_ms = left_ms,
                            .fetch_ended = fetch_ended};
    snprintf(out->did, sizeof(out->did), "%.*s", SLICE_ARGS(did));
    snprintf(out->reason, sizeof(out->reason), "%s", reason);
    assert_true((take_jwks != NULL) == (reason[0] == '\0'));
    jwks_free(take_jwks);
    uv_stop(&scene->loop); /* the watchdog alone would keep it asleep */
}

static void watchdog_fired(uv_timer_t *timer)
{
    fail_msg("nothing happened");
}

/* The server has a good document; it may be called. */
static void scene_begin(struct scene *scene)
{
    char body[512];
    memset(scene, 0, sizeof(*scene));
    certificate_create(&scene->certificate, "DNS:localhost");
    server_start(&scene->server, &scene->certificate);
    snprintf(scene->did, sizeof(scene->did), "did:web:localhost%%3A%u", scene->server.port);
    snprintf(body, sizeof(body), "{\"id\":\"%s\",\"authentication\":[" KEY "]}", scene->did);
    server_reply_with(&scene->server, 200, "application/did+json", body);
    assert_int_equal(uv_loop_init(&scene->loop), 0);
    uv_timer_init(&scene->loop, &scene->watchdog);
    uv_timer_start(&scene->watchdog, watchdog_fired, watchdog_ms, 0);
    assert_int_equal(fetcher_create(&scene->loop, 64, &scene->fetcher, NULL), STATUS_OK);
    scene->hosts[0] = SLICE("LOCALHOST");
    scene->settings = (struct did_webs_settings){.workers_count = workers,
                                                 .nearby_hosts = scene->hosts,
                                                 .nearby_hosts_count = 1,
                                                 .ca_file = scene->certificate.certificate_file,
                                                 .cooldown_ms = 0,
                                                 .max_age_ms = max_age_ms,
                                                 .timeout_ms = watchdog_ms,
                                                 .publish = outcome_published,
                                                 .context = scene};
}

static void scene_go(struct scene *scene)
{
    scene->webs = did_webs_create(&scene->loop, scene->fetcher, &scene->settings);
    assert_non_null(scene->webs);
}

static void scene_end(struct scene *scene)
{
    did_webs_free(scene->webs);
    fetcher_free(scene->fetcher);
    uv_close((uv_handle_t *)&scene->watchdog, NULL);
    while (uv_run(&scene->loop, UV_RUN_DEFAULT) != 0) {
        continue; /* stopped by the last outcome */
    }
    assert_int_equal(uv_loop_close(&scene->loop), 0);
    server_stop(&scene->server);
    certificate_remove(&scene->certificate);
}

static void scene_await(struct scene *scene, size_t count)
{
    while (scene->outcomes_count < count) {
        uv_run(&scene->loop, UV_RUN_ONCE);
    }
    assert_int_equal(scene->outcomes_count, count);
}

/* One question of worker 0, answered. */
static const struct outcome *scene_ask(struct scene *scene, const char *did)
{
    size_t before = scene->outcomes_count;
    uv_update_time(&scene->loop);
    did_webs_ask(scene->webs, 0, slice_from_string(did));
    scene_await(scene, before + 1);
    return &scene->outcomes[before];
}

/* ---- tests ---- */

static void a_document_gives_its_keys(void **state)
{
    struct scene scene;
    scene_begin(&scene);
    scene_go(&scene);
    did_webs_ask(scene.webs, 3, slice_from_string(scene.did));
    assert_int_equal(scene.outcomes_count, 0);
    scene_await(&scene, 1);
    const struct outcome *outcome = &scene.outcomes[0];
    assert_string_equal(outcome->reason, "");
    assert_int_equal(outcome->worker, 3);
    assert_string_equal(outcome->did, scene.did);
    assert_int_equal(outcome->keys, 1);
    assert_int_equal(outcome->left_ms, max_age_ms);
    assert_true(outcome->fetch_ended);
    assert_string_equal(scene.server.path, "/.well-known/did.json");
    scene_end(&scene);
}

static void all_who_wait_share_one_fetch(void **state)
{
    struct scene scene;
    bool was_told[workers] = {false};
    unsigned ends = 0;
    scene_begin(&scene);
    scene_go(&scene);
    for (size_t i = 0; i < workers; i++) {
        did_webs_ask(scene.webs, i, slice_from_string(scene.did));
        did_webs_ask(scene.webs, i, slice_from_string(scene.did)); /* asking twice is one wait */
    }
    scene_await(&scene, workers);
    for (size_t i = 0; i < workers; i++) {
        assert_false(was_told[scene.outcomes[i].worker]);
        was_told[scene.outcomes[i].worker] = true;
        assert_int_equal(scene.outcomes[i].keys, 1);
        ends += scene.outcomes[i].fetch_ended ? 1 : 0;
    }
    assert_int_equal(ends, 1);
    assert_int_equal(server_requests(&scene.server), 1);
    scene_end(&scene);
}

static void within_the_cooldown_the_answer_is_the_same(void **state)
{
    struct scene scene;
    scene_begin(&scene);
    scene.settings.cooldown_ms = watchdog_ms;
    scene_go(&scene);
    assert_true(scene_ask(&scene, scene.did)->fetch_ended);
    server_reply_with(&scene.server, 404, "application/json", "{}");
    const struct outcome *outcome = scene_ask(&scene, scene.did);
    assert_int_equal(outcome->keys, 1);
    assert_false(outcome->fetch_ended);
    assert_true(outcome->left_ms <= max_age_ms);
    char other[96];
    snprintf(other, sizeof(other), "%s:other", scene.did);
    for (unsigned i = 0; i < 3; i++) { /* a failure likewise */
        outcome = scene_ask(&scene, other);
        assert_false(outcome->has_keys);
        assert_int_equal(outcome->fetch_ended, i == 0);
        assert_string_equal(outcome->reason, "status 404");
    }
    assert_int_equal(server_requests(&scene.server), 2);
    scene_end(&scene);
}

/* A host that answers has spoken; one that is away has not. */
static void what_was_known_outlives_an_outage_but_no_answer(void **state)
{
    struct scene scene;
    scene_begin(&scene);
    scene_go(&scene);
    assert_true(scene_ask(&scene, scene.did)->has_keys);
    server_reply_with(&scene.server, 404, "application/json", "{}");
    assert_false(scene_ask(&scene, scene.did)->has_keys);
    char body[512];
    snprintf(body, sizeof(body), "{\"id\":\"%s\",\"assertionMethod\":[" KEY "]}", scene.did);
    server_reply_with(&scene.server, 200, "application/json", body);
    assert_true(scene_ask(&scene, scene.did)->has_keys);
    server_stop(&scene.server);
    const struct outcome *outcome = scene_ask(&scene, scene.did);
    assert_true(outcome->has_keys);
    assert_true(outcome->fetch_ended);
    scene_end(&scene);
}

static void a_document_too_old_is_none(void **state)
{
    struct scene scene;
    scene_begin(&scene);
    scene.settings.max_age_ms = 20;
    scene_go(&scene);
    const struct outcome *outcome = scene_ask(&scene, scene.did);
    assert_true(outcome->has_keys);
    assert_int_equal(outcome->left_ms, 20);
    server_stop(&scene.server);
    uint64_t begin_ms = uv_now(&scene.loop);
    while (uv_now(&scene.loop) - begin_ms < 20) {
        uv_sleep(1);
        uv_update_time(&scene.loop);
    }
    assert_false(scene_ask(&scene, scene.did)->has_keys);
    scene_end(&scene);
}

static void media_types_decide(void **state)
{
    static const struct {
        const char *type;
        bool is_good;
    } cases[] = {
        {"application/did+json", true},
        {"application/did+ld+json", true},
        {"application/json", true},
        {"application/did", true},
        {"Application/JSON ; charset=utf-8", true},
        {"application/jsonx", false},
        {"application/ld+json", false},
        {"text/html", false},
        {"text/plain; application/json", false},
        {"", false},
    };
    struct scene scene;
    char body[512];
    scene_begin(&scene);
    scene_go(&scene);
    snprintf(body, sizeof(body), "{\"id\":\"%s\",\"authentication\":[" KEY "]}", scene.did);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        server_reply_with(&scene.server, 200, cases[i].type, body);
        assert_int_equal(scene_ask(&scene, scene.did)->has_keys, cases[i].is_good);
    }
    scene_end(&scene);
}

static void answers_that_are_no_document_give_no_keys(void **state)
{
    static char large[70 * 1024];
    struct scene scene;
    char good[512];
    scene_begin(&scene);
    scene_go(&scene);
    snprintf(good, sizeof(good), "{\"id\":\"%s\",\"authentication\":[" KEY "]}", scene.did);
    memset(large, ' ', sizeof(large) - 1);
    memcpy(large, good, strlen(good));
    const struct {
        unsigned status;
        const char *body;
        const char *reason;
    } cases[] = {
        {302, good, "status 302"},
        {206, good, "status 206"},
        {500, good, "status 500"},
        {200, large, "larger than"},
        {200, "{", "JSON"},
        {200, "{\"id\":\"did:web:localhost\",\"authentication\":[" KEY "]}", "id"},
        {200, "", "JSON"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        server_reply_with(&scene.server, cases[i].status, "application/json", cases[i].body);
        const struct outcome *outcome = scene_ask(&scene, scene.did);
        assert_false(outcome->has_keys);
        assert_non_null(strstr(outcome->reason, cases[i].reason));
    }
    snprintf(good, sizeof(good), "{\"id\":\"%s\",\"keyAgreement\":[" KEY "]}", scene.did);
    server_reply_with(&scene.server, 200, "application/json", good);
    assert_non_null(strstr(scene_ask(&scene, scene.did)->reason, "no usable key"));
    scene_end(&scene);
}

static void only_named_hosts_may_be_near(void **state)
{
    char with_port[32];
    struct scene scene;
    scene_begin(&scene);
    scene.hosts[0] = SLICE("localhost:1");
    scene_go(&scene);
    const struct outcome *outcome = scene_ask(&scene, scene.did);
    assert_false(outcome->has_keys);
    assert_non_null(strstr(outcome->reason, "loopback"));
    assert_int_equal(server_requests(&scene.server), 0);
    snprintf(with_port, sizeof(with_port), "localhost:%u", scene.server.port);
    scene.hosts[0] = slice_from_string(with_port);
    assert_true(scene_ask(&scene, scene.did)->has_keys);
    scene_end(&scene);
}

static void only_trusted_certificates_count(void **state)
{
    struct scene scene;
    scene_begin(&scene);
    scene.settings.ca_file = NULL; /* the system's: none of them signed the server's */
    scene_go(&scene);
    assert_false(scene_ask(&scene, scene.did)->has_keys);
    assert_int_equal(server_requests(&scene.server), 0);
    scene_end(&scene);
}

static void a_silent_host_costs_the_deadline(void **state)
{
    struct scene scene;
    scene_begin(&scene);
    scene.settings.timeout_ms = 50;
    scene_go(&scene);
    server_hang(&scene.server);
    assert_false(scene_ask(&scene, scene.did)->has_keys);
    scene_end(&scene);
}

static void fetches_at_once_are_capped(void **state)
{
    struct scene scene;
    char did[96];
    scene_begin(&scene);
    scene_go(&scene);
    server_hang(&scene.server);
    for (unsigned i = 0; i < did_web_fetches_max; i++) {
        snprintf(did, sizeof(did), "%s:%u", scene.did, i);
        did_webs_ask(scene.webs, 0, slice_from_string(did));
    }
    assert_int_equal(scene.outcomes_count, 0);
    did_webs_ask(scene.webs, 2, slice_from_string(scene.did));
    assert_int_equal(scene.outcomes_count, 1);
    assert_int_equal(scene.outcomes[0].worker, 2);
    assert_non_null(strstr(scene.outcomes[0].reason, "at once"));
    scene_end(&scene); /* with all of them under way */
    assert_int_equal(scene.outcomes_count, 1);
}

/* With more documents than are kept the one not asked for the longest time is forgotten, and so
 * fetched again, cooldown or not. */
static void documents_kept_are_capped(void **state)
{
    struct scene scene;
    char did[96];
    scene_begin(&scene);
    scene.settings.cooldown_ms = watchdog_ms;
    scene.settings.nearby_hosts_count = 0; /* each fails at once */
    scene_go(&scene);
    for (unsigned i = 0; i <= did_web_documents_max; i++) {
        snprintf(did, sizeof(did), "%s:%u", scene.did, i);
        assert_true(scene_ask(&scene, did)->fetch_ended);
        snprintf(did, sizeof(did), "%s:0", scene.did);
        if (i == 100) {
            assert_false(scene_ask(&scene, did)->fetch_ended); /* kept, and fresh again */
        }
    }
    assert_false(scene_ask(&scene, did)->fetch_ended);
    snprintf(did, sizeof(did), "%s:1", scene.did);
    assert_true(scene_ask(&scene, did)->fetch_ended);
    scene_end(&scene);
}

/* DIDs that somebody makes up push no document out that is there. */
static void documents_without_keys_go_first(void **state)
{
    struct scene scene;
    char did[96];
    scene_begin(&scene);
    scene.settings.cooldown_ms = watchdog_ms;
    scene_go(&scene);
    assert_true(scene_ask(&scene, scene.did)->has_keys);
    scene.hosts[0] = SLICE("elsewhere");
    for (unsigned i = 0; i <= did_web_documents_max; i++) {
        snprintf(did, sizeof(did), "%s:%u", scene.did, i);
        assert_true(scene_ask(&scene, did)->fetch_ended);
    }
    const struct outcome *outcome = scene_ask(&scene, scene.did);
    assert_true(outcome->has_keys);
    assert_false(outcome->fetch_ended);
    scene_end(&scene);
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
        cmocka_unit_test(a_document_gives_its_keys),
        cmocka_unit_test(all_who_wait_share_one_fetch),
        cmocka_unit_test(within_the_cooldown_the_answer_is_the_same),
        cmocka_unit_test(what_was_known_outlives_an_outage_but_no_answer),
        cmocka_unit_test(a_document_too_old_is_none),
        cmocka_unit_test(media_types_decide),
        cmocka_unit_test(answers_that_are_no_document_give_no_keys),
        cmocka_unit_test(only_named_hosts_may_be_near),
        cmocka_unit_test(only_trusted_certificates_count),
        cmocka_unit_test(a_silent_host_costs_the_deadline),
        cmocka_unit_test(fetches_at_once_are_capped),
        cmocka_unit_test(documents_kept_are_capped),
        cmocka_unit_test(documents_without_keys_go_first),
    };
    return cmocka_run_group_tests(tests, begin_all, end_all);
}

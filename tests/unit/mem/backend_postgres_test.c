/* SPDX-License-Identifier: MIT
 *
 * backend_postgres_test.c - PostgreSQL when it is shared, restarted, stopped, or not what it should
 * be. What it keeps and finds is backend_contract_test.c's. */
#include "mem/backend.h"

#include "base/clock.h"
#include "mem/backend_postgres_text.h"
#include "peer.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { gateways_count = 6 };

static struct peer peer;
static char url[256];
static char server_pid[16];

static void *open_at(const char *address, uint64_t timeout_ms)
{
    struct backend_settings settings = {.url = slice_from_string(address),
                                        .timeout_ms = timeout_ms};
    void *handle = NULL;
    assert_int_equal(backend_postgres.open(&settings, &handle, NULL), STATUS_OK);
    return handle;
}

static struct event event_of(unsigned number)
{
    struct event event = {.issuer = SLICE("i"), .subject = SLICE("s"), .prompt = SLICE("hello")};
    snprintf(event.id, sizeof(event.id), "00000000-0000-7000-8000-%012x", number);
    event.timestamp_us = 1000 + number;
    return event;
}

static size_t count_of(void *handle)
{
    struct backend_query query = {
        .issuer = SLICE("i"), .subject = SLICE("s"), .limit = backend_page_rows_max};
    struct arena arena;
    struct event_page page;
    arena_init(&arena, 1 << 24);
    assert_int_equal(backend_postgres.read(handle, &query, &arena, &page, NULL), STATUS_OK);
    arena_clear(&arena);
    return page.count;
}

/* Each opens for itself and writes the same rows and one of its own. */
static void *gateway_run(void *argument)
{
    unsigned number = *(unsigned *)argument;
    void *handle = open_at(url, 60000);
    struct event events[] = {event_of(1), event_of(100 + number), event_of(2)};
    struct failure failure = {.text = ""};
    enum status status = backend_postgres.write(handle, events, 3, &failure);
    if (status != STATUS_OK) {
        print_error("gateway %u: %s\n", number, failure.text);
    }
    backend_postgres.close(handle);
    return status == STATUS_OK ? argument : NULL;
}

static void several_gateways_start_at_once(void **state)
{
    pthread_t threads[gateways_count];
    unsigned numbers[gateways_count];
    for (unsigned i = 0; i < gateways_count; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, gateway_run, &numbers[i]), 0);
    }
    for (unsigned i = 0; i < gateways_count; i++) {
        void *result = NULL;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_non_null(result);
    }
    void *handle = open_at(url, 60000);
    assert_int_equal(count_of(handle), gateways_count + 2);
    backend_postgres.close(handle);
}

static void a_restart_costs_nothing(void **state)
{
    void *handle = open_at(url, 60000);
    size_t before = count_of(handle);
    peer_tell(&peer, "restart\n");
    peer_expect(&peer, "restarted", NULL, 0);
    peer_expect(&peer, "pid", server_pid, sizeof(server_pid));
    struct event event = event_of(500);
    assert_int_equal(backend_postgres.write(handle, &event, 1, NULL), STATUS_OK);
    assert_int_equal(count_of(handle), before + 1);
    backend_postgres.close(handle);
}

/* The kernel still takes what we send: only our own deadline ends this. */
static void a_stopped_server_holds_nobody(void **state)
{
    uint64_t number = 0;
    assert_true(slice_parse_uint(slice_from_string(server_pid), INT32_MAX, &number));
    assert_true(number > 1);
    void *handle = open_at(url, 500);
    struct failure failure = {.text = ""};
    struct event event = event_of(501);
    assert_int_equal(kill((pid_t)number, SIGSTOP), 0);
    uint64_t start_ms = clock_monotonic_ms();
    enum status status = backend_postgres.write(handle, &event, 1, &failure);
    uint64_t took_ms = clock_monotonic_ms() - start_ms;
    assert_int_equal(kill((pid_t)number, SIGCONT), 0);
    assert_int_equal(status, STATUS_TIMEOUT);
    assert_true(took_ms < 30000);
    backend_postgres.close(handle);
    handle = open_at(url, 60000);
    assert_int_equal(backend_postgres.write(handle, &event, 1, &failure), STATUS_OK);
    backend_postgres.close(handle);
}

static void assert_no_connection(const char *address, enum status wanted)
{
    void *handle = open_at(address, 5000);
    struct failure failure = {.text = ""};
    struct event event = event_of(1);
    assert_int_equal(backend_postgres.write(handle, &event, 1, &failure), wanted);
    assert_true(failure.text[0] != '\0');
    assert_null(strstr(failure.text, "hunter2"));
    assert_null(strstr(failure.text, "sesame"));
    backend_postgres.close(handle);
}

static void no_failure_holds_the_password(void **state)
{
    char wrong[256];
    const char *host = strchr(url, '@');
    assert_non_null(host);
    snprintf(wrong, sizeof(wrong), "postgresql://attach:hunter2%s", host);
    assert_no_connection(wrong, STATUS_IO);
    assert_no_connection("postgresql://attach:hunter2@127.0.0.1:1/postgres", STATUS_IO);
    static const char *const unsound[] = {"", "postgresql://attach:hunter2@[::1/x",
                                          "host=x password=hunter2 nonsense=1", "hunter2"};
    for (size_t i = 0; i < sizeof(unsound) / sizeof(*unsound); i++) {
        struct backend_settings settings = {.url = slice_from_string(unsound[i]),
                                            .timeout_ms = 1000};
        struct failure failure = {.text = ""};
        void *handle = NULL;
        assert_int_equal(backend_postgres.open(&settings, &handle, &failure), STATUS_INVALID);
        assert_null(strstr(failure.text, "hunter2"));
        assert_non_null(strstr(failure.text, "POSTGRES_URL"));
    }
}

static void an_event_without_an_id_is_never_taken(void **state)
{
    void *handle = open_at(url, 60000);
    struct event event = event_of(1);
    event.id[0] = 'x';
    assert_int_equal(backend_postgres.write(handle, &event, 1, NULL), STATUS_INVALID);
    backend_postgres.close(handle);
}

static void any_bytes_come_back(void **state)
{
    static const struct slice texts[] = {
        SLICE(""),
        SLICE("plain \xF0\x9F\xA6\x8A"),
        SLICE("\0"),
        SLICE("a\0\0b"),
        SLICE("\xFF\xC0\xAF\xED\xA0\x80"),
        SLICE("\xEF\xB7\x90\xEF\xB7\x91"),
        SLICE("\xEF\xB7\x91"
              "41"),
        SLICE("\xEF\xB7"),
        SLICE("\xF4\x90\x80\x80"),
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct arena arena;
        struct slice encoded;
        struct slice decoded;
        arena_init(&arena, 1 << 20);
        assert_true(postgres_text_encode(texts[i], &arena, &encoded));
        assert_null(memchr(encoded.data, '\0', encoded.length));
        assert_true(postgres_text_decode(encoded, &arena, &decoded));
        assert_true(slice_equals(texts[i], decoded));
        arena_clear(&arena);
    }
    struct arena small;
    struct slice none;
    arena_init(&small, 1);
    assert_false(postgres_text_encode(SLICE("\0"), &small, &none));
    arena_clear(&small);
}

int main(void)
{
    peer_start(&peer, "postgres.py", NULL);
    peer_expect(&peer, "url", url, sizeof(url));
    peer_expect(&peer, "socket", NULL, 0);
    peer_expect(&peer, "pid", server_pid, sizeof(server_pid));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(several_gateways_start_at_once),
        cmocka_unit_test(a_restart_costs_nothing),
        cmocka_unit_test(a_stopped_server_holds_nobody),
        cmocka_unit_test(no_failure_holds_the_password),
        cmocka_unit_test(an_event_without_an_id_is_never_taken),
        cmocka_unit_test(any_bytes_come_back),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    peer_stop(&peer);
    return failed;
}

/* SPDX-License-Identifier: MIT
 *
 * backend_weaviate_test.c - Weaviate when it lies, fails, is slow, or was there before us. What it
 * keeps and finds is backend_contract_test.c's. */
#include "mem/backend.h"

#include "mem/backend_weaviate_rows.h"
#include "peer.h"

#include <curl/curl.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct peer peer;
static char url[64];

/* What the stand-in is told, and the reply. */
static unsigned tell(const char *method, const char *path, const char *body)
{
    struct weaviate_client client;
    unsigned code = 0;
    assert_int_equal(
        weaviate_client_init(&client, slice_from_string(url), SLICE("key-1"), 60000, NULL),
        STATUS_OK);
    assert_int_equal(weaviate_client_call(&client, method, slice_from_string(path),
                                          slice_from_string(body), 1 << 24, &code, NULL),
                     STATUS_OK);
    weaviate_client_clear(&client);
    return code;
}

static void faults(const char *json)
{
    assert_int_equal(tell("PUT", "/stand-in/faults", json), 200);
}

static void *open_with(struct slice key, uint64_t timeout_ms)
{
    struct backend_settings settings = {
        .url = slice_from_string(url), .api_key = key, .timeout_ms = timeout_ms};
    void *handle = NULL;
    assert_int_equal(backend_weaviate.open(&settings, &handle, NULL), STATUS_OK);
    return handle;
}

static struct event event_of(unsigned number)
{
    struct event event = {.issuer = SLICE("i"), .subject = SLICE("s"), .prompt = SLICE("hello")};
    snprintf(event.id, sizeof(event.id), "00000000-0000-7000-8000-%012x", number);
    event.timestamp_us = 1000 + number;
    return event;
}

static enum status read_into(void *handle, struct event_page *page, struct arena *arena)
{
    struct backend_query query = {.issuer = SLICE("i"), .subject = SLICE("s"), .limit = 100};
    struct failure failure = {.text = ""};
    return backend_weaviate.read(handle, &query, arena, page, &failure);
}

static size_t count_of(void *handle)
{
    struct arena arena;
    struct event_page page;
    arena_init(&arena, 1 << 24);
    assert_int_equal(read_into(handle, &page, &arena), STATUS_OK);
    arena_clear(&arena);
    return page.count;
}

static int forget_all(void **state)
{
    faults("{}");
    return tell("DELETE", "/v1/schema/MemoryEvent", NULL) == 200 ? 0 : -1;
}

static void a_200_can_be_a_refusal(void **state)
{
    void *handle = open_with(SLICE("key-1"), 60000);
    struct event events[] = {event_of(1), event_of(2), event_of(3)};
    struct failure failure = {.text = ""};
    faults("{\"fail_objects\":1}");
    assert_int_equal(backend_weaviate.write(handle, events, 3, &failure), STATUS_IO);
    assert_string_equal(failure.text, "Weaviate: 1 of 3 objects are not stored");
    assert_int_equal(count_of(handle), 2);
    /* One that breaks the rules of the class is told from one whose time has not come. */
    faults("{\"fail_objects\":1,\"fail_message\":\"invalid text property 'prompt': secret\"}");
    assert_int_equal(backend_weaviate.write(handle, events, 3, &failure), STATUS_INVALID);
    assert_null(strstr(failure.text, "secret"));
    faults("{\"fail_objects\":2,\"fail_message\":\"invalid\"}");
    assert_int_equal(backend_weaviate.write(handle, events, 3, &failure), STATUS_IO);
    faults("{}");
    assert_int_equal(backend_weaviate.write(handle, events, 3, &failure), STATUS_OK);
    assert_int_equal(count_of(handle), 3);
    backend_weaviate.close(handle);
}

static void a_lying_reply_is_no_success(void **state)
{
    static const char *const bodies[] = {"[]",
                                         "{}",
                                         "null",
                                         "[{}]",
                                         "\"ok\"",
                                         "[{\"result\":{\"status\":\"FAILED\"}}]",
                                         "[{\"result\":{\"status\":\"PENDING\"}}]",
                                         "[{\"result\":null}]",
                                         "{\"data\":{\"Get\":{\"MemoryEvent\":null}}}",
                                         "{\"data\":null,\"errors\":[{\"message\":\"x\"}]}",
                                         "{\"data\":{\"Get\":{\"MemoryEvent\":[{}]}}}",
                                         "{\"results\":{\"matches\":5,\"successful\":0}}"};
    void *handle = open_with(SLICE("key-1"), 60000);
    struct event event = event_of(1);
    struct backend_query owner = {.issuer = SLICE("i"), .subject = SLICE("s")};
    for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
        char fault[256];
        struct arena arena;
        struct event_page page;
        uint64_t erased = 0;
        arena_init(&arena, 1 << 20);
        snprintf(fault, sizeof(fault), "{\"status\":200,\"body\":%s}", bodies[i]);
        /* The class is known, then everything answers with nonsense. */
        faults("{}");
        assert_int_equal(count_of(handle), 0);
        faults(fault);
        assert_int_equal(backend_weaviate.write(handle, &event, 1, NULL), STATUS_IO);
        faults("{}");
        assert_int_equal(count_of(handle), 0);
        faults(fault);
        assert_int_equal(read_into(handle, &page, &arena), STATUS_IO);
        faults("{}");
        assert_int_equal(count_of(handle), 0);
        faults(fault);
        assert_int_equal(backend_weaviate.erase(handle, &owner, &erased, NULL), STATUS_IO);
        arena_clear(&arena);
    }
    backend_weaviate.close(handle);
}

static void codes_have_their_meaning(void **state)
{
    static const struct {
        const char *fault;
        enum status status;
    } cases[] = {
        {"{\"status\":503}", STATUS_IO},      {"{\"status\":500}", STATUS_IO},
        {"{\"status\":429}", STATUS_IO},      {"{\"status\":401}", STATUS_DENIED},
        {"{\"status\":403}", STATUS_DENIED},  {"{\"status\":422}", STATUS_INVALID},
        {"{\"status\":413}", STATUS_INVALID}, {"{\"status\":404}", STATUS_IO},
        {"{\"status\":302}", STATUS_IO},      {"{\"close\":true}", STATUS_IO},
    };
    struct event event = event_of(1);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        void *handle = open_with(SLICE("key-1"), 60000);
        faults("{}");
        assert_int_equal(count_of(handle), 0);
        faults(cases[i].fault);
        assert_int_equal(backend_weaviate.write(handle, &event, 1, NULL), cases[i].status);
        backend_weaviate.close(handle);
    }
}

static void a_slow_server_holds_nobody(void **state)
{
    void *handle = open_with(SLICE("key-1"), 300);
    struct event event = event_of(1);
    faults("{\"delay_s\":3}");
    assert_int_equal(backend_weaviate.write(handle, &event, 1, NULL), STATUS_TIMEOUT);
    backend_weaviate.close(handle);
    handle = open_with(SLICE("key-1"), 60000);
    faults("{}");
    assert_int_equal(backend_weaviate.write(handle, &event, 1, NULL), STATUS_OK);
    backend_weaviate.close(handle);
}

static void a_wrong_key_is_denied(void **state)
{
    void *handle = open_with(SLICE("key-2"), 60000);
    struct event event = event_of(1);
    struct failure failure = {.text = ""};
    assert_int_equal(backend_weaviate.write(handle, &event, 1, &failure), STATUS_DENIED);
    assert_null(strstr(failure.text, "key-2"));
    assert_non_null(strstr(failure.text, "WEAVIATE_API_KEY"));
    backend_weaviate.close(handle);
}

static void addresses_and_keys_are_checked(void **state)
{
    static const char *const addresses[] = {
        "", "localhost", "ftp://x", "file:///etc/passwd", "http://x/?a", "http://user:secret@x"};
    for (size_t i = 0; i < sizeof(addresses) / sizeof(*addresses); i++) {
        struct backend_settings settings = {.url = slice_from_string(addresses[i]),
                                            .timeout_ms = 1000};
        struct failure failure = {.text = ""};
        void *handle = NULL;
        assert_int_equal(backend_weaviate.open(&settings, &handle, &failure), STATUS_INVALID);
        assert_null(strstr(failure.text, "secret"));
    }
    struct backend_settings settings = {
        .url = SLICE("http://x"), .api_key = SLICE("a\r\nX-Admin: 1"), .timeout_ms = 1000};
    void *handle = NULL;
    assert_int_equal(backend_weaviate.open(&settings, &handle, NULL), STATUS_INVALID);
}

/* The class as the original's rows made it by auto-schema: no owner, payload an object. */
static void an_older_class_is_completed(void **state)
{
    assert_int_equal(
        tell("POST", "/v1/batch/objects",
             "{\"objects\":[{\"class\":\"MemoryEvent\",\"properties\":{\"timestamp\":"
             "\"2025-08-13T10:00:00.000+00:00\",\"user\":\"s\",\"event\":\"task_sent\","
             "\"session_id\":\"S 1\",\"payload\":{\"a\":1}}}]}"),
        200);
    void *handle = open_with(SLICE("key-1"), 60000);
    struct event event = event_of(1);
    event.payload = SLICE("{\"b\":[2]}");
    event.session = SLICE("s-1");
    assert_int_equal(backend_weaviate.write(handle, &event, 1, NULL), STATUS_OK);
    struct arena arena;
    struct event_page page;
    arena_init(&arena, 1 << 20);
    assert_int_equal(read_into(handle, &page, &arena), STATUS_OK);
    assert_int_equal(page.count, 1); /* the row without an owner is nobody's */
    assert_true(slice_equals(page.events[0].payload, event.payload));
    assert_true(slice_equals(page.events[0].session, event.session));
    arena_clear(&arena);
    backend_weaviate.close(handle);
}

static void a_dropped_class_comes_back(void **state)
{
    void *handle = open_with(SLICE("key-1"), 60000);
    struct event event = event_of(1);
    assert_int_equal(backend_weaviate.write(handle, &event, 1, NULL), STATUS_OK);
    assert_int_equal(tell("DELETE", "/v1/schema/MemoryEvent", NULL), 200);
    struct arena arena;
    struct event_page page;
    arena_init(&arena, 1 << 20);
    assert_int_equal(read_into(handle, &page, &arena), STATUS_IO);
    arena_clear(&arena);
    assert_int_equal(count_of(handle), 0);
    assert_int_equal(backend_weaviate.write(handle, &event, 1, NULL), STATUS_OK);
    assert_int_equal(count_of(handle), 1);
    backend_weaviate.close(handle);
}

static void objects_that_stay_are_told(void **state)
{
    void *handle = open_with(SLICE("key-1"), 60000);
    struct event event = event_of(1);
    struct backend_query owner = {.issuer = SLICE("i"), .subject = SLICE("s")};
    uint64_t erased = 7;
    assert_int_equal(backend_weaviate.write(handle, &event, 1, NULL), STATUS_OK);
    faults("{\"read_only\":true}");
    assert_int_equal(backend_weaviate.erase(handle, &owner, &erased, NULL), STATUS_IO);
    assert_int_equal(erased, 7);
    faults("{}");
    assert_int_equal(backend_weaviate.erase(handle, &owner, &erased, NULL), STATUS_OK);
    assert_int_equal(erased, 1);
    backend_weaviate.close(handle);
}

static void a_literal_cannot_be_left(void **state)
{
    struct buffer buffer;
    buffer_init(&buffer, 4096);
    weaviate_append_literal(&buffer, SLICE("\"\\\n\r\t\0}\xE2\x80\xA8\xFF"));
    static const char wanted[] = "\"\\\"\\\\\\n\\r\\t\\u0000}\xE2\x80\xA8\\ufffd\"";
    assert_true(slice_equals(buffer_slice(&buffer), slice_from_string(wanted)));
    buffer_clear(&buffer);
}

static void owners_have_keys_of_their_own(void **state)
{
    char one[owner_key_length + 1];
    char other[owner_key_length + 1];
    assert_true(owner_key(SLICE("ab"), SLICE("c"), one));
    assert_true(owner_key(SLICE("a"), SLICE("bc"), other));
    assert_string_not_equal(one, other);
    assert_true(owner_key(SLICE("ab"), SLICE("c"), other));
    assert_string_equal(one, other);
    assert_int_equal(strspn(one, "0123456789abcdef"), owner_key_length);
}

static void words_are_cut_and_counted(void **state)
{
    struct search_words words;
    assert_int_equal(search_words_split(SLICE("a-b  \"c\xC3\xBC\"\0d"), &words, NULL), STATUS_OK);
    assert_int_equal(words.count, 4);
    assert_true(slice_equals(words.words[2], SLICE("c\xC3\xBC")));
    char many[2 * search_words_max + 3];
    memset(many, 'a', sizeof(many));
    for (size_t i = 1; i < sizeof(many); i += 2) {
        many[i] = ' ';
    }
    struct slice text = slice_make(many, 2 * search_words_max);
    assert_int_equal(search_words_split(text, &words, NULL), STATUS_OK);
    text.length += 2;
    assert_int_equal(search_words_split(text, &words, NULL), STATUS_INVALID);
    text.length = search_bytes_max + 1; /* is not looked at */
    assert_int_equal(search_words_split(text, &words, NULL), STATUS_INVALID);
}

int main(void)
{
    static const char *const arguments[] = {"--api-key", "key-1", NULL};
    char port[16];
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return 1;
    }
    peer_start(&peer, "weaviate/server.py", arguments);
    peer_expect(&peer, "port", port, sizeof(port));
    snprintf(url, sizeof(url), "http://127.0.0.1:%s", port);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_200_can_be_a_refusal, forget_all),
        cmocka_unit_test_setup(a_lying_reply_is_no_success, forget_all),
        cmocka_unit_test_setup(codes_have_their_meaning, forget_all),
        cmocka_unit_test_setup(a_slow_server_holds_nobody, forget_all),
        cmocka_unit_test_setup(a_wrong_key_is_denied, forget_all),
        cmocka_unit_test(addresses_and_keys_are_checked),
        cmocka_unit_test_setup(an_older_class_is_completed, forget_all),
        cmocka_unit_test_setup(a_dropped_class_comes_back, forget_all),
        cmocka_unit_test_setup(objects_that_stay_are_told, forget_all),
        cmocka_unit_test(a_literal_cannot_be_left),
        cmocka_unit_test(owners_have_keys_of_their_own),
        cmocka_unit_test(words_are_cut_and_counted),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    peer_stop(&peer);
    curl_global_cleanup();
    return failed;
}

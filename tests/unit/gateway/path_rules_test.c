/* SPDX-License-Identifier: MIT
 *
 * path_rules_test.c - which methods and paths ENGINE_PATHS opens. */
#include "gateway/path_rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static bool allows(const struct path_rules *rules, const char *method, const char *path)
{
    return path_rules_allow(rules, slice_from_string(method), slice_from_string(path));
}

/* Rules of up to four items; the caller frees them. */
static enum status make(const char *const *texts, struct path_rules **ret, struct failure *failure)
{
    static struct slice items[4];
    struct slice_list list = {.items = items};
    while (texts[list.count] != NULL) {
        items[list.count] = slice_from_string(texts[list.count]);
        list.count++;
    }
    return path_rules_create(list, ret, failure);
}

static void the_default_opens_inference_and_reading_alone(void **state)
{
    static const char *const open[][2] = {{"POST", "/api/chat"},
                                          {"POST", "/api/generate"},
                                          {"GET", "/api/tags"},
                                          {"HEAD", "/api/tags"},
                                          {"POST", "/v1/chat/completions"},
                                          {"GET", "/v1/models"},
                                          {"GET", "/v1/models/a/b"},
                                          {"POST", "/v1/messages"},
                                          {"POST", "/v1/embeddings"},
                                          {"POST", "/v1/audio/speech"},
                                          {"POST", "/v1/images/edits"},
                                          {"POST", "/v1/moderations"},
                                          {"POST", "/v1/rerank"},
                                          {"POST", "/v1/responses"},
                                          {"POST", "/v1/completions"}};
    static const char *const closed[][2] = {{"POST", "/api/pull"},
                                            {"POST", "/api/push"},
                                            {"POST", "/api/create"},
                                            {"DELETE", "/api/delete"},
                                            {"POST", "/api/copy"},
                                            {"POST", "/api/blobs/sha256:a"},
                                            {"HEAD", "/api/blobs/x"},
                                            {"POST", "/sleep"},
                                            {"POST", "/v1/load_lora_adapter"},
                                            {"GET", "/metrics"},
                                            {"GET", "/"},
                                            {"GET", "/api/chat"},
                                            {"POST", "/api/tags"},
                                            {"POST", "/api/chat/"},
                                            {"POST", "/api/chatx"},
                                            {"POST", "/API/CHAT"},
                                            {"post", "/api/chat"},
                                            {"HEAD", "/api/chat"},
                                            {"POST", "/v1/audio"},
                                            {"DELETE", "/v1/models/a"},
                                            {"GET", "*"},
                                            {"GET", ""}};
    struct path_rules *rules = NULL;
    struct failure failure;
    assert_int_equal(path_rules_create((struct slice_list){0}, &rules, &failure), STATUS_OK);
    for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++) {
        if (!allows(rules, open[i][0], open[i][1])) {
            fail_msg("%s %s is closed", open[i][0], open[i][1]);
        }
    }
    for (size_t i = 0; i < sizeof(closed) / sizeof(closed[0]); i++) {
        if (allows(rules, closed[i][0], closed[i][1])) {
            fail_msg("%s %s is open", closed[i][0], closed[i][1]);
        }
    }
    path_rules_free(rules);
}

static void own_rules_replace_the_default(void **state)
{
    const char *const texts[] = {"GET /a", "/b*", "PUT  /c", NULL};
    struct path_rules *rules = NULL;
    struct failure failure;
    assert_int_equal(make(texts, &rules, &failure), STATUS_OK);
    assert_true(allows(rules, "GET", "/a"));
    assert_true(allows(rules, "HEAD", "/a"));
    assert_false(allows(rules, "POST", "/a"));
    assert_false(allows(rules, "GET", "/a/x"));
    assert_true(allows(rules, "DELETE", "/b"));
    assert_true(allows(rules, "DELETE", "/b/x"));
    assert_true(allows(rules, "PUT", "/c"));
    assert_false(allows(rules, "POST", "/api/chat"));
    path_rules_free(rules);
}

static void a_star_opens_all(void **state)
{
    const char *const texts[] = {"*", NULL};
    struct path_rules *rules = NULL;
    struct failure failure;
    assert_int_equal(make(texts, &rules, &failure), STATUS_OK);
    assert_true(allows(rules, "DELETE", "/api/delete"));
    assert_true(allows(rules, "GET", "/"));
    path_rules_free(rules);
}

static void what_is_no_rule_is_refused(void **state)
{
    static const char *const bad[] = {"api/chat", "GET api", "/a*b", "**", "GET ", "/a**", "GET"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const char *const texts[] = {"/fine", bad[i], NULL};
        struct path_rules *rules = NULL;
        struct failure failure = {""};
        if (make(texts, &rules, &failure) != STATUS_INVALID) {
            fail_msg("\"%s\" was taken", bad[i]);
        }
        assert_ptr_equal(strstr(failure.text, "ENGINE_PATHS"), failure.text);
        assert_null(rules);
    }
}

static void the_list_is_shown(void **state)
{
    const char *const texts[] = {"GET /a", "/b*", NULL};
    struct path_rules *rules = NULL;
    struct failure failure;
    struct buffer text;
    buffer_init(&text, 4096);
    assert_int_equal(make(texts, &rules, &failure), STATUS_OK);
    path_rules_append(rules, &text);
    buffer_append_byte(&text, '\0');
    assert_non_null(strstr(text.data, "engine GET    /a "));
    assert_non_null(strstr(text.data, "engine any    /b* "));
    assert_non_null(strstr(text.data, "bearer token\n"));
    buffer_clear(&text);
    path_rules_free(rules);
    path_rules_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_default_opens_inference_and_reading_alone),
        cmocka_unit_test(own_rules_replace_the_default),
        cmocka_unit_test(a_star_opens_all),
        cmocka_unit_test(what_is_no_rule_is_refused),
        cmocka_unit_test(the_list_is_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

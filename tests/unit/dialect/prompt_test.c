/* SPDX-License-Identifier: MIT
 *
 * prompt_test.c - turns and parts as plain text. */
#include "dialect/prompt.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct json_value parse(struct slice text)
{
    struct json_value value = {0};
    assert_int_equal(json_parse(text, JSON_DUPLICATES_UNCHECKED, &value, NULL), STATUS_OK);
    return value;
}

static const struct {
    struct slice messages;
    const char *prompt;
} rows[] = {
    {SLICE("[]"), ""},
    {SLICE("\"text\""), ""},
    {SLICE("[{\"role\":\"user\",\"content\":\"a\"},{\"content\":\"b\"}]"), "user: a\n\nuser: b"},
    {SLICE("[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},\"b\",{\"type\":"
           "\"video_url\"},"
           "{\"type\":\"new\"},{\"type\":\"text\",\"text\":\"\"},7]}]"),
     "user: a\nb\n[video]\n[part]"},
    {SLICE("[{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"t\"},"
           "{\"type\":\"refusal\",\"refusal\":\"no\"}]}]"),
     "assistant: no"},
    {SLICE("[{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"content\":\"r\"},"
           "{\"type\":\"document\"}]}]"),
     "user: [tool result]\nr\n[file]"},
    {SLICE("[7,{\"role\":1,\"content\":{}}]"), "user: \n\nuser: "},
    {SLICE("[{\"role\":\"user\",\"content\":\"a\",\"images\":[\"i\",\"i\"]}]"),
     "user: a\n[image]\n[image]"},
};

static void messages_become_turns(void **state)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct text_room room = {.left = 1000};
        struct text prompt;
        text_init(&prompt, &room);
        prompt_messages(&prompt, parse(rows[i].messages));
        if (!slice_equals(buffer_slice(&prompt.bytes), slice_from_string(rows[i].prompt))) {
            fail_msg("row %zu: %.*s", i, SLICE_ARGS(buffer_slice(&prompt.bytes)));
        }
        assert_false(room.was_short);
        text_clear(&prompt);
    }
}

static void results_within_results_have_an_end(void **state)
{
    struct buffer text;
    struct text_room room = {.left = 1000};
    struct text prompt;
    buffer_init(&text, 4096);
    for (int i = 0; i < 10; i++) {
        buffer_append_string(&text, "[{\"type\":\"tool_result\",\"content\":");
    }
    buffer_append_string(&text, "\"deep\"");
    for (int i = 0; i < 10; i++) {
        buffer_append_string(&text, "}]");
    }
    text_init(&prompt, &room);
    prompt_content(&prompt, parse(buffer_slice(&text)));
    assert_true(room.was_short);
    assert_null(memmem(prompt.bytes.data, prompt.bytes.length, "deep", 4));
    text_clear(&prompt);
    buffer_clear(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_become_turns),
        cmocka_unit_test(results_within_results_have_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

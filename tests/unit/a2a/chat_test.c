/* SPDX-License-Identifier: MIT
 *
 * chat_test.c - bodies for chat routes, and replies of every kind as one JSON value. */
#include "a2a/chat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void expect(struct buffer *buffer, const char *text)
{
    assert_false(buffer->failed);
    if (!slice_equals(buffer_slice(buffer), slice_from_string(text))) {
        fail_msg("%.*s\nis not\n%s", SLICE_ARGS(buffer_slice(buffer)), text);
    }
    buffer_clear(buffer);
}

static void bodies_keep_every_byte_and_gain_what_is_missing(void **state)
{
    static const struct {
        const char *input, *model, *body;
    } cases[] = {
        {"{\"messages\":[]}", "", "{\"messages\":[],\"stream\":false}"},
        {"{\"messages\": [ ],\"stream\":true}", "", "{\"messages\": [ ],\"stream\":true}"},
        {"{\"stream\":null}", "", "{\"stream\":null}"},
        {"{}", "", "{ \"stream\":false}"},
        {" {\"a\":1} ", "m", "{\"a\":1,\"model\":\"m\",\"stream\":false}"},
        {"{\"model\":\"x\",\"stream\":false}", "m", "{\"model\":\"x\",\"stream\":false}"},
        {"{\"prompt\":\"hi\"}", "",
         "{\"prompt\":\"hi\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"stream\":"
         "false}"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buffer buffer;
        buffer_init(&buffer, 4096);
        assert_int_equal(chat_append_body(slice_from_string(cases[i].input),
                                          slice_from_string(cases[i].model), &buffer, NULL),
                         STATUS_OK);
        expect(&buffer, cases[i].body);
    }
    struct buffer buffer;
    buffer_init(&buffer, 4096);
    assert_int_equal(chat_append_body(SLICE("[]"), SLICE(""), &buffer, NULL), STATUS_INVALID);
    assert_int_equal(chat_append_body(SLICE("{"), SLICE(""), &buffer, NULL), STATUS_INVALID);
    buffer_clear(&buffer);
    buffer_init(&buffer, 8);
    assert_int_equal(chat_append_body(SLICE("{\"messages\":[]}"), SLICE(""), &buffer, NULL),
                     STATUS_NO_MEMORY);
    buffer_clear(&buffer);
}

#define MESSAGE(parts) "{\"role\":\"user\",\"messageId\":\"m\",\"parts\":[" parts "]}"

static void messages_become_chat(void **state)
{
    struct buffer buffer;
    buffer_init(&buffer, 4096);
    assert_int_equal(
        chat_append_message(SLICE(MESSAGE("{\"text\":\"a\\n\"},{\"data\":{\"x\":\"y\"}}")),
                            SLICE(""), SLICE("m"), true, &buffer, NULL),
        STATUS_OK);
    expect(&buffer,
           "{\"messages\":[{\"role\":\"user\",\"content\":\"a\\n\\n{\\\"x\\\":\\\"y\\\"}\"}],"
           "\"model\":\"m\",\"stream\":false}");
    assert_int_equal(
        chat_append_message(
            SLICE(MESSAGE("{\"text\":\"b\"}")),
            SLICE("[" MESSAGE(
                "{\"text\":\"a\"}") ",{\"role\":\"agent\","
                                    "\"messageId\":\"q\",\"parts\":[{\"text\":\"?\"}]}]"),
            SLICE(""), false, &buffer, NULL),
        STATUS_OK);
    expect(&buffer, "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\","
                    "\"content\":\"?\"},{\"role\":\"user\",\"content\":\"b\"}],\"stream\":false}");
    assert_int_equal(chat_append_message(SLICE(MESSAGE("{\"data\":{\"messages\":[1]}}")), SLICE(""),
                                         SLICE(""), false, &buffer, NULL),
                     STATUS_OK);
    expect(&buffer, "{\"messages\":[1]}");
    assert_int_equal(chat_append_message(SLICE(MESSAGE("{\"url\":\"http://x/\"}")), SLICE(""),
                                         SLICE(""), false, &buffer, NULL),
                     STATUS_UNSUPPORTED);
    buffer_clear(&buffer);
    assert_int_equal(chat_append_message(SLICE("{}"), SLICE(""), SLICE(""), false, &buffer, NULL),
                     STATUS_INVALID);
    buffer_clear(&buffer);
}

static void replies_in_pieces_are_folded(void **state)
{
    static const struct {
        const char *reply, *folded;
    } cases[] = {
        {"{\"a\":1}", "{\"a\":1}"},
        {" [1] ", "[1]"},
        {"\"text\"", "\"text\""},
        {"{\"message\":{\"content\":\"he\"},\"done\":false}\n"
         "{\"message\":{\"content\":\"y\\n\"},\"done\":true}\n",
         "{\"message\":{\"content\":\"hey\\n\"},\"done\":true}"},
        {"{\"response\":\"a\"}\r\n{\"response\":\"b\"}", "{\"response\":\"ab\"}"},
        {"data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"x\"}}]}\n\n"
         "data: {\"choices\":[{\"delta\":{\"content\":\"y\"}}]}\n\ndata: [DONE]\n\n",
         "{\"choices\":[{\"delta\":{\"content\":\"xy\"}}]}"},
        {": hi\nevent: x\ndata:{\"n\":1}\n\n", "{\"text\":\"\"}"},
        {"{\"response\":\"a\"}\n{\"error\":\"out of memory\"}\n", "{\"error\":\"out of memory\"}"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buffer buffer;
        buffer_init(&buffer, 4096);
        assert_int_equal(chat_fold(slice_from_string(cases[i].reply), 4096, &buffer, NULL),
                         STATUS_OK);
        expect(&buffer, cases[i].folded);
    }
}

static void what_is_no_json_is_refused(void **state)
{
    static const char *const replies[] = {"",
                                          "<html>",
                                          "{\"a\":1}\n<html>",
                                          "data: x\n\n",
                                          "data: [DONE]\n\n",
                                          "\n\n",
                                          "{\"a\":1} {\"b\":2}"};
    for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
        struct buffer buffer;
        struct failure failure = {""};
        buffer_init(&buffer, 4096);
        assert_int_equal(chat_fold(slice_from_string(replies[i]), 4096, &buffer, &failure),
                         STATUS_INVALID);
        assert_true(failure.text[0] != '\0');
        buffer_clear(&buffer);
    }
    struct buffer small;
    buffer_init(&small, 4);
    assert_int_equal(
        chat_fold(SLICE("{\"response\":\"abcdefgh\"}\n{\"response\":\"x\"}"), 4, &small, NULL),
        STATUS_NO_MEMORY);
    buffer_clear(&small);
}

static void the_text_of_a_reply_is_found(void **state)
{
    static const struct {
        const char *reply, *text;
    } cases[] = {
        {"{\"message\":{\"role\":\"assistant\",\"content\":\"a\"}}", "\"a\""},
        {"{\"choices\":[{\"message\":{\"content\":\"a\"}}]}", "\"a\""},
        {"{\"choices\":[{\"text\":\"a\"}]}", "\"a\""},
        {"{\"response\":\"a\"}", "\"a\""},
        {"{\"output\":\"a\"}", "\"a\""},
        {"\"a\"", "\"a\""},
        {"{\"choices\":[]}", ""},
        {"{\"content\":[1]}", ""},
        {"[\"a\"]", ""},
        {"7", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct json_value value;
        assert_int_equal(
            json_parse(slice_from_string(cases[i].reply), JSON_DUPLICATES_UNCHECKED, &value, NULL),
            STATUS_OK);
        struct json_value text = chat_reply_text(value);
        assert_true(slice_equals(text.text, slice_from_string(cases[i].text)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_keep_every_byte_and_gain_what_is_missing),
        cmocka_unit_test(messages_become_chat),
        cmocka_unit_test(replies_in_pieces_are_folded),
        cmocka_unit_test(what_is_no_json_is_refused),
        cmocka_unit_test(the_text_of_a_reply_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

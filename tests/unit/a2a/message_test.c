/* SPDX-License-Identifier: MIT
 *
 * message_test.c - messages, parts and artifacts in the forms of every version. */
#include "a2a/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct json_value parse(const char *text)
{
    struct json_value value;
    struct failure failure = {""};
    if (json_parse(slice_from_string(text), JSON_DUPLICATES_UNCHECKED, &value, &failure) !=
        STATUS_OK) {
        fail_msg("%s: %s", text, failure.text);
    }
    return value;
}

static void parts_of_every_version(void **state)
{
    static const struct {
        const char *text;
        enum part_kind kind;
        const char *value;
    } cases[] = {
        {"{\"kind\":\"text\",\"text\":\"a\"}", PART_TEXT, "\"a\""},
        {"{\"text\":\"a\"}", PART_TEXT, "\"a\""},
        {"{\"text\":\"a\",\"mediaType\":\"text/plain\"}", PART_TEXT, "\"a\""},
        {"{\"kind\":\"data\",\"data\":{\"x\":1}}", PART_DATA, "{\"x\":1}"},
        {"{\"kind\":\"data\",\"data\":{\"data\":{}}}", PART_DATA, "{\"data\":{}}"},
        {"{\"data\":{\"data\":{\"x\":1}}}", PART_DATA, "{\"x\":1}"},
        {"{\"data\":[1,2]}", PART_DATA, "[1,2]"},
        {"{\"data\":null}", PART_DATA, "null"},
        {"{\"kind\":\"file\",\"file\":{\"bytes\":\"QQ==\",\"mimeType\":\"a/b\"}}", PART_BYTES,
         "\"QQ==\""},
        {"{\"kind\":\"file\",\"file\":{\"uri\":\"http://x/\"}}", PART_URL, "\"http://x/\""},
        {"{\"file\":{\"fileWithUri\":\"http://x/\"}}", PART_URL, "\"http://x/\""},
        {"{\"file\":{\"fileWithBytes\":\"QQ==\"}}", PART_BYTES, "\"QQ==\""},
        {"{\"raw\":\"QQ==\",\"filename\":\"f\"}", PART_BYTES, "\"QQ==\""},
        {"{\"url\":\"http://x/\",\"mediaType\":\"a/b\"}", PART_URL, "\"http://x/\""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct part part;
        if (!part_read(parse(cases[i].text), &part) || part.kind != cases[i].kind ||
            !slice_equals(part.value.text, slice_from_string(cases[i].value))) {
            fail_msg("%s", cases[i].text);
        }
    }
}

static void parts_that_are_none(void **state)
{
    static const char *const texts[] = {
        "1",
        "\"text\"",
        "{}",
        "{\"kind\":\"text\"}",
        "{\"text\":1}",
        "{\"text\":\"a\",\"url\":\"b\"}",
        "{\"text\":\"a\",\"data\":{}}",
        "{\"kind\":\"data\",\"text\":\"a\"}",
        "{\"kind\":\"odd\",\"text\":\"a\"}",
        "{\"kind\":1,\"text\":\"a\"}",
        "{\"kind\":\"file\",\"file\":{}}",
        "{\"kind\":\"file\",\"file\":{\"bytes\":\"a\",\"uri\":\"b\"}}",
        "{\"kind\":\"file\",\"file\":\"a\"}",
        "{\"text\":\"a\",\"file\":{}}",
        "{\"text\":\"a\",\"metadata\":[]}",
        "{\"text\":\"a\",\"mediaType\":1}",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct part part = {.kind = PART_URL};
        if (part_read(parse(texts[i]), &part)) {
            fail_msg("%s", texts[i]);
        }
        assert_int_equal(part.kind, PART_URL);
    }
}

static void messages_say_what_is_wrong(void **state)
{
    static const struct {
        const char *text;
        const char *says; /* NULL: it is fine */
    } cases[] = {
        {"{\"kind\":\"message\",\"role\":\"user\",\"messageId\":\"m\",\"parts\":[{\"kind\":"
         "\"text\","
         "\"text\":\"\"}]}",
         NULL},
        {"{\"role\":\"ROLE_USER\",\"messageId\":\"m\",\"content\":[{\"text\":\"a\"}]}", NULL},
        {"{\"role\":\"ROLE_AGENT\",\"messageId\":\"m\",\"parts\":[{\"text\":\"a\"}],\"taskId\":"
         "null,"
         "\"unknown\":1}",
         NULL},
        {"[]", "object"},
        {"{\"messageId\":\"m\",\"parts\":[{\"text\":\"a\"}]}", "role"},
        {"{\"role\":\"USER\",\"messageId\":\"m\",\"parts\":[{\"text\":\"a\"}]}", "role"},
        {"{\"role\":\"user\",\"parts\":[{\"text\":\"a\"}]}", "messageId"},
        {"{\"role\":\"user\",\"messageId\":\"\",\"parts\":[{\"text\":\"a\"}]}", "messageId"},
        {"{\"role\":\"user\",\"messageId\":1,\"parts\":[{\"text\":\"a\"}]}", "messageId"},
        {"{\"role\":\"user\",\"messageId\":\"m\"}", "parts"},
        {"{\"role\":\"user\",\"messageId\":\"m\",\"parts\":[]}", "at least one"},
        {"{\"role\":\"user\",\"messageId\":\"m\",\"parts\":{}}", "array"},
        {"{\"role\":\"user\",\"messageId\":\"m\",\"parts\":[{}]}", "each holds"},
        {"{\"role\":\"user\",\"messageId\":\"m\",\"parts\":[{\"text\":\"a\"}],\"contextId\":1}",
         "contextId"},
        {"{\"role\":\"user\",\"messageId\":\"m\",\"parts\":[{\"text\":\"a\"}],\"metadata\":1}",
         "metadata"},
        {"{\"role\":\"user\",\"messageId\":\"m\",\"parts\":[{\"text\":\"a\"}],\"extensions\":{}}",
         "extensions"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct message message;
        struct failure failure = {""};
        enum status status = message_read(parse(cases[i].text), &message, &failure);
        bool is_right = cases[i].says == NULL
                            ? status == STATUS_OK
                            : status == STATUS_INVALID && strstr(failure.text, cases[i].says);
        if (!is_right) {
            fail_msg("%s gives \"%s\"", cases[i].text, failure.text);
        }
    }
}

static void parts_have_a_number(void **state)
{
    static char text[message_parts_max * 16 + 128];
    struct message message;
    size_t length =
        (size_t)snprintf(text, sizeof(text), "{\"role\":\"user\",\"messageId\":\"m\",\"parts\":[");
    for (int i = 0; i < message_parts_max; i++) {
        length += (size_t)snprintf(text + length, sizeof(text) - length, "{\"text\":\"\"},");
    }
    snprintf(text + length - 1, sizeof(text) - length, "]}");
    assert_int_equal(message_read(parse(text), &message, NULL), STATUS_OK);
    snprintf(text + length, sizeof(text) - length, "{\"text\":\"\"}]}");
    text[length - 1] = ',';
    assert_int_equal(message_read(parse(text), &message, NULL), STATUS_LIMIT);
}

static void artifacts(void **state)
{
    struct artifact artifact;
    assert_int_equal(
        artifact_read(parse("{\"artifactId\":\"a\",\"name\":\"n\",\"parts\":[{\"text\":\"t\"}]}"),
                      &artifact, NULL),
        STATUS_OK);
    assert_true(json_string_is(artifact.name, "n"));
    assert_int_equal(artifact_read(parse("{\"parts\":[]}"), &artifact, NULL), STATUS_INVALID);
    assert_int_equal(
        artifact_read(parse("{\"name\":1,\"parts\":[{\"text\":\"t\"}]}"), &artifact, NULL),
        STATUS_INVALID);
    assert_int_equal(artifact_read(parse("[]"), &artifact, NULL), STATUS_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_of_every_version),
        cmocka_unit_test(parts_that_are_none),
        cmocka_unit_test(messages_say_what_is_wrong),
        cmocka_unit_test(parts_have_a_number),
        cmocka_unit_test(artifacts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

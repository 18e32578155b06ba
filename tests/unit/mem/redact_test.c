/* SPDX-License-Identifier: MIT
 *
 * redact_test.c - MEM_REDACT: on, off, expressions and their faults; JSON stays JSON. */
#include "mem/redact.h"

#include "base/json.h"

#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct redactor *create(const char *setting)
{
    struct redactor *redactor = NULL;
    struct failure failure = {""};
    if (redactor_create(slice_from_string(setting), &redactor, &failure) != STATUS_OK) {
        fail_msg("%s", failure.text);
    }
    return redactor;
}

/* <expected> NULL: nothing to black out. */
static void expect(const char *setting, bool is_json, const char *text, const char *expected)
{
    struct redactor *redactor = create(setting);
    struct buffer buffer;
    buffer_init(&buffer, 1 << 20);
    buffer_append_string(&buffer, "before ");
    bool is_found = is_json ? redact_json(redactor, slice_from_string(text), &buffer)
                            : redact_text(redactor, slice_from_string(text), &buffer);
    assert_false(buffer.failed);
    assert_int_equal(is_found, expected != NULL);
    struct slice after = slice_after(buffer_slice(&buffer), 7);
    if (!slice_equals(after, slice_from_string(expected))) {
        fail_msg("%s: got %.*s", text, SLICE_ARGS(after));
    }
    if (is_json && is_found && text[0] != 'n') {
        struct json_value value;
        struct failure failure;
        assert_int_equal(json_parse(after, JSON_DUPLICATES_UNCHECKED, &value, &failure), STATUS_OK);
    }
    buffer_clear(&buffer);
    redactor_free(redactor);
}

static void the_setting_decides(void **state)
{
    expect("on", false, "mail a@b.example now", "mail [redacted:email] now");
    expect("ON", false, "mail a@b.example now", "mail [redacted:email] now");
    expect("", false, "mail a@b.example now", "mail [redacted:email] now");
    expect("off", false, "mail a@b.example now", NULL);
    expect(" Off ", true, "{\"m\":\"a@b.example\"}", NULL);
    expect("on", false, "", NULL);
}

static void expressions_add_to_what_is_built_in(void **state)
{
    expect("secret-[0-9]+", false, "x secret-12 a@b.example secret-3",
           "x [redacted:pattern] [redacted:email] [redacted:pattern]");
    expect("on\nfoo\r\n\nba(r|z)$", false, "foo bar\nfoo baz bar x\n",
           "[redacted:pattern] [redacted:pattern]\n[redacted:pattern] baz bar x\n");
    expect("^a", false, "aaa\na\n", "[redacted:pattern]aa\n[redacted:pattern]\n");
    expect("x*", false, "aaa", NULL); /* a match of nothing is none */
    expect("x*", false, "axxb", "a[redacted:pattern]b");
    expect("nothing", false, "one\ntwo", NULL);
}

static void bad_expressions_are_named(void **state)
{
    static const struct {
        const char *setting;
        const char *where;
    } cases[] = {
        {"good\nfoo(bar", "MEM_REDACT, line 2, column 4: "},
        {"a[bc", "MEM_REDACT, line 1, column 2: "},
        {"on\n\n\n(", "MEM_REDACT, line 4, column 1: "},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct redactor *redactor = NULL;
        struct failure failure = {""};
        assert_int_equal(redactor_create(slice_from_string(cases[i].setting), &redactor, &failure),
                         STATUS_INVALID);
        assert_null(redactor);
        if (strncmp(failure.text, cases[i].where, strlen(cases[i].where)) != 0) {
            fail_msg("%s", failure.text);
        }
    }
}

static void expressions_have_caps(void **state)
{
    struct redactor *redactor = NULL;
    struct failure failure = {""};
    struct buffer setting;
    buffer_init(&setting, 1 << 20);
    for (size_t i = 0; i <= redact_expressions_max; i++) {
        buffer_append_string(&setting, "abc\n");
    }
    assert_int_equal(redactor_create(buffer_slice(&setting), &redactor, &failure), STATUS_INVALID);
    buffer_reset(&setting);
    for (size_t i = 0; i <= redact_expression_bytes_max; i++) {
        buffer_append_byte(&setting, 'a');
    }
    assert_int_equal(redactor_create(buffer_slice(&setting), &redactor, &failure), STATUS_INVALID);
    buffer_clear(&setting);
}

static void long_lines_are_matched_in_pieces(void **state)
{
    enum { size = 3 * redact_line_bytes_max + 5 };
    struct redactor *redactor = create("[0-9]secret");
    struct buffer text;
    struct buffer out;
    buffer_init(&text, 1 << 20);
    buffer_init(&out, 1 << 20);
    for (size_t i = 0; i < size; i++) {
        buffer_append_byte(&text, 'x');
    }
    buffer_append_string(&text, "7secret");
    assert_true(redact_text(redactor, buffer_slice(&text), &out));
    assert_int_equal(out.length, size + 18);
    buffer_clear(&text);
    buffer_clear(&out);
    redactor_free(redactor);
}

static void json_stays_json(void **state)
{
    expect("on", true, "{\"m\":\"a@b.example\",\"n\":1}", "{\"m\":\"[redacted:email]\",\"n\":1}");
    expect("on", true, "{\"m\":\"line\\nbob@b.example\\tx\"}",
           "{\"m\":\"line\\n[redacted:email]\\tx\"}");
    expect("on", true, "{\"m\":\"\\u0062ob\\u0040b.example\"}", "{\"m\":\"[redacted:email]\"}");
    expect("on", true, "[4111111111111111, 5]", "[\"[redacted:card]\", 5]");
    expect("on", true, "[4111111111111112, -1.5e3, true, null]", NULL);
    expect("on", true, "{\"a@b.example\": 1}", "{\"[redacted:email]\": 1}");
    expect("on", true, "not JSON a@b.example", "not JSON [redacted:email]");
    expect("\\\\", true, "[\"a\\\\b\"]", "[\"a[redacted:pattern]b\"]");
    expect("[0-9]", true, "{\"n\":12}", "{\"n\":\"[redacted:pattern][redacted:pattern]\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_setting_decides),
        cmocka_unit_test(expressions_add_to_what_is_built_in),
        cmocka_unit_test(bad_expressions_are_named),
        cmocka_unit_test(expressions_have_caps),
        cmocka_unit_test(long_lines_are_matched_in_pieces),
        cmocka_unit_test(json_stays_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * log_test.c - one event, one line, whatever its text holds: as JSON and as text. Standard error
 * goes into a file during a test. */
#include "base/log.h"

#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { captured_max = 16384 };

struct capture {
    FILE *file;
    int saved;
    char text[captured_max];
};

static void capture_begin(struct capture *capture)
{
    capture->file = tmpfile();
    assert_non_null(capture->file);
    capture->saved = dup(STDERR_FILENO);
    assert_true(capture->saved >= 0);
    assert_true(dup2(fileno(capture->file), STDERR_FILENO) >= 0);
}

/* What was written meanwhile. */
static struct slice capture_end(struct capture *capture)
{
    assert_true(dup2(capture->saved, STDERR_FILENO) >= 0);
    close(capture->saved);
    ssize_t length = pread(fileno(capture->file), capture->text, captured_max, 0);
    assert_true(length >= 0 && length < captured_max);
    fclose(capture->file);
    return slice_make(capture->text, (size_t)length);
}

/* The one line, as JSON; its text is in <capture>. */
static struct json_value line_parse(struct slice line)
{
    struct json_value value;
    struct failure failure = {""};
    assert_true(slice_ends_with(line, SLICE("}\n")));
    assert_int_equal(slice_find(line, '\n'), line.length - 1);
    if (json_parse(line, JSON_DUPLICATES_REFUSED, &value, &failure) != STATUS_OK) {
        fail_msg("%s: %.*s", failure.text, SLICE_ARGS(line));
    }
    assert_int_equal(value.kind, JSON_OBJECT);
    return value;
}

static void a_line_of_json_has_its_members(void **state)
{
    struct capture capture;
    log_configure(LOG_DEBUG, LOG_JSON);
    assert_int_equal(log_format_in_use(), LOG_JSON);
    static const char *const names[] = {"debug", "info", "warn", "error"};
    for (int level = LOG_DEBUG; level <= LOG_ERROR; level++) {
        capture_begin(&capture);
        log_line((enum log_level)level, SLICE("r-1"), "engine %s is %d", "\"x\"", 7);
        struct json_value line = line_parse(capture_end(&capture));
        assert_true(json_string_is(json_member(line, "level"), names[level]));
        assert_true(json_string_is(json_member(line, "request_id"), "r-1"));
        assert_true(json_string_is(json_member(line, "message"), "engine \"x\" is 7"));
        assert_int_equal(json_member(line, "time").text.length, 26);
    }
    capture_begin(&capture);
    log_line(LOG_INFO, SLICE(""), "started");
    struct json_value line = line_parse(capture_end(&capture));
    assert_int_equal(json_member(line, "request_id").kind, JSON_ABSENT);
}

static void nothing_gets_out_of_its_line(void **state)
{
    static const char hostile[] = "a\nb\r\n{\"level\":\"error\"}\x01\x7f\xff\xc3\xa9\"\\";
    struct capture capture;
    log_configure(LOG_INFO, LOG_JSON);
    capture_begin(&capture);
    log_line(LOG_INFO, slice_from_string(hostile), "%s", hostile);
    struct json_value line = line_parse(capture_end(&capture));
    assert_true(json_string_is(json_member(line, "message"),
                               "a\nb\r\n{\"level\":\"error\"}\x01\x7f\xef\xbf\xbd\xc3\xa9\"\\"));
    log_configure(LOG_INFO, LOG_TEXT);
    assert_int_equal(log_format_in_use(), LOG_TEXT);
    capture_begin(&capture);
    log_line(LOG_INFO, SLICE("r-1"), "%s", hostile);
    struct slice text = capture_end(&capture);
    assert_int_equal(slice_find(text, '\n'), text.length - 1);
    assert_true(
        slice_ends_with(text, SLICE(" INFO [r-1] a?b??{\"level\":\"error\"}??\xff\xc3\xa9\"\\\n")));
}

static void lines_below_the_least_level_are_not_written(void **state)
{
    struct capture capture;
    log_configure(LOG_WARN, LOG_TEXT);
    assert_false(log_enabled(LOG_DEBUG));
    assert_false(log_enabled(LOG_INFO));
    assert_true(log_enabled(LOG_WARN));
    assert_true(log_enabled(LOG_ERROR));
    capture_begin(&capture);
    log_line(LOG_DEBUG, SLICE(""), "no");
    log_line(LOG_INFO, SLICE(""), "no");
    log_line(LOG_WARN, SLICE(""), "warn");
    log_line(LOG_ERROR, SLICE(""), "error");
    struct slice text = capture_end(&capture);
    struct slice second = slice_after(text, slice_find(text, '\n') + 1);
    assert_true(
        slice_ends_with(slice_make(text.data, text.length - second.length), SLICE(" WARN warn\n")));
    assert_true(slice_ends_with(second, SLICE(" ERROR error\n")));
    assert_int_equal(slice_find(second, '\n'), second.length - 1);
}

/* The worst is a message of bytes that need six each. */
static void a_long_message_is_cut(void **state)
{
    struct capture capture;
    char message[5000];
    log_configure(LOG_INFO, LOG_JSON);
    for (int byte = 0; byte < 2; byte++) {
        memset(message, byte == 0 ? 'm' : '\x01', sizeof(message) - 1);
        message[sizeof(message) - 1] = '\0';
        capture_begin(&capture);
        log_line(LOG_INFO, SLICE("r-1"), "%s", message);
        struct json_value line = line_parse(capture_end(&capture));
        struct arena arena;
        struct slice text;
        arena_init(&arena, 65536);
        assert_int_equal(json_string(json_member(line, "message"), &arena, &text), STATUS_OK);
        assert_int_equal(text.length, 1023);
        assert_memory_equal(text.data, message, text.length);
        arena_clear(&arena);
    }
}

static void times_are_written_in_utc(void **state)
{
    static const struct {
        int64_t wall_us;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {999999, "1970-01-01T00:00:00.999Z"},
        {INT64_C(951827696000123), "2000-02-29T12:34:56.000Z"},
        {INT64_C(1700000000001999), "2023-11-14T22:13:20.001Z"},
        {INT64_C(253402300799999999), "9999-12-31T23:59:59.999Z"},
    };
    assert_int_equal(setenv("TZ", "America/New_York", 1), 0); /* which has no say */
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buffer text;
        buffer_init(&text, 64);
        log_append_time(&text, cases[i].wall_us);
        assert_true(slice_equals(buffer_slice(&text), slice_from_string(cases[i].text)));
        buffer_clear(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_of_json_has_its_members),
        cmocka_unit_test(nothing_gets_out_of_its_line),
        cmocka_unit_test(lines_below_the_least_level_are_not_written),
        cmocka_unit_test(a_long_message_is_cut),
        cmocka_unit_test(times_are_written_in_utc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

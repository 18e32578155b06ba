/* SPDX-License-Identifier: MIT
 *
 * access_log_test.c - one whole line for each request, in both formats, written out late but
 * written. Standard error goes into a file during a test. */
#include "gateway/access_log.h"

#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct desk {
    uv_loop_t loop;
    struct access_log log;
    FILE *file;
    int saved;
};

static void desk_begin(struct desk *desk, enum log_level least, enum log_format format)
{
    log_configure(least, format);
    assert_int_equal(uv_loop_init(&desk->loop), 0);
    access_log_init(&desk->log, &desk->loop);
    desk->file = tmpfile();
    assert_non_null(desk->file);
    desk->saved = dup(STDERR_FILENO);
    assert_true(desk->saved >= 0);
    assert_true(dup2(fileno(desk->file), STDERR_FILENO) >= 0);
}

/* What was written, NUL-terminated; the caller frees it. */
static char *desk_end(struct desk *desk)
{
    off_t length = lseek(fileno(desk->file), 0, SEEK_END);
    char *text = calloc(1, (size_t)length + 1);
    assert_true(dup2(desk->saved, STDERR_FILENO) >= 0);
    close(desk->saved);
    assert_non_null(text);
    assert_int_equal(pread(fileno(desk->file), text, (size_t)length, 0), length);
    fclose(desk->file);
    return text;
}

static char *desk_close(struct desk *desk)
{
    access_log_close(&desk->log);
    assert_int_equal(uv_run(&desk->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&desk->loop), 0);
    return desk_end(desk);
}

static const struct access_entry ordinary = {.request_id = SLICE("r-1"),
                                             .method = SLICE("POST"),
                                             .path = SLICE("/api/chat"),
                                             .user = SLICE("alice"),
                                             .session = SLICE("0123456789abcdef"),
                                             .client = SLICE("192.0.2.1"),
                                             .status = 200,
                                             .bytes_in = 12,
                                             .bytes_out = 345,
                                             .duration_us = 1000001,
                                             .engine_us = 999};
static const struct access_entry bare = {.request_id = SLICE("r-2"),
                                         .client = SLICE("::1"),
                                         .reason = "a \"bad\" request",
                                         .status = 400};

static void a_line_of_json(void **state)
{
    struct desk desk;
    struct json_value line;
    struct failure failure = {""};
    static const char *const members[][2] = {
        {"request_id", "\"r-1\""},  {"method", "\"POST\""},
        {"path", "\"/api/chat\""},  {"status", "200"},
        {"user", "\"alice\""},      {"session", "\"0123456789abcdef\""},
        {"bytes_in", "12"},         {"bytes_out", "345"},
        {"engine_ms", "0.999"},     {"duration_ms", "1000.001"},
        {"client", "\"192.0.2.1\""}};
    desk_begin(&desk, LOG_INFO, LOG_JSON);
    access_log_write(&desk.log, &ordinary);
    char *text = desk_close(&desk);
    assert_int_equal(json_parse(slice_from_string(text), JSON_DUPLICATES_REFUSED, &line, &failure),
                     STATUS_OK);
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        assert_true(
            slice_equals(json_member(line, members[i][0]).text, slice_from_string(members[i][1])));
    }
    assert_int_equal(json_member(line, "reason").kind, JSON_ABSENT);
    assert_int_equal(json_member(line, "time").text.length, 26);
    assert_string_equal(text + strlen(text) - 2, "}\n");
    free(text);
}

static void what_is_not_known_is_left_out_and_what_is_odd_is_escaped(void **state)
{
    struct desk desk;
    struct json_value line;
    struct failure failure = {""};
    struct access_entry odd = bare;
    odd.user = SLICE("a\"b\n\xff");
    odd.session = SLICE("0123456789abcdef");
    desk_begin(&desk, LOG_INFO, LOG_JSON);
    access_log_write(&desk.log, &bare);
    access_log_write(&desk.log, &odd);
    char *text = desk_close(&desk);
    char *second = strchr(text, '\n') + 1;
    assert_int_equal(json_parse(slice_make(text, (size_t)(second - text)), JSON_DUPLICATES_REFUSED,
                                &line, &failure),
                     STATUS_OK);
    assert_int_equal(json_member(line, "user").kind, JSON_ABSENT);
    assert_int_equal(json_member(line, "session").kind, JSON_ABSENT);
    assert_true(slice_equals(json_member(line, "reason").text, SLICE("\"a \\\"bad\\\" request\"")));
    assert_int_equal(
        json_parse(slice_from_string(second), JSON_DUPLICATES_REFUSED, &line, &failure), STATUS_OK);
    assert_int_equal(strchr(second, '\n') - second, strlen(second) - 1);
    free(text);
}

static void a_line_of_text(void **state)
{
    struct desk desk;
    desk_begin(&desk, LOG_INFO, LOG_TEXT);
    access_log_write(&desk.log, &ordinary);
    access_log_write(&desk.log, &bare);
    char *text = desk_close(&desk);
    assert_non_null(strstr(text, "Z INFO [r-1] request 192.0.2.1 alice 0123456789abcdef POST "
                                 "/api/chat 200 12 345 1000.001 0.999\n"));
    assert_non_null(strstr(text, "Z INFO [r-2] request ::1 - - - - 400 0 0 0.000 0.000 "
                                 "\"a \\\"bad\\\" request\"\n"));
    free(text);
}

static void lines_wait_for_company_but_not_for_long(void **state)
{
    struct desk desk;
    desk_begin(&desk, LOG_INFO, LOG_TEXT);
    access_log_write(&desk.log, &ordinary);
    access_log_write(&desk.log, &ordinary);
    assert_int_equal(lseek(fileno(desk.file), 0, SEEK_END), 0); /* not yet */
    assert_int_equal(uv_run(&desk.loop, UV_RUN_DEFAULT), 0);    /* until the deadline fired */
    assert_true(lseek(fileno(desk.file), 0, SEEK_END) > 0);
    assert_int_equal(desk.log.lines.length, 0);
    free(desk_close(&desk));
}

static void many_lines_are_written_whole_and_at_once(void **state)
{
    enum { lines = 2000 };
    struct desk desk;
    desk_begin(&desk, LOG_INFO, LOG_JSON);
    for (unsigned i = 0; i < lines; i++) {
        access_log_write(&desk.log, &ordinary);
        assert_true(desk.log.lines.length < access_log_flush_bytes);
    }
    assert_true(lseek(fileno(desk.file), 0, SEEK_END) > 0);
    char *text = desk_close(&desk);
    unsigned seen = 0;
    for (char *line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
        assert_int_equal(strncmp(line, "{\"time\":\"", 9), 0);
        seen++;
    }
    assert_int_equal(seen, lines);
    free(text);
}

/* However long a client makes them, method and path leave a line, cut. */
static void what_is_long_is_cut_and_never_lost(void **state)
{
    struct desk desk;
    struct access_entry long_entry = ordinary;
    char *many = malloc(access_log_bytes_max);
    assert_non_null(many);
    memset(many, 1, access_log_bytes_max); /* each becomes six characters in JSON */
    long_entry.path = slice_make(many, access_log_bytes_max);
    long_entry.method = long_entry.path;
    desk_begin(&desk, LOG_INFO, LOG_JSON);
    for (unsigned i = 0; i < 20; i++) {
        access_log_write(&desk.log, &long_entry);
    }
    char *text = desk_close(&desk);
    unsigned lines = 0;
    for (char *line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
        unsigned escapes = 0;
        for (char *at = line; *at != '\n'; at++) {
            escapes += *at == '\\' ? 1 : 0;
        }
        assert_int_equal(strncmp(line, "{\"time\":\"", 9), 0);
        assert_int_equal(escapes, access_log_method_bytes_max + access_log_path_bytes_max);
        lines++;
    }
    assert_int_equal(lines, 20);
    free(text);
    free(many);
}

static void nothing_is_written_above_info(void **state)
{
    struct desk desk;
    desk_begin(&desk, LOG_WARN, LOG_JSON);
    access_log_write(&desk.log, &ordinary);
    char *text = desk_close(&desk);
    assert_string_equal(text, "");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_of_json),
        cmocka_unit_test(what_is_not_known_is_left_out_and_what_is_odd_is_escaped),
        cmocka_unit_test(a_line_of_text),
        cmocka_unit_test(lines_wait_for_company_but_not_for_long),
        cmocka_unit_test(many_lines_are_written_whole_and_at_once),
        cmocka_unit_test(what_is_long_is_cut_and_never_lost),
        cmocka_unit_test(nothing_is_written_above_info),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

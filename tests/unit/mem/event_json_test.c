/* SPDX-License-Identifier: MIT
 *
 * event_json_test.c - events as the original's JSON, pages, and the cursor. */
#include "mem/event_json.h"

#include "base/json.h"
#include "rows.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void expect_json(const struct event *event, const char *expected)
{
    struct buffer buffer;
    struct json_value value;
    struct failure failure;
    buffer_init(&buffer, 1 << 20);
    event_append_json(&buffer, event);
    if (!slice_equals(buffer_slice(&buffer), slice_from_string(expected))) {
        fail_msg("got %.*s", SLICE_ARGS(buffer_slice(&buffer)));
    }
    assert_int_equal(json_parse(buffer_slice(&buffer), JSON_DUPLICATES_REFUSED, &value, &failure),
                     STATUS_OK);
    buffer_clear(&buffer);
}

static void the_original_members_are_always_there(void **state)
{
    struct event event = {.id = "01900000-0000-7000-8000-000000000001",
                          .timestamp_us = INT64_C(1700000000123456),
                          .event = SLICE("note"),
                          .user = SLICE("a\"b"),
                          .tokens_in = -1,
                          .tokens_out = -1};
    expect_json(&event, "{\"timestamp\":\"2023-11-14T22:13:20.123Z\",\"event\":\"note\","
                        "\"user\":\"a\\\"b\",\"state\":null,"
                        "\"_additional\":{\"id\":\"01900000-0000-7000-8000-000000000001\"}}");
}

static void tasks_and_logs_have_theirs(void **state)
{
    struct event event = {.id = "01900000-0000-7000-8000-000000000001",
                          .timestamp_us = INT64_C(1700000000123456),
                          .event = SLICE("task_result"),
                          .user = SLICE("u"),
                          .state = SLICE("done"),
                          .session = SLICE("s"),
                          .task = SLICE("t"),
                          .result = SLICE(" {\"a\": [1]} "),
                          .payload = SLICE("not JSON"),
                          .run_id = SLICE("r"),
                          .level = SLICE("warn"),
                          .message = SLICE("line\n"),
                          .agent = SLICE("coder"),
                          .request_id = SLICE("q")};
    expect_json(&event, "{\"timestamp\":\"2023-11-14T22:13:20.123Z\",\"event\":\"task_result\","
                        "\"user\":\"u\",\"state\":\"done\","
                        "\"_additional\":{\"id\":\"01900000-0000-7000-8000-000000000001\"},"
                        "\"session_id\":\"s\",\"task_id\":\"t\",\"result\":{\"a\": [1]},"
                        "\"payload\":\"not JSON\",\"run_id\":\"r\",\"level\":\"warn\","
                        "\"message\":\"line\\n\",\"agent\":\"coder\",\"request_id\":\"q\"}");
}

static void exchanges_have_theirs(void **state)
{
    struct event event = rows_event(5, "u", "p");
    event.completion = SLICE("");
    event.model = SLICE("tiny");
    event.finish_reason = SLICE("stop");
    event.started_us = INT64_C(1700000000000000);
    event.ended_us = INT64_C(1700000001000000);
    event.truncated = true;
    expect_json(&event, "{\"timestamp\":\"2023-11-14T22:13:20.000Z\",\"event\":\"exchange\","
                        "\"user\":\"u\",\"state\":null,"
                        "\"_additional\":{\"id\":\"01900000-0000-7000-8000-000000000005\"},"
                        "\"model\":\"tiny\",\"prompt\":\"p\",\"completion\":\"\",\"tokens_out\":7,"
                        "\"finish_reason\":\"stop\",\"status\":200,\"complete\":true,"
                        "\"aborted\":false,\"truncated\":true,\"withheld\":false,"
                        "\"started\":\"2023-11-14T22:13:20.000Z\","
                        "\"ended\":\"2023-11-14T22:13:21.000Z\"}");
}

static void pages_have_a_cursor_when_there_is_more(void **state)
{
    struct event events[2] = {rows_event(2, "u", "x"), rows_event(1, "u", "y")};
    struct event_page page = {.events = events, .count = 2, .has_more = true};
    struct backend_query query = {.limit = 1};
    struct buffer buffer;
    struct json_value value;
    struct failure failure;
    buffer_init(&buffer, 1 << 20);
    event_append_page(&buffer, &page);
    assert_int_equal(json_parse(buffer_slice(&buffer), JSON_DUPLICATES_REFUSED, &value, &failure),
                     STATUS_OK);
    struct json_value cursor = json_member(value, "cursor");
    assert_int_equal(cursor.kind, JSON_STRING);
    assert_true(
        event_cursor_parse(slice_make(cursor.text.data + 1, cursor.text.length - 2), &query));
    assert_true(query.has_before);
    assert_true(query.before_us == events[1].timestamp_us);
    assert_string_equal(query.before_id, events[1].id);
    assert_int_equal(
        json_member(json_member(json_member(value, "data"), "Get"), "MemoryEvent").kind,
        JSON_ARRAY);
    buffer_reset(&buffer);
    page = (struct event_page){.count = 0};
    event_append_page(&buffer, &page);
    assert_true(slice_equals(buffer_slice(&buffer),
                             SLICE("{\"data\":{\"Get\":{\"MemoryEvent\":[]}},\"cursor\":null}")));
    buffer_clear(&buffer);
}

static void only_our_cursors_are_read(void **state)
{
    struct event event = rows_event(77, "u", "x");
    struct buffer buffer;
    buffer_init(&buffer, 256);
    event.timestamp_us = -3;
    event_append_cursor(&buffer, &event);
    struct backend_query query = {.limit = 1};
    assert_true(event_cursor_parse(buffer_slice(&buffer), &query));
    assert_true(query.before_us == -3);
    for (size_t i = 0; i < buffer.length; i++) {
        assert_false(event_cursor_parse(slice_make(buffer.data, i), &query));
        char kept = buffer.data[i];
        buffer.data[i] = '"';
        assert_false(event_cursor_parse(buffer_slice(&buffer), &query));
        buffer.data[i] = kept;
    }
    assert_false(event_cursor_parse(SLICE(""), &query));
    buffer_append_byte(&buffer, 'A');
    assert_false(event_cursor_parse(buffer_slice(&buffer), &query));
    buffer_clear(&buffer);
}

static void ids_have_one_form(void **state)
{
    assert_true(event_id_is_sound(SLICE("01900000-0000-7000-8000-0000000000ff")));
    assert_false(event_id_is_sound(SLICE("01900000-0000-7000-8000-0000000000FF")));
    assert_false(event_id_is_sound(SLICE("01900000-0000-7000-8000-0000000000f")));
    assert_false(event_id_is_sound(SLICE("01900000-0000-7000-8000-0000000000fff")));
    assert_false(event_id_is_sound(SLICE("01900000x0000-7000-8000-0000000000ff")));
    assert_false(event_id_is_sound(SLICE("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_original_members_are_always_there),
        cmocka_unit_test(tasks_and_logs_have_theirs),
        cmocka_unit_test(exchanges_have_theirs),
        cmocka_unit_test(pages_have_a_cursor_when_there_is_more),
        cmocka_unit_test(only_our_cursors_are_read),
        cmocka_unit_test(ids_have_one_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

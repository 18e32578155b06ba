/* SPDX-License-Identifier: MIT
 *
 * temporal_messages_test.c - requests read back field by field, and every kind of ending. That the
 * field numbers are Temporal's own is shown by tests/peers/temporal.test.mjs. */
#include "a2a/temporal_messages.h"

#include "a2a/protobuf.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct slice bytes_at(struct slice message, uint32_t number)
{
    struct slice bytes;
    assert_true(protobuf_find_bytes(message, number, &bytes));
    return bytes;
}

static uint64_t uint_at(struct slice message, uint32_t number)
{
    uint64_t value;
    assert_true(protobuf_find_uint(message, number, &value));
    return value;
}

static void assert_slice(struct slice actual, const char *expected)
{
    assert_true(slice_equals(actual, slice_from_string(expected)));
}

/* The JSON of the entry <name> of a Memo or Header. */
static struct slice entry_json(struct slice names, const char *name)
{
    struct protobuf_walk walk = protobuf_walk_begin(names);
    struct protobuf_field field;
    while (protobuf_walk_next(&walk, &field)) {
        if (slice_equals(bytes_at(field.bytes, 1), slice_from_string(name))) {
            struct slice payload = bytes_at(field.bytes, 2);
            assert_slice(bytes_at(bytes_at(payload, 1), 2), "json/plain");
            return bytes_at(payload, 2);
        }
    }
    fail();
    return SLICE("");
}

static void a_start_says_what_and_for_whom(void **state)
{
    struct temporal_settings settings = {.name_space = "production", .task_queue = "queue"};
    struct temporal_call call = {.task_id = SLICE("t-1"),
                                 .workflow_type = SLICE("ProcessChat"),
                                 .input = SLICE("[1]"),
                                 .user = SLICE("a\"b"),
                                 .session = SLICE("s-1"),
                                 .timeout_ms = 61500};
    struct buffer buffer;
    buffer_init(&buffer, 4096);
    temporal_write_start(&buffer, &settings, &call);
    struct slice message = buffer_slice(&buffer);
    assert_true(protobuf_is_sound(message));
    assert_slice(bytes_at(message, 1), "production");
    assert_slice(bytes_at(message, 2), "t-1");
    assert_slice(bytes_at(bytes_at(message, 3), 1), "ProcessChat");
    assert_slice(bytes_at(bytes_at(message, 4), 1), "queue");
    assert_slice(bytes_at(bytes_at(bytes_at(message, 5), 1), 2), "[1]");
    assert_int_equal(uint_at(bytes_at(message, 6), 1), 61);
    assert_int_equal(uint_at(bytes_at(message, 6), 2), 500000000);
    assert_slice(bytes_at(message, 10), "t-1");
    assert_int_equal(uint_at(message, 11), 3);
    for (uint32_t number = 14; number <= 16; number += 2) {
        assert_slice(entry_json(bytes_at(message, number), "attach-user"), "\"a\\\"b\"");
        assert_slice(entry_json(bytes_at(message, number), "attach-session"), "\"s-1\"");
        assert_slice(entry_json(bytes_at(message, number), "attach-task"), "\"t-1\"");
    }
    buffer_clear(&buffer);
}

static void polls_and_cancels_name_the_workflow(void **state)
{
    struct buffer buffer;
    struct slice absent;
    buffer_init(&buffer, 4096);
    temporal_write_history(&buffer, SLICE("n"), SLICE("t"), SLICE("r"), SLICE("token"));
    struct slice message = buffer_slice(&buffer);
    assert_slice(bytes_at(message, 1), "n");
    assert_slice(bytes_at(bytes_at(message, 2), 1), "t");
    assert_slice(bytes_at(bytes_at(message, 2), 2), "r");
    assert_slice(bytes_at(message, 4), "token");
    assert_int_equal(uint_at(message, 5), 1);
    assert_int_equal(uint_at(message, 6), 2);
    buffer_reset(&buffer);
    temporal_write_history(&buffer, SLICE("n"), SLICE("t"), SLICE(""), SLICE(""));
    assert_false(protobuf_find_bytes(buffer_slice(&buffer), 4, &absent));
    assert_false(protobuf_find_bytes(bytes_at(buffer_slice(&buffer), 2), 2, &absent));
    buffer_reset(&buffer);
    temporal_write_cancel(&buffer, SLICE("n"), SLICE("t"));
    assert_slice(bytes_at(bytes_at(buffer_slice(&buffer), 2), 1), "t");
    buffer_clear(&buffer);
}

/* --- endings --- */

/* A history of one event with these attributes. */
static void write_history(struct buffer *buffer, uint64_t type, uint32_t number,
                          struct slice attributes)
{
    size_t history = protobuf_begin(buffer, 1);
    size_t event = protobuf_begin(buffer, 1);
    protobuf_write_uint(buffer, 1, 9);
    protobuf_write_uint(buffer, 3, type);
    protobuf_write_bytes(buffer, number, attributes);
    protobuf_end(buffer, event);
    protobuf_end(buffer, history);
}

static void write_payloads(struct buffer *buffer, struct slice encoding, struct slice data)
{
    size_t payloads = protobuf_begin(buffer, 1);
    size_t payload = protobuf_begin(buffer, 1);
    size_t other = protobuf_begin(buffer, 1);
    protobuf_write_bytes(buffer, 1, SLICE("messageType"));
    protobuf_write_bytes(buffer, 2, SLICE("x"));
    protobuf_end(buffer, other);
    size_t entry = protobuf_begin(buffer, 1);
    protobuf_write_bytes(buffer, 1, SLICE("encoding"));
    protobuf_write_bytes(buffer, 2, encoding);
    protobuf_end(buffer, entry);
    protobuf_write_bytes(buffer, 2, data);
    protobuf_end(buffer, payload);
    protobuf_end(buffer, payloads);
}

static void check_ending(uint64_t type, uint32_t number, struct slice attributes,
                         enum temporal_end end, const char *text)
{
    struct buffer buffer;
    struct buffer result;
    struct buffer message;
    struct temporal_history history;
    buffer_init(&buffer, 100000);
    buffer_init(&result, 100000);
    buffer_init(&message, 100000);
    write_history(&buffer, type, number, attributes);
    assert_int_equal(temporal_read_history(buffer_slice(&buffer), &history), STATUS_OK);
    assert_true(history.closed);
    assert_int_equal(history.next_run.length, 0);
    assert_int_equal(temporal_describe(&history, &result, &message), end);
    assert_slice(buffer_slice(end == TEMPORAL_COMPLETED ? &result : &message), text);
    buffer_clear(&buffer);
    buffer_clear(&result);
    buffer_clear(&message);
}

static void results_are_json(void **state)
{
    static const struct {
        struct slice encoding;
        struct slice data;
        enum temporal_end end;
        const char *text;
    } rows[] = {
        {SLICE("json/plain"), SLICE(" {\"a\":[1]} "), TEMPORAL_COMPLETED, "{\"a\":[1]}"},
        {SLICE("json/protobuf"), SLICE("{}"), TEMPORAL_COMPLETED, "{}"},
        {SLICE("binary/null"), SLICE(""), TEMPORAL_COMPLETED, "null"},
        {SLICE("binary/plain"), SLICE("\1\2\3"), TEMPORAL_COMPLETED,
         "{\"encoding\":\"binary/plain\",\"bytes\":3}"},
        {SLICE("odd\"one"), SLICE("x"), TEMPORAL_COMPLETED,
         "{\"encoding\":\"odd\\\"one\",\"bytes\":1}"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buffer attributes;
        buffer_init(&attributes, 1024);
        write_payloads(&attributes, rows[i].encoding, rows[i].data);
        check_ending(2, 7, buffer_slice(&attributes), rows[i].end, rows[i].text);
        buffer_clear(&attributes);
    }
    check_ending(2, 7, SLICE(""), TEMPORAL_COMPLETED, "null");
}

static void a_result_that_lies_about_itself_is_a_failure(void **state)
{
    struct buffer attributes;
    struct temporal_history history = {.closed = true, .end = TEMPORAL_COMPLETED};
    struct buffer result;
    struct buffer message;
    buffer_init(&attributes, 1024);
    buffer_init(&result, 1024);
    buffer_init(&message, 1024);
    write_payloads(&attributes, SLICE("json/plain"), SLICE("{\"a\":"));
    history.attributes = buffer_slice(&attributes);
    assert_int_equal(temporal_describe(&history, &result, &message), TEMPORAL_FAILED);
    assert_int_equal(result.length, 0);
    assert_true(
        slice_starts_with(buffer_slice(&message), SLICE("the workflow's result is not JSON: ")));
    buffer_clear(&attributes);
    buffer_clear(&result);
    buffer_clear(&message);
}

static void other_endings_are_said_in_words(void **state)
{
    /* Failure{message, cause{message}} */
    check_ending(3, 8, SLICE("\x0a\x10\x0a\x05outer\x22\x07\x0a\x05inner"), TEMPORAL_FAILED,
                 "workflow failed: outer: inner");
    check_ending(3, 8, SLICE(""), TEMPORAL_FAILED, "workflow failed");
    check_ending(4, 9, SLICE("\x08\x03"), TEMPORAL_TIMED_OUT, "workflow timed out");
    check_ending(21, 29, SLICE(""), TEMPORAL_CANCELED, "workflow was canceled");
    check_ending(27, 27,
                 SLICE("\x0a\x05"
                       "enemy"),
                 TEMPORAL_TERMINATED, "workflow was terminated: enemy");
}

static void causes_are_not_told_without_end(void **state)
{
    struct buffer nested;
    struct buffer outer;
    struct buffer message;
    struct buffer result;
    buffer_init(&nested, 100000);
    buffer_init(&outer, 100000);
    buffer_init(&message, 100000);
    buffer_init(&result, 16);
    for (unsigned depth = 0; depth < 100; depth++) {
        buffer_reset(&outer);
        protobuf_write_bytes(&outer, 1, SLICE("x"));
        protobuf_write_bytes(&outer, 4, buffer_slice(&nested));
        buffer_reset(&nested);
        buffer_append(&nested, buffer_slice(&outer));
    }
    buffer_reset(&outer);
    protobuf_write_bytes(&outer, 1, buffer_slice(&nested));
    struct temporal_history history = {.end = TEMPORAL_FAILED, .attributes = buffer_slice(&outer)};
    assert_int_equal(temporal_describe(&history, &result, &message), TEMPORAL_FAILED);
    assert_slice(buffer_slice(&message), "workflow failed: x: x: x: x: x: x: x: x");
    buffer_clear(&nested);
    buffer_clear(&outer);
    buffer_clear(&message);
    buffer_clear(&result);
}

static void another_run_goes_on(void **state)
{
    static const struct {
        uint64_t type;
        uint32_t number;
        struct slice attributes;
    } rows[] = {
        {28, 33, SLICE("\x0a\x02r2")},
        {2, 7, SLICE("\x1a\x02r2")},
        {3, 8, SLICE("\x22\x02r2")},
        {4, 9, SLICE("\x12\x02r2")},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buffer buffer;
        struct temporal_history history;
        buffer_init(&buffer, 1024);
        write_history(&buffer, rows[i].type, rows[i].number, rows[i].attributes);
        assert_int_equal(temporal_read_history(buffer_slice(&buffer), &history), STATUS_OK);
        assert_true(history.closed);
        assert_slice(history.next_run, "r2");
        buffer_clear(&buffer);
    }
}

static void what_does_not_close_is_passed_over(void **state)
{
    struct buffer buffer;
    struct temporal_history history;
    buffer_init(&buffer, 1024);
    write_history(&buffer, 1, 6, SLICE(""));
    protobuf_write_bytes(&buffer, 3, SLICE("token"));
    assert_int_equal(temporal_read_history(buffer_slice(&buffer), &history), STATUS_OK);
    assert_false(history.closed);
    assert_slice(history.page_token, "token");
    assert_int_equal(temporal_read_history(SLICE(""), &history), STATUS_OK);
    assert_false(history.closed);
    buffer_clear(&buffer);
}

static void a_history_may_come_as_a_blob(void **state)
{
    struct buffer history_bytes;
    struct buffer buffer;
    struct temporal_history history;
    struct slice inner;
    buffer_init(&history_bytes, 1024);
    buffer_init(&buffer, 1024);
    write_history(&history_bytes, 21, 29, SLICE(""));
    inner = bytes_at(buffer_slice(&history_bytes), 1);
    for (uint64_t encoding = 1; encoding <= 2; encoding++) {
        buffer_reset(&buffer);
        size_t blob = protobuf_begin(&buffer, 2);
        protobuf_write_uint(&buffer, 1, encoding);
        protobuf_write_bytes(&buffer, 2, inner);
        protobuf_end(&buffer, blob);
        assert_int_equal(temporal_read_history(buffer_slice(&buffer), &history),
                         encoding == 1 ? STATUS_OK : STATUS_INVALID);
    }
    assert_int_equal(history.end, TEMPORAL_CANCELED);
    buffer_clear(&history_bytes);
    buffer_clear(&buffer);
}

static void broken_messages_are_refused(void **state)
{
    static const struct slice broken[] = {
        SLICE("\x0a"),
        SLICE("\x0a\x02\x0a\x05"),                     /* event cut off */
        SLICE("\x0a\x03\x0a\x01\xff"),                 /* event unreadable */
        SLICE("\x0a\x07\x0a\x05\x18\x02\x3a\x01\xff"), /* attributes unreadable */
        SLICE("\x0a\x04\x0a\x02\x18\x1c"),             /* continued as nothing */
    };
    struct slice run_id = SLICE("untouched");
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        struct temporal_history history;
        assert_int_equal(temporal_read_history(broken[i], &history), STATUS_INVALID);
    }
    assert_int_equal(temporal_read_start(SLICE("\x0a\x05x"), &run_id), STATUS_INVALID);
    assert_slice(run_id, "untouched");
    assert_int_equal(temporal_read_start(SLICE("\x0a\x02r1\x18\x01"), &run_id), STATUS_OK);
    assert_slice(run_id, "r1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_start_says_what_and_for_whom),
        cmocka_unit_test(polls_and_cancels_name_the_workflow),
        cmocka_unit_test(results_are_json),
        cmocka_unit_test(a_result_that_lies_about_itself_is_a_failure),
        cmocka_unit_test(other_endings_are_said_in_words),
        cmocka_unit_test(causes_are_not_told_without_end),
        cmocka_unit_test(another_run_goes_on),
        cmocka_unit_test(what_does_not_close_is_passed_over),
        cmocka_unit_test(a_history_may_come_as_a_blob),
        cmocka_unit_test(broken_messages_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

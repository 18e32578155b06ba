/* SPDX-License-Identifier: MIT
 *
 * wire_test.c - the exact bytes of tasks, events, pages, webhooks and errors in each form. */
#include "a2a/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct wire_task_options everything = {.history_length = -1, .with_artifacts = true};

static struct task sample(void)
{
    return (struct task){
        .id = "00000000000000000000000000000001",
        .context_id = SLICE("ctx"),
        .form = TASK_MESSAGE,
        .input = SLICE("{\"role\":\"user\",\"messageId\":\"m1\",\"parts\":[{\"text\":\"hi\"}]}"),
        .state = TASK_COMPLETED,
        .result = SLICE("{\"message\":{\"content\":\"yo\\n\"}}"),
        .created_us = 1769860800000000,
        .updated_us = 1769860800123456,
        .ended_us = 1769860800123456,
    };
}

static void expect(struct buffer *buffer, const char *text)
{
    struct json_value value;
    struct failure failure = {""};
    assert_false(buffer->failed);
    if (!slice_equals(buffer_slice(buffer), slice_from_string(text))) {
        fail_msg("%.*s\nis not\n%s", SLICE_ARGS(buffer_slice(buffer)), text);
    }
    assert_int_equal(json_parse(buffer_slice(buffer), JSON_DUPLICATES_REFUSED, &value, &failure),
                     STATUS_OK);
    buffer_clear(buffer);
}

#define ID "00000000000000000000000000000001"

static void a_task_in_each_form(void **state)
{
    struct task task = sample();
    struct buffer buffer;
    buffer_init(&buffer, 64 * 1024);
    wire_append_task(&buffer, WIRE_LEGACY, &task, everything);
    expect(&buffer,
           "{\"kind\":\"task\",\"id\":\"" ID "\",\"contextId\":\"ctx\",\"status\":{\"state\":"
           "\"completed\",\"timestamp\":\"2026-01-31T12:00:00.123Z\"},\"artifacts\":[{"
           "\"artifactId\":\"result\",\"name\":\"result\",\"parts\":[{\"kind\":\"text\",\"text\":"
           "\"yo\\n\"}]}],\"history\":[{\"kind\":\"message\",\"messageId\":\"m1\",\"contextId\":"
           "\"ctx\",\"taskId\":\"" ID "\",\"role\":\"user\",\"parts\":[{\"kind\":\"text\",\"text\":"
           "\"hi\"}]}]}");
    wire_append_task(&buffer, WIRE_LEGACY_REST, &task, everything);
    expect(
        &buffer,
        "{\"id\":\"" ID "\",\"contextId\":\"ctx\",\"status\":{\"state\":\"TASK_STATE_COMPLETED\","
        "\"timestamp\":\"2026-01-31T12:00:00.123Z\"},\"artifacts\":[{\"artifactId\":\"result\","
        "\"name\":\"result\",\"parts\":[{\"text\":\"yo\\n\"}]}],\"history\":[{\"messageId\":"
        "\"m1\",\"contextId\":\"ctx\",\"taskId\":\"" ID "\",\"role\":\"ROLE_USER\",\"content\":[{"
        "\"text\":\"hi\"}]}]}");
    wire_append_sent(&buffer, WIRE_CURRENT, &task, everything);
    expect(&buffer,
           "{\"task\":{\"id\":\"" ID "\",\"contextId\":\"ctx\",\"status\":{\"state\":"
           "\"TASK_STATE_COMPLETED\",\"timestamp\":\"2026-01-31T12:00:00.123Z\"},\"artifacts\":[{"
           "\"artifactId\":\"result\",\"name\":\"result\",\"parts\":[{\"text\":\"yo\\n\"}]}],"
           "\"history\":[{\"messageId\":\"m1\",\"contextId\":\"ctx\",\"taskId\":\"" ID
           "\",\"role\":"
           "\"ROLE_USER\",\"parts\":[{\"text\":\"hi\"}]}]}}");
}

static bool has(struct buffer *buffer, const char *text)
{
    return memmem(buffer->data, buffer->length, text, strlen(text)) != NULL;
}

static void failures_say_why(void **state)
{
    struct task task = sample();
    struct buffer buffer;
    task.state = TASK_FAILED;
    task.detail = SLICE("the target answered \"500\"");
    buffer_init(&buffer, 64 * 1024);
    wire_append_task(&buffer, WIRE_CURRENT, &task, everything);
    assert_true(has(&buffer, "\"state\":\"TASK_STATE_FAILED\",\"message\":{\"messageId\":\"" ID
                             "-status\""));
    assert_true(has(&buffer, "{\"text\":\"the target answered \\\"500\\\"\"}"));
    assert_false(has(&buffer, "artifacts")); /* an empty array must not be there */
    buffer_clear(&buffer);
    wire_append_plain_status(&buffer, &task);
    assert_true(has(&buffer, "{\"state\":\"error\",\"result\":{\"detail\":\"the target answered "
                             "\\\"500\\\"\"},\"created\":1769860800.000000,"));
    buffer_clear(&buffer);
    task.state = TASK_CANCELED;
    task.detail = (struct slice){NULL, 0};
    wire_append_plain_status(&buffer, &task);
    assert_true(has(&buffer, "\"result\":{\"detail\":\"canceled\"}"));
    buffer_clear(&buffer);
}

static void the_originals_shapes(void **state)
{
    struct task task = sample();
    struct buffer buffer;
    buffer_init(&buffer, 4096);
    wire_append_plain_sent(&buffer, &task);
    expect(&buffer, "{\"task_id\":\"" ID "\",\"state\":\"queued\"}");
    task.state = TASK_SUBMITTED;
    task.result = (struct slice){NULL, 0};
    wire_append_plain_status(&buffer, &task);
    expect(&buffer, "{\"state\":\"queued\",\"result\":null,\"created\":1769860800.000000,"
                    "\"task_id\":\"" ID "\",\"target\":\"\",\"context_id\":\"ctx\"}");
}

static void what_an_agent_gave_is_written_again(void **state)
{
    struct task task = sample();
    struct buffer buffer;
    task.result_is_a2a = true;
    task.result = SLICE(
        "{\"kind\":\"task\",\"id\":\"r\",\"status\":{\"state\":\"completed\",\"message\":{\"role\":"
        "\"agent\",\"messageId\":\"s\",\"taskId\":\"r\",\"parts\":[{\"kind\":\"text\",\"text\":"
        "\"ok\"}]}},\"artifacts\":[{\"artifactId\":\"a\",\"parts\":[{\"kind\":\"file\",\"file\":{"
        "\"bytes\":\"QQ==\",\"mimeType\":\"x/y\",\"name\":\"n\"}}]},{\"broken\":1},{\"parts\":[{"
        "\"kind\":\"data\",\"data\":{\"k\":1},\"metadata\":{}}]}]}");
    buffer_init(&buffer, 64 * 1024);
    struct wire_task_options options = {.history_length = 0, .with_artifacts = true};
    wire_append_task(&buffer, WIRE_CURRENT, &task, options);
    expect(&buffer,
           "{\"id\":\"" ID
           "\",\"contextId\":\"ctx\",\"status\":{\"state\":\"TASK_STATE_COMPLETED\","
           "\"message\":{\"messageId\":\"s\",\"contextId\":\"ctx\",\"taskId\":\"" ID "\",\"role\":"
           "\"ROLE_AGENT\",\"parts\":[{\"text\":\"ok\"}]},\"timestamp\":"
           "\"2026-01-31T12:00:00.123Z\"},\"artifacts\":[{\"artifactId\":\"a\",\"parts\":[{\"raw\":"
           "\"QQ==\",\"filename\":\"n\",\"mediaType\":\"x/y\"}]},{\"artifactId\":\"artifact-1\","
           "\"parts\":[{\"data\":{\"k\":1},\"metadata\":{}}]}]}");
    task.result = SLICE("{\"message\":{\"role\":\"ROLE_AGENT\",\"messageId\":\"s\",\"parts\":[{"
                        "\"url\":\"http://x/\"}]}}");
    assert_true(wire_append_artifact_event(&buffer, WIRE_LEGACY, &task, 0));
    expect(&buffer, "{\"kind\":\"artifact-update\",\"taskId\":\"" ID "\",\"contextId\":\"ctx\","
                    "\"artifact\":{\"artifactId\":\"artifact-0\",\"parts\":[{\"kind\":\"file\","
                    "\"file\":{\"uri\":\"http://x/\"}}]},\"lastChunk\":true}");
    assert_false(wire_append_artifact_event(&buffer, WIRE_LEGACY, &task, 1));
    assert_int_equal(buffer.length, 0);
    buffer_clear(&buffer);
}

static void events_of_a_stream(void **state)
{
    struct task task = sample();
    struct buffer buffer;
    buffer_init(&buffer, 64 * 1024);
    wire_append_status_event(&buffer, WIRE_LEGACY, &task, true);
    expect(&buffer, "{\"kind\":\"status-update\",\"taskId\":\"" ID "\",\"contextId\":\"ctx\","
                    "\"status\":{\"state\":\"completed\",\"timestamp\":"
                    "\"2026-01-31T12:00:00.123Z\"},\"final\":true}");
    wire_append_status_event(&buffer, WIRE_CURRENT, &task, true);
    expect(&buffer, "{\"statusUpdate\":{\"taskId\":\"" ID "\",\"contextId\":\"ctx\",\"status\":{"
                    "\"state\":\"TASK_STATE_COMPLETED\",\"timestamp\":"
                    "\"2026-01-31T12:00:00.123Z\"}}}");
    assert_true(wire_append_artifact_event(&buffer, WIRE_CURRENT, &task, 0));
    expect(&buffer,
           "{\"artifactUpdate\":{\"taskId\":\"" ID "\",\"contextId\":\"ctx\",\"artifact\":{"
           "\"artifactId\":\"result\",\"name\":\"result\",\"parts\":[{\"text\":\"yo\\n\"}]},"
           "\"lastChunk\":true}}");
    assert_false(wire_append_artifact_event(&buffer, WIRE_CURRENT, &task, 1));
    buffer_clear(&buffer);
}

static void history_is_cut_from_the_front(void **state)
{
    struct task task = sample();
    struct buffer buffer;
    task.history = SLICE("[{\"role\":\"user\",\"messageId\":\"m0\",\"parts\":[{\"text\":\"a\"}]},"
                         "{\"role\":\"agent\",\"messageId\":\"q0\",\"parts\":[{\"text\":\"b\"}]}]");
    buffer_init(&buffer, 64 * 1024);
    for (int64_t length = -1; length <= 4; length++) {
        struct wire_task_options options = {.history_length = length};
        wire_append_task(&buffer, WIRE_CURRENT, &task, options);
        assert_int_equal(has(&buffer, "\"m0\""), length == -1 || length >= 3);
        assert_int_equal(has(&buffer, "\"q0\""), length == -1 || length >= 2);
        assert_int_equal(has(&buffer, "\"m1\""), length != 0);
        assert_int_equal(has(&buffer, "\"history\""), length != 0);
        buffer_clear(&buffer);
    }
    task = sample();
    task.form = TASK_CHAT;
    task.input = SLICE("{\"messages\":[]}");
    wire_append_task(&buffer, WIRE_LEGACY, &task, everything);
    assert_true(has(&buffer, "\"parts\":[{\"kind\":\"data\",\"data\":{\"messages\":[]}}]"));
    buffer_clear(&buffer);
}

static void pages_and_webhooks(void **state)
{
    struct task task = sample();
    struct task_job job = {.tasks = &task, .tasks_count = 1, .total = 3, .query = {.limit = 1}};
    struct buffer buffer;
    buffer_init(&buffer, 64 * 1024);
    memcpy(job.token, "7.x", 4);
    struct wire_task_options options = {.history_length = 0};
    wire_append_page(&buffer, WIRE_CURRENT, &job, options);
    expect(&buffer, "{\"tasks\":[{\"id\":\"" ID "\",\"contextId\":\"ctx\",\"status\":{\"state\":"
                    "\"TASK_STATE_COMPLETED\",\"timestamp\":\"2026-01-31T12:00:00.123Z\"}}],"
                    "\"nextPageToken\":\"7.x\",\"pageSize\":1,\"totalSize\":3}");
    struct task_push push = {.task_id = ID,
                             .id = SLICE("p\""),
                             .url = SLICE("http://x/"),
                             .token = SLICE("t"),
                             .scheme = SLICE("Basic"),
                             .credentials = SLICE("c")};
    wire_append_push(&buffer, WIRE_CURRENT, &push);
    expect(&buffer, "{\"taskId\":\"" ID "\",\"id\":\"p\\\"\",\"url\":\"http://x/\",\"token\":\"t\","
                    "\"authentication\":{\"scheme\":\"Basic\",\"credentials\":\"c\"}}");
    wire_append_push(&buffer, WIRE_LEGACY, &push);
    expect(&buffer, "{\"taskId\":\"" ID "\",\"pushNotificationConfig\":{\"id\":\"p\\\"\",\"url\":"
                    "\"http://x/\",\"token\":\"t\",\"authentication\":{\"schemes\":[\"Basic\"],"
                    "\"credentials\":\"c\"}}}");
    wire_append_push(&buffer, WIRE_LEGACY_REST, &push);
    assert_true(has(&buffer, "{\"name\":\"tasks/" ID "/pushNotificationConfigs/p\\\"\","));
    buffer_clear(&buffer);
    wire_append_pushes(&buffer, WIRE_CURRENT, &push, 0);
    expect(&buffer, "{\"configs\":[],\"nextPageToken\":\"\"}");
    wire_append_pushes(&buffer, WIRE_LEGACY, &push, 0);
    expect(&buffer, "[]");
}

/* a2a.proto had two L before 1.0; the clients of 0.3 know no other word. */
static void canceled_is_spelled_as_each_form_has_it(void **state)
{
    static const char *const words[] = {
        [WIRE_LEGACY] = "\"state\":\"canceled\"",
        [WIRE_LEGACY_REST] = "\"state\":\"TASK_STATE_CANCELLED\"",
        [WIRE_CURRENT] = "\"state\":\"TASK_STATE_CANCELED\"",
    };
    struct task task = sample();
    struct wire_task_options bare = {0};
    struct buffer buffer;
    buffer_init(&buffer, 4096);
    task.state = TASK_CANCELED;
    task.result = (struct slice){NULL, 0};
    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        wire_append_task(&buffer, (enum wire_form)i, &task, bare);
        assert_true(has(&buffer, words[i]));
        buffer_clear(&buffer);
    }
}

static void errors_by_the_tables(void **state)
{
    struct buffer buffer;
    buffer_init(&buffer, 4096);
    wire_append_error(&buffer, SLICE("7"), A2A_UNKNOWN_TASK, "");
    expect(&buffer,
           "{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{\"code\":-32001,\"message\":\"unknown task\","
           "\"data\":[{\"@type\":\"type.googleapis.com/google.rpc.ErrorInfo\",\"reason\":"
           "\"TASK_NOT_FOUND\",\"domain\":\"a2a-protocol.org\",\"metadata\":{}}]}}");
    wire_append_error(&buffer, SLICE(""), A2A_NOT_JSON, NULL);
    expect(&buffer, "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,\"message\":"
                    "\"Invalid JSON payload\",\"data\":[]}}");
    wire_append_rest_error(&buffer, WIRE_CURRENT, A2A_INVALID, "a \"b\"");
    expect(&buffer, "{\"error\":{\"code\":400,\"status\":\"INVALID_ARGUMENT\",\"message\":"
                    "\"a \\\"b\\\"\",\"details\":[{\"@type\":\"type.googleapis.com/google.rpc."
                    "BadRequest\",\"fieldViolations\":[{\"field\":\"\",\"description\":"
                    "\"a \\\"b\\\"\"}]}]}}");
    wire_append_rest_error(&buffer, WIRE_LEGACY_REST, A2A_NOT_CANCELABLE, NULL);
    expect(&buffer, "{\"code\":-32002,\"message\":\"the task has ended\"}");
    for (unsigned i = A2A_OK + 1; i < A2A_OUTCOME_COUNT; i++) {
        const struct a2a_outcome_row *row = a2a_outcome_row((enum a2a_outcome)i);
        assert_true(row->status >= 400 && row->rest_status >= 400 && row->rpc_code < 0);
        assert_true(row->text[0] != '\0' && row->state[0] != '\0');
    }
    wire_append_result_begin(&buffer, SLICE("\"x\""));
    buffer_append_string(&buffer, "null");
    wire_append_result_end(&buffer);
    expect(&buffer, "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"result\":null}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_in_each_form),
        cmocka_unit_test(failures_say_why),
        cmocka_unit_test(the_originals_shapes),
        cmocka_unit_test(what_an_agent_gave_is_written_again),
        cmocka_unit_test(events_of_a_stream),
        cmocka_unit_test(history_is_cut_from_the_front),
        cmocka_unit_test(pages_and_webhooks),
        cmocka_unit_test(canceled_is_spelled_as_each_form_has_it),
        cmocka_unit_test(errors_by_the_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * outgoing_test.c - bodies to targets of each kind, and what their replies make of a task. */
#include "a2a/outgoing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { bytes_max = 4096 };

static struct task chat_task(const char *input)
{
    return (struct task){.id = "00000000000000000000000000000001",
                         .form = TASK_CHAT,
                         .input = slice_from_string(input)};
}

static void expect(struct buffer *buffer, const char *text)
{
    assert_false(buffer->failed);
    if (!slice_equals(buffer_slice(buffer), slice_from_string(text))) {
        fail_msg("%.*s\nis not\n%s", SLICE_ARGS(buffer_slice(buffer)), text);
    }
    buffer_clear(buffer);
}

static void expect_body(const struct task *task, enum task_target_kind kind,
                        enum task_target_protocol protocol, const char *text)
{
    struct task_target target = {.kind = kind, .protocol = protocol};
    struct buffer buffer;
    buffer_init(&buffer, bytes_max);
    assert_int_equal(outgoing_append_body(task, &target, SLICE("m"), &buffer, NULL), STATUS_OK);
    expect(&buffer, text);
}

static void bodies_fit_their_targets(void **state)
{
    struct task task = chat_task("{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}] }");
    expect_body(&task, TASK_TARGET_AGENT, PROTOCOL_CHAT,
                "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}] }"); /* byte for byte */
    expect_body(&task, TASK_TARGET_ENGINE, PROTOCOL_CHAT,
                "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}] ,\"model\":\"m\","
                "\"stream\":false}");
    expect_body(&task, TASK_TARGET_AGENT, PROTOCOL_A2A_LEGACY,
                "{\"jsonrpc\":\"2.0\",\"id\":\"1\",\"method\":\"message/send\",\"params\":{"
                "\"message\":{\"kind\":\"message\",\"role\":\"user\",\"messageId\":"
                "\"00000000000000000000000000000001-0\",\"parts\":[{\"kind\":\"text\",\"text\":"
                "\"hi\"}]},\"configuration\":{\"blocking\":true}}}");
    task.input = SLICE("{\"steps\":[1]}");
    task.remote_id = SLICE("r");
    task.remote_context_id = SLICE("c");
    expect_body(&task, TASK_TARGET_AGENT, PROTOCOL_A2A_CURRENT,
                "{\"jsonrpc\":\"2.0\",\"id\":\"1\",\"method\":\"SendMessage\",\"params\":{"
                "\"message\":{\"role\":\"ROLE_USER\",\"messageId\":"
                "\"00000000000000000000000000000001-0\",\"taskId\":\"r\",\"contextId\":\"c\","
                "\"parts\":[{\"data\":{\"steps\":[1]}}]},\"configuration\":{}}}");
    struct buffer buffer;
    buffer_init(&buffer, bytes_max);
    outgoing_append_get(PROTOCOL_A2A_CURRENT, SLICE("r"), &buffer);
    expect(&buffer, "{\"jsonrpc\":\"2.0\",\"id\":\"1\",\"method\":\"GetTask\",\"params\":{\"id\":"
                    "\"r\"}}");
    outgoing_append_cancel(PROTOCOL_A2A_LEGACY, SLICE("r\""), &buffer);
    expect(&buffer, "{\"jsonrpc\":\"2.0\",\"id\":\"1\",\"method\":\"tasks/cancel\",\"params\":{"
                    "\"id\":\"r\\\"\"}}");
}

static void messages_with_files_go_to_a2a_agents_only(void **state)
{
    struct task task = chat_task("{\"role\":\"user\",\"messageId\":\"m\",\"parts\":[{\"url\":"
                                 "\"http://x/\"}],\"metadata\":{\"a\":1}}");
    struct task_target target = {.kind = TASK_TARGET_ENGINE};
    struct buffer buffer;
    task.form = TASK_MESSAGE;
    buffer_init(&buffer, bytes_max);
    assert_int_equal(outgoing_append_body(&task, &target, SLICE(""), &buffer, NULL),
                     STATUS_UNSUPPORTED);
    buffer_clear(&buffer);
    expect_body(&task, TASK_TARGET_AGENT, PROTOCOL_A2A_LEGACY,
                "{\"jsonrpc\":\"2.0\",\"id\":\"1\",\"method\":\"message/send\",\"params\":{"
                "\"message\":{\"kind\":\"message\",\"role\":\"user\",\"messageId\":"
                "\"00000000000000000000000000000001-0\",\"parts\":[{\"kind\":\"file\",\"file\":{"
                "\"uri\":\"http://x/\"}}],\"metadata\":{\"a\":1}},\"configuration\":{"
                "\"blocking\":true}}}");
}

static void workflows_get_the_messages(void **state)
{
    static const struct {
        const char *input, *argument;
    } cases[] = {
        {"{\"messages\":[{\"content\":\"a\"}],\"x\":1}", "[{\"content\":\"a\"}]"},
        {"{\"x\":1}", "{\"x\":1}"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct task task = chat_task(cases[i].input);
        struct buffer buffer;
        buffer_init(&buffer, bytes_max);
        assert_int_equal(outgoing_append_argument(&task, &buffer, NULL), STATUS_OK);
        expect(&buffer, cases[i].argument);
    }
    struct task task =
        chat_task("{\"role\":\"user\",\"messageId\":\"m\",\"parts\":[{\"text\":\"a\"}]}");
    struct buffer buffer;
    task.form = TASK_MESSAGE;
    buffer_init(&buffer, bytes_max);
    assert_int_equal(outgoing_append_argument(&task, &buffer, NULL), STATUS_OK);
    expect(&buffer, "[{\"role\":\"user\",\"content\":\"a\"}]");
}

static void the_receiving_agent_is_the_first_actor(void **state)
{
    struct task task = chat_task("{}");
    struct task_target target = {.name = SLICE("coder")};
    struct buffer buffer;
    buffer_init(&buffer, bytes_max);
    outgoing_append_actors(&task, &target, &buffer);
    expect(&buffer, "[\"coder\"]");
    task.actors = SLICE("[]");
    outgoing_append_actors(&task, &target, &buffer);
    expect(&buffer, "[\"coder\"]");
    task.actors = SLICE("[\"planner\",\"http://x/\"]");
    outgoing_append_actors(&task, &target, &buffer);
    expect(&buffer, "[\"coder\",\"planner\",\"http://x/\"]");
}

static void replies_make_a_state(void **state)
{
    static const struct {
        enum task_target_protocol protocol;
        unsigned code;
        const char *body;
        enum task_state state;
        const char *detail; /* its beginning */
    } cases[] = {
        {PROTOCOL_CHAT, 200, "{\"a\":1}", TASK_COMPLETED, ""},
        {PROTOCOL_CHAT, 201, "null", TASK_COMPLETED, ""},
        {PROTOCOL_CHAT, 200, "", TASK_FAILED, "the target's answer is not JSON"},
        {PROTOCOL_CHAT, 200, "<html>", TASK_FAILED, "the target's answer is not JSON"},
        {PROTOCOL_CHAT, 200, "{\"response\":\"a\"}\n{\"error\":\"oops\"}", TASK_FAILED,
         "the target broke off: oops"},
        {PROTOCOL_CHAT, 307, "{}", TASK_FAILED, "the target redirects (HTTP 307)"},
        {PROTOCOL_CHAT, 404, "{}", TASK_FAILED, "the target answered HTTP 404"},
        {PROTOCOL_CHAT, 500, "{}", TASK_FAILED, "the target answered HTTP 500"},
        {PROTOCOL_A2A_LEGACY, 200, "{}", TASK_FAILED, "the agent's answer is neither"},
        {PROTOCOL_A2A_LEGACY, 200, "[]", TASK_FAILED, "the agent's answer is not JSON"},
        {PROTOCOL_A2A_LEGACY, 200, "{\"error\":{\"message\":\"no\"}}", TASK_FAILED,
         "the agent refused: no"},
        {PROTOCOL_A2A_LEGACY, 200, "{\"error\":{}}", TASK_FAILED, "the agent refused"},
        {PROTOCOL_A2A_LEGACY, 200,
         "{\"result\":{\"kind\":\"task\",\"id\":\"r\",\"status\":{\"state\":\"working\"}}}",
         TASK_WORKING, ""},
        {PROTOCOL_A2A_LEGACY, 200,
         "{\"result\":{\"kind\":\"task\",\"status\":{\"state\":\"working\"}}}", TASK_FAILED,
         "the agent's task has no id"},
        {PROTOCOL_A2A_LEGACY, 200,
         "{\"result\":{\"kind\":\"task\",\"id\":\"r\",\"status\":{\"state\":\"odd\"}}}",
         TASK_FAILED, "the agent's task has no state"},
        {PROTOCOL_A2A_CURRENT, 200,
         "{\"result\":{\"task\":{\"id\":\"r\",\"status\":{\"state\":\"TASK_STATE_REJECTED\"}}}}",
         TASK_REJECTED, "the agent rejected"},
        {PROTOCOL_A2A_CURRENT, 200,
         "{\"result\":{\"task\":{\"id\":\"r\",\"status\":{\"state\":\"TASK_STATE_COMPLETED\"}}}}",
         TASK_COMPLETED, ""},
        {PROTOCOL_A2A_CURRENT, 200,
         "{\"result\":{\"message\":{\"role\":\"ROLE_AGENT\",\"messageId\":\"a\",\"parts\":[{"
         "\"text\":\"x\"}]}}}",
         TASK_COMPLETED, ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct arena arena;
        struct outgoing_reply reply;
        arena_init(&arena, bytes_max);
        outgoing_read(cases[i].protocol, cases[i].code, slice_from_string(cases[i].body), bytes_max,
                      &arena, &reply);
        if (reply.state != cases[i].state ||
            !slice_starts_with(reply.detail, slice_from_string(cases[i].detail))) {
            fail_msg("%s: %s, \"%.*s\"", cases[i].body, task_state_plain(reply.state),
                     SLICE_ARGS(reply.detail));
        }
        assert_true(reply.state != TASK_FAILED || reply.result.length == 0);
        arena_clear(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_fit_their_targets),
        cmocka_unit_test(messages_with_files_go_to_a2a_agents_only),
        cmocka_unit_test(workflows_get_the_messages),
        cmocka_unit_test(the_receiving_agent_is_the_first_actor),
        cmocka_unit_test(replies_make_a_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

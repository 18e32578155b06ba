/* SPDX-License-Identifier: MIT
 *
 * jsonrpc_test.c - envelopes, methods of both generations and their parameters. */
#include "a2a/jsonrpc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define USER_MESSAGE                                                                               \
    "\"message\":{\"role\":\"user\",\"messageId\":\"m\",\"contextId\":\"c\","                      \
    "\"parts\":[{\"text\":\"hi\"}]}"

struct scene {
    struct arena arena;
    struct jsonrpc_request request;
    struct failure failure;
};

static enum a2a_outcome read_version(struct scene *scene, const char *body, const char *version)
{
    scene->failure = (struct failure){""};
    return jsonrpc_read(slice_from_string(body), slice_from_string(version), &scene->arena,
                        &scene->request, &scene->failure);
}

static enum a2a_outcome read(struct scene *scene, const char *method, const char *params)
{
    char body[2048];
    snprintf(body, sizeof(body), "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"%s\",\"params\":%s}",
             method, params);
    return read_version(scene, body, "");
}

static int scene_open(void **state)
{
    static struct scene scene;
    arena_init(&scene.arena, 64 * 1024);
    *state = &scene;
    return 0;
}

static int scene_close(void **state)
{
    struct scene *scene = *state;
    arena_clear(&scene->arena);
    return 0;
}

static void every_method_is_known_by_its_version(void **state)
{
    static const struct {
        const char *name;
        enum a2a_operation operation;
        enum a2a_version version;
    } methods[] = {
#define METHOD(operation, version, name) {name, OPERATION_##operation, A2A_##version},
#include "a2a/methods.def"
#undef METHOD
    };
    struct scene *scene = *state;
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        enum a2a_outcome outcome = read(
            scene, methods[i].name,
            "{" USER_MESSAGE ",\"id\":\"t\",\"taskId\":\"t\",\"pushNotificationConfigId\":\"p\","
            "\"url\":\"http://x.test/\"}");
        if (outcome != A2A_OK) {
            fail_msg("%s: %s", methods[i].name, scene->failure.text);
        }
        assert_int_equal(scene->request.question.operation, methods[i].operation);
        assert_int_equal(scene->request.question.version, methods[i].version);
    }
    assert_int_equal(sizeof(methods) / sizeof(methods[0]), 22);
    assert_int_equal(read(scene, "tasks/send", "{}"), A2A_UNKNOWN_METHOD);
    assert_int_equal(read(scene, "Message/Send", "{}"), A2A_UNKNOWN_METHOD);
    assert_int_equal(read(scene, "", "{}"), A2A_UNKNOWN_METHOD);
}

static void envelopes_are_read_strictly(void **state)
{
    static const struct {
        const char *body;
        enum a2a_outcome outcome;
        const char *id;
    } cases[] = {
        {"", A2A_NOT_JSON, "null"},
        {"{", A2A_NOT_JSON, "null"},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tasks/get\",\"params\":{\"id\":\"t\"}} x",
         A2A_NOT_JSON, "null"},
        {"[]", A2A_NOT_A_REQUEST, "null"},
        {"[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tasks/get\"}]", A2A_NOT_A_REQUEST, "null"},
        {"1", A2A_NOT_A_REQUEST, "null"},
        {"{\"jsonrpc\":\"2.0\",\"method\":\"tasks/get\"}", A2A_NOT_A_REQUEST, "null"},
        {"{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"tasks/get\"}", A2A_NOT_A_REQUEST, "null"},
        {"{\"jsonrpc\":\"2.0\",\"id\":true,\"method\":\"tasks/get\"}", A2A_NOT_A_REQUEST, "null"},
        {"{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"tasks/get\"}", A2A_NOT_A_REQUEST, "1"},
        {"{\"id\":\"a\\\"b\",\"method\":\"tasks/get\"}", A2A_NOT_A_REQUEST, "\"a\\\"b\""},
        {"{\"jsonrpc\":\"2.0\",\"id\":1}", A2A_NOT_A_REQUEST, "1"},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":2}", A2A_NOT_A_REQUEST, "1"},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\"}", A2A_UNKNOWN_METHOD, "1"},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tasks/get\",\"params\":[]}", A2A_INVALID, "1"},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tasks/get\"}", A2A_INVALID, "1"},
        {"{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"tasks/get\",\"params\":{\"id\":\"t\"}}",
         A2A_OK, "null"},
        {" {\"params\":{\"id\":\"t\"},\"more\":1,\"method\":\"tasks\\/get\",\"id\":-1.5e3,"
         "\"jsonrpc\":\"2.0\"} ",
         A2A_OK, "-1.5e3"},
    };
    struct scene *scene = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        enum a2a_outcome outcome = read_version(scene, cases[i].body, "");
        if (outcome != cases[i].outcome ||
            !slice_equals(scene->request.id, slice_from_string(cases[i].id))) {
            fail_msg("%s gives %d, id %.*s", cases[i].body, (int)outcome,
                     SLICE_ARGS(scene->request.id));
        }
        assert_true(outcome == A2A_OK || scene->failure.text[0] != '\0');
    }
}

static void versions_that_are_not_spoken_are_refused(void **state)
{
    static const char *const body = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"GetTask\","
                                    "\"params\":{\"id\":\"t\"}}";
    struct scene *scene = *state;
    assert_int_equal(read_version(scene, body, "1.0"), A2A_OK);
    assert_int_equal(read_version(scene, body, ""), A2A_OK);
    assert_int_equal(read_version(scene, body, "0.3"), A2A_OK);
    assert_int_equal(read_version(scene, body, "2.0"), A2A_UNKNOWN_VERSION);
    assert_int_equal(read_version(scene, body, "1"), A2A_UNKNOWN_VERSION);
    assert_int_equal(read_version(scene, body, "1.0.0"), A2A_UNKNOWN_VERSION);
}

static void messages_with_their_configuration(void **state)
{
    struct scene *scene = *state;
    struct a2a_question *question = &scene->request.question;
    assert_int_equal(read(scene, "message/send", "{" USER_MESSAGE "}"), A2A_OK);
    assert_true(slice_equals(question->message_id, SLICE("m")));
    assert_true(slice_equals(question->context_id, SLICE("c")));
    assert_false(question->returns_at_once || question->has_push);
    assert_int_equal(question->history_length, -1);
    assert_int_equal(
        read(scene, "message/send",
             "{" USER_MESSAGE ",\"configuration\":{\"blocking\":false,\"historyLength\":3,"
             "\"pushNotificationConfig\":{\"url\":\"http:\\/\\/x.test\\/\",\"token\":\"t\","
             "\"authentication\":{\"schemes\":[\"Bearer\",\"Basic\"],\"credentials\":\"k\"}}},"
             "\"metadata\":{\"model\":\"llama\"}}"),
        A2A_OK);
    assert_true(question->returns_at_once && question->has_push);
    assert_int_equal(question->history_length, 3);
    assert_true(slice_equals(question->push.url, SLICE("http://x.test/")));
    assert_true(slice_equals(question->push.scheme, SLICE("Bearer")));
    assert_true(slice_equals(question->push.credentials, SLICE("k")));
    assert_true(slice_equals(question->model, SLICE("llama")));
    assert_int_equal(read(scene, "SendMessage",
                          "{" USER_MESSAGE ",\"configuration\":{\"returnImmediately\":true,"
                          "\"taskPushNotificationConfig\":{\"id\":\"p\",\"url\":\"http://x.test/\","
                          "\"authentication\":{\"scheme\":\"Basic\"}}}}"),
                     A2A_OK);
    assert_true(question->returns_at_once && question->has_push);
    assert_true(slice_equals(question->push.id, SLICE("p")));
    assert_true(slice_equals(question->push.scheme, SLICE("Basic")));
    assert_false(question->push.is_legacy);
}

static void parameters_that_are_wrong(void **state)
{
    static const struct {
        const char *method, *params, *says;
    } cases[] = {
        {"message/send", "{}", "message"},
        {"message/send",
         "{\"message\":{\"role\":\"agent\",\"messageId\":\"m\",\"parts\":[{\"text\":\"\"}]}}",
         "user"},
        {"message/send", "{" USER_MESSAGE ",\"configuration\":1}", "configuration"},
        {"message/send", "{" USER_MESSAGE ",\"configuration\":{\"historyLength\":-1}}",
         "historyLength"},
        {"message/send", "{" USER_MESSAGE ",\"configuration\":{\"historyLength\":1.5}}",
         "historyLength"},
        {"message/send", "{" USER_MESSAGE ",\"configuration\":{\"pushNotificationConfig\":{}}}",
         "url"},
        {"message/send",
         "{" USER_MESSAGE ",\"configuration\":{\"pushNotificationConfig\":{\"url\":\"http://x/\","
         "\"token\":\"a\\r\\nX: y\"}}}",
         "texts"},
        {"message/send",
         "{" USER_MESSAGE ",\"configuration\":{\"pushNotificationConfig\":{\"url\":\"http://x/\","
         "\"authentication\":{\"schemes\":[\"a b\"]}}}}",
         "header fields"},
        {"message/send",
         "{" USER_MESSAGE ",\"configuration\":{\"pushNotificationConfig\":{\"url\":\"http://x/\","
         "\"token\":\"t\xc3\xb6\"}}}",
         "header fields"},
        {"message/send", "{" USER_MESSAGE ",\"metadata\":{\"model\":1}}", "model"},
        {"tasks/get", "{\"id\":\"\"}", "id"},
        {"tasks/get", "{\"id\":5}", "id"},
        {"tasks/get", "{\"id\":\"t\",\"historyLength\":\"x\"}", "historyLength"},
        {"ListTasks", "{\"pageSize\":0}", "pageSize"},
        {"ListTasks", "{\"pageSize\":101}", "pageSize"},
        {"ListTasks", "{\"status\":\"BUSY\"}", "status"},
        {"ListTasks", "{\"statusTimestampAfter\":\"yesterday\"}", "RFC 3339"},
        {"ListTasks", "{\"statusTimestampAfter\":\"2026-13-01T00:00:00Z\"}", "RFC 3339"},
        {"CreateTaskPushNotificationConfig", "{\"url\":\"http://x/\"}", "taskId"},
        {"CreateTaskPushNotificationConfig", "{\"taskId\":\"t\"}", "url"},
        {"DeleteTaskPushNotificationConfig", "{\"taskId\":\"t\"}", "webhook"},
        {"tasks/pushNotificationConfig/delete", "{\"id\":\"t\"}", "webhook"},
    };
    struct scene *scene = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (read(scene, cases[i].method, cases[i].params) != A2A_INVALID ||
            strstr(scene->failure.text, cases[i].says) == NULL) {
            fail_msg("%s %s: \"%s\"", cases[i].method, cases[i].params, scene->failure.text);
        }
    }
}

static void lists_and_webhooks(void **state)
{
    struct scene *scene = *state;
    struct a2a_question *question = &scene->request.question;
    assert_int_equal(read(scene, "ListTasks", "{}"), A2A_OK);
    assert_int_equal(question->query.limit, jsonrpc_page_default);
    assert_false(question->query.with_results);
    assert_int_equal(read(scene, "ListTasks",
                          "{\"contextId\":\"c\",\"status\":\"TASK_STATE_COMPLETED\",\"pageSize\":2,"
                          "\"pageToken\":\"x\",\"historyLength\":0,\"includeArtifacts\":true,"
                          "\"statusTimestampAfter\":\"1970-01-01T01:00:01.5+01:00\"}"),
                     A2A_OK);
    assert_true(question->query.has_state && question->query.with_results);
    assert_int_equal(question->query.state, TASK_COMPLETED);
    assert_int_equal(question->query.after_us, 1500000);
    assert_false(question->query.with_inputs);
    assert_int_equal(read(scene, "tasks/pushNotificationConfig/set",
                          "{\"taskId\":\"t\",\"pushNotificationConfig\":{\"url\":\"http://x/\"}}"),
                     A2A_OK);
    assert_true(slice_equals(question->task_id, SLICE("t")) && question->has_push);
    assert_int_equal(read(scene, "tasks/pushNotificationConfig/get", "{\"id\":\"t\"}"), A2A_OK);
    assert_true(slice_equals(question->task_id, SLICE("t")));
    assert_int_equal(question->push.id.length, 0);
    assert_int_equal(read(scene, "tasks/pushNotificationConfig/get",
                          "{\"id\":\"t\",\"pushNotificationConfigId\":\"p\"}"),
                     A2A_OK);
    assert_true(slice_equals(question->push.id, SLICE("p")));
    assert_int_equal(
        read(scene, "GetTaskPushNotificationConfig", "{\"taskId\":\"t\",\"id\":\"p\"}"), A2A_OK);
    assert_true(slice_equals(question->task_id, SLICE("t")));
    assert_true(slice_equals(question->push.id, SLICE("p")));
}

static void query_parameters(void **state)
{
    struct scene *scene = *state;
    struct a2a_question question = {0};
    struct json_value none = {0};
    assert_int_equal(
        question_read(OPERATION_LIST, A2A_CURRENT, none, &scene->arena, &question, NULL), A2A_OK);
    static const struct {
        const char *name, *value;
        enum a2a_outcome outcome;
    } cases[] = {
        {"historyLength", "0", A2A_OK},
        {"historyLength", "x", A2A_INVALID},
        {"pageSize", "7", A2A_OK},
        {"pageSize", "0", A2A_INVALID},
        {"status", "working", A2A_OK},
        {"status", "odd", A2A_INVALID},
        {"contextId", "c", A2A_OK},
        {"pageToken", "p", A2A_OK},
        {"includeArtifacts", "true", A2A_OK},
        {"unknown", "?", A2A_OK},
        {"statusTimestampAfter", "2026-01-31T12:00:00Z", A2A_OK},
        {"statusTimestampAfter", "2026-01-31", A2A_INVALID},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(question_read_parameter(&question, slice_from_string(cases[i].name),
                                                 slice_from_string(cases[i].value), NULL),
                         cases[i].outcome);
    }
    assert_int_equal(question.query.limit, 7);
    assert_int_equal(question.query.state, TASK_WORKING);
    assert_int_equal(question.query.after_us, 1769860800000000);
    assert_true(question.query.with_results && !question.query.with_inputs);
}

int main(void)
{
#define WITH_SCENE(test) cmocka_unit_test_setup_teardown(test, scene_open, scene_close)
    const struct CMUnitTest tests[] = {
        WITH_SCENE(every_method_is_known_by_its_version),
        WITH_SCENE(envelopes_are_read_strictly),
        WITH_SCENE(versions_that_are_not_spoken_are_refused),
        WITH_SCENE(messages_with_their_configuration),
        WITH_SCENE(parameters_that_are_wrong),
        WITH_SCENE(lists_and_webhooks),
        WITH_SCENE(query_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * temporal_test.c - calls against a server that answers by a list, against none at all, and what is
 * refused before anything is sent. */
#include "a2a/temporal.h"

#include "a2a/protobuf.h"
#include "grpc_server.h"
#include "http/fetch.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* The server's messages, as bytes. */
#define STARTED "\x0a\x02r1\x18\x01"
#define NOTHING_NEW "\x1a\x02k1"
#define COMPLETED                                                                                  \
    "\x0a\x27\x0a\x25\x18\x02\x3a\x21\x0a\x1f\x0a\x1d\x0a\x16\x0a\x08"                             \
    "encoding\x12\x0ajson/plain\x12\x03\"x\""
#define CONTINUED "\x0a\x0b\x0a\x09\x18\x1c\x8a\x02\x04\x0a\x02r2"
#define CANCELED "\x0a\x07\x0a\x05\x18\x15\xea\x01\x00"

struct result {
    unsigned calls;
    enum temporal_end end;
    char result[256];
    char message[512];
    char run_id[64];
    struct temporal *temporal_to_free;
};

struct scene {
    uv_loop_t loop;
    struct fetcher *fetcher;
    struct grpc_server server;
    struct temporal *temporal;
    struct temporal_settings settings;
    struct temporal_call call;
    struct temporal_handle *handle;
    struct result result;
    uv_timer_t timer;
};

static void copy_slice(char *to, size_t size, struct slice from)
{
    assert_true(from.length < size);
    memset(to, 0, size);
    if (from.length > 0) {
        memcpy(to, from.data, from.length);
    }
}

static void result_take(void *context, const struct temporal_outcome *outcome)
{
    struct result *result = context;
    result->calls++;
    result->end = outcome->end;
    copy_slice(result->result, sizeof(result->result), outcome->result);
    copy_slice(result->message, sizeof(result->message), outcome->message);
    copy_slice(result->run_id, sizeof(result->run_id), outcome->run_id);
    temporal_free(result->temporal_to_free);
}

static void scene_open(struct scene *scene)
{
    assert_int_equal(uv_loop_init(&scene->loop), 0);
    assert_int_equal(fetcher_create(&scene->loop, 4, &scene->fetcher, NULL), STATUS_OK);
    scene->settings.retry_least_ms = 1;
    scene->settings.retry_most_ms = 20;
    assert_int_equal(
        temporal_create(&scene->loop, scene->fetcher, &scene->settings, &scene->temporal, NULL),
        STATUS_OK);
    scene->call = (struct temporal_call){.task_id = SLICE("t-1"),
                                         .workflow_type = SLICE("ProcessChat"),
                                         .input = SLICE("[]"),
                                         .user = SLICE("user"),
                                         .session = SLICE("session"),
                                         .timeout_ms = 20000};
}

static void scene_begin(struct scene *scene, const struct grpc_server_reply *replies, size_t count)
{
    memset(scene, 0, sizeof(*scene));
    grpc_server_start(&scene->server, replies, count);
    scene->settings.address = scene->server.address;
    scene_open(scene);
}

#define SCENE_BEGIN(scene, replies)                                                                \
    scene_begin(scene, replies, sizeof(replies) / sizeof((replies)[0]))

static void scene_start(struct scene *scene)
{
    assert_int_equal(temporal_run(scene->temporal, &scene->call, result_take, &scene->result,
                                  &scene->handle, NULL),
                     STATUS_OK);
    assert_int_equal(scene->result.calls, 0);
}

static void scene_run(struct scene *scene)
{
    assert_int_equal(uv_run(&scene->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(scene->result.calls, 1);
}

static void scene_close(struct scene *scene)
{
    temporal_free(scene->temporal);
    fetcher_free(scene->fetcher);
    assert_int_equal(uv_run(&scene->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&scene->loop), 0);
}

/* The server's requests may be read after this. */
static void scene_end(struct scene *scene)
{
    scene_close(scene);
    grpc_server_stop(&scene->server);
}

/* The run a history request is about; empty for the latest. */
static struct slice asked_run(const struct scene *scene, size_t index)
{
    struct slice execution;
    struct slice run_id = SLICE("");
    assert_true(index < scene->server.requests_count);
    assert_true(protobuf_find_bytes(buffer_slice(&scene->server.requests[index]), 2, &execution));
    (void)protobuf_find_bytes(execution, 2, &run_id);
    return run_id;
}

static void a_workflow_is_started_and_waited_for(void **state)
{
    static const struct grpc_server_reply replies[] = {
        {.status = "0", .message = SLICE(STARTED)},
        {.status = "0", .message = SLICE(NOTHING_NEW)},
        {.status = "0", .message = SLICE(COMPLETED)},
    };
    struct scene scene;
    struct slice token;
    SCENE_BEGIN(&scene, replies);
    scene_start(&scene);
    scene_run(&scene);
    assert_int_equal(scene.result.end, TEMPORAL_COMPLETED);
    assert_string_equal(scene.result.result, "\"x\"");
    assert_string_equal(scene.result.message, "");
    assert_string_equal(scene.result.run_id, "r1");
    scene_end(&scene);
    assert_int_equal(scene.server.requests_count, 3);
    assert_true(slice_equals(asked_run(&scene, 1), SLICE("r1")));
    assert_true(protobuf_find_bytes(buffer_slice(&scene.server.requests[2]), 4, &token));
    assert_true(slice_equals(token, SLICE("k1")));
    grpc_server_clear(&scene.server);
}

static void a_workflow_that_is_there_is_joined(void **state)
{
    static const struct grpc_server_reply replies[] = {
        {.status = "6", .text = "already started", .head_only = true},
        {.status = "0", .message = SLICE(COMPLETED)},
    };
    struct scene scene;
    SCENE_BEGIN(&scene, replies);
    scene_start(&scene);
    scene_run(&scene);
    assert_int_equal(scene.result.end, TEMPORAL_COMPLETED);
    scene_end(&scene);
    assert_int_equal(asked_run(&scene, 1).length, 0);
    grpc_server_clear(&scene.server);
}

static void the_next_run_is_followed(void **state)
{
    static const struct grpc_server_reply replies[] = {
        {.status = "0", .message = SLICE(STARTED)},
        {.status = "0", .message = SLICE(NOTHING_NEW)},
        {.status = "0", .message = SLICE(CONTINUED)},
        {.status = "0", .message = SLICE(COMPLETED)},
    };
    struct scene scene;
    struct slice token;
    SCENE_BEGIN(&scene, replies);
    scene_start(&scene);
    scene_run(&scene);
    assert_int_equal(scene.result.end, TEMPORAL_COMPLETED);
    assert_string_equal(scene.result.run_id, "r2");
    scene_end(&scene);
    assert_true(slice_equals(asked_run(&scene, 3), SLICE("r2")));
    assert_false(protobuf_find_bytes(buffer_slice(&scene.server.requests[3]), 4, &token));
    grpc_server_clear(&scene.server);
}

static void what_passes_is_tried_again(void **state)
{
    static const struct grpc_server_reply replies[] = {
        {.status = "14", .text = "starting up", .head_only = true},
        {.message = SLICE("cut off")},
        {.status = "0", .message = SLICE(STARTED)},
        {.status = "8", .text = "slow down", .head_only = true},
        {.status = "4", .text = "nothing", .head_only = true},
        {.status = "0", .message = SLICE(COMPLETED)},
    };
    struct scene scene;
    SCENE_BEGIN(&scene, replies);
    scene_start(&scene);
    scene_run(&scene);
    assert_int_equal(scene.result.end, TEMPORAL_COMPLETED);
    scene_end(&scene);
    assert_int_equal(scene.server.requests_count, 6);
    grpc_server_clear(&scene.server);
}

static void a_refusal_ends_the_call(void **state)
{
    static const struct grpc_server_reply replies[] = {
        {.status = "5", .text = "Namespace n is not found.", .head_only = true},
    };
    struct scene scene;
    SCENE_BEGIN(&scene, replies);
    scene_start(&scene);
    scene_run(&scene);
    assert_int_equal(scene.result.end, TEMPORAL_REFUSED);
    assert_string_equal(
        scene.result.message,
        "Temporal refuses to start the workflow: NOT_FOUND, Namespace n is not found.");
    scene_end(&scene);
    grpc_server_clear(&scene.server);
}

static void nonsense_ends_the_call(void **state)
{
    static const struct grpc_server_reply replies[] = {
        {.status = "0", .message = SLICE(STARTED)},
        {.status = "0", .message = SLICE("\xff\xff\xff")},
    };
    struct scene scene;
    SCENE_BEGIN(&scene, replies);
    scene_start(&scene);
    scene_run(&scene);
    assert_int_equal(scene.result.end, TEMPORAL_FAILED);
    assert_string_equal(scene.result.message, "Temporal's answer cannot be read");
    scene_end(&scene);
    grpc_server_clear(&scene.server);
}

static void a_workflow_may_take_too_long(void **state)
{
    static const struct grpc_server_reply replies[] = {
        {.status = "0", .message = SLICE(STARTED)},
        {.held = true},
    };
    struct scene scene;
    SCENE_BEGIN(&scene, replies);
    scene.call.timeout_ms = 1000;
    scene_start(&scene);
    scene_run(&scene);
    assert_int_equal(scene.result.end, TEMPORAL_TIMED_OUT);
    assert_string_equal(scene.result.message, "workflow did not end within 1000 ms");
    scene_end(&scene);
    grpc_server_clear(&scene.server);
}

/* --- canceling --- */

static void cancel_fired(uv_timer_t *timer)
{
    struct scene *scene = timer->data;
    temporal_cancel(scene->handle);
    temporal_cancel(scene->handle);
    assert_int_equal(scene->result.calls, 0);
    uv_close((uv_handle_t *)timer, NULL);
}

static void cancel_after(struct scene *scene, uint64_t pause_ms)
{
    assert_int_equal(uv_timer_init(&scene->loop, &scene->timer), 0);
    scene->timer.data = scene;
    assert_int_equal(uv_timer_start(&scene->timer, cancel_fired, pause_ms, 0), 0);
}

static void a_running_workflow_is_canceled(void **state)
{
    static const struct grpc_server_reply replies[] = {
        {.status = "0", .message = SLICE(STARTED)},
        {.held = true},
        {.status = "0", .message = SLICE("")},
        {.status = "0", .message = SLICE(CANCELED)},
    };
    struct scene scene;
    SCENE_BEGIN(&scene, replies);
    scene_start(&scene);
    cancel_after(&scene, 1000);
    scene_run(&scene);
    assert_int_equal(scene.result.end, TEMPORAL_CANCELED);
    assert_string_equal(scene.result.message, "workflow was canceled");
    scene_end(&scene);
    assert_int_equal(scene.server.requests_count, 4);
    grpc_server_clear(&scene.server);
}

static void a_workflow_that_does_not_stop_is_not_waited_for(void **state)
{
    static const struct grpc_server_reply replies[] = {
        {.status = "0", .message = SLICE("")},
        {.held = true},
    };
    struct scene scene;
    memset(&scene, 0, sizeof(scene));
    scene.settings.cancel_wait_ms = 300;
    grpc_server_start(&scene.server, replies, 2);
    scene.settings.address = scene.server.address;
    scene_open(&scene);
    scene_start(&scene);
    temporal_cancel(scene.handle);
    scene_run(&scene);
    assert_int_equal(scene.result.end, TEMPORAL_CANCELED);
    assert_string_equal(scene.result.message, "workflow was asked to cancel and has not ended yet");
    scene_end(&scene);
    grpc_server_clear(&scene.server);
}

static void what_was_never_started_is_canceled(void **state)
{
    static const struct grpc_server_reply replies[] = {
        {.status = "5", .text = "not found", .head_only = true},
    };
    struct scene scene;
    SCENE_BEGIN(&scene, replies);
    scene_start(&scene);
    temporal_cancel(scene.handle);
    assert_int_equal(scene.result.calls, 0);
    scene_run(&scene);
    assert_int_equal(scene.result.end, TEMPORAL_CANCELED);
    assert_string_equal(scene.result.message, "canceled before the workflow was started");
    scene_end(&scene);
    assert_int_equal(scene.server.requests_count, 1);
    grpc_server_clear(&scene.server);
}

static void the_workflow_may_be_faster_than_the_cancel(void **state)
{
    static const struct grpc_server_reply replies[] = {
        {.status = "0", .message = SLICE(STARTED)},
        {.held = true},
        {.status = "5", .text = "workflow execution already completed", .head_only = true},
        {.status = "0", .message = SLICE(COMPLETED)},
    };
    struct scene scene;
    SCENE_BEGIN(&scene, replies);
    scene_start(&scene);
    cancel_after(&scene, 1000);
    scene_run(&scene);
    assert_int_equal(scene.result.end, TEMPORAL_COMPLETED);
    scene_end(&scene);
    grpc_server_clear(&scene.server);
}

/* --- no server --- */

/* A port that was free a moment ago. */
static void free_address(char *ret_address, size_t size)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(listener >= 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    snprintf(ret_address, size, "127.0.0.1:%u", ntohs(address.sin_port));
    close(listener);
}

static void a_server_that_is_away_is_told_without_its_address(void **state)
{
    char address[64];
    for (unsigned canceled = 0; canceled < 2; canceled++) {
        struct scene scene;
        memset(&scene, 0, sizeof(scene));
        free_address(address, sizeof(address));
        scene.settings.address = address;
        scene_open(&scene);
        scene.call.timeout_ms = 300;
        scene_start(&scene);
        if (canceled == 1) {
            temporal_cancel(scene.handle);
        }
        scene_run(&scene);
        assert_int_equal(scene.result.end,
                         canceled == 1 ? TEMPORAL_CANCELED : TEMPORAL_UNREACHABLE);
        assert_string_equal(scene.result.message, canceled == 1
                                                      ? "canceled, but Temporal cannot be reached"
                                                      : "Temporal cannot be reached");
        scene_close(&scene);
    }
}

static void abandoned_calls_are_not_called_back(void **state)
{
    static const struct grpc_server_reply replies[] = {{.held = true}};
    struct scene scene;
    SCENE_BEGIN(&scene, replies);
    scene_start(&scene);
    struct temporal_handle *first = scene.handle;
    scene_start(&scene);
    uv_run(&scene.loop, UV_RUN_ONCE);
    temporal_abandon(first);
    temporal_abandon(NULL);
    scene_end(&scene); /* frees the second one */
    assert_int_equal(scene.result.calls, 0);
    grpc_server_clear(&scene.server);
}

static void everything_may_be_freed_from_the_callback(void **state)
{
    static const struct grpc_server_reply replies[] = {
        {.status = "16", .text = "no", .head_only = true},
    };
    struct scene scene;
    SCENE_BEGIN(&scene, replies);
    scene.result.temporal_to_free = scene.temporal;
    scene_start(&scene);
    scene_run(&scene);
    assert_int_equal(scene.result.end, TEMPORAL_REFUSED);
    scene.temporal = NULL;
    scene_end(&scene);
    grpc_server_clear(&scene.server);
}

/* --- what is refused --- */

static void calls_that_cannot_be_are_refused(void **state)
{
    static char long_name[temporal_name_bytes_max + 1];
    struct scene scene;
    struct temporal_handle *handle;
    memset(&scene, 0, sizeof(scene));
    memset(long_name, 'x', sizeof(long_name));
    scene.settings.calls_max = 1;
    scene_open(&scene);
    static const struct slice odd[] = {
        SLICE("a\nb"), SLICE("\xff"), SLICE("a\0b"), {long_name, sizeof(long_name)}};
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        for (unsigned place = 0; place < 4; place++) {
            struct temporal_call call = scene.call;
            struct slice *const places[] = {&call.task_id, &call.workflow_type, &call.user,
                                            &call.session};
            *places[place] = odd[i];
            assert_int_equal(temporal_run(scene.temporal, &call, result_take, NULL, &handle, NULL),
                             STATUS_INVALID);
        }
    }
    struct temporal_call call = scene.call;
    call.task_id = SLICE("");
    assert_int_equal(temporal_run(scene.temporal, &call, result_take, NULL, &handle, NULL),
                     STATUS_INVALID);
    call = scene.call;
    call.input = SLICE("{");
    assert_int_equal(temporal_run(scene.temporal, &call, result_take, NULL, &handle, NULL),
                     STATUS_INVALID);
    call = scene.call;
    call.timeout_ms = 0;
    assert_int_equal(temporal_run(scene.temporal, &call, result_take, NULL, &handle, NULL),
                     STATUS_INVALID);
    call = scene.call;
    call.input.length = temporal_message_bytes_max;
    assert_int_equal(temporal_run(scene.temporal, &call, result_take, NULL, &handle, NULL),
                     STATUS_LIMIT);
    call = scene.call;
    call.user = SLICE("https://issuer.test|\"\\/\x7e\xc3\xa4\xf0\x9f\x98\x80");
    assert_int_equal(temporal_run(scene.temporal, &call, result_take, NULL, &handle, NULL),
                     STATUS_OK);
    assert_int_equal(temporal_run(scene.temporal, &call, result_take, NULL, &handle, NULL),
                     STATUS_LIMIT);
    scene_close(&scene);
}

static void addresses_are_checked(void **state)
{
    static const struct {
        const char *address;
        enum status status;
    } rows[] = {
        {NULL, STATUS_OK},
        {"", STATUS_OK},
        {"temporal", STATUS_OK},
        {"temporal.internal:7233", STATUS_OK},
        {"[::1]:7233", STATUS_OK},
        {"http://localhost:7233", STATUS_OK},
        {"https://ns.acct.tmprl.cloud:7233/", STATUS_OK},
        {"host:0", STATUS_INVALID},
        {"host:70000", STATUS_INVALID},
        {"host/path", STATUS_INVALID},
        {"host:7233?x", STATUS_INVALID},
        {"user@host:7233", STATUS_INVALID},
        {"ftp://host:7233", STATUS_INVALID},
        {"http://", STATUS_INVALID},
        {"a b:7233", STATUS_INVALID},
        {"h\r\nx: y", STATUS_INVALID},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct temporal_settings settings = {.address = rows[i].address};
        struct temporal *temporal = NULL;
        struct failure failure = {""};
        uv_loop_t loop;
        assert_int_equal(uv_loop_init(&loop), 0);
        enum status status = temporal_create(&loop, NULL, &settings, &temporal, &failure);
        if (status != rows[i].status) {
            fail_msg("%s: %s %s", rows[i].address, status_name(status), failure.text);
        }
        assert_true((failure.text[0] == '\0') == (status == STATUS_OK));
        temporal_free(temporal);
        assert_int_equal(uv_loop_close(&loop), 0);
    }
}

static void names_and_keys_are_checked(void **state)
{
    static const struct temporal_settings odd[] = {
        {.name_space = "a\nb"}, {.task_queue = "a\tb"}, {.api_key = "a\r\nx: y"}};
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        struct temporal *temporal;
        uv_loop_t loop;
        assert_int_equal(uv_loop_init(&loop), 0);
        assert_int_equal(temporal_create(&loop, NULL, &odd[i], &temporal, NULL), STATUS_INVALID);
        assert_int_equal(uv_loop_close(&loop), 0);
    }
}

static void a_key_is_not_sent_in_the_clear(void **state)
{
    struct temporal_settings settings = {.address = "http://127.0.0.1:7233", .api_key = "secret"};
    struct failure failure = {""};
    struct temporal *temporal;
    uv_loop_t loop;
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(temporal_create(&loop, NULL, &settings, &temporal, &failure), STATUS_INVALID);
    assert_non_null(strstr(failure.text, "TLS"));
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void endings_have_names(void **state)
{
    assert_string_equal(temporal_end_name(TEMPORAL_FAILED), "failed");
    assert_string_equal(temporal_end_name(TEMPORAL_COMPLETED), "completed");
    assert_string_equal(temporal_end_name(TEMPORAL_TIMED_OUT), "timed_out");
    assert_string_equal(temporal_end_name(TEMPORAL_CANCELED), "canceled");
    assert_string_equal(temporal_end_name(TEMPORAL_TERMINATED), "terminated");
    assert_string_equal(temporal_end_name(TEMPORAL_REFUSED), "refused");
    assert_string_equal(temporal_end_name(TEMPORAL_UNREACHABLE), "unreachable");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_workflow_is_started_and_waited_for),
        cmocka_unit_test(a_workflow_that_is_there_is_joined),
        cmocka_unit_test(the_next_run_is_followed),
        cmocka_unit_test(what_passes_is_tried_again),
        cmocka_unit_test(a_refusal_ends_the_call),
        cmocka_unit_test(nonsense_ends_the_call),
        cmocka_unit_test(a_workflow_may_take_too_long),
        cmocka_unit_test(a_running_workflow_is_canceled),
        cmocka_unit_test(a_workflow_that_does_not_stop_is_not_waited_for),
        cmocka_unit_test(what_was_never_started_is_canceled),
        cmocka_unit_test(the_workflow_may_be_faster_than_the_cancel),
        cmocka_unit_test(a_server_that_is_away_is_told_without_its_address),
        cmocka_unit_test(abandoned_calls_are_not_called_back),
        cmocka_unit_test(everything_may_be_freed_from_the_callback),
        cmocka_unit_test(calls_that_cannot_be_are_refused),
        cmocka_unit_test(addresses_are_checked),
        cmocka_unit_test(names_and_keys_are_checked),
        cmocka_unit_test(a_key_is_not_sent_in_the_clear),
        cmocka_unit_test(endings_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

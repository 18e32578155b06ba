/* SPDX-License-Identifier: MIT
 *
 * grpc_test.c - frames, texts, what replies mean, and calls to a real HTTP/2 server. */
#include "a2a/grpc.h"

#include "grpc_server.h"
#include "http/fetch.h"

#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* --- frames and texts --- */

static void a_frame_is_written_and_read(void **state)
{
    struct buffer buffer;
    struct slice message;
    buffer_init(&buffer, 1024);
    grpc_frame_write(&buffer, SLICE("hello"));
    assert_int_equal(buffer.length, 10);
    assert_memory_equal(buffer.data, "\0\0\0\0\5hello", 10);
    assert_int_equal(grpc_frame_read(buffer_slice(&buffer), &message, NULL), STATUS_OK);
    assert_true(slice_equals(message, SLICE("hello")));
    assert_int_equal(grpc_frame_read(SLICE("\0\0\0\0\0"), &message, NULL), STATUS_OK);
    assert_int_equal(message.length, 0);
    buffer_clear(&buffer);
}

static void what_is_not_one_frame_is_refused(void **state)
{
    static const struct slice broken[] = {
        SLICE(""),
        SLICE("\0\0\0\0"),
        SLICE("\0\0\0\0\2a"),
        SLICE("\0\0\0\0\1ab"),
        SLICE("\2\0\0\0\1a"),
        SLICE("\0\xff\xff\xff\xff..."),
    };
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        struct slice message;
        struct failure failure = {""};
        assert_int_equal(grpc_frame_read(broken[i], &message, &failure), STATUS_INVALID);
        assert_true(failure.text[0] != '\0');
    }
    struct slice message;
    assert_int_equal(grpc_frame_read(SLICE("\1\0\0\0\1a"), &message, NULL), STATUS_UNSUPPORTED);
}

static void texts_are_decoded(void **state)
{
    static const struct {
        struct slice text;
        const char *decoded;
    } rows[] = {
        {SLICE("plain"), "plain"}, {SLICE("a%20b%C3%a4"), "a b\xc3\xa4"},
        {SLICE("100%"), "100%"},   {SLICE("%4"), "%4"},
        {SLICE("%zz%41"), "%zzA"}, {SLICE("a%0d%0ab\x7f"), "a  b "},
        {SLICE("%00"), " "},       {SLICE("%2541"), "%41"},
        {SLICE(""), ""},
    };
    char decoded[64];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t length = grpc_text_decode(rows[i].text, decoded, sizeof(decoded) - 1);
        decoded[length] = '\0';
        assert_string_equal(decoded, rows[i].decoded);
    }
    assert_int_equal(grpc_text_decode(SLICE("abcdef"), decoded, 3), 3);
}

static void timeouts_have_eight_digits_at_most(void **state)
{
    static const struct {
        uint64_t timeout_ms;
        const char *text;
    } rows[] = {
        {1, "1m"},
        {70000, "70000m"},
        {99999999, "99999999m"},
        {100000000, "100000S"},
        {UINT64_MAX, "99999999S"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[grpc_timeout_text_size];
        grpc_timeout_write(rows[i].timeout_ms, text);
        assert_string_equal(text, rows[i].text);
    }
}

/* --- replies --- */

struct made {
    struct fetch_reply fetched;
    struct fetch_field fields[8];
};

static void made_add(struct made *made, const char *name, const char *value)
{
    made->fields[made->fetched.fields_count++] =
        (struct fetch_field){slice_from_string(name), slice_from_string(value), false};
}

/* A whole reply with one message; a test changes what it is about. */
static void made_begin(struct made *made)
{
    memset(made, 0, sizeof(*made));
    made->fetched.code = 200;
    made->fetched.body = SLICE("\0\0\0\0\2hi");
    made->fetched.fields = made->fields;
    made_add(made, "content-type", "application/grpc+proto");
}

static void a_reply_is_read(void **state)
{
    struct made made;
    struct grpc_reply reply;
    made_begin(&made);
    made_add(&made, "grpc-status", "0");
    grpc_reply_read(&made.fetched, &reply);
    assert_int_equal(reply.code, GRPC_OK);
    assert_true(reply.answered);
    assert_true(slice_equals(reply.message, SLICE("hi")));
}

static void a_status_is_read_and_the_trailers_win(void **state)
{
    struct made made;
    struct grpc_reply reply;
    made_begin(&made);
    made_add(&made, "grpc-status", "0");
    made_add(&made, "Grpc-Status", "5");
    made_add(&made, "grpc-message", "no%20such workflow");
    made_add(&made, "grpc-status-details-bin", "CAUS");
    grpc_reply_read(&made.fetched, &reply);
    assert_int_equal(reply.code, GRPC_NOT_FOUND);
    assert_string_equal(reply.text, "no such workflow");
    assert_int_equal(reply.message.length, 0);
    assert_true(slice_equals(reply.status_details, SLICE("CAUS")));
}

static void a_status_out_of_range_is_unknown(void **state)
{
    static const char *const odd[] = {"17", "99999999999", "-1", "", "OK", "0x0"};
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        struct made made;
        struct grpc_reply reply;
        made_begin(&made);
        made_add(&made, "grpc-status", odd[i]);
        grpc_reply_read(&made.fetched, &reply);
        assert_int_equal(reply.code, GRPC_UNKNOWN);
        assert_true(reply.answered);
    }
}

static void without_a_status_nothing_was_answered(void **state)
{
    struct made made;
    struct grpc_reply reply;
    made_begin(&made);
    grpc_reply_read(&made.fetched, &reply);
    assert_int_equal(reply.code, GRPC_UNAVAILABLE);
    assert_false(reply.answered);
}

static void what_is_no_grpc_is_told_by_its_http_status(void **state)
{
    static const struct {
        unsigned http;
        enum grpc_code code;
    } rows[] = {
        {200, GRPC_UNKNOWN},           {400, GRPC_INTERNAL},      {401, GRPC_UNAUTHENTICATED},
        {403, GRPC_PERMISSION_DENIED}, {404, GRPC_UNIMPLEMENTED}, {429, GRPC_UNAVAILABLE},
        {500, GRPC_UNKNOWN},           {502, GRPC_UNAVAILABLE},   {503, GRPC_UNAVAILABLE},
        {504, GRPC_UNAVAILABLE},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct made made;
        struct grpc_reply reply;
        made_begin(&made);
        made.fetched.code = rows[i].http;
        made.fields[0].value = SLICE("text/html");
        made_add(&made, "grpc-status", "0");
        grpc_reply_read(&made.fetched, &reply);
        assert_int_equal(reply.code, rows[i].code);
        assert_false(reply.answered);
        assert_non_null(strstr(reply.text, "not a gRPC server"));
    }
}

static void what_the_network_did_has_a_code(void **state)
{
    static const struct {
        enum status status;
        enum grpc_code code;
    } rows[] = {
        {STATUS_TIMEOUT, GRPC_DEADLINE_EXCEEDED},
        {STATUS_LIMIT, GRPC_RESOURCE_EXHAUSTED},
        {STATUS_DENIED, GRPC_PERMISSION_DENIED},
        {STATUS_IO, GRPC_UNAVAILABLE},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct grpc_reply reply;
        struct fetch_reply fetched = {.status = rows[i].status, .failure = {"it broke"}};
        grpc_reply_read(&fetched, &reply);
        assert_int_equal(reply.code, rows[i].code);
        assert_false(reply.answered);
        assert_string_equal(reply.text, "it broke");
    }
}

static void a_broken_message_is_an_error(void **state)
{
    struct made made;
    struct grpc_reply reply;
    made_begin(&made);
    made_add(&made, "grpc-status", "0");
    made.fetched.body = SLICE("\0\0\0\0\3hi");
    grpc_reply_read(&made.fetched, &reply);
    assert_int_equal(reply.code, GRPC_INTERNAL);
    made.fetched.body = SLICE("\1\0\0\0\2hi");
    grpc_reply_read(&made.fetched, &reply);
    assert_int_equal(reply.code, GRPC_UNIMPLEMENTED);
}

static void codes_have_names(void **state)
{
    assert_string_equal(grpc_code_name(GRPC_OK), "OK");
    assert_string_equal(grpc_code_name(GRPC_UNAUTHENTICATED), "UNAUTHENTICATED");
    assert_string_equal(grpc_code_name((enum grpc_code)17), "UNKNOWN");
}

/* --- calls --- */

struct result {
    unsigned calls;
    struct grpc_reply reply;
    char message[64];
};

static void result_take(void *context, const struct grpc_reply *reply)
{
    struct result *result = context;
    result->calls++;
    result->reply = *reply;
    assert_true(reply->message.length < sizeof(result->message));
    if (reply->message.length > 0) {
        memcpy(result->message, reply->message.data, reply->message.length);
    }
}

struct scene {
    uv_loop_t loop;
    struct fetcher *fetcher;
    struct grpc_server server;
    char url[128];
    struct grpc_call call;
};

static void scene_begin(struct scene *scene, const struct grpc_server_reply *replies, size_t count)
{
    memset(scene, 0, sizeof(*scene));
    assert_int_equal(uv_loop_init(&scene->loop), 0);
    assert_int_equal(fetcher_create(&scene->loop, 4, &scene->fetcher, NULL), STATUS_OK);
    grpc_server_start(&scene->server, replies, count);
    snprintf(scene->url, sizeof(scene->url), "http://%s/test.Service/Method",
             scene->server.address);
    scene->call = (struct grpc_call){
        .url = scene->url, .message = SLICE("ask"), .timeout_ms = 10000, .reply_bytes_max = 100};
}

static void scene_call(struct scene *scene, struct result *result)
{
    struct grpc_handle *handle;
    memset(result, 0, sizeof(*result));
    assert_int_equal(grpc_start(scene->fetcher, &scene->call, result_take, result, &handle, NULL),
                     STATUS_OK);
    assert_int_equal(uv_run(&scene->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(result->calls, 1);
}

static void scene_end(struct scene *scene)
{
    fetcher_free(scene->fetcher);
    assert_int_equal(uv_run(&scene->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&scene->loop), 0);
    grpc_server_stop(&scene->server);
    for (size_t i = 0; i < scene->server.requests_count; i++) {
        assert_true(slice_equals(buffer_slice(&scene->server.requests[i]), SLICE("ask")));
    }
    grpc_server_clear(&scene->server);
}

static void calls_are_answered_by_a_server(void **state)
{
    static const struct grpc_server_reply replies[] = {
        {.status = "0", .message = SLICE("answer")},
        {.status = "5", .text = "no%20such", .head_only = true},
        {.status = "14", .text = "later", .message = SLICE("half")},
        {.message = SLICE("no status")},
        {.status = "0", .message = SLICE("zipped"), .compressed = true},
        {.status = "0",
         .message = SLICE("larger than the hundred bytes that were asked for......."
                          "...................................................")},
    };
    struct scene scene;
    struct result result;
    scene_begin(&scene, replies, sizeof(replies) / sizeof(replies[0]));
    scene_call(&scene, &result);
    assert_int_equal(result.reply.code, GRPC_OK);
    assert_string_equal(result.message, "answer");
    scene_call(&scene, &result);
    assert_int_equal(result.reply.code, GRPC_NOT_FOUND);
    assert_string_equal(result.reply.text, "no such");
    scene_call(&scene, &result);
    assert_int_equal(result.reply.code, GRPC_UNAVAILABLE);
    assert_true(result.reply.answered);
    scene_call(&scene, &result);
    assert_int_equal(result.reply.code, GRPC_UNAVAILABLE);
    assert_false(result.reply.answered);
    scene_call(&scene, &result);
    assert_int_equal(result.reply.code, GRPC_UNIMPLEMENTED);
    scene_call(&scene, &result);
    assert_int_equal(result.reply.code, GRPC_RESOURCE_EXHAUSTED);
    assert_false(result.reply.answered);
    scene_end(&scene);
}

static void a_call_ends_by_its_deadline(void **state)
{
    static const struct grpc_server_reply replies[] = {{.held = true}};
    struct scene scene;
    struct result result;
    scene_begin(&scene, replies, 1);
    scene.call.timeout_ms = 200;
    scene_call(&scene, &result);
    assert_int_equal(result.reply.code, GRPC_DEADLINE_EXCEEDED);
    assert_false(result.reply.answered);
    scene_end(&scene);
}

static void a_canceled_call_has_no_callback(void **state)
{
    static const struct grpc_server_reply replies[] = {{.held = true}};
    struct scene scene;
    struct result result = {0};
    struct grpc_handle *handle;
    scene_begin(&scene, replies, 1);
    assert_int_equal(grpc_start(scene.fetcher, &scene.call, result_take, &result, &handle, NULL),
                     STATUS_OK);
    uv_run(&scene.loop, UV_RUN_ONCE);
    grpc_cancel(handle);
    grpc_cancel(NULL);
    assert_int_equal(uv_run(&scene.loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(result.calls, 0);
    scene_end(&scene);
}

static void a_url_that_is_none_is_refused(void **state)
{
    static const struct grpc_server_reply replies[] = {{.held = true}};
    struct scene scene;
    struct grpc_handle *handle;
    struct failure failure = {""};
    scene_begin(&scene, replies, 1);
    scene.call.url = "ftp://127.0.0.1/x";
    assert_int_equal(grpc_start(scene.fetcher, &scene.call, result_take, NULL, &handle, &failure),
                     STATUS_INVALID);
    assert_true(failure.text[0] != '\0');
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_is_written_and_read),
        cmocka_unit_test(what_is_not_one_frame_is_refused),
        cmocka_unit_test(texts_are_decoded),
        cmocka_unit_test(timeouts_have_eight_digits_at_most),
        cmocka_unit_test(a_reply_is_read),
        cmocka_unit_test(a_status_is_read_and_the_trailers_win),
        cmocka_unit_test(a_status_out_of_range_is_unknown),
        cmocka_unit_test(without_a_status_nothing_was_answered),
        cmocka_unit_test(what_is_no_grpc_is_told_by_its_http_status),
        cmocka_unit_test(what_the_network_did_has_a_code),
        cmocka_unit_test(a_broken_message_is_an_error),
        cmocka_unit_test(codes_have_names),
        cmocka_unit_test(calls_are_answered_by_a_server),
        cmocka_unit_test(a_call_ends_by_its_deadline),
        cmocka_unit_test(a_canceled_call_has_no_callback),
        cmocka_unit_test(a_url_that_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

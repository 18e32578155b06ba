/* SPDX-License-Identifier: MIT
 *
 * answer_logs_test.c - log lines in their three forms, kept whole or not at all, and what is said
 * of the others. Requests pass through all steps; memory is real. */
#include "gateway/request.h"

#include "fake_codec.h"
#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define FINE "{\"run_id\":\"r\",\"level\":\"info\",\"message\":\"hi\"}"

enum { lines_max = 10000 }; /* as the answer says */

/* Posts <body> as alice and returns the status; what was said is with the fake codec. */
static unsigned post(struct scene *scene, struct slice body, const char *fields)
{
    char head[512];
    fake_codec_forget();
    int length = snprintf(head, sizeof(head),
                          "POST /v1/logs HTTP/1.1\r\nHost: localhost\r\n"
                          "Authorization: Bearer " SCENE_TOKEN "\r\n%sContent-Length: %zu\r\n\r\n",
                          fields, body.length);
    assert_true(length > 0 && (size_t)length < sizeof(head));
    request_run(scene_request(scene, head));
    if (body.length > 0 && scene->connection.request != NULL) {
        request_body(scene->connection.request, body);
    }
    if (scene->connection.request != NULL) {
        request_body_end(scene->connection.request);
    }
    scene_await_end(scene);
    return fake_codec_seen.status;
}

static void begin(struct scene *scene)
{
    scene_begin(scene, NULL);
    scene_open_memory(scene);
}

static size_t kept(struct scene *scene)
{
    struct memory_job *job = scene_recall(scene, "alice", 0);
    size_t count = job->page.count;
    memory_job_free(job);
    return count;
}

static void a_line_is_kept_with_its_fields(void **state)
{
    struct scene scene;
    begin(&scene);
    assert_int_equal(
        post(&scene,
             SLICE("{\"run_id\":\"r-1\",\"level\":\"warn\",\"message\":\"it \\u0022burns\\u0022\","
                   "\"agent\":\"cook\",\"timestamp\":1700000000.25,\"user\":\"eve\"}"),
             ""),
        202);
    assert_int_equal(fake_codec_seen.length, 0);
    struct memory_job *job = scene_recall(&scene, "alice", 1);
    const struct event *event = &job->page.events[0];
    assert_true(slice_equals(event->event, SLICE("log")));
    assert_true(slice_equals(event->run_id, SLICE("r-1")));
    assert_true(slice_equals(event->level, SLICE("warn")));
    assert_true(slice_equals(event->message, SLICE("it \"burns\"")));
    assert_true(slice_equals(event->agent, SLICE("cook")));
    assert_true(slice_equals(event->user, SLICE("alice"))); /* the token's, not the line's */
    assert_int_equal(event->session.length, session_id_length);
    assert_true(event->timestamp_us == 1700000000250000);
    memory_job_free(job);
    scene_end(&scene);
}

static void three_forms_are_taken(void **state)
{
    static const struct {
        const char *body;
        size_t lines;
    } cases[] = {
        {FINE, 1},
        {" \n{\"run_id\":\"r\",\n\"level\":\"debug\",\r\n\"message\":\"\"}\n ", 1},
        {"[" FINE "]", 1},
        {"[" FINE "," FINE ",\n" FINE "]", 3},
        {FINE "\n" FINE, 2},
        {FINE "\r\n\r\n  " FINE " \r\n", 2},
        {"\n\n" FINE "\n\n\n" FINE "\n" FINE "\n\n", 3},
        {"{\"run_id\":\"r\",\"level\":\"fatal\",\"message\":\"m\",\"agent\":null,"
         "\"timestamp\":null}",
         1},
    };
    struct scene scene;
    size_t count = 0;
    begin(&scene);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (post(&scene, slice_from_string(cases[i].body), "") != 202) {
            fail_msg("%s: %u %s", cases[i].body, fake_codec_seen.status, fake_codec_body());
        }
        count += cases[i].lines;
        if (kept(&scene) != count) {
            fail_msg("%s: %zu events, not %zu", cases[i].body, kept(&scene), count);
        }
    }
    scene_end(&scene);
}

static void what_is_wrong_is_said_and_nothing_is_kept(void **state)
{
#define LINE(level, more) "{\"run_id\":\"r\",\"level\":" level ",\"message\":\"m\"" more "}"
    static const struct {
        const char *body;
        unsigned status;
        const char *detail;
    } cases[] = {
        {"", 400, "must be a JSON object"},
        {"nonsense", 400, "must be a JSON object"},
        {"{", 400, "must be a JSON object"},
        {"[]", 422, "at least one entry"},
        {"\n\n", 422, "at least one entry"},
        {"1", 422, "an object was expected"},
        {"[" FINE ",7]", 422, "entry 2: an object was expected"},
        {"[[" FINE "]]", 422, "an object was expected"},
        {FINE "\n{broken\n" FINE, 422, "entry 2: not JSON"},
        {FINE "\n" FINE ",\n", 422, "entry 2: not JSON"},
        {"{\"level\":\"info\",\"message\":\"m\"}", 422, "run_id: a string"},
        {"{\"run_id\":null,\"level\":\"info\",\"message\":\"m\"}", 422, "run_id: a string"},
        {"{\"run_id\":\"r\",\"message\":\"m\"}", 422, "level: one of"},
        {"{\"run_id\":\"r\",\"level\":\"info\"}", 422, "message: a string"},
        {LINE("\"INFO\"", ""), 422, "level: one of"},
        {LINE("\"\"", ""), 422, "level: one of"},
        {LINE("3", ""), 422, "level: one of"},
        {LINE("\"info\"", ",\"agent\":5"), 422, "agent: a string"},
        {LINE("\"info\"", ",\"timestamp\":\"1700000000\""), 422, "timestamp: seconds"},
        {LINE("\"info\"", ",\"timestamp\":-1"), 422, "timestamp: seconds"},
        {LINE("\"info\"", ",\"timestamp\":253402300800"), 422, "timestamp: seconds"},
        {LINE("\"info\"", ",\"timestamp\":true"), 422, "timestamp: seconds"},
        {"{\"resourceLogs\":[]}", 415, "OTLP"},
    };
    struct scene scene;
    begin(&scene);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (post(&scene, slice_from_string(cases[i].body), "") != cases[i].status ||
            strstr(fake_codec_body(), cases[i].detail) == NULL) {
            fail_msg("%s: %u %s", cases[i].body, fake_codec_seen.status, fake_codec_body());
        }
    }
    assert_int_equal(
        post(&scene, SLICE("\x0a\x00"), "Content-Type: Application/X-Protobuf; v=1\r\n"), 415);
    assert_int_equal(kept(&scene), 0);
    scene_end(&scene);
}

/* Whatever a number looks like, a time comes of it that is near it. */
static void times_are_read_to_the_microsecond(void **state)
{
    static const struct {
        const char *written;
        int64_t expected_us;
    } cases[] = {
        {"1700000000", 1700000000000000},         {"1700000000.0", 1700000000000000},
        {"1700000000.5", 1700000000500000},       {"1700000000.123456", 1700000000123456},
        {"1700000000.1234569", 1700000000123456}, {"1.7e9", 1700000000000000},
        {"17000000005E-1", 1700000000000000},     {"0", 0},
        {"253402300799", 253402300799000000},
    };
    struct scene scene;
    begin(&scene);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char body[256];
        snprintf(body, sizeof(body),
                 "{\"run_id\":\"r\",\"level\":\"info\",\"message\":\"m\",\"agent\":\"a%zu\","
                 "\"timestamp\":%s}",
                 i, cases[i].written);
        assert_int_equal(post(&scene, slice_from_string(body), ""), 202);
        struct memory_job *job = scene_recall(&scene, "alice", i + 1);
        char agent[8];
        bool is_found = false;
        snprintf(agent, sizeof(agent), "a%zu", i);
        for (size_t j = 0; j < job->page.count; j++) {
            const struct event *event = &job->page.events[j];
            if (slice_equals(event->agent, slice_from_string(agent))) {
                is_found = true;
                if (event->timestamp_us != cases[i].expected_us) {
                    fail_msg("%s became %lld", cases[i].written, (long long)event->timestamp_us);
                }
            }
        }
        assert_true(is_found);
        memory_job_free(job);
    }
    scene_end(&scene);
}

static void a_request_has_so_many_lines(void **state)
{
    struct scene scene;
    struct buffer body;
    begin(&scene);
    buffer_init(&body, 4 * 1024 * 1024);
    for (size_t i = 0; i < lines_max; i++) {
        buffer_append_string(&body, FINE "\n");
    }
    assert_false(body.failed);
    assert_int_equal(post(&scene, buffer_slice(&body), ""), 202);
    buffer_append_string(&body, FINE);
    assert_int_equal(post(&scene, buffer_slice(&body), ""), 413);
    buffer_clear(&body);
    scene_end(&scene);
}

static void names_have_a_length(void **state)
{
    static const char *const names[] = {"run_id", "level", "agent"};
    char name[1026];
    char body[2048];
    struct scene scene;
    begin(&scene);
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    for (size_t i = 0; i < 3; i++) {
        int length = snprintf(body, sizeof(body), "{\"%s\":\"%s\"", names[i], name);
        for (size_t j = 0; j < 3; j++) {
            if (j != i) {
                length += snprintf(body + length, sizeof(body) - (size_t)length, ",\"%s\":\"info\"",
                                   names[j]);
            }
        }
        snprintf(body + length, sizeof(body) - (size_t)length, ",\"message\":\"m\"}");
        assert_int_equal(post(&scene, slice_from_string(body), ""), 422);
        assert_non_null(strstr(fake_codec_body(), names[i]));
    }
    assert_int_equal(kept(&scene), 0);
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_kept_with_its_fields),
        cmocka_unit_test(three_forms_are_taken),
        cmocka_unit_test(what_is_wrong_is_said_and_nothing_is_kept),
        cmocka_unit_test(times_are_read_to_the_microsecond),
        cmocka_unit_test(a_request_has_so_many_lines),
        cmocka_unit_test(names_have_a_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

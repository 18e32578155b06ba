/* SPDX-License-Identifier: MIT
 *
 * relay_test.c - calls to an engine that the test plays: every reply in every split, what goes out,
 * what is sent a second time and what never, who waits for whom. */
#include "proxy/relay.h"

#include "base/random.h"
#include "replies.h"
#include "run.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* ---- every reply in every split ---- */

/* Plays <reply> in pieces: <first> bytes, then <step> at a time. <connection> is the engine's end
 * of an idle connection, or -1. */
static void play(struct stage *stage, const struct reply *reply, size_t first, size_t step,
                 int *connection, struct run *run)
{
    char request[64];
    snprintf(request, sizeof(request), "%s" GET, reply->method);
    memmove(request + strlen(reply->method), request + strlen(reply->method) + 3,
            strlen(request) - strlen(reply->method) - 2);
    run_start(run, stage, reply->method);
    if (*connection < 0) {
        *connection = stage_accept(stage);
    }
    stage_expect(stage, *connection, slice_from_string(request));
    size_t size = first;
    for (size_t at = 0; at < reply->text.length; size = step) {
        size = size < reply->text.length - at ? size : reply->text.length - at;
        run_deliver(run, *connection, slice_make(reply->text.data + at, size));
        at += size;
    }
    if (reply->end == REPLY_CLOSES) {
        assert_int_equal(shutdown(*connection, SHUT_WR), 0);
    }
    stage_wait(stage, &run->over);
    stage_wait(stage, &run->settled);
}

static void compare(const struct reply *reply, const struct run *run, const struct buffer *log,
                    size_t first, size_t step)
{
    bool is_failure = strstr(reply->log, "failed:") != NULL;
    struct slice heard = buffer_slice(&run->log);
    struct slice expected = slice_from_string(reply->log);
    bool is_expected =
        is_failure ? slice_starts_with(heard, expected) : slice_equals(heard, expected);
    bool is_same = log->length == 0 || slice_equals(heard, buffer_slice(log));
    if (!is_expected || !is_same || !slice_equals(buffer_slice(&run->body), reply->body)) {
        fail_msg("split %zu/%zu of:\n%.*s\nheard: %.*s\nbody: %.*s", first, step,
                 SLICE_ARGS(reply->text), SLICE_ARGS(heard), SLICE_ARGS(buffer_slice(&run->body)));
    }
}

/* Plays it once, ends the call, and looks what became of the connection. */
static void play_once(struct stage *stage, const struct reply *reply, size_t first, size_t step,
                      int *connection, struct buffer *log)
{
    struct run run;
    play(stage, reply, first, step, connection, &run);
    compare(reply, &run, log, first, step);
    if (log->length == 0) {
        buffer_append(log, buffer_slice(&run.log));
    }
    run_end(&run);
    if (reply->is_kept) {
        assert_int_equal(stage->pool.idle_count, 1);
        return;
    }
    /* what the engine said too much ends a connection even after it went back */
    (void)stage_expect_end(stage, *connection);
    assert_int_equal(stage->pool.idle_count, 0);
    close(*connection);
    *connection = -1;
}

static void every_split_of_a_reply_brings_the_same_events(void **state)
{
    struct stage stage;
    int connection = -1;
    stage_start(&stage);
    for (size_t i = 0; i < replies_count; i++) {
        const struct reply *reply = &replies[i];
        struct buffer log;
        buffer_init(&log, 64 * 1024);
        play_once(&stage, reply, reply->text.length, 0, &connection, &log);
        play_once(&stage, reply, 1, 1, &connection, &log);
        for (size_t split = 1; split < reply->text.length; split++) {
            play_once(&stage, reply, split, reply->text.length, &connection, &log);
        }
        buffer_clear(&log);
    }
    stage_end(&stage);
    if (connection >= 0) {
        close(connection);
    }
}

static void a_large_head_may_come_in_any_two_parts(void **state)
{
    struct buffer text = large_reply(20, 2500, 20000);
    for (size_t split = 15000; split <= 55000; split += 5000) {
        struct stage stage;
        struct run run;
        struct reply reply = {"GET", REPLY_STAYS, .text = buffer_slice(&text)};
        int connection = -1;
        stage_start(&stage);
        play(&stage, &reply, split, text.length, &connection, &run);
        expect_log(&run, "200 OK length 20000 ended");
        assert_true(slice_ends_with(buffer_slice(&text), buffer_slice(&run.body)));
        assert_int_equal(run.body.length, 20000);
        run_end(&run);
        stage_end(&stage);
        close(connection);
    }
    buffer_clear(&text);
}

static void heads_are_capped(void **state)
{
    static const struct {
        size_t fields;
        size_t size;
        bool is_read;
    } cases[] = {{8, 8000, true}, {9, 8000, false}, {199, 10, true}, {200, 10, false}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buffer text = large_reply(cases[i].fields, cases[i].size, 5);
        for (size_t step = 30000; step <= 60000; step += 15000) {
            struct stage stage;
            struct run run;
            struct reply reply = {"GET", REPLY_STAYS, .text = buffer_slice(&text)};
            int connection = -1;
            stage_start(&stage);
            play(&stage, &reply, step, step, &connection, &run);
            if (cases[i].is_read) {
                assert_int_equal(run.body.length, 5);
            } else {
                expect_failure(&run, ENGINE_GARBLED);
            }
            run_end(&run);
            stage_end(&stage);
            close(connection);
        }
        buffer_clear(&text);
    }
}

/* ---- what goes out ---- */

static void a_request_is_written_as_it_is_asked(void **state)
{
    const struct field fields[] = {{.name = SLICE("X-A"), .value = SLICE("b c")},
                                   {.name = SLICE("Empty"), .value = {NULL, 0}}};
    static const struct {
        enum body_framing framing;
        const char *text;
    } cases[] = {
        {BODY_NONE, "POST /p?q=%20 HTTP/1.1\r\nHost: engine.test:1\r\nX-A: b c\r\nEmpty: \r\n\r\n"},
        {BODY_LENGTH, "POST /p?q=%20 HTTP/1.1\r\nHost: engine.test:1\r\nX-A: b c\r\nEmpty: \r\n"
                      "Content-Length: 11\r\n\r\nhello world"},
        {BODY_CHUNKED, "POST /p?q=%20 HTTP/1.1\r\nHost: engine.test:1\r\nX-A: b c\r\nEmpty: \r\n"
                       "Transfer-Encoding: chunked\r\n\r\n6\r\nhello \r\n5\r\nworld\r\n0\r\n\r\n"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct stage stage;
        struct run run;
        const struct engine_request request = {.method = SLICE("POST"),
                                               .target = SLICE("/p?q=%20"),
                                               .fields = fields,
                                               .fields_count = 2,
                                               .framing = cases[i].framing,
                                               .content_length = 11};
        stage_start(&stage);
        assert_int_equal(run_try_with(&run, &stage, &request), STATUS_OK);
        if (cases[i].framing != BODY_NONE) { /* collected until there is a connection */
            assert_true(engine_call_body(&run.call, SLICE("hello ")));
            assert_true(engine_call_body(&run.call, SLICE("world")));
        }
        engine_call_body_end(&run.call);
        engine_call_body_end(&run.call);
        int connection = stage_accept(&stage);
        stage_expect(&stage, connection, slice_from_string(cases[i].text));
        stage_send(&stage, connection, SLICE(OK_REPLY));
        stage_wait(&stage, &run.over);
        run_end(&run);
        assert_int_equal(stage.pool.idle_count, 1);
        stage_end(&stage);
        close(connection);
    }
}

/* A body on its way through a call. */
struct upload {
    struct slice body;
    size_t read; /* by the engine */
    bool is_chunked;
};

enum { upload_piece = 50000 }; /* what the client brings at once */

static size_t upload_next(const struct upload *upload, size_t from)
{
    size_t left = upload->body.length - from;
    return left < upload_piece ? left : upload_piece;
}

/* The engine reads one piece. */
static void upload_expect(struct stage *stage, int connection, struct upload *upload)
{
    char line[32];
    size_t length = upload_next(upload, upload->read);
    snprintf(line, sizeof(line), "%zx\r\n", length);
    stage_expect(stage, connection, slice_from_string(upload->is_chunked ? line : ""));
    stage_expect(stage, connection, slice_make(upload->body.data + upload->read, length));
    stage_expect(stage, connection, upload->is_chunked ? SLICE("\r\n") : SLICE(""));
    upload->read += length;
}

/* Brings everything. The engine reads nothing until the client is asked to wait; then the client
 * waits until it is told to go on. */
static void upload_all(struct run *run, int connection, struct upload *upload)
{
    unsigned waits = 0;
    for (size_t sent = 0; sent < upload->body.length;) {
        unsigned before = run->writable;
        size_t take = upload_next(upload, sent);
        bool goes_on = engine_call_body(&run->call, slice_make(upload->body.data + sent, take));
        sent += take;
        assert_true(run->call.request.length - run->call.request_sent <=
                    engine_request_pending_max + upload_piece + 32);
        waits += !goes_on;
        while (!goes_on) {
            upload_expect(run->stage, connection, upload);
            goes_on = run->writable > before;
        }
    }
    assert_true(waits > 0);
    engine_call_body_end(&run->call);
    engine_call_flush(&run->call);
    while (upload->read < upload->body.length) {
        upload_expect(run->stage, connection, upload);
    }
}

static void a_large_body_waits_for_the_engine(void **state)
{
    enum { total = 6 * 1024 * 1024 };
    char *body = malloc(total);
    assert_non_null(body);
    random_fill(body, total);
    for (int is_chunked = 0; is_chunked < 2; is_chunked++) {
        struct stage stage;
        struct run run;
        struct upload upload = {.body = slice_make(body, total), .is_chunked = is_chunked != 0};
        stage_start(&stage);
        assert_int_equal(
            run_try(&run, &stage, "PUT", is_chunked ? BODY_CHUNKED : BODY_LENGTH, total),
            STATUS_OK);
        engine_call_flush(&run.call);
        int connection = stage_accept(&stage);
        stage_expect(&stage, connection, SLICE("PUT /x HTTP/1.1\r\nHost: engine.test:1\r\n"));
        stage_expect(&stage, connection,
                     is_chunked ? SLICE("Transfer-Encoding: chunked\r\n\r\n")
                                : SLICE("Content-Length: 6291456\r\n\r\n"));
        upload_all(&run, connection, &upload);
        stage_expect(&stage, connection, is_chunked ? SLICE("0\r\n\r\n") : SLICE(""));
        stage_send(&stage, connection, SLICE(OK_REPLY));
        stage_wait(&stage, &run.over);
        expect_log(&run, "200 OK length 2 Content-Length=2; ended");
        run_end(&run);
        stage_end(&stage);
        close(connection);
    }
    free(body);
}

static void nothing_leaves_before_it_is_flushed(void **state)
{
    struct stage stage;
    struct run run;
    char byte;
    stage_start(&stage);
    int connection = run_warm_up(&stage);
    assert_int_equal(run_try(&run, &stage, "POST", BODY_LENGTH, 4), STATUS_OK);
    assert_true(engine_call_body(&run.call, SLICE("body")));
    engine_call_body_end(&run.call);
    stage_pause(&stage, 30);
    assert_int_equal(recv(connection, &byte, 1, MSG_DONTWAIT), -1);
    engine_call_flush(&run.call);
    stage_expect(&stage, connection,
                 SLICE("POST /x HTTP/1.1\r\nHost: engine.test:1\r\nContent-Length: 4\r\n\r\nbody"));
    run_end(&run);
    stage_end(&stage);
    close(connection);
}

static void an_early_answer_ends_the_request(void **state)
{
    static char piece[60000];
    struct stage stage;
    struct run run;
    stage_start(&stage);
    assert_int_equal(run_try(&run, &stage, "POST", BODY_LENGTH, 100 * sizeof(piece)), STATUS_OK);
    engine_call_flush(&run.call);
    int connection = stage_accept(&stage);
    bool goes_on = true;
    for (size_t i = 0; goes_on; i++) {
        goes_on = engine_call_body(&run.call, slice_make(piece, sizeof(piece)));
    }
    stage_send(&stage, connection,
               SLICE("HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno"));
    stage_wait(&stage, &run.over);
    expect_log(&run, "413 Too Large length 2 Connection=close; Content-Length=2; ended");
    /* what the client still sends is read and dropped */
    assert_true(engine_call_body(&run.call, slice_make(piece, sizeof(piece))));
    assert_int_equal(stage.pool.idle_count, 0); /* half a request is in it */
    run_end(&run);
    stage_end(&stage);
    close(connection);
}

static void an_unfinished_request_spoils_its_connection(void **state)
{
    struct stage stage;
    struct run run;
    stage_start(&stage);
    assert_int_equal(run_try(&run, &stage, "POST", BODY_CHUNKED, 0), STATUS_OK);
    engine_call_flush(&run.call);
    int connection = stage_accept(&stage);
    stage_send(&stage, connection, SLICE(OK_REPLY)); /* keeps alive, and yet */
    stage_wait(&stage, &run.over);
    run_end(&run);
    assert_int_equal(stage.pool.idle_count, 0);
    stage_end(&stage);
    close(connection);
}

static void requests_over_their_caps_are_refused(void **state)
{
    struct stage stage;
    struct run runs[2];
    char *target = malloc(engine_request_bytes_max);
    assert_non_null(target);
    memset(target, 't', engine_request_bytes_max);
    stage_begin(&stage, "127.0.0.1");
    stage.engine.connections_max = 1;
    stage_open(&stage);
    const struct engine_request request = {.method = SLICE("GET"),
                                           .target = slice_make(target, engine_request_bytes_max)};
    assert_int_equal(run_try_with(&runs[0], &stage, &request), STATUS_NO_MEMORY);
    run_end(&runs[0]);
    run_start(&runs[0], &stage, "GET");
    assert_int_equal(run_try(&runs[1], &stage, "GET", BODY_NONE, 0), STATUS_LIMIT);
    run_end(&runs[1]);
    int connection = stage_accept(&stage);
    stage_expect(&stage, connection, SLICE(GET));
    run_end(&runs[0]);
    assert_int_equal(runs[0].over, 0); /* ended by us: nobody is told */
    stage_end(&stage);
    close(connection);
    free(target);
}

/* ---- sent a second time, or not ---- */

static void a_dead_kept_connection_is_replaced_unseen(void **state)
{
    for (int is_reset = 0; is_reset < 2; is_reset++) {
        struct stage stage;
        struct run run;
        stage_start(&stage);
        int connection = run_warm_up(&stage);
        assert_int_equal(run_try(&run, &stage, "POST", BODY_LENGTH, 9), STATUS_OK);
        assert_int_equal(run.call.state, ENGINE_CALL_WAITING); /* the kept one, and it dies now */
        if (is_reset) {
            stage_reset(connection);
        } else {
            close(connection);
        }
        assert_true(engine_call_body(&run.call, SLICE("body ")));
        engine_call_flush(&run.call);
        connection = stage_accept(&stage);
        assert_int_equal(run.over, 0);
        assert_true(engine_call_body(&run.call, SLICE("rest"))); /* the client went on meanwhile */
        engine_call_body_end(&run.call);
        engine_call_flush(&run.call);
        stage_expect(&stage, connection,
                     SLICE("POST /x HTTP/1.1\r\nHost: engine.test:1\r\nContent-Length: 9\r\n\r\n"
                           "body rest"));
        stage_send(&stage, connection, SLICE(OK_REPLY));
        stage_wait(&stage, &run.over);
        expect_log(&run, "200 OK length 2 Content-Length=2; ended");
        run_end(&run);
        assert_int_equal(stage.pool.idle_count, 1); /* as good as any */
        stage_end(&stage);
        close(connection);
    }
}

/* The engine took the request on a kept connection and gave <answer> before it closed. */
static void not_sent_again_after(struct slice answer, enum engine_failure failure)
{
    struct stage stage;
    struct run run;
    stage_start(&stage);
    int connection = run_warm_up(&stage);
    run_start(&run, &stage, "GET");
    stage_expect(&stage, connection, SLICE(GET));
    stage_send(&stage, connection, answer);
    close(connection);
    stage_wait(&stage, &run.over);
    expect_failure(&run, failure);
    stage_pause(&stage, 30);
    assert_false(stage_is_called(&stage));
    run_end(&run);
    stage_end(&stage);
}

static void after_the_first_byte_nothing_is_sent_again(void **state)
{
    not_sent_again_after(SLICE("H"), ENGINE_CLOSED);
    not_sent_again_after(SLICE("\r"), ENGINE_CLOSED);
    not_sent_again_after(SLICE("HTTP/1.1 100 Continue\r\n\r\n"), ENGINE_CLOSED);
    not_sent_again_after(SLICE(H "Content-Length: 5\r\n\r\nhell"), ENGINE_CLOSED);
    not_sent_again_after(SLICE("nonsense\r\n\r\n"), ENGINE_GARBLED);
}

static void a_fresh_connection_is_not_replaced(void **state)
{
    struct stage stage;
    struct run run;
    stage_start(&stage);
    run_start(&run, &stage, "GET");
    int connection = stage_accept(&stage);
    stage_expect(&stage, connection, SLICE(GET));
    close(connection);
    stage_wait(&stage, &run.over);
    expect_failure(&run, ENGINE_CLOSED);
    stage_pause(&stage, 30);
    assert_false(stage_is_called(&stage));
    run_end(&run);
    stage_end(&stage);
}

/* The second connection is a fresh one even if kept ones are left: they are as old as the dead. */
static void a_request_is_sent_twice_at_most(void **state)
{
    struct stage stage;
    struct run runs[2];
    int connections[3];
    stage_start(&stage);
    for (size_t i = 0; i < 2; i++) {
        run_start(&runs[i], &stage, "GET");
        connections[i] = stage_accept(&stage);
    }
    for (size_t i = 0; i < 2; i++) {
        stage_send(&stage, connections[i], SLICE(OK_REPLY));
        stage_wait(&stage, &runs[i].over);
        run_end(&runs[i]);
    }
    assert_int_equal(stage.pool.idle_count, 2);
    run_start(&runs[0], &stage, "GET"); /* takes the youngest, which is the second */
    close(connections[1]);
    connections[2] = stage_accept(&stage);
    stage_expect(&stage, connections[2], SLICE(GET));
    close(connections[2]);
    stage_wait(&stage, &runs[0].over);
    expect_failure(&runs[0], ENGINE_CLOSED);
    assert_int_equal(stage.pool.idle_count, 1);
    stage_pause(&stage, 30);
    assert_false(stage_is_called(&stage));
    run_end(&runs[0]);
    stage_end(&stage);
    close(connections[0]);
}

static void a_large_request_is_sent_once(void **state)
{
    static char body[engine_replay_bytes_max];
    struct stage stage;
    struct run run;
    stage_start(&stage);
    int connection = run_warm_up(&stage);
    assert_int_equal(run_try(&run, &stage, "POST", BODY_LENGTH, sizeof(body)), STATUS_OK);
    (void)engine_call_body(&run.call, slice_make(body, sizeof(body)));
    engine_call_body_end(&run.call);
    engine_call_flush(&run.call);
    close(connection);
    stage_wait(&stage, &run.over);
    expect_failure(&run, ENGINE_CLOSED);
    stage_pause(&stage, 30);
    assert_false(stage_is_called(&stage));
    run_end(&run);
    stage_end(&stage);
}

/* ---- time ---- */

static void an_engine_that_says_nothing_is_given_up(void **state)
{
    static const char *const replies_begun[] = {"", "HTTP/1.1 200",
                                                H "Content-Length: 5\r\n\r\nhe"};
    for (size_t i = 0; i < COUNT(replies_begun); i++) {
        struct stage stage;
        struct run run;
        stage_begin(&stage, "127.0.0.1");
        stage.engine.first_byte_timeout_ms = i < 2 ? 60 : 60000;
        stage.engine.idle_timeout_ms = i < 2 ? 60000 : 60;
        stage_open(&stage);
        run_start(&run, &stage, "GET");
        int connection = stage_accept(&stage);
        stage_send(&stage, connection, slice_from_string(replies_begun[i]));
        stage_wait(&stage, &run.over);
        expect_failure(&run, ENGINE_SILENT);
        (void)stage_expect_end(&stage, connection); /* and its connection closed */
        run_end(&run);
        stage_end(&stage);
        close(connection);
    }
}

static void a_slow_client_is_not_the_engines_fault(void **state)
{
    struct stage stage;
    struct run run;
    stage_begin(&stage, "127.0.0.1");
    stage.engine.first_byte_timeout_ms = 40;
    stage.engine.idle_timeout_ms = 40;
    stage_open(&stage);
    assert_int_equal(run_try(&run, &stage, "POST", BODY_LENGTH, 4), STATUS_OK);
    engine_call_flush(&run.call);
    int connection = stage_accept(&stage);
    stage_pause(&stage, 120);
    assert_int_equal(run.over, 0);
    assert_true(engine_call_body(&run.call, SLICE("body")));
    engine_call_body_end(&run.call);
    engine_call_flush(&run.call);
    stage_wait(&stage, &run.over); /* from here on it is */
    expect_failure(&run, ENGINE_SILENT);
    run_end(&run);
    stage_end(&stage);
    close(connection);
}

static void an_engine_that_is_not_there_is_told(void **state)
{
    struct stage stage;
    struct run run;
    stage_begin(&stage, "127.0.0.1");
    close(stage.listener);
    stage.listener = -1;
    stage_open(&stage);
    run_start(&run, &stage, "GET");
    stage_wait(&stage, &run.over);
    expect_failure(&run, ENGINE_UNREACHABLE);
    run_end(&run);
    stage_end(&stage);
}

/* ---- a slow reader slows the engine ---- */

static void a_paused_call_reads_nothing_and_then_everything(void **state)
{
    enum { total = 4 * 1024 * 1024 };
    struct stage stage;
    struct run run;
    char *body = malloc(total);
    size_t sent = 0;
    assert_non_null(body);
    random_fill(body, total);
    stage_begin(&stage, "127.0.0.1");
    stage.engine.idle_timeout_ms = 50; /* does not run while we are the ones who are slow */
    stage_open(&stage);
    run_start(&run, &stage, "GET");
    int connection = stage_accept(&stage);
    int room = 65536; /* or the kernel would take megabytes */
    assert_int_equal(setsockopt(connection, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)), 0);
    run.pauses = true;
    stage_send(&stage, connection, SLICE(H "Content-Length: 4194304\r\n\r\n"));
    stage_wait(&stage, &run.heads);
    stage_pause(&stage, 20);
    size_t before = run.body.length;
    for (;;) { /* until the kernel's buffers are full */
        ssize_t count = send(connection, body + sent, total - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        sent += count > 0 ? (size_t)count : 0;
        stage_pause(&stage, 30);
        if (count < 0 || sent == total) {
            break;
        }
    }
    assert_true(sent < total); /* it is slowed */
    stage_pause(&stage, 100);
    assert_int_equal(run.body.length, before);
    assert_int_equal(run.over, 0);
    engine_call_resume(&run.call); /* one event, and it pauses again */
    while (run.body.length == before) {
        stage_turn(&stage, -1);
    }
    stage_pause(&stage, 30);
    assert_true(run.body.length - before <= worker_scratch_bytes);
    stage.engine.idle_timeout_ms = 60000;
    run.pauses = false;
    engine_call_resume(&run.call);
    engine_call_resume(&run.call);
    stage_send(&stage, connection, slice_make(body + sent, total - sent));
    stage_wait(&stage, &run.over);
    expect_log(&run, "200 OK length 4194304 Content-Length=4194304; ended");
    assert_true(slice_equals(buffer_slice(&run.body), slice_make(body, total)));
    run_end(&run);
    assert_int_equal(stage.pool.idle_count, 1);
    stage_end(&stage);
    close(connection);
    free(body);
}

static void a_paused_call_learns_of_a_reset(void **state)
{
    struct stage stage;
    struct run run;
    stage_start(&stage);
    run_start(&run, &stage, "GET");
    int connection = stage_accept(&stage);
    stage_expect(&stage, connection, SLICE(GET));
    run.pauses = true;
    stage_send(&stage, connection, SLICE(H "Content-Length: 9\r\n\r\n"));
    stage_wait(&stage, &run.heads);
    stage_pause(&stage, 20);
    stage_reset(connection);
    stage_wait(&stage, &run.over);
    expect_failure(&run, ENGINE_CLOSED);
    run_end(&run);
    stage_end(&stage);
}

/* ---- the end ---- */

static void a_call_can_be_ended_at_any_time(void **state)
{
    struct stage stage;
    struct run run;
    stage_start(&stage);
    memset(&run, 0, sizeof(run));
    engine_call_end(&run.call); /* never begun */
    for (int when = 0; when < 4; when++) {
        run_start(&run, &stage, "GET");
        int connection = when > 0 ? stage_accept(&stage) : -1;
        if (when > 1) {
            stage_expect(&stage, connection, SLICE(GET));
        }
        if (when > 2) {
            stage_send(&stage, connection, SLICE(H "Content-Length: 9\r\n\r\nhello"));
            stage_wait(&stage, &run.heads);
        }
        assert_int_equal(run.over, 0);
        run_end(&run);
        assert_int_equal(run.over, 0);
        if (connection < 0) {
            connection = stage_accept(&stage); /* the kernel had it already */
        }
        (void)stage_expect_end(&stage, connection); /* so that the engine can stop */
        assert_int_equal(atomic_load(&stage.pool.open_count), 0);
        close(connection);
    }
    stage_end(&stage);
}

/* ---- TLS ---- */

/* The engine's end writes <text> once the handshake is over, and ends as <is_orderly> says. */
static void tls_answer(struct stage *stage, struct run *run, struct slice text, bool is_orderly)
{
    struct transport transport;
    char bytes[sizeof(GET)];
    size_t got = 0;
    int connection = stage_accept(stage);
    assert_int_equal(fcntl(connection, F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(transport_open_tls_server(&transport, connection, stage_tls_server),
                     STATUS_OK);
    while (got < sizeof(GET) - 1) {
        size_t count = 0;
        enum status status = transport_read(&transport, bytes + got, sizeof(bytes) - got, &count);
        assert_true(status == STATUS_OK || status == STATUS_AGAIN);
        got += count;
        stage_turn(stage, status == STATUS_AGAIN ? connection : -1);
    }
    assert_memory_equal(bytes, GET, sizeof(GET) - 1);
    while (text.length > 0) {
        struct iovec piece = {(void *)(uintptr_t)text.data, text.length};
        size_t count = 0;
        enum status status = transport_write(&transport, &piece, 1, &count);
        assert_true(status == STATUS_OK || status == STATUS_AGAIN);
        text = slice_after(text, count);
        stage_turn(stage, -1);
    }
    if (is_orderly) {
        transport_close(&transport, false);
        stage_wait(stage, &run->over);
        return;
    }
    assert_int_equal(shutdown(connection, SHUT_WR), 0); /* cut, as anybody on the way could */
    stage_wait(stage, &run->over);
    transport_close(&transport, true);
}

static void replies_come_through_tls_whole_or_not_at_all(void **state)
{
    struct buffer large = large_reply(1, 10, 700000);
    const struct {
        struct slice text;
        bool is_orderly;
        enum engine_failure failure;
    } cases[] = {
        {buffer_slice(&large), true, ENGINE_FAILURE_NONE},
        {buffer_slice(&large), false, ENGINE_FAILURE_NONE}, /* its length says that it is whole */
        {SLICE(H "\r\nuntil close"), true, ENGINE_FAILURE_NONE},
        {SLICE(H "\r\nuntil close"), false, ENGINE_CLOSED},
        {SLICE(H "Content-Length: 9\r\n\r\nhello"), true, ENGINE_CLOSED},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct stage stage;
        struct run run;
        stage_begin(&stage, "127.0.0.1");
        stage.engine.tls_context = stage_tls_client;
        stage_open(&stage);
        run_start(&run, &stage, "GET");
        tls_answer(&stage, &run, cases[i].text, cases[i].is_orderly);
        assert_int_equal(run.over, 1);
        assert_int_equal(run.failure, cases[i].failure);
        assert_true(slice_ends_with(cases[i].text, buffer_slice(&run.body)));
        assert_int_equal(run.body.length, i < 2 ? 700000 : i < 4 ? 11 : 5);
        run_end(&run);
        stage_end(&stage);
    }
    buffer_clear(&large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_split_of_a_reply_brings_the_same_events),
        cmocka_unit_test(a_large_head_may_come_in_any_two_parts),
        cmocka_unit_test(heads_are_capped),
        cmocka_unit_test(a_request_is_written_as_it_is_asked),
        cmocka_unit_test(a_large_body_waits_for_the_engine),
        cmocka_unit_test(nothing_leaves_before_it_is_flushed),
        cmocka_unit_test(an_early_answer_ends_the_request),
        cmocka_unit_test(an_unfinished_request_spoils_its_connection),
        cmocka_unit_test(requests_over_their_caps_are_refused),
        cmocka_unit_test(a_dead_kept_connection_is_replaced_unseen),
        cmocka_unit_test(after_the_first_byte_nothing_is_sent_again),
        cmocka_unit_test(a_fresh_connection_is_not_replaced),
        cmocka_unit_test(a_request_is_sent_twice_at_most),
        cmocka_unit_test(a_large_request_is_sent_once),
        cmocka_unit_test(an_engine_that_says_nothing_is_given_up),
        cmocka_unit_test(a_slow_client_is_not_the_engines_fault),
        cmocka_unit_test(an_engine_that_is_not_there_is_told),
        cmocka_unit_test(a_paused_call_reads_nothing_and_then_everything),
        cmocka_unit_test(a_paused_call_learns_of_a_reset),
        cmocka_unit_test(a_call_can_be_ended_at_any_time),
        cmocka_unit_test(replies_come_through_tls_whole_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, stage_tls_begin, stage_tls_end);
}

/* SPDX-License-Identifier: MIT
 *
 * run.c - see run.h. The order of the events is checked as they come. */
#include "run.h"

#include "replies.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { body_max = 8 * 1024 * 1024 };

static struct run *run_of(struct engine_call *call)
{
    return (struct run *)((char *)call - offsetof(struct run, call));
}

static void run_head(struct engine_call *call, const struct response_head *head)
{
    static const char *const framings[] = {"none", "length", "chunked", "until close"};
    struct run *run = run_of(call);
    assert_int_equal(run->heads++, 0);
    assert_int_equal(run->over, 0);
    buffer_append_format(&run->log, "%u %.*s %s %llu ", head->status, SLICE_ARGS(head->reason),
                         framings[head->framing], (unsigned long long)head->content_length);
    for (size_t i = 0; i < head->fields_count && head->fields_count < 10; i++) {
        buffer_append_format(&run->log, "%.*s=%.*s; ", SLICE_ARGS(head->fields[i].name),
                             SLICE_ARGS(head->fields[i].value));
    }
}

static void run_body(struct engine_call *call, struct slice bytes)
{
    struct run *run = run_of(call);
    assert_int_equal(run->heads, 1);
    assert_int_equal(run->over, 0);
    assert_true(bytes.length > 0);
    buffer_append(&run->body, bytes);
    assert_int_equal(call->reply_bytes, run->body.length);
}

static void run_ended(struct engine_call *call)
{
    struct run *run = run_of(call);
    assert_int_equal(run->heads, 1);
    assert_int_equal(run->over++, 0);
    buffer_append_string(&run->log, "ended");
}

static void run_failed(struct engine_call *call, enum engine_failure failure, const char *detail)
{
    struct run *run = run_of(call);
    assert_int_equal(run->over++, 0);
    run->failure = failure;
    buffer_append_format(&run->log, "failed: %s (%s)", engine_failure_text(failure), detail);
}

static void run_writable(struct engine_call *call)
{
    run_of(call)->writable++;
}

static void run_settled(struct engine_call *call)
{
    struct run *run = run_of(call);
    run->settled++;
    if (run->pauses) {
        engine_call_pause(call);
    }
}

static const struct engine_call_events run_events = {.head = run_head,
                                                     .body = run_body,
                                                     .ended = run_ended,
                                                     .failed = run_failed,
                                                     .writable = run_writable,
                                                     .settled = run_settled};

enum status run_try_with(struct run *run, struct stage *stage, const struct engine_request *request)
{
    memset(run, 0, sizeof(*run));
    run->stage = stage;
    arena_init(&run->arena, 256 * 1024);
    buffer_init(&run->log, 64 * 1024);
    buffer_init(&run->body, body_max);
    return engine_call_start(&run->call, &stage->pool, &run->arena, request, &run_events);
}

enum status run_try(struct run *run, struct stage *stage, const char *method,
                    enum body_framing framing, uint64_t length)
{
    const struct engine_request request = {.method = slice_from_string(method),
                                           .target = SLICE("/x"),
                                           .framing = framing,
                                           .content_length = length};
    return run_try_with(run, stage, &request);
}

void run_start(struct run *run, struct stage *stage, const char *method)
{
    assert_int_equal(run_try(run, stage, method, BODY_NONE, 0), STATUS_OK);
    engine_call_body_end(&run->call);
    engine_call_flush(&run->call);
}

void run_end(struct run *run)
{
    engine_call_end(&run->call);
    engine_call_end(&run->call);
    assert_null(run->call.lease.connection);
    assert_true(run->over == 0 || run->settled > 0); /* every end is followed by it */
    arena_clear(&run->arena);
    buffer_clear(&run->log);
    buffer_clear(&run->body);
}

void expect_log(const struct run *run, const char *log)
{
    if (!slice_equals(buffer_slice(&run->log), slice_from_string(log))) {
        fail_msg("heard: %.*s\nexpected: %s", SLICE_ARGS(buffer_slice(&run->log)), log);
    }
}

void expect_failure(const struct run *run, enum engine_failure failure)
{
    if (run->over != 1 || run->failure != failure) {
        fail_msg("heard: %.*s", SLICE_ARGS(buffer_slice(&run->log)));
    }
}

int run_warm_up(struct stage *stage)
{
    struct run run;
    run_start(&run, stage, "GET");
    int connection = stage_accept(stage);
    stage_expect(stage, connection, SLICE(GET));
    stage_send(stage, connection, SLICE(OK_REPLY));
    stage_wait(stage, &run.over);
    expect_log(&run, "200 OK length 2 Content-Length=2; ended");
    run_end(&run);
    assert_int_equal(stage->pool.idle_count, 1);
    return connection;
}

static int readable_bytes(const struct run *run)
{
    int count = 0;
    assert_int_equal(ioctl(run->call.lease.connection->transport.descriptor, FIONREAD, &count), 0);
    return count;
}

void run_deliver(struct run *run, int connection, struct slice part)
{
    if (run->over > 0) {
        (void)!send(connection, part.data, part.length, MSG_NOSIGNAL);
        return;
    }
    assert_int_equal(send(connection, part.data, part.length, MSG_NOSIGNAL), part.length);
    struct pollfd arrival = {.fd = run->call.lease.connection->transport.descriptor,
                             .events = POLLIN};
    while (readable_bytes(run) < (int)part.length) {
        assert_true(poll(&arrival, 1, 1000) >= 0);
    }
    while (run->over == 0 && readable_bytes(run) > 0) {
        uv_run(&run->stage->worker.loop, UV_RUN_NOWAIT);
    }
}

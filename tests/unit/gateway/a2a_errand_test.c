/* SPDX-License-Identifier: MIT
 *
 * a2a_errand_test.c - questions about tasks and the streams of their changes: whoever leaves, and
 * whenever, nothing is left over. The agent is a loopback server on a thread of its own. */
#include "gateway/a2a_errand.h"

#include "gateway/answer.h"
#include "gateway/routes.h"

#include "../a2a/agents.h"
#include "fake_codec.h"
#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define TRACEPARENT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
#define REPLY "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"answer\":\"42\"}"

enum { long_text_bytes = 150 * 1000 };

static struct test_agent *agent;
static char last_id[task_id_length + 1]; /* of the task that was answered with */
static unsigned answered;
static bool writes_at_length;
static bool runs_out_of_memory;

static void recovered(struct a2a_call *call)
{
    gate_pass(call->context);
}

static bool is_recovered(struct scene *scene)
{
    pthread_mutex_lock(&scene->recalled.lock);
    bool is_passed = scene->recalled.count > 0;
    pthread_mutex_unlock(&scene->recalled.lock);
    return is_passed;
}

/* Until questions are no longer held back for what a stop interrupted. */
static void recover(struct scene *scene)
{
    struct a2a_call *call = a2a_call_create(A2A_CANCEL, recovered, &scene->recalled);
    assert_non_null(call);
    gate_init(&scene->recalled);
    a2a_call_set_task(call, SLICE("no such task"));
    (void)a2a_run(scene->process.a2a, call);
    while (!is_recovered(scene)) {
        scene_turn(scene, -1);
    }
    gate_await(&scene->recalled, 1);
    a2a_call_free(call);
}

static void begin(struct scene *scene, const char *reply)
{
    char flag[128];
    const char *const flags[] = {flag, "--a2a-task-timeout=1h", NULL};
    answered = 0;
    writes_at_length = runs_out_of_memory = false;
    last_id[0] = '\0';
    agent = test_agent_start();
    test_agent_reply(agent, reply);
    snprintf(flag, sizeof(flag), "--a2a-agents=coder=%s", test_agent_url(agent));
    scene_begin(scene, flags);
    scene_open_memory(scene);
    scene_open_agents(scene);
    recover(scene);
}

static void end(struct scene *scene)
{
    scene_end(scene);
    test_agent_stop(agent);
}

/* ---- answers as the routes give them ---- */

static enum step_result answer_outcome(struct request *request, struct a2a_call *call)
{
    answered++;
    if (call->job.outcome != A2A_OK) {
        answer_detail(request, 404, "refused", "outcome %d", (int)call->job.outcome);
        return STEP_ANSWER;
    }
    memcpy(last_id, call->job.tasks[0].id, sizeof(last_id));
    answer_detail(request, 200, NULL, "state %d", (int)call->job.tasks[0].state);
    return STEP_ANSWER;
}

static void set_question(struct a2a_call *call)
{
    call->job.task.target_name = SLICE("coder");
    call->job.task.input = SLICE("{\"messages\":[]}");
}

static enum step_result send_task(struct request *request)
{
    struct a2a_call *call = a2a_errand_create(request, A2A_SEND, answer_outcome);
    assert_non_null(call);
    set_question(call);
    return a2a_errand_send(request, call);
}

static enum step_result send_and_wait(struct request *request)
{
    struct a2a_call *call = a2a_errand_create(request, A2A_SEND, answer_outcome);
    assert_non_null(call);
    set_question(call);
    call->waits = true;
    return a2a_errand_send(request, call);
}

static enum step_result ask_last(struct request *request, enum a2a_action action)
{
    struct a2a_call *call = a2a_errand_create(request, action, answer_outcome);
    assert_non_null(call);
    a2a_call_set_task(call, slice_from_string(last_id));
    return a2a_errand_send(request, call);
}

static enum step_result get_task(struct request *request)
{
    return ask_last(request, A2A_GET);
}

static enum step_result cancel_task(struct request *request)
{
    return ask_last(request, A2A_CANCEL);
}

static enum step_result think_better_of_it(struct request *request)
{
    struct a2a_call *call = a2a_errand_create(request, A2A_SEND, answer_outcome);
    assert_non_null(call);
    answer_detail(request, 422, "bad", "not this");
    return a2a_errand_drop(call);
}

static bool write_event(struct request *request, const struct a2a_event *event, struct buffer *text)
{
    buffer_append_format(text, "%s%d ", event->is_snapshot ? "snapshot " : "change ",
                         (int)event->task.state);
    return task_is_at_rest(event->task.state);
}

static enum step_result begin_stream(struct request *request, struct a2a_call *call)
{
    struct a2a_stream *stream = request->answer_state;
    if (call->job.outcome != A2A_OK) {
        return answer_outcome(request, call);
    }
    answered++;
    memcpy(last_id, call->job.tasks[0].id, sizeof(last_id));
    buffer_append_string(a2a_stream_text(stream), call->was_over ? "over " : "begun ");
    for (size_t i = 0; writes_at_length && i < long_text_bytes; i++) {
        buffer_append_byte(a2a_stream_text(stream), '.');
    }
    a2a_stream_text(stream)->failed = runs_out_of_memory;
    return answer_stream(request, 200, SLICE("text/event-stream"), a2a_stream_source);
}

static enum step_result stream_task(struct request *request)
{
    struct a2a_call *call = a2a_errand_create(request, A2A_SEND, begin_stream);
    assert_non_null(call);
    set_question(call);
    call->job.task.message_id = SLICE("message-1");
    assert_non_null(a2a_stream_create(request, call, write_event));
    return a2a_errand_send(request, call);
}

static enum step_result stream_unknown(struct request *request)
{
    struct a2a_call *call = a2a_errand_create(request, A2A_WATCH, begin_stream);
    assert_non_null(call);
    a2a_call_set_task(call, SLICE("00000000000000000000000000000000"));
    assert_non_null(a2a_stream_create(request, call, write_event));
    return a2a_errand_send(request, call);
}

static const struct route sends = {.answer = send_task};
static const struct route sends_and_waits = {.answer = send_and_wait};
static const struct route gets = {.answer = get_task};
static const struct route cancels = {.answer = cancel_task};
static const struct route drops = {.answer = think_better_of_it};
static const struct route streams = {.answer = stream_task};
static const struct route streams_unknown = {.answer = stream_unknown};

static struct request *ask(struct scene *scene, const struct route *route, const char *user)
{
    struct request *request = scene_request(scene, "GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n");
    scene_prove(request, user);
    request->session = SLICE("0000000000000001");
    request->route = route;
    request->step = STEP_answer_route;
    request_run(request);
    return request;
}

static void expect(struct scene *scene, const struct route *route, const char *user,
                   unsigned status)
{
    ask(scene, route, user);
    scene_await_end(scene);
    assert_int_equal(fake_codec_seen.status, status);
    fake_codec_forget();
}

static void await_answer(struct scene *scene, unsigned count)
{
    while (answered < count) {
        scene_turn(scene, -1);
    }
}

/* Until <text> is among what was sent. */
static void await_text(struct scene *scene, const char *text)
{
    while (!scene_contains(&fake_codec_seen.body, text)) {
        scene_turn(scene, -1);
    }
}

/* ---- questions ---- */

static void a_call_says_who_asks(void **state)
{
    struct scene scene;
    begin(&scene, REPLY);
    struct request *request =
        scene_request(&scene, "GET /x HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: r-1\r\n"
                              "Traceparent: " TRACEPARENT "\r\n\r\n");
    scene_prove(request, "alice");
    request->session = SLICE("0000000000000001");
    request->identity.actors = SLICE("[\"planner\",\"front\"]");
    request->identity.actors_count = 2;
    struct a2a_call *call = a2a_errand_create(request, A2A_SEND, answer_outcome);
    assert_non_null(call);
    const struct task *task = &call->job.task;
    assert_true(slice_equals(task->owner.issuer, SLICE(SCENE_ISSUER)));
    assert_true(slice_equals(task->owner.subject, SLICE("alice")));
    assert_true(slice_equals(task->owner.user, SLICE("alice")));
    assert_true(slice_equals(task->session, SLICE("0000000000000001")));
    assert_true(slice_equals(task->request_id, SLICE("r-1")));
    assert_true(slice_equals(task->traceparent, SLICE(TRACEPARENT)));
    assert_true(slice_equals(task->actors, SLICE("[\"planner\",\"front\"]")));
    assert_int_equal(task->hops, 2);
    assert_ptr_not_equal(task->request_id.data, request->request_id.data); /* its own copy */
    assert_int_equal(a2a_errand_drop(call), STEP_ANSWER);
    scene_drop(request);
    request =
        scene_request(&scene, "GET /x HTTP/1.1\r\nHost: localhost\r\nTraceparent: 00-abc\r\n\r\n");
    call = a2a_errand_create(request, A2A_SEND, answer_outcome);
    assert_non_null(call);
    assert_int_equal(call->job.task.traceparent.length, 0); /* cannot be passed on */
    assert_int_equal(a2a_errand_drop(call), STEP_ANSWER);
    scene_drop(request);
    end(&scene);
}

static void tasks_belong_to_who_sent_them(void **state)
{
    struct scene scene;
    begin(&scene, REPLY);
    expect(&scene, &sends, "alice", 200);
    expect(&scene, &gets, "alice", 200);
    expect(&scene, &gets, "bob", 404);
    expect(&scene, &cancels, "bob", 404);
    expect(&scene, &drops, "alice", 422);
    assert_int_equal(answered, 4);
    assert_int_equal(scene.gateway->errands_out, 0);
    end(&scene);
}

static void a_client_that_leaves_is_not_answered(void **state)
{
    struct scene scene;
    begin(&scene, NULL);
    scene_hold_store(&scene);
    scene_drop(ask(&scene, &sends, "alice"));
    assert_int_equal(scene.gateway->errands_out, 1);
    scene_release_store(&scene);
    scene_await_errands(&scene, 0);
    assert_int_equal(answered, 0);
    end(&scene);
}

/* The agent never answers: nobody waits for it any more when the client has left, at whatever point
 * that is. */
static void a_client_that_waits_for_its_task_may_leave(void **state)
{
    struct scene scene;
    begin(&scene, NULL);
    scene_drop(ask(&scene, &sends_and_waits, "alice"));
    scene_await_errands(&scene, 0);
    struct request *request = ask(&scene, &sends_and_waits, "alice");
    while (strlen(test_agent_request(agent, 1)) == 0) { /* both tasks run */
        scene_turn(&scene, -1);
    }
    assert_ptr_equal(scene.connection.request, request);
    scene_drop(request);
    scene_await_errands(&scene, 0);
    assert_int_equal(answered, 0);
    end(&scene);
}

/* ---- streams ---- */

static void a_stream_ends_with_its_task(void **state)
{
    struct scene scene;
    char last[32];
    begin(&scene, REPLY);
    ask(&scene, &streams, "alice");
    scene_await_end(&scene);
    snprintf(last, sizeof(last), "%d ", TASK_COMPLETED);
    assert_int_equal(fake_codec_seen.status, 200);
    assert_false(fake_codec_seen.has_length);
    assert_non_null(strstr(fake_codec_body(), "begun "));
    assert_string_equal(fake_codec_body() + strlen(fake_codec_body()) - strlen(last), last);
    assert_non_null(strstr(fake_codec_calls(), "end flush over "));
    scene_await_errands(&scene, 0); /* the last event may come after the end that it announces */
    end(&scene);
}

/* The same message again: the task has ended, the answer is all there is. */
static void a_task_that_has_ended_has_nothing_to_tell(void **state)
{
    struct scene scene;
    begin(&scene, REPLY);
    ask(&scene, &streams, "alice");
    scene_await_end(&scene);
    scene_await_errands(&scene, 0);
    fake_codec_forget();
    ask(&scene, &streams, "alice");
    scene_await_end(&scene);
    assert_string_equal(fake_codec_body(), "over ");
    assert_non_null(strstr(fake_codec_calls(), "end flush over "));
    assert_int_equal(scene.gateway->errands_out, 0);
    end(&scene);
}

static void a_watch_that_is_refused_is_answered(void **state)
{
    struct scene scene;
    begin(&scene, REPLY);
    expect(&scene, &streams_unknown, "alice", 404);
    assert_int_equal(answered, 1);
    assert_int_equal(scene.gateway->errands_out, 0);
    end(&scene);
}

static void a_client_that_leaves_before_a_refusal(void **state)
{
    struct scene scene;
    begin(&scene, REPLY);
    scene_drop(ask(&scene, &streams_unknown, "alice"));
    assert_int_equal(scene.gateway->errands_out, 2); /* the question and the watch */
    scene_await_errands(&scene, 0);
    assert_int_equal(answered, 0);
    end(&scene);
}

static void a_client_that_leaves_before_the_answer(void **state)
{
    struct scene scene;
    begin(&scene, NULL);
    scene_hold_store(&scene);
    scene_drop(ask(&scene, &streams, "alice"));
    scene_settle(&scene); /* that it has left is known before the task is stored */
    assert_int_equal(scene.gateway->errands_out, 2);
    scene_release_store(&scene);
    scene_await_errands(&scene, 0);
    assert_int_equal(answered, 0);
    end(&scene);
}

static void a_client_that_leaves_before_an_answer_on_its_way(void **state)
{
    struct scene scene;
    begin(&scene, REPLY);
    struct request *request = ask(&scene, &streams, "alice");
    while (strlen(test_agent_request(agent, 0)) == 0) { /* it is stored and runs already */
        scene_turn(&scene, -1);
    }
    if (scene.connection.request == request) {
        scene_drop(request);
    }
    scene_await_errands(&scene, 0);
    end(&scene);
}

static void a_client_that_leaves_after_the_answer(void **state)
{
    struct scene scene;
    begin(&scene, NULL); /* the agent never answers */
    struct request *request = ask(&scene, &streams, "alice");
    await_answer(&scene, 1);
    await_text(&scene, "snapshot ");
    assert_ptr_equal(scene.connection.request, request);
    assert_int_equal(scene.gateway->errands_out, 1); /* the watch */
    scene_drop(request);
    scene_await_errands(&scene, 0);
    end(&scene);
}

/* Somebody else ends the task. */
static void the_last_event_ends_the_stream(void **state)
{
    struct scene scene;
    char last[32];
    begin(&scene, NULL);
    ask(&scene, &streams, "alice");
    await_text(&scene, "snapshot ");
    ask(&scene, &cancels, "alice"); /* in place of the stream on the connection */
    scene_await_errands(&scene, 0);
    assert_int_equal(answered, 2);
    snprintf(last, sizeof(last), "change %d ", TASK_CANCELED);
    assert_non_null(strstr(fake_codec_body(), last));
    assert_non_null(strstr(fake_codec_calls(), "end flush over "));
    end(&scene);
}

static void a_client_that_reads_slowly_gets_it_in_pieces(void **state)
{
    struct scene scene;
    begin(&scene, NULL);
    writes_at_length = true;
    buffer_append_byte(&scene.connection.output, 'x'); /* the client is full */
    struct request *request = ask(&scene, &streams, "alice");
    await_answer(&scene, 1);
    scene_settle(&scene);
    assert_int_equal(request->bytes_out, 0);
    struct slice piece = {0};
    assert_int_equal(a2a_stream_source(request, &piece), SOURCE_BYTES);
    assert_int_equal(piece.length, 64 * 1024);
    assert_int_equal(a2a_stream_source(request, &piece), SOURCE_BYTES);
    assert_int_equal(piece.length, 64 * 1024);
    buffer_clear(&scene.connection.output);
    request_drained(request); /* the rest */
    await_text(&scene, "snapshot ");
    struct a2a_stream *stream = request->answer_state;
    assert_int_equal(a2a_stream_text(stream)->length, 0); /* nothing is kept that was sent */
    assert_int_equal(a2a_stream_source(request, &piece), SOURCE_WAITS);
    scene_drop(request);
    end(&scene);
}

static void a_stream_without_memory_breaks_visibly(void **state)
{
    struct scene scene;
    begin(&scene, NULL);
    runs_out_of_memory = true;
    ask(&scene, &streams, "alice");
    scene_await_end(&scene);
    assert_non_null(strstr(fake_codec_calls(), "abort flush over "));
    scene_await_errands(&scene, 0); /* nobody watches any more */
    end(&scene);
}

/* All streams together may hold so much for clients that do not read. */
static void a_stream_without_room_breaks_visibly(void **state)
{
    struct scene scene;
    begin(&scene, NULL);
    assert_true(a2a_room_take(scene.process.a2a, a2a_room_bytes_max - 4));
    assert_false(a2a_room_take(scene.process.a2a, 5));
    ask(&scene, &streams, "alice");
    scene_await_end(&scene);
    assert_non_null(strstr(fake_codec_calls(), "abort flush over "));
    assert_null(strstr(fake_codec_body(), "snapshot"));
    scene_await_errands(&scene, 0);
    assert_true(a2a_room_take(scene.process.a2a, 4)); /* it took none along */
    a2a_room_give(scene.process.a2a, a2a_room_bytes_max);
    end(&scene);
}

static void what_was_sent_makes_room(void **state)
{
    struct scene scene;
    begin(&scene, NULL);
    assert_true(a2a_room_take(scene.process.a2a, a2a_room_bytes_max - 64));
    struct request *request = ask(&scene, &streams, "alice");
    await_text(&scene, "snapshot ");
    assert_true(a2a_room_take(scene.process.a2a, 64));
    a2a_room_give(scene.process.a2a, a2a_room_bytes_max);
    scene_drop(request);
    end(&scene);
}

static void only_a_sound_trace_context_is_passed_on(void **state)
{
#define TRACE_ID "0af7651916cd43dd8448eb211c80319c"
#define PARENT_ID "b7ad6b7169203331"
    static const struct {
        const char *text;
        bool is_sound;
    } cases[] = {
        {TRACEPARENT, true},
        {"cc-" TRACE_ID "-" PARENT_ID "-00", true},
        {"ff-" TRACE_ID "-" PARENT_ID "-01", false},
        {"00-00000000000000000000000000000000-" PARENT_ID "-01", false},
        {"00-" TRACE_ID "-0000000000000000-01", false},
        {"00-0AF7651916CD43DD8448EB211C80319C-" PARENT_ID "-01", false},
        {"00-" TRACE_ID "-b7ad6b716920333g-01", false},
        {"00-" TRACE_ID "_" PARENT_ID "-01", false},
        {"00_" TRACE_ID "-" PARENT_ID "-01", false},
        {"00-" TRACE_ID "-" PARENT_ID " 01", false},
        {"0x-" TRACE_ID "-" PARENT_ID "-01", false},
        {"00-" TRACE_ID "-" PARENT_ID "-0", false},
        {"00-" TRACE_ID "-" PARENT_ID "-01-more", false},
        {"", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (a2a_errand_traceparent_is_sound(slice_from_string(cases[i].text)) !=
            cases[i].is_sound) {
            fail_msg("%s", cases[i].text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_says_who_asks),
        cmocka_unit_test(tasks_belong_to_who_sent_them),
        cmocka_unit_test(a_client_that_leaves_is_not_answered),
        cmocka_unit_test(a_client_that_waits_for_its_task_may_leave),
        cmocka_unit_test(a_stream_ends_with_its_task),
        cmocka_unit_test(a_task_that_has_ended_has_nothing_to_tell),
        cmocka_unit_test(a_watch_that_is_refused_is_answered),
        cmocka_unit_test(a_client_that_leaves_before_a_refusal),
        cmocka_unit_test(a_client_that_leaves_before_the_answer),
        cmocka_unit_test(a_client_that_leaves_before_an_answer_on_its_way),
        cmocka_unit_test(a_client_that_leaves_after_the_answer),
        cmocka_unit_test(the_last_event_ends_the_stream),
        cmocka_unit_test(a_client_that_reads_slowly_gets_it_in_pieces),
        cmocka_unit_test(a_stream_without_memory_breaks_visibly),
        cmocka_unit_test(a_stream_without_room_breaks_visibly),
        cmocka_unit_test(what_was_sent_makes_room),
        cmocka_unit_test(only_a_sound_trace_context_is_passed_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

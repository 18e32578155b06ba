/* SPDX-License-Identifier: MIT
 *
 * a2a_test.c - the whole of it: a real store in a temporary directory, a loop on this thread, and
 * agents that are loopback servers on threads of their own. */
#include "a2a/a2a.h"

#include "a2a_stage.h"
#include "agents.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { answers_max = 64, events_max = 16 };

struct scene {
    struct stage stage;
    uv_timer_t timer;
    bool is_late;
    struct a2a *a2a;
    bool is_closed;
    /* what was heard; answers come from several threads */
    uv_mutex_t lock;
    struct a2a_call *answers[answers_max];
    size_t answers_count;
    struct a2a_event *events[events_max];
    size_t events_count;
    char remembered[16][128];
    size_t remembered_count;
    char minted[256];
};

static const struct task_owner ann = {SLICE("https://id.test"), SLICE("ann"), SLICE("ann")};
static const struct task_owner bob = {SLICE("https://id.test"), SLICE("bob"), SLICE("bob")};

/* ---- what the gateway would bring ---- */

static enum status mint(void *context, const struct a2a_delegation *delegation,
                        struct buffer *token, struct failure *reterr)
{
    struct scene *scene = context;
    snprintf(scene->minted, sizeof(scene->minted), "%.*s %.*s",
             SLICE_ARGS(delegation->owner->subject), SLICE_ARGS(delegation->actors));
    buffer_append_string(token, "delegated");
    return STATUS_OK;
}

static void stamp(void *context, struct event *event)
{
    snprintf(event->id, sizeof(event->id), "%036llu", (unsigned long long)uv_hrtime());
}

static void remember(void *context, const struct event *event, struct a2a_remembering *remembering)
{
    struct scene *scene = context;
    a2a_remembered(remembering, true);
    if (scene->remembered_count < 16) {
        snprintf(scene->remembered[scene->remembered_count++], 128, "%.*s %.*s %.*s %.60s",
                 SLICE_ARGS(event->event), SLICE_ARGS(event->user), SLICE_ARGS(event->state),
                 event->result.length > 0 ? event->result.data : "");
    }
}

static void answered(struct a2a_call *call)
{
    struct scene *scene = call->context;
    uv_mutex_lock(&scene->lock);
    assert_true(scene->answers_count < answers_max);
    scene->answers[scene->answers_count++] = call;
    uv_mutex_unlock(&scene->lock);
}

static void heard(struct a2a_watch *watch, struct a2a_event *event)
{
    struct scene *scene = watch->context;
    assert_ptr_equal(event->watch, watch);
    assert_true(scene->events_count < events_max);
    scene->events[scene->events_count++] = event;
}

/* ---- the scene ---- */

static void late(uv_timer_t *timer)
{
    struct scene *scene = timer->data;
    scene->is_late = true;
}

static void tick(uv_timer_t *timer)
{
}

/* Runs the loop until <is_done>; liveness only. */
static void run_until(struct scene *scene, bool (*is_done)(struct scene *scene))
{
    uv_timer_t ticker; /* answers of the store's threads do not wake this loop */
    uv_timer_init(&scene->stage.loop, &ticker);
    uv_timer_start(&ticker, tick, 5, 5);
    uv_timer_init(&scene->stage.loop, &scene->timer);
    scene->timer.data = scene;
    scene->is_late = false;
    uv_timer_start(&scene->timer, late, stage_patience_ms, 0);
    for (;;) {
        uv_mutex_lock(&scene->lock);
        bool done = is_done(scene);
        uv_mutex_unlock(&scene->lock);
        if (done) {
            break;
        }
        if (scene->is_late) {
            fail_msg("it does not come");
        }
        uv_run(&scene->stage.loop, UV_RUN_ONCE);
    }
    uv_close((uv_handle_t *)&ticker, NULL);
    uv_close((uv_handle_t *)&scene->timer, NULL);
    uv_run(&scene->stage.loop, UV_RUN_NOWAIT);
}

static void a2a_begin(struct scene *scene)
{
    struct a2a_settings settings = {
        .config = &scene->stage.config,
        .loop = &scene->stage.loop,
        .store = scene->stage.store,
        .fetcher = scene->stage.fetcher,
        .mint = mint,
        .remember = remember,
        .stamp = stamp,
        .context = scene,
    };
    struct failure failure = {""};
    scene->is_closed = false;
    if (a2a_open(&settings, &scene->a2a, &failure) != STATUS_OK) {
        fail_msg("%s", failure.text);
    }
}

static int scene_open(void **state)
{
    struct scene *scene = calloc(1, sizeof(*scene));
    stage_open(&scene->stage, "");
    uv_mutex_init(&scene->lock);
    *state = scene;
    return 0;
}

static void closed(void *context)
{
    struct scene *scene = context;
    scene->is_closed = true;
}

static bool is_closed(struct scene *scene)
{
    return scene->is_closed;
}

static void a2a_end(struct scene *scene)
{
    a2a_close(scene->a2a, closed, scene);
    run_until(scene, is_closed);
    for (int i = 0; i < 3; i++) {
        uv_run(&scene->stage.loop, UV_RUN_NOWAIT);
    }
    a2a_free(scene->a2a);
    scene->a2a = NULL;
}

static int scene_close(void **state)
{
    struct scene *scene = *state;
    if (scene->a2a != NULL) {
        a2a_end(scene);
    }
    stage_close(&scene->stage);
    for (size_t i = 0; i < scene->answers_count; i++) {
        a2a_call_free(scene->answers[i]);
    }
    for (size_t i = 0; i < scene->events_count; i++) {
        a2a_event_free(scene->events[i]);
    }
    uv_mutex_destroy(&scene->lock);
    free(scene);
    return 0;
}

static struct a2a_call *call_make(struct scene *scene, enum a2a_action action)
{
    struct a2a_call *call = a2a_call_create(action, answered, scene);
    assert_non_null(call);
    call->job.task.owner = ann;
    call->job.query.limit = 50;
    return call;
}

static struct a2a_call *send_make(struct scene *scene, const char *target)
{
    struct a2a_call *call = call_make(scene, A2A_SEND);
    call->job.task.target_name = slice_from_string(target);
    call->job.task.input = SLICE("{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}");
    call->job.task.session = SLICE("sess");
    call->job.task.request_id = SLICE("req");
    call->waits = true;
    return call;
}

static bool has_one_answer(struct scene *scene)
{
    return scene->answers_count >= 1;
}

/* Asks, waits and takes the answer out. */
static struct a2a_call *ask(struct scene *scene, struct a2a_call *call)
{
    a2a_run(scene->a2a, call);
    run_until(scene, has_one_answer);
    assert_int_equal(scene->answers_count, 1);
    scene->answers_count = 0;
    return scene->answers[0];
}

static enum a2a_outcome outcome_of(struct a2a_call *call)
{
    enum a2a_outcome outcome = call->job.outcome;
    a2a_call_free(call);
    return outcome;
}

/* ---- tests ---- */

static void a_task_goes_to_its_agent_and_back(void **state)
{
    struct scene *scene = *state;
    a2a_begin(scene);
    test_agent_reply(scene->stage.agent,
                     "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"answer\":\"42\"}");
    struct a2a_call *call = ask(scene, send_make(scene, "coder"));
    assert_int_equal(call->job.outcome, A2A_OK);
    assert_true(call->was_over);
    const struct task *task = &call->job.tasks[0];
    assert_int_equal(task->state, TASK_COMPLETED);
    assert_true(slice_equals(task->result, SLICE("{\"answer\":\"42\"}")));
    assert_true(task->context_id.length > 0 && task->ended_us >= task->created_us);
    const char *request = test_agent_request(scene->stage.agent, 0);
    assert_non_null(strstr(request, "POST /run HTTP/1.1\r\n"));
    assert_non_null(strstr(request, "\r\nX-Attach-User: ann\r\n"));
    assert_non_null(strstr(request, "\r\nX-Attach-Session: sess\r\n"));
    assert_non_null(strstr(request, "\r\nX-Request-Id: req\r\n"));
    assert_non_null(strstr(request, "\r\nX-Attach-Hops: 1\r\n"));
    assert_non_null(strstr(request, "\r\nAuthorization: Bearer delegated\r\n"));
    assert_non_null(
        strstr(request, "\r\n\r\n{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"));
    assert_string_equal(scene->minted, "ann [\"coder\"]");
    assert_int_equal(scene->remembered_count, 2);
    assert_string_equal(scene->remembered[0], "task_sent ann  ");
    assert_string_equal(scene->remembered[1], "task_result ann done {\"answer\":\"42\"}");
    /* it is there for its owner, and for nobody else */
    struct a2a_call *get = call_make(scene, A2A_GET);
    a2a_call_set_task(get, slice_from_string(task->id));
    assert_int_equal(outcome_of(ask(scene, get)), A2A_OK);
    get = call_make(scene, A2A_GET);
    get->job.task.owner = bob;
    a2a_call_set_task(get, slice_from_string(task->id));
    assert_int_equal(outcome_of(ask(scene, get)), A2A_UNKNOWN_TASK);
    get = call_make(scene, A2A_GET);
    a2a_call_set_task(get, SLICE("../../etc/passwd"));
    assert_int_equal(outcome_of(ask(scene, get)), A2A_UNKNOWN_TASK);
    a2a_call_free(call);
}

static void expect_failure(struct scene *scene, const char *reply, const char *detail)
{
    test_agent_reply(scene->stage.agent, reply);
    struct a2a_call *call = ask(scene, send_make(scene, "coder"));
    assert_int_equal(call->job.outcome, A2A_OK);
    const struct task *task = &call->job.tasks[0];
    if (task->state != TASK_FAILED ||
        memmem(task->detail.data, task->detail.length, detail, strlen(detail)) == NULL) {
        fail_msg("\"%s\" gives \"%.*s\"", reply, SLICE_ARGS(task->detail));
    }
    assert_int_equal(task->result.length, 0);
    a2a_call_free(call);
}

static void a_bad_answer_is_an_error(void **state)
{
    struct scene *scene = *state;
    a2a_begin(scene);
    expect_failure(scene, "HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\n{}", "HTTP 500");
    expect_failure(scene,
                   "HTTP/1.1 307 Over there\r\nLocation: http://127.0.0.1:1/\r\n"
                   "Content-Length: 2\r\n\r\n{}",
                   "redirects");
    expect_failure(scene, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwhat", "not JSON");
    expect_failure(scene, "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n{}",
                   "A2A_RESULT_MAX");
    expect_failure(scene, "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{}",
                   "broke the connection");
    expect_failure(scene, "", "broke the connection");
    struct a2a_call *call = ask(scene, send_make(scene, NULL)); /* the engine is not there */
    assert_int_equal(call->job.tasks[0].state, TASK_FAILED);
    a2a_call_free(call);
}

static void a_silent_target_ends_in_time(void **state)
{
    struct scene *scene = *state;
    scene->stage.config.a2a_task_timeout_ms = 200;
    a2a_begin(scene);
    expect_failure(scene, NULL, "in time");
}

static void targets_and_caps_are_checked_before_anything_is_stored(void **state)
{
    struct scene *scene = *state;
    a2a_begin(scene);
    assert_int_equal(outcome_of(ask(scene, send_make(scene, "nobody"))), A2A_UNKNOWN_AGENT);
    struct a2a_call *call = send_make(scene, NULL);
    call->job.task.target_url = SLICE("http://169.254.169.254/");
    assert_int_equal(outcome_of(ask(scene, call)), A2A_TARGET_DENIED);
    call = send_make(scene, "coder");
    call->job.task.hops = 3;
    assert_int_equal(outcome_of(ask(scene, call)), A2A_TOO_MANY_HOPS);
    static char large[a2a_input_bytes_max + 1];
    memset(large, ' ', sizeof(large));
    call = send_make(scene, "coder");
    call->job.task.input = slice_make(large, sizeof(large));
    assert_int_equal(outcome_of(ask(scene, call)), A2A_INVALID);
    call = send_make(scene, "coder");
    a2a_call_set_task(call, SLICE("no such id"));
    assert_int_equal(outcome_of(ask(scene, call)), A2A_UNKNOWN_TASK);
    call = send_make(scene, "coder");
    call->job.has_push = true;
    call->job.push.url = SLICE("http://127.0.0.1:1/");
    assert_int_equal(outcome_of(ask(scene, call)), A2A_TARGET_DENIED);
    call = ask(scene, call_make(scene, A2A_LIST));
    assert_int_equal(call->job.total, 0);
    a2a_call_free(call);
    scene->stage.config.a2a_tasks_per_user_max = 1;
    test_agent_reply(scene->stage.agent, NULL);
    call = send_make(scene, "coder");
    call->waits = false;
    assert_int_equal(outcome_of(ask(scene, call)), A2A_OK);
    assert_int_equal(outcome_of(ask(scene, send_make(scene, "coder"))), A2A_TOO_MANY);
}

static bool has_final_event(struct scene *scene)
{
    return scene->events_count > 0 && scene->events[scene->events_count - 1]->is_over;
}

static void cancel_stops_the_call_and_tells_watchers(void **state)
{
    struct scene *scene = *state;
    struct a2a_watch watch = {.changed = heard, .context = scene};
    struct a2a_watch second = {.changed = heard, .context = scene};
    a2a_begin(scene);
    test_agent_reply(scene->stage.agent, NULL); /* silence */
    struct a2a_call *call = send_make(scene, "coder");
    call->waits = false;
    call->watch = &watch;
    call = ask(scene, call);
    assert_int_equal(call->job.outcome, A2A_OK);
    assert_false(call->was_over);
    struct slice id = slice_from_string(call->job.tasks[0].id);
    struct a2a_call *join = call_make(scene, A2A_WATCH);
    join->watch = &second;
    a2a_call_set_task(join, id);
    assert_int_equal(outcome_of(ask(scene, join)), A2A_OK);
    a2a_unwatch(scene->a2a, second.id, a2a_leave_create());
    run_until(scene, has_final_event);
    struct a2a_call *cancel = call_make(scene, A2A_CANCEL);
    a2a_call_set_task(cancel, id);
    cancel = ask(scene, cancel);
    assert_int_equal(cancel->job.outcome, A2A_OK);
    assert_int_equal(cancel->job.tasks[0].state, TASK_CANCELED);
    a2a_call_free(cancel);
    assert_int_equal(scene->events_count, 4);
    assert_true(scene->events[0]->is_snapshot && scene->events[0]->watch == &watch);
    assert_int_equal(scene->events[0]->task.state, TASK_WORKING);
    assert_true(scene->events[1]->is_snapshot && scene->events[1]->watch == &second);
    assert_true(scene->events[2]->is_over && !scene->events[2]->has_task);
    assert_true(scene->events[3]->is_over && scene->events[3]->watch == &watch);
    assert_int_equal(scene->events[3]->task.state, TASK_CANCELED);
    cancel = call_make(scene, A2A_CANCEL);
    a2a_call_set_task(cancel, id);
    assert_int_equal(outcome_of(ask(scene, cancel)), A2A_NOT_CANCELABLE);
    join = call_make(scene, A2A_WATCH);
    join->watch = &second;
    a2a_call_set_task(join, id);
    assert_int_equal(outcome_of(ask(scene, join)), A2A_UNSUPPORTED);
    a2a_call_free(call);
}

static bool has_two_answers(struct scene *scene)
{
    return scene->answers_count >= 2;
}

static void what_has_no_place_waits_in_order(void **state)
{
    struct scene *scene = *state;
    scene->stage.config.a2a_concurrent_max = 1;
    a2a_begin(scene);
    test_agent_reply(scene->stage.agent, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    for (int i = 0; i < 2; i++) {
        a2a_run(scene->a2a, send_make(scene, "coder"));
    }
    run_until(scene, has_two_answers);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(scene->answers[i]->job.tasks[0].state, TASK_COMPLETED);
    }
    assert_int_equal(a2a_counters(scene->a2a)->tasks_done, 2);
    assert_int_equal(a2a_counters(scene->a2a)->tasks_running, 0);
}

static void a_restart_takes_up_what_it_may(void **state)
{
    struct scene *scene = *state;
    char ids[2][task_id_length + 1];
    static const char *const targets[] = {"coder", NULL};
    scene->stage.config.a2a_concurrent_max = 1;
    a2a_begin(scene);
    test_agent_reply(scene->stage.agent, NULL);
    for (int i = 0; i < 2; i++) { /* the first is called, the second waits */
        struct a2a_call *call = send_make(scene, targets[0]);
        call->waits = false;
        call = ask(scene, call);
        memcpy(ids[i], call->job.tasks[0].id, sizeof(ids[i]));
        a2a_call_free(call);
    }
    a2a_end(scene);
    test_agent_reply(scene->stage.agent, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    a2a_begin(scene);
    struct a2a_watch watch = {.changed = heard, .context = scene};
    struct a2a_call *join = call_make(scene, A2A_WATCH);
    join->watch = &watch;
    a2a_call_set_task(join, slice_from_string(ids[1]));
    join = ask(scene, join);
    if (join->job.outcome == A2A_OK) {
        run_until(scene, has_final_event);
    } else {
        assert_int_equal(join->job.outcome, A2A_UNSUPPORTED); /* it was quicker */
    }
    a2a_call_free(join);
    for (int i = 0; i < 2; i++) {
        struct a2a_call *get = call_make(scene, A2A_GET);
        a2a_call_set_task(get, slice_from_string(ids[i]));
        get = ask(scene, get);
        assert_int_equal(get->job.tasks[0].state, i == 0 ? TASK_FAILED : TASK_COMPLETED);
        assert_true(i == 1 || slice_equals(get->job.tasks[0].detail, SLICE("interrupted")));
        a2a_call_free(get);
    }
}

static void the_same_message_is_one_task(void **state)
{
    struct scene *scene = *state;
    char id[task_id_length + 1];
    a2a_begin(scene);
    test_agent_reply(scene->stage.agent, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    for (int i = 0; i < 2; i++) {
        struct a2a_call *call = send_make(scene, "coder");
        call->job.task.message_id = SLICE("m1");
        call = ask(scene, call);
        assert_int_equal(call->job.outcome, A2A_OK);
        assert_int_equal(call->job.tasks[0].state, TASK_COMPLETED);
        assert_true(i == 0 || strcmp(id, call->job.tasks[0].id) == 0);
        memcpy(id, call->job.tasks[0].id, sizeof(id));
        a2a_call_free(call);
    }
    assert_int_equal(a2a_counters(scene->a2a)->tasks_created, 1);
    assert_int_equal(a2a_counters(scene->a2a)->tasks_running, 0);
    assert_string_equal(test_agent_request(scene->stage.agent, 1), "");
}

static bool has_forgotten(struct scene *scene)
{
    return scene->answers_count > 0 &&
           scene->answers[scene->answers_count - 1]->job.outcome == A2A_UNKNOWN_TASK;
}

static void ended_tasks_are_forgotten(void **state)
{
    struct scene *scene = *state;
    bool is_gone = false;
    scene->stage.config.a2a_task_ttl_ms = 10;
    a2a_begin(scene);
    test_agent_reply(scene->stage.agent, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    struct a2a_call *call = ask(scene, send_make(scene, "coder"));
    for (int i = 0; i < 1000 && !is_gone; i++) {
        struct a2a_call *get = call_make(scene, A2A_GET);
        a2a_call_set_task(get, slice_from_string(call->job.tasks[0].id));
        a2a_run(scene->a2a, get);
        run_until(scene, has_one_answer);
        is_gone = has_forgotten(scene);
        scene->answers_count = 0;
        a2a_call_free(get);
        usleep(10000);
    }
    assert_true(is_gone);
    a2a_call_free(call);
}

static void webhooks_are_set_and_listed(void **state)
{
    struct scene *scene = *state;
    a2a_begin(scene);
    test_agent_reply(scene->stage.agent, NULL);
    struct a2a_call *call = send_make(scene, "coder");
    call->waits = false;
    call = ask(scene, call);
    static const enum a2a_action actions[] = {A2A_PUSH_SET, A2A_PUSH_GET, A2A_PUSH_LIST,
                                              A2A_PUSH_DELETE, A2A_PUSH_GET};
    for (size_t i = 0; i < 5; i++) {
        struct a2a_call *push = call_make(scene, actions[i]);
        a2a_call_set_task(push, slice_from_string(call->job.tasks[0].id));
        push->job.push.id = SLICE("p");
        push->job.push.url = slice_from_string(scene->stage.hooks);
        push = ask(scene, push);
        assert_int_equal(push->job.outcome, i == 4 ? A2A_UNKNOWN_TASK : A2A_OK);
        assert_int_equal(push->job.pushes_count, i < 3 ? 1 : 0);
        a2a_call_free(push);
    }
    a2a_call_free(call);
    a2a_end(scene);
    scene->stage.config.a2a_targets.count = 0;
    scene->stage.config.a2a_agents.count = 0;
    a2a_begin(scene);
    struct a2a_call *push = call_make(scene, A2A_PUSH_SET);
    push->job.push.url = slice_from_string(scene->stage.hooks);
    assert_int_equal(outcome_of(ask(scene, push)), A2A_NO_PUSH);
}

static bool has_hook_request(struct scene *scene)
{
    return a2a_counters(scene->a2a)->pushes_sent == 1;
}

static void webhooks_hear_of_the_end(void **state)
{
    struct scene *scene = *state;
    a2a_begin(scene);
    test_agent_reply(scene->stage.agent,
                     "HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{\"text\":\"yes\"}");
    struct a2a_call *call = send_make(scene, "coder");
    call->job.has_push = true;
    call->job.push.url = slice_from_string(scene->stage.hooks);
    call->job.push.token = SLICE("tok");
    call->job.push.scheme = SLICE("Basic");
    call->job.push.credentials = SLICE("abc");
    assert_int_equal(outcome_of(ask(scene, call)), A2A_OK);
    run_until(scene, has_hook_request);
    const char *request = test_agent_request(scene->stage.agent, 1);
    assert_non_null(strstr(request, "POST /hook HTTP/1.1\r\n"));
    assert_non_null(strstr(request, "\r\nX-A2A-Notification-Token: tok\r\n"));
    assert_non_null(strstr(request, "\r\nAuthorization: Basic abc\r\n"));
    assert_non_null(strstr(request, "{\"task\":{\"id\":\""));
    assert_non_null(strstr(request, "\"state\":\"TASK_STATE_COMPLETED\""));
    assert_non_null(strstr(request, "\"text\":\"yes\""));
    assert_null(strstr(request, "delegated"));
}

static void an_a2a_agent_is_asked_until_it_is_done(void **state)
{
    struct scene *scene = *state;
    strncat(scene->stage.entry, ";a2a", 5);
    scene->stage.items[0] = slice_from_string(scene->stage.entry);
    a2a_begin(scene);
    test_agent_reply_json(
        scene->stage.agent, 0,
        "{\"jsonrpc\":\"2.0\",\"id\":\"1\",\"result\":{\"kind\":\"task\",\"id\":\"r\","
        "\"contextId\":\"c\",\"status\":{\"state\":\"working\"}}}");
    test_agent_reply_json(
        scene->stage.agent, 1,
        "{\"jsonrpc\":\"2.0\",\"id\":\"1\",\"result\":{\"kind\":\"task\",\"id\":\"r\","
        "\"contextId\":\"c\",\"status\":{\"state\":\"input-required\","
        "\"message\":{\"role\":\"agent\",\"messageId\":\"q\",\"parts\":[{\"kind\":"
        "\"text\",\"text\":\"which?\"}]}}}}");
    test_agent_reply_json(scene->stage.agent, 2,
                          "{\"jsonrpc\":\"2.0\",\"id\":\"1\",\"result\":{\"kind\":\"message\","
                          "\"role\":\"agent\",\"messageId\":\"a\",\"parts\":[{\"kind\":\"text\","
                          "\"text\":\"done\"}]}}");
    struct a2a_call *call = ask(scene, send_make(scene, "coder"));
    assert_int_equal(call->job.tasks[0].state, TASK_INPUT_REQUIRED);
    assert_true(call->job.tasks[0].result_is_a2a);
    struct a2a_call *more = send_make(scene, NULL);
    more->job.task.form = TASK_MESSAGE;
    more->job.task.input =
        SLICE("{\"role\":\"user\",\"messageId\":\"m2\",\"parts\":[{\"text\":\"the "
              "blue one\"}]}");
    a2a_call_set_task(more, slice_from_string(call->job.tasks[0].id));
    a2a_call_free(call);
    more = ask(scene, more);
    assert_int_equal(more->job.tasks[0].state, TASK_COMPLETED);
    assert_non_null(
        strstr(test_agent_request(scene->stage.agent, 0), "\"method\":\"message/send\""));
    assert_non_null(
        strstr(test_agent_request(scene->stage.agent, 0), "\"kind\":\"text\",\"text\":\"hi\""));
    assert_non_null(strstr(test_agent_request(scene->stage.agent, 1), "\"method\":\"tasks/get\""));
    assert_non_null(strstr(test_agent_request(scene->stage.agent, 2), "\"taskId\":\"r\""));
    assert_non_null(strstr(test_agent_request(scene->stage.agent, 2), "the blue one"));
    a2a_call_free(more);
}

static bool has_poll_request(struct scene *scene)
{
    return test_agent_request(scene->stage.agent, 1)[0] != '\0';
}

static bool has_cancel_request(struct scene *scene)
{
    for (size_t i = 0; i < 8; i++) {
        if (strstr(test_agent_request(scene->stage.agent, i), "\"method\":\"tasks/cancel\"") !=
            NULL) {
            return true;
        }
    }
    return false;
}

static void an_a2a_agent_is_told_of_a_cancel(void **state)
{
    struct scene *scene = *state;
    strncat(scene->stage.entry, ";a2a", 5);
    scene->stage.items[0] = slice_from_string(scene->stage.entry);
    a2a_begin(scene);
    for (size_t i = 0; i < 8; i++) {
        test_agent_reply_json(scene->stage.agent, i,
                              "{\"result\":{\"kind\":\"task\",\"id\":\"r\",\"contextId\":\"c\","
                              "\"status\":{\"state\":\"working\"}}}");
    }
    struct a2a_call *call = send_make(scene, "coder");
    call->waits = false;
    call = ask(scene, call);
    run_until(scene, has_poll_request);
    struct a2a_call *cancel = call_make(scene, A2A_CANCEL);
    a2a_call_set_task(cancel, slice_from_string(call->job.tasks[0].id));
    assert_int_equal(outcome_of(ask(scene, cancel)), A2A_OK);
    run_until(scene, has_cancel_request);
    assert_int_equal(a2a_counters(scene->a2a)->tasks_canceled, 1);
    assert_int_equal(a2a_counters(scene->a2a)->tasks_running, 0);
    a2a_call_free(call);
}

static void workflows_that_are_listed_are_started(void **state)
{
    struct scene *scene = *state;
    scene->stage.items[2] = SLICE("ProcessChat");
    scene->stage.config.a2a_workflows = (struct slice_list){&scene->stage.items[2], 1};
    scene->stage.config.temporal_url = SLICE("127.0.0.1:1"); /* nobody is there */
    scene->stage.config.temporal_queue = SLICE("attach-gateway");
    scene->stage.config.temporal_namespace = SLICE("default");
    scene->stage.config.a2a_task_timeout_ms = 300;
    a2a_begin(scene);
    struct a2a_call *call = send_make(scene, NULL);
    call->job.task.target_url = SLICE("temporal://Other");
    assert_int_equal(outcome_of(ask(scene, call)), A2A_TARGET_DENIED);
    call = send_make(scene, NULL);
    call->job.task.target_url = SLICE("temporal://ProcessChat");
    call = ask(scene, call);
    assert_int_equal(call->job.outcome, A2A_OK);
    assert_int_equal(call->job.tasks[0].state, TASK_FAILED);
    assert_true(call->job.tasks[0].detail.length > 0);
    assert_true(call->job.tasks[0].is_idempotent);
    a2a_call_free(call);
    a2a_end(scene);
    scene->stage.config.temporal_url = SLICE("not an address:::");
    struct a2a_settings settings = {.config = &scene->stage.config,
                                    .loop = &scene->stage.loop,
                                    .store = scene->stage.store,
                                    .fetcher = scene->stage.fetcher};
    struct failure failure = {""};
    assert_int_not_equal(a2a_open(&settings, &scene->a2a, &failure), STATUS_OK);
    assert_non_null(strstr(failure.text, "TEMPORAL_URL"));
}

static void a_client_that_leaves_is_not_waited_for(void **state)
{
    struct scene *scene = *state;
    a2a_begin(scene);
    test_agent_reply(scene->stage.agent, NULL); /* it never answers */
    for (int i = 0; i < 2; i++) {
        uint64_t id = a2a_run(scene->a2a, send_make(scene, "coder"));
        assert_true(id > 0);
        for (int turns = 0; i == 0 && turns < 20; turns++) { /* once late, once at once */
            uv_run(&scene->stage.loop, UV_RUN_NOWAIT);
            usleep(5000);
        }
        a2a_unwatch(scene->a2a, id, a2a_leave_create());
        a2a_unwatch(scene->a2a, id, a2a_leave_create()); /* again: no effect */
        run_until(scene, has_one_answer);
        struct a2a_call *call = scene->answers[0];
        scene->answers_count = 0;
        assert_int_equal(call->job.outcome, A2A_OK);
        assert_false(call->was_over);
        assert_int_equal(call->job.tasks[0].state, TASK_WORKING);
        a2a_call_free(call);
    }
    assert_int_equal(a2a_counters(scene->a2a)->tasks_running, 2); /* they go on */
}

static void closing_answers_everybody(void **state)
{
    struct scene *scene = *state;
    struct a2a_watch watch = {.changed = heard, .context = scene};
    a2a_begin(scene);
    test_agent_reply(scene->stage.agent, NULL);
    struct a2a_call *call = send_make(scene, "coder");
    call->waits = false;
    call->watch = &watch;
    a2a_call_free(ask(scene, call));
    a2a_run(scene->a2a, send_make(scene, "coder")); /* waits */
    a2a_end(scene);
    assert_int_equal(scene->answers_count, 1);
    assert_int_equal(scene->answers[0]->job.outcome, A2A_UNAVAILABLE);
    assert_true(has_final_event(scene));
}

int main(void)
{
#define WITH_SCENE(test) cmocka_unit_test_setup_teardown(test, scene_open, scene_close)
    const struct CMUnitTest tests[] = {
        WITH_SCENE(a_task_goes_to_its_agent_and_back),
        WITH_SCENE(a_bad_answer_is_an_error),
        WITH_SCENE(a_silent_target_ends_in_time),
        WITH_SCENE(targets_and_caps_are_checked_before_anything_is_stored),
        WITH_SCENE(cancel_stops_the_call_and_tells_watchers),
        WITH_SCENE(what_has_no_place_waits_in_order),
        WITH_SCENE(a_restart_takes_up_what_it_may),
        WITH_SCENE(webhooks_hear_of_the_end),
        WITH_SCENE(the_same_message_is_one_task),
        WITH_SCENE(ended_tasks_are_forgotten),
        WITH_SCENE(webhooks_are_set_and_listed),
        WITH_SCENE(an_a2a_agent_is_asked_until_it_is_done),
        WITH_SCENE(an_a2a_agent_is_told_of_a_cancel),
        WITH_SCENE(workflows_that_are_listed_are_started),
        WITH_SCENE(a_client_that_leaves_is_not_waited_for),
        WITH_SCENE(closing_answers_everybody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * memory_errand_test.c - a question to memory is asked in the caller's name and answered once. */
#include "gateway/memory_errand.h"

#include "gateway/answer.h"
#include "gateway/routes.h"

#include "fake_codec.h"
#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static unsigned answered;

static enum step_result said(struct request *request, const struct memory_job *job)
{
    answered++;
    if (job->status != STATUS_OK) {
        return memory_errand_refuse(request, job);
    }
    answer_detail(request, 200, NULL, "%zu events, %llu erased", job->page.count,
                  (unsigned long long)job->erased);
    return STEP_ANSWER;
}

static enum step_result write_two(struct request *request)
{
    struct memory_job *job = memory_errand_create(request, MEMORY_WRITE, 2, said);
    assert_non_null(job);
    assert_int_equal(job->events_count, 2);
    job->events[0].event = job->events[1].event = SLICE("note");
    return memory_errand_send(request, job);
}

static enum step_result read_all(struct request *request)
{
    struct memory_job *job = memory_errand_create(request, MEMORY_READ, 50, said);
    assert_non_null(job);
    assert_null(job->events);
    return memory_errand_send(request, job);
}

static enum step_result erase_all(struct request *request)
{
    struct memory_job *job = memory_errand_create(request, MEMORY_ERASE, 0, said);
    assert_non_null(job);
    return memory_errand_send(request, job);
}

static enum step_result think_better_of_it(struct request *request)
{
    struct memory_job *job = memory_errand_create(request, MEMORY_WRITE, 1, said);
    assert_non_null(job);
    answer_detail(request, 422, "bad", "not this");
    return memory_errand_drop(job);
}

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
                   unsigned status, const char *detail)
{
    ask(scene, route, user);
    scene_await_end(scene);
    assert_int_equal(fake_codec_seen.status, status);
    if (strstr(fake_codec_body(), detail) == NULL) {
        fail_msg("\"%s\" is not in %s", detail, fake_codec_body());
    }
    fake_codec_forget();
}

static const struct route writes = {.answer = write_two};
static const struct route reads = {.answer = read_all};
static const struct route erases = {.answer = erase_all};
static const struct route drops = {.answer = think_better_of_it};

static void each_caller_has_a_memory_of_their_own(void **state)
{
    struct scene scene;
    scene_begin(&scene, NULL);
    scene_open_memory(&scene);
    expect(&scene, &writes, "alice", 200, "0 events");
    expect(&scene, &reads, "alice", 200, "2 events");
    expect(&scene, &reads, "bob", 200, "0 events");
    struct memory_job *job = scene_recall(&scene, "alice", 2);
    assert_true(slice_equals(job->page.events[0].user, SLICE("alice")));
    assert_true(slice_ends_with(job->page.events[0].session, SLICE("0001")));
    assert_true(slice_equals(job->page.events[0].event, SLICE("note")));
    assert_string_not_equal(job->page.events[0].id, job->page.events[1].id);
    memory_job_free(job);
    expect(&scene, &erases, "bob", 200, "0 erased");
    expect(&scene, &erases, "alice", 200, "2 erased");
    expect(&scene, &reads, "alice", 200, "0 events");
    assert_int_equal(scene.gateway->errands_out, 0);
    scene_end(&scene);
}

static void a_question_may_be_dropped(void **state)
{
    struct scene scene;
    answered = 0;
    scene_begin(&scene, NULL);
    scene_open_memory(&scene);
    expect(&scene, &drops, "alice", 422, "not this");
    assert_int_equal(answered, 0);
    assert_int_equal(scene.gateway->errands_out, 0);
    struct memory_job *job = scene_recall(&scene, "alice", 0);
    assert_int_equal(job->page.count, 0);
    memory_job_free(job);
    scene_end(&scene);
}

static void a_client_that_leaves_is_not_answered(void **state)
{
    struct scene scene;
    answered = 0;
    scene_begin(&scene, NULL);
    scene_open_memory(&scene);
    scene_hold_store(&scene);
    scene_drop(ask(&scene, &writes, "alice"));
    assert_int_equal(scene.gateway->errands_out, 1);
    scene_release_store(&scene);
    scene_await_errands(&scene, 0);
    assert_int_equal(answered, 0);
    memory_job_free(scene_recall(&scene, "alice", 2)); /* what was asked is done */
    scene_end(&scene);
}

static void memory_that_is_off_says_so(void **state)
{
    static const char *const flags[] = {"--mem-backend=none", NULL};
    struct scene scene;
    scene_begin(&scene, flags);
    scene_open_memory(&scene);
    expect(&scene, &writes, "alice", 503, "memory is off");
    expect(&scene, &reads, "alice", 200, "0 events");
    scene_end(&scene);
}

static void every_failure_has_its_status(void **state)
{
    static const struct {
        enum status status;
        unsigned http;
        const char *reason;
    } cases[] = {
        {STATUS_LIMIT, 507, "memory_full"},        {STATUS_NOT_FOUND, 404, "unknown_event"},
        {STATUS_UNSUPPORTED, 503, "memory_off"},   {STATUS_INVALID, 422, "memory_invalid"},
        {STATUS_AGAIN, 503, "memory_busy"},        {STATUS_IO, 503, "memory_unavailable"},
        {STATUS_CLOSED, 503, "memory_unavailable"}};
    struct scene scene;
    scene_begin(&scene, NULL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct memory_job job = {.status = cases[i].status, .failure = {"a \"why\""}};
        struct request *request =
            scene_request(&scene, "GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_int_equal(memory_errand_refuse(request, &job), STEP_ANSWER);
        assert_int_equal(fake_codec_seen.status, cases[i].http);
        assert_string_equal(request->reason, cases[i].reason);
        bool tells_why = strstr(fake_codec_body(), "a \\\"why\\\"") != NULL;
        assert_int_equal(tells_why, cases[i].status == STATUS_INVALID);
        scene_drop(request);
    }
    scene_end(&scene);
}

static void without_memory_a_question_is_answered_once(void **state)
{
    struct scene scene;
    scene_begin(&scene, NULL);
    scene_open_memory(&scene);
    struct request *request = scene_request(&scene, "GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n");
    scene_prove(request, "alice");
    size_t too_many = SIZE_MAX / 2; /* events: more than any arena has */
    assert_null(memory_errand_create(request, MEMORY_WRITE, too_many, said));
    assert_int_equal(fake_codec_seen.status, 503);
    assert_true(request->replied);
    assert_string_equal(fake_codec_calls(), "head body end ");
    assert_null(memory_errand_create(request, MEMORY_WRITE, too_many, said));
    assert_string_equal(fake_codec_calls(), "head body end "); /* no second head */
    scene_drop(request);
    scene_end(&scene);
}

static void a_session_is_an_id_or_a_name(void **state)
{
    static const char id[] = "0123456789abcdef";
    static const char shouted[] = "0123456789ABCDEF";
    struct scene scene;
    struct arena arena;
    char digits[session_id_length];
    assert_int_equal(sizeof(id) - 1, session_id_length);
    arena_init(&arena, 4096);
    scene_begin(&scene, NULL);
    struct request *request = scene_request(&scene, "GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n");
    scene_prove(request, "alice");
    struct slice session = {0};
    assert_true(memory_errand_session(request, &arena, SLICE(""), &session));
    assert_null(session.data); /* any session */
    assert_true(memory_errand_session(request, &arena, slice_from_string(id), &session));
    assert_true(slice_equals(session, slice_from_string(id)));
    const char *const names[] = {"chat-1", "f", shouted};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct slice name = slice_from_string(names[i]);
        assert_true(memory_errand_session(request, &arena, name, &session));
        assert_true(session_id_make(SLICE("alice"), name, digits));
        assert_true(slice_equals(session, slice_make(digits, sizeof(digits))));
    }
    arena_clear(&arena);
    arena_init(&arena, 0);
    assert_false(memory_errand_session(request, &arena, SLICE("chat-1"), &session));
    assert_int_equal(fake_codec_seen.status, 503);
    arena_clear(&arena);
    scene_drop(request);
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_caller_has_a_memory_of_their_own),
        cmocka_unit_test(a_question_may_be_dropped),
        cmocka_unit_test(a_client_that_leaves_is_not_answered),
        cmocka_unit_test(memory_that_is_off_says_so),
        cmocka_unit_test(every_failure_has_its_status),
        cmocka_unit_test(without_memory_a_question_is_answered_once),
        cmocka_unit_test(a_session_is_an_id_or_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

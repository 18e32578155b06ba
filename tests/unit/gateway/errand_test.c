/* SPDX-License-Identifier: MIT
 *
 * errand_test.c - work on another thread comes back to the request that waits for it, or to nobody,
 * and is counted until then. */
#include "gateway/errand.h"

#include "gateway/answer.h"
#include "gateway/routes.h"

#include "fake_codec.h"
#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { threads_max = 8 };

struct work {
    struct errand errand; /* first */
    unsigned number;
};

static struct work *begun[threads_max];
static unsigned begun_count;
static unsigned finished;
static unsigned released;
static unsigned abandoned;
static bool asks_again;

static void release(struct errand *errand)
{
    released++;
    free(errand);
}

/* It hears of it before it comes back. */
static void abandon(struct errand *errand)
{
    assert_null(errand->request);
    assert_int_equal(released, 0);
    abandoned++;
}

static enum step_result begin_work(struct request *request);

static enum step_result finish(struct request *request, struct errand *errand)
{
    assert_null(request->errand);
    assert_null(request->errand_returned);
    finished++;
    if (asks_again) {
        asks_again = false;
        return begin_work(request);
    }
    answer(request, 200 + ((struct work *)errand)->number, SLICE("text/plain"), SLICE("done"), NULL,
           0);
    return STEP_ANSWER;
}

static enum step_result begin_work(struct request *request)
{
    struct work *work = calloc(1, sizeof(*work));
    assert_non_null(work);
    assert_true(begun_count < threads_max);
    work->number = begun_count;
    work->errand.finish = finish;
    work->errand.release = release;
    begun[begun_count++] = work;
    errand_begin(&work->errand, request);
    assert_ptr_equal(request->errand, &work->errand);
    return STEP_WAIT;
}

static const struct route route = {.answer = begin_work};

static void begin(struct scene *scene)
{
    begun_count = finished = released = abandoned = 0;
    asks_again = false;
    scene_begin(scene, NULL);
}

static struct request *ask(struct scene *scene)
{
    struct request *request = scene_request(scene, "GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n");
    request->route = &route;
    request->step = STEP_answer_route;
    request_run(request);
    return request;
}

static void return_from_thread(void *argument)
{
    errand_return(argument);
}

/* As the store's threads do. */
static void every_errand_comes_back_from_its_own_thread(void **state)
{
    struct scene scene;
    uv_thread_t threads[threads_max];
    begin(&scene);
    for (unsigned i = 0; i < threads_max; i++) {
        scene_drop(ask(&scene));
    }
    assert_int_equal(scene.gateway->errands_out, threads_max);
    for (unsigned i = 0; i < threads_max; i++) {
        assert_int_equal(uv_thread_create(&threads[i], return_from_thread, begun[i]), 0);
    }
    scene_await_errands(&scene, 0);
    for (unsigned i = 0; i < threads_max; i++) {
        assert_int_equal(uv_thread_join(&threads[i]), 0);
    }
    assert_int_equal(released, threads_max);
    assert_int_equal(finished, 0);
    scene_end(&scene);
}

static void the_request_goes_on_on_its_worker(void **state)
{
    struct scene scene;
    uv_thread_t thread;
    begin(&scene);
    ask(&scene);
    assert_int_equal(uv_thread_create(&thread, return_from_thread, begun[0]), 0);
    scene_await_end(&scene);
    assert_int_equal(uv_thread_join(&thread), 0);
    assert_int_equal(finished, 1);
    assert_int_equal(released, 1);
    assert_int_equal(scene.gateway->errands_out, 0);
    assert_int_equal(fake_codec_seen.status, 200);
    scene_end(&scene);
}

/* The old one is released although a new one is out. */
static void an_errand_may_lead_to_another(void **state)
{
    struct scene scene;
    begin(&scene);
    ask(&scene);
    asks_again = true;
    errand_return(&begun[0]->errand);
    scene_settle(&scene);
    assert_int_equal(begun_count, 2);
    assert_int_equal(finished, 1);
    assert_int_equal(released, 1);
    assert_int_equal(scene.gateway->errands_out, 1);
    errand_return(&begun[1]->errand);
    scene_await_end(&scene);
    assert_int_equal(released, 2);
    assert_int_equal(scene.gateway->errands_out, 0);
    assert_int_equal(fake_codec_seen.status, 201);
    scene_end(&scene);
}

/* Whatever else wakes a request that waits, its errand is not taken for finished. */
static void a_request_woken_early_goes_on_waiting(void **state)
{
    struct scene scene;
    begin(&scene);
    struct request *request = ask(&scene);
    request_wake(request);
    request_wake(request);
    assert_ptr_equal(scene.connection.request, request);
    assert_int_equal(begun_count, 1);
    assert_int_equal(finished, 0);
    errand_return(&begun[0]->errand);
    scene_await_end(&scene);
    assert_int_equal(finished, 1);
    scene_end(&scene);
}

static void a_request_refused_while_it_waits_leaves_its_errand(void **state)
{
    struct scene scene;
    begin(&scene);
    struct request *request = ask(&scene);
    request_refuse(request, 413, "body_too_large", "too long");
    assert_null(scene.connection.request);
    assert_int_equal(fake_codec_seen.status, 413);
    assert_int_equal(scene.gateway->errands_out, 1);
    errand_return(&begun[0]->errand);
    scene_await_errands(&scene, 0);
    assert_int_equal(released, 1);
    assert_int_equal(finished, 0);
    scene_end(&scene);
}

static void an_errand_hears_that_its_client_has_left(void **state)
{
    struct scene scene;
    begin(&scene);
    struct request *request = ask(&scene);
    begun[0]->errand.abandoned = abandon;
    assert_int_equal(abandoned, 0);
    scene_drop(request);
    assert_int_equal(abandoned, 1);
    errand_return(&begun[0]->errand);
    scene_await_errands(&scene, 0);
    assert_int_equal(abandoned, 1);
    assert_int_equal(released, 1);
    scene_end(&scene);

    begin(&scene); /* one that comes back in time does not */
    ask(&scene);
    begun[0]->errand.abandoned = abandon;
    errand_return(&begun[0]->errand);
    scene_await_end(&scene);
    assert_int_equal(abandoned, 0);
    scene_end(&scene);
}

/* A worker that has no connections left still waits for what is out: nothing is lost, and nobody
 * posts into a box that is gone. */
static void a_worker_ends_after_its_errands(void **state)
{
    struct scene scene;
    begin(&scene);
    scene_drop(ask(&scene));
    scene.gateway->draining = true;
    gateway_connection_gone(scene.gateway);
    assert_false(scene.gateway->ended);
    scene.gateway->draining = false; /* the end itself needs a control thread */
    errand_return(&begun[0]->errand);
    scene_await_errands(&scene, 0);
    assert_int_equal(released, 1);
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_errand_comes_back_from_its_own_thread),
        cmocka_unit_test(the_request_goes_on_on_its_worker),
        cmocka_unit_test(an_errand_may_lead_to_another),
        cmocka_unit_test(a_request_woken_early_goes_on_waiting),
        cmocka_unit_test(a_request_refused_while_it_waits_leaves_its_errand),
        cmocka_unit_test(an_errand_hears_that_its_client_has_left),
        cmocka_unit_test(a_worker_ends_after_its_errands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * step_answer_route_test.c - own answers at once, after an errand, and piece by piece. */
#include "gateway/answer.h"
#include "gateway/errand.h"
#include "gateway/routes.h"
#include "gateway/steps.h"

#include "fake_codec.h"
#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static unsigned asked;
static unsigned finished;
static unsigned released;
static struct errand *out;

static void release(struct errand *errand)
{
    released++;
    free(errand);
}

static enum step_result finish(struct request *request, struct errand *errand)
{
    finished++;
    answer(request, 201, SLICE("text/plain"), SLICE("brought"), NULL, 0);
    return STEP_ANSWER;
}

static enum step_result answer_by_errand(struct request *request)
{
    asked++;
    out = calloc(1, sizeof(*out));
    assert_non_null(out);
    out->finish = finish;
    out->release = release;
    errand_begin(out, request);
    return STEP_WAIT;
}

static enum step_result answer_at_length(struct request *request)
{
    struct buffer text;
    buffer_init(&text, 1024 * 1024);
    for (size_t i = 0; i < 200000; i++) {
        buffer_append_byte(&text, (char)('a' + i % 26));
    }
    return answer_buffer(request, 200, SLICE("text/plain"), &text);
}

static enum source_result three_pieces(struct request *request, struct slice *ret_bytes)
{
    size_t *piece = request->answer_state;
    *ret_bytes = SLICE("piece ");
    return (*piece)++ < 3 ? SOURCE_BYTES : SOURCE_END;
}

static enum step_result answer_by_pieces(struct request *request)
{
    request->answer_state = arena_allocate_zeroed(&request->arena, 1, sizeof(size_t));
    assert_non_null(request->answer_state);
    return answer_stream(request, 200, SLICE("text/plain"), three_pieces);
}

static enum source_result breaks(struct request *request, struct slice *ret_bytes)
{
    return SOURCE_BROKEN;
}

static enum step_result answer_that_breaks(struct request *request)
{
    return answer_stream(request, 200, SLICE("text/plain"), breaks);
}

static struct request *ask(struct scene *scene, const struct route *route)
{
    asked = finished = released = 0;
    out = NULL;
    scene_begin(scene, NULL);
    struct request *request = scene_request(scene, "GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n");
    request->route = route;
    request->step = STEP_answer_route;
    return request;
}

static void the_engines_requests_pass(void **state)
{
    struct scene scene;
    struct request *request = ask(&scene, &route_engine);
    assert_int_equal(step_answer_route(request), STEP_NEXT);
    scene_drop(request);
    scene_end(&scene);
}

static void an_errand_is_waited_for(void **state)
{
    struct scene scene;
    const struct route route = {.answer = answer_by_errand};
    struct request *request = ask(&scene, &route);
    assert_int_equal(step_answer_route(request), STEP_WAIT);
    assert_int_equal(step_answer_route(request), STEP_WAIT); /* asked once only */
    assert_int_equal(asked, 1);
    assert_int_equal(scene.gateway->errands_out, 1);
    errand_return(out);
    scene_settle(&scene);
    assert_int_equal(finished, 1);
    assert_int_equal(released, 1);
    assert_int_equal(scene.gateway->errands_out, 0);
    assert_int_equal(fake_codec_seen.status, 201);
    assert_string_equal(fake_codec_body(), "brought");
    fake_codec_forget();
    scene_end(&scene);
}

static void a_client_that_leaves_abandons_its_errand(void **state)
{
    struct scene scene;
    const struct route route = {.answer = answer_by_errand};
    struct request *request = ask(&scene, &route);
    assert_int_equal(step_answer_route(request), STEP_WAIT);
    scene_drop(request);
    scene.connection.request = NULL;
    errand_return(out);
    scene_settle(&scene);
    assert_int_equal(finished, 0);
    assert_int_equal(released, 1);
    assert_int_equal(scene.gateway->errands_out, 0);
    scene_end(&scene);
}

static void a_long_text_goes_out_as_the_client_reads(void **state)
{
    struct scene scene;
    const struct route route = {.answer = answer_at_length};
    struct request *request = ask(&scene, &route);
    buffer_append_byte(&scene.connection.output, 'x'); /* the client is full */
    assert_int_equal(step_answer_route(request), STEP_WAIT);
    assert_true(fake_codec_seen.has_length);
    assert_int_equal(fake_codec_seen.length, 200000);
    assert_int_equal(request->bytes_out, 0);
    assert_int_equal(step_answer_route(request), STEP_WAIT);
    assert_int_equal(request->bytes_out, 0);
    buffer_clear(&scene.connection.output);
    assert_int_equal(step_answer_route(request), STEP_ANSWER);
    assert_int_equal(request->bytes_out, 200000);
    assert_int_equal(strlen(fake_codec_body()), 200000);
    assert_int_equal(fake_codec_body()[199999], 'a' + 199999 % 26);
    scene_drop(request);
    scene_end(&scene);
}

static void long_answers_are_bounded_together(void **state)
{
    struct scene scene;
    const struct route route = {.answer = answer_at_length};
    struct request *request = ask(&scene, &route);
    scene.gateway->answers_bytes = 128 * 1024 * 1024; /* others wait for their readers */
    assert_int_equal(step_answer_route(request), STEP_ANSWER);
    assert_int_equal(fake_codec_seen.status, 503);
    assert_string_equal(request->reason, "answers_busy");
    assert_int_equal(scene.gateway->answers_bytes, 128 * 1024 * 1024);
    scene.gateway->answers_bytes = 0;
    scene_drop(request);
    scene_end(&scene);
}

static void a_long_answer_is_given_back(void **state)
{
    struct scene scene;
    const struct route route = {.answer = answer_at_length};
    struct request *request = ask(&scene, &route);
    assert_int_equal(step_answer_route(request), STEP_ANSWER);
    assert_int_equal(scene.gateway->answers_bytes, 200000);
    struct gateway *gateway = scene.gateway;
    scene_drop(request);
    assert_int_equal(gateway->answers_bytes, 0);
    scene_end(&scene);
}

static void pieces_follow_each_other_to_the_end(void **state)
{
    struct scene scene;
    const struct route route = {.answer = answer_by_pieces};
    struct request *request = ask(&scene, &route);
    assert_int_equal(step_answer_route(request), STEP_ANSWER);
    assert_false(fake_codec_seen.has_length);
    assert_string_equal(fake_codec_body(), "piece piece piece ");
    assert_non_null(strstr(fake_codec_calls(), "end"));
    scene_drop(request);
    scene_end(&scene);
}

static void a_source_that_breaks_shows(void **state)
{
    struct scene scene;
    const struct route route = {.answer = answer_that_breaks};
    struct request *request = ask(&scene, &route);
    assert_int_equal(step_answer_route(request), STEP_ANSWER);
    assert_non_null(strstr(fake_codec_calls(), "abort"));
    scene_drop(request);
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_engines_requests_pass),
        cmocka_unit_test(an_errand_is_waited_for),
        cmocka_unit_test(a_client_that_leaves_abandons_its_errand),
        cmocka_unit_test(a_long_text_goes_out_as_the_client_reads),
        cmocka_unit_test(long_answers_are_bounded_together),
        cmocka_unit_test(a_long_answer_is_given_back),
        cmocka_unit_test(pieces_follow_each_other_to_the_end),
        cmocka_unit_test(a_source_that_breaks_shows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

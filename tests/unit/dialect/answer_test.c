/* SPDX-License-Identifier: MIT
 *
 * answer_test.c - choices and tool calls, and the text they become. */
#include "dialect/answer.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct json_value parse(struct slice text)
{
    struct json_value value = {0};
    assert_int_equal(json_parse(text, JSON_DUPLICATES_UNCHECKED, &value, NULL), STATUS_OK);
    return value;
}

static void assert_assembled(const struct answer *answer, size_t bytes_max, const char *expected)
{
    struct text_room room = {.left = bytes_max};
    struct text text;
    text_init(&text, &room);
    answer_assemble(answer, &text);
    assert_true(slice_equals(buffer_slice(&text.bytes), slice_from_string(expected)));
    text_clear(&text);
}

static void choices_stand_in_order(void **state)
{
    struct answer answer;
    answer_init(&answer, 100);
    assert_true(answer_is_empty(&answer));
    answer_text(&answer, 0, parse(SLICE("\"\"")));
    answer_text(&answer, 0, parse(SLICE("null")));
    assert_false(answer.has_begun);
    answer_text(&answer, 2, parse(SLICE("\"two\"")));
    assert_true(answer.has_begun && !answer_is_empty(&answer));
    assert_assembled(&answer, 100, "two");
    answer_text(&answer, 0, parse(SLICE("\"zero\"")));
    answer_text(&answer, 2, parse(SLICE("\"!\"")));
    assert_assembled(&answer, 100, "choice 0: zero\n\nchoice 2: two!");
    assert_assembled(&answer, 16, "choice 0: zero\n\n");
    answer_clear(&answer);
}

static void calls_grow_by_index_and_id(void **state)
{
    struct answer answer;
    answer_init(&answer, 200);
    struct json_value none = {0};
    struct answer_call *call = answer_call(&answer, 0, 0, parse(SLICE("\"x1\"")));
    answer_call_name(call, parse(SLICE("\"f\"")));
    answer_call_arguments(call, parse(SLICE("\"{\\\"a\\\"\"")));
    answer_call_arguments(answer_call(&answer, 0, 0, none), parse(SLICE("\" : [1, 2]}\"")));
    call = answer_call(&answer, 0, 0, parse(SLICE("\"x2\"")));
    answer_call_name(call, parse(SLICE("\"g\\\"\"")));
    answer_call_arguments(call, parse(SLICE("\"{cut\"")));
    answer_call_whole(&answer, 0, parse(SLICE("\"h\"")), parse(SLICE("{ \"b\" : \" \\\" \" }")));
    answer_call_whole(&answer, 0, parse(SLICE("\"i\"")), none);
    assert_assembled(&answer, 1000,
                     "{\"name\":\"f\",\"arguments\":{\"a\":[1,2]}}\n"
                     "{\"name\":\"g\\\"\",\"arguments\":\"{cut\"}\n"
                     "{\"name\":\"h\",\"arguments\":{\"b\":\" \\\" \"}}\n"
                     "{\"name\":\"i\",\"arguments\":{}}");
    answer_clear(&answer);
}

static void more_calls_than_the_cap_are_told(void **state)
{
    struct answer answer;
    struct json_value none = {0};
    answer_init(&answer, 200);
    for (int64_t i = 0; i < answer_calls_max; i++) {
        assert_non_null(answer_call(&answer, 0, i, none));
    }
    assert_false(answer.room.was_short);
    assert_null(answer_call(&answer, 0, answer_calls_max, none));
    assert_true(answer.room.was_short);
    answer_clear(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(choices_stand_in_order),
        cmocka_unit_test(calls_grow_by_index_and_id),
        cmocka_unit_test(more_calls_than_the_cap_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

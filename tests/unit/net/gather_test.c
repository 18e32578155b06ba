/* SPDX-License-Identifier: MIT
 *
 * gather_test.c - the pieces of one write stay in order and never outnumber their places. */
#include "net/gather.h"

#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void pieces_stay_in_order(void **state)
{
    struct gather *gather = calloc(1, sizeof(*gather));
    int owner = 0;
    assert_non_null(gather);
    assert_null(gather->owner);
    gather_add(gather, &owner, SLICE("head"));
    gather_add(gather, &owner, SLICE("body"));
    assert_ptr_equal(gather->owner, &owner);
    assert_int_equal(gather->count, 2);
    assert_memory_equal(gather->pieces[0].iov_base, "head", gather->pieces[0].iov_len);
    assert_memory_equal(gather->pieces[1].iov_base, "body", gather->pieces[1].iov_len);
    gather->text_used = 7;
    gather_reset(gather);
    assert_null(gather->owner);
    assert_int_equal(gather->count, 0);
    assert_int_equal(gather->text_used, 0);
    int other = 0;
    gather_add(gather, &other, SLICE("x")); /* free for the next connection */
    assert_ptr_equal(gather->owner, &other);
    free(gather);
}

/* A chunk is up to four pieces: size line, data, line end, last chunk. */
static void before_it_is_full_a_whole_chunk_fits(void **state)
{
    struct gather *gather = calloc(1, sizeof(*gather));
    int owner = 0;
    assert_non_null(gather);
    while (!gather_is_full(gather)) {
        assert_true(gather->count + 4 <= gather_pieces_max);
        gather_add(gather, &owner, SLICE("x"));
    }
    assert_true(gather->count + 3 <= gather_pieces_max);
    assert_true(gather->count >= gather_pieces_max - 4);
    free(gather);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_stay_in_order),
        cmocka_unit_test(before_it_is_full_a_whole_chunk_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

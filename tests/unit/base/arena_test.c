/* SPDX-License-Identifier: MIT
 *
 * arena_test.c - memory that goes at once: aligned, never overlapping, never over the maximum. */
#include "base/arena.h"

#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static bool is_aligned(const void *memory)
{
    return (uintptr_t)memory % _Alignof(max_align_t) == 0;
}

static void memory_is_aligned_and_apart(void **state)
{
    static const size_t sizes[] = {1, 0, 7, 16, 17, 100, 2000, 2048, 5000, 70000, 3, 64};
    enum { count = sizeof(sizes) / sizeof(sizes[0]) };
    unsigned char *pieces[count];
    struct arena arena;
    arena_init(&arena, 1024 * 1024);
    assert_int_equal(arena.total, 0); /* nothing before it is asked for */
    for (size_t i = 0; i < count; i++) {
        pieces[i] = arena_allocate(&arena, sizes[i]);
        assert_non_null(pieces[i]);
        assert_true(is_aligned(pieces[i]));
        memset(pieces[i], (int)i + 1, sizes[i]);
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < sizes[i]; j++) {
            assert_int_equal(pieces[i][j], i + 1);
        }
    }
    arena_clear(&arena);
    assert_int_equal(arena.total, 0);
    assert_non_null(arena_allocate(&arena, 8)); /* and can be used again */
    arena_clear(&arena);
    arena_clear(&arena);
}

static void the_maximum_holds(void **state)
{
    for (size_t maximum = 0; maximum < 9000; maximum += 37) {
        struct arena arena;
        size_t given = 0;
        arena_init(&arena, maximum);
        while (arena_allocate(&arena, 16) != NULL) {
            given += 16;
            assert_true(arena.total <= maximum);
        }
        assert_true(given <= maximum);
        assert_true(given + 64 >= maximum - maximum % 16); /* and it can be used up */
        assert_null(arena_allocate(&arena, 16));
        arena_clear(&arena);
    }
}

static void one_piece_may_be_all_there_is(void **state)
{
    struct arena arena;
    arena_init(&arena, 100 * 1024);
    assert_null(arena_allocate(&arena, 100 * 1024 + 1));
    assert_int_equal(arena.total, 0); /* a refusal costs nothing */
    char *memory = arena_allocate(&arena, 100 * 1024);
    assert_non_null(memory);
    memory[100 * 1024 - 1] = 'x';
    assert_null(arena_allocate(&arena, 1));
    arena_clear(&arena);
}

static void sizes_that_overflow_are_refused(void **state)
{
    struct arena arena;
    struct slice copy = SLICE("kept");
    arena_init(&arena, SIZE_MAX);
    assert_null(arena_allocate(&arena, SIZE_MAX));
    assert_null(arena_allocate(&arena, SIZE_MAX - 8));
    assert_null(arena_allocate(&arena, SIZE_MAX - 16));
    assert_null(arena_allocate_zeroed(&arena, SIZE_MAX / 2, 3));
    assert_null(arena_allocate_zeroed(&arena, SIZE_MAX, SIZE_MAX));
    assert_false(arena_copy(&arena, slice_make("x", SIZE_MAX), &copy));
    assert_true(slice_equals(copy, SLICE("kept")));
    arena_clear(&arena);
}

static void zeroed_memory_is_zeroed(void **state)
{
    struct arena arena;
    arena_init(&arena, 64 * 1024);
    for (size_t round = 0; round < 20; round++) {
        unsigned char *dirty = arena_allocate(&arena, 100);
        assert_non_null(dirty);
        memset(dirty, 0xff, 100);
        unsigned char *memory = arena_allocate_zeroed(&arena, 10, 33);
        assert_non_null(memory);
        for (size_t i = 0; i < 330; i++) {
            assert_int_equal(memory[i], 0);
        }
        memset(memory, 0xff, 330);
    }
    assert_non_null(arena_allocate_zeroed(&arena, 0, 8));
    assert_non_null(arena_allocate_zeroed(&arena, 8, 0));
    arena_clear(&arena);
}

static void copies_end_with_a_nul_that_does_not_count(void **state)
{
    struct arena arena;
    struct slice copy;
    char text[] = "a\0b";
    arena_init(&arena, 4096);
    assert_true(arena_copy(&arena, slice_make(text, 3), &copy));
    memset(text, 'x', 3);
    assert_int_equal(copy.length, 3);
    assert_memory_equal(copy.data, "a\0b", 4);
    assert_true(arena_copy(&arena, (struct slice){NULL, 0}, &copy));
    assert_int_equal(copy.length, 0);
    assert_string_equal(copy.data, "");
    arena_clear(&arena);
    arena_init(&arena, 16);
    copy = SLICE("kept");
    assert_false(arena_copy(&arena, SLICE("0123456789abcdef"), &copy));
    assert_true(slice_equals(copy, SLICE("kept")));
    arena_clear(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_aligned_and_apart),
        cmocka_unit_test(the_maximum_holds),
        cmocka_unit_test(one_piece_may_be_all_there_is),
        cmocka_unit_test(sizes_that_overflow_are_refused),
        cmocka_unit_test(zeroed_memory_is_zeroed),
        cmocka_unit_test(copies_end_with_a_nul_that_does_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

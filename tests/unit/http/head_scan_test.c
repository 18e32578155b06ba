/* SPDX-License-Identifier: MIT
 *
 * head_scan_test.c - where a head ends, what is refused before it does, and that no split changes
 * either. */
#include "http/head.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct outcome {
    enum head_progress progress;
    size_t skipped;
    size_t end;
    unsigned status;
};

/* Feeds growing prefixes of <text>, as bytes arrive: first <first> bytes, then <step> more each
 * time. */
static struct outcome scan_in_steps(struct slice text, const struct head_limits *limits,
                                    size_t first, size_t step)
{
    struct head_scan scan = {0};
    struct outcome outcome = {HEAD_INCOMPLETE, 0, 0, 0};
    size_t length = first < text.length ? first : text.length;
    for (;;) {
        struct failure failure = {""};
        outcome.progress = head_scan(&scan, slice_make(text.data, length), limits, &outcome.end,
                                     &outcome.status, &failure);
        outcome.skipped = scan.skipped;
        if (outcome.progress != HEAD_INCOMPLETE || length == text.length) {
            assert_true((outcome.progress == HEAD_REFUSED) == (failure.text[0] != '\0'));
            return outcome;
        }
        length = text.length - length < step ? text.length : length + step;
    }
}

static struct outcome scan_whole(struct slice text, const struct head_limits *limits)
{
    return scan_in_steps(text, limits, text.length, 1);
}

static void assert_same(struct outcome a, struct outcome b)
{
    assert_int_equal(a.progress, b.progress);
    assert_int_equal(a.end, b.end);
    assert_int_equal(a.status, b.status);
    assert_int_equal(a.skipped, b.skipped);
}

static const struct head_limits roomy = {8192, 65536, 100};

static void ends_are_found(void **state)
{
    static const struct {
        struct slice text;
        struct outcome expected;
    } cases[] = {
        {SLICE(""), {HEAD_INCOMPLETE, 0, 0, 0}},
        {SLICE("G"), {HEAD_INCOMPLETE, 0, 0, 0}},
        {SLICE("G\r\n"), {HEAD_INCOMPLETE, 0, 0, 0}},
        {SLICE("G\r\nA: b\r\n"), {HEAD_INCOMPLETE, 0, 0, 0}},
        {SLICE("G\r\nA: b\r\n\r"), {HEAD_INCOMPLETE, 0, 0, 0}},
        {SLICE("G\r\n\r\n"), {HEAD_COMPLETE, 0, 5, 0}},
        {SLICE("G\r\nA: b\r\n\r\n"), {HEAD_COMPLETE, 0, 11, 0}},
        {SLICE("G\r\n\r\nbody\n\0\n"), {HEAD_COMPLETE, 0, 5, 0}},
        {SLICE("\r\nG\r\n\r\n"), {HEAD_COMPLETE, 2, 7, 0}},
        {SLICE("\r\n"), {HEAD_INCOMPLETE, 2, 0, 0}},
        {SLICE("\r\n\r\n"), {HEAD_REFUSED, 2, 0, 400}},
        {SLICE("\n"), {HEAD_REFUSED, 0, 0, 400}},
        {SLICE("G\n"), {HEAD_REFUSED, 0, 0, 400}},
        {SLICE("G\r\n\n"), {HEAD_REFUSED, 0, 0, 400}},
        {SLICE("G\r\nA: b\n\r\n"), {HEAD_REFUSED, 0, 0, 400}},
        {SLICE("\0"), {HEAD_REFUSED, 0, 0, 400}},
        {SLICE("G\0"), {HEAD_REFUSED, 0, 0, 400}},
        {SLICE("G\r\nA\0"), {HEAD_REFUSED, 0, 0, 400}},
        {SLICE("G\r\n\0\r\n"), {HEAD_REFUSED, 0, 0, 400}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_same(scan_whole(cases[i].text, &roomy), cases[i].expected);
    }
}

/* Sends <length> bytes of a first line, then <rest>. */
static struct outcome scan_long_line(size_t length, const char *rest,
                                     const struct head_limits *limits)
{
    char text[256];
    memset(text, 'a', length);
    memcpy(text + length, rest, strlen(rest));
    return scan_whole(slice_make(text, length + strlen(rest)), limits);
}

static void the_first_line_is_capped(void **state)
{
    static const struct head_limits limits = {64, 1024, 8};
    assert_int_equal(scan_long_line(64, "\r\n\r\n", &limits).progress, HEAD_COMPLETE);
    assert_int_equal(scan_long_line(65, "\r\n\r\n", &limits).status, 414);
    assert_int_equal(scan_long_line(64, "", &limits).progress, HEAD_INCOMPLETE);
    assert_int_equal(scan_long_line(66, "", &limits).status, 414);
    assert_int_equal(scan_long_line(200, "", &limits).status, 414);
    /* other lines only count for the head */
    char text[256] = "GET\r\n";
    memset(text + 5, 'a', 200);
    assert_int_equal(scan_whole(slice_make(text, 205), &limits).progress, HEAD_INCOMPLETE);
}

static void the_head_is_capped(void **state)
{
    static const struct head_limits limits = {64, 100, 8};
    char text[256] = "GET\r\n";
    memset(text + 5, 'a', sizeof(text) - 5);
    assert_int_equal(scan_whole(slice_make(text, 99), &limits).progress, HEAD_INCOMPLETE);
    assert_int_equal(scan_whole(slice_make(text, 100), &limits).status, 431);
    assert_int_equal(scan_whole(slice_make(text, 256), &limits).status, 431);
    memcpy(text + 96, "\r\n\r\n", 4);
    assert_int_equal(scan_whole(slice_make(text, 256), &limits).end, 100);
    memcpy(text + 96, "a\r\n\r\n", 5);
    assert_int_equal(scan_whole(slice_make(text, 256), &limits).status, 431);
}

static void the_fields_are_capped(void **state)
{
    static const struct head_limits limits = {64, 1024, 2};
    assert_int_equal(scan_whole(SLICE("G\r\nA:\r\nB:\r\n\r\n"), &limits).progress, HEAD_COMPLETE);
    assert_int_equal(scan_whole(SLICE("G\r\nA:\r\nB:\r\nC:"), &limits).progress, HEAD_INCOMPLETE);
    assert_int_equal(scan_whole(SLICE("G\r\nA:\r\nB:\r\nC:\r\n"), &limits).status, 431);
}

static void limits_may_be_absent(void **state)
{
    static const struct head_limits none = {SIZE_MAX, SIZE_MAX, SIZE_MAX};
    assert_int_equal(scan_whole(SLICE("\r\nG\r\nA:\r\n\r\n"), &none).progress, HEAD_COMPLETE);
}

static void no_split_changes_the_outcome(void **state)
{
    static const struct slice texts[] = {
        SLICE("GET / HTTP/1.1\r\nHost: a\r\nAccept: b\r\n\r\nGET / HTTP/1.1\r\n\r\n"),
        SLICE("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        SLICE("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        SLICE("GET / HTTP/1.1\nHost: a\r\n\r\n"),
        SLICE("GET / HTTP/1.1\r\nHost: a\r\n\n"),
        SLICE("GET / HTTP/1.1\rHost: a\r\r\n\r\n"),
        SLICE("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"),
        SLICE("GET / HTTP/1.1\r\nHost: \0\r\n\r\n"),
        SLICE("GET / HTTP/1.1\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\n\r\n"),
        SLICE("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n\0\r\n"),
        SLICE("aaaaaaaaaaaaaa\r\r\n\r\n"),
        SLICE("G\r\naaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\0"),
    };
    static const size_t line_limits[] = {1, 5, 13, 14, 15, 16, 60};
    static const size_t head_limits[] = {4, 17, 20, 30, 31, 32, 100};
    static const size_t field_limits[] = {0, 1, 2, 3, 100};
    for (size_t i = 0; i < 7 * 7 * 5; i++) {
        struct head_limits limits = {line_limits[i % 7], head_limits[i / 7 % 7],
                                     field_limits[i / 49]};
        for (size_t t = 0; t < sizeof(texts) / sizeof(texts[0]); t++) {
            struct outcome whole = scan_whole(texts[t], &limits);
            assert_same(scan_in_steps(texts[t], &limits, 0, 1), whole);
            for (size_t split = 0; split < texts[t].length; split++) {
                assert_same(scan_in_steps(texts[t], &limits, split, SIZE_MAX), whole);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_are_found),       cmocka_unit_test(the_first_line_is_capped),
        cmocka_unit_test(the_head_is_capped),   cmocka_unit_test(the_fields_are_capped),
        cmocka_unit_test(limits_may_be_absent), cmocka_unit_test(no_split_changes_the_outcome),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * siwe_test.c - published sign-in messages, taken apart or refused; each byte of one changed; and
 * the times of RFC 3339. */
#include "auth/siwe.h"

#include "golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { arena_bytes = 512 * 1024 };

static void published_messages_are_read(void **state)
{
    struct arena arena;
    arena_init(&arena, arena_bytes);
    struct json_value golden = golden_open("siwe.json", &arena);
    struct json_walk walk = json_walk_begin(json_member(golden, "positive"));
    struct json_value row;
    size_t count = 0;
    for (; json_walk_next(&walk, NULL, &row); count++) {
        struct siwe siwe;
        struct slice name = golden_text(row, "name", &arena);
        if (!siwe_parse(golden_text(row, "message", &arena), &siwe)) {
            fail_msg("refused: %.*s", SLICE_ARGS(name));
        }
        assert_true(
            slice_equals(siwe.address, SLICE("0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2")));
        assert_true(slice_equals(siwe.uri, SLICE("https://service.org/login")));
        assert_true(slice_equals(siwe.chain_id, SLICE("1")));
        assert_true(slice_equals(siwe.nonce, SLICE("32891757")));
        assert_int_equal(siwe.issued_at_s, 1633019124);
        assert_int_equal(siwe.statement.length > 0, !slice_equals(name, SLICE("no statement")));
        assert_int_equal(siwe.resources_count,
                         slice_equals(name, SLICE("couple of optional fields")) ? 2 : 0);
    }
    assert_int_equal(count, 8);
    arena_clear(&arena);
}

static void published_faults_are_refused(void **state)
{
    struct arena arena;
    arena_init(&arena, arena_bytes);
    struct json_value golden = golden_open("siwe.json", &arena);
    struct json_walk walk = json_walk_begin(json_member(golden, "negative"));
    struct json_value row;
    struct siwe siwe = {0};
    size_t count = 0;
    for (; json_walk_next(&walk, NULL, &row); count++) {
        struct slice name = golden_text(row, "name", &arena);
        if (siwe_parse(golden_text(row, "message", &arena), &siwe)) {
            fail_msg("accepted: %.*s", SLICE_ARGS(name));
        }
        assert_null(siwe.domain.data);
    }
    assert_true(count > 20);
    arena_clear(&arena);
}

static void a_message_with_everything_is_read(void **state)
{
    struct arena arena;
    struct siwe siwe;
    arena_init(&arena, arena_bytes);
    struct slice full = golden_text(golden_open("siwe.json", &arena), "full", &arena);
    assert_true(siwe_parse(full, &siwe));
    assert_true(slice_equals(siwe.domain, SLICE("service.org")));
    assert_int_equal(siwe.scheme.length, 0);
    assert_true(slice_equals(siwe.request_id, SLICE("some_id")));
    assert_true(siwe.has_expiration && siwe.expires_at_s == 1679057113);
    assert_true(siwe.has_begin && siwe.begins_at_s == 1647521113);
    assert_int_equal(siwe.resources_count, 1);
    arena_clear(&arena);
}

static void no_line_may_be_missing_or_twice(void **state)
{
    struct arena arena;
    struct siwe siwe;
    arena_init(&arena, arena_bytes);
    struct slice full = golden_text(golden_open("siwe.json", &arena), "full", &arena);
    char *text = arena_allocate(&arena, 2 * full.length);
    assert_non_null(text);
    size_t line = 0;
    for (size_t at = 0; at < full.length; line++) {
        size_t end = at + slice_find(slice_after(full, at), '\n');
        size_t next = end < full.length ? end + 1 : end;
        memcpy(text, full.data, at);
        memcpy(text + at, full.data + next, full.length - next);
        size_t length = at + full.length - next;
        /* statement, times and request may be left out */
        bool may_miss = line == 3 || (line >= 10 && line <= 12);
        assert_int_equal(siwe_parse(slice_make(text, length), &siwe), may_miss);
        memcpy(text, full.data, next);
        memcpy(text + next, full.data + at, full.length - at);
        length = next + full.length - at;
        assert_false(siwe_parse(slice_make(text, length), &siwe)); /* twice */
        at = next;
    }
    assert_int_equal(line, 15);
    arena_clear(&arena);
}

static void every_byte_has_its_place(void **state)
{
    static const char strange[] = {'\0', '\n', '\r', '\t', '"', '<', '\\', '\x7f', '\xc3'};
    struct arena arena;
    struct siwe siwe;
    arena_init(&arena, arena_bytes);
    struct slice full = golden_text(golden_open("siwe.json", &arena), "full", &arena);
    char *text = arena_allocate(&arena, full.length + 1);
    assert_non_null(text);
    for (size_t i = 0; i < sizeof(strange); i++) {
        for (size_t at = 0; at <= full.length; at++) {
            memcpy(text, full.data, at); /* one more */
            text[at] = strange[i];
            memcpy(text + at + 1, full.data + at, full.length - at);
            assert_false(siwe_parse(slice_make(text, full.length + 1), &siwe));
            assert_false(siwe_parse(slice_make(text, at + 1), &siwe)); /* and nothing behind */
        }
    }
    assert_false(siwe_parse(SLICE(""), &siwe));
    arena_clear(&arena);
}

static void the_scheme_stands_before_the_domain(void **state)
{
    char text[1000];
    struct siwe siwe;
    static const struct {
        const char *start;
        bool accepted;
    } cases[] = {{"https://service.org", true}, {"a+b.c-1://service.org:1", true},
                 {"://service.org", false},     {"1a://service.org", false},
                 {"https://", false},           {"service.org/", false},
                 {"service org", false},        {"[::1]:80", true}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int length = snprintf(text, sizeof(text),
                              "%s wants you to sign in with your Ethereum account:\n"
                              "0xe5A12547fe4E872D192E3eCecb76F2Ce1aeA4946\n\n\n"
                              "URI: https://service.org\nVersion: 1\nChain ID: 1\n"
                              "Nonce: 12341234\nIssued At: 2022-03-17T12:45:13Z",
                              cases[i].start);
        if (siwe_parse(slice_make(text, (size_t)length), &siwe) != cases[i].accepted) {
            fail_msg("%s", cases[i].start);
        }
    }
}

static void long_messages_are_refused(void **state)
{
    static const char start[] = "service.org wants you to sign in with your Ethereum account:\n"
                                "0xe5A12547fe4E872D192E3eCecb76F2Ce1aeA4946\n\n\n"
                                "URI: https://service.org/\nVersion: 1\nChain ID: 1\n"
                                "Nonce: 12341234\nIssued At: 2022-03-17T12:45:13Z\nRequest ID: ";
    static char text[siwe_bytes_max + 1];
    struct siwe siwe;
    memset(text, 'a', sizeof(text));
    memcpy(text, start, sizeof(start) - 1);
    assert_true(siwe_parse(slice_make(text, siwe_bytes_max), &siwe));
    assert_false(siwe_parse(slice_make(text, siwe_bytes_max + 1), &siwe));
}

static void times_are_those_of_rfc_3339(void **state)
{
    static const struct {
        const char *text;
        int64_t time_s;
    } sound[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1985-04-12T23:20:50.52Z", 482196050},
        {"1996-12-19T16:39:57-08:00", 851042397},
        {"1990-12-31T23:59:60Z", 662688000},
        {"1937-01-01T12:00:27.87+00:20", -1041337173},
        {"2000-02-29T00:00:00Z", 951782400},
        {"2100-01-07T14:31:43.952Z", 4103015503},
        {"0000-01-01T00:00:00Z", -62167219200},
        {"9999-12-31T23:59:59Z", 253402300799},
    };
    static const char *const strange[] = {
        "",
        "1970-01-01",
        "1970-01-01T00:00:00",
        "1970-01-01 00:00:00Z",
        "1970-01-01t00:00:00z",
        "1970-13-01T00:00:00Z",
        "1970-00-01T00:00:00Z",
        "1970-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "1970-04-31T00:00:00Z",
        "1970-01-01T24:00:00Z",
        "1970-01-01T00:60:00Z",
        "1970-01-01T00:00:61Z",
        "1970-01-01T00:00:00.Z",
        "1970-01-01T00:00:00.5",
        "1970-01-01T00:00:00+0000",
        "1970-01-01T00:00:00+24:00",
        "1970-01-01T00:00:00ZZ",
        "+970-01-01T00:00:00Z",
        "1970-01-01T00:00:-1Z",
    };
    for (size_t i = 0; i < sizeof(sound) / sizeof(sound[0]); i++) {
        int64_t time_s = 7;
        assert_true(siwe_time_parse(slice_from_string(sound[i].text), &time_s));
        assert_true(time_s == sound[i].time_s);
    }
    for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
        int64_t time_s = 7;
        if (siwe_time_parse(slice_from_string(strange[i]), &time_s) || time_s != 7) {
            fail_msg("%s", strange[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_messages_are_read),
        cmocka_unit_test(published_faults_are_refused),
        cmocka_unit_test(a_message_with_everything_is_read),
        cmocka_unit_test(no_line_may_be_missing_or_twice),
        cmocka_unit_test(every_byte_has_its_place),
        cmocka_unit_test(the_scheme_stands_before_the_domain),
        cmocka_unit_test(long_messages_are_refused),
        cmocka_unit_test(times_are_those_of_rfc_3339),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * response_head_test.c - golden tables of reply heads, and how long each reply's body is. */
#include "http/head.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct golden {
    enum body_framing framing;
    uint64_t content_length;
    bool keep_alive;
    bool to_head;
    const char *text;
    size_t length;
};

#define HEAD(framing, length, keep_alive, text)                                                    \
    {                                                                                              \
        framing, length, keep_alive, false, text "\r\n", sizeof(text) + 1                          \
    }
#define TO_HEAD(framing, length, keep_alive, text)                                                 \
    {                                                                                              \
        framing, length, keep_alive, true, text "\r\n", sizeof(text) + 1                           \
    }
#define OK "HTTP/1.1 200 OK\r\n"

static const struct golden accepted[] = {
    HEAD(BODY_UNTIL_CLOSE, 0, false, OK),
    HEAD(BODY_UNTIL_CLOSE, 0, false, OK "Connection: keep-alive\r\n"),
    HEAD(BODY_LENGTH, 0, true, OK "Content-Length: 0\r\n"),
    HEAD(BODY_LENGTH, 42, true, OK "Content-Length: 42\r\n"),
    HEAD(BODY_CHUNKED, 0, true, OK "Transfer-Encoding: chunked\r\n"),
    HEAD(BODY_CHUNKED, 0, true, OK "transfer-encoding: Chunked \r\n"),
    HEAD(BODY_LENGTH, 1, false, OK "Content-Length: 1\r\nConnection: close\r\n"),
    HEAD(BODY_LENGTH, 1, false, OK "Content-Length: 1\r\nConnection: x, Close\r\n"),
    HEAD(BODY_LENGTH, 1, false, "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n"),
    HEAD(BODY_LENGTH, 1, true,
         "HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n"),
    HEAD(BODY_UNTIL_CLOSE, 0, false, "HTTP/1.0 200 OK\r\n"),
    HEAD(BODY_NONE, 0, true, "HTTP/1.1 100 Continue\r\n"),
    HEAD(BODY_NONE, 0, true, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n"),
    HEAD(BODY_NONE, 0, true, "HTTP/1.1 204 No Content\r\n"),
    HEAD(BODY_NONE, 0, true, "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n"),
    HEAD(BODY_NONE, 0, true, "HTTP/1.1 304 Not Modified\r\n"),
    HEAD(BODY_NONE, 9, true, "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n"),
    HEAD(BODY_NONE, 0, true, "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n"),
    TO_HEAD(BODY_NONE, 9, true, OK "Content-Length: 9\r\n"),
    TO_HEAD(BODY_NONE, 0, true, OK "Transfer-Encoding: chunked\r\n"),
    TO_HEAD(BODY_NONE, 0, true, OK),
    HEAD(BODY_LENGTH, 2, true, "HTTP/1.1 200\r\nContent-Length: 2\r\n"),
    HEAD(BODY_LENGTH, 2, true, "HTTP/1.1 200 \r\nContent-Length: 2\r\n"),
    HEAD(BODY_LENGTH, 2, true, "HTTP/1.1 200 \xc3\xa9t\xc3\xa9\tx\r\nContent-Length: 2\r\n"),
    HEAD(BODY_LENGTH, 2, true, "HTTP/1.1 599 x\r\nContent-Length: 2\r\nA: \xff\r\n"),
    HEAD(BODY_LENGTH, 0, true, "HTTP/1.1 205 Reset\r\nContent-Length: 0\r\n"),
};

#define REFUSED(text)                                                                              \
    {                                                                                              \
        BODY_NONE, 0, false, false, text "\r\n", sizeof(text) + 1                                  \
    }

static const struct golden refused[] = {
    REFUSED(""),
    REFUSED("\r\n"),
    REFUSED("HTTP/1.1\r\n"),
    REFUSED("HTTP/1.1 \r\n"),
    REFUSED("HTTP/1.1 20\r\n"),
    REFUSED("HTTP/1.1 2000\r\n"),
    REFUSED("HTTP/1.1 20x OK\r\n"),
    REFUSED("HTTP/1.1 +20 OK\r\n"),
    REFUSED("HTTP/1.1  200 OK\r\n"),
    REFUSED("HTTP/1.1\t200 OK\r\n"),
    REFUSED("HTTP/1.1 200\tOK\r\n"),
    REFUSED("HTTP/1.1 200OK\r\n"),
    REFUSED(" HTTP/1.1 200 OK\r\n"),
    REFUSED("HTTP/1.1 099 x\r\n"),
    REFUSED("HTTP/1.1 600 x\r\n"),
    REFUSED("HTTP/1.1 101 Switching Protocols\r\n"),
    REFUSED("HTTP/1.2 200 OK\r\n"),
    REFUSED("HTTP/2.0 200 OK\r\n"),
    REFUSED("HTTP/2 200\r\n"),
    REFUSED("http/1.1 200 OK\r\n"),
    REFUSED("ICY 200 OK\r\n"),
    REFUSED("200 OK\r\n"),
    REFUSED("HTTP/1.1 200 O\x01K\r\n"),
    REFUSED("HTTP/1.1 200 O\0K\r\n"),
    REFUSED("HTTP/1.1 200 O\rK\r\n"),
    REFUSED("HTTP/1.1 200 OK\n"),
    REFUSED(OK "Content-Length: 1\r\nContent-Length: 1\r\n"),
    REFUSED(OK "Content-Length: 1\r\nContent-Length: 2\r\n"),
    REFUSED(OK "Content-Length: 1, 1\r\n"),
    REFUSED(OK "Content-Length: +1\r\n"),
    REFUSED(OK "Content-Length:\r\n"),
    REFUSED(OK "Content-Length: 9223372036854775808\r\n"),
    REFUSED(OK "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"),
    REFUSED(OK "Transfer-Encoding: gzip, chunked\r\n"),
    REFUSED(OK "Transfer-Encoding: identity\r\n"),
    REFUSED(OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
    REFUSED("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n"),
    REFUSED("HTTP/1.1 204 No Content\r\nContent-Length: 1\r\n"),
    REFUSED("HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n"),
    REFUSED("HTTP/1.1 100 Continue\r\nContent-Length: 1\r\n"),
    REFUSED("HTTP/1.1 304 Not Modified\r\nContent-Length: x\r\n"),
    REFUSED(OK "Content_Length: 1\r\n"),
    REFUSED(OK "Transfer_Encoding: chunked\r\n"),
    REFUSED(OK "A : b\r\n"),
    REFUSED(OK " A: b\r\n"),
    REFUSED(OK "A: b\r\n c\r\n"),
    REFUSED(OK ": b\r\n"),
    REFUSED(OK "A\r\n"),
    REFUSED(OK "A: \x7f\r\n"),
    REFUSED(OK "A: b\nC: d\r\n"),
    REFUSED(OK "A: b\rC: d\r\n"),
    REFUSED(OK "Connection: a b\r\n"),
};

static void accepted_heads_frame_their_body(void **state)
{
    for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
        const struct golden *row = &accepted[i];
        struct arena arena;
        struct response_head head;
        struct failure failure = {""};
        arena_init(&arena, 65536);
        if (response_head_parse(slice_make(row->text, row->length), row->to_head, &arena, &head,
                                &failure) != STATUS_OK) {
            fail_msg("%s, for: %s", failure.text, row->text);
        }
        assert_int_equal(head.framing, row->framing);
        assert_int_equal(head.content_length, row->content_length);
        assert_int_equal(head.keep_alive, row->keep_alive);
        arena_clear(&arena);
    }
}

static void refused_heads_are_refused(void **state)
{
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct arena arena;
        struct response_head head;
        struct failure failure = {""};
        arena_init(&arena, 65536);
        if (response_head_parse(slice_make(refused[i].text, refused[i].length), false, &arena,
                                &head, &failure) != STATUS_INVALID) {
            fail_msg("accepted: %s", refused[i].text);
        }
        assert_true(failure.text[0] != '\0');
        arena_clear(&arena);
    }
}

static void the_status_line_is_taken_apart(void **state)
{
    static const struct {
        struct slice text;
        unsigned minor_version;
        unsigned status;
        struct slice reason;
    } cases[] = {
        {SLICE("HTTP/1.1 404 Not Found\r\n\r\n"), 1, 404, SLICE("Not Found")},
        {SLICE("HTTP/1.0 100  x \r\n\r\n"), 0, 100, SLICE(" x ")},
        {SLICE("HTTP/1.1 599\r\n\r\n"), 1, 599, SLICE("")},
        {SLICE("HTTP/1.1 500 \r\n\r\n"), 1, 500, SLICE("")},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct arena arena;
        struct response_head head;
        arena_init(&arena, 65536);
        assert_int_equal(response_head_parse(cases[i].text, false, &arena, &head, NULL), STATUS_OK);
        assert_int_equal(head.minor_version, cases[i].minor_version);
        assert_int_equal(head.status, cases[i].status);
        assert_true(slice_equals(head.reason, cases[i].reason));
        assert_int_equal(head.fields_count, 0);
        arena_clear(&arena);
    }
}

static void a_full_arena_is_no_memory(void **state)
{
    struct arena arena;
    struct response_head head;
    arena_init(&arena, 16);
    assert_int_equal(
        response_head_parse(SLICE("HTTP/1.1 200 OK\r\nA: b\r\n\r\n"), false, &arena, &head, NULL),
        STATUS_NO_MEMORY);
    arena_clear(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted_heads_frame_their_body),
        cmocka_unit_test(refused_heads_are_refused),
        cmocka_unit_test(the_status_line_is_taken_apart),
        cmocka_unit_test(a_full_arena_is_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

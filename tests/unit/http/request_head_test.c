/* SPDX-License-Identifier: MIT
 *
 * request_head_test.c - golden tables of request heads: which are accepted and as what, which are
 * refused and how.
 *
 * Each head takes the way a real one takes, head_scan first. head_section.c is tested here and in
 * response_head_test.c. */
#include "http/head.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct head_limits limits = {
    .first_line_bytes_max = 8192, .head_bytes_max = 65536, .fields_max = 100};

struct golden {
    unsigned status; /* 0: accepted */
    const char *text;
    size_t length;
};

#define HEAD(status, text)                                                                         \
    {                                                                                              \
        status, text, sizeof(text) - 1                                                             \
    }
/* A request line, by itself. */
#define LINE(status, line) HEAD(status, line "\r\nHost: a\r\n\r\n")
/* A GET of this target. */
#define TARGET(status, target) LINE(status, "GET " target " HTTP/1.1")
/* These field lines under a good request line and Host. */
#define FIELDS(status, lines) HEAD(status, "POST /a HTTP/1.1\r\nHost: a\r\n" lines "\r\n")
/* These and no others. */
#define ONLY(status, lines) HEAD(status, "GET / HTTP/1.1\r\n" lines "\r\n")

static const struct golden request_lines[] = {
    LINE(0, "GET / HTTP/1.1"),
    LINE(0, "GET / HTTP/1.0"),
    LINE(0, "POST /api/chat HTTP/1.1"),
    LINE(0, "OPTIONS * HTTP/1.1"),
    LINE(0, "OPTIONS /api/chat HTTP/1.1"),
    LINE(0, "HEAD / HTTP/1.1"),
    LINE(0, "get / HTTP/1.1"),
    LINE(0, "M-SEARCH!#$%&'*+.^_`|~9 / HTTP/1.1"),
    HEAD(0, "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    HEAD(400, "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    HEAD(400, "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    LINE(400, "GET  / HTTP/1.1"),
    LINE(400, "GET /  HTTP/1.1"),
    LINE(400, " GET / HTTP/1.1"),
    LINE(400, "GET / HTTP/1.1 "),
    LINE(400, "GET\t/ HTTP/1.1"),
    LINE(400, "GET /\tHTTP/1.1"),
    LINE(400, "GET / HTTP/1.1\t"),
    LINE(400, "GET / x HTTP/1.1"),
    LINE(400, "GET /"),
    LINE(400, "GET / "),
    LINE(400, "GET"),
    LINE(400, "GET "),
    LINE(400, "GET  HTTP/1.1"),
    LINE(400, "/ HTTP/1.1"),
    LINE(400, "G@T / HTTP/1.1"),
    LINE(400, "G(T / HTTP/1.1"),
    LINE(400, "G\xc3\x89T / HTTP/1.1"),
    LINE(400, "GET: / HTTP/1.1"),
    LINE(400, "GET / http/1.1"),
    LINE(400, "GET / HTTP/1"),
    LINE(400, "GET / HTTP/1.10"),
    LINE(400, "GET / HTTP/01.1"),
    LINE(400, "GET / HTTP/1,1"),
    LINE(400, "GET / HTTP/x.1"),
    LINE(400, "GET / HTTP/1.x"),
    LINE(400, "GET / HTTP 1.1"),
    LINE(400, "GET / HTTPS/1.1"),
    LINE(505, "GET / HTTP/1.2"),
    LINE(505, "GET / HTTP/0.9"),
    LINE(505, "GET / HTTP/2.0"),
    LINE(505, "GET / HTTP/9.9"),
    HEAD(505, "PRI * HTTP/2.0\r\n\r\n"),
    HEAD(400, "\x16\x03\x01 / HTTP/1.1\r\nHost: a\r\n\r\n"),
    LINE(400, "CONNECT a:443 HTTP/1.1"),
    LINE(400, "CONNECT /a HTTP/1.1"),
    LINE(400, "GET * HTTP/1.1"),
    LINE(400, "OPTIONS ** HTTP/1.1"),
    LINE(400, "GET / HTTP/1.1\rX: y"),
    HEAD(400, "GET / HTTP/1.1\nHost: a\r\n\r\n"),
    HEAD(400, "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n"),
    HEAD(400, "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"),
};

static const struct golden targets[] = {
    TARGET(0, "/"),
    TARGET(0, "/a/b/"),
    TARGET(0, "/a?x=%2F&y=%00&z=%41"),
    TARGET(0, "/a?"),
    TARGET(0, "/a?b?c//../"),
    TARGET(0, "/%20%C3%A9"),
    TARGET(0, "http://a/b"),
    TARGET(0, "HTTP://a:80/b?c"),
    TARGET(0, "http://a"),
    TARGET(400, "a"),
    TARGET(400, "a/b"),
    TARGET(400, "?a"),
    TARGET(400, "//a"),
    TARGET(400, "/a//b"),
    TARGET(400, "/a/../b"),
    TARGET(400, "/a/.."),
    TARGET(400, "/./a"),
    TARGET(400, "/%2e%2e/a"),
    TARGET(400, "/a%2Fb"),
    TARGET(400, "/a\\b"),
    TARGET(400, "/a#b"),
    TARGET(400, "/a?b#c"),
    TARGET(400, "/%zz"),
    TARGET(400, "/%"),
    TARGET(400, "/%00"),
    TARGET(400, "/\xc3\xa9"),
    TARGET(400, "/\x01"),
    TARGET(400, "/\x7f"),
    TARGET(400, "http:///a"),
    TARGET(400, "http://u@a/"),
    TARGET(400, "http://a?b"),
    TARGET(400, "ftp://a/"),
    TARGET(400, "a:443"),
};

static const struct golden hosts[] = {
    ONLY(0, "Host: a\r\n"),
    ONLY(0, "host:a\r\n"),
    ONLY(0, "HOST: \t a.example:8080 \t\r\n"),
    ONLY(0, "Host: 127.0.0.1:1\r\n"),
    ONLY(0, "Host: [::1]:8080\r\n"),
    ONLY(0, "Host: my_engine\r\n"),
    ONLY(400, ""),
    ONLY(400, "Accept: x\r\n"),
    ONLY(400, "Host:\r\n"),
    ONLY(400, "Host: \r\n"),
    ONLY(400, "Host: a\r\nHost: a\r\n"),
    ONLY(400, "Host: a\r\nhOST: b\r\n"),
    ONLY(400, "Host: a, b\r\n"),
    ONLY(400, "Host: a b\r\n"),
    ONLY(400, "Host: a/b\r\n"),
    ONLY(400, "Host: u@a\r\n"),
    ONLY(400, "Host: http://a\r\n"),
    ONLY(400, "Host: a:\r\n"),
    ONLY(400, "Host: a:x\r\n"),
    ONLY(400, "Host: a:65536\r\n"),
    ONLY(400, "Host: [::1\r\n"),
    ONLY(400, "Host: \xc3\xa9\r\n"),
    HEAD(0, "GET / HTTP/1.0\r\n\r\n"),
    HEAD(400, "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"),
    HEAD(400, "GET / HTTP/1.0\r\nHost: a b\r\n\r\n"),
    HEAD(400, "GET http://a/ HTTP/1.1\r\n\r\n"),
    HEAD(0, "GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n"),
};

static const struct golden field_lines[] = {
    FIELDS(0, "A:\r\n"),
    FIELDS(0, "A: b\r\n"),
    FIELDS(0, "A:b c\td\r\n"),
    FIELDS(0, "A: \xff\x80\r\n"),
    FIELDS(0, "!#$%&'*+-.^_`|~09azAZ: x\r\n"),
    FIELDS(0, "A: :\r\n"),
    FIELDS(0, "A: 1\r\nA: 2\r\n"),
    FIELDS(400, "A : b\r\n"),
    FIELDS(400, "A\t: b\r\n"),
    FIELDS(400, " A: b\r\n"),
    FIELDS(400, "A: b\r\n c\r\n"),
    FIELDS(400, "A: b\r\n\tc\r\n"),
    FIELDS(400, "A: b\r\n \r\n"),
    FIELDS(400, ": b\r\n"),
    FIELDS(400, "A\r\n"),
    FIELDS(400, "A B: c\r\n"),
    FIELDS(400, "A(: c\r\n"),
    FIELDS(400, "A@: c\r\n"),
    FIELDS(400, "\"A\": c\r\n"),
    FIELDS(400, "\xc3\xa9: c\r\n"),
    FIELDS(400, "A: b\nC: d\r\n"),
    FIELDS(400, "A: b\rC: d\r\n"),
    FIELDS(400, "A:\rTransfer-Encoding: chunked\r\n"),
    FIELDS(400, "A: b\r\r\n"),
    FIELDS(400, "A: b\0c\r\n"),
    FIELDS(400, "A\0: b\r\n"),
    FIELDS(400, "A: \x01\r\n"),
    FIELDS(400, "A: \x7f\r\n"),
    FIELDS(400, "A: \x1b[0m\r\n"),
    FIELDS(400, "A: \x0b\r\n"),
    HEAD(400, "GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
    HEAD(400, "GET / HTTP/1.1\r\nHost: a\r\nA: b\n\r\n"),
    HEAD(400, "GET / HTTP/1.1\r\nHost: a\r\n\n"),
};

static const struct golden framings[] = {
    FIELDS(0, "Content-Length: 0\r\n"),
    FIELDS(0, "Content-Length: 3\r\n"),
    FIELDS(0, "content-length:3 \r\n"),
    FIELDS(0, "Content-Length: 0003\r\n"),
    FIELDS(0, "Content-Length: 9223372036854775807\r\n"),
    FIELDS(400, "Content-Length: 9223372036854775808\r\n"),
    FIELDS(400, "Content-Length: 18446744073709551616\r\n"),
    FIELDS(400, "Content-Length: 18446744073709551619\r\n"),
    FIELDS(400, "Content-Length: 99999999999999999999999999\r\n"),
    FIELDS(400, "Content-Length: +3\r\n"),
    FIELDS(400, "Content-Length: -3\r\n"),
    FIELDS(400, "Content-Length: 5,5\r\n"),
    FIELDS(400, "Content-Length: 5, 5\r\n"),
    FIELDS(400, "Content-Length: 5 5\r\n"),
    FIELDS(400, "Content-Length:\r\n"),
    FIELDS(400, "Content-Length: \r\n"),
    FIELDS(400, "Content-Length: 0x5\r\n"),
    FIELDS(400, "Content-Length: 5.0\r\n"),
    FIELDS(400, "Content-Length: \"5\"\r\n"),
    FIELDS(400, "Content-Length: 5;\r\n"),
    FIELDS(400, "Content-Length: 3\r\nContent-Length: 3\r\n"),
    FIELDS(400, "Content-Length: 3\r\nContent-Length: 4\r\n"),
    FIELDS(400, "Content-Length: 3\r\ncontent-length: 3\r\n"),
    FIELDS(400, "Content_Length: 3\r\n"),
    FIELDS(400, "Content-Length: 3\r\nContent_Length: 4\r\n"),
    FIELDS(400, "Content-Length : 3\r\n"),
    FIELDS(0, "Transfer-Encoding: chunked\r\n"),
    FIELDS(0, "Transfer-Encoding: ChunKED\r\n"),
    FIELDS(0, "transfer-encoding:chunked\t\r\n"),
    FIELDS(400, "Transfer-Encoding:\r\n"),
    FIELDS(400, "Transfer-Encoding: identity\r\n"),
    FIELDS(400, "Transfer-Encoding: gzip\r\n"),
    FIELDS(400, "Transfer-Encoding: xchunked\r\n"),
    FIELDS(400, "Transfer-Encoding: chunked-x\r\n"),
    FIELDS(400, "Transfer-Encoding: chunked;q=1\r\n"),
    FIELDS(400, "Transfer-Encoding: \"chunked\"\r\n"),
    FIELDS(400, "Transfer-Encoding: chunked,\r\n"),
    FIELDS(400, "Transfer-Encoding: ,chunked\r\n"),
    FIELDS(400, "Transfer-Encoding: chunked, chunked\r\n"),
    FIELDS(400, "Transfer-Encoding: chunked, gzip\r\n"),
    FIELDS(400, "Transfer-Encoding: chunked\x0b\r\n"),
    FIELDS(501, "Transfer-Encoding: gzip, chunked\r\n"),
    FIELDS(501, "Transfer-Encoding: identity,chunked\r\n"),
    FIELDS(400, "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
    FIELDS(400, "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"),
    FIELDS(400, "Transfer_Encoding: chunked\r\n"),
    FIELDS(400, "Transfer-Encoding : chunked\r\n"),
    FIELDS(400, "Transfer-Encoding\r\n"),
    FIELDS(400, "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"),
    FIELDS(400, "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n"),
    FIELDS(400, "Transfer-Encoding: chunked\r\nContent_Length: 3\r\n"),
    HEAD(400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
    HEAD(0, "POST / HTTP/1.0\r\nContent-Length: 3\r\n\r\n"),
};

static const struct golden wishes[] = {
    FIELDS(0, "Expect: 100-continue\r\n"),
    FIELDS(0, "Expect: 100-Continue\r\nContent-Length: 1\r\n"),
    FIELDS(417, "Expect: 200-ok\r\n"),
    FIELDS(417, "Expect:\r\n"),
    FIELDS(417, "Expect: 100-continue, x\r\n"),
    FIELDS(417, "Expect: 100-continue\r\nExpect: 100-continue\r\n"),
    FIELDS(0, "Connection: close\r\n"),
    FIELDS(0, "Connection: , keep-alive ,x-a\r\n"),
    FIELDS(0, "Connection:\r\n"),
    FIELDS(400, "Connection: close x\r\n"),
    FIELDS(400, "Connection: \"close\"\r\n"),
    FIELDS(0, "Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n"),
    FIELDS(0, "TE: trailers\r\n"),
    FIELDS(0, "X-Attach-User: me\r\nx_attach_user: you\r\n"),
};

static unsigned parse(struct slice text, struct arena *arena, struct request_head *head)
{
    struct head_scan scan = {0};
    struct failure failure = {""};
    size_t end = 0;
    unsigned status = 0;
    switch (head_scan(&scan, text, &limits, &end, &status, &failure)) {
    case HEAD_INCOMPLETE:
        fail_msg("the head never ends");
        return 0;
    case HEAD_REFUSED:
        assert_true(failure.text[0] != '\0');
        return status;
    case HEAD_COMPLETE:
        break;
    }
    text = slice_make(text.data + scan.skipped, end - scan.skipped);
    if (request_head_parse(text, arena, head, &status, &failure) == STATUS_OK) {
        assert_int_equal(status, 0);
        return 0;
    }
    assert_true(failure.text[0] != '\0');
    return status;
}

static void check_table(const struct golden *table, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct arena arena;
        struct request_head head;
        arena_init(&arena, 65536);
        unsigned status = parse(slice_make(table[i].text, table[i].length), &arena, &head);
        if (status != table[i].status) {
            fail_msg("%u, not %u, for: %s", status, table[i].status, table[i].text);
        }
        arena_clear(&arena);
    }
}
#define CHECK_TABLE(table) check_table(table, sizeof(table) / sizeof(table[0]))

static void request_lines_are_judged(void **state)
{
    CHECK_TABLE(request_lines);
}

static void targets_are_judged(void **state)
{
    CHECK_TABLE(targets);
}

static void hosts_are_judged(void **state)
{
    CHECK_TABLE(hosts);
}

static void field_lines_are_judged(void **state)
{
    CHECK_TABLE(field_lines);
}

static void framing_is_judged(void **state)
{
    CHECK_TABLE(framings);
}

static void expect_and_connection_are_judged(void **state)
{
    CHECK_TABLE(wishes);
}

/* Without head_scan before it the parser must refuse by itself whatever head_scan would have. */
static void refused_heads_are_refused_without_the_scan(void **state)
{
    static const struct {
        const struct golden *rows;
        size_t count;
    } tables[] = {
#define TABLE(table) {table, sizeof(table) / sizeof(table[0])}
        TABLE(request_lines), TABLE(targets),  TABLE(hosts),
        TABLE(field_lines),   TABLE(framings), TABLE(wishes),
    };
    for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
        for (size_t i = 0; i < tables[t].count; i++) {
            const struct golden *row = &tables[t].rows[i];
            struct arena arena;
            struct request_head head;
            unsigned status = 0;
            arena_init(&arena, 65536);
            if (row->status != 0) {
                assert_int_not_equal(request_head_parse(slice_make(row->text, row->length), &arena,
                                                        &head, &status, NULL),
                                     STATUS_OK);
                assert_int_equal(status, row->status);
            }
            arena_clear(&arena);
        }
    }
}

static const char sample[] = "POST /v1/chat/completions?x=1 HTTP/1.1\r\n"
                             "Host: llm.example:8443\r\n"
                             "User-Agent: \t curl/7.88 (x) \r\n"
                             "Content-Type: application/json\r\n"
                             "x_request_ID: 7\r\n"
                             "X-Attach_USER: root\r\n"
                             "Content_Type: text/plain\r\n"
                             "Empty:\r\n"
                             "Connection: X-Private, Keep-Alive\r\n"
                             "X-Private: 1\r\n"
                             "Expect: 100-continue\r\n"
                             "Content-Length: 12\r\n"
                             "\r\n";

static void assert_slice(struct slice slice, const char *expected)
{
    assert_int_equal(slice.length, strlen(expected));
    assert_memory_equal(slice.data, expected, slice.length);
}

static void a_head_is_taken_apart(void **state)
{
    struct arena arena;
    struct request_head head;
    arena_init(&arena, 65536);
    assert_int_equal(parse(slice_make(sample, sizeof(sample) - 1), &arena, &head), 0);
    assert_slice(head.method, "POST");
    assert_slice(head.target.path, "/v1/chat/completions");
    assert_slice(head.target.query, "x=1");
    assert_slice(head.target.origin, "/v1/chat/completions?x=1");
    assert_int_equal(head.minor_version, 1);
    assert_slice(head.host, "llm.example:8443");
    assert_int_equal(head.framing, BODY_LENGTH);
    assert_int_equal(head.content_length, 12);
    assert_true(head.keep_alive);
    assert_true(head.expect_continue);

    static const struct {
        const char *name;
        const char *value;
        enum field_id id;
    } expected[] = {
        {"Host", "llm.example:8443", FIELD_HOST},
        {"User-Agent", "curl/7.88 (x)", FIELD_USER_AGENT},
        {"Content-Type", "application/json", FIELD_CONTENT_TYPE},
        {"x_request_ID", "7", FIELD_X_REQUEST_ID},
        {"X-Attach_USER", "root", FIELD_X_ATTACH},
        {"Content_Type", "text/plain", FIELD_OTHER},
        {"Empty", "", FIELD_OTHER},
        {"Connection", "X-Private, Keep-Alive", FIELD_CONNECTION},
        {"X-Private", "1", FIELD_OTHER},
        {"Expect", "100-continue", FIELD_EXPECT},
        {"Content-Length", "12", FIELD_CONTENT_LENGTH},
    };
    assert_int_equal(head.fields_count, sizeof(expected) / sizeof(expected[0]));
    for (size_t i = 0; i < head.fields_count; i++) {
        assert_slice(head.fields[i].name, expected[i].name);
        assert_slice(head.fields[i].value, expected[i].value);
        assert_int_equal(head.fields[i].id, expected[i].id);
    }
    arena_clear(&arena);
}

static void the_absolute_form_names_the_host(void **state)
{
    struct arena arena;
    struct request_head head;
    arena_init(&arena, 65536);
    struct slice text = SLICE("GET http://right:81 HTTP/1.1\r\nHost: wrong\r\n\r\n");
    assert_int_equal(parse(text, &arena, &head), 0);
    assert_slice(head.host, "right:81");
    assert_slice(head.target.origin, "/");
    arena_clear(&arena);
}

static void framing_and_persistence_follow_version_and_fields(void **state)
{
    static const struct {
        struct slice text;
        enum body_framing framing;
        uint64_t content_length;
        bool keep_alive;
        bool expect_continue;
    } cases[] = {
#define ROW(text, framing, length, keep_alive, expect)                                             \
    {{text "\r\n", sizeof(text) + 1}, framing, length, keep_alive, expect}
#define V1 "GET / HTTP/1.1\r\nHost: a\r\n"
#define V0 "GET / HTTP/1.0\r\n"
        ROW(V1, BODY_NONE, 0, true, false),
        ROW(V0, BODY_NONE, 0, false, false),
        ROW(V1 "Content-Length: 0\r\n", BODY_LENGTH, 0, true, false),
        ROW(V1 "Content-Length: 7\r\n", BODY_LENGTH, 7, true, false),
        ROW(V1 "Transfer-Encoding: chunked\r\n", BODY_CHUNKED, 0, true, false),
        ROW(V1 "Connection: close\r\n", BODY_NONE, 0, false, false),
        ROW(V1 "Connection: x,CLOSE\r\n", BODY_NONE, 0, false, false),
        ROW(V1 "Connection: keep-alive\r\nConnection: close\r\n", BODY_NONE, 0, false, false),
        ROW(V1 "Connection: closed\r\n", BODY_NONE, 0, true, false),
        ROW(V0 "Connection: Keep-Alive\r\n", BODY_NONE, 0, true, false),
        ROW(V0 "Connection: keep-alive, close\r\n", BODY_NONE, 0, false, false),
        ROW(V1 "Expect: 100-continue\r\n", BODY_NONE, 0, true, false),
        ROW(V1 "Expect: 100-continue\r\nContent-Length: 0\r\n", BODY_LENGTH, 0, true, false),
        ROW(V1 "Expect: 100-continue\r\nContent-Length: 1\r\n", BODY_LENGTH, 1, true, true),
        ROW(V1 "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n", BODY_CHUNKED, 0, true,
            true),
        ROW(V0 "Expect: 100-continue\r\nContent-Length: 1\r\n", BODY_LENGTH, 1, false, false),
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct arena arena;
        struct request_head head;
        arena_init(&arena, 65536);
        assert_int_equal(parse(cases[i].text, &arena, &head), 0);
        assert_int_equal(head.framing, cases[i].framing);
        assert_int_equal(head.content_length, cases[i].content_length);
        assert_int_equal(head.keep_alive, cases[i].keep_alive);
        assert_int_equal(head.expect_continue, cases[i].expect_continue);
        arena_clear(&arena);
    }
}

/* Wherever a control byte other than HTAB gets into a good head, the head is no longer good. */
static void a_control_byte_anywhere_is_refused(void **state)
{
    for (size_t at = 0; at < sizeof(sample); at++) {
        for (unsigned byte = 0; byte < 0x80; byte++) {
            char text[sizeof(sample)];
            struct arena arena;
            struct request_head head;
            unsigned status = 0;
            if ((byte >= 0x20 && byte != 0x7f) || byte == '\t') {
                continue;
            }
            memcpy(text, sample, at);
            text[at] = (char)byte;
            memcpy(text + at + 1, sample + at, sizeof(sample) - 1 - at);
            arena_init(&arena, 65536);
            assert_int_equal(
                request_head_parse(slice_make(text, sizeof(text)), &arena, &head, &status, NULL),
                STATUS_INVALID);
            assert_int_equal(status, 400);
            arena_clear(&arena);
        }
    }
}

static void what_is_no_whole_head_is_refused(void **state)
{
    for (size_t length = 0; length < sizeof(sample) - 1; length++) {
        struct arena arena;
        struct request_head head;
        unsigned status = 0;
        arena_init(&arena, 65536);
        assert_int_equal(
            request_head_parse(slice_make(sample, length), &arena, &head, &status, NULL),
            STATUS_INVALID);
        assert_int_equal(status, 400);
        arena_clear(&arena);
    }
    struct arena arena;
    struct request_head head;
    unsigned status = 0;
    struct slice two = SLICE("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
    arena_init(&arena, 65536);
    assert_int_equal(request_head_parse(two, &arena, &head, &status, NULL), STATUS_INVALID);
    arena_clear(&arena);
}

static void a_full_arena_is_431(void **state)
{
    struct arena arena;
    struct request_head head;
    struct failure failure;
    unsigned status = 0;
    arena_init(&arena, 16);
    assert_int_equal(request_head_parse(slice_make(sample, sizeof(sample) - 1), &arena, &head,
                                        &status, &failure),
                     STATUS_NO_MEMORY);
    assert_int_equal(status, 431);
    arena_clear(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_lines_are_judged),
        cmocka_unit_test(targets_are_judged),
        cmocka_unit_test(hosts_are_judged),
        cmocka_unit_test(field_lines_are_judged),
        cmocka_unit_test(framing_is_judged),
        cmocka_unit_test(expect_and_connection_are_judged),
        cmocka_unit_test(refused_heads_are_refused_without_the_scan),
        cmocka_unit_test(a_head_is_taken_apart),
        cmocka_unit_test(the_absolute_form_names_the_host),
        cmocka_unit_test(framing_and_persistence_follow_version_and_fields),
        cmocka_unit_test(a_control_byte_anywhere_is_refused),
        cmocka_unit_test(what_is_no_whole_head_is_refused),
        cmocka_unit_test(a_full_arena_is_431),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

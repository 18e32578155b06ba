/* SPDX-License-Identifier: MIT
 *
 * replies.c - see replies.h. */
#include "replies.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define CHUNKED H "Transfer-Encoding: chunked\r\n\r\n"
#define CHUNKED_LOG "200 OK chunked 0 Transfer-Encoding=chunked; "
#define GARBLED "failed: engine answered something that is not HTTP/1.1 ("
#define CLOSED "failed: engine closed the connection before its reply was whole ("
#define SEVEN "HTTP/1.1 102 P\r\n\r\n"
#define INTERIM_7 SEVEN SEVEN SEVEN SEVEN SEVEN SEVEN SEVEN

const struct reply replies[] = {
    /* length */
    {"GET", REPLY_STAYS, true, SLICE(H "Content-Length: 5\r\nX-A: b\r\n\r\nhello"),
     "200 OK length 5 Content-Length=5; X-A=b; ended", SLICE("hello")},
    {"GET", REPLY_STAYS, true, SLICE(H "Content-Length: 0\r\n\r\n"),
     "200 OK length 0 Content-Length=0; ended", SLICE("")},
    {"GET", REPLY_STAYS, false, SLICE(H "Connection: close\r\nContent-Length: 1\r\n\r\nx"),
     "200 OK length 1 Connection=close; Content-Length=1; ended", SLICE("x")},
    {"GET", REPLY_STAYS, false, SLICE("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx"),
     "200 OK length 1 Content-Length=1; ended", SLICE("x")},
    {"GET", REPLY_STAYS, true, SLICE("\r\nHTTP/1.1 404 \r\nContent-Length: 2\r\n\r\n\r\n"),
     "404  length 2 Content-Length=2; ended", SLICE("\r\n")},
    {"GET", REPLY_STAYS, false, SLICE(H "Content-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n"),
     "200 OK length 2 Content-Length=2; ended", SLICE("ok")},
    /* chunks */
    {"GET", REPLY_STAYS, true, SLICE(CHUNKED "5\r\nhello\r\n6;a=b\r\n world\r\n0\r\n\r\n"),
     CHUNKED_LOG "ended", SLICE("hello world")},
    {"GET", REPLY_STAYS, true, SLICE(CHUNKED "0\r\nX-T: trailer\r\n\r\n"), CHUNKED_LOG "ended",
     SLICE("")},
    {"GET", REPLY_STAYS, false, SLICE(CHUNKED "1\r\nx\r\n0\r\n\r\n0\r\n\r\n"), CHUNKED_LOG "ended",
     SLICE("x")},
    /* until the end of the connection */
    {"GET", REPLY_CLOSES, false, SLICE(H "X-A: b\r\n\r\nhello"),
     "200 OK until close 0 X-A=b; ended", SLICE("hello")},
    {"GET", REPLY_CLOSES, false, SLICE("HTTP/1.0 200 OK\r\n\r\n"), "200 OK until close 0 ended",
     SLICE("")},
    /* no body, whatever is announced */
    {"HEAD", REPLY_STAYS, true, SLICE(H "Content-Length: 5\r\n\r\n"),
     "200 OK none 5 Content-Length=5; ended", SLICE("")},
    {"HEAD", REPLY_STAYS, true, SLICE(CHUNKED), "200 OK none 0 Transfer-Encoding=chunked; ended",
     SLICE("")},
    {"HEAD", REPLY_STAYS, true, SLICE(H "\r\n"), "200 OK none 0 ended", SLICE("")},
    {"GET", REPLY_STAYS, true, SLICE("HTTP/1.1 204 No Content\r\n\r\n"),
     "204 No Content none 0 ended", SLICE("")},
    {"GET", REPLY_STAYS, true, SLICE("HTTP/1.1 304 X\r\nContent-Length: 9\r\n\r\n"),
     "304 X none 9 Content-Length=9; ended", SLICE("")},
    {"HEAD", REPLY_STAYS, false, SLICE(H "Content-Length: 2\r\n\r\nok"),
     "200 OK none 2 Content-Length=2; ended", SLICE("")},
    /* interim replies */
    {"GET", REPLY_STAYS, true,
     SLICE("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 E\r\nLink: a\r\n\r\n" OK_REPLY),
     "200 OK length 2 Content-Length=2; ended", SLICE("ok")},
    {"GET", REPLY_STAYS, true, SLICE(INTERIM_7 SEVEN OK_REPLY),
     "200 OK length 2 Content-Length=2; ended", SLICE("ok")},
    {"GET", REPLY_STAYS, false, SLICE(INTERIM_7 SEVEN SEVEN OK_REPLY), GARBLED, SLICE("")},
    {"GET", REPLY_STAYS, false, SLICE("HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n"), GARBLED,
     SLICE("")},
    {"GET", REPLY_CLOSES, false, SLICE("HTTP/1.1 100 Continue\r\n\r\n"), CLOSED, SLICE("")},
    /* garbled */
    {"GET", REPLY_STAYS, false, SLICE("NONSENSE\r\n\r\n"), GARBLED, SLICE("")},
    {"GET", REPLY_STAYS, false, SLICE("SSH-2.0-OpenSSH\r\n\r\n"), GARBLED, SLICE("")},
    {"GET", REPLY_STAYS, false, SLICE("HTTP/2.0 200 OK\r\n\r\n"), GARBLED, SLICE("")},
    {"GET", REPLY_STAYS, false, SLICE("HTTP/1.1 200 OK\nContent-Length: 0\n\n"), GARBLED,
     SLICE("")},
    {"GET", REPLY_STAYS, false, SLICE(H "A: \0\r\n\r\n"), GARBLED, SLICE("")},
    {"GET", REPLY_STAYS, false, SLICE(H "A : b\r\n\r\n"), GARBLED, SLICE("")},
    {"GET", REPLY_STAYS, false, SLICE(H "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx"), GARBLED,
     SLICE("")},
    {"GET", REPLY_STAYS, false, SLICE(H "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx"),
     GARBLED, SLICE("")},
    {"GET", REPLY_STAYS, false, SLICE("HTTP/1.1 204 X\r\nContent-Length: 1\r\n\r\nx"), GARBLED,
     SLICE("")},
    {"GET", REPLY_STAYS, false, SLICE(CHUNKED "5\r\nhello\r\nx\r\n"), CHUNKED_LOG GARBLED,
     SLICE("hello")},
    {"GET", REPLY_STAYS, false, SLICE(CHUNKED "5\r\nhello!\r\n"), CHUNKED_LOG GARBLED,
     SLICE("hello")},
    /* cut short */
    {"GET", REPLY_CLOSES, false, SLICE("H"), CLOSED, SLICE("")},
    {"GET", REPLY_CLOSES, false, SLICE("HTTP/1.1 200 OK\r\nContent-Le"), CLOSED, SLICE("")},
    {"GET", REPLY_CLOSES, false, SLICE(H "Content-Length: 5\r\n\r\nhell"),
     "200 OK length 5 Content-Length=5; " CLOSED, SLICE("hell")},
    {"GET", REPLY_CLOSES, false, SLICE(CHUNKED "5\r\nhello\r\n"), CHUNKED_LOG CLOSED,
     SLICE("hello")},
    {"GET", REPLY_CLOSES, false, SLICE(CHUNKED "5\r\nhello\r\n0\r\n"), CHUNKED_LOG CLOSED,
     SLICE("hello")},
};

const size_t replies_count = sizeof(replies) / sizeof(replies[0]);

struct buffer large_reply(size_t fields, size_t size, size_t body_bytes)
{
    struct buffer text;
    buffer_init(&text, 1024 * 1024);
    buffer_append_format(&text, H "Content-Length: %zu\r\n", body_bytes);
    for (size_t i = 0; i < fields; i++) {
        char *room = buffer_reserve(&text, size);
        assert_non_null(room);
        memset(room, 'v', size);
        memcpy(room, "A: ", 3);
        memcpy(room + size - 2, "\r\n", 2);
        text.length += size;
    }
    buffer_append_string(&text, "\r\n");
    for (size_t i = 0; i < body_bytes; i++) {
        buffer_append_byte(&text, (char)('a' + i % 26));
    }
    assert_false(text.failed);
    return text;
}

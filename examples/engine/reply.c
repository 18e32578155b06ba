/* SPDX-License-Identifier: MIT
 *
 * reply.c - see reply.h. */
#include "reply.h"

#include "base/clock.h"
#include "client.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

/* ---- the head ---- */

static void reply_append_date(struct buffer *output)
{
    char text[64];
    struct tm broken_down;
    time_t now = (time_t)clock_wall_s();
    if (gmtime_r(&now, &broken_down) != NULL &&
        strftime(text, sizeof(text), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &broken_down) > 0) {
        buffer_append_string(output, text);
    }
}

/* Everything but the framing and the final empty line. */
static void reply_begin_head(struct client *client, unsigned status, const char *content_type)
{
    struct buffer *output = &client->output;
    buffer_append_format(output, "HTTP/1.1 %u %s\r\n", status, status_reason(status));
    reply_append_date(output);
    buffer_append_format(output, "Content-Type: %s\r\n", content_type);
    if (client->close_after) {
        buffer_append_string(output, "Connection: close\r\n");
    } else if (client->call.head.minor_version == 0) {
        buffer_append_string(output, "Connection: keep-alive\r\n");
    }
}

static bool reply_has_body(const struct client *client)
{
    return !slice_equals(client->call.head.method, SLICE("HEAD"));
}

/* <allow> may be NULL. */
static void reply_whole(struct client *client, unsigned status, const char *content_type,
                        const char *allow, struct slice body)
{
    struct buffer *output = &client->output;
    reply_begin_head(client, status, content_type);
    if (allow != NULL) {
        buffer_append_format(output, "Allow: %s\r\n", allow);
    }
    buffer_append_format(output, "Content-Length: %zu\r\n\r\n", body.length);
    if (reply_has_body(client)) {
        buffer_append(output, body);
    }
}

/* ---- whole replies ---- */

static void reply_problem(struct client *client, unsigned status, const char *param,
                          struct slice message, const char *allow)
{
    struct buffer body;
    buffer_init(&body, reply_body_bytes_max);
    client->dialect->write_error(&body, status, param, message);
    reply_whole(client, status, "application/json; charset=utf-8", allow, buffer_slice(&body));
    buffer_clear(&body);
}

void reply_json(struct client *client, unsigned status, const struct buffer *body)
{
    if (body->failed) {
        reply_error(client, 500, NULL, "the answer would be longer than %d bytes",
                    reply_body_bytes_max);
        return;
    }
    reply_whole(client, status, "application/json; charset=utf-8", NULL, buffer_slice(body));
}

void reply_text(struct client *client, unsigned status, struct slice text)
{
    reply_whole(client, status, "text/plain; charset=utf-8", NULL, text);
}

void reply_error(struct client *client, unsigned status, const char *param, const char *format, ...)
{
    char message[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    reply_problem(client, status, param, slice_from_string(message), NULL);
}

void reply_method_not_allowed(struct client *client, const char *allow)
{
    reply_problem(client, 405, NULL, SLICE("this method is not allowed here"), allow);
}

/* ---- streams ---- */

void reply_stream_begin(struct client *client, const char *content_type)
{
    client->reply_is_chunked = client->call.head.minor_version >= 1;
    if (!client->reply_is_chunked) {
        client->close_after = true; /* HTTP/1.0 knows no other end of such a body (RFC 9112 6.3) */
    }
    reply_begin_head(client, 200, content_type);
    if (client->reply_is_chunked) {
        buffer_append_string(&client->output, "Transfer-Encoding: chunked\r\n");
    }
    buffer_append_string(&client->output, "\r\n");
}

void reply_stream_piece(struct client *client, const struct buffer *piece)
{
    struct buffer *output = &client->output;
    if (piece->failed) {
        output->failed = true;
        return;
    }
    if (piece->length == 0) {
        return;
    }
    if (client->reply_is_chunked) {
        char line[chunk_size_line_max];
        size_t length = chunked_size_line(piece->length, line);
        buffer_append(output, slice_make(line, length));
    }
    buffer_append(output, buffer_slice(piece));
    if (client->reply_is_chunked) {
        buffer_append_string(output, "\r\n");
    }
}

void reply_stream_end(struct client *client)
{
    if (client->reply_is_chunked) {
        buffer_append_string(&client->output, "0\r\n\r\n");
    }
}

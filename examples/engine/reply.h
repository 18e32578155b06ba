/* SPDX-License-Identifier: MIT
 *
 * reply.h - writes replies into a client's output: head, framing, bodies, errors.
 *
 * Every call gets exactly one reply: one reply_json, reply_text, reply_error or
 * reply_method_not_allowed, or one stream. Nothing is sent here; client.c sends. Owning worker
 * only. */
#ifndef AG_ENGINE_REPLY_H
#define AG_ENGINE_REPLY_H

#include "base/buffer.h"

struct client;

enum {
    reply_body_bytes_max = 32 * 1024 * 1024,
    reply_head_bytes_max = 1024,
};

/* A dialect's way to say that something is wrong. <param> names the member that is, or NULL. */
struct dialect {
    void (*write_error)(struct buffer *text, unsigned status, const char *param,
                        struct slice message);
};

/* A <body> that did not fit its buffer is answered as an error. */
void reply_json(struct client *client, unsigned status, const struct buffer *body);
void reply_text(struct client *client, unsigned status, struct slice text);

/* In the dialect of the call's path. */
void reply_error(struct client *client, unsigned status, const char *param, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* 405; <allow> is the list of methods that would do. */
void reply_method_not_allowed(struct client *client, const char *allow);

/* A reply whose end is not known yet: chunked, or for HTTP/1.0 until the connection ends. A piece
 * that did not fit its buffer breaks the connection, visibly. */
void reply_stream_begin(struct client *client, const char *content_type);
void reply_stream_piece(struct client *client, const struct buffer *piece);
void reply_stream_end(struct client *client);

#endif

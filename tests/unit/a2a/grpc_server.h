/* SPDX-License-Identifier: MIT
 *
 * grpc_server.h - a gRPC server for unit tests: HTTP/2 on a loopback socket, one thread, and a list
 * of replies that are given in turn, whatever is asked. What was asked is kept. */
#ifndef AG_TESTS_GRPC_SERVER_H
#define AG_TESTS_GRPC_SERVER_H

#include "base/buffer.h"

#include <pthread.h>

enum { grpc_server_requests_max = 32 };

struct grpc_server_reply {
    const char *status; /* "0"; NULL: none is sent, the stream ends with the message */
    const char *text;   /* grpc-message; may be NULL */
    struct slice message;
    bool head_only;  /* the status stands in the head, and nothing follows */
    bool compressed; /* says so in the frame */
    bool held;       /* never answered */
};

struct grpc_server {
    int listener;
    char address[32]; /* "127.0.0.1:port" */
    pthread_t thread;
    const struct grpc_server_reply *replies; /* the last one is given again and again */
    size_t replies_count;
    /* to be read once the server has stopped */
    struct buffer requests[grpc_server_requests_max]; /* messages, without frames */
    size_t requests_count;
};

void grpc_server_start(struct grpc_server *server, const struct grpc_server_reply *replies,
                       size_t count);
void grpc_server_stop(struct grpc_server *server);
void grpc_server_clear(struct grpc_server *server);

#endif

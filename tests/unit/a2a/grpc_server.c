/* SPDX-License-Identifier: MIT
 *
 * grpc_server.c - as much of RFC 9113 as a well-behaved client makes necessary: settings and pings
 * are acknowledged, requests are told apart by their streams, fields are written as literals
 * (RFC 7541 6.2.2) and those of requests are not read. */
#include "grpc_server.h"

#include "a2a/grpc.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum {
    frame_data = 0,
    frame_headers = 1,
    frame_settings = 4,
    frame_ping = 6,
    flag_end_stream = 1,
    flag_ack = 1,
    flag_end_headers = 4,
    frame_bytes_max = 16384,
    connections_max = 8,
    streams_max = 64,
};

struct connection {
    int socket;
    struct buffer streams[streams_max]; /* bodies, by (stream id - 1) / 2 */
};

static bool read_all(int socket, void *bytes, size_t count)
{
    for (size_t done = 0; done < count;) {
        ssize_t got = read(socket, (char *)bytes + done, count - done);
        if (got <= 0) {
            return false;
        }
        done += (size_t)got;
    }
    return true;
}

static void frame_write(struct buffer *out, unsigned type, unsigned flags, uint32_t stream,
                        struct slice payload)
{
    char head[9] = {(char)(payload.length >> 16),
                    (char)(payload.length >> 8),
                    (char)payload.length,
                    (char)type,
                    (char)flags,
                    (char)(stream >> 24),
                    (char)(stream >> 16),
                    (char)(stream >> 8),
                    (char)stream};
    buffer_append(out, slice_make(head, sizeof(head)));
    buffer_append(out, payload);
}

static void field_write(struct buffer *block, const char *name, const char *value)
{
    assert_true(strlen(name) < 127 && strlen(value) < 127);
    buffer_append_byte(block, 0);
    buffer_append_byte(block, (char)strlen(name));
    buffer_append_string(block, name);
    buffer_append_byte(block, (char)strlen(value));
    buffer_append_string(block, value);
}

static void status_write(struct buffer *block, const struct grpc_server_reply *reply)
{
    field_write(block, "grpc-status", reply->status);
    if (reply->text != NULL) {
        field_write(block, "grpc-message", reply->text);
    }
}

static void reply_write(struct buffer *out, uint32_t stream, const struct grpc_server_reply *reply)
{
    struct buffer block;
    struct buffer body;
    bool has_status = reply->status != NULL;
    buffer_init(&block, 1024);
    buffer_init(&body, frame_bytes_max);
    field_write(&block, ":status", "200");
    field_write(&block, "content-type", "application/grpc");
    if (reply->head_only) {
        status_write(&block, reply);
        frame_write(out, frame_headers, flag_end_headers | flag_end_stream, stream,
                    buffer_slice(&block));
    } else {
        frame_write(out, frame_headers, flag_end_headers, stream, buffer_slice(&block));
        grpc_frame_write(&body, reply->message);
        body.data[0] = (char)(reply->compressed ? 1 : 0);
        frame_write(out, frame_data, has_status ? 0 : flag_end_stream, stream, buffer_slice(&body));
        if (has_status) {
            buffer_reset(&block);
            status_write(&block, reply);
            frame_write(out, frame_headers, flag_end_headers | flag_end_stream, stream,
                        buffer_slice(&block));
        }
    }
    assert_false(block.failed || body.failed);
    buffer_clear(&block);
    buffer_clear(&body);
}

static void request_take(struct grpc_server *server, struct buffer *out, uint32_t stream,
                         struct slice body)
{
    struct slice message;
    size_t index = server->requests_count++;
    assert_true(index < grpc_server_requests_max);
    assert_int_equal(grpc_frame_read(body, &message, NULL), STATUS_OK);
    buffer_init(&server->requests[index], frame_bytes_max * 4);
    buffer_append(&server->requests[index], message);
    const struct grpc_server_reply *reply =
        &server->replies[index < server->replies_count ? index : server->replies_count - 1];
    if (!reply->held) {
        reply_write(out, stream, reply);
    }
}

/* Reads one frame and answers it; false when the client has gone. */
static bool connection_serve(struct grpc_server *server, struct connection *connection)
{
    unsigned char head[9];
    char payload[frame_bytes_max];
    struct buffer out;
    if (!read_all(connection->socket, head, sizeof(head))) {
        return false;
    }
    size_t length = (size_t)head[0] << 16 | (size_t)head[1] << 8 | (size_t)head[2];
    uint32_t stream = (uint32_t)head[5] << 24 | (uint32_t)head[6] << 16 | (uint32_t)head[7] << 8 |
                      (uint32_t)head[8];
    assert_true(length <= sizeof(payload));
    if (!read_all(connection->socket, payload, length)) {
        return false;
    }
    buffer_init(&out, frame_bytes_max * 2);
    if (head[3] == frame_settings && (head[4] & flag_ack) == 0) {
        frame_write(&out, frame_settings, flag_ack, 0, SLICE(""));
    } else if (head[3] == frame_ping && (head[4] & flag_ack) == 0) {
        frame_write(&out, frame_ping, flag_ack, 0, slice_make(payload, length));
    } else if (head[3] == frame_data) {
        struct buffer *body = &connection->streams[stream / 2];
        assert_true(stream / 2 < streams_max);
        buffer_append(body, slice_make(payload, length));
        if ((head[4] & flag_end_stream) != 0) {
            request_take(server, &out, stream, buffer_slice(body));
        }
    }
    if (out.length > 0) {
        (void)!send(connection->socket, out.data, out.length, MSG_NOSIGNAL);
    }
    buffer_clear(&out);
    return true;
}

static void connection_open(struct connection *connection, int socket)
{
    char preface[24];
    struct buffer out;
    connection->socket = socket;
    for (size_t i = 0; i < streams_max; i++) {
        buffer_init(&connection->streams[i], frame_bytes_max * 4);
    }
    buffer_init(&out, 64);
    frame_write(&out, frame_settings, 0, 0, SLICE(""));
    (void)!send(socket, out.data, out.length, MSG_NOSIGNAL);
    buffer_clear(&out);
    assert_true(read_all(socket, preface, sizeof(preface)));
    assert_memory_equal(preface, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", sizeof(preface));
}

static void connection_close(struct connection *connection)
{
    close(connection->socket);
    connection->socket = -1;
    for (size_t i = 0; i < streams_max; i++) {
        buffer_clear(&connection->streams[i]);
    }
}

static void *server_run(void *argument)
{
    struct grpc_server *server = argument;
    struct connection connections[connections_max];
    struct pollfd watched[connections_max + 1] = {{.fd = server->listener, .events = POLLIN}};
    size_t count = 0;
    for (;;) {
        poll(watched, count + 1, -1);
        for (size_t i = 0; i < count; i++) {
            if (watched[i + 1].fd >= 0 && watched[i + 1].revents != 0 &&
                !connection_serve(server, &connections[i])) {
                connection_close(&connections[i]);
                watched[i + 1].fd = -1;
            }
        }
        if (watched[0].revents != 0) {
            int socket = accept(server->listener, NULL, NULL);
            if (socket < 0) {
                break;
            }
            assert_true(count < connections_max);
            connection_open(&connections[count], socket);
            watched[++count] = (struct pollfd){.fd = socket, .events = POLLIN};
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (connections[i].socket >= 0) {
            connection_close(&connections[i]);
        }
    }
    return NULL;
}

void grpc_server_start(struct grpc_server *server, const struct grpc_server_reply *replies,
                       size_t count)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof(address);
    memset(server, 0, sizeof(*server));
    server->replies = replies;
    server->replies_count = count;
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(server->listener >= 0);
    assert_int_equal(bind(server->listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(getsockname(server->listener, (struct sockaddr *)&address, &length), 0);
    assert_int_equal(listen(server->listener, 16), 0);
    snprintf(server->address, sizeof(server->address), "127.0.0.1:%u", ntohs(address.sin_port));
    assert_int_equal(pthread_create(&server->thread, NULL, server_run, server), 0);
}

void grpc_server_stop(struct grpc_server *server)
{
    shutdown(server->listener, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->listener);
}

void grpc_server_clear(struct grpc_server *server)
{
    for (size_t i = 0; i < server->requests_count; i++) {
        buffer_clear(&server->requests[i]);
    }
}

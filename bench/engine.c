/* SPDX-License-Identifier: MIT
 *
 * engine.c - an engine that costs almost nothing, so that what stands before it is what is
 * measured.
 *
 * Answers every request with the same reply of one write. A target with ?chunks=<n>&every_us=<t>
 * gets a stream of server-sent events instead, <n> chunks with <t> between them, the first at once
 * and together with the head. One thread. */
#include "endpoint.h"
#include "framing.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    engine_connections_max = 16384,
    engine_events_max = 256,
    engine_read_bytes = 65536,
};

/* One event of a stream, as OpenAI-compatible engines send them. */
#define EVENT                                                                                      \
    "data: {\"id\":\"chatcmpl-0123456789\",\"object\":\"chat.completion.chunk\",\"created\":"      \
    "1700000000,\"model\":\"bench\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" token\"}"  \
    ",\"finish_reason\":null}]}\n\n"
#define DONE "data: [DONE]\n\n"
#define BODY                                                                                       \
    "{\"id\":\"chatcmpl-0123456789\",\"object\":\"chat.completion\",\"created\":1700000000,"       \
    "\"model\":\"bench\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","           \
    "\"content\":\"The capital of France is Paris.\"},\"finish_reason\":\"stop\"}],\"usage\":"     \
    "{\"prompt_tokens\":14,\"completion_tokens\":7,\"total_tokens\":21}}"

struct connection {
    int descriptor;
    uint64_t body_left; /* of the request that is being read */
    uint64_t chunks_left;
    uint64_t every_us;
    uint64_t due_us;
    size_t heap_place; /* 1 + index among the timers; 0: none runs */
    size_t head_used;
    bool reads_body;
    char target[128];
    char head[framing_head_bytes_max];
};

static struct engine {
    int poll;
    size_t timers_count;
    struct connection *timers[engine_connections_max]; /* a heap, the next one due first */
    char reply[1024];
    size_t reply_length;
    char chunk[512];
    size_t chunk_length;
    char scratch[engine_read_bytes];
} engine;

/* ---- timers ---- */

static void engine_place_timer(size_t index, struct connection *connection)
{
    engine.timers[index] = connection;
    connection->heap_place = index + 1;
}

static void engine_lower_timer(size_t index, struct connection *connection)
{
    for (;;) {
        size_t child = 2 * index + 1;
        if (child + 1 < engine.timers_count &&
            engine.timers[child + 1]->due_us < engine.timers[child]->due_us) {
            child++;
        }
        if (child >= engine.timers_count || engine.timers[child]->due_us >= connection->due_us) {
            break;
        }
        engine_place_timer(index, engine.timers[child]);
        index = child;
    }
    engine_place_timer(index, connection);
}

static void engine_raise_timer(size_t index, struct connection *connection)
{
    while (index > 0 && engine.timers[(index - 1) / 2]->due_us > connection->due_us) {
        engine_place_timer(index, engine.timers[(index - 1) / 2]);
        index = (index - 1) / 2;
    }
    engine_place_timer(index, connection);
}

static void engine_add_timer(struct connection *connection)
{
    if (engine.timers_count == engine_connections_max) {
        endpoint_give_up("too many streams");
    }
    engine.timers_count++;
    engine_raise_timer(engine.timers_count - 1, connection);
}

static void engine_remove_timer(struct connection *connection)
{
    if (connection->heap_place == 0) {
        return;
    }
    size_t index = connection->heap_place - 1;
    struct connection *last = engine.timers[--engine.timers_count];
    connection->heap_place = 0;
    if (last != connection) {
        engine_raise_timer(index, last);
        engine_lower_timer(last->heap_place - 1, last);
    }
}

/* ---- replies ---- */

static void engine_prepare(void)
{
    engine.reply_length = (size_t)snprintf(
        engine.reply, sizeof(engine.reply),
        "HTTP/1.1 200 OK\r\ndate: Mon, 01 Jan 2024 00:00:00 GMT\r\nserver: bench\r\n"
        "content-type: application/json\r\ncontent-length: %zu\r\n\r\n%s",
        strlen(BODY), BODY);
    engine.chunk_length =
        (size_t)snprintf(engine.chunk, sizeof(engine.chunk), "%zx\r\n%s\r\n", strlen(EVENT), EVENT);
}

static bool engine_send_chunk(struct connection *connection, const char *head)
{
    char bytes[2048];
    int length = snprintf(bytes, sizeof(bytes), "%s%s", head, engine.chunk);
    connection->chunks_left--;
    if (connection->chunks_left == 0) {
        length += snprintf(bytes + length, sizeof(bytes) - (size_t)length, "%zx\r\n%s\r\n0\r\n\r\n",
                           strlen(DONE), DONE);
    }
    return endpoint_send(connection->descriptor, bytes, (size_t)length) == 0;
}

static uint64_t engine_parameter(const char *target, const char *name)
{
    const char *found = strstr(target, name);
    uint64_t number = 0;
    if (found != NULL) {
        for (found += strlen(name); *found >= '0' && *found <= '9'; found++) {
            number = number * 10 + (uint64_t)(*found - '0');
        }
    }
    return number;
}

static bool engine_answer(struct connection *connection)
{
    connection->chunks_left = engine_parameter(connection->target, "chunks=");
    if (connection->chunks_left == 0) {
        return endpoint_send(connection->descriptor, engine.reply, engine.reply_length) == 0;
    }
    connection->every_us = engine_parameter(connection->target, "every_us=");
    connection->due_us = endpoint_now_us() + connection->every_us;
    if (!engine_send_chunk(connection,
                           "HTTP/1.1 200 OK\r\ndate: Mon, 01 Jan 2024 00:00:00 GMT\r\n"
                           "server: bench\r\ncontent-type: text/event-stream\r\n"
                           "cache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n")) {
        return false;
    }
    if (connection->chunks_left > 0) {
        engine_add_timer(connection);
    }
    return true;
}

/* ---- requests ---- */

static void engine_close(struct connection *connection)
{
    engine_remove_timer(connection);
    close(connection->descriptor);
    free(connection);
}

static void engine_read_target(struct connection *connection)
{
    const char *start = memchr(connection->head, ' ', connection->head_used);
    const char *end = start == NULL
                          ? NULL
                          : memchr(start + 1, ' ',
                                   connection->head_used - (size_t)(start + 1 - connection->head));
    if (end == NULL || (size_t)(end - start) >= sizeof(connection->target)) {
        endpoint_give_up("a request without a target");
    }
    memcpy(connection->target, start + 1, (size_t)(end - start) - 1);
    connection->target[end - start - 1] = '\0';
}

/* False when the connection is of no more use. */
static bool engine_take(struct connection *connection, const char *bytes, size_t length)
{
    while (length > 0) {
        size_t take = 0;
        if (!connection->reads_body) {
            size_t before = connection->head_used;
            size_t room = sizeof(connection->head) - before;
            take = length < room ? length : room;
            memcpy(connection->head + before, bytes, take);
            connection->head_used += take;
            size_t head = framing_head_length(connection->head, connection->head_used);
            if (head == 0 && connection->head_used == sizeof(connection->head)) {
                endpoint_give_up("a request's head is too long");
            }
            if (head == 0) {
                return true;
            }
            take = head - before;
            connection->head_used = head;
            connection->reads_body = true;
            connection->body_left = framing_content_length(connection->head, head);
            engine_read_target(connection);
        } else {
            take = length < connection->body_left ? length : (size_t)connection->body_left;
            connection->body_left -= take;
        }
        bytes += take;
        length -= take;
        if (connection->body_left == 0) {
            connection->reads_body = false;
            connection->head_used = 0;
            if (!engine_answer(connection)) {
                return false;
            }
        }
    }
    return true;
}

static void engine_read(struct connection *connection)
{
    ssize_t count = recv(connection->descriptor, engine.scratch, sizeof(engine.scratch), 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (count <= 0 || !engine_take(connection, engine.scratch, (size_t)count)) {
        engine_close(connection);
    }
}

static void engine_accept(int listener)
{
    int descriptor;
    while ((descriptor = endpoint_accept(listener)) >= 0) {
        struct connection *connection = calloc(1, sizeof(*connection));
        if (connection == NULL) {
            endpoint_give_up("out of memory");
        }
        connection->descriptor = descriptor;
        endpoint_watch(engine.poll, descriptor, connection);
    }
}

static void engine_run_timers(void)
{
    uint64_t now_us = endpoint_now_us();
    while (engine.timers_count > 0 && engine.timers[0]->due_us <= now_us) {
        struct connection *connection = engine.timers[0];
        engine_remove_timer(connection);
        if (!engine_send_chunk(connection, "")) {
            engine_close(connection);
        } else if (connection->chunks_left > 0) {
            connection->due_us += connection->every_us;
            engine_add_timer(connection);
        }
    }
}

static int engine_wait(struct epoll_event *events)
{
    struct timespec wait = {0};
    if (engine.timers_count == 0) {
        return epoll_wait(engine.poll, events, engine_events_max, -1);
    }
    uint64_t now_us = endpoint_now_us();
    if (engine.timers[0]->due_us > now_us) {
        uint64_t left_us = engine.timers[0]->due_us - now_us;
        wait.tv_sec = (time_t)(left_us / 1000000);
        wait.tv_nsec = (long)(left_us % 1000000) * 1000;
    }
    return epoll_pwait2(engine.poll, events, engine_events_max, &wait, NULL);
}

int main(int count, char **arguments)
{
    if (count != 3 || strcmp(arguments[1], "--port") != 0) {
        endpoint_give_up("usage: bench-engine --port PORT");
    }
    endpoint_raise_limit();
    engine_prepare();
    engine.poll = epoll_create1(EPOLL_CLOEXEC);
    int listener = endpoint_listen((uint16_t)endpoint_number("--port", arguments[2]));
    endpoint_watch(engine.poll, listener, NULL);
    for (;;) {
        struct epoll_event events[engine_events_max];
        int ready = engine_wait(events);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.ptr == NULL) {
                engine_accept(listener);
            } else {
                engine_read(events[i].data.ptr);
            }
        }
        engine_run_timers();
    }
}

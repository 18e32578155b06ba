/* SPDX-License-Identifier: MIT
 *
 * client.c - callers that measure: one thread, closed loop, every reply checked.
 *
 *   load    each connection sends its next request when the reply to the last one is whole
 *   stream  the same with streamed replies; streams that run at the end are read to theirs
 *   hold    each connection sends one request; then they stay open until stdin ends
 *
 * With --rate, load asks so often a second on whichever connection is free, and counts the time
 * from the moment at which it was due. With --words, each prompt has so many words of its own: few
 * that are frequent, many that are rare, as in a text.
 *
 * Tokens are taken in turn from a file with one per line, from the one after --skip on. The result
 * is one line of JSON. */
#include "endpoint.h"
#include "framing.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    client_events_max = 256,
    client_read_bytes = 65536,
    client_request_max = 8192,
    client_samples_max = 4 * 1024 * 1024,
    client_stall_ms = 10000,
    client_words_known = 20000,
    client_rate_max = 100000,
};

#define BODY                                                                                       \
    "{\"model\":\"bench\",\"messages\":[{\"role\":\"system\",\"content\":\"You are a helpful "     \
    "assistant.\"},{\"role\":\"user\",\"content\":\"What is the capital of France?\"}],"           \
    "\"temperature\":0.7,\"max_tokens\":64}"

enum mode { MODE_LOAD, MODE_STREAM, MODE_HOLD };

struct connection {
    int descriptor;
    bool asks; /* a request is on its way */
    struct connection *next_free;
    bool body_began;
    uint64_t asked_us;
    struct reply reply;
};

static struct client {
    enum mode mode;
    uint16_t port;
    size_t connections_count;
    uint64_t duration_us;
    uint64_t chunks;
    uint64_t every_us;
    const char *tokens_file;
    char **tokens;
    size_t tokens_count;
    size_t next_token;
    int poll;
    struct connection *connections;
    uint64_t rate; /* of requests in a second; 0: as fast as replies come */
    uint64_t words;
    uint64_t random;
    struct connection *free; /* with a rate: those that ask nothing now */
    size_t running;          /* connections with a request on its way */
    bool ending;
    uint64_t replies;
    uint64_t body_bytes;  /* of each reply; all are alike */
    uint32_t *samples_us; /* until the reply was whole; with streams, until its body began */
    size_t samples_count;
} client;

static char scratch[client_read_bytes];

/* ---- what is asked ---- */

static void client_read_tokens(void)
{
    FILE *file = fopen(client.tokens_file, "re");
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    if (file == NULL) {
        endpoint_give_up("cannot read %s: %s", client.tokens_file, strerror(errno));
    }
    while ((length = getline(&line, &room, file)) > 1) {
        line[length - 1] = '\0';
        client.tokens = realloc(client.tokens, (client.tokens_count + 1) * sizeof(*client.tokens));
        if (client.tokens == NULL) {
            endpoint_give_up("out of memory");
        }
        client.tokens[client.tokens_count++] = line;
        line = NULL;
        room = 0;
    }
    free(line);
    fclose(file);
    if (client.tokens_count == 0) {
        endpoint_give_up("no token in %s", client.tokens_file);
    }
}

/* Word number <number> of a language without meaning: syllables, the rarer the longer. */
static size_t client_word(char *text, size_t room, uint64_t number)
{
    static const char *const syllables[] = {"ka", "lo", "mi", "ne", "tu", "ra", "sho", "vi"};
    size_t length = 0;
    do {
        const char *syllable = syllables[number % 8];
        number /= 8;
        while (*syllable != '\0' && length + 1 < room) {
            text[length++] = *syllable++;
        }
    } while (number > 0);
    text[length++] = ' ';
    return length;
}

static const char *client_body(void)
{
    static const char start[] =
        "{\"model\":\"bench\",\"messages\":[{\"role\":\"user\",\"content\":\"";
    static const char end[] = "\"}]}";
    static char body[client_request_max / 2];
    if (client.words == 0) {
        return BODY;
    }
    size_t length = sizeof(start) - 1;
    memcpy(body, start, length);
    for (uint64_t i = 0; i < client.words && length + 64 < sizeof(body); i++) {
        client.random = client.random * 6364136223846793005U + 1442695040888963407U;
        uint64_t rank = client.random >> 44; /* 20 bits, of one */
        for (unsigned power = 0; power < 3; power++) {
            rank = rank * rank >> 20; /* half of all words are among the hundred most frequent */
        }
        length +=
            client_word(body + length, sizeof(body) - length, (rank * client_words_known) >> 20);
    }
    memcpy(body + length, end, sizeof(end));
    return body;
}

static void client_ask(struct connection *connection)
{
    char request[client_request_max];
    char query[64] = "";
    const char *body = client_body();
    if (client.chunks > 0) {
        snprintf(query, sizeof(query), "?chunks=%" PRIu64 "&every_us=%" PRIu64, client.chunks,
                 client.every_us);
    }
    int length = snprintf(request, sizeof(request),
                          "POST /v1/chat/completions%s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n"
                          "User-Agent: bench\r\nAccept: */*\r\nAuthorization: Bearer %s\r\n"
                          "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                          query, client.port, client.tokens[client.next_token], strlen(body), body);
    if (length < 0 || (size_t)length >= sizeof(request)) {
        endpoint_give_up("a token is too long");
    }
    client.next_token = (client.next_token + 1) % client.tokens_count;
    reply_reset(&connection->reply);
    connection->asks = true;
    connection->body_began = false;
    client.running++;
    connection->asked_us = endpoint_now_us();
    if (endpoint_send(connection->descriptor, request, (size_t)length) != 0) {
        endpoint_give_up("a connection was closed");
    }
}

/* ---- what is answered ---- */

static void client_sample(const struct connection *connection)
{
    if (client.samples_count < client_samples_max) {
        client.samples_us[client.samples_count++] =
            (uint32_t)(endpoint_now_us() - connection->asked_us);
    }
}

static void client_reply_over(struct connection *connection)
{
    if (connection->reply.status != 200) {
        endpoint_give_up("answered with status %u", connection->reply.status);
    }
    if (client.replies > 0 && connection->reply.body_bytes != client.body_bytes) {
        endpoint_give_up("replies of %" PRIu64 " and %" PRIu64 " bytes", client.body_bytes,
                         connection->reply.body_bytes);
    }
    client.body_bytes = connection->reply.body_bytes;
    client.replies++;
    client.running--;
    connection->asks = false;
    if (client.mode != MODE_STREAM) {
        client_sample(connection);
    }
    if (client.rate > 0) {
        connection->next_free = client.free;
        client.free = connection;
    } else if (client.mode != MODE_HOLD && !client.ending) {
        client_ask(connection);
    }
}

static void client_read(struct connection *connection)
{
    ssize_t count = recv(connection->descriptor, scratch, sizeof(scratch), 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (count <= 0 || !connection->asks) {
        endpoint_give_up("a connection was closed");
    }
    size_t used = reply_feed(&connection->reply, scratch, (size_t)count);
    if (used != (size_t)count) {
        endpoint_give_up("more came than the reply");
    }
    if (!connection->body_began && connection->reply.body_bytes > 0) {
        connection->body_began = true;
        if (client.mode == MODE_STREAM) {
            client_sample(connection);
        }
    }
    if (connection->reply.state == REPLY_OVER) {
        client_reply_over(connection);
    }
}

static void client_turn(int wait_ms)
{
    struct epoll_event events[client_events_max];
    int ready = epoll_wait(client.poll, events, client_events_max, wait_ms);
    for (int i = 0; i < ready; i++) {
        client_read(events[i].data.ptr);
    }
    if (ready == 0 && wait_ms == client_stall_ms) {
        endpoint_give_up("no byte came for %d s", client_stall_ms / 1000);
    }
}

/* ---- the modes ---- */

/* Streams start evenly spread over one chunk's time, so that the server is not woken for all of
 * them at once. */
static void client_open(void)
{
    client.connections = calloc(client.connections_count, sizeof(*client.connections));
    client.samples_us = malloc(client_samples_max * sizeof(*client.samples_us));
    client.poll = epoll_create1(EPOLL_CLOEXEC);
    if (client.connections == NULL || client.samples_us == NULL || client.poll < 0) {
        endpoint_give_up("out of memory");
    }
    for (size_t i = 0; i < client.connections_count; i++) {
        struct connection *connection = &client.connections[i];
        connection->descriptor = endpoint_connect(client.port);
        if (connection->descriptor < 0) {
            endpoint_give_up("nobody listens on port %u", client.port);
        }
        endpoint_watch(client.poll, connection->descriptor, connection);
    }
    for (size_t i = 0; i < client.connections_count && client.rate > 0; i++) {
        client.connections[i].next_free = client.free;
        client.free = &client.connections[i];
    }
    uint64_t start_us = endpoint_now_us();
    for (size_t i = 0; i < client.connections_count && client.rate == 0; i++) {
        uint64_t due_us = start_us + client.every_us * i / client.connections_count;
        while (endpoint_now_us() < due_us) {
            client_turn(0);
        }
        client_ask(&client.connections[i]);
        /* Idle connections: one after the other, or the server keeps as many to the engine. */
        while (client.mode == MODE_HOLD && client.chunks == 0 && client.running > 0) {
            client_turn(client_stall_ms);
        }
    }
}

static int compare_samples(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;
    return a < b ? -1 : a > b ? 1 : 0;
}

static uint32_t client_percentile(unsigned percent)
{
    return client.samples_count == 0 ? 0 : client.samples_us[client.samples_count * percent / 100];
}

static void client_run_at_rate(uint64_t start_us)
{
    uint64_t asked = 0;
    for (uint64_t now_us; (now_us = endpoint_now_us()) - start_us < client.duration_us;) {
        uint64_t due_us = start_us + asked * 1000000 / client.rate;
        if (now_us >= due_us && client.free != NULL) {
            struct connection *connection = client.free;
            client.free = connection->next_free;
            client_ask(connection);
            connection->asked_us = due_us;
            asked++;
            continue;
        }
        struct epoll_event events[client_events_max];
        uint64_t wait_us = now_us >= due_us ? 1000 : due_us - now_us;
        const struct timespec wait = {.tv_nsec =
                                          (long)(wait_us > 100000 ? 100000 : wait_us) * 1000};
        int ready = epoll_pwait2(client.poll, events, client_events_max, &wait, NULL);
        for (int i = 0; i < ready; i++) {
            client_read(events[i].data.ptr);
        }
    }
}

static void client_run(void)
{
    uint64_t start_us = endpoint_now_us();
    if (client.rate > 0) {
        client_run_at_rate(start_us);
    }
    while (endpoint_now_us() - start_us < client.duration_us) {
        client_turn(client_stall_ms);
    }
    uint64_t asked_us = endpoint_now_us() - start_us;
    client.ending = true;
    while (client.running > 0) {
        client_turn(client_stall_ms);
    }
    qsort(client.samples_us, client.samples_count, sizeof(*client.samples_us), compare_samples);
    printf("{\"replies\":%" PRIu64 ",\"body_bytes\":%" PRIu64 ",\"seconds\":%.3f,\"p50_us\":%u,"
           "\"p90_us\":%u,\"p99_us\":%u}\n",
           client.replies, client.body_bytes, (double)asked_us / 1e6, client_percentile(50),
           client_percentile(90), client_percentile(99));
}

/* With streams the replies go on meanwhile; otherwise all connections are idle once "held" is
 * said. */
static void client_hold(void)
{
    size_t began = 0;
    while (began < client.connections_count) {
        began = 0;
        for (size_t i = 0; i < client.connections_count; i++) {
            began += client.connections[i].body_began;
        }
        if (began < client.connections_count) {
            client_turn(client_stall_ms);
        }
    }
    puts("held");
    fflush(stdout);
    static struct connection ending; /* of stdin */
    endpoint_watch(client.poll, STDIN_FILENO, &ending);
    for (;;) {
        struct epoll_event events[client_events_max];
        int ready = epoll_wait(client.poll, events, client_events_max, -1);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.ptr == &ending) {
                return;
            }
            client_read(events[i].data.ptr);
        }
    }
}

static void client_read_arguments(int count, char **arguments)
{
    static const char *const modes[] = {"load", "stream", "hold"};
    bool mode_known = false;
    for (size_t i = 0; count > 1 && i < sizeof(modes) / sizeof(modes[0]); i++) {
        if (strcmp(arguments[1], modes[i]) == 0) {
            client.mode = (enum mode)i;
            mode_known = true;
        }
    }
    client.connections_count = 1;
    for (int i = 2; i + 1 < count; i += 2) {
        const char *name = arguments[i];
        const char *value = arguments[i + 1];
        if (strcmp(name, "--tokens") == 0) {
            client.tokens_file = value;
            continue;
        }
        uint64_t number = endpoint_number(name, value);
        if (strcmp(name, "--port") == 0) {
            client.port = (uint16_t)number;
        } else if (strcmp(name, "--connections") == 0) {
            client.connections_count = (size_t)number;
        } else if (strcmp(name, "--milliseconds") == 0) {
            client.duration_us = number * 1000;
        } else if (strcmp(name, "--chunks") == 0) {
            client.chunks = number;
        } else if (strcmp(name, "--skip") == 0) {
            client.next_token = (size_t)number;
        } else if (strcmp(name, "--every-us") == 0) {
            client.every_us = number;
        } else if (strcmp(name, "--rate") == 0 && number <= client_rate_max) {
            client.rate = number;
        } else if (strcmp(name, "--words") == 0) {
            client.words = number;
        } else if (strcmp(name, "--seed") == 0) {
            client.random = number;
        } else {
            endpoint_give_up("unknown: %s", name);
        }
    }
    if (!mode_known || count % 2 != 0 || client.port == 0 || client.tokens_file == NULL) {
        endpoint_give_up(
            "usage: bench-client load|stream|hold --port PORT --tokens FILE "
            "[--connections N] [--milliseconds N] [--skip N] [--chunks N --every-us N] [--rate N] "
            "[--words N --seed N]");
    }
}

int main(int count, char **arguments)
{
    client_read_arguments(count, arguments);
    client_read_tokens();
    client.next_token %= client.tokens_count;
    endpoint_raise_limit();
    client_open();
    if (client.mode == MODE_HOLD) {
        client_hold();
    } else {
        client_run();
    }
    return 0;
}

/* SPDX-License-Identifier: MIT
 *
 * agent.c - the program around an agent: arguments, the listening socket, one thread for each task,
 * and HTTP/1.1 in and out, read with the gateway's own strict parser. */
#include "agent.h"

#include "auth/bearer.h"
#include "base/clock.h"
#include "http/head.h"
#include "net/listener.h"

#include <curl/curl.h>
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    agent_head_bytes_max = 64 * 1024,
    agent_socket_s = 10, /* for the caller's next byte, and to take ours */
};

struct server {
    struct agent agent;
    agent_answer *answer;
    int descriptor;
    sem_t places;
};

struct connection {
    struct server *server;
    int descriptor;
};

/* ---- HTTP ---- */

static void server_refuse(struct agent_task *task, unsigned status, const char *sentence)
{
    task->status = status;
    buffer_append_string(&task->reply, "{\"detail\":");
    buffer_append_json_string(&task->reply, slice_from_string(sentence));
    buffer_append_byte(&task->reply, '}');
}

/* More bytes of the request; false when none come. */
static bool server_read(int descriptor, struct buffer *input)
{
    char *room = buffer_reserve(input, 16 * 1024);
    ssize_t got = room == NULL ? -1 : recv(descriptor, room, 16 * 1024, 0);
    if (got > 0) {
        input->length += (size_t)got;
    }
    return got > 0;
}

/* The head and as much as came with it. False: refused, or the caller has left. */
static bool server_read_head(struct agent_task *task, struct buffer *input,
                             struct request_head *ret, size_t *ret_end)
{
    static const struct head_limits limits = {
        .first_line_bytes_max = 8192, .head_bytes_max = agent_head_bytes_max, .fields_max = 100};
    struct head_scan scan = {0};
    struct failure failure;
    unsigned status = 0;
    enum head_progress progress;
    do {
        if (!server_read(task->descriptor, input)) {
            return false;
        }
        progress = head_scan(&scan, buffer_slice(input), &limits, ret_end, &status, &failure);
    } while (progress == HEAD_INCOMPLETE);
    struct slice text = slice_make(input->data + scan.skipped, *ret_end - scan.skipped);
    struct slice kept = {0};
    if (progress == HEAD_REFUSED || !arena_copy(&task->arena, text, &kept) ||
        request_head_parse(kept, &task->arena, ret, &status, &failure) != STATUS_OK) {
        server_refuse(task, status == 0 ? 503 : status, status == 0 ? "no memory" : failure.text);
        return false;
    }
    return true;
}

static bool server_read_body(struct agent_task *task, struct buffer *input,
                             const struct request_head *head, size_t end)
{
    struct slice body;
    struct failure failure;
    if (head->framing == BODY_CHUNKED || head->content_length > agent_request_bytes_max) {
        bool is_chunked = head->framing == BODY_CHUNKED;
        server_refuse(task, is_chunked ? 411 : 413, is_chunked ? "no length" : "too large");
        return false;
    }
    while (input->length - end < head->content_length) {
        if (!server_read(task->descriptor, input)) {
            return false;
        }
    }
    body = slice_make(input->data + end, (size_t)head->content_length);
    if (!arena_copy(&task->arena, body, &body) ||
        json_parse(body, JSON_DUPLICATES_UNCHECKED, &task->input, &failure) != STATUS_OK ||
        task->input.kind != JSON_OBJECT) {
        server_refuse(task, 400, "the body must be a JSON object");
        return false;
    }
    return true;
}

/* Who sends it, and for whom. False: refused. */
static bool server_admit(struct agent_task *task, const struct request_head *head)
{
    enum deny_reason reason;
    struct failure failure;
    unsigned status = 0;
    const struct field *id =
        fields_find(head->fields, head->fields_count, FIELD_X_REQUEST_ID, NULL);
    task->request_id = id != NULL ? id->value : SLICE("none");
    if (!slice_equals(head->target.path, SLICE("/api/chat"))) {
        server_refuse(task, 404, "there is only /api/chat here");
    } else if (!slice_equals(head->method, SLICE("POST"))) {
        server_refuse(task, 405, "POST is wanted");
    } else if (!bearer_find(head->fields, head->fields_count, &task->token, &reason)) {
        server_refuse(task, 401, deny_reason_text(reason));
    } else if (!agent_trust_check(task, &status, &failure)) {
        server_refuse(task, status, failure.text);
    }
    return task->status == 0;
}

static void server_send(int descriptor, struct slice bytes)
{
    while (bytes.length > 0) {
        ssize_t sent = send(descriptor, bytes.data, bytes.length, MSG_NOSIGNAL);
        if (sent <= 0) {
            return;
        }
        bytes = slice_after(bytes, (size_t)sent);
    }
}

static void server_send_reply(struct agent_task *task)
{
    struct buffer head;
    if (task->reply.failed) {
        buffer_reset(&task->reply);
        server_refuse(task, 503, "the answer is too large");
    }
    buffer_init(&head, 1024);
    buffer_append_format(&head,
                         "HTTP/1.1 %u %s\r\nContent-Type: application/json\r\n"
                         "Content-Length: %zu\r\nConnection: close\r\n\r\n",
                         task->status, status_reason(task->status), task->reply.length);
    server_send(task->descriptor, buffer_slice(&head));
    server_send(task->descriptor, buffer_slice(&task->reply));
    buffer_clear(&head);
}

/* ---- one task ---- */

/* "coder <- planner": who holds the token, who called it, and so on. */
static void server_log_chain(struct agent_task *task)
{
    struct buffer chain;
    struct json_value actors, actor;
    struct slice name;
    if (json_parse(task->identity.actors, JSON_DUPLICATES_UNCHECKED, &actors, NULL) != STATUS_OK) {
        return;
    }
    buffer_init(&chain, 8192);
    struct json_walk walk = json_walk_begin(actors);
    while (json_walk_next(&walk, NULL, &actor)) {
        if (json_string(actor, &task->arena, &name) == STATUS_OK) {
            buffer_append_string(&chain, chain.length > 0 ? " <- " : "");
            buffer_append(&chain, name);
        }
    }
    agent_log(task, "info", "token verified: acting for %.*s, act chain %.*s",
              SLICE_ARGS(task->identity.user), SLICE_ARGS(buffer_slice(&chain)));
    buffer_clear(&chain);
}

static void *server_serve(void *argument)
{
    struct connection connection = *(struct connection *)argument;
    struct server *server = connection.server;
    struct agent_task task = {.agent = &server->agent,
                              .descriptor = connection.descriptor,
                              .ends_ms = clock_monotonic_ms() + agent_task_ms};
    struct request_head head;
    struct buffer input;
    size_t end = 0;
    free(argument);
    arena_init(&task.arena, agent_task_bytes_max);
    buffer_init(&task.reply, 2 * agent_reply_bytes_max);
    buffer_init(&input, 2 * agent_request_bytes_max);
    if (server_read_head(&task, &input, &head, &end) && server_admit(&task, &head) &&
        server_read_body(&task, &input, &head, end)) {
        server_log_chain(&task);
        server->answer(&task);
    }
    if (task.status != 0) {
        server_send_reply(&task);
    }
    shutdown(connection.descriptor, SHUT_WR);
    close(connection.descriptor);
    buffer_clear(&input);
    buffer_clear(&task.reply);
    arena_clear(&task.arena);
    sem_post(&server->places);
    return NULL;
}

/* ---- listening ---- */

static void server_begin(struct server *server, int take_descriptor)
{
    static const struct timeval patience = {.tv_sec = agent_socket_s};
    struct connection *connection = malloc(sizeof(*connection));
    pthread_attr_t detached;
    pthread_t thread;
    (void)setsockopt(take_descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    (void)setsockopt(take_descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    if (connection != NULL) {
        *connection = (struct connection){.server = server, .descriptor = take_descriptor};
    }
    if (connection == NULL || pthread_create(&thread, &detached, server_serve, connection) != 0) {
        free(connection);
        close(take_descriptor);
        sem_post(&server->places);
    }
    pthread_attr_destroy(&detached);
}

static void *server_accept(void *argument)
{
    struct server *server = argument;
    for (;;) {
        struct pollfd ready = {.fd = server->descriptor, .events = POLLIN};
        while (sem_wait(&server->places) != 0) {
        }
        int descriptor = -1;
        while (descriptor < 0) {
            (void)poll(&ready, 1, -1);
            descriptor = accept4(server->descriptor, NULL, NULL, SOCK_CLOEXEC);
            if (descriptor < 0 && errno != EAGAIN && errno != EINTR) {
                (void)poll(NULL, 0, 100); /* out of descriptors, say: not in a spin */
            }
        }
        server_begin(server, descriptor);
    }
    return NULL;
}

/* ---- the program ---- */

static void server_usage(const char *name, const char *port)
{
    printf("Usage: %s [--port PORT] [--gateway URL] [--issuer URL]\n\n"
           "The %s of the Attach Gateway examples: POST /api/chat, for the gateway only.\n\n"
           "  --port PORT    where to listen on 127.0.0.1; 0 takes a free one (%s)\n"
           "  --gateway URL  where the gateway is (http://127.0.0.1:8080)\n"
           "  --issuer URL   who signs the tokens: its PUBLIC_URL (what --gateway says)\n",
           name, name, port);
}

/* 0: go on. Else the exit code, plus one. */
static int server_arguments(int count, char **arguments, struct server *server, const char **port)
{
    static const struct option known[] = {{"port", required_argument, NULL, 'p'},
                                          {"gateway", required_argument, NULL, 'g'},
                                          {"issuer", required_argument, NULL, 'i'},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    int option;
    while ((option = getopt_long(count, arguments, "", known, NULL)) != -1) {
        switch (option) {
        case 'p':
            *port = optarg;
            break;
        case 'g':
            server->agent.gateway = slice_from_string(optarg);
            break;
        case 'i':
            server->agent.issuer = slice_from_string(optarg);
            break;
        case 'h':
            server_usage(server->agent.name, *port);
            return 1;
        default:
            return 3;
        }
    }
    if (server->agent.issuer.length == 0) {
        server->agent.issuer = server->agent.gateway;
    }
    return optind < count ? 3 : 0;
}

static enum status server_open(struct server *server, uint16_t *port, struct failure *reterr)
{
    pthread_t thread;
    enum status status = agent_trust_create(&server->agent, &server->agent.trust, reterr);
    if (status == STATUS_OK) {
        status =
            listener_socket(SLICE("127.0.0.1"), *port, true, &server->descriptor, port, reterr);
    }
    if (status == STATUS_OK && (sem_init(&server->places, 0, agent_tasks_max) != 0 ||
                                curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
                                pthread_create(&thread, NULL, server_accept, server) != 0)) {
        failure_set(reterr, "no thread, or no memory");
        status = STATUS_NO_MEMORY;
    }
    return status;
}

int agent_main(int count, char **arguments, const char *name, const char *port,
               agent_answer *answer)
{
    static struct server server;
    struct failure failure;
    uint64_t number;
    sigset_t ending;
    int signal_number;
    server = (struct server){.agent = {.name = name, .gateway = SLICE("http://127.0.0.1:8080")},
                             .answer = answer};
    int code = server_arguments(count, arguments, &server, &port);
    if (code == 0 && !slice_parse_uint(slice_from_string(port), UINT16_MAX, &number)) {
        fprintf(stderr, "%s: --port must be a whole number from 0 to 65535\n", name);
        code = 3;
    }
    if (code != 0) {
        return code - 1;
    }
    uint16_t bound = (uint16_t)number;
    sigemptyset(&ending);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ending, NULL);
    if (server_open(&server, &bound, &failure) != STATUS_OK) {
        fprintf(stderr, "%s: %s\n", name, failure.text);
        return EXIT_FAILURE;
    }
    fprintf(stderr, "%s on http://127.0.0.1:%u/api/chat\n", name, bound);
    sigwait(&ending, &signal_number);
    _exit(EXIT_SUCCESS); /* tasks that still run end here; the gateway sees it */
}

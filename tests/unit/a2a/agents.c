/* SPDX-License-Identifier: MIT
 *
 * agents.c - see agents.h. */
#include "agents.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

enum { requests_max = 64, request_bytes_max = 16 * 1024 };

struct test_agent {
    int listener;
    char base[48];
    char url[64];
    pthread_t thread;
    pthread_mutex_t lock;
    const char *reply;
    char *replies[8];
    char requests[requests_max][request_bytes_max];
    size_t requests_count;
    int held[requests_max];
    size_t held_count;
};

/* Reads a head, and a body when Content-Length announces one. */
static void request_read(int connection, char *request)
{
    size_t length = 0;
    size_t wanted = SIZE_MAX;
    while (length < wanted && length < request_bytes_max - 1) {
        ssize_t count = read(connection, request + length, request_bytes_max - 1 - length);
        if (count <= 0) {
            break;
        }
        length += (size_t)count;
        request[length] = '\0';
        const char *end = strstr(request, "\r\n\r\n");
        if (end != NULL) {
            unsigned body = 0;
            const char *field = strcasestr(request, "\r\nContent-Length: ");
            if (field != NULL && field < end && sscanf(field + 18, "%u", &body) != 1) {
                body = 0;
            }
            wanted = (size_t)(end - request) + 4 + body;
        }
    }
}

static void *agent_run(void *argument)
{
    struct test_agent *agent = argument;
    for (;;) {
        char request[request_bytes_max] = "";
        int connection = accept(agent->listener, NULL, NULL);
        if (connection < 0) {
            return NULL;
        }
        request_read(connection, request);
        pthread_mutex_lock(&agent->lock);
        size_t index = agent->requests_count;
        const char *reply =
            index < 8 && agent->replies[index] != NULL ? agent->replies[index] : agent->reply;
        if (index < requests_max) {
            memcpy(agent->requests[agent->requests_count++], request, sizeof(request));
        }
        if (reply == NULL && agent->held_count < requests_max) {
            agent->held[agent->held_count++] = connection;
        } else {
            (void)!send(connection, reply, strlen(reply), MSG_NOSIGNAL);
            close(connection);
        }
        pthread_mutex_unlock(&agent->lock);
    }
}

struct test_agent *test_agent_start(void)
{
    struct test_agent *agent = calloc(1, sizeof(*agent));
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof(address);
    assert_non_null(agent);
    agent->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(agent->listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(getsockname(agent->listener, (struct sockaddr *)&address, &length), 0);
    assert_int_equal(listen(agent->listener, 64), 0);
    snprintf(agent->base, sizeof(agent->base), "http://127.0.0.1:%u", ntohs(address.sin_port));
    snprintf(agent->url, sizeof(agent->url), "%s/run", agent->base);
    pthread_mutex_init(&agent->lock, NULL);
    assert_int_equal(pthread_create(&agent->thread, NULL, agent_run, agent), 0);
    return agent;
}

void test_agent_stop(struct test_agent *agent)
{
    shutdown(agent->listener, SHUT_RDWR);
    pthread_join(agent->thread, NULL);
    close(agent->listener);
    for (size_t i = 0; i < agent->held_count; i++) {
        close(agent->held[i]);
    }
    for (size_t i = 0; i < 8; i++) {
        free(agent->replies[i]);
    }
    pthread_mutex_destroy(&agent->lock);
    free(agent);
}

const char *test_agent_base(const struct test_agent *agent)
{
    return agent->base;
}

const char *test_agent_url(const struct test_agent *agent)
{
    return agent->url;
}

void test_agent_reply(struct test_agent *agent, const char *bytes)
{
    pthread_mutex_lock(&agent->lock);
    agent->reply = bytes;
    pthread_mutex_unlock(&agent->lock);
}

void test_agent_reply_json(struct test_agent *agent, size_t index, const char *json)
{
    pthread_mutex_lock(&agent->lock);
    assert_true(index < 8);
    free(agent->replies[index]);
    assert_true(asprintf(&agent->replies[index], "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
                         strlen(json), json) > 0);
    pthread_mutex_unlock(&agent->lock);
}

const char *test_agent_request(struct test_agent *agent, size_t index)
{
    pthread_mutex_lock(&agent->lock);
    const char *request = index < agent->requests_count ? agent->requests[index] : "";
    pthread_mutex_unlock(&agent->lock);
    return request;
}

/* SPDX-License-Identifier: MIT
 *
 * endpoint.c - see endpoint.h. */
#include "endpoint.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { endpoint_stall_ms = 10000 };

void endpoint_give_up(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

uint64_t endpoint_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t endpoint_number(const char *name, const char *text)
{
    uint64_t number = 0;
    if (*text == '\0') {
        endpoint_give_up("%s needs a number", name);
    }
    for (const char *digit = text; *digit != '\0'; digit++) {
        if (*digit < '0' || *digit > '9' || number > UINT64_MAX / 20) {
            endpoint_give_up("%s is no number: %s", name, text);
        }
        number = number * 10 + (uint64_t)(*digit - '0');
    }
    return number;
}

static struct sockaddr_in endpoint_address(uint16_t port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons(port),
                                .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
}

int endpoint_listen(uint16_t port)
{
    struct sockaddr_in address = endpoint_address(port);
    int on = 1;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(listener, 4096) != 0) {
        endpoint_give_up("cannot listen on port %u: %s", port, strerror(errno));
    }
    return listener;
}

static void endpoint_without_delay(int descriptor)
{
    int on = 1;
    if (setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0) {
        endpoint_give_up("cannot set TCP_NODELAY: %s", strerror(errno));
    }
}

int endpoint_accept(int listener)
{
    int descriptor = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor < 0) {
        if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) {
            endpoint_give_up("cannot accept: %s", strerror(errno));
        }
        return -1;
    }
    endpoint_without_delay(descriptor);
    return descriptor;
}

int endpoint_connect(uint16_t port)
{
    struct sockaddr_in address = endpoint_address(port);
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) {
        endpoint_give_up("cannot make a socket: %s", strerror(errno));
    }
    if (connect(descriptor, (struct sockaddr *)&address, sizeof(address)) != 0) {
        close(descriptor);
        return -1;
    }
    endpoint_without_delay(descriptor);
    int on = 1;
    if (ioctl(descriptor, FIONBIO, &on) != 0) {
        endpoint_give_up("cannot unblock a socket: %s", strerror(errno));
    }
    return descriptor;
}

void endpoint_watch(int poll, int descriptor, void *subject)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = subject};
    if (epoll_ctl(poll, EPOLL_CTL_ADD, descriptor, &event) != 0) {
        endpoint_give_up("cannot watch a socket: %s", strerror(errno));
    }
}

int endpoint_send(int descriptor, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t count = send(descriptor, bytes, length, MSG_NOSIGNAL);
        if (count >= 0) {
            bytes += count;
            length -= (size_t)count;
        } else if (errno == EAGAIN) {
            struct pollfd room = {.fd = descriptor, .events = POLLOUT};
            if (poll(&room, 1, endpoint_stall_ms) == 0) {
                endpoint_give_up("the other side reads nothing");
            }
        } else if (errno != EINTR) {
            return -1;
        }
    }
    return 0;
}

void endpoint_raise_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* SPDX-License-Identifier: MIT
 *
 * listener.c - see listener.h. */
#include "net/listener.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <unistd.h>

enum {
    listener_backlog = 4096,
    listener_accepts_max = 64, /* per wake-up, so that running connections get their turn */
    listener_pause_ms = 50,
};

/* With SO_REUSEPORT a second process of the same user would join silently and take half of the
 * connections; a bind without it tells that somebody is there. */
static enum status listener_probe(const struct addrinfo *address, struct failure *reterr)
{
    int on = 1;
    int descriptor = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) {
        failure_set(reterr, "cannot make a socket: %s", strerror(errno));
        return STATUS_IO;
    }
    (void)setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    int error = bind(descriptor, address->ai_addr, address->ai_addrlen) == 0 ? 0 : errno;
    close(descriptor);
    if (error != 0) {
        failure_set(reterr, "%s", strerror(error));
        return STATUS_IO;
    }
    return STATUS_OK;
}

static enum status listener_bind(const struct addrinfo *address, int *ret_descriptor,
                                 uint16_t *ret_port, struct failure *reterr)
{
    int on = 1;
    struct sockaddr_storage bound;
    socklen_t bound_length = sizeof(bound);
    int descriptor =
        socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    if (descriptor >= 0 && setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0 &&
        bind(descriptor, address->ai_addr, address->ai_addrlen) == 0 &&
        listen(descriptor, listener_backlog) == 0 &&
        getsockname(descriptor, (struct sockaddr *)&bound, &bound_length) == 0) {
        *ret_port = ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port
                                                      : ((struct sockaddr_in *)&bound)->sin_port);
        *ret_descriptor = descriptor;
        return STATUS_OK;
    }
    failure_set(reterr, "%s", strerror(errno));
    if (descriptor >= 0) {
        close(descriptor);
    }
    return STATUS_IO;
}

enum status listener_socket(struct slice host, uint16_t port, bool first, int *ret_descriptor,
                            uint16_t *ret_port, struct failure *reterr)
{
    char name[256];
    char service[8];
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    struct addrinfo *addresses = NULL;
    struct failure reason;
    if (host.length >= sizeof(name)) {
        failure_set(reterr, "the address to listen on is too long");
        return STATUS_INVALID;
    }
    snprintf(name, sizeof(name), "%.*s", SLICE_ARGS(host));
    snprintf(service, sizeof(service), "%u", port);
    int error = getaddrinfo(name, service, &hints, &addresses);
    if (error != 0) {
        failure_set(reterr, "cannot listen on %s: %s", name, gai_strerror(error));
        return STATUS_INVALID;
    }
    enum status status = STATUS_OK;
    if (first && port != 0) {
        status = listener_probe(addresses, &reason);
    }
    if (status == STATUS_OK) {
        status = listener_bind(addresses, ret_descriptor, ret_port, &reason);
    }
    if (status != STATUS_OK) {
        failure_set(reterr, "cannot listen on %s port %u: %s", name, port, reason.text);
    }
    freeaddrinfo(addresses);
    return status;
}

static void listener_rest(struct listener *listener)
{
    watch_for(&listener->watch, 0);
    deadline_set(&listener->pause, listener_pause_ms);
}

static void listener_ready(struct watch *watch, int events, bool failed)
{
    struct listener *listener =
        (struct listener *)((char *)watch - offsetof(struct listener, watch));
    (void)events;
    (void)failed;
    for (unsigned i = 0; i < listener_accepts_max; i++) {
        if (!listener->admits(listener)) {
            listener_rest(listener);
            return;
        }
        struct sockaddr_storage peer;
        socklen_t peer_length = sizeof(peer);
        int descriptor = accept4(listener->descriptor, (struct sockaddr *)&peer, &peer_length,
                                 SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (descriptor >= 0) {
            listener->last_error = 0;
            listener->accepted(listener, descriptor, &peer);
            if (listener->descriptor < 0) {
                return; /* closed meanwhile */
            }
            continue;
        }
        int error = errno;
        listener->not_accepted(listener);
        if (error == EAGAIN || error == EWOULDBLOCK) {
            return;
        }
        if (error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM) {
            listener->last_error = error;
            listener_rest(listener);
            return;
        }
        /* Anything else belongs to the connection that failed (accept(2), "Error handling"). */
    }
}

static void listener_rested(struct deadline *deadline)
{
    struct listener *listener =
        (struct listener *)((char *)deadline - offsetof(struct listener, pause));
    if (listener->descriptor >= 0) {
        watch_for(&listener->watch, UV_READABLE);
    }
}

enum status listener_open(struct listener *listener, uv_loop_t *loop, int take_descriptor,
                          listener_admits *admits, listener_not_accepted *not_accepted,
                          listener_accepted *accepted, void *owner, struct failure *reterr)
{
    *listener = (struct listener){.descriptor = take_descriptor,
                                  .admits = admits,
                                  .not_accepted = not_accepted,
                                  .accepted = accepted,
                                  .owner = owner};
    int error = watch_open(&listener->watch, loop, take_descriptor, listener_ready);
    if (error != 0) {
        close(take_descriptor);
        listener->descriptor = -1;
        failure_set(reterr, "cannot wait for connections: %s", uv_strerror(error));
        return STATUS_IO;
    }
    deadline_init(&listener->pause, loop, listener_rested);
    watch_for(&listener->watch, UV_READABLE);
    return STATUS_OK;
}

void listener_close(struct listener *listener)
{
    if (listener->descriptor < 0) {
        return;
    }
    watch_close(&listener->watch, NULL);
    uv_close((uv_handle_t *)&listener->pause.timer, NULL);
    close(listener->descriptor);
    listener->descriptor = -1;
}

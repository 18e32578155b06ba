/* SPDX-License-Identifier: MIT
 *
 * resolve.c - uv_getaddrinfo with a memory. */
#include "net/resolve.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

static bool resolve_literal(struct resolve *resolve, uint16_t port)
{
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    if (inet_pton(AF_INET, resolve->host, &four.sin_addr) == 1) {
        memcpy(&resolve->addresses[0], &four, sizeof(four));
    } else if (inet_pton(AF_INET6, resolve->host, &six.sin6_addr) == 1) {
        memcpy(&resolve->addresses[0], &six, sizeof(six));
    } else {
        return false;
    }
    resolve->addresses_count = 1;
    return true;
}

enum status resolve_init(struct resolve *resolve, uv_loop_t *loop, struct slice host, uint16_t port,
                         resolve_done *done, void *context)
{
    *resolve = (struct resolve){.loop = loop, .done = done, .context = context};
    if (host.length >= sizeof(resolve->host)) {
        return STATUS_LIMIT;
    }
    memcpy(resolve->host, host.data, host.length);
    snprintf(resolve->port, sizeof(resolve->port), "%u", port);
    resolve->is_literal = resolve_literal(resolve, port);
    return STATUS_OK;
}

static void resolve_looked_up(uv_getaddrinfo_t *lookup, int error, struct addrinfo *answer)
{
    struct resolve *resolve = lookup->data;
    resolve->running = false;
    if (resolve->done == NULL) {
        uv_freeaddrinfo(answer);
        return; /* cleared meanwhile */
    }
    if (error == 0 && answer != NULL) {
        resolve->addresses_count = 0;
        resolve->looked_up_ms = uv_now(resolve->loop);
        for (struct addrinfo *one = answer;
             one != NULL && resolve->addresses_count < resolve_addresses_max; one = one->ai_next) {
            memcpy(&resolve->addresses[resolve->addresses_count++], one->ai_addr, one->ai_addrlen);
        }
    }
    uv_freeaddrinfo(answer);
    resolve->done(resolve->context, error);
}

static int resolve_start(struct resolve *resolve)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    resolve->lookup.data = resolve;
    int error = uv_getaddrinfo(resolve->loop, &resolve->lookup, resolve_looked_up, resolve->host,
                               resolve->port, &hints);
    resolve->running = error == 0;
    return error;
}

bool resolve_ready(struct resolve *resolve)
{
    if (resolve->is_literal) {
        return true;
    }
    bool old = resolve->looked_up_ms == 0 ||
               uv_now(resolve->loop) - resolve->looked_up_ms >= resolve_fresh_ms;
    if (old && !resolve->running && resolve_start(resolve) != 0) {
        return resolve->addresses_count > 0; /* the next use tries again */
    }
    return resolve->addresses_count > 0;
}

void resolve_doubt(struct resolve *resolve)
{
    resolve->looked_up_ms = 0;
}

void resolve_clear(struct resolve *resolve)
{
    resolve->done = NULL;
    if (resolve->running) {
        (void)uv_cancel((uv_req_t *)&resolve->lookup);
    }
}

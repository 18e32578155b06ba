/* SPDX-License-Identifier: MIT
 *
 * resolve.h - the addresses of one host, looked up off the worker and kept for a while.
 *
 * An expired answer is used while the new one is fetched, and for as long as no new one can be had:
 * a name server that is down must not take a working engine away. Owning worker only. */
#ifndef AG_NET_RESOLVE_H
#define AG_NET_RESOLVE_H

#include "base/slice.h"
#include "base/status.h"

#include <sys/socket.h>
#include <uv.h>

enum {
    resolve_addresses_max = 8,
    resolve_fresh_ms = 30000,
};

struct resolve;

/* The first answer is there, or could not be had (<status>, uv error). */
typedef void resolve_done(void *context, int error);

struct resolve {
    uv_getaddrinfo_t lookup;
    uv_loop_t *loop;
    char host[256];
    char port[8];
    struct sockaddr_storage addresses[resolve_addresses_max];
    size_t addresses_count;
    uint64_t looked_up_ms; /* on the loop's clock; 0: never */
    bool running;
    bool is_literal; /* an address needs no look-up, ever */
    resolve_done *done;
    void *context;
};

/* <done> is called after every look-up. STATUS_LIMIT when <host> is too long. */
enum status resolve_init(struct resolve *resolve, uv_loop_t *loop, struct slice host, uint16_t port,
                         resolve_done *done, void *context) MUST_CHECK;

/* True when addresses are there; begins a look-up when there are none or they are old. */
bool resolve_ready(struct resolve *resolve);

/* The addresses did not answer: ask again before the next use. */
void resolve_doubt(struct resolve *resolve);

/* Stops caring for a look-up that runs. The loop must run until it has ended. */
void resolve_clear(struct resolve *resolve);

#endif

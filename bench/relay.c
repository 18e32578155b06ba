/* SPDX-License-Identifier: MIT
 *
 * relay.c - the bare relay: the least that has to be done between a client and an engine.
 *
 * One thread, one epoll, engine connections kept and lent per request. It looks for the end of a
 * request's head and of a reply, and, if asked, at the bearer token; every byte passes as it came.
 * No timeouts, no limits, no log, no claims. A yardstick, not a server: a peer that does not read
 * stops everybody else. */
#include "bare_token.h"
#include "endpoint.h"
#include "framing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    relay_events_max = 256,
    relay_read_bytes = 65536,
};

enum side { SIDE_LISTENER, SIDE_CLIENT, SIDE_ENGINE };

/* What epoll tells of begins with this. */
struct subject {
    enum side side;
    int descriptor;
};

struct lane; /* a connection to the engine */

struct caller { /* a connection of a client */
    struct subject subject;
    struct lane *lane;  /* lent to the request that runs; NULL: none does */
    uint64_t body_left; /* of the request that is being read */
    size_t head_used;
    char *head; /* the part of a head that has come; NULL: none */
};

struct lane {
    struct subject subject;
    struct caller *caller; /* NULL: idle */
    struct lane *next;     /* idle ones, the last used first */
    struct reply reply;
};

static struct relay {
    int poll;
    uint16_t engine_port;
    enum bare_check check;
    struct lane *idle;
    char scratch[relay_read_bytes];
} relay;

static void *relay_allocate(size_t size)
{
    void *memory = calloc(1, size);
    if (memory == NULL) {
        endpoint_give_up("out of memory");
    }
    return memory;
}

/* ---- engine connections ---- */

static struct lane *lane_lend(struct caller *caller)
{
    struct lane *lane = relay.idle;
    if (lane != NULL) {
        relay.idle = lane->next;
    } else {
        lane = relay_allocate(sizeof(*lane));
        lane->subject.side = SIDE_ENGINE;
        lane->subject.descriptor = endpoint_connect(relay.engine_port);
        if (lane->subject.descriptor < 0) {
            endpoint_give_up("the engine does not answer");
        }
        endpoint_watch(relay.poll, lane->subject.descriptor, lane);
    }
    lane->caller = caller;
    caller->lane = lane;
    return lane;
}

/* Closed ones are not freed: an event for them may stand in the round that runs, and the bare relay
 * does not live long. */
static void lane_close(struct lane *lane)
{
    close(lane->subject.descriptor);
    lane->subject.descriptor = -1;
}

static void lane_return(struct lane *lane)
{
    reply_reset(&lane->reply);
    lane->caller->lane = NULL;
    lane->caller = NULL;
    lane->next = relay.idle;
    relay.idle = lane;
}

/* ---- clients ---- */

static void caller_close(struct caller *caller)
{
    if (caller->lane != NULL) {
        lane_close(caller->lane);
        caller->lane = NULL;
    }
    close(caller->subject.descriptor);
    caller->subject.descriptor = -1;
    free(caller->head);
    caller->head = NULL;
}

static int caller_refuse(struct caller *caller)
{
    static const char refusal[] = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n"
                                  "Connection: close\r\n\r\n";
    (void)endpoint_send(caller->subject.descriptor, refusal, sizeof(refusal) - 1);
    return -1;
}

/* Passes on a head and what of its body came with it. -1 when the connection is over. */
static int caller_forward(struct caller *caller, const char *bytes, size_t length, size_t head)
{
    size_t value_length = 0;
    if (caller->lane != NULL) {
        endpoint_give_up("a client pipelines");
    }
    if (relay.check != BARE_CHECK_NONE) {
        const char *value = framing_field(bytes, head, "authorization", &value_length);
        if (value == NULL || !bare_token_accepted(relay.check, value, value_length)) {
            return caller_refuse(caller);
        }
    }
    struct lane *lane = lane_lend(caller);
    caller->body_left = framing_content_length(bytes, head);
    if (length - head > caller->body_left) {
        endpoint_give_up("a client pipelines");
    }
    caller->body_left -= length - head;
    return endpoint_send(lane->subject.descriptor, bytes, length);
}

/* Keeps a head that is not whole yet; nearly never needed. */
static int caller_collect(struct caller *caller, const char *bytes, size_t length)
{
    if (caller->head == NULL) {
        caller->head = relay_allocate(relay_read_bytes);
        caller->head_used = 0;
    }
    if (length > relay_read_bytes - caller->head_used) {
        return -1;
    }
    memcpy(caller->head + caller->head_used, bytes, length);
    caller->head_used += length;
    size_t head = framing_head_length(caller->head, caller->head_used);
    if (head == 0) {
        return 0;
    }
    int result = caller_forward(caller, caller->head, caller->head_used, head);
    free(caller->head);
    caller->head = NULL;
    return result;
}

static int caller_received(struct caller *caller, const char *bytes, size_t length)
{
    if (caller->body_left > 0) {
        if (caller->lane == NULL || length > caller->body_left) {
            return -1;
        }
        caller->body_left -= length;
        return endpoint_send(caller->lane->subject.descriptor, bytes, length);
    }
    size_t head = caller->head == NULL ? framing_head_length(bytes, length) : 0;
    return head > 0 ? caller_forward(caller, bytes, length, head)
                    : caller_collect(caller, bytes, length);
}

/* ---- events ---- */

static ssize_t relay_read(struct subject *subject)
{
    ssize_t count = recv(subject->descriptor, relay.scratch, sizeof(relay.scratch), 0);
    return count < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : count == 0 ? -1 : count;
}

static void relay_caller_ready(struct caller *caller)
{
    ssize_t count = relay_read(&caller->subject);
    if (count < 0 || (count > 0 && caller_received(caller, relay.scratch, (size_t)count) != 0)) {
        caller_close(caller);
    }
}

static void relay_lane_ready(struct lane *lane)
{
    struct caller *caller = lane->caller;
    ssize_t count = relay_read(&lane->subject);
    if (count == 0) {
        return;
    }
    if (count < 0 || caller == NULL) {
        endpoint_give_up("the engine closed a connection, or spoke unasked");
    }
    size_t used = reply_feed(&lane->reply, relay.scratch, (size_t)count);
    if (used < (size_t)count) {
        endpoint_give_up("the engine sent more than its reply");
    }
    if (endpoint_send(caller->subject.descriptor, relay.scratch, (size_t)count) != 0) {
        caller_close(caller);
    } else if (lane->reply.state == REPLY_OVER) {
        lane_return(lane);
    }
}

static void relay_accept(struct subject *listener)
{
    int descriptor;
    while ((descriptor = endpoint_accept(listener->descriptor)) >= 0) {
        struct caller *caller = relay_allocate(sizeof(*caller));
        caller->subject = (struct subject){.side = SIDE_CLIENT, .descriptor = descriptor};
        endpoint_watch(relay.poll, descriptor, caller);
    }
}

static void relay_tell(struct subject *subject)
{
    if (subject->descriptor < 0) {
        return;
    }
    switch (subject->side) {
    case SIDE_LISTENER:
        relay_accept(subject);
        return;
    case SIDE_CLIENT:
        relay_caller_ready((struct caller *)subject);
        return;
    case SIDE_ENGINE:
        relay_lane_ready((struct lane *)subject);
        return;
    }
}

static void relay_read_arguments(int count, char **arguments, uint16_t *ret_port)
{
    const char *algorithm = "RS256";
    const char *key_file = NULL;
    for (int i = 1; i + 1 < count; i += 2) {
        const char *name = arguments[i];
        const char *value = arguments[i + 1];
        if (strcmp(name, "--port") == 0) {
            *ret_port = (uint16_t)endpoint_number(name, value);
        } else if (strcmp(name, "--engine") == 0) {
            relay.engine_port = (uint16_t)endpoint_number(name, value);
        } else if (strcmp(name, "--algorithm") == 0) {
            algorithm = value;
        } else if (strcmp(name, "--key") == 0) {
            key_file = value;
        } else if (strcmp(name, "--check") == 0 && strcmp(value, "cached") == 0) {
            relay.check = BARE_CHECK_CACHED;
        } else if (strcmp(name, "--check") == 0 && strcmp(value, "always") == 0) {
            relay.check = BARE_CHECK_ALWAYS;
        } else {
            endpoint_give_up("unknown: %s %s", name, value);
        }
    }
    if (count % 2 == 0 || *ret_port == 0 || relay.engine_port == 0 ||
        (relay.check != BARE_CHECK_NONE && key_file == NULL)) {
        endpoint_give_up("usage: bench-relay --port PORT --engine PORT [--check cached|always "
                         "--key FILE --algorithm RS256|ES256]");
    }
    if (relay.check != BARE_CHECK_NONE) {
        bare_token_open(key_file, algorithm);
    }
}

int main(int count, char **arguments)
{
    uint16_t port = 0;
    relay_read_arguments(count, arguments, &port);
    endpoint_raise_limit();
    relay.poll = epoll_create1(EPOLL_CLOEXEC);
    struct subject listener = {.side = SIDE_LISTENER, .descriptor = endpoint_listen(port)};
    endpoint_watch(relay.poll, listener.descriptor, &listener);
    for (;;) {
        struct epoll_event events[relay_events_max];
        int ready = epoll_wait(relay.poll, events, relay_events_max, -1);
        for (int i = 0; i < ready; i++) {
            relay_tell(events[i].data.ptr);
        }
    }
}

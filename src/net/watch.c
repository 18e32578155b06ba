/* SPDX-License-Identifier: MIT
 *
 * watch.c - uv_poll_t behind a memory of what it waits for. */
#include "net/watch.h"

static void watch_polled(uv_poll_t *poll, int status, int events)
{
    struct watch *watch = poll->data;
    if (status < 0) {
        watch->events = 0; /* libuv has stopped the poll */
        watch->ready(watch, UV_DISCONNECT, true);
        return;
    }
    watch->ready(watch, events, false);
}

int watch_open(struct watch *watch, uv_loop_t *loop, int descriptor, watch_ready *ready)
{
    watch->events = 0;
    watch->ready = ready;
    int error = uv_poll_init(loop, &watch->poll, descriptor);
    watch->poll.data = watch;
    return error;
}

void watch_for(struct watch *watch, int events)
{
    if (events == 0) {
        events = UV_PRIORITIZED; /* nothing is ever urgent, but errors come with any interest */
    }
    if (watch->events != events) {
        watch->events = events;
        uv_poll_start(&watch->poll, events, watch_polled);
    }
}

void watch_close(struct watch *watch, uv_close_cb closed)
{
    uv_close((uv_handle_t *)&watch->poll, closed);
}

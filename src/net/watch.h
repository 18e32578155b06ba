/* SPDX-License-Identifier: MIT
 *
 * watch.h - waiting for a descriptor, with the wish remembered.
 *
 * libuv takes a descriptor off and puts it back (two system calls) whenever uv_poll_start is
 * called, so a watch calls it only for a change. The data path is laid out so that there is none:
 * both sides stay readable. Owning worker only. */
#ifndef AG_NET_WATCH_H
#define AG_NET_WATCH_H

#include <stdbool.h>
#include <uv.h>

struct watch;

/* <events> of UV_READABLE, UV_WRITABLE, UV_DISCONNECT; a descriptor in error is told as
 * UV_DISCONNECT and <failed>. */
typedef void watch_ready(struct watch *watch, int events, bool failed);

struct watch {
    uv_poll_t poll;
    int events; /* what it waits for now */
    watch_ready *ready;
};

/* <descriptor> is connected, connecting or listening, and non-blocking. 0, or a libuv error. */
int watch_open(struct watch *watch, uv_loop_t *loop, int descriptor, watch_ready *ready);

/* Waits for exactly <events>; with none of them an error of the socket is still told. */
void watch_for(struct watch *watch, int events);

/* No more calls; <closed> runs later, when the memory may go. The descriptor may be closed at once.
 */
void watch_close(struct watch *watch, uv_close_cb closed);

#endif

/* SPDX-License-Identifier: MIT
 *
 * deadline.h - one timer per object, cheap to move.
 *
 * Connections set a new deadline several times per request and almost never reach one. So setting
 * only stores a number; the libuv timer is touched when it would fire too late, and when it fires
 * early it goes back to sleep. Owning worker only. */
#ifndef AG_NET_DEADLINE_H
#define AG_NET_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct deadline;
typedef void deadline_fired(struct deadline *deadline);

struct deadline {
    uv_timer_t timer;
    uint64_t due_ms;   /* on the loop's clock; 0: none */
    uint64_t armed_ms; /* when the timer fires; 0: not armed */
    deadline_fired *fired;
};

void deadline_init(struct deadline *deadline, uv_loop_t *loop, deadline_fired *fired);

/* Fires once, <after_ms> from now, unless set again or cleared before. */
void deadline_set(struct deadline *deadline, uint64_t after_ms);
void deadline_clear(struct deadline *deadline);

#endif

/* SPDX-License-Identifier: MIT
 *
 * deadline.c - the lazy timer described in deadline.h. */
#include "net/deadline.h"

static void deadline_timer_fired(uv_timer_t *timer)
{
    struct deadline *deadline = timer->data;
    uint64_t now_ms = uv_now(timer->loop);
    deadline->armed_ms = 0;
    if (deadline->due_ms == 0) {
        return;
    }
    if (deadline->due_ms > now_ms) {
        deadline->armed_ms = deadline->due_ms;
        uv_timer_start(timer, deadline_timer_fired, deadline->due_ms - now_ms, 0);
        return;
    }
    deadline->due_ms = 0;
    deadline->fired(deadline);
}

void deadline_init(struct deadline *deadline, uv_loop_t *loop, deadline_fired *fired)
{
    uv_timer_init(loop, &deadline->timer);
    deadline->timer.data = deadline;
    deadline->due_ms = 0;
    deadline->armed_ms = 0;
    deadline->fired = fired;
}

void deadline_set(struct deadline *deadline, uint64_t after_ms)
{
    uint64_t due_ms = uv_now(deadline->timer.loop) + (after_ms == 0 ? 1 : after_ms);
    deadline->due_ms = due_ms;
    if (deadline->armed_ms == 0 || deadline->armed_ms > due_ms) {
        deadline->armed_ms = due_ms;
        uv_timer_start(&deadline->timer, deadline_timer_fired,
                       due_ms - uv_now(deadline->timer.loop), 0);
    }
}

void deadline_clear(struct deadline *deadline)
{
    deadline->due_ms = 0; /* the timer, if armed, fires once for nothing */
}

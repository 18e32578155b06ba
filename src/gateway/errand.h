/* SPDX-License-Identifier: MIT
 *
 * errand.h - work that another thread does for a request that waits.
 *
 * Embed it as the first member of whatever the other thread needs. The request waits with STEP_WAIT
 * in answer_route; the other thread calls errand_return; the request goes on in <finish>. A client
 * that leaves meanwhile takes its request along and leaves the errand behind, so an errand owns
 * copies of all it needs. Owning worker only, but for errand_return. */
#ifndef AG_GATEWAY_ERRAND_H
#define AG_GATEWAY_ERRAND_H

#include "gateway/request.h"

struct errand {
    struct letter letter;
    struct gateway *gateway;
    struct request *request; /* NULL: the client has left */
    /* On the worker: answers (STEP_ANSWER) or waits for something else (STEP_WAIT). */
    enum step_result (*finish)(struct request *request, struct errand *errand);
    /* On the worker, when the client leaves before: hurries it up. NULL: nothing to do. */
    void (*abandoned)(struct errand *errand);
    /* On the worker, after finish or instead of it. */
    void (*release)(struct errand *errand);
};

/* <errand>'s finish and release are set. A worker does not end before its errands have come back.
 */
void errand_begin(struct errand *errand, struct request *request);

/* Any thread, once for each errand_begin. */
void errand_return(struct errand *errand);

/* The request is going: its errand comes back to nobody. */
void errand_abandon(struct errand *errand);

#endif

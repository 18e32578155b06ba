/* SPDX-License-Identifier: MIT
 *
 * steps.h - the functions behind steps.def, and what wakes those that wait. Owning worker only. */
#ifndef AG_GATEWAY_STEPS_H
#define AG_GATEWAY_STEPS_H

#include "gateway/request.h"

#define STEP_CANCEL_GOES(name)
#define STEP_CANCEL_WAITS(name) void step_##name##_cancel(struct request *request);
#define STEP(name, waits)                                                                          \
    enum step_result step_##name(struct request *request);                                         \
    STEP_CANCEL_##waits(name)
#include "gateway/steps.def"
#undef STEP
#undef STEP_CANCEL_GOES
#undef STEP_CANCEL_WAITS

/* What step_relay_reply wants to hear of the call that step_forward starts. */
extern const struct engine_call_events relay_reply_events;

/* Every request that waits for keys of <issuer_index> looks again. */
void step_authenticate_wake(struct gateway *gateway, size_t issuer_index);
void step_authenticate_wake_all(struct key_wait *wait);

#endif

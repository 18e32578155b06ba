/* SPDX-License-Identifier: MIT
 *
 * replay_guard.h - DID_REPLAY=deny: a token that has a jti or a nonce is let in once, and its use
 * is on disk before the request goes on. Owning worker only. */
#ifndef AG_GATEWAY_REPLAY_GUARD_H
#define AG_GATEWAY_REPLAY_GUARD_H

#include "gateway/request.h"

/* Whether <verification> must pass the guard. */
bool replay_guard_applies(const struct request *request, const struct verification *verification);

/* Asks, as an errand of the request. False without memory, or when the store takes no more. */
bool replay_guard_ask(struct request *request, const struct verification *verification) MUST_CHECK;

/* The errand is back: takes it. DENY_UNDECIDED: this was the first use. */
enum deny_reason replay_guard_take(struct request *request);

#endif

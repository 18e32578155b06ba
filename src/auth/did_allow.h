/* SPDX-License-Identifier: MIT
 *
 * did_allow.h - which DIDs may call: the entries of DID_ALLOW. Any thread. */
#ifndef AG_AUTH_DID_ALLOW_H
#define AG_AUTH_DID_ALLOW_H

#include "auth/verify.h"
#include "base/status.h"

/* An entry of DID_ALLOW as trusted_dids.allow wants it, in <arena>: a DID in normal form, a pattern
 * "did:<method>:*", "did:pkh:<namespace>:*", "did:pkh:eip155:<chain>:*" or "did:web:<host>:*", or
 * "*". STATUS_INVALID with the reason for anything else. */
enum status did_allow_normalize(struct slice entry, struct arena *arena, struct slice *ret,
                                struct failure *reterr) MUST_CHECK;

/* Whether <did>, in normal form, is allowed. An empty list allows nobody. */
bool did_is_allowed(const struct trusted_dids *dids, struct slice did) MUST_CHECK;

#endif

/* SPDX-License-Identifier: MIT
 *
 * delegated.h - the claims of a token that this gateway gave an agent (mint.h): who is acted for,
 * and through whom. Any thread. */
#ifndef AG_AUTH_DELEGATED_H
#define AG_AUTH_DELEGATED_H

#include "auth/verification.h"
#include "base/json.h"

/* Fills issuer, subject, session and actors of <identity>, whose <subject> is the token's sub and
 * becomes the user. DENY_UNDECIDED, or why the claims are not what we write. */
enum deny_reason delegated_read(struct json_value claims, struct arena *arena,
                                struct identity *identity) MUST_CHECK;

#endif

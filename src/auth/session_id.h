/* SPDX-License-Identifier: MIT
 *
 * session_id.h - the X-Attach-Session value: sixteen hex digits that are the same for the same user
 * and agent. Owning thread only. */
#ifndef AG_AUTH_SESSION_ID_H
#define AG_AUTH_SESSION_ID_H

#include "base/slice.h"
#include "base/status.h"

enum { session_id_length = 16 };

/* First 16 hex digits of sha256("<user>:<agent>"): <user> as in X-Attach-User, <agent> the raw
 * bytes of User-Agent (empty when absent), or the name of a session the client chose, which so
 * names a session inside that user. False when OpenSSL fails. */
bool session_id_make(struct slice user, struct slice agent,
                     char ret_digits[session_id_length]) MUST_CHECK;

#endif

/* SPDX-License-Identifier: MIT
 *
 * did_token.h - the form <did>.<base64url(payload)>.<base64url(signature)>, taken apart.
 *
 * The signature covers the ASCII text <did>.<payload>. Nothing is proved here (verify_did.c). Any
 * thread. */
#ifndef AG_AUTH_DID_TOKEN_H
#define AG_AUTH_DID_TOKEN_H

#include "auth/jws.h"

/* Split from the right, since a DID may have dots. <ret_did> is a slice of <token>; of <ret> only
 * message, payload and signature are set. False and the reason. */
bool did_token_parse(struct slice token, struct arena *arena, struct slice *ret_did,
                     struct jws *ret, enum deny_reason *ret_reason) MUST_CHECK;

#endif

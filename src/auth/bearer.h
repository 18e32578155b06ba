/* SPDX-License-Identifier: MIT
 *
 * bearer.h - finds the one bearer token of a request (RFC 6750 2.1). Any thread. */
#ifndef AG_AUTH_BEARER_H
#define AG_AUTH_BEARER_H

#include "auth/verification.h"
#include "http/head.h"

/* True and the token, a slice of the field. False and the reason: none, more than one field,
 * another scheme, characters outside the b64token grammar, over token_bytes_max. */
bool bearer_find(const struct field *fields, size_t fields_count, struct slice *ret_token,
                 enum deny_reason *ret_reason) MUST_CHECK;

#endif

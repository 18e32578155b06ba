/* SPDX-License-Identifier: MIT
 *
 * bearer.h - finds the one bearer token of a request (RFC 6750 2.1). Any thread. */
#ifndef AG_AUTH_BEARER_H
#define AG_AUTH_BEARER_H

#include "auth/verification.h"
#include "http/head.h"

/* True and the token, a slice of the field. False and the reason: none, more than one field,
 * another scheme, over token_bytes_max. Its characters are not looked at: that is for
 * bearer_is_sound, once it is clear that this very token was not seen before. */
bool bearer_find(const struct field *fields, size_t fields_count, struct slice *ret_token,
                 enum deny_reason *ret_reason) MUST_CHECK;

/* 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"=" (RFC 6750 2.1), and in a
 * token that begins with "did:" also ":" and "%". A token that is not is denied with
 * DENY_TOKEN_MALFORMED. */
bool bearer_is_sound(struct slice token) MUST_CHECK;

#endif

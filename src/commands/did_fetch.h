/* SPDX-License-Identifier: MIT
 *
 * did_fetch.h - the document of one did:web, fetched once and waited for, under the rules that the
 * gateway itself keeps. Main thread only. */
#ifndef AG_COMMANDS_DID_FETCH_H
#define AG_COMMANDS_DID_FETCH_H

#include "auth/jwks.h"
#include "base/buffer.h"
#include "config/config.h"

/* Appends the document of <did>, a did:web in normal form, to <document>, and its keys to
 * <ret_jwks>; either may be NULL. */
enum status did_fetch(struct slice did, const struct config *config, struct buffer *document,
                      struct jwks **ret_jwks, struct failure *reterr) MUST_CHECK;

#endif

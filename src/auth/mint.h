/* SPDX-License-Identifier: MIT
 *
 * mint.h - the gateway's own Ed25519 key and the tokens signed with it (local mode; later the
 * tokens agents get). Any thread. */
#ifndef AG_AUTH_MINT_H
#define AG_AUTH_MINT_H

#include "base/buffer.h"

struct mint;

/* The issuer that local tokens name. */
#define MINT_LOCAL_ISSUER "urn:attach-gateway:local"
/* The audience of local tokens when OIDC_AUD names none. */
#define MINT_LOCAL_AUDIENCE "attach-gateway"

/* Loads <directory>/local-key.pem, or makes directory (0700) and key (0600, written to a temporary
 * name, synced, linked into place, so that two processes that start together agree on one). Refuses
 * a key file that others may read. */
enum status mint_open(const char *directory, struct mint **ret, struct failure *reterr) MUST_CHECK;
void mint_free(struct mint *mint); /* takes NULL */

/* {"keys":[...]}: the public half, with a kid that is its RFC 7638 thumbprint. */
void mint_append_jwks(const struct mint *mint, struct buffer *buffer);

/* Appends a compact JWS: iss MINT_LOCAL_ISSUER, sub, aud, iat, exp, jti. */
enum status mint_append_token(const struct mint *mint, struct slice subject, struct slice audience,
                              int64_t now_s, int64_t lifetime_s, struct buffer *buffer,
                              struct failure *reterr) MUST_CHECK;

#endif

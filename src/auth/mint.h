/* SPDX-License-Identifier: MIT
 *
 * mint.h - the gateway's own Ed25519 key and the tokens signed with it (local mode, and
 * those that agents get for a user). Any thread. */
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

enum {
    mint_actors_max = 31, /* each is an object in another: json_depth_max of json.h, less one */
    mint_actor_bytes_max = 128,
};

/* A token that lets an agent act for a user (RFC 8693 4.1). */
struct mint_delegation {
    struct slice issuer;        /* PUBLIC_URL, as the gateway trusts it */
    struct slice subject;       /* the user */
    struct slice audience;      /* PUBLIC_URL again */
    const struct slice *actors; /* names of agents; the one that gets the token first, then who
                                   called it, and so on; none: no act claim */
    size_t actors_count;
    /* Whose rows and tasks the agent reaches, so that what it does for the user is the user's:
     * identity.issuer and identity.subject of the user, empty for a token of local mode. */
    struct slice owner_issuer;
    struct slice owner_subject;
    struct slice session; /* of the call that the agent answers; may be empty */
};

/* Appends a compact JWS: iss, sub, aud, iat, exp, jti, and act nested as deep as there are actors.
 * With an owner also attach, {"iss","sub","session"}, which delegated.h reads. STATUS_INVALID for a
 * text that is empty or too long, or too many actors. */
enum status mint_append_delegated(const struct mint *mint, const struct mint_delegation *what,
                                  int64_t now_s, int64_t lifetime_s, struct buffer *buffer,
                                  struct failure *reterr) MUST_CHECK;

#endif

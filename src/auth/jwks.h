/* SPDX-License-Identifier: MIT
 *
 * jwks.h - the signing keys of one issuer (RFC 7517), parsed and ready to verify with.
 *
 * Immutable but for the OpenSSL contexts kept with each key, so a set belongs to one thread. Keys that cannot sign for us
 * are skipped, not an error. It does not fetch (issuer.c) and does not read tokens (jws.c). */
#ifndef AG_AUTH_JWKS_H
#define AG_AUTH_JWKS_H

#include "base/slice.h"
#include "base/status.h"

enum {
    jwks_bytes_max = 256 * 1024,
    jwks_keys_max = 64,
    jwks_kid_bytes_max = 256,
};

struct jwks;
struct jwk;

/* Parses {"keys":[...]}, or a single JWK. STATUS_INVALID when <json> is no key set, STATUS_LIMIT over a cap. An empty set is fine:
 * nothing verifies against it. */
enum status jwks_parse(struct slice json, struct jwks **ret, struct failure *reterr) MUST_CHECK;

void jwks_free(struct jwks *jwks); /* takes NULL */

size_t jwks_count(const struct jwks *jwks);

/* The key to verify a token with that says <alg> and <kid>. With a <kid> (<has_kid>): the key that carries it and fits <alg>. Without: the only key
 * of the set that fits <alg>. NULL when there is none, or more than one. */
struct jwk *jwks_find(struct jwks *jwks, bool has_kid, struct slice kid, struct slice alg);

/* True when <signature> (raw JWS form) is <key>'s over <message> under <alg>, which jwks_find has matched to the key. */
bool jwk_verify(struct jwk *key, struct slice alg, struct slice message, struct slice signature) MUST_CHECK;

#endif

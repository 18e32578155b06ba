/* SPDX-License-Identifier: MIT
 *
 * jwks.h - the signing keys of one issuer (RFC 7517), parsed and ready to verify with.
 *
 * Immutable but for the OpenSSL contexts kept with each key, so a set belongs to one thread. Keys
 * that cannot sign for us are skipped, not an error; only their kid is kept, so that a token that
 * names one can be told why. It does not fetch (issuer.c) and does not read tokens (jws.c). */
#ifndef AG_AUTH_JWKS_H
#define AG_AUTH_JWKS_H

#include "base/slice.h"
#include "base/status.h"

enum {
    jwks_bytes_max = 256 * 1024,
    jwks_keys_max = 64,
    jwks_kid_bytes_max = 256,
    jwk_rsa_bits_least = 2048,
    jwk_rsa_bits_max = 8192,
};

struct algorithm;
struct jwks;
struct jwk;

/* Parses {"keys":[...]}, or a single JWK. STATUS_INVALID when <json> is no key set, STATUS_LIMIT
 * over a cap. An empty set is fine: nothing verifies against it. Private members of a key are not
 * looked at. */
enum status jwks_parse(struct slice json, struct jwks **ret, struct failure *reterr) MUST_CHECK;

void jwks_free(struct jwks *jwks); /* takes NULL */

/* Keys that can verify, and keys that were skipped. */
size_t jwks_count(const struct jwks *jwks);
size_t jwks_skipped(const struct jwks *jwks);

enum jwks_answer {
    JWKS_KEY_UNKNOWN = 0, /* fresher keys may help: nothing carries the kid, or without a kid
                             nothing fits the algorithm */
    JWKS_KEY_UNFIT, /* the kid is there, but with a key that may not be used with the algorithm */
    JWKS_KEY_AMBIGUOUS, /* more than one key would do */
    JWKS_KEY_FOUND,
};

/* The key to verify a token with that says <algorithm> and <kid>. With a <kid> (<has_kid>): the key
 * that carries it and fits. Without: the only key of the set that fits. A key fits when kty and crv
 * are the algorithm's and its own alg, use and key_ops, where it has them, allow it. *ret is set
 * for JWKS_KEY_FOUND alone. */
enum jwks_answer jwks_find(struct jwks *jwks, bool has_kid, struct slice kid,
                           const struct algorithm *algorithm, struct jwk **ret);

/* True when <signature> (raw JWS form) is <key>'s over <message> under <algorithm>, which jwks_find
 * has matched to the key. */
bool jwk_verify(struct jwk *key, const struct algorithm *algorithm, struct slice message,
                struct slice signature) MUST_CHECK;

#endif

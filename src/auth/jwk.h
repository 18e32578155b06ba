/* SPDX-License-Identifier: MIT
 *
 * jwk.h - one key of a set, for jwks.c, jwk_import.c and jwk_verify.c only. Thread: the one that
 * owns the set. */
#ifndef AG_AUTH_JWK_H
#define AG_AUTH_JWK_H

#include "auth/algorithm.h"
#include "auth/jwks.h"
#include "auth/k256.h"
#include "base/json.h"

#include <openssl/evp.h>

/* OpenSSL's hashes, fetched once for a set, and the context that messages are hashed with. */
struct jwk_hashes {
    EVP_MD *kinds[HASH_COUNT];
    EVP_MD_CTX *context;
};

struct jwk {
    enum key_kind kind; /* KEY_NONE: skipped, only its kid is known */
    bool has_kid;
    struct slice kid;                  /* in the set's arena */
    const struct algorithm *algorithm; /* the JWK's alg; NULL when it has none */
    EVP_PKEY *key;
    struct k256_key k256; /* KEY_SECP256K1, which has no EVP_PKEY: libsecp256k1 is nine times as
                             fast */
    /* RSA and ECDSA: one for each way the key is used, made at first use: [PSS or not][hash]. */
    EVP_PKEY_CTX *contexts[2][HASH_COUNT];
    EVP_MD_CTX *message_context; /* Ed25519: EVP_DigestVerify needs one of its own for each key */
    const struct jwk_hashes *hashes;
};

/* Fills kind, algorithm and key of <ret> from the JWK <json>. False, with <ret> untouched, for a
 * key that cannot verify for us: another kty or crv, not meant for signatures, RSA outside the
 * sizes, a point that is not on its curve. */
bool jwk_import(struct json_value json, struct jwk *ret) MUST_CHECK;

/* The same from the bytes of a key as did:key has them: an Ed25519 key, or a compressed point of
 * <kind>'s curve. What jwk_import refuses is refused here too. */
bool jwk_import_raw(enum key_kind kind, struct slice bytes, struct jwk *ret) MUST_CHECK;

/* Whether both, neither of KEY_NONE, are the same key. */
bool jwk_equals(const struct jwk *a, const struct jwk *b);

/* Frees what <jwk> holds. */
void jwk_clear(struct jwk *jwk);

#endif

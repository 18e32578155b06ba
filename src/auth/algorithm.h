/* SPDX-License-Identifier: MIT
 *
 * algorithm.h - the signature algorithms of algorithms.def as a table. Any thread. */
#ifndef AG_AUTH_ALGORITHM_H
#define AG_AUTH_ALGORITHM_H

#include "base/slice.h"

enum algorithm_method {
    METHOD_RSA_PKCS1,
    METHOD_RSA_PSS, /* salt as long as the hash, MGF1 with the same hash (RFC 7518 3.5) */
    METHOD_ECDSA,
    METHOD_EDDSA,
    METHOD_RECOVERY, /* ECDSA whose signature gives the public key away (SEC 1 4.1.6) */
};

/* What a key is: kty and, where there is one, crv. */
enum key_kind {
    KEY_NONE = 0, /* a key that cannot verify for us */
    KEY_RSA,
    KEY_P256,
    KEY_P384,
    KEY_P521,
    KEY_ED25519,
    KEY_SECP256K1,
    KEY_ETHEREUM, /* the address of a secp256k1 key, which only a signature reveals */
};

enum hash_kind {
    HASH_SHA256,
    HASH_SHA384,
    HASH_SHA512,
    HASH_NONE, /* the method hashes by itself */
    HASH_COUNT = HASH_NONE,
};

enum algorithm_whose {
    ALGORITHM_ANYBODY,
    ALGORITHM_DIDS, /* tokens of DIDs alone */
};

struct algorithm {
    struct slice name;
    enum algorithm_method method;
    enum key_kind key;
    enum hash_kind hash;
    enum algorithm_whose whose;
};

/* NULL when <name> is no algorithm that issuers may use. Case counts: a lenient comparison has been
 * a hole elsewhere (RFC 8725). */
const struct algorithm *algorithm_find(struct slice name);

/* The same among all, those of DIDs included. */
const struct algorithm *algorithm_find_any(struct slice name);

/* True when both mean the same signature: EdDSA and Ed25519 do. */
bool algorithm_same(const struct algorithm *a, const struct algorithm *b);

#endif

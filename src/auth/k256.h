/* SPDX-License-Identifier: MIT
 *
 * k256.h - signatures of the curve secp256k1, also called K-256, on libsecp256k1. Any thread.
 *
 * A signature is r and s side by side. Only the smaller s of the two that would verify is accepted
 * (EIP-2), so that nobody can make a second signature out of one they saw. */
#ifndef AG_AUTH_K256_H
#define AG_AUTH_K256_H

#include "base/slice.h"
#include "base/status.h"

enum {
    k256_hash_bytes = 32,
    k256_signature_bytes = 64,
    k256_compressed_bytes = 33,
    k256_uncompressed_bytes = 65, /* 0x04, x, y */
};

/* As the library keeps it; equal keys have equal bytes. */
struct k256_key {
    unsigned char bytes[64];
};

/* From the compressed form, or from the uncompressed one. False for anything that is not a point of
 * the curve in exactly that form. */
bool k256_key_parse(struct slice bytes, struct k256_key *ret) MUST_CHECK;
void k256_key_uncompressed(const struct k256_key *key, unsigned char ret[k256_uncompressed_bytes]);
void k256_key_compressed(const struct k256_key *key, unsigned char ret[k256_compressed_bytes]);

bool k256_verify(const struct k256_key *key, const unsigned char hash[k256_hash_bytes],
                 const unsigned char signature[k256_signature_bytes]) MUST_CHECK;

/* The key that made the signature. <recovery_id> is 0 or 1, the lowest bit of the point's y. */
bool k256_recover(const unsigned char hash[k256_hash_bytes],
                  const unsigned char signature[k256_signature_bytes], unsigned recovery_id,
                  struct k256_key *ret) MUST_CHECK;

#endif

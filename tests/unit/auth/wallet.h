/* SPDX-License-Identifier: MIT
 *
 * wallet.h - keys of DIDs and tokens signed with them, for tests. Any failure ends the program. */
#ifndef AG_TESTS_UNIT_AUTH_WALLET_H
#define AG_TESTS_UNIT_AUTH_WALLET_H

#include "base/buffer.h"

enum { wallet_signature_bytes_max = 132 };

struct wallet;

/* <type> is "Ed25519", "P-256", "P-384", "P-521" or "secp256k1" for a did:key, "solana" or "eip155"
 * for a did:pkh, and "jwk:" before one of the first five for a did:jwk. */
struct wallet *wallet_create(const char *type);
void wallet_free(struct wallet *wallet);

const char *wallet_did(const struct wallet *wallet); /* in normal form */

/* The public JWK, as signer_append_jwk. */
void wallet_append_jwk(const struct wallet *wallet, const char *members, struct buffer *buffer);

/* The raw signature of <message>: <alg> as in a JWS, or "EIP-191". Returns its length. */
size_t wallet_sign(const struct wallet *wallet, const char *alg, struct slice message,
                   unsigned char ret[wallet_signature_bytes_max]);

/* The algorithm its tokens without a header are signed with. */
const char *wallet_algorithm(const struct wallet *wallet);

/* Appends a DID-JWT. */
void wallet_append_jwt(const struct wallet *wallet, const char *alg, const char *header,
                       const char *payload, struct buffer *buffer);

/* Appends <did>.<payload>.<signature>. */
void wallet_append_prefixed(const struct wallet *wallet, const char *did, const char *payload,
                            struct buffer *buffer);

#endif

/* SPDX-License-Identifier: MIT
 *
 * signer.h - keys made for a test, their JWKs, and tokens signed with them. Any failure ends the
 * test program. */
#ifndef AG_TESTS_UNIT_AUTH_SIGNER_H
#define AG_TESTS_UNIT_AUTH_SIGNER_H

#include "base/buffer.h"

struct signer;

/* <type> is "RSA" (2048 bits), "RSA-1024", "RSA-3072", "P-256", "P-384", "P-521" or "Ed25519". */
struct signer *signer_create(const char *type);
void signer_free(struct signer *signer);

/* Appends the public JWK. <members> is text put between its braces, such as ",\"kid\":\"k1\"". */
void signer_append_jwk(const struct signer *signer, const char *members, struct buffer *buffer);

/* The public key as did:key has it, into <ret> (67 bytes): Ed25519's own bytes, or the compressed
 * point. Returns its length. */
size_t signer_public_key(const struct signer *signer, unsigned char *ret);

/* OpenSSL's key, for a check that shares nothing with ours; it goes with <signer>. */
struct evp_pkey_st *signer_key(const struct signer *signer);

/* The raw JWS signature of <message> under <alg>, into <ret> (1024 bytes); returns its length.
 * ECDSA hashes follow <alg> and not the curve. A salt of <salt_length> for PSS, -1 for the hash's
 * length. */
size_t signer_sign(const struct signer *signer, const char *alg, int salt_length,
                   struct slice message, unsigned char *ret);

/* Appends base64url(header) "." base64url(payload) "." base64url(signature). */
void signer_append_token(const struct signer *signer, const char *alg, const char *header,
                         const char *payload, struct buffer *buffer);

/* Appends three segments as they are given, encoded. */
void append_segments(struct buffer *buffer, struct slice header, struct slice payload,
                     struct slice signature);
void append_base64url(struct buffer *buffer, struct slice bytes);

#endif

/* SPDX-License-Identifier: MIT
 *
 * did_key.h - a private key of one's own, its did:key, and tokens signed with it (`attach-gateway
 * did new`, `attach-gateway token --did`). The gateway itself has none. Any thread. */
#ifndef AG_AUTH_DID_KEY_H
#define AG_AUTH_DID_KEY_H

#include "base/buffer.h"

struct did_key;

/* A new key; <type> is ed25519, p256 or secp256k1. */
enum status did_key_create(struct slice type, struct did_key **ret,
                           struct failure *reterr) MUST_CHECK;

/* Writes the key as PEM into a new file that its owner alone may read; refuses one that exists. It
 * blocks on the disk. */
enum status did_key_write(const struct did_key *key, const char *path,
                          struct failure *reterr) MUST_CHECK;

/* Reads what did_key_write wrote, or any other PEM key of these types. Refuses a file that others
 * may read. It blocks on the disk. */
enum status did_key_read(const char *path, struct did_key **ret, struct failure *reterr) MUST_CHECK;

void did_key_free(struct did_key *key); /* takes NULL */

/* did:key:z..., valid as long as <key>. */
struct slice did_key_did(const struct did_key *key);

/* Appends a DID-JWT: iss and sub are the DID, then aud, iat, exp and a jti of its own. */
enum status did_key_append_token(const struct did_key *key, struct slice audience, int64_t now_s,
                                 int64_t lifetime_s, struct buffer *buffer,
                                 struct failure *reterr) MUST_CHECK;

#endif

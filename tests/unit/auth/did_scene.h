/* SPDX-License-Identifier: MIT
 *
 * did_scene.h - a gateway that believes every DID, one key of each kind, and tokens signed with
 * them. Any failure of an expectation fails the test that has it. */
#ifndef AG_TESTS_UNIT_AUTH_DID_SCENE_H
#define AG_TESTS_UNIT_AUTH_DID_SCENE_H

#include "auth/verify.h"
#include "wallet.h"

#define NOW INT64_C(1700000000)
#define EXP "\"exp\":1700000100"
#define AUD "\"aud\":\"us\""
#define DOMAIN "gateway.example:8443"
#define ORIGIN "https://" DOMAIN

enum { arena_bytes = 256 * 1024, text_bytes = 4096 };

enum {
    ed25519,
    p256,
    p384,
    p521,
    secp256k1,
    eip155,
    solana,
    jwk_ed25519,
    jwk_p256,
    jwk_p384,
    jwk_p521,
    jwk_secp256k1,
    types_count
};

extern struct wallet *wallets[types_count];
extern const struct slice audiences[2];
extern struct trusted_dids dids; /* as it should be after every test */
extern struct trust trust;       /* its dids are <dids> */
extern bool reached[DENY_COUNT]; /* the reasons that verify_in has seen */

int begin_all(void **state);
int end_all(void **state);

const char *alg_of(size_t index);

/* {"iss":<did>,<more>} */
const char *claims(const char *did, const char *more);

const char *header(const char *alg, const char *more);

/* The EIP-4361 text of <wallet>; <line> "Name: " is replaced by <with>, an empty one left out. */
const char *siwe(const struct wallet *wallet, const char *line, const char *with);

struct verification verify_in(struct arena *arena, struct slice token);

void expect(struct slice token, enum deny_reason reason);

void expect_text(const char *token, enum deny_reason reason);

void expect_jwt(size_t index, const char *alg, const char *header_text, const char *payload,
                enum deny_reason reason);

void expect_claims(const char *more, enum deny_reason reason);

void expect_prefixed(size_t index, const char *did, const char *payload, enum deny_reason reason);

void expect_siwe(const char *line, const char *with, enum deny_reason reason);

/* A DID-JWT whose iss is <did>, for DIDs that are refused before any signature is looked at. */
void expect_did(const char *did, enum deny_reason reason);

/* did:key of any bytes. */
const char *did_of_bytes(const void *bytes, size_t count);

#endif

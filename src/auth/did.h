/* SPDX-License-Identifier: MIT
 *
 * did.h - what a DID of the methods key, pkh, jwk and web says: its normal form and its key.
 *
 * It reads the text and nothing else: no document is fetched (did:web has no key here) and no token
 * is looked at (verify_did.c). Any thread. */
#ifndef AG_AUTH_DID_H
#define AG_AUTH_DID_H

#include "auth/algorithm.h"
#include "auth/verification.h"
#include "base/arena.h"
#include "base/json.h"

struct jwk;

enum {
    did_bytes_max = 2048,
    did_key_bytes_max = 67,   /* a compressed point of P-521 */
    did_multicodec_bytes = 2, /* what stands before the key of every kind that is accepted */
    did_web_host_bytes_max = 253,
};

enum did_method {
    DID_METHOD_KEY,
    DID_METHOD_PKH,
    DID_METHOD_JWK,
    DID_METHOD_WEB,
};

struct did {
    enum did_method method;
    struct slice text;     /* the normal form: did:key as z and without version, eip155 addresses in
                              EIP-55 form, solana under the reference that CAIP-2 has today */
    struct slice fragment; /* how the DID calls its one key: <text>#<fragment>; empty for did:web */
    struct slice chain;    /* did:pkh: the reference of the chain, for eip155 a decimal number */
    enum key_kind kind;    /* of its key; KEY_NONE for did:web */
    size_t key_length;
    unsigned char key[did_key_bytes_max]; /* the key, or the address of KEY_ETHEREUM */
    struct json_value jwk;                /* did:jwk: the key instead, in the arena */
};

/* DENY_UNDECIDED, or why <text> is no DID of ours. What <ret> points to lies in <arena>. Whether
 * its key is a point of its curve is left to did_import. */
enum deny_reason did_parse(struct slice text, struct arena *arena, struct did *ret) MUST_CHECK;

/* The key of <did>, neither a did:web nor KEY_ETHEREUM, ready to verify with; the caller has set
 * its hashes and clears it. DENY_UNDECIDED or why not. */
enum deny_reason did_import(const struct did *did, struct jwk *ret) MUST_CHECK;

/* The multibase value, z form, of a key as did:key has it; NULL data without memory. */
struct slice did_multibase(enum key_kind kind, struct slice key, struct arena *arena);

/* For did.c: did_parse for what follows "did:pkh:"; <ret> has the method only. */
enum deny_reason did_pkh_parse(struct slice rest, struct arena *arena, struct did *ret) MUST_CHECK;

#endif

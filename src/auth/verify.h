/* SPDX-License-Identifier: MIT
 *
 * verify.h - says who a bearer token proves, or why it proves nobody.
 *
 * verify() picks the verifier by the token's form (verifiers.def) and calls it. It does no I/O,
 * reads no clock and keeps nothing but the key contexts inside <trust>, so it can be fuzzed and
 * replayed. Thread: the one that owns <trust>. */
#ifndef AG_AUTH_VERIFY_H
#define AG_AUTH_VERIFY_H

#include "auth/jwks.h"
#include "auth/verification.h"
#include "base/arena.h"

enum {
    token_bytes_max = 16384,
    token_leeway_s = 60,
};

/* One issuer whose tokens are believed. Two empty texts loosen it, for `attach-gateway verify` over
 * a key set in a file and nothing else: as <issuer> it means whoever iss names, or nobody; as one
 * of <audiences> it means any aud, or none. Neither can come out of a list option. */
struct trusted_issuer {
    struct slice issuer; /* as configured; compared exactly but for one trailing '/' */
    enum identity_proof proof;
    const struct slice *audiences; /* a token must name one of these */
    size_t audiences_count;
    struct jwks *jwks; /* NULL until the first fetch; owned by whoever owns the trust */
};

struct trust {
    struct trusted_issuer *issuers; /* the first one's users go by their bare subject */
    size_t issuers_count;
};

/* <token> is the credentials part of the Authorization field. NEEDS_KEYS, with the issuer's index,
 * when that issuer's keys are not there yet or none of them can be the one: fetch them and ask
 * again, or deny with the reason. No claim is looked at, but for iss, before the signature holds.
 */
struct verification verify(struct trust *trust, struct slice token, int64_t now_s,
                           struct arena *arena) MUST_CHECK;

#endif

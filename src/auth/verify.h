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

struct did_web_cache;

/* The DIDs whose tokens are believed. One empty text among <audiences> means any, as above. */
struct trusted_dids {
    const struct slice *allow; /* entries of did_allow_normalize: DIDs in normal form, patterns that
                                  end in ":*", or "*" */
    size_t allow_count;
    const struct slice *audiences; /* a token must name one of these; a sign-in message does not */
    size_t audiences_count;
    int64_t lifetime_max_s;    /* from iat, or from now without one, to exp */
    struct slice domain;       /* of PUBLIC_URL: host, or host:port; empty: no sign-in messages */
    struct slice origin;       /* of PUBLIC_URL: scheme://host, or scheme://host:port */
    struct did_web_cache *web; /* of the owning thread; NULL: no document is known */
};

struct trust {
    struct trusted_issuer *issuers; /* the first one's users go by their bare subject */
    size_t issuers_count;
    const struct trusted_dids *dids; /* NULL: DID tokens are off */
};

/* <token> is the credentials part of the Authorization field. NEEDS_KEYS, with the issuer's index,
 * when that issuer's keys are not there yet or none of them can be the one: fetch them and ask
 * again, or deny with the reason. With a DID in verification.did it is that did:web's document that
 * is asked for. No claim is looked at, but for iss, before the signature holds. */
struct verification verify(struct trust *trust, struct slice token, int64_t now_s,
                           struct arena *arena) MUST_CHECK;

#endif

/* SPDX-License-Identifier: MIT
 *
 * verification.h - what a verifier answers. Zero-initialised it denies. Any thread. */
#ifndef AG_AUTH_VERIFICATION_H
#define AG_AUTH_VERIFICATION_H

#include "exchange/identity.h"

#include <stdint.h>

enum verdict {
    VERDICT_DENIED = 0,
    VERDICT_ACCEPTED,
    VERDICT_NEEDS_KEYS, /* perhaps: the issuer's keys must be fetched, then ask again */
};

enum deny_reason {
#define DENY(identifier, class, text) DENY_##identifier,
#include "auth/deny_reasons.def"
#undef DENY
    DENY_COUNT,
};

/* What the client may know (RFC 6750 3.1). */
enum deny_class {
    DENY_CLASS_INVALID = 0, /* 401 error="invalid_token" */
    DENY_CLASS_MISSING,     /* 401 without an error code */
    DENY_CLASS_EXPIRED,     /* 401 error="invalid_token", and that it expired */
    DENY_CLASS_REQUEST,     /* 400 error="invalid_request": two Authorization fields, ... */
    DENY_CLASS_UNAVAILABLE, /* 503: the issuer's keys could not be had, so nothing can be said of
                               the token */
    DENY_CLASS_FORBIDDEN,   /* 403: who it is is clear, and that they may not */
};

enum { replay_id_bytes = 32 };

struct verification {
    enum verdict verdict;
    enum deny_reason reason; /* when denied; for NEEDS_KEYS the reason to deny with if the fetch
                                brings nothing */
    size_t issuer_index;     /* of the trust; for ACCEPTED and NEEDS_KEYS, but for DID tokens, whose
                                is SIZE_MAX: look at did.length first */
    struct slice did;        /* the DID in normal form, for DID tokens that are ACCEPTED; for
                                NEEDS_KEYS the did:web whose document to fetch. In the arena of the
                                call; empty for issuers of the trust */
    struct identity identity;                 /* when accepted; in the arena of the call */
    int64_t expires_at_s;                     /* when accepted: exp, without leeway */
    bool has_replay_id;                       /* an accepted DID token that has a jti or a nonce */
    unsigned char replay_id[replay_id_bytes]; /* the same for every token of that DID and jti */
};

const char *deny_reason_name(enum deny_reason reason); /* "expired", ... */
const char *deny_reason_text(enum deny_reason reason); /* for the operator */
enum deny_class deny_reason_class(enum deny_reason reason);

#endif

/* SPDX-License-Identifier: MIT
 *
 * verifier.h - what verify.c hands to the verifiers of verifiers.def, and what they share. Thread:
 * the one that owns the trust. */
#ifndef AG_AUTH_VERIFIER_H
#define AG_AUTH_VERIFIER_H

#include "auth/jws.h"
#include "auth/verify.h"

/* A token taken apart; nothing of it is proved. */
struct unverified {
    struct jws jws;
    struct json_value claims; /* an object */
    struct json_value issuer; /* its iss, kind JSON_ABSENT when there is none */
};

typedef bool verifier_serves(const struct unverified *token);
typedef struct verification verifier_verify(struct trust *trust, const struct unverified *token,
                                            int64_t now_s, struct arena *arena);

verifier_serves verify_oidc_serves;
verifier_verify verify_oidc;

static inline struct verification verification_denied(enum deny_reason reason)
{
    return (struct verification){.verdict = VERDICT_DENIED, .reason = reason};
}

#endif

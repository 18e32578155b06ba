/* SPDX-License-Identifier: MIT
 *
 * verifier.h - what verify.c hands to the verifiers of verifiers.def, and what they share. Thread:
 * the one that owns the trust. */
#ifndef AG_AUTH_VERIFIER_H
#define AG_AUTH_VERIFIER_H

#include "auth/jws.h"
#include "auth/verify.h"

enum token_form {
    TOKEN_JWS,          /* a signed JWT */
    TOKEN_DID_PREFIXED, /* <did>.<payload>.<signature>: no header, so that jws has neither
                           algorithm nor kid nor typ */
};

/* A token taken apart; nothing of it is proved. */
struct unverified {
    enum token_form form;
    struct slice did; /* TOKEN_DID_PREFIXED: as it was written */
    struct jws jws;
    struct json_value claims; /* an object; kind JSON_ABSENT when the payload of a prefixed token
                                 does not begin as one: it may be a sign-in message */
    bool has_issuer;          /* its iss is a string */
    struct slice issuer_text; /* that string; empty without one */
};

typedef bool verifier_serves(const struct unverified *token);
typedef struct verification verifier_verify(struct trust *trust, const struct unverified *token,
                                            int64_t now_s, struct arena *arena);

verifier_serves verify_did_serves;
verifier_verify verify_did;
verifier_serves verify_oidc_serves;
verifier_verify verify_oidc;

static inline struct verification verification_denied(enum deny_reason reason)
{
    return (struct verification){.verdict = VERDICT_DENIED, .reason = reason};
}

#endif

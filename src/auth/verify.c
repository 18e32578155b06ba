/* SPDX-License-Identifier: MIT
 *
 * verify.c - takes a token apart and gives it to the verifier that serves its kind. Thread: the one
 * that owns the trust. */
#include "auth/verify.h"

#include "auth/members.h"
#include "auth/verifier.h"

static const struct {
    verifier_serves *serves;
    verifier_verify *verify;
} verifiers[] = {
#define VERIFIER(serves, verify) {serves, verify},
#include "auth/verifiers.def"
#undef VERIFIER
};

struct verification verify(struct trust *trust, struct slice token, int64_t now_s,
                           struct arena *arena)
{
    struct unverified parts;
    enum deny_reason reason = DENY_UNDECIDED;
    if (!jws_parse(token, arena, &parts.jws, &reason)) {
        return verification_denied(reason);
    }
    if (json_parse(parts.jws.payload, JSON_DUPLICATES_REFUSED, &parts.claims, NULL) != STATUS_OK ||
        parts.claims.kind != JSON_OBJECT) {
        return verification_denied(DENY_CLAIMS_NOT_JSON);
    }
    const struct slice names[] = {SLICE("iss")};
    members_pick(parts.claims, names, 1, &parts.issuer);
    for (size_t i = 0; i < sizeof(verifiers) / sizeof(verifiers[0]); i++) {
        if (verifiers[i].serves(&parts)) {
            return verifiers[i].verify(trust, &parts, now_s, arena);
        }
    }
    return verification_denied(DENY_ISSUER_UNTRUSTED);
}

/* SPDX-License-Identifier: MIT
 *
 * verify.c - takes a token apart and gives it to the verifier that serves its kind. Thread: the one
 * that owns the trust. */
#include "auth/verify.h"

#include "auth/did_token.h"
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

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* A sign-in message begins with a domain, which no JSON does. */
static bool begins_as_json(struct slice payload)
{
    size_t at = 0;
    while (at < payload.length && is_blank(payload.data[at])) {
        at++;
    }
    return at < payload.length && memchr("{[\"", payload.data[at], 3) != NULL;
}

static enum deny_reason claims_read(struct unverified *token, struct arena *arena)
{
    const struct slice names[] = {SLICE("iss")};
    struct json_value issuer;
    if (token->form == TOKEN_DID_PREFIXED && !begins_as_json(token->jws.payload)) {
        return DENY_UNDECIDED;
    }
    if (json_parse(token->jws.payload, JSON_DUPLICATES_REFUSED, &token->claims, NULL) !=
            STATUS_OK ||
        token->claims.kind != JSON_OBJECT) {
        return DENY_CLAIMS_NOT_JSON;
    }
    members_pick(token->claims, names, 1, &issuer);
    token->has_issuer = json_string(issuer, arena, &token->issuer_text) == STATUS_OK;
    if (!token->has_issuer && issuer.kind == JSON_STRING) {
        return DENY_NO_MEMORY;
    }
    return DENY_UNDECIDED;
}

struct verification verify(struct trust *trust, struct slice token, int64_t now_s,
                           struct arena *arena)
{
    struct unverified parts = {.form = TOKEN_JWS};
    enum deny_reason reason = DENY_UNDECIDED;
    if (slice_starts_with(token, SLICE("did:"))) { /* base64url has no ':', so this is no JWS */
        parts.form = TOKEN_DID_PREFIXED;
        if (!did_token_parse(token, arena, &parts.did, &parts.jws, &reason)) {
            return verification_denied(reason);
        }
    } else if (!jws_parse_any(token, arena, &parts.jws, &reason)) {
        return verification_denied(reason);
    }
    reason = claims_read(&parts, arena);
    if (reason != DENY_UNDECIDED) {
        return verification_denied(reason);
    }
    for (size_t i = 0; i < sizeof(verifiers) / sizeof(verifiers[0]); i++) {
        if (verifiers[i].serves(&parts)) {
            return verifiers[i].verify(trust, &parts, now_s, arena);
        }
    }
    return verification_denied(DENY_ISSUER_UNTRUSTED);
}

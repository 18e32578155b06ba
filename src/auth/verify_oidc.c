/* SPDX-License-Identifier: MIT
 *
 * verify_oidc.c - tokens of OIDC issuers and of the gateway's own local key: signed JWTs with keys
 * that the issuer publishes.
 *
 * The order is form, header, issuer, key, signature, claims, so that nobody learns anything about a
 * token they forged, not even that it would have expired (RFC 8725; RFC 9068 4). Thread: the one
 * that owns the trust. */
#include "auth/verifier.h"

#include "auth/claims.h"
#include "auth/delegated.h"
#include "auth/issuer_name.h"
#include "auth/members.h"

enum {
    subject_bytes_max = 1024,
    user_bytes_max = 4096, /* it travels in header fields */
};

enum {
    claim_exp,
    claim_nbf,
    claim_iat,
    claim_aud,
    claim_sub,
    claim_cnf,
    claim_events,
    claims_count
};

bool verify_oidc_serves(const struct unverified *token)
{
    return true; /* signed JWTs with any other kind of issuer go to verifiers listed before */
}

/* ID tokens mostly say "JWT" too, so that aud has to tell them apart; proofs and logout tokens name
 * themselves. */
static bool typ_is_accepted(struct json_value typ, struct arena *arena)
{
    struct slice text;
    if (typ.kind == JSON_ABSENT) {
        return true;
    }
    return json_string(typ, arena, &text) == STATUS_OK &&
           (slice_equals_ignoring_case(text, SLICE("JWT")) ||
            slice_equals_ignoring_case(text, SLICE("at+jwt")) ||
            slice_equals_ignoring_case(text, SLICE("application/at+jwt")));
}

/* False when no issuer is meant. An issuer configured as the empty text means any, see verify.h. */
static bool issuer_find(const struct trust *trust, struct slice claimed, size_t *ret_index)
{
    bool is_found = false;
    for (size_t i = 0; i < trust->issuers_count; i++) {
        struct slice configured = trust->issuers[i].issuer;
        if (configured.length == 0 || slice_equals(configured, claimed)) {
            *ret_index = i;
            return true;
        }
        if (!is_found && issuer_name_equals(configured, claimed)) {
            *ret_index = i;
            is_found = true; /* unless one further down is spelled exactly so */
        }
    }
    return is_found;
}

static enum deny_reason subject_read(struct json_value sub, size_t bytes_max, struct arena *arena,
                                     struct slice *ret_subject)
{
    if (sub.kind == JSON_ABSENT) {
        return DENY_SUBJECT_MISSING;
    }
    if (sub.kind != JSON_STRING) {
        return DENY_SUBJECT_MALFORMED;
    }
    if (json_string(sub, arena, ret_subject) != STATUS_OK) {
        return DENY_NO_MEMORY;
    }
    if (ret_subject->length == 0) {
        return DENY_SUBJECT_MALFORMED;
    }
    return ret_subject->length <= bytes_max ? DENY_UNDECIDED : DENY_SUBJECT_TOO_LONG;
}

static bool is_plain(unsigned char byte)
{
    return byte >= 0x21 && byte <= 0x7e && byte != '%';
}

static char *append_escaped(char *out, struct slice text)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.length; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if (is_plain(byte)) {
            *out++ = (char)byte;
        } else {
            *out++ = '%';
            *out++ = digits[byte >> 4];
            *out++ = digits[byte & 15];
        }
    }
    return out;
}

/* True when <user>, made for issuer <index>, is spelled as a user of another issuer, or as a DID,
 * would be. */
static bool user_is_ambiguous(const struct trust *trust, size_t index, struct slice user)
{
    if (trust->dids != NULL && slice_starts_with(user, SLICE("did:"))) {
        return true;
    }
    for (size_t i = 1; i < trust->issuers_count; i++) {
        struct slice issuer = trust->issuers[i].issuer;
        if (i != index && issuer.length > 0 && user.length > issuer.length &&
            slice_starts_with(user, issuer) && user.data[issuer.length] == '|') {
            return true;
        }
    }
    return false;
}

/* The subject, for all but the first issuer behind "issuer|". Never cut: a cut name is somebody
 * else's. */
static enum deny_reason user_make(const struct trust *trust, size_t index, struct slice subject,
                                  struct arena *arena, struct slice *ret_user)
{
    struct slice issuer = index == 0 ? SLICE("") : trust->issuers[index].issuer;
    if (issuer.length > user_bytes_max) {
        return DENY_USER_TOO_LONG;
    }
    char *start = arena_allocate(arena, issuer.length + 1 + 3 * subject.length);
    if (start == NULL) {
        return DENY_NO_MEMORY;
    }
    char *end = start;
    if (index != 0) {
        memcpy(end, issuer.data, issuer.length);
        end += issuer.length;
        *end++ = '|';
    }
    end = append_escaped(end, subject);
    struct slice user = {start, (size_t)(end - start)};
    if (user.length > user_bytes_max) {
        return DENY_USER_TOO_LONG;
    }
    if (user_is_ambiguous(trust, index, user)) {
        return DENY_USER_AMBIGUOUS;
    }
    *ret_user = user;
    return DENY_UNDECIDED;
}

/* DENY_UNDECIDED: nothing speaks against the claims. */
static enum deny_reason claims_check(const struct trust *trust, const struct unverified *token,
                                     int64_t now_s, struct arena *arena, struct verification *out)
{
    const struct slice names[claims_count] = {SLICE("exp"),   SLICE("nbf"), SLICE("iat"),
                                              SLICE("aud"),   SLICE("sub"), SLICE("cnf"),
                                              SLICE("events")};
    struct json_value claims[claims_count];
    const struct trusted_issuer *issuer = &trust->issuers[out->issuer_index];
    members_pick(token->claims, names, claims_count, claims);
    struct claims_times times;
    enum deny_reason reason =
        claims_check_times(claims[claim_exp], claims[claim_nbf], claims[claim_iat], now_s, &times);
    if (reason == DENY_UNDECIDED) {
        out->expires_at_s = times.expires_at_s;
        reason = claims_check_audience(issuer->audiences, issuer->audiences_count,
                                       claims[claim_aud], arena);
    }
    if (reason == DENY_UNDECIDED && claims[claim_cnf].kind != JSON_ABSENT) {
        reason = DENY_SENDER_CONSTRAINED; /* RFC 9449 7.2, RFC 8705 3 */
    }
    if (reason == DENY_UNDECIDED && claims[claim_events].kind != JSON_ABSENT) {
        reason = DENY_NOT_ACCESS_TOKEN; /* RFC 8417 2.2 */
    }
    if (reason == DENY_UNDECIDED) {
        size_t bytes_max = issuer->proof == IDENTITY_DELEGATED ? (size_t)user_bytes_max
                                                               : (size_t)subject_bytes_max;
        reason = subject_read(claims[claim_sub], bytes_max, arena, &out->identity.subject);
    }
    if (reason == DENY_UNDECIDED && issuer->proof == IDENTITY_DELEGATED) {
        return delegated_read(token->claims, arena, &out->identity);
    }
    if (reason == DENY_UNDECIDED) {
        reason =
            user_make(trust, out->issuer_index, out->identity.subject, arena, &out->identity.user);
    }
    return reason;
}

struct verification verify_oidc(struct trust *trust, const struct unverified *token, int64_t now_s,
                                struct arena *arena)
{
    struct verification out = {0};
    struct slice claimed = token->issuer_text;
    if (token->jws.algorithm->whose != ALGORITHM_ANYBODY) {
        return verification_denied(DENY_ALG_NOT_ALLOWED);
    }
    if (token->jws.kid.length > jwks_kid_bytes_max) {
        return verification_denied(DENY_KID_MALFORMED);
    }
    if (!typ_is_accepted(token->jws.typ, arena)) {
        return verification_denied(DENY_TYP_NOT_ACCEPTED);
    }
    if (!issuer_find(trust, claimed, &out.issuer_index)) {
        return verification_denied(token->has_issuer ? DENY_ISSUER_UNTRUSTED : DENY_ISSUER_MISSING);
    }
    const struct trusted_issuer *issuer = &trust->issuers[out.issuer_index];
    out.verdict = jws_check(&token->jws, issuer->jwks, &out.reason);
    if (out.verdict != VERDICT_ACCEPTED) {
        return out;
    }
    out.reason = claims_check(trust, token, now_s, arena, &out);
    if (out.reason != DENY_UNDECIDED) {
        return verification_denied(out.reason);
    }
    out.identity.proof = issuer->proof;
    if (issuer->proof != IDENTITY_DELEGATED) {
        out.identity.issuer = issuer->issuer.length > 0 ? issuer->issuer : claimed;
    }
    return out;
}

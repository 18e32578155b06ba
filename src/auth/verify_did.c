/* SPDX-License-Identifier: MIT
 *
 * verify_did.c - tokens that a DID's own key has signed: DID-JWTs, and the form that begins with
 * the DID itself, whose payload is JSON or a sign-in message.
 *
 * The order is DID, key, signature, claims, and last whether the DID may call at all, so that
 * nobody learns anything by a token they forged. did:web alone is asked for its permission first:
 * no document is fetched for a DID that may not call. Thread: the one that owns the trust. */
#include "auth/verifier.h"

#include "auth/claims.h"
#include "auth/did.h"
#include "auth/did_allow.h"
#include "auth/did_signature.h"
#include "auth/did_web_cache.h"
#include "auth/members.h"
#include "auth/siwe.h"

/* A token and what has been found out about it. */
struct presented {
    const struct trusted_dids *dids;
    const struct unverified *token;
    int64_t now_s;
    struct arena *arena;
    struct slice written; /* the DID as it stands in the token */
    struct slice wanted;  /* the fragment behind iss; empty without one */
    struct did did;
    struct verification *out;
};

bool verify_did_serves(const struct unverified *token)
{
    return token->form == TOKEN_DID_PREFIXED ||
           slice_starts_with(token->issuer_text, SLICE("did:"));
}

/* ---- which DID, which key ---- */

static enum deny_reason did_read(struct presented *presented)
{
    const struct unverified *token = presented->token;
    struct slice typ;
    if (token->form == TOKEN_DID_PREFIXED) {
        presented->written = token->did;
        return did_parse(token->did, presented->arena, &presented->did);
    }
    if (token->jws.typ.kind != JSON_ABSENT &&
        (json_string(token->jws.typ, presented->arena, &typ) != STATUS_OK ||
         !slice_equals_ignoring_case(typ, SLICE("JWT")))) {
        return DENY_TYP_NOT_ACCEPTED;
    }
    size_t hash = slice_find(token->issuer_text, '#');
    presented->written = slice_make(token->issuer_text.data, hash);
    if (hash < token->issuer_text.length) {
        presented->wanted = slice_after(token->issuer_text, hash + 1);
        if (presented->wanted.length == 0) {
            return DENY_DID_MALFORMED;
        }
    }
    return did_parse(presented->written, presented->arena, &presented->did);
}

/* The fragment that the kid, a DID URL or the fragment of one, names. */
static bool kid_split(const struct presented *presented, struct slice *ret_fragment)
{
    struct slice kid = presented->token->jws.kid;
    size_t hash = slice_find(kid, '#');
    struct slice owner = {kid.data, hash};
    if (kid.length - hash < 2 || (owner.length > 0 && !slice_equals(owner, presented->written) &&
                                  !slice_equals(owner, presented->did.text))) {
        return false;
    }
    *ret_fragment = slice_after(kid, hash + 1);
    return true;
}

/* kid and the fragment of iss, where they are there, name the same key of this very DID. An empty
 * <ret_fragment>: neither is there. */
static enum deny_reason fragment_read(const struct presented *presented, struct slice *ret_fragment)
{
    struct slice fragment = presented->wanted;
    if (presented->token->jws.has_kid) {
        if (!kid_split(presented, &fragment) ||
            (presented->wanted.length > 0 && !slice_equals(presented->wanted, fragment))) {
            return DENY_KID_OF_ANOTHER;
        }
    }
    *ret_fragment = fragment;
    return DENY_UNDECIDED;
}

/* The DID has one key. Its name is the fragment; did:key's also as it was written, u form or z. */
static bool fragment_is_of(const struct presented *presented, struct slice fragment)
{
    const struct did *did = &presented->did;
    return fragment.length == 0 || slice_equals(fragment, did->fragment) ||
           (did->method == DID_METHOD_KEY && slice_ends_with(presented->written, fragment) &&
            presented->written.length > fragment.length &&
            presented->written.data[presented->written.length - fragment.length - 1] == ':');
}

/* ---- the signature ---- */

static enum deny_reason own_key_check(const struct presented *presented, struct slice fragment)
{
    const struct jws *jws = &presented->token->jws;
    struct did_signed what = {jws->algorithm, jws->message, jws->signature};
    if (!fragment_is_of(presented, fragment)) {
        return DENY_KID_OF_ANOTHER;
    }
    if (presented->token->form == TOKEN_DID_PREFIXED && presented->did.kind == KEY_ETHEREUM &&
        presented->token->claims.kind == JSON_ABSENT) {
        what.message = jws->payload; /* wallets sign the sign-in message itself */
    }
    return did_signature_check(&presented->did, &what);
}

/* The absolute name of a key of a did:web, as the sets of did_web_cache have it. */
static bool kid_make(const struct presented *presented, struct slice fragment, struct slice *ret)
{
    struct slice did = presented->did.text;
    char *text = arena_allocate(presented->arena, did.length + 1 + fragment.length);
    if (text == NULL) {
        return false;
    }
    memcpy(text, did.data, did.length);
    text[did.length] = '#';
    memcpy(text + did.length + 1, fragment.data, fragment.length);
    *ret = slice_make(text, did.length + 1 + fragment.length);
    return true;
}

/* jws_check, with the form of the signature looked at as for every DID. */
static enum deny_reason set_check(const struct jws *jws, struct jwks *jwks, enum verdict *ret)
{
    enum deny_reason reason = signature_form_check(jws->algorithm, jws->signature);
    if (jwks != NULL && reason != DENY_UNDECIDED) {
        *ret = VERDICT_DENIED;
        return reason;
    }
    *ret = jws_check(jws, jwks, &reason);
    return *ret == VERDICT_ACCEPTED ? DENY_UNDECIDED : reason;
}

/* The prefixed form names neither alg nor kid: the one key of the set that could have signed, under
 * the algorithm that its kind has. */
static enum deny_reason set_check_unnamed(struct jws jws, struct jwks *jwks, enum verdict *ret)
{
    enum { found_none, found_one, found_more } found = found_none;
    for (size_t i = 0; jwks != NULL && i < did_algorithms_count; i++) {
        struct jwk *key = NULL;
        const struct algorithm *algorithm = did_algorithm(i);
        enum jwks_answer answer = jwks_find(jwks, false, jws.kid, algorithm, &key);
        if (answer == JWKS_KEY_AMBIGUOUS || (answer == JWKS_KEY_FOUND && found != found_none)) {
            found = found_more;
        } else if (answer == JWKS_KEY_FOUND) {
            found = found_one;
            jws.algorithm = algorithm;
        }
    }
    if (found == found_one) {
        return set_check(&jws, jwks, ret);
    }
    *ret = found == found_more ? VERDICT_DENIED : VERDICT_NEEDS_KEYS;
    return jwks == NULL          ? DENY_KEYS_UNAVAILABLE
           : found == found_more ? DENY_KEY_AMBIGUOUS
                                 : DENY_KEY_UNKNOWN;
}

/* did:web: the keys are those of its document, if that is there. */
static enum deny_reason web_check(struct presented *presented, struct slice fragment,
                                  enum verdict *ret)
{
    struct jws jws = presented->token->jws;
    *ret = VERDICT_DENIED;
    if (!did_is_allowed(presented->dids, presented->did.text)) {
        return DENY_DID_NOT_ALLOWED;
    }
    struct jwks *jwks = presented->dids->web == NULL
                            ? NULL
                            : did_web_cache_find(presented->dids->web, presented->did.text);
    if (presented->token->form == TOKEN_DID_PREFIXED) {
        return set_check_unnamed(jws, jwks, ret);
    }
    jws.has_kid = fragment.length > 0;
    if (jws.has_kid && !kid_make(presented, fragment, &jws.kid)) {
        return DENY_NO_MEMORY;
    }
    return set_check(&jws, jwks, ret);
}

/* ---- what the payload says ---- */

enum {
    claim_exp,
    claim_nbf,
    claim_iat,
    claim_aud,
    claim_cnf,
    claim_events,
    claim_vc,
    claim_vp,
    claim_jti,
    claim_nonce,
    claims_count
};

static enum deny_reason lifetime_check(const struct presented *presented,
                                       const struct claims_times *times)
{
    int64_t start_s = times->has_issue ? times->issued_at_s : presented->now_s;
    if ((times->has_issue && times->expires_at_s <= times->issued_at_s) ||
        (times->has_begin && times->expires_at_s <= times->begins_at_s)) {
        return DENY_TIMES_UNORDERED;
    }
    if (times->expires_at_s - start_s > presented->dids->lifetime_max_s) {
        return DENY_LIFETIME_TOO_LONG;
    }
    presented->out->expires_at_s = times->expires_at_s;
    return DENY_UNDECIDED;
}

static enum deny_reason replay_id_make(const struct presented *presented, const char *kind,
                                       struct slice id)
{
    struct verification *out = presented->out;
    const struct slice parts[] = {presented->did.text, slice_make("", 1), slice_from_string(kind),
                                  slice_make("", 1), id};
    if (id.length == 0) {
        return DENY_REPLAY_ID_MALFORMED;
    }
    out->has_replay_id = did_sha256(parts, sizeof(parts) / sizeof(parts[0]), out->replay_id);
    return out->has_replay_id ? DENY_UNDECIDED : DENY_NO_MEMORY;
}

/* jti, or else nonce. */
static enum deny_reason replay_claim_read(const struct presented *presented, struct json_value jti,
                                          struct json_value nonce)
{
    bool is_jti = jti.kind != JSON_ABSENT;
    struct json_value value = is_jti ? jti : nonce;
    struct slice id;
    if (value.kind == JSON_ABSENT) {
        return DENY_UNDECIDED;
    }
    if (value.kind != JSON_STRING) {
        return DENY_REPLAY_ID_MALFORMED;
    }
    if (json_string(value, presented->arena, &id) != STATUS_OK) {
        return DENY_NO_MEMORY;
    }
    return replay_id_make(presented, is_jti ? "jti" : "nonce", id);
}

/* iss of the prefixed form may be missing, but may not name somebody else. */
static enum deny_reason prefixed_issuer_check(const struct presented *presented)
{
    const struct slice names[] = {SLICE("iss")};
    struct json_value issuer;
    struct did named;
    if (!presented->token->has_issuer) {
        members_pick(presented->token->claims, names, 1, &issuer);
        return issuer.kind == JSON_ABSENT ? DENY_UNDECIDED : DENY_ISSUER_NOT_THE_DID;
    }
    if (slice_equals(presented->token->issuer_text, presented->written)) {
        return DENY_UNDECIDED;
    }
    enum deny_reason reason = did_parse(presented->token->issuer_text, presented->arena, &named);
    if (reason == DENY_NO_MEMORY) {
        return reason;
    }
    return reason == DENY_UNDECIDED && slice_equals(named.text, presented->did.text)
               ? DENY_UNDECIDED
               : DENY_ISSUER_NOT_THE_DID;
}

static enum deny_reason claims_check(const struct presented *presented)
{
    const struct slice names[claims_count] = {
        SLICE("exp"),    SLICE("nbf"), SLICE("iat"), SLICE("aud"), SLICE("cnf"),
        SLICE("events"), SLICE("vc"),  SLICE("vp"),  SLICE("jti"), SLICE("nonce")};
    const struct trusted_dids *dids = presented->dids;
    struct json_value claims[claims_count];
    struct claims_times times;
    enum deny_reason reason = DENY_UNDECIDED;
    if (presented->token->form == TOKEN_DID_PREFIXED) {
        reason = prefixed_issuer_check(presented);
    }
    members_pick(presented->token->claims, names, claims_count, claims);
    if (reason == DENY_UNDECIDED) {
        reason = claims_check_times(claims[claim_exp], claims[claim_nbf], claims[claim_iat],
                                    presented->now_s, &times);
    }
    if (reason == DENY_UNDECIDED) {
        reason = lifetime_check(presented, &times);
    }
    if (reason == DENY_UNDECIDED) {
        reason = claims_check_audience(dids->audiences, dids->audiences_count, claims[claim_aud],
                                       presented->arena);
    }
    if (reason == DENY_UNDECIDED && claims[claim_cnf].kind != JSON_ABSENT) {
        reason = DENY_SENDER_CONSTRAINED; /* RFC 9449 7.2, RFC 8705 3 */
    }
    if (reason == DENY_UNDECIDED && claims[claim_events].kind != JSON_ABSENT) {
        reason = DENY_NOT_ACCESS_TOKEN; /* RFC 8417 2.2 */
    }
    if (reason == DENY_UNDECIDED &&
        (claims[claim_vc].kind != JSON_ABSENT || claims[claim_vp].kind != JSON_ABSENT)) {
        reason = DENY_CREDENTIAL_NOT_TOKEN;
    }
    if (reason == DENY_UNDECIDED) {
        reason = replay_claim_read(presented, claims[claim_jti], claims[claim_nonce]);
    }
    return reason;
}

/* ---- what a sign-in message says ---- */

/* <uri> is <origin> itself, or something below it. */
static bool uri_is_of(struct slice uri, struct slice origin)
{
    return slice_starts_with_ignoring_case(uri, origin) &&
           (uri.length == origin.length || strchr("/?#", uri.data[origin.length]) != NULL);
}

static enum deny_reason siwe_place_check(const struct presented *presented, const struct siwe *siwe)
{
    const struct trusted_dids *dids = presented->dids;
    struct slice address =
        slice_after(presented->did.text, presented->did.text.length - siwe->address.length);
    if (dids->domain.length == 0 || dids->origin.length == 0) {
        return DENY_SIWE_WITHOUT_PUBLIC_URL;
    }
    if (!slice_equals_ignoring_case(siwe->domain, dids->domain)) {
        return DENY_SIWE_DOMAIN;
    }
    if (siwe->scheme.length > 0 &&
        !slice_equals_ignoring_case(siwe->scheme,
                                    slice_make(dids->origin.data, slice_find(dids->origin, ':')))) {
        return DENY_SIWE_DOMAIN;
    }
    if (!uri_is_of(siwe->uri, dids->origin)) {
        return DENY_SIWE_URI;
    }
    if (!slice_equals(siwe->address, address)) {
        return DENY_SIWE_ADDRESS;
    }
    return slice_equals(siwe->chain_id, presented->did.chain) ? DENY_UNDECIDED : DENY_SIWE_CHAIN;
}

static enum deny_reason siwe_times_check(const struct presented *presented, const struct siwe *siwe)
{
    struct claims_times times = {
        .expires_at_s = siwe->expires_at_s,
        .has_begin = siwe->has_begin,
        .begins_at_s = siwe->begins_at_s,
        .has_issue = true,
        .issued_at_s = siwe->issued_at_s,
    };
    if (!siwe->has_expiration) {
        return DENY_SIWE_EXPIRATION_MISSING;
    }
    if (presented->now_s >= times.expires_at_s + token_leeway_s) {
        return DENY_EXPIRED;
    }
    if (times.has_begin && presented->now_s < times.begins_at_s - token_leeway_s) {
        return DENY_NOT_YET_VALID;
    }
    if (presented->now_s < times.issued_at_s - token_leeway_s) {
        return DENY_ISSUED_IN_FUTURE;
    }
    return lifetime_check(presented, &times);
}

static enum deny_reason siwe_check(const struct presented *presented)
{
    struct siwe siwe;
    if (!siwe_parse(presented->token->jws.payload, &siwe)) {
        return DENY_SIWE_MALFORMED;
    }
    enum deny_reason reason = siwe_place_check(presented, &siwe);
    if (reason == DENY_UNDECIDED) {
        reason = siwe_times_check(presented, &siwe);
    }
    return reason == DENY_UNDECIDED ? replay_id_make(presented, "siwe", siwe.nonce) : reason;
}

/* ---- all of it ---- */

static enum deny_reason payload_check(const struct presented *presented)
{
    if (presented->token->claims.kind != JSON_ABSENT) {
        return claims_check(presented);
    }
    return presented->did.kind == KEY_ETHEREUM ? siwe_check(presented) : DENY_CLAIMS_NOT_JSON;
}

/* DENY_UNDECIDED: the DID's key has signed the token. */
static enum deny_reason signature_check(struct presented *presented, enum verdict *ret)
{
    struct slice fragment;
    *ret = VERDICT_DENIED;
    enum deny_reason reason = fragment_read(presented, &fragment);
    if (reason != DENY_UNDECIDED) {
        return reason;
    }
    if (presented->did.method == DID_METHOD_WEB) {
        return web_check(presented, fragment, ret);
    }
    return own_key_check(presented, fragment);
}

struct verification verify_did(struct trust *trust, const struct unverified *token, int64_t now_s,
                               struct arena *arena)
{
    struct verification out = {.issuer_index = SIZE_MAX};
    struct presented presented = {
        .dids = trust->dids, .token = token, .now_s = now_s, .arena = arena, .out = &out};
    enum verdict verdict = VERDICT_DENIED;
    if (trust->dids == NULL) {
        return verification_denied(DENY_DID_OFF);
    }
    enum deny_reason reason = did_read(&presented);
    if (reason == DENY_UNDECIDED) {
        reason = signature_check(&presented, &verdict);
        if (reason != DENY_UNDECIDED && verdict == VERDICT_NEEDS_KEYS) {
            out.verdict = verdict;
            out.reason = reason;
            out.did = presented.did.text;
            return out;
        }
    }
    if (reason == DENY_UNDECIDED) {
        reason = payload_check(&presented);
    }
    if (reason == DENY_UNDECIDED && !did_is_allowed(trust->dids, presented.did.text)) {
        reason = DENY_DID_NOT_ALLOWED;
    }
    if (reason != DENY_UNDECIDED) {
        return verification_denied(reason);
    }
    out.verdict = VERDICT_ACCEPTED;
    out.did = presented.did.text;
    out.identity = (struct identity){IDENTITY_DID, out.did, out.did, out.did};
    return out;
}

/* SPDX-License-Identifier: MIT
 *
 * jws.c - compact JSON Web Signatures. Thread: the one that owns the key set. */
#include "auth/jws.h"

#include "auth/members.h"
#include "auth/verify.h"
#include "base/base64url.h"

struct segments {
    struct slice header;
    struct slice payload;
    struct slice signature;
};

static bool split(struct slice token, struct segments *ret, enum deny_reason *ret_reason)
{
    size_t dots[2] = {0, 0};
    size_t dots_count = 0;
    for (size_t at = slice_find(token, '.'); at < token.length;
         at += 1 + slice_find(slice_after(token, at + 1), '.')) {
        if (dots_count < 2) {
            dots[dots_count] = at;
        }
        dots_count++;
    }
    if (dots_count != 2) {
        /* A JWE has five segments (RFC 7516 3.1); the reason helps whoever configured the issuer.
         */
        *ret_reason = dots_count == 4 ? DENY_ENCRYPTED : DENY_NOT_COMPACT_JWS;
        return false;
    }
    ret->header = slice_make(token.data, dots[0]);
    ret->payload = slice_make(token.data + dots[0] + 1, dots[1] - dots[0] - 1);
    ret->signature = slice_after(token, dots[1] + 1);
    if (ret->header.length == 0 || ret->payload.length == 0 || ret->signature.length == 0) {
        *ret_reason = DENY_SEGMENT_EMPTY;
        return false;
    }
    return true;
}

bool jws_segment_decode(struct slice segment, struct arena *arena, enum deny_reason malformed,
                        struct slice *ret, enum deny_reason *ret_reason)
{
    unsigned char *bytes = arena_allocate(arena, BASE64URL_DECODED_SIZE(segment.length));
    if (bytes == NULL) {
        *ret_reason = DENY_NO_MEMORY;
        return false;
    }
    size_t length = 0;
    if (!base64url_decode(segment, bytes, &length)) {
        *ret_reason = malformed;
        return false;
    }
    *ret = slice_make((const char *)bytes, length);
    return true;
}

enum { header_alg, header_kid, header_typ, header_refused };

/* Members that change what is signed, or that would let the sender choose the key (RFC 8725 3.10).
 */
static const enum deny_reason refused_reasons[] = {
    DENY_HEADER_CRIT, DENY_HEADER_B64, DENY_HEADER_JWK,
    DENY_HEADER_JKU,  DENY_HEADER_X5U, DENY_HEADER_X5C,
};
enum { refused_count = sizeof(refused_reasons) / sizeof(refused_reasons[0]) };

static bool algorithm_read(struct json_value alg, struct arena *arena, struct jws *jws,
                           enum deny_reason *ret_reason)
{
    struct slice name;
    if (alg.kind == JSON_ABSENT) {
        *ret_reason = DENY_ALG_MISSING;
        return false;
    }
    if (json_string(alg, arena, &name) == STATUS_OK) {
        jws->algorithm = algorithm_find_any(name);
    }
    if (jws->algorithm == NULL) {
        *ret_reason = DENY_ALG_NOT_ALLOWED;
        return false;
    }
    return true;
}

/* A DID URL may hold a whole key, and its fragment another. */
static size_t kid_bytes_max(struct slice kid)
{
    return slice_starts_with(kid, SLICE("did:")) ? jws_did_kid_bytes_max : jwks_kid_bytes_max;
}

static bool kid_read(struct json_value kid, struct arena *arena, struct jws *jws,
                     enum deny_reason *ret_reason)
{
    if (kid.kind == JSON_ABSENT) {
        return true;
    }
    jws->has_kid = true;
    if (json_string(kid, arena, &jws->kid) != STATUS_OK ||
        jws->kid.length > kid_bytes_max(jws->kid)) {
        *ret_reason = DENY_KID_MALFORMED;
        return false;
    }
    return true;
}

static bool header_read(struct slice json, struct arena *arena, struct jws *jws,
                        enum deny_reason *ret_reason)
{
    struct json_value header;
    if (json_parse(json, JSON_DUPLICATES_REFUSED, &header, NULL) != STATUS_OK ||
        header.kind != JSON_OBJECT) {
        *ret_reason = DENY_HEADER_NOT_JSON;
        return false;
    }
    const struct slice names[header_refused + refused_count] = {
        SLICE("alg"), SLICE("kid"), SLICE("typ"), SLICE("crit"), SLICE("b64"),
        SLICE("jwk"), SLICE("jku"), SLICE("x5u"), SLICE("x5c"),
    };
    struct json_value values[header_refused + refused_count];
    members_pick(header, names, header_refused + refused_count, values);
    for (size_t i = 0; i < refused_count; i++) {
        if (values[header_refused + i].kind != JSON_ABSENT) {
            *ret_reason = refused_reasons[i];
            return false;
        }
    }
    jws->typ = values[header_typ];
    return algorithm_read(values[header_alg], arena, jws, ret_reason) &&
           kid_read(values[header_kid], arena, jws, ret_reason);
}

bool jws_parse_any(struct slice token, struct arena *arena, struct jws *ret,
                   enum deny_reason *ret_reason)
{
    struct segments segments;
    struct slice header;
    struct jws jws = {0};
    if (token.length > token_bytes_max) {
        *ret_reason = DENY_TOKEN_TOO_LONG;
        return false;
    }
    if (!split(token, &segments, ret_reason) ||
        !jws_segment_decode(segments.header, arena, DENY_HEADER_NOT_BASE64URL, &header,
                            ret_reason) ||
        !header_read(header, arena, &jws, ret_reason) ||
        !jws_segment_decode(segments.payload, arena, DENY_PAYLOAD_NOT_BASE64URL, &jws.payload,
                            ret_reason) ||
        !jws_segment_decode(segments.signature, arena, DENY_SIGNATURE_NOT_BASE64URL, &jws.signature,
                            ret_reason)) {
        return false;
    }
    jws.message = slice_make(token.data, segments.header.length + 1 + segments.payload.length);
    *ret = jws;
    return true;
}

bool jws_parse(struct slice token, struct arena *arena, struct jws *ret,
               enum deny_reason *ret_reason)
{
    struct jws jws;
    if (!jws_parse_any(token, arena, &jws, ret_reason)) {
        return false;
    }
    if (jws.algorithm->whose != ALGORITHM_ANYBODY) {
        *ret_reason = DENY_ALG_NOT_ALLOWED;
        return false;
    }
    if (jws.kid.length > jwks_kid_bytes_max) {
        *ret_reason = DENY_KID_MALFORMED;
        return false;
    }
    *ret = jws;
    return true;
}

enum verdict jws_check(const struct jws *jws, struct jwks *jwks, enum deny_reason *ret_reason)
{
    if (jwks == NULL) {
        *ret_reason = DENY_KEYS_UNAVAILABLE;
        return VERDICT_NEEDS_KEYS;
    }
    struct jwk *key = NULL;
    switch (jwks_find(jwks, jws->has_kid, jws->kid, jws->algorithm, &key)) {
    case JWKS_KEY_UNKNOWN:
        *ret_reason = DENY_KEY_UNKNOWN;
        return VERDICT_NEEDS_KEYS;
    case JWKS_KEY_UNFIT:
        *ret_reason = DENY_KEY_UNFIT;
        return VERDICT_DENIED;
    case JWKS_KEY_AMBIGUOUS:
        *ret_reason = DENY_KEY_AMBIGUOUS;
        return VERDICT_DENIED;
    case JWKS_KEY_FOUND:
        break;
    }
    if (key == NULL || !jwk_verify(key, jws->algorithm, jws->message, jws->signature)) {
        *ret_reason = DENY_SIGNATURE_INVALID;
        return VERDICT_DENIED;
    }
    return VERDICT_ACCEPTED;
}

enum verdict jws_verify_signature(struct jwks *jwks, struct slice token, struct arena *arena,
                                  struct slice *ret_payload, enum deny_reason *ret_reason)
{
    struct jws jws;
    if (!jws_parse(token, arena, &jws, ret_reason)) {
        return VERDICT_DENIED;
    }
    enum verdict verdict = jws_check(&jws, jwks, ret_reason);
    if (verdict == VERDICT_ACCEPTED) {
        *ret_payload = jws.payload;
    }
    return verdict;
}

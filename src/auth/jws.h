/* SPDX-License-Identifier: MIT
 *
 * jws.h - compact JSON Web Signatures (RFC 7515): taken apart, and checked against a key set.
 *
 * Compact form only, one spelling of everything, nothing in the header may bring or name a key. It
 * knows nothing of claims (verify_oidc.c). Thread: the one that owns the key set. */
#ifndef AG_AUTH_JWS_H
#define AG_AUTH_JWS_H

#include "auth/algorithm.h"
#include "auth/jwks.h"
#include "auth/verification.h"
#include "base/json.h"

enum { jws_did_kid_bytes_max = 4096 };

/* The parts of a token whose form and header are in order. Slices point into the token or into the
 * arena. */
struct jws {
    const struct algorithm *algorithm;
    bool has_kid;
    struct slice kid;       /* opaque; compared with the kid of keys and used for nothing else */
    struct json_value typ;  /* as written, kind JSON_ABSENT when there is none; whoever reads the
                               payload decides */
    struct slice message;   /* what was signed: header "." payload as they were sent */
    struct slice payload;   /* decoded, any bytes */
    struct slice signature; /* decoded */
};

/* Takes <token> apart. False and the reason for anything but three non-empty segments of canonical
 * base64url with a header that is strict JSON, has an alg of algorithms.def and none of crit, b64,
 * jwk, jku, x5u, x5c. Nothing is proved by it. */
bool jws_parse(struct slice token, struct arena *arena, struct jws *ret,
               enum deny_reason *ret_reason) MUST_CHECK;

/* The same with the algorithms and the long kids of DIDs too; whoever reads the payload decides. */
bool jws_parse_any(struct slice token, struct arena *arena, struct jws *ret,
                   enum deny_reason *ret_reason) MUST_CHECK;

/* One segment decoded into the arena. <malformed> is the reason when it is not canonical base64url.
 */
bool jws_segment_decode(struct slice segment, struct arena *arena, enum deny_reason malformed,
                        struct slice *ret, enum deny_reason *ret_reason) MUST_CHECK;

/* Whether <jws> was signed with a key of <jwks>. NEEDS_KEYS when there is no key set (NULL) or no
 * key that could be the one; *ret_reason is set unless accepted. */
enum verdict jws_check(const struct jws *jws, struct jwks *jwks,
                       enum deny_reason *ret_reason) MUST_CHECK;

/* jws_parse and jws_check in one, for a payload that need not be claims (`attach-gateway verify
 * --jws-only`). Accepted means the signature alone: whatever typ says, whoever the issuer is. */
enum verdict jws_verify_signature(struct jwks *jwks, struct slice token, struct arena *arena,
                                  struct slice *ret_payload,
                                  enum deny_reason *ret_reason) MUST_CHECK;

#endif

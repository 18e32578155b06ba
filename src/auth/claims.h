/* SPDX-License-Identifier: MIT
 *
 * claims.h - the claims that every kind of token is held to: times and audience (RFC 7519 4.1). Any
 * thread. */
#ifndef AG_AUTH_CLAIMS_H
#define AG_AUTH_CLAIMS_H

#include "auth/verification.h"
#include "base/json.h"

struct claims_times {
    int64_t expires_at_s;
    bool has_begin; /* nbf */
    int64_t begins_at_s;
    bool has_issue; /* iat */
    int64_t issued_at_s;
};

/* Reads exp, which must be there, nbf and iat, and compares them with <now_s>, a minute of leeway
 * either way. Each is of kind JSON_ABSENT when there is none. DENY_UNDECIDED: nothing speaks
 * against them. */
enum deny_reason claims_check_times(struct json_value exp, struct json_value nbf,
                                    struct json_value iat, int64_t now_s,
                                    struct claims_times *ret) MUST_CHECK;

/* Whether one of those that <aud> names is among <audiences>, compared byte for byte. An empty text
 * there means any, see verify.h. */
enum deny_reason claims_check_audience(const struct slice *audiences, size_t audiences_count,
                                       struct json_value aud, struct arena *arena) MUST_CHECK;

#endif

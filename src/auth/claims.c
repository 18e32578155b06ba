/* SPDX-License-Identifier: MIT
 *
 * claims.c - see claims.h. */
#include "auth/claims.h"

#include "auth/verify.h"

enum deny_reason claims_check_times(struct json_value exp, struct json_value nbf,
                                    struct json_value iat, int64_t now_s, struct claims_times *ret)
{
    struct claims_times times = {0};
    if (exp.kind == JSON_ABSENT) {
        return DENY_EXP_MISSING;
    }
    if (!json_numeric_date(exp, &times.expires_at_s)) {
        return DENY_EXP_MALFORMED;
    }
    if (now_s >= times.expires_at_s + token_leeway_s) {
        return DENY_EXPIRED;
    }
    times.has_begin = nbf.kind != JSON_ABSENT;
    if (times.has_begin) {
        if (!json_numeric_date(nbf, &times.begins_at_s)) {
            return DENY_NBF_MALFORMED;
        }
        if (now_s < times.begins_at_s - token_leeway_s) {
            return DENY_NOT_YET_VALID;
        }
    }
    times.has_issue = iat.kind != JSON_ABSENT;
    if (times.has_issue) {
        if (!json_numeric_date(iat, &times.issued_at_s)) {
            return DENY_IAT_MALFORMED;
        }
        if (now_s < times.issued_at_s - token_leeway_s) {
            return DENY_ISSUED_IN_FUTURE;
        }
    }
    *ret = times;
    return DENY_UNDECIDED;
}

static bool audience_is_ours(const struct slice *audiences, size_t count, struct slice audience)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_equals(audiences[i], audience)) {
            return true;
        }
    }
    return false;
}

enum deny_reason claims_check_audience(const struct slice *audiences, size_t audiences_count,
                                       struct json_value aud, struct arena *arena)
{
    struct slice text;
    if (audience_is_ours(audiences, audiences_count, SLICE(""))) {
        return DENY_UNDECIDED; /* any is */
    }
    if (aud.kind == JSON_ABSENT) {
        return DENY_AUDIENCE_MISSING;
    }
    if (aud.kind == JSON_STRING) {
        if (json_string(aud, arena, &text) != STATUS_OK) {
            return DENY_NO_MEMORY;
        }
        return audience_is_ours(audiences, audiences_count, text) ? DENY_UNDECIDED
                                                                  : DENY_AUDIENCE_MISMATCH;
    }
    if (aud.kind != JSON_ARRAY) {
        return DENY_AUDIENCE_MALFORMED;
    }
    struct json_walk walk = json_walk_begin(aud);
    struct json_value element;
    bool is_ours = false;
    while (json_walk_next(&walk, NULL, &element)) {
        if (element.kind != JSON_STRING) {
            return DENY_AUDIENCE_MALFORMED;
        }
        if (json_string(element, arena, &text) != STATUS_OK) {
            return DENY_NO_MEMORY;
        }
        is_ours = is_ours || audience_is_ours(audiences, audiences_count, text);
    }
    return is_ours ? DENY_UNDECIDED : DENY_AUDIENCE_MISMATCH;
}

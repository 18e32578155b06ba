/* SPDX-License-Identifier: MIT
 *
 * bearer.c - finds the one bearer token of a request. Any thread. */
#include "auth/bearer.h"

#include "auth/verify.h"
#include "http/characters.h"

static bool credentials_read(struct slice value, struct slice *ret_token,
                             enum deny_reason *ret_reason)
{
    struct slice scheme = {value.data, slice_find(value, ' ')};
    if (!slice_equals_ignoring_case(scheme, SLICE("Bearer"))) {
        *ret_reason = DENY_SCHEME_NOT_BEARER;
        return false;
    }
    struct slice token = slice_after(value, scheme.length);
    while (token.length > 0 && token.data[0] == ' ') { /* 1*SP (RFC 9110 11.4) */
        token = slice_after(token, 1);
    }
    if (token.length == 0) {
        *ret_reason = DENY_TOKEN_ABSENT;
        return false;
    }
    if (token.length > token_bytes_max) {
        *ret_reason = DENY_TOKEN_TOO_LONG;
        return false;
    }
    *ret_token = token;
    return true;
}

bool bearer_find(const struct field *fields, size_t fields_count, struct slice *ret_token,
                 enum deny_reason *ret_reason)
{
    const struct field *found = NULL;
    for (size_t i = 0; i < fields_count; i++) {
        if (fields[i].id != FIELD_AUTHORIZATION) {
            continue;
        }
        if (found != NULL) {
            *ret_reason = DENY_AUTHORIZATION_REPEATED;
            return false;
        }
        found = &fields[i];
    }
    if (found == NULL) {
        *ret_reason = DENY_NO_CREDENTIALS;
        return false;
    }
    return credentials_read(slice_trim(found->value), ret_token, ret_reason);
}

/* A DID has ':' and may have '%' besides (DID core 3.1). */
static size_t did_span(struct slice token)
{
    size_t count = 0;
    while (count < token.length && (character_is(token.data[count], CHARACTER_B64TOKEN) ||
                                    token.data[count] == ':' || token.data[count] == '%')) {
        count++;
    }
    return count;
}

bool bearer_is_sound(struct slice token)
{
    bool is_did = slice_starts_with(token, SLICE("did:"));
    size_t start = is_did ? did_span(token) : character_span(token, CHARACTER_B64TOKEN);
    size_t end = start;
    while (end < token.length && token.data[end] == '=') {
        end++;
    }
    return start > 0 && end == token.length;
}

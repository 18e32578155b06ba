/* SPDX-License-Identifier: MIT
 *
 * did_token.c - see did_token.h. */
#include "auth/did_token.h"

#include "auth/verify.h"

/* Position of the last '.' of <text>, or its length when there is none. */
static size_t last_dot(struct slice text)
{
    const char *dot = text.length == 0 ? NULL : memrchr(text.data, '.', text.length);
    return dot == NULL ? text.length : (size_t)(dot - text.data);
}

bool did_token_parse(struct slice token, struct arena *arena, struct slice *ret_did,
                     struct jws *ret, enum deny_reason *ret_reason)
{
    struct jws jws = {0};
    if (token.length > token_bytes_max) {
        *ret_reason = DENY_TOKEN_TOO_LONG;
        return false;
    }
    size_t signature_dot = last_dot(token);
    struct slice message = {token.data, signature_dot};
    size_t payload_dot = last_dot(message);
    if (signature_dot == token.length || payload_dot == message.length) {
        *ret_reason = DENY_DID_WITHOUT_SIGNATURE;
        return false;
    }
    struct slice payload = slice_after(message, payload_dot + 1);
    struct slice signature = slice_after(token, signature_dot + 1);
    if (payload.length == 0 || signature.length == 0) {
        *ret_reason = DENY_SEGMENT_EMPTY;
        return false;
    }
    if (!jws_segment_decode(payload, arena, DENY_PAYLOAD_NOT_BASE64URL, &jws.payload, ret_reason) ||
        !jws_segment_decode(signature, arena, DENY_SIGNATURE_NOT_BASE64URL, &jws.signature,
                            ret_reason)) {
        return false;
    }
    jws.message = message;
    *ret_did = slice_make(token.data, payload_dot);
    *ret = jws;
    return true;
}

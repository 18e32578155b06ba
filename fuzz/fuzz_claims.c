/* SPDX-License-Identifier: MIT
 *
 * fuzz_claims.c - any bytes as the payload of a token that is properly signed, so that what stands
 * behind the signature is reached. */
#include "base/base64url.h"
#include "base/buffer.h"
#include "base/json.h"
#include "fixed_trust.h"
#include "target.h"

#include <assert.h>

enum {
    input_bytes_max = 8192,
    arena_bytes_max = 256 * 1024,
};

size_t inputs_accepted;

static void append_base64url(struct buffer *buffer, struct slice bytes)
{
    char *out = buffer_reserve(buffer, BASE64URL_ENCODED_SIZE(bytes.length) + 1);
    assert(out != NULL);
    buffer->length += base64url_encode((const unsigned char *)bytes.data, bytes.length, out);
}

/* The token of issuer <signer> that carries <payload>. */
static void token_make(size_t signer, struct slice payload, struct buffer *token)
{
    unsigned char signature[fixed_signature_bytes];
    append_base64url(token, SLICE("{\"alg\":\"EdDSA\"}"));
    buffer_append_byte(token, '.');
    append_base64url(token, payload);
    fixed_trust_sign(signer, buffer_slice(token), signature);
    buffer_append_byte(token, '.');
    append_base64url(token, slice_make((const char *)signature, sizeof(signature)));
    assert(!token->failed);
}

static int hex_value(char digit)
{
    assert((digit >= '0' && digit <= '9') || (digit >= 'A' && digit <= 'F'));
    return digit <= '9' ? digit - '0' : digit - 'A' + 10;
}

/* The user fits into a header field and stands for one subject of one issuer. */
static void check_user(size_t signer, const struct identity *identity)
{
    struct slice user = identity->user;
    size_t at = 0;
    if (signer != fixed_first) {
        assert(slice_starts_with(user, identity->issuer));
        assert(user.length > identity->issuer.length && user.data[identity->issuer.length] == '|');
        at = identity->issuer.length + 1;
    }
    for (size_t i = 0; i < identity->subject.length; i++, at++) {
        assert(at < user.length && user.data[at] >= 0x21 && user.data[at] <= 0x7e);
        char byte = user.data[at];
        if (byte == '%') {
            assert(user.length - at > 2);
            byte = (char)(hex_value(user.data[at + 1]) * 16 + hex_value(user.data[at + 2]));
            at += 2;
            assert(byte < 0x21 || byte > 0x7e || byte == '%');
        }
        assert(byte == identity->subject.data[i]);
    }
    assert(at == user.length);
}

/* Accepted up to its last second, and not one longer. */
static void check_expiry(struct slice token, int64_t expires_at_s)
{
    for (int64_t after_s = -1; after_s <= 0; after_s++) {
        struct arena arena;
        arena_init(&arena, arena_bytes_max);
        struct verification found =
            verify(fixed_trust(), token, expires_at_s + token_leeway_s + after_s, &arena);
        assert(after_s < 0 ? found.verdict == VERDICT_ACCEPTED : found.reason == DENY_EXPIRED);
        arena_clear(&arena);
    }
}

static void check_accepted(size_t signer, struct slice token, struct slice payload,
                           const struct verification *found)
{
    struct json_value claims;
    enum status status = json_parse(payload, JSON_DUPLICATES_REFUSED, &claims, NULL);
    assert(status == STATUS_OK && claims.kind == JSON_OBJECT);
    assert(found->issuer_index == signer && found->identity.proof == IDENTITY_OIDC);
    assert(json_member(claims, "iss").kind == JSON_STRING);
    assert(json_member(claims, "sub").kind == JSON_STRING);
    assert(json_member(claims, "exp").kind == JSON_NUMBER);
    assert(json_member(claims, "aud").kind == JSON_STRING ||
           json_member(claims, "aud").kind == JSON_ARRAY);
    assert(json_member(claims, "cnf").kind == JSON_ABSENT);
    assert(json_member(claims, "events").kind == JSON_ABSENT);
    assert(found->identity.subject.length > 0);
    check_user(signer, &found->identity);
    check_expiry(token, found->expires_at_s);
}

/* True when the token <signer> makes of <payload> is accepted. */
static bool fuzz_signed(size_t signer, struct slice payload)
{
    struct buffer token;
    struct arena arena;
    buffer_init(&token, 4 * input_bytes_max);
    arena_init(&arena, arena_bytes_max);
    token_make(signer, payload, &token);
    struct verification found = verify(fixed_trust(), buffer_slice(&token), fixed_now_s, &arena);
    bool is_accepted = found.verdict == VERDICT_ACCEPTED;
    if (is_accepted) {
        check_accepted(signer, buffer_slice(&token), payload, &found);
    } else {
        assert(found.reason != DENY_UNDECIDED);
        assert(found.identity.user.length == 0);
        /* the signature is right, unless iss names somebody else */
        assert(found.reason != DENY_SIGNATURE_INVALID || found.issuer_index != signer);
    }
    arena_clear(&arena);
    buffer_clear(&token);
    return is_accepted;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice payload = slice_make((const char *)data, size);
    if (size > input_bytes_max || size == 0) {
        return 0;
    }
    bool is_first = fuzz_signed(fixed_first, payload);
    bool is_second = fuzz_signed(fixed_second, payload);
    assert(!(is_first && is_second)); /* iss names one of them */
    inputs_accepted += is_first || is_second;
    return 0;
}

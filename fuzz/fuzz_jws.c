/* SPDX-License-Identifier: MIT
 *
 * fuzz_jws.c - any bytes as a bearer token, against issuers with real keys.
 *
 * Nobody here can forge, so what is accepted must be a token of corpus/jws or a signature that a
 * second, independent check accepts as well. */
#include "base/base64url.h"
#include "fixed_trust.h"
#include "target.h"

#include <assert.h>
#include <openssl/err.h>
#include <stdlib.h>

enum {
    input_bytes_max = token_bytes_max + 16,
    arena_bytes_max = 256 * 1024,
};

size_t inputs_accepted;

/* <segment> is the one spelling of <decoded>. */
static void check_segment(struct slice segment, struct slice decoded)
{
    char *again = malloc(BASE64URL_ENCODED_SIZE(decoded.length) + 1);
    assert(again != NULL);
    size_t length = base64url_encode((const unsigned char *)decoded.data, decoded.length, again);
    assert(slice_equals(slice_make(again, length), segment));
    free(again);
}

static void check_parts(struct slice token, const struct jws *jws)
{
    size_t header_length = slice_find(token, '.');
    struct slice after_header = slice_after(token, header_length + 1);
    size_t payload_length = slice_find(after_header, '.');
    struct slice signature = slice_after(after_header, payload_length + 1);
    assert(token.length <= token_bytes_max);
    assert(jws->algorithm != NULL && algorithm_find(jws->algorithm->name) == jws->algorithm);
    assert(jws->kid.length <= jwks_kid_bytes_max && (jws->has_kid || jws->kid.length == 0));
    assert(jws->message.data == token.data);
    assert(jws->message.length == header_length + 1 + payload_length);
    check_segment(slice_make(after_header.data, payload_length), jws->payload);
    check_segment(signature, jws->signature);
}

/* The signature alone, with the keys of each issuer. Returns how many accept it. */
static size_t check_signature(struct slice token, const struct jws *jws, bool is_parsed)
{
    struct trust *trust = fixed_trust();
    size_t accepted = 0;
    for (size_t i = 0; i < trust->issuers_count; i++) {
        struct arena arena;
        struct slice payload = {NULL, 0};
        enum deny_reason reason = DENY_UNDECIDED;
        arena_init(&arena, arena_bytes_max);
        enum verdict verdict =
            jws_verify_signature(trust->issuers[i].jwks, token, &arena, &payload, &reason);
        assert(ERR_peek_error() == 0); /* TLS on the same thread looks at this queue */
        assert((verdict == VERDICT_ACCEPTED) == (reason == DENY_UNDECIDED));
        assert(is_parsed || verdict == VERDICT_DENIED);
        assert(i != fixed_dark || !is_parsed || verdict == VERDICT_NEEDS_KEYS);
        if (verdict == VERDICT_ACCEPTED) {
            assert(slice_equals(payload, jws->payload));
            assert(fixed_trust_signed(i, jws));
            accepted++;
        } else {
            assert(payload.data == NULL);
            /* a key set may be named wrongly or forbid the use, but never misjudge */
            assert(reason != DENY_SIGNATURE_INVALID || !fixed_trust_signed(i, jws));
        }
        arena_clear(&arena);
    }
    return accepted;
}

/* Reads <token> with at most <memory> bytes; accepted or not, as <expected> or for want of them. */
static void check_little_memory(struct slice token, size_t memory,
                                const struct verification *expected)
{
    struct arena arena;
    arena_init(&arena, memory);
    struct verification found = verify(fixed_trust(), token, fixed_now_s, &arena);
    if (found.verdict != expected->verdict) {
        assert(found.verdict == VERDICT_DENIED);
    } else if (found.verdict == VERDICT_ACCEPTED) {
        assert(slice_equals(found.identity.user, expected->identity.user));
    }
    arena_clear(&arena);
}

static void check_verification(const struct verification *found, size_t signatures)
{
    const struct trust *trust = fixed_trust();
    switch (found->verdict) {
    case VERDICT_ACCEPTED:
        assert(signatures > 0 && found->reason == DENY_UNDECIDED);
        assert(found->identity.proof == IDENTITY_OIDC);
        assert(found->issuer_index < fixed_dark);
        assert(slice_equals(found->identity.issuer, trust->issuers[found->issuer_index].issuer));
        assert(found->identity.subject.length > 0 && found->identity.user.length > 0);
        assert(found->expires_at_s + token_leeway_s > fixed_now_s);
        break;
    case VERDICT_NEEDS_KEYS:
        assert(found->reason == DENY_KEYS_UNAVAILABLE || found->reason == DENY_KEY_UNKNOWN);
        assert((found->reason == DENY_KEYS_UNAVAILABLE) == (found->issuer_index == fixed_dark));
        break;
    case VERDICT_DENIED:
        assert(found->reason != DENY_UNDECIDED && found->reason < DENY_COUNT);
        assert(found->identity.proof == IDENTITY_UNPROVEN && found->identity.user.length == 0);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice token = slice_make((const char *)data, size);
    struct jws jws = {0};
    struct arena arena;
    enum deny_reason reason = DENY_UNDECIDED;
    if (size > input_bytes_max) {
        return 0;
    }
    arena_init(&arena, arena_bytes_max);
    bool is_parsed = jws_parse(token, &arena, &jws, &reason);
    if (is_parsed) {
        check_parts(token, &jws);
    } else {
        assert(reason != DENY_UNDECIDED && jws.algorithm == NULL);
    }
    size_t signatures = check_signature(token, &jws, is_parsed);
    struct verification found = verify(fixed_trust(), token, fixed_now_s, &arena);
    check_verification(&found, signatures);
    for (size_t memory = 256; memory <= 4096; memory *= 4) {
        check_little_memory(token, memory, &found);
    }
    inputs_accepted += found.verdict == VERDICT_ACCEPTED;
    arena_clear(&arena);
    return 0;
}

/* SPDX-License-Identifier: MIT
 *
 * fuzz_jwks.c - any bytes as a key set. Whatever keys come out of it, they are found by the rules,
 * and no signature that anybody could write down verifies. */
#include "auth/algorithm.h"
#include "auth/jwks.h"
#include "base/json.h"
#include "target.h"

#include <assert.h>
#include <openssl/err.h>

enum {
    input_bytes_max = 16384,
    signature_bytes_max = jwk_rsa_bits_max / 8,
};

size_t inputs_accepted;

static const char *const algorithm_names[] = {
#define ALGORITHM(text, method_name, key_name, hash_name, whose_name) text,
#include "auth/algorithms.def"
#undef ALGORITHM
};

enum { algorithms_count = sizeof(algorithm_names) / sizeof(algorithm_names[0]) };

/* Signatures that need no secret: all zeros; all ones; r = s = 1 of each curve; an Ed25519 point of
 * small order with S = 0. */
static void check_no_forgery(struct jwk *key, const struct algorithm *algorithm)
{
    static const size_t lengths[] = {0, 1, 64, 96, 132, 256, 384, 512, 1024};
    char signature[signature_bytes_max];
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        size_t length = lengths[i];
        for (int form = 0; form < 4; form++) {
            memset(signature, form == 1 ? 0xff : 0, length);
            if (form == 2 && length > 0) {
                signature[length / 2 - (length > 1)] = 1;
                signature[length - 1] = 1;
            }
            if (form == 3 && length > 0) {
                signature[0] = 1;
            }
            assert(!jwk_verify(key, algorithm, SLICE("x.y"), slice_make(signature, length)));
        }
    }
    assert(ERR_peek_error() == 0);
}

/* <answers> gets what was answered for each algorithm. */
static void find_all(struct jwks *jwks, bool has_kid, struct slice kid, enum jwks_answer *answers)
{
    for (size_t i = 0; i < algorithms_count; i++) {
        const struct algorithm *algorithm =
            algorithm_find_any(slice_from_string(algorithm_names[i]));
        struct jwk *key = NULL;
        assert(algorithm != NULL);
        answers[i] = jwks_find(jwks, has_kid, kid, algorithm, &key);
        assert((answers[i] == JWKS_KEY_FOUND) == (key != NULL));
        assert(has_kid || answers[i] != JWKS_KEY_UNFIT);
        if (key != NULL) {
            check_no_forgery(key, algorithm);
        }
    }
}

/* The keys by the names they have in the text. */
static void check_kid(struct jwks *jwks, struct json_value json, struct arena *arena)
{
    enum jwks_answer answers[algorithms_count];
    struct slice kid;
    if (json.kind != JSON_OBJECT ||
        json_string(json_member(json, "kid"), arena, &kid) != STATUS_OK) {
        return;
    }
    find_all(jwks, true, kid, answers);
    for (size_t i = 0; i < algorithms_count; i++) {
        /* a kid that could be kept is known from now on */
        assert((answers[i] == JWKS_KEY_UNKNOWN) == (kid.length > jwks_kid_bytes_max));
    }
}

static void check_keys(struct jwks *jwks, struct slice text)
{
    enum jwks_answer answers[algorithms_count];
    struct json_value document;
    struct json_value key;
    struct arena arena;
    enum status status = json_parse(text, JSON_DUPLICATES_REFUSED, &document, NULL);
    assert(status == STATUS_OK && document.kind == JSON_OBJECT);
    arena_init(&arena, 8 * input_bytes_max);
    struct json_value keys = json_member(document, "keys");
    if (keys.kind == JSON_ARRAY) {
        struct json_walk walk = json_walk_begin(keys);
        while (json_walk_next(&walk, NULL, &key)) {
            check_kid(jwks, key, &arena);
        }
    } else {
        check_kid(jwks, document, &arena);
    }
    find_all(jwks, false, (struct slice){NULL, 0}, answers);
    for (size_t i = 0; i < algorithms_count; i++) {
        assert(jwks_count(jwks) > 0 || answers[i] == JWKS_KEY_UNKNOWN);
    }
    arena_clear(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_make((const char *)data, size);
    struct jwks *jwks = NULL;
    struct failure failure = {""};
    if (size > input_bytes_max) {
        return 0;
    }
    enum status status = jwks_parse(text, &jwks, &failure);
    assert(ERR_peek_error() == 0); /* TLS on the same thread looks at this queue */
    assert((status == STATUS_OK) == (jwks != NULL));
    assert((status == STATUS_OK) == (failure.text[0] == '\0'));
    if (jwks != NULL) {
        assert(jwks_count(jwks) + jwks_skipped(jwks) <= jwks_keys_max);
        check_keys(jwks, text);
        inputs_accepted += jwks_count(jwks) > 0;
        jwks_free(jwks);
    }
    return 0;
}

/* SPDX-License-Identifier: MIT
 *
 * did_test.c - published DIDs: their keys, normal forms and fragments; and the syntax of did:web.
 */
#include "auth/did.h"

#include "auth/jwk.h"
#include "auth/members.h"
#include "base/base58.h"
#include "base/base64url.h"
#include "golden.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { arena_bytes = 512 * 1024 };

static void check_import(const struct did *did)
{
    struct jwk key = {0};
    assert_int_equal(did_import(did, &key), DENY_UNDECIDED);
    assert_int_equal(key.kind, did->kind);
    jwk_clear(&key);
}

static void published_keys_are_read(void **state)
{
    struct arena arena;
    arena_init(&arena, arena_bytes);
    struct json_value golden = golden_open("did_key.json", &arena);
    struct json_walk walk = json_walk_begin(json_member(golden, "base58"));
    struct json_value row;
    size_t count = 0;
    for (; json_walk_next(&walk, NULL, &row); count++) {
        unsigned char bytes[64];
        size_t length = 0;
        struct did did;
        struct slice text = golden_text(row, "did", &arena);
        assert_int_equal(did_parse(text, &arena, &did), DENY_UNDECIDED);
        assert_true(base58_decode(golden_text(row, "publicKeyBase58", &arena), bytes, sizeof(bytes),
                                  &length));
        assert_int_equal(did.key_length, length);
        assert_memory_equal(did.key, bytes, length);
        assert_int_equal(did.kind, length == 32 ? KEY_ED25519 : KEY_SECP256K1);
        assert_true(slice_equals(did.text, text));
        assert_true(slice_equals(did.fragment, slice_after(text, 8)));
        check_import(&did);
    }
    assert_int_equal(count, 10);
    arena_clear(&arena);
}

/* The compressed point of x and y as the JWK has them. */
static void published_points_are_read(void **state)
{
    struct arena arena;
    arena_init(&arena, arena_bytes);
    struct json_value golden = golden_open("did_key.json", &arena);
    struct json_walk walk = json_walk_begin(json_member(golden, "points"));
    struct json_value row;
    size_t count = 0;
    for (; json_walk_next(&walk, NULL, &row); count++) {
        unsigned char x[80];
        unsigned char y[80];
        size_t x_length = 0;
        size_t y_length = 0;
        struct did did;
        struct jwk key = {0};
        unsigned char point[1 + 2 * 66];
        size_t point_length = 0;
        assert_int_equal(did_parse(golden_text(row, "did", &arena), &arena, &did), DENY_UNDECIDED);
        assert_true(base64url_decode(golden_text(row, "x", &arena), x, &x_length));
        assert_true(base64url_decode(golden_text(row, "y", &arena), y, &y_length));
        assert_int_equal(did.key_length, 1 + x_length);
        assert_int_equal(did.key[0], 2 + (y[y_length - 1] & 1));
        assert_memory_equal(did.key + 1, x, x_length);
        assert_int_equal(did_import(&did, &key), DENY_UNDECIDED);
        assert_int_equal(
            EVP_PKEY_set_utf8_string_param(key.key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
                                           OSSL_PKEY_EC_POINT_CONVERSION_FORMAT_UNCOMPRESSED),
            1);
        assert_int_equal(EVP_PKEY_get_octet_string_param(key.key, OSSL_PKEY_PARAM_PUB_KEY, point,
                                                         sizeof(point), &point_length),
                         1);
        assert_int_equal(point_length, 1 + x_length + y_length);
        assert_memory_equal(point + 1 + x_length, y, y_length);
        jwk_clear(&key);
    }
    assert_int_equal(count, 6);
    arena_clear(&arena);
}

static void published_accounts_are_read(void **state)
{
    static const char *const normal[] = {
        "did:pkh:eip155:1:0xB9C5714089478a327F09197987f16f9E5d936E8a",
        "did:pkh:eip155:137:0x4E90E8a8191c1c23a24A598c3ab4fB47Ce926ff5",
        "did:pkh:eip155:42220:0xa0ae58Da58Dfa46Fa55C3B86545E7065f90FF011",
        "did:pkh:solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp:"
        "CKg5d12Jhpej1JqtmxLJgaFqqeYjxgPqToJ4LBdvG9Ev",
    };
    struct arena arena;
    arena_init(&arena, arena_bytes);
    struct json_value golden = golden_open("did_pkh.json", &arena);
    struct json_walk walk = json_walk_begin(json_member(golden, "accepted"));
    struct json_value row;
    struct did did;
    for (size_t i = 0; i < 4; i++) {
        assert_true(json_walk_next(&walk, NULL, &row));
        assert_int_equal(did_parse(golden_string(row, &arena), &arena, &did), DENY_UNDECIDED);
        if (!slice_equals(did.text, slice_from_string(normal[i]))) {
            fail_msg("%.*s", SLICE_ARGS(did.text));
        }
        assert_int_equal(did_parse(did.text, &arena, &did), DENY_UNDECIDED); /* a fixed point */
        assert_true(slice_equals(did.text, slice_from_string(normal[i])));
        assert_int_equal(did.kind, i < 3 ? KEY_ETHEREUM : KEY_ED25519);
    }
    assert_false(json_walk_next(&walk, NULL, &row));
    walk = json_walk_begin(json_member(golden, "refused"));
    size_t count = 0;
    for (; json_walk_next(&walk, NULL, &row); count++) {
        assert_int_equal(did_parse(golden_string(row, &arena), &arena, &did),
                         DENY_DID_PKH_NAMESPACE);
    }
    assert_int_equal(count, 7);
    arena_clear(&arena);
}

/* The example of the did:jwk specification. */
static void a_jwk_is_read(void **state)
{
    struct arena arena;
    struct did did;
    struct slice text = SLICE(
        "did:jwk:eyJjcnYiOiJQLTI1NiIsImt0eSI6IkVDIiwieCI6ImFjYklRaXVNczNpOF91c3pFakoydHBUdFJNNEVV"
        "M3l6OTFQSDZDZEgyVjAiLCJ5IjoiX0tjeUxqOXZXTXB0bm1LdG00NkdxRHo4d2Y3NEk1TEtncmwyR3pIM25TRSJ9");
    arena_init(&arena, arena_bytes);
    assert_int_equal(did_parse(text, &arena, &did), DENY_UNDECIDED);
    assert_int_equal(did.kind, KEY_P256);
    assert_true(slice_equals(did.text, text));
    assert_true(slice_equals(did.fragment, SLICE("0")));
    check_import(&did);
    arena_clear(&arena);
}

static void web_names_have_one_spelling(void **state)
{
    static const char *const sound[] = {
        "did:web:example.com",      "did:web:w3c-ccg.github.io:user:alice",
        "did:web:localhost%3A8443", "did:web:example.com%3A3000:user:A.b_c-d",
        "did:web:1.example.com",    "did:web:localhost",
    };
    static const char *const strange[] = {
        "did:web:EXAMPLE.com",         "did:web:127.0.0.1",         "did:web:127.0.0.1%3A80",
        "did:web:example.com%3a80",    "did:web:example.com%3A",    "did:web:example.com%3A080",
        "did:web:example.com%3A65536", "did:web:example.com%3A0",   "did:web:example.com%2Fa",
        "did:web:example.com:",        "did:web:example.com:a::b",  "did:web:example.com:..",
        "did:web:example.com:.",       "did:web:example.com:a%2Fb", "did:web:example.com/a",
        "did:web:example..com",        "did:web:.example.com",      "did:web:example.com.",
        "did:web:-example.com",        "did:web:example-.com",      "did:web:ex_ample.com",
        "did:web:user@example.com",    "did:web:%5B::1%5D",         "did:web:example.com?a",
        "did:web:ex\xc3\xa4mple.com",  "did:web:example.com:a b",   "did:web:0x7f000001",
        "did:web:example.123",
    };
    for (size_t i = 0; i < sizeof(sound) / sizeof(sound[0]); i++) {
        struct arena arena;
        struct did did;
        arena_init(&arena, arena_bytes);
        assert_int_equal(did_parse(slice_from_string(sound[i]), &arena, &did), DENY_UNDECIDED);
        assert_true(slice_equals(did.text, slice_from_string(sound[i])));
        assert_int_equal(did.method, DID_METHOD_WEB);
        assert_int_equal(did.kind, KEY_NONE);
        arena_clear(&arena);
    }
    for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
        struct arena arena;
        struct did did;
        arena_init(&arena, arena_bytes);
        if (did_parse(slice_from_string(strange[i]), &arena, &did) != DENY_DID_MALFORMED) {
            fail_msg("%s", strange[i]);
        }
        arena_clear(&arena);
    }
}

/* The sanitizer watches. */
static void texts_of_every_size_are_read_within_their_bounds(void **state)
{
    static const char *const starts[] = {
        "did:", "did:key:z", "did:key:u", "did:pkh:eip155:1:0x", "did:jwk:", "did:web:"};
    for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
        for (size_t length = 0; length <= did_bytes_max + 1; length += length < 100 ? 1 : 97) {
            struct arena arena;
            struct did did;
            char *text = malloc(length + 1);
            assert_non_null(text);
            arena_init(&arena, arena_bytes);
            memset(text, 'a', length);
            memcpy(text, starts[i], strlen(starts[i]) < length ? strlen(starts[i]) : length);
            enum deny_reason reason = did_parse(slice_make(text, length), &arena, &did);
            assert_true(reason != DENY_UNDECIDED || did.text.length > 0);
            arena_clear(&arena);
            free(text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_keys_are_read),
        cmocka_unit_test(published_points_are_read),
        cmocka_unit_test(published_accounts_are_read),
        cmocka_unit_test(a_jwk_is_read),
        cmocka_unit_test(web_names_have_one_spelling),
        cmocka_unit_test(texts_of_every_size_are_read_within_their_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

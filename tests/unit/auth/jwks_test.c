/* SPDX-License-Identifier: MIT
 *
 * jwks_test.c - key sets as issuers publish them, their caps, and which key a token means. */
#include "auth/jwks.h"

#include "auth/algorithm.h"
#include "auth/jwk.h"
#include "signer.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { signers_count = 5 };

static const char *const types[signers_count] = {"RSA", "P-256", "P-384", "P-521", "Ed25519"};
static struct signer *signers[signers_count];
static struct signer *other_rsa;

static int begin_all(void **state)
{
    for (size_t i = 0; i < signers_count; i++) {
        signers[i] = signer_create(types[i]);
    }
    other_rsa = signer_create("RSA");
    return 0;
}

static int end_all(void **state)
{
    for (size_t i = 0; i < signers_count; i++) {
        signer_free(signers[i]);
    }
    signer_free(other_rsa);
    return 0;
}

static struct jwks *parse(struct slice json)
{
    struct jwks *jwks = NULL;
    struct failure failure = {""};
    if (jwks_parse(json, &jwks, &failure) != STATUS_OK) {
        fail_msg("%s: %.*s", failure.text, SLICE_ARGS(json));
    }
    assert_int_equal(failure.text[0], '\0');
    return jwks;
}

/* A set of one RSA and one EC key, with <members> added to each. */
static struct jwks *pair_parse(const char *rsa_members, const char *ec_members)
{
    struct buffer json;
    buffer_init(&json, 8192);
    buffer_append_string(&json, "{\"keys\":[");
    signer_append_jwk(signers[0], rsa_members, &json);
    buffer_append_string(&json, ",");
    signer_append_jwk(signers[1], ec_members, &json);
    buffer_append_string(&json, "]}");
    struct jwks *jwks = parse(buffer_slice(&json));
    buffer_clear(&json);
    return jwks;
}

static enum jwks_answer find(struct jwks *jwks, const char *kid, const char *alg, struct jwk **ret)
{
    return jwks_find(jwks, kid != NULL, slice_from_string(kid),
                     algorithm_find(slice_from_string(alg)), ret);
}

static void sets_are_counted(void **state)
{
    static const struct {
        const char *json;
        size_t count;
        size_t skipped;
    } cases[] = {
        {"{\"keys\":[]}", 0, 0},
        {" { \"keys\" : [ ] , \"x\" : 1 } ", 0, 0},
        {"{\"k\\u0065ys\":[]}", 0, 0},
        /* no key at all, or one that cannot even be named */
        {"{\"keys\":[1,null,\"a\",[],{}]}", 0, 0},
        {"{\"keys\":[{\"kid\":7},{\"kty\":\"oct\",\"k\":\"AA\"}]}", 0, 0},
        /* named, and of no use */
        {"{\"keys\":[{\"kid\":\"a\"},{\"kty\":\"oct\",\"kid\":\"b\",\"k\":\"AA\"}]}", 0, 2},
        {"{\"kty\":\"oct\",\"kid\":\"b\"}", 0, 1},
        {"{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"kid\":\"\"}", 0, 1},
        {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
         "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
         1, 0},
        {"{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"d\":7,"
         "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}",
         1, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct jwks *jwks = parse(slice_from_string(cases[i].json));
        if (jwks_count(jwks) != cases[i].count || jwks_skipped(jwks) != cases[i].skipped) {
            fail_msg("%zu and %zu for %s", jwks_count(jwks), jwks_skipped(jwks), cases[i].json);
        }
        jwks_free(jwks);
    }
    jwks_free(NULL);
}

static void what_is_no_set_is_refused(void **state)
{
    static const char *const cases[] = {
        "",
        "[]",
        "null",
        "\"keys\"",
        "{}",
        "{\"keys\":{}}",
        "{\"keys\":null}",
        "{\"keys\":null,\"kty\":\"RSA\"}",
        "{\"kty\":7}",
        "{\"Keys\":[]}",
        "{\"keys\":[]",
        "{\"keys\":[],\"keys\":[]}",
        "{\"keys\":[],\"k\\u0065ys\":[]}",
        "{\"keys\":[{\"kid\":\"a\",\"kid\":\"b\"}]}",
        "{\"keys\":[]} x",
        "{\"keys\":[\"\xff\"]}",
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct jwks *jwks = NULL;
        struct failure failure = {""};
        enum status status = jwks_parse(slice_from_string(cases[i]), &jwks, &failure);
        if (status != STATUS_INVALID) {
            fail_msg("%d for %s", status, cases[i]);
        }
        assert_true(failure.text[0] != '\0');
        assert_null(jwks);
    }
}

static struct buffer json_of_keys(size_t count)
{
    struct buffer json;
    buffer_init(&json, 1024 * 1024);
    buffer_append_string(&json, "{\"keys\":[");
    for (size_t i = 0; i < count; i++) {
        buffer_append_format(&json, "%s{\"kid\":\"%zu\"}", i > 0 ? "," : "", i);
    }
    buffer_append_string(&json, "]}");
    assert_false(json.failed);
    return json;
}

static void keys_are_capped(void **state)
{
    struct buffer json = json_of_keys(jwks_keys_max);
    struct jwks *jwks = parse(buffer_slice(&json));
    assert_int_equal(jwks_skipped(jwks), jwks_keys_max);
    jwks_free(jwks);
    buffer_clear(&json);
    json = json_of_keys(jwks_keys_max + 1);
    struct failure failure = {""};
    jwks = NULL;
    assert_int_equal(jwks_parse(buffer_slice(&json), &jwks, &failure), STATUS_LIMIT);
    assert_true(failure.text[0] != '\0');
    assert_null(jwks);
    buffer_clear(&json);
}

static void bytes_are_capped(void **state)
{
    char *json = malloc(jwks_bytes_max + 1);
    struct jwks *jwks = NULL;
    assert_non_null(json);
    memset(json, ' ', jwks_bytes_max + 1);
    memcpy(json, "{\"keys\":[]}", 11);
    assert_int_equal(jwks_parse(slice_make(json, jwks_bytes_max), &jwks, NULL), STATUS_OK);
    jwks_free(jwks);
    jwks = NULL;
    assert_int_equal(jwks_parse(slice_make(json, jwks_bytes_max + 1), &jwks, NULL), STATUS_LIMIT);
    assert_null(jwks);
    free(json);
}

/* 64 kids that are each a kilobyte of escapes: the worst a set of its size can ask of memory. */
static void long_kids_fit(void **state)
{
    struct buffer json;
    buffer_init(&json, 1024 * 1024);
    buffer_append_string(&json, "{\"keys\":[");
    for (size_t i = 0; i < jwks_keys_max; i++) {
        buffer_append_string(&json, i > 0 ? ",{\"kid\":\"" : "{\"kid\":\"");
        for (size_t j = 0; j < jwks_kid_bytes_max; j++) {
            buffer_append_string(&json, "\\u0061");
        }
        buffer_append_string(&json, "\"}");
    }
    buffer_append_string(&json, "]}");
    struct jwks *jwks = parse(buffer_slice(&json));
    assert_int_equal(jwks_skipped(jwks), jwks_keys_max);
    char kid[jwks_kid_bytes_max + 1];
    memset(kid, 'a', sizeof(kid));
    struct jwk *key = NULL;
    const struct algorithm *algorithm = algorithm_find(SLICE("RS256"));
    assert_int_equal(jwks_find(jwks, true, slice_make(kid, jwks_kid_bytes_max), algorithm, &key),
                     JWKS_KEY_UNFIT);
    jwks_free(jwks);
    /* one byte more, and the key has no name we would keep */
    json.length -= 4;
    buffer_append_string(&json, "a\"}]}");
    jwks = parse(buffer_slice(&json));
    assert_int_equal(jwks_skipped(jwks), jwks_keys_max - 1);
    jwks_free(jwks);
    buffer_clear(&json);
}

static void every_algorithm_finds_its_kind_of_key(void **state)
{
    static const struct {
        const char *alg;
        size_t signer;
    } algorithms[] = {{"RS256", 0}, {"RS384", 0}, {"RS512", 0},  {"PS256", 0},
                      {"PS384", 0}, {"PS512", 0}, {"ES256", 1},  {"ES384", 2},
                      {"ES512", 3}, {"EdDSA", 4}, {"Ed25519", 4}};
    for (size_t i = 0; i < signers_count; i++) {
        struct buffer json;
        buffer_init(&json, 8192);
        signer_append_jwk(signers[i], ",\"kid\":\"k\"", &json);
        struct jwks *jwks = parse(buffer_slice(&json));
        assert_int_equal(jwks_count(jwks), 1);
        for (size_t j = 0; j < sizeof(algorithms) / sizeof(algorithms[0]); j++) {
            struct jwk *key = NULL;
            bool fits = algorithms[j].signer == i;
            assert_int_equal(find(jwks, "k", algorithms[j].alg, &key),
                             fits ? JWKS_KEY_FOUND : JWKS_KEY_UNFIT);
            assert_true(fits == (key != NULL));
            assert_int_equal(find(jwks, NULL, algorithms[j].alg, &key),
                             fits ? JWKS_KEY_FOUND : JWKS_KEY_UNKNOWN);
        }
        jwks_free(jwks);
        buffer_clear(&json);
    }
}

static void kids_are_compared_whole(void **state)
{
    struct jwks *jwks = pair_parse(",\"kid\":\"a\\u0062c\"", ",\"kid\":\"\"");
    struct jwk *key = NULL;
    assert_int_equal(find(jwks, "abc", "RS256", &key), JWKS_KEY_FOUND);
    assert_int_equal(find(jwks, "ab", "RS256", &key), JWKS_KEY_UNKNOWN);
    assert_int_equal(find(jwks, "abcd", "RS256", &key), JWKS_KEY_UNKNOWN);
    assert_int_equal(find(jwks, "ABC", "RS256", &key), JWKS_KEY_UNKNOWN);
    assert_int_equal(find(jwks, "", "ES256", &key), JWKS_KEY_FOUND);
    assert_int_equal(find(jwks, "", "RS256", &key), JWKS_KEY_UNFIT);
    jwks_free(jwks);
}

static void a_key_without_kid_serves_tokens_without_kid_only(void **state)
{
    struct jwks *jwks = pair_parse("", ",\"kid\":\"ec\"");
    struct jwk *key = NULL;
    assert_int_equal(find(jwks, NULL, "RS256", &key), JWKS_KEY_FOUND);
    assert_int_equal(find(jwks, "rsa", "RS256", &key), JWKS_KEY_UNKNOWN);
    assert_int_equal(find(jwks, "", "RS256", &key), JWKS_KEY_UNKNOWN);
    assert_int_equal(find(jwks, NULL, "ES256", &key), JWKS_KEY_FOUND);
    assert_int_equal(find(jwks, NULL, "ES384", &key), JWKS_KEY_UNKNOWN);
    jwks_free(jwks);
}

static void one_kid_may_name_keys_of_two_kinds(void **state)
{
    struct jwks *jwks = pair_parse(",\"kid\":\"k\"", ",\"kid\":\"k\"");
    struct jwk *rsa = NULL;
    struct jwk *ec = NULL;
    assert_int_equal(find(jwks, "k", "RS256", &rsa), JWKS_KEY_FOUND);
    assert_int_equal(find(jwks, "k", "ES256", &ec), JWKS_KEY_FOUND);
    assert_int_equal(rsa->kind, KEY_RSA);
    assert_int_equal(ec->kind, KEY_P256);
    jwks_free(jwks);
}

static void two_keys_that_would_do_are_one_too_many(void **state)
{
    const struct {
        const struct signer *second;
        enum jwks_answer answer;
    } cases[] = {{signers[0], JWKS_KEY_FOUND}, {other_rsa, JWKS_KEY_AMBIGUOUS}};
    for (size_t i = 0; i < 2; i++) {
        struct buffer json;
        struct jwk *key = NULL;
        buffer_init(&json, 8192);
        buffer_append_string(&json, "{\"keys\":[");
        signer_append_jwk(signers[0], ",\"kid\":\"k\"", &json);
        buffer_append_string(&json, ",");
        signer_append_jwk(cases[i].second, ",\"kid\":\"k\"", &json);
        buffer_append_string(&json, "]}");
        struct jwks *jwks = parse(buffer_slice(&json));
        assert_int_equal(find(jwks, "k", "RS256", &key), cases[i].answer);
        assert_int_equal(find(jwks, NULL, "PS256", &key), cases[i].answer);
        jwks_free(jwks);
        buffer_clear(&json);
    }
}

static void the_alg_of_a_key_binds_it(void **state)
{
    struct jwks *jwks =
        pair_parse(",\"kid\":\"r\",\"alg\":\"PS384\"", ",\"kid\":\"e\",\"alg\":\"ES256\"");
    struct jwk *key = NULL;
    assert_int_equal(find(jwks, "r", "PS384", &key), JWKS_KEY_FOUND);
    assert_int_equal(find(jwks, "r", "PS256", &key), JWKS_KEY_UNFIT);
    assert_int_equal(find(jwks, "r", "RS384", &key), JWKS_KEY_UNFIT);
    assert_int_equal(find(jwks, "e", "ES256", &key), JWKS_KEY_FOUND);
    assert_int_equal(find(jwks, NULL, "RS256", &key), JWKS_KEY_UNKNOWN);
    jwks_free(jwks);
    struct buffer json;
    buffer_init(&json, 4096);
    signer_append_jwk(signers[4], ",\"kid\":\"d\",\"alg\":\"Ed25519\"", &json);
    jwks = parse(buffer_slice(&json));
    assert_int_equal(find(jwks, "d", "EdDSA", &key), JWKS_KEY_FOUND);
    jwks_free(jwks);
    buffer_clear(&json);
}

/* SSL_get_error on the same thread looks at OpenSSL's queue. */
static void bad_keys_leave_no_error_behind(void **state)
{
    static const char json[] =
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"off the curve\","
        "\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\","
        "\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\"}]}";
    struct jwks *jwks = parse(slice_from_string(json));
    assert_int_equal(jwks_skipped(jwks), 1);
    assert_int_equal(ERR_peek_error(), 0);
    jwks_free(jwks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_are_counted),
        cmocka_unit_test(what_is_no_set_is_refused),
        cmocka_unit_test(keys_are_capped),
        cmocka_unit_test(bytes_are_capped),
        cmocka_unit_test(long_kids_fit),
        cmocka_unit_test(every_algorithm_finds_its_kind_of_key),
        cmocka_unit_test(kids_are_compared_whole),
        cmocka_unit_test(a_key_without_kid_serves_tokens_without_kid_only),
        cmocka_unit_test(one_kid_may_name_keys_of_two_kinds),
        cmocka_unit_test(two_keys_that_would_do_are_one_too_many),
        cmocka_unit_test(the_alg_of_a_key_binds_it),
        cmocka_unit_test(bad_keys_leave_no_error_behind),
    };
    return cmocka_run_group_tests(tests, begin_all, end_all);
}

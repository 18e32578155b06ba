/* SPDX-License-Identifier: MIT
 *
 * jwk_import_test.c - which JWKs become keys that can verify, and which never do. */
#include "auth/jwk.h"

#include "base/base64url.h"
#include "signer.h"

#include <openssl/err.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define RSA_N                                                                                      \
    "n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_"     \
    "AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-"               \
    "oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-"  \
    "tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw"
#define RSA "\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\""
#define X "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define Y "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define EC(x, y) "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" x "\",\"y\":\"" y "\"}"
#define ED_X "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
#define ED(x) "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" x "\"}"

/* The kind of key that <json> becomes; KEY_NONE when it becomes none. */
static enum key_kind import(struct slice json)
{
    struct json_value value;
    struct jwk untouched;
    struct jwk jwk;
    memset(&untouched, 0, sizeof(untouched));
    untouched.kid = SLICE("kept");
    memcpy(&jwk, &untouched, sizeof(jwk));
    assert_int_equal(json_parse(json, JSON_DUPLICATES_REFUSED, &value, NULL), STATUS_OK);
    if (!jwk_import(value, &jwk)) {
        assert_memory_equal(&jwk, &untouched, sizeof(jwk));
        ERR_clear_error();
        return KEY_NONE;
    }
    enum key_kind kind = jwk.kind;
    assert_non_null(jwk.key);
    assert_true(slice_equals(jwk.kid, SLICE("kept")));
    jwk_clear(&jwk);
    assert_null(jwk.key);
    assert_int_equal(jwk.kind, KEY_NONE);
    return kind;
}

static const struct {
    const char *json;
    enum key_kind kind;
} cases[] = {
    /* kty decides, and nothing stands in for it */
    {"{" RSA "}", KEY_RSA},
    {"{\"kty\":\"\\u0052SA\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\"}", KEY_RSA},
    {"{\"n\":\"" RSA_N "\",\"e\":\"AQAB\"}", KEY_NONE},
    {"{\"kty\":\"rsa\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\"}", KEY_NONE},
    {"{\"kty\":\"RSA\\u0000\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\"}", KEY_NONE},
    {"{\"kty\":\"oct\",\"k\":\"AAAA\"}", KEY_NONE},
    {"{\"kty\":\"EC\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\"}", KEY_NONE},
    {"[]", KEY_NONE},
    {"\"RSA\"", KEY_NONE},
    /* RSA numbers */
    {"{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"Aw\"}", KEY_RSA},
    {"{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AAEAAQ\"}", KEY_RSA},
    {"{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQ\"}", KEY_NONE},
    {"{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAA\"}", KEY_NONE},
    {"{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"\"}", KEY_NONE},
    {"{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAAAAE\"}", KEY_NONE},
    {"{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":65537}", KEY_NONE},
    {"{\"kty\":\"RSA\",\"n\":\"" RSA_N "\"}", KEY_NONE},
    {"{\"kty\":\"RSA\",\"e\":\"AQAB\"}", KEY_NONE},
    {"{\"kty\":\"RSA\",\"n\":\"\",\"e\":\"AQAB\"}", KEY_NONE},
    {"{\"kty\":\"RSA\",\"n\":\"" RSA_N "=\",\"e\":\"AQAB\"}", KEY_NONE},
    /* points */
    {EC(X, Y), KEY_P256},
    {EC(Y, X), KEY_NONE},
    {EC(X, X), KEY_NONE},
    {EC("_____wAAAAEAAAAAAAAAAAAAAAD_______________8", Y), KEY_NONE},
    {EC("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
     KEY_NONE},
    {EC("", ""), KEY_NONE},
    {EC(X, "AMfxRM0bvZt-hyzf7bnuufSzaV1uqQskrYpGIyiFiOWt"), KEY_NONE},
    {EC(X, "8UTNG72bfocs3-257rn0s2ldbqkLJK2KRiMohYjlrQ"), KEY_NONE},
    {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X "\"}", KEY_NONE},
    {"{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"" X "\",\"y\":\"" Y "\"}", KEY_NONE},
    {"{\"kty\":\"EC\",\"crv\":\"p-256\",\"x\":\"" X "\",\"y\":\"" Y "\"}", KEY_NONE},
    {"{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"" X "\",\"y\":\"" Y "\"}", KEY_NONE},
    {"{\"kty\":\"EC\",\"x\":\"" X "\",\"y\":\"" Y "\"}", KEY_NONE},
    /* Edwards points: the eight of small order, and numbers that are not reduced */
    {ED(ED_X), KEY_ED25519},
    {"{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"" ED_X "\"}", KEY_NONE},
    {"{\"kty\":\"OKP\",\"crv\":\"Ed448\",\"x\":\"" ED_X "\"}", KEY_NONE},
    {"{\"kty\":\"OKP\",\"x\":\"" ED_X "\"}", KEY_NONE},
    {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\"}", KEY_NONE},
    {ED(""), KEY_NONE},
    {ED("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHUQ"), KEY_NONE},
    {ED("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURoA"), KEY_NONE},
    {ED("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), KEY_NONE},
    {ED("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAIA"), KEY_NONE},
    {ED("AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), KEY_NONE},
    {ED("AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAIA"), KEY_NONE},
    {ED("7P_______________________________________38"), KEY_NONE},
    {ED("7P________________________________________8"), KEY_NONE},
    {ED("JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_AU"), KEY_NONE},
    {ED("JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_IU"), KEY_NONE},
    {ED("xxdqcD1N2E-6PAt2DRBnDyogU_osOczGTsf9d5KsA3o"), KEY_NONE},
    {ED("xxdqcD1N2E-6PAt2DRBnDyogU_osOczGTsf9d5KsA_o"), KEY_NONE},
    {ED("7f_______________________________________38"), KEY_NONE},
    {ED("7v_______________________________________38"), KEY_NONE},
    {ED("__________________________________________8"), KEY_NONE},
    /* what the key is for */
    {"{" RSA ",\"use\":\"sig\"}", KEY_RSA},
    {"{" RSA ",\"use\":\"enc\"}", KEY_NONE},
    {"{" RSA ",\"use\":\"SIG\"}", KEY_NONE},
    {"{" RSA ",\"use\":null}", KEY_NONE},
    {"{" RSA ",\"use\":[\"sig\"]}", KEY_NONE},
    {"{" RSA ",\"key_ops\":[\"verify\"]}", KEY_RSA},
    {"{" RSA ",\"key_ops\":[\"sign\",7,\"verify\"]}", KEY_RSA},
    {"{" RSA ",\"key_ops\":[\"sign\"]}", KEY_NONE},
    {"{" RSA ",\"key_ops\":[]}", KEY_NONE},
    {"{" RSA ",\"key_ops\":\"verify\"}", KEY_NONE},
    {"{" RSA ",\"key_ops\":null}", KEY_NONE},
    {"{" RSA ",\"use\":\"enc\",\"key_ops\":[\"verify\"]}", KEY_NONE},
    {"{" RSA ",\"use\":\"sig\",\"key_ops\":[\"encrypt\"]}", KEY_NONE},
    /* the algorithm it is bound to must be one of ours, and of its kind */
    {"{" RSA ",\"alg\":\"PS512\"}", KEY_RSA},
    {"{" RSA ",\"alg\":\"ES256\"}", KEY_NONE},
    {"{" RSA ",\"alg\":\"RSA-OAEP\"}", KEY_NONE},
    {"{" RSA ",\"alg\":\"HS256\"}", KEY_NONE},
    {"{" RSA ",\"alg\":\"none\"}", KEY_NONE},
    {"{" RSA ",\"alg\":\"\"}", KEY_NONE},
    {"{" RSA ",\"alg\":null}", KEY_NONE},
    {"{" RSA ",\"alg\":256}", KEY_NONE},
    /* the rest is nobody's business */
    {"{" RSA ",\"d\":\"!\",\"x5c\":7,\"oth\":{\"a\":[]},\"crv\":\"P-256\"}", KEY_RSA},
};

static void keys_are_imported_or_not(void **state)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        enum key_kind kind = import(slice_from_string(cases[i].json));
        if (kind != cases[i].kind) {
            fail_msg("%d instead of %d for %s", kind, cases[i].kind, cases[i].json);
        }
    }
}

/* A modulus of <count> bytes, all ones but for the first and the last. */
static enum key_kind import_modulus(size_t count, unsigned char first, unsigned char last)
{
    unsigned char bytes[1100];
    struct buffer json;
    assert_true(count <= sizeof(bytes));
    memset(bytes, 0xff, count);
    bytes[0] = first;
    bytes[count - 1] = last;
    buffer_init(&json, 8192);
    buffer_append_string(&json, "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"");
    append_base64url(&json, slice_make((const char *)bytes, count));
    buffer_append_string(&json, "\"}");
    assert_false(json.failed);
    enum key_kind kind = import(buffer_slice(&json));
    buffer_clear(&json);
    return kind;
}

static void rsa_keys_have_2048_to_8192_bits(void **state)
{
    assert_int_equal(import_modulus(128, 0x80, 0xff), KEY_NONE);
    assert_int_equal(import_modulus(256, 0x7f, 0xff), KEY_NONE);
    assert_int_equal(import_modulus(256, 0x80, 0xff), KEY_RSA);
    assert_int_equal(import_modulus(257, 0x00, 0xff), KEY_RSA);  /* with a sign byte */
    assert_int_equal(import_modulus(256, 0x80, 0xfe), KEY_NONE); /* even */
    assert_int_equal(import_modulus(1024, 0x80, 0xff), KEY_RSA);
    assert_int_equal(import_modulus(1025, 0x00, 0xff), KEY_RSA);
    assert_int_equal(import_modulus(1025, 0x01, 0xff), KEY_NONE);
    assert_int_equal(import_modulus(1026, 0x00, 0xff), KEY_NONE);
}

static void keys_made_by_openssl_are_imported(void **state)
{
    static const struct {
        const char *type;
        enum key_kind kind;
    } types[] = {{"RSA-1024", KEY_NONE},  {"RSA", KEY_RSA},    {"RSA-3072", KEY_RSA},
                 {"P-256", KEY_P256},     {"P-384", KEY_P384}, {"P-521", KEY_P521},
                 {"Ed25519", KEY_ED25519}};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        struct signer *signer = signer_create(types[i].type);
        struct buffer json;
        buffer_init(&json, 4096);
        signer_append_jwk(signer, "", &json);
        assert_int_equal(import(buffer_slice(&json)), types[i].kind);
        buffer_clear(&json);
        signer_free(signer);
    }
}

/* A key whose x ends (or begins) with a zero byte, and then without that byte: RFC 7518 6.2.1.2
 * wants them all. */
static void import_without_its_zero(bool is_last)
{
    bool is_found = false;
    for (size_t i = 0; !is_found && i < 20000; i++) {
        struct signer *signer = signer_create("P-256");
        struct buffer json;
        struct buffer shorter;
        unsigned char x[BASE64URL_DECODED_SIZE(43)];
        size_t length = 0;
        buffer_init(&json, 4096);
        buffer_init(&shorter, 4096);
        signer_append_jwk(signer, "", &json);
        const char *text = memmem(json.data, json.length, "\"x\":\"", 5);
        assert_non_null(text);
        size_t at = (size_t)(text - json.data) + 5;
        assert_true(base64url_decode(slice_make(json.data + at, 43), x, &length));
        is_found = x[is_last ? 31 : 0] == 0;
        if (is_found) {
            buffer_append(&shorter, slice_make(json.data, at));
            append_base64url(&shorter, slice_make((const char *)x + (is_last ? 0 : 1), 31));
            buffer_append(&shorter, slice_after(buffer_slice(&json), at + 43));
            assert_int_equal(import(buffer_slice(&json)), KEY_P256);
            assert_int_equal(import(buffer_slice(&shorter)), KEY_NONE);
        }
        buffer_clear(&json);
        buffer_clear(&shorter);
        signer_free(signer);
    }
    assert_true(is_found);
}

static void coordinates_keep_their_zeros(void **state)
{
    import_without_its_zero(true);
    import_without_its_zero(false);
}

static void the_algorithm_is_kept(void **state)
{
    struct json_value value;
    struct jwk jwk = {0};
    assert_int_equal(
        json_parse(SLICE("{" RSA ",\"alg\":\"PS512\"}"), JSON_DUPLICATES_REFUSED, &value, NULL),
        STATUS_OK);
    assert_true(jwk_import(value, &jwk));
    assert_ptr_equal(jwk.algorithm, algorithm_find(SLICE("PS512")));
    jwk_clear(&jwk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_imported_or_not),
        cmocka_unit_test(rsa_keys_have_2048_to_8192_bits),
        cmocka_unit_test(keys_made_by_openssl_are_imported),
        cmocka_unit_test(coordinates_keep_their_zeros),
        cmocka_unit_test(the_algorithm_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * jwk_import.c - makes an OpenSSL key from one JWK (RFC 7517, RFC 7518 6, RFC 8037 2), or finds
 * that it is of no use to us.
 *
 * Keys go in by their numbers: a detour over PEM costs twenty times as much. Thread: the one that
 * owns the set. */
#include "auth/jwk.h"

#include "auth/ed25519_key.h"
#include "auth/members.h"
#include "base/base64url.h"

#include <assert.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>

enum {
    rsa_bytes_max =
        jwk_rsa_bits_max / 8 + 1, /* some issuers send the sign byte of their big integers along */
    rsa_exponent_bytes_max = 4,   /* a larger one only makes each check slower (CVE-2006-2940) */
    coordinate_bytes_max = 66,
};

enum { jwk_kty, jwk_crv, jwk_alg, jwk_use, jwk_key_ops, jwk_n, jwk_e, jwk_x, jwk_y, jwk_members };

static EVP_PKEY *key_from_params(const char *type, OSSL_PARAM *params)
{
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    if (context == NULL || params == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) != 1) {
        key = NULL;
    }
    EVP_PKEY_CTX_free(context);
    return key;
}

static EVP_PKEY *rsa_from_numbers(const BIGNUM *n, const BIGNUM *e)
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params = NULL;
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    if (builder != NULL && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) == 1) {
        params = OSSL_PARAM_BLD_to_param(builder);
        key = key_from_params("RSA", params);
    }
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(builder);
    return key;
}

static bool rsa_is_sound(const BIGNUM *n, const BIGNUM *e)
{
    int bits = BN_num_bits(n);
    return bits >= jwk_rsa_bits_least && bits <= jwk_rsa_bits_max && BN_is_odd(n) && BN_is_odd(e) &&
           !BN_is_one(e);
}

static EVP_PKEY *rsa_import(const struct json_value *members)
{
    unsigned char n_bytes[BASE64URL_DECODED_SIZE(BASE64URL_ENCODED_SIZE(rsa_bytes_max))];
    unsigned char e_bytes[BASE64URL_DECODED_SIZE(BASE64URL_ENCODED_SIZE(rsa_exponent_bytes_max))];
    size_t n_length = 0;
    size_t e_length = 0;
    if (!member_bytes(members[jwk_n], rsa_bytes_max, n_bytes, &n_length) ||
        !member_bytes(members[jwk_e], rsa_exponent_bytes_max, e_bytes, &e_length)) {
        return NULL;
    }
    BIGNUM *n = BN_bin2bn(n_bytes, (int)n_length, NULL);
    BIGNUM *e = BN_bin2bn(e_bytes, (int)e_length, NULL);
    EVP_PKEY *key = NULL;
    if (n != NULL && e != NULL && rsa_is_sound(n, e)) {
        key = rsa_from_numbers(n, e);
    }
    BN_free(n);
    BN_free(e);
    return key;
}

static const struct curve {
    const char *crv;
    enum key_kind kind;
    size_t coordinate_bytes;
} curves[] = {
    {"P-256", KEY_P256, 32},
    {"P-384", KEY_P384, 48},
    {"P-521", KEY_P521, 66},
    {"secp256k1", KEY_SECP256K1, 32},
};

/* <point> as SEC 1 2.3.3 writes it. That it lies on the curve is OpenSSL's check, and
 * libsecp256k1's. */
static bool point_import(const struct curve *curve, struct slice point, struct jwk *ret)
{
    if (curve->kind == KEY_SECP256K1) {
        return k256_key_parse(point, &ret->k256);
    }
    char group[sizeof("P-256")];
    unsigned char bytes[1 + 2 * coordinate_bytes_max];
    assert(point.length <= sizeof(bytes) && strlen(curve->crv) < sizeof(group));
    memcpy(group, curve->crv, sizeof(group));
    memcpy(bytes, point.data, point.length);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, bytes, point.length),
        OSSL_PARAM_construct_end(),
    };
    ret->key = key_from_params("EC", params);
    return ret->key != NULL;
}

/* Both coordinates have the full size of the field, leading zeros included (RFC 7518 6.2.1.2). */
static bool ec_import(const struct json_value *members, struct jwk *ret)
{
    for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
        if (!json_string_is(members[jwk_crv], curves[i].crv)) {
            continue;
        }
        size_t size = curves[i].coordinate_bytes;
        unsigned char point[1 + 2 * (coordinate_bytes_max + 2)] = {POINT_CONVERSION_UNCOMPRESSED};
        size_t x_length = 0;
        size_t y_length = 0;
        if (!member_bytes(members[jwk_x], size, point + 1, &x_length) || x_length != size ||
            !member_bytes(members[jwk_y], size, point + 1 + size, &y_length) || y_length != size) {
            return false;
        }
        ret->kind = curves[i].kind;
        return point_import(&curves[i], slice_make((const char *)point, 1 + 2 * size), ret);
    }
    return false;
}

static EVP_PKEY *ed25519_from_bytes(const unsigned char *bytes, size_t length)
{
    if (length != ed25519_key_bytes || ed25519_key_form(bytes) != ED25519_SOUND) {
        return NULL;
    }
    return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, bytes, length);
}

static EVP_PKEY *ed25519_import(const struct json_value *members)
{
    unsigned char bytes[BASE64URL_DECODED_SIZE(BASE64URL_ENCODED_SIZE(ed25519_key_bytes))];
    size_t length = 0;
    if (!json_string_is(members[jwk_crv], "Ed25519") ||
        !member_bytes(members[jwk_x], ed25519_key_bytes, bytes, &length)) {
        return NULL;
    }
    return ed25519_from_bytes(bytes, length);
}

/* use and key_ops, where they are there, must both allow it (RFC 7517 4.2, 4.3). */
static bool may_verify(struct json_value use, struct json_value key_ops)
{
    if (use.kind != JSON_ABSENT && !json_string_is(use, "sig")) {
        return false;
    }
    if (key_ops.kind == JSON_ABSENT) {
        return true;
    }
    if (key_ops.kind != JSON_ARRAY) {
        return false;
    }
    struct json_walk walk = json_walk_begin(key_ops);
    struct json_value operation;
    bool is_listed = false;
    while (json_walk_next(&walk, NULL, &operation)) {
        is_listed = is_listed || json_string_is(operation, "verify");
    }
    return is_listed;
}

/* False when the JWK is bound to an algorithm that is none of ours. */
static bool algorithm_read(struct json_value alg, const struct algorithm **ret)
{
    *ret = NULL;
    if (alg.kind == JSON_ABSENT) {
        return true;
    }
    if (alg.kind == JSON_STRING) {
        /* Names of ours need no escapes; one written with them is not worth an arena here. */
        *ret = algorithm_find_any(slice_make(alg.text.data + 1, alg.text.length - 2));
    }
    return *ret != NULL;
}

bool jwk_import(struct json_value json, struct jwk *ret)
{
    const struct slice names[jwk_members] = {
        SLICE("kty"), SLICE("crv"), SLICE("alg"), SLICE("use"), SLICE("key_ops"),
        SLICE("n"),   SLICE("e"),   SLICE("x"),   SLICE("y"),
    };
    struct json_value members[jwk_members];
    const struct algorithm *algorithm = NULL;
    members_pick(json, names, jwk_members, members);
    if (!may_verify(members[jwk_use], members[jwk_key_ops]) ||
        !algorithm_read(members[jwk_alg], &algorithm)) {
        return false;
    }
    struct jwk key = {.kind = KEY_NONE};
    bool is_read = false;
    if (json_string_is(members[jwk_kty], "RSA")) {
        key.kind = KEY_RSA;
        key.key = rsa_import(members);
        is_read = key.key != NULL;
    } else if (json_string_is(members[jwk_kty], "EC")) {
        is_read = ec_import(members, &key);
    } else if (json_string_is(members[jwk_kty], "OKP")) {
        key.kind = KEY_ED25519;
        key.key = ed25519_import(members);
        is_read = key.key != NULL;
    }
    if (!is_read || (algorithm != NULL && algorithm->key != key.kind)) {
        EVP_PKEY_free(key.key);
        return false;
    }
    ret->kind = key.kind;
    ret->algorithm = algorithm;
    ret->key = key.key;
    ret->k256 = key.k256;
    return true;
}

bool jwk_import_raw(enum key_kind kind, struct slice bytes, struct jwk *ret)
{
    if (kind == KEY_ED25519) {
        ret->key = ed25519_from_bytes((const unsigned char *)bytes.data, bytes.length);
        ret->kind = ret->key != NULL ? kind : KEY_NONE;
        return ret->key != NULL;
    }
    for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
        bool is_compressed = bytes.length == 1 + curves[i].coordinate_bytes &&
                             (bytes.data[0] == POINT_CONVERSION_COMPRESSED ||
                              bytes.data[0] == POINT_CONVERSION_COMPRESSED + 1);
        if (curves[i].kind == kind && is_compressed && point_import(&curves[i], bytes, ret)) {
            ret->kind = kind;
            return true;
        }
    }
    return false;
}

bool jwk_equals(const struct jwk *a, const struct jwk *b)
{
    if (a->kind != b->kind) {
        return false;
    }
    if (a->kind == KEY_SECP256K1) {
        return memcmp(&a->k256, &b->k256, sizeof(a->k256)) == 0;
    }
    return EVP_PKEY_eq(a->key, b->key) == 1;
}

void jwk_clear(struct jwk *jwk)
{
    for (size_t i = 0; i < 2; i++) {
        for (size_t j = 0; j < HASH_COUNT; j++) {
            EVP_PKEY_CTX_free(jwk->contexts[i][j]);
        }
    }
    EVP_MD_CTX_free(jwk->message_context);
    EVP_PKEY_free(jwk->key);
    memset(jwk, 0, sizeof(*jwk));
}

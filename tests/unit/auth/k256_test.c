/* SPDX-License-Identifier: MIT
 *
 * k256_test.c - keys of secp256k1 in their forms; the smaller s alone verifies; agreement with
 * OpenSSL, which has the curve too. */
#include "auth/k256.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const char order_digits[] =
    "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";

struct pair {
    EVP_PKEY *openssl;
    struct k256_key key;
};

static struct pair pair_make(void)
{
    struct pair pair;
    BIGNUM *x = NULL;
    BIGNUM *y = NULL;
    unsigned char point[k256_uncompressed_bytes] = {4};
    pair.openssl = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "secp256k1");
    assert_non_null(pair.openssl);
    assert_int_equal(EVP_PKEY_get_bn_param(pair.openssl, OSSL_PKEY_PARAM_EC_PUB_X, &x), 1);
    assert_int_equal(EVP_PKEY_get_bn_param(pair.openssl, OSSL_PKEY_PARAM_EC_PUB_Y, &y), 1);
    assert_int_equal(BN_bn2binpad(x, point + 1, 32), 32);
    assert_int_equal(BN_bn2binpad(y, point + 33, 32), 32);
    assert_true(k256_key_parse(slice_make((const char *)point, sizeof(point)), &pair.key));
    BN_free(x);
    BN_free(y);
    return pair;
}

/* Both halves of OpenSSL's signature: low and high s. */
static void sign(const struct pair *pair, const unsigned char hash[32], unsigned char ret_low[64],
                 unsigned char ret_high[64])
{
    unsigned char der[80];
    size_t length = sizeof(der);
    const unsigned char *at = der;
    BIGNUM *order = NULL;
    BIGNUM *other = BN_new();
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(pair->openssl, NULL);
    assert_int_equal(EVP_PKEY_sign_init(context), 1);
    assert_int_equal(EVP_PKEY_sign(context, der, &length, hash, 32), 1);
    ECDSA_SIG *parts = d2i_ECDSA_SIG(NULL, &at, (long)length);
    assert_non_null(parts);
    assert_true(BN_hex2bn(&order, order_digits) > 0);
    assert_int_equal(BN_sub(other, order, ECDSA_SIG_get0_s(parts)), 1);
    bool is_low = BN_cmp(ECDSA_SIG_get0_s(parts), other) < 0;
    BN_bn2binpad(ECDSA_SIG_get0_r(parts), ret_low, 32);
    BN_bn2binpad(ECDSA_SIG_get0_r(parts), ret_high, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(parts), (is_low ? ret_low : ret_high) + 32, 32);
    BN_bn2binpad(other, (is_low ? ret_high : ret_low) + 32, 32);
    ECDSA_SIG_free(parts);
    BN_free(order);
    BN_free(other);
    EVP_PKEY_CTX_free(context);
}

static void signatures_of_openssl_verify_with_the_smaller_s(void **state)
{
    for (int i = 0; i < 32; i++) {
        struct pair pair = pair_make();
        struct k256_key recovered[2];
        unsigned char hash[32];
        unsigned char low[64];
        unsigned char high[64];
        bool is_found = false;
        memset(hash, 17 * i + 1, sizeof(hash));
        sign(&pair, hash, low, high);
        assert_true(k256_verify(&pair.key, hash, low));
        assert_false(k256_verify(&pair.key, hash, high));
        for (unsigned id = 0; id < 2; id++) {
            assert_false(k256_recover(hash, high, id, &recovered[id]));
            is_found = is_found || (k256_recover(hash, low, id, &recovered[id]) &&
                                    memcmp(&recovered[id], &pair.key, sizeof(pair.key)) == 0);
        }
        assert_true(is_found);
        hash[0] ^= 1;
        assert_false(k256_verify(&pair.key, hash, low));
        EVP_PKEY_free(pair.openssl);
    }
}

static void keys_have_two_forms_and_no_other(void **state)
{
    struct pair pair = pair_make();
    struct k256_key again;
    unsigned char long_form[k256_uncompressed_bytes];
    unsigned char short_form[k256_compressed_bytes];
    k256_key_uncompressed(&pair.key, long_form);
    k256_key_compressed(&pair.key, short_form);
    struct slice point = {(const char *)long_form, sizeof(long_form)};
    struct slice compressed = {(const char *)short_form, sizeof(short_form)};
    assert_true(k256_key_parse(point, &again));
    assert_memory_equal(&again, &pair.key, sizeof(again));
    assert_true(k256_key_parse(compressed, &again));
    assert_memory_equal(&again, &pair.key, sizeof(again));
    assert_false(k256_key_parse(slice_make(point.data, 33), &again));
    assert_false(k256_key_parse(slice_make(point.data, 64), &again));
    assert_false(k256_key_parse(SLICE(""), &again));
    long_form[0] = (unsigned char)(6 + (long_form[64] & 1)); /* the hybrid form of SEC 1 */
    assert_false(k256_key_parse(point, &again));
    long_form[0] = 4;
    long_form[64] ^= 1;
    assert_false(k256_key_parse(point, &again));
    memset(short_form + 1, 0xff, 32); /* x is not below the prime */
    assert_false(k256_key_parse(compressed, &again));
    memset(short_form + 1, 0, 32);
    short_form[32] = 5; /* x is that of no point */
    assert_false(k256_key_parse(compressed, &again));
    EVP_PKEY_free(pair.openssl);
}

static void numbers_out_of_range_verify_nothing(void **state)
{
    struct pair pair = pair_make();
    struct k256_key recovered;
    unsigned char hash[32] = {1};
    unsigned char low[64];
    unsigned char high[64];
    unsigned char changed[64];
    BIGNUM *order = NULL;
    sign(&pair, hash, low, high);
    assert_true(BN_hex2bn(&order, order_digits) > 0);
    for (size_t half = 0; half < 64; half += 32) {
        memcpy(changed, low, sizeof(changed));
        memset(changed + half, 0, 32);
        assert_false(k256_verify(&pair.key, hash, changed));
        assert_false(k256_recover(hash, changed, 0, &recovered));
        BN_bn2binpad(order, changed + half, 32);
        assert_false(k256_verify(&pair.key, hash, changed));
        assert_false(k256_recover(hash, changed, 0, &recovered));
    }
    BN_free(order);
    EVP_PKEY_free(pair.openssl);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_of_openssl_verify_with_the_smaller_s),
        cmocka_unit_test(keys_have_two_forms_and_no_other),
        cmocka_unit_test(numbers_out_of_range_verify_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

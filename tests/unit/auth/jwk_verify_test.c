/* SPDX-License-Identifier: MIT
 *
 * jwk_verify_test.c - signatures that hold and the many that must not: other algorithms, other
 * lengths, other encodings, numbers out of range. */
#include "auth/algorithm.h"
#include "auth/jwks.h"
#include "signer.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { signers_count = 5, signature_max = 1024 };

static const struct {
    const char *name;
    size_t signer;
    int hash_bytes;
} algorithms[] = {
    {"RS256", 0, 32}, {"RS384", 0, 48}, {"RS512", 0, 64},  {"PS256", 0, 32},
    {"PS384", 0, 48}, {"PS512", 0, 64}, {"ES256", 1, 32},  {"ES384", 2, 48},
    {"ES512", 3, 64}, {"EdDSA", 4, 0},  {"Ed25519", 4, 0},
};

enum { algorithms_count = sizeof(algorithms) / sizeof(algorithms[0]) };

static struct signer *signers[signers_count];
static struct jwks *jwks; /* key i has kid "i" */

static int begin_all(void **state)
{
    static const char *const types[signers_count] = {"RSA", "P-256", "P-384", "P-521", "Ed25519"};
    struct buffer json;
    buffer_init(&json, 16384);
    buffer_append_string(&json, "{\"keys\":[");
    for (size_t i = 0; i < signers_count; i++) {
        char members[32];
        snprintf(members, sizeof(members), ",\"kid\":\"%zu\"", i);
        signers[i] = signer_create(types[i]);
        buffer_append_string(&json, i > 0 ? "," : "");
        signer_append_jwk(signers[i], members, &json);
    }
    buffer_append_string(&json, "]}");
    enum status status = jwks_parse(buffer_slice(&json), &jwks, NULL);
    buffer_clear(&json);
    return status == STATUS_OK ? 0 : -1;
}

static int end_all(void **state)
{
    for (size_t i = 0; i < signers_count; i++) {
        signer_free(signers[i]);
    }
    jwks_free(jwks);
    return 0;
}

/* Whether <signature> is one of algorithm <index> over <message>. A refusal leaves no error. */
static bool holds(size_t index, struct slice message, const unsigned char *signature, size_t length)
{
    char kid[8];
    struct jwk *key = NULL;
    const struct algorithm *algorithm = algorithm_find(slice_from_string(algorithms[index].name));
    snprintf(kid, sizeof(kid), "%zu", algorithms[index].signer);
    assert_int_equal(jwks_find(jwks, true, slice_from_string(kid), algorithm, &key),
                     JWKS_KEY_FOUND);
    bool is_valid =
        jwk_verify(key, algorithm, message, slice_make((const char *)signature, length));
    assert_int_equal(ERR_peek_error(), 0);
    return is_valid;
}

static size_t sign(size_t index, struct slice message, unsigned char *ret)
{
    return signer_sign(signers[algorithms[index].signer], algorithms[index].name, -1, message, ret);
}

static void signatures_hold_over_their_message_alone(void **state)
{
    static const struct slice messages[] = {SLICE("a.b"), SLICE("a.c"), SLICE("a.b "), SLICE("")};
    for (size_t i = 0; i < algorithms_count; i++) {
        for (size_t j = 0; j < 4; j++) {
            unsigned char signature[signature_max];
            size_t length = sign(i, messages[j], signature);
            for (size_t k = 0; k < 4; k++) {
                assert_true(holds(i, messages[k], signature, length) == (j == k));
            }
        }
    }
}

static void a_signature_means_one_algorithm(void **state)
{
    struct slice message = SLICE("a.b");
    for (size_t i = 0; i < algorithms_count; i++) {
        unsigned char signature[signature_max];
        size_t length = sign(i, message, signature);
        for (size_t j = 0; j < algorithms_count; j++) {
            bool same = i == j || (i >= 9 && j >= 9);
            assert_true(holds(j, message, signature, length) == same);
        }
    }
}

static void one_changed_bit_spoils_a_signature(void **state)
{
    struct slice message = SLICE("a.b");
    for (size_t i = 0; i < algorithms_count; i++) {
        unsigned char signature[signature_max];
        size_t length = sign(i, message, signature);
        for (size_t at = 0; at < length; at += 3) {
            signature[at] ^= (unsigned char)(1 << at % 8);
            assert_false(holds(i, message, signature, length));
            signature[at] ^= (unsigned char)(1 << at % 8);
        }
        assert_true(holds(i, message, signature, length));
    }
}

static void a_signature_has_one_length(void **state)
{
    struct slice message = SLICE("a.b");
    for (size_t i = 0; i < algorithms_count; i++) {
        unsigned char padded[signature_max + 2] = {0};
        size_t length = sign(i, message, padded + 1);
        assert_true(holds(i, message, padded + 1, length));
        assert_false(holds(i, message, padded, length + 1)); /* a zero before it */
        assert_false(holds(i, message, padded + 1, length + 1));
        assert_false(holds(i, message, padded + 1, length - 1));
        assert_false(holds(i, message, padded + 2, length - 1));
        assert_false(holds(i, message, padded + 1, length / 2));
        assert_false(holds(i, message, padded + 1, 1));
        assert_false(holds(i, message, padded + 1, 0));
    }
}

static void zeros_and_ones_are_no_signature(void **state)
{
    for (size_t i = 0; i < algorithms_count; i++) {
        unsigned char signature[signature_max];
        size_t length = sign(i, SLICE("a.b"), signature);
        memset(signature, 0, length);
        assert_false(holds(i, SLICE("a.b"), signature, length));
        signature[length - 1] = 1;
        assert_false(holds(i, SLICE("a.b"), signature, length));
        memset(signature, 0xff, length);
        assert_false(holds(i, SLICE("a.b"), signature, length));
    }
}

/* RFC 7518 3.5: the salt is as long as the hash. */
static void pss_salts_have_one_length(void **state)
{
    struct slice message = SLICE("a.b");
    for (size_t i = 3; i < 6; i++) {
        const int lengths[] = {0, algorithms[i].hash_bytes - 1, algorithms[i].hash_bytes,
                               algorithms[i].hash_bytes + 1};
        for (size_t j = 0; j < 4; j++) {
            unsigned char signature[signature_max];
            size_t length =
                signer_sign(signers[0], algorithms[i].name, lengths[j], message, signature);
            assert_true(holds(i, message, signature, length) == (j == 2));
        }
    }
}

/* Small numbers get leading zeros in the JWS form and lose them in OpenSSL's. */
static void short_numbers_of_ecdsa_are_read(void **state)
{
    for (size_t i = 6; i < 9; i++) {
        unsigned short_r = 0;
        unsigned short_s = 0;
        for (unsigned round = 0; (short_r == 0 || short_s == 0) && round < 20000; round++) {
            unsigned char signature[signature_max];
            size_t length = sign(i, SLICE("a.b"), signature);
            /* P-521 numbers begin with seven zero bits as it is */
            size_t at = i == 8 ? 1 : 0;
            bool r = signature[0] == 0 && signature[at] == 0;
            bool s = signature[length / 2] == 0 && signature[length / 2 + at] == 0;
            if (r || s) {
                assert_true(holds(i, SLICE("a.b"), signature, length));
                short_r += r;
                short_s += s;
            }
        }
        assert_true(short_r > 0 && short_s > 0);
    }
}

static void ecdsa_numbers_lie_below_the_order(void **state)
{
    static const int curves[] = {NID_X9_62_prime256v1, NID_secp384r1, NID_secp521r1};
    for (size_t i = 6; i < 9; i++) {
        EC_GROUP *group = EC_GROUP_new_by_curve_name(curves[i - 6]);
        const BIGNUM *order = EC_GROUP_get0_order(group);
        unsigned char signature[signature_max];
        size_t length = sign(i, SLICE("a.b"), signature);
        int half = (int)length / 2;
        for (size_t which = 0; which < 2; which++) {
            unsigned char *number = signature + (size_t)half * which;
            unsigned char kept[66];
            memcpy(kept, number, (size_t)half);
            memset(number, 0, (size_t)half);
            assert_false(holds(i, SLICE("a.b"), signature, length));
            assert_int_equal(BN_bn2binpad(order, number, half), half);
            assert_false(holds(i, SLICE("a.b"), signature, length));
            /* the same number once more around the curve, where it fits */
            BIGNUM *sum = BN_bin2bn(kept, half, NULL);
            assert_int_equal(BN_add(sum, sum, order), 1);
            if (BN_num_bytes(sum) <= half) {
                assert_int_equal(BN_bn2binpad(sum, number, half), half);
                assert_false(holds(i, SLICE("a.b"), signature, length));
            }
            BN_free(sum);
            memcpy(number, kept, (size_t)half);
        }
        assert_true(holds(i, SLICE("a.b"), signature, length));
        EC_GROUP_free(group);
    }
}

/* RFC 8032 5.1.7: S is reduced, or each signature would have a twin. */
static void an_ed25519_signature_has_no_twin(void **state)
{
    unsigned char signature[signature_max];
    unsigned char reversed[32];
    BIGNUM *order = NULL;
    assert_int_equal(sign(9, SLICE("a.b"), signature), 64);
    BIGNUM *sum = BN_lebin2bn(signature + 32, 32, NULL);
    assert_int_not_equal(
        BN_hex2bn(&order, "1000000000000000000000000000000014DEF9DEA2F79CD65812631A5CF5D3ED"), 0);
    assert_int_equal(BN_add(sum, sum, order), 1);
    assert_int_equal(BN_bn2lebinpad(sum, reversed, 32), 32);
    memcpy(signature + 32, reversed, 32);
    assert_false(holds(9, SLICE("a.b"), signature, 64));
    BN_free(sum);
    BN_free(order);
}

/* The contexts kept with a key remember nothing of the last message, nor of another key. */
static void keys_do_not_disturb_each_other(void **state)
{
    struct signer *other = signer_create("Ed25519");
    struct buffer json;
    struct jwks *two = NULL;
    struct jwk *keys[2] = {NULL, NULL};
    unsigned char signatures[2][signature_max];
    const struct algorithm *algorithm = algorithm_find(SLICE("EdDSA"));
    buffer_init(&json, 4096);
    buffer_append_string(&json, "{\"keys\":[");
    signer_append_jwk(signers[4], ",\"kid\":\"0\"", &json);
    buffer_append_string(&json, ",");
    signer_append_jwk(other, ",\"kid\":\"1\"", &json);
    buffer_append_string(&json, "]}");
    assert_int_equal(jwks_parse(buffer_slice(&json), &two, NULL), STATUS_OK);
    assert_int_equal(jwks_find(two, true, SLICE("0"), algorithm, &keys[0]), JWKS_KEY_FOUND);
    assert_int_equal(jwks_find(two, true, SLICE("1"), algorithm, &keys[1]), JWKS_KEY_FOUND);
    signer_sign(signers[4], "EdDSA", -1, SLICE("a.b"), signatures[0]);
    signer_sign(other, "EdDSA", -1, SLICE("a.b"), signatures[1]);
    for (size_t round = 0; round < 8; round++) {
        size_t key = round & 1;
        size_t signature = round >> 1 & 1;
        assert_true(jwk_verify(keys[key], algorithm, SLICE("a.b"),
                               slice_make((const char *)signatures[signature], 64)) ==
                    (key == signature));
    }
    jwks_free(two);
    buffer_clear(&json);
    signer_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_hold_over_their_message_alone),
        cmocka_unit_test(a_signature_means_one_algorithm),
        cmocka_unit_test(one_changed_bit_spoils_a_signature),
        cmocka_unit_test(a_signature_has_one_length),
        cmocka_unit_test(zeros_and_ones_are_no_signature),
        cmocka_unit_test(pss_salts_have_one_length),
        cmocka_unit_test(short_numbers_of_ecdsa_are_read),
        cmocka_unit_test(ecdsa_numbers_lie_below_the_order),
        cmocka_unit_test(an_ed25519_signature_has_no_twin),
        cmocka_unit_test(keys_do_not_disturb_each_other),
    };
    return cmocka_run_group_tests(tests, begin_all, end_all);
}

/* SPDX-License-Identifier: MIT
 *
 * ed25519_key.c - canonical form, small order, and whether y is that of a point. Any thread. */
#include "auth/ed25519_key.h"

#include <openssl/bn.h>
#include <openssl/err.h>
#include <stddef.h>
#include <string.h>

/* 2^255 - 19, little-endian. */
static const unsigned char prime[ed25519_key_bytes] = {
    0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f};

/* d of the curve -x^2 + y^2 = 1 + d x^2 y^2 (RFC 8032 5.1), little-endian. */
static const unsigned char curve_d[ed25519_key_bytes] = {
    0xa3, 0x78, 0x59, 0x13, 0xca, 0x4d, 0xeb, 0x75, 0xab, 0xd8, 0x41, 0x41, 0x4d, 0x0a, 0x70, 0x00,
    0x98, 0xe8, 0x79, 0x77, 0x79, 0x40, 0xc7, 0x8c, 0x73, 0xfe, 0x6f, 0x2b, 0xee, 0x6c, 0x03, 0x52};

/* The y coordinates of the eight points whose order divides the cofactor, little-endian: with one
 * of them as a key, a forger needs no secret (RFC 7748 6.1; "Taming the many EdDSAs", 2020). */
static const unsigned char small_order[][ed25519_key_bytes] = {
    {0},
    {1},
    {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
     0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
     0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
    {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
     0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
     0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
};

enum ed25519_form ed25519_key_form(const unsigned char bytes[ed25519_key_bytes])
{
    unsigned char y[ed25519_key_bytes];
    memcpy(y, bytes, sizeof(y));
    y[ed25519_key_bytes - 1] &= 0x7f; /* the sign of x */
    int order = 0;
    for (size_t i = ed25519_key_bytes; i-- > 0 && order == 0;) {
        order = (int)y[i] - (int)prime[i];
    }
    if (order >= 0) {
        return ED25519_NOT_CANONICAL;
    }
    for (size_t i = 0; i < sizeof(small_order) / sizeof(small_order[0]); i++) {
        if (memcmp(y, small_order[i], sizeof(y)) == 0) {
            return ED25519_SMALL_ORDER;
        }
    }
    return ED25519_SOUND;
}

/* x^2 = (y^2 - 1) / (d y^2 + 1) has a root when numerator times denominator is a square. */
static bool has_root(const unsigned char y_bytes[ed25519_key_bytes], BN_CTX *context)
{
    BN_CTX_start(context);
    BIGNUM *p = BN_CTX_get(context);
    BIGNUM *d = BN_CTX_get(context);
    BIGNUM *y = BN_CTX_get(context);
    BIGNUM *square = BN_CTX_get(context);
    BIGNUM *product = BN_CTX_get(context);
    bool is_root = product != NULL && BN_lebin2bn(prime, sizeof(prime), p) != NULL &&
                   BN_lebin2bn(curve_d, sizeof(curve_d), d) != NULL &&
                   BN_lebin2bn(y_bytes, ed25519_key_bytes, y) != NULL &&
                   BN_mod_sqr(square, y, p, context) == 1 &&
                   BN_mod_mul(product, d, square, p, context) == 1 &&
                   BN_add_word(product, 1) == 1 && BN_sub_word(square, 1) == 1 &&
                   BN_mod_mul(product, product, square, p, context) == 1 &&
                   BN_kronecker(product, p, context) == 1;
    BN_CTX_end(context);
    return is_root;
}

bool ed25519_key_is_point(const unsigned char bytes[ed25519_key_bytes])
{
    unsigned char y[ed25519_key_bytes];
    memcpy(y, bytes, sizeof(y));
    y[ed25519_key_bytes - 1] &= 0x7f;
    BN_CTX *context = BN_CTX_new();
    bool is_point = context != NULL && has_root(y, context);
    BN_CTX_free(context);
    ERR_clear_error();
    return is_point;
}

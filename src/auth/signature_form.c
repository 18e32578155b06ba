/* SPDX-License-Identifier: MIT
 *
 * signature_form.c - see signature_form.h. */
#include "auth/signature_form.h"

static const unsigned char p256_order[32] = {
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};
static const unsigned char p384_order[48] = {
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xc7, 0x63, 0x4d, 0x81, 0xf4, 0x37, 0x2d, 0xdf,
    0x58, 0x1a, 0x0d, 0xb2, 0x48, 0xb0, 0xa7, 0x7a, 0xec, 0xec, 0x19, 0x6a, 0xcc, 0xc5, 0x29, 0x73};
static const unsigned char p521_order[66] = {
    0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xfa, 0x51, 0x86, 0x87, 0x83, 0xbf, 0x2f, 0x96, 0x6b,
    0x7f, 0xcc, 0x01, 0x48, 0xf7, 0x09, 0xa5, 0xd0, 0x3b, 0xb5, 0xc9, 0xb8, 0x89, 0x9c,
    0x47, 0xae, 0xbb, 0x6f, 0xb7, 0x1e, 0x91, 0x38, 0x64, 0x09};

static const unsigned char secp256k1_order[32] = {
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe,
    0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41};
/* The first s that is the larger of two: half the order, rounded up. */
static const unsigned char secp256k1_high[32] = {
    0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0x5d, 0x57, 0x6e, 0x73, 0x57, 0xa4, 0x50, 0x1d, 0xdf, 0xe9, 0x2f, 0x46, 0x68, 0x1b, 0x20, 0xa1};
/* L of Ed25519, big-endian here. */
static const unsigned char ed25519_order[32] = {
    0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x14, 0xde, 0xf9, 0xde, 0xa2, 0xf7, 0x9c, 0xd6, 0x58, 0x12, 0x63, 0x1a, 0x5c, 0xf5, 0xd3, 0xed};

enum { half_bytes = 32, ed25519_signature_bytes = 64 };

struct slice curve_order(enum key_kind kind)
{
    switch (kind) {
    case KEY_P256:
        return slice_make((const char *)p256_order, sizeof(p256_order));
    case KEY_P384:
        return slice_make((const char *)p384_order, sizeof(p384_order));
    case KEY_P521:
        return slice_make((const char *)p521_order, sizeof(p521_order));
    case KEY_SECP256K1:
    case KEY_ETHEREUM:
        return slice_make((const char *)secp256k1_order, sizeof(secp256k1_order));
    case KEY_NONE:
    case KEY_RSA:
    case KEY_ED25519:
        break;
    }
    return (struct slice){NULL, 0};
}

bool curve_order_allows(struct slice order, const unsigned char *number)
{
    unsigned char any = 0;
    for (size_t i = 0; i < order.length; i++) {
        any |= number[i];
    }
    return any != 0 && memcmp(number, order.data, order.length) < 0;
}

/* A SEQUENCE that fills the signature exactly. */
static bool looks_like_der(struct slice signature)
{
    const unsigned char *bytes = (const unsigned char *)signature.data;
    return signature.length > 4 && bytes[0] == 0x30 &&
           ((bytes[1] < 0x80 && (size_t)bytes[1] + 2 == signature.length) ||
            (bytes[1] == 0x81 && (size_t)bytes[2] + 3 == signature.length));
}

static enum deny_reason ecdsa_check(const struct algorithm *algorithm, struct slice signature)
{
    struct slice order = curve_order(algorithm->key);
    size_t extra = algorithm->method == METHOD_RECOVERY ? 1 : 0;
    const unsigned char *r = (const unsigned char *)signature.data;
    if (signature.length != 2 * order.length + extra) {
        return looks_like_der(signature) ? DENY_SIGNATURE_DER : DENY_SIGNATURE_LENGTH;
    }
    const unsigned char *s = r + order.length;
    if (!curve_order_allows(order, r) || !curve_order_allows(order, s)) {
        return DENY_SIGNATURE_RANGE;
    }
    bool has_low_s = algorithm->key == KEY_SECP256K1 || algorithm->key == KEY_ETHEREUM;
    if (has_low_s && memcmp(s, secp256k1_high, half_bytes) >= 0) {
        return DENY_SIGNATURE_HIGH_S;
    }
    if (extra != 0) {
        unsigned char last = r[2 * order.length];
        if (last != 0 && last != 1 && last != 27 && last != 28) {
            return DENY_SIGNATURE_RECOVERY_ID;
        }
    }
    return DENY_UNDECIDED;
}

static enum deny_reason ed25519_check(struct slice signature)
{
    if (signature.length != ed25519_signature_bytes) {
        return DENY_SIGNATURE_LENGTH;
    }
    for (size_t i = 0; i < half_bytes; i++) { /* little-endian: the last byte counts most */
        unsigned char byte = (unsigned char)signature.data[ed25519_signature_bytes - 1 - i];
        if (byte != ed25519_order[i]) {
            return byte < ed25519_order[i] ? DENY_UNDECIDED : DENY_SIGNATURE_S_NOT_REDUCED;
        }
    }
    return DENY_SIGNATURE_S_NOT_REDUCED; /* the order itself */
}

enum deny_reason signature_form_check(const struct algorithm *algorithm, struct slice signature)
{
    switch (algorithm->method) {
    case METHOD_ECDSA:
    case METHOD_RECOVERY:
        return ecdsa_check(algorithm, signature);
    case METHOD_EDDSA:
        return ed25519_check(signature);
    case METHOD_RSA_PKCS1:
    case METHOD_RSA_PSS:
        break;
    }
    return DENY_UNDECIDED;
}

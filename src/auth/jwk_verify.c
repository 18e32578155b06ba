/* SPDX-License-Identifier: MIT
 *
 * jwk_verify.c - checks one signature with one key.
 *
 * RSA and ECDSA: the message is hashed apart and EVP_PKEY_verify called on a context kept with the
 * key, which costs little more than the arithmetic. Ed25519 hashes by itself. Thread: the one that
 * owns the set. */
#include "auth/jwk.h"

#include <assert.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

enum {
    ed25519_signature_bytes = 64,
    ecdsa_half_bytes_max = 66,
    ecdsa_der_bytes_max = 3 + 2 * (2 + 1 + ecdsa_half_bytes_max),
};

/* The orders of the curves: r and s of a signature lie between 1 and these, exclusive (FIPS
 * 186-5 6.4.2). */
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

static struct slice curve_order(enum key_kind kind)
{
    switch (kind) {
    case KEY_P256:
        return slice_make((const char *)p256_order, sizeof(p256_order));
    case KEY_P384:
        return slice_make((const char *)p384_order, sizeof(p384_order));
    case KEY_P521:
        return slice_make((const char *)p521_order, sizeof(p521_order));
    case KEY_NONE:
    case KEY_RSA:
    case KEY_ED25519:
        break;
    }
    return (struct slice){NULL, 0};
}

/* Appends a DER INTEGER: no leading zeros but one before a set high bit. Returns the end. */
static unsigned char *der_integer(unsigned char *out, const unsigned char *number, size_t length)
{
    while (length > 1 && *number == 0) {
        number++;
        length--;
    }
    size_t pad = (*number & 0x80) != 0 ? 1 : 0;
    *out++ = 0x02;
    *out++ = (unsigned char)(length + pad);
    if (pad != 0) {
        *out++ = 0;
    }
    memcpy(out, number, length);
    return out + length;
}

static bool is_within_order(const unsigned char *number, struct slice order)
{
    unsigned char any = 0;
    for (size_t i = 0; i < order.length; i++) {
        any |= number[i];
    }
    return any != 0 && memcmp(number, order.data, order.length) < 0;
}

/* JWS has r and s side by side in their full size (RFC 7518 3.4), OpenSSL wants DER. 0 when the
 * signature is malformed. */
static size_t ecdsa_to_der(struct slice signature, struct slice order,
                           unsigned char ret[ecdsa_der_bytes_max])
{
    const unsigned char *r = (const unsigned char *)signature.data;
    if (order.length == 0 || signature.length != 2 * order.length || !is_within_order(r, order) ||
        !is_within_order(r + order.length, order)) {
        return 0;
    }
    unsigned char numbers[2 * (2 + 1 + ecdsa_half_bytes_max)];
    unsigned char *end = der_integer(numbers, r, order.length);
    end = der_integer(end, r + order.length, order.length);
    size_t length = (size_t)(end - numbers);
    size_t head = 0;
    ret[head++] = 0x30;
    if (length >= 0x80) {
        ret[head++] = 0x81;
    }
    ret[head++] = (unsigned char)length;
    memcpy(ret + head, numbers, length);
    return head + length;
}

/* A context that verifies hashes of <algorithm>; NULL when OpenSSL has none. */
static EVP_PKEY_CTX *context_make(const struct jwk *key, const struct algorithm *algorithm)
{
    EVP_MD *hash = key->hashes->kinds[algorithm->hash];
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key->key, NULL);
    bool is_ready = context != NULL && EVP_PKEY_verify_init(context) == 1;
    if (is_ready && algorithm->method == METHOD_RSA_PKCS1) {
        is_ready = EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1;
    }
    if (is_ready && algorithm->method == METHOD_RSA_PSS) {
        is_ready = EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
                   EVP_PKEY_CTX_set_rsa_mgf1_md(context, hash) == 1 &&
                   EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
    }
    is_ready = is_ready && EVP_PKEY_CTX_set_signature_md(context, hash) == 1;
    if (!is_ready) {
        EVP_PKEY_CTX_free(context);
        return NULL;
    }
    return context;
}

static bool hashed_verify(struct jwk *key, const struct algorithm *algorithm, struct slice message,
                          struct slice signature)
{
    EVP_PKEY_CTX **context =
        &key->contexts[algorithm->method == METHOD_RSA_PSS ? 1 : 0][algorithm->hash];
    if (*context == NULL) {
        *context = context_make(key, algorithm);
    }
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned hash_length = 0;
    EVP_MD_CTX *hashing = key->hashes->context;
    return *context != NULL &&
           EVP_DigestInit_ex2(hashing, key->hashes->kinds[algorithm->hash], NULL) == 1 &&
           EVP_DigestUpdate(hashing, message.data, message.length) == 1 &&
           EVP_DigestFinal_ex(hashing, hash, &hash_length) == 1 &&
           EVP_PKEY_verify(*context, (const unsigned char *)signature.data, signature.length, hash,
                           hash_length) == 1;
}

static bool rsa_verify(struct jwk *key, const struct algorithm *algorithm, struct slice message,
                       struct slice signature)
{
    return signature.length == (size_t)EVP_PKEY_get_size(key->key) &&
           hashed_verify(key, algorithm, message, signature);
}

static bool ecdsa_verify(struct jwk *key, const struct algorithm *algorithm, struct slice message,
                         struct slice signature)
{
    unsigned char der[ecdsa_der_bytes_max];
    size_t length = ecdsa_to_der(signature, curve_order(key->kind), der);
    return length > 0 &&
           hashed_verify(key, algorithm, message, slice_make((const char *)der, length));
}

/* OpenSSL refuses S >= L, so that a signature has one form (RFC 8032 5.1.7). */
static bool ed25519_verify(struct jwk *key, struct slice message, struct slice signature)
{
    if (signature.length != ed25519_signature_bytes) {
        return false;
    }
    /* One context for each key: EVP_DigestVerifyInit on a context that has a key silently keeps
     * that key. */
    if (key->message_context == NULL) {
        key->message_context = EVP_MD_CTX_new();
    }
    return key->message_context != NULL &&
           EVP_DigestVerifyInit(key->message_context, NULL, NULL, NULL, key->key) == 1 &&
           EVP_DigestVerify(key->message_context, (const unsigned char *)signature.data,
                            signature.length, (const unsigned char *)message.data,
                            message.length) == 1;
}

bool jwk_verify(struct jwk *key, const struct algorithm *algorithm, struct slice message,
                struct slice signature)
{
    assert(key->kind == algorithm->key && key->kind != KEY_NONE);
    bool is_valid = false;
    switch (algorithm->method) {
    case METHOD_RSA_PKCS1:
    case METHOD_RSA_PSS:
        is_valid = rsa_verify(key, algorithm, message, signature);
        break;
    case METHOD_ECDSA:
        is_valid = ecdsa_verify(key, algorithm, message, signature);
        break;
    case METHOD_EDDSA:
        is_valid = ed25519_verify(key, message, signature);
        break;
    }
    if (!is_valid) {
        ERR_clear_error(); /* SSL_get_error on this thread looks at the same queue */
    }
    return is_valid;
}

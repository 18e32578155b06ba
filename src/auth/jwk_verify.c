/* SPDX-License-Identifier: MIT
 *
 * jwk_verify.c - checks one signature with one key.
 *
 * RSA and ECDSA: the message is hashed apart and EVP_PKEY_verify called on a context kept with the
 * key, which costs little more than the arithmetic. Ed25519 hashes by itself. Thread: the one that
 * owns the set. */
#include "auth/jwk.h"

#include "auth/signature_form.h"

#include <assert.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

enum {
    ed25519_signature_bytes = 64,
    ecdsa_half_bytes_max = 66,
    ecdsa_der_bytes_max = 3 + 2 * (2 + 1 + ecdsa_half_bytes_max),
};

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

/* JWS has r and s side by side in their full size (RFC 7518 3.4), OpenSSL wants DER. 0 when the
 * signature is malformed. */
static size_t ecdsa_to_der(struct slice signature, struct slice order,
                           unsigned char ret[ecdsa_der_bytes_max])
{
    const unsigned char *r = (const unsigned char *)signature.data;
    if (order.length == 0 || signature.length != 2 * order.length ||
        !curve_order_allows(order, r) || !curve_order_allows(order, r + order.length)) {
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

static bool message_hash(struct jwk *key, const struct algorithm *algorithm, struct slice message,
                         unsigned char ret_hash[EVP_MAX_MD_SIZE], unsigned *ret_length)
{
    EVP_MD_CTX *hashing = key->hashes->context;
    return EVP_DigestInit_ex2(hashing, key->hashes->kinds[algorithm->hash], NULL) == 1 &&
           EVP_DigestUpdate(hashing, message.data, message.length) == 1 &&
           EVP_DigestFinal_ex(hashing, ret_hash, ret_length) == 1;
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
    return *context != NULL && message_hash(key, algorithm, message, hash, &hash_length) &&
           EVP_PKEY_verify(*context, (const unsigned char *)signature.data, signature.length, hash,
                           hash_length) == 1;
}

static bool rsa_verify(struct jwk *key, const struct algorithm *algorithm, struct slice message,
                       struct slice signature)
{
    return signature.length == (size_t)EVP_PKEY_get_size(key->key) &&
           hashed_verify(key, algorithm, message, signature);
}

static bool k256_jwk_verify(struct jwk *key, const struct algorithm *algorithm,
                            struct slice message, struct slice signature)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned hash_length = 0;
    return signature.length == k256_signature_bytes &&
           message_hash(key, algorithm, message, hash, &hash_length) &&
           hash_length == k256_hash_bytes &&
           k256_verify(&key->k256, hash, (const unsigned char *)signature.data);
}

static bool ecdsa_verify(struct jwk *key, const struct algorithm *algorithm, struct slice message,
                         struct slice signature)
{
    if (key->kind == KEY_SECP256K1) {
        return k256_jwk_verify(key, algorithm, message, signature);
    }
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
    case METHOD_RECOVERY: /* of addresses alone, and no JWK is one */
        break;
    }
    if (!is_valid) {
        ERR_clear_error(); /* SSL_get_error on this thread looks at the same queue */
    }
    return is_valid;
}

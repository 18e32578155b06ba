/* SPDX-License-Identifier: MIT
 *
 * signer.c - keys and tokens for tests, made with OpenSSL's own high-level calls. */
#include "signer.h"

#include "base/base64url.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>

struct signer {
    const char *type;
    EVP_PKEY *key;
    size_t coordinate_bytes;
};

static void must(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "signer: %s\n", what);
        abort();
    }
}

struct signer *signer_create(const char *type)
{
    struct signer *signer = calloc(1, sizeof(*signer));
    must(signer != NULL, "no memory");
    signer->type = type;
    if (strncmp(type, "RSA", 3) == 0) {
        size_t bits = strcmp(type, "RSA-1024") == 0 ? 1024 : 2048;
        bits = strcmp(type, "RSA-3072") == 0 ? 3072 : bits;
        signer->key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", bits);
    } else if (strncmp(type, "P-", 2) == 0) {
        signer->key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", type);
        signer->coordinate_bytes = ((size_t)EVP_PKEY_get_bits(signer->key) + 7) / 8;
    } else {
        signer->key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    }
    must(signer->key != NULL, "no key");
    return signer;
}

void signer_free(struct signer *signer)
{
    if (signer != NULL) {
        EVP_PKEY_free(signer->key);
        free(signer);
    }
}

void append_base64url(struct buffer *buffer, struct slice bytes)
{
    char *out = buffer_reserve(buffer, BASE64URL_ENCODED_SIZE(bytes.length) + 1);
    must(out != NULL, "buffer full");
    buffer->length += base64url_encode((const unsigned char *)bytes.data, bytes.length, out);
}

static void append_number(const struct signer *signer, const char *member, const char *parameter,
                          size_t size, struct buffer *buffer)
{
    BIGNUM *number = NULL;
    unsigned char bytes[1024];
    must(EVP_PKEY_get_bn_param(signer->key, parameter, &number) == 1, parameter);
    size_t length = size > 0 ? size : (size_t)BN_num_bytes(number);
    must(BN_bn2binpad(number, bytes, (int)length) == (int)length, "number too long");
    buffer_append_format(buffer, ",\"%s\":\"", member);
    append_base64url(buffer, slice_make((const char *)bytes, length));
    buffer_append_string(buffer, "\"");
    BN_free(number);
}

void signer_append_jwk(const struct signer *signer, const char *members, struct buffer *buffer)
{
    if (strncmp(signer->type, "RSA", 3) == 0) {
        buffer_append_string(buffer, "{\"kty\":\"RSA\"");
        append_number(signer, "n", OSSL_PKEY_PARAM_RSA_N, 0, buffer);
        append_number(signer, "e", OSSL_PKEY_PARAM_RSA_E, 0, buffer);
    } else if (signer->coordinate_bytes > 0) {
        buffer_append_format(buffer, "{\"kty\":\"EC\",\"crv\":\"%s\"", signer->type);
        append_number(signer, "x", OSSL_PKEY_PARAM_EC_PUB_X, signer->coordinate_bytes, buffer);
        append_number(signer, "y", OSSL_PKEY_PARAM_EC_PUB_Y, signer->coordinate_bytes, buffer);
    } else {
        unsigned char bytes[32];
        size_t length = sizeof(bytes);
        must(EVP_PKEY_get_raw_public_key(signer->key, bytes, &length) == 1, "no raw key");
        buffer_append_string(buffer, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"");
        append_base64url(buffer, slice_make((const char *)bytes, length));
        buffer_append_string(buffer, "\"");
    }
    buffer_append_string(buffer, members);
    buffer_append_string(buffer, "}");
}

EVP_PKEY *signer_key(const struct signer *signer)
{
    return signer->key;
}

size_t signer_public_key(const struct signer *signer, unsigned char *ret)
{
    size_t size = signer->coordinate_bytes;
    size_t length = 32;
    BIGNUM *x = NULL;
    BIGNUM *y = NULL;
    if (size == 0) {
        must(EVP_PKEY_get_raw_public_key(signer->key, ret, &length) == 1, "no raw key");
        return length;
    }
    must(EVP_PKEY_get_bn_param(signer->key, OSSL_PKEY_PARAM_EC_PUB_X, &x) == 1, "x");
    must(EVP_PKEY_get_bn_param(signer->key, OSSL_PKEY_PARAM_EC_PUB_Y, &y) == 1, "y");
    ret[0] = BN_is_odd(y) ? 3 : 2;
    must(BN_bn2binpad(x, ret + 1, (int)size) == (int)size, "x too long");
    BN_free(x);
    BN_free(y);
    return 1 + size;
}

static size_t der_to_raw(const unsigned char *der, size_t der_length, size_t size,
                         unsigned char *ret)
{
    ECDSA_SIG *parts = d2i_ECDSA_SIG(NULL, &der, (long)der_length);
    must(parts != NULL, "no DER signature");
    must(BN_bn2binpad(ECDSA_SIG_get0_r(parts), ret, (int)size) == (int)size, "r too long");
    must(BN_bn2binpad(ECDSA_SIG_get0_s(parts), ret + size, (int)size) == (int)size, "s too long");
    ECDSA_SIG_free(parts);
    return 2 * size;
}

size_t signer_sign(const struct signer *signer, const char *alg, int salt_length,
                   struct slice message, unsigned char *ret)
{
    const char *hash = NULL;
    if (alg[0] != 'E' || alg[1] == 'S') {
        hash = strcmp(alg + 2, "256") == 0   ? "SHA256"
               : strcmp(alg + 2, "384") == 0 ? "SHA384"
                                             : "SHA512";
    }
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key_context = NULL;
    must(EVP_DigestSignInit_ex(context, &key_context, hash, NULL, NULL, signer->key, NULL) == 1,
         "sign init");
    if (alg[0] == 'P') {
        must(EVP_PKEY_CTX_set_rsa_padding(key_context, RSA_PKCS1_PSS_PADDING) == 1, "padding");
        must(EVP_PKEY_CTX_set_rsa_pss_saltlen(key_context, salt_length) == 1, "salt");
    }
    unsigned char signature[1024];
    size_t length = sizeof(signature);
    must(EVP_DigestSign(context, signature, &length, (const unsigned char *)message.data,
                        message.length) == 1,
         "sign");
    EVP_MD_CTX_free(context);
    if (signer->coordinate_bytes > 0) {
        return der_to_raw(signature, length, signer->coordinate_bytes, ret);
    }
    memcpy(ret, signature, length);
    return length;
}

void append_segments(struct buffer *buffer, struct slice header, struct slice payload,
                     struct slice signature)
{
    append_base64url(buffer, header);
    buffer_append_byte(buffer, '.');
    append_base64url(buffer, payload);
    buffer_append_byte(buffer, '.');
    append_base64url(buffer, signature);
}

void signer_append_token(const struct signer *signer, const char *alg, const char *header,
                         const char *payload, struct buffer *buffer)
{
    unsigned char signature[1024];
    size_t start = buffer->length;
    append_base64url(buffer, slice_from_string(header));
    buffer_append_byte(buffer, '.');
    append_base64url(buffer, slice_from_string(payload));
    size_t length =
        signer_sign(signer, alg, -1, slice_after(buffer_slice(buffer), start), signature);
    buffer_append_byte(buffer, '.');
    append_base64url(buffer, slice_make((const char *)signature, length));
    must(!buffer->failed, "buffer failed");
}

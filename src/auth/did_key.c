/* SPDX-License-Identifier: MIT
 *
 * did_key.c - see did_key.h. The file handling is did_key_file.c. */
#include "auth/did_key.h"

#include "auth/did.h"
#include "auth/did_key_file.h"
#include "auth/signature_form.h"
#include "base/base64url.h"
#include "base/random.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <stdlib.h>

enum {
    half_bytes = 32,
    signature_bytes = 64,
    der_bytes_max = 80,
    id_bytes = 16,
    audience_bytes_max = 1024,
    claims_bytes_max = 16 * 1024,
    did_text_bytes = 64,
};

static const struct key_type {
    const char *name;
    const char *algorithm;
    const char *openssl; /* what OpenSSL calls the key */
    const char *group;   /* NULL: it has none */
    enum key_kind kind;
} types[] = {
    {"ed25519", "EdDSA", "ED25519", NULL, KEY_ED25519},
    {"p256", "ES256", "EC", "prime256v1", KEY_P256},
    {"secp256k1", "ES256K", "EC", "secp256k1", KEY_SECP256K1},
};

struct did_key {
    const struct key_type *type;
    EVP_PKEY *key;
    char did[did_text_bytes];
    size_t did_length;
};

/* The public half as did:key has it; 0 when OpenSSL does not give it. */
static size_t public_bytes(const struct did_key *key, unsigned char ret[did_key_bytes_max])
{
    size_t length = did_key_bytes_max;
    BIGNUM *x = NULL;
    BIGNUM *y = NULL;
    if (key->type->group == NULL) {
        return EVP_PKEY_get_raw_public_key(key->key, ret, &length) == 1 ? length : 0;
    }
    length = 0;
    if (EVP_PKEY_get_bn_param(key->key, OSSL_PKEY_PARAM_EC_PUB_X, &x) == 1 &&
        EVP_PKEY_get_bn_param(key->key, OSSL_PKEY_PARAM_EC_PUB_Y, &y) == 1 &&
        BN_bn2binpad(x, ret + 1, half_bytes) == half_bytes) {
        ret[0] = BN_is_odd(y) ? 3 : 2;
        length = 1 + half_bytes;
    }
    BN_free(x);
    BN_free(y);
    return length;
}

static bool did_make(struct did_key *key)
{
    unsigned char bytes[did_key_bytes_max];
    struct slice prefix = SLICE("did:key:");
    struct arena arena;
    size_t length = public_bytes(key, bytes);
    arena_init(&arena, 4096);
    struct slice multibase =
        did_multibase(key->type->kind, slice_make((const char *)bytes, length), &arena);
    bool is_made = multibase.data != NULL && prefix.length + multibase.length <= sizeof(key->did);
    if (is_made) {
        memcpy(key->did, prefix.data, prefix.length);
        memcpy(key->did + prefix.length, multibase.data, multibase.length);
        key->did_length = prefix.length + multibase.length;
    }
    arena_clear(&arena);
    return is_made;
}

static enum status key_wrap(EVP_PKEY *take_key, const struct key_type *type, struct did_key **ret,
                            struct failure *reterr)
{
    struct did_key *key = calloc(1, sizeof(*key));
    if (key == NULL) {
        EVP_PKEY_free(take_key);
        failure_set(reterr, "no memory for a key");
        return STATUS_NO_MEMORY;
    }
    key->type = type;
    key->key = take_key;
    if (!did_make(key)) {
        ERR_clear_error();
        did_key_free(key);
        failure_set(reterr, "OpenSSL gives no public half of the key");
        return STATUS_IO;
    }
    *ret = key;
    return STATUS_OK;
}

enum status did_key_create(struct slice type, struct did_key **ret, struct failure *reterr)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (!slice_equals(type, slice_from_string(types[i].name))) {
            continue;
        }
        EVP_PKEY *key = types[i].group == NULL
                            ? EVP_PKEY_Q_keygen(NULL, NULL, types[i].openssl)
                            : EVP_PKEY_Q_keygen(NULL, NULL, types[i].openssl, types[i].group);
        if (key == NULL) {
            ERR_clear_error();
            failure_set(reterr, "OpenSSL cannot make a key of type %s", types[i].name);
            return STATUS_IO;
        }
        return key_wrap(key, &types[i], ret, reterr);
    }
    failure_set(reterr, "a key is of type ed25519, p256 or secp256k1");
    return STATUS_INVALID;
}

enum status did_key_write(const struct did_key *key, const char *path, struct failure *reterr)
{
    enum status status = did_key_file_write(path, key->key, reterr);
    ERR_clear_error();
    return status;
}

static bool type_fits(const struct key_type *type, const EVP_PKEY *key)
{
    char group[32] = "";
    size_t length = 0;
    if (!EVP_PKEY_is_a(key, type->openssl)) {
        return false;
    }
    return type->group == NULL ||
           (EVP_PKEY_get_group_name(key, group, sizeof(group), &length) == 1 &&
            strcmp(group, type->group) == 0);
}

enum status did_key_read(const char *path, struct did_key **ret, struct failure *reterr)
{
    EVP_PKEY *key = NULL;
    enum status status = did_key_file_read(path, &key, reterr);
    ERR_clear_error();
    if (status != STATUS_OK) {
        return status;
    }
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (type_fits(&types[i], key)) {
            return key_wrap(key, &types[i], ret, reterr);
        }
    }
    EVP_PKEY_free(key);
    failure_set(reterr, "%.100s holds a key of another type than ed25519, p256 and secp256k1",
                path);
    return STATUS_UNSUPPORTED;
}

void did_key_free(struct did_key *key)
{
    if (key == NULL) {
        return;
    }
    EVP_PKEY_free(key->key);
    free(key);
}

struct slice did_key_did(const struct did_key *key)
{
    return slice_make(key->did, key->did_length);
}

/* ---- tokens ---- */

/* Of the two numbers that verify, the smaller (EIP-2). */
static bool s_lower(const struct did_key *key, BIGNUM *s)
{
    struct slice bytes = curve_order(key->type->kind);
    if (key->type->kind != KEY_SECP256K1) {
        return true;
    }
    BIGNUM *order = BN_bin2bn((const unsigned char *)bytes.data, (int)bytes.length, NULL);
    BIGNUM *other = BN_new();
    bool is_done = order != NULL && other != NULL && BN_sub(other, order, s) == 1 &&
                   (BN_cmp(other, s) >= 0 || BN_copy(s, other) != NULL);
    BN_free(order);
    BN_free(other);
    return is_done;
}

/* OpenSSL writes DER, JWS has r and s side by side (RFC 7518 3.4). */
static bool raw_from_der(const struct did_key *key, const unsigned char *der, size_t length,
                         unsigned char ret[signature_bytes])
{
    ECDSA_SIG *parts = d2i_ECDSA_SIG(NULL, &der, (long)length);
    BIGNUM *s = parts == NULL ? NULL : BN_dup(ECDSA_SIG_get0_s(parts));
    bool is_done = s != NULL && s_lower(key, s) &&
                   BN_bn2binpad(ECDSA_SIG_get0_r(parts), ret, half_bytes) == half_bytes &&
                   BN_bn2binpad(s, ret + half_bytes, half_bytes) == half_bytes;
    BN_free(s);
    ECDSA_SIG_free(parts);
    return is_done;
}

static bool sign(const struct did_key *key, struct slice message,
                 unsigned char ret[signature_bytes])
{
    unsigned char signature[der_bytes_max];
    size_t length = sizeof(signature);
    bool is_ecdsa = key->type->group != NULL;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool is_done = context != NULL &&
                   EVP_DigestSignInit_ex(context, NULL, is_ecdsa ? "SHA256" : NULL, NULL, NULL,
                                         key->key, NULL) == 1 &&
                   EVP_DigestSign(context, signature, &length, (const unsigned char *)message.data,
                                  message.length) == 1;
    EVP_MD_CTX_free(context);
    if (is_done && is_ecdsa) {
        is_done = raw_from_der(key, signature, length, ret);
    } else if (is_done) {
        is_done = length == signature_bytes;
        memcpy(ret, signature, signature_bytes);
    }
    ERR_clear_error();
    return is_done;
}

static void append_base64url(struct buffer *buffer, struct slice bytes)
{
    char *out = buffer_reserve(buffer, BASE64URL_ENCODED_SIZE(bytes.length));
    if (out != NULL) {
        buffer->length += base64url_encode((const unsigned char *)bytes.data, bytes.length, out);
    }
}

static void append_header(const struct did_key *key, struct buffer *buffer)
{
    struct slice did = did_key_did(key);
    buffer_append_format(buffer, "{\"alg\":\"%s\",\"typ\":\"JWT\",\"kid\":\"%.*s#%.*s\"}",
                         key->type->algorithm, SLICE_ARGS(did),
                         SLICE_ARGS(slice_after(did, sizeof("did:key:") - 1)));
}

static void append_claims(const struct did_key *key, struct slice audience, int64_t now_s,
                          int64_t lifetime_s, struct buffer *buffer)
{
    struct slice did = did_key_did(key);
    unsigned char id[id_bytes];
    random_fill(id, sizeof(id));
    buffer_append_format(buffer, "{\"iss\":\"%.*s\",\"sub\":\"%.*s\",\"aud\":", SLICE_ARGS(did),
                         SLICE_ARGS(did));
    buffer_append_json_string(buffer, audience);
    buffer_append_format(buffer, ",\"iat\":%lld,\"exp\":%lld,\"jti\":\"", (long long)now_s,
                         (long long)(now_s + lifetime_s));
    append_base64url(buffer, slice_make((const char *)id, sizeof(id)));
    buffer_append_string(buffer, "\"}");
}

enum status did_key_append_token(const struct did_key *key, struct slice audience, int64_t now_s,
                                 int64_t lifetime_s, struct buffer *buffer, struct failure *reterr)
{
    unsigned char signature[signature_bytes];
    struct buffer scratch;
    size_t start = buffer->length;
    if (audience.length == 0 || audience.length > audience_bytes_max) {
        failure_set(reterr, "the audience of a token has 1 to %d bytes", (int)audience_bytes_max);
        return STATUS_INVALID;
    }
    if (lifetime_s <= 0 || lifetime_s > INT32_MAX) {
        failure_set(reterr, "a token lives for at least one second and at most %d", INT32_MAX);
        return STATUS_INVALID;
    }
    buffer_init(&scratch, claims_bytes_max);
    append_header(key, &scratch);
    append_base64url(buffer, buffer_slice(&scratch));
    buffer_append_byte(buffer, '.');
    bool is_short = scratch.failed;
    buffer_reset(&scratch);
    append_claims(key, audience, now_s, lifetime_s, &scratch);
    append_base64url(buffer, buffer_slice(&scratch));
    is_short = is_short || scratch.failed || buffer->failed;
    buffer_clear(&scratch);
    if (!is_short && !sign(key, slice_after(buffer_slice(buffer), start), signature)) {
        failure_set(reterr, "OpenSSL cannot sign with the key");
        return STATUS_IO;
    }
    buffer_append_byte(buffer, '.');
    append_base64url(buffer, slice_make((const char *)signature, sizeof(signature)));
    if (is_short || buffer->failed) {
        failure_set(reterr, "no memory for a token");
        return STATUS_NO_MEMORY;
    }
    return STATUS_OK;
}

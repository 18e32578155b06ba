/* SPDX-License-Identifier: MIT
 *
 * wallet.c - see wallet.h. secp256k1 is signed with libsecp256k1, the rest by signer.c. */
#include "wallet.h"

#include "auth/did.h"
#include "auth/ethereum.h"
#include "base/base58.h"
#include "base/base64url.h"
#include "base/random.h"
#include "signer.h"

#include <openssl/evp.h>
#include <secp256k1.h>
#include <secp256k1_recovery.h>
#include <stdio.h>
#include <stdlib.h>

struct wallet {
    const char *type; /* of the key, without "jwk:" */
    struct signer *signer;
    secp256k1_context *context; /* secp256k1 and eip155 */
    unsigned char secret[32];
    struct k256_key key;
    char did[1024];
};

static void must(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "wallet: %s\n", what);
        abort();
    }
}

static bool is_k256(const struct wallet *wallet)
{
    return wallet->context != NULL;
}

static void k256_make(struct wallet *wallet)
{
    secp256k1_pubkey key;
    wallet->context = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
    do {
        random_fill(wallet->secret, sizeof(wallet->secret));
    } while (secp256k1_ec_pubkey_create(wallet->context, &key, wallet->secret) != 1);
    memcpy(wallet->key.bytes, key.data, sizeof(key.data));
}

static size_t key_bytes(const struct wallet *wallet, unsigned char ret[did_key_bytes_max])
{
    if (is_k256(wallet)) {
        k256_key_compressed(&wallet->key, ret);
        return k256_compressed_bytes;
    }
    return signer_public_key(wallet->signer, ret);
}

static enum key_kind key_kind(const struct wallet *wallet)
{
    return strcmp(wallet->type, "P-256") == 0       ? KEY_P256
           : strcmp(wallet->type, "P-384") == 0     ? KEY_P384
           : strcmp(wallet->type, "P-521") == 0     ? KEY_P521
           : strcmp(wallet->type, "secp256k1") == 0 ? KEY_SECP256K1
                                                    : KEY_ED25519;
}

static void did_key_make(struct wallet *wallet)
{
    unsigned char bytes[did_key_bytes_max];
    struct arena arena;
    arena_init(&arena, 4096);
    size_t length = key_bytes(wallet, bytes);
    struct slice text =
        did_multibase(key_kind(wallet), slice_make((const char *)bytes, length), &arena);
    must(text.data != NULL, "no multibase");
    snprintf(wallet->did, sizeof(wallet->did), "did:key:%.*s", SLICE_ARGS(text));
    arena_clear(&arena);
}

static void did_pkh_make(struct wallet *wallet)
{
    char text[64];
    unsigned char bytes[did_key_bytes_max];
    if (is_k256(wallet)) {
        ethereum_key_address(&wallet->key, bytes);
        ethereum_address_text(bytes, text);
        snprintf(wallet->did, sizeof(wallet->did), "did:pkh:eip155:1:%.*s",
                 (int)ethereum_address_length, text);
        return;
    }
    size_t length = base58_encode(bytes, key_bytes(wallet, bytes), text);
    snprintf(wallet->did, sizeof(wallet->did),
             "did:pkh:solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp:%.*s", (int)length, text);
}

static void did_jwk_make(struct wallet *wallet)
{
    struct buffer json;
    struct buffer text;
    buffer_init(&json, 4096);
    buffer_init(&text, 4096);
    wallet_append_jwk(wallet, "", &json);
    append_base64url(&text, buffer_slice(&json));
    snprintf(wallet->did, sizeof(wallet->did), "did:jwk:%.*s", SLICE_ARGS(buffer_slice(&text)));
    buffer_clear(&json);
    buffer_clear(&text);
}

struct wallet *wallet_create(const char *type)
{
    struct wallet *wallet = calloc(1, sizeof(*wallet));
    must(wallet != NULL, "no memory");
    bool is_jwk = strncmp(type, "jwk:", 4) == 0;
    wallet->type = is_jwk ? type + 4 : type;
    if (strcmp(wallet->type, "secp256k1") == 0 || strcmp(wallet->type, "eip155") == 0) {
        k256_make(wallet);
    } else {
        wallet->signer =
            signer_create(strcmp(wallet->type, "solana") == 0 ? "Ed25519" : wallet->type);
    }
    if (is_jwk) {
        did_jwk_make(wallet);
    } else if (strcmp(type, "solana") == 0 || strcmp(type, "eip155") == 0) {
        did_pkh_make(wallet);
    } else {
        did_key_make(wallet);
    }
    return wallet;
}

void wallet_free(struct wallet *wallet)
{
    if (wallet != NULL) {
        signer_free(wallet->signer);
        if (wallet->context != NULL) {
            secp256k1_context_destroy(wallet->context);
        }
        free(wallet);
    }
}

const char *wallet_did(const struct wallet *wallet)
{
    return wallet->did;
}

void wallet_append_jwk(const struct wallet *wallet, const char *members, struct buffer *buffer)
{
    unsigned char point[k256_uncompressed_bytes];
    if (!is_k256(wallet)) {
        signer_append_jwk(wallet->signer, members, buffer);
        return;
    }
    k256_key_uncompressed(&wallet->key, point);
    buffer_append_string(buffer, "{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"");
    append_base64url(buffer, slice_make((const char *)point + 1, 32));
    buffer_append_string(buffer, "\",\"y\":\"");
    append_base64url(buffer, slice_make((const char *)point + 33, 32));
    buffer_append_format(buffer, "\"%s}", members);
}

size_t wallet_sign(const struct wallet *wallet, const char *alg, struct slice message,
                   unsigned char ret[wallet_signature_bytes_max])
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    int recovery_id = 0;
    secp256k1_ecdsa_recoverable_signature signature;
    bool is_personal = strcmp(alg, "EIP-191") == 0;
    if (!is_k256(wallet)) {
        return signer_sign(wallet->signer, alg, -1, message, ret);
    }
    if (is_personal) {
        ethereum_message_digest(message, hash);
    } else {
        must(EVP_Q_digest(NULL, "SHA256", NULL, message.data, message.length, hash, NULL) == 1,
             "no hash");
    }
    must(secp256k1_ecdsa_sign_recoverable(wallet->context, &signature, hash, wallet->secret, NULL,
                                          NULL) == 1,
         "no signature");
    secp256k1_ecdsa_recoverable_signature_serialize_compact(wallet->context, ret, &recovery_id,
                                                            &signature);
    ret[64] = (unsigned char)(recovery_id + (is_personal ? 27 : 0));
    return strcmp(alg, "ES256K") == 0 ? 64 : 65;
}

const char *wallet_algorithm(const struct wallet *wallet)
{
    if (strcmp(wallet->type, "eip155") == 0) {
        return "EIP-191";
    }
    switch (key_kind(wallet)) {
    case KEY_P256:
        return "ES256";
    case KEY_P384:
        return "ES384";
    case KEY_P521:
        return "ES512";
    case KEY_SECP256K1:
        return "ES256K";
    case KEY_NONE:
    case KEY_RSA:
    case KEY_ED25519:
    case KEY_ETHEREUM:
        break;
    }
    return "EdDSA";
}

void wallet_append_jwt(const struct wallet *wallet, const char *alg, const char *header,
                       const char *payload, struct buffer *buffer)
{
    unsigned char signature[wallet_signature_bytes_max];
    size_t start = buffer->length;
    append_base64url(buffer, slice_from_string(header));
    buffer_append_byte(buffer, '.');
    append_base64url(buffer, slice_from_string(payload));
    size_t length = wallet_sign(wallet, alg, slice_after(buffer_slice(buffer), start), signature);
    buffer_append_byte(buffer, '.');
    append_base64url(buffer, slice_make((const char *)signature, length));
    must(!buffer->failed, "buffer failed");
}

void wallet_append_prefixed(const struct wallet *wallet, const char *did, const char *payload,
                            struct buffer *buffer)
{
    unsigned char signature[wallet_signature_bytes_max];
    size_t start = buffer->length;
    bool is_siwe = payload[0] != '{' && strcmp(wallet_algorithm(wallet), "EIP-191") == 0;
    buffer_append_string(buffer, did);
    buffer_append_byte(buffer, '.');
    append_base64url(buffer, slice_from_string(payload));
    struct slice message =
        is_siwe ? slice_from_string(payload) : slice_after(buffer_slice(buffer), start);
    size_t length = wallet_sign(wallet, wallet_algorithm(wallet), message, signature);
    buffer_append_byte(buffer, '.');
    append_base64url(buffer, slice_make((const char *)signature, length));
    must(!buffer->failed, "buffer failed");
}

/* SPDX-License-Identifier: MIT
 *
 * did_signature.c - see did_signature.h. */
#include "auth/did_signature.h"

#include "auth/ed25519_key.h"
#include "auth/ethereum.h"
#include "auth/jwk.h"

#include <openssl/err.h>
#include <pthread.h>

/* Never freed: they live as long as the process. */
static EVP_MD *hash_kinds[HASH_COUNT];
static pthread_once_t hash_kinds_once = PTHREAD_ONCE_INIT;

static void hash_kinds_fetch(void)
{
    static const char *const names[HASH_COUNT] = {"SHA256", "SHA384", "SHA512"};
    for (size_t i = 0; i < HASH_COUNT; i++) {
        hash_kinds[i] = EVP_MD_fetch(NULL, names[i], NULL);
    }
}

/* The context is the caller's to free. */
static bool hashes_open(struct jwk_hashes *ret)
{
    pthread_once(&hash_kinds_once, hash_kinds_fetch);
    for (size_t i = 0; i < HASH_COUNT; i++) {
        if (hash_kinds[i] == NULL) {
            return false;
        }
        ret->kinds[i] = hash_kinds[i];
    }
    ret->context = EVP_MD_CTX_new();
    return ret->context != NULL;
}

bool did_sha256(const struct slice *parts, size_t count, unsigned char ret_hash[k256_hash_bytes])
{
    struct jwk_hashes hashes;
    if (!hashes_open(&hashes)) {
        return false;
    }
    bool is_done = EVP_DigestInit_ex2(hashes.context, hashes.kinds[HASH_SHA256], NULL) == 1;
    for (size_t i = 0; is_done && i < count; i++) {
        is_done = EVP_DigestUpdate(hashes.context, parts[i].data, parts[i].length) == 1;
    }
    is_done = is_done && EVP_DigestFinal_ex(hashes.context, ret_hash, NULL) == 1;
    EVP_MD_CTX_free(hashes.context);
    return is_done;
}

const struct algorithm *did_algorithm(size_t index)
{
    static const struct slice names[did_algorithms_count] = {
        {"EdDSA", 5}, {"ES256", 5}, {"ES384", 5}, {"ES512", 5}, {"ES256K", 6}};
    return algorithm_find_any(names[index]);
}

static const struct algorithm *algorithm_of_kind(enum key_kind kind)
{
    for (size_t i = 0; i < did_algorithms_count; i++) {
        if (did_algorithm(i)->key == kind) {
            return did_algorithm(i);
        }
    }
    return algorithm_find_any(SLICE("ES256K-R")); /* KEY_ETHEREUM */
}

/* ---- addresses ---- */

static bool recovers_to(const struct did *did, const unsigned char hash[k256_hash_bytes],
                        const unsigned char *signature, unsigned recovery_id)
{
    struct k256_key key;
    unsigned char address[ethereum_address_bytes];
    if (!k256_recover(hash, signature, recovery_id, &key)) {
        return false;
    }
    ethereum_key_address(&key, address);
    return memcmp(address, did->key, sizeof(address)) == 0;
}

/* 27 and 28 are what wallets write for 0 and 1. The form has been checked. */
static unsigned recovery_id(struct slice signature)
{
    unsigned last = (unsigned char)signature.data[k256_signature_bytes];
    return last >= 27 ? last - 27 : last;
}

static enum deny_reason personal_sign_check(const struct did *did, const struct did_signed *what)
{
    const unsigned char *signature = (const unsigned char *)what->signature.data;
    unsigned char digest[keccak_bytes];
    ethereum_message_digest(what->message, digest);
    if (recovers_to(did, digest, signature, recovery_id(what->signature))) {
        return DENY_UNDECIDED;
    }
    keccak_256(what->message, digest); /* to say what went wrong, nothing else */
    return recovers_to(did, digest, signature, recovery_id(what->signature))
               ? DENY_SIGNATURE_RAW_HASH
               : DENY_SIGNATURE_INVALID;
}

/* ES256K-R, or ES256K, which leaves it open which of two keys has signed. */
static enum deny_reason address_check(const struct did *did, const struct did_signed *what)
{
    const unsigned char *signature = (const unsigned char *)what->signature.data;
    unsigned char hash[k256_hash_bytes];
    if (!did_sha256(&what->message, 1, hash)) {
        return DENY_NO_MEMORY;
    }
    bool is_signed =
        what->algorithm->method == METHOD_RECOVERY
            ? recovers_to(did, hash, signature, recovery_id(what->signature))
            : recovers_to(did, hash, signature, 0) || recovers_to(did, hash, signature, 1);
    return is_signed ? DENY_UNDECIDED : DENY_SIGNATURE_INVALID;
}

/* ---- keys ---- */

static bool algorithm_fits(enum key_kind kind, const struct algorithm *algorithm)
{
    return algorithm->key == kind || (kind == KEY_ETHEREUM && algorithm->key == KEY_SECP256K1);
}

/* Half of all numbers are no point of Ed25519's curve, which OpenSSL does not say. */
static enum deny_reason refused_because(const struct did *did)
{
    return did->kind == KEY_ED25519 && did->key_length == ed25519_key_bytes &&
                   !ed25519_key_is_point(did->key)
               ? DENY_DID_KEY_NOT_A_POINT
               : DENY_SIGNATURE_INVALID;
}

static enum deny_reason key_check(const struct did *did, const struct did_signed *what)
{
    struct jwk_hashes hashes;
    struct jwk key = {.hashes = &hashes};
    if (!hashes_open(&hashes)) {
        return DENY_NO_MEMORY;
    }
    enum deny_reason reason = did_import(did, &key);
    if (reason == DENY_UNDECIDED && key.algorithm != NULL &&
        !algorithm_same(key.algorithm, what->algorithm)) {
        reason = DENY_ALG_UNFIT;
    }
    if (reason == DENY_UNDECIDED &&
        !jwk_verify(&key, what->algorithm, what->message, what->signature)) {
        reason = refused_because(did);
    }
    jwk_clear(&key);
    EVP_MD_CTX_free(hashes.context);
    if (reason != DENY_UNDECIDED) {
        ERR_clear_error(); /* TLS on this thread looks at the same queue */
    }
    return reason;
}

enum deny_reason did_signature_check(const struct did *did, const struct did_signed *what)
{
    struct did_signed with = *what;
    bool is_personal_sign = what->algorithm == NULL && did->kind == KEY_ETHEREUM;
    if (with.algorithm == NULL) {
        with.algorithm = algorithm_of_kind(did->kind);
    }
    if (!algorithm_fits(did->kind, with.algorithm)) {
        return DENY_ALG_UNFIT;
    }
    enum deny_reason reason = signature_form_check(with.algorithm, with.signature);
    if (reason != DENY_UNDECIDED) {
        return reason;
    }
    if (is_personal_sign) {
        return personal_sign_check(did, &with);
    }
    return did->kind == KEY_ETHEREUM ? address_check(did, &with) : key_check(did, &with);
}

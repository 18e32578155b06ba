/* SPDX-License-Identifier: MIT
 *
 * k256.c - see k256.h. The library's static context verifies and recovers; it holds no secret and
 * never changes. Each thread remembers some keys. */
#include "auth/k256.h"

#include <assert.h>
#include <secp256k1.h>
#include <secp256k1_recovery.h>

_Static_assert(sizeof(struct k256_key) == sizeof(secp256k1_pubkey), "a key is the library's");

static secp256k1_pubkey key_open(const struct k256_key *key)
{
    secp256k1_pubkey open;
    memcpy(open.data, key->bytes, sizeof(open.data));
    return open;
}

/* Keys taken out of their compressed form, which costs a root: a tenth of a verification. A newer
 * one takes the place of an older one; whoever makes keys collide makes their own tokens slower. */
enum { known_keys_count = 64 };
static _Thread_local struct known_key {
    unsigned char compressed[k256_compressed_bytes]; /* begins with 0: free */
    struct k256_key key;
} known_keys[known_keys_count];

static struct known_key *known_key_of(struct slice compressed)
{
    unsigned char last = (unsigned char)compressed.data[k256_compressed_bytes - 1];
    return &known_keys[last % known_keys_count];
}

static bool compressed_parse(struct slice bytes, struct k256_key *ret)
{
    struct known_key *known = known_key_of(bytes);
    if (memcmp(known->compressed, bytes.data, k256_compressed_bytes) == 0) {
        *ret = known->key;
        return true;
    }
    secp256k1_pubkey key;
    if (secp256k1_ec_pubkey_parse(secp256k1_context_static, &key, (const unsigned char *)bytes.data,
                                  bytes.length) != 1) {
        return false;
    }
    memcpy(ret->bytes, key.data, sizeof(ret->bytes));
    memcpy(known->compressed, bytes.data, k256_compressed_bytes);
    known->key = *ret;
    return true;
}

bool k256_key_parse(struct slice bytes, struct k256_key *ret)
{
    secp256k1_pubkey key;
    const unsigned char *data = (const unsigned char *)bytes.data;
    /* the library also takes the hybrid forms 0x06 and 0x07 */
    if (bytes.length == k256_compressed_bytes && (data[0] == 2 || data[0] == 3)) {
        return compressed_parse(bytes, ret);
    }
    if (bytes.length != k256_uncompressed_bytes || data[0] != 4) {
        return false;
    }
    if (secp256k1_ec_pubkey_parse(secp256k1_context_static, &key, data, bytes.length) != 1) {
        return false;
    }
    memcpy(ret->bytes, key.data, sizeof(ret->bytes));
    return true;
}

static void key_write(const struct k256_key *key, unsigned flags, size_t size, unsigned char *ret)
{
    secp256k1_pubkey open = key_open(key);
    size_t length = size;
    int is_done =
        secp256k1_ec_pubkey_serialize(secp256k1_context_static, ret, &length, &open, flags);
    assert(is_done == 1 && length == size);
}

void k256_key_uncompressed(const struct k256_key *key, unsigned char ret[k256_uncompressed_bytes])
{
    key_write(key, SECP256K1_EC_UNCOMPRESSED, k256_uncompressed_bytes, ret);
}

void k256_key_compressed(const struct k256_key *key, unsigned char ret[k256_compressed_bytes])
{
    key_write(key, SECP256K1_EC_COMPRESSED, k256_compressed_bytes, ret);
}

bool k256_verify(const struct k256_key *key, const unsigned char hash[k256_hash_bytes],
                 const unsigned char signature[k256_signature_bytes])
{
    secp256k1_ecdsa_signature open;
    secp256k1_pubkey opened_key = key_open(key);
    return secp256k1_ecdsa_signature_parse_compact(secp256k1_context_static, &open, signature) ==
               1 &&
           secp256k1_ecdsa_verify(secp256k1_context_static, &open, hash, &opened_key) == 1;
}

bool k256_recover(const unsigned char hash[k256_hash_bytes],
                  const unsigned char signature[k256_signature_bytes], unsigned recovery_id,
                  struct k256_key *ret)
{
    secp256k1_ecdsa_recoverable_signature open;
    secp256k1_ecdsa_signature plain;
    secp256k1_pubkey key;
    if (recovery_id > 1 ||
        secp256k1_ecdsa_recoverable_signature_parse_compact(secp256k1_context_static, &open,
                                                            signature, (int)recovery_id) != 1 ||
        secp256k1_ecdsa_recoverable_signature_convert(secp256k1_context_static, &plain, &open) !=
            1 ||
        secp256k1_ecdsa_signature_normalize(secp256k1_context_static, NULL, &plain) != 0 ||
        secp256k1_ecdsa_recover(secp256k1_context_static, &key, &open, hash) != 1) {
        return false;
    }
    memcpy(ret->bytes, key.data, sizeof(ret->bytes));
    return true;
}

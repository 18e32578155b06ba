/* SPDX-License-Identifier: MIT
 *
 * bare_token.c - see bare_token.h. Written apart from src/, so that a change there does not move
 * the yardstick. */
#include "bare_token.h"

#include "endpoint.h"

#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
    token_slots = 4096, /* a power of two; a newer token takes the place of an older one */
    signature_bytes_max = 512,
    es256_half_bytes = 32,
};

struct known {
    size_t length; /* 0: free */
    char *token;
};

static struct {
    EVP_MD *hash;
    EVP_MD_CTX *hashing;
    EVP_PKEY_CTX *verifying;
    bool is_ecdsa;
    uint64_t secret[2];
    struct known known[token_slots];
} checker;

void bare_token_open(const char *key_file, const char *algorithm)
{
    FILE *file = fopen(key_file, "re");
    EVP_PKEY *key = file == NULL ? NULL : PEM_read_PUBKEY(file, NULL, NULL, NULL);
    checker.is_ecdsa = strcmp(algorithm, "ES256") == 0;
    checker.hash = EVP_MD_fetch(NULL, "SHA256", NULL);
    checker.hashing = EVP_MD_CTX_new();
    checker.verifying = key == NULL ? NULL : EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    if (file == NULL || checker.hash == NULL || checker.hashing == NULL ||
        checker.verifying == NULL || EVP_PKEY_verify_init(checker.verifying) != 1 ||
        EVP_PKEY_CTX_set_signature_md(checker.verifying, checker.hash) != 1 ||
        getrandom(checker.secret, sizeof(checker.secret), 0) != (ssize_t)sizeof(checker.secret)) {
        endpoint_give_up("cannot use the key in %s", key_file);
    }
    fclose(file);
}

/* ---- SipHash-2-4 ---- */

static uint64_t rotate(uint64_t word, int bits)
{
    return word << bits | word >> (64 - bits);
}

static void mix(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

static uint64_t token_hash(const char *token, size_t length)
{
    const uint64_t *secret = checker.secret;
    uint64_t v[4] = {secret[0] ^ 0x736f6d6570736575, secret[1] ^ 0x646f72616e646f6d,
                     secret[0] ^ 0x6c7967656e657261, secret[1] ^ 0x7465646279746573};
    uint64_t last = (uint64_t)length << 56;
    for (; length >= 8; token += 8, length -= 8) {
        uint64_t word;
        memcpy(&word, token, 8);
        v[3] ^= word;
        mix(v);
        mix(v);
        v[0] ^= word;
    }
    for (size_t i = 0; i < length; i++) {
        last |= (uint64_t)(unsigned char)token[i] << (8 * i);
    }
    v[3] ^= last;
    mix(v);
    mix(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++) {
        mix(v);
    }
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* ---- the signature ---- */

/* Returns the bytes written to <ret>; 0 when the text is no base64url. */
static size_t base64url_read(const char *text, size_t length, unsigned char *ret)
{
    unsigned bits = 0;
    unsigned held = 0;
    size_t written = 0;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        unsigned digit = c >= 'A' && c <= 'Z'   ? (unsigned)(c - 'A')
                         : c >= 'a' && c <= 'z' ? (unsigned)(c - 'a' + 26)
                         : c >= '0' && c <= '9' ? (unsigned)(c - '0' + 52)
                         : c == '-'             ? 62
                         : c == '_'             ? 63
                                                : 64;
        if (digit == 64 || written == signature_bytes_max) {
            return 0;
        }
        bits = bits << 6 | digit;
        held += 6;
        if (held >= 8) {
            held -= 8;
            ret[written++] = (unsigned char)(bits >> held);
        }
    }
    return written;
}

/* r and s side by side become DER. */
static size_t der_from_halves(unsigned char *signature, size_t length)
{
    if (length != 2 * es256_half_bytes) {
        return 0;
    }
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(signature, es256_half_bytes, NULL);
    BIGNUM *s = BN_bin2bn(signature + es256_half_bytes, es256_half_bytes, NULL);
    if (pair == NULL || r == NULL || s == NULL || ECDSA_SIG_set0(pair, r, s) != 1) {
        endpoint_give_up("out of memory");
    }
    unsigned char *end = signature;
    int written = i2d_ECDSA_SIG(pair, &end);
    ECDSA_SIG_free(pair);
    return written < 0 ? 0 : (size_t)written;
}

static bool signature_is_good(const char *token, size_t length)
{
    unsigned char signature[signature_bytes_max];
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned hash_length = 0;
    const char *dot = memrchr(token, '.', length);
    if (dot == NULL) {
        return false;
    }
    size_t signed_length = (size_t)(dot - token);
    size_t signature_length = base64url_read(dot + 1, length - signed_length - 1, signature);
    if (checker.is_ecdsa) {
        signature_length = der_from_halves(signature, signature_length);
    }
    return signature_length > 0 && EVP_DigestInit_ex2(checker.hashing, checker.hash, NULL) == 1 &&
           EVP_DigestUpdate(checker.hashing, token, signed_length) == 1 &&
           EVP_DigestFinal_ex(checker.hashing, hash, &hash_length) == 1 &&
           EVP_PKEY_verify(checker.verifying, signature, signature_length, hash, hash_length) == 1;
}

bool bare_token_accepted(enum bare_check check, const char *value, size_t length)
{
    enum { scheme_length = 7 };
    if (length <= scheme_length || memcmp(value, "Bearer ", scheme_length) != 0) {
        return false;
    }
    const char *token = value + scheme_length;
    length -= scheme_length;
    if (check == BARE_CHECK_ALWAYS) {
        return signature_is_good(token, length);
    }
    struct known *known = &checker.known[token_hash(token, length) & (token_slots - 1)];
    if (known->length == length && memcmp(known->token, token, length) == 0) {
        return true;
    }
    if (!signature_is_good(token, length)) {
        return false;
    }
    free(known->token);
    known->token = strndup(token, length);
    known->length = known->token == NULL ? 0 : length;
    return true;
}

/* SPDX-License-Identifier: MIT
 *
 * verify_rate.c - verifications per second on one core: verify() over a whole token, beside the
 * cryptographic library's own call over the same message and signature.
 *
 * The two are run in turns of some milliseconds of processor time, so that whatever else the
 * machine does hits both alike; each figure is the median over the turns. Run: bench-verify-rate
 * [turns]. */
#include "../tests/unit/auth/signer.h"
#include "../tests/unit/auth/wallet.h"
#include "auth/did.h"
#include "auth/verify.h"
#include "base/base64url.h"

#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <secp256k1.h>
#include <secp256k1_recovery.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define NOW INT64_C(1700000000)
#define ISSUER "https://issuer.example"
#define CLAIMS "\"exp\":1700000100,\"iat\":1700000000,\"aud\":\"gateway\""

enum { turn_us = 20000, turns_most = 2000, turns_default = 100, arena_bytes = 64 * 1024 };

struct contest {
    const char *alg;
    struct buffer token;
    struct slice message;
    unsigned char signature[512];
    size_t signature_length;
    EVP_PKEY *key;
    EVP_PKEY_CTX *verifying; /* RS256, ES256 */
    secp256k1_pubkey k256;
    bool (*bare)(const struct contest *contest);
    double verify_rates[turns_most];
    double bare_rates[turns_most];
};

static EVP_MD *sha256;
static EVP_MD_CTX *hashing;
static secp256k1_context *k256_context;
static struct trust trust;

static void must(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "bench-verify-rate: %s\n", what);
        exit(1);
    }
}

/* ---- the bare calls ---- */

static void hash_make(struct slice message, unsigned char *ret)
{
    must(EVP_DigestInit_ex2(hashing, sha256, NULL) == 1 &&
             EVP_DigestUpdate(hashing, message.data, message.length) == 1 &&
             EVP_DigestFinal_ex(hashing, ret, NULL) == 1,
         "cannot hash");
}

static bool bare_hashed(const struct contest *contest)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    hash_make(contest->message, hash);
    return EVP_PKEY_verify(contest->verifying, contest->signature, contest->signature_length, hash,
                           32) == 1;
}

static bool bare_ed25519(const struct contest *contest)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool is_valid = EVP_DigestVerifyInit(context, NULL, NULL, NULL, contest->key) == 1 &&
                    EVP_DigestVerify(context, contest->signature, contest->signature_length,
                                     (const unsigned char *)contest->message.data,
                                     contest->message.length) == 1;
    EVP_MD_CTX_free(context);
    return is_valid;
}

static bool bare_k256(const struct contest *contest)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    secp256k1_ecdsa_signature signature;
    hash_make(contest->message, hash);
    return secp256k1_ecdsa_signature_parse_compact(k256_context, &signature, contest->signature) ==
               1 &&
           secp256k1_ecdsa_verify(k256_context, &signature, hash, &contest->k256) == 1;
}

static bool bare_recovery(const struct contest *contest)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    secp256k1_ecdsa_recoverable_signature signature;
    secp256k1_pubkey key;
    hash_make(contest->message, hash);
    return secp256k1_ecdsa_recoverable_signature_parse_compact(
               k256_context, &signature, contest->signature, contest->signature[64]) == 1 &&
           secp256k1_ecdsa_recover(k256_context, &key, &signature, hash) == 1;
}

/* ---- keys and tokens ---- */

/* Message and signature out of the token that has been made. */
static void contest_take_apart(struct contest *contest)
{
    struct slice token = buffer_slice(&contest->token);
    const char *dot = memrchr(token.data, '.', token.length);
    contest->message = slice_make(token.data, (size_t)(dot - token.data));
    must(base64url_decode(slice_after(token, contest->message.length + 1), contest->signature,
                          &contest->signature_length),
         "no signature");
}

static void contest_of_issuer(struct contest *contest, const struct signer *signer, EVP_PKEY *key)
{
    char header[64];
    snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"typ\":\"JWT\"}", contest->alg);
    signer_append_token(signer, contest->alg, header,
                        "{\"iss\":\"" ISSUER "\",\"sub\":\"alice\"," CLAIMS "}", &contest->token);
    contest_take_apart(contest);
    contest->bare = bare_hashed;
    contest->verifying = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    must(EVP_PKEY_verify_init(contest->verifying) == 1 &&
             EVP_PKEY_CTX_set_signature_md(contest->verifying, sha256) == 1,
         "cannot verify");
    if (strcmp(contest->alg, "ES256") == 0) { /* OpenSSL takes DER */
        unsigned char *at = contest->signature;
        ECDSA_SIG *parts = ECDSA_SIG_new();
        must(ECDSA_SIG_set0(parts, BN_bin2bn(contest->signature, 32, NULL),
                            BN_bin2bn(contest->signature + 32, 32, NULL)) == 1,
             "no signature");
        contest->signature_length = (size_t)i2d_ECDSA_SIG(parts, &at);
        ECDSA_SIG_free(parts);
    }
}

static void contest_of_wallet(struct contest *contest, const struct wallet *wallet)
{
    char header[64];
    char payload[2048];
    snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"typ\":\"JWT\"}", contest->alg);
    snprintf(payload, sizeof(payload), "{\"iss\":\"%s\"," CLAIMS "}", wallet_did(wallet));
    wallet_append_jwt(wallet, contest->alg, header, payload, &contest->token);
    contest_take_apart(contest);
}

static void did_open(const struct wallet *wallet, struct did *ret)
{
    struct arena arena;
    arena_init(&arena, arena_bytes);
    must(did_parse(slice_from_string(wallet_did(wallet)), &arena, ret) == DENY_UNDECIDED, "no DID");
    arena_clear(&arena); /* the key's bytes are inside <ret> */
}

/* ---- the turns ---- */

/* Of this thread's processor time: what else the machine does is not measured. */
static double now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static bool whole(const struct contest *contest)
{
    struct arena arena;
    arena_init(&arena, arena_bytes);
    struct verification result = verify(&trust, buffer_slice(&contest->token), NOW, &arena);
    arena_clear(&arena);
    return result.verdict == VERDICT_ACCEPTED;
}

static double turn(const struct contest *contest, bool (*call)(const struct contest *contest))
{
    double start = now_us();
    double end = start;
    size_t count = 0;
    while (end - start < turn_us) {
        for (int i = 0; i < 8; i++, count++) {
            must(call(contest), contest->alg);
        }
        end = now_us();
    }
    return (double)count * 1e6 / (end - start);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof(*values), compare);
    return values[count / 2];
}

static void contest_run(struct contest *contest, size_t turns)
{
    static double ratios[turns_most];
    for (size_t i = 0; i < turns; i++) {
        if (i % 2 == 0) {
            contest->verify_rates[i] = turn(contest, whole);
            contest->bare_rates[i] = turn(contest, contest->bare);
        } else {
            contest->bare_rates[i] = turn(contest, contest->bare);
            contest->verify_rates[i] = turn(contest, whole);
        }
        ratios[i] = contest->verify_rates[i] / contest->bare_rates[i];
    }
    printf("%-10s %12.0f %12.0f %9.1f %%\n", contest->alg, median(contest->verify_rates, turns),
           median(contest->bare_rates, turns), 100 * median(ratios, turns));
    fflush(stdout);
}

static struct contest contests[] = {{.alg = "RS256"},
                                    {.alg = "ES256"},
                                    {.alg = "EdDSA", .bare = bare_ed25519},
                                    {.alg = "ES256K", .bare = bare_k256},
                                    {.alg = "ES256K-R", .bare = bare_recovery}};

static void issuer_open(const struct signer *rsa, const struct signer *ec,
                        struct trusted_issuer *issuer)
{
    struct buffer keys;
    buffer_init(&keys, arena_bytes);
    buffer_append_string(&keys, "{\"keys\":[");
    signer_append_jwk(rsa, "", &keys);
    buffer_append_string(&keys, ",");
    signer_append_jwk(ec, "", &keys);
    buffer_append_string(&keys, "]}");
    must(jwks_parse(buffer_slice(&keys), &issuer->jwks, NULL) == STATUS_OK, "no key set");
    buffer_clear(&keys);
}

/* What the program needs lives as long as it does; nothing is freed. */
static void contests_open(void)
{
    const struct signer *signers[] = {signer_create("RSA"), signer_create("P-256")};
    const struct wallet *wallets[] = {wallet_create("Ed25519"), wallet_create("secp256k1"),
                                      wallet_create("eip155")};
    struct did did;
    issuer_open(signers[0], signers[1], trust.issuers);
    for (size_t i = 0; i < sizeof(contests) / sizeof(contests[0]); i++) {
        buffer_init(&contests[i].token, arena_bytes);
        if (i < 2) {
            contest_of_issuer(&contests[i], signers[i], signer_key(signers[i]));
        } else {
            contest_of_wallet(&contests[i], wallets[i - 2]);
        }
    }
    did_open(wallets[0], &did);
    contests[2].key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, did.key, did.key_length);
    did_open(wallets[1], &did);
    must(secp256k1_ec_pubkey_parse(k256_context, &contests[3].k256, did.key, did.key_length) == 1,
         "no key");
}

int main(int count, char **arguments)
{
    static const struct slice audiences[] = {SLICE("gateway")};
    static const struct slice allow[] = {SLICE("*")};
    static struct trusted_issuer issuer = {.issuer = SLICE(ISSUER),
                                           .proof = IDENTITY_OIDC,
                                           .audiences = audiences,
                                           .audiences_count = 1};
    static const struct trusted_dids dids = {.allow = allow,
                                             .allow_count = 1,
                                             .audiences = audiences,
                                             .audiences_count = 1,
                                             .lifetime_max_s = 3600};
    uint64_t turns = turns_default;
    must(count < 2 ||
             (slice_parse_uint(slice_from_string(arguments[1]), turns_most, &turns) && turns > 0),
         "[turns] is a number up to 2000");
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    hashing = EVP_MD_CTX_new();
    k256_context = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
    trust = (struct trust){&issuer, 1, &dids};
    contests_open();
    printf("%-10s %12s %12s %11s\n", "algorithm", "verify()/s", "library/s", "ratio");
    for (size_t i = 0; i < sizeof(contests) / sizeof(contests[0]); i++) {
        contest_run(&contests[i], (size_t)turns);
    }
    return 0;
}

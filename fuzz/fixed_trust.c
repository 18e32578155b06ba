/* SPDX-License-Identifier: MIT
 *
 * fixed_trust.c - the fixed keys twice: as the key sets the gateway reads, and as PEM for a check
 * that shares nothing with it. `make_tokens.py --keys` prints them. One thread. */
#include "fixed_trust.h"

#include <assert.h>
#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

/* The RSA key stands in the set three times, allowed different things. */
#define RSA_MODULUS                                                                                \
    "rpZeImRRDSgpMQM3xQ8Ll1rNnSUtYjTRVH7Kvh2NcfE4a8qIda6KMl4CQTT_QNiWziwEL4j6y1VXicET"             \
    "0TNB_Z8ItuCZGDJl9plnIHzEhc3maNYm24KZSiBsoOHmeq1nTpLwE_ggBIK4Bxy62FKksGHCW1S8dR3i"             \
    "pb0pkUne8N7c2_YkWLR7k2s2DhOcxjOXt74ShVqPxfDiRC7gtbhPl3vQmmR0d12FgWq1wkMy7pfFjAHW"             \
    "QsXYbNmHc2sL_JeTO0Usv9dWp2iujyjPMDPY8V6pUr11cjl1kZnmZY5hr2zEJ9LG6c75LHjA8Kh1MidI"             \
    "gq3dvCo-Y9fFDJsCPdvpHw"

static const char first_keys[] =
    "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"rsa\",\"e\":\"AQAB\""
    ",\"n\":\"" RSA_MODULUS "\"},"
    "{\"kty\":\"RSA\",\"kid\":\"ps256-only\",\"alg\":\"PS256\",\"use\":\"sig\",\"e\":\"AQAB\""
    ",\"n\":\"" RSA_MODULUS "\"},"
    "{\"kty\":\"RSA\",\"kid\":\"sealed\",\"use\":\"enc\",\"e\":\"AQAB\""
    ",\"n\":\"" RSA_MODULUS "\"},"
    "{\"kty\":\"EC\",\"kid\":\"p256\",\"crv\":\"P-256\",\"x\":\""
    "ZkckWGXiF5Mj83hmteWMZHd4e9gcrcInCjrlvls1Zk4\",\"y\":\""
    "4PovC_XHTMRZHx3HnSr1dOjG_f4y7sJxonFXSK4BZxs\"},"
    "{\"kty\":\"EC\",\"kid\":\"p384\",\"crv\":\"P-384\",\"x\":\""
    "00CX_LSMCOlqkf_Bros2kVswfRhNCMTpJmOTJHjlcfdZVQ0FulObdle4KeTmJAAv\",\"y\":\""
    "3DT5SVFVaN7wVm9aEt2hrBCusuKDKWY7b8OzHMO0TmwCSPgnvprAk6U2qI9x6KXa\"},"
    "{\"kty\":\"EC\",\"kid\":\"p521\",\"crv\":\"P-521\",\"x\":\""
    "Aac59Avf4NZcghZSzTqNh7naKZMiQlLYZvQef0msYiVMRpuF07wg4YH9qASt0bXsplMGj-MXKTyONq8iKkPi43bk\""
    ",\"y\":\"ARrxTG3ILDCQly7p9twxSOWV4COa9EU1NkJ_fdPXG7UtFmiNumViKKtwPZg8hm65-rWupKHFLiqxUXIX"
    "9ekeHzj4\"},"
    "{\"kty\":\"OKP\",\"kid\":\"ed25519\",\"crv\":\"Ed25519\",\"key_ops\":[\"verify\"],\"x\":\""
    "bx5-kEsJ2VcujeAZHVu1uVzZu2lky30xlMZ9NgPu25k\"}]}";

static const char second_keys[] =
    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"cRIsRka2nUhoxhCUmzFIIDkQeeIdkpypLvx_HJS7Yrk\""
    "}";

static const char rsa_pem[] = "-----BEGIN PUBLIC KEY-----\n"
                              "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEArpZeImRRDSgpMQM3xQ8L\n"
                              "l1rNnSUtYjTRVH7Kvh2NcfE4a8qIda6KMl4CQTT/QNiWziwEL4j6y1VXicET0TNB\n"
                              "/Z8ItuCZGDJl9plnIHzEhc3maNYm24KZSiBsoOHmeq1nTpLwE/ggBIK4Bxy62FKk\n"
                              "sGHCW1S8dR3ipb0pkUne8N7c2/YkWLR7k2s2DhOcxjOXt74ShVqPxfDiRC7gtbhP\n"
                              "l3vQmmR0d12FgWq1wkMy7pfFjAHWQsXYbNmHc2sL/JeTO0Usv9dWp2iujyjPMDPY\n"
                              "8V6pUr11cjl1kZnmZY5hr2zEJ9LG6c75LHjA8Kh1MidIgq3dvCo+Y9fFDJsCPdvp\n"
                              "HwIDAQAB\n"
                              "-----END PUBLIC KEY-----\n";

static const char p256_pem[] = "-----BEGIN PUBLIC KEY-----\n"
                               "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEZkckWGXiF5Mj83hmteWMZHd4e9gc\n"
                               "rcInCjrlvls1Zk7g+i8L9cdMxFkfHcedKvV06Mb9/jLuwnGicVdIrgFnGw==\n"
                               "-----END PUBLIC KEY-----\n";

static const char p384_pem[] = "-----BEGIN PUBLIC KEY-----\n"
                               "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAE00CX/LSMCOlqkf/Bros2kVswfRhNCMTp\n"
                               "JmOTJHjlcfdZVQ0FulObdle4KeTmJAAv3DT5SVFVaN7wVm9aEt2hrBCusuKDKWY7\n"
                               "b8OzHMO0TmwCSPgnvprAk6U2qI9x6KXa\n"
                               "-----END PUBLIC KEY-----\n";

static const char p521_pem[] = "-----BEGIN PUBLIC KEY-----\n"
                               "MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQBpzn0C9/g1lyCFlLNOo2HudopkyJC\n"
                               "Uthm9B5/SaxiJUxGm4XTvCDhgf2oBK3RteymUwaP4xcpPI42ryIqQ+LjduQBGvFM\n"
                               "bcgsMJCXLun23DFI5ZXgI5r0RTU2Qn9909cbtS0WaI26ZWIoq3A9mDyGbrn6ta6k\n"
                               "ocUuKrFRchf16R4fOPg=\n"
                               "-----END PUBLIC KEY-----\n";

static const char ed25519_pem[] = "-----BEGIN PUBLIC KEY-----\n"
                                  "MCowBQYDK2VwAyEAbx5+kEsJ2VcujeAZHVu1uVzZu2lky30xlMZ9NgPu25k=\n"
                                  "-----END PUBLIC KEY-----\n";

static const char second_pem[] = "-----BEGIN PUBLIC KEY-----\n"
                                 "MCowBQYDK2VwAyEAcRIsRka2nUhoxhCUmzFIIDkQeeIdkpypLvx/HJS7Yrk=\n"
                                 "-----END PUBLIC KEY-----\n";

static const unsigned char private_keys[][33] = {
    "first fixed key, known to anyone",
    "second fixed key, for all to see",
};

static const struct slice first_audiences[] = {{"gateway", 7}};
static const struct slice second_audiences[] = {{"gateway", 7}, {"other", 5}};

struct trust *fixed_trust(void)
{
    static struct trusted_issuer issuers[fixed_issuers_count] = {
        {.issuer = {"https://issuer.test", 19},
         .proof = IDENTITY_OIDC,
         .audiences = first_audiences,
         .audiences_count = 1},
        {.issuer = {"https://second.test/", 20},
         .proof = IDENTITY_OIDC,
         .audiences = second_audiences,
         .audiences_count = 2},
        {.issuer = {"https://dark.test", 17},
         .proof = IDENTITY_OIDC,
         .audiences = first_audiences,
         .audiences_count = 1},
    };
    static struct trust trust = {issuers, fixed_issuers_count};
    if (issuers[fixed_first].jwks == NULL) {
        enum status first =
            jwks_parse(slice_from_string(first_keys), &issuers[fixed_first].jwks, NULL);
        enum status second =
            jwks_parse(slice_from_string(second_keys), &issuers[fixed_second].jwks, NULL);
        assert(first == STATUS_OK && second == STATUS_OK);
        assert(jwks_count(issuers[fixed_first].jwks) == 6);
        assert(jwks_count(issuers[fixed_second].jwks) == 1);
    }
    return &trust;
}

/* What each alg means, written down a second time. */
static const struct scheme {
    const char *alg;
    const char *kid;
    const char *pem;
    const char *hash;  /* NULL: the method hashes by itself */
    int padding;       /* RSA only */
    size_t half_bytes; /* ECDSA only: the size of r and of s */
} schemes[] = {
    {"RS256", "rsa", rsa_pem, "SHA256", RSA_PKCS1_PADDING, 0},
    {"RS384", "rsa", rsa_pem, "SHA384", RSA_PKCS1_PADDING, 0},
    {"RS512", "rsa", rsa_pem, "SHA512", RSA_PKCS1_PADDING, 0},
    {"PS256", "rsa", rsa_pem, "SHA256", RSA_PKCS1_PSS_PADDING, 0},
    {"PS384", "rsa", rsa_pem, "SHA384", RSA_PKCS1_PSS_PADDING, 0},
    {"PS512", "rsa", rsa_pem, "SHA512", RSA_PKCS1_PSS_PADDING, 0},
    {"ES256", "p256", p256_pem, "SHA256", 0, 32},
    {"ES384", "p384", p384_pem, "SHA384", 0, 48},
    {"ES512", "p521", p521_pem, "SHA512", 0, 66},
    {"EdDSA", "ed25519", ed25519_pem, NULL, 0, 0},
    {"Ed25519", "ed25519", ed25519_pem, NULL, 0, 0},
};

/* NULL when issuer <index> has no key for it. */
static const struct scheme *scheme_find(size_t index, struct slice alg)
{
    static const struct scheme second = {"EdDSA", NULL, second_pem, NULL, 0, 0};
    if (index == fixed_second) {
        bool is_ed25519 = slice_equals(alg, SLICE("EdDSA")) || slice_equals(alg, SLICE("Ed25519"));
        return is_ed25519 ? &second : NULL;
    }
    for (size_t i = 0; index == fixed_first && i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (slice_equals(alg, slice_from_string(schemes[i].alg))) {
            return &schemes[i];
        }
    }
    return NULL;
}

/* <signature> as OpenSSL takes it: r and s of ECDSA as DER. To be freed; NULL when malformed. */
static unsigned char *signature_form(const struct scheme *scheme, struct slice signature,
                                     size_t *ret_length)
{
    const unsigned char *raw = (const unsigned char *)signature.data;
    unsigned char *form = NULL;
    if (scheme->half_bytes == 0) {
        *ret_length = signature.length;
        return OPENSSL_memdup(raw, signature.length);
    }
    if (signature.length != 2 * scheme->half_bytes) {
        return NULL;
    }
    ECDSA_SIG *parts = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(raw, (int)scheme->half_bytes, NULL);
    BIGNUM *s = BN_bin2bn(raw + scheme->half_bytes, (int)scheme->half_bytes, NULL);
    assert(parts != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(parts, r, s) == 1);
    int length = i2d_ECDSA_SIG(parts, &form);
    ECDSA_SIG_free(parts);
    assert(length > 0);
    *ret_length = (size_t)length;
    return form;
}

/* A kid names the key of the alg, or the copy of the RSA key that may be used with PS256 alone. */
static bool kid_is_right(const struct scheme *scheme, const struct jws *jws)
{
    return !jws->has_kid ||
           (scheme->kid != NULL && (slice_equals(jws->kid, slice_from_string(scheme->kid)) ||
                                    (slice_equals(jws->kid, SLICE("ps256-only")) &&
                                     slice_equals(jws->algorithm->name, SLICE("PS256")))));
}

bool fixed_trust_signed(size_t index, const struct jws *jws)
{
    const struct scheme *scheme = scheme_find(index, jws->algorithm->name);
    size_t length = 0;
    unsigned char *form = scheme == NULL || !kid_is_right(scheme, jws)
                              ? NULL
                              : signature_form(scheme, jws->signature, &length);
    if (form == NULL) {
        return false;
    }
    BIO *text = BIO_new_mem_buf(scheme->pem, -1);
    EVP_PKEY *key = PEM_read_bio_PUBKEY(text, NULL, NULL, NULL);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *parameters = NULL;
    assert(key != NULL && context != NULL);
    int is_ready =
        EVP_DigestVerifyInit_ex(context, &parameters, scheme->hash, NULL, NULL, key, NULL);
    assert(is_ready == 1);
    if (scheme->padding == RSA_PKCS1_PSS_PADDING) {
        is_ready = EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) == 1 &&
                   EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, RSA_PSS_SALTLEN_DIGEST) == 1;
        assert(is_ready == 1);
    }
    bool is_signed =
        EVP_DigestVerify(context, form, length, (const unsigned char *)jws->message.data,
                         jws->message.length) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    BIO_free(text);
    OPENSSL_free(form);
    ERR_clear_error(); /* ours; targets check that the gateway leaves none */
    return is_signed;
}

void fixed_trust_sign(size_t index, struct slice message,
                      unsigned char ret_signature[fixed_signature_bytes])
{
    static EVP_PKEY *keys[2];
    size_t length = fixed_signature_bytes;
    assert(index < 2);
    if (keys[index] == NULL) {
        keys[index] = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, private_keys[index], 32);
    }
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    assert(keys[index] != NULL && context != NULL);
    int is_ready = EVP_DigestSignInit(context, NULL, NULL, NULL, keys[index]);
    int is_signed = EVP_DigestSign(context, ret_signature, &length,
                                   (const unsigned char *)message.data, message.length);
    assert(is_ready == 1 && is_signed == 1 && length == fixed_signature_bytes);
    EVP_MD_CTX_free(context);
}

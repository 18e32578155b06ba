/* SPDX-License-Identifier: MIT
 *
 * verify_did_test.c - every reason of the DID rows of deny_reasons.def, and what stands just on the
 * other side of each. did_signature_test.c has who is proved. */
#include "did_scene.h"

#include "auth/did.h"
#include "base/base58.h"
#include "base/base64url.h"
#include "golden.h"
#include "signer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* "FRAGMENT" and "DID" in <kid> stand for those of the DID. */
static void expect_kid(size_t index, const char *fragment, const char *kid, const char *behind_iss,
                       enum deny_reason reason)
{
    struct buffer token;
    char more[text_bytes];
    char iss[text_bytes];
    const char *did = wallet_did(wallets[index]);
    buffer_init(&token, 64 * 1024);
    const char *start = strncmp(kid, "DID", 3) == 0 ? did : "";
    const char *rest = strncmp(kid, "DID", 3) == 0 ? kid + 3 : kid;
    const char *named = strcmp(rest, "#FRAGMENT") == 0 ? fragment : "";
    snprintf(more, sizeof(more), ",\"kid\":\"%s%s%s\"", start, *named != '\0' ? "#" : rest, named);
    snprintf(iss, sizeof(iss), "%s%s", did, behind_iss);
    wallet_append_jwt(wallets[index], alg_of(index),
                      header(alg_of(index), *kid == '\0' ? "" : more), claims(iss, EXP "," AUD),
                      &token);
    expect(buffer_slice(&token), reason);
    buffer_clear(&token);
}

static void a_kid_must_be_that_of_the_did(void **state)
{
    for (size_t i = 0; i < types_count; i++) {
        const char *fragment = i == eip155 || i == solana ? "blockchainAccountId"
                               : i >= jwk_ed25519         ? "0"
                                                  : wallet_did(wallets[i]) + strlen("did:key:");
        char behind[text_bytes];
        snprintf(behind, sizeof(behind), "#%s", fragment);
        expect_kid(i, fragment, "DID#FRAGMENT", "", DENY_UNDECIDED);
        expect_kid(i, fragment, "#FRAGMENT", "", DENY_UNDECIDED);
        expect_kid(i, fragment, "DID#FRAGMENT", behind, DENY_UNDECIDED);
        expect_kid(i, fragment, "", behind, DENY_UNDECIDED);
        expect_kid(i, fragment, "", "#other", DENY_KID_OF_ANOTHER);
        expect_kid(i, fragment, "DID#other", "", DENY_KID_OF_ANOTHER);
        expect_kid(i, fragment, "DID#FRAGMENT", "#other", DENY_KID_OF_ANOTHER);
        expect_kid(i, fragment, "DID", "", DENY_KID_OF_ANOTHER);
        expect_kid(i, fragment, "DID#", "", DENY_KID_OF_ANOTHER);
        expect_kid(i, fragment, "k1", "", DENY_KID_OF_ANOTHER);
        expect_kid(i, fragment, "did:web:example.com#0", "", DENY_KID_OF_ANOTHER);
        expect_kid(i, fragment, "", "#", DENY_DID_MALFORMED);
        expect_kid(i, fragment, "", "?a=b",
                   i == eip155 || i == solana ? DENY_DID_PKH_ADDRESS
                   : i >= jwk_ed25519         ? DENY_DID_JWK_MALFORMED
                                              : DENY_DID_KEY_MULTIBASE);
    }
}

/* ---- every reason ---- */

static void dids_of_a_wrong_form_are_denied(void **state)
{
    static char long_did[did_bytes_max + 2];
    const char *address = strstr(wallet_did(wallets[eip155]), "0x");
    char text[text_bytes];
    memset(long_did, 'z', sizeof(long_did) - 1);
    memcpy(long_did, "did:key:", 8);
    expect_did(long_did, DENY_DID_TOO_LONG);
    expect_did("did:", DENY_DID_MALFORMED);
    expect_did("did:key:", DENY_DID_MALFORMED);
    expect_did("did::z", DENY_DID_MALFORMED);
    expect_did("did:example:123", DENY_DID_METHOD_UNSUPPORTED);
    expect_did("did:KEY:z6Mk", DENY_DID_METHOD_UNSUPPORTED);
    snprintf(text, sizeof(text), "did:key:2:%s", wallet_did(wallets[ed25519]) + 8);
    expect_did(text, DENY_DID_KEY_VERSION);
    snprintf(text, sizeof(text), "did:key:01:%s", wallet_did(wallets[ed25519]) + 8);
    expect_did(text, DENY_DID_KEY_VERSION);
    expect_did("did:key:z6Mk0OIl", DENY_DID_KEY_MULTIBASE);
    expect_did("did:key:m7QE", DENY_DID_KEY_MULTIBASE);
    expect_did("did:key:z", DENY_DID_KEY_MULTIBASE);
    expect_did("did:key:u7QE=", DENY_DID_KEY_MULTIBASE);
    snprintf(text, sizeof(text), "did:pkh:eth:%s", address);
    expect_did(text, DENY_DID_PKH_ALIAS);
    expect_did("did:pkh:bip122:000000000019d6689c085ae165831e93:128Lkh3", DENY_DID_PKH_NAMESPACE);
    expect_did("did:pkh:x", DENY_DID_MALFORMED);
    static const char *const chains[] = {"0",  "01", "",
                                         "1a", "-1", "123456789012345678901234567890123"};
    for (size_t i = 0; i < sizeof(chains) / sizeof(chains[0]); i++) {
        snprintf(text, sizeof(text), "did:pkh:eip155:%s:%s", chains[i], address);
        expect_did(text, DENY_DID_PKH_CHAIN);
    }
    expect_did("did:pkh:solana:mainnet:CKg5d12Jhpej1JqtmxLJgaFqqeYjxgPqToJ4LBdvG9Ev",
               DENY_DID_PKH_CHAIN);
    expect_did("did:pkh:eip155:1:0x123", DENY_DID_PKH_ADDRESS);
    snprintf(text, sizeof(text), "did:pkh:eip155:1:0X%s", address + 2);
    expect_did(text, DENY_DID_PKH_ADDRESS);
    expect_did("did:pkh:solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp:CKg5d12J", DENY_DID_PKH_ADDRESS);
    expect_did("did:pkh:eip155:1:0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
               DENY_DID_PKH_CHECKSUM);
    expect_did("did:jwk:e30=", DENY_DID_JWK_MALFORMED);
    expect_did("did:jwk:W10", DENY_DID_JWK_MALFORMED);
}

static void keys_of_a_wrong_kind_are_denied(void **state)
{
    unsigned char bytes[600] = {0xed, 0x01, 9};
    static const struct {
        unsigned char start[3];
        size_t length;
        enum deny_reason reason;
    } cases[] = {
        {{0xed, 0x01, 9}, 33, DENY_DID_KEY_LENGTH},
        {{0xed, 0x01, 9}, 35, DENY_DID_KEY_LENGTH},
        {{0xed, 0x01}, 2, DENY_DID_KEY_LENGTH},
        {{0xed, 0x81, 0x00}, 35, DENY_DID_KEY_MULTICODEC}, /* not the shortest form */
        {{0xff, 0xff, 0xff}, 35, DENY_DID_KEY_MULTICODEC},
        {{0x55, 0x01, 0x00}, 35, DENY_DID_KEY_MULTICODEC},
        {{0xed}, 1, DENY_DID_KEY_MULTICODEC},
        {{0xec, 0x01, 9}, 34, DENY_DID_KEY_AGREEMENT},
        {{0x85, 0x24, 0x30}, 272, DENY_DID_KEY_RSA},
        {{0x85, 0x24, 0x30}, 528, DENY_DID_KEY_RSA},
        {{0xeb, 0x01, 9}, 98, DENY_DID_KEY_BLS},
        {{0x83, 0x24, 9}, 59, DENY_DID_KEY_UNSUPPORTED},
        {{0xd1, 0xd6, 0x03}, 90, DENY_DID_KEY_UNSUPPORTED},
        {{0xed, 0x01, 0}, 34, DENY_DID_KEY_WEAK},
        {{0xed, 0x01, 1}, 34, DENY_DID_KEY_WEAK},
        {{0xed, 0x01, 2}, 34, DENY_DID_KEY_NOT_A_POINT},
        {{0xe7, 0x01, 4}, 35, DENY_DID_KEY_NOT_A_POINT},
        {{0x80, 0x24, 6}, 35, DENY_DID_KEY_NOT_A_POINT},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        memset(bytes, 0, sizeof(bytes));
        memcpy(bytes, cases[i].start, 3);
        expect_did(did_of_bytes(bytes, cases[i].length), cases[i].reason);
    }
    memset(bytes + 2, 0xff, 32); /* the identity in its second form: y = 2^255 - 18 */
    memcpy(bytes, "\xed\x01\xee", 3);
    bytes[33] = 0x7f;
    expect_did(did_of_bytes(bytes, 34), DENY_DID_KEY_NOT_A_POINT);
    memset(bytes + 3, 0, 32); /* x = 5 is on no curve of these */
    bytes[34] = 5;
    memcpy(bytes, "\xe7\x01\x02", 3);
    expect_jwt(secp256k1, "ES256K", header("ES256K", ""),
               claims(did_of_bytes(bytes, 35), EXP "," AUD), DENY_DID_KEY_NOT_A_POINT);
    bytes[34] = 1;
    memcpy(bytes, "\x80\x24\x02", 3);
    expect_jwt(p256, "ES256", header("ES256", ""), claims(did_of_bytes(bytes, 35), EXP "," AUD),
               DENY_DID_KEY_NOT_A_POINT);
}

static void expect_jwk(const char *json, enum deny_reason reason)
{
    char did[text_bytes] = "did:jwk:";
    size_t length = base64url_encode((const unsigned char *)json, strlen(json), did + 8);
    did[8 + length] = '\0';
    expect_did(did, reason);
}

static void jwks_of_a_wrong_kind_are_denied(void **state)
{
#define X "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    expect_jwk("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" X "\",\"d\":\"" X "\"}",
               DENY_DID_JWK_PRIVATE);
    expect_jwk("{\"kty\":\"oct\",\"k\":\"" X "\"}", DENY_DID_JWK_PRIVATE);
    expect_jwk("{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"" X "\"}", DENY_DID_KEY_AGREEMENT);
    expect_jwk("{\"kty\":\"RSA\",\"n\":\"" X "\",\"e\":\"AQAB\"}", DENY_DID_KEY_RSA);
    expect_jwk("{\"kty\":\"OKP\",\"crv\":\"Ed448\",\"x\":\"" X "\"}", DENY_DID_KEY_UNSUPPORTED);
    expect_jwk("{\"kty\":\"OKP\",\"kty\":\"OKP\"}", DENY_DID_JWK_MALFORMED);
    expect_jwk("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" X "\",\"use\":\"enc\"}",
               DENY_DID_JWK_UNFIT);
    expect_jwk("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}", DENY_DID_JWK_UNFIT);
    expect_jwk("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" X "\"}", DENY_SIGNATURE_INVALID);
#undef X
}

static void claims_are_held_to_the_profile(void **state)
{
    static const struct {
        const char *more;
        enum deny_reason reason;
    } cases[] = {
        {AUD, DENY_EXP_MISSING},
        {AUD ",\"exp\":\"1700000100\"", DENY_EXP_MALFORMED},
        {AUD ",\"exp\":1699999940", DENY_EXPIRED},
        {AUD ",\"exp\":1699999941", DENY_UNDECIDED},
        {AUD "," EXP ",\"nbf\":true", DENY_NBF_MALFORMED},
        {AUD "," EXP ",\"nbf\":1700000061", DENY_NOT_YET_VALID},
        {AUD "," EXP ",\"nbf\":1700000060", DENY_UNDECIDED},
        {AUD "," EXP ",\"nbf\":1700000100", DENY_NOT_YET_VALID},
        {AUD "," EXP ",\"iat\":{}", DENY_IAT_MALFORMED},
        {AUD "," EXP ",\"iat\":1700000061", DENY_ISSUED_IN_FUTURE},
        {AUD ",\"exp\":1700003600", DENY_UNDECIDED},
        {AUD ",\"exp\":1700003601", DENY_LIFETIME_TOO_LONG},
        {AUD ",\"exp\":1700003600,\"iat\":1699999999", DENY_LIFETIME_TOO_LONG},
        {AUD ",\"exp\":1700003610,\"iat\":1700000010", DENY_UNDECIDED},
        {AUD ",\"exp\":9007199254740992,\"iat\":-9007199254740992", DENY_LIFETIME_TOO_LONG},
        {AUD ",\"exp\":1699999990,\"iat\":1699999990", DENY_TIMES_UNORDERED},
        {AUD ",\"exp\":1699999990,\"nbf\":1699999995", DENY_TIMES_UNORDERED},
        {EXP, DENY_AUDIENCE_MISSING},
        {EXP ",\"aud\":{}", DENY_AUDIENCE_MALFORMED},
        {EXP ",\"aud\":\"them\"", DENY_AUDIENCE_MISMATCH},
        {EXP ",\"aud\":[\"them\",\"us too\"]", DENY_UNDECIDED},
        {AUD "," EXP ",\"cnf\":{}", DENY_SENDER_CONSTRAINED},
        {AUD "," EXP ",\"events\":{}", DENY_NOT_ACCESS_TOKEN},
        {AUD "," EXP ",\"vc\":{}", DENY_CREDENTIAL_NOT_TOKEN},
        {AUD "," EXP ",\"vp\":{}", DENY_CREDENTIAL_NOT_TOKEN},
        {AUD "," EXP ",\"jti\":7", DENY_REPLAY_ID_MALFORMED},
        {AUD "," EXP ",\"jti\":\"\"", DENY_REPLAY_ID_MALFORMED},
        {AUD "," EXP ",\"nonce\":null", DENY_REPLAY_ID_MALFORMED},
        {AUD "," EXP ",\"sub\":\"whoever\"", DENY_UNDECIDED},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char payload[text_bytes];
        expect_claims(cases[i].more, cases[i].reason);
        snprintf(payload, sizeof(payload), "{%s}", cases[i].more);
        expect_prefixed(p256, wallet_did(wallets[p256]), payload, cases[i].reason);
    }
    expect_jwt(ed25519, "EdDSA", header("EdDSA", ",\"typ\":\"at+jwt\""),
               claims(wallet_did(wallets[ed25519]), EXP "," AUD), DENY_TYP_NOT_ACCEPTED);
    expect_jwt(ed25519, "EdDSA", header("EdDSA", ",\"typ\":\"jwt\""),
               claims(wallet_did(wallets[ed25519]), EXP "," AUD), DENY_UNDECIDED);
    expect_jwt(ed25519, "EdDSA", header("EdDSA", ",\"jwk\":{}"),
               claims(wallet_did(wallets[ed25519]), EXP "," AUD), DENY_HEADER_JWK);
}

static void sign_in_messages_are_held_to_the_profile(void **state)
{
    static const struct {
        const char *line;
        const char *with;
        enum deny_reason reason;
    } cases[] = {
        {"Version: ", "Version: 2", DENY_SIWE_MALFORMED},
        {"Nonce: ", "Nonce: 1234567", DENY_SIWE_MALFORMED},
        {DOMAIN, "evil.example wants you to sign in with your Ethereum account:", DENY_SIWE_DOMAIN},
        {DOMAIN,
         "gateway.example wants you to sign in with your Ethereum account:", DENY_SIWE_DOMAIN},
        {DOMAIN,
         "http://" DOMAIN " wants you to sign in with your Ethereum account:", DENY_SIWE_DOMAIN},
        {"URI: ", "URI: https://gateway.example/login", DENY_SIWE_URI},
        {"URI: ", "URI: " ORIGIN "0/", DENY_SIWE_URI},
        {"URI: ", "URI: " ORIGIN "@evil.example/", DENY_SIWE_URI},
        {"ADDRESS", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", DENY_SIWE_ADDRESS},
        {"Chain ID: ", "Chain ID: 137", DENY_SIWE_CHAIN},
        {"Chain ID: ", "Chain ID: 01", DENY_SIWE_CHAIN},
        {"Expiration Time: ", "", DENY_SIWE_EXPIRATION_MISSING},
        {"Expiration Time: ",
         "Expiration Time: 2023-11-14T22:13:10Z\nNot Before: "
         "2023-11-14T22:13:10Z",
         DENY_TIMES_UNORDERED},
        {"Expiration Time: ", "Expiration Time: 2023-11-14T22:12:20Z", DENY_EXPIRED},
        {"Expiration Time: ", "Expiration Time: 2023-11-14T23:13:01Z", DENY_LIFETIME_TOO_LONG},
        {"Expiration Time: ", "Expiration Time: 2023-11-14T23:13:00Z", DENY_UNDECIDED},
        {"Expiration Time: ",
         "Expiration Time: 2023-11-14T22:19:00Z\nNot Before: 2023-11-14T22:14:21Z",
         DENY_NOT_YET_VALID},
        {"Issued At: ", "Issued At: 2023-11-14T22:14:21Z", DENY_ISSUED_IN_FUTURE},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        expect_siwe(cases[i].line, cases[i].with, cases[i].reason);
    }
    struct trusted_dids nameless = dids;
    struct buffer token;
    nameless.domain = SLICE("");
    trust.dids = &nameless;
    expect_siwe(NULL, NULL, DENY_SIWE_WITHOUT_PUBLIC_URL);
    trust.dids = &dids;
    buffer_init(&token, text_bytes);
    wallet_append_prefixed(wallets[ed25519], wallet_did(wallets[ed25519]), "plain text", &token);
    expect(buffer_slice(&token), DENY_CLAIMS_NOT_JSON);
    buffer_clear(&token);
}

static void the_prefixed_form_is_one_did_s(void **state)
{
    const char *did = wallet_did(wallets[eip155]);
    char other[text_bytes];
    char text[text_bytes];
    expect_prefixed(eip155, did, claims(did, EXP "," AUD), DENY_UNDECIDED);
    expect_prefixed(eip155, did, claims(wallet_did(wallets[ed25519]), EXP "," AUD),
                    DENY_ISSUER_NOT_THE_DID);
    snprintf(other, sizeof(other), "did:pkh:eip155:137:%s", strstr(did, "0x"));
    expect_prefixed(eip155, did, claims(other, EXP "," AUD), DENY_ISSUER_NOT_THE_DID);
    expect_prefixed(eip155, did, claims("https://issuer.example", EXP "," AUD),
                    DENY_ISSUER_NOT_THE_DID);
    expect_prefixed(eip155, did, "{\"iss\":7," EXP "," AUD "}", DENY_ISSUER_NOT_THE_DID);
    expect_prefixed(eip155, did, "{\"aud\":\"us\",\"aud\":\"us\"}", DENY_CLAIMS_NOT_JSON);
    expect_text(did, DENY_DID_WITHOUT_SIGNATURE);
    expect_text("did:key:zabc", DENY_DID_WITHOUT_SIGNATURE);
    expect_text("did:key:zabc.e30", DENY_DID_WITHOUT_SIGNATURE);
    snprintf(text, sizeof(text), "%s..AAAA", did);
    expect_text(text, DENY_SEGMENT_EMPTY);
    snprintf(text, sizeof(text), "%s.e30.", did);
    expect_text(text, DENY_SEGMENT_EMPTY);
    snprintf(text, sizeof(text), "%s.e3.AAAA", did);
    expect_text(text, DENY_PAYLOAD_NOT_BASE64URL);
    snprintf(text, sizeof(text), "%s.e30.A", did);
    expect_text(text, DENY_SIGNATURE_NOT_BASE64URL);
    snprintf(text, sizeof(text), "x%s.e30.AAAA", did);
    expect_text(text, DENY_HEADER_NOT_BASE64URL); /* no DID, so it is taken for a JWS */
}

/* ---- signatures ---- */

/* A token of <wallet> whose signature was put through <change>. */
static void expect_signature(size_t index, const char *alg,
                             size_t (*change)(unsigned char *signature, size_t length),
                             enum deny_reason reason)
{
    struct buffer token;
    unsigned char signature[wallet_signature_bytes_max + 16];
    bool is_jwt = strcmp(alg, "EIP-191") != 0;
    buffer_init(&token, 64 * 1024);
    if (is_jwt) {
        append_base64url(&token, slice_from_string(header(alg, "")));
    } else {
        buffer_append_string(&token, wallet_did(wallets[index]));
    }
    buffer_append_byte(&token, '.');
    append_base64url(&token, slice_from_string(claims(wallet_did(wallets[index]), EXP "," AUD)));
    size_t length = wallet_sign(wallets[index], alg, buffer_slice(&token), signature);
    length = change(signature, length);
    buffer_append_byte(&token, '.');
    append_base64url(&token, slice_make((const char *)signature, length));
    expect(buffer_slice(&token), reason);
    buffer_clear(&token);
}

static size_t keep(unsigned char *signature, size_t length)
{
    return length;
}

static size_t flip(unsigned char *signature, size_t length)
{
    signature[length / 2 - 1] ^= 1;
    return length;
}

static size_t shorten(unsigned char *signature, size_t length)
{
    return length - 1;
}

static size_t lengthen(unsigned char *signature, size_t length)
{
    signature[length] = 0;
    return length + 1;
}

static size_t zero_r(unsigned char *signature, size_t length)
{
    memset(signature, 0, length / 2);
    return length;
}

static size_t huge_s(unsigned char *signature, size_t length)
{
    memset(signature + length / 2, 0xff, length / 2);
    return length;
}

/* s becomes n - s, and the other key is meant. */
static size_t high_s(unsigned char *signature, size_t length)
{
    static const unsigned char order[32] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                            0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe,
                                            0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b,
                                            0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41};
    int borrow = 0;
    for (size_t i = 32; i-- > 0;) {
        int digit = (int)order[i] - (int)signature[32 + i] - borrow;
        borrow = digit < 0 ? 1 : 0;
        signature[32 + i] = (unsigned char)(digit & 0xff);
    }
    if (length == 65) {
        signature[64] ^= signature[64] >= 27 ? (27 ^ 28) : 1;
    }
    return length;
}

static size_t strange_v(unsigned char *signature, size_t length)
{
    signature[length - 1] = 37;
    return length;
}

static size_t second_v(unsigned char *signature, size_t length)
{
    signature[length - 1] = 2;
    return length;
}

static size_t wallet_v(unsigned char *signature, size_t length)
{
    signature[length - 1] = (unsigned char)(signature[length - 1] % 27 + 27);
    return length;
}

static size_t plain_v(unsigned char *signature, size_t length)
{
    signature[length - 1] %= 27;
    return length;
}

static size_t other_v(unsigned char *signature, size_t length)
{
    signature[length - 1] = signature[length - 1] % 27 == 0 ? 1 : 0;
    return length;
}

/* S becomes S + L: the same signature to a careless verifier. */
static size_t add_order(unsigned char *signature, size_t length)
{
    static const unsigned char order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a,       0x63,
                                            0x12, 0x58, 0xd6, 0x9c, 0xf7,       0xa2,
                                            0xde, 0xf9, 0xde, 0x14, [31] = 0x10};
    unsigned carry = 0;
    for (size_t i = 0; i < 32; i++) {
        carry += (unsigned)signature[32 + i] + order[i];
        signature[32 + i] = (unsigned char)carry;
        carry >>= 8;
    }
    return length;
}

static size_t to_der(unsigned char *signature, size_t length)
{
    unsigned char raw[64];
    size_t at = 2;
    memcpy(raw, signature, sizeof(raw));
    for (size_t i = 0; i < 2; i++) {
        bool is_padded = (raw[32 * i] & 0x80) != 0;
        signature[at++] = 0x02;
        signature[at++] = is_padded ? 33 : 32;
        if (is_padded) {
            signature[at++] = 0;
        }
        memcpy(signature + at, raw + 32 * i, 32);
        at += 32;
    }
    signature[0] = 0x30;
    signature[1] = (unsigned char)(at - 2);
    return at;
}

static void a_raw_hash_is_told(void **state)
{
    struct arena arena;
    arena_init(&arena, arena_bytes);
    expect(golden_text(golden_open("tokens.json", &arena), "raw_hash", &arena),
           DENY_SIGNATURE_RAW_HASH);
    arena_clear(&arena);
}

static void signatures_of_a_wrong_form_are_denied(void **state)
{
    static const struct {
        size_t wallet;
        const char *alg;
        size_t (*change)(unsigned char *signature, size_t length);
        enum deny_reason reason;
    } cases[] = {
        {ed25519, "EdDSA", keep, DENY_UNDECIDED},
        {ed25519, "EdDSA", flip, DENY_SIGNATURE_INVALID},
        {ed25519, "EdDSA", shorten, DENY_SIGNATURE_LENGTH},
        {ed25519, "EdDSA", lengthen, DENY_SIGNATURE_LENGTH},
        {ed25519, "EdDSA", add_order, DENY_SIGNATURE_S_NOT_REDUCED},
        {ed25519, "EdDSA", huge_s, DENY_SIGNATURE_S_NOT_REDUCED},
        {ed25519, "Ed25519", keep, DENY_UNDECIDED},
        {solana, "EdDSA", add_order, DENY_SIGNATURE_S_NOT_REDUCED},
        {p256, "ES256", flip, DENY_SIGNATURE_INVALID},
        {p256, "ES256", shorten, DENY_SIGNATURE_LENGTH},
        {p256, "ES256", to_der, DENY_SIGNATURE_DER},
        {p256, "ES256", zero_r, DENY_SIGNATURE_RANGE},
        {p256, "ES256", huge_s, DENY_SIGNATURE_RANGE},
        {p384, "ES384", flip, DENY_SIGNATURE_INVALID},
        {p521, "ES512", flip, DENY_SIGNATURE_INVALID},
        {secp256k1, "ES256K", keep, DENY_UNDECIDED},
        {secp256k1, "ES256K", flip, DENY_SIGNATURE_INVALID},
        {secp256k1, "ES256K", lengthen, DENY_SIGNATURE_LENGTH},
        {secp256k1, "ES256K", to_der, DENY_SIGNATURE_DER},
        {secp256k1, "ES256K", zero_r, DENY_SIGNATURE_RANGE},
        {secp256k1, "ES256K", huge_s, DENY_SIGNATURE_RANGE},
        {secp256k1, "ES256K", high_s, DENY_SIGNATURE_HIGH_S},
        {eip155, "ES256K", keep, DENY_UNDECIDED},
        {eip155, "ES256K", high_s, DENY_SIGNATURE_HIGH_S},
        {eip155, "ES256K-R", keep, DENY_UNDECIDED},
        {eip155, "ES256K-R", wallet_v, DENY_UNDECIDED},
        {eip155, "ES256K-R", flip, DENY_SIGNATURE_INVALID},
        {eip155, "ES256K-R", other_v, DENY_SIGNATURE_INVALID},
        {eip155, "ES256K-R", shorten, DENY_SIGNATURE_LENGTH},
        {eip155, "ES256K-R", to_der, DENY_SIGNATURE_DER},
        {eip155, "ES256K-R", zero_r, DENY_SIGNATURE_RANGE},
        {eip155, "ES256K-R", high_s, DENY_SIGNATURE_HIGH_S},
        {eip155, "ES256K-R", strange_v, DENY_SIGNATURE_RECOVERY_ID},
        {eip155, "ES256K-R", second_v, DENY_SIGNATURE_RECOVERY_ID},
        {eip155, "EIP-191", keep, DENY_UNDECIDED},
        {eip155, "EIP-191", plain_v, DENY_UNDECIDED},
        {eip155, "EIP-191", flip, DENY_SIGNATURE_INVALID},
        {eip155, "EIP-191", shorten, DENY_SIGNATURE_LENGTH},
        {eip155, "EIP-191", high_s, DENY_SIGNATURE_HIGH_S},
        {eip155, "EIP-191", strange_v, DENY_SIGNATURE_RECOVERY_ID},
        {secp256k1, "ES256K-R", keep, DENY_ALG_UNFIT},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        expect_signature(cases[i].wallet, cases[i].alg, cases[i].change, cases[i].reason);
    }
    expect_jwt(ed25519, "EdDSA", header("ES256", ""),
               claims(wallet_did(wallets[ed25519]), EXP "," AUD), DENY_ALG_UNFIT);
    expect_jwt(p256, "ES256", header("RS256", ""), claims(wallet_did(wallets[p256]), EXP "," AUD),
               DENY_ALG_UNFIT);
    expect_jwt(ed25519, "EdDSA", header("none", ""),
               claims(wallet_did(wallets[ed25519]), EXP "," AUD), DENY_ALG_NOT_ALLOWED);
    expect_jwt(p384, "ES384", header("ES384", ""),
               claims(wallet_did(wallets[jwk_p256]), EXP "," AUD), DENY_ALG_UNFIT);
}

/* ---- who may ---- */

static void dids_are_off_without_a_list(void **state)
{
    struct trusted_dids empty = dids;
    trust.dids = NULL;
    expect_claims(EXP "," AUD, DENY_DID_OFF);
    expect_text("did:key:zabc.e30.AAAA", DENY_DID_OFF);
    empty.allow_count = 0;
    trust.dids = &empty;
    expect_claims(EXP "," AUD, DENY_DID_NOT_ALLOWED);
    trust.dids = &dids;
    assert_int_equal(deny_reason_class(DENY_DID_OFF), DENY_CLASS_INVALID);
    assert_int_equal(deny_reason_class(DENY_DID_NOT_ALLOWED), DENY_CLASS_FORBIDDEN);
}

static void only_who_is_allowed_may(void **state)
{
    const char *did = wallet_did(wallets[ed25519]);
    const struct slice others[] = {SLICE("did:pkh:*"),
                                   slice_from_string(wallet_did(wallets[p256]))};
    const struct slice itself[] = {SLICE("did:pkh:*"), slice_from_string(did)};
    struct trusted_dids narrow = dids;
    narrow.allow = others;
    narrow.allow_count = 2;
    trust.dids = &narrow;
    expect_claims(EXP "," AUD, DENY_DID_NOT_ALLOWED);
    expect_claims(EXP ",\"aud\":\"them\"", DENY_AUDIENCE_MISMATCH); /* 401 goes before 403 */
    expect_signature(ed25519, "EdDSA", flip, DENY_SIGNATURE_INVALID);
    narrow.allow = itself;
    expect_claims(EXP "," AUD, DENY_UNDECIDED);
    trust.dids = &dids;
}

/* The last of the tests: nobody may have a row that nobody reaches. */
static void no_reason_is_left_that_nobody_reaches(void **state)
{
    for (int i = DENY_DID_OFF; i < DENY_COUNT; i++) {
        if (!reached[i]) {
            fail_msg("nobody reaches %s", deny_reason_name((enum deny_reason)i));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kid_must_be_that_of_the_did),
        cmocka_unit_test(dids_of_a_wrong_form_are_denied),
        cmocka_unit_test(keys_of_a_wrong_kind_are_denied),
        cmocka_unit_test(jwks_of_a_wrong_kind_are_denied),
        cmocka_unit_test(claims_are_held_to_the_profile),
        cmocka_unit_test(sign_in_messages_are_held_to_the_profile),
        cmocka_unit_test(the_prefixed_form_is_one_did_s),
        cmocka_unit_test(a_raw_hash_is_told),
        cmocka_unit_test(signatures_of_a_wrong_form_are_denied),
        cmocka_unit_test(dids_are_off_without_a_list),
        cmocka_unit_test(only_who_is_allowed_may),
        cmocka_unit_test(no_reason_is_left_that_nobody_reaches),
    };
    return cmocka_run_group_tests(tests, begin_all, end_all);
}

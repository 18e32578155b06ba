/* SPDX-License-Identifier: MIT
 *
 * did_signature_test.c - whom the tokens of DIDs prove: keys of every kind, published tokens, the
 * documents of did:web; and that one changed byte anywhere proves nobody. */
#include "did_scene.h"

#include "auth/did_web_cache.h"
#include "base/base58.h"
#include "base/base64url.h"
#include "golden.h"
#include "signer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* ---- who is proved ---- */

static void check_proved(const struct verification *result, const char *did)
{
    struct slice text = slice_from_string(did);
    if (result->verdict != VERDICT_ACCEPTED) {
        fail_msg("%s: %s", did, deny_reason_name(result->reason));
    }
    assert_int_equal(result->identity.proof, IDENTITY_DID);
    assert_true(slice_equals(result->identity.issuer, text));
    assert_true(slice_equals(result->identity.subject, text));
    assert_true(slice_equals(result->identity.user, text));
    assert_true(slice_equals(result->did, text));
    assert_true(result->issuer_index == SIZE_MAX);
}

static void keys_of_every_kind_prove_their_did(void **state)
{
    for (size_t i = 0; i < types_count; i++) {
        struct arena arena;
        struct buffer token;
        const char *did = wallet_did(wallets[i]);
        arena_init(&arena, arena_bytes);
        buffer_init(&token, 64 * 1024);
        wallet_append_jwt(wallets[i], alg_of(i), header(alg_of(i), ",\"typ\":\"JWT\""),
                          claims(did, EXP "," AUD), &token);
        struct verification result = verify_in(&arena, buffer_slice(&token));
        check_proved(&result, did);
        assert_int_equal(result.expires_at_s, 1700000100);
        buffer_reset(&token);
        wallet_append_prefixed(wallets[i], did, "{" EXP "," AUD "}", &token);
        result = verify_in(&arena, buffer_slice(&token));
        check_proved(&result, did);
        assert_int_equal(result.expires_at_s, 1700000100);
        buffer_clear(&token);
        arena_clear(&arena);
    }
}

static void published_tokens_are_accepted(void **state)
{
    struct arena arena;
    arena_init(&arena, arena_bytes);
    struct json_value golden = golden_open("tokens.json", &arena);
    const struct slice ours[] = {golden_text(golden, "audience", &arena)};
    struct trusted_dids long_lived = dids;
    struct trust both = {.dids = &long_lived};
    long_lived.audiences = ours;
    long_lived.audiences_count = 1;
    long_lived.lifetime_max_s = INT64_C(4102444800);
    struct json_walk walk = json_walk_begin(json_member(golden, "accepted"));
    struct json_value row;
    size_t count = 0;
    for (; json_walk_next(&walk, NULL, &row); count++) {
        char did[200];
        struct slice text = golden_text(row, "did", &arena);
        struct slice token = golden_text(row, "token", &arena);
        snprintf(did, sizeof(did), "%.*s", SLICE_ARGS(text));
        struct verification result = verify(&both, token, NOW, &arena);
        check_proved(&result, did);
        assert_int_equal(result.expires_at_s, 4102444800);
        expect(token, DENY_LIFETIME_TOO_LONG);
    }
    assert_true(count >= 9);
    arena_clear(&arena);
}

static void published_sign_in_messages_are_signed_as_they_say(void **state)
{
    struct arena arena;
    arena_init(&arena, arena_bytes);
    struct json_value golden = golden_open("siwe.json", &arena);
    struct json_walk walk = json_walk_begin(json_member(golden, "signed"));
    struct json_value row;
    size_t count = 0;
    for (; json_walk_next(&walk, NULL, &row); count++) {
        unsigned char bytes[65];
        struct buffer token;
        struct slice message = golden_text(row, "message", &arena);
        struct slice signature = golden_text(row, "signature", &arena);
        size_t at = slice_find(message, '\n') + 1;
        buffer_init(&token, 16 * 1024);
        for (size_t i = 0; i < sizeof(bytes); i++) {
            unsigned value = 0;
            assert_int_equal(sscanf(signature.data + 2 * i, "%2x", &value), 1);
            bytes[i] = (unsigned char)value;
        }
        buffer_append_format(&token, "did:pkh:eip155:1:%.*s.", 42, message.data + at);
        append_base64url(&token, message);
        buffer_append_byte(&token, '.');
        append_base64url(&token, slice_make((const char *)bytes, sizeof(bytes)));
        /* the signature holds: it is the domain that is looked at next */
        expect(buffer_slice(&token), DENY_SIWE_DOMAIN);
        buffer_clear(&token);
    }
    assert_int_equal(count, 4);
    arena_clear(&arena);
}

static void sign_in_messages_prove_their_account(void **state)
{
    static const char *const changes[][2] = {
        {NULL, NULL},
        {"Hello.", ""},
        {DOMAIN, "https://" DOMAIN " wants you to sign in with your Ethereum account:"},
        {"URI: ", "URI: " ORIGIN},
        {"URI: ", "URI: " ORIGIN "?a=b"},
        {"URI: ", "URI: HTTPS://Gateway.example:8443/"},
        {"Expiration Time: ",
         "Expiration Time: 2023-11-14T22:15:00Z\nNot Before: 2023-11-14T22:14:00Z"},
        {"Expiration Time: ", "Expiration Time: 2023-11-15T00:15:00.5+02:00\nRequest ID: 1"},
    };
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        struct arena arena;
        struct buffer token;
        arena_init(&arena, arena_bytes);
        buffer_init(&token, 64 * 1024);
        const char *did = wallet_did(wallets[eip155]);
        wallet_append_prefixed(wallets[eip155], did,
                               siwe(wallets[eip155], changes[i][0], changes[i][1]), &token);
        struct verification result = verify_in(&arena, buffer_slice(&token));
        check_proved(&result, did);
        assert_int_equal(result.expires_at_s, 1700000100);
        assert_true(result.has_replay_id);
        buffer_clear(&token);
        arena_clear(&arena);
    }
}

static void one_wallet_is_one_user(void **state)
{
    struct arena arena;
    struct buffer token;
    char did[text_bytes];
    arena_init(&arena, arena_bytes);
    buffer_init(&token, 64 * 1024);
    snprintf(did, sizeof(did), "%s", wallet_did(wallets[eip155]));
    for (char *c = did + strlen("did:pkh:eip155:1:0x"); *c != '\0'; c++) {
        *c = *c >= 'A' && *c <= 'F' ? (char)(*c - 'A' + 'a') : *c;
    }
    wallet_append_prefixed(wallets[eip155], did, "{" EXP "," AUD "}", &token);
    struct verification result = verify_in(&arena, buffer_slice(&token));
    check_proved(&result, wallet_did(wallets[eip155]));
    snprintf(did, sizeof(did), "did:pkh:solana:4sGjMW1sUnHzSxGspuhpqLDx6wiyjNtZ:%s",
             strrchr(wallet_did(wallets[solana]), ':') + 1);
    buffer_reset(&token);
    wallet_append_jwt(wallets[solana], "EdDSA", header("EdDSA", ""), claims(did, EXP "," AUD),
                      &token);
    result = verify_in(&arena, buffer_slice(&token));
    check_proved(&result, wallet_did(wallets[solana]));
    snprintf(did, sizeof(did), "did:key:1:%s", wallet_did(wallets[ed25519]) + strlen("did:key:"));
    buffer_reset(&token);
    wallet_append_jwt(wallets[ed25519], "EdDSA", header("EdDSA", ""), claims(did, EXP "," AUD),
                      &token);
    result = verify_in(&arena, buffer_slice(&token));
    check_proved(&result, wallet_did(wallets[ed25519]));
    buffer_clear(&token);
    arena_clear(&arena);
}

static void both_multibases_are_one_user(void **state)
{
    struct arena arena;
    struct buffer token;
    unsigned char bytes[64];
    size_t length = 0;
    char more[text_bytes];
    const char *multibase = wallet_did(wallets[secp256k1]) + strlen("did:key:");
    arena_init(&arena, arena_bytes);
    buffer_init(&token, 64 * 1024);
    assert_true(base58_decode(slice_from_string(multibase + 1), bytes, sizeof(bytes), &length));
    struct buffer did;
    buffer_init(&did, text_bytes);
    buffer_append_string(&did, "did:key:u");
    append_base64url(&did, slice_make((const char *)bytes, length));
    buffer_append_byte(&did, '\0');
    snprintf(more, sizeof(more), ",\"kid\":\"%s#%s\"", did.data, did.data + strlen("did:key:"));
    wallet_append_jwt(wallets[secp256k1], "ES256K", header("ES256K", more),
                      claims(did.data, EXP "," AUD), &token);
    struct verification result = verify_in(&arena, buffer_slice(&token));
    check_proved(&result, wallet_did(wallets[secp256k1]));
    buffer_reset(&token);
    wallet_append_prefixed(wallets[secp256k1], did.data,
                           claims(wallet_did(wallets[secp256k1]), EXP "," AUD), &token);
    result = verify_in(&arena, buffer_slice(&token));
    check_proved(&result, wallet_did(wallets[secp256k1]));
    buffer_clear(&did);
    buffer_clear(&token);
    arena_clear(&arena);
}

static void one_changed_byte_anywhere_denies(void **state)
{
    for (size_t i = 0; i < 2 * types_count; i++) {
        struct buffer token;
        size_t index = i / 2;
        buffer_init(&token, 64 * 1024);
        if (i % 2 == 0) {
            wallet_append_jwt(wallets[index], alg_of(index), header(alg_of(index), ""),
                              claims(wallet_did(wallets[index]), EXP "," AUD), &token);
        } else {
            wallet_append_prefixed(wallets[index], wallet_did(wallets[index]), "{" EXP "," AUD "}",
                                   &token);
        }
        size_t step = index == p521 || index > jwk_p256 ? 7 : 1; /* slow ones */
        for (size_t at = 0; at < token.length; at += step) {
            struct arena arena;
            char before = token.data[at];
            arena_init(&arena, arena_bytes);
            token.data[at] = before == 'A' ? 'B' : 'A';
            struct verification result = verify(&trust, buffer_slice(&token), NOW, &arena);
            assert_int_equal(result.verdict, VERDICT_DENIED);
            token.data[at] = before;
            arena_clear(&arena);
        }
        buffer_clear(&token);
    }
}

/* ---- did:web ---- */

#define WEB "did:web:example.com%3A8443:team"

static struct jwks *web_keys(const char *const *kids, const size_t *indices, size_t count)
{
    struct buffer json;
    struct jwks *jwks = NULL;
    buffer_init(&json, 64 * 1024);
    buffer_append_string(&json, "{\"keys\":[");
    for (size_t i = 0; i < count; i++) {
        char members[200];
        snprintf(members, sizeof(members), ",\"kid\":\"%s#%s\"", WEB, kids[i]);
        buffer_append_string(&json, i == 0 ? "" : ",");
        wallet_append_jwk(wallets[indices[i]], members, &json);
    }
    buffer_append_string(&json, "]}");
    assert_int_equal(jwks_parse(buffer_slice(&json), &jwks, NULL), STATUS_OK);
    buffer_clear(&json);
    return jwks;
}

static void expect_web(size_t index, const char *kid, const char *iss, enum deny_reason reason)
{
    char more[200];
    snprintf(more, sizeof(more), ",\"kid\":\"%s\"", kid);
    const char *alg = wallet_algorithm(wallets[index]);
    expect_jwt(index, alg, header(alg, kid[0] == '\0' ? "" : more), claims(iss, EXP "," AUD),
               reason);
}

static void keys_of_a_web_document_prove_its_did(void **state)
{
    static const char *const kids[] = {"ed", "p256", "k1"};
    static const size_t indices[] = {ed25519, p256, secp256k1};
    struct trusted_dids with_web = dids;
    with_web.web = did_web_cache_create(4);
    assert_non_null(with_web.web);
    trust.dids = &with_web;
    did_web_cache_insert(with_web.web, SLICE(WEB), web_keys(kids, indices, 3), 0, 1000);
    for (size_t i = 0; i < 3; i++) {
        char kid[100];
        char iss[100];
        struct arena arena;
        struct buffer token;
        snprintf(kid, sizeof(kid), "%s#%s", WEB, kids[i]);
        snprintf(iss, sizeof(iss), "%s#%s", WEB, kids[i]);
        expect_web(indices[i], "", WEB, DENY_UNDECIDED);
        expect_web(indices[i], kid, WEB, DENY_UNDECIDED);
        expect_web(indices[i], kid + strlen(WEB), WEB, DENY_UNDECIDED);
        expect_web(indices[i], "", iss, DENY_UNDECIDED);
        expect_web(indices[i], kid, iss, DENY_UNDECIDED);
        expect_web(indices[i], kid, WEB "#other", DENY_KID_OF_ANOTHER);
        arena_init(&arena, arena_bytes);
        buffer_init(&token, text_bytes);
        wallet_append_jwt(wallets[indices[i]], alg_of(indices[i]), header(alg_of(indices[i]), ""),
                          claims(WEB, EXP "," AUD), &token);
        struct verification result = verify_in(&arena, buffer_slice(&token));
        check_proved(&result, WEB);
        buffer_clear(&token);
        arena_clear(&arena);
    }
    expect_web(p256, WEB "#ed", WEB, DENY_KEY_UNFIT);
    expect_web(p384, "", WEB, DENY_KEY_UNKNOWN);
    expect_web(ed25519, WEB "#new", WEB, DENY_KEY_UNKNOWN);
    expect_web(solana, WEB "#ed", WEB, DENY_SIGNATURE_INVALID);
    expect_web(ed25519, "did:web:other.example#ed", WEB, DENY_KID_OF_ANOTHER);
    /* three keys could have signed what names none of them */
    expect_prefixed(ed25519, WEB, "{" EXP "," AUD "}", DENY_KEY_AMBIGUOUS);
    did_web_cache_insert(with_web.web, SLICE(WEB), web_keys(kids, indices, 1), 0, 1000);
    expect_prefixed(ed25519, WEB, "{" EXP "," AUD "}", DENY_UNDECIDED);
    expect_prefixed(solana, WEB, "{" EXP "," AUD "}", DENY_SIGNATURE_INVALID);
    expect_prefixed(ed25519, WEB, "plain", DENY_CLAIMS_NOT_JSON);
    trust.dids = &dids;
    did_web_cache_free(with_web.web);
}

static void unknown_web_documents_are_asked_for(void **state)
{
    struct trusted_dids with_web = dids;
    const struct slice others[] = {SLICE("did:web:other.example")};
    struct arena arena;
    struct buffer token;
    arena_init(&arena, arena_bytes);
    buffer_init(&token, text_bytes);
    wallet_append_prefixed(wallets[ed25519], WEB, "{" EXP "," AUD "}", &token);
    for (size_t i = 0; i < 2; i++) { /* without a cache, and with one that is empty */
        struct verification result = verify_in(&arena, buffer_slice(&token));
        assert_int_equal(result.verdict, VERDICT_NEEDS_KEYS);
        assert_int_equal(result.reason, DENY_KEYS_UNAVAILABLE);
        assert_true(slice_equals(result.did, SLICE(WEB)));
        assert_true(result.issuer_index == SIZE_MAX);
        with_web.web = with_web.web == NULL ? did_web_cache_create(4) : with_web.web;
        trust.dids = &with_web;
    }
    with_web.allow = others;
    struct verification result = verify_in(&arena, buffer_slice(&token));
    assert_int_equal(result.verdict, VERDICT_DENIED); /* no fetch for whoever may not call */
    assert_int_equal(result.reason, DENY_DID_NOT_ALLOWED);
    trust.dids = &dids;
    did_web_cache_free(with_web.web);
    buffer_clear(&token);
    arena_clear(&arena);
}

static void a_jti_or_nonce_makes_a_replay_id(void **state)
{
    static const char *const more[] = {"",
                                       ",\"jti\":\"one\"",
                                       ",\"jti\":\"one\",\"iat\":1700000000",
                                       ",\"jti\":\"on\\u0065\",\"nonce\":\"x\"",
                                       ",\"jti\":\"two\"",
                                       ",\"nonce\":\"one\""};
    unsigned char ids[6][replay_id_bytes];
    for (size_t i = 0; i < 6; i++) {
        struct arena arena;
        struct buffer token;
        char text[text_bytes];
        arena_init(&arena, arena_bytes);
        buffer_init(&token, 64 * 1024);
        snprintf(text, sizeof(text), EXP "," AUD "%s", more[i]);
        wallet_append_jwt(wallets[ed25519], "EdDSA", header("EdDSA", ""),
                          claims(wallet_did(wallets[ed25519]), text), &token);
        struct verification result = verify_in(&arena, buffer_slice(&token));
        assert_int_equal(result.verdict, VERDICT_ACCEPTED);
        assert_int_equal(result.has_replay_id, i > 0);
        memcpy(ids[i], result.replay_id, sizeof(ids[i]));
        buffer_clear(&token);
        arena_clear(&arena);
    }
    assert_memory_equal(ids[1], ids[2], replay_id_bytes);
    assert_memory_equal(ids[1], ids[3], replay_id_bytes);
    assert_memory_not_equal(ids[1], ids[4], replay_id_bytes);
    assert_memory_not_equal(ids[1], ids[5], replay_id_bytes);
}

/* A user of OIDC that looks like a DID's. */
static void oidc_users_cannot_pose_as_dids(void **state)
{
    struct signer *signer = signer_create("Ed25519");
    struct buffer json;
    struct buffer token;
    struct arena arena;
    struct trusted_issuer issuer = {.issuer = SLICE("https://issuer.example"),
                                    .proof = IDENTITY_OIDC,
                                    .audiences = audiences,
                                    .audiences_count = 1};
    struct trust both = {&issuer, 1, NULL};
    arena_init(&arena, arena_bytes);
    buffer_init(&json, text_bytes);
    buffer_init(&token, text_bytes);
    signer_append_jwk(signer, "", &json);
    assert_int_equal(jwks_parse(buffer_slice(&json), &issuer.jwks, NULL), STATUS_OK);
    signer_append_token(
        signer, "EdDSA", "{\"alg\":\"EdDSA\"}",
        "{\"iss\":\"https://issuer.example\"," EXP "," AUD ",\"sub\":\"did:key:z6Mk\"}", &token);
    assert_int_equal(verify(&both, buffer_slice(&token), NOW, &arena).verdict, VERDICT_ACCEPTED);
    both.dids = &dids;
    assert_int_equal(verify(&both, buffer_slice(&token), NOW, &arena).reason, DENY_USER_AMBIGUOUS);
    buffer_clear(&json);
    buffer_clear(&token);
    jwks_free(issuer.jwks);
    signer_free(signer);
    arena_clear(&arena);
}

static void without_memory_nobody_is_proved(void **state)
{
    for (size_t i = 0; i < types_count; i++) {
        struct buffer token;
        bool accepted = false;
        buffer_init(&token, 64 * 1024);
        wallet_append_jwt(wallets[i], alg_of(i), header(alg_of(i), ""),
                          claims(wallet_did(wallets[i]), EXP "," AUD ",\"jti\":\"\\u0061\""),
                          &token);
        for (size_t maximum = 0; maximum < 8192; maximum += 64) {
            struct arena arena;
            arena_init(&arena, maximum);
            struct verification result = verify(&trust, buffer_slice(&token), NOW, &arena);
            if (result.verdict == VERDICT_ACCEPTED) {
                accepted = true;
            } else {
                assert_false(accepted); /* more memory never hurts */
                assert_int_equal(result.reason, DENY_NO_MEMORY);
            }
            arena_clear(&arena);
        }
        assert_true(accepted);
        buffer_clear(&token);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_of_every_kind_prove_their_did),
        cmocka_unit_test(published_tokens_are_accepted),
        cmocka_unit_test(published_sign_in_messages_are_signed_as_they_say),
        cmocka_unit_test(sign_in_messages_prove_their_account),
        cmocka_unit_test(one_wallet_is_one_user),
        cmocka_unit_test(both_multibases_are_one_user),
        cmocka_unit_test(one_changed_byte_anywhere_denies),
        cmocka_unit_test(keys_of_a_web_document_prove_its_did),
        cmocka_unit_test(unknown_web_documents_are_asked_for),
        cmocka_unit_test(a_jti_or_nonce_makes_a_replay_id),
        cmocka_unit_test(oidc_users_cannot_pose_as_dids),
        cmocka_unit_test(without_memory_nobody_is_proved),
    };
    return cmocka_run_group_tests(tests, begin_all, end_all);
}

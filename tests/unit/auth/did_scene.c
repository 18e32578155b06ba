/* SPDX-License-Identifier: MIT
 *
 * did_scene.c - see did_scene.h. */
#include "did_scene.h"

#include "base/base58.h"

#include <openssl/err.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const char *const types[types_count] = {
    "Ed25519", "P-256",       "P-384",     "P-521",     "secp256k1", "eip155",
    "solana",  "jwk:Ed25519", "jwk:P-256", "jwk:P-384", "jwk:P-521", "jwk:secp256k1"};
static const struct slice allow_all[] = {{"*", 1}};

struct wallet *wallets[types_count];
const struct slice audiences[2] = {{"us", 2}, {"us too", 6}};
struct trusted_dids dids = {
    .allow = allow_all,
    .allow_count = 1,
    .audiences = audiences,
    .audiences_count = 2,
    .lifetime_max_s = 3600,
    .domain = {DOMAIN, sizeof(DOMAIN) - 1},
    .origin = {ORIGIN, sizeof(ORIGIN) - 1},
};
struct trust trust = {.dids = &dids};
bool reached[DENY_COUNT];

int begin_all(void **state)
{
    for (size_t i = 0; i < types_count; i++) {
        wallets[i] = wallet_create(types[i]);
    }
    return 0;
}

int end_all(void **state)
{
    for (size_t i = 0; i < types_count; i++) {
        wallet_free(wallets[i]);
    }
    return 0;
}

const char *alg_of(size_t index)
{
    return index == eip155 ? "ES256K-R" : wallet_algorithm(wallets[index]);
}

const char *claims(const char *did, const char *more)
{
    static char text[text_bytes];
    snprintf(text, sizeof(text), "{\"iss\":\"%s\",%s}", did, more);
    return text;
}

const char *header(const char *alg, const char *more)
{
    static char text[text_bytes];
    snprintf(text, sizeof(text), "{\"alg\":\"%s\"%s}", alg, more);
    return text;
}

const char *siwe(const struct wallet *wallet, const char *line, const char *with)
{
    static char text[text_bytes];
    static const char *const lines[] = {DOMAIN " wants you to sign in with your Ethereum account:",
                                        "ADDRESS",
                                        "",
                                        "Hello.",
                                        "",
                                        "URI: " ORIGIN "/login",
                                        "Version: 1",
                                        "Chain ID: 1",
                                        "Nonce: abcdefgh12345678",
                                        "Issued At: 2023-11-14T22:13:00Z",
                                        "Expiration Time: 2023-11-14T22:15:00.5Z"};
    size_t length = 0;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        const char *shown = i == 1 ? strstr(wallet_did(wallet), "0x") : lines[i];
        if (line != NULL && line[0] != '\0' && strncmp(lines[i], line, strlen(line)) == 0) {
            shown = with;
            if (with[0] == '\0') {
                continue;
            }
        }
        length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s", i == 0 ? "" : "\n",
                                   shown);
    }
    return text;
}

struct verification verify_in(struct arena *arena, struct slice token)
{
    struct verification result = verify(&trust, token, NOW, arena);
    assert_int_equal(ERR_peek_error(), 0);
    assert_int_equal(result.verdict == VERDICT_ACCEPTED, result.reason == DENY_UNDECIDED);
    if (result.verdict != VERDICT_ACCEPTED) {
        assert_int_equal(result.identity.proof, IDENTITY_UNPROVEN);
        assert_int_equal(result.identity.user.length, 0);
        assert_false(result.has_replay_id);
        reached[result.reason] = true;
    }
    return result;
}

void expect(struct slice token, enum deny_reason reason)
{
    struct arena arena;
    arena_init(&arena, arena_bytes);
    struct verification result = verify_in(&arena, token);
    if (result.reason != reason) {
        fail_msg("%s instead of %s for: %.*s", deny_reason_name(result.reason),
                 deny_reason_name(reason), SLICE_ARGS(token));
    }
    arena_clear(&arena);
}

void expect_text(const char *token, enum deny_reason reason)
{
    expect(slice_from_string(token), reason);
}

void expect_jwt(size_t index, const char *alg, const char *header_text, const char *payload,
                enum deny_reason reason)
{
    struct buffer token;
    buffer_init(&token, 64 * 1024);
    wallet_append_jwt(wallets[index], alg, header_text, payload, &token);
    expect(buffer_slice(&token), reason);
    buffer_clear(&token);
}

void expect_claims(const char *more, enum deny_reason reason)
{
    expect_jwt(ed25519, "EdDSA", header("EdDSA", ""), claims(wallet_did(wallets[ed25519]), more),
               reason);
}

void expect_prefixed(size_t index, const char *did, const char *payload, enum deny_reason reason)
{
    struct buffer token;
    buffer_init(&token, 64 * 1024);
    wallet_append_prefixed(wallets[index], did, payload, &token);
    expect(buffer_slice(&token), reason);
    buffer_clear(&token);
}

void expect_siwe(const char *line, const char *with, enum deny_reason reason)
{
    expect_prefixed(eip155, wallet_did(wallets[eip155]), siwe(wallets[eip155], line, with), reason);
}

void expect_did(const char *did, enum deny_reason reason)
{
    expect_jwt(ed25519, "EdDSA", header("EdDSA", ""), claims(did, EXP "," AUD), reason);
}

const char *did_of_bytes(const void *bytes, size_t count)
{
    static char text[text_bytes];
    memcpy(text, "did:key:z", 9);
    size_t length = base58_encode(bytes, count, text + 9);
    text[9 + length] = '\0';
    return text;
}

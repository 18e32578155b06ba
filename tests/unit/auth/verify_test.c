/* SPDX-License-Identifier: MIT
 *
 * verify_test.c - whom a token proves, and every reason why it proves nobody: each row of
 * deny_reasons.def is reached, by verify() or, for those about the Authorization field, by
 * bearer_find(). */
#include "auth/verify.h"

#include "auth/bearer.h"
#include "signer.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define NOW INT64_C(1700000000)
#define HEADER "{\"alg\":\"RS256\",\"kid\":\"rsa\"}"
#define ISSUER "https://issuer.example"
#define ISS "\"iss\":\"" ISSUER "\""
#define EXP "\"exp\":1700000100"
#define AUD "\"aud\":\"us\""
#define SUB "\"sub\":\"ann\""
/* Sound but for what a row adds or leaves out. */
#define CLAIMS(more) "{" ISS "," EXP "," AUD "," SUB more "}"

enum { issuers_count = 5, arena_bytes = 256 * 1024 };

static struct signer *rsa;
static struct signer *other_rsa;
static struct signer *ec;
static struct signer *ed;
static char long_issuer[2048];
static const struct slice audiences[] = {SLICE("us"), SLICE("us too")};

static struct jwks *keys_make(void)
{
    struct buffer json;
    struct jwks *jwks = NULL;
    buffer_init(&json, 64 * 1024);
    buffer_append_string(&json, "{\"keys\":[");
    signer_append_jwk(rsa, ",\"kid\":\"rsa\"", &json);
    buffer_append_string(&json, ",");
    signer_append_jwk(ec, ",\"kid\":\"ec\"", &json);
    buffer_append_string(&json, ",");
    signer_append_jwk(ed, ",\"kid\":\"ed\"", &json);
    buffer_append_string(&json, ",");
    signer_append_jwk(other_rsa, ",\"kid\":\"encrypts\",\"use\":\"enc\"", &json);
    buffer_append_string(&json, ",");
    signer_append_jwk(rsa, ",\"kid\":\"twins\"", &json);
    buffer_append_string(&json, ",");
    signer_append_jwk(other_rsa, ",\"kid\":\"twins\"", &json);
    buffer_append_string(&json, "]}");
    assert_false(json.failed);
    assert_int_equal(jwks_parse(buffer_slice(&json), &jwks, NULL), STATUS_OK);
    buffer_clear(&json);
    return jwks;
}

static struct trusted_issuer issuers[issuers_count];
static struct trust trust = {issuers, issuers_count};

static int begin_all(void **state)
{
    static const struct slice names[] = {SLICE(ISSUER), SLICE("https://second.example/"),
                                         SLICE("https://without-keys.example"),
                                         SLICE("https://third.example")};
    rsa = signer_create("RSA");
    other_rsa = signer_create("RSA");
    ec = signer_create("P-256");
    ed = signer_create("Ed25519");
    memset(long_issuer, 'x', sizeof(long_issuer));
    memcpy(long_issuer, "https://", 8);
    for (size_t i = 0; i < issuers_count; i++) {
        struct slice name = i < 4 ? names[i] : slice_make(long_issuer, sizeof(long_issuer));
        issuers[i] = (struct trusted_issuer){.issuer = name,
                                             .proof = IDENTITY_OIDC,
                                             .audiences = audiences,
                                             .audiences_count = 2,
                                             .jwks = i == 2 ? NULL : keys_make()};
    }
    return 0;
}

static int end_all(void **state)
{
    for (size_t i = 0; i < issuers_count; i++) {
        jwks_free(issuers[i].jwks);
    }
    signer_free(rsa);
    signer_free(other_rsa);
    signer_free(ec);
    signer_free(ed);
    return 0;
}

/* A token signed by <signer>; its text is in <buffer>, which the caller clears. */
static struct slice token_make(struct buffer *buffer, const struct signer *signer, const char *alg,
                               const char *header, const char *payload)
{
    buffer_init(buffer, 1024 * 1024);
    signer_append_token(signer, alg, header, payload, buffer);
    return buffer_slice(buffer);
}

static struct verification verify_claims(struct arena *arena, const char *payload)
{
    struct buffer buffer;
    struct slice token = token_make(&buffer, rsa, "RS256", HEADER, payload);
    struct verification result = verify(&trust, token, NOW, arena);
    buffer_clear(&buffer);
    return result;
}

/* ---- every reason ---- */

struct row {
    enum deny_reason reason;
    const char *token;   /* as it stands; NULL: signed with the key "rsa" from the next two */
    const char *header;  /* NULL: HEADER */
    const char *payload; /* NULL: CLAIMS("") */
};

static const struct row rows[] = {
    {DENY_NOT_COMPACT_JWS, "e30.e30"},
    {DENY_NOT_COMPACT_JWS, ""},
    {DENY_ENCRYPTED, "e30.e30.e30.e30.e30"},
    {DENY_SEGMENT_EMPTY, "e30..e30"},
    {DENY_HEADER_NOT_BASE64URL, "e31.e30.e30"},
    {DENY_HEADER_NOT_JSON, "e30e.e30.e30"},
    {DENY_HEADER_NOT_JSON, .header = "{\"alg\":\"RS256\",\"\\u0061lg\":\"RS256\"}"},
    {DENY_HEADER_CRIT, .header = "{\"alg\":\"RS256\",\"kid\":\"rsa\",\"crit\":[\"exp\"]}"},
    {DENY_HEADER_B64, .header = "{\"alg\":\"RS256\",\"kid\":\"rsa\",\"b64\":true}"},
    {DENY_HEADER_JWK, .header = "{\"alg\":\"RS256\",\"kid\":\"rsa\",\"jwk\":{}}"},
    {DENY_HEADER_JKU, .header = "{\"alg\":\"RS256\",\"kid\":\"rsa\",\"jku\":\"https://x\"}"},
    {DENY_HEADER_X5U, .header = "{\"alg\":\"RS256\",\"kid\":\"rsa\",\"x5u\":\"https://x\"}"},
    {DENY_HEADER_X5C, .header = "{\"alg\":\"RS256\",\"kid\":\"rsa\",\"x5c\":[]}"},
    {DENY_ALG_MISSING, .header = "{\"kid\":\"rsa\"}"},
    {DENY_ALG_NOT_ALLOWED, .header = "{\"alg\":\"HS256\",\"kid\":\"rsa\"}"},
    {DENY_ALG_NOT_ALLOWED, .header = "{\"alg\":\"none\"}"},
    {DENY_KID_MALFORMED, .header = "{\"alg\":\"RS256\",\"kid\":7}"},
    {DENY_TYP_NOT_ACCEPTED, .header = "{\"alg\":\"RS256\",\"kid\":\"rsa\",\"typ\":\"dpop+jwt\"}"},
    {DENY_TYP_NOT_ACCEPTED, .header = "{\"alg\":\"RS256\",\"kid\":\"rsa\",\"typ\":\"logout+jwt\"}"},
    {DENY_TYP_NOT_ACCEPTED, .header = "{\"alg\":\"RS256\",\"kid\":\"rsa\",\"typ\":7}"},
    {DENY_PAYLOAD_NOT_BASE64URL, "eyJhbGciOiJSUzI1NiJ9.e31.e30"},
    {DENY_SIGNATURE_NOT_BASE64URL, "eyJhbGciOiJSUzI1NiJ9.e30.e31"},
    {DENY_CLAIMS_NOT_JSON, .payload = "[" CLAIMS("") "]"},
    {DENY_CLAIMS_NOT_JSON, .payload = CLAIMS(",\"s\\u0075b\":\"bob\"")},
    {DENY_CLAIMS_NOT_JSON, .payload = CLAIMS("") " x"},
    {DENY_ISSUER_MISSING, .payload = "{" EXP "," AUD "," SUB "}"},
    {DENY_ISSUER_MISSING, .payload = "{\"iss\":7," EXP "," AUD "," SUB "}"},
    {DENY_ISSUER_UNTRUSTED,
     .payload = "{\"iss\":\"https://ISSUER.example\"," EXP "," AUD "," SUB "}"},
    {DENY_ISSUER_UNTRUSTED, .payload = "{\"iss\":\"\"," EXP "," AUD "," SUB "}"},
    {DENY_KEYS_UNAVAILABLE,
     .payload = "{\"iss\":\"https://without-keys.example\"," EXP "," AUD "," SUB "}"},
    {DENY_KEY_UNKNOWN, .header = "{\"alg\":\"RS256\",\"kid\":\"RSA\"}"},
    {DENY_KEY_UNKNOWN, .header = "{\"alg\":\"RS256\",\"kid\":\"\"}"},
    {DENY_KEY_UNKNOWN, .header = "{\"alg\":\"ES384\"}"},
    {DENY_KEY_UNFIT, .header = "{\"alg\":\"RS256\",\"kid\":\"encrypts\"}"},
    {DENY_KEY_UNFIT, .header = "{\"alg\":\"RS256\",\"kid\":\"ec\"}"},
    {DENY_KEY_AMBIGUOUS, .header = "{\"alg\":\"RS256\",\"kid\":\"twins\"}"},
    {DENY_KEY_AMBIGUOUS, .header = "{\"alg\":\"RS256\"}"},
    {DENY_SIGNATURE_INVALID, .header = "{\"alg\":\"RS384\",\"kid\":\"rsa\"}"},
    {DENY_EXP_MISSING, .payload = "{" ISS "," AUD "," SUB "}"},
    {DENY_EXP_MALFORMED, .payload = "{" ISS ",\"exp\":\"1700000100\"," AUD "," SUB "}"},
    {DENY_EXP_MALFORMED, .payload = "{" ISS ",\"exp\":null," AUD "," SUB "}"},
    {DENY_EXP_MALFORMED, .payload = "{" ISS ",\"exp\":1e400," AUD "," SUB "}"},
    {DENY_EXPIRED, .payload = "{" ISS ",\"exp\":1699999940," AUD "," SUB "}"},
    {DENY_EXPIRED, .payload = "{" ISS ",\"exp\":-1e15," AUD "," SUB "}"},
    {DENY_NBF_MALFORMED, .payload = CLAIMS(",\"nbf\":\"0\"")},
    {DENY_NBF_MALFORMED, .payload = CLAIMS(",\"nbf\":null")},
    {DENY_NOT_YET_VALID, .payload = CLAIMS(",\"nbf\":1700000061")},
    {DENY_IAT_MALFORMED, .payload = CLAIMS(",\"iat\":[]")},
    {DENY_ISSUED_IN_FUTURE, .payload = CLAIMS(",\"iat\":1700000061")},
    {DENY_AUDIENCE_MISSING, .payload = "{" ISS "," EXP "," SUB "}"},
    {DENY_AUDIENCE_MALFORMED, .payload = "{" ISS "," EXP ",\"aud\":{\"us\":1}," SUB "}"},
    {DENY_AUDIENCE_MALFORMED, .payload = "{" ISS "," EXP ",\"aud\":[\"us\",7]," SUB "}"},
    {DENY_AUDIENCE_MALFORMED, .payload = "{" ISS "," EXP ",\"aud\":[[\"us\"]]," SUB "}"},
    {DENY_AUDIENCE_MISMATCH, .payload = "{" ISS "," EXP ",\"aud\":\"US\"," SUB "}"},
    {DENY_AUDIENCE_MISMATCH, .payload = "{" ISS "," EXP ",\"aud\":\"\"," SUB "}"},
    {DENY_AUDIENCE_MISMATCH, .payload = "{" ISS "," EXP ",\"aud\":[]," SUB "}"},
    {DENY_AUDIENCE_MISMATCH, .payload = "{" ISS "," EXP ",\"aud\":[\"them\",\"us2\"]," SUB "}"},
    {DENY_SUBJECT_MISSING, .payload = "{" ISS "," EXP "," AUD "}"},
    {DENY_SUBJECT_MALFORMED, .payload = "{" ISS "," EXP "," AUD ",\"sub\":7}"},
    {DENY_SUBJECT_MALFORMED, .payload = "{" ISS "," EXP "," AUD ",\"sub\":\"\"}"},
    {DENY_SENDER_CONSTRAINED, .payload = CLAIMS(",\"cnf\":{\"jkt\":\"x\"}")},
    {DENY_SENDER_CONSTRAINED, .payload = CLAIMS(",\"cnf\":null")},
    {DENY_NOT_ACCESS_TOKEN, .payload = CLAIMS(",\"events\":{}")},
    {DENY_USER_AMBIGUOUS,
     .payload = "{" ISS "," EXP "," AUD ",\"sub\":\"https://third.example|ann\"}"},
};

static bool reached[DENY_COUNT];

static void expect_denied(struct slice token, size_t arena_maximum, enum deny_reason reason)
{
    struct arena arena;
    arena_init(&arena, arena_maximum);
    struct verification result = verify(&trust, token, NOW, &arena);
    if (result.reason != reason) {
        fail_msg("%s instead of %s for: %.*s", deny_reason_name(result.reason),
                 deny_reason_name(reason), SLICE_ARGS(token));
    }
    bool may_be_helped = reason == DENY_KEYS_UNAVAILABLE || reason == DENY_KEY_UNKNOWN;
    assert_int_equal(result.verdict, may_be_helped ? VERDICT_NEEDS_KEYS : VERDICT_DENIED);
    assert_int_equal(result.identity.proof, IDENTITY_UNPROVEN);
    assert_int_equal(result.identity.user.length, 0);
    reached[reason] = true;
    arena_clear(&arena);
}

static void every_row_is_denied_with_its_reason(void **state)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];
        if (row->token != NULL) {
            expect_denied(slice_from_string(row->token), arena_bytes, row->reason);
            continue;
        }
        struct buffer buffer;
        struct slice token =
            token_make(&buffer, rsa, "RS256", row->header != NULL ? row->header : HEADER,
                       row->payload != NULL ? row->payload : CLAIMS(""));
        expect_denied(token, arena_bytes, row->reason);
        buffer_clear(&buffer);
    }
}

static void what_is_too_long_is_denied(void **state)
{
    static char text[token_bytes_max + 1];
    char name[2200];
    struct buffer buffer;
    memset(text, 'A', sizeof(text));
    text[1] = text[3] = '.';
    expect_denied(slice_make(text, token_bytes_max + 1), arena_bytes, DENY_TOKEN_TOO_LONG);
    memset(name, 'n', sizeof(name));
    char *payload = malloc(8192);
    assert_non_null(payload);
    snprintf(payload, 8192, "{" ISS "," EXP "," AUD ",\"sub\":\"%.*s\"}", 1025, name);
    expect_denied(token_make(&buffer, rsa, "RS256", HEADER, payload), arena_bytes,
                  DENY_SUBJECT_TOO_LONG);
    buffer_clear(&buffer);
    memset(name, ' ', sizeof(name)); /* three bytes each, once escaped */
    snprintf(payload, 8192, "{\"iss\":\"%.*s\"," EXP "," AUD ",\"sub\":\"%.*s\"}",
             (int)sizeof(long_issuer), long_issuer, 1024, name);
    expect_denied(token_make(&buffer, rsa, "RS256", HEADER, payload), arena_bytes,
                  DENY_USER_TOO_LONG);
    buffer_clear(&buffer);
    free(payload);
}

static void without_memory_nobody_is_proved(void **state)
{
    struct buffer buffer;
    struct slice token = token_make(&buffer, rsa, "RS256", HEADER, CLAIMS(""));
    expect_denied(token, 0, DENY_NO_MEMORY);
    bool accepted = false;
    for (size_t maximum = 0; maximum < 8192; maximum += 16) {
        struct arena arena;
        arena_init(&arena, maximum);
        struct verification result = verify(&trust, token, NOW, &arena);
        if (result.verdict == VERDICT_ACCEPTED) {
            assert_true(slice_equals(result.identity.user, SLICE("ann")));
            accepted = true;
        } else {
            assert_false(accepted); /* more memory never hurts */
            assert_int_equal(result.verdict, VERDICT_DENIED);
            assert_int_equal(result.reason, DENY_NO_MEMORY);
        }
        arena_clear(&arena);
    }
    assert_true(accepted);
    buffer_clear(&buffer);
}

/* Our own key signs for agents too, and then says for whom (delegated.c). */
static void a_delegation_must_say_who_acts(void **state)
{
    struct trusted_issuer own = issuers[0];
    struct trust agents = {.issuers = &own, .issuers_count = 1};
    struct buffer buffer;
    struct arena arena;
    arena_init(&arena, arena_bytes);
    own.proof = IDENTITY_DELEGATED;
    struct slice token = token_make(&buffer, rsa, "RS256", HEADER, CLAIMS(""));
    struct verification result = verify(&agents, token, NOW, &arena);
    assert_int_equal(result.verdict, VERDICT_DENIED);
    assert_int_equal(result.reason, DENY_DELEGATION_MALFORMED);
    reached[result.reason] = true;
    buffer_clear(&buffer);
    arena_clear(&arena);
}

/* The last of the tests about reasons: nobody may have a row that nobody reaches. */
static void no_reason_is_left_that_nobody_reaches(void **state)
{
    static const char *const values[] = {"Basic YTpi", "Bearer", "Bearer a b"};
    struct slice token;
    for (size_t i = 0; i < 5; i++) {
        struct field fields[2] = {
            {.id = FIELD_AUTHORIZATION, .value = slice_from_string(values[i % 3])},
            {.id = FIELD_AUTHORIZATION, .value = SLICE("Bearer a.b.c")}};
        enum deny_reason reason = DENY_UNDECIDED;
        if (bearer_find(fields, i < 3 ? 1 : i == 3 ? 0 : 2, &token, &reason)) {
            assert_false(bearer_is_sound(token));
            reason = DENY_TOKEN_MALFORMED;
        }
        assert_false(reached[reason]);
        reached[reason] = true;
    }
    assert_false(reached[DENY_UNDECIDED]); /* the zero value is nobody's answer */
    reached[DENY_TOKEN_REPLAYED] = true;   /* by the gateway: replay_guard_test.c */
    reached[DENY_REPLAY_UNAVAILABLE] = true;
    for (int i = DENY_UNDECIDED + 1; i < DENY_DID_OFF; i++) { /* verify_did_test.c has the rest */
        if (!reached[i]) {
            fail_msg("nobody reaches %s", deny_reason_name((enum deny_reason)i));
        }
    }
}

/* ---- who is proved ---- */

static void a_sound_token_proves_its_subject(void **state)
{
    struct arena arena;
    arena_init(&arena, arena_bytes);
    struct verification result = verify_claims(&arena, CLAIMS(",\"iat\":1699999999"));
    assert_int_equal(result.verdict, VERDICT_ACCEPTED);
    assert_int_equal(result.reason, DENY_UNDECIDED);
    assert_int_equal(result.issuer_index, 0);
    assert_int_equal(result.expires_at_s, 1700000100);
    assert_int_equal(result.identity.proof, IDENTITY_OIDC);
    assert_true(slice_equals(result.identity.issuer, SLICE(ISSUER)));
    assert_true(slice_equals(result.identity.subject, SLICE("ann")));
    assert_true(slice_equals(result.identity.user, SLICE("ann")));
    arena_clear(&arena);
}

static void keys_of_every_kind_prove(void **state)
{
    const struct {
        const struct signer *signer;
        const char *alg;
        const char *kid;
    } cases[] = {{rsa, "RS256", "rsa"}, {rsa, "RS384", "rsa"}, {rsa, "RS512", "rsa"},
                 {rsa, "PS256", "rsa"}, {rsa, "PS384", "rsa"}, {rsa, "PS512", "rsa"},
                 {ec, "ES256", "ec"},   {ed, "EdDSA", "ed"},   {ed, "Ed25519", "ed"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char header[80];
        struct buffer buffer;
        struct arena arena;
        arena_init(&arena, arena_bytes);
        snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"%s\"}", cases[i].alg,
                 cases[i].kid);
        struct slice token = token_make(&buffer, cases[i].signer, cases[i].alg, header, CLAIMS(""));
        assert_int_equal(verify(&trust, token, NOW, &arena).verdict, VERDICT_ACCEPTED);
        buffer_clear(&buffer);
        arena_clear(&arena);
    }
}

static void a_token_without_kid_is_proved_by_the_only_key_that_fits(void **state)
{
    struct buffer buffer;
    struct arena arena;
    arena_init(&arena, arena_bytes);
    struct slice token = token_make(&buffer, ec, "ES256", "{\"alg\":\"ES256\"}", CLAIMS(""));
    assert_int_equal(verify(&trust, token, NOW, &arena).verdict, VERDICT_ACCEPTED);
    buffer_clear(&buffer);
    arena_clear(&arena);
}

static void a_forged_token_tells_nothing_of_its_claims(void **state)
{
    static const char *const payloads[] = {"{" ISS "}", "{" ISS ",\"exp\":1}",
                                           "{" ISS ",\"aud\":7,\"sub\":[],\"cnf\":1}", CLAIMS("")};
    for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
        struct buffer buffer;
        struct arena arena;
        arena_init(&arena, arena_bytes);
        struct slice token = token_make(&buffer, other_rsa, "RS256", HEADER, payloads[i]);
        struct verification result = verify(&trust, token, NOW, &arena);
        assert_int_equal(result.verdict, VERDICT_DENIED);
        assert_int_equal(result.reason, DENY_SIGNATURE_INVALID);
        buffer_clear(&buffer);
        arena_clear(&arena);
    }
}

static void one_changed_byte_anywhere_denies(void **state)
{
    struct buffer buffer;
    struct slice token =
        token_make(&buffer, ed, "EdDSA", "{\"alg\":\"EdDSA\",\"kid\":\"ed\"}", CLAIMS(""));
    for (size_t i = 0; i < token.length; i++) {
        struct arena arena;
        arena_init(&arena, arena_bytes);
        char before = buffer.data[i];
        buffer.data[i] = before == 'A' ? 'B' : 'A';
        assert_int_not_equal(verify(&trust, token, NOW, &arena).verdict, VERDICT_ACCEPTED);
        buffer.data[i] = before;
        arena_clear(&arena);
    }
    buffer_clear(&buffer);
}

static void keys_of_one_issuer_prove_nothing_for_another(void **state)
{
    struct buffer json;
    struct trusted_issuer two[2] = {issuers[0], issuers[1]};
    struct trust narrow = {two, 2};
    struct arena arena;
    arena_init(&arena, arena_bytes);
    buffer_init(&json, 4096);
    signer_append_jwk(other_rsa, ",\"kid\":\"rsa\"", &json);
    assert_int_equal(jwks_parse(buffer_slice(&json), &two[1].jwks, NULL), STATUS_OK);
    struct buffer buffer;
    struct slice token =
        token_make(&buffer, other_rsa, "RS256", HEADER,
                   "{\"iss\":\"https://second.example/\"," EXP "," AUD "," SUB "}");
    assert_int_equal(verify(&narrow, token, NOW, &arena).verdict, VERDICT_ACCEPTED);
    buffer_clear(&buffer);
    token = token_make(&buffer, other_rsa, "RS256", HEADER, CLAIMS(""));
    assert_int_equal(verify(&narrow, token, NOW, &arena).reason, DENY_SIGNATURE_INVALID);
    buffer_clear(&buffer);
    jwks_free(two[1].jwks);
    buffer_clear(&json);
    arena_clear(&arena);
}

static void missing_keys_are_asked_for_by_issuer(void **state)
{
    struct arena arena;
    arena_init(&arena, arena_bytes);
    struct verification result =
        verify_claims(&arena, "{\"iss\":\"https://without-keys.example\"," EXP "," AUD "," SUB "}");
    assert_int_equal(result.verdict, VERDICT_NEEDS_KEYS);
    assert_int_equal(result.issuer_index, 2);
    struct buffer buffer;
    struct slice token = token_make(&buffer, rsa, "RS256", "{\"alg\":\"RS256\",\"kid\":\"new\"}",
                                    "{\"iss\":\"https://third.example\"}");
    result = verify(&trust, token, NOW, &arena);
    assert_int_equal(result.verdict, VERDICT_NEEDS_KEYS);
    assert_int_equal(result.reason, DENY_KEY_UNKNOWN);
    assert_int_equal(result.issuer_index, 3);
    buffer_clear(&buffer);
    arena_clear(&arena);
}

static void times_have_a_minute_of_leeway(void **state)
{
    static const struct {
        const char *times;
        bool accepted;
    } cases[] = {
        {"\"exp\":1699999941", true},       {"\"exp\":1699999940", false},
        {"\"exp\":1699999940.999", false},  {"\"exp\":1.7000001e9", true},
        {"\"exp\":9007199254740992", true}, {"\"exp\":9007199254740993", false},
        {EXP ",\"nbf\":1700000060", true},  {EXP ",\"nbf\":1700000060.9", true},
        {EXP ",\"nbf\":1700000061", false}, {EXP ",\"iat\":1700000060", true},
        {EXP ",\"iat\":1700000061", false}, {EXP ",\"iat\":0,\"nbf\":-5", true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char payload[200];
        struct arena arena;
        arena_init(&arena, arena_bytes);
        snprintf(payload, sizeof(payload), "{" ISS ",%s," AUD "," SUB "}", cases[i].times);
        bool accepted = verify_claims(&arena, payload).verdict == VERDICT_ACCEPTED;
        if (accepted != cases[i].accepted) {
            fail_msg("accepted %d with %s", accepted, cases[i].times);
        }
        arena_clear(&arena);
    }
}

static void one_audience_of_ours_is_enough(void **state)
{
    static const char *const accepted[] = {"\"us\"", "\"us too\"", "\"\\u0075s\"",
                                           "[\"them\",\"us\"]", "[\"us\",\"us\"]"};
    for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
        char payload[200];
        struct arena arena;
        arena_init(&arena, arena_bytes);
        snprintf(payload, sizeof(payload), "{" ISS "," EXP ",\"aud\":%s," SUB "}", accepted[i]);
        assert_int_equal(verify_claims(&arena, payload).verdict, VERDICT_ACCEPTED);
        arena_clear(&arena);
    }
}

static void types_of_access_tokens_are_let_through(void **state)
{
    static const char *const types[] = {"JWT",      "jwt", "at+jwt", "AT+JWT", "application/at+jwt",
                                        "\\u004aWT"};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        char header[100];
        struct buffer buffer;
        struct arena arena;
        arena_init(&arena, arena_bytes);
        snprintf(header, sizeof(header), "{\"alg\":\"RS256\",\"kid\":\"rsa\",\"typ\":\"%s\"}",
                 types[i]);
        struct slice token = token_make(&buffer, rsa, "RS256", header, CLAIMS(""));
        assert_int_equal(verify(&trust, token, NOW, &arena).verdict, VERDICT_ACCEPTED);
        buffer_clear(&buffer);
        arena_clear(&arena);
    }
}

/* ---- names ---- */

static void users_are_spelled_in_one_way(void **state)
{
    static const struct {
        const char *issuer;
        const char *subject; /* as JSON */
        const char *user;
    } cases[] = {
        {ISSUER, "auth0|12", "auth0|12"},
        {ISSUER "/", "ann", "ann"},
        {ISSUER, "a b%", "a%20b%25"},
        {ISSUER, "\\u00e9\\n\\u0000", "%C3%A9%0A%00"},
        {ISSUER, "\\u007f~!", "%7F~!"},
        {ISSUER, "https://third.example", "https://third.example"},
        {"https://second.example", "ann", "https://second.example/|ann"},
        {"https://second.example/", "a b", "https://second.example/|a%20b"},
        {"https://third.example", "x|y", "https://third.example|x|y"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char payload[200];
        struct arena arena;
        arena_init(&arena, arena_bytes);
        snprintf(payload, sizeof(payload), "{\"iss\":\"%s\"," EXP "," AUD ",\"sub\":\"%s\"}",
                 cases[i].issuer, cases[i].subject);
        struct verification result = verify_claims(&arena, payload);
        assert_int_equal(result.verdict, VERDICT_ACCEPTED);
        if (!slice_equals(result.identity.user, slice_from_string(cases[i].user))) {
            fail_msg("%.*s instead of %s", SLICE_ARGS(result.identity.user), cases[i].user);
        }
        arena_clear(&arena);
    }
}

static void the_longest_subject_is_kept_whole(void **state)
{
    char name[1024];
    char payload[2048];
    struct arena arena;
    arena_init(&arena, arena_bytes);
    memset(name, '%', sizeof(name));
    snprintf(payload, sizeof(payload), "{" ISS "," EXP "," AUD ",\"sub\":\"%.*s\"}",
             (int)sizeof(name), name);
    struct verification result = verify_claims(&arena, payload);
    assert_int_equal(result.verdict, VERDICT_ACCEPTED);
    assert_true(slice_equals(result.identity.subject, slice_make(name, sizeof(name))));
    assert_int_equal(result.identity.user.length, 3 * sizeof(name));
    arena_clear(&arena);
}

static void of_two_spellings_the_exact_one_is_meant(void **state)
{
    struct trusted_issuer two[2] = {issuers[0], issuers[3]};
    struct trust both = {two, 2};
    struct arena arena;
    arena_init(&arena, arena_bytes);
    two[1].issuer = SLICE(ISSUER "/");
    static const struct {
        const char *claimed;
        size_t index;
    } cases[] = {{ISSUER, 0}, {ISSUER "/", 1}};
    for (size_t i = 0; i < 2; i++) {
        char payload[200];
        struct buffer buffer;
        snprintf(payload, sizeof(payload), "{\"iss\":\"%s\"," EXP "," AUD "," SUB "}",
                 cases[i].claimed);
        struct slice token = token_make(&buffer, rsa, "RS256", HEADER, payload);
        struct verification result = verify(&both, token, NOW, &arena);
        assert_int_equal(result.verdict, VERDICT_ACCEPTED);
        assert_int_equal(result.issuer_index, cases[i].index);
        buffer_clear(&buffer);
    }
    arena_clear(&arena);
}

static void two_slashes_are_not_forgiven(void **state)
{
    struct arena arena;
    arena_init(&arena, arena_bytes);
    assert_int_equal(
        verify_claims(&arena, "{\"iss\":\"" ISSUER "//\"," EXP "," AUD "," SUB "}").reason,
        DENY_ISSUER_UNTRUSTED);
    arena_clear(&arena);
}

/* `attach-gateway verify` over a key set in a file. */
static void empty_texts_loosen_issuer_and_audience(void **state)
{
    const struct slice any[] = {SLICE("")};
    struct trusted_issuer one = issuers[0];
    struct trust loose = {&one, 1};
    one.issuer = SLICE("");
    one.audiences = any;
    one.audiences_count = 1;
    static const struct {
        const char *payload;
        const char *issuer;
    } cases[] = {{"{\"iss\":\"https://any.example\"," EXP "," SUB "}", "https://any.example"},
                 {"{" EXP ",\"aud\":7," SUB "}", ""}};
    for (size_t i = 0; i < 2; i++) {
        struct buffer buffer;
        struct arena arena;
        arena_init(&arena, arena_bytes);
        struct slice token = token_make(&buffer, rsa, "RS256", HEADER, cases[i].payload);
        struct verification result = verify(&loose, token, NOW, &arena);
        assert_int_equal(result.verdict, VERDICT_ACCEPTED);
        assert_true(slice_equals(result.identity.issuer, slice_from_string(cases[i].issuer)));
        assert_int_equal(verify(&loose, token, NOW + 1000, &arena).reason, DENY_EXPIRED);
        buffer_clear(&buffer);
        arena_clear(&arena);
    }
}

static void a_trust_of_nobody_trusts_nobody(void **state)
{
    struct trust nobody = {NULL, 0};
    struct buffer buffer;
    struct arena arena;
    arena_init(&arena, arena_bytes);
    struct slice token = token_make(&buffer, rsa, "RS256", HEADER, CLAIMS(""));
    struct verification result = verify(&nobody, token, NOW, &arena);
    assert_int_equal(result.verdict, VERDICT_DENIED);
    assert_int_equal(result.reason, DENY_ISSUER_UNTRUSTED);
    struct trusted_issuer deaf = issuers[0];
    struct trust no_audience = {&deaf, 1};
    deaf.audiences_count = 0;
    assert_int_equal(verify(&no_audience, token, NOW, &arena).reason, DENY_AUDIENCE_MISMATCH);
    buffer_clear(&buffer);
    arena_clear(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_denied_with_its_reason),
        cmocka_unit_test(what_is_too_long_is_denied),
        cmocka_unit_test(without_memory_nobody_is_proved),
        cmocka_unit_test(a_delegation_must_say_who_acts),
        cmocka_unit_test(no_reason_is_left_that_nobody_reaches),
        cmocka_unit_test(a_sound_token_proves_its_subject),
        cmocka_unit_test(keys_of_every_kind_prove),
        cmocka_unit_test(a_token_without_kid_is_proved_by_the_only_key_that_fits),
        cmocka_unit_test(a_forged_token_tells_nothing_of_its_claims),
        cmocka_unit_test(one_changed_byte_anywhere_denies),
        cmocka_unit_test(keys_of_one_issuer_prove_nothing_for_another),
        cmocka_unit_test(missing_keys_are_asked_for_by_issuer),
        cmocka_unit_test(times_have_a_minute_of_leeway),
        cmocka_unit_test(one_audience_of_ours_is_enough),
        cmocka_unit_test(types_of_access_tokens_are_let_through),
        cmocka_unit_test(users_are_spelled_in_one_way),
        cmocka_unit_test(the_longest_subject_is_kept_whole),
        cmocka_unit_test(of_two_spellings_the_exact_one_is_meant),
        cmocka_unit_test(two_slashes_are_not_forgiven),
        cmocka_unit_test(empty_texts_loosen_issuer_and_audience),
        cmocka_unit_test(a_trust_of_nobody_trusts_nobody),
    };
    return cmocka_run_group_tests(tests, begin_all, end_all);
}

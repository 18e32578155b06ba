/* SPDX-License-Identifier: MIT
 *
 * jws_test.c - compact signatures against the published vectors, and every form that is refused
 * before a key is looked at. */
#include "auth/jws.h"

#include "auth/verify.h"
#include "signer.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { arena_bytes = 256 * 1024 };

/* ---- published vectors ---- */

#define JOE                                                                                        \
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVl" \
    "fQ"
#define JOE_TEXT                                                                                   \
    "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}"
#define BILBO                                                                                      \
    "SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250" \
    "byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hl" \
    "cmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4"
#define BILBO_TEXT                                                                                 \
    "It\xe2\x80\x99s a dangerous business, Frodo, going out your door. You step onto the road, "   \
    "and if you don't keep your feet, there\xe2\x80\x99s no knowing where you might be swept off " \
    "to."
#define BILBO_RSA                                                                                  \
    "{\"kty\":\"RSA\",\"kid\":\"bilbo.baggins@hobbiton.example\",\"use\":\"sig\",\"n\":"           \
    "\"n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_"   \
    "AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-"               \
    "oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-"  \
    "tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw\","     \
    "\"e\":\"AQAB\"}"

struct vector {
    const char *source;
    const char *jwk;
    const char *token;
    struct slice payload;
};

static const struct vector vectors[] = {
    {"RFC 7515 A.2 (RS256)",
     "{\"kty\":\"RSA\",\"n\":"
     "\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0"
     "Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z"
     "5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGh"
     "yxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ\",\"e\":\"AQAB\"}",
     "eyJhbGciOiJSUzI1NiJ9." JOE
     ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2F"
     "p5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMH"
     "lb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9"
     "QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
     SLICE(JOE_TEXT)},
    {"RFC 7515 A.3 (ES256)",
     "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
     "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}",
     "eyJhbGciOiJFUzI1NiJ9." JOE
     ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
     SLICE(JOE_TEXT)},
    {"RFC 7515 A.4 (ES512)",
     "{\"kty\":\"EC\",\"crv\":\"P-521\",\"x\":"
     "\"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk\""
     ",\"y\":"
     "\"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2\""
     "}",
     "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA."
     "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8G"
     "aSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn",
     SLICE("Payload")},
    {"RFC 8037 A.4 (EdDSA)",
     "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
     "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
     "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
     SLICE("Example of Ed25519 signing")},
    {"RFC 7520 4.1 (RS256)", BILBO_RSA,
     "eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9." BILBO
     ".MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xu"
     "glII7PNDi84wnB-BDkoBwA78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE"
     "6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQ"
     "SE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg",
     SLICE(BILBO_TEXT)},
    {"RFC 7520 4.2 (PS384)", BILBO_RSA,
     "eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9." BILBO
     ".cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8"
     "TTB5dDDItllVo6_1OLPpcbUrhiUSMxbbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBq"
     "rYRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRH"
     "tfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw",
     SLICE(BILBO_TEXT)},
    {"RFC 7520 4.3 (ES512)",
     "{\"kty\":\"EC\",\"kid\":\"bilbo.baggins@hobbiton.example\",\"use\":\"sig\",\"crv\":\"P-521\","
     "\"x\":"
     "\"AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt\""
     ",\"y\":"
     "\"AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGfP-HqHZR1\""
     "}",
     "eyJhbGciOiJFUzUxMiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9." BILBO
     ".AE_R_YZCChjn4791jSQCrdPZCNYqHXCTZH0-JZGYNlaAjP2kqaluUIIUnC9qvbu9Plon7KRTzoNEuT4Va2cmL1eJAQ"
     "y3mtPBu_u_sDDyYjnAMDxXPn7XrT0lw-kvAD890jl8e2puQens_IEKBpHABlsbEPX6sFY8OcGDqoRuBomu9xQ2",
     SLICE(BILBO_TEXT)},
};

enum { vectors_count = sizeof(vectors) / sizeof(vectors[0]) };

static struct jwks *keys_of(const char *json)
{
    struct jwks *jwks = NULL;
    assert_int_equal(jwks_parse(slice_from_string(json), &jwks, NULL), STATUS_OK);
    return jwks;
}

static void the_published_vectors_hold(void **state)
{
    for (size_t i = 0; i < vectors_count; i++) {
        struct jwks *jwks = keys_of(vectors[i].jwk);
        struct arena arena;
        struct slice payload = {NULL, 0};
        enum deny_reason reason = DENY_UNDECIDED;
        arena_init(&arena, arena_bytes);
        enum verdict verdict = jws_verify_signature(jwks, slice_from_string(vectors[i].token),
                                                    &arena, &payload, &reason);
        if (verdict != VERDICT_ACCEPTED) {
            fail_msg("%s: %s", vectors[i].source, deny_reason_name(reason));
        }
        assert_true(slice_equals(payload, vectors[i].payload));
        arena_clear(&arena);
        jwks_free(jwks);
    }
}

/* Any other letter in any place of a token: never accepted, and the payload stays untouched. */
static void one_changed_letter_spoils_a_vector(void **state)
{
    for (size_t i = 0; i < vectors_count; i++) {
        struct jwks *jwks = keys_of(vectors[i].jwk);
        size_t length = strlen(vectors[i].token);
        char *token = malloc(length);
        assert_non_null(token);
        memcpy(token, vectors[i].token, length);
        for (size_t at = i % 5; at < length; at += 5) {
            struct arena arena;
            struct slice payload = {NULL, 7};
            enum deny_reason reason = DENY_UNDECIDED;
            char before = token[at];
            token[at] = before == 'Q' ? 'R' : 'Q';
            arena_init(&arena, arena_bytes);
            assert_int_not_equal(
                jws_verify_signature(jwks, slice_make(token, length), &arena, &payload, &reason),
                VERDICT_ACCEPTED);
            assert_int_not_equal(reason, DENY_UNDECIDED);
            assert_int_equal(payload.length, 7);
            arena_clear(&arena);
            token[at] = before;
        }
        free(token);
        jwks_free(jwks);
    }
}

static void a_vector_needs_its_own_key(void **state)
{
    for (size_t i = 0; i < vectors_count; i++) {
        for (size_t j = 0; j < vectors_count; j++) {
            if (strcmp(vectors[i].jwk, vectors[j].jwk) == 0) {
                continue;
            }
            struct jwks *jwks = keys_of(vectors[j].jwk);
            struct arena arena;
            struct slice payload;
            enum deny_reason reason = DENY_UNDECIDED;
            arena_init(&arena, arena_bytes);
            assert_int_not_equal(jws_verify_signature(jwks, slice_from_string(vectors[i].token),
                                                      &arena, &payload, &reason),
                                 VERDICT_ACCEPTED);
            arena_clear(&arena);
            jwks_free(jwks);
        }
    }
}

/* ---- form ---- */

static enum deny_reason parse_token(struct slice token, struct jws *ret)
{
    struct arena arena;
    enum deny_reason reason = DENY_UNDECIDED;
    arena_init(&arena, arena_bytes);
    bool is_sound = jws_parse(token, &arena, ret, &reason);
    assert_true(is_sound == (reason == DENY_UNDECIDED) || is_sound);
    arena_clear(&arena);
    return is_sound ? DENY_COUNT : reason;
}

static void anything_but_three_segments_is_refused(void **state)
{
    static const struct {
        const char *token;
        enum deny_reason reason;
    } cases[] = {
        {"", DENY_NOT_COMPACT_JWS},
        {"a", DENY_NOT_COMPACT_JWS},
        {".", DENY_NOT_COMPACT_JWS},
        {"e30.e30", DENY_NOT_COMPACT_JWS},
        {"e30.e30.e30.e30", DENY_NOT_COMPACT_JWS},
        {"...", DENY_NOT_COMPACT_JWS},
        {".....", DENY_NOT_COMPACT_JWS},
        {"e30.e30.e30.e30.e30.e30", DENY_NOT_COMPACT_JWS},
        {"{\"payload\":\"e30\",\"signatures\":[]}", DENY_NOT_COMPACT_JWS},
        {"....", DENY_ENCRYPTED},
        {"e30.a.b.c.d", DENY_ENCRYPTED},
        {"..", DENY_SEGMENT_EMPTY},
        {".e30.e30", DENY_SEGMENT_EMPTY},
        {"e30..e30", DENY_SEGMENT_EMPTY},
        {"e30.e30.", DENY_SEGMENT_EMPTY},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct jws jws;
        enum deny_reason reason = parse_token(slice_from_string(cases[i].token), &jws);
        if (reason != cases[i].reason) {
            fail_msg("%d for %s", reason, cases[i].token);
        }
    }
}

static void each_segment_has_one_spelling(void **state)
{
    static const char *const bad[] = {"e30=", "e3",   "e31",   "e30x0", "e+0",       "e/0",
                                      "e 0",  " e30", "e30\n", "e",     "\303\25130"};
    static const struct {
        const char *form;
        enum deny_reason reason;
    } cases[] = {
        {"%s.e30.e30", DENY_HEADER_NOT_BASE64URL},
        {"eyJhbGciOiJSUzI1NiJ9.%s.e30", DENY_PAYLOAD_NOT_BASE64URL},
        {"eyJhbGciOiJSUzI1NiJ9.e30.%s", DENY_SIGNATURE_NOT_BASE64URL},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        for (size_t j = 0; j < sizeof(cases) / sizeof(cases[0]); j++) {
            char token[100];
            struct jws jws;
            int length = snprintf(token, sizeof(token), cases[j].form, bad[i]);
            enum deny_reason reason = parse_token(slice_make(token, (size_t)length), &jws);
            if (reason != cases[j].reason) {
                fail_msg("%d for %s", reason, token);
            }
        }
    }
}

/* ---- header ---- */

static enum deny_reason parse_header(struct slice header, struct jws *ret)
{
    struct buffer token;
    buffer_init(&token, 64 * 1024);
    append_segments(&token, header, SLICE("p"), SLICE("s"));
    assert_false(token.failed);
    enum deny_reason reason = parse_token(buffer_slice(&token), ret);
    buffer_clear(&token);
    return reason;
}

static const struct {
    struct slice header;
    enum deny_reason reason; /* DENY_COUNT: sound */
} headers[] = {
    {SLICE("{\"alg\":\"RS256\"}"), DENY_COUNT},
    {SLICE(" {\"alg\" : \"RS256\",\r\n \"x\":{\"jwk\":1}} "), DENY_COUNT},
    {SLICE("{\"\\u0061lg\":\"RS\\u0032\\u00356\"}"), DENY_COUNT},
    {SLICE("{\"alg\":\"RS256\",\"kid\":\"\",\"typ\":\"anything\",\"x5t\":\"x\"}"), DENY_COUNT},
    {SLICE("[\"alg\"]"), DENY_HEADER_NOT_JSON},
    {SLICE("\"alg\""), DENY_HEADER_NOT_JSON},
    {SLICE("null"), DENY_HEADER_NOT_JSON},
    {SLICE("{\"alg\":\"RS256\""), DENY_HEADER_NOT_JSON},
    {SLICE("{\"alg\":\"RS256\",}"), DENY_HEADER_NOT_JSON},
    {SLICE("{'alg':'RS256'}"), DENY_HEADER_NOT_JSON},
    {SLICE("{\"alg\":\"RS256\"}{}"), DENY_HEADER_NOT_JSON},
    {SLICE("{\"alg\":\"RS256\"}\0"), DENY_HEADER_NOT_JSON},
    {SLICE("\xef\xbb\xbf{\"alg\":\"RS256\"}"), DENY_HEADER_NOT_JSON},
    {SLICE("{\"alg\":\"RS256\",\"x\":\"\xff\"}"), DENY_HEADER_NOT_JSON},
    {SLICE("{\"alg\":\"RS256\",\"x\":\"\\ud800\"}"), DENY_HEADER_NOT_JSON},
    {SLICE("{\"alg\":\"none\",\"alg\":\"RS256\"}"), DENY_HEADER_NOT_JSON},
    {SLICE("{\"alg\":\"RS256\",\"al\\u0067\":\"none\"}"), DENY_HEADER_NOT_JSON},
    {SLICE("{\"alg\":\"RS256\",\"x\":{\"y\":1,\"\\u0079\":2}}"), DENY_HEADER_NOT_JSON},
    {SLICE("{\"alg\":\"RS256\",\"crit\":[]}"), DENY_HEADER_CRIT},
    {SLICE("{\"alg\":\"RS256\",\"crit\":null}"), DENY_HEADER_CRIT},
    {SLICE("{\"cr\\u0069t\":[\"b64\"],\"b64\":false,\"alg\":\"RS256\"}"), DENY_HEADER_CRIT},
    {SLICE("{\"alg\":\"RS256\",\"b64\":false}"), DENY_HEADER_B64},
    {SLICE("{\"alg\":\"RS256\",\"jwk\":{\"kty\":\"oct\",\"k\":\"AA\"}}"), DENY_HEADER_JWK},
    {SLICE("{\"alg\":\"RS256\",\"\\u006awk\":null}"), DENY_HEADER_JWK},
    {SLICE("{\"alg\":\"RS256\",\"jku\":\"https://evil.example\"}"), DENY_HEADER_JKU},
    {SLICE("{\"alg\":\"RS256\",\"x5u\":\"https://evil.example\"}"), DENY_HEADER_X5U},
    {SLICE("{\"alg\":\"RS256\",\"x5c\":[\"AA\"]}"), DENY_HEADER_X5C},
    {SLICE("{}"), DENY_ALG_MISSING},
    {SLICE("{\"ALG\":\"RS256\"}"), DENY_ALG_MISSING},
    {SLICE("{\"alg\":null}"), DENY_ALG_NOT_ALLOWED},
    {SLICE("{\"alg\":[\"RS256\"]}"), DENY_ALG_NOT_ALLOWED},
    {SLICE("{\"alg\":\"\"}"), DENY_ALG_NOT_ALLOWED},
    {SLICE("{\"alg\":\"none\"}"), DENY_ALG_NOT_ALLOWED},
    {SLICE("{\"alg\":\"nOnE\"}"), DENY_ALG_NOT_ALLOWED},
    {SLICE("{\"alg\":\"HS256\"}"), DENY_ALG_NOT_ALLOWED},
    {SLICE("{\"alg\":\"rs256\"}"), DENY_ALG_NOT_ALLOWED},
    {SLICE("{\"alg\":\"RS256\\u0000\"}"), DENY_ALG_NOT_ALLOWED},
    {SLICE("{\"alg\":\"ES256K\"}"), DENY_ALG_NOT_ALLOWED},
    {SLICE("{\"alg\":\"RSA-OAEP\"}"), DENY_ALG_NOT_ALLOWED},
    {SLICE("{\"alg\":\"RS256\",\"kid\":null}"), DENY_KID_MALFORMED},
    {SLICE("{\"alg\":\"RS256\",\"kid\":1}"), DENY_KID_MALFORMED},
    {SLICE("{\"alg\":\"RS256\",\"kid\":[\"a\"]}"), DENY_KID_MALFORMED},
};

static void headers_are_read_strictly(void **state)
{
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        struct jws jws;
        enum deny_reason reason = parse_header(headers[i].header, &jws);
        if (reason != headers[i].reason) {
            fail_msg("%d instead of %d for %.*s", reason, headers[i].reason,
                     SLICE_ARGS(headers[i].header));
        }
    }
}

static void the_longest_kid_is_read_and_no_longer_one(void **state)
{
    for (size_t over = 0; over < 2; over++) {
        char name[jwks_kid_bytes_max + 2];
        char header[512];
        struct jws jws;
        memset(name, 'k', sizeof(name));
        name[jwks_kid_bytes_max + over] = '\0';
        snprintf(header, sizeof(header), "{\"alg\":\"RS256\",\"kid\":\"%s\"}", name);
        assert_int_equal(parse_header(slice_from_string(header), &jws),
                         over == 0 ? DENY_COUNT : DENY_KID_MALFORMED);
    }
}

static void what_is_read_is_handed_on(void **state)
{
    struct buffer token;
    struct arena arena;
    struct jws jws;
    enum deny_reason reason;
    arena_init(&arena, arena_bytes);
    buffer_init(&token, 4096);
    append_segments(&token, SLICE("{\"kid\":\"a\\/b\",\"typ\":\"JWT\",\"alg\":\"PS512\"}"),
                    SLICE("\0\xff"), SLICE("sign"));
    assert_true(jws_parse(buffer_slice(&token), &arena, &jws, &reason));
    assert_ptr_equal(jws.algorithm, algorithm_find(SLICE("PS512")));
    assert_true(jws.has_kid);
    assert_true(slice_equals(jws.kid, SLICE("a/b")));
    assert_true(slice_equals(jws.typ.text, SLICE("\"JWT\"")));
    assert_true(slice_equals(jws.payload, SLICE("\0\xff")));
    assert_true(slice_equals(jws.signature, SLICE("sign")));
    /* what was signed is what was sent */
    assert_ptr_equal(jws.message.data, token.data);
    assert_int_equal(jws.message.length, token.length - 7);
    buffer_clear(&token);
    arena_clear(&arena);
    assert_int_equal(parse_header(SLICE("{\"alg\":\"RS256\"}"), &jws), DENY_COUNT);
    assert_false(jws.has_kid);
    assert_int_equal(jws.typ.kind, JSON_ABSENT);
}

static void the_longest_token_is_read_and_no_longer_one(void **state)
{
    char *token = malloc(token_bytes_max + 1);
    struct jws jws;
    assert_non_null(token);
    memset(token, 'A', token_bytes_max + 1);
    memcpy(token, "eyJhbGciOiJSUzI1NiJ9.AAAA.", 26);
    /* 16384 - 26 is 2 more than a multiple of four */
    assert_int_equal(parse_token(slice_make(token, token_bytes_max), &jws), DENY_COUNT);
    assert_int_equal(parse_token(slice_make(token, token_bytes_max + 1), &jws),
                     DENY_TOKEN_TOO_LONG);
    free(token);
}

static void without_memory_a_token_is_denied(void **state)
{
    struct slice token = slice_from_string(vectors[0].token);
    bool was_read = false;
    for (size_t maximum = 0; maximum < 4096; maximum += 8) {
        struct arena arena;
        struct jws jws;
        enum deny_reason reason = DENY_UNDECIDED;
        arena_init(&arena, maximum);
        bool is_sound = jws_parse(token, &arena, &jws, &reason);
        assert_true(is_sound || reason == DENY_NO_MEMORY);
        assert_true(is_sound || !was_read);
        was_read = is_sound;
        arena_clear(&arena);
    }
    assert_true(was_read);
}

/* ---- keys ---- */

static void keys_decide_the_verdict(void **state)
{
    static const struct {
        const char *header;
        enum verdict verdict;
        enum deny_reason reason;
    } cases[] = {
        {"{\"alg\":\"ES256\",\"kid\":\"one\"}", VERDICT_ACCEPTED, DENY_UNDECIDED},
        {"{\"alg\":\"ES256\",\"kid\":\"none\"}", VERDICT_NEEDS_KEYS, DENY_KEY_UNKNOWN},
        {"{\"alg\":\"RS256\"}", VERDICT_NEEDS_KEYS, DENY_KEY_UNKNOWN},
        {"{\"alg\":\"RS256\",\"kid\":\"one\"}", VERDICT_DENIED, DENY_KEY_UNFIT},
        {"{\"alg\":\"ES256\"}", VERDICT_DENIED, DENY_KEY_AMBIGUOUS},
        {"{\"alg\":\"ES256\",\"kid\":\"two\"}", VERDICT_DENIED, DENY_SIGNATURE_INVALID},
    };
    struct signer *one = signer_create("P-256");
    struct signer *two = signer_create("P-256");
    struct buffer json;
    struct jwks *jwks = NULL;
    buffer_init(&json, 4096);
    buffer_append_string(&json, "{\"keys\":[");
    signer_append_jwk(one, ",\"kid\":\"one\"", &json);
    buffer_append_string(&json, ",");
    signer_append_jwk(two, ",\"kid\":\"two\"", &json);
    buffer_append_string(&json, "]}");
    assert_int_equal(jwks_parse(buffer_slice(&json), &jwks, NULL), STATUS_OK);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buffer token;
        struct arena arena;
        struct slice payload;
        enum deny_reason reason = DENY_UNDECIDED;
        arena_init(&arena, arena_bytes);
        buffer_init(&token, 4096);
        signer_append_token(one, "ES256", cases[i].header, "text", &token);
        assert_int_equal(
            jws_verify_signature(jwks, buffer_slice(&token), &arena, &payload, &reason),
            cases[i].verdict);
        assert_int_equal(reason, cases[i].reason);
        assert_int_equal(
            jws_verify_signature(NULL, buffer_slice(&token), &arena, &payload, &reason),
            VERDICT_NEEDS_KEYS);
        assert_int_equal(reason, DENY_KEYS_UNAVAILABLE);
        buffer_clear(&token);
        arena_clear(&arena);
    }
    jwks_free(jwks);
    buffer_clear(&json);
    signer_free(one);
    signer_free(two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_vectors_hold),
        cmocka_unit_test(one_changed_letter_spoils_a_vector),
        cmocka_unit_test(a_vector_needs_its_own_key),
        cmocka_unit_test(anything_but_three_segments_is_refused),
        cmocka_unit_test(each_segment_has_one_spelling),
        cmocka_unit_test(headers_are_read_strictly),
        cmocka_unit_test(the_longest_kid_is_read_and_no_longer_one),
        cmocka_unit_test(what_is_read_is_handed_on),
        cmocka_unit_test(the_longest_token_is_read_and_no_longer_one),
        cmocka_unit_test(without_memory_a_token_is_denied),
        cmocka_unit_test(keys_decide_the_verdict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

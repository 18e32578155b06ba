/* SPDX-License-Identifier: MIT
 *
 * did_web_document_test.c - URLs of documents, and which keys come out of which document. The keys
 * of curves are the point seven times the generator, made with python cryptography; the Ed25519 key
 * is that of RFC 8037 A.2. */
#include "auth/did_web_document.h"

#include "auth/jwks.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define DID "did:web:a.example"
#define OKP                                                                                        \
    "\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\""

static void a_did_has_one_url(void **state)
{
    static const struct {
        const char *did;
        const char *url; /* NULL: none */
    } cases[] = {
        {"did:web:a.example", "https://a.example/.well-known/did.json"},
        {"did:web:a.example%3A8443", "https://a.example:8443/.well-known/did.json"},
        {"did:web:a.example:user:alice", "https://a.example/user/alice/did.json"},
        {"did:web:localhost%3A1:x", "https://localhost:1/x/did.json"},
        {"did:web:a.example:A-b_c.d", "https://a.example/A-b_c.d/did.json"},
        {"did:web:", NULL},
        {"did:web:a.example:", NULL},
        {"did:web:a.example::x", NULL},
        {"did:web:a.example:..", NULL},
        {"did:web:a.example:.", NULL},
        {"did:web:a.example:%2e%2e", NULL},
        {"did:web:a.example:%2F", NULL},
        {"did:web:a.example/x", NULL},
        {"did:web:a.example?x", NULL},
        {"did:web:a.example#x", NULL},
        {"did:web:a.example%3a1", NULL},
        {"did:web:a.example%3A", NULL},
        {"did:web:a.example%3A0", NULL},
        {"did:web:a.example%3A01", NULL},
        {"did:web:a.example%3A65536", NULL},
        {"did:web:a.example%3A1%3A2", NULL},
        {"did:web:A.example", NULL},
        {"did:web:user@a.example", NULL},
        {"did:web:a_b.example", NULL},
        {"did:web:-a.example", NULL},
        {"did:web:a..example", NULL},
        {"did:web:127.0.0.1", NULL},
        {"did:web:127.1", NULL},
        {"did:web:2130706433", NULL},
        {"did:web:0x7f000001", NULL},
        {"did:web:0x7f.0x1", NULL},
        {"did:web:017700000001", NULL},
        {"did:web:a.0x1f", NULL},
        {"did:web:[::1]", NULL},
        {"did:web:%5B%3A%3A1%5D", NULL},
        {"did:key:z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buffer url;
        buffer_init(&url, 4096);
        bool is_there = did_web_url_append(slice_from_string(cases[i].did), &url);
        if (is_there != (cases[i].url != NULL) ||
            !slice_equals(buffer_slice(&url), slice_from_string(cases[i].url))) {
            fail_msg("%s: %.*s", cases[i].did, (int)url.length, url.length > 0 ? url.data : "");
        }
        buffer_clear(&url);
    }
}

/* The keys of {"id":DID,<members>}, which must be <keys> (the inside of the array). */
static void assert_keys(const char *members, const char *keys)
{
    struct buffer document;
    struct buffer expected;
    struct buffer text;
    struct failure failure = {""};
    struct jwks *jwks = NULL;
    buffer_init(&document, 65536);
    buffer_init(&expected, 65536);
    buffer_init(&text, 65536);
    buffer_append_format(&document, "{\"id\":\"" DID "\",%s}", members);
    buffer_append_format(&expected, "{\"keys\":[%s]}", keys);
    enum status status =
        did_web_document_keys(SLICE(DID), buffer_slice(&document), &text, &failure);
    if (status != STATUS_OK || !slice_equals(buffer_slice(&text), buffer_slice(&expected))) {
        fail_msg("%s: %s: %.*s", members, failure.text, (int)text.length, text.data);
    }
    assert_int_equal(jwks_parse(buffer_slice(&text), &jwks, NULL), STATUS_OK);
    jwks_free(jwks);
    buffer_clear(&document);
    buffer_clear(&expected);
    buffer_clear(&text);
}

static const struct {
    const char *type; /* of the older form */
    const char *multibase;
    const char *base58;
    const char *jwk;
} material[] = {
    {"P256Key2021", "zDnaea1YYsBzZWoeVithwzqjHjCSSJXg7QBULsYdoNtQoFu8E",
     "m3DFEAAtnL736jPJ8Kcv4t2CFiYydoxCvhLMp4pst858",
     "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"jlM7b6C_e0YluzBmfAH7YH75-LioD-9bMAYocDGH"
     "sqM\",\"y\":\"c-sdveAzGDZtBp-DpvWQAFPHNjPLBBshxV4ahsH0ALQ\""},
    {"P384Key2021", "z82Lkmzj9bfjuF9qLyhq7cMnfUQBrtZpiohjGD3dMCSToPTctCQDiG2pyRJgTnujRzpA6dE",
     "MFviaySyx3vnCkvGXcF7ThpEYaZphdoTwF5KLMHYAkxbqSReJVHQU7Wx2tcGsm8doE",
     "\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"KDwdc2XOR4jyn46_I07f_q1v6Zf76l_6LVjMnfp7"
     "HFCLBVJvVbnrsgQPBbSPttDh\",\"y\":\"lHXJkGHkG4i6Uu_bjBaQRxph2GfteZcp2cks0B2"
     "9IlYw2E7eMqePnmRmTNrFEu-M\""},
    {"P521Key2021",
     "z2J9gcGMwFj5dFRM6nhT4RDGwmurFXiy6maxztsN9qvkbDSVwQasde2BXH6AM73Mo9nrQdbvhaP7fSPmdsCVyRjRyhkka"
     "Kt7",
     "6AGWJLdACCD3oLt42suJepMLfCSECxiqSCnuY8jf5UjnGx1ffBrSo6WeCQWD45vTQP14NQ5YjayQcEcfXjonaqY5pXV",
     "\"kty\":\"EC\",\"crv\":\"P-521\",\"x\":\"AFbV0dmdW39jRu62X9oLBzoMXyLg6PVIMijwGNLC"
     "9xFMXYwwjQq_xpjYyabfMNzju8RvlT9Q_cJhmgHOrYgoFuzU\",\"y\":\"AD0tG32bqqKhENH"
     "YMXo51oR4tcWC0Cgk8N1x29mKJsveVWvQ8pPN7J4rlSOjRZHOGl-ednEqXd78e1xri8kFJ"
     "SUb\""},
    {"EcdsaSecp256k1VerificationKey2019", "zQ3shTepFLFFdSMosvXnLezUQDyciBgLWTK76jTjBcLEP86vo",
     "hhfEV6nA7iazgS6vGubMQPFGXv9YAm4ZoXyPJzZFud55",
     "\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"XL3wZG5dtOqjmPNl8up6Dj1Bm34DMOOc6Svd"
     "7crE-bw\",\"y\":\"auvKQLolWWCjF41thhpU26gT0LgT_ee1pQgmKAhyZNo\""},
    {"Ed25519VerificationKey2018", "z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw",
     "FVen3X669xLzsi6N2V91DoiyzHzg1uAgqiT8jZ9nS96Z",
     "\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaa"
     "PcHURo\""},
};

static void every_kind_of_key_is_read_in_every_form(void **state)
{
    for (size_t i = 0; i < sizeof(material) / sizeof(material[0]); i++) {
        char members[1024];
        char expected[1024];
        snprintf(expected, sizeof(expected), "{\"kid\":\"" DID "#k\",%s}", material[i].jwk);
        snprintf(members, sizeof(members),
                 "\"authentication\":[{\"id\":\"#k\",\"publicKeyMultibase\":\"%s\"}]",
                 material[i].multibase);
        assert_keys(members, expected);
        snprintf(members, sizeof(members),
                 "\"authentication\":[{\"id\":\"#k\",\"type\":\"%s\",\"publicKeyBase58\":\"%s\"}]",
                 material[i].type, material[i].base58);
        assert_keys(members, expected);
        snprintf(members, sizeof(members),
                 "\"authentication\":[{\"id\":\"#k\",\"publicKeyJwk\":{%s}}]", material[i].jwk);
        assert_keys(members, expected);
    }
}

#define METHOD(id) "{\"id\":\"" id "\",\"publicKeyJwk\":{" OKP "}}"
#define KEY(id) "{\"kid\":\"" DID id "\"," OKP "}"

static void relationships_decide(void **state)
{
    static const struct {
        const char *members;
        const char *keys;
    } cases[] = {
        {"\"a\":1", ""},
        {"\"verificationMethod\":[" METHOD("#k") "]", ""},
        {"\"verificationMethod\":[" METHOD("#k") "],\"authentication\":[\"#k\"]", KEY("#k")},
        {"\"verificationMethod\":[" METHOD("#k") "],\"authentication\":[\"" DID "#k\"]", KEY("#k")},
        {"\"verificationMethod\":[" METHOD(DID "#k") "],\"authentication\":[\"#k\"]", KEY("#k")},
        {"\"verificationMethod\":[" METHOD("#k") "],\"assertionMethod\":[\"#k\"]", KEY("#k")},
        {"\"verificationMethod\":[" METHOD("#k") "," METHOD(
             "#l") "],"
                   "\"authentication\":[\"#l\"],\"assertionMethod\":[\"#l\",\"#k\"]",
         KEY("#l") "," KEY("#k")},
        {"\"verificationMethod\":[" METHOD(
             "#k") "],\"keyAgreement\":[\"#k\"],"
                   "\"capabilityInvocation\":[\"#k\"],\"capabilityDelegation\":[\"#k\"]",
         ""},
        {"\"verificationMethod\":[" METHOD("#k") "],\"authentication\":[\"#l\",3,null,[],\"\"]",
         ""},
        {"\"verificationMethod\":[" METHOD("#k") "],\"authentication\":\"#k\"", ""},
        {"\"verificationMethod\":" METHOD("#k") ",\"authentication\":[\"#k\"]", ""},
        /* an id that is there twice means nobody knows which */
        {"\"verificationMethod\":[" METHOD("#k") "," METHOD(DID "#k") "],"
                                                                      "\"authentication\":[\"#k\"]",
         ""},
        /* keys of somebody else */
        {"\"verificationMethod\":[" METHOD(
             "did:web:b.example#k") "],"
                                    "\"authentication\":[\"did:web:b.example#k\"]",
         ""},
        {"\"authentication\":[" METHOD("did:web:a.example.evil#k") "]", ""},
        {"\"authentication\":[" METHOD("did:web:a.example") "]", ""},
        {"\"authentication\":[" METHOD("did:web:a.example#") "]", ""},
        {"\"authentication\":[" METHOD("#") "]", ""},
        {"\"authentication\":[{\"publicKeyJwk\":{" OKP "}}]", ""},
        /* escapes mean what they mean */
        {"\"\\u0061uthentication\":[" METHOD("\\u0023k") "]", KEY("#k")},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_keys(cases[i].members, cases[i].keys);
    }
}

static void unusable_material_is_left_out(void **state)
{
    static const char *const methods[] = {
        "\"type\":\"Multikey\"",
        "\"publicKeyJwk\":{" OKP ",\"d\":\"AAAA\"}",
        "\"publicKeyJwk\":{\"kty\":\"oct\",\"k\":\"AAAA\"}",
        "\"publicKeyJwk\":\"x\"",
        "\"publicKeyJwk\":{" OKP
        "},\"publicKeyMultibase\":\"z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw\"",
        "\"publicKeyMultibase\":\"\"",
        "\"publicKeyMultibase\":\"z\"",
        "\"publicKeyMultibase\":\"z0OIl\"",
        "\"publicKeyMultibase\":\"f6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw\"",
        "\"publicKeyMultibase\":\"1:z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw\"",
        "\"publicKeyMultibase\":\"z6LSrApwZptxFR4jy6U8Z8exYPwTqSXniWLqihApE1oK9WsK\"",
        "\"publicKeyMultibase\":7",
        "\"type\":\"Unknown\",\"publicKeyBase58\":\"FVen3X669xLzsi6N2V91DoiyzHzg1uAgqiT8jZ9nS96Z\"",
        "\"publicKeyBase58\":\"FVen3X669xLzsi6N2V91DoiyzHzg1uAgqiT8jZ9nS96Z\"",
        "\"type\":\"Ed25519VerificationKey2018\",\"publicKeyBase58\":"
        "\"m3DFEAAtnL736jPJ8Kcv4t2CFiYydoxCvhLMp4pst858\"",
        "\"type\":\"P256Key2021\",\"publicKeyBase58\":"
        "\"FVen3X669xLzsi6N2V91DoiyzHzg1uAgqiT8jZ9nS96Z\"",
        "\"publicKeyHex\":\"00\"",
    };
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        char members[1024];
        snprintf(members, sizeof(members),
                 "\"authentication\":[{\"id\":\"#x\",%s}," METHOD("#k") "]", methods[i]);
        assert_keys(members, KEY("#k"));
    }
}

/* An RSA key stays in the set as one that cannot verify, so that its tokens are told why. */
static void rsa_keys_are_of_no_use(void **state)
{
    assert_keys("\"authentication\":[{\"id\":\"#r\",\"publicKeyJwk\":"
                "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}}]",
                "{\"kid\":\"" DID "#r\",\"kty\":\"RSA\"}");
}

/* What a JWK says of its own use goes along. */
static void restrictions_of_a_key_are_kept(void **state)
{
    assert_keys("\"authentication\":[{\"id\":\"#k\",\"publicKeyJwk\":{\"kid\":\"other\",\"x5c\":[],"
                "\"alg\":\"EdDSA\",\"use\":\"enc\",\"key_ops\":[\"verify\"]," OKP "}}]",
                "{\"kid\":\"" DID "#k\"," OKP
                ",\"alg\":\"EdDSA\",\"use\":\"enc\",\"key_ops\":[\"verify\"]}");
}

static void documents_of_others_and_none_at_all_are_refused(void **state)
{
    static const struct {
        const char *json;
        enum status status;
    } cases[] = {
        {"{\"id\":\"" DID "\"}", STATUS_OK},
        {"{\"\\u0069d\":\"" DID "\"}", STATUS_OK},
        {"{}", STATUS_DENIED},
        {"{\"id\":\"did:web:b.example\"}", STATUS_DENIED},
        {"{\"id\":\"" DID "#k\"}", STATUS_DENIED},
        {"{\"id\":\"" DID ":\"}", STATUS_DENIED},
        {"{\"id\":\"did:web:A.example\"}", STATUS_DENIED},
        {"{\"id\":7}", STATUS_DENIED},
        {"{\"id\":\"" DID "\",\"id\":\"" DID "\"}", STATUS_INVALID},
        {"{\"id\":\"" DID "\"", STATUS_INVALID},
        {"[]", STATUS_INVALID},
        {"", STATUS_INVALID},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buffer text;
        struct failure failure = {""};
        buffer_init(&text, 65536);
        assert_int_equal(
            did_web_document_keys(SLICE(DID), slice_from_string(cases[i].json), &text, &failure),
            cases[i].status);
        assert_true((failure.text[0] == '\0') == (cases[i].status == STATUS_OK));
        buffer_clear(&text);
    }
}

/* {"id":DID,"<name>":[<count> times <entry> with a number of its own],<rest>} */
static enum status many(const char *name, size_t count, const char *before, const char *after,
                        const char *rest)
{
    struct buffer json;
    struct buffer text;
    struct failure failure = {""};
    buffer_init(&json, 1024 * 1024);
    buffer_init(&text, jwks_bytes_max);
    buffer_append_format(&json, "{\"id\":\"" DID "\",\"%s\":[", name);
    for (size_t i = 0; i < count; i++) {
        buffer_append_format(&json, "%s%s%zu%s", i > 0 ? "," : "", before, i, after);
    }
    buffer_append_format(&json, "]%s}", rest);
    enum status status = did_web_document_keys(SLICE(DID), buffer_slice(&json), &text, &failure);
    buffer_clear(&json);
    buffer_clear(&text);
    return status;
}

static void what_a_document_may_hold_is_capped(void **state)
{
    const char *after = "\",\"publicKeyJwk\":{" OKP "}}";
    assert_int_equal(many("authentication", 64, "{\"id\":\"#", after, ""), STATUS_OK);
    assert_int_equal(many("authentication", 65, "{\"id\":\"#", after, ""), STATUS_LIMIT);
    assert_int_equal(many("authentication", 128, "\"#", "\"", ""), STATUS_OK);
    assert_int_equal(many("authentication", 129, "\"#", "\"", ""), STATUS_LIMIT);
    const char *rest = ",\"authentication\":[\"#x\"]";
    assert_int_equal(many("verificationMethod", 256, "{\"id\":\"#", "\"}", rest), STATUS_OK);
    assert_int_equal(many("verificationMethod", 257, "{\"id\":\"#", "\"}", rest), STATUS_LIMIT);
    assert_int_equal(many("x", 20000, "1", "", ""), STATUS_INVALID); /* too many bytes */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_did_has_one_url),
        cmocka_unit_test(every_kind_of_key_is_read_in_every_form),
        cmocka_unit_test(relationships_decide),
        cmocka_unit_test(unusable_material_is_left_out),
        cmocka_unit_test(rsa_keys_are_of_no_use),
        cmocka_unit_test(restrictions_of_a_key_are_kept),
        cmocka_unit_test(documents_of_others_and_none_at_all_are_refused),
        cmocka_unit_test(what_a_document_may_hold_is_capped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * did_key_test.c - keys made, written, read back, and tokens of theirs that verify() accepts; and
 * the documents of their DIDs. */
#include "auth/did_key.h"

#include "auth/did_document.h"
#include "auth/verify.h"
#include "base/json.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define NOW INT64_C(1700000000)

static const char *const types[] = {"ed25519", "p256", "secp256k1"};
static const struct slice everybody[] = {SLICE("did:key:*")};
static const struct slice audiences[] = {SLICE("a \"gateway\"")};
static char directory[] = "/tmp/did_key_test.XXXXXX";
static char path[64];

static int begin_all(void **state)
{
    if (mkdtemp(directory) == NULL) {
        return -1;
    }
    snprintf(path, sizeof(path), "%s/key.pem", directory);
    return 0;
}

static int end_all(void **state)
{
    return rmdir(directory);
}

static void check_token(const struct did_key *key)
{
    struct trusted_dids dids = {.allow = everybody,
                                .allow_count = 1,
                                .audiences = audiences,
                                .audiences_count = 1,
                                .lifetime_max_s = 600};
    struct trust trust = {.dids = &dids};
    for (int i = 0; i < 32; i++) { /* half of all s are the larger one before they are lowered */
        struct buffer token;
        struct arena arena;
        buffer_init(&token, 4096);
        arena_init(&arena, 16 * 1024);
        assert_int_equal(did_key_append_token(key, audiences[0], NOW, 600, &token, NULL),
                         STATUS_OK);
        struct verification result = verify(&trust, buffer_slice(&token), NOW, &arena);
        if (result.verdict != VERDICT_ACCEPTED) {
            fail_msg("%s", deny_reason_name(result.reason));
        }
        assert_true(slice_equals(result.identity.user, did_key_did(key)));
        assert_true(result.has_replay_id);
        assert_int_equal(result.expires_at_s, NOW + 600);
        buffer_clear(&token);
        arena_clear(&arena);
    }
}

static void tokens_of_new_keys_are_accepted_also_after_a_file(void **state)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        struct did_key *made = NULL;
        struct did_key *read = NULL;
        struct stat about;
        assert_int_equal(did_key_create(slice_from_string(types[i]), &made, NULL), STATUS_OK);
        check_token(made);
        assert_int_equal(did_key_write(made, path, NULL), STATUS_OK);
        assert_int_equal(stat(path, &about), 0);
        assert_int_equal(about.st_mode & 0777, 0600);
        assert_int_equal(did_key_read(path, &read, NULL), STATUS_OK);
        assert_true(slice_equals(did_key_did(made), did_key_did(read)));
        check_token(read);
        assert_int_equal(did_key_write(made, path, NULL), STATUS_IO); /* it exists */
        assert_int_equal(unlink(path), 0);
        did_key_free(made);
        did_key_free(read);
    }
}

static void file_make(const char *text, mode_t mode)
{
    int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(fchmod(descriptor, mode), 0);
    close(descriptor);
}

static void strange_files_are_refused(void **state)
{
    struct did_key *key = NULL;
    struct failure why;
    assert_int_equal(did_key_read(path, &key, &why), STATUS_IO);
    file_make("nothing", 0600);
    assert_int_equal(did_key_read(path, &key, &why), STATUS_INVALID);
    file_make("nothing", 0640);
    assert_int_equal(did_key_read(path, &key, &why), STATUS_DENIED);
    assert_int_equal(did_key_read(directory, &key, &why), STATUS_DENIED);
    /* an X25519 key */
    file_make("-----BEGIN PRIVATE KEY-----\n"
              "MC4CAQAwBQYDK2VuBCIEIHcHbQpzGKV9PBbBclGyZkXfTC+H68CZKrF3+6UduSwq\n"
              "-----END PRIVATE KEY-----\n",
              0600);
    assert_int_equal(did_key_read(path, &key, &why), STATUS_UNSUPPORTED);
    assert_null(key);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(did_key_create(SLICE("rsa"), &key, &why), STATUS_INVALID);
}

static void absurd_tokens_are_refused(void **state)
{
    static char long_audience[2000];
    struct did_key *key = NULL;
    struct buffer token;
    buffer_init(&token, 4096);
    memset(long_audience, 'a', sizeof(long_audience));
    assert_int_equal(did_key_create(SLICE("ed25519"), &key, NULL), STATUS_OK);
    assert_int_equal(did_key_append_token(key, SLICE(""), NOW, 1, &token, NULL), STATUS_INVALID);
    assert_int_equal(did_key_append_token(key, slice_make(long_audience, sizeof(long_audience)),
                                          NOW, 1, &token, NULL),
                     STATUS_INVALID);
    assert_int_equal(did_key_append_token(key, SLICE("a"), NOW, 0, &token, NULL), STATUS_INVALID);
    buffer_init(&token, 64);
    assert_int_equal(did_key_append_token(key, SLICE("a"), NOW, 1, &token, NULL), STATUS_NO_MEMORY);
    buffer_clear(&token);
    did_key_free(key);
}

static void a_document_names_the_one_key(void **state)
{
    static const struct {
        const char *did;
        const char *member;
        const char *value;
        const char *id;
    } cases[] = {
        {"did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp", "publicKeyMultibase",
         "z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp",
         "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp#"
         "z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp"},
        {"did:pkh:eip155:1:0xb9c5714089478a327f09197987f16f9e5d936e8a", "blockchainAccountId",
         "eip155:1:0xB9C5714089478a327F09197987f16f9E5d936E8a",
         "did:pkh:eip155:1:0xB9C5714089478a327F09197987f16f9E5d936E8a#blockchainAccountId"},
        {"did:pkh:solana:4sGjMW1sUnHzSxGspuhpqLDx6wiyjNtZ:"
         "CKg5d12Jhpej1JqtmxLJgaFqqeYjxgPqToJ4LBdvG9Ev",
         "blockchainAccountId",
         "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp:CKg5d12Jhpej1JqtmxLJgaFqqeYjxgPqToJ4LBdvG9Ev",
         "did:pkh:solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp:"
         "CKg5d12Jhpej1JqtmxLJgaFqqeYjxgPqToJ4LBdvG9Ev#blockchainAccountId"},
        {"did:jwk:eyJjcnYiOiJQLTI1NiIsImt0eSI6IkVDIiwieCI6ImFjYklRaXVNczNpOF91c3pFakoydHBUdFJNNEVV"
         "M3l6OTFQSDZDZEgyVjAiLCJ5IjoiX0tjeUxqOXZXTXB0bm1LdG00NkdxRHo4d2Y3NEk1TEtncmwyR3pIM25TRSJ9",
         "publicKeyJwk", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct arena arena;
        struct buffer document;
        struct did did;
        struct json_value json;
        struct json_value method;
        arena_init(&arena, 16 * 1024);
        buffer_init(&document, 16 * 1024);
        assert_int_equal(did_parse(slice_from_string(cases[i].did), &arena, &did), DENY_UNDECIDED);
        did_document_append(&did, &document);
        assert_int_equal(json_parse(buffer_slice(&document), JSON_DUPLICATES_REFUSED, &json, NULL),
                         STATUS_OK);
        struct json_walk walk = json_walk_begin(json_member(json, "verificationMethod"));
        assert_true(json_walk_next(&walk, NULL, &method));
        struct json_value member = json_member(method, cases[i].member);
        if (cases[i].value == NULL) {
            assert_true(json_string_is(json_member(member, "crv"), "P-256"));
        } else {
            assert_true(json_string_is(member, cases[i].value));
            assert_true(json_string_is(json_member(method, "id"), cases[i].id));
            walk = json_walk_begin(json_member(json, "authentication"));
            assert_true(json_walk_next(&walk, NULL, &member));
            assert_true(json_string_is(member, cases[i].id));
        }
        buffer_clear(&document);
        arena_clear(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_of_new_keys_are_accepted_also_after_a_file),
        cmocka_unit_test(strange_files_are_refused),
        cmocka_unit_test(absurd_tokens_are_refused),
        cmocka_unit_test(a_document_names_the_one_key),
    };
    return cmocka_run_group_tests(tests, begin_all, end_all);
}

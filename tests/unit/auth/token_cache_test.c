/* SPDX-License-Identifier: MIT
 *
 * token_cache_test.c - remembered tokens: never another's, never past their time, never more than
 * the caps allow. */
#include "auth/token_cache.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define EXPIRY INT64_C(2000)

static struct verification verification_of(size_t issuer, const char *user)
{
    return (struct verification){.verdict = VERDICT_ACCEPTED,
                                 .issuer_index = issuer,
                                 .identity = {.proof = IDENTITY_OIDC,
                                              .issuer = SLICE("https://issuer.example"),
                                              .subject = slice_from_string(user),
                                              .user = slice_from_string(user)},
                                 .expires_at_s = EXPIRY};
}

static void insert(struct token_cache *cache, const char *token, size_t issuer, const char *user)
{
    struct verification verification = verification_of(issuer, user);
    token_cache_insert(cache, slice_from_string(token), &verification);
}

static const struct verification *find(struct token_cache *cache, const char *token)
{
    struct cached_session *session = NULL;
    const struct verification *found =
        token_cache_find(cache, slice_from_string(token), EXPIRY - 1, &session);
    assert_true((found != NULL) == (session != NULL));
    return found;
}

static bool proves(struct token_cache *cache, const char *token, const char *user)
{
    const struct verification *found = find(cache, token);
    return found != NULL && found->verdict == VERDICT_ACCEPTED &&
           slice_equals(found->identity.user, slice_from_string(user)) &&
           slice_equals(found->identity.subject, slice_from_string(user));
}

static struct token_cache *cache_create(size_t entries_max, size_t bytes_max)
{
    struct token_cache *cache = token_cache_create(entries_max, bytes_max);
    assert_non_null(cache);
    return cache;
}

static void what_was_inserted_is_found_as_it_was(void **state)
{
    struct token_cache *cache = cache_create(8, 65536);
    char token[] = "header.payload.signature";
    char user[] = "ann";
    assert_null(find(cache, token));
    insert(cache, token, 3, user);
    memset(token, 'x', sizeof(token) - 1); /* the cache keeps texts of its own */
    memset(user, 'x', sizeof(user) - 1);
    const struct verification *found = find(cache, "header.payload.signature");
    assert_non_null(found);
    assert_int_equal(found->verdict, VERDICT_ACCEPTED);
    assert_int_equal(found->issuer_index, 3);
    assert_int_equal(found->expires_at_s, EXPIRY);
    assert_int_equal(found->identity.proof, IDENTITY_OIDC);
    assert_true(slice_equals(found->identity.issuer, SLICE("https://issuer.example")));
    assert_true(slice_equals(found->identity.subject, SLICE("ann")));
    assert_true(slice_equals(found->identity.user, SLICE("ann")));
    token_cache_free(cache);
    token_cache_free(NULL);
}

static void tokens_are_compared_whole(void **state)
{
    static const char *const others[] = {"",     "a",     "a.b",    "a.b.",  "a.b.cc",
                                         ".b.c", "a.b.C", "a.b.c ", " a.b.c"};
    struct token_cache *cache = cache_create(8, 65536);
    insert(cache, "a.b.c", 0, "ann");
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_null(find(cache, others[i]));
    }
    assert_true(proves(cache, "a.b.c", "ann"));
    token_cache_free(cache);
}

/* Only the end of a token is hashed, so these two share hash and bucket for sure. */
static void two_tokens_with_one_hash_never_meet(void **state)
{
    struct token_cache *cache = cache_create(64, 1024 * 1024);
    char tokens[40][201];
    char users[40][12];
    for (size_t i = 0; i < 40; i++) {
        memset(tokens[i], 's', 200);
        tokens[i][200] = '\0';
        snprintf(users[i], sizeof(users[i]), "user %02zu", i);
        memcpy(tokens[i], users[i], 7);
        assert_null(find(cache, tokens[i]));
        insert(cache, tokens[i], i, users[i]);
    }
    for (size_t i = 0; i < 40; i++) {
        assert_true(proves(cache, tokens[i], users[i]));
    }
    /* out of the middle of the chain, the rest stays */
    for (size_t i = 0; i < 40; i += 3) {
        token_cache_forget_issuer(cache, i);
    }
    for (size_t i = 0; i < 40; i++) {
        assert_true(proves(cache, tokens[i], users[i]) == (i % 3 != 0));
    }
    token_cache_free(cache);
}

static void many_tokens_keep_apart(void **state)
{
    enum { many = 5000 };
    struct token_cache *cache = cache_create(many, 64 * 1024 * 1024);
    for (size_t i = 0; i < many; i++) {
        char token[32];
        char user[32];
        snprintf(token, sizeof(token), "token.%zu.x", i);
        snprintf(user, sizeof(user), "%zu", i);
        insert(cache, token, 0, user);
    }
    for (size_t i = 0; i < many; i++) {
        char token[32];
        char user[32];
        snprintf(token, sizeof(token), "token.%zu.x", i);
        snprintf(user, sizeof(user), "%zu", i);
        assert_true(proves(cache, token, user));
    }
    token_cache_free(cache);
}

static void a_token_ends_with_its_exp(void **state)
{
    struct token_cache *cache = cache_create(8, 65536);
    struct cached_session *session = NULL;
    insert(cache, "a.b.c", 0, "ann");
    assert_non_null(token_cache_find(cache, SLICE("a.b.c"), EXPIRY - 1, &session));
    assert_null(token_cache_find(cache, SLICE("a.b.c"), EXPIRY, &session));
    /* gone for good, even if the clock is set back */
    assert_null(token_cache_find(cache, SLICE("a.b.c"), 0, &session));
    token_cache_free(cache);
}

static void only_accepted_tokens_are_remembered(void **state)
{
    struct token_cache *cache = cache_create(8, 65536);
    struct verification denied = verification_of(0, "ann");
    denied.verdict = VERDICT_DENIED;
    token_cache_insert(cache, SLICE("a.b.c"), &denied);
    denied.verdict = VERDICT_NEEDS_KEYS;
    token_cache_insert(cache, SLICE("a.b.c"), &denied);
    assert_null(find(cache, "a.b.c"));
    token_cache_free(cache);
}

static void a_cache_for_nothing_holds_nothing(void **state)
{
    struct token_cache *cache = cache_create(0, 65536);
    insert(cache, "a.b.c", 0, "ann");
    assert_null(find(cache, "a.b.c"));
    token_cache_forget_issuer(cache, 0);
    token_cache_free(cache);
    cache = cache_create(8, 0);
    insert(cache, "a.b.c", 0, "ann");
    assert_null(find(cache, "a.b.c"));
    token_cache_free(cache);
}

static void a_changed_key_set_forgets_its_issuer_alone(void **state)
{
    struct token_cache *cache = cache_create(8, 65536);
    insert(cache, "a", 0, "ann");
    insert(cache, "b", 1, "bob");
    insert(cache, "c", 0, "cid");
    token_cache_forget_issuer(cache, 0);
    assert_null(find(cache, "a"));
    assert_null(find(cache, "c"));
    assert_true(proves(cache, "b", "bob"));
    token_cache_forget_issuer(cache, 7);
    assert_true(proves(cache, "b", "bob"));
    insert(cache, "a", 0, "ann");
    assert_true(proves(cache, "a", "ann"));
    token_cache_free(cache);
}

static void a_changed_document_forgets_its_did_alone(void **state)
{
    static const char *const texts[] = {"did:web:a.example", "did:web:b.example"};
    struct token_cache *cache = cache_create(8, 65536);
    insert(cache, "x", 0, "ann");
    for (size_t i = 0; i < 2; i++) {
        char text[32];
        snprintf(text, sizeof(text), "%s", texts[i]);
        struct slice did = slice_from_string(text);
        struct verification proved = {
            .verdict = VERDICT_ACCEPTED,
            .issuer_index = SIZE_MAX,
            .did = did,
            .identity = {.proof = IDENTITY_DID, .issuer = did, .subject = did, .user = did},
            .expires_at_s = INT64_MAX};
        token_cache_insert(cache, slice_make(i == 0 ? "a" : "b", 1), &proved);
        memset(text, '!', sizeof(text)); /* the cache has copies of its own */
    }
    const struct verification *found = find(cache, "b");
    assert_non_null(found);
    assert_true(slice_equals(found->did, slice_from_string(texts[1])));
    token_cache_forget_did(cache, slice_from_string(texts[0]));
    token_cache_forget_did(cache, SLICE(""));
    assert_null(find(cache, "a"));
    assert_true(proves(cache, "b", texts[1]));
    assert_true(proves(cache, "x", "ann"));
    token_cache_free(cache);
}

static void the_longest_unused_goes_first(void **state)
{
    struct token_cache *cache = cache_create(3, 65536);
    insert(cache, "a", 0, "ann");
    insert(cache, "b", 0, "bob");
    insert(cache, "c", 0, "cid");
    assert_non_null(find(cache, "a")); /* now b is the oldest */
    insert(cache, "d", 0, "dan");
    assert_null(find(cache, "b"));
    insert(cache, "e", 0, "eve"); /* then c */
    assert_null(find(cache, "c"));
    assert_true(proves(cache, "a", "ann"));
    assert_true(proves(cache, "d", "dan"));
    assert_true(proves(cache, "e", "eve"));
    token_cache_free(cache);
}

static void a_token_inserted_again_takes_one_place(void **state)
{
    struct token_cache *cache = cache_create(2, 65536);
    insert(cache, "a", 0, "ann");
    insert(cache, "b", 0, "bob");
    insert(cache, "a", 1, "anna");
    assert_true(proves(cache, "a", "anna"));
    assert_int_equal(find(cache, "a")->issuer_index, 1);
    assert_true(proves(cache, "b", "bob"));
    token_cache_free(cache);
}

static void bytes_are_capped(void **state)
{
    enum { bytes_max = 64 * 1024, token_bytes = 3000, tokens = 100 };
    struct token_cache *cache = cache_create(1000, bytes_max);
    char token[token_bytes + 1];
    size_t kept = 0;
    memset(token, 't', token_bytes);
    token[token_bytes] = '\0';
    for (size_t round = 0; round < 2; round++) {
        kept = 0;
        for (size_t i = 0; i < tokens; i++) {
            char digits[8];
            snprintf(digits, sizeof(digits), "%04zu", i);
            memcpy(token, digits, 4);
            if (round == 0) {
                insert(cache, token, 0, "ann");
            } else if (find(cache, token) != NULL) {
                kept++;
                assert_true(i >= tokens - bytes_max / token_bytes); /* the youngest are left */
            }
        }
    }
    assert_true(kept * token_bytes <= bytes_max);
    assert_true(kept >= 16); /* no entry may take more than a sixteenth */
    token_cache_free(cache);
}

static void one_token_gets_a_fair_share_at_most(void **state)
{
    enum { bytes_max = 64 * 1024 };
    struct token_cache *cache = cache_create(1000, bytes_max);
    char *token = malloc(bytes_max);
    assert_non_null(token);
    insert(cache, "small", 0, "ann");
    memset(token, 't', bytes_max - 1);
    token[bytes_max - 1] = '\0';
    insert(cache, token, 0, "bob");
    assert_null(find(cache, token));
    token[bytes_max / 16] = '\0';
    insert(cache, token, 0, "bob");
    assert_null(find(cache, token));
    token[bytes_max / 16 - 1024] = '\0';
    insert(cache, token, 0, "bob");
    assert_true(proves(cache, token, "bob"));
    assert_true(proves(cache, "small", "ann"));
    free(token);
    token_cache_free(cache);
}

static void a_session_is_kept_beside_the_token(void **state)
{
    struct token_cache *cache = cache_create(8, 65536);
    struct cached_session *session = NULL;
    insert(cache, "a", 0, "ann");
    insert(cache, "b", 0, "bob");
    assert_non_null(token_cache_find(cache, SLICE("a"), 0, &session));
    assert_int_equal(session->user_agent_length, 0);
    session->user_agent_length = 4;
    memcpy(session->user_agent, "curl", 4);
    memcpy(session->session, "0123456789abcdef", 16);
    assert_non_null(token_cache_find(cache, SLICE("b"), 0, &session));
    assert_int_equal(session->user_agent_length, 0);
    assert_non_null(token_cache_find(cache, SLICE("a"), 0, &session));
    assert_int_equal(session->user_agent_length, 4);
    assert_memory_equal(session->session, "0123456789abcdef", 16);
    insert(cache, "a", 0, "anna"); /* another user has other sessions */
    assert_non_null(token_cache_find(cache, SLICE("a"), 0, &session));
    assert_int_equal(session->user_agent_length, 0);
    token_cache_free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_inserted_is_found_as_it_was),
        cmocka_unit_test(tokens_are_compared_whole),
        cmocka_unit_test(two_tokens_with_one_hash_never_meet),
        cmocka_unit_test(many_tokens_keep_apart),
        cmocka_unit_test(a_token_ends_with_its_exp),
        cmocka_unit_test(only_accepted_tokens_are_remembered),
        cmocka_unit_test(a_cache_for_nothing_holds_nothing),
        cmocka_unit_test(a_changed_key_set_forgets_its_issuer_alone),
        cmocka_unit_test(a_changed_document_forgets_its_did_alone),
        cmocka_unit_test(the_longest_unused_goes_first),
        cmocka_unit_test(a_token_inserted_again_takes_one_place),
        cmocka_unit_test(bytes_are_capped),
        cmocka_unit_test(one_token_gets_a_fair_share_at_most),
        cmocka_unit_test(a_session_is_kept_beside_the_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * delegated_test.c - the claims that mint.c writes for agents come back as they went out, and
 * nothing else passes. */
#include "auth/delegated.h"

#include "auth/jws.h"
#include "auth/mint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { arena_bytes = 256 * 1024, claims_bytes = 16 * 1024, now_s = 1700000000 };

/* ---- what the gateway wrote ---- */

struct written {
    char directory[64];
    struct mint *mint;
    struct arena arena;
    struct buffer token;
};

static int open_mint(void **state)
{
    struct written *written = calloc(1, sizeof(*written));
    struct failure failure = {""};
    assert_non_null(written);
    snprintf(written->directory, sizeof(written->directory), "/tmp/delegated-test-XXXXXX");
    assert_non_null(mkdtemp(written->directory));
    if (mint_open(written->directory, &written->mint, &failure) != STATUS_OK) {
        fail_msg("%s", failure.text);
    }
    arena_init(&written->arena, arena_bytes);
    buffer_init(&written->token, claims_bytes);
    *state = written;
    return 0;
}

static int close_mint(void **state)
{
    struct written *written = *state;
    char path[128];
    mint_free(written->mint);
    snprintf(path, sizeof(path), "%s/local-key.pem", written->directory);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(written->directory), 0);
    buffer_clear(&written->token);
    arena_clear(&written->arena);
    free(written);
    return 0;
}

/* The claims of a token for <actors>, as the verifier would have them. */
static struct json_value claims_of(struct written *written, struct mint_delegation what)
{
    struct jws jws;
    struct json_value claims;
    struct failure failure = {""};
    enum deny_reason reason = DENY_UNDECIDED;
    what.issuer = what.audience = SLICE("https://gateway.test");
    if (mint_append_delegated(written->mint, &what, now_s, 60, &written->token, &failure) !=
        STATUS_OK) {
        fail_msg("%s", failure.text);
    }
    assert_true(jws_parse(buffer_slice(&written->token), &written->arena, &jws, &reason));
    if (json_parse(jws.payload, JSON_DUPLICATES_REFUSED, &claims, &failure) != STATUS_OK) {
        fail_msg("%s", failure.text);
    }
    return claims;
}

static void what_is_written_is_read(void **state)
{
    static const struct slice actors[] = {SLICE("coder"), SLICE("say \"hi\""), SLICE("plan\\ner")};
    struct written *written = *state;
    struct identity identity = {.subject = SLICE("alice")};
    const struct mint_delegation what = {.subject = SLICE("alice"),
                                         .actors = actors,
                                         .actors_count = 3,
                                         .owner_issuer = SLICE("https://id.test"),
                                         .owner_subject = SLICE("a\"lice|1"),
                                         .session = SLICE("the session")};
    assert_int_equal(delegated_read(claims_of(written, what), &written->arena, &identity),
                     DENY_UNDECIDED);
    assert_true(slice_equals(identity.user, SLICE("alice")));
    assert_true(slice_equals(identity.issuer, SLICE("https://id.test")));
    assert_true(slice_equals(identity.subject, SLICE("a\"lice|1")));
    assert_true(slice_equals(identity.session, SLICE("the session")));
    assert_int_equal(identity.actors_count, 3);
    assert_true(
        slice_equals(identity.actors, SLICE("[\"coder\",\"say \\\"hi\\\"\",\"plan\\\\ner\"]")));
}

static void a_session_may_be_empty(void **state)
{
    static const struct slice actors[] = {SLICE("coder")};
    struct written *written = *state;
    struct identity identity = {.subject = SLICE("alice")};
    const struct mint_delegation what = {.subject = SLICE("alice"),
                                         .actors = actors,
                                         .actors_count = 1,
                                         .owner_issuer = SLICE("https://id.test"),
                                         .owner_subject = SLICE("alice")};
    assert_int_equal(delegated_read(claims_of(written, what), &written->arena, &identity),
                     DENY_UNDECIDED);
    assert_int_equal(identity.session.length, 0);
    assert_true(slice_equals(identity.actors, SLICE("[\"coder\"]")));
}

/* As many agents, with as long names, as a token can hold. */
static void the_longest_chain_is_read(void **state)
{
    static char name[mint_actor_bytes_max];
    static struct slice actors[mint_actors_max];
    struct written *written = *state;
    struct identity identity = {.subject = SLICE("alice")};
    memset(name, '\\', sizeof(name)); /* each is two bytes in JSON */
    for (size_t i = 0; i < mint_actors_max; i++) {
        actors[i] = slice_make(name, sizeof(name));
    }
    const struct mint_delegation what = {.subject = SLICE("alice"),
                                         .actors = actors,
                                         .actors_count = mint_actors_max,
                                         .owner_issuer = SLICE("https://id.test"),
                                         .owner_subject = SLICE("alice")};
    assert_int_equal(delegated_read(claims_of(written, what), &written->arena, &identity),
                     DENY_UNDECIDED);
    assert_int_equal(identity.actors_count, mint_actors_max);
    assert_int_equal(identity.actors.length,
                     mint_actors_max * (2 * mint_actor_bytes_max + 2) + mint_actors_max - 1 + 2);
}

/* Signed by our key and for an agent, but without an owner, or for nobody: a token of local mode.
 */
static void a_token_without_owner_or_agent_is_not_one(void **state)
{
    static const struct slice actors[] = {SLICE("coder")};
    struct written *written = *state;
    struct identity identity = {.subject = SLICE("alice")};
    const struct mint_delegation ownerless = {
        .subject = SLICE("alice"), .actors = actors, .actors_count = 1};
    const struct mint_delegation agentless = {.subject = SLICE("alice"),
                                              .owner_issuer = SLICE("https://id.test"),
                                              .owner_subject = SLICE("alice")};
    assert_int_equal(delegated_read(claims_of(written, ownerless), &written->arena, &identity),
                     DENY_DELEGATION_MALFORMED);
    buffer_reset(&written->token);
    assert_int_equal(delegated_read(claims_of(written, agentless), &written->arena, &identity),
                     DENY_DELEGATION_MALFORMED);
}

/* ---- what it never wrote ---- */

static enum deny_reason read_text(const char *text, struct identity *identity, struct arena *arena)
{
    struct json_value claims;
    struct failure failure = {""};
    *identity = (struct identity){.subject = SLICE("alice")};
    if (json_parse(slice_from_string(text), JSON_DUPLICATES_REFUSED, &claims, &failure) !=
        STATUS_OK) {
        fail_msg("%s: %s", text, failure.text);
    }
    return delegated_read(claims, arena, identity);
}

#define OWNER "\"attach\":{\"iss\":\"i\",\"sub\":\"s\",\"session\":\"\"}"
#define ACT "\"act\":{\"sub\":\"a\"}"

static void other_shapes_are_refused(void **state)
{
    static const char *const texts[] = {
        "{}",
        "[]",
        "1",
        "{" OWNER "}",
        "{" ACT "}",
        "{" OWNER ",\"act\":null}",
        "{" OWNER ",\"act\":[]}",
        "{" OWNER ",\"act\":\"a\"}",
        "{" OWNER ",\"act\":[{\"sub\":\"a\"}]}",
        "{" OWNER ",\"act\":{}}",
        "{" OWNER ",\"act\":{\"sub\":\"\"}}",
        "{" OWNER ",\"act\":{\"sub\":null}}",
        "{" OWNER ",\"act\":{\"sub\":1}}",
        "{" OWNER ",\"act\":{\"sub\":[\"a\"]}}",
        "{" OWNER ",\"act\":{\"Sub\":\"a\"}}",
        "{" OWNER ",\"act\":{\"sub\":\"a\",\"act\":null}}",
        "{" OWNER ",\"act\":{\"sub\":\"a\",\"act\":\"b\"}}",
        "{" OWNER ",\"act\":{\"sub\":\"a\",\"act\":{}}}",
        "{" OWNER ",\"act\":{\"sub\":\"a\",\"act\":{\"sub\":\"\"}}}",
        "{" OWNER ",\"act\":{\"act\":{\"sub\":\"a\"}}}",
        "{" ACT ",\"attach\":null}",
        "{" ACT ",\"attach\":\"i\"}",
        "{" ACT ",\"attach\":[\"i\",\"s\",\"\"]}",
        "{" ACT ",\"attach\":{}}",
        "{" ACT ",\"attach\":{\"iss\":\"i\",\"sub\":\"s\"}}",
        "{" ACT ",\"attach\":{\"iss\":\"i\",\"session\":\"\"}}",
        "{" ACT ",\"attach\":{\"sub\":\"s\",\"session\":\"\"}}",
        "{" ACT ",\"attach\":{\"iss\":\"\",\"sub\":\"s\",\"session\":\"\"}}",
        "{" ACT ",\"attach\":{\"iss\":\"i\",\"sub\":\"\",\"session\":\"\"}}",
        "{" ACT ",\"attach\":{\"iss\":1,\"sub\":\"s\",\"session\":\"\"}}",
        "{" ACT ",\"attach\":{\"iss\":\"i\",\"sub\":{},\"session\":\"\"}}",
        "{" ACT ",\"attach\":{\"iss\":\"i\",\"sub\":\"s\",\"session\":null}}",
        "{" ACT ",\"attach\":{\"iss\":\"i\",\"sub\":\"s\",\"session\":7}}",
    };
    struct arena arena;
    struct identity identity;
    arena_init(&arena, arena_bytes);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (read_text(texts[i], &identity, &arena) != DENY_DELEGATION_MALFORMED) {
            fail_msg("%s is let in", texts[i]);
        }
    }
    /* and what they all come close to */
    assert_int_equal(read_text("{" OWNER "," ACT "}", &identity, &arena), DENY_UNDECIDED);
    assert_true(slice_equals(identity.actors, SLICE("[\"a\"]")));
    arena_clear(&arena);
}

/* {"sub":"a","act":{...}} <count> deep, after OWNER. */
static void append_chain(struct buffer *text, size_t count)
{
    buffer_append_string(text, "{" OWNER);
    for (size_t i = 0; i < count; i++) {
        buffer_append_string(text, ",\"act\":{\"sub\":\"a\"");
    }
    for (size_t i = 0; i < count; i++) {
        buffer_append_byte(text, '}');
    }
    buffer_append_byte(text, '}');
    assert_false(text->failed);
}

static void a_chain_has_an_end(void **state)
{
    struct arena arena;
    struct identity identity = {.subject = SLICE("alice")};
    struct buffer text;
    struct json_value claims;
    struct failure failure = {""};
    arena_init(&arena, arena_bytes);
    buffer_init(&text, claims_bytes);
    append_chain(&text, mint_actors_max);
    assert_int_equal(json_parse(buffer_slice(&text), JSON_DUPLICATES_REFUSED, &claims, &failure),
                     STATUS_OK);
    assert_int_equal(delegated_read(claims, &arena, &identity), DENY_UNDECIDED);
    assert_int_equal(identity.actors_count, mint_actors_max);
    buffer_reset(&text);
    append_chain(&text, mint_actors_max + 1); /* no verifier hands this on */
    assert_int_not_equal(
        json_parse(buffer_slice(&text), JSON_DUPLICATES_REFUSED, &claims, &failure), STATUS_OK);
    /* and if one did */
    claims = (struct json_value){.kind = JSON_OBJECT, .text = buffer_slice(&text)};
    identity = (struct identity){.subject = SLICE("alice")};
    assert_int_equal(delegated_read(claims, &arena, &identity), DENY_DELEGATION_MALFORMED);
    assert_int_equal(identity.actors_count, mint_actors_max);
    buffer_clear(&text);
    arena_clear(&arena);
}

static void an_arena_that_is_full_denies(void **state)
{
    struct arena arena;
    struct identity identity;
    size_t room = 0;
    enum deny_reason reason;
    do { /* from none to just enough */
        arena_init(&arena, room);
        reason = read_text("{" OWNER ",\"act\":{\"sub\":\"\\u0061\"}}", &identity, &arena);
        arena_clear(&arena);
        assert_true(reason == DENY_UNDECIDED || reason == DENY_DELEGATION_MALFORMED);
        assert_true(reason == DENY_DELEGATION_MALFORMED || room > 0);
        room = room == 0 ? 1 : room * 2;
    } while (reason != DENY_UNDECIDED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_written_is_read, open_mint, close_mint),
        cmocka_unit_test_setup_teardown(a_session_may_be_empty, open_mint, close_mint),
        cmocka_unit_test_setup_teardown(the_longest_chain_is_read, open_mint, close_mint),
        cmocka_unit_test_setup_teardown(a_token_without_owner_or_agent_is_not_one, open_mint,
                                        close_mint),
        cmocka_unit_test(other_shapes_are_refused),
        cmocka_unit_test(a_chain_has_an_end),
        cmocka_unit_test(an_arena_that_is_full_denies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

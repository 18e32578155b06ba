/* SPDX-License-Identifier: MIT
 *
 * did_allow_test.c - entries of DID_ALLOW in their normal form, and whom they let in. */
#include "auth/did_allow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define KEY "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp"

static void entries_are_normalized_or_refused(void **state)
{
    static const struct {
        const char *entry;
        const char *normal; /* NULL: refused */
    } cases[] = {
        {"*", "*"},
        {"did:key:*", "did:key:*"},
        {"did:jwk:*", "did:jwk:*"},
        {"did:pkh:*", "did:pkh:*"},
        {"did:web:*", "did:web:*"},
        {"did:pkh:eip155:*", "did:pkh:eip155:*"},
        {"did:pkh:solana:*", "did:pkh:solana:*"},
        {"did:pkh:eip155:1:*", "did:pkh:eip155:1:*"},
        {"did:web:example.com:*", "did:web:example.com:*"},
        {"did:web:example.com%3A8443:team:*", "did:web:example.com%3A8443:team:*"},
        {KEY, KEY},
        {"did:key:1:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp", KEY},
        {"did:pkh:eip155:1:0xb9c5714089478a327f09197987f16f9e5d936e8a",
         "did:pkh:eip155:1:0xB9C5714089478a327F09197987f16f9E5d936E8a"},
        {"", NULL},
        {"did:*", NULL},
        {"did:example:*", NULL},
        {"did:key:z6Mk*", NULL},
        {"did:key:z6Mk:*", NULL},
        {"did:pkh:tezos:*", NULL},
        {"did:pkh:eip155::*", NULL},
        {"did:web:ex ample.com:*", NULL},
        {"**", NULL},
        {"https://issuer.example", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct arena arena;
        struct slice normal = {NULL, 0};
        struct failure why;
        arena_init(&arena, 64 * 1024);
        enum status status =
            did_allow_normalize(slice_from_string(cases[i].entry), &arena, &normal, &why);
        if (cases[i].normal == NULL) {
            assert_int_equal(status, STATUS_INVALID);
            assert_null(normal.data);
        } else {
            assert_int_equal(status, STATUS_OK);
            assert_true(slice_equals(normal, slice_from_string(cases[i].normal)));
        }
        arena_clear(&arena);
    }
}

static void an_entry_lets_in_what_it_says(void **state)
{
    static const struct {
        const char *entry;
        const char *did;
        bool allowed;
    } cases[] = {
        {"*", KEY, true},
        {KEY, KEY, true},
        {KEY, KEY "x", false},
        {KEY "x", KEY, false},
        {"did:key:*", KEY, true},
        {"did:key:*", "did:jwk:e30", false},
        {"did:pkh:eip155:1:*", "did:pkh:eip155:1:0xB9C5714089478a327F09197987f16f9E5d936E8a", true},
        {"did:pkh:eip155:1:*", "did:pkh:eip155:137:0xB9C5714089478a327F09197987f16f9E5d936E8a",
         false},
        {"did:web:example.com:*", "did:web:example.com:a", true},
        {"did:web:example.com:*", "did:web:example.com", false},
        {"did:web:example.com:*", "did:web:example.com.evil.example:a", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct slice entries[] = {SLICE("did:web:other.example"),
                                        slice_from_string(cases[i].entry)};
        struct trusted_dids dids = {.allow = entries, .allow_count = 2};
        assert_int_equal(did_is_allowed(&dids, slice_from_string(cases[i].did)), cases[i].allowed);
        dids.allow_count = 0;
        assert_false(did_is_allowed(&dids, slice_from_string(cases[i].did)));
    }
}

static void without_memory_there_is_no_entry(void **state)
{
    struct arena arena;
    struct slice normal = {NULL, 0};
    arena_init(&arena, 0);
    assert_int_equal(did_allow_normalize(SLICE("*"), &arena, &normal, NULL), STATUS_NO_MEMORY);
    assert_int_equal(did_allow_normalize(SLICE(KEY), &arena, &normal, NULL), STATUS_NO_MEMORY);
    arena_clear(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_are_normalized_or_refused),
        cmocka_unit_test(an_entry_lets_in_what_it_says),
        cmocka_unit_test(without_memory_there_is_no_entry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

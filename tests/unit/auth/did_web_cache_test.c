/* SPDX-License-Identifier: MIT
 *
 * did_web_cache_test.c - documents come, are found, grow old and make room. */
#include "auth/did_web_cache.h"

#include "auth/did.h"

#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct jwks *keys(void)
{
    struct jwks *jwks = NULL;
    assert_int_equal(jwks_parse(SLICE("{\"keys\":[]}"), &jwks, NULL), STATUS_OK);
    return jwks;
}

static void what_was_inserted_is_found(void **state)
{
    struct did_web_cache *cache = did_web_cache_create(4);
    struct jwks *first = keys();
    struct jwks *second = keys();
    assert_null(did_web_cache_find(cache, SLICE("did:web:a")));
    did_web_cache_insert(cache, SLICE("did:web:a"), first, 10, 20);
    did_web_cache_insert(cache, SLICE("did:web:b"), NULL, 10, 20); /* no keys to be had */
    assert_ptr_equal(did_web_cache_find(cache, SLICE("did:web:a")), first);
    assert_null(did_web_cache_find(cache, SLICE("did:web:b")));
    assert_null(did_web_cache_find(cache, SLICE("did:web:aa")));
    assert_null(did_web_cache_find(cache, SLICE("did:web:A")));
    did_web_cache_insert(cache, SLICE("did:web:a"), second, 15, 25);
    assert_ptr_equal(did_web_cache_find(cache, SLICE("did:web:a")), second);
    assert_int_equal(did_web_cache_count(cache), 2);
    did_web_cache_remove(cache, SLICE("did:web:a"));
    did_web_cache_remove(cache, SLICE("did:web:c"));
    assert_null(did_web_cache_find(cache, SLICE("did:web:a")));
    assert_int_equal(did_web_cache_count(cache), 1);
    did_web_cache_free(cache);
    did_web_cache_free(NULL);
}

static void an_answer_is_not_asked_for_again_at_once(void **state)
{
    struct did_web_cache *cache = did_web_cache_create(4);
    struct slice did = SLICE("did:web:a");
    assert_false(did_web_cache_answered(cache, did, 0, UINT64_MAX));
    did_web_cache_insert(cache, did, NULL, 100, 1000);
    assert_true(did_web_cache_answered(cache, did, 100, 10));
    assert_true(did_web_cache_answered(cache, did, 109, 10));
    assert_false(did_web_cache_answered(cache, did, 110, 10));
    did_web_cache_insert(cache, did, keys(), 200, 1000);
    assert_true(did_web_cache_answered(cache, did, 209, 10));
    did_web_cache_free(cache);
}

static void what_is_too_old_goes_and_is_told(void **state)
{
    struct did_web_cache *cache = did_web_cache_create(4);
    char did[did_bytes_max];
    size_t length = 0;
    did_web_cache_insert(cache, SLICE("did:web:a"), keys(), 0, 30);
    did_web_cache_insert(cache, SLICE("did:web:b"), keys(), 0, 10);
    did_web_cache_insert(cache, SLICE("did:web:c"), NULL, 0, 20);
    assert_false(did_web_cache_expire(cache, 9, did, &length));
    assert_true(did_web_cache_expire(cache, 10, did, &length));
    assert_true(slice_equals(slice_make(did, length), SLICE("did:web:b")));
    assert_false(did_web_cache_expire(cache, 10, did, &length));
    assert_null(did_web_cache_find(cache, SLICE("did:web:b")));
    assert_non_null(did_web_cache_find(cache, SLICE("did:web:a")));
    assert_true(did_web_cache_expire(cache, 30, did, &length));
    assert_true(did_web_cache_expire(cache, 30, did, &length));
    assert_false(did_web_cache_expire(cache, UINT64_MAX - 1, did, &length));
    assert_int_equal(did_web_cache_count(cache), 0);
    did_web_cache_free(cache);
}

static void the_least_used_makes_room(void **state)
{
    struct did_web_cache *cache = did_web_cache_create(3);
    char did[32];
    did_web_cache_insert(cache, SLICE("did:web:0"), keys(), 0, 100);
    for (unsigned i = 1; i < 20; i++) {
        assert_non_null(did_web_cache_find(cache, SLICE("did:web:0"))); /* keeps it */
        snprintf(did, sizeof(did), "did:web:%u", i);
        did_web_cache_insert(cache, slice_from_string(did), keys(), 0, 100);
        assert_true(did_web_cache_count(cache) <= 3);
    }
    assert_non_null(did_web_cache_find(cache, SLICE("did:web:0")));
    assert_null(did_web_cache_find(cache, SLICE("did:web:17")));
    assert_non_null(did_web_cache_find(cache, SLICE("did:web:18")));
    assert_non_null(did_web_cache_find(cache, SLICE("did:web:19")));
    did_web_cache_free(cache);
    cache = did_web_cache_create(0);
    did_web_cache_insert(cache, SLICE("did:web:0"), keys(), 0, 100);
    assert_null(did_web_cache_find(cache, SLICE("did:web:0")));
    did_web_cache_free(cache);
}

static void those_without_keys_go_first(void **state)
{
    struct did_web_cache *cache = did_web_cache_create(3);
    char did[32];
    did_web_cache_insert(cache, SLICE("did:web:x"), keys(), 0, 100);
    did_web_cache_insert(cache, SLICE("did:web:y"), keys(), 0, 100);
    for (unsigned i = 0; i < 20; i++) {
        snprintf(did, sizeof(did), "did:web:%u", i);
        did_web_cache_insert(cache, slice_from_string(did), NULL, 0, 100);
        assert_true(did_web_cache_answered(cache, slice_from_string(did), 0, 1));
    }
    assert_non_null(did_web_cache_find(cache, SLICE("did:web:x")));
    assert_non_null(did_web_cache_find(cache, SLICE("did:web:y")));
    assert_int_equal(did_web_cache_count(cache), 3);
    did_web_cache_free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_inserted_is_found),
        cmocka_unit_test(an_answer_is_not_asked_for_again_at_once),
        cmocka_unit_test(what_is_too_old_goes_and_is_told),
        cmocka_unit_test(the_least_used_makes_room),
        cmocka_unit_test(those_without_keys_go_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

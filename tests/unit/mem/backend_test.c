/* SPDX-License-Identifier: MIT
 *
 * backend_test.c - backends by their names; none keeps nothing. */
#include "mem/backend.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void names_find_backends(void **state)
{
    assert_ptr_equal(backend_find(SLICE("none")), &backend_none);
    assert_ptr_equal(backend_find(SLICE("sqlite")), &backend_sqlite);
    assert_ptr_equal(backend_find(SLICE("weaviate")), &backend_weaviate);
    assert_ptr_equal(backend_find(SLICE("sakana")), &backend_weaviate);
    assert_ptr_equal(backend_find(SLICE("postgres")), &backend_postgres);
    assert_null(backend_find(SLICE("SQLITE")));
    assert_null(backend_find(SLICE("")));
}

static void none_keeps_nothing(void **state)
{
    struct backend_settings settings = {.database = NULL};
    struct backend_query query = {.limit = 1};
    struct event event = {.id = "x"};
    struct event_page page = {.count = 9};
    struct failure failure = {""};
    void *handle = NULL;
    uint64_t erased = 9;
    assert_int_equal(backend_none.open(&settings, &handle, &failure), STATUS_OK);
    assert_int_equal(backend_none.write(handle, &event, 1, &failure), STATUS_UNSUPPORTED);
    assert_int_equal(backend_none.read(handle, &query, NULL, &page, &failure), STATUS_OK);
    assert_int_equal(page.count, 0);
    assert_int_equal(backend_none.erase(handle, &query, &erased, &failure), STATUS_OK);
    assert_int_equal(erased, 0);
    erased = 9;
    assert_int_equal(backend_none.expire(handle, 1, 1, &erased, &failure), STATUS_OK);
    assert_int_equal(erased, 0);
    backend_none.close(handle);
}

static void the_embedded_one_needs_a_database(void **state)
{
    struct backend_settings settings = {.database = NULL};
    struct failure failure = {""};
    void *handle = NULL;
    assert_true(backend_sqlite.is_embedded);
    assert_int_equal(backend_sqlite.open(&settings, &handle, &failure), STATUS_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_find_backends),
        cmocka_unit_test(none_keeps_nothing),
        cmocka_unit_test(the_embedded_one_needs_a_database),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

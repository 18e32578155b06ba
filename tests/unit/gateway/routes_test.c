/* SPDX-License-Identifier: MIT
 *
 * routes_test.c - a public route matches exactly, on its own listener, and everything else needs a
 * token. */
#include "gateway/routes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static struct route_parts parts;

static const struct route *find(enum route_listener listener, const char *method, const char *path,
                                char ret_allow[route_allow_bytes])
{
    return route_find(listener, slice_from_string(method), slice_from_string(path), &parts,
                      ret_allow);
}

static void public_routes_match_exactly(void **state)
{
    static const char *const others[] = {"/healthz/",  "/Healthz", "/healthz%20", "//healthz",
                                         "/healthz/x", "/health",  "/",           "",
                                         "*",          "/metrics"};
    char allow[route_allow_bytes];
    const struct route *route = find(ROUTE_PUBLIC, "GET", "/healthz", allow);
    assert_non_null(route);
    assert_string_equal(allow, "");
    assert_int_equal(route->authentication, ROUTE_NOBODY);
    assert_ptr_equal(find(ROUTE_PUBLIC, "HEAD", "/healthz", allow), route);
    assert_string_equal(allow, "");
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_null(find(ROUTE_PUBLIC, "GET", others[i], allow));
        assert_string_equal(allow, "");
    }
}

static void another_method_is_told_what_is_allowed(void **state)
{
    char allow[route_allow_bytes];
    assert_null(find(ROUTE_PUBLIC, "POST", "/healthz", allow));
    assert_string_equal(allow, "GET, HEAD");
    assert_null(find(ROUTE_PUBLIC, "get", "/healthz", allow));
    assert_string_equal(allow, "GET, HEAD");
    assert_null(find(ROUTE_PUBLIC, "PATCH", "/mem/events", allow));
    assert_string_equal(allow, "GET, HEAD, POST, DELETE");
}

static void a_path_may_end_with_any_segment(void **state)
{
    static const char *const others[] = {"/mem/events/", "/mem/events/a/b", "/mem/eventsa"};
    char allow[route_allow_bytes];
    const struct route *route = find(ROUTE_PUBLIC, "GET", "/mem/events/abc", allow);
    assert_non_null(route);
    assert_true(slice_equals(parts.segment, SLICE("abc")));
    assert_ptr_not_equal(find(ROUTE_PUBLIC, "DELETE", "/mem/events/abc", allow), route);
    assert_ptr_not_equal(find(ROUTE_PUBLIC, "GET", "/mem/events", allow), route);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_null(find(ROUTE_PUBLIC, "GET", others[i], allow));
        assert_string_equal(allow, "");
    }
}

static void metrics_are_for_the_admin_listener_alone(void **state)
{
    char allow[route_allow_bytes];
    assert_non_null(find(ROUTE_ADMIN, "GET", "/metrics", allow));
    assert_null(find(ROUTE_PUBLIC, "GET", "/metrics", allow));
    assert_null(find(ROUTE_ADMIN, "GET", "/healthz", allow));
}

static void the_engine_is_behind_a_token(void **state)
{
    struct route zero = {0};
    assert_int_equal(route_engine.authentication, ROUTE_BEARER);
    assert_int_equal(zero.authentication, ROUTE_BEARER); /* a row that forgets it demands one */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(public_routes_match_exactly),
        cmocka_unit_test(another_method_is_told_what_is_allowed),
        cmocka_unit_test(a_path_may_end_with_any_segment),
        cmocka_unit_test(metrics_are_for_the_admin_listener_alone),
        cmocka_unit_test(the_engine_is_behind_a_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

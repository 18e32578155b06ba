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

static const struct route *find(enum route_listener listener, const char *method, const char *path,
                                const char **ret_allow)
{
    *ret_allow = NULL;
    return route_find(listener, slice_from_string(method), slice_from_string(path), ret_allow);
}

static void public_routes_match_exactly(void **state)
{
    static const char *const others[] = {"/healthz/",  "/Healthz", "/healthz%20", "//healthz",
                                         "/healthz/x", "/health",  "/",           "",
                                         "*",          "/metrics"};
    const char *allow;
    const struct route *route = find(ROUTE_PUBLIC, "GET", "/healthz", &allow);
    assert_non_null(route);
    assert_null(allow);
    assert_int_equal(route->authentication, ROUTE_NOBODY);
    assert_ptr_equal(find(ROUTE_PUBLIC, "HEAD", "/healthz", &allow), route);
    assert_null(allow);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_null(find(ROUTE_PUBLIC, "GET", others[i], &allow));
        assert_null(allow);
    }
}

static void another_method_is_told_what_is_allowed(void **state)
{
    const char *allow;
    assert_non_null(find(ROUTE_PUBLIC, "POST", "/healthz", &allow));
    assert_string_equal(allow, "GET, HEAD");
    assert_non_null(find(ROUTE_PUBLIC, "get", "/healthz", &allow));
    assert_string_equal(allow, "GET, HEAD");
}

static void metrics_are_for_the_admin_listener_alone(void **state)
{
    const char *allow;
    assert_non_null(find(ROUTE_ADMIN, "GET", "/metrics", &allow));
    assert_null(find(ROUTE_PUBLIC, "GET", "/metrics", &allow));
    assert_null(find(ROUTE_ADMIN, "GET", "/healthz", &allow));
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
        cmocka_unit_test(metrics_are_for_the_admin_listener_alone),
        cmocka_unit_test(the_engine_is_behind_a_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

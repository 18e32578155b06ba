/* SPDX-License-Identifier: MIT
 *
 * routes.c - routes.def as a table. A handful of rows: comparing them in order is quicker than any
 * cleverness. */
#include "gateway/routes.h"

#include "gateway/answer.h"

#include <stdio.h>

static const struct route routes[] = {
#define ROUTE(listener_, method_, path_, authentication_, body_, answer_, summary_)                \
    {.listener = ROUTE_##listener_,                                                                \
     .authentication = ROUTE_##authentication_,                                                    \
     .body = ROUTE_##body_,                                                                        \
     .method = method_,                                                                            \
     .path = path_,                                                                                \
     .answer = answer_,                                                                            \
     .summary = summary_},
#include "gateway/routes.def"
#undef ROUTE
};

const struct route route_engine = {
    .authentication = ROUTE_BEARER, .method = "*", .path = "*", .summary = "relayed to the engine"};

/* True and the rest when <path> is <pattern>'s. */
static bool route_serves(const char *pattern, struct slice path, struct slice *ret_rest)
{
    struct slice fixed = slice_from_string(pattern);
    size_t brace = slice_find(fixed, '{');
    bool is_segment = brace < fixed.length;
    bool is_rest = !is_segment && fixed.length > 0 && fixed.data[fixed.length - 1] == '*';
    if (!is_segment && !is_rest) {
        *ret_rest = slice_make(NULL, 0);
        return slice_equals(path, fixed);
    }
    fixed.length = is_segment ? brace : fixed.length - 1;
    if (!slice_starts_with(path, fixed)) {
        return false;
    }
    *ret_rest = slice_after(path, fixed.length);
    return is_rest || (ret_rest->length > 0 && slice_find(*ret_rest, '/') == ret_rest->length);
}

static void route_allow_add(char allow[route_allow_bytes], const char *method)
{
    size_t length = strlen(allow);
    (void)snprintf(allow + length, route_allow_bytes - length, "%s%s%s", length > 0 ? ", " : "",
                   method, strcmp(method, "GET") == 0 ? ", HEAD" : "");
}

const struct route *route_find(enum route_listener listener, struct slice method, struct slice path,
                               struct slice *ret_rest, char ret_allow[route_allow_bytes])
{
    ret_allow[0] = '\0';
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        const struct route *route = &routes[i];
        if (route->listener != listener || !route_serves(route->path, path, ret_rest)) {
            continue;
        }
        if (slice_equals(method, slice_from_string(route->method)) ||
            (slice_equals(method, SLICE("HEAD")) && strcmp(route->method, "GET") == 0)) {
            ret_allow[0] = '\0';
            return route;
        }
        route_allow_add(ret_allow, route->method);
    }
    return NULL;
}

void routes_append(struct buffer *buffer)
{
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        const struct route *route = &routes[i];
        buffer_append_format(
            buffer, "  %-6s %-6s %-26s %-12s  %s\n",
            route->listener == ROUTE_ADMIN ? "admin" : "public", route->method, route->path,
            route->authentication == ROUTE_NOBODY ? "no token" : "bearer token", route->summary);
    }
}

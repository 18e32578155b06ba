/* SPDX-License-Identifier: MIT
 *
 * routes.c - routes.def as a table. A handful of rows: comparing them in order is quicker than any
 * cleverness. */
#include "gateway/routes.h"

#include "gateway/answer.h"

static const struct route routes[] = {
#define ROUTE(listener_, method_, path_, authentication_, answer_, summary_)                       \
    {.listener = ROUTE_##listener_,                                                                \
     .authentication = ROUTE_##authentication_,                                                    \
     .method = method_,                                                                            \
     .path = path_,                                                                                \
     .answer = answer_,                                                                            \
     .summary = summary_},
#include "gateway/routes.def"
#undef ROUTE
};

const struct route route_engine = {
    .authentication = ROUTE_BEARER, .method = "*", .path = "*", .summary = "relayed to the engine"};

const struct route *route_find(enum route_listener listener, struct slice method, struct slice path,
                               const char **ret_allow)
{
    const struct route *found = NULL;
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        const struct route *route = &routes[i];
        if (route->listener != listener || !slice_equals(path, slice_from_string(route->path))) {
            continue;
        }
        if (slice_equals(method, slice_from_string(route->method)) ||
            (slice_equals(method, SLICE("HEAD")) && strcmp(route->method, "GET") == 0)) {
            *ret_allow = NULL;
            return route;
        }
        *ret_allow = strcmp(route->method, "GET") == 0 ? "GET, HEAD" : route->method;
        found = route;
    }
    return found;
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

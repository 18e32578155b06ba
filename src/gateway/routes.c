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

/* True and the parts when <path> is <pattern>'s: "{...}" takes one segment, a final '*' any rest.
 */
static bool route_serves(const char *pattern, struct slice path, struct route_parts *ret)
{
    *ret = (struct route_parts){0};
    for (; *pattern != '\0'; pattern++) {
        if (*pattern == '*' && pattern[1] == '\0') {
            ret->rest = path;
            return true;
        }
        if (*pattern == '{') {
            ret->segment = slice_make(path.data, slice_find(path, '/'));
            path = slice_after(path, ret->segment.length);
            pattern = strchr(pattern, '}');
            if (ret->segment.length == 0) {
                return false;
            }
        } else if (path.length > 0 && path.data[0] == *pattern) {
            path = slice_after(path, 1);
        } else {
            return false;
        }
    }
    return path.length == 0;
}

static void route_allow_add(char allow[route_allow_bytes], const char *method)
{
    size_t length = strlen(allow);
    (void)snprintf(allow + length, route_allow_bytes - length, "%s%s%s", length > 0 ? ", " : "",
                   method, strcmp(method, "GET") == 0 ? ", HEAD" : "");
}

const struct route *route_find(enum route_listener listener, struct slice method, struct slice path,
                               struct route_parts *ret_parts, char ret_allow[route_allow_bytes])
{
    ret_allow[0] = '\0';
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        const struct route *route = &routes[i];
        if (route->listener != listener || !route_serves(route->path, path, ret_parts)) {
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

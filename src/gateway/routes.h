/* SPDX-License-Identifier: MIT
 *
 * routes.h - which answer belongs to a method and a path. Any thread. */
#ifndef AG_GATEWAY_ROUTES_H
#define AG_GATEWAY_ROUTES_H

#include "base/buffer.h"
#include "base/slice.h"

struct request;

enum route_listener { ROUTE_PUBLIC, ROUTE_ADMIN };
enum route_authentication { ROUTE_BEARER = 0, ROUTE_NOBODY }; /* the zero value demands a token */

struct route {
    enum route_listener listener;
    enum route_authentication authentication;
    const char *method;
    const char *path;
    void (*answer)(struct request *request); /* NULL: the engine answers */
    const char *summary;
};

/* The route of what goes to the engine. */
extern const struct route route_engine;

/* NULL: no row has this path on this listener. <ret_allow> is the method that the path has, when
 * <method> is another one; then the route must not be answered. */
const struct route *route_find(enum route_listener listener, struct slice method, struct slice path,
                               const char **ret_allow);

/* The table as text, for --check. */
void routes_append(struct buffer *buffer);

#endif

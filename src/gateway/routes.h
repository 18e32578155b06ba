/* SPDX-License-Identifier: MIT
 *
 * routes.h - which answer belongs to a method and a path. Any thread. */
#ifndef AG_GATEWAY_ROUTES_H
#define AG_GATEWAY_ROUTES_H

#include "base/buffer.h"
#include "gateway/request.h"

enum route_listener { ROUTE_PUBLIC, ROUTE_ADMIN };
enum route_authentication { ROUTE_BEARER = 0, ROUTE_NOBODY }; /* the zero value demands a token */
enum route_body { ROUTE_NO_BODY, ROUTE_BODY };

struct route {
    enum route_listener listener;
    enum route_authentication authentication;
    enum route_body body; /* ROUTE_BODY: it is here, whole, when the answer is asked for */
    const char *method;
    const char *path; /* "{...}" stands for any one segment, a final '*' for any rest */
    /* Answers (STEP_ANSWER), or waits for an errand or for the client (STEP_WAIT). NULL: the engine
     * answers. */
    enum step_result (*answer)(struct request *request);
    const char *summary;
};

/* The route of what goes to the engine. */
extern const struct route route_engine;

/* What "{...}" and '*' of a route's path stand for. */
struct route_parts {
    struct slice segment;
    struct slice rest;
};

enum { route_allow_bytes = 64 };

/* NULL: no row has this path on this listener with this method. <ret_allow> is empty, or, when the
 * method alone is wrong, the methods that the path has. */
const struct route *route_find(enum route_listener listener, struct slice method, struct slice path,
                               struct route_parts *ret_parts, char ret_allow[route_allow_bytes]);

/* The table as text, for --check. */
void routes_append(struct buffer *buffer);

#endif

/* SPDX-License-Identifier: MIT
 *
 * routes.c - the table of everything this engine answers.
 *
 * To add one: a row here, and a function that reads client->call and gives exactly one reply
 * (reply.h, or completion_start). */
#include "routes.h"

#include "client.h"
#include "ollama.h"
#include "openai.h"
#include "reply.h"

typedef void route_answer(struct client *client);

struct route {
    const char *method; /* GET serves HEAD as well */
    const char *path;   /* with a final '*': every path that begins so and goes on */
    route_answer *answer;
};

static const struct route routes[] = {
    {"GET", "/", ollama_root},
    {"GET", "/api/version", ollama_version},
    {"GET", "/api/tags", ollama_tags},
    {"GET", "/api/ps", ollama_running},
    {"POST", "/api/show", ollama_show},
    {"POST", "/api/chat", ollama_chat},
    {"POST", "/api/generate", ollama_generate},
    {"POST", "/api/embed", ollama_embed},
    {"POST", "/api/embeddings", ollama_embed_one},
    {"GET", "/v1/models", openai_models},
    {"GET", "/v1/models/*", openai_model},
    {"POST", "/v1/chat/completions", openai_chat},
    {"POST", "/v1/completions", openai_complete},
    {"POST", "/v1/embeddings", openai_embed},
};

static bool route_has_path(const struct route *route, struct slice path)
{
    struct slice wanted = slice_from_string(route->path);
    if (slice_ends_with(wanted, SLICE("*"))) {
        wanted.length--;
        return path.length > wanted.length && slice_starts_with(path, wanted);
    }
    return slice_equals(wanted, path);
}

static bool route_has_method(const struct route *route, struct slice method)
{
    struct slice wanted = slice_from_string(route->method);
    return slice_equals(wanted, method) ||
           (slice_equals(wanted, SLICE("GET")) && slice_equals(method, SLICE("HEAD")));
}

const struct dialect *routes_dialect(struct slice path)
{
    return slice_starts_with(path, SLICE("/v1/")) ? &openai_dialect : &ollama_dialect;
}

void routes_answer(struct client *client)
{
    const struct request_head *head = &client->call.head;
    struct slice path = head->target.path;
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (!route_has_path(&routes[i], path)) {
            continue;
        }
        if (route_has_method(&routes[i], head->method)) {
            routes[i].answer(client);
        } else {
            bool is_get = strcmp(routes[i].method, "GET") == 0;
            reply_method_not_allowed(client, is_get ? "GET, HEAD" : routes[i].method);
        }
        return;
    }
    reply_error(client, 404, NULL, "there is no %.*s here", SLICE_ARGS(path));
}

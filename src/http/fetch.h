/* SPDX-License-Identifier: MIT
 *
 * fetch.h - the control plane's HTTP client: small replies from issuers, did:web hosts, agents and
 * Temporal.
 *
 * libcurl's multi interface on a libuv loop. No redirects, no proxies, http and https only,
 * certificates checked, addresses checked against a policy on every connect, replies capped, every
 * call ends by its deadline. Unary gRPC works: http2 and keep_fields. It is not for streaming
 * engine replies (proxy/relay.c). Thread: the one that runs the loop, for every call. */
#ifndef AG_HTTP_FETCH_H
#define AG_HTTP_FETCH_H

#include "base/slice.h"
#include "base/status.h"
#include "net/address_guard.h"

#include <uv.h>

struct fetcher;
struct fetch;

struct fetch_request {
    const char *method;          /* "GET", "POST", any token */
    const char *url;             /* copied */
    const char *const *fields;   /* "Name: value" strings, NULL-terminated, copied; may be NULL */
    struct slice body;           /* any bytes, copied; empty for none */
    uint64_t timeout_ms;         /* of the whole exchange, name look-up included */
    uint64_t connect_timeout_ms; /* of look-up, connect and TLS; 0: timeout_ms */
    size_t reply_bytes_max;
    const char *ca_file; /* NULL: the system's store */
    /* Where the call may go, by the address each connection really has; 0: anywhere. Also for a
     * connection that an earlier fetch left open. */
    enum address_policy address_policy;
    bool http2;       /* http: HTTP/2 from the first byte; https: offered in ALPN */
    bool keep_fields; /* fills reply->fields */
};

struct fetch_field {
    struct slice name; /* as received: lower case in HTTP/2 */
    struct slice value;
    bool is_trailer;
};

struct fetch_reply {
    /* STATUS_OK: there is a reply, whatever its code. Else STATUS_TIMEOUT, STATUS_LIMIT
     * (reply_bytes_max), STATUS_DENIED (address_policy allows no address of the host),
     * STATUS_NO_MEMORY or STATUS_IO, and <failure> says what went wrong. */
    enum status status;
    struct failure failure;
    unsigned code;             /* 200, 404, ... */
    struct slice body;         /* valid during the callback only */
    int64_t max_age_s;         /* of Cache-Control; -1 when not said; 0 for no-store and no-cache */
    struct slice content_type; /* as written; empty when there is none, or more than one */
    /* With keep_fields: those of the final head in their order, then the trailers'. Valid during
     * the callback only. */
    const struct fetch_field *fields;
    size_t fields_count;
};

/* Called once per fetch_start that returned STATUS_OK, from the loop, never from inside
 * fetch_start; not after fetch_cancel. It may start and cancel fetches and free the fetcher; the
 * fetch it is about is over. */
typedef void fetch_done(void *context, const struct fetch_reply *reply);

/* Main thread, before any other uses libcurl: sets its global state up, once for the process. */
enum status fetch_prepare(struct failure *reterr) MUST_CHECK;

/* At most <concurrent_max> fetches run at once: over it STATUS_LIMIT. */
enum status fetcher_create(uv_loop_t *loop, size_t concurrent_max, struct fetcher **ret,
                           struct failure *reterr) MUST_CHECK;

/* Cancels what still runs and closes the handles; the loop must be run until they are closed
 * (uv_run until it returns 0). Takes NULL. */
void fetcher_free(struct fetcher *fetcher);

/* STATUS_INVALID for a URL that url_parse refuses or whose host is an odd form of an address
 * (address_guard.h), a field with a line break in it, or no timeout.
 * <ret_fetch> may be NULL when the caller never cancels. */
enum status fetch_start(struct fetcher *fetcher, const struct fetch_request *request,
                        fetch_done *done, void *context, struct fetch **ret_fetch,
                        struct failure *reterr) MUST_CHECK;

/* Takes NULL. */
void fetch_cancel(struct fetch *fetch);

#endif

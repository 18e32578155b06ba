/* SPDX-License-Identifier: MIT
 *
 * did_fetch.c - see did_fetch.h. */
#include "commands/did_fetch.h"

#include "auth/did_web.h"

enum { did_fetch_timeout_ms = 5000 };

struct did_fetching {
    struct slice did;
    struct buffer *document;
    struct jwks **ret_jwks;
    struct failure *reterr;
    enum status status;
    bool is_over;
};

static void did_fetched(void *context, const struct fetch_reply *reply)
{
    struct did_fetching *fetching = context;
    struct buffer keys;
    buffer_init(&keys, jwks_bytes_max);
    fetching->is_over = true;
    fetching->status = did_web_reply_read(fetching->did, reply, &keys, fetching->reterr);
    if (fetching->status == STATUS_OK && fetching->ret_jwks != NULL) {
        fetching->status = jwks_parse(buffer_slice(&keys), fetching->ret_jwks, fetching->reterr);
    }
    if (fetching->status == STATUS_OK && fetching->document != NULL) {
        buffer_append(fetching->document, reply->body);
    }
    buffer_clear(&keys);
}

enum status did_fetch(struct slice did, const struct config *config, struct buffer *document,
                      struct jwks **ret_jwks, struct failure *reterr)
{
    struct did_fetching fetching = {.did = did,
                                    .document = document,
                                    .ret_jwks = ret_jwks,
                                    .reterr = reterr,
                                    .status = STATUS_IO};
    const struct did_webs_settings settings = {
        .nearby_hosts = config->did_web_hosts.items,
        .nearby_hosts_count = config->did_web_hosts.count,
        .ca_file = config->did_web_ca_file.length > 0 ? config->did_web_ca_file.data : NULL,
        .timeout_ms = config->jwks_timeout_ms < did_fetch_timeout_ms ? config->jwks_timeout_ms
                                                                     : did_fetch_timeout_ms,
    };
    struct fetcher *fetcher = NULL;
    struct fetch *fetch = NULL;
    uv_loop_t loop;
    if (uv_loop_init(&loop) != 0) {
        failure_set(reterr, "out of descriptors");
        return STATUS_NO_MEMORY;
    }
    enum status status = fetcher_create(&loop, 1, &fetcher, reterr);
    if (status == STATUS_OK) {
        status = did_web_fetch(fetcher, &settings, did, did_fetched, &fetching, &fetch, reterr);
    }
    while (status == STATUS_OK && !fetching.is_over) { /* it ends by its deadline */
        uv_run(&loop, UV_RUN_ONCE);
    }
    if (status == STATUS_OK) {
        status = fetching.status;
    }
    fetcher_free(fetcher);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    return status;
}

/* SPDX-License-Identifier: MIT
 *
 * did_web.h - fetches the documents of did:web DIDs, once for all who wait, and keeps them a while.
 *
 * TLS only, no redirects, and no host with an address that is not public unless the operator named
 * it. What a document says is did_web_document.c's. Thread: the control thread only; key sets leave
 * it through the publish callback, owned by the receiver. */
#ifndef AG_AUTH_DID_WEB_H
#define AG_AUTH_DID_WEB_H

#include "auth/jwks.h"
#include "base/buffer.h"
#include "http/fetch.h"

enum {
    did_web_documents_max = 256, /* known or being fetched */
    did_web_fetches_max = 32,    /* at once */
    did_web_workers_max = 256,
};

struct did_webs;

/* The answer to one did_webs_ask: once, from the loop or from inside did_webs_ask. <take_jwks> is
 * NULL when there are no keys to be had, then <reason> says why; else the keys hold for <left_ms>.
 * <fetch_ended> for the first of the answers that a fetch brought. */
typedef void did_webs_publish(void *context, size_t worker_index, struct slice did,
                              struct jwks *take_jwks, uint64_t left_ms, bool fetch_ended,
                              const char *reason);

struct did_webs_settings {
    size_t workers_count;             /* at most did_web_workers_max */
    const struct slice *nearby_hosts; /* host or host:port of DIDs whose host may also have a
                                         private or loopback address; borrowed */
    size_t nearby_hosts_count;
    const char *ca_file;  /* NULL: the system's store; borrowed */
    uint64_t cooldown_ms; /* least time between two fetches of one document */
    uint64_t max_age_ms;  /* how long a document holds */
    uint64_t timeout_ms;  /* of one fetch */
    did_webs_publish *publish;
    void *context;
};

/* One document by itself (`attach-gateway did resolve`, `verify`): starts the GET that did_webs_ask
 * would make, by the hosts, ca_file and timeout_ms of <settings>. */
enum status did_web_fetch(struct fetcher *fetcher, const struct did_webs_settings *settings,
                          struct slice did, fetch_done *done, void *context,
                          struct fetch **ret_fetch, struct failure *reterr) MUST_CHECK;

/* Appends the keys of the document that the reply to it is, as did_web_document_keys does. Any
 * other status than STATUS_OK: it is none, or has no key that we could use. */
enum status did_web_reply_read(struct slice did, const struct fetch_reply *reply,
                               struct buffer *keys, struct failure *reterr) MUST_CHECK;

/* NULL without memory. */
struct did_webs *did_webs_create(uv_loop_t *loop, struct fetcher *fetcher,
                                 const struct did_webs_settings *settings);

/* Worker <worker_index> needs newer keys of <did> than it has, which may be none. */
void did_webs_ask(struct did_webs *webs, size_t worker_index, struct slice did);

/* Cancels fetches; nothing is published any more. Takes NULL. */
void did_webs_free(struct did_webs *webs);

#endif

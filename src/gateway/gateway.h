/* SPDX-License-Identifier: MIT
 *
 * gateway.h - everything one worker has: its connections, keys, engine pool, counters. Nothing here
 * is shared; what comes from elsewhere comes as a letter.
 *
 * Owning worker only, but for gateway_post_* and the metrics, which any thread may use. */
#ifndef AG_GATEWAY_GATEWAY_H
#define AG_GATEWAY_GATEWAY_H

#include "auth/issuer.h"
#include "auth/token_cache.h"
#include "auth/verify.h"
#include "base/random.h"
#include "config/config.h"
#include "gateway/access_log.h"
#include "gateway/metrics.h"
#include "mem/memory.h"
#include "net/listener.h"
#include "net/worker.h"
#include "proxy/engine_pool.h"

struct connection;
struct demo_files;
struct did_wait;
struct request;
struct path_rules;
struct mint;
struct targets;
struct a2a;

/* The whole process, made before the workers start and read-only afterwards but for the atomics. */
struct process {
    const struct config *config;
    struct engine engine;
    const struct path_rules *path_rules;
    struct demo_files *demo_files; /* NULL: no demo page */
    SSL_CTX *tls_context;          /* of the public listener; NULL: plain */
    struct slice *audiences;
    size_t audiences_count;
    struct trusted_issuer *issuers; /* without keys: each worker has its own copy */
    size_t issuers_count;
    size_t remote_issuers_count; /* the first ones, whose keys are fetched; a local one follows */
    struct slice local_jwks;     /* the public half of our own key; empty until it is opened */
    char local_jwks_text[1024];
    struct trusted_dids dids; /* without documents: each worker has its own; none allowed: off */
    struct slice *dids_allowed;
    struct url public_url; /* host empty when PUBLIC_URL is not set */
    bool listens_on_loopback;
    bool admin_on_loopback;
    struct slice data_directory;
    struct targets *targets; /* who may be called with a task, as --check shows it */
    struct mint *mint;       /* the gateway's own key */
    struct slice self_url;   /* how others reach us, without a '/' at its end: PUBLIC_URL, or
                                where we listen */
    char self_text[320];
    struct a2a *a2a;       /* NULL in tests that hand nothing over */
    struct store *store;   /* NULL in tests that keep nothing */
    struct memory *memory; /* likewise */
    struct control *control;
    struct gateway **gateways;
    size_t gateways_count;
    atomic_size_t connections_open;
    /* The number of workers that still have work after a drain was asked for. */
    atomic_size_t gateways_running;
};

/* Requests that wait for the keys of one issuer or DID, and what this worker knows of them. */
struct key_wait {
    struct request *first;
    bool asked;           /* a letter is on its way, the answer will wake all */
    uint64_t answered_ms; /* on the loop's clock; 0: never */
};

/* Requests that wait until memory has room. */
struct room_wait {
    struct letter letter;
    struct mailbox *mailbox;
    struct memory_waiter waiter;
    struct request *first;
    bool asked; /* the letter will come */
};

struct gateway {
    struct worker worker;
    struct process *process;
    const struct config *config;
    struct listener listener;
    struct listener admin_listener; /* of the first worker */
    struct connection *connections;
    size_t connections_count;
    struct trust trust;
    struct key_wait *key_waits; /* one for each issuer */
    struct trusted_dids dids;   /* <trust> points here when DIDs may call */
    struct did_wait *did_waits;
    struct room_wait room_wait;
    struct token_cache *token_cache;
    struct engine_pool engine_pool;
    struct random_source random;
    struct access_log access_log;
    struct metrics metrics;
    int64_t date_s;       /* the second that <date> shows */
    char date[32];        /* IMF-fixdate (RFC 9110 5.6.7) */
    size_t answers_bytes; /* long answers that wait for their readers */
    size_t errands_out;   /* letters that are still to come back */
    bool draining;
    bool ended;
};

/* Main thread, before worker_start. The listeners are taken; <admin_descriptor> is -1 for all but
 * the first. */
enum status gateway_create(struct process *process, unsigned index, int take_descriptor,
                           int take_admin_descriptor, struct gateway **ret,
                           struct failure *reterr) MUST_CHECK;

/* Main thread, after the worker was joined. Takes NULL. */
void gateway_free(struct gateway *gateway);

/* True once every remote issuer's keys are there, and while not draining. */
bool gateway_is_ready(const struct gateway *gateway);

/* The Date field of now. */
struct slice gateway_date(struct gateway *gateway);

/* Any thread. */
void gateway_post_keys(struct gateway *gateway, size_t issuer_index, enum keys_outcome outcome,
                       struct jwks *take_jwks);
/* Stop accepting, finish what runs, end. <now>: also end what runs. */
void gateway_post_drain(struct gateway *gateway, bool now);

/* A letter that was waited for has come back. */
void gateway_errand_over(struct gateway *gateway);

/* A connection has gone; while draining the last one ends the worker. */
void gateway_connection_gone(struct gateway *gateway);

#endif

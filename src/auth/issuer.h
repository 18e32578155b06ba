/* SPDX-License-Identifier: MIT
 *
 * issuer.h - keeps the keys of every trusted issuer fresh: discovery, JWKS, when to ask again.
 *
 * Discovery asks {issuer}/.well-known/openid-configuration, then the RFC 8414 form; the document's
 * issuer must be the configured one. One fetch per issuer at a time; the last good keys are kept
 * while the issuer is down. It does not verify tokens. Thread: the control thread only; key sets
 * leave it through the publish callback, one per worker, owned by the receiver. */
#ifndef AG_AUTH_ISSUER_H
#define AG_AUTH_ISSUER_H

#include "auth/jwks.h"
#include "http/fetch.h"

struct issuers;

enum keys_outcome {
    KEYS_FRESH,    /* a fetch ended well; <take_jwks> is the new set */
    KEYS_COOLDOWN, /* refused: the last fetch is younger than the cooldown; what is there is all
                      there is */
    KEYS_FAILED,   /* the fetch failed; what was known stays */
};

/* <worker_index> is who gets the set, which is owned by the receiver (NULL unless KEYS_FRESH).
 * Called from the loop or from inside issuers_refresh. Every worker gets every outcome of a fetch;
 * KEYS_COOLDOWN goes to the asking worker alone. <reason> is for the log, empty when fresh. */
typedef void issuers_publish(void *context, size_t worker_index, size_t issuer_index,
                             enum keys_outcome outcome, struct jwks *take_jwks, const char *reason);

struct issuers_settings {
    const struct slice *issuers; /* URLs, borrowed for the life of the object */
    size_t issuers_count;
    size_t workers_count;
    uint64_t cooldown_ms; /* least time between two fetches that unknown keys cause, counted from
                             the last fetch of any kind */
    uint64_t max_age_ms;  /* keys older than this are fetched again without being asked */
    uint64_t retry_ms;    /* first retry after a failed start; doubles up to max_age_ms */
    uint64_t timeout_ms;  /* of one fetch */
    issuers_publish *publish;
    void *context;
};

/* Whether <name> can be an issuer: a URL without a query, https or on a loopback host. */
enum status issuer_name_check(struct slice name, struct failure *reterr) MUST_CHECK;

/* Every name has passed issuer_name_check, or this fails as it does. Begins the first fetch of
 * every issuer. */
enum status issuers_create(uv_loop_t *loop, struct fetcher *fetcher,
                           const struct issuers_settings *settings, struct issuers **ret,
                           struct failure *reterr) MUST_CHECK;

/* Worker <worker_index> met a key id it does not know. Joins the fetch in flight, starts one, or
 * answers KEYS_COOLDOWN. */
void issuers_refresh(struct issuers *issuers, size_t worker_index, size_t issuer_index);

/* Cancels fetches, closes timers (run the loop until they are closed). Takes NULL. */
void issuers_free(struct issuers *issuers);

#endif

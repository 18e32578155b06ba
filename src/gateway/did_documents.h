/* SPDX-License-Identifier: MIT
 *
 * did_documents.h - a worker's way to the documents of did:web DIDs: who waits for which, the
 * question to the control thread, and its answer.
 *
 * Fetching is auth/did_web.c's, on the control thread. Owning worker only, but for
 * did_documents_post, which any thread may call. */
#ifndef AG_GATEWAY_DID_DOCUMENTS_H
#define AG_GATEWAY_DID_DOCUMENTS_H

#include "gateway/gateway.h"

enum { did_waits_max = 256 }; /* documents of one worker that are waited for at once */

/* Requests that wait for one document. */
struct did_wait {
    struct key_wait wait;
    struct did_wait *next;
    size_t length;
    char did[];
};

/* The wait for <did>, whose document was asked for; NULL when there will be no answer: too many
 * waits, no memory, or the worker ends. */
struct key_wait *did_documents_wait(struct gateway *gateway, struct slice did);

/* Forgets documents that are too old, and the tokens they proved. */
void did_documents_expire(struct gateway *gateway);

/* No answer comes any more: everybody looks again. */
void did_documents_wake_all(struct gateway *gateway);

/* The control thread's answer, see did_webs_publish. */
void did_documents_post(struct gateway *gateway, struct slice did, struct jwks *take_jwks,
                        uint64_t left_ms, bool fetch_ended);

#endif

/* SPDX-License-Identifier: MIT
 *
 * control.h - the main thread while the gateway runs: keys of the issuers, signals, the end.
 *
 * It never sees a request. Main thread only, but for control_ask_for_* and control_worker_ended,
 * which any thread may call. */
#ifndef AG_GATEWAY_CONTROL_H
#define AG_GATEWAY_CONTROL_H

#include "gateway/gateway.h"

struct control;

/* Before the workers start. */
enum status control_create(struct process *process, struct control **ret,
                           struct failure *reterr) MUST_CHECK;

/* Before control_run, when it is known where the gateway listens: opens process->a2a. */
enum status control_open_tasks(struct control *control, struct failure *reterr) MUST_CHECK;

/* Begins to fetch keys and to listen to signals; returns when all workers have ended. */
enum status control_run(struct control *control, struct failure *reterr) MUST_CHECK;

void control_free(struct control *control);

/* A worker needs newer keys. False without memory or when the process ends: then there will be no
 * answer. */
bool control_ask_for_keys(struct control *control, unsigned worker_index, size_t issuer_index);

/* A worker needs the document of the did:web <did>, or a newer one; likewise. The answer comes by
 * did_documents_post. */
bool control_ask_for_document(struct control *control, unsigned worker_index, struct slice did);

/* A worker's last words. */
void control_worker_ended(struct control *control);

#endif

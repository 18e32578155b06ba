/* SPDX-License-Identifier: MIT
 *
 * process.h - from a configuration to a running gateway and back. Main thread only. */
#ifndef AG_GATEWAY_PROCESS_H
#define AG_GATEWAY_PROCESS_H

#include "gateway/gateway.h"

/* Loads everything the workers share: TLS files, engine, trust roots, path rules. The texts name
 * the option at fault. <config> is borrowed for the life of <process>. */
enum status process_prepare(struct process *process, struct config *config,
                            struct failure *reterr) MUST_CHECK;
void process_clear(struct process *process);

/* Listens, starts the workers, returns when all is done after SIGTERM or SIGINT. */
enum status process_serve(struct process *process, struct failure *reterr) MUST_CHECK;

/* What is exposed and what each part requires, for --check. */
void process_append_exposure(const struct process *process, struct buffer *buffer);

#endif

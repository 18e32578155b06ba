/* SPDX-License-Identifier: MIT
 *
 * memory_errand.h - a question to the memory bus, as an errand of the request that asks it. Owning
 * worker only. */
#ifndef AG_GATEWAY_MEMORY_ERRAND_H
#define AG_GATEWAY_MEMORY_ERRAND_H

#include "gateway/errand.h"
#include "mem/memory.h"

typedef enum step_result memory_errand_finish(struct request *request,
                                              const struct memory_job *job);

/* A job whose owner is the caller: in its query, and for MEMORY_WRITE also in <count> fresh events,
 * which get the request's session. For other actions <count> is the limit. Ended by send or drop.
 * NULL: answered, unless a reply had begun. */
struct memory_job *memory_errand_create(struct request *request, enum memory_action action,
                                        size_t count, memory_errand_finish *finish) MUST_CHECK;

/* STEP_WAIT; then <finish> is asked, unless the client leaves. */
enum step_result memory_errand_send(struct request *request, struct memory_job *take_job);

/* STEP_ANSWER: what is wrong with it was answered. */
enum step_result memory_errand_drop(struct memory_job *take_job);

/* Answers that memory could not do it: <job>'s status is not STATUS_OK. */
enum step_result memory_errand_refuse(struct request *request, const struct memory_job *job);

/* A session as a caller may spell it, its id or the name it gave it, as an id. False: answered. */
bool memory_errand_session(struct request *request, struct arena *arena, struct slice text,
                           struct slice *ret_session) MUST_CHECK;

#endif

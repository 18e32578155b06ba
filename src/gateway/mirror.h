/* SPDX-License-Identifier: MIT
 *
 * mirror.h - what passes between a client and the engine is shown to memory as well.
 *
 * The bytes go to the client first and are never changed; memory gets a copy. When memory cannot
 * keep up (MEM_WHEN_FULL=slow) the engine is read more slowly, as for a slow client. Owning worker
 * only. */
#ifndef AG_GATEWAY_MIRROR_H
#define AG_GATEWAY_MIRROR_H

#include "gateway/request.h"

/* Before the engine is called: watches the call if a dialect serves it. False: memory is required
 * and cannot keep anything now. */
bool mirror_begin(struct request *request) MUST_CHECK;

/* Bytes of the request's body on their way to the engine. */
void mirror_request(struct request *request, struct slice bytes);
void mirror_request_end(struct request *request);

void mirror_reply_head(struct request *request, const struct response_head *head);

/* Bytes of the reply: remembered until mirror_flush, so that they can leave first. */
void mirror_reply(struct request *request, struct slice bytes);
void mirror_flush(struct request *request);

/* True: the engine must not be read on until memory has room; its reading is resumed by itself. */
bool mirror_holds(struct request *request);

/* The reply is whole. True: its end may be sent, unless request->memory_lost says that what must be
 * kept (MEM_REQUIRED, MEM_ACK=stored) could not be. False: memory is waited for; the request runs
 * again when it may. */
bool mirror_finish(struct request *request) MUST_CHECK;

/* True: the last byte of a reply with a length is kept back until mirror_finish says true. */
bool mirror_keeps_last_byte(const struct request *request);

/* The request ends, however: nothing is waited for any more, what was seen is kept. */
void mirror_end(struct request *request);

#endif

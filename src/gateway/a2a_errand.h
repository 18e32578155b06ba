/* SPDX-License-Identifier: MIT
 *
 * a2a_errand.h - a question about tasks as an errand of the request that asks it, and the stream of
 * a task's changes. Owning worker only. */
#ifndef AG_GATEWAY_A2A_ERRAND_H
#define AG_GATEWAY_A2A_ERRAND_H

#include "a2a/a2a.h"
#include "gateway/errand.h"

typedef enum step_result a2a_errand_finish(struct request *request, struct a2a_call *call);

/* A call in the name of the caller, with session, request id, trace and the chain of agents that
 * the token names. Ended by send or drop. NULL: answered. */
struct a2a_call *a2a_errand_create(struct request *request, enum a2a_action action,
                                   a2a_errand_finish *finish) MUST_CHECK;

/* STEP_WAIT; then <finish> is asked, unless the client leaves. */
enum step_result a2a_errand_send(struct request *request, struct a2a_call *take_call);
/* STEP_ANSWER: what is wrong was answered. */
enum step_result a2a_errand_drop(struct a2a_call *take_call);

/* True for a traceparent that can be passed on. */
bool a2a_errand_traceparent_is_sound(struct slice text);

/* Logs what the store said, where the client is told less than that. */
void a2a_errand_log(const struct request *request, const struct a2a_call *call);

/* ---- streams ---- */

struct a2a_stream;

/* Adds what is to be sent for one event to <text>. True: it was the last one. */
typedef bool a2a_stream_write(struct request *request, const struct a2a_event *event,
                              struct buffer *text);

/* Makes <call> watch its task for <request>, whose reply_source becomes a2a_stream_source once the
 * answer began. Freed with the request. NULL without memory. */
struct a2a_stream *a2a_stream_create(struct request *request, struct a2a_call *call,
                                     a2a_stream_write *write) MUST_CHECK;
/* What is to be sent before any event, small. */
struct buffer *a2a_stream_text(struct a2a_stream *stream);
/* Sends <event>, as if it were heard: the only one there is when the call's answer is that nothing
 * more will happen. */
void a2a_stream_tell(struct a2a_stream *stream, const struct a2a_event *event);
enum source_result a2a_stream_source(struct request *request, struct slice *ret_bytes);

#endif

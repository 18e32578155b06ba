/* SPDX-License-Identifier: MIT
 *
 * answer.h - replies the gateway gives itself, and the functions behind routes.def. Owning worker
 * only. */
#ifndef AG_GATEWAY_ANSWER_H
#define AG_GATEWAY_ANSWER_H

#include "base/slice.h"
#include "base/status.h"
#include "gateway/request.h"

/* A whole reply, not longer than a socket takes at once. <fields> are further header lines;
 * Content-Type, X-Request-Id, identity and CORS come by themselves. */
struct field;
void answer(struct request *request, unsigned status, struct slice content_type, struct slice body,
            const struct field *fields, size_t fields_count);

/* {"detail": "..."}, and <reason> for the log: a string that outlives the request. */
void answer_detail(struct request *request, unsigned status, const char *reason, const char *format,
                   ...) __attribute__((format(printf, 4, 5)));

/* A reply of any length: the text is taken and sent as the client reads it. One that failed for
 * want of memory becomes 503. Returned from an answer function as it is. */
enum step_result answer_buffer(struct request *request, unsigned status, struct slice content_type,
                               struct buffer *take_text) MUST_CHECK;

/* The request ends: gives the text of answer_buffer back. */
void answer_let_go(struct request *request);

/* A reply of unknown length, chunked, piece by piece out of <source> (see request.h). Returned from
 * an answer function as it is. */
enum step_result answer_stream(struct request *request, unsigned status, struct slice content_type,
                               reply_source *source) MUST_CHECK;

/* Sends what the source has as far as the client takes it; for step_answer_route.c. */
enum step_result answer_pour(struct request *request);

#define ROUTE(listener, method, path, authentication, body, function, summary)                     \
    enum step_result function(struct request *request);
#include "gateway/routes.def"
#undef ROUTE

#endif

/* SPDX-License-Identifier: MIT
 *
 * answer.h - replies the gateway gives itself, and the functions behind routes.def. Owning worker
 * only. */
#ifndef AG_GATEWAY_ANSWER_H
#define AG_GATEWAY_ANSWER_H

#include "base/slice.h"
#include "base/status.h"

struct request;

/* A whole reply. <fields> are further header lines; Content-Type, X-Request-Id, identity and CORS
 * come by themselves. */
struct field;
void answer(struct request *request, unsigned status, struct slice content_type, struct slice body,
            const struct field *fields, size_t fields_count);

/* {"detail": "..."}, and <reason> for the log: a string that outlives the request. */
void answer_detail(struct request *request, unsigned status, const char *reason, const char *format,
                   ...) __attribute__((format(printf, 4, 5)));

void answer_healthz(struct request *request);
void answer_readyz(struct request *request);
void answer_auth_config(struct request *request);
void answer_metrics(struct request *request);

#endif

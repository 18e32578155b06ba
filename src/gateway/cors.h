/* SPDX-License-Identifier: MIT
 *
 * cors.h - which pages may call the gateway from a browser (the Fetch standard's CORS protocol), as
 * the original did it.
 *
 * The gateway alone decides: what an engine says about origins is dropped. Owning worker only. */
#ifndef AG_GATEWAY_CORS_H
#define AG_GATEWAY_CORS_H

#include "gateway/request.h"

enum { cors_fields_max = 4 };

/* The request's Origin when CORS_ORIGINS has it, else empty. */
struct slice cors_allowed_origin(const struct request *request);

/* OPTIONS with Origin and Access-Control-Request-Method: the browser asks, not the page; it carries
 * no token. */
bool cors_is_preflight(const struct request *request);
void cors_answer_preflight(struct request *request);

/* Writes the fields that let the page read the reply; how many, at most cors_fields_max. */
size_t cors_reply_fields(const struct request *request, struct field *ret_fields);

/* True for an engine's field that would contradict ours. */
bool cors_is_cors_field(struct slice name);

#endif

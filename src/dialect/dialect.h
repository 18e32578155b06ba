/* SPDX-License-Identifier: MIT
 *
 * dialect.h - the wire formats of LLM calls, read for what was asked and answered.
 *
 * A reader observes one call: the request's body whole, the reply in pieces of any size, SSE,
 * NDJSON or one JSON document. It rewrites nothing and cannot fail: what it cannot read makes the
 * exchange opaque. The prompt is plain text: a single text as it is, turns as "role: text" lines
 * with an empty line between turns, parts that are no text as [image] or the like. Any one thread.
 */
#ifndef AG_DIALECT_DIALECT_H
#define AG_DIALECT_DIALECT_H

#include "exchange/exchange_reader.h"

/* The dialect that serves a call, or NULL: nothing is inferred there. <path> without the query. */
const struct dialect *dialect_find(struct slice method, struct slice path);
const char *dialect_name(const struct dialect *dialect);

/* <text_bytes_max> caps what is kept of the prompt, and of the completion. NULL without memory. */
struct dialect_reader *dialect_reader_create(const struct dialect *dialect, size_t text_bytes_max);
void dialect_reader_free(struct dialect_reader *reader); /* takes NULL */

/* The request's body, whole or cut at the caller's own cap (<is_whole> false). */
void dialect_read_request(struct dialect_reader *reader, struct slice body, bool is_whole);

/* Before the first piece. */
void dialect_reply_head(struct dialect_reader *reader, unsigned status, struct slice content_type);
/* True as soon as the first text (or tool call) of the answer was seen, here or before. */
bool dialect_reply_feed(struct dialect_reader *reader, struct slice bytes);
void dialect_reply_end(struct dialect_reader *reader);

/* What was read; valid until the reader is freed. Call it after dialect_reply_end. */
const struct exchange *dialect_exchange(const struct dialect_reader *reader);

/* The functions above, for the memory bus. */
extern const struct exchange_reader dialect_exchange_reader;

#endif

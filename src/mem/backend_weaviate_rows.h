/* SPDX-License-Identifier: MIT
 *
 * backend_weaviate_rows.h - events as objects of Weaviate, filters as GraphQL and as REST.
 *
 * Whatever comes from a caller goes through weaviate_append_literal, and nowhere else, into a
 * query. Any thread. */
#ifndef AG_MEM_BACKEND_WEAVIATE_ROWS_H
#define AG_MEM_BACKEND_WEAVIATE_ROWS_H

#include "base/json.h"
#include "mem/backend_weaviate_schema.h"

/* A string of GraphQL (October 2021, 2.9.4). JSON's form is one of GraphQL's: the same quotes, the
 * same escapes for quotes, backslashes and control characters. */
void weaviate_append_literal(struct buffer *buffer, struct slice text);

/* {"class":...,"id":...,"properties":{...}}. False without memory. */
bool weaviate_append_object(struct buffer *buffer, const struct weaviate_schema *schema,
                            const struct event *event) MUST_CHECK;

/* ,name,name... of all properties, for the selection of a query. */
void weaviate_append_selection(struct buffer *buffer, const struct weaviate_schema *schema);

/* What Get finds: a list of rows to be walked. STATUS_IO for a reply that is none, or that holds
 * errors; *ret_no_words: only because the words of the search are none to Weaviate. */
enum status weaviate_reply_rows(struct slice reply, struct json_value *ret_rows, bool *ret_no_words,
                                struct failure *reterr) MUST_CHECK;

/* The event of <properties>, its texts in <arena>. STATUS_DENIED: it is not <key>'s, or not of the
 * owner in <query>. STATUS_IO: it is none of ours. */
enum status weaviate_read_event(struct json_value properties, const struct weaviate_schema *schema,
                                const struct backend_query *query, const char *key,
                                struct arena *arena, struct event *ret,
                                struct failure *reterr) MUST_CHECK;

#endif

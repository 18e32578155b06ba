/* SPDX-License-Identifier: MIT
 *
 * event_columns.h - what event_rows.c and outbox_rows.c share: the columns of an event. */
#ifndef AG_MEM_EVENT_COLUMNS_H
#define AG_MEM_EVENT_COLUMNS_H

#include "mem/event_rows.h"

enum {
    event_blob_length = 16,
    event_long_texts_count = 5,
};

#define EVENT_LONG_TEXTS "prompt, completion, message, payload, result"

#define EVENT_INSERT(table)                                                                        \
    "INSERT INTO " table "(seq, id, owner, timestamp_us, bytes, flags, event, session, task,"      \
    " user, state, run_id, level, agent, request_id, model, finish_reason, tokens_in, tokens_out," \
    " status, started_us, first_token_us, ended_us, " EVENT_LONG_TEXTS ")"                         \
    " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,"     \
    " ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28) ON CONFLICT(id) DO NOTHING"

/* In the order that event_row_read knows. */
#define EVENT_SELECT                                                                               \
    "SELECT e.seq, e.id, e.timestamp_us, e.flags, e.event, e.session, e.task, e.user, e.state,"    \
    " e.run_id, e.level, e.agent, e.request_id, e.model, e.finish_reason, e.tokens_in,"            \
    " e.tokens_out, e.status, e.started_us, e.first_token_us, e.ended_us, e.prompt,"               \
    " e.completion, e.message, e.payload, e.result"

enum { event_select_columns = 26 };

/* Binds all but seq (parameter 1); <event> and <id> must live until the statement is reset. */
void event_row_bind(sqlite3_stmt *statement, const struct event *event,
                    const unsigned char id[event_blob_length], int64_t owner);
/* id and time only. */
void event_row_place(sqlite3_stmt *statement, struct event *ret);
/* Everything but the owner, texts in <arena>. False without memory. */
bool event_row_read(sqlite3_stmt *statement, struct arena *arena, struct event *ret) MUST_CHECK;
void event_long_texts(const struct event *event, struct slice ret[event_long_texts_count]);

void event_id_from_blob(struct slice blob, char ret[event_id_length + 1]);
bool event_id_is_text(struct slice text);
/* The 36 characters at <id>; false when they are no UUID. */
bool event_id_to_blob(const char *id, unsigned char ret[event_blob_length]);

enum status owner_find(struct database *database, struct slice issuer, struct slice subject,
                       int64_t *ret, struct failure *reterr) MUST_CHECK;
enum status owner_make(struct database *database, struct slice issuer, struct slice subject,
                       int64_t *ret, struct failure *reterr) MUST_CHECK;
/* Removes the owner when nothing of it is left. */
enum status owner_forget(struct database *database, int64_t owner,
                         struct failure *reterr) MUST_CHECK;

#endif

/* SPDX-License-Identifier: MIT
 *
 * schema_memory.c - the tables of memory: events, the outbox of events on their way to a remote
 * backend, and those it refused for ever. mem/event_rows.c reads and writes them.
 *
 * `seq` of an event is its time: microseconds, shifted by ten bits of its id, so that the order of
 * rows is the order of reading and no index needs the time (mem/event_rows.h). In the outbox it
 * counts arrivals. events_pending and events_of_* say which rows are whose, words_segments and
 * words_parts which words are in them (mem/word_index.h): numbers of words, not the words again. */
#include "store/schema.h"

extern const char schema_memory[];

#define EVENT_TABLE_COLUMNS                                                                        \
    " id BLOB NOT NULL,"                                                                           \
    " owner INTEGER NOT NULL,"                                                                     \
    " timestamp_us INTEGER NOT NULL,"                                                              \
    " bytes INTEGER NOT NULL,"                                                                     \
    " flags INTEGER NOT NULL,"                                                                     \
    " event TEXT,"                                                                                 \
    " session TEXT,"                                                                               \
    " task TEXT,"                                                                                  \
    " user TEXT,"                                                                                  \
    " state TEXT,"                                                                                 \
    " run_id TEXT,"                                                                                \
    " level TEXT,"                                                                                 \
    " agent TEXT,"                                                                                 \
    " request_id TEXT,"                                                                            \
    " model TEXT,"                                                                                 \
    " finish_reason TEXT,"                                                                         \
    " tokens_in INTEGER,"                                                                          \
    " tokens_out INTEGER,"                                                                         \
    " status INTEGER,"                                                                             \
    " started_us INTEGER,"                                                                         \
    " first_token_us INTEGER,"                                                                     \
    " ended_us INTEGER,"                                                                           \
    " prompt TEXT,"                                                                                \
    " completion TEXT,"                                                                            \
    " message TEXT,"                                                                               \
    " payload TEXT,"                                                                               \
    " result TEXT"

const char schema_memory[] =
    "CREATE TABLE owners("
    " id INTEGER PRIMARY KEY,"
    " issuer TEXT NOT NULL,"
    " subject TEXT NOT NULL,"
    " UNIQUE(issuer, subject));"
    "CREATE TABLE events(seq INTEGER PRIMARY KEY," EVENT_TABLE_COLUMNS ");"
    "CREATE UNIQUE INDEX events_by_id ON events(id);"
    /* rows that are in none of the tables below yet, some tens for each owner: so that a new row
     * touches no page of its owner's in each of them */
    "CREATE TABLE events_pending(owner INTEGER NOT NULL, seq INTEGER NOT NULL,"
    " bytes INTEGER NOT NULL, PRIMARY KEY(owner, seq)) WITHOUT ROWID;"
    "CREATE TABLE events_of_owner(owner INTEGER NOT NULL, seq INTEGER NOT NULL,"
    " PRIMARY KEY(owner, seq)) WITHOUT ROWID;"
    "CREATE TABLE events_of_session(owner INTEGER NOT NULL, session TEXT NOT NULL,"
    " seq INTEGER NOT NULL, PRIMARY KEY(owner, session, seq)) WITHOUT ROWID;"
    "CREATE TABLE events_of_task(owner INTEGER NOT NULL, task TEXT NOT NULL,"
    " seq INTEGER NOT NULL, PRIMARY KEY(owner, task, seq)) WITHOUT ROWID;"
    "CREATE TABLE events_of_kind(owner INTEGER NOT NULL, event TEXT NOT NULL,"
    " seq INTEGER NOT NULL, PRIMARY KEY(owner, event, seq)) WITHOUT ROWID;"
    "CREATE TRIGGER events_removed AFTER DELETE ON events BEGIN"
    " DELETE FROM events_of_owner WHERE owner = old.owner AND seq = old.seq;"
    " DELETE FROM events_of_session"
    "  WHERE owner = old.owner AND session = old.session AND seq = old.seq;"
    " DELETE FROM events_of_task WHERE owner = old.owner AND task = old.task AND seq = old.seq;"
    " DELETE FROM events_of_kind WHERE owner = old.owner AND event = old.event AND seq = old.seq;"
    " END;"
    "CREATE TABLE words_segments(id INTEGER PRIMARY KEY,"
    " owner INTEGER NOT NULL,"
    " level INTEGER NOT NULL,"
    " weight INTEGER NOT NULL,"
    " part_bits INTEGER NOT NULL,"
    " seq_least INTEGER NOT NULL,"
    " seq_most INTEGER NOT NULL,"
    " seqs BLOB NOT NULL);"
    "CREATE INDEX words_segments_by_owner ON words_segments(owner, level, weight);"
    "CREATE INDEX words_segments_by_age ON words_segments(seq_least);"
    /* id: that of the segment * 4096 + the part */
    "CREATE TABLE words_parts(id INTEGER PRIMARY KEY, postings BLOB NOT NULL);"
    "CREATE TABLE outbox(seq INTEGER PRIMARY KEY AUTOINCREMENT," EVENT_TABLE_COLUMNS ");"
    "CREATE UNIQUE INDEX outbox_by_id ON outbox(id);"
    "CREATE INDEX outbox_by_owner ON outbox(owner);"
    "CREATE TABLE outbox_rejected(seq INTEGER PRIMARY KEY," EVENT_TABLE_COLUMNS ");"
    "CREATE INDEX outbox_rejected_by_owner ON outbox_rejected(owner);"
    /* what waits, without counting rows */
    "CREATE TABLE outbox_total(id INTEGER PRIMARY KEY CHECK (id = 1),"
    " events INTEGER NOT NULL, bytes INTEGER NOT NULL);"
    "INSERT INTO outbox_total(id, events, bytes) VALUES (1, 0, 0);"
    "CREATE TRIGGER outbox_added AFTER INSERT ON outbox"
    " BEGIN UPDATE outbox_total SET events = events + 1, bytes = bytes + new.bytes; END;"
    "CREATE TRIGGER outbox_removed AFTER DELETE ON outbox"
    " BEGIN UPDATE outbox_total SET events = events - 1, bytes = bytes - old.bytes; END;";

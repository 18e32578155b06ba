/* SPDX-License-Identifier: MIT
 *
 * event_walk.c - see event_walk.h. */
#include "mem/event_walk.h"

#include "mem/event_columns.h"

static const char sql_walk[] =
    EVENT_SELECT " FROM events e WHERE e.seq > ?1 ORDER BY e.seq LIMIT ?2";
static const char sql_tail[] = "SELECT seq FROM events ORDER BY seq DESC LIMIT 1 OFFSET ?1";
static const char sql_owner[] =
    "SELECT id, issuer, subject FROM owners WHERE id > ?1 ORDER BY id LIMIT 1";
static const char sql_statistics[] =
    "SELECT (SELECT count(*) FROM events),"
    " (SELECT count(*) FROM events WHERE event = 'exchange'),"
    " (SELECT count(*) FROM events WHERE event = 'log'),"
    " (SELECT count(*) FROM owners),"
    " (SELECT events FROM outbox_total), (SELECT bytes FROM outbox_total),"
    " (SELECT count(*) FROM outbox_rejected),"
    " (SELECT timestamp_us FROM events ORDER BY seq LIMIT 1),"
    " (SELECT timestamp_us FROM events ORDER BY seq DESC LIMIT 1)";

enum status event_walk(struct database *database, int64_t *seq, size_t limit, struct arena *arena,
                       struct event_page *ret, struct failure *reterr)
{
    sqlite3_stmt *statement = database_statement(database, sql_walk);
    struct event *events = arena_allocate_zeroed(arena, limit, sizeof(*events));
    size_t count = 0;
    int step = SQLITE_DONE;
    bool is_arena_full = false;
    if (statement == NULL) {
        return database_status(database, reterr);
    }
    if (events == NULL) {
        failure_set(reterr, "out of memory");
        return STATUS_NO_MEMORY;
    }
    sqlite3_bind_int64(statement, 1, *seq);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)limit);
    int64_t last = *seq;
    while (count < limit && (step = sqlite3_step(statement)) == SQLITE_ROW) {
        last = sqlite3_column_int64(statement, 0);
        if (!event_row_read(statement, arena, &events[count])) {
            if (count == 0) {
                sqlite3_reset(statement);
                failure_set(reterr, "out of memory");
                return STATUS_NO_MEMORY;
            }
            is_arena_full = true; /* the rest is for the next time */
            break;
        }
        *seq = last;
        count++;
    }
    enum status status =
        step == SQLITE_ROW || step == SQLITE_DONE ? STATUS_OK : database_status(database, reterr);
    sqlite3_reset(statement);
    *ret = (struct event_page){
        .events = events, .count = count, .has_more = count == limit || is_arena_full};
    return status;
}

enum status event_walk_tail(struct database *database, size_t count, int64_t *ret_seq,
                            struct failure *reterr)
{
    sqlite3_stmt *statement = database_statement(database, sql_tail);
    if (statement == NULL) {
        return database_status(database, reterr);
    }
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)count);
    int step = sqlite3_step(statement);
    enum status status =
        step == SQLITE_ROW || step == SQLITE_DONE ? STATUS_OK : database_status(database, reterr);
    *ret_seq = step == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_reset(statement);
    return status;
}

enum status event_walk_owner(struct database *database, int64_t *id, struct arena *arena,
                             struct slice *ret_issuer, struct slice *ret_subject,
                             struct failure *reterr)
{
    sqlite3_stmt *statement = database_statement(database, sql_owner);
    if (statement == NULL) {
        return database_status(database, reterr);
    }
    sqlite3_bind_int64(statement, 1, *id);
    int step = sqlite3_step(statement);
    enum status status = STATUS_NOT_FOUND;
    if (step == SQLITE_ROW) {
        *id = sqlite3_column_int64(statement, 0);
        status = arena_copy(arena, database_column_text(statement, 1), ret_issuer) &&
                         arena_copy(arena, database_column_text(statement, 2), ret_subject)
                     ? STATUS_OK
                     : STATUS_NO_MEMORY;
    } else if (step != SQLITE_DONE) {
        status = database_status(database, reterr);
    }
    sqlite3_reset(statement);
    return status;
}

enum status event_walk_statistics(struct database *database, struct event_statistics *ret,
                                  struct failure *reterr)
{
    sqlite3_stmt *statement = database_statement(database, sql_statistics);
    if (statement == NULL) {
        return database_status(database, reterr);
    }
    if (sqlite3_step(statement) != SQLITE_ROW) {
        enum status status = database_status(database, reterr);
        sqlite3_reset(statement);
        return status;
    }
    *ret = (struct event_statistics){
        .events = (uint64_t)sqlite3_column_int64(statement, 0),
        .exchanges = (uint64_t)sqlite3_column_int64(statement, 1),
        .logs = (uint64_t)sqlite3_column_int64(statement, 2),
        .owners = (uint64_t)sqlite3_column_int64(statement, 3),
        .outbox_events = (uint64_t)sqlite3_column_int64(statement, 4),
        .outbox_bytes = (uint64_t)sqlite3_column_int64(statement, 5),
        .rejected = (uint64_t)sqlite3_column_int64(statement, 6),
        .oldest_us = sqlite3_column_int64(statement, 7),
        .newest_us = sqlite3_column_int64(statement, 8),
    };
    sqlite3_reset(statement);
    return STATUS_OK;
}

/* SPDX-License-Identifier: MIT
 *
 * outbox_rows.c - events on their way to a remote backend, as rows in order of arrival. */
#include "mem/event_columns.h"

#include "base/buffer.h"

#include <stdlib.h>

enum status outbox_insert(struct database *database, const struct event *events, size_t count,
                          struct failure *reterr)
{
    static const char sql[] = EVENT_INSERT("outbox");
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        unsigned char id[event_blob_length];
        int64_t owner = 0;
        if (!event_id_to_blob(events[i].id, id)) {
            failure_set(reterr, "an event without a sound id");
            return STATUS_INVALID;
        }
        status = owner_make(database, events[i].issuer, events[i].subject, &owner, reterr);
        if (status != STATUS_OK) {
            return status;
        }
        sqlite3_stmt *statement = database_statement(database, sql);
        if (statement != NULL) {
            event_row_bind(statement, &events[i], id, owner);
        }
        status = database_run(database, statement, reterr);
    }
    return status;
}

enum status outbox_total(struct database *database, uint64_t *ret_events, uint64_t *ret_bytes,
                         struct failure *reterr)
{
    static const char sql[] = "SELECT events, bytes FROM outbox_total WHERE id = 1";
    sqlite3_stmt *statement = database_statement(database, sql);
    if (statement == NULL || sqlite3_step(statement) != SQLITE_ROW) {
        return database_status(database, reterr);
    }
    *ret_events = (uint64_t)sqlite3_column_int64(statement, 0);
    *ret_bytes = (uint64_t)sqlite3_column_int64(statement, 1);
    sqlite3_reset(statement);
    return STATUS_OK;
}

static bool outbox_row_read(sqlite3_stmt *statement, struct arena *arena, struct event *ret)
{
    return event_row_read(statement, arena, ret) &&
           arena_copy(arena, database_column_text(statement, event_select_columns), &ret->issuer) &&
           arena_copy(arena, database_column_text(statement, event_select_columns + 1),
                      &ret->subject);
}

enum status outbox_read(struct database *database, size_t limit, size_t bytes_max,
                        struct arena *arena, struct outbox_batch *ret, struct failure *reterr)
{
    static const char sql[] =
        EVENT_SELECT ", o.issuer, o.subject FROM outbox e CROSS JOIN owners o ON o.id = e.owner"
                     " ORDER BY e.seq LIMIT ?1";
    struct outbox_batch batch = {
        .events = arena_allocate_zeroed(arena, limit, sizeof(*batch.events)),
        .seqs = arena_allocate_zeroed(arena, limit, sizeof(*batch.seqs)),
    };
    sqlite3_stmt *statement = database_statement(database, sql);
    if (statement == NULL) {
        return database_status(database, reterr);
    }
    sqlite3_bind_int64(statement, 1, (int64_t)limit);
    size_t bytes = 0;
    enum status status = STATUS_OK;
    int code = SQLITE_DONE;
    while (status == STATUS_OK && batch.events != NULL && batch.seqs != NULL &&
           batch.count < limit && bytes < bytes_max &&
           (code = sqlite3_step(statement)) == SQLITE_ROW) {
        if (!outbox_row_read(statement, arena, &batch.events[batch.count])) {
            status = STATUS_NO_MEMORY;
            break;
        }
        batch.seqs[batch.count] = sqlite3_column_int64(statement, 0);
        bytes += event_bytes(&batch.events[batch.count]);
        batch.count++;
    }
    if (status == STATUS_OK && code != SQLITE_ROW && code != SQLITE_DONE) {
        status = database_status(database, reterr);
    } else if (status != STATUS_OK || batch.events == NULL || batch.seqs == NULL) {
        failure_set(reterr, "no memory to read the outbox");
        status = STATUS_NO_MEMORY;
    }
    sqlite3_reset(statement);
    if (status == STATUS_OK) {
        *ret = batch;
    }
    return status;
}

enum status outbox_remove(struct database *database, const int64_t *seqs, size_t count,
                          struct failure *reterr)
{
    static const char sql[] = "DELETE FROM outbox WHERE seq = ?1";
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        sqlite3_stmt *statement = database_statement(database, sql);
        if (statement != NULL) {
            sqlite3_bind_int64(statement, 1, seqs[i]);
        }
        status = database_run(database, statement, reterr);
    }
    return status;
}

static enum status run_with(struct database *database, const char *sql, int64_t first,
                            int64_t second, const unsigned char *id, struct failure *reterr)
{
    sqlite3_stmt *statement = database_statement(database, sql);
    if (statement != NULL) {
        sqlite3_bind_int64(statement, 1, first);
        if (id != NULL) {
            database_bind_blob(statement, 2, slice_make((const char *)id, event_blob_length));
        } else if (sqlite3_bind_parameter_count(statement) > 1) {
            sqlite3_bind_int64(statement, 2, second);
        }
    }
    return database_run(database, statement, reterr);
}

enum status outbox_reject(struct database *database, int64_t seq, struct failure *reterr)
{
    static const char sql_keep[] =
        "INSERT OR REPLACE INTO outbox_rejected SELECT * FROM outbox WHERE seq = ?1";
    static const char sql_cap[] =
        "DELETE FROM outbox_rejected WHERE seq <= (SELECT seq FROM outbox_rejected"
        " ORDER BY seq DESC LIMIT 1 OFFSET ?1)";
    enum status status = run_with(database, sql_keep, seq, 0, NULL, reterr);
    if (status == STATUS_OK) {
        status = outbox_remove(database, &seq, 1, reterr);
    }
    if (status == STATUS_OK) {
        status = run_with(database, sql_cap, event_rows_rejected_max, 0, NULL, reterr);
    }
    return status;
}

enum status outbox_find(struct database *database, const struct backend_query *query,
                        struct arena *arena, struct event_page *ret, struct failure *reterr)
{
    static const char sql[] = EVENT_SELECT " FROM outbox e WHERE e.owner = ?1 AND e.id = ?2";
    unsigned char id[event_blob_length];
    int64_t owner = 0;
    enum status status = owner_find(database, query->issuer, query->subject, &owner, reterr);
    if (status != STATUS_OK) {
        return status;
    }
    if (!event_id_is_text(query->id) || !event_id_to_blob(query->id.data, id)) {
        failure_set(reterr, "no such event");
        return STATUS_NOT_FOUND;
    }
    sqlite3_stmt *statement = database_statement(database, sql);
    if (statement == NULL) {
        return database_status(database, reterr);
    }
    sqlite3_bind_int64(statement, 1, owner);
    database_bind_blob(statement, 2, slice_make((const char *)id, sizeof(id)));
    int code = sqlite3_step(statement);
    struct event *event = arena_allocate_zeroed(arena, 1, sizeof(*event));
    if (code == SQLITE_DONE) {
        failure_set(reterr, "no such event");
        status = STATUS_NOT_FOUND;
    } else if (code != SQLITE_ROW) {
        status = database_status(database, reterr);
    } else if (event == NULL || !event_row_read(statement, arena, event)) {
        failure_set(reterr, "no memory to read an event");
        status = STATUS_NO_MEMORY;
    } else {
        event->issuer = query->issuer;
        event->subject = query->subject;
        *ret = (struct event_page){.events = event, .count = 1};
    }
    sqlite3_reset(statement);
    return status;
}

static const char sql_erase_owner[] =
    "DELETE FROM outbox WHERE seq IN (SELECT seq FROM outbox WHERE owner = ?1 LIMIT ?2)";
static const char sql_erase_id[] = "DELETE FROM outbox WHERE owner = ?1 AND id = ?2";
static const char sql_forget_owner[] =
    "DELETE FROM outbox_rejected WHERE seq IN"
    " (SELECT seq FROM outbox_rejected WHERE owner = ?1 LIMIT ?2)";
static const char sql_forget_id[] = "DELETE FROM outbox_rejected WHERE owner = ?1 AND id = ?2";

enum status outbox_erase(struct database *database, const struct backend_query *query,
                         uint64_t *ret_erased, struct failure *reterr)
{
    unsigned char id[event_blob_length];
    int64_t owner = 0;
    struct failure failure;
    bool is_one = query->id.data != NULL;
    enum status status = owner_find(database, query->issuer, query->subject, &owner, &failure);
    if (status == STATUS_NOT_FOUND ||
        (is_one && !(event_id_is_text(query->id) && event_id_to_blob(query->id.data, id)))) {
        *ret_erased = 0;
        return STATUS_OK;
    }
    if (status != STATUS_OK) {
        failure_set(reterr, "%s", failure.text);
        return status;
    }
    int64_t limit = query->limit == 0 ? INT64_MAX : (int64_t)query->limit;
    const unsigned char *which = is_one ? id : NULL;
    sqlite3 *handle = database_handle(database);
    status =
        run_with(database, is_one ? sql_erase_id : sql_erase_owner, owner, limit, which, reterr);
    uint64_t erased = status == STATUS_OK ? (uint64_t)sqlite3_changes(handle) : 0;
    if (status == STATUS_OK) {
        status = run_with(database, is_one ? sql_forget_id : sql_forget_owner, owner, limit, which,
                          reterr);
        erased += status == STATUS_OK ? (uint64_t)sqlite3_changes(handle) : 0;
    }
    if (status == STATUS_OK && !is_one) {
        status = owner_forget(database, owner, reterr);
    }
    if (status == STATUS_OK) {
        *ret_erased = erased;
    }
    return status;
}

enum status outbox_expire(struct database *database, int64_t before_us, size_t limit,
                          uint64_t *ret_erased, struct failure *reterr)
{
    static const char sql[] =
        "DELETE FROM outbox WHERE seq IN"
        " (SELECT seq FROM (SELECT seq, timestamp_us FROM outbox ORDER BY seq LIMIT ?2)"
        " WHERE timestamp_us < ?1)";
    static const char sql_rejected[] =
        "DELETE FROM outbox_rejected WHERE seq IN"
        " (SELECT seq FROM outbox_rejected WHERE timestamp_us < ?1 LIMIT ?2)";
    sqlite3 *handle = database_handle(database);
    enum status status = run_with(database, sql, before_us, (int64_t)limit, NULL, reterr);
    uint64_t erased = status == STATUS_OK ? (uint64_t)sqlite3_changes(handle) : 0;
    if (status == STATUS_OK) {
        status = run_with(database, sql_rejected, before_us, (int64_t)limit, NULL, reterr);
        erased += status == STATUS_OK ? (uint64_t)sqlite3_changes(handle) : 0;
    }
    if (status == STATUS_OK) {
        *ret_erased = erased;
    }
    return status;
}

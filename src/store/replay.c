/* SPDX-License-Identifier: MIT
 *
 * replay.c - looks an id up, or enters it. Each entering also removes a few that are expired, so
 * that the table shrinks faster than it grows, and nobody waits for a great cleaning.
 *
 * A refusal writes nothing, which makes it cheap (store.h). */
#include "store/replay.h"

#include <assert.h>

enum {
    entry_bytes = 256, /* what a job counts in the queue */
    expired_step = 16,
};

/* *ret: STATUS_NOT_FOUND, STATUS_DENIED, or STATUS_AGAIN: there, but expired. */
static enum status entry_find(const struct replay_job *job, struct database *database,
                              enum status *ret, struct failure *reterr)
{
    sqlite3_stmt *statement =
        database_statement(database, "SELECT expires_at_s FROM replay WHERE id = ?1");
    if (statement == NULL) {
        return database_status(database, reterr);
    }
    database_bind_blob(statement, 1, slice_make((const char *)job->id, job->id_length));
    int code = sqlite3_step(statement);
    if (code == SQLITE_DONE) {
        *ret = STATUS_NOT_FOUND;
    } else if (code == SQLITE_ROW) {
        *ret = sqlite3_column_int64(statement, 0) > job->now_s ? STATUS_DENIED : STATUS_AGAIN;
    } else {
        return database_status(database, reterr);
    }
    sqlite3_reset(statement);
    return STATUS_OK;
}

static enum status total_read(struct database *database, uint64_t *ret, struct failure *reterr)
{
    sqlite3_stmt *statement =
        database_statement(database, "SELECT entries FROM replay_total WHERE id = 1");
    if (statement == NULL || sqlite3_step(statement) != SQLITE_ROW) {
        return database_status(database, reterr);
    }
    *ret = (uint64_t)sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    return STATUS_OK;
}

static enum status total_add(struct database *database, int64_t change, struct failure *reterr)
{
    sqlite3_stmt *statement =
        database_statement(database, "UPDATE replay_total SET entries = entries + ?1 WHERE id = 1");
    if (statement == NULL) {
        return database_status(database, reterr);
    }
    sqlite3_bind_int64(statement, 1, change);
    return database_run(database, statement, reterr);
}

static enum status expired_remove(const struct replay_job *job, struct database *database,
                                  uint64_t *ret, struct failure *reterr)
{
    sqlite3_stmt *statement = database_statement(
        database, "DELETE FROM replay WHERE id IN (SELECT id FROM replay WHERE expires_at_s <= ?1 "
                  "ORDER BY expires_at_s LIMIT ?2)");
    if (statement == NULL) {
        return database_status(database, reterr);
    }
    sqlite3_bind_int64(statement, 1, job->now_s);
    sqlite3_bind_int64(statement, 2, expired_step);
    enum status status = database_run(database, statement, reterr);
    if (status == STATUS_OK) {
        *ret = (uint64_t)sqlite3_changes64(database_handle(database));
    }
    return status;
}

static enum status entry_write(const struct replay_job *job, struct database *database,
                               struct failure *reterr)
{
    sqlite3_stmt *statement = database_statement(
        database, "INSERT OR REPLACE INTO replay(id, expires_at_s) VALUES (?1, ?2)");
    if (statement == NULL) {
        return database_status(database, reterr);
    }
    database_bind_blob(statement, 1, slice_make((const char *)job->id, job->id_length));
    sqlite3_bind_int64(statement, 2, job->expires_at_s);
    return database_run(database, statement, reterr);
}

static enum status entry_add(const struct replay_job *job, struct database *database,
                             struct failure *reterr)
{
    uint64_t total = 0;
    uint64_t removed = 0;
    enum status status = total_read(database, &total, reterr);
    if (status == STATUS_OK) {
        status = expired_remove(job, database, &removed, reterr);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (total - removed >= job->entries_max) {
        failure_set(reterr, "%llu used tokens are remembered, as many as DID_REPLAY_ENTRIES allows",
                    (unsigned long long)(total - removed));
        return STATUS_LIMIT;
    }
    status = entry_write(job, database, reterr);
    return status == STATUS_OK ? total_add(database, 1 - (int64_t)removed, reterr) : status;
}

static enum status replay_run(struct store_job *base, struct database *database,
                              struct failure *reterr)
{
    const struct replay_job *job = (const struct replay_job *)base;
    enum status found = STATUS_DENIED;
    enum status status = entry_find(job, database, &found, reterr);
    if (status != STATUS_OK) {
        return status;
    }
    if (found == STATUS_DENIED) {
        failure_set(reterr, "the token was used before");
        return STATUS_DENIED;
    }
    /* An expired one is overwritten: the count stays. */
    return found == STATUS_AGAIN ? entry_write(job, database, reterr)
                                 : entry_add(job, database, reterr);
}

void replay_job_init(struct replay_job *job, struct slice id, int64_t now_s, int64_t expires_at_s,
                     uint64_t entries_max,
                     void (*done)(struct store_job *job, enum status status,
                                  const struct failure *failure))
{
    assert(id.length > 0 && id.length <= replay_id_bytes_max);
    *job = (struct replay_job){
        .job = {.run = replay_run, .done = done, .bytes = entry_bytes},
        .id_length = id.length,
        .now_s = now_s,
        .expires_at_s = expires_at_s,
        .entries_max = entries_max,
    };
    memcpy(job->id, id.data, id.length);
}

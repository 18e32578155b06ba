/* SPDX-License-Identifier: MIT
 *
 * database.h - one SQLite connection with the statements prepared on it. The writer's is full of
 * points where its thread can rest (base/pace.h).
 *
 * The thread that opened it, only. */
#ifndef AG_STORE_DATABASE_H
#define AG_STORE_DATABASE_H

#include "base/slice.h"
#include "base/status.h"

#include <sqlite3.h>

struct database;

enum database_mode {
    DATABASE_WRITER, /* makes the file, migrates it, checkpoints; one in the process, ever */
    DATABASE_READER, /* query only; never checkpoints */
};

enum { database_statements_max = 256 }; /* kept; the least recently used one makes way */

/* STATUS_LIMIT: no room on the disk. STATUS_IO: cannot be opened. STATUS_UNSUPPORTED: a newer
 * version wrote it, or, for a reader, an older one that no gateway has opened since. The directory
 * must be there. */
enum status database_open(const char *path, enum database_mode mode, struct database **ret,
                          struct failure *reterr) MUST_CHECK;
void database_close(struct database *database); /* takes NULL */

/* The statement of <sql>, a string that lives as long as the program and is known by its address;
 * prepared at first use, reset and without bindings: so it cannot be used inside itself. NULL, with
 * the database's error set, when it cannot be prepared. */
sqlite3_stmt *database_statement(struct database *database, const char *sql) MUST_CHECK;

/* The last error in our words: STATUS_LIMIT for a full disk, STATUS_NO_MEMORY, STATUS_INVALID for a
 * broken constraint, else STATUS_IO; with SQLite's sentence. */
enum status database_status(struct database *database, struct failure *reterr);

/* sqlite3_step for a statement that gives no row. */
enum status database_run(struct database *database, sqlite3_stmt *statement,
                         struct failure *reterr) MUST_CHECK;

/* Binds borrowed bytes: they must live until the statement is reset. An empty slice with data NULL
 * binds NULL. */
void database_bind_text(sqlite3_stmt *statement, int index, struct slice text);

void database_bind_blob(sqlite3_stmt *statement, int index, struct slice bytes);

/* Borrowed until the next step or reset. data is NULL for NULL. */
struct slice database_column_text(sqlite3_stmt *statement, int column);

/* ---- for the store ---- */

sqlite3 *database_handle(struct database *database);

/* The last error means that the disk or the machine refuses, not that one statement is wrong. */
bool database_is_refused(struct database *database);

/* The last error means that a page of the file is damaged. */
bool database_is_corrupt(struct database *database);

/* The file was removed, or another one stands in its place: close and open again. */
bool database_is_moved(struct database *database);

/* Resets what was left in the middle, so that it holds no snapshot. */
void database_settle(struct database *database);

/* BEGIN, COMMIT, SAVEPOINT ...: statements without parameters and rows. */
enum status database_execute(struct database *database, const char *sql,
                             struct failure *reterr) MUST_CHECK;

/* Pages in the log at the last commit. */
size_t database_log_pages(const struct database *database);

/* Writes the log back to the file. <truncates>: waits <wait_ms> for readers and empties the log;
 * false: does what readers allow. STATUS_AGAIN: readers were in the way. */
enum status database_checkpoint(struct database *database, bool truncates, int wait_ms,
                                struct failure *reterr) MUST_CHECK;

#endif

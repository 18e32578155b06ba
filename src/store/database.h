/* SPDX-License-Identifier: MIT
 *
 * database.h - one SQLite connection with the statements prepared on it.
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

/* STATUS_LIMIT: no room on the disk. STATUS_IO: cannot be opened. STATUS_UNSUPPORTED: a newer
 * version wrote it. */
enum status database_open(const char *path, enum database_mode mode, struct database **ret,
                          struct failure *reterr) MUST_CHECK;
void database_close(struct database *database); /* takes NULL */

/* The statement of <sql>, a string that lives as long as the program; prepared at first use, reset
 * and without bindings. NULL, with the database's error set, when it cannot be prepared. */
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

/* Borrowed until the next step or reset. */
struct slice database_column_text(sqlite3_stmt *statement, int column);

#endif

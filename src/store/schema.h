/* SPDX-License-Identifier: MIT
 *
 * schema.h - brings a database file to the version that this program knows.
 *
 * The version of a file is its `PRAGMA user_version`. It never goes back: a file that a newer
 * program wrote is refused. The thread of the connection, only. */
#ifndef AG_STORE_SCHEMA_H
#define AG_STORE_SCHEMA_H

#include "base/status.h"

#include <stddef.h>

struct database;

struct schema_migration {
    int version; /* from 1, rising */
    const char *sql;
};

/* The rows of migrations.def. */
extern const struct schema_migration schema_migrations[];
extern const size_t schema_migrations_count;

/* Runs what the file has not seen, each in a transaction of its own with its version, so that a
 * crash leaves a file of one version or the other. STATUS_UNSUPPORTED: the file is newer than
 * <list>. */
enum status schema_migrate(struct database *database, const struct schema_migration *list,
                           size_t count, struct failure *reterr) MUST_CHECK;

/* For readers, who migrate nothing: STATUS_UNSUPPORTED unless the file has the newest version. */
enum status schema_check(struct database *database, const struct schema_migration *list,
                         size_t count, struct failure *reterr) MUST_CHECK;

#endif

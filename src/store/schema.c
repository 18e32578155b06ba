/* SPDX-License-Identifier: MIT
 *
 * schema.c - runs migrations.
 *
 * Knows no table but its own, probe: one row, written again and again to learn whether the disk
 * takes anything. */
#include "store/schema.h"

#include "store/database.h"

#include <stdio.h>

#define MIGRATION(version, symbol) extern const char symbol[];
#include "store/migrations.def"
#undef MIGRATION

const struct schema_migration schema_migrations[] = {
#define MIGRATION(version, symbol) {version, symbol},
#include "store/migrations.def"
#undef MIGRATION
};
const size_t schema_migrations_count = sizeof(schema_migrations) / sizeof(schema_migrations[0]);

static const char probe_table[] =
    "CREATE TABLE IF NOT EXISTS probe(id INTEGER PRIMARY KEY CHECK (id = 1), filler BLOB)";

static enum status execute(struct database *database, const char *sql, struct failure *reterr)
{
    return sqlite3_exec(database_handle(database), sql, NULL, NULL, NULL) == SQLITE_OK
               ? STATUS_OK
               : database_status(database, reterr);
}

static enum status version_read(struct database *database, int *ret, struct failure *reterr)
{
    sqlite3_stmt *statement = database_statement(database, "PRAGMA user_version");
    if (statement == NULL || sqlite3_step(statement) != SQLITE_ROW) {
        return database_status(database, reterr);
    }
    *ret = sqlite3_column_int(statement, 0);
    database_settle(database);
    return STATUS_OK;
}

static int version_newest(const struct schema_migration *list, size_t count)
{
    return count == 0 ? 0 : list[count - 1].version;
}

static enum status refuse_newer(int version, int newest, struct failure *reterr)
{
    failure_set(reterr,
                "the database has version %d, this program knows %d: it was written by a newer "
                "attach-gateway",
                version, newest);
    return STATUS_UNSUPPORTED;
}

static enum status migration_run(struct database *database,
                                 const struct schema_migration *migration, struct failure *reterr)
{
    char version[64];
    snprintf(version, sizeof(version), "PRAGMA user_version=%d", migration->version);
    enum status status = execute(database, "BEGIN IMMEDIATE", reterr);
    if (status != STATUS_OK) {
        return status;
    }
    status = execute(database, migration->sql, reterr);
    if (status == STATUS_OK) {
        status = execute(database, version, reterr);
    }
    if (status == STATUS_OK) {
        status = execute(database, "COMMIT", reterr);
    }
    if (status != STATUS_OK && !sqlite3_get_autocommit(database_handle(database))) {
        (void)execute(database, "ROLLBACK", NULL);
    }
    return status;
}

enum status schema_migrate(struct database *database, const struct schema_migration *list,
                           size_t count, struct failure *reterr)
{
    int version = 0;
    int newest = version_newest(list, count);
    enum status status = version_read(database, &version, reterr);
    if (status != STATUS_OK) {
        return status;
    }
    if (version > newest) {
        return refuse_newer(version, newest, reterr);
    }
    status = execute(database, probe_table, reterr);
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        if (list[i].version > version) {
            status = migration_run(database, &list[i], reterr);
        }
    }
    return status;
}

enum status schema_check(struct database *database, const struct schema_migration *list,
                         size_t count, struct failure *reterr)
{
    int version = 0;
    int newest = version_newest(list, count);
    enum status status = version_read(database, &version, reterr);
    if (status != STATUS_OK) {
        return status;
    }
    if (version > newest) {
        return refuse_newer(version, newest, reterr);
    }
    if (version < newest) {
        failure_set(reterr,
                    "the database has version %d, this program needs %d: start the gateway once, "
                    "it brings it up to date",
                    version, newest);
        return STATUS_UNSUPPORTED;
    }
    return STATUS_OK;
}

/* SPDX-License-Identifier: MIT
 *
 * paced_file_test.c - files that are written through it are SQLite's, and each kind has its pace
 * points. */
#include "store/paced_file.h"

#include "base/pace.h"
#include "place.h"

#include <sqlite3.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static unsigned asked;

static bool may_rest(void *context)
{
    asked++;
    return false;
}

static sqlite3 *open_with(const struct place *place, const char *vfs)
{
    sqlite3 *handle = NULL;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    assert_int_equal(sqlite3_open_v2(place->path, &handle, flags, vfs), SQLITE_OK);
    return handle;
}

static void execute(sqlite3 *handle, const char *sql)
{
    assert_int_equal(sqlite3_exec(handle, sql, NULL, NULL, NULL), SQLITE_OK);
}

static const char some_megabytes[] =
    "INSERT INTO rows(filler) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
    " LIMIT 2000) SELECT randomblob(2000) FROM n";

/* The file's writes under <journal>, and what SQLite's own VFS then says of the file. */
static void writes_are_paced_with(const char *journal)
{
    static const struct pace pace = {.may_rest = may_rest};
    struct place place;
    place_make(&place);
    sqlite3 *handle = open_with(&place, paced_file_vfs());
    execute(handle, journal);
    execute(handle, "CREATE TABLE rows(filler BLOB)");
    execute(handle, "BEGIN");
    execute(handle, some_megabytes);
    pace_keep(&pace);
    asked = 0;
    execute(handle, "COMMIT");
    pace_keep(NULL);
    assert_true(asked > 0);
    assert_int_equal(sqlite3_close(handle), SQLITE_OK);

    handle = open_with(&place, NULL);
    sqlite3_stmt *statement = NULL;
    assert_int_equal(
        sqlite3_prepare_v2(handle,
                           "SELECT count(*), sum(length(filler)), (SELECT integrity_check"
                           " FROM pragma_integrity_check) FROM rows",
                           -1, &statement, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(statement, 0), 2000);
    assert_int_equal(sqlite3_column_int(statement, 1), 4000000);
    assert_string_equal(sqlite3_column_text(statement, 2), "ok");
    sqlite3_finalize(statement);
    assert_int_equal(sqlite3_close(handle), SQLITE_OK);
    place_remove(&place);
}

static void the_log_is_written_in_pieces(void **state)
{
    writes_are_paced_with("PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0");
}

static void so_is_the_database_itself(void **state)
{
    writes_are_paced_with("PRAGMA journal_mode=OFF");
}

static void it_is_there_once(void **state)
{
    const char *name = paced_file_vfs();
    assert_non_null(name);
    assert_string_equal(paced_file_vfs(), name);
    assert_non_null(sqlite3_vfs_find(name));
    assert_string_not_equal(sqlite3_vfs_find(NULL)->zName, name); /* not the default */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_log_is_written_in_pieces),
        cmocka_unit_test(so_is_the_database_itself),
        cmocka_unit_test(it_is_there_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

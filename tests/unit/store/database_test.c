/* SPDX-License-Identifier: MIT
 *
 * database_test.c - how a connection is set up, its statements, and errors in our words. */
#include "store/database.h"

#include "place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct database *writer_at(const struct place *place)
{
    struct database *database = NULL;
    assert_int_equal(database_open(place->path, DATABASE_WRITER, &database, NULL), STATUS_OK);
    return database;
}

static void assert_setting(struct database *database, const char *sql, const char *expected)
{
    sqlite3_stmt *statement = database_statement(database, sql);
    assert_non_null(statement);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(statement, 0), expected);
    sqlite3_reset(statement);
}

static void a_connection_is_set_up_for_its_mode(void **state)
{
    struct place place;
    struct stat file;
    struct database *reader = NULL;
    int is_set = 0;
    place_make(&place);
    struct database *writer = writer_at(&place);
    assert_int_equal(database_open(place.path, DATABASE_READER, &reader, NULL), STATUS_OK);
    assert_setting(writer, "PRAGMA journal_mode", "wal");
    assert_setting(writer, "PRAGMA synchronous", "2");
    assert_setting(writer, "PRAGMA wal_autocheckpoint", "0");
    assert_setting(writer, "PRAGMA foreign_keys", "1");
    assert_setting(writer, "PRAGMA trusted_schema", "0");
    assert_setting(reader, "PRAGMA query_only", "1");
    assert_setting(reader, "PRAGMA wal_autocheckpoint", "0");
    assert_setting(reader, "PRAGMA foreign_keys", "1");
    assert_setting(reader, "PRAGMA trusted_schema", "0");
    sqlite3_db_config(database_handle(writer), SQLITE_DBCONFIG_DEFENSIVE, -1, &is_set);
    assert_int_equal(is_set, 1);
    sqlite3_db_config(database_handle(writer), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, -1, &is_set);
    assert_int_equal(is_set, 0);
    sqlite3_db_config(database_handle(reader), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, -1, &is_set);
    assert_int_equal(is_set, 1);
    assert_int_equal(sqlite3_db_readonly(database_handle(reader), "main"), 1);
    assert_int_equal(stat(place.path, &file), 0);
    assert_int_equal(file.st_mode & 0777, 0600);
    database_close(reader);
    database_close(writer);
    place_remove(&place);
}

/* What would lose the protection against the reset of the log (database.c). */
static void the_last_reader_leaves_the_log_alone(void **state)
{
    struct place place;
    struct database *reader = NULL;
    struct stat before;
    struct stat after;
    char log[128];
    place_make(&place);
    snprintf(log, sizeof(log), "%.90s/store.db-wal", place.directory);
    struct database *writer = writer_at(&place);
    assert_int_equal(database_execute(writer, "CREATE TABLE a(x)", NULL), STATUS_OK);
    assert_int_equal(database_open(place.path, DATABASE_READER, &reader, NULL), STATUS_OK);
    assert_setting(reader, "SELECT count(*) FROM a", "0");
    /* The writer, were it to close now, would not be the last. */
    database_close(writer);
    assert_int_equal(stat(log, &before), 0);
    database_close(reader);
    assert_int_equal(stat(log, &after), 0);
    assert_int_equal(before.st_size, after.st_size);
    assert_true(after.st_size > 0);
    place_remove(&place);
}

static void a_reader_makes_no_file(void **state)
{
    struct place place;
    struct database *reader = NULL;
    struct failure failure = {""};
    place_make(&place);
    assert_int_equal(database_open(place.path, DATABASE_READER, &reader, &failure), STATUS_IO);
    assert_null(reader);
    assert_true(failure.text[0] != '\0');
    assert_int_equal(access(place.path, F_OK), -1);
    place_remove(&place);
}

static void what_is_no_database_is_refused_and_left_alone(void **state)
{
    struct place place;
    struct database *database = NULL;
    struct failure failure = {""};
    char bytes[8192];
    place_make(&place);
    memset(bytes, 'x', sizeof(bytes));
    FILE *file = fopen(place.path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, sizeof(bytes), file), sizeof(bytes));
    fclose(file);
    assert_int_equal(database_open(place.path, DATABASE_WRITER, &database, &failure), STATUS_IO);
    assert_non_null(strstr(failure.text, "not a database"));
    file = fopen(place.path, "r");
    assert_non_null(file);
    assert_int_equal(fread(bytes, 1, sizeof(bytes), file), sizeof(bytes));
    fclose(file);
    assert_int_equal(bytes[0], 'x');
    place_remove(&place);
}

static void a_statement_comes_back_reset_and_without_bindings(void **state)
{
    static const char sql[] = "SELECT ?1";
    struct place place;
    place_make(&place);
    struct database *database = writer_at(&place);
    sqlite3_stmt *statement = database_statement(database, sql);
    assert_non_null(statement);
    database_bind_text(statement, 1, SLICE("bound"));
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_true(slice_equals(database_column_text(statement, 0), SLICE("bound")));
    assert_ptr_equal(database_statement(database, sql), statement);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_null(database_column_text(statement, 0).data);
    assert_int_equal(sqlite3_stmt_busy(statement), 1);
    database_settle(database);
    assert_int_equal(sqlite3_stmt_busy(statement), 0);
    assert_null(database_statement(database, "SELECT nonsense FROM nowhere"));
    database_close(database);
    place_remove(&place);
}

static void the_statement_used_longest_ago_makes_way(void **state)
{
    enum { texts = database_statements_max + 50 };
    struct place place;
    char(*list)[32] = calloc(texts, sizeof(*list));
    assert_non_null(list);
    place_make(&place);
    struct database *database = writer_at(&place);
    for (int i = 0; i < texts; i++) {
        snprintf(list[i], sizeof(list[i]), "SELECT %d", i);
        sqlite3_stmt *first = database_statement(database, list[0]); /* always in use */
        sqlite3_stmt *statement = database_statement(database, list[i]);
        assert_non_null(first);
        assert_non_null(statement);
        assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
        assert_int_equal(sqlite3_column_int(statement, 0), i);
    }
    int count = 0;
    for (sqlite3_stmt *statement = sqlite3_next_stmt(database_handle(database), NULL);
         statement != NULL; statement = sqlite3_next_stmt(database_handle(database), statement)) {
        const char *text = sqlite3_sql(statement); /* not those of FTS5 */
        count += strncmp(text, "SELECT ", 7) == 0 && text[7] >= '0' && text[7] <= '9' ? 1 : 0;
    }
    assert_int_equal(count, database_statements_max);
    database_close(database);
    free(list);
    place_remove(&place);
}

static void absent_and_empty_are_not_the_same(void **state)
{
    struct place place;
    place_make(&place);
    struct database *database = writer_at(&place);
    sqlite3_stmt *statement = database_statement(
        database, "SELECT ?1, ?2, ?3, ?4, typeof(?1), typeof(?2), typeof(?3), typeof(?4)");
    database_bind_text(statement, 1, slice_make(NULL, 0));
    database_bind_text(statement, 2, SLICE(""));
    database_bind_text(statement, 3, slice_make("a\0b", 3));
    database_bind_blob(statement, 4, slice_make("\0", 1));
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_null(database_column_text(statement, 0).data);
    assert_non_null(database_column_text(statement, 1).data);
    assert_int_equal(database_column_text(statement, 1).length, 0);
    assert_true(slice_equals(database_column_text(statement, 2), slice_make("a\0b", 3)));
    assert_int_equal(database_column_text(statement, 3).length, 1);
    assert_true(slice_equals(database_column_text(statement, 4), SLICE("null")));
    assert_true(slice_equals(database_column_text(statement, 5), SLICE("text")));
    assert_true(slice_equals(database_column_text(statement, 6), SLICE("text")));
    assert_true(slice_equals(database_column_text(statement, 7), SLICE("blob")));
    database_close(database);
    place_remove(&place);
}

static void errors_have_our_words(void **state)
{
    struct place place;
    struct failure failure = {""};
    place_make(&place);
    struct database *database = writer_at(&place);
    assert_int_equal(database_execute(database, "CREATE TABLE a(x UNIQUE, y BLOB)", NULL),
                     STATUS_OK);
    assert_int_equal(database_execute(database, "INSERT INTO a VALUES (1, 2)", NULL), STATUS_OK);
    assert_int_equal(database_execute(database, "INSERT INTO a VALUES (1, 2)", &failure),
                     STATUS_INVALID);
    assert_non_null(strstr(failure.text, "UNIQUE"));
    assert_false(database_is_refused(database));
    assert_int_equal(database_execute(database, "INSERT INTO b VALUES (1)", &failure), STATUS_IO);
    assert_non_null(strstr(failure.text, "no such table"));
    assert_false(database_is_refused(database));
    assert_int_equal(database_execute(database, "SELECT 1", &failure), STATUS_INVALID);
    sqlite3_stmt *statement = database_statement(database, "PRAGMA max_page_count=1");
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW); /* as many as there are, no more */
    sqlite3_reset(statement);
    assert_int_equal(
        database_execute(database, "INSERT INTO a VALUES (2, zeroblob(1000000))", &failure),
        STATUS_LIMIT);
    assert_non_null(strstr(failure.text, "full"));
    assert_true(database_is_refused(database));
    assert_false(database_is_corrupt(database));
    database_close(database);
    place_remove(&place);
}

static void a_full_text_index_is_fed_by_statements_alone(void **state)
{
    struct place place;
    struct failure failure = {""};
    place_make(&place);
    struct database *database = writer_at(&place);
    assert_int_equal(database_execute(database, "CREATE TABLE a(x)", NULL), STATUS_OK);
    assert_int_equal(
        database_execute(database, "CREATE VIRTUAL TABLE words USING fts5(x, content='')", NULL),
        STATUS_OK);
    assert_int_equal(
        database_execute(database, "INSERT INTO words(rowid, x) VALUES (1, 'one two')", NULL),
        STATUS_OK);
    assert_setting(database, "SELECT count(*) FROM words WHERE words MATCH 'two'", "1");
    /* trusted_schema: what stands in the file runs nothing behind our back */
    assert_int_equal(database_execute(database,
                                      "CREATE TRIGGER added AFTER INSERT ON a BEGIN INSERT INTO "
                                      "words(rowid, x) VALUES (2, new.x); END",
                                      NULL),
                     STATUS_OK);
    assert_int_not_equal(database_execute(database, "INSERT INTO a VALUES ('x')", &failure),
                         STATUS_OK);
    assert_non_null(strstr(failure.text, "unsafe use"));
    /* DEFENSIVE: the index's own tables are nobody's */
    assert_int_not_equal(database_execute(database, "DELETE FROM words_data", NULL), STATUS_OK);
    database_close(database);
    place_remove(&place);
}

static void a_checkpoint_empties_the_log_unless_somebody_reads(void **state)
{
    struct place place;
    struct database *reader = NULL;
    place_make(&place);
    struct database *writer = writer_at(&place);
    assert_int_equal(database_execute(writer, "CREATE TABLE a(x)", NULL), STATUS_OK);
    assert_true(database_log_pages(writer) > 0);
    assert_int_equal(database_open(place.path, DATABASE_READER, &reader, NULL), STATUS_OK);
    assert_int_equal(database_execute(reader, "BEGIN", NULL), STATUS_OK);
    assert_setting(reader, "SELECT count(*) FROM a", "0");
    assert_int_equal(database_execute(writer, "INSERT INTO a VALUES (1)", NULL), STATUS_OK);
    assert_int_equal(database_checkpoint(writer, false, 0, NULL), STATUS_AGAIN);
    assert_int_equal(database_checkpoint(writer, true, 10, NULL), STATUS_AGAIN);
    assert_setting(reader, "SELECT count(*) FROM a", "0"); /* its moment */
    assert_int_equal(database_execute(reader, "COMMIT", NULL), STATUS_OK);
    assert_int_equal(database_checkpoint(writer, true, 10, NULL), STATUS_OK);
    assert_int_equal(database_log_pages(writer), 0);
    assert_setting(reader, "SELECT count(*) FROM a", "1");
    database_close(reader);
    database_close(writer);
    place_remove(&place);
}

static void a_file_that_moved_is_noticed(void **state)
{
    struct place place;
    place_make(&place);
    struct database *database = writer_at(&place);
    assert_false(database_is_moved(database));
    assert_int_equal(unlink(place.path), 0);
    assert_true(database_is_moved(database));
    database_close(database);
    place_remove(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_is_set_up_for_its_mode),
        cmocka_unit_test(the_last_reader_leaves_the_log_alone),
        cmocka_unit_test(a_reader_makes_no_file),
        cmocka_unit_test(what_is_no_database_is_refused_and_left_alone),
        cmocka_unit_test(a_statement_comes_back_reset_and_without_bindings),
        cmocka_unit_test(the_statement_used_longest_ago_makes_way),
        cmocka_unit_test(absent_and_empty_are_not_the_same),
        cmocka_unit_test(errors_have_our_words),
        cmocka_unit_test(a_full_text_index_is_fed_by_statements_alone),
        cmocka_unit_test(a_checkpoint_empties_the_log_unless_somebody_reads),
        cmocka_unit_test(a_file_that_moved_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

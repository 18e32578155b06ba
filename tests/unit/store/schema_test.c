/* SPDX-License-Identifier: MIT
 *
 * schema_test.c - migrations run once, whole or not at all; newer files are refused. */
#include "store/schema.h"

#include "place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

/* A file of this program, as if without migrations of its own: version 0 again. */
static struct database *database_blank(const struct place *place)
{
    struct database *database = NULL;
    assert_int_equal(database_open(place->path, DATABASE_WRITER, &database, NULL), STATUS_OK);
    assert_int_equal(database_execute(database, "PRAGMA user_version=0", NULL), STATUS_OK);
    return database;
}

static int64_t number(struct database *database, const char *sql)
{
    sqlite3_stmt *statement = database_statement(database, sql);
    if (statement == NULL || sqlite3_step(statement) != SQLITE_ROW) {
        return -1;
    }
    int64_t value = sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    return value;
}

static const char count_a[] = "SELECT count(*) FROM a";
static const char count_b[] = "SELECT count(*) FROM b";
static const char version[] = "PRAGMA user_version";

static const struct schema_migration list[] = {
    {1, "CREATE TABLE a(x); INSERT INTO a VALUES (1)"},
    {2, "INSERT INTO a VALUES (2); CREATE TABLE b(y)"},
    {5, "INSERT INTO b VALUES (3); INSERT INTO a VALUES (3)"},
};

static void each_runs_once_in_order(void **state)
{
    struct place place;
    place_make(&place);
    struct database *database = database_blank(&place);
    assert_int_equal(schema_migrate(database, list, 1, NULL), STATUS_OK);
    assert_int_equal(number(database, version), 1);
    assert_int_equal(schema_check(database, list, 1, NULL), STATUS_OK);
    assert_int_equal(schema_check(database, list, 3, NULL), STATUS_UNSUPPORTED); /* older */
    assert_int_equal(schema_migrate(database, list, 3, NULL), STATUS_OK);
    assert_int_equal(number(database, version), 5);
    assert_int_equal(schema_migrate(database, list, 3, NULL), STATUS_OK);
    assert_int_equal(number(database, count_a), 3);
    assert_int_equal(number(database, count_b), 1);
    database_close(database);
    place_remove(&place);
}

static void a_newer_file_is_refused_and_left_alone(void **state)
{
    struct place place;
    struct failure failure = {""};
    place_make(&place);
    struct database *database = database_blank(&place);
    assert_int_equal(schema_migrate(database, list, 3, NULL), STATUS_OK);
    assert_int_equal(schema_migrate(database, list, 2, &failure), STATUS_UNSUPPORTED);
    assert_non_null(strstr(failure.text, "newer"));
    assert_int_equal(schema_check(database, list, 2, NULL), STATUS_UNSUPPORTED);
    assert_int_equal(number(database, version), 5);
    database_close(database);
    place_remove(&place);
}

static void one_that_fails_leaves_nothing_and_can_be_tried_again(void **state)
{
    static const struct schema_migration broken[] = {
        {1, "CREATE TABLE a(x); INSERT INTO a VALUES (1)"},
        {2, "INSERT INTO a VALUES (2); CREATE TABLE b(y); INSERT INTO missing VALUES (1)"},
    };
    struct place place;
    struct failure failure = {""};
    place_make(&place);
    struct database *database = database_blank(&place);
    assert_int_equal(schema_migrate(database, broken, 2, &failure), STATUS_IO);
    assert_non_null(strstr(failure.text, "missing"));
    assert_int_equal(number(database, version), 1);
    assert_int_equal(number(database, count_a), 1);
    assert_int_equal(number(database, count_b), -1);
    assert_int_equal(schema_migrate(database, list, 3, NULL), STATUS_OK);
    assert_int_equal(number(database, count_a), 3);
    database_close(database);
    place_remove(&place);
}

static void the_rows_of_migrations_def_rise(void **state)
{
    int last = 0;
    for (size_t i = 0; i < schema_migrations_count; i++) {
        assert_true(schema_migrations[i].version > last);
        assert_true(schema_migrations[i].sql[0] != '\0');
        last = schema_migrations[i].version;
    }
    assert_true(last > 0);
}

static void a_store_of_a_newer_program_does_not_open(void **state)
{
    struct place place;
    struct database *database = NULL;
    struct store *store = NULL;
    struct failure failure = {""};
    place_make(&place);
    store_close(store_at(&place));
    assert_int_equal(database_open(place.path, DATABASE_WRITER, &database, NULL), STATUS_OK);
    assert_int_equal(number(database, version),
                     schema_migrations[schema_migrations_count - 1].version);
    assert_int_equal(database_execute(database, "PRAGMA user_version=1000000", NULL), STATUS_OK);
    database_close(database);

    struct store_settings settings = {
        .directory = place.directory, .queue_bytes_max = 1024, .readers_count = 1};
    assert_int_equal(store_open(&settings, &store, &failure), STATUS_UNSUPPORTED);
    assert_non_null(strstr(failure.text, "newer"));
    assert_null(store);
    assert_int_equal(database_open(place.path, DATABASE_READER, &database, &failure),
                     STATUS_UNSUPPORTED);
    place_remove(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_runs_once_in_order),
        cmocka_unit_test(a_newer_file_is_refused_and_left_alone),
        cmocka_unit_test(one_that_fails_leaves_nothing_and_can_be_tried_again),
        cmocka_unit_test(the_rows_of_migrations_def_rise),
        cmocka_unit_test(a_store_of_a_newer_program_does_not_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

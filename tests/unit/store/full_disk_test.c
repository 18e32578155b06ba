/* SPDX-License-Identifier: MIT
 *
 * full_disk_test.c - a disk without room, and writes that end short: refused, degraded, recovered
 * by itself, nothing acknowledged lost.
 *
 * The small disk is a tmpfs, where the system lets the test mount one; elsewhere a limit on the
 * size of files, and that of SQLite on its pages, stand in for it, which a test says. */
#include "store/store.h"

#include "place.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const char create_rows[] =
    "CREATE TABLE IF NOT EXISTS rows(number INTEGER PRIMARY KEY, filler BLOB)";
static const char insert_row[] = "INSERT INTO rows VALUES (?1, zeroblob(3000))";
static const char count_rows[] = "SELECT count(*) FROM rows";

static bool mount_small(const struct place *place, const char *size)
{
    if (mount("tmpfs", place->directory, "tmpfs", 0, size) == 0) {
        return true;
    }
    print_error("NOT TESTED: a full disk; no tmpfs may be mounted here (%s)\n", strerror(errno));
    return false;
}

static void await_health(struct store *store, enum store_health health)
{
    for (unsigned i = 0; store_health(store) != health; i++) {
        assert_true(i < 6000);
        usleep(10000);
    }
}

/* Writes rows until one is refused; returns how many were not. */
static int64_t fill(struct store *store, int64_t first, enum status refusal)
{
    for (int64_t number = first; number < 100000; number++) {
        enum status status = write_now(store, insert_row, number);
        if (status != STATUS_OK) {
            assert_int_equal(status, refusal);
            return number - first;
        }
    }
    fail_msg("the disk never became full");
    return 0;
}

static void a_disk_that_fills_refuses_and_recovers(void **state)
{
    struct place place;
    struct failure failure = {""};
    int64_t count = -1;
    place_make(&place);
    if (!mount_small(&place, "size=2m,mode=0700")) {
        place_remove(&place);
        skip();
    }
    struct store *store = store_at(&place);
    assert_int_equal(write_now(store, create_rows, 0), STATUS_OK);
    int64_t written = fill(store, 0, STATUS_LIMIT);
    assert_true(written > 10);
    assert_int_equal(store_health(store), STORE_FULL);
    store_last_failure(store, &failure);
    assert_non_null(strstr(failure.text, "full"));
    assert_true(atomic_load(&store_counters(store)->jobs_failed) > 0);

    /* Reading goes on; what was acknowledged is there, what was refused is not. */
    assert_int_equal(read_now(store, count_rows, &count), STATUS_OK);
    assert_int_equal(count, written);

    /* Room comes, no jobs do: it finds out by itself. */
    assert_int_equal(mount("tmpfs", place.directory, "tmpfs", MS_REMOUNT, "size=8m"), 0);
    await_health(store, STORE_FINE);
    assert_true(fill(store, written, STATUS_LIMIT) > 10);
    store_close(store);

    /* Still full, started anew: reads, refuses, lives. */
    store = store_at(&place);
    assert_int_equal(read_now(store, count_rows, &count), STATUS_OK);
    assert_true(count > written);
    store_close(store);
    assert_int_equal(umount(place.directory), 0);
    place_remove(&place);
}

static void a_disk_that_is_full_at_the_start_is_tried_again(void **state)
{
    struct place place;
    int64_t count = -1;
    place_make(&place);
    if (!mount_small(&place, "size=64k,mode=0700")) {
        place_remove(&place);
        skip();
    }
    char ballast_path[128];
    snprintf(ballast_path, sizeof(ballast_path), "%s/ballast", place.directory);
    FILE *ballast = fopen(ballast_path, "w");
    assert_non_null(ballast);
    for (int i = 0; i < 60 * 1024; i++) {
        fputc('x', ballast);
    }
    fclose(ballast);

    struct store *store = store_at(&place); /* no failure: degraded */
    assert_int_equal(store_health(store), STORE_FULL);
    assert_int_equal(write_now(store, create_rows, 0), STATUS_LIMIT);
    assert_int_equal(read_now(store, count_rows, &count), STATUS_LIMIT);
    assert_int_equal(mount("tmpfs", place.directory, "tmpfs", MS_REMOUNT, "size=4m"), 0);
    await_health(store, STORE_FINE);
    assert_int_equal(write_now(store, create_rows, 0), STATUS_OK);
    assert_int_equal(write_now(store, insert_row, 1), STATUS_OK);
    assert_int_equal(read_now(store, count_rows, &count), STATUS_OK);
    assert_int_equal(count, 1);
    store_close(store);
    assert_int_equal(umount(place.directory), 0);
    place_remove(&place);
}

/* The pages SQLite may use are the same for everybody who may not mount: a job fails in the middle.
 */
static void a_database_at_its_page_limit_refuses(void **state)
{
    struct place place;
    int64_t count = -1;
    place_make(&place);
    struct store *store = store_at(&place);
    assert_int_equal(write_now(store, create_rows, 0), STATUS_OK);
    assert_int_equal(write_now(store, "PRAGMA max_page_count=200", 0), STATUS_OK);
    int64_t written = fill(store, 0, STATUS_LIMIT);
    assert_true(written > 10);
    assert_int_equal(write_now(store, insert_row, written), STATUS_LIMIT);
    assert_int_equal(read_now(store, count_rows, &count), STATUS_OK);
    assert_int_equal(count, written);
    assert_int_equal(write_now(store, "DELETE FROM rows WHERE number < 5", 0), STATUS_OK);
    assert_int_equal(store_health(store), STORE_FINE);
    assert_int_equal(write_now(store, insert_row, written), STATUS_OK);
    store_close(store);
    place_remove(&place);
}

/* Files may grow to an odd size only, so that the write that meets it ends short. In a process of
 * its own: the limit cannot be taken back by everybody. */
static void writes_that_end_short_are_refused(void **state)
{
    struct place place;
    struct database *database = NULL;
    int ends[2];
    int64_t written = -1;
    place_make(&place);
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit limit = {500001, 500001};
        signal(SIGXFSZ, SIG_IGN);
        struct store *store = store_at(&place);
        if (write_now(store, create_rows, 0) != STATUS_OK || setrlimit(RLIMIT_FSIZE, &limit) != 0) {
            _exit(2);
        }
        written = fill(store, 0, STATUS_IO);
        int code = store_health(store) == STORE_FAILING ? 0 : 3;
        code = write(ends[1], &written, sizeof(written)) == sizeof(written) ? code : 4;
        store_close(store);
        _exit(code);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(read(ends[0], &written, sizeof(written)), sizeof(written));
    assert_true(written > 10);
    close(ends[0]);
    close(ends[1]);

    assert_int_equal(database_open(place.path, DATABASE_WRITER, &database, NULL), STATUS_OK);
    sqlite3_stmt *statement = database_statement(database, "PRAGMA integrity_check");
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(statement, 0), "ok");
    statement = database_statement(database, count_rows);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int64(statement, 0), written);
    database_close(database);
    place_remove(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_that_end_short_are_refused), /* first: it forks */
        cmocka_unit_test(a_disk_that_fills_refuses_and_recovers),
        cmocka_unit_test(a_disk_that_is_full_at_the_start_is_tried_again),
        cmocka_unit_test(a_database_at_its_page_limit_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * crash_test.c - the process dies at any moment, or the disk refuses any one write or fsync: what
 * was acknowledged is there, and the file is whole.
 *
 * The program runs itself as the one that dies. Writes and fsyncs are made to fail by strace, where
 * the system lets it trace; elsewhere those tests are skipped and say so. */
#include "store/store.h"

#include "place.h"
#include "store/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

extern char **environ;

enum {
    kills = 120,
    numbers_each = 20000, /* of one child */
    numbers_max = kills * numbers_each,
    in_flight = 16,
    faulty_rows = 6,
};

/* ---- the child ---- */

static const char insert_row[] = "INSERT INTO rows(number, filler) VALUES "
                                 "(?1, printf('%.*c', 1 + ?1 % 700, 'x') || ?1)";
static const char create_rows[] =
    "CREATE TABLE IF NOT EXISTS rows(number INTEGER PRIMARY KEY, filler TEXT NOT NULL)";

struct row {
    struct sql_job sql;
    void (*acknowledge)(struct store_job *job, enum status status, const struct failure *failure);
};

static void row_done(struct store_job *job, enum status status, const struct failure *failure)
{
    struct row *row = (struct row *)job;
    char line[320];
    int length = snprintf(line, sizeof(line), "%c %lld %s %s\n", status == STATUS_OK ? 'A' : 'F',
                          (long long)row->sql.number, status_name(status),
                          failure == NULL ? "" : failure->text);
    if (write(STDOUT_FILENO, line, (size_t)length) != length) {
        abort();
    }
    row->acknowledge(job, status, failure);
}

static void row_send(struct row *row, struct store *store, int64_t number, struct gate *gate)
{
    sql_job_init(&row->sql, insert_row, number, gate);
    row->acknowledge = row->sql.job.done;
    row->sql.job.done = row_done;
    while (store_write(store, &row->sql.job) != STATUS_OK) {
        usleep(1000);
    }
}

/* Writes <count> rows from <first> on, <at_once> at a time; ends well when the store is fine in the
 * end. */
static int child_main(const char *directory, int64_t first, int64_t count, int at_once)
{
    struct place place;
    struct gate gate;
    struct row rows[in_flight];
    struct store *store = NULL;
    struct failure failure = {""};
    gate_init(&gate);
    snprintf(place.directory, sizeof(place.directory), "%s", directory);
    struct store_settings settings = {
        .directory = place.directory, .queue_bytes_max = 1024 * 1024, .readers_count = 1};
    if (store_open(&settings, &store, &failure) != STATUS_OK) {
        printf("F 0 %s\n", failure.text);
        return 3;
    }
    unsigned tries = 0;
    while (write_now(store, create_rows, 0) != STATUS_OK) {
        if (++tries > 1000) {
            return 4;
        }
        usleep(20000);
    }
    for (int64_t number = first; number < first + count; number += at_once) {
        for (int i = 0; i < at_once; i++) {
            row_send(&rows[i], store, number + i, &gate);
        }
        gate_await(&gate, (unsigned)at_once);
    }
    tries = 0;
    while (store_health(store) != STORE_FINE && ++tries < 1000) {
        usleep(20000);
    }
    int code = store_health(store) == STORE_FINE ? 0 : 5;
    store_close(store);
    return code;
}

/* ---- the parent ---- */

struct child {
    pid_t process;
    FILE *lines;
};

static const char *own_path(void)
{
    static char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
    assert_true(length > 0);
    path[length] = '\0';
    return path;
}

static pid_t process_start(const char *const arguments[], posix_spawn_file_actions_t *actions)
{
    pid_t process = -1;
    /* posix_spawn changes no argument; its type is older than const */
    return posix_spawnp(&process, arguments[0], actions, NULL, (char *const *)arguments, environ) ==
                   0
               ? process
               : -1;
}

static struct child child_start(const char *const arguments[])
{
    struct child child;
    int ends[2];
    posix_spawn_file_actions_t actions;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    child.process = process_start(arguments, &actions);
    assert_true(child.process > 0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    child.lines = fdopen(ends[0], "r");
    assert_non_null(child.lines);
    return child;
}

/* Marks what was acknowledged; returns how many, and how many were refused. */
static unsigned child_read(struct child *child, unsigned char *acknowledged, unsigned *ret_refused)
{
    unsigned count = 0;
    char line[400];
    while (fgets(line, sizeof(line), child->lines) != NULL) {
        char kind = 0;
        long long number = -1;
        if (strchr(line, '\n') == NULL || sscanf(line, "%c %lld", &kind, &number) != 2) {
            continue; /* killed in the middle of a line: not acknowledged */
        }
        assert_in_range(number, 0, numbers_max - 1);
        if (kind == 'A') {
            acknowledged[number] = 1;
            count++;
        } else {
            (*ret_refused)++;
        }
    }
    fclose(child->lines);
    return count;
}

static void assert_text(struct database *database, const char *sql, const char *expected)
{
    sqlite3_stmt *statement = database_statement(database, sql);
    assert_non_null(statement);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(statement, 0), expected);
    sqlite3_reset(statement);
}

/* Every acknowledged row is there, every row is whole, the file too. */
static void assert_kept(const struct place *place, const unsigned char *acknowledged,
                        int64_t numbers)
{
    struct database *database = NULL;
    struct failure failure = {""};
    enum status status = database_open(place->path, DATABASE_WRITER, &database, &failure);
    if (status != STATUS_OK) {
        fail_msg("cannot be opened after the crash: %s", failure.text);
    }
    assert_text(database, "PRAGMA integrity_check", "ok");
    assert_int_equal(database_execute(database, create_rows, NULL), STATUS_OK);
    assert_text(database,
                "SELECT count(*) FROM rows WHERE filler <> "
                "printf('%.*c', 1 + number % 700, 'x') || number",
                "0");
    sqlite3_stmt *statement = database_statement(database, "SELECT 1 FROM rows WHERE number = ?1");
    assert_non_null(statement);
    for (int64_t number = 0; number < numbers; number++) {
        if (acknowledged[number] == 0) {
            continue;
        }
        sqlite3_bind_int64(statement, 1, number);
        if (sqlite3_step(statement) != SQLITE_ROW) {
            fail_msg("row %lld was acknowledged and is gone", (long long)number);
        }
        sqlite3_reset(statement);
    }
    database_close(database);
}

static void rows_forget(const struct place *place, unsigned char *acknowledged)
{
    struct database *database = NULL;
    assert_int_equal(database_open(place->path, DATABASE_WRITER, &database, NULL), STATUS_OK);
    assert_int_equal(database_execute(database, "DELETE FROM rows", NULL), STATUS_OK);
    database_close(database);
    memset(acknowledged, 0, numbers_max);
}

static void what_was_acknowledged_survives_kill_9(void **state)
{
    struct place place;
    unsigned char *acknowledged = calloc(1, numbers_max);
    unsigned total = 0;
    unsigned refused = 0;
    unsigned fruitful = 0;
    assert_non_null(acknowledged);
    place_make(&place);
    srand((unsigned)getpid());
    for (int i = 0; i < kills; i++) {
        char first[24];
        char count[24];
        int64_t number = (int64_t)i * numbers_each;
        snprintf(first, sizeof(first), "%lld", (long long)number);
        snprintf(count, sizeof(count), "%d", numbers_each);
        const char *arguments[] = {own_path(), place.directory, first, count, "16", NULL};
        struct child child = child_start(arguments);
        usleep((useconds_t)(rand() % 120000));
        assert_int_equal(kill(child.process, SIGKILL), 0);
        unsigned got = child_read(&child, acknowledged, &refused);
        total += got;
        fruitful += got > 0 ? 1 : 0;
        int status = 0;
        assert_int_equal(waitpid(child.process, &status, 0), child.process);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        assert_kept(&place, acknowledged, number + numbers_each);
        if (i % 8 == 7) {
            rows_forget(&place, acknowledged);
        }
    }
    print_message("%d kills, %u of them while rows were written, %u rows acknowledged\n", kills,
                  fruitful, total);
    assert_int_equal(refused, 0);
    assert_true(fruitful >= kills / 8);
    free(acknowledged);
    place_remove(&place);
}

/* ---- with strace ---- */

/* Whether a process may be traced here; when not, the test says why it is skipped. */
static bool can_trace(void)
{
    const char *arguments[] = {"strace", "-o", "/dev/null", "-e", "trace=none", "true", NULL};
    int status = -1;
    pid_t process = process_start(arguments, NULL);
    if (process > 0 && waitpid(process, &status, 0) == process && WIFEXITED(status) &&
        WEXITSTATUS(status) == 0) {
        return true;
    }
    print_error("NOT TESTED: failing writes and fsyncs; strace is missing or may not trace here\n");
    return false;
}

/* One short run in which one of some calls fails, or several in a row do. */
struct run {
    struct place place;
    char log[160]; /* strace's */
    struct child child;
};

static void run_start(struct run *run, const char *calls, const char *fault, const char *when)
{
    char inject[96];
    char trace[64];
    place_make(&run->place);
    snprintf(trace, sizeof(trace), "trace=%s", calls);
    snprintf(inject, sizeof(inject), "inject=%s:%s:when=%s", calls, fault, when);
    assert_int_equal(
        directory_path(run->place.directory, "trace", run->log, sizeof(run->log), NULL), STATUS_OK);
    const char *arguments[] = {"strace", "-f", "-qq",  "-o", run->log,   "-e",
                               trace,    "-e", inject, "--", own_path(), run->place.directory,
                               "0",      "6",  "1",    NULL};
    run->child = child_start(arguments);
}

static bool log_has(const struct run *run, const char *word)
{
    char line[400];
    bool has = false;
    FILE *lines = fopen(run->log, "r");
    assert_non_null(lines);
    while (fgets(line, sizeof(line), lines) != NULL) {
        has = has || strstr(line, word) != NULL;
    }
    fclose(lines);
    return has;
}

/* False: the run made fewer such calls, nothing failed. */
static bool run_end(struct run *run, bool is_deadly, unsigned refused_most)
{
    unsigned char acknowledged[faulty_rows] = {0};
    unsigned refused = 0;
    int status = 0;
    unsigned got = child_read(&run->child, acknowledged, &refused);
    assert_int_equal(waitpid(run->child.process, &status, 0), run->child.process);
    assert_kept(&run->place, acknowledged, faulty_rows);
    bool was_hit = log_has(run, is_deadly ? "killed by SIGKILL" : "INJECTED");
    if (!is_deadly || !was_hit) { /* it lived, recovered, and refused what failed, no more */
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
        assert_int_equal(got + refused, faulty_rows);
        assert_true(refused <= (was_hit ? refused_most : 0));
    }
    place_remove(&run->place);
    return was_hit;
}

/* A run for each call that a run makes, some at once, since most of them wait for the next try. */
static void sweep(const char *calls, const char *fault, bool is_deadly)
{
    enum { at_once = 8 };
    unsigned hits = 0;
    for (unsigned at = 1; hits == at - 1; at += at_once) {
        struct run runs[at_once];
        assert_true(at < 2000);
        for (unsigned i = 0; i < at_once; i++) {
            char when[16];
            snprintf(when, sizeof(when), "%u", at + i);
            run_start(&runs[i], calls, fault, when);
        }
        for (unsigned i = 0; i < at_once; i++) {
            hits += run_end(&runs[i], is_deadly, 1) ? 1 : 0;
        }
    }
    print_message("%s %s: each of %u\n", calls, fault, hits);
    assert_true(hits > faulty_rows);
}

static void every_fsync_may_fail(void **state)
{
    if (!can_trace()) {
        skip();
    }
    sweep("fsync,fdatasync", "error=EIO", false);
    sweep("fsync,fdatasync", "error=ENOSPC", false);
}

static void every_write_may_fail(void **state)
{
    if (!can_trace()) {
        skip();
    }
    sweep("pwrite64", "error=EIO", false);
    sweep("pwrite64", "error=ENOSPC", false);
}

/* The reopening, the check of the log and the small commit fail too, until the disk is well. */
static void a_disk_may_fail_for_a_while(void **state)
{
    struct run run;
    if (!can_trace()) {
        skip();
    }
    run_start(&run, "fsync,fdatasync", "error=EIO", "12..18");
    assert_true(run_end(&run, false, faulty_rows));
    run_start(&run, "pwrite64", "error=ENOSPC", "70..80");
    assert_true(run_end(&run, false, faulty_rows));
}

static void every_write_and_fsync_may_be_the_last(void **state)
{
    if (!can_trace()) {
        skip();
    }
    sweep("fsync,fdatasync", "signal=SIGKILL", true);
    sweep("pwrite64", "signal=SIGKILL", true);
}

static int64_t number_of(const char *text)
{
    uint64_t number = 0;
    return slice_parse_uint(slice_from_string(text), numbers_max, &number) ? (int64_t)number : 0;
}

int main(int count, char **arguments)
{
    if (count == 5) {
        return child_main(arguments[1], number_of(arguments[2]), number_of(arguments[3]),
                          (int)number_of(arguments[4]));
    }
    setenv("ASAN_OPTIONS", "detect_leaks=0", 1); /* LeakSanitizer cannot work while traced */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_acknowledged_survives_kill_9),
        cmocka_unit_test(every_fsync_may_fail),
        cmocka_unit_test(every_write_may_fail),
        cmocka_unit_test(a_disk_may_fail_for_a_while),
        cmocka_unit_test(every_write_and_fsync_may_be_the_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

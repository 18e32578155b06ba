/* SPDX-License-Identifier: MIT
 *
 * store_test.c - jobs in, rows on disk: groups, isolation, order, caps, snapshots, a second
 * process.
 */
#include "store/store.h"

#include "place.h"
#include "store/job_queue.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const char create_rows[] = "CREATE TABLE rows(number INTEGER PRIMARY KEY)";
static const char insert_row[] = "INSERT INTO rows(number) VALUES (?1)";
static const char count_rows[] = "SELECT count(*) FROM rows";

/* Lets the writer wait inside a job, so that the next ones are there together. */
struct plug {
    struct sql_job job;
    struct gate entered;
    struct gate release;
    struct gate done;
};

static void plug_insert(struct plug *plug, struct store *store)
{
    gate_init(&plug->entered);
    gate_init(&plug->release);
    gate_init(&plug->done);
    sql_job_init(&plug->job, "SELECT 1", 0, &plug->done);
    plug->job.entered = &plug->entered;
    plug->job.hold = &plug->release;
    assert_int_equal(store_write(store, &plug->job.job), STATUS_OK);
    gate_await(&plug->entered, 1);
}

static void plug_pull(struct plug *plug)
{
    gate_pass(&plug->release);
    gate_await(&plug->done, 1);
}

static struct store *store_with_rows(struct place *place)
{
    place_make(place);
    struct store *store = store_at(place);
    assert_int_equal(write_now(store, create_rows, 0), STATUS_OK);
    return store;
}

static int64_t count(struct store *store)
{
    int64_t number = -1;
    assert_int_equal(read_now(store, count_rows, &number), STATUS_OK);
    return number;
}

static uint64_t commits(struct store *store)
{
    return atomic_load(&store_counters(store)->commits);
}

static void what_is_written_is_there_after_reopening(void **state)
{
    struct place place;
    struct stat file;
    struct store *store = store_with_rows(&place);
    assert_int_equal(store_health(store), STORE_FINE);
    for (int64_t i = 0; i < 10; i++) {
        assert_int_equal(write_now(store, insert_row, i), STATUS_OK);
    }
    assert_int_equal(count(store), 10);
    assert_int_equal(stat(place.path, &file), 0);
    assert_int_equal(file.st_mode & 0777, 0600);
    store_close(store);

    store = store_at(&place);
    assert_int_equal(count(store), 10);
    store_close(store);
    place_remove(&place);
}

static void a_missing_directory_is_made_for_its_owner_alone(void **state)
{
    struct place place;
    struct place inner;
    struct stat status;
    place_make(&place);
    inner = place;
    strncat(inner.directory, "/a", 3);
    snprintf(inner.path, sizeof(inner.path), "%s/store.db", inner.directory);
    store_close(store_at(&inner));
    assert_int_equal(stat(inner.directory, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    place_remove(&inner);
    place_remove(&place);
}

static void jobs_that_wait_together_share_a_commit(void **state)
{
    enum { jobs = 100 };
    struct place place;
    struct plug plug;
    struct gate gate;
    struct sql_job list[jobs];
    struct store *store = store_with_rows(&place);
    gate_init(&gate);
    plug_insert(&plug, store);
    uint64_t before = commits(store);
    for (int i = 0; i < jobs; i++) {
        sql_job_init(&list[i], insert_row, i, &gate);
        assert_int_equal(store_write(store, &list[i].job), STATUS_OK);
    }
    assert_int_equal(store_queue_bytes(store), (jobs + 1) * 100);
    plug_pull(&plug);
    gate_await(&gate, jobs);
    assert_int_equal(commits(store) - before, 2); /* the plug's, and one for all */
    for (int i = 0; i < jobs; i++) {
        assert_int_equal(list[i].status, STATUS_OK);
        assert_int_equal(list[i].done_count, 1);
        assert_int_equal(list[i].runs, 1);
    }
    assert_int_equal(store_queue_bytes(store), 0);
    assert_int_equal(count(store), jobs);
    store_close(store);
    place_remove(&place);
}

/* Ten jobs at once, the sixth of which fails in the way given. */
static void one_of_ten(const char *sql, int64_t number, enum status own, enum status expected,
                       unsigned runs_of_others)
{
    struct place place;
    struct plug plug;
    struct gate gate;
    struct sql_job list[10];
    struct store *store = store_with_rows(&place);
    gate_init(&gate);
    plug_insert(&plug, store);
    uint64_t before = commits(store);
    for (int i = 0; i < 10; i++) {
        sql_job_init(&list[i], i == 5 ? sql : insert_row, i == 5 ? number : i, &gate);
        list[i].own_status = i == 5 ? own : STATUS_OK;
        assert_int_equal(store_write(store, &list[i].job), STATUS_OK);
    }
    plug_pull(&plug);
    gate_await(&gate, 10);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(list[i].status, i == 5 ? expected : STATUS_OK);
        assert_int_equal(list[i].done_count, 1);
    }
    assert_true(list[5].failure.text[0] != '\0');
    assert_int_equal(list[0].runs, runs_of_others);
    assert_true(commits(store) - before <= 3);
    assert_int_equal(count(store), 9);
    assert_int_equal(atomic_load(&store_counters(store)->jobs_failed), 0);
    assert_int_equal(store_health(store), STORE_FINE);
    store_close(store);
    place_remove(&place);
}

static void a_job_that_fails_after_writing_takes_nobody_with_it(void **state)
{
    one_of_ten(insert_row, 1000, STATUS_NOT_FOUND, STATUS_NOT_FOUND, 2);
    one_of_ten("INSERT INTO rows(number) SELECT ?1 + value FROM "
               "(SELECT 1000 AS value UNION ALL SELECT 2000)",
               5, STATUS_LIMIT, STATUS_LIMIT, 2);
}

static void a_job_that_fails_without_writing_costs_no_second_run(void **state)
{
    one_of_ten(insert_row, 4, STATUS_OK, STATUS_INVALID, 1); /* is there already */
    one_of_ten("SELECT ?1", 4, STATUS_DENIED, STATUS_DENIED, 1);
    one_of_ten("INSERT INTO nowhere VALUES (?1)", 4, STATUS_OK, STATUS_IO, 1);
}

static void a_job_that_fails_alone_leaves_nothing(void **state)
{
    struct place place;
    struct gate gate;
    struct sql_job job;
    struct store *store = store_with_rows(&place);
    gate_init(&gate);
    sql_job_init(&job, insert_row, 7, &gate);
    job.own_status = STATUS_NOT_FOUND;
    assert_int_equal(store_write(store, &job.job), STATUS_OK);
    gate_await(&gate, 1);
    assert_int_equal(job.status, STATUS_NOT_FOUND);
    assert_string_equal(job.failure.text, "my own fault");
    assert_int_equal(job.runs, 1);
    assert_int_equal(count(store), 0);
    store_close(store);
    place_remove(&place);
}

static void a_group_has_a_cap(void **state)
{
    enum { jobs = 3000 };
    struct place place;
    struct plug plug;
    struct gate gate;
    struct store *store = store_with_rows(&place);
    struct sql_job *list = calloc(jobs, sizeof(*list));
    assert_non_null(list);
    gate_init(&gate);
    plug_insert(&plug, store);
    uint64_t before = commits(store);
    for (int i = 0; i < jobs; i++) {
        sql_job_init(&list[i], insert_row, i, &gate);
        assert_int_equal(store_write(store, &list[i].job), STATUS_OK);
    }
    plug_pull(&plug);
    gate_await(&gate, jobs);
    assert_true(commits(store) - before >= 4); /* 1024 at most in each */
    assert_int_equal(count(store), jobs);
    free(list);
    store_close(store);
    place_remove(&place);
}

static void a_full_queue_refuses(void **state)
{
    struct place place;
    struct plug plug;
    struct gate gate;
    struct sql_job list[3];
    struct store *store = store_with_rows(&place);
    gate_init(&gate);
    for (int i = 0; i < 3; i++) {
        sql_job_init(&list[i], insert_row, i, &gate);
    }
    plug_insert(&plug, store);
    list[0].job.bytes = 1024 * 1024 - 100;
    assert_int_equal(store_write(store, &list[0].job), STATUS_OK);
    list[1].job.bytes = 1;
    assert_int_equal(store_write(store, &list[1].job), STATUS_LIMIT);
    plug_pull(&plug);
    gate_await(&gate, 1);
    assert_int_equal(list[1].done_count, 0);
    list[2].job.bytes = 5 * 1024 * 1024; /* more than the cap, but nothing else waits */
    assert_int_equal(store_write(store, &list[2].job), STATUS_OK);
    gate_await(&gate, 1);
    assert_int_equal(count(store), 2);
    store_close(store);
    place_remove(&place);
}

static void closing_runs_what_waits(void **state)
{
    struct place place;
    struct plug plug;
    struct gate gate;
    struct sql_job list[50];
    struct store *store = store_with_rows(&place);
    gate_init(&gate);
    plug_insert(&plug, store);
    for (int i = 0; i < 50; i++) {
        sql_job_init(&list[i], insert_row, i, &gate);
        assert_int_equal(store_write(store, &list[i].job), STATUS_OK);
    }
    gate_pass(&plug.release);
    store_close(store);
    gate_await(&gate, 50);
    store = store_at(&place);
    assert_int_equal(count(store), 50);
    store_close(store);
    place_remove(&place);
}

/* Reads twice in one job, with a commit of somebody else between. */
struct twice_job {
    struct sql_job base;
    struct gate between;
    struct gate go_on;
    int64_t first;
    int64_t second;
};

static int64_t count_in(struct database *database)
{
    sqlite3_stmt *statement = database_statement(database, count_rows);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    return sqlite3_column_int64(statement, 0);
}

static enum status twice_run(struct store_job *base, struct database *database,
                             struct failure *reterr)
{
    struct twice_job *job = (struct twice_job *)base;
    job->first = count_in(database);
    gate_pass(&job->between);
    gate_await(&job->go_on, 1);
    job->second = count_in(database);
    return STATUS_OK;
}

static void a_reading_job_sees_one_moment(void **state)
{
    struct place place;
    struct gate gate;
    struct twice_job job;
    struct store *store = store_with_rows(&place);
    gate_init(&gate);
    gate_init(&job.between);
    gate_init(&job.go_on);
    sql_job_init(&job.base, "", 0, &gate);
    job.base.job.run = twice_run;
    assert_int_equal(write_now(store, insert_row, 1), STATUS_OK);
    assert_int_equal(store_read(store, &job.base.job), STATUS_OK);
    gate_await(&job.between, 1);
    assert_int_equal(write_now(store, insert_row, 2),
                     STATUS_OK);       /* readers do not stop the writer */
    assert_int_equal(count(store), 2); /* nor each other */
    gate_pass(&job.go_on);
    gate_await(&gate, 1);
    assert_int_equal(job.base.status, STATUS_OK);
    assert_int_equal(job.first, 1);
    assert_int_equal(job.second, 1);
    store_close(store);
    place_remove(&place);
}

static void a_reading_job_cannot_write(void **state)
{
    struct place place;
    int64_t number = 0;
    struct store *store = store_with_rows(&place);
    assert_int_equal(read_now(store, "INSERT INTO rows VALUES (1) RETURNING number", &number),
                     STATUS_IO);
    assert_int_equal(count(store), 0);
    store_close(store);
    place_remove(&place);
}

enum { threads = 4, jobs_each = 500 };

struct sender {
    struct store *store;
    unsigned index;
    pthread_t thread;
    unsigned refused;
};

static void *sender_run(void *argument)
{
    struct sender *sender = argument;
    for (unsigned i = 0; i < jobs_each; i++) {
        struct gate gate;
        struct sql_job job;
        gate_init(&gate);
        sql_job_init(&job, insert_row, (int64_t)(sender->index * jobs_each + i), &gate);
        if (store_write(sender->store, &job.job) == STATUS_OK) {
            gate_await(&gate, 1);
            sender->refused += job.status == STATUS_OK ? 0 : 1;
        } else {
            sender->refused++;
        }
        if (i % 16 == 0) {
            sql_job_init(&job, count_rows, 0, &gate);
            if (store_read(sender->store, &job.job) == STATUS_OK) {
                gate_await(&gate, 1);
                sender->refused += job.status == STATUS_OK && job.value > (int64_t)i ? 0 : 1;
            }
        }
    }
    return NULL;
}

static void many_threads_write_and_read_what_they_wrote(void **state)
{
    struct place place;
    struct sender list[threads];
    struct store *store = store_with_rows(&place);
    for (unsigned i = 0; i < threads; i++) {
        list[i] = (struct sender){.store = store, .index = i};
        assert_int_equal(pthread_create(&list[i].thread, NULL, sender_run, &list[i]), 0);
    }
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(list[i].thread, NULL);
        assert_int_equal(list[i].refused, 0);
    }
    assert_int_equal(count(store), threads * jobs_each);
    store_close(store);
    place_remove(&place);
}

static void a_second_gateway_is_refused_by_name(void **state)
{
    struct place place;
    struct failure failure = {""};
    char process[32];
    struct store *store = store_with_rows(&place);
    snprintf(process, sizeof(process), "process %d", (int)getpid());
    struct store_settings settings = {
        .directory = place.directory, .queue_bytes_max = 1024, .readers_count = 1};
    struct store *second = NULL;
    assert_int_equal(store_open(&settings, &second, &failure), STATUS_DENIED);
    assert_non_null(strstr(failure.text, process));
    assert_non_null(strstr(failure.text, "ATTACH_DATA_DIR"));
    assert_null(second);

    /* The first goes on, and when it ends the directory is free. */
    assert_int_equal(write_now(store, insert_row, 1), STATUS_OK);
    store_close(store);
    store = store_at(&place);
    store_close(store);
    place_remove(&place);
}

static void a_reader_beside_the_gateway_sees_commits_and_never_writes(void **state)
{
    struct place place;
    struct database *reader = NULL;
    struct store *store = store_with_rows(&place);
    assert_int_equal(write_now(store, insert_row, 1), STATUS_OK);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int code = 1;
        if (database_open(place.path, DATABASE_READER, &reader, NULL) == STATUS_OK &&
            count_in(reader) == 1 &&
            database_execute(reader, "INSERT INTO rows VALUES (9)", NULL) != STATUS_OK) {
            code = 0;
        }
        database_close(reader);
        _exit(code);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(write_now(store, insert_row, 2), STATUS_OK);
    assert_int_equal(count(store), 2);
    store_close(store);
    place_remove(&place);
}

static void a_file_that_was_removed_is_made_anew(void **state)
{
    struct place place;
    char path[160];
    int64_t number = -1;
    struct store *store = store_with_rows(&place);
    assert_int_equal(write_now(store, insert_row, 1), STATUS_OK);
    assert_int_equal(count(store), 1);
    assert_int_equal(unlink(place.path), 0);
    snprintf(path, sizeof(path), "%s-wal", place.path);
    assert_int_equal(unlink(path), 0);
    snprintf(path, sizeof(path), "%s-shm", place.path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(write_now(store, create_rows, 0), STATUS_OK);
    assert_int_equal(write_now(store, insert_row, 5), STATUS_OK);
    assert_int_equal(read_now(store, "SELECT number FROM rows", &number), STATUS_OK);
    assert_int_equal(number, 5);
    assert_int_equal(access(place.path, F_OK), 0);
    store_close(store);
    place_remove(&place);
}

static void the_log_stays_bounded(void **state)
{
    struct place place;
    char log[160];
    struct stat file;
    struct store *store = store_with_rows(&place);
    snprintf(log, sizeof(log), "%s-wal", place.path);
    assert_int_equal(write_now(store, "CREATE TABLE big(filler BLOB)", 0), STATUS_OK);
    for (unsigned i = 0; i < 80; i++) { /* 80 MiB in all */
        assert_int_equal(write_now(store, "INSERT INTO big VALUES (randomblob(?1))", 1024 * 1024),
                         STATUS_OK);
        assert_int_equal(stat(log, &file), 0);
        assert_true(file.st_size < 24 * 1024 * 1024);
    }
    store_close(store);
    assert_int_equal(access(log, F_OK), -1); /* an orderly end leaves one file */
    place_remove(&place);
}

/* How often the threads of this process were put on a CPU. */
static long switches(void)
{
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return usage.ru_nvcsw + usage.ru_nivcsw;
}

static void the_log_is_emptied_when_nothing_comes_and_then_it_sleeps(void **state)
{
    struct place place;
    char log[160];
    struct stat file = {.st_size = 0};
    struct store *store = store_with_rows(&place);
    snprintf(log, sizeof(log), "%s-wal", place.path);
    assert_int_equal(stat(log, &file), 0);
    assert_true(file.st_size > 0);
    for (unsigned i = 0; file.st_size > 0; i++) {
        assert_true(i < 600);
        usleep(100000);
        assert_int_equal(stat(log, &file), 0);
    }
    sleep(11); /* until it looks again, and finds nothing to do */
    long before = switches();
    sleep(1);
    assert_true(switches() - before < 500); /* a thread that spins has tens of thousands */
    assert_int_equal(write_now(store, insert_row, 1), STATUS_OK);
    store_close(store);
    place_remove(&place);
}

static void a_file_that_cannot_be_opened_is_tried_again(void **state)
{
    struct place place;
    struct failure failure = {""};
    int64_t number = -1;
    char bytes[8192];
    place_make(&place);
    memset(bytes, 'x', sizeof(bytes));
    int descriptor = open(place.path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(descriptor, bytes, sizeof(bytes)), sizeof(bytes));
    close(descriptor);

    struct store *store = store_at(&place); /* no failure: degraded */
    assert_int_equal(store_health(store), STORE_FAILING);
    store_last_failure(store, &failure);
    assert_non_null(strstr(failure.text, "not a database"));
    assert_int_equal(write_now(store, create_rows, 0), STATUS_IO);
    assert_int_equal(read_now(store, count_rows, &number), STATUS_IO);
    assert_int_equal(atomic_load(&store_counters(store)->jobs_failed), 1);
    assert_int_equal(unlink(place.path), 0);
    for (unsigned i = 0; store_health(store) != STORE_FINE; i++) {
        assert_true(i < 6000);
        usleep(10000);
    }
    assert_int_equal(write_now(store, create_rows, 0), STATUS_OK);
    assert_int_equal(count(store), 0);
    store_close(store);
    place_remove(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_there_after_reopening),
        cmocka_unit_test(a_missing_directory_is_made_for_its_owner_alone),
        cmocka_unit_test(jobs_that_wait_together_share_a_commit),
        cmocka_unit_test(a_job_that_fails_after_writing_takes_nobody_with_it),
        cmocka_unit_test(a_job_that_fails_without_writing_costs_no_second_run),
        cmocka_unit_test(a_job_that_fails_alone_leaves_nothing),
        cmocka_unit_test(a_group_has_a_cap),
        cmocka_unit_test(a_full_queue_refuses),
        cmocka_unit_test(closing_runs_what_waits),
        cmocka_unit_test(a_reading_job_sees_one_moment),
        cmocka_unit_test(a_reading_job_cannot_write),
        cmocka_unit_test(many_threads_write_and_read_what_they_wrote),
        cmocka_unit_test(a_second_gateway_is_refused_by_name),
        cmocka_unit_test(a_reader_beside_the_gateway_sees_commits_and_never_writes),
        cmocka_unit_test(a_file_that_was_removed_is_made_anew),
        cmocka_unit_test(the_log_stays_bounded),
        cmocka_unit_test(the_log_is_emptied_when_nothing_comes_and_then_it_sleeps),
        cmocka_unit_test(a_file_that_cannot_be_opened_is_tried_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

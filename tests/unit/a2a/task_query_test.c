/* SPDX-License-Identifier: MIT
 *
 * task_query_test.c - how jobs are refused, and whose task is found. */
#include "a2a/task_query.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define TASK_ID "00000000000000000000000000000001"

static const struct task_owner ann = {SLICE("https://id.test"), SLICE("ann"), SLICE("ann")};
static const struct task_owner bob = {SLICE("https://id.test"), SLICE("bob"), SLICE("bob")};

static const struct task_owner nobody = {{NULL, 0}, {NULL, 0}, {NULL, 0}};

static struct task_job *job_make(enum task_action action, struct task_owner owner)
{
    struct task_job *job = task_job_create(action, 1024 * 1024);
    assert_non_null(job);
    job->task.owner = owner;
    job->limits = (struct task_limits){.per_user_max = 100, .tasks_max = 1000};
    memcpy(job->task.id, TASK_ID, task_id_length);
    return job;
}

static void a_refusal_says_why(void **state)
{
    struct task_job *job = job_make(TASK_LOAD, ann);
    assert_int_equal(task_job_refuse(job, A2A_INVALID, "not so"), STATUS_INVALID);
    assert_int_equal(job->outcome, A2A_INVALID);
    assert_string_equal(job->failure.text, "not so");
    assert_int_equal(task_job_refuse(job, A2A_UNKNOWN_TASK, NULL), STATUS_INVALID);
    assert_string_equal(job->failure.text, "unknown task");
    assert_int_equal(task_job_refuse_memory(job), STATUS_NO_MEMORY);
    assert_int_equal(job->outcome, A2A_UNAVAILABLE);
    task_job_free(job);
}

static void what_a_client_is_told_is_not_about_the_inside(void **state)
{
    static const enum a2a_outcome inner[] = {A2A_BUSY, A2A_UNAVAILABLE, A2A_DISK_FULL,
                                             A2A_INTERNAL};
    for (size_t i = 0; i < sizeof(inner) / sizeof(inner[0]); i++) {
        assert_true(a2a_outcome_is_inner(inner[i]));
        assert_string_equal(a2a_outcome_text(inner[i], "the database says: x"),
                            a2a_outcome_row(inner[i])->text);
    }
    assert_string_equal(a2a_outcome_text(A2A_INVALID, "not so"), "not so");
    assert_string_equal(a2a_outcome_text(A2A_INVALID, ""), "Invalid parameters");
    assert_string_equal(a2a_outcome_text(A2A_INVALID, NULL), "Invalid parameters");
}

static void a_task_is_found_by_its_owner(void **state)
{
    static const struct {
        const struct task_owner *owner;
        bool for_anybody;
        enum a2a_outcome outcome;
    } cases[] = {{&ann, false, A2A_OK},
                 {&bob, false, A2A_UNKNOWN_TASK},
                 {&bob, true, A2A_OK},
                 {&nobody, false, A2A_UNKNOWN_TASK}};
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    char path[64] = "/tmp/task-query-XXXXXX";
    struct database *database = NULL;
    close(mkstemp(path));
    assert_int_equal(database_open(path, DATABASE_WRITER, &database, NULL), STATUS_OK);
    struct task_job *job = job_make(TASK_CREATE, ann);
    assert_int_equal(task_job_execute(job, database), STATUS_OK);
    task_job_free(job);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        job = job_make(TASK_LOAD, *cases[i].owner);
        enum status status = task_job_find(job, database, cases[i].for_anybody);
        assert_int_equal(status == STATUS_OK, cases[i].outcome == A2A_OK);
        assert_int_equal(job->outcome, cases[i].outcome);
        assert_int_equal(job->tasks_count, status == STATUS_OK);
        task_job_free(job);
    }
    database_close(database);
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        char file[80];
        snprintf(file, sizeof(file), "%s%s", path, suffixes[i]);
        unlink(file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refusal_says_why),
        cmocka_unit_test(what_a_client_is_told_is_not_about_the_inside),
        cmocka_unit_test(a_task_is_found_by_its_owner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

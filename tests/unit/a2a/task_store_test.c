/* SPDX-License-Identifier: MIT
 *
 * task_store_test.c - tasks in a real database file: owners, caps, moves, pages, what a restart
 * finds, what is forgotten. */
#include "a2a/task_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { job_bytes_max = 1024 * 1024 };

struct scene {
    char directory[64];
    char path[96];
    struct database *database;
    int64_t now_us;
};

static const struct task_owner ann = {SLICE("https://id.test"), SLICE("ann"), SLICE("ann")};
static const struct task_owner bob = {SLICE("https://id.test"), SLICE("bob"), SLICE("bob")};
static const struct task_owner other_ann = {SLICE("https://other.test"), SLICE("ann"),
                                            SLICE("https://other.test|ann")};

static void scene_reopen(struct scene *scene)
{
    struct failure failure = {""};
    database_close(scene->database);
    if (database_open(scene->path, DATABASE_WRITER, &scene->database, &failure) != STATUS_OK) {
        fail_msg("%s", failure.text);
    }
}

static int scene_open(void **state)
{
    struct scene *scene = calloc(1, sizeof(*scene));
    snprintf(scene->directory, sizeof(scene->directory), "/tmp/task-store-XXXXXX");
    assert_non_null(mkdtemp(scene->directory));
    snprintf(scene->path, sizeof(scene->path), "%s/test.db", scene->directory);
    scene->now_us = 1000000;
    scene_reopen(scene);
    *state = scene;
    return 0;
}

static int scene_close(void **state)
{
    struct scene *scene = *state;
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    database_close(scene->database);
    for (size_t i = 0; i < 3; i++) {
        char path[128];
        snprintf(path, sizeof(path), "%s%s", scene->path, suffixes[i]);
        unlink(path);
    }
    rmdir(scene->directory);
    free(scene);
    return 0;
}

static struct task_job *job_make(struct scene *scene, enum task_action action,
                                 struct task_owner owner, const char *id)
{
    struct task_job *job = task_job_create(action, job_bytes_max);
    assert_non_null(job);
    job->task.owner = owner;
    job->limits = (struct task_limits){.per_user_max = 100, .tasks_max = 1000};
    job->query.limit = 50;
    job->now_us = ++scene->now_us;
    snprintf(job->task.id, sizeof(job->task.id), "%s", id);
    return job;
}

static enum a2a_outcome run(struct scene *scene, struct task_job *job)
{
    enum status status = task_job_execute(job, scene->database);
    assert_int_equal(status == STATUS_OK, job->outcome == A2A_OK);
    assert_true(job->outcome == A2A_OK || job->failure.text[0] != '\0');
    return job->outcome;
}

/* Runs and forgets. */
static enum a2a_outcome outcome_of(struct scene *scene, struct task_job *job)
{
    enum a2a_outcome outcome = run(scene, job);
    task_job_free(job);
    return outcome;
}

/* An id of 32 digits that ends in <number>. */
static const char *id_of(unsigned number)
{
    static char ids[8][task_id_length + 1];
    static unsigned next;
    char *id = ids[next++ % 8];
    snprintf(id, task_id_length + 1, "%032x", number);
    return id;
}

static struct task_job *create_job(struct scene *scene, struct task_owner owner, unsigned number,
                                   const char *message)
{
    struct task_job *job = job_make(scene, TASK_CREATE, owner, id_of(number));
    job->task.message_id = slice_from_string(message);
    job->task.context_id = SLICE("c1");
    job->task.session = SLICE("s");
    job->task.input = SLICE("{\"messages\":[]}");
    job->task.actors = SLICE("[\"planner\"]");
    job->task.hops = 3;
    return job;
}

static void create(struct scene *scene, struct task_owner owner, unsigned number)
{
    assert_int_equal(outcome_of(scene, create_job(scene, owner, number, NULL)), A2A_OK);
}

static enum a2a_outcome move(struct scene *scene, unsigned number, enum task_state state,
                             const char *result)
{
    struct task_job *job =
        job_make(scene, TASK_MOVE, (struct task_owner){{NULL, 0}}, id_of(number));
    job->task.state = state;
    job->task.result = slice_from_string(result);
    return outcome_of(scene, job);
}

static enum task_state state_of(struct scene *scene, unsigned number)
{
    struct task_job *job = job_make(scene, TASK_LOAD, ann, id_of(number));
    assert_int_equal(run(scene, job), A2A_OK);
    enum task_state state = job->tasks[0].state;
    task_job_free(job);
    return state;
}

static void what_was_stored_comes_back_whole(void **state)
{
    struct scene *scene = *state;
    create(scene, ann, 1);
    scene_reopen(scene);
    struct task_job *job = job_make(scene, TASK_LOAD, ann, id_of(1));
    assert_int_equal(run(scene, job), A2A_OK);
    const struct task *task = &job->tasks[0];
    assert_string_equal(task->id, id_of(1));
    assert_int_equal(task->state, TASK_SUBMITTED);
    assert_true(slice_equals(task->input, SLICE("{\"messages\":[]}")));
    assert_true(slice_equals(task->actors, SLICE("[\"planner\"]")));
    assert_true(slice_equals(task->owner.user, SLICE("ann")));
    assert_true(slice_equals(task->session, SLICE("s")));
    assert_int_equal(task->hops, 3);
    assert_int_equal(task->ended_us, 0);
    assert_true(task->created_us > 0 && task->result.length == 0 && task->message_id.length == 0);
    task_job_free(job);
}

static void nobody_sees_the_task_of_another(void **state)
{
    struct scene *scene = *state;
    static const enum task_action actions[] = {TASK_LOAD,       TASK_CANCEL,   TASK_CONTINUE,
                                               TASK_PUSH_SET,   TASK_PUSH_GET, TASK_PUSH_LIST,
                                               TASK_PUSH_DELETE};
    create(scene, ann, 1);
    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
        struct task_owner nobody = {{NULL, 0}};
        assert_int_equal(outcome_of(scene, job_make(scene, actions[i], bob, id_of(1))),
                         A2A_UNKNOWN_TASK);
        assert_int_equal(outcome_of(scene, job_make(scene, actions[i], other_ann, id_of(1))),
                         A2A_UNKNOWN_TASK);
        assert_int_equal(outcome_of(scene, job_make(scene, actions[i], nobody, id_of(1))),
                         A2A_UNKNOWN_TASK);
        assert_int_equal(outcome_of(scene, job_make(scene, actions[i], ann, id_of(2))),
                         A2A_UNKNOWN_TASK);
    }
    struct task_job *job = job_make(scene, TASK_LIST, bob, "");
    assert_int_equal(run(scene, job), A2A_OK);
    assert_int_equal(job->tasks_count, 0);
    assert_int_equal(job->total, 0);
    task_job_free(job);
    assert_int_equal(state_of(scene, 1), TASK_SUBMITTED);
}

static void the_same_message_makes_one_task(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(outcome_of(scene, create_job(scene, ann, 1, "m1")), A2A_OK);
    struct task_job *again = create_job(scene, ann, 2, "m1");
    assert_int_equal(run(scene, again), A2A_OK);
    assert_true(again->was_there);
    assert_string_equal(again->tasks[0].id, id_of(1));
    task_job_free(again);
    struct task_job *of_bob = create_job(scene, bob, 3, "m1");
    assert_int_equal(run(scene, of_bob), A2A_OK);
    assert_false(of_bob->was_there);
    task_job_free(of_bob);
    /* a job may run twice: the second time as if it were the first */
    struct task_job *twice = create_job(scene, ann, 4, NULL);
    assert_int_equal(database_execute(scene->database, "SAVEPOINT a", NULL), STATUS_OK);
    assert_int_equal(run(scene, twice), A2A_OK);
    assert_int_equal(database_execute(scene->database, "ROLLBACK TO a", NULL), STATUS_OK);
    assert_int_equal(run(scene, twice), A2A_OK);
    assert_int_equal(database_execute(scene->database, "RELEASE a", NULL), STATUS_OK);
    task_job_free(twice);
}

static void caps_hold(void **state)
{
    struct scene *scene = *state;
    struct task_limits limits = {.per_user_max = 3, .tasks_max = 5};
    for (unsigned i = 1; i <= 3; i++) {
        create(scene, ann, i);
    }
    struct task_job *fourth = create_job(scene, ann, 4, NULL);
    fourth->limits = limits;
    assert_int_equal(outcome_of(scene, fourth), A2A_TOO_MANY);
    assert_int_equal(move(scene, 2, TASK_COMPLETED, "1"), A2A_OK); /* ended ones do not count */
    fourth = create_job(scene, ann, 4, NULL);
    fourth->limits = limits;
    assert_int_equal(outcome_of(scene, fourth), A2A_OK);
    create(scene, bob, 5);
    struct task_job *sixth = create_job(scene, bob, 6, NULL);
    sixth->limits = limits;
    assert_int_equal(outcome_of(scene, sixth), A2A_TOO_MANY); /* of all */
    struct task_job *sweep = job_make(scene, TASK_SWEEP, ann, "");
    sweep->before_us = scene->now_us + 1;
    assert_int_equal(outcome_of(scene, sweep), A2A_OK);
    sixth = create_job(scene, bob, 6, NULL);
    sixth->limits = limits;
    assert_int_equal(outcome_of(scene, sixth), A2A_OK);
}

static void an_end_is_an_end(void **state)
{
    struct scene *scene = *state;
    create(scene, ann, 1);
    assert_int_equal(move(scene, 1, TASK_WORKING, NULL), A2A_OK);
    assert_int_equal(outcome_of(scene, job_make(scene, TASK_CANCEL, ann, id_of(1))), A2A_OK);
    assert_int_equal(move(scene, 1, TASK_COMPLETED, "\"late\""), A2A_NOT_CANCELABLE);
    assert_int_equal(outcome_of(scene, job_make(scene, TASK_CANCEL, ann, id_of(1))),
                     A2A_NOT_CANCELABLE);
    struct task_job *job = job_make(scene, TASK_LOAD, ann, id_of(1));
    assert_int_equal(run(scene, job), A2A_OK);
    assert_int_equal(job->tasks[0].state, TASK_CANCELED);
    assert_true(slice_equals(job->tasks[0].detail, SLICE("canceled")));
    assert_true(job->tasks[0].result.length == 0 && job->tasks[0].ended_us > 0);
    task_job_free(job);
}

static void pages_cover_everything_once(void **state)
{
    struct scene *scene = *state;
    char token[task_token_bytes_max] = "";
    unsigned seen = 0;
    size_t pages = 0;
    for (unsigned i = 1; i <= 7; i++) {
        create(scene, ann, i);
        create(scene, bob, i + 100);
    }
    do {
        struct task_job *job = job_make(scene, TASK_LIST, ann, "");
        job->query.limit = 3;
        job->query.token = slice_from_string(token);
        assert_int_equal(run(scene, job), A2A_OK);
        assert_int_equal(job->total, 7);
        for (size_t i = 0; i < job->tasks_count; i++) {
            assert_string_equal(job->tasks[i].id, id_of(7 - seen)); /* newest first */
            assert_true(job->tasks[i].input.length == 0);
            seen++;
        }
        snprintf(token, sizeof(token), "%s", job->token);
        pages++;
        task_job_free(job);
    } while (token[0] != '\0');
    assert_int_equal(seen, 7);
    assert_int_equal(pages, 3);
}

static size_t list_count(struct scene *scene, struct task_query query)
{
    struct task_job *job = job_make(scene, TASK_LIST, ann, "");
    query.limit = 50;
    job->query = query;
    assert_int_equal(run(scene, job), A2A_OK);
    size_t count = job->tasks_count;
    assert_int_equal(job->total, count);
    task_job_free(job);
    return count;
}

static void lists_are_filtered(void **state)
{
    struct scene *scene = *state;
    static const char *const bad[] = {"x", "1.2", ".00000000000000000000000000000001",
                                      "-1.00000000000000000000000000000001"};
    create(scene, ann, 1);
    create(scene, ann, 2);
    assert_int_equal(move(scene, 2, TASK_COMPLETED, "{\"a\":1}"), A2A_OK);
    int64_t after_us = scene->now_us;
    assert_int_equal(list_count(scene, (struct task_query){.context_id = SLICE("c1")}), 2);
    assert_int_equal(list_count(scene, (struct task_query){.context_id = SLICE("c2")}), 0);
    assert_int_equal(
        list_count(scene, (struct task_query){.has_state = true, .state = TASK_COMPLETED}), 1);
    assert_int_equal(list_count(scene, (struct task_query){.after_us = after_us}), 1);
    assert_int_equal(list_count(scene, (struct task_query){.after_us = after_us + 1}), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct task_job *job = job_make(scene, TASK_LIST, ann, "");
        job->query.token = slice_from_string(bad[i]);
        assert_int_equal(outcome_of(scene, job), A2A_INVALID);
    }
    struct task_job *job = job_make(scene, TASK_LIST, ann, "");
    job->query.limit = task_page_rows_max + 1;
    assert_int_equal(outcome_of(scene, job), A2A_INVALID);
    job = job_make(scene, TASK_LIST, ann, "");
    job->query.with_results = job->query.with_inputs = true;
    assert_int_equal(run(scene, job), A2A_OK);
    assert_true(slice_equals(job->tasks[0].result, SLICE("{\"a\":1}")));
    assert_true(job->tasks[0].input.length > 0);
    task_job_free(job);
}

static struct task_job *continue_job(struct scene *scene, const char *message)
{
    struct task_job *job = job_make(scene, TASK_CONTINUE, ann, id_of(1));
    job->task.message_id = slice_from_string(message);
    job->task.input = SLICE("{\"messageId\":\"second\"}");
    job->task.state = TASK_SUBMITTED;
    return job;
}

static void a_waiting_task_takes_a_further_message(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(outcome_of(scene, create_job(scene, ann, 1, "m1")), A2A_OK);
    assert_int_equal(outcome_of(scene, continue_job(scene, "m2")), A2A_UNSUPPORTED);
    struct task_job *job = job_make(scene, TASK_MOVE, ann, id_of(1));
    job->task.state = TASK_INPUT_REQUIRED;
    job->task.result = SLICE("{\"status\":{\"message\":{\"messageId\":\"which?\"}}}");
    job->task.result_is_a2a = true;
    job->task.remote_id = SLICE("r1");
    assert_int_equal(outcome_of(scene, job), A2A_OK);
    job = continue_job(scene, "m2");
    job->task.context_id = SLICE("elsewhere");
    assert_int_equal(outcome_of(scene, job), A2A_INVALID);
    assert_int_equal(outcome_of(scene, create_job(scene, ann, 2, "taken")), A2A_OK);
    assert_int_equal(outcome_of(scene, continue_job(scene, "taken")), A2A_INVALID);
    assert_int_equal(outcome_of(scene, continue_job(scene, "m2")), A2A_OK);
    job = continue_job(scene, "m2");
    assert_int_equal(run(scene, job), A2A_OK);
    assert_true(job->was_there);
    assert_true(slice_equals(job->tasks[0].history,
                             SLICE("[{\"messages\":[]},{\"messageId\":\"which?\"}]")));
    assert_true(slice_equals(job->tasks[0].input, SLICE("{\"messageId\":\"second\"}")));
    assert_true(slice_equals(job->tasks[0].remote_id, SLICE("r1")));
    task_job_free(job);
    assert_int_equal(move(scene, 1, TASK_COMPLETED, "1"), A2A_OK);
    assert_int_equal(outcome_of(scene, continue_job(scene, "m3")), A2A_UNSUPPORTED);
}

/* Every message of a conversation is known again, not the last one alone. */
static void no_message_of_a_task_is_forgotten(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(outcome_of(scene, create_job(scene, ann, 1, "m1")), A2A_OK);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(move(scene, 1, TASK_INPUT_REQUIRED, NULL), A2A_OK);
        assert_int_equal(outcome_of(scene, continue_job(scene, i == 0 ? "m2" : "m3")), A2A_OK);
    }
    for (unsigned i = 1; i <= 3; i++) {
        char message[4];
        snprintf(message, sizeof(message), "m%u", i);
        struct task_job *job = create_job(scene, ann, 2, message);
        assert_int_equal(run(scene, job), A2A_OK);
        assert_true(job->was_there);
        assert_string_equal(job->tasks[0].id, id_of(1));
        task_job_free(job);
    }
    struct task_job *job = create_job(scene, ann, 2, "m1");
    job->task.target_name = SLICE("coder");
    assert_int_equal(run(scene, job), A2A_INVALID);
    assert_string_equal(job->failure.text, "messageId: it was used for another target");
    assert_false(job->was_there);
    task_job_free(job);
    assert_int_equal(move(scene, 1, TASK_WORKING, NULL), A2A_OK);
    assert_int_equal(move(scene, 1, TASK_COMPLETED, "1"), A2A_OK);
    job = job_make(scene, TASK_SWEEP, ann, "");
    job->before_us = scene->now_us + 1;
    assert_int_equal(outcome_of(scene, job), A2A_OK);
    job = create_job(scene, ann, 2, "m2"); /* it went with its task */
    assert_int_equal(run(scene, job), A2A_OK);
    assert_false(job->was_there);
    task_job_free(job);
}

static void a_conversation_has_an_end(void **state)
{
    struct scene *scene = *state;
    char *large = malloc(task_history_bytes_max);
    memset(large, ' ', task_history_bytes_max);
    memcpy(large, "{}", 2);
    struct task_job *job = task_job_create(TASK_CREATE, 32 * 1024 * 1024);
    job->task.owner = ann;
    job->limits = (struct task_limits){.per_user_max = 100, .tasks_max = 1000};
    job->now_us = ++scene->now_us;
    memcpy(job->task.id, id_of(1), task_id_length);
    job->task.input = slice_make(large, task_history_bytes_max);
    assert_int_equal(outcome_of(scene, job), A2A_OK);
    assert_int_equal(move(scene, 1, TASK_INPUT_REQUIRED, NULL), A2A_UNAVAILABLE); /* small arena */
    job = task_job_create(TASK_MOVE, 32 * 1024 * 1024);
    memcpy(job->task.id, id_of(1), task_id_length);
    job->task.state = TASK_INPUT_REQUIRED;
    assert_int_equal(outcome_of(scene, job), A2A_OK);
    job = task_job_create(TASK_CONTINUE, 32 * 1024 * 1024);
    memcpy(job->task.id, id_of(1), task_id_length);
    job->task.owner = ann;
    job->task.input = SLICE("{}");
    assert_int_equal(outcome_of(scene, job), A2A_TOO_MANY);
    free(large);
}

static void a_restart_leaves_nothing_working(void **state)
{
    struct scene *scene = *state;
    for (unsigned i = 1; i <= 4; i++) {
        struct task_job *job = create_job(scene, ann, i, NULL);
        job->task.is_idempotent = i == 3;
        job->has_push = i == 2;
        job->push = (struct task_push){.id = SLICE("p"), .url = SLICE("https://hook.test/1")};
        assert_int_equal(outcome_of(scene, job), A2A_OK);
    }
    assert_int_equal(move(scene, 2, TASK_WORKING, NULL), A2A_OK);
    assert_int_equal(move(scene, 3, TASK_WORKING, NULL), A2A_OK);
    assert_int_equal(move(scene, 4, TASK_COMPLETED, "1"), A2A_OK);
    scene_reopen(scene);
    const size_t counts[] = {1, 1, 1}; /* what is ended comes alone */
    char behind[task_id_length + 1] = "";
    for (size_t i = 0; i < 3; i++) {
        struct task_job *job =
            job_make(scene, TASK_RECOVER, (struct task_owner){{NULL, 0}}, behind);
        assert_int_equal(run(scene, job), A2A_OK);
        assert_int_equal(job->tasks_count, counts[i]);
        assert_int_equal(job->has_more, i < 2);
        snprintf(behind, sizeof(behind), "%s", job->tasks[0].id);
        if (i == 1) {
            assert_true(slice_equals(job->tasks[0].detail, SLICE("interrupted")));
            assert_true(slice_equals(job->tasks[0].input, SLICE("{\"messages\":[]}")));
            assert_int_equal(job->pushes_count, 1);
        }
        task_job_free(job);
    }
    assert_int_equal(state_of(scene, 1), TASK_SUBMITTED);
    assert_int_equal(state_of(scene, 2), TASK_FAILED);
    assert_int_equal(state_of(scene, 3), TASK_SUBMITTED);
    assert_int_equal(state_of(scene, 4), TASK_COMPLETED);
}

static void what_is_old_is_forgotten_in_small_steps(void **state)
{
    struct scene *scene = *state;
    const unsigned count = task_steps_max + 10;
    unsigned steps = 0;
    unsigned ended = 0;
    for (unsigned i = 1; i <= count; i++) {
        struct task_job *job = create_job(scene, ann, i, NULL);
        job->limits.per_user_max = 1000;
        assert_int_equal(outcome_of(scene, job), A2A_OK);
        assert_int_equal(move(scene, i, TASK_COMPLETED, "1"), A2A_OK);
    }
    struct task_job *waits = create_job(scene, ann, 2000, NULL);
    waits->has_push = true;
    waits->push = (struct task_push){.id = SLICE("p"), .url = SLICE("https://hook.test/1")};
    assert_int_equal(outcome_of(scene, waits), A2A_OK);
    assert_int_equal(move(scene, 2000, TASK_INPUT_REQUIRED, NULL), A2A_OK);
    int64_t before_us = scene->now_us + 1;
    create(scene, ann, 3000);
    bool has_more = true;
    while (has_more) {
        struct task_job *job = job_make(scene, TASK_SWEEP, ann, "");
        job->before_us = before_us;
        assert_int_equal(run(scene, job), A2A_OK);
        has_more = job->has_more;
        steps++;
        if (job->tasks_count > 0) {
            assert_string_equal(job->tasks[0].id, id_of(2000));
            assert_true(slice_equals(job->tasks[0].detail, SLICE("no answer came")));
            assert_true(job->tasks[0].input.length > 0);
            assert_int_equal(job->pushes_count, 1);
            ended++;
        }
        task_job_free(job);
    }
    assert_int_equal(steps, 2);
    assert_int_equal(ended, 1);
    assert_int_equal(list_count(scene, (struct task_query){0}), 2);
    assert_int_equal(state_of(scene, 2000), TASK_FAILED); /* nobody answered it */
    assert_int_equal(state_of(scene, 3000), TASK_SUBMITTED);
}

static struct task_job *push_job(struct scene *scene, enum task_action action, const char *id)
{
    struct task_job *job = job_make(scene, action, ann, id_of(1));
    job->push.id = slice_from_string(id);
    job->push.url = SLICE("https://hook.test/x");
    job->push.token = SLICE("secret");
    return job;
}

static void webhooks_belong_to_their_task(void **state)
{
    struct scene *scene = *state;
    char id[8];
    struct task_job *job = create_job(scene, ann, 1, NULL);
    job->has_push = true;
    job->push = (struct task_push){.id = SLICE("first"), .url = SLICE("https://hook.test/1")};
    assert_int_equal(outcome_of(scene, job), A2A_OK);
    for (unsigned i = 1; i < task_pushes_max; i++) {
        snprintf(id, sizeof(id), "p%u", i);
        assert_int_equal(outcome_of(scene, push_job(scene, TASK_PUSH_SET, id)), A2A_OK);
    }
    assert_int_equal(outcome_of(scene, push_job(scene, TASK_PUSH_SET, "more")), A2A_TOO_MANY);
    assert_int_equal(outcome_of(scene, push_job(scene, TASK_PUSH_SET, "p1")), A2A_OK);
    job = push_job(scene, TASK_PUSH_GET, "p1");
    assert_int_equal(run(scene, job), A2A_OK);
    assert_int_equal(job->pushes_count, 1);
    assert_true(slice_equals(job->pushes[0].token, SLICE("secret")));
    task_job_free(job);
    assert_int_equal(outcome_of(scene, push_job(scene, TASK_PUSH_GET, "nope")), A2A_UNKNOWN_TASK);
    assert_int_equal(outcome_of(scene, push_job(scene, TASK_PUSH_DELETE, "p1")), A2A_OK);
    assert_int_equal(outcome_of(scene, push_job(scene, TASK_PUSH_DELETE, "p1")), A2A_OK);
    job = job_make(scene, TASK_MOVE, ann, id_of(1));
    job->task.state = TASK_COMPLETED;
    job->with_pushes = true;
    assert_int_equal(run(scene, job), A2A_OK);
    assert_int_equal(job->pushes_count, task_pushes_max - 1);
    task_job_free(job);
    job = job_make(scene, TASK_SWEEP, ann, "");
    job->before_us = scene->now_us + 1;
    assert_int_equal(outcome_of(scene, job), A2A_OK);
    sqlite3_stmt *statement =
        database_statement(scene->database, "SELECT count(*) FROM task_pushes");
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(statement, 0), 0);
    sqlite3_reset(statement);
}

int main(void)
{
#define WITH_SCENE(test) cmocka_unit_test_setup_teardown(test, scene_open, scene_close)
    const struct CMUnitTest tests[] = {
        WITH_SCENE(what_was_stored_comes_back_whole),
        WITH_SCENE(nobody_sees_the_task_of_another),
        WITH_SCENE(the_same_message_makes_one_task),
        WITH_SCENE(caps_hold),
        WITH_SCENE(an_end_is_an_end),
        WITH_SCENE(pages_cover_everything_once),
        WITH_SCENE(lists_are_filtered),
        WITH_SCENE(a_waiting_task_takes_a_further_message),
        WITH_SCENE(no_message_of_a_task_is_forgotten),
        WITH_SCENE(a_conversation_has_an_end),
        WITH_SCENE(a_restart_leaves_nothing_working),
        WITH_SCENE(what_is_old_is_forgotten_in_small_steps),
        WITH_SCENE(webhooks_belong_to_their_task),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

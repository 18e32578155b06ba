/* SPDX-License-Identifier: MIT
 *
 * a2a.c - takes questions from any thread, brings them to the store and the dispatcher, and tells
 * whoever follows a task that it has changed.
 *
 * Reading goes from the asking thread straight to the store. What starts, stops or follows a task
 * goes through the loop, by letter. Thread: the loop's, but where it says otherwise. */
#include "a2a/a2a.h"

#include "a2a/dispatch.h"
#include "a2a/followers.h"
#include "a2a/push.h"
#include "a2a/remember.h"
#include "base/clock.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

enum {
    recover_retry_ms = 1000,
    sweep_least_ms = 250,
    sweep_most_ms = 30000,
};

struct a2a {
    struct a2a_settings settings;
    struct targets *targets;
    struct dispatch *dispatch;
    struct pushes *pushes;
    struct temporal *temporal;
    struct mailbox mailbox;
    struct errands errands;
    struct followers followers;
    struct rememberer rememberer;
    struct a2a_counters counters;
    struct random_source random;
    atomic_uint_fast64_t watch_ids;
    atomic_size_t room_left;
    uv_timer_t timer;                      /* recovering, then sweeping */
    char recovered_to[task_id_length + 1]; /* the last task that was looked at: those before it may
                                              run again, and must not be looked at again */
    bool is_recovered;
    bool has_untold;       /* events that memory is to hear of at once */
    bool has_failed;       /* to recover, at least once */
    struct a2a_call *held; /* until all is recovered */
    struct a2a_call **held_last;
    bool is_closing;
    bool is_closed;
    void (*closed)(void *context);
    void *closed_context;
};

static void call_route(struct a2a_call *call);

/* ---- calls ---- */

static struct a2a_call *call_of_letter(struct letter *letter)
{
    return (struct a2a_call *)(void *)((char *)letter - offsetof(struct a2a_call, letter));
}

static void call_post(struct a2a_call *call, letter_deliver *deliver)
{
    call->letter.deliver = deliver;
    bool is_posted = mailbox_post(&call->a2a->mailbox, &call->letter);
    assert(is_posted); /* whoever closes the box makes sure that nobody posts */
    (void)is_posted;
}

/* Ends a call that has no follower any more. */
static void call_answer(struct a2a_call *call)
{
    struct a2a *a2a = call->a2a;
    follower_remove(&a2a->followers, call->follower);
    call->follower = NULL;
    call->done(call);
}

static void call_refuse(struct a2a_call *call, enum a2a_outcome outcome, const char *text)
{
    call->job.outcome = outcome;
    call->job.tasks_count = 0;
    failure_set(&call->job.failure, "%s",
                text != NULL && text[0] != '\0' ? text : a2a_outcome_row(outcome)->text);
    call_answer(call);
}

/* ---- changes ---- */

static void count_end(struct a2a *a2a, enum task_state state)
{
    atomic_uint_fast64_t *counter = &a2a->counters.tasks_failed;
    if (state == TASK_COMPLETED) {
        counter = &a2a->counters.tasks_done;
    } else if (state == TASK_CANCELED) {
        counter = &a2a->counters.tasks_canceled;
    }
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* A task is on disk in a new state. */
static void task_changed(void *context, const struct task_job *job)
{
    struct a2a *a2a = context;
    const struct task *task = &job->tasks[0];
    if (task_is_over(task->state)) {
        count_end(a2a, task->state);
        remember_tell(&a2a->rememberer, task, &job->event);
    }
    if (task_is_at_rest(task->state)) {
        push_send(a2a->pushes, task, job->pushes, job->pushes_count);
    }
    followers_tell(&a2a->followers, task);
}

/* ---- sending ---- */

static enum a2a_outcome outcome_of_choice(enum status status)
{
    switch (status) {
    case STATUS_OK:
        return A2A_OK;
    case STATUS_NOT_FOUND:
        return A2A_UNKNOWN_AGENT;
    case STATUS_DENIED:
        return A2A_TARGET_DENIED;
    case STATUS_NO_MEMORY:
        return A2A_UNAVAILABLE;
    default:
        return A2A_INVALID;
    }
}

/* A random id in the call's arena. */
static bool id_make(struct a2a *a2a, struct a2a_call *call, struct slice *ret)
{
    char id[task_id_length + 1];
    task_id_fill(&a2a->random, id);
    return arena_copy(&call->job.arena, slice_make(id, task_id_length), ret);
}

static enum a2a_outcome push_prepare(struct a2a *a2a, struct a2a_call *call, struct failure *reterr)
{
    struct task_target target;
    struct task_job *job = &call->job;
    if (!targets_take_push(a2a->targets)) {
        failure_set(reterr, "%s", a2a_outcome_row(A2A_NO_PUSH)->text);
        return A2A_NO_PUSH;
    }
    enum status status = push_check(a2a->targets, job->push.url, &job->arena, &target, reterr);
    if (status == STATUS_OK && job->push.id.length == 0 &&
        !arena_copy(&job->arena, slice_make(job->task.id, task_id_length), &job->push.id)) {
        status = STATUS_NO_MEMORY;
    }
    return outcome_of_choice(status);
}

static enum a2a_outcome send_check(struct a2a *a2a, struct a2a_call *call, struct failure *reterr)
{
    const struct config *config = a2a->settings.config;
    struct task *task = &call->job.task;
    struct task_target target;
    if (task->input.length > a2a_input_bytes_max) {
        failure_set(reterr, "the input is larger than %d bytes", (int)a2a_input_bytes_max);
        return A2A_INVALID;
    }
    if (task->hops >= config->a2a_hops_max) {
        failure_set(reterr, "%s", a2a_outcome_row(A2A_TOO_MANY_HOPS)->text);
        return A2A_TOO_MANY_HOPS;
    }
    if (task->id[0] != '\0') { /* a further message: where it goes is on disk */
        return task_id_is_sound(slice_from_string(task->id)) ? A2A_OK : A2A_UNKNOWN_TASK;
    }
    enum status status = targets_choose(a2a->targets, task->target_name, task->target_url,
                                        &call->job.arena, &target, reterr);
    if (status == STATUS_OK && task->context_id.length == 0 &&
        !id_make(a2a, call, &task->context_id)) {
        status = STATUS_NO_MEMORY;
    }
    task->is_idempotent = status == STATUS_OK && target.is_idempotent;
    return outcome_of_choice(status);
}

static void call_stored(void *receiver, struct letter *letter);

/* A thread of the store. */
static void call_returned(struct task_job *job)
{
    call_post((struct a2a_call *)job, call_stored);
}

static void call_to_store(struct a2a_call *call, enum task_action action)
{
    struct a2a *a2a = call->a2a;
    call->job.action = action;
    call->job.done = call_returned;
    call->job.now_us = clock_wall_us();
    if (action == TASK_CREATE || action == TASK_CONTINUE || action == TASK_CANCEL) {
        remember_stamp(&a2a->settings, &call->job.event);
    }
    errands_begin(&a2a->errands);
    if (!task_store_run(a2a->settings.store, &call->job)) {
        call_returned(&call->job);
    }
}

/* Who waits for the task, or watches it, is noted before anything can happen to it. */
static bool call_follow(struct a2a_call *call)
{
    struct a2a *a2a = call->a2a;
    if (call->watch == NULL && !call->waits) {
        return true;
    }
    call->follower = follower_add(&a2a->followers, call->job.task.id, call, call->watch);
    return call->follower != NULL;
}

static void call_send(struct a2a_call *call)
{
    struct a2a *a2a = call->a2a;
    struct task *task = &call->job.task;
    struct failure failure = {""};
    enum a2a_outcome outcome = send_check(a2a, call, &failure);
    bool is_new = task->id[0] == '\0';
    if (outcome == A2A_OK && is_new) {
        task_id_fill(&a2a->random, task->id);
    }
    if (outcome == A2A_OK && call->job.has_push) {
        outcome = push_prepare(a2a, call, &failure);
    }
    if (outcome == A2A_OK && !call_follow(call)) {
        outcome = A2A_TOO_MANY;
    }
    if (outcome != A2A_OK) {
        call_refuse(call, outcome, failure.text);
        return;
    }
    call->place_bytes = task_bytes(task);
    call->has_place = is_new && dispatch_reserve(a2a->dispatch, call->place_bytes);
    task->state = call->has_place ? TASK_WORKING : TASK_SUBMITTED;
    call->job.limits = (struct task_limits){
        .per_user_max = a2a->settings.config->a2a_tasks_per_user_max,
        .tasks_max = a2a->settings.config->a2a_tasks_max,
    };
    call_to_store(call, is_new ? TASK_CREATE : TASK_CONTINUE);
}

/* The answer to a question that has a follower: it waits on, or hears the first event. */
static void call_answer_following(struct a2a_call *call)
{
    struct a2a *a2a = call->a2a;
    struct follower *follower = call->follower;
    const struct task *task = &call->job.tasks[0];
    struct a2a_watch *watch = follower->watch;
    if (call->job.outcome != A2A_OK || task_is_at_rest(task->state)) {
        call->was_over = call->job.outcome == A2A_OK;
        call_answer(call);
        return;
    }
    if (strcmp(follower->task_id, task->id) != 0) {
        follower_move(&a2a->followers, follower, task->id);
    }
    follower->is_ready = true;
    if (watch == NULL) {
        if (a2a->is_closing || follower->is_gone) {
            call_answer(call); /* with the task as it is */
        }
        return; /* followers_tell answers */
    }
    bool is_gone = follower->is_gone || a2a->is_closing;
    struct a2a_event *event = follower_event(follower, is_gone ? NULL : task, true, is_gone);
    if (event == NULL) {
        call_refuse(call, A2A_UNAVAILABLE, "no memory for the task");
        return;
    }
    call->follower = NULL;
    follower->call = NULL;
    if (is_gone) {
        follower_remove(&a2a->followers, follower);
    }
    call->done(call);
    watch->changed(watch, event);
}

static void send_stored(struct a2a_call *call)
{
    struct a2a *a2a = call->a2a;
    struct task_job *job = &call->job;
    bool is_new = job->outcome == A2A_OK && !job->was_there;
    if (call->has_place && !is_new) {
        dispatch_release(a2a->dispatch, call->place_bytes);
    }
    if (is_new) {
        atomic_fetch_add_explicit(&a2a->counters.tasks_created, job->action == TASK_CREATE ? 1 : 0,
                                  memory_order_relaxed);
        remember_tell(&a2a->rememberer, &job->tasks[0], &job->event);
    }
    if (is_new && !a2a->is_closing) {
        if (call->has_place) {
            dispatch_start(a2a->dispatch, &job->tasks[0], call->place_bytes);
        } else {
            dispatch_enqueue(a2a->dispatch, job->tasks[0].id);
        }
    }
    if (call->follower != NULL) {
        call_answer_following(call);
    } else {
        call_answer(call);
    }
}

static void cancel_stored(struct a2a_call *call)
{
    struct a2a *a2a = call->a2a;
    if (call->job.outcome == A2A_OK) {
        if (!a2a->is_closing) {
            dispatch_cancel(a2a->dispatch, call->job.tasks[0].id);
        }
        task_changed(a2a, &call->job);
    }
    call_answer(call);
}

static void watch_loaded(struct a2a_call *call)
{
    struct task_job *job = &call->job;
    if (job->outcome == A2A_OK && call->follower->has_missed) {
        call->follower->has_missed = false;
        call_to_store(call, TASK_LOAD); /* what was read is older than what happened */
        return;
    }
    if (job->outcome == A2A_OK && task_is_over(job->tasks[0].state)) {
        call_refuse(call, A2A_UNSUPPORTED, "the task has ended: there is nothing to hear any more");
        return;
    }
    if (job->outcome == A2A_OK && task_is_at_rest(job->tasks[0].state)) {
        call->was_over = true; /* it waits for the client itself */
        call_answer(call);
        return;
    }
    call_answer_following(call);
}

static void call_stored(void *receiver, struct letter *letter)
{
    struct a2a_call *call = call_of_letter(letter);
    struct a2a *a2a = call->a2a;
    switch (call->action) {
    case A2A_SEND:
        send_stored(call);
        break;
    case A2A_CANCEL:
        cancel_stored(call);
        break;
    case A2A_WATCH:
        watch_loaded(call);
        break;
    case A2A_GET:
    case A2A_LIST:
    case A2A_PUSH_SET:
    case A2A_PUSH_GET:
    case A2A_PUSH_LIST:
    case A2A_PUSH_DELETE:
        call_answer(call);
        break;
    }
    errands_end(&a2a->errands);
}

/* ---- the way in ---- */

static void call_watch(struct a2a_call *call)
{
    if (!task_id_is_sound(slice_from_string(call->job.task.id))) {
        call_refuse(call, A2A_UNKNOWN_TASK, NULL);
    } else if (!call_follow(call)) {
        call_refuse(call, A2A_TOO_MANY, "too many watches");
    } else {
        call_to_store(call, TASK_LOAD);
    }
}

static void call_push_set(struct a2a_call *call)
{
    struct failure failure = {""};
    enum a2a_outcome outcome = push_prepare(call->a2a, call, &failure);
    if (outcome == A2A_OK) {
        call_to_store(call, TASK_PUSH_SET);
    } else {
        call_refuse(call, outcome, failure.text);
    }
}

/* The loop's thread, after the recovery. */
static void call_route(struct a2a_call *call)
{
    switch (call->action) {
    case A2A_SEND:
        call_send(call);
        break;
    case A2A_CANCEL:
        call_to_store(call, TASK_CANCEL);
        break;
    case A2A_WATCH:
        call_watch(call);
        break;
    case A2A_PUSH_SET:
        call_push_set(call);
        break;
    case A2A_GET:
    case A2A_LIST:
    case A2A_PUSH_GET:
    case A2A_PUSH_LIST:
    case A2A_PUSH_DELETE: /* they do not come here */
        call_refuse(call, A2A_INTERNAL, NULL);
        break;
    }
}

static void call_received(void *receiver, struct letter *letter)
{
    struct a2a *a2a = receiver;
    struct a2a_call *call = call_of_letter(letter);
    if (a2a->is_closing || (!a2a->is_recovered && a2a->has_failed)) {
        call_refuse(call, A2A_UNAVAILABLE, NULL);
    } else if (!a2a->is_recovered) {
        call->next = NULL;
        *a2a->held_last = call;
        a2a->held_last = &call->next;
    } else {
        call_route(call);
    }
}

/* A thread of the store. */
static void call_answered_directly(struct task_job *job)
{
    struct a2a_call *call = (struct a2a_call *)job;
    call->done(call);
}

static void call_refused_directly(void *receiver, struct letter *letter)
{
    call_answer(call_of_letter(letter));
}

uint64_t a2a_run(struct a2a *a2a, struct a2a_call *take_call)
{
    static const struct {
        bool is_direct;
        enum task_action action;
    } ways[] = {
        [A2A_GET] = {true, TASK_LOAD},
        [A2A_LIST] = {true, TASK_LIST},
        [A2A_PUSH_GET] = {true, TASK_PUSH_GET},
        [A2A_PUSH_LIST] = {true, TASK_PUSH_LIST},
        [A2A_PUSH_DELETE] = {true, TASK_PUSH_DELETE},
    };
    struct a2a_call *call = take_call;
    call->a2a = a2a;
    uint64_t id = 0;
    if (call->watch != NULL || call->waits) {
        id = atomic_fetch_add(&a2a->watch_ids, 1) + 1;
        call->id = id;
    }
    if (call->watch != NULL) {
        call->watch->id = id;
    }
    if (!ways[call->action].is_direct) {
        call_post(call, call_received);
        return id;
    }
    call->job.action = ways[call->action].action;
    call->job.done = call_answered_directly;
    if (!task_store_run(a2a->settings.store, &call->job)) {
        call_post(call, call_refused_directly);
    }
    return id;
}

/* A call that waits for the recovery, taken out of the others. */
static struct a2a_call *held_take(struct a2a *a2a, uint64_t id)
{
    for (struct a2a_call **at = &a2a->held; *at != NULL; at = &(*at)->next) {
        struct a2a_call *call = *at;
        if (call->id == id) {
            *at = call->next;
            a2a->held_last = call->next == NULL ? at : a2a->held_last;
            return call;
        }
    }
    return NULL;
}

static void unwatch_received(void *receiver, struct letter *letter)
{
    struct a2a *a2a = receiver;
    struct a2a_leave *leave = (struct a2a_leave *)letter;
    struct follower *follower = followers_find(&a2a->followers, leave->id);
    struct a2a_call *held = follower == NULL ? held_take(a2a, leave->id) : NULL;
    free(leave);
    if (held != NULL) {
        call_refuse(held, A2A_UNAVAILABLE, NULL);
    }
    if (follower == NULL) {
        return;
    }
    follower->is_gone = true;
    if (follower->is_ready && follower->watch != NULL) {
        follower_tell(&a2a->followers, follower, NULL, true);
    } else if (follower->is_ready) {
        call_answer(follower->call); /* with the task as it was */
    }
}

struct a2a_leave *a2a_leave_create(void)
{
    return calloc(1, sizeof(struct a2a_leave));
}

void a2a_unwatch(struct a2a *a2a, uint64_t id, struct a2a_leave *take_leave)
{
    struct a2a_leave *leave = take_leave;
    leave->letter.deliver = unwatch_received;
    leave->id = id;
    bool is_posted = mailbox_post(&a2a->mailbox, &leave->letter);
    assert(is_posted);
    (void)is_posted;
}

/* ---- recovering and sweeping ---- */

static void timer_fired(uv_timer_t *timer);

static void timer_set(struct a2a *a2a, uint64_t after_ms)
{
    if (!a2a->is_closing) {
        uv_timer_start(&a2a->timer, timer_fired, after_ms, 0);
    }
}

static void held_release(struct a2a *a2a, bool is_refused)
{
    struct a2a_call *call = a2a->held;
    a2a->held = NULL;
    a2a->held_last = &a2a->held;
    while (call != NULL) {
        struct a2a_call *following = call->next;
        if (is_refused) {
            call_refuse(call, A2A_UNAVAILABLE, NULL);
        } else {
            call_route(call);
        }
        call = following;
    }
}

static void recover_step(struct a2a *a2a);

static void recover_stepped(struct errand *errand)
{
    struct a2a *a2a = errand->context;
    const struct task_job *job = &errand->job;
    bool is_done = job->outcome == A2A_OK && !job->has_more;
    for (size_t i = 0; i < job->tasks_count && job->outcome == A2A_OK && !a2a->is_closing; i++) {
        const struct task *task = &job->tasks[i];
        memcpy(a2a->recovered_to, task->id, sizeof(task->id));
        if (task->state == TASK_SUBMITTED) {
            dispatch_enqueue(a2a->dispatch, task->id);
        } else if (task->state == TASK_FAILED) { /* it comes alone */
            task_changed(a2a, job);
        }
    }
    bool is_failed = job->outcome != A2A_OK;
    errand_free(errand);
    if (a2a->is_closing) {
        return;
    }
    if (is_done) {
        a2a->is_recovered = true;
        held_release(a2a, false);
        timer_set(a2a, sweep_least_ms);
    } else if (is_failed) {
        a2a->has_failed = true;
        held_release(a2a, true);
        timer_set(a2a, recover_retry_ms);
    } else {
        recover_step(a2a);
    }
}

static void recover_step(struct a2a *a2a)
{
    struct errand *errand = errand_create(TASK_RECOVER, a2a_call_bytes_max);
    if (errand == NULL) {
        timer_set(a2a, recover_retry_ms);
        return;
    }
    memcpy(errand->job.task.id, a2a->recovered_to, sizeof(a2a->recovered_to));
    errand->job.now_us = clock_wall_us();
    remember_stamp(&a2a->settings, &errand->job.event);
    errand_run(&a2a->errands, errand, recover_stepped, a2a);
}

static uint64_t sweep_pause_ms(const struct a2a *a2a)
{
    uint64_t quarter_ms = a2a->settings.config->a2a_task_ttl_ms / 4;
    quarter_ms = quarter_ms < sweep_least_ms ? sweep_least_ms : quarter_ms;
    return quarter_ms < sweep_most_ms ? quarter_ms : sweep_most_ms;
}

static void swept(struct errand *errand)
{
    struct a2a *a2a = errand->context;
    const struct task_job *job = &errand->job;
    bool has_more = job->outcome == A2A_OK && job->has_more;
    if (job->outcome == A2A_OK && job->tasks_count > 0 && !a2a->is_closing) {
        task_changed(a2a, job);
    }
    errand_free(errand);
    timer_set(a2a, has_more || a2a->has_untold ? 0 : sweep_pause_ms(a2a));
}

/* Memory first: the events of a task go with it. */
static void sweep(void *context, bool has_untold)
{
    struct a2a *a2a = context;
    struct errand *errand = errand_create(TASK_SWEEP, a2a_call_bytes_max);
    a2a->has_untold = has_untold;
    if (errand == NULL) {
        timer_set(a2a, sweep_pause_ms(a2a));
        return;
    }
    errand->job.now_us = clock_wall_us();
    errand->job.before_us =
        errand->job.now_us - (int64_t)(a2a->settings.config->a2a_task_ttl_ms * 1000);
    remember_stamp(&a2a->settings, &errand->job.event);
    errand_run(&a2a->errands, errand, swept, a2a);
}

static void timer_fired(uv_timer_t *timer)
{
    struct a2a *a2a = timer->data;
    if (a2a->is_recovered) {
        remember_round(&a2a->rememberer, sweep, a2a);
    } else {
        recover_step(a2a);
    }
}

/* ---- the whole ---- */

static void errands_idle(void *context)
{
    struct a2a *a2a = context;
    if (a2a->is_closing && !a2a->is_closed) {
        a2a->is_closed = true;
        mailbox_close(&a2a->mailbox);
        a2a->closed(a2a->closed_context);
    }
}

static enum status workflows_create(struct a2a *a2a, struct failure *reterr)
{
    const struct config *config = a2a->settings.config;
    struct temporal_settings settings = {
        .address = config->temporal_url.data,
        .name_space = config->temporal_namespace.data,
        .task_queue = config->temporal_queue.data,
        .api_key = config->temporal_api_key.length > 0 ? config->temporal_api_key.data : NULL,
        .ca_file = config->temporal_ca_file.length > 0 ? config->temporal_ca_file.data : NULL,
        .tls = config->temporal_tls || config->temporal_api_key.length > 0,
        .calls_max = (size_t)config->a2a_concurrent_max,
    };
    struct failure why = {""};
    if (config->a2a_workflows.count == 0) {
        return STATUS_OK;
    }
    enum status status =
        temporal_create(a2a->settings.loop, a2a->settings.fetcher, &settings, &a2a->temporal, &why);
    if (status != STATUS_OK) {
        failure_set(reterr, "TEMPORAL_URL: %s", why.text);
    }
    return status;
}

static enum status parts_create(struct a2a *a2a, struct failure *reterr)
{
    struct pushes_settings pushes = {.loop = a2a->settings.loop,
                                     .fetcher = a2a->settings.fetcher,
                                     .targets = a2a->targets,
                                     .counters = &a2a->counters};
    struct dispatch_settings dispatch = {.a2a = &a2a->settings,
                                         .targets = a2a->targets,
                                         .errands = &a2a->errands,
                                         .counters = &a2a->counters,
                                         .changed = task_changed,
                                         .context = a2a};
    enum status status = workflows_create(a2a, reterr);
    if (status == STATUS_OK) {
        dispatch.temporal = a2a->temporal;
        status = pushes_create(&pushes, &a2a->pushes, reterr);
    }
    return status == STATUS_OK ? dispatch_create(&dispatch, &a2a->dispatch, reterr) : status;
}

enum status a2a_open(const struct a2a_settings *settings, struct a2a **ret, struct failure *reterr)
{
    struct a2a *a2a = calloc(1, sizeof(*a2a));
    if (a2a == NULL) {
        failure_set(reterr, "no memory for tasks");
        return STATUS_NO_MEMORY;
    }
    a2a->settings = *settings;
    a2a->held_last = &a2a->held;
    a2a->rememberer = (struct rememberer){.settings = &a2a->settings, .errands = &a2a->errands};
    size_t stream = a2a_stream_bytes_max(settings->config);
    atomic_init(&a2a->room_left, stream > a2a_room_bytes_max ? stream : a2a_room_bytes_max);
    a2a->errands = (struct errands){
        .store = settings->store, .mailbox = &a2a->mailbox, .idle = errands_idle, .context = a2a};
    enum status status = targets_create(settings->config, &a2a->targets, reterr);
    if (status == STATUS_OK) {
        status = parts_create(a2a, reterr);
    }
    if (status == STATUS_OK) {
        status = mailbox_open(&a2a->mailbox, settings->loop, a2a, reterr);
    }
    if (status != STATUS_OK) { /* their handles close by themselves */
        dispatch_free(a2a->dispatch);
        pushes_free(a2a->pushes);
        temporal_free(a2a->temporal);
        targets_free(a2a->targets);
        free(a2a);
        return status;
    }
    uv_timer_init(settings->loop, &a2a->timer); /* it cannot fail */
    a2a->timer.data = a2a;
    timer_set(a2a, 0);
    *ret = a2a;
    return STATUS_OK;
}

void a2a_close(struct a2a *a2a, void (*closed)(void *context), void *context)
{
    a2a->is_closing = a2a->rememberer.is_closing = true;
    a2a->closed = closed;
    a2a->closed_context = context;
    held_release(a2a, true);
    followers_clear(&a2a->followers);
    dispatch_free(a2a->dispatch);
    pushes_free(a2a->pushes);
    temporal_free(a2a->temporal);
    uv_close((uv_handle_t *)&a2a->timer, NULL);
    errands_begin(&a2a->errands); /* so that the end is noticed when there were none */
    errands_end(&a2a->errands);
}

void a2a_free(struct a2a *a2a)
{
    if (a2a != NULL) {
        mailbox_clear(&a2a->mailbox);
        targets_free(a2a->targets);
        free(a2a);
    }
}

size_t a2a_stream_bytes_max(const struct config *config)
{
    /* the result as an artifact and as it came, the input, the history, and some more */
    enum { beside_bytes = 32 * 1024 * 1024 };
    return 2 * (size_t)config->a2a_result_max_bytes + beside_bytes;
}

bool a2a_room_take(struct a2a *a2a, size_t bytes)
{
    size_t left = atomic_load(&a2a->room_left);
    while (left >= bytes) {
        if (atomic_compare_exchange_weak(&a2a->room_left, &left, left - bytes)) {
            return true;
        }
    }
    return false;
}

void a2a_room_give(struct a2a *a2a, size_t bytes)
{
    atomic_fetch_add(&a2a->room_left, bytes);
}

const struct targets *a2a_targets(const struct a2a *a2a)
{
    return a2a->targets;
}

const struct a2a_counters *a2a_counters(const struct a2a *a2a)
{
    return &a2a->counters;
}

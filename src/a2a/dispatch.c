/* SPDX-License-Identifier: MIT
 *
 * dispatch.c - one struct run for each task that has a place, and the queue of those that have
 * none. Thread: the loop's. */
#include "a2a/dispatch.h"

#include "a2a/call_fields.h"
#include "a2a/outgoing.h"
#include "a2a/remember.h"
#include "base/clock.h"
#include "http/fetch.h"

#include <assert.h>
#include <stdlib.h>

enum {
    run_arena_bytes_max = 96 * 1024 * 1024,
    body_bytes_max = 64 * 1024 * 1024,
    poll_first_ms = 200,
    poll_most_ms = 2000,
    cancel_timeout_ms = 5000,
};

enum run_state {
    RUN_LOADING,  /* an errand reads the task */
    RUN_STARTING, /* an errand writes that it is WORKING */
    RUN_CALLING,  /* a fetch or a workflow */
    RUN_RESTING,  /* until the A2A agent is asked again */
    RUN_STORING,  /* an errand writes the end */
    RUN_RETRYING, /* until that is tried again */
};

struct run {
    struct dispatch *dispatch;
    struct run *previous, *next;
    enum run_state state;
    bool is_canceled;   /* on disk; what still comes back is dropped */
    size_t bytes;       /* counted in dispatch->bytes */
    size_t reply_bytes; /* of them: what came back; counted in dispatch->reply_bytes */
    struct arena arena;
    struct task task;
    struct task_target target;
    struct fetch *fetch;
    struct temporal_handle *workflow;
    uint64_t due_ms;      /* RUN_RESTING, RUN_RETRYING: on the loop's clock */
    uint64_t deadline_ms; /* of the whole call */
    uint64_t poll_ms;
    struct outgoing_reply end; /* what is to be written */
};

struct queued {
    struct queued *next;
    char id[task_id_length + 1];
};

struct dispatch {
    struct dispatch_settings settings;
    const struct config *config;
    uv_timer_t timer;
    struct run *runs;
    size_t runs_count; /* reserved places included */
    size_t bytes;
    size_t reply_bytes;
    struct queued *first;
    struct queued **last;
    size_t queued_count;
    uint64_t pump_after_ms; /* the store had trouble: no new task before */
    bool is_ending;
    bool is_closed; /* the timer */
};

static void dispatch_pump(struct dispatch *dispatch);
static void run_call(struct run *run);

static uint64_t now_ms(const struct dispatch *dispatch)
{
    uv_update_time(dispatch->settings.a2a->loop);
    return uv_now(dispatch->settings.a2a->loop);
}

static void gauges_set(struct dispatch *dispatch)
{
    atomic_store_explicit(&dispatch->settings.counters->tasks_running, dispatch->runs_count,
                          memory_order_relaxed);
    atomic_store_explicit(&dispatch->settings.counters->tasks_queued, dispatch->queued_count,
                          memory_order_relaxed);
}

/* ---- places ---- */

bool dispatch_reserve(struct dispatch *dispatch, size_t bytes)
{
    bool is_free = !dispatch->is_ending && dispatch->first == NULL &&
                   dispatch->runs_count < dispatch->config->a2a_concurrent_max &&
                   (dispatch->runs_count == 0 || dispatch->bytes + bytes <= dispatch_bytes_max);
    if (is_free) {
        dispatch->runs_count++;
        dispatch->bytes += bytes;
        gauges_set(dispatch);
    }
    return is_free;
}

void dispatch_release(struct dispatch *dispatch, size_t bytes)
{
    dispatch->runs_count--;
    dispatch->bytes -= bytes;
    gauges_set(dispatch);
    dispatch_pump(dispatch);
}

/* Owns a place that was taken. NULL without memory: then the place is free again. */
static struct run *run_create(struct dispatch *dispatch, size_t bytes)
{
    struct run *run = calloc(1, sizeof(*run));
    if (run == NULL) {
        dispatch->runs_count--;
        dispatch->bytes -= bytes;
        return NULL;
    }
    arena_init(&run->arena, run_arena_bytes_max);
    run->dispatch = dispatch;
    run->bytes = bytes;
    run->poll_ms = poll_first_ms;
    run->next = dispatch->runs;
    if (run->next != NULL) {
        run->next->previous = run;
    }
    dispatch->runs = run;
    return run;
}

static void dispatch_free_if_over(struct dispatch *dispatch)
{
    if (dispatch->is_closed && dispatch->runs == NULL) {
        free(dispatch);
    }
}

/* May free the dispatch that is ending. */
static void run_free(struct run *run)
{
    struct dispatch *dispatch = run->dispatch;
    fetch_cancel(run->fetch);
    temporal_abandon(run->workflow);
    if (run->previous != NULL) {
        run->previous->next = run->next;
    } else {
        dispatch->runs = run->next;
    }
    if (run->next != NULL) {
        run->next->previous = run->previous;
    }
    dispatch->runs_count--;
    dispatch->bytes -= run->bytes;
    dispatch->reply_bytes -= run->reply_bytes;
    arena_clear(&run->arena);
    free(run);
    if (dispatch->is_ending) {
        dispatch_free_if_over(dispatch);
    } else {
        gauges_set(dispatch);
        dispatch_pump(dispatch);
    }
}

/* ---- the timer: runs that rest ---- */

static void timer_fired(uv_timer_t *timer);

static void timer_arm(struct dispatch *dispatch, uint64_t due_ms)
{
    uint64_t now = now_ms(dispatch);
    uint64_t after_ms = due_ms > now ? due_ms - now : 0;
    if (dispatch->is_ending) {
        return;
    }
    if (!uv_is_active((uv_handle_t *)&dispatch->timer) ||
        uv_timer_get_due_in(&dispatch->timer) > after_ms) {
        uv_timer_start(&dispatch->timer, timer_fired, after_ms, 0);
    }
}

static void run_rest(struct run *run, enum run_state state, uint64_t after_ms)
{
    run->state = state;
    run->due_ms = now_ms(run->dispatch) + after_ms;
    timer_arm(run->dispatch, run->due_ms);
}

/* ---- the end of a run ---- */

static void run_store(struct run *run);

static void run_stored(struct errand *errand)
{
    struct run *run = errand->context;
    struct dispatch *dispatch = run->dispatch;
    enum a2a_outcome outcome = errand->job.outcome;
    bool is_refused = outcome == A2A_BUSY || outcome == A2A_UNAVAILABLE || outcome == A2A_DISK_FULL;
    if (outcome == A2A_OK && !dispatch->is_ending) {
        dispatch->settings.changed(dispatch->settings.context, &errand->job);
    }
    errand_free(errand);
    if (is_refused && !run->is_canceled && !dispatch->is_ending) {
        run_rest(run, RUN_RETRYING, dispatch_store_retry_ms);
        return;
    }
    run_free(run); /* done, or it was canceled in the meantime */
}

/* Writes run->end; slices of it live in the run's arena. */
static void run_store(struct run *run)
{
    struct errand *errand = errand_create(TASK_MOVE, run_arena_bytes_max);
    if (errand == NULL) {
        run_rest(run, RUN_RETRYING, dispatch_store_retry_ms);
        return;
    }
    run->state = RUN_STORING;
    errand->job.task = (struct task){
        .state = run->end.state,
        .result = run->end.result,
        .result_is_a2a = run->end.result_is_a2a,
        .detail = run->end.detail,
        .remote_id = run->end.remote_id,
        .remote_context_id = run->end.remote_context_id,
    };
    memcpy(errand->job.task.id, run->task.id, sizeof(run->task.id));
    errand->job.with_pushes = true;
    errand->job.now_us = clock_wall_us();
    remember_stamp(run->dispatch->settings.a2a, &errand->job.event);
    errand_run(run->dispatch->settings.errands, errand, run_stored, run);
}

/* Counts what is kept until it is stored, which a full disk may delay. False: it is too much. */
static bool run_count_reply(struct run *run, size_t bytes)
{
    struct dispatch *dispatch = run->dispatch;
    size_t most = dispatch->settings.a2a->replies_bytes_max;
    most = most > 0 ? most : dispatch_replies_bytes_max;
    if (dispatch->reply_bytes > 0 && dispatch->reply_bytes + bytes > most) {
        return false;
    }
    run->reply_bytes += bytes;
    run->bytes += bytes;
    dispatch->reply_bytes += bytes;
    dispatch->bytes += bytes;
    return true;
}

static void run_end(struct run *run, const struct outgoing_reply *end)
{
    struct outgoing_reply copy = *end;
    struct slice *slices[] = {&copy.result, &copy.detail, &copy.remote_id, &copy.remote_context_id};
    if (run->is_canceled) {
        run_free(run);
        return;
    }
    if (!run_count_reply(run, copy.result.length)) {
        copy = (struct outgoing_reply){
            .state = TASK_FAILED,
            .detail = SLICE("too many answers wait for room on the disk of the gateway")};
    }
    for (size_t i = 0; i < sizeof(slices) / sizeof(slices[0]); i++) {
        if (slices[i]->length > 0 && !arena_copy(&run->arena, *slices[i], slices[i])) {
            copy = (struct outgoing_reply){.state = TASK_FAILED,
                                           .detail = SLICE("no memory for the target's answer")};
            break;
        }
    }
    run->end = copy;
    run_store(run);
}

static void run_fail(struct run *run, const char *detail)
{
    struct outgoing_reply end = {.state = TASK_FAILED, .detail = slice_from_string(detail)};
    run_end(run, &end);
}

/* ---- HTTP ---- */

/* POSTs <body> to the run's target. <done> NULL: nobody waits for the answer. */
static enum status run_post(struct run *run, struct slice body, uint64_t timeout_ms,
                            fetch_done *done, struct fetch **ret_fetch, struct failure *reterr)
{
    const struct a2a_settings *a2a = run->dispatch->settings.a2a;
    struct call_fields fields;
    enum status status = STATUS_NO_MEMORY;
    const struct config *config = a2a->config;
    bool is_engine = run->target.kind == TASK_TARGET_ENGINE;
    failure_set(reterr, "no token for the agent could be made");
    if (call_fields_make(&fields, a2a, &run->task, &run->target, reterr)) {
        struct fetch_request request = {
            .method = "POST",
            .url = run->target.url.data,
            .fields = fields.pointers,
            .body = body,
            .timeout_ms = timeout_ms,
            .reply_bytes_max = (size_t)config->a2a_result_max_bytes,
            .address_policy = run->target.address_policy,
            .ca_file =
                is_engine && config->engine_ca_file.length > 0 ? config->engine_ca_file.data : NULL,
        };
        status = fetch_start(a2a->fetcher, &request, done, run, ret_fetch, reterr);
    }
    call_fields_clear(&fields);
    return status;
}

static void ignore_reply(void *context, const struct fetch_reply *reply)
{
}

/* An A2A agent is told that nobody waits any more; whether it listens is its own affair. */
static void run_tell_cancel(struct run *run)
{
    struct buffer body;
    if (run->target.protocol == PROTOCOL_CHAT || run->task.remote_id.length == 0) {
        return;
    }
    buffer_init(&body, 16 * 1024);
    outgoing_append_cancel(run->target.protocol, run->task.remote_id, &body);
    if (!body.failed) {
        (void)!run_post(run, buffer_slice(&body), cancel_timeout_ms, ignore_reply, NULL, NULL);
    }
    buffer_clear(&body);
}

static const char *fetch_fault(enum status status)
{
    switch (status) {
    case STATUS_TIMEOUT:
        return "the target did not answer in time";
    case STATUS_DENIED:
        return "the target's address may not be called";
    case STATUS_LIMIT:
        return "the target's answer is larger than A2A_RESULT_MAX";
    case STATUS_NO_MEMORY:
        return "no memory for the target's answer";
    case STATUS_INVALID:
        return "the target's URL cannot be called";
    default:
        return "the target cannot be reached, or broke the connection";
    }
}

static void run_time_out(struct run *run)
{
    run_tell_cancel(run);
    run_fail(run, fetch_fault(STATUS_TIMEOUT));
}

/* The A2A agent works on: ask again soon. */
static void run_wait(struct run *run, const struct outgoing_reply *reply)
{
    if (run->task.remote_id.length == 0 &&
        (!arena_copy(&run->arena, reply->remote_id, &run->task.remote_id) ||
         !arena_copy(&run->arena, reply->remote_context_id, &run->task.remote_context_id))) {
        run_fail(run, fetch_fault(STATUS_NO_MEMORY));
        return;
    }
    if (now_ms(run->dispatch) + run->poll_ms >= run->deadline_ms) {
        run_time_out(run);
        return;
    }
    run_rest(run, RUN_RESTING, run->poll_ms);
    run->poll_ms = run->poll_ms * 2 < poll_most_ms ? run->poll_ms * 2 : poll_most_ms;
}

static void run_answered(void *context, const struct fetch_reply *reply)
{
    struct run *run = context;
    const struct config *config = run->dispatch->config;
    struct outgoing_reply read = {0};
    run->fetch = NULL;
    if (reply->status == STATUS_TIMEOUT) {
        run_time_out(run);
        return;
    }
    if (reply->status != STATUS_OK) {
        run_fail(run, fetch_fault(reply->status));
        return;
    }
    outgoing_read(run->target.protocol, reply->code, reply->body,
                  (size_t)config->a2a_result_max_bytes, &run->arena, &read);
    if (read.state == TASK_SUBMITTED || read.state == TASK_WORKING) {
        run_wait(run, &read);
        return;
    }
    run_end(run, &read);
}

static void run_call_http(struct run *run, bool is_poll)
{
    struct buffer body;
    struct failure failure = {""};
    struct dispatch *dispatch = run->dispatch;
    uint64_t now = now_ms(dispatch);
    enum status status = STATUS_OK;
    if (now >= run->deadline_ms) {
        run_time_out(run);
        return;
    }
    buffer_init(&body, body_bytes_max);
    if (is_poll) {
        outgoing_append_get(run->target.protocol, run->task.remote_id, &body);
    } else {
        status = outgoing_append_body(&run->task, &run->target, dispatch->config->a2a_model, &body,
                                      &failure);
    }
    bool is_body = status == STATUS_OK;
    run->state = RUN_CALLING;
    if (is_body) {
        status = run_post(run, buffer_slice(&body), run->deadline_ms - now, run_answered,
                          &run->fetch, &failure);
    }
    buffer_clear(&body);
    if (status == STATUS_OK) {
        return;
    }
    run->fetch = NULL;
    if (is_body && status == STATUS_LIMIT) {
        failure_set(&failure, "too many calls to targets at once");
    }
    struct slice detail = {NULL, 0};
    (void)!arena_copy(&run->arena, slice_from_string(failure.text), &detail);
    struct outgoing_reply end = {.state = TASK_FAILED, .detail = detail};
    run_end(run, &end);
}

/* ---- workflows ---- */

static void workflow_ended(void *context, const struct temporal_outcome *outcome)
{
    struct run *run = context;
    struct outgoing_reply end = {.state = TASK_FAILED, .detail = outcome->message};
    run->workflow = NULL;
    switch (outcome->end) {
    case TEMPORAL_COMPLETED:
        end = (struct outgoing_reply){.state = TASK_COMPLETED, .result = outcome->result};
        break;
    case TEMPORAL_CANCELED:
        end.state = TASK_CANCELED;
        break;
    case TEMPORAL_FAILED:
    case TEMPORAL_TIMED_OUT:
    case TEMPORAL_TERMINATED:
    case TEMPORAL_REFUSED:
    case TEMPORAL_UNREACHABLE:
        break;
    }
    if (end.result.length > run->dispatch->config->a2a_result_max_bytes) {
        end = (struct outgoing_reply){.state = TASK_FAILED,
                                      .detail = SLICE("the workflow's result is larger than "
                                                      "A2A_RESULT_MAX")};
    }
    run_end(run, &end);
}

static void run_call_workflow(struct run *run)
{
    struct dispatch *dispatch = run->dispatch;
    struct buffer argument;
    struct failure failure = {""};
    buffer_init(&argument, body_bytes_max);
    enum status status = STATUS_UNSUPPORTED;
    if (dispatch->settings.temporal == NULL) {
        failure_set(&failure, "Temporal is not set up");
    } else {
        status = outgoing_append_argument(&run->task, &argument, &failure);
    }
    if (status == STATUS_OK) {
        struct temporal_call call = {
            .task_id = slice_make(run->task.id, task_id_length),
            .workflow_type = run->target.name,
            .input = buffer_slice(&argument),
            .user = run->task.owner.user,
            .session = run->task.session,
            .timeout_ms = dispatch->config->a2a_task_timeout_ms,
        };
        run->state = RUN_CALLING;
        status = temporal_run(dispatch->settings.temporal, &call, workflow_ended, run,
                              &run->workflow, &failure);
    }
    buffer_clear(&argument);
    if (status != STATUS_OK) {
        struct slice detail = {NULL, 0};
        (void)!arena_copy(&run->arena, slice_from_string(failure.text), &detail);
        struct outgoing_reply end = {.state = TASK_FAILED, .detail = detail};
        run_end(run, &end);
    }
}

/* ---- the way of a run ---- */

/* The task is WORKING on disk. What may be called is decided once more: the lists may have changed
 * since it was sent. */
static void run_call(struct run *run)
{
    struct dispatch *dispatch = run->dispatch;
    run->deadline_ms = now_ms(dispatch) + dispatch->config->a2a_task_timeout_ms;
    enum status status = targets_choose(dispatch->settings.targets, run->task.target_name,
                                        run->task.target_url, &run->arena, &run->target, NULL);
    if (status != STATUS_OK) {
        run_fail(run, "the target may not be called any more");
    } else if (run->target.kind == TASK_TARGET_WORKFLOW) {
        run_call_workflow(run);
    } else {
        run_call_http(run, false);
    }
}

static void queue_put_back(struct dispatch *dispatch, const char *id)
{
    dispatch->pump_after_ms = now_ms(dispatch) + dispatch_store_retry_ms;
    dispatch_enqueue(dispatch, id);
    timer_arm(dispatch, dispatch->pump_after_ms);
}

static bool outcome_is_refusal(enum a2a_outcome outcome)
{
    return outcome == A2A_BUSY || outcome == A2A_UNAVAILABLE || outcome == A2A_DISK_FULL;
}

/* An errand of the start came back with nothing to start. */
static void run_not_started(struct run *run, enum a2a_outcome outcome)
{
    struct dispatch *dispatch = run->dispatch;
    if (outcome_is_refusal(outcome) && !run->is_canceled && !dispatch->is_ending) {
        queue_put_back(dispatch, run->task.id);
    }
    run_free(run);
}

static void run_started(struct errand *errand)
{
    struct run *run = errand->context;
    struct dispatch *dispatch = run->dispatch;
    enum a2a_outcome outcome = errand->job.outcome;
    bool goes_on = outcome == A2A_OK && !run->is_canceled && !dispatch->is_ending;
    if (goes_on) {
        dispatch->settings.changed(dispatch->settings.context, &errand->job);
    }
    errand_free(errand);
    if (goes_on && !run->is_canceled) {
        run_call(run);
    } else {
        run_not_started(run, outcome);
    }
}

static void run_loaded(struct errand *errand)
{
    struct run *run = errand->context;
    struct dispatch *dispatch = run->dispatch;
    enum a2a_outcome outcome = errand->job.outcome;
    struct task loaded = {0};
    bool goes_on = outcome == A2A_OK && !run->is_canceled && !dispatch->is_ending &&
                   errand->job.tasks[0].state == TASK_SUBMITTED &&
                   task_copy(&errand->job.tasks[0], &run->arena, &loaded) == STATUS_OK;
    errand_free(errand);
    struct errand *start = goes_on ? errand_create(TASK_MOVE, run_arena_bytes_max) : NULL;
    if (start == NULL) {
        run_not_started(run, goes_on ? A2A_BUSY : outcome);
        return;
    }
    run->task = loaded;
    run->bytes = task_bytes(&loaded);
    dispatch->bytes += run->bytes;
    run->state = RUN_STARTING;
    start->job.task.state = TASK_WORKING;
    memcpy(start->job.task.id, loaded.id, sizeof(loaded.id));
    start->job.now_us = clock_wall_us();
    errand_run(dispatch->settings.errands, start, run_started, run);
}

/* ---- the queue ---- */

static bool dispatch_has_room(const struct dispatch *dispatch)
{
    return !dispatch->is_ending && dispatch->runs_count < dispatch->config->a2a_concurrent_max &&
           dispatch->bytes < dispatch_bytes_max;
}

static void dispatch_pump(struct dispatch *dispatch)
{
    while (dispatch->first != NULL && dispatch_has_room(dispatch) &&
           now_ms(dispatch) >= dispatch->pump_after_ms) {
        struct queued *queued = dispatch->first;
        struct errand *errand = errand_create(TASK_LOAD_TO_RUN, run_arena_bytes_max);
        dispatch->runs_count++;
        struct run *run = errand == NULL ? NULL : run_create(dispatch, 0);
        if (run == NULL) {
            dispatch->runs_count -= errand == NULL ? 1 : 0;
            errand_free(errand);
            dispatch->pump_after_ms = now_ms(dispatch) + dispatch_store_retry_ms;
            timer_arm(dispatch, dispatch->pump_after_ms);
            break;
        }
        memcpy(run->task.id, queued->id, sizeof(queued->id));
        memcpy(errand->job.task.id, queued->id, sizeof(queued->id));
        dispatch->first = queued->next;
        dispatch->last = dispatch->first == NULL ? &dispatch->first : dispatch->last;
        dispatch->queued_count--;
        free(queued);
        run->state = RUN_LOADING;
        errand_run(dispatch->settings.errands, errand, run_loaded, run);
    }
    gauges_set(dispatch);
}

void dispatch_enqueue(struct dispatch *dispatch, const char *id)
{
    struct queued *queued = calloc(1, sizeof(*queued));
    if (queued == NULL) {
        return;
    }
    memcpy(queued->id, id, task_id_length);
    *dispatch->last = queued;
    dispatch->last = &queued->next;
    dispatch->queued_count++;
    dispatch_pump(dispatch);
}

void dispatch_start(struct dispatch *dispatch, const struct task *task, size_t bytes)
{
    struct run *run = run_create(dispatch, bytes);
    if (run == NULL) {
        return; /* WORKING on disk: the next start of the gateway finds it */
    }
    memcpy(run->task.id, task->id, sizeof(task->id));
    if (task_copy(task, &run->arena, &run->task) != STATUS_OK) {
        run_fail(run, "no memory for the task");
        return;
    }
    run_call(run);
}

void dispatch_cancel(struct dispatch *dispatch, const char *id)
{
    struct run *run = dispatch->runs;
    while (run != NULL && strcmp(run->task.id, id) != 0) {
        run = run->next;
    }
    if (run == NULL || run->is_canceled) {
        return; /* a queued one is not SUBMITTED any more when its turn comes */
    }
    run->is_canceled = true;
    switch (run->state) {
    case RUN_LOADING:
    case RUN_STARTING:
    case RUN_STORING:
        return; /* the errand comes back */
    case RUN_CALLING:
        if (run->workflow != NULL) {
            temporal_cancel(run->workflow); /* it says when it has ended */
            return;
        }
        break;
    case RUN_RESTING:
    case RUN_RETRYING:
        break;
    }
    run_tell_cancel(run);
    run_free(run);
}

/* ---- time ---- */

static void timer_fired(uv_timer_t *timer)
{
    struct dispatch *dispatch = timer->data;
    uint64_t now = now_ms(dispatch);
    uint64_t next_ms = UINT64_MAX;
    struct run *run = dispatch->runs;
    while (run != NULL) {
        struct run *following = run->next; /* nothing below frees another run */
        bool rests = run->state == RUN_RESTING || run->state == RUN_RETRYING;
        if (rests && run->due_ms <= now) {
            if (run->state == RUN_RETRYING) {
                run_store(run);
            } else {
                run_call_http(run, true);
            }
        } else if (rests) {
            next_ms = run->due_ms < next_ms ? run->due_ms : next_ms;
        }
        run = following;
    }
    if (dispatch->first != NULL && dispatch->pump_after_ms > now) {
        next_ms = dispatch->pump_after_ms < next_ms ? dispatch->pump_after_ms : next_ms;
    }
    if (next_ms != UINT64_MAX) {
        timer_arm(dispatch, next_ms);
    }
    dispatch_pump(dispatch);
}

enum status dispatch_create(const struct dispatch_settings *settings, struct dispatch **ret,
                            struct failure *reterr)
{
    struct dispatch *dispatch = calloc(1, sizeof(*dispatch));
    if (dispatch == NULL || uv_timer_init(settings->a2a->loop, &dispatch->timer) != 0) {
        free(dispatch);
        failure_set(reterr, "no memory for the dispatcher");
        return STATUS_NO_MEMORY;
    }
    dispatch->settings = *settings;
    dispatch->config = settings->a2a->config;
    dispatch->timer.data = dispatch;
    dispatch->last = &dispatch->first;
    *ret = dispatch;
    return STATUS_OK;
}

static void timer_closed(uv_handle_t *handle)
{
    struct dispatch *dispatch = handle->data;
    dispatch->is_closed = true;
    dispatch_free_if_over(dispatch);
}

void dispatch_free(struct dispatch *dispatch)
{
    if (dispatch == NULL || dispatch->is_ending) {
        return;
    }
    dispatch->is_ending = true;
    while (dispatch->first != NULL) {
        struct queued *queued = dispatch->first;
        dispatch->first = queued->next;
        free(queued);
    }
    struct run *run = dispatch->runs;
    while (run != NULL) {
        struct run *following = run->next;
        if (run->state == RUN_CALLING || run->state == RUN_RESTING || run->state == RUN_RETRYING) {
            run_free(run);
        }
        run = following;
    }
    uv_close((uv_handle_t *)&dispatch->timer, timer_closed);
}

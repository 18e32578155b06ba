/* SPDX-License-Identifier: MIT
 *
 * remember.c - see remember.h. Thread: the loop's, but for a2a_remembered. */
#include "a2a/remember.h"

#include "base/buffer.h"
#include "base/clock.h"

#include <assert.h>
#include <stdlib.h>

struct a2a_remembering {
    struct letter letter;
    struct rememberer *rememberer;
    char id[event_id_length + 1];
    bool is_kept;
    bool is_of_round;
};

void remember_stamp(const struct a2a_settings *settings, struct task_event *ret)
{
    struct event event = {0};
    *ret = (struct task_event){0};
    if (settings->remember != NULL) {
        settings->stamp(settings->context, &event);
        memcpy(ret->id, event.id, sizeof(ret->id));
        ret->at_us = event.timestamp_us;
    }
}

/* ---- acknowledged ---- */

static void rows_clear(struct rememberer *rememberer);

static void rows_cleared(struct errand *errand)
{
    struct rememberer *rememberer = errand->context;
    errand_free(errand); /* rows that stayed are told again, and then cleared */
    rememberer->is_clearing = false;
    rows_clear(rememberer);
}

static void rows_clear(struct rememberer *rememberer)
{
    if (rememberer->is_clearing || rememberer->kept_count == 0) {
        return;
    }
    struct errand *errand = errand_create(TASK_EVENTS_KEPT, sizeof(rememberer->kept) * 2);
    if (errand == NULL) {
        return; /* with the next one */
    }
    errand->job.kept = arena_allocate_zeroed(&errand->job.arena, rememberer->kept_count,
                                             sizeof(rememberer->kept[0]));
    if (errand->job.kept == NULL) {
        errand_free(errand);
        return;
    }
    memcpy(errand->job.kept, rememberer->kept,
           rememberer->kept_count * sizeof(rememberer->kept[0]));
    errand->job.kept_count = rememberer->kept_count;
    rememberer->kept_count = 0;
    rememberer->is_clearing = true;
    errand_run(rememberer->errands, errand, rows_cleared, rememberer);
}

static void round_told(struct rememberer *rememberer, bool is_kept);

static void remembered_delivered(void *receiver, struct letter *letter)
{
    struct a2a_remembering *remembering = (struct a2a_remembering *)letter;
    struct rememberer *rememberer = remembering->rememberer;
    if (remembering->is_kept && rememberer->kept_count < remember_kept_max) {
        struct task_event *kept = &rememberer->kept[rememberer->kept_count++];
        memcpy(kept->id, remembering->id, sizeof(kept->id));
        rows_clear(rememberer);
    }
    if (remembering->is_of_round) {
        round_told(rememberer, remembering->is_kept);
    }
    free(remembering);
    errands_end(rememberer->errands);
}

/* Any thread. The box is open for as long as an errand is under way. */
void a2a_remembered(struct a2a_remembering *take_remembering, bool is_kept)
{
    struct a2a_remembering *remembering = take_remembering;
    remembering->is_kept = is_kept;
    remembering->letter.deliver = remembered_delivered;
    bool is_posted = mailbox_post(remembering->rememberer->errands->mailbox, &remembering->letter);
    assert(is_posted);
    (void)is_posted;
}

/* ---- telling ---- */

static void append_detail(const struct task *task, struct buffer *detail)
{
    buffer_append_string(detail, "{\"detail\":");
    buffer_append_json_string(detail, task->detail);
    buffer_append_byte(detail, '}');
}

/* False without memory: the row stays. */
static bool tell(struct rememberer *rememberer, const struct task *task,
                 const struct task_event *told, bool is_of_round)
{
    const struct a2a_settings *settings = rememberer->settings;
    struct buffer detail;
    struct a2a_remembering *remembering = calloc(1, sizeof(*remembering));
    if (remembering == NULL) {
        return false;
    }
    remembering->rememberer = rememberer;
    remembering->is_of_round = is_of_round;
    memcpy(remembering->id, told->id, sizeof(remembering->id));
    struct event event = {
        .timestamp_us = told->at_us,
        .issuer = task->owner.issuer,
        .subject = task->owner.subject,
        .user = task->owner.user,
        .session = task->session,
        .event = told->is_result ? SLICE("task_result") : SLICE("task_sent"),
        .task = slice_make(task->id, task_id_length),
        .agent = task->target_name.length > 0 ? task->target_name : task->target_url,
        .request_id = task->request_id,
        .tokens_in = -1,
        .tokens_out = -1,
    };
    memcpy(event.id, told->id, sizeof(event.id));
    buffer_init(&detail, task_detail_bytes_max * 8);
    if (!told->is_result) {
        event.payload = task->input;
    } else {
        event.state = slice_from_string(task_state_plain(task->state));
        event.result = task->result;
        if (task->result.length == 0) {
            append_detail(task, &detail);
            event.result = detail.failed ? (struct slice){NULL, 0} : buffer_slice(&detail);
        }
    }
    errands_begin(rememberer->errands);
    settings->remember(settings->context, &event, remembering);
    buffer_clear(&detail);
    return true;
}

void remember_tell(struct rememberer *rememberer, const struct task *task,
                   const struct task_event *event)
{
    if (event->id[0] != '\0') {
        (void)tell(rememberer, task, event, false);
    }
}

/* ---- the round ---- */

static void round_step(struct rememberer *rememberer);

static void round_end(struct rememberer *rememberer, bool has_more)
{
    rememberer->was_round = true;
    if (!rememberer->is_closing) {
        rememberer->rounded(rememberer->context, has_more);
    }
}

static void round_told(struct rememberer *rememberer, bool is_kept)
{
    rememberer->told_count++;
    if (!is_kept || rememberer->told_count == remember_round_events_max) {
        round_end(rememberer, is_kept); /* a memory that refuses is asked again later */
    } else {
        round_step(rememberer);
    }
}

static void round_read(struct errand *errand)
{
    struct rememberer *rememberer = errand->context;
    const struct task_job *job = &errand->job;
    bool is_told = false;
    if (job->outcome == A2A_OK && job->has_more) {
        memcpy(rememberer->told_to, job->event.id, sizeof(rememberer->told_to));
        is_told = !rememberer->is_closing && tell(rememberer, &job->tasks[0], &job->event, true);
    } else {
        rememberer->told_to[0] = '\0'; /* from the first one, the next time */
    }
    errand_free(errand);
    if (!is_told) {
        round_end(rememberer, false);
    }
}

static void round_step(struct rememberer *rememberer)
{
    struct errand *errand =
        rememberer->is_closing ? NULL : errand_create(TASK_EVENT_NEXT, a2a_call_bytes_max);
    if (errand == NULL) {
        round_end(rememberer, false);
        return;
    }
    int64_t now_us = clock_wall_us();
    memcpy(errand->job.event.id, rememberer->told_to, sizeof(rememberer->told_to));
    errand->job.before_us =
        rememberer->was_round ? now_us - (int64_t)remember_grace_ms * 1000 : INT64_MAX;
    errand_run(rememberer->errands, errand, round_read, rememberer);
}

void remember_round(struct rememberer *rememberer, void (*rounded)(void *context, bool has_more),
                    void *context)
{
    rememberer->rounded = rounded;
    rememberer->context = context;
    rememberer->told_count = 0;
    if (rememberer->settings->remember == NULL) {
        round_end(rememberer, false);
    } else {
        round_step(rememberer);
    }
}

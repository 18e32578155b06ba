/* SPDX-License-Identifier: MIT
 *
 * a2a.h - the front door of this folder for gateway/: hands tasks in, asks for them, watches them.
 *
 * A worker fills an a2a_call and gives it to a2a_run; exactly one answer comes, through <done>, on
 * another thread (the control thread or one of the store's): it must not block there, it posts
 * a letter to its worker. Tasks run on the control thread's loop (dispatch.h), on which a2a_open
 * was called. A task in an answer is on disk.
 *
 * Any thread may call a2a_run and a2a_unwatch; the rest is for the thread that runs the loop. */
#ifndef AG_A2A_A2A_H
#define AG_A2A_A2A_H

#include "a2a/targets.h"
#include "a2a/task_store.h"
#include "config/config.h"
#include "exchange/event.h"
#include "net/mailbox.h"

struct a2a;
struct a2a_event;
struct a2a_remembering;
struct fetcher;
struct follower;

enum {
    a2a_call_bytes_max = 96 * 1024 * 1024, /* of one call with its answer */
    a2a_input_bytes_max = 8 * 1024 * 1024, /* of one task's input; larger bodies are 413 */
    a2a_watches_max = 10000,               /* at once; over it A2A_TOO_MANY */
    a2a_mint_bytes_max = 8 * 1024,         /* a delegated token */
};

/* ---- what this folder needs and may not include ---- */

/* For whom a token is minted. */
struct a2a_delegation {
    const struct task_owner *owner;
    struct slice session;
    struct slice actors; /* JSON array of names, the receiving agent first */
    uint64_t lifetime_ms;
};

struct a2a_settings {
    const struct config *config; /* all of the section "Agents", ENGINE_*, PUBLIC_URL */
    uv_loop_t *loop;
    struct store *store;
    struct fetcher *fetcher;  /* with room for a2a_concurrent_max + dispatch_pushes_max more */
    size_t replies_bytes_max; /* 0: dispatch_replies_bytes_max */
    /* On the loop's thread. Appends a token that the gateway itself will accept. */
    enum status (*mint)(void *context, const struct a2a_delegation *delegation,
                        struct buffer *token, struct failure *reterr);
    /* On the loop's thread. A task_sent or task_result event for memory; copied by the callee, who
     * calls a2a_remembered once, on any thread. The same event may come again, under the same id,
     * also after a restart. NULL: nobody remembers. */
    void (*remember)(void *context, const struct event *event,
                     struct a2a_remembering *take_remembering);
    /* On the loop's thread. A fresh id and the time of now; goes with <remember>. */
    void (*stamp)(void *context, struct event *event);
    void *context;
};

/* Any thread, also from inside <remember>. <is_kept>: memory has the event, or will never take it;
 * else it is told again later. */
void a2a_remembered(struct a2a_remembering *take_remembering, bool is_kept);

/* ---- asking ---- */

enum a2a_action {
    A2A_SEND,     /* job.task: owner, form, input, session, request_id, traceparent, actors, hops,
                     target_name, target_url, context_id, message_id. With job.task.id: a further
                     message for that task. job.push with job.has_push: a webhook */
    A2A_GET,      /* job.task.id */
    A2A_LIST,     /* job.query */
    A2A_CANCEL,   /* job.task.id */
    A2A_WATCH,    /* job.task.id, watch; A2A_UNSUPPORTED for a task that has ended */
    A2A_PUSH_SET, /* job.task.id, job.push; an empty push.id becomes the task's id */
    A2A_PUSH_GET,
    A2A_PUSH_LIST,
    A2A_PUSH_DELETE,
};

/* Who hears of every change of one task. Fill <changed> and <context>; the caller's memory, until
 * the event with <is_over>. */
struct a2a_watch {
    void (*changed)(struct a2a_watch *watch, struct a2a_event *take_event);
    void *context;
    uint64_t id; /* set by a2a_run: what a2a_unwatch wants */
};

/* A letter, so that it can be posted on to a worker as it is. */
struct a2a_event {
    struct letter letter; /* free for the receiver */
    struct arena arena;
    bool has_task;    /* <task> is the task after a change, whole */
    bool is_snapshot; /* the first one: how things stood when the watch began */
    bool is_over;     /* the last event: <watch> is not touched any more */
    struct task task;
    struct a2a_watch *watch;
    void *context; /* the watch's */
};
void a2a_event_free(struct a2a_event *event); /* takes NULL */

struct a2a_call {
    struct task_job job; /* question and answer; outcome, failure, tasks, pushes, total, token */
    struct letter letter;
    enum a2a_action action;
    bool waits;              /* A2A_SEND: answer when the task is at rest, not when it is stored */
    struct a2a_watch *watch; /* A2A_SEND, A2A_WATCH; else NULL. After an answer that is not A2A_OK,
                                or with <was_over>, it is the caller's again and hears nothing */
    bool was_over;           /* the answer: the task is at rest, nothing more will happen */
    void (*done)(struct a2a_call *call);
    void *context;
    /* a2a.c's */
    struct a2a *a2a;
    uint64_t id;
    struct a2a_call *next;
    struct follower *follower;
    bool has_place;
    size_t place_bytes;
};

/* NULL without memory. What the question points into is copied into job.arena by the caller. */
struct a2a_call *a2a_call_create(enum a2a_action action, void (*done)(struct a2a_call *call),
                                 void *context);
void a2a_call_free(struct a2a_call *call); /* takes NULL */
/* job.task.id; whatever is no id of ours leads to A2A_UNKNOWN_TASK. */
void a2a_call_set_task(struct a2a_call *call, struct slice id);

/* Takes the call. Returns what a2a_unwatch wants, for a call that waits or watches; else 0. */
uint64_t a2a_run(struct a2a *a2a, struct a2a_call *take_call);

/* Made before it is needed, so that leaving cannot fail. */
struct a2a_leave {
    struct letter letter;
    uint64_t id;
};
/* NULL without memory. Freed with free(), unless it is used. */
struct a2a_leave *a2a_leave_create(void);

/* The client has left. A watch gets an event with is_over, and without a task, soon, unless one is
 * under way already. A call that waits is answered soon, with the task as it stands (was_over
 * false). A call that was not looked at yet, since the gateway has just started, is answered
 * A2A_UNAVAILABLE, and nothing has happened. */
void a2a_unwatch(struct a2a *a2a, uint64_t id, struct a2a_leave *take_leave);

/* ---- room ---- */

enum { a2a_room_bytes_max = 256 * 1024 * 1024 };

/* Any thread. Takes part of what all streams together may hold for clients that do not read:
 * a2a_room_bytes_max, or what a single stream may need when that is more. False: there is none. */
bool a2a_room_take(struct a2a *a2a, size_t bytes) MUST_CHECK;
void a2a_room_give(struct a2a *a2a, size_t bytes);
/* What one stream may need. */
size_t a2a_stream_bytes_max(const struct config *config);

/* ---- the whole ---- */

/* Resumes what a stop interrupted. STATUS_INVALID names the option at fault. */
enum status a2a_open(const struct a2a_settings *settings, struct a2a **ret,
                     struct failure *reterr) MUST_CHECK;

/* No further calls come, a2a_unwatch included. Open calls are answered, what runs is left as it is
 * on disk (a restart takes it up), then <closed> is called from the loop, which must be run until
 * the handles are closed. The store must run until <closed>. */
void a2a_close(struct a2a *a2a, void (*closed)(void *context), void *context);
/* After the loop has ended. Takes NULL. */
void a2a_free(struct a2a *a2a);

const struct targets *a2a_targets(const struct a2a *a2a);

struct a2a_counters {
    atomic_uint_fast64_t tasks_created;
    atomic_uint_fast64_t tasks_done;
    atomic_uint_fast64_t tasks_failed;
    atomic_uint_fast64_t tasks_canceled;
    atomic_uint_fast64_t tasks_running; /* gauge */
    atomic_uint_fast64_t tasks_queued;  /* gauge */
    atomic_uint_fast64_t pushes_sent;
    atomic_uint_fast64_t pushes_failed; /* given up */
};
const struct a2a_counters *a2a_counters(const struct a2a *a2a);

#endif

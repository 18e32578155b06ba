/* SPDX-License-Identifier: MIT
 *
 * task.h - one hand-off: who it belongs to, what goes in, where it stands, what came out.
 *
 * Data and the rule of its states; it does not store (task_store.h) and does not run anything
 * (dispatch.h). What its slices point into belongs to whoever filled it. Any thread. */
#ifndef AG_A2A_TASK_H
#define AG_A2A_TASK_H

#include "base/arena.h"
#include "base/random.h"

enum {
    task_id_length = 32,       /* 128 bits as hex digits */
    task_name_bytes_max = 256, /* of a client's own message, context and push config ids */
    task_actors_max = 32,      /* agents in a chain */
    task_detail_bytes_max = 512,
};

enum task_state {
#define TASK_STATE(name, is_over, plain, legacy, current) TASK_##name,
#include "a2a/task_states.def"
#undef TASK_STATE
    TASK_STATE_COUNT,
};

/* What <input> is. */
enum task_form {
    TASK_CHAT,    /* the body for a chat route, as given to POST /a2a/tasks/send */
    TASK_MESSAGE, /* an A2A message */
};

struct task_owner {
    struct slice issuer;
    struct slice subject;
    struct slice user; /* as X-Attach-User carries it; not part of who owns */
};

struct task {
    char id[task_id_length + 1];
    struct task_owner owner;
    struct slice session;
    struct slice request_id;
    struct slice traceparent;
    struct slice context_id;
    struct slice message_id; /* the client's; empty: none, then sending again makes a new task */
    enum task_form form;
    struct slice target_name; /* an agent's; empty with an empty URL: the engine */
    struct slice target_url;
    struct slice input;   /* JSON */
    struct slice history; /* JSON array: messages before <input>, of both sides; may be empty */
    struct slice actors;  /* JSON array of names: the agents on whose behalf it was sent, latest
                             first; may be empty */
    unsigned hops;
    enum task_state state;
    bool is_idempotent;     /* its target may be called again after a crash */
    bool result_is_a2a;     /* <result> is an A2A Task or Message, else the target's own JSON */
    struct slice result;    /* JSON; empty: none */
    struct slice detail;    /* why it is not done */
    struct slice remote_id; /* the id that an A2A agent gave its own task */
    struct slice remote_context_id;
    int64_t created_us; /* wall clock */
    int64_t updated_us;
    int64_t ended_us; /* 0: has not ended */
};

/* Where a webhook goes when a task changes. */
struct task_push {
    char task_id[task_id_length + 1];
    struct slice id;
    struct slice url;
    struct slice token;
    struct slice scheme; /* of Authorization; empty: none */
    struct slice credentials;
    bool is_legacy; /* set by a client of A2A 0.x: it gets that form */
};

void task_id_fill(struct random_source *random, char ret_id[task_id_length + 1]);
bool task_id_is_sound(struct slice id);

bool task_is_over(enum task_state state);
/* Over, or waiting for the client: nobody works on it. */
bool task_is_at_rest(enum task_state state);

const char *task_state_plain(enum task_state state);   /* "queued" */
const char *task_state_legacy(enum task_state state);  /* "submitted": A2A 0.x */
const char *task_state_current(enum task_state state); /* "TASK_STATE_SUBMITTED": A2A 1.0 */
/* Either spelling of A2A. */
bool task_state_find(struct slice name, enum task_state *ret);

/* The one place that says which state may follow which. */
bool task_may_move(enum task_state from, enum task_state to);

/* Every slice of <task> into <arena>. */
enum status task_copy(const struct task *task, struct arena *arena, struct task *ret) MUST_CHECK;
enum status task_push_copy(const struct task_push *push, struct arena *arena,
                           struct task_push *ret) MUST_CHECK;

/* Bytes that the slices of <task> hold. */
size_t task_bytes(const struct task *task);

#endif

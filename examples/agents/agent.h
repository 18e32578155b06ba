/* SPDX-License-Identifier: MIT
 *
 * agent.h - what planner.c and coder.c share: an HTTP server that takes one task on each
 * connection, believes only tokens of the gateway, and calls the gateway back in the user's name.
 *
 * A template for agents of your own: write one function of type agent_answer and hand it to
 * agent_main. Everything here is plain blocking code; each task runs on a thread of its own. */
#ifndef AG_AGENTS_AGENT_H
#define AG_AGENTS_AGENT_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/json.h"
#include "exchange/identity.h"

struct agent_trust;

enum {
    agent_tasks_max = 64, /* at once; over it connections wait */
    agent_request_bytes_max = 1024 * 1024,
    agent_reply_bytes_max = 8 * 1024 * 1024,
    agent_task_bytes_max = 32 * 1024 * 1024, /* of one task's arena */
    agent_task_ms = 55 * 1000,               /* the gateway gives it 60 s (A2A_TASK_TIMEOUT) */
};

struct agent {
    const char *name;     /* as in A2A_AGENTS */
    struct slice gateway; /* http://127.0.0.1:8080 */
    struct slice issuer;  /* what tokens name as iss and aud: the gateway's PUBLIC_URL */
    struct agent_trust *trust;
};

/* One task. Everything in it lives until its reply has been sent. */
struct agent_task {
    const struct agent *agent;
    struct arena arena;
    struct slice token;       /* ours for this task; goes back to the gateway and nowhere else */
    struct identity identity; /* whom we act for: user, and actors, the chain that led here */
    struct slice request_id;
    struct json_value input; /* the body, an object */
    uint64_t ends_ms;        /* monotonic */
    int descriptor;          /* of the caller's connection */
    bool goes_on;            /* also when the caller has hung up, to clear up behind itself */
    unsigned status;         /* of the reply; 0: none yet */
    struct buffer reply;     /* JSON */
};

/* Gives exactly one reply: agent_reply, agent_fail, or an agent_ask that has failed. */
typedef void agent_answer(struct agent_task *task);

/* The whole program: arguments, listening, until SIGTERM or SIGINT. */
int agent_main(int count, char **arguments, const char *name, const char *port,
               agent_answer *answer);

/* ---- the task ---- */

/* The last message's text, or `prompt`. False: replied that there is none. */
bool agent_text(struct agent_task *task, struct slice *ret) MUST_CHECK;
/* The member as text; <otherwise> when it is absent or no string. */
struct slice agent_member(struct agent_task *task, struct json_value object, const char *name,
                          const char *otherwise);

/* 200 and a chat reply. <more> are further members, such as "\"mem_id\":\"...\"", or empty. */
void agent_reply(struct agent_task *task, struct slice model, struct slice text, struct slice more);
/* An HTTP error with a sentence, which also goes to the user's memory: of a failed task the gateway
 * passes only the status on. */
void agent_fail(struct agent_task *task, unsigned status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* True once whoever sent the task has hung up, as the gateway does for a canceled one. */
bool agent_is_abandoned(const struct agent_task *task);

/* ---- the gateway ---- */

/* Calls the gateway with the task's token. False: it could not be reached or answered an error;
 * that is replied already. <ret> may be NULL. */
bool agent_ask(struct agent_task *task, const char *method, const char *path, struct slice body,
               struct json_value *ret) MUST_CHECK;

/* One line in the user's memory (POST /v1/logs). That it cannot be written fails no task. */
void agent_log(struct agent_task *task, const char *level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* One question to the engine, through the gateway. */
bool agent_chat(struct agent_task *task, struct slice model, const char *system, struct slice text,
                struct slice *ret) MUST_CHECK;

/* ---- whom to believe (agent_trust.c) ---- */

enum status agent_trust_create(const struct agent *agent, struct agent_trust **ret,
                               struct failure *reterr) MUST_CHECK;
/* Fills identity of <task> from its token. False: *ret_status and <reterr> say what to reply. */
bool agent_trust_check(struct agent_task *task, unsigned *ret_status,
                       struct failure *reterr) MUST_CHECK;

/* ---- one HTTP call (agent_call.c) ---- */

struct agent_call {
    const char *method;
    const char *path;
    struct slice token; /* empty: none */
    struct slice request_id;
    struct slice body; /* empty: none */
    uint64_t timeout_ms;
    const struct agent_task *task; /* the call ends when its caller hangs up; NULL: nobody's */
};

/* <reply> takes the body, whatever the status. Any thread. */
enum status agent_call(const struct agent *agent, const struct agent_call *call,
                       struct buffer *reply, unsigned *ret_status,
                       struct failure *reterr) MUST_CHECK;

#endif

/* SPDX-License-Identifier: MIT
 *
 * temporal.h - runs workflows on a Temporal server and says how each one ended.
 *
 * One call = one workflow whose id is the task's: start it, wait for its end by long poll, cancel
 * it when asked. A workflow id is used once only, so that running the same call again, after a
 * restart or a lost reply, joins the workflow that is there instead of starting a second one. The
 * server may be away: a call tries again until its deadline. It is no worker and it keeps nothing
 * on disk. Thread: the one that runs the loop (the control thread), for every function. */
#ifndef AG_A2A_TEMPORAL_H
#define AG_A2A_TEMPORAL_H

#include "base/slice.h"
#include "base/status.h"

#include <uv.h>

struct fetcher;
struct temporal;
struct temporal_handle;

enum {
    temporal_message_bytes_max = 4 * 1024 * 1024, /* what a Temporal server takes */
    temporal_name_bytes_max = 1000, /* ids, workflow types, queues: the server's cap */
};

/* Texts are copied by temporal_create; NULL or 0 means the default in the comment. */
struct temporal_settings {
    const char *address;    /* "host:port", "localhost:7233"; "https://host:port" means tls */
    const char *name_space; /* "default" */
    const char *task_queue; /* "attach-gateway" */
    const char *api_key;    /* none; asks for tls */
    const char *ca_file;    /* the system's store */
    bool tls;
    size_t calls_max;         /* 1000 at once */
    size_t result_bytes_max;  /* temporal_message_bytes_max; of one reply of the server */
    uint64_t poll_timeout_ms; /* 70000: of one long poll, more than the server's 60 s */
    uint64_t retry_least_ms;  /* 200: first pause before another try; doubles */
    uint64_t retry_most_ms;   /* 5000 */
    uint64_t cancel_wait_ms;  /* 10000: how long a canceled workflow may take to end */
};

/* What to run. Everything is copied by temporal_run. */
struct temporal_call {
    struct slice task_id; /* the workflow's id, and what makes starting it idempotent */
    struct slice
        workflow_type;    /* "ProcessChat"; whether it may be started is the caller's business */
    struct slice input;   /* JSON text: the workflow's one argument */
    struct slice user;    /* memo and header attach-user */
    struct slice session; /* memo and header attach-session */
    uint64_t timeout_ms;  /* of the whole call; also the workflow's own execution timeout */
};

enum temporal_end {
    TEMPORAL_FAILED = 0,  /* the workflow failed, or its result cannot be read */
    TEMPORAL_COMPLETED,   /* <result> holds what it returned */
    TEMPORAL_TIMED_OUT,   /* the workflow, or this call while the workflow still runs */
    TEMPORAL_CANCELED,    /* also: canceled before it was started */
    TEMPORAL_TERMINATED,  /* by an operator */
    TEMPORAL_REFUSED,     /* the server does not want it: namespace, permission, arguments */
    TEMPORAL_UNREACHABLE, /* no answer from the server until the deadline */
};

/* Valid during the callback only. */
struct temporal_outcome {
    enum temporal_end end;
    struct slice result;  /* TEMPORAL_COMPLETED: sound JSON; {"encoding":...,"bytes":N} stands for a
                             payload that is not JSON. Else empty */
    struct slice message; /* one sentence for the user; empty when completed */
    struct slice run_id;  /* of the last run that is known; may be empty */
};

/* Called once per temporal_run that returned STATUS_OK, from the loop, never from inside
 * temporal_run or temporal_cancel; not after temporal_abandon or temporal_free. It may call every
 * function here. The handle is gone once it returns. */
typedef void temporal_done(void *context, const struct temporal_outcome *outcome);

/* "failed", "completed", ... for logs. */
const char *temporal_end_name(enum temporal_end end);

/* The server is not spoken to before the first call. STATUS_INVALID for an address that is none, a
 * text with control characters. <fetcher> must outlive it; each running call holds one of its
 * fetches. */
enum status temporal_create(uv_loop_t *loop, struct fetcher *fetcher,
                            const struct temporal_settings *settings, struct temporal **ret,
                            struct failure *reterr) MUST_CHECK;

/* STATUS_INVALID for an empty or over-long name, one that is not UTF-8, input that is not JSON, or
 * no timeout; STATUS_LIMIT for more than calls_max calls or more input than the server takes. */
enum status temporal_run(struct temporal *temporal, const struct temporal_call *call,
                         temporal_done *done, void *context, struct temporal_handle **ret,
                         struct failure *reterr) MUST_CHECK;

/* Asks the server to cancel the workflow; <done> still comes, with TEMPORAL_CANCELED, or with how
 * else the workflow ended when it was faster. Again: no effect. */
void temporal_cancel(struct temporal_handle *handle);

/* Forgets the call without a callback; the workflow runs on. Takes NULL. */
void temporal_abandon(struct temporal_handle *handle);

/* Abandons what still runs; the loop must be run until the handles are closed. Takes NULL. */
void temporal_free(struct temporal *temporal);

#endif

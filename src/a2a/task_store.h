/* SPDX-License-Identifier: MIT
 *
 * task_store.h - tasks on disk: jobs for the store that make, find, move, finish and forget them.
 *
 * A job is one question with its answer, in one arena. Whoever asks for an owner gets what is that
 * owner's; another's task does not exist for him. Nothing runs here (dispatch.h).
 *
 * Any thread may call task_store_run; <done> comes on a thread of the store. */
#ifndef AG_A2A_TASK_STORE_H
#define AG_A2A_TASK_STORE_H

#include "a2a/outcome.h"
#include "a2a/task.h"
#include "exchange/event.h"
#include "store/store.h"

enum {
    task_page_rows_max = 100,
    task_page_bytes_max = 32 * 1024 * 1024, /* of one page; a single larger task is a page */
    task_pushes_max = 16,                   /* webhooks of one task */
    task_steps_max = 200,                   /* rows that one step of clearing up looks at */
    task_history_bytes_max = 4 * 1024 * 1024,
    task_token_bytes_max = 64,
};

enum task_action {
    TASK_CREATE,      /* <task>, and <push> if there is one */
    TASK_CONTINUE,    /* <task>.input is a further message for the task <task>.id, which waits */
    TASK_LOAD,        /* by <task>.id and owner */
    TASK_LOAD_TO_RUN, /* by <task>.id, whoever owns it: for the dispatcher alone */
    TASK_LIST,        /* <query> of <task>.owner */
    TASK_CANCEL,      /* by <task>.id and owner */
    TASK_MOVE,        /* <task>.id to <task>.state, with result, detail and remote ids: for the
                         dispatcher alone. The answer has the webhooks, if <with_pushes> */
    TASK_PUSH_SET,    /* <push> of the task <task>.id and owner */
    TASK_PUSH_GET,    /* <push>.id; empty: the first */
    TASK_PUSH_LIST,
    TASK_PUSH_DELETE, /* one that is not there is deleted already */
    TASK_RECOVER,     /* after a start: the next open tasks behind <task>.id; one that is ended as
                         interrupted comes alone, whole and with its webhooks */
    TASK_SWEEP,       /* forget what ended before <before_us>, end one task that waited since then:
                         the answer has that one, with its webhooks */
    TASK_EVENT_NEXT,  /* the first event behind <event>.id and older than <before_us> that memory
                         has not acknowledged, into <event>; its task, with the input of then */
    TASK_EVENTS_KEPT, /* memory has the <kept> */
};

/* What memory will know a change of a task by. It is written with the change, so that a gateway
 * that was killed can tell memory later, and under the same id. */
struct task_event {
    char id[event_id_length + 1]; /* empty: nobody remembers */
    int64_t at_us;                /* wall clock */
    bool is_result;               /* task_result, else task_sent; set by the store */
};

struct task_limits {
    uint64_t per_user_max;
    uint64_t tasks_max;
};

struct task_query {
    struct slice context_id; /* empty: any */
    bool has_state;
    enum task_state state;
    int64_t after_us;   /* updated then or later; 0: any */
    size_t limit;       /* 1 to task_page_rows_max */
    struct slice token; /* of the page before; empty: the first */
    bool with_results;
    bool with_inputs;
};

struct task_job {
    struct store_job job; /* the store's */
    struct arena arena;   /* everything that the job points into */
    enum task_action action;
    struct task_limits limits; /* TASK_CREATE */
    struct task task;
    struct task_query query;
    struct task_push push;
    bool has_push;
    bool with_pushes;
    int64_t now_us;
    int64_t before_us;
    struct task_event event; /* of whatever makes, continues or ends a task */
    struct task_event *kept;
    size_t kept_count;
    /* the answer */
    enum a2a_outcome outcome;
    struct failure failure;
    struct task *tasks; /* as they are afterwards; for TASK_RECOVER those that changed or wait */
    size_t tasks_count;
    bool was_there;                   /* TASK_CREATE, TASK_CONTINUE: this message was sent before */
    uint64_t total;                   /* TASK_LIST: of all pages */
    char token[task_token_bytes_max]; /* of the next page; empty: this is the last */
    struct task_push *pushes;
    size_t pushes_count;
    bool has_more; /* TASK_RECOVER, TASK_SWEEP, TASK_EVENT_NEXT: ask again */
    /* On another thread, exactly once, never from inside task_store_run. Takes the job. */
    void (*done)(struct task_job *job);
    void *context;
};

/* <bytes_max> of its arena. NULL without memory. */
struct task_job *task_job_create(enum task_action action, size_t bytes_max);
void task_job_free(struct task_job *job); /* takes NULL */
/* In place, for those who embed it. */
void task_job_init(struct task_job *job, enum task_action action, size_t bytes_max);
void task_job_clear(struct task_job *job);

/* False: the store's queue is full; nothing was taken, <outcome> is A2A_BUSY. */
bool task_store_run(struct store *store, struct task_job *take_job) MUST_CHECK;

/* What the store's thread does with it; for tests. */
enum status task_job_execute(struct task_job *job, struct database *database);

#endif

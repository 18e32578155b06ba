/* SPDX-License-Identifier: MIT
 *
 * memory.h - the memory bus: events go in, are redacted, reach the disk, and from there the backend
 * of MEM_BACKEND.
 *
 * With an embedded backend an event is a row of the events table. With a remote one it is a row of
 * the outbox in the same file, until the delivery thread has brought it over: at least once,
 * idempotent by id, in order within a session, with back-off. Any thread, but for memory_open and
 * memory_close. */
#ifndef AG_MEM_MEMORY_H
#define AG_MEM_MEMORY_H

#include "config/config.h"
#include "exchange/exchange_reader.h"
#include "mem/backend.h"
#include "store/store.h"

struct memory;

enum memory_action {
    MEMORY_WRITE, /* <events>, all or nothing */
    MEMORY_READ,  /* <query> into <page> */
    MEMORY_ERASE, /* <query>, from the store, the outbox and the backend */
};

/* A question to memory and its answer. */
struct memory_job {
    struct arena arena; /* everything the job points into; of question and answer */
    enum memory_action action;
    struct event *events; /* their ids and timestamps are set by memory_event_init */
    size_t events_count;
    struct backend_query query;
    /* the answer */
    enum status status; /* OK; LIMIT: no room on the disk or in the outbox (507); IO: refused
                           (503); AGAIN: the queue is full (503, try again); NOT_FOUND;
                           UNSUPPORTED: MEM_BACKEND=none (writes) */
    struct failure failure;
    struct event_page page;
    uint64_t erased;
    atomic_bool is_abandoned; /* by memory_job_abandon */
    /* On another thread, exactly once, never from inside memory_run. Takes the job. */
    void (*done)(struct memory_job *job);
    void *context; /* the caller's */
};

/* NULL without memory. */
struct memory_job *memory_job_create(enum memory_action action,
                                     void (*done)(struct memory_job *job), void *context);
void memory_job_free(struct memory_job *job); /* takes NULL */

/* Nobody waits for the answer any more. <done> is called nevertheless; a question that has not been
 * asked by then is not asked. Any thread, before <done> has returned. */
void memory_job_abandon(struct memory_job *job);

/* Gives <event> a fresh id and the time of now, and the fields that mean "not known". */
void memory_event_init(struct event *event);

/* STATUS_INVALID: an option is wrong, and <reterr> names it, without its value. Reaches out to
 * nobody. */
enum status memory_check(const struct config *config, struct failure *reterr) MUST_CHECK;

/* Main thread. <store> is NULL only with MEM_BACKEND=none. STATUS_INVALID: as memory_check says.
 * A remote that is away is no failure. <reader> reads captured calls. */
enum status memory_open(const struct config *config, struct store *store,
                        const struct exchange_reader *reader, struct memory **ret,
                        struct failure *reterr) MUST_CHECK;

/* Main thread, before store_close, when the workers have ended. Takes NULL. */
void memory_close(struct memory *memory);

/* Any thread. <job>->done tells the outcome. */
void memory_run(struct memory *memory, struct memory_job *take_job);

/* Any thread, when the gateway ends and will not wait: what has not been asked at the remote
 * backend yet is answered with STATUS_IO, now and from now on, and nothing more is delivered. What
 * runs there is waited for. */
void memory_hurry(struct memory *memory);

/* False for MEM_BACKEND=none: nothing needs to be captured. */
bool memory_keeps(const struct memory *memory);

/* False while a mirrored exchange could not be kept: the store refuses (MEM_REQUIRED asks). */
bool memory_is_healthy(const struct memory *memory);

/* True while calls to the remote backend fail; <ret> says why, in one sentence without secrets. */
bool memory_delivery_failure(const struct memory *memory, struct failure *ret);

/* ---- room ---- */

/* Captured text waits in a queue with a cap (MEM_QUEUE_MAX). */
bool memory_has_room(const struct memory *memory);

struct memory_waiter {
    struct memory_waiter *next;                   /* the bus's */
    void (*notify)(struct memory_waiter *waiter); /* once, on another thread; there is room */
};
/* False: there is room already, notify is not called. */
bool memory_await_room(struct memory *memory, struct memory_waiter *waiter) MUST_CHECK;

/* ---- numbers ---- */

struct memory_counters {
    atomic_uint_fast64_t events_stored;
    atomic_uint_fast64_t events_refused; /* answered with an error, or a mirrored one lost because
                                            the store refused */
    atomic_uint_fast64_t
        events_dropped; /* mirrored, dropped because the queue was full (MEM_WHEN_FULL=drop) */
    atomic_uint_fast64_t events_delivered;  /* to a remote backend */
    atomic_uint_fast64_t events_rejected;   /* that the remote backend will never take */
    atomic_uint_fast64_t outbox_events;     /* gauge */
    atomic_uint_fast64_t outbox_dropped;    /* because the outbox was at its cap */
    atomic_uint_fast64_t delivery_failures; /* calls to the remote backend that failed */
};
const struct memory_counters *memory_counters(const struct memory *memory);

#endif

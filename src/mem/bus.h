/* SPDX-License-Identifier: MIT
 *
 * bus.h - the inside of the memory bus, for the files of src/mem/ and their tests alone.
 *
 * One reading thread takes letters in order: pieces of captured calls, direct writes, erasures. It
 * reads dialects, redacts, and puts events together into batches; a batch is one job of the store.
 * At most bus_batches_max are on their way, so that batches grow when the store is slow, which is
 * also what makes it fast. */
#ifndef AG_MEM_BUS_H
#define AG_MEM_BUS_H

#include "mem/memory.h"
#include "mem/redact.h"

#include <pthread.h>

enum {
    bus_batch_events_max = 1024,
    bus_batch_bytes_max = 4 * 1024 * 1024,
    bus_batches_max = 3,
    bus_batches_calm = 2, /* on their way, and the store may take its time */
    bus_gather_ms = 80, /* exchanges that nobody waits for share a commit: a commit of few costs the
                           store half as much again for each */
    bus_nap_ms = 10, /* the reading thread is not woken for each letter that nobody waits for, which
                        was the dearest part of a capture, and on the worker */
    bus_erase_rows = 500, /* in one job of the store */
    bus_expire_rows = 500,
    bus_expire_pause_ms = 60 * 1000,
    bus_remote_reads_max = 1024, /* that wait */
    bus_remote_erasures_max = 256,
    delivery_events_max = 256,
    delivery_bytes_max = 4 * 1024 * 1024,
};

struct delivery;

/* Something for the reading thread, in a struct of its own. */
struct bus_letter {
    struct bus_letter *next;
    void (*run)(struct memory *memory, struct bus_letter *letter);
};

/* Events that are stored together or not at all. */
struct bus_item {
    struct bus_item *next;
    struct event *events;
    size_t count;
    size_t bytes;
    bool is_mirrored;
    bool is_awaited; /* MEM_ACK=stored; what is not mirrored always is */
    enum status status;
    struct failure failure;
    /* On the store's thread or the reading thread; status and failure say how it went. */
    void (*done)(struct memory *memory, struct bus_item *item);
};

/* What memory_job_create makes. */
struct bus_frame {
    struct memory_job job; /* first */
    struct memory *memory;
    struct bus_letter letter;
    struct bus_item item;
    struct store_job store_job;
    struct event_page page; /* of the outbox */
    uint64_t erased;        /* by one run of store_job */
    struct bus_frame *next; /* in the lists of delivery.c */
};

struct bus_batch;

struct bus_settings {
    const struct backend *backend;
    struct backend_settings remote;
    enum mem_when_full when_full;
    uint64_t capture_bytes_max;
    uint64_t queue_bytes_max;
    uint64_t outbox_bytes_max;
    uint64_t retention_ms;
    uint64_t pause_least_ms; /* between attempts to reach a remote backend */
    uint64_t pause_max_ms;
};

struct memory {
    struct bus_settings settings;
    struct store *store;
    const struct exchange_reader *reader;
    struct redactor *redactor;
    struct delivery *delivery; /* NULL with an embedded backend */
    struct memory_counters counters;
    atomic_bool is_outbox_full;

    atomic_size_t
        queue_bytes; /* blocks with the reading thread, events on their way to the store */
    atomic_size_t waiters_count;

    pthread_t thread;
    bool has_thread;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    struct bus_letter *letters;
    struct bus_letter **letters_tail;
    bool is_closing;
    bool is_napping; /* the reading thread, until it is hurried or the time is over */
    bool is_hurried;
    unsigned batches;  /* with the store */
    size_t store_jobs; /* of all kinds, with the store */
    struct memory_waiter *waiters;

    /* the reading thread's */
    bool reads_hurried;     /* among the letters that were taken are some that somebody waits for */
    bool may_nap;           /* there was something to do, so more is likely to come */
    size_t requests_bytes;  /* of captured requests that are not whole yet */
    struct bus_item *items; /* of the next batch */
    struct bus_item **items_tail;
    uint64_t items_due_ms;
    size_t items_events;
    size_t items_bytes;
    struct buffer redacted;
    uint64_t expire_at_ms;
    struct store_job expire_job;
    atomic_bool is_expiring;
    atomic_bool has_more_to_expire;
};

/* memory_open with everything said. <settings>->backend NULL: MEM_BACKEND=none. */
enum status bus_open(const struct bus_settings *settings, struct slice redact, struct store *store,
                     const struct exchange_reader *reader, struct memory **ret,
                     struct failure *reterr) MUST_CHECK;

/* ---- any thread ---- */

/* Wakes the reading thread. */
void bus_post(struct memory *memory, struct bus_letter *take_letter);
/* For letters that nobody waits for: they are read within bus_nap_ms. */
void bus_post_unhurried(struct memory *memory, struct bus_letter *take_letter);
void bus_hold(struct memory *memory, size_t bytes);    /* more in the queue */
void bus_release(struct memory *memory, size_t bytes); /* less in the queue; wakes who waits */

/* store_write and store_read, counted so that memory_close waits for them. bus_store_done is called
 * by the job's done, last. */
enum status bus_store_write(struct memory *memory, struct store_job *job) MUST_CHECK;
enum status bus_store_read(struct memory *memory, struct store_job *job) MUST_CHECK;
void bus_store_done(struct memory *memory, bool is_batch);

/* Ends a job: NOT_FOUND when one row was asked for and there is none. Not inside memory_run. */
void bus_answer(struct bus_frame *take_frame, enum status status, const struct failure *failure);

/* ---- the reading thread ---- */

/* Puts <item> into the next batch; its events have been redacted. */
void bus_store_item(struct memory *memory, struct bus_item *take_item);
/* Hands the batch over, waiting for its turn. */
void bus_flush(struct memory *memory);
/* Blacks out all texts of <event>; new ones are in <arena>. False without memory. */
bool bus_redact(struct memory *memory, struct event *event, struct arena *arena) MUST_CHECK;
void *bus_run(void *memory);

#endif

/* SPDX-License-Identifier: MIT
 *
 * bus.c - the reading thread: letters in, batches out. */
#include "mem/bus.h"

#include "base/clock.h"
#include "base/pace.h"
#include "mem/delivery.h"
#include "mem/event_rows.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

enum {
    store_full_pause_ms = 5, /* then ask again */
    item_bytes = 256,        /* of an item itself, in the queue */
    calm_part = 8,           /* of the queue's cap */
};

/* Events as they go to the store. */
struct bus_batch {
    struct store_job job;
    struct memory *memory;
    struct bus_item *items;
    struct event *events; /* of all items */
    size_t count;
    uint64_t outbox_events; /* there are now */
};

/* ---- the queue ---- */

static void post(struct memory *memory, struct bus_letter *take_letter, bool hurries)
{
    take_letter->next = NULL;
    pthread_mutex_lock(&memory->lock);
    bool was_empty = memory->letters == NULL;
    *memory->letters_tail = take_letter;
    memory->letters_tail = &take_letter->next;
    bool wakes = memory->is_napping ? hurries && !memory->is_hurried : was_empty;
    memory->is_hurried |= hurries;
    if (wakes) {
        pthread_cond_broadcast(&memory->changed);
    }
    pthread_mutex_unlock(&memory->lock);
}

void bus_post(struct memory *memory, struct bus_letter *take_letter)
{
    post(memory, take_letter, true);
}

void bus_post_unhurried(struct memory *memory, struct bus_letter *take_letter)
{
    post(memory, take_letter, !memory_has_room(memory));
}

void bus_hold(struct memory *memory, size_t bytes)
{
    atomic_fetch_add(&memory->queue_bytes, bytes);
}

void bus_release(struct memory *memory, size_t bytes)
{
    atomic_fetch_sub(&memory->queue_bytes, bytes);
    if (atomic_load(&memory->waiters_count) == 0 || !memory_has_room(memory)) {
        return;
    }
    pthread_mutex_lock(&memory->lock);
    struct memory_waiter *waiter = memory->waiters;
    memory->waiters = NULL;
    atomic_store(&memory->waiters_count, 0);
    pthread_mutex_unlock(&memory->lock);
    while (waiter != NULL) {
        struct memory_waiter *next = waiter->next; /* it may be gone afterwards */
        waiter->notify(waiter);
        waiter = next;
    }
}

/* ---- jobs of the store ---- */

static void store_job_counted(struct memory *memory)
{
    pthread_mutex_lock(&memory->lock);
    memory->store_jobs++;
    pthread_mutex_unlock(&memory->lock);
}

enum status bus_store_write(struct memory *memory, struct store_job *job)
{
    store_job_counted(memory);
    enum status status = store_write(memory->store, job);
    if (status != STATUS_OK) {
        bus_store_done(memory, false);
    }
    return status;
}

enum status bus_store_read(struct memory *memory, struct store_job *job)
{
    store_job_counted(memory);
    enum status status = store_read(memory->store, job);
    if (status != STATUS_OK) {
        bus_store_done(memory, false);
    }
    return status;
}

void bus_store_done(struct memory *memory, bool is_batch)
{
    pthread_mutex_lock(&memory->lock);
    memory->store_jobs--;
    memory->batches -= is_batch ? 1 : 0;
    pthread_cond_broadcast(&memory->changed);
    pthread_mutex_unlock(&memory->lock);
}

static void wait_ms(struct memory *memory, uint64_t duration_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(duration_ms / 1000);
    until.tv_nsec += (long)(duration_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    (void)pthread_cond_timedwait(&memory->changed, &memory->lock, &until);
}

/* ---- batches ---- */

static enum status batch_write_outbox(struct bus_batch *batch, struct database *database,
                                      struct failure *reterr)
{
    uint64_t events = 0;
    uint64_t bytes = 0;
    enum status status = outbox_total(database, &events, &bytes, reterr);
    for (struct bus_item *item = batch->items; item != NULL && status == STATUS_OK;
         item = item->next) {
        item->status = STATUS_OK; /* afresh: this may run again */
        if (bytes > batch->memory->settings.outbox_bytes_max ||
            item->bytes > batch->memory->settings.outbox_bytes_max - bytes) {
            item->status = STATUS_LIMIT;
            failure_set(&item->failure, "the outbox is full (MEM_OUTBOX_MAX)");
            continue;
        }
        status = outbox_insert(database, item->events, item->count, reterr);
        bytes += item->bytes;
    }
    uint64_t bytes_now = 0;
    if (status == STATUS_OK) {
        status = outbox_total(database, &batch->outbox_events, &bytes_now, reterr);
    }
    return status;
}

static enum status batch_run(struct store_job *job, struct database *database,
                             struct failure *reterr)
{
    struct bus_batch *batch = (struct bus_batch *)job;
    const struct backend *backend = batch->memory->settings.backend;
    if (!backend->is_embedded) {
        return batch_write_outbox(batch, database, reterr);
    }
    struct backend_settings settings = {.database = database};
    void *handle = NULL;
    enum status status = backend->open(&settings, &handle, reterr);
    if (status == STATUS_OK) {
        status = backend->write(handle, batch->events, batch->count, reterr);
        backend->close(handle);
    }
    return status;
}

static void item_count(struct memory *memory, const struct bus_item *item)
{
    struct memory_counters *counters = &memory->counters;
    if (item->status == STATUS_OK) {
        atomic_fetch_add(&counters->events_stored, item->count);
        return;
    }
    bool is_outbox_cap = item->status == STATUS_LIMIT && atomic_load(&memory->is_outbox_full);
    atomic_fetch_add(is_outbox_cap && item->is_mirrored ? &counters->outbox_dropped
                                                        : &counters->events_refused,
                     item->count);
}

static void items_done(struct memory *memory, struct bus_item *items, enum status status,
                       const struct failure *failure)
{
    bool is_outbox_full = false;
    while (items != NULL) {
        struct bus_item *item = items;
        items = item->next;
        if (status != STATUS_OK) {
            item->status = status;
            item->failure = *failure;
        }
        if (status == STATUS_OK && item->status == STATUS_LIMIT) {
            is_outbox_full = true;
        }
        atomic_store(&memory->is_outbox_full, is_outbox_full);
        item_count(memory, item);
        size_t bytes = item->bytes;
        item->done(memory, item);
        bus_release(memory, bytes);
    }
}

static void batch_done(struct store_job *job, enum status status, const struct failure *failure)
{
    struct bus_batch *batch = (struct bus_batch *)job;
    struct memory *memory = batch->memory;
    if (status == STATUS_OK && memory->delivery != NULL) {
        atomic_store(&memory->counters.outbox_events, batch->outbox_events);
        delivery_kick(memory->delivery);
    }
    items_done(memory, batch->items, status, failure);
    free(batch->events);
    free(batch);
    bus_store_done(memory, true);
}

static void batch_post(struct memory *memory, struct bus_batch *batch)
{
    pthread_mutex_lock(&memory->lock);
    while (memory->batches >= bus_batches_max) {
        pthread_cond_wait(&memory->changed, &memory->lock);
    }
    batch->job.is_patient = batch->job.is_patient && memory->batches < bus_batches_calm;
    memory->batches++;
    memory->store_jobs++;
    enum status status;
    while ((status = store_write(memory->store, &batch->job)) == STATUS_LIMIT) {
        wait_ms(memory, store_full_pause_ms); /* others fill the store's queue */
    }
    pthread_mutex_unlock(&memory->lock);
    if (status != STATUS_OK) {
        struct failure failure;
        failure_set(&failure, "the store is closed");
        batch_done(&batch->job, STATUS_IO, &failure);
    }
}

void bus_store_item(struct memory *memory, struct bus_item *take_item)
{
    take_item->next = NULL;
    take_item->status = STATUS_OK;
    take_item->bytes = item_bytes;
    for (size_t i = 0; i < take_item->count; i++) {
        take_item->bytes += event_bytes(&take_item->events[i]);
    }
    bus_hold(memory, take_item->bytes);
    uint64_t now_ms = clock_monotonic_ms();
    if (take_item->is_awaited || !take_item->is_mirrored) {
        memory->items_due_ms = now_ms;
    } else if (memory->items == NULL) {
        memory->items_due_ms = now_ms + bus_gather_ms;
    }
    *memory->items_tail = take_item;
    memory->items_tail = &take_item->next;
    memory->items_events += take_item->count;
    memory->items_bytes += take_item->bytes;
    if (memory->items_events >= bus_batch_events_max ||
        memory->items_bytes >= bus_batch_bytes_max) {
        bus_flush(memory);
    }
}

/* The queue is far from full, so that there is time. */
static bool is_calm(const struct memory *memory)
{
    return atomic_load(&memory->queue_bytes) < memory->settings.queue_bytes_max / calm_part;
}

void bus_flush(struct memory *memory)
{
    if (memory->items == NULL) {
        return;
    }
    struct bus_item *items = memory->items;
    struct bus_batch *batch = calloc(1, sizeof(*batch));
    struct event *events = calloc(memory->items_events + 1, sizeof(*events));
    size_t bytes = memory->items_bytes;
    bool is_patient = is_calm(memory);
    memory->items = NULL;
    memory->items_tail = &memory->items;
    memory->items_events = 0;
    memory->items_bytes = 0;
    if (batch == NULL || events == NULL) {
        struct failure failure;
        failure_set(&failure, "no memory to store events");
        free(batch);
        free(events);
        items_done(memory, items, STATUS_NO_MEMORY, &failure);
        return;
    }
    for (const struct bus_item *item = items; item != NULL; item = item->next) {
        is_patient = is_patient && item->is_mirrored && !item->is_awaited;
    }
    *batch = (struct bus_batch){
        .job = {.run = batch_run, .done = batch_done, .is_patient = is_patient, .bytes = bytes},
        .memory = memory,
        .items = items,
        .events = events,
    };
    for (const struct bus_item *item = items; item != NULL; item = item->next) {
        for (size_t i = 0; i < item->count; i++) {
            events[batch->count++] = item->events[i];
        }
    }
    batch_post(memory, batch);
}

/* ---- redaction ---- */

static bool redact_one(struct memory *memory, struct slice *text, bool is_json, struct arena *arena)
{
    struct buffer *redacted = &memory->redacted;
    buffer_reset(redacted);
    bool is_found = is_json ? redact_json(memory->redactor, *text, redacted)
                            : redact_text(memory->redactor, *text, redacted);
    if (!is_found) {
        return true;
    }
    return !redacted->failed && arena_copy(arena, buffer_slice(redacted), text);
}

bool bus_redact(struct memory *memory, struct event *event, struct arena *arena)
{
    struct slice *texts[] = {
        &event->prompt, &event->completion, &event->message,       &event->event,
        &event->state,  &event->run_id,     &event->level,         &event->agent,
        &event->task,   &event->model,      &event->finish_reason,
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        if (!redact_one(memory, texts[i], false, arena)) {
            return false;
        }
    }
    return redact_one(memory, &event->payload, true, arena) &&
           redact_one(memory, &event->result, true, arena);
}

/* ---- age ---- */

static enum status expire_run(struct store_job *job, struct database *database,
                              struct failure *reterr)
{
    struct memory *memory =
        (struct memory *)(void *)((char *)job - offsetof(struct memory, expire_job));
    int64_t before_us = clock_wall_us() - (int64_t)memory->settings.retention_ms * 1000;
    uint64_t events = 0;
    uint64_t waiting = 0;
    enum status status = event_rows_expire(database, before_us, bus_expire_rows, &events, reterr);
    if (status == STATUS_OK) {
        status = outbox_expire(database, before_us, bus_expire_rows, &waiting, reterr);
    }
    atomic_store(&memory->has_more_to_expire,
                 events >= bus_expire_rows || waiting >= bus_expire_rows);
    return status;
}

static void expire_done(struct store_job *job, enum status status, const struct failure *failure)
{
    struct memory *memory =
        (struct memory *)(void *)((char *)job - offsetof(struct memory, expire_job));
    if (status != STATUS_OK) {
        atomic_store(&memory->has_more_to_expire, false);
    }
    atomic_store(&memory->is_expiring, false);
    bus_store_done(memory, false);
}

/* Deletes a little, when it is time; gives the milliseconds until it is time again. */
static uint64_t expire_some(struct memory *memory)
{
    static const uint64_t soon_ms = 50;
    uint64_t now_ms = clock_monotonic_ms();
    if (memory->settings.retention_ms == 0 || memory->store == NULL) {
        return bus_expire_pause_ms;
    }
    if (atomic_load(&memory->is_expiring)) {
        return soon_ms;
    }
    if (atomic_exchange(&memory->has_more_to_expire, false)) {
        memory->expire_at_ms = now_ms;
    }
    if (now_ms < memory->expire_at_ms) {
        return memory->expire_at_ms - now_ms;
    }
    memory->expire_at_ms = now_ms + bus_expire_pause_ms;
    memory->expire_job = (struct store_job){
        .run = expire_run, .done = expire_done, .is_patient = true, .bytes = 1024};
    atomic_store(&memory->is_expiring, true);
    if (bus_store_write(memory, &memory->expire_job) != STATUS_OK) {
        atomic_store(&memory->is_expiring, false);
    }
    return soon_ms;
}

/* ---- the thread ---- */

/* Milliseconds until the next batch should go; 0: now. Not while it only waits for company and the
 * queue has room. Under the lock. */
static uint64_t items_wait_ms(const struct memory *memory)
{
    uint64_t now_ms = clock_monotonic_ms();
    if (memory->is_closing || !memory_has_room(memory) || now_ms >= memory->items_due_ms) {
        return 0;
    }
    return memory->items_due_ms - now_ms;
}

/* Lets letters gather that nobody waits for. Under the lock. */
static void nap(struct memory *memory)
{
    uint64_t until_ms = clock_monotonic_ms() + bus_nap_ms;
    memory->is_napping = true;
    for (uint64_t now_ms = until_ms - bus_nap_ms;
         now_ms < until_ms && !memory->is_hurried && !memory->is_closing;
         now_ms = clock_monotonic_ms()) {
        wait_ms(memory, until_ms - now_ms);
    }
    memory->is_napping = false;
}

/* Waits for letters, or for the store to take the batch that was begun. NULL at the end. */
static struct bus_letter *letters_take(struct memory *memory, bool *ret_is_over)
{
    uint64_t pause_ms = expire_some(memory);
    pthread_mutex_lock(&memory->lock);
    if (memory->may_nap && (memory->items == NULL || items_wait_ms(memory) > 0)) {
        nap(memory);
    }
    while (memory->letters == NULL) {
        uint64_t gather_ms = pause_ms;
        if (memory->items != NULL && memory->batches < bus_batches_max) {
            gather_ms = items_wait_ms(memory);
            if (gather_ms == 0) {
                break;
            }
        }
        if (memory->items == NULL && memory->is_closing && memory->store_jobs == 0) {
            *ret_is_over = true;
            break;
        }
        /* jobs of the store may still post letters */
        wait_ms(memory, gather_ms < pause_ms ? gather_ms : pause_ms);
        if (memory->letters == NULL && memory->settings.retention_ms > 0 && !memory->is_closing) {
            pthread_mutex_unlock(&memory->lock);
            pause_ms = expire_some(memory);
            pthread_mutex_lock(&memory->lock);
        }
    }
    struct bus_letter *letters = memory->letters;
    memory->letters = NULL;
    memory->letters_tail = &memory->letters;
    memory->reads_hurried = memory->is_hurried;
    memory->is_hurried = false;
    memory->may_nap = letters != NULL;
    pthread_mutex_unlock(&memory->lock);
    return letters;
}

static bool has_turn(struct memory *memory)
{
    pthread_mutex_lock(&memory->lock);
    bool has = memory->batches < bus_batches_max && items_wait_ms(memory) == 0;
    pthread_mutex_unlock(&memory->lock);
    return has;
}

/* Nobody waits for what is read now. */
static bool may_rest(void *context)
{
    struct memory *memory = context;
    pthread_mutex_lock(&memory->lock);
    bool may = !memory->is_hurried && !memory->is_closing;
    pthread_mutex_unlock(&memory->lock);
    return may && !memory->reads_hurried && is_calm(memory);
}

void *bus_run(void *memory_pointer)
{
    struct memory *memory = memory_pointer;
    struct pace pace = {.may_rest = may_rest, .context = memory};
    bool is_over = false;
    pace_keep(&pace);
    while (!is_over) {
        struct bus_letter *letters = letters_take(memory, &is_over);
        pace_begin();
        while (letters != NULL) {
            struct bus_letter *letter = letters;
            letters = letter->next;
            letter->run(memory, letter);
            pace_point();
        }
        if (memory->items != NULL && has_turn(memory)) {
            bus_flush(memory);
        }
    }
    return NULL;
}

/* SPDX-License-Identifier: MIT
 *
 * delivery.c - the outbox, in order of arrival, to a remote backend, however long it is away.
 *
 * A batch is read, written, and then removed: a crash in between writes it twice, which backends
 * take for once. When a backend says that it will never take a batch, ever smaller ones find the
 * event that is to blame, and that one is put aside (outbox_rejected). */
#include "mem/delivery.h"

#include "base/clock.h"
#include "base/random.h"
#include "mem/event_rows.h"

#include <stdlib.h>

enum {
    batch_arena_bytes_max = 256 * 1024 * 1024,
    sync_job_bytes = 64 * 1024,
    idle_ms = 60 * 1000,
    pause_doublings_max = 16,
};

struct frame_list {
    struct bus_frame *first;
    struct bus_frame **tail;
    size_t count;
};

/* How the last call of a thread to the remote went. */
struct condition {
    bool is_failing;
    struct failure failure;
};

struct delivery {
    struct memory *memory;
    pthread_t writer;
    pthread_t reader;
    bool has_writer;
    bool has_reader;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    struct frame_list reads;
    struct frame_list erasures;
    bool is_closing;
    bool is_kicked;
    bool is_sync_done;
    enum status sync_status;
    struct condition writing;
    struct condition reading;

    /* the delivering thread's */
    void *handle; /* of the backend */
    bool is_open;
    size_t batch_limit;
    unsigned failures; /* one after the other */
    uint64_t try_at_ms;
    uint64_t expire_at_ms;
    bool has_erased; /* in the last turn */
};

/* A job of the store that the delivering thread waits for. */
struct sync_job {
    struct store_job job;
    struct delivery *delivery;
    struct arena *arena;
    struct outbox_batch batch;
    size_t limit;
    bool rejects;
    uint64_t outbox_events;
    uint64_t outbox_bytes;
};

static void list_add(struct frame_list *list, struct bus_frame *frame)
{
    frame->next = NULL;
    *list->tail = frame;
    list->tail = &frame->next;
    list->count++;
}

static struct bus_frame *list_take(struct frame_list *list)
{
    struct bus_frame *frame = list->first;
    if (frame != NULL) {
        list->first = frame->next;
        list->tail = list->first == NULL ? &list->first : list->tail;
        list->count--;
    }
    return frame;
}

/* ---- jobs of the store ---- */

static void sync_done(struct store_job *job, enum status status, const struct failure *failure)
{
    struct sync_job *sync = (struct sync_job *)job;
    struct delivery *delivery = sync->delivery;
    /* First: once the delivering thread goes on, it may end, and the bus with it. */
    bus_store_done(delivery->memory, false);
    pthread_mutex_lock(&delivery->lock);
    delivery->sync_status = status;
    delivery->is_sync_done = true;
    pthread_cond_broadcast(&delivery->changed);
    pthread_mutex_unlock(&delivery->lock);
}

static enum status sync_run(struct delivery *delivery, struct sync_job *sync, bool is_write)
{
    delivery->is_sync_done = false;
    sync->delivery = delivery;
    sync->job.done = sync_done;
    sync->job.bytes = sync_job_bytes;
    enum status status = is_write ? bus_store_write(delivery->memory, &sync->job)
                                  : bus_store_read(delivery->memory, &sync->job);
    if (status != STATUS_OK) {
        return status;
    }
    pthread_mutex_lock(&delivery->lock);
    while (!delivery->is_sync_done) {
        pthread_cond_wait(&delivery->changed, &delivery->lock);
    }
    status = delivery->sync_status;
    pthread_mutex_unlock(&delivery->lock);
    return status;
}

static enum status read_batch(struct store_job *job, struct database *database,
                              struct failure *reterr)
{
    struct sync_job *sync = (struct sync_job *)job;
    enum status status = outbox_total(database, &sync->outbox_events, &sync->outbox_bytes, reterr);
    if (status == STATUS_OK) {
        status = outbox_read(database, sync->limit, delivery_bytes_max, sync->arena, &sync->batch,
                             reterr);
    }
    return status;
}

static enum status remove_batch(struct store_job *job, struct database *database,
                                struct failure *reterr)
{
    struct sync_job *sync = (struct sync_job *)job;
    enum status status = sync->rejects
                             ? outbox_reject(database, sync->batch.seqs[0], reterr)
                             : outbox_remove(database, sync->batch.seqs, sync->batch.count, reterr);
    if (status == STATUS_OK) {
        status = outbox_total(database, &sync->outbox_events, &sync->outbox_bytes, reterr);
    }
    return status;
}

/* ---- delivering ---- */

/* <failure> NULL: the remote does as it is told. */
static void condition_set(struct delivery *delivery, struct condition *condition,
                          const struct failure *failure)
{
    pthread_mutex_lock(&delivery->lock);
    condition->is_failing = failure != NULL;
    if (failure != NULL) {
        condition->failure = *failure;
    }
    pthread_mutex_unlock(&delivery->lock);
}

static void has_failed(struct delivery *delivery)
{
    const struct bus_settings *settings = &delivery->memory->settings;
    uint64_t pause_ms = settings->pause_max_ms;
    if (delivery->failures < pause_doublings_max &&
        settings->pause_least_ms << delivery->failures < pause_ms) {
        pause_ms = settings->pause_least_ms << delivery->failures;
    }
    uint32_t random;
    random_fill(&random, sizeof(random));
    pause_ms = pause_ms / 2 + random % (pause_ms / 2 + 1); /* gateways do not return in step */
    delivery->failures++;
    delivery->try_at_ms = clock_monotonic_ms() + pause_ms;
}

static bool is_open(struct delivery *delivery, struct failure *reterr)
{
    const struct bus_settings *settings = &delivery->memory->settings;
    if (!delivery->is_open) {
        delivery->is_open =
            settings->backend->open(&settings->remote, &delivery->handle, reterr) == STATUS_OK;
    }
    return delivery->is_open;
}

static void batch_remove(struct delivery *delivery, struct sync_job *sync, bool rejects)
{
    struct memory *memory = delivery->memory;
    size_t count = sync->batch.count;
    sync->rejects = rejects;
    sync->job.run = remove_batch;
    if (sync_run(delivery, sync, true) != STATUS_OK) {
        has_failed(delivery); /* the disk; it is written once more, later */
        return;
    }
    atomic_store(&memory->counters.outbox_events, sync->outbox_events);
    atomic_store(&memory->is_outbox_full, false);
    atomic_fetch_add(
        rejects ? &memory->counters.events_rejected : &memory->counters.events_delivered, count);
    delivery->failures = 0;
    delivery->batch_limit = delivery->batch_limit * 2 > delivery_events_max
                                ? delivery_events_max
                                : delivery->batch_limit * 2;
}

static void batch_write(struct delivery *delivery, struct sync_job *sync)
{
    struct memory *memory = delivery->memory;
    struct failure failure = {""};
    size_t count = sync->batch.count;
    enum status status = STATUS_IO;
    if (is_open(delivery, &failure)) {
        status =
            memory->settings.backend->write(delivery->handle, sync->batch.events, count, &failure);
    }
    bool has_answered = delivery->is_open && (status == STATUS_OK || status == STATUS_INVALID);
    condition_set(delivery, &delivery->writing, has_answered ? NULL : &failure);
    if (status == STATUS_OK) {
        batch_remove(delivery, sync, false);
    } else if (status == STATUS_INVALID && count > 1) {
        delivery->batch_limit = (count + 1) / 2;
    } else if (status == STATUS_INVALID) {
        batch_remove(delivery, sync, true);
    } else {
        atomic_fetch_add(&memory->counters.delivery_failures, 1);
        has_failed(delivery);
    }
}

/* True when there was something, and there may be more. */
static bool deliver(struct delivery *delivery)
{
    struct arena arena;
    arena_init(&arena, batch_arena_bytes_max);
    struct sync_job sync = {
        .job = {.run = read_batch}, .arena = &arena, .limit = delivery->batch_limit};
    enum status status = sync_run(delivery, &sync, false);
    if (status != STATUS_OK) {
        has_failed(delivery); /* the store is not there yet */
    } else {
        atomic_store(&delivery->memory->counters.outbox_events, sync.outbox_events);
        if (sync.batch.count > 0) {
            batch_write(delivery, &sync);
        }
    }
    bool has_more = status != STATUS_OK || sync.batch.count > 0;
    arena_clear(&arena);
    return has_more;
}

static void erase(struct delivery *delivery, struct bus_frame *frame)
{
    struct failure failure = {""};
    uint64_t erased = 0;
    enum status status = STATUS_IO;
    struct backend_query query = frame->job.query;
    query.limit = 0;
    if (is_open(delivery, &failure)) {
        status =
            delivery->memory->settings.backend->erase(delivery->handle, &query, &erased, &failure);
    }
    bool has_erased = status == STATUS_OK || status == STATUS_NOT_FOUND;
    if (!has_erased) {
        atomic_fetch_add(&delivery->memory->counters.delivery_failures, 1);
    }
    condition_set(delivery, &delivery->writing, has_erased ? NULL : &failure);
    frame->job.erased += erased;
    bus_answer(frame, has_erased ? STATUS_OK : STATUS_IO, &failure);
}

static void expire(struct delivery *delivery, uint64_t now_ms)
{
    static const uint64_t soon_ms = 200;
    const struct bus_settings *settings = &delivery->memory->settings;
    struct failure failure;
    uint64_t erased = 0;
    int64_t before_us = clock_wall_us() - (int64_t)settings->retention_ms * 1000;
    delivery->expire_at_ms = now_ms + bus_expire_pause_ms;
    if (is_open(delivery, &failure) &&
        settings->backend->expire(delivery->handle, before_us, bus_expire_rows, &erased,
                                  &failure) == STATUS_OK &&
        erased >= bus_expire_rows) {
        delivery->expire_at_ms = now_ms + soon_ms;
    }
}

/* ---- threads ---- */

static void wait_until_ms(struct delivery *delivery, uint64_t now_ms, uint64_t at_ms)
{
    struct timespec until;
    uint64_t duration_ms = at_ms > now_ms ? at_ms - now_ms : 0;
    duration_ms = duration_ms > idle_ms ? idle_ms : duration_ms;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(duration_ms / 1000);
    until.tv_nsec += (long)(duration_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    (void)pthread_cond_timedwait(&delivery->changed, &delivery->lock, &until);
}

static void writer_turn(struct delivery *delivery, struct bus_frame *erasure, bool may_deliver)
{
    uint64_t now_ms = clock_monotonic_ms();
    if (erasure != NULL) {
        erase(delivery, erasure);
    } else if (may_deliver && deliver(delivery)) {
        delivery_kick(delivery);
    }
    if (delivery->memory->settings.retention_ms > 0 && now_ms >= delivery->expire_at_ms) {
        expire(delivery, now_ms);
    }
}

static void *writer_run(void *delivery_pointer)
{
    struct delivery *delivery = delivery_pointer;
    pthread_mutex_lock(&delivery->lock);
    while (!delivery->is_closing) {
        uint64_t now_ms = clock_monotonic_ms();
        bool is_time = now_ms >= delivery->try_at_ms;
        bool expires = delivery->memory->settings.retention_ms > 0;
        bool may_deliver = delivery->is_kicked && is_time;
        struct bus_frame *erasure = NULL;
        if (!may_deliver || !delivery->has_erased) { /* neither keeps the other waiting */
            erasure = list_take(&delivery->erasures);
        }
        may_deliver = may_deliver && erasure == NULL;
        delivery->has_erased = erasure != NULL;
        if (erasure == NULL && !may_deliver && !(expires && now_ms >= delivery->expire_at_ms)) {
            uint64_t at_ms = delivery->is_kicked ? delivery->try_at_ms : now_ms + idle_ms;
            at_ms = expires && delivery->expire_at_ms < at_ms ? delivery->expire_at_ms : at_ms;
            wait_until_ms(delivery, now_ms, at_ms);
            continue;
        }
        delivery->is_kicked = delivery->is_kicked && !may_deliver;
        pthread_mutex_unlock(&delivery->lock);
        writer_turn(delivery, erasure, may_deliver);
        pthread_mutex_lock(&delivery->lock);
    }
    pthread_mutex_unlock(&delivery->lock);
    if (delivery->is_open) {
        delivery->memory->settings.backend->close(delivery->handle);
    }
    return NULL;
}

static void read_answer(struct delivery *delivery, void **handle, bool *is_handle_open,
                        struct bus_frame *frame)
{
    const struct bus_settings *settings = &delivery->memory->settings;
    struct failure failure = {""};
    enum status status = STATUS_IO;
    struct memory_job *job = &frame->job;
    if (atomic_load(&job->is_abandoned)) {
        bus_answer(frame, STATUS_IO, &failure);
        return;
    }
    if (!*is_handle_open) {
        *is_handle_open = settings->backend->open(&settings->remote, handle, &failure) == STATUS_OK;
    }
    if (*is_handle_open) {
        status = settings->backend->read(*handle, &job->query, &job->arena, &job->page, &failure);
    }
    bool has_answered = *is_handle_open && (status == STATUS_OK || status == STATUS_NOT_FOUND ||
                                            status == STATUS_INVALID);
    condition_set(delivery, &delivery->reading, has_answered ? NULL : &failure);
    bus_answer(frame, status, &failure);
}

static void *reader_run(void *delivery_pointer)
{
    struct delivery *delivery = delivery_pointer;
    void *handle = NULL;
    bool is_handle_open = false;
    pthread_mutex_lock(&delivery->lock);
    while (!delivery->is_closing) {
        struct bus_frame *frame = list_take(&delivery->reads);
        if (frame == NULL) {
            pthread_cond_wait(&delivery->changed, &delivery->lock);
            continue;
        }
        pthread_mutex_unlock(&delivery->lock);
        read_answer(delivery, &handle, &is_handle_open, frame);
        pthread_mutex_lock(&delivery->lock);
    }
    pthread_mutex_unlock(&delivery->lock);
    if (is_handle_open) {
        delivery->memory->settings.backend->close(handle);
    }
    return NULL;
}

/* ---- opening and closing ---- */

static bool delivery_init(struct delivery *delivery)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0) {
        return false;
    }
    bool is_made = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
                   pthread_cond_init(&delivery->changed, &attributes) == 0;
    pthread_condattr_destroy(&attributes);
    if (is_made && pthread_mutex_init(&delivery->lock, NULL) != 0) {
        pthread_cond_destroy(&delivery->changed);
        is_made = false;
    }
    delivery->reads.tail = &delivery->reads.first;
    delivery->erasures.tail = &delivery->erasures.first;
    delivery->batch_limit = delivery_events_max;
    delivery->is_kicked = true; /* what an earlier run left */
    return is_made;
}

enum status delivery_create(struct memory *memory, struct delivery **ret, struct failure *reterr)
{
    struct delivery *delivery = calloc(1, sizeof(*delivery));
    if (delivery == NULL || !delivery_init(delivery)) {
        free(delivery);
        failure_set(reterr, "no memory to deliver events");
        return STATUS_NO_MEMORY;
    }
    delivery->memory = memory;
    delivery->has_writer = pthread_create(&delivery->writer, NULL, writer_run, delivery) == 0;
    delivery->has_reader = pthread_create(&delivery->reader, NULL, reader_run, delivery) == 0;
    if (!delivery->has_writer || !delivery->has_reader) {
        delivery_free(delivery);
        failure_set(reterr, "cannot start the threads that deliver events");
        return STATUS_IO;
    }
    *ret = delivery;
    return STATUS_OK;
}

static void answer_all(struct frame_list *list)
{
    struct failure failure;
    struct bus_frame *frame;
    failure_set(&failure, "the gateway is ending");
    while ((frame = list_take(list)) != NULL) {
        bus_answer(frame, STATUS_IO, &failure);
    }
}

static void list_move(struct frame_list *from, struct frame_list *to)
{
    struct bus_frame *frame;
    to->first = NULL;
    to->tail = &to->first;
    to->count = 0;
    while ((frame = list_take(from)) != NULL) {
        list_add(to, frame);
    }
}

void delivery_hurry(struct delivery *delivery)
{
    struct frame_list reads;
    struct frame_list erasures;
    pthread_mutex_lock(&delivery->lock);
    delivery->is_closing = true;
    list_move(&delivery->reads, &reads);
    list_move(&delivery->erasures, &erasures);
    pthread_cond_broadcast(&delivery->changed);
    pthread_mutex_unlock(&delivery->lock);
    answer_all(&reads);
    answer_all(&erasures);
}

void delivery_free(struct delivery *delivery)
{
    if (delivery == NULL) {
        return;
    }
    delivery_hurry(delivery);
    if (delivery->has_writer) {
        pthread_join(delivery->writer, NULL);
    }
    if (delivery->has_reader) {
        pthread_join(delivery->reader, NULL);
    }
    pthread_mutex_destroy(&delivery->lock);
    pthread_cond_destroy(&delivery->changed);
    free(delivery);
}

/* ---- any thread ---- */

void delivery_kick(struct delivery *delivery)
{
    pthread_mutex_lock(&delivery->lock);
    delivery->is_kicked = true;
    pthread_cond_broadcast(&delivery->changed);
    pthread_mutex_unlock(&delivery->lock);
}

bool delivery_failure(struct delivery *delivery, struct failure *ret)
{
    pthread_mutex_lock(&delivery->lock);
    bool is_writing = delivery->writing.is_failing;
    bool is_failing = is_writing || delivery->reading.is_failing;
    if (is_failing) {
        *ret = is_writing ? delivery->writing.failure : delivery->reading.failure;
    }
    pthread_mutex_unlock(&delivery->lock);
    return is_failing;
}

static struct bus_frame *frame_of(struct bus_letter *letter)
{
    return (struct bus_frame *)(void *)((char *)letter - offsetof(struct bus_frame, letter));
}

static void frame_crowded(struct memory *memory, struct bus_letter *letter)
{
    struct failure failure;
    failure_set(&failure, "too many questions wait for the remote backend");
    bus_answer(frame_of(letter), STATUS_AGAIN, &failure);
}

static void frame_late(struct memory *memory, struct bus_letter *letter)
{
    struct failure failure;
    failure_set(&failure, "the gateway is ending");
    bus_answer(frame_of(letter), STATUS_IO, &failure);
}

static void frame_wait(struct delivery *delivery, struct frame_list *list, size_t count_max,
                       struct bus_frame *take_frame)
{
    pthread_mutex_lock(&delivery->lock);
    bool is_closing = delivery->is_closing;
    bool has_room = list->count < count_max;
    if (has_room && !is_closing) {
        list_add(list, take_frame);
        pthread_cond_broadcast(&delivery->changed);
    }
    pthread_mutex_unlock(&delivery->lock);
    if (!has_room || is_closing) {
        take_frame->letter.run = is_closing ? frame_late : frame_crowded;
        bus_post(delivery->memory, &take_frame->letter);
    }
}

void delivery_erase(struct delivery *delivery, struct bus_frame *take_frame)
{
    frame_wait(delivery, &delivery->erasures, bus_remote_erasures_max, take_frame);
}

void delivery_read(struct delivery *delivery, struct bus_frame *take_frame)
{
    frame_wait(delivery, &delivery->reads, bus_remote_reads_max, take_frame);
}

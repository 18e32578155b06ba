/* SPDX-License-Identifier: MIT
 *
 * memory.c - opening and closing the bus, jobs that read, write and erase, room. */
#include "mem/memory.h"

#include "base/clock.h"
#include "base/random.h"
#include "mem/bus.h"
#include "mem/delivery.h"
#include "mem/event_json.h"
#include "mem/event_rows.h"

#include <stdlib.h>

enum {
    job_arena_bytes_max = 256 * 1024 * 1024,
    job_bytes = 4096, /* a reading or erasing job, in the store's queue */
    redacted_bytes_max = 256 * 1024 * 1024,
};

static const char *const backend_names[] = {
    [MEM_BACKEND_NONE] = "none",         [MEM_BACKEND_SQLITE] = "sqlite",
    [MEM_BACKEND_WEAVIATE] = "weaviate", [MEM_BACKEND_SAKANA] = "sakana",
    [MEM_BACKEND_POSTGRES] = "postgres",
};

/* ---- events and jobs ---- */

void memory_event_init(struct event *event)
{
    static _Thread_local struct random_source source;
    char random[20];
    int64_t now_us = clock_wall_us();
    uint64_t now_ms = (uint64_t)now_us / 1000;
    *event = (struct event){.timestamp_us = now_us, .tokens_in = -1, .tokens_out = -1};
    random_hex(&source, 10, random);
    /* RFC 9562 5.7: 48 bits of time, version, 12 bits, variant, 62 bits. Of the 12 bits, ten are
     * the microseconds, so that ids of one thread rise. */
    static const char digits[] = "0123456789abcdef";
    unsigned fine = (unsigned)(now_us % 1000);
    char *id = event->id;
    for (size_t i = 0; i < 12; i++) {
        id[i < 8 ? i : i + 1] = digits[(now_ms >> (44 - 4 * i)) & 15];
    }
    id[8] = id[13] = id[18] = id[23] = '-';
    id[14] = '7';
    id[15] = digits[fine >> 6];
    id[16] = digits[(fine >> 2) & 15];
    id[17] = digits[((fine & 3) << 2) | ((unsigned char)random[19] & 3)];
    id[19] = digits[8 + ((unsigned char)random[18] & 3)];
    memcpy(id + 20, random, 3);
    memcpy(id + 24, random + 3, 12);
    id[event_id_length] = '\0';
}

struct memory_job *memory_job_create(enum memory_action action,
                                     void (*done)(struct memory_job *job), void *context)
{
    struct bus_frame *frame = calloc(1, sizeof(*frame));
    if (frame == NULL) {
        return NULL;
    }
    arena_init(&frame->job.arena, job_arena_bytes_max);
    frame->job.action = action;
    frame->job.done = done;
    frame->job.context = context;
    return &frame->job;
}

void memory_job_free(struct memory_job *job)
{
    if (job != NULL) {
        arena_clear(&job->arena);
        free((struct bus_frame *)job);
    }
}

void memory_job_abandon(struct memory_job *job)
{
    atomic_store(&job->is_abandoned, true);
}

void bus_answer(struct bus_frame *take_frame, enum status status, const struct failure *failure)
{
    struct memory_job *job = &take_frame->job;
    job->status = status;
    if (status != STATUS_OK && failure != NULL) {
        job->failure = *failure;
    }
    bool is_one = job->query.id.data != NULL;
    bool is_none = (job->action == MEMORY_READ && job->page.count == 0) ||
                   (job->action == MEMORY_ERASE && job->erased == 0);
    if (status == STATUS_OK && is_one && job->action != MEMORY_WRITE && is_none) {
        job->status = STATUS_NOT_FOUND;
        failure_set(&job->failure, "no such event");
    }
    if (is_one && job->erased > 1) {
        job->erased = 1; /* on its way to the remote, it was in both places */
    }
    job->done(job);
}

static struct bus_frame *frame_of_letter(struct bus_letter *letter)
{
    return (struct bus_frame *)(void *)((char *)letter - offsetof(struct bus_frame, letter));
}

static struct bus_frame *frame_of_store_job(struct store_job *job)
{
    return (struct bus_frame *)(void *)((char *)job - offsetof(struct bus_frame, store_job));
}

/* Answers from the reading thread with what job.status and job.failure say. */
static void answer_letter(struct memory *memory, struct bus_letter *letter)
{
    struct bus_frame *frame = frame_of_letter(letter);
    struct failure failure = frame->job.failure;
    bus_answer(frame, frame->job.status, &failure);
}

static void answer_later(struct bus_frame *take_frame, enum status status, const char *why)
{
    take_frame->job.status = status;
    failure_set(&take_frame->job.failure, "%s", why);
    take_frame->letter.run = answer_letter;
    bus_post(take_frame->memory, &take_frame->letter);
}

/* ---- writing ---- */

static void write_done(struct memory *memory, struct bus_item *item)
{
    struct bus_frame *frame =
        (struct bus_frame *)(void *)((char *)item - offsetof(struct bus_frame, item));
    struct failure failure = item->failure;
    bus_answer(frame, item->status, &failure);
}

static void write_letter(struct memory *memory, struct bus_letter *letter)
{
    struct bus_frame *frame = frame_of_letter(letter);
    struct memory_job *job = &frame->job;
    struct failure failure = {""};
    enum status status = STATUS_OK;
    for (size_t i = 0; i < job->events_count && status == STATUS_OK; i++) {
        struct event *event = &job->events[i];
        if (!event_id_is_sound(slice_from_string(event->id)) || event->issuer.data == NULL ||
            event->subject.data == NULL) {
            failure_set(&failure, "an event needs an id and an owner");
            status = STATUS_INVALID;
        } else if (!bus_redact(memory, event, &job->arena)) {
            failure_set(&failure, "no memory to redact an event");
            status = STATUS_NO_MEMORY;
        }
    }
    if (status != STATUS_OK) {
        atomic_fetch_add(&memory->counters.events_refused, job->events_count);
        bus_answer(frame, status, &failure);
        return;
    }
    frame->item =
        (struct bus_item){.events = job->events, .count = job->events_count, .done = write_done};
    bus_store_item(memory, &frame->item);
}

static void run_write(struct bus_frame *frame)
{
    struct memory *memory = frame->memory;
    if (!memory_keeps(memory)) {
        atomic_fetch_add(&memory->counters.events_refused, frame->job.events_count);
        answer_later(frame, STATUS_UNSUPPORTED, "memory is off: set MEM_BACKEND");
        return;
    }
    if (!memory_has_room(memory)) {
        atomic_fetch_add(&memory->counters.events_refused, frame->job.events_count);
        answer_later(frame, STATUS_AGAIN, "too much waits to be stored (MEM_QUEUE_MAX)");
        return;
    }
    frame->letter.run = write_letter;
    bus_post(memory, &frame->letter);
}

/* ---- reading ---- */

static enum status read_run(struct store_job *store_job, struct database *database,
                            struct failure *reterr)
{
    struct bus_frame *frame = frame_of_store_job(store_job);
    const struct backend *backend = frame->memory->settings.backend;
    struct memory_job *job = &frame->job;
    frame->page = (struct event_page){.events = NULL};
    if (atomic_load(&job->is_abandoned)) {
        failure_set(reterr, "nobody waits for the answer");
        return STATUS_NOT_FOUND;
    }
    if (!backend->is_embedded) {
        return outbox_find(database, &job->query, &job->arena, &frame->page, reterr);
    }
    struct backend_settings settings = {.database = database};
    void *handle = NULL;
    enum status status = backend->open(&settings, &handle, reterr);
    if (status == STATUS_OK) {
        status = backend->read(handle, &job->query, &job->arena, &frame->page, reterr);
        backend->close(handle);
    }
    return status;
}

static void read_done(struct store_job *store_job, enum status status,
                      const struct failure *failure)
{
    struct bus_frame *frame = frame_of_store_job(store_job);
    struct memory *memory = frame->memory;
    frame->job.page = frame->page;
    if (!memory->settings.backend->is_embedded && status != STATUS_OK) {
        delivery_read(memory->delivery, frame); /* not in the outbox: the remote has it or nobody */
    } else {
        bus_answer(frame, status, failure);
    }
    bus_store_done(memory, false);
}

static void run_read(struct bus_frame *frame)
{
    struct memory *memory = frame->memory;
    struct backend_query *query = &frame->job.query;
    if (!memory_keeps(memory)) {
        frame->job.status = STATUS_OK;
        frame->letter.run = answer_letter;
        bus_post(memory, &frame->letter);
        return;
    }
    query->limit = query->id.data != NULL ? 1 : query->limit;
    query->limit = query->limit > backend_page_rows_max ? backend_page_rows_max : query->limit;
    if (query->limit == 0 || query->issuer.data == NULL || query->subject.data == NULL) {
        answer_later(frame, STATUS_INVALID, "a question to memory needs an owner and a limit");
        return;
    }
    if (!memory->settings.backend->is_embedded && query->id.data == NULL) {
        delivery_read(memory->delivery, frame);
        return;
    }
    frame->store_job = (struct store_job){.run = read_run, .done = read_done, .bytes = job_bytes};
    enum status status = bus_store_read(memory, &frame->store_job);
    if (status != STATUS_OK) {
        answer_later(frame, status == STATUS_LIMIT ? STATUS_AGAIN : STATUS_IO,
                     "too many questions wait for the store");
    }
}

/* ---- erasing ---- */

/* From everywhere in the store: what another backend left there, too. */
static enum status erase_run(struct store_job *store_job, struct database *database,
                             struct failure *reterr)
{
    struct bus_frame *frame = frame_of_store_job(store_job);
    struct backend_query query = frame->job.query;
    uint64_t events = 0;
    uint64_t waiting = 0;
    query.limit = bus_erase_rows;
    enum status status = event_rows_erase(database, &query, &events, reterr);
    if (status == STATUS_OK) {
        status = outbox_erase(database, &query, &waiting, reterr);
    }
    frame->erased = events + waiting;
    return status;
}

static void erase_letter(struct memory *memory, struct bus_letter *letter);

static void erase_done(struct store_job *store_job, enum status status,
                       const struct failure *failure)
{
    struct bus_frame *frame = frame_of_store_job(store_job);
    struct memory *memory = frame->memory;
    if (status == STATUS_OK) {
        frame->job.erased += frame->erased;
    }
    if (status == STATUS_OK && frame->job.query.id.data == NULL &&
        frame->erased >= bus_erase_rows) {
        frame->letter.run = erase_letter; /* there may be more */
        bus_post(memory, &frame->letter);
    } else if (status == STATUS_OK && memory->delivery != NULL) {
        delivery_erase(memory->delivery, frame);
    } else {
        bus_answer(frame, status, failure);
    }
    bus_store_done(memory, false);
}

/* What was handed in before the erasure is stored before it, and so erased. */
static void erase_letter(struct memory *memory, struct bus_letter *letter)
{
    struct bus_frame *frame = frame_of_letter(letter);
    bus_flush(memory);
    frame->store_job = (struct store_job){.run = erase_run, .done = erase_done, .bytes = job_bytes};
    enum status status = bus_store_write(memory, &frame->store_job);
    if (status != STATUS_OK) {
        struct failure failure;
        failure_set(&failure, "the store's queue is full");
        bus_answer(frame, status == STATUS_LIMIT ? STATUS_AGAIN : STATUS_IO, &failure);
    }
}

static void run_erase(struct bus_frame *frame)
{
    const struct backend_query *query = &frame->job.query;
    if (query->issuer.data == NULL || query->subject.data == NULL) {
        answer_later(frame, STATUS_INVALID, "an erasure needs an owner");
        return;
    }
    frame->letter.run = frame->memory->store == NULL ? answer_letter : erase_letter;
    bus_post(frame->memory, &frame->letter);
}

void memory_run(struct memory *memory, struct memory_job *take_job)
{
    struct bus_frame *frame = (struct bus_frame *)take_job;
    frame->memory = memory;
    switch (take_job->action) {
    case MEMORY_WRITE:
        run_write(frame);
        break;
    case MEMORY_READ:
        run_read(frame);
        break;
    case MEMORY_ERASE:
        run_erase(frame);
        break;
    }
}

/* ---- opening and closing ---- */

static bool memory_init(struct memory *memory)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0) {
        return false;
    }
    bool is_made = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
                   pthread_cond_init(&memory->changed, &attributes) == 0;
    pthread_condattr_destroy(&attributes);
    if (is_made && pthread_mutex_init(&memory->lock, NULL) != 0) {
        pthread_cond_destroy(&memory->changed);
        is_made = false;
    }
    memory->letters_tail = &memory->letters;
    memory->items_tail = &memory->items;
    memory->expire_at_ms = clock_monotonic_ms() + 1000;
    buffer_init(&memory->redacted, redacted_bytes_max);
    return is_made;
}

enum status bus_open(const struct bus_settings *settings, struct slice redact, struct store *store,
                     const struct exchange_reader *reader, struct memory **ret,
                     struct failure *reterr)
{
    struct memory *memory = calloc(1, sizeof(*memory));
    if (memory == NULL || !memory_init(memory)) {
        free(memory);
        failure_set(reterr, "no memory for the memory bus");
        return STATUS_NO_MEMORY;
    }
    memory->settings = *settings;
    memory->store = store;
    memory->reader = reader;
    enum status status = redactor_create(redact, &memory->redactor, reterr);
    if (status == STATUS_OK && settings->backend != NULL && !settings->backend->is_embedded) {
        status = delivery_create(memory, &memory->delivery, reterr);
    }
    if (status == STATUS_OK && pthread_create(&memory->thread, NULL, bus_run, memory) != 0) {
        failure_set(reterr, "cannot start the thread of the memory bus");
        status = STATUS_IO;
    }
    memory->has_thread = status == STATUS_OK;
    if (status != STATUS_OK) {
        memory_close(memory);
        return status;
    }
    *ret = memory;
    return STATUS_OK;
}

static struct bus_settings settings_of(const struct config *config)
{
    bool is_weaviate =
        config->mem_backend == MEM_BACKEND_WEAVIATE || config->mem_backend == MEM_BACKEND_SAKANA;
    struct bus_settings settings = {
        .remote = {.url = is_weaviate ? config->weaviate_url : config->postgres_url,
                   .api_key = is_weaviate ? config->weaviate_api_key : slice_make(NULL, 0),
                   .timeout_ms = config->mem_timeout_ms},
        .when_full = (enum mem_when_full)config->mem_when_full,
        .capture_bytes_max = config->mem_capture_max_bytes,
        .queue_bytes_max = config->mem_queue_max_bytes,
        .outbox_bytes_max = config->mem_outbox_max_bytes,
        .retention_ms = config->mem_retention_ms,
        .pause_least_ms = 1000,
        .pause_max_ms = 60 * 1000,
    };
    if (config->mem_backend != MEM_BACKEND_NONE) {
        settings.backend = backend_find(slice_from_string(backend_names[config->mem_backend]));
    }
    return settings;
}

/* Opening a remote backend looks at its options; it connects when it is used. */
static enum status settings_check(const struct config *config, const struct bus_settings *settings,
                                  struct failure *reterr)
{
    void *handle = NULL;
    if (config->mem_backend == MEM_BACKEND_NONE) {
        return STATUS_OK;
    }
    if (settings->backend == NULL) {
        failure_set(reterr, "MEM_BACKEND: this backend is not there");
        return STATUS_INVALID;
    }
    if (config->mem_backend == MEM_BACKEND_POSTGRES && config->postgres_url.length == 0) {
        failure_set(reterr, "MEM_BACKEND=postgres needs POSTGRES_URL");
        return STATUS_INVALID;
    }
    if (settings->backend->is_embedded) {
        return STATUS_OK;
    }
    enum status status = settings->backend->open(&settings->remote, &handle, reterr);
    if (status == STATUS_OK) {
        settings->backend->close(handle);
    }
    return status;
}

enum status memory_check(const struct config *config, struct failure *reterr)
{
    struct redactor *redactor = NULL;
    struct bus_settings settings = settings_of(config);
    enum status status = settings_check(config, &settings, reterr);
    if (status == STATUS_OK) {
        status = redactor_create(config->mem_redact, &redactor, reterr);
    }
    if (status == STATUS_OK) {
        redactor_free(redactor);
    }
    return status;
}

enum status memory_open(const struct config *config, struct store *store,
                        const struct exchange_reader *reader, struct memory **ret,
                        struct failure *reterr)
{
    struct bus_settings settings = settings_of(config);
    enum status status = memory_check(config, reterr);
    if (status != STATUS_OK) {
        return status;
    }
    if (settings.backend != NULL && store == NULL) {
        failure_set(reterr, "MEM_BACKEND: this backend has no store");
        return STATUS_INVALID;
    }
    return bus_open(&settings, config->mem_redact, store, reader, ret, reterr);
}

void memory_hurry(struct memory *memory)
{
    if (memory->delivery != NULL) {
        delivery_hurry(memory->delivery);
    }
}

void memory_close(struct memory *memory)
{
    if (memory == NULL) {
        return;
    }
    pthread_mutex_lock(&memory->lock);
    memory->is_closing = true;
    pthread_cond_broadcast(&memory->changed);
    pthread_mutex_unlock(&memory->lock);
    if (memory->has_thread) { /* it ends when all is with the store, and the store has answered */
        pthread_join(memory->thread, NULL);
    }
    delivery_free(memory->delivery);
    redactor_free(memory->redactor);
    buffer_clear(&memory->redacted);
    pthread_mutex_destroy(&memory->lock);
    pthread_cond_destroy(&memory->changed);
    free(memory);
}

/* ---- asking ---- */

bool memory_keeps(const struct memory *memory)
{
    return memory->settings.backend != NULL;
}

bool memory_is_healthy(const struct memory *memory)
{
    return memory->store == NULL ||
           (store_health(memory->store) == STORE_FINE && !atomic_load(&memory->is_outbox_full));
}

bool memory_delivery_failure(const struct memory *memory, struct failure *ret)
{
    return memory->delivery != NULL && delivery_failure(memory->delivery, ret);
}

const struct memory_counters *memory_counters(const struct memory *memory)
{
    return &memory->counters;
}

bool memory_has_room(const struct memory *memory)
{
    return atomic_load(&memory->queue_bytes) < memory->settings.queue_bytes_max;
}

bool memory_await_room(struct memory *memory, struct memory_waiter *waiter)
{
    pthread_mutex_lock(&memory->lock);
    waiter->next = memory->waiters;
    memory->waiters = waiter;
    atomic_fetch_add(&memory->waiters_count, 1);
    bool has_room = memory_has_room(memory); /* looked at after the count rose: see bus_release */
    if (has_room) {
        memory->waiters = waiter->next;
        atomic_fetch_sub(&memory->waiters_count, 1);
    }
    pthread_mutex_unlock(&memory->lock);
    return !has_room;
}

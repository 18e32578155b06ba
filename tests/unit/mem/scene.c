/* SPDX-License-Identifier: MIT
 *
 * scene.c - a bus with a real store, a remote backend that does as it is told, a plain dialect. */
#include "scene.h"

#include "base/clock.h"
#include "mem/event_rows.h"
#include "rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { patience_ms = 30000 };

/* ---- the remote ---- */

struct remote remote = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static bool text_is(struct slice text, const char *expected)
{
    return slice_equals(text, slice_from_string(expected));
}

static enum status fake_open(const struct backend_settings *settings, void **ret_handle,
                             struct failure *reterr)
{
    pthread_mutex_lock(&remote.lock);
    enum status status = remote.open_status;
    pthread_mutex_unlock(&remote.lock);
    *ret_handle = &remote;
    failure_set(reterr, "the remote does not open");
    return status;
}

static void keep(const struct event *event)
{
    for (size_t i = 0; i < remote.count; i++) {
        if (strcmp(remote.rows[i].id, event->id) == 0) {
            return;
        }
    }
    assert_true(remote.count < sizeof(remote.rows) / sizeof(*remote.rows));
    memcpy(remote.rows[remote.count].id, event->id, sizeof(event->id));
    snprintf(remote.rows[remote.count].subject, sizeof(remote.rows->subject), "%.*s",
             SLICE_ARGS(event->subject));
    snprintf(remote.rows[remote.count].session, sizeof(remote.rows->session), "%.*s",
             SLICE_ARGS(event->session));
    snprintf(remote.rows[remote.count].prompt, sizeof(remote.rows->prompt), "%.*s",
             SLICE_ARGS(event->prompt));
    remote.count++;
}

static enum status fake_write(void *handle, const struct event *events, size_t count,
                              struct failure *reterr)
{
    pthread_mutex_lock(&remote.lock);
    remote.writes++;
    remote.writing++;
    pthread_cond_broadcast(&remote.changed);
    while (remote.is_held) {
        pthread_cond_wait(&remote.changed, &remote.lock);
    }
    remote.writing--;
    enum status status = remote.write_status;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        if (remote.poison != NULL && text_is(events[i].prompt, remote.poison)) {
            status = STATUS_INVALID;
        }
    }
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        keep(&events[i]);
    }
    if (status == STATUS_OK && remote.lies) { /* kept, and yet an error: at least once */
        status = STATUS_IO;
        remote.lies = false;
    }
    pthread_mutex_unlock(&remote.lock);
    failure_set(reterr, "the remote refuses");
    return status;
}

static enum status fake_read(void *handle, const struct backend_query *query, struct arena *arena,
                             struct event_page *ret, struct failure *reterr)
{
    pthread_mutex_lock(&remote.lock);
    remote.reads++;
    struct event *events = arena_allocate_zeroed(arena, remote.count + 1, sizeof(*events));
    assert_non_null(events);
    size_t count = 0;
    for (size_t i = 0; i < remote.count; i++) {
        if (text_is(query->subject, remote.rows[i].subject) &&
            (query->id.data == NULL || text_is(query->id, remote.rows[i].id))) {
            memcpy(events[count++].id, remote.rows[i].id, sizeof(remote.rows[i].id));
        }
    }
    *ret = (struct event_page){.events = events, .count = count};
    pthread_mutex_unlock(&remote.lock);
    return STATUS_OK;
}

static enum status fake_erase(void *handle, const struct backend_query *query, uint64_t *ret_erased,
                              struct failure *reterr)
{
    pthread_mutex_lock(&remote.lock);
    remote.erasures++;
    size_t left = 0;
    uint64_t erased = 0;
    enum status status = remote.write_status;
    for (size_t i = 0; i < remote.count && status == STATUS_OK; i++) {
        if (text_is(query->subject, remote.rows[i].subject) &&
            (query->id.data == NULL || text_is(query->id, remote.rows[i].id))) {
            erased++;
        } else {
            remote.rows[left++] = remote.rows[i];
        }
    }
    remote.count = status == STATUS_OK ? left : remote.count;
    *ret_erased = erased;
    pthread_mutex_unlock(&remote.lock);
    failure_set(reterr, "the remote refuses");
    return status;
}

static enum status fake_expire(void *handle, int64_t before_us, size_t limit, uint64_t *ret_erased,
                               struct failure *reterr)
{
    pthread_mutex_lock(&remote.lock);
    remote.expiries++;
    pthread_mutex_unlock(&remote.lock);
    *ret_erased = 0;
    return STATUS_OK;
}

static void fake_close(void *handle)
{
}

const struct backend backend_fake = {
    .name = "fake",
    .open = fake_open,
    .write = fake_write,
    .read = fake_read,
    .erase = fake_erase,
    .expire = fake_expire,
    .close = fake_close,
};

static enum status refusing_open(const struct backend_settings *settings, void **ret_handle,
                                 struct failure *reterr)
{
    *ret_handle = NULL;
    return STATUS_OK;
}

static enum status refusing_write(void *handle, const struct event *events, size_t count,
                                  struct failure *reterr)
{
    failure_set(reterr, "refused");
    return STATUS_INVALID;
}

const struct backend backend_refusing = {
    .name = "refusing",
    .is_embedded = true,
    .open = refusing_open,
    .write = refusing_write,
    .read = fake_read,
    .close = fake_close,
};

size_t remote_count(const char *subject)
{
    size_t count = 0;
    pthread_mutex_lock(&remote.lock);
    for (size_t i = 0; i < remote.count; i++) {
        count += strcmp(remote.rows[i].subject, subject) == 0 ? 1 : 0;
    }
    pthread_mutex_unlock(&remote.lock);
    return count;
}

void remote_reset(void)
{
    pthread_mutex_lock(&remote.lock);
    remote.write_status = STATUS_OK;
    remote.open_status = STATUS_OK;
    remote.poison = NULL;
    remote.lies = false;
    remote.is_held = false;
    remote.writes = remote.reads = remote.erasures = remote.expiries = 0;
    remote.count = 0;
    pthread_mutex_unlock(&remote.lock);
}

/* ---- the dialect ---- */

struct dialect_reader {
    struct exchange exchange;
    struct buffer prompt;
    struct buffer completion;
    bool has_token;
};

static struct dialect_reader *plain_create(const struct dialect *dialect, size_t text_bytes_max)
{
    struct dialect_reader *reader = calloc(1, sizeof(*reader));
    assert_non_null(reader);
    buffer_init(&reader->prompt, text_bytes_max);
    buffer_init(&reader->completion, text_bytes_max);
    return reader;
}

static void plain_read_request(struct dialect_reader *reader, struct slice body, bool is_whole)
{
    reader->exchange.truncated = !is_whole || body.length > reader->prompt.maximum;
    body.length = body.length > reader->prompt.maximum ? reader->prompt.maximum : body.length;
    buffer_append(&reader->prompt, body);
}

static void plain_reply_head(struct dialect_reader *reader, unsigned status,
                             struct slice content_type)
{
    assert_true(slice_equals(content_type, SLICE("text/plain")));
    assert_int_equal(status, 200);
}

static bool plain_reply_feed(struct dialect_reader *reader, struct slice bytes)
{
    buffer_append(&reader->completion, bytes);
    reader->has_token = reader->has_token || memchr(bytes.data, 'T', bytes.length) != NULL;
    return reader->has_token;
}

static void plain_reply_end(struct dialect_reader *reader)
{
    reader->exchange.prompt = buffer_slice(&reader->prompt);
    reader->exchange.completion = buffer_slice(&reader->completion);
    reader->exchange.model = SLICE("plain");
    reader->exchange.tokens_in = (int64_t)reader->prompt.length;
    reader->exchange.tokens_out = (int64_t)reader->completion.length;
    reader->exchange.reply_complete = slice_ends_with(reader->exchange.completion, SLICE("[end]"));
}

static const struct exchange *plain_exchange(const struct dialect_reader *reader)
{
    return &reader->exchange;
}

static void plain_free(struct dialect_reader *reader)
{
    buffer_clear(&reader->prompt);
    buffer_clear(&reader->completion);
    free(reader);
}

const struct exchange_reader plain_reader = {
    .create = plain_create,
    .read_request = plain_read_request,
    .reply_head = plain_reply_head,
    .reply_feed = plain_reply_feed,
    .reply_end = plain_reply_end,
    .exchange = plain_exchange,
    .free = plain_free,
};

/* ---- the scene ---- */

void scene_reopen(struct scene *scene, struct bus_settings settings, const char *redact)
{
    struct failure failure = {""};
    struct store_settings store = {
        .directory = scene->directory, .queue_bytes_max = 64 * 1024 * 1024, .readers_count = 2};
    settings.capture_bytes_max =
        settings.capture_bytes_max == 0 ? 65536 : settings.capture_bytes_max;
    settings.queue_bytes_max =
        settings.queue_bytes_max == 0 ? 64 * 1024 * 1024 : settings.queue_bytes_max;
    settings.outbox_bytes_max =
        settings.outbox_bytes_max == 0 ? 64 * 1024 * 1024 : settings.outbox_bytes_max;
    settings.pause_least_ms = settings.pause_least_ms == 0 ? 5 : settings.pause_least_ms;
    settings.pause_max_ms = settings.pause_max_ms == 0 ? 20 : settings.pause_max_ms;
    if (store_open(&store, &scene->store, &failure) != STATUS_OK ||
        bus_open(&settings, slice_from_string(redact), scene->store, &plain_reader, &scene->memory,
                 &failure) != STATUS_OK) {
        fail_msg("%s", failure.text);
    }
}

void scene_begin(struct scene *scene, struct bus_settings settings, const char *redact)
{
    snprintf(scene->directory, sizeof(scene->directory), "/tmp/attach-memory-XXXXXX");
    assert_non_null(mkdtemp(scene->directory));
    scene_reopen(scene, settings, redact);
}

void scene_close(struct scene *scene)
{
    memory_close(scene->memory);
    store_close(scene->store);
}

void scene_end(struct scene *scene)
{
    scene_close(scene);
    rows_remove_directory(scene->directory);
}

struct answer {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_there;
};

static void answered(struct memory_job *job)
{
    struct answer *answer = job->context;
    pthread_mutex_lock(&answer->lock);
    answer->is_there = true;
    pthread_cond_signal(&answer->changed);
    pthread_mutex_unlock(&answer->lock);
}

void scene_run(struct scene *scene, struct memory_job *job)
{
    struct answer answer = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    job->done = answered;
    job->context = &answer;
    memory_run(scene->memory, job);
    pthread_mutex_lock(&answer.lock);
    while (!answer.is_there) {
        pthread_cond_wait(&answer.changed, &answer.lock);
    }
    pthread_mutex_unlock(&answer.lock);
}

static struct memory_job *job_create(enum memory_action action, const char *subject)
{
    struct memory_job *job = memory_job_create(action, NULL, NULL);
    assert_non_null(job);
    job->query = rows_query(subject, 1000);
    return job;
}

enum status scene_write(struct scene *scene, const char *subject, const char *prompt,
                        char ret_id[event_id_length + 1])
{
    struct memory_job *job = job_create(MEMORY_WRITE, subject);
    job->events = arena_allocate_zeroed(&job->arena, 1, sizeof(*job->events));
    assert_non_null(job->events);
    job->events_count = 1;
    memory_event_init(job->events);
    job->events->issuer = job->query.issuer;
    job->events->subject = job->query.subject;
    job->events->event = SLICE("note");
    assert_true(arena_copy(&job->arena, slice_from_string(prompt), &job->events->prompt));
    if (ret_id != NULL) {
        memcpy(ret_id, job->events->id, sizeof(job->events->id));
    }
    scene_run(scene, job);
    enum status status = job->status;
    memory_job_free(job);
    return status;
}

size_t scene_count(struct scene *scene, const char *subject, const char *words)
{
    struct memory_job *job = job_create(MEMORY_READ, subject);
    job->query.words = slice_from_string(words);
    scene_run(scene, job);
    assert_int_equal(job->status, STATUS_OK);
    size_t count = job->page.count;
    memory_job_free(job);
    return count;
}

enum status scene_erase(struct scene *scene, const char *subject, const char *id,
                        uint64_t *ret_erased)
{
    struct memory_job *job = job_create(MEMORY_ERASE, subject);
    job->query.id = slice_from_string(id);
    scene_run(scene, job);
    enum status status = job->status;
    *ret_erased = job->erased;
    memory_job_free(job);
    return status;
}

void scene_await(const atomic_uint_fast64_t *counter, uint64_t value)
{
    uint64_t until_ms = clock_monotonic_ms() + patience_ms;
    while (atomic_load(counter) != value) {
        if (clock_monotonic_ms() > until_ms) {
            fail_msg("a counter stays at %llu, not %llu", (unsigned long long)atomic_load(counter),
                     (unsigned long long)value);
        }
        usleep(1000);
    }
}

/* SPDX-License-Identifier: MIT
 *
 * store.c - one writer, some readers, and a queue for each kind of job. */
#include "store/store.h"

#include "store/directory.h"
#include "store/reader.h"
#include "store/writer.h"

#include <stdlib.h>

struct store {
    char directory[store_path_bytes_max];
    char path[store_path_bytes_max];
    struct store_counters counters;
    struct job_queue writing;
    struct job_queue reading;
    struct writer *writer;
    size_t readers_started;
    struct reader readers[store_readers_max];
};

enum status store_path(const char *directory, char ret_path[store_path_bytes_max],
                       struct failure *reterr)
{
    return directory_path(directory, STORE_FILE_NAME, ret_path, store_path_bytes_max, reterr);
}

static enum status readers_start(struct store *store, unsigned count, struct failure *reterr)
{
    count = count < store_readers_max ? count : store_readers_max;
    for (unsigned i = 0; i < count || i == 0; i++) {
        store->readers[i] =
            (struct reader){.path = store->path, .queue = &store->reading, .writer = store->writer};
        enum status status = reader_start(&store->readers[i], reterr);
        if (status != STATUS_OK) {
            return status;
        }
        store->readers_started++;
    }
    return STATUS_OK;
}

static void store_stop(struct store *store)
{
    job_queue_end(&store->reading);
    for (size_t i = 0; i < store->readers_started; i++) {
        reader_stop(&store->readers[i]);
    }
    job_queue_end(&store->writing);
    writer_stop(store->writer); /* last, so that its closing empties the log */
    job_queue_clear(&store->reading);
    job_queue_clear(&store->writing);
    free(store);
}

static enum status queues_init(struct store *store, size_t bytes_max, struct failure *reterr)
{
    enum status status = job_queue_init(&store->writing, bytes_max, reterr);
    if (status != STATUS_OK) {
        return status;
    }
    status = job_queue_init(&store->reading, bytes_max, reterr);
    if (status != STATUS_OK) {
        job_queue_clear(&store->writing);
    }
    return status;
}

enum status store_open(const struct store_settings *settings, struct store **ret,
                       struct failure *reterr)
{
    struct store *store = calloc(1, sizeof(*store));
    if (store == NULL) {
        failure_set(reterr, "no memory for the store");
        return STATUS_NO_MEMORY;
    }
    enum status status = store_path(settings->directory, store->path, reterr);
    if (status == STATUS_OK) {
        status = queues_init(store, settings->queue_bytes_max, reterr);
    }
    if (status != STATUS_OK) {
        free(store);
        return status;
    }
    memcpy(store->directory, settings->directory, strlen(settings->directory) + 1);
    status =
        writer_start(store->directory, &store->writing, &store->counters, &store->writer, reterr);
    if (status == STATUS_OK) {
        status = readers_start(store, settings->readers_count, reterr);
    }
    if (status != STATUS_OK) {
        store_stop(store);
        return status;
    }
    *ret = store;
    return STATUS_OK;
}

void store_close(struct store *store)
{
    if (store != NULL) {
        store_stop(store);
    }
}

enum status store_write(struct store *store, struct store_job *take_job)
{
    return job_queue_put(&store->writing, take_job);
}

enum status store_read(struct store *store, struct store_job *take_job)
{
    return job_queue_put(&store->reading, take_job);
}

enum store_health store_health(const struct store *store)
{
    return writer_health(store->writer);
}

void store_last_failure(struct store *store, struct failure *ret)
{
    writer_last_failure(store->writer, ret);
}

size_t store_queue_bytes(const struct store *store)
{
    return atomic_load(&store->writing.bytes);
}

const struct store_counters *store_counters(const struct store *store)
{
    return &store->counters;
}

/* SPDX-License-Identifier: MIT
 *
 * backend_sqlite.c - MEM_BACKEND=sqlite: the events table of the embedded store. A handle is the
 * database connection of the thread that uses it: the store's writer for writing, a reader else. */
#include "mem/event_rows.h"

static enum status sqlite_open(const struct backend_settings *settings, void **ret_handle,
                               struct failure *reterr)
{
    if (settings->database == NULL) {
        failure_set(reterr, "the embedded backend needs the store");
        return STATUS_INVALID;
    }
    *ret_handle = settings->database;
    return STATUS_OK;
}

static enum status sqlite_write(void *handle, const struct event *events, size_t count,
                                struct failure *reterr)
{
    return event_rows_insert(handle, events, count, reterr);
}

static enum status sqlite_read(void *handle, const struct backend_query *query, struct arena *arena,
                               struct event_page *ret, struct failure *reterr)
{
    return event_rows_read(handle, query, arena, ret, reterr);
}

static enum status sqlite_erase(void *handle, const struct backend_query *query,
                                uint64_t *ret_erased, struct failure *reterr)
{
    return event_rows_erase(handle, query, ret_erased, reterr);
}

static enum status sqlite_expire(void *handle, int64_t before_us, size_t limit,
                                 uint64_t *ret_erased, struct failure *reterr)
{
    return event_rows_expire(handle, before_us, limit, ret_erased, reterr);
}

static void sqlite_close(void *handle)
{
}

const struct backend backend_sqlite = {
    .name = "sqlite",
    .is_embedded = true,
    .open = sqlite_open,
    .write = sqlite_write,
    .read = sqlite_read,
    .erase = sqlite_erase,
    .expire = sqlite_expire,
    .close = sqlite_close,
};

/* SPDX-License-Identifier: MIT
 *
 * backend_postgres_absent.c - MEM_BACKEND=postgres of a build without libpq: it says so. */
#include "mem/backend.h"

static enum status absent_open(const struct backend_settings *settings, void **ret_handle,
                               struct failure *reterr)
{
    failure_set(reterr, "this build has no PostgreSQL: build it with libpq, or set MEM_BACKEND");
    return STATUS_INVALID;
}

static enum status absent_write(void *handle, const struct event *events, size_t count,
                                struct failure *reterr)
{
    return STATUS_UNSUPPORTED; /* there is no handle to call it with */
}

static enum status absent_read(void *handle, const struct backend_query *query, struct arena *arena,
                               struct event_page *ret, struct failure *reterr)
{
    return STATUS_UNSUPPORTED;
}

static enum status absent_erase(void *handle, const struct backend_query *query,
                                uint64_t *ret_erased, struct failure *reterr)
{
    return STATUS_UNSUPPORTED;
}

static enum status absent_expire(void *handle, int64_t before_us, size_t limit,
                                 uint64_t *ret_erased, struct failure *reterr)
{
    return STATUS_UNSUPPORTED;
}

static void absent_close(void *handle)
{
}

const struct backend backend_postgres = {
    .name = "postgres",
    .is_embedded = false,
    .open = absent_open,
    .write = absent_write,
    .read = absent_read,
    .erase = absent_erase,
    .expire = absent_expire,
    .close = absent_close,
};

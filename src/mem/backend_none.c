/* SPDX-License-Identifier: MIT
 *
 * backend_none.c - MEM_BACKEND=none: nothing is kept, reads are empty. */
#include "mem/backend.h"

static enum status none_open(const struct backend_settings *settings, void **ret_handle,
                             struct failure *reterr)
{
    *ret_handle = NULL;
    return STATUS_OK;
}

static enum status none_write(void *handle, const struct event *events, size_t count,
                              struct failure *reterr)
{
    failure_set(reterr, "memory is off: set MEM_BACKEND");
    return STATUS_UNSUPPORTED;
}

static enum status none_read(void *handle, const struct backend_query *query, struct arena *arena,
                             struct event_page *ret, struct failure *reterr)
{
    *ret = (struct event_page){.events = NULL};
    return STATUS_OK;
}

static enum status none_erase(void *handle, const struct backend_query *query, uint64_t *ret_erased,
                              struct failure *reterr)
{
    *ret_erased = 0;
    return STATUS_OK;
}

static enum status none_expire(void *handle, int64_t before_us, size_t limit, uint64_t *ret_erased,
                               struct failure *reterr)
{
    *ret_erased = 0;
    return STATUS_OK;
}

static void none_close(void *handle)
{
}

const struct backend backend_none = {
    .name = "none",
    .is_embedded = true,
    .open = none_open,
    .write = none_write,
    .read = none_read,
    .erase = none_erase,
    .expire = none_expire,
    .close = none_close,
};

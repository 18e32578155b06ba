/* SPDX-License-Identifier: MIT
 *
 * backend.h - where events are kept: a table of functions for each row of backends.def.
 *
 * Plain blocking code. A handle is used by one thread at a time; the bus opens one for delivery and
 * one for reading. Batching, retries, back-off and spilling belong to the bus (memory.h), never
 * here. Every read and erasure names its owner, and a backend that could answer without looking at
 * the owner is broken: backend_contract_test.c runs against all of them. */
#ifndef AG_MEM_BACKEND_H
#define AG_MEM_BACKEND_H

#include "base/arena.h"
#include "exchange/event.h"

struct database;

enum {
    backend_page_rows_max = 1000,
    backend_text_bytes_max = 8 * 1024 * 1024, /* of the texts of a page of several rows */
};

struct backend_settings {
    struct database *database; /* sqlite: borrowed, of the thread that uses the handle */
    struct slice url;          /* WEAVIATE_URL or POSTGRES_URL */
    struct slice api_key;
    uint64_t timeout_ms; /* of one call */
};

/* Rows of one owner, newest first: by (timestamp_us, id), both falling. */
struct backend_query {
    struct slice issuer; /* both are always set */
    struct slice subject;
    struct slice id;      /* not absent: this one row */
    struct slice session; /* absent: any */
    struct slice task;
    struct slice event;
    struct slice words; /* full text: every word must be there, in any order and any of prompt,
                           completion, message, payload, result; a caller's words, never a query
                           language */
    /* Rows that come after this place in the order; has_before false: from the newest. */
    bool has_before;
    int64_t before_us;
    char before_id[event_id_length + 1];
    size_t limit; /* 1 to backend_page_rows_max */
};

struct event_page {
    struct event *events; /* in <arena> of the call */
    size_t count;
    bool has_more;
};

struct backend {
    const char *name;
    /* True: events are committed by the store's own thread; there is no outbox. */
    bool is_embedded;
    enum status (*open)(const struct backend_settings *settings, void **ret_handle,
                        struct failure *reterr);
    /* All of <events>, or some: those already there (by id) count as written and are not written
     * twice. STATUS_OK: all are there. STATUS_INVALID: the backend will never take this batch as
     * it is (the bus then looks for the guilty one by halving). Anything else: try again later. */
    enum status (*write)(void *handle, const struct event *events, size_t count,
                         struct failure *reterr);
    enum status (*read)(void *handle, const struct backend_query *query, struct arena *arena,
                        struct event_page *ret, struct failure *reterr);
    /* One row (<query>.id) or all rows of the owner. *ret_erased says how many there were. */
    enum status (*erase)(void *handle, const struct backend_query *query, uint64_t *ret_erased,
                         struct failure *reterr);
    /* At most <limit> rows older than <before_us>, of all owners (MEM_RETENTION). */
    enum status (*expire)(void *handle, int64_t before_us, size_t limit, uint64_t *ret_erased,
                          struct failure *reterr);
    void (*close)(void *handle);
};

/* NULL when backends.def has no such row (or alias). */
const struct backend *backend_find(struct slice name);

#define BACKEND(name, symbol) extern const struct backend symbol;
#define BACKEND_ALIAS(alias, symbol)
#include "mem/backends.def"
#undef BACKEND
#undef BACKEND_ALIAS

#endif

/* SPDX-License-Identifier: MIT
 *
 * event_rows.h - events as rows of the embedded database: the only SQL of memory.
 *
 * seq of the events table is timestamp_us * 1024 + ten bits of the id (or another free number close
 * to it), so that it rises with (timestamp_us, id); ties that the bits cannot tell are put in order
 * when read. The thread of the database, only. */
#ifndef AG_MEM_EVENT_ROWS_H
#define AG_MEM_EVENT_ROWS_H

#include "mem/backend.h"
#include "store/database.h"

enum {
    event_rows_rejected_max = 1000, /* rows kept of those that a remote backend never takes */
};

/* What an event takes in the store, roughly; also its weight in queues. */
size_t event_bytes(const struct event *event);

/* Those whose id is there already are skipped. In the order of their times, whatever order they
 * have. */
enum status event_rows_insert(struct database *database, const struct event *events, size_t count,
                              struct failure *reterr) MUST_CHECK;
enum status event_rows_read(struct database *database, const struct backend_query *query,
                            struct arena *arena, struct event_page *ret,
                            struct failure *reterr) MUST_CHECK;
/* One row (<query>.id) or the owner's: at most <query>.limit of them, 0 for all. */
enum status event_rows_erase(struct database *database, const struct backend_query *query,
                             uint64_t *ret_erased, struct failure *reterr) MUST_CHECK;
enum status event_rows_expire(struct database *database, int64_t before_us, size_t limit,
                              uint64_t *ret_erased, struct failure *reterr) MUST_CHECK;

/* ---- the outbox ---- */

/* In order of arrival. */
enum status outbox_insert(struct database *database, const struct event *events, size_t count,
                          struct failure *reterr) MUST_CHECK;
enum status outbox_total(struct database *database, uint64_t *ret_events, uint64_t *ret_bytes,
                         struct failure *reterr) MUST_CHECK;

struct outbox_batch {
    struct event *events; /* in <arena> of the call */
    int64_t *seqs;
    size_t count;
};

/* The oldest rows, at most <limit>, and not many more bytes than <bytes_max>. */
enum status outbox_read(struct database *database, size_t limit, size_t bytes_max,
                        struct arena *arena, struct outbox_batch *ret,
                        struct failure *reterr) MUST_CHECK;
enum status outbox_remove(struct database *database, const int64_t *seqs, size_t count,
                          struct failure *reterr) MUST_CHECK;
/* Moves one row to outbox_rejected, and the oldest of those out when they are too many. */
enum status outbox_reject(struct database *database, int64_t seq,
                          struct failure *reterr) MUST_CHECK;
/* The row <query>.id of its owner; STATUS_NOT_FOUND. */
enum status outbox_find(struct database *database, const struct backend_query *query,
                        struct arena *arena, struct event_page *ret,
                        struct failure *reterr) MUST_CHECK;
/* As event_rows_erase, from the outbox and the rejected. */
enum status outbox_erase(struct database *database, const struct backend_query *query,
                         uint64_t *ret_erased, struct failure *reterr) MUST_CHECK;
enum status outbox_expire(struct database *database, int64_t before_us, size_t limit,
                          uint64_t *ret_erased, struct failure *reterr) MUST_CHECK;

#endif

/* SPDX-License-Identifier: MIT
 *
 * event_walk.h - the events of everybody in the embedded database, for the operator's command line
 * (`attach-gateway mem`) and for nobody else: no request may reach it. The thread of the database,
 * only. */
#ifndef AG_MEM_EVENT_WALK_H
#define AG_MEM_EVENT_WALK_H

#include "mem/event_rows.h"

/* Up to <limit> events after the place <*seq>, oldest first; *seq becomes the place of the last
 * one. 0 is the place before all. */
enum status event_walk(struct database *database, int64_t *seq, size_t limit, struct arena *arena,
                       struct event_page *ret, struct failure *reterr) MUST_CHECK;

/* The place after which the newest <count> events are. */
enum status event_walk_tail(struct database *database, size_t count, int64_t *ret_seq,
                            struct failure *reterr) MUST_CHECK;

/* The owner with the least id above <*id>, which becomes its id. STATUS_NOT_FOUND: no more. The
 * slices are in <arena>. */
enum status event_walk_owner(struct database *database, int64_t *id, struct arena *arena,
                             struct slice *ret_issuer, struct slice *ret_subject,
                             struct failure *reterr) MUST_CHECK;

struct event_statistics {
    uint64_t events;
    uint64_t exchanges;
    uint64_t logs;
    uint64_t owners;
    uint64_t outbox_events;
    uint64_t outbox_bytes;
    uint64_t rejected;
    int64_t oldest_us; /* 0: there is none */
    int64_t newest_us;
};

enum status event_walk_statistics(struct database *database, struct event_statistics *ret,
                                  struct failure *reterr) MUST_CHECK;

#endif

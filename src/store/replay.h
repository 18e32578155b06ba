/* SPDX-License-Identifier: MIT
 *
 * replay.h - remembers tokens that may be used once (DID_REPLAY=deny), on disk: a used one stays
 * used after kill -9.
 *
 * A writing job: whoever is told STATUS_OK is the first and, until the entry expires, the only one.
 * Any thread. */
#ifndef AG_STORE_REPLAY_H
#define AG_STORE_REPLAY_H

#include "base/slice.h"
#include "store/store.h"

enum { replay_id_bytes_max = 64 };

struct replay_job {
    struct store_job job; /* job.done is called with
                             STATUS_OK: first use, remembered
                             STATUS_DENIED: used before
                             STATUS_LIMIT: as many unexpired ones as may be remembered, or no room
                             on the disk
                             else: the store refuses; the use is not remembered */
    unsigned char id[replay_id_bytes_max];
    size_t id_length;
    int64_t now_s; /* wall clock */
    int64_t expires_at_s;
    uint64_t entries_max; /* DID_REPLAY_ENTRIES */
};

/* <id> names the token: a digest of its issuer and its jti, say; 1 to replay_id_bytes_max bytes,
 * copied. After <expires_at_s> the token must be refused for its age, leeway included. */
void replay_job_init(struct replay_job *job, struct slice id, int64_t now_s, int64_t expires_at_s,
                     uint64_t entries_max,
                     void (*done)(struct store_job *job, enum status status,
                                  const struct failure *failure));

#endif

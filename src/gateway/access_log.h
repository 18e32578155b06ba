/* SPDX-License-Identifier: MIT
 *
 * access_log.h - one line per request, written in batches.
 *
 * Lines collect for at most access_log_delay_ms or until access_log_bytes_max are there, since a
 * system call for each would cost as much as relaying the request. They are written out when the
 * worker ends. Owning worker only. */
#ifndef AG_GATEWAY_ACCESS_LOG_H
#define AG_GATEWAY_ACCESS_LOG_H

#include "base/log.h"
#include "net/deadline.h"

enum {
    access_log_bytes_max = 64 * 1024,
    access_log_flush_bytes = 32 * 1024,
    access_log_delay_ms = 100,
    access_log_method_bytes_max = 32, /* longer ones are cut */
    access_log_path_bytes_max = 2048,
};

struct access_log {
    struct buffer lines;
    struct deadline flush;
    int64_t time_us; /* the millisecond that <time> shows */
    struct buffer time;
    bool enabled;
};

struct access_entry {
    struct slice request_id;
    struct slice method;
    struct slice path; /* never the query: it may carry secrets */
    struct slice user;
    struct slice session;
    struct slice client;
    const char *reason; /* why it was refused or not finished; NULL: it was not */
    unsigned status;    /* 0: no reply was begun */
    uint64_t bytes_in;
    uint64_t bytes_out;
    uint64_t duration_us;
    uint64_t engine_us; /* until the engine's reply began; 0: it never did */
};

void access_log_init(struct access_log *log, uv_loop_t *loop);
void access_log_write(struct access_log *log, const struct access_entry *entry);
void access_log_close(struct access_log *log);

#endif

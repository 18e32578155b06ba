/* SPDX-License-Identifier: MIT
 *
 * log_writer.h - the thread that writes the log, so that a reader of standard error that stalls
 * stalls nobody but itself.
 *
 * Lines wait in one buffer of at most log_writer_bytes_max; what does not fit is dropped whole and
 * counted. Without the thread, lines are written at once by whoever has them. */
#ifndef AG_BASE_LOG_WRITER_H
#define AG_BASE_LOG_WRITER_H

#include "base/slice.h"
#include "base/status.h"

enum {
    log_writer_bytes_max = 4 * 1024 * 1024,
    log_writer_last_words_ms = 1000, /* what the end of the process waits for the reader */
};

/* Main thread, before other threads log. */
enum status log_writer_start(struct failure *reterr) MUST_CHECK;

/* Main thread, when no other thread logs any more: writes what is left, or gives up after
 * log_writer_last_words_ms. */
void log_writer_stop(void);

/* Any thread. <lines> are whole lines; they are copied. */
void log_writer_put(struct slice lines);

/* Any thread: lines that were dropped since the start. */
uint64_t log_writer_dropped(void);

#endif

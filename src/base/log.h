/* SPDX-License-Identifier: MIT
 *
 * log.h - one line per event on standard error, as JSON or text.
 *
 * Only main, commands/ and gateway/ log above debug: the layer that decides speaks once and says
 * what the operator can do. No token, key or prompt may reach a line. Any thread:
 * log_writer.h does the writing. */
#ifndef AG_BASE_LOG_H
#define AG_BASE_LOG_H

#include "base/buffer.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_JSON, LOG_TEXT };

/* Before any thread starts. */
void log_configure(enum log_level least, enum log_format format);
enum log_format log_format_in_use(void);
bool log_enabled(enum log_level level);

/* <request_id> may be empty: the line then names none. The message is escaped, cut at 1 KiB. */
void log_line(enum log_level level, struct slice request_id, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Appends "2026-01-31T12:00:00.123Z" for the wall clock <wall_us>. */
void log_append_time(struct buffer *buffer, int64_t wall_us);

#endif

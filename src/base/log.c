/* SPDX-License-Identifier: MIT
 *
 * log.c - what a line looks like. */
#include "base/log.h"

#include "base/clock.h"
#include "base/log_writer.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

enum {
    log_message_bytes_max = 1024,
    log_line_bytes_max = 8 * log_message_bytes_max,
};

static const char *const log_level_names[] = {"debug", "info", "warn", "error"};
static const char *const log_level_words[] = {"DEBUG", "INFO", "WARN", "ERROR"};

/* Set once before any thread starts. */
static enum log_level log_least = LOG_INFO;
static enum log_format log_format = LOG_JSON;

void log_configure(enum log_level least, enum log_format format)
{
    log_least = least;
    log_format = format;
}

enum log_format log_format_in_use(void)
{
    return log_format;
}

bool log_enabled(enum log_level level)
{
    return level >= log_least;
}

void log_append_time(struct buffer *buffer, int64_t wall_us)
{
    time_t seconds = (time_t)(wall_us / 1000000);
    struct tm parts;
    gmtime_r(&seconds, &parts);
    buffer_append_format(buffer, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", parts.tm_year + 1900,
                         parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                         (int)(wall_us / 1000 % 1000));
}

static void log_compose(struct buffer *line, enum log_level level, struct slice request_id,
                        struct slice message)
{
    if (log_format == LOG_JSON) {
        buffer_append_string(line, "{\"time\":\"");
        log_append_time(line, clock_wall_us());
        buffer_append_format(line, "\",\"level\":\"%s\"", log_level_names[level]);
        if (request_id.length > 0) {
            buffer_append_string(line, ",\"request_id\":");
            buffer_append_json_string(line, request_id);
        }
        buffer_append_string(line, ",\"message\":");
        buffer_append_json_string(line, message);
        buffer_append_string(line, "}\n");
        return;
    }
    log_append_time(line, clock_wall_us());
    buffer_append_format(line, " %s ", log_level_words[level]);
    if (request_id.length > 0) {
        buffer_append_format(line, "[%.*s] ", SLICE_ARGS(request_id));
    }
    for (size_t i = 0; i < message.length; i++) {
        unsigned char byte = (unsigned char)message.data[i];
        buffer_append_byte(line, byte < 0x20 || byte == 0x7F ? '?' : (char)byte);
    }
    buffer_append_byte(line, '\n');
}

void log_line(enum log_level level, struct slice request_id, const char *format, ...)
{
    char message[log_message_bytes_max];
    va_list arguments;
    struct buffer line;
    if (!log_enabled(level)) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    buffer_init(&line, log_line_bytes_max);
    log_compose(&line, level, request_id, slice_from_string(message));
    if (!line.failed) {
        log_writer_put(buffer_slice(&line));
    }
    buffer_clear(&line);
}

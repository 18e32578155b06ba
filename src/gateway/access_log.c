/* SPDX-License-Identifier: MIT
 *
 * access_log.c - see access_log.h. */
#include "gateway/access_log.h"

#include "base/clock.h"
#include "base/log_writer.h"

static void access_log_flush(struct access_log *log)
{
    log_writer_put(buffer_slice(&log->lines));
    buffer_reset(&log->lines);
}

static void access_log_flush_due(struct deadline *deadline)
{
    access_log_flush((struct access_log *)((char *)deadline - offsetof(struct access_log, flush)));
}

void access_log_init(struct access_log *log, uv_loop_t *loop)
{
    buffer_init(&log->lines, access_log_bytes_max);
    buffer_init(&log->time, 64);
    log->time_us = -1;
    log->enabled = log_enabled(LOG_INFO);
    deadline_init(&log->flush, loop, access_log_flush_due);
}

/* The time as text changes a thousand times a second at most. */
static struct slice access_log_time(struct access_log *log)
{
    int64_t now_us = clock_wall_us();
    if (now_us / 1000 != log->time_us / 1000 || log->time_us < 0) {
        log->time_us = now_us;
        buffer_reset(&log->time);
        log_append_time(&log->time, now_us);
    }
    return buffer_slice(&log->time);
}

/* Values that cannot hold a character in need of escaping. */
static void access_log_plain(struct buffer *line, const char *name, struct slice value)
{
    buffer_append_string(line, name);
    buffer_append(line, value);
    buffer_append_byte(line, '"');
}

static void access_log_number(struct buffer *line, const char *name, uint64_t value)
{
    buffer_append_string(line, name);
    buffer_append_uint(line, value);
}

/* Microseconds as milliseconds with three decimals. */
static void access_log_milliseconds(struct buffer *line, const char *name, uint64_t us)
{
    uint64_t rest = us % 1000;
    access_log_number(line, name, us / 1000);
    const char decimals[4] = {'.', (char)('0' + rest / 100), (char)('0' + rest / 10 % 10),
                              (char)('0' + rest % 10)};
    buffer_append(line, slice_make(decimals, sizeof(decimals)));
}

static void access_log_json(struct access_log *log, const struct access_entry *entry)
{
    struct buffer *line = &log->lines;
    access_log_plain(line, "{\"time\":\"", access_log_time(log));
    access_log_plain(line, ",\"level\":\"info\",\"request_id\":\"", entry->request_id);
    buffer_append_string(line, ",\"message\":\"request\",\"method\":");
    buffer_append_json_string(line, entry->method);
    buffer_append_string(line, ",\"path\":");
    buffer_append_json_string(line, entry->path);
    access_log_number(line, ",\"status\":", entry->status);
    if (entry->user.length > 0) {
        buffer_append_string(line, ",\"user\":");
        buffer_append_json_string(line, entry->user);
        access_log_plain(line, ",\"session\":\"", entry->session);
    }
    if (entry->reason != NULL) {
        buffer_append_string(line, ",\"reason\":");
        buffer_append_json_string(line, slice_from_string(entry->reason));
    }
    access_log_number(line, ",\"bytes_in\":", entry->bytes_in);
    access_log_number(line, ",\"bytes_out\":", entry->bytes_out);
    access_log_milliseconds(line, ",\"duration_ms\":", entry->duration_us);
    access_log_milliseconds(line, ",\"engine_ms\":", entry->engine_us);
    access_log_plain(line, ",\"client\":\"", entry->client);
    buffer_append_string(line, "}\n");
}

static void access_log_text(struct access_log *log, const struct access_entry *entry)
{
    struct buffer *line = &log->lines;
    struct slice none = SLICE("-");
    buffer_append(line, access_log_time(log));
    buffer_append_string(line, " INFO [");
    buffer_append(line, entry->request_id);
    buffer_append_string(line, "] request ");
    buffer_append(line, entry->client);
    buffer_append_byte(line, ' ');
    buffer_append(line, entry->user.length > 0 ? entry->user : none);
    buffer_append_byte(line, ' ');
    buffer_append(line, entry->session.length > 0 ? entry->session : none);
    buffer_append_byte(line, ' ');
    buffer_append(line, entry->method.length > 0 ? entry->method : none);
    buffer_append_byte(line, ' ');
    buffer_append(line, entry->path.length > 0 ? entry->path : none);
    access_log_number(line, " ", entry->status);
    access_log_number(line, " ", entry->bytes_in);
    access_log_number(line, " ", entry->bytes_out);
    access_log_milliseconds(line, " ", entry->duration_us);
    access_log_milliseconds(line, " ", entry->engine_us);
    if (entry->reason != NULL) {
        buffer_append_byte(line, ' ');
        buffer_append_json_string(line, slice_from_string(entry->reason));
    }
    buffer_append_byte(line, '\n');
}

/* A line always fits, so that no request goes unrecorded: what a client can make long is cut. */
static struct slice access_log_cut(struct slice text, size_t bytes_max)
{
    return slice_make(text.data, text.length < bytes_max ? text.length : bytes_max);
}

void access_log_write(struct access_log *log, const struct access_entry *whole)
{
    struct access_entry cut = *whole;
    const struct access_entry *entry = &cut;
    if (!log->enabled) {
        return;
    }
    cut.method = access_log_cut(whole->method, access_log_method_bytes_max);
    cut.path = access_log_cut(whole->path, access_log_path_bytes_max);
    size_t before = log->lines.length;
    if (log_format_in_use() == LOG_JSON) {
        access_log_json(log, entry);
    } else {
        access_log_text(log, entry);
    }
    if (log->lines.failed) {
        log->lines.length = before; /* no half line */
        log->lines.failed = false;
    }
    if (log->lines.length >= access_log_flush_bytes) {
        access_log_flush(log);
    } else if (before == 0) {
        deadline_set(&log->flush, access_log_delay_ms);
    }
}

void access_log_close(struct access_log *log)
{
    access_log_flush(log);
    buffer_clear(&log->lines);
    buffer_clear(&log->time);
    uv_close((uv_handle_t *)&log->flush.timer, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * splitter_ndjson.c - lines out of a stream. Owner's thread only. */
#include "http/splitter_ndjson.h"

enum { splitter_kept_bytes = 64 * 1024 };

void splitter_buffer_reset(struct buffer *buffer)
{
    if (buffer->capacity > splitter_kept_bytes) {
        buffer_clear(buffer);
    } else {
        buffer_reset(buffer);
    }
}

void splitter_ndjson_init(struct splitter_ndjson *splitter, size_t line_bytes_max)
{
    *splitter = (struct splitter_ndjson){0};
    buffer_init(&splitter->line, line_bytes_max);
}

void splitter_ndjson_clear(struct splitter_ndjson *splitter)
{
    buffer_clear(&splitter->line);
    splitter->is_too_long = false;
    splitter->is_given = false;
}

/* The cap counts the bytes before LF, whether they came in one input or in many. */
static void splitter_ndjson_keep(struct splitter_ndjson *splitter, struct slice bytes)
{
    if (!splitter->is_too_long) {
        buffer_append(&splitter->line, bytes);
        splitter->is_too_long = splitter->line.failed;
    }
    if (splitter->is_too_long) {
        splitter_buffer_reset(&splitter->line);
    }
}

static struct slice splitter_ndjson_without_cr(struct slice line)
{
    if (line.length > 0 && line.data[line.length - 1] == '\r') {
        line.length--;
    }
    return line;
}

/* What the line that has just ended amounts to; SPLITTER_MORE for an empty one. */
static enum splitter_result splitter_ndjson_finish(struct splitter_ndjson *splitter,
                                                   struct slice line, struct slice *ret_line)
{
    if (splitter->is_too_long || line.length > splitter->line.maximum) {
        splitter->is_too_long = false;
        return SPLITTER_TOO_LONG;
    }
    line = splitter_ndjson_without_cr(line);
    if (line.length == 0) {
        return SPLITTER_MORE;
    }
    *ret_line = line;
    return SPLITTER_PIECE;
}

static void splitter_ndjson_take_back(struct splitter_ndjson *splitter)
{
    if (splitter->is_given) {
        splitter->is_given = false;
        splitter_buffer_reset(&splitter->line);
    }
}

enum splitter_result splitter_ndjson_next(struct splitter_ndjson *splitter, struct slice *input,
                                          struct slice *ret_line)
{
    splitter_ndjson_take_back(splitter);
    while (input->length > 0) {
        size_t end = slice_find(*input, '\n');
        struct slice line = slice_make(input->data, end);
        bool is_begun = splitter->line.length > 0 || splitter->is_too_long;
        if (end == input->length) {
            splitter_ndjson_keep(splitter, line);
            *input = slice_after(*input, end);
            break;
        }
        *input = slice_after(*input, end + 1);
        if (is_begun) {
            splitter_ndjson_keep(splitter, line);
            line = buffer_slice(&splitter->line);
            splitter->is_given = true;
        }
        enum splitter_result result = splitter_ndjson_finish(splitter, line, ret_line);
        if (result != SPLITTER_MORE) {
            return result;
        }
        splitter_ndjson_take_back(splitter);
    }
    return SPLITTER_MORE;
}

enum splitter_result splitter_ndjson_end(struct splitter_ndjson *splitter, struct slice *ret_line)
{
    splitter_ndjson_take_back(splitter);
    splitter->is_given = true;
    return splitter_ndjson_finish(splitter, buffer_slice(&splitter->line), ret_line);
}

/* SPDX-License-Identifier: MIT
 *
 * splitter_sse.c - events out of a stream. The common case, one data line and an empty line in one
 * input, copies nothing. Owner's thread only. */
#include "http/splitter_sse.h"

void splitter_sse_init(struct splitter_sse *splitter, size_t event_bytes_max)
{
    *splitter = (struct splitter_sse){0};
    buffer_init(&splitter->line, event_bytes_max);
    buffer_init(&splitter->data, event_bytes_max);
}

void splitter_sse_clear(struct splitter_sse *splitter)
{
    buffer_clear(&splitter->line);
    buffer_clear(&splitter->data);
    splitter_sse_init(splitter, splitter->line.maximum);
}

/* One of eight bytes is CR or LF (or, seldom, no longer told apart from one that is not). */
static bool eight_may_end_line(const char *at)
{
    const uint64_t ones = 0x0101010101010101;
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    uint64_t line_feeds = word ^ (ones * '\n');
    uint64_t returns = word ^ (ones * '\r');
    uint64_t found = ((line_feeds - ones) & ~line_feeds) | ((returns - ones) & ~returns);
    return (found & (ones * 0x80)) != 0;
}

/* Position of the first CR or LF, or text.length. Not two memchr: a stream that knows only one of
 * the two would be searched to its end for the other, line after line. */
static size_t line_end(struct slice text)
{
    size_t at = 0;
    while (text.length - at >= 8 && !eight_may_end_line(text.data + at)) {
        at += 8;
    }
    while (at < text.length && text.data[at] != '\n' && text.data[at] != '\r') {
        at++;
    }
    return at;
}

/* The value of a data line; false for every other line. */
static bool data_of_line(struct slice line, struct slice *ret_data)
{
    if (!slice_starts_with(line, SLICE("data"))) {
        return false;
    }
    line = slice_after(line, 4);
    if (line.length > 0 && line.data[0] != ':') {
        return false;
    }
    line = slice_after(line, line.length > 0 ? 1 : 0);
    *ret_data = slice_after(line, line.length > 0 && line.data[0] == ' ' ? 1 : 0);
    return true;
}

/* Adds a data line to those that were copied before. */
static void splitter_sse_copy(struct splitter_sse *splitter, struct slice data)
{
    if (splitter->has_data) {
        buffer_append_byte(&splitter->data, '\n');
    }
    buffer_append(&splitter->data, data);
    splitter->has_data = true;
    if (splitter->data.failed) {
        splitter->is_too_long = true;
        splitter_buffer_reset(&splitter->data);
    }
}

/* Keeps the beginning of a line that the input does not end. */
static void splitter_sse_keep_line(struct splitter_sse *splitter, struct slice bytes)
{
    if (!splitter->is_line_dropped) {
        buffer_append(&splitter->line, bytes);
        splitter->is_line_dropped = splitter->line.failed;
    }
    if (splitter->is_line_dropped) {
        splitter->is_too_long = true;
        splitter_buffer_reset(&splitter->line);
    }
}

/* What a whole line adds. <pending> is the event's only data line so far, when it still lies in the
 * input; a second one makes copies of both. */
static void splitter_sse_line(struct splitter_sse *splitter, struct slice line, bool is_in_input,
                              struct slice *pending)
{
    struct slice data;
    if (!splitter->is_begun && slice_starts_with(line, SLICE("\xEF\xBB\xBF"))) {
        line = slice_after(line, 3);
    }
    if (splitter->is_too_long || !data_of_line(line, &data)) {
        return;
    }
    if (pending->data != NULL) {
        splitter_sse_copy(splitter, *pending);
        *pending = (struct slice){0};
    }
    if (is_in_input && !splitter->has_data) {
        *pending = data;
    } else {
        splitter_sse_copy(splitter, data);
    }
}

/* At the empty line behind an event. */
static enum splitter_result splitter_sse_finish(struct splitter_sse *splitter, struct slice pending,
                                                struct slice *ret_data)
{
    bool is_too_long = splitter->is_too_long;
    bool has_data = splitter->has_data || pending.data != NULL;
    splitter->is_too_long = false;
    splitter->has_data = false;
    splitter->is_given = true;
    if (is_too_long) {
        return SPLITTER_TOO_LONG;
    }
    if (!has_data) {
        return SPLITTER_MORE;
    }
    *ret_data = pending.data != NULL ? pending : buffer_slice(&splitter->data);
    return SPLITTER_PIECE;
}

static void splitter_sse_take_back(struct splitter_sse *splitter)
{
    if (splitter->is_given) {
        splitter->is_given = false;
        splitter_buffer_reset(&splitter->data);
    }
}

/* Takes the next line off the input; false when the input does not end it. *ret_is_in_input tells
 * whether it is a slice of the input, or of <line>. */
static bool splitter_sse_take_line(struct splitter_sse *splitter, struct slice *input,
                                   struct slice *ret_line, bool *ret_is_in_input)
{
    size_t end = line_end(*input);
    struct slice line = slice_make(input->data, end);
    bool is_begun = splitter->line.length > 0 || splitter->is_line_dropped;
    if (end == input->length) {
        splitter_sse_keep_line(splitter, line);
        *input = slice_after(*input, end);
        return false;
    }
    splitter->is_after_cr = input->data[end] == '\r';
    *input = slice_after(*input, end + 1);
    *ret_is_in_input = !is_begun;
    if (is_begun) {
        splitter_sse_keep_line(splitter, line);
        line = buffer_slice(&splitter->line);
    } else if (line.length > splitter->line.maximum) {
        splitter->is_line_dropped = true;
        splitter->is_too_long = true;
    }
    *ret_line = line;
    return true;
}

enum splitter_result splitter_sse_next(struct splitter_sse *splitter, struct slice *input,
                                       struct slice *ret_data)
{
    struct slice pending = {0};
    struct slice line;
    bool is_in_input;
    splitter_sse_take_back(splitter);
    while (input->length > 0) {
        if (splitter->is_after_cr) {
            splitter->is_after_cr = false;
            if (input->data[0] == '\n') {
                *input = slice_after(*input, 1);
                continue;
            }
        }
        if (!splitter_sse_take_line(splitter, input, &line, &is_in_input)) {
            break;
        }
        bool is_empty = line.length == 0 && !splitter->is_line_dropped;
        splitter_sse_line(splitter, line, is_in_input, &pending);
        splitter->is_begun = true;
        splitter->is_line_dropped = false;
        splitter_buffer_reset(&splitter->line);
        if (is_empty) {
            enum splitter_result result = splitter_sse_finish(splitter, pending, ret_data);
            if (result != SPLITTER_MORE) {
                return result;
            }
            splitter_sse_take_back(splitter);
        }
    }
    if (pending.data != NULL) {
        splitter_sse_copy(splitter, pending);
    }
    return SPLITTER_MORE;
}

enum splitter_result splitter_sse_end(struct splitter_sse *splitter, struct slice *ret_data)
{
    struct slice pending = {0};
    splitter_sse_take_back(splitter);
    if (splitter->line.length > 0) {
        splitter_sse_line(splitter, buffer_slice(&splitter->line), false, &pending);
        splitter_buffer_reset(&splitter->line);
    }
    return splitter_sse_finish(splitter, pending, ret_data);
}

/* SPDX-License-Identifier: MIT
 *
 * event_columns.c - an event to and from the columns of a row; ids as 16 bytes. */
#include "mem/event_columns.h"

#include <stdio.h>

enum event_flag {
    FLAG_EXCHANGE = 1,
    FLAG_COMPLETE = 2,
    FLAG_ABORTED = 4,
    FLAG_TRUNCATED = 8,
    FLAG_WITHHELD = 16,
};

enum { row_bytes = 160 }; /* of a row and its places in the indexes, beside its texts */

#define FIELD(name) offsetof(struct event, name)

static const size_t short_texts[] = {
    FIELD(event),      FIELD(session), FIELD(task),          FIELD(user),
    FIELD(state),      FIELD(run_id),  FIELD(level),         FIELD(agent),
    FIELD(request_id), FIELD(model),   FIELD(finish_reason),
};
static const size_t long_texts[event_long_texts_count] = {
    FIELD(prompt), FIELD(completion), FIELD(message), FIELD(payload), FIELD(result),
};
enum { short_texts_count = sizeof(short_texts) / sizeof(*short_texts) };

static struct slice text_of(const struct event *event, size_t offset)
{
    struct slice text;
    memcpy(&text, (const char *)event + offset, sizeof(text));
    return text;
}

void event_long_texts(const struct event *event, struct slice ret[event_long_texts_count])
{
    for (size_t i = 0; i < event_long_texts_count; i++) {
        ret[i] = text_of(event, long_texts[i]);
    }
}

size_t event_bytes(const struct event *event)
{
    size_t bytes = row_bytes;
    for (size_t i = 0; i < short_texts_count; i++) {
        bytes += text_of(event, short_texts[i]).length;
    }
    for (size_t i = 0; i < event_long_texts_count; i++) {
        bytes += text_of(event, long_texts[i]).length;
    }
    return bytes;
}

static int flags_of(const struct event *event)
{
    return (event->is_exchange ? FLAG_EXCHANGE : 0) | (event->complete ? FLAG_COMPLETE : 0) |
           (event->aborted ? FLAG_ABORTED : 0) | (event->truncated ? FLAG_TRUNCATED : 0) |
           (event->withheld ? FLAG_WITHHELD : 0);
}

void event_row_bind(sqlite3_stmt *statement, const struct event *event,
                    const unsigned char id[event_blob_length], int64_t owner)
{
    int index = 2;
    database_bind_blob(statement, index++, slice_make((const char *)id, event_blob_length));
    sqlite3_bind_int64(statement, index++, owner);
    sqlite3_bind_int64(statement, index++, event->timestamp_us);
    sqlite3_bind_int64(statement, index++, (int64_t)event_bytes(event));
    sqlite3_bind_int(statement, index++, flags_of(event));
    for (size_t i = 0; i < short_texts_count; i++) {
        database_bind_text(statement, index++, text_of(event, short_texts[i]));
    }
    if (event->is_exchange) {
        sqlite3_bind_int64(statement, index, event->tokens_in);
        sqlite3_bind_int64(statement, index + 1, event->tokens_out);
        sqlite3_bind_int64(statement, index + 2, event->status);
        sqlite3_bind_int64(statement, index + 3, event->started_us);
        sqlite3_bind_int64(statement, index + 4, event->first_token_us);
        sqlite3_bind_int64(statement, index + 5, event->ended_us);
    }
    index += 6;
    for (size_t i = 0; i < event_long_texts_count; i++) {
        database_bind_text(statement, index++, text_of(event, long_texts[i]));
    }
}

void event_id_from_blob(struct slice blob, char ret[event_id_length + 1])
{
    static const char digits[] = "0123456789abcdef";
    size_t length = 0;
    for (size_t i = 0; i < event_blob_length; i++) {
        unsigned byte = i < blob.length ? (unsigned char)blob.data[i] : 0;
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            ret[length++] = '-';
        }
        ret[length++] = digits[byte >> 4];
        ret[length++] = digits[byte & 15];
    }
    ret[length] = '\0';
}

void event_row_place(sqlite3_stmt *statement, struct event *ret)
{
    event_id_from_blob(database_column_text(statement, 1), ret->id);
    ret->timestamp_us = sqlite3_column_int64(statement, 2);
}

static bool text_read(sqlite3_stmt *statement, int column, struct arena *arena, struct event *event,
                      size_t offset)
{
    struct slice text = database_column_text(statement, column);
    struct slice copy = {NULL, 0};
    if (text.data != NULL && !arena_copy(arena, text, &copy)) {
        return false;
    }
    memcpy((char *)event + offset, &copy, sizeof(copy));
    return true;
}

bool event_row_read(sqlite3_stmt *statement, struct arena *arena, struct event *ret)
{
    event_row_place(statement, ret);
    int flags = sqlite3_column_int(statement, 3);
    ret->is_exchange = (flags & FLAG_EXCHANGE) != 0;
    ret->complete = (flags & FLAG_COMPLETE) != 0;
    ret->aborted = (flags & FLAG_ABORTED) != 0;
    ret->truncated = (flags & FLAG_TRUNCATED) != 0;
    ret->withheld = (flags & FLAG_WITHHELD) != 0;
    bool is_read = true;
    int column = 4;
    for (size_t i = 0; i < short_texts_count; i++) {
        is_read = is_read && text_read(statement, column++, arena, ret, short_texts[i]);
    }
    ret->tokens_in = ret->is_exchange ? sqlite3_column_int64(statement, column) : -1;
    ret->tokens_out = ret->is_exchange ? sqlite3_column_int64(statement, column + 1) : -1;
    ret->status = (unsigned)sqlite3_column_int(statement, column + 2);
    ret->started_us = sqlite3_column_int64(statement, column + 3);
    ret->first_token_us = sqlite3_column_int64(statement, column + 4);
    ret->ended_us = sqlite3_column_int64(statement, column + 5);
    column += 6;
    for (size_t i = 0; i < event_long_texts_count; i++) {
        is_read = is_read && text_read(statement, column++, arena, ret, long_texts[i]);
    }
    return is_read;
}

static int digit_of(char character)
{
    if (character >= '0' && character <= '9') {
        return character - '0';
    }
    return character >= 'a' && character <= 'f' ? character - 'a' + 10 : -1;
}

bool event_id_to_blob(const char *id, unsigned char ret[event_blob_length])
{
    size_t at = 0;
    for (size_t i = 0; i < event_blob_length; i++) {
        if ((i == 4 || i == 6 || i == 8 || i == 10) && id[at++] != '-') {
            return false;
        }
        int high = digit_of(id[at]);
        int low = high < 0 ? -1 : digit_of(id[at + 1]);
        if (low < 0) {
            return false;
        }
        ret[i] = (unsigned char)(high << 4 | low);
        at += 2;
    }
    return true;
}

bool event_id_is_text(struct slice text)
{
    unsigned char blob[event_blob_length];
    return text.length == event_id_length && event_id_to_blob(text.data, blob);
}

/* SPDX-License-Identifier: MIT
 *
 * exchange_reader.h - the functions of dialect.h as a table, so that the memory bus can have calls
 * read without knowing dialects (features never include each other; gateway/ brings them together).
 * The table is constant; what its functions do is said in dialect.h. */
#ifndef AG_EXCHANGE_EXCHANGE_READER_H
#define AG_EXCHANGE_EXCHANGE_READER_H

#include "exchange/exchange.h"

struct dialect;
struct dialect_reader;

struct exchange_reader {
    struct dialect_reader *(*create)(const struct dialect *dialect, size_t text_bytes_max);
    void (*read_request)(struct dialect_reader *reader, struct slice body, bool is_whole);
    void (*reply_head)(struct dialect_reader *reader, unsigned status, struct slice content_type);
    bool (*reply_feed)(struct dialect_reader *reader, struct slice bytes);
    void (*reply_end)(struct dialect_reader *reader);
    const struct exchange *(*exchange)(const struct dialect_reader *reader);
    void (*free)(struct dialect_reader *reader);
};

#endif

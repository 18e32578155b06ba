/* SPDX-License-Identifier: MIT
 *
 * dialect.c - which dialect serves a call. Any thread. */
#include "dialect/dialect.h"

#include "dialect/reader.h"

static const struct {
    struct slice path;
    const struct dialect *dialect;
} dialect_rows[] = {
#define DIALECT(symbol, path) {SLICE(path), &dialect_##symbol},
#include "dialect/dialects.def"
#undef DIALECT
};

const struct dialect *dialect_find(struct slice method, struct slice path)
{
    if (!slice_equals(method, SLICE("POST"))) {
        return NULL;
    }
    for (size_t i = 0; i < sizeof(dialect_rows) / sizeof(dialect_rows[0]); i++) {
        if (slice_equals(path, dialect_rows[i].path)) {
            return dialect_rows[i].dialect;
        }
    }
    return NULL;
}

const char *dialect_name(const struct dialect *dialect)
{
    return dialect->name;
}

const struct exchange_reader dialect_exchange_reader = {
    .create = dialect_reader_create,
    .read_request = dialect_read_request,
    .reply_head = dialect_reply_head,
    .reply_feed = dialect_reply_feed,
    .reply_end = dialect_reply_end,
    .exchange = dialect_exchange,
    .free = dialect_reader_free,
};

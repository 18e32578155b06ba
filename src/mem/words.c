/* SPDX-License-Identifier: MIT
 *
 * words.c - cuts texts into words and compares them. */
#include "mem/words.h"

#include <limits.h>

enum { is_enough = SQLITE_ABORT }; /* ends a cut that needs to look no further */

enum status words_cutter_open(struct database *database, struct words_cutter *ret,
                              struct failure *reterr)
{
    static const char sql[] = "SELECT fts5(?1)";
    fts5_api *api = NULL;
    void *user = NULL;
    *ret = (struct words_cutter){.handle = NULL};
    sqlite3_stmt *statement = database_statement(database, sql);
    if (statement == NULL) {
        return database_status(database, reterr);
    }
    sqlite3_bind_pointer(statement, 1, &api, "fts5_api_ptr", NULL);
    (void)sqlite3_step(statement);
    sqlite3_reset(statement);
    if (api == NULL || api->xFindTokenizer(api, "unicode61", &user, &ret->tokenizer) != SQLITE_OK ||
        ret->tokenizer.xCreate(user, NULL, 0, &ret->handle) != SQLITE_OK) {
        failure_set(reterr, "this SQLite has no full text search");
        ret->handle = NULL;
        return STATUS_UNSUPPORTED;
    }
    return STATUS_OK;
}

void words_cutter_close(struct words_cutter *cutter)
{
    if (cutter->handle != NULL) {
        cutter->tokenizer.xDelete(cutter->handle);
        cutter->handle = NULL;
    }
}

typedef int words_take(void *context, int flags, const char *word, int length, int start, int end);

static int cut(struct words_cutter *cutter, int reason, struct slice text, void *context,
               words_take *take)
{
    if (text.length == 0) {
        return SQLITE_OK;
    }
    int length = text.length > INT_MAX ? INT_MAX : (int)text.length;
    return cutter->tokenizer.xTokenize(cutter->handle, context, reason, text.data, length, take);
}

/* FNV-1a, then mixed (MurmurHash3's end), so that all bits are good. */
static uint32_t number_of(const char *word, size_t length)
{
    uint32_t sum = UINT32_C(0x811c9dc5);
    for (size_t i = 0; i < length; i++) {
        sum = (sum ^ (unsigned char)word[i]) * UINT32_C(0x01000193);
    }
    sum = (sum ^ sum >> 16) * UINT32_C(0x85ebca6b);
    sum = (sum ^ sum >> 13) * UINT32_C(0xc2b2ae35);
    return (sum ^ sum >> 16) >> (32 - postings_number_bits);
}

/* ---- numbers ---- */

struct numbering {
    struct postings *postings;
    uint32_t row;
};

static int number_take(void *context, int flags, const char *word, int length, int start, int end)
{
    const struct numbering *numbering = context;
    postings_add(numbering->postings, number_of(word, (size_t)length), numbering->row);
    return SQLITE_OK;
}

void words_number(struct words_cutter *cutter, struct slice text, uint32_t row,
                  struct postings *postings)
{
    struct numbering numbering = {.postings = postings, .row = row};
    if (cut(cutter, FTS5_TOKENIZE_DOCUMENT, text, &numbering, number_take) != SQLITE_OK) {
        postings->failed = true;
    }
}

/* ---- a question ---- */

static int wanted_take(void *context, int flags, const char *word, int length, int start, int end)
{
    struct words_wanted *wanted = context;
    if (length <= 0) {
        return SQLITE_OK;
    }
    if (wanted->count == words_wanted_max) {
        return SQLITE_TOOBIG;
    }
    wanted->words[wanted->count].number = number_of(word, (size_t)length);
    wanted->words[wanted->count].start = (uint32_t)wanted->texts.length;
    wanted->words[wanted->count].length = (uint32_t)length;
    wanted->count++;
    buffer_append(&wanted->texts, slice_make(word, (size_t)length));
    return SQLITE_OK;
}

enum status words_wanted_make(struct words_cutter *cutter, struct slice text,
                              struct words_wanted *ret, struct failure *reterr)
{
    ret->count = 0;
    buffer_init(&ret->texts, 4 * words_wanted_bytes_max); /* what is folded may grow */
    int code = text.length > words_wanted_bytes_max
                   ? SQLITE_TOOBIG
                   : cut(cutter, FTS5_TOKENIZE_QUERY, text, ret, wanted_take);
    if (code == SQLITE_NOMEM || ret->texts.failed) {
        failure_set(reterr, "no memory to search");
        return STATUS_NO_MEMORY;
    }
    if (code != SQLITE_OK) {
        failure_set(reterr, "too many words: at most %d", (int)words_wanted_max);
        return STATUS_INVALID;
    }
    return STATUS_OK;
}

void words_wanted_clear(struct words_wanted *wanted)
{
    buffer_clear(&wanted->texts);
    wanted->count = 0;
}

struct matching {
    const struct words_wanted *wanted;
    uint32_t missing; /* a bit for each word */
};

static int match_take(void *context, int flags, const char *word, int length, int start, int end)
{
    struct matching *matching = context;
    const struct words_wanted *wanted = matching->wanted;
    struct slice found = slice_make(word, (size_t)length);
    for (size_t i = 0; i < wanted->count; i++) {
        struct slice text =
            slice_make(wanted->texts.data + wanted->words[i].start, wanted->words[i].length);
        if (slice_equals(found, text)) {
            matching->missing &= ~(UINT32_C(1) << i);
        }
    }
    return matching->missing == 0 ? is_enough : SQLITE_OK;
}

bool words_wanted_match(struct words_cutter *cutter, const struct words_wanted *wanted,
                        const struct slice *texts, size_t count)
{
    struct matching matching = {
        .wanted = wanted,
        .missing =
            wanted->count == words_wanted_max ? UINT32_MAX : (UINT32_C(1) << wanted->count) - 1,
    };
    for (size_t i = 0; i < count && matching.missing != 0; i++) {
        if (cut(cutter, FTS5_TOKENIZE_DOCUMENT, texts[i], &matching, match_take) != SQLITE_OK) {
            break; /* enough, or no memory: then what was found so far is not */
        }
    }
    return matching.missing == 0;
}

/* SPDX-License-Identifier: MIT
 *
 * word_search.c - candidates of a search: pending rows, and segments from the newest down.
 *
 * A heap holds the candidates known so far. A segment is looked into when one of its rows could be
 * the next, so a page of a frequent word needs one segment, as a rule, and rows that came late are
 * still in their place. The thread of the database, only. */
#include "mem/word_index.h"

#include <stdlib.h>

struct source {
    int64_t id;
    int64_t seq_most;
    unsigned part_bits;
};

struct word_search {
    struct database *database;
    int64_t most;
    uint32_t numbers[words_wanted_max];
    size_t numbers_count;
    struct source *sources; /* the newest first */
    size_t sources_count;
    size_t sources_capacity;
    size_t source_next;
    int64_t *heap; /* the highest first */
    size_t heap_count;
    size_t heap_capacity;
    uint32_t *rows; /* of a segment, that have all words so far; then room for those of a word */
    size_t rows_capacity;
};

static enum status no_memory(struct failure *reterr)
{
    failure_set(reterr, "no memory to search");
    return STATUS_NO_MEMORY;
}

static enum status damaged(struct failure *reterr)
{
    failure_set(reterr, "the index of words is damaged");
    return STATUS_IO;
}

/* ---- candidates ---- */

static bool heap_push(struct word_search *search, int64_t seq)
{
    if (search->heap_count == search->heap_capacity) {
        size_t capacity = search->heap_capacity == 0 ? 256 : search->heap_capacity * 2;
        int64_t *grown = realloc(search->heap, capacity * sizeof(*grown));
        if (grown == NULL) {
            return false;
        }
        search->heap = grown;
        search->heap_capacity = capacity;
    }
    size_t at = search->heap_count++;
    while (at > 0 && search->heap[(at - 1) / 2] < seq) {
        search->heap[at] = search->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    search->heap[at] = seq;
    return true;
}

static int64_t heap_pop(struct word_search *search)
{
    int64_t highest = search->heap[0];
    int64_t last = search->heap[--search->heap_count];
    size_t at = 0;
    for (size_t child = 1; child < search->heap_count; child = 2 * at + 1) {
        if (child + 1 < search->heap_count && search->heap[child + 1] > search->heap[child]) {
            child++;
        }
        if (search->heap[child] <= last) {
            break;
        }
        search->heap[at] = search->heap[child];
        at = child;
    }
    if (search->heap_count > 0) {
        search->heap[at] = last;
    }
    return highest;
}

static enum status pending_take(struct word_search *search, int64_t owner, struct failure *reterr)
{
    static const char sql[] = "SELECT seq FROM events_pending WHERE owner = ?1 AND seq <= ?2";
    sqlite3_stmt *statement = database_statement(search->database, sql);
    if (statement == NULL) {
        return database_status(search->database, reterr);
    }
    sqlite3_bind_int64(statement, 1, owner);
    sqlite3_bind_int64(statement, 2, search->most);
    int code = SQLITE_DONE;
    bool has_room = true;
    while (has_room && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        has_room = heap_push(search, sqlite3_column_int64(statement, 0));
    }
    enum status status = STATUS_OK;
    if (!has_room) {
        status = no_memory(reterr);
    } else if (code != SQLITE_DONE) {
        status = database_status(search->database, reterr);
    }
    sqlite3_reset(statement);
    return status;
}

/* ---- segments ---- */

static int order_of_sources(const void *a, const void *b)
{
    const struct source *first = a;
    const struct source *second = b;
    if (first->seq_most != second->seq_most) {
        return first->seq_most > second->seq_most ? -1 : 1;
    }
    return first->id < second->id ? -1 : first->id > second->id;
}

static bool source_add(struct word_search *search, const struct source *source)
{
    if (search->sources_count == search->sources_capacity) {
        size_t capacity = search->sources_capacity == 0 ? 64 : search->sources_capacity * 2;
        struct source *grown = realloc(search->sources, capacity * sizeof(*grown));
        if (grown == NULL) {
            return false;
        }
        search->sources = grown;
        search->sources_capacity = capacity;
    }
    search->sources[search->sources_count++] = *source;
    return true;
}

static enum status sources_take(struct word_search *search, int64_t owner, struct failure *reterr)
{
    static const char sql[] = "SELECT id, part_bits, seq_most FROM words_segments"
                              " WHERE owner = ?1 AND seq_least <= ?2";
    sqlite3_stmt *statement = database_statement(search->database, sql);
    if (statement == NULL) {
        return database_status(search->database, reterr);
    }
    sqlite3_bind_int64(statement, 1, owner);
    sqlite3_bind_int64(statement, 2, search->most);
    int code = SQLITE_DONE;
    bool has_room = true;
    while (has_room && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        struct source source = {.id = sqlite3_column_int64(statement, 0),
                                .part_bits = (unsigned)sqlite3_column_int(statement, 1) & 15,
                                .seq_most = sqlite3_column_int64(statement, 2)};
        has_room = source_add(search, &source);
    }
    enum status status = STATUS_OK;
    if (!has_room) {
        status = no_memory(reterr);
    } else if (code != SQLITE_DONE) {
        status = database_status(search->database, reterr);
    }
    sqlite3_reset(statement);
    if (search->sources_count > 1) {
        qsort(search->sources, search->sources_count, sizeof(*search->sources), order_of_sources);
    }
    return status;
}

/* The rows of one word; none when the segment does not have it. */
static enum status word_find(struct word_search *search, const struct source *source,
                             uint32_t number, uint32_t *rows, size_t rows_count, size_t *ret_count,
                             struct failure *reterr)
{
    static const char sql[] = "SELECT postings FROM words_parts WHERE id = ?1";
    sqlite3_stmt *statement = database_statement(search->database, sql);
    if (statement == NULL) {
        return database_status(search->database, reterr);
    }
    uint32_t part = postings_part_of(number, source->part_bits);
    sqlite3_bind_int64(statement, 1, word_index_part_id(source->id, part));
    enum status status = STATUS_OK;
    int code = sqlite3_step(statement);
    *ret_count = 0;
    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        status = database_status(search->database, reterr);
    } else if (code == SQLITE_ROW &&
               !postings_find(database_column_text(statement, 0), number, source->part_bits,
                              rows_count, rows, ret_count)) {
        status = damaged(reterr);
    }
    sqlite3_reset(statement);
    return status;
}

/* What is in both rising lists, into the first. */
static size_t rows_intersect(uint32_t *rows, size_t count, const uint32_t *others,
                             size_t others_count)
{
    size_t kept = 0;
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        while (at < others_count && others[at] < rows[i]) {
            at++;
        }
        if (at < others_count && others[at] == rows[i]) {
            rows[kept++] = rows[i];
        }
    }
    return kept;
}

static bool rows_reserve(struct word_search *search, size_t count)
{
    if (search->rows_capacity < count) {
        uint32_t *grown = realloc(search->rows, 2 * count * sizeof(*grown));
        if (grown == NULL) {
            return false;
        }
        search->rows = grown;
        search->rows_capacity = count;
    }
    return true;
}

/* How many rows a segment has; its seqs are not read for it. */
static enum status source_length(struct word_search *search, int64_t id, size_t *ret,
                                 struct failure *reterr)
{
    static const char sql[] = "SELECT length(seqs) FROM words_segments WHERE id = ?1";
    sqlite3_stmt *statement = database_statement(search->database, sql);
    if (statement == NULL) {
        return database_status(search->database, reterr);
    }
    sqlite3_bind_int64(statement, 1, id);
    enum status status = STATUS_OK;
    if (sqlite3_step(statement) == SQLITE_ROW) {
        struct slice as_if = {NULL, (size_t)sqlite3_column_int64(statement, 0)};
        *ret = word_index_seqs_count(as_if);
    } else {
        status = damaged(reterr);
    }
    sqlite3_reset(statement);
    return status;
}

static enum status seqs_push(struct word_search *search, int64_t id, size_t count,
                             struct failure *reterr)
{
    static const char sql[] = "SELECT seqs FROM words_segments WHERE id = ?1";
    sqlite3_stmt *statement = database_statement(search->database, sql);
    if (statement == NULL) {
        return database_status(search->database, reterr);
    }
    sqlite3_bind_int64(statement, 1, id);
    enum status status = STATUS_OK;
    struct slice seqs = {NULL, 0};
    if (sqlite3_step(statement) == SQLITE_ROW) {
        seqs = database_column_text(statement, 0);
    }
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        if (search->rows[i] >= word_index_seqs_count(seqs)) {
            status = damaged(reterr);
            break;
        }
        int64_t seq = word_index_seq_at(seqs, search->rows[i]);
        if (seq != word_index_seq_gone && seq <= search->most && !heap_push(search, seq)) {
            status = no_memory(reterr);
        }
    }
    sqlite3_reset(statement);
    return status;
}

/* Looks into a segment: the rows that have all words become candidates. */
static enum status source_search(struct word_search *search, const struct source *source,
                                 struct failure *reterr)
{
    size_t rows_count = 0;
    enum status status = source_length(search, source->id, &rows_count, reterr);
    if (status == STATUS_OK && !rows_reserve(search, rows_count + 1)) {
        status = no_memory(reterr);
    }
    size_t count = 0;
    for (size_t i = 0; i < search->numbers_count && status == STATUS_OK; i++) {
        uint32_t *others = i == 0 ? search->rows : search->rows + search->rows_capacity;
        size_t found = 0;
        status = word_find(search, source, search->numbers[i], others, rows_count, &found, reterr);
        count = i == 0 ? found : rows_intersect(search->rows, count, others, found);
        if (count == 0) {
            break;
        }
    }
    if (status == STATUS_OK && count > 0) {
        status = seqs_push(search, source->id, count, reterr);
    }
    return status;
}

/* ---- the search ---- */

enum status word_search_begin(struct database *database, int64_t owner,
                              const struct words_wanted *wanted, int64_t most,
                              struct word_search **ret, struct failure *reterr)
{
    struct word_search *search = calloc(1, sizeof(*search));
    if (search == NULL) {
        return no_memory(reterr);
    }
    search->database = database;
    search->most = most;
    for (size_t i = 0; i < wanted->count; i++) {
        search->numbers[search->numbers_count++] = wanted->words[i].number;
    }
    enum status status = pending_take(search, owner, reterr);
    if (status == STATUS_OK) {
        status = sources_take(search, owner, reterr);
    }
    if (status != STATUS_OK) {
        word_search_end(search);
        return status;
    }
    *ret = search;
    return STATUS_OK;
}

enum status word_search_next(struct word_search *search, int64_t *ret_seq, struct failure *reterr)
{
    while (search->source_next < search->sources_count) {
        const struct source *source = &search->sources[search->source_next];
        if (search->heap_count > 0 && search->heap[0] > source->seq_most) {
            break;
        }
        enum status status = source_search(search, source, reterr);
        if (status != STATUS_OK) {
            return status;
        }
        search->source_next++;
    }
    if (search->heap_count == 0) {
        failure_set(reterr, "no more rows");
        return STATUS_NOT_FOUND;
    }
    *ret_seq = heap_pop(search);
    return STATUS_OK;
}

void word_search_end(struct word_search *search)
{
    if (search != NULL) {
        free(search->sources);
        free(search->heap);
        free(search->rows);
        free(search);
    }
}

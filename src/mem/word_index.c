/* SPDX-License-Identifier: MIT
 *
 * word_index.c - pending rows, segments, merges, removal; word_search.c searches.
 *
 * Tables: events_pending(owner, seq, bytes); events_of_*(owner, ..., seq); words_segments, one row
 * for each, its seqs as numbers of 8 bytes, the lower byte first; words_parts, its postings
 * (word_postings.h). `weight` of a segment is what work it makes: its postings, and 64 for each
 * row. */
#include "mem/word_index.h"

#include "base/pace.h"
#include "mem/event_columns.h"

#include <endian.h>
#include <limits.h>
#include <stdlib.h>

enum {
    seq_bytes = 8,
    row_weight = 64,
    segments_most = 64, /* of one size: then they are merged, however light */
    packed_bytes_max = INT_MAX / 4,
    expire_weight_most = 2 * 1000 * 1000, /* rewritten in one step, about */
    expire_segments_most = 256,
};

/* From which weight on a level is merged into the next: some 1000, some 8000 exchanges of 1 KiB. */
static const int64_t merge_weights[word_index_levels + 1] = {0, 180000, 1500000, INT64_MAX};

/* A segment while it is written. */
struct segment {
    int64_t owner;
    int level;
    int64_t rows; /* that are there */
    int64_t seq_least;
    int64_t seq_most;
    struct buffer seqs;
    struct postings postings;
};

static void segment_init(struct segment *segment, int64_t owner, int level)
{
    *segment = (struct segment){.owner = owner, .level = level, .seq_least = INT64_MAX};
    buffer_init(&segment->seqs, packed_bytes_max);
}

static void segment_clear(struct segment *segment)
{
    buffer_clear(&segment->seqs);
    postings_clear(&segment->postings);
}

int64_t word_index_seq_at(struct slice seqs, size_t row)
{
    uint64_t stored;
    memcpy(&stored, seqs.data + row * seq_bytes, sizeof(stored));
    return (int64_t)le64toh(stored);
}

size_t word_index_seqs_count(struct slice seqs)
{
    return seqs.length / seq_bytes;
}

static void segment_add_row(struct segment *segment, int64_t seq)
{
    uint64_t stored = htole64((uint64_t)seq);
    buffer_append(&segment->seqs, slice_make((const char *)&stored, sizeof(stored)));
    if (seq == word_index_seq_gone) {
        return;
    }
    segment->rows++;
    segment->seq_least = seq < segment->seq_least ? seq : segment->seq_least;
    segment->seq_most = seq > segment->seq_most ? seq : segment->seq_most;
}

static int64_t segment_weight(const struct segment *segment)
{
    return segment->rows * row_weight + (int64_t)segment->postings.count;
}

static uint32_t segment_rows_all(const struct segment *segment)
{
    return (uint32_t)word_index_seqs_count(buffer_slice(&segment->seqs));
}

static enum status no_memory(struct failure *reterr)
{
    failure_set(reterr, "no memory to index events");
    return STATUS_NO_MEMORY;
}

static enum status damaged(struct failure *reterr)
{
    failure_set(reterr, "the index of words is damaged");
    return STATUS_IO;
}

/* Runs <sql> with two numbers. */
static enum status run_with(struct database *database, const char *sql, int64_t first,
                            int64_t second, struct failure *reterr)
{
    sqlite3_stmt *statement = database_statement(database, sql);
    if (statement != NULL) {
        sqlite3_bind_int64(statement, 1, first);
        sqlite3_bind_int64(statement, 2, second);
    }
    return database_run(database, statement, reterr);
}

/* ---- storing a segment ---- */

static enum status part_store(struct database *database, int64_t id, struct slice packed,
                              struct failure *reterr)
{
    static const char sql[] = "INSERT OR REPLACE INTO words_parts(id, postings) VALUES(?1, ?2)";
    sqlite3_stmt *statement = database_statement(database, sql);
    if (statement != NULL) {
        sqlite3_bind_int64(statement, 1, id);
        database_bind_blob(statement, 2, packed);
    }
    return database_run(database, statement, reterr);
}

static enum status parts_store(struct database *database, int64_t id, const struct segment *segment,
                               unsigned part_bits, struct failure *reterr)
{
    struct buffer packed;
    buffer_init(&packed, packed_bytes_max);
    enum status status = STATUS_OK;
    const struct postings *postings = &segment->postings;
    for (size_t at = 0; at < postings->count && status == STATUS_OK;) {
        uint32_t part = postings_part_of((uint32_t)(postings->items[at] >> 32), part_bits);
        pace_point();
        buffer_reset(&packed);
        postings_pack(postings, &at, part_bits, &packed);
        status = packed.failed ? no_memory(reterr)
                               : part_store(database, word_index_part_id(id, part),
                                            buffer_slice(&packed), reterr);
    }
    buffer_clear(&packed);
    return status;
}

/* Writes a new segment, its postings not yet sorted; one without rows is none. */
static enum status segment_store(struct database *database, struct segment *segment,
                                 struct failure *reterr)
{
    static const char sql[] =
        "INSERT INTO words_segments(owner, level, weight, part_bits, seq_least, seq_most, seqs)"
        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    postings_sort(&segment->postings);
    if (segment->postings.failed || segment->seqs.failed) {
        return no_memory(reterr);
    }
    if (segment->rows == 0) {
        return STATUS_OK;
    }
    while (segment->level < word_index_levels &&
           segment_weight(segment) >= merge_weights[segment->level]) {
        segment->level++;
    }
    unsigned part_bits = postings_part_bits(&segment->postings);
    sqlite3_stmt *statement = database_statement(database, sql);
    if (statement != NULL) {
        sqlite3_bind_int64(statement, 1, segment->owner);
        sqlite3_bind_int(statement, 2, segment->level);
        sqlite3_bind_int64(statement, 3, segment_weight(segment));
        sqlite3_bind_int(statement, 4, (int)part_bits);
        sqlite3_bind_int64(statement, 5, segment->seq_least);
        sqlite3_bind_int64(statement, 6, segment->seq_most);
        database_bind_blob(statement, 7, buffer_slice(&segment->seqs));
    }
    enum status status = database_run(database, statement, reterr);
    if (status == STATUS_OK) {
        int64_t id = sqlite3_last_insert_rowid(database_handle(database));
        status = parts_store(database, id, segment, part_bits, reterr);
    }
    return status;
}

static enum status segment_delete(struct database *database, int64_t id, struct failure *reterr)
{
    static const char sql_parts[] = "DELETE FROM words_parts WHERE id >= ?1 AND id < ?2";
    static const char sql_segment[] = "DELETE FROM words_segments WHERE id = ?1 AND ?2 = 0";
    enum status status = run_with(database, sql_parts, word_index_part_id(id, 0),
                                  word_index_part_id(id + 1, 0), reterr);
    if (status == STATUS_OK) {
        status = run_with(database, sql_segment, id, 0, reterr);
    }
    return status;
}

/* ---- reading a segment ---- */

/* Adds the rows and postings of segment <id> to <into>, behind those that are there, without rows
 * below <least>. */
static enum status segment_load_parts(struct database *database, int64_t id, unsigned part_bits,
                                      const uint32_t *rows, size_t rows_count, struct segment *into,
                                      struct failure *reterr)
{
    static const char sql[] =
        "SELECT id, postings FROM words_parts WHERE id >= ?1 AND id < ?2 ORDER BY id";
    sqlite3_stmt *statement = database_statement(database, sql);
    if (statement == NULL) {
        return database_status(database, reterr);
    }
    sqlite3_bind_int64(statement, 1, word_index_part_id(id, 0));
    sqlite3_bind_int64(statement, 2, word_index_part_id(id + 1, 0));
    enum status status = STATUS_OK;
    int code = SQLITE_DONE;
    while (status == STATUS_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        pace_point();
        uint32_t part = (uint32_t)(sqlite3_column_int64(statement, 0) - word_index_part_id(id, 0));
        if (!postings_unpack(database_column_text(statement, 1), part, part_bits, rows, rows_count,
                             &into->postings)) {
            status = damaged(reterr);
        }
    }
    if (status == STATUS_OK && code != SQLITE_DONE) {
        status = database_status(database, reterr);
    }
    sqlite3_reset(statement);
    return status;
}

static enum status segment_load(struct database *database, int64_t id, int64_t least,
                                struct segment *into, struct failure *reterr)
{
    static const char sql[] = "SELECT part_bits, seqs FROM words_segments WHERE id = ?1";
    sqlite3_stmt *statement = database_statement(database, sql);
    if (statement == NULL) {
        return database_status(database, reterr);
    }
    sqlite3_bind_int64(statement, 1, id);
    if (sqlite3_step(statement) != SQLITE_ROW) {
        sqlite3_reset(statement);
        return damaged(reterr);
    }
    unsigned part_bits = (unsigned)sqlite3_column_int(statement, 0) & 15;
    struct slice seqs = database_column_text(statement, 1);
    size_t count = word_index_seqs_count(seqs);
    uint32_t *rows = malloc((count + 1) * sizeof(*rows));
    if (rows == NULL) {
        sqlite3_reset(statement);
        return no_memory(reterr);
    }
    uint32_t next = segment_rows_all(into);
    for (size_t i = 0; i < count; i++) {
        int64_t seq = word_index_seq_at(seqs, i);
        bool is_kept = seq != word_index_seq_gone && seq >= least;
        rows[i] = is_kept ? next++ : POSTINGS_ROW_GONE;
        if (is_kept) {
            segment_add_row(into, seq);
        }
    }
    sqlite3_reset(statement);
    enum status status = segment_load_parts(database, id, part_bits, rows, count, into, reterr);
    free(rows);
    return status;
}

/* ---- merging ---- */

enum { ids_max = 4 * segments_most };

struct ids {
    int64_t ids[ids_max];
    size_t count;
};

static enum status ids_read(struct database *database, sqlite3_stmt *statement, struct ids *ret,
                            struct failure *reterr)
{
    int code = SQLITE_DONE;
    ret->count = 0;
    while (ret->count < ids_max && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        ret->ids[ret->count++] = sqlite3_column_int64(statement, 0);
    }
    enum status status =
        code == SQLITE_ROW || code == SQLITE_DONE ? STATUS_OK : database_status(database, reterr);
    sqlite3_reset(statement);
    return status;
}

static enum status level_merge(struct database *database, int64_t owner, int level,
                               struct failure *reterr)
{
    static const char sql[] =
        "SELECT id FROM words_segments WHERE owner = ?1 AND level = ?2 ORDER BY id";
    struct ids ids;
    struct segment merged;
    sqlite3_stmt *statement = database_statement(database, sql);
    if (statement == NULL) {
        return database_status(database, reterr);
    }
    sqlite3_bind_int64(statement, 1, owner);
    sqlite3_bind_int(statement, 2, level);
    enum status status = ids_read(database, statement, &ids, reterr);
    segment_init(&merged, owner, level + 1);
    for (size_t i = 0; i < ids.count && status == STATUS_OK; i++) {
        status = segment_load(database, ids.ids[i], 0, &merged, reterr);
        if (status == STATUS_OK) {
            status = segment_delete(database, ids.ids[i], reterr);
        }
    }
    if (status == STATUS_OK) {
        status = segment_store(database, &merged, reterr);
    }
    segment_clear(&merged);
    return status;
}

static enum status level_tend(struct database *database, int64_t owner, int level,
                              struct failure *reterr)
{
    static const char sql[] = "SELECT count(*), total(weight) FROM words_segments"
                              " INDEXED BY words_segments_by_owner WHERE owner = ?1 AND level = ?2";
    sqlite3_stmt *statement = database_statement(database, sql);
    if (statement == NULL) {
        return database_status(database, reterr);
    }
    sqlite3_bind_int64(statement, 1, owner);
    sqlite3_bind_int(statement, 2, level);
    if (sqlite3_step(statement) != SQLITE_ROW) {
        return database_status(database, reterr);
    }
    int64_t count = sqlite3_column_int64(statement, 0);
    int64_t weight = sqlite3_column_int64(statement, 1);
    sqlite3_reset(statement);
    if (count < 2 || (count < segments_most && weight < merge_weights[level])) {
        return STATUS_OK;
    }
    return level_merge(database, owner, level, reterr);
}

/* ---- pending rows ---- */

enum status word_index_add(struct database *database, int64_t owner, int64_t seq, size_t bytes,
                           struct failure *reterr)
{
    static const char sql[] = "INSERT INTO events_pending(owner, seq, bytes) VALUES(?1, ?2, ?3)";
    sqlite3_stmt *statement = database_statement(database, sql);
    if (statement != NULL) {
        sqlite3_bind_int64(statement, 1, owner);
        sqlite3_bind_int64(statement, 2, seq);
        sqlite3_bind_int64(statement, 3, (int64_t)bytes);
    }
    return database_run(database, statement, reterr);
}

enum status word_index_drop(struct database *database, int64_t owner, int64_t seq, bool *ret_was,
                            struct failure *reterr)
{
    static const char sql[] = "DELETE FROM events_pending WHERE owner = ?1 AND seq = ?2";
    enum status status = run_with(database, sql, owner, seq, reterr);
    if (status == STATUS_OK) {
        *ret_was = sqlite3_changes(database_handle(database)) > 0;
    }
    return status;
}

static enum status pending_total(struct database *database, int64_t owner, int64_t *ret_rows,
                                 int64_t *ret_bytes, struct failure *reterr)
{
    static const char sql[] = "SELECT count(*), total(bytes) FROM events_pending WHERE owner = ?1";
    sqlite3_stmt *statement = database_statement(database, sql);
    if (statement == NULL) {
        return database_status(database, reterr);
    }
    sqlite3_bind_int64(statement, 1, owner);
    if (sqlite3_step(statement) != SQLITE_ROW) {
        return database_status(database, reterr);
    }
    *ret_rows = sqlite3_column_int64(statement, 0);
    *ret_bytes = sqlite3_column_int64(statement, 1);
    sqlite3_reset(statement);
    return STATUS_OK;
}

/* Puts the words of the owner's oldest pending rows into <segment>. */
static enum status pending_load(struct database *database, struct words_cutter *cutter,
                                struct segment *segment, struct failure *reterr)
{
    static const char sql[] = "SELECT e.seq, " EVENT_LONG_TEXTS
                              " FROM events_pending p CROSS JOIN events e ON e.seq = p.seq"
                              " WHERE p.owner = ?1 ORDER BY p.seq LIMIT ?2";
    sqlite3_stmt *statement = database_statement(database, sql);
    if (statement == NULL) {
        return database_status(database, reterr);
    }
    sqlite3_bind_int64(statement, 1, segment->owner);
    sqlite3_bind_int(statement, 2, word_index_segment_rows_max);
    int code = SQLITE_DONE;
    size_t bytes = 0;
    while (bytes < word_index_segment_bytes_max && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        uint32_t row = segment_rows_all(segment);
        pace_point();
        segment_add_row(segment, sqlite3_column_int64(statement, 0));
        for (int i = 0; i < event_long_texts_count; i++) {
            struct slice text = database_column_text(statement, 1 + i);
            words_number(cutter, text, row, &segment->postings);
            bytes += text.length;
        }
    }
    enum status status =
        code == SQLITE_ROW || code == SQLITE_DONE ? STATUS_OK : database_status(database, reterr);
    sqlite3_reset(statement);
    return status;
}

/* Enters the owner's pending rows up to <most> into the tables by which rows are listed. */
static enum status pending_list(struct database *database, int64_t owner, int64_t most,
                                struct failure *reterr)
{
#define PENDING                                                                                    \
    " FROM events_pending p CROSS JOIN events e ON e.seq = p.seq"                                  \
    " WHERE p.owner = ?1 AND p.seq <= ?2"
    static const char *const sql[] = {
        "INSERT INTO events_of_owner(owner, seq) SELECT p.owner, p.seq FROM events_pending p"
        " WHERE p.owner = ?1 AND p.seq <= ?2 ORDER BY p.seq",
        "INSERT INTO events_of_session(owner, session, seq) SELECT p.owner, e.session, "
        "p.seq" PENDING " AND e.session IS NOT NULL",
        "INSERT INTO events_of_task(owner, task, seq) SELECT p.owner, e.task, p.seq" PENDING
        " AND e.task IS NOT NULL",
        "INSERT INTO events_of_kind(owner, event, seq) SELECT p.owner, e.event, p.seq" PENDING
        " AND e.event <> 'exchange'",
        "DELETE FROM events_pending WHERE owner = ?1 AND seq <= ?2",
    };
#undef PENDING
    enum status status = STATUS_OK;
    for (size_t i = 0; i < sizeof(sql) / sizeof(*sql) && status == STATUS_OK; i++) {
        status = run_with(database, sql[i], owner, most, reterr);
    }
    return status;
}

/* Enters what is pending, or a part of it when it is much, and makes a segment of its words. */
static enum status pending_settle(struct database *database, struct words_cutter *cutter,
                                  int64_t owner, struct failure *reterr)
{
    struct segment segment;
    segment_init(&segment, owner, 1);
    enum status status = pending_load(database, cutter, &segment, reterr);
    if (status == STATUS_OK) {
        status = segment_store(database, &segment, reterr);
    }
    if (status == STATUS_OK) {
        int64_t most = segment.rows == 0 ? INT64_MAX : segment.seq_most; /* none is left over */
        status = pending_list(database, owner, most, reterr);
    }
    segment_clear(&segment);
    return status;
}

enum status word_index_tend(struct database *database, struct words_cutter *cutter, int64_t owner,
                            struct failure *reterr)
{
    bool has_made = false;
    enum status status = STATUS_OK;
    for (;;) {
        int64_t rows = 0;
        int64_t bytes = 0;
        status = pending_total(database, owner, &rows, &bytes, reterr);
        if (status != STATUS_OK ||
            (rows < word_index_pending_rows && bytes < word_index_pending_bytes)) {
            break;
        }
        status = pending_settle(database, cutter, owner, reterr);
        if (status != STATUS_OK) {
            break;
        }
        has_made = true;
    }
    for (int level = 1; has_made && level < word_index_levels && status == STATUS_OK; level++) {
        status = level_tend(database, owner, level, reterr);
    }
    return status;
}

/* ---- removing one row ---- */

/* Where <seq> stands in a segment. */
struct place {
    int64_t segment;
    unsigned part_bits;
    size_t row;
};

static enum status place_find(struct database *database, int64_t owner, int64_t seq,
                              struct place *ret, struct segment *ret_changed,
                              struct failure *reterr)
{
    static const char sql[] = "SELECT id, part_bits, seqs FROM words_segments"
                              " WHERE owner = ?1 AND seq_least <= ?2 AND seq_most >= ?2";
    sqlite3_stmt *statement = database_statement(database, sql);
    if (statement == NULL) {
        return database_status(database, reterr);
    }
    sqlite3_bind_int64(statement, 1, owner);
    sqlite3_bind_int64(statement, 2, seq);
    int code = SQLITE_DONE;
    bool is_found = false;
    while (!is_found && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        struct slice seqs = database_column_text(statement, 2);
        size_t count = word_index_seqs_count(seqs);
        for (size_t i = 0; i < count && !is_found; i++) {
            if (word_index_seq_at(seqs, i) == seq) {
                *ret = (struct place){.segment = sqlite3_column_int64(statement, 0),
                                      .part_bits = (unsigned)sqlite3_column_int(statement, 1) & 15,
                                      .row = i};
                is_found = true;
            }
        }
        for (size_t i = 0; i < count && is_found; i++) {
            int64_t other = word_index_seq_at(seqs, i);
            segment_add_row(ret_changed, i == ret->row ? word_index_seq_gone : other);
        }
    }
    enum status status = STATUS_OK;
    if (!is_found) {
        status = code == SQLITE_DONE ? STATUS_NOT_FOUND : database_status(database, reterr);
    }
    sqlite3_reset(statement);
    return status;
}

/* Takes the row out of one part. */
static enum status part_purge(struct database *database, int64_t id, uint32_t part,
                              unsigned part_bits, const uint32_t *rows, size_t rows_count,
                              struct failure *reterr)
{
    static const char sql_read[] = "SELECT postings FROM words_parts WHERE id = ?1";
    static const char sql_delete[] = "DELETE FROM words_parts WHERE id = ?1 AND ?2 = 0";
    sqlite3_stmt *statement = database_statement(database, sql_read);
    if (statement == NULL) {
        return database_status(database, reterr);
    }
    struct postings postings = {.items = NULL};
    sqlite3_bind_int64(statement, 1, id);
    int code = sqlite3_step(statement);
    bool is_sound = code != SQLITE_ROW || postings_unpack(database_column_text(statement, 0), part,
                                                          part_bits, rows, rows_count, &postings);
    enum status status =
        code == SQLITE_ROW || code == SQLITE_DONE ? STATUS_OK : database_status(database, reterr);
    sqlite3_reset(statement);
    struct buffer packed;
    buffer_init(&packed, packed_bytes_max);
    if (status == STATUS_OK && !is_sound) {
        status = damaged(reterr);
    } else if (status == STATUS_OK && code == SQLITE_ROW && postings.count == 0) {
        status =
            postings.failed ? no_memory(reterr) : run_with(database, sql_delete, id, 0, reterr);
    } else if (status == STATUS_OK && code == SQLITE_ROW) {
        size_t from = 0;
        postings_pack(&postings, &from, part_bits, &packed);
        status = postings.failed || packed.failed
                     ? no_memory(reterr)
                     : part_store(database, id, buffer_slice(&packed), reterr);
    }
    buffer_clear(&packed);
    postings_clear(&postings);
    return status;
}

/* Takes the row out of each part that has a word of it. */
static enum status parts_purge(struct database *database, const struct place *place,
                               const struct postings *words, size_t rows_count,
                               struct failure *reterr)
{
    uint32_t *rows = malloc((rows_count + 1) * sizeof(*rows));
    if (rows == NULL) {
        return no_memory(reterr);
    }
    for (size_t i = 0; i < rows_count; i++) {
        rows[i] = i == place->row ? POSTINGS_ROW_GONE : (uint32_t)i;
    }
    enum status status = STATUS_OK;
    uint32_t done = UINT32_MAX;
    for (size_t i = 0; i < words->count && status == STATUS_OK; i++) {
        uint32_t part = postings_part_of((uint32_t)(words->items[i] >> 32), place->part_bits);
        if (part != done) {
            status = part_purge(database, word_index_part_id(place->segment, part), part,
                                place->part_bits, rows, rows_count, reterr);
            done = part;
        }
    }
    free(rows);
    return status;
}

static enum status place_update(struct database *database, int64_t id, int64_t weight,
                                const struct segment *changed, struct failure *reterr)
{
    static const char sql[] = "UPDATE words_segments SET weight = max(0, weight - ?2),"
                              " seq_least = ?3, seq_most = ?4, seqs = ?5 WHERE id = ?1";
    sqlite3_stmt *statement = database_statement(database, sql);
    if (statement != NULL) {
        sqlite3_bind_int64(statement, 1, id);
        sqlite3_bind_int64(statement, 2, weight);
        sqlite3_bind_int64(statement, 3, changed->seq_least);
        sqlite3_bind_int64(statement, 4, changed->seq_most);
        database_bind_blob(statement, 5, buffer_slice(&changed->seqs));
    }
    return database_run(database, statement, reterr);
}

enum status word_index_remove(struct database *database, struct words_cutter *cutter, int64_t owner,
                              int64_t seq, const struct slice *texts, size_t count,
                              struct failure *reterr)
{
    struct place place = {.row = 0};
    struct segment changed; /* its postings are those of the row */
    struct failure failure;
    segment_init(&changed, owner, 0);
    enum status status = place_find(database, owner, seq, &place, &changed, &failure);
    if (status == STATUS_NOT_FOUND) { /* it had no words */
        segment_clear(&changed);
        return STATUS_OK;
    }
    if (status != STATUS_OK) {
        failure_set(reterr, "%s", failure.text);
    } else if (changed.rows == 0) {
        status = segment_delete(database, place.segment, reterr);
    } else {
        for (size_t i = 0; i < count; i++) {
            words_number(cutter, texts[i], 0, &changed.postings);
        }
        postings_sort(&changed.postings);
        status = changed.postings.failed || changed.seqs.failed
                     ? no_memory(reterr)
                     : parts_purge(database, &place, &changed.postings, segment_rows_all(&changed),
                                   reterr);
        if (status == STATUS_OK) {
            int64_t weight = row_weight + (int64_t)changed.postings.count;
            status = place_update(database, place.segment, weight, &changed, reterr);
        }
    }
    segment_clear(&changed);
    return status;
}

/* ---- removing many ---- */

enum status word_index_remove_below(struct database *database, int64_t owner, int64_t least,
                                    struct failure *reterr)
{
    static const char sql[] = "SELECT id FROM words_segments WHERE owner = ?1 AND seq_most < ?2";
    struct ids ids;
    do {
        sqlite3_stmt *statement = database_statement(database, sql);
        if (statement == NULL) {
            return database_status(database, reterr);
        }
        sqlite3_bind_int64(statement, 1, owner);
        sqlite3_bind_int64(statement, 2, least);
        enum status status = ids_read(database, statement, &ids, reterr);
        for (size_t i = 0; i < ids.count && status == STATUS_OK; i++) {
            status = segment_delete(database, ids.ids[i], reterr);
        }
        if (status != STATUS_OK) {
            return status;
        }
    } while (ids.count == ids_max);
    return STATUS_OK;
}

/* The oldest segment with rows below <bound>; STATUS_NOT_FOUND. */
static enum status oldest_find(struct database *database, int64_t bound, int64_t *ret_id,
                               int64_t *ret_weight, int64_t *ret_most, struct segment *ret,
                               struct failure *reterr)
{
    static const char sql[] = "SELECT id, weight, seq_most, owner, level FROM words_segments"
                              " WHERE seq_least < ?1 ORDER BY seq_least LIMIT 1";
    sqlite3_stmt *statement = database_statement(database, sql);
    if (statement == NULL) {
        return database_status(database, reterr);
    }
    sqlite3_bind_int64(statement, 1, bound);
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        *ret_id = sqlite3_column_int64(statement, 0);
        *ret_weight = sqlite3_column_int64(statement, 1);
        *ret_most = sqlite3_column_int64(statement, 2);
        segment_init(ret, sqlite3_column_int64(statement, 3), sqlite3_column_int(statement, 4));
    }
    enum status status = code == SQLITE_ROW ? STATUS_OK : STATUS_NOT_FOUND;
    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        status = database_status(database, reterr);
    }
    sqlite3_reset(statement);
    return status;
}

enum status word_index_expire(struct database *database, int64_t least, int64_t slack,
                              struct failure *reterr)
{
    int64_t weight_sum = 0;
    for (size_t i = 0; i < expire_segments_most && weight_sum < expire_weight_most; i++) {
        int64_t id = 0;
        int64_t weight = 0;
        int64_t most = 0;
        struct segment rewritten;
        struct failure failure;
        enum status status =
            oldest_find(database, least - slack, &id, &weight, &most, &rewritten, &failure);
        if (status != STATUS_OK) {
            if (status != STATUS_NOT_FOUND) {
                failure_set(reterr, "%s", failure.text);
            }
            return status == STATUS_NOT_FOUND ? STATUS_OK : status;
        }
        if (most >= least) {
            status = segment_load(database, id, least, &rewritten, reterr);
        }
        if (status == STATUS_OK) {
            status = segment_delete(database, id, reterr);
        }
        if (status == STATUS_OK) {
            status = segment_store(database, &rewritten, reterr);
        }
        segment_clear(&rewritten);
        if (status != STATUS_OK) {
            return status;
        }
        weight_sum += weight;
    }
    return STATUS_OK;
}

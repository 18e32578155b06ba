/* SPDX-License-Identifier: MIT
 *
 * event_rows.c - the events table and its owners; word_index.c has their full text, outbox_rows.c
 * the outbox. */
#include "mem/event_columns.h"

#include "mem/word_index.h"

#include <stdlib.h>

enum {
    seq_shift = 10,
    seq_tries_max = 40,
    seq_spread_max = 4096 << seq_shift,
    ties_max = 4096, /* rows of one microsecond that are put in order */
};

/* ---- owners ---- */

enum status owner_find(struct database *database, struct slice issuer, struct slice subject,
                       int64_t *ret, struct failure *reterr)
{
    static const char sql[] = "SELECT id FROM owners WHERE issuer = ?1 AND subject = ?2";
    sqlite3_stmt *statement = database_statement(database, sql);
    if (statement == NULL) {
        return database_status(database, reterr);
    }
    database_bind_text(statement, 1, issuer);
    database_bind_text(statement, 2, subject);
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        *ret = sqlite3_column_int64(statement, 0);
        sqlite3_reset(statement);
        return STATUS_OK;
    }
    enum status status = STATUS_NOT_FOUND;
    if (code == SQLITE_DONE) {
        failure_set(reterr, "this owner has no rows");
    } else {
        status = database_status(database, reterr);
    }
    sqlite3_reset(statement);
    return status;
}

enum status owner_make(struct database *database, struct slice issuer, struct slice subject,
                       int64_t *ret, struct failure *reterr)
{
    static const char sql[] = "INSERT INTO owners(issuer, subject) VALUES(?1, ?2)";
    if (issuer.data == NULL || subject.data == NULL) {
        failure_set(reterr, "an event without an owner");
        return STATUS_INVALID;
    }
    struct failure failure;
    enum status status = owner_find(database, issuer, subject, ret, &failure);
    if (status != STATUS_NOT_FOUND) {
        if (status != STATUS_OK) {
            failure_set(reterr, "%s", failure.text);
        }
        return status;
    }
    sqlite3_stmt *statement = database_statement(database, sql);
    if (statement != NULL) {
        database_bind_text(statement, 1, issuer);
        database_bind_text(statement, 2, subject);
    }
    status = database_run(database, statement, reterr);
    if (status == STATUS_OK) {
        *ret = sqlite3_last_insert_rowid(database_handle(database));
    }
    return status;
}

enum status owner_forget(struct database *database, int64_t owner, struct failure *reterr)
{
    static const char sql[] = "DELETE FROM owners WHERE id = ?1"
                              " AND NOT EXISTS (SELECT 1 FROM events_of_owner WHERE owner = ?1)"
                              " AND NOT EXISTS (SELECT 1 FROM events_pending WHERE owner = ?1)"
                              " AND NOT EXISTS (SELECT 1 FROM outbox WHERE owner = ?1)"
                              " AND NOT EXISTS (SELECT 1 FROM outbox_rejected WHERE owner = ?1)";
    sqlite3_stmt *statement = database_statement(database, sql);
    if (statement != NULL) {
        sqlite3_bind_int64(statement, 1, owner);
    }
    return database_run(database, statement, reterr);
}

/* ---- writing ---- */

static int64_t seq_floor(int64_t timestamp_us)
{
    if (timestamp_us < 0) {
        return 0;
    }
    return timestamp_us > INT64_MAX >> (seq_shift + 1) ? (INT64_MAX >> 1) & ~INT64_C(1023)
                                                       : timestamp_us << seq_shift;
}

/* Ten bits of a UUID of version 7 (RFC 9562 5.7) that are random in those of memory_event_init: the
 * ones before them say the microsecond once more. */
static int64_t seq_of(const struct event *event, const unsigned char id[event_blob_length])
{
    return seq_floor(event->timestamp_us) | (id[7] & 3) << 8 | (id[8] & 0x3f) << 2 | id[9] >> 6;
}

/* A number that differs for each id and attempt (FNV-1a, its high bits brought down). */
static uint64_t mix(const unsigned char id[event_blob_length], unsigned attempt)
{
    uint64_t sum = UINT64_C(0xcbf29ce484222325) ^ attempt;
    for (size_t i = 0; i < event_blob_length; i++) {
        sum = (sum ^ id[i]) * UINT64_C(0x100000001b3);
    }
    return sum ^ sum >> 29;
}

/* Inserts at the wished place, else at a free one near it: ever further away, so that a million
 * events of one microsecond take no longer. */
static enum status event_row_insert(struct database *database, const struct event *event,
                                    int64_t owner, int64_t *ret_seq, struct failure *reterr)
{
    static const char sql[] = EVENT_INSERT("events");
    unsigned char id[event_blob_length];
    if (!event_id_to_blob(event->id, id)) {
        failure_set(reterr, "an event without a sound id");
        return STATUS_INVALID;
    }
    int64_t wished = seq_of(event, id);
    int64_t seq = wished;
    uint64_t spread = 1;
    for (unsigned i = 0; i < seq_tries_max; i++) {
        sqlite3_stmt *statement = database_statement(database, sql);
        if (statement != NULL) {
            event_row_bind(statement, event, id, owner);
            sqlite3_bind_int64(statement, 1, seq);
        }
        enum status status = database_run(database, statement, reterr);
        if (status != STATUS_INVALID) {
            *ret_seq = seq;
            return status;
        }
        spread = spread < seq_spread_max ? spread * 2 : spread;
        seq = wished + 1 + (int64_t)(mix(id, i) % spread);
    }
    failure_set(reterr, "no free place for an event of this time");
    return STATUS_LIMIT;
}

static int order_by_time(const void *a, const void *b)
{
    const struct event *first = *(const struct event *const *)a;
    const struct event *second = *(const struct event *const *)b;
    if (first->timestamp_us != second->timestamp_us) {
        return first->timestamp_us < second->timestamp_us ? -1 : 1;
    }
    return memcmp(first->id, second->id, event_id_length);
}

static size_t texts_bytes(const struct event *event)
{
    struct slice texts[event_long_texts_count];
    size_t bytes = 0;
    event_long_texts(event, texts);
    for (size_t i = 0; i < event_long_texts_count; i++) {
        bytes += texts[i].length;
    }
    return bytes;
}

static enum status event_insert(struct database *database, const struct event *event, int64_t owner,
                                struct failure *reterr)
{
    int64_t seq = 0;
    enum status status = event_row_insert(database, event, owner, &seq, reterr);
    if (status != STATUS_OK || sqlite3_changes(database_handle(database)) == 0) {
        return status;
    }
    return word_index_add(database, owner, seq, texts_bytes(event), reterr);
}

static int order_of_numbers(const void *a, const void *b)
{
    int64_t first = *(const int64_t *)a;
    int64_t second = *(const int64_t *)b;
    return first < second ? -1 : first > second;
}

/* <owners> are those of the rows that were inserted, each as often as it occurs. */
static enum status owners_tend(struct database *database, int64_t *owners, size_t count,
                               struct failure *reterr)
{
    struct words_cutter cutter;
    enum status status = words_cutter_open(database, &cutter, reterr);
    qsort(owners, count, sizeof(*owners), order_of_numbers);
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        if (i == 0 || owners[i] != owners[i - 1]) {
            status = word_index_tend(database, &cutter, owners[i], reterr);
        }
    }
    words_cutter_close(&cutter);
    return status;
}

static enum status events_insert(struct database *database, const struct event **order,
                                 int64_t *owners, size_t count, struct failure *reterr)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        if (i > 0 && slice_equals(order[i]->subject, order[i - 1]->subject) &&
            slice_equals(order[i]->issuer, order[i - 1]->issuer)) {
            owners[i] = owners[i - 1];
        } else {
            status = owner_make(database, order[i]->issuer, order[i]->subject, &owners[i], reterr);
        }
        if (status == STATUS_OK) {
            status = event_insert(database, order[i], owners[i], reterr);
        }
    }
    return status == STATUS_OK ? owners_tend(database, owners, count, reterr) : status;
}

enum status event_rows_insert(struct database *database, const struct event *events, size_t count,
                              struct failure *reterr)
{
    const struct event **order = calloc(count + 1, sizeof(*order));
    int64_t *owners = calloc(count + 1, sizeof(*owners));
    enum status status = STATUS_NO_MEMORY;
    if (order != NULL && owners != NULL) {
        bool is_sorted = true;
        for (size_t i = 0; i < count; i++) {
            order[i] = &events[i];
            is_sorted = is_sorted && (i == 0 || order_by_time(&order[i - 1], &order[i]) < 0);
        }
        if (!is_sorted) { /* rising row numbers go to the end of the table */
            qsort(order, count, sizeof(*order), order_by_time);
        }
        status = events_insert(database, order, owners, count, reterr);
    } else {
        failure_set(reterr, "no memory to store events");
    }
    free(order);
    free(owners);
    return status;
}

/* ---- reading ---- */

#define FILTERS                                                                                    \
    " AND (?3 IS NULL OR e.session = ?3) AND (?4 IS NULL OR e.task = ?4)"                          \
    " AND (?5 IS NULL OR e.event = ?5)"
/* Which rows may be asked for, newest first. */
#define SEQS(table, filter)                                                                        \
    "SELECT seq FROM " table " WHERE owner = ?1 AND seq <= ?2" filter " ORDER BY seq DESC"

static const char sql_by_id[] = EVENT_SELECT " FROM events e WHERE e.owner = ?1 AND e.id = ?6";
static const char sql_pending[] = SEQS("events_pending", "");
static const char sql_by_owner[] = SEQS("events_of_owner", "");
static const char sql_by_kind[] = SEQS("events_of_kind", " AND event = ?3");
static const char sql_by_session[] = SEQS("events_of_session", " AND session = ?3");
static const char sql_by_task[] = SEQS("events_of_task", " AND task = ?3");

/* One of them; its owner is looked at here. */
static const char sql_candidate[] =
    EVENT_SELECT " FROM events e WHERE e.seq = ?6 AND e.owner = ?1 AND e.seq <= ?2" FILTERS;

/* *ret_filter is parameter 3; absent: there is none. */
static const char *seqs_sql(const struct backend_query *query, struct slice *ret_filter)
{
    bool is_kind = query->event.data != NULL && !slice_equals(query->event, SLICE("exchange"));
    *ret_filter = query->task;
    if (query->task.data != NULL) {
        return sql_by_task;
    }
    *ret_filter = query->session;
    if (query->session.data != NULL) {
        return sql_by_session;
    }
    *ret_filter = is_kind ? query->event : slice_make(NULL, 0);
    return is_kind ? sql_by_kind : sql_by_owner;
}

/* Rows as they come, before they are put in order and cut. */
struct collection {
    struct event *events; /* allocated */
    size_t count;
    size_t capacity;
    size_t bytes;
    bool is_cut; /* there are more, for their size */
};

static bool is_after_place(const struct backend_query *query, const struct event *event)
{
    if (!query->has_before || query->id.data != NULL) {
        return true;
    }
    return event->timestamp_us < query->before_us ||
           (event->timestamp_us == query->before_us &&
            memcmp(event->id, query->before_id, event_id_length) < 0);
}

static bool collection_is_enough(const struct collection *collection, size_t limit,
                                 int64_t timestamp_us)
{
    if (collection->count <= limit) {
        return false;
    }
    return timestamp_us < collection->events[collection->count - 1].timestamp_us ||
           collection->count > limit + ties_max;
}

static bool collection_add(struct collection *collection, const struct event *event)
{
    if (collection->count == collection->capacity) {
        size_t capacity = collection->capacity == 0 ? 16 : collection->capacity * 2;
        struct event *grown = realloc(collection->events, capacity * sizeof(*grown));
        if (grown == NULL) {
            return false;
        }
        collection->events = grown;
        collection->capacity = capacity;
    }
    collection->events[collection->count++] = *event;
    collection->bytes += event_bytes(event);
    return true;
}

/* Takes the row that <statement> stands on; *ret_is_enough: no further ones are wanted. */
static enum status collect_row(sqlite3_stmt *statement, const struct backend_query *query,
                               struct arena *arena, struct collection *collection,
                               bool *ret_is_enough, struct failure *reterr)
{
    struct event event = {.issuer = query->issuer, .subject = query->subject};
    event_row_place(statement, &event);
    if (!is_after_place(query, &event)) {
        return STATUS_OK;
    }
    if (collection_is_enough(collection, query->limit, event.timestamp_us)) {
        *ret_is_enough = true;
        return STATUS_OK;
    }
    bool is_read = event_row_read(statement, arena, &event);
    collection->is_cut = is_read && collection->count > 0 &&
                         collection->bytes + event_bytes(&event) > backend_text_bytes_max;
    if (collection->is_cut) { /* but a page has one row, however large */
        *ret_is_enough = true;
        return STATUS_OK;
    }
    if (!is_read || !collection_add(collection, &event)) {
        failure_set(reterr, "no memory to read events");
        return STATUS_NO_MEMORY;
    }
    return STATUS_OK;
}

static int order_newest_first(const void *a, const void *b)
{
    const struct event *first = a;
    const struct event *second = b;
    if (first->timestamp_us != second->timestamp_us) {
        return first->timestamp_us > second->timestamp_us ? -1 : 1;
    }
    return memcmp(second->id, first->id, event_id_length);
}

static enum status page_make(struct collection *collection, size_t limit, struct arena *arena,
                             struct event_page *ret, struct failure *reterr)
{
    size_t count = collection->count < limit ? collection->count : limit;
    struct event_page page = {.count = count,
                              .has_more = collection->is_cut || collection->count > limit};
    if (count > 0) {
        qsort(collection->events, collection->count, sizeof(*collection->events),
              order_newest_first);
        page.events = arena_allocate_zeroed(arena, count, sizeof(*page.events));
        if (page.events == NULL) {
            failure_set(reterr, "no memory to read events");
            return STATUS_NO_MEMORY;
        }
        memcpy(page.events, collection->events, count * sizeof(*page.events));
    }
    *ret = page;
    return STATUS_OK;
}

/* Several rows of one microsecond may lie a little above the place, see event_row_insert. */
static int64_t seq_below(const struct backend_query *query)
{
    return query->has_before ? seq_floor(query->before_us) + 2 * seq_spread_max : INT64_MAX;
}

static void query_bind(sqlite3_stmt *statement, const struct backend_query *query, int64_t owner)
{
    sqlite3_bind_int64(statement, 1, owner);
    sqlite3_bind_int64(statement, 2, seq_below(query));
    database_bind_text(statement, 3, query->session);
    database_bind_text(statement, 4, query->task);
    database_bind_text(statement, 5, query->event);
}

static enum status read_one(struct database *database, const struct backend_query *query,
                            int64_t owner, struct arena *arena, struct collection *collection,
                            struct failure *reterr)
{
    unsigned char id[event_blob_length];
    bool is_enough = false;
    sqlite3_stmt *statement = database_statement(database, sql_by_id);
    if (statement == NULL) {
        return database_status(database, reterr);
    }
    (void)event_id_to_blob(query->id.data, id);
    sqlite3_bind_int64(statement, 1, owner);
    database_bind_blob(statement, 6, slice_make((const char *)id, sizeof(id)));
    enum status status = STATUS_OK;
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        status = collect_row(statement, query, arena, collection, &is_enough, reterr);
    } else if (code != SQLITE_DONE) {
        status = database_status(database, reterr);
    }
    sqlite3_reset(statement);
    return status;
}

/* ---- many rows ---- */

struct reading {
    struct database *database;
    const struct backend_query *query;
    int64_t owner;
    struct arena *arena;
    struct collection collection;
    bool is_enough;
    /* a search's */
    struct words_cutter cutter;
    struct words_wanted wanted;
    struct word_search *search;
};

static bool candidate_has_words(struct reading *reading, sqlite3_stmt *statement)
{
    struct slice texts[event_long_texts_count];
    if (reading->wanted.count == 0) {
        return true;
    }
    for (int i = 0; i < event_long_texts_count; i++) {
        int column = event_select_columns - event_long_texts_count + i;
        texts[i] = database_column_text(statement, column);
    }
    return words_wanted_match(&reading->cutter, &reading->wanted, texts, event_long_texts_count);
}

/* Takes row <seq>, if it is what is asked for. */
static enum status candidate_take(struct reading *reading, int64_t seq, struct failure *reterr)
{
    sqlite3_stmt *statement = database_statement(reading->database, sql_candidate);
    if (statement == NULL) {
        return database_status(reading->database, reterr);
    }
    query_bind(statement, reading->query, reading->owner);
    sqlite3_bind_int64(statement, 6, seq);
    enum status status = STATUS_OK;
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW && candidate_has_words(reading, statement)) {
        status = collect_row(statement, reading->query, reading->arena, &reading->collection,
                             &reading->is_enough, reterr);
    } else if (code != SQLITE_ROW && code != SQLITE_DONE) {
        status = database_status(reading->database, reterr);
    }
    sqlite3_reset(statement);
    return status;
}

static sqlite3_stmt *seqs_open(struct reading *reading, const char *sql, struct slice filter)
{
    sqlite3_stmt *statement = database_statement(reading->database, sql);
    if (statement != NULL) {
        sqlite3_bind_int64(statement, 1, reading->owner);
        sqlite3_bind_int64(statement, 2, seq_below(reading->query));
        if (filter.data != NULL) {
            database_bind_text(statement, 3, filter);
        }
    }
    return statement;
}

/* The next number of <statement>; below all when there is none. */
static enum status seq_next(struct database *database, sqlite3_stmt *statement, int64_t *ret,
                            struct failure *reterr)
{
    int code = sqlite3_step(statement);
    *ret = code == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : INT64_MIN;
    return code == SQLITE_ROW || code == SQLITE_DONE ? STATUS_OK
                                                     : database_status(database, reterr);
}

/* Both lists at once, the higher number first. */
static enum status list_rows(struct reading *reading, struct failure *reterr)
{
    struct database *database = reading->database;
    struct slice filter;
    const char *sql = seqs_sql(reading->query, &filter);
    sqlite3_stmt *pending = seqs_open(reading, sql_pending, slice_make(NULL, 0));
    sqlite3_stmt *listed = seqs_open(reading, sql, filter);
    if (pending == NULL || listed == NULL) {
        return database_status(database, reterr);
    }
    int64_t first = INT64_MIN;
    int64_t second = INT64_MIN;
    enum status status = seq_next(database, pending, &first, reterr);
    if (status == STATUS_OK) {
        status = seq_next(database, listed, &second, reterr);
    }
    while (status == STATUS_OK && !reading->is_enough &&
           (first != INT64_MIN || second != INT64_MIN)) {
        bool is_pending = first > second;
        status = candidate_take(reading, is_pending ? first : second, reterr);
        if (status == STATUS_OK && !reading->is_enough) {
            status = seq_next(database, is_pending ? pending : listed,
                              is_pending ? &first : &second, reterr);
        }
    }
    sqlite3_reset(pending);
    sqlite3_reset(listed);
    return status;
}

static enum status search_rows(struct reading *reading, struct failure *reterr)
{
    struct failure failure;
    enum status status = word_search_begin(reading->database, reading->owner, &reading->wanted,
                                           seq_below(reading->query), &reading->search, reterr);
    while (status == STATUS_OK && !reading->is_enough) {
        int64_t seq = 0;
        status = word_search_next(reading->search, &seq, &failure);
        if (status == STATUS_NOT_FOUND) {
            return STATUS_OK;
        }
        if (status != STATUS_OK) {
            failure_set(reterr, "%s", failure.text);
            return status;
        }
        status = candidate_take(reading, seq, reterr);
    }
    return status;
}

static enum status search_words(struct reading *reading, struct failure *reterr)
{
    enum status status = words_cutter_open(reading->database, &reading->cutter, reterr);
    if (status != STATUS_OK) {
        return status;
    }
    status = words_wanted_make(&reading->cutter, reading->query->words, &reading->wanted, reterr);
    if (status == STATUS_OK && reading->wanted.count > 0) {
        status = search_rows(reading, reterr);
    }
    word_search_end(reading->search);
    words_wanted_clear(&reading->wanted);
    words_cutter_close(&reading->cutter);
    return status;
}

/* Many statements read one snapshot, or rows could be entered or merged in between. */
static enum status read_rows(struct database *database, const struct backend_query *query,
                             int64_t owner, struct arena *arena, struct event_page *ret,
                             struct failure *reterr)
{
    static const char sql_begin[] = "BEGIN";
    static const char sql_end[] = "COMMIT";
    struct reading reading = {.database = database, .query = query, .owner = owner, .arena = arena};
    bool is_alone = sqlite3_get_autocommit(database_handle(database)) != 0;
    enum status status = is_alone ? database_execute(database, sql_begin, reterr) : STATUS_OK;
    if (status == STATUS_OK && query->id.data != NULL) {
        status = read_one(database, query, owner, arena, &reading.collection, reterr);
    } else if (status == STATUS_OK) {
        status = query->words.data != NULL ? search_words(&reading, reterr)
                                           : list_rows(&reading, reterr);
    }
    if (status == STATUS_OK) {
        status = page_make(&reading.collection, query->limit, arena, ret, reterr);
    }
    free(reading.collection.events);
    if (is_alone && sqlite3_get_autocommit(database_handle(database)) == 0) {
        enum status ended =
            database_execute(database, sql_end, status == STATUS_OK ? reterr : NULL);
        status = status == STATUS_OK ? ended : status;
    }
    return status;
}

enum status event_rows_read(struct database *database, const struct backend_query *query,
                            struct arena *arena, struct event_page *ret, struct failure *reterr)
{
    static const struct event_page nothing = {0};
    int64_t owner = 0;
    struct failure failure;
    if (query->id.data != NULL && !event_id_is_text(query->id)) {
        *ret = nothing;
        return STATUS_OK;
    }
    enum status status = owner_find(database, query->issuer, query->subject, &owner, &failure);
    if (status == STATUS_NOT_FOUND) {
        *ret = nothing;
        return STATUS_OK;
    }
    if (status != STATUS_OK) {
        failure_set(reterr, "%s", failure.text);
        return status;
    }
    return read_rows(database, query, owner, arena, ret, reterr);
}

/* ---- deleting ---- */

#define ERASE_SELECT "SELECT seq, owner, " EVENT_LONG_TEXTS " FROM events WHERE "

#define OLDEST_OF_OWNER                                                                            \
    "(SELECT min(seq) FROM (SELECT min(seq) AS seq FROM events_of_owner WHERE owner = ?1"          \
    " UNION ALL SELECT min(seq) FROM events_pending WHERE owner = ?1))"
static const char sql_oldest_of_owner[] = ERASE_SELECT "seq = " OLDEST_OF_OWNER;
static const char sql_of_id[] = ERASE_SELECT "owner = ?1 AND id = ?2";
static const char sql_oldest[] = ERASE_SELECT "seq < ?1 ORDER BY seq LIMIT 1";

/* Removes the row that <select> stands on. <cutter> NULL: its words are left in their segment,
 * which goes as a whole later. */
static enum status row_remove(struct database *database, sqlite3_stmt *select,
                              struct words_cutter *cutter, struct failure *reterr)
{
    static const char sql[] = "DELETE FROM events WHERE seq = ?1";
    int64_t seq = sqlite3_column_int64(select, 0);
    int64_t owner = sqlite3_column_int64(select, 1);
    bool was_pending = false;
    enum status status = word_index_drop(database, owner, seq, &was_pending, reterr);
    if (status == STATUS_OK && !was_pending && cutter != NULL) {
        struct slice texts[event_long_texts_count];
        for (int i = 0; i < event_long_texts_count; i++) {
            texts[i] = database_column_text(select, 2 + i);
        }
        status =
            word_index_remove(database, cutter, owner, seq, texts, event_long_texts_count, reterr);
    }
    sqlite3_reset(select);
    if (status != STATUS_OK) {
        return status;
    }
    sqlite3_stmt *statement = database_statement(database, sql);
    if (statement != NULL) {
        sqlite3_bind_int64(statement, 1, seq);
    }
    return database_run(database, statement, reterr);
}

/* Removes what <sql> finds, one by one; <number> and <id> are its parameters. */
static enum status rows_remove(struct database *database, const char *sql, int64_t number,
                               const unsigned char *id, struct words_cutter *cutter, uint64_t limit,
                               uint64_t *ret_erased, struct failure *reterr)
{
    enum status status = STATUS_OK;
    uint64_t erased = 0;
    while (status == STATUS_OK && erased < limit) {
        sqlite3_stmt *select = database_statement(database, sql);
        if (select == NULL) {
            status = database_status(database, reterr);
            break;
        }
        sqlite3_bind_int64(select, 1, number);
        if (id != NULL) {
            database_bind_blob(select, 2, slice_make((const char *)id, event_blob_length));
        }
        int code = sqlite3_step(select);
        if (code == SQLITE_DONE) {
            break;
        }
        status = code == SQLITE_ROW ? row_remove(database, select, cutter, reterr)
                                    : database_status(database, reterr);
        sqlite3_reset(select);
        erased += status == STATUS_OK ? 1 : 0;
    }
    if (status == STATUS_OK) {
        *ret_erased = erased;
    }
    return status;
}

static enum status erase_one(struct database *database, int64_t owner,
                             const unsigned char id[event_blob_length], uint64_t *ret_erased,
                             struct failure *reterr)
{
    struct words_cutter cutter;
    enum status status = words_cutter_open(database, &cutter, reterr);
    if (status == STATUS_OK) {
        status = rows_remove(database, sql_of_id, owner, id, &cutter, 1, ret_erased, reterr);
    }
    words_cutter_close(&cutter);
    return status;
}

/* The oldest first, so that segments of words go as wholes when their newest row has gone. */
static enum status erase_oldest(struct database *database, int64_t owner, uint64_t limit,
                                uint64_t *ret_erased, struct failure *reterr)
{
    static const char sql[] = "SELECT ifnull(" OLDEST_OF_OWNER ", ?2)";
    uint64_t erased = 0;
    enum status status =
        rows_remove(database, sql_oldest_of_owner, owner, NULL, NULL, limit, &erased, reterr);
    if (status != STATUS_OK) {
        return status;
    }
    sqlite3_stmt *statement = database_statement(database, sql);
    if (statement == NULL) {
        return database_status(database, reterr);
    }
    int64_t least = 0;
    sqlite3_bind_int64(statement, 1, owner);
    sqlite3_bind_int64(statement, 2, INT64_MAX);
    if (sqlite3_step(statement) == SQLITE_ROW) {
        least = sqlite3_column_int64(statement, 0);
    } else {
        status = database_status(database, reterr);
    }
    sqlite3_reset(statement);
    if (status == STATUS_OK) {
        status = word_index_remove_below(database, owner, least, reterr);
    }
    if (status == STATUS_OK) {
        status = owner_forget(database, owner, reterr);
    }
    if (status == STATUS_OK) {
        *ret_erased = erased;
    }
    return status;
}

enum status event_rows_erase(struct database *database, const struct backend_query *query,
                             uint64_t *ret_erased, struct failure *reterr)
{
    unsigned char id[event_blob_length];
    int64_t owner = 0;
    struct failure failure;
    bool is_one = query->id.data != NULL;
    if (is_one && !(event_id_is_text(query->id) && event_id_to_blob(query->id.data, id))) {
        *ret_erased = 0;
        return STATUS_OK;
    }
    enum status status = owner_find(database, query->issuer, query->subject, &owner, &failure);
    if (status == STATUS_NOT_FOUND) {
        *ret_erased = 0;
        return STATUS_OK;
    }
    if (status != STATUS_OK) {
        failure_set(reterr, "%s", failure.text);
        return status;
    }
    if (is_one) {
        return erase_one(database, owner, id, ret_erased, reterr);
    }
    uint64_t limit = query->limit == 0 ? UINT64_MAX : query->limit;
    return erase_oldest(database, owner, limit, ret_erased, reterr);
}

enum status event_rows_expire(struct database *database, int64_t before_us, size_t limit,
                              uint64_t *ret_erased, struct failure *reterr)
{
    static const int64_t hour = (INT64_C(3600) * 1000000) << seq_shift;
    int64_t least = seq_floor(before_us);
    enum status status = word_index_expire(database, least, hour, reterr);
    if (status == STATUS_OK) {
        status = rows_remove(database, sql_oldest, least, NULL, NULL, limit, ret_erased, reterr);
    }
    return status;
}

/* SPDX-License-Identifier: MIT
 *
 * event_rows.c - the events table, its full text and its owners; outbox_rows.c has the outbox.
 *
 * The full text holds, for each row, its words and one token that stands for the owner, so that a
 * search looks only where words and owner meet, however common the words are among others' rows.
 * That token only saves time: the owner is compared again in the row itself. */
#include "mem/event_columns.h"

#include "base/buffer.h"

#include <stdlib.h>

enum {
    seq_shift = 10,
    seq_tries_max = 40,
    words_max = 32,
    match_bytes_max = 64 * 1024,
    seq_spread_max = 4096 << seq_shift,
    ties_max = 4096, /* rows of one microsecond that are put in order */
    fts_bytes_max = 512 * 1024 * 1024,
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
                              " AND NOT EXISTS (SELECT 1 FROM events WHERE owner = ?1)"
                              " AND NOT EXISTS (SELECT 1 FROM outbox WHERE owner = ?1)"
                              " AND NOT EXISTS (SELECT 1 FROM outbox_rejected WHERE owner = ?1)";
    sqlite3_stmt *statement = database_statement(database, sql);
    if (statement != NULL) {
        sqlite3_bind_int64(statement, 1, owner);
    }
    return database_run(database, statement, reterr);
}

/* ---- full text ---- */

/* U+E000 is a letter to unicode61 (category Co), and no keyboard has it. */
static void owner_token_append(struct buffer *buffer, int64_t owner)
{
    buffer_append_string(buffer, "\xee\x80\x80");
    buffer_append_uint(buffer, (uint64_t)owner);
}

static void words_compose(struct buffer *buffer, int64_t owner, const struct slice texts[])
{
    buffer_reset(buffer);
    owner_token_append(buffer, owner);
    for (size_t i = 0; i < event_long_texts_count; i++) {
        if (texts[i].length > 0) {
            buffer_append_byte(buffer, '\n');
            buffer_append(buffer, texts[i]);
        }
    }
}

static enum status words_add(struct database *database, int64_t seq, const struct buffer *words,
                             struct failure *reterr)
{
    static const char sql[] = "INSERT INTO events_text(rowid, text) VALUES(?1, ?2)";
    sqlite3_stmt *statement = database_statement(database, sql);
    if (statement != NULL) {
        sqlite3_bind_int64(statement, 1, seq);
        database_bind_text(statement, 2, buffer_slice(words));
    }
    return database_run(database, statement, reterr);
}

static enum status words_remove(struct database *database, int64_t seq, const struct buffer *words,
                                struct failure *reterr)
{
    static const char sql[] =
        "INSERT INTO events_text(events_text, rowid, text) VALUES('delete', ?1, ?2)";
    sqlite3_stmt *statement = database_statement(database, sql);
    if (statement != NULL) {
        sqlite3_bind_int64(statement, 1, seq);
        database_bind_text(statement, 2, buffer_slice(words));
    }
    return database_run(database, statement, reterr);
}

struct words_match {
    struct buffer *buffer;
    size_t count;
};

static int words_match_token(void *context, int flags, const char *token, int length, int start,
                             int end)
{
    struct words_match *match = context;
    if (match->count++ >= words_max || length <= 0) {
        return SQLITE_OK;
    }
    buffer_append_string(match->buffer, " AND \"");
    buffer_append(match->buffer, slice_make(token, (size_t)length)); /* letters and digits */
    buffer_append_byte(match->buffer, '"');
    return SQLITE_OK;
}

/* The MATCH expression of <words>, cut into tokens by the tokenizer of the table itself: what is
 * left is letters and digits, and nothing of the caller's is syntax. *ret_count 0: no words. */
static enum status words_match_build(struct database *database, int64_t owner, struct slice words,
                                     struct buffer *buffer, size_t *ret_count,
                                     struct failure *reterr)
{
    static const char sql[] = "SELECT fts5(?1)";
    fts5_api *api = NULL;
    sqlite3_stmt *statement = database_statement(database, sql);
    if (statement == NULL) {
        return database_status(database, reterr);
    }
    sqlite3_bind_pointer(statement, 1, &api, "fts5_api_ptr", NULL);
    (void)sqlite3_step(statement);
    sqlite3_reset(statement);
    fts5_tokenizer tokenizer;
    void *user = NULL;
    Fts5Tokenizer *handle = NULL;
    if (api == NULL || api->xFindTokenizer(api, "unicode61", &user, &tokenizer) != SQLITE_OK ||
        tokenizer.xCreate(user, NULL, 0, &handle) != SQLITE_OK) {
        failure_set(reterr, "this SQLite has no full text search");
        return STATUS_UNSUPPORTED;
    }
    struct words_match match = {.buffer = buffer};
    buffer_append_byte(buffer, '"');
    owner_token_append(buffer, owner);
    buffer_append_byte(buffer, '"');
    int code = words.length > match_bytes_max
                   ? SQLITE_TOOBIG
                   : tokenizer.xTokenize(handle, &match, FTS5_TOKENIZE_QUERY, words.data,
                                         (int)words.length, words_match_token);
    tokenizer.xDelete(handle);
    if (code != SQLITE_OK || buffer->failed || match.count > words_max) {
        failure_set(reterr, "too many words: at most %d", (int)words_max);
        return STATUS_INVALID;
    }
    *ret_count = match.count;
    return STATUS_OK;
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

static enum status event_insert(struct database *database, const struct event *event, int64_t owner,
                                struct buffer *words, struct failure *reterr)
{
    int64_t seq = 0;
    enum status status = event_row_insert(database, event, owner, &seq, reterr);
    if (status != STATUS_OK || sqlite3_changes(database_handle(database)) == 0) {
        return status;
    }
    struct slice texts[event_long_texts_count];
    event_long_texts(event, texts);
    words_compose(words, owner, texts);
    if (words->failed) {
        failure_set(reterr, "no memory to index an event");
        return STATUS_NO_MEMORY;
    }
    return words_add(database, seq, words, reterr);
}

enum status event_rows_insert(struct database *database, const struct event *events, size_t count,
                              struct failure *reterr)
{
    const struct event **order = calloc(count + 1, sizeof(*order));
    if (order == NULL) {
        failure_set(reterr, "no memory to store events");
        return STATUS_NO_MEMORY;
    }
    bool is_sorted = true;
    for (size_t i = 0; i < count; i++) {
        order[i] = &events[i];
        is_sorted = is_sorted && (i == 0 || order_by_time(&order[i - 1], &order[i]) < 0);
    }
    if (!is_sorted) { /* FTS5 is quick with rising row numbers only */
        qsort(order, count, sizeof(*order), order_by_time);
    }
    struct buffer words;
    buffer_init(&words, fts_bytes_max);
    enum status status = STATUS_OK;
    int64_t owner = 0;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        if (i == 0 || !slice_equals(order[i]->subject, order[i - 1]->subject) ||
            !slice_equals(order[i]->issuer, order[i - 1]->issuer)) {
            status = owner_make(database, order[i]->issuer, order[i]->subject, &owner, reterr);
        }
        if (status == STATUS_OK) {
            status = event_insert(database, order[i], owner, &words, reterr);
        }
    }
    buffer_clear(&words);
    free(order);
    return status;
}

/* ---- reading ---- */

#define FILTERS                                                                                    \
    " AND (?3 IS NULL OR e.session = ?3) AND (?4 IS NULL OR e.task = ?4)"                          \
    " AND (?5 IS NULL OR e.event = ?5)"
#define NEWEST_FIRST " AND e.seq <= ?2" FILTERS " ORDER BY e.seq DESC"
#define ROWS_BY(index) EVENT_SELECT " FROM events e INDEXED BY " index " WHERE e.owner = ?1"

static const char sql_by_id[] = EVENT_SELECT " FROM events e WHERE e.owner = ?1 AND e.id = ?6";
static const char sql_by_owner[] = ROWS_BY("events_by_owner") NEWEST_FIRST;
static const char sql_by_kind[] =
    ROWS_BY("events_by_kind") " AND e.event = ?5 AND e.event <> 'exchange'" NEWEST_FIRST;
static const char sql_by_session[] =
    ROWS_BY("events_by_session") " AND e.session = ?3" NEWEST_FIRST;
static const char sql_by_task[] = ROWS_BY("events_by_task") " AND e.task = ?4" NEWEST_FIRST;
/* FTS5 gives row numbers downwards and is asked for no more than are needed. */
static const char sql_by_words[] =
    EVENT_SELECT " FROM events_text f CROSS JOIN events e ON e.seq = f.rowid"
                 " WHERE events_text MATCH ?7 AND f.rowid <= ?2 AND e.owner = ?1" FILTERS
                 " ORDER BY f.rowid DESC";

static const char *read_sql(const struct backend_query *query)
{
    if (query->id.data != NULL) {
        return sql_by_id;
    }
    if (query->words.data != NULL) {
        return sql_by_words;
    }
    if (query->task.data != NULL) {
        return sql_by_task;
    }
    if (query->session.data != NULL) {
        return sql_by_session;
    }
    bool is_kind = query->event.data != NULL && !slice_equals(query->event, SLICE("exchange"));
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

static enum status collect(struct database *database, sqlite3_stmt *statement,
                           const struct backend_query *query, struct arena *arena,
                           struct collection *collection, struct failure *reterr)
{
    int code;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
        struct event event = {.issuer = query->issuer, .subject = query->subject};
        event_row_place(statement, &event);
        if (!is_after_place(query, &event)) {
            continue;
        }
        if (collection_is_enough(collection, query->limit, event.timestamp_us)) {
            return STATUS_OK;
        }
        if (collection->bytes > backend_text_bytes_max) {
            collection->is_cut = true;
            return STATUS_OK;
        }
        if (!event_row_read(statement, arena, &event) || !collection_add(collection, &event)) {
            failure_set(reterr, "no memory to read events");
            return STATUS_NO_MEMORY;
        }
    }
    return code == SQLITE_DONE ? STATUS_OK : database_status(database, reterr);
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

static enum status read_rows(struct database *database, const struct backend_query *query,
                             int64_t owner, struct slice match, struct arena *arena,
                             struct event_page *ret, struct failure *reterr)
{
    unsigned char id[event_blob_length];
    sqlite3_stmt *statement = database_statement(database, read_sql(query));
    if (statement == NULL) {
        return database_status(database, reterr);
    }
    sqlite3_bind_int64(statement, 1, owner);
    if (query->id.data != NULL) {
        (void)event_id_to_blob(query->id.data, id);
        database_bind_blob(statement, 6, slice_make((const char *)id, sizeof(id)));
    } else {
        sqlite3_bind_int64(statement, 2, seq_below(query));
        database_bind_text(statement, 3, query->session);
        database_bind_text(statement, 4, query->task);
        database_bind_text(statement, 5, query->event);
        if (match.data != NULL) {
            database_bind_text(statement, 7, match);
        }
    }
    struct collection collection = {0};
    enum status status = collect(database, statement, query, arena, &collection, reterr);
    sqlite3_reset(statement);
    if (status == STATUS_OK) {
        status = page_make(&collection, query->limit, arena, ret, reterr);
    }
    free(collection.events);
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
    struct buffer match;
    buffer_init(&match, 2 * match_bytes_max);
    size_t words = 0;
    bool has_words = query->id.data == NULL && query->words.data != NULL;
    if (has_words) {
        status = words_match_build(database, owner, query->words, &match, &words, reterr);
    }
    if (status == STATUS_OK && has_words && words == 0) {
        *ret = nothing;
    } else if (status == STATUS_OK) {
        status = read_rows(database, query, owner, buffer_slice(&match), arena, ret, reterr);
    }
    buffer_clear(&match);
    return status;
}

/* ---- deleting ---- */

#define ERASE_SELECT "SELECT seq, owner, " EVENT_LONG_TEXTS " FROM events WHERE "

static const char sql_oldest_of_owner[] = ERASE_SELECT "owner = ?1 ORDER BY seq LIMIT 1";
static const char sql_of_id[] = ERASE_SELECT "owner = ?1 AND id = ?2";
static const char sql_oldest[] = ERASE_SELECT "seq < ?1 ORDER BY seq LIMIT 1";

/* Removes the row that <select> stands on. */
static enum status row_remove(struct database *database, sqlite3_stmt *select, struct buffer *words,
                              struct failure *reterr)
{
    static const char sql[] = "DELETE FROM events WHERE seq = ?1";
    int64_t seq = sqlite3_column_int64(select, 0);
    int64_t owner = sqlite3_column_int64(select, 1);
    struct slice texts[event_long_texts_count];
    for (int i = 0; i < event_long_texts_count; i++) {
        texts[i] = database_column_text(select, 2 + i);
    }
    words_compose(words, owner, texts);
    sqlite3_reset(select);
    if (words->failed) {
        failure_set(reterr, "no memory to erase an event");
        return STATUS_NO_MEMORY;
    }
    enum status status = words_remove(database, seq, words, reterr);
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
                               const unsigned char *id, uint64_t limit, uint64_t *ret_erased,
                               struct failure *reterr)
{
    struct buffer words;
    buffer_init(&words, fts_bytes_max);
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
        status = code == SQLITE_ROW ? row_remove(database, select, &words, reterr)
                                    : database_status(database, reterr);
        sqlite3_reset(select);
        erased += status == STATUS_OK ? 1 : 0;
    }
    buffer_clear(&words);
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
    uint64_t limit = query->limit == 0 || is_one ? UINT64_MAX : query->limit;
    status = rows_remove(database, is_one ? sql_of_id : sql_oldest_of_owner, owner,
                         is_one ? id : NULL, limit, ret_erased, reterr);
    if (status == STATUS_OK && !is_one) {
        status = owner_forget(database, owner, reterr);
    }
    return status;
}

enum status event_rows_expire(struct database *database, int64_t before_us, size_t limit,
                              uint64_t *ret_erased, struct failure *reterr)
{
    return rows_remove(database, sql_oldest, seq_floor(before_us), NULL, limit, ret_erased, reterr);
}

/* SPDX-License-Identifier: MIT
 *
 * backend_postgres.c - MEM_BACKEND=postgres: the table attach_memory_events, made when missing and
 * shared by any number of gateways.
 *
 * Every value is a parameter; the SQL is built from the names in event_fields.def alone. The owner
 * is compared by its key, which is indexed, and by issuer and subject as well. Full text looks into
 * the column <words>, made of the start of each text. Thread: that of the handle. */
#include "mem/backend_postgres_connection.h"
#include "mem/backend_postgres_text.h"
#include "mem/backend_remote.h"

#include "base/buffer.h"

#include <stdlib.h>

enum {
    row_parameters = 4 + event_fields_count,
    statement_parameters = 2, /* of an INSERT, beside those of its rows */
    statement_rows_max = 500,
    statement_bytes_max = 16 * 1024 * 1024, /* of texts; one row may be longer */
    query_parameters_max = 16,
    sql_bytes_max = 1024 * 1024,
    erase_step_rows = 5000,
    id_column = 0,
    time_column = 1,
    status_column = 2,
    fields_column = 3,
    found_column = fields_column + event_fields_count,
};

/* Characters of each text that full text looks into, at first and when that is too much: a tsvector
 * holds 1 MiB of different words, whatever the text. The last step always fits. */
static const int64_t words_steps[] = {1 << 22, 1 << 16, 1 << 12};

enum { words_steps_count = sizeof(words_steps) / sizeof(*words_steps) };

/* What separates words, for the text as for the search: PostgreSQL's own parser would keep URLs and
 * file names together. */
static const char separators[] = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

static const char *const schema_statements[] = {
    "CREATE INDEX attach_memory_events_owner ON attach_memory_events"
    " (owner, timestamp_us DESC, id DESC)",
    /* A key of an index has a maximum: the start of a name is enough to find it by. */
    "CREATE INDEX attach_memory_events_session ON attach_memory_events"
    " (owner, left(session_id, 128), timestamp_us DESC, id DESC) WHERE session_id IS NOT NULL",
    "CREATE INDEX attach_memory_events_task ON attach_memory_events"
    " (owner, left(task_id, 128)) WHERE task_id IS NOT NULL",
    "CREATE INDEX attach_memory_events_time ON attach_memory_events (timestamp_us)",
    "CREATE INDEX attach_memory_events_words ON attach_memory_events USING gin (words)",
};

/* ---- the table ---- */

static void append_fields(struct buffer *sql)
{
    for (size_t i = 0; i < event_fields_count; i++) {
        buffer_append_format(sql, ", \"%s\"", event_fields[i].name);
    }
}

static enum status run_plain(struct postgres_connection *connection, const char *sql,
                             struct failure *reterr)
{
    char state[6];
    return postgres_connection_run(connection, sql, NULL, NULL, state, reterr);
}

static enum status table_create(struct postgres_connection *connection, struct failure *reterr)
{
    static const char *const types[] = {
        [FIELD_SHORT] = "text",
        [FIELD_LONG] = "text",
        [FIELD_NUMBER] = "bigint",
        [FIELD_FLAG] = "boolean NOT NULL",
    };
    struct buffer sql;
    buffer_init(&sql, sql_bytes_max);
    buffer_append_string(&sql, "CREATE TABLE attach_memory_events (id uuid PRIMARY KEY,"
                               " timestamp_us bigint NOT NULL, owner text NOT NULL,"
                               " status bigint NOT NULL");
    for (size_t i = 0; i < event_fields_count; i++) {
        buffer_append_format(&sql, ", \"%s\" %s", event_fields[i].name,
                             types[event_fields[i].kind]);
    }
    buffer_append(&sql, slice_make(", words tsvector)", sizeof(", words tsvector)")));
    enum status status = STATUS_NO_MEMORY;
    if (!sql.failed) {
        status = run_plain(connection, sql.data, reterr);
    } else {
        failure_set(reterr, "no memory to make a table");
    }
    buffer_clear(&sql);
    size_t count = sizeof(schema_statements) / sizeof(*schema_statements);
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        status = run_plain(connection, schema_statements[i], reterr);
    }
    return status;
}

static enum status table_exists(struct postgres_connection *connection, bool *ret,
                                struct failure *reterr)
{
    /* Not to_regclass: it believes the session's cache, which a lock of ours does not refresh. */
    static const char sql[] = "SELECT 1 FROM pg_class WHERE relname = 'attach_memory_events'"
                              " AND pg_table_is_visible(oid)";
    char state[6];
    PGresult *result = NULL;
    enum status status = postgres_connection_run(connection, sql, NULL, &result, state, reterr);
    if (status == STATUS_OK) {
        *ret = PQntuples(result) > 0;
    }
    PQclear(result);
    return status;
}

/* Gateways that start together take turns; the table comes whole, with its indexes, or not at all.
 * Where it stands already no right to create is needed. */
static enum status table_ensure(struct postgres_connection *connection, struct failure *reterr)
{
    bool exists = false;
    enum status status = table_exists(connection, &exists, reterr);
    if (status != STATUS_OK || exists) {
        return status;
    }
    status = run_plain(connection, "BEGIN ISOLATION LEVEL READ COMMITTED", reterr);
    if (status == STATUS_OK) {
        status = run_plain(connection, "SELECT pg_advisory_xact_lock(4742367812938475)", reterr);
    }
    if (status == STATUS_OK) {
        status = table_exists(connection, &exists, reterr);
    }
    if (status == STATUS_OK && !exists) {
        status = table_create(connection, reterr);
    }
    return status != STATUS_OK ? status : run_plain(connection, "COMMIT", reterr);
}

static enum status session_prepare(struct postgres_connection *connection, struct failure *reterr)
{
    const char *encoding = PQparameterStatus(connection->connection, "server_encoding");
    if (encoding == NULL || strcmp(encoding, "UTF8") != 0) {
        failure_set(reterr, "PostgreSQL: the database's encoding is %.20s: it must be UTF8",
                    encoding == NULL ? "not known" : encoding);
        return STATUS_UNSUPPORTED;
    }
    struct buffer sql;
    buffer_init(&sql, 256);
    buffer_append_string(&sql, "SET statement_timeout = ");
    buffer_append_uint(&sql, connection->timeout_ms);
    buffer_append_byte(&sql, '\0');
    enum status status = sql.failed ? STATUS_NO_MEMORY : run_plain(connection, sql.data, reterr);
    buffer_clear(&sql);
    return status != STATUS_OK ? status : table_ensure(connection, reterr);
}

/* ---- statements ---- */

struct statement {
    struct buffer sql;
    struct postgres_parameters parameters;
};

static bool statement_init(struct statement *statement, size_t parameters_max)
{
    buffer_init(&statement->sql, sql_bytes_max);
    return postgres_parameters_init(&statement->parameters, parameters_max);
}

static void statement_clear(struct statement *statement)
{
    buffer_clear(&statement->sql);
    postgres_parameters_clear(&statement->parameters);
}

static void append_parameter(struct statement *statement, const char *before, size_t number,
                             const char *after)
{
    buffer_append_format(&statement->sql, "%s$%zu%s", before, number, after);
}

/* Everything here may be done twice, so a connection that had broken while it was idle costs the
 * caller nothing. */
static enum status statement_run(struct postgres_connection *connection,
                                 struct statement *statement, PGresult **ret_result,
                                 char ret_state[6], struct failure *reterr)
{
    ret_state[0] = '\0';
    buffer_append_byte(&statement->sql, '\0');
    if (statement->sql.failed) {
        failure_set(reterr, "no memory for a statement");
        return STATUS_NO_MEMORY;
    }
    enum status status = STATUS_CLOSED;
    for (bool is_last = false; status == STATUS_CLOSED && !is_last;) {
        status = postgres_connection_ensure(connection, session_prepare, reterr);
        if (status != STATUS_OK) {
            break;
        }
        is_last = connection->is_fresh;
        status = postgres_connection_run(connection, statement->sql.data, &statement->parameters,
                                         ret_result, ret_state, reterr);
    }
    if (strcmp(ret_state, "42P01") == 0) {
        connection->is_prepared = false; /* somebody dropped the table */
    }
    statement->sql.length--;
    return status == STATUS_CLOSED ? STATUS_IO : status;
}

static uint64_t affected_rows(PGresult *result)
{
    uint64_t count = 0;
    (void)slice_parse_uint(slice_from_string(PQcmdTuples(result)), INT64_MAX, &count);
    return count;
}

/* ---- writing ---- */

static void append_field_value(struct statement *statement, const struct event *event,
                               const struct event_field *field)
{
    struct postgres_parameters *parameters = &statement->parameters;
    size_t number = 0;
    switch (field->kind) {
    case FIELD_SHORT:
    case FIELD_LONG:
        number = postgres_parameters_add_text(parameters, event_field_text(event, field));
        break;
    case FIELD_NUMBER:
        number = event->is_exchange
                     ? postgres_parameters_add_number(parameters, event_field_number(event, field))
                     : postgres_parameters_add_null_number(parameters);
        break;
    case FIELD_FLAG:
        number = postgres_parameters_add_flag(parameters, event_field_flag(event, field));
        break;
    }
    append_parameter(statement, ", ", number, "");
}

static enum status append_row(struct statement *statement, const struct event *event,
                              struct failure *reterr)
{
    struct postgres_parameters *parameters = &statement->parameters;
    char key[owner_key_length + 1];
    struct slice owner = {NULL, 0};
    if (!event_id_is_canonical(slice_make(event->id, event_id_length))) {
        failure_set(reterr, "an event without an id");
        return STATUS_INVALID;
    }
    if (!owner_key(event->issuer, event->subject, key) ||
        !arena_copy(&parameters->arena, slice_make(key, owner_key_length), &owner)) {
        failure_set(reterr, "no memory to write events");
        return STATUS_NO_MEMORY;
    }
    append_parameter(statement, "(", postgres_parameters_add_uuid(parameters, event->id), "");
    append_parameter(statement, ", ",
                     postgres_parameters_add_number(parameters, event->timestamp_us), "");
    append_parameter(statement, ", ", postgres_parameters_add_text(parameters, owner), "");
    append_parameter(statement, ", ", postgres_parameters_add_number(parameters, event->status),
                     "");
    for (size_t i = 0; i < event_fields_count; i++) {
        append_field_value(statement, event, &event_fields[i]);
    }
    buffer_append_byte(&statement->sql, ')');
    return STATUS_OK;
}

static void append_insert_head(struct statement *statement, int64_t words_characters)
{
    struct postgres_parameters *parameters = &statement->parameters;
    struct buffer *sql = &statement->sql;
    size_t limit = postgres_parameters_add_number(parameters, words_characters);
    size_t from = postgres_parameters_add_text(parameters, slice_from_string(separators));
    buffer_append_string(sql, "INSERT INTO attach_memory_events (id, timestamp_us, owner, status");
    append_fields(sql);
    buffer_append_string(sql, ", words) SELECT v.*, to_tsvector('simple', translate(concat_ws(' '");
    for (size_t i = 0; i < event_fields_count; i++) {
        if (event_fields[i].kind == FIELD_LONG) {
            buffer_append_format(sql, ", left(v.\"%s\", $%zu::int)", event_fields[i].name, limit);
        }
    }
    buffer_append_format(sql, "), $%zu, repeat(' ', length($%zu)))) FROM (VALUES ", from, from);
}

static enum status insert_once(struct postgres_connection *connection, const struct event *events,
                               size_t count, int64_t words_characters, char ret_state[6],
                               struct failure *reterr)
{
    struct statement statement;
    if (!statement_init(&statement, statement_parameters + count * row_parameters)) {
        failure_set(reterr, "no memory to write events");
        return STATUS_NO_MEMORY;
    }
    append_insert_head(&statement, words_characters);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        buffer_append_string(&statement.sql, i == 0 ? "" : ", ");
        status = append_row(&statement, &events[i], reterr);
    }
    buffer_append_string(&statement.sql, ") AS v (id, timestamp_us, owner, status");
    append_fields(&statement.sql);
    buffer_append_string(&statement.sql, ") ON CONFLICT (id) DO NOTHING");
    if (status == STATUS_OK) {
        status = statement_run(connection, &statement, NULL, ret_state, reterr);
    }
    statement_clear(&statement);
    return status;
}

static bool is_too_many_words(enum status status, const char state[6])
{
    return status == STATUS_INVALID && strcmp(state, "54000") == 0;
}

static enum status insert(struct postgres_connection *connection, const struct event *events,
                          size_t count, struct failure *reterr)
{
    char state[6] = "";
    enum status status = insert_once(connection, events, count, words_steps[0], state, reterr);
    if (!is_too_many_words(status, state)) {
        return status;
    }
    /* One by one, so that only the guilty row is searched less deeply. */
    status = STATUS_OK;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        status = insert_once(connection, &events[i], 1, words_steps[0], state, reterr);
        for (size_t step = 1; step < words_steps_count && is_too_many_words(status, state);
             step++) {
            status = insert_once(connection, &events[i], 1, words_steps[step], state, reterr);
        }
    }
    return status;
}

static enum status postgres_write(void *handle, const struct event *events, size_t count,
                                  struct failure *reterr)
{
    enum status status = STATUS_OK;
    size_t at = 0;
    while (at < count && status == STATUS_OK) {
        size_t rows = 0;
        size_t bytes = 0;
        while (at + rows < count && rows < statement_rows_max) {
            bytes += event_text_bytes(&events[at + rows]);
            if (rows > 0 && bytes > statement_bytes_max) {
                break;
            }
            rows++;
        }
        status = insert(handle, events + at, rows, reterr);
        at += rows;
    }
    return status;
}

/* ---- reading ---- */

static enum status append_owner(struct statement *statement, const struct backend_query *query,
                                struct failure *reterr)
{
    struct postgres_parameters *parameters = &statement->parameters;
    char key[owner_key_length + 1];
    struct slice owner = {NULL, 0};
    if (!owner_key(query->issuer, query->subject, key) ||
        !arena_copy(&parameters->arena, slice_make(key, owner_key_length), &owner)) {
        failure_set(reterr, "no memory to read events");
        return STATUS_NO_MEMORY;
    }
    append_parameter(statement, "owner = ", postgres_parameters_add_text(parameters, owner), "");
    append_parameter(statement,
                     " AND issuer = ", postgres_parameters_add_text(parameters, query->issuer), "");
    append_parameter(
        statement, " AND subject = ", postgres_parameters_add_text(parameters, query->subject), "");
    if (query->id.data != NULL) {
        append_parameter(
            statement, " AND id = ", postgres_parameters_add_uuid(parameters, query->id.data), "");
    }
    return STATUS_OK;
}

static void append_indexed_filter(struct statement *statement, const char *column,
                                  struct slice value)
{
    if (value.data != NULL) {
        size_t number = postgres_parameters_add_text(&statement->parameters, value);
        buffer_append_format(&statement->sql, " AND %s = $%zu AND left(%s, 128) = left($%zu, 128)",
                             column, number, column, number);
    }
}

static void append_words(struct statement *statement, const struct search_words *words)
{
    struct buffer text;
    buffer_init(&text, 2 * search_bytes_max);
    for (size_t i = 0; i < words->count; i++) {
        buffer_append(&text, words->words[i]);
        buffer_append_byte(&text, ' ');
    }
    struct slice copy = {NULL, 0};
    if (text.failed || !arena_copy(&statement->parameters.arena, buffer_slice(&text), &copy)) {
        statement->parameters.failed = true;
    }
    buffer_clear(&text);
    append_parameter(statement, " AND words @@ plainto_tsquery('simple', ",
                     postgres_parameters_add_text(&statement->parameters, copy), ")");
}

static void append_filters(struct statement *statement, const struct backend_query *query,
                           const struct search_words *words)
{
    struct postgres_parameters *parameters = &statement->parameters;
    append_indexed_filter(statement, "session_id", query->session);
    append_indexed_filter(statement, "task_id", query->task);
    if (query->event.data != NULL) {
        append_parameter(
            statement, " AND event = ", postgres_parameters_add_text(parameters, query->event), "");
    }
    if (query->words.data != NULL) {
        append_words(statement, words);
    }
    if (query->has_before) {
        append_parameter(statement, " AND (timestamp_us, id) < (",
                         postgres_parameters_add_number(parameters, query->before_us), ", ");
        append_parameter(statement, "", postgres_parameters_add_uuid(parameters, query->before_id),
                         ")");
    }
}

/* One row more than asked for tells whether there are more; <found> tells it too when the page ends
 * early because its texts are long. */
static enum status read_compose(struct statement *statement, const struct backend_query *query,
                                const struct search_words *words, size_t limit,
                                struct failure *reterr)
{
    struct buffer *sql = &statement->sql;
    buffer_append_string(sql, "SELECT id::text, timestamp_us, status");
    append_fields(sql);
    buffer_append_string(sql, ", found FROM (SELECT *, count(*) OVER () AS found, sum(bytes) OVER"
                              " (ORDER BY timestamp_us DESC, id DESC) AS total"
                              " FROM (SELECT *, 0::bigint");
    for (size_t i = 0; i < event_fields_count; i++) {
        if (event_fields[i].kind == FIELD_SHORT || event_fields[i].kind == FIELD_LONG) {
            buffer_append_format(sql, " + coalesce(octet_length(\"%s\"), 0)", event_fields[i].name);
        }
    }
    buffer_append_string(sql, " AS bytes FROM attach_memory_events WHERE ");
    enum status status = append_owner(statement, query, reterr);
    append_filters(statement, query, words);
    buffer_append_string(sql, " ORDER BY timestamp_us DESC, id DESC");
    append_parameter(statement, " LIMIT ",
                     postgres_parameters_add_number(&statement->parameters, (int64_t)limit + 1),
                     ") AS page) AS summed");
    append_parameter(statement, " WHERE total - bytes <= ",
                     postgres_parameters_add_number(&statement->parameters, backend_text_bytes_max),
                     " ORDER BY timestamp_us DESC, id DESC");
    return status;
}

static bool read_row(const PGresult *result, int row, struct arena *arena, struct event *ret)
{
    event_fields_clear(ret);
    memcpy(ret->id, PQgetvalue(result, row, id_column), event_id_length);
    ret->timestamp_us = postgres_result_number(result, row, time_column, 0);
    ret->status = (unsigned)postgres_result_number(result, row, status_column, 0);
    for (size_t i = 0; i < event_fields_count; i++) {
        const struct event_field *field = &event_fields[i];
        int column = fields_column + (int)i;
        if (PQgetisnull(result, row, column)) {
            continue;
        }
        struct slice value =
            slice_make(PQgetvalue(result, row, column), (size_t)PQgetlength(result, row, column));
        switch (field->kind) {
        case FIELD_SHORT:
        case FIELD_LONG:
            if (!postgres_text_decode(value, arena, &value)) {
                return false;
            }
            event_field_set_text(ret, field, value);
            break;
        case FIELD_NUMBER:
            event_field_set_number(ret, field,
                                   postgres_result_number(result, row, column, field->unknown));
            break;
        case FIELD_FLAG:
            event_field_set_flag(ret, field, value.length == 1 && value.data[0] == 1);
            break;
        }
    }
    return true;
}

static enum status read_page(const PGresult *result, size_t limit, struct arena *arena,
                             struct event_page *ret, struct failure *reterr)
{
    size_t rows = (size_t)PQntuples(result);
    struct event_page page = {.count = rows < limit ? rows : limit};
    if (rows > 0) {
        page.has_more = (size_t)postgres_result_number(result, 0, found_column, 0) > page.count;
    }
    page.events = arena_allocate_zeroed(arena, page.count + 1, sizeof(*page.events));
    bool is_read = page.events != NULL;
    for (size_t i = 0; i < page.count && is_read; i++) {
        is_read = PQgetlength(result, (int)i, id_column) == event_id_length &&
                  read_row(result, (int)i, arena, &page.events[i]);
    }
    if (!is_read) {
        failure_set(reterr, "no memory to read events");
        return STATUS_NO_MEMORY;
    }
    *ret = page;
    return STATUS_OK;
}

static enum status postgres_read(void *handle, const struct backend_query *query,
                                 struct arena *arena, struct event_page *ret,
                                 struct failure *reterr)
{
    struct search_words words;
    bool can_match = false;
    enum status asked = remote_query_read(query, &words, &can_match, reterr);
    if (asked != STATUS_OK) {
        return asked;
    }
    if (!can_match) {
        *ret = (struct event_page){.events = NULL};
        return STATUS_OK;
    }
    size_t limit = query->limit > backend_page_rows_max ? backend_page_rows_max : query->limit;
    limit = limit == 0 ? 1 : limit;
    struct statement statement;
    if (!statement_init(&statement, query_parameters_max)) {
        failure_set(reterr, "no memory to read events");
        return STATUS_NO_MEMORY;
    }
    char state[6];
    PGresult *result = NULL;
    enum status status = read_compose(&statement, query, &words, limit, reterr);
    if (status == STATUS_OK) {
        status = statement_run(handle, &statement, &result, state, reterr);
    }
    if (status == STATUS_OK) {
        status = read_page(result, limit, arena, ret, reterr);
    }
    PQclear(result);
    statement_clear(&statement);
    return status;
}

/* ---- erasing ---- */

static enum status erase_run(struct postgres_connection *connection, struct statement *statement,
                             uint64_t *ret_count, struct failure *reterr)
{
    char state[6];
    PGresult *result = NULL;
    enum status status = statement_run(connection, statement, &result, state, reterr);
    if (status == STATUS_OK) {
        *ret_count = affected_rows(result);
    }
    PQclear(result);
    return status;
}

/* In steps, so that an owner of millions of rows does not run into the timeout of a statement. */
static enum status postgres_erase(void *handle, const struct backend_query *query,
                                  uint64_t *ret_erased, struct failure *reterr)
{
    if (query->id.data != NULL && !event_id_is_canonical(query->id)) {
        *ret_erased = 0;
        return STATUS_OK;
    }
    struct statement statement;
    if (!statement_init(&statement, query_parameters_max)) {
        failure_set(reterr, "no memory to erase events");
        return STATUS_NO_MEMORY;
    }
    buffer_append_string(
        &statement.sql,
        "DELETE FROM attach_memory_events WHERE id IN (SELECT id FROM attach_memory_events WHERE ");
    enum status status = append_owner(&statement, query, reterr);
    append_parameter(&statement, " LIMIT ",
                     postgres_parameters_add_number(&statement.parameters, erase_step_rows), ")");
    uint64_t total = 0;
    uint64_t count = erase_step_rows;
    while (status == STATUS_OK && count == erase_step_rows) {
        status = erase_run(handle, &statement, &count, reterr);
        total += status == STATUS_OK ? count : 0;
    }
    statement_clear(&statement);
    if (status == STATUS_OK) {
        *ret_erased = total;
    }
    return status;
}

static enum status postgres_expire(void *handle, int64_t before_us, size_t limit,
                                   uint64_t *ret_erased, struct failure *reterr)
{
    struct statement statement;
    if (!statement_init(&statement, query_parameters_max)) {
        failure_set(reterr, "no memory to expire events");
        return STATUS_NO_MEMORY;
    }
    append_parameter(&statement,
                     "DELETE FROM attach_memory_events WHERE id IN (SELECT id FROM"
                     " attach_memory_events WHERE timestamp_us < ",
                     postgres_parameters_add_number(&statement.parameters, before_us),
                     " ORDER BY timestamp_us");
    /* Other gateways expire the same table: each takes rows that no other has in hand. */
    append_parameter(&statement, " LIMIT ",
                     postgres_parameters_add_number(&statement.parameters, (int64_t)limit),
                     " FOR UPDATE SKIP LOCKED)");
    enum status status = erase_run(handle, &statement, ret_erased, reterr);
    statement_clear(&statement);
    return status;
}

/* ---- the handle ---- */

static enum status postgres_open(const struct backend_settings *settings, void **ret_handle,
                                 struct failure *reterr)
{
    struct postgres_connection *connection = calloc(1, sizeof(*connection));
    if (connection == NULL) {
        failure_set(reterr, "no memory to open PostgreSQL");
        return STATUS_NO_MEMORY;
    }
    enum status status =
        postgres_connection_init(connection, settings->url, settings->timeout_ms, reterr);
    if (status != STATUS_OK) {
        free(connection);
        return status;
    }
    *ret_handle = connection;
    return STATUS_OK;
}

static void postgres_close(void *handle)
{
    if (handle != NULL) {
        postgres_connection_clear(handle);
        free(handle);
    }
}

const struct backend backend_postgres = {
    .name = "postgres",
    .is_embedded = false,
    .open = postgres_open,
    .write = postgres_write,
    .read = postgres_read,
    .erase = postgres_erase,
    .expire = postgres_expire,
    .close = postgres_close,
};

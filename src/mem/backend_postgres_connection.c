/* SPDX-License-Identifier: MIT
 *
 * backend_postgres_connection.c - libpq's non-blocking half with a deadline around it.
 *
 * The blocking half cannot be trusted with a thread: a server that is stopped keeps its side of the
 * TCP connection alive for ever, and neither connect_timeout nor statement_timeout ends that. */
#include "mem/backend_postgres_connection.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "mem/backend_postgres_text.h"

#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    oid_bool = 16,
    oid_int8 = 20,
    oid_text = 25,
    oid_uuid = 2950,
    parameters_bytes_max = 1024 * 1024 * 1024, /* of the values made here */
};

/* ---- parameters ---- */

bool postgres_parameters_init(struct postgres_parameters *parameters, size_t capacity)
{
    *parameters = (struct postgres_parameters){.capacity = capacity};
    arena_init(&parameters->arena, parameters_bytes_max);
    parameters->types = calloc(capacity, sizeof(*parameters->types));
    parameters->values = calloc(capacity, sizeof(*parameters->values));
    parameters->lengths = calloc(capacity, sizeof(*parameters->lengths));
    parameters->formats = calloc(capacity, sizeof(*parameters->formats));
    if (parameters->types == NULL || parameters->values == NULL || parameters->lengths == NULL ||
        parameters->formats == NULL) {
        postgres_parameters_clear(parameters);
        return false;
    }
    return true;
}

void postgres_parameters_clear(struct postgres_parameters *parameters)
{
    arena_clear(&parameters->arena);
    free(parameters->types);
    free(parameters->values);
    free(parameters->lengths);
    free(parameters->formats);
    *parameters = (struct postgres_parameters){.count = 0};
}

static size_t parameters_add(struct postgres_parameters *parameters, Oid type, struct slice value)
{
    if (parameters->count == parameters->capacity || value.length > INT_MAX) {
        parameters->failed = true;
        return 1;
    }
    size_t at = parameters->count++;
    parameters->types[at] = type;
    parameters->values[at] = value.data;
    parameters->lengths[at] = (int)value.length;
    parameters->formats[at] = 1;
    return at + 1;
}

/* As parameters_add, with a copy of the value. */
static size_t parameters_add_copy(struct postgres_parameters *parameters, Oid type,
                                  struct slice value)
{
    char *copy = arena_allocate(&parameters->arena, value.length);
    if (copy == NULL) {
        parameters->failed = true;
        return 1;
    }
    memcpy(copy, value.data, value.length);
    return parameters_add(parameters, type, slice_make(copy, value.length));
}

size_t postgres_parameters_add_text(struct postgres_parameters *parameters, struct slice text)
{
    struct slice encoded = {NULL, 0};
    if (text.data != NULL && !postgres_text_encode(text, &parameters->arena, &encoded)) {
        parameters->failed = true;
    }
    return parameters_add(parameters, oid_text, encoded);
}

size_t postgres_parameters_add_number(struct postgres_parameters *parameters, int64_t number)
{
    uint64_t bytes = htobe64((uint64_t)number);
    return parameters_add_copy(parameters, oid_int8, slice_make((const char *)&bytes, 8));
}

size_t postgres_parameters_add_null_number(struct postgres_parameters *parameters)
{
    return parameters_add(parameters, oid_int8, slice_make(NULL, 0));
}

size_t postgres_parameters_add_flag(struct postgres_parameters *parameters, bool flag)
{
    return parameters_add(parameters, oid_bool, slice_make(flag ? "\1" : "\0", 1));
}

static unsigned digit_of(char character)
{
    return (unsigned)(character <= '9' ? character - '0' : character - 'a' + 10);
}

size_t postgres_parameters_add_uuid(struct postgres_parameters *parameters, const char *id)
{
    char bytes[16];
    size_t at = 0;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        at += id[at] == '-';
        bytes[i] = (char)(digit_of(id[at]) << 4 | digit_of(id[at + 1]));
        at += 2;
    }
    return parameters_add_copy(parameters, oid_uuid, slice_make(bytes, sizeof(bytes)));
}

int64_t postgres_result_number(const PGresult *result, int row, int column, int64_t unknown)
{
    if (PQgetisnull(result, row, column) || PQgetlength(result, row, column) != 8) {
        return unknown;
    }
    uint64_t bytes;
    memcpy(&bytes, PQgetvalue(result, row, column), sizeof(bytes));
    return (int64_t)be64toh(bytes);
}

/* ---- failures ---- */

static void connection_drop(struct postgres_connection *connection)
{
    PQfinish(connection->connection);
    connection->connection = NULL;
    connection->is_prepared = false;
}

/* The first line of libpq's sentence, which names host, user and reason; never the password. */
static void failure_of_connection(struct postgres_connection *connection, const char *what,
                                  struct failure *reterr)
{
    const char *text = PQerrorMessage(connection->connection);
    const char *password = PQpass(connection->connection);
    if (text == NULL || (password != NULL && password[0] != '\0' && strstr(text, password))) {
        text = "";
    }
    size_t length = strcspn(text, "\n");
    failure_set(reterr, "PostgreSQL: %s: %.*s", what, (int)(length > 180 ? 180 : length), text);
}

static bool state_is_of(const char *state, const char *class)
{
    return strncmp(state, class, strlen(class)) == 0;
}

/* Class 22 and 23 are about the data, 54 about its size; their sentences may quote it. */
static enum status status_of_result(const PGresult *result, char ret_state[6],
                                    struct failure *reterr)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    state = state == NULL ? "" : state;
    snprintf(ret_state, 6, "%s", state);
    if (state_is_of(state, "22") || state_is_of(state, "23") || state_is_of(state, "54")) {
        failure_set(reterr, "PostgreSQL does not take the data (SQLSTATE %s)", state);
        return STATUS_INVALID;
    }
    if (state_is_of(state, "57014")) {
        failure_set(reterr, "PostgreSQL: the statement took too long");
        return STATUS_TIMEOUT;
    }
    failure_set(reterr, "PostgreSQL: %.160s (SQLSTATE %s)", text == NULL ? "" : text, state);
    return STATUS_IO;
}

/* ---- waiting ---- */

static bool wait_for(PGconn *connection, short events, uint64_t deadline_ms)
{
    for (;;) {
        uint64_t now_ms = clock_monotonic_ms();
        if (now_ms >= deadline_ms) {
            return false;
        }
        uint64_t left_ms = deadline_ms - now_ms;
        struct pollfd watch = {.fd = PQsocket(connection), .events = events};
        int count = poll(&watch, 1, left_ms > INT_MAX ? INT_MAX : (int)left_ms);
        if (count > 0) {
            return true;
        }
        if (count < 0 && errno != EINTR) {
            return false;
        }
    }
}

static void notice_ignored(void *context, const PGresult *result)
{
}

static enum status connection_open(struct postgres_connection *connection, struct failure *reterr)
{
    char timeout[24];
    snprintf(timeout, sizeof(timeout), "%llu", (unsigned long long)connection->timeout_ms);
    static const char *const names[] = {"dbname", "client_encoding", "tcp_user_timeout",
                                        "fallback_application_name", NULL};
    const char *values[] = {connection->url, "UTF8", timeout, "attach-gateway", NULL};
    connection->connection = PQconnectStartParams(names, values, 1);
    if (connection->connection == NULL) {
        failure_set(reterr, "no memory to connect to PostgreSQL");
        return STATUS_NO_MEMORY;
    }
    PQsetNoticeReceiver(connection->connection, notice_ignored, NULL);
    uint64_t deadline_ms = clock_monotonic_ms() + connection->timeout_ms;
    PostgresPollingStatusType state = PGRES_POLLING_WRITING;
    while (state != PGRES_POLLING_OK && PQstatus(connection->connection) != CONNECTION_BAD) {
        short events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT;
        if (!wait_for(connection->connection, events, deadline_ms)) {
            failure_set(reterr, "PostgreSQL: connecting took too long");
            connection_drop(connection);
            return STATUS_TIMEOUT;
        }
        state = PQconnectPoll(connection->connection);
        if (state == PGRES_POLLING_FAILED) {
            break;
        }
    }
    if (PQstatus(connection->connection) != CONNECTION_OK ||
        PQsetnonblocking(connection->connection, 1) != 0) {
        failure_of_connection(connection, "cannot connect", reterr);
        connection_drop(connection);
        return STATUS_IO;
    }
    return STATUS_OK;
}

/* Writes what is to be written and reads until a result can be taken without waiting. */
static enum status connection_exchange(struct postgres_connection *connection, uint64_t deadline_ms,
                                       struct failure *reterr)
{
    PGconn *link = connection->connection;
    for (;;) {
        int unsent = PQflush(link);
        if (unsent < 0 || PQconsumeInput(link) != 1) {
            failure_of_connection(connection, "the connection broke", reterr);
            return STATUS_CLOSED;
        }
        if (unsent == 0 && !PQisBusy(link)) {
            return STATUS_OK;
        }
        if (!wait_for(link, unsent > 0 ? POLLIN | POLLOUT : POLLIN, deadline_ms)) {
            failure_set(reterr, "PostgreSQL: no answer in time");
            return STATUS_TIMEOUT;
        }
    }
}

/* The last result of the statement; of several only the first that failed counts. */
static enum status connection_collect(struct postgres_connection *connection, PGresult **ret_result,
                                      char ret_state[6], struct failure *reterr)
{
    uint64_t deadline_ms = clock_monotonic_ms() + connection->timeout_ms;
    PGresult *last = NULL;
    enum status status = STATUS_OK;
    for (;;) {
        enum status waited = connection_exchange(connection, deadline_ms, reterr);
        PGresult *result = waited == STATUS_OK ? PQgetResult(connection->connection) : NULL;
        if (waited != STATUS_OK) {
            PQclear(last);
            connection_drop(connection);
            return waited;
        }
        if (result == NULL) {
            break;
        }
        ExecStatusType kind = PQresultStatus(result);
        if (status == STATUS_OK && kind != PGRES_COMMAND_OK && kind != PGRES_TUPLES_OK) {
            status = status_of_result(result, ret_state, reterr);
        }
        PQclear(last);
        last = result;
    }
    if (PQstatus(connection->connection) != CONNECTION_OK) {
        connection_drop(connection);
        status = status == STATUS_OK || status == STATUS_IO ? STATUS_CLOSED : status;
    }
    if (status != STATUS_OK || ret_result == NULL) {
        PQclear(last);
        return status;
    }
    *ret_result = last;
    return STATUS_OK;
}

enum status postgres_connection_run(struct postgres_connection *connection, const char *sql,
                                    const struct postgres_parameters *parameters,
                                    PGresult **ret_result, char ret_state[6],
                                    struct failure *reterr)
{
    ret_state[0] = '\0';
    if (parameters != NULL && parameters->failed) {
        failure_set(reterr, "no memory for a statement, or a text of over 2 GiB");
        return STATUS_NO_MEMORY;
    }
    int count = parameters == NULL ? 0 : (int)parameters->count;
    int sent =
        count == 0
            ? PQsendQueryParams(connection->connection, sql, 0, NULL, NULL, NULL, NULL, 1)
            : PQsendQueryParams(connection->connection, sql, count, parameters->types,
                                parameters->values, parameters->lengths, parameters->formats, 1);
    if (sent != 1) {
        failure_of_connection(connection, "cannot send", reterr);
        connection_drop(connection);
        return STATUS_CLOSED;
    }
    enum status status = connection_collect(connection, ret_result, ret_state, reterr);
    if (status == STATUS_OK) {
        connection->is_fresh = false;
    }
    return status;
}

/* ---- the connection ---- */

/* False when a password with a bare @ or / has been read as host, port or database: the server or
 * libpq would name those in failures. */
static bool options_are_sound(const PQconninfoOption *options)
{
    for (const PQconninfoOption *option = options; option->keyword != NULL; option++) {
        const char *value = option->val;
        if (value == NULL || value[0] == '\0') {
            continue;
        }
        bool is_host = strcmp(option->keyword, "host") == 0; /* @name is a socket without a file */
        if ((is_host || strcmp(option->keyword, "dbname") == 0) &&
            strchr(value + (is_host ? 1 : 0), '@') != NULL) {
            return false;
        }
        if (strcmp(option->keyword, "port") == 0 && strspn(value, "0123456789,") != strlen(value)) {
            return false;
        }
    }
    return true;
}

enum status postgres_connection_init(struct postgres_connection *connection, struct slice url,
                                     uint64_t timeout_ms, struct failure *reterr)
{
    char *copy = memchr(url.data, '\0', url.length) != NULL ? NULL : strndup(url.data, url.length);
    char *complaint = NULL; /* it quotes the URL, and so the password */
    PQconninfoOption *options = copy == NULL ? NULL : PQconninfoParse(copy, &complaint);
    PQfreemem(complaint);
    if (options == NULL || url.length == 0 || !options_are_sound(options)) {
        PQconninfoFree(options);
        free(copy);
        failure_set(reterr, "POSTGRES_URL is no connection string: write "
                            "postgresql://user:password@host:5432/database, and %%40 and %%2F for "
                            "@ and / in the password");
        return STATUS_INVALID;
    }
    PQconninfoFree(options);
    *connection = (struct postgres_connection){.url = copy, .timeout_ms = timeout_ms};
    return STATUS_OK;
}

void postgres_connection_clear(struct postgres_connection *connection)
{
    connection_drop(connection);
    free(connection->url);
    connection->url = NULL;
}

enum status postgres_connection_ensure(struct postgres_connection *connection,
                                       postgres_prepare *prepare, struct failure *reterr)
{
    if (connection->connection != NULL && PQstatus(connection->connection) != CONNECTION_OK) {
        connection_drop(connection);
    }
    if (connection->connection == NULL) {
        enum status status = connection_open(connection, reterr);
        if (status != STATUS_OK) {
            return status;
        }
    }
    if (connection->is_prepared) {
        return STATUS_OK;
    }
    enum status status = prepare(connection, reterr);
    connection->is_prepared = status == STATUS_OK;
    connection->is_fresh = true;
    if (status != STATUS_OK) {
        connection_drop(connection); /* it may be inside a transaction */
    }
    return status == STATUS_CLOSED ? STATUS_IO : status;
}

/* SPDX-License-Identifier: MIT
 *
 * backend_postgres_connection.h - one connection to PostgreSQL that comes back when it breaks, and
 * statements that end by their deadline, whatever the server does.
 *
 * Values are always parameters, in binary form. No failure ever holds a password, a parameter or a
 * row. The thread of the handle, only. */
#ifndef AG_MEM_BACKEND_POSTGRES_CONNECTION_H
#define AG_MEM_BACKEND_POSTGRES_CONNECTION_H

#include "base/arena.h"

#include <libpq-fe.h>

enum { postgres_parameters_max = 32767 }; /* half of what the protocol can count */

struct postgres_connection {
    char *url;
    uint64_t timeout_ms;
    PGconn *connection; /* NULL: none */
    bool is_prepared;   /* the session's settings and the table are there */
    bool is_fresh;      /* no statement has ended well on it yet */
};

struct postgres_parameters {
    struct arena arena; /* of the values that are not the caller's own bytes */
    size_t count;
    size_t capacity;
    Oid *types;
    const char **values;
    int *lengths;
    int *formats;
    bool failed; /* sticky: no memory, or a text too long for the protocol */
};

/* STATUS_INVALID: <url> is no connection string. Does not connect. */
enum status postgres_connection_init(struct postgres_connection *connection, struct slice url,
                                     uint64_t timeout_ms, struct failure *reterr) MUST_CHECK;
void postgres_connection_clear(struct postgres_connection *connection);

/* Connects when there is no sound connection; <prepare> is called once on every new one. */
typedef enum status postgres_prepare(struct postgres_connection *connection,
                                     struct failure *reterr);
enum status postgres_connection_ensure(struct postgres_connection *connection,
                                       postgres_prepare *prepare,
                                       struct failure *reterr) MUST_CHECK;

/* <ret_result> may be NULL; else PQclear it. <parameters> may be NULL. A connection that broke, or
 * whose statement did not end in time, is closed. <ret_state> (6 bytes) gets the SQLSTATE or "". */
enum status postgres_connection_run(struct postgres_connection *connection, const char *sql,
                                    const struct postgres_parameters *parameters,
                                    PGresult **ret_result, char ret_state[6],
                                    struct failure *reterr) MUST_CHECK;

/* <capacity> parameters at most. */
bool postgres_parameters_init(struct postgres_parameters *parameters, size_t capacity) MUST_CHECK;
void postgres_parameters_clear(struct postgres_parameters *parameters);
/* Each returns the number of the parameter: $1 and so on. Texts are borrowed; absent is NULL. */
size_t postgres_parameters_add_text(struct postgres_parameters *parameters, struct slice text);
size_t postgres_parameters_add_number(struct postgres_parameters *parameters, int64_t number);
size_t postgres_parameters_add_flag(struct postgres_parameters *parameters, bool flag);
size_t postgres_parameters_add_null_number(struct postgres_parameters *parameters);
/* 36 characters, checked by the caller. */
size_t postgres_parameters_add_uuid(struct postgres_parameters *parameters, const char *id);

int64_t postgres_result_number(const PGresult *result, int row, int column, int64_t unknown);

#endif

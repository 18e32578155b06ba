/* SPDX-License-Identifier: MIT
 *
 * database.c - opens SQLite the way the store needs it, and keeps the statements.
 *
 * SQLite before 3.51.3 can corrupt a file when two connections of which one resets the log write
 * and checkpoint at the same time. Here only the writer does either: readers are opened read-only,
 * never checkpoint, not even as the last one that closes. The thread that opened it, only. */
#include "store/database.h"

#include "base/pace.h"
#include "store/paced_file.h"
#include "store/schema.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    pace_instructions = 64, /* of SQLite's machine: some microseconds */
    writer_busy_ms = 5000,  /* another process recovers the log, nothing else */
    reader_busy_ms = 2000,
};

struct statement {
    sqlite3_stmt *statement;
    uint64_t used_at; /* of <uses> */
};

struct database {
    sqlite3 *handle;
    size_t log_pages;
    uint64_t uses;
    size_t statements_count;
    /* Their texts stand apart, so that the search reads few cache lines. */
    const char *texts[database_statements_max];
    struct statement statements[database_statements_max];
};

static const char writer_settings[] =
    "PRAGMA journal_mode=WAL;"
    "PRAGMA synchronous=FULL;"     /* an fsync of the log in each commit */
    "PRAGMA wal_autocheckpoint=0;" /* the writer does it between groups */
    "PRAGMA journal_size_limit=67108864;"
    "PRAGMA cache_size=-16384;"
    "PRAGMA secure_delete=FAST;"
    "PRAGMA temp_store=MEMORY;" /* no prompt in a file outside the directory */
    "PRAGMA foreign_keys=ON;"
    "PRAGMA trusted_schema=OFF;";

static const char reader_settings[] = "PRAGMA query_only=ON;"
                                      "PRAGMA wal_autocheckpoint=0;"
                                      "PRAGMA cache_size=-8192;"
                                      "PRAGMA temp_store=MEMORY;"
                                      "PRAGMA foreign_keys=ON;"
                                      "PRAGMA trusted_schema=OFF;";

static void library_configure(void)
{
    /* Refused when somebody initialised SQLite before; then the defaults hold, which work too. */
    (void)sqlite3_config(SQLITE_CONFIG_URI, 0);       /* a path is a path, also "file:x" */
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); /* its lock is shared by all threads */
}

static enum status failed(struct failure *reterr, const char *what, const char *path)
{
    int error = errno;
    failure_set(reterr, "cannot %s %s: %s", what, path, strerror(error));
    return error == ENOSPC || error == EDQUOT ? STATUS_LIMIT : STATUS_IO;
}

/* SQLite would make it with the umask's mode, and leave the directory's entry unsynced. */
static enum status file_make(const char *path, struct failure *reterr)
{
    int descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (descriptor < 0) {
        return errno == EEXIST ? STATUS_OK : failed(reterr, "make the database", path);
    }
    close(descriptor);
    const char *slash = strrchr(path, '/');
    char directory[4096] = ".";
    if (slash != NULL && (size_t)(slash - path) + 1 < sizeof(directory)) {
        memcpy(directory, path, (size_t)(slash - path) + 1);
        directory[slash - path + 1] = '\0';
    }
    descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool is_synced = descriptor >= 0 && fsync(descriptor) == 0;
    enum status status =
        is_synced ? STATUS_OK : failed(reterr, "sync the directory of the database", directory);
    if (descriptor >= 0) {
        close(descriptor);
    }
    return status;
}

static int log_grown(void *context, sqlite3 *handle, const char *name, int pages)
{
    struct database *database = context;
    database->log_pages = pages > 0 ? (size_t)pages : 0;
    return SQLITE_OK;
}

static int pace_step(void *context)
{
    pace_point();
    return 0; /* go on */
}

static enum status execute(struct database *database, const char *sql, struct failure *reterr)
{
    return sqlite3_exec(database->handle, sql, NULL, NULL, NULL) == SQLITE_OK
               ? STATUS_OK
               : database_status(database, reterr);
}

static bool uses_log(struct database *database)
{
    sqlite3_stmt *statement = database_statement(database, "PRAGMA journal_mode");
    bool is_log = statement != NULL && sqlite3_step(statement) == SQLITE_ROW &&
                  slice_equals(database_column_text(statement, 0), SLICE("wal"));
    database_settle(database);
    return is_log;
}

static enum status configure(struct database *database, enum database_mode mode,
                             struct failure *reterr)
{
    bool is_writer = mode == DATABASE_WRITER;
    sqlite3 *handle = database->handle;
    sqlite3_extended_result_codes(handle, 1);
    sqlite3_busy_timeout(handle, is_writer ? writer_busy_ms : reader_busy_ms);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, is_writer ? 0 : 1, NULL);
    enum status status = execute(database, is_writer ? writer_settings : reader_settings, reterr);
    if (status != STATUS_OK) {
        return status;
    }
    if (is_writer && !uses_log(database)) {
        failure_set(reterr, "the file system of the database cannot share memory between "
                            "processes, which SQLite's write-ahead log needs");
        return STATUS_IO;
    }
    if (is_writer) {
        sqlite3_wal_hook(handle, log_grown, database);
        sqlite3_progress_handler(handle, pace_instructions, pace_step, NULL);
        return schema_migrate(database, schema_migrations, schema_migrations_count, reterr);
    }
    return schema_check(database, schema_migrations, schema_migrations_count, reterr);
}

enum status database_open(const char *path, enum database_mode mode, struct database **ret,
                          struct failure *reterr)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, library_configure);
    if (mode == DATABASE_WRITER) {
        enum status status = file_make(path, reterr);
        if (status != STATUS_OK) {
            return status;
        }
    }
    struct database *database = calloc(1, sizeof(*database));
    if (database == NULL) {
        failure_set(reterr, "no memory for a database connection");
        return STATUS_NO_MEMORY;
    }
    int flags = SQLITE_OPEN_NOMUTEX |
                (mode == DATABASE_WRITER ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY);
    enum status status;
    if (sqlite3_open_v2(path, &database->handle, flags, paced_file_vfs()) != SQLITE_OK) {
        status = database_status(database, reterr);
    } else {
        status = configure(database, mode, reterr);
    }
    if (status != STATUS_OK) {
        database_close(database);
        return status;
    }
    *ret = database;
    return STATUS_OK;
}

void database_close(struct database *database)
{
    if (database == NULL) {
        return;
    }
    for (size_t i = 0; i < database->statements_count; i++) {
        sqlite3_finalize(database->statements[i].statement);
    }
    sqlite3_close_v2(database->handle);
    free(database);
}

sqlite3 *database_handle(struct database *database)
{
    return database->handle;
}

/* Where the next statement goes: a free place, else that of the one used longest ago. */
static size_t statement_place(struct database *database)
{
    if (database->statements_count < database_statements_max) {
        return database->statements_count++;
    }
    size_t oldest = 0;
    for (size_t i = 1; i < database_statements_max; i++) {
        if (database->statements[i].used_at < database->statements[oldest].used_at) {
            oldest = i;
        }
    }
    sqlite3_finalize(database->statements[oldest].statement);
    return oldest;
}

sqlite3_stmt *database_statement(struct database *database, const char *sql)
{
    sqlite3_stmt *made = NULL;
    database->uses++;
    for (size_t i = 0; i < database->statements_count; i++) {
        if (database->texts[i] == sql) {
            struct statement *found = &database->statements[i];
            found->used_at = database->uses;
            sqlite3_reset(found->statement);
            sqlite3_clear_bindings(found->statement);
            return found->statement;
        }
    }
    if (sqlite3_prepare_v3(database->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &made, NULL) !=
        SQLITE_OK) {
        return NULL;
    }
    size_t place = statement_place(database);
    database->texts[place] = sql;
    database->statements[place] = (struct statement){.statement = made, .used_at = database->uses};
    return made;
}

static bool is_out_of_room(int code, int system_error)
{
    int primary = code & 0xff;
    return primary == SQLITE_FULL || ((primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN) &&
                                      (system_error == ENOSPC || system_error == EDQUOT));
}

enum status database_status(struct database *database, struct failure *reterr)
{
    if (database->handle == NULL) {
        failure_set(reterr, "no memory for a database connection");
        return STATUS_NO_MEMORY;
    }
    int code = sqlite3_extended_errcode(database->handle);
    int system_error = sqlite3_system_errno(database->handle);
    bool has_cause = (code & 0xff) == SQLITE_IOERR || (code & 0xff) == SQLITE_CANTOPEN;
    failure_set(reterr, "the database says: %s%s%s (%d)", sqlite3_errmsg(database->handle),
                has_cause && system_error != 0 ? ": " : "",
                has_cause && system_error != 0 ? strerror(system_error) : "", code);
    if (is_out_of_room(code, system_error)) {
        return STATUS_LIMIT;
    }
    switch (code & 0xff) {
    case SQLITE_NOMEM:
        return STATUS_NO_MEMORY;
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_TOOBIG:
        return STATUS_INVALID;
    default:
        return STATUS_IO;
    }
}

bool database_is_refused(struct database *database)
{
    switch (sqlite3_errcode(database->handle) & 0xff) {
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_NOMEM:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_BUSY:
    case SQLITE_PROTOCOL:
    case SQLITE_NOTADB:
        return true;
    default:
        return false;
    }
}

bool database_is_corrupt(struct database *database)
{
    return (sqlite3_errcode(database->handle) & 0xff) == SQLITE_CORRUPT;
}

enum status database_run(struct database *database, sqlite3_stmt *statement, struct failure *reterr)
{
    if (statement == NULL) {
        return database_status(database, reterr);
    }
    int code = sqlite3_step(statement);
    if (code == SQLITE_DONE) {
        sqlite3_reset(statement);
        return STATUS_OK;
    }
    if (code == SQLITE_ROW) {
        sqlite3_reset(statement);
        failure_set(reterr, "a statement gave a row where none was expected");
        return STATUS_INVALID;
    }
    enum status status = database_status(database, reterr);
    sqlite3_reset(statement); /* gives the same error again */
    return status;
}

enum status database_execute(struct database *database, const char *sql, struct failure *reterr)
{
    return database_run(database, database_statement(database, sql), reterr);
}

bool database_is_moved(struct database *database)
{
    int is_moved = 0;
    return sqlite3_file_control(database->handle, "main", SQLITE_FCNTL_HAS_MOVED, &is_moved) ==
               SQLITE_OK &&
           is_moved != 0;
}

void database_settle(struct database *database)
{
    for (size_t i = 0; i < database->statements_count; i++) {
        if (sqlite3_stmt_busy(database->statements[i].statement)) {
            sqlite3_reset(database->statements[i].statement);
        }
    }
}

size_t database_log_pages(const struct database *database)
{
    return database->log_pages;
}

enum status database_checkpoint(struct database *database, bool truncates, int wait_ms,
                                struct failure *reterr)
{
    int mode = truncates ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
    int pages = 0;
    int pages_done = 0;
    sqlite3_busy_timeout(database->handle, wait_ms);
    int code = sqlite3_wal_checkpoint_v2(database->handle, "main", mode, &pages, &pages_done);
    enum status status = STATUS_OK;
    if (code == SQLITE_BUSY || (code == SQLITE_OK && pages_done < pages)) {
        failure_set(reterr, "a reader keeps the log of the database from being emptied");
        status = STATUS_AGAIN;
    } else if (code != SQLITE_OK) {
        status = database_status(database, reterr);
    } else if (truncates) {
        database->log_pages = 0;
    }
    sqlite3_busy_timeout(database->handle, writer_busy_ms);
    return status;
}

void database_bind_text(sqlite3_stmt *statement, int index, struct slice text)
{
    if (text.data == NULL) {
        sqlite3_bind_null(statement, index);
        return;
    }
    sqlite3_bind_text64(statement, index, text.data, text.length, SQLITE_STATIC, SQLITE_UTF8);
}

void database_bind_blob(sqlite3_stmt *statement, int index, struct slice bytes)
{
    if (bytes.data == NULL) {
        sqlite3_bind_null(statement, index);
        return;
    }
    sqlite3_bind_blob64(statement, index, bytes.data, bytes.length, SQLITE_STATIC);
}

struct slice database_column_text(sqlite3_stmt *statement, int column)
{
    /* The text first: it may convert, and the count is of the converted text. */
    const char *data = sqlite3_column_blob(statement, column);
    int length = sqlite3_column_bytes(statement, column);
    if (data == NULL && sqlite3_column_type(statement, column) != SQLITE_NULL) {
        data = ""; /* SQLite gives NULL for a blob or text of no bytes */
    }
    return slice_make(data, length > 0 ? (size_t)length : 0);
}

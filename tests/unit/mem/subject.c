/* SPDX-License-Identifier: MIT
 *
 * subject.c - the backends that backend_contract_test.c runs against. */
#include "subject.h"

#include "store/database.h"

#include <stdlib.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { timeout_ms = 60000 };

static void subject_open(struct subject *subject, struct backend_settings settings)
{
    struct failure failure = {.text = ""};
    settings.timeout_ms = timeout_ms;
    enum status status = subject->backend->open(&settings, &subject->handle, &failure);
    if (status != STATUS_OK) {
        print_error("%s: %s\n", subject->name, failure.text);
    }
    assert_int_equal(status, STATUS_OK);
}

void subject_start_none(struct subject *subject)
{
    subject_open(subject, (struct backend_settings){.timeout_ms = timeout_ms});
}

void subject_start_sqlite(struct subject *subject)
{
    snprintf(subject->directory, sizeof(subject->directory), "/tmp/attach-contract-XXXXXX");
    assert_non_null(mkdtemp(subject->directory));
    char path[128];
    snprintf(path, sizeof(path), "%s/store.db", subject->directory);
    assert_int_equal(database_open(path, DATABASE_WRITER, &subject->database, NULL), STATUS_OK);
    subject_open(subject, (struct backend_settings){.database = subject->database});
}

void subject_start_postgres(struct subject *subject)
{
    char url[256];
    peer_start(&subject->peer, "postgres.py", NULL);
    subject->has_peer = true;
    peer_expect(&subject->peer, "url", url, sizeof(url));
    subject_open(subject, (struct backend_settings){.url = slice_from_string(url)});
}

void subject_start_weaviate(struct subject *subject)
{
    /* A small maximum, so that erasing takes more than one round. */
    static const char *const arguments[] = {"--api-key", "key-1", "--maximum-results", "500", NULL};
    char port[16];
    char url[64];
    peer_start(&subject->peer, "weaviate/server.py", arguments);
    subject->has_peer = true;
    peer_expect(&subject->peer, "port", port, sizeof(port));
    snprintf(url, sizeof(url), "http://127.0.0.1:%s/", port);
    subject_open(subject, (struct backend_settings){.url = slice_from_string(url),
                                                    .api_key = SLICE("key-1")});
}

void subject_start_real_weaviate(struct subject *subject)
{
    subject->is_shared = true;
    subject_open(subject, (struct backend_settings){
                              .url = slice_from_string(getenv("WEAVIATE_URL")),
                              .api_key = slice_from_string(getenv("WEAVIATE_API_KEY"))});
}

void subject_stop(struct subject *subject)
{
    subject->backend->close(subject->handle);
    if (subject->database != NULL) {
        static const char *const names[] = {"store.db", "store.db-wal", "store.db-shm"};
        database_close(subject->database);
        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
            char path[128];
            snprintf(path, sizeof(path), "%s/%s", subject->directory, names[i]);
            (void)unlink(path);
        }
        assert_int_equal(rmdir(subject->directory), 0);
    }
    if (subject->has_peer) {
        peer_stop(&subject->peer);
    }
    arena_clear(&subject->arena);
}

void subject_transaction(struct subject *subject, const char *sql)
{
    if (subject->database != NULL) {
        sqlite3_stmt *statement = database_statement(subject->database, sql);
        assert_non_null(statement);
        assert_int_equal(database_run(subject->database, statement, NULL), STATUS_OK);
    }
}

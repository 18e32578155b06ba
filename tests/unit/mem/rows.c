/* SPDX-License-Identifier: MIT
 *
 * rows.c - a fresh database in a directory of its own, and events to put in, for tests. */
#include "rows.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { base_us = 1700000000 };

void rows_begin(struct rows *rows)
{
    char path[96];
    struct failure failure = {""};
    snprintf(rows->directory, sizeof(rows->directory), "/tmp/attach-memory-XXXXXX");
    assert_non_null(mkdtemp(rows->directory));
    snprintf(path, sizeof(path), "%s/test.db", rows->directory);
    if (database_open(path, DATABASE_WRITER, &rows->database, &failure) != STATUS_OK) {
        fail_msg("%s", failure.text);
    }
    /* what is tested here is not the disk */
    assert_int_equal(database_execute(rows->database, "PRAGMA synchronous=OFF", &failure),
                     STATUS_OK);
}

void rows_remove_directory(const char *directory)
{
    DIR *listing = opendir(directory);
    assert_non_null(listing);
    struct dirent *entry;
    while ((entry = readdir(listing)) != NULL) {
        char path[512];
        snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
        if (entry->d_name[0] != '.' || entry->d_name[1] != '\0') {
            (void)unlink(path);
        }
    }
    closedir(listing);
    (void)rmdir(directory);
}

void rows_end(struct rows *rows)
{
    database_close(rows->database);
    rows_remove_directory(rows->directory);
}

struct event rows_event(uint64_t number, const char *subject, const char *prompt)
{
    struct event event = {
        .timestamp_us = (int64_t)(base_us * UINT64_C(1000000) + number),
        .issuer = SLICE("https://issuer.test/"),
        .subject = slice_from_string(subject),
        .user = slice_from_string(subject),
        .event = SLICE("exchange"),
        .prompt = slice_from_string(prompt),
        .tokens_in = -1,
        .tokens_out = 7,
        .status = 200,
        .is_exchange = true,
        .complete = true,
    };
    snprintf(event.id, sizeof(event.id), "01900000-0000-7000-8000-%012llx",
             (unsigned long long)number);
    return event;
}

struct backend_query rows_query(const char *subject, size_t limit)
{
    return (struct backend_query){.issuer = SLICE("https://issuer.test/"),
                                  .subject = slice_from_string(subject),
                                  .limit = limit};
}

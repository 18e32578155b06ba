/* SPDX-License-Identifier: MIT
 *
 * rows.h - a fresh database in a directory of its own, and events to put in, for tests. */
#ifndef AG_TESTS_MEM_ROWS_H
#define AG_TESTS_MEM_ROWS_H

#include "mem/event_rows.h"

struct rows {
    char directory[64];
    struct database *database;
};

void rows_begin(struct rows *rows);
void rows_end(struct rows *rows);
/* Removes a directory and what is in it. */
void rows_remove_directory(const char *directory);

/* An exchange of <subject>; <number> makes its id and, in microseconds, its time. */
struct event rows_event(uint64_t number, const char *subject, const char *prompt);
struct backend_query rows_query(const char *subject, size_t limit);

#endif

/* SPDX-License-Identifier: MIT
 *
 * task_rows.h - the statements of task_store.c and how a row becomes a task; for the files of this
 * folder only. Thread: the store's. */
#ifndef AG_A2A_TASK_ROWS_H
#define AG_A2A_TASK_ROWS_H

#include "a2a/task.h"
#include "store/database.h"

extern const char task_sql_insert[];
extern const char task_sql_load[];
extern const char task_sql_by_message[];
extern const char task_sql_message_add[];
extern const char task_sql_event_add[];
extern const char task_sql_events_keep_payload[];
extern const char task_sql_event_next[];
extern const char task_sql_event_delete[];
extern const char task_sql_count_open[];
extern const char task_sql_count_all[];
extern const char task_sql_continue[];
extern const char task_sql_move[];
extern const char task_sql_list[];
extern const char task_sql_list_count[];
extern const char task_sql_open[];
extern const char task_sql_sweep[];
extern const char task_sql_give_up[];
extern const char task_sql_push_set[];
extern const char task_sql_pushes[];
extern const char task_sql_push_delete[];

/* All columns of <task>, for task_sql_insert. */
void task_row_bind(sqlite3_stmt *statement, const struct task *task);
/* The row that <statement> stands at; texts are copied into <arena>. False without memory. */
bool task_row_read(sqlite3_stmt *statement, struct arena *arena, struct task *ret) MUST_CHECK;
size_t task_row_bytes(sqlite3_stmt *statement);
bool task_push_row_read(sqlite3_stmt *statement, struct arena *arena,
                        struct task_push *ret) MUST_CHECK;

#endif

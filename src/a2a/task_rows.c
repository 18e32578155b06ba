/* SPDX-License-Identifier: MIT
 *
 * task_rows.c - the SQL of tasks, and rows to structs and back. The order of the columns is that of
 * TASK_COLUMNS everywhere. Thread: the store's. */
#include "a2a/task_rows.h"

#define TASK_COLUMNS_SMALL                                                                         \
    "id,issuer,subject,state,created_us,updated_us,ended_us,is_idempotent,context_id,message_id,"  \
    "user,session,request_id,traceparent,form,target_name,target_url,actors,hops,remote_id,"       \
    "remote_context_id,result_is_a2a,detail"
#define TASK_COLUMNS TASK_COLUMNS_SMALL ",input,history,result"

const char task_sql_insert[] =
    "INSERT INTO tasks(" TASK_COLUMNS ") VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,"
    "?16,?17,?18,?19,?20,?21,?22,?23,?24,?25,?26)";
const char task_sql_load[] = "SELECT " TASK_COLUMNS " FROM tasks WHERE id=?1";
const char task_sql_by_message[] =
    "SELECT " TASK_COLUMNS " FROM tasks WHERE id=(SELECT task_id FROM task_messages"
    " WHERE issuer=?1 AND subject=?2 AND message_id=?3)";
const char task_sql_message_add[] =
    "INSERT INTO task_messages(issuer,subject,message_id,task_id) VALUES(?1,?2,?3,?4)";
const char task_sql_event_add[] =
    "INSERT INTO task_events(id,task_id,at_us,is_result) VALUES(?1,?2,?3,?4)";
/* Before the input is another one. */
const char task_sql_events_keep_payload[] =
    "UPDATE task_events SET payload=(SELECT input FROM tasks WHERE id=?1)"
    " WHERE task_id=?1 AND is_result=0 AND payload IS NULL";
/* Ids rise with time. */
const char task_sql_event_next[] = "SELECT id,task_id,at_us,is_result,payload FROM task_events"
                                   " WHERE id>?1 AND at_us<?2 ORDER BY id LIMIT 1";
const char task_sql_event_delete[] = "DELETE FROM task_events WHERE id=?1";
const char task_sql_count_open[] =
    "SELECT count(*) FROM (SELECT 1 FROM tasks WHERE issuer=?1 AND subject=?2 AND ended_us=0"
    " LIMIT ?3)";
const char task_sql_count_all[] = "SELECT tasks FROM task_total";
const char task_sql_continue[] =
    "UPDATE tasks SET history=?2,input=?3,message_id=?4,state=?5,updated_us=?6,result=NULL,"
    "detail=NULL WHERE id=?1";
const char task_sql_move[] =
    "UPDATE tasks SET state=?2,result=?3,result_is_a2a=?4,detail=?5,remote_id=?6,"
    "remote_context_id=?7,updated_us=?8,ended_us=?9 WHERE id=?1";

#define LIST_WHERE                                                                                 \
    " FROM tasks WHERE issuer=?1 AND subject=?2 AND (?3 IS NULL OR context_id=?3)"                 \
    " AND (?4<0 OR state=?4) AND updated_us>=?5"
const char task_sql_list[] =
    "SELECT " TASK_COLUMNS_SMALL ",CASE WHEN ?10 THEN input END,CASE WHEN ?10 THEN history END,"
    "CASE WHEN ?9 OR result_is_a2a THEN result END" LIST_WHERE
    " AND (updated_us,id)<(?6,?7) ORDER BY updated_us DESC,id DESC LIMIT ?8";
const char task_sql_list_count[] = "SELECT count(*)" LIST_WHERE;

/* Without what may be large: whoever runs one loads it. */
const char task_sql_open[] =
    "SELECT " TASK_COLUMNS_SMALL ",NULL,NULL,NULL FROM tasks WHERE ended_us=0 AND id>?1 ORDER BY id"
    " LIMIT ?2";
const char task_sql_sweep[] =
    "DELETE FROM tasks WHERE id IN (SELECT id FROM tasks WHERE ended_us>0 AND ended_us<?1"
    " LIMIT ?2) AND ?3>0";
/* Waiting for the client: one, without what may be large. */
const char task_sql_give_up[] =
    "SELECT " TASK_COLUMNS_SMALL ",NULL,NULL,NULL FROM tasks WHERE ended_us=0 AND state IN (2,3)"
    " AND updated_us<?1 LIMIT 1";

const char task_sql_push_set[] =
    "INSERT INTO task_pushes(task_id,id,url,token,scheme,credentials,is_legacy)"
    " VALUES(?1,?2,?3,?4,?5,?6,?7) ON CONFLICT(task_id,id)"
    " DO UPDATE SET url=?3,token=?4,scheme=?5,credentials=?6,is_legacy=?7";
const char task_sql_pushes[] =
    "SELECT task_id,id,url,token,scheme,credentials,is_legacy FROM task_pushes WHERE task_id=?1"
    " AND (?2 IS NULL OR id=?2) ORDER BY id";
const char task_sql_push_delete[] = "DELETE FROM task_pushes WHERE task_id=?1 AND id=?2";

_Static_assert(TASK_INPUT_REQUIRED == 2 && TASK_AUTH_REQUIRED == 3,
               "task_sql_give_up names states by their numbers");

/* Empty is NULL, so that an index leaves it out. */
static void bind(sqlite3_stmt *statement, int index, struct slice text)
{
    database_bind_text(statement, index, text.length > 0 ? text : (struct slice){NULL, 0});
}

/* Empty, and not NULL: the owner's columns. */
static void bind_always(sqlite3_stmt *statement, int index, struct slice text)
{
    database_bind_text(statement, index, text.length > 0 ? text : SLICE(""));
}

void task_row_bind(sqlite3_stmt *statement, const struct task *task)
{
    bind(statement, 1, slice_make(task->id, task_id_length));
    bind_always(statement, 2, task->owner.issuer);
    bind_always(statement, 3, task->owner.subject);
    sqlite3_bind_int(statement, 4, (int)task->state);
    sqlite3_bind_int64(statement, 5, task->created_us);
    sqlite3_bind_int64(statement, 6, task->updated_us);
    sqlite3_bind_int64(statement, 7, task->ended_us);
    sqlite3_bind_int(statement, 8, task->is_idempotent);
    bind(statement, 9, task->context_id);
    bind(statement, 10, task->message_id);
    bind(statement, 11, task->owner.user);
    bind(statement, 12, task->session);
    bind(statement, 13, task->request_id);
    bind(statement, 14, task->traceparent);
    sqlite3_bind_int(statement, 15, (int)task->form);
    bind(statement, 16, task->target_name);
    bind(statement, 17, task->target_url);
    bind(statement, 18, task->actors);
    sqlite3_bind_int(statement, 19, (int)task->hops);
    bind(statement, 20, task->remote_id);
    bind(statement, 21, task->remote_context_id);
    sqlite3_bind_int(statement, 22, task->result_is_a2a);
    bind(statement, 23, task->detail);
    bind(statement, 24, task->input);
    bind(statement, 25, task->history);
    bind(statement, 26, task->result);
}

static bool column_copy(sqlite3_stmt *statement, int column, struct arena *arena, struct slice *ret)
{
    struct slice text = database_column_text(statement, column);
    if (text.length == 0) {
        *ret = (struct slice){NULL, 0};
        return true;
    }
    return arena_copy(arena, text, ret);
}

static void column_id(sqlite3_stmt *statement, int column, char ret_id[task_id_length + 1])
{
    struct slice text = database_column_text(statement, column);
    size_t length = text.length < task_id_length ? text.length : task_id_length;
    if (length > 0) {
        memcpy(ret_id, text.data, length);
    }
    ret_id[length] = '\0';
}

/* A number that a later version may have written is no state of ours: then the task has failed. */
static enum task_state column_state(sqlite3_stmt *statement, int column)
{
    int number = sqlite3_column_int(statement, column);
    return number < 0 || number >= TASK_STATE_COUNT ? TASK_FAILED : (enum task_state)number;
}

bool task_row_read(sqlite3_stmt *statement, struct arena *arena, struct task *ret)
{
    struct {
        int column;
        struct slice *text;
    } texts[] = {
        {1, &ret->owner.issuer},       {2, &ret->owner.subject}, {8, &ret->context_id},
        {9, &ret->message_id},         {10, &ret->owner.user},   {11, &ret->session},
        {12, &ret->request_id},        {13, &ret->traceparent},  {15, &ret->target_name},
        {16, &ret->target_url},        {17, &ret->actors},       {19, &ret->remote_id},
        {20, &ret->remote_context_id}, {22, &ret->detail},       {23, &ret->input},
        {24, &ret->history},           {25, &ret->result},
    };
    column_id(statement, 0, ret->id);
    ret->state = column_state(statement, 3);
    ret->created_us = sqlite3_column_int64(statement, 4);
    ret->updated_us = sqlite3_column_int64(statement, 5);
    ret->ended_us = sqlite3_column_int64(statement, 6);
    ret->is_idempotent = sqlite3_column_int(statement, 7) != 0;
    ret->form = sqlite3_column_int(statement, 14) == TASK_MESSAGE ? TASK_MESSAGE : TASK_CHAT;
    ret->hops = (unsigned)sqlite3_column_int(statement, 18);
    ret->result_is_a2a = sqlite3_column_int(statement, 21) != 0;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (!column_copy(statement, texts[i].column, arena, texts[i].text)) {
            return false;
        }
    }
    return true;
}

size_t task_row_bytes(sqlite3_stmt *statement)
{
    static const int large[] = {8, 16, 17, 22, 23, 24, 25};
    size_t bytes = 1024;
    for (size_t i = 0; i < sizeof(large) / sizeof(large[0]); i++) {
        bytes += database_column_text(statement, large[i]).length;
    }
    return bytes;
}

bool task_push_row_read(sqlite3_stmt *statement, struct arena *arena, struct task_push *ret)
{
    column_id(statement, 0, ret->task_id);
    ret->is_legacy = sqlite3_column_int(statement, 6) != 0;
    return column_copy(statement, 1, arena, &ret->id) &&
           column_copy(statement, 2, arena, &ret->url) &&
           column_copy(statement, 3, arena, &ret->token) &&
           column_copy(statement, 4, arena, &ret->scheme) &&
           column_copy(statement, 5, arena, &ret->credentials);
}

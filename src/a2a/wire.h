/* SPDX-License-Identifier: MIT
 *
 * wire.h - writes tasks, messages, artifacts, events, pages, webhooks and errors in the wire forms
 * of A2A. Reading is jsonrpc.h and message.h. Any thread.
 *
 * What a target answered is stored as it came; here it becomes artifacts: those of an A2A agent are
 * written again in the form asked for, a chat reply becomes one artifact with its text. */
#ifndef AG_A2A_WIRE_H
#define AG_A2A_WIRE_H

#include "a2a/jsonrpc.h"
#include "a2a/task.h"
#include "base/buffer.h"

enum wire_form {
    WIRE_LEGACY,      /* 0.2/0.3 JSON-RPC: "kind", lower-case names */
    WIRE_LEGACY_REST, /* HTTP+JSON of 0.3: its protocol buffers as JSON */
    WIRE_CURRENT,     /* 1.0, both bindings */
};

enum { wire_bytes_max = 128 * 1024 * 1024 }; /* of one answer */

struct wire_task_options {
    int64_t history_length; /* the last N messages; -1: all; 0: none */
    bool with_artifacts;
};

void wire_append_task(struct buffer *buffer, enum wire_form form, const struct task *task,
                      struct wire_task_options options);
/* The answer to a message: bare in WIRE_LEGACY, {"task": ...} elsewhere. */
void wire_append_sent(struct buffer *buffer, enum wire_form form, const struct task *task,
                      struct wire_task_options options);

/* Events of a stream, one each; <is_final> is said by 0.x. */
void wire_append_task_event(struct buffer *buffer, enum wire_form form, const struct task *task,
                            struct wire_task_options options);
void wire_append_status_event(struct buffer *buffer, enum wire_form form, const struct task *task,
                              bool is_final);
/* The artifact at <index>; false, and nothing written, when there are no more. */
bool wire_append_artifact_event(struct buffer *buffer, enum wire_form form, const struct task *task,
                                size_t index);

void wire_append_page(struct buffer *buffer, enum wire_form form, const struct task_job *list,
                      struct wire_task_options options);
void wire_append_push(struct buffer *buffer, enum wire_form form, const struct task_push *push);
void wire_append_pushes(struct buffer *buffer, enum wire_form form, const struct task_push *pushes,
                        size_t count);

/* {"jsonrpc":"2.0","id":ID,"result": and the bracket behind the result. */
void wire_append_result_begin(struct buffer *buffer, struct slice id);
void wire_append_result_end(struct buffer *buffer);
/* <text> empty: the outcome's own. */
void wire_append_error(struct buffer *buffer, struct slice id, enum a2a_outcome outcome,
                       const char *text);
/* The body of an error of the HTTP+JSON binding. */
void wire_append_rest_error(struct buffer *buffer, enum wire_form form, enum a2a_outcome outcome,
                            const char *text);

/* One part; the array of all. */
void wire_append_part(struct buffer *buffer, enum wire_form form, const struct part *part);
void wire_append_parts(struct buffer *buffer, enum wire_form form, struct json_value parts);

/* The original's GET /a2a/tasks/status/{id}, and its POST /a2a/tasks/send. */
void wire_append_plain_status(struct buffer *buffer, const struct task *task);
void wire_append_plain_sent(struct buffer *buffer, const struct task *task);

#endif

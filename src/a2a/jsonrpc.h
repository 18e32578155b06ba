/* SPDX-License-Identifier: MIT
 *
 * jsonrpc.h - reads JSON-RPC 2.0 requests of A2A, and the parameters of its operations, of all
 * versions into one form.
 *
 * Strict where it decides something, blind to members that it does not know. Values point into the
 * body; texts with escapes are copied into the arena. Answers are written by wire.h. Any thread. */
#ifndef AG_A2A_JSONRPC_H
#define AG_A2A_JSONRPC_H

#include "a2a/message.h"
#include "a2a/outcome.h"
#include "a2a/task_store.h"

enum {
    jsonrpc_id_bytes_max = 256,
    jsonrpc_page_default = 50,
};

enum a2a_version {
    A2A_LEGACY,  /* 0.2 and 0.3 */
    A2A_CURRENT, /* 1.0 */
};

enum a2a_operation {
    OPERATION_NONE = 0,
    OPERATION_SEND,
    OPERATION_STREAM,
    OPERATION_GET,
    OPERATION_LIST,
    OPERATION_CANCEL,
    OPERATION_SUBSCRIBE,
    OPERATION_PUSH_SET,
    OPERATION_PUSH_GET,
    OPERATION_PUSH_LIST,
    OPERATION_PUSH_DELETE,
    OPERATION_EXTENDED_CARD,
};

/* What one call asks for, whoever's wire form it came in. */
struct a2a_question {
    enum a2a_version version;
    enum a2a_operation operation;
    struct message message; /* SEND, STREAM */
    struct slice message_id;
    struct slice context_id;
    struct slice task_id;   /* of the message, else of the task asked for */
    bool returns_at_once;   /* SEND: do not wait for the end */
    int64_t history_length; /* -1: not said */
    bool has_push;
    struct task_push push;   /* id, url, token, scheme, credentials */
    struct task_query query; /* LIST */
    struct slice model;      /* metadata.model of message or params */
};

struct jsonrpc_request {
    struct slice id; /* as written: a string or a number; "null" when there was none to read */
    struct a2a_question question;
};

/* A2A-Version as the client sent it (empty: not sent). False: we do not speak it. */
bool a2a_version_is_known(struct slice version);

/* <body> into <ret>, whose id is set whenever it could be read. On anything but A2A_OK the text
 * says what is wrong. A batch is A2A_NOT_A_REQUEST: A2A has none. */
enum a2a_outcome jsonrpc_read(struct slice body, struct slice version, struct arena *arena,
                              struct jsonrpc_request *ret, struct failure *reterr) MUST_CHECK;

/* The parameters of <operation>, for the HTTP+JSON binding, where they are the body. <params> of
 * kind JSON_ABSENT are none. */
enum a2a_outcome question_read(enum a2a_operation operation, enum a2a_version version,
                               struct json_value params, struct arena *arena,
                               struct a2a_question *ret, struct failure *reterr) MUST_CHECK;

/* One query parameter of the HTTP+JSON binding, percent-decoded: historyLength, pageSize, ... Those
 * that are not known are ignored. */
enum a2a_outcome question_read_parameter(struct a2a_question *question, struct slice name,
                                         struct slice value, struct failure *reterr) MUST_CHECK;

#endif

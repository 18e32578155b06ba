/* SPDX-License-Identifier: MIT
 *
 * answer.h - an answer as it grows: texts of one or several choices, tool calls in pieces.
 *
 * At the end it becomes one text: the choices ("choice 1: ..." when there is more than one), and
 * each tool call as one line of JSON behind the text of its choice. All together share one cap. The
 * reader's thread only. */
#ifndef AG_DIALECT_ANSWER_H
#define AG_DIALECT_ANSWER_H

#include "dialect/text.h"

enum {
    answer_choices_max = 16,
    answer_calls_max = 128,
    answer_call_id_bytes_max = 64,
};

struct answer_choice {
    int64_t number;
    struct text text;
};

struct answer_call {
    int64_t choice;
    int64_t index;
    char id[answer_call_id_bytes_max];
    size_t id_length;
    struct text name;
    struct text arguments; /* JSON, as a text */
};

struct answer {
    struct text_room room;
    struct answer_choice choices[answer_choices_max];
    size_t choices_count;
    struct answer_call *calls;
    size_t calls_count;
    bool has_begun; /* the first text, or tool call, was seen; kept or not */
};

void answer_init(struct answer *answer, size_t bytes_max);
void answer_clear(struct answer *answer);

/* Adds a piece of text, when it is one. */
void answer_text(struct answer *answer, int64_t choice, struct json_value piece);

/* The call of that choice and index, made when there is none, or when <id> is another than before
 * (engines that do not count their calls). NULL when there are too many. */
struct answer_call *answer_call(struct answer *answer, int64_t choice, int64_t index,
                                struct json_value id);

/* A call that is over in one piece. <arguments>: an object, or a string that holds JSON. */
void answer_call_whole(struct answer *answer, int64_t choice, struct json_value name,
                       struct json_value arguments);

/* The name of a call comes whole, with its first piece. */
void answer_call_name(struct answer_call *call, struct json_value name);
void answer_call_arguments(struct answer_call *call, struct json_value piece);

bool answer_is_empty(const struct answer *answer);
void answer_assemble(const struct answer *answer, struct text *text);

/* {"name":...,"arguments":...} in one line. */
void answer_write_call(struct text *text, struct slice name, struct slice arguments);

#endif

/* SPDX-License-Identifier: MIT
 *
 * answer.c - choices and tool calls, and how they are written. The reader's thread only. */
#include "dialect/answer.h"

#include <stdio.h>
#include <stdlib.h>

void answer_init(struct answer *answer, size_t bytes_max)
{
    *answer = (struct answer){.room = {.left = bytes_max}};
}

void answer_clear(struct answer *answer)
{
    for (size_t i = 0; i < answer->choices_count; i++) {
        text_clear(&answer->choices[i].text);
    }
    for (size_t i = 0; i < answer->calls_count; i++) {
        text_clear(&answer->calls[i].name);
        text_clear(&answer->calls[i].arguments);
    }
    free(answer->calls);
    answer_init(answer, 0);
}

/* Choices stand in the order of their numbers. NULL when there are too many. */
static struct answer_choice *answer_choice(struct answer *answer, int64_t number)
{
    size_t at = answer->choices_count;
    while (at > 0 && answer->choices[at - 1].number >= number) {
        at--;
    }
    struct answer_choice *choice = &answer->choices[at];
    if (at < answer->choices_count && choice->number == number) {
        return choice;
    }
    if (answer->choices_count == answer_choices_max) {
        answer->room.was_short = true;
        return NULL;
    }
    memmove(choice + 1, choice, (answer->choices_count - at) * sizeof(*choice));
    answer->choices_count++;
    choice->number = number;
    text_init(&choice->text, &answer->room);
    return choice;
}

void answer_text(struct answer *answer, int64_t choice, struct json_value piece)
{
    if (text_is_said(piece)) {
        struct answer_choice *found = answer_choice(answer, choice);
        answer->has_begun = true;
        if (found != NULL) {
            text_append_json(&found->text, piece);
        }
    }
}

static struct answer_call *answer_call_add(struct answer *answer, int64_t choice, int64_t index)
{
    size_t count = answer->calls_count;
    struct answer_call *calls = answer->calls;
    answer->has_begun = true;
    if (count == answer_calls_max || answer_choice(answer, choice) == NULL) {
        answer->room.was_short = true;
        return NULL;
    }
    if ((count & (count - 1)) == 0) { /* 0, 1, 2, 4, ...: the table is full */
        calls = realloc(calls, (count == 0 ? 1 : 2 * count) * sizeof(*calls));
        if (calls == NULL) {
            answer->room.was_short = true;
            return NULL;
        }
        answer->calls = calls;
    }
    struct answer_call *call = &calls[answer->calls_count++];
    *call = (struct answer_call){.choice = choice, .index = index};
    text_init(&call->name, &answer->room);
    text_init(&call->arguments, &answer->room);
    return call;
}

/* The id as written, or its beginning: only whether it changes is of interest. */
static struct slice answer_id(struct json_value id)
{
    if (!text_is_said(id)) {
        return (struct slice){0};
    }
    size_t length = id.text.length - 2;
    return slice_make(id.text.data + 1,
                      length < answer_call_id_bytes_max ? length : answer_call_id_bytes_max);
}

struct answer_call *answer_call(struct answer *answer, int64_t choice, int64_t index,
                                struct json_value id)
{
    struct slice wanted = answer_id(id);
    struct answer_call *call = NULL;
    for (size_t i = answer->calls_count; i > 0 && call == NULL; i--) {
        struct answer_call *each = &answer->calls[i - 1];
        call = each->choice == choice && each->index == index ? each : NULL;
    }
    bool is_other = call != NULL && wanted.length > 0 && call->id_length > 0 &&
                    !slice_equals(wanted, slice_make(call->id, call->id_length));
    if (call == NULL || is_other) {
        call = answer_call_add(answer, choice, index);
    }
    if (call != NULL && call->id_length == 0 && wanted.length > 0) {
        memcpy(call->id, wanted.data, wanted.length);
        call->id_length = wanted.length;
    }
    return call;
}

void answer_call_name(struct answer_call *call, struct json_value name)
{
    if (call->name.bytes.length == 0) {
        text_append_json(&call->name, name);
    }
}

void answer_call_arguments(struct answer_call *call, struct json_value piece)
{
    if (piece.kind == JSON_STRING) {
        text_append_json(&call->arguments, piece);
    } else if (piece.kind == JSON_OBJECT || piece.kind == JSON_ARRAY) {
        text_append(&call->arguments, piece.text);
    }
}

void answer_call_whole(struct answer *answer, int64_t choice, struct json_value name,
                       struct json_value arguments)
{
    struct answer_call *call = answer_call_add(answer, choice, -1);
    if (call != NULL) {
        answer_call_name(call, name);
        answer_call_arguments(call, arguments);
    }
}

bool answer_is_empty(const struct answer *answer)
{
    for (size_t i = 0; i < answer->choices_count; i++) {
        if (answer->choices[i].text.bytes.length > 0) {
            return false;
        }
    }
    return answer->calls_count == 0;
}

/* Sound JSON without the white space between its tokens. */
static void answer_write_compact(struct text *text, struct slice json)
{
    size_t start = 0;
    bool is_in_string = false;
    for (size_t i = 0; i < json.length; i++) {
        char byte = json.data[i];
        if (is_in_string) {
            i += byte == '\\' ? 1 : 0;
            is_in_string = byte != '"';
        } else if (byte == '"') {
            is_in_string = true;
        } else if (byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r') {
            text_append(text, slice_make(json.data + start, i - start));
            start = i + 1;
        }
    }
    text_append(text, slice_after(json, start));
}

static void answer_write_string(struct text *text, struct slice string)
{
    struct buffer quoted;
    buffer_init(&quoted, 6 * string.length + 2);
    buffer_append_json_string(&quoted, string);
    if (quoted.failed) {
        text->room->was_short = true;
    } else {
        text_append(text, buffer_slice(&quoted));
    }
    buffer_clear(&quoted);
}

void answer_write_call(struct text *text, struct slice name, struct slice arguments)
{
    struct json_value value;
    text_append(text, SLICE("{\"name\":"));
    answer_write_string(text, name);
    text_append(text, SLICE(",\"arguments\":"));
    if (arguments.length == 0) {
        text_append(text, SLICE("{}"));
    } else if (json_parse(arguments, JSON_DUPLICATES_UNCHECKED, &value, NULL) == STATUS_OK) {
        answer_write_compact(text, value.text);
    } else {
        answer_write_string(text, arguments);
    }
    text_append(text, SLICE("}"));
}

void answer_assemble(const struct answer *answer, struct text *text)
{
    for (size_t i = 0; i < answer->choices_count; i++) {
        const struct answer_choice *choice = &answer->choices[i];
        struct slice words = buffer_slice(&choice->text.bytes);
        bool needs_line_end = words.length > 0;
        if (answer->choices_count > 1) {
            char prefix[40];
            int length = snprintf(prefix, sizeof(prefix), "%schoice %lld: ", i > 0 ? "\n\n" : "",
                                  (long long)choice->number);
            text_append(text, slice_make(prefix, (size_t)length));
        }
        text_append(text, words);
        for (size_t c = 0; c < answer->calls_count; c++) {
            const struct answer_call *call = &answer->calls[c];
            if (call->choice == choice->number) {
                text_append(text, needs_line_end ? SLICE("\n") : (struct slice){0});
                answer_write_call(text, buffer_slice(&call->name.bytes),
                                  buffer_slice(&call->arguments.bytes));
                needs_line_end = true;
            }
        }
    }
}

/* SPDX-License-Identifier: MIT
 *
 * openai_completions.c - POST /v1/completions: events that end with [DONE], or one document. One
 * thread. */
#include "dialect/pick.h"
#include "dialect/prompt.h"
#include "dialect/reader.h"

#include <stdio.h>

static void openai_completions_tokens(struct text *prompt, size_t count)
{
    char mark[40];
    int length = snprintf(mark, sizeof(mark), "[%zu tokens]", count);
    text_append(prompt, slice_make(mark, (size_t)length));
}

static size_t openai_completions_count(struct json_value array)
{
    struct json_value element;
    size_t count = 0;
    struct json_walk walk = json_walk_begin(array);
    while (json_walk_next(&walk, NULL, &element)) {
        count++;
    }
    return count;
}

/* Several prompts in one call, or one that is tokens already. */
static void openai_completions_prompts(struct text *prompt, struct json_value prompts)
{
    struct json_value element;
    struct json_walk walk = json_walk_begin(prompts);
    bool is_first = true;
    while (!prompt->room->was_short && json_walk_next(&walk, NULL, &element)) {
        if (element.kind == JSON_NUMBER) {
            openai_completions_tokens(prompt, openai_completions_count(prompts));
            return;
        }
        text_append(prompt, is_first ? (struct slice){0} : SLICE("\n\n"));
        is_first = false;
        if (element.kind == JSON_ARRAY) {
            openai_completions_tokens(prompt, openai_completions_count(element));
        } else {
            text_append_json(prompt, element);
        }
    }
}

static void openai_completions_read_request(struct dialect_reader *reader, struct json_value body)
{
    enum { MODEL, PROMPT, SUFFIX, NAMES };
    static const struct slice names[NAMES] = {SLICE("model"), SLICE("prompt"), SLICE("suffix")};
    struct json_value of[NAMES];
    pick_members(body, names, NAMES, of);
    text_word_set(&reader->model, of[MODEL]);
    if (of[PROMPT].kind == JSON_ARRAY) {
        openai_completions_prompts(&reader->prompt, of[PROMPT]);
    } else if (text_is_said(of[SUFFIX])) {
        prompt_turn(&reader->prompt, SLICE("user"), of[PROMPT]);
    } else {
        text_append_json(&reader->prompt, of[PROMPT]);
    }
    prompt_turn(&reader->prompt, SLICE("suffix"), of[SUFFIX]);
}

static void openai_completions_read_reply(struct dialect_reader *reader, struct json_value piece)
{
    enum { MODEL, CHOICES, USAGE, ERROR, NAMES };
    enum { INDEX, TEXT, REASON, CHOICE_NAMES };
    static const struct slice names[NAMES] = {SLICE("model"), SLICE("choices"), SLICE("usage"),
                                              SLICE("error")};
    static const struct slice choice_names[CHOICE_NAMES] = {SLICE("index"), SLICE("text"),
                                                            SLICE("finish_reason")};
    struct json_value of[NAMES];
    struct json_value choice;
    int64_t place = 0;
    pick_members(piece, names, NAMES, of);
    reader_model(reader, of[MODEL]);
    reader_error(reader, of[ERROR]);
    openai_read_usage(reader, of[USAGE]);
    struct json_walk walk = json_walk_begin(of[CHOICES]);
    while (of[CHOICES].kind == JSON_ARRAY && json_walk_next(&walk, NULL, &choice)) {
        struct json_value of_choice[CHOICE_NAMES];
        int64_t number = place++;
        pick_members(choice, choice_names, CHOICE_NAMES, of_choice);
        pick_count(of_choice[INDEX], &number);
        answer_text(&reader->answer, number, of_choice[TEXT]);
        reader_finish_reason(reader, of_choice[REASON]);
        if (reader->framing != READER_EVENTS) {
            reader->exchange.reply_complete = true; /* a document, whole */
        }
    }
}

const struct dialect dialect_openai_completions = {
    .name = "openai_completions",
    .read_request = openai_completions_read_request,
    .read_reply = openai_completions_read_reply,
};

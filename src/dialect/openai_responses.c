/* SPDX-License-Identifier: MIT
 *
 * openai_responses.c - POST /v1/responses: typed events, the last of which carries the whole
 * response, or that response as one document. One thread. */
#include "dialect/pick.h"
#include "dialect/prompt.h"
#include "dialect/reader.h"

/* ---- the request ---- */

static void openai_responses_item(struct text *prompt, struct json_value item)
{
    enum { TYPE, ROLE, CONTENT, NAME, ARGUMENTS, OUTPUT, NAMES };
    static const struct slice names[NAMES] = {SLICE("type"), SLICE("role"),      SLICE("content"),
                                              SLICE("name"), SLICE("arguments"), SLICE("output")};
    struct json_value of[NAMES];
    pick_members(item, names, NAMES, of);
    if (json_string_is(of[TYPE], "function_call")) {
        struct text_room room = {.left = prompt->room->left};
        struct text name;
        struct text arguments;
        text_init(&name, &room);
        text_init(&arguments, &room);
        text_append_json(&name, of[NAME]);
        text_append_json(&arguments, of[ARGUMENTS]);
        text_append(prompt, prompt->bytes.length > 0 ? SLICE("\n\n") : (struct slice){0});
        text_append(prompt, SLICE("assistant: "));
        answer_write_call(prompt, buffer_slice(&name.bytes), buffer_slice(&arguments.bytes));
        text_clear(&name);
        text_clear(&arguments);
    } else if (json_string_is(of[TYPE], "function_call_output")) {
        prompt_turn(prompt, SLICE("tool"), of[OUTPUT]);
    } else if (of[CONTENT].kind != JSON_ABSENT && !json_string_is(of[TYPE], "reasoning")) {
        struct text_word role;
        text_word_init(&role);
        text_word_set(&role, of[ROLE]);
        prompt_turn(prompt,
                    role.text.bytes.length > 0 ? buffer_slice(&role.text.bytes) : SLICE("user"),
                    of[CONTENT]);
        text_clear(&role.text);
    }
}

static void openai_responses_read_request(struct dialect_reader *reader, struct json_value body)
{
    enum { MODEL, INSTRUCTIONS, INPUT, NAMES };
    static const struct slice names[NAMES] = {SLICE("model"), SLICE("instructions"),
                                              SLICE("input")};
    struct json_value of[NAMES];
    struct json_value item;
    struct text *prompt = &reader->prompt;
    pick_members(body, names, NAMES, of);
    text_word_set(&reader->model, of[MODEL]);
    prompt_turn(prompt, SLICE("system"), of[INSTRUCTIONS]);
    if (of[INPUT].kind == JSON_STRING) {
        if (prompt->bytes.length > 0) {
            prompt_turn(prompt, SLICE("user"), of[INPUT]);
        } else {
            text_append_json(prompt, of[INPUT]);
        }
        return;
    }
    struct json_walk walk = json_walk_begin(of[INPUT]);
    while (of[INPUT].kind == JSON_ARRAY && !prompt->room->was_short &&
           json_walk_next(&walk, NULL, &item)) {
        openai_responses_item(prompt, item);
    }
}

/* ---- the reply ---- */

static void openai_responses_output(struct dialect_reader *reader, struct json_value item)
{
    enum { TYPE, CONTENT, NAME, ARGUMENTS, NAMES };
    static const struct slice names[NAMES] = {SLICE("type"), SLICE("content"), SLICE("name"),
                                              SLICE("arguments")};
    static const struct slice part_names[] = {SLICE("text"), SLICE("refusal")};
    struct json_value of[NAMES];
    struct json_value part;
    pick_members(item, names, NAMES, of);
    if (json_string_is(of[TYPE], "function_call")) {
        answer_call_whole(&reader->answer, 0, of[NAME], of[ARGUMENTS]);
    } else if (json_string_is(of[TYPE], "message")) {
        struct json_walk walk = json_walk_begin(of[CONTENT]);
        while (of[CONTENT].kind == JSON_ARRAY && json_walk_next(&walk, NULL, &part)) {
            struct json_value of_part[2];
            pick_members(part, part_names, 2, of_part);
            answer_text(&reader->answer, 0, of_part[0]);
            answer_text(&reader->answer, 0, of_part[1]);
        }
    }
}

/* The response itself. Its output is read only when it did not already come in pieces. */
static void openai_responses_whole(struct dialect_reader *reader, struct json_value response)
{
    enum { MODEL, STATUS, OUTPUT, USAGE, ERROR, INCOMPLETE, NAMES };
    static const struct slice names[NAMES] = {SLICE("model"),  SLICE("status"),
                                              SLICE("output"), SLICE("usage"),
                                              SLICE("error"),  SLICE("incomplete_details")};
    struct json_value of[NAMES];
    struct json_value item;
    bool came_in_pieces = reader->answer.has_begun;
    pick_members(response, names, NAMES, of);
    reader_model(reader, of[MODEL]);
    reader_error(reader, of[ERROR]);
    if (json_string_is(of[STATUS], "in_progress") || json_string_is(of[STATUS], "queued")) {
        return;
    }
    struct json_walk walk = json_walk_begin(of[OUTPUT]);
    while (!came_in_pieces && of[OUTPUT].kind == JSON_ARRAY && json_walk_next(&walk, NULL, &item)) {
        openai_responses_output(reader, item);
    }
    if (of[USAGE].kind == JSON_OBJECT) {
        reader_tokens(reader, json_member(of[USAGE], "input_tokens"),
                      json_member(of[USAGE], "output_tokens"));
    }
    reader_finish_reason(reader, of[STATUS]);
    reader_finish_reason(reader, json_member(of[INCOMPLETE], "reason"));
    reader->exchange.reply_failed =
        reader->exchange.reply_failed || json_string_is(of[STATUS], "failed");
    reader->exchange.reply_complete = of[STATUS].kind == JSON_STRING;
}

static void openai_responses_call(struct dialect_reader *reader, struct json_value item,
                                  int64_t index, bool is_done)
{
    enum { TYPE, ID, NAME, ARGUMENTS, NAMES };
    static const struct slice names[NAMES] = {SLICE("type"), SLICE("call_id"), SLICE("name"),
                                              SLICE("arguments")};
    struct json_value of[NAMES];
    pick_members(item, names, NAMES, of);
    if (!json_string_is(of[TYPE], "function_call")) {
        return;
    }
    struct answer_call *call = answer_call(&reader->answer, 0, index, of[ID]);
    if (call != NULL) {
        answer_call_name(call, of[NAME]);
        if (is_done && call->arguments.bytes.length == 0) {
            answer_call_arguments(call, of[ARGUMENTS]);
        }
    }
}

static void openai_responses_read_reply(struct dialect_reader *reader, struct json_value piece)
{
    enum { TYPE, DELTA, INDEX, ITEM, RESPONSE, ERROR, MESSAGE, OBJECT, NAMES };
    static const struct slice names[NAMES] = {
        SLICE("type"),     SLICE("delta"), SLICE("output_index"), SLICE("item"),
        SLICE("response"), SLICE("error"), SLICE("message"),      SLICE("object")};
    struct json_value of[NAMES];
    int64_t index = 0;
    pick_members(piece, names, NAMES, of);
    pick_count(of[INDEX], &index);
    struct json_value type = of[TYPE];
    if (type.kind != JSON_STRING) {
        if (json_string_is(of[OBJECT], "response")) {
            openai_responses_whole(reader, piece);
        } else {
            reader_error(reader, of[ERROR]);
        }
    } else if (json_string_is(type, "response.output_text.delta") ||
               json_string_is(type, "response.refusal.delta")) {
        answer_text(&reader->answer, 0, of[DELTA]);
    } else if (json_string_is(type, "response.function_call_arguments.delta")) {
        struct answer_call *call = answer_call(&reader->answer, 0, index, (struct json_value){0});
        if (call != NULL) {
            answer_call_arguments(call, of[DELTA]);
        }
    } else if (json_string_is(type, "response.output_item.added")) {
        openai_responses_call(reader, of[ITEM], index, false);
    } else if (json_string_is(type, "response.output_item.done")) {
        openai_responses_call(reader, of[ITEM], index, true);
    } else if (json_string_is(type, "error")) {
        (void)(reader_error(reader, of[ERROR]) || reader_error(reader, of[MESSAGE]));
    } else if (of[RESPONSE].kind == JSON_OBJECT) {
        openai_responses_whole(reader, of[RESPONSE]);
    }
}

const struct dialect dialect_openai_responses = {
    .name = "openai_responses",
    .read_request = openai_responses_read_request,
    .read_reply = openai_responses_read_reply,
};

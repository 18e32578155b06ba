/* SPDX-License-Identifier: MIT
 *
 * openai_chat.c - POST /v1/chat/completions: events that end with [DONE], or one document. One
 * thread. */
#include "dialect/pick.h"
#include "dialect/prompt.h"
#include "dialect/reader.h"

static void openai_chat_read_request(struct dialect_reader *reader, struct json_value body)
{
    static const struct slice names[] = {SLICE("model"), SLICE("messages")};
    struct json_value of[2];
    pick_members(body, names, 2, of);
    text_word_set(&reader->model, of[0]);
    prompt_messages(&reader->prompt, of[1]);
}

void openai_read_usage(struct dialect_reader *reader, struct json_value usage)
{
    static const struct slice names[] = {SLICE("prompt_tokens"), SLICE("completion_tokens")};
    struct json_value of[2];
    if (usage.kind == JSON_OBJECT) {
        pick_members(usage, names, 2, of);
        reader_tokens(reader, of[0], of[1]);
    }
}

/* A call, or the next piece of one: {index, id, function: {name, arguments}}. <place> counts those
 * that have no index. */
static void openai_chat_call(struct dialect_reader *reader, int64_t choice, int64_t place,
                             struct json_value call)
{
    enum { INDEX, ID, FUNCTION, NAMES };
    static const struct slice names[NAMES] = {SLICE("index"), SLICE("id"), SLICE("function")};
    static const struct slice function_names[] = {SLICE("name"), SLICE("arguments")};
    struct json_value of[NAMES];
    struct json_value function[2];
    pick_members(call, names, NAMES, of);
    pick_members(of[FUNCTION], function_names, 2, function);
    pick_count(of[INDEX], &place);
    struct answer_call *found = answer_call(&reader->answer, choice, place, of[ID]);
    if (found != NULL) {
        answer_call_name(found, function[0]);
        answer_call_arguments(found, function[1]);
    }
}

/* The message of a document and the delta of an event look the same. */
static void openai_chat_message(struct dialect_reader *reader, int64_t choice,
                                struct json_value message)
{
    enum { CONTENT, REFUSAL, CALLS, NAMES };
    static const struct slice names[NAMES] = {SLICE("content"), SLICE("refusal"),
                                              SLICE("tool_calls")};
    struct json_value of[NAMES];
    struct json_value call;
    int64_t place = 0;
    pick_members(message, names, NAMES, of);
    answer_text(&reader->answer, choice, of[CONTENT]);
    answer_text(&reader->answer, choice, of[REFUSAL]);
    struct json_walk walk = json_walk_begin(of[CALLS]);
    while (of[CALLS].kind == JSON_ARRAY && json_walk_next(&walk, NULL, &call)) {
        openai_chat_call(reader, choice, place++, call);
    }
}

void openai_chat_read_reply(struct dialect_reader *reader, struct json_value piece)
{
    enum { MODEL, CHOICES, USAGE, ERROR, NAMES };
    enum { INDEX, DELTA, MESSAGE, REASON, CHOICE_NAMES };
    static const struct slice names[NAMES] = {SLICE("model"), SLICE("choices"), SLICE("usage"),
                                              SLICE("error")};
    static const struct slice choice_names[CHOICE_NAMES] = {
        SLICE("index"), SLICE("delta"), SLICE("message"), SLICE("finish_reason")};
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
        openai_chat_message(reader, number, of_choice[DELTA]);
        openai_chat_message(reader, number, of_choice[MESSAGE]);
        reader_finish_reason(reader, of_choice[REASON]);
        if (of_choice[MESSAGE].kind == JSON_OBJECT) {
            reader->exchange.reply_complete = true; /* a document, whole */
        }
    }
}

const struct dialect dialect_openai_chat = {
    .name = "openai_chat",
    .read_request = openai_chat_read_request,
    .read_reply = openai_chat_read_reply,
};

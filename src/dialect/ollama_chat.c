/* SPDX-License-Identifier: MIT
 *
 * ollama_chat.c - POST /api/chat: lines of JSON, or one document with "stream": false. One thread.
 */
#include "dialect/pick.h"
#include "dialect/prompt.h"
#include "dialect/reader.h"

/* <prompt> is a short form that the gateway understands in place of messages. */
static void ollama_chat_read_request(struct dialect_reader *reader, struct json_value body)
{
    enum { MODEL, MESSAGES, PROMPT, NAMES };
    static const struct slice names[NAMES] = {SLICE("model"), SLICE("messages"), SLICE("prompt")};
    struct json_value of[NAMES];
    pick_members(body, names, NAMES, of);
    text_word_set(&reader->model, of[MODEL]);
    if (of[MESSAGES].kind == JSON_ABSENT) {
        text_append_json(&reader->prompt, of[PROMPT]);
    } else {
        prompt_messages(&reader->prompt, of[MESSAGES]);
    }
}

static void ollama_chat_message(struct dialect_reader *reader, struct json_value message)
{
    enum { CONTENT, CALLS, NAMES };
    static const struct slice names[NAMES] = {SLICE("content"), SLICE("tool_calls")};
    static const struct slice function_names[] = {SLICE("name"), SLICE("arguments")};
    struct json_value of[NAMES];
    struct json_value call;
    pick_members(message, names, NAMES, of);
    answer_text(&reader->answer, 0, of[CONTENT]);
    struct json_walk walk = json_walk_begin(of[CALLS]);
    while (of[CALLS].kind == JSON_ARRAY && json_walk_next(&walk, NULL, &call)) {
        struct json_value function[2];
        pick_members(json_member(call, "function"), function_names, 2, function);
        answer_call_whole(&reader->answer, 0, function[0], function[1]);
    }
}

static void ollama_chat_read_reply(struct dialect_reader *reader, struct json_value piece)
{
    enum { MODEL, MESSAGE, DONE, REASON, IN, OUT, ERROR, CHOICES, NAMES };
    static const struct slice names[NAMES] = {SLICE("model"),
                                              SLICE("message"),
                                              SLICE("done"),
                                              SLICE("done_reason"),
                                              SLICE("prompt_eval_count"),
                                              SLICE("eval_count"),
                                              SLICE("error"),
                                              SLICE("choices")};
    struct json_value of[NAMES];
    pick_members(piece, names, NAMES, of);
    if (of[CHOICES].kind != JSON_ABSENT) {
        openai_chat_read_reply(reader, piece);
        return;
    }
    reader_model(reader, of[MODEL]);
    reader_error(reader, of[ERROR]);
    ollama_chat_message(reader, of[MESSAGE]);
    reader_finish_reason(reader, of[REASON]);
    reader_tokens(reader, of[IN], of[OUT]);
    if (of[DONE].kind == JSON_TRUE) {
        reader->exchange.reply_complete = true;
    }
}

const struct dialect dialect_ollama_chat = {
    .name = "ollama_chat",
    .read_request = ollama_chat_read_request,
    .read_reply = ollama_chat_read_reply,
};

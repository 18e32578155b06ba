/* SPDX-License-Identifier: MIT
 *
 * ollama_generate.c - POST /api/generate: lines of JSON, or one document with "stream": false. One
 * thread. */
#include "dialect/pick.h"
#include "dialect/prompt.h"
#include "dialect/reader.h"

static void ollama_generate_read_request(struct dialect_reader *reader, struct json_value body)
{
    enum { MODEL, PROMPT, SYSTEM, SUFFIX, IMAGES, NAMES };
    static const struct slice names[NAMES] = {SLICE("model"), SLICE("prompt"), SLICE("system"),
                                              SLICE("suffix"), SLICE("images")};
    struct json_value of[NAMES];
    struct text *prompt = &reader->prompt;
    pick_members(body, names, NAMES, of);
    text_word_set(&reader->model, of[MODEL]);
    if (text_is_said(of[SYSTEM]) || text_is_said(of[SUFFIX])) {
        prompt_turn(prompt, SLICE("system"), of[SYSTEM]);
        prompt_turn(prompt, SLICE("user"), of[PROMPT]);
        prompt_turn(prompt, SLICE("suffix"), of[SUFFIX]);
    } else {
        text_append_json(prompt, of[PROMPT]);
    }
    if (of[IMAGES].kind == JSON_ARRAY) {
        prompt_images(prompt, of[IMAGES]);
    }
}

static void ollama_generate_read_reply(struct dialect_reader *reader, struct json_value piece)
{
    enum { MODEL, RESPONSE, DONE, REASON, IN, OUT, ERROR, NAMES };
    static const struct slice names[NAMES] = {
        SLICE("model"),       SLICE("response"),          SLICE("done"),
        SLICE("done_reason"), SLICE("prompt_eval_count"), SLICE("eval_count"),
        SLICE("error")};
    struct json_value of[NAMES];
    pick_members(piece, names, NAMES, of);
    reader_model(reader, of[MODEL]);
    reader_error(reader, of[ERROR]);
    answer_text(&reader->answer, 0, of[RESPONSE]);
    reader_finish_reason(reader, of[REASON]);
    reader_tokens(reader, of[IN], of[OUT]);
    if (of[DONE].kind == JSON_TRUE) {
        reader->exchange.reply_complete = true;
    }
}

const struct dialect dialect_ollama_generate = {
    .name = "ollama_generate",
    .read_request = ollama_generate_read_request,
    .read_reply = ollama_generate_read_reply,
};

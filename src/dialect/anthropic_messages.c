/* SPDX-License-Identifier: MIT
 *
 * anthropic_messages.c - POST /v1/messages: typed events that end with message_stop, or one
 * document. One thread. */
#include "dialect/pick.h"
#include "dialect/prompt.h"
#include "dialect/reader.h"

static void anthropic_read_request(struct dialect_reader *reader, struct json_value body)
{
    enum { MODEL, SYSTEM, MESSAGES, NAMES };
    static const struct slice names[NAMES] = {SLICE("model"), SLICE("system"), SLICE("messages")};
    struct json_value of[NAMES];
    pick_members(body, names, NAMES, of);
    text_word_set(&reader->model, of[MODEL]);
    prompt_turn(&reader->prompt, SLICE("system"), of[SYSTEM]);
    prompt_messages(&reader->prompt, of[MESSAGES]);
}

/* What went in is the sum of what was read, written to the cache and taken from it. Counts are
 * cumulative: a later one replaces an earlier one. */
static void anthropic_usage(struct dialect_reader *reader, struct json_value usage)
{
    enum { IN, CREATED, READ, OUT, NAMES };
    static const struct slice names[NAMES] = {
        SLICE("input_tokens"), SLICE("cache_creation_input_tokens"),
        SLICE("cache_read_input_tokens"), SLICE("output_tokens")};
    struct json_value of[NAMES];
    int64_t sum = 0;
    pick_members(usage, names, NAMES, of);
    pick_count(of[OUT], &reader->exchange.tokens_out);
    if (pick_count(of[IN], &sum)) {
        int64_t created = 0;
        int64_t from_cache = 0;
        pick_count(of[CREATED], &created);
        pick_count(of[READ], &from_cache);
        sum += created + from_cache; /* each at most 2^53 */
        if (sum > reader->exchange.tokens_in) {
            reader->exchange.tokens_in = sum;
        }
    }
}

/* A message: whole, or as message_start has it, without content. */
static void anthropic_message(struct dialect_reader *reader, struct json_value message)
{
    enum { MODEL, CONTENT, REASON, USAGE, NAMES };
    enum { TYPE, TEXT, NAME, INPUT, BLOCK_NAMES };
    static const struct slice names[NAMES] = {SLICE("model"), SLICE("content"),
                                              SLICE("stop_reason"), SLICE("usage")};
    static const struct slice block_names[BLOCK_NAMES] = {SLICE("type"), SLICE("text"),
                                                          SLICE("name"), SLICE("input")};
    struct json_value of[NAMES];
    struct json_value block;
    pick_members(message, names, NAMES, of);
    reader_model(reader, of[MODEL]);
    reader_finish_reason(reader, of[REASON]);
    anthropic_usage(reader, of[USAGE]);
    struct json_walk walk = json_walk_begin(of[CONTENT]);
    while (of[CONTENT].kind == JSON_ARRAY && json_walk_next(&walk, NULL, &block)) {
        struct json_value of_block[BLOCK_NAMES];
        pick_members(block, block_names, BLOCK_NAMES, of_block);
        if (json_string_is(of_block[TYPE], "tool_use")) {
            answer_call_whole(&reader->answer, 0, of_block[NAME], of_block[INPUT]);
        } else {
            answer_text(&reader->answer, 0, of_block[TEXT]);
        }
    }
}

static void anthropic_block_start(struct dialect_reader *reader, int64_t index,
                                  struct json_value block)
{
    enum { TYPE, TEXT, NAME, ID, NAMES };
    static const struct slice names[NAMES] = {SLICE("type"), SLICE("text"), SLICE("name"),
                                              SLICE("id")};
    struct json_value of[NAMES];
    pick_members(block, names, NAMES, of);
    answer_text(&reader->answer, 0, of[TEXT]);
    if (json_string_is(of[TYPE], "tool_use")) {
        struct answer_call *call = answer_call(&reader->answer, 0, index, of[ID]);
        if (call != NULL) {
            answer_call_name(call, of[NAME]);
        }
    }
}

static void anthropic_block_delta(struct dialect_reader *reader, int64_t index,
                                  struct json_value delta)
{
    enum { TEXT, PARTIAL, NAMES };
    static const struct slice names[NAMES] = {SLICE("text"), SLICE("partial_json")};
    struct json_value of[NAMES];
    pick_members(delta, names, NAMES, of);
    answer_text(&reader->answer, 0, of[TEXT]);
    if (text_is_said(of[PARTIAL])) {
        struct answer_call *call = answer_call(&reader->answer, 0, index, (struct json_value){0});
        if (call != NULL) {
            answer_call_arguments(call, of[PARTIAL]);
        }
    }
}

static void anthropic_read_reply(struct dialect_reader *reader, struct json_value piece)
{
    enum { TYPE, INDEX, DELTA, BLOCK, MESSAGE, USAGE, ERROR, NAMES };
    static const struct slice names[NAMES] = {
        SLICE("type"),    SLICE("index"), SLICE("delta"), SLICE("content_block"),
        SLICE("message"), SLICE("usage"), SLICE("error")};
    struct json_value of[NAMES];
    int64_t index = 0;
    pick_members(piece, names, NAMES, of);
    pick_count(of[INDEX], &index);
    reader_error(reader, of[ERROR]);
    if (json_string_is(of[TYPE], "content_block_delta")) {
        anthropic_block_delta(reader, index, of[DELTA]);
    } else if (json_string_is(of[TYPE], "content_block_start")) {
        anthropic_block_start(reader, index, of[BLOCK]);
    } else if (json_string_is(of[TYPE], "message_start")) {
        anthropic_message(reader, of[MESSAGE]);
    } else if (json_string_is(of[TYPE], "message_delta")) {
        reader_finish_reason(reader, json_member(of[DELTA], "stop_reason"));
        anthropic_usage(reader, of[USAGE]);
    } else if (json_string_is(of[TYPE], "message_stop")) {
        reader->exchange.reply_complete = true;
    } else if (json_string_is(of[TYPE], "message")) {
        anthropic_message(reader, piece);
        reader->exchange.reply_complete = true;
    }
}

const struct dialect dialect_anthropic_messages = {
    .name = "anthropic_messages",
    .read_request = anthropic_read_request,
    .read_reply = anthropic_read_reply,
};

/* SPDX-License-Identifier: MIT
 *
 * openai.c - see openai.h. */
#include "openai.h"

#include "body.h"
#include "client.h"
#include "conversation.h"
#include "model.h"
#include "reply.h"
#include "server.h"
#include "vector.h"

#include <inttypes.h>

/* ---- errors ---- */

static void openai_write_error(struct buffer *text, unsigned status, const char *param,
                               struct slice message)
{
    buffer_append_string(text, "{\"error\":{\"message\":");
    buffer_append_json_string(text, message);
    buffer_append_format(text, ",\"type\":\"%s\",\"param\":",
                         status < 500 ? "invalid_request_error" : "server_error");
    if (param == NULL) {
        buffer_append_string(text, "null");
    } else {
        buffer_append_json_string(text, slice_from_string(param));
    }
    /* Nothing but a model is ever named and not found. */
    buffer_append_string(text, status == 404 && param != NULL ? ",\"code\":\"model_not_found\"}}"
                                                              : ",\"code\":null}}");
}

const struct dialect openai_dialect = {.write_error = openai_write_error};

/* ---- pieces of answers ---- */

/* `{"id":"...","object":"...","created":1,"model":"m"` */
static void openai_begin(const struct completion *completion, const char *id_prefix,
                         const char *object, struct buffer *text)
{
    buffer_append_format(
        text, "{\"id\":\"%s%.*s\",\"object\":\"%s\",\"created\":%" PRId64 ",\"model\":", id_prefix,
        completion_id_digits, completion->id, object, completion->created_s);
    buffer_append_json_string(text, completion->model);
}

static void openai_write_usage(const struct completion *completion, struct buffer *text)
{
    uint64_t words = completion->speech.words;
    buffer_append_format(text,
                         "\"usage\":{\"prompt_tokens\":%" PRIu64 ",\"completion_tokens\":%" PRIu64
                         ",\"total_tokens\":%" PRIu64 "}",
                         completion->prompt_words, words, completion->prompt_words + words);
}

static const char *openai_finish_reason(const struct completion *completion)
{
    return speech_was_cut(&completion->speech) ? "length" : "stop";
}

/* Ends a streamed object. When usage was asked for, it is null in every chunk but its own. */
static void openai_end_event(const struct completion *completion, struct buffer *text)
{
    buffer_append_string(text, completion->include_usage ? ",\"usage\":null}\n\n" : "}\n\n");
}

static void openai_end_stream(const struct completion *completion, const char *id_prefix,
                              const char *object, struct buffer *text)
{
    if (completion->include_usage) {
        buffer_append_string(text, "data: ");
        openai_begin(completion, id_prefix, object, text);
        buffer_append_string(text, ",\"choices\":[],");
        openai_write_usage(completion, text);
        buffer_append_string(text, "}\n\n");
    }
    buffer_append_string(text, "data: [DONE]\n\n");
}

/* ---- /v1/chat/completions ---- */

static void openai_chat_begin_delta(const struct completion *completion, struct buffer *text)
{
    buffer_append_string(text, "data: ");
    openai_begin(completion, "chatcmpl-", "chat.completion.chunk", text);
    buffer_append_string(text, ",\"choices\":[{\"index\":0,\"delta\":{");
}

static void openai_chat_first(const struct completion *completion, struct buffer *text)
{
    openai_chat_begin_delta(completion, text);
    buffer_append_string(text, "\"role\":\"assistant\",\"content\":\"\"},\"logprobs\":null,"
                               "\"finish_reason\":null}]");
    openai_end_event(completion, text);
}

static void openai_chat_word(const struct completion *completion, struct slice word,
                             struct buffer *text)
{
    openai_chat_begin_delta(completion, text);
    buffer_append_string(text, "\"content\":");
    buffer_append_json_string(text, word);
    buffer_append_string(text, "},\"logprobs\":null,\"finish_reason\":null}]");
    openai_end_event(completion, text);
}

static void openai_chat_last(const struct completion *completion, struct buffer *text)
{
    openai_chat_begin_delta(completion, text);
    buffer_append_format(text, "},\"logprobs\":null,\"finish_reason\":\"%s\"}]",
                         openai_finish_reason(completion));
    openai_end_event(completion, text);
    openai_end_stream(completion, "chatcmpl-", "chat.completion.chunk", text);
}

static void openai_chat_whole(const struct completion *completion, struct slice words,
                              struct buffer *text)
{
    openai_begin(completion, "chatcmpl-", "chat.completion", text);
    buffer_append_string(text, ",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
                               "\"content\":");
    buffer_append_json_string(text, words);
    buffer_append_format(text, ",\"refusal\":null},\"logprobs\":null,\"finish_reason\":\"%s\"}],",
                         openai_finish_reason(completion));
    openai_write_usage(completion, text);
    buffer_append_byte(text, '}');
}

static const struct completion_format openai_chat_format = {
    .stream_content_type = "text/event-stream; charset=utf-8",
    .write_first = openai_chat_first,
    .write_word = openai_chat_word,
    .write_last = openai_chat_last,
    .write_whole = openai_chat_whole,
};

/* stream, stream_options and n, which both kinds of completion have. */
static bool openai_read_wish(struct client *client, struct json_value object,
                             struct completion_wish *wish)
{
    uint64_t choices = 1;
    struct json_value options;
    if (!body_flag(client, object, "stream", &wish->streams) ||
        !body_number(client, object, "n", 1, 1, &choices) ||
        !body_number(client, object, "max_tokens", 1, INT32_MAX, &wish->words_max) ||
        !body_inner_object(client, object, "stream_options", &options)) {
        return false;
    }
    if (options.kind == JSON_OBJECT && !wish->streams) {
        reply_error(client, 400, "stream_options",
                    "stream_options is only allowed when stream is true");
        return false;
    }
    return body_flag(client, options, "include_usage", &wish->include_usage);
}

void openai_chat(struct client *client)
{
    static const char *const roles[] = {"developer", "system",   "user", "assistant",
                                        "tool",      "function", NULL};
    static const struct conversation_rules rules = {.roles = roles, .takes_parts = true};
    struct completion_wish wish = {.format = &openai_chat_format};
    struct conversation conversation;
    struct json_value object;
    if (!body_object(client, &object) || !body_model(client, object, &wish.model) ||
        !openai_read_wish(client, object, &wish) ||
        !body_number(client, object, "max_completion_tokens", 1, INT32_MAX, &wish.words_max) ||
        !conversation_read(client, object, &rules, &conversation)) {
        return;
    }
    if (conversation.messages == 0) {
        reply_error(client, 400, "messages", "messages must hold at least one message");
        return;
    }
    wish.message = conversation.last_user;
    wish.prompt_words = conversation.words;
    completion_start(client, &wish);
}

/* ---- /v1/completions ---- */

static void openai_text_event(const struct completion *completion, struct slice word,
                              const char *finish_reason, struct buffer *text)
{
    buffer_append_string(text, "data: ");
    openai_begin(completion, "cmpl-", "text_completion", text);
    buffer_append_string(text, ",\"choices\":[{\"text\":");
    buffer_append_json_string(text, word);
    buffer_append_format(text, ",\"index\":0,\"logprobs\":null,\"finish_reason\":%s}]",
                         finish_reason);
    openai_end_event(completion, text);
}

static void openai_text_word(const struct completion *completion, struct slice word,
                             struct buffer *text)
{
    openai_text_event(completion, word, "null", text);
}

static void openai_text_last(const struct completion *completion, struct buffer *text)
{
    openai_text_event(completion, (struct slice){0},
                      speech_was_cut(&completion->speech) ? "\"length\"" : "\"stop\"", text);
    openai_end_stream(completion, "cmpl-", "text_completion", text);
}

static void openai_text_whole(const struct completion *completion, struct slice words,
                              struct buffer *text)
{
    openai_begin(completion, "cmpl-", "text_completion", text);
    buffer_append_string(text, ",\"choices\":[{\"text\":");
    buffer_append_json_string(text, words);
    buffer_append_format(text, ",\"index\":0,\"logprobs\":null,\"finish_reason\":\"%s\"}],",
                         openai_finish_reason(completion));
    openai_write_usage(completion, text);
    buffer_append_byte(text, '}');
}

static const struct completion_format openai_text_format = {
    .stream_content_type = "text/event-stream; charset=utf-8",
    .write_word = openai_text_word,
    .write_last = openai_text_last,
    .write_whole = openai_text_whole,
};

void openai_complete(struct client *client)
{
    struct completion_wish wish = {.format = &openai_text_format};
    struct json_value object;
    struct slice *prompts;
    size_t count;
    if (!body_object(client, &object) || !body_model(client, object, &wish.model) ||
        !openai_read_wish(client, object, &wish) ||
        !body_texts(client, object, "prompt", &prompts, &count)) {
        return;
    }
    if (count > 1) {
        reply_error(client, 400, "prompt", "prompt must be one text: this engine gives one choice");
        return;
    }
    wish.message = prompts[0];
    wish.prompt_words = speech_count_words(prompts[0]);
    completion_start(client, &wish);
}

/* ---- /v1/embeddings ---- */

/* "float", the default, or "base64". */
static bool openai_read_encoding(struct client *client, struct json_value object,
                                 bool *ret_is_base64)
{
    struct json_value encoding = body_member(object, "encoding_format");
    *ret_is_base64 = json_string_is(encoding, "base64");
    if (encoding.kind == JSON_ABSENT || *ret_is_base64 || json_string_is(encoding, "float")) {
        return true;
    }
    reply_error(client, 400, "encoding_format", "encoding_format must be \"float\" or \"base64\"");
    return false;
}

void openai_embed(struct client *client)
{
    uint64_t dimensions = vector_dimensions_usual;
    uint64_t words = 0;
    struct json_value object;
    struct slice model;
    struct slice *texts;
    size_t count;
    bool is_base64;
    if (!body_object(client, &object) || !body_model(client, object, &model) ||
        !openai_read_encoding(client, object, &is_base64) ||
        !body_number(client, object, "dimensions", 1, vector_dimensions_max, &dimensions) ||
        !body_texts(client, object, "input", &texts, &count)) {
        return;
    }
    struct buffer body;
    buffer_init(&body, reply_body_bytes_max);
    buffer_append_string(&body, "{\"object\":\"list\",\"data\":");
    for (size_t i = 0; i < count; i++) {
        struct vector vector;
        vector_make(&vector, texts[i], (size_t)dimensions);
        buffer_append_format(&body, "%c{\"object\":\"embedding\",\"index\":%zu,\"embedding\":",
                             i == 0 ? '[' : ',', i);
        if (is_base64) {
            vector_write_base64(&vector, &body);
        } else {
            vector_write(&vector, &body);
        }
        buffer_append_byte(&body, '}');
        words += speech_count_words(texts[i]);
    }
    buffer_append_string(&body, "],\"model\":");
    buffer_append_json_string(&body, model);
    buffer_append_format(&body,
                         ",\"usage\":{\"prompt_tokens\":%" PRIu64 ",\"total_tokens\":%" PRIu64 "}}",
                         words, words);
    reply_json(client, 200, &body);
    buffer_clear(&body);
}

/* ---- the one model ---- */

static void openai_write_model(const struct client *client, struct buffer *body)
{
    buffer_append_format(body,
                         "{\"id\":\"" MODEL_NAME "\",\"object\":\"model\",\"created\":%" PRId64
                         ",\"owned_by\":\"attach-gateway\"}",
                         client->server->started_us / 1000000);
}

void openai_models(struct client *client)
{
    struct buffer body;
    buffer_init(&body, reply_body_bytes_max);
    buffer_append_string(&body, "{\"object\":\"list\",\"data\":[");
    openai_write_model(client, &body);
    buffer_append_string(&body, "]}");
    reply_json(client, 200, &body);
    buffer_clear(&body);
}

void openai_model(struct client *client)
{
    struct slice name = slice_after(client->call.head.target.path, strlen("/v1/models/"));
    if (!slice_equals(name, SLICE(MODEL_NAME))) {
        reply_error(client, 404, "model", "The model '%.*s' does not exist", SLICE_ARGS(name));
        return;
    }
    struct buffer body;
    buffer_init(&body, reply_body_bytes_max);
    openai_write_model(client, &body);
    reply_json(client, 200, &body);
    buffer_clear(&body);
}

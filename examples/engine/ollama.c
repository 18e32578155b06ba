/* SPDX-License-Identifier: MIT
 *
 * ollama.c - see ollama.h. */
#include "ollama.h"

#include "base/clock.h"
#include "base/log.h"
#include "body.h"
#include "client.h"
#include "conversation.h"
#include "model.h"
#include "reply.h"
#include "server.h"
#include "vector.h"

#include <inttypes.h>

/* ---- errors ---- */

static void ollama_write_error(struct buffer *text, unsigned status, const char *param,
                               struct slice message)
{
    buffer_append_string(text, "{\"error\":");
    buffer_append_json_string(text, message);
    buffer_append_byte(text, '}');
}

const struct dialect ollama_dialect = {.write_error = ollama_write_error};

/* ---- pieces of answers ---- */

static void ollama_write_time(struct buffer *text, int64_t wall_us)
{
    buffer_append_byte(text, '"');
    log_append_time(text, wall_us);
    buffer_append_byte(text, '"');
}

/* `{"model":"m","created_at":"..."` */
static void ollama_begin_line(struct buffer *text, struct slice model)
{
    buffer_append_string(text, "{\"model\":");
    buffer_append_json_string(text, model);
    buffer_append_string(text, ",\"created_at\":");
    ollama_write_time(text, clock_wall_us());
}

static uint64_t ollama_nanoseconds(uint64_t from_us, uint64_t to_us)
{
    return to_us > from_us ? (to_us - from_us) * 1000 : 1000; /* 0 would mean unknown */
}

/* What the last line of an answer knows: the end of the object, but for its brace. A count of 0 is
 * left out, as Ollama does. */
static void ollama_write_ending(const struct completion *completion, struct buffer *text)
{
    uint64_t now_us = clock_monotonic_us();
    buffer_append_format(text,
                         ",\"done\":true,\"done_reason\":\"%s\",\"total_duration\":%" PRIu64
                         ",\"load_duration\":%" PRIu64,
                         speech_was_cut(&completion->speech) ? "length" : "stop",
                         ollama_nanoseconds(completion->call_us, now_us),
                         ollama_nanoseconds(completion->call_us, completion->ready_us));
    if (completion->prompt_words > 0) {
        buffer_append_format(text, ",\"prompt_eval_count\":%" PRIu64, completion->prompt_words);
    }
    buffer_append_format(text,
                         ",\"prompt_eval_duration\":%" PRIu64 ",\"eval_count\":%" PRIu64
                         ",\"eval_duration\":%" PRIu64,
                         ollama_nanoseconds(completion->ready_us, completion->first_us),
                         completion->speech.words,
                         ollama_nanoseconds(completion->first_us, now_us));
}

/* ---- chat and generate differ in one member ---- */

static void ollama_write_message(struct buffer *text, struct slice content)
{
    buffer_append_string(text, ",\"message\":{\"role\":\"assistant\",\"content\":");
    buffer_append_json_string(text, content);
    buffer_append_byte(text, '}');
}

static void ollama_write_response(struct buffer *text, struct slice content)
{
    buffer_append_string(text, ",\"response\":");
    buffer_append_json_string(text, content);
}

static void ollama_chat_word(const struct completion *completion, struct slice word,
                             struct buffer *text)
{
    ollama_begin_line(text, completion->model);
    ollama_write_message(text, word);
    buffer_append_string(text, ",\"done\":false}\n");
}

static void ollama_chat_whole(const struct completion *completion, struct slice words,
                              struct buffer *text)
{
    ollama_begin_line(text, completion->model);
    ollama_write_message(text, words);
    ollama_write_ending(completion, text);
    buffer_append_byte(text, '}');
}

static void ollama_chat_last(const struct completion *completion, struct buffer *text)
{
    ollama_chat_whole(completion, (struct slice){0}, text);
    buffer_append_byte(text, '\n');
}

static void ollama_generate_word(const struct completion *completion, struct slice word,
                                 struct buffer *text)
{
    ollama_begin_line(text, completion->model);
    ollama_write_response(text, word);
    buffer_append_string(text, ",\"done\":false}\n");
}

static void ollama_generate_whole(const struct completion *completion, struct slice words,
                                  struct buffer *text)
{
    ollama_begin_line(text, completion->model);
    ollama_write_response(text, words);
    ollama_write_ending(completion, text);
    buffer_append_byte(text, '}');
}

static void ollama_generate_last(const struct completion *completion, struct buffer *text)
{
    ollama_generate_whole(completion, (struct slice){0}, text);
    buffer_append_byte(text, '\n');
}

static const struct completion_format ollama_chat_format = {
    .stream_content_type = "application/x-ndjson",
    .write_word = ollama_chat_word,
    .write_last = ollama_chat_last,
    .write_whole = ollama_chat_whole,
};

static const struct completion_format ollama_generate_format = {
    .stream_content_type = "application/x-ndjson",
    .write_word = ollama_generate_word,
    .write_last = ollama_generate_last,
    .write_whole = ollama_generate_whole,
};

/* options.num_predict; below 1 it means no limit, as there. */
static bool ollama_read_limit(struct client *client, struct json_value object, uint64_t *ret)
{
    struct json_value options;
    if (!body_inner_object(client, object, "options", &options)) {
        return false;
    }
    struct json_value number = body_member(options, "num_predict");
    if (number.kind == JSON_NUMBER && number.text.data[0] == '-') {
        *ret = 0;
        return true;
    }
    return body_number(client, options, "num_predict", 0, INT32_MAX, ret);
}

/* A call that asks nothing loads the model, or with keep_alive 0 unloads it: for an engine without
 * one that is done at once. */
static void ollama_reply_loaded(struct client *client, struct json_value object,
                                const struct completion_wish *wish)
{
    struct json_value keep_alive = body_member(object, "keep_alive");
    bool unloads = keep_alive.kind == JSON_NUMBER && slice_equals(keep_alive.text, SLICE("0"));
    struct buffer body;
    buffer_init(&body, reply_body_bytes_max);
    ollama_begin_line(&body, wish->model);
    if (wish->format == &ollama_chat_format) {
        ollama_write_message(&body, (struct slice){0});
    } else {
        ollama_write_response(&body, (struct slice){0});
    }
    buffer_append_format(&body, ",\"done\":true,\"done_reason\":\"%s\"}",
                         unloads ? "unload" : "load");
    reply_json(client, 200, &body);
    buffer_clear(&body);
}

void ollama_chat(struct client *client)
{
    static const char *const roles[] = {"system", "user", "assistant", "tool", NULL};
    static const struct conversation_rules rules = {.roles = roles};
    struct completion_wish wish = {.format = &ollama_chat_format, .streams = true};
    struct conversation conversation;
    struct json_value object;
    if (!body_object(client, &object) || !body_model(client, object, &wish.model) ||
        !body_flag(client, object, "stream", &wish.streams) ||
        !ollama_read_limit(client, object, &wish.words_max) ||
        !conversation_read(client, object, &rules, &conversation)) {
        return;
    }
    if (conversation.messages == 0) {
        ollama_reply_loaded(client, object, &wish);
        return;
    }
    wish.message = conversation.last_user;
    wish.prompt_words = conversation.words;
    completion_start(client, &wish);
}

void ollama_generate(struct client *client)
{
    struct completion_wish wish = {.format = &ollama_generate_format, .streams = true};
    struct json_value object;
    struct slice system;
    if (!body_object(client, &object) || !body_model(client, object, &wish.model) ||
        !body_flag(client, object, "stream", &wish.streams) ||
        !ollama_read_limit(client, object, &wish.words_max) ||
        !body_text(client, object, "system", false, &system) ||
        !body_text(client, object, "prompt", false, &wish.message)) {
        return;
    }
    if (wish.message.length == 0) {
        ollama_reply_loaded(client, object, &wish);
        return;
    }
    wish.prompt_words = speech_count_words(system) + speech_count_words(wish.message);
    completion_start(client, &wish);
}

/* ---- vectors ---- */

void ollama_embed(struct client *client)
{
    uint64_t dimensions = vector_dimensions_usual;
    uint64_t words = 0;
    struct json_value object;
    struct slice model;
    struct slice *texts;
    size_t count;
    if (!body_object(client, &object) || !body_model(client, object, &model) ||
        !body_number(client, object, "dimensions", 1, vector_dimensions_max, &dimensions) ||
        !body_texts(client, object, "input", &texts, &count)) {
        return;
    }
    struct buffer body;
    uint64_t ready_us = clock_monotonic_us();
    buffer_init(&body, reply_body_bytes_max);
    buffer_append_string(&body, "{\"model\":");
    buffer_append_json_string(&body, model);
    buffer_append_string(&body, ",\"embeddings\":");
    for (size_t i = 0; i < count; i++) {
        struct vector vector;
        vector_make(&vector, texts[i], (size_t)dimensions);
        buffer_append_byte(&body, i == 0 ? '[' : ',');
        vector_write(&vector, &body);
        words += speech_count_words(texts[i]);
    }
    buffer_append_format(&body, "],\"total_duration\":%" PRIu64 ",\"load_duration\":%" PRIu64,
                         ollama_nanoseconds(client->call.began_us, clock_monotonic_us()),
                         ollama_nanoseconds(client->call.began_us, ready_us));
    if (words > 0) {
        buffer_append_format(&body, ",\"prompt_eval_count\":%" PRIu64, words);
    }
    buffer_append_byte(&body, '}');
    reply_json(client, 200, &body);
    buffer_clear(&body);
}

void ollama_embed_one(struct client *client)
{
    struct json_value object;
    struct slice model;
    struct slice prompt;
    struct vector vector;
    if (!body_object(client, &object) || !body_model(client, object, &model) ||
        !body_text(client, object, "prompt", true, &prompt)) {
        return;
    }
    struct buffer body;
    buffer_init(&body, reply_body_bytes_max);
    vector_make(&vector, prompt, vector_dimensions_usual);
    buffer_append_string(&body, "{\"embedding\":");
    vector_write(&vector, &body);
    buffer_append_byte(&body, '}');
    reply_json(client, 200, &body);
    buffer_clear(&body);
}

/* ---- the one model ---- */

/* There is no file of weights, so its digest is all zeros, and its size 0. */
#define OLLAMA_DIGEST "0000000000000000000000000000000000000000000000000000000000000000"
#define OLLAMA_DETAILS                                                                             \
    "\"details\":{\"parent_model\":\"\",\"format\":\"none\",\"family\":\"stand-in\","              \
    "\"families\":[\"stand-in\"],\"parameter_size\":\"0\",\"quantization_level\":\"none\"}"

static void ollama_begin_model(struct buffer *body)
{
    buffer_append_string(body, "{\"models\":[{\"name\":\"" MODEL_NAME "\",\"model\":\"" MODEL_NAME
                               "\",\"size\":0,\"digest\":\"" OLLAMA_DIGEST "\"," OLLAMA_DETAILS);
}

void ollama_root(struct client *client)
{
    reply_text(client, 200, SLICE("Ollama is running"));
}

void ollama_version(struct client *client)
{
    struct buffer body;
    buffer_init(&body, reply_body_bytes_max);
    buffer_append_string(&body, "{\"version\":\"" AG_VERSION "\"}");
    reply_json(client, 200, &body);
    buffer_clear(&body);
}

void ollama_tags(struct client *client)
{
    struct buffer body;
    buffer_init(&body, reply_body_bytes_max);
    ollama_begin_model(&body);
    buffer_append_string(&body, ",\"modified_at\":");
    ollama_write_time(&body, client->server->started_us);
    buffer_append_string(&body, "}]}");
    reply_json(client, 200, &body);
    buffer_clear(&body);
}

void ollama_running(struct client *client)
{
    const int64_t loaded_for_us = (int64_t)5 * 60 * 1000 * 1000; /* it is always just used */
    struct buffer body;
    buffer_init(&body, reply_body_bytes_max);
    ollama_begin_model(&body);
    buffer_append_string(&body, ",\"size_vram\":0,\"expires_at\":");
    ollama_write_time(&body, clock_wall_us() + loaded_for_us);
    buffer_append_string(&body, "}]}");
    reply_json(client, 200, &body);
    buffer_clear(&body);
}

void ollama_show(struct client *client)
{
    struct json_value object;
    struct slice model;
    if (!body_object(client, &object) || !body_model(client, object, &model)) {
        return;
    }
    if (!slice_equals(model, SLICE(MODEL_NAME))) {
        reply_error(client, 404, "model", "model '%.*s' not found", SLICE_ARGS(model));
        return;
    }
    struct buffer body;
    buffer_init(&body, reply_body_bytes_max);
    buffer_append_string(&body, "{\"modelfile\":\"# " MODEL_NAME " has no model file\","
                                "\"parameters\":\"\",\"template\":\"\"," OLLAMA_DETAILS
                                ",\"model_info\":{\"general.architecture\":\"stand-in\"},"
                                "\"capabilities\":[\"completion\",\"embedding\"],\"modified_at\":");
    ollama_write_time(&body, client->server->started_us);
    buffer_append_byte(&body, '}');
    reply_json(client, 200, &body);
    buffer_clear(&body);
}

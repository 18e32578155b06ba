/* SPDX-License-Identifier: MIT
 *
 * completion.c - see completion.h. */
#include "completion.h"

#include "base/clock.h"
#include "base/random.h"
#include "client.h"
#include "reply.h"
#include "server.h"

enum {
    completion_arena_bytes_max = 512 * 1024, /* the quote, and a user and session out of one head */
    /* One turn without a delay: so that the other clients get theirs, and memory stays small. */
    completion_turn_words_max = 64,
    completion_turn_bytes_max = 16 * 1024,
};

void completion_init(struct completion *completion)
{
    *completion = (struct completion){0};
    arena_init(&completion->arena, completion_arena_bytes_max);
}

void completion_clear(struct completion *completion)
{
    arena_clear(&completion->arena);
    completion_init(completion);
}

/* Copies out of the call what the answer needs. */
static bool completion_fill(struct client *client, const struct completion_wish *wish)
{
    struct completion *completion = &client->completion;
    const struct call *call = &client->call;
    struct buffer text;
    buffer_init(&text, completion_arena_bytes_max);
    speech_write(&text, call_field(call, SLICE("X-Attach-User")),
                 call_field(call, SLICE("X-Attach-Session")), wish->message);
    bool filled = !text.failed &&
                  arena_copy(&completion->arena, buffer_slice(&text), &completion->speech.text) &&
                  arena_copy(&completion->arena, wish->model, &completion->model);
    buffer_clear(&text);
    completion->speech.rest = completion->speech.text;
    completion->speech.words_max = wish->words_max == 0 ? UINT64_MAX : wish->words_max;
    completion->speech.wanted = client->server->options.chunks;
    completion->prompt_words = wish->prompt_words;
    completion->include_usage = wish->include_usage;
    completion->call_us = call->began_us;
    completion->ready_us = clock_monotonic_us();
    completion->created_s = clock_wall_s();
    random_hex(&client->server->random, completion_id_digits / 2, completion->id);
    return filled;
}

static void completion_give_whole(struct client *client, const struct completion_format *format)
{
    struct completion *completion = &client->completion;
    struct buffer words;
    struct buffer body;
    struct slice word;
    buffer_init(&words, reply_body_bytes_max);
    buffer_init(&body, reply_body_bytes_max);
    while (!words.failed && speech_next(&completion->speech, &word)) {
        buffer_append(&words, word);
    }
    format->write_whole(completion, buffer_slice(&words), &body);
    body.failed = body.failed || words.failed;
    reply_json(client, 200, &body);
    buffer_clear(&words);
    buffer_clear(&body);
    completion_clear(completion);
}

void completion_start(struct client *client, const struct completion_wish *wish)
{
    struct completion *completion = &client->completion;
    if (!completion_fill(client, wish)) {
        completion_clear(completion);
        reply_error(client, 500, NULL, "out of memory");
        return;
    }
    completion->first_us = clock_monotonic_us();
    if (!wish->streams) {
        completion_give_whole(client, wish->format);
        return;
    }
    completion->format = wish->format;
    reply_stream_begin(client, wish->format->stream_content_type);
    if (wish->format->write_first != NULL) {
        struct buffer text;
        buffer_init(&text, reply_body_bytes_max);
        wish->format->write_first(completion, &text);
        reply_stream_piece(client, &text);
        buffer_clear(&text);
    }
    completion_turn(client);
}

void completion_turn(struct client *client)
{
    struct completion *completion = &client->completion;
    unsigned words = client->server->options.delay_ms > 0 ? 1 : completion_turn_words_max;
    struct buffer line;
    struct slice word;
    bool more = true;
    buffer_init(&line, reply_body_bytes_max);
    for (unsigned i = 0; i < words && more; i++) {
        if (client->output.length >= completion_turn_bytes_max) {
            break;
        }
        more = speech_next(&completion->speech, &word);
        if (more) {
            completion->format->write_word(completion, word, &line);
        } else {
            completion->format->write_last(completion, &line);
        }
        reply_stream_piece(client, &line);
        buffer_reset(&line);
    }
    buffer_clear(&line);
    if (!more) {
        reply_stream_end(client);
        completion_clear(completion);
    }
}

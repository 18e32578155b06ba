/* SPDX-License-Identifier: MIT
 *
 * completion.h - one answer on its way to the client, whole or word by word.
 *
 * The dialects say what is wished and how it is written down (completion_format); this says when.
 * From the beginning of a stream on it lives by itself: the call it answers is given back, so an
 * open stream holds its text and one line. Owning worker only. */
#ifndef AG_ENGINE_COMPLETION_H
#define AG_ENGINE_COMPLETION_H

#include "base/arena.h"
#include "base/buffer.h"
#include "speech.h"

struct client;
struct completion;

/* How a dialect writes an answer down. Every function appends to <text>. */
struct completion_format {
    const char *stream_content_type;
    /* Before the first word; NULL: nothing. */
    void (*write_first)(const struct completion *completion, struct buffer *text);
    void (*write_word)(const struct completion *completion, struct slice word, struct buffer *text);
    /* After the last word. */
    void (*write_last)(const struct completion *completion, struct buffer *text);
    /* The one answer of a call that wants no stream. */
    void (*write_whole)(const struct completion *completion, struct slice words,
                        struct buffer *text);
};

/* What the client wishes; the slices are the call's. */
struct completion_wish {
    const struct completion_format *format;
    struct slice model;
    struct slice message;  /* what the user said last */
    uint64_t prompt_words; /* of all that was sent */
    uint64_t words_max;    /* 0: no limit */
    bool streams;
    bool include_usage; /* in a stream of the OpenAI dialect */
};

enum { completion_id_digits = 24 };

struct completion {
    const struct completion_format *format; /* NULL: none runs */
    struct arena arena;                     /* <model> and the text of <speech> */
    struct slice model;
    struct speech speech;
    uint64_t prompt_words;
    uint64_t call_us;  /* the call was there, */
    uint64_t ready_us; /* was understood, */
    uint64_t first_us; /* and its answer began */
    int64_t created_s;
    bool include_usage;
    char id[completion_id_digits];
};

void completion_init(struct completion *completion);
void completion_clear(struct completion *completion);

/* Answers the client's call: whole, or by beginning a stream with its first word. */
void completion_start(struct client *client, const struct completion_wish *wish);

/* Says some more of a running stream, and ends it after the last word. To be called when what was
 * said before has been sent. */
void completion_turn(struct client *client);

static inline bool completion_is_running(const struct completion *completion)
{
    return completion->format != NULL;
}

#endif

/* SPDX-License-Identifier: MIT
 *
 * reader.h - what the dialects share: one call being read. Private to this folder.
 *
 * reader.c finds the pieces of a reply, whatever their framing, and a dialect says what a piece
 * means. One thread. */
#ifndef AG_DIALECT_READER_H
#define AG_DIALECT_READER_H

#include "dialect/answer.h"
#include "dialect/dialect.h"
#include "http/splitter_sse.h"

enum {
    reader_piece_bytes_max = 8 * 1024 * 1024, /* one event, one line, or the one document */
};

struct dialect {
    const char *name;
    /* <body> is JSON, of any kind. */
    void (*read_request)(struct dialect_reader *reader, struct json_value body);
    /* <piece> is an object: an event's data, a line, or the whole document. */
    void (*read_reply)(struct dialect_reader *reader, struct json_value piece);
};

#define DIALECT(symbol, path) extern const struct dialect dialect_##symbol;
#include "dialect/dialects.def"
#undef DIALECT

enum reader_framing {
    READER_UNDECIDED = 0, /* before the first byte that says something */
    READER_EVENTS,
    READER_LINES,
    READER_DOCUMENT, /* JSON over several lines */
    READER_UNREADABLE,
};

struct dialect_reader {
    const struct dialect *dialect;
    struct exchange exchange; /* its texts are filled in at the end */
    size_t text_bytes_max;

    struct text_room prompt_room;
    struct text prompt;
    struct text_word model;
    struct text_word finish_reason;
    bool has_reply_model;

    struct answer answer;
    struct text_room completion_room;
    struct text completion; /* put together at the end */
    struct text error;

    bool says_events; /* the content type */
    bool has_error_status;
    bool is_over;   /* dialect_reply_end was called */
    bool has_piece; /* one was readable */
    enum reader_framing framing;
    struct splitter_sse events;
    struct splitter_ndjson lines;
    struct buffer document;
};

/* The model a reply names; its first piece decides. */
void reader_model(struct dialect_reader *reader, struct json_value model);
void reader_finish_reason(struct dialect_reader *reader, struct json_value reason);
/* A string, or an object with a message; anything else is no error. True when it is one. */
bool reader_error(struct dialect_reader *reader, struct json_value error);
/* Numbers replace what was there. */
void reader_tokens(struct dialect_reader *reader, struct json_value in, struct json_value out);

/* A reply of OpenAI's chat; engines of that kind also answer /api/chat. */
void openai_chat_read_reply(struct dialect_reader *reader, struct json_value piece);
/* What openai_chat and openai_completions have in common. */
void openai_read_usage(struct dialect_reader *reader, struct json_value usage);

#endif

/* SPDX-License-Identifier: MIT
 *
 * text.h - plain text that is put together from pieces of JSON, up to a cap.
 *
 * Texts that share a room share its cap. What does not fit is cut at a whole UTF-8 character, and
 * nothing more is kept. Takes only what json_parse has checked, so that what is kept is UTF-8;
 * U+0000, which few databases store, becomes U+FFFD. The reader's thread only. */
#ifndef AG_DIALECT_TEXT_H
#define AG_DIALECT_TEXT_H

#include "base/buffer.h"
#include "base/json.h"

struct text_room {
    size_t left;    /* bytes that may still be kept */
    bool was_short; /* something was cut, or found no memory */
};

struct text {
    struct buffer bytes;
    struct text_room *room;
};

void text_init(struct text *text, struct text_room *room);
void text_clear(struct text *text);

/* <bytes> are UTF-8. */
void text_append(struct text *text, struct slice bytes);

/* The text of a string, escapes resolved; nothing for any other value. */
void text_append_json(struct text *text, struct json_value value);

/* A string with at least one character. */
bool text_is_said(struct json_value value);

/* A short text in the engine's own words, such as a model's name. */
struct text_word {
    struct text_room room;
    struct text text;
};

void text_word_init(struct text_word *word);
/* Puts <value> in place of what was there, when it is a string and not empty. */
void text_word_set(struct text_word *word, struct json_value value);

#endif

/* SPDX-License-Identifier: MIT
 *
 * speech.h - what the engine says, and how it counts: one word is one token.
 *
 * The text is made once; a walk over it then gives word after word, each with the white space
 * before it, so that the words put together are the text. It knows no dialect and does no I/O. Any
 * thread. */
#ifndef AG_ENGINE_SPEECH_H
#define AG_ENGINE_SPEECH_H

#include "base/buffer.h"

enum {
    speech_quote_bytes_max = 64 * 1024, /* of what the user said; the rest is left out, visibly */
};

/* Appends the whole answer: what this is, who the gateway says is asking, what was asked. Empty
 * slices for what nobody told us. */
void speech_write(struct buffer *text, struct slice user, struct slice session,
                  struct slice message);

/* Words of <text>: runs of anything but white space. */
uint64_t speech_count_words(struct slice text);

struct speech {
    struct slice text;  /* as speech_write made it */
    struct slice rest;  /* not said yet, in this round */
    uint64_t words;     /* said so far */
    uint64_t words_max; /* what the client allows */
    uint64_t wanted;    /* say exactly so many, the text again and again; 0: the text once */
};

/* The next word; false when everything is said, or <words_max> is reached. */
bool speech_next(struct speech *speech, struct slice *ret_word) MUST_CHECK;

/* True when the walk ended because of <words_max> alone. */
bool speech_was_cut(const struct speech *speech) MUST_CHECK;

#endif

/* SPDX-License-Identifier: MIT
 *
 * words.h - texts cut into words, as the embedded backend's search sees them: letters and digits,
 * without case and accents (FTS5's tokenizer unicode61).
 *
 * What is kept of a word elsewhere is a number of 31 bits (word_postings.h). Two words may share
 * one, so whatever was found by numbers is compared with the words themselves by
 * words_wanted_match. The thread of the database, only. */
#ifndef AG_MEM_WORDS_H
#define AG_MEM_WORDS_H

#include "base/buffer.h"
#include "mem/word_postings.h"
#include "store/database.h"

enum {
    words_wanted_max = 32,
    words_wanted_bytes_max = 64 * 1024,
};

struct words_cutter {
    fts5_tokenizer tokenizer;
    Fts5Tokenizer *handle; /* NULL: closed */
};

enum status words_cutter_open(struct database *database, struct words_cutter *ret,
                              struct failure *reterr) MUST_CHECK;
void words_cutter_close(struct words_cutter *cutter);

/* Adds the number of each word of <text>, as often as it stands there. A failure is the postings'.
 */
void words_number(struct words_cutter *cutter, struct slice text, uint32_t row,
                  struct postings *postings);

/* The words of a question. */
struct words_wanted {
    struct buffer texts; /* one after the other */
    size_t count;
    struct {
        uint32_t number;
        uint32_t start; /* in texts */
        uint32_t length;
    } words[words_wanted_max];
};

/* STATUS_INVALID: too many. Clear it after any outcome. */
enum status words_wanted_make(struct words_cutter *cutter, struct slice text,
                              struct words_wanted *ret, struct failure *reterr) MUST_CHECK;
void words_wanted_clear(struct words_wanted *wanted);
/* Each of the words stands in one of <texts>. */
bool words_wanted_match(struct words_cutter *cutter, const struct words_wanted *wanted,
                        const struct slice *texts, size_t count);

#endif

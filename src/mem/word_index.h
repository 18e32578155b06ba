/* SPDX-License-Identifier: MIT
 *
 * word_index.h - the indexes of the events table: for each owner, which rows there are, and which
 * words are in them.
 *
 * A new row is only noted as pending: whoever reads looks at the few pending rows of the owner,
 * too. When they are some tens, in the same transaction, they are entered into the tables by which
 * rows are listed, and their words become a segment: many owners that write in turns would
 * otherwise touch pages of their own with each row. When there are some segments of a size, they
 * are merged into one of the next size, so that a row is written three times and no more, and an
 * owner with a million rows has some 150 segments. Nothing runs in the background, nothing has to
 * be caught up after a crash.
 *
 * A segment keeps numbers of words (words.h), not words: what it finds are candidates, and the
 * caller looks into the row. Rows that are not there any more do no harm in it. The thread of the
 * database, only. */
#ifndef AG_MEM_WORD_INDEX_H
#define AG_MEM_WORD_INDEX_H

#include "mem/words.h"

enum {
    word_index_pending_rows = 64, /* so many, or so many bytes, become a segment */
    word_index_pending_bytes = 128 * 1024,
    word_index_segment_rows_max = 1024, /* of one made of pending rows */
    word_index_segment_bytes_max = 4 * 1024 * 1024,
    word_index_levels = 3,
};

/* Notes that <seq> was inserted, with so many bytes of text. */
enum status word_index_add(struct database *database, int64_t owner, int64_t seq, size_t bytes,
                           struct failure *reterr) MUST_CHECK;
/* After all additions of a job, for each of their owners: makes and merges segments when it is time
 * to. */
enum status word_index_tend(struct database *database, struct words_cutter *cutter, int64_t owner,
                            struct failure *reterr) MUST_CHECK;

/* The row <seq> will be deleted, or has been: forgets that it is pending. *ret_was: it was. */
enum status word_index_drop(struct database *database, int64_t owner, int64_t seq, bool *ret_was,
                            struct failure *reterr) MUST_CHECK;
/* Removes a row that is not pending from its segment; <texts> are its texts. */
enum status word_index_remove(struct database *database, struct words_cutter *cutter, int64_t owner,
                              int64_t seq, const struct slice *texts, size_t count,
                              struct failure *reterr) MUST_CHECK;
/* Removes the owner's segments whose rows are all below <least>, the least that is left. */
enum status word_index_remove_below(struct database *database, int64_t owner, int64_t least,
                                    struct failure *reterr) MUST_CHECK;
/* Takes the rows below <least> out of some segments, of all owners: of those that have rows more
 * than <slack> below it, so that each segment is rewritten seldom. */
enum status word_index_expire(struct database *database, int64_t least, int64_t slack,
                              struct failure *reterr) MUST_CHECK;

/* ---- searching ---- */

struct word_search;

/* The rows of <owner> up to <most> that may have all of the words, highest first. One transaction
 * must span begin to end. */
enum status word_search_begin(struct database *database, int64_t owner,
                              const struct words_wanted *wanted, int64_t most,
                              struct word_search **ret, struct failure *reterr) MUST_CHECK;
/* STATUS_NOT_FOUND: no more. */
enum status word_search_next(struct word_search *search, int64_t *ret_seq,
                             struct failure *reterr) MUST_CHECK;
void word_search_end(struct word_search *search); /* takes NULL */

/* ---- a segment, for word_index.c and word_search.c ---- */

enum { word_index_seq_gone = -1 }; /* in place of the seq of a removed row */

/* The places of parts in words_parts: those of a segment stand together. */
static inline int64_t word_index_part_id(int64_t segment, uint32_t part)
{
    return segment << postings_part_bits_max | part;
}
/* The seqs of a segment as they stand in the table. */
int64_t word_index_seq_at(struct slice seqs, size_t row);
size_t word_index_seqs_count(struct slice seqs);

#endif

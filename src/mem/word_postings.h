/* SPDX-License-Identifier: MIT
 *
 * word_postings.h - which words are in which rows: sorted, packed into parts, looked up. Bytes in
 * memory; the tables are word_index.c's.
 *
 * A posting says that a word, known by a number of 31 bits, is in a row, known by its place in a
 * segment. The postings of a segment are cut into 2^bits parts by the upper bits of the number, so
 * that a word is looked up in one part of some 2 KiB. A part is groups of
 *
 *   varint: the number's other bits, less those of the group before
 *   varint: bytes that follow
 *   varints: the first row, then the distance to the next, ...
 *
 * with varints of 7 bits a byte, the lower ones first. Owner's thread only. */
#ifndef AG_MEM_WORD_POSTINGS_H
#define AG_MEM_WORD_POSTINGS_H

#include "base/buffer.h"

enum {
    postings_number_bits = 31,
    postings_part_bits_max = 12,
};

struct postings {
    uint64_t *items; /* number << 32 | row */
    size_t count;
    size_t capacity;
    bool failed; /* sticky: no memory */
};

void postings_clear(struct postings *postings);
void postings_grow(struct postings *postings);

static inline void postings_add(struct postings *postings, uint32_t number, uint32_t row)
{
    if (postings->count == postings->capacity) {
        postings_grow(postings);
    }
    if (!postings->failed) {
        postings->items[postings->count++] = (uint64_t)number << 32 | row;
    }
}

/* By number, then row; each once. The rows of a number must have been added in rising order. */
void postings_sort(struct postings *postings);

/* How to cut <postings>. */
unsigned postings_part_bits(const struct postings *postings);

static inline uint32_t postings_part_of(uint32_t number, unsigned part_bits)
{
    return number >> (postings_number_bits - part_bits);
}

/* Appends the next part of sorted <postings>, from *from on; *from goes behind it. */
void postings_pack(const struct postings *postings, size_t *from, unsigned part_bits,
                   struct buffer *packed);

/* A row that is left out. */
#define POSTINGS_ROW_GONE UINT32_MAX

/* Adds all of a part, its rows renamed: <rows>[old] is the new one. False: the bytes are damaged.
 */
bool postings_unpack(struct slice packed, uint32_t part, unsigned part_bits, const uint32_t *rows,
                     size_t rows_count, struct postings *postings) MUST_CHECK;

/* Writes the rows of <number>, rising, to <ret_rows> (room for <rows_count>); false: damaged. */
bool postings_find(struct slice packed, uint32_t number, unsigned part_bits, size_t rows_count,
                   uint32_t *ret_rows, size_t *ret_count) MUST_CHECK;

#endif

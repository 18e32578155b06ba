/* SPDX-License-Identifier: MIT
 *
 * word_postings.c - sorts postings, packs them and finds them again. */
#include "mem/word_postings.h"

#include "base/pace.h"

#include <stdlib.h>
#include <string.h>

enum {
    part_postings = 1500, /* in one part, about: what they take fits a page of the database */
    varint_bytes_max = 5,
    digit_bits = 8,
    digits = 1 << digit_bits,
    piece_postings = 8192, /* are sorted between two points at which the thread can rest */
};

void postings_clear(struct postings *postings)
{
    free(postings->items);
    *postings = (struct postings){.items = NULL};
}

void postings_grow(struct postings *postings)
{
    size_t capacity = postings->capacity == 0 ? 4096 : postings->capacity * 2;
    uint64_t *grown = NULL;
    if (!postings->failed && capacity < SIZE_MAX / sizeof(*grown)) {
        grown = realloc(postings->items, capacity * sizeof(*grown));
    }
    if (grown == NULL) {
        postings->failed = true;
        return;
    }
    postings->items = grown;
    postings->capacity = capacity;
}

/* ---- sorting ---- */

static size_t piece_end(size_t from, size_t count)
{
    pace_point();
    return count - from < piece_postings ? count : from + piece_postings;
}

static void sort_digit(const uint64_t *from, uint64_t *to, size_t count, unsigned shift)
{
    size_t places[digits] = {0};
    for (size_t i = 0; i < count;) {
        for (size_t end = piece_end(i, count); i < end; i++) {
            places[from[i] >> shift & (digits - 1)]++;
        }
    }
    size_t sum = 0;
    for (size_t i = 0; i < digits; i++) {
        size_t next = sum + places[i];
        places[i] = sum;
        sum = next;
    }
    for (size_t i = 0; i < count;) {
        for (size_t end = piece_end(i, count); i < end; i++) {
            to[places[from[i] >> shift & (digits - 1)]++] = from[i];
        }
    }
}

/* Radix sort, stable: the rows of a number keep their order. */
void postings_sort(struct postings *postings)
{
    if (postings->failed || postings->count == 0) {
        return;
    }
    uint64_t *other = malloc(postings->capacity * sizeof(*other));
    if (other == NULL) {
        postings->failed = true;
        return;
    }
    for (unsigned shift = 32; shift < 32 + postings_number_bits; shift += digit_bits) {
        sort_digit(postings->items, other, postings->count, shift);
        uint64_t *sorted = other;
        other = postings->items;
        postings->items = sorted;
    }
    free(other);
    size_t kept = 1;
    for (size_t i = 1; i < postings->count;) {
        for (size_t end = piece_end(i, postings->count); i < end; i++) {
            if (postings->items[i] != postings->items[kept - 1]) {
                postings->items[kept++] = postings->items[i];
            }
        }
    }
    postings->count = kept;
}

/* ---- packing ---- */

unsigned postings_part_bits(const struct postings *postings)
{
    unsigned bits = 0;
    while (bits < postings_part_bits_max && postings->count >> bits > part_postings) {
        bits++;
    }
    return bits;
}

static size_t varint_length(uint32_t value)
{
    size_t length = 1;
    for (; value >= 128; value >>= 7) {
        length++;
    }
    return length;
}

static char *varint_put(char *at, uint32_t value)
{
    for (; value >= 128; value >>= 7) {
        *at++ = (char)(value | 128);
    }
    *at++ = (char)value;
    return at;
}

static uint32_t number_at(const struct postings *postings, size_t place)
{
    return (uint32_t)(postings->items[place] >> 32);
}

/* Appends the postings from <from> up to <to>, of one number. */
static void pack_group(const struct postings *postings, size_t from, size_t to, uint32_t distance,
                       struct buffer *packed)
{
    size_t bytes = 0;
    uint32_t before = 0;
    for (size_t i = from; i < to; i++) {
        uint32_t row = (uint32_t)postings->items[i];
        bytes += varint_length(row - before);
        before = row;
    }
    char *start = buffer_reserve(packed, bytes + 2 * (size_t)varint_bytes_max);
    if (start == NULL) {
        return;
    }
    char *at = varint_put(varint_put(start, distance), (uint32_t)bytes);
    before = 0;
    for (size_t i = from; i < to; i++) {
        uint32_t row = (uint32_t)postings->items[i];
        at = varint_put(at, row - before);
        before = row;
    }
    packed->length += (size_t)(at - start);
}

void postings_pack(const struct postings *postings, size_t *from, unsigned part_bits,
                   struct buffer *packed)
{
    size_t at = *from;
    uint32_t part = postings_part_of(number_at(postings, at), part_bits);
    uint32_t before = part << (postings_number_bits - part_bits);
    while (at < postings->count) {
        uint32_t number = number_at(postings, at);
        if (postings_part_of(number, part_bits) != part) {
            break;
        }
        size_t end = at + 1;
        while (end < postings->count && number_at(postings, end) == number) {
            end++;
        }
        pack_group(postings, at, end, number - before, packed);
        before = number;
        at = end;
    }
    *from = at;
}

/* ---- unpacking ---- */

struct cursor {
    const unsigned char *at;
    const unsigned char *end;
};

static bool varint_get(struct cursor *cursor, uint32_t *ret)
{
    uint32_t value = 0;
    for (unsigned shift = 0; shift < 35 && cursor->at < cursor->end; shift += 7) {
        uint32_t byte = *cursor->at++;
        value |= (byte & 127) << shift;
        if (byte < 128) {
            *ret = value;
            return true;
        }
    }
    return false;
}

/* The next group: its number, and a cursor over its rows. */
static bool group_get(struct cursor *cursor, uint32_t *number, struct cursor *ret_rows)
{
    uint32_t distance = 0;
    uint32_t bytes = 0;
    if (!varint_get(cursor, &distance) || !varint_get(cursor, &bytes) ||
        bytes > (size_t)(cursor->end - cursor->at)) {
        return false;
    }
    *number += distance;
    *ret_rows = (struct cursor){.at = cursor->at, .end = cursor->at + bytes};
    cursor->at += bytes;
    return true;
}

static struct cursor cursor_over(struct slice packed)
{
    const unsigned char *bytes = (const unsigned char *)packed.data;
    return (struct cursor){.at = bytes, .end = bytes + packed.length};
}

bool postings_unpack(struct slice packed, uint32_t part, unsigned part_bits, const uint32_t *rows,
                     size_t rows_count, struct postings *postings)
{
    struct cursor cursor = cursor_over(packed);
    uint32_t number = part << (postings_number_bits - part_bits);
    while (cursor.at < cursor.end) {
        struct cursor group;
        if (!group_get(&cursor, &number, &group)) {
            return false;
        }
        uint32_t row = 0;
        while (group.at < group.end) {
            uint32_t distance = 0;
            if (!varint_get(&group, &distance) || (row += distance) >= rows_count ||
                number >> postings_number_bits != 0) {
                return false;
            }
            if (rows[row] != POSTINGS_ROW_GONE) {
                postings_add(postings, number, rows[row]);
            }
        }
    }
    return true;
}

bool postings_find(struct slice packed, uint32_t number, unsigned part_bits, size_t rows_count,
                   uint32_t *ret_rows, size_t *ret_count)
{
    struct cursor cursor = cursor_over(packed);
    uint32_t seen = postings_part_of(number, part_bits) << (postings_number_bits - part_bits);
    size_t count = 0;
    while (cursor.at < cursor.end) {
        struct cursor group;
        if (!group_get(&cursor, &seen, &group)) {
            return false;
        }
        if (seen < number) {
            continue;
        }
        uint32_t row = 0;
        while (seen == number && group.at < group.end) {
            uint32_t distance = 0;
            if (!varint_get(&group, &distance) || (row += distance) >= rows_count ||
                count == rows_count) {
                return false;
            }
            ret_rows[count++] = row;
        }
        break;
    }
    *ret_count = count;
    return true;
}

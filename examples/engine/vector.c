/* SPDX-License-Identifier: MIT
 *
 * vector.c - see vector.h. */
#include "vector.h"

#include <endian.h>
#include <math.h>
#include <openssl/evp.h>

/* FNV-1a, then stirred, because short words leave its upper bits alike (the finaliser of
 * MurmurHash3). */
static uint64_t vector_hash(struct slice word)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < word.length; i++) {
        hash = (hash ^ (unsigned char)word.data[i]) * 0x100000001b3u;
    }
    hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccdu;
    hash = (hash ^ hash >> 33) * 0xc4ceb9fe1a85ec53u;
    return hash ^ hash >> 33;
}

/* A word moves four of the values, up or down. */
static void vector_add_word(struct vector *vector, struct slice word)
{
    uint64_t hash = vector_hash(word);
    for (int i = 0; i < 4; i++, hash >>= 16) {
        float step = (hash & 0x8000) != 0 ? -1.0F : 1.0F;
        vector->values[(hash & 0x7FFF) % vector->dimensions] += step;
    }
}

void vector_make(struct vector *ret, struct slice text, size_t dimensions)
{
    double square = 0;
    size_t at = 0;
    *ret = (struct vector){.dimensions = dimensions};
    while (at < text.length) {
        size_t start = at;
        while (at < text.length && (unsigned char)text.data[at] > ' ') {
            at++;
        }
        if (at > start) {
            vector_add_word(ret, slice_make(text.data + start, at - start));
        }
        at++;
    }
    for (size_t i = 0; i < dimensions; i++) {
        square += (double)ret->values[i] * (double)ret->values[i];
    }
    for (size_t i = 0; i < dimensions && square > 0; i++) {
        ret->values[i] = (float)((double)ret->values[i] / sqrt(square));
    }
}

void vector_write(const struct vector *vector, struct buffer *text)
{
    for (size_t i = 0; i < vector->dimensions; i++) {
        buffer_append_format(text, "%c%.7f", i == 0 ? '[' : ',', (double)vector->values[i]);
    }
    buffer_append_byte(text, ']');
}

void vector_write_base64(const struct vector *vector, struct buffer *text)
{
    uint32_t words[vector_dimensions_max];
    size_t length = vector->dimensions * sizeof(words[0]);
    for (size_t i = 0; i < vector->dimensions; i++) {
        uint32_t bits;
        memcpy(&bits, &vector->values[i], sizeof(bits));
        words[i] = htole32(bits);
    }
    buffer_append_byte(text, '"');
    /* EVP_EncodeBlock ends what it writes with a NUL. */
    char *room = buffer_reserve(text, (length + 2) / 3 * 4 + 1);
    if (room != NULL) {
        text->length += (size_t)EVP_EncodeBlock((unsigned char *)room, (const unsigned char *)words,
                                                (int)length);
    }
    buffer_append_byte(text, '"');
}

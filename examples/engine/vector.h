/* SPDX-License-Identifier: MIT
 *
 * vector.h - turns a text into numbers: the hashes of its words decide which of them grow.
 *
 * The same text always gives the same vector, of length 1 (0 without any word), and texts that
 * share words give vectors that lie closer. It means nothing beyond that. Any thread. */
#ifndef AG_ENGINE_VECTOR_H
#define AG_ENGINE_VECTOR_H

#include "base/buffer.h"

enum {
    vector_dimensions_usual = 64,
    vector_dimensions_max = 1024,
};

struct vector {
    size_t dimensions;
    float values[vector_dimensions_max];
};

/* <dimensions> from 1 to vector_dimensions_max. */
void vector_make(struct vector *ret, struct slice text, size_t dimensions);

/* Appends "[0.5,-0.5]". */
void vector_write(const struct vector *vector, struct buffer *text);

/* Appends a JSON string: base64 of the values as little-endian 32-bit floats. */
void vector_write_base64(const struct vector *vector, struct buffer *text);

#endif

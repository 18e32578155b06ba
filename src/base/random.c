/* SPDX-License-Identifier: MIT
 *
 * random.c - getrandom(2). */
#include "base/random.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

void random_fill(void *bytes, size_t count)
{
    unsigned char *at = bytes;
    while (count > 0) {
        ssize_t got = getrandom(at, count, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            abort(); /* no identity can be kept apart without randomness */
        }
        at += got;
        count -= (size_t)got;
    }
}

void random_hex(struct random_source *source, size_t count, char *ret_digits)
{
    static const char hex[] = "0123456789abcdef";
    if (source->left < count) {
        random_fill(source->bytes, sizeof(source->bytes));
        source->left = sizeof(source->bytes);
    }
    for (size_t i = 0; i < count; i++) {
        unsigned char byte = source->bytes[--source->left];
        ret_digits[2 * i] = hex[byte >> 4];
        ret_digits[2 * i + 1] = hex[byte & 15];
    }
}

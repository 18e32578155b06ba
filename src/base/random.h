/* SPDX-License-Identifier: MIT
 *
 * random.h - unpredictable bytes from the kernel. Any thread. */
#ifndef AG_BASE_RANDOM_H
#define AG_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Fills <bytes>; a kernel that cannot is a reason to abort, so there is no failure to check. */
void random_fill(void *bytes, size_t count);

/* A thread's store of random bytes, refilled 512 at a time, for ids made on the data path.
 * Zero-initialise. */
struct random_source {
    unsigned char bytes[512];
    size_t left;
};

/* Writes <count> bytes as 2 * <count> lower-case hex digits, no NUL; <count> at most 64. Owning
 * thread only. */
void random_hex(struct random_source *source, size_t count, char *ret_digits);

#endif

/* SPDX-License-Identifier: MIT
 *
 * siphash.h - SipHash-2-4: a hash for tables that strangers fill (Aumasson and Bernstein, 2012). It
 * authenticates nothing. Any thread. */
#ifndef AG_AUTH_SIPHASH_H
#define AG_AUTH_SIPHASH_H

#include "base/slice.h"

struct siphash_key {
    uint64_t words[2];
};

uint64_t siphash(const struct siphash_key *key, struct slice text);

#endif

/* SPDX-License-Identifier: MIT
 *
 * keccak.h - Keccak-256 as Ethereum uses it: SHA3-256 with the padding it had before FIPS 202.
 *
 * OpenSSL has it from 3.2 only. Any thread. */
#ifndef AG_AUTH_KECCAK_H
#define AG_AUTH_KECCAK_H

#include "base/slice.h"

enum {
    keccak_bytes = 32,
    keccak_rate = 136,
    keccak_padding = 0x01,
    keccak_padding_sha3 = 0x06, /* the same code is then SHA3-256, which OpenSSL can check */
};

/* Zero-initialise, but for <padding> where it is not to be Keccak's own. */
struct keccak {
    uint64_t lanes[25];
    unsigned char padding; /* 0: keccak_padding */
    size_t filled;         /* bytes of the block that are in */
};

void keccak_update(struct keccak *keccak, struct slice bytes);
void keccak_finish(struct keccak *keccak, unsigned char ret_hash[keccak_bytes]);

/* All in one. */
void keccak_256(struct slice bytes, unsigned char ret_hash[keccak_bytes]);

#endif

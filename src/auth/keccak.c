/* SPDX-License-Identifier: MIT
 *
 * keccak.c - the permutation Keccak-f[1600] and its sponge (FIPS 202 section 3, with 10*1 padding
 * alone). Any thread. */
#include "auth/keccak.h"

static const uint64_t round_constants[24] = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000,
    0x000000000000808b, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009,
    0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
    0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003,
    0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
};

/* The way of rho and pi: which lane comes next, and by how much what it takes over is rotated. */
static const unsigned char pi_lanes[24] = {10, 7,  11, 17, 18, 3, 5,  16, 8,  21, 24, 4,
                                           15, 23, 19, 13, 12, 2, 20, 14, 22, 9,  6,  1};
static const unsigned char rho_bits[24] = {1,  3,  6,  10, 15, 21, 28, 36, 45, 55, 2,  14,
                                           27, 41, 56, 8,  25, 43, 62, 18, 39, 61, 20, 44};

static uint64_t rotate(uint64_t word, unsigned bits)
{
    return word << bits | word >> (64 - bits);
}

/* The loops over five have fixed bounds and no remainders, so that compilers take them apart. */
static void theta(uint64_t lanes[25])
{
    uint64_t columns[5];
    for (size_t x = 0; x < 5; x++) {
        columns[x] = lanes[x] ^ lanes[x + 5] ^ lanes[x + 10] ^ lanes[x + 15] ^ lanes[x + 20];
    }
    const uint64_t changes[5] = {
        columns[4] ^ rotate(columns[1], 1), columns[0] ^ rotate(columns[2], 1),
        columns[1] ^ rotate(columns[3], 1), columns[2] ^ rotate(columns[4], 1),
        columns[3] ^ rotate(columns[0], 1),
    };
    for (size_t y = 0; y < 25; y += 5) {
        for (size_t x = 0; x < 5; x++) {
            lanes[y + x] ^= changes[x];
        }
    }
}

static void chi(uint64_t row[5])
{
    uint64_t a = row[0];
    uint64_t b = row[1];
    row[0] ^= ~b & row[2];
    row[1] ^= ~row[2] & row[3];
    row[2] ^= ~row[3] & row[4];
    row[3] ^= ~row[4] & a;
    row[4] ^= ~a & b;
}

static void permute(uint64_t lanes[25])
{
    for (size_t round = 0; round < 24; round++) {
        theta(lanes);
        uint64_t carried = lanes[1]; /* rho and pi */
#pragma GCC unroll 24
        for (size_t i = 0; i < 24; i++) {
            uint64_t held = lanes[pi_lanes[i]];
            lanes[pi_lanes[i]] = rotate(carried, rho_bits[i]);
            carried = held;
        }
        for (size_t y = 0; y < 25; y += 5) {
            chi(lanes + y);
        }
        lanes[0] ^= round_constants[round]; /* iota */
    }
}

/* The lanes are little-endian whatever the machine is. */
static void absorb_byte(struct keccak *keccak, size_t at, unsigned char byte)
{
    keccak->lanes[at / 8] ^= (uint64_t)byte << (8 * (at % 8));
}

void keccak_update(struct keccak *keccak, struct slice bytes)
{
    for (size_t i = 0; i < bytes.length; i++) {
        absorb_byte(keccak, keccak->filled++, (unsigned char)bytes.data[i]);
        if (keccak->filled == keccak_rate) {
            permute(keccak->lanes);
            keccak->filled = 0;
        }
    }
}

void keccak_finish(struct keccak *keccak, unsigned char ret_hash[keccak_bytes])
{
    absorb_byte(keccak, keccak->filled, keccak->padding == 0 ? keccak_padding : keccak->padding);
    absorb_byte(keccak, keccak_rate - 1, 0x80);
    permute(keccak->lanes);
    for (size_t i = 0; i < keccak_bytes; i++) {
        ret_hash[i] = (unsigned char)(keccak->lanes[i / 8] >> (8 * (i % 8)));
    }
}

void keccak_256(struct slice bytes, unsigned char ret_hash[keccak_bytes])
{
    struct keccak keccak = {{0}, 0, 0};
    keccak_update(&keccak, bytes);
    keccak_finish(&keccak, ret_hash);
}

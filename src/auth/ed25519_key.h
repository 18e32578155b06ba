/* SPDX-License-Identifier: MIT
 *
 * ed25519_key.h - which 32 bytes are a public key that proves anything. Any thread. */
#ifndef AG_AUTH_ED25519_KEY_H
#define AG_AUTH_ED25519_KEY_H

#include <stdbool.h>

enum { ed25519_key_bytes = 32 };

enum ed25519_form {
    ED25519_NOT_CANONICAL = 0, /* y is not below the prime: a second spelling (RFC 8032 5.1.3) */
    ED25519_SMALL_ORDER,       /* a forger needs no secret */
    ED25519_SOUND,
};

/* A look at the bytes alone; OpenSSL takes them all. */
enum ed25519_form ed25519_key_form(const unsigned char bytes[ed25519_key_bytes]);

/* Whether there is a point with that y at all. Half of all numbers have none. No signature verifies
 * with one of those, so that only who wants to say why asks; it takes some microseconds. */
bool ed25519_key_is_point(const unsigned char bytes[ed25519_key_bytes]);

#endif

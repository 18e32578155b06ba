/* SPDX-License-Identifier: MIT
 *
 * fixed_trust.h - issuers with keys that never change, for targets that read tokens. One thread.
 *
 * The private halves are in make_tokens.py and in fixed_trust.c for anyone to use. */
#ifndef AG_FUZZ_FIXED_TRUST_H
#define AG_FUZZ_FIXED_TRUST_H

#include "auth/jws.h"
#include "auth/verify.h"

enum {
    fixed_now_s = 1700000000,
    fixed_first = 0,  /* https://issuer.test: a key for each algorithm */
    fixed_second = 1, /* https://second.test/: one Ed25519 key without a kid */
    fixed_dark = 2,   /* https://dark.test: keys not fetched yet */
    fixed_issuers_count = 3,
    fixed_signature_bytes = 64,
};

/* Made at the first call and kept. */
struct trust *fixed_trust(void);

/* Whether <jws> was signed by issuer <index> with a key that its kid allows, found out without any
 * code of src/auth but jws_parse which made it: other keys in another form, OpenSSL's one-call
 * functions. */
bool fixed_trust_signed(size_t index, const struct jws *jws);

/* The Ed25519 signature of issuer <index>, fixed_first or fixed_second, over <message>. */
void fixed_trust_sign(size_t index, struct slice message,
                      unsigned char ret_signature[fixed_signature_bytes]);

#endif

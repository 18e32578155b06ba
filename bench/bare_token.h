/* SPDX-License-Identifier: MIT
 *
 * bare_token.h - the bearer token as the bare relay looks at it: its signature, nothing else. */
#ifndef AG_BENCH_BARE_TOKEN_H
#define AG_BENCH_BARE_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

enum bare_check {
    BARE_CHECK_NONE,
    BARE_CHECK_CACHED, /* a token seen before is looked up: SipHash-2-4, then all of it compared */
    BARE_CHECK_ALWAYS, /* the signature is verified each time */
};

/* Reads the issuer's public key (PEM); <algorithm> is RS256 or ES256. Gives up on failure. */
void bare_token_open(const char *key_file, const char *algorithm);

/* Whether the field value "Bearer <token>" carries a token with a good signature. */
bool bare_token_accepted(enum bare_check check, const char *value, size_t length);

#endif

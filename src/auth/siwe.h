/* SPDX-License-Identifier: MIT
 *
 * siwe.h - a "Sign-In with Ethereum" message, taken apart by the grammar of EIP-4361.
 *
 * Every byte has its place: no line too many, none in another order, no line end at the end. What
 * the parts mean for us is verify_did.c's business. Any thread. */
#ifndef AG_AUTH_SIWE_H
#define AG_AUTH_SIWE_H

#include "base/slice.h"
#include "base/status.h"

enum {
    siwe_bytes_max = 8192,
    siwe_nonce_bytes_least = 8,
};

/* Slices of the message; times in whole seconds, fractions cut off. */
struct siwe {
    struct slice scheme; /* empty when there is none */
    struct slice domain;
    struct slice address; /* 0x and 40 hex digits in EIP-55 form */
    struct slice statement;
    struct slice uri;
    struct slice chain_id; /* decimal digits */
    struct slice nonce;
    struct slice request_id;
    int64_t issued_at_s;
    bool has_expiration;
    int64_t expires_at_s;
    bool has_begin;
    int64_t begins_at_s;
    size_t resources_count;
};

/* False, with <ret> untouched, for anything else than one message of version 1. */
bool siwe_parse(struct slice message, struct siwe *ret) MUST_CHECK;

/* An RFC 3339 date-time, capital T and Z. False for anything else, a 30th of February included. */
bool siwe_time_parse(struct slice text, int64_t *ret_time_s) MUST_CHECK;

#endif

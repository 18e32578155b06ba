/* SPDX-License-Identifier: MIT
 *
 * signature_form.h - what can be said against a raw JWS signature before any arithmetic. Any
 * thread. */
#ifndef AG_AUTH_SIGNATURE_FORM_H
#define AG_AUTH_SIGNATURE_FORM_H

#include "auth/algorithm.h"
#include "auth/verification.h"
#include "base/status.h"

/* The order of the curve, big-endian in the size that r and s have; empty for other kinds. r and s
 * lie between 1 and it, exclusive (FIPS 186-5 6.4.2). */
struct slice curve_order(enum key_kind kind);

/* Whether <number>, which has the length of <order>, lies in between. */
bool curve_order_allows(struct slice order, const unsigned char *number);

/* DENY_UNDECIDED, or why <signature> cannot be one of <algorithm>: length, DER, range, the larger s
 * of two (secp256k1 alone; the other curves have no such rule), S of Ed25519 not reduced, last byte
 * of a recoverable one. RSA has no form to look at. */
enum deny_reason signature_form_check(const struct algorithm *algorithm,
                                      struct slice signature) MUST_CHECK;

#endif

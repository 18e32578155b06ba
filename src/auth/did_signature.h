/* SPDX-License-Identifier: MIT
 *
 * did_signature.h - whether the key that a DID carries has signed a message.
 *
 * Any thread; nothing is kept but OpenSSL's hashes, fetched once for the process. */
#ifndef AG_AUTH_DID_SIGNATURE_H
#define AG_AUTH_DID_SIGNATURE_H

#include "auth/did.h"
#include "auth/k256.h"
#include "auth/signature_form.h"

struct did_signed {
    const struct algorithm *algorithm; /* of the header; NULL: the one that the key's kind has, and
                                          personal_sign (EIP-191) for addresses */
    struct slice message;
    struct slice signature;
};

/* DENY_UNDECIDED when <what> was signed by the key of <did>, which is no did:web; else the reason.
 */
enum deny_reason did_signature_check(const struct did *did,
                                     const struct did_signed *what) MUST_CHECK;

/* The algorithms of tokens without a header, one for each kind of key. */
enum { did_algorithms_count = 5 };
const struct algorithm *did_algorithm(size_t index);

/* SHA-256 over <parts> one after the other. False without memory. */
bool did_sha256(const struct slice *parts, size_t count,
                unsigned char ret_hash[k256_hash_bytes]) MUST_CHECK;

#endif

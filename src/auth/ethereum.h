/* SPDX-License-Identifier: MIT
 *
 * ethereum.h - addresses (EIP-55) and what a wallet signs when it signs a text (EIP-191). Any
 * thread. */
#ifndef AG_AUTH_ETHEREUM_H
#define AG_AUTH_ETHEREUM_H

#include "auth/k256.h"
#include "auth/keccak.h"

enum {
    ethereum_address_bytes = 20,
    ethereum_address_length = 42, /* "0x" and the digits */
};

enum ethereum_address_form {
    ETHEREUM_MALFORMED = 0,
    ETHEREUM_CHECKSUM_WRONG, /* mixed case that is not EIP-55's */
    ETHEREUM_ONE_CASE,       /* all letters small, or all large: nothing to check */
    ETHEREUM_CHECKSUM_RIGHT, /* spelled as EIP-55 would; also when there is no letter */
};

/* <ret_address> and <ret_text>, its EIP-55 form without a NUL, are set unless malformed. */
enum ethereum_address_form
ethereum_address_parse(struct slice text, unsigned char ret_address[ethereum_address_bytes],
                       char ret_text[ethereum_address_length]) MUST_CHECK;

/* The EIP-55 form, no NUL. */
void ethereum_address_text(const unsigned char address[ethereum_address_bytes],
                           char ret_text[ethereum_address_length]);

void ethereum_key_address(const struct k256_key *key,
                          unsigned char ret_address[ethereum_address_bytes]);

/* What personal_sign signs of <message> (EIP-191 version 0x45). */
void ethereum_message_digest(struct slice message, unsigned char ret_digest[keccak_bytes]);

#endif

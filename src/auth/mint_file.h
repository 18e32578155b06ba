/* SPDX-License-Identifier: MIT
 *
 * mint_file.h - where the local key lies, for mint.c only. Any thread; it blocks on the disk. */
#ifndef AG_AUTH_MINT_FILE_H
#define AG_AUTH_MINT_FILE_H

#include "base/status.h"

#include <openssl/evp.h>

/* The Ed25519 key of <directory>/local-key.pem, made if there is none; see mint_open. */
enum status mint_file_open(const char *directory, EVP_PKEY **ret,
                           struct failure *reterr) MUST_CHECK;

#endif

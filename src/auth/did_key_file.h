/* SPDX-License-Identifier: MIT
 *
 * did_key_file.h - private keys on disk, for did_key.c only. Any thread; it blocks on the disk. */
#ifndef AG_AUTH_DID_KEY_FILE_H
#define AG_AUTH_DID_KEY_FILE_H

#include "base/status.h"

#include <openssl/evp.h>

/* See did_key_write and did_key_read; any kind of key. */
enum status did_key_file_write(const char *path, EVP_PKEY *key, struct failure *reterr) MUST_CHECK;
enum status did_key_file_read(const char *path, EVP_PKEY **ret, struct failure *reterr) MUST_CHECK;

#endif

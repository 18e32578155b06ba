/* SPDX-License-Identifier: MIT
 *
 * key_file.h - a private key as PEM, to and from a file; for mint_file.c and did_key_file.c, which
 * say where it lies and who may read it. Any thread; it blocks on the disk. */
#ifndef AG_AUTH_KEY_FILE_H
#define AG_AUTH_KEY_FILE_H

#include "base/status.h"

#include <openssl/evp.h>

/* A new file <name> in <directory> (or AT_FDCWD), as private_file_write makes it. */
enum status key_file_write(int directory, const char *name, EVP_PKEY *key,
                           struct failure *reterr) MUST_CHECK;

/* The key in the open file, which <name> calls. STATUS_INVALID: there is none. An encrypted one
 * counts as none: nobody is asked for a password. */
enum status key_file_read(int descriptor, const char *name, EVP_PKEY **ret,
                          struct failure *reterr) MUST_CHECK;

#endif

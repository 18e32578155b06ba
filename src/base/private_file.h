/* SPDX-License-Identifier: MIT
 *
 * private_file.h - files and directories that are for their owner alone, made whole or not at all.
 * Any thread; it blocks on the disk. */
#ifndef AG_BASE_PRIVATE_FILE_H
#define AG_BASE_PRIVATE_FILE_H

#include "base/slice.h"
#include "base/status.h"

/* mkdir -p with 0700; what was there keeps its mode. STATUS_INVALID: the name is empty or too long.
 * STATUS_LIMIT: no room on the disk. STATUS_IO. */
enum status private_directory_make(const char *directory, struct failure *reterr) MUST_CHECK;

/* A new file <name> in the open <directory> (or AT_FDCWD) with 0600, synced. A file or a link that
 * is there is left alone: STATUS_IO, as for everything else. */
enum status private_file_write(int directory, const char *name, struct slice bytes,
                               struct failure *reterr) MUST_CHECK;

#endif

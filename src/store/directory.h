/* SPDX-License-Identifier: MIT
 *
 * directory.h - the data directory: made when missing, and held by one writing process at a time.
 *
 * Two writers would be kept apart by SQLite's own locks, but not safely with every version of it
 * (database.c says why), and each would deliver the other's outbox. Any thread; blocks on the disk.
 */
#ifndef AG_STORE_DIRECTORY_H
#define AG_STORE_DIRECTORY_H

#include "base/status.h"

#include <stddef.h>

/* Makes <directory> with 0700 when missing and takes its lock, an open descriptor: close it to give
 * the lock back. STATUS_DENIED: another process has it, and the sentence says which. STATUS_LIMIT:
 * no room on the disk. STATUS_INVALID: the name cannot be a directory's. STATUS_IO. */
enum status directory_hold(const char *directory, int *ret_lock, struct failure *reterr) MUST_CHECK;

/* <directory>/<name>; STATUS_INVALID when it is empty or does not fit. */
enum status directory_path(const char *directory, const char *name, char *ret_path, size_t size,
                           struct failure *reterr) MUST_CHECK;

#endif

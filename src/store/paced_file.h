/* SPDX-License-Identifier: MIT
 *
 * paced_file.h - SQLite's files, with a pace_point() before each write: a commit and a checkpoint
 * are hundreds of them in a row. */
#ifndef AG_STORE_PACED_FILE_H
#define AG_STORE_PACED_FILE_H

/* The name of the VFS for sqlite3_open_v2. NULL when it cannot be registered: then SQLite's own
 * does it. Any thread, after SQLite is configured. */
const char *paced_file_vfs(void);

#endif

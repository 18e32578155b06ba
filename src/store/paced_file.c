/* SPDX-License-Identifier: MIT
 *
 * paced_file.c - a copy of SQLite's default VFS that opens files as it does and then puts our
 * xWrite among their methods (sqlite3_io_methods). */
#include "store/paced_file.h"

#include "base/pace.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stddef.h>

enum { kinds_max = 4 }; /* of files; SQLite's has two: with locks, and the log without */

/* What is under the lock is written once and before any file has it. */
struct kind {
    const sqlite3_io_methods *plain;
    sqlite3_io_methods paced;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static sqlite3_vfs *plain_vfs;
static sqlite3_vfs paced_vfs;
static struct kind kinds[kinds_max];                                         /* under the lock */
static int (*plain_write)(sqlite3_file *, const void *, int, sqlite3_int64); /* the same for all */

static int paced_write(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 offset)
{
    pace_point();
    return plain_write(file, bytes, count, offset);
}

/* NULL: a file of some other kind, which stays as it is. */
static const sqlite3_io_methods *paced_methods(const sqlite3_io_methods *plain)
{
    if (plain_write == NULL) {
        plain_write = plain->xWrite;
    }
    if (plain->xWrite != plain_write) {
        return NULL;
    }
    for (size_t i = 0; i < kinds_max; i++) {
        if (kinds[i].plain == NULL) {
            kinds[i] = (struct kind){.plain = plain, .paced = *plain};
            kinds[i].paced.xWrite = paced_write;
        }
        if (kinds[i].plain == plain) {
            return &kinds[i].paced;
        }
    }
    return NULL;
}

static int paced_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags,
                      int *ret_flags)
{
    int code = plain_vfs->xOpen(plain_vfs, path, file, flags, ret_flags);
    if (code != SQLITE_OK || file->pMethods == NULL) {
        return code;
    }
    pthread_mutex_lock(&lock);
    const sqlite3_io_methods *methods = paced_methods(file->pMethods);
    pthread_mutex_unlock(&lock);
    if (methods != NULL) {
        file->pMethods = methods;
    }
    return code;
}

static void vfs_register(void)
{
    plain_vfs = sqlite3_vfs_find(NULL);
    if (plain_vfs == NULL) {
        return;
    }
    paced_vfs = *plain_vfs;
    paced_vfs.zName = "paced";
    paced_vfs.pNext = NULL;
    paced_vfs.xOpen = paced_open;
    if (sqlite3_vfs_register(&paced_vfs, 0) != SQLITE_OK) {
        plain_vfs = NULL;
    }
}

const char *paced_file_vfs(void)
{
    pthread_once(&once, vfs_register);
    return plain_vfs == NULL ? NULL : paced_vfs.zName;
}

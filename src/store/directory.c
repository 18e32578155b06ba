/* SPDX-License-Identifier: MIT
 *
 * directory.c - mkdir -p, and a flock on a file beside the database. The lock goes with the
 * process, however it ends. */
#include "store/directory.h"

#include "base/private_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

enum { path_bytes_max = 4096 };

static enum status failed(struct failure *reterr, const char *what, const char *path)
{
    int error = errno;
    failure_set(reterr, "cannot %s %s: %s", what, path, strerror(error));
    return error == ENOSPC || error == EDQUOT ? STATUS_LIMIT : STATUS_IO;
}

enum status directory_path(const char *directory, const char *name, char *ret_path, size_t size,
                           struct failure *reterr)
{
    size_t directory_length = strlen(directory);
    size_t name_length = strlen(name);
    if (directory_length == 0 || directory_length >= size ||
        name_length + 2 > size - directory_length) {
        failure_set(reterr, "the data directory's name is empty or too long (ATTACH_DATA_DIR)");
        return STATUS_INVALID;
    }
    memcpy(ret_path, directory, directory_length);
    ret_path[directory_length] = '/';
    memcpy(ret_path + directory_length + 1, name, name_length + 1);
    return STATUS_OK;
}

/* Whoever has the lock wrote its process id into the file, if it could. */
static void name_holder(int descriptor, const char *directory, struct failure *reterr)
{
    char text[24];
    uint64_t process = 0;
    ssize_t count = pread(descriptor, text, sizeof(text), 0);
    struct slice digits = slice_trim(slice_make(text, count > 0 ? (size_t)count : 0));
    if (slice_parse_uint(digits, INT32_MAX, &process)) {
        failure_set(reterr,
                    "another attach-gateway (process %llu) uses the data directory %s; give each "
                    "its own ATTACH_DATA_DIR",
                    (unsigned long long)process, directory);
        return;
    }
    failure_set(reterr,
                "another attach-gateway uses the data directory %s; give each its own "
                "ATTACH_DATA_DIR",
                directory);
}

/* For the sentence above; the lock holds without it. */
static void leave_name(int descriptor)
{
    char text[24];
    int length = snprintf(text, sizeof(text), "%lld", (long long)getpid());
    if (length > 0 && ftruncate(descriptor, 0) == 0) {
        (void)!pwrite(descriptor, text, (size_t)length, 0);
    }
}

enum status directory_hold(const char *directory, int *ret_lock, struct failure *reterr)
{
    char path[path_bytes_max];
    enum status status = directory_path(directory, "store.lock", path, sizeof(path), reterr);
    if (status == STATUS_OK) {
        status = private_directory_make(directory, reterr);
    }
    if (status != STATUS_OK) {
        return status;
    }
    int descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (descriptor < 0) {
        return failed(reterr, "open", path);
    }
    if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
        bool is_held = errno == EWOULDBLOCK;
        status = failed(reterr, "lock", path);
        if (is_held) {
            name_holder(descriptor, directory, reterr);
            status = STATUS_DENIED;
        }
        close(descriptor);
        return status;
    }
    leave_name(descriptor);
    *ret_lock = descriptor;
    return STATUS_OK;
}

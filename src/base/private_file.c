/* SPDX-License-Identifier: MIT
 *
 * private_file.c - see private_file.h. */
#include "base/private_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { private_path_bytes_max = 4096 };

static enum status failed(struct failure *reterr, const char *what, const char *path)
{
    int error = errno;
    failure_set(reterr, "cannot %s %.160s: %s", what, path, strerror(error));
    return error == ENOSPC || error == EDQUOT ? STATUS_LIMIT : STATUS_IO;
}

enum status private_directory_make(const char *directory, struct failure *reterr)
{
    char path[private_path_bytes_max];
    size_t length = strlen(directory);
    if (length == 0 || length >= sizeof(path)) {
        failure_set(reterr, "the data directory's name is empty or too long (ATTACH_DATA_DIR)");
        return STATUS_INVALID;
    }
    memcpy(path, directory, length + 1);
    for (size_t i = 1; i <= length; i++) {
        if (path[i] != '/' && path[i] != '\0') {
            continue;
        }
        path[i] = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST) {
            return failed(reterr, "make directory", path);
        }
        path[i] = i < length ? '/' : '\0';
    }
    return STATUS_OK;
}

static bool write_all(int descriptor, struct slice bytes)
{
    while (bytes.length > 0) {
        ssize_t written = write(descriptor, bytes.data, bytes.length);
        if (written < 0 && errno != EINTR) {
            return false;
        }
        if (written > 0) {
            bytes = slice_after(bytes, (size_t)written);
        }
    }
    return fsync(descriptor) == 0;
}

enum status private_file_write(int directory, const char *name, struct slice bytes,
                               struct failure *reterr)
{
    int descriptor =
        openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (descriptor < 0) {
        (void)failed(reterr, "make key file", name);
        return STATUS_IO;
    }
    bool is_written = write_all(descriptor, bytes);
    if (!is_written) {
        (void)failed(reterr, "write key file", name);
    }
    if (close(descriptor) != 0 && is_written) {
        (void)failed(reterr, "write key file", name);
        is_written = false;
    }
    if (!is_written) {
        (void)unlinkat(directory, name, 0); /* ours: O_EXCL has made it */
    }
    return is_written ? STATUS_OK : STATUS_IO;
}

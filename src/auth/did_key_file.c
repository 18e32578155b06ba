/* SPDX-License-Identifier: MIT
 *
 * did_key_file.c - see did_key_file.h. */
#include "auth/did_key_file.h"

#include "auth/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum status failed(struct failure *reterr, const char *what, const char *path)
{
    failure_set(reterr, "cannot %s %.100s: %s", what, path, strerror(errno));
    return STATUS_IO;
}

enum status did_key_file_write(const char *path, EVP_PKEY *key, struct failure *reterr)
{
    return key_file_write(AT_FDCWD, path, key, reterr);
}

enum status did_key_file_read(const char *path, EVP_PKEY **ret, struct failure *reterr)
{
    int descriptor = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (descriptor < 0) {
        return failed(reterr, "open key file", path);
    }
    struct stat about;
    enum status status = STATUS_OK;
    if (fstat(descriptor, &about) != 0) {
        status = failed(reterr, "look at key file", path);
    } else if (!S_ISREG(about.st_mode)) {
        failure_set(reterr, "%.100s is no file", path);
        status = STATUS_DENIED;
    } else if ((about.st_mode & 077) != 0) {
        failure_set(reterr, "%.100s may be read or written by others: chmod 600 it", path);
        status = STATUS_DENIED;
    } else {
        status = key_file_read(descriptor, path, ret, reterr);
    }
    close(descriptor);
    return status;
}

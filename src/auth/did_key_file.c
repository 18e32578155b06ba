/* SPDX-License-Identifier: MIT
 *
 * did_key_file.c - see did_key_file.h. */
#include "auth/did_key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { key_file_bytes_max = 4096 };

static enum status failed(struct failure *reterr, const char *what, const char *path)
{
    failure_set(reterr, "cannot %s %.100s: %s", what, path, strerror(errno));
    return STATUS_IO;
}

static bool write_all(int descriptor, const char *bytes, size_t count)
{
    while (count > 0) {
        ssize_t written = write(descriptor, bytes, count);
        if (written < 0 && errno != EINTR) {
            return false;
        }
        if (written > 0) {
            bytes += written;
            count -= (size_t)written;
        }
    }
    return fsync(descriptor) == 0;
}

static enum status bytes_write(const char *path, const char *bytes, size_t count,
                               struct failure *reterr)
{
    int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (descriptor < 0) {
        return failed(reterr, "make key file", path);
    }
    enum status status =
        write_all(descriptor, bytes, count) ? STATUS_OK : failed(reterr, "write key file", path);
    if (close(descriptor) != 0 && status == STATUS_OK) {
        status = failed(reterr, "write key file", path);
    }
    if (status != STATUS_OK) {
        (void)unlink(path); /* ours: O_EXCL has made it */
    }
    return status;
}

enum status did_key_file_write(const char *path, EVP_PKEY *key, struct failure *reterr)
{
    BIO *pem = BIO_new(BIO_s_secmem());
    char *bytes = NULL;
    enum status status = STATUS_NO_MEMORY;
    if (pem == NULL || PEM_write_bio_PrivateKey(pem, key, NULL, NULL, 0, NULL, NULL) != 1) {
        failure_set(reterr, "OpenSSL cannot write the key as PEM");
    } else {
        long count = BIO_get_mem_data(pem, &bytes);
        status = bytes_write(path, bytes, count > 0 ? (size_t)count : 0, reterr);
    }
    BIO_free(pem);
    return status;
}

/* An encrypted file must not make OpenSSL ask on the terminal. */
static int password_refuse(char *text, int size, int is_writing, void *context)
{
    return 0;
}

static enum status descriptor_read(int descriptor, const char *path, EVP_PKEY **ret,
                                   struct failure *reterr)
{
    char bytes[key_file_bytes_max];
    size_t count = 0;
    ssize_t got = 0;
    do {
        got = read(descriptor, bytes + count, sizeof(bytes) - count);
        count += got > 0 ? (size_t)got : 0;
    } while (got > 0 || (got < 0 && errno == EINTR));
    if (got < 0) {
        return failed(reterr, "read key file", path);
    }
    BIO *pem = BIO_new_mem_buf(bytes, (int)count);
    EVP_PKEY *key = pem == NULL ? NULL : PEM_read_bio_PrivateKey(pem, NULL, password_refuse, NULL);
    BIO_free(pem);
    OPENSSL_cleanse(bytes, sizeof(bytes));
    if (key == NULL) {
        failure_set(reterr, "%.100s holds no private key in PEM form", path);
        return STATUS_INVALID;
    }
    *ret = key;
    return STATUS_OK;
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
        status = descriptor_read(descriptor, path, ret, reterr);
    }
    close(descriptor);
    return status;
}

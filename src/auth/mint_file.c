/* SPDX-License-Identifier: MIT
 *
 * mint_file.c - the local key on disk: found, or made so that two processes that start together
 * agree on one.
 *
 * A new key is written under a name of its own, synced, and linked to the real name; link(2) fails
 * for all but the first, and everybody reads what is there then. Any thread; it blocks on the disk.
 */
#include "auth/mint_file.h"

#include "base/buffer.h"
#include "base/random.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    key_file_bytes_max = 4096,
    path_bytes_max = 4096,
};

static const char key_name[] = "local-key.pem";

static enum status failed(struct failure *reterr, const char *what, const char *path)
{
    failure_set(reterr, "cannot %s %s: %s", what, path, strerror(errno));
    return STATUS_IO;
}

/* mkdir -p; what is made here is for its owner alone. */
static enum status directory_make(const char *directory, struct failure *reterr)
{
    char path[path_bytes_max];
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

static enum status key_make(EVP_PKEY **ret_key, BIO **ret_pem, struct failure *reterr)
{
    BIO *pem = BIO_new(BIO_s_secmem());
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    if (pem == NULL || key == NULL ||
        PEM_write_bio_PrivateKey(pem, key, NULL, NULL, 0, NULL, NULL) != 1) {
        failure_set(reterr, "OpenSSL cannot make an Ed25519 key");
        EVP_PKEY_free(key);
        BIO_free(pem);
        return STATUS_IO;
    }
    *ret_key = key;
    *ret_pem = pem;
    return STATUS_OK;
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

static enum status file_write(int directory, const char *name, BIO *pem, struct failure *reterr)
{
    char *bytes = NULL;
    long count = BIO_get_mem_data(pem, &bytes);
    int descriptor = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (descriptor < 0) {
        return failed(reterr, "make key file", name);
    }
    bool is_written = count > 0 && write_all(descriptor, bytes, (size_t)count);
    enum status status = is_written ? STATUS_OK : failed(reterr, "write key file", name);
    if (close(descriptor) != 0 && status == STATUS_OK) {
        status = failed(reterr, "write key file", name);
    }
    return status;
}

/* Somebody else's key under the real name is as good as ours. */
static enum status file_publish(int directory, const char *name, struct failure *reterr)
{
    if (linkat(directory, name, directory, key_name, 0) != 0 && errno != EEXIST) {
        return failed(reterr, "link key file to", key_name);
    }
    return fsync(directory) == 0 ? STATUS_OK : failed(reterr, "sync the directory of", key_name);
}

static enum status file_make(int directory, struct failure *reterr)
{
    struct random_source random = {0};
    char name[sizeof(key_name) + 1 + 16] = "";
    memcpy(name, key_name, sizeof(key_name) - 1);
    name[sizeof(key_name) - 1] = '.';
    random_hex(&random, 8, name + sizeof(key_name));
    EVP_PKEY *key = NULL;
    BIO *pem = NULL;
    enum status status = key_make(&key, &pem, reterr);
    if (status != STATUS_OK) {
        return status;
    }
    status = file_write(directory, name, pem, reterr);
    if (status == STATUS_OK) {
        status = file_publish(directory, name, reterr);
    }
    (void)unlinkat(directory, name, 0);
    EVP_PKEY_free(key);
    BIO_free(pem);
    return status;
}

/* An encrypted file must not make OpenSSL ask on the terminal. */
static int password_refuse(char *text, int size, int is_writing, void *context)
{
    return 0;
}

static enum status file_parse(int descriptor, EVP_PKEY **ret, struct failure *reterr)
{
    char bytes[key_file_bytes_max];
    size_t count = 0;
    ssize_t got = 0;
    do {
        got = read(descriptor, bytes + count, sizeof(bytes) - count);
        count += got > 0 ? (size_t)got : 0;
    } while (got > 0 || (got < 0 && errno == EINTR));
    if (got < 0) {
        return failed(reterr, "read key file", key_name);
    }
    BIO *pem = BIO_new_mem_buf(bytes, (int)count);
    EVP_PKEY *key = NULL;
    if (pem != NULL) {
        key = PEM_read_bio_PrivateKey(pem, NULL, password_refuse, NULL);
    }
    BIO_free(pem);
    OPENSSL_cleanse(bytes, sizeof(bytes));
    if (key == NULL || !EVP_PKEY_is_a(key, "ED25519")) {
        failure_set(reterr, "%s holds no Ed25519 private key: move it away to have a new one made",
                    key_name);
        EVP_PKEY_free(key);
        return STATUS_INVALID;
    }
    *ret = key;
    return STATUS_OK;
}

static enum status file_load(int directory, EVP_PKEY **ret, struct failure *reterr)
{
    int descriptor =
        openat(directory, key_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (descriptor < 0) {
        enum status status = errno == ENOENT ? STATUS_NOT_FOUND : STATUS_IO;
        (void)failed(reterr, "open key file", key_name);
        return status;
    }
    struct stat about;
    enum status status = STATUS_OK;
    if (fstat(descriptor, &about) != 0) {
        status = failed(reterr, "look at key file", key_name);
    } else if (!S_ISREG(about.st_mode) || about.st_uid != geteuid()) {
        failure_set(reterr, "%s is no file of the user that runs the gateway", key_name);
        status = STATUS_DENIED;
    } else if ((about.st_mode & 077) != 0) {
        failure_set(reterr, "%s may be read or written by others: chmod 600 it, or move it away",
                    key_name);
        status = STATUS_DENIED;
    } else {
        status = file_parse(descriptor, ret, reterr);
    }
    close(descriptor);
    return status;
}

enum status mint_file_open(const char *directory, EVP_PKEY **ret, struct failure *reterr)
{
    enum status status = directory_make(directory, reterr);
    if (status != STATUS_OK) {
        return status;
    }
    int descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) {
        return failed(reterr, "open directory", directory);
    }
    struct failure why;
    status = file_load(descriptor, ret, &why);
    if (status == STATUS_NOT_FOUND) {
        status = file_make(descriptor, &why);
        if (status == STATUS_OK) {
            status = file_load(descriptor, ret, &why);
        }
    }
    close(descriptor);
    if (status != STATUS_OK) {
        failure_set(reterr, "%s (in %.120s)", why.text, directory);
    }
    return status;
}

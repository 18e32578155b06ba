/* SPDX-License-Identifier: MIT
 *
 * mint_file.c - the local key on disk: found, or made so that two processes that start together
 * agree on one.
 *
 * A new key is written under a name of its own, synced, and linked to the real name; link(2) fails
 * for all but the first, and everybody reads what is there then. Any thread; it blocks on the disk.
 */
#include "auth/mint_file.h"

#include "auth/key_file.h"
#include "base/private_file.h"
#include "base/random.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static const char key_name[] = "local-key.pem";

static enum status failed(struct failure *reterr, const char *what, const char *path)
{
    failure_set(reterr, "cannot %s %s: %s", what, path, strerror(errno));
    return STATUS_IO;
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
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    if (key == NULL) {
        failure_set(reterr, "OpenSSL cannot make an Ed25519 key");
        return STATUS_IO;
    }
    enum status status = key_file_write(directory, name, key, reterr);
    if (status == STATUS_OK) {
        status = file_publish(directory, name, reterr);
    }
    (void)unlinkat(directory, name, 0);
    EVP_PKEY_free(key);
    return status;
}

static enum status file_parse(int descriptor, EVP_PKEY **ret, struct failure *reterr)
{
    EVP_PKEY *key = NULL;
    enum status status = key_file_read(descriptor, key_name, &key, reterr);
    if (status == STATUS_IO) {
        return status;
    }
    if (status != STATUS_OK || !EVP_PKEY_is_a(key, "ED25519")) {
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
    enum status status = private_directory_make(directory, reterr);
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

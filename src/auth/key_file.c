/* SPDX-License-Identifier: MIT
 *
 * key_file.c - see key_file.h. */
#include "auth/key_file.h"

#include "base/private_file.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <unistd.h>

enum { key_file_bytes_max = 4096 };

enum status key_file_write(int directory, const char *name, EVP_PKEY *key, struct failure *reterr)
{
    BIO *pem = BIO_new(BIO_s_secmem());
    char *bytes = NULL;
    enum status status = STATUS_NO_MEMORY;
    if (pem == NULL || PEM_write_bio_PrivateKey(pem, key, NULL, NULL, 0, NULL, NULL) != 1) {
        ERR_clear_error();
        failure_set(reterr, "OpenSSL cannot write the key as PEM");
    } else {
        long count = BIO_get_mem_data(pem, &bytes);
        status = private_file_write(directory, name,
                                    slice_make(bytes, count > 0 ? (size_t)count : 0), reterr);
    }
    BIO_free(pem);
    return status;
}

/* An encrypted file must not make OpenSSL ask on the terminal. */
static int password_refuse(char *text, int size, int is_writing, void *context)
{
    return 0;
}

enum status key_file_read(int descriptor, const char *name, EVP_PKEY **ret, struct failure *reterr)
{
    char bytes[key_file_bytes_max];
    size_t count = 0;
    ssize_t got = 0;
    do {
        got = read(descriptor, bytes + count, sizeof(bytes) - count);
        count += got > 0 ? (size_t)got : 0;
    } while (got > 0 || (got < 0 && errno == EINTR));
    if (got < 0) {
        failure_set(reterr, "cannot read key file %.100s: %s", name, strerror(errno));
        return STATUS_IO;
    }
    BIO *pem = BIO_new_mem_buf(bytes, (int)count);
    EVP_PKEY *key = pem == NULL ? NULL : PEM_read_bio_PrivateKey(pem, NULL, password_refuse, NULL);
    BIO_free(pem);
    OPENSSL_cleanse(bytes, sizeof(bytes));
    if (key == NULL) {
        ERR_clear_error();
        failure_set(reterr, "%.100s holds no private key in PEM form", name);
        return STATUS_INVALID;
    }
    *ret = key;
    return STATUS_OK;
}

/* SPDX-License-Identifier: MIT
 *
 * certificate.c - see certificate.h. */
#include "certificate.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { certificate_lifetime_s = 3600 };

static void must(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "certificate: %s\n", what);
        abort();
    }
}

static X509 *certificate_sign(EVP_PKEY *key, const char *names)
{
    X509 *x509 = X509_new();
    must(x509 != NULL && X509_set_version(x509, 2) == 1, "new");
    must(ASN1_INTEGER_set(X509_get_serialNumber(x509), 1) == 1, "serial");
    must(X509_gmtime_adj(X509_getm_notBefore(x509), -certificate_lifetime_s) != NULL, "time");
    must(X509_gmtime_adj(X509_getm_notAfter(x509), certificate_lifetime_s) != NULL, "time");
    X509_NAME *name = X509_get_subject_name(x509);
    must(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"a test", -1,
                                    -1, 0) == 1,
         "name");
    must(X509_set_issuer_name(x509, name) == 1 && X509_set_pubkey(x509, key) == 1, "issuer");
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
    must(extension != NULL && X509_add_ext(x509, extension, -1) == 1, "names");
    X509_EXTENSION_free(extension);
    must(X509_sign(x509, key, EVP_sha256()) > 0, "sign");
    return x509;
}

void certificate_create(struct certificate *certificate, const char *names)
{
    snprintf(certificate->directory, sizeof(certificate->directory), "/tmp/certificate.XXXXXX");
    must(mkdtemp(certificate->directory) != NULL, "directory");
    snprintf(certificate->certificate_file, sizeof(certificate->certificate_file), "%.31s/cert.pem",
             certificate->directory);
    snprintf(certificate->key_file, sizeof(certificate->key_file), "%.31s/key.pem",
             certificate->directory);
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    must(key != NULL, "key");
    X509 *x509 = certificate_sign(key, names);
    FILE *file = fopen(certificate->certificate_file, "w");
    must(file != NULL && PEM_write_X509(file, x509) == 1 && fclose(file) == 0, "write");
    file = fopen(certificate->key_file, "w");
    must(file != NULL && PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1 &&
             fclose(file) == 0,
         "write");
    X509_free(x509);
    EVP_PKEY_free(key);
}

void certificate_remove(const struct certificate *certificate)
{
    (void)unlink(certificate->certificate_file);
    (void)unlink(certificate->key_file);
    must(rmdir(certificate->directory) == 0, "remove");
}

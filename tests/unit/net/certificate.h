/* SPDX-License-Identifier: MIT
 *
 * certificate.h - a key and a certificate that vouches for itself, made for a test and laid down as
 * files. Any failure ends the test program. */
#ifndef AG_TESTS_UNIT_NET_CERTIFICATE_H
#define AG_TESTS_UNIT_NET_CERTIFICATE_H

struct certificate {
    char directory[32];
    char certificate_file[64]; /* PEM; also what a client trusts */
    char key_file[64];
};

/* Valid for an hour, for <names> as OpenSSL writes them, such as "DNS:localhost,IP:127.0.0.1". */
void certificate_create(struct certificate *certificate, const char *names);

/* Removes the files. */
void certificate_remove(const struct certificate *certificate);

#endif

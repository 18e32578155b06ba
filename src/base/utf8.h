/* SPDX-License-Identifier: MIT
 *
 * utf8.h - where one character ends (RFC 3629 4). Any thread. */
#ifndef AG_BASE_UTF8_H
#define AG_BASE_UTF8_H

#include <stddef.h>

/* Bytes of the sequence at the front of <text>, of which <left>, at least one, are there; 0 when
 * none begins there: too long a form, a surrogate, beyond U+10FFFF, or cut. */
size_t utf8_length(const unsigned char *text, size_t left);

#endif

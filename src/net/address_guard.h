/* SPDX-License-Identifier: MIT
 *
 * address_guard.h - which addresses a call that somebody else has a say in may go to.
 *
 * An address is judged after the name was resolved, on each connect, so that neither a spelling nor
 * an answer of the name service that changes gets around it. IPv6 forms that carry an IPv4 address
 * (mapped, compatible, translated, NAT64, 6to4, ISATAP) count as what they carry. It resolves
 * nothing. Any thread. */
#ifndef AG_NET_ADDRESS_GUARD_H
#define AG_NET_ADDRESS_GUARD_H

#include "base/slice.h"
#include "base/status.h"

#include <sys/socket.h>

enum address_kind {
    ADDRESS_KIND_RESERVED = 0, /* whatever nobody can have; no IP address at all */
    ADDRESS_KIND_PUBLIC,
    ADDRESS_KIND_PRIVATE, /* RFC 1918, RFC 4193, RFC 6598 (carrier NAT), RFC 2544, site-local */
    ADDRESS_KIND_LOOPBACK,
    ADDRESS_KIND_LINK_LOCAL,  /* 169.254.0.0/16, fe80::/10 */
    ADDRESS_KIND_METADATA,    /* where clouds serve credentials to their machines */
    ADDRESS_KIND_UNSPECIFIED, /* 0.0.0.0/8, :: - Linux connects them to itself */
    ADDRESS_KIND_MULTICAST,
    ADDRESS_KIND_DOCUMENTATION, /* RFC 5737, RFC 3849, RFC 9637 */
};

enum address_policy {
    ADDRESS_ANY = 0,         /* the operator named the host: no check */
    ADDRESS_PRIVATE_ALLOWED, /* public, private and loopback addresses */
    ADDRESS_PUBLIC_ONLY,
};

enum address_kind address_guard_kind(const struct sockaddr *address);

bool address_guard_allows(enum address_policy policy, const struct sockaddr *address) MUST_CHECK;

enum address_form {
    ADDRESS_FORM_NAME, /* something to resolve */
    ADDRESS_FORM_LITERAL,
    ADDRESS_FORM_ODD, /* a name whose last label is a number (WHATWG URL, "ends in a number"), and
                         no IPv4 address of four decimal parts: "127.1", "0x7f000001",
                         "017700000001". Resolvers read such names as addresses, so nobody may mean
                         a name by one */
};

/* What <host>, an IPv6 address without its brackets, is. <ret_address> is set for a literal alone;
 * an address with a zone is none. */
enum address_form address_guard_read(struct slice host, struct sockaddr_storage *ret_address);

/* "private", ... for people. */
const char *address_kind_name(enum address_kind kind);

#endif

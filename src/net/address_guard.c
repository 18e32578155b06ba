/* SPDX-License-Identifier: MIT
 *
 * address_guard.c - kinds of addresses, by the registries of special-purpose addresses (RFC 6890
 * and its successors). Any thread. */
#include "net/address_guard.h"

#include <arpa/inet.h>
#include <netinet/in.h>

/* A row of a table that is searched from its top: the first prefix that fits decides. */
struct ipv4_row {
    uint32_t prefix;
    unsigned bits;
    enum address_kind kind;
};

#define IPV4(a, b, c, d)                                                                           \
    ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

static const struct ipv4_row ipv4_rows[] = {
    {IPV4(169, 254, 169, 254), 32, ADDRESS_KIND_METADATA}, /* AWS, GCP, Azure and most others */
    {IPV4(169, 254, 170, 2), 32, ADDRESS_KIND_METADATA},   /* AWS ECS task roles */
    {IPV4(169, 254, 170, 23), 32, ADDRESS_KIND_METADATA},  /* AWS EKS pod identities */
    {IPV4(100, 100, 100, 200), 32, ADDRESS_KIND_METADATA}, /* Alibaba */
    {IPV4(192, 0, 0, 192), 32, ADDRESS_KIND_METADATA},     /* Oracle, first generation */
    {IPV4(168, 63, 129, 16), 32, ADDRESS_KIND_METADATA},   /* Azure's host agent */
    {IPV4(0, 0, 0, 0), 8, ADDRESS_KIND_UNSPECIFIED},
    {IPV4(10, 0, 0, 0), 8, ADDRESS_KIND_PRIVATE},
    {IPV4(100, 64, 0, 0), 10, ADDRESS_KIND_PRIVATE},
    {IPV4(127, 0, 0, 0), 8, ADDRESS_KIND_LOOPBACK},
    {IPV4(169, 254, 0, 0), 16, ADDRESS_KIND_LINK_LOCAL},
    {IPV4(172, 16, 0, 0), 12, ADDRESS_KIND_PRIVATE},
    {IPV4(192, 0, 0, 0), 24, ADDRESS_KIND_RESERVED},
    {IPV4(192, 0, 2, 0), 24, ADDRESS_KIND_DOCUMENTATION},
    {IPV4(192, 88, 99, 0), 24, ADDRESS_KIND_RESERVED}, /* 6to4 relays, RFC 7526 */
    {IPV4(192, 168, 0, 0), 16, ADDRESS_KIND_PRIVATE},
    {IPV4(198, 18, 0, 0), 15, ADDRESS_KIND_PRIVATE},
    {IPV4(198, 51, 100, 0), 24, ADDRESS_KIND_DOCUMENTATION},
    {IPV4(203, 0, 113, 0), 24, ADDRESS_KIND_DOCUMENTATION},
    {IPV4(224, 0, 0, 0), 4, ADDRESS_KIND_MULTICAST},
    {IPV4(240, 0, 0, 0), 4, ADDRESS_KIND_RESERVED},
};

struct ipv6_row {
    unsigned char prefix[16];
    unsigned bits;
    enum address_kind kind;
};

static const struct ipv6_row ipv6_rows[] = {
    /* AWS fd00:ec2::254, GCP fd20:ce::254, Scaleway fd00:42::42 */
    {{0xfd, 0x00, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0x54}, 128, ADDRESS_KIND_METADATA},
    {{0xfd, 0x20, 0x00, 0xce, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0x54}, 128, ADDRESS_KIND_METADATA},
    {{0xfd, 0x00, 0x00, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x42}, 128, ADDRESS_KIND_METADATA},
    {{0}, 128, ADDRESS_KIND_UNSPECIFIED},
    {{[15] = 1}, 128, ADDRESS_KIND_LOOPBACK},
    {{0xfc}, 7, ADDRESS_KIND_PRIVATE},
    {{0xfe, 0x80}, 10, ADDRESS_KIND_LINK_LOCAL},
    {{0xfe, 0xc0}, 10, ADDRESS_KIND_PRIVATE}, /* site-local, RFC 3879 */
    {{0xff}, 8, ADDRESS_KIND_MULTICAST},
    {{0x20, 0x01, 0x0d, 0xb8}, 32, ADDRESS_KIND_DOCUMENTATION},
    {{0x3f, 0xff}, 20, ADDRESS_KIND_DOCUMENTATION},
    {{0x20, 0x01}, 23, ADDRESS_KIND_RESERVED}, /* Teredo, ORCHID and the like, RFC 2928 */
    {{0x20}, 3, ADDRESS_KIND_PUBLIC},
    {{0}, 0, ADDRESS_KIND_RESERVED}, /* IANA has not given it out, or only for a local use */
};

/* Where the IPv4 address of an IPv6 prefix stands. */
struct embedding {
    unsigned char prefix[12];
    unsigned bits;
    unsigned offset;
};

static const struct embedding embeddings[] = {
    {{[10] = 0xff, [11] = 0xff}, 96, 12},           /* mapped, RFC 4291 2.5.5.2 */
    {{[8] = 0xff, [9] = 0xff}, 96, 12},             /* translated, RFC 2765 2.1 */
    {{0x00, 0x64, 0xff, 0x9b}, 96, 12},             /* NAT64, RFC 6052 */
    {{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}, 96, 12}, /* NAT64 of one's own, RFC 8215 */
    {{0x20, 0x02}, 16, 2},                          /* 6to4, RFC 3056 */
    {{0}, 96, 12},                                  /* compatible, RFC 4291 2.5.5.1 */
};

static bool prefix_fits(const unsigned char *address, const unsigned char *prefix, unsigned bits)
{
    unsigned whole = bits / 8;
    unsigned mask = 0xffU << (8 - bits % 8) & 0xff;
    return memcmp(address, prefix, whole) == 0 &&
           (bits % 8 == 0 || (address[whole] & mask) == prefix[whole]);
}

static enum address_kind ipv4_kind(uint32_t address)
{
    for (size_t i = 0; i < sizeof(ipv4_rows) / sizeof(ipv4_rows[0]); i++) {
        if ((address ^ ipv4_rows[i].prefix) >> (32 - ipv4_rows[i].bits) == 0) {
            return ipv4_rows[i].kind;
        }
    }
    return ADDRESS_KIND_PUBLIC;
}

static uint32_t ipv4_at(const unsigned char *bytes)
{
    return IPV4(bytes[0], bytes[1], bytes[2], bytes[3]);
}

/* RFC 5214 6.1: an interface identifier that names the IPv4 address a tunnel ends at. */
static bool is_isatap(const unsigned char *address)
{
    return (address[8] & 0xfc) == 0 && address[9] == 0 && address[10] == 0x5e &&
           address[11] == 0xfe;
}

static enum address_kind ipv6_row_kind(const unsigned char *address)
{
    size_t i = 0;
    while (!prefix_fits(address, ipv6_rows[i].prefix, ipv6_rows[i].bits)) {
        i++; /* the last row fits all */
    }
    return ipv6_rows[i].kind;
}

static enum address_kind ipv6_kind(const unsigned char *address)
{
    static const unsigned char one[16] = {[15] = 1};
    static const unsigned char none[16];
    if (memcmp(address, one, 16) == 0 || memcmp(address, none, 16) == 0) {
        return ipv6_row_kind(address); /* before they pass for compatible ones */
    }
    for (size_t i = 0; i < sizeof(embeddings) / sizeof(embeddings[0]); i++) {
        if (prefix_fits(address, embeddings[i].prefix, embeddings[i].bits)) {
            return ipv4_kind(ipv4_at(address + embeddings[i].offset));
        }
    }
    enum address_kind kind = ipv6_row_kind(address);
    return kind == ADDRESS_KIND_PUBLIC && is_isatap(address) ? ipv4_kind(ipv4_at(address + 12))
                                                             : kind;
}

enum address_kind address_guard_kind(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in ipv4;
        memcpy(&ipv4, address, sizeof(ipv4));
        return ipv4_kind(ntohl(ipv4.sin_addr.s_addr));
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 ipv6;
        memcpy(&ipv6, address, sizeof(ipv6));
        return ipv6_kind(ipv6.sin6_addr.s6_addr);
    }
    return ADDRESS_KIND_RESERVED;
}

bool address_guard_allows(enum address_policy policy, const struct sockaddr *address)
{
    enum address_kind kind = address_guard_kind(address);
    switch (policy) {
    case ADDRESS_ANY:
        return true;
    case ADDRESS_PRIVATE_ALLOWED:
        return kind == ADDRESS_KIND_PUBLIC || kind == ADDRESS_KIND_PRIVATE ||
               kind == ADDRESS_KIND_LOOPBACK;
    case ADDRESS_PUBLIC_ONLY:
        return kind == ADDRESS_KIND_PUBLIC;
    }
    return false;
}

/* Whether the last label of <host>, a final dot left aside, is made of digits, or is what a
 * resolver takes for a hexadecimal number. */
static bool ends_in_number(struct slice host)
{
    if (slice_ends_with(host, SLICE("."))) {
        host.length--;
    }
    size_t start = host.length;
    while (start > 0 && host.data[start - 1] != '.') {
        start--;
    }
    struct slice label = slice_after(host, start);
    bool is_hex = slice_starts_with_ignoring_case(label, SLICE("0x"));
    for (size_t i = is_hex ? 2 : 0; i < label.length; i++) {
        char byte = label.data[i];
        bool is_digit = byte >= '0' && byte <= '9';
        bool is_letter = (byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F');
        if (!is_digit && !(is_hex && is_letter)) {
            return false;
        }
    }
    return label.length > 0;
}

enum address_form address_guard_read(struct slice host, struct sockaddr_storage *ret_address)
{
    char text[INET6_ADDRSTRLEN];
    struct sockaddr_in ipv4 = {.sin_family = AF_INET};
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6};
    if (host.length > 0 && host.length < sizeof(text) &&
        memchr(host.data, '\0', host.length) == NULL) {
        memcpy(text, host.data, host.length);
        text[host.length] = '\0';
        if (inet_pton(AF_INET, text, &ipv4.sin_addr) == 1) {
            memset(ret_address, 0, sizeof(*ret_address));
            memcpy(ret_address, &ipv4, sizeof(ipv4));
            return ADDRESS_FORM_LITERAL;
        }
        if (inet_pton(AF_INET6, text, &ipv6.sin6_addr) == 1) {
            memset(ret_address, 0, sizeof(*ret_address));
            memcpy(ret_address, &ipv6, sizeof(ipv6));
            return ADDRESS_FORM_LITERAL;
        }
    }
    return ends_in_number(host) ? ADDRESS_FORM_ODD : ADDRESS_FORM_NAME;
}

const char *address_kind_name(enum address_kind kind)
{
    switch (kind) {
    case ADDRESS_KIND_RESERVED:
        return "reserved";
    case ADDRESS_KIND_PUBLIC:
        return "public";
    case ADDRESS_KIND_PRIVATE:
        return "private";
    case ADDRESS_KIND_LOOPBACK:
        return "loopback";
    case ADDRESS_KIND_LINK_LOCAL:
        return "link-local";
    case ADDRESS_KIND_METADATA:
        return "metadata";
    case ADDRESS_KIND_UNSPECIFIED:
        return "unspecified";
    case ADDRESS_KIND_MULTICAST:
        return "multicast";
    case ADDRESS_KIND_DOCUMENTATION:
        return "documentation";
    }
    return "unknown";
}
